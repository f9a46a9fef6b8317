"""The fixtures that start real servers and real clients."""

import gc
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support import examples  # noqa: F401 - registers the profiles
from tests.support.clients import NodeProcess, Outcome
from tests.support.harness import Description, Server, start

Serve = Callable[..., Server]
RunClients = Callable[..., list[Outcome]]


#: The files that take longest. Where files run side by side, they are begun first.
LONGEST = (
    "test_distribution.py",
    "doctor/test_browsers.py",
    "servers/test_servers.py",
    "browsers/test_lab.py",
    "doctor/test_browsers_beside.py",
    "servers/test_floods.py",
    "fleet/test_redis_faults.py",
    "doctor/test_fixes.py",
    "doctor/test_other_proxies.py",
    "doctor/test_lookalikes.py",
    "servers/test_callbacks.py",
    "doctor/test_redirects.py",
    "servers/test_cli.py",
    "doctor/test_conversation.py",
    "browsers/test_credentials.py",
    "servers/test_credentials.py",
    "servers/test_hostile_origins.py",
    "servers/test_disconnects.py",
    "servers/test_neighbours.py",
    "servers/test_pages.py",
    "migration/test_manual.py",
    "origins/test_properties.py",
)
#: What starts servers and browsers, and waits for them.
SLOW = ("browsers/", "doctor/", "fleet/", "migration/", "servers/")


def pytest_configure() -> None:
    """Let Ctrl+C through to what is started, and leave each test its own log.

    A shell that puts all this in the background has it ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A client whose server has gone says so seconds later, in the log of another test.
    for name in ("engineio.client", "socketio.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first, and last those that wait for nothing.

    The order of a file's own stays. So no processor is idle at the end.
    """
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Have the collector look no more at what lasts as long as the tests, which are thousands."""
    gc.collect()
    gc.freeze()


def _place(file: str) -> int:
    is_quick = not file.removeprefix("tests/").startswith(SLOW)
    others = len(LONGEST) + is_quick
    return next((n for n, name in enumerate(LONGEST) if file.endswith(name)), others)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A function that starts a server, or gives the running one with the same arguments.

    `config` and `after` are Python source, run before `SocketIO(app)` with `app` and
    `socketio_options` in scope, and after `SioCors(app)` with `app`, `socketio` and `cors`.
    `plain=True` leaves SioCors away. `server` is a key of `tests.support.harness.SERVERS`. With
    `fresh=True` the server is shared with nobody. All end with the module that asked for them.

    >>> server = serve("app.config['SIO_CORS_ORIGINS'] = 'https://app.example'")
    """
    logs = tmp_path_factory.mktemp("servers")
    started: list[Server] = []
    shared: dict[str, Server] = {}

    def serve(config: str = "", *, fresh: bool = False, **description: object) -> Server:
        wanted = Description(config, **description)
        found = None if fresh else shared.get(wanted.key)
        if found is not None and found.running:
            return found
        server = start(wanted, logs)
        started.append(server)
        if not fresh:
            shared[wanted.key] = server
        return server

    yield serve
    for server in started:
        server.stop()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What closes, at the end of the test, all that it was given to enter."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="session")
def run_clients() -> Iterator[RunClients]:
    """A function that runs pages and Node programs at once, and returns their `Outcome`s.

    >>> allowed, refused = run_clients(page(server.url, FRIEND), page(server.url, STRANGER))
    """
    node_process = NodeProcess()
    yield node_process.run_clients
    node_process.stop()
