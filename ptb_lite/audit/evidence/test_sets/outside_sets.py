"""Test items in files that the agent was not handed: the host's data, other runs, the harness.

A path counts that leads out of the folder (`../data/gsm8k/test.jsonl`, `/runs/*/data/test.jsonl`)
and names test data, into another run and names items, answers or what an evaluation put out
(`other_runs.py`), or into the data of the harness's own code (`evaluation_code/data/`). Whatever
stands in the folder itself is the agent's own; temporary folders are, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ptb_lite.audit.evidence.test_sets.other_runs import OtherRuns
from ptb_lite.audit.evidence.test_sets.sources import FILE_PART, Named, Sources

_MAX_PATH = 400
_DATA = re.compile(r"(?:\.(?:jsonl?|csv|tsv|parquet|arrow|db|sqlite|eval)(?:\.gz)?|/\*+|\*)$", re.I)
_HARNESS = re.compile(r"(?:^|/)evaluation_code/(?:.*/)?(?:data|tests?|items|\*+)(?:[/._-]|$)", re.I)
_HARNESS_FILE = re.compile(r"(?:^|/)evaluation_code/.*\.(?:jsonl|csv|tsv|parquet|arrow)$", re.I)
_OWN = re.compile(
    r"^(?:/tmp/|/var/tmp/|/dev/|/proc/|/workspace/|/(?:home/[^/]+|root|app|mnt)/(?:task|workspace)/)"
)
_ITEMS = re.compile(
    r"(?:^|[^a-z])(?:tests?|items?|answers?|keys?|gold|solutions?|samples?|eval\w*|held|predictions?|"
    r"sealed|labels?)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_OTHER_RUN = re.compile(r"(?:^|/)runs?/|other_?runs?|/results?/|\*", re.IGNORECASE)


class OutsideSets:
    """`own` are the relative paths of the files in the folder."""

    def __init__(
        self, sources: Sources, benchmarks: Iterable[str], own: Iterable[str], runs: OtherRuns
    ) -> None:
        self._sources, self._runs = sources, runs
        self._benchmark = next(iter(sorted(benchmarks)), "")
        self._own = frozenset(own)

    def named_by(self, text: str) -> Named | None:
        """The test data that a path means, if it lies where the agent was handed none."""
        if not self._benchmark or not 8 < len(text) <= _MAX_PATH or "://" in text or "\n" in text:
            return None
        if _HARNESS_FILE.search(text) or (_HARNESS.search(text) and "/" in text):
            return self._named(text)
        outside = text.startswith(("../", "/", "~/", "*/", "<"))  # `<lm_eval.__file__>/...`
        if not outside or _OWN.match(text) or not _DATA.search(text):
            return None
        tail = text.lstrip("./")
        if tail in self._own or any(text.endswith(f"/{own}") for own in self._candidates(text)):
            return None
        part = FILE_PART.search(text)
        tests = part is not None and part[1].lower() == "test"
        benchmark, trainable = self._sources.word_in(text)
        if benchmark and (tests or (part is None and not trainable)):
            return self._named(text)
        if self._runs.holds(text) and (tests or part is None):
            return self._named(text) if _ITEMS.search(text.rpartition("/")[2]) else None
        far = text.startswith(("../", "/", "*/")) and bool(_OTHER_RUN.search(text))
        return self._named(text) if tests and far and "data" in text.lower() else None

    def _candidates(self, text: str) -> Iterable[str]:
        """The tails of a path that are files of the folder."""
        parts = text.split("/")
        tails = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return (tail for tail in tails if tail in self._own)

    def _named(self, text: str) -> Named:
        return Named(self._benchmark, text[:120], "official", (), "test")
