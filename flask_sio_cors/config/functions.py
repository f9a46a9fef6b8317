"""Functions of the application that are configured: imported, and checked before they are asked."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flask import Request
from werkzeug.utils import import_string

from ..origins.grammar import DEFAULT_PORTS, Example
from .corrections import Report
from .signatures import rewritten
from .sources import ExampleSource
from .values import kind_of

#: ``(request) -> bool``: decides about a handshake (Socket.IO's ``allowRequest``).
AllowRequest = Callable[[Request], bool]

#: ``(request) -> str | None``: the name of the policy for a request, or ``None`` for the default.
ChoosePolicy = Callable[[Request], "str | None"]

#: Keeps everybody out until the function that was meant is there.
_REFUSE_ALL: Final[Example] = ExampleSource("lambda request: False")
_REFUSE_ALL_ORIGINS: Final[Example] = ExampleSource("lambda origin: False")
#: The same as text: what every request or origin is answered, as neither is empty.
_REFUSE_ALL_BY_NAME: Final = Example("operator:not_")


class OriginFunction(NamedTuple):
    """A function that decides about origins.

    :param function: as it was configured.
    :param needs_environ: whether it is asked about a request, and not about an origin alone.
    :param ask: calls it: ``ask(origin)``, or ``ask(origin, environ)``.
    """

    function: Callable[..., object]
    needs_environ: bool
    ask: Callable[..., object]


# --- Of the request ----------------------------------------------------------------------------


def read_allow_request(value: Any, report: Report) -> AllowRequest | None:
    """Read a function of the request, or its name; ``None`` where it was no such thing.

    Socket.IO's ``allowRequest``.
    """
    function, correction = value, _REFUSE_ALL
    if isinstance(value, str):
        if not value.strip():
            return None
        correction = _REFUSE_ALL_BY_NAME
        imported = _import(value, _why_no_allow_request, correction, report)
        if imported is None:
            return None
        function = imported[0]
    reason = _why_no_allow_request(function)
    if reason:
        _report_unfit(value, function, ("request",), reason, correction, report)
        return None
    return function  # type: ignore[no-any-return]


def _why_no_allow_request(function: Any) -> str:
    return _why_unanswering(function) or _why_not_called("with the request alone", function, 1)


def why_no_chooser(function: Any) -> str:
    """Return why a function cannot choose a policy for a request; ``""`` where it can."""
    return _why_unanswering(function) or _why_not_called("with the request alone", function, 1)


# --- Of the origin -----------------------------------------------------------------------------


def read_origin_function(value: Any, report: Report) -> OriginFunction | None:
    """Read a function of the origin, or its name; ``None`` where it was no such thing.

    It takes ``(origin)``, or ``(origin, environ)`` where it needs a second argument, or has one
    that is called ``environ``. The npm package's ``origin``.
    """
    function, correction = value, _REFUSE_ALL_ORIGINS
    if isinstance(value, str):
        correction = _REFUSE_ALL_BY_NAME
        imported = _import(value, _why_no_origin_function, correction, report)
        if imported is None:
            return None
        function = imported[0]
    reason = _why_no_origin_function(function)
    if reason:
        _report_unfit(value, function, ("origin", "environ"), reason, correction, report)
        return None
    return _asked(function)


_NAME: Final = re.compile(r"([A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*:([A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*")
# What stands before a colon in half an origin, or in an address that is none.
_SCHEMES: Final = frozenset(
    {*DEFAULT_PORTS, *"ws wss file about data blob javascript localhost".split()}
)


def names_function(text: str) -> bool:
    """Tell whether a text is ``module:name``, and not ``host:PORT`` or half an origin."""
    match = _NAME.fullmatch(text)
    if match is None or match[1].lower() in _SCHEMES:
        return False
    return match[2].lower() not in ("port", "localhost")  # of a host, or of an app's scheme


def function_meant(text: str) -> str | None:
    """Return a function's name as it is to be written, where a text is ``module.name`` or a call.

    Hosts have dots, too: without a call, the module has to be the application's, or one that is
    used already.
    """
    match = _DOTTED.fullmatch(text.strip())
    if match is None:
        return None
    module, name, call = match.groups()
    path = f"{module}:{name}"
    if not call and not (module.partition(".")[0] in sys.modules and _is_there(module)):
        return None
    found = import_string(path, silent=True)
    if found is not None and not _why_no_origin_function(found):
        return path
    nearest = _nearest_import(path, _why_no_origin_function) if call else None
    return nearest or (_REFUSE_ALL_BY_NAME if call else None)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


_DOTTED: Final = re.compile(
    r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[.:]([A-Za-z_]\w*)(\(\s*(?:origin)?\s*\))?"
)


def _why_no_origin_function(function: Any) -> str:
    reason = _why_unanswering(function)
    if reason:
        return reason
    wanted = "with the origin, nor with the origin and the WSGI environ"
    place = _environ_of(function)
    if place == _SECOND:
        if next(iter(inspect.signature(function).parameters)) == "environ":
            return (
                "takes the environ first, where it is called with the origin and then the environ"
            )
        return _why_not_called(wanted, function, 2)
    return _why_not_called(wanted, function, 1, **({"environ": None} if place == _NAMED else {}))


def _asked(function: Callable[..., object]) -> OriginFunction:
    place = _environ_of(function)
    if place == _NAMED:
        return OriginFunction(
            function, True, lambda origin, environ: function(origin, environ=environ)
        )
    return OriginFunction(function, place == _SECOND, function)


_SECOND: Final = "second"
_NAMED: Final = "named"


def _environ_of(function: Any) -> str:
    """Return how a function takes the WSGI environ; ``""`` where it takes none.

    Many take something else that they do not need: ``re.compile(…).fullmatch``, ``dict.get``.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built-in functions do not always tell
        return ""
    if any(one.name == "environ" and one.kind in _BY_NAME for one in [*parameters][1:]):
        return _NAMED
    needed = [one for one in parameters if one.kind in _BY_PLACE and one.default is one.empty]
    return _SECOND if len(needed) > 1 else ""


_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME: Final = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


# --- Of either ---------------------------------------------------------------------------------


def _report_unfit(
    value: Any,
    function: Any,
    wanted: tuple[str, ...],
    reason: str,
    keep_out: Example,
    report: Report,
) -> None:
    """Report a function that cannot be asked, with how it is to be written.

    :param keep_out: what to write where nothing tells who was meant.
    """
    written = rewritten(function, wanted) if callable(function) else None
    if written is None or (isinstance(value, str) and not written.place):
        report(value, reason, (keep_out,))
    else:
        report(value, reason, (written.source,), place=written.place)


def _import(
    path: str, why_unfit: Callable[[Any], str], correction: Example, report: Report
) -> tuple[Any] | None:
    try:
        return (import_string(path.strip()),)
    except ImportError as error:
        cause = getattr(error, "exception", error)  # import_string's own words tell too much
        reason = f'cannot be imported ({cause}); a function is spelled "module:name"'
        report(path, reason, (_nearest_import(path.strip(), why_unfit) or correction,))
    except Exception as error:  # noqa: BLE001 - the application's own module may raise anything
        report(path, f"raised {error!r} while it was imported", (correction,))
    return None


def _nearest_import(path: str, why_unfit: Callable[[Any], str]) -> str | None:
    """Find the function that `module:nmae` misspells."""
    module_name, _, name = path.replace(":", ".").rpartition(".")
    try:
        module = import_string(module_name)
    except Exception:  # noqa: BLE001 - the application's own module may raise anything
        return None
    fit = inspect.getmembers(module, lambda member: not why_unfit(member))
    nearest = difflib.get_close_matches(name, [known for known, _ in fit], 1)
    return f"{module_name}:{nearest[0]}" if nearest else None


def _why_unanswering(function: Any) -> str:
    if not callable(function):
        return f"is {kind_of(function)}, where a function is needed that answers True or False"
    if isinstance(function, type):
        return "is a class, and calling it makes an object, which is neither True nor False"
    for called in (function, type(function).__call__):
        if inspect.iscoroutinefunction(called):
            return "is asynchronous, and nobody would await its answer"
        if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
            return "is a generator, so that calling it answers neither True nor False"
    return ""


def _why_not_called(wanted: str, function: Any, count: int, **named: object) -> str:
    try:
        inspect.signature(function).bind(*[None] * count, **named)
    except TypeError as error:
        return f"cannot be called {wanted} ({error})"
    except ValueError:
        pass  # built-in functions do not always tell
    return ""
