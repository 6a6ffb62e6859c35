"""A benchmark as an lm-eval task file: the template of its kind, and what its plugin says.

`lm_eval run --tasks FILE --metadata ...` takes the same file; the templates say with what.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from ptb_lite.evaluation.benchmark import Benchmark
from ptb_lite.files import write_text

TEMPLATES = Path(__file__).parent
"""The folder of procedural.yaml, dataset.yaml and choices.yaml."""


def write_task_file(
    benchmark: Benchmark, path: Path, *, name: str = "", max_new_tokens: int | None = None
) -> Path:
    """Write the task of a benchmark; returns `path`.

    `name` is the benchmark's id where that is another than the plugin's (a person's own procedural
    one), `max_new_tokens` the answer's length where it is cut short. Raises OSError.
    """
    template = "procedural.yaml" if benchmark.entry.kind == "procedural" else "dataset.yaml"
    task = {
        "include": str(TEMPLATES / template),
        "task": f"ptb_lite_{name or benchmark.id}",
        "generation_kwargs": {
            "until": list(benchmark.stop),
            "do_sample": False,
            "max_gen_toks": max_new_tokens or benchmark.entry.max_new_tokens,
        },
    }
    write_text(path, yaml.safe_dump(task, sort_keys=False))
    return path
