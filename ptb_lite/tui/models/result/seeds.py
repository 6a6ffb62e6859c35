"""Runs that differ from one another in their seed alone, and what they counted."""

from __future__ import annotations

from contextlib import suppress

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.runs.folder import RunFolder, list_runs

# What lies further back was seldom meant as one of a series.
_NEWEST = 50
_OWN = {"seed", "item_salt", "packages", "preset"}


def counted_by_seed(run: RunFolder) -> dict[int, float]:
    """Counted averages by seed, of the runs beside this one with the same choices and a score."""
    found: dict[int, float] = {}
    with suppress(PtbLiteError, OSError):
        choices = run.read_spec().model_dump(exclude=_OWN)
        for other in [*list_runs(run.path.parent)[-_NEWEST:], run]:
            with suppress(PtbLiteError, OSError):
                spec = other.read_spec()
                scores = other.read_scores()
                if scores is None or scores.no_score or scores.average.counted is None:
                    continue
                if scores.time.agent_outcome is Outcome.INTERRUPTED:
                    continue
                if spec.model_dump(exclude=_OWN) == choices:
                    found[spec.seed] = scores.average.counted
    return found
