"""WebSocket, which browsers let through without CORS and proxies often do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..advice import Topic, advise, name_of
from ..facts import Case
from ..findings import Given, Rule, Severity, pair, silent
from ..fixes import Fix, allowing
from ..protocol import session_of
from ..who import Error, shown_proxy, who
from ..wire import Trouble
from .answers import ANOTHER_SERVER, COMPARE, GATEKEEPERS, UNSPOKEN, found_path, refusal, status_of
from .cors import MOVED
from .network import failure_of
from .session import FORGOTTEN, GUNICORN, ONE_WORKER, OWN, RUN, SIMPLE, starting
from .when import always, both, refused_for, status, troubled


def _upgrade(case: Case) -> str:
    return advise(Topic.UPGRADE, case.proxy, path=case.facts.target.path)


def _muted(case: Case) -> str:
    return str(case.facts.by_websocket.end or Trouble.SILENT.value)


def _is_dropped(case: Case) -> bool:
    return case.response.status in (400, 426) or case.response.is_ok


def _is_hung_up_on(case: Case) -> bool:
    """Tell whether a proxy closes the connection, which it does by a rule of its own alone."""
    return bool(case.proxy and troubled(Trouble.CLOSED)(case))


_HANGS_UP: Final = " A proxy that hangs up does so by a rule of its own."
_BOTH: Final = 'transports: ["polling", "websocket"],'


def is_left_out(case: Case) -> bool:
    """Tell whether the server offers none, or says so where none is asked for."""
    opened = session_of(case.aside("own"))
    is_unoffered = opened is not None and "websocket" not in opened.upgrades
    is_told = who(case.aside("plain websocket")).error is Error.TRANSPORT
    return _is_dropped(case) and (is_unoffered or is_told)


def _where_there_is_one(case: Case) -> str:
    return _upgrade(case) if case.proxy else f"Where there is a proxy: {_upgrade(case)}"


def _unanswered(case: Case) -> tuple[str, Given]:
    why = [
        "every worker or thread of the server is taken by others, as a few open pages take all of gunicorn's without --threads 100",
        "a proxy before it holds it back",
    ]
    told = ", or ".join(why[::-1] if case.proxy else why)
    return f"The handshake got no answer: {told}.", Fix(ONE_WORKER, "", _where_there_is_one(case))


def _dropped(case: Case) -> tuple[str, Given]:
    proxy = shown_proxy(case.response) or name_of(case.proxy)
    asked = (
        f"The server answers {case.response.status} as if it had never been asked for a WebSocket:"
    )
    if proxy:
        return f"{asked} the proxy before it ({proxy}) removes the Upgrade header.", _upgrade(case)
    cause = f"{asked} a proxy before it removes the Upgrade header, or it has no WebSocket support."
    return cause, Fix(starting(case.response, SIMPLE), "", _where_there_is_one(case))


def _unsupported(case: Case) -> tuple[str, Given]:
    """Tell of a server that offers what it cannot do, as one does that is started by another."""
    cause = f"The server answers {status_of(case)}: it fails at the handshake. Flask-SocketIO does where eventlet or gevent is installed, and the application is started by something else: by app.run() or flask run, or by gunicorn without that worker; and uvicorn does without a WebSocket library. (The server's log has a traceback.)"
    start = starting(case.response, f"{RUN}\n# or, by gunicorn:\n{GUNICORN}")
    if not case.proxy:
        return cause, Fix(start)
    cause += " Or the proxy before it passes on a part only of what asks for a WebSocket: Upgrade without Connection, or by HTTP/1.0."
    return cause, Fix(start, "", _upgrade(case))


def is_placed(unfound: Case, case: Case) -> bool:
    """Tell whether what polling is answered says more of a WebSocket's failure than its own answer.

    :param unfound: what is answered in the place of a Socket.IO server.
    :param case: the WebSocket.
    """
    is_known = unfound.response.status not in (404, 405) or bool(found_path(unfound))
    return case.response.status != 101 and is_known


_FAILS: Final = "The WebSocket handshake fails."
_REFUSED: Final = "The WebSocket handshake is refused."
_SESSION: Final = Rule(
    "session-lost", refused_for(Error.SESSION), FORGOTTEN,
    "The session is unknown to the process that got the WebSocket handshake: several workers or machines serve this address, without sticky sessions.",
    lambda c: Fix(ONE_WORKER, "", advise(Topic.STICKY, c.proxy)), ("websocket alone",),
)  # fmt: skip

#: In their order; only the first that applies is told.
WEBSOCKETS: Final = (
    Rule("websocket-silent", lambda c: (f := c.fetched.failure) is not None and f.is_late and f.response is None,
         "The WebSocket handshake is never answered.", *pair(_unanswered)),
    Rule("websocket-failed", lambda c: c.fetched.failure, _FAILS,
         lambda c: f"The handshake got no proper answer: {failure_of(c)}.{_HANGS_UP * _is_hung_up_on(c)}",
         lambda c: advise(Topic.FORBID, c.proxy, path=c.path) if _is_hung_up_on(c) else _upgrade(c)),
    Rule("websocket-mute", status(101),
         "The WebSocket carries nothing.",
         lambda c: f"The handshake succeeds, and then nothing comes through: a proxy between holds the frames back ({_muted(c)}).",
         _upgrade),
    *MOVED[:-1], replace(MOVED[-1], id="websocket-redirected"),
    _SESSION, *UNSPOKEN, *OWN,
    Rule("websocket-refused", lambda c: c.refuses_origin, _REFUSED,
         lambda c: f"The server answers {c.response.status}: it refuses the origin {c.facts.page.origin}.",
         lambda c: allowing(c.facts.page)),
    replace(_SESSION, applies=both(_is_dropped, lambda c: c.beside("websocket alone").status == 101)),
    Rule("websocket-refused", refused_for(Error.FORBIDDEN), _REFUSED,
         lambda c: f"{refusal(c)} The application's own decision on who may connect is against it (allowRequest, SIO_CORS_ALLOW_REQUEST), or something that it does before.",
         "See the server's log; the message is the server's own."),
    Rule("upgrade-dropped", _is_dropped,
         "The Upgrade header does not arrive.", *pair(_dropped)),
    *GATEKEEPERS,
    Rule("proxy-error", status(502, 504),
         "The proxy does not reach the server.",
         lambda c: f"A proxy ({shown_proxy(c.response) or 'unnamed'}) answers {c.response.status}: it gets no answer from where it passes WebSockets on to.",
         "Let the proxy pass WebSockets on to the server to which the other requests go."),
    Rule("websocket-unsupported", status(500),
         "The server cannot do WebSocket as it was started.", *pair(_unsupported)),
    Rule("websocket-failed", status(404, 405), _FAILS,
         lambda c: f"The server answers {status_of(c)}, where 101 is needed. A web server answers, but has nothing at {c.path}.",
         lambda c: f"{COMPARE} {_upgrade(c)}" if c.proxy else COMPARE),
    Rule("websocket-failed", always, _FAILS,
         lambda c: f"The server answers {status_of(c)}, where 101 is needed.",
         _where_there_is_one),
)  # fmt: skip

#: Of a WebSocket that has opened, and brought something else than a session.
FOREIGN: Final = (
    replace(ANOTHER_SERVER, applies=always, client="websocket error", printed=silent,
            cause="A WebSocket opens, and what comes by it is not Socket.IO's: a development server's own, as Vite's, or another application's."),
)  # fmt: skip
NOT_OFFERED: Final = (
    Rule("websocket-not-offered", always,
         "The server offers no WebSocket.",
         "The handshake offers no upgrade, so that clients stay with polling: WebSocket is not installed, or the server's option transports leaves it out.",
         lambda c: Fix("# pip install simple-websocket   (or eventlet, or gevent)", allowing(c.facts.page, options=[_BOTH]).node),
         severity=Severity.NOTE, is_proven=False),
)  # fmt: skip
