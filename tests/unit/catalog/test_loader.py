from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import CatalogError, suggestion
from ptb_lite.installation import config_root


def test_an_overlay_adds_and_overrides(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(
        "qwen3-0.6b-base:\n  hub_id: me/mine\n"
        "tiny:\n  title: Tiny\n  source: hub\n  hub_id: me/tiny\n  parameters: 10\n"
        "  vocabulary: 5\n  layers: 1\n  hidden: 2\n  intermediate: 4\n  heads: 1\n"
        "  kv_heads: 1\n  head_dim: 2\n  context: 8\n  licence: MIT\n  chat_family: qwen3\n"
    )
    (tmp_path / "agents.yaml").write_text(
        "mine:\n  title: My script\n  backend: command\n  command: [sh, train.sh]\n"
        "  needs_account: false\n  needs_network: false\n"
    )
    catalog = load_catalog(tmp_path)
    assert catalog.model("qwen3-0.6b-base").hub_id == "me/mine"
    assert catalog.model("qwen3-0.6b-base").layers == 28
    assert catalog.model("tiny").parameters == 10
    assert catalog.agent("mine").command == ("sh", "train.sh")
    assert catalog.agent("recipe").title


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("qwen3-0.6b-base:\n  layers: many\n", 2, "layers: input should be a valid integer"),
        ("qwen3-0.6b-base:\n  hub_id: x/y\n  layrs: 3\n", 3, "layrs: there is no such field"),
        ("qwen3-0.6b-base:\n  layers: 0\n", 2, "greater than 0"),
        ("new:\n  title: New\n", 1, "this field is missing"),
        ("new: 3\n", 1, "needs its fields below it"),
        ("../../up:\n  title: New\n", 1, "id: string should match"),
        ("qwen3-0.6b-base:\n  hub_id:\n", 1, "needs a hub_id"),
    ],
)
def test_a_malformed_entry_names_its_line(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path)
    assert problem in str(caught.value)
    assert caught.value.field == f"{tmp_path}/models.yaml, line {line}"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("qwen3-0.6-base", "qwen3-0.6b-base"), ("GEMMA-3-270M-EMBEDED", "gemma-3-270m-embedded")],
)
def test_the_nearest_id_is_suggested(tmp_path: Path, wrong: str, right: str) -> None:
    with pytest.raises(CatalogError, match=f"Did you mean '{right}'"):
        load_catalog(tmp_path).model(wrong)


def test_where_nothing_is_near_all_are_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="Known: recipe"):
        load_catalog(tmp_path).agent("zzzz")
    assert suggestion("x", []) == "There is none yet"


def test_config_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path))
    assert config_root() == tmp_path
    monkeypatch.delenv("PTB_LITE_CONFIG")
    monkeypatch.setenv("HOME", "/home/someone")
    assert config_root() == Path("/home/someone/.config/ptb-lite")
