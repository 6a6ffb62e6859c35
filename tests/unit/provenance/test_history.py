"""What is made of the lines of a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.provenance import RECORD
from ptb_lite.provenance.history import History, read_history
from ptb_lite.provenance.trainings import trainings

BEGAN = {"kind": "began", "version": 1, "workspace": "/w"}


def program(entry: int, *command: str, **more: Any) -> dict[str, Any]:
    return {"kind": "process", "entry": entry, "pid": 100 + entry, "command": command, **more}


def act(entry: int, what: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "file", "entry": entry, "act": what, "path": f"/w/{name}", **more}


def history(folder: Path, *lines: dict[str, Any]) -> History:
    stamped = ({"at": at, **line} for at, line in enumerate(lines))
    (folder / RECORD).write_text("".join(json.dumps(line) + "\n" for line in stamped))
    return read_history(folder)


def sentences(found: History, source: str = "eval.json") -> list[str]:
    return [chain.sentence() for chain in found.chains(lambda path: path == source)]


TRAINER = program(9, "python", "/bin/ptb-lite-train", "--data", "t.jsonl")


def test_a_chain_is_said_as_a_person_would(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "python", "prep.py"), TRAINER,
        act(1, "read", "eval.json"), act(1, "write", "t.jsonl"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert sentences(found) == [
        "process 101 (python prep.py) read eval.json and wrote t.jsonl, which process 109 "
        "(python /bin/ptb-lite-train --data t.jsonl) read"
    ]


def test_who_opens_first_and_reads_then_passes_on_too(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "python", "prep.py"), TRAINER,
        act(1, "write", "t.jsonl"), act(1, "read", "eval.json"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert len(sentences(found)) == 1


def test_moves_links_and_inodes_are_followed(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "sh"), program(2, "cp"), TRAINER,
        act(1, "rename", "eval.json", to="/w/a"), act(1, "link", "a", to="/w/b", inode="1:2"),
        act(2, "read", "c", inode="1:2"), act(2, "read", "b", inode="1:2"),
        act(2, "write", "t.jsonl"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert len(sentences(found)) == 1


def test_what_others_wrote_over_is_theirs(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "a"), program(2, "b"), TRAINER,
        act(1, "read", "eval.json"), act(1, "write", "t.jsonl"),
        act(2, "write", "t.jsonl"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert sentences(found) == []


def test_pipes_lead_on_but_not_back_to_whom_all_report_to(tmp_path: Path) -> None:
    pipe = "pipe:[5]"
    found = history(
        tmp_path, BEGAN, program(1, "agent", stdin=pipe),
        program(2, "cat", stdout=pipe, parent=1), program(3, "sort", stdin=pipe, parent=1),
        TRAINER, act(2, "read", "eval.json"), act(1, "write", "other.jsonl"),
        act(3, "write", "t.jsonl"), act(9, "read", "other.jsonl"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    (only,) = sentences(found)
    assert "(cat) read eval.json and wrote a pipe, which process 103 (sort) read" in only


def test_what_a_shell_opens_is_the_commands_that_it_becomes_whoever_is_first(
    tmp_path: Path,
) -> None:
    """In `cat eval | sort > t` the file is opened by a shell that is to become sort."""
    pipe = "pipe:[5]"
    shell = program(2, "sh")
    becomes = [
        act(2, "write", "t.jsonl"),
        program(3, "sort", before=2, stdin=pipe, stdout="/w/t.jsonl"),
    ]
    read = act(1, "read", "eval.json")
    cat, end = program(1, "cat", stdout=pipe), act(9, "read", "t.jsonl")
    for number, lines in enumerate(
        (
            [cat, read, shell, *becomes],
            [cat, shell, *becomes, read],
            [cat, shell, becomes[0], read, becomes[1]],
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (only,) = sentences(history(folder, BEGAN, *lines, TRAINER, end))
        assert "a pipe, which process 103 (sort) read and wrote t.jsonl" in only
    # Another file that the shell opened is not what sort writes.
    other = [cat, read, shell, act(2, "write", "u.jsonl"), becomes[1], TRAINER]
    assert sentences(history(tmp_path, BEGAN, *other, act(9, "read", "u.jsonl"))) == []


def test_a_fork_holds_what_was_read_before_it(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "python", "prep.py"), act(1, "read", "eval.json"),
        program(2, "python", "prep.py", parent=1, forked=True), act(2, "write", "t.jsonl"),
        TRAINER, act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert len(sentences(found)) == 1


def test_weights_make_a_training_and_a_harness_passes_nothing_on(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "python", "evaluate.py", stdout="/w/log"),
        act(1, "read", "eval.json"), act(1, "write", "o1.json"),
        program(2, "python", "own.py"), act(2, "read", "o1.json"),
        act(2, "rename", "x", to="/w/out/adapter_model.safetensors"),
    )  # fmt: skip
    assert found.trainings() == {2}
    assert found.written_by_harness() == {"o1.json", "log"}
    assert sentences(found) == []
    assert len(sentences(found, "o1.json")) == 1


def test_each_turn_of_an_agent_has_its_own_numbers(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "first"), act(1, "read", "eval.json"),
        BEGAN, program(1, "second"), act(1, "write", "t.jsonl"), TRAINER, act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert [each.command for each in found.programs.values()][:2] == [("first",), ("second",)]
    assert sentences(found) == []


def test_a_training_says_what_it_was_given(tmp_path: Path) -> None:
    found = history(
        tmp_path, BEGAN, program(1, "sh"), act(1, "write", "t.jsonl"),
        program(2, "python", "prep.py", before=1, stdout="/w/t.jsonl"), act(2, "read", "d.csv"),
        TRAINER, act(9, "read", "t.jsonl"), act(9, "read", "config.json"),
    )  # fmt: skip
    (one,) = trainings(found)
    assert one.words().endswith(
        "read t.jsonl, written by process 102 (python prep.py), which read d.csv"
    )


def test_lines_that_are_none_are_left_out(tmp_path: Path) -> None:
    lines = [BEGAN, program(1, "a"), act(7, "read", "of nobody"), {"kind": "later"}]
    history(tmp_path, *lines)
    with (tmp_path / RECORD).open("a") as stream:
        stream.write('{"kind": "process", "ent')
    found = read_history(tmp_path)
    assert len(found.programs) == 1
    assert found.acts == ()


@given(
    st.lists(
        st.one_of(
            st.builds(
                program, st.integers(1, 4), st.sampled_from(["a", "evaluate.py", "ptb-lite-train"]),
                parent=st.integers(1, 4), before=st.integers(1, 4), forked=st.booleans(),
                stdin=st.sampled_from(["", "pipe:[1]", "/w/x"]),
                stdout=st.sampled_from(["", "pipe:[1]", "/w/x"]),
            ),
            st.builds(
                act, st.integers(1, 4),
                st.sampled_from(["read", "write", "append", "rename", "link", "delete", "replace"]),
                st.sampled_from(["x", "y", "eval.json"]), to=st.sampled_from(["/w/x", "/w/y"]),
                inode=st.sampled_from(["", "1:1", "1:2"]),
            ),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_no_record_is_walked_without_end(tmp_path_factory: Any, lines: list[Any]) -> None:
    found = history(tmp_path_factory.mktemp("record"), BEGAN, *lines)
    for chain in found.chains(lambda path: path == "eval.json"):
        assert 1 <= len(chain.hops) <= 13
        assert chain.source.source == "eval.json"
    trainings(found)


def test_a_long_line_of_forks_is_walked(tmp_path: Path) -> None:
    forks = [
        program(n, "python", "prep.py", parent=n - 1 if n > 20 else None, forked=n > 20)
        for n in range(20, 3000)
    ]
    found = history(
        tmp_path, BEGAN, *forks, TRAINER, act(20, "read", "eval.json"),
        act(2999, "write", "t.jsonl"), act(9, "read", "t.jsonl"),
    )  # fmt: skip
    assert len(sentences(found)) == 1
