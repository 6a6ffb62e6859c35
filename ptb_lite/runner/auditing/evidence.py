"""What a run's own records add to an audit: the hosts asked for, the rules in force, the kin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from ptb_lite.audit.case import AuditCase, Rules
from ptb_lite.catalog.embedded import model_folder
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub.models import hub_model, is_cached
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import CatalogError
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.events import HostAsked, Payload
from ptb_lite.ledger_notes import LedgerChanged
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.spec.run_spec import RunSpec


def with_run_facts(case: AuditCase, run: RunFolder, spec: RunSpec, catalog: Catalog) -> AuditCase:
    """The case with the hosts of the journal, the rules of the spec, and the base's counterpart.

    What the catalogue has lost since is left out.
    """
    entry, said = catalog.models.get(spec.model), _journal(run)
    return replace(
        case,
        hosts=tuple(sorted(_asked(said))),
        whole_weights=spec.submission == "full",
        ledger_changed=any(isinstance(each, LedgerChanged) for each in said),
        rules=Rules(
            test_feedback=spec.feedback == "test",
            agent_hosts=tuple(sorted(_agent_hosts(spec, catalog))),
            closed=spec.sandbox != "none"
            and spec.network in ("off", "model-only")
            and not spec.read_only,
        ),
        benchmark_kinds={
            name: catalog.benchmark(name).kind
            for name in spec.benchmarks
            if name in catalog.benchmarks or is_lm_task(name)
        },
        provenance=run.provenance if run.provenance.is_dir() else None,
        hub_cache=run.hub_private if run.hub_private.is_dir() else None,
        instruct_model=instruct_folder(entry, catalog) if entry else None,
    )


def instruct_folder(entry: ModelEntry, catalog: Catalog) -> Path | None:
    """The instruct counterpart of a base model, where this machine has it. Nothing is fetched."""
    if entry.instruct is None:
        return None
    known = next((one for one in catalog.models.values() if one.hub_id == entry.instruct), None)
    return folder_here(known) if known else None


def folder_here(entry: ModelEntry) -> Path | None:
    """A catalogue model's folder, where this machine has it. Nothing is fetched or converted."""
    match entry.source:
        case "embedded":
            folder = model_folder(entry.id)
        case "local":
            folder = Path(entry.path or "").expanduser()
        case "hub":
            if not is_cached(entry):
                return None
            try:
                folder = hub_model(entry)
            except CatalogError:
                return None
    return folder if (folder / "config.json").is_file() else None


def _journal(run: RunFolder) -> list[Payload]:
    events = read_journal(run.journal).events if run.journal.exists() else ()
    return [event.payload for event in events]


def _asked(said: Iterable[Payload]) -> set[str]:
    return {each.host for each in said if isinstance(each, HostAsked)}


def _agent_hosts(spec: RunSpec, catalog: Catalog) -> Iterator[str]:
    """The hosts that the agent's own backend talks to."""
    agent = catalog.agents.get(spec.agent)
    if agent is None:
        return
    if agent.endpoint:
        yield agent.endpoint
    variables = (agent.endpoint_variable, "PTB_LITE_ENDPOINT", "OPENAI_BASE_URL")
    urls = [os.environ.get(name, "") for name in variables if name]
    urls.append((spec.agent_model or "").partition("@")[2])
    for url in urls:
        host = urlsplit(url).hostname if "://" in url else None
        if host:
            yield host
