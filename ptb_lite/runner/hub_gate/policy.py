"""What passes the gate: decided by repository, revision and file name, before anything is fetched.

What passes by its name is still searched for test items (`content.py`), so that a renamed copy is
refused by what it holds. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from ptb_lite.audit.evidence.test_sets.sources import Named, Sources
from ptb_lite.runner.hub_gate.requests import HubRequest

WEIGHTS = frozenset(
    f".{ending}"
    for ending in (
        *("safetensors", "bin", "pt", "pth", "ckpt", "gguf", "ggml", "onnx", "h5", "msgpack"),
        *("npz", "tflite", "pkl", "pickle", "nemo", "mlmodel", "engine", "plan", "index"),
    )
)
"""Endings of files that hold a model's weights."""


class Action(StrEnum):
    PASS = "pass"
    """As it is: a file of the base model."""
    SEARCH = "search"
    """After it was searched for test items."""
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What happens to a request; `reason` is the sentence that the agent reads."""

    action: Action
    reason: str = ""


_SEARCH = Decision(Action.SEARCH)


class HubPolicy:
    """The rules of one run.

    `base_ids` are the names of the assigned base model, `instruct_ids` those of its known instruct
    counterparts, `sources` the known places of the test items.
    """

    def __init__(
        self, *, sources: Sources, base_ids: Iterable[str], instruct_ids: Iterable[str] = ()
    ) -> None:
        self._sources = sources
        self._base = {name.lower() for name in base_ids}
        self._instruct = {name.lower() for name in instruct_ids}

    def decide(self, request: HubRequest) -> Decision:
        """Whether a request may pass, from its names alone."""
        match request.operation:
            case "git":
                return _refuse("git is not served here: download files with huggingface_hub")
            case "other":
                return _refuse("only models' and datasets' information and files are served here")
            case "search":
                return _SEARCH
        if request.kind == "space":
            return _refuse("spaces are not served here")
        if request.kind == "model":
            return self._model(request)
        return self._dataset(request)

    def hides(self, request: HubRequest, path: str) -> bool:
        """Whether a listing leaves out a file of a repository, so that a client that takes all of
        one does not stumble over it."""
        file = HubRequest("file", request.kind, request.repo, request.revision, path)
        return self.decide(file).action == Action.REFUSE

    def train_splits(self, repo: str) -> tuple[str, ...] | None:
        """The splits of an official source that may be trained on; None for any other dataset."""
        named = self._named(repo, "")
        return named.train if named is not None and named.kind == "official" else None

    def _model(self, request: HubRequest) -> Decision:
        name = request.repo.lower()
        if name in self._base:
            return Decision(Action.PASS)
        if name in self._instruct:
            return _refuse(f"{request.repo} is the instruct version of the assigned base model")
        if is_weights(request.path):
            return _refuse("weights of other models than the assigned base model are not allowed")
        return _SEARCH

    def _dataset(self, request: HubRequest) -> Decision:
        named = self._named(request.repo, request.path)
        if named is None:
            if is_weights(request.path) and request.path.endswith((".safetensors", ".gguf")):
                return _refuse("weights of other models than the assigned base are not allowed")
            return _SEARCH
        if named.kind == "answers":
            return _refuse(f"{request.repo} holds answers to the test items of {named.benchmark}")
        if named.kind != "official":
            return _refuse(f"{request.repo} is known to hold test items of {named.benchmark}")
        if not named.train:
            return _refuse(f"{request.repo} is the test set of {named.benchmark}")
        if named.part and not named.harmless():
            allowed = ", ".join(named.train)
            return _refuse(
                f"the {named.part} split of {request.repo} is the test set; allowed: {allowed}"
            )
        return _SEARCH

    def _named(self, repo: str, path: str) -> Named | None:
        place = f"datasets/{repo}/{path}" if path else f"datasets/{repo}"
        return self._sources.named_by(place.replace(" ", "_")[:400])


def is_weights(path: str) -> bool:
    """Whether a file holds weights, by its name."""
    name = PurePosixPath(path.lower())
    return name.suffix in WEIGHTS or ".safetensors." in name.name


def _refuse(reason: str) -> Decision:
    return Decision(Action.REFUSE, f"refused by the run's rules: {reason}")
