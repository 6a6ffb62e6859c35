"""Whether an adapter's configuration and tensors belong to the assigned base model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.weights.safetensors_file import TensorInfo, read_header

MAX_CONFIG_BYTES = 1 << 20
MAX_RANK = 4096
_PREFIX = "base_model.model."
_LORA = re.compile(
    r"(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B|magnitude_vector)"
    r"(\.[^.]+)?(\.(weight|bias))?"
)


class AdapterConfigError(ValueError):
    """The configuration cannot be accepted. `kind` is one of submission.py's reasons."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class AdapterConfig:
    base: str
    rank: int
    ranks: dict[str, int]

    def largest_rank(self) -> int:
        return max([self.rank, *self.ranks.values()])


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
    if config.get("peft_type") != "LORA":
        message = f"peft_type is {str(config.get('peft_type'))[:40]!r}, only LORA is accepted"
        raise AdapterConfigError("malformed config", message)
    return AdapterConfig(
        base=str(config.get("base_model_name_or_path")),
        rank=_whole(config.get("r"), "r"),
        ranks=_ranks(config.get("rank_pattern")),
    )


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
        return f"{tensor.name} has rank {rank}, the configuration says {config.rank}"
    if weight is not None and len(weight) == 2:
        expected = weight[{"A": 1, "B": 0, "embedding_A": 0, "embedding_B": 1}[part]]
        if outer != expected:
            return f"{tensor.name} is {shape[0]}×{shape[1]}, the base needs {expected}"
    return None


def _whole_module_problem(tensor: TensorInfo, weight: tuple[int, ...] | None) -> str | None:
    """For `modules_to_save`: a whole matrix must be as large as the one it replaces."""
    if weight is not None and len(tensor.shape) == 2 and tensor.shape != weight:
        return f"{tensor.name} has shape {tensor.shape}, the base {weight}"
    return None


def _lookup(module: str, base: dict[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    name = module.removeprefix(_PREFIX)
    name = name.replace(".modules_to_save.default", "").replace(".base_layer", "")
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


def _whole(value: object, field: str) -> int:
    if type(value) is not int or not 0 < value <= MAX_RANK:
        raise AdapterConfigError("malformed config", f"{field} is not between 1 and {MAX_RANK}")
    return value


def _ranks(pattern: object) -> dict[str, int]:
    if pattern is None:
        return {}
    if not isinstance(pattern, dict):
        raise AdapterConfigError("malformed config", "rank_pattern is not a JSON object")
    return {str(name): _whole(rank, "a rank of rank_pattern") for name, rank in pattern.items()}
