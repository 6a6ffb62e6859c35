"""What calls are worth: the part of the interpreter that knows functions, methods and imports."""

from __future__ import annotations

import ast
import re
from collections import ChainMap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.values import (
    MAX_ELEMENTS,
    MAX_MADE,
    MAX_WEIGHT,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    World,
    known,
    merge,
    union,
    weight,
)

_ADDING_METHODS = {"append", "extend", "add", "update", "insert", "appendleft", "put"}
# What tells of data without holding any of it.
_UNRELATED = {"len", "print", "type", "isinstance", "sum", "max", "min", "any", "all", "bool", "id",
              "hash"}  # fmt: skip
_MEASURES = re.compile(
    r"(?:^|_)(?:ratio|similarity|jaccard|overlap|distance|score|count|cosine|accuracy|is|has|check|"
    r"contains|hexdigest|digest|isin|startswith|endswith|nbytes|exact_match)(?:_|$)"
)
_EXCLUDES = re.compile(r"decontam|difference|exclud|dedup|drop_|remove|without|subtract", re.I)
_CONDITIONS = {"filter", "sort", "sorted", "takewhile", "dropwhile", "filterfalse", "groupby"}
_PARSED = re.compile(r"parse_(?:known_)?args(?:_into_dataclasses)?\(\)(?:\[\])?$")
_GETS_VARIABLE = {"os.getenv", "os.environ.get", "environ.get", "os.environ.pop", "getenv"}
MAX_INLINE_DEPTH = 8
_MAX_INLINED = 80
_PATH_METHODS = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "glob", "rglob", "iterdir",
}  # fmt: skip
ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError
)  # fmt: skip


Scope = ChainMap[str, Value]


@dataclass(frozen=True)
class Function:
    """A function of the program's own. `scope` is where it was defined, `module` the other file
    that it stands in (empty: this one)."""

    name: str
    arguments: ast.arguments
    body: tuple[ast.stmt, ...]
    scope: Scope
    module: str = ""
    is_property: bool = False
    is_static: bool = False
    is_class: bool = False

    def parameters(self) -> list[str]:
        given = self.arguments
        return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


class Calls:
    """`names` are the values of variables (locals before globals), `functions` those of the
    program's own by name (`Class.method`, `module.function`), `objects` the attributes of
    instances, and `returned` what a function gave back at last."""

    def __init__(
        self,
        label: Callable[[Site], Iterable[Label]],
        pick: Callable[[Label, object], Label],
        world: World,
    ) -> None:
        self._label, self._pick, self.world = label, pick, world
        self.names: Scope = ChainMap({})
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, tuple[str, ...]] = {}
        self.objects: dict[str, Value] = {}
        self.options: dict[str, Value] = {}
        self.returned: dict[str, Value] = {}
        self.called: dict[str, int] = {}
        self.mutated: dict[str, frozenset[Label]] = {}
        self.sites: list[Site] = []
        self.made: list[tuple[int, str]] = []
        self.steps = 0
        self.room = MAX_MADE

    def spend(self) -> None:
        """Count a step. Raises OutOfStepsError when there were too many."""
        raise NotImplementedError

    def pay(self, *made: Any) -> bool:
        """Whether there is room for values that were just made; it is then taken."""
        size = weight(*made)
        self.room -= min(size, self.room) if size <= MAX_WEIGHT else 0
        return size <= MAX_WEIGHT and self.room > 0

    def paid(self, value: Value) -> Value:
        """The value, or what is left of it where it has no room: its labels."""
        return value if self.pay(*value.alternatives) else Value((), value.labels)

    def value(self, node: ast.expr) -> Value:
        raise NotImplementedError

    def attribute(self, node: ast.Attribute, owner: Value) -> Value:
        raise NotImplementedError

    def note_made(self, node: ast.expr, value: Value) -> Value:
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def taint(self, node: ast.expr, labels: frozenset[Label]) -> None:
        raise NotImplementedError

    def run_body(self, function: Function) -> Value:
        """What a function gives back, its parameters being set in `names`."""
        raise NotImplementedError

    def line_of(self, node: ast.AST) -> int:
        """The line of the program at which a node, maybe in another file, is reached."""
        raise NotImplementedError

    def run_text(self, source: str) -> None:
        raise NotImplementedError

    def call(self, node: ast.Call) -> Value:
        owner = NOTHING  # looked at once only: chained calls would double the work at each link
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value)
            callee = self.attribute(node.func, owner)
        else:
            callee = self.value(node.func)
        args = [self.whole(self.value(arg)) for arg in node.args]
        keywords = {word.arg or "**": self.whole(self.value(word.value)) for word in node.keywords}
        for spread in keywords["**"].alternatives if "**" in keywords else ():
            if isinstance(spread, dict):
                named = {k: known(v) for k, v in spread.items() if isinstance(k, str)}
                keywords = {**named, **keywords}
        everything = [*args, *keywords.values()]
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ADDING_METHODS:
            self.taint(node.func.value, union(everything))
        found = [self._constant_call(node, owner, callee, args, keywords)]
        found += self._path_call(node, owner, args, keywords)
        own = False
        for ref in callee.refs():
            own = own or self._own(ref) is not None or ref.name in self.classes
            found.append(self._named_call(node, ref, args, keywords, callee.labels))
        result = merge(*found)
        if not own:
            result = result.with_labels(self._carried(node, callee, args, keywords))
            result = result.with_labels(self._called_back(node, callee, owner, args, keywords))
        if isinstance(node.func, ast.Name) and node.func.id in _UNRELATED:
            return Value(result.alternatives)
        return self.note_made(node, result)

    @staticmethod
    def _carried(
        node: ast.Call, callee: Value, args: list[Value], keywords: dict[str, Value]
    ) -> frozenset[Label]:
        """The labels that the result of a function of others' takes over."""
        name = _last_name(node.func)
        if _MEASURES.search(name):
            return frozenset()
        if _EXCLUDES.search(name):
            first = args[:1] if isinstance(node.func, ast.Name) or not callee.labels else []
            return union(first) | callee.labels
        return union([*args, *keywords.values()]) | callee.labels

    def _called_back(
        self,
        node: ast.Call,
        callee: Value,
        owner: Value,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> frozenset[Label]:
        """What functions of the program's own that are handed on give back: `rows.map(clean)`."""
        found: set[Label] = set()
        others = [value for value in (*args, *keywords.values()) if not self._handed(value)]
        given = self.whole(owner).labels | callee.labels | union(others)
        for value in (*args, *keywords.values()):
            for ref in self._handed(value):
                function = self._own(ref)
                if function is None:
                    continue
                first = others[0] if others else NOTHING
                element = self.element_of(first) if first.alternatives else NOTHING
                values = [element.with_labels(given)] if function.parameters() else []
                result = self._local_call(node, ref, function, values, {}, handed=True)
                if _last_name(node.func) not in _CONDITIONS:
                    found |= result.labels
        return frozenset(found)

    def _handed(self, value: Value) -> list[Ref]:
        return [ref for ref in value.refs() if self._own(ref) is not None]

    def element_of(self, value: Value) -> Value:
        raise NotImplementedError

    def whole(self, value: Value) -> Value:
        """A value with the labels of what the instances in it hold."""
        held = {ref.instance for ref in value.refs() if ref.instance}
        if not held:
            return value
        labels = union(
            inner for key, inner in self.objects.items() if key.rpartition(".")[0] in held
        )
        return value.with_labels(labels)

    def _own(self, ref: Ref) -> Function | None:
        """The function of the program's own that a name means, in a base class where the class
        itself has none."""
        found = self.functions.get(ref.name)
        if found is not None or "." not in ref.name:
            return found
        owner, _, method = ref.name.rpartition(".")
        return self.method(owner.removesuffix("()"), method)

    def method(self, owner: str, method: str, depth: int = 0) -> Function | None:
        if owner not in self.classes or depth > 8:
            return None
        found = self.functions.get(f"{owner}.{method}")
        for base in () if found else self.classes[owner]:
            found = found or self.method(base, method, depth + 1)
        return found

    def _path_call(
        self, node: ast.Call, owner: Value, args: list[Value], keywords: dict[str, Value]
    ) -> list[Value]:
        """`(Path("a") / "b").read_text()`: paths are texts here, and no text has such a method."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _PATH_METHODS:
            return []
        found = []
        for one in owner.alternatives:
            if isinstance(one, str):
                line = self.line_of(node)
                made = Site("pathlib.Path", line, (known(one),))
                name = f"pathlib.Path().{node.func.attr}"
                site = Site(name, line, tuple(args), keywords, made, owner.labels)
                self.sites.append(site)
                found.append(known(Ref(f"{name}()", site), labels=self._label(site)))
        return found

    def _named_call(
        self,
        node: ast.Call,
        ref: Ref,
        args: list[Value],
        keywords: dict[str, Value],
        receiver_labels: frozenset[Label],
    ) -> Value:
        name, args, keywords = self._undo_indirection(ref, args, keywords)
        line = self.line_of(node)
        function = self._own(ref if name == ref.name else Ref(name))
        if function is not None:
            return self._local_call(node, ref, function, args, keywords)
        if name in ("importlib.import_module", "__import__") and args:
            modules = [known(Ref(text)) for text in args[0].texts()]
            self.sites += [Site(f"import:{text}", line) for text in args[0].texts()]
            return merge(*modules)
        if name in _GETS_VARIABLE and args:
            found = [known(self.world.environment[key]) for key in args[0].texts()
                     if key in self.world.environment]  # fmt: skip
            return merge(*found) if found else merge(*args[1:2])
        if name.startswith("super().") and self.stack:
            above = self._above(name.removeprefix("super()."))
            if above is not None:
                return self._local_call(node, above[0], above[1], args, keywords)
        if name in ("exec", "eval") and args:
            for text in args[0].texts():
                self.run_text(text)
        if name.endswith(".add_argument"):
            self._add_option(args, keywords)
        if name in self.classes:
            return self._instance(node, name, args, keywords)
        if name == "getattr" and len(args) > 1:
            refs = [
                known(Ref(f"{owner.name}.{attribute}", owner.site))
                for owner in args[0].refs()
                for attribute in args[1].texts()
            ]
            return merge(*refs)
        receiver = ref.site if isinstance(node.func, ast.Attribute) or ref.site else None
        site = Site(name, line, tuple(args), keywords, receiver, receiver_labels)
        self.sites.append(site)
        return known(Ref(f"{name}()", site), labels=self._label(site))

    def _above(self, method: str) -> tuple[Ref, Function] | None:
        """The method of a base class that `super()` means, bound to the object at hand."""
        owner, _, _own = self.stack[-1].rpartition(".")
        for base in self.classes.get(owner, ()):
            found = self.method(base, method)
            held = [
                ref for value in list(self.names.maps[0].values())[:4] for ref in value.refs()
                if ref.instance
            ]  # fmt: skip
            if found is not None and held:
                return Ref(found.name, held[0].site, held[0].instance), found
        return None

    def _add_option(self, args: list[Value], keywords: dict[str, Value]) -> None:
        """`add_argument("--split", default="train")`: what `args.split` may be."""
        names = [text for value in args for text in value.texts()]
        long = next((text for text in names if text.startswith("--")), next(iter(names), ""))
        name = "".join(keywords["dest"].texts()[:1]) if "dest" in keywords else long
        name = name.lstrip("-").replace("-", "_")
        given = self.world.options.get(name, ())
        value = known(*given) if given else keywords.get("default", NOTHING)
        self.options[name] = value

    def option(self, ref: Ref, name: str) -> Value | None:
        """The value of `args.name`, where `args` is what a parser gave back."""
        if not _PARSED.search(ref.name):
            return None
        if name in self.options:
            return self.options[name]
        given = self.world.options.get(name, ())
        return known(*given) if given else None

    def _instance(
        self, node: ast.Call, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        """A new object of the program's own class."""
        line = self.line_of(node)
        site = Site(name, line, tuple(args), keywords)
        self.sites.append(site)
        made = Ref(f"{name}()", site, f"{name}#{line}:{node.col_offset}")
        start = self.method(name, "__init__")
        if start is not None:
            bound = Ref(f"{name}.__init__", site, made.instance)
            self._local_call(node, bound, start, args, keywords)
        else:
            # Fields of a dataclass, or of a base that is not known.
            for key, value in keywords.items():
                self.objects[f"{made.instance}.{key}"] = value
            for number, value in enumerate(args):
                self.objects[f"{made.instance}.{number}"] = value
        return known(made, labels=self._label(site))

    def _undo_indirection(
        self, ref: Ref, args: list[Value], keywords: dict[str, Value]
    ) -> tuple[str, list[Value], dict[str, Value]]:
        """`functools.partial(load, "x")()` is `load("x")`."""
        if ref.name == "functools.partial()" and ref.site is not None and ref.site.args:
            inner = ref.site.args[0].refs()
            if inner:
                earlier = list(ref.site.args[1:])
                return inner[0].name, earlier + args, {**ref.site.keywords, **keywords}
        return ref.name, args, keywords

    def _local_call(
        self,
        node: ast.Call,
        ref: Ref,
        function: Function,
        args: list[Value],
        keywords: dict[str, Value],
        *,
        handed: bool = False,
    ) -> Value:
        """The body of a function walked for this very call, so that one helper which is used on
        both splits does not mix them up."""
        name = function.name
        count = self.called.get(name, 0)
        deep = len(self.stack) >= MAX_INLINE_DEPTH or name in self.stack
        if deep or count >= _MAX_INLINED or self.steps > self.step_limit:
            return self.returned.get(name, NOTHING).with_labels(
                union([*args, *keywords.values()]) if not deep else ()
            )
        self.called[name] = count + 1
        parameters = function.parameters()
        nodes: dict[str, ast.expr] = {}
        local: dict[str, Value] = dict.fromkeys(parameters, NOTHING)
        free = list(parameters)
        if ref.instance and not function.is_static and free:
            owner = ref.instance.partition("#")[0]
            local[free.pop(0)] = known(Ref(f"{owner}()", ref.site, ref.instance))
        elif function.is_class and free:
            local[free.pop(0)] = known(Ref(function.name.rpartition(".")[0]))
        outer, self.names = self.names, ChainMap(local, *function.scope.maps)
        self.defaults(function.arguments, handed=handed)
        self.names = outer
        for parameter, value in zip(free, args, strict=False):
            local[parameter] = value
        if not handed:
            nodes = dict(zip(free, node.args, strict=False))
        for key, value in keywords.items():
            local[key] = value
        if function.arguments.vararg:
            rest = args[len(free) :]
            local[function.arguments.vararg.arg] = known(
                [v.alternatives[0] if v.alternatives else "" for v in rest], labels=union(rest)
            )
        if function.arguments.kwarg:
            given = {k: v.alternatives[0] for k, v in keywords.items() if v.alternatives}
            local[function.arguments.kwarg.arg] = known(given, labels=union(keywords.values()))
        before, self.mutated = self.mutated, {}
        self.names = ChainMap(local, *function.scope.maps)
        self.stack.append(name)
        self.call_line = self.line_of(node)
        try:
            result = self.run_body(function)
        finally:
            self.stack.pop()
            self.names = outer
            mutated, self.mutated = self.mutated, before
        for parameter, labels in mutated.items():
            if parameter in nodes:
                self.taint(nodes[parameter], labels)
        self.returned[name] = merge(self.returned.get(name, NOTHING), result)
        return result

    stack: list[str]
    step_limit: int
    call_line: int

    def defaults(self, arguments: ast.arguments, *, handed: bool = False) -> None:
        raise NotImplementedError

    def _constant_call(
        self,
        node: ast.Call,
        owner: Value,
        callee: Value,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> Value:
        """The result where everything it depends on is constant."""
        given = [self._plain(value) for value in args]
        words = {key: self._plain(value) for key, value in keywords.items()}
        if any(value is None for value in given) or any(v is None for v in words.values()):
            return self._mapped(callee, args)
        results: list[Any] = []
        if isinstance(node.func, ast.Attribute):
            for one in owner.alternatives:
                if not isinstance(one, Ref):
                    results += _attempt(builtin.call_method, one, node.func.attr, given, words)
        for ref in callee.refs():
            if ref.name in builtin.FUNCTIONS and self._own(ref) is None:
                results += _attempt(builtin.call_function, ref.name, given, words)
        return self.paid(known(*results))

    def _mapped(self, callee: Value, args: list[Value]) -> Value:
        """`map(chr, [...])`."""
        if len(args) != 2 or not any(ref.name == "map" for ref in callee.refs()):
            return NOTHING
        items = self._plain(args[1])
        names = [ref.name for ref in args[0].refs() if ref.name in builtin.FUNCTIONS]
        if not names or items is None or len(items[0:1]) == 0 or len(items) > MAX_ELEMENTS:
            return NOTHING
        made = [_attempt(builtin.call_function, names[0], [item], {}) for item in items]
        return self.paid(known([result[0] for result in made if result]))

    @staticmethod
    def _plain(value: Value) -> Any:
        """The one constant that it is; None when it is not known or may be several."""
        plain = [item for item in value.alternatives if not isinstance(item, Ref)]
        return plain[0] if len(plain) == 1 else None


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Attribute():
            return node.attr
        case ast.Name():
            return node.id
        case _:
            return ""


def _attempt(function: Callable[..., Any], *args: Any) -> list[Any]:
    try:
        return [function(*args)]
    except Exception:
        # zlib.error, binascii.Error and their like: whatever constants do to a function.
        return []
