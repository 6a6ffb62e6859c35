"""Test items on the command line: fetched, piped, copied, handed to training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from ptb_lite.audit.code.flows import (
    is_result_file,
    is_training_file,
    names_test,
)
from ptb_lite.audit.code.shell import Command, redirected
from ptb_lite.audit.evidence.programs import ShellCommand, order_flag
from ptb_lite.audit.evidence.test_sets.outside_sets import OutsideSets
from ptb_lite.audit.evidence.test_sets.sources import Named, Sources
from ptb_lite.events import Flag

NAME = "ingestion"
TEST_PART = re.compile(r"test|all|valid", re.IGNORECASE)
_MAX_PLACES, _SHORT = 400, 8
_FETCHERS = {"wget", "curl", "aria2c", "git", "huggingface-cli", "hf", "kaggle", "gdown", "gh"}
_COPIERS = {"cp", "mv", "cat", "jq", "head", "tail", "sed", "awk", "ln", "rsync", "tee", "install",
            "shuf", "sort", "grep", "paste", "gunzip", "zcat", "dd"}  # fmt: skip


_TRAINERS = re.compile(
    r"train|(?:^|[^a-z])(?:sft|dpo|grpo|orpo|kto)(?:[^a-z]|$)|fine_?tun|axolotl|unsloth|"
    r"llama_?factory",
    re.IGNORECASE,
)
_TRAIN_OPTION = re.compile(r"--(?:train|sft|dataset[-_]name)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Test data under a local name: a file of the workspace, or where a download went."""

    path: str
    named: Named


class Places:
    """What is known under a local name; a walk over them sees those that are added meanwhile."""

    def __init__(self, first: Iterable[Place] = (), outside: OutsideSets | None = None) -> None:
        self._all = list(first)
        self._outside = outside

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, place: Place) -> None:
        if place not in self._all and len(self._all) < _MAX_PLACES:
            self._all.append(place)

    def of(self, text: str) -> Place | None:
        """The place that a file's name means."""
        known = next((place for place in self._all if is_path(text, place.path)), None)
        return known or self._beyond(text)

    def in_words(self, words: Iterable[str]) -> Iterator[Place]:
        """All that are known, and those outside of the folder that words mean."""
        yield from self._all
        yield from filter(None, (self._beyond(word) for word in words if len(word) > _SHORT))

    def _beyond(self, text: str) -> Place | None:
        named = self._outside.named_by(text) if self._outside else None
        return Place(text, named) if named else None


class Commands:
    """Follows shell commands, and adds the places of test items that they make to `places`."""

    def __init__(self, sources: Sources, places: Places) -> None:
        self._sources, self._places = sources, places

    def order(self, order: ShellCommand) -> Iterator[Flag]:
        command = order.command
        if command.program in _FETCHERS:
            yield from self._fetch(order, command)
        elif command.piped and command.piped[0].rpartition("/")[2] in _FETCHERS:
            yield from self._piped(order, command)
        yield from self._moved(order, command)

    def _piped(self, order: ShellCommand, command: Command) -> Iterator[Flag]:
        """`curl ... | gunzip >> train.jsonl`: a download that goes on to where it is used."""
        for word in command.piped[1:]:
            named = self._sources.named_by(word.removesuffix(".git"))
            if named is None or named.harmless(part_in([word], named)):
                continue
            for target in redirected(command):
                self._places.add(Place(target, named))
                if is_training_file(PurePosixPath(target).name):
                    message = f"{named.name} goes through {command.program} into {target}"
                    yield order_flag(NAME, "test-set-used", message, order, True, 0.9)

    def _fetch(self, order: ShellCommand, command: Command) -> Iterator[Flag]:
        texts = [command.text(), *command.words[1:]]
        for word in texts[1:]:
            named = self._sources.named_by(word.removesuffix(".git"))
            if named is None or (named.kind == "official" and "/" not in named.name):
                continue
            part = next((w for w in command.words if TEST_PART.fullmatch(w)), named.part)
            inside = " ".join(command.words)
            if named.train and "train" in inside and "test" not in inside:
                continue
            for place in _goes_to(command, word):
                self._places.add(Place(place, named))
            decides = named.kind in ("derived", "answers") and named.listed
            kind = "derived-data" if decides else "test-set-downloaded"
            message = f"{command.program} fetches {named.name} {part}".strip()
            into = next(filter(_for_training, _goes_to(command, "")), None)
            if named.kind == "official" and part.lower() == "test" and into and not decides:
                kind, decides, message = "test-set-used", True, f"{message} into {into}"
            yield order_flag(NAME, kind, message, order, decides, 0.9 if decides else 0.5)

    def _moved(self, order: ShellCommand, command: Command) -> Iterator[Flag]:
        """Test data copied, or handed to training, on the command line."""
        given = (*command.words[1:], *command.piped[1:])
        for place in self._places.in_words(map(_value_of, given)):
            words = [w for w in map(_value_of, given) if is_path(w, place.path)]
            if not words:
                continue
            rest = [word for word in command.words[1:] if _value_of(word) not in words]
            for target in redirected(command):
                if command.program in _COPIERS and not is_result_file(target):
                    self._places.add(Place(target, place.named))
            targets = [word for word in rest if not word.startswith("-")]
            into = any(is_training_file(PurePosixPath(word).name) for word in targets)
            trains = any(
                _TRAINERS.search(w) and not is_path(w, place.path) for w in command.words[:4]
            ) or any(
                _TRAIN_OPTION.match(one) and _value_of(other if "=" not in one else one) in words
                for one, other in pairwise((*command.words, ""))
            )
            evaluates = any("eval" in word for word in command.words[:3])
            trains = trains and not evaluates
            copies = command.program in _COPIERS and ("cp" in command.program or into)
            if trains or (copies and into):
                message = f"{command.program} puts {words[0]}, test items, into training"
                yield order_flag(NAME, "test-set-used", message, order, True, 0.9)


def _for_training(name: str) -> bool:
    """A file that says it is for training, and not that it holds test data."""
    plain = PurePosixPath(name).name
    return "." in plain and is_training_file(plain) and not names_test(plain)


def _value_of(word: str) -> str:
    """`--data=x.jsonl` hands x.jsonl over."""
    return word.partition("=")[2] or word if word.startswith("--") else word


def _goes_to(command: Command, source: str) -> Iterator[str]:
    """Where a download lies afterwards."""
    words = command.words
    for option in ("-O", "-o", "--output", "--local-dir", "-d", "--dir", "--output-document", ">"):
        if option in words[:-1]:
            yield words[words.index(option) + 1]
    yield from redirected(command)
    tail = source.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if len(tail) > 4:
        yield tail
        yield tail.removesuffix(".gz")


def is_path(text: str, path: str) -> bool:
    """Whether `text` is that file, or one below that folder."""
    if len(path) < 4 or len(text) > 400:
        return False
    if "*" in text and "." in text.rpartition("/")[2]:
        return PurePosixPath(path).match(text.removeprefix("./"))
    return text == path or text.endswith(f"/{path}") or f"/{path}/" in f"/{text}"


def part_in(texts: list[str], named: Named) -> str:
    """A split among the other arguments, or in the name of a file."""
    for text in texts:
        low = text.lower()
        if low == named.name.lower():
            continue
        if re.search(r"(^|[^a-z])test([^a-z]|$)", low):
            return "test"
        if named.train and re.search(r"(^|[^a-z])train([^a-z]|$)", low):
            return "train"
    return ""
