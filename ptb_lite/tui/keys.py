"""The names of keys, by which a person gives an action another key in app.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from textual.binding import Binding, BindingType, InvalidBinding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

_MODIFIERS = {"ctrl", "shift", "alt", "super", "hyper", "meta"}
_NAMES = {key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())


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


def key_problems(keys: Mapping[str, str], bindings: Iterable[BindingType]) -> dict[str, str]:
    """What is wrong with a person's `keys`, by the name that stands there.

    `bindings` are those of the app and of all its places, named. An action that is not there, a key
    that no terminal sends, and a key that another action of the same place has.
    """
    first = {each.id: each.key for each in bindings if isinstance(each, Binding) and each.id}
    found = {
        name: problem for name, key in keys.items() if (problem := _wrong(name, key, first.keys()))
    }
    now = {**first, **{name: key for name, key in keys.items() if name not in found}}
    for name in keys.keys() - found.keys():
        others = [other for other in now if other != name and _meet(name, other)]
        taken = [each for each in others if _keys(now[each]) & _keys(now[name])]
        if taken:
            found[name] = f"{now[name]} is the key of {', '.join(taken)}: give that another one too"
    return found


def _wrong(name: str, key: str, names: Iterable[str]) -> str:
    if name not in names:
        near = get_close_matches(name, names, n=1)
        return f"there is no such action{f'; is {near[0]} meant?' if near else ' (F1 shows names)'}"
    bad = [each for each in _keys(key) or [key] if not _is_key(each)]
    return f"{bad[0]!r} is no key" if bad else ""


def _is_key(key: str) -> bool:
    *modifiers, base = key.split("+")
    # A control character has a name too ("hop"), and no key.
    known = base in _NAMES or (key_to_character(base) or "\0").isprintable()
    return known and set(modifiers) <= _MODIFIERS


def _meet(name: str, other: str) -> bool:
    """Whether both are listened to at the same time: in one place, or everywhere."""
    places = {name.partition(".")[0], other.partition(".")[0]}
    return len(places) == 1 or "app" in places


def _keys(keys: str) -> set[str]:
    """The keys of a list by their names, as Textual has them."""
    try:
        return {each.key for each in Binding.make_bindings([Binding(keys, "")])}
    except InvalidBinding:
        return set()
