"""What a page's requests meet: a browser's requests, put to a policy without a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from ..browser.fetch import (
    Block,
    Header,
    Page,
    Response,
    cors_check,
    needs_preflight,
    preflight_check,
    unsafe_names,
)
from ..browser.wording import firefox_reason
from ..config.options import Options
from ..door.hidden import Server
from ..door.identity import Identity
from ..door.policy import Policy, complete
from ..door.verdicts import ALLOWED, PREFLIGHT, REFUSED, Verdict

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True)
class Question:
    """Who would ask, and how.

    :param server: the origin under which the page reaches the server, where it is known.
    """

    origin: str
    server: str | None = None
    method: str = "GET"
    headers: tuple[Header, ...] = ()
    with_credentials: bool = False
    transport: str = "polling"

    @property
    def is_websocket(self) -> bool:
        """Whether it opens a WebSocket at once, as ``transports: ["websocket"]`` does."""
        return self.transport == "websocket"

    @property
    def page(self) -> Page:
        """The page, as the Fetch standard sees it."""
        return Page(self.origin, self.with_credentials, self.headers)


@dataclass(frozen=True)
class Step:
    """One request of the browser, the policy's verdict, and the browser's on the answer.

    :param page: who asked, as the policy has it.
    :param browser: what it does with the answer, in a clause.
    :param has_credentials: whether handlers see the cookies and the login that come with it.
    """

    request: str
    page: Identity
    verdict: Verdict
    status: str
    block: Block | None
    browser: str
    has_credentials: bool = False

    @property
    def is_passed(self) -> bool:
        """Whether neither the policy nor the browser stands in the way."""
        return self.block is None and self.verdict.outcome is not REFUSED


@dataclass(frozen=True)
class Asking:
    """One page's question, to be put to any policy."""

    app: Flask
    question: Question
    server: str

    def steps(self, policy: Policy) -> tuple[Step, ...]:
        """Return the requests of a browser, up to the first that does not pass."""
        question = self.question
        is_free = question.is_websocket or question.origin == self.server
        if not is_free and needs_preflight(question.page, question.method):
            preflight = self._preflight(policy)
            return (preflight, self._request(policy)) if preflight.is_passed else (preflight,)
        return (self._request(policy),)

    def server_shown(self, policy: Policy) -> Server | None:
        """Return what the server takes itself for, and what the page shows to be hidden of it."""
        environ = EnvironBuilder(mount(self.app), self.server).get_environ()
        server = policy.server_of(environ, self.question.origin)
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
        status = "as Engine.IO answers" if verdict.outcome is ALLOWED else verdict.status
        response = Response(int(verdict.status[:3]), "", verdict.headers)
        block = None if is_same else cors_check(question.page, response)
        read = "reads the answer, as it is of its own origin" if is_same else _browser(block)
        return Step(shown, page, verdict, status, block, read, has_credentials)

    def _judge(
        self, policy: Policy, method: str, headers: dict[str, str]
    ) -> tuple[Verdict, Identity, str, bool]:
        query = f"EIO=4&transport={self.question.transport}"
        if "Sec-Fetch-Site" not in headers:
            headers = {"Origin": self.question.origin, **headers}
        path = mount(self.app)
        builder = EnvironBuilder(path, self.server, query, method=method, headers=Headers(headers))
        environ = builder.get_environ()
        environ["flask.app"] = self.app  # as Flask-SocketIO does
        judgement = policy.judge(environ)
        verdict = complete(judgement)
        is_allowed = verdict.outcome is ALLOWED
        has_credentials = is_allowed and policy.grants_credentials(environ, judgement)
        return verdict, judgement[2], f"{method} {path}?{query}", has_credentials


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
    if options.own_origins:
        return origin if origin in options.own_origins else min(options.own_origins)
    trusted = [name.removeprefix(".") for name in options.trusted_hosts]
    own = [name.replace("*", "any") for name in options.hosts]
    usual = [app.config.get("SERVER_NAME"), *trusted, "localhost:5000"]
    host = next(filter(None, own or usual))
    return f"{app.config['PREFERRED_URL_SCHEME']}://{host}"
