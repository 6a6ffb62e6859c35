"""The built-in agent's plugin."""

from __future__ import annotations

from collections.abc import Mapping

from ptb_lite.agents.endpoints import address_of
from ptb_lite.agents.local.backend import LocalBackend, local_start
from ptb_lite.agents.protocol import AgentPlan, Readiness
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry


class LocalPlugin:
    entry = AgentEntry(
        id="local",
        title="Built-in agent for any OpenAI-compatible endpoint",
        backend="local",
        needs_account=False,
        needs_network=True,
        on_early_stop="reprompt",
        position=10,
        summary="A small loop with one tool, bash, for models of Ollama, llama.cpp, vLLM, "
        "LM Studio or OpenRouter. The choice agent_model is NAME@URL, or NAME with "
        "PTB_LITE_ENDPOINT set; a key, where one is needed, is in PTB_LITE_API_KEY.",
    )
    session_files = ("local-session.json",)
    program_files: tuple[str, ...] = ()

    def plan(
        self,
        entry: AgentEntry,  # noqa: ARG002
        start: AgentStart,
        environ: Mapping[str, str],
    ) -> AgentPlan:
        found = local_start(start, environ)
        assert found.endpoint is not None
        return AgentPlan(LocalBackend(), found, endpoints=(address_of(found.endpoint),))

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:  # noqa: ARG002
        # Which server is the agent's model to say; the start of a run checks the two together.
        message = "built in; its model is NAME@URL"
        return Readiness(entry.id, installed=True, ready=True, message=message)


LOCAL = LocalPlugin()
