"""Counting the Engine.IO sessions of a server: those that ever were, and those that are open.

>>> server = serve(config, after=sessions.COUNTED)
>>> with sessions.none_opened(server):
...     attack(server)
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.harness import Server

#: For `serve(after=…)`: a session that was opened and is closed again counts too.
COUNTED = """
    class Counted(dict):
        ever = 0

        def __setitem__(self, sid, session):
            Counted.ever += 1
            super().__setitem__(sid, session)

    socketio.server.eio.sockets = Counted()
"""


def ever_opened(server: Server) -> int:
    """How many sessions this server has opened since it started."""
    return int(server.run("answer = socketio.server.eio.sockets.ever"))


def open_now(server: Server) -> int:
    """How many sessions are open; it needs nothing that counted them."""
    return int(server.run("answer = len(socketio.server.eio.sockets)"))


@contextmanager
def none_opened(server: Server) -> Iterator[None]:
    """Fail when a session is opened within the block, be it for a moment."""
    before = ever_opened(server)
    yield
    assert ever_opened(server) == before
