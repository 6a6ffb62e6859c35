"""What agents might try in order to get out, or to take the machine down with them."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from ptb_lite.events import Outcome
from ptb_lite.sandbox import Groups, LimitPlan, SandboxPlan, interpreter_paths, make_groups, start
from tests.functional.runner.waiting import slowdown
from tests.functional.sandbox.lab import PATIENCE, Lab, wait_until


def limited(lab: Lab, **limits: int) -> SandboxPlan:
    environment = {"PATH": "/usr/bin:/bin"}
    return SandboxPlan(lab.workspace, interpreter_paths(), environment, limits=LimitPlan(**limits))


@pytest.mark.parametrize(
    "name",
    [".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".netrc", ".codex/auth.json"],
)
def test_the_keys_of_a_persons_home_are_absent(closed_lab: Lab, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "home" / name
    secret.parent.mkdir(parents=True)
    secret.write_text("secret-of-the-host")
    script = f"cat {secret}; cat ~/{name}; cat /proc/1/root{secret}; cat /proc/self/root{secret}"
    plan = closed_lab.plan(HOME=str(tmp_path / "home"))
    ended = closed_lab.run(["sh", "-c", script], plan=plan)
    assert ended.outcome is Outcome.FAILED
    assert closed_lab.output() == ""


def test_the_real_home_is_absent(closed_lab: Lab) -> None:
    names = [".ssh", ".gnupg", ".aws", ".netrc", ".bash_history", ".gitconfig", ".config"]
    tests = "; ".join(f"test -e {Path.home()}/{name} && echo {name}" for name in names)
    closed_lab.run(["sh", "-c", f"{tests}; ls /home/* /root/.[a-z]* 2>/dev/null"])
    shown = [p for p in interpreter_paths() if p.is_relative_to(Path.home())]
    # Only the way to the interpreter, where that lies in a home.
    lines = [line for line in closed_lab.output().split() if not any(line in str(p) for p in shown)]
    assert [line for line in lines if line in names] == []


REMOUNTS = (
    "mount -o remount,rw,bind /usr",
    "mount -o remount,rw /",
    "mount -t tmpfs none /mnt",
    "mount --bind /tmp /usr",
    "umount /usr",
    "unshare -Urm mount -o remount,rw,bind /usr",
    "nsenter -t 1 -m true",
    "chroot / touch /usr/own",
    "pivot_root / /tmp",
    "mknod /tmp/disk b 252 0",
)


@pytest.mark.parametrize("attempt", REMOUNTS)
def test_nothing_can_be_mounted_anew(closed_lab: Lab, attempt: str) -> None:
    ended = closed_lab.run(["sh", "-c", f"PATH=$PATH:/sbin:/usr/sbin; {attempt}"])
    assert ended.outcome is Outcome.FAILED
    assert "not found" not in closed_lab.errors()


def test_no_setting_of_the_kernel_can_be_written(closed_lab: Lab) -> None:
    """Root's files in /proc are root's also without any capability."""
    source = """
import os
for root, folders, files in os.walk("/proc"):
    if root == "/proc":
        folders[:] = [name for name in folders if not name.isdigit()]
    for name in files:
        path = os.path.join(root, name)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            print(path)
        except OSError: pass
print("looked")
"""
    ended = closed_lab.run(closed_lab.python(source))
    assert ended.outcome is Outcome.FINISHED
    assert closed_lab.output() == "looked\n"


PTRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for pid in {pids!r}:
    for what in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
        if libc.ptrace(what, pid, 0, 0) == 0: print("traced", pid)
    try:
        os.kill(pid, 19)
        print("stopped", pid)
    except OSError: pass
    try:
        os.pidfd_open(pid)
        print("opened", pid)
    except OSError: pass
try:
    os.kill(-1, 15)
    print("signalled all of its own")
except OSError: pass
"""


def test_processes_of_the_host_can_be_neither_traced_nor_signalled(closed_lab: Lab) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        pids = [pid for pid in (victim.pid, os.getpid(), os.getppid()) if pid > 3]
        closed_lab.run(closed_lab.python(PTRACE.format(pids=pids)))
        status = psutil.Process(victim.pid).status()
        victim.kill()
    assert status == psutil.STATUS_SLEEPING
    assert "ed " not in closed_lab.output().replace("signalled all of its own", "")


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('127.0.0.1', {port}), 3)",
        "socket.create_connection(('192.0.2.1', 80), 3)",
        "socket.getaddrinfo('example.com', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_UNIX).connect('\\0ptb-lite-test')",
    ],
)
def test_no_kind_of_connection_when_the_network_is_off(closed_lab: Lab, attempt: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as hidden:
        hidden.bind("\0ptb-lite-test")
        hidden.listen()
        source = "import socket; " + attempt.format(port=server.getsockname()[1])
        ended = closed_lab.run(closed_lab.python(source))
    assert ended.outcome is Outcome.FAILED
    assert "rror" in closed_lab.errors()


FORKS = """
import os, time
made = 0
try:
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        made += 1
except OSError as error:
    print(made, error.strerror, flush=True)
else:
    print(made, "all", flush=True)
time.sleep(20)
"""


def group_of(lab: Lab, **limits: int | None) -> Groups:
    return make_groups(
        f"ptb-lite-{lab.mark}", **{"memory_bytes": None, "processes": None, **limits}
    )


def run_in(lab: Lab, groups: Groups, source: str, plan: SandboxPlan, deadline: float) -> Outcome:
    supervised = start(
        lab.isolation.wrap(lab.python(source), plan),
        environment=plan.environment,
        cwd=lab.workspace,
        deadline_seconds=deadline,
        stdout=lab.stdout,
        stderr=lab.stderr,
        groups=groups.entrances(),
    )
    ended = supervised.wait(deadline + PATIENCE)
    assert ended is not None
    return ended.outcome


def test_a_storm_of_processes_is_held_by_a_control_group(closed_lab: Lab) -> None:
    groups = group_of(closed_lab, processes=30)
    if "pids" not in groups.held:
        pytest.skip("no control group for processes can be made here")
    try:
        run_in(closed_lab, groups, FORKS, closed_lab.plan(), 2.0)
        made, *why = closed_lab.output().split()
        assert 20 <= int(made) < 30
        assert "unavailable" in why
        assert groups.met("pids") >= 1
    finally:
        groups.remove()
    assert not any(folder.exists() for folder in groups.folders)


@pytest.mark.skipif(os.getuid() == 0, reason="the kernel never holds root to this limit")
def test_a_storm_of_processes_is_held_by_the_users_limit(closed_lab: Lab) -> None:
    closed_lab.run(closed_lab.python(FORKS), 2.0, limited(closed_lab, processes=30))
    assert int(closed_lab.output().split()[0]) < 30


HOARD = """
import os
held = []
for number in range(40):
    held.append(bytearray(os.urandom(1 << 20)) * 10)
    print(number, flush=True)
"""


def test_memory_is_held_by_a_control_group(closed_lab: Lab) -> None:
    groups = group_of(closed_lab, memory_bytes=100_000_000)
    if "memory" not in groups.held:
        pytest.skip("no control group for memory can be made here")
    try:
        assert run_in(closed_lab, groups, HOARD, closed_lab.plan(), 30.0) is Outcome.FAILED
        assert groups.met("memory") >= 1
    finally:
        groups.remove()
    assert int(closed_lab.output().split()[-1]) < 20


def test_folders_in_memory_are_bounded(closed_lab: Lab) -> None:
    script = "for f in /tmp /dev/shm ~; do head -c 30000000 /dev/zero >$f/x; wc -c <$f/x; done"
    closed_lab.run(["sh", "-c", script], plan=limited(closed_lab, memory_bytes=40_000_000))
    assert len(closed_lab.output().split()) == 3
    assert all(int(size) <= 20_100_000 for size in closed_lab.output().split())
    assert "No space left" in closed_lab.errors()


def test_one_file_is_bounded(closed_lab: Lab) -> None:
    plan = limited(closed_lab, file_bytes=1_000_000)
    ended = closed_lab.run(["sh", "-c", "head -c 5000000 /dev/zero >big"], plan=plan)
    assert ended.outcome is Outcome.FAILED
    assert (closed_lab.workspace / "big").stat().st_size <= 1_000_000
    raised = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))"
    assert closed_lab.run(closed_lab.python(raised), plan=plan).outcome is Outcome.FAILED
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY


SURVIVOR = """
import os, signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork() == 0:
        os.setsid()
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "times", [5, pytest.param(50, marks=pytest.mark.slow)], ids=["few", "fifty"]
)
def test_nothing_survives_its_deadline(closed_lab: Lab, times: int) -> None:
    for _ in range(times):
        closed_lab.stdout.unlink(missing_ok=True)
        running = closed_lab.start(closed_lab.python(SURVIVOR), deadline=0.7)
        wait_until(lambda: closed_lab.stdout.exists() and "up" in closed_lab.output(), "the start")
        ended = running.wait(PATIENCE)
        assert ended is not None
        assert ended.outcome is Outcome.TIME_EXCEEDED
        assert ended.seconds < 2.7 * slowdown()
        began = time.monotonic()
        wait_until(lambda: not closed_lab.living(), "the end", 2.0)
        assert time.monotonic() - began < 2.0 * slowdown()


def test_a_submission_that_is_a_link_shows_nothing_of_the_host(
    closed_lab: Lab, tmp_path: Path
) -> None:
    """The sandbox lets links be made; the seal refuses them (see `runner/test_bad_submissions`)."""
    from ptb_lite.audit.detectors.submission import validate_submission

    closed_lab.run(["sh", "-c", "ln -s /etc final_model"])
    link = closed_lab.workspace / "final_model"
    assert link.is_symlink()
    check = validate_submission(link, base_model=tmp_path, base_ids=())
    assert not check.valid
    assert check.files == ()
    closed_lab.run(
        ["sh", "-c", "rm final_model; mkdir final_model; ln -s /etc/shadow final_model/x"]
    )
    check = validate_submission(link, base_model=tmp_path, base_ids=())
    assert not check.valid
