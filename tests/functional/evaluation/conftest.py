from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.items.splits import ItemFiles, prepare_items
from tests.functional.tiny_models import tiny_llama

EMBEDDED = "gemma-3-270m-embedded"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of a few thousand weights over single bytes, with an end-of-text token."""
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def items(tmp_path_factory: pytest.TempPathFactory) -> ItemFiles:
    entry = next(iter(load_catalog().benchmarks.values())).model_copy(
        update={"train_size": 60, "dev_size": 20, "test_size": 40}
    )
    return prepare_items(entry, tmp_path_factory.mktemp("items"), seed=1, salt="test")
