"""The followed model says what lm-eval's own model says, with less waiting and less memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer


def requests(settings: dict[str, Any]) -> list[Instance]:
    prompts = [f"Question: {'ab' * n} = ?\nAnswer:" for n in range(1, 14)]
    return [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(prompt, dict(settings)),
            idx=0,
            metadata=("task", number, 1),
        )
        for number, prompt in enumerate(prompts)
    ]


class AgentAnswer:
    def __init__(self) -> None:
        self.rows = 0
        self.warnings: list[str] = []

    def add(self, rows: int) -> None:
        self.rows += rows

    def restart(self) -> None:
        self.rows = 0


def followed(folder: Path, heard: AgentAnswer, batch_size: int) -> FollowedLM:
    return FollowedLM(
        load_model(folder, None, dtype="float32", device="cpu"),
        load_tokenizer(folder),
        batch_size=batch_size,
        on_rows=heard.add,
        on_warning=heard.warnings.append,
        rows_restarted=heard.restart,
    )


@pytest.mark.parametrize("until", [["\n"], ["e", "t"], ["ab", "."]])
def test_completions_are_those_of_lm_eval(tiny_model: Path, until: list[str]) -> None:
    settings = {"until": until, "do_sample": False, "max_gen_toks": 40}
    stock = HFLM(
        pretrained=load_model(tiny_model, None, dtype="float32", device="cpu"),
        tokenizer=load_tokenizer(tiny_model),
        batch_size=5,
    )
    heard = AgentAnswer()
    ours = followed(tiny_model, heard, batch_size=5).generate_until(requests(settings))
    assert ours == stock.generate_until(requests(settings), disable_tqdm=True)
    assert any(ours)
    assert heard.rows == 13
    assert heard.warnings == []


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_low_memory_halves_the_batch_and_says_so(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    settings = {"until": ["\n"], "do_sample": False, "max_gen_toks": 8}
    heard = AgentAnswer()
    lm = followed(tiny_model, heard, batch_size=8)
    wanted = followed(tiny_model, AgentAnswer(), batch_size=2).generate_until(requests(settings))
    generate = lm.model.generate

    def small_memory(**arguments: Any) -> torch.Tensor:
        if len(arguments["input_ids"]) > 2:
            raise error
        rows: torch.Tensor = generate(**arguments)
        return rows

    monkeypatch.setattr(lm.model, "generate", small_memory)
    assert lm.generate_until(requests(settings)) == wanted
    assert heard.warnings == [
        "out of memory: the batch is halved to 4",
        "out of memory: the batch is halved to 2",
    ]
    assert heard.rows == 13


def test_other_errors_and_a_single_row_without_memory_are_not_hidden(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"until": ["\n"], "do_sample": False, "max_gen_toks": 8}
    lm = followed(tiny_model, AgentAnswer(), batch_size=8)

    def no_memory(**_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("none at all")

    monkeypatch.setattr(lm.model, "generate", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        lm.generate_until(requests(settings))

    def broken(**_: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    lm.batch_size_per_gpu = 8
    monkeypatch.setattr(lm.model, "generate", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        lm.generate_until(requests(settings))
