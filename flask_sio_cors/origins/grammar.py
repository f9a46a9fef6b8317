"""What a web origin is, and the pattern grammar of the configuration.

An origin is what browsers send in the ``Origin`` header: scheme, host and port, serialised
without a default port and without a path (HTML standard, "ASCII serialisation of an origin").
"""

from __future__ import annotations

import re
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
#: A host name, as a part of a regular expression.
HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*"
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

_WEB_HOST: Final = rf"(?:{HOST}\.?|{_IPV6})"
_well_formed = re.compile(
    rf"https://{_WEB_HOST}(?::(?!443\Z){_PORT})?"
    rf"|http://{_WEB_HOST}(?::(?!80\Z){_PORT})?"
    rf"|{_APP_SCHEME}://{_APP_HOST}(?::{_PORT})?"
    r"|null"
)
_pattern = re.compile(
    rf"(https?)://(\*\.)?({HOST}|{_IPV6})(?::({_PORT}|\*))?"
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

    Why it is not, and what to write instead, is for :func:`.spelling.correct` to say.
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
