"""Load a base model and put a submission's adapter into it, trusting neither file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ptb_lite.audit.detectors.submission import CONFIG, WEIGHTS, validate_submission
from ptb_lite.audit.weights.adapter import AdapterConfig, read_adapter_config
from ptb_lite.audit.weights.distance import Stored, tensors_of
from ptb_lite.audit.weights.safetensors_file import read_header
from ptb_lite.audit.weights.whole import whole_weights
from ptb_lite.evaluation.errors import EvaluationError, InvalidSubmissionError

if TYPE_CHECKING:
    from peft import PeftModel

# Names of weights that an adapter brings. Of trained tokens a tied lm_head has none of its own.
_OWN = re.compile(r"\.lora_|\.modules_to_save\.|embed\w*\.token_adapter\.trainable")
MAX_NAMED = 3
VISION = "vision_tower|multi_modal_projector"


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
    """The model of a folder, with `adapter` as PEFT runs it, in evaluation mode on `device`.

    Where `adapter` holds whole weights they stand in the place of the model's own.

    Raises `EvaluationError` when the folder is no model, `InvalidSubmissionError` when the adapter
    is malformed, does not fit the base or makes a weight that is not finite.
    """
    if adapter is not None and whole_weights(adapter):
        whole = load_whole(adapter, model, dtype=dtype, device=device)
        contiguous_head_input(whole)
        return whole
    loaded = load_base(model, dtype=dtype, device=device)
    if adapter is not None:
        loaded = put_on(loaded, adapter)
    check_finite(loaded, model, adapter)
    contiguous_head_input(loaded)
    return loaded.eval()


def load_base(
    model: Path, *, dtype: Literal["bfloat16", "float32"], device: str
) -> PreTrainedModel:
    """Raises `EvaluationError` when the folder is no model."""
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
    return loaded


def check_finite(loaded: PreTrainedModel, model: Path, adapter: Path | None) -> None:
    """Raises as `load_model` does when a weight is a NaN or an infinity."""
    bad = non_finite(dict(loaded.named_parameters()))
    if bad and adapter is not None:
        raise InvalidSubmissionError(
            f"weights that are not finite: {_some(bad)}", field="submission"
        )
    if bad:
        raise EvaluationError(f"weights that are not finite: {_some(bad)}", field=f"model {model}")


def load_whole(
    submission: Path, base: Path, *, dtype: Literal["bfloat16", "float32"], device: str
) -> PreTrainedModel:
    """Whole weights of a submission in the base model's architecture, in evaluation mode.

    Of the submission only safetensors are read: its config.json may claim what it likes. Raises
    `InvalidSubmissionError` when they do not fit the base or are not finite.
    """
    check = validate_submission(submission, whole=True)
    if not check.valid:
        raise InvalidSubmissionError(check.reason, field="submission")
    try:
        config = _config_for(submission, base)
        loaded, report = AutoModelForCausalLM.from_pretrained(
            submission,
            config=config,
            # Else the submission's files are read for it, and have to be there.
            generation_config=_own_generation(base, config),
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


def _config_for(submission: Path, base: Path) -> PretrainedConfig:
    """The base model's configuration, with the submission's number of tokens, and with a head of
    its own where the submission's differs from its embeddings."""
    config: PretrainedConfig = AutoConfig.from_pretrained(base, trust_remote_code=False)
    text = config.get_text_config()
    stored = tensors_of(submission)
    embedded, head = stored.get("embed_tokens.weight"), stored.get("lm_head.weight")
    if embedded is not None:
        text.vocab_size = embedded.info.shape[0]
    if head is not None and embedded is not None and text.tie_word_embeddings:
        one, other = _read_tensor(head), _read_tensor(embedded)
        if one.shape != other.shape or not torch.equal(one, other):
            text.tie_word_embeddings = config.tie_word_embeddings = False
    return config


def _read_tensor(stored: Stored) -> torch.Tensor:
    with safe_open(stored.path, framework="pt") as weights:
        found: torch.Tensor = weights.get_tensor(stored.info.name)
    return found


def _own_generation(base: Path, config: PretrainedConfig) -> GenerationConfig:
    if (base / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(base)
    return GenerationConfig.from_model_config(config)


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


def put_on(base: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """`base` with the LoRA adapter of a folder (in place): what PEFT's own loading computes.

    Raises `InvalidSubmissionError` with the sentence of `validate_submission`, or what does not
    fit.
    """
    return _as_peft_runs_it(*_read_adapter(base, adapter))


def merge_into(base: PreTrainedModel, adapter: Path) -> tuple[PreTrainedModel, float]:
    """The same as one matrix a layer, in the base's precision, for engines that want that; with the
    share of the update in [0, 1] that rounding to it has kept."""
    return _merged(*_read_adapter(base, adapter))


def _read_adapter(base: PreTrainedModel, adapter: Path) -> tuple[PeftModel, AdapterConfig]:
    check = validate_submission(adapter)
    if not check.valid:
        raise InvalidSubmissionError(check.reason, field="submission")
    config = read_adapter_config(adapter / CONFIG)
    try:
        weights: dict[str, torch.Tensor] = load_file(adapter / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InvalidSubmissionError(f"{WEIGHTS} cannot be read: {_first_line(error)}") from error
    return adapted(base, config, weights), config


def check_fit(base: Path, adapter: Path) -> None:
    """Put an adapter on the base model without numbers: the shapes alone, in a few MB.

    Raises `InvalidSubmissionError` when the adapter does not fit, as `put_on` would.
    """
    config = read_adapter_config(adapter / CONFIG)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(base, trust_remote_code=False)
        )
        weights = {one.name: torch.empty(one.shape) for one in read_header(adapter / WEIGHTS)}
    adapted(model, config.model_copy(update={"init_lora_weights": True}), weights)


def adapted(
    base: PreTrainedModel, config: AdapterConfig, weights: dict[str, torch.Tensor]
) -> PeftModel:
    """PEFT's model of a base, with the adapter's weights in it.

    Raises `InvalidSubmissionError` when the weights are not those that the configuration says.
    """
    # Imported here: it takes a second, and most evaluations have no adapter.
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    arguments = _arguments(config)
    if not any(re.search(VISION, name) for name in weights) and _has_vision(base):
        # Adapters of text alone: their module names also occur in the tower, which has none.
        arguments.setdefault("exclude_modules", rf".*({VISION}).*")
    try:
        # Onto the base's class and shapes only: nothing of the submission names a class.
        wrapped = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **arguments))
        outcome = set_peft_model_state_dict(wrapped, weights)
    except (ValueError, KeyError, RuntimeError, TypeError, re.error) as error:
        raise InvalidSubmissionError(
            f"the adapter does not fit the base model: {_first_line(error)}", field="submission"
        ) from error
    missing = [name for name in outcome.missing_keys if _OWN.search(name)]
    if outcome.unexpected_keys or missing:
        raise InvalidSubmissionError(
            "the adapter does not fit the base model: "
            f"{len(outcome.unexpected_keys)} weights too many, {len(missing)} missing, such as "
            f"{_some([*outcome.unexpected_keys, *missing])}",
            field="submission",
        )
    return wrapped


def _as_peft_runs_it(wrapped: PeftModel, config: AdapterConfig) -> PreTrainedModel:
    """The model with the adapter on top, or in its weights where that gives the same.

    In float32 merging moves the logits by less than 1e-4. In bfloat16 a weight keeps eight bits: of
    an update a thousandth as large as the weights most is rounded away, and the base is scored.
    """
    if wrapped.dtype == torch.float32:
        return _merged(wrapped, config)[0]
    if bad := _overflowing(wrapped):
        raise InvalidSubmissionError(
            f"weights that are not finite: {_some(bad)}", field="submission"
        )
    return _unwrapped(wrapped)


def _unwrapped(wrapped: PeftModel) -> PreTrainedModel:
    """The model with PEFT's layers in it, which lm-eval may ask to tie its weights: they are tied,
    and a wrapped head or embedding has no weight of its own that could be."""
    plain: PreTrainedModel = wrapped.get_base_model()
    plain.tie_weights = lambda *_, **__: None
    return plain


def _overflowing(wrapped: PeftModel) -> list[str]:
    """The layers of which the adapter's finite factors have a product that is not."""
    from peft.tuners.lora import LoraLayer

    return [
        name
        for name, module in wrapped.named_modules()
        if isinstance(module, LoraLayer)
        and not bool(torch.isfinite(module.get_delta_weight("default").to(wrapped.dtype)).all())
    ]


def _merged(wrapped: PeftModel, config: AdapterConfig) -> tuple[PreTrainedModel, float]:
    """The model with the adapter in its weights, and which share of the update they keep.

    The share is that of the update's length along its own direction, 1 when nothing is rounded
    away. Of a weight that two layers share (a tied lm_head) each gets its own before, as PEFT
    adapts one of them only. Layers without a bias have no place for one of the adapter
    (`lora_bias`): such a model stays as PEFT runs it.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    if config.lora_bias:
        return _unwrapped(wrapped), 1.0
    owners: dict[int, int] = {}
    for _, weight in wrapped.named_parameters(remove_duplicate=False):
        owners[id(weight)] = owners.get(id(weight), 0) + 1
    kept = whole = 0.0
    for module in wrapped.modules():
        if not isinstance(module, BaseTunerLayer) or _of_tokens(module):
            continue
        inner = module.get_base_layer()
        weight = getattr(inner, "weight", None)
        if weight is None:
            continue
        if owners.get(id(weight), 0) > 1:
            inner.weight = torch.nn.Parameter(weight.detach().clone(), requires_grad=False)
        before = inner.weight.data
        inner.weight.data = before.float()
        module.merge()
        exact = inner.weight.data
        inner.weight.data = exact.to(before.dtype)
        update = exact - before
        kept += float(((inner.weight.data - before).float() * update).sum())
        whole += float((update * update).sum())
    merged: PreTrainedModel = wrapped.merge_and_unload()
    head, embedded = merged.get_output_embeddings(), merged.get_input_embeddings()
    if head is not None and head.weight is not embedded.weight:
        merged.config.get_text_config().tie_word_embeddings = False
        merged.config.tie_word_embeddings = False
    return merged, kept / whole if whole else 1.0


def unlike_the_base(model: PreTrainedModel, base: Path) -> str:
    """What of a model the base's architecture has no place for, or nothing."""
    if any(".lora_" in name for name, _ in model.named_parameters()):
        return "it cannot be merged"
    before = AutoConfig.from_pretrained(base, trust_remote_code=False).get_text_config()
    after = model.config.get_text_config()
    if before.tie_word_embeddings != after.tie_word_embeddings:
        return "its lm_head and its embeddings are no longer one matrix"
    return ""


def _of_tokens(module: torch.nn.Module) -> bool:
    """Whether single rows of a shared matrix are trained: PEFT changes them for all."""
    return type(module).__name__ == "TrainableTokensLayer"


def _has_vision(model: PreTrainedModel) -> bool:
    return any(re.search(VISION, name) for name, _ in model.named_modules())


def non_finite(tensors: dict[str, torch.Tensor]) -> list[str]:
    """The names of the tensors that hold a NaN or an infinity."""
    return [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]


def _arguments(config: AdapterConfig) -> dict[str, Any]:
    # As JSON: PEFT tells lists from tuples.
    given = config.model_dump(
        mode="json", exclude={"peft_type", "base_model_name_or_path"}, exclude_none=True
    )
    if not config.residual:
        # What another start drew is replaced by the weights, and it may need more than they hold.
        given["init_lora_weights"] = True
    return given


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(name[:120] for name in names[:MAX_NAMED]) + more


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
