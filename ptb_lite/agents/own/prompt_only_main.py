"""The prompt-only control's program: `python -m ptb_lite.agents.own.prompt_only_main`.

It trains nothing. Submissions are adapters and are scored without examples, so it hands in an
adapter whose B matrices are zero: LoRA adds B·A to a weight (Hu et al. 2021, section 4.1), which
then is nothing, and the run measures "no training". What prompting alone reaches is the few-shot
score that every run measures before its agent starts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.task_file import Task, read_task
from ptb_lite.events import AgentEvent, AgentEventKind

ADAPTED = "q_proj"
RANK = 1
# Not zero, so that the adapter is an ordinary one in which only B was never trained.
A_VALUE = 0.01


def main() -> int:
    """Exit code 0: the adapter was written; 1: the base model could not be read."""
    try:
        task = read_task(Path())
        layers = write_identity_adapter(task)
    except PtbLiteError as error:
        _say(AgentEventKind.ERROR, str(error))
        return 1
    _say(
        AgentEventKind.MESSAGE,
        f"nothing trained: the submission is an adapter of {layers} layers that changes nothing",
    )
    _say(AgentEventKind.END, "submitted")
    return 0


def write_identity_adapter(task: Task) -> int:
    """Write the adapter into the task's submission folder; returns how many layers it names.

    For every query projection of shape (out, in): A of (1, in), B of (out, 1) filled with zeros.
    Raises PtbLiteError when the base model has no such layers or cannot be read.
    """
    import numpy
    from safetensors.numpy import save_file

    tensors = {}
    for module, (out, width) in query_shapes(Path(task.base_model)).items():
        name = f"base_model.model.{module}"
        tensors[f"{name}.lora_A.weight"] = numpy.full((RANK, width), A_VALUE, dtype="float32")
        tensors[f"{name}.lora_B.weight"] = numpy.zeros((out, RANK), dtype="float32")
    folder = Path(task.submission)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": task.base_model,
        "r": RANK,
        "lora_alpha": RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": [ADAPTED],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    return len(tensors) // 2


def query_shapes(base: Path) -> dict[str, tuple[int, int]]:
    """(out, in) of the language model's query projections, by module, from the base's weights.

    The files say it for every architecture; a vision tower's projections are left out. Raises
    PtbLiteError when there are none or a file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    shapes = {}
    try:
        for path in sorted(base.glob("*.safetensors")):
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118  (safe_open is no mapping)
                    if name.endswith(f"self_attn.{ADAPTED}.weight") and "vision" not in name:
                        out, width = file.get_slice(name).get_shape()
                        shapes[name.removesuffix(".weight")] = (out, width)
    except (SafetensorError, OSError, ValueError) as error:
        raise PtbLiteError(f"the base model cannot be read: {error}", field=str(base)) from error
    if not shapes:
        raise PtbLiteError(f"the base model has no layer named {ADAPTED}", field=str(base))
    return shapes


def _say(kind: AgentEventKind, text: str) -> None:
    print(AgentEvent(kind=kind, text=text).model_dump_json(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
