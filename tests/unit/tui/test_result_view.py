"""The Result screen's values: nothing invented, nothing missing, published figures marked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ptb_lite.events import Flag
from ptb_lite.files import write_record
from ptb_lite.narrate import gain_answer, seeds_answer
from ptb_lite.report.samples import Answer, Sample, Samples
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import BenchmarkScores, Paired, PaperLine
from ptb_lite.tui.models.result.flag_text import flag_parts
from ptb_lite.tui.models.result.samples import Filter, SampleChoice, listed, row, title, whole
from ptb_lite.tui.models.result.seeds import counted_by_seed
from ptb_lite.tui.models.result.view import ScoreBar, _part, answer_lines, bar_line, read_result
from tests.unit.report.test_report import make_run
from tests.unit.tui.journals import HOSTILE, is_harmless


def bar(**figures: float | None) -> str:
    made = ScoreBar("x", str(figures.pop("kind", "raw")), **figures)  # type: ignore[arg-type]
    return "".join(text for text, _ in bar_line(made, 21))


def test_a_bar_is_solid_up_to_its_interval_and_a_dot_at_the_score() -> None:
    assert bar(score=0.5, low=0.25, high=0.75) == "█████━━━━━●━━━━━·····"
    assert bar(score=0.0, low=0.0, high=0.1) == "●━━" + "·" * 18
    assert bar(score=1.0, low=0.9, high=1.0) == "█" * 18 + "━━●"
    assert bar(score=None) == " " * 21


@pytest.mark.parametrize("score", [-5.0, 0.3, 7.0])
def test_a_bar_never_leaves_its_cells(score: float) -> None:
    assert len(bar(score=score, low=score - 9, high=score + 9)) == 21


def test_everything_of_a_flagged_run_is_there(tmp_path: Path) -> None:
    view = read_result(make_run(tmp_path))
    assert view.problem == ""
    (part,) = view.benchmarks
    assert [bar.label for bar in part.bars] == [
        "zero-shot", "few-shot (5)", "after, raw", "after, counted",
    ]  # fmt: skip
    assert part.bars[2].text == "36.0 %  18 of 50, 24 to 50 %"
    assert any("15 items gained, 4 lost" in remark for remark in part.remarks)
    assert any("flagged: base score" in remark for remark in part.remarks)
    assert len(view.flags) == 1
    assert any("could not run: harness: crashed" in line for line in view.detectors)
    facts = dict(view.facts)
    assert facts["agent's time"] == "1 min 30 s of 3 min 00 s (50 %), finished"
    assert facts["version of torch"] == "2.13.0"
    assert "item_salt" not in facts
    texts = [
        "".join(text for text, _ in line)
        for each in view.answers
        for line in answer_lines(each, 200)
    ]
    assert any("FLAGGED" in text for text in texts)
    texts += [part.title, *part.remarks, *view.detectors, *facts.values()]
    assert all(is_harmless(text) for text in texts)


@pytest.mark.parametrize(
    ("tests", "word", "good"),
    [
        ([(0.2, 0.001)], "YES", True),
        ([(-0.2, 0.001)], "NO", False),
        ([(0.2, 0.2)], "NOT SHOWN", None),
        ([(0.2, 0.001), (0.0, 1.0)], "YES", True),
        ([(0.2, 0.001), (-0.2, 0.001)], "MIXED", None),
        ([(0.1, 0.5), (0.0, 1.0)], "NOT SHOWN", None),
        ([], "CANNOT BE TOLD", None),
    ],
)
def test_whether_a_gain_is_real_is_what_the_paired_tests_say(
    tests: list[tuple[float, float]], word: str, good: bool | None, tmp_path: Path
) -> None:
    scores = make_run(tmp_path).read_scores()
    assert scores is not None
    paired = [
        Paired(gained=1, lost=0, p_value=p, difference=by, low=by - 0.1, high=by + 0.1)
        for by, p in tests
    ]
    items = tuple(
        scores.benchmarks[0].model_copy(update={"after_vs_few_shot": test})
        for test in paired or [None]
    )
    answer = gain_answer(scores.model_copy(update={"benchmarks": items}))
    assert (answer.word, answer.good) == (word, good)
    # Every gain with its interval, of several benchmarks as well.
    assert answer.text.count("[") == len(tests)
    if len(tests) == 1:
        assert answer.text == f"{100 * tests[0][0]:+.1f} points over few-shot " + (
            f"[{100 * tests[0][0] - 10:+.0f}, {100 * tests[0][0] + 10:+.0f}]"
        )


def test_the_spread_is_that_of_runs_which_differ_in_their_seed_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert len(counted_by_seed(run)) == 1
    assert "unknown" in seeds_answer(counted_by_seed(run)).text
    spec = run.read_spec()
    for name, changed in ((1, {"seed": spec.seed + 1}), (2, {"seed": 9, "budget_minutes": 7})):
        other = RunFolder(tmp_path / f"20990101-00000{name}-aaaa")
        shutil.copytree(run.path, other.path)
        write_record(other.spec, spec.model_copy(update=changed))
    found = counted_by_seed(run)
    assert set(found) == {spec.seed, spec.seed + 1}
    assert seeds_answer(found).text.startswith("counted ")
    assert seeds_answer({1: 0.1, 3: 0.25}).text == "counted 10.0 % to 25.0 % with seeds 1, 3"


def test_figures_that_are_missing_are_said_to_be_missing(tmp_path: Path) -> None:
    scores = make_run(tmp_path).read_scores()
    assert scores is not None
    nothing = {"zero_shot": None, "few_shot": None, "raw": None, "counted": None}
    item = scores.benchmarks[0].model_copy(update=nothing)
    assert isinstance(item, BenchmarkScores)
    assert [bar.text for bar in _part(item).bars] == ["not scored"] * 4


def test_published_figures_and_plans_are_marked(tmp_path: Path) -> None:
    scores = make_run(tmp_path).read_scores()
    assert scores is not None
    more = {
        "paper": (PaperLine(label="best agent", score=0.232),),
        "smallest_gain": 0.18,
        "needed_n": 240,
    }
    part = _part(scores.benchmarks[0].model_copy(update=more))
    assert part.bars[-1].label == "paper: best agent"
    assert part.bars[-1].text == "23.2 %, published, not measured here"
    assert "◆" in "".join(text for text, _ in bar_line(part.bars[-1], 21))
    assert any("gain of 18 points" in remark for remark in part.remarks)
    assert any("240 items" in remark for remark in part.remarks)


def test_runs_that_did_not_get_so_far(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.scores.unlink()
    assert read_result(run).problem.startswith("No scores: the run is finished")
    run.audit.unlink()
    assert read_result(run).detectors == ("no audit was made, or it cannot be read",)
    run.spec.write_text("{ damaged")
    assert "cannot be read" in read_result(run).problem
    assert "cannot be read" in read_result(RunFolder(tmp_path / "nowhere")).problem


def test_a_flag_stands_beside_its_test_item() -> None:
    flag = Flag(
        detector="overlap", kind="test-item", message="m", file="a.jsonl", line=3,
        excerpt="57 + 87", item_id="t7", item_text="57 + 87 = ?", similarity=0.987,
    )  # fmt: skip
    parts = flag_parts(flag)
    assert [side.title for side in parts.sides] == ["what was found", "test item t7"]
    assert "similarity 0.99, confidence 1.00" in parts.facts
    assert "a.jsonl:3" in parts.as_text()
    hostile = Flag(
        detector=HOSTILE, kind=HOSTILE, message=HOSTILE, file=HOSTILE, excerpt=HOSTILE,
        item_id=HOSTILE, item_text=HOSTILE, decides=False,
    )  # fmt: skip
    assert is_harmless(flag_parts(hostile).as_text())
    assert flag_parts(hostile).title.startswith("note ")


def sample(name: str, was: bool, now: bool | None, text: str = "x") -> Sample:
    answers = {"zero_shot": Answer(text, text, was), "few_shot": Answer(text, None, not was)}
    if now is not None:
        answers["after"] = Answer(text, text, now)
    return Sample(name, f"question {text}", text, answers)


SAMPLES = Samples(
    "b",
    (
        sample("a", False, True), sample("b", True, False), sample("c", True, True),
        sample("d", False, False), sample("e", False, None),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        (Filter.ALL, "abcde"), (Filter.CHANGED, "ab"), (Filter.GAINED, "a"), (Filter.LOST, "b"),
        (Filter.WRONG, "d"),
    ],
)  # fmt: skip
def test_samples_are_filtered_by_what_became_of_them(kept: Filter, names: str) -> None:
    found = listed(SAMPLES, SampleChoice(filter=kept))
    assert "".join(item.item_id for item in found) == names


def test_the_filter_goes_round_and_the_baseline_changes() -> None:
    choice = SampleChoice()
    for _ in Filter:
        choice = choice.next_filter()
    assert choice == SampleChoice()
    other = choice.other_baseline()
    # Few-shot was right where zero-shot was wrong: what is gained is another item.
    gained = listed(SAMPLES, SampleChoice(other.before, Filter.GAINED))
    assert [item.item_id for item in gained] == ["c"]
    assert "1 gained, 1 lost of 5" in title(SAMPLES, choice)
    assert "few-shot against after" in title(SAMPLES, other)


def test_rows_have_marks_besides_colours() -> None:
    assert row(SAMPLES.items[0], SampleChoice(), 100) == (
        "+ gained", "question x", "x", "✗ x", "✓ x",
    )  # fmt: skip
    assert row(SAMPLES.items[4], SampleChoice(), 100)[4] == "-"
    told = "".join(text for text, _ in whole(SAMPLES.items[0], SampleChoice("few_shot")))
    assert "no answer found" in told
    assert "right x" in told


def test_hostile_samples_are_harmless() -> None:
    evil = sample(HOSTILE, True, False, HOSTILE)
    texts = [*row(evil, SampleChoice(), 100)]
    texts += [text for text, _ in whole(evil, SampleChoice())]
    texts.append(title(Samples(HOSTILE, (evil,), HOSTILE), SampleChoice()))
    assert all(is_harmless(text) for text in texts)
