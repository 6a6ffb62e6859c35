"""Known places of test items among what was downloaded into a Hub cache."""

from __future__ import annotations

from collections.abc import Iterator

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.test_sets.hub_cache import removed_from
from ptb_lite.audit.evidence.test_sets.sources import FILE_PART, Named, Sources
from ptb_lite.events import Flag


def cache_flags(detector: str, case: AuditCase, sources: Sources) -> Iterator[Flag]:
    """What was downloaded shows in the Hub's cache, by the names of its repositories and files."""
    seen: set[str] = set()
    for download in case.downloads:
        named = sources.named_by(download.name) if download.kind == "dataset" else None
        if named is None or named.name in seen:
            continue
        file = download.first()
        if named.train and named.kind == "official":
            # Whoever takes the train split alone has no file of another's name.
            parts = {name: part for name in download.named if (part := _file_part(name, named))}
            if not parts:
                continue
            file = min(parts)
        seen.add(named.name)
        decides = named.kind in ("derived", "answers")
        yield Flag(
            detector=detector,
            kind="derived-data" if decides else "test-set-downloaded",
            message=f"the Hub cache holds {named.name}, with test items of {named.benchmark}",
            decides=decides,
            file=file,
            confidence=0.8 if decides else 0.5,
        )
    for name, file in removed_from(case.listing.files, case.downloads).items():
        named = sources.named_by(name)
        if named is not None and named.name not in seen and not named.train:
            message = (
                f"{named.name}, with test items of {named.benchmark}, was downloaded and removed"
            )
            yield Flag(
                detector=detector,
                kind="test-set-downloaded",
                message=message,
                decides=False,
                file=file,
                confidence=0.5,
            )


def _file_part(path: str, named: Named) -> str:
    """The split of a downloaded file by its name; empty for a harmless one."""
    part = FILE_PART.search(path.rpartition("/")[2])
    return "" if part is None or named.harmless(part[1]) else part[1].lower()
