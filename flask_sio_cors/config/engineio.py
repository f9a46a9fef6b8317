"""What ``SocketIO`` was told about origins, said by settings: as Engine.IO takes it, no wider."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from ..origins.grammar import OPAQUE_ORIGINS
from .keys import PREFIX
from .options import Options
from .origins import entries_of
from .problems import ConfigError, Problem
from .scope import Named, Scope
from .sources import as_source
from .values import kind_of

_ORIGINS: Final = f"{PREFIX}ORIGINS"
_CREDENTIALS: Final = f"{PREFIX}SUPPORTS_CREDENTIALS"
_INSECURE: Final = f"{PREFIX}TOLERATE_INSECURE_ORIGINS"

#: How many of the corrected entries are told one by one.
_TOLD: Final = 5


class Equivalent(NamedTuple):
    """Settings that say the same.

    :param settings: each key, and its value as Python source; ``None`` where no settings do.
    :param remarks: what is to be known of it, in clauses.
    :param imports: the statements that the values need before them.
    """

    settings: Mapping[str, str] | None
    remarks: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def equivalent(given: Any, has_credentials: bool, scope: Scope) -> Equivalent:
    """Return the settings that let in whom Engine.IO lets in.

    :param given: ``cors_allowed_origins``; ``None`` where it was not given.
    :param has_credentials: ``cors_credentials``.
    :param scope: the place where they are written.
    """
    credentials = {_CREDENTIALS: repr(has_credentials)}
    if given is None:
        return Equivalent(credentials)
    if isinstance(given, list) and not given:
        return Equivalent(None, (_DISABLED,))
    if isinstance(given, Iterator):
        same = equivalent(tuple(given), has_credentials, scope)
        return same._replace(remarks=(_READ_ONCE, *same.remarks))
    if callable(given) and not isinstance(given, str):
        return _function(given, has_credentials, scope)
    if given == "*" or (_is_listed(given) and "*" in given):
        if has_credentials:
            return Equivalent(None, (_EVERYBODY,))
        return Equivalent({_ORIGINS: as_source("*"), **credentials})
    if isinstance(given, (re.Pattern, bytes)):
        given = [given]
    if not isinstance(given, str) and not _is_listed(given):
        failing = f"With {kind_of(given)} there, Engine.IO fails at each request"
        return Equivalent({_ORIGINS: "[]", **credentials}, (failing,))
    return _list(given, has_credentials)


def union(found: Iterable[Equivalent]) -> Equivalent:
    """Return what stands for all servers of an application, which have one policy."""
    different = list(dict.fromkeys(map(_hashable, found)))
    if len(different) == 1:
        settings, remarks, imports = different[0]
        return Equivalent(None if settings is None else dict(settings), remarks, imports)
    remarks = tuple(dict.fromkeys(remark for _, said, _ in different for remark in said))
    return Equivalent(None, (*remarks, _DIFFERENT)) if different else Equivalent({})


def _hashable(same: Equivalent) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    settings = None if same.settings is None else tuple(same.settings.items())
    return settings, same.remarks, same.imports


def _is_listed(given: object) -> bool:
    return isinstance(given, Collection) and not isinstance(given, (str, bytes, bytearray))


_DISABLED: Final = (
    "With [], Engine.IO lets every page in, with its visitor's cookies; no setting says the same"
)
_EVERYBODY: Final = (
    "With '*' and credentials, which are Engine.IO's default, every page acts in its visitor's "
    "name; no setting says the same"
)
_READ_ONCE: Final = (
    "Engine.IO has read that to its end before it looks for an origin in it, so that nobody got in"
)
_PATTERNS: Final = "Engine.IO knows no patterns, so that nobody got in by one"
_OPAQUE: Final = "No such origin may be listed with credentials, so that cookies stay outside"
_DIFFERENT: Final = (
    "Several servers were told different things, and one policy guards them all, so that no "
    "setting says the same"
)


# --- A list ------------------------------------------------------------------------------------


def _list(given: Any, has_credentials: bool) -> Equivalent:
    if isinstance(given, (set, frozenset)):
        given = sorted(given, key=str)
    items = entries_of(given if isinstance(given, str) else list(given))
    kept: list[Any] = []
    remarks: list[str] = []
    is_insecure = False
    for item in items:
        for origin in _spelled(item, remarks):
            allowed = _allowed(origin, has_credentials, remarks)
            if allowed is not None:
                kept.append(origin)
                is_insecure |= allowed
    if has_credentials and items and all(str(item) in OPAQUE_ORIGINS for item in items):
        without = _list(given, False)
        return without._replace(remarks=(*without.remarks, _OPAQUE))
    if isinstance(given, str) and len(items) > 1:
        remarks.insert(0, "Engine.IO took that text for a single origin")
    if any(isinstance(one, re.Pattern) or "*" in str(one) for one in kept):
        remarks.insert(0, _PATTERNS)
    settings = {_ORIGINS: as_source(list(dict.fromkeys(kept))), _CREDENTIALS: repr(has_credentials)}
    if is_insecure:
        settings[_INSECURE] = "True"
    more = len(remarks) - _TOLD
    told = (*remarks[:_TOLD], f"And {more} more of that kind") if more > 1 else tuple(remarks)
    imports = ("import re",) if any(isinstance(one, re.Pattern) for one in kept) else ()
    return Equivalent(settings, told, imports)


def _spelled(item: Any, remarks: list[str]) -> list[Any]:
    """Return what stands for an entry: itself, or its corrections where it never matched."""
    problems = _problems({_ORIGINS: [item]})
    if not problems:
        return [item]
    shown = ascii(item)[:120]
    corrections = [] if problems[0].is_example else _evaluated(problems[0].correction)
    corrections = [one for one in corrections if not _problems({_ORIGINS: [one]})]
    told = f"{shown} never matched, as it {problems[0].reason}"
    remarks.append(told if corrections else f"{told}; it is left out")
    return corrections


def _evaluated(correction: str) -> list[Any]:
    try:
        return list(ast.literal_eval(f"[{correction}]"))
    except (SyntaxError, ValueError):  # an expression, or words
        return []


def _allowed(origin: Any, has_credentials: bool, remarks: list[str]) -> bool | None:
    """Tell whether an origin needs to be tolerated as insecure; ``None`` where nothing helps."""
    settings = {_ORIGINS: [origin], _CREDENTIALS: has_credentials}
    problems = _problems(settings)
    if not problems:
        return False
    if not _problems({**settings, _INSECURE: True}):
        return True
    remarks.append(f"{ascii(origin)[:120]} is left out: it {problems[0].reason}")
    return None


def _problems(settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    try:
        Options.from_config(settings)
    except ConfigError as error:
        return error.problems
    return ()


# --- A function --------------------------------------------------------------------------------


def _function(function: Any, has_credentials: bool, scope: Scope) -> Equivalent:
    problems = _problems({_ORIGINS: function})
    if problems:
        return Equivalent(None, (f"The function {problems[0].reason}; no setting says the same",))
    settings = {_CREDENTIALS: repr(has_credentials)}
    if has_credentials:
        settings[_INSECURE] = "True"
    told = (_MAY_BE_INSECURE,) if has_credentials else ()
    named = scope.function(function)
    if named is None:
        move = f"Move the function that stands there to the right of {_ORIGINS} ="
        return Equivalent(settings, (move, _TRUTH, *told))
    return Equivalent({_ORIGINS: _answering(function, named), **settings}, told, named.imports)


_TRUTH: Final = "The function has to return True or False, where Engine.IO takes anything for one"
_MAY_BE_INSECURE: Final = (
    f"Where the function lets in nobody who comes by http:, leave {_INSECURE} out"
)


def _answering(function: Any, named: Named) -> str:
    """Return a function that answers True or False, as Engine.IO takes anything for one."""
    takes_environ = _takes_environ(function)
    [read] = Options.from_config({_ORIGINS: function}).functions
    is_asked_alike = read.needs_environ is takes_environ
    if is_asked_alike and (named.is_truth or _is_said_to_answer(function)):
        return named.source
    called = f"({named.source})" if named.is_truth else named.source
    if not (takes_environ or read.needs_environ):
        return f"lambda origin: bool({called}(origin))"
    # By its name alone where it takes it by no other; there, Engine.IO fails.
    name = "" if takes_environ else "environ="
    return f"lambda origin, environ: bool({called}(origin, {name}environ))"


def _takes_environ(function: Any) -> bool:
    """Tell whether Engine.IO gives it the environ, too, which it tries first.

    To what the standard library has, such as ``re.compile(…).fullmatch``, it is a ``TypeError``.
    """
    made = function.func if isinstance(function, partial) else function
    module = getattr(made, "__module__", None) or "builtins"
    if module.partition(".")[0] in sys.stdlib_module_names:
        return False
    try:
        inspect.signature(function).bind("origin", {})
    except (TypeError, ValueError):
        return False
    return True


def _is_said_to_answer(function: Any) -> bool:
    try:
        return inspect.signature(function).return_annotation in (bool, "bool")
    except (TypeError, ValueError):
        return False
