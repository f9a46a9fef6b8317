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

#: The longest name of a host (RFC 1035, section 2.3.4), without a dot at its end.
MAX_HOST_LENGTH: Final = 253

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
#: A port, as a part of a regular expression.
PORT: Final = (
    r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_BYTE: Final = r"(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_IPV4: Final = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
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
    rf"https://{_WEB_HOST}(?::(?!443\Z){PORT})?"
    rf"|http://{_WEB_HOST}(?::(?!80\Z){PORT})?"
    rf"|{_APP_SCHEME}://{_APP_HOST}(?::{PORT})?"
    r"|null"
)
_pattern = re.compile(
    rf"(https?)://(\*\.)?({_WEB_HOST})(?::({PORT}|\*))?"
    rf"|({_APP_SCHEME})://({_APP_HOST})(?::({PORT}))?"
)


def is_well_formed(origin: str) -> bool:
    """Tell whether browsers could have serialised this text as an origin.

    Linear in the text's length, and at once for more than `MAX_ORIGIN_LENGTH` characters.
    """
    return len(origin) <= MAX_ORIGIN_LENGTH and _well_formed.fullmatch(origin) is not None


class OriginPattern(NamedTuple):
    """An origin of the configuration, or a family of origins that share a scheme.

    :param scheme: lower case, without the colon; ``null`` for the opaque origin.
    :param host: without the leading ``*.``; ``""`` where the scheme has no host. One that ends with
        a dot is another host than the one without.
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
        # Pages from files have no host: "file://", or "null".
        if not is_app_scheme(app_scheme) or (app_scheme == "file" and text not in OPAQUE_ORIGINS):
            return None
        return OriginPattern(app_scheme, app_host, app_port or "", False)
    if (port and not is_explicit_port(scheme, port)) or not _is_serialised_host(host, wildcard):
        return None
    return OriginPattern(scheme, host, port or "", wildcard is not None)


def ends_with_dot(pattern: OriginPattern) -> bool:
    """Tell whether a web origin ends with a dot, as what was copied from a sentence does.

    Before a port, or with apps, a dot does not come by accident.
    """
    return pattern.scheme in DEFAULT_PORTS and not pattern.port and pattern.host.endswith(".")


def is_app_scheme(scheme: str) -> bool:
    """Tell whether an app's or an extension's pages could have this scheme, in lower case."""
    return _NO_PAGES.fullmatch(scheme) is None and re.fullmatch(_APP_SCHEME, scheme) is not None


def is_explicit_port(scheme: str, port: str) -> bool:
    """Tell whether a browser would write this port out in an origin of that scheme."""
    return port == "*" or (int(port) <= 65535 and DEFAULT_PORTS.get(scheme) != port)


def _is_serialised_host(host: str, wildcard: str | None) -> bool:
    """Tell whether a browser writes this host so (URL standard, "host serialising")."""
    if host[0] == "[":
        return wildcard is None and _is_serialised_ipv6(host[1:-1])
    name = host.removesuffix(".")
    if len(name) > MAX_HOST_LENGTH:
        return False
    if is_address(name):
        return wildcard is None and _IPV4.fullmatch(host) is not None
    return "xn--" not in name or not false_punycode(name)


def _is_serialised_ipv6(address: str) -> bool:
    import ipaddress

    # Newer Pythons give ::ffff:7f00:1 a dotted tail, which browsers never do. Whether an address is
    # shortened as it should be does not hang on which digits its groups have.
    address = address.replace("::ffff:", "::fffe:")
    try:
        return ipaddress.IPv6Address(address).compressed == address
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address, well spelled or not.

    A last label that is a number makes it one (URL standard, "ends in a number").
    """
    return host.startswith("[") or is_number(host.removesuffix(".").rpartition(".")[2])


def is_number(label: str) -> bool:
    """Tell whether a label makes its host an IPv4 address (URL standard, "ends in a number")."""
    return label.isdigit() or (
        label[:2] in ("0x", "0X") and all(c in "0123456789abcdefABCDEF" for c in label[2:])
    )


def false_punycode(host: str) -> str | None:
    """Return a label in which a host has the punycode of no name, or ``None``.

    Whoever types a name is never sent to such a label; it is a slip of who copied it. (The URL
    standard's parser lets them pass where the whole host is ASCII, for old hosts' sake.)

    :param host: in lower case and ASCII.
    """
    from ada_url import idna_to_ascii, idna_to_unicode  # which few hosts need

    for label in host.split("."):
        if label.startswith("xn--"):
            name = idna_to_unicode(label)
            if name.isascii() or idna_to_ascii(name).decode() != label:
                return label
    return None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine (Secure Contexts, "potentially trustworthy")."""
    host = host.removesuffix(".")
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host in ("[::1]", "::1")
        or (host.startswith("127.") and is_address(host))
    )


def is_insecure(origin: str) -> bool:
    """Tell whether anyone on the network path can speak in this well-formed origin's name."""
    if not origin.startswith("http://"):
        return False
    host = origin[7:] if origin.endswith("]") else re.sub(r":[0-9]+$", "", origin[7:])
    return not is_loopback(host)
