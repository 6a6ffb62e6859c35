"""One start of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile


class Unknown(Exception):  # noqa: N818
    """What an expression is cannot be told."""


@dataclass(frozen=True)
class Start:
    """One start of a program: the words behind its name, and the variables that it was given.
    A variable that is not among them has the program's own default. `version` counts the states
    in which its configuration files were seen."""

    words: tuple[str, ...]
    variables: Mapping[str, str]
    version: int = 0
    seen: bool = True
    """Whether a command starts it: of any other start no word and no variable is known."""

    def all_words(self) -> list[str]:
        """Raises Unknown where one of them is not told."""
        if not self.seen or not all(map(is_told, self.words)):
            raise Unknown
        return list(self.words)

    def variable(self, name: str) -> str | None:
        """None: it was not set. Raises Unknown."""
        if not self.seen:
            raise Unknown
        value = self.variables.get(name)
        if value is not None and not is_told(value):
            raise Unknown
        return value


def options_in(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Values of `--name value` and `--name=value`, by the name as a variable's."""
    found: dict[str, tuple[str, ...]] = {}
    for one, other in pairwise((*words, "--")):
        key, given, value = one.partition("=")
        if key.startswith("--") and (given or not other.startswith("-")):
            option = key[2:].replace("-", "_")
            found[option] = (*found.get(option, ()), value if given else other)[:8]
    return found


def words_of(words: Sequence[str], option: str) -> list[str]:
    """All that is given to an option that takes several words."""
    if option not in words:
        return [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    after = words[words.index(option) + 1 :]
    return list(takewhile(lambda word: not word.startswith("-"), after))


def is_told(word: str) -> bool:
    """Whether the shell leaves a word as it stands."""
    return not any(sign in word for sign in "$`*\ufffc")
