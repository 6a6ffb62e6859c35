"""A tiny real model and small real agents, so that a whole run takes seconds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.runner.launch import launch, resume, stop
from ptb_lite.runs.folder import RunFolder, list_runs
from ptb_lite.sandbox import sandbox
from ptb_lite.spec.run_spec import RunSpec, resolve_spec
from tests.functional.runner.waiting import wait_until

# An adapter as PEFT saves it, without the seconds that importing PEFT takes.
SUBMIT = """
import json, os
import numpy
from safetensors.numpy import save_file

def submit(base=None, fill=0.01, folder="final_model"):
    task = json.load(open("task.json"))
    config = json.load(open(task["base_model"] + "/config.json"))
    os.makedirs(folder, exist_ok=True)
    hidden, rank = config["hidden_size"], 2
    out = config["num_attention_heads"] * config["head_dim"]
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[name + ".lora_A.weight"] = numpy.full((rank, hidden), fill, "float32")
        tensors[name + ".lora_B.weight"] = numpy.full((out, rank), fill, "float32")
    save_file(tensors, folder + "/adapter_model.safetensors")
    json.dump(
        {"peft_type": "LORA", "base_model_name_or_path": base or task["base_model"], "r": rank,
         "lora_alpha": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"},
        open(folder + "/adapter_config.json", "w"),
    )
"""


SALT = "5a17" * 16
"""The installation's secret in these tests."""
TINY = {
    "title": "Tiny random Gemma 3",
    "source": "local",
    "parameters": 40_000,
    "vocabulary": 259,
    "layers": 2,
    "hidden": 32,
    "intermediate": 64,
    "heads": 2,
    "kv_heads": 1,
    "head_dim": 16,
    "context": 512,
    "licence": "none",
    "chat_family": "gemma",
}
"""models.yaml's entry of the tiny model, without its path."""


@dataclass
class Bench:
    """Starts runs of the tiny model with agents that are a few lines of Python."""

    config: Path
    runs_dir: Path
    baselines: Path
    agents: dict[str, dict[str, object]] = field(default_factory=dict)

    def agent(self, command: list[str]) -> str:
        """The id of a new agent that runs `command`."""
        name = f"agent-{len(self.agents)}"
        self.agents[name] = {
            "title": name,
            "backend": "command",
            "command": command,
            "needs_account": False,
            "needs_network": False,
        }
        (self.config / "agents.yaml").write_text(yaml.safe_dump(self.agents))
        return name

    def measure_baselines(self) -> None:
        """Let this test's runs measure the base model themselves, whoever has done it before."""
        self.baselines.unlink()

    def start(self, code: str | list[str], **overrides: object) -> RunFolder:
        """Launch a run of `spec`. Returns at once."""
        return RunFolder(launch(self.spec(code, **overrides), self.runs_dir))

    def spec(self, code: str | list[str], **overrides: object) -> RunSpec:
        """A run whose agent runs `code`, with `submit()` at hand, or a command line."""
        command = ["python", "-c", SUBMIT + code] if isinstance(code, str) else code
        choices = {
            "model": "tiny",
            "agent": self.agent(command),
            "benchmarks": ("add-numbers",),
            "minutes": 1.0,
            "limit": 4,
            "dev_limit": 4,
            "seed": 7,
            "on_early_stop": "accept",
            **overrides,
        }
        return resolve_spec(preset=None, overrides=choices, catalog=load_catalog())

    def finish(self, run: RunFolder, seconds: float = 180.0) -> RunFolder:
        """Wait until no runner works on the run."""
        wait_until(lambda: not run.runner_lives(), seconds, lambda: run.log.read_text()[-2000:])
        return run

    def run(self, code: str | list[str], **overrides: object) -> RunFolder:
        return self.finish(self.start(code, **overrides))

    def resume(self, run: RunFolder) -> RunFolder:
        resume(run.path)
        return self.finish(run)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Gemma 3 of 2 layers with random weights and a byte-level tokenizer of its own."""
    from tests.functional.tiny_models import tiny_gemma3

    return tiny_gemma3(tmp_path_factory.mktemp("tiny-model"), hidden=32, bos=True)


@pytest.fixture
def bench(
    tmp_path: Path,
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    """Every test has a folder of everything but two: the baselines are measured by the first run
    that needs them, as on a person's machine, and so the items are drawn from one secret."""
    problem = sandbox("bubblewrap").problem()
    if problem is not None:
        pytest.skip(f"bubblewrap cannot be used here: {problem}")
    config = tmp_path / "config"
    config.mkdir()
    tiny = {**TINY, "path": os.fspath(tiny_model)}
    (config / "models.yaml").write_text(json.dumps({"tiny": tiny}))
    state, cache = tmp_path / "state", tmp_path / "cache"
    state.mkdir(mode=0o700)
    (state / "item-salt").write_text(SALT)
    cache.mkdir()
    shared = tmp_path_factory.getbasetemp() / "baselines"
    shared.mkdir(exist_ok=True)
    baselines = cache / "baselines"
    baselines.symlink_to(shared)
    monkeypatch.setenv("PTB_LITE_CONFIG", str(config))
    monkeypatch.setenv("PTB_LITE_STATE", str(state))
    monkeypatch.setenv("PTB_LITE_CACHE", str(cache))
    made = Bench(config, tmp_path / "runs", baselines)
    yield made
    _end_leftovers(made)


def _end_leftovers(made: Bench) -> None:
    """End the runner of a test that failed half-way."""
    for run in list_runs(made.runs_dir):
        if run.runner_lives():
            stop(run.path)
            made.finish(run, 60.0)
