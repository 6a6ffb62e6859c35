"""What of this machine decides between choices: its device, what is installed, what is here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ptb_lite.agents.registry import check_agent
from ptb_lite.catalog.embedded import model_folder, read_record
from ptb_lite.catalog.entries import AgentEntry, BenchmarkEntry, ModelEntry
from ptb_lite.catalog.hub.models import is_cached
from ptb_lite.catalog.loader import Catalog
from ptb_lite.doctor import speed
from ptb_lite.doctor.reach import missing_data
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.vllm.place import NOT_INSTALLED, Missing, Vllm, find_vllm
from ptb_lite.files import existing_folder
from ptb_lite.hardware import Device, detect_device
from ptb_lite.hardware.device import cpu_device
from ptb_lite.tui.models.setup.earlier import Earlier, read_earlier

Presence = Literal["here", "convert", "download"]


@dataclass(frozen=True)
class AgentState:
    """Whether an agent can be started here, in one sentence, and the way out where it cannot."""

    ready: bool
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Machine:
    """`device` None: not known (yet), and `problem` then may say why; `cpu` beside a GPU.

    `models` says where each model's files are, `agents` how each agent stands, `data` whether a
    benchmark's rows are here, `disk_free` the bytes free in the folder of the runs (None: not
    known), `rates` floating point operations a second by kind of device.
    """

    device: Device | None = None
    problem: str = ""
    models: Mapping[str, Presence] = field(default_factory=dict)
    agents: Mapping[str, AgentState] = field(default_factory=dict)
    earlier: Earlier = field(default_factory=Earlier)
    vllm: Vllm | Missing = field(default_factory=lambda: Missing(NOT_INSTALLED))
    disk_free: int | None = None
    cpu: Device | None = None
    data: Mapping[str, bool] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)

    def used(self, choice: str) -> Device | None:
        """The device of a run that chooses auto, cpu or cuda."""
        return self.cpu or self.device if choice == "cpu" else self.device


def probe_machine(catalog: Catalog, runs_dir: Path) -> Machine:
    """Ask the machine; takes seconds where scaffolds are installed, uses no network."""
    device, problem, cpu = None, "", cpu_device()
    try:
        device = detect_device()
    except PtbLiteError as error:
        problem = str(error)
    return Machine(
        device=device,
        problem=problem,
        models={entry.id: _presence(entry) for entry in catalog.models.values()},
        agents={entry.id: _agent(entry) for entry in catalog.agents.values()},
        earlier=read_earlier(runs_dir),
        vllm=find_vllm(),
        disk_free=_disk_free(runs_dir),
        cpu=cpu,
        data={entry.id: _data_is_here(entry) for entry in catalog.benchmarks.values()},
        rates={each.kind: speed.machine_rate(each) for each in (device, cpu) if each is not None},
    )


def _data_is_here(entry: BenchmarkEntry) -> bool:
    try:
        return not missing_data(entry)
    except (OSError, ValueError):
        return False


def _disk_free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(existing_folder(folder)).free
    except OSError:
        return None


def _presence(entry: ModelEntry) -> Presence:
    match entry.source:
        case "embedded":
            return "here" if read_record(model_folder(entry.id)) is not None else "convert"
        case "local":
            return "here"
        case "hub":
            try:
                return "here" if is_cached(entry) else "download"
            except (OSError, ValueError):
                return "download"


def _agent(entry: AgentEntry) -> AgentState:
    try:
        found = check_agent(entry, os.environ)
    except PtbLiteError as error:
        return AgentState(False, error.message, error.hint)
    return AgentState(found.ready, found.message, found.fix)
