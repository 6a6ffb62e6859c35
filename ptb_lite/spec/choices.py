"""The choices of a run, declared once: RunSpec, presets, command line, Setup and docs have these.

Nothing heavy is imported: the command line starts with it. To add a choice, add a field here. The
first line under it is its short help; what follows stands in the docs.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from ptb_lite.choices import (
    SUCCESS,
    Device,
    Disclosure,
    EarlyStop,
    EngineChoice,
    Feedback,
    Inconclusive,
    Network,
    Policy,
    Provenance,
    Submission,
)

MAX_BUDGET_MINUTES = 7 * 24 * 60.0
NOTHING = "none"
"""Typed where a preset names some and a person wants none of them."""


@dataclass(frozen=True)
class Later:
    """A type that takes pydantic, by its module and name: loaded when a model is built with it."""

    module: str
    name: str

    def __get_pydantic_core_schema__(self, _source: Any, handler: Any) -> Any:
        return handler.generate_schema(getattr(import_module(self.module), self.name))


@dataclass(frozen=True)
class Shown:
    """How a choice is named: its option where that differs, its label in Setup, its unit.

    `kind` is that of the plugins whose names are its words.
    """

    label: str
    option: str = ""
    unit: str = ""
    kind: Literal["", "sandboxes", "agents", "benchmarks", "detectors", "launchers"] = ""


if TYPE_CHECKING:
    from ptb_lite.audit.judge.choice import AuditJudgeChoice
    from ptb_lite.catalog.entries import BenchmarkId, EntryId
    from ptb_lite.evaluation.judge.choice import JudgeChoice
else:
    AuditJudgeChoice = Annotated[object, Later("ptb_lite.audit.judge.choice", "AuditJudgeChoice")]
    BenchmarkId = Annotated[str, Later("ptb_lite.catalog.entries", "BenchmarkId")]
    EntryId = Annotated[str, Later("ptb_lite.catalog.entries", "EntryId")]
    JudgeChoice = Annotated[object, Later("ptb_lite.evaluation.judge.choice", "JudgeChoice")]


class RunChoices:
    """Every choice of a run that has an option; the order is that of help and docs."""

    model: Annotated[EntryId, Shown("Base model")] = "gemma-3-270m-embedded"
    """The base model."""
    agent: Annotated[EntryId, Shown("Agent")] = "recipe"
    """The agent that post-trains it."""
    agent_model: Annotated[str, MinLen(1), MaxLen(200), Shown("Agent's model")] | None = None
    """The language model behind the agent; local: NAME@URL."""
    benchmarks: Annotated[
        tuple[BenchmarkId, ...], MinLen(1), MaxLen(50), Shown("Benchmarks", option="benchmark")
    ]
    """What to be good at; give it again for more. `lm-eval:TASK` is any task of lm-eval."""
    off_target: Annotated[
        tuple[BenchmarkId, ...], MaxLen(20), Shown("Off-target", option="also")
    ] = ()
    """Measured before and after, and no target; give it again for more.

    The agent is not told of it. `limit` items, or all where there are fewer; `none` where a preset
    names some.
    """
    budget_minutes: Annotated[
        float, Gt(0), Le(MAX_BUDGET_MINUTES), Shown("Time box", option="minutes", unit="minutes")
    ]
    """The agent's time, in minutes."""
    startup_minutes: (
        Annotated[float, Gt(0), Le(MAX_BUDGET_MINUTES), Shown("Start-up limit", unit="minutes")]
        | None
    ) = None
    """How long the agent may stay silent at its start.

    None: 5 minutes or a fifth of the budget, whichever is shorter, at least 1; no limit for a
    person's own command.
    """
    on_early_stop: Annotated[EarlyStop, Shown("Early stop")] | None = None
    """What to do when the agent ends early: accept, or ask it to go on.

    None: what the agent's backend says.
    """
    limit: Annotated[int, Gt(0), Shown("Subset", unit="items")] | None = None
    """Test items per benchmark; all where left out."""
    dev_limit: Annotated[int, Gt(0), Shown("Dev items", unit="items")] | None = None
    """Dev items per benchmark; all where left out."""
    max_new_tokens: Annotated[int, Gt(0), Le(32768), Shown("Answer limit", unit="tokens")] | (
        None
    ) = None
    """Cuts answers of dataset benchmarks short, in tokens."""
    data_dir: Annotated[Path, Shown("Data folder")] | None = None
    """A folder with the datasets' files; else the Hugging Face Hub."""
    include_path: Annotated[Path, Shown("Task folder")] | None = None
    """A folder of your own lm-eval task files."""
    trust_task_code: Annotated[bool, Shown("Trust task code")] = False
    """Run the Python code of an lm-eval task.

    It runs on the host, and the files that the task names are given to the agent, whose evaluate.py
    runs them in the sandbox.
    """
    seed: Annotated[int, Ge(0), Lt(2**32), Shown("Seed")] = 0
    """Decides items, shots and training."""
    policy: Annotated[Policy, Shown("Policy")] = "reset"
    """What a violation does: base score, part of the gain deducted, 0, or nothing."""
    inconclusive: Annotated[Inconclusive, Shown("Inconclusive")] = "raw"
    """What an inconclusive verdict counts as.

    A new run of the policy `reset` has `base` unless chosen otherwise: nobody gains by leaving what
    cannot be read.
    """
    success: Annotated[str, MinLen(1), MaxLen(300), Shown("Success")] = SUCCESS
    """What counts as success, declared before the run; terms with commas between them.

    `[raw] gain over few-shot|zero-shot > N points`, `p < N`, `verdict clean`,
    `off-target loss <= N points`; `>=` and `<` work as well.
    """
    disclosure: Annotated[Disclosure, Shown("Disclosure")] = "rules"
    """What the agent is told of rules and audit."""
    feedback: Annotated[Feedback, Shown("Feedback")] = "dev"
    """The split whose score the agent may see; test is the paper's."""
    submission: Annotated[Submission, Shown("Submission")] = "adapter"
    """What may be submitted: a LoRA adapter, or whole weights, too.

    `full` is the paper's setting: whether the weights are a fine-tune of the assigned base is then
    tested, where an adapter's base is the host's own copy.
    """
    sandbox: Annotated[EntryId, Shown("Isolation", kind="sandboxes")] = "bubblewrap"
    """The agent's isolation: bubblewrap, podman, docker or none."""
    network: Annotated[Network, Shown("Network")] = "off"
    """The agent's network."""
    read_only: Annotated[tuple[Path, ...], MaxLen(50), Shown("Read-only paths")] = ()
    """A path that the agent is shown, read-only; give it again for more."""
    provenance: Annotated[Provenance, Shown("Provenance")] = "off"
    """Record which process of the agent read or wrote which file.

    auto: where the isolation can (bubblewrap, none). The record is evidence for the audit; each
    start of a program that imports transformers takes up to 3 s of CPU time longer.
    """
    device: Annotated[Device, Shown("Device")] = "auto"
    """Where models run."""
    evaluation_engine: Annotated[EngineChoice, Shown("Engine", option="engine")] = "auto"
    """What generates in evaluations; auto: the faster one there is."""
    judge: Annotated[JudgeChoice | None, Shown("Judge")] = None
    """Who scores the benchmarks that need a judge: MODEL@URL.

    None: those benchmarks are not scored.
    """
    audit_judge: Annotated[AuditJudgeChoice | None, Shown("Audit judge")] = None
    """A language model in the audit, too: AGENT[:MODEL], or NAME@URL."""
    fresh: Annotated[bool, Shown("Fresh baselines")] = False
    """Measure the baselines, also those in the cache."""
    memory_gb: Annotated[float, Ge(0.1), Le(1e6), Shown("Memory", unit="GB")] | None = None
    """The agent's memory; nine tenths of it where left out.

    GB of all its processes together.
    """
    disk_gb: Annotated[float, Ge(0.01), Le(1e6), Shown("Disk", unit="GB")] | None = None
    """The agent's disk; all but a reserve where left out.

    GB in the workspace; the reserve is 1 GB of the disk, or a twentieth of a small one.
    """
    max_processes: Annotated[int, Ge(10), Le(1_000_000), Shown("Processes")] = 4096
    """The agent's processes and threads; 4096 where left out."""
    phase_minutes: Annotated[
        float, Ge(1), Le(MAX_BUDGET_MINUTES), Shown("Phase limit", unit="minutes")
    ] = 5.0
    """What seal and audit may take each.

    Minutes, without a judge; what was left out then is said. Scoring has no limit.
    """

    name: Annotated[str, MinLen(1), MaxLen(60), Shown("Name")] | None = None
    """A name of your own, shown beside the run's id, which it does not replace."""


@dataclass(frozen=True)
class Choice:
    """One field as the views need it: `type` is what a person gives, `help` one line."""

    name: str
    type: Any
    required: bool
    default: Any
    shown: Shown
    help: str
    detail: str

    @property
    def option(self) -> str:
        """The name of its option, without dashes in front."""
        return (self.shown.option or self.name).replace("_", "-")

    @property
    def words(self) -> tuple[str, ...]:
        """The words to choose from; empty where anything may be typed."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()


@cache
def run_choices() -> tuple[Choice, ...]:
    """The fields of RunChoices in order."""
    docs = _docs()
    hints = get_type_hints(RunChoices, include_extras=True)
    return tuple(_choice(name, hint, docs[name]) for name, hint in hints.items())


def _choice(name: str, hint: Any, doc: str) -> Choice:
    shown, kind = Shown(name), hint
    # The metadata stands around the type, or around the part of it that is not None.
    while get_origin(kind) is not None:
        if get_origin(kind) is Annotated:
            kind, *marks = get_args(kind)
            shown = next((mark for mark in marks if isinstance(mark, Shown)), shown)
        elif type(None) in get_args(kind):
            kind = next(part for part in get_args(kind) if part is not type(None))
        else:
            break
    first, _, rest = doc.partition("\n")
    return Choice(
        name,
        kind,
        not hasattr(RunChoices, name),
        getattr(RunChoices, name, None),
        shown,
        first.strip(),
        " ".join(rest.split()),
    )


def _docs() -> dict[str, str]:
    """The text under each field; only the source has it."""
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    body = next(
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == RunChoices.__name__
    )
    return {
        field.target.id: str(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
