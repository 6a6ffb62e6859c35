"""What prompts share is computed once, and changes no completion; nor do rows that leave."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.lm.task_definition import TEMPLATES
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer
from ptb_lite.evaluation.engine.prefix import common_prefix
from ptb_lite.evaluation.items.item import prompt, read_items
from ptb_lite.evaluation.items.splits import ItemFiles
from tests.functional.evaluation.tiny_families import FAMILIES, WINDOW, tiny_family

SHOTS = "".join(f"Question: {'abc' * n}?\nAnswer: {n}\n\n" for n in range(1, 6))


def requests(prompts: list[str], **settings: Any) -> list[Instance]:
    settings = {"until": ["\n"], "do_sample": False, "max_gen_toks": 40} | settings
    return [
        Instance("generate_until", {}, (prompt, dict(settings)), 0, ("task", number, 1))
        for number, prompt in enumerate(prompts)
    ]


def drawn(count: int) -> list[str]:
    draw = random.Random(1)
    return [
        f"{SHOTS}Question: {''.join(draw.choices('abc def', k=draw.randint(1, 60)))}?\nAnswer:"
        for _ in range(count)
    ]


class Forwards:
    """Counts the tokens that go through a model, by the number of rows and columns of a call."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.shapes: list[tuple[int, int]] = []
        model.register_forward_pre_hook(self._seen, with_kwargs=True)

    def _seen(self, _: object, placed: tuple[Any, ...], given: dict[str, Any]) -> None:
        ids = placed[0] if placed else given["input_ids"]
        self.shapes.append(tuple(ids.shape))

    @property
    def tokens(self) -> int:
        return sum(rows * columns for rows, columns in self.shapes)


def followed(folder: Path, batch_size: int) -> FollowedLM:
    return FollowedLM(
        load_model(folder, None, dtype="float32", device="cpu"),
        load_tokenizer(folder),
        batch_size=batch_size,
        on_rows=lambda _: None,
        on_warning=pytest.fail,
        rows_restarted=lambda: None,
    )


def stock(folder: Path, batch_size: int) -> HFLM:
    return HFLM(
        pretrained=load_model(folder, None, dtype="float32", device="cpu"),
        tokenizer=load_tokenizer(folder),
        batch_size=batch_size,
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("until", [["\n"], ["e", "t"]])
def test_completions_are_those_of_lm_eval(
    family: str, until: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny_family(family, tiny_model, tmp_path / "model")
    asked = requests(drawn(21), until=until)
    lm = followed(folder, 8)
    seen = Forwards(lm.model)
    ours = lm.generate_until(asked)
    theirs = stock(folder, 8)
    paid = Forwards(theirs.model)
    assert ours == theirs.generate_until(asked, disable_tqdm=True)
    assert len(set(ours)) > 5
    assert len(SHOTS) > 2 * WINDOW
    assert seen.shapes[0] == (1, len(f"{SHOTS}Question: "))
    assert seen.tokens < paid.tokens / 2


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_rows_that_have_stopped_leave_the_batch(
    family: str, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny_family(family, tiny_model, tmp_path / "model")
    prompts = [f"{n} {'xy' * n}" for n in range(32)]
    free = stock(folder, 16).generate_until(requests(prompts, until=["\0"]), disable_tqdm=True)
    # The letter that comes closest to being met by three quarters of the rows.
    letters = sorted(set("".join(free)))
    met = {letter: sum(letter in text for text in free) for letter in letters}
    asked = requests(prompts, until=[min(letters, key=lambda letter: abs(met[letter] - 24))])
    lm = followed(folder, 16)
    seen = Forwards(lm.model)
    assert lm.generate_until(asked) == stock(folder, 16).generate_until(asked, disable_tqdm=True)
    assert seen.shapes[0][0] == 16
    rows = [shape[0] for shape in seen.shapes if shape[1] == 1]
    assert 0 < min(rows) <= 8
    assert sum(rows) < 16 * len(rows) * 0.8


def test_prompts_that_do_not_all_begin_alike_are_computed_whole(tiny_model: Path) -> None:
    asked = requests([*drawn(6), "Something else"])
    lm = followed(tiny_model, 4)
    seen = Forwards(lm.model)
    assert lm.generate_until(asked) == stock(tiny_model, 4).generate_until(asked, disable_tqdm=True)
    assert seen.shapes[0][0] == 4


def test_prompts_cut_on_the_left_are_computed_whole(tiny_model: Path) -> None:
    asked = requests(["a" * 30 + "b" * 2100, *("a" * 30 + "b" * n for n in range(5))])
    assert followed(tiny_model, 2).generate_until(asked) == stock(tiny_model, 2).generate_until(
        asked, disable_tqdm=True
    )


def test_sampling_with_a_seed_repeats_itself(tiny_model: Path) -> None:
    asked = requests(drawn(9), do_sample=True, temperature=0.6, top_p=0.95)
    texts = []
    for _ in range(2):
        torch.manual_seed(7)
        texts.append(followed(tiny_model, 4).generate_until(asked))
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 3


def test_the_common_prefix_leaves_a_token_of_every_row() -> None:
    assert common_prefix([[1, 2, 3], [1, 2, 4, 5]]) == [1, 2]
    assert common_prefix([[1, 2], [1, 2, 4, 5]]) == [1]
    assert common_prefix([[1, 2], [1, 2]]) == [1]
    assert common_prefix([[3], [4]]) == []
    assert common_prefix([]) == []


@pytest.mark.parametrize("definition", ["procedural.yaml", "dataset.yaml"])
def test_the_examples_before_every_item_are_the_first_of_the_train_split(
    definition: str, items: ItemFiles
) -> None:
    metadata = {"items": str(items.test.path), "shots": str(items.train.path)}
    manager = TaskManager(include_defaults=False, metadata=metadata)
    (task,) = manager.load([str(TEMPLATES / definition)])["tasks"].values()
    task.set_config(key="num_fewshot", value=3)
    task.set_fewshot_seed(seed=5)
    task.build_all_requests(limit=6)
    solved = [
        f"{prompt(item.question)} {item.target}\n\n" for item in read_items(items.train.path)[:3]
    ]
    asked = [prompt(item.question) for item in read_items(items.test.path)[:6]]
    assert [one.args[0] for one in task.instances] == ["".join(solved) + text for text in asked]
