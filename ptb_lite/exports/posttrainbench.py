"""PostTrainBench: the line that starts the same choices in a checkout of its repository.

Its `src/run_task.sh` takes evaluation, agent, model, a number for the job, hours, the agent's model
and a number of GPUs; `src/commit_utils/single_task.sub` hands them to HTCondor. One benchmark a
job. Seen in the repository as of its commit 9082063 (aisa-group/PostTrainBench).
"""

from __future__ import annotations

import math
from pathlib import Path

from ptb_lite.errors import SpecError
from ptb_lite.exports.check import Check, check_shell
from ptb_lite.exports.folder import TEMPLATES, Written, write_files
from ptb_lite.exports.source import Chosen

EVALUATIONS = ("aime2025", "arenahardwriting", "bfcl", "gpqamain", "gsm8k", "healthbench",
               "humaneval")  # fmt: skip
AGENTS = {"claude-code": "claude", "codex": "codex", "gemini": "gemini", "opencode": "opencode"}
"""Our backends by its own names of them, `agents/NAME/solve.sh`."""
_FAMILIES = ("qwen", "gemma", "smollm")
"""Base models that its evaluation has a chat template for."""


def write(chosen: Chosen, folder: Path) -> Written:
    """Raises SpecError for choices that it has no name for, or that need an agent's model."""
    spec = chosen.spec
    agent = AGENTS.get(chosen.agent.backend)
    if agent is None:
        raise SpecError(
            f"PostTrainBench has no '{spec.agent}'", field="agent",
            hint=f"It has {', '.join(AGENTS)}",
        )  # fmt: skip
    if not spec.agent_model:
        raise SpecError(
            "PostTrainBench wants it named",
            field="agent_model",
            hint="Write `agent_model:` into the preset, or export a run that has one",
        )
    unknown = [name for name in spec.benchmarks if name not in EVALUATIONS]
    if unknown:
        raise SpecError(
            f"PostTrainBench has no '{unknown[0]}'", field="benchmarks",
            hint=f"It has {', '.join(EVALUATIONS)}",
        )  # fmt: skip
    hub_id = chosen.model.hub_id
    if hub_id is None or not hub_id.lower().split("/")[-1].startswith(_FAMILIES):
        raise SpecError(
            f"PostTrainBench cannot train '{spec.model}'", field="model",
            hint="It takes Qwen3, Gemma 3 and SmolLM models by their Hub ids",
        )  # fmt: skip
    hours = max(1, math.ceil(spec.budget_minutes / 60))
    script = TEMPLATES.get_template("posttrainbench.sh.j2").render(
        benchmarks=spec.benchmarks, agent=agent, model=hub_id, hours=hours, config=spec.agent_model
    )
    write_files(folder, {"submit.sh": script})
    return Written(
        title="Jobs of PostTrainBench",
        start=(
            "export POST_TRAIN_BENCH_CHECKOUT=/path/to/PostTrainBench",
            "bash submit.sh            # HTCondor, as its own commit.sh does",
            "bash submit.sh --here     # on this machine, one after another",
        ),
        differs=tuple(_differs(chosen, hours)),
        checks=(
            check_shell(folder / "submit.sh"),
            Check("not checked", "PostTrainBench", "it has no checker; submit.sh looks for the "
                  "evaluation and the agent in the checkout before it starts anything"),
        ),
    )  # fmt: skip


def _differs(chosen: Chosen, hours: int) -> list[str]:
    spec = chosen.spec
    found = [
        "One H100 (80 GB), a container of Apptainer with its own packages, and vLLM for scores.",
        "One job for each benchmark: "
        f"{len(spec.benchmarks)} here, each with the whole time for itself.",
        "The agent evaluates on the test set as it likes (`feedback: test`), with whole weights "
        "allowed; the chat template is PostTrainBench's for the family.",
        "Network and Hub are open to the agent.",
        "Contamination and other models are judged by a language model alone; a flagged run counts "
        "as the base score there, whatever `policy` says here.",
        "No few-shot baseline, no disclosure but its rules, no seed.",
        "All items of a benchmark are scored, whatever `limit` says here.",
    ]
    if chosen.model.source == "embedded":
        found.append(
            f"The base model is {chosen.model.hub_id} itself, not the copy rounded to 4 bits."
        )
    if 60 * hours != spec.budget_minutes:
        found.append(f"It counts whole hours: {hours} in place of {spec.budget_minutes:g} minutes.")
    return [*found, "`ptb-lite import RESULTS` shows its result folders beside runs made here."]
