"""The walls of the design hold: who may import whom, and what a terminal starts with."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ptb_lite"
HEAVY = {
    "bitsandbytes",
    "datasets",
    "lm_eval",
    "numpy",
    "pandas",
    "peft",
    "pyarrow",
    "reasoning_gym",
    "scipy",
    "sklearn",
    "textual",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
}


def _loaded_by(code: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter that ran `code`."""
    program = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PTB_LITE_CONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


def test_the_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "ptb_lite.cli.app",
        "ptb_lite.spec.run_spec",
        "ptb_lite.spec.presets",
        "ptb_lite.doctor.preflight",
        "ptb_lite.cli.start",
        "ptb_lite.cli.common.summary",
        "ptb_lite.runner.launch",
        "ptb_lite.runner.console.follow",
    ],
)
def test_heavy_libraries_are_not_imported_at_start(module: str) -> None:
    assert not _loaded_by(f"import {module}") & HEAVY


def _loaded_by_the_app(act: str) -> set[str]:
    """What a fresh interpreter holds after the app has shown its first frame and done `act`."""
    return _loaded_by(
        "import asyncio\n"
        "from pathlib import Path\n"
        "from ptb_lite.tui.app import PtbLiteApp\n"
        "async def go():\n"
        "    app = PtbLiteApp(Path('/nonexistent/runs'))\n"
        "    async with app.run_test() as pilot:\n"
        f"        {act}\n"
        "asyncio.run(go())"
    )


def test_the_app_is_imported_without_what_reads_and_validates() -> None:
    """So little stands before its first frame; `heavy` may not come even later."""
    loaded = _loaded_by("import ptb_lite.tui.start, ptb_lite.tui.screens.setup")
    assert "textual" in loaded
    assert not loaded & (HEAVY - {"textual"} | {"pydantic", "yaml", "typer", "jinja2", "plotext"})


def test_the_app_at_work_needs_no_heavy_library() -> None:
    keys = "'f5', 'f6', 'f2'"
    loaded = _loaded_by_the_app(f"await pilot.press({keys}); await pilot.pause(2)")
    # Setup has read the catalogue and looked at the machine.
    assert {"pydantic", "yaml", "pynvml", "psutil"} <= loaded
    assert not loaded & (HEAVY - {"textual"})


def test_help_does_without_pydantic_as_well() -> None:
    loaded = _loaded_by(
        "import contextlib\nfrom ptb_lite.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])"
    )
    assert not loaded & (HEAVY | {"pydantic", "yaml", "rich"})


@pytest.mark.parametrize(
    "command", [["run", "--help"], ["list", "models"], ["list", "presets"], ["ls"]]
)
def test_commands_that_only_look_are_light(command: list[str]) -> None:
    loaded = _loaded_by(
        "import contextlib\nfrom ptb_lite.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({command!r})"
    )
    assert not loaded & HEAVY


def test_this_test_would_notice() -> None:
    assert "numpy" in _loaded_by("import numpy") & HEAVY


def test_only_the_tui_imports_textual() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] == "tui":
            continue
        assert "textual" not in _imports(path), path


def test_no_module_of_ours_is_started_with_the_folder_it_is_in_on_its_path() -> None:
    """`installation.own_program` is the one place that starts them."""
    for path in PACKAGE.rglob("*.py"):
        assert '(sys.executable, "-m"' not in (text := path.read_text()), path
        assert '[sys.executable, "-m"' not in text, path


def test_no_circle_of_imports() -> None:
    """In no room and across none, late imports (inside a function) included."""
    assert _circles(_import_graph(PACKAGE)) == set()


def test_a_circle_would_be_noticed(tmp_path: Path) -> None:
    root = tmp_path / "ptb_lite"
    (root / "room").mkdir(parents=True)
    (root / "room" / "__init__.py").write_text("from ptb_lite.low import x\n")
    (root / "room" / "one.py").write_text("def late():\n    from ptb_lite.room import two\n")
    (root / "room" / "two.py").write_text("import ptb_lite.room.one\n")
    (root / "low.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ptb_lite.room\n"
    )
    assert _circles(_import_graph(root)) == {frozenset({"ptb_lite.room.one", "ptb_lite.room.two"})}


def _import_graph(package: Path) -> dict[str, set[str]]:
    """The modules that each module imports; what only a type checker reads is left out."""
    files = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: _imported(path, set(files)) - {name} for name, path in files.items()}


def _imported(path: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` takes the module; any other name is the package's own.
            found |= below & modules if below <= modules else {node.module, *(below & modules)}
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting.extend(ast.iter_child_nodes(node))
    return found & modules


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The groups of modules of which each reaches all others."""
    reached = {name: _reached(graph, name) for name in graph}
    return {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }


def _reached(graph: dict[str, set[str]], name: str) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting.extend(new)
    return seen


PARTS = 3


def test_every_folder_with_parts_says_what_lives_there() -> None:
    folders = [ROOT / "bench", ROOT / "tests", *filter(_has_parts, PACKAGE.rglob("*"))]
    for folder in folders:
        readme = folder / "README.md"
        assert readme.is_file(), f"{folder.relative_to(ROOT)} needs a README.md"
        text = readme.read_text(encoding="utf-8")
        assert 3 <= len(text.splitlines()) <= 16, readme
        for name in re.findall(r"`([a-z_/]+\.py)`", text):
            assert any(folder.rglob(name)) or (PACKAGE / name).is_file(), f"{readme} names {name}"


def test_no_folder_is_crowded() -> None:
    """A newcomer finds the room for a change in a minute: about fifteen modules at most."""
    for folder in filter(_has_parts, PACKAGE.rglob("*")):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 16, f"{folder.relative_to(ROOT)} has {len(modules)} modules"


def _has_parts(folder: Path) -> bool:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    return len(modules) >= PARTS


def test_every_file_is_small() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 400, path


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names
