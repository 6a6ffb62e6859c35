"""BFCL exec_simple (Berkeley Function Calling Leaderboard, Patil et al.): 100 requests for a call.

The score is PostTrainBench's plain equality; `type_aware` is shown beside it.
"""

from __future__ import annotations

import json

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.benchmarks.bfcl.answer import Call, calls, parse_reference
from ptb_lite.benchmarks.bfcl.rules import plainly_equal, type_aware
from ptb_lite.benchmarks.bfcl.siblings import family
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.family import SIBLINGS, source_for
from ptb_lite.evaluation.items.item import Item

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


ENTRY = BenchmarkEntry(
    id="bfcl",
    position=8,
    title="One function call for a request (BFCL exec_simple)",
    kind="dataset",
    data=DataSource(
        test=DataPart(
            hub_id="gorilla-llm/Berkeley-Function-Calling-Leaderboard",
            file="BFCL_v3_exec_simple.json",
            local="bfcl/exec_simple.jsonl",
        ),
        answers="bfcl/exec_simple_answers.jsonl",
    ),
    dev_from="test",
    train_size=0,
    dev_size=20,
    test_size=100,
    num_fewshot=0,
    max_new_tokens=16000,
    scored_as="name and arguments are equal as Python values; the type-aware rule beside it",
    summary=(
        "Patil et al., Berkeley Function Calling Leaderboard. There is no train side: with "
        "feedback dev, 20 requests are the agent's and are not scored."
    ),
)

SOURCES = BenchmarkSources(
    also=("bfcl_v3", "bfclv3", "bfcl_exec_simple", "berkeley_function_calling"),
    word="bfcl|berkeley[-_ ]function[-_ ]calling",
    official=(OfficialSource(id="gorilla-llm/Berkeley-Function-Calling-Leaderboard"),),
    modules=("bfcl_eval", "bfcl"),
    repos=("ShishirPatil/gorilla",),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
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
    siblings=lambda item, seed: family(
        item.question, f" {_reply(item)}", count=SIBLINGS, source=source_for(item.id, seed)
    ),
)
