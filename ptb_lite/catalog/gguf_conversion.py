"""GGUF -> safetensors, once: `python -m ptb_lite.catalog.gguf_conversion FILE.gguf FOLDER`.

Runs in a process of its own, because it imports torch and transformers. transformers marks a model
loaded from GGUF as not serialisable and leaves `quantization_config: {quant_method: gguf}` in its
config, so the model is built anew from its config and given the dequantised tensors.

Where the time went with stock loading (55 s for Gemma 3 270M on 2 cores): the metadata, with its
262,144 tokens and 514,906 merges, was parsed three times by `gguf.GGUFReader`, whose every slice of
an `np.memmap` makes a new memmap. Here it is parsed once, over a plain array on the same mapping;
the values are the same to the bit.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import gguf
import numpy as np


class PlainArrayReader(gguf.GGUFReader):  # type: ignore[misc]
    """`GGUFReader` that slices a plain view of the mapped file instead of the memmap itself."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "data":
            value = np.asarray(value).view(np.ndarray)
        super().__setattr__(name, value)


def convert(source: Path, folder: Path) -> None:
    """Write config.json, generation_config.json, model.safetensors (bf16) and the tokenizer.

    Raises ValueError when a tensor is missing, left over, or of another shape than the config says.
    """
    gguf.GGUFReader = functools.lru_cache(maxsize=1)(PlainArrayReader)

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    config = AutoConfig.from_pretrained(**where)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    loaded = load_gguf_checkpoint(
        str(source), return_tensors=True, model_to_load=model, torch_dtype=torch.bfloat16
    )
    _assign(model, loaded["tensors"])
    # The name written in the GGUF is no address that anyone could load from.
    vars(model.config).pop("_model_name_or_path", None)
    vars(model.config).pop("quantization_config", None)
    model.save_pretrained(folder, safe_serialization=True)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


def _assign(model: Any, tensors: dict[str, Any]) -> None:
    """Put `tensors` (name -> bf16 tensor) into a model on the meta device, checking each one."""
    expected = model.state_dict()
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    missing = sorted(set(expected) - set(tensors) - tied)
    surplus = sorted(set(tensors) - set(expected))
    wrong = sorted(
        name for name in set(expected) & set(tensors) if expected[name].shape != tensors[name].shape
    )
    if missing or surplus or wrong:
        raise ValueError(f"missing {missing[:3]}, left over {surplus[:3]}, wrong shape {wrong[:3]}")
    model.load_state_dict(tensors, strict=False, assign=True)
    model.tie_weights()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    convert(arguments.source.resolve(), arguments.folder.resolve())


if __name__ == "__main__":
    main()
