"""What an agent did, in order, apart from how its program writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Shell:
    """A command, what it printed, and what it did to files: new content, or None for deleted."""

    command: str
    output: str = ""
    files: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Write:
    path: str
    content: str


@dataclass(frozen=True)
class Edit:
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Fetch:
    """A page read with the program's own tool."""

    url: str
    prompt: str
    output: str


@dataclass(frozen=True)
class Task:
    """A sub-agent: what it was told, what it did, what it said at the end."""

    prompt: str
    steps: tuple[Step, ...]
    output: str


Step = Say | Shell | Write | Edit | Fetch | Task


def apply(steps: tuple[Step, ...] | list[Step], tree: dict[str, str]) -> None:
    """Leave in `tree` what the steps leave in the folder."""
    for step in steps:
        match step:
            case Shell(files=files):
                for path, content in files.items():
                    if content is None:
                        tree.pop(path, None)
                    else:
                        tree[path] = content
            case Write(path, content) if not path.startswith("/"):
                tree[path] = content
            case Edit(path, old, new) if path in tree:
                tree[path] = tree[path].replace(old, new, 1) if old else tree[path] + new
            case Task(steps=inner):
                apply(inner, tree)
            case _:
                pass


def heredoc(path: str, content: str, mark: str = "EOF") -> Shell:
    """A file written by the shell."""
    body = content if content.endswith("\n") else content + "\n"
    files = {} if path.startswith("/") else {path: content}
    return Shell(f"cat > {path} <<'{mark}'\n{body}{mark}", "", files)


def shell_only(steps: list[Step]) -> list[Step]:
    """The same with nothing but a shell, for programs that have no other tool."""
    done: list[Step] = []
    for step in steps:
        match step:
            case Write(path, content):
                done.append(heredoc(path, content))
            case Edit(path, old, new):
                program = (
                    f"import pathlib\np = pathlib.Path({path!r})\n"
                    f"p.write_text(p.read_text().replace({old!r}, {new!r}, 1))"
                )
                done += [Shell(f"python3 - <<'PY'\n{program}\nPY"), _EditOnly(path, old, new)]
            case Fetch(url, _, output):
                done.append(Shell(f"curl -sL {url}", output))
            case Task(prompt, inner, output):
                done += [Say(prompt), *shell_only(list(inner)), Say(output)]
            case _:
                done.append(step)
    return done


@dataclass(frozen=True)
class _EditOnly(Edit):
    """The effect of an edit that stands in the trace as a command."""


def is_silent(step: Step) -> bool:
    return isinstance(step, _EditOnly)
