"""Who wrote an answer: the one place that says so, for every rule.

Engine.IO's errors have the codes 0 to 5 with its own words (Node.js), or are one of
python-engineio's sentences; whatever else comes is somebody else's, and is quoted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from html import unescape
from typing import Final

from ..browser.fetch import Response
from .protocol import session_of
from .wire import Exchange


class Error(Enum):
    """What a Socket.IO server refuses a request for."""

    TRANSPORT = "transport"  #: it does not offer this one
    SESSION = "session"  #: it does not know the session
    METHOD = "method"
    UPGRADE = "upgrade"  #: it was not asked as for a WebSocket
    REQUEST = "request"  #: something of the application refuses
    ORIGIN = "origin"  #: the page's origin is not allowed
    FORBIDDEN = "forbidden"  #: the application decided so
    VERSION = "version"  #: it does not speak the client's protocol
    HOST = "host"  #: this extension does not trust the request's Host
    PLACE = "place"  #: this extension says that its server is elsewhere


#: Engine.IO for Node.js: code → its own words, and what they mean. Code 4 has the application's.
_NODE: Final = {
    0: ("transport unknown", Error.TRANSPORT),
    1: ("session id unknown", Error.SESSION),
    2: ("bad handshake method", Error.METHOD),
    3: ("bad request", Error.REQUEST),
    5: ("unsupported protocol version", Error.VERSION),
}
_FORBIDDEN: Final = 4
#: python-engineio's sentences.
_PYTHON: Final = (
    # The one for asyncio names it.
    (r"(\S+ is )?not an accepted origin", Error.ORIGIN),
    (r"invalid session\b", Error.SESSION),
    (r"the client is using an unsupported version", Error.VERSION),
    (r"invalid websocket upgrade", Error.UPGRADE),
    (r"invalid transport$|unknown transport", Error.TRANSPORT),
    (
        r"invalid transport for session|invalid jsonp index|not connected|unexpected http request"
        r"|bad request|unauthorized",
        Error.REQUEST,
    ),
)
_HERE: Final = re.compile(r"this application's (?:is|are) at (/\S*)")


@dataclass(frozen=True)
class Author:
    """Who wrote an answer.

    :param is_session: whether it opens a session.
    :param error: what a Socket.IO server refuses for; ``None`` where it is no such refusal.
    :param message: that server's own words.
    :param name: of somebody else, as far as the answer gives it away; ``"Something"`` where not.
    :param proxy: the key of the advice for who is between; nothing where nobody shows.
    """

    is_session: bool = False
    error: Error | None = None
    message: str = ""
    name: str = "Something"
    proxy: str = ""

    @property
    def is_socketio(self) -> bool:
        """Whether it is a Socket.IO server."""
        return self.is_session or self.error is not None

    @property
    def is_at_home(self) -> bool:
        """Whether it is one, and at the path that was asked."""
        return self.is_socketio and self.error is not Error.PLACE


_NOBODY: Final = Author()


def who(exchange: Exchange | None) -> Author:
    """Say who wrote the answer of an exchange."""
    response = exchange.head if exchange is not None else None
    if exchange is None or response is None:
        return _NOBODY
    name, proxy = _name(response), proxy_of(response)
    if session_of(exchange) is not None:
        return Author(True, name=name, proxy=proxy)
    error = _error(response, exchange)
    if error is None:
        return Author(name=name, proxy=proxy)
    return Author(False, error[0], error[1], name, proxy)


def _error(response: Response, exchange: Exchange) -> tuple[Error, str] | None:
    if response.is_ok:
        return None
    try:
        content = json.loads(response.body)
    except (ValueError, RecursionError):
        content = None
        if "transport=websocket" in exchange.url:
            # To a WebSocket, Engine.IO for Node.js says the same without a code.
            content = response.body.decode("utf-8", "replace").strip()
    if isinstance(content, str):
        return _sentence(content, response)
    if isinstance(content, dict):
        return _coded(content.get("code"), str(content.get("message", "")), response, exchange)
    return None


def _sentence(text: str, response: Response) -> tuple[Error, str] | None:
    known = next((error for words, error in _PYTHON if re.match(words, text.lower())), None)
    if known is None:
        known = next((error for said, error in _NODE.values() if said == text.lower()), None)
    if known is None and response.status == 401 and response.body[:1] == b'"':
        # What a connect handler of python-engineio returns.
        known = Error.FORBIDDEN
    return (known, text) if known is not None else None


def _coded(
    code: object, message: str, response: Response, exchange: Exchange
) -> tuple[Error, str] | None:
    if type(code) is not int:
        return None
    # Python's spelling of JSON, with blanks, is this extension's; Node.js has none.
    is_ours = re.match(rb'\{"code": [34], "message": "', response.body) is not None
    if code == 3 and is_ours:
        return (Error.PLACE if _HERE.search(message) else Error.HOST), message
    if code in _NODE and message.lower() == _NODE[code][0]:
        return _NODE[code][1], message
    if code == _FORBIDDEN and response.status in (400, 403):
        # Node.js has no list that refuses; what this extension's list lets in may read the answer.
        names = {name.lower() for name, _ in (*response.headers, *exchange.headers)}
        is_list = is_ours and "origin" in names and "access-control-allow-origin" not in names
        return Error.ORIGIN if is_list else Error.FORBIDDEN, message
    return None


def named_path(author: Author) -> str | None:
    """Return where this extension says that its server is, in its answer to a stray request."""
    said = _HERE.search(author.message)
    return said[1] if said is not None else None


# --- Which Socket.IO server ------------------------------------------------------------------


def is_python(response: Response | None) -> bool:
    """Tell whether python-engineio wrote a handshake's answer, by the order of its fields."""
    if response is None:
        return False
    timeout, interval = response.body.find(b"pingTimeout"), response.body.find(b"pingInterval")
    return 0 <= timeout < interval


def is_of_python(asked: Exchange) -> bool:
    """Tell whether a server in Python wrote an answer; its refusals begin in upper case."""
    author, response = who(asked), asked.response
    is_told = author.error in (Error.ORIGIN, Error.VERSION) and author.message[:1].isupper()
    return is_told or is_python(response) or is_extension(response) or is_asyncio(response)


def is_extension(response: Response | None) -> bool:
    """Tell whether an answer is one of a server that has this extension."""
    if response is None:
        return False
    if is_python(response):
        return "no-store" in (response.combined("Cache-Control") or "")
    # Python's spelling of JSON, with blanks; Node.js has none.
    return re.match(rb'\{"code": [34], "message": "', response.body) is not None


def is_asyncio(response: Response | None) -> bool:
    """Tell whether a server for asyncio answers, by its name or by how it refuses an origin."""
    if response is None:
        return False
    server = (response.combined("Server") or "").lower()
    is_named = re.search("uvicorn|hypercorn|daphne", server) is not None
    return is_named or re.match(rb'"\S+ is not an accepted origin', response.body) is not None


def is_engineio_preflight(response: Response | None) -> bool:
    """Tell whether an answer to OPTIONS is python-engineio's own, with CORS switched on."""
    is_cors = response is not None and bool(response.values("Access-Control-Allow-Methods"))
    return is_cors and response is not None and response.body == b"OK"


# --- Who else --------------------------------------------------------------------------------

#: How the services that stand before others are known: a pattern of a header line or of a page.
_MARKS: Final = (
    ("Cloudflare", r"^(cf-ray|cf-mitigated):|^server: cloudflare|cdn-cgi/"),
    ("AWS WAF", r"^x-amzn-waf-action:"),
    ("CloudFront", r"^x-amz-cf-id:|^server: cloudfront|generated by cloudfront"),
    ("AWS's load balancer", r"^server: awselb"),
    ("Akamai", r"^server: akamai|errors\.edgesuite\.net|reference&#32;&#35;"),
    ("Imperva", r"^(x-iinfo|x-cdn: (imperva|incapsula))|incapsula incident"),
    ("Sucuri", r"^x-sucuri-|^server: sucuri"),
    ("DataDome", r"^x-datadome|captcha-delivery\.com"),
    ("Fastly", r"^x-served-by: cache-|fastly error"),
    ("Vercel", r"^x-vercel-(id|mitigated):"),
    ("Azure Front Door", r"^x-azure-ref:"),
    ("Google's front end", r"^server: (google frontend|gws)"),
    ("F5", r"the requested url was rejected\. please consult|^server: bigip"),
    ("ModSecurity", r"mod_security|modsecurity"),
    ("GitHub", r"^x-github-request-id:|^server: github"),
    ("oauth2-proxy", r"oauth2[-_ ]proxy"),
    ("ngrok", r"^ngrok-error-code:|ngrok\.com|ngrok-free"),
    ("Vite", r"blocked request\. this host|allowedhosts"),
    ("webpack's development server", r"invalid host header"),
    ("Django", r"disallowedhost|invalid http_host header|allowed_hosts"),
    ("Starlette", r"^disallowed cors (origin|method|headers)"),
    ("HAProxy", r"^<html><body><h1>\d{3} [^<]*</h1>\n"),
    (
        "Traefik",
        r"\A404 page not found\s*\Z|\Abad gateway\Z|\Ano available server\s*\Z|"
        r"\A400 bad request: malformed host header\Z",
    ),
)
#: The proxies that the table of advice knows: key, and how a Server, a Via or a page names it.
_PROXIES: Final = (
    ("nginx", r"nginx|openresty|tengine"),
    ("apache", r"apache(?!-coyote)"),
    ("haproxy", r"haproxy"),
    ("caddy", r"caddy"),
    ("varnish", r"varnish"),
    ("lighttpd", r"lighttpd"),
    ("traefik", r"traefik"),
    ("cloudfront", r"cloudfront"),
    ("cloudflare", r"cloudflare"),
    ("iis", r"microsoft-iis"),
    ("envoy", r"envoy"),
    ("other", r"litespeed|awselb"),
)


#: How much of an answer's headers and of its page is looked at, in characters.
_READ: Final = 16 * 1024


def _name(response: Response) -> str:
    """Return who answers, as far as the answer gives it away."""
    known = next((name for name, marks in _MARKS if says(response, marks)), None)
    return known or response.combined("Server") or "Something"


def says(response: Response, pattern: str) -> bool:
    """Tell whether a header line or the body of an answer matches a pattern."""
    lines = "\n".join(f"{name}: {value}" for name, value in response.headers)[:_READ]
    text = response.body[:_READ].decode("utf-8", "replace")
    flags = re.IGNORECASE | re.MULTILINE
    return any(re.search(pattern, told, flags) is not None for told in (lines, text))


def proxy_of(response: Response | None) -> str:
    """Return the key of the proxy that an answer has come through; nothing where none shows."""
    if response is None:
        return ""
    told = f"{response.combined('Server') or ''} {response.combined('Via') or ''}".strip()
    if response.combined("X-Varnish") is not None:
        return "varnish"
    found = next((key for key, words in _PROXIES if re.search(words, told, re.I)), "")
    if found or response.combined("Via"):
        return found or "other"
    name = "" if response.is_ok else _name(response).lower()
    return name if name in ("haproxy", "traefik") else ""


def shown_proxy(response: Response | None) -> str:
    """Return how the proxy of an answer calls itself; nothing where none shows."""
    key = proxy_of(response)
    if response is None or not key:
        return ""
    server = response.combined("Server") or ""
    words = dict(_PROXIES).get(key, "")
    if re.search(words, server, re.IGNORECASE):
        return server
    return response.combined("Via") or _name(response)


def is_own_page(response: Response | None) -> bool:
    """Tell whether a proxy has written an answer itself, and not the server behind it."""
    if response is None or not proxy_of(response) or response.is_ok:
        return False
    pages = (
        rb"<center>(nginx|openresty|tengine|cloudflare)|<address>Apache|<h1>40\d [\w ]+</h1>\n|"
        rb"404 page not found|<h1>404 Not Found</h1>|\A\Z"
    )
    return re.search(pages, response.body) is not None


#: What a person is to be shown, by a service that wants to see whether there is one.
CHALLENGE: Final = (
    r"^cf-mitigated: challenge|^x-amzn-waf-action: (challenge|captcha)|^x-vercel-mitigated: chall|"
    r"just a moment\.\.\.|challenge-platform|captcha|checking your browser|verify (that )?you are "
    r"(a )?human|enable javascript and cookies"
)
#: 406 and 405 of a firewall look like those of a server, but for the firewall's own words.
REFUSED: Final = (
    r"request blocked|access denied|you have been blocked|mod_security|modsecurity|"
    r"the requested url was rejected|incapsula incident|^x-amzn-waf-action: block|error 1020"
)
_TITLE: Final = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_TAGS: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def quoted(response: Response, most: int = 120) -> str:
    """Return what an answer's page says to whoever reads it, in a line."""
    text = response.body[:_READ].decode("utf-8", "replace")
    title = _TITLE.search(text)
    rest = _TAGS.sub(" ", text.replace(title[0], "") if title else text)
    words = " ".join(unescape(f"{title[1]}: {rest}" if title else rest).split()).strip(": ")
    return words if len(words) <= most else f"{words[: most - 1]}…"


_TRACEBACK: Final = "Traceback (most recent call last):"
_WERKZEUG: Final = re.compile(r"<title>(.*?)\s*// Werkzeug Debugger</title>", re.DOTALL)


def raised(response: Response) -> str | None:
    """Return the line of a traceback that tells, the exception; ``None`` where none is shown."""
    text = response.body.decode("utf-8", "replace")
    if response.status >= 500 and (page := _WERKZEUG.search(text)):
        return " ".join(unescape(page[1]).split())
    if response.status < 500 or _TRACEBACK not in text:
        return None
    after = text.rpartition(_TRACEBACK)[2].splitlines()
    # The places in the code are indented.
    return next((unescape(line) for line in after if line.strip() and line[0] not in " \t"), None)
