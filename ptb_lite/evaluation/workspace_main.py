"""What `python evaluate.py` in a workspace does: score model folders on the feedback split.

Runs in this process (it is its own already) with the same engine as the host's evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.capability import plan_evaluation, with_plan
from ptb_lite.evaluation.engine.messages import Message, WorkerWarned
from ptb_lite.evaluation.engine.process import log_tail
from ptb_lite.evaluation.engine.worker import prepare_environment
from ptb_lite.evaluation.errors import InvalidSubmissionError
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask, Generation
from ptb_lite.evaluation.lm_tasks.task import LmTask
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_samples
from ptb_lite.evaluation.submission import read_submission
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, read_task
from ptb_lite.hardware import DeviceError
from ptb_lite.ledger_file import adapter_hash, append, new_use
from ptb_lite.ledger_notes import FeedbackAnswer, ModelScored, ScoringBegan
from ptb_lite.stats.scoring import wilson
from ptb_lite.text import one_line

BASE = "base"
_NOTED_ANSWERS = 6
EPILOG = """\
A folder holds a LoRA adapter of the base model (adapter_config.json, adapter_model.safetensors),
or whole weights (model.safetensors, or shards with their index) where prompt.md accepts them;
what is not accepted as a submission is not scored here. Items are asked as prompt.md says; with
--shots N, as plain text after that many solved training items, a blank line apart.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: every model has a score; 1: one could not be scored; 2: bad usage."""
    options = _parser().parse_args(arguments)
    try:
        task = read_task(options.workspace)
        benchmarks = _chosen(task, options.benchmark)
    except PtbLiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    models = options.model or [task.submission]
    use = new_use()
    append(ScoringBegan(use=use, models=tuple(name[-300:] for name in models[:100])))
    limit = options.limit if options.limit is not None else task.feedback_limit
    with tempfile.TemporaryDirectory(prefix="evaluate-") as scratch:
        log = Path(scratch) / "log"
        out = _quiet_libraries(log)
        prepare_environment()
        failed = False
        for model in models:
            try:
                job = _job(task, benchmarks, model, options, limit, Path(scratch))
                for result in _evaluate(job):
                    append(_note(use, task, model, result, job))
                    _report(out, model, result, as_json=options.json)
            except PtbLiteError as error:
                failed = True
                _report_error(out, model, error, as_json=options.json)
            except Exception as error:
                # The edge of the process: an agent needs a sentence and a log.
                failed = True
                _report_error(out, model, error, as_json=options.json)
                print(log_tail(log), file=out)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate.py",
        description="Score models on this workspace's feedback items.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="FOLDER",
        help="folder to score, repeatable; `base` for the base model; default: the submission",
    )
    parser.add_argument("--benchmark", action="append", metavar="ID", help="default: all")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N items")
    parser.add_argument("--shots", type=int, default=0, metavar="N", help="default: 0, as scored")
    parser.add_argument("--batch-size", type=_positive, metavar="N", help="default: what fits")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--workspace", type=Path, default=Path(), help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _chosen(task: Task, ids: Sequence[str] | None) -> list[TaskBenchmark]:
    known = {benchmark.id: benchmark for benchmark in task.benchmarks}
    for wrong in set(ids or ()) - set(known):
        raise PtbLiteError(
            f"no benchmark {wrong!r} here", field="--benchmark", hint=f"One of: {', '.join(known)}"
        )
    return [known[name] for name in ids or known]


def _job(
    task: Task,
    benchmarks: Sequence[TaskBenchmark],
    model: str,
    options: argparse.Namespace,
    limit: int | None,
    output: Path,
) -> EvaluationJob:
    root: Path = options.workspace
    job = EvaluationJob(
        model=Path(task.base_model),
        adapter=_adapter(root, task, model),
        device=_device(task.device),
        generation=Generation(**task.generation.model_dump()),
        seed=task.seed,
        output=output,
        tasks=tuple(
            EvaluationTask(
                label="feedback",
                benchmark=benchmark.id,
                items=root / benchmark.feedback,
                shots=root / benchmark.train if benchmark.train else None,
                num_fewshot=options.shots if benchmark.train else 0,
                limit=limit,
                chat_family=benchmark.chat_family if options.shots == 0 else None,
                max_new_tokens=benchmark.max_new_tokens,
                kind=benchmark.kind,
                lm_task=_lm_task(root, benchmark),
            )
            for benchmark in benchmarks
        ),
    )
    if options.batch_size is not None:
        return job.model_copy(update={"batch_size": options.batch_size})
    try:
        return with_plan(job, plan_evaluation(job, "transformers"))
    except DeviceError:
        # The sandbox may hide the GPU's management and not the GPU.
        return job


def _lm_task(root: Path, benchmark: TaskBenchmark) -> LmTask | None:
    found = benchmark.lm_task
    if found is None:
        return None
    return found.model_copy(update={"definition": (root / found.definition).resolve()})


def _adapter(root: Path, task: Task, model: str) -> Path | None:
    """The adapter's folder of one `--model`, judged as it would be at the seal; None for `base`."""
    if model == BASE:
        return None
    folder = root / model
    names = task.base_names or (task.base_model_id,)
    check = read_submission(folder, Path(task.base_model), names, whole=task.whole_weights)
    if not check.valid:
        raise InvalidSubmissionError(check.reason)
    return folder


def _device(name: str) -> str:
    return "cuda" if name.startswith("cuda") else name if name in ("auto", "cpu") else "auto"


def _evaluate(job: EvaluationJob) -> tuple[EvaluationResult, ...]:
    # Imported late: torch and lm-eval read the environment, and print, when imported.
    from ptb_lite.evaluation.engine.lm.job import evaluate

    return evaluate(job, _say)


def _say(message: Message) -> None:
    if isinstance(message, WorkerWarned):
        print(message.message, file=sys.stderr)


def _note(
    use: str, task: Task, model: str, result: EvaluationResult, job: EvaluationJob
) -> ModelScored:
    samples = read_samples(job.output / result.samples)[:_NOTED_ANSWERS]
    return ModelScored(
        use=use,
        model=model[-300:],
        weights=adapter_hash(job.adapter) if job.adapter else "",
        benchmark=result.benchmark,
        split=task.feedback,
        n=result.n,
        score=result.score,
        shots=result.num_fewshot,
        answers=tuple(map(_noted, samples)),
    )


def _noted(sample: SampleRecord) -> FeedbackAnswer:
    said = sample.completion if sample.extracted is None else sample.extracted
    return FeedbackAnswer(
        question=one_line(sample.question, 200),
        answer=one_line(said, 80),
        target=one_line(sample.target, 80),
        correct=sample.correct,
    )


def _report(out: TextIO, model: str, result: EvaluationResult, *, as_json: bool) -> None:
    interval = wilson(result.correct, result.n)
    if as_json:
        line = {
            "model": model,
            "benchmark": result.benchmark,
            "score": result.score,
            "n": result.n,
            "correct": result.correct,
            "low": interval.low,
            "high": interval.high,
            "shots": result.num_fewshot,
            "seconds": round(result.seconds, 2),
        }
        print(json.dumps(line), file=out, flush=True)
        return
    if result.score is None:
        print(
            f"{model}  {result.benchmark}  not scored here: that takes a judge  "
            f"{result.seconds:.0f} s",
            file=out,
            flush=True,
        )
        return
    print(
        f"{model}  {result.benchmark}  {result.score:.1%} ({result.correct} of {result.n}, "
        f"95 % interval {interval.low:.1%} to {interval.high:.1%})  {result.seconds:.0f} s",
        file=out,
        flush=True,
    )


def _report_error(out: TextIO, model: str, error: Exception, *, as_json: bool) -> None:
    text = str(error) if isinstance(error, PtbLiteError) else f"{type(error).__name__}: {error}"
    if as_json:
        print(json.dumps({"model": model, "error": text}), file=out, flush=True)
    print(f"error: {model}: {text}", file=sys.stderr, flush=True)


def _quiet_libraries(log: Path) -> TextIO:
    """The real standard output; file descriptors 1 and 2 lead to `log`, `sys.stderr` stays real."""
    sys.stdout.flush()
    sys.stderr.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8")
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return out


if __name__ == "__main__":
    raise SystemExit(main())
