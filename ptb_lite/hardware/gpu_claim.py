"""One GPU for each run of a machine with several, where nobody has divided them.

A run needs one. Schedulers and `launchers.yaml` name it by `CUDA_VISIBLE_DEVICES`; where that is
unset, a run takes the GPU with the most free memory among those that no other run of this person
has taken. It is a lock that ends with its process, however that ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.locks import FileLock, try_lock

VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class FreeGpu:
    """A GPU by its UUID, and the bytes of its memory that nobody uses."""

    uuid: str
    free: int


@dataclass(frozen=True)
class GpuClaim:
    """`lock` is None where every GPU is taken, and the emptiest is shared."""

    uuid: str
    lock: FileLock | None

    def close(self) -> None:
        if self.lock is not None:
            self.lock.close()


def claim_gpu(folder: Path, gpus: Callable[[], Sequence[FreeGpu]] | None = None) -> GpuClaim | None:
    """Take a GPU and name it in this process's environment.

    `folder` holds the locks. None where the environment names one already, there are fewer than
    two, or the folder cannot be written: then nothing is divided.
    """
    if VARIABLE in os.environ:
        return None
    found = sorted((gpus or _gpus)(), key=lambda gpu: -gpu.free)
    if len(found) < 2:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        locks = ((gpu, try_lock(folder / f"{gpu.uuid}.lock")) for gpu in found)
        gpu, lock = next(((gpu, lock) for gpu, lock in locks if lock), (found[0], None))
    except OSError:
        return None
    os.environ[VARIABLE] = gpu.uuid
    return GpuClaim(gpu.uuid, lock)


def _gpus() -> Sequence[FreeGpu]:
    """By NVML; none where the driver does not say. Of a GPU that is divided (MIG) nothing is
    taken: its parts are its owner's to give."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            with suppress(pynvml.NVMLError):
                if pynvml.nvmlDeviceGetMigMode(handle)[0]:
                    return ()
            uuid = pynvml.nvmlDeviceGetUUID(handle)
            name = uuid.decode() if isinstance(uuid, bytes) else str(uuid)
            found.append(FreeGpu(name, int(pynvml.nvmlDeviceGetMemoryInfo(handle).free)))
        return found
    except pynvml.NVMLError:
        return ()
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
