"""``SIO_CORS_ORIGINS``: read into a set of origins, every origin, or a function."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, NamedTuple

from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    OriginPattern,
    ends_with_dot,
    parse_pattern,
)
from ..origins.sets import OriginSet
from .functions import OriginFunction, names_function, read_origin_function, source_of
from .values import Report, kind_of, read_items, spelled_bool


class EveryOrigin(Enum):
    """The two ways to let every origin in; neither goes with credentials."""

    WILDCARD = "*"  #: answered ``Access-Control-Allow-Origin: *``
    REFLECTED = True  #: answered with the request's own origin


class Listed(NamedTuple):
    """The entries of ``SIO_CORS_ORIGINS``, compiled and as they are written.

    What they were parsed into is not kept: a million tuples keep the garbage collector busy.
    """

    origins: OriginSet
    texts: list[str]
    regexes: list[re.Pattern[str]]
    functions: list[OriginFunction]


NOTHING_LISTED: Final = Listed(OriginSet(), [], [], [])


def read_origins(value: Any, report: Report) -> Listed | EveryOrigin:
    """Read what decides about origins: a list with its functions, or every origin.

    The npm package's ``origin``.
    """
    spelled = spelled_bool(value)
    if spelled is not None:
        return EveryOrigin.REFLECTED if spelled else NOTHING_LISTED
    if isinstance(value, str) and value.strip() == "*":
        return EveryOrigin.WILDCARD
    is_single = callable(value) or isinstance(value, re.Pattern)
    return _read_listed([value] if is_single else value, report)


def read_own_origins(value: Any, report: Report) -> frozenset[str]:
    """Read the origins under which browsers reach this server: exact ones, of the web."""
    own: set[str] = set()
    for item in read_items(value, report, "origins", f"[{EXAMPLE}]"):
        pattern = parse_pattern(item) if isinstance(item, str) else None
        if pattern is None:
            _report_own(item, report)
        elif pattern.scheme not in DEFAULT_PORTS:
            report(
                item, "is no address of a server; browsers reach one by http: or https:", EXAMPLE
            )
        elif pattern.subdomains or pattern.is_partial or pattern.is_network or pattern.port == "*":
            reason = "stands for many origins; a server has those that its users see, each by name"
            report(item, reason, EXAMPLE if pattern.is_network else repr(_plain(pattern)))
        elif ends_with_dot(pattern):
            _report_origin(item, report)
        else:
            own.add(item)
    return frozenset(own)


def _report_own(item: Any, report: Report) -> None:
    if _stands_alone(item) or callable(item) or isinstance(item, re.Pattern):
        shown = "a function" if callable(item) else kind_of(item)
        report(item, f"is {shown}, where the origin of this server is needed", EXAMPLE)
    else:
        _report_origin(item, report)


def _plain(pattern: OriginPattern) -> str:
    port = "" if pattern.port == "*" else pattern.port
    host = pattern.host.replace("*", "1")
    return str(pattern._replace(host=host, subdomains=False, port=port))


def _read_listed(value: Any, report: Report) -> Listed:
    items = read_items(value, report, "origins", f"[{EXAMPLE}]")
    texts: list[str] = []
    dotted: list[str] = []
    asked: list[Any] = []
    others: list[Any] = []

    def patterns() -> Iterable[OriginPattern]:
        for item in items:
            pattern = parse_pattern(item) if isinstance(item, str) else None
            if pattern is not None:
                texts.append(item)
                if item[-1] == "." and ends_with_dot(pattern):
                    dotted.append(item)
                yield pattern
            elif callable(item) or (isinstance(item, str) and names_function(item)):
                asked.append(item)
            elif not _is_regex(item):
                others.append(item)

    regexes = [item for item in items if _is_regex(item) and _can_decide(item, report)]
    _report_together(regexes, value, report)
    origins = OriginSet(patterns(), regexes)
    functions = [read_origin_function(item, report) for item in asked]
    listed = Listed(origins, texts, regexes, [one for one in functions if one is not None])
    if any(map(_stands_alone, others)):
        _report_company(value, items, report)
    for item in others:
        if not _stands_alone(item):
            _report_origin(item, report)
    _report_dotted(dotted, texts, report)
    return listed


def _report_dotted(dotted: list[str], texts: list[str], report: Report) -> None:
    """Report hosts with a dot at their end, unless it is meant: the same without it is listed too.

    Browsers do send the dot, for a page that was opened with it; it is hardly ever the only one,
    and more often a sentence's full stop. One before a port is none.
    """
    known = set(texts) if dotted else frozenset()
    for text in dotted:
        if text.removesuffix(".") not in known:
            _report_origin(text, report)


def _is_regex(item: Any) -> bool:
    return isinstance(item, re.Pattern) and isinstance(item.pattern, str)


def _can_decide(regex: re.Pattern[str], report: Report) -> bool:
    from ..origins.expressions import ExpressionError, Expressions  # which few lists need

    try:
        Expressions([regex])
    except ExpressionError as error:
        report(regex, error.reason, error.correction)
        return False
    return True


def _report_together(regexes: list[re.Pattern[str]], value: Any, report: Report) -> None:
    """Report expressions that can decide, and take too long together; none of them is left."""
    if len(regexes) < 2:
        return
    from ..origins.expressions import ExpressionError, Expressions

    try:
        Expressions(regexes)
    except ExpressionError as error:
        report(value, error.reason, error.correction)
        regexes.clear()


def _stands_alone(item: Any) -> bool:
    is_star = isinstance(item, str) and item.strip() == "*"
    return is_star or isinstance(item, bool)


def _report_company(value: Any, items: list[Any], report: Report) -> None:
    """Report a list that holds what decides about every origin: ``*``, a bool."""
    others = [item for item in items if not _stands_alone(item)]
    single = next(item for item in items if _stands_alone(item))
    if isinstance(single, str):
        single = single.strip()
    reason = f"is a list with {single!r}, which decides about every origin and so stands alone"
    report(value, reason, source_of(others) if others else repr(single))


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
        reason = f"is {kind_of(item)} within the list, where its items belong into the list itself"
        report(item, reason, ", ".join(map(repr, item)))
    else:
        report(item, f"is {kind_of(item)}, where an origin is needed", EXAMPLE)
