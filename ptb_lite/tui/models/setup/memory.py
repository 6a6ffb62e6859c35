"""What a model needs of a device's memory, in the words of Setup."""

from __future__ import annotations

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.doctor.preflight import smallest_jobs
from ptb_lite.hardware import Device
from ptb_lite.text import gigabytes
from ptb_lite.tui.models.setup.lines import Mark


def most_memory(entry: ModelEntry) -> int:
    """Bytes that the larger of its two smallest jobs needs."""
    return max(each.total for _, each in smallest_jobs(entry))


def fit(entry: ModelEntry, device: Device | None) -> tuple[Mark, str, str]:
    """Whether the larger job fits: a mark, a few words, a sentence."""
    what, most = max(smallest_jobs(entry), key=lambda job: job[1].total)
    needed = gigabytes(most.total)
    if device is None:
        return "unknown", f"needs {needed}", f"{what} needs about {needed}"
    where = "the GPU" if device.kind == "cuda" else "this machine"
    spare = device.available_bytes - most.total
    free = f"{what} needs about {needed}, {gigabytes(device.available_bytes)} are free"
    if spare < 0:
        over = gigabytes(-spare)
        return "bad", f"{over} too big", f"{free} on {where}: {over} too much"
    return "ok", f"fits ({needed})", f"{free} on {where}: {gigabytes(spare)} to spare"


def memory_text(model: ModelEntry, device: Device | None, problem: str) -> str:
    """Both jobs, what is free, and whether that is enough."""
    jobs = [f"{what} about {gigabytes(each.total)}" for what, each in smallest_jobs(model)]
    needs = ", ".join(jobs)
    if device is None:
        return f"{needs}; {problem or 'looking at this machine …'}"
    free = f"{gigabytes(device.available_bytes)} free"
    enough = most_memory(model) <= device.available_bytes
    return f"{needs}; {free}: {'fits' if enough else 'DOES NOT FIT'}"


def memory_figure(model: ModelEntry, device: Device | None) -> str:
    """ "1.8 of 23.2 GB"."""
    needed = f"{most_memory(model) / 1e9:.1f}"
    if device is None:
        return f"{needed} GB"
    too_much = most_memory(model) > device.available_bytes
    return f"{needed} of {gigabytes(device.available_bytes)}{' TOO MUCH' if too_much else ''}"
