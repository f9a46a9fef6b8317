"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. What a text is as a whole is looked up first: a word, a
network, several origins, a regular expression. In any other, what people mean is put in the place
of what they write, and the rest is the URL standard's, whose parser `ada_url` is. A correction
never lets in a domain that strangers can register unless the text named it.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from .codes import Code, Said, together
from .expressions import ExpressionError, Expressions, compiled
from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    NO_EXTENSION,
    NO_PAGES,
    PLACEHOLDER,
    PORT,
    ends_with_dot,
    false_punycode,
    is_app_scheme,
    is_in_private_network,
    is_loopback,
    parse_pattern,
    private_network,
)  # fmt: skip
from .texts import (
    HOST_AND_PORT,
    LIKE_GLOB,
    REGEX,
    are_origins,
    commas_for_dots,
    entries,
    is_origin_like,
    torn_regex,
)


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
    kinds = (kind(bare) for kind in (_named, _network, _several, _expression))
    return next(filter(None, kinds), None) or _mended(text)


def corrected(text: str) -> tuple[str, ...]:
    """Return what to write instead of a text; itself where it is an origin."""
    pattern = parse_pattern(text)
    return correct(text).correction if pattern is None or ends_with_dot(pattern) else (text,)


# --- What no single origin is, as a whole -------------------------------------------------------

_QUOTES: Final = "'\"`\\\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_UNFILLED: Final = (
    r"[$#]\{|\$\(?\s?[A-Za-z_]|\{\{.{1,200}?\}\}|\{\s*[A-Za-z_]\w*\s*\}|<%|%s|%\(\w+\)s|(?<![?P])<[\w\s-]+>|://:[a-z]"
    r"|([%@]|__)[A-Z_]+\1|\[\[.{1,200}?\]\]|\A(?:CHANGE_?ME|REPLACE_?ME|TODO|FIXME|PLACEHOLDER)\Z"
    r"|\b(?:environ|getenv|process\.env|import\.meta)\b|\Alambda|\Adef |\b(?:YOUR|MY)[_-][A-Z_-]+\b"
    rf"|:(?:[A-Z]+_)?PORT\b|\blocalhost:port\b|extension:/*(?:{NO_EXTENSION})/*\Z"
    rf"|(?:(?<=//)|\A)(?:{PLACEHOLDER}|\[(?:ip|host|port)\]"
    r"|(?:[A-Z]+[_-])*(?:IP|HOST|HOSTNAME|DOMAIN|ADDRESS|SERVER|URL))(?=[:/]|\Z)"
)
_SHOWN: Final = (EXAMPLE,)
_NARROW: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_Meant: TypeAlias = "tuple[str, ...]"
# What a text is, whole, what is said of it, and what to write: of its last group, where a function.
# fmt: off
_KINDS: Final[tuple[tuple[str, Code, _Meant | Callable[[str], _Meant]], ...]] = (
    (r"(?i)(?:\[\]|\(\)|\{\}|-+|n/a)?", Code.ORIGIN_EMPTY, ()),
    (r"(?:!\s*|-)(?:https?:|\*\.).*", Code.ORIGIN_EXCLUDED, _SHOWN),
    (r"#(?!\{).*|//\s.*", Code.IS_COMMENT, ()),
    (r"\.{0,2}/(?!/|[.*+]+/$)[\w./*-]*|[A-Za-z]:\\.*|[\w./\\-]+\.(?:html?|txt|json|ya?ml|toml|ini|env|csv)",
     Code.ORIGIN_IS_PATH, _SHOWN),
    ("(?i)true|false|yes|no|on|off|-?[0-9]+", Code.ORIGIN_IS_VALUE, _SHOWN),
    ("(?i)null|opaque", Code.ORIGIN_MISSPELT, ("null",)),
    (r"(?i)file:?/{0,3}\*?", Code.ORIGIN_MISSPELT, ("file://",)),
    (r"(?i)file:(?://localhost(?=/))?(?:/{3}|/(?!/)|(?!//)|//[a-z]:)[^\s,;|]*", Code.FILE_HAS_PATH,
     ("file://",)),
    (r"(?i)file:[^\s,;|]*", Code.FILE_HAS_HOST, _SHOWN),
    ("(?i)https?:?/{0,2}", Code.ORIGIN_IS_SCHEME, _SHOWN),
    (r"(?i)(?:(?:http[s?*]*|\*)://)?[.:^]*[*+][.:*+$]*|\^https?\??:/*|(?:allow[_-]?)?(?:all|any)|every(?:one|body|thing)?"
     r"|0\.0\.0\.0(?:/0)?|\[?::\]?(?:/0)?", Code.ORIGIN_MEANS_ALL, _SHOWN),
    ("(?i)none|nil|undefined|self|same[_-]?origin", Code.ORIGIN_IS_OWN, ()),
    ("(?i)((?:about|data|javascript|mailto|tel):)(?![0-9*]).*", Code.ORIGIN_OF_OPENER, _SHOWN),
    (r"(?i)(?:(?:export|setx?)\s+|\$env:)?(?:(?:access-control-allow-|[a-z_]*_)?origins?\s*[:=]|[\w.-]+\s*=(?=.*://))"
     r"\s*(.+)",
     Code.ORIGIN_IS_HEADER, corrected),
    (r"(?i)(?:regexp?|re|pattern)\s*[:=]\s*(.+)", Code.REGEX_UPPER_CASE,
     lambda text: _regex_text(text)),
    (r"""(?:(?:re\.compile|(?:new )?RegExp)\(\s*r?|r)(["'])(.+?)(?:\1\s*\)?)?""",
     Code.ORIGIN_IS_SOURCE, lambda text: meaning_of_regex(text)),
    ("(?i)([^/?#]*(?://[^/?#]*)?%(?:0[ad]|2[02cf]|3[abd]).*)", Code.HOST_PERCENT_ENCODED,
     lambda text: corrected(unquote(text))),
    ("(.*[\uff01-\uff5e].*)", Code.ORIGIN_HAS_WIDE,
     lambda text: corrected(text.translate(_NARROW))),
    (r"(?i)::ffff:((?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9*]+)?)", Code.IPV6_MISSPELT, corrected),
    (r"(?:list|set|tuple|array|jsonencode)\((.+)\)", Code.ORIGIN_HAS_QUOTES, corrected),
    ("(https?://[^,]+,[^,]+)", Code.HOST_HAS_COMMA,
     lambda text: corrected(text.replace(",", ".")) if commas_for_dots(text) else ()),
    (r"\*://((?:localhost|[^/]+\.local)(?::[0-9*]+)?)/?", Code.SCHEME_MISSING,
     lambda site: (*corrected(f"http://{site}"), *corrected(f"https://{site}"))),
    (rf"(?=.*(?:{_UNFILLED})).*", Code.ORIGIN_UNFILLED, _SHOWN),
)
# fmt: on


def _named(text: str) -> Misspelling | None:
    for pattern, code, meant in _KINDS:
        if found := re.fullmatch(pattern, text, re.DOTALL):
            instead = meant(found[found.lastindex or 0]) if callable(meant) else meant
            if instead or not callable(meant):
                return Misspelling(code.said(*found.groups()), instead)
    return None


_V4: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3})"  # to be repeated
_OCTET: Final = r"\.(?:[0-9]{1,3}(?:-[0-9]{1,3})?|\*|[xn?#]{1,3})"
_ANY: Final = ("0", "255")
#: `10.0.0.7/8`, `fd00::/8`; `10.0.0.1-10.0.9.9`; `192.168.*`, `192.168.1.x`, `172.16-31.*`; `10.`
_NETWORK: Final = re.compile(
    r"(?:(?P<scheme>https?)\W+)?"
    rf"(?:(?P<address>[0-9a-f:]*::[0-9a-f:]*|{_V4}{{0,3}})/(?P<length>[0-9.]+)"
    rf"|(?P<first>{_V4}{{3}})-(?P<last>{_V4}{{3}})"
    rf"|(?=[0-9.]*[*xn?#-])(?P<octets>[0-9]{{1,3}}(?:{_OCTET}){{1,3}}))(?P<port>:[0-9*]+)?/?"
    rf"|(?!127\.[0-9.]*[0-9]$)(?P<start>{_V4}{{0,2}})\.?"
)


def _network(text: str) -> Misspelling | None:
    text = re.sub(r"[\[\](){}]", "", re.sub(r"\s+(?:netmask\s+)?(?=255\.)", "/", text.lower()))
    found = _NETWORK.fullmatch(re.sub(rf"({_V4}{{3}})\s?(?:[-\u2013]|\.\.\.?)\s?", r"\1-", text))
    try:
        networks = _networks_of(found) if found else ()
        meant = [private_network(one, strict=False) for one in networks]
    except ValueError:
        return None
    if found is None or (found["start"] and not all(meant)):
        return None
    if not all(meant):
        return Misspelling(Code.NETWORK_PUBLIC.said(), _SHOWN)
    scheme, port = found["scheme"] or "http", found["port"] or ("" if found["scheme"] else ":*")
    written = tuple(f"{scheme}://{one}{port}" for one in meant)
    return Misspelling(Code.NETWORK_MISSPELT.said(), written)


def _networks_of(found: re.Match[str]) -> Iterable[str]:
    """Return the networks that a text means.

    :raise ValueError: if there are none.
    """
    first, last = found["first"], found["last"]
    if address := found["address"]:
        missing = ".0" * (3 - address.count(".")) if ":" not in address else ""
        return [f"{address}{missing}/{found['length']}"]
    if octets := found["octets"] or found["start"]:
        given = [octet.partition("-") for octet in octets.split(".")]
        spans = [(a, b or a) if a.isdigit() else _ANY for a, _, b in given]
        spans += [_ANY] * (4 - len(spans))
        first, last = map(".".join, zip(*spans, strict=True))
        behind = list(itertools.dropwhile(lambda span: span[0] == span[1], spans))[1:]
        if not {*behind} <= {_ANY, ("1", "254")}:
            raise ValueError(found[0])  # such as 10.*.0.1, which is many networks
    if first.endswith(".1") and last.endswith(".254"):
        first, last = f"{first[:-2]}.0", f"{last[:-4]}.255"
    return map(str, ipaddress.summarize_address_range(*map(ipaddress.IPv4Address, (first, last))))


_URL: Final = re.compile(rf"(?<![\w/=?&@.-])https?://{HOST_AND_PORT}")
# What JSON and the like have, and an address of version 6 does not; what a name alone has not.
_HAS_BRACKETS: Final = re.compile(r"[({<|]|\[(?![0-9A-Fa-f]*:)")
_COMMENT: Final = re.compile(r"#|//")
_BETWEEN: Final = re.compile(r"\s+(?:and|or|&)\s+|[\s,;|]+")
#: `http://localhost:[3000, 3001]`.
_PORTS: Final = re.compile(
    r"(.*[^:0-9]:)[\[({]?([0-9]{1,5}(?:\s*(?:[,;|/-]|\.\.\.?)\s*[0-9]{1,5})+)[\])}]?/?"
)
_MOST_PORTS: Final = 20
# A comment behind a URL, or a quote or a bracket before one.
_IN_ANOTHER_TEXT: Final = re.compile(r"\s(?:#|//|\(|[=-]+>)|[\"'{#\s]\s*https?://", re.IGNORECASE)


def _several(text: str) -> Misspelling | None:
    """Recognise a list in one text: `a, b`, `a b`, or Python's or JSON's brackets around them."""
    if ports := _PORTS.fullmatch(text):
        pieces = [f"{ports[1]}{port}" for port in _ports(ports[2])]
        return _listed(Code.ORIGINS_IN_ONE, pieces)
    # As the environment would have it, where that leaves nothing unclear.
    pieces = [] if _HAS_BRACKETS.search(text) else list(entries(text, are_origins))
    if sum(map(_shows_origin, pieces)) > 1 and all(
        _shows_origin(piece) or _COMMENT.match(piece) for piece in pieces
    ):
        return _listed(Code.ORIGINS_IN_ONE, pieces)
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
    is_one = pieces == [text.strip(f"{_QUOTES}<>")]
    if not pieces or is_one or is_torn:
        return None
    return _listed(Code.ORIGINS_IN_ONE if len(pieces) > 1 else Code.ORIGIN_SURROUNDED, pieces)


def _shows_origin(piece: str) -> bool:
    is_whole = re.search(r"://[^\s/]+\Z", piece) or is_origin_like(piece)
    return bool(is_whole or _NETWORK.fullmatch(piece))


def _listed(code: Code, pieces: Iterable[str]) -> Misspelling:
    instead = itertools.chain.from_iterable(map(corrected, pieces))
    return Misspelling(code.said(), tuple(dict.fromkeys(instead)))


def _ports(text: str) -> Iterable[str]:
    """Yield the ports of a list with ranges; any, where one has too many."""
    for one in re.split(r"\s*[,;|/]\s*", text):
        first, last = (re.split(r"\s*(?:-|\.\.\.?)\s*", one) * 2)[:2]
        found = range(int(first), int(last) + 1)
        yield from map(str, found) if 0 < len(found) <= _MOST_PORTS else "*"


# --- Regular expressions and globs --------------------------------------------------------------

_SIGNS: Final = re.compile(
    r"[\\^$()|{}]|\.[*+?]|\][*+]|\[[^\]:]{0,99}(?:\]\?|[|,])|\[[a-z0-9]-[a-z0-9]|:\[\*\]|\[\.\]|\[s\]"
    r"|[a-z0-9]\?(?:://|\.)"
)
_NO_REGEX: Final = re.compile(
    r"(?:[A-Za-z*+]+://)?(?!\.)[A-Za-z0-9_.*-]+(?::[0-9*]+)?/?|[A-Za-z]+:\\(?!/).*", re.DOTALL
)
_START: Final = r"(?:(?<=://)|^)"
_ANYTHING: Final = r"(?:\.[*+]\??|(?:\[[^\]]+\]|\\w|\\S)(?:[*+]\??|\{[0-9,]+\}))(?:\\?\.)?"
_DIGITS: Final = r":(?:\\d|\[0-9\]|\.)(?:[*+]|\{[0-9,]+\})|:\[\*\]"
# In the order in which they are replaced: what people write, and what a list of origins has for it.
_MEANINGS: Final = (
    (r"^~\*?\s?|^(?:%r|~r|@)?[/{](.+)[/}][a-z]*$", r"\1"),  # as nginx, Ruby, JavaScript have them
    (r"\\/", "/"),
    (r"^(?:\^|\\A)|(?:(?<!\\)\$|\\[zZ])$", ""),
    (rf"^(?!{_ANYTHING})\\?\.", "*."),  # in a search, what any subdomain ends in
    (r"^http(?:s\?|\(s\)\??|\[s\]\??|\|https)|^https\|http", "(https|http)"),
    (rf"{_START}\((?:\?:)?{_ANYTHING}\)[?*]", "(|*.)"),
    (rf"{_START}\(?(?:\?:)?{_ANYTHING}\)?(?:\\?\.)?\)?\+?(?=[a-z0-9])", "*."),
    (rf"(?:{_DIGITS})$|\((?:\?:)?(?:{_DIGITS})\)\?$", ":*"),
    (r"\\\.|\[\.\]", "."),
)
_CHOICE: Final = re.compile(r"[({\[](?:\?:)?([a-z0-9*.-]*(?:[,|][a-z0-9*.-]+)+)[)}\]]")
_MOST_CHOICES: Final = 4
_DOT_IN_A_NAME: Final = re.compile(r"(?<=[A-Za-z0-9)\]}+*?])\.(?=[A-Za-z0-9(\[])")
_STRANGER: Final = "https://a.invalid"


def _expression(text: str) -> Misspelling | None:
    if _NO_REGEX.fullmatch(text) or not _SIGNS.search(text):
        return None
    if origins := _origins(text):
        return Misspelling(Code.REGEX_AS_TEXT.said(""), origins)
    for sign, meaning in _MEANINGS[:3]:
        text = re.sub(sign, meaning, text)
    escaped = _DOT_IN_A_NAME.sub(r"\\.", text)
    told = "" if escaped == text else _DOT_MATCHES
    escaped = escaped if "://" in escaped else f"https://{escaped}"
    if re.search(r"\s", escaped):
        return Misspelling(Code.REGEX_AS_TEXT.said(told), _SHOWN)  # no origin has a blank
    if error := _why_invalid(escaped):
        told += f", and is not a valid one either ({error})"
    elif is_open := re.fullmatch(escaped, _STRANGER):
        told += ", and as one it lets every site in"
    instead = _SHOWN if error or is_open else _regex_text(escaped)
    return Misspelling(Code.REGEX_AS_TEXT.said(told), instead)


_DOT_MATCHES: Final = '; and in one "." is any character, so that other domains match too'


def _origins(regex: str) -> tuple[str, ...]:
    """Translate an expression into origins and wildcards; none where they cannot say the same."""
    for sign, meaning in _MEANINGS:
        regex = re.sub(sign, meaning, regex)
    # Texts and choices between words by turns, such as "https://", "www|app", ".example.com".
    words = [
        re.split("[,|]", one) if n % 2 else [one] for n, one in enumerate(_CHOICE.split(regex))
    ]
    if len(words) > 2 * _MOST_CHOICES:
        return ()
    origins = map("".join, itertools.product(*words))
    whole = tuple(origin if "://" in origin else f"https://{origin}" for origin in origins)
    patterns = map(parse_pattern, whole)
    return whole if all(one and not ends_with_dot(one) for one in patterns) else ()


def _regex_text(pattern: str) -> tuple[str, ...]:
    """Return an expression as text; an example where it is not valid, or not taken for that one."""
    is_taken = len(torn_regex(pattern)) == 1 and not LIKE_GLOB.search(pattern)
    return (f"{REGEX}{pattern}",) if is_taken and not _why_invalid(pattern) else _SHOWN


def meaning_of_regex(pattern: str) -> tuple[str, ...]:
    """Return an expression as text, or the origins that say the same."""
    pattern = pattern.strip("\"'")
    return _origins(pattern) or _regex_text(pattern)


def _why_invalid(pattern: str) -> str:
    try:
        Expressions([compiled(pattern)])
    except ExpressionError as error:
        return error.reason
    return ""


def _glob(text: str) -> Misspelling | None:
    """Return an expression for stars that no wildcard can say, or an example."""
    scheme, _, site = text.partition("://")
    is_web = scheme in DEFAULT_PORTS
    if not is_web and not is_app_scheme(scheme):
        return None
    if "*" not in (site.removeprefix("*.").removesuffix(":*") if is_web else site):
        return None
    host, colon, port = site.partition(":")
    fixed = host.strip(".").rpartition("*")[2].partition(".")[2]
    told = "" if not is_web or "." in fixed or is_loopback(fixed) else _LETS_IN[bool(fixed)]
    said = (Code.STAR_MISPLACED if is_web else Code.STAR_IN_APP).said().more(told)
    if told or not re.fullmatch(r"[A-Za-z0-9_.*-]+(?::[0-9*]+)?", site):
        return Misspelling(said, _SHOWN)
    star = "[a-z0-9-]+" if is_web else "[A-Za-z0-9._-]+"
    name = re.sub(r"\*+", star, re.sub(r"([.+])", r"\\\1", f"{scheme}://{host}"))
    return Misspelling(said, _regex_text(f"{name}{colon}{port.replace('*', '[0-9]+')}"))


_LETS_IN: Final = (
    "; and at the end of a host it lets in whichever domain anyone registers",
    "; and here it lets in domains that anyone can register",
)


# --- An origin with mistakes --------------------------------------------------------------------

_UNSEEN: Final = r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_AROUND: Final = rf"[{re.escape(_QUOTES)}<>,;]+"
_APP: Final = "(?:capacitor|ionic|tauri|app|[a-z-]+-extension)"
_NO_PORT: Final = rf":(?!//|\*$|0*{PORT}$|.*\?[.-])"
_NUMBER: Final = r"(?:[^:\[/]*\.)?(?:[0-9]+|0x[0-9A-Fa-f]*)\.?(?=:|$)"


def _with_scheme(found: re.Match[str]) -> str:
    host = re.sub(r"^\*\.|:[^:\]]*$", "", found[1].lower())
    is_plain = found[1].endswith(":80") or is_loopback(host) or is_in_private_network(host)
    is_plain = is_plain or not host.strip("[:].0")  # all addresses of a machine
    return f"{'http' if is_plain else 'https'}://{found[1]}"


def _serialised(found: re.Match[str]) -> str:
    """Return a web origin as browsers write it; as it is, where they take it for no URL."""
    from ada_url import URL  # which only a mistake needs

    before, any_port, more = found[0].partition(":*")
    try:
        url = URL(before)
    except ValueError:
        return found[0]
    return f"{url.protocol}//{url.host}{any_port}" if not more else found[0]


# In this order: what no origin holds, what takes its place, and what is said of it.
# fmt: off
_SLIPS: Final[tuple[tuple[str, str | Callable[[re.Match[str]], str], Code], ...]] = (
    (r"(?<=\S)\s*[\r\n](?=.*\S).*", "", Code.ORIGIN_HAS_LINES),
    (rf"^\s+|\s+$|{_UNSEEN}+|\s+(?=[:/])|(?<=[:/])\s+", "", Code.ORIGIN_HAS_SPACE),
    (rf"^(?:[-+*\u2022]\s+|[0-9]{{1,3}}[.)]\s+|{_AROUND})+|[!\u2026]*{_AROUND}$|[!\u2026]+$", "",
     Code.ORIGIN_HAS_QUOTES),
    (r"^([^\[]*)\]$|^\[([^\]]*)$", r"\1\2", Code.ORIGIN_HAS_QUOTES),
    ("(?i)^(blob|filesystem|view-source|https?):/*(?=[a-z]+:/)", "", Code.ORIGIN_HAS_PREFIX),
    (rf"(?i)^(?:(https?)(?:[:;.]*[/\\]+(?::(?![:0-9*]))?|[:;])|({_APP}):/?(?!/|[0-9]+(?:[/?#]|$)))",
     r"\1\2://", Code.ORIGIN_LACKS_SLASHES),
    (r"(^|//)[^/?#\\]*@", r"\1", Code.ORIGIN_HAS_USER),
    ("^[^:/]*[A-Z][^:/]*(?=://)", lambda scheme: scheme[0].lower(), Code.SCHEME_UPPER_CASE),
    ("^ws(s?)(?=://)", r"http\1", Code.SCHEME_OF_SOCKET),
    ("^(?!https?:)[htp]{3,7}(?=://)", "http", Code.SCHEME_UNKNOWN),
    (rf"^(?!https?:)(?:{NO_PAGES}|http[^a-z0-9+./-])(?=://)", "https", Code.SCHEME_UNKNOWN),
    (r"^(ionic|tauri)://$", r"\1://localhost", Code.HOST_MISSING),
    (r"^([a-z][a-z0-9+.-]*://)(/+)$", r"\1", Code.ORIGIN_HAS_PATH),
    (r"^((?:[^:/?#\\]*:?//)?[^/?#\\]+)((?!(?<=:)//)(?:[/#\\]|\?(?![.-])).*)", r"\1",
     Code.ORIGIN_HAS_PATH),
    (r"(?<=[^:/]):$|((?:^|//)(?:localhost|(?:[\w-]+\.)+[a-z][\w-]+)):+(?=:[0-9*]+$)", r"\1",
     Code.PORT_MISSING),
    (r"(:[0-9A-Fa-f]*:[0-9A-Fa-f.]*)%\w+", r"\1", Code.HOST_HAS_ZONE),
    # Four digits at the end of a short address are rather a port.
    (r"^(.*//)?(?=[^/]*:[^/]*:)([0-9A-Fa-f:]*::[0-9A-Fa-f:]*[0-9A-Fa-f](?=:(?:[0-9]{4,5}|\*)$)"
     r"|[0-9A-Fa-f:]+)(:[0-9*]+)?$", r"\1[\2]\3", Code.HOST_LACKS_BRACKETS),
    (r"^(?:(?:\*?:)?//)?((?:(?!//).)*)$", _with_scheme, Code.SCHEME_MISSING),
    (rf"{_NO_PORT}(?!-)((?=[^:\]]*(?:[*?xX-]|any|all))[^:\]]*)$", ":*", Code.PORT_INVALID),
    (rf"{_NO_PORT}([^:\]]*)$", "", Code.PORT_INVALID),
    (r"(?<=//)(?:\*localhost|localhost\*)$", "localhost:*", Code.STAR_MISPLACED),
    (r"(?<=//)(?:\*localhost|localhost\*)(?=:)", "localhost", Code.STAR_MISPLACED),
    (r"(?<=//)\*[*.]*(?=[^*.:\[-])", "*.", Code.STAR_MISPLACED),
    (r"(?<=\.)\.+", "", Code.HOST_HAS_EMPTY_LABEL),
    (r"(?<=//)\.(?=.)", "*.", Code.HOST_STARTS_WITH_DOT),
    (rf"(?<=//)\*\.(?=\[|{_NUMBER})", "", Code.STAR_BEFORE_ADDRESS),
    # What the URL standard's parser mends, by what it is said of.
    (r"^https?://[^:[]*%.*", _serialised, Code.HOST_PERCENT_ENCODED),
    (r"^https?://.*[^\0-\x7f].*", _serialised, Code.HOST_NOT_ASCII),
    (r"(?<=^http://)[^\[]*[A-Z].*|(?<=^https://)[^\[]*[A-Z].*", lambda host: host[0].lower(),
     Code.HOST_UPPER_CASE),
    ("(?<=:)0+(?=[1-9][0-9]*$)", "", Code.PORT_HAS_ZEROS),
    ("^(http(?=:.*:80$)|https(?=:.*:443$))(.*):[0-9]+$", r"\1\2", Code.PORT_DEFAULT),
    (rf"^https?://{_NUMBER}.*", _serialised, Code.IPV4_MISSPELT),
    (r"^https?://\[.*", _serialised, Code.IPV6_MISSPELT),
    ("^https?://.*", _serialised, Code.ORIGIN_MISSPELT),
    # Before a port, a dot is nothing that the end of a sentence has left: there it is meant.
    (r"(?<=^http)(://.*[^*/.])\.$|(?<=^https)(://.*[^*/.])\.$", r"\1\2", Code.HOST_ENDS_WITH_DOT),
)
# Signs of what no browser sends, and what is wrong with it.
_UNFIT: Final = (
    ("^(?![a-z][a-z0-9+.-]*:)[^/]*?(?=:?//)", Code.SCHEME_UNKNOWN, ""),
    ("//(?::[0-9*]+)?$", Code.HOST_MISSING, ""),
    (r"//.*\?[.-]", Code.HOST_INVALID, 'has a "?", which stands for nothing'),
    (r"[/.](?:[0-9]+|0x[0-9a-f]*)\.?(?::[0-9*]+)?$", Code.HOST_INVALID,
     "ends in a number, which makes its host an IPv4 address, but it is not one"),
    (r"//(?=.*[\[\]:](?![0-9*]+$))", Code.HOST_INVALID,
     "has colons or brackets in its host, but no IPv6 address"),
    (r"(?<=//)(?:\*\.)?[a-z0-9_.-]*([^a-z0-9_.:-])", Code.HOST_INVALID,
     "has a character in its host that no host name has ({!a})"),
    (r"[^./]{64}", Code.HOST_INVALID,
     "has more than 63 characters between two dots of its host"),
    (r"//.{254}", Code.HOST_INVALID, "has a host of more than 253 characters"),
    ("", Code.HOST_INVALID, "has a host that no browser sends"),
)
# fmt: on


def _mended(text: str) -> Misspelling:
    reasons: list[Said] = []
    for sign, replacement, code in _SLIPS:
        found = re.search(sign, text, re.DOTALL)
        mended = re.sub(sign, replacement, text, flags=re.DOTALL) if found else text
        if found and mended != text:
            reasons.append(code.said(found[0], *found.groups()))
        text = mended
    if parse_pattern(text):
        told = [one for one in reasons if one.code is not Code.ORIGIN_MISSPELT]
        return Misspelling(together(told or reasons), (text,))
    unfit = _glob(text) or Misspelling(_why_no_origin(text), _SHOWN)
    same = (Code.ORIGIN_MISSPELT, unfit.reason.code)
    reasons = [one for one in reasons if one.code not in same]
    return unfit._replace(reason=together([*reasons, unfit.reason]))


def _why_no_origin(text: str) -> Said:
    host = re.sub(r"^.*//|:[0-9*]+$", "", text)
    # Some versions of the parser take such a host for none, and leave its capitals.
    if re.fullmatch("[A-Za-z0-9_.*-]+", host) and (label := false_punycode(host.lower())):
        told = f'has "{label}" in its host, the punycode of no name; copy it whole'
        return Code.HOST_INVALID.said(told)
    signs = ((re.search(sign, text), code, told) for sign, code, told in _UNFIT)
    found = ((sign, code, told) for sign, code, told in signs if sign)
    sign, code, told = next(found)
    return code.said(told.format(sign[sign.lastindex or 0]) or sign[0])
