"""Another model's weights put in the place of the submission, read from programs and commands.

Rules. Weights of a model that is not the assigned base decide where they go into `final_model`:
downloaded there, saved there, copied or moved there (also by way of another folder), or named by a
merge or an extraction whose output it is. A tokenizer or configuration of another model does not,
nor does a model that only writes or scores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.code.interpret import UnreadableCodeError, interpret
from ptb_lite.audit.code.shell import Command
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.evidence.programs import Order, Program, order_flag, program_flag
from ptb_lite.events import Flag

NAME = "substitution"
_LOADS = re.compile(
    r"(?:AutoModel\w*|PeftModel\w*|\w+For(?:CausalLM|ConditionalGeneration)|FastLanguageModel|AutoPeftModel\w*)"
    r"\.from_pretrained$|(?:^|\.)(?:snapshot_download|load_state_dict_from_hub)$"
)
_SAVES = re.compile(
    r"(?:^|\.)(?:save_pretrained|save_model|save_file|copytree|move|rename|replace|save|symlink|"
    r"push_weights|save_pretrained_merged|snapshot_download|copy|copy2|copyfile)$"
)
_WEIGHTS = re.compile(r"\.safetensors$|\.bin$|pytorch_model")
_FOLDER = re.compile(r"[\w./~-]{2,200}")
_HUB_ID = re.compile(r"[\w-][\w.-]{0,95}/[\w.-]{2,95}")
_TUNED = re.compile(
    r"[-_.](?:it|instruct\w*|chat|sft|dpo|rlhf|thinking|distill\w*)(?:[-_.]|$)", re.I
)
_TARGET, _FETCHES = "final_model", "snapshot_download"
_MAX_PLACES = 100
_MERGE_CALL = re.compile(r"mergekit|run_merge|MergeConfiguration")
_DOWNLOADERS = {"huggingface-cli", "hf", "git", "wget", "curl", "aria2c", "modelscope"}
_MERGE = re.compile(r"^\s*(?:merge_method|slices|models|base_model)\s*:", re.MULTILINE)
_MERGED = re.compile(r"^\s*-?\s*(?:model|base_model)\s*:\s*[\"']?([\w-][\w./-]+)", re.MULTILINE)
_MERGERS = {"mergekit-yaml", "mergekit-mega", "mergekit-extract-lora", "mergekit-moe"}


def origin_flags(case: AuditCase) -> list[Flag]:
    """Raises OSError when the folder itself cannot be read."""
    look = _Look(case)
    programs = case.programs
    named = _TARGET in "".join(programs.environment.values())
    wanted = [p for p in programs.python if named or _TARGET in p.source or _FETCHES in p.source]
    flags = [flag for program in wanted for flag in look.python(program)]
    known = len(look.places)
    flags += [flag for order in programs.orders for flag in look.order(order)]
    if look.places:
        # What one command or program fetched, another may put in place.
        flags += [flag for order in programs.orders for flag in look.order(order)]
    if len(look.places) > known or len(wanted) > 1:
        flags += [flag for program in wanted for flag in look.python(program)]
    for program in (*programs.configs, *programs.python):
        flags += look.merge(program)
    return list({(f.kind, f.file, f.line): f for f in flags}.values())[:20]


class _Look:
    def __init__(self, case: AuditCase) -> None:
        self._case = case
        self._base = {name.lower().rstrip("/") for name in case.base_ids}
        self._folders = {file.relative.partition("/")[0] for file in case.listing.files}
        self.places: dict[str, str] = {}
        self._merges = any(
            order.command.program in _MERGERS and _TARGET in order.command.text()
            for order in case.programs.orders
        ) or any(
            _TARGET in program.source and _MERGE_CALL.search(program.source)
            for program in case.programs.python
        )

    def _is_other(self, text: str) -> bool:
        """Whether a text is the Hub's id of another model than the base. Where the base is not
        known, only one that says it was tuned."""
        low = text.lower().rstrip("/")
        if not _HUB_ID.fullmatch(text) or text.partition("/")[0] in self._folders:
            return False
        if low in self._base or low.rpartition("/")[2] in {
            b.rpartition("/")[2] for b in self._base
        }:
            return False
        return bool(self._base) or bool(_TUNED.search(text))

    def _remember(self, folder: str, name: str) -> None:
        """Where another model's weights lie meanwhile."""
        folder = folder.removeprefix("./").rstrip("/")
        if folder and _TARGET not in folder and len(self.places) < _MAX_PLACES:
            self.places.setdefault(folder, name)

    def _lying_at(self, path: str) -> str:
        """The model whose weights a path leads to; empty for none, and for small files of it."""
        if path.endswith((".json", ".jinja", ".txt", ".model", ".md")):
            return ""
        path = path.removeprefix("./").rstrip("/*")
        for folder, name in self.places.items():
            if path == folder or path.startswith(f"{folder}/") or path.endswith(f"/{folder}"):
                return name
        return ""

    def order(self, order: Order) -> Iterator[Flag]:
        command = order.command
        goes = any(_TARGET in word for word in command.words[1:])
        if command.program in _MERGERS and goes:
            for word in filter(self._is_other, command.words[1:]):
                message = f"{command.program} takes {word} into {_TARGET}"
                yield order_flag(NAME, "other-model-merged", message, order, True, 0.9)
                return
        if command.program in _DOWNLOADERS:
            for word in command.words[1:]:
                name = _model_in(word)
                if name and self._is_other(name) and not _only_small_files(command):
                    if not goes:
                        for place in _fetched_to(command, word):
                            self._remember(place, name)
                        return
                    message = f"{command.program} puts {name} into {_TARGET}"
                    yield order_flag(NAME, "other-model-copied", message, order, True, 0.95)
                    return
        if command.program in ("cp", "mv", "rsync", "ln") and _TARGET in command.words[-1]:
            for word in command.words[1:-1]:
                cached = re.search(r"models--([\w.-]+?)--([\w.-]+?)(?:/|$)", word)
                name = f"{cached[1]}/{cached[2]}" if cached else word
                lying = self._lying_at(word)
                if lying:
                    message = f"{command.program} puts {lying} into {_TARGET}"
                    yield order_flag(NAME, "other-model-copied", message, order, True, 0.9)
                    continue
                tuned = _TUNED.search(name.rstrip("/")) and not name.endswith((".json", ".jinja"))
                other = (cached and self._is_other(name)) or (tuned and not self._is_base(name))
                if other and not name.endswith((".json", ".jinja", ".txt")):
                    message = f"{command.program} puts {name} into {_TARGET}"
                    yield order_flag(NAME, "other-model-copied", message, order, True, 0.9)

    def _is_base(self, name: str) -> bool:
        tail = name.rstrip("/").rpartition("/")[2].lower()
        return any(base.rpartition("/")[2] == tail for base in self._base) or tail == _TARGET

    def python(self, program: Program) -> Iterator[Flag]:
        found: dict[Label, str] = {}

        def label(site: Site) -> list[Label]:
            if not _LOADS.search(site.name):
                return []
            named = next(filter(self._is_other, site.own_texts()), None)
            named = named or next(filter(None, map(self._lying_at, site.own_texts())), None)
            if named is None or _is_partial(site):
                return []
            origin = Label(f"model:{named}", site.line)
            found[origin] = named
            return [origin]

        try:
            world = self._case.programs.world(program)
            read = interpret(program.source, label=label, world=world)
        except UnreadableCodeError:
            return
        for site in read.sites:
            if not _SAVES.search(site.name):
                continue
            own = [text for text in site.own_texts() if len(text) < 300]
            names = [found[one] for one in site.labels() if one in found]
            if site.name.endswith(_FETCHES) and not _is_partial(site):
                names += filter(self._is_other, own)
            if not any(_TARGET in text for text in own):
                for name in names[:1]:
                    for text in filter(_FOLDER.fullmatch, own):
                        if not self._is_other(text):
                            self._remember(text, name)
                continue
            names += filter(None, map(self._lying_at, own))
            if names:
                message = f"the weights of {names[0]} go into {_TARGET}"
                yield program_flag(
                    NAME, "other-model-copied", message, program, site.line, True, 0.9
                )

    def merge(self, program: Program) -> Iterator[Flag]:
        """A configuration of mergekit with another model in it."""
        text = program.source
        if program.kind == "python":
            text = text.replace("\\n", "\n")  # a configuration that the program writes
        if not _MERGE.search(text) or "merge_method" not in text:
            return
        for match in _MERGED.finditer(text):
            if self._is_other(match[1]):
                at = program.source.find(match[1])
                line = program.source.count("\n", 0, at) + 1
                message = f"a merge takes in {match[1]}, another model than the assigned one"
                yield program_flag(
                    NAME, "other-model-merged", message, program, line, self._merges, 0.85
                )


def _fetched_to(command: Command, source: str) -> Iterator[str]:
    """The folder that a download of a whole model makes."""
    words = command.words
    for option in ("--local-dir", "--local_dir", "--cache-dir", "-P", "-d"):
        if option in words[:-1]:
            yield words[words.index(option) + 1]
    if command.program == "git":
        last = words[-1]
        yield last if last != source else source.rstrip("/").rpartition("/")[2].removesuffix(".git")


def _model_in(word: str) -> str:
    address = re.search(
        r"(?:huggingface\.co|hf-mirror\.com|hf\.co)/(?:api/models/)?([\w-]+/[\w.-]+)", word
    )
    return address[1].removesuffix(".git") if address else word


def _only_small_files(command: Command) -> bool:
    """Whether what is asked for are files without weights: a tokenizer, a template."""
    words = command.words
    files = [w for w in words if w.endswith((".json", ".jinja", ".txt", ".model"))]
    return bool(files) and not any(_WEIGHTS.search(w) for w in words) and "clone" not in words


def _is_partial(site: Site) -> bool:
    patterns = site.argument(99, "allow_patterns").texts()
    return bool(patterns) and not any(_WEIGHTS.search(p) or p == "*" for p in patterns)
