"""What calls are worth: the part of the interpreter that knows functions, methods and imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import islice, product
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.switches.config_files import parsed
from ptb_lite.audit.code.switches.start import words_of
from ptb_lite.audit.code.tables import Tables
from ptb_lite.audit.code.temporary import made_by
from ptb_lite.audit.code.values import (
    HOLE,
    MAX_ALTERNATIVES,
    MAX_ELEMENTS,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    known,
    merge,
    union,
)

_ADDING_METHODS = {
    "append", "extend", "add", "update", "insert", "appendleft", "put", "put_nowait", "extendleft",
    "load_state_dict", "copy_",
}  # fmt: skip
_JOINS = {"os.path.join", "posixpath.join"}
_PARSERS = {
    "yaml.safe_load", "yaml.load", "yaml.full_load", "json.load", "json.loads", "toml.load",
    "toml.loads", "tomllib.load", "tomllib.loads", "OmegaConf.load", "omegaconf.OmegaConf.load",
}  # fmt: skip
# What tells of data without holding any of it.
_UNRELATED = {"len", "print", "type", "isinstance", "sum", "max", "min", "any", "all", "bool", "id",
              "hash"}  # fmt: skip
_LOADS = re.compile(r"load|read|download|fetch|open")
_COUNTERS = ("Counter()", "FreqDist()")
_MEASURES = re.compile(
    r"(?:^|_)(?:ratio|similarity|jaccard|overlap|distance|score|count|cosine|accuracy|is|has|check|"
    r"contains|len|describe|nunique|counts|mean|median|std|quantile|hexdigest|digest|isin|startswith|endswith|nbytes|exact_match)(?:_|$)"
)
_EXCLUDES = re.compile(r"decontam|difference|exclud|dedup|drop_|remove|without|subtract", re.I)
_CONDITIONS = {"filter", "sort", "sorted", "takewhile", "dropwhile", "filterfalse", "groupby"}
_PARSED = re.compile(r"parse_(?:known_)?args(?:_into_dataclasses)?\(\)(?:\[\])?$")
_GETS_VARIABLE = {"os.getenv", "os.environ.get", "environ.get", "os.environ.pop", "getenv"}
_PATH_METHODS = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "glob", "rglob", "iterdir",
}  # fmt: skip
ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError
)  # fmt: skip


class Calls(Tables):
    """What a call is worth, of the program's own functions and of others'."""

    def call(self, node: ast.Call) -> Value:
        owner = NOTHING  # looked at once only: chained calls would double the work at each link
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value)
            callee = self.attribute(node.func, owner)
        else:
            callee = self.value(node.func)
        loads = _LOADS.search(_last_name(node.func)) is not None
        args = [self._argument(arg, loads=loads) for arg in node.args]
        keywords = {
            word.arg or "**": self._argument(word.value, loads=loads) for word in node.keywords
        }
        for spread in keywords["**"].alternatives if "**" in keywords else ():
            if isinstance(spread, dict):
                named = {k: known(v) for k, v in spread.items() if isinstance(k, str)}
                keywords = {**named, **keywords}
        everything = [*args, *keywords.values()]
        counts = any(ref.name.endswith(_COUNTERS) for ref in owner.refs())
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in _ADDING_METHODS
            and not counts
        ):
            self.taint(node.func.value, union(everything))
        found = [self._constant_call(node, owner, callee, args, keywords)]
        found += self._path_call(node, owner, args, keywords)
        own = False
        for ref in callee.refs():
            own = own or self.own(ref) is not None or ref.name in self.classes
            found.append(self._named_call(node, ref, args, keywords, callee.labels))
        result = merge(*found)
        if not own:
            result = result.with_labels(self._carried(node, callee, args, keywords))
            result = result.with_labels(self._called_back(node, callee, owner, args, keywords))
            result = self.of_table(node, owner, args, keywords, result)
        tells = f"{_last_name(node.func)}()" in _COUNTERS
        if tells or (isinstance(node.func, ast.Name) and node.func.id in _UNRELATED):
            return Value(result.alternatives)
        return self.note_made(node, result)

    def _argument(self, node: ast.expr, *, loads: bool) -> Value:
        """Of what is loaded, what the program's settings say it is, too."""
        value = self.whole(self.value(node))
        if (
            loads
            and isinstance(node, ast.Attribute)
            and len(value.refs()) == len(value.alternatives)
        ):
            told = self.settings.each(node) if not self._module else ()
            return merge(value, known(*told)) if told else value
        return value

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
                function = self.own(ref)
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
        return [ref for ref in value.refs() if self.own(ref) is not None]

    def element_of(self, value: Value) -> Value:
        raise NotImplementedError

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
        function = self.own(ref if name == ref.name else Ref(name))
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
                self.run_text(text, line)
        if name.endswith(".add_argument"):
            self._add_option(args, keywords)
        if name in self.classes:
            return self._instance(node, name, args, keywords)
        if name == "getattr" and len(args) > 1:
            return merge(
                *(
                    self._attribute_of(owner, attribute)
                    for owner in args[0].refs()
                    for attribute in args[1].texts()
                )
            )
        if name == "setattr" and len(args) > 2:
            for held in args[0].refs():
                for key in args[1].texts() if held.instance else ():
                    place = f"{held.instance}.{key}"
                    self.objects[place] = merge(self.objects.get(place, NOTHING), args[2])
        if name == "print" and "file" not in keywords:
            keywords = {**keywords, **self._printed_to(line)}
        if name == "sys.stdout.write":
            for to in self._printed_to(line).get("file", NOTHING).refs():
                name, ref = f"{to.name}.write", to
        if name in _PARSERS and args:
            told = self._parsed(args[0])
            if told.alternatives:
                return told
        receiver = ref.site if isinstance(node.func, ast.Attribute) or ref.site else None
        site = Site(name, line, tuple(args), keywords, receiver, receiver_labels)
        self.sites.append(site)
        made = made_by(name, self.key_at(line))
        return known(*made, Ref(f"{name}()", site), labels=self._label(site))

    def _attribute_of(self, ref: Ref, name: str) -> Value:
        raise NotImplementedError

    def _printed_to(self, line: int) -> dict[str, Value]:
        """Where `print` goes that names no file: what `sys.stdout` was set to, or the shell's."""
        redirected = self.names.get("sys.stdout", NOTHING)
        if redirected.refs():
            return {"file": redirected}
        if not self.world.output:
            return {}
        site = Site("open", line, (known(*self.world.output), known("w")))
        return {"file": known(Ref("open()", site))}

    def _parsed(self, given: Value) -> Value:
        """A configuration of the agent's own that is read where it is used."""
        found: list[Any] = []
        opened = [site for ref in given.refs() if ref.site for site in ref.site.chain()]
        for text in [*given.texts(), *(text for site in opened[1:] for text in site.texts())]:
            source = self.world.configs.get(text.removeprefix("./"))
            if source is not None:
                found += _attempt(parsed, source, text)
        plain = [one for one in found if isinstance(one, (dict, list))]
        return self.paid(known(*plain))

    def _add_option(self, args: list[Value], keywords: dict[str, Value]) -> None:
        """`add_argument("--split", default="train")`: what `args.split` may be."""
        names = [text for value in args for text in value.texts()]
        long = next((text for text in names if text.startswith("--")), next(iter(names), ""))
        name = "".join(keywords["dest"].texts()[:1]) if "dest" in keywords else long
        name = name.lstrip("-").replace("-", "_")
        given: tuple[Any, ...] = self.world.options.get(name, ())
        if "nargs" in keywords and given:
            words = next(iter(self.world.starts), None)
            given = (words_of(words.words, long),) if words else ([*given],)
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
            return self._with_holes(node, owner, callee, args, words)
        results: list[Any] = []
        if isinstance(node.func, ast.Attribute):
            for one in owner.alternatives:
                if not isinstance(one, Ref):
                    results += _attempt(builtin.call_method, one, node.func.attr, given, words)
        for ref in callee.refs():
            if ref.name in builtin.FUNCTIONS and self.own(ref) is None:
                results += _attempt(builtin.call_function, ref.name, given, words)
        return self.paid(known(*results))

    def _with_holes(
        self,
        node: ast.Call,
        owner: Value,
        callee: Value,
        args: list[Value],
        words: dict[str, Any],
    ) -> Value:
        """What is known of `os.path.join(os.getcwd(), "out")` and `"{}/out".format(place)`."""
        joins = any(ref.name in _JOINS and self.own(ref) is None for ref in callee.refs())
        formats = isinstance(node.func, ast.Attribute) and node.func.attr == "format"
        if not joins and not formats:
            return self._mapped(callee, args)
        choices = [_known_parts(value) or [HOLE] for value in args]
        filled = {key: HOLE if value is None else value for key, value in words.items()}
        results: list[Any] = []
        for chosen in islice(product(*choices), MAX_ALTERNATIVES):
            if joins:
                results += _attempt(builtin.call_function, "os.path.join", [*chosen], {})
            for one in owner.alternatives if formats else ():
                if isinstance(one, str):
                    results += _attempt(builtin.call_method, one, "format", [*chosen], filled)
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


def _known_parts(value: Value) -> list[str]:
    parts = [
        "/".join(known(item).texts()) if isinstance(item, Ref) else str(item)
        for item in value.alternatives
        if isinstance(item, (str, int, float, Ref))
    ]
    return [part for part in parts if part]


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
