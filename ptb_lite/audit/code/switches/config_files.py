"""Configuration files that a program reads, in each state in which they were seen."""

from __future__ import annotations

import configparser
import json
import tomllib
from collections.abc import Mapping
from typing import Any

import yaml

from ptb_lite.audit.code.switches.start import Unknown

_MAX_TEXT = 64 << 10
MAX_VERSIONS = 8


class ConfigFiles:
    """`versions` are the texts that a file had, by its path, and `changed` words by which commands
    and other programs change files: a key that is among them is not known."""

    def __init__(self, versions: Mapping[str, tuple[str, ...]]) -> None:
        self._versions = versions

    def states(self) -> int:
        """How many states there are to look at."""
        most = max(map(len, self._versions.values()), default=1)
        return min(most, MAX_VERSIONS + 1)

    def read(self, path: str, state: int) -> Any:
        """What stands in a file, parsed by its ending. Raises Unknown."""
        plain = path.removeprefix("./")
        found = [self._versions[plain]] if plain in self._versions else [
            texts
            for name, texts in self._versions.items()
            if name.endswith(f"/{plain}") or f"/{plain}".endswith(f"/{name}")
        ]  # fmt: skip
        if len(found) != 1 or len(found[0]) > MAX_VERSIONS:
            raise Unknown
        return parsed(found[0][min(state, len(found[0]) - 1)], plain)


def parsed(text: str, name: str) -> Any:
    """A configuration as dictionaries, lists and plain values. Raises Unknown."""
    if len(text) > _MAX_TEXT:
        raise Unknown
    try:
        match name.rpartition(".")[2]:
            case "json":
                return json.loads(text)
            case "toml":
                return tomllib.loads(text)
            case "yaml" | "yml" if "&" not in text:
                return yaml.safe_load(text)
            case "ini" | "cfg":
                return _ini(text)
    except (ValueError, RecursionError, yaml.YAMLError, configparser.Error) as error:
        raise Unknown from error
    raise Unknown


def _ini(text: str) -> dict[str, dict[str, str]]:
    reader = configparser.ConfigParser(interpolation=None, strict=False)
    reader.read_string(text)
    return {name: dict(reader.items(name)) for name in reader.sections()}
