"""The door in front of Engine.IO: asks the policy, then answers, or lets Engine.IO answer."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from flask_socketio import ConnectionRefusedError

from ..config.functions import AllowRequest
from . import proofs
from .callbacks import Callback, Fault, Interrupter, Overdue, call, never_interrupts
from .identity import OWN, Identity
from .journal import Journal
from .policy import Policy
from .refusals import explain_refusal
from .signals import request_refused
from .verdicts import ALLOWED, REFUSED, Header, Headers, Reason, Verdict

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask
    from flask.sessions import SessionMixin

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

#: Where the guard leaves its verdict, for Engine.IO's own check and for the stray hook.
VERDICT: Final = "flask_sio_cors.verdict"


def _error_body(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


# Socket.IO's error codes and messages (engine.io, "Server.errors").
_FORBIDDEN: Final = (4, _error_body(4, "Forbidden"))
_ERRORS: Final = {Reason.HOST_NOT_TRUSTED: (3, _error_body(3, "Bad request"))}

# RFC 6455, section 7.4.1, and a packet type that Engine.IO's protocol does not know.
_POLICY_VIOLATION: Final = 1008
_NO_PACKET_TYPE: Final = "7"
#: Seconds that a client may take to answer a close frame.
_FAREWELL_SECONDS: Final = 2.0

_JSON: Final = ("Content-Type", "application/json")

# What the verdict says in the server's place.
_REPLACED: Final = ("access-control-", "cache-control")


class EngineIO(Protocol):
    """What the guard needs of a ``socketio.Server``."""

    eio: Any
    #: The handshakes' environs, by session.
    environ: dict[str, Any]

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request, as a WSGI application does."""
        ...


class Guard:
    """Stands where Flask-SocketIO's middleware hands a request to Engine.IO.

    That place sees exactly the requests that Engine.IO would answer, whatever their path, and
    sees them as the application does, behind a ``ProxyFix`` or a mount.

    :param engineio: the Socket.IO server that answers what the guard lets through.
    :param policy: the rules in force; one assignment replaces them.
    :param flask_side: returns the application's own WSGI side, for preflights that it answers.
        Asked at each use, because a debugger may be put around it later.
    :param journal: where refusals and faults are logged.
    :param interrupter: ends an ``allow_request`` that takes too long, where the server can.
    """

    def __init__(
        self,
        engineio: EngineIO,
        policy: Policy,
        flask_side: Callable[[], WSGIApplication],
        journal: Journal,
        interrupter: Interrupter = never_interrupts,
    ) -> None:
        self.engineio = engineio
        self.policy = policy
        self.journal = journal
        self._flask_side = flask_side
        self.interrupter = interrupter

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for Engine.IO; a WSGI application by another name."""
        policy = self.policy
        verdict, own, page = policy.judge(environ)
        if verdict.outcome is REFUSED and proofs.recall(self.engineio.environ, environ):
            verdict, own, page = policy.judge(environ)
        if verdict.outcome is REFUSED:
            return self.refuse(environ, start_response, policy, verdict, page)
        headers = own + verdict.headers
        if verdict.outcome is ALLOWED:
            if policy.allow_request is not None and is_handshake(environ):
                denial, message, cookies = self._ask(environ, policy)
                headers += cookies
                if denial is not None:
                    verdict = _denied(denial, headers)
                    return self.refuse(environ, start_response, policy, verdict, page, message)
            if page.who is OWN:
                proofs.remember(self.engineio.environ, environ, page.origin)
            environ[VERDICT] = verdict
            return self.engineio.handle_request(environ, _completing(start_response, headers))
        if policy.preflight_continue:
            environ[VERDICT] = verdict
            return self._flask_side()(environ, _completing(start_response, headers))
        start_response(verdict.status, [*headers, ("Content-Length", "0")])
        return []

    def allows(self, origin: str | None, environ: WSGIEnvironment) -> bool:
        """Answer Engine.IO's own question, ``cors_allowed_origins``; never raises.

        A request that came through the guard has its verdict with it. One that reached the server
        by another way, such as a second ``WSGIApp``, is judged here.
        """
        verdict = environ.get(VERDICT) or self.policy.judge(environ)[0]
        return bool(verdict.outcome is not REFUSED)

    def _ask(
        self, environ: WSGIEnvironment, policy: Policy
    ) -> tuple[Reason | None, str | None, Headers]:
        """Ask ``allow_request``.

        :return: why it refuses, ``None`` to let pass; its message; the session's cookies.
        """
        app: Flask = environ["flask.app"]
        cookies: list[Header] = []

        def ask_in_context(allow_request: AllowRequest) -> bool:
            with app.request_context(environ) as context:
                try:
                    return allow_request(context.request)
                finally:
                    # Not what an interrupted function has left half done.
                    if not isinstance(sys.exc_info()[1], Overdue):
                        cookies.extend(self._saved(app, context.session, environ, name))

        options = policy.options
        name = options.sources.get("ALLOW_REQUEST", "allow_request")
        callback = Callback(
            ask_in_context,
            name,
            options.callback_timeout,
            self.journal,
            self.interrupter,
            passing=(ConnectionRefusedError,),
        )
        try:
            answer = callback.ask(options.allow_request)
        except ConnectionRefusedError as refusal:
            return Reason.DENIED, _words_of(refusal), tuple(cookies)
        if answer:
            return None, None, tuple(cookies)
        reason = Reason.DENIED if answer is False else Reason.ALLOW_REQUEST_FAILED
        return reason, None, tuple(cookies)

    def _saved(
        self, app: Flask, session: SessionMixin | None, environ: WSGIEnvironment, name: str
    ) -> Iterable[Header]:
        """Save what ``allow_request`` did to the session; return the cookies of its answer."""
        interface = app.session_interface
        if session is None or interface.is_null_session(session) or not session.modified:
            return ()
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            complaint = (
                "changed the session, which is lost: the answer to a WebSocket carries no cookie. "
                "Change it in a route, or let clients begin with polling"
            )
            self.journal.fault(name, None, complaint)
            return ()
        response = app.response_class()
        interface.save_session(app, session, response)
        return [("Set-Cookie", value) for value in response.headers.getlist("Set-Cookie")]

    def refuse(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        policy: Policy,
        verdict: Verdict,
        page: Identity,
        message: str | None = None,
    ) -> list[bytes]:
        """Answer with the refusal, after telling the log and the application's receivers.

        :param page: who asked.
        :param message: the application's own words for it.
        """
        body = self.report(environ["flask.app"], environ, policy, verdict, page, message)
        websocket = environ.get("wsgi.websocket")
        if websocket is not None:
            end_websocket(websocket, body, self.interrupter)
            return []
        length = ("Content-Length", str(len(body)))
        start_response(verdict.status, [*verdict.headers, _JSON, length])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def report(
        self,
        app: Flask,
        environ: WSGIEnvironment,
        policy: Policy,
        verdict: Verdict,
        page: Identity,
        message: str | None = None,
    ) -> bytes:
        """Log a refusal, send `request_refused`, and return the answer's JSON body."""
        origin, reason = page.origin, verdict.reason

        def explanation() -> str:
            return explain_refusal(reason, page, policy.options, message=message)

        self.journal.refused(origin, reason, explanation)
        for receiver in request_refused.receivers_for(app):
            tell = partial(receiver, app, origin=origin, reason=reason, environ=dict(environ))
            fault = call(tell, policy.options.callback_timeout, self.interrupter)
            if isinstance(fault, Fault):
                complaint = f"a receiver {fault.complaint}; the refusal stands"
                self.journal.fault("request_refused", fault.error, complaint)
        code, body = _ERRORS.get(reason, _FORBIDDEN)
        # What gevent-websocket has opened, any page can read.
        explains = app.debug and environ.get("wsgi.websocket") is None
        if message is None and not explains:
            return body
        return _error_body(code, explanation() if message is None else message)


def end_websocket(websocket: Any, error: bytes, interrupter: Interrupter) -> None:
    """Refuse a WebSocket that gevent-websocket has opened before it asked anybody.

    A status would be lost, and at a mere close frame clients wait for their own timeout. They fail
    at once at a packet of a type that Engine.IO does not have.

    :param error: the JSON that would have been the body of the answer.
    :param interrupter: ends the wait for a client that does not answer.
    """
    # The client may have left, or stay silent; gevent-websocket's own errors are OSErrors too.
    with suppress(OSError), interrupter(_FAREWELL_SECONDS, TimeoutError()):
        websocket.send_frame(_NO_PACKET_TYPE + error.decode(), websocket.OPCODE_TEXT)
        # Its own close() sends the reason, but never the code.
        websocket.send_frame(struct.pack("!H", _POLICY_VIOLATION), websocket.OPCODE_CLOSE)
        # Chromium takes a second close frame, which the server would send, for an error.
        websocket.closed = True
        _await_farewell(websocket)


def _await_farewell(websocket: Any) -> None:
    """Wait for the client's close frame; Firefox shows its page nothing of a hasty connection."""
    # A client that never pauses lets no timer through.
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while time.monotonic() < deadline:
        # RFC 6455, section 5.2: the opcode, and a length that is its own up to 125.
        head = websocket.raw_read(2)
        if len(head) < 2 or head[0] & 0x0F == websocket.OPCODE_CLOSE or head[1] & 0x7F > 125:
            return
        websocket.raw_read(4 + (head[1] & 0x7F))


def is_handshake(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would open a session; it reads the query exactly like this."""
    return environ["REQUEST_METHOD"] == "GET" and proofs.session_id(environ) is None


def _words_of(refusal: ConnectionRefusedError) -> str | None:
    # A subclass may have forgotten to initialise its base, or brought words that are none.
    words = getattr(refusal, "error_args", None)
    # Before python-socketio 5.1 the words themselves stood there.
    message = words.get("message") if isinstance(words, dict) else words
    return message if isinstance(message, str) else None


def _denied(reason: Reason, headers: Headers) -> Verdict:
    """Refuse a handshake whose origin is allowed, so that its page can read the message."""
    return Verdict(REFUSED, reason, headers, "403 Forbidden")


def _completing(start_response: StartResponse, added: Headers) -> StartResponse:
    def complete(
        status: str, headers: list[Header], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], Any]:
        return start_response(status, completed(headers, added), exc_info)

    return complete


def completed(headers: Iterable[Header], added: Headers) -> list[Header]:
    """Put headers in the place of those that an answer has of the same kind.

    Only what it varies by adds up.

    :param headers: of the answer.
    :param added: what the policy says of it.
    """
    kept = []
    for header in headers:
        name = header[0].lower()
        if name == "vary":
            added = _varying(added, header[1])
        elif not name.startswith(_REPLACED):
            kept.append(header)
    return [*kept, *added]


def _varying(headers: Headers, names: str) -> Headers:
    own = [value for name, value in headers if name == "Vary"]
    words = [word.strip() for value in (names, *own) for word in value.split(",")]
    merged = {word.lower(): word for word in words}.values()
    return (*(header for header in headers if header[0] != "Vary"), ("Vary", ", ".join(merged)))
