"""How a function of the application is to be written, so that it can be asked."""

from __future__ import annotations

import ast
import inspect
from typing import Any, Final, NamedTuple

from .sources import Source

_PLAIN: Final = inspect.Parameter.POSITIONAL_OR_KEYWORD
_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, _PLAIN)
_MANY: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Rewritten(NamedTuple):
    """What to write about a function that cannot be asked as it is.

    :param source: a lambda, or the first line of the function.
    :param place: where that line stands; ``""`` for a lambda, which takes the other's place.
    """

    source: Source
    place: str


def rewritten(function: Any, wanted: tuple[str, ...]) -> Rewritten | None:
    """Return how a function has to begin to be called with these; ``None`` where nothing tells.

    Its parameters keep their names, on which its body hangs.

    :param wanted: the names of what it is called with; those behind the first only where it has
        another parameter for them.
    """
    method: Any = function if inspect.isroutine(function) else type(function).__call__
    code = getattr(inspect.unwrap(method), "__code__", None)
    if code is None or isinstance(function, type):
        return None
    signature = _signature(function, wanted)
    if method.__name__ == "<lambda>":
        body = _body_of_lambda(method)
        return Rewritten(Source(f"lambda {signature[1:-1]}: {body}"), "") if body else None
    if inspect.ismethod(function) or method is not function:
        signature = f"(self, {signature[1:]}"
    line = f"def {method.__name__}{signature}:{_about_its_body(method)}"
    return Rewritten(Source(line), f"in {code.co_filename}, line {code.co_firstlineno}")


def _signature(function: Any, wanted: tuple[str, ...]) -> str:
    present = [
        one.replace(annotation=one.empty, kind=_PLAIN if one.kind in _BY_PLACE else one.kind)
        for one in inspect.signature(function).parameters.values()
    ]
    named = {one.name: one for one in present}
    # What stands at a place is what comes there, whatever it is called.
    unnamed = [one for one in present if one.kind is _PLAIN and one.name not in wanted]
    unnamed += [inspect.Parameter(wanted[0], _PLAIN)] if not present else []
    leading = [named.get(name) or (unnamed.pop(0) if unnamed else None) for name in wanted]
    others = [
        one.replace(default=None) if one.default is one.empty and one.kind not in _MANY else one
        for one in present
        if one not in leading
    ]
    first = [one.replace(kind=_PLAIN, default=one.empty) for one in leading if one is not None]
    return str(inspect.Signature(sorted([*first, *others], key=lambda one: one.kind)))


def _about_its_body(function: Any) -> str:
    if inspect.iscoroutinefunction(function):
        return "  # without await in it"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "  # with return in the place of yield"
    return ""


def _body_of_lambda(function: Any) -> str:
    """Return the source of what a lambda answers; ``""`` where it cannot be told from others."""
    try:
        lines, _ = inspect.findsource(function)
        tree = ast.parse("".join(lines))
    except (OSError, TypeError, SyntaxError):
        return ""
    line = function.__code__.co_firstlineno
    found = [one for one in ast.walk(tree) if isinstance(one, ast.Lambda) and one.lineno == line]
    return ast.unparse(found[0].body) if len(found) == 1 else ""
