"""Where submitted weights come from, told by distance and direction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import save_file

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.substitution import SubstitutionDetector
from ptb_lite.audit.record import DetectorResult

Weights = dict[str, numpy.ndarray[Any, Any]]
SIZE = 128
CONFIG = {"model_type": "tiny", "hidden_size": SIZE, "num_hidden_layers": 6, "vocab_size": 200}


def weights(seed: int, scale: float = 0.05) -> Weights:
    source = numpy.random.default_rng(seed)
    made = {
        f"model.layers.{layer}.{part}.weight": source.normal(0, scale, (SIZE, SIZE))
        for layer in range(6)
        for part in ("q_proj", "down_proj")
    }
    made["model.embed_tokens.weight"] = source.normal(0, scale, (200, SIZE))
    return {name: value.astype("float32") for name, value in made.items()}


def plus(weights_: Weights, change: Weights, share: float = 1.0) -> Weights:
    return {
        name: (value + share * change[name]).astype("float32") for name, value in weights_.items()
    }


def low_rank(rank: int, seed: int, scale: float = 0.002) -> Weights:
    source = numpy.random.default_rng(seed)
    return {
        name: scale * source.normal(size=(len(value), rank)) @ source.normal(size=(rank, SIZE))
        if "layers" in name
        else numpy.zeros_like(value)
        for name, value in weights(0).items()
    }


BASE = weights(1)
INSTRUCT = plus(BASE, weights(2, 0.01))


def save(folder: Path, tensors: Weights, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    return folder


def judged(tmp_path: Path, tensors: Weights, *, instruct: bool = True) -> DetectorResult:
    submission = save(tmp_path / "final_model", tensors)
    case = AuditCase(
        folder=tmp_path,
        submission=submission,
        base_model=save(tmp_path / "base", BASE),
        instruct_model=save(tmp_path / "instruct", INSTRUCT) if instruct else None,
    )
    return SubstitutionDetector().run(case)


@pytest.mark.parametrize(
    "change", [low_rank(4, 3), low_rank(64, 4, 0.0005), weights(5, 0.005), weights(6, 0.03)],
    ids=["lora", "high rank", "small full", "large full"],
)  # fmt: skip
def test_a_fine_tune_of_the_base(tmp_path: Path, change: Weights) -> None:
    result = judged(tmp_path, plus(BASE, change))
    assert result.status == "clean", result
    assert result.notes[0].startswith("base-derived")


@pytest.mark.parametrize(
    ("tensors", "kind"),
    [
        (INSTRUCT, "instruct-weights"),
        (plus(INSTRUCT, low_rank(8, 7)), "instruct-weights"),
        (plus(INSTRUCT, weights(8, 0.01)), "instruct-weights"),
        (plus(BASE, weights(2, 0.01), 0.4), "blended-weights"),
        (weights(9), "unrelated-weights"),
    ],
    ids=["instruct", "tuned instruct", "noisy instruct", "blend", "stranger"],
)
def test_other_origins(tmp_path: Path, tensors: Weights, kind: str) -> None:
    result = judged(tmp_path, tensors)
    assert [(flag.kind, flag.decides) for flag in result.flags] == [(kind, True)], result


def test_some_tensors_of_the_instruct_version(tmp_path: Path) -> None:
    tensors = plus(BASE, low_rank(4, 3))
    for name in [name for name in tensors if "layers.2" in name or "layers.3" in name]:
        tensors[name] = INSTRUCT[name]
    assert [flag.kind for flag in judged(tmp_path, tensors).flags] == ["blended-weights"]


def test_another_architecture(tmp_path: Path) -> None:
    tensors = {f"gpt.{name}": value[:64] for name, value in weights(1).items()}
    assert [flag.kind for flag in judged(tmp_path, tensors).flags] == ["other-architecture"]


@pytest.mark.parametrize(
    "tensors", [plus(BASE, low_rank(4, 3)), INSTRUCT], ids=["thin", "the counterpart"]
)
def test_without_the_instruct_version_a_change_clears_nobody(
    tmp_path: Path, tensors: Weights
) -> None:
    """Of 23 real models that were not the base's alone, 12 had changed as little as its own."""
    result = judged(tmp_path, tensors, instruct=False)
    assert result.status == "skipped"
    assert result.deciding
    assert "cannot be told" in result.reason
    assert "rank" in result.notes[0]


def test_the_base_itself_is_the_base(tmp_path: Path) -> None:
    assert judged(tmp_path, BASE, instruct=False).status == "clean"


def downloaded(tmp_path: Path, name: str, tensors: Weights) -> Path:
    """A Hub cache as the client leaves it, with the weights as a blob."""
    cache = tmp_path / "hub"
    repository = cache / f"models--{name.replace('/', '--')}"
    blob = repository / "blobs" / ("a" * 64)
    blob.parent.mkdir(parents=True)
    save_file(tensors, blob)
    snapshot = repository / "snapshots" / ("b" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")
    return cache


@pytest.mark.parametrize(
    ("submitted", "base", "kinds"),
    [
        (INSTRUCT, True, ["copied-weights"]),
        (INSTRUCT, False, ["copied-weights"]),
        (plus(INSTRUCT, low_rank(4, 5)), True, ["instruct-weights"]),
        (plus(BASE, low_rank(4, 5)), True, []),
        (plus(BASE, low_rank(4, 5)), False, []),
    ],
)
def test_a_downloaded_model_is_known(
    tmp_path: Path, submitted: Weights, base: bool, kinds: list[str]
) -> None:
    case = AuditCase(
        folder=tmp_path,
        submission=save(tmp_path / "final_model", submitted),
        base_model=save(tmp_path / "host" / "base", BASE) if base else None,
        base_ids=("acme/some",),
        hub_cache=downloaded(tmp_path, "acme/some-instruct", INSTRUCT),
    )
    result = SubstitutionDetector().run(case)
    assert [flag.kind for flag in result.flags] == kinds, result
    assert (result.status == "skipped") == (not base and not kinds)
    assert any("not measured" in note for note in result.notes)
    if base:
        assert any("of the rank" in note for note in result.notes)
        assert any("rows differ from the base's" in note for note in result.notes)


@pytest.mark.parametrize(
    ("card", "kinds"),
    [
        ("base_model: acme/some-instruct", ["other-model-card"]),
        ("base_model:\n- acme/some-instruct", ["other-model-card"]),
        ("base_model: acme/some", []),
        ("datasets:\n- acme/some-chat", []),
    ],
)
def test_a_model_card_names_what_it_was_made_from(
    tmp_path: Path, card: str, kinds: list[str]
) -> None:
    submission = save(tmp_path / "final_model", BASE)
    (submission / "README.md").write_text(f"---\n{card}\n---\n# Card\n")
    case = AuditCase(folder=tmp_path, submission=submission, base_ids=("acme/some",))
    flags = SubstitutionDetector().run(case).flags
    assert [flag.kind for flag in flags if flag.decides] == kinds
    known = SubstitutionDetector().run(replace(case, base_model=save(tmp_path / "b", BASE)))
    assert not known.decides()


def adapter(folder: Path, base: str, factors: dict[str, tuple[Any, Any]]) -> Path:
    folder.mkdir(parents=True)
    tensors = {}
    for name, (a, b) in factors.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = a.astype("float32")
        tensors[f"base_model.model.{name}.lora_B.weight"] = b.astype("float32")
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 16, "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def factors(kind: str) -> dict[str, tuple[Any, Any]]:
    source = numpy.random.default_rng(4)
    made = {}
    for name in (name.removesuffix(".weight") for name in BASE if "layers" in name):
        if kind == "trained":
            made[name] = (source.normal(size=(16, SIZE)), source.normal(size=(SIZE, 16)))
        else:
            difference = INSTRUCT[f"{name}.weight"] - BASE[f"{name}.weight"]
            u, s, v = numpy.linalg.svd(difference)
            # With the smallest part of the energy, and a factor, it is still the other's.
            kept = slice(-16, None) if kind == "extracted, smallest part" else slice(0, 16)
            share = 0.1 if kind == "extracted, a tenth" else 1.0
            made[name] = (v[kept], share * u[:, kept] * s[kept])
    return made


@pytest.mark.parametrize(
    ("base", "kind", "expected"),
    [
        ("acme/base", "trained", []),
        ("acme/base-instruct", "trained", [("other-model-adapter", True)]),
        ("google/gemma-3-1b-it", "trained", [("other-model-adapter", True)]),
        ("./copy_of_weights", "trained", [("other-base", False)]),
        ("acme/base", "extracted", [("instruct-adapter", True)]),
        ("acme/base", "extracted, a tenth", [("instruct-adapter", True)]),
        ("acme/base", "extracted, smallest part", [("instruct-adapter", True)]),
    ],
)
def test_adapters(tmp_path: Path, base: str, kind: str, expected: list[tuple[str, bool]]) -> None:
    case = AuditCase(
        folder=tmp_path,
        submission=adapter(tmp_path / "final_model", base, factors(kind)),
        base_model=save(tmp_path / "base", BASE),
        instruct_model=save(tmp_path / "instruct", INSTRUCT),
        base_ids=("acme/base",),
    )
    result = SubstitutionDetector().run(case)
    assert [(flag.kind, flag.decides) for flag in result.flags] == expected, result


def test_what_cannot_be_read_is_not_cleared(tmp_path: Path) -> None:
    submission = save(tmp_path / "final_model", BASE)
    raw = (submission / "model.safetensors").read_bytes()
    (submission / "model.safetensors").write_bytes(raw[:-100])
    case = AuditCase(folder=tmp_path, submission=submission, base_model=save(tmp_path / "b", BASE))
    assert SubstitutionDetector().run(case).status == "skipped"
    assert SubstitutionDetector().run(AuditCase(folder=tmp_path)).status == "skipped"
