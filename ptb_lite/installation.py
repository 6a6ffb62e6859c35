"""What belongs to this installation: its state folder, its secret, its package versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import secrets
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ptb_lite.errors import SpecError

# Every package whose version can change a score.
_SCORING_PACKAGES = (
    "ptb-lite",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "lm-eval",
    "datasets",
    "accelerate",
    "peft",
    "trl",
    "bitsandbytes",
    "numpy",
)
# Whatever a run, an evaluation or training imports: the extra `run`.
_RUN_PACKAGES = ("torch", "transformers", "datasets", "lm-eval", "peft", "trl", "safetensors")
_SALT = re.compile(r"[0-9a-f]{64}")


def config_root() -> Path:
    """Where a person's own entries lie: $PTB_LITE_CONFIG or ~/.config/ptb-lite."""
    chosen = os.environ.get("PTB_LITE_CONFIG")
    return Path(chosen).expanduser() if chosen else Path.home() / ".config" / "ptb-lite"


def state_root() -> Path:
    """Where ptb-lite keeps what outlives a run: $PTB_LITE_STATE or ~/.local/share/ptb-lite."""
    chosen = os.environ.get("PTB_LITE_STATE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".local" / "share" / "ptb-lite"


@lru_cache(maxsize=1)
def checkout() -> Path | None:
    """The root of the checkout that this package is run from, None where a wheel is installed."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "scripts" / "setup").is_file() else None


def way_to_install(requirement: str = "ptb-lite[embedded]", *, cpu: bool = False) -> str:
    """The command that installs it into this installation: one that is there to be called.

    With `cpu` it takes torch's CPU build, which uv finds; plain pip brings 3 GB of CUDA libraries.
    """
    if checkout() is not None:
        return "scripts/setup"
    # Unlike pip, uv compiles only when asked to, and in a sandbox nothing can be written.
    build = f"--compile-bytecode {'--torch-backend cpu ' if cpu else ''}"
    ours = requirement.startswith("ptb-lite")
    whole = requirement if ours else "ptb-lite[embedded]"
    more = "" if ours else f"--with {requirement} "
    if _is_uvx():
        return f"uvx {build}{more}--from '{whole}' ptb-lite"
    if _is_uv_tool():
        return f"uv tool install {build}{more}'{whole}'"
    python = sys.executable
    if not _has_pip():
        return f"uv pip install --python {python} {build}'{requirement}'"
    if not cpu:
        return f"{python} -m pip install '{requirement}'"
    uv = f"{python} -m pip install uv && {python} -m uv pip install"
    return f"{uv} --python {python} {build}'{requirement}'"


def way_to_download(requirement: str, folder: Path) -> str:
    """The command that puts a wheel into a folder, unopened."""
    if checkout() is not None:
        return "scripts/setup"
    pip = f"{sys.executable} -m pip" if _has_pip() else "uvx pip"
    return f"{pip} download --no-deps --dest {folder} {requirement}"


def own_program(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours with this Python.

    -P: nothing is imported from the folder that it is started in, which may be a stranger's.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def _has_pip() -> bool:
    """uv's environments have none."""
    return find_spec("pip") is not None


def _is_uv_tool() -> bool:
    return (Path(sys.prefix) / "uv-receipt.toml").is_file()


def _is_uvx() -> bool:
    """An environment CACHE/archive-v0/NAME of uv's cache; `uv venv` writes CACHEDIR.TAG as well."""
    kind = Path(sys.prefix).parent
    return "-v" in kind.name and (kind.parent / "CACHEDIR.TAG").is_file()


def missing_for_runs() -> tuple[str, ...]:
    """The packages that a run needs and that are not here; by metadata, nothing is imported."""
    found = package_versions(_RUN_PACKAGES)
    return tuple(name for name in _RUN_PACKAGES if name not in found)


def require_run_packages() -> None:
    """Raises SpecError naming what is missing and how to get it."""
    missing = missing_for_runs()
    if missing:
        raise SpecError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            field="packages",
            hint=f"Runs and evaluations need the extra: {way_to_install()} (without a GPU "
            "`ptb-lite doctor` prints a line that brings 3 GB less)",
        )


def item_salt() -> str:
    """This installation's secret: 64 hexadecimal digits, made once, readable by its owner only.

    Test items are drawn from it, so that an agent that holds the package cannot draw them
    again. Raises SpecError where the file cannot be made or holds something else.
    """
    path = state_root() / "item-salt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create(path, secrets.token_hex(32))
        text = path.read_bytes()[:200].decode("ascii", "replace").strip()
    except OSError as error:
        raise SpecError(
            f"the installation's secret cannot be kept there ({error.strerror})",
            field=str(path),
            hint="Set PTB_LITE_STATE to a folder that you can write",
        ) from error
    if not _SALT.fullmatch(text):
        raise SpecError(
            "is not a secret of 64 hexadecimal digits",
            field=str(path),
            hint="Delete the file: a new one is made, and later runs draw other test items",
        )
    return text


def package_versions(names: tuple[str, ...] = _SCORING_PACKAGES) -> dict[str, str]:
    """Version of Python and of every package that affects a score; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _create(path: Path, text: str) -> None:
    # A link, not a rename: of two processes that start at once, the first one's secret stays.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
