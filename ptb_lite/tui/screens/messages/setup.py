"""What the Setup screen's workers tell it. Names are past tense."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    # The screen's first frame does not wait for what validates.
    from ptb_lite.spec.run_spec import RunSpec
    from ptb_lite.tui.models.setup.actions import SetupFacts
    from ptb_lite.tui.models.setup.problems import SetupProblem


class Loaded(Message, namespace="setup_screen"):
    """Catalogue, presets and, the second time, the machine are known."""

    def __init__(self, facts: SetupFacts) -> None:
        super().__init__()
        self.facts = facts


class Unreadable(Message, namespace="setup_screen"):
    """A catalogue or preset file is malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Checked(Message, namespace="setup_screen"):
    """What keeps this machine from running a spec, and what to know before."""

    def __init__(self, spec: RunSpec, problems: tuple[SetupProblem, ...]) -> None:
        super().__init__()
        self.spec = spec
        self.problems = problems


class Launched(Message, namespace="setup_screen"):
    """A run was started (`path`), or could not be."""

    def __init__(self, path: Path | None, problem: str = "") -> None:
        super().__init__()
        self.path = path
        self.problem = problem
