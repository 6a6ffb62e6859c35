"""What `ptb-lite audit` does: gather the evidence that there is, look, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ptb_lite.audit.model import AuditCase, HarnessManifest, TestItem
from ptb_lite.audit.record import AuditRecord
from ptb_lite.audit.run import run_audit
from ptb_lite.catalog import load_catalog
from ptb_lite.cli.output import say, say_error, say_json
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items import read_items
from ptb_lite.events import Flag, Record, Verdict
from ptb_lite.runner.context import Prepared, Seal
from ptb_lite.runs.atomic import read_record
from ptb_lite.runs.folder import RunFolder, find_run

_CODES = {Verdict.CLEAN: 0, Verdict.FLAGGED: 3, Verdict.INCONCLUSIVE: 4}
_Record = TypeVar("_Record", bound=Record)


def audit_and_print(target: str, items: tuple[Path, ...], *, runs_dir: Path, as_json: bool) -> int:
    """Audit a folder or a run and print what was found; the exit code. Nothing is written."""
    case = _case(target, runs_dir)
    given = [
        TestItem(item.id, item.question, item.target) for path in items for item in read_items(path)
    ]
    found = run_audit(replace(case, items=(*case.items, *given)))
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        for line in _lines(found):
            say(line)
    return _CODES[found.verdict]


def _case(target: str, runs_dir: Path) -> AuditCase:
    path = Path(target)
    if path.is_dir() and not (path / "spec.json").is_file():
        submission = path / "final_model"
        return AuditCase(folder=path, submission=submission if submission.is_dir() else None)
    if path.exists() and not path.is_dir():
        raise PtbLiteError("is not a folder", field=target)
    return _case_of_run(find_run(runs_dir, target))


def _case_of_run(run: RunFolder) -> AuditCase:
    """The evidence of a run; what the run did not get to is left out, and so not called clean."""
    prepared = _or_none(run.prepared, Prepared)
    seal = _or_none(run.seal, Seal)
    base = prepared.base_model if prepared and prepared.base_model.is_dir() else None
    return AuditCase(
        folder=run.workspace,
        submission=run.sealed if seal and seal.valid else None,
        items=_items_of(run, prepared) if prepared else (),
        base_model=base,
        base_sha256=prepared.base_sha256 if prepared else None,
        base_ids=_base_names(run, prepared) if prepared else (),
        harness=_or_none(run.harness, HarnessManifest),
        trace=run.trace if run.trace.is_dir() else None,
    )


def _items_of(run: RunFolder, prepared: Prepared) -> tuple[TestItem, ...]:
    return tuple(
        item
        for benchmark in prepared.benchmarks
        for item in _test_items(run.path / benchmark.test, benchmark.id)
    )


def _test_items(path: Path, benchmark: str) -> tuple[TestItem, ...]:
    return tuple(
        TestItem(item.id, item.question, item.target, benchmark) for item in read_items(path)
    )


def _base_names(run: RunFolder, prepared: Prepared) -> tuple[str, ...]:
    """What an adapter may call its base, also where the catalogue has since lost the model."""
    model = run.read_spec().model
    entry = load_catalog().models.get(model)
    names = (model, entry.hub_id if entry else None, str(prepared.base_model))
    return tuple(name for name in names if name is not None)


def _or_none(path: Path, model: type[_Record]) -> _Record | None:
    if not path.is_file():
        say_error(f"note: there is no {path.name}, so less can be looked at")
        return None
    return read_record(path, model)


def _lines(found: AuditRecord) -> Iterator[str]:
    for result in found.results:
        reason = f": {result.reason}" if result.reason else ""
        yield f"{result.detector:<12} {result.status:<8} {result.seconds:6.1f} s{reason}"
        for flag in result.flags:
            yield f"  {_flag(flag)}"
        for note in result.notes:
            yield f"  note: {note}"
    yield f"verdict: {found.verdict}: {found.reason}"


def _flag(flag: Flag) -> str:
    line = f":{flag.line}" if flag.line is not None else ""
    where = f"{flag.file}{line}: " if flag.file else ""
    weight = "" if flag.decides else " (informs only)"
    item = f" [test item {flag.item_id}]" if flag.item_id else ""
    return f"{where}{flag.kind}: {flag.message}{item}{weight}"
