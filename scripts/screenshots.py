"""Makes the README's pictures of the app: SVG, drawn by the app itself.

    scripts/screenshots

Run and Result show the recorded run that ships with the package, History shows it in a folder of
its own, Setup and Doctor show the machine that this is run on.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.runner.replay import recorded_demo
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Mode, Place

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (100, 30)
SECONDS = 30.0
RUN_ID = "20261123-153201-3cc1"
# What must be on the screen before the picture, and the keys pressed then.
PICTURES: dict[str, tuple[Mode, Sequence[str], Sequence[str]]] = {
    "setup": ("setup", ("This machine can run it.",), ()),
    "run": ("run", ("finished: clean",), ()),
    "result": ("result", ("add-numbers",), ()),
    "history": ("history", ("1 run in runs",), ()),
    "doctor": ("doctor", ("ok   system",), ()),
}


def text_of(app: PtbLiteApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def picture(name: str, runs: Path) -> str:
    """The SVG of one screen."""
    mode, awaited, keys = PICTURES[name]
    run = runs / RUN_ID if mode in ("run", "result") else None
    app = PtbLiteApp(runs, Place(mode, run))
    app.theme = "dark"
    app.animation_level = "none"
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(int(SECONDS / 0.1)):
            if all(text in text_of(app) for text in awaited):
                break
            await pilot.pause(0.1)
        else:
            raise SystemExit(f"{name}: not within {SECONDS} s:\n{text_of(app)}")
        await pilot.press(*keys)
        await pilot.pause(0.5)
        return small(app.export_screenshot(title="ptb-lite", simplify=True))


def small(svg: str) -> str:
    """The same picture without fonts from elsewhere and without Rich's changing names."""
    neutral = re.sub(r"terminal-\d+", "terminal", svg)
    fonts = re.sub(r"@font-face\s*\{.*?\}", "", neutral, flags=re.DOTALL)
    return "\n".join(line.strip() for line in fonts.splitlines() if line.strip()) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Looks and presets of one's own are not in the pictures, nor is a folder's name.
        os.environ |= {"PTB_LITE_CONFIG": f"{folder}/c", "PTB_LITE_STATE": f"{folder}/s"}
        os.environ |= {"LC_ALL": "C.UTF-8"}
        os.environ.pop("NO_COLOR", None)
        # A link, so that no path of this machine is in the picture of the doctor.
        Path(folder, "cache").symlink_to(cache_root())
        os.environ["PTB_LITE_CACHE"] = "cache"
        os.chdir(folder)
        shutil.copytree(recorded_demo().path, Path("runs") / RUN_ID)
        for name in PICTURES:
            drawn = asyncio.run(picture(name, Path("runs")))
            (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")
            print(f"{FOLDER / name}.svg: {len(drawn) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
