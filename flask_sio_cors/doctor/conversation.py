"""What a client says by polling once it has a session, as far as the page's connection needs it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from . import application, polling, redirects
from .answers import ONE_WORKER
from .browser import Fetched, Waiting
from .exchange import UNANSWERED, Exchange, Patience, Trouble
from .findings import Finding, Severity
from .fixes import Fix
from .handshake import Session, is_python, packets_of, session_of
from .looks import look_at_session, look_for_cache
from .probe import Probe
from .proof import proof_of
from .sockets import starting

#: Requests that are sent while a poll waits, so that each of a few workers gets one.
_BEATS: Final = 6
#: The same where they have to come one by one; those who share work that way take turns.
_BEATS_IN_TURN: Final = 4
#: How long a poll takes to come to where it waits, in seconds.
_ARRIVAL: Final = 0.05
#: Polls that are watched at most: where a server often has news, none waits for long.
_WATCHED: Final = 5
#: Polls that may bring nothing of the application, until its answer comes.
_POLLS: Final = 3


@dataclass
class Conversation:
    """A session that polling has opened.

    :param opened: the exchange that opened it.
    :param url: the address of its requests, with all but what makes each another one.
    :param is_direct: whether that is answered by the server itself, without a redirect.
    """

    probe: Probe
    opened: Exchange
    session: Session
    url: str
    is_direct: bool
    _poll: Waiting | None = None
    _held: float | None = None

    def connect(self) -> Finding | None:
        """Join the namespace; name what is against it, ``None`` where the client is let in."""
        target, packets, answered = self.probe.target, packets_of(self.opened)[1:], self.opened
        if target.connecting:
            posted = self._join(target.connecting)
            if not _is_read(posted):
                return self._broken(posted, "xhr post error")
        for _ in range(_POLLS):
            if application.answer_of(packets, target) is not None:
                break
            polled = self._next()
            if polled.last.outcome is UNANSWERED:
                return self._unanswered(polled)
            if not _is_read(polled):
                return self._broken(polled, "xhr poll error")
            packets, answered = [*packets, *packets_of(polled.last)], polled.last
        finding = application.explain(packets, target, answered)
        if finding is None or finding.id != "connect-unanswered":
            return finding
        return look_for_cache(self.probe, finding, Fetched((answered,)))

    @property
    def _patience(self) -> Patience:
        return self.probe.wire.patience

    def _join(self, packet: str) -> Fetched:
        """Send a packet while a poll waits, as clients do."""
        if not self.is_direct:
            return self._post(packet)
        # A server that is not made to be asked twice at once shows it when the first one waits.
        self._begin_poll().wait(_ARRIVAL)
        body = self.probe.target.protocol.encode(packet)
        sent = self.probe.browser.begin("POST", self._address(), body)
        sent.wait(self._patience.application)
        if sent.is_answered or _is_read(self._post(self._beat, self._patience.aside)):
            return sent.end()
        return sent.give_up()

    def _begin_poll(self) -> Waiting:
        self._poll = self.probe.browser.begin("GET", self._address())
        self._poll.has_left(self._patience.aside)
        return self._poll

    def _next(self) -> Fetched:
        """Return what the next poll brings; `UNANSWERED` where only that keeps waiting."""
        if not self.is_direct:
            return self.probe.browser.fetch(
                "GET", self._address(), patience=self._patience.application
            )
        poll = self._poll or self._begin_poll()
        self._poll = None
        poll.wait(self._patience.application)
        if not poll.is_answered and _is_read(self._post(self._beat, self._patience.aside)):
            return poll.give_up()
        return poll.end()

    def _unanswered(self, polled: Fetched) -> Finding:
        """Tell an application that says nothing from a server that does not wake what waits."""
        found = application.unanswered(
            polled.exchanges, self.probe.target, self._patience.application
        )
        cached = look_for_cache(self.probe, found, polled)
        if cached is not found or not is_python(self.opened.response):
            return cached
        again = self._answer_afterwards()
        if again is None:
            return found
        return _never_woken([*polled.exchanges, again], starting(again.response))

    def _answer_afterwards(self) -> Exchange | None:
        """Join in a new session, and poll only then; return the answer, if one comes."""
        browser, target = self.probe.browser, self.probe.target
        opened = browser.fetch("GET", target.polling(), patience=self._patience.aside).last
        session = session_of(opened)
        if session is None:
            return None
        other = Conversation(self.probe, opened, session, self.url, False)
        other._post(target.connecting, self._patience.aside)
        polled = browser.fetch("GET", other._address(), patience=self._patience.aside).last
        is_answered = application.answer_of(packets_of(polled), target) is not None
        self.probe.close(target, opened, opened.headers)
        return polled if is_answered else None

    def go_on(self) -> Finding | None:
        """Go on while a poll waits, as clients do; name what cannot be done like that."""
        poll = self._begin_poll()
        beats = self._beats_at_once() if is_python(self.opened.response) else self._beats_in_turn()
        broken = next((beat for beat in beats if not _is_read(beat)), None)
        if poll.is_answered and (finding := self._sent_away(poll.end())) is not None:
            return finding
        return self._broken(broken, "xhr post error") if broken is not None else None

    def hold(self) -> None:
        """Let a poll wait from now on; that which waits still, if it was not answered meanwhile."""
        if self._poll is not None:
            # The server has ended it, if the WebSocket was asked for.
            self._poll.wait(_ARRIVAL)
        if self._poll is None or self._poll.is_answered:
            self._begin_poll()
        self._held = self.probe.wire.seconds

    def watch(self, seconds: float) -> Finding | None:
        """Name what has ended the poll that waits, or the connection.

        :param seconds: how long it has to last.
        """
        poll, started, wire = self._poll, self._held, self.probe.wire
        if poll is None or started is None:
            return None
        end = started + seconds
        for _ in range(_WATCHED):
            poll.wait(max(0.0, end - wire.seconds))
            if not poll.is_answered:
                return None
            if not _is_read(ended := poll.end()):
                lasted = wire.seconds - started
                return _cut_off(ended, polling.explain(ended, self.probe.page), lasted)
            if (finding := self._sent_away(ended)) is not None or wire.seconds >= end:
                return finding
            started, poll = wire.seconds, self._begin_poll()
        return None

    def _beats_at_once(self) -> Iterable[Fetched]:
        """Of workers that wait for a connection, it is often the same one that gets the next."""
        body = self.probe.target.protocol.encode(self._beat)
        begin = self.probe.browser.begin
        sent = [
            begin("POST", self._address(), body, self._patience.application) for _ in range(_BEATS)
        ]
        return [beat.end() for beat in sent]

    def _beats_in_turn(self) -> Iterable[Fetched]:
        """Socket.IO for Node.js ends a session that posts two things at once."""
        for _ in range(_BEATS_IN_TURN):
            yield self._post(self._beat, self._patience.application)
            if self.probe.wire.seconds > self._patience.application:
                return

    def close(self) -> None:
        """Take leave, which ends the poll that waits, too."""
        self._post("1", self._patience.aside)
        if self._poll is not None:
            self._poll.give_up()

    def _address(self) -> str:
        return f"{self.url}&t={secrets.token_hex(4)}&sid={self.session.sid}"

    def _post(self, packet: str, patience: float | None = None) -> Fetched:
        body = self.probe.target.protocol.encode(packet)
        return self.probe.browser.fetch("POST", self._address(), body, patience)

    @property
    def _beat(self) -> str:
        """The packet that says no more than that the client is alive."""
        return "2" if self.probe.target.protocol.is_old else "3"

    def _broken(self, fetched: Fetched, client: str) -> Finding:
        """Name what is wrong with a request of a session."""
        lost = redirects.body_lost(fetched)
        if lost is not None:
            return lost
        failure = fetched.failure
        is_waiting = self._poll is not None and not self._poll.is_answered
        if failure is not None and failure.trouble is Trouble.SILENT and is_waiting:
            return _one_at_a_time(fetched, self._patience)
        finding = look_at_session(self.probe, polling.explain(fetched, self.probe.page), fetched)
        if finding.id in ("session-lost", "cached"):
            return replace(finding, client=client)
        return replace(finding, title=f"After the handshake: {finding.title}", client=client)

    def _sent_away(self, polled: Fetched) -> Finding | None:
        """Tell of an application that lets the client in, and ends the connection then."""
        packets, target = packets_of(polled.last), self.probe.target
        is_over = application.answer_of(packets, target) is not None
        return application.explain(packets, target, polled.last) if is_over else None


def _is_read(fetched: Fetched) -> bool:
    # engine.io-client takes no other status.
    return fetched.readable is not None and fetched.readable.status == 200


def _one_at_a_time(fetched: Fetched, patience: Patience) -> Finding:
    cause = (
        "While one request of the page waits for news, as a client always has one waiting, the "
        f"server answered no other within {patience.application:g} seconds: it has one worker that "
        "does one thing at a time, as gunicorn's usual one. The page waits; when gunicorn ends "
        "that worker, after 30 seconds, it gets connect_error: xhr poll error."
    )
    return Finding(
        "one-at-a-time", Severity.BROKEN, "The server answers one request at a time.", cause,
        Fix(ONE_WORKER), proof=proof_of(fetched.exchanges),
    )  # fmt: skip


def _never_woken(exchanges: Iterable[Exchange], lines: str) -> Finding:
    cause = (
        "A request that waits for news gets none, though the next one would get them: the server "
        "does not wake what waits. Flask-SocketIO does so where it takes eventlet or gevent, as "
        "it does wherever they are installed, and the application is run by something else, as by "
        "app.run() or by gunicorn with threads. The page gets no event at all, neither connect nor "
        "connect_error."
    )
    return Finding(
        "never-woken", Severity.BROKEN, "The server does not run in the mode that it has chosen.",
        cause, Fix(lines), proof=proof_of(exchanges),
    )  # fmt: skip


def _cut_off(ended: Fetched, finding: Finding, lasted: float) -> Finding:
    cause = (
        f"A request that waited for news was ended after {lasted:.0f} seconds, and not by the "
        "Socket.IO server, which lets it wait for 25: something between has a shorter time limit. "
        "The page connects, and loses the connection again each time: disconnect: transport error "
        "(polling) or transport close (WebSocket)."
    )
    fix = Fix(
        elsewhere="Raise the limit to 60 seconds for the Socket.IO path; in nginx: "
        "proxy_read_timeout 60s; in HAProxy: timeout client 60s, timeout server 60s, and timeout "
        "tunnel 1h."
    )
    return replace(
        finding, id="cut-off", title="Something ends connections that wait.", cause=cause, fix=fix,
        client="", proof=proof_of(ended.exchanges),
    )  # fmt: skip
