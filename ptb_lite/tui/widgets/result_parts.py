"""The Result screen's parts: score bars, the flags' evidence, the samples' table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, OptionList, Static
from textual.widgets.option_list import Option

from ptb_lite.events import Flag
from ptb_lite.narrate import Answer, flag_name, flags_count
from ptb_lite.report.samples import Sample, Samples
from ptb_lite.text import one_line
from ptb_lite.tui.models.result.flag_text import flag_parts, place_of
from ptb_lite.tui.models.result.flags import FlagGroup, group_flags
from ptb_lite.tui.models.result.samples import (
    SampleChoice,
    changed_lines,
    changed_title,
    listed,
    row,
    title,
    whole,
)
from ptb_lite.tui.models.result.view import BenchmarkPart, ResultView, answer_lines, bar_line
from ptb_lite.tui.models.run.text import BAD, CARE, DIM, STRONG, Span
from ptb_lite.tui.widgets.run_panels import content
from ptb_lite.tui.widgets.table import fill

MAX_LISTED = 1000
MAX_CHANGED = 12
MAX_BAR = 80
_BELOW = 70


class Answers(Widget):
    """What a person asks first, answered: is the gain real, can it be trusted, by which score."""

    def __init__(self) -> None:
        super().__init__(id="answers")
        self._lines: tuple[Answer, ...] = ()
        self._problem = "Reading the result …"

    def show(self, view: ResultView, hinted: Callable[[str], str]) -> None:
        """`hinted` gives a hint as who uses the app may read it."""
        self._lines = tuple(
            replace(each, text=f"{each.text} {hinted(view.hints.get(each.question, ''))}".strip())
            for each in view.answers
        )
        self._problem = view.problem
        self.border_title = Content(view.run_id)
        self.refresh(layout=True)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002
        return len(self._shown(width))

    def render(self) -> RenderResult:
        return Content("\n").join(self._shown(self.size.width))

    def _shown(self, width: int) -> list[Content]:
        if not self._lines:
            return [Content(line) for line in _wrapped(self._problem, width)]
        return [content(line) for each in self._lines for line in answer_lines(each, width)]


class Changed(Widget):
    """The items that were gained and lost against few-shot, gained first."""

    def __init__(self) -> None:
        super().__init__(classes="bars")
        self._lines: Sequence[Sequence[Span]] = ()

    def show(self, samples: Samples) -> None:
        self.border_title = Content(changed_title(samples))
        self._lines = changed_lines(samples, MAX_CHANGED)
        self.display = bool(self._lines)
        self.refresh(layout=True)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002
        return len(self._lines)

    def render(self) -> RenderResult:
        return Content("\n").join(content(line) for line in self._lines)


class ScoreBars(Widget):
    """One benchmark: a bar with its interval for every score, the words beside or below it.

    `like` are all benchmarks of the screen: their bars stand on one axis.
    """

    def __init__(self, part: BenchmarkPart, like: Sequence[BenchmarkPart]) -> None:
        super().__init__(classes="bars")
        self._part = part
        self._all = [bar for each in like for bar in each.bars]
        self.border_title = Content(f"{part.name}: {part.title}")

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002
        return sum(len(line.plain.split("\n")) for line in self._lines(width))

    def render(self) -> RenderResult:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        names = max((cell_len(bar.label) for bar in self._all), default=0)
        beside = width >= _BELOW
        words = max((cell_len(bar.text) for bar in self._all), default=0) if beside else 0
        cells = max(8, min(MAX_BAR, width - names - words - 4))
        found = []
        for bar in self._part.bars:
            spans: list[Span] = [(f"{bar.label:<{names}}  ", STRONG), *bar_line(bar, cells)]
            between = "  " if beside else "\n  "
            found.append(content([*spans, (f"{between}{bar.text}", "")]))
        axis = f"0{'50':^{max(2, cells - 5)}}100 %" if cells >= 12 else ""
        found.append(content([(f"{'':<{names}}  {axis}", DIM)]))
        found += [
            Content("\n").join(Content(line) for line in _wrapped(remark, width))
            for remark in self._part.remarks
        ]
        return found


class FlagsPart(Horizontal):
    """All flags, those that decide first, and the evidence of the one that is chosen."""

    def compose(self) -> ComposeResult:
        yield OptionList(id="result-flags", markup=False)
        yield VerticalScroll(Static(id="evidence"), id="evidence-box")

    def on_mount(self) -> None:
        self._groups: Sequence[FlagGroup] = ()

    @property
    def chosen(self) -> Flag | None:
        at = self.query_one(OptionList).highlighted
        return None if at is None or at >= len(self._groups) else self._groups[at].worst

    def show(self, view: ResultView) -> None:
        self._groups = group_flags(view.flags)
        box = self.query_one(OptionList)
        box.border_title = Content(flags_count(view.flags))
        box.set_options(Option(_flag_line(group)) for group in self._groups)
        box.highlighted = 0 if view.flags else None
        if not view.flags:
            lines = ["No flags.", "", *view.detectors]
            self.query_one("#evidence", Static).update(Content("\n".join(lines)))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        group = self._groups[event.option_index]
        parts = flag_parts(group.worst)
        spans: list[Span] = [(f"{parts.title}\n", STRONG), (f"{parts.facts}\n", "")]
        if group.count > 1:
            spans.append((f"the worst of {group.count} like it in this file\n", CARE))
        for side in parts.sides:
            spans += [(f"\n{side.title}\n", "bold $text-primary"), (f"{side.text}\n", "")]
        self.query_one("#evidence", Static).update(content(spans))


class SamplesPart(Vertical):
    """The table of samples, and the one under the cursor in full."""

    def compose(self) -> ComposeResult:
        yield Static("Reading the samples …", id="samples-title")
        with Horizontal(id="samples-both"):
            yield DataTable[Text](id="samples-table", cursor_type="row", zebra_stripes=True)
            yield VerticalScroll(Static(id="sample"), id="sample-box")

    def on_mount(self) -> None:
        self._listed: tuple[Sample, ...] = ()
        self._choice = SampleChoice()

    @property
    def chosen(self) -> str:
        """The text of the sample under the cursor."""
        at = self.query_one(DataTable).cursor_row
        if not 0 <= at < len(self._listed):
            return ""
        return "".join(text for text, _ in whole(self._listed[at], self._choice))

    def show(self, samples: Samples, choice: SampleChoice) -> None:
        self._choice = choice
        every = listed(samples, choice)
        self._listed = every[:MAX_LISTED]
        more = f" · the first {MAX_LISTED}" if len(every) > MAX_LISTED else ""
        self.query_one("#samples-title", Static).update(Content(title(samples, choice) + more))
        table = self.query_one(DataTable)
        before = choice.before.replace("_", "-")
        rows = [
            [Text(cell, no_wrap=True) for cell in row(sample, choice, table.size.width)]
            for sample in self._listed
        ]
        fill(table, ("change", "question", "answer", before, "after"), rows)
        if not self._listed:
            self.query_one("#sample", Static).update(Content("Nothing to show here."))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if 0 <= event.cursor_row < len(self._listed):
            sample = self._listed[event.cursor_row]
            self.query_one("#sample", Static).update(content(whole(sample, self._choice)))


def _flag_line(group: FlagGroup) -> Content:
    flag = group.worst
    mark = ("V ", BAD) if flag.decides else ("n ", CARE)
    name = one_line(flag_name(flag), 80)
    times = f" ×{group.count}" if group.count > 1 else ""
    return content([mark, (name, ""), (times, STRONG), (f"\n  {place_of(flag)}", DIM)])


def _wrapped(text: str, width: int) -> list[str]:
    from ptb_lite.tui.models.trace.rows import wrap

    return wrap(text, max(8, width))
