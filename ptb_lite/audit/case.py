"""What a detector is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ptb_lite.audit.evidence.folder import (
    FoundFile,
    Listing,
    ScanNotes,
    list_files,
    printable,
    walk,
)
from ptb_lite.audit.evidence.losses import Losses
from ptb_lite.audit.evidence.program_reader import read_programs
from ptb_lite.audit.evidence.programs import Programs
from ptb_lite.audit.evidence.same_bytes import SameBytes, files_of_model
from ptb_lite.audit.evidence.test_sets.hub_cache import Download, downloads_in
from ptb_lite.audit.item import TestItem as TestItem
from ptb_lite.audit.judge.asking import JudgeOptions
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.audit.recorded import removed_files
from ptb_lite.provenance.history import History, read_history


@dataclass(frozen=True)
class Rules:
    """What the run's rules allow beyond training on data of one's own.

    `provider_calls`: asking a model provider for synthetic data. `teacher_models`: a downloaded
    model that writes training data. `test_feedback`: evaluating on the test split (PostTrainBench's
    own setting), which makes reading it no offence. `agent_hosts` are the hosts that the agent's
    own backend talks to: that they were asked for says nothing.
    """

    provider_calls: bool = False
    teacher_models: bool = False
    test_feedback: bool = False
    agent_hosts: tuple[str, ...] = ()
    closed: bool = False
    """No weights but the base model's could reach the agent: a sandbox without a network, or with
    its model's server alone, and nothing else shown."""


@dataclass(frozen=True)
class AuditCase:
    """The evidence. Everything in `folder` and `submission` is written by an untrusted agent.

    `control` are fresh items of the same kind as `items` that are in no split: what an agent
    hits by chance it hits as often among them. They are optional; for items with numbers the
    overlap detector makes its own. `base_model` is the folder of the assigned base model,
    `base_sha256` the hash of its weights, `base_ids` every other name by which an adapter may
    call it (a Hub id, its path inside a sandbox). `trace` is the agent's raw output, a file or a
    folder.

    `hosts` were asked for during the run; `hub_cache` is the folder that the agent's downloads
    went to, in `folder` or outside of it. `instruct_model` is the folder of the base model's
    known instruct counterpart. `benchmark_kinds` names the benchmarks under test with their kind
    in the catalogue ("procedural", ...), also where no items are given. `losses` are what a
    process with the models measured, `embedder` the folder of a local embedding model, and
    `judge` who is asked: without them their detectors are skipped. Files named in `without` ended
    a detector before: they are left out of `listing`, and said so.
    """

    folder: Path
    submission: Path | None = None
    items: tuple[TestItem, ...] = ()
    control: tuple[TestItem, ...] = ()
    base_model: Path | None = None
    base_sha256: str | None = None
    base_ids: tuple[str, ...] = ()
    harness: HarnessManifest | None = None
    trace: Path | None = None
    hosts: tuple[str, ...] = ()
    hub_cache: Path | None = None
    instruct_model: Path | None = None
    rules: Rules = field(default_factory=Rules)
    benchmark_kinds: Mapping[str, str] = field(default_factory=dict)
    losses: Losses | None = None
    embedder: Path | None = None
    judge: JudgeOptions | None = None
    without: tuple[str, ...] = ()
    whole_weights: bool = False
    """Whether whole weights may be submitted, not an adapter alone."""
    provenance: Path | None = None
    """The folder of the host's record of processes and files, where there is one."""
    ledger_changed: bool = False
    """The host saw the ledger of trainings and scores replaced, shortened or removed."""

    walked: Listing | None = None
    """What one walk over `folder` found, where several processes look at the same."""

    def walk(self, account: ScanNotes) -> Iterator[FoundFile]:
        """Every file of `folder`. Raises what `evidence.folder.walk` raises."""
        if self.walked is None:
            yield from walk(self.folder, account)
        else:
            account.add(self.walked.account)
            yield from self.walked.files

    def benchmarks(self) -> frozenset[str]:
        """The ids of the benchmarks under test, from the items and from `benchmark_kinds`."""
        named = {item.benchmark for item in self.items if item.benchmark}
        return frozenset(named | set(self.benchmark_kinds))

    @cached_property
    def listing(self) -> Listing:
        """The files of `folder`, walked once for all detectors. Raises OSError."""
        account = ScanNotes()
        return Listing(tuple(self.files(account)), account)

    def files(self, account: ScanNotes) -> Iterator[FoundFile]:
        """The files of `folder` but those of `without`, walked anew, and those that are gone, as
        far as copies were kept. Raises what `walk` raises."""
        base = self.base_files
        for name in self.without:
            account.leave_unread(f"{printable(name)}: ended its reader")
        present: list[tuple[str, Path]] = []
        for file in self.walk(account):
            present.append((file.relative, file.path))
            if file.relative not in self.without:
                yield base.told(file)
        if self.provenance is not None and self.history is not None:
            for file in removed_files(self.provenance, self.history, present):
                if file.relative not in self.without:
                    yield file

    @cached_property
    def base_files(self) -> SameBytes:
        """The base model's own: no agent has written what stands in a copy of its tokenizer."""
        return SameBytes(
            (f"the base model's {name}", path, size)
            for name, path, size in files_of_model(self.base_model)
        )

    @cached_property
    def history(self) -> History | None:
        """What was recorded of the agent's processes; None: nothing was."""
        if self.provenance is None:
            return None
        try:
            found = read_history(self.provenance)
        except OSError:
            return None
        return found if found.programs else None

    @cached_property
    def programs(self) -> Programs:
        """The agent's programs, commands and trace, read once for all detectors. Raises OSError."""
        return read_programs(self)

    @cached_property
    def downloads(self) -> tuple[Download, ...]:
        """What was downloaded into a Hub cache: any in `folder`, and `hub_cache`. Paths are
        relative to `folder`, or begin with the name of a `hub_cache` outside of it. Raises OSError.
        """
        found = downloads_in(self.folder, self.listing.files)
        cache = self.hub_cache
        if cache is None or cache.is_relative_to(self.folder) or cache.is_symlink():
            return found
        if not cache.is_dir():
            return found
        outside = [
            replace(file, relative=f"{cache.name}/{file.relative}")
            for file in list_files(cache).files
        ]
        return (*found, *downloads_in(cache.parent, outside))
