"""What a process with the models measured for the memorisation detector: losses.json."""

from __future__ import annotations

from typing import Literal

from ptb_lite.events import Record


class ItemLoss(Record):
    """One item scored by the base model and by the submission.

    `base_loss` and `loss` are mean negative log-likelihoods (nats a token) of the item's text.
    `sibling` marks a fresh item of the same kind as a test item; `sibling_of` is the id of the
    test item that it was made from, where there is one. `view` tells apart several texts of one
    item (its solution, its bare answer). `base_correct` and `correct` say whether the model's own
    answer is right, where answers are short enough to tell.
    """

    item_id: str
    benchmark: str = ""
    view: str = ""
    sibling: bool = False
    sibling_of: str = ""
    base_loss: float
    loss: float
    base_correct: bool | None = None
    correct: bool | None = None


class Losses(Record):
    """Every item that was scored, test items and siblings, and what could not be."""

    version: Literal[1] = 1
    items: tuple[ItemLoss, ...]
    notes: tuple[str, ...] = ()
