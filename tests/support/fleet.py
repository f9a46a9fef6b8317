"""Workers that share their origins, each a real server, and visitors who notice whatever happens.

>>> fleet = Fleet(serve, redis.url, ["threading", "gunicorn eventlet"])
>>> with fleet.visited():
...     redis.stop()
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.support.clients import staying_client
from tests.support.harness import Server, wait_until
from tests.support.raw_http import POLLING, compose, exchange

#: Of the settings, of the store, and of nobody.
STATIC = "https://static.example"
ALLOWED = "https://allowed.example"
STRANGER = "https://stranger.example"

#: Paces at which a test waits a second where an operator would wait ten.
_QUICK = """
    from flask_sio_cors.live.follower import Pace

    cors.shared_origins(app).follower.pace = Pace(**{pace!r})
"""
PACE = {"every": 0.5, "healing": 1.0, "report": 0.5, "retry": 1.0}


class Made(str):
    """Python source that makes a store."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Fleet:
    """Workers of some kinds, with one store.

    :param serve: the fixture.
    :param store: the URL of the store, or what makes one.
    :param kinds: of servers, as the harness has them.
    :param before: Python source that comes before.
    """

    def __init__(
        self,
        serve: Callable[..., Server],
        store: str,
        kinds: Iterable[str],
        pace: dict[str, float] = PACE,
        more: str = "",
        before: str = "",
    ) -> None:
        config = "\n".join(
            [
                before,
                f"app.config['SIO_CORS_ORIGINS'] = [{STATIC!r}]",
                f"app.config['SIO_CORS_ORIGINS_STORE'] = {store!r}",
            ]
        )
        after = _QUICK.format(pace=pace) + more
        self.workers = [serve(config, server=kind, after=after, fresh=True) for kind in kinds]
        for worker in self.workers:
            status_of(worker, STATIC)

    def add(self, *origins: str, by: int = 0) -> None:
        self._write("add", origins, by)

    def remove(self, *origins: str, by: int = 0) -> None:
        self._write("remove", origins, by)

    def _write(self, verb: str, origins: tuple[str, ...], by: int) -> None:
        self.workers[by].run(f"cors.shared_origins(app).{verb}(*{origins!r})")

    def states(self) -> list[dict[str, Any]]:
        return [state_of(worker) for worker in self.workers]

    def wait_for(self, *, seconds: float = 20, **state: object) -> None:
        """Wait until each worker's state has these values."""
        wait_until(lambda: all(state.items() <= found.items() for found in self.states()), seconds)

    def wait_until_allowed(self, origin: str, *, allowed: bool = True, seconds: float = 20) -> None:
        expected = 200 if allowed else 403
        wait_until(
            lambda: all(status_of(worker, origin) == expected for worker in self.workers), seconds
        )

    @contextmanager
    def visited(self, stalls: float = 1.5) -> Iterator[None]:
        """Keep a client connected to each worker, and others coming; no fault of a store is theirs.

        :param stalls: seconds that an answer may take.
        """
        with ExitStack() as stack:
            clients = [
                stack.enter_context(staying_client(worker.url, ALLOWED)) for worker in self.workers
            ]
            ended = threading.Event()
            visitors = [_Visitor(worker, ended) for worker in self.workers]
            for visitor in visitors:
                visitor.start()
            try:
                yield
                # Each kind of page has come at least once after all that has happened.
                enough = [visitor.asked + 4 for visitor in visitors]
                wait_until(lambda: all(v.asked > n for v, n in zip(visitors, enough, strict=True)))
            finally:
                ended.set()
                for visitor in visitors:
                    visitor.join()
            for visitor in visitors:
                assert visitor.wrong == []
                assert visitor.longest < stalls
            for client in clients:
                assert not client.left.is_set()
                assert client.call("echo", "still here", timeout=20) == "still here"


class _Visitor(threading.Thread):
    """Pages that come to a worker all the time, allowed and not."""

    def __init__(self, worker: Server, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._worker, self._ended = worker, ended
        self.wrong: list[object] = []
        self.asked, self.longest = 0, 0.0

    def run(self) -> None:
        expected = [(ALLOWED, 200), (STATIC, 200), (STRANGER, 403)]
        while not self._ended.wait(0.1):
            origin, status = expected[self.asked % 3]
            begun = time.monotonic()
            try:
                found: object = status_of(self._worker, origin)
            except OSError as error:
                found = error
            self.longest = max(self.longest, time.monotonic() - begun)
            self.asked += 1
            if found != status:
                self.wrong.append((origin, found))


def status_of(worker: Server, origin: str) -> int:
    raw = compose("GET", POLLING, [("Origin", origin)], port=worker.port)
    return exchange(worker.port, raw).status


_STATE = """
    import json

    state = cors.shared_origins(app).state
    answer = json.dumps({
        "condition": state.condition.value, "ready": state.ready, "version": state.version,
        "entries": state.entries, "reason": state.reason,
    })
"""


def state_of(worker: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(worker.run(_STATE))
    return found


def add(worker: Server, origin: str) -> str:
    """Write there; return what the writer is told, or nothing."""
    return worker.run(f"""
        from flask_sio_cors import StoreError

        answer = ""
        try:
            cors.shared_origins(app).add({origin!r})
        except StoreError as error:
            answer = str(error)
    """)
