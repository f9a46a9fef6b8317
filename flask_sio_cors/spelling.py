"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. The text is mended step by step, each step giving its
reason, until it is an origin as browsers serialise it or until nothing more can be done.
"""

from __future__ import annotations

import difflib
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from .origins import (
    DEFAULT_PORTS,
    canonical_ipv4,
    canonical_ipv6,
    is_loopback,
    is_number,
    parse_pattern,
)

_PLACEHOLDER: Final = "https://app.example.com"
_REGEX_SIGNS: Final = re.compile(r"[\\^$()|{}]|\.[*+?]|\](?:[*+?])|\[[a-z0-9]-[a-z0-9]")
# "anything, a dot, this domain", in the spellings that people use for it.
_SUBDOMAIN_REGEX: Final = re.compile(
    r"\^?(https?)(\?)?://"
    r"(?:\(?(?:\?:)?(?:\.[*+]\??|\[[^\]]+\][*+]|\\w[*+]|\(?\.[*+]\)?)\)?)"
    r"\\\.((?:[a-z0-9-]+(?:\\?\.))+[a-z0-9-]+)\$?"
)
_PARTS: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z*][A-Za-z0-9+.*-]*)(?P<sep>:/*)|(?P<bare>//))?"
    r"(?:(?P<user>[^/?#]*)@)?(?P<authority>[^/?#\\]*)(?P<rest>.*)",
    re.DOTALL,
)
_HOST_PORT: Final = re.compile(
    r"(?P<host>\[[^\]]*\]|[^:]*|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*)(?::(?P<port>[^:]*))?"
)
_NO_ORIGIN_SCHEMES: Final = frozenset({"about", "blob", "data", "javascript"})


class Misspelling(NamedTuple):
    """Why a text is no origin of the configuration.

    :param reason: what was found and why it cannot work; a clause without a full stop.
    :param correction: Python source of the value to write instead; ``""`` where none is known.
    """

    reason: str
    correction: str


def correct(text: str) -> Misspelling:
    """Explain a text that :func:`~flask_sio_cors.origins.parse_pattern` does not accept."""
    if not text.strip():
        return Misspelling("is empty, and no origin is", repr(_PLACEHOLDER))
    if text.strip().lower() in ("null", "'null'", '"null"'):
        return Misspelling("is not spelled as browsers send it", repr("null"))
    if text.strip() == "*":
        return Misspelling(
            "means every origin, which leaves nothing for other entries to add", repr("*")
        )
    if _looks_like_a_regex(text):
        return _correct_regex(text)
    return _Mender(text).mend()


def _looks_like_a_regex(text: str) -> bool:
    return _REGEX_SIGNS.search(text) is not None


def _correct_regex(text: str) -> Misspelling:
    reason = "looks like a regular expression, but a string is compared as it is"
    family = _SUBDOMAIN_REGEX.fullmatch(text)
    if family and not family[2]:
        wildcard = f"{family[1]}://*.{family[3].replace(chr(92), '')}"
        if parse_pattern(wildcard):
            return Misspelling(reason, repr(wildcard))
    try:
        re.compile(text)
    except re.error as error:
        return Misspelling(f"{reason}, and is not a valid one either ({error})", repr(_PLACEHOLDER))
    return Misspelling(reason, _regex_source(text))


def _regex_source(pattern: str) -> str:
    raw = pattern if '"' not in pattern and not pattern.endswith("\\") else ""
    return f're.compile(r"{raw}")' if raw else f"re.compile({pattern!r})"


class _Mender:
    """Mends one text, collecting a reason at each step that changed it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reasons: list[str] = []

    def mend(self) -> Misspelling:
        text = self._clean(self.text)
        parts = _PARTS.fullmatch(text)
        if parts is None:
            return Misspelling("is not an origin", repr(_PLACEHOLDER))
        scheme_text, authority, rest = parts["scheme"] or "", parts["authority"], parts["rest"]
        if scheme_text and not authority and parts["sep"] == ":" and rest == "":
            scheme_text = ""
        if parts["sep"] == ":" and scheme_text.lower() not in DEFAULT_PORTS and authority:
            # "localhost:3000" and "example.com:8443": a host and its port, not a scheme.
            scheme_text, authority = "", f"{scheme_text}:{authority}"
        if scheme_text.lower() in _NO_ORIGIN_SCHEMES:
            return Misspelling(
                f'names a "{scheme_text.lower()}:" URL, which has no origin of its own: browsers '
                'send the origin of the page that made it, or "null"',
                repr("null"),
            )
        if scheme_text.lower() == "file":
            return Misspelling("is a path, where browsers send the scheme alone", repr("file://"))
        if parts["user"] is not None:
            self._found("has user information, which no origin contains")
        if rest:
            self._found(f"has a path, a query or a fragment ({rest!r}), which no origin contains")
        host, port = self._split_port(authority)
        scheme = self._mend_scheme(scheme_text, parts["sep"], host)
        if scheme not in DEFAULT_PORTS:
            return self._finish_app_origin(scheme, host, port)
        if not host:
            return Misspelling("has no host", repr(_PLACEHOLDER))
        if "*" in host.removeprefix("*.") or scheme_text == "*":
            return self._correct_glob(scheme, host, port)
        return self._finish(scheme, self._mend_host(host), self._mend_port(scheme, port))

    def _found(self, reason: str) -> None:
        self.reasons.append(reason)

    def _clean(self, text: str) -> str:
        cleaned = "".join(c for c in text if c.isprintable()).strip().strip("'\"`<>,;").strip()
        if cleaned != text:
            self._found("has white space, quotes or control characters around or in it")
        return cleaned

    def _split_port(self, authority: str) -> tuple[str, str | None]:
        match = _HOST_PORT.fullmatch(authority)
        if match is None:
            host, _, port = authority.rpartition(":")
            return host, port
        return match["host"], match["port"]

    def _mend_scheme(self, scheme: str, separator: str | None, host: str) -> str:
        guess = "http" if is_loopback(host.lower().removeprefix("*.")) else "https"
        if scheme == "*":
            self._found("has no scheme that browsers could send")
            return guess
        if not scheme:
            self._found("has no scheme, and every origin starts with one")
            return guess
        lowered = scheme.lower()
        if lowered != scheme:
            self._found("has upper-case letters in its scheme, which browsers send in lower case")
        if lowered in ("ws", "wss"):
            self._found(
                f'has the scheme of the socket ("{lowered}:"), where browsers send that of the page'
            )
            return "https" if lowered == "wss" else "http"
        if lowered not in DEFAULT_PORTS and difflib.get_close_matches(
            lowered, DEFAULT_PORTS, cutoff=0.7
        ):
            self._found(f'has the scheme "{lowered}:", which no browser sends')
            return "http" if lowered in ("htp", "htttp", "hppt", "http-") else "https"
        if separator != "://":
            self._found('has no "://" after its scheme')
        return lowered

    def _mend_host(self, host: str) -> str:
        wildcard = "*." if host.startswith("*.") else ""
        host = host.removeprefix("*.")
        if "%" in host:
            self._found("has percent-encoding in its host, which browsers decode")
            host = unquote(host)
        lowered = host.lower()
        if lowered != host and host.isascii():
            self._found("has upper-case letters in its host, which browsers send in lower case")
        host = lowered
        if not host.isascii():
            host = self._to_punycode(host)
        if host.endswith("."):
            self._found("ends its host with a dot, which makes it another host")
            host = host.rstrip(".")
        if ":" in host or host.startswith("["):
            host = self._mend_ipv6(host)
        elif is_number(host.rpartition(".")[2]):
            host = self._mend_ipv4(host)
        if wildcard and (host.startswith("[") or canonical_ipv4(host) == host):
            self._found("has a wildcard before an IP address, which has no subdomains")
            wildcard = ""
        return wildcard + host

    def _to_punycode(self, host: str) -> str:
        import idna

        self._found("has letters outside ASCII in its host, which browsers send as punycode")
        try:
            return idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            self._found(f"is not a valid international host name ({error})")
            return host

    def _mend_ipv6(self, host: str) -> str:
        address, percent, _ = host.strip("[]").partition("%")
        canonical = canonical_ipv6(address)
        if canonical is None:
            self._found("has an IPv6 address that is none")
            return host
        if percent:
            self._found("has an IPv6 zone, which no origin contains")
        elif canonical != host:
            self._found("has an IPv6 address that is not in the form that browsers send")
        return canonical

    def _mend_ipv4(self, host: str) -> str:
        canonical = canonical_ipv4(host)
        if canonical is None:
            self._found("ends in a number, which makes its host an IPv4 address, but it is not one")
            return host
        if canonical != host:
            self._found("has an IPv4 address that is not in the form that browsers send")
        return canonical

    def _mend_port(self, scheme: str, port: str | None) -> str:
        if not port:
            if port == "":
                self._found("has a colon without a port")
            return ""
        if port == "*":
            return port
        if not (port.isascii() and port.isdigit()) or not 1 <= int(port[:9]) <= 65535:
            self._found(f"has the port {port!r}, where a number from 1 to 65535 or * can stand")
            return "*"
        if port != str(int(port)):
            self._found("has a port with leading zeros")
            port = str(int(port))
        if DEFAULT_PORTS[scheme] == port:
            self._found(f'names the default port of "{scheme}:", which browsers leave out')
            return ""
        return port

    def _correct_glob(self, scheme: str, host: str, port: str | None) -> Misspelling:
        self._found(
            'has a "*" where none can stand: it stands for whole labels at the start of the host '
            '("https://*.example.com") or for the port ("http://localhost:*")'
        )
        bare = host.lstrip("*.").lower()
        if host in ("*", "**"):
            return Misspelling(self._reason(), _regex_source(rf"{scheme}://.+"))
        if "*" not in bare:
            kind = "*." if host.startswith("*") else ""
            return self._finish(scheme, self._mend_host(kind + bare), self._mend_port(scheme, port))
        if not re.fullmatch(r"[a-z0-9_.*-]+", bare) or bare.endswith("*"):
            return Misspelling(self._reason(), repr(_PLACEHOLDER))
        labels = r"\.".join(
            re.escape(label).replace(r"\*", "[a-z0-9-]+").replace(r"\-", "-")
            for label in bare.split(".")
        )
        number = re.escape(self._mend_port(scheme, port)).replace(r"\*", "[0-9]+")
        suffix = f":{number}" if number else ""
        return Misspelling(self._reason(), _regex_source(f"{scheme}://{labels}{suffix}"))

    def _finish_app_origin(self, scheme: str, host: str, port: str | None) -> Misspelling:
        if "*" in host or port == "*":
            self._found("has a wildcard, which only http: and https: origins can have")
            return Misspelling(
                self._reason(), _regex_source(rf"{re.escape(scheme)}://[A-Za-z0-9._-]+")
            )
        return self._finish(scheme, host, port or "")

    def _finish(self, scheme: str, host: str, port: str) -> Misspelling:
        mended = f"{scheme}://{host}{':' + port if port else ''}"
        if parse_pattern(mended) is None:
            self._found("has a host that no browser sends")
            return Misspelling(self._reason(), repr(_PLACEHOLDER))
        return Misspelling(self._reason(), repr(mended))

    def _reason(self) -> str:
        return "; ".join(self.reasons) or "is not an origin"
