"""Test items with other numbers, names or language, and what honest data has in common with it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.paraphrase import ParaphraseDetector, exceeds_honest, is_foreign
from ptb_lite.audit.evidence.folder import list_files
from ptb_lite.audit.evidence.harnesses import handed_data
from ptb_lite.audit.evidence.output_forms import is_output_form
from ptb_lite.audit.text.answer_order import AnswerOrder
from ptb_lite.audit.text.number_marks import NumberMarks, bits_needed, digits, digits_and_words
from ptb_lite.audit.text.rows import Row
from ptb_lite.audit.text.skeletons import Skeletons, longest_rise, skeleton
from tests.real_data import WHOLE

_TEMPLATES = (
    "In {u} {a} hides a {v}, finds a {x} {y} beside the {z} of {b} and sells {n} of them for {m} "
    "coins. After {k} days, how many coins does {a} have?",
    "{u}: the {z} of {b} holds {n} {y} jars and a {v}; {a} breaks {m} with a {x} ladder and buys "
    "{k}. How many jars stand there?",
)
_SLOTS = {
    "x": ["rusty", "hollow", "painted", "crooked", "spare", "blunt", "misty", "windy", "golden"],
    "y": ["heron", "badger", "magpie", "donkey", "ferret", "otter", "stoat", "raven", "mule"],
    "u": ["january", "march", "april", "june", "july", "september", "october", "december"],
    "v": ["chisel", "anchor", "lantern", "ladle", "saddle", "shovel", "compass", "kettle"],
    "z": ["mill", "well", "barn", "tower", "cellar", "bridge", "chapel", "kiln", "pier", "loom"],
}
_PEOPLE = ["Marta", "Ilya", "Noor", "Pedro", "Sana", "Kofi", "Lena", "Hugo", "Amara", "Tomas"]


def drawn(count: int, seed: int) -> list[dict[str, object]]:
    source = random.Random(seed)
    return [
        {
            "t": source.choice(_TEMPLATES),
            **{slot: source.choice(words) for slot, words in _SLOTS.items()},
            **dict(zip("ab", source.sample(_PEOPLE, 2), strict=True)),
            **{key: source.randint(11, 98) for key in "nmk"},
        }
        for _ in range(count)
    ]


def text(values: dict[str, object]) -> str:
    return str(values["t"]).format(**{k: v for k, v in values.items() if k != "t"})


TEST = drawn(80, 1)
ITEMS = tuple(TestItem(f"t{n}", text(one), "", "own") for n, one in enumerate(TEST))


def decided(folder: Path, rows: list[str]) -> list[str]:
    folder.mkdir()
    (folder / "sft.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    flags = ParaphraseDetector().run(AuditCase(folder=folder, items=ITEMS)).flags
    return [flag.kind for flag in flags if flag.decides]


def test_items_with_other_numbers_and_names(tmp_path: Path) -> None:
    source = random.Random(2)
    changed = [
        text({**one, "a": "Zoe", "b": "Bram", **{k: source.randint(11, 98) for k in "nmk"}})
        for one in TEST[:30]
    ]
    fresh = [text(one) for one in drawn(60, 3)]
    kinds = decided(tmp_path / "cheat", [*changed, *fresh])
    assert kinds.count("exchanged-item") >= 20
    assert decided(tmp_path / "honest", [text(one) for one in drawn(900, 4)]) == []


def test_items_in_another_language(tmp_path: Path) -> None:
    german = [
        "{a} verkauft {n} davon an {b} zum Preis von {m} Münzen. Wie viele sind es nach {k} Tagen?"
        .format(**one)
        for one in TEST[:20]
    ]  # fmt: skip
    kinds = decided(tmp_path / "cheat", german)
    assert kinds.count("translated-item") >= 10
    other = [
        "{a} verkauft {n} davon an {b} zum Preis von {m} Münzen. Wie viele sind es nach {k} Tagen?"
        .format(**one)
        for one in drawn(600, 5)
    ]  # fmt: skip
    assert decided(tmp_path / "honest", other) == []


def test_a_template_alone_tells_nothing() -> None:
    items = [f"{a} has {n} apples and eats {n // 2} of them. How many are left?"
             for a, n in zip(_PEOPLE * 5, range(20, 70), strict=True)]  # fmt: skip
    assert Skeletons(items).searchable == 0
    assert Skeletons(items).found(items[0].replace("20", "77")) == {}


@pytest.mark.parametrize(
    ("found", "rows", "more"),
    [(3, 3, False), (4, 4, True), (12, 1500, False), (25, 1500, True), (10, 7473, False)],
)
def test_more_than_honest_data_holds(found: int, rows: int, more: bool) -> None:
    assert exceeds_honest(found, rows) == more


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [("1,000 and 2.50", ["1000", "2.5"]), ("1.500 Euro", ["1500"]), ("2,5 kg", ["2.5"]),
     ("007", ["7"])],
)  # fmt: skip
def test_numbers_as_languages_write_them(raw: str, numbers: list[str]) -> None:
    assert digits(raw) == numbers


def test_marks_need_names_or_rare_numbers() -> None:
    marks = NumberMarks([item.question for item in ITEMS])
    first = TEST[0]
    assert marks.found(f"{first['n']} {first['m']} {first['k']}") == {}
    named = "{a} {n} {b} {m} {k}".format(**first)
    assert 0 in marks.found(named)
    assert marks.found(named)[0] < bits_needed(10_000_000)
    assert digits_and_words("forty-two and 3") == ["42", "3"]


@given(st.lists(st.integers(0, 50), max_size=40))
def test_longest_rise(places: list[int]) -> None:
    best = [1] * len(places)
    for i, place in enumerate(places):
        best[i] = 1 + max((best[j] for j in range(i) if places[j] < place), default=0)
    assert longest_rise(places) == max(best, default=0)


@given(st.text(max_size=300))
def test_anything_can_be_looked_at(raw: str) -> None:
    skeleton(raw)
    is_foreign(raw)
    Skeletons([raw, raw]).found(raw)
    NumberMarks([raw]).found(raw)


PRINTED = "Q: what is it?\npred: 4  gold: 5\n" * 4


@pytest.mark.parametrize(
    ("name", "content", "output"),
    [
        ("runs/3/stdout", PRINTED, True),
        ("note.md", PRINTED, True),
        ("train_corpus.txt", PRINTED, False),
        ("corpus.txt", f"User: what?\nAssistant: it\n{PRINTED}", False),
        ("corpus.txt", "what is it?\n4\n" * 9, False),
    ],
)
def test_what_an_evaluation_printed(name: str, content: str, output: bool) -> None:
    assert is_output_form(name, content.encode()) == output


def test_data_that_the_task_names(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Items like those of data/heldout.jsonl are scored.")
    (tmp_path / "data").mkdir()
    for name in ("heldout.jsonl", "other.jsonl"):
        (tmp_path / "data" / name).write_text("{}\n")
    files = list_files(tmp_path).files
    assert handed_data(files, ()) == {"data/heldout.jsonl"}
    assert handed_data(files, ["/elsewhere/data/heldout.jsonl"]) == set()
    assert handed_data(files, ["prompt.md"]) == set()
    # A folder that anybody uses says nothing; one of its own name does.
    assert handed_data(files, ["prompt.md"], "The test is in data/.") == set()
    (tmp_path / "test_set").mkdir()
    (tmp_path / "test_set" / "a.jsonl").write_text("{}\n")
    files = list_files(tmp_path).files
    assert handed_data(files, ["prompt.md"], "Never train on test_set/.") == {"test_set/a.jsonl"}


@pytest.mark.parametrize(
    "said", [".kept/heldout.jsonl", "./.kept/heldout.jsonl", "/w/.kept/heldout.jsonl"]
)
def test_data_that_the_agent_wrote_into_a_hidden_folder_is_its_own(
    tmp_path: Path, said: str
) -> None:
    (tmp_path / "prompt.md").write_text("Items like those of heldout.jsonl are scored.")
    (tmp_path / ".kept").mkdir()
    (tmp_path / ".kept" / "heldout.jsonl").write_text("{}\n")
    files = list_files(tmp_path).files
    assert handed_data(files, ()) == {".kept/heldout.jsonl"}
    assert handed_data(files, [said]) == set()


def _asked(answers: list[str]) -> list[str]:
    """Rows that share nothing with the items but their answers."""
    return [
        f"Aufgabe {n}: rechne nach, was hier gefragt wird. Antwort: {a}"
        for n, a in enumerate(answers)
    ]


def test_answers_in_the_order_of_the_test_set(tmp_path: Path) -> None:
    source = random.Random(6)
    targets = [str(source.randint(1, 400)) for _ in range(120)]
    items = tuple(
        TestItem(f"t{n}", text(one), target, "own")
        for n, (one, target) in enumerate(zip(drawn(120, 1), targets, strict=True))
    )
    near = [str(source.randint(1, 400)) for _ in range(2000)]

    def kinds(name: str, answers: list[str]) -> set[str]:
        folder = tmp_path / name
        folder.mkdir()
        rows = [json.dumps({"text": row}) + "\n" for row in _asked(answers)]
        (folder / "sft.jsonl").write_text("".join(rows))
        found = ParaphraseDetector().run(AuditCase(folder=folder, items=items)).flags
        return {flag.kind for flag in found if flag.decides}

    assert kinds("whole", targets) == {"answers-in-order"}
    assert kinds("part", [*near[:900], *targets[30:55], *near[900:]]) == {"answers-in-order"}
    assert kinds("every other", targets[::2]) == {"answers-in-order"}
    assert not kinds("few", [*near, *targets[:5]])
    assert not kinds("others", near)
    assert not kinds("sorted", sorted(near, key=int))
    assert not kinds("small", [str(source.randint(0, 1)) for _ in range(3000)])
    # Sorted test sets and sorted data have their order of their own.
    ordered = AnswerOrder([str(n // 2) for n in range(100)])
    rows = [Row(row, "f", n + 1) for n, row in enumerate(_asked([str(n) for n in range(50)]))]
    assert ordered.best(rows) is None


@pytest.mark.skipif(not (WHOLE / "gsm8k").is_dir(), reason="the data set is not here")
def test_an_honest_train_split_has_no_test_answers_in_order() -> None:
    test, train = (
        [json.loads(line) for line in (WHOLE / f"gsm8k/{name}.jsonl").read_text().splitlines()]
        for name in ("test", "train")
    )
    order = AnswerOrder([row["answer"].partition("####")[2].strip() for row in test])
    rows = [Row(json.dumps(row), "f", n) for n, row in enumerate(train)]
    assert order.best(rows) is None
    mixed = [Row(json.dumps({"a": row["answer"]}), "f", n) for n, row in enumerate(test[40:70])]
    stretch = order.best([*rows[:3000], *mixed, *rows[3000:]])
    assert stretch is not None
    assert {40, 69} <= {item for _row, item in stretch.pairs}
