"""The evaluation process as its caller sees it: results, faults, stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ptb_lite import __version__
from ptb_lite.evaluation.engine.lm.job import evaluate
from ptb_lite.evaluation.engine.messages import Message, ModelLoaded, Progressed, TaskFinished
from ptb_lite.evaluation.engine.process import run_evaluation, worker_command
from ptb_lite.evaluation.errors import (
    EngineFailed,
    EvaluationError,
    EvaluationStopped,
    InvalidSubmissionError,
    ItemsError,
)
from ptb_lite.evaluation.items.splits import ItemFiles
from ptb_lite.evaluation.job import Engine, EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import EvaluationResult, read_result, read_samples
from tests.functional.evaluation.started import Started
from tests.functional.runner.waiting import wait_until

WAIT_SECONDS = 60.0


def make_job(
    model: Path, items: ItemFiles, output: Path, adapter: Path | None = None, limit: int | None = 10
) -> EvaluationJob:
    tasks = tuple(
        EvaluationTask(
            label=label,
            benchmark=items.benchmark,
            items=items.test.path,
            shots=items.train.path,
            num_fewshot=shots,
            limit=limit,
        )
        for label, shots in (("zero_shot", 0), ("few_shot", 2))
    )
    return EvaluationJob(
        model=model, adapter=adapter, tasks=tasks, output=output, device="cpu", batch_size=4
    )


def make_adapter(model: Path, folder: Path) -> Path:
    base = AutoModelForCausalLM.from_pretrained(model)
    get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "v_proj"])).save_pretrained(
        folder
    )
    return folder


def evaluate_here(job: EvaluationJob) -> tuple[EvaluationResult, ...]:
    """What the worker does, without the seconds that a process takes to import torch."""
    return evaluate(job, lambda _: None)


def test_every_task_gets_a_result_and_samples(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    heard: list[Message] = []
    results = run_evaluation(make_job(tiny_model, items, tmp_path), on_progress=heard.append)
    assert [result.label for result in results] == ["zero_shot", "few_shot"]
    assert isinstance(heard[0], ModelLoaded)
    told = [m for m in heard if isinstance(m, Progressed)]
    for label in ("zero_shot", "few_shot"):
        # In batches of 4, and within one as rows stop.
        counts = [m.done for m in told if m.label == label]
        assert counts == sorted(counts)
        assert {0, 4, 8, 10} <= set(counts) <= set(range(11))
    # The score so far ends as the result's.
    assert told[0].score is None
    assert (told[-1].score, told[-1].graded) == (results[-1].score, 10)
    # A score never passes for that of items that are not graded yet.
    assert all(m.graded <= m.done and (m.score is None) is (m.graded == 0) for m in told)
    assert [m.result for m in heard if isinstance(m, TaskFinished)] == list(results)
    wanted = [line.split('"id":"')[1][:21] for line in items.test.path.read_text().split("\n")[:10]]
    for result in results:
        assert read_result(tmp_path / f"{result.label}.{result.benchmark}.json") == result
        samples = read_samples(tmp_path / result.samples)
        assert [sample.item_id for sample in samples] == wanted
        assert result.correct == sum(sample.correct for sample in samples)
        assert result.items_sha256 == items.test.sha256
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".jsonl", ".log", ".yaml"}


def test_the_worker_runs_with_the_python_of_another_environment(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "of this environment"))
    job = make_job(tiny_model, items, tmp_path / "here", limit=5)
    engine = Engine(python=Path(sys.executable))
    elsewhere = job.model_copy(update={"engine": engine, "output": tmp_path / "there"})
    assert worker_command(elsewhere)[:2] == [sys.executable, "-I"]
    here, there = run_evaluation(job), run_evaluation(elsewhere)
    for one, other in zip(here, there, strict=True):
        assert other.packages == one.packages
        assert other.packages["ptb-lite"] == __version__
        assert read_samples(elsewhere.output / other.samples) == read_samples(
            job.output / one.samples
        )


def test_an_environment_that_is_gone_is_said(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    job = make_job(tiny_model, items, tmp_path / "out")
    gone = job.model_copy(update={"engine": Engine(name="vllm", python=tmp_path / "python")})
    with pytest.raises(EngineFailed, match="cannot be started"):
        run_evaluation(gone)


def test_a_missing_model_is_said_in_a_sentence(items: ItemFiles, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be loaded") as caught:
        run_evaluation(make_job(tmp_path / "nothing", items, tmp_path / "out"))
    assert str(tmp_path / "nothing") in str(caught.value)
    assert "worker.log" in caught.value.hint


def test_a_pickled_model_is_not_loaded(tiny_model: Path, items: ItemFiles, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    for file in tiny_model.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(tiny_model / "model.safetensors"), folder / "pytorch_model.bin")
    with pytest.raises(EvaluationError, match="cannot be loaded"):
        evaluate_here(make_job(folder, items, tmp_path / "out"))


def test_a_damaged_items_file_is_named_with_its_line(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(items.test.path.read_text().split("\n")[0] + "\n{not json\n")
    job = make_job(tiny_model, items, tmp_path / "out")
    task = job.tasks[0].model_copy(update={"items": broken})
    with pytest.raises(ItemsError, match="line 2 is not an item"):
        evaluate_here(job.model_copy(update={"tasks": (task,)}))


def test_more_items_than_there_are_is_refused(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match="41 items are asked for"):
        evaluate_here(make_job(tiny_model, items, tmp_path, limit=41))


@pytest.mark.parametrize("damage", ["nan", "overflow", "shape", "names", "config", "missing"])
def test_a_submission_that_cannot_be_scored_says_why(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, damage: str
) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    weights = load_file(file)
    name = next(key for key in weights if "lora_B" in key)
    match damage:
        case "nan":
            weights[name][0, 0] = float("nan")
            reason = "holds an infinity or NaN"
        case "overflow":
            weights = {key: torch.full_like(value, 1e30) for key, value in weights.items()}
            reason = "not finite"
        case "shape":
            weights[name] = torch.zeros(3, 3)
            reason = "has rank 3, the configuration says 2"
        case "names":
            weights = {key.replace("layers.0", "layers.9"): v for key, v in weights.items()}
            reason = "does not fit the base model"
        case "config":
            (adapter / "adapter_config.json").write_text('{"peft_type": "IA3"}')
            reason = "peft_type"
        case _:
            file.unlink()
            reason = "has no adapter_model.safetensors"
    if damage != "missing":
        save_file(weights, file)
    with pytest.raises(InvalidSubmissionError, match=reason):
        run_evaluation(make_job(tiny_model, items, tmp_path / "out", adapter))


def test_an_adapter_changes_what_the_base_says(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    untouched = evaluate_here(make_job(tiny_model, items, tmp_path / "zero", adapter))
    plain = evaluate_here(make_job(tiny_model, items, tmp_path / "base"))
    torch.manual_seed(1)
    save_file({k: torch.randn_like(v) for k, v in load_file(file).items()}, file)
    changed = evaluate_here(make_job(tiny_model, items, tmp_path / "random", adapter))

    def said(folder: str, name: str) -> list[str]:
        return [sample.completion for sample in read_samples(tmp_path / folder / name)]

    assert said("zero", untouched[0].samples) == said("base", plain[0].samples)
    assert said("random", changed[0].samples) != said("base", plain[0].samples)


def test_stopping_ends_the_whole_group(tiny_model: Path, items: ItemFiles, tmp_path: Path) -> None:
    workers = Started()

    with pytest.raises(EvaluationStopped):
        run_evaluation(
            make_job(tiny_model, items, tmp_path),
            on_progress=lambda _: workers.look(),
            should_stop=lambda: bool(workers.seen),
        )
    assert workers.seen
    assert not workers.running()


def test_an_error_in_the_caller_ends_the_group_too(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    workers = Started()

    def on_progress(_: Message) -> None:
        workers.look()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_evaluation(make_job(tiny_model, items, tmp_path), on_progress=on_progress)
    assert workers.seen
    assert not workers.running()


def test_a_killed_caller_takes_the_worker_with_it(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    job = make_job(tiny_model, items, tmp_path / "out")
    (tmp_path / "asked.json").write_text(job.model_dump_json())
    code = (
        "import sys; from pathlib import Path;"
        "from ptb_lite.evaluation.job import EvaluationJob;"
        "from ptb_lite.evaluation.engine.process import run_evaluation;"
        "run_evaluation(EvaluationJob.model_validate_json(Path(sys.argv[1]).read_bytes()))"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "asked.json")])
    try:
        wait_until(lambda: bool(psutil.Process(caller.pid).children()), WAIT_SECONDS)
        (worker,) = psutil.Process(caller.pid).children()
        # The watching thread starts before anything heavy; the log shows that main() runs.
        wait_until(
            lambda: "ptb_lite.evaluation.engine.worker" in " ".join(worker.cmdline()), WAIT_SECONDS
        )
        os.kill(caller.pid, signal.SIGKILL)
        caller.wait(WAIT_SECONDS)
        wait_until(
            lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE,
            WAIT_SECONDS,
        )
    finally:
        caller.kill()
        caller.wait(WAIT_SECONDS)
