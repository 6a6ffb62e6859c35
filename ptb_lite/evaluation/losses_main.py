"""The process that measures losses: `python -m ptb_lite.evaluation.losses_main JOB.json`.

It writes what it measured to the job's `output`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ptb_lite.audit.losses import ItemLoss, Losses
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.files import write_whole
from ptb_lite.evaluation.items import completion, prompt
from ptb_lite.evaluation.losses import LossesJob, Question
from ptb_lite.evaluation.worker import end_with_the_caller, prepare_environment

BATCH_SIZE = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: the output is written; 1: it could not be."""
    (job_file,) = arguments if arguments is not None else sys.argv[1:]
    end_with_the_caller()
    prepare_environment()
    job = LossesJob.model_validate_json(Path(job_file).read_bytes())
    try:
        losses = _measure(job)
    except PtbLiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_whole(job.output, losses.model_dump_json())
    return 0


def _measure(job: LossesJob) -> Losses:
    """The base first, then the same model with the adapter merged in: it is loaded once."""
    # Imported late: torch and transformers read the environment when imported.
    from ptb_lite.evaluation import model as models

    device = models.pick_device(job.device)
    tokenizer = models.load_tokenizer(job.model)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    base = models.load_model(job.model, None, dtype="bfloat16", device=device)
    before = _losses(base, tokenizer, job.questions, device)
    merged = models.merge_adapter(base, job.adapter).eval()
    after = _losses(merged, tokenizer, job.questions, device)
    return Losses(
        items=tuple(
            ItemLoss(
                item_id=asked.item_id,
                benchmark=asked.benchmark,
                sibling=asked.sibling,
                base_loss=was,
                loss=now,
            )
            for asked, was, now in zip(job.questions, before, after, strict=True)
        )
    )


def _losses(model: Any, tokenizer: Any, questions: Sequence[Question], device: str) -> list[float]:
    """Mean negative log-likelihood, in nats a token, of each answer after its question."""
    import torch

    found: list[float] = []
    for start in range(0, len(questions), BATCH_SIZE):
        batch = questions[start : start + BATCH_SIZE]
        asked = [tokenizer(prompt(one.question))["input_ids"] for one in batch]
        whole = [
            tokenizer(prompt(one.question) + completion(one.target))["input_ids"] for one in batch
        ]
        # Tokens of the answer: all that follow what both have in common.
        sizes = [max(1, len(w) - _common(a, w)) for a, w in zip(asked, whole, strict=True)]
        width, kept = max(map(len, whole)), max(sizes)
        padded = [[tokenizer.pad_token_id] * (width - len(w)) + w for w in whole]
        seen = [[0] * (width - len(w)) + [1] * len(w) for w in whole]
        ids = torch.tensor(padded, device=device)
        with torch.inference_mode():
            # The head on the last positions only: a vocabulary may have 262,144 words.
            logits = model(
                input_ids=ids,
                attention_mask=torch.tensor(seen, device=device),
                logits_to_keep=kept + 1,
            ).logits[:, :-1]
            chances = torch.log_softmax(logits.float(), dim=-1)
            own = chances.gather(2, ids[:, -kept:, None])[..., 0]
        found += [-float(row[-size:].mean()) for row, size in zip(own, sizes, strict=True)]
    return found


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts begin with alike."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))


if __name__ == "__main__":
    raise SystemExit(main())
