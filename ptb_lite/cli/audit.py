"""What `ptb-lite audit` does: gather the evidence that there is, look, print."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.evidence.losses import Losses
from ptb_lite.audit.evidence.test_sets.test_items import item_of, read_benchmark
from ptb_lite.audit.judge.asking import JudgeOptions
from ptb_lite.audit.judge.choice import audit_judge_choice
from ptb_lite.audit.record import AuditRecord, DetectorResult, HarnessManifest
from ptb_lite.audit.run import run_audit
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.catalog.hub.models import cached_snapshot
from ptb_lite.catalog.loader import Catalog
from ptb_lite.cli.common.output import say, say_error, say_json
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.evaluation.lm_tasks.find import find_lm_task, item_folder
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.events import Record, Verdict
from ptb_lite.files import read_record
from ptb_lite.installation import item_salt
from ptb_lite.narrate import flag_lines, vote_words
from ptb_lite.plugins import names
from ptb_lite.runner.agent.session_flags import by_rules_of
from ptb_lite.runner.auditing.audit_judge import audit_judge
from ptb_lite.runner.auditing.evidence import folder_here, instruct_folder, with_run_facts
from ptb_lite.runner.auditing.memorisation import losses_of_folder, losses_of_run
from ptb_lite.runner.context import Prepared, Seal
from ptb_lite.runs.folder import RunFolder, find_run

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
# Flags of one detector that are printed.
_MAX_FLAGS = 20
_CODES = {Verdict.CLEAN: 0, Verdict.FLAGGED: 3, Verdict.INCONCLUSIVE: 4}
# What PostTrainBench and its branches call the agent's output, the rawest first.
_PTB_TRACES = ("solve_out.json", "solve_out.jsonl", "solve_out.txt", "solve_parsed.txt",
               "trace.jsonl", "trace.json", "trace.txt")  # fmt: skip
_Record = TypeVar("_Record", bound=Record)


@dataclass(frozen=True)
class Wanted:
    """The options of `audit`."""

    target: str
    benchmarks: tuple[str, ...] = ()
    base_model: str | None = None
    data_dir: Path | None = None
    trace: Path | None = None
    items: tuple[Path, ...] = ()
    seed: int = 0
    judge: str | None = None
    memorisation: bool = False
    embedder: Path | None = None
    feedback: Literal["dev", "test"] = "dev"
    include_path: Path | None = None
    trust_task_code: bool = False


def audit_and_print(wanted: Wanted, *, runs_dir: Path, as_json: bool) -> int:
    """Audit a folder or a run and print what was found; the exit code. Nothing is written.

    Raises PtbLiteError for what cannot be read.
    """
    wanted = _without_links(wanted)
    case = _with_choices(_case(wanted.target, runs_dir), wanted)
    case = replace(case, judge=_judge(wanted, runs_dir))
    if wanted.memorisation:
        case = replace(case, losses=_losses(case, wanted, runs_dir))
    found = run_audit(case, adjust=_adjust(wanted.target, runs_dir))
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        for line in _lines(found):
            say(line)
        if found.verdict is not Verdict.FLAGGED:
            for line in _unknown(case):
                say(line)
    return _CODES[found.verdict]


def _without_links(wanted: Wanted) -> Wanted:
    """A person may name a folder by a link; below it no detector follows one."""
    named = Path(wanted.target)
    return replace(
        wanted,
        target=str(named.resolve()) if named.is_dir() else wanted.target,
        trace=wanted.trace and wanted.trace.resolve(),
        data_dir=wanted.data_dir and wanted.data_dir.resolve(),
    )


def _losses(case: AuditCase, wanted: Wanted, runs_dir: Path) -> Losses:
    """Measured for the memorisation detector: of a run, or of any folder with all it takes."""
    catalog = load_catalog()
    if not _is_folder(Path(wanted.target)):
        return losses_of_run(find_run(runs_dir, wanted.target), catalog)
    if case.submission is None or case.base_model is None or not wanted.benchmarks:
        raise PtbLiteError(
            "needs a final_model folder, --benchmark, and --base-model of a model that is here",
            field="memorisation",
        )
    return losses_of_folder(
        case.submission,
        case.base_model,
        [catalog.benchmark(name) for name in wanted.benchmarks],
        data_dir=wanted.data_dir,
        seed=wanted.seed,
        salt=item_salt(),
    )


def _is_folder(path: Path) -> bool:
    """Whether it is a folder of any kind, and not a run."""
    return path.is_dir() and not (path / "spec.json").is_file()


def _case(target: str, runs_dir: Path) -> AuditCase:
    path = Path(target)
    if _is_folder(path):
        return _case_of_folder(path)
    if path.exists() and not path.is_dir():
        raise PtbLiteError("is not a folder", field=target, hint="Name the folder that it lies in")
    return _case_of_run(find_run(runs_dir, target))


def _adjust(target: str, runs_dir: Path) -> Callable[[DetectorResult], DetectorResult]:
    """What the rules of a run make less of; a mere folder has none."""
    if _is_folder(Path(target)):
        return lambda result: result
    spec = find_run(runs_dir, target).read_spec()
    agent = load_catalog().agents.get(spec.agent)
    return by_rules_of(agent.backend if agent else "", spec.feedback)


def _case_of_folder(path: Path) -> AuditCase:
    """Any folder, or the layout of a PostTrainBench result: the workspace in task/, what was
    handed in and the agent's output beside it. `task/` itself may be given, too."""
    task = path / "task"
    folder = task if task.is_dir() and not task.is_symlink() else path
    places = [path / "final_model", folder / "final_model"]
    if path.name == "task":
        places.append(path.resolve().parent / "final_model")
    return AuditCase(
        folder=folder,
        submission=next((place for place in places if place.is_dir()), None),
        trace=_trace_of(path, folder),
    )


def _trace_of(path: Path, folder: Path) -> Path | None:
    """The agent's output in a result's folder, in the workspace itself, or one above it where that
    is a result's."""
    if (folder / "final_model").is_dir() and (path.parent / "final_model").is_dir():
        above: tuple[Path, ...] = (path.parent,)
    else:
        above = (path.resolve().parent,) if path.name == "task" else ()
    for place in dict.fromkeys((path, folder, *above)):
        for name in _PTB_TRACES:
            if (place / name).is_file() and not (place / name).is_symlink():
                return place / name
    return None


def _with_choices(case: AuditCase, wanted: Wanted) -> AuditCase:
    """The case with what the command line adds to it."""
    catalog = load_catalog()
    items = list(case.items)
    for path in wanted.items:
        items += _test_items(path, "")
    kinds = dict(case.benchmark_kinds)
    for name in wanted.benchmarks:
        entry = catalog.benchmarks.get(name)
        kinds[name] = entry.kind if entry else "dataset"
        items += _benchmark_items(name, entry, wanted)
    if wanted.trace is not None and not wanted.trace.exists():
        raise PtbLiteError("there is no such file or folder", field=f"trace {wanted.trace}")
    return replace(
        _with_base(case, wanted.base_model, catalog),
        items=tuple(items),
        benchmark_kinds=kinds,
        trace=wanted.trace or case.trace,
        rules=replace(case.rules, test_feedback=True) if wanted.feedback == "test" else case.rules,
        embedder=_embedder(wanted.embedder),
    )


def _embedder(folder: Path | None) -> Path | None:
    """Raises PtbLiteError for a folder that holds no model."""
    if folder is not None and not (folder / "config.json").is_file():
        raise PtbLiteError(
            "holds no model", field=f"embedder {folder}", hint="It needs config.json, safetensors"
        )
    return folder


def _judge(wanted: Wanted, runs_dir: Path) -> JudgeOptions | None:
    """Who is asked, an agent in the sandbox of the run. Raises PtbLiteError for a wrong choice."""
    if wanted.judge is None:
        return None
    catalog = load_catalog()
    choice = audit_judge_choice(wanted.judge, catalog.agents)
    box = "bubblewrap"
    if not _is_folder(Path(wanted.target)):
        chosen = find_run(runs_dir, wanted.target).read_spec().sandbox
        # One that another harness used may be none of ours.
        box = chosen if chosen in names("sandboxes") and chosen != "none" else box
    return audit_judge(choice, catalog, sandbox=box, tell=lambda vote: say_error(vote_words(vote)))


def _benchmark_items(
    name: str, entry: BenchmarkEntry | None, wanted: Wanted
) -> tuple[TestItem, ...]:
    """The test items of one benchmark: from the data folder, drawn as a run would, or those of a
    task of lm-eval."""
    if is_lm_task(name):
        folder = _lm_task_folder(name, wanted)
        return _test_items(folder / "test.jsonl", name)
    if wanted.data_dir is not None:
        return read_benchmark(wanted.data_dir, name)
    if entry is not None and entry.kind == "procedural":
        drawn = draw_splits(entry, seed=wanted.seed, salt=item_salt())["test"]
        return tuple(TestItem(item.id, item.question, item.target, name) for item in drawn)
    say_error(f"note: no test items of {name} (--data-dir), so less can be checked")
    return ()


def _lm_task_folder(name: str, wanted: Wanted) -> Path:
    """Where the items of a task of lm-eval were written. Raises ItemsError."""
    include_path, trusted = wanted.include_path, wanted.trust_task_code
    folder = item_folder(
        name, cache_root(), seed=wanted.seed, include_path=include_path, trusted=trusted
    )
    found = find_lm_task(
        name,
        folder,
        seed=wanted.seed,
        feedback="test",
        include_path=include_path,
        trusted=trusted,
    )
    return found.folder


def _with_base(case: AuditCase, name: str | None, catalog: Catalog) -> AuditCase:
    if name is None:
        return case
    if (Path(name) / "config.json").is_file():
        return replace(case, base_model=Path(name))
    entry = catalog.models.get(name) or next(
        (one for one in catalog.models.values() if one.hub_id == name), None
    )
    if entry is None and _HUB_ID.fullmatch(name):
        return _with_hub_base(case, name)
    entry = entry or catalog.model(name)
    folder = folder_here(entry)
    if folder is None:
        say_error(f"note: {name} is not on this machine, so less can be checked")
    return replace(
        case,
        base_model=folder,
        base_ids=tuple(known for known in (entry.id, entry.hub_id) if known),
        instruct_model=instruct_folder(entry, catalog),
    )


def _with_hub_base(case: AuditCase, name: str) -> AuditCase:
    """A base that no catalogue lists, from the Hub's cache on this machine. Nothing is fetched."""
    folder = cached_snapshot(name)
    if folder is None:
        say_error(f"note: {name} is not on this machine, so less can be checked")
    instruct = next(filter(None, map(cached_snapshot, _instruct_names(name))), None)
    return replace(case, base_model=folder, base_ids=(name,), instruct_model=instruct)


def _instruct_names(name: str) -> tuple[str, ...]:
    """How the instruct counterpart of a base is called, by the custom of those who publish both."""
    stem = re.sub(r"[-_](?:base|pt)$", "", name, flags=re.IGNORECASE)
    return tuple(other for other in (stem, f"{stem}-Instruct", f"{stem}-it", f"{stem}-Chat")
                 if other != name)  # fmt: skip


def _case_of_run(run: RunFolder) -> AuditCase:
    """The evidence of a run; what the run did not get to is left out, and so not called clean."""
    prepared = _or_none(run.prepared, Prepared)
    seal = _or_none(run.seal, Seal)
    base = prepared.base_model if prepared and prepared.base_model.is_dir() else None
    case = AuditCase(
        folder=run.workspace,
        submission=run.sealed if seal and seal.valid else None,
        items=_items_of(run, prepared) if prepared else (),
        base_model=base,
        base_sha256=prepared.base_sha256 if prepared else None,
        base_ids=_base_names(run, prepared) if prepared else (),
        harness=_or_none(run.harness, HarnessManifest),
        trace=run.trace if run.trace.is_dir() else None,
    )
    return with_run_facts(case, run, run.read_spec(), load_catalog())


def _items_of(run: RunFolder, prepared: Prepared) -> tuple[TestItem, ...]:
    return tuple(
        item
        for benchmark in prepared.benchmarks
        for item in _test_items(run.path / benchmark.test, benchmark.id)
    )


def _test_items(path: Path, benchmark: str) -> tuple[TestItem, ...]:
    return tuple(
        item_of(item.id, item.question, item.target, benchmark, item.metadata)
        for item in read_items(path)
    )


def _base_names(run: RunFolder, prepared: Prepared) -> tuple[str, ...]:
    """What an adapter may call its base, also where the catalogue has since lost the model."""
    model = run.read_spec().model
    entry = load_catalog().models.get(model)
    names = (model, entry.hub_id if entry else None, str(prepared.base_model))
    return tuple(name for name in names if name is not None)


def _or_none(path: Path, model: type[_Record]) -> _Record | None:
    if not path.is_file():
        say_error(f"note: there is no {path.name}, so less can be checked")
        return None
    return read_record(path, model)


def _lines(found: AuditRecord) -> Iterator[str]:
    for result in found.results:
        reason = f": {result.reason}" if result.reason else ""
        yield f"{result.detector:<12} {result.status:<8} {result.seconds:6.1f} s{reason}"
        yield from flag_lines(result.flags, _MAX_FLAGS, "(--json has all of them)")
        for note in result.notes:
            yield f"  note: {note}"
    yield f"verdict: {found.verdict}: {found.reason}"


def _unknown(case: AuditCase) -> Iterator[str]:
    """What an audit of this case cannot know, whatever it says."""
    yield (
        "could not be known: which process read or wrote which file (nothing records that), "
        "only what programs, commands and the trace say of it"
    )
    if case.harness is None:
        yield "could not be known: which files the agent was handed, and so what it changed of them"
    if case.trace is None:
        yield "could not be known: what the agent did (there is no trace), only what it left"
    if not case.items:
        yield "could not be known: whether test items stand in its files (none were given)"
    if case.submission is not None and case.base_model is None:
        yield "could not be known: whether the submitted weights come from the assigned base"
