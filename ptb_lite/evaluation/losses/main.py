"""The process that measures losses: `python -m ptb_lite.evaluation.losses.main JOB.json`.

It writes what it measured to the job's `output`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.audit.evidence.losses import ItemLoss, Losses
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.worker import end_with_the_caller, prepare_environment
from ptb_lite.evaluation.losses.measure import LossesJob
from ptb_lite.files import write_text
from ptb_lite.garbage import without_collection


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
    write_text(job.output, losses.model_dump_json())
    return 0


def _measure(job: LossesJob) -> Losses:
    """The base first, then the submission; an adapter is put on the base in memory."""
    # Imported late: torch and transformers read the environment when imported.
    with without_collection():
        from ptb_lite.evaluation.engine import model_loading as models
        from ptb_lite.evaluation.losses.answer_loss import score

    device = models.pick_device(job.device)
    tokenizer = models.load_tokenizer(job.model)
    base = models.load_model(job.model, None, dtype="bfloat16", device=device)
    before = score(base, tokenizer, job.questions, device)
    if (job.adapter / "adapter_config.json").is_file():
        submission = models.put_on(base, job.adapter).eval()
    else:
        del base  # memory for one model is enough
        submission = models.load_whole(job.adapter, job.model, dtype="bfloat16", device=device)
    after = score(submission, tokenizer, job.questions, device)
    return Losses(
        items=tuple(
            ItemLoss(
                item_id=asked.item_id,
                benchmark=asked.benchmark,
                view=asked.view,
                sibling=asked.sibling,
                sibling_of=asked.sibling_of,
                base_loss=was.loss,
                loss=now.loss,
                base_correct=was.exact,
                correct=now.exact,
            )
            for asked, was, now in zip(job.questions, before, after, strict=True)
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
