"""How long a run will take: from earlier runs on this machine, else a guess that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ptb_lite.catalog.entries import BenchmarkEntry, ModelEntry
from ptb_lite.evaluation.engine.plan import VLLM_START_SECONDS, EvaluationPlan, Work, card_seconds
from ptb_lite.events import Phase
from ptb_lite.hardware import Device
from ptb_lite.tui.models.setup.earlier import Earlier

# For the guess alone. An item is a prompt with its examples and an answer; the rates are what
# small models reach in batches, in floating point operations a second: the CPU's measured
# with the embedded model on two cores (0.07 s for a five-shot item of add-numbers), the GPU's
# taken low; through transformers a GPU waits for the CPU at every token besides. Off by a
# factor of several where machines differ, hence a guess.
_PROMPT_TOKENS = 50
_PER_CORE = 1.5e11
_PER_GPU = 1e13
_LOADING_SECONDS = 20.0
_REST_SECONDS = {Phase.PREPARE: 10.0, Phase.SEAL: 2.0, Phase.AUDIT: 10.0, Phase.REPORT: 1.0}


@dataclass(frozen=True)
class Scored:
    """`items` of a benchmark that are scored, with answers of up to `answer` tokens."""

    entry: BenchmarkEntry
    items: int
    answer: int

    def sequence(self, shots: int = 0) -> int:
        """Tokens of a prompt with so many examples and its answer, guessed."""
        return _PROMPT_TOKENS * (1 + shots) + self.answer


@dataclass(frozen=True)
class PhaseTimes:
    """Expected seconds; `agent` is its whole budget. `measured`: all from earlier runs here."""

    prepare: float
    baseline: float
    agent: float
    evaluate: float
    rest: float
    measured: bool

    @property
    def total(self) -> float:
        return self.prepare + self.baseline + self.agent + self.evaluate + self.rest


@dataclass(frozen=True)
class _Seconds:
    value: float
    measured: bool


def expected_times(
    model: ModelEntry,
    benchmarks: Sequence[Scored],
    budget_seconds: float,
    device: Device,
    earlier: Earlier,
    plan: EvaluationPlan,
    off_target: Sequence[Scored] = (),
) -> PhaseTimes:
    """Times of every phase; `plan` is what carries out the evaluations.

    What is `off_target` has no few-shot pass.
    """
    loading = _loading(model, device, earlier, plan)
    before = [
        _evaluation(model, each, label, device, earlier, plan)
        for each in benchmarks
        for label in ("zero_shot", "few_shot")
    ]
    before += [_evaluation(model, each, "zero_shot", device, earlier, plan) for each in off_target]
    after = [
        _evaluation(model, each, "after", device, earlier, plan)
        for each in (*benchmarks, *off_target)
    ]
    rest = {phase: _phase(phase, earlier) for phase in _REST_SECONDS}
    return PhaseTimes(
        prepare=rest[Phase.PREPARE].value,
        baseline=loading.value + sum(part.value for part in before),
        agent=budget_seconds,
        evaluate=loading.value + sum(part.value for part in after),
        rest=sum(part.value for phase, part in rest.items() if phase is not Phase.PREPARE),
        measured=all(part.measured for part in (loading, *before, *after)),
    )


def evaluation_seconds(
    model: ModelEntry, scored: Scored, device: Device, earlier: Earlier, plan: EvaluationPlan
) -> tuple[float, bool]:
    """Seconds for one zero-shot evaluation, and whether they were measured here."""
    found = _evaluation(model, scored, "zero_shot", device, earlier, plan)
    return found.value, found.measured


def _evaluation(
    model: ModelEntry,
    scored: Scored,
    label: str,
    device: Device,
    earlier: Earlier,
    plan: EvaluationPlan,
) -> _Seconds:
    job = (model.id, scored.entry.id, device.kind, label, plan.engine.name)
    known = earlier.item_seconds.get(job)
    if known is not None:
        return _Seconds(scored.items * known, True)
    tokens = scored.sequence(scored.entry.num_fewshot if label == "few_shot" else 0)
    rate = _PER_GPU if device.kind == "cuda" else _PER_CORE * device.cores
    computing = scored.items * 2.0 * model.parameters * tokens / rate
    waiting = 0.0
    if device.kind == "cuda" and plan.engine.name == "transformers":
        waiting = card_seconds(Work(scored.items, scored.answer), model.layers, plan.batch_size)
    return _Seconds(max(computing, waiting), False)


def _loading(model: ModelEntry, device: Device, earlier: Earlier, plan: EvaluationPlan) -> _Seconds:
    known = earlier.loading_seconds.get((model.id, device.kind, plan.engine.name))
    if known is not None:
        return _Seconds(known, True)
    starting = VLLM_START_SECONDS if plan.engine.name == "vllm" else 0.0
    return _Seconds(_LOADING_SECONDS + starting, False)


def _phase(phase: Phase, earlier: Earlier) -> _Seconds:
    known = earlier.phase_seconds.get(phase)
    return _Seconds(_REST_SECONDS[phase], False) if known is None else _Seconds(known, True)
