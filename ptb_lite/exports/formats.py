"""The formats by the names that `--to` takes."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.errors import PtbLiteError, suggestion
from ptb_lite.exports import harbor, htcondor, posttrainbench, slurm
from ptb_lite.exports.folder import Format, Written, write_folder
from ptb_lite.exports.source import Chosen

FORMATS: dict[str, Format] = {
    "slurm": slurm.write,
    "htcondor": htcondor.write,
    "harbor": harbor.write,
    "posttrainbench": posttrainbench.write,
}


def export_choices(chosen: Chosen, to: str, target: Path) -> Written:
    """Write the folder of a format. Raises PtbLiteError for a name that is none, and as
    `write_folder` and the format do."""
    form = FORMATS.get(to)
    if form is None:
        raise PtbLiteError(
            f"there is no format '{to}'", field="to", hint=suggestion(to, ("archive", *FORMATS))
        )
    return write_folder(chosen, form, target)
