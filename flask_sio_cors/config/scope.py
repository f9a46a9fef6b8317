"""How a value is called where the application calls this package: source that works there."""

from __future__ import annotations

import ast
import inspect
import keyword
import linecache
import re
import sys
from collections.abc import Mapping
from functools import partial
from types import CodeType, FunctionType, ModuleType, NoneType
from typing import Any, Final, NamedTuple

from .sources import as_source

_OURS: Final = frozenset({__name__.partition(".")[0], "flask_socketio"})


class Named(NamedTuple):
    """A value as Python source.

    :param source: an expression.
    :param imports: the statements that it needs before it.
    :param is_truth: of a function: whether it is seen to answer True or False.
    """

    source: str
    imports: tuple[str, ...] = ()
    is_truth: bool = False


class Scope:
    """The names of one place in the application.

    :param names: the local ones, and then those of its module.
    """

    def __init__(self, *names: Mapping[str, Any]) -> None:
        self._names = names

    def name_of(self, value: object) -> str | None:
        """Return the name that a value has here, ``self.name`` too; ``None`` for none."""
        name = next(filter(None, (_name_in(names, value) for names in self._names)), None)
        if name is None and (own := _name_in(_attributes(self._value("self")), value)):
            return f"self.{own}"
        return name

    def function(self, function: Any) -> Named | None:
        """Return a function as it can be written here; ``None`` where nothing names it."""
        if name := self.name_of(function):
            return Named(name)
        if isinstance(function, FunctionType) and function.__name__ == "<lambda>":
            source = _lambda_source(function.__code__) if self._resolves(function) else None
            return None if source is None else Named(source, is_truth=True)
        if isinstance(function, partial):
            return self._partial(function)
        if isinstance(function, re.Pattern):  # whose method decides
            return Named(as_source(function), ("import re",))
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        if module is not None and (name := _name_in(vars(module), function)):
            return Named(name, (f"from {module.__name__} import {name}",))
        owner = getattr(function, "__self__", None) or _class_of(function, module)
        if owner is None or isinstance(owner, ModuleType):
            return None
        named = self.function(owner)
        return named and Named(f"{named.source}.{function.__name__}", named.imports)

    def _partial(self, function: partial[Any]) -> Named | None:
        called = self.function(function.func)
        prefixes = [*[""] * len(function.args), *(f"{name}=" for name in function.keywords)]
        values = map(self._value_source, (*function.args, *function.keywords.values()))
        given = [prefix + value for prefix, value in zip(prefixes, values, strict=True) if value]
        if called is None or len(given) < len(prefixes):
            return None
        arguments = ", ".join([called.source, *given])
        return Named(f"functools.partial({arguments})", ("import functools", *called.imports))

    def _value_source(self, value: object) -> str | None:
        """Return a value as it can be written here: plain, or by its name; ``None`` for neither."""
        is_changing = not isinstance(value, (str, int, float, tuple, NoneType))
        if is_changing and (name := self.name_of(value)):
            return name
        try:
            return repr(value) if ast.literal_eval(repr(value)) == value else None
        except (SyntaxError, ValueError):
            return None

    def _resolves(self, function: FunctionType) -> bool:
        """Tell whether the names in a function mean here what they mean to it."""
        code = function.__code__
        closure = zip(code.co_freevars, function.__closure__ or (), strict=True)
        try:
            meant = {name: cell.cell_contents for name, cell in closure}
        except ValueError:  # which is defined below
            return False
        meant |= {n: function.__globals__[n] for n in code.co_names if n in function.__globals__}
        return all(self._value(name) is value for name, value in meant.items())

    def _value(self, name: str) -> object:
        return next((names[name] for names in self._names if name in names), None)


def caller() -> Scope:
    """Return the place in the application that has called this package."""
    frame = inspect.currentframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _OURS:
            return Scope(frame.f_locals, frame.f_globals)
        frame = frame.f_back
    return Scope()


def _class_of(function: object, module: ModuleType | None) -> object:
    """Return the class that has a function as a static method; ``None`` for none."""
    *path, name = str(getattr(function, "__qualname__", "")).split(".")
    owner: object = module
    for one in path:
        owner = getattr(owner, one, None)
    return owner if path and getattr(owner, name, None) is function else None


def _attributes(value: object) -> Mapping[str, Any]:
    return getattr(value, "__dict__", None) or {}


def _name_in(names: Mapping[str, Any], value: object) -> str | None:
    return next(
        (
            name
            for name, held in list(names.items())
            if held is value and name.isidentifier() and not keyword.iskeyword(name)
        ),
        None,
    )


def _lambda_source(code: CodeType) -> str | None:
    """Return the source of a lambda on one line, made to answer True or False.

    ``None`` where its file cannot be read.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return None
    begun = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    found = {ast.unparse(_truthful(node)) for node in begun if _is_like(node, code)}
    return found.pop() if len(found) == 1 else None


def _truthful(node: ast.Lambda) -> ast.Lambda:
    is_truth = isinstance(node.body, ast.Compare) or (
        isinstance(node.body, ast.UnaryOp) and isinstance(node.body.op, ast.Not)
    )
    if not is_truth:
        node.body = ast.Call(ast.Name("bool"), [node.body], [])
    return node


def _is_like(node: ast.Lambda, code: CodeType) -> bool:
    """Tell whether a lambda may be compiled to this code, which may stand in another function."""
    compiled = compile(ast.Expression(node), "", "eval").co_consts
    own = next(constant for constant in compiled if isinstance(constant, CodeType))
    return _marks(own) == _marks(code)


def _marks(code: CodeType) -> tuple[object, ...]:
    names = {*code.co_names, *code.co_freevars}
    constants = [one for one in code.co_consts if not isinstance(one, CodeType)]
    return code.co_varnames, constants, names
