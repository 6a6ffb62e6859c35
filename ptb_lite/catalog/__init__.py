"""Models, benchmarks and agents as data: what there is to choose from."""

from __future__ import annotations

from ptb_lite.catalog.entries import AgentEntry, BenchmarkEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog, load_catalog
from ptb_lite.installation import config_root

__all__ = [
    "AgentEntry",
    "BenchmarkEntry",
    "Catalog",
    "ModelEntry",
    "config_root",
    "load_catalog",
]
