"""Fetches one table of a dataset: `python -m ptb_lite.evaluation.items.fetch < REQUEST.json`.

The request holds `part` (a DataPart) and `target`, the JSON-lines file to write, whole or not at
all. Exit codes: 0 written, 1 could not be fetched (the last line of standard error says why), 3 no
access to it, else 400 less than the HTTP status that says to try later.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ptb_lite.catalog.hub.errors import reason_of_status, status_of
from ptb_lite.evaluation.items.rows import MAX_ROWS, STATUS_BASE
from ptb_lite.files import write_text

EXIT_NO_ACCESS = 3


def main() -> int:
    request = json.loads(sys.stdin.buffer.read(1 << 20))
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        rows = fetch(request["part"])
    except Exception as error:
        # The edge of the process: three libraries raise their own kinds of "cannot be had".
        print(f"{type(error).__name__}: {str(error).splitlines()[0][:250]}", file=sys.stderr)
        status = status_of(error) or 0
        if is_refusal(error):
            return EXIT_NO_ACCESS
        # As an exit code: 429 is 29, 500 is 100.
        return status - STATUS_BASE if reason_of_status(status) and status < 640 else 1
    target = Path(request["target"])
    write_text(target, "".join(json.dumps(row, default=str) + "\n" for row in rows))
    return 0


def fetch(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of one table. Raises what the Hub's libraries raise, ValueError for too many."""
    if part["file"]:
        return _bounded(_json_file(part))
    import datasets

    # No code of the repository runs: `datasets` 4 and later knows data files only.
    table = datasets.load_dataset(
        part["hub_id"], part["config"], split=part["split"], revision=part["revision"]
    )
    return _bounded(table)


def _json_file(part: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    import huggingface_hub

    if Path(part["hub_id"]).is_dir():
        path = Path(part["hub_id"]) / part["file"]
    else:
        path = Path(
            huggingface_hub.hf_hub_download(
                part["hub_id"], part["file"], repo_type="dataset", revision=part["revision"]
            )
        )
    text = path.read_text(encoding="utf-8-sig")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _bounded(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = list(rows)
    if len(found) > MAX_ROWS:
        raise ValueError(f"more than {MAX_ROWS} rows")
    return found


def is_refusal(error: BaseException) -> bool:
    """Whether the Hub said no to this account, as far as its client tells."""
    chain: BaseException | None = error
    while chain is not None:
        status = getattr(getattr(chain, "response", None), "status_code", None)
        if status in (401, 403) or type(chain).__name__ == "GatedRepoError":
            return True
        if "gated dataset" in str(chain).lower():
            return True
        chain = chain.__cause__ or chain.__context__
    return False


if __name__ == "__main__":
    raise SystemExit(main())
