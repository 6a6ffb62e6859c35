"""`python -m bench.hostile.kills FOLDER FIRST COUNT`: processes of runs ended at random moments.

Each case is a run of a tiny model that loses one process (its runner, a worker, the sandbox's
helper, the agent, or the command that resumes it) by SIGKILL, by SIGSTOP for a while, or by a
memory control group without memory. A run whose runner died is resumed; every other time that
runner is killed too. What is expected: the verdict and the score of an undisturbed run, or a named
end, and no process left. Cases from the seal on begin with a copy of a run that was there, so that
a case takes seconds; each is told by its number, so that a series can be done in parts. Three of
four that are struck before the evaluation are ended when it begins: what is scored is told by the
hash of the sealed submission, and the verdict is there. Results are kept in FOLDER/cases.jsonl;
`table FOLDER` prints them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from bench.hostile.lab import laboratory, start_whole
from bench.hostile.processes import Watched, left_over, outcome, victim_of
from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd, Seal
from ptb_lite.runner.launch import resume
from ptb_lite.runs.folder import RunFolder
from tests.functional.runner.conftest import Bench

AGENT = "submit(); print('submitted', flush=True)\nimport time\ntime.sleep(2)"
WITH_WORKERS = (Phase.SEAL, Phase.AUDIT, Phase.EVALUATE)
COPIED = (*WITH_WORKERS, Phase.REPORT)
"""Phases whose cases begin with a copy; the base's own scores are from the cache."""
LENGTHS = {
    Phase.PREPARE: 0.5,
    Phase.BASELINE: 0.1,
    Phase.AGENT: 3.0,
    Phase.SEAL: 2.0,
    Phase.AUDIT: 4.0,
    Phase.EVALUATE: 6.0,
    Phase.REPORT: 0.2,
}
"""How long about a phase takes, in seconds: moments are drawn from it."""
VICTIMS = (
    "runner", "worker", "resume", "helper", "runner", "agent", "worker", "runner", "resume",
)  # fmt: skip
BLOWS = ("kill", "stop", "memory")
STOPPED_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
_GROUP = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True)
class Blow:
    """`when` is how far into a phase, in seconds; `again`: its resumed runner is killed as well."""

    victim: str
    how: str
    phase: Phase
    when: float
    again: bool
    whole: bool
    scored: bool


def chosen(number: int) -> Blow:
    dice = random.Random(number)
    victim = VICTIMS[number % len(VICTIMS)]
    phases = {"agent": (Phase.AGENT,), "helper": (Phase.AGENT,), "worker": WITH_WORKERS}
    phase = dice.choice(phases.get(victim, tuple(Phase)))
    early = phase not in (Phase.EVALUATE, Phase.REPORT)
    return Blow(
        victim,
        dice.choice(BLOWS),
        phase,
        dice.random() * LENGTHS[phase],
        again=dice.random() < 0.3,
        # The seal of whole weights has no long worker.
        whole=dice.random() < 0.95 and not (victim == "worker" and phase is Phase.SEAL),
        scored=not early or number % 4 == 0,
    )


class Cases:
    """Runs with one kind of submission, and the copies of one of them."""

    def __init__(self, bench: Bench, folder: Path, *, whole: bool) -> None:
        self.bench, self.whole = bench, whole
        self.copies = folder / ("whole" if whole else "adapter")
        if not (self.copies / "expected").exists():
            shutil.rmtree(self.copies, ignore_errors=True)
            run = self._start()
            self._keep_copies(run)
            (self.copies / "expected").write_text(f"{outcome(run)}\n{sealed(run)}")
        self.expected, self.sealed = (self.copies / "expected").read_text().splitlines()

    def begin(self, blow: Blow) -> RunFolder:
        """A run that is in the blow's phase, or before it."""
        if blow.phase not in COPIED:
            return self._start()
        path = (
            self.bench.runs_dir / f"{time.strftime('%Y%m%d-%H%M%S')}-{random.getrandbits(16):04x}"
        )
        shutil.copytree(self.copies / blow.phase.value, path, symlinks=True)
        run = RunFolder(path)
        status = run.read_status().model_copy(update={"run_id": path.name})
        run.status.write_text(status.model_dump_json())
        resume(path)
        return run

    def _start(self) -> RunFolder:
        return start_whole(self.bench, AGENT) if self.whole else self.bench.start(AGENT)

    def _keep_copies(self, run: RunFolder) -> None:
        """The run's folder as it is when each phase begins, as a runner killed there leaves it."""
        kept: set[Phase] = set()
        while run.runner_lives():
            status = run.read_status()
            if status.phase in COPIED and status.phase not in kept and status.pid is not None:
                runner = psutil.Process(status.pid)
                runner.suspend()
                shutil.copytree(run.path, self.copies / status.phase.value, symlinks=True)
                runner.resume()
                kept.add(status.phase)
            time.sleep(0.01)


def sealed(run: RunFolder) -> str:
    """What decides verdict and score before anything is scored."""
    seal = read_record(run.seal, Seal)
    return f"{read_record(run.audit, AuditRecord).verdict.value} {seal.sha256[:16]} {seal.valid}"


def hit(run: RunFolder, blow: Blow, watched: Watched) -> str:
    """Wait for the moment and strike; what was struck, empty when the run was over before."""
    while run.read_status().phase is not blow.phase:
        if not run.runner_lives():
            return ""
        time.sleep(0.02)
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
            return blow.victim
    return ""


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


def _resuming_struck(run: RunFolder, how: str, dice: random.Random) -> None:
    """`ptb-lite resume` itself loses its process, wherever it is."""
    command = [sys.executable, "-m", "ptb_lite", "resume", os.fspath(run.path)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        time.sleep(dice.random() * 3)
        with suppress(psutil.Error, OSError):
            _strike(psutil.Process(process.pid), how)
        # One that was only stopped shows the run to its end: that is not waited for.
        if process.poll() is None:
            process.kill()


def ended(run: RunFolder, blow: Blow, watched: Watched, dice: random.Random) -> bool:
    """Wait for the end, resuming a run whose runner died; whether there was one."""
    until, again = time.monotonic() + PATIENCE_SECONDS, blow.again
    strike_resume = blow.victim == "resume"
    while time.monotonic() < until:
        if run.runner_lives():
            watched.note()
            if not blow.scored and not again and run.read_status().phase is Phase.EVALUATE:
                if (runner := victim_of(run, "runner")) is not None:
                    runner.kill()
                return True
            time.sleep(0.1)
        elif run.read_status().state == "ended" and run.read_scores() is not None:
            return True
        elif strike_resume:
            _resuming_struck(run, blow.how, dice)
            strike_resume = False
        else:
            with suppress(PtbLiteError):
                resume(run.path)
            if again:
                time.sleep(dice.random() * 4)
                if (found := victim_of(run, "runner")) is not None:
                    watched.note()
                    found.kill()
                again = False
    return False


def one_case(cases: Cases, number: int, blow: Blow) -> dict[str, object]:
    began = time.monotonic()
    run = cases.begin(blow)
    watched = Watched(run)
    struck = hit(run, blow, watched)
    over = ended(run, blow, watched, random.Random(number))
    left = left_over(run, watched)
    if blow.scored:
        found, expected = outcome(run), cases.expected
    else:
        found, expected = sealed(run), cases.sealed
    said = "as undisturbed" if found == expected else _named(run, found)
    return {
        **asdict(blow),
        "number": number,
        "struck": struck or "missed",
        "said": said if over else f"NO END: {said}",
        "left": left,
        "run": run.run_id,
        "seconds": round(time.monotonic() - began, 1),
    }


def _named(run: RunFolder, found: str) -> str:
    agent = read_record(run.agent_end, AgentEnd)
    return f"{run.read_status().outcome}, {found} (agent {agent.outcome})"


def table(folder: Path) -> None:
    cases = [json.loads(line) for line in (folder / "cases.jsonl").read_text().splitlines()]
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for one in cases:
        said = one["said"] + (f", LEFT {one['left']}" if one["left"] else "")
        counts[one["phase"], one["struck"], one["how"], said] += 1
    print("| phase | struck | by | end | cases |\n| --- | --- | --- | --- | ---: |")
    for (phase, struck, how, said), times in sorted(counts.items()):
        print(f"| {phase} | {struck} | {how} | {said} | {times} |")
    print(f"{len(cases)} cases, {sum(one['struck'] != 'missed' for one in cases)} struck")


def main(folder: Path, first: int, count: int) -> int:
    bench = laboratory(folder)
    kinds = {whole: partial(Cases, bench, folder, whole=whole) for whole in (False, True)}
    made: dict[bool, Cases] = {}
    for number in range(first, first + count):
        blow = chosen(number)
        if blow.whole not in made:
            made[blow.whole] = kinds[blow.whole]()
            print(f"undisturbed: {made[blow.whole].expected}", flush=True)
        result = one_case(made[blow.whole], number, blow)
        with (folder / "cases.jsonl").open("a") as stream:
            stream.write(json.dumps(result) + "\n")
        print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "table":
        table(Path(sys.argv[2]))
    else:
        sys.exit(main(Path(sys.argv[1]).absolute(), *map(int, sys.argv[2:4])))
