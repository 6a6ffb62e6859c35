"""HTCondor: a submit file and the job's script, on a file system that the nodes share."""

from __future__ import annotations

import importlib
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

from ptb_lite.exports.check import Check, ask_program, check_shell
from ptb_lite.exports.folder import TEMPLATES, Written, write_files
from ptb_lite.exports.source import Chosen, choices_yaml
from ptb_lite.text import one_line

_CPUS = 8
_DISK_GB = 50
_VACATE_SECONDS = 300
_VARIABLES = ("HOME", "PATH", "LANG", "HF_HOME", "HF_TOKEN", "PTB_LITE*")
_DIFFERS = (
    "The job is the runner: it may take the agent's time and {minutes:g} minutes beside it "
    "({how}), then HTCondor holds it.",
    "A job that has to leave its machine is told {vacate} seconds before: the agent is ended, and "
    "what it has submitted is sealed and scored. Begun again, the run goes on from its last "
    "finished phase; where the agent lost time its outcome is `interrupted`.",
    "Files are not transferred: submit from a folder that the nodes see by the same path, with "
    "ptb-lite on their path (or `PTB_LITE` in the submit file's environment).",
    "Test items are drawn with the secret of the installation there, so they are other items of "
    "the same kind for procedural benchmarks.",
    "CPUs, memory and disk in the submit file are guesses from the model's size.",
)
_BINDINGS = "htcondor.Submit"


def write(chosen: Chosen, folder: Path) -> Written:
    submit = TEMPLATES.get_template("run.sub.j2").render(
        cpus=_CPUS,
        memory_gb=chosen.memory_gb,
        disk_gb=round(chosen.spec.disk_gb or 0) or _DISK_GB,
        gpus=chosen.gpus,
        seconds=60 * chosen.minutes,
        vacate=_VACATE_SECONDS,
        variables=(*_VARIABLES, *chosen.agent.keys),
    )
    script = (
        "#!/usr/bin/env bash\nset -uo pipefail\n"
        "RUNS=${PTB_LITE_RUNS:-$PWD/runs} RUN=condor-${1:?the number of the job}\n\n"
        f"{TEMPLATES.get_template('job.sh.j2').render()}"
    )
    write_files(folder, {"run.sub": submit, "run.sh": script, "choices.yaml": choices_yaml(chosen)})
    (folder / "log").mkdir()
    how = f"measured in {chosen.source}, and half as much again" if chosen.measured else "a guess"
    facts = {"minutes": chosen.overhead_minutes, "how": how, "vacate": _VACATE_SECONDS}
    return Written(
        title="An HTCondor job",
        start=("condor_submit run.sub", "ptb-lite ls --runs-dir runs"),
        differs=tuple(sentence.format(**facts) for sentence in _DIFFERS),
        checks=tuple(_check(folder)),
    )


def _check(folder: Path) -> Iterator[Check]:
    yield check_shell(folder / "run.sh")
    if shutil.which("condor_submit"):
        yield ask_program(("condor_submit", "-dry-run", "/dev/null", "run.sub"), folder)
    else:
        yield _by_bindings(folder / "run.sub")


def _by_bindings(submit: Path) -> Check:
    """HTCondor's Python library expands the file into jobs as condor_submit would."""
    try:
        with warnings.catch_warnings():
            # That there is no pool here.
            warnings.simplefilter("ignore")
            bindings = importlib.import_module("htcondor")
    except ImportError:
        why = "neither condor_submit nor the Python package htcondor (below 25) is here"
        return Check("not checked", _BINDINGS, why)
    try:
        jobs = list(bindings.Submit(submit.read_text(encoding="utf-8")).jobs(count=1))
    except Exception as error:
        return Check("refused", _BINDINGS, one_line(str(error), 300))
    return Check("passed", _BINDINGS) if jobs else Check("refused", _BINDINGS, "it queues no job")
