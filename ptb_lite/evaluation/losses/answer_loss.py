"""How likely a model finds given answers: one pass over each text, nothing is generated.

Needs torch; runs in a process of its own (`losses_main.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ptb_lite.evaluation.losses.measure import Question

# Bounds of a batch by device: tokens that go through the layers, and places at which the head is
# applied (of 262,144 words in float32 each takes 1 MiB).
BATCH_TOKENS = {"cpu": 4096, "cuda": 16_384}
BATCH_PLACES = {"cpu": 384, "cuda": 4096}
MAX_TOKENS = 4096


@dataclass(frozen=True)
class Scored:
    """`loss`: mean negative log-likelihood (nats a token) at the places that count. `exact`:
    whether greedy decoding writes just this completion, None where that was not asked.

    Decoding is followed along the tokens of the completion itself: an answer that a model spells
    with other tokens counts as another one, which is rare and as rare for siblings.
    """

    loss: float
    exact: bool | None


@dataclass(frozen=True)
class _Text:
    """Token ids, and the positions (from 1) of those that count."""

    number: int
    ids: list[int]
    places: list[int]


def score(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    device: str,
) -> list[Scored]:
    """One result a question, in their order. Texts are cut to `MAX_TOKENS` at their beginning."""
    texts = [_text(number, one, tokenizer) for number, one in enumerate(questions)]
    found: dict[int, Scored] = {}
    kind = torch.device(device).type
    for batch in _batches(texts, BATCH_TOKENS[kind], BATCH_PLACES[kind]):
        kept = sorted({place for text in batch for place in text.places})
        logits = _logits(model, batch, kept, device)
        column = {place: number for number, place in enumerate(kept)}
        for row, text in enumerate(batch):
            own = logits[row, [column[place] for place in text.places]].float()
            wanted = torch.tensor([text.ids[place] for place in text.places], device=own.device)
            losses = torch.nn.functional.cross_entropy(own, wanted)
            exact = None
            if questions[text.number].short:
                exact = _is_written(own.argmax(dim=-1).tolist(), wanted.tolist(), tokenizer)
            found[text.number] = Scored(float(losses), exact)
    return [found[number] for number in range(len(questions))]


def _text(number: int, asked: Question, tokenizer: PreTrainedTokenizerBase) -> _Text:
    before = tokenizer(asked.prompt)["input_ids"]
    whole = tokenizer(asked.prompt + asked.completion, return_offsets_mapping=True)
    ids = list(whole["input_ids"])
    # Tokens of the answer: all that follow what both have in common.
    first = min(max(1, _common(before, ids)), len(ids) - 1)
    places = list(range(first, len(ids)))
    if asked.spans:
        start = len(asked.prompt)
        ranges = [(start + low, start + high) for low, high in asked.spans]
        offsets = whole["offset_mapping"]
        marked = [p for p in places if _overlaps(offsets[p], ranges)]
        places = marked or places
    cut = max(0, len(ids) - MAX_TOKENS)
    return _Text(number, ids[cut:], [p - cut for p in places if p > cut])


def _overlaps(token: tuple[int, int], ranges: Sequence[tuple[int, int]]) -> bool:
    return any(token[0] < high and low < token[1] for low, high in ranges)


def _batches(texts: Sequence[_Text], tokens: int, most: int) -> Iterator[list[_Text]]:
    """Texts of about the same length together, within the bounds; each at least by itself."""
    batch: list[_Text] = []
    places: set[int] = set()
    for text in sorted(texts, key=lambda one: (len(one.ids), one.number)):
        grown = places | set(text.places)
        rows = len(batch) + 1
        if batch and (rows * len(text.ids) > tokens or rows * len(grown) > most):
            yield batch
            batch, grown = [], set(text.places)
        batch.append(text)
        places = grown
    if batch:
        yield batch


def _logits(
    model: PreTrainedModel, batch: Sequence[_Text], kept: Sequence[int], device: str
) -> torch.Tensor:
    """(row, number in `kept`, word): what is said of the token at each place of `kept`."""
    width = max(len(text.ids) for text in batch)
    # Padded behind: no place that counts can see it.
    ids = [text.ids + [text.ids[-1]] * (width - len(text.ids)) for text in batch]
    seen = [[1] * len(text.ids) + [0] * (width - len(text.ids)) for text in batch]
    with torch.inference_mode():
        # The head at these places only: a vocabulary may have 262,144 words.
        given: Any = model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=torch.tensor(seen, device=device),
            logits_to_keep=torch.tensor([place - 1 for place in kept], device=device),
            use_cache=False,
        )
    logits: torch.Tensor = given.logits
    return logits


def _is_written(
    own: Sequence[int], wanted: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> bool:
    """Whether the likeliest tokens are the answer's; it may also end otherwise than by a line."""
    *answer, end = zip(own, wanted, strict=True)
    if any(one != other for one, other in answer):
        return False
    return end[0] in (end[1], tokenizer.eos_token_id) or str(tokenizer.decode([end[0]])).startswith(
        "\n"
    )


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))
