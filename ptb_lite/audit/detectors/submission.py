"""Whether what the agent left in `final_model/` may be loaded: an adapter of the assigned base,
or whole weights in its architecture.

Nothing here loads the submission: configurations are parsed as JSON, weights read as bytes.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import ScanNotes, open_regular, printable, walk
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.audit.weights.adapter import (
    MAX_CONFIG_BYTES,
    AdapterConfigError,
    problem_with_tensors,
    read_adapter_config,
)
from ptb_lite.audit.weights.safetensors_file import (
    MalformedWeightsError,
    first_non_finite,
    read_header,
)
from ptb_lite.audit.weights.whole import (
    first_broken,
    kept_files,
    most_bytes,
    problem_with_whole,
    weight_files,
    whole_weights,
)
from ptb_lite.events import Flag, Record

NAME = "submission"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MAX_SUBMISSION_BYTES = 8 << 30
MAX_SUBMISSION_FILES = 10_000

SubmissionProblem = Literal[
    "nothing submitted",
    "empty folder",
    "link",
    "too large",
    "pickle",
    "remote code",
    "not an adapter",
    "malformed config",
    "wrong base",
    "malformed weights",
    "wrong shape",
    "does not fit",
    "non-finite weights",
    "unreadable",
]

_PICKLES = {"adapter_model.bin", "adapter_model.pt", "pytorch_model.bin"}


class SubmissionCheck(Record):
    """`files` are the ones to seal and load, relative to the folder; everything else in it, such
    as what a trainer leaves beside an adapter, is `left_out`. `problem` and `reason` are empty when
    it is valid."""

    valid: bool
    problem: SubmissionProblem | Literal[""] = ""
    reason: str = ""
    whole: bool = False
    """Whole weights, not an adapter."""
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def validate_submission(
    folder: Path | None,
    *,
    base_model: Path | None = None,
    base_ids: Sequence[str] = (),
    max_bytes: int = MAX_SUBMISSION_BYTES,
    whole: bool = False,
) -> SubmissionCheck:
    """Whether `folder` holds a LoRA adapter of the assigned base, safe to load.

    `base_model` is the host's folder of the base: its path is accepted as the adapter's base, and
    tensor shapes are compared with its weights. `base_ids` are other accepted names (the Hub id,
    the path inside the sandbox). With neither, the base is not checked. With `whole`, whole weights
    in the base's architecture are accepted as well. Never raises for anything that the folder
    holds.
    """
    if folder is None or not (folder.is_symlink() or folder.exists()):
        return _refuse("nothing submitted", "there is no final_model folder")
    if folder.is_symlink():
        return _refuse("link", "final_model is a link, not a folder")
    if not folder.is_dir():
        return _refuse("nothing submitted", "final_model is not a folder")
    account = ScanNotes()
    names = {file.relative for file in walk(folder, account, max_files=MAX_SUBMISSION_FILES)}
    if whole and whole_weights(folder):
        return _check_whole(folder, base_model, names, account)
    return (
        _check_names(folder, names, bool(account.notes or account.unread))
        or _check_size(folder, max_bytes)
        or _check_content(folder, base_model, base_ids)
        or _accept(names, account)
    )


class SubmissionDetector(Detector):
    """Reports an invalid submission. Its flags inform: the runner gives the base score anyway."""

    name = NAME
    deciding = False
    rules = (
        Rule(
            "submission-invalid",
            "informs",
            "an invalid submission is scored as the base model and says nothing about cheating",
        ),
    )

    def run(self, case: AuditCase) -> DetectorResult:
        if case.submission is None:
            return DetectorResult(detector=NAME, status="skipped", reason="no submission given")
        check = validate_submission(
            case.submission,
            base_model=case.base_model,
            base_ids=case.base_ids,
            whole=case.whole_weights,
        )
        notes = tuple(f"{name}: neither sealed nor loaded" for name in check.left_out)
        if check.valid:
            return DetectorResult(detector=NAME, status="clean", notes=notes)
        kind = check.problem.replace(" ", "-")
        flag = Flag(detector=NAME, kind=kind, message=check.reason, decides=False)
        return DetectorResult(
            detector=NAME, status="flagged", flags=(flag,), reason=check.reason, notes=notes
        )


def _check_names(folder: Path, names: set[str], others: bool) -> SubmissionCheck | None:
    missing = []
    for name in (CONFIG, WEIGHTS):
        try:
            mode = (folder / name).lstat().st_mode
        except OSError:
            missing.append(name)
            continue
        if stat.S_ISLNK(mode):
            return _refuse("link", f"{name} is a link; submit the file itself")
        if not stat.S_ISREG(mode):
            return _refuse("unreadable", f"{name} is no regular file")
    if not names and not others:
        return _refuse("empty folder", "final_model holds no file")
    if not missing:
        return None
    if "config.json" in names:
        hint = "; a whole model is accepted with --submission full alone, with its safetensors"
    elif names & _PICKLES and missing == [WEIGHTS]:
        found = min(names & _PICKLES)
        return _refuse("pickle", f"{found} is a pickle; save the adapter as {WEIGHTS}")
    else:
        deeper = sorted(name for name in names if name.endswith(f"/{WEIGHTS}"))
        hint = f"; one lies in {deeper[-1].rpartition('/')[0]}: move it up" if deeper else ""
    return _refuse("not an adapter", f"final_model has no {' and no '.join(missing)}{hint}")


def _check_size(folder: Path, max_bytes: int) -> SubmissionCheck | None:
    try:
        size = sum((folder / name).lstat().st_size for name in (CONFIG, WEIGHTS))
    except OSError as error:
        return _refuse("unreadable", f"{error.strerror or error}")
    if size <= max_bytes:
        return None
    limit = f"the limit is {max_bytes / 2**30:.1f} GiB"
    return _refuse("too large", f"the adapter claims {size / 2**30:.1f} GiB, {limit}")


def _check_content(
    folder: Path, base_model: Path | None, base_ids: Sequence[str]
) -> SubmissionCheck | None:
    try:
        config = read_adapter_config(folder / CONFIG)
        accepted = {
            *base_ids,
            *((str(base_model), str(base_model.resolve())) if base_model else ()),
        }
        if accepted and config.base.rstrip("/") not in accepted:
            return _refuse(
                "wrong base", f"the adapter's base is {config.base[:200]!r}, not the assigned one"
            )
        tensors = read_header(folder / WEIGHTS)
        problem = problem_with_tensors(config, tensors, base_model)
        if problem:
            return _refuse("wrong shape", problem)
        broken = first_non_finite(folder / WEIGHTS, tensors)
    except AdapterConfigError as error:
        if error.kind == "remote code":
            return _refuse("remote code", str(error))
        return _refuse("malformed config", str(error))
    except MalformedWeightsError as error:
        return _refuse("malformed weights", f"{WEIGHTS}: {error}")
    except OSError as error:
        return _refuse("unreadable", f"{error.strerror or error}")
    if broken is not None:
        return _refuse("non-finite weights", f"{broken} holds an infinity or NaN")
    return None


def _check_whole(
    folder: Path, base_model: Path | None, names: set[str], account: ScanNotes
) -> SubmissionCheck:
    """The size first, so that a folder of 50 GB is not read."""
    try:
        weights = weight_files(folder)
        linked = [name for name in weights if (folder / name).is_symlink()]
        if linked:
            return _refuse("link", f"{linked[0]} is a link; submit the file itself")
        size = sum((folder / name).lstat().st_size for name in weights)
        most = most_bytes(base_model)
        if size > most:
            limit = f"of this base model it may have {most / 2**30:.1f} GiB"
            return _refuse("too large", f"the model has {size / 2**30:.1f} GiB, {limit}")
        if "config.json" in names and _names_code(folder / "config.json"):
            return _refuse("remote code", "config.json names code to import")
        if (problem := problem_with_whole(folder, base_model)) is not None:
            return _refuse("wrong shape", problem)
        broken = first_broken(folder)
    except MalformedWeightsError as error:
        return _refuse("malformed weights", str(error))
    except OSError as error:
        return _refuse("unreadable", f"{error.strerror or error}")
    if broken is not None:
        return _refuse("non-finite weights", f"{broken} holds an infinity or NaN")
    kept = (*weights, *kept_files(folder))
    others = (*sorted(names - set(kept)), *account.all_notes(), *account.unread)
    return SubmissionCheck(valid=True, whole=True, files=kept, left_out=others)


def _names_code(path: Path) -> bool:
    try:
        with open_regular(path) as stream:
            found = json.loads(stream.read(MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.get("auto_map"))


def _accept(names: set[str], account: ScanNotes) -> SubmissionCheck:
    kept = (CONFIG, WEIGHTS)
    others = (*sorted(names - set(kept)), *account.all_notes(), *account.unread)
    return SubmissionCheck(valid=True, files=kept, left_out=others)


def _refuse(problem: SubmissionProblem, reason: str) -> SubmissionCheck:
    return SubmissionCheck(valid=False, problem=problem, reason=printable(reason, 500))


DETECTOR = SubmissionDetector()
