"""The launcher that a person named: a plugin, or an entry of their `launchers.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptb_lite import plugins
from ptb_lite.catalog.yaml_file import read_yaml
from ptb_lite.errors import suggestion
from ptb_lite.installation import config_root
from ptb_lite.launchers.protocol import (
    Launcher,
    LauncherError,
    LauncherFactory,
    LauncherSettings,
)

FILE = "launchers.yaml"
_KIND = "launcher"


def find_launcher(name: str, *, at_most: int | None = None, config: Path | None = None) -> Launcher:
    """The launcher of that name, with the options of its entry, if there is one.

    An entry `NAME: {launcher: slurm, partition: gpu, ...}` makes NAME another name for a plugin.
    Raises LauncherError, PluginError and, for a malformed file, CatalogError.
    """
    found_entry, path = read_entry(name, config)
    entry = dict(found_entry)
    kind = entry.pop(_KIND, name)
    if not isinstance(kind, str):
        raise LauncherError("is not the name of a launcher", field=f"{path}: {name}.{_KIND}")
    if entry == {} and kind == name and name not in plugins.names("launchers"):
        near = suggestion(name, plugins.names("launchers"))
        raise LauncherError(
            f"there is no launcher '{name}'",
            field="on",
            hint=f"{near} Your own are named in {path}",
        )
    where = "on" if kind == name else f"{path}: {name}.{_KIND}"
    found = plugins.find("launchers", kind, LauncherFactory, field=where)
    factory: LauncherFactory = found.value
    settings = LauncherSettings(at_most=at_most, options=entry, source=f"{path}: {name}")
    with plugins.named_when_raising("launchers", kind):
        return factory.make(settings)


def read_entry(name: str, config: Path | None = None) -> tuple[Mapping[str, Any], Path]:
    """What a person's file says of a launcher, nothing where it says nothing; and that file.

    Raises LauncherError, and CatalogError for a malformed file.
    """
    path = (config_root() if config is None else config) / FILE
    if not path.is_file():
        return {}, path
    file = read_yaml(path)
    found = file.values.get(name, {})
    if not isinstance(found, dict):
        raise LauncherError("needs its options below it", field=file.where([name]))
    return found, path
