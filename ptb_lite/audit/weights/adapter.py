"""Whether an adapter's configuration and tensors belong to the assigned base model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.weights.safetensors_file import TensorInfo, read_header
from ptb_lite.events import Record

MAX_CONFIG_BYTES = 1 << 20
MAX_RANK = 4096
_ROWS = ".trainable_tokens_delta"
_PREFIX = "base_model.model."
_LORA = re.compile(
    r"(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B|magnitude_vector)"
    r"(\.[^.]+)?(\.(weight|bias))?"
)

Name = Annotated[str, Field(min_length=1, max_length=2000)]
Names = Annotated[tuple[Name, ...], Field(max_length=10_000)]
Rank = Annotated[int, Field(ge=1, le=MAX_RANK, strict=True)]
Alpha = Annotated[float, Field(gt=0, le=65536, allow_inf_nan=False)]
Indices = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10_000_000)], ...], Field(max_length=1_000_000)
]

# Fields of PEFT's LoraConfig that change what the model computes and are not accepted, with why.
REFUSED = {
    "target_parameters": "it adapts parameters outside of layers",
    "layer_replication": "it changes the architecture of the base model",
    "alora_invocation_tokens": "it switches the adapter on by tokens of the prompt",
    "use_qalora": "it needs a quantised base model",
    "use_bdlora": "its blocks are for serving over several GPUs",
    "arrow_config": "it routes between several adapters",
    "kasa_config": "it changes the base model's weights",
    "monteclora_config": "it draws its weights at random",
    "velora_config": "it stores compressed activations",
}
# Fields that only training, saving or initialising reads.
UNUSED = {
    "task_type", "auto_mapping", "peft_version", "revision", "inference_mode", "lora_dropout",
    "megatron_config", "megatron_core", "loftq_config", "eva_config", "corda_config",
    "lora_ga_config", "qalora_group_size", "runtime_config",
}  # fmt: skip
# Initialisations that leave the base model as it is: the submitted weights replace what they drew.
_PLAIN_STARTS = (True, False, "gaussian", "eva", "orthogonal", "mica")
# Those that take a part out of the base model's weights, in a way that gives the same every time.
_RESIDUAL_STARTS = ("pissa", "olora")


class AdapterConfigError(ValueError):
    """The configuration cannot be accepted. `kind` is one of submission.py's reasons."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class AdapterConfig(Record):
    """All of PEFT's adapter_config.json that decides what an adapted model computes.

    Names may be regular expressions, as PEFT reads them (peft/tuners/lora/config.py).
    """

    peft_type: Literal["LORA"]
    base_model_name_or_path: str | None = None
    r: Rank
    lora_alpha: Alpha = 8
    target_modules: Names | Name | None = None
    exclude_modules: Names | Name | None = None
    layers_to_transform: Indices | Annotated[int, Field(ge=0)] | None = None
    layers_pattern: Names | Name | None = None
    rank_pattern: dict[Name, Rank] = Field(default_factory=dict, max_length=10_000)
    alpha_pattern: dict[Name, Alpha] = Field(default_factory=dict, max_length=10_000)
    fan_in_fan_out: bool = False
    bias: Literal["none", "all", "lora_only"] = "none"
    lora_bias: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: Names | None = None
    trainable_token_indices: Indices | dict[Name, Indices] | None = None
    init_lora_weights: bool | str = True
    ensure_weight_tying: bool = False

    @field_validator("rank_pattern", "alpha_pattern", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        return {} if value is None else value

    @property
    def base(self) -> str:
        return str(self.base_model_name_or_path)

    @property
    def residual(self) -> bool:
        """Whether loading takes a part out of the base model's weights first (PiSSA, OLoRA)."""
        return str(self.init_lora_weights).lower() in _RESIDUAL_STARTS

    def largest_rank(self) -> int:
        return max([self.r, *self.rank_pattern.values()])


def read_adapter_config(path: Path) -> AdapterConfig:
    """A LoRA configuration that loads no code. Raises AdapterConfigError."""
    try:
        with open_regular(path) as stream:
            raw = stream.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        message = f"adapter_config.json cannot be read ({error.strerror or error})"
        raise AdapterConfigError("malformed config", message) from error
    if len(raw) > MAX_CONFIG_BYTES:
        raise AdapterConfigError("malformed config", "adapter_config.json is over 1 MiB")
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError) as error:
        message = "adapter_config.json is not valid JSON"
        raise AdapterConfigError("malformed config", message) from error
    if not isinstance(config, dict):
        raise AdapterConfigError("malformed config", "adapter_config.json is not a JSON object")
    _refuse_code(config)
    if "peft_type" not in config:
        message = "adapter_config.json names no peft_type, only LORA is accepted"
        raise AdapterConfigError("malformed config", message)
    if config["peft_type"] != "LORA":
        message = f"peft_type is {str(config['peft_type'])[:40]!r}, only LORA is accepted"
        raise AdapterConfigError("malformed config", message)
    _refuse_kinds(config)
    try:
        return AdapterConfig.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:200]
        message = f"{place} of adapter_config.json: {first['msg']}"
        raise AdapterConfigError("malformed config", message) from error


def problem_with_tensors(
    config: AdapterConfig, tensors: Sequence[TensorInfo], base_model: Path | None
) -> str | None:
    """Why the tensors are no LoRA of the base, or None. Without `base_model` only the adapter's
    own consistency is looked at. Raises MalformedWeightsError or OSError for a base that cannot
    be read."""
    adapted = [tensor for tensor in tensors if _LORA.fullmatch(tensor.name)]
    if not adapted:
        return "adapter_model.safetensors holds no LoRA weights"
    base = dict(_base_shapes(base_model)) if base_model else None
    for tensor in tensors:
        problem = _problem(config, tensor, base)
        if problem:
            return problem
    return None


def _problem(
    config: AdapterConfig, tensor: TensorInfo, base: dict[str, tuple[int, ...]] | None
) -> str | None:
    found = _LORA.fullmatch(tensor.name)
    module = found["module"] if found else tensor.name.rpartition(".")[0]
    weight = _lookup(module, base) if base is not None else None
    if base is not None and weight is None:
        return f"{tensor.name} belongs to no module of the base model"
    if found is None:
        return _whole_module_problem(tensor, weight)
    part, shape = found["part"], tensor.shape
    if part == "magnitude_vector" or tensor.name.endswith(".bias"):
        return None  # one number an output; what does not fit there, PEFT refuses to load
    if len(shape) != 2:
        return f"{tensor.name} is not a matrix"
    # A is rank × in and B out × rank; for embeddings the roles of the two dimensions swap.
    rank, outer = (shape[0], shape[1]) if part.endswith("A") else (shape[1], shape[0])
    if not 0 < rank <= config.largest_rank():
        return f"{tensor.name} has rank {rank}, the configuration says {config.r}"
    if weight is not None and len(weight) == 2:
        expected = weight[{"A": 1, "B": 0, "embedding_A": 0, "embedding_B": 1}[part]]
        if outer != expected:
            return f"{tensor.name} is {shape[0]}×{shape[1]}, the base needs {expected}"
    return None


def _whole_module_problem(tensor: TensorInfo, weight: tuple[int, ...] | None) -> str | None:
    """For `modules_to_save`: a whole matrix must be as large as the one it replaces. Single rows of
    it (`trainable_token_indices`) are as wide; whether their number is right, PEFT sees."""
    if tensor.name.endswith(_ROWS):
        weight = (tensor.shape[0], *weight[1:]) if weight is not None and tensor.shape else weight
    if weight is not None and len(tensor.shape) == 2 and tensor.shape != weight:
        return f"{tensor.name} has shape {tensor.shape}, the base {weight}"
    return None


def _lookup(module: str, base: dict[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    name = module.removeprefix(_PREFIX)
    for wrapper in (".modules_to_save.default", ".base_layer", ".token_adapter"):
        name = name.replace(wrapper, "")
    if name in base:
        return base[name]
    # Wrappers differ between classes of one model ("model.", "language_model."), layers do not.
    tail = name[name.find("layers.") :] if "layers." in name else name.rpartition(".")[2]
    if tail == "lm_head":
        tail = "embed_tokens"  # tied: the base stores one matrix for both
    for known, shape in base.items():
        if known == tail or known.endswith(f".{tail}"):
            return shape
    return None


def _base_shapes(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in sorted(folder.glob("*.safetensors")):
        # The host's own file, which may be a link into the Hub cache.
        for tensor in read_header(path.resolve()):
            yield tensor.name.removesuffix(".weight"), tensor.shape


def _refuse_code(config: dict[str, Any]) -> None:
    """Fields by which a configuration makes PEFT or transformers import what it names."""
    if config.get("auto_map") or config.get("megatron_config"):
        raise AdapterConfigError("remote code", "adapter_config.json names code to import")
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else None
    if mapping and not str(library).startswith("transformers."):
        raise AdapterConfigError("remote code", f"auto_mapping imports {str(library)[:80]!r}")


def _refuse_kinds(config: dict[str, Any]) -> None:
    """What PEFT could load and this project cannot score as PEFT would."""
    for field, why in REFUSED.items():
        if config.get(field):
            raise AdapterConfigError("malformed config", f"{field} is not accepted: {why}")
    start = config.get("init_lora_weights", True)
    if start is None or start in _PLAIN_STARTS or str(start).lower() in _RESIDUAL_STARTS:
        return
    raise AdapterConfigError(
        "malformed config",
        f"init_lora_weights {str(start)[:40]!r} is not accepted: it changes the base model's "
        "weights in a way that loading does not repeat; save the adapter with PEFT's "
        "path_initial_model_for_weight_conversion",
    )
