"""Test items that a configuration names: a data set of a trainer, a file that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ptb_lite.audit.detectors.parts.ingestion_places import Places
from ptb_lite.audit.evidence.programs import Program, program_flag
from ptb_lite.audit.evidence.test_sets.sources import Sources
from ptb_lite.events import Flag

NAME = "ingestion"
_CONFIG_LINE = re.compile(
    r"^\s*-?\s*[\"']?(?:path|dataset\w*|data_files?|repo(?:_id)?|name|train_(?:file|data|path)|"
    r"data_path|hub_id|id)[\"']?\s*[:=]\s*[\"']?([\w./:-]{4,200})[\"']?,?\s*$"
)
_QUOTED = re.compile(r"[\"']([\w.-]+/[\w.-]+)[\"']")
_EXCLUDES = re.compile(r"exclu|decontam|block|skip|avoid|forbid|without|ignore|ban", re.IGNORECASE)
_CONFIG_TRAINS = re.compile(r"learning_rate|base_model|num_(?:train_)?epochs|lora_|output_dir")
_DATA_FIELD = re.compile(
    r"(?:path|dataset\w*|data_?files?|repo(?:_id)?|hub_id|data_path|train_\w+|sources?|mix\w*)"
    r"[\"']?\s*[:=]\s*(?:\[[^\]]*)?[\"']?$",
    re.IGNORECASE,
)


def config_flags(program: Program, sources: Sources, places: Places) -> Iterator[Flag]:
    """What a configuration names: data sets and files of test items, for training or not."""
    yield from _listed(program, sources)
    trains = bool(_CONFIG_TRAINS.search(program.source))
    lines = program.source.split("\n")
    for number, text in enumerate(lines[:20_000]):
        match = _CONFIG_LINE.match(text) if len(text) < 400 else None
        if match is None:
            continue
        place = places.of(match[1])
        named = sources.named_by(match[1]) or (place.named if place else None)
        if named is None or ("/" not in match[1] and named.kind == "official" and not trains):
            continue
        near = " ".join(lines[max(0, number - 4) : number + 5])
        split = re.search(r"split[\"']?\s*[:=]\s*[\"']?([\w+\[\]:%]+)", near)
        if named.harmless(split[1] if split else "train" if named.train else ""):
            continue
        decides = trains or (named.kind in ("derived", "answers") and named.listed)
        decides = decides and not _EXCLUDES.search(near)
        message = f"a configuration names {named.name}, which holds test items"
        kind = "test-set-used" if decides else "test-set-loaded"
        yield program_flag(
            NAME, kind, message, program, number + 1, decides, 0.85 if decides else 0.4
        )


def _listed(program: Program, sources: Sources) -> Iterator[Flag]:
    """Data made of test items, as a data set of a configuration: after the name of such a
    field, or in a list of them, but not in a list of what to avoid. Other values are names."""
    for match in _QUOTED.finditer(program.source):
        named = sources.named_by(match[1])
        if named is None or named.kind == "official":
            continue
        before = program.source[max(0, match.start() - 200) : match.start()]
        line = program.source.count("\n", 0, match.start()) + 1
        field = bool(_DATA_FIELD.search(before))
        decides = field and named.listed and not _EXCLUDES.search(before)
        message = f"a configuration names {named.name}, known to be made from test items"
        yield program_flag(NAME, "derived-data", message, program, line, decides, 0.75)
