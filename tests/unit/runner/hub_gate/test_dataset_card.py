"""A dataset's card without the splits that are not handed out."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.runner.hub_gate.dataset_card import without_splits

CARD = """---
license: mit
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*}
dataset_info:
  config_name: main
  splits:
  - {name: train, num_examples: 3}
  - {name: test, num_examples: 2}
  download_size: 10
---
# The prose, with the word test
"""


def test_the_test_split_is_gone_and_the_prose_stays() -> None:
    _, head, body = without_splits(CARD, {"train"}).split("---\n")
    values = yaml.safe_load(head)
    assert [one["split"] for one in values["configs"][0]["data_files"]] == ["train"]
    assert values["dataset_info"]["splits"] == [{"name": "train", "num_examples": 3}]
    assert "download_size" not in values["dataset_info"]
    assert body == "# The prose, with the word test\n"


@given(st.text(), st.text())
def test_any_text_comes_back_as_text(head: str, body: str) -> None:
    assert isinstance(without_splits(f"---\n{head}\n---\n{body}", {"train"}), str)
    assert without_splits(body, {"train"}).endswith(body) or body.startswith("---\n")
