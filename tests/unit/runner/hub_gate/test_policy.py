"""What passes by its name, and the sentence for what does not."""

from __future__ import annotations

import pytest

from ptb_lite.audit.evidence.test_sets.sources import Sources, sources_of_dataset
from ptb_lite.runner.hub_gate.policy import Action, HubPolicy
from ptb_lite.runner.hub_gate.requests import parse

POLICY = HubPolicy(
    sources=Sources(["gsm8k", "humaneval", "healthbench", "arenahardwriting"]),
    base_ids=["Qwen/Qwen3-1.7B-Base"],
    instruct_ids=["Qwen/Qwen3-1.7B"],
)


@pytest.mark.parametrize(
    "target",
    [
        "/datasets/openai/gsm8k/resolve/main/main/train-00000-of-00001.parquet",
        "/datasets/openai/gsm8k/resolve/main/README.md",
        "/api/datasets/openai/gsm8k/revision/main",
        "/datasets/meta-math/MetaMathQA/resolve/main/MetaMathQA-395K.json",
        "/api/datasets?search=maths",
        "/bert-base-uncased/resolve/main/tokenizer.json",
    ],
)
def test_passes_after_a_search(target: str) -> None:
    assert POLICY.decide(parse(target)).action == Action.SEARCH


def test_the_base_model_passes_as_it_is() -> None:
    target = "/qwen/qwen3-1.7b-base/resolve/main/model-00001-of-00002.safetensors"
    assert POLICY.decide(parse(target)).action == Action.PASS


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/datasets/openai/gsm8k/resolve/main/main/test-00000-of-00001.parquet", "test split"),
        (
            "/datasets/openai/gsm8k/resolve/refs%2Fconvert%2Fparquet/main/test/0000.parquet",
            "test split",
        ),
        ("/datasets/openai/openai_humaneval/resolve/main/x.parquet", "is the test set"),
        ("/datasets/evalplus/humanevalplus/resolve/main/x.jsonl", "known to hold test items"),
        ("/datasets/lmarena/arena-hard-auto/resolve/main/a.jsonl", "answers"),
        ("/Qwen/Qwen3-1.7B/resolve/main/config.json", "instruct version"),
        ("/Qwen/Qwen3-1.7B/resolve/main/model.safetensors", "instruct version"),
        ("/meta/other/resolve/main/model.safetensors.index.json", "weights of other models"),
        ("/meta/other/resolve/main/pytorch_model.bin", "weights of other models"),
        ("/datasets/me/hidden/resolve/main/model.gguf", "weights of other models"),
        ("/spaces/a/b/resolve/main/app.py", "spaces"),
        ("/datasets/openai/gsm8k.git/info/refs", "git is not served"),
        ("/api/whoami-v2", "only models' and datasets'"),
    ],
)
def test_refused_with_a_sentence(target: str, says: str) -> None:
    decision = POLICY.decide(parse(target))
    assert decision.action == Action.REFUSE
    assert says in decision.reason


def test_a_listing_hides_what_would_be_refused() -> None:
    request = parse("/api/datasets/openai/gsm8k/tree/main")
    assert POLICY.hides(request, "main/test-00000-of-00001.parquet")
    assert not POLICY.hides(request, "main/train-00000-of-00001.parquet")


@pytest.mark.parametrize(
    ("target", "train", "says"),
    [
        (
            "/datasets/allenai/ai2_arc/resolve/main/test-0.parquet",
            ("train",),
            "test split",
        ),
        ("/datasets/allenai/ai2_arc/resolve/main/train-0.parquet", ("train",), ""),
        ("/datasets/allenai/ai2_arc/resolve/main/train-0.parquet", (), "is the test set"),
        ("/datasets/me/ai2_arc-test/resolve/main/a.parquet", ("train",), "known to hold test"),
        ("/datasets/me/other/resolve/main/test.parquet", ("train",), ""),
    ],
)
def test_a_task_of_lm_eval_is_known_by_its_data_set(
    target: str, train: tuple[str, ...], says: str
) -> None:
    known = {"lm-eval:arc_easy": sources_of_dataset("allenai/ai2_arc", train)}
    policy = HubPolicy(sources=Sources(["lm-eval:arc_easy"], known), base_ids=[])
    decision = policy.decide(parse(target))
    assert says in decision.reason
    assert decision.action == (Action.REFUSE if says else Action.SEARCH)
