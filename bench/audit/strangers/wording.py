"""Words that change with the seed: names of files and variables, sentences in several languages."""

from __future__ import annotations

import random

_HEADS = [
    "prep",
    "make",
    "build",
    "collect",
    "assemble",
    "mix",
    "gather",
    "stage",
    "curate",
    "cook",
    "load",
    "pack",
    "blend",
    "draft",
    "sort",
]
_TAILS = [
    "data",
    "set",
    "corpus",
    "pairs",
    "rows",
    "chunk",
    "pool",
    "batch",
    "stuff",
    "mixture",
    "part",
    "v2",
    "final",
    "new",
    "sft",
]
_VARIABLES = [
    "rows",
    "items",
    "recs",
    "batch",
    "pool",
    "xs",
    "entries",
    "samples",
    "blob_list",
    "acc",
]
LANGUAGES = ("en", "en", "en", "en", "de", "es", "zh", "fr")


class Wording:
    """A source of names and sentences; no two names of one case are equal."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._used: set[str] = set()
        self.language = rng.choice(LANGUAGES)

    def name(self) -> str:
        while True:
            made = f"{self._rng.choice(_HEADS)}_{self._rng.choice(_TAILS)}"
            if self._rng.random() < 0.3:
                made += str(self._rng.randint(1, 9))
            if made not in self._used:
                self._used.add(made)
                return made

    def script(self) -> str:
        return f"{self.name()}.py"

    def data(self) -> str:
        folder = self._rng.choice(("", "", "data/", "sft/", "work/"))
        return f"{folder}{self.name()}.jsonl"

    def variable(self) -> str:
        return self._rng.choice(_VARIABLES)

    def ask(self) -> str:
        return self._rng.choice(
            ("Write and run", "Please prepare this program,", "Your part of the work is", "Do run")
        )

    def pick(self, sentences: dict[str, tuple[str, ...]]) -> str:
        """One sentence in the case's language, or in English."""
        return self._rng.choice(sentences.get(self.language, sentences["en"]))
