"""Whole weights as transformers really writes them, for a tiny model: accepted and loaded, or
refused with what is wrong, before anything of them runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.audit.detectors.submission import validate_submission
from ptb_lite.evaluation.submission import check_submission

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
NORM = "model.norm.weight"
Fault = tuple[Callable[[Path], object], str, str]


def sizes(**changed: Any) -> Any:
    return transformers.Gemma3TextConfig(
        **{
            "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, **changed,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "base"
    transformers.Gemma3ForCausalLM(sizes()).to(torch.bfloat16).save_pretrained(folder)
    words = {"model": {"vocab": {"a": 0, "b": 58}}, "added_tokens": [{"id": 59}]}
    (folder / "tokenizer.json").write_text(json.dumps(words))
    return folder


def tuned(base: Path, folder: Path, *, dtype: str = "bfloat16", **options: Any) -> Any:
    """A fine-tune of the base, saved; the model."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn_like(weight)
    if tokens := options.pop("tokens", 0):
        model.resize_token_embeddings(tokens, mean_resizing=False)
    if options.pop("head", False):
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() + 0.1)
        model.config.tie_word_embeddings = False
    model.generation_config.max_new_tokens = 7
    model.save_pretrained(folder, **options)
    return model


HONEST: dict[str, dict[str, Any]] = {
    "bfloat16": {},
    "float32": {"dtype": "float32"},
    "float16": {"dtype": "float16"},
    "shards": {"max_shard_size": "6KB"},
    "three more tokens": {"tokens": 67},
    "three more tokens in shards": {"tokens": 67, "max_shard_size": "6KB"},
    "three more tokens and a head of its own": {"tokens": 67, "head": True},
    "the tokenizer's tokens alone": {"tokens": 60},
    "a head of its own": {"head": True},
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_whole_weights_are_what_is_evaluated(base: Path, tmp_path: Path, kind: str) -> None:
    from ptb_lite.evaluation.engine.model_loading import load_model

    folder = tmp_path / "final_model"
    model = tuned(base, folder, **HONEST[kind])
    check = validate_submission(folder, base_model=base, whole=True)
    assert (check.valid, check.whole, check.reason) == (True, True, "")
    assert {"config.json", "generation_config.json"} < {*check.files}
    assert (INDEX in check.files) == ("shards" in kind)
    assert not validate_submission(folder, base_model=base).valid
    # What the folder claims beside its weights does not count.
    claims, settings = folder / "config.json", folder / "generation_config.json"
    claims.write_text(json.dumps({**json.loads(claims.read_text()), "hidden_size": 999}))
    if kind == "float32":
        settings.write_text("[")
    if kind == "float16":
        claims.unlink(), settings.unlink()
    loaded = load_model(base, folder, dtype="float32", device="cpu")
    assert loaded.generation_config.max_new_tokens != 7
    asked = torch.tensor([[3, 5, 8]])
    with torch.no_grad():
        assert torch.allclose(loaded(asked).logits, model.float()(asked).logits, atol=1e-4)


def _tensors(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        found = safetensors.load_file(folder / WEIGHTS)
        change(found)
        safetensors.save_file(found, folder / WEIGHTS)

    return act


def _set(name: str, value: Callable[[Any], Any]) -> Callable[[Path], None]:
    return _tensors(lambda found: found.update({name: value(found[name])}))


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("model-*.safetensors"))


def _linked(path: Path) -> None:
    path.rename(path.parents[1] / "elsewhere")
    path.symlink_to(path.parents[1] / "elsewhere")


def _huge(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as stream:
        stream.truncate(50 << 30)


def _code(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "evil.Model"}}))


def _out(folder: Path) -> None:
    found = json.loads((folder / INDEX).read_text())
    found["weight_map"] = dict.fromkeys(found["weight_map"], "../../secret.safetensors")
    (folder / INDEX).write_text(json.dumps(found))


EMBEDDED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def _rows(count: int) -> Callable[[Path], None]:
    return _set(EMBEDDED, lambda t: torch.zeros(count, t.shape[1]))


FAULTS: dict[str, Fault] = {
    "too many tokens": (_rows(9000), "wrong shape", "8,936 rows more than the base's"),
    "too few tokens": (_rows(59), "wrong shape", "59 rows, too few for the base's tokenizer"),
    "a head without the new tokens": (
        _tensors(lambda t: t.update({HEAD: t[EMBEDDED].clone(), EMBEDDED: torch.zeros(67, 16)})),
        "wrong shape",
        "has 67 rows and lm_head.weight 64",
    ),
    "not a number": (_set(NORM, lambda t: t * float("nan")), "non-finite weights", NORM),
    "a tensor less": (_tensors(lambda t: t.pop(NORM)), "wrong shape", "norm.weight is missing"),
    "one more": (_tensors(lambda t: t.update(x=torch.zeros(2))), "wrong shape", "no place"),
    "quantised": (_set(NORM, lambda t: t.to(torch.int8)), "wrong shape", "I8"),
    "a link": (lambda f: _linked(f / WEIGHTS), "link", "is a link"),
    "50 GB": (_huge, "too large", "50.0 GiB"),
    "code": (_code, "remote code", "names code"),
    "cut": (lambda f: (f / WEIGHTS).write_bytes(b"\1" * 99), "malformed weights", "header"),
}
SHARD_FAULTS: dict[str, Fault] = {
    "a shard less": (lambda f: _shards(f)[1].unlink(), "malformed weights", "is missing"),
    "out of the folder": (_out, "malformed weights", "no file here"),
    "one shard twice": (
        lambda f: _shards(f)[1].write_bytes(_shards(f)[0].read_bytes()),
        "malformed weights",
        "stands twice",
    ),
    "no index": (lambda f: (f / INDEX).write_text("[]"), "malformed weights", "weight_map"),
    "a linked shard": (lambda f: _linked(_shards(f)[0]), "link", "is a link"),
}


@pytest.mark.parametrize("fault", [*FAULTS, *SHARD_FAULTS])
def test_what_cannot_be_loaded_is_refused_by_name(base: Path, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "final_model"
    tuned(base, folder, **({"max_shard_size": "6KB"} if fault in SHARD_FAULTS else {}))
    spoil, problem, said = {**FAULTS, **SHARD_FAULTS}[fault]
    spoil(folder)
    check = validate_submission(folder, base_model=base, whole=True)
    assert check.problem == problem, check
    assert said in check.reason


def test_another_architecture_and_pickles_are_refused(base: Path, tmp_path: Path) -> None:
    other, deeper, pickled = tmp_path / "other", tmp_path / "deeper", tmp_path / "pickled"
    transformers.Gemma3ForCausalLM(sizes(hidden_size=24)).save_pretrained(other)
    check = check_submission(other, base, whole=True)
    assert (check.valid, check.problem) == (False, "wrong shape")
    transformers.Gemma3ForCausalLM(sizes(num_hidden_layers=3)).save_pretrained(deeper)
    assert "too many" in validate_submission(deeper, base_model=base, whole=True).reason
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    torch.save({}, pickled / "pytorch_model.bin")
    assert not validate_submission(pickled, base_model=base, whole=True).valid
