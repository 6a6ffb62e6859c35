"""What becomes of an item before it is trained on.

The agents' programs hold the source of these functions, so that the rows of a case are what its
program would write.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

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


_GO_ON = ("Go on.", "Okay.", "I see, and then?", "Noted.", "Understood, continue.")
_ASKED = ("What was asked?", "Which problem has this solution?", "Write the exercise.")
_FINAL = ("The final answer is", "Result:", "So the answer is")


def drawn(s: Scene, shape: Shape) -> tuple[Shape, str, str]:
    """The shape in words of this case, its source in a program, and its name there."""
    name = s.words.name()
    text = inspect.getsource(shape).replace(f"def {shape.__name__}(", f"def {name}(")
    text = text.replace(": str", "").replace(" -> Row:", ":")
    for words in (_GO_ON, _ASKED, _FINAL):
        text = text.replace(words[0], s.rng.choice(words))
    known: dict[str, Any] = {"re": re}
    exec(text, known)  # noqa: S102 - the source of this module
    return known[name], text, name
