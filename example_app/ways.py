"""The ways in which a page can try to connect, and what becomes of each under a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from .chat import CUSTOM_HEADER
from .fetch_standard import Answer, cors_check, preflight_check


class Outcome(str, Enum):
    """How an attempt ends."""

    CONNECTED = "connected"
    REFUSED = "refused"  #: by the server, with an error
    BLOCKED = "blocked"  #: by the browser, which keeps the server's answer from the page


class Prediction(NamedTuple):
    outcome: Outcome
    why: str


class Mode(str, Enum):
    """How a browser makes a request (Fetch standard, section 2.2.5, "mode")."""

    CORS = "cors"
    NO_CORS = "no-cors"
    WEBSOCKET = "websocket"


class Way(NamedTuple):
    """A way to connect.

    :param attack: ``jsonp`` or ``no-cors`` for what no Socket.IO client does; else ``""``.
    :param options: what ``io(url, options)`` is given.
    """

    key: str
    title: str
    summary: str
    options: Mapping[str, Any]
    attack: str = ""


POLLING: Final = "EIO=4&transport=polling"
WEBSOCKET: Final = "EIO=4&transport=websocket"

_HEADERS: Final = {"extraHeaders": {CUSTOM_HEADER: "abcd"}}
_BY_POLLING: Final = {"transports": ["polling"]}

WAYS: Final = (
    Way("polling", "Polling", "HTTP long polling", _BY_POLLING),
    Way("websocket", "WebSocket", "WebSocket alone", {"transports": ["websocket"]}),
    Way(
        "credentials",
        "With credentials",
        "Polling, with cookies",
        {**_BY_POLLING, "withCredentials": True},
    ),
    Way(
        "header", "Custom header", "Polling, with a header of its own", {**_BY_POLLING, **_HEADERS}
    ),
    Way(
        "manual",
        "The manual's",
        "Cookies and a header, polling, then upgraded to WebSocket",
        {"withCredentials": True, **_HEADERS},
    ),
    Way(
        "jsonp",
        "Script (JSONP)",
        "A script element of the server's address, which reads the session",
        {},
        "jsonp",
    ),
    Way(
        "no-cors",
        "Blind fetch",
        "A fetch in the mode no-cors, whose answer nobody can read",
        {},
        "no-cors",
    ),
)


class Server(Protocol):
    """Asks a server, or its policy, what it answers to one request."""

    def __call__(self, method: str, query: str, headers: Mapping[str, str]) -> Answer: ...


class Page(NamedTuple):
    """The page that tries.

    :param origin: as the browser serialises it.
    :param server_origin: of the server that it tries to reach.
    :param site: what ``Sec-Fetch-Site`` says of its requests; ``""`` in a browser without it.
    :param is_named: whether ``Origin`` comes with its no-cors requests too. Newer browsers send it
        across sites where cookies might come along (Storage Access Headers, section 2.1).
    """

    origin: str
    server_origin: str
    site: str = ""
    is_named: bool = False

    @property
    def is_same_origin(self) -> bool:
        return self.origin == self.server_origin


class _Request(NamedTuple):
    mode: Mode
    method: str
    query: str
    with_credentials: bool = False
    header_names: tuple[str, ...] = ()


def predict(way: Way, page: Page, server: Server) -> Prediction:
    """Tell what a browser will do: the server's answers, then the Fetch standard's checks."""
    for request in _requests(way):
        failure = _failure(request, page, server)
        if failure is not None:
            return failure
    if not way.attack:
        return Prediction(Outcome.CONNECTED, "every answer passes the browser's checks")
    named = "the browser names the page, which is allowed"
    return Prediction(Outcome.CONNECTED, named if page.is_named else "the server lets it in")


def _requests(way: Way) -> Iterator[_Request]:
    """List the different requests of a connection, in their order."""
    if way.attack:
        query = f"{POLLING}&j=0" if way.attack == "jsonp" else POLLING
        yield _Request(Mode.NO_CORS, "GET", query)
        return
    transports = way.options.get("transports", ["polling", "websocket"])
    credentials = way.options.get("withCredentials", False)
    names = tuple(way.options.get("extraHeaders", ()))
    if "polling" in transports:
        yield _Request(Mode.CORS, "GET", POLLING, credentials, names)
        yield _Request(Mode.CORS, "POST", f"{POLLING}&sid=x", credentials, names)
    if "websocket" in transports:
        yield _Request(Mode.WEBSOCKET, "GET", WEBSOCKET)


def _failure(request: _Request, page: Page, server: Server) -> Prediction | None:
    crosses = request.mode is Mode.CORS and not page.is_same_origin
    if crosses and request.header_names:
        failure = _preflight_failure(request, page, server)
        if failure is not None:
            return failure
    answer = server(request.method, request.query, _headers(request, page))
    if answer.status >= 400:
        return Prediction(Outcome.REFUSED, f"the server answers {answer.status}")
    if crosses:
        unreadable = cors_check(page.origin, request.with_credentials, answer)
        return Prediction(Outcome.BLOCKED, unreadable) if unreadable else None
    return None


def _preflight_failure(request: _Request, page: Page, server: Server) -> Prediction | None:
    asks = {
        "Origin": page.origin,
        "Access-Control-Request-Method": request.method,
        "Access-Control-Request-Headers": ",".join(sorted(request.header_names)),
    }
    answer = server("OPTIONS", request.query, asks)
    if answer.status >= 400:
        return Prediction(Outcome.REFUSED, f"the server answers the preflight with {answer.status}")
    wrong = preflight_check(
        page.origin, request.with_credentials, request.method, request.header_names, answer
    )
    return Prediction(Outcome.BLOCKED, wrong) if wrong else None


def _headers(request: _Request, page: Page) -> dict[str, str]:
    """Tell what the browser says of the page (Fetch standard, "append a request Origin header")."""
    headers = {"Sec-Fetch-Site": page.site} if page.site else {}
    crosses = request.mode is Mode.CORS and not page.is_same_origin
    is_named = page.is_named and request.mode is Mode.NO_CORS
    always = request.mode is Mode.WEBSOCKET or request.method not in ("GET", "HEAD")
    if crosses or is_named or always:
        headers["Origin"] = page.origin
    return headers
