"""What one evaluation process is asked to do: the content of `job.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.lm_tasks.task import LmTask
from ptb_lite.events import Record


class Generation(Record):
    """How completions are drawn. Greedy unless `do_sample`; then `temperature` must be positive."""

    do_sample: bool = False
    temperature: float = Field(default=0.0, ge=0.0, le=10.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _sampling_needs_a_temperature(self) -> Generation:
        if self.do_sample and self.temperature == 0.0:
            raise ValueError("do_sample needs a temperature above 0")
        return self


class Engine(Record):
    """What generates: `name`, the versions of what it computes with, and for vLLM where it lies.

    `packages` are those of the environment whose `python` is started; None: this one.
    `memory_share`: of the device's whole memory, what vLLM may take.
    """

    name: Literal["transformers", "vllm"] = "transformers"
    packages: dict[str, str] = Field(default_factory=dict)
    python: Path | None = None
    memory_share: float | None = Field(default=None, gt=0.0, lt=1.0)

    @property
    def title(self) -> str:
        """For people: its name as it writes itself, with the version where it is known."""
        spelled = "vLLM" if self.name == "vllm" else self.name
        return f"{spelled} {self.packages.get(self.name, '')}".strip()


class EvaluationTask(Record):
    """One scored pass over one benchmark's items.

    `items` is the JSONL file of `Item` lines that is scored, `shots` the one that the few-shot
    examples come from (needed when `num_fewshot` > 0). `limit`: the first so many items; None: all.
    `definition` is the lm-eval task YAML; None: the one that ptb-lite ships for `benchmark`.
    `max_new_tokens` cuts answers; None: the benchmark's own length. `chat_family` names the chat
    template that wraps the questions (`chat.py`); None: plain text. `key` is the identity of the
    result (`identity.task_key`): with one, completions are kept as they come, and a task that was
    cut short goes on from them. `lm_task`: one of lm-eval's own, which has its own prompts,
    examples and grading; `items` then says which of its documents are scored. `kind` is that of
    the benchmark's entry: an unknown one is only graded where it is procedural.
    """

    label: str
    benchmark: str
    items: Path
    shots: Path | None = None
    num_fewshot: int = Field(default=0, ge=0, le=64)
    limit: int | None = Field(default=None, ge=1)
    definition: Path | None = None
    max_new_tokens: int | None = Field(default=None, ge=1, le=32768)
    key: str = ""
    chat_family: ChatFamily | None = None
    lm_task: LmTask | None = None
    kind: Literal["procedural", "dataset", "lm-eval"] | None = None

    @model_validator(mode="after")
    def _shots_need_a_file(self) -> EvaluationTask:
        if self.num_fewshot > 0 and self.shots is None:
            raise ValueError("num_fewshot > 0 needs a shots file")
        if self.num_fewshot > 0 and self.chat_family is not None:
            raise ValueError("few-shot examples are plain text, without a chat template")
        return self

    def fitted(self, context: int) -> EvaluationTask:
        """With answers of at most half of a model's context (tokens): the question needs room."""
        if self.max_new_tokens is None or self.max_new_tokens <= context // 2:
            return self
        return self.model_copy(update={"max_new_tokens": context // 2})


class EvaluationJob(Record):
    """One model, loaded once, and every task to run on it.

    `model` is a folder in Hugging Face layout (config.json, *.safetensors, tokenizer); `adapter` a
    PEFT adapter merged into it before generation. `chat_template` is the Jinja text that wraps
    every prompt, or None for plain text: the submission's own template is never read. `threads`:
    CPU threads, None: torch's choice. `batch_size`: items at once; with vLLM, which batches by
    itself, items handed over at once. `output`: the folder for `<label>.<benchmark>.json`,
    `<label>.<benchmark>.samples.jsonl` and `worker.log`.
    """

    version: Literal[1] = 1
    model: Path
    adapter: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    batch_size: int = Field(default=32, ge=1, le=1024)
    generation: Generation = Generation()
    chat_template: str | None = None
    engine: Engine = Engine()
    seed: int = 1234
    threads: int | None = Field(default=None, ge=1)
    tasks: tuple[EvaluationTask, ...] = Field(min_length=1)
    output: Path
    plugins: dict[str, str] = Field(default_factory=dict)
    """Where the benchmarks are imported from, for an environment that cannot find plugins."""
