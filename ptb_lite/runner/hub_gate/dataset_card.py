"""A dataset's README.md without the splits that are not handed out.

`datasets` reads the splits and their files from the YAML at its head; were the test split named
there, loading the train split would ask for both. Pure functions.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import yaml

_FENCE = "---"


def without_splits(text: str, allowed: Collection[str]) -> str:
    """`text` with only `allowed` splits in `configs` and `dataset_info`; the prose stays.

    A text whose head is no YAML mapping is returned without its head.
    """
    head, body = _parts(text)
    if not head:
        return text
    try:
        values = yaml.safe_load(head)
    except (yaml.YAMLError, RecursionError):
        return body
    if not isinstance(values, dict):
        return body
    for key in ("configs", "dataset_info"):
        if key in values:
            values[key] = _each(values[key], allowed)
    kept = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return f"{_FENCE}\n{kept}{_FENCE}\n{body}"


def _each(entries: Any, allowed: Collection[str]) -> Any:
    if isinstance(entries, dict):
        return _one(entries, allowed)
    if isinstance(entries, list):
        return [_one(entry, allowed) if isinstance(entry, dict) else entry for entry in entries]
    return entries


def _one(entry: dict[Any, Any], allowed: Collection[str]) -> dict[Any, Any]:
    made = dict(entry)
    files, splits = made.get("data_files"), made.get("splits")
    if isinstance(files, list):
        made["data_files"] = [
            one for one in files if not isinstance(one, dict) or one.get("split") in allowed
        ]
    if isinstance(splits, list):
        made["splits"] = [
            one for one in splits if not isinstance(one, dict) or one.get("name") in allowed
        ]
        # Sums over all splits, which would no longer be true.
        made.pop("download_size", None)
        made.pop("dataset_size", None)
    return made


def _parts(text: str) -> tuple[str, str]:
    if not text.startswith(_FENCE + "\n"):
        return "", text
    head, fence, body = text[len(_FENCE) + 1 :].partition(f"\n{_FENCE}\n")
    return (head, body) if fence else ("", text)
