"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from ptb_lite.choices import EngineChoice
from ptb_lite.cli.common.defaults import RUNS as RUNS
from ptb_lite.spec.choices import Choice, run_choices

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="PTB_LITE_RUNS", show_envvar=True, help="The folder of the runs."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run's id, its beginning or end, its name, its folder, or `last`."
    ),
]


def option_of(choice: Choice) -> Any:
    """The annotation of an option for a choice of a run; None where it is left out."""
    kind = choice.type
    if get_origin(kind) is tuple:
        part = get_args(kind)[0]
        kind = list[Path] if part is Path else list[str]
    elif kind is object:
        # What is a model of its own is named in one word.
        kind = str
    names = [f"--{choice.option}"]
    return Annotated[kind | None, typer.Option(*names, help=choice.help)]


_CHOICES = {choice.name: option_of(choice) for choice in run_choices()}
if TYPE_CHECKING:
    Limit = int | None
    MaxNewTokens = int | None
    DataDir = Path | None
    IncludePath = Path | None
    TrustTaskCode = bool | None
    EngineName = EngineChoice | None
    JudgeName = str | None
else:
    Limit = _CHOICES["limit"]
    MaxNewTokens = _CHOICES["max_new_tokens"]
    DataDir = _CHOICES["data_dir"]
    IncludePath = _CHOICES["include_path"]
    TrustTaskCode = _CHOICES["trust_task_code"]
    EngineName = _CHOICES["evaluation_engine"]
    JudgeName = _CHOICES["judge"]
JudgeKey = Annotated[
    str | None, typer.Option(help="The variable with its key; else PTB_LITE_JUDGE_KEY.")
]
JudgeTokens = Annotated[
    int | None, typer.Option(help="What judging may use, prompts and answers together.")
]
JudgeAnswer = Annotated[
    int | None, typer.Option(help="How many tokens one judgement may have; else 4096.")
]
JudgeSpend = Annotated[
    float | None, typer.Option(help="What judging may cost in dollars, with --judge-prices.")
]
JudgePrices = Annotated[
    str | None, typer.Option(help="INPUT,OUTPUT in dollars per million tokens.")
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Plain lines instead of the app, also on a terminal.")
]
