"""The checks of `ptb-lite doctor`: what this machine has, what it lacks, and the way out."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from ptb_lite import __version__
from ptb_lite.agents.registry import check_agents
from ptb_lite.catalog.embedded import (
    SOURCES,
    EmbeddedModelError,
    cache_root,
    model_folder,
    read_record,
)
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.catalog.hub.errors import TOKEN_VARIABLE
from ptb_lite.doctor.gpu_checks import has_flash_attention, probe_gpu
from ptb_lite.doctor.preflight import check_runs_dir, check_space
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.vllm.place import INSTALL, NOT_INSTALLED, Missing, find_vllm
from ptb_lite.hardware.device import (
    cpu_device,
    cuda_device,
    gpu_build_hint,
    torch_is_cpu_build,
)
from ptb_lite.installation import checkout, missing_for_runs, way_to_install
from ptb_lite.locks import lock_problem
from ptb_lite.sandbox import make_groups, sandbox
from ptb_lite.stats.scoring import smallest_detectable_gain

GB = 10**9
_RUN_BYTES = GB
_CACHE_BYTES = 2 * GB
_MEMORY_BYTES = 4 * GB
_HUB_SECONDS = 10.0
_PROCESSES = 4096
_HELD = {"memory": "memory", "pids": "processes"}
_SUBSETS = (20, 50, 150, 500, 1319)
_BASE_SCORE = 0.1


@dataclass(frozen=True)
class Check:
    """One finding. `fail` means that the main job cannot run, `warn` that a part of it cannot.

    `fix` is empty when all is well.
    """

    name: str
    status: Literal["ok", "warn", "fail", "absent"]
    message: str
    fix: str = ""


def doctor_checks(runs_dir: Path, *, online: bool = False) -> tuple[Check, ...]:
    """Every check, in the order in which to mend things.

    Nothing is changed. Only with `online` is the network used: the Hub is asked for an answer.
    """
    return (
        _python(),
        _packages(),
        _run_packages(),
        _processor(),
        *_gpu(),
        _isolation(),
        _limits(),
        _folder("runs folder", runs_dir, _RUN_BYTES, "choose another with --runs-dir"),
        _folder("cache folder", cache_root(), _CACHE_BYTES, "set PTB_LITE_CACHE to another"),
        *_embedded_models(),
        _subsets(),
        _token(),
        *((_hub(),) if online else ()),
    )


def agent_checks(entries: Mapping[str, AgentEntry]) -> Iterator[Check]:
    """The scaffolds. One that is not installed is no fault: nobody needs all of them."""
    for found in check_agents(entries, os.environ):
        fault = found.installed and not found.ready
        aside = f"; {found.untested}" if found.untested else ""
        message = f"{found.message}{aside}"
        yield Check(
            found.agent,
            "warn" if fault else "ok" if found.installed else "absent",
            message,
            found.fix,
        )


def _python() -> Check:
    found = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.platform != "linux":
        return Check("system", "fail", found, "Runs need Linux; on Windows use WSL2")
    return Check("system", "ok", found)


def _packages() -> Check:
    problems = list(_package_problems())
    if problems:
        return Check("packages", "fail", "; ".join(problems), f"Run {way_to_install()}")
    return Check("packages", "ok", f"ptb-lite {__version__} has what audit, score and show need")


def _run_packages() -> Check:
    """Those of the extra `run`, without which nothing is evaluated or trained."""
    missing = missing_for_runs()
    if missing:
        fix = f"For runs: {_cpu_line() or way_to_install()}"
        return Check("packages for runs", "fail", f"{', '.join(missing)}: not installed", fix)
    problems = list(_package_problems("run"))
    if problems:
        return Check("packages for runs", "fail", "; ".join(problems), f"Run {way_to_install()}")
    shown = ("torch", "transformers", "trl", "peft", "lm-eval")
    said = ", ".join(f"{name} {version(name)}" for name in shown)
    if not torch_is_cpu_build() and cuda_device() is None:
        said += "; torch is the CUDA build, 3 GB more than its CPU build, and there is no GPU"
    return Check("packages for runs", "ok", said)


def _cpu_line() -> str:
    """Without a GPU, plain pip would bring 3 GB of CUDA libraries: uv finds torch's CPU build."""
    if checkout() is not None or cuda_device() is not None:
        return ""
    if way_to_install().startswith("uv "):
        return f"{way_to_install()} --torch-backend cpu"
    return (
        f"{sys.executable} -m pip install uv && {sys.executable} -m uv pip install "
        f"--python {sys.executable} --torch-backend cpu 'ptb-lite[embedded]'"
    )


def _package_problems(extra: str = "") -> Iterator[str]:
    """What of the package's declared requirements is missing or too old, by metadata alone.

    With `extra` those of that extra only.
    """
    try:
        declared = requires("ptb-lite") or []
    except PackageNotFoundError:
        yield "ptb-lite itself is not installed"
        return
    for line in declared:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not marker.evaluate({"extra": extra}):
            continue
        if extra and (marker is None or marker.evaluate({"extra": ""})):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} is {found}, needed is {requirement.specifier}"


def _processor() -> Check:
    device = cpu_device()
    free = f"{device.available_bytes / GB:.1f} of {device.memory_bytes / GB:.1f} GB of memory free"
    message = f"{device.cores} cores ({device.name}), {free}"
    if device.available_bytes < _MEMORY_BYTES:
        fix = f"Close other programs: the smallest job needs about {_MEMORY_BYTES / GB:.0f} GB"
        return Check("CPU", "warn", message, fix)
    return Check("CPU", "ok", message)


def _gpu() -> Iterator[Check]:
    gpu = cuda_device()
    if gpu is None:
        yield Check("GPU", "ok", "no NVIDIA GPU: models run on the CPU")
        return
    free = f"{gpu.available_bytes / GB:.1f} of {gpu.memory_bytes / GB:.1f} GB free"
    message = f"{gpu.name}, {free}, driver {gpu.driver}"
    if torch_is_cpu_build():
        fix = f"{gpu_build_hint()} for the GPU build"
        yield Check("GPU", "warn", f"{message}; torch is the CPU build", fix)
        return
    yield Check("GPU", "ok", message)
    yield from _gpu_software()


def _gpu_software() -> Iterator[Check]:
    found = probe_gpu()
    if found.torch_error:
        fix = "Match the driver to torch's CUDA version, or take --device cpu"
        yield Check("torch on the GPU", "warn", found.torch_error, fix)
        return
    if found.bfloat16:
        yield Check("bfloat16", "ok", "the GPU multiplies it")
    else:
        fix = "GPUs since Ampere (2020) do; this one trains in float32, several times slower"
        yield Check("bfloat16", "warn", "the GPU does not multiply it", fix)
    if found.four_bit_error:
        fix = "Reinstall bitsandbytes for this CUDA version; models of 3B and more need it"
        yield Check("4-bit on the GPU", "warn", f"bitsandbytes: {found.four_bit_error}", fix)
    else:
        yield Check("4-bit on the GPU", "ok", "bitsandbytes packs NF4 on the GPU")
    there = "is installed" if has_flash_attention() else "is not installed: torch's own is taken"
    yield Check("flash attention", "ok", there)
    yield _vllm()


def _vllm() -> Check:
    """Long evaluations are faster with it; one that is there and cannot be used is a fault."""
    found = find_vllm()
    if isinstance(found, Missing):
        absent = found.reason == NOT_INSTALLED
        fix = f"For faster evaluations with long answers run {INSTALL}"
        return Check("vLLM", "ok" if absent else "warn", found.reason, fix)
    where = f" in {found.python.parent.parent}" if found.python else ""
    if found.device != "cuda":
        fix = f"Run {INSTALL} for the GPU build"
        return Check("vLLM", "warn", f"{found.version}{where} is the CPU build", fix)
    return Check("vLLM", "ok", f"{found.version}{where}")


def _isolation() -> Check:
    problem = sandbox("bubblewrap").problem()
    if problem is None:
        return Check("isolation", "ok", "bubblewrap makes sandboxes here")
    found, _, fix = problem.partition("; ")
    return Check("isolation", "fail", found, fix[:1].upper() + fix[1:])


def _limits() -> Check:
    """Whether the kernel holds an agent's memory and processes; made, looked at and removed."""
    groups = make_groups(
        f"ptb-lite-doctor-{os.getpid()}", memory_bytes=_MEMORY_BYTES, processes=_PROCESSES
    )
    groups.remove()
    held = {word for name, word in _HELD.items() if name in groups.held}
    if os.getuid() != 0:
        held.add(_HELD["pids"])  # by the user's own limit, which root does not have
    missing = [word for word in _HELD.values() if word not in held]
    if not missing:
        return Check("limits", "ok", "the system limits an agent's memory and processes")
    message = f"the system does not limit an agent's {' and '.join(missing)}"
    if missing == [_HELD["memory"]]:
        message += "; runs look at it every second instead"
    fix = "Start runs in a systemd session, which may make control groups, or with --sandbox podman"
    return Check("limits", "ok", message, fix)


def _folder(name: str, folder: Path, needed: int, hint: str) -> Check:
    try:
        check_runs_dir(folder)
        check_space(folder, needed, field=name, hint=hint)
    except PtbLiteError as error:
        return Check(name, "fail", error.message, hint[:1].upper() + hint[1:])
    # Beside the folder's own files: a runs folder may not be there yet.
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    try:
        lacking = lock_problem(there)
    except OSError as error:
        return Check(name, "fail", f"{there} takes no lock file ({error.strerror})", hint)
    said = f"{folder} can be written and has room"
    return Check(name, "ok", f"{said}; {lacking}" if lacking else said)


def _embedded_models() -> Iterator[Check]:
    for name, source in SOURCES.items():
        if read_record(model_folder(name)) is not None:
            yield Check(name, "ok", "converted, in the cache")
            continue
        try:
            source.find(cache_root())
        except EmbeddedModelError as error:
            yield Check(name, "warn", error.message, error.hint)
        else:
            fix = f"To do it now: {sys.executable} -m ptb_lite.catalog.embedded {name}"
            yield Check(name, "warn", "not converted yet: its first run does it, in a minute", fix)


def _subsets() -> Check:
    """What a number of test items can show, before somebody waits for too few of them."""
    gains = (
        f"{n}: {100 * gain:.0f}" if gain is not None else f"{n}: none"
        for n, gain in ((n, smallest_detectable_gain(n, _BASE_SCORE)) for n in _SUBSETS)
    )
    return Check(
        "test items",
        "ok",
        f"smallest gain in points that so many can show from {100 * _BASE_SCORE:.0f} % "
        f"(power 80 %): {', '.join(gains)}",
    )


def _token() -> Check:
    if os.environ.get(TOKEN_VARIABLE):
        return Check("Hub token", "ok", f"{TOKEN_VARIABLE} is set")
    fix = f"For gated models of the Hub set {TOKEN_VARIABLE}; the embedded models need none"
    return Check("Hub token", "ok", f"{TOKEN_VARIABLE} is not set", fix)


def _hub() -> Check:
    """Whether the Hub answers, and takes the token where one is set."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HTTPError
    from huggingface_hub.utils import build_hf_headers, get_session

    address = constants.ENDPOINT
    asked = f"{address}/api/whoami-v2" if get_token() else address
    try:
        answer = get_session().get(asked, headers=build_hf_headers(), timeout=_HUB_SECONDS)
    except (HTTPError, OSError) as error:
        fix = "Connect to the network, or keep to the embedded models"
        return Check("Hub", "warn", f"{address} cannot be reached ({error})"[:300], fix)
    if answer.status_code == 401:
        return Check("Hub", "warn", f"the Hub refuses the token of {TOKEN_VARIABLE}", "Renew it")
    return Check("Hub", "ok", f"{address} answers")
