"""What the run's own processes hold: the runner, its evaluation, the agent and its trainings."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath

import psutil

from ptb_lite.events import ProcessSampled
from ptb_lite.text import one_line

SHOWN = 4
# Shells and supervisors that every command drags along say nothing.
_LEAST_BYTES = 30_000_000


def run_processes(on_gpu: Mapping[int, int]) -> tuple[ProcessSampled, ...]:
    """This process and all below it that hold the most, at most `SHOWN`; `on_gpu` gives bytes of
    GPU memory by process id."""
    found = []
    me = psutil.Process()
    for process in (me, *_below(me)):
        # Any of them may have ended meanwhile.
        with suppress(psutil.Error, OSError):
            held, gpu = process.memory_info().rss, on_gpu.get(process.pid)
            if held >= _LEAST_BYTES or gpu:
                name = process_name(process.name(), process.cmdline())
                found.append(ProcessSampled(name=name, memory=held, gpu_memory=gpu))
    found.sort(key=lambda each: (each.gpu_memory or 0, each.memory), reverse=True)
    return tuple(found[:SHOWN])


def process_name(program: str, command: list[str]) -> str:
    """What a person would call it: of an interpreter the module or script that it runs."""
    words = iter(command[1:])
    name = program
    if PurePath(command[0] if command else program).name.startswith(("python", "node", "uv")):
        for word in words:
            if word == "-m":
                name = next(words, program)
                break
            if not word.startswith("-"):
                name = PurePath(word).name
                break
    return one_line(name, 40)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except (psutil.Error, OSError):
        return []
