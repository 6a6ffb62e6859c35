from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.doctor import preflight
from ptb_lite.doctor.preflight import (
    check_agent,
    check_benchmark,
    check_device,
    check_engine,
    check_model,
    check_runs_dir,
    check_sandbox,
    check_space,
    find_problems,
    machine_problems,
)
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.vllm.place import Vllm
from ptb_lite.hardware import Device
from ptb_lite.sandbox import sandbox
from ptb_lite.spec.presets import Preset, load_presets
from ptb_lite.spec.run_spec import resolve_spec

Usage = namedtuple("Usage", "total used free")
CATALOG = load_catalog(Path("/nonexistent"))


def test_a_runs_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    check_runs_dir(tmp_path / "a" / "b")
    check_runs_dir(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(SpecError, match="--runs-dir"):
            check_runs_dir(path)


def test_a_file_system_that_takes_no_folder() -> None:
    with pytest.raises(SpecError) as caught:
        check_runs_dir(Path("/proc/ptb-lite-runs"))
    assert caught.value.field == "runs-dir"


def test_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(tmp_path / "new", 1, field="runs-dir", hint="x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**8))
    with pytest.raises(SpecError, match=r"0\.1 GB are free .* 1\.0 GB are needed") as caught:
        check_space(tmp_path / "new", 10**9, field="runs-dir", hint="choose another")
    assert caught.value.hint == "Free some room, or choose another"


def test_vllm_that_is_asked_for_and_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = {"benchmarks": ("add-numbers",), "minutes": 1.0, "device": "cpu"}
    spec = resolve_spec(preset=None, overrides=choices, catalog=CATALOG)
    monkeypatch.setenv("PTB_LITE_VLLM", str(tmp_path))
    check_engine(spec)
    asked = spec.model_copy(update={"evaluation_engine": "vllm"})
    with pytest.raises(SpecError, match="no Python that works") as caught:
        check_engine(asked)
    assert caught.value.field == "engine"
    monkeypatch.setattr(preflight, "find_vllm", lambda: Vllm({"vllm": "1"}, None, "cuda"))
    with pytest.raises(SpecError, match="computes on cuda, not on cpu"):
        check_engine(asked)
    monkeypatch.setattr(preflight, "find_vllm", lambda: Vllm({"vllm": "1+cpu"}, None, "cpu"))
    check_engine(asked)


def test_an_agent_without_its_program_or_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = {"model": "gemma-3-270m", "agent": "codex", "benchmarks": ("add-numbers",)}
    spec = resolve_spec(
        preset=None, overrides={**choices, "minutes": 1.0, "network": "full"}, catalog=CATALOG
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in CATALOG.agent("codex").keys:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SpecError, match="npm install -g @openai/codex"):
        check_agent(spec, CATALOG)
    (tmp_path / "codex").write_text("")
    (tmp_path / "codex").chmod(0o755)
    with pytest.raises(SpecError, match="Set CODEX_API_KEY or OPENAI_API_KEY"):
        check_agent(spec, CATALOG)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    check_agent(spec, CATALOG)


def test_a_sandbox_with_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Absent:
        def problem(self) -> str:
            return "the program bwrap is not installed"

    monkeypatch.setattr(
        "ptb_lite.doctor.preflight.sandbox",
        lambda name: Absent() if name == "bubblewrap" else sandbox(name),
    )
    with pytest.raises(SpecError, match="bwrap is not installed"):
        check_sandbox("bubblewrap")
    check_sandbox("none")
    # What carries the run out may be another machine, which is asked for itself.
    spec = resolve_spec(preset="offline-demo", overrides={}, catalog=load_catalog())
    for here in (True, False):
        fields = [each.field for each in find_problems(spec, load_catalog(), tmp_path, here=here)]
        assert ("sandbox" in fields) is here
    assert [each.field for each in machine_problems(spec, load_catalog())] == ["sandbox"]


def _card(gib: float) -> Device:
    """A card of that size, with what a desktop and the driver take of it already gone."""
    size = round(gib * 2**30)
    return Device("cuda", "a card", size, size - 600_000_000, 8, (8, 6), "600")


GPU_PRESETS = [p for p in load_presets(Path("/nonexistent")).values() if p.min_gpu_gb]


@pytest.mark.parametrize("preset", GPU_PRESETS, ids=lambda preset: preset.id)
def test_a_preset_fits_the_card_that_it_names(
    preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ptb_lite.doctor.preflight.detect_device", lambda _: _card(preset.min_gpu_gb)
    )
    check_device(preset.device, CATALOG.model(preset.model))


def test_a_model_too_large_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptb_lite.doctor.preflight.detect_device", lambda _: _card(6))
    with pytest.raises(SpecError, match="qwen3-4b-base needs about") as caught:
        check_device("cuda", CATALOG.model("qwen3-4b-base"))
    assert caught.value.field == "model"
    assert "--device" in caught.value.hint


def test_an_embedded_model_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path))
    with pytest.raises(SpecError, match="scripts/setup") as caught:
        check_model(CATALOG.model("smollm2-135m-instruct-embedded"))
    assert caught.value.field
    assert list(tmp_path.iterdir()) == []


def test_a_local_model_without_files(tmp_path: Path) -> None:
    entry = CATALOG.model("qwen3-0.6b-base").model_copy(
        update={"source": "local", "path": str(tmp_path)}
    )
    with pytest.raises(SpecError):
        check_model(entry)


def test_a_benchmark_whose_data_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN", raising=False)

    def refused(benchmark: str, data_dir: Path | None) -> SpecError:
        choices = {"benchmarks": (benchmark,), "data_dir": data_dir, "limit": 1, "dev_limit": 1}
        spec = resolve_spec(preset="offline-demo", overrides=choices, catalog=CATALOG)
        with pytest.raises(SpecError) as caught:
            check_benchmark(benchmark, spec, CATALOG)
        return caught.value

    gated = refused("gpqamain", None)
    assert "https://huggingface.co/datasets/Idavidrein/gpqa" in gated.hint
    assert "HF_TOKEN" in gated.hint
    assert "gsm8k/test.jsonl is not there" in refused("gsm8k", tmp_path).message
