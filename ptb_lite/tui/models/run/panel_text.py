"""The words of the Run screen's side panels: training, machine, the agent's model, dev scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ptb_lite.text import duration, one_line, percent, plural
from ptb_lite.tui.models.run.dev import DevView
from ptb_lite.tui.models.run.text import (
    BAD,
    CARE,
    DIM,
    GOOD,
    STRONG,
    Span,
    clock,
    is_finite,
    share_text,
    sparkline,
)
from ptb_lite.tui.models.run.view import DeviceView, TrainingView, UsageView

DEV_SHOWN = 8


def training_lines(training: TrainingView | None) -> list[list[Span]]:
    """The figures above the curve."""
    if training is None:
        return [[("no training seen yet", DIM)]]
    left = training.left()
    rest = f" · {duration(left)} left" if left else ""
    loss = f"loss {training.loss:.3f}" if is_finite(training.loss) else "loss -"
    rate = f" · rate {training.learning_rate:.1e}" if is_finite(training.learning_rate) else ""
    pace = training.tokens_per_second
    speed = f"{pace:,.0f} tokens/s" if pace is not None and is_finite(pace) else "pace not known"
    return [
        [(f"step {training.step:.0f} of {training.steps:.0f}", ""), (rest, DIM)],
        [(loss, STRONG), (rate, "")],
        [(speed, "")],
    ]


def device_lines(device: DeviceView | None, width: int) -> list[list[Span]]:
    """CPU, memory and GPU: the newest figures, and the last minutes as a curve."""
    if device is None:
        return [[("no sample of the machine yet", DIM)]]
    last = device.last
    lines = [_gauge("CPU", last.cpu, device.cpu, width)]
    lines.append(_memory("memory", last.memory_used, last.memory_total))
    if device.gpu_lost:
        lines.append([("GPU ", ""), ("lost: the driver does not answer any more", BAD)])
    elif last.gpu_memory_total is None:
        lines.append([("no GPU", DIM)])
    else:
        lines.append(_gauge("GPU", last.gpu, device.gpu, width))
        lines.append(_memory("GPU memory", last.gpu_memory_used, last.gpu_memory_total))
        facts = []
        if last.gpu_temperature is not None:
            facts.append(f"{last.gpu_temperature:.0f} °C")
        if last.gpu_power is not None:
            facts.append(f"{last.gpu_power:.0f} W")
        if facts:
            lines.append([(" · ".join(facts), DIM)])
    return lines


def usage_lines(usage: UsageView, hosts: Sequence[tuple[str, int, bool]]) -> list[list[Span]]:
    """Tokens and cost of the agent's model, and whom it asked on the network."""
    lines: list[list[Span]] = []
    if usage.input_tokens or usage.output_tokens:
        cached = (
            f" ({_count(usage.cached_input_tokens)} cached)" if usage.cached_input_tokens else ""
        )
        lines.append(
            [(f"{_count(usage.input_tokens)} in{cached}, {_count(usage.output_tokens)} out", "")]
        )
        if usage.cost is None:
            lines.append([("its cost is not reported", DIM)])
        else:
            source = "estimated from prices" if usage.estimated else "as the agent reports it"
            lines.append([(f"${usage.cost:,.2f} {source}", STRONG)])
    else:
        lines.append([("no tokens reported", DIM)])
    if hosts:
        refused = sum(1 for _, _, allowed in hosts if not allowed)
        lines.append(
            [
                (f"{plural(len(hosts), 'host')} asked for", ""),
                (f", {refused} refused", CARE if refused else DIM),
            ]
        )
    return lines


def process_lines(device: DeviceView | None) -> list[list[Span]]:
    """The run's largest processes: resident memory, and GPU memory where the driver says."""
    lines: list[list[Span]] = []
    for each in device.last.processes if device is not None else ():
        gpu = f", {each.gpu_memory / 1e9:.1f} GB GPU" if each.gpu_memory else ""
        lines.append([(f"{each.memory / 1e9:.1f} GB{gpu} ", ""), (one_line(each.name, 40), DIM)])
    return lines


def dev_lines(dev: DevView, width: int) -> list[list[Span]]:
    """Scores on the feedback split as the agent's own evaluate.py noted them, the newest last."""
    if not dev.scores:
        return [[("no score on dev noted yet", DIM)]]
    lines: list[list[Span]] = []
    if dev.known:
        best = f"best {100 * max(dev.known):.1f} %  "
        curve = sparkline(dev.known, max(4, width - len(best)))
        lines.append([(best, STRONG), (curve, "$text-primary")])
    for each in dev.scores[-DEV_SHOWN:]:
        mark = ("✓ ", GOOD) if each.submitted else ("  ", "")
        score = percent(each.score, "no score")
        lines.append(
            [mark, (f"{clock(each.seconds)} ", DIM), (f"{score} ", STRONG), (each.what, "")]
        )
    if any(each.submitted for each in dev.scores):
        lines.append([("✓ these weights lay in final_model/", DIM)])
    return lines


def answer_lines(dev: DevView) -> list[list[Span]]:
    """What the model scored last said to the first items."""
    if not dev.answers:
        return [[("no answers noted yet", DIM)]]
    lines: list[list[Span]] = []
    for each in dev.answers:
        mark = ("✓ ", GOOD) if each.correct else ("✗ ", BAD)
        wanted = "" if each.correct else f", not {one_line(each.target, 40)}"
        lines.append(
            [
                mark,
                (one_line(each.question, 60), ""),
                (f"  {one_line(each.answer, 40) or '-'}", STRONG),
                (wanted, DIM),
            ]
        )
    return lines


def _gauge(name: str, now: float | None, shares: Sequence[float], width: int) -> list[Span]:
    cells = max(4, width - len(name) - 7)
    return [(f"{name} {share_text(now)} ", ""), (sparkline(shares, cells), "$text-primary")]


def _memory(name: str, used: int | None, total: int | None) -> list[Span]:
    if used is None or total is None:
        return [(f"{name} not known", DIM)]
    style = CARE if used > 0.95 * total else ""
    return [(f"{name} {used / 1e9:.1f} of {total / 1e9:.1f} GB", style)]


def _count(tokens: float) -> str:
    if not math.isfinite(tokens):
        return "?"
    if tokens >= 1e6:
        return f"{tokens / 1e6:.2f} M"
    return f"{tokens / 1e3:.1f} k" if tokens >= 1e3 else f"{tokens:.0f}"
