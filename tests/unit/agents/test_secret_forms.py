"""A key is masked however it is written, and nothing else is."""

from __future__ import annotations

import base64
import binascii
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.agents.secrets import masking
from ptb_lite.agents.secrets.masking import mask_file, mask_folder
from ptb_lite.chat.masking import mask_line
from ptb_lite.chat.secret_forms import MIN_LENGTH, forms

KEYS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs")),
    min_size=MIN_LENGTH,
    max_size=120,
)
AROUND = st.binary(max_size=7)
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "reversed": lambda text: text[::-1],
    "hex": binascii.hexlify,
    "HEX": lambda text: binascii.hexlify(text).upper(),
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "percent": lambda text: quote(text, safe="").encode(),
    "percent, slashes kept": lambda text: quote(text).encode(),
    "percent, plus for spaces": lambda text: quote_plus(text).encode(),
    "percent, everything": lambda text: "".join(f"%{byte:02x}" for byte in text).encode(),
}


@given(KEYS, AROUND, AROUND)
@pytest.mark.parametrize("name", ENCODINGS)
def test_no_form_of_a_key_is_left(name: str, key: str, before: bytes, after: bytes) -> None:
    encode = ENCODINGS[name]
    line = encode(before + key.encode() + after)
    masked = mask_line(b"\n" + line + b"\n", [key])
    assert b"[key]" in masked
    assert masked.startswith(b"\n")
    assert masked.endswith(b"\n")
    left = masked.removeprefix(b"\n").removesuffix(b"\n").split(b"[key]")
    if "base64" in name:
        # At most the characters that neighbours decide, too: less than a byte at either end.
        kept = sum(map(len, left))
        assert kept <= len(line) - (len(key.encode()) * 8 - 10) // 6
    else:
        assert encode(key.encode()) not in masked
        if name.startswith("percent"):
            assert key.encode() not in unquote_to_bytes(masked)


@given(KEYS, AROUND)
def test_a_word_that_holds_no_form_of_a_key_is_left_as_it_is(key: str, text: bytes) -> None:
    found = any(form in text for form in forms(key))
    assert (mask_line(text, [key]) == text) is not found


@given(KEYS, st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=6), st.integers(1, 300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_files_are_masked_across_windows_and_keep_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, names: list[str], gap: int
) -> None:
    monkeypatch.setattr(masking, "_WINDOW", 2500)
    folder = tmp_path / str(abs(hash((key, *names, gap))))
    folder.mkdir()
    path = folder / "trace"
    parts = [ENCODINGS[name](key.encode()) for name in names]
    content = (b"\0" * gap).join([b"", *parts, b""])
    path.write_bytes(content)
    cleared = mask_folder(folder, [key]).cleared
    assert cleared == ((path,) if names else ())
    after = path.read_bytes()
    assert len(after) == len(content)
    assert not any(form in after for form in forms(key))
    assert mask_file(path, [key]) == 0


def test_a_file_full_of_keys_is_masked_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "_WINDOW", 1000)
    key = "sk-0123456789abcdef"
    path = tmp_path / "trace"
    path.write_bytes(key.encode() * 500)
    assert mask_file(path, [key]) == 500
    assert path.read_bytes() == b"*" * len(key) * 500


@pytest.mark.parametrize(
    "command", [["base64"], ["base64", "-w", "64"], ["openssl", "base64"], ["xxd", "-p"]]
)
def test_what_programs_print_of_a_long_key_in_several_lines(command: list[str]) -> None:
    key = "sk-ant-api03-" + "aB3_x-9Z" * 12
    try:
        said = subprocess.run(command, input=key.encode(), capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed")
    lines = said.splitlines()
    assert len(lines) > 1
    left = b"".join(mask_line(line, [key]).replace(b"[key]", b"") for line in lines)
    assert len(left) <= 8, left


def test_a_short_word_has_no_forms() -> None:
    assert forms("none") == frozenset()
    assert mask_line(b"bm9uZQ== 6e6f6e65", ["none"]) == b"bm9uZQ== 6e6f6e65"


def test_long_keys_have_few_forms() -> None:
    assert 5 < len(forms("sk-ant-api03-" + "aB3/x+9Z" * 12)) < 40
