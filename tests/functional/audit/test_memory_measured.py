"""The grid of the memorisation measurement from end to end, with a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.audit import measure_memorisation
from bench.audit.memory_models import planned
from bench.audit.memory_training import Measured, losses_of
from tests.functional.runner.conftest import tiny_model

__all__ = ["tiny_model"]


def test_two_models_are_trained_in_one_process_and_told_of_afterwards(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["add-numbers.verbatim-100.0", "add-numbers.train.0"]
    given = ["--work", str(tmp_path), "--only", *names]
    trial = ["--items", "20", "--steps", "2", "--base-model", str(tiny_model)]
    assert measure_memorisation.main([*given, *trial]) == 0
    assert "2/2] add-numbers.train.0: trained in" in capsys.readouterr().out
    known = []
    for one in planned():
        if one.name in names:
            kept = Measured.model_validate_json((tmp_path / f"{one.name}.json").read_bytes())
            known.append((kept.known, kept.steps))
            items = losses_of(one, tmp_path).items
            # Twice as they stand and reworded, with up to four fresh ones each.
            assert len([item for item in items if not item.sibling]) == 2 * 20
            assert 2 * 40 < len([item for item in items if item.sibling]) <= 2 * 80
            assert any(item.loss != item.base_loss for item in items)
    assert sorted(known) == [(0, 2), (20, 2)]
    # Nothing is trained again: one line of each, from what is kept.
    assert measure_memorisation.main([*given, "--kept"]) == 0
    told = capsys.readouterr().out
    assert "add-numbers.train.0 (honest): " in told
    assert "loss gap" in told
