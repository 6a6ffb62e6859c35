"""`ptb-lite-train`: LoRA and QLoRA supervised fine-tuning on prompt/completion lines.

Exit codes: 0 an adapter was saved (also when the time limit or a stop ended the run early, which
the last line says), 1 the run failed, 2 bad usage or bad data.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.garbage import without_collection
from ptb_lite.training.config import TrainingConfig


def parser() -> argparse.ArgumentParser:
    defaults = {f: getattr(TrainingConfig, f) for f in ("steps", "batch_size", "learning_rate")}
    made = argparse.ArgumentParser(prog="ptb-lite-train", description=__doc__)
    made.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    made.add_argument("--data", type=Path, required=True, help="JSONL with prompt and completion")
    made.add_argument("--output", type=Path, required=True, help="folder for the adapter")
    made.add_argument("--steps", type=int, default=defaults["steps"])
    made.add_argument("--batch-size", type=int, default=defaults["batch_size"])
    made.add_argument("--learning-rate", type=float, default=defaults["learning_rate"])
    made.add_argument("--lora-rank", type=int, default=TrainingConfig.lora_rank)
    made.add_argument("--lora-alpha", type=int, help="default: twice the rank")
    made.add_argument(
        "--quantization",
        choices=("auto", "nf4", "none"),
        default=TrainingConfig.quantization,
        help="auto: NF4 on a GPU, and on a CPU where the weights do not fit without it",
    )
    made.add_argument("--max-length", type=int, default=TrainingConfig.max_length, help="in tokens")
    made.add_argument("--save-steps", type=int, default=0, help="an adapter every so many steps")
    made.add_argument("--max-minutes", type=float, help="stop in time and save what there is")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--adapter-base", help="base model named in adapter_config.json")
    made.add_argument("--json", action="store_true", help="progress as JSON lines")
    return made


def configuration(arguments: Sequence[str] | None) -> tuple[TrainingConfig, bool]:
    """(what was asked, whether progress is JSON); exits with 2 on bad usage."""
    given = vars(parser().parse_args(arguments))
    as_json = bool(given.pop("json"))
    if given["lora_alpha"] is None:
        given["lora_alpha"] = 2 * given["lora_rank"]
    return TrainingConfig(**given), as_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one training; see the module's docstring for the exit codes."""
    began = time.monotonic()
    config, as_json = configuration(arguments)
    # Set before the libraries are imported: nothing here may ask the Hub or write a progress bar.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Long and short batches alternate: without it the GPU fills with gaps of the wrong size.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    try:
        config.check()
        from ptb_lite.training.data import read_examples

        read_examples(config.data)
        with without_collection():
            from transformers.utils import logging

            from ptb_lite.training.progress import Reporter
            from ptb_lite.training.train import train

        warnings.simplefilter("ignore", FutureWarning)
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        train(config, Reporter(as_json=as_json), since=began)
    except PtbLiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
