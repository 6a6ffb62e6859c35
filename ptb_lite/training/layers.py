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

    def __init__(self) -> None:
        self._weights: list[tuple[torch.Tensor, torch.Tensor, Any]] = []

    def add(self, plain: torch.Tensor, packed: torch.Tensor, state: Any) -> None:
        """`packed` with bitsandbytes' quantisation state `state` goes into `plain`."""
        self._weights.append((plain, packed, state))

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

    shared: dict[tuple[Any, ...], torch.Tensor] = {}
    for layer in decoder_layers(model):
        named = [(n, m) for n, m in layer.named_modules() if isinstance(m, Linear4bit)]
        layer.packed_weights = PackedWeights()
        if not named:
            continue
        states = [module.weight.quant_state for _, module in named]
        layout = tuple((name, *state.shape) for (name, _), state in zip(named, states, strict=True))
        sizes = [state.shape.numel() for state in states]
        device, dtype = named[0][1].weight.device, states[0].dtype
        if layout not in shared:
            shared[layout] = torch.empty(sum(sizes), dtype=dtype, device=device)
        flat = shared[layout]
        plain = [part.view(s.shape) for part, s in zip(flat.split(sizes), states, strict=True)]
        packed = [module.weight.data for _, module in named]
        for (name, module), weight in zip(named, plain, strict=True):
            frozen = torch.nn.Parameter(weight, requires_grad=False)
            layer.set_submodule(name, plain_linear(module, frozen))
        if all(size % state.blocksize == 0 for size, state in zip(sizes, states, strict=True)):
            blocks = flat.view(-1, states[0].blocksize)
            layer.packed_weights.add(blocks, *_merged(packed, states, blocks))
        else:
            for weight, data, state in zip(plain, packed, states, strict=True):
                layer.packed_weights.add(weight, data, state)


def _merged(
    packed: Sequence[torch.Tensor], states: Sequence[Any], plain: torch.Tensor
) -> tuple[torch.Tensor, Any]:
    """Several packed weights as one, which a single kernel dequantises: for one layer a step starts
    one and not thirty. Their scales are no longer quantised themselves, at 0.4 bits a weight."""
    from bitsandbytes.functional import QuantState, dequantize_blockwise

    scales = [
        dequantize_blockwise(state.absmax, state.state2) + state.offset
        if state.nested
        else state.absmax
        for state in states
    ]
    state = QuantState(
        absmax=torch.cat([scale.float() for scale in scales]),
        shape=plain.shape,
        code=states[0].code,
        blocksize=states[0].blocksize,
        quant_type=states[0].quant_type,
        dtype=plain.dtype,
    )
    return torch.cat([data.reshape(-1, 1) for data in packed]), state


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
    checkpointed: int = 0,
    compiled: bool = False,
    on_fallback: Callable[[str], None] = lambda _reason: None,
    backend: str = "inductor",
) -> Compiler | None:
    """Let the decoder layers of `model` run so, in place; what compiles them, if anything does.

    The first `checkpointed` layers compute their activations again in the backward pass. `backend`
    is torch.compile's. Where a layer cannot be compiled all run eagerly from then on, and
    `on_fallback` is called once with the reason.
    """
    layers = decoder_layers(model)
    if checkpointed:
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        inner.gradient_checkpointing_enable({"use_reentrant": False})
    compiler = None
    if compiled:
        torch._dynamo.config.recompile_limit = GRAPHS
        compiler = Compiler(on_fallback, backend)
    for index, layer in enumerate(layers):
        layer.gradient_checkpointing = index < checkpointed
        forward: Callable[..., Any] = MethodType(type(layer).forward, layer)
        if compiler is not None:
            forward = compiler.wrap(forward)
        if hasattr(layer, "packed_weights"):
            forward = _filled(forward, layer.packed_weights)
        layer.forward = forward
    return compiler


def compiler_works() -> bool:
    """Whether torch.compile can make a kernel for the GPU: it needs Triton and a C compiler."""
    try:
        doubled = torch.compile(lambda x: x * 2 + 1, fullgraph=True)
        return bool((doubled(torch.ones(8, device="cuda")) == 3).all())
    except Exception:  # a compiler has many ways to fail, and none of them matters
        return False


class Compiler:
    """Compiles layers until one fails; while `off` they run eagerly."""

    def __init__(self, on_fallback: Callable[[str], None], backend: str) -> None:
        self._on_fallback = on_fallback
        self._backend = backend
        self.off = False

    def give_up(self, reason: str) -> None:
        """All layers run eagerly from now on."""
        self.off = True
        self._on_fallback(reason)

    def wrap(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        compiled = torch.compile(forward, fullgraph=True, backend=self._backend)

        def run(*args: Any, **kwargs: Any) -> Any:
            if self.off:
                return forward(*args, **kwargs)
            try:
                return compiled(*args, **kwargs)
            except (TorchDynamoException, InductorError) as error:
                if _ran_out_of_memory(error):
                    raise torch.OutOfMemoryError(str(error)) from error
                self.give_up(str(error).strip().splitlines()[0])
            return forward(*args, **kwargs)

        return run


def _ran_out_of_memory(error: BaseException) -> bool:
    """Whether compiling failed for want of memory, which smaller parts of a batch can mend."""
    inner = getattr(error, "inner_exception", None) or error.__cause__
    return isinstance(inner, torch.OutOfMemoryError)


def _filled(forward: Callable[..., Any], packed: PackedWeights) -> Callable[..., Any]:
    """`forward` with its weights dequantised first, and again before its backward pass."""

    def run(*args: Any, **kwargs: Any) -> Any:
        packed.fill()
        out = forward(*args, **kwargs)
        if out.requires_grad:
            # The gradient of a layer's output is there just before its backward pass.
            out.register_hook(lambda _gradient: packed.fill())
        return out

    return run
