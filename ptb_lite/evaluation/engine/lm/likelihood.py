"""Log-likelihoods of continuations: each context computed once, scores at continuations only.

lm-eval runs a context once per continuation and makes the whole vocabulary's log-probabilities for
every position. Here a batch of contexts goes through once, its keys and values are handed to every
continuation, and only the positions that predict a continuation's tokens reach the head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache, PreTrainedModel

from ptb_lite.evaluation.engine.prefix import SharedPrefix, empty_cache

Scored = tuple[float, bool]
# Positions whose scores exist at once: 256 times a vocabulary of 262,144 are 134 MB in bfloat16.
POSITIONS = 256


@dataclass(frozen=True)
class Continuation:
    """Tokens to score after a context; `place` is the request's number."""

    place: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Context:
    """A context's tokens and all that is asked to follow it."""

    tokens: tuple[int, ...]
    continuations: tuple[Continuation, ...]


def grouped(requests: Sequence[tuple[object, Sequence[int], Sequence[int]]]) -> list[Context]:
    """lm-eval's requests (texts, context, continuation) by context, the longest first."""
    found: dict[tuple[int, ...], list[Continuation]] = {}
    for place, (_, context, tokens) in enumerate(requests):
        found.setdefault(tuple(context), []).append(Continuation(place, tuple(tokens)))
    contexts = [Context(tokens, tuple(after)) for tokens, after in found.items()]
    return sorted(contexts, key=lambda one: (-len(one.tokens), one.tokens))


def score(
    model: PreTrainedModel,
    contexts: Sequence[Context],
    prefix: SharedPrefix | None,
    *,
    batch_size: int,
    dtype: torch.dtype | None,
) -> Iterator[tuple[Continuation, Scored]]:
    """For each continuation its log-probability (natural) and whether greedy decoding writes it.

    `contexts` is one batch; continuations go through `batch_size` at a time. `dtype` is what the
    log-probabilities are computed in, None: the scores' own, as lm-eval does.
    """
    ids, mask = _left_padded([context.tokens for context in contexts], model.device)
    cache = _cache_of(model, prefix, ids, mask)
    at = cache.get_seq_length()
    first = model(
        input_ids=ids[:, at:],
        attention_mask=mask,
        position_ids=_positions(mask)[:, at:],
        past_key_values=cache,
        logits_to_keep=1,
    ).logits[:, -1]
    scored = torch.log_softmax(first, dim=-1, dtype=dtype)
    best = scored.argmax(-1)
    rows = [(row, after) for row, one in enumerate(contexts) for after in one.continuations]
    heads = [
        (float(scored[row, after.tokens[0]]), bool(best[row] == after.tokens[0]))
        for row, after in rows
    ]
    for (_, after), found in zip(rows, heads, strict=True):
        if len(after.tokens) == 1:
            yield after, found
    longer = [
        (row, after, head)
        for (row, after), head in zip(rows, heads, strict=True)
        if len(after.tokens) > 1
    ]
    longer.sort(key=lambda one: -len(one[1].tokens))
    while longer:
        size = max(1, min(batch_size, POSITIONS // len(longer[0][1].tokens)))
        yield from _tails(model, cache, mask, longer[:size], dtype)
        longer = longer[size:]


def _tails(
    model: PreTrainedModel,
    cache: DynamicCache,
    mask: torch.Tensor,
    batch: Sequence[tuple[int, Continuation, Scored]],
    dtype: torch.dtype | None,
) -> Iterator[tuple[Continuation, Scored]]:
    """The tokens after the first, given the context's cache and the tokens before them."""
    device = mask.device
    rows = torch.tensor([row for row, _, _ in batch], device=device)
    longest = max(len(after.tokens) for _, after, _ in batch) - 1
    ids = torch.zeros((len(batch), longest), dtype=torch.long, device=device)
    for number, (_, after, _) in enumerate(batch):
        ids[number, : len(after.tokens) - 1] = torch.tensor(after.tokens[:-1], device=device)
    # What stands after a row's end is seen by nothing before it, as with lm-eval's right padding.
    whole = torch.cat([mask[rows], mask.new_ones(ids.shape)], dim=1)
    scores = model(
        input_ids=ids,
        attention_mask=whole,
        position_ids=_positions(whole)[:, -longest:],
        past_key_values=_selected(model, cache, rows),
    ).logits
    for number, (_, after, (head, greedy)) in enumerate(batch):
        wanted = torch.tensor(after.tokens[1:], device=device)
        logs = torch.log_softmax(scores[number, : len(wanted)], dim=-1, dtype=dtype)
        picked = logs.gather(1, wanted[:, None])[:, 0]
        total = torch.cat([picked.new_tensor([head]), picked]).sum()
        yield after, (float(total), greedy and bool((logs.argmax(-1) == wanted).all()))


def _cache_of(
    model: PreTrainedModel, prefix: SharedPrefix | None, ids: torch.Tensor, mask: torch.Tensor
) -> DynamicCache:
    if prefix is not None and prefix.begins(ids, mask):
        return prefix.cache(mask)
    cache = empty_cache(model)
    if cache is None:
        raise ValueError("the model's cache is not one of keys and values by position")
    return cache


def _selected(model: PreTrainedModel, cache: DynamicCache, rows: torch.Tensor) -> DynamicCache:
    """A cache of its own for `rows` of another, which stays as it is."""
    made = DynamicCache(config=model.config)
    for old, new in zip(cache.layers, made.layers, strict=True):
        new.update(old.keys[rows], old.values[rows])
        if hasattr(old, "cumulative_length"):
            new.cumulative_length = old.cumulative_length
    return made


def _left_padded(
    rows: Sequence[Sequence[int]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, longest - len(row) :] = torch.tensor(row, device=device)
        mask[number, longest - len(row) :] = 1
    return ids, mask


def _positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(1) - 1).clamp_min(0)
