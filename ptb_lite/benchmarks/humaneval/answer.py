"""Make a program out of a completion: the code in its fence, or the rest of the function."""

from __future__ import annotations

import re
import textwrap

from ptb_lite.evaluation.answer_text import after_thinking

# The language may be spelt in any case, and the last fence may be left open.
_FENCE = re.compile(
    r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)
_LANGUAGES = ("", "python", "python3", "py")


def extract(completion: str, entry_point: str) -> str | None:
    """The code of a completion: of its fenced blocks the first that defines `entry_point`, else
    the first one; without a fence, all of it. None when there is none.
    """
    text = after_thinking(completion)
    blocks = [code for language, code in _FENCE.findall(text) if language.lower() in _LANGUAGES]
    if not blocks:
        return text if text.strip() else None
    found = next((code for code in blocks if defines(code, entry_point)), blocks[0])
    return found if found.strip() else None


def program(prompt: str, completion: str, entry_point: str) -> str | None:
    """The whole program that is tested; None when the completion holds no code."""
    code = extract(completion, entry_point)
    if code is None:
        return None
    if defines(code, entry_point):
        return f"{before(prompt, entry_point)}\n{code}"
    fenced = code != after_thinking(completion)
    body = textwrap.indent(code, "    ") if fenced and not code[:1].isspace() else code
    return f"{prompt}{body}"


def defines(code: str, entry_point: str) -> bool:
    """Whether the function is defined at the left margin."""
    return re.search(rf"^(?:async[ ]+)?def[ ]+{re.escape(entry_point)}\b", code, re.M) is not None


def before(prompt: str, entry_point: str) -> str:
    """The imports and helpers that stand before the function in the prompt."""
    found = re.search(rf"^def[ ]+{re.escape(entry_point)}\b", prompt, re.M)
    return prompt[: found.start()] if found else ""
