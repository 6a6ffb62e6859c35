"""`eval`, `audit` and `doctor`: one part of the job on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ptb_lite.choices import Device
from ptb_lite.cli.common.options import (
    RUNS,
    DataDir,
    EngineName,
    IncludePath,
    Json,
    JudgeAnswer,
    JudgeKey,
    JudgeName,
    JudgeTokens,
    Limit,
    MaxNewTokens,
    RunsDir,
    TrustTaskCode,
)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's id, or its folder.")],
    benchmark: Annotated[list[str], typer.Option(help="What to score it on; again for more.")],
    adapter: Annotated[
        Path | None, typer.Option(help="A PEFT adapter's folder, put on the model.")
    ] = None,
    shots: Annotated[int, typer.Option(help="Solved examples in the prompt, up to 64.")] = 0,
    limit: Limit = None,
    max_new_tokens: MaxNewTokens = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Decides items and shots, as in a run.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = "auto",
    engine: EngineName = None,
    judge: JudgeName = None,
    judge_key: JudgeKey = None,
    judge_max_tokens: JudgeTokens = None,
    judge_answer_tokens: JudgeAnswer = None,
    include_path: IncludePath = None,
    trust_task_code: TrustTaskCode = None,
    as_json: Json = False,
) -> None:
    """Score a model on benchmarks, without an agent.

    The test items are those of a run with the same seed on this installation. A benchmark of a
    dataset is asked as a chat, in the template of the model's family, or with --shots as plain
    text after solved examples. `lm-eval:TASK` is any task of lm-eval, asked and graded by lm-eval.

    Exit codes: 0 done, 1 the evaluation failed or the judge left a benchmark without a score, 2
    bad usage.
    """
    from ptb_lite.cli.evaluate import EvalChoices, evaluate_and_print
    from ptb_lite.evaluation.judge.choice import judge_choice

    choices = EvalChoices(
        model=model,
        benchmarks=tuple(benchmark),
        adapter=adapter,
        shots=shots,
        limit=limit,
        max_new_tokens=max_new_tokens,
        data_dir=data_dir,
        seed=seed,
        device=device,
        engine=engine or "auto",
        judge=judge_choice(
            judge,
            key_variable=judge_key,
            max_tokens=judge_max_tokens,
            answer_tokens=judge_answer_tokens,
        ),
        include_path=include_path,
        trust_task_code=bool(trust_task_code),
    )
    raise typer.Exit(evaluate_and_print(choices, as_json=as_json))


def score(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSON lines of id (or task_id) and completion; - for stdin.",
        ),
    ],
    benchmark: Annotated[str, typer.Option(help="What the completions answer.")],
    items: Annotated[
        Path | None, typer.Option(help="The items, as in a run's data folder; else all of them.")
    ] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Decides the items of procedural benchmarks.")] = 0,
    as_json: Json = False,
) -> None:
    """Score stored completions, without a model.

    An id is that of an item, as a run's samples have it, or a row number of the dataset from 0.
    With --json there is one line for each completion: its id, score and what was extracted.

    Exit codes: 0 done, 2 bad usage.
    """
    from ptb_lite.cli.score import score_and_print

    raise typer.Exit(
        score_and_print(file, benchmark, items, data_dir=data_dir, seed=seed, as_json=as_json)
    )


def check(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The submission, as in a run's final_model.")
    ],
    base_model: Annotated[
        str | None,
        typer.Option(help="The assigned base: a model's id, or its folder; else its own."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Whole weights are accepted, too; else as the run says.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether a submission is accepted, as at the end of a run.

    Exit codes: 0 accepted, 1 not accepted, 2 bad usage.
    """
    from ptb_lite.cli.check import check_and_print

    raise typer.Exit(check_and_print(folder, base_model, full=full, as_json=as_json))


def audit(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Any folder, or a run as in `show`.")
    ],
    benchmark: Annotated[
        list[str] | None,
        typer.Option(help="The benchmark that was the task; again for more."),
    ] = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="The assigned base: a model's id, its id on the Hub, or its folder."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Test items of data sets, in DIR/BENCHMARK/.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="The agent's raw output, a file or a folder.")
    ] = None,
    items: Annotated[
        list[Path] | None,
        typer.Option(help="Test items as JSON lines (id, question, target) to look for."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of a procedural benchmark: which test items it was about.")
    ] = 0,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            "--audit-judge",
            help="Ask a language model, too: an agent, AGENT[:MODEL], or NAME@URL, its key in "
            "PTB_LITE_API_KEY.",
        ),
    ] = None,
    memorisation: Annotated[
        bool,
        typer.Option(
            "--memorisation",
            help="Also measure the losses on test items and fresh ones: of a run, or of a folder's "
            "final_model with --benchmark and --base-model. Minutes.",
        ),
    ] = False,
    embedder: Annotated[
        Path | None,
        typer.Option(help="A local embedding model's folder: look for retold items with it, too."),
    ] = None,
    feedback: Annotated[
        Literal["dev", "test"],
        typer.Option(
            help="Which split the agent was free to evaluate on, in a folder that is no run's."
        ),
    ] = "dev",
    include_path: IncludePath = None,
    trust_task_code: TrustTaskCode = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Look for signs of cheating in a folder.

    Nothing is written. Of a run's folder, the run's own test items and hand-over are known. A
    result folder of PostTrainBench (task/, final_model/) is read as one.

    Exit codes: 0 clean, 2 bad usage, 3 flagged, 4 inconclusive.
    """
    from ptb_lite.cli.audit import Wanted, audit_and_print

    wanted = Wanted(
        target=folder,
        benchmarks=tuple(benchmark or ()),
        base_model=base_model,
        data_dir=data_dir,
        trace=trace,
        items=tuple(items or ()),
        seed=seed,
        judge=judge,
        memorisation=memorisation,
        embedder=embedder,
        feedback=feedback,
        include_path=include_path,
        trust_task_code=bool(trust_task_code),
    )
    raise typer.Exit(audit_and_print(wanted, runs_dir=runs_dir, as_json=as_json))


def doctor(
    online: Annotated[bool, typer.Option("--online", help="Ask the Hub as well.")] = False,
    call: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Ask this agent's model for one word as well."),
    ] = None,
    agent_model: Annotated[
        str | None, typer.Option(help="The language model to call, as in a run.")
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Check what this machine has, and what it lacks.

    Exit codes: 0 nothing fails, 1 something does.
    """
    from ptb_lite.cli.doctor import check_and_print

    raise typer.Exit(
        check_and_print(
            runs_dir, online=online, call=call, agent_model=agent_model, as_json=as_json
        )
    )
