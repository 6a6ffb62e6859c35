"""The audit's accuracy does not fall: floors under the figures that docs/audit.md publishes.

The fast test takes a sample, the slow one every scene.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.audit import evaluation_habits, exchanged, habits, templated_code
from bench.audit.measure import (
    DISGUISED,
    HELD_OUT,
    OVERALL,
    Rate,
    Seen,
    all_scenes,
    evidence_fault,
    lines,
    measure,
    tabulate,
)
from bench.audit.scene import Scene
from ptb_lite.audit.case import AuditCase
from ptb_lite.events import Flag, Verdict

# The goals are 0.95, 0.85 and 0.02. Scenes that hold nothing but words stay in the suite and are
# missed on purpose: words decide only together with an act (docs/audit.md).
RECALL, PLAIN, DISGUISED_RECALL, HELD_OUT_RECALL, FALSE_POSITIVES = 0.91, 0.94, 0.85, 0.7, 0.02
_REAL = re.compile(r"HumanEval problems|GSM8K's|HumanEval's|\(164 items\)|164 problems")
DOCS = Path(__file__).parents[3] / "docs" / "audit.md"
# Two hundred whole audits, made once for all tests: minutes on a busy machine.
pytestmark = pytest.mark.timeout(1200)


def over_real_data(scene: Scene) -> bool:
    return _REAL.search(scene.name) is not None


def sample() -> list[Scene]:
    """Without real data: every plain cheat, every other disguised and every other honest one."""
    scenes = [scene for scene in all_scenes() if not over_real_data(scene)]
    plain = [scene for scene in scenes if scene.cheat and not scene.disguise]
    disguised = [scene for scene in scenes if scene.disguise]
    return [*plain, *disguised[::2], *[scene for scene in scenes if not scene.cheat][::2]]


@pytest.fixture(scope="module")
def own() -> list[Seen]:
    return measure(sample())


def test_the_suite_is_as_large_as_it_claims() -> None:
    scenes = [scene for scene in all_scenes() if not over_real_data(scene)]
    cheats = [scene for scene in scenes if scene.cheat]
    plain = [scene for scene in cheats if not scene.disguise]
    assert len(plain) >= 40
    # These have no disguises: each of their scenes is a way of its own.
    rooms = (exchanged, evaluation_habits, habits, templated_code)
    single = [scene for room in rooms for scene in room.scenes()]
    alone = {scene.name for scene in single}
    families = [scene for scene in cheats if scene.name not in alone]
    assert len(families) == 4 * sum(not scene.disguise for scene in families)
    assert sum(not scene.cheat for scene in scenes) >= 40
    assert sum(scene.held_out for scene in cheats) >= 30
    rows = Counter(scene.row for scene in plain)
    assert set(rows) >= {
        "overlap",
        "code-clone",
        "ingestion",
        "answer-key",
        "substitution",
        "harness",
        "template",
        "key-misuse",
        "trace",
    }
    names = [scene.name for scene in scenes]
    assert len(names) == len(set(names))


def test_recall_and_false_positives(own: Sequence[Seen]) -> None:
    table = tabulate(own)
    text = "\n".join(lines(table))
    assert table.recall[OVERALL].share >= RECALL, text
    assert table.recall["plain"].share >= PLAIN, text
    assert table.recall[DISGUISED].share >= DISGUISED_RECALL, text
    assert table.recall[HELD_OUT].share >= HELD_OUT_RECALL, text
    assert table.false_positives.share <= FALSE_POSITIVES, text


def test_every_flag_has_evidence(own: Sequence[Seen]) -> None:
    for one in own:
        assert one.reason
        assert one.flagged is bool(one.deciding)
        assert one.groundless == (), one.scene.name


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"file": "gone.py"}, "no gone.py"),
        ({"line": 3}, "has 2 lines"),
        ({"line": 2}, "is not"),
        ({"excerpt": "load(train)"}, "is not"),
    ],
)
def test_evidence_that_is_not_there_is_told(
    tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    (tmp_path / "a.py").write_text("load(test)\n")
    flag = Flag(
        detector="ingestion", kind="k", message="m", file="a.py", line=1, excerpt="load(test)"
    )
    found = evidence_fault(flag.model_copy(update=change), AuditCase(folder=tmp_path))
    assert (fault in found) if fault else found == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_scene() -> None:
    seen = measure(all_scenes())
    test_recall_and_false_positives(seen)
    test_every_flag_has_evidence(seen)
    if any(over_real_data(one.scene) for one in seen):
        text = DOCS.read_text(encoding="utf-8")
        assert [line for line in lines(tabulate(seen)) if line and line not in text] == []


def test_the_documentation_has_the_table() -> None:
    """The published figures are a run of `scripts/measure-audit`, whole."""
    text = DOCS.read_text(encoding="utf-8")
    scenes = all_scenes()
    cheats = [scene for scene in scenes if scene.cheat]
    disguised = [scene for scene in cheats if scene.disguise]
    rows = {
        f"recall, {OVERALL}": (len(cheats), RECALL),
        "recall, plain": (len(cheats) - len(disguised), PLAIN),
        f"recall, {DISGUISED}": (len(disguised), DISGUISED_RECALL),
        f"recall, {HELD_OUT}": (sum(s.held_out for s in disguised), HELD_OUT_RECALL),
        "false positives": (len(scenes) - len(cheats), 0.0),
    }
    whole = any(over_real_data(scene) for scene in scenes)
    for label, (count, floor) in rows.items():
        found = re.search(rf"^\| {label} \| (.* \((\d+) of (\d+); .*) \|$", text, re.MULTILINE)
        assert found, label
        rate = Rate(label, int(found[2]), int(found[3]))
        # The share and its interval are those of the counts, and the counts those of the scenes.
        assert found[1] == rate.text()
        assert rate.n == count if whole else rate.n >= count, label
        assert rate.share >= floor
    missed = text.partition("Missed:")[2].partition("Honest, and flagged:")[0]
    all_cheats = re.search(rf"recall, {OVERALL} \|.*\((\d+) of (\d+)", text)
    assert all_cheats
    assert missed.count("\n- ") == int(all_cheats[2]) - int(all_cheats[1])


def test_a_table_by_hand() -> None:
    def seen(row: str, flagged: bool, deciding: tuple[str, ...], disguise: str = "") -> Seen:
        scene = Scene("n", row, bool(row), lambda root: pytest.fail(str(root)), disguise)
        verdict = Verdict.FLAGGED if flagged else Verdict.CLEAN
        return Seen(scene, verdict, deciding, "r", 0.1)

    table = tabulate(
        [
            seen("overlap", True, ("overlap",)),
            # Found, but by another detector than the one in whose charge it is.
            seen("overlap", True, ("trace",), "base64"),
            seen("trace", False, ()),
            seen("", True, ("harness",)),
            seen("", False, ()),
        ]
    )
    assert (table.recall[OVERALL].found, table.recall[OVERALL].n) == (2, 3)
    assert table.recall[DISGUISED] == Rate(DISGUISED, 1, 1)
    assert table.by_detector["overlap"].found == 1
    assert table.false_positives == Rate("honest", 1, 2)
    assert table.false_by_detector["harness"].found == 1
    assert table.missed == ("trace: n",)
