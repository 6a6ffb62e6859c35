"""A benchmark's items: three splits, disjoint by seed and by content, as JSONL files."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.evaluation.answers import normalise
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.dataset import dataset_splits
from ptb_lite.evaluation.items.generators import CONTENT, Draft, draw
from ptb_lite.evaluation.items.item import Item, Split
from ptb_lite.events import Record
from ptb_lite.files import file_sha256, write_lines, write_text

# The order in which the splits claim an item: an item that two splits draw stays in the first.
CLAIMS: tuple[Split, ...] = ("test", "dev", "train")
# Draws allowed per item wanted; a content space that needs more is too small for its splits.
MAX_DRAWS_PER_ITEM = 12


class SplitFile(Record):
    path: Path
    count: int
    sha256: str


class ItemFiles(Record):
    """The three files of one benchmark for one seed and salt.

    `held_out` are ids of a dataset's test set that are not in `test`: the agent may see them.
    """

    version: Literal[1] = 1
    benchmark: str
    recipe: str
    train: SplitFile
    dev: SplitFile
    test: SplitFile
    held_out: tuple[str, ...] = ()


def prepare_items(
    entry: BenchmarkEntry,
    folder: Path,
    *,
    seed: int,
    salt: str,
    data_dir: Path | None = None,
    feedback: Literal["dev", "test"] = "dev",
) -> ItemFiles:
    """Write `train.jsonl`, `dev.jsonl`, `test.jsonl` and `items.json` into `folder`.

    Files that are already there for the same entry, seed, salt and generator version, and intact,
    are kept. A dataset's rows come from `data_dir` or, without it, from the Hugging Face Hub;
    `feedback` decides whether its dev items may cost test items (`dataset_items.py`).
    The test split's seed is HMAC-SHA256(salt, benchmark and seed): who has this package
    but not the salt cannot draw the test split again.

    Raises `ItemsError` when the generator is unknown, refuses its options, has too few different
    questions for the three splits, or the folder cannot be written; `DataMissingError` when a
    dataset cannot be had.
    """
    manifest = folder / "items.json"
    held_out: tuple[str, ...] = ()
    splits: dict[Split, tuple[Item, ...]]
    if entry.kind == "dataset":
        read = dataset_splits(entry, seed=seed, feedback=feedback, data_dir=data_dir)
        recipe = _recipe(entry, seed, salt, feedback, *read.sha256)
        splits, held_out = {"train": read.train, "dev": read.dev, "test": read.test}, read.held_out
    else:
        recipe = _recipe(entry, seed, salt)
    kept = _intact(manifest, recipe)
    if kept is not None:
        return kept
    if entry.kind == "procedural":
        splits = draw_splits(entry, seed=seed, salt=salt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {split: _write(folder, split, splits[split]) for split in CLAIMS}
        made = ItemFiles(benchmark=entry.id, recipe=recipe, held_out=held_out, **files)
        write_text(manifest, made.model_dump_json(indent=2))
    except OSError as error:
        raise ItemsError(f"cannot be written: {error.strerror}", field=str(folder)) from error
    return made


def draw_splits(entry: BenchmarkEntry, *, seed: int, salt: str) -> dict[Split, tuple[Item, ...]]:
    """The three splits in memory; no question of one, however spaced or cased, is in another."""
    sizes: dict[Split, int] = {
        "train": entry.train_size,
        "dev": entry.dev_size,
        "test": entry.test_size,
    }
    seen: set[str] = set()

    def fresh(drafts: Iterable[Draft], split: Split) -> Iterator[Item]:
        for draft in drafts:
            key = normalise(draft.question)
            if key not in seen:
                seen.add(key)
                digest = hashlib.sha256(f"{entry.id}\n{draft.question}".encode()).hexdigest()
                yield Item(
                    id=f"{split}-{digest[:16]}",
                    question=draft.question,
                    target=draft.target,
                    metadata=draft.metadata,
                )

    made: dict[Split, tuple[Item, ...]] = {}
    for split in CLAIMS:
        wanted = sizes[split]
        drafts = draw(
            entry.generator,
            entry.generator_options,
            seed=split_seed(split, entry.id, seed=seed, salt=salt),
            count=wanted * MAX_DRAWS_PER_ITEM,
        )
        made[split] = tuple(islice(fresh(drafts, split), wanted))
        if len(made[split]) < wanted:
            raise ItemsError(
                f"has only {len(made[split])} different questions for the {split} split, "
                f"{wanted} are asked for",
                field=f"benchmark {entry.id}",
                hint=f"Lower {split}_size or widen generator_options",
            )
    return made


def split_seed(split: Split, benchmark: str, *, seed: int, salt: str) -> int:
    """A seed in [0, 2**62): public for train and dev, keyed by `salt` for test.

    Item i of seed s is drawn from `Random(s + i)`, so that nearby seeds give the same items;
    digests keep the splits 2**62 apart on average.
    """
    text = f"ptb-lite items\n{split}\n{benchmark}\n{seed}".encode()
    key = salt.encode() if split == "test" else b""
    return int.from_bytes(hmac.digest(key, text, "sha256")[:8], "big") >> 2


def _recipe(entry: BenchmarkEntry, seed: int, salt: str, *more: str) -> str:
    """A digest of all that decides the items; keyed, so that it does not give the salt away."""
    text = f"{entry.model_dump_json()}\n{seed}\n{CONTENT}\nformat 1"
    text += "".join(f"\n{part}" for part in more)
    return hmac.new(salt.encode(), text.encode(), "sha256").hexdigest()


def _intact(manifest: Path, recipe: str) -> ItemFiles | None:
    """The files that `manifest` lists when they are the ones asked for, unchanged; else None."""
    try:
        files = ItemFiles.model_validate_json(manifest.read_bytes())
        same = files.recipe == recipe and all(
            # The folder may have been moved since: the names count, not the place.
            file_sha256(manifest.parent / part.path.name) == part.sha256
            for part in (files.train, files.dev, files.test)
        )
    except (OSError, ValidationError):
        return None
    if not same:
        return None
    here: dict[str, SplitFile] = {
        split: getattr(files, split).model_copy(update={"path": manifest.parent / f"{split}.jsonl"})
        for split in CLAIMS
    }
    return files.model_copy(update=here)


def _write(folder: Path, split: Split, items: tuple[Item, ...]) -> SplitFile:
    path = folder / f"{split}.jsonl"
    write_lines(path, items)
    return SplitFile(path=path, count=len(items), sha256=file_sha256(path))
