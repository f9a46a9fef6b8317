"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. A text that is something else altogether (a word, several
origins, a regular expression, a template) is recognised first; any other is taken apart, and put
together again as browsers would write it, which `ada_url` knows (URL standard). A correction never
lets in a domain that strangers can register unless the text named it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import Final, NamedTuple

from .codes import Code, Said, together
from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    MAX_HOST_LENGTH,
    PLACEHOLDER,
    PORT,
    ends_with_dot,
    false_punycode,
    is_address,
    is_app_scheme,
    is_in_private_network,
    is_loopback,
    parse_pattern,
    private_network,
)
from .regexes import correct_glob, explain_regex, regex_text
from .texts import HOST_AND_PORT, are_origins, is_origin_like


class Misspelling(NamedTuple):
    """Why a text is no origin of the configuration.

    :param reason: what was found and why it cannot work; a clause without a full stop.
    :param correction: what to write instead of the text: origins, and expressions as ``regex:…``;
        nothing where it is to be left out.
    """

    reason: Said
    correction: tuple[str, ...]


def correct(text: str) -> Misspelling:
    """Explain a text that the configuration does not accept as an origin."""
    bare = text.strip()
    found = (
        _explain_word(bare.strip(_QUOTES).strip().lower())
        or _explain_source(bare)
        or _explain_several(bare)
        or _explain_network(bare.lower())
        or explain_regex(bare)
        or _mend(text)
    )
    return Misspelling(*found)


def corrected(text: str) -> tuple[str, ...]:
    """Return what to write instead of a text; itself where it is an origin."""
    pattern = parse_pattern(text)
    return correct(text).correction if pattern is None or ends_with_dot(pattern) else (text,)


# --- What is no origin at all -----------------------------------------------------------------

_Explained = tuple[Said, tuple[str, ...]] | None

_QUOTES: Final = "'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
# fmt: off
_WORDS: Final = (
    (r"(?:\[\]|\(\)|\{\})?", Code.ORIGIN_EMPTY),
    ("true|false|yes|no|on|off|-?[0-9]+", Code.ORIGIN_IS_VALUE, EXAMPLE),
    ("null", Code.ORIGIN_MISSPELT, "null"),
    (r"file:?/{0,3}\*?", Code.ORIGIN_MISSPELT, "file://"),
    ("https?:?/{0,2}", Code.ORIGIN_IS_SCHEME, EXAMPLE),
    (r"(?:(?:http[s?*]*|\*)://)?[.:^]*[*+][.:*+$]*|all|any|every(?:one|body|thing)?",
     Code.ORIGIN_MEANS_ALL, EXAMPLE),
    ("none|nil|undefined|self|same[_-]?origin",
     Code.ORIGIN_IS_OWN),
    ("((?:about|data|javascript|mailto|tel):)(?![0-9*]).*",
     Code.ORIGIN_OF_OPENER, EXAMPLE),
)
# fmt: on
_HEADER: Final = re.compile(r"(?:access-control-allow-origin|origin)s?\s*[:=]\s*(.+)", re.I | re.S)
_PYTHON_REGEX: Final = re.compile(r"""(?:re\.compile\(\s*r?|r)(["'])(.+)\1\s*\)?""", re.DOTALL)
_REGEX_WORD: Final = re.compile(r"regexp?\s*[:=]\s*(.+)", re.IGNORECASE)
_TEMPLATE: Final = re.compile(
    r"\$\{?[A-Za-z_]|\{\{?\s*[A-Za-z_]\w*\s*\}|%s|%\(\w+\)s|<[\w-]+>|%[A-Z_]+%"
    r"|\benviron\b|\bgetenv\b|\Alambda|\Adef |\b(?:YOUR|MY)[_-][A-Z_-]+\b"
    rf"|(?:(?<=//)|\A)(?:{PLACEHOLDER}|\[(?:ip|host|port)\]"
    r"|(?:[A-Z]+[_-])*(?:IP|HOST|HOSTNAME|DOMAIN|ADDRESS|SERVER|URL))(?=[:/]|\Z)"
)
_URL: Final = re.compile(rf"(?<![\w/=?&@.-])https?://{HOST_AND_PORT}")
# A comment behind a URL, or a quote or a bracket before one.
_IN_ANOTHER_TEXT: Final = re.compile(r"\s(?:#|//)|[\"'{#\s]\s*https?://", re.IGNORECASE)


def _explain_word(word: str) -> _Explained:
    for pattern, code, *correction in _WORDS:
        if found := re.fullmatch(pattern, word, re.DOTALL):
            return code.said(*found.groups()), tuple(correction)
    return None


def _explain_source(text: str) -> _Explained:
    """Recognise a header, and what a program should have evaluated and did not."""
    if header := _HEADER.fullmatch(text):
        return Code.ORIGIN_IS_HEADER.said(), corrected(header[1])
    if regex := _REGEX_WORD.fullmatch(text):
        return Code.REGEX_UPPER_CASE.said(), regex_text(regex[1])
    if python := _PYTHON_REGEX.fullmatch(text):
        return Code.ORIGIN_IS_SOURCE.said(), regex_text(python[2])
    if re.fullmatch(r"file:[^\s,;|]*", text, re.IGNORECASE):
        return _explain_file(text)
    if _TEMPLATE.search(text):
        return Code.ORIGIN_UNFILLED.said(), (EXAMPLE,)
    return None


_IN_A_URL: Final = r"(?:(?P<scheme>https?)\W+)?{}(?P<port>:[0-9*]+)?/?"
#: `10.0.0.7/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`, `http://[fd00::/8]:3000`.
_NETWORK: Final = re.compile(
    _IN_A_URL.format(
        r"\[?(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}|[0-9a-f:]*::[0-9a-f:]*)\]?"
        r"/(?P<length>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]{1,3})\]?"
    )
)
#: `192.168.*`, `192.168.1.x`, `192.168.1.0-255`.
_OPEN_OCTETS: Final = re.compile(
    _IN_A_URL.format(
        r"(?P<address>[0-9]{1,3}(?:\.[0-9]{1,3}){0,2})"
        r"(?:\.(?:\*|[xn?#]{1,3}|[\[{(]?[01](?:-|\.\.\.?)25[45][\])}]?))+"
    )
)
#: `192.168.1.10-20`, `192.168.1.10-192.168.1.20`.
_RANGE: Final = re.compile(
    _IN_A_URL.format(
        r"(?P<head>(?:[0-9]{1,3}\.){3})[\[{(]?(?P<first>[0-9]{1,3})(?:\s?-\s?|\.\.\.?)(?P=head)?"
        r"(?P<last>[0-9]{1,3})[\])}]?"
    )
)


def _explain_network(text: str) -> _Explained:
    """Recognise a network however it is written."""
    for form in (_NETWORK, _OPEN_OCTETS, _RANGE):
        if found := form.fullmatch(text):
            break
    else:
        return None
    parts = found.groupdict()
    networks = _networks(**parts)
    if not networks:
        return Code.NETWORK_PUBLIC.said(), (EXAMPLE,)
    port = parts["port"] or ("" if parts["scheme"] else ":*")
    return Code.NETWORK_MISSPELT.said(), tuple(
        f"{parts['scheme'] or 'http'}://{one}{port}" for one in networks
    )


def _networks(
    address: str = "",
    length: str = "",
    head: str = "",
    first: str = "",
    last: str = "",
    **_: object,
) -> list[str]:
    """Return what a text means, each as `private_network` has it; none where it is not private."""
    if head:
        import ipaddress

        try:
            ends = (ipaddress.IPv4Address(f"{head}{int(end)}") for end in (first, last))
            meant = [str(one) for one in ipaddress.summarize_address_range(*ends)]
        except ValueError:
            return []
    else:
        octets = address.split(".")
        length = length or str(8 * len(octets))
        padded = address if ":" in address else ".".join([*octets, "0", "0", "0"][:4])
        meant = [f"{padded}/{length}"]
    networks = [private_network(one, strict=False) for one in meant]
    return [one for one in networks if one] if all(networks) else []


def _explain_several(text: str) -> _Explained:
    """Recognise a list in one text: `a, b`, `a b`, or Python's or JSON's brackets around them."""
    is_list = text[:1] in "[(" and text[-1:] in "])" and re.search(r"[\"']|://", text)
    inner = text[1:-1] if is_list else text
    pieces = [piece.strip(_QUOTES) for piece in re.split(r"[\s,;|]+", inner) if piece]
    if not all(map(is_origin_like, pieces)):
        pieces = _URL.findall(text)
        if len(pieces) == 1 and not _IN_ANOTHER_TEXT.search(text):
            return None
    is_torn = not re.search("[,;|]", text) and not are_origins(pieces)
    if not pieces or pieces == [text.strip(_QUOTES)] or is_torn:
        return None
    code = Code.ORIGINS_IN_ONE if len(pieces) > 1 else Code.ORIGIN_SURROUNDED
    return code.said(), tuple(chain.from_iterable(map(corrected, pieces)))


# --- An origin with mistakes ------------------------------------------------------------------


def _host_of(url: str) -> str | None:
    """Return the host of a URL as browsers write it, or ``None`` where they take it for no URL."""
    from ada_url import URL  # which only a mistake needs

    try:
        return str(URL(url).hostname)
    except ValueError:
        return None


def _explain_file(url: str) -> tuple[Said, tuple[str, ...]]:
    if _host_of(url) == "":
        return Code.FILE_HAS_PATH.said(), ("file://",)
    return Code.FILE_HAS_HOST.said(), (EXAMPLE,)


def _parsed(host: re.Match[str]) -> str:
    return _host_of(f"http://{host[0]}") or host[0]


def _lower(text: re.Match[str]) -> str:
    return text[0].lower()


def _scheme_of_page(scheme: re.Match[str]) -> str:
    if scheme[0] in ("*", *DEFAULT_PORTS) or is_app_scheme(scheme[0]):
        return scheme[0]
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*|http.?", scheme[0]):
        return scheme[0]  # which was meant, nobody can know
    return "http" if set(scheme[0]) <= set("htp") else "https"


def _one_port_or_any(port: re.Match[str]) -> str:
    return ":*" if re.match("(?!-).*(?:[*?xX-]|any|all)", port[1], re.DOTALL) else ""


_UNSEEN: Final = r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_SPACE: Final = rf"^\s+|\s+$|{_UNSEEN}+|\s+(?=[:/])|(?<=[:/])\s+"
_WRAPPING: Final = rf"^[{_QUOTES}<>,;]+|[{_QUOTES}<>,;]+$"
_APP: Final = "(?:capacitor|ionic|tauri|app|[a-z-]+-extension)"
_SLASHES: Final = rf"(?i)^(?:(https?)(?:[:;.]?[/\\]+|[:;])|({_APP}):/?(?!/|[0-9]+(?:[/?#]|$)))"
_REST: Final = r"^((?:[^:/?#\\]*:?//)?[^/?#\\]+)((?!(?<=:)//)(?:[/#\\]|\?(?![.-])).*)"
# Four digits at the end of a short address are rather a port.
_IPV6: Final = (
    r"^(.*//)?(?=[^/]*:[^/]*:)([0-9A-Fa-f:]*::[0-9A-Fa-f:]*[0-9A-Fa-f](?=:(?:[0-9]{4,5}|\*)$)"
    r"|[0-9A-Fa-f:]+)(:[0-9*]+)?$"
)
_NUMBER: Final = r"(?:[^:\[/]*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?(?=:|$)"
# In this order: what no origin holds, what takes its place, and what is said of it.
# fmt: off
_IN_ANY_TEXT: Final = (
    (r"(?<=\S)\s*[\r\n](?=.*\S).*", "", Code.ORIGIN_HAS_LINES),
    (_SPACE, "", Code.ORIGIN_HAS_SPACE),
    (_WRAPPING, "", Code.ORIGIN_HAS_QUOTES),
    (r"^([^\[]*)\]$|^\[([^\]]*)$", r"\1\2", Code.ORIGIN_HAS_QUOTES),
    ("(?i)^(blob|filesystem|view-source):(?=[a-z]+:)", "", Code.ORIGIN_HAS_PREFIX),
    (_SLASHES, r"\1\2://", Code.ORIGIN_LACKS_SLASHES),
    (r"(^|//)[^/?#\\]*@", r"\1", Code.ORIGIN_HAS_USER),
    ("^[^:/]*[A-Z][^:/]*(?=://)", _lower,
     Code.SCHEME_UPPER_CASE),
    ("^ws(s?)(?=://)", r"http\1", Code.SCHEME_OF_SOCKET),
    ("^[^:/]+(?=://)", _scheme_of_page, Code.SCHEME_UNKNOWN),
    (_REST, r"\1", Code.ORIGIN_HAS_PATH),
    ("(?<=[^:/]):$", "", Code.PORT_MISSING),
    (r"(:[0-9A-Fa-f]*:[0-9A-Fa-f.]*)%\w+", r"\1", Code.HOST_HAS_ZONE),
    (_IPV6, r"\1[\2]\3", Code.HOST_LACKS_BRACKETS),
)
_IN_WEB_ORIGINS: Final = (
    (r"(?<=//)[^:\[]*%[^:]*", _parsed, Code.HOST_PERCENT_ENCODED),
    (r"(?<=//)[^:]*[^\0-\x7f][^:]*", _parsed,
     Code.HOST_NOT_ASCII),
    (r"(?<=//)[^:\[]*[A-Z][^:]*", _lower,
     Code.HOST_UPPER_CASE),
    (":0+(?=[1-9][0-9]*$)", ":", Code.PORT_HAS_ZEROS),
    (rf":(?!//|\*$|{PORT}$|.*\?[.-])([^:\]]*)$", _one_port_or_any,
     Code.PORT_INVALID),
    ("^(?=http:.*:80$|https:.*:443$)([a-z]+)(://.*):[0-9]+$", r"\1\2",
     Code.PORT_DEFAULT),
    (r"(?<=//)(?:\*localhost|localhost\*)$", "localhost:*", Code.STAR_MISPLACED),
    (r"(?<=//)(?:\*localhost|localhost\*)(?=:)", "localhost", Code.STAR_MISPLACED),
    (r"(?<=//)\*[*.]*(?=[a-z0-9_])", "*.", Code.STAR_MISPLACED),
    (r"\.{2,}", ".", Code.HOST_HAS_EMPTY_LABEL),
    (r"(?<=//)\.(?=.)", "*.", Code.HOST_STARTS_WITH_DOT),
    (rf"(?<=//)\*\.(?=\[|{_NUMBER})", "",
     Code.STAR_BEFORE_ADDRESS),
    (rf"(?<=//){_NUMBER}", _parsed, Code.IPV4_MISSPELT),
    (r"(?<=//)\[[^\]]*\](?=:|$)", _parsed, Code.IPV6_MISSPELT),
    # Before a port, a dot is nothing that the end of a sentence has left: there it is meant.
    (r"(?<=[^*/.])\.$", "",
     Code.HOST_ENDS_WITH_DOT),
)
# fmt: on
_Slips = tuple[tuple[str, str | Callable[[re.Match[str]], str], Code], ...]


def _replace(slips: _Slips, text: str, reasons: list[Said]) -> str:
    for sign, replacement, code in slips:
        found = re.search(sign, text, re.DOTALL)
        mended = re.sub(sign, replacement, text, flags=re.DOTALL)
        if found and mended != text:
            reasons.append(code.said(found[0], *found.groups()))
        text = mended
    return text


def _mend(text: str) -> tuple[Said, tuple[str, ...]]:
    reasons: list[Said] = []
    text = _with_scheme(_replace(_IN_ANY_TEXT, text, reasons), reasons)
    if text.startswith(("http://", "https://")):
        text = _replace(_IN_WEB_ORIGINS, text, reasons)
    scheme, _, site = text.partition("://")
    if parse_pattern(text):
        correction: tuple[str, ...] = (text,)
    elif scheme in DEFAULT_PORTS and "*" in site.removeprefix("*.").removesuffix(":*"):
        more, correction = correct_glob(scheme, site)
        reasons = [one for one in reasons if one.code is not Code.STAR_MISPLACED]
        reasons.append(Code.STAR_MISPLACED.said().more(more))
    elif is_app_scheme(scheme) and "*" in site:
        _, correction = correct_glob(scheme, site)
        reasons.append(Code.STAR_IN_APP.said())
    else:
        reasons.append(_why_no_origin(scheme, site))
        correction = (EXAMPLE,)
    return together(reasons), correction


def _with_scheme(text: str, reasons: list[Said]) -> str:
    scheme, separator, site = text.rpartition("//")
    if separator and scheme not in ("", ":", "*:"):
        return text
    reasons.append(Code.SCHEME_MISSING.said())
    host = re.sub(r"^\*\.|:[^:\]]*$", "", site.lower())
    is_plain = site.endswith(":80") or is_loopback(host) or is_in_private_network(host)
    return f"{'http' if is_plain else 'https'}://{site}"


def _why_no_origin(scheme: str, site: str) -> Said:
    host = re.sub(r":[0-9*]+$", "", site)
    if scheme not in DEFAULT_PORTS and not is_app_scheme(scheme):
        return Code.SCHEME_UNKNOWN.said(scheme)
    if not host:
        return Code.HOST_MISSING.said()
    return Code.HOST_INVALID.said(_why_no_host(host))


def _why_no_host(host: str) -> str:
    if re.search(r"\?[.-]", host):
        return 'has a "?", which stands for nothing'
    if is_address(host) and host[0] != "[":
        return "ends in a number, which makes its host an IPv4 address, but it is not one"
    if set(host) & set("[]:"):
        return "has colons or brackets in its host, but no IPv6 address"
    if odd := sorted({c for c in host.removeprefix("*.") if not re.match(r"[a-z0-9_.-]", c)}):
        return f"has characters in its host that no host name has ({' '.join(map(ascii, odd[:5]))})"
    if any(len(label) > 63 for label in host.split(".")):
        return "has more than 63 characters between two dots of its host"
    if len(host) > MAX_HOST_LENGTH:
        return f"has a host of more than {MAX_HOST_LENGTH} characters"
    if label := false_punycode(host):
        return f'has "{label}" in its host, the punycode of no name; copy it whole'
    return "has a host that no browser sends"
