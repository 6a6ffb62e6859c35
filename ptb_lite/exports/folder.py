"""An export's folder, written whole or not at all, with a README of what differs."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ptb_lite import __version__
from ptb_lite.errors import PtbLiteError
from ptb_lite.exports.check import Check
from ptb_lite.exports.source import Chosen

README = "README.md"
TEMPLATES = Environment(
    loader=PackageLoader("ptb_lite.exports"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
    # Shell, TOML and Markdown, not HTML.
    autoescape=False,
)
TEMPLATES.filters["shell"] = shlex.quote


@dataclass(frozen=True)
class Written:
    """What a format's module wrote. `start` are the commands that begin the run there, `differs`
    sentences about what is not as in the run here, `checks` what checkers said."""

    title: str
    start: tuple[str, ...]
    differs: tuple[str, ...]
    checks: tuple[Check, ...]
    path: Path = Path()

    @property
    def refused(self) -> bool:
        return any(check.state == "refused" for check in self.checks)


Format = Callable[[Chosen, Path], Written]


def write_folder(chosen: Chosen, form: Format, target: Path) -> Written:
    """Write an export to a new folder. Raises PtbLiteError for a target that exists or cannot be
    written, and for choices that the format cannot say."""
    if target.exists():
        raise PtbLiteError("is there already", field=str(target), hint="Take another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise PtbLiteError(f"cannot be written ({error.strerror})", field=str(target)) from error
    try:
        written = form(chosen, draft)
        (draft / README).write_text(_readme(chosen, written), encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(target)
    except OSError as error:
        raise PtbLiteError(f"cannot be written ({error.strerror})", field=str(target)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return replace(written, path=target)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Texts by their names in the folder; those that begin with `#!` may be run."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if text.startswith("#!"):
            path.chmod(0o755)


def _readme(chosen: Chosen, written: Written) -> str:
    differs = list(written.differs)
    if chosen.paths:
        named = ", ".join(chosen.paths)
        differs.append(f"Places of the machine of the export are left out: {named}.")
    if not chosen.spec.revisions and chosen.model.source == "hub":
        differs.append("No commits of the Hub were held yet: the first run there holds its own.")
    return TEMPLATES.get_template("readme.md.j2").render(
        written=written, chosen=chosen, differs=differs, version=__version__
    )
