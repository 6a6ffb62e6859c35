"""BFCL exec_simple (Berkeley Function Calling Leaderboard, Patil et al.): 100 requests for a call.

The score is PostTrainBench's plain equality; `type_aware` is shown beside it.
"""

from __future__ import annotations

import json

from ptb_lite.benchmarks.bfcl.answer import Call, calls, parse_reference
from ptb_lite.benchmarks.bfcl.rules import plainly_equal, type_aware
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.splits import Item

TYPE_AWARE = "type_aware"
_TOOLS = (
    "You can call functions to answer the user. These are the functions, one JSON description a "
    "line:\n<tools>\n{tools}\n</tools>\n\nFor a call write a JSON object with the function's name "
    "and its arguments by name, inside these tags:\n<tool_call>\n"
    '{{"name": <name>, "arguments": <object>}}\n</tool_call>'
)


def item(row: Row) -> Item:
    """Stratum: the kinds of the function's parameters."""
    (turn,) = row["question"][0]
    (function,) = row["function"]
    answer = row.get("answer_row") or row
    (reference,) = answer["ground_truth"]
    wanted = parse_reference(reference)
    kinds = {str(p["type"]) for p in function["parameters"]["properties"].values()}
    return Item(
        id=str(row["id"]),
        question=str(turn["content"]),
        target=reference,
        metadata={
            "function": function,
            "name": wanted.name,
            "arguments": wanted.arguments,
            "stratum": " ".join(sorted(kinds)),
        },
    )


def judge(item: Item, completion: str) -> Judged:
    """Exactly one call is wanted."""
    found = calls(completion)
    if found is None:
        return Judged(0.0, None, {TYPE_AWARE: 0.0})
    said = " ".join(call.text() for call in found)
    if len(found) != 1:
        return Judged(0.0, said, {TYPE_AWARE: 0.0})
    wanted, function = _wanted(item), item.metadata["function"]
    assert isinstance(function, dict)
    return Judged(
        float(plainly_equal(found[0], wanted)),
        said,
        {TYPE_AWARE: float(type_aware(found[0], wanted, function))},
    )


def _wanted(item: Item) -> Call:
    arguments = item.metadata["arguments"]
    assert isinstance(arguments, dict)
    return Call(str(item.metadata["name"]), dict(arguments))


def _tools(item: Item) -> str:
    return _TOOLS.format(tools=json.dumps(item.metadata["function"]))


def _reply(item: Item) -> str:
    call = _wanted(item)
    body = json.dumps({"name": call.name, "arguments": call.arguments})
    return f"<tool_call>\n{body}\n</tool_call>"


BENCHMARK = Benchmark(
    id="bfcl",
    item=item,
    chat=lambda item: (
        ChatMessage("system", _tools(item)),
        ChatMessage("user", item.question),
    ),
    plain=lambda item: f"{_tools(item)}\n\nRequest: {item.question}\nCall:",
    solved=lambda item: f" {_reply(item)}",
    reply=_reply,
    judge=judge,
    stop=("</tool_call>", "\nRequest:", "<|im_end|>"),
)
