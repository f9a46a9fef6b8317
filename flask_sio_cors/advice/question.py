"""What a page's requests meet: a browser's requests, put to a policy without a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from ..browser.fetch import (
    Block,
    Header,
    Page,
    Response,
    cors_check,
    is_mixed_content,
    needs_preflight,
    preflight_check,
    unsafe_names,
)
from ..browser.wording import firefox_reason
from ..config.options import Options
from ..door.hidden import Server
from ..door.identity import Identity
from ..door.policies import Policies
from ..door.policy import Policy, complete
from ..door.verdicts import ALLOWED, PREFLIGHT, REFUSED, Verdict
from ..origins.grammar import is_loopback

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask


@dataclass(frozen=True)
class Question:
    """Who would ask, and how.

    :param server: the origin under which the page reaches the server, where it is known.
    :param is_scheme_known: whether its scheme is, too.
    """

    origin: str
    server: str | None = None
    method: str = "GET"
    headers: tuple[Header, ...] = ()
    with_credentials: bool = False
    transport: str = "polling"
    is_scheme_known: bool = False

    @property
    def is_websocket(self) -> bool:
        """Whether it opens a WebSocket at once, as ``transports: ["websocket"]`` does."""
        return self.transport == "websocket"

    @property
    def page(self) -> Page:
        """The page, as the Fetch standard sees it."""
        return Page(self.origin, self.with_credentials, self.headers)


class Obstacle(Enum):
    """What is in the way of a request, whoever may connect."""

    MIXED_CONTENT = "mixed-content"  #: an https: page asks an http: server
    METHOD = "method-unknown"  #: Engine.IO has no such method


#: Those that Engine.IO answers with something else than 405 Method Not Allowed.
METHODS: Final = frozenset({"GET", "POST", "OPTIONS"})


@dataclass(frozen=True)
class Step:
    """One request of the browser, the policy's verdict, and the browser's on the answer.

    :param page: who asked, as the policy has it.
    :param browser: what it does with the answer, in a clause.
    :param has_credentials: whether handlers see the cookies and the login that come with it.
    :param obstacle: what is in its way besides.
    """

    request: str
    page: Identity
    verdict: Verdict
    status: str
    block: Block | None
    browser: str
    has_credentials: bool = False
    obstacle: Obstacle | None = None

    @property
    def is_passed(self) -> bool:
        """Whether nothing stands in the way: the policy, the browser, or something else."""
        is_free = self.block is None and self.obstacle is None
        return is_free and self.verdict.outcome is not REFUSED


@dataclass(frozen=True)
class Asking:
    """One page's question, to be put to any policy.

    :param policies: those in force, where what is hidden of the server is to be told.
    """

    app: Flask
    question: Question
    server: str
    policies: Policies | None = None

    def obstacle(self, options: Options) -> Obstacle | None:
        """Return what is in the way whatever the policy says; ``None`` for nothing."""
        question = self.question
        # A page of the server's own comes by the server's own address, whatever it is called here.
        is_own = question.origin in options.own_origins
        if question.is_scheme_known and not is_own and is_mixed(question.origin, self.server):
            return Obstacle.MIXED_CONTENT
        return None if question.method in METHODS else Obstacle.METHOD

    def steps(self, policy: Policy) -> tuple[Step, ...]:
        """Return the requests of a browser, up to the first that does not pass."""
        question = self.question
        if self.obstacle(policy.options) is Obstacle.MIXED_CONTENT:
            return (_unsent(self._request(policy)),)
        is_free = question.is_websocket or question.origin == self.server
        if not is_free and needs_preflight(question.page, question.method):
            preflight = self._preflight(policy)
            return (preflight, self._request(policy)) if preflight.is_passed else (preflight,)
        return (self._request(policy),)

    def server_shown(self, policy: Policy) -> Server | None:
        """Return what the server takes itself for, and what the page shows to be hidden of it."""
        environ = EnvironBuilder(mount(self.app), self.server).get_environ()
        origin = self.question.origin
        if self.policies is None:
            server = policy.server_of(environ, origin)
        else:
            server = self.policies.server_of(policy, environ, origin)
        return server and server._replace(said=server.said._replace(is_supposed=True))

    def _preflight(self, policy: Policy) -> Step:
        headers = {"Access-Control-Request-Method": self.question.method}
        names = unsafe_names(self.question.page)
        if names:
            headers["Access-Control-Request-Headers"] = ",".join(names)
        verdict, page, shown, _ = self._judge(policy, "OPTIONS", headers)
        status = verdict.status
        if policy.preflight_continue and verdict.outcome is PREFLIGHT:
            answers = answers_preflights(self.app)
            status = "as the application's route answers" if answers else "404 Not Found"
        response = Response(int(status[:3]) if status[0].isdigit() else 200, "", verdict.headers)
        block = preflight_check(self.question.page, self.question.method, response)
        return Step(shown, page, verdict, status, block, _browser(block))

    def _request(self, policy: Policy) -> Step:
        question, headers = self.question, {}
        is_same = question.origin == self.server
        if question.is_websocket:
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        elif is_same and question.method == "GET":
            headers = {"Sec-Fetch-Site": "same-origin"}
        verdict, page, shown, has_credentials = self._judge(policy, question.method, headers)
        if question.is_websocket:
            return _websocket_step(shown, page, verdict, has_credentials)
        status, obstacle = verdict.status, None
        if verdict.outcome is ALLOWED:
            obstacle = self.obstacle(policy.options)
            status = "405 Method Not Allowed" if obstacle else "as Engine.IO answers"
        response = Response(int(verdict.status[:3]), "", verdict.headers)
        block = None if is_same else cors_check(question.page, response)
        read = "reads the answer, as it is of its own origin" if is_same else _browser(block)
        return Step(shown, page, verdict, status, block, read, has_credentials, obstacle)

    def _judge(
        self, policy: Policy, method: str, headers: dict[str, str]
    ) -> tuple[Verdict, Identity, str, bool]:
        query = f"EIO=4&transport={self.question.transport}"
        if "Sec-Fetch-Site" not in headers:
            headers = {"Origin": self.question.origin, **headers}
        path = mount(self.app)
        environ = _environ(self.app, self.server, method, query, headers)
        judgement = policy.judge(environ)
        verdict = complete(judgement)
        is_allowed = verdict.outcome is ALLOWED
        has_credentials = is_allowed and policy.grants_credentials(environ, judgement)
        return verdict, judgement[2], f"{method} {path}?{query}", has_credentials


def is_mixed(origin: str, server: str) -> bool:
    """Tell whether browsers block what a page asks a server, as mixed content.

    A page of the server's own host does not: a proxy hides from the server that it came by https:.
    """
    own, host = urlsplit(origin).hostname, urlsplit(server).hostname or ""
    return own != host and is_mixed_content(origin, server, is_loopback(host))


def _unsent(step: Step) -> Step:
    return replace(
        step,
        verdict=step.verdict._replace(headers=()),
        status="none, as nothing is sent",
        block=None,
        browser="blocks the request before it is sent, as mixed content",
        has_credentials=False,
        obstacle=Obstacle.MIXED_CONTENT,
    )


def ask_environ(app: Flask, server: str, origin: str) -> WSGIEnvironment:
    """Return the environ of a handshake, as a function of the application gets it."""
    return _environ(app, server, "GET", "EIO=4&transport=polling", {"Origin": origin})


def _environ(
    app: Flask, server: str, method: str, query: str, headers: dict[str, str]
) -> WSGIEnvironment:
    builder = EnvironBuilder(mount(app), server, query, method=method, headers=Headers(headers))
    environ = builder.get_environ()
    environ["flask.app"] = app  # as Flask-SocketIO does
    return environ


def _websocket_step(shown: str, page: Identity, verdict: Verdict, has_credentials: bool) -> Step:
    if verdict.outcome is ALLOWED:
        # The servers write this answer themselves, and it needs no CORS header.
        silent = verdict._replace(headers=())
        opens = "opens the WebSocket, and asks for no CORS header"
        return Step(shown, page, silent, "101 Switching Protocols", None, opens, has_credentials)
    return Step(shown, page, verdict, verdict.status, None, "opens no WebSocket")


def _browser(block: Block | None) -> str:
    if block is None:
        return "accepts the answer"
    return f"blocks the answer (Reason: {firefox_reason(block)})"


def mount(app: Flask) -> str:
    """Return the path of the application's Socket.IO server."""
    middleware = getattr(app.extensions.get("socketio"), "sockio_mw", None)
    return str(getattr(middleware, "engineio_path", "/socket.io/"))


def answers_preflights(app: Flask) -> bool:
    """Tell whether a route of the application takes ``OPTIONS`` requests to that path."""
    return app.url_map.bind("localhost").test(mount(app), method="OPTIONS")


def usual_server(app: Flask, options: Options, origin: str) -> str:
    """Return the origin that pages most likely reach the application under.

    :param options: those of the policy that is meant.
    :param origin: of the page that asks.
    """
    if origin in options.own_origins:
        return origin
    return likely_server(app, options) or f"{app.config['PREFERRED_URL_SCHEME']}://localhost:5000"


def likely_server(app: Flask, options: Options) -> str | None:
    """Return an origin that pages reach the application under, where something tells one."""
    if options.own_origins:
        return min(options.own_origins)
    trusted = [name.removeprefix(".") for name in options.trusted_hosts]
    own: list[str | None] = [name.replace("*", "any") for name in options.hosts]
    host = next(filter(None, own or [app.config.get("SERVER_NAME"), *trusted]), None)
    return f"{app.config['PREFERRED_URL_SCHEME']}://{host}" if host else None
