"""WebSocket, which browsers let through without CORS and proxies often do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..advice import Topic, advise, name_of
from ..facts import Case
from ..findings import Rule, Words
from ..fixes import Fix, allowing
from ..who import Error, shown_proxy, who
from ..wire import Failure, Trouble
from .answers import COMPARE, EXEMPT, GATEKEEPERS, LOGIN, LOGIN_CAUSE, found_path
from .cors import is_slash, leading, to_login
from .session import GUNICORN, ONE_WORKER, OWN, RUN, SIMPLE, starting


def _failure(case: Case) -> Failure | None:
    return case.fetched.failure


def _upgrade(case: Case) -> str:
    return advise(Topic.UPGRADE, case.proxy, path=case.facts.target.path)


def _fails(test: Callable[[Failure], bool]) -> Callable[[Case], bool]:
    return lambda case: case.fetched.failure is not None and test(case.fetched.failure)


def _failed(case: Case) -> Words:
    failure = _failure(case)
    why = f"{failure.trouble.value} ({failure.detail})" if failure is not None else ""
    return Words(
        "The WebSocket handshake fails.",
        f"The handshake got no proper answer: {why}.",
        _upgrade(case),
    )


def _unanswered(case: Case) -> Words:
    why = [
        "every worker or thread of the server is taken by others, as a few open pages take all of gunicorn's without --threads 100",
        "a proxy before it holds it back",
    ]
    told = ", or ".join(why[::-1] if case.proxy else why)
    elsewhere = f"{'' if case.proxy else 'Where there is a proxy: '}{_upgrade(case)}"
    return Words(
        "The WebSocket handshake is never answered.",
        f"The handshake got no answer: {told}.",
        Fix(ONE_WORKER, "", elsewhere),
    )


def _mute(case: Case) -> Words:
    asked = case.facts.upgrade or case.facts.alone
    why = asked.closed if asked is not None and asked.closed else Trouble.SILENT.value
    return Words(
        "The WebSocket carries nothing.",
        f"The handshake succeeds, and then nothing comes through: a proxy between holds the frames back ({why}).",
        _upgrade(case),
    )


def _redirected(case: Case) -> Words:
    cause = f"It is redirected to {case.response.location}; no browser follows that."
    return leading(case, "The WebSocket handshake is redirected.", cause)


def _login(case: Case) -> Words:
    cause = f"It is redirected to {case.response.location}; no browser follows that. {LOGIN_CAUSE}"
    return Words(LOGIN, cause, EXEMPT)


def _is_redirect(case: Case) -> bool:
    return case.response.location is not None


def _refused(case: Case) -> Words:
    origin = case.facts.page.origin
    return Words(
        "The WebSocket handshake is refused.",
        f"The server answers {case.response.status}: it refuses the origin {origin}.",
        allowing(case.facts.page),
    )


def _application(case: Case) -> Words:
    said = f' and says "{case.author.message}"' if case.author.message else ""
    return Words(
        "The WebSocket handshake is refused.",
        f"The Socket.IO server answers {case.response.status}{said}: the application's own decision on who may connect is against it (allowRequest, SIO_CORS_ALLOW_REQUEST), or something that it does before.",
        "See the server's log; the message is the server's own.",
    )


def _session_lost(case: Case) -> Words:
    cause = "The session is unknown to the process that got the WebSocket handshake: several workers or machines serve this address, without sticky sessions."
    fix = Fix(ONE_WORKER, "", advise(Topic.STICKY, case.proxy))
    return Words("The server forgets the session.", cause, fix, (case.aside("websocket alone"),))


def _is_dropped(case: Case) -> bool:
    return case.response.status in (400, 426) or case.response.is_ok


def _opens_alone(case: Case) -> bool:
    alone = case.aside("websocket alone")
    is_open = alone is not None and alone.response is not None and alone.response.status == 101
    return _is_dropped(case) and is_open


def _dropped(case: Case) -> Words:
    proxy = shown_proxy(case.response) or name_of(case.proxy)
    asked = (
        f"The server answers {case.response.status} as if it had never been asked for a WebSocket: "
    )
    title = "The Upgrade header does not arrive."
    if proxy:
        cause = f"{asked}the proxy before it ({proxy}) removes the Upgrade header."
        return Words(title, cause, _upgrade(case))
    cause = f"{asked}a proxy before it removes the Upgrade header, or it has no WebSocket support."
    elsewhere = f"Where there is a proxy: {_upgrade(case)}"
    return Words(title, cause, Fix(starting(case.response, SIMPLE), "", elsewhere))


def _unsupported(case: Case) -> Words:
    """Tell of a server that offers what it cannot do, as one does that is started by another."""
    status = f"{case.response.status} {case.response.reason}".rstrip()
    cause = f"The server answers {status}: it fails at the handshake. Flask-SocketIO does where eventlet or gevent is installed, and the application is started by something else: by app.run() or flask run, or by gunicorn without that worker. (The server's log has a traceback.)"
    elsewhere = ""
    if case.proxy:
        cause += " Or the proxy before it passes on a part only of what asks for a WebSocket: Upgrade without Connection, or by HTTP/1.0."
        elsewhere = _upgrade(case)
    return Words(
        "The server cannot do WebSocket as it was started.",
        cause,
        Fix(starting(case.response, f"{RUN}\n# or, by gunicorn:\n{GUNICORN}"), "", elsewhere),
    )


def is_placed(unfound: Case, case: Case) -> bool:
    """Tell whether what polling is answered says more of a WebSocket's failure than its own answer.

    :param unfound: what is answered in the place of a Socket.IO server.
    :param case: the WebSocket.
    """
    is_foreign = case.response.status == 101
    return not is_foreign and (
        unfound.response.status not in (404, 405) or bool(found_path(unfound))
    )


def _other_status(case: Case) -> Words:
    status = f"{case.response.status} {case.response.reason}".rstrip()
    cause = f"The server answers {status}, where 101 is needed."
    elsewhere = _upgrade(case)
    if case.response.status in (404, 405):
        cause += f" A web server answers, but has nothing at {case.path}."
        elsewhere = f"{COMPARE} {elsewhere}" if case.proxy else COMPARE
    elif not case.proxy:
        elsewhere = f"Where there is a proxy: {elsewhere}"
    return Words("The WebSocket handshake fails.", cause, elsewhere)


def _is_open(case: Case) -> bool:
    return case.response.status == 101


def is_left_out(case: Case) -> bool:
    """Tell whether the server says that it offers none, as it does where none is asked for."""
    return _is_dropped(case) and who(case.aside("plain websocket")).error is Error.TRANSPORT


#: In their order; only the first that applies is told.
WEBSOCKETS: Final = (
    Rule(
        "websocket-silent",
        _fails(lambda f: f.is_late and f.response is None),
        _unanswered,
    ),
    Rule("websocket-failed", _fails(lambda f: True), _failed),
    Rule("websocket-mute", _is_open, _mute),
    Rule("missing-slash", lambda c: _is_redirect(c) and is_slash(c), _redirected),
    Rule("login-required", lambda c: _is_redirect(c) and to_login(c), _login),
    Rule("websocket-redirected", _is_redirect, _redirected),
    Rule("session-lost", lambda c: c.author.error is Error.SESSION, _session_lost),
    *OWN,
    Rule("websocket-refused", lambda c: c.refuses_origin, _refused),
    Rule("session-lost", _opens_alone, _session_lost),
    Rule("websocket-refused", lambda c: c.author.error is Error.FORBIDDEN, _application),
    Rule("upgrade-dropped", _is_dropped, _dropped),
    *(rule.where(lambda c: c.author.error is None) for rule in GATEKEEPERS),
    Rule(
        "proxy-error",
        lambda c: c.response.status in (502, 504),
        lambda c: Words(
            "The proxy does not reach the server.",
            f"A proxy ({shown_proxy(c.response) or 'unnamed'}) answers {c.response.status}: it gets no answer from where it passes WebSockets on to.",
            "Let the proxy pass WebSockets on to the server to which the other requests go.",
        ),
    ),
    Rule("websocket-unsupported", lambda c: c.response.status == 500, _unsupported),
    Rule("websocket-failed", lambda c: True, _other_status),
)


#: Of a WebSocket that has opened, and brought something else than a session.
FOREIGN: Final = (
    Rule(
        "another-server",
        lambda c: True,
        lambda c: Words(
            "What answers is no Socket.IO server.",
            "A WebSocket opens, and what comes by it is not Socket.IO's: a development server's own, as Vite's, or another application's.",
            "Compare host, port and path of the client with those of the server.",
            client="websocket error",
        ),
        is_silent=True,
    ),
)


NOT_OFFERED: Final = (
    Rule(
        "websocket-not-offered",
        lambda c: True,
        lambda c: Words(
            "The server offers no WebSocket.",
            "The handshake offers no upgrade, so that clients stay with polling: WebSocket is not installed, or the server's option transports leaves it out.",
            Fix("# pip install simple-websocket   (or eventlet, or gevent)"),
        ),
    ),
)
