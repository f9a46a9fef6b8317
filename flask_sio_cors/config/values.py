"""The values of single settings: how each is written, read, and corrected.

A reader takes what is configured and a `Report`, to which it tells every problem that it finds, and
returns the value of the setting, which does not count where there was a problem.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from ..browser.names import FORBIDDEN_METHODS, TOKEN, is_forbidden_header
from ..origins.codes import Code, Said
from ..origins.grammar import Example
from ..origins.texts import entries, listed_in
from .corrections import Report

_TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "n", "f"})
# What people mean by other words. Everything else is corrected to False, which opens nothing.
_MEANT: Final = {
    "enabled": True,
    "include": True,
    "allow": True,
    "disabled": False,
    "omit": False,
    "none": False,
    "null": False,
    "never": False,
}


def spelled_bool(value: object) -> bool | None:
    """Return a truth value, however it is written; ``None`` for anything else."""
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def read_bool(value: Any, report: Report) -> bool:
    """Read a truth value; ``False`` where it was none."""
    answer = spelled_bool(value)
    if answer is None:
        word = _bare(value).lower() if isinstance(value, str) else ""
        meant = difflib.get_close_matches(word, (*_TRUE, *_FALSE, *_MEANT), 1)
        is_true = bool(meant) and _MEANT.get(meant[0], meant[0] in _TRUE)
        report(value, "is neither true nor false", is_true)
    return bool(answer)


def _bare(text: str) -> str:
    """Return a text without the comment and the quotes that a file of variables has left."""
    return re.sub(r"\s#.*|^\s*[\"']|[\"']\s*$", "", text, flags=re.DOTALL).strip("\"' \t\r\n;,")


def _read_integer(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_max_age(value: Any, report: Report) -> int | None:
    """Read a number of seconds, 0 to 86,400; ``Access-Control-Max-Age``."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    age = _read_integer(seconds)
    if age is None:
        report(value, "is not a whole number of seconds", _guess_seconds(value))
    elif age < 0:
        report(value, "is negative; 0 keeps browsers from caching preflights", 0)
    elif age > 86400:
        report(value, "is more than a day, where every browser stops counting", 86400)
    return age


_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _guess_seconds(value: Any) -> int:
    """Guess what "10 min", 599.5 or a timedelta with a fraction means, within what is permitted."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and math.isfinite(value):
        return int(min(max(value, 0), 86400))
    duration = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)[a-z]*", _bare(str(value)).lower())
    return min(int(duration[1]) * _UNITS[duration[2]], 86400) if duration else 600


def _guess_time(value: Any) -> float | None:
    """Guess what "500 ms", "2s" or "1 min" means, in seconds; ``None`` for anything else."""
    duration = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|m|h)[a-z]*", _bare(str(value)))
    if duration is None:
        return None
    number = float(duration[1]) * {"ms": 0.001, **_UNITS}[duration[2]]
    return int(number) if number.is_integer() else number


def read_status(value: Any, report: Report) -> int:
    """Read the status of allowed preflights, 200 to 299; npm's ``optionsSuccessStatus``."""
    status = _read_integer(value)
    if status is None:
        begun = re.match(r"2[0-9]{2}\b", _bare(str(value)))
        report(value, "is not the number of an HTTP status", int(begun[0]) if begun else 204)
        return 204
    if not 200 <= status <= 299:
        reason = (
            'is not from 200 to 299, so browsers would report a preflight that "did not succeed"'
        )
        report(value, reason, 204)
    return status


def read_timeout(value: Any, report: Report) -> float:
    """Read a number of seconds, above 0 and up to 60."""
    seconds = _seconds(value)
    if not 0 < seconds <= 60:
        meant = _guess_time(value)
        correction = min(meant, 60) if meant else 1
        report(value, "is not a number of seconds above 0 and up to 60", correction)
    return seconds


def read_cache(value: Any, report: Report) -> float:
    """Read a number of seconds, 0 to 3600."""
    seconds = _seconds(value)
    if not 0 <= seconds <= 3600:
        meant = 0 if spelled_bool(value) is False else _guess_time(value)
        correction = 1 if meant is None else min(meant, 3600)
        report(value, "is not a number of seconds from 0 to 3600", correction)
    return seconds


def _seconds(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        return float(seconds) if not isinstance(seconds, bool) else math.nan
    except (TypeError, ValueError):
        return math.nan


def kind_of(value: object) -> str:
    """Return what a value is, with its article."""
    if isinstance(value, bytes):
        return "bytes"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"


def read_items(
    value: Any,
    report: Report,
    what: str,
    correction: tuple[str, ...],
    are_entries: Callable[[list[str]], bool],
) -> list[Any]:
    """Read a list that may be written as one item or, from the environment, as one text.

    :param are_entries: tells of pieces of a text, with blanks between them, whether each is one.
    """
    if isinstance(value, str):
        listed = listed_in(value)
        report.items = list(entries(value, are_entries)) if listed is None else listed
    elif isinstance(value, (list, tuple, set, frozenset)):
        report.items = list(value)
    else:
        report(value, f"is {kind_of(value)}, where a list of {what} is needed", list(correction))
    return report.items


def _tokens(value: Any, report: Report, what: str, correction: tuple[str, ...]) -> list[str]:
    tokens = []
    for item in read_items(value, report, what, correction, _are_names):
        if not isinstance(item, str):
            report(item, Code.NAME_OF_WRONG_TYPE.said(kind_of(item), what), correction)
        elif not TOKEN.fullmatch(item.strip()):
            report(item, *_correct_token(item, what, correction))
        else:
            tokens.append(item.strip())
    return tokens


def _correct_token(
    item: str, what: str, correction: tuple[str, ...]
) -> tuple[Said, tuple[str, ...]]:
    """Return why a text is no method or header name, and what to write instead."""
    if item.startswith("#"):
        return Code.IS_COMMENT.said(), ()
    pieces = [piece for piece in re.split(r"[\s,;|]+", item.strip(" []()\"'")) if piece]
    if len(pieces) > 1 and _are_names(pieces):
        return Code.NAMES_IN_ONE.said(what), tuple(pieces)
    if not pieces:
        return Code.NAME_EMPTY.said(what), correction
    name, colon, _ = item.partition(":")
    mended = "-".join(TOKEN.findall(name))
    if colon and mended:
        return Code.HEADER_HAS_VALUE.said(), (mended,)
    odd = " ".join(ascii(c) for c in sorted({c for c in item.strip() if not TOKEN.match(c)})[:5])
    return Code.NAME_INVALID.said(odd), (mended,) if mended else correction


def _are_names(pieces: list[str]) -> bool:
    return all(map(_is_whole_name, pieces))


def _is_whole_name(text: str) -> bool:
    is_known = text.upper() in _STANDARD_METHODS or text.lower() in _HEADERS_WITHOUT_HYPHEN
    return bool(TOKEN.fullmatch(text)) and (is_known or "-" in text)


_REQUEST_HEADER: Final = Example("X-Requested-With")
RESPONSE_HEADER: Final = Example("X-Request-Id")
_HEADERS_WITHOUT_HYPHEN: Final = frozenset("accept authorization etag location range date".split())
_STANDARD_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"}
)


def read_methods(value: Any, report: Report) -> tuple[str, ...]:
    """Read the methods that preflights are told (Fetch, section 2.2.1)."""
    methods = _tokens(value, report, "methods", ("GET", "POST"))
    for method in methods:
        upper = method.upper()
        if upper in FORBIDDEN_METHODS:
            report(method, Code.METHOD_FORBIDDEN.said(), ("POST",))
        elif method == "*":
            report(method, Code.METHOD_IS_STAR.said(), ("GET", "POST"))
        elif upper in _STANDARD_METHODS and method != upper:
            report(method, Code.METHOD_LOWER_CASE.said(), (upper,))
    if not (value.strip(" \n,;[]()") if isinstance(value, str) else value):
        report(value, Code.METHODS_MISSING.said(), ["GET", "POST"])
    return tuple(dict.fromkeys(methods))


def read_allow_headers(value: Any, report: Report) -> tuple[str, ...]:
    """Read the names of the headers that pages may send (Fetch, section 2.2.2)."""
    names = _tokens(value, report, "header names", (_REQUEST_HEADER,))
    for name in names:
        lower = name.lower()
        if is_forbidden_header(name):
            report(name, Code.HEADER_FORBIDDEN.said(), ())
        elif len(name) > 1 and set(name) & set("*+^$|"):
            report(name, Code.HEADER_IS_PATTERN.said(), (_REQUEST_HEADER,))
        elif lower.startswith("access-control-"):
            report(name, Code.HEADER_OF_ANSWER.said(), ())
    return tuple(dict.fromkeys(names))


def read_expose_headers(value: Any, report: Report) -> tuple[str, ...]:
    """Read the names of the headers that pages may read (Fetch, section 2.2.2)."""
    names = _tokens(value, report, "header names", (RESPONSE_HEADER,))
    for name in names:
        if name.lower() in ("set-cookie", "set-cookie2"):
            # Fetch standard, section 2.2.2, "forbidden response-header name".
            report(name, Code.HEADER_HIDDEN.said(), ())
    if len(names) > 1 and "*" in names:
        report(value, Code.HEADERS_AND_STAR.said(), ["*"])
    return tuple(dict.fromkeys(names))
