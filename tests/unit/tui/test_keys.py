"""A person's own keys: what is wrong with them is said, and nothing else is refused."""

from __future__ import annotations

import pytest

from ptb_lite.tui.app import _all_bindings
from ptb_lite.tui.keys import key_problems


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"run.stop": "ctrl+k", "run.search": "?", "setup.start": "f9, ctrl+t"}, {}),
        # Two that change places, and one key in two places.
        ({"history.compare": "l", "history.next_view": "c", "run.stop": "l"}, {}),
        ({"run.stopp": "k"}, {"run.stopp": "is run.stop meant?"}),
        ({"zzz": "k"}, {"zzz": "F1 shows names"}),
        ({"run.stop": ""}, {"run.stop": "'' is no key"}),
        ({"run.stop": "k,strg+x"}, {"run.stop": "'strg+x' is no key"}),
        ({"run.stop": "/"}, {"run.stop": "/ is the key of run.search"}),
        ({"run.stop": "slash"}, {"run.stop": "slash is the key of run.search"}),
        ({"run.stop": "ctrl+q"}, {"run.stop": "is the key of app.quit"}),
        (
            {"run.stop": "k", "run.follow": "k"},
            {"run.stop": "of run.follow", "run.follow": "of run.stop"},
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_said(keys: dict[str, str], wrong: dict[str, str]) -> None:
    found = key_problems(keys, _all_bindings())
    assert found.keys() == wrong.keys()
    assert all(words in found[name] for name, words in wrong.items())


def test_the_keys_that_ship_get_along() -> None:
    bindings = _all_bindings()
    first = {each.id: each.key for each in bindings if each.id}  # type: ignore[union-attr]
    assert len(first) == len(bindings)
    assert key_problems(first, bindings) == {}
