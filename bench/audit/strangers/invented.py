"""Items of each benchmark's shape, made from a small grammar: used where its data is absent, and
as honest training data of the same kind. Test and training items come from different patterns."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Rows = tuple[Mapping[str, Any], ...]
Tables = tuple[Rows, Rows, Rows]
NAMES = [
    "Anouk",
    "Bram",
    "Chidi",
    "Dalia",
    "Emre",
    "Farah",
    "Goran",
    "Hana",
    "Ines",
    "Jory",
    "Kofi",
    "Lale",
    "Mirek",
    "Noor",
    "Otis",
    "Petra",
    "Quynh",
    "Rafe",
    "Soren",
    "Tamsin",
    "Ulla",
    "Viggo",
    "Wren",
    "Ximena",
    "Yara",
    "Zeno",
]
THINGS = [
    "marbles",
    "lanterns",
    "seedlings",
    "biscuits",
    "tickets",
    "kites",
    "buttons",
    "jars",
    "ropes",
    "candles",
    "stamps",
    "bricks",
    "melons",
    "pencils",
    "shells",
    "scarves",
    "postcards",
    "whistles",
]
PLACES = [
    "harbour",
    "orchard",
    "bakery",
    "library",
    "workshop",
    "market",
    "stable",
    "museum",
    "greenhouse",
    "ferry",
    "school",
    "mill",
]
FIELDS = ("enzyme", "polymer", "boson", "plasmid", "ligand", "isotope", "galaxy", "catalyst")
TRAITS = ("spin", "rate", "charge", "yield", "mass", "half-life", "affinity", "luminosity")


def word_problem(rng: random.Random) -> tuple[str, str, str]:
    """A question, a solution and its number."""
    a, b, c = rng.randint(3, 60), rng.randint(2, 12), rng.randint(2, 40)
    who, other = rng.sample(NAMES, 2)
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    question = rng.choice(
        (
            f"{who} keeps {a} {thing} at the {place}. On each of {b} days {other} brings {c} more, "
            f"and nobody takes any away. How many {thing} does {who} have at the end?",
            f"At a {place}, {a} {thing} stand in every row and there are {b} rows. {who} adds {c}. "
            f"Find the number of {thing} that {other} will count.",
        )
    )
    total = a + b * c if "each of" in question else a * b + c
    return question, f"In all that makes {total} {thing}.\n#### {total}", str(total)


def practice(rng: random.Random) -> tuple[str, str]:
    """A question and an answer of the honest kind: no pattern of a test item."""
    who, thing = rng.choice(NAMES), rng.choice(THINGS)
    a, b = rng.randint(11, 99), rng.randint(2, 9)
    return rng.choice(
        (
            (f"{b} boxes, {a} {thing} per box. Total for {who}?", str(a * b)),
            (f"{who} had {a + b} {thing}, sold {b}. What remains?", str(a)),
            (f"Split {a * b} {thing} evenly: {b} shelves. One shelf holds?", str(a)),
        )
    )


def plain_practice(rng: random.Random, count: int) -> Rows:
    """Rows of honest practice, for benchmarks without a training split."""
    made = (practice(rng) for _ in range(count))
    return tuple(
        {"id": f"practice-{number}", "question": question, "answer": answer}
        for number, (question, answer) in enumerate(made)
    )


def _gsm8k(rng: random.Random, size: int) -> Tables:
    test = tuple(
        {"question": q, "answer": s} for q, s, _ in (word_problem(rng) for _ in range(size))
    )
    train = tuple(
        {"question": q, "answer": f"{a}\n#### {a}"} for q, a in (practice(rng) for _ in range(120))
    )
    return test, train, ()


def _humaneval(rng: random.Random, size: int) -> Tables:
    test = []
    for number in range(min(size, 164)):
        thing, n = rng.choice(THINGS), rng.randint(2, 19)
        name = f"{rng.choice(('count', 'pick', 'fold', 'rank'))}_{thing}_{number}"
        prompt = (
            f"from typing import List\n\n\n"
            f"def {name}(values: List[int], limit: int) -> List[int]:\n"
            f'    """ Given the {thing} as whole numbers keep every one that leaves a rest below\n'
            f"    limit after division by {n}, in the order of its square, largest first.\n"
            f"    >>> {name}([], {n})\n    []\n"
            f'    """\n'
        )
        body = (
            f"    kept = [one for one in values if one % {n} < limit]\n"
            f"    kept.sort(key=lambda one: one * one, reverse=True)\n    return kept\n"
        )
        test.append(
            {
                "task_id": f"HumanEval/{number}",
                "prompt": prompt,
                "entry_point": name,
                "canonical_solution": body,
                "test": f"def check(candidate):\n    assert candidate([], {n}) == []\n",
            }
        )
    return tuple(test), (), ()


def _bfcl(rng: random.Random, size: int) -> Tables:
    test: list[Mapping[str, Any]] = []
    answers: list[Mapping[str, Any]] = []
    for number in range(size):
        a, b, thing = rng.randint(2, 99), rng.randint(2, 99), rng.choice(THINGS)
        name = f"price_of_{thing}"
        asked = (
            f"I am packing for the {rng.choice(PLACES)} and {rng.choice(NAMES)} wants {a} {thing}, "
            f"each at {b} coins; please tell me what they will cost altogether."
        )
        kinds = {key: {"type": "integer", "description": key} for key in ("count", "coins")}
        test.append(
            {
                "id": f"exec_simple_{number}",
                "question": [[{"role": "user", "content": asked}]],
                "function": [
                    {
                        "name": name,
                        "description": f"The price of {thing}.",
                        "parameters": {
                            "type": "dict",
                            "properties": kinds,
                            "required": ["count", "coins"],
                        },
                    }
                ],
            }
        )
        answers.append(
            {
                "id": f"exec_simple_{number}",
                "ground_truth": [f"{name}(count={a}, coins={b})"],
                "execution_result_type": ["exact_match"],
            }
        )
    return tuple(test), (), tuple(answers)


def _arena(rng: random.Random, size: int) -> Tables:
    test, answers = [], []
    for _ in range(size):
        uid = uuid.UUID(int=rng.getrandbits(128)).hex[:16]
        who, place, thing = rng.choice(NAMES), rng.choice(PLACES), rng.choice(THINGS)
        prompt = (
            f"Write a scene in which {who}, who has not slept for {rng.randint(2, 9)} "
            f"nights, finds "
            f"{rng.randint(3, 90)} {thing} behind the {place} and must explain them to a rival "
            f"named {rng.choice(NAMES)} without ever saying the word {thing}."
        )
        test.append(
            {
                "uid": uid,
                "category": "creative_writing",
                "subcategory": "creative_writing",
                "prompt": prompt,
            }
        )
        text = f"{who} stood at the {place} and counted under the lamp, again and again, to {who}."
        messages = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": {"answer": text}},
        ]
        answers.append({"uid": uid, "model": "Qwen3-1.7B", "messages": messages})
    return tuple(test), (), tuple(answers)


def _healthbench(rng: random.Random, size: int) -> Tables:
    test = []
    for _ in range(size):
        part, days = rng.choice(("knee", "wrist", "ear", "ankle", "throat")), rng.randint(2, 20)
        asked = (
            f"My {part} has been sore for {days} days since I slipped near the "
            f"{rng.choice(PLACES)}, and {rng.choice(NAMES)} says that I should wait; is that safe?"
        )
        test.append(
            {
                "prompt_id": str(uuid.UUID(int=rng.getrandbits(128))),
                "prompt": [{"role": "user", "content": asked}],
                "example_tags": ["theme:hedging"],
                "ideal_completions_data": {
                    "ideal_completion": f"A {part} that hurts after {days} days should be seen by "
                    "a clinician, sooner when there is fever, numbness or swelling that grows."
                },
                "rubrics": [
                    {
                        "criterion": f"Advises to have the {part} seen after {days} days of pain.",
                        "points": 5,
                        "tags": ["axis:accuracy"],
                    }
                ],
            }
        )
    return tuple(test), (), ()


def _aime(rng: random.Random, size: int) -> Tables:
    def row(prefix: str) -> dict[str, Any]:
        n, m, k = rng.randint(20, 900), rng.randint(3, 17), rng.randint(2, 9)
        problem = rng.choice(
            (
                f"{prefix} $N$ be the number of ordered triples of integers $(a,b,c)$ with "
                f"$0 \\le a,b,c \\le {n}$ for which ${k}a+b-{m}c$ is divisible by ${m + k}$. Find "
                f"the remainder when $N$ is divided by $1000$.",
                f"{prefix} $ABCD$ be a convex quadrilateral with $AB={n}$, $BC={n + m}$ and "
                f"$CD={n + k}$, inscribed in a circle of radius ${n * 2}$. The area of triangle "
                f"$ACD$ is $p\\sqrt{{{m}}}$ for a whole number $p$. Find $p$ modulo ${n}$.",
            )
        )
        return {"problem": problem, "answer": str((n * m + k) % 1000)}

    test = tuple(row("Let") for _ in range(size))
    return (
        test,
        tuple(
            {"Problem": f"Compute ${a}^2-{b}$.", "Answer": str((a * a - b) % 1000)}
            for a, b in ((rng.randint(10, 99), rng.randint(2, 9)) for _ in range(30))
        ),
        (),
    )


def _gpqa(rng: random.Random, size: int) -> Tables:
    def row() -> dict[str, Any]:
        field, trait, n = rng.choice(FIELDS), rng.choice(TRAITS), rng.randint(3, 400)
        other, place = rng.choice(FIELDS), rng.choice(PLACES)
        right = f"{n * rng.randint(2, 9)} {trait} units"
        return {
            "Question": f"A {field} prepared beside a {place} shows a {trait} that falls by {n} "
            f"percent whenever the neighbouring {other} is cooled to {rng.randint(4, 290)} kelvin. "
            f"Assuming that both follow the same law, what {trait} does the {other} reach?",
            "Correct Answer": right,
            **{f"Incorrect Answer {i}": f"{n * 11 + i} {trait} units" for i in (1, 2, 3)},
            "Explanation": f"The {trait} of the {field} scales with its cooling, hence {right} for "
            f"the {other} as measured {n} times in the {place}.",
            "High-level domain": rng.choice(("Physics", "Chemistry", "Biology")),
        }

    test = tuple(row() for _ in range(size))
    # As in the real one, the extended part holds the main part.
    return test, (*test, *(row() for _ in range(30))), ()


MADE_UP: dict[str, Callable[[random.Random, int], Tables]] = {
    "gsm8k": _gsm8k,
    "humaneval": _humaneval,
    "bfcl": _bfcl,
    "arenahardwriting": _arena,
    "healthbench": _healthbench,
    "aime2025": _aime,
    "gpqamain": _gpqa,
}
