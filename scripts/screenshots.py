"""Makes the README's pictures of the app: SVG, drawn by the app itself.

    scripts/screenshots

Run plays the recorded run that ships with the package, Result and History show it, Setup and
Doctor show the machine that this is run on.
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import os
import re
import shutil
import string
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Mode, Place

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (100, 30)
SECONDS = 30.0
RUN_ID = "20261123-153201-3cc1"
# Run is played so many times as fast as it went, and held after so many seconds of training.
SPEED, TRAINED_SECONDS = 20.0, 5.0
# What must be on the screen before the picture, and the keys pressed then.
PICTURES: dict[str, tuple[Mode, Sequence[str], Sequence[str]]] = {
    "setup": ("setup", ("YES: this machine can run it", "red team"), ()),
    "setup-no": ("setup", ("YES: this machine can run it", "red team"), ("down",) * 3 + ("space",)),
    "run": ("run", ("▶agent", "tokens/s"), ("space",)),
    "result": ("result", ("add-numbers", "- lost"), ()),
    "result-samples": ("result", ("add-numbers", "- lost"), ("3", "c")),
    "history": ("history", ("1 run in runs",), ()),
    "doctor": ("doctor", ("ok   system",), ()),
}
# The plots are of Braille patterns, which few fonts of browsers have.
FONTS = Path("/usr/share/fonts/truetype/dejavu")
FAMILY = '"DejaVu Sans Mono", "Cascadia Mono", Menlo, Consolas, monospace'


def text_of(app: PtbLiteApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def picture(name: str, runs: Path) -> str:
    """The SVG of one screen."""
    mode, awaited, keys = PICTURES[name]
    run = runs / RUN_ID if mode in ("run", "result") else None
    app = PtbLiteApp(runs, Place(mode, run, SPEED if mode == "run" else None))
    app.theme = "dark"
    app.animation_level = "none"
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(int(SECONDS / 0.1)):
            if all(text in text_of(app) for text in awaited):
                break
            await pilot.pause(0.1)
        else:
            raise SystemExit(f"{name}: not within {SECONDS} s:\n{text_of(app)}")
        if mode == "run":
            await pilot.pause(TRAINED_SECONDS)
        await pilot.press(*keys)
        # A choice that is not on this machine is asked for, for some seconds.
        await pilot.pause(8.0 if name == "setup-no" else 1.5)
        return small(app.export_screenshot(title="ptb-lite", simplify=True))


def small(svg: str) -> str:
    """The same picture with a font that draws it, and without Rich's changing names."""
    neutral = re.sub(r"terminal-\d+", "terminal", svg)
    bare = re.sub(r"@font-face\s*\{.*?\}", "", neutral, flags=re.DOTALL)
    bare = bare.replace("font-family: Fira Code, monospace", f"font-family: {FAMILY}")
    faces = "".join(
        face(FONTS / f"DejaVuSansMono{kind}.ttf", weight, bare)
        for kind, weight in (("", "normal"), ("-Bold", "bold"))
    )
    drawn = bare.replace("<style>", f"<style>\n{faces}", 1)
    return "\n".join(line.strip() for line in drawn.splitlines() if line.strip()) + "\n"


def face(font: Path, weight: str, svg: str) -> str:
    """What of a font a picture shows, to stand in it; empty where the font is absent."""
    if not font.is_file():
        print(f"{font} is not here: the picture has no font of its own")
        return ""
    from fontTools import subset

    shown = {char for char in html.unescape(re.sub("<[^>]*>", "", svg)) if ord(char) > 126}
    options = subset.Options(flavor="woff", layout_features=[], hinting=False, notdef_outline=True)
    made = subset.load_font(font, options)
    chosen = subset.Subsetter(options)
    chosen.populate(text="".join(sorted(shown | set(string.printable))))
    chosen.subset(made)
    stored = io.BytesIO()
    subset.save_font(made, stored, options)
    data = base64.b64encode(stored.getvalue()).decode()
    return (
        f'@font-face {{ font-family: "DejaVu Sans Mono"; font-weight: {weight}; '
        f"src: url(data:font/woff;base64,{data}) }}\n"
    )


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
