"""Judge what one evaluated task left on disk: samples in, scores and evidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.judge.judge import Judge, OnJudged, Round
from ptb_lite.evaluation.judge.points import Kind, Question, item_score, questions
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_samples
from ptb_lite.events import Record
from ptb_lite.files import write_lines, write_text
from ptb_lite.stats.graded import shown_mean

NO_JUDGE = "no judge is chosen"
_MAX_TEXT = 1000


class Said(Record):
    """One verdict on one part of an item, with the end of the judge's reasons. `key` is the
    judgement's in the store, `verdict` None where there is none, and then `text` says why."""

    part: str
    verdict: str | None
    text: str
    key: str


class JudgedItem(Record):
    """One line of `<label>.<benchmark>.judged.jsonl`."""

    item_id: str
    score: float | None
    said: tuple[Said, ...]


class JudgeReport(Record):
    """The content of `<label>.<benchmark>.judge.json`: by whom, at what cost, how completely.

    `not_scored` is why there is no score, empty where there is one. Tokens and `spend` (US
    dollars) are those of this evaluation's questions, whenever they were paid for; `reused` of its
    `requests` were judged before, `failed` have no verdict.
    """

    version: Literal[1] = 1
    label: str
    benchmark: str
    model: str = ""
    endpoint: str = ""
    prompt: str = ""
    n: int
    scored: int = 0
    score: float | None = None
    not_scored: str = ""
    requests: int = 0
    reused: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    spend: float | None = None

    def judge(self) -> str:
        """The judge in words: its model and the version of the wording."""
        return f"{self.model}, prompt {self.prompt}" if self.model else ""


@dataclass(frozen=True)
class _Asked:
    item: Item
    sample: SampleRecord
    questions: tuple[Question, ...]


def judge_task(
    folder: Path,
    result: EvaluationResult,
    *,
    kind: Kind,
    items: Path,
    judge: Judge,
    on_judged: OnJudged = lambda *_: None,
) -> tuple[EvaluationResult, JudgeReport]:
    """Score one task's samples by a judge; rewrites its samples and result, adds the evidence.

    An item without all its verdicts leaves the whole task "not scored", never 0: what was judged
    stays in the store, and judging again asks for the rest only. Raises EvaluationStopped,
    EvaluationError or ItemsError when a file is damaged, OSError.
    """
    samples = read_samples(folder / result.samples)
    known = {item.id: item for item in read_items(items)}
    asked = [_ask(kind, known, sample) for sample in samples]
    requests = [question.request for one in asked for question in one.questions]
    found = judge.judge(requests, on_judged)
    judged = [_judged(kind, one, found, judge) for one in asked]
    report = _report(result, requests_prompt=requests[0].prompt, found=found, judged=judged)
    report = _with_costs(report, found, judge)
    write_lines(folder / f"{stem(result)}.judged.jsonl", judged)
    write_text(judge_file(folder, result.label, result.benchmark), report.model_dump_json())
    if report.score is None:
        return result, report
    # Samples first: whoever reads a result with a score finds the items' scores.
    write_lines(folder / result.samples, _scored_samples(asked, judged))
    scored = result.model_copy(
        update={"score": report.score, "correct": sum(_full(one) for one in judged)}
    )
    write_text(folder / f"{stem(result)}.json", scored.model_dump_json(indent=2))
    return scored, report


def without_judge(folder: Path, result: EvaluationResult, reason: str = NO_JUDGE) -> JudgeReport:
    """Note on disk why a task has no score. Raises OSError."""
    report = JudgeReport(
        label=result.label, benchmark=result.benchmark, n=result.n, not_scored=reason
    )
    write_text(judge_file(folder, result.label, result.benchmark), report.model_dump_json())
    return report


def read_report(folder: Path, label: str, benchmark: str) -> JudgeReport | None:
    """What judging a task came to; None when it was not judged, or the file is damaged."""
    try:
        return JudgeReport.model_validate_json(judge_file(folder, label, benchmark).read_bytes())
    except (OSError, ValidationError):
        return None


def judge_file(folder: Path, label: str, benchmark: str) -> Path:
    return folder / f"{result_stem(label, benchmark)}.judge.json"


def stem(result: EvaluationResult) -> str:
    return result_stem(result.label, result.benchmark)


def _ask(kind: Kind, known: Mapping[str, Item], sample: SampleRecord) -> _Asked:
    item = known.get(sample.item_id)
    if item is None:
        raise EvaluationError("is not among the items", field=f"sample {sample.item_id}")
    return _Asked(item, sample, questions(kind, item, sample.completion))


def _judged(kind: Kind, asked: _Asked, found: Round, judge: Judge) -> JudgedItem:
    said = []
    for question in asked.questions:
        key = judge.key(question.request)
        known = found.judgements.get(key)
        text = known.text[-_MAX_TEXT:] if known else found.failures[key]
        verdict = known.verdict if known else None
        said.append(Said(part=question.part, verdict=verdict, text=text, key=key))
    verdicts = [one.verdict for one in said if one.verdict is not None]
    score = item_score(kind, asked.item, verdicts) if len(verdicts) == len(said) else None
    return JudgedItem(item_id=asked.item.id, score=score, said=tuple(said))


def _report(
    result: EvaluationResult, *, requests_prompt: str, found: Round, judged: Sequence[JudgedItem]
) -> JudgeReport:
    scores = [one.score for one in judged if one.score is not None]
    complete = len(scores) == len(judged)
    why = ""
    if not complete:
        reasons = sorted(set(found.failures.values()))
        why = f"{len(judged) - len(scores)} of {len(judged)} items have no verdict: {reasons[0]}"
    return JudgeReport(
        label=result.label,
        benchmark=result.benchmark,
        prompt=requests_prompt,
        n=result.n,
        scored=len(scores),
        score=shown_mean(scores) if complete else None,
        not_scored=why[:500],
        requests=len(found.judgements) + len(found.failures),
        reused=found.reused,
        failed=len(found.failures),
    )


def _with_costs(report: JudgeReport, found: Round, judge: Judge) -> JudgeReport:
    tokens_in = sum(one.input_tokens for one in found.judgements.values())
    tokens_out = sum(one.output_tokens for one in found.judgements.values())
    return report.model_copy(
        update={
            "model": judge.choice.model,
            "endpoint": judge.choice.endpoint,
            "input_tokens": tokens_in,
            "output_tokens": tokens_out,
            "spend": judge.choice.cost(tokens_in, tokens_out),
        }
    )


def _scored_samples(
    asked: Sequence[_Asked], judged: Sequence[JudgedItem]
) -> tuple[SampleRecord, ...]:
    return tuple(
        one.sample.model_copy(update={"score": found.score, "correct": _full(found)})
        for one, found in zip(asked, judged, strict=True)
    )


def _full(item: JudgedItem) -> bool:
    return item.score is not None and item.score >= 1.0
