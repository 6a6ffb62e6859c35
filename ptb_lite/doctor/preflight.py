"""What must hold on this machine before a run starts: each check raises SpecError, none writes.

`find_problems` does them all, those that need a network at once; `preflight` raises what it found.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from ptb_lite.agents.registry import plan_agent
from ptb_lite.catalog.embedded import (
    SOURCES,
    cache_root,
    model_folder,
    read_record,
)
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub.models import check_access, is_cached
from ptb_lite.catalog.hub.parts import hub_folder
from ptb_lite.catalog.loader import Catalog
from ptb_lite.catalog.weights import base_model_folder
from ptb_lite.choices import Device as DeviceName
from ptb_lite.choices import Feedback
from ptb_lite.doctor.reach import ask_all, probes
from ptb_lite.doctor.speed import speed_warning
from ptb_lite.errors import CatalogError, PtbLiteError, SpecError, problems_of, raise_all
from ptb_lite.evaluation.engine.plan import require_vllm
from ptb_lite.evaluation.items.rows import check_data
from ptb_lite.evaluation.lm_tasks.find import find_lm_task
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.evaluation.vllm.place import find_vllm
from ptb_lite.files import existing_folder
from ptb_lite.hardware import (
    MemoryEstimate,
    detect_device,
    evaluation_memory,
    fit_problem,
    training_memory,
)
from ptb_lite.hardware.device import DeviceError
from ptb_lite.installation import require_run_packages, state_root
from ptb_lite.plugins import named_when_raising
from ptb_lite.sandbox import sandbox
from ptb_lite.spec.run_spec import RunSpec, choice_problems

GB = 10**9
# The smallest job that makes sense: short items; the evaluation halves its batch where it must.
_SEQUENCE = 256
_EVALUATION_BATCH = 4
# Journal, traces, checkpoints of an adapter and evaluations, with room to spare.
_RUN_BYTES = GB


def preflight(spec: RunSpec, catalog: Catalog, runs_dir: Path, *, here: bool = True) -> None:
    """Raises SpecError with field, message and way out for everything that is missing.

    Of a run that another machine carries out (`here` False) what is that machine's is not asked.
    """
    raise_all(find_problems(spec, catalog, runs_dir, here=here))


def find_problems(
    spec: RunSpec, catalog: Catalog, runs_dir: Path, *, here: bool = True
) -> tuple[PtbLiteError, ...]:
    """Everything that keeps the run from being carried out, each with its field.

    Takes a second or two, and at most some `reach.SECONDS` where a network is silent.
    """
    entry = catalog.model(spec.model)
    checks: list[Callable[[], None]] = [
        require_run_packages,
        lambda: check_runs_dir(runs_dir),
        lambda: check_space(
            runs_dir, _RUN_BYTES, field="runs-dir", hint="choose another with --runs-dir"
        ),
        *(_of_machine(spec, entry) if here else ()),
        lambda: check_read_only(spec.read_only, runs_dir, spec.include_path),
        lambda: check_agent(spec, catalog),
        lambda: check_audit_judge(spec, catalog),
        *(partial(check_benchmark, name, spec, catalog) for name in spec.measured),
        lambda: check_files(entry),
    ]
    chosen = choice_problems(spec, catalog)
    found = _first_of_fields(problems_of(checks), {error.field for error in chosen})
    named = {error.field for error in (*chosen, *found)}
    asked = [each for each in probes(spec, catalog) if each[0] not in named]
    return (*chosen, *found, *ask_all(asked))


def machine_problems(spec: RunSpec, catalog: Catalog) -> tuple[PtbLiteError, ...]:
    """What this machine cannot do for the run: isolate its agent, hold its model, generate."""
    return _first_of_fields(problems_of(_of_machine(spec, catalog.model(spec.model))), set())


def _of_machine(spec: RunSpec, entry: ModelEntry) -> list[Callable[[], None]]:
    return [
        lambda: check_sandbox(spec.sandbox),
        lambda: check_device(spec.device, entry),
        lambda: check_engine(spec),
    ]


def _first_of_fields(
    problems: Iterable[PtbLiteError], named: set[str | None]
) -> tuple[PtbLiteError, ...]:
    """A field's second problem often follows from its first. `named` are fields to leave out."""
    by_field: dict[str | None, PtbLiteError] = {}
    for error in problems:
        if error.field not in named:
            by_field.setdefault(error.field, error)
    return tuple(by_field.values())


def find_warnings(
    spec: RunSpec, catalog: Catalog, *, here: bool = True
) -> tuple[PtbLiteError, ...]:
    """What a person would want to know before the start, and what refuses nothing."""
    found = []
    with suppress(DeviceError):
        slow = speed_warning(spec, catalog, detect_device(spec.device)) if here else None
        found += [slow] if slow is not None else []
    judged = [name for name in spec.measured if catalog.benchmark(name).judge is not None]
    if judged and spec.judge is None:
        verb = "needs" if len(judged) == 1 else "need"
        message = f"{', '.join(judged)} {verb} a judge and none is chosen: no score until one is"
        found.append(SpecError(message, field="judge", hint="Give --judge MODEL@URL"))
    return tuple(found)


def check_runs_dir(runs_dir: Path) -> None:
    """The folder, or the nearest one above it that exists, can be written."""
    folder = existing_folder(runs_dir)
    try:
        # Really written: permission bits say nothing of a read-only file system or of root.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        raise SpecError(
            f"{runs_dir} cannot be written ({error.strerror})",
            field="runs-dir",
            hint="Choose another folder with --runs-dir",
        ) from error


def check_space(folder: Path, needed: int, *, field: str, hint: str) -> None:
    """`needed` bytes are free where `folder` lies."""
    free = shutil.disk_usage(existing_folder(folder)).free
    if free < needed:
        raise SpecError(
            f"{free / GB:.1f} GB are free in {folder}, {needed / GB:.1f} GB are needed",
            field=field,
            hint=f"Free some room, or {hint}",
        )


def check_sandbox(name: str) -> None:
    """The program of the sandbox is there and works."""
    box = sandbox(name)
    with named_when_raising("sandboxes", name):
        problem = box.problem()
    if problem is not None:
        raise SpecError(problem, field="sandbox", hint="`ptb-lite doctor` checks it again")


def check_read_only(paths: tuple[Path, ...], runs_dir: Path, tasks: Path | None = None) -> None:
    """No path shows the agent other runs, or the secret from which test items are drawn."""
    kept = {"the runs": runs_dir, "the cache": cache_root(), "the secrets": state_root()}
    if tasks is not None:
        kept["the tasks, whose data the agent is scored on"] = tasks
    for path in paths:
        for what, folder in kept.items():
            real, hidden = path.resolve(), folder.resolve()
            if real.is_relative_to(hidden) or hidden.is_relative_to(real):
                raise SpecError(
                    f"{path} would show the agent {what} ({folder})",
                    field="read_only",
                    hint="Name the folders that it needs, and none above",
                )


def check_agent(spec: RunSpec, catalog: Catalog) -> None:
    """The agent's program and key are there: else the run would find out after its baseline."""
    entry = catalog.agent(spec.agent)
    try:
        plan_agent(entry, workspace=Path(), model=spec.agent_model)
    except PtbLiteError as error:
        raise SpecError(error.message, field=error.field or "agent", hint=error.hint) from error


def check_audit_judge(spec: RunSpec, catalog: Catalog) -> None:
    """The program and the key of an agent that judges are there: else all its votes were lost."""
    chosen = spec.audit_judge
    if chosen is None or chosen.agent is None:
        return
    try:
        plan_agent(catalog.agent(chosen.agent), workspace=Path(), model=chosen.model)
    except PtbLiteError as error:
        raise SpecError(error.message, field="audit_judge", hint=error.hint) from error


def check_benchmark(name: str, spec: RunSpec, catalog: Catalog) -> None:
    """The dataset's files or the token for them are there, as far as can be said offline.

    A task of lm-eval is read, with its dataset: whatever it is refused for shows before the start.
    """
    if is_lm_task(name):
        return check_lm_task(name, spec)
    try:
        check_data(catalog.benchmark(name), spec.data_dir)
    except PtbLiteError as error:
        raise SpecError(error.message, field=error.field, hint=error.hint) from error


def check_lm_task(name: str, spec: RunSpec) -> None:
    """The task is there, can be scored and given to an agent, and has as many items as wanted."""
    try:
        test, dev = _lm_task_sizes(
            name, spec.seed, spec.feedback, spec.include_path, spec.trust_task_code
        )
    except PtbLiteError as error:
        raise SpecError(error.message, field=error.field, hint=error.hint) from error
    for field, wanted, size in (("limit", spec.limit, test), ("dev_limit", spec.dev_limit, dev)):
        if wanted is not None and wanted > size:
            what = f"{'test' if field == 'limit' else 'dev'} items of '{name}'"
            raise SpecError(
                f"{wanted} is more than the {size} {what}",
                field=field,
                hint=f"Give {size} or less, or leave it out for all",
            )


@cache
def _lm_task_sizes(
    name: str, seed: int, feedback: Feedback, include_path: Path | None, trusted: bool
) -> tuple[int, int]:
    """(test, feedback) items. Read once a process: it takes seconds, and the dataset."""
    with tempfile.TemporaryDirectory(prefix="lm-task-") as folder:
        found = find_lm_task(
            name,
            Path(folder),
            seed=seed,
            feedback=feedback,
            include_path=include_path,
            trusted=trusted,
            give=True,
        )
    return found.test, found.dev if feedback == "dev" else found.test


def check_device(name: DeviceName, entry: ModelEntry) -> None:
    """The device exists, and evaluation and 4-bit training fit it at their smallest."""
    device = detect_device(name)
    for what, estimate in smallest_jobs(entry):
        problem = fit_problem(estimate, device, f"{what} {entry.id}")
        if problem is not None:
            raise SpecError(
                problem,
                field="model",
                hint="Choose a smaller one (`ptb-lite list models`), another --device, "
                "or close what uses the memory",
            )


def check_engine(spec: RunSpec) -> None:
    """vLLM, where it is asked for, is there and computes on the run's device."""
    if spec.evaluation_engine == "vllm":
        require_vllm(find_vllm(), detect_device(spec.device).kind)


def smallest_jobs(entry: ModelEntry) -> tuple[tuple[str, MemoryEstimate], ...]:
    """Memory of the two jobs that every run has, at the smallest size that makes sense."""
    evaluation = evaluation_memory(entry, sequence=_SEQUENCE, batch=_EVALUATION_BATCH)
    training = training_memory(entry, sequence=_SEQUENCE, batch=1)
    return (("evaluating", evaluation), ("training", training))


def check_model(entry: ModelEntry) -> None:
    """The model's files are here, or can be had and have room. May ask the Hub."""
    check_files(entry)
    if entry.source == "hub" and not is_cached(entry):
        try:
            check_access(entry)
        except CatalogError as error:
            raise SpecError(error.message, field="model", hint=error.hint) from error


def check_files(entry: ModelEntry) -> None:
    """The model's files are here, or have room: what can be said without a network."""
    try:
        match entry.source:
            case "embedded":
                _check_embedded(entry)
            case "local":
                base_model_folder(entry)
            case "hub":
                _check_hub(entry)
    except CatalogError as error:
        raise SpecError(error.message, field=error.field or "model", hint=error.hint) from error


def _check_embedded(entry: ModelEntry) -> None:
    if read_record(model_folder(entry.id)) is not None:
        return
    SOURCES[entry.id].find(cache_root())


def _check_hub(entry: ModelEntry) -> None:
    if is_cached(entry):
        return
    needed = 2 * entry.parameters + GB
    where = existing_folder(hub_folder())
    check_space(where, needed, field="model", hint="set HF_HOME to another disk")
    cache = existing_folder(cache_root())
    # On one disk the run's copy is a hard link; else it is a second one.
    if cache.stat().st_dev != where.stat().st_dev:
        check_space(cache, needed, field="model", hint="set PTB_LITE_CACHE to another disk")
