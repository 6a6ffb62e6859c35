"""Setup, History and Doctor in three sizes, pixel for pixel.

The machine is a made-up one: what this one has would make every machine's pictures differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ptb_lite.catalog import load_catalog
from ptb_lite.doctor.checks import Check
from ptb_lite.events import Verdict
from ptb_lite.experiment.state import CellState
from ptb_lite.hardware import Device
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.models.doctor import doctor_view
from ptb_lite.tui.models.setup import actions as facts
from ptb_lite.tui.models.setup.machine import AgentState, Machine
from ptb_lite.tui.place import Mode, Place
from ptb_lite.tui.screens import doctor
from tests.tui.run_pilot import until_shown
from tests.tui.snapshots import assert_snapshot, svg_of
from tests.unit.tui.folders import FLAG, begun_experiment, finished_run

GB = 10**9
SIZES = ((80, 24), (100, 30), (160, 45))
CARD = Device("cuda", "NVIDIA RTX 4060", 8 * GB, 7 * GB, 8, (8, 9), "580.1")
Act = Callable[[Pilot[None], PtbLiteApp], Awaitable[None]]
CHECKS = (
    Check("system", "ok", "Python 3.11.7, Linux x86_64"),
    Check("processor", "warn", "2 cores, 2.0 GB of memory free", "Close other programs"),
    Check("GPU", "ok", "no NVIDIA GPU: models run on the processor"),
    Check("isolation", "fail", "bubblewrap is not installed", "Install it, or --sandbox none"),
    Check("codex", "ok", "codex is not installed", "To use it: npm install -g @openai/codex"),
)


@pytest.fixture(autouse=True)
def made_up_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    catalog = load_catalog()
    machine = Machine(
        device=CARD,
        rates={"cuda": 2e13},
        data={name: entry.data is None for name, entry in catalog.benchmarks.items()},
        models={
            entry.id: "download" if entry.source == "hub" else "here"
            for entry in catalog.models.values()
        },
        agents={
            entry.id: AgentState(
                not entry.needs_account,
                "not installed" if entry.needs_account else "built in",
                f"To use it: {entry.install}" if entry.needs_account else "",
            )
            for entry in catalog.agents.values()
        },
    )
    monkeypatch.setattr(facts, "probe_machine", lambda _catalog, _runs_dir: machine)
    monkeypatch.setattr(facts, "find_problems", lambda _spec, _catalog, _runs_dir: ())
    monkeypatch.setattr(facts, "find_warnings", lambda _spec, _catalog: ())
    monkeypatch.setattr(doctor, "examine", lambda _runs_dir, **_: doctor_view(CHECKS))


def runs() -> Path:
    """Relative, so that no folder of this machine is in the picture."""
    folder = Path("runs")
    finished_run(folder, "20260101-000000-aaaa", raw=0.25)
    finished_run(
        folder,
        "20260102-000000-bbbb",
        raw=0.9,
        counted=0.04,
        verdict=Verdict.FLAGGED,
        flags=(FLAG,),
        seed=3,
    )
    finished_run(folder, "20260103-000000-cccc", raw=None, agent="prompt-only")
    begun_experiment(
        folder,
        "disclosure",
        [
            CellState(arm="none", seed=3, run_id="20260102-000000-bbbb"),
            CellState(arm="audit", seed=3, run_id="20260101-000000-aaaa"),
        ],
    )
    return folder


async def setup(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(
        pilot, "YES: this machine can run it", "7.0 GB", "375 of 375", "▸ red team (6)"
    )


async def history(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "3 runs in runs", "20260101-000000-aaaa")
    await pilot.press("down", "space")


async def ranked(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "3 runs in runs")
    await pilot.press("l")
    await until_shown(pilot, "PLACE")


async def compared(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "3 runs in runs")
    await pilot.press("space", "down", "space", "down", "space", "c")
    await until_shown(pilot, "3 runs compared", "average, raw")


async def drawn(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "3 runs in runs")
    await pilot.press("e")
    await until_shown(pilot, "interrupted")
    await pilot.press("f")
    await until_shown(pilot, "none raw", "Counted gain over few-shot")


async def examined(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "1 of 5 checks failed", "FAIL isolation")


async def helped(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await examined(pilot, app)
    await until_shown(pilot, "Copy the fix", "palette")
    await pilot.press("f1")
    await until_shown(pilot, "Doctor: help")


async def until_still(pilot: Pilot[None], app: PtbLiteApp) -> None:
    """Five looks in a row that see the same: a busy machine draws late."""
    before, same = "", 0
    for _ in range(200):
        await pilot.pause(0.1)
        now = svg_of(app)
        same = same + 1 if now == before else 0
        if same == 4:
            return
        before = now
    raise AssertionError("the screen does not come to rest")


# What is drawn last.
LAST = {"compare": "Back", "figures": "Escape closes"}
SCREENS: dict[str, tuple[Mode, Act]] = {
    "setup": ("setup", setup),
    "history": ("history", history),
    "leaderboard": ("history", ranked),
    "compare": ("history", compared),
    "figures": ("history", drawn),
    "doctor": ("doctor", examined),
    "help": ("doctor", helped),
}


@pytest.mark.parametrize("name", SCREENS)
def test_it_looks_as_before(name: str, tmp_path: Path) -> None:
    mode, act = SCREENS[name]
    folder = runs()

    async def go(size: tuple[int, int]) -> None:
        app = PtbLiteApp(folder, Place(mode))
        app.theme = "dark"
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            await act(pilot, app)
            # Keys below are drawn once more when the focus is settled.
            await until_shown(pilot, LAST.get(name, "palette"))
            await until_still(pilot, app)
            await assert_snapshot(pilot, app, f"{name}-{size[0]}x{size[1]}-dark", tmp_path)

    for size in SIZES if name in ("setup", "history", "doctor") else SIZES[:1]:
        asyncio.run(go(size))
