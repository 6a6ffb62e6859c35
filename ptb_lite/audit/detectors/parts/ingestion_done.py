"""What programs and commands with test data in them really did, as far as the trace tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ptb_lite.audit.code.shell import redirected
from ptb_lite.audit.detectors.parts.ingestion_commands import Commands
from ptb_lite.audit.detectors.parts.ingestion_places import Places
from ptb_lite.audit.evidence.programs import Program, Programs, ShellCommand
from ptb_lite.events import Flag

_NEVER = "the trace shows that it never ran as it stands there"
_BACK = "the trace shows that what it made was removed before anything else ran"


class _Look(Protocol):
    made: set[str]
    trained: bool

    def python(self, program: Program) -> Iterator[Flag]: ...


class Done:
    """Flags of what was not done inform, and its outputs are no places of test data."""

    def __init__(self, programs: Programs, places: Places) -> None:
        self._programs, self._places = programs, places

    def program(self, program: Program, look: _Look) -> Iterator[Flag]:
        """The flags of one Python program."""
        known = len(self._places)
        found = list(look.python(program))
        file, source = program.file, program.source
        why = ""
        if any(flag.decides for flag in found):
            if self._programs.never_ran(file, source):
                why = _NEVER
            elif not look.trained and self._programs.taken_back(file, source, look.made):
                why = _BACK
        yield from self._weighed(found, why, known)

    def order(self, order: ShellCommand, commands: Commands) -> Iterator[Flag]:
        """The flags of one command."""
        known = len(self._places)
        found = list(commands.order(order))
        text = order.command.text()
        why = ""
        if any(flag.decides for flag in found):
            if self._programs.never_ran(order.file, text):
                why = _NEVER
            elif self._programs.taken_back("", text, redirected(order.command)):
                why = _BACK
        yield from self._weighed(found, why, known)

    def _weighed(self, found: Iterable[Flag], why: str, known: int) -> Iterator[Flag]:
        if not why:
            yield from found
            return
        self._places.forget(known)
        for flag in found:
            note = {"decides": False, "message": f"{flag.message}; {why}", "confidence": 0.4}
            yield flag.model_copy(update=note) if flag.decides else flag
