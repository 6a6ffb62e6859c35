"""A real Slurm of one node on this machine, started for tests: munged, slurmctld, slurmd."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun", "sinfo", "scontrol")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
KillWait=30
SlurmdTimeout=10
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName=debug Nodes=ALL Default=YES MaxTime=120
PartitionName=short Nodes=ALL MaxTime=3
"""


def missing() -> str:
    """Why no Slurm can be started here; empty where one can."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"no Slurm here: {', '.join(lacking)} (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "Slurm's own processes are started as root"


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[Path]:
    """The path of the configuration that clients find by SLURM_CONF."""
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # munged refuses a socket's folder that not everybody may enter.
    for parent in (folder / "munge", folder, *folder.parents):
        with suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o055)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    port = _free_port()
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            port=port,
            node_port=_free_port(),
            folder=folder,
            cpus=os.cpu_count(),
            memory=int(0.8 * psutil.virtual_memory().total / 2**20),
        )
    )
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    munge = [f"--{name}={folder}/munge/{name}" for name in ("socket", "pid-file", "log-file")]
    munge += [f"--key-file={key}", f"--seed-file={folder}/munge/seed", "--force"]
    pids = [folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge" / "pid-file"]
    try:
        for command in (["munged", *munge], ["slurmctld"], ["slurmd"]):
            subprocess.run(command, env=environment, check=True, timeout=60)
        _wait_for_idle(environment)
        yield configuration
    finally:
        for pid in pids:
            _end(pid)


def _wait_for_idle(environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True
        )
        if set(told.stdout.split()) == {"idle"}:
            return
        time.sleep(0.2)
    raise AssertionError(f"Slurm did not come up: {told.stdout}{told.stderr}")


def _end(pid_file: Path) -> None:
    with suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])
