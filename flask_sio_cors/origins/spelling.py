"""What is wrong with an origin that the configuration misspells, and how it is written.

Only configuration errors come here. A text that is something else altogether (several origins, a
regular expression, a template) is recognised first; any other is mended step by step, each step
giving its reason, until it is an origin as browsers serialise it or until nothing more can be
done. A correction never lets in a domain that strangers can register unless the text named it.
"""

from __future__ import annotations

import re
import warnings
from typing import Final, NamedTuple
from unicodedata import category
from urllib.parse import unquote

from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    canonical_ipv4,
    canonical_ipv6,
    is_app_scheme,
    is_loopback,
    is_number,
    parse_pattern,
)


class Misspelling(NamedTuple):
    """Why a text is no origin of the configuration.

    :param reason: what was found and why it cannot work; a clause without a full stop.
    :param correction: Python source to write instead of the text: an origin, several ones with
        commas between them, or a regular expression.
    """

    reason: str
    correction: str


_QUOTES: Final = "'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"

_EVERY: Final = frozenset(
    """* ** *.* *:* *://* *://*:* *://*.* http*://* http://* https://* http://*:* https://*:*
    http://*.* https://*.* .* .+ ^.*$ ^.+$ .*:* http://.* https://.* https?://.* https?://.+
    all any every everyone everything""".split()
)
_OWN: Final = frozenset("none nil undefined self same-origin same_origin sameorigin".split())
_OPAQUE_WORDS: Final = {"null": "null"} | dict.fromkeys(
    ("file", "file:", "file:/", "file://", "file:///"), "file://"
)
_SCHEMES_ALONE: Final = frozenset(
    f"{scheme}{rest}" for scheme in ("http", "https") for rest in ("", ":", ":/", "://")
)
_SCHEMES_WITHOUT_ORIGIN: Final = re.compile("(?:about|data|javascript|mailto|tel):(?![0-9*])")
_NUMBERS_AND_BOOLEANS: Final = re.compile(r"true|false|yes|no|on|off|-?[0-9]+", re.IGNORECASE)

_PREFIX_OF_A_HEADER: Final = re.compile(
    r"\s*(?:access-control-allow-origin|origin)s?\s*[:=]\s*(?=\S)", re.IGNORECASE
)
_TEMPLATE: Final = re.compile(
    r"\$\{?[A-Za-z_]|\{\{?\s*[A-Za-z_]\w*\s*\}|%s|%\(\w+\)s|<[\w-]+>"
    r"|%[A-Z_]+%|\benviron\b|\bgetenv\b"
)
_PYTHON_REGEX: Final = re.compile(r"""(?:re\.compile\()?\s*r?(["'])(.+)\1\s*\)?""", re.DOTALL)

_ORIGIN_LIKE: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[\w*-][\w.*-]*|\[[0-9A-Fa-f:]+\])(?::[0-9*]+)?/?"
)
_MORE_THAN_A_WORD: Final = re.compile("[.:]|^null$|^localhost$")
_URL: Final = re.compile(
    r"(?<![\w/=?&@.-])https?://(?:\[[0-9A-Fa-f:]+\]|[\w*][\w.*-]*)(?::[0-9*]+)?"
)
# A comment behind a URL, or a quote or a bracket before one.
_IN_ANOTHER_TEXT: Final = re.compile(r"\s(?:#|//)|[\"'{#\s]\s*https?://", re.IGNORECASE)


def correct(text: str) -> Misspelling:
    """Explain a text that :func:`~.grammar.parse_pattern` does not accept."""
    found = _explain_word(text.strip().strip(_QUOTES).strip())
    if found is None and (header := _PREFIX_OF_A_HEADER.match(text)):
        value = text[header.end() :]
        found = Misspelling("is a header with its name, where only its value belongs", _fix(value))
    return (
        found
        or _explain_source(text.strip())
        or _explain_several(text)
        or _explain_regex(text.strip())
        or _Mender(text).mend()
    )


def _fix(text: str) -> str:
    return repr(text) if parse_pattern(text) else correct(text).correction


def _explain_word(word: str) -> Misspelling | None:
    lower = word.lower()
    if word in ("", "[]", "()", "{}"):
        return Misspelling("is empty, and no origin is", EXAMPLE)
    if lower in _OPAQUE_WORDS:
        return Misspelling("is not spelled as browsers send it", repr(_OPAQUE_WORDS[lower]))
    if lower in _EVERY:
        reason = 'means every origin; list those that may connect, or write "*" alone, in no list'
        return Misspelling(reason, EXAMPLE)
    if lower in _OWN:
        reason = "is no origin, and the server's own is always allowed: leave it out"
        return Misspelling(reason, EXAMPLE)
    if lower in _SCHEMES_ALONE:
        return Misspelling("is a scheme alone, and an origin names a host too", EXAMPLE)
    if _NUMBERS_AND_BOOLEANS.fullmatch(word):
        return Misspelling("is a number or a truth value, and no origin", EXAMPLE)
    if scheme := _SCHEMES_WITHOUT_ORIGIN.match(lower):
        reason = (
            f'has the scheme "{scheme[0]}", whose URLs have no origin of their own: browsers send '
            'that of the page they came from, or "null"'
        )
        return Misspelling(reason, EXAMPLE)
    return None


def _explain_source(text: str) -> Misspelling | None:
    """Recognise what a program should have evaluated, and did not."""
    python = _PYTHON_REGEX.fullmatch(text)
    if python and text.startswith(("re.", "r'", 'r"')):
        reason = "is Python source in quotes; a regular expression is written without them"
        return Misspelling(reason, _regex_source(python[2]))
    if _TEMPLATE.search(text) or text.startswith(("lambda", "def ")):
        return Misspelling("is a template or source that nothing has filled in", EXAMPLE)
    return None


def _explain_several(text: str) -> Misspelling | None:
    """Recognise a list in one text: `a, b`, `a b`, or Python's or JSON's brackets around them."""
    inner = text.strip()
    if inner[:1] in "[(" and inner[-1:] in "])" and re.search(r"[\"']|://", inner):
        inner = inner[1:-1]
    pieces = [piece.strip(_QUOTES) for piece in re.split(r"[\s,;|]+", inner) if piece]
    if not all(_ORIGIN_LIKE.fullmatch(p) and _MORE_THAN_A_WORD.search(p) for p in pieces):
        pieces = _URL.findall(text)
        if len(pieces) < 2 and not (pieces and _IN_ANOTHER_TEXT.search(text)):
            return None
    # Half a name, as in "https://exa mple.com", makes the other half a stranger's.
    is_torn = any("." not in piece and "localhost" not in piece.lower() for piece in pieces[:-1])
    if len(pieces) > 1 and is_torn and not re.search(r"[,;|]", text):
        return None
    if len(pieces) > 1:
        reason = "holds several origins in one text, where each needs a text of its own"
        return Misspelling(reason, ", ".join(map(_fix, pieces)))
    if pieces and pieces[0] != text.strip().strip(_QUOTES):
        return Misspelling("has something else around the origin", _fix(pieces[0]))
    return None


# --- Regular expressions ---------------------------------------------------------------------

_GLOB: Final = re.compile(r"(?:[A-Za-z*]+://)?(?!\.)[A-Za-z0-9_.*-]+(?::[0-9*]+)?/?")
_REGEX_SIGNS: Final = re.compile(
    r"[\\^$()|{}]|\.[*+?]|\][*+]|\[[^\]:]{0,99}(?:\]\?|[|,])"
    r"|\[[a-z0-9]-[a-z0-9]|[a-z0-9]\?(?:://|\.)"
)
_BACKSLASHES: Final = re.compile(r"[A-Za-z]+:\\(?!/)")
_ANYTHING: Final = r"(?:\.[*+]\??|(?:\[[^\]]+\]|\\w|\\S)(?:[*+]\??|\{[0-9,]+\}))"
_ANYTHING_AT_START: Final = re.compile(_ANYTHING)
_DIGITS: Final = r"(?:\\d|\[0-9\]|\.)(?:[*+]|\{[0-9,]+\})"
# "anything, a dot, this domain, any port", in the spellings that people use for it.
_FAMILY: Final = re.compile(
    rf"(?:(?P<scheme>https\?|http\(s\)\??|https?)://)?"
    rf"(?:(?P<optional>\((?:\?:)?{_ANYTHING}(?:\\?\.)?\)[?*])"
    rf"|(?P<any>\(?(?:\?:)?{_ANYTHING}\)?(?:\\?\.)?\)?\+?))?"
    rf"(?P<host>(?:[a-z0-9_-]+\\?\.)*[a-z0-9_-]+)"
    rf"(?::(?P<port>[0-9]+)|(?P<any_port>:{_DIGITS}|:\*|\((?:\?:)?:{_DIGITS}\)\?))?"
)
_STRANGER: Final = "https://a.invalid"
_CHOICE: Final = re.compile(r"[({\[](?:\?:)?([a-z0-9-]+(?:[,|][a-z0-9-]+)+)[)}\]]")
_DOT_IN_A_NAME: Final = re.compile(r"(?<=[A-Za-z0-9)\]}+*?])\.(?=[A-Za-z0-9(\[])")


def _explain_regex(text: str) -> Misspelling | None:
    if _GLOB.fullmatch(text) or not _REGEX_SIGNS.search(text) or _BACKSLASHES.match(text):
        return None
    reason = "looks like a regular expression, but a string is compared as it is"
    slashes = re.fullmatch(r"/(.+)/[a-z]*", text)
    body = (slashes[1] if slashes else text).replace("\\/", "/").removeprefix("^")
    if not body.endswith("\\$"):
        body = body.removesuffix("$")
    if body.startswith((".", "\\.")) and not _ANYTHING_AT_START.match(body):
        # In a search, ".example.com" is what any subdomain ends in.
        body = f".*{body}"
    origins = _family(body) or _families(_choices(body))
    if origins:
        return Misspelling(reason, ", ".join(map(repr, origins)))
    escaped = _DOT_IN_A_NAME.sub(r"\\.", body)
    if escaped != body:
        reason += '; and in one "." is any character, so that other domains match too'
    if "://" not in escaped:
        escaped = f"https://{escaped}"
    if _matches(escaped, _STRANGER):
        return Misspelling(f"{reason}, and as one it lets every site in", EXAMPLE)
    if error := _why_invalid(escaped):
        return Misspelling(f"{reason}, and is not a valid one either ({error})", EXAMPLE)
    return Misspelling(reason, _regex_source(escaped))


def _choices(text: str) -> list[str]:
    """Write `(www|app).example.com` and `{www,app}.example.com` out."""
    choice = _CHOICE.search(text)
    if choice is None or len(_CHOICE.findall(text)) > 3:
        return [text]
    before, after = text[: choice.start()], text[choice.end() :]
    words = re.split("[,|]", choice[1])
    return [chosen for word in words for chosen in _choices(f"{before}{word}{after}")]


def _families(regexes: list[str]) -> list[str]:
    families = [_family(regex) for regex in regexes]
    return [origin for family in families for origin in family] if all(families) else []


def _family(regex: str) -> list[str]:
    """Translate a regular expression into origins and wildcards; `[]` where there are none."""
    match = _FAMILY.fullmatch(regex)
    if match is None:
        return []
    spelled = match["scheme"] or "https"
    schemes = ("https", "http") if spelled.startswith(("https?", "http(")) else (spelled,)
    host = match["host"].replace("\\", "")
    hosts = [] if match["any"] else [host]
    if match["any"] or match["optional"]:
        hosts.append(f"*.{host}")
    port = ":*" if match["any_port"] else f":{match['port']}" if match["port"] else ""
    origins = [f"{scheme}://{name}{port}" for scheme in schemes for name in hosts]
    return origins if all(map(parse_pattern, origins)) else []


def _matches(pattern: str, origin: str) -> bool:
    return not _why_invalid(pattern) and re.fullmatch(pattern, origin) is not None


def _why_invalid(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            # Such as "possible nested set": for whoever wrote a regular expression on purpose.
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error as error:
        return str(error)
    except (RecursionError, OverflowError, MemoryError):
        return "too deep"
    return ""


def _regex_source(pattern: str) -> str:
    if _why_invalid(pattern):
        return EXAMPLE
    is_raw = '"' not in pattern and not pattern.endswith("\\") and pattern.isprintable()
    return f're.compile(r"{pattern}")' if is_raw else f"re.compile({pattern!r})"


# --- Origins with mistakes -------------------------------------------------------------------

_HTTP_LIKE: Final = re.compile(r"(https?)(?:[:;.]?[/\\]+|;)(?!/)", re.IGNORECASE)
_PARTS: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z*][A-Za-z0-9+.*-]*)(?P<sep>:/*)|(?P<bare>:?//))?"
    r"(?P<authority>[^/?#\\]*)(?P<rest>.*)",
    re.DOTALL,
)
_HOST_PORT: Final = re.compile(r"(?P<host>(?:\*\.)?\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?", re.DOTALL)
_URL_IN_A_URL: Final = re.compile(r"(blob|filesystem|view-source):(?=[a-z]+:)", re.IGNORECASE)
_APP_SCHEMES_WITHOUT_SLASHES: Final = re.compile(r"capacitor|ionic|tauri|app|[a-z-]+-extension")
_NETWORK: Final = re.compile(r"(?P<bytes>[0-9]{1,3}(?:\.[0-9]{1,3}){3})/(?P<bits>[0-9]{1,2})")
_WHERE_A_STAR_CAN_STAND: Final = (
    'has a "*" where none can stand: it stands for whole labels at the start of the host '
    '("https://*.example.com") or for the port ("http://localhost:*")'
)
_BYTE: Final = "[0-9]{1,3}"


class _Mender:
    """Mends one text, collecting a reason at each step that changed it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reasons: list[str] = []

    def mend(self) -> Misspelling:
        scheme_text, separator, authority, rest = self._split(self._clean(self.text))
        if scheme_text.lower() == "file":
            return Misspelling("is a path, where browsers send the scheme alone", repr("file://"))
        _, at, authority = authority.rpartition("@")
        if at:
            self._found("has user information, which no origin contains")
        host, port = self._split_port(authority)
        scheme = self._mend_scheme(scheme_text, separator, host, port)
        if _NETWORK.fullmatch(f"{host}{rest}"):
            return self._correct_network(scheme, f"{host}{rest}")
        if re.match(r"\?[.-]", rest):
            self._found('has a "?", which stands for nothing')
            return self._give_up()
        if rest:
            self._found(
                f"has a path, a query or a fragment ({_shown(rest)}), which no origin contains"
            )
        if scheme not in DEFAULT_PORTS:
            return self._finish_app_origin(scheme, host, port)
        if not host:
            self._found("has no host")
            return self._give_up()
        if scheme_text == "*" or "*" in host.removeprefix("*."):
            return self._correct_glob(scheme, host, port)
        return self._finish(scheme, self._mend_host(host), self._mend_port(scheme, port))

    # --- Reading ------------------------------------------------------------------------------

    def _found(self, reason: str) -> None:
        self.reasons.append(reason)

    def _clean(self, text: str) -> str:
        text_line, *more = text.strip().splitlines() or [""]
        if more:
            self._found("has more than one line")
        # Cc and Cf are what nobody sees: control characters, zero-width spaces, marks of direction.
        cleaned = "".join(c for c in text_line if category(c) not in ("Cc", "Cf"))
        cleaned = re.sub(r"\s*([:/])\s*", r"\1", cleaned).strip()
        if cleaned != (text_line if more else text):
            self._found("has white space or control characters around or in it")
        bare = cleaned.strip(f"{_QUOTES}<>,;")
        if bare.count("[") != bare.count("]"):
            bare = bare.strip(f"[]{_QUOTES}")
        if bare != cleaned:
            self._found("has quotes, brackets or separators around it")
        if (typo := _HTTP_LIKE.match(bare)) and not bare[len(typo[1]) :].startswith("://"):
            self._found('has no "://" after its scheme')
            bare = f"{typo[1]}://{bare[typo.end() :]}"
        return bare

    def _split(self, text: str) -> tuple[str, str, str, str]:
        """Return scheme, what separates it, authority, and what follows that."""
        if inner := _URL_IN_A_URL.match(text):
            self._found(f'has "{inner[1]}:" before the URL whose origin browsers send')
            text = text[inner.end() :]
        parts = _PARTS.match(text)
        assert parts is not None  # noqa: S101 - each of its parts may be empty
        scheme, separator = parts["scheme"] or "", parts["sep"] or ""
        authority, rest = parts["authority"], parts["rest"]
        if separator == ":" and scheme.lower() not in (*DEFAULT_PORTS, "file"):
            if _APP_SCHEMES_WITHOUT_SLASHES.fullmatch(scheme.lower()) and not authority.isdigit():
                return scheme, separator, authority, rest
            # "localhost:3000" and "example.com:8443": a host and its port, not a scheme.
            return "", "", f"{scheme}:{authority}", rest
        return scheme, separator, authority, rest

    def _split_port(self, authority: str) -> tuple[str, str | None]:
        if authority.count(":") > 1 and "[" not in authority:
            # An IPv6 address without its brackets; four digits at its end are rather a port.
            address, _, port = authority.rpartition(":")
            if re.fullmatch("[0-9]{4,5}", port) and canonical_ipv6(address):
                return address, port
            if canonical_ipv6(authority.partition("%")[0]):
                return authority, None
            return address, port
        match = _HOST_PORT.fullmatch(authority)
        return (match["host"], match["port"]) if match else (authority, None)

    # --- The parts ----------------------------------------------------------------------------

    def _mend_scheme(self, scheme: str, separator: str, host: str, port: str | None) -> str:
        is_plain = (
            is_loopback(host.lower().removeprefix("*.").rstrip("."))
            or port == DEFAULT_PORTS["http"]
        )
        guess = "http" if is_plain else "https"
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
        if lowered not in DEFAULT_PORTS and not is_app_scheme(lowered):
            self._found(f'has the scheme "{lowered}:", which no page has')
            return "http" if set(lowered) <= set("htp") else "https"
        if separator != "://":
            self._found('has no "://" after its scheme')
        return lowered

    def _mend_host(self, host: str) -> str:
        wildcard = "*." if host.startswith("*.") else ""
        host = host.removeprefix("*.")
        if ":" in host or host.startswith("["):
            return self._without_wildcard(wildcard, self._mend_ipv6(host))
        if "%" in host:
            self._found("has percent-encoding in its host, which browsers decode")
            host = unquote(host)
        lowered = host.lower()
        if lowered != host and host.isascii():
            self._found("has upper-case letters in its host, which browsers send in lower case")
        host = lowered if lowered.isascii() else self._to_punycode(lowered)
        host = self._mend_dots(host)
        if host.startswith("*."):
            wildcard, host = "*.", host.removeprefix("*.")
        if is_number(host.rpartition(".")[2]):
            return self._without_wildcard(wildcard, self._mend_ipv4(host))
        return wildcard + host

    def _mend_dots(self, host: str) -> str:
        if host.strip(".") == "":
            return host
        if host.endswith("."):
            self._found("ends its host with a dot, which makes it another host")
            host = host.rstrip(".")
        if host.startswith("."):
            self._found('starts its host with a dot, where "*." stands for subdomains')
            host = f"*.{host.lstrip('.')}"
        if ".." in host:
            self._found("has two dots in a row in its host")
            host = re.sub(r"\.{2,}", ".", host)
        return host

    def _without_wildcard(self, wildcard: str, address: str) -> str:
        if wildcard:
            self._found("has a wildcard before an IP address, which has no subdomains")
        return address

    def _to_punycode(self, host: str) -> str:
        import idna

        self._found("has letters outside ASCII in its host, which browsers send as punycode")
        try:
            return idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            strict = error
        # Browsers let symbols such as emoji pass (UTS #46 without CheckHyphens and the like).
        try:
            labels = idna.uts46_remap(host, std3_rules=False).split(".")
            return ".".join(
                label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
                for label in labels
            )
        except idna.IDNAError:
            self._found(f"is not a valid international host name ({strict})")
            return host

    def _mend_ipv6(self, host: str) -> str:
        address, percent, _ = host.strip("[]").partition("%")
        canonical = canonical_ipv6(address)
        if canonical is None:
            self._found("has colons or brackets in its host, but no IPv6 address")
            return host
        if percent:
            self._found("has an IPv6 zone, which no origin contains")
        elif not host.startswith("["):
            self._found("has an IPv6 address without its brackets")
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
            self._found(
                f"has the port {_shown(port)}, where a number from 1 to 65535 or * can stand"
            )
            is_family = re.search(r"[*?xX-]|any|all", port) and not port.startswith("-")
            return "*" if is_family else ""
        if port != str(int(port)):
            self._found("has a port with leading zeros")
            port = str(int(port))
        if DEFAULT_PORTS[scheme] == port:
            self._found(f'names the default port of "{scheme}:", which browsers leave out')
            return ""
        return port

    # --- The corrections ----------------------------------------------------------------------

    def _correct_network(self, scheme: str, network: str) -> Misspelling:
        self._found("is a network, and an origin names one host")
        address, _, bits = network.partition("/")
        if bits not in ("8", "16", "24") or canonical_ipv4(address) != address:
            return self._give_up()
        kept = address.split(".")[: int(bits) // 8]
        return self._correct_with(scheme, [*kept, *["*"] * (4 - len(kept))], "", _BYTE)

    def _correct_glob(self, scheme: str, host: str, port: str | None) -> Misspelling:
        self._found(_WHERE_A_STAR_CAN_STAND)
        host = host.lower().strip(".")
        labels = host.split(".")
        if is_loopback(host.strip("*")):
            return self._finish(scheme, host.strip("*"), port or "*")
        if re.fullmatch(r"[0-9]{1,3}(?:\.(?:[0-9]{1,3}|\*)){1,3}", host) and labels[-1] == "*":
            labels += ["*"] * (4 - len(labels))
            return self._correct_with(scheme, labels, self._mend_port(scheme, port), _BYTE)
        last = max((i for i, label in enumerate(labels) if "*" in label), default=-1)
        fixed, starred = labels[last + 1 :], labels[: last + 1]
        if not fixed:
            self._found("and at the end of a host it lets in whichever domain anyone registers")
            return self._give_up()
        word = starred[-1].lstrip("*") if starred else ""
        stands_for_labels = all(label.strip("*") == "" for label in starred[:-1])
        if stands_for_labels and "*" not in word and not word.startswith("-"):
            name = ".".join([word, *fixed] if word else fixed)
            name = f"*.{name}" if starred else name
            return self._finish(scheme, self._mend_host(name), self._mend_port(scheme, port))
        if len(fixed) < 2 and not is_loopback(fixed[-1]):
            self._found("and here it lets in domains that anyone can register")
            return self._give_up()
        return self._correct_with(scheme, labels, self._mend_port(scheme, port), "[a-z0-9-]+")

    def _correct_with(self, scheme: str, labels: list[str], port: str, star: str) -> Misspelling:
        """Correct to a regular expression, in which `star` stands for each "*"."""
        if not all(re.fullmatch("[a-z0-9_*-]+", label) for label in labels):
            return self._give_up()
        host = r"\.".join(re.sub(r"\*+", star, label) for label in labels)
        suffix = f":{port.replace('*', '[0-9]+')}" if port else ""
        return Misspelling(self._reason(), _regex_source(f"{scheme}://{host}{suffix}"))

    def _finish_app_origin(self, scheme: str, host: str, port: str | None) -> Misspelling:
        if "*" in host or port == "*":
            self._found("has a wildcard, which only http: and https: origins can have")
            escaped = re.escape(scheme).replace(r"\-", "-")
            return Misspelling(self._reason(), _regex_source(rf"{escaped}://[A-Za-z0-9._-]+"))
        return self._finish(scheme, host, port or "")

    def _finish(self, scheme: str, host: str, port: str) -> Misspelling:
        mended = f"{scheme}://{host}{':' + port if port else ''}"
        if parse_pattern(mended) is None:
            self._found(_what_is_wrong_with(host))
            return self._give_up()
        return Misspelling(self._reason(), repr(mended))

    def _give_up(self) -> Misspelling:
        return Misspelling(self._reason(), EXAMPLE)

    def _reason(self) -> str:
        return "; ".join(dict.fromkeys(self.reasons)) or "is not an origin"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}…"


def _what_is_wrong_with(host: str) -> str:
    odd = sorted({c for c in host.removeprefix("*.") if not re.match(r"[a-z0-9_.-]", c)})
    if odd and not host.startswith("["):
        return f"has characters in its host that no host name has ({' '.join(map(ascii, odd[:5]))})"
    if any(len(label) > 63 for label in host.split(".")):
        return "has more than 63 characters between two dots of its host"
    if len(host) > 253:
        return "has a host of more than 253 characters"
    return "has a host that no browser sends"
