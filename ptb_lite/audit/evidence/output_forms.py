"""The form of what an evaluation puts out: logs of inspect-ai, samples of lm-eval, rows with a
model's output beside what was expected, and the same printed, in Markdown or in HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice

from ptb_lite.audit.code.flows import is_result_file

_SCORES = {"correct", "is_correct", "score", "scores", "passed", "pass", "acc", "accuracy", "em",
           "exact_match", "match", "right", "ok", "grade", "judgement", "judgment", "hit",
           "is_right", "success", "reward"}  # fmt: skip
_OUTPUTS = {"prediction", "pred", "predicted", "response", "output", "completion", "generated",
            "generation", "model_answer", "extracted", "extracted_answer", "model_output", "got",
            "raw_output", "reply", "pred_answer", "model_response", "sample"}  # fmt: skip
_MEASURED = _SCORES | {"result", "results", "verdict", "status", "winner", "rating", "error",
                       "tests_passed", "num_passed", "test_result", "graded",
                       "outcome"}  # fmt: skip
_AMBIGUOUS = {"output", "response", "completion", "reply", "sample"}
_MADE = (_OUTPUTS - _AMBIGUOUS) | {"gen", "generated_code", "generated_text", "output_text",
                                   "answer_model", "model", "candidate", "attempt", "samples",
                                   "generations"}  # fmt: skip
_ANYWHERE = {"model", "samples", "candidate", "attempt"}  # of training data, too
_GOLD = {"expected", "gold", "reference", "label", "target", "ground_truth", "answer_key"}
_DIALOGUE = {"messages", "conversations", "conversation", "chosen"}
TRAINS = re.compile(r"train|sft|synth|mix|corpus|instruct|augment|tune|tuning", re.IGNORECASE)
_PACKED = re.compile(r"\.(?:gz|bz2|xz)$")
_TEXTS = {"", ".txt", ".md", ".html", ".htm", ".log", ".out", ".err"}
_ROWS = {".json", ".jsonl", ".csv", ".txt", ".tsv", ".parquet", ".arrow", ".db", ".sqlite",
         ".sqlite3"}  # fmt: skip
_PRINTED = {".log", ".out", ".err"}
_GAVE = re.compile(
    r"\b(?:pred(?:iction|icted)?|got|model (?:output|answer|response)|output|response|extracted|"
    r"completion|generated)\b ?[:=| ]",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"\b(?:gold|expected|want(?:ed)?|target|reference|ground truth|label|correct answer|truth)\b ?"
    r"[:=| ]|\b(?:should (?:be|have been)|(?:correct|right) is)\b",
    re.IGNORECASE,
)
_JUDGED = re.compile(r"\b(?:PASS(?:ED)?|FAIL(?:ED)?|WRONG|INCORRECT|CORRECT|OK)\b|[✓✗✔✘]")
_SPEAKERS = re.compile(
    r"^\s*(?:user|human|assistant|bot|system|<\|im_start\|>\w*) ?:|<\|(?:im_start|user|assistant)",
    re.IGNORECASE | re.MULTILINE,
)
_JSON = re.compile(r"\s*[\[{]\s*[\"\[{]")
_FEWEST_PRINTED = 3
_LINES = 4
_TITLES = re.compile(r"<th[^<>]{0,80}>([^<>]{1,40})</th>", re.IGNORECASE)
_TITLE_ROW = re.compile(r"^\|(.{3,400})\|\s*\n\|[-:| ]+\|", re.MULTILINE)
_COLUMNS = re.compile(r"CREATE TABLE[^()]{1,200}\(([^()]{1,2000})", re.IGNORECASE)


def is_output_form(path: str, start: bytes) -> bool:
    """Whether a file (or a member of an archive) that begins so is what an evaluation put out."""
    *folders, name = path.lower().replace("!", "/").split("/")
    name = _PACKED.sub("", name)
    stem, dot, end = name.rpartition(".")
    suffix = f".{end}" if dot and stem else ""
    if suffix in _PRINTED:
        rows = _rows(start)
        if TRAINS.search(stem):
            return not rows and bool(re.search(r"log|out|err", name))
        return not rows or any(map(_is_measured, rows))
    if TRAINS.search(name):
        return False
    evaluates = _is_of_evaluation([*folders, name])
    if suffix in _TEXTS and _is_printed(start):
        return True
    if suffix in {".md", ".html", ".htm"}:
        titles = set(_titles(start))
        return evaluates or bool(titles & _GOLD and titles & _MADE)
    if suffix not in _ROWS:
        return False
    if is_inspect(start) or is_lm_eval(start):
        return True
    rows = _rows(start)
    if rows:
        shaped = _is_measured if evaluates else _is_compared
        return any(map(shaped, rows))
    if evaluates and start.lstrip()[:1] not in (b"{", b"["):
        return True
    return suffix == ".txt" and is_result_file(name)


def is_inspect(start: bytes) -> bool:
    head = start[:4096]
    sample = b'"input"' in start and b'"target"' in start and b'"scores"' in start
    return (head.lstrip()[:1] == b"{" and b'"eval"' in head and b'"task' in head and (
        b'"status"' in head or b'"version"' in head
    )) or (sample and b'"output"' in start and b'"epoch"' in head)  # fmt: skip


def is_lm_eval(start: bytes) -> bool:
    samples = b'"resps"' in start and b'"doc"' in start
    return samples or (b'"filtered_resps"' in start) or (
        b'"results"' in start and b'"n-shot"' in start
    )  # fmt: skip


def _is_printed(start: bytes) -> bool:
    """Whether a text is what an evaluation prints of its samples: what the model gave (or whether
    it was right) beside what was expected, again and again, and no dialogue to be trained on."""
    text = start.decode("utf-8", "replace")
    if _JSON.match(text) or _SPEAKERS.search(text):
        return False
    enough = (
        any(islice(pattern.finditer(text), _FEWEST_PRINTED - 1, None))
        for pattern in (_WANTED, _GAVE, _JUDGED)
    )
    return next(enough) and any(enough)


def _is_of_evaluation(parts: Sequence[str]) -> bool:
    """Whether a file says by its name or its folder that an evaluation put it out."""
    return any(map(is_result_file, parts)) and not any(map(TRAINS.search, parts))


def _is_measured(row: dict[str, object]) -> bool:
    """Whether a row in such a file has the form of an evaluation's, and not of training data: a
    question and an answer alone may be either."""
    keys = {key.lower() for key in row}
    if keys & _DIALOGUE:
        return False
    answered = bool(keys & _AMBIGUOUS) and bool(keys & {"answer", "solution", *_GOLD})
    return bool(keys & (_MEASURED | _MADE)) or answered or (bool(keys & _GOLD) and len(keys) > 2)


def _is_compared(row: dict[str, object]) -> bool:
    """Whether a row holds a model's output with its score, or beside what was expected."""
    keys = {key.lower() for key in row}
    if keys & _DIALOGUE:
        return False
    scored = bool(keys & _SCORES) and bool(keys & (_OUTPUTS | _MADE))
    return scored or (bool(keys & _GOLD) and bool(keys & _MADE - _ANYWHERE))


def _titles(start: bytes) -> list[str]:
    """The titles of the first table in Markdown or HTML."""
    text = start.decode("utf-8", "replace")
    row = _TITLE_ROW.search(text)
    found = row[1].split("|") if row else _TITLES.findall(text)[:20]
    return [title.strip().lower() for title in found]


def _rows(start: bytes) -> list[dict[str, object]]:
    """The first rows of a file of rows, or those in a list inside of one object; of a table its
    titles alone."""
    text = start.decode("utf-8", "replace")
    found: list[dict[str, object]] = []
    for line in text.split("\n", _LINES)[:_LINES]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if isinstance(row, dict):
            found.append(row)
    if found and isinstance(titles := found[0].get("columns"), list):
        return [dict.fromkeys(map(str, titles))]
    if found and not (len(found) == 1 and any(isinstance(v, list) for v in found[0].values())):
        return found
    if text.lstrip()[:1] in "[{":
        return _inner(text)
    if text.startswith("SQLite format") and (made := _COLUMNS.search(text)):
        return [
            dict.fromkeys(
                part.split()[0].strip('"`') for part in made[1].split(",") if part.split()
            )
        ]
    first = text.split("\n", 1)[0][:2000].strip()
    for mark in ("\t", ",", ";", "|"):
        header = first.split(mark)
        if len(header) > 1 and all(0 < len(name) < 40 and " " not in name for name in header):
            return [dict.fromkeys(header)]
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
