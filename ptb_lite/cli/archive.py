"""`export` and `import`: a run as one file, and choices and results of other harnesses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.common.options import RUNS, Json, RunsDir


def export(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN_OR_SPEC", help="A run as in `show`; with --to also a preset."),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="archive: the run; slurm, htcondor, harbor, posttrainbench: its choices."
        ),
    ] = "archive",
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="PATH", help="Else RUN.ptb-lite.zip or TO-RUN here."),
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Write a run into one file, or its choices into a folder for another harness.

    The archive is what `import` puts beside the runs of another machine. It holds all that `show`,
    `report` and `audit` read, the test items included: who gets it knows them. The installation's
    secret, keys, links, and files of over 64 MB in the workspace stay out.

    With --to slurm, htcondor, harbor or posttrainbench a folder is written that starts the same
    choices there, with a README of what differs, checked by the format's own checker where one is
    here.

    Exit codes: 0 done, 1 the format's checker refuses it, 2 bad usage.
    """
    if to != "archive":
        _export_choices(run, to, output, Path(runs_dir), as_json=as_json)
        return
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


def _export_choices(
    name: str, to: str, output: Path | None, runs_dir: Path, *, as_json: bool
) -> None:
    from dataclasses import asdict

    from ptb_lite.catalog.loader import load_catalog
    from ptb_lite.cli.common.defaults import EXIT_FAILED
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.exports.formats import export_choices
    from ptb_lite.exports.source import read_chosen

    chosen = read_chosen(name, runs_dir, load_catalog())
    target = output or Path(f"{to}-{Path(name).stem}")
    made = export_choices(chosen, to, target)
    if as_json:
        checks = [asdict(check) for check in made.checks]
        say_json({"folder": str(target), "to": to, "from": chosen.source, "checks": checks,
                  "start": list(made.start), "differs": list(made.differs)})  # fmt: skip
    else:
        say(f"{target}  {made.title}, from {chosen.source}; {target}/README.md says what differs")
        for check in made.checks:
            say(f"  {check.words()}")
    if made.refused:
        raise typer.Exit(EXIT_FAILED)


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE_OR_FOLDER", help="What `export` wrote, or another's results."),
    ],
    sha256: Annotated[
        str | None, typer.Option(help="What `export` printed; another file is refused.")
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Put the run of an archive, or the results of another harness, beside the runs.

    Every file of an archive is checked by its SHA-256. The run can be shown, reported and audited
    here. It cannot be resumed: the secret that its items were drawn from stays where it was made.

    A folder is one result, or the folder of results, of PostTrainBench, or a job of Harbor.
    Each becomes a run that shows what was reported there, apart from every score of ours.

    Exit codes: 0 done, 1 some results were left out, 2 bad usage.
    """
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.files import file_sha256
    from ptb_lite.runs.archive import import_run

    if file.is_dir() and sha256 is None:
        _import_folder(file, Path(runs_dir), as_json=as_json)
        return
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


def _import_folder(folder: Path, runs_dir: Path, *, as_json: bool) -> None:
    from ptb_lite.catalog.loader import load_catalog
    from ptb_lite.cli.common.defaults import EXIT_FAILED
    from ptb_lite.cli.common.output import say, say_error, say_json
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.imports.formats import import_folder
    from ptb_lite.runs.summary import summarise_run

    made, refused = [], 0
    for found in import_folder(folder, runs_dir, load_catalog()):
        if isinstance(found, PtbLiteError):
            refused += 1
            say_error(f"error: {found}")
            continue
        row = summarise_run(found)
        made.append({"run_id": row.run_id, "folder": row.folder, "source": row.source,
                     "reported": row.reported})  # fmt: skip
        if not as_json:
            say(f"{row.run_id}  {row.state}  {row.model}  {row.agent}  {', '.join(row.benchmarks)}")
    if as_json:
        say_json({"runs": made, "left_out": refused})
    if refused:
        raise typer.Exit(EXIT_FAILED)
