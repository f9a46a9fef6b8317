"""Functions of the application that are configured: imported, and checked before they are asked."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any, Final

from flask import Request
from werkzeug.utils import import_string

from .values import Report, kind_of

#: ``(request) -> bool``: decides about a handshake (Socket.IO's ``allowRequest``).
AllowRequest = Callable[[Request], bool]

#: Keeps everybody out until the function that was meant is there.
_REFUSE_ALL: Final = "lambda request: False"


def read_allow_request(value: Any, report: Report) -> AllowRequest | None:
    """Read a function of the request, or its name; ``None`` where it was no such thing.

    Socket.IO's ``allowRequest``.
    """
    function = value
    if isinstance(value, str):
        try:
            function = import_string(value.strip())
        except ImportError as error:
            cause = getattr(error, "exception", error)  # import_string's own words tell too much
            reason = f'cannot be imported ({cause}); it is spelled "module:name"'
            report(value, reason, _nearest_import(value.strip()) or _REFUSE_ALL)
            return None
        except Exception as error:  # noqa: BLE001 - the application's own module may raise anything
            report(value, f"raised {error!r} while it was imported", _REFUSE_ALL)
            return None
    is_fit = is_asked_with_one(function, value, "request", _REFUSE_ALL, report)
    return function if is_fit else None


def _nearest_import(path: str) -> str | None:
    """Find the function that `module:nmae` misspells; Python source."""
    module_name, _, name = path.replace(":", ".").rpartition(".")
    try:
        module = import_string(module_name)
    except Exception:  # noqa: BLE001 - the application's own module may raise anything
        return None
    fit = inspect.getmembers(module, lambda member: not _why_not_asked_with_one(member, "request"))
    nearest = difflib.get_close_matches(name, [known for known, _ in fit], 1)
    return repr(f"{module_name}:{nearest[0]}") if nearest else None


def is_asked_with_one(
    function: Any, value: Any, argument: str, correction: str, report: Report
) -> bool:
    """Tell whether a configured function can be called as ``function(argument)`` -> bool."""
    reason = _why_not_asked_with_one(function, argument)
    if reason:
        report(value, reason, correction)
    return not reason


def _why_not_asked_with_one(function: Any, argument: str) -> str:
    if not callable(function):
        return f"is {kind_of(function)}, where a function of one argument is needed"
    if isinstance(function, type):
        return "is a class, and calling it makes an object, which is neither True nor False"
    for called in (function, type(function).__call__):
        if inspect.iscoroutinefunction(called):
            return "is asynchronous, and nobody would await its answer"
        if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
            return "is a generator, so that calling it answers neither True nor False"
    try:
        inspect.signature(function).bind(object())
    except TypeError as error:
        return f"cannot be called with the {argument} alone ({error})"
    except ValueError:
        pass  # built-in functions do not always tell
    return ""
