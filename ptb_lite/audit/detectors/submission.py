"""Whether what the agent left in `final_model/` may be loaded: an adapter of the assigned base.

Nothing here loads the submission: configurations are parsed as JSON, weights read as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import Account, FoundFile, open_regular, walk
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.audit.weights.adapter import (
    AdapterConfigError,
    problem_with_tensors,
    read_adapter_config,
)
from ptb_lite.audit.weights.safetensors_file import (
    MalformedWeightsError,
    first_non_finite,
    read_header,
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
    "non-finite weights",
    "unreadable",
]

_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill", ".npy", ".npz"}
_CODE = {".py", ".pyc", ".pyx", ".so", ".pyd", ".sh", ".dll", ".dylib"}
# What trainers leave beside an adapter. It is neither sealed nor loaded, so it does no harm.
_BOOKKEEPING = {"training_args.bin", "optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth"}


class SubmissionCheck(Record):
    """`files` are the ones to seal and load, relative to the folder; everything else in it is
    `left_out`. `problem` and `reason` are empty when it is valid."""

    valid: bool
    problem: SubmissionProblem | Literal[""] = ""
    reason: str = ""
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def validate_submission(
    folder: Path | None,
    *,
    base_model: Path | None = None,
    base_ids: Sequence[str] = (),
    max_bytes: int = MAX_SUBMISSION_BYTES,
) -> SubmissionCheck:
    """Whether `folder` holds a LoRA adapter of the assigned base, safe to load.

    `base_model` is the host's folder of the base: its path is accepted as the adapter's base, and
    tensor shapes are compared with its weights. `base_ids` are other accepted names (the Hub id,
    the path inside the sandbox). With neither, the base is not checked. Never raises for anything
    that the folder holds.
    """
    if folder is None or not (folder.is_symlink() or folder.exists()):
        return _refuse("nothing submitted", "there is no final_model folder")
    if folder.is_symlink():
        return _refuse("link", "final_model is a link, not a folder")
    if not folder.is_dir():
        return _refuse("nothing submitted", "final_model is not a folder")
    account = Account()
    files = list(walk(folder, account, max_files=MAX_SUBMISSION_FILES))
    return (
        _check_listing(files, account, max_bytes)
        or _check_content(folder, base_model, base_ids)
        or _accept(files)
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
            case.submission, base_model=case.base_model, base_ids=case.base_ids
        )
        notes = tuple(f"{name}: neither sealed nor loaded" for name in check.left_out)
        if check.valid:
            return DetectorResult(detector=NAME, status="clean", notes=notes)
        kind = check.problem.replace(" ", "-")
        flag = Flag(detector=NAME, kind=kind, message=check.reason, decides=False)
        return DetectorResult(
            detector=NAME, status="flagged", flags=(flag,), reason=check.reason, notes=notes
        )


def _check_listing(
    files: list[FoundFile], account: Account, max_bytes: int
) -> SubmissionCheck | None:
    """What names, kinds and sizes alone give away: nothing is opened but the first bytes."""
    left = account.all_notes() + tuple(account.unread)
    if any(": link" in note for note in left):
        found = next(note for note in left if ": link" in note)
        return _refuse("link", f"{found.partition(':')[0]} is a link; submit the file itself")
    if left:
        return _refuse("unreadable", left[0])
    if not files:
        return _refuse("empty folder", "final_model holds no file")
    size = sum(file.size for file in files)
    if size > max_bytes:
        limit = f"the limit is {max_bytes / 2**30:.1f} GiB"
        return _refuse("too large", f"final_model claims {size / 2**30:.1f} GiB, {limit}")
    for file in files:
        path = PurePosixPath(file.relative)
        if path.suffix.lower() in _CODE:
            return _refuse("remote code", f"{file.relative} is code; an adapter has none")
        if _is_pickle(path, file):
            return _refuse("pickle", f"{file.relative} is a pickle; submit safetensors")
    return _check_names({file.relative for file in files})


def _check_names(names: set[str]) -> SubmissionCheck | None:
    if CONFIG in names and WEIGHTS in names:
        return None
    missing = ", ".join(sorted({CONFIG, WEIGHTS} - names))
    whole = "; whole models are not accepted" if "config.json" in names else ""
    return _refuse("not an adapter", f"final_model has no {missing}{whole}")


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


def _is_pickle(path: PurePosixPath, file: FoundFile) -> bool:
    if path.name in _BOOKKEEPING or path.name.startswith("rng_state"):
        return False
    if path.suffix.lower() in _PICKLES:
        return True
    try:
        with open_regular(file.path) as stream:
            start = stream.read(2)
    except OSError:
        return False
    # Protocol 2 and later begin so; a safetensors header of such a length would have to be
    # exactly 640 to 1,664 bytes long, and is told apart by its name.
    return start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05" and path.name != WEIGHTS


def _accept(files: list[FoundFile]) -> SubmissionCheck:
    names = {file.relative for file in files}
    kept = (CONFIG, WEIGHTS)
    return SubmissionCheck(valid=True, files=kept, left_out=tuple(sorted(names - set(kept))))


def _refuse(problem: SubmissionProblem, reason: str) -> SubmissionCheck:
    from ptb_lite.audit.evidence.folder import printable

    return SubmissionCheck(valid=False, problem=problem, reason=printable(reason, 500))


DETECTOR = SubmissionDetector()
