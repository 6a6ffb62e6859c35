"""Errors that are shown to a person: one sentence, the field or file, and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence


class PtbLiteError(Exception):
    """Something a person can put right.

    `field` names the option, spec field or file; `hint` says the way out. Printed as
    `error: FIELD: MESSAGE. HINT`, exit code 2 unless a command documents another.
    """

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        self.message = message
        self.field = field
        self.hint = hint
        super().__init__(str(self))

    def each(self) -> tuple[PtbLiteError, ...]:
        """The error, or where it stands for several, each of them."""
        return (self,)

    def __str__(self) -> str:
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text}. {self.hint}" if self.hint else text


class SpecError(PtbLiteError):
    """A choice that cannot be run as asked."""


class SeveralProblemsError(SpecError):
    """All that keeps choices from being run; the text has one line for each."""

    def __init__(self, problems: Sequence[PtbLiteError]) -> None:
        self._problems = tuple(problems)
        first = problems[0]
        super().__init__(first.message, field=first.field, hint=first.hint)

    def each(self) -> tuple[PtbLiteError, ...]:
        return self._problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self._problems)


def raise_all(problems: Sequence[PtbLiteError]) -> None:
    """Raises the one problem that there is, or all of them as SeveralProblemsError."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralProblemsError(problems)


def problems_of(checks: Iterable[Callable[[], object]]) -> tuple[PtbLiteError, ...]:
    """What checks raise, each by itself."""
    found: list[PtbLiteError] = []
    for check in checks:
        try:
            check()
        except PtbLiteError as error:
            found += error.each()
    return tuple(found)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """The way out of a wrong name: the nearest known one, or all of them."""
    names = list(known)
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(wrong.lower()[:80], lower, n=1, cutoff=0.5)
    if near:
        return f"Did you mean '{lower[near[0]]}'?"
    return f"Known: {', '.join(names)}" if names else "There is none yet"


class CatalogError(PtbLiteError):
    """A catalogue or preset file that cannot be read, or an entry that does not exist."""


class RunNotFoundError(PtbLiteError):
    """No run of that id in the runs folder."""
