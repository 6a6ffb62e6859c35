"""`ls`, `show`, `attach`, `resume`, `stop`, `report`: what one does with runs that exist."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ptb_lite.cli.common.options import (
    RUNS,
    Json,
    JudgeAnswer,
    JudgeKey,
    JudgeName,
    JudgePrices,
    JudgeSpend,
    JudgeTokens,
    Plain,
    RunId,
    RunsDir,
)


def ls(runs_dir: RunsDir = RUNS, as_json: Json = False) -> None:
    """List the runs, oldest first."""
    from ptb_lite.cli.common.output import say, say_json, say_table
    from ptb_lite.cli.common.summary import line_cells, line_json
    from ptb_lite.runs.index import RunIndex

    summaries = RunIndex(runs_dir).read()
    if as_json:
        say_json([line_json(summary) for summary in summaries])
    elif not summaries:
        say(f"no runs in {runs_dir}; `ptb-lite run --preset offline-demo` makes one")
    else:
        rows = [
            ("RUN", "NAME", "STATE", "MODEL", "AGENT", "FEW-SHOT", "COUNTED", "VERDICT"),
            *(line_cells(summary) for summary in summaries),
        ]
        if not any(summary.name for summary in summaries):
            rows = [(run, *rest) for run, _, *rest in rows]
        say_table(rows[0], rows[1:])


def show(run: RunId, runs_dir: RunsDir = RUNS, as_json: Json = False) -> None:
    """Show one run: its choices, where it is, and its scores."""
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.cli.common.summary import describe, detail_json
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    if as_json:
        say_json(detail_json(found))
        return
    for line in describe(found):
        say(line)


def attach(
    run: RunId, runs_dir: RunsDir = RUNS, plain: Plain = False, as_json: Json = False
) -> None:
    """Follow a run, from its beginning, until it ends.

    On a terminal in the app; elsewhere, and with --plain, as plain lines.

    Exit codes: those of `run`.
    """
    from ptb_lite.cli.start import watch_run
    from ptb_lite.runs.folder import find_run

    watch_run(find_run(runs_dir, run).path, runs_dir=runs_dir, plain=plain, as_json=as_json)


def resume(
    run: RunId,
    runs_dir: RunsDir = RUNS,
    detach: Annotated[
        bool, typer.Option("--detach", help="Continue it, print its id, and return at once.")
    ] = False,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Continue a run from its last finished phase.

    For one that was killed or failed; without --detach it is followed as with `attach`.

    Exit codes: those of `run`.
    """
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.cli.start import watch_run
    from ptb_lite.runner.launch import resume as resume_run
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    resume_run(found.path)
    if detach:
        say_json({"run_id": found.run_id, "folder": str(found.path)}) if as_json else say(
            found.run_id
        )
        return
    watch_run(found.path, runs_dir=runs_dir, plain=plain, as_json=as_json)


def stop(run: RunId, runs_dir: RunsDir = RUNS) -> None:
    """End a run early; what was submitted is still scored."""
    from ptb_lite.cli.common.output import say
    from ptb_lite.launchers.settings import find_launcher
    from ptb_lite.runner.launch import stop as stop_run
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    status = found.read_status()
    if status.state != "ended" and status.launcher and status.job:
        find_launcher(status.launcher).cancel([status.job])
        say(f"job {status.job} is being ended; what was submitted will be sealed and scored")
    else:
        say(stop_run(found.path))


def report(run: RunId, runs_dir: RunsDir = RUNS) -> None:
    """Write a run's report.html again and print where it is."""
    from ptb_lite.cli.common.output import say
    from ptb_lite.report.html import write_report
    from ptb_lite.runs.folder import find_run

    say(str(write_report(find_run(runs_dir, run))))


def overrule(
    run: RunId,
    verdict: Annotated[
        Literal["clean", "flagged"], typer.Option(help="What you found instead of the audit.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it stands in every report.")],
    runs_dir: RunsDir = RUNS,
) -> None:
    """Put your verdict in place of the audit's.

    Both verdicts are kept, and the counted scores of both are shown.
    """
    from ptb_lite.cli.common.output import say
    from ptb_lite.events import Verdict
    from ptb_lite.report.html import write_report
    from ptb_lite.report.text import report_text
    from ptb_lite.runs.folder import find_run
    from ptb_lite.runs.overrule import overrule as set_verdict

    found = find_run(runs_dir, run)
    set_verdict(found, Verdict(verdict), reason)
    write_report(found)
    for line in report_text(found).splitlines():
        say(line)


def judge(
    run: RunId,
    judge: JudgeName = None,
    judge_key: JudgeKey = None,
    judge_max_tokens: JudgeTokens = None,
    judge_answer_tokens: JudgeAnswer = None,
    judge_max_spend: JudgeSpend = None,
    judge_prices: JudgePrices = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Judge what a finished run left unjudged, and write its scores and report again.

    Exit codes: 0 all of it has a score, 1 some of it has not, 2 bad usage.
    """
    from ptb_lite.cli.common.output import say, say_error
    from ptb_lite.errors import SpecError
    from ptb_lite.evaluation.judge.choice import judge_choice
    from ptb_lite.report.text import report_text
    from ptb_lite.runner.judge_later import judge_later
    from ptb_lite.runs.folder import find_run

    choice = judge_choice(
        judge,
        key_variable=judge_key,
        max_tokens=judge_max_tokens,
        answer_tokens=judge_answer_tokens,
        max_spend=judge_max_spend,
        prices=judge_prices,
    )
    if choice is None:
        raise SpecError("none is chosen", field="judge", hint="Give --judge MODEL@URL")
    found = find_run(runs_dir, run)
    scores = judge_later(found.path, choice, say=say_error)
    say(report_text(found))
    raise typer.Exit(1 if any(item.not_scored for item in scores.benchmarks) else 0)
