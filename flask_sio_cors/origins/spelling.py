"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. A text that is something else altogether (a word, a network,
several origins, a regular expression) is recognised first. In any other, what people mean is put in
the place of what they write, by the tables below, and the rest is the URL standard's, whose parser
`ada_url` is. A correction never lets in a domain that strangers can register unless the text named
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, NamedTuple
from urllib.parse import unquote

from .codes import Code, Said, together
from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    PLACEHOLDER,
    PORT,
    ends_with_dot,
    false_punycode,
    is_app_scheme,
    is_in_private_network,
    is_loopback,
    parse_pattern,
    private_network,
)
from .regexes import Explained, explain_glob, explain_regex, meaning_of_regex, regex_text
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
    bare = text.strip().strip(_QUOTES).strip()
    return Misspelling(
        *(
            _explain_kind(bare)
            or _explain_network(bare.lower())
            or _explain_several(bare)
            or explain_regex(bare)
            or _mend(text)
        )
    )


def corrected(text: str) -> tuple[str, ...]:
    """Return what to write instead of a text; itself where it is an origin."""
    pattern = parse_pattern(text)
    return correct(text).correction if pattern is None or ends_with_dot(pattern) else (text,)


# --- What is no origin at all -----------------------------------------------------------------

_QUOTES: Final = "'\"`\\\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_UNFILLED: Final = (
    r"[$#]\{|\$\(?\s?[A-Za-z_]|\{\{.{1,200}?\}\}|\{\s*[A-Za-z_]\w*\s*\}|<%|%s|%\(\w+\)s|(?<![?P])<[\w\s-]+>|://:[a-z]"
    r"|([%@]|__)[A-Z_]+\1|\[\[.{1,200}?\]\]|\A(?:CHANGE_?ME|REPLACE_?ME|TODO|FIXME|PLACEHOLDER)\Z"
    r"|\b(?:environ|getenv|process\.env|import\.meta)\b|\Alambda|\Adef |\b(?:YOUR|MY)[_-][A-Z_-]+\b"
    rf"|(?:(?<=//)|\A)(?:{PLACEHOLDER}|\[(?:ip|host|port)\]"
    r"|(?:[A-Z]+[_-])*(?:IP|HOST|HOSTNAME|DOMAIN|ADDRESS|SERVER|URL))(?=[:/]|\Z)"
)
_SHOWN: Final = (EXAMPLE,)
# What a text is, whole, what is said of it, and what to write: of its last group, where a function.
# fmt: off
_KINDS: Final[tuple[tuple[str, Code, tuple[str, ...] | Callable[[str], tuple[str, ...]]], ...]] = (
    (r"(?i)(?:\[\]|\(\)|\{\}|-+|n/a)?", Code.ORIGIN_EMPTY, ()),
    (r"(?:!\s*|-)(?:https?:|\*\.).*", Code.ORIGIN_EXCLUDED, _SHOWN),
    (r"#(?!\{).*|//\s.*", Code.IS_COMMENT, ()),
    (r"\.{0,2}/(?!/|[.*+]+/$)[\w./*-]*|[A-Za-z]:\\.*|[\w./\\-]+\.(?:html?|txt|json|ya?ml|toml|ini|env|csv)",
     Code.ORIGIN_IS_PATH, _SHOWN),
    ("(?i)true|false|yes|no|on|off|-?[0-9]+", Code.ORIGIN_IS_VALUE, _SHOWN),
    ("(?i)null", Code.ORIGIN_MISSPELT, ("null",)),
    (r"(?i)file:?/{0,3}\*?", Code.ORIGIN_MISSPELT, ("file://",)),
    (r"(?i)file:(?://localhost(?=/))?(?:/{3}|/(?!/)|(?!//)|//[a-z]:)[^\s,;|]*", Code.FILE_HAS_PATH,
     ("file://",)),
    (r"(?i)file:[^\s,;|]*", Code.FILE_HAS_HOST, _SHOWN),
    ("(?i)https?:?/{0,2}", Code.ORIGIN_IS_SCHEME, _SHOWN),
    (r"(?i)(?:(?:http[s?*]*|\*)://)?[.:^]*[*+][.:*+$]*|\^https?\??:/*|(?:allow[_-]?)?(?:all|any)|every(?:one|body|thing)?",
     Code.ORIGIN_MEANS_ALL, _SHOWN),
    ("(?i)none|nil|undefined|self|same[_-]?origin", Code.ORIGIN_IS_OWN, ()),
    ("(?i)((?:about|data|javascript|mailto|tel):)(?![0-9*]).*", Code.ORIGIN_OF_OPENER, _SHOWN),
    (r"(?i)(?:(?:export|setx?)\s+|\$env:)?(?:(?:access-control-allow-|[a-z_]*_)?origins?\s*[:=]|[\w.-]+\s*=(?=.*://))"
     r"\s*(.+)",
     Code.ORIGIN_IS_HEADER, corrected),
    (r"(?i)(?:regexp?|re|pattern)\s*[:=]\s*(.+)", Code.REGEX_UPPER_CASE, regex_text),
    (r"""(?:(?:re\.compile|(?:new )?RegExp)\(\s*r?|r)(["'])(.+?)(?:\1\s*\)?)?""",
     Code.ORIGIN_IS_SOURCE, meaning_of_regex),
    ("(?i)([^/?#]*(?://[^/?#]*)?%(?:0[ad]|2[02cf]|3[abd]).*)", Code.HOST_PERCENT_ENCODED,
     lambda text: corrected(unquote(text))),
    (rf"(?=.*(?:{_UNFILLED})).*", Code.ORIGIN_UNFILLED, _SHOWN),
)
# fmt: on


def _explain_kind(text: str) -> Explained:
    for pattern, code, meant in _KINDS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            instead = meant(found[found.lastindex or 0]) if callable(meant) else meant
            return code.said(*found.groups()), instead
    return None


_V4: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}"
#: `10.0.0.7/8`, `fd00::/8`; `192.168.*`, `192.168.1.x`; `192.168.1.10-20`, in a URL or alone.
_NETWORK: Final = re.compile(
    r"(?:(?P<scheme>https?)\W+)?"
    rf"(?:(?P<address>[0-9a-f:]*::[0-9a-f:]*|{_V4})/(?P<length>[0-9.]+)"
    rf"|(?P<head>{_V4})(?:\.(?:\*|[xn?#]{{1,3}}|[01](?:-|\.\.\.?)25[45]))+"
    r"|(?P<first>(?:[0-9]{1,3}\.){3}[0-9]{1,3})\s?(?:-|\.\.\.?)\s?(?P<last>[0-9.]+))"
    r"(?P<port>:[0-9*]+)?/?"
)


def _explain_network(text: str) -> Explained:
    """Recognise a network however it is written."""
    found = _NETWORK.fullmatch(re.sub(r"[\[\](){}]", "", text))
    if found is None:
        return None
    networks = _networks(found)
    if not networks:
        return Code.NETWORK_PUBLIC.said(), _SHOWN
    scheme, port = found["scheme"] or "http", found["port"] or ("" if found["scheme"] else ":*")
    return Code.NETWORK_MISSPELT.said(), tuple(f"{scheme}://{one}{port}" for one in networks)


def _networks(found: re.Match[str]) -> list[str]:
    """Return what a text means, each as `private_network` has it; none where it is not private."""
    import ipaddress

    address, first, last = found["address"] or found["head"], found["first"], found["last"]
    if address:
        octets = address.split(".")
        padded = address if ":" in address else ".".join([*octets, "0", "0", "0"][:4])
        meant = [f"{padded}/{found['length'] or 8 * len(octets)}"]
    else:
        head = first.rpartition(".")[0]
        last = last if "." in last else f"{head}.{last}"
        ends = (
            (f"{head}.0", f"{head}.255")
            if (first, last) == (f"{head}.1", f"{head}.254")
            else (first, last)
        )
        try:
            ranged = ipaddress.summarize_address_range(*map(ipaddress.IPv4Address, ends))
            meant = [str(one) for one in ranged]
        except ValueError:
            return []
    networks = [private_network(one, strict=False) for one in meant]
    return [one for one in networks if one] if all(networks) else []


_URL: Final = re.compile(rf"(?<![\w/=?&@.-])https?://{HOST_AND_PORT}")
#: `http://localhost:[3000, 3001]`.
_PORTS: Final = re.compile(
    r"(.*[^:0-9]:)[\[({]?([0-9]{1,5}(?:\s*(?:[,;|/-]|\.\.\.?)\s*[0-9]{1,5})+)[\])}]?/?"
)
_MOST_PORTS: Final = 20
# A comment behind a URL, or a quote or a bracket before one.
_IN_ANOTHER_TEXT: Final = re.compile(r"\s(?:#|//|\(|[=-]+>)|[\"'{#\s]\s*https?://", re.IGNORECASE)


def _explain_several(text: str) -> Explained:
    """Recognise a list in one text: `a, b`, `a b`, or Python's or JSON's brackets around them."""
    if ports := _PORTS.fullmatch(text):
        pieces = [f"{ports[1]}{port}" for port in _ports(ports[2])]
        return Code.ORIGINS_IN_ONE.said(), tuple(chain.from_iterable(map(corrected, pieces)))
    is_list = text[:1] in "[(" and text[-1:] in "])" and re.search(r"[\"']|://", text)
    # Python joins what stands without a comma between: "https://a.example" "https://b.example".
    inner = re.sub(
        r"(://[\w.-]+(?::[0-9]+)?)(?=https?://)", r"\1 ", text[1:-1] if is_list else text
    )
    pieces = [piece.strip(f"{_QUOTES}<>") for piece in _BETWEEN.split(inner) if piece]
    if not all(map(is_origin_like, pieces)):
        pieces = _URL.findall(inner)
        if len(pieces) == 1 and not _IN_ANOTHER_TEXT.search(text):
            return None
    is_torn = not re.search("[,;|]", inner) and not are_origins(pieces)
    if not pieces or pieces == [text.strip(f"{_QUOTES}<>")] or is_torn:
        return None
    code = Code.ORIGINS_IN_ONE if len(pieces) > 1 else Code.ORIGIN_SURROUNDED
    return code.said(), tuple(dict.fromkeys(chain.from_iterable(map(corrected, pieces))))


def _ports(text: str) -> Iterable[str]:
    """Yield the ports of a list with ranges; any, where one has too many."""
    for one in re.split(r"\s*[,;|/]\s*", text):
        first, _, last = re.sub(r"\s*(?:-|\.\.\.?)\s*", "-", one).partition("-")
        found = range(int(first), int(last or first) + 1)
        yield from map(str, found) if 0 < len(found) <= _MOST_PORTS else "*"


_BETWEEN: Final = re.compile(r"\s+(?:and|or|&)\s+|[\s,;|]+")

# --- An origin with mistakes ------------------------------------------------------------------


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
_AROUND: Final = rf"[{re.escape(_QUOTES)}<>,;]+"
_APP: Final = "(?:capacitor|ionic|tauri|app|[a-z-]+-extension)"
_SLASHES: Final = (
    rf"(?i)^(?:(https?)(?:[:;.]*[/\\]+(?::(?![:0-9*]))?|[:;])|({_APP}):/?(?!/|[0-9]+(?:[/?#]|$)))"
)
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
    (rf"^(?:[-+*\u2022]\s+|{_AROUND})+|[!\u2026]*{_AROUND}$|[!\u2026]+$", "",
     Code.ORIGIN_HAS_QUOTES),
    (r"^([^\[]*)\]$|^\[([^\]]*)$", r"\1\2", Code.ORIGIN_HAS_QUOTES),
    ("(?i)^(blob|filesystem|view-source|https?):/*(?=[a-z]+:/)", "", Code.ORIGIN_HAS_PREFIX),
    (_SLASHES, r"\1\2://", Code.ORIGIN_LACKS_SLASHES),
    (r"(^|//)[^/?#\\]*@", r"\1", Code.ORIGIN_HAS_USER),
    ("^[^:/]*[A-Z][^:/]*(?=://)", lambda scheme: scheme[0].lower(), Code.SCHEME_UPPER_CASE),
    ("^ws(s?)(?=://)", r"http\1", Code.SCHEME_OF_SOCKET),
    ("^[^:/]+(?=://)", _scheme_of_page, Code.SCHEME_UNKNOWN),
    (_REST, r"\1", Code.ORIGIN_HAS_PATH),
    ("(?<=[^:/]):$", "", Code.PORT_MISSING),
    (r"(:[0-9A-Fa-f]*:[0-9A-Fa-f.]*)%\w+", r"\1", Code.HOST_HAS_ZONE),
    (_IPV6, r"\1[\2]\3", Code.HOST_LACKS_BRACKETS),
)
_IN_WEB_ORIGINS: Final = (
    (rf":(?!//|\*$|0*{PORT}$|.*\?[.-])([^:\]]*)$", _one_port_or_any, Code.PORT_INVALID),
    (r"(?<=//)(?:\*localhost|localhost\*)$", "localhost:*", Code.STAR_MISPLACED),
    (r"(?<=//)(?:\*localhost|localhost\*)(?=:)", "localhost", Code.STAR_MISPLACED),
    (r"(?<=//)\*[*.]*(?=[^*.:\[-])", "*.", Code.STAR_MISPLACED),
    (r"\.{2,}", ".", Code.HOST_HAS_EMPTY_LABEL),
    (r"(?<=//)\.(?=.)", "*.", Code.HOST_STARTS_WITH_DOT),
    (rf"(?<=//)\*\.(?=\[|(?i:{_NUMBER}))", "", Code.STAR_BEFORE_ADDRESS),
)
# Of what the URL standard's parser has mended: a sign, and what is said of it.
_PARSED: Final = (
    ("//[^:[]*%", Code.HOST_PERCENT_ENCODED),
    (r"//.*[^\0-\x7f]", Code.HOST_NOT_ASCII),
    (r"//[^\[]*[A-Z]", Code.HOST_UPPER_CASE),
    (":0+[1-9][0-9]*$", Code.PORT_HAS_ZEROS),
    ("^(?:(http):.*:0*80|(https):.*:0*443)$", Code.PORT_DEFAULT),
)
# Before a port, a dot is nothing that the end of a sentence has left: there it is meant.
_AT_THE_END: Final = ((r"(?<=[^*/.])\.$", "", Code.HOST_ENDS_WITH_DOT),)
# Signs of a host that no browser sends, and what is wrong with it.
_UNFIT_HOSTS: Final = (
    (r"\?[.-]", 'has a "?", which stands for nothing'),
    (r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$",
     "ends in a number, which makes its host an IPv4 address, but it is not one"),
    (r"[\[\]:]", "has colons or brackets in its host, but no IPv6 address"),
    (r"(?!^\*\.)[^a-z0-9_.-]", "has a character in its host that no host name has ({!a})"),
    (r"[^.]{64}", "has more than 63 characters between two dots of its host"),
    (r".{254}", "has a host of more than 253 characters"),
    ("", "has a host that no browser sends"),
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


def _parsed(text: str, reasons: list[Said]) -> str:
    """Return a web origin as browsers write it; as it is, where they take it for no URL."""
    from ada_url import URL  # which only a mistake needs

    before, any_port, more = text.partition(":*")
    if more:
        return text
    try:
        url = URL(before)
    except ValueError:
        return text
    parsed = f"{url.protocol}//{url.host}{any_port}"
    if parsed != text:
        found = [(sign, code) for sign, code in _PARSED if re.search(sign, text)]
        reasons += [code.said(url.protocol[:-1]) for _, code in found]
        if url.host_type and not re.search(rf"//{re.escape(str(url.hostname))}(?::|$)", text):
            reasons.append((Code.IPV4_MISSPELT, Code.IPV6_MISSPELT)[url.host_type - 1].said())
        reasons += [] if reasons else [Code.ORIGIN_MISSPELT.said()]
    return parsed


def _mend(text: str) -> tuple[Said, tuple[str, ...]]:
    reasons: list[Said] = []
    text = _with_scheme(_replace(_IN_ANY_TEXT, text, reasons), reasons)
    if text.startswith(("http://", "https://")):
        text = _parsed(_replace(_IN_WEB_ORIGINS, text, reasons), reasons)
        text = _replace(_AT_THE_END, text, reasons)
    scheme, _, site = text.partition("://")
    correction: tuple[str, ...] = (text,) if parse_pattern(text) else _SHOWN
    if correction is _SHOWN:
        unfit = explain_glob(scheme, site)
        if unfit is not None:
            reasons = [one for one in reasons if one.code is not unfit[0].code]
            correction = unfit[1]
        reasons.append(unfit[0] if unfit is not None else _why_no_origin(scheme, site))
    return together(reasons), correction


def _with_scheme(text: str, reasons: list[Said]) -> str:
    scheme, separator, site = text.rpartition("//")
    if separator and scheme not in ("", ":", "*:"):
        return text
    reasons.append(Code.SCHEME_MISSING.said())
    host = re.sub(r"^\*\.|:[^:\]]*$", "", site.lower())
    is_plain = site.endswith(":80") or is_loopback(host) or is_in_private_network(host)
    is_plain = is_plain or not host.strip("[:].0")  # all addresses of a machine
    return f"{'http' if is_plain else 'https'}://{site}"


def _why_no_origin(scheme: str, site: str) -> Said:
    host = re.sub(r":[0-9*]+$", "", site)
    if scheme not in DEFAULT_PORTS and not is_app_scheme(scheme):
        return Code.SCHEME_UNKNOWN.said(scheme)
    if not host:
        return Code.HOST_MISSING.said()
    # Some versions of the parser take such a host for none, and leave its capitals.
    if re.fullmatch("[A-Za-z0-9_.*-]+", host) and (label := false_punycode(host.lower())):
        told = f'has "{label}" in its host, the punycode of no name; copy it whole'
        return Code.HOST_INVALID.said(told)
    found = ((re.search(sign, host), told) for sign, told in _UNFIT_HOSTS)
    return next(Code.HOST_INVALID.said(told.format(sign[0])) for sign, told in found if sign)
