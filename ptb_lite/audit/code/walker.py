"""Statements of a program, walked in order: the interpreter without its beginning and its end."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ptb_lite.audit.code.expressions import Expressions
from ptb_lite.audit.code.functions import Function, Scope
from ptb_lite.audit.code.loops import listed
from ptb_lite.audit.code.syntax import UnreadableCodeError, loaded, parse
from ptb_lite.audit.code.values import NOTHING, Label, Ref, Site, Value, World, known, merge

MAX_STEPS = 1_500_000
_MAX_MODULES = 40
_MAX_RUN_TEXT = 100_000


class OutOfStepsError(Exception):
    """The budget of one program is used up."""


@dataclass
class Program:
    """What is known of one program: its calls in order, the texts that it puts together (those
    that do not stand in it as they are), with their lines, and whether all of it was followed.
    `asked` are the calls that a label was asked for: also those of modules that it imports."""

    sites: list[Site] = field(default_factory=list)
    made: list[tuple[int, str]] = field(default_factory=list)
    whole: bool = True
    asked: list[Site] = field(default_factory=list)


LabelSource = Callable[[Site], Iterable[Label]]
PartPicker = Callable[[Label, object], Label]


class Walker(Expressions):
    """Statements; the expressions are its parent's."""

    def __init__(self, label: LabelSource, pick: PartPicker, world: World, key: int) -> None:
        super().__init__(label, pick, world)
        self._of_program = key
        self._label = self._asked_for(label)
        self.program = Program()
        self.stack, self.scopes, self.call_line = [], {}, 1
        self._global: set[str] = set()
        self.step_limit = MAX_STEPS // 2
        self.yields = []
        self.depth = 0
        self._returns: list[Value] = []
        self._module = ""
        self._line = 0

    def _asked_for(self, label: LabelSource) -> LabelSource:
        def asked(site: Site) -> Iterable[Label]:
            self.program.asked.append(site)
            return label(site)

        return asked

    def state(self) -> object:
        """How much is known of every name and call: it only ever grows."""
        known_of = (self.names.maps[-1], self.objects, self.returned, self.options)
        return (
            [
                [(name, len(v.alternatives), len(v.labels)) for name, v in values.items()]
                for values in known_of
            ],
            [
                (site.name, site.line, [len(value.alternatives) for value in site.args])
                for site in self.program.asked
            ],
            len(self.made),
            dict(self.mutated),
        )

    def begin(self) -> None:
        self.program = Program()
        self.sites, self.made = self.program.sites, self.program.made
        self.steps = 0
        self.depth = 0
        self.called = {}
        self.literals = {}
        self.iterated = {}
        self.stack.clear()
        self.names = ChainMap(self.names.maps[-1])

    def rest(self) -> None:
        """The functions that nothing here calls: whoever does gives them what cannot be known."""
        for function in list(self.functions.values()):
            if function.module or function.name in self.called or function.name[0] == "<":
                continue
            local = dict.fromkeys(function.parameters(), NOTHING)
            owner = function.name.rpartition(".")[0]
            bound = not function.is_static and not function.is_class
            if owner in self.classes and function.parameters() and bound:
                local[function.parameters()[0]] = known(Ref(f"{owner}()", None, f"{owner}#0:0"))
            outer, self.names = self.names, ChainMap(local, *function.scope.maps)
            self.defaults(function.arguments, handed=True)
            self.stack.append(function.name)
            result = self.run_body(function)
            self.stack.pop()
            self.names = outer
            self.returned[function.name] = result

    def spend(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfStepsError

    def key_at(self, line: int) -> str:
        return f"{self._of_program:x}{self._module}-{line}"

    def line_of(self, node: ast.AST) -> int:
        return self._line or getattr(node, "lineno", 1)

    def module(self, name: str) -> Scope | None:
        if name in self.scopes:
            return self.scopes[name]
        source = self.world.modules.get(name)
        if source is None or len(self.scopes) > _MAX_MODULES:
            return None
        try:
            tree = parse(source)
        except UnreadableCodeError:
            return None
        scope: Scope = ChainMap({})
        self.scopes[name] = scope
        kept = (self.names, self.sites, self.made, self._module, self._line, self.depth)
        self.names, self.sites, self.made = scope, [], []
        self._module, self._line, self.depth = name, self._line or 1, 0
        try:
            self.block(tree.body)
        finally:
            self.names, self.sites, self.made, self._module, self._line, self.depth = kept
        return scope

    def run_text(self, source: str, line: int) -> None:
        """Carry out a text that line `line` hands over: its own lines are none of the file's."""
        if len(self.stack) > 4 or len(source) > _MAX_RUN_TEXT:
            return
        try:
            tree = parse(source)
        except UnreadableCodeError:
            return
        self.stack.append("<text>")
        kept, self._line = self._line, line
        self.block(tree.body)
        self._line = kept
        self.stack.pop()

    def run_body(self, function: Function) -> Value:
        kept = (self._returns, self.yields, self.depth, self._module, self._line)
        loop, self.jumped, self.left_by = (
            (self.jumped, self.left_by, self.round_depth),
            False,
            set(),
        )
        self._returns, self.yields, self.depth, self.round_depth = [], [], 0, 0
        if function.module != self._module:
            self._module = function.module
            # In another file: its lines are not this program's.
            self._line = self._line or self.call_line
        try:
            self.block(function.body)
            found = list(self._returns)
            if self.yields:
                found.append(listed(self.yields))
        finally:
            self._returns, self.yields, self.depth, self._module, self._line = kept
            self.jumped, self.left_by, self.round_depth = loop
        return merge(*found) if found else NOTHING

    def block(self, body: Iterable[ast.stmt]) -> bool:
        """Whether it surely is left before its end: what stands behind that never runs."""
        return any(self.statement(statement) for statement in body)

    def inner(self, *bodies: Iterable[ast.stmt]) -> bool:
        """Code that may or may not run: its assignments add to what is known. Whether all of these
        bodies are left."""
        self.depth += 1
        left = [self.block(body) for body in bodies]
        self.depth -= 1
        return all(left)

    def statement(self, node: ast.stmt) -> bool:
        """Whether what follows in the same block never runs."""
        self.spend()
        match node:
            case ast.Import() | ast.ImportFrom():
                self.bind_import(node)
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    if isinstance(target, ast.Name) and (one := self.constant(target.id)):
                        value = known(*one, labels=value.labels)
                    self.assign(target, value)
            case ast.AnnAssign(value=ast.expr() as right):
                self.assign(node.target, self.value(right))
            case ast.AugAssign():
                self._augment(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Return():
                self._returns.append(self.value(node.value) if node.value else NOTHING)
            case ast.For() | ast.AsyncFor():
                return self.loop(node)
            case ast.While():
                self.value(node.test)
                runs = self.decided(node.test) is not False
                self.inner(*([node.body] if runs else []), node.orelse)
            case ast.If():
                self.value(node.test)
                taken = self.branches(node.test, node.body, node.orelse)
                sure = len(taken) == 1 or _is_start(node)
                return self.block(taken[0]) if sure else self.inner(*taken)
            case ast.With() | ast.AsyncWith():
                before = self.names.get("sys.stdout")
                for item in node.items:
                    value = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self.assign(item.optional_vars, value)
                    for ref in value.refs():
                        if ref.name.endswith("redirect_stdout()") and ref.site and ref.site.args:
                            self.names["sys.stdout"] = ref.site.args[0]
                self.block(node.body)
                if before is None:
                    self.names.pop("sys.stdout", None)
                else:
                    self.names["sys.stdout"] = before
            case ast.Try() | ast.TryStar():
                self.inner(node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody)
            case ast.Match():
                self.value(node.subject)
                self.inner(*(case.body for case in self.cases(node)))
            case ast.Expr():
                self.value(node.value)
            case ast.Global():
                self._global |= set(node.names)
            case ast.Delete():
                for target in node.targets:
                    if isinstance(target, ast.Subscript):
                        self.take_out(target.value, self.value(target.slice))
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)
        return self._leaves(node)

    def _leaves(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break):
            self.left_by.add(type(node))
            self.jumped |= self.depth > self.round_depth
            return True
        return False

    def assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name() if target.id in self._global:
                outer = self.names.maps[-1]
                outer[target.id] = merge(outer.get(target.id, NOTHING), value)
            case ast.Name():
                own = self.names.maps[0]
                before = own.get(target.id, NOTHING) if self.depth else NOTHING
                self.names[target.id] = merge(before, value) if self.depth else value
            case ast.Tuple() | ast.List():
                for position, part in enumerate(target.elts):
                    inner = part.value if isinstance(part, ast.Starred) else part
                    self.assign(inner, self.part_of(value, position))
            case ast.Attribute():
                held = [ref for ref in self.value(target.value).refs() if ref.instance]
                for ref in held:
                    key = f"{ref.instance}.{target.attr}"
                    self.objects[key] = merge(self.objects.get(key, NOTHING), value)
                if held:
                    return
                name = self.dotted(target)
                if name:
                    self.names[name] = merge(self.names.get(name, NOTHING), value)
                self.taint(target.value, value.labels)
            case ast.Subscript():
                self.value(target.slice)
                self._set_item(target, value)
            case _:
                pass

    def _set_item(self, target: ast.Subscript, value: Value) -> None:
        """`os.environ["PYTHONPATH"] = ...` is told as a call, since it is what others look for."""
        for ref in self.value(target.value).refs():
            key = self.value(target.slice)
            line = self.line_of(target)
            self.sites.append(Site(f"{ref.name}.__setitem__", line, (key, value)))
        match self.value(target.slice).alternatives:
            case [str(name)]:
                self.put(target.value, name, value.labels)
            case _:
                self.taint(target.value, value.labels)

    def _augment(self, node: ast.AugAssign) -> None:
        joined = ast.BinOp(loaded(node.target), node.op, node.value)
        ast.copy_location(joined, node)
        value = self.value(joined)
        self.depth += 1
        self.assign(node.target, value)
        self.depth -= 1

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: str = "") -> None:
        marks = set()
        for decorator in node.decorator_list:
            marks |= {ref.name.rpartition(".")[2] for ref in self.value(decorator).refs()}
        prefix = owner or self._module
        name = f"{prefix}.{node.name}" if prefix else node.name
        self.functions[name] = Function(
            name,
            node.args,
            tuple(node.body),
            self.names,
            self._module,
            bool(marks & {"property", "cached_property"}),
            "staticmethod" in marks,
            "classmethod" in marks,
        )
        if not owner:
            self.names[node.name] = known(Ref(name))

    def defaults(self, arguments: ast.arguments, *, handed: bool = False) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        with_default = positional[len(positional) - len(arguments.defaults) :]
        pairs = [
            *zip(with_default, arguments.defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if default is not None:
                given = self.world.options.get(argument.arg, ()) if handed else ()
                self.names[argument.arg] = known(*given) if given else self.value(default)

    def _class(self, node: ast.ClassDef) -> None:
        name = f"{self._module}.{node.name}" if self._module else node.name
        bases = []
        for base in node.bases:
            for ref in self.value(base).refs():
                bases.append(ref.name)
                self.sites.append(Site(f"{ref.name}.__subclass__", self.line_of(node)))
        self.classes[name] = tuple(bases)
        self.names[node.name] = known(Ref(name))
        outer, self.names = self.names, self.names.new_child()
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(statement, name)
            else:
                self.statement(statement)
        for key, value in self.names.maps[0].items():
            self.objects.setdefault(f"{name}#0:0.{key}", value)
        self.names = outer


def _is_start(node: ast.If) -> bool:
    """`if __name__ == "__main__":`"""
    match node.test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()]):
            return not node.orelse
    return False
