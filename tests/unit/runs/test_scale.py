"""What real runs would take, from a small one: figures by hand, and the command on a real run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.cli import main
from ptb_lite.errors import SpecError
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.figures.scale import Real, Small, Task, scale, scale_lines
from ptb_lite.stats.groups import permutation_test

QWEN = load_catalog().model("qwen3-4b-base")
SMALL = Small(
    parameters=QWEN.parameters // 10,
    agent_seconds=600.0,
    other_seconds=36.0,
    run_bytes=10**9,
    tasks=(Task("gsm8k", 1280, 500, 0.5),),
    input_tokens=1e6,
    output_tokens=1e5,
    cost=2.0,
)


def test_the_figures_by_hand() -> None:
    found = scale(SMALL, Real(QWEN, "h100", hours=10, seeds=3, price=2.5))
    # Ten batches of 128, each 500 steps of 0.001 s a layer.
    a_pass = 10 * 500 * 0.001 * QWEN.layers
    assert found.tasks[0].seconds == pytest.approx(a_pass)
    assert found.hours == pytest.approx(10 + (3 * a_pass + 36) / 3600)
    assert found.gpu_hours == pytest.approx(30 + (2 * a_pass + 3 * (a_pass + 36)) / 3600)
    assert found.money == pytest.approx(found.gpu_hours * 2.5)
    # Ten hours are sixty times the ten minutes here, three times over.
    assert (found.input_tokens, found.agent_cost) == (pytest.approx(180e6), pytest.approx(360.0))
    assert found.disk_bytes == pytest.approx(2 * QWEN.parameters + 3 * 10e9, rel=1e-6)
    assert found.tasks[0].smallest_gain == pytest.approx(0.055, abs=0.002)
    text = "\n".join(scale_lines(found))
    assert "p is 0.10: no difference can be shown; 4 seeds can" in text
    assert "the agent uses the whole 10 h" in text


@given(seeds=st.integers(1, 6))
def test_the_smallest_p_is_that_of_the_test_itself(seeds: int) -> None:
    found = scale(SMALL, Real(QWEN, "h100", hours=1, seeds=seeds))
    tested = permutation_test([1.0 + k / 10 for k in range(seeds)], [k / 10 for k in range(seeds)])
    assert tested is None or found.smallest_p == pytest.approx(tested)


def test_more_never_costs_less_and_unknown_is_none() -> None:
    nothing = Small(SMALL.parameters, 0.0, 1.0, 1, (Task("a", 0, 10, None),))
    found = scale(nothing, Real(QWEN, "h100", hours=1, seeds=1))
    assert (found.money, found.input_tokens, found.agent_cost) == (None, None, None)
    assert found.tasks[0].smallest_gain is None
    assert "it told no tokens here" in "\n".join(scale_lines(found))
    twice = scale(SMALL, Real(QWEN, "h100", hours=1, seeds=2))
    once = scale(SMALL, Real(QWEN, "h100", hours=1, seeds=1))
    assert once.gpu_hours < twice.gpu_hours < 2 * once.gpu_hours


@pytest.mark.parametrize(("gpu", "said"), [("tpu", "not known"), ("l4", "")])
def test_a_gpu_that_is_unknown_or_too_small_is_refused(gpu: str, said: str) -> None:
    large = QWEN.model_copy(update={"parameters": 14 * 10**9}) if gpu == "l4" else QWEN
    with pytest.raises(SpecError, match=said or "takes 28 GB in bfloat16, a l4 has 24 GB"):
        scale(SMALL, Real(large, gpu, hours=1, seeds=1))


def test_the_command_reads_a_run_and_a_persons_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(recorded_demo().path, tmp_path / "runs" / "20260101-000000-abcd")
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))
    prices = tmp_path / "config" / "prices.yaml"
    prices.write_text("gpu:\n  h100: 2\n")
    order = ["scale", "last", "--runs-dir", str(tmp_path / "runs"), "--model", "qwen3-4b-base"]
    with pytest.raises(SystemExit) as ended:
        main([*order, "--json"])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["money"] == pytest.approx(2 * found["gpu_hours"])
    assert found["gpu_hours"] > 30
    prices.write_text("gpu:\n  h100: much\n")
    with pytest.raises(SystemExit) as ended:
        main(order)
    assert ended.value.code == 2
    assert "line 2" in capsys.readouterr().err
