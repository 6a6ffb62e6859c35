from __future__ import annotations

from typing import Any


def resolve_chat_template(**_: Any) -> str:
    return "a guess that must not count"
