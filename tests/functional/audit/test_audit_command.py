"""`ptb-lite audit` on any folder, a PostTrainBench result included: every exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.audit.evidence.test_sets.test_items import read_benchmark
from ptb_lite.cli import main
from ptb_lite.errors import PtbLiteError

QUESTIONS = [
    f"A gardener plants {n} rows of {n + 7} tulips and sells every third one for {n + 2} coins; "
    f"how many coins does she take home after paying the boy {n * 3} coins for watering?"
    for n in range(11, 31)
]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "RUNS", "CACHE"):
        monkeypatch.setenv(f"PTB_LITE_{name}", str(tmp_path / name.lower()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a data set that the catalogue does not know."""
    folder = tmp_path / "data" / "tulips"
    folder.mkdir(parents=True)
    rows = [{"question": text, "answer": str(n)} for n, text in enumerate(QUESTIONS)]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "train.jsonl").write_text(json.dumps({"question": "another", "answer": "1"}))
    return tmp_path / "data"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """The layout of a PostTrainBench result folder."""
    folder = tmp_path / "result"
    (folder / "task").mkdir(parents=True)
    (folder / "final_model").mkdir()
    (folder / "final_model" / "config.json").write_text("{}")
    (folder / "task" / "train.py").write_text("print('training on data of my own')\n")
    (folder / "solve_out.txt").write_text("I will write my own training data.\n")
    return folder


def audit(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["audit", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_clean_is_0(result: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(result, "--benchmark", "tulips", "--data-dir", data, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "clean"
    assert found["rules"] == ["nothing-decides"]


def test_a_folder_may_be_named_by_a_link(
    result: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(result)
    (tmp_path / "datalink").symlink_to(data)
    (tmp_path / "twice").symlink_to(tmp_path / "link")
    for name in ("link", "twice"):
        folder = tmp_path / name
        given = ("--benchmark", "tulips", "--data-dir", tmp_path / "datalink", "--json")
        assert audit(folder, *given) == 0
        found = json.loads(capsys.readouterr().out)
        assert not [one for one in found["results"] if "Error" in str(one.get("reason"))]


def test_flagged_is_3_with_file_line_and_item(
    result: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["# synthetic examples", *(json.dumps({"prompt": text}) for text in QUESTIONS[:8])]
    (result / "task" / "synthetic.jsonl").write_text("\n".join(lines))
    assert audit(result, "--benchmark", "tulips", "--data-dir", data, "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert "test-items-in-files" in found["rules"]
    flags = [flag for part in found["results"] for flag in part["flags"] if flag["decides"]]
    items = [flag for flag in flags if flag["detector"] == "overlap"]
    assert {flag["file"] for flag in items} == {"synthetic.jsonl"}
    assert items[0]["line"] == 2
    assert items[0]["item_text"] == QUESTIONS[0]


def test_without_test_items_it_is_inconclusive_4(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(result, "--benchmark", "tulips") == 4
    out, err = capsys.readouterr()
    assert "not-everything-seen" in out
    assert "no test items of tulips" in err


def test_a_procedural_benchmark_needs_no_data(tmp_path: Path) -> None:
    from ptb_lite.catalog import load_catalog
    from ptb_lite.evaluation.items.splits import draw_splits
    from ptb_lite.installation import item_salt

    folder = tmp_path / "any"
    folder.mkdir()
    (folder / "notes.md").write_text("nothing of interest")
    given = ("--benchmark", "add-numbers", "--seed", "5")
    assert audit(folder, *given) == 0
    entry = load_catalog().benchmark("add-numbers")
    test = draw_splits(entry, seed=5, salt=item_salt())["test"]
    (folder / "data.txt").write_text("\n".join(item.question for item in test[:60]))
    assert audit(folder, *given) == 3


def test_items_from_a_file_and_a_trace(tmp_path: Path, result: Path) -> None:
    items = tmp_path / "items.jsonl"
    rows = [{"id": str(n), "question": text, "target": "1"} for n, text in enumerate(QUESTIONS)]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    trace = tmp_path / "trace.txt"
    trace.write_text("The training loss goes down.\n")
    assert audit(result, "--items", items, "--trace", trace) == 0
    (result / "task" / "copy.txt").write_text("\n".join(QUESTIONS))
    assert audit(result, "--items", items, "--trace", trace) == 3


def test_the_judge_is_asked_where_it_is_named(
    result: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--benchmark", "tulips", "--data-dir", data, "--judge", "m@http://127.0.0.1:9/v1")
    # Nobody answers there: the judge is skipped, with the reason, and never clean.
    audit(result, *given, "--json")
    results = json.loads(capsys.readouterr().out)["results"]
    (judge,) = [part for part in results if part["detector"] == "judge"]
    assert judge["status"] == "skipped"
    assert judge["reason"]


def test_bad_choices_are_2(result: Path, tmp_path: Path) -> None:
    assert audit(result, "--trace", tmp_path / "absent") == 2
    assert audit(result, "--benchmark", "roses", "--data-dir", tmp_path / "absent") == 2
    assert audit(result, "--base-model", "no-such-model") == 2
    assert audit(result, "--judge", "a-name-only") == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("test.jsonl", "{not json", "cannot be read"),
        ("test.jsonl", '{"nothing": "known"}', "holds no test items"),
        ("train.jsonl", '{"question": "of another split"}', "holds no test items"),
        ("test.json", "[" * 100_000, "cannot be read"),
    ],
)
def test_what_holds_no_items_is_refused(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(PtbLiteError, match=words):
        read_benchmark(tmp_path, "b")


SHARED = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("benchmark", "count"),
    [("gsm8k", 1319), ("humaneval", 164), ("bfcl", 100), ("arenahardwriting", 250)],
)
def test_the_papers_data_sets_are_read(benchmark: str, count: int) -> None:
    if not (SHARED / benchmark).is_dir():
        pytest.skip("no folder of real benchmark data beside the repository")
    items = read_benchmark(SHARED, benchmark)
    assert len(items) == count
    assert len({item.id for item in items}) == count
    assert all(len(item.question) > 3 for item in items)
