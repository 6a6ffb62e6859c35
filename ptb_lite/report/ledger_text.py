"""The ledger in plain lines: a time axis of characters, then what happened in figures."""

from __future__ import annotations

from collections.abc import Iterator

from ptb_lite.runs.ledger import Ledger, Training, Use
from ptb_lite.runs.records import Iterations, Optimism
from ptb_lite.text import duration, one_line, percent, plural

AXIS = 60
MAX_SHOWN = 8
_HEIGHTS = "▁▂▃▄▅▆▇█"
_BARS = {"kept": "█", "discarded": "▒", "crashed": "x", "unknown": "░", "running": "░"}


def ledger_lines(ledger: Ledger, found: Iterations | None) -> Iterator[str]:
    """Nothing for a run that noted nothing; text of the agent's is bounded, and escaped by who
    shows it."""
    if ledger.empty:
        return
    yield "ledger" + (f": {_counts(found)}" if found else "")
    yield from (f"  {line}" for line in axis_lines(ledger))
    yield from (f"  {_training(each)}" for each in ledger.trainings[:MAX_SHOWN])
    yield from _more(len(ledger.trainings), "trainings")
    yield from (f"  {_use(each)}" for each in ledger.uses[-MAX_SHOWN:])
    yield from _more(len(ledger.uses), "scores, the last are shown")
    if found is None:
        return
    if found.best is not None and found.last_improvement is not None:
        after = f", {duration(found.after_it)} before its end" if found.after_it is not None else ""
        yield (
            f"  best on {ledger.uses[-1].split}: {percent(found.best)}, reached at "
            f"{duration(found.last_improvement)}{after}"
        )
    yield from (f"  {optimism_words(each)}" for each in found.optimism)


def axis_lines(ledger: Ledger) -> Iterator[str]:
    """Trainings, scores and changes of final_model/ over the agent's time, a row each."""
    whole = max(ledger.seconds, 1e-9)

    def at(seconds: float) -> int:
        return min(AXIS - 1, max(0, int(AXIS * seconds / whole)))

    end = duration(ledger.seconds)
    yield f"{'':<10} 0{end:>{AXIS - 1}}"
    if ledger.trainings:
        row = [" "] * AXIS
        for each in ledger.trainings:
            until = ledger.seconds if each.ended is None else each.ended
            for cell in range(at(each.began), at(until) + 1):
                row[cell] = _BARS[each.outcome]
        yield f"{'training':<10} {''.join(row)}".rstrip()
    if means := [(use.at, use.mean) for use in ledger.uses if use.mean is not None]:
        row = [" "] * AXIS
        least, most = min(mean for _, mean in means), max(mean for _, mean in means)
        for seconds, mean in means:
            height = 7 if most == least else round(7 * (mean - least) / (most - least))
            row[at(seconds)] = _HEIGHTS[height]
        span = percent(most) if most == least else f"{percent(least)} to {percent(most)}"
        yield f"{ledger.uses[0].split + ' score':<10} {''.join(row)}  {span}"
    if ledger.changes:
        row = [" "] * AXIS
        for change in ledger.changes:
            row[at(change.seconds)] = "^"
        yield f"{'submitted':<10} {''.join(row)}".rstrip()


def optimism_words(one: Optimism) -> str:
    """How much better dev made the submission look than the final evaluation did."""
    return (
        f"{one.benchmark}: {one.split} said {percent(one.dev)} (n = {one.dev_n}), final "
        f"{percent(one.final)} (n = {one.final_n}): optimism {100 * one.difference:+.1f} points "
        f"(95 % interval {100 * one.low:+.1f} to {100 * one.high:+.1f})"
    )


def _counts(found: Iterations) -> str:
    parts = [
        f"{plural(found.trainings, 'training')} ({found.kept} kept, {found.discarded} discarded, "
        f"{found.crashed} crashed)",
        f"{plural(found.evaluations, 'use')} of an evaluation",
        f"{plural(found.changes, 'change')} of final_model/",
    ]
    if found.by_other_means:
        parts.append(f"{found.by_other_means} seen in trace alone")
    if found.unseen:
        parts.append(f"{found.unseen} notes without a process that was seen")
    return ", ".join(parts)


def _training(each: Training) -> str:
    until = "no end" if each.ended is None else duration(each.ended)
    when = f"{duration(each.began)} to {until}"
    if each.command:
        return f"{each.outcome:<9} {when}: seen in trace: {one_line(each.command, 100)}"
    losses = ""
    if each.loss_first is not None and each.loss_last is not None:
        losses = f", loss {each.loss_first:.3g} to {each.loss_last:.3g}"
    data = f"{plural(each.rows, 'row')} of {one_line(each.file, 60)}"
    return (
        f"{each.outcome:<9} {when}: {each.steps} of {plural(each.planned, 'step')}{losses}, "
        f"{data} ({each.sha256[:8] or 'no hash'}){_unseen(each.seen)}"
    )


def _use(use: Use) -> str:
    scores = ", ".join(
        f"{one_line(name, 40)} {percent(score, 'not scored')} (n = {n})"
        for name, score, n in use.scores[:MAX_SHOWN]
    )
    shots = f" with {use.shots} shots" if use.shots else ""
    model = one_line(use.model, 60)
    return f"{use.split:<9} {duration(use.at)}: {model}{shots}: {scores}{_unseen(use.seen)}"


def _unseen(seen: bool | None) -> str:
    return " (no such process was seen)" if seen is False else ""


def _more(count: int, what: str) -> Iterator[str]:
    if count > MAX_SHOWN:
        yield f"  of {count} {what}"
