"""What a start asks of networks, and the training steps it predicts."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.doctor import preflight
from ptb_lite.doctor.preflight import find_problems, find_warnings
from ptb_lite.doctor.reach import ask_all, ask_endpoint
from ptb_lite.doctor.speed import training_steps
from ptb_lite.errors import PtbLiteError, SeveralProblemsError, SpecError
from ptb_lite.hardware import Device
from ptb_lite.spec.run_spec import RunSpec, resolve_spec
from ptb_lite.tui.models.setup.problems import as_problem

CATALOG = load_catalog(Path("/nonexistent"))


def spec_of(**choices: object) -> RunSpec:
    return resolve_spec(preset=None, overrides={"minutes": 6.0, **choices}, catalog=CATALOG)


def test_every_problem_is_found_at_once_with_the_field_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from ptb_lite.evaluation.judge.choice import judge_choice

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = spec_of(
        model="qwen3-0.6b-base",
        agent="codex",
        network="full",
        sandbox="none",
        benchmarks=("gsm8k", "healthbench"),
        judge=judge_choice("x@http://127.0.0.1:9/v1"),
    )
    found = find_problems(spec, CATALOG, tmp_path / "runs")
    fields = [as_problem(error).field for error in found]
    assert fields == ["agent", "model", "data_dir", "data_dir", "judge"]
    assert all("--" not in as_problem(error).text for error in found)
    with pytest.raises(SeveralProblemsError) as caught:
        preflight.preflight(spec, CATALOG, tmp_path / "runs")
    assert [each.field for each in caught.value.each()] == [error.field for error in found]
    assert len(str(caught.value).splitlines()) == 5


def test_rows_in_a_folder_are_asked_of_no_network(tmp_path: Path) -> None:
    from ptb_lite.doctor.reach import probes

    spec = spec_of(benchmarks=("gsm8k",), data_dir=tmp_path)
    assert list(probes(spec, CATALOG)) == []


def test_a_silent_network_is_waited_for_a_bounded_time() -> None:
    began = time.monotonic()
    silent = threading.Event()
    found = ask_all([("model", lambda: None), ("judge", lambda: silent.wait() and None)], 0.2)
    silent.set()
    assert [error.field for error in found] == ["judge"]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("status", "said"), [(200, ""), (404, ""), (401, "refuses the key")])
def test_a_judge_that_answers(status: int, said: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1"
        if said:
            with pytest.raises(SpecError, match=said) as caught:
                ask_endpoint("judge", address, "PTB_LITE_JUDGE_KEY")
            assert "PTB_LITE_JUDGE_KEY" in caught.value.hint
        else:
            ask_endpoint("judge", address, "PTB_LITE_JUDGE_KEY")


def test_a_box_too_short_for_the_model_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device("cpu", "two cores", 10**11, 10**11, 2)
    monkeypatch.setattr(preflight, "detect_device", lambda _: device)
    monkeypatch.setattr("ptb_lite.doctor.speed.machine_rate", lambda _: 1.3e11)
    large = spec_of(model="qwen3-4b-base", benchmarks=("gsm8k",))
    (slow,) = find_warnings(large, CATALOG)
    assert "about 0 of 41 training steps" in slow.message
    assert slow.field == "model"
    assert find_warnings(spec_of(benchmarks=("add-numbers",)), CATALOG) == ()
    assert find_warnings(large.model_copy(update={"agent": "prompt-only"}), CATALOG) == ()
    (judge,) = find_warnings(spec_of(benchmarks=("healthbench",), minutes=600.0), CATALOG)
    assert judge.field == "judge"


def test_the_recorded_demo_is_predicted_within_a_factor_of_three() -> None:
    """183 steps were planned and made in four minutes, on two cores of about this rate."""
    steps = training_steps(
        CATALOG.model("gemma-3-270m-embedded"),
        [CATALOG.benchmark("add-numbers")],
        plans=True,
        budget_seconds=240.0,
        kind="cpu",
        rate=1.37e11,
    )
    assert 183 / 3 < steps.fit < 183 * 3
    assert not steps.few


@pytest.mark.parametrize(
    ("field", "mends", "label"),
    [
        ("dev_limit", "dev_limit", "Dev items"),
        ("budget", "budget_minutes", "Time box"),
        ("time box", "budget_minutes", "Time box"),
        ("benchmark gsm8k", "benchmarks", "Benchmarks gsm8k"),
        ("judge_endpoint", "judge", "Judge"),
        ("engine", "evaluation_engine", "Engine"),
        ("runs-dir", "", "runs-dir"),
    ],
)
def test_errors_name_the_fields_of_setup(field: str, mends: str, label: str) -> None:
    error = PtbLiteError("is wrong", field=field, hint="Give --minutes or `--dev-limit`")
    problem = as_problem(error)
    assert problem.field == mends
    assert problem.text == f"{label}: is wrong. Give Time box or Dev items"
