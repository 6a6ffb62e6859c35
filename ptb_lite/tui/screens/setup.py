"""Setup: choose, see what it takes, start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Collapsible, Input, Select, Static

from ptb_lite.errors import PtbLiteError
from ptb_lite.text import plural
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.going import going_runs
from ptb_lite.tui.models.setup.choices import SetupChoices, choices_of, preset_of, toggled
from ptb_lite.tui.models.setup.lines import Summary
from ptb_lite.tui.models.setup.remembered import load_choices, save_choices
from ptb_lite.tui.place import Mode
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.save_preset import SavePresetScreen
from ptb_lite.tui.screens.setup_fields import (
    FIELDS,
    SETUP_HELP,
    SETUP_KEYS,
    more_fields,
    setup_fields,
    words_of,
)
from ptb_lite.tui.screens.setup_messages import Checked, Launched, Loaded, Unreadable
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.choice_list import ChoiceList

if TYPE_CHECKING:
    # The first frame does not wait for what reads and validates; `_load` imports it.
    from ptb_lite.spec.run_spec import RunSpec
    from ptb_lite.tui.models.setup.actions import SetupFacts
    from ptb_lite.tui.models.setup.problems import SetupProblem

_FIRST_PRESET = "offline-demo"


class SetupScreen(PtbScreen):
    MODE: ClassVar[Mode] = "setup"
    CSS_PATH = "../styles/setup.tcss"
    HELP = SETUP_HELP
    BINDINGS: ClassVar[list[BindingType]] = SETUP_KEYS

    def __init__(self) -> None:
        super().__init__()
        self._facts: SetupFacts | None = None
        self._choices = SetupChoices()
        self._summary = Summary(())
        self._checking: RunSpec | None = None
        self._checked: RunSpec | None = None
        self._problems: tuple[SetupProblem, ...] = ()
        self._starting = self._started = False

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="setup-body"):
            with Horizontal(id="setup-lists"):
                yield ChoiceList("Base model", several=False, id="models")
                yield ChoiceList("Agent", several=False, id="agents")
                yield ChoiceList("Benchmarks", several=True, id="benchmarks")
            yield Static(Content("Reading the catalogue …"), id="setup-detail")
            yield Container(id="setup-fields", classes="setup-grid")
            yield Container(id="setup-more")
            yield Static("", id="setup-summary")
        with Container(id="setup-bottom"):
            yield Static("", id="setup-command")
            with Horizontal(id="setup-start"):
                yield Button("Start", id="start", variant="success", disabled=True, compact=True)
                yield Static("", id="setup-reason")

    def on_mount(self) -> None:
        self.query_one("#models").focus()
        self.call_after_refresh(self._furnish)

    def on_screen_resume(self) -> None:
        if self._started:
            # Seen again after the run that was started: another one may be started now.
            self._starting = self._started = False
        if self._facts is not None and not self._starting:
            self._load()

    def on_unmount(self) -> None:
        if self._summary.spec is not None:
            save_choices(self._choices)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_lists)

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Start the run", "As chosen", self.action_start)
        yield AppCommand(
            "Copy the command line", "That starts the same run", self.action_copy_command
        )
        yield AppCommand("Save as a preset", "Under a name of your own", self.action_save_preset)
        for name, preset in (self._facts.presets if self._facts else {}).items():
            yield AppCommand(f"Preset: {name}", preset.title, partial(self._take_preset, name))

    def action_start(self) -> None:
        spec = self._summary.spec
        if self._starting:
            self.ptb.say("A run is being started already.")
            return
        if self.query_one("#start", Button).disabled or spec is None or self._facts is None:
            self.ptb.say(self._why_not(), error=True)
            return
        going = going_runs(self.ptb.runs_dir)
        if going:
            self._ask_start(self._facts, spec, going)
        else:
            self._start(self._facts, spec)

    def _ask_start(self, facts: SetupFacts, spec: RunSpec, going: tuple[str, ...]) -> None:
        words = (
            f"{', '.join(going[:3])} {'goes' if len(going) == 1 else 'go'} on. Runs at the same "
            "time share this machine: each gets less of it, and their scores compare less."
        )

        from ptb_lite.tui.screens.dialogs import AskScreen  # reads what validates

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(facts, spec)

        self.app.push_screen(
            AskScreen("Start another run?", words, yes="Start it", no="Not now"), answered
        )

    def _start(self, facts: SetupFacts, spec: RunSpec) -> None:
        self._starting = True
        self._show_reason("Starting …", ready=False)
        save_choices(self._choices)
        self._launch(facts, spec)

    def _why_not(self) -> str:
        """What is in the way of a start, all of it."""
        bad = [problem.text for problem in self._problems if not problem.warns]
        if self._summary.problem or not bad:
            return self._summary.problem or "This machine is still being checked."
        return f"Not started: {'; '.join(bad)}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "mend" or bool(self._summary.field or self._problems)

    def action_mend(self) -> None:
        """Put the focus on the field that mends the first problem."""
        fields = (self._summary.field, *(problem.field for problem in self._problems))
        name = next((field for field in fields if field), "")
        lists = {"model": "#models", "agent": "#agents", "benchmarks": "#benchmarks"}
        place = lists.get(name, f"#choose-{name}")
        if not name or not self.query(place):
            self.ptb.say("No field of this screen mends that.")
            return
        for fold in self.query_one(place).ancestors:
            if isinstance(fold, Collapsible):
                fold.collapsed = False
        self.query_one(place).focus()

    def action_copy_command(self) -> None:
        if self._summary.command:
            self.app.copy_to_clipboard(self._summary.command)
            self.ptb.say(f"Copied: {self._summary.command}")

    def action_look(self) -> None:
        self._checked = None
        self._load()

    def action_save_preset(self) -> None:
        spec = self._summary.spec
        if spec is None:
            self.ptb.say(f"Not a preset yet: {self._summary.problem}")
            return

        def save(name: str | None) -> None:
            if name is not None:
                self._save(spec, name)

        self.app.push_screen(SavePresetScreen(), save)

    def on_choice_list_chosen(self, message: ChoiceList.Chosen) -> None:
        if self._facts is None:
            return
        match message.choice_list.id:
            case "models":
                self._apply(self._choices.but(model=message.line_id))
            case "agents":
                self._apply(self._choices.but(agent=message.line_id))
            case _:
                order = tuple(self._facts.catalog.benchmarks)
                self._apply(toggled(self._choices, message.line_id, order))

    def on_choice_list_pointed(self, message: ChoiceList.Pointed) -> None:
        line = message.line
        shown = Content.assemble((f"{one_line(line.id)}  ", "bold"), one_line(line.detail, 900))
        self.query_one("#setup-detail", Static).update(shown)

    @on(Select.Changed)
    def _selected(self, message: Select.Changed) -> None:
        name = (message.select.id or "").removeprefix("choose-")
        value = message.value
        if self._facts is None or not isinstance(value, str):
            return
        if name == "preset":
            if value != (self._choices.preset or ""):
                self._take_preset(value)
        elif value != self._choices.text(name):
            self._apply(self._choices.but(**{name: value}))

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        name = (message.input.id or "").removeprefix("choose-")
        if self._facts is None or name not in FIELDS:
            return
        if message.value != self._choices.text(name):
            self._apply(self._choices.but(**{name: message.value}))

    @on(Button.Pressed, "#start")
    def _pressed(self) -> None:
        self.action_start()

    def on_setup_screen_loaded(self, message: Loaded) -> None:
        first = self._facts is None
        self._facts = message.facts
        presets = message.facts.presets
        select: Select[str] = self.query_one("#choose-preset", Select)
        options = [("(none)", ""), *((name, name) for name in presets)]
        with self.prevent(Select.Changed):
            select.set_options(options)
            kept = self._choices.preset or ""
            select.value = kept if kept in presets else ""
        self._fill(self._choices)
        kept_choices = load_choices(presets) if first else None
        if kept_choices is not None:
            self._choices = kept_choices
            with self.prevent(Select.Changed):
                select.value = kept_choices.preset or ""
            self._fill(kept_choices)
            self._apply(kept_choices)
        elif first and _FIRST_PRESET in presets:
            self._take_preset(_FIRST_PRESET)
        else:
            self._apply(self._choices)
        focused = self.focused
        if isinstance(focused, ChoiceList) and focused.pointed is not None:
            self.on_choice_list_pointed(ChoiceList.Pointed(focused.pointed))

    def on_setup_screen_unreadable(self, message: Unreadable) -> None:
        self.query_one("#setup-detail", Static).update(Content(one_line(message.reason, 900)))
        self._show_reason(message.reason, ready=False)

    def on_setup_screen_checked(self, message: Checked) -> None:
        self._checking = None
        spec = self._summary.spec
        if message.spec != spec:
            self._check()
            return
        self._checked = message.spec
        self._problems = message.problems
        self._show_checked()

    async def on_setup_screen_launched(self, message: Launched) -> None:
        if message.path is None:
            self._starting = False
            self._show_reason(message.problem, ready=True)
            self.ptb.say(message.problem, error=True)
            return
        # Until this screen is seen again a second press starts nothing.
        self._started = True
        self._show_reason(f"{message.path.name} was started.", ready=True)
        await self.ptb.open_run(message.path)

    async def _furnish(self) -> None:
        """The many controls come after the first frame, what they show after them."""
        await self.query_one("#setup-fields").mount(*setup_fields())
        await self.query_one("#setup-more").mount(more_fields())
        self._load()

    def _take_preset(self, name: str) -> None:
        """Fill everything in from a preset; from none: the choices stay, the preset goes."""
        assert self._facts is not None
        preset = self._facts.presets.get(name)
        choices = replace(self._choices, preset=None) if preset is None else choices_of(preset)
        with self.prevent(Select.Changed):
            self.query_one("#choose-preset", Select).value = choices.preset or ""
        self._fill(choices)
        self._apply(choices)

    def _fill(self, choices: SetupChoices) -> None:
        """Show choices in the fields, without taking that for typing."""
        with self.prevent(Select.Changed, Input.Changed):
            for name, choice in FIELDS.items():
                if words_of(choice):
                    self.query_one(f"#choose-{name}", Select).value = choices.text(name)
                else:
                    self.query_one(f"#choose-{name}", Input).value = choices.text(name)

    def _apply(self, choices: SetupChoices) -> None:
        assert self._facts is not None
        self._choices = choices
        self._summary = self._facts.summary(choices)
        self._show_lists()
        shown = [
            Content.assemble((f"{word:<9}", "bold"), f"{one_line(text, 600)}\n")
            for word, text in self._summary.lines
        ]
        if shown:
            # What was shown stays while something is wrong: a list that jumps is clicked wrongly.
            self.query_one("#setup-summary", Static).update(Content("").join(shown).rstrip())
        self.query_one("#setup-summary").set_class(not shown, "-stale")
        command = one_line(self._summary.command, 2000)
        self.query_one("#setup-command", Static).update(
            Content.assemble(("Command  ", "bold"), command or "-")
        )
        self._check()

    def _show_lists(self) -> None:
        if self._facts is None:
            return
        chosen = {
            "models": {self._choices.text("model")},
            "agents": {self._choices.text("agent")},
            "benchmarks": set(self._choices.benchmarks),
        }
        for name, lines in self._facts.lines(self._choices).items():
            self.query_one(f"#{name}", ChoiceList).show_lines(lines, chosen[name])

    def _check(self) -> None:
        """Have the machine checked for what is chosen now; one check at a time."""
        assert self._facts is not None
        spec = self._summary.spec
        if spec is None:
            self._show_reason(self._summary.problem, ready=False)
        elif spec == self._checked:
            self._show_checked()
        else:
            self._problems = ()
            self._show_reason("Checking this machine …", ready=False)
            if self._checking is None:
                self._checking = spec
                facts = self._facts
                self.apart(lambda: Checked(spec, facts.problems(spec)))

    def _show_checked(self) -> None:
        """The verdict: everything that is in the way, or that there is nothing."""
        bad = sum(not problem.warns for problem in self._problems)
        lines = [problem.line for problem in self._problems]
        if not bad:
            lines.insert(0, "This machine can run it.")
        elif bad > 1:
            lines[0] = f"NO, {plural(bad, 'thing')} in the way: {lines[0]}"
        self._show_reason("\n".join(lines), ready=not bad)

    def _show_reason(self, reason: str, *, ready: bool) -> None:
        self.query_one("#start", Button).disabled = not ready or self._starting
        lines = (one_line(line, 300) for line in reason.splitlines())
        self.query_one("#setup-reason", Static).update(Content("\n".join(lines)))
        self.refresh_bindings()

    def _save(self, spec: RunSpec, name: str) -> None:
        assert self._facts is not None
        try:
            path = self._facts.save(spec, name)
        except PtbLiteError as error:
            self.ptb.say(error, error=True)
            return
        self.ptb.say(f"Saved in {path}")
        # What was left to a default has a value in the preset.
        preset = preset_of(spec, name)
        self._choices = choices_of(preset)
        self._facts = replace(self._facts, presets={**self._facts.presets, name: preset})
        self._load()

    @work(thread=True, exclusive=True, group="load")
    def _load(self) -> None:
        from ptb_lite.tui.models.setup.actions import read_facts

        try:
            facts = read_facts(self.ptb.runs_dir)
        except PtbLiteError as error:
            self.post_message(Unreadable(str(error)))
            return
        if self._facts is None:
            self.post_message(Loaded(facts))
        self.post_message(Loaded(facts.with_machine()))

    @work(thread=True, group="launch")
    def _launch(self, facts: SetupFacts, spec: RunSpec) -> None:
        try:
            self.post_message(Launched(facts.start(spec)))
        except (PtbLiteError, OSError) as error:
            self.post_message(Launched(None, f"The run cannot be started: {error}"))
