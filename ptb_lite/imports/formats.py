"""Every result of another harness below a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.imports import harbor, posttrainbench
from ptb_lite.imports.write import write_run
from ptb_lite.runs.folder import RunFolder

_HARNESSES = (harbor, posttrainbench)


def import_folder(
    folder: Path, runs_dir: Path, catalog: Catalog
) -> Iterator[RunFolder | PtbLiteError]:
    """Make a run of each result below a folder: the run, or why there is none.

    Raises PtbLiteError for a folder without any.
    """
    found = [(harness, path) for harness in _HARNESSES for path in harness.places(folder)]
    if not found:
        raise PtbLiteError(
            "has no result of PostTrainBench and no trial of Harbor in it",
            field=str(folder),
            hint="Give a result, the folder of results, or a job",
        )
    for harness, path in found:
        try:
            yield write_run(harness.read(path, catalog), runs_dir)
        except PtbLiteError as error:
            yield error
