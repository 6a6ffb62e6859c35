"""What doctor says of a machine that lacks something."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from ptb_lite.catalog.embedded import FileRecord
from ptb_lite.doctor import checks as doctor
from ptb_lite.doctor.checks import Check, doctor_checks
from ptb_lite.doctor.gpu_checks import GpuProbe
from ptb_lite.evaluation.vllm.place import NOT_INSTALLED, Missing, Vllm
from ptb_lite.hardware.device import Device
from ptb_lite.sandbox import Groups

GB = 10**9


def by_name(runs: Path) -> dict[str, Check]:
    return {check.name: check for check in doctor_checks(runs)}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path / "cache"))


def test_every_check_is_named_once_and_what_is_wrong_has_a_fix(tmp_path: Path) -> None:
    checks = doctor_checks(tmp_path / "runs")
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert all(check.fix for check in checks if check.status != "ok")
    assert "Hub" not in names


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    doctor_checks(tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("held", "user", "said"),
    [
        ({"memory", "pids"}, 0, "the system limits an agent's memory and processes"),
        ({"pids"}, 0, "does not limit an agent's memory; runs look at it every second"),
        (set(), 1000, "does not limit an agent's memory; runs look at it every second"),
        (set(), 0, "does not limit an agent's memory and processes"),
    ],
)
def test_what_the_system_does_not_limit_is_said(
    held: set[str], user: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = Groups((), frozenset(held))
    monkeypatch.setattr(doctor, "make_groups", lambda *_, **__: groups)
    monkeypatch.setattr("os.getuid", lambda: user)
    found = by_name(tmp_path)["limits"]
    assert said in found.message
    assert bool(found.fix) == (said != "the system limits an agent's memory and processes")


def test_packages_are_those_declared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    declared = [
        "pydantic>=2",
        "no-such-package>=1; python_version >= '3'",
        "absent-elsewhere; python_version < '3'",
        "absent-extra; extra == 'dev'",
        "psutil>=999",
    ]
    monkeypatch.setattr(doctor, "requires", lambda _name: declared)
    found = by_name(tmp_path)["packages"]
    assert found.status == "fail"
    assert found.message.startswith("no-such-package is missing; psutil is ")
    assert found.message.endswith("needed is >=999")
    assert "scripts/setup" in found.fix


def test_the_package_itself_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(_name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(doctor, "requires", missing)
    assert by_name(tmp_path)["packages"].message == "ptb-lite itself is not installed"


def test_a_missing_sandbox_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = by_name(tmp_path)["isolation"]
    assert found.status == "fail"
    assert found.message == "the program bwrap is not installed"
    assert found.fix.startswith("Install the package bubblewrap")


def test_folders_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert by_name(tmp_path / "file" / "runs")["runs folder"].status == "fail"
    monkeypatch.setenv("PTB_LITE_CACHE", "/proc/none")
    found = by_name(tmp_path)["cache folder"]
    assert found.status == "fail"
    assert "PTB_LITE_CACHE" in found.fix


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_RUN_BYTES", 10**18)
    found = by_name(tmp_path)["runs folder"]
    assert found.status == "fail"
    assert "are needed" in found.message


def test_embedded_models_are_converted_or_not(tmp_path: Path) -> None:
    from ptb_lite.catalog.embedded import EmbeddedRecord, model_folder

    name = "gemma-3-270m-embedded"
    assert by_name(tmp_path)[name].status == "warn"
    folder = model_folder(name)
    folder.mkdir(parents=True)
    record = EmbeddedRecord(
        model=name, gguf_sha256="0", files={"model.safetensors": FileRecord(bytes=0, sha256="0")}
    )
    (folder / "embedded.json").write_text(record.model_dump_json())
    assert by_name(tmp_path)[name].status == "ok"


def test_the_token_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    checks = doctor_checks(tmp_path)
    assert "hf_secret" not in repr(checks)
    assert {check.name: check for check in checks}["Hub token"].message == "HF_TOKEN is set"


def test_little_memory_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = Device("cpu", "Small", 4 * GB, GB, 2)
    monkeypatch.setattr(doctor, "cpu_device", lambda: device)
    found = by_name(tmp_path)["CPU"]
    assert found.status == "warn"
    assert "1.0 of 4.0 GB" in found.message


def test_a_card_with_the_wrong_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpu = Device("cuda", "Card", 12 * GB, 11 * GB, 8, (8, 9), "580.1")
    monkeypatch.setattr(doctor, "cuda_device", lambda: gpu)
    monkeypatch.setattr(doctor, "torch_is_cpu_build", lambda: False)
    assert by_name(tmp_path)["GPU"] == Check(
        "GPU", "ok", "Card, 11.0 of 12.0 GB free, driver 580.1"
    )
    monkeypatch.setattr(doctor, "torch_is_cpu_build", lambda: True)
    assert by_name(tmp_path)["GPU"].status == "warn"


@pytest.mark.parametrize(
    ("found", "status", "message", "fix"),
    [
        (Missing(NOT_INSTALLED), "ok", "vLLM is not installed", "scripts/setup-vllm"),
        (Missing("in /x vllm is missing"), "warn", "in /x vllm is missing", "scripts/setup-vllm"),
        (Vllm({"vllm": "0.32.0"}, Path("/x/bin/python"), "cuda"), "ok", "0.32.0 in /x", ""),
        (Vllm({"vllm": "0.32.0"}, None, "cuda"), "ok", "0.32.0", ""),
        (Vllm({"vllm": "0.32.0+cpu"}, None, "cpu"), "warn", "CPU build", "scripts/setup-vllm"),
    ],
)
def test_vllm_on_a_card(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    found: Missing | Vllm,
    status: str,
    message: str,
    fix: str,
) -> None:
    gpu = Device("cuda", "Card", 12 * GB, 11 * GB, 8, (8, 9), "580.1")
    monkeypatch.setattr(doctor, "cuda_device", lambda: gpu)
    monkeypatch.setattr(doctor, "torch_is_cpu_build", lambda: False)
    monkeypatch.setattr(doctor, "probe_gpu", lambda: GpuProbe(bfloat16=True))
    monkeypatch.setattr(doctor, "find_vllm", lambda: found)
    check = by_name(tmp_path)["vLLM"]
    assert check.status == status
    assert message in check.message
    assert fix in check.fix
    assert bool(fix) == bool(check.fix)


def test_the_hub_is_asked_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    # A closed port of this machine: an answer is impossible, and at once.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    found = doctor_checks(tmp_path, online=True)[-1]
    assert (found.name, found.status) == ("Hub", "warn")
    assert "cannot be reached" in found.message
