"""The values of single settings: how each is written, read, and corrected.

A reader takes what is configured and a `Report`, to which it tells every problem that it finds, and
returns the value of the setting, which does not count where there was a problem.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from flask import Request
from werkzeug.utils import import_string

from ..browser.fetch import FORBIDDEN_METHODS, TOKEN, is_forbidden_header
from ..origins.grammar import EXAMPLE, OriginPattern, ends_with_dot, parse_pattern
from ..origins.sets import OriginSet

#: ``(origin) -> bool``: decides about an origin at each request.
OriginCallable = Callable[[str], bool]
#: ``(request) -> bool``: decides about a handshake (Socket.IO's ``allowRequest``).
AllowRequest = Callable[[Request], bool]


class EveryOrigin(Enum):
    """The two ways to let every origin in; neither goes with credentials."""

    WILDCARD = "*"  #: answered ``Access-Control-Allow-Origin: *``
    REFLECTED = True  #: answered with the request's own origin


Report = Callable[[object, str, str], None]
"""Takes ``(value, reason, correction)`` of a problem with the setting that is being read."""


class Listed(NamedTuple):
    """The entries of ``SIO_CORS_ORIGINS``, compiled and as they are written.

    What they were parsed into is not kept: a million tuples keep the garbage collector busy.
    """

    origins: OriginSet
    texts: list[str]
    regexes: list[re.Pattern[str]]


NOTHING_LISTED: Final = Listed(OriginSet(), [], [])


_TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "n", "f"})
# What people mean by other words. Everything else is corrected to False, which opens nothing.
_MEANT: Final = {"enabled": True, "include": True, "allow": True, "disabled": False, "omit": False}


def _spelled_bool(value: object) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def read_bool(value: Any, report: Report) -> bool:
    answer = _spelled_bool(value)
    if answer is None:
        word = value.strip().lower() if isinstance(value, str) else ""
        meant = difflib.get_close_matches(word, (*_TRUE, *_FALSE, *_MEANT), 1)
        is_true = bool(meant) and _MEANT.get(meant[0], meant[0] in _TRUE)
        report(value, "is neither true nor false", repr(is_true))
    return bool(answer)


def _read_integer(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_max_age(value: Any, report: Report) -> int | None:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    age = _read_integer(seconds)
    if age is None:
        report(value, "is not a whole number of seconds", str(_guess_seconds(value)))
    elif age < 0:
        report(value, "is negative; 0 keeps browsers from caching preflights", "0")
    elif age > 86400:
        report(value, "is more than a day, where every browser stops counting", "86400")
    return age


_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _guess_seconds(value: Any) -> int:
    """Guess what "10 min", 599.5 or a timedelta with a fraction means, within what is permitted."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and math.isfinite(value):
        return int(min(max(value, 0), 86400))
    duration = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)[a-z]*", str(value).strip().lower())
    return min(int(duration[1]) * _UNITS[duration[2]], 86400) if duration else 600


def read_status(value: Any, report: Report) -> int:
    status = _read_integer(value)
    if status is None:
        report(value, "is not the number of an HTTP status", "204")
        return 204
    if not 200 <= status <= 299:
        reason = (
            'is not from 200 to 299, so browsers would report a preflight that "did not succeed"'
        )
        report(value, reason, "204")
    return status


def read_timeout(value: Any, report: Report) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        seconds = float(seconds) if not isinstance(seconds, bool) else math.nan
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds <= 60:
        report(value, "is not a number of seconds above 0 and up to 60", "1")
    return float(seconds)


def _kind(value: object) -> str:
    if isinstance(value, bytes):
        return "bytes"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


# A comma between items; one in brackets, as in "[a-z]{2,3}", belongs to a regular expression.
_COMMA: Final = re.compile(r",(?![^\[({]{0,99}[\])}])")


def _items(value: Any, report: Report, what: str, correction: str) -> list[Any]:
    """Read a list that may be written as one item or, from the environment, with commas."""
    if isinstance(value, str):
        listed = _list_in_text(value)
        if listed is not None:
            report(value, "is the source of a list in quotes", repr(listed))
            return listed
        return [item.strip() for item in _COMMA.split(value) if item.strip()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    report(value, f"is {_kind(value)}, where a list of {what} is needed", correction)
    return []


def _list_in_text(text: str) -> list[Any] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in what is no Python, after all
            listed = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return list(listed) if isinstance(listed, (list, tuple)) else None


def _tokens(value: Any, report: Report, what: str, correction: str) -> list[str]:
    tokens = []
    for item in _items(value, report, what, f"[{correction}]"):
        if not isinstance(item, str):
            report(item, f"is {_kind(item)}, where one of the {what} is needed", correction)
        elif not TOKEN.fullmatch(item.strip()):
            report(item, *_correct_token(item, what, correction))
        else:
            tokens.append(item.strip())
    return tokens


def _correct_token(item: str, what: str, correction: str) -> tuple[str, str]:
    """Return why a text is no method or header name, and what to write instead."""
    pieces = [piece for piece in re.split(r"[\s,;|]+", item) if piece]
    if len(pieces) > 1 and all(map(_is_whole_name, pieces)):
        reason = f"holds several {what} in one text, where each needs a text of its own"
        return reason, ", ".join(map(repr, pieces))
    if not pieces:
        return f"is empty, and none of the {what} is", correction
    name, colon, _ = item.partition(":")
    mended = "-".join(TOKEN.findall(name))
    if colon and mended:
        return "is a header with its value, where only its name belongs", repr(mended)
    odd = " ".join(ascii(c) for c in sorted({c for c in item.strip() if not TOKEN.match(c)})[:5])
    reason = f"has characters that no such name has: {odd} (RFC 9110, section 5.6.2)"
    return reason, repr(mended) if mended else correction


def _is_whole_name(text: str) -> bool:
    is_known = text.upper() in _STANDARD_METHODS or text.lower() in _HEADERS_WITHOUT_HYPHEN
    return bool(TOKEN.fullmatch(text)) and (is_known or "-" in text)


_HEADERS_WITHOUT_HYPHEN: Final = frozenset("accept authorization etag location range date".split())
_STANDARD_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"}
)


def read_methods(value: Any, report: Report) -> tuple[str, ...]:
    methods = _tokens(value, report, "methods", "'GET', 'POST'")
    for method in methods:
        upper = method.upper()
        if upper in FORBIDDEN_METHODS:
            report(method, "is a method that browsers forbid (Fetch standard, 2.2.1)", "'POST'")
        elif method == "*":
            report(method, "is no method; Engine.IO has only GET and POST", "'GET', 'POST'")
        elif upper in _STANDARD_METHODS and method != upper:
            report(method, "is not in upper case, and methods are case-sensitive", repr(upper))
    if not (value.strip(" ,") if isinstance(value, str) else value):
        report(value, "names no method; Engine.IO needs GET and POST", "['GET', 'POST']")
    return tuple(dict.fromkeys(methods))


def read_allow_headers(value: Any, report: Report) -> tuple[str, ...]:
    names = _tokens(value, report, "header names", "'X-Requested-With'")
    for name in names:
        lower = name.lower()
        if is_forbidden_header(name):
            reason = "is a header that only the browser sets, so no page can send it (Fetch, 2.2.2)"
            report(name, reason, "'X-Requested-With'")
        elif len(name) > 1 and set(name) & set("*+^$|"):
            reason = "looks like a regular expression, but browsers compare header names whole"
            report(name, reason, '"X-Requested-With"')
        elif lower.startswith("access-control-"):
            reason = "is a header that a server sends, and this list is of those a page sends"
            report(name, reason, "'X-Requested-With'")
    return tuple(dict.fromkeys(names))


def read_expose_headers(value: Any, report: Report) -> tuple[str, ...]:
    names = _tokens(value, report, "header names", "'X-Request-Id'")
    for name in names:
        if name.lower() in ("set-cookie", "set-cookie2"):
            # Fetch standard, section 2.2.2, "forbidden response-header name".
            report(name, "is hidden from every page (Fetch standard, 2.2.2)", "'X-Request-Id'")
    if len(names) > 1 and "*" in names:
        report(value, "names every header and then single ones", "'*'")
    return tuple(dict.fromkeys(names))


#: Keeps everybody out until the function that was meant is there.
_REFUSE_ALL: Final = "lambda request: False"


def read_allow_request(value: Any, report: Report) -> AllowRequest | None:
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
    is_fit = _is_asked_with_one(function, value, "request", _REFUSE_ALL, report)
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


def _is_asked_with_one(
    function: Any, value: Any, argument: str, correction: str, report: Report
) -> bool:
    """Tell whether a configured function can be called as ``function(argument)`` -> bool."""
    reason = _why_not_asked_with_one(function, argument)
    if reason:
        report(value, reason, correction)
    return not reason


def _why_not_asked_with_one(function: Any, argument: str) -> str:
    if not callable(function):
        return f"is {_kind(function)}, where a function of one argument is needed"
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


def read_origins(value: Any, report: Report) -> Listed | EveryOrigin | OriginCallable:
    spelled = _spelled_bool(value)
    if spelled is not None:
        return EveryOrigin.REFLECTED if spelled else NOTHING_LISTED
    if isinstance(value, str) and value.strip() == "*":
        return EveryOrigin.WILDCARD
    if callable(value):
        _is_asked_with_one(value, value, "origin", "None", report)
        return value  # type: ignore[no-any-return]
    if isinstance(value, re.Pattern):
        value = [value]
    items = _items(value, report, "origins", f"[{EXAMPLE}]")
    texts: list[str] = []
    dotted: list[str] = []
    others: list[Any] = []

    def patterns() -> Iterable[OriginPattern]:
        for item in items:
            pattern = parse_pattern(item) if isinstance(item, str) else None
            if pattern is not None:
                texts.append(item)
                if item[-1] == "." and ends_with_dot(pattern):
                    dotted.append(item)
                yield pattern
            elif not _is_regex(item):
                others.append(item)

    regexes = [item for item in items if _is_regex(item)]
    listed = Listed(OriginSet(patterns(), regexes), texts, regexes)
    _report_slow(regexes, report)
    if any(map(_stands_alone, others)):
        _report_company(value, items, report)
    for item in others:
        if not _stands_alone(item):
            _report_origin(item, report)
    _report_dotted(dotted, texts, report)
    return listed


def _report_dotted(dotted: list[str], texts: list[str], report: Report) -> None:
    """Report hosts with a dot at their end, unless it is meant: the same without it is listed too.

    Browsers do send the dot, for a page that was opened with it; it is hardly ever the only one.
    """
    known = set(texts) if dotted else frozenset()
    for text in dotted:
        if text.removesuffix(".") not in known:
            _report_origin(text, report)


def _is_regex(item: Any) -> bool:
    return isinstance(item, re.Pattern) and isinstance(item.pattern, str)


def _report_slow(regexes: Iterable[re.Pattern[str]], report: Report) -> None:
    for regex in regexes:
        from ..origins.backtracking import slow_origin  # which only regular expressions need

        origin = slow_origin(regex)
        if origin is not None:
            reason = (
                f"takes so long with {origin!r}, and ever longer with more letters, that one "
                "request stops the server; do not repeat what contains a repetition"
            )
            report(regex, reason, "'https://*.example.com'")


def _stands_alone(item: Any) -> bool:
    is_star = isinstance(item, str) and item.strip() == "*"
    return is_star or isinstance(item, bool) or callable(item)


def _report_company(value: Any, items: list[Any], report: Report) -> None:
    """Report a list that holds what decides about every origin: ``*``, a bool, a function."""
    others = [item for item in items if not _stands_alone(item)]
    single = next(item for item in items if _stands_alone(item))
    if isinstance(single, str):
        single = single.strip()
    shown = "a function" if callable(single) else repr(single)
    reason = f"is a list with {shown}, which decides about every origin and so stands alone"
    report(value, reason, repr(others) if others or callable(single) else repr(single))


def _report_origin(item: Any, report: Report) -> None:
    if isinstance(item, str):
        from ..origins.spelling import correct  # which only a mistake needs

        report(item, *correct(item))
    elif isinstance(item, re.Pattern):
        pattern = item.pattern.decode("latin-1")
        report(item, "matches bytes, and an origin is text", f"re.compile({pattern!r})")
    elif isinstance(item, bytes):
        report(item, "is bytes, and an origin is text", repr(item.decode("latin-1")))
    elif item is None:
        report(item, "is None, which is what an unset variable gives", EXAMPLE)
    elif isinstance(item, (list, tuple, set, frozenset)) and item:
        reason = f"is {_kind(item)} within the list, where its items belong into the list itself"
        report(item, reason, ", ".join(map(repr, item)))
    else:
        report(item, f"is {_kind(item)}, where an origin is needed", EXAMPLE)
