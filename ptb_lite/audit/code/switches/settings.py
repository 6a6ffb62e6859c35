"""What a program's switches are in every start of it that was seen.

`USE_TEST = os.environ.get("USE_TEST") == "1"`, `args.include_test`, `sys.argv[1]`,
`config["data"]["include_test"]`, `Config.include_test`: evaluated for each start and each state of
the configuration files, and known where all agree. What takes a start is not known without one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ptb_lite.audit.code.switches.bindings import (
    bindings,
    bound_once,
    functions_once,
    imported,
)
from ptb_lite.audit.code.switches.changes import changes_of
from ptb_lite.audit.code.switches.classes import Classes
from ptb_lite.audit.code.switches.config_files import ConfigFiles
from ptb_lite.audit.code.switches.config_reads import files_of_readers, hydra_files
from ptb_lite.audit.code.switches.evaluate import Evaluator, Local
from ptb_lite.audit.code.switches.options import Options, given_or
from ptb_lite.audit.code.switches.start import Start, Unknown
from ptb_lite.audit.code.syntax import UnreadableCodeError, parse

_MAX_WITHIN = 3
_UNSEEN = Start((), {}, seen=False)
_PLAIN = (str, int, float, bool, type(None))
_ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, AttributeError)
_NO = ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class _Made:
    """An object of a class of the program's own, by the call that makes it; the class itself
    without one."""

    settings: Settings
    owner: str
    call: ast.Call | None = None


@dataclass(frozen=True)
class _Module:
    settings: Settings


class Settings(Evaluator):
    """Of one program: what is bound once, at its top, and what that is in all `starts`.
    What may be `rebound` from outside is never known. `versions` are the texts that each
    configuration file had, `modules` the sources of those beside the program."""

    def __init__(
        self,
        tree: ast.Module,
        starts: Sequence[Start],
        rebound: frozenset[str] = frozenset(),
        versions: Mapping[str, tuple[str, ...]] | None = None,
        modules: Mapping[str, str] | None = None,
        *,
        within: int = 0,
    ) -> None:
        nodes = list(ast.walk(tree))
        bound = bindings(nodes)
        once = bound_once(tree, nodes, bound)
        self.names = {n: value for n, value in once.items() if n not in rebound}
        self.functions = functions_once(tree, bound)
        self.readers, self.hydra = files_of_readers(nodes), hydra_files(nodes, bound)
        self.files, self.options = ConfigFiles(versions or {}), Options(nodes, bound)
        self.changes = changes_of(nodes)
        self._classes = Classes(nodes, bound)
        self._imported = {n: v for n, v in imported(nodes).items() if bound[n] == 1}
        self._open = "*" in bound
        self._rebound, self._within = rebound, within
        self._versions, self._modules = versions, modules or {}
        self._inner: dict[str, Settings | None] = {}
        self._given = starts
        self._starts = [
            replace(start, version=state)
            for start in starts or (_UNSEEN,)
            for state in range(self.files.states())
        ]

    def bound(self, name: str) -> ast.expr | None:
        """What a name is bound to, if it is once."""
        return self.names.get(name)

    def constant(self, name: str) -> tuple[Any, ...]:
        """What a name always is; empty: not known."""
        match self.names.get(name):
            case None:
                return ()
            case ast.Constant(value):
                return (value,)
            case expression:
                return self.of(expression)

    def of(self, expression: ast.expr, local: Local | None = None) -> tuple[Any, ...]:
        """The one constant that it is in every start, with the names of `local`; empty: not known,
        or not the same."""
        try:
            found = [self.value(expression, start, 0, local or {}) for start in self._starts]
        except (Unknown, *_ERRORS):
            return ()
        same = found and all(type(one) is type(found[0]) and one == found[0] for one in found)
        return (found[0],) if same and isinstance(found[0], _PLAIN) else ()

    def table(self, expression: ast.expr, local: Local) -> dict[Any, Any] | None:
        """The one configuration that it is in every start; None: not known, or none."""
        try:
            found = [self.value(expression, start, 0, local) for start in self._starts]
        except (Unknown, *_ERRORS):
            return None
        same = found and isinstance(found[0], dict) and all(one == found[0] for one in found)
        return found[0] if same else None

    def each(self, expression: ast.expr) -> tuple[Any, ...]:
        """What it is in any start; empty: not known of all."""
        try:
            found = [self.value(expression, start, 0, {}) for start in self._starts]
        except (Unknown, *_ERRORS):
            return ()
        return tuple(dict.fromkeys(one for one in found if isinstance(one, _PLAIN)))

    def other(self, name: str, start: Start, depth: int) -> Any:
        """Raises Unknown for a name that is neither a class nor imported from a known file."""
        if name in self._classes and not self._open:
            return _Made(self, name)
        module, inner = self._imported.get(name, ("", ""))
        if name in self._rebound or not module:
            raise Unknown
        settings = self._module(module if inner else name)
        if settings is None and inner:
            settings = self._module(inner)
            inner = ""
        if settings is None:
            raise Unknown
        if not inner:
            return _Module(settings)
        return settings.value(ast.Name(inner, ast.Load()), start, depth + 1, {})

    def _module(self, name: str) -> Settings | None:
        if name not in self._inner:
            self._inner[name] = None
            source = self._modules.get(name)
            if source is not None and self._within < _MAX_WITHIN:
                try:
                    tree = parse(source)
                except UnreadableCodeError:
                    return None
                around = (self._given, self._rebound, self._versions, self._modules)
                self._inner[name] = Settings(tree, *around, within=self._within + 1)
        return self._inner[name]

    def made(self, call: ast.Call, start: Start, depth: int, local: Local) -> Any:
        """Raises Unknown for what is no class."""
        match self.value(call.func, start, depth + 1, local):
            case _Made(settings, owner, None) if settings._classes.is_enum(owner):
                return self.value(call.args[0], start, depth + 1, local)
            case _Made(settings, owner, None):
                return _Made(settings, owner, call)
        raise Unknown

    def attribute(self, owner: ast.expr, name: str, start: Start, depth: int, local: Local) -> Any:
        """An attribute of what an expression is; where that is not known, of what alone has one of
        this name. Raises Unknown."""
        if name in self.changes.attributes or name in self._rebound or self._open:
            raise Unknown
        try:
            held = self.value(owner, start, depth + 1, local)
        except Unknown:
            return self._by_name(name, start, depth)
        match held:
            case Options():
                return self._option(name, start)
            case _Module(settings):
                return settings.value(ast.Name(name, ast.Load()), start, depth + 1, {})
            case _Made(settings, made_by, call):
                return settings.field(made_by, name, call, start, depth)
            case dict():
                return self._item(held, name, owner)
            case str() if name == "value":
                return held
        raise Unknown

    def _option(self, name: str, start: Start) -> Any:
        if {"argv", "set_defaults"} & self.changes.attributes:
            raise Unknown
        return self.options.value(name, start)

    def _by_name(self, name: str, start: Start, depth: int) -> Any:
        """`def main(args): if args.include_test`, where a parser alone gives such an attribute."""
        owner = self._classes.owner(name)
        if self.options.has(name):
            if owner is not None or self.options.parsers != 1 or self.changes.own[name]:
                raise Unknown
            return self._option(name, start)
        if owner is None:
            raise Unknown
        if owner in self._classes.handed:
            default = self.field(owner, name, None, start, depth)
            return given_or(default, name, start)
        calls: list[ast.Call | None] = [*self._classes.calls[owner]] or [None]
        found = [self.field(owner, name, call, start, depth) for call in calls]
        if any(one != found[0] for one in found):
            raise Unknown
        return found[0]

    def field(self, owner: str, name: str, call: ast.Call | None, start: Start, depth: int) -> Any:
        """What an object of a class has by a name; without a call, what the class has. Raises
        Unknown."""
        at_start = self._classes.set_at_start(owner, name)
        fields = self._classes.fields(owner)
        if self.changes.own[name] > (at_start is not None):
            raise Unknown

        def value(node: ast.expr) -> Any:
            return self.value(node, start, depth + 1, {})

        begin = self._classes.start(owner)
        if at_start is not None and begin is not None:
            if call is None:
                raise Unknown
            local = self.parameters(begin, call, value, start, depth, skip=1)
            return self.value(at_start, start, depth + 1, local)
        if name not in fields:
            raise Unknown
        given = {one.arg: one.value for one in call.keywords} if call else {}
        if call is not None and self._classes.is_record(owner):
            given |= dict(zip(fields, call.args, strict=False))
        if None in given or (call and any(isinstance(one, ast.Starred) for one in call.args)):
            raise Unknown
        if name in given:
            return value(given[name])
        default = fields[name]
        if default is None:
            raise Unknown
        if self._classes.reads_variables(owner):
            return self._variable_over(value(default), name, start)
        return value(default)

    @staticmethod
    def _variable_over(default: Any, name: str, start: Start) -> Any:
        for variable in start.variables if start.seen else ():
            if variable.lower().endswith(name.lower()):
                given = start.variable(variable)
                return given not in _NO if isinstance(default, bool) else given
        return default
