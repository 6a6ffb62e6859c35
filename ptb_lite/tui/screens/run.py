"""Run: a run that goes on, has ended, or is played again, as its journal tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.worker import Worker, WorkerState

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.runs.folder import RunFolder
from ptb_lite.text import plural
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.follow import follow
from ptb_lite.tui.models.run.source import (
    LiveSource,
    Piece,
    ReplaySource,
    RunSource,
    RunState,
    recorded_source,
)
from ptb_lite.tui.models.run.submission import submitted_now, would_be_scored
from ptb_lite.tui.models.run.text import left_out, stop_words, what_line
from ptb_lite.tui.models.run.view import RunSnapshot
from ptb_lite.tui.models.trace.entries import TraceFilter
from ptb_lite.tui.pager import show_in_pager, write_trace
from ptb_lite.tui.place import Mode, Place
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.dialogs import AskScreen, FlagScreen
from ptb_lite.tui.screens.messages.run import (
    Advance,
    RunAdvanced,
    RunUnreadable,
    StopAnswered,
    TraceWritten,
)
from ptb_lite.tui.widgets.line_input import LineInput
from ptb_lite.tui.widgets.run_panels import RunHeader, SidePanels
from ptb_lite.tui.widgets.trace_view import TraceView

TICK_SECONDS = 0.5
REPLAY_SPEED = 20.0
_FILTERS = {
    TraceFilter.ALL: "[a]ll",
    TraceFilter.AGENT: "a[g]ent",
    TraceFilter.HOST: "[h]ost",
    TraceFilter.FLAGS: "[!]flags",
}
_SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class RunScreen(PtbScreen):
    """`run` is the run's folder; with `speed` its journal is played, so many times as fast."""

    MODE: ClassVar[Mode] = "run"
    CSS_PATH = "../styles/run.tcss"
    HELP = """
What is run, its phases, what it is at and what there is so far are on top, the agent's trace below:
messages as they are, $ commands, > results and ~ thoughts folded to one line, · what the host says,
⚑ flags. Enter unfolds. a shows all of it, g the agent's part, h the host's, ! the flags alone.
Scrolling back holds the trace; End follows again. V is a violation, n a note: Enter on one shows
its evidence. Leaving this screen, or the app, ends no run.
"""
    VIEWED = frozenset((
        "follow", "search", "next", "copy", "panels", "flags",
        "show_only", "replay", "result", "hold", "faster",
    ))  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", show=False),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "next(True)", "Next match", show=False),
        Binding("N", "next(False)", "Previous match", show=False),
        Binding("y", "copy", "Copy"),
        Binding("o", "pager", "Pager"),
        Binding("p", "panels", "Panels", show=False),
        Binding("x", "flags", "Flags"),
        Binding("a", "show_only('all')", "All", show=False),
        Binding("g", "show_only('agent')", "The agent's", show=False),
        Binding("h", "show_only('host')", "The host's", show=False),
        Binding("exclamation_mark", "show_only('flags')", "Flags alone", show=False),
        Binding("s", "stop", "Stop"),
        Binding("c", "resume", "Continue"),
        Binding("z", "replay", "Replay", show=False),
        Binding("r", "result", "Result"),
        Binding("space", "hold", "Hold"),
        Binding("plus", "faster(1)", "Faster", show=False),
        Binding("minus", "faster(-1)", "Slower", show=False),
    ]

    def __init__(self, run: Path, speed: float | None = None) -> None:
        super().__init__()
        self._run = RunFolder(run)
        self._speed = speed
        self._source: RunSource | None = None
        self._left = threading.Event()
        self._advance: Advance | None = None
        self._told = False
        self._can_plot = False
        self._term = self._found = ""
        self._what = "its choices cannot be read"

    @property
    def shot(self) -> RunSnapshot | None:
        """What is shown, None before the first events."""
        return self._advance.shot if self._advance else None

    def compose_body(self) -> ComposeResult:
        yield RunHeader()
        yield Static(id="notice")
        with Horizontal(id="run-body"):
            yield TraceView(id="trace")
            yield SidePanels()
        yield LineInput(id="search", placeholder="search the trace", compact=True)

    def on_mount(self) -> None:
        self._title_trace()
        self.query_one(TraceView).focus()
        self.set_interval(TICK_SECONDS, self._tick)
        self._follow()

    def on_unmount(self) -> None:
        self._left.set()

    def can(self, action: str) -> bool:
        replayed = self._speed is not None
        if action in ("hold", "faster"):
            return replayed
        if action == "stop":
            return not replayed and self._going()
        if action in ("result", "replay"):
            return not self._going() or replayed
        if action == "resume":
            return not replayed and self._can_resume()
        return True

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Follow the trace", "Show what comes", self.action_follow)
        yield AppCommand("Search the trace", "In what is kept of it here", self.action_search)
        yield AppCommand("Open the trace in the pager", "All of it", self.action_pager)
        yield AppCommand("Show the flags", "Each with its evidence", self.action_flags)
        if self.can("stop"):
            yield AppCommand("Stop this run", "Asks once", self.action_stop)
        if self.can("resume"):
            yield AppCommand("Continue this run", "From its last phase", self.action_resume)
        if self.can("replay"):
            yield AppCommand("Replay this run", "20 times as fast", self.action_replay)
        if self.can("result"):
            yield AppCommand("Open this run's result", "Scores and samples", self.action_result)

    def on_run_advanced(self) -> None:
        self._told = False
        advance = self._advance
        assert advance is not None
        if self._can_plot:
            self.query_one(SidePanels).show_curve(advance.shot)
        self.query_one(TraceView).show(advance.shot.entries)
        self._say_notice(advance)
        self._tick()
        self.refresh_bindings()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker ends in an error only by a mistake of ours: it must not pass for silence."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self._notice(f"This is a bug of ptb-lite: {type(error).__name__}: {error}")

    def on_run_unreadable(self, message: RunUnreadable) -> None:
        self._notice(f"This run cannot be shown: {message.reason}")

    def on_stop_answered(self, message: StopAnswered) -> None:
        self.ptb.say(message.answer, error=message.failed)

    def on_trace_written(self, message: TraceWritten) -> None:
        problem = show_in_pager(self.app, message.path)
        if problem:
            self.ptb.say(problem)

    def on_trace_view_changed(self) -> None:
        self._title_trace()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._term = event.value
        self._close_search()
        self._find(forward=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        view = self.query_one(SidePanels).flag(event.option_index)
        self.app.push_screen(FlagScreen(view.flag, live=view.live))

    def on_key(self, event: object) -> None:
        if getattr(event, "key", "") == "escape" and self.query_one("#search").has_class("-open"):
            self._close_search()

    def action_follow(self) -> None:
        self.query_one(TraceView).action_follow()

    def action_search(self) -> None:
        box = self.query_one("#search", Input)
        box.add_class("-open")
        box.value = self._term
        box.focus()

    def action_next(self, forward: bool) -> None:
        self._find(forward=forward)

    def action_copy(self) -> None:
        selected = self.get_selected_text()
        entry = self.query_one(TraceView).current
        text = selected or (entry.text if entry else "")
        if text:
            self.app.copy_to_clipboard(text)
            self.ptb.say(f"Copied: {text}")

    def action_pager(self) -> None:
        self._write_trace()

    def action_panels(self) -> None:
        self.toggle_class("-panels")

    def action_flags(self) -> None:
        self.add_class("-panels")
        flags = self.query_one("#flags", OptionList)
        flags.focus()
        if flags.option_count and flags.highlighted is None:
            flags.highlighted = 0

    def action_stop(self) -> None:
        if self.shot is not None:
            words = stop_words(self.shot, would_be_scored(self._run.workspace))
            question = AskScreen("Stop this run?", words, yes="Stop it", no="Let it go on")
            self.app.push_screen(question, self._answered)

    def action_resume(self) -> None:
        """Continue the run from its last finished phase."""
        from ptb_lite.runner.launch import resume

        def ask() -> str:
            resume(self._run.path)
            return "The run goes on."

        self._ask_runner(ask)

    async def action_replay(self) -> None:
        await self.ptb.go(Place("run", self._run.path, REPLAY_SPEED))

    async def action_result(self) -> None:
        if self._run.scores.exists():
            await self.ptb.open_result(self._run.path)
        else:
            self.ptb.say("This run has no scores")

    def action_hold(self) -> None:
        if isinstance(self._source, ReplaySource):
            self._source.hold(not self._source.held)
            self._tick()

    def action_faster(self, by: int) -> None:
        if isinstance(self._source, ReplaySource):
            at = min(range(len(_SPEEDS)), key=lambda i: abs(_SPEEDS[i] - self._speed_now()))
            self._source.set_speed(_SPEEDS[min(len(_SPEEDS) - 1, max(0, at + by))])
            self._tick()

    @work(thread=True, exclusive=True, group="journal", exit_on_error=False)
    def _follow(self) -> None:
        counts: tuple[int, tuple[str, ...]] = (1, ())
        with suppress(PtbLiteError, OSError):
            spec = self._run.read_spec()
            counts, self._what = (len(spec.benchmarks), spec.off_target), what_line(spec)
        try:
            if self._speed is None:
                self._source = LiveSource(self._run)
            else:
                self._source = recorded_source(self._run, self._speed)
            follow(
                self._source,
                RunFold(self._run.run_id, *counts),
                self._left,
                self._tell,
            )
        except (OSError, PtbLiteError) as error:
            self.post_message(RunUnreadable(str(error)))

    @work(thread=True, exclusive=True, group="runner", exit_on_error=False)
    def _ask_runner(self, ask: Callable[[], str]) -> None:
        try:
            self.post_message(StopAnswered(ask(), failed=False))
        except (PtbLiteError, OSError) as error:
            self.post_message(StopAnswered(str(error), failed=True))

    @work(thread=True, exclusive=True, group="pager", exit_on_error=False)
    def _write_trace(self) -> None:
        try:
            self.post_message(TraceWritten(write_trace(self._run)))
        except OSError as error:
            self.post_message(RunUnreadable(str(error)))

    def _tell(self, shot: RunSnapshot, piece: Piece) -> None:
        """Called by the worker: the newest wins, and one message at a time is under way."""
        live = self._speed is None and shot.agent is not None and shot.sealed_bytes is None
        submitted = submitted_now(self._run.workspace) if live else ""
        self._advance = Advance(shot, piece.state, piece.skipped, piece.newer, submitted)
        self._announce()
        if shot.training is not None and not self._can_plot:
            import ptb_lite.tui.widgets.loss_plot  # noqa: F401  (slow, so here and not on screen)

            self._can_plot = True
            self._announce()

    def _announce(self) -> None:
        if not self._told:
            self._told = True
            self.post_message(RunAdvanced())

    def _answered(self, yes: bool | None) -> None:
        if yes:
            from ptb_lite.runner.launch import stop

            self._ask_runner(lambda: stop(self._run.path))

    def _tick(self) -> None:
        if self._advance is not None and self._source is not None:
            header = self.query_one(RunHeader)
            now = self._source.now()
            header.name_run(self._what)
            header.show(self._advance.shot, self._advance.state, now, self._advance.submitted)
            self.query_one(SidePanels).show(self._advance.shot)
            self._name_trace()

    def _title(self) -> str:
        if isinstance(self._source, ReplaySource):
            held = ", held (space goes on)" if self._source.held else ""
            return f"{self._run.run_id} replayed ×{self._speed_now():g}{held}"
        return self._run.run_id

    def _name_trace(self) -> None:
        """The run, and what of its trace is shown: the letter in brackets is the key."""
        view = self.query_one(TraceView)
        parts: list[Content | str | tuple[str, str]] = [f"{self._title()}  "]
        for kind, word in _FILTERS.items():
            parts += [(word, "bold reverse" if kind is view.filter else ""), " "]
        view.border_title = Content.assemble(*parts)

    def action_show_only(self, kind: str) -> None:
        self.query_one(TraceView).take_filter(TraceFilter(kind))
        self._name_trace()
        self._title_trace()

    def _speed_now(self) -> float:
        return self._source.speed if isinstance(self._source, ReplaySource) else 1.0

    def _can_resume(self) -> bool:
        if self._advance is None or self._going() or self._advance.state is RunState.GONE:
            return False
        return self._advance.shot.outcome not in (Outcome.FINISHED, Outcome.TIME_EXCEEDED)

    def _going(self) -> bool:
        return self._advance is None or self._advance.state is RunState.GOING

    def _title_trace(self) -> None:
        view = self.query_one(TraceView)
        words = view.standing
        if view.following:
            self._found = ""
        elif self._found:
            words = f"{self._found} · n and N go on · {words}"
        if self.shot and self.shot.earlier:
            where = self.hinted("{pager|in the pager (o)}") or "left out"
            words = f"{plural(self.shot.earlier, 'earlier line')} {where} · {words}"
        view.border_subtitle = Content(words)

    def _find(self, *, forward: bool) -> None:
        view = self.query_one(TraceView)
        self._found = view.find(self._term, forward=forward)
        self._title_trace()

    def _close_search(self) -> None:
        self.query_one("#search").remove_class("-open")
        self.query_one(TraceView).focus()

    def _say_notice(self, advance: Advance) -> None:
        self._notice(left_out(advance.shot, newer=advance.newer, skipped=advance.skipped))
        self._title_trace()

    def _notice(self, words: str) -> None:
        notice = self.query_one("#notice", Static)
        notice.update(Content(words))
        notice.set_class(bool(words), "-said")
