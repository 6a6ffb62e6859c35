"""Plugins by entry points: what is found, what is left out, and with which words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import pytest
from pydantic import ValidationError

from ptb_lite import plugins
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.start import AgentStart, Key
from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEvent, AgentEventKind
from ptb_lite.plugins import PluginError, find, load_all, named_when_raising, names, shadowed


@runtime_checkable
class Named(Protocol):
    title: str


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with a package that brings three launchers, two of them broken."""
    (tmp_path / "ptb_other.py").write_text(
        "class Good:\n    title = 'good'\nGOOD, BAD = Good(), 7\n"
    )
    info = tmp_path / "ptb_other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ptb-other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ptb_lite.launchers]\n"
        "zz-good = ptb_other:GOOD\nzz-wrong = ptb_other:BAD\nzz-missing = ptb_other:NONE\n"
        "local = ptb_other:GOOD\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins._sorted_points.cache_clear()
    yield tmp_path
    sys.modules.pop("ptb_other", None)
    plugins._sorted_points.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_package_brings_a_plugin() -> None:
    found = find("launchers", "zz-good", Named)
    assert (found.package, found.value.title, found.is_own) == ("ptb-other", "good", False)
    assert "zz-good" in names("launchers")


@pytest.mark.usefixtures("installed")
def test_a_broken_one_is_named_with_its_package_and_left_out() -> None:
    good, broken = load_all("launchers", Named)
    assert "zz-good" in [plugin.name for plugin in good]
    reasons = {plugin.name: (plugin.package, plugin.reason) for plugin in broken}
    assert reasons["zz-wrong"] == ("ptb-other", "ptb_other:BAD does not follow the protocol Named")
    assert reasons["zz-missing"][1].startswith("AttributeError")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("name", "says"), [("zz-wrong", "ptb-other"), ("nobody", "zz-good")])
def test_asking_for_what_cannot_be_had(name: str, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        find("launchers", name, Named)


@pytest.mark.usefixtures("installed")
def test_nobody_takes_the_name_of_a_built_in_one() -> None:
    assert names("launchers").count("local") == 1
    assert find("launchers", "local", object).is_own
    (hidden,) = shadowed("launchers")
    assert (hidden.name, hidden.package) == ("local", "ptb-other")
    assert "ptb-lite" in hidden.reason


@pytest.mark.usefixtures("installed")
def test_what_an_outside_plugin_raises_is_said_with_its_package() -> None:
    said = "ptb-other cannot be used: ValueError: no"
    with pytest.raises(PluginError, match=said), named_when_raising("launchers", "zz-good"):
        raise ValueError("no")
    with pytest.raises(ValueError, match="own"), named_when_raising("launchers", "slurm"):
        raise ValueError("own")
    said = r"^for a person$"
    with pytest.raises(PtbLiteError, match=said), named_when_raising("launchers", "zz-good"):
        raise PtbLiteError("for a person")


def test_a_backend_that_raises_on_a_line_does_not_end_a_run(tmp_path: Path) -> None:
    class Raises:
        def command(self, start: AgentStart) -> list[str]:
            raise NotImplementedError

        def environment(self, start: AgentStart) -> dict[str, str]:
            raise NotImplementedError

        def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
            raise KeyError(line)

    key = Key("KEY", "secret-of-mine")
    plan = AgentPlan(Raises(), AgentStart(tmp_path, tmp_path / "p", None, key=key))
    (event,) = plan.read_line(b"what is secret-of-mine")
    assert event.kind is AgentEventKind.UNKNOWN
    assert "secret-of-mine" not in event.text
    assert plan.read_line(b"") == ()


def test_a_benchmark_with_a_bad_pattern_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValidationError, match="is no regular expression"):
        BenchmarkSources(word="aime[-_")
