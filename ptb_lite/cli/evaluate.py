"""What `ptb-lite eval` does: resolve names, score, print."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import BenchmarkEntry, ChatFamily
from ptb_lite.catalog.loader import Catalog
from ptb_lite.catalog.weights import base_model_folder
from ptb_lite.choices import Device, EngineChoice
from ptb_lite.cli.common.defaults import EXIT_FAILED
from ptb_lite.cli.common.output import say, say_error, say_json
from ptb_lite.doctor.preflight import check_model
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.engine.messages import Message, Progressed, WorkerWarned
from ptb_lite.evaluation.engine.plan import EvaluationPlan
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.evaluate_model import Scored, evaluate_once
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.lm_tasks.find import entry_of, find_lm_task, item_folder
from ptb_lite.evaluation.lm_tasks.task import LmTaskFound, is_lm_task
from ptb_lite.evaluation.results import read_samples
from ptb_lite.installation import item_salt, require_run_packages
from ptb_lite.runs.figures.scores import has_points, score_of

MAX_SHOTS = 64


@dataclass(frozen=True)
class EvalChoices:
    """The options of `eval`."""

    model: str
    benchmarks: tuple[str, ...]
    adapter: Path | None
    shots: int
    limit: int | None
    seed: int
    device: Device
    engine: EngineChoice = "auto"
    judge: JudgeChoice | None = None
    max_new_tokens: int | None = None
    data_dir: Path | None = None
    include_path: Path | None = None
    trust_task_code: bool = False


def evaluate_and_print(choices: EvalChoices, *, as_json: bool) -> int:
    """Score on every benchmark and print; the exit code. Raises PtbLiteError for bad choices."""
    require_run_packages()
    catalog = load_catalog()
    tasks = {name: _lm_task(choices, name) for name in choices.benchmarks if is_lm_task(name)}
    entries = [
        entry_of(name, tasks[name]) if name in tasks else catalog.benchmark(name)
        for name in choices.benchmarks
    ]
    _check(choices, entries)
    folder = _model_folder(choices.model, catalog)
    family = _chat_family(choices.model, folder, catalog)
    found = []
    code = 0
    for entry in entries:
        try:
            scored, reason = _judged(
                choices, entry, _score(choices, entry, folder, family, tasks.get(entry.id))
            )
        except EvaluationError as error:
            say_error(f"error: {error}")
            return EXIT_FAILED
        if reason:
            say_error(f"error: {entry.id}: not scored: {reason}")
            code = EXIT_FAILED
        judged = has_points(entry, scored.samples)
        found.append({**_as_json(scored, judged=judged), "not_scored": reason})
        if not as_json:
            say(line_of(scored, judged=judged, chosen=choices.judge is not None))
    if as_json:
        say_json({"model": choices.model, "folder": str(folder), "results": found})
    return code


def _check(choices: EvalChoices, entries: list[BenchmarkEntry]) -> None:
    if not 0 <= choices.shots <= MAX_SHOTS:
        raise SpecError(f"{choices.shots} is not between 0 and {MAX_SHOTS}", field="shots")
    if not 0 <= choices.seed < 2**32:
        raise SpecError(f"{choices.seed} is not between 0 and {2**32 - 1}", field="seed")
    for entry in entries:
        size = entry.scored_size("test")
        if choices.limit is not None and not 1 <= choices.limit <= size:
            raise SpecError(
                f"{choices.limit} is not between 1 and the {size} test items of '{entry.id}'",
                field="limit",
            )
    if choices.adapter and not (choices.adapter / "adapter_config.json").is_file():
        raise SpecError(
            f"{choices.adapter} has no adapter_config.json",
            field="adapter",
            hint="Give the folder of a PEFT adapter",
        )


def _lm_task(choices: EvalChoices, name: str) -> LmTaskFound:
    """What the task is. Raises ItemsError, and SpecError for examples that it has none of."""
    say_error(f"{name}: read with its dataset, which may be fetched first")
    include_path, trusted = choices.include_path, choices.trust_task_code
    found = find_lm_task(
        name,
        item_folder(
            name, cache_root(), seed=choices.seed, include_path=include_path, trusted=trusted
        ),
        seed=choices.seed,
        feedback="test",
        include_path=include_path,
        trusted=trusted,
    )
    if choices.shots and not found.own_shots:
        raise SpecError(f"'{name}' has no examples but its test items", field="shots")
    return found


def _model_folder(name: str, catalog: Catalog) -> Path:
    if (Path(name) / "config.json").is_file():
        return Path(name)
    entry = catalog.model(name)
    check_model(entry)
    return base_model_folder(entry, on_progress=say_error)


def _chat_family(name: str, folder: Path, catalog: Catalog) -> ChatFamily | None:
    """The family whose chat template is used; of a folder, by the model type of its config."""
    if name in catalog.models:
        return catalog.model(name).chat_family
    config = json.loads((folder / "config.json").read_bytes())
    kind = str(config.get("model_type", "")) if isinstance(config, dict) else ""
    known: tuple[tuple[str, ChatFamily], ...] = (
        ("gemma", "gemma"),
        ("qwen", "qwen3"),
        ("smollm", "smollm"),
        ("llama", "smollm"),
    )
    return next((family for start, family in known if kind.startswith(start)), None)


def _score(
    choices: EvalChoices,
    entry: BenchmarkEntry,
    folder: Path,
    family: ChatFamily | None,
    lm_task: LmTaskFound | None,
) -> Scored:
    return evaluate_once(
        folder,
        entry,
        shots=choices.shots,
        limit=choices.limit,
        seed=choices.seed,
        salt=item_salt(),
        cache=cache_root(),
        adapter=choices.adapter,
        chat_family=family,
        max_new_tokens=choices.max_new_tokens,
        data_dir=choices.data_dir,
        device=choices.device,
        engine=choices.engine,
        lm_task=lm_task,
        on_plan=_tell_plan,
        on_progress=Teller(),
    )


def _tell_plan(plan: EvaluationPlan) -> None:
    say_error(f"evaluated with {'; '.join(plan.reasons)}")


class Teller:
    """Says what a worker says, a count once: it is sent again as a sign of life."""

    def __init__(self) -> None:
        self._count = ""

    def __call__(self, message: Message) -> None:
        match message:
            case Progressed(benchmark=benchmark, done=done, total=total):
                count = f"{benchmark}: {done} of {total}"
                if count != self._count:
                    say_error(count)
                self._count = count
            case WorkerWarned(message=text):
                say_error(f"warning: {text}")


def _judged(choices: EvalChoices, entry: BenchmarkEntry, scored: Scored) -> tuple[Scored, str]:
    """The same with the judge's scores, where a judge is needed and one is chosen; and why that
    judge gave none."""
    if entry.judge is None or scored.result.score is not None or choices.judge is None:
        return scored, ""
    # Imported here: without a judge there is no need of an HTTP client.
    from ptb_lite.evaluation.judge.judge import judge_at
    from ptb_lite.evaluation.judge.store import JudgementStore, store_path
    from ptb_lite.evaluation.judge.task import judge_task

    judge = choices.judge
    store = JudgementStore(store_path(cache_root(), judge.model, judge.endpoint))
    key = os.environ.get(judge.key_variable, "").strip()
    with judge_at(judge, store, key=key) as asked:
        result, report = judge_task(
            scored.folder,
            scored.result,
            kind=entry.judge,
            items=scored.items.test.path,
            judge=asked,
            on_judged=lambda done, total: say_error(f"{entry.id}: {done} of {total} judged"),
        )
    samples = read_samples(scored.folder / result.samples)
    return replace(scored, result=result, samples=samples), report.not_scored


def line_of(scored: Scored, *, judged: bool, chosen: bool) -> str:
    """`chosen`: a judge was, so that nobody need be told of one."""
    result = scored.result
    metric = f"{result.metric}  " if result.metric else ""
    head = f"{result.benchmark}  {result.num_fewshot}-shot  {metric}"
    tail = f"  {result.seconds:.1f} s  samples: {scored.folder / result.samples}"
    score = score_of(scored.samples, judged=judged)
    if score is None:
        why = "" if chosen else ": that takes a judge (--judge MODEL@URL)"
        return f"{head}not scored{why}{tail}"
    count = f"n = {score.n}" if judged else f"{score.correct} of {score.n} correct"
    return (
        f"{head}{100 * score.score:.1f} % [{100 * score.low:.1f}, {100 * score.high:.1f}]  "
        f"{count}{tail}"
    )


def _as_json(scored: Scored, *, judged: bool) -> dict[str, object]:
    score = score_of(scored.samples, judged=judged)
    return {
        **scored.result.model_dump(mode="json"),
        "samples": str(scored.folder / scored.result.samples),
        "low": score.low if score else None,
        "high": score.high if score else None,
    }
