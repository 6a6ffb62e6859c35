"""Errors that are shown to a person: one sentence, the field or file, and the way out."""


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

    def __str__(self) -> str:
        text = f"{self.field}: {self.message}" if self.field else self.message
        return f"{text}. {self.hint}" if self.hint else text


class SpecError(PtbLiteError):
    """A choice that cannot be run as asked."""


class CatalogError(PtbLiteError):
    """A catalogue or preset file that cannot be read, or an entry that does not exist."""


class RunNotFoundError(PtbLiteError):
    """No run of that id in the runs folder."""
