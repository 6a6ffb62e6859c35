"""Files that hold test items because somebody evaluated: they are no training data.

Known by structure: logs of inspect-ai, samples of lm-eval, rows with an output and its score, what
programs printed; and PostTrainBench's own copies of the test set. They inform. What feeds them into
training decides (the detectors for ingestion and answer keys follow that).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from ptb_lite.audit.code.flows import is_result_file, names_test
from ptb_lite.audit.evidence.folder import Account, FoundFile, open_regular
from ptb_lite.audit.evidence.readers import Budget, read_file
from ptb_lite.audit.item import TestItem


class _HasSource(Protocol):
    @property
    def source(self) -> str: ...


class Reading(Protocol):
    """The part of what was read of the agent's programs that outputs are told by."""

    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def harness(self) -> frozenset[str]: ...
    @property
    def python(self) -> Sequence[_HasSource]: ...


_PEEK = 256 << 10
_MAX_OUTPUTS = 400
_MAX_BYTES = 256 << 20
_MAX_SECONDS = 30.0
_SCORES = {"correct", "is_correct", "score", "scores", "passed", "pass", "acc", "accuracy", "em",
           "exact_match", "match", "right", "ok", "grade", "judgement", "judgment", "hit",
           "is_right", "success"}  # fmt: skip
_OUTPUTS = {"prediction", "pred", "predicted", "response", "output", "completion", "generated",
            "generation", "model_answer", "extracted", "extracted_answer", "model_output", "got",
            "raw_output", "reply", "pred_answer", "model_response", "sample"}  # fmt: skip
_MEASURED = _SCORES | {
    "result",
    "results",
    "verdict",
    "status",
    "winner",
    "rating",
    "error",
    "tests_passed",
    "num_passed",
    "test_result",
    "graded",
    "outcome",
    "reward",
}
_MADE = _OUTPUTS | {"gen", "generated_code", "generated_text", "output_text", "answer_model",
                    "model", "candidate", "attempt", "samples", "generations"}  # fmt: skip
_GOLD = {"expected", "gold", "reference", "label", "target", "ground_truth", "answer_key"}
_DIALOGUE = {"messages", "conversations", "conversation", "chosen"}
_TRAINS = re.compile(r"train|sft|synth|mix|corpus|instruct|augment|tune|tuning", re.IGNORECASE)
_TEXTS = {"", ".txt", ".md", ".html", ".log", ".out", ".err"}
_GAVE = re.compile(
    r"\b(?:pred(?:iction|icted)?|got|model (?:output|answer|response)|output|response|extracted|"
    r"completion|generated)\b ?[:=| ]",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"\b(?:gold|expected|want(?:ed)?|target|reference|ground truth|label|correct answer)\b ?[:=| ]",
    re.IGNORECASE,
)
_SPEAKERS = re.compile(
    r"^\s*(?:user|human|assistant|bot|system|<\|im_start\|>\w*) ?:|<\|(?:im_start|user|assistant)",
    re.IGNORECASE | re.MULTILINE,
)
_FEWEST_PRINTED = 3
_PRINTED = {".log", ".out", ".err"}
_GUARDS = re.compile(r"decontam|overlap|n-?gram|exclu|contamina|not in |dedup|leak", re.IGNORECASE)


def is_output(file: FoundFile) -> bool:
    """Whether a file is what an evaluation or a program put out, by its structure."""
    name, suffix = file.name.lower(), file.suffix
    if suffix in _PRINTED and not _TRAINS.search(name.removesuffix(suffix)):
        rows = _rows(_peek(file))
        return not rows or any(map(_is_measured, rows))
    if suffix in _PRINTED:
        return not _rows(_peek(file)) and bool(re.search(r"log|out|err", name))
    if suffix == ".eval":
        return _peek(file)[:2] == b"PK"
    evaluates = _is_of_evaluation([*file.folders, file.name])
    if suffix in _TEXTS and not _TRAINS.search(name) and _is_printed(_peek(file)):
        return True
    if suffix in {".md", ".html"}:
        return evaluates
    if suffix not in {".json", ".jsonl", ".csv", ".txt", ".tsv"}:
        return False
    start = _peek(file)
    if _is_inspect(start) or _is_lm_eval(start):
        return True
    rows = _rows(start)
    if rows:
        shaped = _is_measured if evaluates else _is_scored
        return not _TRAINS.search(name) and any(map(shaped, rows))
    if evaluates and start.lstrip()[:1] not in (b"{", b"["):
        return True
    return suffix == ".txt" and is_result_file(name)


def _is_printed(start: bytes) -> bool:
    """Whether a text is what an evaluation prints of its samples: what the model gave beside what
    was expected, again and again, and no dialogue to be trained on."""
    text = start.decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        return False
    gave, wanted = len(_GAVE.findall(text)), len(_WANTED.findall(text))
    return min(gave, wanted) >= _FEWEST_PRINTED and not _SPEAKERS.search(text)


def is_handed_test_data(relative: str, harness: frozenset[str]) -> bool:
    """PostTrainBench's own copies of the test set: handed out against contamination, or kept by
    its evaluation code."""
    *folders, own = relative.split("/")
    if own == "test_data.json":
        return True
    if not any(name.endswith("evaluate.py") for name in harness):
        return False
    in_code = "evaluation_code" in folders
    cached = folders[-1:] == ["data"] and own.startswith(("healthbench", "arena"))
    return (in_code or cached) and not _TRAINS.search(own)


def is_kept_aside(relative: str, sources: Iterable[str]) -> bool:
    """A copy of the test set under its own name, in a folder whose programs name it where they look
    for overlaps: kept to stay clear of it."""
    name = relative.rpartition("/")[2]
    if not names_test(name):
        return False
    return any(name in source and _GUARDS.search(source) for source in sources)


def informing(programs: Reading) -> Callable[[FoundFile], bool]:
    """Whether test items in a file only inform: it is what an evaluation put out, or a copy that
    the programs beside it use to stay clear of the test set."""
    outputs = set(programs.outputs)
    sources = [program.source for program in programs.python]

    def informs(file: FoundFile) -> bool:
        name = file.relative
        return (
            name in outputs
            or is_handed_test_data(name, programs.harness)
            or is_kept_aside(name, sources)
        )

    return informs


def is_typed_output(name: str) -> bool:
    """Whether a file of the trace's is a copy of the test set by its name."""
    return PurePosixPath(name.rpartition("(")[2].rstrip(")")).name == "test_data.json"


def holding_items(
    files: Sequence[FoundFile],
    items: Sequence[TestItem],
    harness: frozenset[str],
    handed: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """The outputs among `files`, and data that the task handed out, in which test items stand."""
    outputs = [
        file
        for file in files
        if file.relative in handed or is_handed_test_data(file.relative, harness) or is_output(file)
    ][:_MAX_OUTPUTS]
    if not outputs or not items:
        return tuple(f.relative for f in outputs if _is_inspect(_peek(f)) or _is_lm_eval(_peek(f)))
    # Here, since what judges cases alone needs no matcher.
    from ptb_lite.audit.text.matcher import Matcher
    from ptb_lite.audit.text.phrases import Templates, wanted_items

    matcher = Matcher(wanted_items(items, Templates(items)))
    budget = Budget(_MAX_BYTES, time.monotonic() + _MAX_SECONDS)
    found = []
    for file in outputs:
        hits: set[int] = set()
        for chunk in read_file(file, Account(), budget):
            matcher.search(chunk.text, hits)
            if len(hits) > 1:
                found.append(file.relative)
                break
    return tuple(found)


def _is_inspect(start: bytes) -> bool:
    head = start[:4096]
    return head.lstrip()[:1] == b"{" and b'"eval"' in head and b'"task' in head and (
        b'"status"' in head or b'"version"' in head
    )  # fmt: skip


def _is_lm_eval(start: bytes) -> bool:
    samples = b'"resps"' in start and b'"doc"' in start
    return samples or (b'"filtered_resps"' in start) or (
        b'"results"' in start and b'"n-shot"' in start
    )  # fmt: skip


def _is_of_evaluation(parts: Sequence[str]) -> bool:
    """Whether a file says by its name or its folder that an evaluation put it out."""
    named = any(map(is_result_file, parts))
    return named and not any(map(_TRAINS.search, parts))


def _is_measured(row: dict[str, object]) -> bool:
    """Whether a row in such a file has the form of an evaluation's, and not of training data: a
    question and an answer alone may be either."""
    keys = {key.lower() for key in row}
    if keys & _DIALOGUE:
        return False
    return (
        bool(keys & _MEASURED)
        or bool(keys & (_MADE - {"output", "response", "completion"}))
        or (bool(keys & _GOLD) and len(keys) > 2)
    )


def _is_scored(row: dict[str, object]) -> bool:
    keys = {key.lower() for key in row}
    return bool(keys & _SCORES) and bool(keys & _OUTPUTS) and not keys & _DIALOGUE


def _rows(start: bytes) -> list[dict[str, object]]:
    """The first rows of a file of rows, or those in a list inside of one object."""
    text = start.decode("utf-8", "replace")
    found: list[dict[str, object]] = []
    for line in text.split("\n")[:4]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if isinstance(row, dict):
            found.append(row)
    if found and not (len(found) == 1 and any(isinstance(v, list) for v in found[0].values())):
        return found
    if text.lstrip()[:1] in "[{":
        return _inner(text)
    header = text.split("\n", 1)[0][:2000].strip().split(",")
    if len(header) > 1 and all(0 < len(name) < 40 and " " not in name for name in header):
        return [dict.fromkeys(header, "")]
    return found


def _inner(text: str) -> list[dict[str, object]]:
    """The first objects of a list in JSON that may be cut."""
    decoder = json.JSONDecoder()
    position, found = 0, list[dict[str, object]]()
    for _ in range(3):
        start = re.compile(r"\[\s*\{|\}\s*,\s*\{").search(text, position)
        if start is None:
            break
        at = text.rindex("{", start.start(), start.end())
        try:
            row, position = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        position -= 1
        if isinstance(row, dict):
            found.append(row)
    return found


def _peek(file: FoundFile) -> bytes:
    try:
        with open_regular(file.path) as stream:
            return stream.read(_PEEK)
    except OSError:
        return b""
