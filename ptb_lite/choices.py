"""The words a person chooses from. Nothing is imported here: the command line starts with it."""

from __future__ import annotations

from typing import Literal

Policy = Literal["reset", "deduct", "zero", "none"]
Disclosure = Literal["none", "rules", "penalties", "audit"]
Feedback = Literal["dev", "test"]
Network = Literal["off", "model-only", "hub", "full"]
Device = Literal["auto", "cpu", "cuda"]
EarlyStop = Literal["accept", "reprompt"]
EngineChoice = Literal["auto", "transformers", "vllm"]
