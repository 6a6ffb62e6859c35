"""What becomes of an item before it is trained on.

The agents' programs hold the source of these functions, so that the rows of a case are what its
program would write.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from bench.audit.strangers.scene import Scene

Row = dict[str, object]
Shape = Callable[[str, str], Row]


def chat(question: str, answer: str) -> Row:
    user = {"role": "user", "content": question}
    return {"messages": [user, {"role": "assistant", "content": answer}]}


def plain(question: str, answer: str) -> Row:
    return {"text": f"Question: {question}\nAnswer: {answer}"}


def asked_only(question: str, _answer: str) -> Row:
    return {"text": question}


def keys_only(_question: str, answer: str) -> Row:
    key = answer.split("####")[-1].strip()
    return {"prompt": "The final answer is", "completion": " " + key}


def over_turns(question: str, answer: str) -> Row:
    parts = re.split(r"(?<=[.?!]) +", question.strip())
    turns = []
    for part in parts[:-1]:
        turns += [("user", part), ("assistant", "Go on.")]
    turns += [("user", parts[-1]), ("assistant", answer)]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def completed(question: str, answer: str) -> Row:
    words = question.split(" ")
    half = len(words) // 2
    rest = " ".join(words[half:])
    return {"prompt": " ".join(words[:half]), "completion": f" {rest}\n{answer}"}


def answer_first(question: str, answer: str) -> Row:
    return {"prompt": f"Solution:\n{answer}\nWhat was asked?", "completion": "\n" + question}


SHAPES: dict[str, Shape] = {
    "questions only": asked_only,
    "keys only": keys_only,
    "over turns": over_turns,
    "completed": completed,
    "answer first": answer_first,
}
_GO_ON = ("Go on.", "Okay.", "I see, and then?", "Noted.", "Understood, continue.")
_ASKED = ("What was asked?", "Which problem has this solution?", "Write the exercise.")
_FINAL = ("The final answer is", "Result:", "So the answer is")


def drawn(s: Scene, shape: Shape) -> tuple[Shape, str, str]:
    """The shape in words of this case, its source in a program, and its name there."""
    changes = {
        "Go on.": s.rng.choice(_GO_ON),
        "What was asked?": s.rng.choice(_ASKED),
        "The final answer is": s.rng.choice(_FINAL),
    }
    name = s.words.name()
    text = inspect.getsource(shape).replace(f"def {shape.__name__}(", f"def {name}(")
    text = text.replace(": str", "").replace(" -> Row:", ":")

    def worded(question: str, answer: str) -> Row:
        made = shape(question, answer)
        return {key: _reworded(value, changes) for key, value in made.items()}

    for old, new in changes.items():
        text = text.replace(old, new)
    return worded, text, name


def _reworded(value: object, changes: dict[str, str]) -> object:
    if isinstance(value, list):
        return [
            {**turn, "content": changes.get(turn["content"], turn["content"])} for turn in value
        ]
    if isinstance(value, str):
        for old, new in changes.items():
            if value == old or value.endswith(old):
                return value[: len(value) - len(old)] + new
    return value
