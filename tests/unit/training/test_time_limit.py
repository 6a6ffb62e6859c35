"""`--max-minutes` counts from the start of the command, not from the end of its imports."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ptb_lite.training import main, train


def test_the_imports_are_part_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, data = tmp_path / "base", tmp_path / "data.jsonl"
    base.mkdir()
    (base / "config.json").write_text("{}")
    data.write_text('{"prompt": "1 + 1 =", "completion": " 2"}\n')
    given: dict[str, float] = {}
    monkeypatch.setattr(train, "train", lambda *_, **more: given.update(more))
    started = time.monotonic()
    read: list[float] = []
    configuration = main.configuration
    monkeypatch.setattr(
        main, "configuration", lambda a: (read.append(time.monotonic()), configuration(a))[1]
    )
    asked = ["--base-model", str(base), "--data", str(data), "--output", str(tmp_path / "out")]
    assert main.main(asked) == 0
    assert started <= given["since"] <= read[0]
