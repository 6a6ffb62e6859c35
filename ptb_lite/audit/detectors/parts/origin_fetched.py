"""Weights that come from elsewhere: another registry, a bucket, an address, its cache on this disk.

Every address or registry's name counts that a transfer brings here, whoever serves it. What names
the base is the base; small files (a tokenizer, a template) are no weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ptb_lite.audit.code.shell import Command, redirected

_REMOTE = re.compile(
    r"^(?!https?://(?:localhost|127\.|0\.0\.0\.0|\[::1))(?:https?|ftp|s3|s3a|gs|gcs|hf|ms|oci|r2|abfss?|wasbs?|az|rsync|sftp|ipfs)://|"
    r"^(?:ghcr\.io|quay\.io|docker\.io|registry\.)|^[\w.-]+@[\w.-]+:|^\w+:[\w-]+/"
)
# They name their source in words of their own, and write where an option says.
_GETTERS = {"wget", "curl", "aria2c", "axel", "gdown", "oras", "kaggle", "ollama", "dvc", "gh",
            "modelscope", "openxlab", "ipfs", "civitai"}  # fmt: skip
# They copy from the one to the other: the last word is where to.
_COPIERS = {"aws", "gsutil", "gcloud", "s5cmd", "rclone", "rsync", "scp", "azcopy", "mc",
            "skopeo", "crane", "obsutil", "ossutil", "bcecmd"}  # fmt: skip
_SENDS = {"-T", "--upload-file", "-F", "--form", "-d", "--data", "--data-binary", "push", "upload"}
_SMALL = re.compile(
    r"\.(?:json|jsonl|jinja|txt|model|md|ya?ml|py|sh|whl|csv|tsv|parquet|arrow|html|ipynb)$", re.I
)
_WEIGHTS = re.compile(r"\.(?:safetensors|bin|gguf|pt|pth|ckpt|h5|msgpack|npz)$", re.IGNORECASE)
_WEIGHT_FILE = re.compile(r"\.safetensors$|\.bin$|pytorch_model")
_ARCHIVE = re.compile(
    r"(?:adapter|model|weight|ckpt|checkpoint|lora|instruct|chat)[^/]*\.(?:tar(?:\.\w+)?|tgz|zip|7z)$",
    re.I,
)
_REGISTRY_CACHE = re.compile(
    r"\.cache/(?:modelscope|kagglehub|torch/hub|openmind|openxlab)/|\.ollama/models/|"
    r"/modelscope/hub/|(?:site|dist)-packages/|^<[\w.]+\.__(?:file|path)__>"
)
_PARTS = re.compile(r"[A-Za-z0-9]+")
_NO_OTHER = (
    r"(?![a-z0-9]|[-_.](?!(?:base|pt|hf|bf16|fp16|fp32|model|weights|safetensors|bin|tar|tgz|zip|git)"
    r"(?![a-z0-9]))[a-z0-9])"
)


def fetched(command: Command) -> str:
    """The address or name from which a command brings files here; empty: it brings none, or small
    ones alone."""
    words = [word for word in command.words[1:] if word]
    if command.program in _COPIERS:
        near = [at for at, word in enumerate(words) if is_remote(word)]
        there = bool(near) and near[0] < len(words) - 1 and not is_remote(words[-1])
        return _unless_small(words[near[0]]) if there else ""
    if command.program not in _GETTERS or _SENDS & set(words):
        return ""
    if any("final_model" in word and _SMALL.search(word) for word in words):
        return ""
    addresses = [word for word in words if is_remote(word)]
    named = next(filter(None, map(_unless_small, addresses)), "")
    if addresses and not named:
        return ""
    if command.program == "gh" and "download" in words:
        return next((o for w, o in pairwise(words) if w in ("-R", "--repo")), "a release")
    if not named and command.program in ("gdown", "ollama", "kaggle", "oras", "ipfs"):
        verbs = {"pull", "get", "run", "cp", "models", "instances", "versions", "download"}
        named = next((w for w in words if w[:1] != "-" and w not in verbs), "")
        if command.program == "kaggle" and "models" not in words:
            return ""
    return _unless_small(named)


def is_remote(word: str) -> bool:
    """Whether a word is an address of something that lies elsewhere."""
    return bool(_REMOTE.search(word)) and len(word) < 2000


def are_weights(address: str) -> bool:
    """Whether an address says by its name that weights are there."""
    plain = address.partition("?")[0].partition("#")[0]
    return bool(_WEIGHTS.search(plain) or _ARCHIVE.search(plain))


def in_registry_cache(path: str) -> bool:
    """Whether a path lies where another registry's client keeps what it downloads, or in an
    installed package, and is no small file."""
    return bool(_REGISTRY_CACHE.search(path)) and not _SMALL.search(path)


def says(text: str, names: Iterable[str]) -> bool:
    """Whether a text names one of these models, and not another that is called after it
    (`some-1b-instruct`, `some-1b-math`)."""
    spelled = ("[-_. ]?".join(map(re.escape, _PARTS.findall(name))) for name in names)
    return any(re.search(rf"(?<![a-z0-9]){one}{_NO_OTHER}", text, re.I) for one in spelled if one)


def fetched_to(command: Command, source: str) -> Iterator[str]:
    """The folder that a download of a whole model makes."""
    words = command.words
    for option in ("--local-dir", "--local_dir", "--cache-dir", "-P", "-d", "-o", "-O", "--output",
                   "--output-document", "--dir", "--out"):  # fmt: skip
        if option in words[:-1]:
            yield words[words.index(option) + 1]
    yield from redirected(command)
    if command.program == "git":
        last = words[-1]
        yield last if last != source else source.rstrip("/").rpartition("/")[2].removesuffix(".git")


def model_in(word: str) -> str:
    """The model that an address of a registry names; the word itself where it is none."""
    address = re.search(
        r"(?:huggingface\.co|hf-mirror\.com|hf\.co|modelscope\.(?:cn|ai)|gitee\.com/hf-models|"
        r"wisemodel\.cn)/(?:api/)?(?:models/)?([\w-]+/[\w.-]+)",
        word,
    )
    return address[1].removesuffix(".git") if address else word


def only_small_files(command: Command) -> bool:
    """Whether what is asked for are files without weights: a tokenizer, a template."""
    words = command.words
    files = [w for w in words if w.endswith((".json", ".jinja", ".txt", ".model"))]
    return bool(files) and not any(_WEIGHT_FILE.search(w) for w in words) and "clone" not in words


def _unless_small(address: str) -> str:
    return "" if _SMALL.search(address.partition("?")[0]) else address
