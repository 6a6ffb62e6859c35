"""The command palette's one provider: the app's commands and those of the screen in front."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from textual.command import DiscoveryHit, Hit, Hits, Provider


@dataclass(frozen=True)
class AppCommand:
    """One line of the palette. `run` may be a coroutine function."""

    title: str
    help: str
    run: Callable[[], Any]


@runtime_checkable
class HasCommands(Protocol):
    """An app or a screen that has something for the palette."""

    def commands(self) -> Iterable[AppCommand]: ...


class Commands(Provider):
    """Offers what the screen in front can do, then what can be done anywhere."""

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.title, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.title)
            if score > 0:
                shown = matcher.highlight(command.title)
                yield Hit(score, shown, command.run, help=command.help)

    def _commands(self) -> Iterable[AppCommand]:
        for owner in (self.screen, self.app):
            if isinstance(owner, HasCommands):
                yield from owner.commands()
