"""Real servers in processes of their own, for tests: see the fixture `serve` in `conftest.py`."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import dedent

from tests.support import raw_http
from tests.support.forks import Fork
from tests.support.ports import free_port
from tests.support.raw_http import Header, Response

REPOSITORY = Path(__file__).parents[2]
#: The Node programs, and what they have installed.
NODE = Path(__file__).parent / "node"
START_SECONDS = 60
STOP_SECONDS = 5
PORT_ATTEMPTS = 5


@dataclass(frozen=True)
class Launch:
    """How to start one kind of server. `{port}` in a word of `command` becomes its port.

    Without a `command` it is forked from a process that has its modules. Modules in `without`
    cannot be imported, as if their packages were not installed. `packages` is a folder with
    packages that go before the installed ones.
    """

    async_mode: str
    command: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    packages: Path | None = None


_SOCKETIO_RUN = (sys.executable, "-m", "tests.support.serve")
_FLASK_RUN = (sys.executable, "-m", "flask", "--app", "tests.support.serve:create_app", "run")
_GUNICORN = (sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1")

# gunicorn 26 dropped its eventlet worker; `make test` installs the last version that has it here.
_GUNICORN_25 = Path(sys.prefix) / "gunicorn-25"


def _gunicorn(*worker: str) -> tuple[str, ...]:
    return (*_GUNICORN, "--graceful-timeout", "1", *worker, "tests.support.wsgi:app")


_GEVENT_WEBSOCKET_WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"

SERVERS = {
    "eventlet": Launch("eventlet"),
    "eventlet, debug": Launch("eventlet", (*_SOCKETIO_RUN, "--debug")),
    "gevent": Launch("gevent"),
    "gevent, simple-websocket": Launch("gevent", without=("geventwebsocket",)),
    "threading": Launch("threading"),
    "flask run": Launch("threading", (*_FLASK_RUN, "--no-reload", "--port", "{port}")),
    "flask run --debug": Launch("threading", (*_FLASK_RUN, "--debug", "--port", "{port}")),
    "gunicorn": Launch("threading", _gunicorn("--threads", "50")),
    "gunicorn eventlet": Launch(
        "eventlet", _gunicorn("--worker-class", "eventlet"), packages=_GUNICORN_25
    ),
    "gunicorn gevent": Launch("gevent", _gunicorn("--worker-class", _GEVENT_WEBSOCKET_WORKER)),
    "gunicorn gevent, simple-websocket": Launch(
        "gevent", _gunicorn("--worker-class", "gevent"), without=("geventwebsocket",)
    ),
}

#: Those whose application is loaded before its worker is forked.
PRELOADED = {
    "gunicorn, preloaded": Launch("threading", _gunicorn("--threads", "50", "--preload")),
    "gunicorn gevent, preloaded": Launch(
        "gevent", _gunicorn("--worker-class", _GEVENT_WEBSOCKET_WORKER, "--preload")
    ),
}

#: Servers as Socket.IO cannot do with them, for the doctor.
MISFITS = {
    "gunicorn, eventlet by threads": Launch("eventlet", _gunicorn("--threads", "50")),
    "gunicorn, sync": Launch("threading", _gunicorn()),
    "gunicorn, two workers": Launch("threading", _gunicorn("--threads", "50", "--workers", "2")),
    "gunicorn, two sync workers": Launch("threading", _gunicorn("--workers", "2")),
}


@dataclass(frozen=True)
class Description:
    """What a server is to be; two equal ones are served by one process."""

    config: str = ""
    after: str = ""
    plain: bool = False
    server: str = "eventlet"
    socketio_options: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


class ServerDiedError(Exception):
    """The child ended before it was ready; the message holds its output."""


class _PortTakenError(Exception):
    """Somebody else took the free port before the child did."""


class Server:
    """A running child that serves on 127.0.0.1. As a context manager it ends with the block."""

    def __init__(self, description: Description, directory: Path):
        launch = (SERVERS | PRELOADED | MISFITS)[description.server]
        self.description = description
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._token = secrets.token_hex(8)
        self._log_file = directory / f"{self.port}-{self._token}.log"
        told = {
            **asdict(description),
            "async_mode": launch.async_mode,
            "without": launch.without,
            "port": self.port,
            "token": self._token,
        }
        search_path = [launch.packages, os.environ.get("PYTHONPATH")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in search_path if folder),
            "SERVE": json.dumps(told),
            "PYTHONUNBUFFERED": "1",
        }
        command = [word.replace("{port}", str(self.port)) for word in launch.command]
        self._log_file.touch()
        self._process = (
            self._run(command, environment) if command else Fork(environment, self._log_file)
        )

    def _run(self, command: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with self._log_file.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """All that the child has written to stdout and stderr so far."""
        return self._log_file.read_text(errors="replace")

    def stop(self) -> None:
        """End the child, first politely, and its own children; a second call does nothing."""
        if self._process.returncode is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            # A reloader's and gunicorn's children are in the group that the child leads.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def kill(self) -> None:
        """End the child and its own children as a machine that fails does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def exchange(self, raw: bytes) -> Response:
        """Send exactly these bytes, and read one response."""
        return raw_http.exchange(self.port, raw)

    def request(
        self, method: str, target: str, headers: Iterable[Header] = (), body: bytes = b""
    ) -> Response:
        """Send one request with these headers, byte for byte, plus those that HTTP needs."""
        return self.exchange(raw_http.compose(method, target, headers, body, port=self.port))

    def preflight(
        self, origin: str | bytes, *, target: str = raw_http.POLLING, headers: Iterable[Header] = ()
    ) -> Response:
        """Ask as a browser does before a cross-origin POST; more `headers` go with it."""
        asked = [("Origin", origin), ("Access-Control-Request-Method", "POST"), *headers]
        return self.request("OPTIONS", target, asked)

    def websocket(
        self, headers: Iterable[Header] = (), *, target: str = raw_http.WEBSOCKET
    ) -> Response:
        """Shake hands for a WebSocket, and leave: status 101, or the refusal with its body."""
        return self.request("GET", target, [*raw_http.UPGRADE, *headers])

    def login(self, user: str = "ada") -> str:
        """Log in, and return the session cookie as `name=value`."""
        cookie = self.request("GET", f"/login?user={user}").header("Set-Cookie")
        assert cookie is not None
        return cookie.partition(";")[0]

    def run(self, source: str) -> str:
        """Run Python source in the child, with `app`, `socketio` and `cors`; return its `answer`.

        It goes in by a way of its own, past the guard and Flask. What it raises is an
        `AssertionError` here.
        """
        response = self.request("POST", "/_run", body=dedent(source).encode())
        assert response.status == 200, response.body.decode()
        return response.body.decode()

    def configure(self, source: str = "") -> None:
        """Give a guarded child the configuration that this source sets, and no other."""
        self.run(f"reset()\n{dedent(source)}\ncors.reconfigure(app)")

    def wait_until_ready(self) -> None:
        """Wait for this very child to answer; raises `ServerDiedError` or `TimeoutError`."""
        try:
            wait_until(self._is_ready, START_SECONDS)
        except TimeoutError as slow:
            raise TimeoutError(f"not ready in {START_SECONDS} s:\n{self.log()}") from slow

    def _is_ready(self) -> bool:
        if not self.running:
            failure = _PortTakenError if "ddress already in use" in self.log() else ServerDiedError
            raise failure(f"exit status {self._process.returncode}:\n{self.log()}")
        try:
            return self.request("GET", "/_ready").body == self._token.encode()
        except OSError:
            return False


def start(description: Description, directory: Path) -> Server:
    """Start a server and wait until it answers; a lost race for its port is run again.

    Its log file is made in `directory`.
    """
    for _ in range(PORT_ATTEMPTS):
        server = Server(description, directory)
        try:
            server.wait_until_ready()
        except _PortTakenError:
            server.stop()
        except BaseException:
            server.stop()
            raise
        else:
            return server
    raise ServerDiedError(f"{PORT_ATTEMPTS} free ports in a row were taken by others")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Ask `condition` until it holds; raises `TimeoutError` when it does not in `seconds`.

    What holds soon is noticed at once; what takes long, and may cost a server something, is asked
    for more seldom, at least ten times a second.
    """
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        if waited > seconds:
            raise TimeoutError(f"the condition did not hold within {seconds} s")
        time.sleep(min(0.001 + waited / 8, 0.1))
