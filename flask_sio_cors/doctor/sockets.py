"""WebSocket, which browsers let through without CORS and proxies often do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import Page, Response
from . import gatekeepers, redirects
from .answers import ONE_WORKER
from .exchange import Exchange, Failure, Trouble
from .failures import network_error
from .findings import Finding, Severity, Told
from .fixes import Fix, allowing
from .handshake import error_of
from .proof import proof_of
from .proxies import proxy_of

_NGINX: Final = (
    "In nginx, in the location of the Socket.IO path: proxy_http_version 1.1; "
    'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
)
_PROXY: Final = f"If there is a proxy before the server: let it pass WebSocket on. {_NGINX}"
_RUN: Final = """\
socketio.run(app)   # in place of app.run(…) and of flask run"""
_GUNICORN: Final = f"""\
{ONE_WORKER}
# (async_mode="gevent" needs -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker)"""
_SIMPLE: Final = "# pip install simple-websocket   (with eventlet or gevent it is there)"


_FALLS_BACK: Final = "Socket.IO falls back to polling; a client with WebSocket alone stays out."


def explain(
    exchange: Exchange, page: Page, *, polling_works: bool, refusal: int | None = None
) -> Finding | None:
    """Name what is wrong with a WebSocket; ``None`` where it came about.

    :param refusal: the status of the answer by which polling was refused to the page's origin, or
        altogether.
    """
    outcome = exchange.outcome
    if isinstance(outcome, Failure):
        return _explain_failure(exchange, outcome, polling_works)
    if outcome.status == 101:
        return None
    told = _tell_status(exchange.url, page, outcome, refusal)
    chromium = wording.WEBSOCKET_STATUS.format(status=outcome.status)
    return _finding(exchange, told, chromium, polling_works)


def session_lost(finding: Finding, alone: Exchange) -> Finding:
    """Tell of a WebSocket that does not open within a session.

    :param alone: the exchange that has opened one without.
    """
    id_, title, cause, fix = _SESSION_LOST
    proof = (*finding.proof, *proof_of([alone]))
    return replace(
        finding, id=id_, title=title, cause=f"{cause} {_FALLS_BACK}", fix=fix, proof=proof
    )


def packets_of(exchange: Exchange) -> list[str]:
    """Return the packets that a WebSocket has brought, one or more."""
    body = exchange.response.body if exchange.response is not None else b""
    return body.decode("utf-8", "replace").split("\x1e")


def alone(finding: Finding) -> Finding:
    """Tell of a WebSocket that fails where polling does not work, either.

    A client with both transports never gets so far as to try it.
    """
    cause = (
        'A client with WebSocket alone (transports: ["websocket"]) does not get in, either. '
        f"{finding.cause}"
    )
    return replace(finding, severity=Severity.NOTE, cause=cause)


def _finding(exchange: Exchange, told: Told, chromium: str, polling_works: bool) -> Finding:
    url = exchange.url
    id_, title, cause, fix = told
    if polling_works:
        cause += f" {_FALLS_BACK}"
    return Finding(
        id_,
        Severity.BROKEN,
        title,
        cause,
        fix,
        (wording.firefox_websocket(url),),
        (wording.chromium_websocket(url, chromium),),
        "websocket error",
        proof_of([exchange]),
    )


def _explain_failure(exchange: Exchange, failure: Failure, polling_works: bool) -> Finding:
    name = network_error(failure)
    chromium = wording.WEBSOCKET_NETWORK.format(name=name)
    if name == "EMPTY_RESPONSE":
        chromium = wording.WEBSOCKET_UNANSWERED
    fix = Fix(elsewhere=_NGINX)
    cause = f"The handshake got no proper answer: {failure.trouble.value} ({failure.detail})."
    told = ("websocket-failed", "The WebSocket handshake fails.", cause, fix)
    if failure.trouble is Trouble.SILENT:
        chromium = wording.WEBSOCKET_CLOSED
        cause = "The handshake got no answer: the server or a proxy holds it back."
        told = ("websocket-silent", "The WebSocket handshake is never answered.", cause, fix)
    elif failure.response is not None:
        cause = (
            "The handshake succeeds, and then nothing comes through: a proxy between holds the "
            f"frames back ({failure.trouble.value})."
        )
        told = ("websocket-mute", "The WebSocket carries nothing.", cause, fix)
    return _finding(exchange, told, chromium, polling_works)


_SESSION_LOST: Final = (
    "session-lost",
    "The server forgets the session.",
    "The session is unknown to the process that got the WebSocket handshake: several workers or "
    "machines serve this address, without sticky sessions.",
    Fix(
        ONE_WORKER,
        "",
        "Make the load balancer send each client to one worker.",
    ),
)


def _tell_status(url: str, page: Page, response: Response, refusal: int | None) -> Told:
    message = (error_of(response) or "").lower()
    if response.location is not None:
        return redirects.websocket_redirected(url, response.location)
    # What Flask-SocketIO says to a WebSocket comes without its length, and is not read.
    # Node.js refuses a WebSocket with 400, whatever status polling gets.
    refusals = (403,) if refusal is None else (400, 401, 403, refusal)
    if response.status in refusals or "accepted origin" in message:
        cause = f"The server answers {response.status}: it refuses the origin {page.origin}."
        return "websocket-refused", "The WebSocket handshake is refused.", cause, allowing(page)
    if "session" in message and ("unknown" in message or "invalid session" in message):
        return _SESSION_LOST
    if response.status in (400, 426) or response.is_ok:
        return _dropped(response)
    gatekeeper = gatekeepers.explain(response, urlsplit(url).path) if not message else None
    if gatekeeper is not None:
        return gatekeeper
    if response.status in (502, 504):
        return _misled(response)
    if response.status == 500:
        return _unsupported(response)
    cause = f"The server answers {response.status} {response.reason}, where 101 is needed."
    fix = Fix(elsewhere=_NGINX if proxy_of(response) else _PROXY)
    return "websocket-failed", "The WebSocket handshake fails.", cause, fix


def _misled(response: Response) -> Told:
    cause = (
        f"A proxy ({proxy_of(response) or 'unnamed'}) answers {response.status}: it gets no answer "
        "from where it passes WebSockets on to."
    )
    fix = "Let the proxy pass WebSockets on to the server to which the other requests go."
    return "proxy-error", "The proxy does not reach the server.", cause, Fix(elsewhere=fix)


def _dropped(response: Response) -> Told:
    proxy = proxy_of(response)
    asked = f"The server answers {response.status} as if it had never been asked for a WebSocket: "
    title = "The Upgrade header does not arrive."
    if proxy is not None:
        cause = f"{asked}the proxy before it ({proxy}) removes the Upgrade header."
        return "upgrade-dropped", title, cause, Fix(elsewhere=_NGINX)
    cause = f"{asked}a proxy before it removes the Upgrade header, or it has no WebSocket support."
    return "upgrade-dropped", title, cause, Fix(starting(response, _SIMPLE), "", _PROXY)


def _unsupported(response: Response) -> Told:
    """Tell of a server that offers what it cannot do, as one does that is started by another."""
    cause = (
        f"The server answers {response.status} {response.reason}: it fails at the handshake. "
        "Flask-SocketIO does where eventlet or gevent is installed, and the application is started "
        "by something else: by app.run() or flask run, or by gunicorn without that worker. (The "
        "server's log has a traceback.)"
    )
    title = "The server cannot do WebSocket as it was started."
    lines = starting(response, f"{_RUN}\n# or, by gunicorn:\n{_GUNICORN}")
    return "websocket-unsupported", title, cause, Fix(lines)


def starting(response: Response | None, other: str = _GUNICORN) -> str:
    """Return how to start a server so that it serves Socket.IO as it needs, WebSocket included.

    :param other: where it does not show what runs it.
    """
    server = ((response and response.combined("Server")) or "").lower()
    known = {"werkzeug": f"{_RUN}\n{_SIMPLE}", "gunicorn": _GUNICORN}
    return next((lines for name, lines in known.items() if name in server), other)
