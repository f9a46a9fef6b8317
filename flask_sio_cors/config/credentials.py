"""What must not be answered together with cookies and HTTP authentication."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ..origins.codes import Code, Said, together
from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    EXAMPLE_WILDCARD,
    Example,
    OriginPattern,
    has_unregistered_suffix,
    is_in_private_network,
    is_loopback,
    parse_pattern,
)
from ..origins.texts import regex_in
from .corrections import Fault, Report
from .origins import EveryOrigin, Expression, Listed, as_written
from .sources import as_source, as_text
from .values import RESPONSE_HEADER

# Origins that have nothing in common. Who lets them all in has named nobody (RFC 2606, section 2).
STRANGERS: Final = ("https://a.invalid", "https://b-2.site.test", "https://localhost.example")
#: The settings that have to go together.
CREDENTIALED: Final = frozenset(
    """ORIGINS SUPPORTS_CREDENTIALS EXPOSE_HEADERS TOLERATE_INSECURE_ORIGINS
    TOLERATE_PUBLIC_SUFFIXES""".split()
)


def check_credentials(
    values: Mapping[str, Any], reports: Mapping[str, Report], key: Callable[[str], str]
) -> None:
    """Report what must not be answered together with cookies and HTTP authentication.

    What takes the place of a mistaken origin is made fit for them as well.

    :param values: the settings as they were read, by their fields.
    :param reports: those of the settings that are set, by their names.
    :param key: where a setting is to be written, by its name.
    """
    if not values["supports_credentials"]:
        return
    origins, switch = values["origins"], reports["SUPPORTS_CREDENTIALS"]
    check = _Check(values, switch, key)
    if isinstance(origins, EveryOrigin):
        reason = (
            f", since {reports['ORIGINS'].key} is "
            f"{origins.value!r}; list the origins that may, or do without credentials"
        )
        switch(switch.value, Code.CREDENTIALS_FOR_ALL.said(reason), False)
    elif "ORIGINS" in reports:
        report = reports["ORIGINS"]
        report.faults = [fit for fault in report.faults for fit in check.fit(fault)]
        report.faults += check.faults(origins)
    if "*" in values["expose_headers"]:
        reason = Code.CREDENTIALS_WITH_STAR.said(switch.key)
        reports["EXPOSE_HEADERS"]("*", reason, (RESPONSE_HEADER,))


class _Check:
    """What is wrong with single origins that come with credentials."""

    def __init__(
        self, values: Mapping[str, Any], switch: Report, key: Callable[[str], str]
    ) -> None:
        self._switch, self._key = switch, key
        self._tolerates_insecure = values["tolerate_insecure_origins"]
        self._tolerated_suffixes = values["tolerate_public_suffixes"]

    def faults(self, origins: Listed) -> Iterator[Fault]:
        """Yield what is wrong with origins that are well written."""
        for text in origins.texts:
            pattern = parse_pattern(text)
            if pattern is not None and pattern.is_opaque:
                self._switch(self._switch.value, self._why_not_opaque(pattern), False)
            elif pattern is not None:
                yield from self._of_pattern(pattern)
        for expression in origins.expressions:
            yield from self._of_expression(expression)

    def fit(self, fault: Fault) -> Iterator[Fault]:
        """Yield a fault whose correction is fit for credentials, and what that takes besides."""
        correction, reasons, parts, besides = fault.correction, [fault.reason], [], []
        if not isinstance(correction, tuple):
            is_every = correction is True or correction == "*"
            yield fault._replace(correction=[EXAMPLE]) if is_every else fault
            return
        for part in correction:
            mistakes = [] if isinstance(part, Example) else list(self._of_part(part))
            besides += [one._replace(value=fault.value) for one in mistakes if one.target]
            refused = [one for one in mistakes if not one.target]
            reasons += [one.reason for one in refused]
            parts += [instead for one in refused for instead in one.correction]
            parts += [] if refused else [part]
        fit = tuple(dict.fromkeys(parts)) or (EXAMPLE,) * bool(correction)
        yield fault._replace(reason=together(reasons), correction=fit)
        yield from besides

    def _of_part(self, part: object) -> Iterable[Fault]:
        pattern = parse_pattern(part) if isinstance(part, str) else None
        if pattern is not None:
            if pattern.is_opaque:
                return [Fault(part, self._why_not_opaque(pattern), ())]
            return self._of_pattern(pattern)
        text = regex_in(part) if isinstance(part, str) else None
        regex = part if text is None else re.compile(text)
        if not isinstance(regex, re.Pattern):
            return []
        from ..origins.expressions import ExpressionError

        try:
            return list(self._of_expression(Expression(part, regex)))  # type: ignore[arg-type]
        except ExpressionError:  # which is told when it is written
            return []

    def _why_not_opaque(self, pattern: OriginPattern) -> Said:
        how = f"with a sandboxed iframe or a local file, and {self._switch.key} is set"
        return Code.CREDENTIALS_FOR_OPAQUE.said(pattern, f"obtain that origin, {how}")

    def _of_pattern(self, pattern: OriginPattern) -> Iterator[Fault]:
        text = str(pattern)
        is_plain = pattern.scheme == "http" and not is_loopback(pattern.host)
        if is_plain and not self._tolerates_insecure:
            yield self._insecure(pattern)
        if not self._tolerates(text):
            suffix = _suffix_for_strangers(pattern)
            if suffix is not None:
                stranger, own = suffix
                yield self._stranger(text, stranger, (Example(own),))

    def _insecure(self, pattern: OriginPattern) -> Fault:
        reason = Code.CREDENTIALS_FOR_INSECURE.said(f"with {self._switch.key} set")
        tolerance = self._key("TOLERATE_INSECURE_ORIGINS")
        if pattern.host == "0.0.0.0":  # noqa: S104 - nothing is bound here
            reason = reason.more("; a server listens there, and its page is opened as localhost's")
            return Fault(str(pattern), reason, (str(pattern._replace(host="localhost")),))
        if is_in_private_network(pattern.host):
            reason = reason.more("; in a private network hardly anybody has a certificate")
            return Fault(str(pattern), reason, True, tolerance)
        port = "" if pattern.port == DEFAULT_PORTS["https"] else pattern.port
        secure = str(pattern._replace(scheme="https", port=port))
        return Fault(str(pattern), reason.more(f"; {tolerance} = True permits it"), (secure,))

    def _tolerates(self, text: str) -> bool:
        tolerated: bool | frozenset[str] = self._tolerated_suffixes
        return tolerated if isinstance(tolerated, bool) else text in tolerated

    def _stranger(self, entry: Any, stranger: str, correction: tuple[Any, ...]) -> Fault:
        reason = (
            f"lets in whoever registers a name {stranger}, with {self._switch.key} set; "
            f"{self._key('TOLERATE_PUBLIC_SUFFIXES')} = {as_source([entry])} permits it"
        )
        return Fault(entry, Code.CREDENTIALS_FOR_STRANGERS.said(reason), correction)

    def _of_expression(self, expression: Expression) -> Iterator[Fault]:
        from ..origins.expressions import Expressions
        from ..origins.strangers import stranger_let_in

        written, regex = expression
        asked = Expressions([regex])
        if all(asked.first(stranger) for stranger in STRANGERS):
            reason = Code.CREDENTIALS_FOR_ALL.said(f", with {self._switch.key} set")
            yield Fault(written, reason, (EXAMPLE_WILDCARD,))
            return
        stranger = stranger_let_in(regex)
        if stranger is None:
            return
        register = f'"{stranger}", which anybody may register, with {self._switch.key} set'
        if dotted := _with_dot(regex):
            reason = Code.CREDENTIALS_FOR_STRANGERS.said(f"lets in {register}")
            yield Fault(written, reason, (as_written(dotted, written),))
        elif escaped := _with_escaped_dots(regex):
            dot = f"has a dot that stands for any character, so that it lets in {register}"
            reason = Code.CREDENTIALS_FOR_STRANGERS.said(dot)
            yield Fault(written, reason, (as_written(escaped, written),))
        elif not self._tolerates(as_text(regex)):
            yield self._stranger(written, f'such as "{stranger}"', (EXAMPLE_WILDCARD,))


def _suffix_for_strangers(pattern: OriginPattern) -> tuple[str, str] | None:
    """Return what strangers register that a star lets in, and an origin of one's own."""
    host = pattern.host.removesuffix(".")
    if not (pattern.is_partial or pattern.subdomains):
        return None
    if is_loopback(host) or has_unregistered_suffix(host):
        return None
    from ..origins.suffixes import public_suffix_within, stranger_in_family

    if pattern.is_partial:
        stranger = stranger_in_family(host)
        if stranger is None:
            return None
        made = str(pattern._replace(host=stranger)).removesuffix(":*")
        own = str(pattern._replace(host=f"your-name.{stranger.partition('.')[2]}"))
        return f'such as "{made}"', own
    suffix = public_suffix_within(host)
    if suffix is None:
        return None
    own = str(pattern._replace(host=f"your-name.{suffix}", subdomains=False))
    return f'under "{suffix}"', own


def _with_dot(regex: re.Pattern[str]) -> re.Pattern[str] | None:
    """Return an expression with the dot that is missing before a name, where that is all."""
    tail = _JOINED_TAIL.search(regex.pattern)
    if tail is None:
        return None
    start = tail.start(1)
    return _harmless(rf"{regex.pattern[:start]}\.{regex.pattern[start:]}", regex)


def _with_escaped_dots(regex: re.Pattern[str]) -> re.Pattern[str] | None:
    """Return an expression whose dots stand for dots, where they stood for any character."""
    escaped = _PIECES.sub(lambda piece: r"\." if piece[0] == "." else piece[0], regex.pattern)
    return None if escaped == regex.pattern else _harmless(escaped, regex)


def _harmless(pattern: str, regex: re.Pattern[str]) -> re.Pattern[str] | None:
    from ..origins.strangers import stranger_let_in

    mended = re.compile(pattern, regex.flags & ~re.UNICODE)
    return None if stranger_let_in(mended) else mended


# Anything at all, and then a name without a dot before it.
_JOINED_TAIL: Final = re.compile(r"(?:\.|\[\^[^\]]*\])[*+]\??\)?([a-z0-9](?:[a-z0-9-]|\\\.)*)\$?$")
# An escaped character, a class, or a dot that nothing repeats, where a name's dot would be.
_PIECES: Final = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|\.(?![*+?{])", re.DOTALL)
