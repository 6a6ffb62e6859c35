"""The known places of test items, which each benchmark names; whether a text names one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import unquote

from pydantic import field_validator

from ptb_lite.events import Record
from ptb_lite.plugins import load_all

_MAX_NAME = 400
_PLAIN = re.compile(r"[^a-z0-9]+")
_TEST_WORD = re.compile(r"test|answer|solution|eval(?!uat)|leak|gold|hold[-_]?out", re.IGNORECASE)
_HUB = re.compile(
    r"(?:^hf://|huggingface\.co/|hf-mirror\.com/|hf\.co/|^)(?:api/)?datasets/([\w.-]+/[\w.-]+)(.*)$",
    re.IGNORECASE,
)
_SERVED = re.compile(
    r"datasets-server\.huggingface\.co/\w+\?(?:[^#]*&)?dataset=([\w.%/-]+)(?:.*?[?&]split=(\w+))?",
    re.IGNORECASE,
)
_CACHE = re.compile(
    r"datasets--([\w.-]+?)--([\w.-]+?)(?:/|$)|(?:^|/)([\w.-]+?)___([\w.-]+?)(?:/|$)"
)
_DATASET = re.compile(r"[\w-][\w.-]{1,95}/[\w.-]{2,95}")
# Folders and registries of tasks: what follows them is no data set of the Hub.
_NO_OWNERS = {
    "inspect_evals", "lm_eval", "lm-eval", "evals", "eval", "tasks", "task", "data", "datasets",
    "dataset", "logs", "log", "results", "result", "outputs", "output", "runs", "checkpoints",
    "models", "vllm", "local", "hf", "final_model", "tmp", "home", "workspace", "scripts", "src",
    "configs", "config", "test", "tests", "train", "dev", "cache", "templates", "evaluation_code",
    "samples", "eval_results", "evaluation", "metrics", "reports", "benchmarks", "benchmark",
}  # fmt: skip
_FILES = {"py", "sh", "json", "jsonl", "txt", "md", "csv", "log", "yaml", "yml", "parquet", "html",
          "jinja", "eval", "out", "gz", "zip", "arrow", "ipynb", "pdf", "png", "tsv"}  # fmt: skip
_REPOSITORY = re.compile(r"https?://[^/\s]+/(?:datasets/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_DATA_FILE = re.compile(r"\.(?:jsonl?|csv|tsv|parquet|arrow)(?:\.gz)?$", re.IGNORECASE)
FILE_PART = re.compile(r"(?:^|[/_.-])(train|test|validation|dev|val)(?:[/_.-]|$)", re.IGNORECASE)


class OfficialSource(Record):
    """A data set with the test split; `train` are its splits that may be trained on."""

    id: str
    train: tuple[str, ...] = ()


class BenchmarkSources(Record):
    """Where the test items of one benchmark are known to lie."""

    also: tuple[str, ...] = ()
    word: str
    official: tuple[OfficialSource, ...] = ()
    derived: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    repos: tuple[str, ...] = ()

    @field_validator("word")
    @classmethod
    def _is_a_pattern(cls, word: str) -> str:
        """A plugin that gets it wrong is refused when it is loaded, not in the middle of audits."""
        try:
            re.compile(word)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return word


def sources_of_dataset(dataset: str, train: Iterable[str]) -> BenchmarkSources:
    """What is known of a benchmark that is one data set of the Hub, whose splits `train` hold no
    test items."""
    own = re.escape(dataset.rpartition("/")[2])
    return BenchmarkSources(
        word=rf"(?<![a-z0-9]){own}(?![a-z0-9])",
        official=(OfficialSource(id=dataset, train=tuple(train)),),
    )


@dataclass(frozen=True)
class Named:
    """A known place that a text names. `kind` says what it holds; `train` are harmless splits,
    `part` is the split that the text itself picks. `listed`: it stands in sources.yaml, where it
    does not only sound like such a data set."""

    benchmark: str
    name: str
    kind: Literal["official", "derived", "answers", "module"]
    train: tuple[str, ...] = ()
    part: str = ""
    listed: bool = True

    def harmless(self, part: str = "") -> bool:
        """Whether this is a split that anyone may train on."""
        chosen = (part or self.part).split("[")[0].strip().lower()
        return bool(chosen) and chosen in self.train


@runtime_checkable
class HasSources(Protocol):
    """What the audit asks of a benchmark's plugin."""

    sources: BenchmarkSources | None


@cache
def known_sources() -> Mapping[str, BenchmarkSources]:
    """The known places of every benchmark that says any, by its id."""
    loaded, _ = load_all("benchmarks", HasSources)
    found = {one.name: one.value.sources for one in loaded}
    return {name: one for name, one in found.items() if isinstance(one, BenchmarkSources)}


class Sources:
    """The places of the benchmarks under test; `others`: of those without a plugin."""

    def __init__(
        self, benchmarks: Iterable[str], others: Mapping[str, BenchmarkSources] | None = None
    ) -> None:
        wanted = {_plain(name) for name in benchmarks}
        listed = {**known_sources(), **(others or {})}
        self.benchmarks = {
            name: entry
            for name, entry in listed.items()
            if wanted & {_plain(name), *map(_plain, entry.also)}
        }
        self._words = {
            name: re.compile(entry.word, re.IGNORECASE) for name, entry in self.benchmarks.items()
        }

    def __bool__(self) -> bool:
        return bool(self.benchmarks)

    def named_by(self, text: str) -> Named | None:
        """The place that `text` names: a data set's id, a path in the Hub's cache, or a URL."""
        text = text.strip()
        if not text or len(text) > _MAX_NAME or any(c.isspace() for c in text):
            return None
        cached = _CACHE.search(text)
        if cached:
            owner, name = cached[1] or cached[3], cached[2] or cached[4]
            return self._dataset(f"{owner}/{name}", text[cached.end() :])
        served = _SERVED.search(text)
        if served:
            return self._dataset(unquote(served[1]), f"/{unquote(served[2] or '')}/")
        hub = _HUB.search(text)
        if hub:
            return self._dataset(hub[1], hub[2])
        if "://" in text or text.startswith(("git@", "www.")):
            return self._address(text)
        if text.count("/") <= 1 and not text.startswith((".", "/", "~")):
            return self._dataset(text, "")
        return None

    def copied_by(self, text: str) -> Named | None:
        """The benchmark whose data set `text` names under another owner or in another registry. It
        may be anybody's data of that name: only its test split is taken for the test items."""
        text = text.strip()
        cached = _CACHE.search(text)
        address = _REPOSITORY.match(text)
        name = address[1] if address else text
        name = f"{cached[1] or cached[3]}/{cached[2] or cached[4]}" if cached else name
        rest = text[cached.end() :] if cached else ""
        if not _DATASET.fullmatch(name) or not self._is_dataset(name):
            return None
        for benchmark, entry in self.benchmarks.items():
            train = next((s.train for s in entry.official if s.train), ())
            if train and self._words[benchmark].search(name.partition("/")[2]):
                found = FILE_PART.search(rest)
                part = found[1].lower() if found else ""
                return Named(benchmark, name, "official", train, part, listed=False)
        return None

    def cached_test(self, text: str) -> Named | None:
        """The test split that a path in a client's cache leads to, by the names in it."""
        if len(text) > _MAX_NAME or not _CACHE.search(text):
            return None
        named = self.named_by(text) or self.copied_by(text)
        return named if named is not None and named.part == "test" else None

    def file_by(self, text: str) -> Named | None:
        """The benchmark whose test file a path in a bucket or repository names by its words."""
        if len(text) > _MAX_NAME or not _DATA_FILE.search(text):
            return None
        part = FILE_PART.search(text)
        benchmark, _ = self.word_in(text)
        if not benchmark or part is None or part[1].lower() != "test":
            return None
        return Named(benchmark, text[:120], "official", (), "test")

    def word_in(self, text: str) -> tuple[str, bool]:
        """The benchmark that a text speaks of, empty for none, and whether it has a train side."""
        for benchmark, entry in self.benchmarks.items():
            if self._words[benchmark].search(text):
                return benchmark, any(source.train for source in entry.official)
        return "", False

    def module(self, name: str) -> Named | None:
        for benchmark, entry in self.benchmarks.items():
            for module in entry.modules:
                if name == module or name.startswith(f"{module}."):
                    return Named(benchmark, module, "module")
        return None

    def _dataset(self, name: str, rest: str) -> Named | None:
        low = name.lower()
        found = FILE_PART.search(rest)
        part = found[1].lower() if found else ""
        for benchmark, entry in self.benchmarks.items():
            for source in entry.official:
                if low == source.id.lower():
                    return Named(benchmark, source.id, "official", source.train, part)
            for other in entry.derived:
                if low == other.lower():
                    return Named(benchmark, other, "derived")
            if low in (answer.lower() for answer in entry.answers):
                return Named(benchmark, name, "answers")
            if self._names_itself(benchmark, name):
                return Named(benchmark, name, "derived", part=part, listed=False)
        return None

    def _names_itself(self, benchmark: str, name: str) -> bool:
        """A data set that is in no list but says by its name that it holds the items. A bare
        word is a task or a folder rather than a data set."""
        if not self._is_dataset(name):
            return False
        own = name.partition("/")[2]
        trainable = any(source.train for source in self.benchmarks[benchmark].official)
        word = self._words[benchmark].search(own)
        return bool(word) and (not trainable or bool(_TEST_WORD.search(own)))

    @staticmethod
    def _is_dataset(name: str) -> bool:
        """Whether a name has the form OWNER/NAME of a registry, and not of a folder or file."""
        owner, slash, own = name.partition("/")
        if not slash or owner.lower() in _NO_OWNERS or not _DATASET.fullmatch(name):
            return False
        return own.rpartition(".")[2].lower() not in _FILES and not own.isdigit() and len(own) > 2

    def _address(self, url: str) -> Named | None:
        low = url.lower()
        for benchmark, entry in self.benchmarks.items():
            for answer in entry.answers:
                if answer.lower() in low:
                    return Named(benchmark, answer, "answers")
            for place in entry.repos:
                if place.lower() in low:
                    return Named(benchmark, place, "official")
            trainable = any(source.train for source in entry.official)
            if self._words[benchmark].search(low):
                part = FILE_PART.search(low)
                if not trainable or (part and part[1] != "train"):
                    train = next((s.train for s in entry.official if s.train), ())
                    return Named(benchmark, url[:120], "official", train, part[1] if part else "")
        return None


def _plain(name: str) -> str:
    return _PLAIN.sub("", name.lower())
