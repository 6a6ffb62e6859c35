"""The names of keys, by which a person gives an action another key in app.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from textual.binding import Binding, BindingType


def named(bindings: Iterable[BindingType], place: str) -> list[BindingType]:
    """The bindings, each with a name: "run.stop", "run.show_only.all"."""
    return [
        replace(each, id=f"{place}.{_action(each.action)}")
        if isinstance(each, Binding) and not each.id
        else each
        for each in bindings
    ]


def _action(action: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", ".", action.rsplit("app.", 1)[-1].lower()).strip(".")
