"""What a person or an agent asks of a training run, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptb_lite.errors import PtbLiteError

Quantization = Literal["auto", "nf4", "none"]


class TrainingError(PtbLiteError):
    """A training run that cannot be started as asked."""


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. The defaults suit the embedded model on two CPU cores.

    `steps` counts optimizer steps of `batch_size` examples; `max_length` is in tokens;
    `save_steps` 0 means no checkpoint but the last adapter; `max_minutes` None means no limit.
    `quantization` auto is NF4 on a GPU, and on a CPU where the plain weights do not fit.
    `adapter_base` is what adapter_config.json names as base model, `base_model` itself when None.
    """

    base_model: Path
    data: Path
    output: Path
    steps: int = 100
    batch_size: int = 16
    learning_rate: float = 7e-4
    warmup_ratio: float = 0.05
    lora_rank: int = 16
    lora_alpha: int = 32
    quantization: Quantization = "auto"
    max_length: int = 512
    save_steps: int = 0
    max_minutes: float | None = None
    seed: int = 0
    adapter_base: str | None = None

    def check(self) -> None:
        """Raise TrainingError, naming the option, when a value or a path cannot be used."""
        for option, value, low, high in (
            ("--steps", self.steps, 1, 1_000_000),
            ("--batch-size", self.batch_size, 1, 4096),
            ("--lora-rank", self.lora_rank, 1, 1024),
            ("--lora-alpha", self.lora_alpha, 1, 4096),
            ("--max-length", self.max_length, 8, 1_000_000),
            ("--save-steps", self.save_steps, 0, 1_000_000),
            ("--seed", self.seed, 0, 2**32 - 1),
        ):
            if not low <= value <= high:
                raise TrainingError(f"{value} is not between {low} and {high}", field=option)
        if not 0 < self.learning_rate <= 1:
            raise TrainingError(
                f"{self.learning_rate} is not between 0 and 1", field="--learning-rate"
            )
        if self.max_minutes is not None and not 0 < self.max_minutes <= 7 * 24 * 60:
            raise TrainingError(
                f"{self.max_minutes} is not between 0 and 10080 (7 days)", field="--max-minutes"
            )
        self._check_paths()

    def _check_paths(self) -> None:
        if not (self.base_model / "config.json").is_file():
            raise TrainingError(
                f"no model in {self.base_model} (config.json is missing)", field="--base-model"
            )
        if not self.data.is_file():
            raise TrainingError(f"no such file: {self.data}", field="--data")
        if self.output.exists() and not self.output.is_dir():
            raise TrainingError(f"{self.output} is not a folder", field="--output")
