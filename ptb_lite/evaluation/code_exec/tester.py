"""The process of the tests: `main(FILE, SECONDS)`.

The file holds `prompt`, `test` and `entry_point` as JSON. Standard output takes calls to the code
under test, standard input brings its answers, and standard error the verdict: one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ptb_lite.evaluation.code_exec import limits, wire


class CandidateFailedError(Exception):
    """The code under test raised, or is gone."""


def main(file: str, seconds: str) -> None:
    answers, calls = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    verdicts = os.fdopen(os.dup(2), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    with open(file, encoding="utf-8") as stream:  # noqa: PTH123 (pathlib costs start-up time)
        problem = json.load(stream)
    filtered = limits.apply(int(seconds))

    def ask() -> Any:
        try:
            kind, value = wire.receive(answers)
        except (EOFError, ValueError, OSError) as error:
            raise CandidateFailedError("it ended without an answer") from error
        if kind != "value":
            raise CandidateFailedError(f"it raised {str(value)[:100]}")
        return value

    def candidate(*positional: Any, **named: Any) -> Any:
        try:
            wire.send(calls, (positional, named))
        except OSError as error:
            raise CandidateFailedError("it ended without an answer") from error
        return ask()

    passed, reason = False, ""
    try:
        ask()
        _check(problem, candidate)
        passed = True
    except CandidateFailedError as error:
        reason = str(error)
    except AssertionError:
        reason = "a test failed"
    except BaseException as error:
        reason = f"the tests raised {type(error).__name__}"
    verdicts.write(json.dumps({"passed": passed, "reason": reason, "seccomp": filtered}).encode())
    verdicts.close()


def _check(problem: dict[str, str], candidate: Any) -> None:
    """Run the dataset's tests. The prompt is run for the helpers and imports that they use."""
    namespace: dict[str, Any] = {"__name__": "tester"}
    exec(compile(problem["prompt"], "<prompt>", "exec"), namespace)  # noqa: S102
    # Some tests call the function by its name instead of by their argument.
    namespace[problem["entry_point"]] = candidate
    exec(compile(problem["test"], "<test>", "exec"), namespace)  # noqa: S102
    namespace["check"](candidate)


if __name__ == "__main__":
    main(*sys.argv[1:])
