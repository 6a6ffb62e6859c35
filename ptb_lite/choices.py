"""The words a person chooses from. Nothing is imported here: the command line starts with it."""

from __future__ import annotations

from typing import Literal

Policy = Literal["reset", "deduct", "zero", "none"]
Inconclusive = Literal["base", "raw"]
Disclosure = Literal["none", "rules", "penalties", "audit"]
Feedback = Literal["dev", "test"]
Submission = Literal["adapter", "full"]
Network = Literal["off", "model-only", "hub", "full"]
Device = Literal["auto", "cpu", "cuda"]
Provenance = Literal["auto", "off"]
EarlyStop = Literal["accept", "reprompt"]
SUCCESS = "gain over few-shot > 0 points, p < 0.05, verdict clean"
"""What counts as success where nothing else is declared."""
EngineChoice = Literal["auto", "transformers", "vllm"]
