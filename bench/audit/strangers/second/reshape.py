"""Python functions that keep what they do and lose how they are written."""

from __future__ import annotations

import ast
import random

from bench.audit.strangers.material import Item

_ROOTS = ("seq", "res", "cur", "tmp", "idx", "buf", "elt", "lhs", "rhs", "cnt", "box", "aux")


class _Rename(ast.NodeTransformer):
    """Other names for what a function binds; docstrings and annotations go."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._names = rng, dict[str, str]()

    def _new(self, name: str) -> str:
        made = f"{self._rng.choice(_ROOTS)}_{len(self._names)}"
        return self._names.setdefault(name, made)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        # Some descriptions stand after the first statement.
        node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
        node.returns = None
        for argument in node.args.args:
            argument.arg, argument.annotation = self._new(argument.arg), None
        # Names that are bound later than they are read in the text count, too.
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self._new(inner.id)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _Shape(ast.NodeTransformer):
    """`a += b` spelled out, a value named before it is returned, loops for comprehensions,
    branches exchanged."""

    def __init__(self) -> None:
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return f"out{self._count}"

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if not isinstance(node.target, ast.Name):
            return node
        left = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(left, node.op, node.value), lineno=1)

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        if node.value is None or isinstance(node.value, ast.Constant | ast.Name):
            return node
        name = self._name()
        before = self._loop(name, node.value) or [self._assign(name, node.value)]
        return [*before, ast.Return(ast.Name(name, ast.Load()))]

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Name):
            return self._loop(target.id, node.value) or node
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if node.orelse and not isinstance(node.orelse[0], ast.If):
            test = ast.UnaryOp(ast.Not(), node.test)
            return ast.If(test, node.orelse, node.body)
        return node

    @staticmethod
    def _assign(name: str, value: ast.expr) -> ast.stmt:
        return ast.Assign([ast.Name(name, ast.Store())], value, lineno=1)

    def _loop(self, name: str, value: ast.expr) -> list[ast.stmt] | None:
        """A list comprehension with one `for` as a loop that appends."""
        if not isinstance(value, ast.ListComp) or len(value.generators) != 1:
            return None
        part = value.generators[0]
        add = ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load())
        body: list[ast.stmt] = [ast.Expr(ast.Call(add, [value.elt], []))]
        for test in reversed(part.ifs):
            body = [ast.If(test, body, [])]
        loop = ast.For(part.target, part.iter, body, [], lineno=1)
        # The name may be read in the comprehension that makes it.
        if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value)):
            return None
        return [self._assign(name, ast.List([], ast.Load())), loop]


def function(item: Item) -> str:
    return item.question + item.solution


def renamed(source: str, rng: random.Random) -> str:
    return ast.unparse(ast.fix_missing_locations(_Rename(rng).visit(ast.parse(source))))


def reshaped(source: str, rng: random.Random) -> str:
    tree = _Shape().visit(ast.parse(renamed(source, rng)))
    return ast.unparse(ast.fix_missing_locations(tree))


def methods(sources: list[str], rng: random.Random) -> str:
    """A class whose methods the functions are, with comments of its own."""
    made, name = [], rng.choice(("Toolkit", "Exercises", "Solver", "Kata", "Helpers"))
    for source in sources:
        for node in ast.parse(renamed(source, rng)).body:
            if isinstance(node, ast.FunctionDef):
                text = "\n".join("    " + line for line in ast.unparse(node).split("\n"))
                made.append(
                    f"    # {rng.choice(('next', 'seen often', 'ok', 'easy'))}\n"
                    f"    @staticmethod\n{text}\n"
                )
    return f"class {name}:\n" + "\n".join(made)
