"""Which GPUs of this machine are the run's: what its agent is shown on a machine that it shares."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunGpus:
    """The GPUs that `CUDA_VISIBLE_DEVICES` leaves to the run."""

    visible: str
    """Their UUIDs, as `CUDA_VISIBLE_DEVICES` takes them. An index would count anew, and count
    wrongly, where the other GPUs' device files are missing."""
    minors: tuple[int, ...]
    """The N of each one's `/dev/nvidiaN`; of the whole GPU for a MIG device."""


def run_gpus() -> RunGpus | None:
    """What `CUDA_VISIBLE_DEVICES` names, by NVML; None where it is unset (then all GPUs are the
    run's) or the driver cannot say which they are."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not named:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return _read(pynvml, [each.strip() for each in named.split(",")])
    except pynvml.NVMLError:
        return None
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def handle_of(nvml: Any, name: str) -> Any | None:
    """NVML's handle of a GPU or MIG device as `CUDA_VISIBLE_DEVICES` names it, with `nvml`
    initialised; None for an index that no GPU has. Raises NVMLError for a UUID that is not here."""
    if name.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(name)
    if not name.isdigit() or int(name) >= nvml.nvmlDeviceGetCount():
        return None
    return nvml.nvmlDeviceGetHandleByIndex(int(name))


def gpu_nodes(gpus: RunGpus, dev: Path = Path("/dev")) -> tuple[Path, ...]:
    """The device files of these GPUs in `dev`, and those that the driver shares among all."""
    own = {f"nvidia{minor}" for minor in gpus.minors}
    return tuple(
        node
        for node in sorted(dev.glob("nvidia*"))
        if node.name in own or not node.name.removeprefix("nvidia").isdigit()
    )


def _read(nvml: Any, names: list[str]) -> RunGpus | None:
    uuids, minors = [], []
    for name in names:
        handle = handle_of(nvml, name)
        # As CUDA does: what follows a name that is no GPU is not seen.
        if handle is None:
            break
        uuid = nvml.nvmlDeviceGetUUID(handle)
        uuids.append(uuid.decode() if isinstance(uuid, bytes) else str(uuid))
        whole = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle if name[:4] == "MIG-" else None
        minors.append(int(nvml.nvmlDeviceGetMinorNumber(whole(handle) if whole else handle)))
    return RunGpus(",".join(uuids), tuple(minors)) if uuids else None
