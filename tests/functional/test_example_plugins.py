"""The example packages of docs/extending.md, installed as anybody's and used by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ptb_lite.events import AgentSpoke, AgentStarted
from ptb_lite.runs.folder import list_runs
from ptb_lite.runs.journal import read_journal
from tests.functional.runner.conftest import Bench, bench, tiny_model
from tests.functional.runner.waiting import slowdown

__all__ = ["bench", "tiny_model"]

EXAMPLES = Path(__file__).parents[1] / "plugins"
WHOLE = ("benchmark", "agent", "detector", "sandbox", "launcher")
RUN = ("--model", "tiny", "--benchmark", "add-numbers", "--minutes", "1")
SMALL = ("--limit", "4", "--seed", "7", "--device", "cpu")
EXPERIMENT = """
title: One run by another launcher
choices: {model: tiny, benchmark: add-numbers, limit: 4, dev_limit: 4, minutes: 0.5, device: cpu}
arms:
  one: {agent: do-nothing, sandbox: nice, network: full}
seeds: [7]
"""


@dataclass(frozen=True)
class Site:
    """A folder with installed packages, put on the path of every process that is started."""

    folder: Path

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ptb_lite", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=240 * slowdown(),
            check=False,
        )

    def table(self, *arguments: object) -> list[dict[str, str]]:
        done = self.call(*arguments, "--json")
        found = json.loads(done.stdout)
        assert isinstance(found, list)
        return found


def _installed(folder: Path, names: tuple[str, ...]) -> Site:
    """Built and installed by pip: the entry points are those that a person's pip would write."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--target", str(folder)]
    subprocess.run(
        [*command, *(str(EXAMPLES / name) for name in names)], check=True, timeout=240 * slowdown()
    )
    return Site(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return _installed(tmp_path_factory.mktemp("site"), WHOLE)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return _installed(tmp_path_factory.mktemp("broken"), ("broken",))


def test_every_example_is_listed_with_its_package(site: Site) -> None:
    found = [one for one in site.table("list", "plugins") if one["package"] != "ptb-lite"]
    assert {(one["kind"], one["id"], one["package"], one["problem"]) for one in found} == {
        ("benchmarks", "spell-backwards", "example-benchmark", ""),
        ("agents", "do-nothing", "example-agent", ""),
        ("detectors", "declared-source", "example-detector", ""),
        ("sandboxes", "nice", "example-sandbox", ""),
        ("launchers", "background", "example-launcher", ""),
    }
    assert "do-nothing" in {one["id"] for one in site.table("list", "agents")}
    assert "spell-backwards" in {one["id"] for one in site.table("list", "benchmarks")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The benchmark's data: 40 words to score and 32 others."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "spell-backwards").mkdir()
    letters = "abcdefghij"
    words = [f"{one}{two}lo" for one in letters for two in letters]
    for name, part in (("test", words[:40]), ("train", words[40:72])):
        lines = [json.dumps({"word": word}) for word in part]
        (folder / "spell-backwards" / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def test_the_benchmark_grades_by_its_own_scorer(site: Site, data: Path, tmp_path: Path) -> None:
    completions = tmp_path / "completions.jsonl"
    said = [" olaa", " It is O-L-B-A.", " acol", " 12"]
    lines = [json.dumps({"id": str(n), "completion": text}) for n, text in enumerate(said)]
    completions.write_text("\n".join(lines))
    done = site.call(
        *("score", completions, "--benchmark", "spell-backwards", "--data-dir", data, "--json")
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["score"], one["extracted"]) for one in found] == [
        *((1.0, "olaa"), (1.0, "olba"), (0.0, "acol"), (0.0, None)),
    ], done.stderr


def test_a_run_of_the_agent_on_the_benchmark_with_the_detector(
    site: Site, bench: Bench, data: Path
) -> None:
    choices = ["--model", "tiny", "--benchmark", "spell-backwards", "--data-dir", data]
    done = site.call(
        *("run", "--agent", "do-nothing", *choices, "--minutes", "1", *SMALL),
        *("--runs-dir", bench.runs_dir),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    (run,) = list_runs(bench.runs_dir)
    events = [event.payload for event in read_journal(run.journal).events]
    (started,) = [event for event in events if isinstance(event, AgentStarted)]
    assert (started.backend, started.sandbox) == ("do-nothing", "bubblewrap")
    said = [event.event.kind.value for event in events if isinstance(event, AgentSpoke)]
    assert {"message", "tool_call"} <= set(said)
    results = {one["detector"]: one for one in json.loads(run.audit.read_text())["results"]}
    assert results["declared-source"]["package"] == "example-detector"
    assert results["declared-source"]["status"] == "clean"
    scores = run.read_scores()
    assert scores is not None
    (scored,) = scores.benchmarks
    assert scored.benchmark == "spell-backwards"
    assert scored.raw is not None
    assert scored.raw.n == 4


@pytest.mark.slow  # a launcher that breaks is in the fast ones
def test_the_launcher_carries_out_an_experiment_in_the_sandbox(
    site: Site, bench: Bench, tmp_path: Path
) -> None:
    plan = tmp_path / "one.yaml"
    plan.write_text(EXPERIMENT)
    done = site.call("experiment", plan, "--on", "background", "--runs-dir", bench.runs_dir)
    assert done.returncode == 0, done.stderr + done.stdout
    (run,) = list_runs(bench.runs_dir)
    assert (run.read_status().launcher, run.read_status().state) == ("background", "ended")
    events = [event.payload for event in read_journal(run.journal).events]
    assert [one.sandbox for one in events if isinstance(one, AgentStarted)] == ["nice"]
    (bench.config / "launchers.yaml").write_text("slow: {launcher: background, nicenes: 19}\n")
    refused = site.call("experiment", plan, "--on", "slow", "--runs-dir", bench.runs_dir)
    assert (refused.returncode, "slow: takes `niceness`" in refused.stderr) == (2, True)


def test_the_audit_says_what_an_outside_detector_found(site: Site, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"q": 1}\n{"q": 2, "source": "openai/gsm8k"}\n')
    done = site.call("audit", tmp_path, "--json")
    assert done.returncode == 3, done.stderr
    record = json.loads(done.stdout)
    (found,) = [one for one in record["results"] if one["detector"] == "declared-source"]
    (flag,) = found["flags"]
    assert (found["package"], flag["file"], flag["line"]) == ("example-detector", "train.jsonl", 2)
    assert "forbidden-source-declared" in record["rules"]


def test_the_detector_says_what_it_could_not_read(site: Site, tmp_path: Path) -> None:
    (tmp_path / "deep.jsonl").write_text("[" * 200_000 + "\n{}\nno json\n")
    record = json.loads(site.call("audit", tmp_path, "--json").stdout)
    (found,) = [one for one in record["results"] if one["detector"] == "declared-source"]
    assert found["status"] == "clean"


def test_broken_plugins_are_named_and_left_out(broken: Site, tmp_path: Path) -> None:
    listed = broken.table("list", "plugins")
    faults = {one["id"]: one["problem"] for one in listed if one["package"] == "example-broken"}
    assert {name for name, problem in faults.items() if problem} == {
        *(
            "no-benchmark",
            "not-an-agent",
            "wrong-entry",
            "ends-python",
            "box-missing",
            "detector-gone",
        ),
    }
    checks = broken.table("doctor")
    for name, problem in faults.items():
        said = [
            one for one in checks if f"'{name}' of the package example-broken" in one["message"]
        ]
        assert [one["status"] for one in said] == ["warn"] * len(said)
        assert said or not problem, name
    audit = json.loads(broken.call("audit", tmp_path, "--json").stdout)
    (left,) = [one for one in audit["results"] if one["detector"] == "detector-gone"]
    assert (left["status"], left["package"]) == ("skipped", "example-broken")


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (("--agent", "wrong-entry"), "agent: 'wrong-entry' of the package example-broken"),
        (("--agent", "recipe", "--benchmark", "no-benchmark"), "is not a BenchmarkEntry"),
        (("--agent", "ends-python"), "SystemExit: goodbye"),
        (("--agent", "raises-later"), "no plan today"),
        (("--agent", "recipe", "--sandbox", "box-missing"), "has no attribute 'MISSING'"),
        (("--agent", "recipe", "--sandbox", "box-raises"), "the box is shut"),
    ],
)
def test_a_broken_plugin_that_is_asked_for(
    broken: Site, bench: Bench, choices: tuple[str, ...], says: str
) -> None:
    done = broken.call("run", *choices, *RUN, *SMALL, "--runs-dir", bench.runs_dir)
    assert done.returncode == 2
    assert says in done.stderr
    assert "example-broken" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert not list_runs(bench.runs_dir)


def test_a_broken_launcher_that_is_asked_for(broken: Site, bench: Bench, tmp_path: Path) -> None:
    plan = tmp_path / "one.yaml"
    plan.write_text(EXPERIMENT.replace("do-nothing", "recipe").replace("nice", "none"))
    done = broken.call("experiment", plan, "--on", "launcher-raises", "--runs-dir", bench.runs_dir)
    assert (done.returncode, "makes nothing" in done.stderr) == (2, True), done.stderr
    assert "example-broken" in done.stderr
