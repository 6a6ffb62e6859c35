"""Which repositories an agent is shown, and that its own layer is all that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.evidence.sources import Sources
from ptb_lite.catalog.hub_cache import CachedRepository
from ptb_lite.catalog.loader import load_catalog
from ptb_lite.runner import hub_cache
from ptb_lite.runner.agent.hub import in_force
from ptb_lite.runner.hub_cache import HeldBack, choose, clear, fill, is_counterpart
from ptb_lite.spec.run_spec import RunSpec

CATALOG = load_catalog(Path("/nonexistent"))
QWEN = CATALOG.model("qwen3-0.6b-base")
GEMMA = CATALOG.model("gemma-3-270m-embedded")
HELD = HeldBack(frozenset({"Own/Bench-Data"}), Sources(["gsm8k", "humaneval"]), QWEN)


def repository(kind: str, name: str, files: int = 1, **more: object) -> CachedRepository:
    folder = Path("/cache/hub") / f"{kind}s--{name.replace('/', '--')}"
    names = tuple(f"snapshots/c0ffee/{number}" for number in range(files))
    return CachedRepository(kind, name, folder, names, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base", "name", "is_one"),
    [
        (QWEN, "Qwen/Qwen3-0.6B", True),
        (QWEN, "unsloth/qwen3-0.6b-bnb-4bit", True),
        (QWEN, "Qwen/Qwen3-0.6B-Base", False),
        (QWEN, "unsloth/Qwen3-0.6B-Base-bnb-4bit", False),
        (QWEN, "Qwen/Qwen3-1.7B", False),
        (GEMMA, "google/gemma-3-270m-it", True),
        (GEMMA, "bartowski/google_gemma-3-270m-it-GGUF", True),
        (GEMMA, "google/gemma-3-270m", False),
        (GEMMA.model_copy(update={"instruct": None}), "google/gemma-3-270m-it", True),
        (GEMMA.model_copy(update={"instruct": None}), "google/gemma-3-270m", False),
        (GEMMA.model_copy(update={"instruct": None}), "google/gemma-2-2b-it", False),
    ],
)
def test_instruct_versions_of_the_base_model(base: object, name: str, is_one: bool) -> None:
    assert is_counterpart(name, base) is is_one  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("dataset", "openai/gsm8k", "test items of gsm8k"),
        ("prepared", "OpenAI/GSM8K", "test items of gsm8k"),
        ("dataset", "gsm8k", "test items of gsm8k"),
        ("dataset", "evalplus/humanevalplus", "test items of humaneval"),
        ("dataset", "someone/humaneval-translated", "test items of humaneval"),
        ("model", "someone/gsm8k-test-answers", "test items of gsm8k"),
        ("dataset", "own/bench-data", "the test items of this run"),
        ("model", "Qwen/Qwen3-0.6B", "an instruct version of the base model"),
        ("dataset", "Idavidrein/gpqa", ""),
        ("model", "acme/embedder", ""),
    ],
)
def test_what_is_held_back_and_why(kind: str, name: str, reason: str) -> None:
    found = HELD.reason(repository(kind, name))
    assert (reason in found) if reason else found == ""


def test_no_more_is_shown_than_a_start_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_cache, "MAX_MOUNTS", 5)
    monkeypatch.setattr(hub_cache, "MAX_LINKS", 100)
    many = [repository("model", f"acme/m{n}", store=("blobs/aa/b",)) for n in range(4)]
    chosen = choose([*many[:2], repository("model", "Qwen/Qwen3-0.6B", 1000), *many[2:]], HELD)
    assert [one.name for one in chosen.shown] == ["acme/m0", "acme/m1"]
    assert [one.name for one, _ in chosen.held_back] == ["Qwen/Qwen3-0.6B", "acme/m2", "acme/m3"]
    large = [repository("model", "acme/large", 99), repository("model", "acme/two", 2)]
    assert [one.name for one in choose(large, HELD).shown] == ["acme/large"]


def filled(workspace: Path) -> tuple[Path, str]:
    """A workspace whose agent was shown one model; the model's folder there, and its place."""
    one = repository("model", "acme/small", 3, refs=(("main", "c0ffee"), ("refs/pr/1", "dead")))
    fill(workspace / ".hub", [one], lambda each: Path("/shown") / each.folder.name)
    return workspace / ".hub/hub/models--acme--small", "/shown/models--acme--small"


def test_what_was_given_is_taken_back_whole(tmp_path: Path) -> None:
    folder, place = filled(tmp_path)
    assert (folder / "snapshots/c0ffee/1").readlink() == Path(place, "snapshots/c0ffee/1")
    assert (folder / "refs/refs/pr/1").read_text() == "dead"
    clear(tmp_path, ".hub/hub/models--acme--small", place)
    assert list(tmp_path.iterdir()) == []
    clear(tmp_path, ".hub/hub/models--acme--small", place)  # a second time


def test_what_the_agent_made_stays_and_its_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").symlink_to("/shown/models--acme--small/x")
    workspace = tmp_path / "workspace"
    folder, place = filled(workspace)
    (folder / "blobs").mkdir()
    (folder / "blobs" / "new").write_text("own")
    (folder / "snapshots/c0ffee/out").symlink_to(outside)
    (folder / "snapshots/c0ffee/near").symlink_to(f"{place}-and-more/x")
    (folder / "blobs" / "deep" / "/".join("x" * 40)).mkdir(parents=True)
    clear(workspace, ".hub/hub/models--acme--small", place)
    left = {
        str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()
    }
    assert left == {"blobs/new", "refs/main", "refs/refs/pr/1", "snapshots/c0ffee/out",
                    "snapshots/c0ffee/near"}  # fmt: skip
    assert (outside / "kept").is_symlink()


@pytest.mark.parametrize("part", [".hub", ".hub/hub", ".hub/hub/models--acme--small", "x"])
def test_a_link_in_the_place_of_a_folder_is_left_alone(tmp_path: Path, part: str) -> None:
    real = tmp_path / "real"
    folder, place = filled(real)
    workspace = tmp_path / "workspace"
    (workspace / part).parent.mkdir(parents=True)
    (workspace / part).symlink_to(real / part)
    clear(workspace, ".hub/hub/models--acme--small", place)
    assert (folder / "snapshots/c0ffee/1").is_symlink()


@pytest.mark.parametrize(
    ("agent", "network", "choice", "expected"),
    [
        ("own", "off", "auto", "shared"),
        ("own", "model-only", "auto", "private"),
        ("own", "full", "auto", "private"),
        ("recipe", "off", "auto", "private"),
        ("prompt-only", "off", "auto", "private"),
        ("claude-code", "model-only", "auto", "private"),
        ("local", "model-only", "auto", "private"),
        ("local", "model-only", "shared", "shared"),
        ("recipe", "off", "shared", "shared"),
        ("own", "off", "private", "private"),
    ],
)
def test_what_is_in_force(
    tmp_path: Path, agent: str, network: str, choice: str, expected: str
) -> None:
    (tmp_path / "agents.yaml").write_text(
        "own:\n  title: Own\n  backend: command\n  command: [x]\n  needs_account: false\n"
        "  needs_network: false\n"
    )
    values = {"agent": agent, "network": network, "hub_cache": choice}
    spec = RunSpec(benchmarks=("add-numbers",), budget_minutes=1, item_salt="x", **values)  # type: ignore[arg-type]
    assert in_force(spec, load_catalog(tmp_path)) == expected
