"""docs/extending.md shows the example packages as they are tested."""

from __future__ import annotations

import re
from pathlib import Path

from ptb_lite.doctor.plugins import KINDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"```\w+ (tests/plugins/\S+)\n(.*?)```\n", TEXT, re.DOTALL))


def test_every_example_is_shown_as_it_is() -> None:
    files = [
        path
        for path in (ROOT / "tests" / "plugins").rglob("*")
        if path.suffix in (".py", ".toml") and path.parent.name != "broken"
    ]
    assert set(SHOWN) == {path.relative_to(ROOT).as_posix() for path in files}
    for path in files:
        shown = SHOWN[path.relative_to(ROOT).as_posix()]
        assert shown == path.read_text(encoding="utf-8"), f"copy {path} into docs/extending.md"


def test_every_kind_has_its_row_and_its_example() -> None:
    for kind in KINDS:
        assert f"| `ptb_lite.{kind}` |" in TEXT
        assert any(f'"ptb_lite.{kind}"' in text for text in SHOWN.values())
