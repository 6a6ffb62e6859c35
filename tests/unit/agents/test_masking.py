"""A key is in no line and no file that is kept."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.agents.masking import mask_file, mask_line

KEY = "sk-0123456789"


@given(st.lists(st.sampled_from([KEY.encode(), KEY[:5].encode(), KEY[5:].encode(), b" ", b"\n"])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_key_is_gone_and_all_else_is_where_it_was(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "trace"
    before = b"".join(parts)
    path.write_bytes(before)
    assert mask_file(path, [KEY]) == before.count(KEY.encode())
    assert path.read_bytes() == before.replace(KEY.encode(), b"*" * len(KEY))
    assert KEY.encode() not in mask_line(before, [KEY])


def test_no_file_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    assert mask_file(path, [KEY]) == 0
    path.write_bytes(b"")
    assert mask_file(path, [KEY]) == 0
    path.write_bytes(b"none of it")
    assert mask_file(path, ["none"]) == mask_file(path, [""]) == 0
    assert path.read_bytes() == b"none of it"
    assert mask_line(b"none of it", ["none"]) == b"none of it"
