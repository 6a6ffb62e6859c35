"""Slurm: one sbatch file, with the options of a person's own launcher where there are some.

`run --on slurm` submits by itself; this is for a cluster that the choices are carried to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from ptb_lite.exports.check import Check, ask_program, check_shell
from ptb_lite.exports.folder import TEMPLATES, Written, write_files
from ptb_lite.exports.source import Chosen, choices_yaml
from ptb_lite.launchers.protocol import LauncherError
from ptb_lite.launchers.settings import read_entry
from ptb_lite.launchers.slurm import SlurmOptions

# What sbatch says where its cluster cannot be asked.
_NO_CLUSTER = ("Unable to contact slurm controller", "Could not establish a configuration source",
               "Unable to establish", "Zero Bytes", "Connection refused")  # fmt: skip
_DIFFERS = (
    "The job is the runner: its time limit is the agent's time and {minutes:g} minutes beside it "
    "({how}).",
    "{signal} seconds before that limit Slurm tells the job; the agent is ended, and what it has "
    "submitted is sealed and scored.",
    "After preemption, a failed node or `scontrol requeue` the run goes on from its last finished "
    "phase; where the agent lost time its outcome is `interrupted`, and it is in no comparison.",
    "Test items are drawn with the secret of the installation there, so they are other items of "
    "the same kind for procedural benchmarks.",
    "GPU, memory limits and the sandbox are the node's: `srun ptb-lite doctor` says what it can.",
)


def write(chosen: Chosen, folder: Path) -> Written:
    """Raises LauncherError for an entry `slurm` of launchers.yaml that is wrong."""
    options = _options()
    header = "".join(f"#SBATCH --{name}\n" for name in _lines(chosen, options))
    setup = "".join(f"{line}\n" for line in options.setup)
    body = TEMPLATES.get_template("job.sh.j2").render()
    script = (
        "#!/usr/bin/env bash\n"
        f"{header}\n"
        "set -uo pipefail\n"
        'cd "${SLURM_SUBMIT_DIR:?submit it with sbatch from its folder}"\n'
        f"{setup}"
        "RUNS=${PTB_LITE_RUNS:-$PWD/runs} RUN=slurm-$SLURM_JOB_ID\n"
        "export PTB_LITE_JOB=$SLURM_JOB_ID\n\n"
        f"{body}"
    )
    write_files(folder, {"run.sbatch": script, "choices.yaml": choices_yaml(chosen)})
    how = f"measured in {chosen.source}, and half as much again" if chosen.measured else "a guess"
    facts = {"minutes": _beside(chosen, options), "how": how, "signal": options.signal_seconds}
    return Written(
        title="A Slurm job",
        start=("sbatch run.sbatch", "ptb-lite ls --runs-dir runs"),
        differs=tuple(sentence.format(**facts) for sentence in _DIFFERS),
        checks=tuple(_check(folder)),
    )


def _options() -> SlurmOptions:
    entry, where = read_entry("slurm")
    entry = {name: value for name, value in entry.items() if name != "launcher"}
    try:
        return SlurmOptions.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LauncherError(
            first["msg"], field=f"{where}: slurm.{'.'.join(map(str, first['loc']))}"
        ) from error


def _beside(chosen: Chosen, options: SlurmOptions) -> float:
    """Minutes beside the agent's: as measured, else as in a person's file."""
    return chosen.overhead_minutes if chosen.measured else options.overhead_minutes


def _lines(chosen: Chosen, options: SlurmOptions) -> Iterator[str]:
    yield "job-name=ptb-lite"
    yield f"time={math.ceil(chosen.spec.budget_minutes + _beside(chosen, options))}"
    yield f"signal=B:TERM@{options.signal_seconds}"
    yield from ("requeue", "open-mode=append", "output=%x-%j.log", "nodes=1", "ntasks=1")
    wanted = {"gres": "gpu:1"} if chosen.gpus else {}
    for name, value in {**wanted, "mem": f"{chosen.memory_gb}G", **options.asked()}.items():
        yield f"{name.replace('_', '-')}={value}"
    for name, value in options.extra.items():
        yield name if value is True else f"{name}={value}"


def _check(folder: Path) -> Iterator[Check]:
    yield check_shell(folder / "run.sbatch")
    yield ask_program(("sbatch", "--test-only", "run.sbatch"), folder, unreachable=_NO_CLUSTER)
