"""Decoding steps of a GPU as one CUDA graph, on a cache of fixed size.

A step of one token a row is hundreds of kernels, and starting them costs the host more time than
they take. Captured once and replayed they cost one start; nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer, StaticLayer

# Columns that a cache gets beyond those it holds: what is reserved is read in every step.
ROOM = 256
# Attention kernels want rows of masks to begin at such places, and copy them where they do not.
ALIGNED = 64
# Fewer steps save less than the capturing costs.
LEAST_STEPS = 32


class CaptureError(Exception):
    """This model's step cannot be captured or replayed here; completions have to begin again."""


class CapturedSteps:
    """The decoding step of one model, captured anew for every cache.

    `generate` asks a model for the form of its step that suits caches of fixed size
    (`get_compiled_call`); while this object lives, that form is the captured one.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: dict[str, torch.Tensor] = {}
        self._outputs: Any = None
        model.get_compiled_call = lambda _config: self

    def release(self) -> None:
        """Leave the model as it was."""
        self.forget()
        del self._model.get_compiled_call

    def forget(self) -> None:
        """Let go of the graph and of the cache that it was captured on."""
        self._graph, self._outputs, self._inputs = None, None, {}

    def __call__(self, **inputs: Any) -> Any:
        """What the model's `forward` gives for one token a row, logits (rows, 1, vocabulary); the
        same tensors every time, which the next step writes over.

        Raises `CaptureError`, and `torch.OutOfMemoryError`.
        """
        given = dict(_tensors(inputs))
        try:
            if self._graph is None:
                self._capture(inputs)
            for name, kept in self._inputs.items():
                kept.copy_(given[name])
            assert self._graph is not None
            self._graph.replay()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, KeyError) as error:
            raise CaptureError(f"{type(error).__name__}: {error}") from error
        return self._outputs

    def _capture(self, inputs: Mapping[str, Any]) -> None:
        """The step before this one ran the same kernels: nothing is set up while capturing."""
        kept = _copied(inputs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._model(**kept)
        self._graph, self._outputs, self._inputs = graph, outputs, dict(_tensors(kept))


def next_stop(length: int, max_length: int) -> int:
    """The length at which `generate` stops for the cache to grow, of rows of `length` tokens."""
    grown = -(-(length + ROOM) // ALIGNED) * ALIGNED
    return max_length if max_length < grown + LEAST_STEPS else grown


def fixed_cache(cache: Cache, rows: torch.Tensor, length: int) -> Cache:
    """A cache of at least `length` columns a layer with what `cache` holds of `rows` (numbers of
    its rows); it is emptied. Layers hold (rows, heads, columns, head size).

    Layers with a sliding window get all columns, too: what it has dropped is masked anyway.
    """
    columns = int(cache.get_seq_length())
    size = -(-length // ALIGNED) * ALIGNED
    return Cache(layers=[_fixed_layer(layer, rows, columns, size) for layer in cache.layers])


def _fixed_layer(layer: Any, rows: torch.Tensor, columns: int, size: int) -> StaticLayer:
    made = StaticLayer(max_cache_len=size)
    held = slice(None) if isinstance(layer, DynamicLayer) else slice(columns)
    keys, values = layer.keys[rows, :, held], layer.values[rows, :, held]
    layer.keys = layer.values = None
    made.lazy_initialization(keys, values)
    made.keys[:, :, columns - keys.shape[2] : columns] = keys
    made.values[:, :, columns - keys.shape[2] : columns] = values
    made.cumulative_length.fill_(columns)
    return made


def _tensors(inputs: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Tensors among inputs by name; a mask may be a mapping of one for each kind of layer."""
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor):
            yield under + name, value
        elif isinstance(value, Mapping):
            yield from _tensors(value, f"{under}{name}.")


def _copied(inputs: Mapping[str, Any]) -> dict[str, Any]:
    def copied(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.clone()
        return _copied(value) if isinstance(value, Mapping) else value

    return {name: copied(value) for name, value in inputs.items()}
