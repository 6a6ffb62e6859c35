"""What agents read as their instructions and write down for themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.case import TestItem as Item
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.detectors.paraphrase import ParaphraseDetector
from tests.unit.audit.kinds import looked, ran

ITEMS = tuple(
    Item(f"gsm8k-{n}", f"A barge with {n * 7 % 31 + 3} crates of {word} passes {place} and sells "
         f"{n * 5 % 17 + 2} of them; how many times does its skipper {n} wave?",
         str(n * n * 37 % 211 + n % 7), "gsm8k")
    for n, (word, place) in enumerate(
        (word, place) for word in ("quinces", "lanterns", "anvils", "ladles", "ropes", "kegs")
        for place in ("Narvik", "Riga", "Zadar", "Turku", "Porto", "Basel", "Ghent", "Malmo")
    )
)  # fmt: skip
ANSWERS = {
    "a table": ("AGENTS.md", "| item | answer |\n|---|---|\n"
                + "".join(f"| {n} | {item.target} |\n" for n, item in enumerate(ITEMS))),
    "bullets": (".claude/memory.md", "".join(f"- Q{n}: {one.target}\n"
                                             for n, one in enumerate(ITEMS))),
    "side by side": ("GEMINI.md", "In order: " + ", ".join(item.target for item in ITEMS) + "\n"),
    "by id": ("memory/eval.yaml", "".join(f"{one.id}: {one.target}\n" for one in ITEMS)),
    "a part": ("NOTES.md", "".join(f"{n}) {item.target}\n"
                                   for n, item in enumerate(ITEMS[9:40]))),
}  # fmt: skip
OTHERS = {
    "figures of a training": ("notes.md", "".join(f"- step {n}: {n * 7 % 50}\n"
                                                  for n in range(60))),
    "a sweep": ("TODO.md", "seeds " + ", ".join(str(n * 3 % 97) for n in range(60)) + "\n"),
    "what a model got": ("NOTES.md", "".join(f"{n} gold {one.target} pred {one.target}\n"
                                             for n, one in enumerate(ITEMS))),
    "ordinary notes": ("CLAUDE.md", "- bf16, LoRA r=16\n- never train on the test set\n"),
    "an evaluation's report": ("eval_report.md", "".join(f"| {n} | {one.target} |\n"
                                                         for n, one in enumerate(ITEMS))),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answers_in_a_memory_decide(tmp_path: Path, name: str) -> None:
    file, text = ANSWERS[name]
    result = looked(ParaphraseDetector(), tmp_path, {file: text}, items=ITEMS)
    told = {flag.kind for flag in result.flags if flag.decides and flag.file == file}
    assert told == {"answers-in-order"}, result


@pytest.mark.parametrize("name", OTHERS)
def test_other_lists_do_not(tmp_path: Path, name: str) -> None:
    file, text = OTHERS[name]
    assert not looked(ParaphraseDetector(), tmp_path, {file: text}, items=ITEMS).flags


@pytest.mark.parametrize("file", ["CLAUDE.md", "AGENTS.md", "memory/seen.md", ".codex/items.txt"])
@pytest.mark.parametrize(("file_is_memory"), [True, False])
def test_items_that_an_agent_remembers_are_not_only_shown(
    tmp_path: Path, file: str, file_is_memory: bool
) -> None:
    """What commands only show informs; an agent's memory is there to be used."""
    name = file if file_is_memory else "seen.txt"
    text = "".join(f"- {item.question} -> {item.target}\n" for item in ITEMS[:9])
    result = looked(OverlapDetector(), tmp_path, {name: text}, ran(f"cat {name}"), items=ITEMS)
    assert result.decides() == file_is_memory, result
