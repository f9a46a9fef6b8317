"""What an examination knows: what the page did, what came back, and what tells causes apart."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from ..browser.fetch import BAD_PORTS, Block, Check, Page, Response, cors_check
from ..origins.grammar import is_loopback
from .browser import NOTHING, Fetched, origin_of
from .protocol import Session, session_of
from .session import SILENCE, Conversation, is_read
from .target import Target
from .who import Author, Error, is_asyncio, is_extension, is_of_python, proxy_of, who
from .wire import Exchange, Failure, Patience, Trouble


class Stage(Enum):
    """How far a page had come."""

    HANDSHAKE = "handshake"
    SESSION = "session"
    METHOD = "method"  #: it asks whether it may use another method
    WATCH = "watch"
    WEBSOCKET = "websocket"
    BENEATH = "beneath"  #: of an answer that is of no use besides its CORS headers


class Answers(ABC):
    """What answers show of the server that they come from, whatever was asked."""

    target: Target

    @property
    @abstractmethod
    def exchanges(self) -> Sequence[Exchange]:
        """Every exchange that is known."""

    @cached_property
    def is_installed(self) -> bool:
        """Whether the server has this extension."""
        return any(is_extension(one.response) for one in self.exchanges)

    @cached_property
    def is_python(self) -> bool:
        """Whether the server is one in Python."""
        return any(map(is_of_python, self.exchanges))

    @cached_property
    def is_asyncio(self) -> bool:
        """Whether the server is python-socketio's for asyncio."""
        return any(is_asyncio(one.response) for one in self.exchanges)

    @cached_property
    def is_node(self) -> bool:
        """Whether the server is one for Node.js."""
        return any(map(session_of, self.exchanges)) and not self.is_python

    @cached_property
    def proxy(self) -> str:
        """The key of a proxy before the server, where an answer shows one."""
        return next(filter(None, (proxy_of(one.head) for one in self.exchanges)), "")

    @cached_property
    def is_seen(self) -> bool:
        """Whether a Socket.IO server is known to be there."""
        return any(who(one).is_socketio for one in self.exchanges)


@dataclass(frozen=True)
class Facts(Answers):
    """All that an examination knows.

    :param addresses: of the server's host; none where they are not known.
    :param asker: of the page's host.
    :param handshake: the page's fetch that should open a session.
    :param joined: what the namespace answered, by polling.
    :param broken: the request that could not be sent while a poll waited.
    :param method: the preflight of another method of the page.
    :param upgrade: the WebSocket within the page's session.
    :param alone: a WebSocket without a session.
    :param ended: what ended the connection that was watched.
    :param asides: the requests that tell causes apart, by name.
    :param rejected: the names of cookies that browsers do not keep.
    :param is_spent: whether the bounds were reached.
    """

    target: Target
    page: Page
    patience: Patience = field(default_factory=Patience)
    transports: frozenset[str] = frozenset({"polling", "websocket"})
    addresses: tuple[str, ...] = ()
    asker: tuple[str, ...] = ()
    handshake: Fetched = NOTHING
    joined: Conversation = SILENCE
    broken: Conversation = SILENCE
    method: Fetched = NOTHING
    upgrade: Conversation = SILENCE
    alone: Conversation = SILENCE
    ended: Conversation = SILENCE
    asides: Mapping[str, Exchange] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()
    is_spent: bool = False
    requests: int = 0
    seconds: float = 0.0

    @property
    def stopped(self) -> Case | None:
        """The request at which the page could not go on by polling; ``None`` where it could."""
        is_open = is_read(self.handshake) and self.session is not None
        if self.handshake and not is_open:
            return Case(self, self.handshake, Stage.HANDSHAKE)
        broken = self.joined.broken or self.broken.broken
        return Case(self, broken, Stage.SESSION) if broken else None

    @property
    def by_websocket(self) -> Conversation:
        """What came by WebSocket, by whichever was asked for."""
        return self.upgrade or self.alone

    @property
    def unopened(self) -> Case | None:
        """The WebSocket that carries nothing; ``None`` where one does, or none was asked for."""
        asked = self.by_websocket
        return Case(self, asked.fetched, Stage.WEBSOCKET) if asked and not asked.is_open else None

    @property
    def unfound(self) -> Case | None:
        """What is said by polling, to a client with WebSocket alone, by no Socket.IO server."""
        own = self.asides.get("own") if "polling" not in self.transports else None
        if self.unopened is None or own is None or who(own).is_socketio:
            return None
        is_redirect = own.response is not None and own.response.location is not None
        return None if is_redirect else Case(self, Fetched((own,)), Stage.HANDSHAKE)

    @property
    def case(self) -> Case | None:
        """The request at which the page was stopped, or was told that it may not go on."""
        asked = Case(self, self.method, Stage.METHOD) if self.method else self.unfound
        return self.stopped or asked

    @property
    def answer(self) -> str | None:
        """The packet in which the application answers the client, by whatever transport."""
        return self.ended.answer or (self.joined or self.alone).answer

    @property
    def is_held(self) -> bool:
        """Whether a request of the page was not answered while a poll of it waited."""
        return self.joined.is_held or self.broken.is_held

    @property
    def is_dismissed(self) -> bool:
        """Whether the Socket.IO server itself took leave, as nothing between does."""
        known = (self.joined, self.broken, self.ended, self.alone)
        return any(one.is_dismissed for one in known)

    @property
    def polling(self) -> bool | None:
        """Whether the page connects by polling; ``None`` where that is not known."""
        if "polling" not in self.transports or not (self.handshake or self.is_unsent):
            return None
        if self.stopped is not None or self.is_unsent:
            return False
        is_left = self.by_websocket.is_open or not self._is_cut
        return is_left if self.joined else None

    @property
    def websocket(self) -> bool | None:
        """Whether it gets a WebSocket; ``None`` where that was not asked."""
        if self.by_websocket:
            return self.by_websocket.is_open and not self._is_cut
        is_in = self.stopped is None and is_welcome(self.answer, self.target)
        is_wanted = is_in and "websocket" in self.transports and self.session is not None
        is_offered = self.session is not None and "websocket" in self.session.upgrades
        return False if is_wanted and not is_offered else None

    @property
    def _is_cut(self) -> bool:
        """Whether the transport on which the page lives was ended, and not by the application."""
        return bool(self.ended) and not self.ended.answer

    @property
    def connects_by_websocket(self) -> bool:
        """Whether a client with WebSocket alone was let in."""
        return is_welcome(self.alone.answer, self.target)

    @property
    def is_alone_served(self) -> bool:
        """Whether the server answers nobody else while a page has its WebSocket."""
        asked = self.asides.get("meanwhile")
        return asked is not None and isinstance(asked.outcome, Failure) and asked.outcome.is_late

    @property
    def session(self) -> Session | None:
        """The page's session."""
        return session_of(self.handshake.last)

    @property
    def lets_all_in(self) -> bool:
        """Whether the server says that every site may read its answers."""
        response = self.handshake.response
        return response is not None and response.combined("Access-Control-Allow-Origin") == "*"

    @property
    def is_own(self) -> bool:
        """Whether the page is one of the server's own."""
        return self.page.origin == origin_of(self.target.base)

    @property
    def is_unsent(self) -> bool:
        """Whether the browser asks nothing at all."""
        parts = urlsplit(self.target.base)
        is_web = parts.scheme in ("http", "https")
        return (
            not is_web or parts.port in BAD_PORTS or parts.hostname in UNSPECIFIED or self.is_mixed
        )

    @property
    def is_mixed(self) -> bool:
        """Whether a page served by https: asks for http:."""
        parts = urlsplit(self.target.base)
        is_here = is_loopback(parts.hostname or "")
        is_secure = self.page.origin.startswith("https://")
        return is_secure and parts.scheme == "http" and not is_here

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange that is known."""
        told = (self.joined, self.broken, self.upgrade, self.alone, self.ended)
        fetched = (self.handshake, self.method, *(each.fetched for each in told))
        found = [one for each in fetched for one in each.exchanges]
        return (*found, *self.asides.values())


#: Why nothing is known of a server, as nobody could be asked.
OUT_OF_REACH: Final = frozenset(
    {
        Trouble.NAME,
        Trouble.REFUSED,
        Trouble.UNREACHABLE,
        Trouble.NO_CONNECTION,
        Trouble.CERTIFICATE,
        Trouble.TLS,
    }
)

#: Where servers listen "on all addresses"; Firefox asks none of them, Chromium takes them for here.
UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing is bound


def is_welcome(answer: str | None, target: Target) -> bool:
    """Tell whether a packet lets the client in, as far as the client understands it."""
    return (answer or "").startswith("40") and (target.protocol.is_old or "{" in (answer or ""))


@dataclass(frozen=True)
class Case:
    """A request of the page's that it could not use the answer of, and all that is known.

    :param fetched: the request, with its preflight and redirects.
    """

    facts: Facts
    fetched: Fetched
    stage: Stage

    @property
    def last(self) -> Exchange:
        """The exchange that ended it."""
        return self.fetched.last

    @property
    def url(self) -> str:
        """The address that was asked last."""
        return self.fetched.last.url

    @property
    def path(self) -> str:
        """Its path."""
        return urlsplit(self.url).path

    @property
    def response(self) -> Response:
        """The answer, or its headers; one of status 0 where none came."""
        return self.fetched.response or Response(0)

    @cached_property
    def proxy(self) -> str:
        """The key of the proxy that the answer came through, or that another one shows."""
        return self.author.proxy or self.facts.proxy

    @cached_property
    def author(self) -> Author:
        """Who wrote the answer."""
        return who(self.fetched.last)

    @property
    def answer(self) -> str | None:
        """The packet in which the application has answered, by the transport that was asked for."""
        is_alone = self.stage is Stage.WEBSOCKET and self.facts.alone
        return self.facts.alone.answer if is_alone else self.facts.answer

    @property
    def trouble(self) -> Trouble | None:
        """Why there was no answer, or no whole one; ``None`` where there was."""
        return self.fetched.failure.trouble if self.fetched.failure is not None else None

    @property
    def block(self) -> Block | None:
        """What keeps the answer from the page."""
        return self.fetched.block

    @property
    def check(self) -> Check | None:
        """The check that it has not passed."""
        return self.fetched.block.check if self.fetched.block is not None else None

    @property
    def value(self) -> str:
        """The header's value, or the name, by which it has not passed; nothing where it has."""
        return self.fetched.block.value if self.fetched.block is not None else ""

    @property
    def refuses_origin(self) -> bool:
        """Whether the Socket.IO server refuses the page's origin."""
        if self.author.error is Error.ORIGIN:
            return True
        # What some servers say to a WebSocket does not come through, but they say it to polling.
        is_told = who(self.aside("own")).error is Error.ORIGIN
        is_mute = self.stage is Stage.WEBSOCKET and self.response.status in (400, 401, 403)
        return is_told and is_mute

    @property
    def is_preflight(self) -> bool:
        """Whether it was stopped at its preflight."""
        return self.fetched.last.method == "OPTIONS"

    def aside(self, name: str) -> Exchange | None:
        """Return a request that tells causes apart; ``None`` where it was not sent."""
        return self.facts.asides.get(name)

    def beside(self, name: str) -> Response:
        """Return its answer; one of status 0 where none came."""
        asked = self.aside(name)
        return (asked.response if asked is not None else None) or Response(0)

    def opens(self, name: str) -> bool:
        """Tell whether it opened a session."""
        return session_of(self.aside(name)) is not None

    def is_let_in(self, name: str) -> bool:
        """Tell whether such a request opened a session that the page could read."""
        return gets_in(self.aside(name), self.facts.page.origin)


def lets_in(asked: Exchange | None, origin: str) -> bool:
    """Tell whether an answer may be read by pages of an origin."""
    response = asked.response if asked is not None else None
    return response is not None and cors_check(Page(origin), response) is None


def gets_in(asked: Exchange | None, origin: str) -> bool:
    """Tell whether an answer opens a session, and may be read by pages of an origin."""
    return session_of(asked) is not None and lets_in(asked, origin)


def portless(origin: str) -> str:
    """Return an origin without its port, where it names one."""
    return re.sub(r":\d+$", "", origin)
