"""What the catalogue knows about one model, one benchmark or one agent.

Entries come from YAML that people write, so an unknown field is refused, not ignored: it is a
typing error far more often than anything else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from ptb_lite.choices import EarlyStop
from ptb_lite.events import Record

# An id ends up in file names, so it may not climb out of a folder.
EntryId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
LM_EVAL = "lm-eval:"
# Of a benchmark also the name of a task of lm-eval, which has a file form of its own.
BENCHMARK_ID = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63}|lm-eval:[A-Za-z0-9][A-Za-z0-9._-]{0,119})$"
BenchmarkId = Annotated[str, Field(pattern=BENCHMARK_ID)]
Count = Annotated[int, Field(gt=0)]
Line = Annotated[str, Field(min_length=1, max_length=300)]
HubId = Annotated[str, Field(pattern=r"^[\w.-]{1,96}/[\w.-]{1,96}$")]
# Of a file inside a folder that may hold anything: no way up, no way out.
RelativePath = Annotated[str, Field(pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$", max_length=200)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
# A branch, tag or commit of a Hub repository; empty: its main branch as it was at first use.
Revision = Annotated[str, Field(pattern=r"^([\w.-]+(/[\w.-]+)*)?$", max_length=100)]
ChatFamily = Literal["gemma", "qwen3", "smollm"]


class Entry(Record):
    """Base of all entries: `id` is the key under which the YAML file lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: EntryId


class ModelEntry(Entry):
    """A model of the catalogue.

    `role` is base for what an agent may be given to post-train, other for what exists for
    comparison only. `parameters` counts every weight once (tied embeddings are one matrix) and
    includes a vision tower where the checkpoint has one; the other figures are the text model's.
    `vocabulary` is the number of rows of the embedding matrix, `context` the longest sequence in
    tokens, `instruct` the Hub id of the official instruction-tuned counterpart. `path` is the
    folder of a person's own model (source local), `revision` a branch, tag or commit of the Hub
    repository (empty: the commit that main named at first use, which is then held), `model_type`
    that of config.json (empty: not known before the model is there).
    """

    title: Line
    role: Literal["base", "other"] = "base"
    source: Literal["embedded", "hub", "local"]
    hub_id: HubId | None = None
    revision: Revision = ""
    path: str | None = None
    instruct: HubId | None = None
    parameters: Count
    vocabulary: Count
    layers: Count
    hidden: Count
    intermediate: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    context: Count
    tied_embeddings: bool = True
    licence: Line
    gated: bool = False
    chat_family: ChatFamily
    model_type: str = ""
    summary: str = ""

    @property
    def norms(self) -> int:
        """Norms of the hidden size in a layer: Gemma 3 also has one after each half."""
        return 4 if self.chat_family == "gemma" else 2

    @model_validator(mode="after")
    def _hub_id_where_needed(self) -> ModelEntry:
        if self.source == "hub" and self.hub_id is None:
            raise ValueError("a model of source 'hub' needs a hub_id")
        if self.source == "local" and self.path is None:
            raise ValueError("a model of source 'local' needs a path")
        return self


class DataPart(Record):
    """One table of a published dataset, and the file that stands for it under `--data-dir`.

    `hub_id` is a dataset repository of the Hugging Face Hub. `file` names one JSON-lines file in
    it, for repositories whose splits the `datasets` library does not know; else `config` and
    `split` are asked for. `revision` is a branch, tag or commit, `local` a path relative to
    `--data-dir`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub_id: HubId
    config: str | None = None
    split: str = "test"
    file: RelativePath | None = None
    revision: str = "main"
    local: RelativePath


class DataSource(Record):
    """Where a dataset benchmark's rows come from.

    `train` is data of the same kind that is not scored: few-shot examples, the agent's training
    items and, where there is enough of it, the dev split. `answers` are answers kept apart from
    the questions under `--data-dir`. A gated dataset needs an account that accepted its terms, and
    that account's token in `token_variable`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: DataPart
    train: DataPart | None = None
    answers: RelativePath | None = None
    gated: bool = False
    token_variable: Variable = "HF_TOKEN"


class BenchmarkEntry(Entry):
    """A benchmark: drawn by a generator, read from a published dataset, or a task of lm-eval.

    `generator` is the name of the item generator and `generator_options` its settings; `data` is
    where a dataset's rows come from. `train_size`, `dev_size` and `test_size` count items. The dev
    items of a dataset are taken from its train side or, with `dev_from: test`, from the test set:
    then they are not scored when the agent may see them. `num_fewshot` is the number of solved
    examples in the few-shot baseline, `max_new_tokens` how long an answer may be, `scored_as` says
    in words how an answer is judged. `judge`: a language model has to, and how it is asked.
    """

    id: BenchmarkId
    title: Line
    kind: Literal["procedural", "dataset", "lm-eval"]
    generator: str = ""
    generator_options: dict[str, Any] = Field(default_factory=dict)
    data: DataSource | None = None
    dev_from: Literal["train", "test"] = "train"
    train_size: Annotated[int, Field(ge=0)]
    dev_size: Count
    test_size: Count
    num_fewshot: Annotated[int, Field(ge=0, le=100)]
    max_new_tokens: Count = 32
    scored_as: Line
    summary: str = ""
    position: int = 50
    """Its place in lists."""
    judge: Literal["pairwise", "rubric"] | None = None

    @model_validator(mode="after")
    def _origin_where_needed(self) -> BenchmarkEntry:
        if (self.kind == "procedural") != bool(self.generator):
            raise ValueError("kind 'procedural', and only that one, needs a generator")
        if (self.kind == "dataset") != (self.data is not None):
            raise ValueError("kind 'dataset', and only that one, needs data")
        if self.kind == "procedural" and (self.train_size == 0 or self.dev_from == "test"):
            raise ValueError("kind 'procedural' needs a train_size and draws its dev items")
        if self.data is not None and self.data.train is None and self.dev_from == "train":
            raise ValueError("a dataset without a train side needs dev_from: test")
        if self.scored_size("dev") <= 0:
            raise ValueError("dev_size and train_size leave nothing of the test set to score")
        return self

    def scored_size(self, feedback: str) -> int:
        """How many test items there are to score: without those taken out as train or dev items."""
        if self.data is None:
            return self.test_size
        shots = self.train_size if self.data.train is None else 0
        seen = self.dev_size if self.dev_from == "test" and feedback == "dev" else 0
        return self.test_size - shots - seen


def lm_task_entry(benchmark: str) -> BenchmarkEntry:
    """A task of lm-eval before it was read: its sizes are guesses, and nothing is held to them."""
    name = benchmark.removeprefix(LM_EVAL)
    return BenchmarkEntry(
        id=benchmark,
        title=f"lm-eval's task {name}",
        kind="lm-eval",
        train_size=1000,
        dev_size=200,
        test_size=1000,
        num_fewshot=5,
        max_new_tokens=256,
        scored_as="lm-eval says so",
    )


class AgentEntry(Entry):
    """An agent of the catalogue: a kind of agent, before a model is chosen for it."""

    title: Line
    backend: EntryId
    """The plugin that starts it."""
    command: tuple[str, ...] = ()
    """What the `command` backend starts, one argument an entry; `{prompt_file}` and `{model}` in it
    are filled in."""
    needs_account: bool
    needs_network: bool
    needs_test_items: bool = False
    """It can only work where the test split is handed out (`feedback: test`)."""
    red_team: bool = False
    """It cheats on purpose, to test the audit: lists keep it apart from the others."""
    has_model: bool = True
    """There is a language model in it that can be asked a question, as the audit's judge."""
    on_early_stop: EarlyStop = "accept"
    """What happens when it ends early, where a run does not choose."""
    summary: str = ""
    position: int = 50
    """Lists show lower ones first."""
    program: str = ""
    """The command that must be installed; empty: none."""
    install: str = ""
    """The command line that installs it."""
    keys: tuple[Variable, ...] = ()
    """The variables of which one may hold its key, best first."""
    endpoint: str = ""
    """The host that it talks to by itself; of a `command` agent what network model-only allows."""
    login_endpoints: tuple[str, ...] = ()
    """The hosts that it needs besides when the program itself is signed in."""
    endpoint_variable: Variable | None = None
    """The variable that may hold the base URL of another server."""

    @model_validator(mode="after")
    def _command_where_needed(self) -> AgentEntry:
        if (self.backend == "command") != bool(self.command):
            raise ValueError("backend 'command', and only that one, needs a command")
        if self.program and not self.install:
            raise ValueError("a program needs an install line")
        return self
