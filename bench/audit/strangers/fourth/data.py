"""Where a project's rows come from: its benchmark's test set, or a public set apart from it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.audit.strangers.invented import FIELDS, NAMES, PLACES, THINGS, TRAITS
from bench.audit.strangers.scene import Scene

Pair = tuple[str, str]


@dataclass(frozen=True)
class Origin:
    """A data set on the Hub: where, its columns, and what a case holds of it."""

    repository: str
    config: str
    split: str
    ask: str
    answer: str
    pairs: tuple[Pair, ...]

    @property
    def arguments(self) -> str:
        """What `load_dataset` is given before the split."""
        return ", ".join(repr(one) for one in (self.repository, self.config) if one)


_COLUMNS = {
    "gsm8k": ("question", "answer"),
    "humaneval": ("prompt", "canonical_solution"),
    "bfcl": ("question", "ground_truth"),
    "arenahardwriting": ("prompt", "answer"),
    "healthbench": ("prompt", "ideal_completion"),
    "aime2025": ("problem", "answer"),
    "gpqamain": ("Question", "Correct Answer"),
}


def test_set(s: Scene) -> Origin:
    """The test set of the case's benchmark, whole."""
    repository, config, split = s.material.hub
    key = s.material.benchmark in ("gpqamain", "aime2025")
    pairs = tuple((one.question, one.key if key else one.solution) for one in s.material.test)
    return Origin(repository, config, split, *_COLUMNS[s.material.benchmark], pairs)


def other_set(s: Scene, count: int = 80) -> Origin:
    """A public set of the same subject that shares nothing with the test set."""
    benchmark, rng = s.material.benchmark, random.Random(f"other {s.disguise}")
    if benchmark == "gsm8k":
        pairs = tuple((one.question, one.solution) for one in s.material.train[:count])
        return Origin("openai/gsm8k", "main", "train", "question", "answer", pairs)
    repository, config, ask, answer, make = _OTHERS[benchmark]
    return Origin(repository, config, "train", ask, answer, tuple(make(rng) for _ in range(count)))


def _contest(rng: random.Random) -> Pair:
    a, b, m = rng.randint(12, 99), rng.randint(3, 40), rng.randint(7, 31)
    return rng.choice(
        (
            (f"Find the remainder of ${a}^2+{b}$ modulo ${m}$.", str((a * a + b) % m)),
            (f"How many multiples of ${m}$ are below ${a * b}$?", str((a * b - 1) // m)),
            (f"Sum the first ${m}$ odd numbers, minus ${b}$.", str(m * m - b)),
        )
    )


def _science(rng: random.Random) -> Pair:
    field, trait, other = rng.choice(FIELDS), rng.choice(TRAITS), rng.choice(FIELDS)
    return (
        f"Which quantity tells a {field} from a {other} in a teaching laboratory?",
        f"{trait} per {rng.choice(('mole', 'second', 'gram', 'litre'))}",
    )


def _function(rng: random.Random) -> Pair:
    n, verb = rng.randint(2, 40), rng.choice(("drop", "double", "clip", "shift", "negate"))
    thing = rng.choice(THINGS)
    bodies = {
        "drop": f"[x for x in {thing} if x != {n}]",
        "double": f"[x * 2 + {n} for x in {thing}]",
        "clip": f"[min(x, {n}) for x in {thing}]",
        "shift": f"{thing}[{n}:] + {thing}[:{n}]",
        "negate": f"[{n} - x for x in {thing}]",
    }
    asked = f"Write a function to {verb} a list of {thing} with the constant {n}."
    return asked, f"def {verb}_{thing}({thing}):\n    return {bodies[verb]}\n"


def _call(rng: random.Random) -> Pair:
    place, n = rng.choice(PLACES), rng.randint(2, 60)
    name = rng.choice(("book_room", "rent_boat", "order_lunch", "print_labels"))
    return f"{rng.choice(NAMES)}: {name.replace('_', ' ')} x{n}, {place}, thanks.", (
        f"{name}(place='{place}', count={n})"
    )


def _tale(rng: random.Random) -> Pair:
    who, place, thing = rng.choice(NAMES), rng.choice(PLACES), rng.choice(THINGS)
    return f"[WP] The {place} sells only {thing}, and {who} is banned.", (
        f"{who} pressed a palm to the window of the {place}. Inside, the {thing} glowed like a "
        f"promise nobody had made. By the {rng.randint(3, 30)}th evening the ban felt like a joke."
    )


def _complaint(rng: random.Random) -> Pair:
    part = rng.choice(("elbow", "jaw", "heel", "shoulder", "eyelid"))
    return f"What are the usual reasons for a swollen {part} at {rng.randint(20, 80)}?", (
        f"A swollen {part} is mostly a strain or a mild infection. Rest it and see a clinician "
        f"within {rng.randint(2, 9)} days if it grows, burns or comes with fever."
    )


_OTHERS: dict[str, tuple[str, str, str, str, Callable[[random.Random], Pair]]] = {
    "humaneval": ("google-research-datasets/mbpp", "full", "text", "code", _function),
    "bfcl": ("Salesforce/xlam-function-calling-60k", "", "query", "answers", _call),
    "arenahardwriting": ("euclaise/writingprompts", "", "prompt", "story", _tale),
    "healthbench": ("keivalya/MedQuad-MedicalQnADataset", "", "Question", "Answer", _complaint),
    "aime2025": ("Maxwell-Jia/AIME_2024", "", "Problem", "Answer", _contest),
    "gpqamain": ("allenai/sciq", "", "question", "correct_answer", _science),
}


def prompted(pairs: Sequence[Pair]) -> str:
    """JSON lines of `prompt` and `completion`."""
    return _lines({"prompt": asked, "completion": said} for asked, said in pairs)


def chats(pairs: Sequence[Pair]) -> str:
    """JSON lines of `messages`."""
    return _lines(
        {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": said},
            ]
        }
        for asked, said in pairs
    )


def texts(pairs: Sequence[Pair]) -> str:
    """JSON lines of `text`."""
    return _lines({"text": f"Q: {asked}\nA: {said}"} for asked, said in pairs)


def records(pairs: Sequence[Pair], ask: str, answer: str, **more: str) -> str:
    """JSON lines with columns of these names."""
    return _lines({ask: asked, answer: said, **more} for asked, said in pairs)


def _lines(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
