"""The Run screen's panels: each is shown a snapshot and says what of it is its matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ptb_lite.tui.models.result.flags import group_views
from ptb_lite.tui.models.run.panel_text import (
    answer_lines,
    dev_lines,
    device_lines,
    process_lines,
    training_lines,
    usage_lines,
)
from ptb_lite.tui.models.run.source import RunState
from ptb_lite.tui.models.run.text import (
    OPENS,
    Span,
    at_line,
    facts_line,
    flag_spans,
    flags_title,
    small_line,
    strip_line,
)
from ptb_lite.tui.models.run.view import FlagView, RunSnapshot


def content(spans: Iterable[Span]) -> Content:
    """Spans as content: their text is never markup."""
    return Content.assemble(*((text, style) for text, style in spans if text))


def lines(rows: Sequence[Sequence[Span]]) -> Content:
    return Content("\n").join(content(row) for row in rows)


def put(static: Static, shown: Content) -> None:
    """Show it, without a new layout of the screen where its height stays as it is."""
    before = static.content
    if before != shown:
        same = isinstance(before, Content) and before.plain.count("\n") == shown.plain.count("\n")
        static.update(shown, layout=not same)


class RunHeader(Vertical):
    """What is run, its phases, what it is at, what there is so far, and, where the panels have no
    room, their figures."""

    def __init__(self, opens: str = OPENS) -> None:
        """`opens` says how an ended run's result is opened from here."""
        super().__init__()
        self._opens = opens

    def compose(self) -> ComposeResult:
        yield Static(id="what")
        yield Static(id="phases")
        yield Static(id="at")
        yield Static(id="so-far")
        yield Static(id="small")

    def name_run(self, what: str) -> None:
        """What is run, on one line."""
        put(self.query_one("#what", Static), Content(what))

    def show(self, shot: RunSnapshot, state: RunState, now: datetime, submitted: str) -> None:
        strip = strip_line(shot.phases, shot.no_score, now, self.content_size.width)
        put(self.query_one("#phases", Static), content(strip))
        put(self.query_one("#at", Static), content(at_line(shot, state, now, self._opens)))
        put(
            self.query_one("#so-far", Static),
            content(facts_line(shot, submitted, self.content_size.width)),
        )
        put(self.query_one("#small", Static), content(small_line(shot)))


# Where there is a third column for them.
_WIDE = {
    "processes": "Memory by process",
    "dev": "Dev scores, as the agent noted them",
    "answers": "Latest dev answers",
}


class SidePanels(VerticalScroll, can_focus=False):
    """Training and flags; machine and tokens below them, or beside where there is room, and there
    dev scores, answers and the processes' memory as well."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="side"):
            with Vertical(id="training", classes="panel") as training:
                training.border_title = "Training"
                yield Static(id="training-figures")
            flags = OptionList(id="flags", classes="panel", markup=False)
            flags.border_title = "Flags"
            yield flags
        with Vertical(classes="side"):
            machine = Static(id="machine", classes="panel")
            machine.border_title = "Machine"
            yield machine
            usage = Static(id="usage", classes="panel")
            usage.border_title = "Agent's model"
            yield usage
            for name, title in _WIDE.items():
                panel = Static(id=name, classes="panel wide")
                panel.border_title = title
                yield panel

    def on_mount(self) -> None:
        self._flags: tuple[FlagView, ...] = ()
        self._groups: tuple[tuple[FlagView, int], ...] = ()
        self._audited = False

    def flag(self, index: int) -> FlagView:
        return self._groups[index][0]

    def show(self, shot: RunSnapshot) -> None:
        put(self.query_one("#training-figures", Static), lines(training_lines(shot.training)))
        machine = self.query_one("#machine", Static)
        put(machine, lines(device_lines(shot.device, max(20, machine.content_size.width))))
        put(self.query_one("#usage", Static), lines(usage_lines(shot.usage, shot.hosts)))
        if self.screen.has_class("-wide"):
            dev = self.query_one("#dev", Static)
            put(dev, lines(dev_lines(shot.dev, max(20, dev.content_size.width))))
            put(self.query_one("#answers", Static), lines(answer_lines(shot.dev)))
            put(self.query_one("#processes", Static), lines(process_lines(shot.device)))
        self._show_flags(shot)

    def show_curve(self, shot: RunSnapshot) -> None:
        """The training's loss; its module has to be imported before, by a worker."""
        from ptb_lite.tui.widgets.loss_plot import LossPlot

        if shot.training is None or len(shot.training.points) < 2:
            return
        found = self.query(LossPlot)
        if not found:
            self.query_one("#training").mount(LossPlot(id="loss"))
            found = self.query(LossPlot)
        if found:
            found.first().show(shot.training.points, shot.training.per_point)
            self.query_one("#training").border_title = found.first().title

    def _show_flags(self, shot: RunSnapshot) -> None:
        box = self.query_one("#flags", OptionList)
        box.border_title = Content(flags_title(shot))
        if shot.flags == self._flags and shot.audited == self._audited:
            return
        at = box.highlighted
        self._flags, self._audited = shot.flags, shot.audited
        self._groups = group_views(shot.flags)
        told = (flag_spans(view, shot.audited, count) for view, count in self._groups)
        box.set_options(Option(content(spans)) for spans in told)
        box.highlighted = min(at, len(self._groups) - 1) if at is not None and shot.flags else None
