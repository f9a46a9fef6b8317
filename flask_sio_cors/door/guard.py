"""The door in front of Engine.IO: asks the policy, then answers, or lets Engine.IO answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from . import credentials, proofs
from .callbacks import Fault, blamer, call
from .connections import upgrading
from .farewell import end_websocket
from .handshake import ask_allow_request, is_handshake
from .identity import Identity
from .journal import Journal
from .policies import BOUND, Policies
from .policy import Judgement, Policy
from .serving import FirstRequest
from .signals import request_refused
from .verdicts import PREFLIGHT, REFUSED, Header, Headers, Reason, Verdict
from .waiting import Interrupter

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

    from .hidden import Server

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

#: How many origins are remembered that pages have shown to be the server's own.
_PROVEN_LIMIT: Final = 100
#: Where the guard leaves, of what it has let in, the policy's generation and who asked.
JUDGED: Final = "flask_sio_cors.judged"
_UNJUDGED: Final = (0, None)
#: Where it finds why a session must not begin that it has let pass.
_REFUSED: Final = "flask_sio_cors.refused"


def _error_body(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


# Socket.IO's error codes and messages (engine.io, "Server.errors").
_FORBIDDEN: Final = (4, _error_body(4, "Forbidden"))
_ERRORS: Final = {Reason.HOST_NOT_TRUSTED: (3, _error_body(3, "Bad request"))}

#: What the rest of `Guard.refuse`'s arguments are.
_Refusal: TypeAlias = tuple[Policy, Verdict, Identity, "str | None"]

_JSON: Final = ("Content-Type", "application/json")

# What the verdict says in the server's place.
_REPLACED: Final = ("access-control-", "cache-control")
_REPLACED_WITH_COOKIES: Final = (*_REPLACED, "set-cookie")
#: What Engine.IO's usual answers have, which replaces nothing.
_PLAIN: Final = frozenset({"Content-Type", "Content-Length", "Content-Encoding"})


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
    sees them as the application does, behind a ``ProxyFix`` or a mount. What comes to
    Engine.IO past that place finds `guarding` there.

    :param engineio: the Socket.IO server that answers what the guard lets through.
    :param policies: the rules in force; one assignment replaces them.
    :param flask_side: returns the application's own WSGI side, for preflights that it answers.
        Asked at each use, because a debugger may be put around it later.
    :param journal: where refusals and faults are logged.
    :param interrupter: ends an ``allow_request`` that takes too long, where the server can.
    :ivar first_request: calls what is to begin in the process that serves.
    :ivar is_enforced: whether it stands in its place; an observer stands there otherwise.
    """

    def __init__(
        self,
        engineio: EngineIO,
        policies: Policies,
        flask_side: Callable[[], WSGIApplication],
        journal: Journal,
        interrupter: Interrupter | None = None,
    ) -> None:
        self.engineio = engineio
        self.policies = policies
        self.journal = journal
        self._flask_side = flask_side
        # To explain why others of their requests fail.
        self._proven: set[tuple[str | None, str | None]] = set()
        self.interrupter = interrupter or Interrupter()
        self.first_request = FirstRequest()
        self.is_enforced = True

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request for Engine.IO; a WSGI application by another name."""
        if self.first_request.awaited:
            self.first_request.has_come()
        generation = self.policies.generation
        if "HTTP_UPGRADE" in environ:
            proofs.recall(self.engineio.environ, environ)
        policy, judgement = self._judge(environ)
        verdict, own, page = judgement
        if verdict.outcome is REFUSED:
            return self._turn_away(environ, start_response, policy, verdict, page)
        headers = own + verdict.headers
        if verdict.outcome is PREFLIGHT:
            return self._answer_preflight(environ, start_response, policy, verdict, headers)
        if credentials.matter(environ):
            self._settle_credentials(environ, policy, judgement)
        if policy.allow_request is not None and is_handshake(environ):
            refusal, cookies = self._ask(environ, policy, judgement, headers)
            if refusal is None and self.policies.generation != generation:  # it has taken its time
                refusal = self._refusal_now(environ)
            if refusal is not None:
                return self.refuse(environ, start_response, *refusal)
            headers += cookies
        environ[JUDGED] = generation, page
        answer = _answering(environ, start_response, headers, policy, judgement)
        if "HTTP_UPGRADE" in environ:
            with upgrading(self.engineio.environ, environ):
                body = self.engineio.handle_request(environ, answer)
        else:
            body = self.engineio.handle_request(environ, answer)
        refusal = environ.get(_REFUSED)
        return body if refusal is None else self.refuse(environ, start_response, *refusal)

    def guarding(self, app: Flask, answer: WSGIApplication) -> WSGIApplication:
        """Return what answers in Engine.IO's place, whoever calls it.

        A request that came through the guard has been judged. One that reached the server by
        another way, such as a second ``WSGIApp``, is judged here.

        :param app: the application that the server belongs to.
        :param answer: Engine.IO itself.
        """

        def answer_if_judged(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            if JUDGED in environ:  # and let in
                return answer(environ, start_response)
            environ.setdefault("flask.app", app)
            return self.handle_request(environ, start_response)

        return answer_if_judged

    # --- Sessions --------------------------------------------------------------------------

    def watch_sessions(self) -> None:
        """See to it that no session begins by an answer that does not hold any more."""
        eio = self.engineio.eio
        connect = eio.handlers["connect"]

        def connect_if_let_in(sid: str, environ: WSGIEnvironment) -> object:
            answer = connect(sid, environ)
            # From here on, who looks for sessions after a change finds this one.
            generation = environ.get(JUDGED, _UNJUDGED)[0]
            if generation == self.policies.generation or not self.is_enforced:
                return answer
            refusal = self._refusal_now(environ)
            if refusal is None:
                return answer
            environ[_REFUSED] = refusal
            self.engineio.environ.pop(sid, None)
            return False

        eio.on("connect", connect_if_let_in)

    def doubts(self, environ: WSGIEnvironment, *, asks: bool) -> bool:
        """Tell whether a session's page may no longer be let in; see `Policies.doubts`.

        :param environ: of its handshake.
        """
        generation, page = environ.get(JUDGED, _UNJUDGED)
        # Whoever looks late finds sessions, too, that began after the change.
        is_older = generation != self.policies.generation
        return is_older and self.policies.doubts(environ, page, asks=asks)

    def still_lets_in(self, environ: WSGIEnvironment) -> bool:
        """Tell whether a session's page would be let in now, which may need an answer of its own.

        :param environ: of its handshake.
        """
        return self._refusal_now(environ) is None

    def _ask(
        self, environ: WSGIEnvironment, policy: Policy, judgement: Judgement, headers: Headers
    ) -> tuple[_Refusal | None, Headers]:
        """Ask ``allow_request``; return what it refuses, and the cookies that it sets."""
        has_credentials = policy.grants_credentials(environ, judgement)
        denial, message, cookies = ask_allow_request(
            environ, policy.options, has_credentials, self.journal, self.interrupter
        )
        if denial is None:
            return None, cookies
        return (policy, _denied(denial, headers + cookies), judgement[2], message), cookies

    def _refusal_now(self, environ: WSGIEnvironment) -> _Refusal | None:
        """Judge a request again; return what has to be refused since it was judged."""
        policy, (verdict, _, page) = self.policies.judge_session(environ)
        return (policy, verdict, page, None) if verdict.outcome is REFUSED else None

    def _judge(self, environ: WSGIEnvironment) -> tuple[Policy, Judgement]:
        policies = self.policies
        if policies.named:
            return policies.judge(environ, self.engineio.environ)
        return policies.default, policies.default.judge(environ)

    def _turn_away(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        policy: Policy,
        verdict: Verdict,
        page: Identity,
    ) -> Iterable[bytes]:
        if self.first_request.is_settled:
            return self.refuse(environ, start_response, policy, verdict, page)
        # Who else is let in may be known in a moment.
        self.first_request.settle(self.engineio.eio.sleep, self.interrupter.signal)
        return self.handle_request(environ, start_response)

    def _answer_preflight(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        policy: Policy,
        verdict: Verdict,
        headers: Headers,
    ) -> Iterable[bytes]:
        if policy.preflight_continue:
            environ[JUDGED] = _UNJUDGED
            return self._flask_side()(environ, _completing(start_response, headers))
        start_response(verdict.status, [*headers, ("Content-Length", "0")])
        return []

    def _settle_credentials(
        self, environ: WSGIEnvironment, policy: Policy, judgement: Judgement
    ) -> None:
        """Take the credentials from a request whose page may not use them.

        Whose page the browser says to be the server's own is remembered.
        """
        origin = environ.get("HTTP_ORIGIN")
        if policy.grants_credentials(environ, judgement):
            if origin is not None and policy.is_proven(environ, origin):
                self.remember(environ, origin)
            return
        taken = credentials.take(environ, has_page=origin is not None)
        if taken:

            def explanation() -> str:
                from .refusals import explain_taken  # which most processes never need

                server = self._server(policy, environ, origin)
                return explain_taken(taken, origin, policy.options, server)

            self.journal.taken(origin, taken, explanation)

    def _server(
        self, policy: Policy, environ: WSGIEnvironment, origin: str | None
    ) -> Server | None:
        """Return what the server takes itself for, to explain what became of a request."""
        from .hidden import Clue  # to explain, alone

        clue = Clue.BROWSER if (environ.get(BOUND), origin) in self._proven else None
        if clue is None and proofs.began_without_origin(self.engineio.environ, environ):
            clue = Clue.SESSION
        return self.policies.server_of(policy, environ, origin, clue)

    def remember(self, environ: WSGIEnvironment, origin: str) -> None:
        """Remember that a page of the server's own has shown its origin, at its policy's host."""
        proofs.remember(self.engineio.environ, environ, origin)
        if len(self._proven) >= _PROVEN_LIMIT:
            self._proven.clear()
        self._proven.add((environ.get(BOUND), origin))

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
        """Log a refusal, send `request_refused`, and return the answer's JSON body.

        The parameters are those of `refuse`.
        """
        explanation = self.log(environ, policy, verdict, page, message)
        self.send(app, environ, policy, verdict, page)
        code, body = _ERRORS.get(verdict.reason, _FORBIDDEN)
        # What gevent-websocket has opened, any page can read.
        if message is None and (environ.get("wsgi.websocket") is not None or not app.debug):
            return body
        return _error_body(code, explanation() if message is None else message)

    def log(
        self,
        environ: WSGIEnvironment,
        policy: Policy,
        verdict: Verdict,
        page: Identity,
        message: str | None = None,
        *,
        enforced: bool = True,
    ) -> Callable[[], str]:
        """Log a refusal; return what explains it."""
        origin, reason = environ.get("HTTP_ORIGIN"), verdict.reason

        def explanation() -> str:
            from .refusals import explain_refusal  # which most processes never need

            server = self._server(policy, environ, origin)
            return explain_refusal(
                reason, page, origin, policy.options, message=message, server=server
            )

        name = policy.options.name
        self.journal.refused(origin, reason, explanation, name, enforced=enforced)
        return explanation

    def send(
        self,
        app: Flask,
        environ: WSGIEnvironment,
        policy: Policy,
        verdict: Verdict,
        page: Identity,
        *,
        enforced: bool = True,
    ) -> None:
        """Tell the application's receivers of a refusal."""
        if not request_refused.receivers:
            return
        told = {
            "origin": environ.get("HTTP_ORIGIN"),
            "reason": verdict.reason,
            "policy": policy.options.name,
            "enforced": enforced,
        }
        for receiver in request_refused.receivers_for(app):
            tell = partial(receiver, app, environ=dict(environ), **told)
            blame = blamer("request_refused", self.journal, self.interrupter)
            fault = call(tell, policy.options.callback_timeout, self.interrupter, blame)
            if isinstance(fault, Fault):
                complaint = f"a receiver {fault.complaint}; {_UNCHANGED[enforced]}"
                self.journal.fault("request_refused", fault.error, complaint)


#: What a receiver's fault changes, by whether the refusal is enforced.
_UNCHANGED: Final = {True: "the refusal stands", False: "nothing was refused"}


def _denied(reason: Reason, headers: Headers) -> Verdict:
    """Refuse a handshake whose origin is allowed, so that its page can read the message."""
    return Verdict(REFUSED, reason, headers, "403 Forbidden")


def _answering(
    environ: WSGIEnvironment,
    start_response: StartResponse,
    added: Headers,
    policy: Policy,
    judgement: Judgement,
) -> StartResponse:
    """Return Engine.IO's ``start_response``, which completes its answer."""

    def complete(
        status: str, headers: list[Header], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], Any]:
        if _REFUSED in environ:
            return _nobody_reads
        for name, _ in headers:
            if name not in _PLAIN:
                may_set_cookies = policy.grants_credentials(environ, judgement)
                replaced = _REPLACED if may_set_cookies else _REPLACED_WITH_COOKIES
                return start_response(status, completed(headers, added, replaced), exc_info)
        return start_response(status, [*headers, *added], exc_info)

    return complete


def _completing(start_response: StartResponse, added: Headers) -> StartResponse:
    """Return the application's ``start_response``, which completes its answer to a preflight."""

    def complete(
        status: str, headers: list[Header], exc_info: _ExcInfo | None = None
    ) -> Callable[[bytes], Any]:
        return start_response(status, completed(headers, added), exc_info)

    return complete


def _nobody_reads(body: bytes) -> None:
    """Take what Engine.IO says to a session that the guard refuses, once it has begun."""


def completed(
    headers: Iterable[Header], added: Headers, replaced: tuple[str, ...] = _REPLACED
) -> list[Header]:
    """Put headers in the place of those that an answer has of the same kind.

    Only what it varies by adds up.

    :param headers: of the answer.
    :param added: what the policy says of it.
    :param replaced: beginnings of the names of those that have no place beside it.
    """
    kept = []
    for header in headers:
        name = header[0].lower()
        if name == "vary":
            added = _varying(added, header[1])
        elif not name.startswith(replaced):
            kept.append(header)
    return [*kept, *added]


def _varying(headers: Headers, names: str) -> Headers:
    own = [value for name, value in headers if name == "Vary"]
    words = [word.strip() for value in (names, *own) for word in value.split(",")]
    merged = {word.lower(): word for word in words}.values()
    return (*(header for header in headers if header[0] != "Vary"), ("Vary", ", ".join(merged)))
