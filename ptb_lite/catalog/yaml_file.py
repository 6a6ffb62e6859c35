"""A YAML file read with the line of every field, so that an error can name the place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ptb_lite.errors import CatalogError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Model = TypeVar("_Model", bound=BaseModel)
_Place = tuple[str | int, ...]
_BOOL = "tag:yaml.org,2002:bool"


class _Loader(_BASE):  # type: ignore[misc]
    """YAML 1.2's scalars: `off`, `no` and dates are text, only `true` and `false` are booleans."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own way)
        first: [rule for rule in rules if rule[0] not in (_BOOL, "tag:yaml.org,2002:timestamp")]
        for first, rules in _BASE.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(_BOOL, re.compile("^(?:true|True|false|False)$"), list("tTfF"))


@dataclass(frozen=True)
class YamlFile:
    """The mapping that a file holds; `lines` gives the line (from 1) of each key's value."""

    path: Path
    values: dict[str, Any]
    lines: dict[_Place, int]

    def where(self, place: Sequence[str | int] = ()) -> str:
        """The file and the line of `place`, or of the nearest field above it that exists."""
        known = tuple(place)
        while known and known not in self.lines:
            known = known[:-1]
        return f"{self.path}, line {self.lines.get(known, 1)}"


def read_yaml(path: Path) -> YamlFile:
    """Read a mapping from `path`.

    Raises CatalogError where the file cannot be read, is not YAML, holds anything but one
    mapping, names a key twice, uses aliases (a short file could unfold into a huge one) or
    custom tags.
    """
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _malformed(path, error) from error
    except RecursionError as error:
        raise CatalogError("nested too deeply", field=str(path)) from error
    if node is None:
        return YamlFile(path, {}, {})
    if not isinstance(node, yaml.MappingNode):
        raise CatalogError(
            "expected a mapping (lines of the form `name: value`)",
            field=f"{path}, line {node.start_mark.line + 1}",
        )
    lines: dict[_Place, int] = {}
    _walk(path, node, (), lines, set())
    values = _construct(path, node)
    return YamlFile(path, values, lines)


def validate_at(
    model: type[_Model], values: dict[str, Any], file: YamlFile, place: Sequence[str | int]
) -> _Model:
    """Build `model`; raise CatalogError naming file, line and field where it does not fit."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        # A mistyped name is also a missing field: the name as it stands is what helps.
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        location = [part for part in first["loc"] if isinstance(part, str | int)]
        name = ".".join(str(part) for part in location)
        message = plain_message(first["type"], first["msg"])
        raise CatalogError(
            f"{name}: {message}" if name else message,
            field=file.where([*place, *location]),
            hint=f"Known fields: {', '.join(model.model_fields)}"
            if first["type"] == "extra_forbidden"
            else "",
        ) from error


def plain_message(kind: str, message: str) -> str:
    """A pydantic message as part of a sentence."""
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "missing":
        return "this field is missing"
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text[:1].lower() + text[1:]


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CatalogError(f"cannot be read ({error.strerror})", field=str(path)) from error
    if len(data) > MAX_BYTES:
        raise CatalogError(f"is larger than {MAX_BYTES} bytes", field=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CatalogError("is not UTF-8 text", field=f"{path}, line {line}") from error


def _malformed(path: Path, error: Exception) -> CatalogError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
    return CatalogError(f"malformed YAML: {problem}", field=where)


def _construct(path: Path, node: yaml.Node) -> Any:
    """The values below `node`; an error names the line of the scalar that has no value."""
    try:
        return _Loader("").construct_document(node)
    except yaml.YAMLError as error:
        raise _malformed(path, error) from error
    except (ValueError, OverflowError) as error:
        for scalar in _scalars(node):
            try:
                _Loader("").construct_document(scalar)
            except (ValueError, OverflowError):
                line = scalar.start_mark.line + 1
                raise CatalogError(
                    f"malformed YAML: '{scalar.value}' has no value ({error})",
                    field=f"{path}, line {line}",
                    hint="Put text in quotes",
                ) from error
        raise _malformed(path, error) from error


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value)


def _walk(
    path: Path, node: yaml.Node, place: _Place, lines: dict[_Place, int], seen: set[int]
) -> None:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise CatalogError("aliases (`*name`) are not supported", field=f"{path}, line {line}")
    seen.add(id(node))
    if len(place) > MAX_DEPTH:
        raise CatalogError("nested too deeply", field=f"{path}, line {line}")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = _key(path, key)
            if (*place, name) in lines:
                raise CatalogError(
                    f"'{name}' is there twice", field=f"{path}, line {key.start_mark.line + 1}"
                )
            lines[(*place, name)] = key.start_mark.line + 1
            _walk(path, value, (*place, name), lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*place, index)] = value.start_mark.line + 1
            _walk(path, value, (*place, index), lines, seen)


def _key(path: Path, node: yaml.Node) -> str:
    where = f"{path}, line {node.start_mark.line + 1}"
    if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
        raise CatalogError("a key must be text; put it in quotes", field=where)
    return str(node.value)
