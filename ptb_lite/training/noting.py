"""What a training notes in the workspace's ledger, where there is one. No end noted: it crashed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ptb_lite.events import Outcome
from ptb_lite.files import file_sha256
from ptb_lite.ledger_file import adapter_hash, append, new_use
from ptb_lite.ledger_notes import AdapterSaved, TrainingBegan, TrainingEnded

_MAX_NAME = 300


def _finite(one: Sequence[float]) -> float | None:
    return one[0] if one and abs(one[0]) < 1e9 else None


class Noting:
    """The notes of one training on `rows` examples of `data`."""

    def __init__(self, data: Path, rows: int, steps: int) -> None:
        self._use = new_use()
        append(
            TrainingBegan(
                use=self._use,
                file=str(data)[-_MAX_NAME:],
                rows=rows,
                sha256=file_sha256(data),
                steps=steps,
            )
        )

    def saved(self, folder: Path, step: int) -> None:
        append(
            AdapterSaved(
                use=self._use,
                folder=str(folder)[-_MAX_NAME:],
                step=step,
                weights=adapter_hash(folder),
            )
        )

    def ended(self, outcome: Outcome, losses: Sequence[float], steps: int) -> None:
        append(
            TrainingEnded(
                use=self._use,
                outcome=outcome,
                steps=steps,
                loss_first=_finite(losses[:1]),
                loss_last=_finite(losses[-1:]),
            )
        )
