"""Events of the ledger: when an agent trained, scored and changed what it submits.

Of those that `LEDGER` reads, texts and figures come from a file that the agent can write: all are
bounded.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ptb_lite.record import Outcome, Record

_Short = Annotated[str, Field(max_length=300)]
_Hash = Annotated[str, Field(pattern=r"^(?:[0-9a-f]{64})?$")]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Loss = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]


class LedgerNote(Record):
    """What `ptb-lite-train` or evaluate.py said of itself: a claim, never trusted for a score.

    `use` tells one process's notes from another's. `seconds` (after the agent began) and
    `process_seen` are the host's: whether such a process of the agent's was there, None where the
    host cannot see them.
    """

    use: Annotated[str, Field(pattern=r"^[0-9a-f]{8,32}$")]
    seconds: float = 0.0
    process_seen: bool | None = None


class TrainingBegan(LedgerNote):
    """`rows` of `file`, whose content has `sha256`; `steps` are planned."""

    type: Literal["training_began"] = "training_began"
    file: _Short
    rows: _Count
    sha256: _Hash = ""
    steps: _Count


class AdapterSaved(LedgerNote):
    """`weights` is the SHA-256 of the adapter's weights file."""

    type: Literal["adapter_saved"] = "adapter_saved"
    folder: _Short
    step: _Count
    weights: _Hash


class TrainingEnded(LedgerNote):
    """Losses in nats per supervised token; a training that says no end has crashed."""

    type: Literal["training_ended"] = "training_ended"
    outcome: Outcome
    steps: _Count
    loss_first: _Loss | None = None
    loss_last: _Loss | None = None


class ScoringBegan(LedgerNote):
    type: Literal["scoring_began"] = "scoring_began"
    models: Annotated[tuple[_Short, ...], Field(max_length=100)] = ()


class FeedbackAnswer(Record):
    """One item of the feedback split with what the model said, each cut to a few words."""

    question: Annotated[str, Field(max_length=200)]
    answer: Annotated[str, Field(max_length=80)]
    target: Annotated[str, Field(max_length=80)]
    correct: bool


class ModelScored(LedgerNote):
    """`model` is a folder or `base`, `weights` the SHA-256 of its adapter's, `score` in [0, 1].

    `answers` are those to the first few items, the same ones every time.
    """

    type: Literal["model_scored"] = "model_scored"
    model: _Short
    weights: _Hash = ""
    benchmark: _Short
    split: Literal["dev", "test"]
    n: _Count
    score: Annotated[float, Field(ge=0, le=1)] | None
    shots: _Count = 0
    answers: Annotated[tuple[FeedbackAnswer, ...], Field(max_length=10)] = ()


LedgerPayload = Annotated[
    TrainingBegan | AdapterSaved | TrainingEnded | ScoringBegan | ModelScored,
    Field(discriminator="type"),
]
LEDGER: TypeAdapter[LedgerPayload] = TypeAdapter(LedgerPayload)


class CommandSeen(Record):
    """A training or an evaluation by other means, read from the agent's commands: seen in trace.

    Seconds after the agent began; `ended` is None where no result of the command was seen.
    """

    type: Literal["command_seen"] = "command_seen"
    what: Literal["training", "evaluation"]
    command: _Short
    began: float
    ended: float | None = None


class LedgerChanged(Record):
    """The agent replaced, shortened or removed its ledger: what that says is incomplete."""

    type: Literal["ledger_changed"] = "ledger_changed"
    seconds: float


class SubmissionChanged(Record):
    """A change of the submission folder, once it stood still; `weights` is the SHA-256 of its
    adapter, empty where there is none or it is too large to be read beside the agent."""

    type: Literal["submission_changed"] = "submission_changed"
    seconds: float
    files: int
    bytes: int
    weights: str = ""
