"""The words a person chooses from. Nothing is imported here: the command line starts with it."""

from __future__ import annotations

from typing import Literal

Policy = Literal["reset", "deduct", "zero", "none"]
Disclosure = Literal["none", "rules", "penalties", "audit"]
Feedback = Literal["dev", "test"]
SandboxName = Literal["bubblewrap", "podman", "docker", "none"]
Network = Literal["off", "model-only", "full"]
Device = Literal["auto", "cpu", "cuda"]
EarlyStop = Literal["accept", "reprompt"]
HubCache = Literal["auto", "shared", "private"]
EngineChoice = Literal["auto", "transformers", "vllm"]
