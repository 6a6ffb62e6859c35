"""Files of PostTrainBench's harness in a folder that has no record of what was handed over.

Known by structure: an `evaluate.py` that takes `--model-path` and only evaluates, and what stands
beside it in the layouts of the main and the Harbor branch. They are no evidence against the agent,
unless its trace shows that it wrote them. So are data files that the task's instructions name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from ptb_lite.audit.code.interpret import UnreadableCodeError, interpret
from ptb_lite.audit.evidence.folder import FoundFile, open_regular

_MAX_PROGRAM = 1 << 20
_SCRIPTS = {"timer.sh", "solve.sh", "agent_solve.sh", "system_monitor.sh", "update_agent_cli.sh",
            "timestamp_lines.py", "check_cuda.py", "check_cuda_writing.py", "entrypoint.sh",
            "contamination_check.py", "contamination_judge.py", "ptb_collect.sh",
            "per_sample_seed.py", "exact_numeric_match.py", "model_identity_check.py",
            "evaluate_openrouter.py", "evaluate_final_eval.py", "info.json"}  # fmt: skip
_FOLDERS = {"evaluation_code", "task_context", "templates", "judge_tools", ".codex"}
_PROGRAMS = {".py", ".sh", ".yaml", ".yml", ".toml", ".jinja", ".md", ".cfg"}
_INSTRUCTIONS = re.compile(
    r"(?:\w+_)?(?:prompt|instructions?|task|task_description|agents|claude|brief)\.(?:md|txt)",
    re.IGNORECASE,
)
_DATA = {".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow"}
_SHORT = 4
_MAX_DEPTH = 20
_OPTION = re.compile(r"[\"']--model[-_]path[\"']")
_OUTPUT = re.compile(r"[\"']--(?:json[-_]output[-_]file|limit|templates[-_]dir)[\"']")
_MEASURES = re.compile(r"inspect_ai|inspect_evals|evaluation_code|lm_eval|bfcl_eval|vllm|evalplus")
_TRAINS = re.compile(r"Trainer\(|\.backward\(|optimizer\.step|save_pretrained|\.train\(\)")


def harness_files(files: Iterable[FoundFile]) -> frozenset[str]:
    """The files of the harness among those of a folder, by their relative paths; none where the
    folder holds no `evaluate.py` of its structure."""
    files = list(files)
    roots = {
        file.relative.rpartition("evaluate.py")[0]
        for file in files
        if file.name == "evaluate.py"
        and file.relative.count("/") <= 1
        and is_evaluation(_text(file))
    }
    return frozenset(
        file.relative
        for file in files
        for root in roots
        if file.relative.startswith(root) and _belongs(file.relative[len(root) :])
    )


def handed_data(
    files: Iterable[FoundFile], written: Iterable[str], prompt: str = ""
) -> frozenset[str]:
    """Data files that the task's own instructions name, in a folder that has no record of what was
    handed over, or the `prompt` that its trace begins with. `written` are paths that the agent's
    tools wrote: neither instructions nor data of its own count."""
    changed = {end for path in written for end in _ends(path)}
    own = [file for file in files if file.relative not in changed]
    instructions = (
        _text(file)
        for file in own
        if _INSTRUCTIONS.fullmatch(file.name) and file.relative.count("/") <= 1
    )
    told = "\n".join((prompt, *instructions))
    return frozenset(
        file.relative
        for file in own
        if file.suffix in _DATA
        and (
            _names(told, file.name)
            # A folder is named with its slash: a word alone may be any.
            or any(f"{folder}/" in told for folder in file.folders if len(folder) > _SHORT)
        )
    )


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folders."""
    parts = path.split("/")
    for start in range(max(0, len(parts) - _MAX_DEPTH), len(parts)):
        yield "/".join(parts[start:])


def _names(text: str, name: str) -> bool:
    # To make a pattern takes a hundred times as long as to see that most names stand nowhere.
    if name not in text:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) is not None


def _belongs(relative: str) -> bool:
    path = PurePosixPath(relative)
    if len(path.parts) == 1:
        return path.name == "evaluate.py" or path.name in _SCRIPTS
    return path.parts[0] in _FOLDERS and path.suffix.lower() in _PROGRAMS


def is_evaluation(source: str) -> bool:
    """Whether a program has the structure of PostTrainBench's `evaluate.py`: it takes a model and
    measures it, and neither trains nor writes anything but the metrics that it is asked for."""
    if not (_OPTION.search(source) and _OUTPUT.search(source) and _MEASURES.search(source)):
        return False
    if _TRAINS.search(source):
        return False
    try:
        sites = interpret(source).sites
    except UnreadableCodeError:
        return False
    for site in sites:
        if site.name.rpartition(".")[2] == "open":
            modes = [text for text in site.argument(1, "mode").texts() if len(text) <= 3]
            named = site.argument(0, "file").texts()
            if named and any(set(mode) & set("wax") for mode in modes) and not _metrics(named):
                return False
    return True


def _metrics(names: list[str]) -> bool:
    """A log or result file that the evaluation itself keeps."""
    return all(re.search(r"metric|result|log|judg|answer|score", name, re.I) for name in names)


def _text(file: FoundFile) -> str:
    try:
        with open_regular(file.path) as stream:
            return stream.read(_MAX_PROGRAM).decode("utf-8", "replace")
    except OSError:
        return ""
