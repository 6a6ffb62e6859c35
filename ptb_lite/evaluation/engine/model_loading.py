"""Load a base model and merge a submission's adapter into it, trusting neither file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ptb_lite.evaluation.errors import EvaluationError, InvalidSubmissionError
from ptb_lite.events import Record

MAX_CONFIG_BYTES = 256 * 1024
MAX_ADAPTER_BYTES = 8 * 1024**3
MAX_NAMED = 3
VISION = "vision_tower|multi_modal_projector"
# PEFT reads these names as regular expressions; plain ones cannot run away.
ModuleName = Annotated[str, Field(pattern=r"^[\w.]{1,200}$")]


class AdapterConfig(Record):
    """The part of PEFT's adapter_config.json that may decide what is computed.

    Everything else (base model name, initialisation, code to import, runtime engines) is left
    out: the host knows the base, and weights come from the safetensors file alone.
    """

    peft_type: Literal["LORA"]
    r: int = Field(ge=1, le=1024)
    lora_alpha: float = Field(gt=0, le=65536, allow_inf_nan=False)
    target_modules: tuple[ModuleName, ...] | Literal["all-linear"]
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: dict[ModuleName, Annotated[int, Field(ge=1, le=1024)]] = Field(
        default_factory=dict
    )
    alpha_pattern: dict[ModuleName, float] = Field(default_factory=dict)
    layers_to_transform: tuple[int, ...] | int | None = None
    layers_pattern: tuple[ModuleName, ...] | ModuleName | None = None
    bias: Literal["none"] = "none"
    modules_to_save: None = None
    target_parameters: None = None
    trainable_token_indices: None = None


def pick_device(asked: Literal["auto", "cpu", "cuda"]) -> str:
    """`cuda` or `cpu`. Raises `EvaluationError` when a GPU is asked for and there is none."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise EvaluationError("no CUDA device here", field="device", hint="Use device auto or cpu")
    return asked if asked != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(model: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(model, trust_remote_code=False, padding_side="left")


def load_model(
    model: Path, adapter: Path | None, *, dtype: Literal["bfloat16", "float32"], device: str
) -> PreTrainedModel:
    """The model of a folder, `adapter` merged into it, in evaluation mode on `device`.

    Raises `EvaluationError` when the folder is no model, `InvalidSubmissionError` when the adapter
    is malformed, does not fit the base or makes a weight that is not finite.
    """
    try:
        loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            model,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise EvaluationError(
            f"cannot be loaded: {_first_line(error)}", field=f"model {model}"
        ) from error
    loaded.to(device)
    if adapter is not None:
        loaded = merge_adapter(loaded, adapter)
    bad = non_finite(dict(loaded.named_parameters()))
    if bad and adapter is not None:
        raise InvalidSubmissionError(
            f"weights that are not finite after merging: {_some(bad)}", field="submission"
        )
    if bad:
        raise EvaluationError(f"weights that are not finite: {_some(bad)}", field=f"model {model}")
    contiguous_head_input(loaded)
    return loaded.eval()


def load_whole(
    submission: Path, base: Path, *, dtype: Literal["bfloat16", "float32"], device: str
) -> PreTrainedModel:
    """Whole weights of a submission in the base model's architecture, in evaluation mode.

    Of the submission only safetensors are read: its config.json may claim what it likes. Raises
    `InvalidSubmissionError` when they do not fit the base or are not finite.
    """
    if any(path.is_symlink() for path in (submission, *submission.iterdir())):
        raise InvalidSubmissionError("holds links", field="submission")
    try:
        loaded, report = AutoModelForCausalLM.from_pretrained(
            submission,
            config=AutoConfig.from_pretrained(base, trust_remote_code=False),
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InvalidSubmissionError(
            f"the weights do not fit the base model: {_first_line(error)}", field="submission"
        ) from error
    odd = sorted(map(str, [*report["missing_keys"], *report["unexpected_keys"]]))
    if odd:
        raise InvalidSubmissionError(
            f"the weights do not fit the base model: {_some(odd)}", field="submission"
        )
    bad = non_finite(dict(loaded.named_parameters()))
    if bad:
        raise InvalidSubmissionError(
            f"weights that are not finite: {_some(bad)}", field="submission"
        )
    whole: PreTrainedModel = loaded.to(device).eval()
    return whole


def contiguous_head_input(model: PreTrainedModel) -> None:
    """Keep `matmul` from copying the head's matrix once per row.

    Generation hands the head a slice of the last position, (rows, 1, hidden) with gaps. torch folds
    such an input into one product only when the weight requires a gradient; PEFT switches that off,
    and then the weight (335 MB here) is expanded and copied for every row: 60 s instead of 2 s for
    50 items. The values are the same: it is the product that an untouched model gets.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda _, given: (given[0].contiguous(), *given[1:]))


def merge_adapter(base: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """`base` with the LoRA adapter of a folder merged into its weights (in place).

    Raises `InvalidSubmissionError` naming what is wrong with the adapter.
    """
    # Imported here: it takes a second, and most evaluations have no adapter.
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    config = read_adapter_config(adapter / "adapter_config.json")
    weights = _read_weights(adapter / "adapter_model.safetensors")
    bad = non_finite(weights)
    if bad:
        raise InvalidSubmissionError(f"weights that are not finite: {_some(bad)}")
    arguments = _arguments(config)
    if not any(re.search(VISION, name) for name in weights) and _has_vision(base):
        # Adapters of text alone: their module names also occur in the tower, which has none.
        arguments["exclude_modules"] = rf".*({VISION}).*"
    try:
        # Onto the base's class and shapes only: nothing of the submission names a class.
        wrapped = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **arguments))
        outcome = set_peft_model_state_dict(wrapped, weights)
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise InvalidSubmissionError(
            f"the adapter does not fit the base model: {_first_line(error)}"
        ) from error
    missing = [name for name in outcome.missing_keys if "lora_" in name]
    if outcome.unexpected_keys or missing:
        raise InvalidSubmissionError(
            "the adapter does not fit the base model: "
            f"{len(outcome.unexpected_keys)} weights too many, {len(missing)} missing, such as "
            f"{_some([*outcome.unexpected_keys, *missing])}"
        )
    return wrapped.merge_and_unload()


def _has_vision(model: PreTrainedModel) -> bool:
    return any(re.search(VISION, name) for name, _ in model.named_modules())


def read_adapter_config(path: Path) -> AdapterConfig:
    """An adapter's settings, bounded and checked. Raises `InvalidSubmissionError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise InvalidSubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise InvalidSubmissionError(f"{path.name} is larger than {MAX_CONFIG_BYTES // 1024} KiB")
    try:
        return AdapterConfig.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or path.name
        raise InvalidSubmissionError(f"adapter setting {place}: {first['msg']}") from error


def non_finite(tensors: dict[str, torch.Tensor]) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity."""
    return [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]


def _arguments(config: AdapterConfig) -> dict[str, Any]:
    given = config.model_dump(exclude={"peft_type"}, exclude_none=True)
    return {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        if path.stat().st_size > MAX_ADAPTER_BYTES:
            raise InvalidSubmissionError(f"{path.name} is larger than 8 GiB")
        weights: dict[str, torch.Tensor] = load_file(path)
    except OSError as error:
        raise InvalidSubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    except SafetensorError as error:
        raise InvalidSubmissionError(f"{path.name} is damaged: {_first_line(error)}") from error
    return weights


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(name[:120] for name in names[:MAX_NAMED]) + more


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
