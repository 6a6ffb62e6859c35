"""How scripts of the shell are started, and which variables nobody sets for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ptb_lite.audit.code.shell import Command
from ptb_lite.audit.code.switches.start import is_told

_MAX_STARTS = 8
_BY_THE_SYSTEM = re.compile(
    r"HOME|PATH|USER|SHELL|PWD|OLDPWD|TERM|LANG|LC_\w+|TMP\w*|TEMP|HOSTNAME|CUDA\w*|HF_\w+|\w*TOKEN|"
    r"\w*_KEY|PYTHON\w*|VIRTUAL_ENV|CONDA\w*|OMP_\w+|LD_\w+|CI|EDITOR|DISPLAY|XDG_\w+|SSH_\w+|"
    r"SHLVL|LOGNAME|MAIL|UID|EUID|PPID|RANDOM|SECONDS|LINENO|IFS|BASH\w*|NVIDIA\w*|PTB\w*|"
    r"SLURM\w*|WORLD_SIZE|\w*RANK|NCCL\w*|MASTER\w*"
)

SETS = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.{1,2000})$")
"""A line that sets a variable, and does no more."""


class SettingFiles:
    """Files that a script may take in, by their names: `source own.env`."""

    def __init__(self) -> None:
        self._texts: dict[str, set[str]] = {}

    def keep(self, file: str, text: str) -> bool:
        """Remember a text; True."""
        name = file.rpartition(" (")[2].removesuffix(")").rpartition("/")[2]
        self._texts.setdefault(name, set()).add(text)
        return True

    def of(self, path: str) -> dict[str, str] | None:
        """The variables that a file sets; None where it is not known, or may do more."""
        texts = self._texts.get(path.rpartition("/")[2], set())
        if len(texts) != 1:
            return None
        lines = [line.strip() for line in next(iter(texts)).split("\n")]
        found = [SETS.match(line) for line in lines if line and line[0] != "#"]
        if not all(found) or any(set("$`();&|") & set(match[2]) for match in found if match):
            return None
        return {match[1]: match[2].strip().strip("'\"") for match in found if match}


class ShellStarts:
    """All that `commands` start; `sources` are all other texts that may set variables."""

    def __init__(self, commands: Iterable[Command], sources: Sequence[str]) -> None:
        self._commands = [command for command in commands if command.words or command.assigned]
        self._set = {name for command in self._commands for name, _ in command.assigned}
        self._sources = sources

    def of(self, file: str) -> tuple[Command, ...]:
        """The commands that start a script; none where they cannot be told, or are too many."""
        name = file.rpartition(" (")[2].removesuffix(")").rpartition("/")[2]
        found = [c for c in self._commands if _place(c, name) is not None]
        told = all(all(map(is_told, command.words)) for command in found)
        return tuple(found) if told and len(found) <= _MAX_STARTS else ()

    def words(self, start: Command) -> list[str]:
        """What stands behind the script's name."""
        place = next(n for n, word in enumerate(start.words) if word.endswith(".sh"))
        return [word for word in start.words[place + 1 :] if not re.match(r"\d*&?[<>]", word)]

    def never_set(self, script: str) -> Callable[[str], bool]:
        """Tells of a variable whether no command, and no program or script but the one of this
        text, sets it."""

        def tell(name: str) -> bool:
            if name in self._set or _BY_THE_SYSTEM.fullmatch(name):
                return False
            sets = re.compile(rf"(?<![\w$]){re.escape(name)}[\"']?\s*[=:\]]")
            return not any(sets.search(one) for one in self._sources if one != script)

        return tell


def _place(command: Command, name: str) -> int | None:
    """Where a script's name stands among the words that start it."""
    for place, word in enumerate(command.words[:4]):
        if word.rpartition("/")[2] == name and name.endswith(".sh"):
            starts = place == 0 or command.program in ("bash", "sh", "zsh", "dash")
            return place if starts else None
    return None
