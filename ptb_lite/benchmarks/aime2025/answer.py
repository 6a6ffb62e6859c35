"""Read a whole number out of a competition solution.

The last `ANSWER:` or `\\boxed{}` with a whole number in it; without any, the last whole number of
the text.
"""

from __future__ import annotations

from ptb_lite.benchmarks.gsm8k.answer import final_number


def extract(completion: str) -> str | None:
    """The answer without leading zeros; None when there is no number, or one that is not whole."""
    value = final_number(completion)
    return str(value.numerator) if value is not None and value.denominator == 1 else None


def is_correct(completion: str, target: str) -> bool:
    """Whether the answer is the whole number `target`."""
    found = extract(completion)
    return found is not None and int(found) == int(target)
