"""Make a program out of a completion: the code in its fence, or the rest of the function."""

from __future__ import annotations

import re
import sys
import textwrap

from ptb_lite.evaluation.answer_text import after_thinking

# The language may be spelt in any case, and the last fence may be left open.
_FENCE = re.compile(
    r"^[ \t]*(?:(?:[-*+>]|[0-9]+[.)])[ \t]+)?(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)"
    r"[^\n]*\n(?P<code>.*?)(?:^[ \t>]*(?P=fence)|\Z)",
    re.DOTALL | re.MULTILINE,
)
_IMPORT = re.compile(r"import[ ]+(?P<module>[\w.]+)(?:[ ]+as[ ]+(?P<name>\w+))?[ ]*\r?\n?")
_QUOTED = re.compile(r"^[ \t]*>[ ]?", re.MULTILINE)
_INDENT = 4
_LANGUAGES = ("", "python", "python3", "py")


def extract(completion: str, entry_point: str) -> str | None:
    """The code of a completion: of its fenced blocks the first that defines `entry_point`, else
    the first one; without a fence, all of it. None when there is none.
    """
    text = after_thinking(completion)
    blocks = [
        _moved(found["code"], entry_point)
        for found in _FENCE.finditer(text)
        if found["language"].lower() in _LANGUAGES
    ]
    if not blocks:
        return text if text.strip() else None
    found = next((code for code in blocks if defines(code, entry_point)), blocks[0])
    return found if found.strip() else None


def program(prompt: str, completion: str, entry_point: str) -> str | None:
    """The whole program that is tested; None when the completion holds no code."""
    code = extract(completion, entry_point)
    if code is None:
        return None
    code = without_idle_imports(code)
    if goes_on(code) and defines(code, entry_point):
        # The rest of the function, and then the whole of it again: the later one counts.
        return f"{prompt}{code if code[:1].isspace() else f'    {code}'}"
    if defines(code, entry_point) or _names(code, entry_point):
        return f"{before(prompt, entry_point)}\n{code}"
    if lost_indent(code):
        body = f"    {code}"
    elif at_the_margin(code):
        body = textwrap.indent(code, "    ")
    else:
        body = code
    return f"{prompt}{body}"


def goes_on(code: str) -> bool:
    """Whether a completion begins inside of the function: with an indent, or a bare `return`."""
    first = next((line for line in code.splitlines() if line.strip()), "")
    return first.startswith(("    ", "\t", "return ", "return("))


def at_the_margin(code: str) -> bool:
    """Whether a body has lost all of its first indent; comments may stand anywhere."""
    lines = (line for line in code.splitlines() if line.strip() and line.lstrip()[0] != "#")
    return not next(lines, " ")[0].isspace()


def _names(code: str, entry_point: str) -> bool:
    """`entry_point = other`, at the left margin, after a function of another name."""
    named = re.search(rf"^{re.escape(entry_point)}[ ]*=[ ]*\w+[ ]*$", code, re.M)
    return named is not None and re.search(r"^def[ ]", code, re.M) is not None


def lost_indent(code: str) -> bool:
    """Whether the first line alone of a body has lost its indent, as by stripping the text.

    A line that opens a block is followed by one that is two levels deep then, and by one that is
    one level deep when the whole body stands at the margin.
    """
    first, *others = [line for line in code.splitlines() if line.strip()] or [""]
    if first[:1].isspace() or first.startswith(("def ", "class ", "import ", "from ", "@", "#")):
        return False
    depths = [len(line) - len(line.lstrip()) for line in others]
    if not others:
        return first.startswith(("return ", "return(", "raise ", "yield "))
    opens = first.split("#")[0].rstrip().endswith((":", "(", "[", "{", ","))
    return min(depths) >= _INDENT and (not opens or depths[0] >= 2 * _INDENT or depths[-1] == 4)


def without_idle_imports(code: str) -> str:
    """The code less imports at the margin of packages that it never uses.

    The tests run without any package: `import numpy as np` out of habit would fail a right answer.
    """
    kept = []
    for line in code.splitlines(keepends=True):
        found = _IMPORT.fullmatch(line)
        if found and found["module"].split(".")[0] not in sys.stdlib_module_names:
            name = found["name"] or found["module"].split(".")[0]
            if len(re.findall(rf"\b{re.escape(name)}\b", code)) == line.count(name):
                continue
        kept.append(line)
    return "".join(kept)


def _moved(code: str, entry_point: str) -> str:
    """A block inside a list item is indented as a whole, one in a quotation has a mark a line."""
    ways = (code, textwrap.dedent(code), textwrap.dedent(_QUOTED.sub("", code)))
    return next((way for way in ways if defines(way, entry_point)), code)


def defines(code: str, entry_point: str) -> bool:
    """Whether the function is defined at the left margin."""
    return re.search(rf"^(?:async[ ]+)?def[ ]+{re.escape(entry_point)}\b", code, re.M) is not None


def before(prompt: str, entry_point: str) -> str:
    """The imports and helpers that stand before the function in the prompt."""
    found = re.search(rf"^def[ ]+{re.escape(entry_point)}\b", prompt, re.M)
    return prompt[: found.start()] if found else ""
