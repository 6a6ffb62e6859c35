"""Harbor: a task that any of its agents can take (harborframework.com, task.toml of schema 1.4).

The workspace is made here, as a run makes it; the test items are drawn in the verifier, which has
a container of its own, from a secret that lies in `tests/` and is made for this export.
"""

from __future__ import annotations

import importlib
import secrets
import tempfile
import typing
from collections.abc import Iterator
from pathlib import Path

from ptb_lite import __version__
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.evaluation.task_file import Task
from ptb_lite.exports.check import Check, check_shell
from ptb_lite.exports.folder import TEMPLATES, Written, write_files
from ptb_lite.exports.source import Chosen, choices_yaml
from ptb_lite.runner.context import Prepared, RunContext
from ptb_lite.runner.phases.prepare import given_data, prepared_benchmark, task_of
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.text import one_line
from ptb_lite.workspace.prepare import PROMPT, Handout, hand_out

WORKSPACE = "/app"
BASE = "/base-model"
_HUB = ("huggingface.co", "*.huggingface.co", "*.hf.co")
_DIFFERS = (
    "The agent is whichever `harbor run` names, with its own model; the choice here was {agent}.",
    "Container and limits are Harbor's: it ends the agent after its time and does not ask it to go "
    "on. The clock of timer.sh starts when the environment is healthy, before Harbor installs the "
    "agent, so it may end earlier than Harbor's by so much.",
    "Test items are drawn in the verifier's own container from `tests/state/item-salt`, a secret "
    "of this export: who has the folder `tests/` can draw them. They are not those of the run.",
    "The verifier measures the submission and audits the workspace without the agent's trace. Its "
    "reward is the raw score; `flagged` stands beside it and the policy `{policy}` is not applied.",
    "No baselines are measured, so no gain over few-shot; `ptb-lite eval` measures them.",
    "What the network lets through is Harbor's list of hosts, not what is in the files: {network}.",
    "ptb-lite is installed from the package index, or from a wheel put into environment/wheels.",
)


def write(chosen: Chosen, folder: Path) -> Written:
    """Raises SpecError for choices of this machine alone, PtbLiteError where a benchmark's data
    cannot be had here."""
    if chosen.model.source == "local":
        raise SpecError("is a folder of this machine", field="model", hint="Take one of the Hub")
    if any(map(is_lm_task, chosen.spec.measured)):
        raise SpecError("lm-eval tasks are not exported", field="benchmarks")
    salt = secrets.token_hex(32)
    task = _workspace(chosen, folder / "environment" / "workspace", salt)
    instruction = (folder / "environment" / "workspace" / PROMPT).read_text(encoding="utf-8")
    facts = {
        "chosen": chosen,
        "spec": chosen.spec,
        "version": __version__,
        "name": "-".join((*chosen.spec.benchmarks, chosen.spec.model))[:80],
        "workspace": WORKSPACE,
        "base": BASE,
        "network": _network(chosen),
        "hosts": _hosts(chosen),
        "needs_judge": any(
            chosen.catalog.benchmark(name).judge is not None for name in chosen.spec.benchmarks
        ),
    }
    made = {
        name: TEMPLATES.get_template(f"harbor/{template}").render(facts)
        for name, template in (
            ("task.toml", "task.toml.j2"),
            ("environment/Dockerfile", "Dockerfile.j2"),
            ("environment/start_clock.py", "start_clock.py.j2"),
            ("tests/test.sh", "test.sh.j2"),
            ("tests/reward.py", "reward.py.j2"),
        )
    }
    write_files(
        folder,
        {
            **made,
            "instruction.md": instruction,
            "environment/task.json": task.model_dump_json(indent=2) + "\n",
            "environment/wheels/README": "A wheel of ptb-lite here is taken before the index's.\n",
            "tests/choices.yaml": choices_yaml(chosen),
            "tests/state/item-salt": f"{salt}\n",
        },
    )  # fmt: skip
    network = _network(chosen) + (f" ({', '.join(hosts)})" if (hosts := _hosts(chosen)) else "")
    words = {"agent": chosen.spec.agent, "policy": chosen.spec.policy, "network": network}
    return Written(
        title="A Harbor task",
        start=("harbor run --path . --agent claude-code --model anthropic/MODEL",
               "ptb-lite import jobs/JOB"),
        differs=tuple(sentence.format(**words) for sentence in _DIFFERS),
        checks=(check_shell(folder / "tests" / "test.sh"), *_check(folder)),
    )  # fmt: skip


def _workspace(chosen: Chosen, workspace: Path, salt: str) -> Task:
    """Make the workspace as a run's prepare phase does, with other items; the task as data."""
    spec = chosen.spec.model_copy(update={"item_salt": salt, "read_only": ()})
    device = "cuda" if chosen.gpus else "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(scratch).resolve() / "run")
        run.path.mkdir()
        context = RunContext(run, spec, chosen.catalog, JournalWriter(run.journal))
        prepared = Prepared(
            base_model=Path(BASE),
            base_sha256="",
            benchmarks=tuple(prepared_benchmark(context, name) for name in spec.benchmarks),
        )
        task = task_of(context, prepared).model_copy(update={"device": device})
        handout = Handout(
            task=task,
            data=given_data(context, prepared),
            disclosure=spec.disclosure,
            policy=spec.policy,
            machine="a container with one GPU" if chosen.gpus else "a container without a GPU",
            network=spec.network,
        )
        hand_out(workspace, handout)
    return task


def _network(chosen: Chosen) -> str:
    """Harbor's word for the network of the choice."""
    if chosen.spec.network == "full":
        return "public"
    return "allowlist" if _hosts(chosen) else "no-network"


def _hosts(chosen: Chosen) -> tuple[str, ...]:
    if chosen.spec.network not in ("model-only", "hub"):
        return ()
    own = (chosen.agent.endpoint, *chosen.agent.login_endpoints)
    hub = _HUB if chosen.spec.network == "hub" else ()
    return (*(host for host in own if host and "/" not in host), *hub)


def _check(folder: Path) -> Iterator[Check]:
    by = "harbor"
    try:
        if not hasattr(typing, "override"):
            raise ImportError("it needs Python 3.12")
        config = importlib.import_module("harbor.models.task.config")
        tasks = importlib.import_module("harbor.models.task.task")
    except ImportError as error:
        yield Check("not checked", by, f"the Python package harbor is not here ({error})")
        return
    try:
        config.TaskConfig.model_validate_toml((folder / "task.toml").read_text(encoding="utf-8"))
        tasks.Task(folder)
    except Exception as error:
        yield Check("refused", by, one_line(str(error), 300))
        return
    yield Check("passed", f"{by} (TaskConfig and Task)")
