"""Questions of dataset benchmarks as text: for a person, for an agent, and to train on."""

from __future__ import annotations

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.engine.chat import TURN_END, render
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.lm_tasks.task import BEGINS, LmTask
from ptb_lite.evaluation.lm_tasks.task import training_pair as pair_of


def lm_example_text(item: Item, task: LmTask) -> str:
    """One question of a task of lm-eval and its right answer, for the agent's workspace."""
    prompt, answer = pair_of(item, task)
    choices = item.metadata.get("choices")
    text = (
        "One item as the model gets it, between the lines of dashes:\n"
        f"-----\n{prompt}\n-----\nThe right answer, which follows at once:\n"
        f"-----\n{answer}\n-----\n"
    )
    if isinstance(choices, list):
        shown = "".join(f"- {choice}\n" for choice in choices)
        what = "beginning" if item.metadata.get(BEGINS) else "answer"
        text += f"It is not written but chosen, by the likelihood of each {what}:\n{shown}"
    return f"{text}{task.measure} of lm-eval counts.\n"


def training_pair(benchmark: str, item: Item, family: ChatFamily) -> tuple[str, str]:
    """What a model is asked, in its chat template, and what a perfect one writes then."""
    functions = find_benchmark(benchmark)
    return render(functions.chat(item), family), f"{functions.reply(item)}{TURN_END[family]}"


def example_text(benchmark: str, item: Item, family: ChatFamily) -> str:
    """One question and a right answer, for the agent's workspace."""
    prompt, answer = training_pair(benchmark, item, family)
    return (
        "One item as the model gets it, between the lines of dashes (the tokenizer puts its "
        "beginning-of-text token before it, where it has one):\n"
        f"-----\n{prompt}\n-----\nA right answer, which ends with {TURN_END[family]} :\n"
        f"-----\n{answer}\n-----\n"
    )
