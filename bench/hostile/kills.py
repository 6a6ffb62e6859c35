"""`python -m bench.hostile.kills FOLDER FIRST COUNT [VICTIM PHASE HOW...]`: processes of runs ended
at random moments.

Each run of a tiny model meets several blows, phase by phase: its runner, a worker, the sandbox's
helper, the agent, or the command that resumes it, is struck by SIGKILL, by SIGSTOP for a while, or
by a memory control group without memory. A run whose runner died is resumed. What is expected: the
verdict and the score of an undisturbed run, or a named end, and no process left. A run is told by
its number, so that a series can be done in parts. Every other run is ended when its evaluation
begins: what is scored is told by the hash of the sealed submission, and the verdict is there.
With a victim, a phase and blows, all are of these.
Results are kept in FOLDER/cases.jsonl, a line for each moment; `table FOLDER` prints them.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.hostile.lab import laboratory, start_whole
from bench.hostile.processes import Watched, left_over, outcome, victim_of
from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome, Phase
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd, Seal
from ptb_lite.runner.launch import resume
from ptb_lite.runs.folder import RunFolder
from tests.functional.runner.conftest import Bench

AGENT = "submit(); print('submitted', flush=True)\nimport time\ntime.sleep(2)"
LENGTHS = {
    Phase.PREPARE: 0.5,
    Phase.BASELINE: 0.1,
    Phase.AGENT: 2.5,
    Phase.SEAL: 2.0,
    Phase.AUDIT: 4.0,
    Phase.EVALUATE: 6.0,
    Phase.REPORT: 0.2,
}
"""How long about a phase takes, in seconds: moments are drawn from it."""
VICTIMS = {
    "runner": tuple(Phase),
    "resume": tuple(Phase),
    # The base's own scores are from the cache.
    "worker": (Phase.SEAL, Phase.AUDIT, Phase.EVALUATE),
    "helper": (Phase.AGENT,),
    "agent": (Phase.AGENT,),
}
PER_RUN = 8
BLOWS = ("kill", "stop", "memory")
STOPPED_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
_RESUMING_SECONDS = 3.0
_GROUP = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True)
class Blow:
    """`when` is how far into a phase, in seconds."""

    victim: str
    how: str
    phase: Phase
    when: float


@dataclass(frozen=True)
class Case:
    """`whole`: it submits whole weights, whose seal and evaluation take less time."""

    number: int
    blows: tuple[Blow, ...]
    whole: bool
    scored: bool


def chosen(number: int) -> Case:
    dice, scored, order = random.Random(number), number % 2 == 0, list(Phase)
    if not scored:
        order = order[: order.index(Phase.EVALUATE)]
    # One agent dies once; a runner that dies beside it leaves the run interrupted.
    phases = [Phase.AGENT] * (number % 4 != 3)
    order.remove(Phase.AGENT)
    blows = []
    for phase in phases + dice.choices(order, k=PER_RUN - len(phases)):
        able = [one for one, where in VICTIMS.items() if phase in where]
        if phase is Phase.AGENT and number % 5:
            able = ["helper", "agent"]
        when = dice.random() * LENGTHS[phase]
        blows.append(Blow(dice.choice(able), dice.choice(BLOWS), phase, when))
    # What ends a runner first: the phase begins again for the others.
    blows.sort(
        key=lambda blow: (list(Phase).index(blow.phase), blow.victim not in ("runner", "resume"))
    )
    return Case(number, tuple(blows), whole=number % 10 not in (4, 5), scored=scored)


def aimed(number: int, victim: str, phase: Phase, blows: Sequence[str]) -> Case:
    """A scored run that meets the blows one after the other in one phase."""
    dice = random.Random(number)
    struck = [Blow(victim, how, phase, dice.random() * LENGTHS[phase]) for how in blows]
    return Case(number, tuple(struck), whole=number % 10 not in (4, 5), scored=True)


class Undisturbed:
    """Runs with one kind of submission, and what one of them came to that nothing struck."""

    def __init__(self, bench: Bench, folder: Path, *, whole: bool) -> None:
        self.bench, self.whole = bench, whole
        kept = folder / f"undisturbed-{'whole' if whole else 'adapter'}"
        if not kept.exists():
            run = bench.finish(self.start(), PATIENCE_SECONDS)
            kept.write_text(f"{outcome(run)}\n{sealed(run)}")
        self.expected, self.sealed = kept.read_text().splitlines()

    def start(self) -> RunFolder:
        return start_whole(self.bench, AGENT) if self.whole else self.bench.start(AGENT)


def sealed(run: RunFolder) -> str:
    """What decides verdict and score before anything is scored."""
    seal = read_record(run.seal, Seal)
    return f"{read_record(run.audit, AuditRecord).verdict.value} {seal.sha256[:16]} {seal.valid}"


def hit(run: RunFolder, blow: Blow, watched: Watched) -> bool:
    """Wait for the moment and strike; whether there was anything to strike."""
    order = list(Phase)
    while (phase := run.read_status().phase) is not blow.phase:
        if run.read_status().complete or (phase and order.index(phase) > order.index(blow.phase)):
            return False
        _resumed(run)
        time.sleep(0.02)
    _resumed(run)
    kind = "runner" if blow.victim == "resume" else blow.victim
    if kind in ("runner", "agent"):
        time.sleep(blow.when)
    while run.runner_lives() and run.read_status().phase is blow.phase:
        found = victim_of(run, kind)
        if found is None:
            time.sleep(0.02)
            continue
        watched.note()
        # A worker may be over in a second.
        time.sleep(blow.when / 4 if kind in ("worker", "helper") else 0.0)
        with suppress(psutil.Error, OSError):
            _strike(found, "kill" if blow.victim == "resume" else blow.how)
            if blow.victim == "resume":
                _resuming_struck(run, blow)
            return True
    return False


def _resumed(run: RunFolder) -> None:
    """A run whose runner is gone goes on."""
    if not run.runner_lives() and not run.read_status().complete:
        with suppress(PtbLiteError):
            resume(run.path)


def _strike(process: psutil.Process, how: str) -> None:
    if how == "stop":
        process.suspend()
        time.sleep(STOPPED_SECONDS)
        process.resume()
    elif how == "memory" and os.access(_GROUP, os.W_OK):
        group = _GROUP / f"ptb-lite-kills-{os.getpid()}"
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(1 << 20))
        (group / "cgroup.procs").write_text(str(process.pid))
    else:
        process.send_signal(signal.SIGKILL)


def _resuming_struck(run: RunFolder, blow: Blow) -> None:
    """`ptb-lite resume` itself loses its process, wherever it is."""
    command = [sys.executable, "-m", "ptb_lite", "resume", os.fspath(run.path)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        time.sleep(blow.when / LENGTHS[blow.phase] * _RESUMING_SECONDS)
        with suppress(psutil.Error, OSError):
            _strike(psutil.Process(process.pid), blow.how)
        # One that was only stopped shows the run to its end: that is not waited for.
        if process.poll() is None:
            process.kill()


def ended(run: RunFolder, case: Case, watched: Watched) -> bool:
    """Wait for the end, resuming a run whose runner died; whether there was one."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if run.read_status().complete and not run.runner_lives():
            return True
        _resumed(run)
        watched.note()
        if not case.scored and run.read_status().phase is Phase.EVALUATE:
            if (runner := victim_of(run, "runner")) is not None:
                runner.kill()
            return True
        time.sleep(0.1)
    return False


def struck(kinds: Undisturbed, case: Case) -> list[dict[str, object]]:
    """A line for each moment, with how its run ended."""
    began, run = time.monotonic(), kinds.start()
    watched = Watched(run)
    done = [(blow, hit(run, blow, watched)) for blow in case.blows]
    over = ended(run, case, watched)
    left = left_over(run, watched)
    found = outcome(run) if case.scored else sealed(run)
    said = "as undisturbed" if found == (kinds.expected if case.scored else kinds.sealed) else found
    agent = read_record(run.agent_end, AgentEnd)
    if agent.outcome is Outcome.INTERRUPTED or said != "as undisturbed":
        said += f" (agent {agent.outcome.value if agent.outcome else ''})"
    result = {
        "number": case.number,
        "whole": case.whole,
        "scored": case.scored,
        "said": said if over else f"NO END: {said}",
        "left": left,
        "run": run.run_id,
        "seconds": round(time.monotonic() - began, 1),
    }
    return [{**asdict(blow), "struck": hit_it, **result} for blow, hit_it in done]


def _moments(folder: Path) -> list[dict[str, Any]]:
    path = folder / "cases.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(folders: Sequence[Path]) -> None:
    """Moments by phase and victim, as SIGKILL / SIGSTOP / memory; then each run that ended in
    another way than an undisturbed one, with what struck it while its agent worked."""
    moments = [one for folder in folders for one in _moments(folder)]
    hits = [one for one in moments if one["struck"]]
    counts = Counter((one["phase"], one["victim"], one["how"]) for one in hits)
    print(f"| phase | {' | '.join(VICTIMS)} |\n| --- |{' ---: |' * len(VICTIMS)}")
    for phase in Phase:
        cells = [
            " / ".join(str(counts[phase.value, victim, how]) for how in BLOWS)
            if phase in where
            else ""
            for victim, where in VICTIMS.items()
        ]
        print(f"| {phase.value} | {' | '.join(cells)} |")
    runs = {one["run"]: one for one in moments}
    as_ever = sum(one["said"] == "as undisturbed" for one in hits)
    left = [one["left"] for one in hits if one["left"]]
    print(
        f"{len(hits)} moments in {len(runs)} runs, {as_ever} of them as undisturbed; "
        f"{len(moments) - len(hits)} missed; left: {left}"
    )
    for run, one in sorted(runs.items()):
        by = [
            f"{hit_it['how']} of {hit_it['victim']}"
            for hit_it in hits
            if hit_it["run"] == run and hit_it["phase"] == Phase.AGENT.value
        ]
        if one["said"] != "as undisturbed":
            print(f"- {one['number']}: {one['said']}; while its agent worked: {', '.join(by)}")


def main(folder: Path, first: int, count: int, victim: str = "", *where: str) -> int:
    bench = laboratory(folder)
    kinds: dict[bool, Undisturbed] = {}
    over = {one["number"] for one in _moments(folder)}
    for number in sorted(set(range(first, first + count)) - over):
        case = aimed(number, victim, Phase(where[0]), where[1:]) if victim else chosen(number)
        if case.whole not in kinds:
            kinds[case.whole] = Undisturbed(bench, folder, whole=case.whole)
            print(f"undisturbed: {kinds[case.whole].expected}", flush=True)
        lines = "".join(json.dumps(line) + "\n" for line in struck(kinds[case.whole], case))
        print(lines, end="", flush=True)
        with (folder / "cases.jsonl").open("a") as stream:
            stream.write(lines)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "table":
        table([Path(one) for one in sys.argv[2:]])
    else:
        folder, first, count, *aim = sys.argv[1:]
        sys.exit(main(Path(folder).absolute(), int(first), int(count), *aim))
