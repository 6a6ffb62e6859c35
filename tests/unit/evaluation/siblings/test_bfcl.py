"""Siblings of requests for a call: other numbers, and the call that is right for them."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from ptb_lite.benchmarks.bfcl import BENCHMARK, ENTRY
from ptb_lite.benchmarks.bfcl.siblings import family
from ptb_lite.evaluation.family import Family, Refusal
from tests.real_data import FIXTURES, WHOLE, folders, rows


def _reply(**arguments: object) -> str:
    body = json.dumps({"name": "ask", "arguments": arguments})
    return f" <tool_call>\n{body}\n</tool_call>"


def _made(question: str, **arguments: object) -> Family | Refusal:
    return family(question, _reply(**arguments), count=2, source=random.Random(3))


def _arguments(reply: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(reply.split("\n")[1])["arguments"]
    return found


def test_request_and_call_say_the_same_new_numbers() -> None:
    made = _made("A box of 350 kg and 12.5 m falls from 80 m.", mass=350, side=12.5, height=80.0)
    assert isinstance(made, Family)
    for one in (made.original, *made.siblings):
        said = [one.solution[low:high] for low, high in one.spans]
        assert all(f" {text} " in one.question for text in said)
        mass, side, height = _arguments(one.solution).values()
        assert [str(mass), str(side), str(height)] == [*said[:2], f"{said[2]}.0"]
        assert float(str(side)) < float(str(height)) < float(str(mass))
    assert len({one.question for one in (made.original, *made.siblings)}) == 3


@pytest.mark.parametrize(
    ("question", "arguments"),
    [
        ("Between 40 and 40, which?", {"a": 40}),
        ("Take 40 of them.", {"a": 40, "b": 40}),
        ("Take 40% of it.", {"share": 0.4}),
        ("From 2023-05-14 on.", {"day": 14}),
        ("In 1998 it was so.", {"year": 1998}),
        ("Flight A380, seat 14C.", {"plane": 380, "seat": 14}),
        ("It cost 1,250 crowns.", {"cost": 250}),
        ("At -40 degrees.", {"degrees": 40}),
        ("On level 4 of 5.", {"level": 4}),
        ("The code is 4711.", {"code": "4711"}),
        ("A 30-year-old man.", {"age": 30}),
        ("No number at all.", {"a": 40}),
    ],
)
def test_what_is_not_sound_is_refused(question: str, arguments: dict[str, object]) -> None:
    assert isinstance(_made(question, **arguments), Refusal)


def test_hostile_replies_are_refused() -> None:
    for reply in ("", "{", "[" * 10_000, '{"arguments": null}', "{}" * 9_000):
        assert isinstance(family("Take 40.", reply, count=2, source=random.Random(0)), Refusal)


@pytest.mark.parametrize("folder", folders("bfcl"))
def test_of_the_published_requests(folder: object) -> None:
    place = WHOLE if folder == WHOLE else FIXTURES
    data = ENTRY.data
    assert data is not None
    answers = {row["id"]: row for row in rows(place / str(data.answers))}
    made = 0
    for row in rows(place / data.test.local):
        item = BENCHMARK.item({**row, "answer_row": answers[row["id"]]})
        assert BENCHMARK.siblings is not None
        found = BENCHMARK.siblings(item, 0)
        if isinstance(found, Refusal):
            continue
        made += 1
        assert found.original.solution == BENCHMARK.solved(item)
        for one in found.siblings:
            item_of = item.model_copy(update={"question": one.question})
            assert BENCHMARK.judge(item_of, one.solution).score == 0.0  # another call
            numbers = [_arguments(text.solution) for text in (found.original, one)]
            assert numbers[0].keys() == numbers[1].keys()
            assert all(low[1] <= high[0] for low, high in pairwise(one.spans))
    assert made >= (25 if folder == WHOLE else 1)
