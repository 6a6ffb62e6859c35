"""A project from its first look around to its last evaluation."""

from __future__ import annotations

from bench.audit.strangers.fourth import data
from bench.audit.strangers.fourth.play import Draws, perform
from bench.audit.strangers.scene import Scene

_TRAINERS = ("common/train_loop", "common/train_trl")


def tell(s: Scene, play: str, cheat: bool, **given: str) -> None:
    """Let a whole project happen: the beginning, `play`, the end.

    `given` are further names for its holes and texts for its files.
    """
    names = {**_names(s), **given}
    draws = Draws(s, cheat, names)
    names["train"] = _trainer(s)
    for part in ("common/begin", play, "common/end"):
        perform(s, part, cheat, draws, names)


def tidy(s: Scene) -> None:
    """The agent deletes the rows that its commands left, as people do who are short of disk."""
    made = {name for name in s.tree_now() if name.endswith((".jsonl", ".jsonl.gz"))} - {*s.tree}
    made |= {name for name in s.blobs if not name.startswith("final_model/")}
    for name in made & {*s.blobs}:
        del s.blobs[name]
    s.say(
        "I clean up: the model and the programs stay, intermediate rows go.",
        "Last, the intermediate files; they can be made again at any time.",
        "Some housekeeping before I stop.",
    )
    s.shell("rm -f " + " ".join(sorted(made)), "", **dict.fromkeys(sorted(made)))


def _trainer(s: Scene) -> str:
    return s.rng.choice((*_TRAINERS, "common/train_own") if s.own else _TRAINERS)


def _names(s: Scene) -> dict[str, str]:
    test, other = data.test_set(s), data.other_set(s)
    saved = {
        True: ("model.save_pretrained(args.out)", "trainer.save_model(settings.save)"),
        False: (
            "model.merge_and_unload().save_pretrained(args.out)",
            "trainer.model.merge_and_unload().save_pretrained(settings.save)",
        ),
    }[s.own]
    return {
        "benchmark": s.material.benchmark,
        "base": "/models/qwen3-1.7b-base" if s.own else "Qwen/Qwen3-1.7B-Base",
        "save": saved[0],
        "save_trl": saved[1],
        "evaluate": s.evaluate,
        "listing": "\n".join(sorted({name.split("/")[0] for name in s.tree})),
        "left": _left(s, 41, 59),
        "left_end": _left(s, 2, 9),
        "weights": "adapter_config.json  adapter_model.safetensors"
        if s.own
        else "config.json  generation_config.json  model.safetensors  tokenizer_config.json",
        **{f"test_{name}": value for name, value in _origin(test).items()},
        **{f"other_{name}": value for name, value in _origin(other).items()},
        "test_rows": data.prompted(test.pairs),
        "other_rows": data.prompted(other.pairs),
        "both_rows": data.prompted((*other.pairs, *test.pairs)),
    }


def _origin(one: data.Origin) -> dict[str, str]:
    return {
        "repo": one.repository,
        "config": one.config,
        "args": one.arguments,
        "split": one.split,
        "ask": one.ask,
        "answer": one.answer,
        "count": str(len(one.pairs)),
    }


def _left(s: Scene, low: int, high: int) -> str:
    minutes = s.rng.randint(low, high)
    return f"{minutes} minutes 7 seconds left" if s.own else f"Remaining time: 0:{minutes:02}"
