"""Read an answer out of a completion and judge it: pure functions, the same for every model."""

from __future__ import annotations

import re
import unicodedata

MAX_COMPLETION = 4000
_ARTICLES = re.compile(r"^(?:the |an |a )", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def extract_answer(completion: str) -> str | None:
    """The first line of a completion as a normalised answer; None when it holds nothing.

    Normalised: NFKC, lower case, single spaces, list separators as ", ", no leading article, no
    quotation marks or full stop around the answer. Idempotent: an extracted answer extracts to
    itself.
    """
    line = next((part for part in completion[:MAX_COMPLETION].splitlines() if part.strip()), "")
    answer = normalise(line)
    return answer or None


def is_correct(completion: str, target: str) -> bool:
    """Whether the completion's answer is the target's: equal, or equal as numbers."""
    answer, wanted = extract_answer(completion), extract_answer(target)
    if answer is None or wanted is None:
        return False
    return answer == wanted or _same_number(answer, wanted)


def normalise(text: str) -> str:
    """Text with what does not change its meaning as an answer taken away; idempotent."""
    previous, current = None, text
    # Taking one thing away can bare the next ("the 'x'."), so until nothing changes; every round
    # either shortens the text or is the last, and NFKC and lower() settle in the first two.
    for _ in range(len(text) + 4):
        if current == previous:
            break
        previous, current = current, _normalise_once(current)
    return current


def _normalise_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"\s*,\s*", ", ", " ".join(text.split())).strip()
    text = text.strip("\"'`*.,;:!").strip()
    return _ARTICLES.sub("", text)


def _same_number(one: str, other: str) -> bool:
    if not (_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)):
        return False
    return float(one) == float(other)
