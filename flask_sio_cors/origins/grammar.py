"""What a web origin is, and the pattern grammar of the configuration.

An origin is what browsers send in the ``Origin`` header: scheme, host and port, serialised
without a default port and without a path (HTML standard, "ASCII serialisation of an origin").
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

#: The longest origin that is looked at, in characters: scheme (32), "://", a DNS name or a
#: bracketed IPv6 address (253), ":" and port (6), and some air for extension identifiers.
MAX_ORIGIN_LENGTH: Final = 300

#: The longest name of a host (RFC 1035, section 2.3.4), without a dot at its end.
MAX_HOST_LENGTH: Final = 253

#: Origins without a host that browsers and app shells send for sandboxed documents and local
#: files. Any page can obtain ``null`` (a sandboxed iframe suffices), so they identify nobody.
OPAQUE_ORIGINS: Final = frozenset({"null", "file://"})


class Example(str):
    """A text that shows how something is written, where nobody can know what was meant."""

    __slots__ = ()


#: An origin that shows how one is written.
EXAMPLE: Final = Example("https://app.example.com")
#: And a wildcard.
EXAMPLE_WILDCARD: Final = Example("https://*.example.com")

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
#: An IPv6 address as it stands in an origin, likewise.
IPV6: Final = r"\[[0-9a-f:]{2,39}\]"
_APP_SCHEME: Final = r"(?!https?:)[a-z][a-z0-9+.-]{0,31}"
_APP_HOST: Final = r"[A-Za-z0-9._~-]{0,253}"
#: Schemes that no page has, as a part of a regular expression. The last are "http" and "https" with
#: letters lost or doubled.
NO_PAGES: Final = (
    "about|blob|data|filesystem|ftp|hxxps?|javascript|mailto|tel|view-source|wss?|[htps]{3,7}"
)

_WEB_HOST: Final = rf"(?:{HOST}\.?|{IPV6})"
# A label with a star in it, and something else; not one that anybody registers under a top level.
_PARTIAL: Final = r"(?=[a-z0-9_-]*\*[a-z0-9_-]*\.)(?!\*\.)[a-z0-9_*-]{2,63}"
_UNREGISTERED: Final = r"\.(?:localhost|local|internal|intranet|lan|home|home\.arpa|corp|test)"
_unregistered = re.compile(rf".*{_UNREGISTERED}\.?")
_PARTIAL_HOST: Final = rf"(?:{_LABEL}\.)*{_PARTIAL}(?:{_UNREGISTERED}|(?:\.{_LABEL}){{2,}})\.?"
_OCTETS: Final = re.compile(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*){0,2}")
_NETWORK: Final = (
    r"[0-9.]+/[0-9]{1,2}|(?:[0-9]{1,3}\.){1,3}\*(?:\.\*){0,2}|\[[0-9a-f:]+\]/[0-9]{1,3}"
)
#: Hosts that stand in instructions, for the reader to write another, as a part of an expression.
PLACEHOLDER: Final = (
    r"your[_-][a-z_-]+|(?:[a-z0-9-]+\.)*your[_-]?domain(?:name)?(?:\.[a-z]+)+|x{1,3}(?:\.x{1,3}){3}"
)
#: And what stands for an extension's identifier, likewise.
NO_EXTENSION: Final = r"(?:[Yy]our[_-])?[Ee]xtension[_-]?[Ii][Dd]|(?:[A-Z]+[_-])*ID|id"
# And what people write for a range of addresses, and no name ends in.
_NO_NAME: Final = re.compile(
    rf"{PLACEHOLDER}|(?:[0-9]{{1,3}}\.){{1,3}}(?:x{{1,3}}|[0-9]{{1,3}}-[0-9]{{1,3}})(?:\.x{{1,3}})*"
)
# What no app's page comes from: files have no host, and what an app opens has one.
_NO_APP: Final = re.compile(
    rf"file://.+|(?:ionic|tauri|[a-z-]+-extension)://|[a-z-]+-extension://(?:{NO_EXTENSION})"
)
# The name of a home's router, which is one at home alone.
_ROUTER: Final = re.compile(r"(?:.*\.)?fritz\.box")
_NUMBERS_LAST: Final = frozenset("0123456789abcdefABCDEFxX")
#: Networks whose addresses are nobody's in particular, so that no stranger has one from outside.
_PRIVATE: Final = """10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 169.254.0.0/16
    fc00::/7 fe80::/10 ::1/128""".split()
_well_formed = re.compile(
    rf"https://{_WEB_HOST}(?::(?!443\Z){PORT})?"
    rf"|http://{_WEB_HOST}(?::(?!80\Z){PORT})?"
    rf"|{_APP_SCHEME}://{_APP_HOST}(?::{PORT})?"
    r"|null"
)
_pattern = re.compile(
    rf"(https?)://(?:(\*\.)?({_WEB_HOST})|({_PARTIAL_HOST})|({_NETWORK}))(?::({PORT}|\*))?"
    rf"|({_APP_SCHEME})://({_APP_HOST})(?::({PORT}))?"
)


def is_well_formed(origin: str) -> bool:
    """Tell whether browsers could have serialised this text as an origin.

    Linear in the text's length, and at once for more than `MAX_ORIGIN_LENGTH` characters.
    """
    return len(origin) <= MAX_ORIGIN_LENGTH and _well_formed.fullmatch(origin) is not None


def split(origin: str) -> tuple[str, str, str]:
    """Return scheme, host as it is written, and port, of a well-formed origin."""
    scheme, host = urlsplit(origin)[:2]
    name, colon, port = host.rpartition(":")
    return (scheme, name, port) if colon and port.isdigit() else (scheme, host, "")


class OriginPattern(NamedTuple):
    """An origin of the configuration, or a family of origins that share a scheme.

    :param scheme: lower case, without the colon; ``null`` for the opaque origin.
    :param host: without the leading ``*.``; ``""`` where the scheme has no host. One that ends with
        a dot is another host than the one without. A star within a label stands for a part of it
        (``pr-*.example.com``), and a length for a network (``192.168.0.0/16``, ``[fd00::]/8``).
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
    def is_partial(self) -> bool:
        """Whether a star stands for a part of a label."""
        return "*" in self.host

    @property
    def is_network(self) -> bool:
        """Whether it names the addresses of a network."""
        return "/" in self.host

    @property
    def is_family(self) -> bool:
        """Whether it names more than one origin."""
        return self.subdomains or self.port == "*" or self.is_partial or self.is_network

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
    scheme, wildcard, host, partial, network, port, app_scheme, app_host, app_port = match.groups()
    if app_scheme is not None:
        # Pages from files have no host: "file://", or "null".
        if not is_app_scheme(app_scheme) or _NO_APP.fullmatch(text):
            return None
        return OriginPattern(app_scheme, app_host, app_port or "", False)
    if port and not is_explicit_port(scheme, port):
        return None
    if network is not None:
        host = private_network(network)
        return None if host is None else OriginPattern(scheme, host, port or "", False)
    if not _is_serialised_host(partial or host, wildcard):
        return None
    return OriginPattern(scheme, partial or host, port or "", wildcard is not None)


def private_network(text: str, *, strict: bool = True) -> str | None:
    """Return a network as ``10.0.0.0/16`` or ``[fd00::]/8``; ``None`` where it is no private one.

    :param text: one like these, or ``10.0.*.*``.
    :param strict: whether an address within it does not stand for it.
    """
    import ipaddress

    octets = _OCTETS.fullmatch(text)
    if octets is not None:
        known = octets[1].count(".")
        text = f"{octets[1]}{'0.' * (3 - known)}0/{8 * known}" if text.count(".") == 3 else ""
    try:
        network = ipaddress.ip_network(text.replace("[", "").replace("]", ""), strict)
    except ValueError:
        return None
    private = (ipaddress.ip_network(known) for known in _PRIVATE)
    if not any(known.version == network.version and network.subnet_of(known) for known in private):  # type: ignore[arg-type]
        return None
    address, _, length = str(network).partition("/")
    return f"[{address}]/{length}" if network.version == 6 else str(network)


def is_in_private_network(host: str) -> bool:
    """Tell whether a host, or a network, is one of a home or a company, without certificates."""
    is_name = re.fullmatch("[a-z0-9_*-]+", host) is not None
    address = host if "/" in host else f"{host}/{128 if host[:1] == '[' else 32}"
    is_home = has_unregistered_suffix(host) or _ROUTER.fullmatch(host) is not None
    return is_name or is_home or private_network(address) is not None


def ends_with_dot(pattern: OriginPattern) -> bool:
    """Tell whether a web origin ends with a dot, as what was copied from a sentence does.

    Before a port, or with apps, a dot does not come by accident.
    """
    return pattern.scheme in DEFAULT_PORTS and not pattern.port and pattern.host.endswith(".")


def is_app_scheme(scheme: str) -> bool:
    """Tell whether an app's or an extension's pages could have this scheme, in lower case."""
    return re.fullmatch(NO_PAGES, scheme) is None and re.fullmatch(_APP_SCHEME, scheme) is not None


def is_explicit_port(scheme: str, port: str) -> bool:
    """Tell whether a browser would write this port out in an origin of that scheme."""
    return port == "*" or (int(port) <= 65535 and DEFAULT_PORTS.get(scheme) != port)


def _is_serialised_host(host: str, wildcard: str | None) -> bool:
    """Tell whether a browser writes this host so (URL standard, "host serialising")."""
    if host[0] == "[":
        return wildcard is None and _is_serialised_ipv6(host[1:-1])
    name = host[:-1] if host[-1] == "." else host
    if "*" in name:
        # What a star makes of its own label is not known.
        name = ".".join(label for label in name.split(".") if "*" not in label)
    if len(name) > MAX_HOST_LENGTH:
        return False
    # Most names are told by their last letter from those that this is about.
    if name[-1:] in _NUMBERS_LAST and is_number(name.rpartition(".")[2]):
        return wildcard is None and _IPV4.fullmatch(host) is not None
    return not _NO_NAME.fullmatch(name) and ("xn--" not in name or not false_punycode(name))


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
    """Tell whether a host is this machine (Secure Contexts, "potentially trustworthy").

    :param host: or a network, whose addresses all are.
    """
    host = host.partition("/")[0].removesuffix(".")
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host in ("[::1]", "::1")
        or (host.startswith("127.") and is_address(host))
    )


def has_unregistered_suffix(name: str) -> bool:
    """Tell whether nobody registers names like this one: those of a home's or a company's network.

    Reserved (RFC 6761, RFC 6762, ``internal`` by ICANN), or never to be delegated.
    """
    return _unregistered.fullmatch(f".{name}") is not None


def is_insecure(origin: str) -> bool:
    """Tell whether anyone on the network path can speak in this well-formed origin's name."""
    if not origin.startswith("http://"):
        return False
    host = origin[7:] if origin.endswith("]") else re.sub(r":[0-9]+$", "", origin[7:])
    return not is_loopback(host)
