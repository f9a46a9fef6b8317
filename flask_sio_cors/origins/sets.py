"""Sets of origins, asked at every request.

Everything expensive happens when a configuration is read; asking whether an origin is in a set
costs a few dictionary look-ups, however many patterns the set holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from .families import Networks, PartialLabels
from .grammar import HOST, MAX_ORIGIN_LENGTH, OriginPattern, is_explicit_port, is_well_formed

if TYPE_CHECKING:
    from .expressions import Expressions

# What may stand before a wildcard's tail and its dot; ``https?`` where both schemes are listed.
_before_tail: Final = {
    scheme: re.compile(rf"{scheme}://{HOST}\Z") for scheme in ("http", "https", "https?")
}
# By how many of its last characters a stranger is told, at most.
_ENDING_LENGTH: Final = 8


class OriginSet:
    """The origins that a configuration lists: exact ones, wildcards and regular expressions.

    A set never changes. Exact origins cost one look-up, patterns one a label of the host, so
    that a set of a million costs what a set of one does; regular expressions, which cannot be
    indexed, are asked together.

    :param patterns: origins and wildcards, as :func:`parse_pattern` returns them.
    :param regexes: compiled regular expressions, each to match an origin from end to end.
    :raise ExpressionError: if one of them cannot be asked.
    """

    __slots__ = (
        "_any_port", "_any_port_partials", "_any_port_tails", "_ending_length", "_endings",
        "_expressions", "_has_others", "_networks", "_partials", "_tails", "exact",
    )  # fmt: skip

    #: The origins that are listed as they are; everything else that is in matches a pattern.
    exact: frozenset[str]

    def __init__(
        self, patterns: Iterable[OriginPattern] = (), regexes: Iterable[re.Pattern[str]] = ()
    ) -> None:
        exact: set[str] = set()
        any_port: set[str] = set()
        tails: dict[str, re.Pattern[str]] = {}
        any_port_tails: dict[str, re.Pattern[str]] = {}
        partials: list[OriginPattern] = []
        networks: list[OriginPattern] = []
        for pattern in patterns:
            if pattern.is_network or pattern.is_partial:
                (networks if pattern.is_network else partials).append(pattern)
                continue
            scheme, host, port, subdomains = pattern
            if subdomains:
                table = any_port_tails if port == "*" else tails
                tail = f"{host}:{port}" if port and port != "*" else host
                known = table.setdefault(tail, _before_tail[scheme])
                if known is not _before_tail[scheme]:
                    table[tail] = _before_tail["https?"]
            elif port == "*":
                any_port.add(f"{scheme}://{host}")
            else:
                exact.add(str(pattern))
        self.exact = frozenset(exact)
        self._any_port = frozenset(any_port)
        self._tails = tails
        self._any_port_tails = any_port_tails
        self._partials = PartialLabels(p for p in partials if p.port != "*")
        self._any_port_partials = PartialLabels(p for p in partials if p.port == "*")
        self._networks = Networks(networks)
        self._expressions = _compiled(tuple(regexes))
        any_others = (any_port, any_port_tails, networks, self._any_port_partials)
        self._has_others = self._expressions is not None or any(map(bool, any_others))
        known_tails = [*tails, *self._partials.tails]
        self._ending_length = min([_ENDING_LENGTH, *map(len, known_tails)])
        self._endings = frozenset(tail[-self._ending_length :] for tail in known_tails)

    def __contains__(self, origin: str) -> bool:
        return origin in self.exact or self.matches(origin)

    def __bool__(self) -> bool:
        return bool(self.exact) or self.has_patterns

    @property
    def has_patterns(self) -> bool:
        """Whether more origins are let in than those in `exact`."""
        return bool(self._endings) or self._has_others

    @property
    def has_regexes(self) -> bool:
        """Whether some origins are let in that nobody has seen when the set was made."""
        return self._expressions is not None

    def matches(self, origin: str) -> bool:
        """Tell whether a pattern lets this origin in, of those that are not in `exact`.

        :param origin: any text at all, as a client may send it.
        """
        head, _, tail = origin.partition(".")
        # Most wildcards stand for one label, and most strangers end like nothing that is listed.
        if tail in self._tails and self._tails[tail].match(head):
            return True
        if origin[-self._ending_length :] in self._endings or self._has_others:
            return self._matches_some(origin)
        return False

    def _matches_some(self, origin: str) -> bool:
        return len(origin) <= MAX_ORIGIN_LENGTH and self._pattern(origin) is not None

    def rule(self, origin: str) -> str | None:
        """Return the configuration's own words for what lets this origin in, or ``None``.

        :param origin: any text at all, as a client may send it.
        """
        if origin in self.exact:
            return origin
        return self._pattern(origin) if self.matches(origin) else None

    def _pattern(self, origin: str) -> str | None:
        scheme = origin.partition(":")[0]
        if tail := _wildcard_tail(origin, self._tails):
            return f"{scheme}://*.{tail}"
        if self._partials and (rule := self._partials.rule(origin)):
            return rule
        return self._other(origin, scheme) if self._has_others else None

    def _other(self, origin: str, scheme: str) -> str | None:
        base = without_port(origin)
        if base in self._any_port:
            return f"{base}:*"
        if tail := _wildcard_tail(base, self._any_port_tails):
            return f"{scheme}://*.{tail}:*"
        if self._any_port_partials and (rule := self._any_port_partials.rule(base)):
            return f"{rule}:*"
        if self._networks and (rule := self._networks.rule(origin)):
            return rule
        if self._expressions is None or not is_well_formed(origin):
            return None
        regex = self._expressions.first(origin)
        return None if regex is None else repr(regex)


def _compiled(regexes: tuple[re.Pattern[str], ...]) -> Expressions | None:
    if not regexes:
        return None
    from .expressions import Expressions  # which few configurations need

    return Expressions(regexes)


def _wildcard_tail(origin: str, tails: dict[str, re.Pattern[str]]) -> str | None:
    """Return what follows the labels that a wildcard stands for, or ``None``.

    :param tails: what follows the wildcards, ``example.com`` or ``example.com:8443``, each with
        what may stand before it. Each dot of the origin is one look-up.
    """
    _, _, tail = origin.partition(".")
    while tail:
        if tail in tails and tails[tail].match(origin[: -len(tail) - 1]):
            return tail
        _, _, tail = tail.partition(".")
    return None


def without_port(origin: str) -> str:
    """Cut a port that a browser would have written; anything else stays, and matches nothing.

    :param origin: any text at all, as a client may send it.
    """
    base, colon, port = origin.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and len(port) <= 5 and port[0] != "0"):
        return origin
    return base if is_explicit_port(base.partition(":")[0], port) else origin
