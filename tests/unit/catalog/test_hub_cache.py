"""What a person's Hub cache holds, read without a network and without believing its links."""

from __future__ import annotations

import os
from pathlib import Path

import huggingface_hub.constants
import pytest

from ptb_lite.catalog import hub_cache
from ptb_lite.catalog.hub_cache import CachedRepository, cached_repositories

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "huggingface"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(home))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    return home


def put(home: Path, folder: str, names: list[str]) -> Path:
    root = home / "hub" / folder
    for name in names:
        blob, link = root / "blobs" / name.replace("/", "-"), root / "snapshots" / COMMIT / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob.write_text(name)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    return root


def named() -> dict[tuple[str, str], CachedRepository]:
    return {(one.kind, one.name): one for one in cached_repositories()}


def test_no_cache_and_a_file_in_its_place(home: Path) -> None:
    assert cached_repositories() == ()
    home.mkdir()
    (home / "hub").write_text("a file")
    assert cached_repositories() == ()


def test_models_data_sets_and_prepared_tables(home: Path) -> None:
    model = put(home, "models--acme--small", ["config.json", "sub/model.safetensors"])
    put(home, "datasets--rows", ["a.jsonl"])
    put(home, "spaces--acme--app", ["app.py"])
    tables = home / "datasets" / "acme___rows" / "default" / "0.0.0"
    tables.mkdir(parents=True)
    (tables / "rows-train.arrow").write_text("x")
    (tables / "y.lock").touch()
    (home / "datasets" / "json").mkdir()
    (home / "datasets" / "json" / "private.arrow").write_text("x")
    found = named()
    assert set(found) == {("model", "acme/small"), ("dataset", "rows"), ("prepared", "acme/rows")}
    small = found["model", "acme/small"]
    assert (small.folder, small.refs, small.problem) == (model, (("main", COMMIT),), "")
    assert small.files == (
        "blobs/config.json",
        "blobs/sub-model.safetensors",
        f"snapshots/{COMMIT}/config.json",
        f"snapshots/{COMMIT}/sub/model.safetensors",
    )
    assert found["prepared", "acme/rows"].files == ("default/0.0.0/rows-train.arrow",)


def test_files_that_lead_out_of_a_repository_stay_out(home: Path, tmp_path: Path) -> None:
    root = put(home, "models--acme--small", ["config.json"])
    (tmp_path / "secret").write_text("own")
    snapshot = root / "snapshots" / COMMIT
    (snapshot / "straight").symlink_to(tmp_path / "secret")
    (root / "blobs" / "round").symlink_to(tmp_path / "secret")
    (snapshot / "by-a-blob").symlink_to("../../blobs/round")
    put(home, "models--acme--private", ["x"])
    (snapshot / "neighbour").symlink_to("../../../models--acme--private/blobs/x")
    files = named()["model", "acme/small"].files
    assert files == ("blobs/config.json", f"snapshots/{COMMIT}/config.json")


def test_what_is_incomplete_or_too_large_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = put(home, "models--acme--broken", ["config.json"])
    (broken / "blobs" / "config.json").unlink()
    put(home, "models--acme--many", [f"{n}.txt" for n in range(20)])
    put(home, "models--acme--deep", ["/".join("abcdefghijklmn")])
    put(home, "models--acme--good", ["config.json"])
    monkeypatch.setattr(hub_cache, "MAX_FILES", 30)
    problems = {one.name: one.problem for one in cached_repositories()}
    assert problems == {
        "acme/broken": "it is incomplete",
        "acme/many": "it has more than 30 files",
        "acme/deep": "its folders are nested too deep",
        "acme/good": "",
    }


def test_those_used_last_come_first(home: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        blob = put(home, f"models--acme--{name}", ["x"]) / "blobs" / "x"
        os.utime(blob, (1e9 - age * 1000, 1e9 - age * 1000))
    assert [one.name for one in cached_repositories()] == ["acme/new", "acme/middle", "acme/old"]
