"""Which process did what to which file, of real processes in real sandboxes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from ptb_lite.events import Outcome
from ptb_lite.provenance import COPIES, RECORDER
from ptb_lite.provenance.record import Counts, FileLine, ProcessLine, Said, read_lines
from ptb_lite.sandbox import Ended, RecordPlan, interpreter_paths
from tests.functional.sandbox.lab import PATIENCE, Lab, wait_until

BASH = ["bash", "-c"]


@dataclass
class Recorded:
    """A lab whose commands are recorded."""

    lab: Lab

    def __post_init__(self) -> None:
        self.folder = self.lab.folder / "provenance"
        self.plan = replace(
            self.lab.plan(), record=RecordPlan(self.folder, interpreter_paths()), wait=True
        )

    def run(self, command: list[str], deadline: float = PATIENCE) -> Ended:
        return self.lab.run(command, deadline, self.plan)

    def file(self, name: str) -> str:
        return str(self.lab.workspace / name)

    def lines(self) -> list[object]:
        return list(read_lines(self.folder))

    def processes(self) -> dict[int, ProcessLine]:
        return {each.entry: each for each in self.lines() if isinstance(each, ProcessLine)}

    def acts(self, act: str, name: str) -> list[FileLine]:
        """What was done so to the workspace's file of that name (a path elsewhere: to that)."""
        path = name if name.startswith("/") else self.file(name)
        files = (each for each in self.lines() if isinstance(each, FileLine))
        return [each for each in files if each.act == act and each.path == path]

    def by(self, line: FileLine) -> tuple[str, ...]:
        return self.processes()[line.entry].command

    def said(self, kind: str) -> list[str]:
        return [e.reason for e in self.lines() if isinstance(e, Said) and e.kind == kind]

    def copy(self, digest: str) -> str:
        return (self.folder / COPIES / digest).read_text()

    def observers(self) -> list[psutil.Process]:
        """The observing process, a child of the recorder that runs the same program."""
        found = []
        for process in psutil.process_iter():
            try:
                own = process.cmdline()
                if str(RECORDER) in own and f"folder={self.folder}" in own:
                    found.append(process)
            except psutil.Error:
                continue
        return [one for one in found if one.ppid() in {each.pid for each in found}]


@pytest.fixture
def recorded(lab: Lab) -> Recorded:
    return Recorded(lab)


@pytest.fixture
def closed(closed_lab: Lab) -> Recorded:
    return Recorded(closed_lab)


def test_a_file_is_followed_from_process_to_process(recorded: Recorded) -> None:
    workspace = recorded.lab.workspace
    (workspace / "eval_out.json").write_text('["a row"]')
    (workspace / "prep.py").write_text(
        "rows = open('eval_out.json').read()\nopen('train.jsonl', 'w').write(rows)\n"
    )
    train = f"{sys.executable} -I -S -c \"open('train.jsonl').read(); open('w.bin', 'w')\""
    ended = recorded.run([*BASH, f"{sys.executable} -I -S prep.py; {train}; true"])
    assert ended.outcome is Outcome.FINISHED, recorded.lab.errors()
    (read,) = recorded.acts("read", "eval_out.json")
    (wrote,) = recorded.acts("write", "train.jsonl")
    (used,) = recorded.acts("read", "train.jsonl")
    assert read.entry == wrote.entry != used.entry
    assert recorded.by(read)[-1] == "prep.py"
    assert recorded.by(used)[:4] == (sys.executable, "-I", "-S", "-c")
    processes = recorded.processes()
    shell = processes[processes[read.entry].parent or 0]
    assert shell.command[0] == "bash"
    assert shell.parent is None
    assert processes[used.entry].parent == shell.entry


def test_what_is_gone_at_the_end_is_kept(recorded: Recorded) -> None:
    script = (
        "echo secret plan > a.py; rm a.py; echo first > b.txt; echo second > b.txt;"
        "echo target > c.txt; mv b.txt c.txt; echo passing > /tmp/ptb-lite-d.txt;"
        "cat /tmp/ptb-lite-d.txt; rm /tmp/ptb-lite-d.txt; echo 1234 > e.txt; truncate -s 0 e.txt"
    )
    assert recorded.run([*BASH, script]).outcome is Outcome.FINISHED
    for act, name, content in (
        ("delete", "a.py", "secret plan\n"),
        ("replace", "c.txt", "target\n"),
        ("read", "/tmp/ptb-lite-d.txt", "passing\n"),
    ):
        (line,) = recorded.acts(act, name)
        assert line.kept
        assert recorded.copy(line.sha256) == content
    kept = [one for one in recorded.acts("write", "b.txt") if one.kept]
    assert [recorded.copy(one.sha256) for one in kept] == ["first\n"]
    (moved,) = recorded.acts("rename", "b.txt")
    assert moved.to == recorded.file("c.txt")


def test_other_names_of_a_file_are_that_file(recorded: Recorded) -> None:
    script = (
        "echo x > a.txt; ln a.txt hard.txt; ln -s a.txt soft.txt; mkdir d; ln -s ../d/.. d/up;"
        "cat hard.txt; cat soft.txt; cat d/up/a.txt; cat < a.txt; cat /proc/self/cwd/a.txt"
    )
    assert recorded.run([*BASH, script]).outcome is Outcome.FINISHED, recorded.lab.errors()
    (linked,) = recorded.acts("link", "a.txt")
    assert linked.to == recorded.file("hard.txt")
    (hard,) = recorded.acts("read", "hard.txt")
    reads = recorded.acts("read", "a.txt")
    assert len(reads) == 4  # the soft link, the way up, the redirection, and by /proc
    assert {linked.inode, hard.inode} == {each.inode for each in reads}


def test_a_link_out_of_the_sandbox_leads_nowhere(closed: Recorded) -> None:
    outside = closed.lab.folder / "key.txt"
    outside.write_text("a person's own")
    script = f"ln -s {outside} /tmp/l; cat /tmp/l; ln -s {outside} l; cat l; rm l; echo > /tmp/l"
    closed.run([*BASH, script])
    assert "a person's own" not in closed.lab.output()
    assert not closed.acts("read", str(outside))
    copies = [each.read_text() for each in (closed.folder / COPIES).iterdir()]
    assert not any("own" in text for text in copies)


def test_programs_without_a_file_leave_their_text(recorded: Recorded) -> None:
    python = f"{sys.executable} -I -S"
    script = f"{python} -c 'print(1 + 1)'; {python} - <<'END'\nprint(20 + 3)\nEND\ntrue"
    assert recorded.run([*BASH, script]).outcome is Outcome.FINISHED
    assert recorded.lab.output().split() == ["2", "23"]
    own = [each for each in recorded.processes().values() if each.command[:1] == (sys.executable,)]
    assert [each.command[-1] for each in own] == ["print(1 + 1)", "-"]
    assert recorded.copy(own[1].text) == "print(20 + 3)\n"


def test_both_ends_of_a_pipe_are_known(recorded: Recorded) -> None:
    assert recorded.run([*BASH, "echo a > a.txt; cat a.txt | sort > b.txt; true"])
    by_name = {each.command[0]: each for each in recorded.processes().values()}
    assert by_name["cat"].stdout == by_name["sort"].stdin != ""
    assert by_name["sort"].stdout == recorded.file("b.txt")


def test_the_command_is_as_without_a_record(lab: Lab) -> None:
    """Nothing of the recorder's reaches it, and its exit code and streams are its own."""
    script = (
        "import os, sys; print(sorted(os.listdir('/proc/self/fd'), key=int)[:-1]);"
        "print(sorted(os.environ.items())); print(sys.stdin.read()); sys.exit(7)"
    )
    said = []
    for plan in (replace(lab.plan(), wait=True), Recorded(lab).plan):
        lab.stdout.unlink(missing_ok=True)
        ended = lab.run(lab.python(script), plan=plan)
        assert ended.exit_code == 7, lab.errors()
        said.append(lab.output())
    assert said[0] == said[1]


def test_what_the_sandbox_refuses_stays_refused(closed: Recorded) -> None:
    script = (
        "import ctypes; call = ctypes.CDLL(None, use_errno=True).syscall\n"
        "for number, flags in ((250, 0), (272, 0x10000000), (425, 8)):\n"
        "    print(call(number, flags, 0, 0), ctypes.get_errno())"
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    assert closed.run(closed.lab.python(script)).outcome is Outcome.FINISHED
    assert closed.lab.output().splitlines() == ["-1 1", "-1 1", "-1 38"]


LOOP = (
    "import os, time\n"
    "open('begun', 'w').close()\n"
    "while not os.path.exists('end'):\n"
    "    os.close(os.open('begun', os.O_RDONLY)); time.sleep(0.01)\n"
    "open('done', 'w').write('done')\n"
)


def _lose(recorded: Recorded, number: signal.Signals) -> None:
    wait_until(lambda: bool(recorded.observers()), "an observer")
    one = recorded.observers()[0]
    one.send_signal(number)
    wait_until(
        lambda: one.pid not in [each.pid for each in recorded.observers()], "its end", PATIENCE
    )


def _started(recorded: Recorded, command: list[str]) -> Callable[[], Ended]:
    supervised = recorded.lab.start(command, 4 * PATIENCE, recorded.plan)

    def end() -> Ended:
        (recorded.lab.workspace / "end").touch()
        ended = supervised.wait(4 * PATIENCE)
        assert ended is not None
        return ended

    begun = recorded.lab.workspace / "begun"
    wait_until(begun.exists, "the command's start", 2 * PATIENCE)
    return end


def test_an_observer_that_is_killed_is_replaced(closed: Recorded) -> None:
    end = _started(closed, closed.lab.python(LOOP))
    _lose(closed, signal.SIGKILL)
    wait_until(lambda: bool(closed.observers()), "another observer")
    assert end().outcome is Outcome.FINISHED, closed.lab.errors()
    assert len(closed.said("lost")) == 1
    assert not closed.said("off")
    assert closed.acts("write", "done")


def test_without_observers_the_command_goes_on(closed: Recorded) -> None:
    end = _started(closed, closed.lab.python(LOOP))
    for _ in range(2):
        _lose(closed, signal.SIGKILL)
    wait_until(lambda: bool(closed.said("off")), "the record's end")
    assert end().outcome is Outcome.FINISHED, closed.lab.errors()
    assert (closed.lab.workspace / "done").read_text() == "done"
    assert not closed.acts("write", "done")


def test_an_observer_that_stands_still_is_replaced(closed: Recorded) -> None:
    command = closed.lab.isolation.wrap(closed.lab.python(LOOP), closed.plan)
    command.insert(command.index("--"), "patience=0.5")
    wrap, closed.lab.isolation = closed.lab.isolation, _Given(command)
    try:
        end = _started(closed, [])
    finally:
        closed.lab.isolation = wrap
    _lose(closed, signal.SIGSTOP)
    assert end().outcome is Outcome.FINISHED, closed.lab.errors()
    assert len(closed.said("lost")) == 1


class _Given:
    """An isolation whose command line is there already."""

    name = "given"
    isolates = holds_limits = gains_privileges = True

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def problem(self) -> str | None:
        return None

    def wrap(self, command: object, plan: object) -> list[str]:  # noqa: ARG002
        return self._command

    def environment(self, plan: object) -> dict[str, str]:  # noqa: ARG002
        return {}

    def cleanup(self, plan: object) -> list[str]:  # noqa: ARG002
        return []


def test_a_killed_recorder_ends_the_command(recorded: Recorded) -> None:
    end = _started(recorded, recorded.lab.python(LOOP))
    wait_until(lambda: bool(recorded.observers()), "an observer")
    above = recorded.observers()[0].parent()
    assert above is not None
    above.kill()
    # By itself it would go on until it is told to end.
    wait_until(lambda: not recorded.lab.living(), "the end of all")
    assert end().outcome is Outcome.FAILED
    assert not (recorded.lab.workspace / "done").exists()


@pytest.mark.parametrize(
    "opens", [3000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_a_flood_is_bounded(closed: Recorded, opens: int) -> None:
    script = (
        "import os\n"
        f"for number in range({opens}):\n"
        "    os.close(os.open(f'f{number % 2500}', os.O_WRONLY | os.O_CREAT))\n"
        "    os.close(os.open('/tmp', os.O_RDONLY))\n"
    )
    ended = closed.run(closed.lab.python(script), 8 * PATIENCE)
    assert ended.outcome is Outcome.FINISHED, ended.detail
    lines = [each for each in closed.lines() if isinstance(each, FileLine)]
    assert len(lines) <= 2000
    (counts,) = (each for each in closed.lines() if isinstance(each, Counts))
    assert counts.calls >= opens
    assert counts.lines_left_out >= 500
    assert counts.faults == 0


def test_nothing_is_said_where_nothing_is_heard(tmp_path: Path) -> None:
    """A command that never reaches the shim, as one of another sandbox would."""
    folder = tmp_path / "provenance"
    lab = Lab(_Given([]), tmp_path)
    lab.isolation = _Given(
        [sys.executable, "-I", "-S", str(RECORDER), f"folder={folder}",
         f"workspace={lab.workspace}", "--", "/bin/sh", "-c", "exit 3"]
    )  # fmt: skip
    assert lab.run([]).exit_code == 3
    said = [each for each in read_lines(folder) if isinstance(each, Said)]
    assert [each.kind for each in said] == ["off", "ended"]
