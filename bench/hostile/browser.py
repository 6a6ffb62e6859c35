"""`python -m bench.hostile.browser [EVERY]`: payloads in every field of a run, read by Chromium.

With EVERY each field holds so many payloads at once, on so many fewer pages. Takes
`pip install playwright` and a Chromium on PATH. A fault is a page (the report, or the Markdown as a
viewer that lets HTML through shows it) that asks for anything, says anything on the console,
raises, opens a dialogue or goes elsewhere, or in which an element, an attribute or the title came
from a payload. Exit code 1 where there was one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from playwright.sync_api import sync_playwright

from ptb_lite.report.export import export_markdown
from ptb_lite.report.html import run_html
from ptb_lite.runs.folder import RunFolder
from tests.functional.injected_run import PAYLOADS, TOKEN, poisoned

STRUCTURE = """() => {
    const found = new Set(["title " + document.title]);
    for (const one of document.querySelectorAll("*")) {
        found.add(one.tagName);
        for (const {name, value} of one.attributes) {
            found.add(one.tagName + " " + name);
            if (value.includes("TOKEN") || /^\\s*javascript:/i.test(value))
                found.add("ACTIVE " + one.tagName + " " + name);
        }
    }
    return [...found];
}""".replace("TOKEN", TOKEN)
WAIT_MS = 50


def pages(run: RunFolder) -> dict[str, str]:
    """The report, and the Markdown rendered with its HTML let through."""
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(export_markdown(run))
    return {"report": run_html(run), "markdown": f"<!doctype html><meta charset=utf-8>{shown}"}


def main(every: int) -> int:
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab, said = browser.new_page(), []
        tab.on("console", lambda message: said.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: said.append(f"raised: {error}"))
        tab.on("dialog", lambda box: (said.append(f"dialogue: {box.message}"), box.dismiss()))
        tab.on("popup", lambda other: said.append(f"opened: {other.url}"))
        tab.on("request", lambda asked: said.append(f"asked for: {asked.url}"))

        def seen(run: RunFolder) -> dict[str, tuple[set[str], list[str]]]:
            found: dict[str, tuple[set[str], list[str]]] = {}
            for name, text in pages(run).items():
                file = Path(place) / f"{name}.html"
                file.write_text(text, encoding="utf-8")
                said.clear()
                tab.goto(file.as_uri())
                tab.wait_for_timeout(WAIT_MS)
                structure: Any = tab.evaluate(STRUCTURE)
                others = [one for one in said if one != f"asked for: {file.as_uri()}"]
                if tab.url != file.as_uri():
                    others.append(f"went to {tab.url}")
                found[name] = set(structure), others
            return found

        plain = seen(poisoned(Path(place) / "harmless", None)[0])
        began, read, faults = time.monotonic(), 0, 0
        for first in range(0, len(PAYLOADS), every):
            run, fields = poisoned(Path(place) / str(first), first, every)
            for name, (structure, others) in seen(run).items():
                read += 1
                new = structure - plain[name][0]
                if new or others:
                    faults += 1
                    print(
                        f"{name} from payload {first}: {sorted(new)[:5]} {others[:5]}", flush=True
                    )
            shutil.rmtree(Path(place) / str(first))
        print(
            f"Chromium {browser.version}: {read} pages, {fields} fields each, {len(PAYLOADS)} "
            f"payloads, {faults} faults, {time.monotonic() - began:.0f} s"
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
