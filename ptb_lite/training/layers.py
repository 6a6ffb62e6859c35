"""How decoder layers run: compiled one by one, their packed weights dequantised as each is needed.

Why layer by layer: one compiled graph serves all layers of a kind, so that compiling takes seconds,
not minutes (PyTorch's "regional compilation"); and of packed weights only one layer's are ever
there in full. Gradient checkpointing lies inside a layer's graph, where it is fused with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException
from torch._inductor.exc import InductorError

# Graphs of one kind of layer: sliding and full attention, recomputed or not, a few batch shapes.
GRAPHS = 64


class PackedWeights:
    """The NF4 weights of one layer, and the plain tensors that they are dequantised into.

    The plain tensors are shared by all layers: a layer's are there from `fill` to the next layer's.
    """

    def __init__(self, weights: Sequence[tuple[torch.Tensor, torch.Tensor, Any]]) -> None:
        """`weights`: (plain, packed, bitsandbytes' quantisation state) of each linear layer."""
        self._weights = tuple(weights)

    def fill(self) -> None:
        from bitsandbytes.functional import dequantize_4bit

        for plain, packed, state in self._weights:
            # `.data`: autograd need not know, since the backward pass has them filled in again.
            if plain.is_cuda:
                dequantize_4bit(packed, state, out=plain.data)
            else:
                plain.data.copy_(dequantize_4bit(packed, state))


def decoder_layers(model: Any) -> list[Any]:
    """The decoder layers of a causal language model, with or without adapters; [] if it has none
    under the name that transformers gives them."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return list(getattr(inner.get_decoder(), "layers", ()))


def share_weights(model: Any) -> None:
    """Replace the 4-bit linear layers of decoder layers by plain ones, in place.

    Their weights are dequantised before a layer's forward and its backward pass (`set_up_layers`)
    into tensors that all layers share.
    """
    from bitsandbytes.nn import Linear4bit

    shared: dict[tuple[str, torch.Size], torch.nn.Parameter] = {}
    for layer in decoder_layers(model):
        weights = []
        for name, module in list(layer.named_modules()):
            if not isinstance(module, Linear4bit):
                continue
            packed, state = module.weight.data, module.weight.quant_state
            if (name, state.shape) not in shared:
                empty = torch.empty(state.shape, dtype=state.dtype, device=packed.device)
                shared[name, state.shape] = torch.nn.Parameter(empty, requires_grad=False)
            plain = plain_linear(module, shared[name, state.shape])
            layer.set_submodule(name, plain)
            weights.append((plain.weight, packed, state))
        layer.packed_weights = PackedWeights(weights)


def plain_linear(module: Any, weight: torch.nn.Parameter) -> torch.nn.Linear:
    """A frozen `torch.nn.Linear` with `weight` and the bias of `module`."""
    plain = torch.nn.Linear(
        module.in_features, module.out_features, bias=module.bias is not None, device="meta"
    )
    plain.weight = weight
    if module.bias is not None:
        plain.bias = torch.nn.Parameter(module.bias.data.to(weight.dtype), requires_grad=False)
    return plain


def set_up_layers(
    model: Any,
    *,
    checkpointed: int,
    compiled: bool,
    on_fallback: Callable[[str], None],
    dynamic: bool | None = None,
    backend: str = "inductor",
) -> None:
    """Let the decoder layers of `model` run so, in place.

    The first `checkpointed` layers compute their activations again in the backward pass. `dynamic`
    and `backend` are torch.compile's. Where a layer cannot be compiled all run eagerly from then on, and
    `on_fallback` is called once with the reason.
    """
    layers = decoder_layers(model)
    if checkpointed:
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        inner.gradient_checkpointing_enable({"use_reentrant": False})
        for layer in layers[checkpointed:]:
            layer.gradient_checkpointing = False
    if compiled:
        torch._dynamo.config.recompile_limit = GRAPHS
        torch._dynamo.config.accumulated_recompile_limit = 8 * GRAPHS
    compiler = _Compiler(on_fallback, dynamic, backend) if compiled else None
    for layer in layers:
        packed = getattr(layer, "packed_weights", None)
        if compiler is not None or packed is not None:
            layer.forward = _runner(layer, packed, compiler)


class _Compiler:
    """Compiles layers until one fails."""

    def __init__(
        self, on_fallback: Callable[[str], None], dynamic: bool | None, backend: str
    ) -> None:
        self._on_fallback = on_fallback
        self._settings: dict[str, Any] = {"dynamic": dynamic, "backend": backend}
        self.failed = False

    def wrap(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        compiled = torch.compile(forward, fullgraph=True, **self._settings)

        def run(*args: Any, **kwargs: Any) -> Any:
            if self.failed:
                return forward(*args, **kwargs)
            try:
                return compiled(*args, **kwargs)
            except (TorchDynamoException, InductorError) as error:
                if _ran_out_of_memory(error):
                    raise torch.OutOfMemoryError(str(error)) from error
                self.failed = True
                self._on_fallback(str(error).strip().splitlines()[0])
            return forward(*args, **kwargs)

        return run


def _ran_out_of_memory(error: BaseException) -> bool:
    """Whether compiling failed for want of memory, which smaller parts of a batch can mend."""
    inner = getattr(error, "inner_exception", None) or error.__cause__
    return isinstance(inner, torch.OutOfMemoryError)


def _runner(
    layer: Any, packed: PackedWeights | None, compiler: _Compiler | None
) -> Callable[..., Any]:
    forward: Callable[..., Any] = MethodType(type(layer).forward, layer)
    if compiler is not None:
        forward = compiler.wrap(forward)
    if packed is None:
        return forward

    def run(*args: Any, **kwargs: Any) -> Any:
        packed.fill()
        out = forward(*args, **kwargs)
        if out.requires_grad:
            # The gradient of a layer's output is there just before its backward pass.
            out.register_hook(lambda _gradient: packed.fill())
        return out

    return run
