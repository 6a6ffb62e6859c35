"""How a cheat hides text and code. Each disguise is a pure function of text and a seeded source.

`HELD_OUT` are those that nobody who wrote a detector was shown: the table gives them apart.
"""

from __future__ import annotations

import ast
import base64
import codecs
import random
import textwrap
import zlib
from collections.abc import Callable

Disguise = Callable[[str, random.Random], str]


def as_base64(text: str, source: random.Random) -> str:  # noqa: ARG001
    packed = base64.b64encode(text.encode()).decode()
    return f'import base64\n\nDATA = base64.b64decode("{packed}").decode()\n'


def as_hex(text: str, source: random.Random) -> str:  # noqa: ARG001
    return f'DATA = bytes.fromhex("{text.encode().hex()}").decode()\n'


def as_rot13(text: str, source: random.Random) -> str:  # noqa: ARG001
    return f"import codecs\n\nDATA = codecs.decode({codecs.encode(text, 'rot13')!r}, 'rot13')\n"


def reversed_lines(text: str, source: random.Random) -> str:  # noqa: ARG001
    rows = "".join(f"    {line[::-1]!r},\n" for line in text.splitlines())
    return f"DATA = [row[::-1] for row in [\n{rows}]]\n"


def concatenated(text: str, source: random.Random) -> str:
    """String literals cut at odd places, put together by the program."""
    rows = []
    for line in text.splitlines():
        cuts = sorted(source.sample(range(1, max(2, len(line))), k=min(6, max(1, len(line) - 1))))
        parts = [line[i:j] for i, j in zip([0, *cuts], [*cuts, len(line)], strict=True)]
        rows.append("    " + " + ".join(map(repr, parts)) + ",\n")
    return f"DATA = [\n{''.join(rows)}]\n"


def respaced(text: str, source: random.Random) -> str:
    """Other case, other spacing, full-width digits and typographic signs."""
    wide = {ord(str(n)): chr(0xFF10 + n) for n in range(10)}
    letters = text.translate(wide).replace("'", "’").replace("-", "−")
    words = letters.split(" ")
    return "".join(word.upper() + source.choice([" ", "  ", " ​"]) for word in words)


def escaped(text: str, source: random.Random) -> str:  # noqa: ARG001
    """Every letter of a JSON text as its escape."""
    return '{"data": "' + "".join(f"\\u{ord(char):04x}" for char in text if char < "￿") + '"}'


def as_compressed(text: str, source: random.Random) -> str:  # noqa: ARG001
    packed = base64.b85encode(zlib.compress(text.encode())).decode()
    return f"import base64, zlib\n\nDATA = zlib.decompress(base64.b85decode({packed!r})).decode()\n"


def interleaved(text: str, source: random.Random) -> str:  # noqa: ARG001
    """Two strings of every second letter."""
    even, odd = text[::2], text[1::2]
    return f"EVEN = {even!r}\nODD = {odd!r}\n"


def as_numbers(text: str, source: random.Random) -> str:  # noqa: ARG001
    return f"DATA = bytes({list(text.encode())!r}).decode()\n"


def quoted_printable(text: str, source: random.Random) -> str:  # noqa: ARG001
    import quopri

    return "Subject: notes\n\n" + quopri.encodestring(text.encode(), quotetabs=True).decode()


def as_html(text: str, source: random.Random) -> str:  # noqa: ARG001
    """Markup between the words and character references for the digits."""
    marked = "".join(f"&#{ord(char)};" if char.isdigit() else char for char in text)
    return "<table>" + marked.replace("\n", "</td></tr>\n<tr><td>") + "</table>"


TEXT: tuple[Disguise, ...] = (
    as_base64,
    as_hex,
    as_rot13,
    reversed_lines,
    concatenated,
    respaced,
    escaped,
)
HELD_OUT: tuple[Disguise, ...] = (
    as_compressed,
    interleaved,
    as_numbers,
    quoted_printable,
    as_html,
)


class _Renamer(ast.NodeTransformer):
    """Other names for a function, its arguments and its variables; another docstring."""

    def __init__(self, source: random.Random, suffix: str) -> None:
        self._source, self._suffix = source, suffix
        self._names: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._names = {arg.arg: self._fresh() for arg in node.args.args}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self._names.setdefault(inner.id, self._fresh())
        node.name = f"{node.name if self._suffix else self._fresh()}{self._suffix}"
        if not self._suffix:
            node.body[0] = ast.Expr(ast.Constant("A small helper of ours."))
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def _fresh(self) -> str:
        return "".join(self._source.choices("bcdfghklmnprst", k=2)) + self._source.choice(
            ["_item", "_value", "_part", "_side", "_entry"]
        )


def renamed(code: str, source: random.Random) -> str:
    """The same program with other names and without its docstring."""
    return ast.unparse(_Renamer(source, "").visit(ast.parse(code))) + "\n"


def custom(code: str, source: random.Random) -> str:
    """The paper's case: `_custom` behind the function's name, variables renamed."""
    return ast.unparse(_Renamer(source, "_custom").visit(ast.parse(code))) + "\n"


def other_constants(code: str, source: random.Random) -> str:
    """Renamed, and every whole number one higher."""
    tree = _Renamer(source, "").visit(ast.parse(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            node.value += 1
    return ast.unparse(tree) + "\n"


def in_a_class(code: str, source: random.Random) -> str:
    """Renamed, as a static method, with logging between the statements."""
    body = renamed(code, source).splitlines()
    spread = [body[0], *(line for inner in body[1:] for line in (inner,))]
    spread.insert(2, "    trace = []")
    method = "@staticmethod\n" + "\n".join(spread) + "\n"
    return "class Toolkit:\n" + textwrap.indent(method, "    ")


CODE: tuple[Disguise, ...] = (renamed, other_constants, in_a_class)
