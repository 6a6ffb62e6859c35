"""The judge of an audit as it was chosen: a model at an endpoint, or an agent in a sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ptb_lite.audit.judge.asking import (
    Judge,
    JudgeError,
    JudgeOptions,
    JudgeStoppedError,
    Question,
    Told,
)
from ptb_lite.audit.judge.choice import AuditJudgeChoice
from ptb_lite.audit.judge.endpoint import EndpointJudge
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.auditing.ask_agent import AgentQuestion, ask_once


@dataclass(frozen=True)
class AgentJudge:
    """One process of an agent for each vote.

    It sees the copies of the evidence, read-only, and an empty folder of its own: nothing of the
    run, and of the host's environment its one key.
    """

    agent: str
    model: str | None
    catalog: Catalog
    seconds: float
    sandbox: str = "bubblewrap"
    should_stop: Callable[[], bool] = lambda: False
    reads: Literal["copies"] = "copies"

    @property
    def name(self) -> str:
        return f"{self.agent} ({self.model})" if self.model else self.agent

    def ask(self, question: Question) -> str:
        if self.sandbox == "none":
            raise JudgeError("an agent that reads untrusted files needs a sandbox")
        if self.should_stop():
            raise JudgeStoppedError("it was stopped")
        try:
            heard = ask_once(self._errand(question))
        except (PtbLiteError, OSError) as error:
            raise JudgeError(str(error)) from error
        if self.should_stop():
            raise JudgeStoppedError("it was stopped")
        if heard.problem:
            raise JudgeError(heard.problem)
        return heard.said

    def _errand(self, question: Question) -> AgentQuestion:
        time = f"You have {self.seconds / 60:.0f} minutes." if self.seconds >= 120 else ""
        return AgentQuestion(
            entry=self.catalog.agent(self.agent),
            model=self.model,
            prompt=f"{question.task}\n\n{question.evidence}\n{time}\n",
            seconds=self.seconds,
            sandbox=self.sandbox,
            evidence=question.folder,
            should_stop=self.should_stop,
        )


def audit_judge(
    choice: AuditJudgeChoice | None,
    catalog: Catalog,
    *,
    sandbox: str = "bubblewrap",
    should_stop: Callable[[], bool] = lambda: False,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[Told], object] = lambda _: None,
) -> JudgeOptions | None:
    """Who is asked; None where nobody was chosen. Nothing is started yet.

    `tell` hears of every vote when it was asked and when it was counted.
    """
    if choice is None:
        return None
    seconds = choice.vote_seconds
    judge: Judge
    if choice.agent is None:
        key = environ.get(choice.key_variable, "")
        judge = EndpointJudge(choice.endpoint or "", choice.model or "", key, seconds)
    else:
        judge = AgentJudge(choice.agent, choice.model, catalog, seconds, sandbox, should_stop)
    return JudgeOptions(judge, choice.votes, seconds, tell)
