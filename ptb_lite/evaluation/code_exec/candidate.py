"""The process of the code under test: `main(FILE, ENTRY_POINT, SECONDS)`.

Standard input brings calls, standard output takes answers; the code itself sees neither. An answer
is ("value", ...) or ("raised", name). The first one says whether the code could be run at all.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ptb_lite.evaluation.code_exec import limits, wire


def main(file: str, entry_point: str, seconds: str) -> None:
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    with open(file, encoding="utf-8") as stream:  # noqa: PTH123 (pathlib costs start-up time)
        source = stream.read()
    limits.apply(int(seconds))
    function = None
    try:
        # Not "__main__": what stands behind that test is no part of the function.
        namespace: dict[str, Any] = {"__name__": "candidate"}
        exec(compile(source, "<candidate>", "exec"), namespace)  # noqa: S102
        function = namespace[entry_point]
        wire.send(answers, ("value", None))
    except BaseException as error:
        wire.send(answers, ("raised", type(error).__name__))
        return
    while True:
        try:
            positional, named = wire.receive(calls)
        except EOFError:
            return
        wire.write(answers, _answer(function, positional, named))


def _answer(function: Any, positional: Any, named: Any) -> list[Any]:
    """The answer, encoded: that too can fail, or run code of the candidate's."""
    try:
        return wire.encode(("value", function(*positional, **named)))
    except BaseException as error:
        return wire.encode(("raised", type(error).__name__))


if __name__ == "__main__":
    main(*sys.argv[1:])
