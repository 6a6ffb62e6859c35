"""Items retold in other words, by rare words and numbers, and by an embedding model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.paraphrase import Index, ParaphraseDetector, bag
from ptb_lite.audit.record import DetectorResult

ITEMS = (
    "A robe takes 2 bolts of blue fiber and 12 buttons of brass. How many bolts do 7 robes take?",
    "Josh flips a house that he bought for 80000 dollars after repairs for 50000 on the roof.",
    "The ferry carries 42 cyclists and 15 walkers to the island, and each cyclist pays 3 crowns.",
    "Quinces lie in 9 crates in the orchard; pickers add 14 crates before the storm of 6 hours.",
    "A lantern burns 5 candles every night of the 31 nights; how many candles does the inn buy?",
)
RETOLD = (
    "For seven robes we want brass buttons, twelve each, and two bolts of fiber, in blue.",
    "After repairs of its roof (50000) the house which Josh flips had cost 80000 dollars.",
    "To an island go fifteen walkers; forty-two cyclists are on the ferry, at 3 crowns a cyclist.",
    "In an orchard there were nine crates with quinces. Six hours of storm, and pickers had 14 on.",
    "There are thirty-one nights. The inn's lantern needs five candles per night: what to buy?",
)
OTHER = tuple(
    text.replace("2 ", "4 ").replace("12", "18").replace("80000", "70000").replace("42", "43")
    .replace("9 ", "8 ").replace("5 ", "6 ")
    for text in ITEMS
)  # fmt: skip


def run(folder: Path, rows: tuple[str, ...], **more: object) -> DetectorResult:
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps({"text": row}) + "\n" for row in rows)
    (folder / "sft.jsonl").write_text(lines)
    items = tuple(TestItem(f"t{n}", text, "", "own") for n, text in enumerate(ITEMS))
    return ParaphraseDetector().run(AuditCase(folder=folder, items=items, **more))  # type: ignore[arg-type]


def test_retold_items_are_found(tmp_path: Path) -> None:
    result = run(tmp_path / "w", RETOLD)
    assert {flag.item_id for flag in result.flags} == {f"t{n}" for n in range(5)}, result
    assert result.decides()
    few = run(tmp_path / "few", RETOLD[:3])
    assert len(few.flags) == 3
    assert not few.decides()
    assert all(flag.line for flag in result.flags)


def test_the_same_stories_with_other_numbers_are_not(tmp_path: Path) -> None:
    assert run(tmp_path / "w", OTHER).status == "clean"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("forty-two", ["42"]), ("one two", ["12"]), ("1,000.50", ["1000.5"]), ("10 tens", ["10"])],
)
def test_numbers_however_they_are_written(text: str, numbers: list[str]) -> None:
    assert sorted(bag(text).numbers) == numbers


def test_two_items_alike_raise_what_is_needed() -> None:
    alike = [TestItem(f"t{n}", f"{ITEMS[0]} And {n} more of them") for n in range(4)]
    assert Index(alike).retold_by(bag(ITEMS[0])) == []


def test_an_embedding_model_brings_candidates(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = sorted({word for text in (*ITEMS, *RETOLD) for word in text.lower().split()})
    vocabulary = {word: n for n, word in enumerate(["[UNK]", "[PAD]", *words])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]"
    )
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    model = tmp_path / "embedder"
    fast.save_pretrained(model)
    transformers.BertModel(config).save_pretrained(model)
    result = run(tmp_path / "w", (ITEMS[0], "Something else altogether stands here, at length."),
                 embedder=model)  # fmt: skip
    assert not any("no embeddings" in note for note in result.notes), result.notes
    assert {flag.item_id for flag in result.flags} == {"t0"}
    missing = run(tmp_path / "w", RETOLD, embedder=tmp_path / "absent")
    assert any("is no model folder" in note for note in missing.notes)
