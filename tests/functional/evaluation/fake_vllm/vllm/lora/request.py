from __future__ import annotations


class LoRARequest:
    def __init__(self, *_: object) -> None:
        raise AssertionError("adapters are merged, not put on at run time")
