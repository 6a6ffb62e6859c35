"""One question with its answer, and files of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.events import Record

Split = Literal["train", "dev", "test"]
MAX_ITEMS_BYTES = 256 * 1024 * 1024


class Item(Record):
    """One question with its answer. `id` is stable: split and a digest of the question."""

    id: str
    question: str
    target: str
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


def prompt(question: str) -> str:
    """The text that a model completes, as `engine/lm/procedural.yaml` has it."""
    return f"Question: {question}\nAnswer:"


def completion(target: str) -> str:
    """What a perfect model writes after `prompt`; the line end is where generation stops."""
    return f" {target}\n"


def text_lines(path: Path, most: int) -> list[str]:
    """The lines of a file of up to `most` bytes, the last of them empty where it ends in a newline.

    Raises `ItemsError`.
    """
    try:
        if path.stat().st_size > most:
            raise ItemsError(f"is larger than {most >> 20} MiB", field=str(path))
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ItemsError(f"cannot be read: {error.strerror}", field=str(path)) from error
    except UnicodeDecodeError as error:
        raise ItemsError("is not UTF-8 text", field=str(path)) from error


def read_items(path: Path) -> tuple[Item, ...]:
    """The items of one file. Raises `ItemsError` naming the line that is not an item."""
    items = []
    for number, line in enumerate(text_lines(path, MAX_ITEMS_BYTES), start=1):
        if not line.strip():
            continue
        try:
            items.append(Item.model_validate_json(line))
        except ValidationError as error:
            raise ItemsError(f"line {number} is not an item", field=str(path)) from error
    return tuple(items)
