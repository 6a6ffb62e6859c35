"""Test items on the command line: fetched, piped, copied, handed to training."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from ptb_lite.audit.code.flows import (
    UNPACKERS,
    is_result_file,
    is_training_file,
    names_test,
)
from ptb_lite.audit.code.shell import Command, redirected
from ptb_lite.audit.code.values import Site
from ptb_lite.audit.detectors.parts.ingestion_places import Place, Places, is_path, unpacked
from ptb_lite.audit.detectors.parts.subtracting import takes_out
from ptb_lite.audit.evidence.programs import ShellCommand, order_flag
from ptb_lite.audit.evidence.test_sets.sources import Named, Sources
from ptb_lite.events import Flag

NAME = "ingestion"
TEST_PART = re.compile(r"test|all|valid", re.IGNORECASE)
_FETCHERS = {"wget", "curl", "aria2c", "git", "huggingface-cli", "hf", "kaggle", "gdown", "gh",
             "lynx", "w3m", "links", "elinks", "http", "https", "xh", "axel", "modelscope",
             "openxlab", "dvc", "oras", "ipfs"}  # fmt: skip
# What copies from another machine or a bucket: the last word is where to.
_TRANSFERS = {"aws", "gsutil", "gcloud", "s5cmd", "rclone", "rsync", "scp", "azcopy", "mc",
              "ossutil"}  # fmt: skip
_COPIERS = {"cp", "mv", "cat", "jq", "head", "tail", "sed", "awk", "ln", "rsync", "tee", "install",
            "shuf", "sort", "grep", "paste", "gunzip", "zcat", "dd"}  # fmt: skip


_ARCHIVERS = {"unzip", "tar", "bsdtar", "7z", "7za", "7zr"}
_TRAINERS = re.compile(
    r"train|(?:^|[^a-z])(?:sft|dpo|grpo|orpo|kto)(?:[^a-z]|$)|fine_?tun|axolotl|unsloth|"
    r"llama_?factory",
    re.IGNORECASE,
)
DOWNLOADS = re.compile(r"(?:^|\.)(?:urlretrieve|f?get_object|get_file|download\w*)$")
_TRAIN_OPTION = re.compile(r"--(?:train|sft|dataset[-_]name)", re.IGNORECASE)


class Commands:
    """Follows shell commands, and adds the places of test items that they make to `places`."""

    def __init__(self, sources: Sources, places: Places) -> None:
        self._sources, self._places = sources, places

    def order(self, order: ShellCommand) -> Iterator[Flag]:
        command = order.command
        if command.program in _FETCHERS | _TRANSFERS:
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
            name = _value_of(word).removesuffix(".git")
            named = self._sources.named_by(name) or self._sources.copied_by(name)
            named = named or self._sources.file_by(name)
            if named is None or (named.kind == "official" and "/" not in named.name):
                continue
            if command.program in _TRANSFERS and word == command.words[-1]:
                continue
            part = next((w for w in command.words if TEST_PART.fullmatch(w)), named.part)
            part = part or part_in([word], named)
            inside = " ".join(command.words)
            if named.train and "train" in inside and "test" not in inside:
                continue
            for place in _goes_to(command, word):
                self._places.add(Place(place, named))
            decides = named.kind in ("derived", "answers") and named.listed
            if not named.listed and named.kind == "official" and part != "test":
                continue
            kind = "derived-data" if decides else "test-set-downloaded"
            message = f"{command.program} fetches {named.name} {part}".strip()
            into = next(filter(for_training, _goes_to(command, "")), None)
            if named.kind == "official" and part.lower() == "test" and into and not decides:
                kind, decides, message = "test-set-used", True, f"{message} into {into}"
            yield order_flag(NAME, kind, message, order, decides, 0.9 if decides else 0.5)

    def _moved(self, order: ShellCommand, command: Command) -> Iterator[Flag]:
        """Test data copied, or handed to training, on the command line."""
        given = (*command.words[1:], *command.piped[1:])
        for place in self._places.in_words(map(_value_of, given)):
            words = [w for w in map(_value_of, given) if place.holds(w)]
            if not words or takes_out(command, words[0]):
                continue
            rest = [word for word in command.words[1:] if _value_of(word) not in words]
            unpacks = command.program in UNPACKERS
            for target in redirected(command):
                if (unpacks or command.program in _COPIERS) and not is_result_file(target):
                    self._places.add(Place(target, place.named))
            for made in unpacked(place, _unpacked_to(command, words[0])) if unpacks else ():
                self._places.add(made)
            # A folder that an archive is unpacked to may be there to look at it.
            given_to = redirected(command) if unpacks else rest
            targets = [word for word in given_to if not word.startswith("-")]
            into = any(is_training_file(PurePosixPath(word).name) for word in targets)
            trains = any(
                _TRAINERS.search(w) and not is_path(w, place.path) for w in _started(command)
            ) or any(
                _TRAIN_OPTION.match(one) and _value_of(other if "=" not in one else one) in words
                for one, other in pairwise((*command.words, ""))
            )
            evaluates = any("eval" in word for word in command.words[:3])
            trains = trains and not evaluates
            copies = (unpacks or command.program in _COPIERS) and into
            if trains or (copies and into):
                message = f"{command.program} puts {words[0]}, test items, into training"
                yield order_flag(NAME, "test-set-used", message, order, True, 0.9)


def downloaded_to(site: Site, part: str) -> str:
    """The file of training data, by its name, that a call writes the test split to."""
    if part != "test" or not DOWNLOADS.search(site.name):
        return ""
    return next(filter(for_training, site.own_texts()), "")


def for_training(name: str) -> bool:
    """A file that says it is for training, and not that it holds test data."""
    plain = PurePosixPath(name).name
    return "." in plain and is_training_file(plain) and not names_test(plain)


def _started(command: Command) -> tuple[str, ...]:
    """The words that say what is run, without where its output goes."""
    words = command.words[:4]
    sent = next((at for at, word in enumerate(words) if word.startswith(">")), len(words))
    return words[:sent]


def _value_of(word: str) -> str:
    """`--data=x.jsonl` hands x.jsonl over."""
    return word.partition("=")[2] or word if word.startswith("--") else word


def _unpacked_to(command: Command, archive: str) -> list[str]:
    """The folder, or the file, that an archive is unpacked to; empty for where the command runs."""
    if command.program not in _ARCHIVERS:
        return [archive.rpartition("/")[2].rpartition(".")[0]]
    found = [o for w, o in pairwise(command.words) if w in ("-d", "-C", "--directory", "--cd")]
    found += [w[2:] for w in command.words if w.startswith("-o") and command.program[0] == "7"]
    return found or [""]


def _goes_to(command: Command, source: str) -> Iterator[str]:
    """Where a download lies afterwards."""
    words = command.words
    for option in ("-O", "-o", "--output", "--local-dir", "--local_dir", "-d", "--dir", "-p",
                   "--output-document", ">"):  # fmt: skip
        if option in words[:-1]:
            yield words[words.index(option) + 1]
    if command.program in _TRANSFERS or (command.program == "git" and words[-1] != source):
        yield words[-1]
    yield from redirected(command)
    tail = source.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if len(tail) > 4:
        yield tail
        yield tail.removesuffix(".gz")


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
