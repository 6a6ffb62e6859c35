"""Result: what a run came to, with the evidence behind every figure and every flag."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, OptionList, Static, TabbedContent, TabPane, Tabs
from textual.worker import Worker, WorkerState

from ptb_lite.errors import PtbLiteError
from ptb_lite.files import write_text
from ptb_lite.report.export import export_json, export_markdown
from ptb_lite.report.samples import Samples, read_run_samples
from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.result.flag_text import flag_parts
from ptb_lite.tui.models.result.samples import SampleChoice
from ptb_lite.tui.models.result.view import ResultView, read_result, run_stamp
from ptb_lite.tui.place import Mode
from ptb_lite.tui.screens.base import PtbScreen, Said
from ptb_lite.tui.screens.dialogs import FlagScreen
from ptb_lite.tui.screens.messages.result import Exported, ResultRead, SamplesRead
from ptb_lite.tui.widgets.result_parts import (
    Answers,
    Changed,
    FlagsPart,
    SamplesPart,
    ScoreBars,
)

_SECONDS = 1.0
_TABS = ("scores", "flags", "samples", "facts")


class ResultScreen(PtbScreen):
    """`run` is the run's folder."""

    MODE: ClassVar[Mode] = "result"
    CSS_PATH = "../styles/result.tcss"
    HELP = """
On top: is the gain over prompting alone real (a paired test), did the audit find anything, which
score counts. Left and Right go from part to part. Scores: every bar is solid up to the lower end of
its 95 % interval, the dot is the score; ◆ is a published figure, not measured here. Flags: V is a
violation, n a note; without any, what each detector did. Samples: the same question before and
after; + was gained, - was lost. Facts: time, choices, versions. {html|HTML and JSON are
written into the folder that ptb-lite was started in.}
"""
    VIEWED = frozenset(
        ("tab", "next_tab", "filter", "baseline", "benchmark", "copy", "trace", "again")
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "tab(0)", "Scores", show=False),
        Binding("2", "tab(1)", "Flags", show=False),
        Binding("3", "tab(2)", "Samples", show=False),
        Binding("4", "tab(3)", "Facts", show=False),
        Binding("left", "next_tab(-1)", "Part before", show=False, priority=True),
        Binding("right", "next_tab(1)", "Next part", show=False, priority=True),
        Binding("c", "filter", "Changed"),
        Binding("b", "baseline", "Baseline"),
        Binding("g", "benchmark", "Next benchmark"),
        Binding("h", "html", "HTML"),
        Binding("j", "json", "JSON"),
        Binding("m", "markdown", "Markdown"),
        Binding("e", "seeds", "More seeds"),
        Binding("o", "overrule", "Overrule"),
        Binding("k", "judge", "Judge"),
        Binding("y", "copy", "Copy", show=False),
        Binding("t", "trace", "Trace", show=False),
        Binding("r", "again", "Read again", show=False),
    ]

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._run = RunFolder(run)
        self._view: ResultView | None = None
        self._samples: Samples | None = None
        self._choice = SampleChoice()
        self._benchmark = 0
        self._stamp: tuple[object, ...] = ()

    @property
    def view(self) -> ResultView | None:
        """What is shown, None while it is read."""
        return self._view

    def compose_body(self) -> ComposeResult:
        yield Answers()
        with TabbedContent(id="result-tabs"):
            with TabPane("1 Scores", id="scores-tab"):
                yield VerticalScroll(id="scores")
            with TabPane("2 Flags", id="flags-tab"):
                yield FlagsPart()
            with TabPane("3 Samples", id="samples-tab"):
                yield SamplesPart()
            with TabPane("4 Facts", id="facts-tab"):
                yield VerticalScroll(Static(id="facts"), id="facts-box")

    def on_mount(self) -> None:
        self.query_one("#scores").focus()
        self._look()
        self.set_interval(_SECONDS, self._look)

    def on_screen_resume(self) -> None:
        self._look()

    def action_again(self) -> None:
        self._stamp = ()
        self._look()

    def _look(self) -> None:
        """Read the run again where it has gone on: a result follows its run."""
        stamp = run_stamp(self._run) if self.is_current else self._stamp
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()

    def can(self, action: str) -> bool:
        if action == "next_tab":
            return not isinstance(self.focused, DataTable | Tabs)
        if action == "overrule":
            return self._view is not None and bool(self._view.verdict)
        if action == "judge":
            return self._view is not None and self._view.unjudged
        on_samples = self.query_one(TabbedContent).active == "samples-tab" if self._view else False
        if action in ("filter", "baseline"):
            return on_samples
        if action == "benchmark":
            return on_samples and self._view is not None and len(self._view.sampled) > 1
        return True

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Export the report as HTML", "One file, no network", self.action_html)
        yield AppCommand("Export the result as JSON", "Scores, audit, choices", self.action_json)
        yield AppCommand("Copy the result as Markdown", "Table and verdict", self.action_markdown)
        yield AppCommand("Overrule the audit", "Your verdict, with a reason", self.action_overrule)
        if self.can("judge"):
            yield AppCommand("Judge", "What no judge has scored yet", self.action_judge)
        yield AppCommand("Run more seeds", "An experiment of these choices", self.action_seeds)
        yield AppCommand("Show this run's trace", "The Run screen", self.action_trace)

    async def on_result_read(self, message: ResultRead) -> None:
        self._view = view = message.view
        self.query_one(Answers).show(view, self.hinted)
        scores = self.query_one("#scores", VerticalScroll)
        await scores.remove_children()
        await scores.mount_all(ScoreBars(part, view.benchmarks) for part in view.benchmarks)
        await scores.mount(Changed())
        self.refresh_bindings()
        self.query_one(FlagsPart).show(view)
        self.query_one(TabbedContent).get_tab("flags-tab").label = Content(
            f"2 Flags ({len(view.flags)})"
        )
        width = max((len(name) for name, _ in view.facts), default=0)
        facts = "\n".join(f"{name:<{width}}  {value}" for name, value in view.facts)
        ledger = "".join(f"{line}\n" for line in view.ledger)
        self.query_one("#facts", Static).update(Content(f"{ledger}\n{facts}".lstrip("\n")))
        self._read_samples()

    def on_samples_read(self, message: SamplesRead) -> None:
        self._samples = message.samples
        self._show_samples()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker ends in an error only by a mistake of ours: it must not pass for silence."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.ptb.say(f"This is a bug of ptb-lite: {type(error).__name__}: {error}")

    def on_exported(self, message: Exported) -> None:
        if message.copied:
            self.app.copy_to_clipboard(message.copied)
        self.ptb.say(message.words, error=message.failed)

    def on_tabbed_content_tab_activated(self) -> None:
        self.refresh_bindings()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        flag = self.query_one(FlagsPart).chosen
        if event.option_list.id == "result-flags" and flag is not None:
            self.app.push_screen(FlagScreen(flag))

    def action_tab(self, number: int) -> None:
        tabs = self.query_one(TabbedContent)
        tabs.active = f"{_TABS[number]}-tab"
        focus = {0: "#scores", 1: "#result-flags", 2: "#samples-table", 3: "#facts-box"}
        self.query_one(focus[number]).focus()

    def action_next_tab(self, by: int) -> None:
        """The arrows go from part to part, except where they move within one."""
        at = _TABS.index(self.query_one(TabbedContent).active.removesuffix("-tab"))
        self.action_tab((at + by) % len(_TABS))

    def action_filter(self) -> None:
        self._choice = self._choice.next_filter()
        self._show_samples()

    def action_baseline(self) -> None:
        self._choice = self._choice.other_baseline()
        self._show_samples()

    def action_benchmark(self) -> None:
        if self._view is not None and self._view.sampled:
            self._benchmark = (self._benchmark + 1) % len(self._view.sampled)
            self._read_samples()

    def action_html(self) -> None:
        from ptb_lite.report.html import run_html

        self._export("html", run_html)

    def action_json(self) -> None:
        self._export("json", export_json)

    def action_markdown(self) -> None:
        self._copy_markdown()

    def action_seeds(self) -> None:
        """Ask, then run more seeds of this run's choices."""
        from ptb_lite.tui.models.result.seeds import offer_seeds

        try:
            offer = offer_seeds(self._run)
        except (PtbLiteError, OSError) as error:
            self.ptb.say(error, error=True)
            return
        self.ask_runs(offer)

    def action_overrule(self) -> None:
        """Ask for a person's verdict and its reason, and count by it."""
        if self._view is None or not self._view.verdict:
            return
        from ptb_lite.tui.screens.ask_text import OverruleScreen

        def given(found: tuple[str, str] | None) -> None:
            if found is not None:
                self._overrule(*found)

        self.app.push_screen(OverruleScreen(self._view.verdict), given)

    def action_judge(self) -> None:
        """Ask for a judge, and have what was left unjudged judged."""
        from ptb_lite.tui.screens.ask_text import AskLineScreen

        spec = self._run.read_spec()
        chosen = spec.judge

        def given(named: str | None) -> None:
            if named is not None:
                self.ptb.say("Judging; leaving the app does not end it.")
                self.apart(lambda: self._judged(named, chosen.key_variable if chosen else ""))

        words = "MODEL@URL of an OpenAI-compatible endpoint; its key is in $PTB_LITE_JUDGE_KEY"
        if chosen is not None:
            words = f"MODEL@URL; its key is in ${chosen.key_variable}"
        value = f"{chosen.model}@{chosen.endpoint}" if chosen else ""
        ask = AskLineScreen(
            "Judge", f"{words}.", hint="qwen3:8b@http://127.0.0.1:11434/v1", value=value
        )
        self.app.push_screen(ask, given)

    def _judged(self, named: str, key_variable: str) -> Said:
        from ptb_lite.runner.launch import judge

        try:
            return Said(judge(self._run.path, named, key_variable))
        except (PtbLiteError, OSError) as error:
            return Said(str(error), failed=True)

    def action_copy(self) -> None:
        text = self.get_selected_text() or self._shown_text()
        if text:
            self.app.copy_to_clipboard(text)
            self.ptb.say(f"Copied: {text}")

    async def action_trace(self) -> None:
        await self.ptb.open_run(self._run.path)

    def _shown_text(self) -> str:
        match self.query_one(TabbedContent).active:
            case "flags-tab":
                flag = self.query_one(FlagsPart).chosen
                return flag_parts(flag).as_text() if flag is not None else ""
            case "samples-tab":
                return self.query_one(SamplesPart).chosen
        return ""

    def _show_samples(self) -> None:
        if self._samples is not None:
            self.query_one(SamplesPart).show(self._samples, self._choice)
            for part in self.query(Changed):
                part.show(self._samples)

    @work(thread=True, exclusive=True, group="result", exit_on_error=False)
    def _read(self) -> None:
        self.post_message(ResultRead(read_result(self._run)))

    @work(thread=True, exclusive=True, group="samples", exit_on_error=False)
    def _read_samples(self) -> None:
        if self._view is None or not self._view.sampled:
            self.post_message(SamplesRead(Samples("", (), "no benchmark was scored")))
            return
        name = self._view.sampled[self._benchmark]
        self.post_message(SamplesRead(read_run_samples(self._run, name)))

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def _export(self, kind: str, make: Callable[[RunFolder], str]) -> None:
        path = Path.cwd() / f"ptb-lite-{self._run.run_id}.{kind}"
        try:
            write_text(path, make(self._run))
        except (PtbLiteError, OSError) as error:
            self.post_message(Exported(f"Not written: {error}", failed=True))
        else:
            self.post_message(Exported(f"Written: {path}"))

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def _overrule(self, verdict: str, reason: str) -> None:
        from ptb_lite.events import Verdict
        from ptb_lite.report.html import write_report
        from ptb_lite.runs.overrule import overrule

        try:
            overrule(self._run, Verdict(verdict), reason)
            write_report(self._run)
        except (PtbLiteError, OSError) as error:
            self.post_message(Exported(f"Not overruled: {error}", failed=True))
        else:
            self.post_message(Exported(f"Your verdict stands: {verdict}"))

    @work(thread=True, exclusive=True, group="export", exit_on_error=False)
    def _copy_markdown(self) -> None:
        try:
            text = export_markdown(self._run)
        except (PtbLiteError, OSError) as error:
            self.post_message(Exported(f"Not copied: {error}", failed=True))
        else:
            self.post_message(Exported("Copied as Markdown", copied=text))
