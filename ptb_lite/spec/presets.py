"""Presets: named sets of choices, one YAML file each, the package's own and a person's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, field_validator

from ptb_lite.audit.judge.choice import audit_judge_choice
from ptb_lite.catalog.entries import Entry, Line
from ptb_lite.catalog.loader import find, load_catalog
from ptb_lite.catalog.yaml_file import read_yaml, validate_at
from ptb_lite.errors import CatalogError, SpecError
from ptb_lite.evaluation.job import Generation
from ptb_lite.events import Record
from ptb_lite.files import write_text
from ptb_lite.installation import config_root
from ptb_lite.spec.choices import RunChoices


def own_presets() -> Path:
    """The folder of the package's presets: in a wheel beside the code, in a checkout at its top."""
    package = Path(__file__).parents[1]
    packed = package / "presets"
    return packed if packed.is_dir() else package.parent / "presets"


_OWN = own_presets()


class Choices(RunChoices, Record):
    """What RunSpec and Preset share: every choice, and how completions are drawn."""

    generation: Generation = Generation()


class Preset(Choices, Entry):
    """The choices of one preset, all those of a RunSpec.

    `min_gpu_gb` is the GPU memory in GiB that the choices need; 0: runs without a GPU.
    """

    title: Line
    summary: str = ""
    min_gpu_gb: Annotated[float, Field(ge=0, le=1024)] = 0

    @field_validator("audit_judge", mode="before")
    @classmethod
    def _named_judge(cls, value: object) -> object:
        """As on the command line: AGENT, AGENT:MODEL or MODEL@URL."""
        if not isinstance(value, str):
            return value
        try:
            return audit_judge_choice(value, load_catalog().agents)
        except SpecError as error:
            raise ValueError(error.message) from error


def load_presets(overlay: Path | None = None) -> Mapping[str, Preset]:
    """All presets by id, the package's first; `overlay` defaults to `config_root()`/presets.

    Raises CatalogError with file and line where one is malformed.
    """
    person = (config_root() if overlay is None else overlay) / "presets"
    files = sorted(_OWN.glob("*.yaml")) + sorted(person.glob("*.yaml"))
    presets = {path.stem: read_preset(path) for path in files}
    return dict(
        sorted(presets.items(), key=lambda pair: (pair[1].min_gpu_gb, pair[1].budget_minutes))
    )


def load_preset(name: str) -> Preset:
    """The preset of that name, or of that file where `name` is a path.

    A name with a slash or the ending .yaml or .yml is a path. Raises CatalogError.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if not path.is_file():
            raise CatalogError("there is no such file", field=f"preset {name}")
        return read_preset(path)
    # Only the one that is asked for is read, so another broken file is not in the way.
    for folder in (config_root() / "presets", _OWN):
        if (folder / f"{name}.yaml").is_file():
            return read_preset(folder / f"{name}.yaml")
    return find(load_presets(), name, "preset")


def read_preset(path: Path) -> Preset:
    """The preset in `path`, its id the file's name. Raises CatalogError with file and line."""
    file = read_yaml(path)
    return validate_at(Preset, {**file.values, "id": path.stem}, file, [])


def save_preset(preset: Preset, overlay: Path | None = None) -> Path:
    """Keep a person's preset where `load_presets` finds it; one of that name is replaced.

    Returns the file. Raises CatalogError where the name is one of the package's own or
    the file cannot be written.
    """
    if (_OWN / f"{preset.id}.yaml").is_file():
        raise CatalogError(
            f"'{preset.id}' comes with ptb-lite", field="preset", hint="Take another name"
        )
    path = (config_root() if overlay is None else overlay) / "presets" / f"{preset.id}.yaml"
    values = preset.model_dump(mode="json", exclude={"id"}, exclude_defaults=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise CatalogError(f"cannot be written ({error.strerror})", field=str(path)) from error
    return path
