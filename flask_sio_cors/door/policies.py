"""Which policy applies to a request: by its host, by the application's function, or the default.

One look-up a label of the host, however many policies there are. Where there is only one, nothing
of this is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ..config.functions import ChoosePolicy
from ..config.options import Options
from ..config.policies import DEFAULT, POLICIES, Hosts, host_name
from ..config.values import kind_of
from ..origins.grammar import MAX_ORIGIN_LENGTH
from ..origins.live import LiveOrigins
from .callbacks import REFUSED, Fault, blamer, call
from .identity import Identity
from .journal import Journal
from .policy import Judgement, Policy
from .proofs import session_id
from .verdicts import Reason
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask

    from .hidden import Clue, Server

#: Where the environ of a session's handshake has the name of the policy that let it in.
BOUND: Final = "flask_sio_cors.policy"
_generations: Final = count(1)
#: How many hosts are remembered with their policies.
_SEEN_LIMIT: Final = 1024
_NOTHING_LIVE: Final[Mapping[str, LiveOrigins]] = MappingProxyType({})
#: What the log calls the application's function.
CHOOSE_POLICY: Final = "@cors.choose_policy"


class Policies:
    """All the policies of an application.

    :param app: the application.
    :param options: the settings, those of the other policies among them.
    :param journal: where faults of the application's functions are logged.
    :param interrupter: ends a function that takes too long, where the server can.
    :param live: a policy's name → origins that it lets in beside those of its settings, and that
        change meanwhile.
    :ivar default: the policy for what no other one is chosen for.
    :ivar named: the others.
    :ivar generation: another number for each configuration, and after each `forget`. Who reads it
        before a request is judged knows by a later look whether the answer may be another one.
    """

    def __init__(
        self,
        app: Flask,
        options: Options,
        journal: Journal,
        interrupter: Interrupter,
        live: Mapping[str, LiveOrigins] = _NOTHING_LIVE,
    ) -> None:
        self._app, self._journal, self._interrupter = app, journal, interrupter

        def made(one: Options) -> Policy:
            return Policy(one, journal, interrupter, app.app_context, live.get(one.name))

        self.default = made(options)
        self.named = {one.name: made(one) for one in options.policies}
        self.generation = next(_generations)
        self._hosts = Hosts((policy, policy.options.hosts) for policy in self.named.values())
        self._seen: dict[str | None, tuple[Policy | None]] = {}
        self._choose = options.choose_policy
        self._timeout = options.callback_timeout
        self._gate = interrupter.gate(CHOOSE_POLICY, self._choose)
        self._blame = blamer(CHOOSE_POLICY, journal, interrupter)

    @property
    def all(self) -> tuple[Policy, ...]:
        """The default policy, and the others."""
        return (self.default, *self.named.values())

    def forget(self, names: Iterable[str]) -> None:
        """Remember nothing of what these policies answered before, whose `live` lost something."""
        for name in names:
            if (policy := self._called(name)) is not None:
                policy.forget()
        self.generation = next(_generations)

    def doubts(self, environ: WSGIEnvironment, page: Identity | None, *, asks: bool) -> bool:
        """Tell whether a session's page has to be judged again, after a change.

        :param environ: of its handshake.
        :param page: who it was then; ``None`` where nobody has judged it.
        :param asks: whether the application's functions are asked again.
        """
        policy, origin = self._bound(environ), environ.get("HTTP_ORIGIN")
        if policy is None or page is None:
            return True
        if asks and self.named and self.for_host(_host_of(environ)) is not policy:
            return origin is not None or policy.doubts(origin, page, asks=True)
        return policy.doubts(origin, page, asks=asks)

    def judge_session(self, environ: WSGIEnvironment) -> tuple[Policy, Judgement]:
        """Judge a session's page again, by the policy that it was opened under.

        :param environ: of its handshake, which is left as it is.
        """
        bound, policy = self._bound(environ), self.of(environ)
        if policy is None:
            return self.default, self.default.refuse(Reason.POLICY_NOT_CHOSEN)
        if policy is not bound:
            return policy, policy.refuse(Reason.SESSION_ELSEWHERE)
        return policy, policy.judge(environ)

    def _bound(self, environ: WSGIEnvironment) -> Policy | None:
        return self._called(environ.get(BOUND, DEFAULT))

    def _called(self, name: str) -> Policy | None:
        return self.default if name == DEFAULT else self.named.get(name)

    def judge(
        self, environ: WSGIEnvironment, sessions: Mapping[str, Any]
    ) -> tuple[Policy, Judgement]:
        """Choose the policy of a request, and let it decide.

        A session stays with the policy that it was opened under. Which that is, is written into the
        environ, which is the session's where this opens one.

        :param environ: its WSGI environment.
        :param sessions: the handshakes' environs, by session.
        """
        policy = self.of(environ)
        if policy is None:
            return self.default, self.default.refuse(Reason.POLICY_NOT_CHOSEN)
        name = environ[BOUND] = policy.options.name
        session = sessions.get(session_id(environ) or "")
        if session is not None and session.get(BOUND, DEFAULT) != name:
            return policy, policy.refuse(Reason.SESSION_ELSEWHERE)
        return policy, policy.judge(environ)

    def of(self, environ: WSGIEnvironment) -> Policy | None:
        """Return the policy of a request; ``None`` where it cannot be told, which refuses it.

        The host is ``request.host``, as Flask has it: a proxy's ``X-Forwarded-Host`` counts where a
        `ProxyFix` has applied it, and never by itself, since pages can send one.

        :param environ: its WSGI environment, which is left as it is.
        """
        host = environ.get("HTTP_HOST")
        # Asked once: another thread may clear it between two questions.
        found = self._seen.get(host)
        if found is None:
            found = (self.for_host(_host_of(environ)),)
            if len(self._seen) >= _SEEN_LIMIT:
                self._seen.clear()
            if host is None or len(host) <= MAX_ORIGIN_LENGTH:
                self._seen[host] = found
        (policy,) = found
        if policy is not None:
            return policy
        choose = self._choose
        if choose is None or not self.default.is_trusted_host(environ):
            return self.default
        return self._chosen(environ, choose)

    def for_host(self, host: str) -> Policy | None:
        """Return the policy that is for a host, in any case and with any port, or ``None``."""
        return self._hosts.policy_of(host_name(host))

    def server_of(
        self,
        policy: Policy,
        environ: WSGIEnvironment,
        origin: str | None,
        clue: Clue | None = None,
    ) -> Server | None:
        """Return what the server takes itself for at a request that a policy has refused."""
        server = policy.server_of(environ, origin, clue)
        home = self.for_host((origin or "").partition("://")[2])
        if server is None or home is None or home.options.name == policy.options.name:
            return server
        return server._replace(home=home.options.name)

    def _chosen(self, environ: WSGIEnvironment, choose: ChoosePolicy) -> Policy | None:
        """Ask the application; what is no policy's name refuses the request, and is logged."""

        def ask() -> object:
            with self._app.request_context(environ) as context:
                return choose(context.request)

        answer: object = Fault(None, "is under way too often, so that it was not called once more")
        if self._gate.enter():
            try:
                answer = call(ask, self._timeout, self._interrupter, self._blame)
            finally:
                self._gate.leave()
        if answer is None:
            return self.default
        policy = self.named.get(answer) if isinstance(answer, str) else None
        if policy is None:
            fault = (
                answer if isinstance(answer, Fault) else Fault(None, _no_policy(answer, self.named))
            )
            self._journal.fault(CHOOSE_POLICY, fault.error, f"{fault.complaint}; {REFUSED}")
        return policy


def _host_of(environ: WSGIEnvironment) -> str:
    return str(environ.get("HTTP_HOST") or environ["SERVER_NAME"])


def _no_policy(answer: object, named: Mapping[str, Policy]) -> str:
    if not isinstance(answer, str):
        return f"returned {kind_of(answer)}, not the name of a policy or None"
    nearest = get_close_matches(answer, named, 1)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    return f"returned {answer[:120]!a}, which is no policy in {POLICIES}{hint}"
