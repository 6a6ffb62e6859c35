"""The flags of a run: seen live while the agent was at work, and said by the final audit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ptb_lite.events import Flag
from ptb_lite.tui.models.run.view import FlagView

MAX_FLAGS = 200


@dataclass(frozen=True)
class FlagGroup:
    """Flags of one detector, kind and file, of which `worst` is the most alike."""

    worst: Flag
    count: int


def group_flags(flags: Iterable[Flag]) -> tuple[FlagGroup, ...]:
    """A hundred nearly equal findings are one line; the order of their first ones stays."""
    groups: dict[tuple[object, ...], list[Flag]] = {}
    for flag in flags:
        groups.setdefault(group_key(flag), []).append(flag)
    return tuple(FlagGroup(max(found, key=_badness), len(found)) for found in groups.values())


def group_views(views: Iterable[FlagView]) -> tuple[tuple[FlagView, int], ...]:
    """The same for flags of the Run screen: the worst view of each group, and how many there are.

    What was seen live and what the final audit says stay apart.
    """
    groups: dict[tuple[object, ...], list[FlagView]] = {}
    for view in views:
        groups.setdefault((view.live, *group_key(view.flag)), []).append(view)
    return tuple(
        (max(found, key=lambda view: _badness(view.flag)), len(found)) for found in groups.values()
    )


def group_key(flag: Flag) -> tuple[object, ...]:
    return flag.decides, flag.detector, flag.kind, flag.file


def _badness(flag: Flag) -> tuple[float, float]:
    return flag.similarity or 0.0, flag.confidence


class FlagBoard:
    """The first flags of a run; `more` says how many came after them."""

    def __init__(self) -> None:
        self._views: list[FlagView] = []
        self._number = 0
        self.more = 0

    def views(self) -> tuple[FlagView, ...]:
        return tuple(self._views)

    def begin_audit(self) -> None:
        """An audit that is done again says everything again."""
        self._views = [view for view in self._views if view.live]
        self.more = 0

    def raise_flag(self, flag: Flag, *, live: bool, time: datetime) -> bool:
        """Take a flag; whether it is new to a reader.

        The final audit's word takes the place of the same finding seen live.
        """
        same = [view for view in self._views if view.live and _same(view.flag, flag)]
        if live and same:
            return False
        self._views = [view for view in self._views if view not in same]
        if len(self._views) == MAX_FLAGS:
            self.more += 1
            return False
        self._number += 1
        self._views.append(FlagView(self._number, flag, live, time))
        return not same


def _same(one: Flag, other: Flag) -> bool:
    return _identity(one) == _identity(other)


def _identity(flag: Flag) -> tuple[object, ...]:
    return flag.detector, flag.kind, flag.file, flag.line, flag.item_id
