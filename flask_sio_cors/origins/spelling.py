"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. A text that is something else altogether (a word, several
origins, a regular expression, a template) is recognised first; any other is taken apart, and put
together again as browsers would write it, which `ada_url` knows (URL standard). A correction never
lets in a domain that strangers can register unless the text named it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    MAX_HOST_LENGTH,
    PORT,
    false_punycode,
    is_address,
    is_app_scheme,
    is_loopback,
    parse_pattern,
)
from .regexes import correct_glob, correct_network, explain_regex, regex_source


class Misspelling(NamedTuple):
    """Why a text is no origin of the configuration.

    :param reason: what was found and why it cannot work; a clause without a full stop.
    :param correction: Python source to write instead of the text: an origin, several ones with
        commas between them, or a regular expression.
    """

    reason: str
    correction: str


def correct(text: str) -> Misspelling:
    """Explain a text that the configuration does not accept as an origin."""
    bare = text.strip()
    found = (
        _explain_word(bare.strip(_QUOTES).strip().lower())
        or _explain_source(bare)
        or _explain_several(bare)
        or explain_regex(bare)
        or _mend(text)
    )
    return Misspelling(*found)


def _corrected(text: str) -> str:
    return repr(text) if parse_pattern(text) else correct(text).correction


# --- What is no origin at all -----------------------------------------------------------------

_Explained = tuple[str, str] | None

_QUOTES: Final = "'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
# fmt: off
_WORDS: Final = (
    (r"(?:\[\]|\(\)|\{\})?", "is empty, and no origin is", EXAMPLE),
    ("true|false|yes|no|on|off|-?[0-9]+", "is a number or a truth value, and no origin", EXAMPLE),
    ("null", "is not spelled as browsers send it", repr("null")),
    (r"file:?/{0,3}\*?", "is not spelled as browsers send it", repr("file://")),
    ("https?:?/{0,2}", "is a scheme alone, and an origin names a host too", EXAMPLE),
    (r"(?:(?:http[s?*]*|\*)://)?[.:^]*[*+][.:*+$]*|all|any|every(?:one|body|thing)?",
     'means every origin; list those that may connect, or write "*" alone, in no list', EXAMPLE),
    ("none|nil|undefined|self|same[_-]?origin",
     "is no origin, and the server's own is always allowed: leave it out", EXAMPLE),
    ("((?:about|data|javascript|mailto|tel):)(?![0-9*]).*",
     'has the scheme "{}", whose pages have the origin of who opened them, or "null"', EXAMPLE),
)
# fmt: on
_HEADER: Final = re.compile(r"(?:access-control-allow-origin|origin)s?\s*[:=]\s*(.+)", re.I | re.S)
_PYTHON_REGEX: Final = re.compile(r"""(?:re\.compile\(\s*r?|r)(["'])(.+)\1\s*\)?""", re.DOTALL)
_TEMPLATE: Final = re.compile(
    r"\$\{?[A-Za-z_]|\{\{?\s*[A-Za-z_]\w*\s*\}|%s|%\(\w+\)s|<[\w-]+>|%[A-Z_]+%"
    r"|\benviron\b|\bgetenv\b|\Alambda|\Adef "
)
_HOST_AND_PORT: Final = r"(?:\[[0-9A-Fa-f:]+\]|[\w*][\w.*-]*)(?::[0-9*]+)?"
_ORIGIN_LIKE: Final = re.compile(
    rf"(?=.*[.:]|(?:null|localhost)$)(?:[A-Za-z][A-Za-z0-9+.-]*://)?{_HOST_AND_PORT}/?"
)
_URL: Final = re.compile(rf"(?<![\w/=?&@.-])https?://{_HOST_AND_PORT}")
# A comment behind a URL, or a quote or a bracket before one.
_IN_ANOTHER_TEXT: Final = re.compile(r"\s(?:#|//)|[\"'{#\s]\s*https?://", re.IGNORECASE)


def _explain_word(word: str) -> _Explained:
    for pattern, reason, correction in _WORDS:
        if found := re.fullmatch(pattern, word, re.DOTALL):
            return reason.format(*found.groups()), correction
    return None


def _explain_source(text: str) -> _Explained:
    """Recognise a header, and what a program should have evaluated and did not."""
    if header := _HEADER.fullmatch(text):
        return "is a header with its name, where only its value belongs", _corrected(header[1])
    if python := _PYTHON_REGEX.fullmatch(text):
        reason = "is Python source in quotes; a regular expression is written without them"
        return reason, regex_source(python[2])
    if re.fullmatch(r"file:[^\s,;|]*", text, re.IGNORECASE):
        return _explain_file(text)
    if _TEMPLATE.search(text):
        return "is a template or source that nothing has filled in", EXAMPLE
    return None


def _explain_several(text: str) -> _Explained:
    """Recognise a list in one text: `a, b`, `a b`, or Python's or JSON's brackets around them."""
    is_list = text[:1] in "[(" and text[-1:] in "])" and re.search(r"[\"']|://", text)
    inner = text[1:-1] if is_list else text
    pieces = [piece.strip(_QUOTES) for piece in re.split(r"[\s,;|]+", inner) if piece]
    if not all(map(_ORIGIN_LIKE.fullmatch, pieces)):
        pieces = _URL.findall(text)
        if len(pieces) == 1 and not _IN_ANOTHER_TEXT.search(text):
            return None
    # Half a name, as in "https://exa mple.com", makes the other half a stranger's.
    is_torn = any("." not in piece and "localhost" not in piece.lower() for piece in pieces[:-1])
    if not pieces or pieces == [text.strip(_QUOTES)] or (is_torn and not re.search("[,;|]", text)):
        return None
    number = "several origins in one text, where each needs a text of its own"
    reason = f"holds {number}" if len(pieces) > 1 else "has something else around the origin"
    return reason, ", ".join(map(_corrected, pieces))


# --- An origin with mistakes ------------------------------------------------------------------

_UNSEEN: Final = r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_SPACE: Final = rf"^\s+|\s+$|{_UNSEEN}+|\s+(?=[:/])|(?<=[:/])\s+"
_WRAPPING: Final = rf"^[{_QUOTES}<>,;]+|[{_QUOTES}<>,;]+$"
_APP: Final = "(?:capacitor|ionic|tauri|app|[a-z-]+-extension)"
_SLASHES: Final = rf"(?i)^(?:(https?)(?:[:;.]?[/\\]+|[:;])|({_APP}):/?(?![/0-9]))"
# Four digits at the end of a short address are rather a port.
_IPV6: Final = (
    r"^(.*//)?(?=[^/]*:[^/]*:)"
    r"([0-9A-Fa-f:]*::[0-9A-Fa-f:]*[0-9A-Fa-f](?=:[0-9]{4,5}$)|[0-9A-Fa-f:]+)(:[0-9]+)?$"
)
# fmt: off
# In this order: what no origin holds, what takes its place, and what is said of it.
_SLIPS: Final = (
    (r"(?<=\S)\s*[\r\n](?=.*\S).*", "", "has more than one line"),
    (_SPACE, "", "has white space or control characters around or in it"),
    (_WRAPPING, "", "has quotes, brackets or separators around it"),
    (r"^([^\[]*)\]$|^\[([^\]]*)$", r"\1\2", "has quotes, brackets or separators around it"),
    ("(?i)^(blob|filesystem|view-source):(?=[a-z]+:)", "", 'has "{}:" before the URL of the page'),
    (_SLASHES, r"\1\2://", 'has no "://" after its scheme'),
    (r"(:[0-9A-Fa-f]*:[0-9A-Fa-f.]*)%\w+", r"\1", "has an IPv6 zone, which no origin contains"),
    (_IPV6, r"\1[\2]\3", "has an IPv6 address without its brackets"),
)
# What is seen in a part of the text that is left, and why it cannot stay there.
_FAULTS: Final = (
    ("user", ".", "has user information, which no origin contains"),
    ("scheme", r"^$", "has no scheme, and every origin starts with one"),
    ("scheme", r"^\*$", "has no scheme that browsers could send"),
    ("scheme", "[A-Z]", "has upper-case letters in its scheme, which browsers send in lower case"),
    ("scheme", "(?i)^wss?$", 'has the scheme of the socket ("{}:"), not that of the page'),
    ("rest", ".+", "has a path, a query or a fragment ({!r:.40}), which no origin contains"),
    ("host", "%", "has percent-encoding in its host, which browsers decode"),
    ("host", "[A-Z]", "has upper-case letters in its host, which browsers send in lower case"),
    ("host", "[^\0-\x7f]", "has letters outside ASCII in its host, sent as punycode by browsers"),
    ("host", r"^\.", 'starts its host with a dot, where "*." stands for subdomains'),
    ("host", r"\.\.", "has two dots in a row in its host"),
    ("port", "^:$", "has a colon without a port"),
    ("port", "^:0+[1-9]", "has a port with leading zeros"),
)
# fmt: on
# Each part of any text may be empty; a port that is none stays with the host.
_PARTS: Final = re.compile(
    r"(?:(?P<scheme>[^:/?#\\@\[\]]*)://|//)?(?:(?P<user>[^/?#\\]*)@)?(?P<site>"
    r"(?P<host>(?:\*\.)?\[[^\[\]]*\]|[^:\[\]/?#\\]*|[^/?#\\]*)(?P<port>:[^:/?#\\]*)?)"
    r"(?P<rest>[/?#\\].*)?",
    re.DOTALL,
)
_SOCKETS: Final = {"ws": "http", "wss": "https"}
_MANY_PORTS: Final = re.compile(r":(?!-).*(?:[*?xX-]|any|all)")
_DOT_AT_THE_END: Final = (
    "ends its host with a dot, which makes it another host; where both are meant, list both"
)
_MISPLACED_STAR: Final = (
    'has a "*" where none can stand: it stands for whole labels at the start of the host '
    '("https://*.example.com") or for the port ("http://localhost:*")'
)


def _mend(text: str) -> tuple[str, str]:
    reasons = []
    for sign, replacement, reason in _SLIPS:
        found = re.search(sign, text, re.DOTALL)
        mended = re.sub(sign, replacement, text, flags=re.DOTALL)
        if found and mended != text:
            reasons.append(reason.format(*found.groups()))
        text = mended
    match = _PARTS.fullmatch(text)
    parts = match.groupdict("") if match else {}
    scheme = _scheme_of_page(parts["scheme"].lower(), parts["host"], parts["port"])
    is_web = scheme in DEFAULT_PORTS
    for part, sign, reason in _FAULTS:
        found = re.search(sign, parts[part], re.DOTALL)
        if found and (is_web or part in ("user", "scheme", "rest")):
            reasons.append(reason.format(found[0]))
    if is_web and parts["scheme"].lower() not in ("", "*", scheme, *_SOCKETS):
        reasons.append(f'has the scheme "{parts["scheme"].lower()}:", which no page has')
    correct_rest = _correct_web_origin if is_web else _correct_app_origin
    more, correction = correct_rest(scheme, parts)
    return "; ".join(dict.fromkeys([*reasons, *more])) or "is not an origin", correction


def _host_of(url: str) -> str | None:
    """Return the host of a URL as browsers write it, or ``None`` where they take it for no URL."""
    from ada_url import URL  # which only a mistake needs

    try:
        return str(URL(url).hostname)
    except ValueError:
        return None


def _explain_file(text: str) -> tuple[str, str]:
    if _host_of(text) == "":
        return "is a path, where browsers send the scheme alone", repr("file://")
    return 'names a host, and for files browsers send "file://" or "null" alone', EXAMPLE


def _scheme_of_page(scheme: str, host: str, port: str) -> str:
    if scheme in ("", "*"):
        is_plain = is_loopback(host.lower().removeprefix("*.")) or port == ":80"
        return "http" if is_plain else "https"
    if scheme in DEFAULT_PORTS or is_app_scheme(scheme):
        return scheme
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*|http.?", scheme):
        return scheme  # which was meant, nobody can know
    return _SOCKETS.get(scheme) or ("http" if set(scheme) <= set("htp") else "https")


def _correct_app_origin(scheme: str, parts: dict[str, str]) -> tuple[list[str], str]:
    origin = f"{scheme}://{parts['site']}"
    if not is_app_scheme(scheme):
        return [f'has the scheme "{scheme}:", which no page has'], EXAMPLE
    if "*" in origin:
        pattern = rf"{re.escape(scheme)}://[A-Za-z0-9._-]+".replace(r"\-", "-")
        reason = "has a wildcard, which only http: and https: origins can have"
        return [reason], regex_source(pattern)
    return ([], repr(origin)) if parse_pattern(origin) else ([_why_no_host(parts["site"])], EXAMPLE)


def _correct_web_origin(scheme: str, parts: dict[str, str]) -> tuple[list[str], str]:
    """Return further reasons, and the correction."""
    host, port, reasons = parts["host"].lower(), *_mend_port(scheme, parts["port"])
    if network := correct_network(scheme, host + parts["rest"]):
        return ["is a network, and an origin names one host"], network
    if re.match(r"\?[.-]", parts["rest"]):
        return ['has a "?", which stands for nothing'], EXAMPLE
    if "*" in host.removeprefix("*."):
        reasons.append(_MISPLACED_STAR)
        if host.strip("*") == "localhost":
            host, port = "localhost", port or ":*"
        host = re.sub(r"^\*[*.]*(?=[a-z0-9_])", "*.", host)
        if "*" in host.removeprefix("*."):
            reason, correction = correct_glob(scheme, host, port)
            return [*reasons, *reason], correction
    host, more = _mend_host(host, port)
    origin = f"{scheme}://{host}{port}"
    if parse_pattern(origin):
        return [*more, *reasons], repr(origin)
    return [*more, *reasons, _why_no_host(host)], EXAMPLE


def _mend_port(scheme: str, port: str) -> tuple[str, list[str]]:
    number = port[1:].lstrip("0")
    if port in ("", ":", ":*"):
        return port.rstrip(":"), []
    if not re.fullmatch(PORT, number):
        reason = f"has the port {port[1:]!r:.40}, where a number from 1 to 65535 or * can stand"
        return ":*" if _MANY_PORTS.match(port) else "", [reason]
    if number == DEFAULT_PORTS[scheme]:
        return "", [f'names the default port of "{scheme}:", which browsers leave out']
    return f":{number}", []


def _mend_host(host: str, port: str) -> tuple[str, list[str]]:
    wildcard, host = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    serialised = re.sub(r"\.{2,}", ".", _host_of(f"http://{host}") or host)
    reasons = []
    # Before a port, a dot is nothing that the end of a sentence has left: it is meant.
    if not port and serialised.endswith("."):
        reasons.append(_DOT_AT_THE_END)
        serialised = serialised.rstrip(".")
    if serialised.startswith("."):
        wildcard, serialised = "*.", serialised[1:]
    if not is_address(serialised):
        return wildcard + serialised, reasons
    if wildcard:
        reasons.append("has a wildcard before an IP address, which has no subdomains")
    if serialised != host:
        kind = "IPv6" if host.startswith("[") else "IPv4"
        reasons.append(f"has an {kind} address that is not in the form that browsers send")
    return serialised, reasons


def _why_no_host(host: str) -> str:
    if not host:
        return "has no host"
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
