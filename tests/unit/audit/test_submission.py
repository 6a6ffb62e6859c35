"""What may be loaded, and the named reason for all that may not."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.submission import SubmissionDetector, validate_submission
from ptb_lite.audit.weights.safetensors_file import (
    MalformedWeightsError,
    first_non_finite,
    read_header,
)

MODULE = "base_model.model.model.layers.0.self_attn.q_proj"
BASE = "/models/base"


def tensors(**changes: Any) -> dict[str, numpy.ndarray[Any, Any]]:
    made = {
        f"{MODULE}.lora_A.weight": numpy.ones((4, 16), dtype=numpy.float32),
        f"{MODULE}.lora_B.weight": numpy.zeros((16, 4), dtype=numpy.float32),
    }
    return {**made, **changes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "final_model"
    made.mkdir()
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": BASE}
    (made / "adapter_config.json").write_text(json.dumps(config))
    save_file(tensors(), made / "adapter_model.safetensors")
    return made


def configure(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def problem(folder: Path | None, **options: Any) -> str:
    check = validate_submission(folder, base_ids=(BASE,), **options)
    assert check.valid == (check.problem == "")
    assert bool(check.reason) == (not check.valid)
    assert not check.files or check.valid
    return check.problem


def test_a_good_adapter_is_valid(folder: Path) -> None:
    (folder / "README.md").write_text("# an adapter")
    (folder / "training_args.bin").write_bytes(b"PK\x03\x04")
    check = validate_submission(folder, base_ids=(BASE,))
    assert check.valid
    assert check.files == ("adapter_config.json", "adapter_model.safetensors")
    assert check.left_out == ("README.md", "training_args.bin")


@pytest.mark.parametrize(
    "name",
    ["train.py", "zero_to_fp32.py", "optimizer.bin", "checkpoint-9/optimizer.pt", "model.gguf",
     "checkpoint-9/adapter_model.safetensors", "notes.txt", "a/b.so", "adapter_model.bin"],
)  # fmt: skip
def test_what_lies_beside_an_adapter_is_left_out(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04\x95x")
    check = validate_submission(folder, base_ids=(BASE,))
    assert (check.valid, check.left_out) == (True, (name,))


def test_links_and_pipes_beside_an_adapter_are_left_out(folder: Path) -> None:
    (folder / "deep").symlink_to("/")
    os.mkfifo(folder / "pipe")
    check = validate_submission(folder, base_ids=(BASE,))
    assert (check.valid, len(check.left_out)) == (True, 2)


def test_nothing(tmp_path: Path) -> None:
    assert problem(None) == "nothing submitted"
    assert problem(tmp_path / "absent") == "nothing submitted"
    (tmp_path / "file").write_text("x")
    assert problem(tmp_path / "file") == "nothing submitted"
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    assert problem(tmp_path / "empty") == "empty folder"


def linked(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to("/etc/passwd")


def renamed(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / "adapter_model.safetensors").rename(folder / name)


def sparse(folder: Path) -> None:
    with (folder / "adapter_model.safetensors").open("wb") as stream:
        stream.truncate(50 << 30)


def weights(folder: Path, **changes: Any) -> None:
    save_file(tensors(**changes), folder / "adapter_model.safetensors")


NAN = numpy.array([[1.0, float("nan")]], dtype=numpy.float32)
INFINITY = numpy.array([[-numpy.inf, 1.0]], dtype=numpy.float16)
CASES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "link to weights": ("link", lambda f: linked(f, "adapter_model.safetensors")),
    "link to config": ("link", lambda f: linked(f, "adapter_config.json")),
    "pipe": (
        "unreadable",
        lambda f: ((f / "adapter_config.json").unlink(), os.mkfifo(f / "adapter_config.json")),
    ),
    "50 GB": ("too large", sparse),
    "pickle": ("pickle", lambda f: renamed(f, "adapter_model.bin")),
    "one folder deeper": ("not an adapter", lambda f: renamed(f, "a/adapter_model.safetensors")),
    "unknown start": ("malformed config", lambda f: configure(f, init_lora_weights="loftq")),
    "another architecture": ("malformed config", lambda f: configure(f, layer_replication=[[0]])),
    "a float rank": ("malformed config", lambda f: configure(f, r=4.5)),
    "auto_map": ("remote code", lambda f: configure(f, auto_map={"AutoModel": "m.M"})),
    "auto_mapping": (
        "remote code",
        lambda f: configure(f, auto_mapping={"parent_library": "evil"}),
    ),
    "megatron": ("remote code", lambda f: configure(f, megatron_config={"a": 1})),
    "no weights": ("not an adapter", lambda f: (f / "adapter_model.safetensors").unlink()),
    "no config": ("not an adapter", lambda f: (f / "adapter_config.json").unlink()),
    "not JSON": ("malformed config", lambda f: (f / "adapter_config.json").write_text("{")),
    "deep JSON": (
        "malformed config",
        lambda f: (f / "adapter_config.json").write_text("[" * 100_000),
    ),
    "a list": ("malformed config", lambda f: (f / "adapter_config.json").write_text("[]")),
    "large config": (
        "malformed config",
        lambda f: (f / "adapter_config.json").write_text(" " * (2 << 20)),
    ),
    "other method": ("malformed config", lambda f: configure(f, peft_type="IA3")),
    "no rank": ("malformed config", lambda f: configure(f, r=None)),
    "huge rank": ("malformed config", lambda f: configure(f, r=10**9)),
    "rank pattern": ("malformed config", lambda f: configure(f, rank_pattern={"q": "4"})),
    "wrong base": ("wrong base", lambda f: configure(f, base_model_name_or_path="org/instruct")),
    "no base": ("wrong base", lambda f: configure(f, base_model_name_or_path=None)),
    "garbage": (
        "malformed weights",
        lambda f: (f / "adapter_model.safetensors").write_bytes(b"\xff" * 100),
    ),
    "empty weights": (
        "malformed weights",
        lambda f: (f / "adapter_model.safetensors").write_bytes(b""),
    ),
    "rank differs": (
        "wrong shape",
        lambda f: weights(f, **{f"{MODULE}.lora_A.weight": numpy.ones((8, 16))}),
    ),
    "no LoRA": (
        "wrong shape",
        lambda f: save_file({"x": numpy.ones(3)}, f / "adapter_model.safetensors"),
    ),
    "NaN": ("non-finite weights", lambda f: weights(f, **{"m.lora_A.weight": NAN})),
    "infinity": ("non-finite weights", lambda f: weights(f, **{"m.lora_A.weight": INFINITY})),
}


@pytest.mark.parametrize("name", CASES)
def test_refused_for_the_named_reason(folder: Path, name: str) -> None:
    expected, spoil = CASES[name]
    spoil(folder)
    assert problem(folder) == expected


def test_the_folder_itself_may_not_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(folder)
    assert problem(tmp_path / "linked") == "link"


def test_base_paths_are_accepted_by_path_and_id(folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()

    def write_base(layer: int, width: int) -> None:
        name = f"model.layers.{layer}.self_attn.q_proj.weight"
        save_file({name: numpy.ones((16, width))}, base / "m.safetensors")

    write_base(0, 16)
    configure(folder, base_model_name_or_path=f"{base}/")
    assert problem(folder, base_model=base) == ""
    write_base(0, 24)
    assert problem(folder, base_model=base) == "wrong shape"
    write_base(7, 16)
    assert problem(folder, base_model=base) == "wrong shape"


def raw(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("dtype", "finite", "broken"),
    [
        ("BF16", "0x7f7f", "0x7f80"),
        ("BF16", "0x3f80", "0xffc1"),
        ("F16", "0x7bff", "0xfc00"),
        ("F32", "0x7f7fffff", "0x7fc00000"),
        ("F64", "0x7fefffffffffffff", "0xfff0000000000000"),
        ("F8_E5M2", "0x7b", "0x7d"),
        ("F8_E4M3", "0x7e", "0xff"),
    ],
)
def test_every_float_format_is_looked_at(
    tmp_path: Path, dtype: str, finite: str, broken: str
) -> None:
    path = tmp_path / "w.safetensors"
    size = (len(finite) - 2) // 2
    good = int(finite, 16).to_bytes(size, "little") * 1000
    bad = good[:-size] + int(broken, 16).to_bytes(size, "little")
    for data, expected in ((good, None), (bad, "b")):
        entry = {"dtype": dtype, "shape": [1000]}
        header = {
            "a": {**entry, "data_offsets": [0, len(good)]},
            "b": {**entry, "data_offsets": [len(good), 2 * len(good)]},
        }
        path.write_bytes(raw(header, good + data))
        assert first_non_finite(path, read_header(path)) == expected


ENTRY = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": {**ENTRY, "shape": [5]}}, b"1234"),
        ({"a": {**ENTRY, "shape": [-4]}}, b"1234"),
        ({"a": {**ENTRY, "shape": [True, 4]}}, b"1234"),
        ({"a": {**ENTRY, "dtype": "X9"}}, b"1234"),
        ({"a": {**ENTRY, "data_offsets": [1, 5]}}, b"12345"),
        ({"a": ENTRY}, b"12345"),
        ({"a": ENTRY}, b"123"),
        ({"a": ENTRY, "b": ENTRY}, b"1234"),
        ({"a": 7}, b""),
        ([], b""),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: object, data: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(raw(header, data))
    with pytest.raises(MalformedWeightsError):
        read_header(path)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_malformed(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(MalformedWeightsError):
        read_header(path)


def test_detector_informs_and_never_decides(folder: Path, tmp_path: Path) -> None:
    detector = SubmissionDetector()
    assert detector.run(AuditCase(folder=tmp_path)).status == "skipped"
    case = AuditCase(folder=tmp_path, submission=folder, base_ids=(BASE,))
    assert detector.run(case).status == "clean"
    configure(folder, base_model_name_or_path="org/instruct")
    result = detector.run(case)
    assert result.status == "flagged"
    assert [flag.kind for flag in result.flags] == ["wrong-base"]
    assert not result.decides()
