from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.catalog.yaml_file import MAX_BYTES, read_yaml
from ptb_lite.errors import CatalogError


def _write(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_values_and_lines(tmp_path: Path) -> None:
    file = read_yaml(_write(tmp_path, "a: 1\nb:\n  c: two\n  d: [3,\n   4]\n"))
    assert file.values == {"a": 1, "b": {"c": "two", "d": [3, 4]}}
    assert file.where(["b", "c"]).endswith("file.yaml, line 3")
    assert file.where(["b", "d", 1]).endswith(", line 5")
    assert file.where(["b", "missing"]).endswith(", line 2")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "malformed YAML"),
        ("a: 1\n\tb: 2\n", 2, "malformed YAML"),
        ("a: 'open\n", 2, "malformed YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' is there twice"),
        ("a: &x [1]\nb: *x\n", 1, "aliases"),
        ("a: 1\n2: b\n", 2, "a key must be text"),
        ("- a\n- b\n", 1, "expected a mapping"),
        ("just text\n", 1, "expected a mapping"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        ("a: 1\nb: !!python/object/apply:os.system ['true']\n", 2, "malformed YAML"),
        ("a: 1\nb: !!int x\n", 2, "'x' has no value"),
    ],
)
def test_malformed(tmp_path: Path, text: str | bytes, line: int, problem: str) -> None:
    with pytest.raises(CatalogError) as caught:
        read_yaml(_write(tmp_path, text))
    assert problem in str(caught.value)
    assert f"file.yaml, line {line}" in caught.value.field


def test_only_true_and_false_are_booleans(tmp_path: Path) -> None:
    file = read_yaml(_write(tmp_path, "a: off\nb: no\nc: true\nd: 2026-99-99\n"))
    assert file.values == {"a": "off", "b": "no", "c": True, "d": "2026-99-99"}


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    assert read_yaml(_write(tmp_path, "# nothing\n")).values == {}


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="larger than"):
        read_yaml(_write(tmp_path, "# " + "x" * MAX_BYTES))


def test_too_deep(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="nested too deeply"):
        read_yaml(_write(tmp_path, "a: " + "[" * 3000 + "]" * 3000))


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be read"):
        read_yaml(tmp_path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text("ab:-[]{}'\"&*!#|>% \n\t", max_size=80))
def test_any_bytes_are_read_or_refused_by_name(tmp_path: Path, data: bytes | str) -> None:
    path = _write(tmp_path, data)
    place = str(path)
    try:
        found: object = read_yaml(path).values
    except CatalogError as error:
        found, place = {}, error.field
    assert isinstance(found, dict)
    assert str(path) in place
