"""Where data ends up in a program: in training, in a file, or only on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Literal

from ptb_lite.audit.code.values import Label, Site

Sink = Literal["training", "file", "results"]
_WRITERS = {
    "write", "writelines", "dump", "to_json", "to_csv", "to_parquet", "to_pickle", "save_to_disk",
    "write_text", "write_bytes", "writerow", "writerows", "push_to_hub", "savez", "to_feather",
    "write_table", "to_sql", "executemany", "write_jsonl", "dump_jsonl", "save_jsonl", "copy",
    "copyfile", "copy2", "move", "to_arrow", "save", "savez_compressed", "save_file",
    "dump_all", "insert_many", "write_batch", "sink_parquet", "sink_csv", "write_parquet",
    "write_csv", "write_ndjson", "write_json", "sendall", "send", "tofile", "savetxt", "to_excel",
    "to_orc", "writelines_jsonl",
}  # fmt: skip
_NOT_DATA = re.compile(r"(?:^|\.)(?:plt|fig\w*|figure|ax|image|img|tokenizer|model)\.save$")
_TRAINING = re.compile(
    r"(?:^|\.)(?:\w*Trainer|train|fit|finetune|fine_tune|train_\w+|sft\w*|train_model|run_sft)"
    r"(?:\(\))?(?:\.train|\.__init__)?$"
)
# What is fitted to texts to compare them.
_MEASURES = re.compile(
    r"(?:^|\.)sklearn\.|(?:Vectorizer|Neighbors|BM25\w*|Scaler|PCA|SVD|KMeans|DBSCAN|Encoder|UMAP|"
    r"TSNE|Hasher)\(\)\.fit\w*$"
)
_RESULT_FILE = re.compile(
    r"(?:eval|result|score|metric|pred|report|log|output|generation|completion|accura|sampl|fail)",
    re.IGNORECASE,
)
_TRAIN_FILE = re.compile(
    r"(?:train|sft|synth|corpus|mix|tun|augment|instruct|(?:^|[^a-z])data|set\.|examples)",
    re.IGNORECASE,
)
_STRONG = re.compile(r"train|sft|synth|mix|corpus|instruct|augment|tune|tuning", re.IGNORECASE)
_ASIDE = re.compile(
    r"(?:^|[^a-z])(?:tests?|test(?:set|data|split)|eval|held_?out|benchmark|contam\w*|exclu\w*|"
    r"block_?list|removed|dropped|rejected|discarded|filtered_?out|overlap\w*|decon\w*)(?:[^a-z]|$)",
    re.IGNORECASE,
)
READS = re.compile(
    r"(?:^|\.)(?:open|read\w*|load\w*|i?glob|rglob|listdir|iterdir|Path|input|fromfile|scan\w*|"
    r"(?:Zip|Tar|Gzip|BZ2|LZMA|SevenZip)File)$"
)
"""Calls that bring what stands in a file, or in the members of an archive."""
_STARTS = re.compile(r"^(?:subprocess\.(?:run|check_output|getoutput|Popen)|os\.popen)$")
UNPACKERS = {"unzip", "tar", "bsdtar", "7z", "7za", "7zr", "gunzip", "zcat", "gzip", "bzcat",
             "bunzip2", "bzip2", "xzcat", "unxz", "xz", "zstdcat", "unzstd", "zstd",
             "funzip"}  # fmt: skip
_PRINTS = UNPACKERS | {"cat", "head", "tail", "jq", "grep", "sed", "awk", "sort", "shuf"}
_MAX_ORDER = 4000
_MODES = re.compile(r"^[rwaxbt+]{1,3}$")


def sink_of(site: Site, *, trains: bool = False) -> Sink | None:
    """What this call does with its arguments. `trains` says that the program has a training loop
    of its own, whose tokenizer calls then count."""
    last = site.name.rpartition(".")[2].removesuffix("()")
    if _TRAINING.search(site.name) and not _MEASURES.search(site.name):
        return "training"
    if trains and ("tokenizer" in site.name.lower() or last in ("DataLoader", "from_list")):
        return "training"
    if last == "print" and "file" in site.keywords:
        to = site.keywords["file"]
        if any(ref.name.startswith("sys.std") for ref in to.refs()):
            return None
        return _kind_of_file(site)
    if last not in _WRITERS or site.name.startswith(("sys.std", "logging", "copy.")):
        return None
    if _NOT_DATA.search(site.name):
        return None
    return _kind_of_file(site)


def _kind_of_file(site: Site) -> Sink:
    """A copy of test data under a name that says so is no training data as yet."""
    target = target_of(site)
    names = [PurePosixPath(name).name for name in target.split() if "." in name]
    aside = bool(names) and all(map(names_test, names))
    return "results" if aside or is_result_file(target) else "file"


def names_test(name: str) -> bool:
    """Whether a file says that it holds test data, and not that it is for training."""
    return bool(_ASIDE.search(name)) and not _STRONG.search(name)


def is_result_file(name: str) -> bool:
    return bool(_RESULT_FILE.search(name)) and not _TRAIN_FILE.search(name)


def is_training_file(name: str) -> bool:
    return bool(_TRAIN_FILE.search(name))


def words_read(site: Site) -> list[str]:
    """The texts that say what a call reads: a file, an archive, or what a command prints of one."""
    if READS.search(site.name):
        return site.texts()
    if not _STARTS.match(site.name) or not site.args:
        return []
    words = [w for text in site.args[0].texts() if len(text) < _MAX_ORDER for w in text.split()]
    return words if any(word.rpartition("/")[2] in _PRINTS for word in words[:3]) else []


def has_training_loop(sites: Iterable[Site]) -> bool:
    return any(site.name.endswith((".backward", "optimizer.step")) for site in sites)


def used_for(sites: Iterable[Site], labels: frozenset[Label]) -> tuple[Sink, Site] | None:
    """The gravest thing that is done with data of these labels, and where."""
    sites = list(sites)
    trains = has_training_loop(sites)
    order: dict[Sink, int] = {"training": 0, "file": 1, "results": 2}
    found = [
        (sink, site)
        for site in sites
        if labels & site.labels() and (sink := sink_of(site, trains=trains)) is not None
    ]
    return min(found, key=lambda pair: order[pair[0]]) if found else None


def target_of(site: Site) -> str:
    """The file's name, as far as it is known: of the call's own texts, or of the call that opened
    the file it writes to."""
    names = []
    own = site.name.rpartition(".")[2].startswith("write")
    for one in site.chain()[own:]:  # what is written is no name
        short = (text for text in one.texts() if len(text) < 300 and "\n" not in text)
        names += [text for text in short if not _MODES.match(text) and "." in text]
    for value in (*site.args, *site.keywords.values()):
        for ref in value.refs():
            if ref.site is not None:
                names += [text for text in ref.site.texts() if len(text) < 300]
    return " ".join(names)
