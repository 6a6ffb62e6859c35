"""What a request asks for, told from its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.runner.hub_gate.requests import HubRequest, parse


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/api/models/gpt2", HubRequest("info", "model", "gpt2")),
        ("/api/datasets/a/b", HubRequest("info", "dataset", "a/b")),
        ("/api/datasets/a/b/revision/v1?x=1", HubRequest("info", "dataset", "a/b", "v1")),
        ("/api/models/gpt2/revision/main", HubRequest("info", "model", "gpt2")),
        ("/api/datasets/a/b/tree/main/x/y", HubRequest("tree", "dataset", "a/b", "main", "x/y")),
        ("/api/datasets/a/b/paths-info/c0", HubRequest("paths", "dataset", "a/b", "c0")),
        ("/api/models?search=qwen", HubRequest("search", "model")),
        ("/a/b/resolve/main/x.json", HubRequest("file", "model", "a/b", "main", "x.json")),
        ("/gpt2/resolve/main/x.json", HubRequest("file", "model", "gpt2", "main", "x.json")),
        (
            "/datasets/a/b/resolve/refs%2Fconvert%2Fparquet/main/test/0000.parquet",
            HubRequest("file", "dataset", "a/b", "refs/convert/parquet", "main/test/0000.parquet"),
        ),
        ("/datasets/a/b/raw/main/t.csv", HubRequest("file", "dataset", "a/b", "main", "t.csv")),
        (
            "/api/resolve-cache/datasets/a/b/c0/x/y.json",
            HubRequest("file", "dataset", "a/b", "c0", "x/y.json"),
        ),
        ("/datasets/a/b.git/info/refs", HubRequest("git", "dataset", "a/b")),
        ("/a/b/info/lfs/objects/batch", HubRequest("git", "model", "a/b")),
        ("/a/b/resolve/main/../../c/d/resolve/main/x", HubRequest("other")),
        ("/a/b/resolve/main/%2e%2e%2fx", HubRequest("other")),
        ("/api/whoami-v2", HubRequest("other")),
    ],
)
def test_routes(target: str, expected: HubRequest) -> None:
    assert parse(target) == expected


@given(st.text(max_size=200))
def test_any_target_is_understood_or_other(text: str) -> None:
    found = parse("/" + text)
    assert ".." not in found.path.split("/")
    assert ".." not in found.repo.split("/")
