"""The override of TRL's trainer: the language-model head on the supervised positions only.

Why: TRL 1.16 projects only the positions that carry a label, but where Triton does not run (any
CPU) it scores every position of the batch, in tiles that are computed again in the backward pass,
whose matmuls are made in float32, and it folds entropy and accuracy from them. With a vocabulary
of 262,144 words and answers of a few tokens that is most of a step: 520 positions projected where
some 30 have a label.

Method: the hidden states h of the N supervised positions are gathered to one matrix [N, H] before
the head W [V, H], whose weights are frozen. One pass over row chunks of it computes

    loss_i = logsumexp(W h_i) - (W h_i)[y_i]        dloss_i/dh_i = (softmax(W h_i) - onehot(y_i)) W

so the logits of a chunk live once, never as [batch, length, V], and the backward pass multiplies
the stored [N, H] gradient by a scalar. (The head's gradient formed in the forward pass: as in
"Liger Kernel", Hsu et al. 2024, section 3.2, fused linear cross-entropy.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from trl import SFTTrainer

from ptb_lite.training.batch_parts import BatchParts
from ptb_lite.training.kernels.flat_batch import flatten

# Rows of logits alive at once: 128 rows of 262,144 float32 are 134 MB.
ROWS = 128
# On a GPU the compiled softmax needs no copy in float32, and matmuls of few rows are slow.
COMPILED_ROWS = 768
# Compiled layers take batches without padding in multiples of so many tokens.
TOKEN_MULTIPLE = 1024
# Padded batches then have so many lengths.
SIZES = 4
# Of them in float32 at once: on a CPU few enough for its cache to hold through all the passes.
CACHED_ROWS = 4


class FrozenHeadLoss(torch.autograd.Function):  # type: ignore[misc]
    """Sum of the cross-entropy of `labels` [N] under `hidden` [N, H] @ `weight` [V, H] transposed.

    The matmul is made in the dtype of `hidden`, the softmax in float32, as the stock head does.
    Returns (loss sum, number of labels that are the most likely word). `weight` gets no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        labels: torch.Tensor,
        compiled: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        gradient = torch.empty_like(hidden)
        total = hidden.new_zeros((), dtype=torch.float32)
        correct = labels.new_zeros(())
        at_once = COMPILED_ROWS if compiled else ROWS
        few = CACHED_ROWS if hidden.device.type == "cpu" and not compiled else at_once
        to_gradient = _compiled_to_gradient if compiled else _to_gradient
        for start in range(0, len(labels), at_once):
            rows, wanted = hidden[start : start + at_once], labels[start : start + at_once]
            logits = functional.linear(rows, weight)
            for block, words in zip(logits.split(few), wanted[:, None].split(few), strict=True):
                loss, right = to_gradient(block, words)
                total += loss
                correct += right
            gradient[start : start + at_once] = logits @ weight
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(correct)
        return total, correct

    @staticmethod
    def backward(
        ctx: Any, grad_total: torch.Tensor, _grad_correct: torch.Tensor | None
    ) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_total).to(gradient.dtype), None, None, None


def _to_gradient(logits: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn `logits` [n, V] into their gradient under the words `wanted` [n, 1], in place.

    Returns (loss sum, how many wanted words have none that is more likely).
    """
    likeliest = logits.amax(-1, keepdim=True)
    picked = logits.gather(1, wanted)
    shares = logits.softmax(-1, dtype=torch.float32)
    # The largest share is 1 / sum(exp(score - largest)): no second pass over the words for the sum.
    loss = likeliest.float() - picked.float() - shares.amax(-1, keepdim=True).log()
    shares.scatter_add_(1, wanted, -torch.ones_like(shares[:, :1]))
    logits.copy_(shares)
    return loss.sum(), (likeliest == picked).sum()


def _compiled_to_gradient(
    logits: torch.Tensor, wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_to_gradient`, in few kernels whose float32 numbers are never written to memory."""
    torch._dynamo.maybe_mark_dynamic(logits, 0)
    torch._dynamo.maybe_mark_dynamic(wanted, 0)
    made: tuple[torch.Tensor, torch.Tensor] = _softmax_gradient(logits, wanted)
    return made


@torch.compile  # type: ignore[untyped-decorator]
def _softmax_gradient(
    logits: torch.Tensor, wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    scores = logits.float()
    normaliser = scores.logsumexp(-1, keepdim=True)
    picked = scores.gather(1, wanted)
    right = (picked == scores.amax(-1, keepdim=True)).sum()
    chosen = torch.arange(logits.shape[1], device=logits.device) == wanted
    logits.copy_((scores - normaliser).exp() - chosen.float())
    return (normaliser - picked).sum(), right


class PartsTrainer(BatchParts, SFTTrainer):  # type: ignore[misc]
    """`SFTTrainer` that takes a batch in parts."""


class SupervisedHeadTrainer(PartsTrainer):
    """`SFTTrainer` whose training loss is `FrozenHeadLoss`; all else is stock.

    Applies to a causal language model with a frozen, bias-free head and no logit scaling or
    softcapping; `can_override` says whether a model is one. Evaluation stays stock, and wants a
    model whose attention takes padding. `padding_free`: no padding goes through the model, whose
    attention must keep examples apart by their bounds. `compiled`: the layers are, so that batches
    come in few sizes (`longest` is the longest example of all), and the softmax is too.
    """

    padding_free: bool = False
    compiled: bool = False
    longest: int = 0

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        if return_outputs or not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        inner = self.accelerator.unwrap_model(model).get_base_model()
        if self.padding_free:
            few_sizes = {"multiple": TOKEN_MULTIPLE, "longest": self.longest}
            flat = flatten(inputs, **few_sizes if self.compiled else {})
            given, targets = flat.model_inputs, flat.targets[None]
        else:
            padded = self._to_one_length(inputs) if self.compiled else inputs
            given = {name: padded[name] for name in ("input_ids", "attention_mask")}
            targets = functional.pad(padded["labels"][:, 1:], (0, 1), value=-100)
        supervised = targets != -100
        # Called past the wrapper that turns autocast on, so it is turned on here.
        with self.accelerator.autocast():
            outputs = inner.base_model(**given, use_cache=False)
        weight = inner.get_output_embeddings().weight
        hidden = outputs.last_hidden_state[supervised].to(weight.dtype)
        total, correct = FrozenHeadLoss.apply(hidden, weight, targets[supervised], self.compiled)
        count = supervised.sum()
        items = count if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        self._note(inputs, correct, count)
        return total / items.clamp(min=1)

    def _to_one_length(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The batch padded to a multiple of a quarter of the longest example: few sizes."""
        step = max(1, -(-self.longest // SIZES))
        more = -inputs["input_ids"].shape[1] % step
        fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
        return {name: functional.pad(inputs[name], (0, more), value=fill[name]) for name in fill}

    def _note(self, inputs: dict[str, Any], correct: torch.Tensor, count: torch.Tensor) -> None:
        """Keep the metrics that cost nothing; the entropy is not among them."""
        accuracy = (correct / count.clamp(min=1)).item()
        self._metrics["train"]["mean_token_accuracy"].append(accuracy)
        self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]


def can_override(model: Any) -> str | None:
    """Why the override does not apply to a causal language model, or None when it does."""
    head = model.get_output_embeddings()
    if head is None or getattr(head, "bias", None) is not None:
        return "the head has a bias"
    if not head.weight.is_floating_point():
        return "the head is quantised"
    config = model.config.get_text_config()
    for name in (
        "final_logit_softcapping",
        "logit_scale",
        "logits_scaling",
        "output_multiplier",
        "lm_head_multiplier",
        "output_router_logits",
    ):
        if getattr(config, name, None) not in (None, False, 1.0):
            return f"the model uses {name}"
    return None
