"""`export` and `import`: a run as one file, to another machine and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.common.options import RUNS, Json, RunId, RunsDir


def export(
    run: RunId,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="The archive; else RUN.ptb-lite.zip here."),
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Write a run into one file that `import` puts beside the runs of another machine.

    It holds all that `show`, `report` and `audit` read, the test items included: who gets it knows
    them. The installation's secret, keys, links, and files of over 64 MB in the workspace stay out.
    """
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.runs.archive import export_run
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    made = export_run(found, output or Path(f"{found.run_id}.ptb-lite.zip"))
    if as_json:
        say_json(
            {"file": str(made.path), "sha256": made.sha256, "files": made.files,
             "bytes": made.size, "left_out": list(made.left_out)}
        )  # fmt: skip
        return
    say(f"{made.path}  {made.files} files, {made.size / 1e6:.1f} MB before packing")
    say(f"sha256 {made.sha256}")
    for name in made.left_out:
        say(f"  left out: {name}")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` wrote.")],
    sha256: Annotated[
        str | None, typer.Option(help="What `export` printed; another file is refused.")
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Put the run of an archive beside the others, every file checked by its SHA-256.

    It can be shown, reported and audited here. It cannot be resumed: the secret that its items were
    drawn from stays where it was made.
    """
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.files import file_sha256
    from ptb_lite.runs.archive import import_run

    if not file.is_file():
        raise PtbLiteError("there is no such file", field=str(file))
    if sha256 is not None and file_sha256(file) != sha256.lower():
        raise PtbLiteError("its SHA-256 is another", field=str(file))
    run, read = import_run(file, runs_dir)
    if as_json:
        say_json({"run_id": run.run_id, "folder": str(run.path), "sha256": read.sha256})
        return
    say(f"{run.run_id}  {read.files} files as their hashes say, {read.size / 1e6:.1f} MB")
    say(f"sha256 {read.sha256}")
