"""A key is in no line and no file that is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.agents.secrets import masking
from ptb_lite.agents.secrets.masking import Masked, mask_file, mask_folder
from ptb_lite.chat.masking import mask_line

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


def test_a_folder_is_masked_without_touching_what_lies_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(KEY)
    second = tmp_path / "second"
    second.write_text(KEY)
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "notes").write_text(f"the key is {KEY}.")
    (folder / "clean").write_text("nothing")
    (folder / "empty").touch()
    (folder / "link").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.link(second, folder / "hard")
    os.mkfifo(folder / "pipe")
    masked = mask_folder(folder, [KEY])
    assert masked.cleared == (folder / "inner" / "notes",)
    assert masked.left == (folder / "hard",)
    assert masked.unread == 0
    assert (folder / "inner" / "notes").read_text() == f"the key is {'*' * len(KEY)}."
    assert outside.read_text() == second.read_text() == KEY


def test_what_is_too_large_or_too_much_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large").write_text(KEY * 10)
    (tmp_path / "small").write_text(KEY)
    monkeypatch.setattr(masking, "MAX_FILE_BYTES", 50)
    masked = mask_folder(tmp_path, [KEY])
    assert (masked.cleared, masked.unread) == ((tmp_path / "small",), 1)
    assert mask_folder(tmp_path, []) == Masked()


def test_a_link_in_place_of_a_trace_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "own").write_text(KEY)
    (tmp_path / "trace").symlink_to(tmp_path / "own")
    with pytest.raises(OSError, match="Too many levels"):
        mask_file(tmp_path / "trace", [KEY])
    assert (tmp_path / "own").read_text() == KEY
