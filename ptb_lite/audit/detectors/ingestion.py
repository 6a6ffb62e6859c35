"""The test set, or a data set known to contain it, loaded by the agent's programs and commands.

Rules. Test data that is loaded and then trained on or written to a file decides; so does a data set
derived from the test items, or a published answer key, that is loaded at all, since there is no
honest use of either. Where the host recorded which process read and wrote which file, a chain from
test data to a training decides, if text went along. Test data that is loaded and only looked at or
scored informs, and so do downloads whose further way cannot be seen. A train split is nobody's
secret: it is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Self

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.code.flows import (
    is_training_file,
    sink_of,
    target_of,
    used_for,
    words_read,
)
from ptb_lite.audit.code.interpret import UnreadableCodeError
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.detectors.parts.ingesting.commands import (
    DOWNLOADS,
    Commands,
    downloaded_to,
    part_in,
)
from ptb_lite.audit.detectors.parts.ingesting.configs import config_flags
from ptb_lite.audit.detectors.parts.ingesting.done import Done
from ptb_lite.audit.detectors.parts.ingesting.places import (
    UNPACKED_TO,
    UNPACKING,
    GoneLogs,
    Place,
    Places,
    files_of_tests,
    unpacked,
)
from ptb_lite.audit.detectors.parts.ingesting.splits import (
    LOADS,
    globbed,
    is_constant,
    pick,
    split_of,
    splits_of,
    test_file_of,
)
from ptb_lite.audit.detectors.parts.recorded_chains import recorded_ingestion
from ptb_lite.audit.evidence.folder import ScanNotes
from ptb_lite.audit.evidence.programs import Program, Programs, program_flag
from ptb_lite.audit.evidence.test_sets.cached_sets import cache_flags
from ptb_lite.audit.evidence.test_sets.other_runs import OtherRuns
from ptb_lite.audit.evidence.test_sets.outside_sets import OutsideSets
from ptb_lite.audit.evidence.test_sets.sources import Named, Sources
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.recorded import basis
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

NAME = "ingestion"
_MAX_FLAGS = 100
_SPEAKS = re.compile(r"(?:^|\.)(?:print|info|warning|debug|add_argument|log|error|append|echo)$")
_FILE_NAME = re.compile(r"[\w./-]{1,100}\.(?:jsonl?|csv|parquet|txt|gz|arrow|zip)")
_COPY_CALLS = {"copy", "copyfile", "copy2", "move", "rename", "replace", "symlink", "link",
               "symlink_to", "hardlink_to"}  # fmt: skip
# Documents of lm-eval's tasks and samples of inspect's.
TRAIN_PARTS = ("train", "training", "dev", "validation", "fewshot")
_DOCUMENTS = re.compile(r"(?:^|\.)test_docs$")
_TASKS = re.compile(
    r"(?:^|\.)(?:get_task_dict|load_task_or_group|load_task|ConfigurableTask|simple_evaluate)$|"
    r"^inspect_evals\.\w+(?:\.\w+)*$"
)
_TAKEN = re.compile(r"\.(?:eval_docs|instances|dataset)\b|\[[\"']samples[\"']\]")
_RESOURCE = re.compile(
    r"^(?:importlib[._]resources|pkgutil|pkg_resources)\..*"
    r"(?:read_\w+|open_?\w*|get_data|resource_\w+)$"
)
"""Reads a file of an installed package."""
_REGEX_CALL = re.compile(r"load_dataset\w*\(\s*[\"']([\w./-]+)[\"']([^)]{0,200})")


class IngestionDetector(Detector):
    name = NAME
    reads_programs = True
    deciding = True
    rules = (
        Rule(
            "test-set-loaded",
            "decides",
            "its code loads the test split, a data set that contains it, or a published answer key",
        ),
    )

    def live(self) -> Self:
        return self

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        sources = Sources(case.benchmarks())
        programs = case.programs
        account = ScanNotes()
        own = (file.relative for file in case.listing.files)
        outside = OutsideSets(sources, case.benchmarks(), own, OtherRuns(programs))
        places = Places(
            files_of_tests(case), outside.named_by, GoneLogs(case).named_by, sources.cached_test
        )
        look = _Look(sources, account, programs, places)
        commands = Commands(sources, places)
        done = Done(programs, places)
        flags = [flag for order in programs.orders for flag in done.order(order, commands)]
        known = len(places)
        flags += [flag for program in programs.python for flag in done.program(program, look)]
        if len(places) > known:
            # What one program wrote, another may read.
            flags += [flag for program in programs.python for flag in done.program(program, look)]
            flags += [flag for order in programs.orders for flag in done.order(order, commands)]
        for program in programs.configs:
            flags += config_flags(program, sources, places)
        flags += cache_flags(NAME, case, sources)
        flags += recorded_ingestion(NAME, case, sources, places)
        if not case.benchmarks():
            none = "no benchmark given"
            return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=none)
        account.notes += basis(case.history)
        if not sources:
            account.note("no public place of these benchmarks' items is known")
        return finish(NAME, flags, programs.account, account)


def finish(name: str, flags: list[Flag], *accounts: ScanNotes) -> DetectorResult:
    """A detector's result on the agent's programs: skipped when some could not be read, unless
    what was read decides."""
    unique = list({(f.kind, f.file, f.line, f.message): f for f in flags}.values())
    unique.sort(key=lambda flag: not flag.decides)
    unread = next((reason for account in accounts if (reason := account.unread_reason())), "")
    decides = any(flag.decides for flag in unique)
    notes = tuple(note for account in accounts for note in account.all_notes())
    return DetectorResult(
        detector=name,
        status="skipped" if unread and not decides else "flagged" if unique else "clean",
        flags=tuple(unique[:_MAX_FLAGS]),
        reason=unread,
        notes=notes[:60],
    )


class _Look:
    def __init__(
        self, sources: Sources, account: ScanNotes, programs: Programs, places: Places
    ) -> None:
        self._sources, self._account, self._programs = sources, account, programs
        self._places = places
        self._benchmark = next(iter(sources.benchmarks), "")
        self._takes_documents = False
        self.made: set[str] = set()
        """The files that the program looked at last puts test data into."""
        self.trained = False

    def python(self, program: Program) -> Iterator[Flag]:
        self.made, self.trained = set(), False
        found: dict[Label, tuple[Named, Site]] = {}
        self._takes_documents = bool(_TAKEN.search(program.source))

        def label(site: Site) -> list[Label]:
            named = self._loaded_by(site) or test_file_of(site, found)
            if named is None:
                return []
            asked = splits_of(site)
            whole = not named.part and named.train and named.kind == "official"
            splits = dict.fromkeys((*named.train, "test")) if whole else ()
            origin = Label(named.name, site.line, named.part, tuple(splits))
            if named.part == "test" and len(asked) > 1:
                origin = Label(named.name, site.line, "", asked, in_order=True)
            found[origin] = (named, site)
            return [origin]

        try:
            read = self._programs.labelled(program, label, pick)
        except UnreadableCodeError as error:
            self._account.note(f"{program.file}: not followed as Python ({error})")
            yield from self._by_pattern(program)
            return
        for origin, (named, site) in found.items():
            yield from self._judge(program, origin, named, site, read.sites)
        for site in read.sites:
            copied = self._copied(site)
            if copied is None:
                continue
            self._places.add(Place(copied[1], copied[0].named))
            if is_training_file(PurePosixPath(copied[1]).name):
                message = f"copies {copied[0].path}, test items, to {copied[1]}"
                yield program_flag(NAME, "test-set-used", message, program, site.line, True, 0.9)

    def _loaded_by(self, site: Site) -> Named | None:
        """The test data that a call gives back."""
        if self._gives_documents(site):
            return Named(self._benchmark, site.name[-60:], "module", TRAIN_PARTS, "")
        module = self._sources.module(site.name.removeprefix("import:"))
        if module is not None:
            return None if site.name.startswith("import:") else module
        if site.name.startswith("import:") or _SPEAKS.search(site.name):
            return None
        texts = [text for text in site.own_texts() if len(text) < 400]
        reads = bool(LOADS.search(site.name.rpartition(".")[2]))
        for text in texts if not is_constant(site) else ():
            named = self._sources.named_by(text) or (self._copied_by(text, site) if reads else None)
            if named is None or not (reads or "/" in named.name):
                continue
            part = split_of(site) or named.part or part_in(texts, named)
            if not named.harmless(part):
                # A download to a file of that name: what reads it later reads test items.
                folders = site.argument(99, "local_dir", "cache_dir", "path", "target_dir").texts()
                for text in (*filter(_FILE_NAME.fullmatch, texts), *folders):
                    self._places.add(Place(text.removeprefix("./").rstrip("/"), named))
                return replace(named, part=part, listed=named.listed or named.kind != "official")
        if _RESOURCE.search(site.name):
            return self._sources.file_by(
                "/".join(t for c in site.chain()[::-1] for t in c.own_texts())
            )
        if reads:
            return self._local(site, [*site.texts(), *globbed(site)])
        return self._local(site, words_read(site))

    def _copied_by(self, text: str, site: Site) -> Named | None:
        """A data set that is only called after the benchmark, or a test file in a bucket."""
        named = self._sources.copied_by(text)
        return named or (self._sources.file_by(text) if DOWNLOADS.search(site.name) else None)

    def _gives_documents(self, site: Site) -> bool:
        """Whether a call gives the test items as the harness of an evaluation holds them: by its
        name, or by what the program takes from its tasks (an attribute is no call)."""
        if site.name.startswith("import:") or not self._benchmark:
            return False
        if _DOCUMENTS.search(site.name):
            return True
        return self._takes_documents and bool(_TASKS.search(site.name))

    def _local(self, site: Site, texts: list[str]) -> Named | None:
        mode = site.argument(1, "mode").texts()
        if any(set(text) & set("wax") for text in mode if len(text) <= 3):
            return None
        for text in texts:
            found = self._places.of(text)
            if found is not None:
                named = found.named
                part = named.part or (part_in([text], named) if named.train else "")
                # Of what is only called after a data set, the test file alone is known.
                part = part if named.listed else "test"
                return None if named.harmless(part) else replace(named, part=part)
        return None

    def _judge(
        self, program: Program, origin: Label, named: Named, site: Site, sites: list[Site]
    ) -> Iterator[Flag]:
        labels = {
            label
            for one in sites
            for label in one.labels()
            if (label.origin, label.line) == (origin.origin, origin.line)
            and not named.harmless(label.part)
        }
        if not named.listed and named.kind == "official":
            labels = {label for label in labels if label.part == "test"}
            if not labels:
                return
        parts = {label.part for label in labels}
        if named.train and parts and "" in parts and len(parts) > 1:
            labels = {label for label in labels if label.part}  # the whole was only cut in parts
        taken = {
            label.part
            for one in sites
            for label in one.labels()
            if (label.origin, label.line) == (origin.origin, origin.line)
        }
        used = used_for(sites, frozenset(labels)) if labels else None
        if used is not None and self._kept_whole(used[1], labels, named):
            used = None
        self._remember(sites, frozenset(labels), named)
        only_train = not origin.part and any(named.harmless(part) for part in taken)
        if used is None and only_train and not any(part for part in parts):
            return
        line = site.line
        what = f"{named.name}{f' ({origin.part})' if origin.part else ''}"
        if used is not None and used[0] != "results" and self._unknown(named, site, labels):
            message = f"loads {what}; which split cannot be told"
            yield program_flag(NAME, "split-unknown", message, program, line, False, 0.5)
        elif used is not None and used[0] != "results":
            end = program.line(used[1].line)
            self.trained |= used[0] == "training"
            how = "trained on" if used[0] == "training" else "written to a file"
            message = (
                f"loads {what}, which holds test items of {named.benchmark}; {how}, line {end}"
            )
            yield program_flag(NAME, "test-set-used", message, program, line, True, 0.95)
        elif named.kind in ("derived", "answers") and (named.listed or used is not None):
            kind = "answer-key" if named.kind == "answers" else "derived-data"
            message = f"loads {what}, known to hold or to be made from test items"
            yield program_flag(NAME, kind, message, program, line, True, 0.9)
        elif into := downloaded_to(site, origin.part):
            message = f"downloads {what}, which holds test items of {named.benchmark}, to {into}"
            yield program_flag(NAME, "test-set-used", message, program, line, True, 0.9)
        else:
            message = f"loads {what}, which holds test items of {named.benchmark}"
            yield program_flag(NAME, "test-set-loaded", message, program, line, False, 0.5)

    def _kept_whole(self, site: Site, labels: set[Label], named: Named) -> bool:
        """Whether a data set was saved as it is, its splits apart: what reads it may tell them."""
        whole = all(label.within for label in labels & site.labels())
        if not whole or not site.name.endswith("save_to_disk"):
            return False
        for text in site.argument(0, "dataset_dict_path").texts():
            self._places.add(Place(text.removeprefix("./").rstrip("/"), named))
        return True

    @staticmethod
    def _unknown(named: Named, site: Site, labels: set[Label]) -> bool:
        """Whether a split is given that may be the train split as well: a variable's."""
        if not named.train or any(label.part for label in labels):
            return False
        given = site.argument(99, "split")
        third = site.argument(2, "split") if site.name.endswith("load_dataset") else given
        asked = "split" in site.keywords or len(site.args) > 2
        return asked and not given.texts() and not third.texts()

    def _remember(self, sites: list[Site], labels: frozenset[Label], named: Named) -> None:
        """Files that test data is written to: whoever reads them reads test items."""
        for site in sites:
            if not labels & site.labels() or sink_of(site) is None:
                continue
            for name in target_of(site).split():
                path = name.removeprefix("./")
                self.made.add(path)
                if _FILE_NAME.fullmatch(path) and len(path) > 5:
                    self._places.add(Place(path, replace(named, part="test")))

    def _copied(self, site: Site) -> tuple[Place, str] | None:
        """A file of test items that a call copies or unpacks, and where to."""
        if site.name.rpartition(".")[2] in UNPACKING:
            self._unpacked(site)
            return None
        if site.name.rpartition(".")[2] not in _COPY_CALLS:
            return None
        texts = [text for text in site.texts() if len(text) < 400]
        for text in texts:
            place = self._places.of(text)
            others = [other for other in texts if other != text]
            if place is not None and others:
                return place, others[-1]
        return None

    def _unpacked(self, site: Site) -> None:
        """Who reads what an archive of test items is unpacked to reads test items."""
        archives = [text for one in site.chain() for text in one.own_texts() if len(text) < 400]
        found = next(filter(None, map(self._places.of, archives)), None)
        if found is not None:
            to = site.argument(int(site.name.endswith(("extract", "unpack_archive"))), *UNPACKED_TO)
            for place in unpacked(found, to.texts() or [""]):
                self._places.add(place)

    def _by_pattern(self, program: Program) -> Iterator[Flag]:
        """Source that does not parse: what it names outright."""
        for match in _REGEX_CALL.finditer(program.source):
            named = self._sources.named_by(match[1])
            if named is not None and not (named.train and "train" in match[2]):
                line = program.source.count("\n", 0, match.start()) + 1
                message = f"names {named.name} in code that is no Python"
                yield program_flag(NAME, "test-set-loaded", message, program, line, False, 0.4)


DETECTOR = IngestionDetector()
