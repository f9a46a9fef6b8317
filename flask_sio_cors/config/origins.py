"""``SIO_CORS_ORIGINS``: read into a set of origins, every origin, or a function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import chain
from typing import Any, Final, NamedTuple

from ..origins.codes import Code
from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    EXAMPLE_WILDCARD,
    OriginPattern,
    ends_with_dot,
    parse_pattern,
)
from ..origins.sets import OriginSet
from ..origins.texts import LIKE_GLOB, REGEX, are_origins, listed_in, regex_in, torn_regex
from .corrections import Report
from .functions import OriginFunction, function_meant, names_function, read_origin_function
from .sources import as_text, regex_as_text
from .values import kind_of, read_bool, read_items, spelled_bool


class EveryOrigin(Enum):
    """The two ways to let every origin in; neither goes with credentials."""

    WILDCARD = "*"  #: answered ``Access-Control-Allow-Origin: *``
    REFLECTED = True  #: answered with the request's own origin


class Expression(NamedTuple):
    """A regular expression, as it is written (as text, ``regex:…``) and compiled."""

    written: str | re.Pattern[str]
    regex: re.Pattern[str]


class Listed(NamedTuple):
    """The entries of ``SIO_CORS_ORIGINS``, compiled and as they are written.

    What they were parsed into is not kept: a million tuples keep the garbage collector busy.
    """

    origins: OriginSet
    texts: list[str]
    expressions: list[Expression]
    functions: list[OriginFunction]


NOTHING_LISTED: Final = Listed(OriginSet(), [], [], [])


def read_origins(value: Any, report: Report) -> Listed | EveryOrigin:
    """Read what decides about origins: a list with its functions, or every origin.

    The npm package's ``origin``.
    """
    spelled = spelled_bool(value)
    if spelled is not None:
        return EveryOrigin.REFLECTED if spelled else NOTHING_LISTED
    items = _items(value, report)
    return EveryOrigin.WILDCARD if items and all(map(_is_star, items)) else _read(items, report)


def _items(value: Any, report: Report) -> list[Any]:
    is_single = callable(value) or isinstance(value, re.Pattern) or _is_broken_list(value)
    within = () if isinstance(value, _READ) else origins_within(value)
    corrected = chain.from_iterable(map(_corrected_item, within))
    shown = tuple(dict.fromkeys(corrected)) or (EXAMPLE,)
    if _is_spelled_out(value):
        whole = () if isinstance(value, (set, frozenset)) else entries_of("".join(value))
        meant = chain.from_iterable(map(_corrected_item, whole))
        report(value, Code.ORIGINS_SPELLED_OUT.said(), list(meant) or [EXAMPLE])
        return []
    return read_items([value] if is_single else value, report, "origins", shown, are_origins)


def _is_broken_list(value: Any) -> bool:
    """Tell whether a text is a list that neither JSON nor Python reads, to be told as a whole."""
    return (
        isinstance(value, str)
        and _LIST_BEGINS.match(value) is not None
        and listed_in(value) is None
    )


_LIST_BEGINS: Final = re.compile(r"""\s*(?:[\w.-]+\s*[=(:]\s*){0,2}[\[(]\s*(?:["']|[a-z]+://)""")


def _is_spelled_out(value: Any) -> bool:
    """Tell whether a list has the letters of a text."""
    is_list = isinstance(value, (list, tuple, set, frozenset)) and ":" in value and "/" in value
    return is_list and all(isinstance(item, str) and len(item) == 1 for item in value)


def origins_within(value: Any) -> Iterable[Any]:
    """Yield what is meant in a value that is neither a list nor a text, as far as it shows."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            is_named = _OF_ORIGINS.fullmatch(str(key)) is not None
            found = one if isinstance(one, (list, tuple, set)) else [one]
            if isinstance(one, Mapping):
                yield from origins_within(one)
            else:
                yield from (item for item in found if is_named or _shows_origin(item))
    elif isinstance(value, Iterable) and not isinstance(value, (*_READ, bytes)):
        yield from value
    elif _shows_origin(value):
        yield value


#: What other packages call them: npm cors, Flask-CORS, Starlette, rack-cors, Spring.
_OF_ORIGINS: Final = re.compile(
    r"(?:allow(?:ed)?_?)?origins?(?:_?(?:regex(?:es)?|patterns?))?", re.IGNORECASE
)
_READ: Final = (str, list, tuple, set, frozenset)


def _shows_origin(value: object) -> bool:
    """Tell whether a value shows an origin as text, or a network, whatever it is."""
    if isinstance(value, re.Pattern) or callable(value):
        return False
    return "://" in _shown(value) or type(value).__module__ == "ipaddress"


def _shown(value: object) -> str:
    """Return the text that a library's address, or bytes, stand for."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    # What `urllib.parse.urlsplit` returns is a tuple, too.
    whole = getattr(value, "geturl", None)
    return str(whole() if callable(whole) else value)


def _corrected_item(item: Any) -> tuple[Any, ...]:
    if isinstance(item, str) or _shows_origin(item):
        return _corrected(_shown(item))
    return (item,) if callable(item) or isinstance(item, re.Pattern) else ()


def entries_of(value: Any) -> list[Any]:
    """Return the entries of ``SIO_CORS_ORIGINS`` as they are written, whatever they are."""
    return _items(value, Report("", "", value))


def read_own_origins(value: Any, report: Report) -> frozenset[str]:
    """Read the origins under which browsers reach this server: exact ones, of the web."""
    own: set[str] = set()
    for item in _items(value, report):
        pattern = parse_pattern(item) if isinstance(item, str) else None
        if pattern is None:
            _report_own(item, report)
        elif pattern.scheme not in DEFAULT_PORTS:
            reason = "is no address of a server; browsers reach one by http: or https:"
            report(item, reason, (EXAMPLE,))
        elif pattern.subdomains or pattern.is_partial or pattern.is_network or pattern.port == "*":
            reason = "stands for many origins; a server has those that its users see, each by name"
            report(item, reason, (_exact(item),))
        else:
            own.add(item)
    _report_dotted([item for item in own if item.endswith(".")], own, report)
    return frozenset(own)


def _report_own(item: Any, report: Report) -> None:
    if _is_every(item) or callable(item) or isinstance(item, re.Pattern):
        shown = "a function" if callable(item) else kind_of(item)
        report(item, f"is {shown}, where the origin of this server is needed", (EXAMPLE,))
    else:
        _report_origin(item, report)
        fault = report.faults[-1]
        meant = fault.correction if isinstance(fault.correction, tuple) else (fault.correction,)
        own = dict.fromkeys(map(_exact, meant))
        report.faults[-1] = fault._replace(correction=tuple(own))


def _exact(entry: Any) -> Any:
    """Return what can be the origin of a server, in place of what stands for many."""
    pattern = parse_pattern(entry) if isinstance(entry, str) else None
    if pattern is None or pattern.scheme not in DEFAULT_PORTS or pattern.is_network:
        return EXAMPLE
    return entry if not pattern.is_family else _plain(pattern)


def _plain(pattern: OriginPattern) -> str:
    port = "" if pattern.port == "*" else pattern.port
    host = pattern.host.replace("*", "1")
    return str(pattern._replace(host=host, subdomains=False, port=port))


def read_suffixes(value: Any, report: Report) -> bool | frozenset[str]:
    """Read a truth value, or the entries of the origins that it is true of.

    An expression is told by its text, ``regex:…``, however it is written.
    """
    if spelled_bool(value) is not None or (isinstance(value, str) and ":" not in value):
        return read_bool(value, report)
    named: set[str] = set()
    for item in _items(value, report):
        expression = _expression(item, report) if _is_expression(item) else None
        if expression is not None:
            named.add(regex_as_text(expression.regex))
        elif isinstance(item, str) and parse_pattern(item):
            named.add(item)
        elif not _is_expression(item):
            _report_origin(item, report)
    return frozenset(named)


def _read(items: list[Any], report: Report) -> Listed:
    texts: list[str] = []
    dotted: list[str] = []
    asked: list[Any] = []
    written: list[Any] = []
    expressions: list[Expression] = []

    def patterns() -> Iterable[OriginPattern]:
        for item in items:
            pattern = parse_pattern(item) if isinstance(item, str) else None
            if pattern is not None:
                texts.append(item)
                if item[-1] == "." and ends_with_dot(pattern):
                    dotted.append(item)
                yield pattern
            elif _is_expression(item):
                written.append(item)
            elif callable(item) or (isinstance(item, str) and names_function(item)):
                asked.append(item)
            elif _is_every(item):
                _report_company(item, items, report)
            else:
                _report_origin(item, report)

    def regexes() -> Iterable[re.Pattern[str]]:
        # Asked for after the patterns, which have found what else there is.
        found = filter(None, (_expression(item, report) for item in written))
        expressions.extend(_together(list(found), report))
        for one in expressions:
            yield one.regex

    origins = OriginSet(patterns(), regexes())
    functions = [read_origin_function(item, report) for item in asked]
    _report_dotted(dotted, texts, report)
    return Listed(origins, texts, expressions, [one for one in functions if one is not None])


def _report_dotted(dotted: list[str], texts: Iterable[str], report: Report) -> None:
    """Report hosts with a dot at their end, unless it is meant: the same without it is listed too.

    Browsers do send the dot, for a page that was opened with it; it is hardly ever the only one,
    and more often a sentence's full stop. One before a port is none.
    """
    known = set(texts) if dotted else frozenset()
    for text in dotted:
        if text.removesuffix(".") not in known:
            _report_origin(text, report)


# --- Regular expressions -----------------------------------------------------------------------


def _is_expression(item: Any) -> bool:
    if isinstance(item, str):
        return item.startswith(REGEX) or regex_in(item) is not None
    return isinstance(item, re.Pattern) and isinstance(item.pattern, str)


def _expression(item: str | re.Pattern[str], report: Report) -> Expression | None:
    """Compile an expression; ``None`` where it cannot decide."""
    from ..origins.expressions import ExpressionError, Expressions  # which few lists need

    regex = _compiled(item, report) if isinstance(item, str) else item
    if regex is None:
        return None
    if LIKE_GLOB.search(regex.pattern):
        report(item, Code.REGEX_IS_GLOB.said(), _corrected(regex.pattern.replace("\\.", ".")))
        return None
    try:
        Expressions([regex])
    except ExpressionError as error:
        report(item, Code.REGEX_UNFIT.said(error.reason), (as_written(error.correction, item),))
        return None
    return Expression(item, regex)


def regex_of(item: Any) -> re.Pattern[str] | None:
    """Return the expression that an entry of ``SIO_CORS_ORIGINS`` is, compiled, or ``None``."""
    if not _is_expression(item):
        return None
    regex: re.Pattern[str] | None = (
        _compiled(item, Report("", "", item)) if isinstance(item, str) else item
    )
    return regex


def _compiled(item: str, report: Report) -> re.Pattern[str] | None:
    from ..origins.expressions import ExpressionError, compiled  # which few lists need

    pattern, *behind = torn_regex(regex_in(item) or "")
    if behind:
        reason = Code.REGEX_SWALLOWS.said()
        others = chain.from_iterable(map(_corrected, filter(None, behind)))
        report(item, reason, (*others, f"{REGEX}{pattern}"))
        return None
    try:
        return compiled(pattern)
    except ExpressionError as error:
        report(item, Code.REGEX_INVALID.said(error), (EXAMPLE_WILDCARD,))
        return None


def _corrected(entry: str) -> tuple[str, ...]:
    from ..origins.spelling import corrected  # which only a mistake needs

    return (entry,) if regex_in(entry) or entry == "*" else corrected(entry)


def as_written(correction: str | re.Pattern[str], item: object) -> str | re.Pattern[str]:
    """Return an expression as text where it is instead of a text."""
    is_text = isinstance(correction, re.Pattern) and isinstance(item, str)
    return as_text(correction) if is_text else correction


def _together(expressions: list[Expression], report: Report) -> list[Expression]:
    """Return expressions that can decide; none of them where they take too long together."""
    if len(expressions) < 2:
        return expressions
    from ..origins.expressions import ExpressionError, Expressions

    try:
        Expressions([one.regex for one in expressions])
    except ExpressionError as error:
        others = [item for item in report.items if not _is_expression(item)]
        report(report.value, Code.REGEX_UNFIT.said(error.reason), [*others, error.correction])
        return []
    return expressions


# --- What is no origin -------------------------------------------------------------------------


def _is_every(item: Any) -> bool:
    return _is_star(item) or isinstance(item, bool)


def _is_star(item: Any) -> bool:
    return isinstance(item, str) and item.strip() == "*"


def _report_company(item: Any, items: list[Any], report: Report) -> None:
    """Report an entry that decides about every origin."""
    shown = repr("*" if _is_star(item) else item)
    if len(items) == 1:
        report(report.value, Code.ORIGIN_ALONE.said(shown), item)
    else:
        report(item, Code.ORIGIN_NOT_ALONE.said(), ())


_AROUND_A_STAR: Final = " \t\r\n'\"`\\[](){}"


def _report_origin(item: Any, report: Report) -> None:
    if isinstance(item, str) and item.strip(_AROUND_A_STAR) == "*" and len(report.items) == 1:
        report(report.value, Code.ORIGIN_HAS_QUOTES.said(), "*")
    elif isinstance(item, str):
        from ..origins.spelling import correct  # which only a mistake needs

        meant = function_meant(item)
        report(item, *((Code.FUNCTION_MISSPELT.said(), (meant,)) if meant else correct(item)))
    elif isinstance(item, re.Pattern):
        pattern = re.compile(item.pattern.decode("latin-1"), item.flags)
        report(item, Code.REGEX_OF_BYTES.said(), (pattern,))
    elif isinstance(item, bytes):
        report(item, Code.ORIGIN_OF_BYTES.said(), _corrected(_shown(item)))
    elif item is None:
        report(item, Code.ORIGIN_IS_NONE.said(), ())
    elif isinstance(item, (list, tuple, set, frozenset)) and item and not hasattr(item, "geturl"):
        report(item, Code.ORIGIN_IS_LIST.said(kind_of(item)), tuple(item))
    else:
        shown = _corrected(_shown(item)) if _shows_origin(item) else (EXAMPLE,)
        report(item, Code.ORIGIN_OF_WRONG_TYPE.said(kind_of(item)), shown)
