"""Texts that try to be more than text, put into every field of a run that takes any text.

A payload is active where its token stands in a tag, an attribute, a link, a style or a title.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ptb_lite.audit.record import AuditRecord
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord
from ptb_lite.events import EVENT, AgentEvent, AgentEventKind, AgentSpoke, Flag, FlagRaised
from ptb_lite.provenance import RECORD
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runner.context import AgentEnd, Seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.runs.records import Scores, Status
from ptb_lite.spec.run_spec import RunSpec

TOKEN = "pwn7"
ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"
_HTML = (
    f"<script>{TOKEN}</script>", f"<img src=x onerror={TOKEN}>", f"<svg onload={TOKEN}>",
    f"<svg><use href='{TOKEN}'/></svg>", f"<a href='javascript:{TOKEN}'>x</a>", f"<{TOKEN}>",
    f"<iframe src='{TOKEN}'>", f"<style>@import '{TOKEN}'</style>", f"<base href={TOKEN}>",
    f"<meta http-equiv=refresh content='0;{TOKEN}'>", f"<form action={TOKEN}><button>",
    f"<details open ontoggle={TOKEN}>", f"<math><mtext><img src={TOKEN}>", f"<plaintext {TOKEN}>",
    f"<textarea {TOKEN}>", f"<title {TOKEN}>", f"<xmp {TOKEN}>", f"<object data={TOKEN}>",
)  # fmt: skip
_TERMINAL = (
    f"{ESC}]0;{TOKEN}{BEL}", f"{ESC}]2;{TOKEN}{ST}", f"{ESC}]8;;http://{TOKEN}{ST}x{ESC}]8;;{ST}",
    f"{ESC}]52;c;cHduNw=={BEL}", f"{ESC}[2J{ESC}[H{TOKEN}", f"{ESC}P+q{TOKEN}{ST}",
    f"{ESC}_G{TOKEN}{ST}", f"\x9d0;{TOKEN}\x9c", f"\x9b31m{TOKEN}", f"{ESC}[?1049h{TOKEN}",
    f"{ESC}c{TOKEN}", f"\r{TOKEN}\x08\x08", f"{ESC}[8m{TOKEN}", f"{ESC}k{TOKEN}{ST}",
)  # fmt: skip
_DIRECTION = (
    f"\u202e{TOKEN}\u202c", f"\u2066{TOKEN}\u2069", f"\u200f{TOKEN}", f"\u061c{TOKEN}",
    f"{TOKEN}\u200b\u2060", f"\ufeff{TOKEN}", f"\U000e0041{TOKEN}\U000e007f", f"\u2028{TOKEN}",
)  # fmt: skip
_MARKUP = (
    f"[bold red]{TOKEN}[/]", f"[@click=app.quit('{TOKEN}')]x[/]", f"[link=http://{TOKEN}]x[/link]",
    f"[/{TOKEN}]", "[/]", f"[{TOKEN}", f"\\[{TOKEN}]", f"[on $error]{TOKEN}[/]",
    f"[@click={TOKEN}]",
    f"[link='http://{TOKEN}']x[/]",
)  # fmt: skip
_MARKDOWN = (
    f"[x](http://{TOKEN})", f"![x](http://{TOKEN})", f"<http://{TOKEN}.org>", f"| {TOKEN} | x |",
    f"\n# {TOKEN}\n", f"`{TOKEN}", f"\n```\n{TOKEN}", f"[x]: http://{TOKEN}", f"\n---\n{TOKEN}",
    f"**{TOKEN}**",
)  # fmt: skip
_AROUND: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: f"\"'>{text}",
    lambda text: f"--></script></style></textarea></title>{text}",
    lambda text: f"]]>\n\n{text}\n\n",
    lambda text: f"{text * 3}{{{{ 7*7 }}}}{{% raw %}}${{x}}&lt;",
)
PAYLOADS = tuple(
    around(payload)
    for around in _AROUND
    for payload in (*_HTML, *_TERMINAL, *_DIRECTION, *_MARKUP, *_MARKDOWN)
)
# What finds files or other records, and never comes from outside.
_KEYS = {"run_id", "benchmark", "label", "samples", "key", "id", "type", "item_salt"}
_OF_A_KIND = 4
_RESULT, _SAMPLE = TypeAdapter[Any](EvaluationResult), TypeAdapter[Any](SampleRecord)
_RECORDS: dict[str, Any] = {
    "spec.json": RunSpec, "status.json": Status, "scores.json": Scores, "audit.json": AuditRecord,
    "seal.json": Seal, "agent.json": AgentEnd,
}  # fmt: skip


def poisoned(folder: Path, first: int | None, together: int = 1) -> tuple[RunFolder, int]:
    """The recorded demo with payloads, from the `first` on, in each field that takes them, and how
    many fields that were. None: a harmless text of letters instead.

    With `together` each text is of so many payloads, one after another: so many fewer places from
    which to begin show every payload in every field.
    """
    run = RunFolder(folder / "20261123-153201-3cc1")
    shutil.copytree(recorded_demo().path, run.path)
    _shorten(run)
    _flag(run.audit)
    fill = _Fill(first, together)
    for name, record in _RECORDS.items():
        _rewrite(run.path / name, TypeAdapter(record), fill)
    for path in sorted(run.evaluations.rglob("*.json")):
        _rewrite(path, _RESULT, fill)
    for path in sorted(run.evaluations.rglob("*.samples.jsonl")):
        _rewrite_lines(path, _SAMPLE, fill)
    _rewrite_lines(run.journal, EVENT, fill)
    writer = JournalWriter(run.journal)
    for kind in AgentEventKind:
        text, tool, session = fill.text(), fill.text()[:100], fill.text()
        spoken = AgentEvent(kind=kind, text=text, tool=tool, session_id=session)
        writer.write(AgentSpoke(event=spoken))
    for live in (True, False):
        flag = Flag(
            detector="overlap", kind=fill.text()[:40], message=fill.text(), file=fill.text(),
            line=3, item_id=fill.text(), decides=True,
        )  # fmt: skip
        writer.write(FlagRaised(flag=flag, live=live))
    writer.close()
    _record_processes(run, fill)
    return run, fill.filled


def _record_processes(run: RunFolder, fill: _Fill) -> None:
    """A record of a training: its command line, the files that it read, and who wrote those."""
    run.provenance.mkdir()
    name = f"{fill.text()}.jsonl"
    lines = (
        {"kind": "began", "at": 1, "version": 1, "workspace": "/w"},
        {"kind": "process", "at": 2, "entry": 1, "pid": 7, "command": [fill.text(), fill.text()]},
        {"kind": "file", "at": 3, "entry": 1, "act": "read", "path": f"/w/{fill.text()}.txt"},
        {"kind": "file", "at": 4, "entry": 1, "act": "write", "path": f"/w/{name}"},
        {"kind": "process", "at": 5, "entry": 2, "pid": 8,
         "command": ["ptb-lite-train", fill.text()]},
        {"kind": "file", "at": 6, "entry": 2, "act": "read", "path": f"/w/{name}"},
        {"kind": "lost", "at": 7, "reason": fill.text()},
    )  # fmt: skip
    (run.provenance / RECORD).write_text("".join(json.dumps(line) + "\n" for line in lines))


def _shorten(run: RunFolder) -> None:
    """Leave four of each kind of sample and event: the fields of the others are the same ones."""
    for path in (run.journal, *run.evaluations.rglob("*.samples.jsonl")):
        path.chmod(0o644)
        kept, kinds = [], Counter[tuple[str, str]]()
        for line in path.read_text().splitlines():
            payload = json.loads(line).get("payload", {})
            kind = payload.get("type", ""), str(payload.get("event", {}).get("kind", ""))
            kinds[kind] += 1
            if kinds[kind] <= _OF_A_KIND:
                kept.append(line)
        path.write_text("".join(f"{line}\n" for line in kept))


def _flag(audit: Path) -> None:
    """A flag for each payload that is not wrapped, so that one of them meets each field."""
    audit.chmod(0o644)
    found = AuditRecord.model_validate_json(audit.read_bytes())
    flags = tuple(
        Flag(detector="overlap", kind="test-data", message="m", file="f", line=n, item_id="i",
             excerpt="e", item_text="t")
        for n in range(len(PAYLOADS) // len(_AROUND))
    )  # fmt: skip
    first = found.results[0].model_copy(update={"flags": flags, "status": "flagged"})
    record = found.model_copy(update={"results": (first, *found.results[1:])})
    audit.write_text(record.model_dump_json())


class _Fill:
    def __init__(self, first: int | None, together: int) -> None:
        self._numbers = count(first) if first is not None else None
        self._together = together
        self.filled = 0

    def text(self) -> str:
        self.filled += 1
        if self._numbers is None:
            return TOKEN
        number = next(self._numbers)
        return " ".join(PAYLOADS[(number + n) % len(PAYLOADS)] for n in range(self._together))

    def into(self, value: Any, takes: Callable[[Any], bool], known: str) -> Any:
        """`value` with a payload for every text with which it is still taken.

        `known` names it: places that took one before are filled together, and tried one by one
        only where not all of these payloads are taken.
        """
        places = _TAKEN.get(known)
        if places is not None:
            filled = copy.deepcopy(value)
            for *way, last in places:
                _at(filled, way)[last] = self.text()
            if takes(filled):
                return filled
            self.filled -= len(places)
        places = [way for way in list(_places(value)) if self._one(value, way, takes)]
        _TAKEN[known] = places
        return value

    def _one(self, value: Any, place: tuple[Any, ...], takes: Callable[[Any], bool]) -> bool:
        *way, last = place
        holder = _at(value, way)
        before, holder[last] = holder[last], self.text()
        if not takes(value):
            self.filled -= 1
            holder[last] = before
            return False
        return True


_TAKEN: dict[str, list[tuple[Any, ...]]] = {}


def _at(value: Any, way: Sequence[Any]) -> Any:
    for step in way:
        value = value[step]
    return value


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        if way and way[-1] not in _KEYS:
            yield way
        return
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in list(pairs):
            yield from _places(part, (*way, key))


def _rewrite(path: Path, record: TypeAdapter[Any], fill: _Fill) -> None:
    if path.exists():
        path.chmod(0o644)
        filled = fill.into(
            json.loads(path.read_text()), lambda value: _taken(record, value), path.name
        )
        path.write_text(json.dumps(filled))


def _rewrite_lines(path: Path, record: TypeAdapter[Any], fill: _Fill) -> None:
    path.chmod(0o644)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = [
        fill.into(line, lambda value: _taken(record, value), f"{_known(path)} {number}")
        for number, line in enumerate(lines)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in done))


def _known(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _taken(record: TypeAdapter[Any], value: Any) -> bool:
    try:
        record.validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True
