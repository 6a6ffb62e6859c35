"""What the catalogue knows about one model, one benchmark or one agent.

Entries come from YAML that people write, so an unknown field is refused, not ignored: it is a
typing error far more often than anything else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from ptb_lite.events import Record

# An id ends up in file names, so it may not climb out of a folder.
EntryId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Count = Annotated[int, Field(gt=0)]
Line = Annotated[str, Field(min_length=1, max_length=300)]
HubId = Annotated[str, Field(pattern=r"^[\w.-]{1,96}/[\w.-]{1,96}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
AgentBackend = Literal[
    "recipe", "prompt-only", "local", "command", "claude-code", "codex", "gemini", "opencode"
]
SCAFFOLD_BACKENDS = ("claude-code", "codex", "gemini", "opencode")
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
    folder of a person's own model (source local).
    """

    title: Line
    role: Literal["base", "other"] = "base"
    source: Literal["embedded", "hub", "local"]
    hub_id: HubId | None = None
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
    summary: str = ""

    @model_validator(mode="after")
    def _hub_id_where_needed(self) -> ModelEntry:
        if self.source == "hub" and self.hub_id is None:
            raise ValueError("a model of source 'hub' needs a hub_id")
        if self.source == "local" and self.path is None:
            raise ValueError("a model of source 'local' needs a path")
        return self


class BenchmarkEntry(Entry):
    """A benchmark of the catalogue.

    `generator` is the name of the item generator and `generator_options` its settings;
    `train_size`, `dev_size` and `test_size` count items. `num_fewshot` is the number of solved
    examples in the few-shot baseline, `scored_as` says in words how an answer is judged.
    """

    title: Line
    kind: Literal["procedural"]
    generator: Line
    generator_options: dict[str, Any] = Field(default_factory=dict)
    train_size: Count
    dev_size: Count
    test_size: Count
    num_fewshot: Annotated[int, Field(ge=0, le=100)]
    max_new_tokens: Count = 32
    scored_as: Line
    summary: str = ""


class AgentEntry(Entry):
    """An agent backend of the catalogue: the scaffold, before a model is chosen for it.

    `backend` names the code that starts it. `command` is what the `command` backend starts, one
    argument an entry; `{prompt_file}` and `{model}` in it are filled in.

    Of a scaffold: `program` is its command's name, `install` the command line that installs it,
    `keys` the variables of which one may hold its key, best first, `endpoint` the host that it
    talks to by itself, `endpoint_variable` the one that may hold the base URL of another,
    `login_endpoints` the hosts that it needs besides when the program itself is signed in.
    A `command` agent may have an `endpoint`, too: what network model-only lets through.
    """

    title: Line
    backend: AgentBackend
    command: tuple[str, ...] = ()
    needs_account: bool
    needs_network: bool
    summary: str = ""
    program: str = ""
    install: str = ""
    keys: tuple[Variable, ...] = ()
    endpoint: str = ""
    login_endpoints: tuple[str, ...] = ()
    endpoint_variable: Variable | None = None

    @model_validator(mode="after")
    def _command_where_needed(self) -> AgentEntry:
        if (self.backend == "command") != bool(self.command):
            raise ValueError("backend 'command', and only that one, needs a command")
        if self.backend in SCAFFOLD_BACKENDS and not (self.program and self.install):
            raise ValueError(f"backend '{self.backend}' needs program and install")
        return self
