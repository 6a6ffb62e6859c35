"""Where vLLM is looked for, and what is said where it cannot be used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ptb_lite.evaluation.vllm import place as vllm_place
from ptb_lite.evaluation.vllm.place import NOT_INSTALLED, PACKAGES, Missing, Vllm, find_vllm

VERSIONS: dict[str, str | None] = dict.fromkeys(PACKAGES, "1.0") | {"vllm": "0.32.0"}


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PTB_LITE_VLLM", raising=False)
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path / "cache"))
    vllm_place._probed.cache_clear()


def environment(folder: Path, packages: object, python: str = "3.12.3") -> Path:
    """A folder whose bin/python answers like one, whatever it is asked."""
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    answer = json.dumps({"python": python, "packages": packages})
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return folder


def test_none_is_the_usual_case() -> None:
    assert find_vllm() == Missing(NOT_INSTALLED)


def test_the_environment_of_setup_vllm_is_found(tmp_path: Path) -> None:
    place = environment(tmp_path / "cache" / "vllm", VERSIONS)
    found = find_vllm()
    assert found == Vllm(
        {**VERSIONS, "python": "3.12.3"},  # type: ignore[dict-item]
        place / "bin" / "python",
        "cuda",
    )
    assert isinstance(found, Vllm)
    assert found.version == "0.32.0"


def test_one_that_is_named_comes_first_and_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(tmp_path / "cache" / "vllm", VERSIONS)
    named = environment(tmp_path / "named", VERSIONS | {"vllm": "0.32.0+cpu"})
    monkeypatch.setenv("PTB_LITE_VLLM", str(named))
    found = find_vllm()
    assert isinstance(found, Vllm)
    assert (found.python, found.device) == (named / "bin" / "python", "cpu")
    monkeypatch.setenv("PTB_LITE_VLLM", str(tmp_path / "nowhere"))
    missing = find_vllm()
    assert isinstance(missing, Missing)
    assert "PTB_LITE_VLLM names" in missing.reason
    assert "no Python that works" in missing.reason


@pytest.mark.parametrize(
    ("packages", "python", "why"),
    [
        (VERSIONS | {"peft": None, "lm-eval": None}, "3.12.3", "lm-eval, peft are missing"),
        ({}, "3.12.3", "are missing"),
        (VERSIONS, "3.10.9", "Python is 3.10.9, needed is 3.11"),
        ("nonsense", "3.12.3", "no Python that works"),
    ],
)
def test_one_that_lacks_something_is_said(
    tmp_path: Path, packages: object, python: str, why: str
) -> None:
    environment(tmp_path / "cache" / "vllm", packages, python)
    found = find_vllm()
    assert isinstance(found, Missing)
    assert why in found.reason


def test_a_real_python_is_asked_for_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_VLLM", sys.prefix)
    found = find_vllm()
    # Our own environment has all that is needed but vLLM, or vLLM as well.
    assert isinstance(found, Vllm) or found.reason.endswith("vllm is missing")


def test_this_environment_needs_no_other_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "vllm-0.32.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = find_vllm()
    assert isinstance(found, Vllm)
    assert (found.python, found.version, found.device) == (None, "0.32.0", "cuda")
