"""What a web origin is: the pattern grammar of the configuration, and sets of origins.

An origin is what browsers send in the ``Origin`` header: scheme, host and port, serialised
without a default port and without a path (HTML standard, "ASCII serialisation of an origin").
Everything expensive happens when a configuration is read; asking whether an origin is in a set
costs a few dictionary look-ups, however many patterns the set holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

#: The longest origin that is looked at, in characters: scheme (32), "://", a DNS name or a
#: bracketed IPv6 address (253), ":" and port (6), and some air for extension identifiers.
MAX_ORIGIN_LENGTH: Final = 300

#: Origins without a host that browsers and app shells send for sandboxed documents and local
#: files. Any page can obtain ``null`` (a sandboxed iframe suffices), so they identify nobody.
OPAQUE_ORIGINS: Final = frozenset({"null", "file://"})

#: Python source of an origin, to show how one is written where nobody can know which was meant.
EXAMPLE: Final = repr("https://app.example.com")

DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

# Labels as they occur in served host names. Wider than RFC 1123 by the underscore and by hyphens
# at either end, which browsers accept; narrower than the URL standard, whose host parser lets
# characters such as "`" and "{" through that no host name needs.
_LABEL: Final = r"[a-z0-9_-]{1,63}"
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_PORT: Final = (
    r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_IPV6: Final = r"\[[0-9a-f:]{2,39}\]"
_APP_SCHEME: Final = r"(?!https?:)[a-z][a-z0-9+.-]{0,31}"
_APP_HOST: Final = r"[A-Za-z0-9._~-]{0,253}"
# Schemes that no page has. The middle line is "http" and "https" with letters lost or doubled.
_NO_PAGES: Final = re.compile(
    r"about|blob|data|filesystem|ftp|javascript|mailto|tel|view-source|wss?"
    r"|[htps]{3,7}"
)

# What may stand before a wildcard's tail and its dot; ``https?`` where both schemes are listed.
_before_tail: Final = {
    scheme: re.compile(rf"{scheme}://{_HOST}\Z") for scheme in ("http", "https", "https?")
}
# By how many of its last characters a stranger is told, at most.
_ENDING_LENGTH: Final = 8
_WEB_HOST: Final = rf"(?:{_HOST}\.?|{_IPV6})"
_well_formed = re.compile(
    rf"https://{_WEB_HOST}(?::(?!443\Z){_PORT})?"
    rf"|http://{_WEB_HOST}(?::(?!80\Z){_PORT})?"
    rf"|{_APP_SCHEME}://{_APP_HOST}(?::{_PORT})?"
    r"|null"
)
_pattern = re.compile(
    rf"(https?)://(\*\.)?({_HOST}|{_IPV6})(?::({_PORT}|\*))?"
    rf"|({_APP_SCHEME})://({_APP_HOST})(?::({_PORT}))?"
)


def is_well_formed(origin: str) -> bool:
    """Tell whether browsers could have serialised this text as an origin.

    Linear in the text's length, and at once for more than `MAX_ORIGIN_LENGTH` characters.
    """
    return len(origin) <= MAX_ORIGIN_LENGTH and _well_formed.fullmatch(origin) is not None


class OriginPattern(NamedTuple):
    """An origin of the configuration, or a family of origins that share a scheme.

    :param scheme: lower case, without the colon; ``null`` for the opaque origin.
    :param host: without the leading ``*.``; ``""`` where the scheme has no host.
    :param port: digits; ``""`` for the scheme's default; ``"*"`` for any port, or none.
    :param subdomains: whether the pattern names one or more labels before `host` instead of it.
    """

    scheme: str
    host: str
    port: str
    subdomains: bool

    def __str__(self) -> str:
        if self.scheme == "null":
            return "null"
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{'*.' if self.subdomains else ''}{self.host}{port}"

    @property
    def is_opaque(self) -> bool:
        """Whether the origin identifies nobody: ``null`` and ``file://``."""
        return str(self) in OPAQUE_ORIGINS


def parse_pattern(text: str) -> OriginPattern | None:
    """Read an origin of the configuration; ``None`` where it is not written as browsers write it.

    Why it is not, and what to write instead, is :func:`flask_sio_cors.spelling.correct`'s to say.
    """
    if text == "null":
        return OriginPattern("null", "", "", False)
    match = _pattern.fullmatch(text)
    if match is None:
        return None
    scheme, wildcard, host, port, app_scheme, app_host, app_port = match.groups()
    if app_scheme is not None:
        if not is_app_scheme(app_scheme):
            return None
        return OriginPattern(app_scheme, app_host, app_port or "", False)
    if (port and not is_explicit_port(scheme, port)) or not _is_canonical_host(host, wildcard):
        return None
    return OriginPattern(scheme, host, port or "", wildcard is not None)


def is_app_scheme(scheme: str) -> bool:
    """Tell whether an app's or an extension's pages could have this scheme, in lower case."""
    return _NO_PAGES.fullmatch(scheme) is None and re.fullmatch(_APP_SCHEME, scheme) is not None


def is_explicit_port(scheme: str, port: str) -> bool:
    """Tell whether a browser would write this port out in an origin of that scheme."""
    return port == "*" or (int(port) <= 65535 and DEFAULT_PORTS.get(scheme) != port)


def _is_canonical_host(host: str, wildcard: str | None) -> bool:
    if len(host) > 253:
        return False
    if host[0] == "[":
        return wildcard is None and canonical_ipv6(host[1:-1]) == host
    # The URL standard parses a host whose last label is a number as an IPv4 address.
    if is_number(host.rpartition(".")[2]):
        return wildcard is None and canonical_ipv4(host) == host
    return True


def is_number(label: str) -> bool:
    """Tell whether a label makes its host an IPv4 address (URL standard, "ends in a number")."""
    return label.isdigit() or (
        label[:2] in ("0x", "0X") and all(c in "0123456789abcdefABCDEF" for c in label[2:])
    )


def canonical_ipv4(host: str) -> str | None:
    """Serialise an IPv4 address, however it is spelled (``127.1``, ``0x7f.1``), or ``None``."""
    import socket

    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def canonical_ipv6(address: str) -> str | None:
    """Serialise an IPv6 address as the URL standard does, in brackets, or ``None``."""
    import ipaddress

    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return None
    if parsed.scope_id is not None:
        return None
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        # Newer Pythons write these with a dotted tail; browsers never do.
        high, low = divmod(int(mapped), 1 << 16)
        return f"[::ffff:{high:x}:{low:x}]"
    return f"[{parsed.compressed}]"


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine (Secure Contexts, "potentially trustworthy")."""
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host in ("[::1]", "::1")
        or (host.startswith("127.") and is_number(host.rpartition(".")[2]))
    )


def is_insecure(origin: str) -> bool:
    """Tell whether anyone on the network path can speak in this well-formed origin's name."""
    if not origin.startswith("http://"):
        return False
    host = origin[7:] if origin.endswith("]") else re.sub(r":[0-9]+$", "", origin[7:])
    return not is_loopback(host)


class OriginSet:
    """The origins that a configuration lists: exact ones, wildcards and regular expressions.

    A set never changes. Exact origins cost one look-up, patterns one a label of the host, so
    that a set of a million costs what a set of one does; only regular expressions, which cannot
    be indexed, are tried one after the other.

    :param patterns: origins and wildcards, as :func:`parse_pattern` returns them.
    :param regexes: compiled regular expressions, each to match an origin from end to end.
    """

    __slots__ = (
        "_any_port", "_any_port_tails", "_ending_length", "_endings", "_has_others", "_regexes",
        "_tails", "exact",
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
        for pattern in patterns:
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
        self._regexes = tuple(regexes)
        self._has_others = bool(any_port or any_port_tails or self._regexes)
        self._ending_length = min([_ENDING_LENGTH, *map(len, tails)])
        self._endings = frozenset(tail[-self._ending_length :] for tail in tails)

    def __contains__(self, origin: str) -> bool:
        return origin in self.exact or self.matches(origin)

    def __bool__(self) -> bool:
        return bool(self.exact) or self.has_patterns

    @property
    def has_patterns(self) -> bool:
        """Whether more origins are let in than those in `exact`."""
        return bool(self._tails) or self._has_others

    @property
    def has_regexes(self) -> bool:
        """Whether some origins are let in that nobody has seen when the set was made."""
        return bool(self._regexes)

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
        if len(origin) > MAX_ORIGIN_LENGTH:
            return False
        if _wildcard_tail(origin, self._tails):
            return True
        if self._any_port or self._any_port_tails:
            base = _without_port(origin)
            if base in self._any_port or _wildcard_tail(base, self._any_port_tails):
                return True
        return bool(self._regexes) and self._regex(origin) is not None

    def rule(self, origin: str) -> str | None:
        """Return the configuration's own words for what lets this origin in, or ``None``.

        :param origin: any text at all, as a client may send it.
        """
        if origin in self.exact:
            return origin
        if not self.matches(origin):
            return None
        scheme = origin.partition(":")[0]
        if tail := _wildcard_tail(origin, self._tails):
            return f"{scheme}://*.{tail}"
        base = _without_port(origin)
        if base in self._any_port:
            return f"{base}:*"
        if tail := _wildcard_tail(base, self._any_port_tails):
            return f"{scheme}://*.{tail}:*"
        return repr(self._regex(origin))

    def _regex(self, origin: str) -> re.Pattern[str] | None:
        if not _well_formed.fullmatch(origin):
            return None
        return next((regex for regex in self._regexes if regex.fullmatch(origin)), None)


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


def _without_port(origin: str) -> str:
    """Cut a port that a browser would have written; anything else stays, and matches nothing."""
    base, colon, port = origin.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and len(port) <= 5 and port[0] != "0"):
        return origin
    return base if is_explicit_port(base.partition(":")[0], port) else origin
