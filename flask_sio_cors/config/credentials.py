"""What must not be answered together with cookies and HTTP authentication."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, Final

from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    OriginPattern,
    has_unregistered_suffix,
    is_loopback,
    parse_pattern,
)
from .keys import PREFIX
from .origins import EveryOrigin, Listed
from .problems import Problem

# Origins that have nothing in common. Who lets them all in has named nobody (RFC 2606, section 2).
_STRANGERS: Final = ("https://a.invalid", "https://b-2.site.test", "https://localhost.example")


#: The settings that have to go together.
CREDENTIALED: Final = frozenset(
    """ORIGINS SUPPORTS_CREDENTIALS EXPOSE_HEADERS TOLERATE_INSECURE_ORIGINS
    TOLERATE_PUBLIC_SUFFIXES""".split()
)


def check_credentials(
    values: Mapping[str, Any], sources: Mapping[str, str], found: list[Problem]
) -> None:
    """Report what must not be answered together with cookies and HTTP authentication."""
    if not values["supports_credentials"]:
        return
    origins = values["origins"]
    switch = sources["SUPPORTS_CREDENTIALS"]
    if isinstance(origins, EveryOrigin):
        reason = (
            f"lets every site act in its visitors' name, since {sources['ORIGINS']} is "
            f"{origins.value!r}; list the origins that may, or do without credentials"
        )
        found.append(Problem(switch, True, reason, "False"))
    elif isinstance(origins, Listed):
        for pattern in filter(None, map(parse_pattern, origins.texts)):
            _check_credentialed(pattern, values, sources, found)
        for regex in origins.regexes:
            mistake = _credentialed_regex_mistake(regex, values["tolerate_public_suffixes"])
            if mistake:
                reason = f"{mistake[0]}, with {switch} set"
                found.append(Problem(sources["ORIGINS"], regex, reason, mistake[1]))
    if "*" in values["expose_headers"]:
        reason = f'means a header called "*" where {switch} is set (Fetch, 3.3.3); name them'
        found.append(Problem(sources["EXPOSE_HEADERS"], "*", reason, "'X-Request-Id'"))


def fit_for_credentials(
    problem: Problem, values: Mapping[str, Any], sources: Mapping[str, str]
) -> Problem:
    """Replace a correction of an origin that would itself be a mistake with credentials."""
    if problem.key != sources["ORIGINS"]:
        return problem
    written = f"[{problem.correction}]"
    try:
        parts = getattr(ast.parse(written, mode="eval").body, "elts", [])
    except SyntaxError:  # words, and no source
        return problem
    fit: list[str] = []
    reasons = [problem.reason]
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            fit += _fit_origin(part.value, values, sources, reasons)
        elif isinstance(part, ast.Call) and isinstance(part.args[0], ast.Constant):
            source = ast.get_source_segment(written, part) or ""
            regex = re.compile(str(part.args[0].value), getattr(problem.value, "flags", 0))
            fit.append(_fit_expression(regex, source, values, reasons))
        else:
            return problem
    if len(reasons) == 1:
        return problem
    correction = ", ".join(dict.fromkeys(fit)) or EXAMPLE
    return problem._replace(reason="; ".join(dict.fromkeys(reasons)), correction=correction)


def _fit_origin(
    text: str, values: Mapping[str, Any], sources: Mapping[str, str], reasons: list[str]
) -> list[str]:
    """Return what to write instead of an origin, itself where it is fit; why goes to `reasons`."""
    refused: list[Problem] = []
    pattern = parse_pattern(text)
    if pattern is not None:
        _check_credentialed(pattern, values, sources, refused)
    reasons += [fault.reason for fault in refused]
    if refused:
        return [fault.correction for fault in refused if fault.key == sources["ORIGINS"]]
    return [repr(text)]


def _fit_expression(
    regex: re.Pattern[str], source: str, values: Mapping[str, Any], reasons: list[str]
) -> str:
    from ..origins.expressions import ExpressionError

    try:
        mistake = _credentialed_regex_mistake(regex, values["tolerate_public_suffixes"])
    except ExpressionError:  # which is told when it is written
        mistake = None
    if mistake is None:
        return source
    reasons.append(f"and with credentials that expression {mistake[0]}")
    return mistake[1]


def _credentialed_regex_mistake(
    regex: re.Pattern[str], tolerates_suffixes: bool
) -> tuple[str, str] | None:
    """Return why an expression lets strangers act in visitors' names, and what to write."""
    from ..origins.expressions import Expressions
    from ..origins.strangers import stranger_let_in

    asked = Expressions([regex])
    if all(asked.first(stranger) for stranger in _STRANGERS):
        return "lets every site act in its visitors' name", "'https://*.example.com'"
    stranger = stranger_let_in(regex)
    if stranger is None:
        return None
    if dotted := _with_dot(regex):
        return f'lets in "{stranger}", which anybody may register', dotted
    if escaped := _with_escaped_dots(regex):
        reason = (
            "has a dot that stands for any character, so that it lets in "
            f'"{stranger}", which anybody may register'
        )
        return reason, escaped
    if tolerates_suffixes:
        return None
    reason = (
        f'lets in whoever registers a name such as "{stranger}" '
        f"({PREFIX}TOLERATE_PUBLIC_SUFFIXES = True permits it)"
    )
    return reason, "'https://*.example.com'"


def _with_dot(regex: re.Pattern[str]) -> str | None:
    """Return an expression with the dot that is missing before a name, where that is all."""
    tail = _JOINED_TAIL.search(regex.pattern)
    if tail is None:
        return None
    start = tail.start(1)
    return _harmless(rf"{regex.pattern[:start]}\.{regex.pattern[start:]}", regex)


def _with_escaped_dots(regex: re.Pattern[str]) -> str | None:
    """Return an expression whose dots stand for dots, where they stood for any character."""
    escaped = _PIECES.sub(lambda piece: r"\." if piece[0] == "." else piece[0], regex.pattern)
    return None if escaped == regex.pattern else _harmless(escaped, regex)


def _harmless(pattern: str, regex: re.Pattern[str]) -> str | None:
    from ..origins.strangers import stranger_let_in

    mended = re.compile(pattern, regex.flags & ~re.UNICODE)
    return None if stranger_let_in(mended) else f"re.compile({pattern!r}{_flags_of(regex)})"


def _flags_of(regex: re.Pattern[str]) -> str:
    flags = regex.flags & ~re.UNICODE
    return f", {flags}" if flags else ""


# Anything at all, and then a name without a dot before it.
_JOINED_TAIL: Final = re.compile(r"(?:\.|\[\^[^\]]*\])[*+]\??\)?([a-z0-9](?:[a-z0-9-]|\\\.)*)\$?$")
# An escaped character, a class, or a dot that nothing repeats, where a name's dot would be.
_PIECES: Final = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|\.(?![*+?{])", re.DOTALL)


def _check_credentialed(
    pattern: OriginPattern,
    values: Mapping[str, Any],
    sources: Mapping[str, str],
    found: list[Problem],
) -> None:
    if pattern.is_opaque:
        reason = (
            f'cannot go with "{pattern}" in {sources["ORIGINS"]}: any page can obtain that origin, '
            "with a sandboxed iframe or a local file"
        )
        found.append(Problem(sources["SUPPORTS_CREDENTIALS"], True, reason, "False"))
    if (
        pattern.scheme == "http"
        and not is_loopback(pattern.host)
        and not values["tolerate_insecure_origins"]
    ):
        reason = (
            f"is not encrypted, so that anyone on the way can speak in its name, with "
            f"{sources['SUPPORTS_CREDENTIALS']} set; {PREFIX}TOLERATE_INSECURE_ORIGINS = True "
            "permits it"
        )
        port = "" if pattern.port == DEFAULT_PORTS["https"] else pattern.port
        secure = str(pattern._replace(scheme="https", port=port))
        found.append(Problem(sources["ORIGINS"], str(pattern), reason, repr(secure)))
    if pattern.is_partial and not values["tolerate_public_suffixes"]:
        _check_partial(pattern, sources, found)
    if pattern.subdomains and not values["tolerate_public_suffixes"]:
        suffix = _public_suffix_within(pattern.host)
        if suffix:
            reason = (
                f'lets in whoever registers a name under "{suffix}", with '
                f"{sources['SUPPORTS_CREDENTIALS']} set; {PREFIX}TOLERATE_PUBLIC_SUFFIXES = True "
                "permits it"
            )
            own = str(pattern._replace(host=f"your-name.{suffix}", subdomains=False))
            found.append(Problem(sources["ORIGINS"], str(pattern), reason, repr(own)))


def _check_partial(
    pattern: OriginPattern, sources: Mapping[str, str], found: list[Problem]
) -> None:
    """Report a star in a label that anybody can register."""
    if is_loopback(pattern.host) or has_unregistered_suffix(pattern.host):
        return
    from ..origins.suffixes import stranger_in_family

    stranger = stranger_in_family(pattern.host.removesuffix("."))
    if stranger is None:
        return
    made = str(pattern._replace(host=stranger)).removesuffix(":*")
    reason = (
        f'lets in whoever registers a name such as "{made}", with '
        f"{sources['SUPPORTS_CREDENTIALS']} set; {PREFIX}TOLERATE_PUBLIC_SUFFIXES = True permits it"
    )
    own = str(pattern._replace(host=f"your-name.{stranger.partition('.')[2]}"))
    found.append(Problem(sources["ORIGINS"], str(pattern), reason, repr(own)))


def _public_suffix_within(host: str) -> str | None:
    """Return the public suffix that the subdomains of `host` are registered under, if one is."""
    if is_loopback(host) or has_unregistered_suffix(host):
        return None
    from ..origins.suffixes import public_suffix_within

    return public_suffix_within(host.removesuffix("."))
