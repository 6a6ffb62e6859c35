"""What the Result screen's workers tell it. Names are past tense."""

from __future__ import annotations

from textual.message import Message

from ptb_lite.report.samples import Samples
from ptb_lite.tui.models.result.view import ResultView


class ResultRead(Message):
    """The run was read, as far as it can be."""

    def __init__(self, view: ResultView) -> None:
        super().__init__()
        self.view = view


class SamplesRead(Message):
    """The samples of one benchmark were read."""

    def __init__(self, samples: Samples) -> None:
        super().__init__()
        self.samples = samples


class Exported(Message):
    """Something was written or copied, or it could not be: `words` says it."""

    def __init__(self, words: str, *, copied: str = "", failed: bool = False) -> None:
        super().__init__()
        self.words = words
        self.copied = copied
        self.failed = failed
