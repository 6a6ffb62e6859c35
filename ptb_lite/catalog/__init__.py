"""Models, benchmarks and agents as data: what there is to choose from."""

from __future__ import annotations

from ptb_lite.catalog.entries import AgentEntry, BenchmarkEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog, config_root, load_catalog

__all__ = [
    "AgentEntry",
    "BenchmarkEntry",
    "Catalog",
    "ModelEntry",
    "config_root",
    "load_catalog",
]
