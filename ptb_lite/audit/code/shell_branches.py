"""Which commands of a shell text may run: `if`, `case`, `&&`, functions that nothing calls.

A condition is known where the text itself has set all of its variables before, on a way that it
surely takes; a command that a known condition shuts never runs. Whatever is not known may run.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_VARIABLE = re.compile(r"\$(?:\{(\w+|#)(?::?-([^}]*))?\}|(\w+|#))")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_NAME = re.compile(r"\W")
_EXPORTS = {"export", "declare", "local", "readonly", "typeset"}
_SETTERS = {"read", "mapfile", "readarray", "unset", "getopts", "let", "printf"}
_OPENERS = {"source", ".", "eval", "set", "shift"}
_TESTS = {"[": "]", "[[": "]]", "test": ""}
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b, "-ne": lambda a, b: a != b, "-gt": lambda a, b: a > b,
    "-lt": lambda a, b: a < b, "-ge": lambda a, b: a >= b, "-le": lambda a, b: a <= b,
}  # fmt: skip
_MAX_ROUNDS = 8
_SIGNS = {"==": "-eq", "!=": "-ne", ">": "-gt", "<": "-lt", ">=": "-ge", "<=": "-le"}
_ARITHMETIC = re.compile(r"(\$?\w+)(?:\s*(==|!=|[<>]=?)\s*(\$?\w+))?")
_COUNTED = re.compile(r"(\w+)\s*(?:[-+*/%]?=(?!=)|\+\+|--)|(?<=\+\+)\w+|(?<=--)\w+")

Known = bool | None
"""None: it cannot be told."""


@dataclass
class _Frame:
    """What stands between two words such as `if` and `fi`. `runs`: whether what is read now does;
    `done`: whether a branch before it did."""

    kind: str
    runs: Known = None
    done: Known = False
    subject: str | None = None
    patterns: tuple[str, ...] = ()
    body: bool = False
    """Of a `case`: behind a pattern, before its `;;`."""
    words: tuple[str, ...] | None = None
    """Of a function: what all of its calls give it, where that is the same."""


@dataclass(frozen=True)
class Outside:
    """What is known beside a text: `unset` tells of a variable that nothing else sets, `sourced` of
    a file which variables it sets, where it does nothing else (None: not known)."""

    unset: Callable[[str], bool] = lambda _name: False
    sourced: Callable[[str], Mapping[str, str] | None] = lambda _path: None


class Rounds:
    """The branches of a text. Inside of a `for` over words that are told, they are followed for
    each of the words."""

    def __init__(self, text: str, words: Sequence[str] | None, outside: Outside) -> None:
        self._whole = Branches(text, words, outside)
        self._each: dict[str, Branches] = {}
        self._name, self._depth = "", 0

    def told(self, *, told: bool) -> None:
        """Whether the line at hand holds no output of other commands."""
        for one in (self._whole, *self._each.values()):
            one.told = told

    def may_run(self, words: list[str], behind: str) -> list[dict[str, str]]:
        """With which values of the loop's variable a command may run; none: never."""
        if not self._each and words[:1] == ["for"] and len(words) > 3 and words[2] == "in":
            return self._begin(words, behind)
        ran = self._whole.may_run(list(words), behind)
        loops = words[:1] in (["for"], ["select"])
        if not self._each:
            return [{}] if ran and not loops else []
        self._depth += (words[:1] in (["for"], ["while"], ["until"])) - (words[:1] == ["done"])
        found = [value for value, one in self._each.items() if one.may_run(list(words), behind)]
        if not self._depth:
            self._each = {}
        return [] if loops else [{self._name: value} for value in found]

    def _begin(self, words: list[str], behind: str) -> list[dict[str, str]]:
        self._whole.may_run(list(words), behind)
        values = words[3:]
        if len(values) <= _MAX_ROUNDS and not any(set("$`{") & set(value) for value in values):
            self._name, self._depth = words[1], 1
            for value in values:
                self._each[value] = self._whole.round(words[1], value)
        return []


class Branches:
    """Goes through the commands of one text in order. `told` says whether the line at hand holds
    no output of other commands."""

    def __init__(self, text: str, words: Sequence[str] | None, outside: Outside) -> None:
        self._text, self._unset, self._sourced = text, outside.unset, outside.sourced
        self._known: dict[str, str] = {}
        self._touched: set[str] = set()
        self._positional = words is not None
        if words is not None:
            self._known = {str(n): word for n, word in enumerate(words, 1)}
            self._known["#"] = str(len(words))
        self._frames: list[_Frame] = []
        self._status: Known = None
        self._before = ""
        self._brackets = 0
        self._function = ""
        self._ended = self._inside = False
        self.told = True

    def round(self, name: str, value: str) -> Branches:
        """The same, inside of a loop whose variable is this."""
        found = copy.copy(self)
        found._known = {**self._known, name: value}
        found._touched = {*self._touched, name}
        if set("*?[") & set(value):
            del found._known[name]
        found._frames = [copy.copy(frame) for frame in self._frames]
        found._frames[-1].runs = True
        return found

    def may_run(self, words: list[str], behind: str) -> bool:
        """Whether a command may; `behind` is what stands after it. False for what is none."""
        words = self._keywords(list(words))
        before, self._before = self._before, behind
        if not words:
            self._close(behind)
            return True
        if self._is_pattern(words, behind):
            return False
        if behind.startswith("()"):
            self._function = words[-1]
            return False
        runs, truth = self._here(), self._truth(words)
        match before:
            case "&&":
                runs, self._status = _and(runs, self._status), _and(self._status, truth)
            case "||":
                runs, self._status = _and(runs, _not(self._status)), _or(self._status, truth)
            case _:
                self._status = truth
        if runs is not False:
            self._assign(words, runs)
        surely = runs is True and all(frame.kind != "function" for frame in self._frames)
        leaves = words[0] == "exit" or (words[0] in ("continue", "break") and self._frames != [])
        self._ended |= leaves and surely
        self._close(behind)
        return runs is not False

    def _here(self) -> Known:
        runs: Known = not self._ended
        for frame in self._frames:
            runs = _and(runs, frame.runs)
        return runs

    def _keywords(self, words: list[str]) -> list[str]:
        """The command without the words that open, go on with and close branches."""
        while words:
            top = self._frames[-1] if self._frames else None
            match words[0]:
                case "if":
                    self._frames.append(_Frame("if", True))
                case "then" if top:
                    taken = _and(self._status, _not(top.done))
                    top.runs, top.done = taken, _or(top.done, self._status)
                case "elif" if top:
                    top.runs = _not(top.done)
                case "else" if top:
                    top.runs = _not(top.done)
                case "while" | "until" | "for" | "select":
                    self._frames.append(_Frame("while" if words[0] == "while" else "loop"))
                    if words[0] != "while":
                        self._forget_changing()
                    if words[0] in ("for", "select"):
                        self._known.pop(words[1] if len(words) > 1 else "", None)
                        return []
                case "fi" | "esac" | "done" | "}" if top:
                    self._frames.pop()
                case "case" if len(words) > 2 and "in" in words:
                    at = words.index("in")
                    subject = self._told(words[1])
                    self._frames.append(_Frame("case", False, False, subject))
                    words = words[at:]
                case "{":
                    called = len(re.findall(rf"(?<![\w-]){re.escape(self._function)}(?![\w-])",
                                            self._text)) if self._function else 2  # fmt: skip
                    runs: Known = True if not self._function else None if called > 1 else False
                    frame = _Frame("function" if self._function else "group", runs)
                    if self._function:
                        frame.words = self._given_to(self._function)
                        self._forget_changing()
                    self._frames.append(frame)
                    self._function = ""
                case "function" if len(words) > 1:
                    self._function = words[1]
                    words = words[1:]
                case "do" if top and top.kind == "while":
                    top.runs = False if self._status is False else None
                    if top.runs is None:
                        self._forget_changing()
                case "do" | "time":
                    pass
                case _:
                    return words
            words = words[1:]
        return words

    def _given_to(self, function: str) -> tuple[str, ...] | None:
        """The words that every call of a function gives it."""
        calls = re.findall(
            rf"(?m)(?:^|[;&|])[ \t]*{re.escape(function)}(?![\w-])(?!\s*\()([^\n;&|]*)", self._text
        )
        named = len(re.findall(rf"(?<![\w-]){re.escape(function)}(?![\w-])", self._text))
        given = {tuple(call.split()) for call in calls}
        # Named once more where it is defined; elsewhere it may be called in another way.
        if len(given) != 1 or named != len(calls) + 1 or any(set("$`*\"'") & set(c) for c in calls):
            return None
        return next(iter(given))

    def _is_pattern(self, words: list[str], behind: str) -> bool:
        top = self._frames[-1] if self._frames else None
        if top is None or top.kind != "case" or top.body:
            return False
        if behind == "|":
            top.patterns += (words[-1],)
            return True
        if not behind.startswith(")"):
            return False
        top.body = True
        patterns = (*top.patterns, words[-1])
        top.patterns = ()
        matches: Known = None
        if top.subject is not None and not any("$" in one for one in patterns):
            matches = any(fnmatchcase(top.subject, one) for one in patterns)
        top.runs = _and(matches, _not(top.done))
        top.done = _or(top.done, matches)
        return True

    def _close(self, behind: str) -> None:
        """What a separator ends."""
        if behind not in ("&&", "||", "()"):
            self._brackets = max(0, self._brackets + behind.count("(") - behind.count(")"))
        top = self._frames[-1] if self._frames else None
        if behind.startswith(";;") and top and top.kind == "case":
            top.runs, top.body = False, False

    def _truth(self, words: list[str]) -> Known:
        """Whether a command succeeds."""
        if words[0] == "!":
            return _not(self._truth(words[1:])) if len(words) > 1 else None
        if not self.told:
            return None
        if self._brackets > 1:
            return self._compared(" ".join(words))
        program = self._told(words[0]) if len(words) == 1 else words[0]
        if program in ("true", ":", "false"):
            return program != "false"
        if self._inside:  # `[[ one && other ]]`
            self._inside = words[-1] != "]]"
            return self._tested(words if self._inside else words[:-1])
        if words[0] == "getopts" and self._positional and self._known.get("#") == "0":
            return False
        if words[0] not in _TESTS:
            return None
        end = _TESTS[words[0]]
        if end == words[-1]:
            return self._tested(words[1:-1])
        self._inside = words[0] == "[["
        return self._tested(words[1:]) if self._inside or not end else None

    def _compared(self, text: str) -> Known:
        """`(( USE == 1 ))`"""
        match = _ARITHMETIC.fullmatch(text.strip())
        if match is None:
            return None
        sides = [side if side.isdigit() else self._told(f"${side.lstrip('$')}")
                 for side in (match[1], match[3] or "0")]  # fmt: skip
        if None in sides or not all(str(side).isdigit() for side in sides):
            return None
        return _NUMBERS[_SIGNS[match[2] or "!="]](int(str(sides[0])), int(str(sides[1])))

    def _tested(self, words: list[str]) -> Known:
        match words:
            case ["!", *inner]:
                return _not(self._tested(inner))
            case ["-z" | "-n" as op, one]:
                value = self._told(one)
                return None if value is None else (value == "") == (op == "-z")
            case [one]:
                value = self._told(one)
                return None if value is None else value != ""
            case [one, op, other]:
                left, right = self._told(one), self._told(other)
                if left is None or right is None or set("*?[") & set(right):
                    return None
                if op in ("=", "==", "!="):
                    return (left == right) == (op != "!=")
                if op in _NUMBERS and left.lstrip("-").isdigit() and right.lstrip("-").isdigit():
                    return _NUMBERS[op](int(left), int(right))
        return None

    def _told(self, word: str) -> str | None:
        """A word with its variables put in; None: not known."""
        unknown = False

        def put_in(match: re.Match[str]) -> str:
            nonlocal unknown
            name = match[1] or match[3]
            if name.isdigit() or name == "#":
                inside = [frame for frame in self._frames if frame.kind == "function"]
                if inside:
                    words = inside[-1].words
                    unknown |= words is None or name == "#"
                    place = int(name) if name.isdigit() else 0
                    return (words or ())[place - 1] if 0 < place <= len(words or ()) else ""
            if name in self._known:
                return self._known[name]
            own = name in self._touched or not self._unset(name)
            if not self._positional if name.isdigit() else own:
                unknown = True
            return match[2] or ""

        found = _VARIABLE.sub(put_in, word)
        return None if unknown or set("$`") & set(found) or not self.told else found

    def _assign(self, words: list[str], runs: Known) -> None:
        option = words[1] if len(words) > 1 else ""
        taken = self._sourced(option) if words[0] in ("source", ".") else None
        if taken is not None and runs is True:
            self._touched |= set(taken)
            self._known |= taken
            return
        if words[0] in _OPENERS and not (words[0] == "set" and option[:2] not in ("--", "")):
            self._known, self._positional = {}, False
            self._unset = lambda _name: False
        if self._brackets > 1:
            for name in _COUNTED.findall(" ".join(words)):
                self._forget(name)
        if words[0] in _SETTERS:
            for word in words:
                self._forget(_NAME.split(word)[0])
        exports = words[0] in _EXPORTS
        pairs = [_ASSIGNED.fullmatch(word) for word in words[exports:] if word[0:1] != "-"]
        for pair in filter(None, pairs):
            value = self._told(pair[3])
            self._forget(pair[1])
            if runs is True and value is not None and not pair[2] and (exports or all(pairs)):
                self._known[pair[1]] = value

    def _forget(self, name: str) -> None:
        self._known.pop(name, None)
        self._touched.add(name)

    def _forget_changing(self) -> None:
        """What is set more than once may be something else by the time that a loop comes round, or
        a function is called."""
        for name in list(self._known):
            if len(re.findall(rf"(?<!\w){name}\+?=|(?<!\w){name}(?:\+\+|--)", self._text)) > 1:
                self._forget(name)


def _not(value: Known) -> Known:
    return None if value is None else not value


def _and(one: Known, other: Known) -> Known:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _or(one: Known, other: Known) -> Known:
    return _not(_and(_not(one), _not(other)))
