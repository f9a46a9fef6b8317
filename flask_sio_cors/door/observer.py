"""The door that stands open: each request is judged, and answered as if nobody had looked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ..config.options import Options
from ..config.policies import DEFAULT
from ..origins.grammar import MAX_ORIGIN_LENGTH
from . import proofs
from .guard import Guard
from .own import PROOF
from .policies import Policies
from .policy import Judgement, Policy
from .signals import request_refused
from .verdicts import REFUSED, Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Flask


#: The reason of a request that nobody has judged.
UNJUDGED: Final = ""


class Observation(NamedTuple):
    """What is kept of a request: who asked, and how it would be judged.

    :param origin: its ``Origin`` header as it came; ``None`` where it had none.
    :param policy: the name of the policy that would judge it.
    :param reason: of the verdict; ``""`` where too much was asked at once for one.
    :param is_allowed: whether it would get in.
    :param transport: ``polling`` or ``websocket``.
    :param has_cookies: whether cookies came.
    :param loses_cookies: whether it would get in without them.
    """

    origin: str | None
    policy: str
    reason: str
    is_allowed: bool
    transport: str
    has_cookies: bool
    loses_cookies: bool = False


class Observed(Protocol):
    """Where observations go."""

    def note(self, observation: Observation) -> None:
        """Count it; called by requests, so that it neither waits nor raises."""
        ...

    def later(self, task: Callable[[], None]) -> bool:
        """Have something done beside the requests; ``False`` where too much waits already."""
        ...


class Observer:
    """Stands in the guard's place, and lets everything pass.

    :param app: the application, whose signals tell of what would be refused.
    :param guard: the one in whose place it stands.
    :param observed: where observations go.
    """

    def __init__(self, app: Flask, guard: Guard, observed: Observed) -> None:
        self._app = app
        self._guard = guard
        self._observed = observed
        self.apply(guard.policies, guard.policies)

    def apply(self, policies: Policies, unasking: Policies) -> None:
        """Judge by these policies from now on.

        :param unasking: the same, without the application's functions.
        """
        self._policies, self._unasking = policies, unasking
        self._chooses = policies.default.options.choose_policy is not None

    def handle_request(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Look at a request, and let Engine.IO answer it."""
        if self._guard.first_request.awaited:
            self._guard.first_request.has_come()
        try:
            self._look_at(environ)
        except Exception as error:  # noqa: BLE001 - nothing here is worth a request
            self._guard.journal.fault("report only", error, "a request was not observed")
        return self._guard.engineio.handle_request(environ, start_response)

    def _look_at(self, environ: WSGIEnvironment) -> None:
        if "HTTP_UPGRADE" in environ:
            environ = environ.copy()
            proofs.recall(self._guard.engineio.environ, environ)
        if self._chooses and self._unasking.for_host(environ.get("HTTP_HOST", "")) is None:
            self._look_later(environ)
            return
        policy, judgement = self._judge(self._unasking, environ)
        verdict, _, page = judgement
        if verdict.reason is Reason.ORIGIN_NOT_ALLOWED and self._asks(policy):
            self._look_later(environ)
            return
        origin = environ.get("HTTP_ORIGIN")
        if page.header == PROOF and origin is not None:
            self._guard.remember(environ, origin)
        self._note(environ, policy, judgement)

    def _judge(self, policies: Policies, environ: WSGIEnvironment) -> tuple[Policy, Judgement]:
        if policies.named:
            return policies.judge(environ, self._guard.engineio.environ)
        return policies.default, policies.default.judge(environ)

    def _asks(self, policy: Policy) -> bool:
        """Tell whether a function of the application would be asked by this policy."""
        policies, name = self._policies, policy.options.name
        return bool(policies.named.get(name, policies.default).options.functions)

    def _look_later(self, environ: WSGIEnvironment) -> None:
        """Judge a request beside it, as a function of the application has to be asked."""
        kept = _kept(environ)

        def look() -> None:
            self._note(kept, *self._policies.judge(kept, {}))

        if not self._observed.later(look):
            self._observed.note(_observation(environ, DEFAULT, UNJUDGED))

    def _note(self, environ: WSGIEnvironment, policy: Policy, judgement: Judgement) -> None:
        guard, (verdict, _, page) = self._guard, judgement
        is_allowed = verdict.outcome is not REFUSED
        seen = _observation(environ, policy.options.name, verdict.reason, is_allowed=is_allowed)
        if seen.has_cookies and is_allowed and not policy.grants_credentials(environ, judgement):
            seen = seen._replace(loses_cookies=True)
        self._observed.note(seen)
        if is_allowed:
            return
        guard.log(environ, policy, verdict, page, enforced=False)
        if request_refused.has_receivers_for(self._app):
            tell = partial(guard.send, self._app, _kept(environ), policy, verdict, page)
            self._observed.later(partial(tell, enforced=False))


def without_functions(options: Options) -> Options:
    """Return the settings without the application's functions, which may take their time."""
    policies = tuple(replace(policy, functions=()) for policy in options.policies)
    return replace(options, functions=(), policies=policies, choose_policy=None)


def _observation(
    environ: WSGIEnvironment, policy: str, reason: str, *, is_allowed: bool = False
) -> Observation:
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        origin = origin[:MAX_ORIGIN_LENGTH]
    transport = "websocket" if "HTTP_UPGRADE" in environ else "polling"
    return Observation(origin, policy, reason, is_allowed, transport, "HTTP_COOKIE" in environ)


#: What stays of a request's environ when it is over, beside its texts.
_KEPT: Final = ("flask.app", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")


def _kept(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return what can be kept of a request: no connection, and no body."""
    kept = {name: value for name, value in environ.items() if isinstance(value, str)}
    kept |= {name: environ[name] for name in _KEPT if name in environ}
    return {**kept, "wsgi.version": (1, 0), "wsgi.input": BytesIO(), "wsgi.errors": StringIO()}
