"""Log-likelihoods of continuations are lm-eval's, for a fraction of the tokens computed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance

from tests.functional.evaluation.test_shared_prefix import SHOTS, Forwards, followed, stock
from tests.functional.evaluation.tiny_families import FAMILIES, tiny_family

CHOICES = (" a", " bcd", " efgh ijk", " b", " a")


def requests(pairs: list[tuple[str, str]], kind: str = "loglikelihood") -> list[Instance]:
    return [
        Instance(kind, {}, pair, number, ("task", number // len(CHOICES), 1))
        for number, pair in enumerate(pairs)
    ]


def pairs(shots: str, count: int = 11) -> list[tuple[str, str]]:
    draw = random.Random(2)
    asked = [
        f"{shots}{''.join(draw.choices('abc ', k=draw.randint(1, 50)))}?" for _ in range(count)
    ]
    return [(text, choice) for text in asked for choice in CHOICES]


def agree(ours: list[tuple[float, bool]], theirs: list[tuple[float, bool]]) -> None:
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]
    assert [one for one, _ in ours] == pytest.approx([one for one, _ in theirs], abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shots", ["", SHOTS])
def test_they_are_those_of_lm_eval(
    family: str, shots: str, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny_family(family, tiny_model, tmp_path / "model")
    lm, peer = followed(folder, 4), stock(folder, 4)
    seen, paid = Forwards(lm.model), Forwards(peer.model)
    ours = lm.loglikelihood(requests(pairs(shots)))
    agree(ours, peer.loglikelihood(requests(pairs(shots)), disable_tqdm=True))
    assert len({round(one, 3) for one, _ in ours}) > 30
    assert seen.tokens < paid.tokens / (5 if shots else 2)


def test_what_greedy_decoding_writes_is_said_to_be_greedy(tiny_model: Path) -> None:
    lm = followed(tiny_model, 4)
    contexts = [lm.tok_encode(text) for text, _ in pairs("")][:: len(CHOICES)]
    written = [
        lm.model.generate(
            input_ids=torch.tensor([context]), max_new_tokens=6, do_sample=False, pad_token_id=0
        )[0, len(context) :].tolist()
        for context in contexts
    ]
    wrong = [[*tokens[:3], (tokens[3] + 1) % 250, *tokens[4:]] for tokens in written]
    both = [*zip(contexts, written, strict=True), *zip(contexts, wrong, strict=True)]
    found = lm._loglikelihood_tokens([(("", ""), *both_tokens) for both_tokens in both])
    assert [greedy for _, greedy in found] == [True] * len(written) + [False] * len(wrong)


@pytest.mark.parametrize("length", [30, 2046, 2060, 4000])
def test_contexts_as_long_as_the_model_or_longer(length: int, tiny_model: Path) -> None:
    asked = requests([("ab" * (length // 2), choice) for choice in CHOICES])
    agree(
        followed(tiny_model, 2).loglikelihood(asked),
        stock(tiny_model, 2).loglikelihood(asked, disable_tqdm=True),
    )


def test_an_empty_context_and_rolling_windows(tiny_model: Path) -> None:
    asked = requests([("", "abc"), ("", "d"), ("x", "abc")])
    lm, peer = followed(tiny_model, 2), stock(tiny_model, 2)
    agree(lm.loglikelihood(asked), peer.loglikelihood(asked, disable_tqdm=True))
    rolling = [
        Instance("loglikelihood_rolling", {}, ("abc de" * n,), 0, ("t", n, 1)) for n in (1, 40, 700)
    ]
    assert lm.loglikelihood_rolling(rolling, disable_tqdm=True) == pytest.approx(
        peer.loglikelihood_rolling(rolling, disable_tqdm=True), rel=1e-4
    )


def test_progress_counts_items_and_low_memory_halves_the_batch(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    warnings: list[str] = []
    lm = followed(tiny_model, 8)
    lm._on_rows, lm._on_warning, lm._rows_restarted = rows.append, warnings.append, rows.clear
    forward = lm.model.forward

    def small_memory(*arguments: Any, **given: Any) -> Any:
        if len(given["input_ids"]) > 2:
            raise torch.OutOfMemoryError("none")
        return forward(*arguments, **given)

    monkeypatch.setattr(lm.model, "forward", small_memory)
    ours = lm.loglikelihood(requests(pairs("")))
    agree(ours, stock(tiny_model, 2).loglikelihood(requests(pairs("")), disable_tqdm=True))
    assert warnings == [f"out of memory: the batch is halved to {n}" for n in (4, 2)]
    assert sum(rows) == 11
    assert len(rows) > 3
