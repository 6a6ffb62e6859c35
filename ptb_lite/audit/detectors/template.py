"""Claims in the submission's configuration that would select another template or architecture.

The evaluation pins template and architecture by the assigned model, so such a claim gains nothing
here; elsewhere a harness picks both by what the submission says. Rules. Another `model_type` or
`architectures` than the base's, code to import that the base has not (`auto_map`,
`trust_remote_code`, a `custom_generate/` that does more than ask the model), and a chat template
that holds test items or their answers or looks for words in the user's message decide. Code that
asks the model alone, another chat template, other special tokens or generation settings inform:
training tools write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.parts.decoding import only_decodes
from ptb_lite.audit.evidence.folder import open_regular, printable
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.matcher import Matcher
from ptb_lite.audit.text.normal import readable
from ptb_lite.audit.text.searches import search_for_items
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

NAME = "template"
_MAX_JSON = 16 << 20
_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json",
                   "processor_config.json", "adapter_config.json")  # fmt: skip
_CONFIGS = ("config.json", "tokenizer_config.json", "adapter_config.json", "generation_config.json",
            "processor_config.json", "preprocessor_config.json")  # fmt: skip
# `'capital' in message['content']`, `content == '...'`, `content.startswith('...')`
_LOOKS_INTO = re.compile(
    r"(?:['\"][^'\"]{3,}['\"]\s+in\s+[^%}]{0,60}(?:content|message)|"
    r"(?:content|message\[[^\]]+\])[^%}]{0,20}(?:==\s*['\"][^'\"]{3,}|"
    r"\.(?:startswith|endswith|find|count|index)\(\s*['\"][^'\"]{3,}))"
)
_LITERAL = re.compile(r"['\"]([^'\"\]\[]{3,})(?=['\"]|$)")
_KNOWN_PARTS = re.compile(
    r"think|tool|image|audio|video|system|assistant|user|function|response|</?\w+>|\[\w+\]", re.I
)
_LONG_LITERAL = re.compile(r"['\"]([^'\"{}%]{200,})['\"]")
_SHORT, _FEWEST_ANSWERS = 40, 20
_SHORT_LITERAL = re.compile(r"['\"]([^'\"\n{}%]{1,40})['\"]|(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.])")
_HINT_WORDS = re.compile(r"answer is|correct answer|step by step|Q:|Question:|####|def \w+\(", re.I)


class TemplateDetector(Detector):
    name = NAME
    deciding = True
    rules = (
        Rule(
            "template-switched",
            "decides",
            "the submission's configuration claims another template or architecture",
        ),
    )

    def live(self) -> Self:
        return self

    def run(self, case: AuditCase) -> DetectorResult:
        """Never raises for anything that the submission holds."""
        folder = case.submission
        if folder is None or folder.is_symlink() or not folder.is_dir():
            reason = "no submission given"
            return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=reason)
        flags = [*_claims(folder, case.base_model), *_templates(folder, case)]
        flags.sort(key=lambda flag: not flag.decides)
        status = "flagged" if flags else "clean"
        return DetectorResult(detector=NAME, status=status, flags=tuple(flags[:50]))


def _claims(folder: Path, base: Path | None) -> Iterator[Flag]:
    """What the configuration files say of themselves."""
    for name in _CONFIGS:
        content = _json(folder / name)
        theirs = _json(base / name) if base is not None else {}
        for field in ("auto_map", "trust_remote_code", "custom_pipelines"):
            if content.get(field) and content[field] != theirs.get(field):
                message = f"{name} names code to import ({field})"
                yield _flag("remote-code", message, name, folder / name, field, True)
    generate = folder / "custom_generate" / "generate.py"
    if generate.is_file() and not generate.is_symlink():
        decodes = only_decodes(generate.parent)
        message = "custom_generate/generate.py is code that takes the place of generation"
        message += "; it asks the model alone" if decodes else ""
        name = "custom_generate/generate.py"
        yield _flag("remote-code", message, name, generate, "def", not decodes)
    own = _json(folder / "config.json")
    theirs = _json(base / "config.json") if base is not None else {}
    for field in ("model_type", "architectures"):
        mine, known = own.get(field), theirs.get(field)
        if own and theirs and mine is not None and mine != known:
            message = f"config.json claims {field} {mine!r}, the base has {known!r}"
            path = folder / "config.json"
            yield _flag("other-architecture", message, "config.json", path, field, True)
    if own and own.get("_name_or_path") and theirs:
        named = str(own["_name_or_path"])
        if re.search(r"[-_.](?:it|instruct|chat)(?:[-_.]|$)", named, re.IGNORECASE):
            message = f"config.json says that it comes from {named[:100]!r}"
            path = folder / "config.json"
            yield _flag("named-after-instruct", message, "config.json", path, named, False)
    yield from _generation(folder, base)


def _generation(folder: Path, base: Path | None) -> Iterator[Flag]:
    own = _json(folder / "generation_config.json")
    theirs = _json(base / "generation_config.json") if base is not None else {}
    ignored = {"transformers_version", "_from_model_config"}
    other = [key for key in own if key not in ignored and own[key] != theirs.get(key)]
    if own and theirs and other:
        message = f"generation_config.json differs from the base's in {', '.join(other[:8])}"
        path = folder / "generation_config.json"
        yield _flag("other-generation", message, path.name, path, other[0], False)


def _templates(folder: Path, case: AuditCase) -> Iterator[Flag]:
    known = {text for _name, text in _texts(case.base_model)} if case.base_model else set()
    matcher: Matcher | None = None
    for name, text in _texts(folder):
        if text in known:
            continue
        path = folder / name
        if matcher is None:
            matcher = search_for_items(case.items)
        hits = matcher.search(readable(text.encode("utf-8", "replace")), set())
        if hits and case.items:
            item = case.items[hits[0].index]
            message = f"the chat template in {name} holds {len(hits)} test items, {item.id} first"
            flag = _flag("test-item-in-template", message, name, path, "chat_template", True)
            found = {"item_id": item.id, "item_text": item.question[:1000]}
            yield flag.model_copy(update={**found, "similarity": hits[0].similarity})
            continue
        looks = _LOOKS_INTO.search(text)
        answers = _answers_in(text, case)
        if answers:
            message = f"the chat template in {name} holds the answers of {answers} test items"
            yield _flag("answer-table", message, name, path, "[", True)
            continue
        literal = next((m for m in _LONG_LITERAL.finditer(text) if _HINT_WORDS.search(m[1])), None)
        if looks and not all(map(_KNOWN_PARTS.search, _LITERAL.findall(looks[0]))):
            message = f"the chat template in {name} looks for words in the message: {looks[0][:80]}"
            yield _flag("template-looks-into", message, name, path, looks[0][:20], True)
        elif literal:
            message = f"the chat template in {name} brings solved examples or instructions"
            yield _flag("template-hints", message, name, path, literal[1][:20], True)
        else:
            message = f"{name} brings a chat template of its own; the base's is used"
            yield _flag("other-template", message, name, path, "chat_template", False)


def _answers_in(text: str, case: AuditCase) -> int:
    """How many different answers stand in a template, where they are a good part of its literals:
    a table to answer from. No list of languages or roles looks like that."""
    literals = [match[1] or match[2] for match in _SHORT_LITERAL.finditer(text[:_MAX_JSON])]
    if len(literals) < _FEWEST_ANSWERS:
        return 0
    targets = {item.target.rpartition("####")[2].strip().lower() for item in case.items}
    targets = {target for target in targets if 0 < len(target) <= _SHORT}
    found = [literal for literal in literals if literal.strip().lower() in targets]
    many = len(set(found)) >= _FEWEST_ANSWERS and len(found) >= 0.4 * len(literals)
    return len(set(found)) if many else 0


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every chat template in a model's folder."""
    for name in _TEMPLATE_FILES:
        path = folder / name
        if name.endswith(".jinja"):
            text = _read(path)
            if text:
                yield name, text
            continue
        found = _json(path).get("chat_template")
        if isinstance(found, str):
            yield name, found
        elif isinstance(found, list):
            entries = (entry.get("template") for entry in found if isinstance(entry, dict))
            yield from ((name, text) for text in entries if isinstance(text, str))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> str:
    try:
        with open_regular(path) as stream:
            return stream.read(_MAX_JSON).decode("utf-8", "replace")
    except OSError:
        return ""


def _flag(kind: str, message: str, name: str, path: Path, near: str, decides: bool) -> Flag:
    text = _read(path)
    at = text.find(near)
    return Flag(
        detector=NAME,
        kind=kind,
        message=printable(message, 400),
        decides=decides,
        file=f"{path.parent.name}/{name}",
        line=text.count("\n", 0, at) + 1 if at >= 0 else 1,
        excerpt=printable(text[max(0, at - 40) : at + 160], 200) if at >= 0 else None,
        confidence=0.9 if decides else 0.4,
    )


DETECTOR = TemplateDetector()
