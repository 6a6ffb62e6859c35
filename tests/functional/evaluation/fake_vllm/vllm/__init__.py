"""A stand-in for vLLM at its own boundary, for machines without it: what lm-eval's class uses.

It generates with transformers, one row after the other, and calls its progress bars as vLLM 0.32
does. Everything above it, lm-eval's class included, is the real thing. FAKE_VLLM_FAILS makes it
refuse to start; FAKE_VLLM_LOG names a file that gets the arguments of every start; with
FAKE_VLLM_WAITS_AT it does so many rows and then nothing, until it is ended.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TokensPrompt = dict


@dataclass
class SamplingParams:
    temperature: float = 1.0
    max_tokens: int = 16
    stop: list[str] = field(default_factory=list)
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True


class LLM:
    def __init__(self, **arguments: Any) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if os.environ.get("FAKE_VLLM_FAILS") == "crash":
            os.abort()
        if os.environ.get("FAKE_VLLM_FAILS"):
            raise ValueError("No available memory for the cache blocks.\nmore lines")
        if log := os.environ.get("FAKE_VLLM_LOG"):
            files = sorted(path.name for path in Path(arguments["model"]).iterdir())
            with Path(log).open("a", encoding="utf-8") as out:
                out.write(json.dumps({"arguments": arguments, "files": files}) + "\n")
        self._left = int(os.environ.get("FAKE_VLLM_WAITS_AT", "1000000"))
        if self._left == 0:  # while it loads, as it does with the folder that it is served
            threading.Event().wait(120)
        self._tokenizer = AutoTokenizer.from_pretrained(arguments["tokenizer"])
        self._model = AutoModelForCausalLM.from_pretrained(
            arguments["model"], dtype=getattr(torch, arguments["dtype"])
        ).eval()
        fits = int(os.environ.get("FAKE_VLLM_FITS", "2048"))
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=fits))

    def generate(
        self, prompts: Any, sampling_params: Any, use_tqdm: Any, lora_request: Any = None
    ) -> list[Any]:
        assert lora_request is None
        waiting = list(zip(use_tqdm(prompts, desc="Rendering"), sampling_params, strict=True))
        bar = use_tqdm(total=len(waiting), desc="Processed prompts", dynamic_ncols=True, postfix="")
        done = []
        for prompt, settings in waiting:
            if self._left == 0:
                threading.Event().wait(120)
            self._left -= 1
            text, tokens = self._complete(prompt["prompt_token_ids"], settings)
            done.append(SimpleNamespace(outputs=[SimpleNamespace(text=text, token_ids=tokens)]))
            bar.postfix = f"{bar.format_dict['elapsed']:.1f} s"
            bar.update(1)
        bar.refresh()
        bar.close()
        return done

    def _complete(self, tokens: list[int], settings: SamplingParams) -> tuple[str, list[int]]:
        """The text before the first stop, and the tokens up to the one that completes it."""
        import torch

        assert settings.temperature == 0
        asked = torch.tensor([tokens])
        rows = self._model.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            max_new_tokens=settings.max_tokens,
            do_sample=False,
            pad_token_id=0,
        )
        written = rows[0][len(tokens) :].tolist()
        text = ""
        for size in range(1, len(written) + 1):
            text = str(
                self._tokenizer.decode(
                    written[:size], skip_special_tokens=settings.skip_special_tokens
                )
            )
            ends = [at for stop in settings.stop if (at := text.find(stop)) >= 0]
            if ends:
                return text[: min(ends)], written[:size]
        return text, written
