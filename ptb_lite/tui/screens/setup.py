"""Setup: choose, see what it takes, start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.widgets import Button, Collapsible, Input, Select

from ptb_lite.errors import PtbLiteError
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.going import going_runs
from ptb_lite.tui.models.setup.choices import SetupChoices, choices_of, preset_of, toggled
from ptb_lite.tui.models.setup.lines import Summary
from ptb_lite.tui.models.setup.remembered import load_choices, save_choices
from ptb_lite.tui.models.setup.verdict import CHECKING, Verdict, Way
from ptb_lite.tui.screens.messages.setup import Checked, Launched, Loaded, Unreadable
from ptb_lite.tui.screens.setup_fields import (
    SETUP_KEYS,
    fields,
    label_of,
)
from ptb_lite.tui.screens.setup_view import SetupView
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.choice_list import ChoiceList
from ptb_lite.tui.widgets.verdict_box import VerdictBox

if TYPE_CHECKING:
    # The first frame does not wait for what reads and validates; `_load` imports it.
    from ptb_lite.spec.run_spec import RunSpec
    from ptb_lite.tui.models.setup.actions import SetupFacts
    from ptb_lite.tui.models.setup.problems import SetupProblem

_FIRST_PRESET = "offline-demo"


class SetupScreen(SetupView):
    """What is chosen, checked and started; `SetupView` shows it."""

    BINDINGS: ClassVar[list[BindingType]] = SETUP_KEYS

    def __init__(self) -> None:
        super().__init__()
        self._figures = Summary(())
        # The newest choices that make a run: they are kept for the next start.
        self._sound: SetupChoices | None = None
        self._checking: RunSpec | None = None
        self._checked: RunSpec | None = None
        self._problems: tuple[SetupProblem, ...] = ()
        self._starting = self._started = False

    def on_mount(self) -> None:
        self.query_one("#models").focus()
        self._furnish()

    def on_screen_resume(self) -> None:
        if self._started:
            # Seen again after the run that was started: another one may be started now.
            self._starting = self._started = False
        if self._facts is not None and not self._starting:
            self._load()

    def on_unmount(self) -> None:
        if self._sound is not None:
            save_choices(self._sound)

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Start the run", "As chosen", self.action_start)
        yield AppCommand("Start three seeds", "As an experiment", self.action_seeds)
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
        self._say("Starting …")
        save_choices(self._choices)
        self._launch(facts, spec)

    def action_seeds(self) -> None:
        """Ask, then run the choices with three seeds."""
        from ptb_lite.tui.models.result.seeds import SeedsOffer  # reads what validates

        spec = self._summary.spec
        if spec is None or self.query_one("#start", Button).disabled:
            self.ptb.say(self._why_not(), error=True)
            return
        self.ask_runs(SeedsOffer(spec, self.ptb.runs_dir, {}))

    def _why_not(self) -> str:
        """What is in the way of a start, all of it."""
        bad = [way.problem.text for way in self._ways() if not way.problem.warns]
        if not bad:
            return "This machine is still being checked."
        return f"Not started: {'; '.join(bad)}"

    def can(self, action: str) -> bool:
        return action != "mend" or any(way.fix for way in self._ways())

    def action_mend(self) -> None:
        """Do what mends the first problem: choose what works, or go to the field that does."""
        fix = next((way.fix for way in self._ways() if way.fix), None)
        if fix is None:
            self.ptb.say("No field of this screen mends that.")
            return
        if fix.value:
            choices = self._choices.but(**{fix.field: fix.value})
            self._fill(choices)
            self._apply(choices)
            self.ptb.say(f"{label_of(fix.field)}: {fix.value}")
        lists = {"model": "#models", "agent": "#agents", "benchmarks": "#benchmarks"}
        place = self.query_one(lists.get(fix.field, f"#choose-{fix.field}"))
        for fold in place.ancestors:
            if isinstance(fold, Collapsible):
                fold.collapsed = False
        place.focus()

    def _ways(self) -> tuple[Way, ...]:
        """What is in the way, each with what mends it."""
        if self._facts is None:
            return ()
        # What the choices are refused for is known at once; the check of the machine says it too.
        found = dict.fromkeys((*self._summary.refused, *self._problems))
        return tuple(Way(each, self._facts.fix(each, self._choices)) for each in found)

    def action_copy_command(self) -> None:
        if self._summary.command:
            self.app.copy_to_clipboard(self._summary.command)
            self.ptb.say(f"Copied: {self._summary.command}")

    def action_look(self) -> None:
        self._checked = None
        self._load()

    def action_save_preset(self) -> None:
        spec = self._summary.spec
        if spec is None or self._summary.refused:
            self.ptb.say(f"Not a preset yet: {self._summary.problem}")
            return

        from ptb_lite.tui.screens.ask_text import SavePresetScreen

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
        if self._facts is None or name not in fields():
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
        labels = message.facts.preset_labels()
        options = [("(none)", ""), *((one_line(labels[name], 60), name) for name in presets)]
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
        if isinstance(focused, ChoiceList):
            self.on_choice_list_pointed(ChoiceList.Pointed(focused))

    def on_setup_screen_unreadable(self, message: Unreadable) -> None:
        self._detail("Unreadable", message.reason)
        self._say(message.reason)

    def on_setup_screen_checked(self, message: Checked) -> None:
        self._checking = None
        spec = self._summary.spec
        if message.spec != spec:
            self._check()
            return
        self._checked = message.spec
        self._problems = message.problems
        self._show_verdict()

    async def on_setup_screen_launched(self, message: Launched) -> None:
        if message.path is None:
            self._starting = False
            self._show_verdict()
            self.ptb.say(message.problem, error=True)
            return
        # Until this screen is seen again a second press starts nothing.
        self._started = True
        self._say(f"{message.path.name} was started.")
        await self.ptb.open_run(message.path)

    @work(group="furnish")
    async def _furnish(self) -> None:
        """The many controls come after the first frame, what they show after them."""
        await self.ptb.draws.wait()
        await self.wait_for_refresh()
        await self._mount_fields()
        self._load()
        # Mounted between two frames they were laid out, but their words not drawn until a key came.
        await self.wait_for_refresh()
        for label in self.query(".field-label"):
            label.refresh(layout=True)

    def _take_preset(self, name: str) -> None:
        """Fill everything in from a preset; from none: the choices stay, the preset goes."""
        assert self._facts is not None
        preset = self._facts.presets.get(name)
        choices = replace(self._choices, preset=None) if preset is None else choices_of(preset)
        with self.prevent(Select.Changed):
            self.query_one("#choose-preset", Select).value = choices.preset or ""
        self._fill(choices)
        self._apply(choices)

    def _apply(self, choices: SetupChoices) -> None:
        assert self._facts is not None
        self._choices = choices
        self._summary = self._facts.summary(choices)
        if not self._summary.refused:
            self._sound = choices
        self._show_lists()
        self._show_command(self._facts.presets_for_gpus(choices.preset))
        self._show_facts()
        self._check()

    def _check(self) -> None:
        """Have the machine checked for what is chosen now; one check at a time."""
        assert self._facts is not None
        spec = self._summary.spec
        if spec is None or spec == self._checked:
            self._show_verdict()
        else:
            self._problems = ()
            self._show(Verdict(self._kept_figures(), self._ways(), CHECKING))
            if self._checking is None:
                self._checking = spec
                facts = self._facts
                self.apart(lambda: Checked(spec, facts.problems(spec)))

    def _show_verdict(self) -> None:
        """The verdict: everything that is in the way, or that there is nothing."""
        self._show(Verdict(self._kept_figures(), self._ways()))

    def _say(self, note: str) -> None:
        self._show(Verdict(self._kept_figures(), note=note))

    def _show(self, verdict: Verdict) -> None:
        self.query_one("#start", Button).disabled = not verdict.ready or self._starting
        self.query_one(VerdictBox).show(verdict)
        self.refresh_bindings()

    def _kept_figures(self) -> Summary:
        """What was shown stays while something is wrong."""
        if self._summary.figures:
            self._figures = self._summary
        return self._figures

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
