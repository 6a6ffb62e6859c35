"""How a run's evaluations are carried out: chosen before the first one, and kept for all others.

A score by vLLM and one by transformers are not of the same measurement, and neither are those of
different batches: what was chosen for the baseline is used after the agent, too.
"""

from __future__ import annotations

from ptb_lite.evaluation.engine.capability import plan_evaluation, plan_without_vllm, with_plan
from ptb_lite.evaluation.engine.plan import EvaluationPlan
from ptb_lite.evaluation.errors import EngineFailed, SubmissionUnservable
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.events import EvaluationPlanned
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import RunContext


def planned(context: RunContext, job: EvaluationJob) -> EvaluationJob:
    """`job` by the run's plan; the first one makes it, and the journal has it with its reasons.

    Raises SpecError where vLLM is to be used and cannot be, and what `plan_evaluation` raises.
    """
    try:
        plan = read_record(context.run.evaluation_plan, EvaluationPlan)
    except FileNotFoundError:
        plan = plan_evaluation(job, context.spec.evaluation_engine)
        _keep(context, plan)
    else:
        plan = _as_of_now(context, job, plan)
    return with_plan(job, plan)


def planned_again(
    context: RunContext, job: EvaluationJob, error: EngineFailed, *, first: bool
) -> EvaluationJob:
    """`job` by transformers, since vLLM did not start.

    Raises `error` where vLLM was asked for by name, or the job is not the run's `first`.
    """
    plan = read_record(context.run.evaluation_plan, EvaluationPlan)
    if plan.asked != "auto" or not first:
        raise error
    plan = plan_without_vllm(job, plan, error.message)
    _keep(context, plan)
    return with_plan(job, plan)


def without_vllm(context: RunContext, job: EvaluationJob, error: SubmissionUnservable) -> None:
    """From here on the run's evaluations are by transformers, also where vLLM was asked for."""
    context.warn(f"{error.message}: base and submission are scored by transformers instead")
    plan = read_record(context.run.evaluation_plan, EvaluationPlan)
    _keep(context, plan_without_vllm(job, plan, error.message))


def _as_of_now(context: RunContext, job: EvaluationJob, plan: EvaluationPlan) -> EvaluationPlan:
    """The same choice with what vLLM may take of the memory that is free now."""
    if plan.engine.name != "vllm":
        return plan
    now = plan_evaluation(job, "vllm")
    if now.engine.packages != plan.engine.packages:
        context.warn(
            f"vLLM's environment has changed since the baseline: {plan.engine.title} then, "
            f"{now.engine.title} now"
        )
    return plan.model_copy(update={"engine": now.engine})


def _keep(context: RunContext, plan: EvaluationPlan) -> None:
    context.run.evaluations.mkdir(parents=True, exist_ok=True)
    write_record(context.run.evaluation_plan, plan)
    context.journal.write(
        EvaluationPlanned(
            engine=plan.engine.name,
            engine_version=plan.engine.packages.get(plan.engine.name, ""),
            batch_size=plan.batch_size,
            reasons=plan.reasons,
        )
    )
