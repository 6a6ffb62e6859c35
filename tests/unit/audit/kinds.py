"""Workspaces of a few files and commands, and what the whole audit says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult

BASE = "acme/Some-1B-Base"
TRAINS = (
    "import json\nfrom trl import SFTTrainer\n"
    "rows = [json.loads(l) for l in open('train_data.jsonl')]\n"
    f"t = SFTTrainer(model='{BASE}', train_dataset=rows)\nt.train()\nt.save_model('final_model')\n"
)


def ran(*commands: str) -> str:
    """A trace of commands, in the stream of Claude Code."""
    return "".join(
        _line("assistant", {"type": "tool_use", "name": "Bash", "input": {"command": one}})
        for one in commands
    )


def said(text: str) -> str:
    return _line("assistant", {"type": "text", "text": text})


def printed(text: str) -> str:
    """What a command put out."""
    return _line("user", {"type": "tool_result", "content": text})


def _line(role: str, block: dict[str, object]) -> str:
    return json.dumps({"type": role, "message": {"role": role, "content": [block]}}) + "\n"


def looked(
    detector: Detector,
    folder: Path,
    files: Mapping[str, str],
    trace: str = "",
    items: tuple[TestItem, ...] = (),
) -> DetectorResult:
    """What one detector says of a workspace of these files."""
    work = folder / "work"
    work.mkdir()
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    stream = folder / "trace.log"
    stream.write_text(trace, encoding="utf-8")
    case = AuditCase(
        folder=work,
        items=items,
        trace=stream if trace else None,
        base_ids=(BASE,),
        benchmark_kinds={"gsm8k": "dataset"},
    )
    return detector.run(case)
