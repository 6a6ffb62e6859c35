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
