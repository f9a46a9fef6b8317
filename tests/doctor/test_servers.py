"""What a server does not offer, or its own code refuses, is named, told once, and mended."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import engineio
import pytest
import socketio

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.audit import audit
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.report import as_text
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import Patience, Wire
from tests.support.broken_servers import Wsgi, flask_app, guarded, node_server, plain, serving
from tests.support.harness import wait_until
from tests.support.ports import free_port

ORIGIN = "https://app.example.com"
PAGE = Page(ORIGIN)


USUAL = Patience()
#: For servers that keep the doctor waiting to the end.
SHORT = Patience(page=6, application=2)


def examine(url: str, page: Page = PAGE, patience: Patience = USUAL) -> Report:
    return Examination(Target.parse(url, page.origin), page, Wire(patience=patience)).run()


def node(construction: str, stack: ExitStack) -> Report:
    return examine(stack.enter_context(node_server(construction)))


# --- A server without polling ------------------------------------------------------------------

WEBSOCKET_ONLY = 'transports=["websocket"]'


def test_a_server_for_node_without_polling_is_named_and_mended(stack: ExitStack) -> None:
    options = f'transports: ["websocket"], cors: {{ origin: ["{ORIGIN}"] }}'
    report = node(f"new Server(httpServer, {{ {options} }})", stack)
    assert report.findings[0].id == "polling-not-offered"
    assert report.facts.connects_by_websocket
    assert WEBSOCKET_ONLY.replace("=", ": ") in report.findings[0].fix.elsewhere
    assert node(report.findings[0].fix.node, stack).works


def test_flask_socketio_without_polling_is_named_and_mended(stack: ExitStack) -> None:
    app = plain(options=f', {WEBSOCKET_ONLY}, cors_allowed_origins=["{ORIGIN}"]')
    report = examine(f"http://localhost:{stack.enter_context(serving(app))}")
    assert report.findings[0].id == "polling-not-offered"
    assert report.facts.connects_by_websocket
    source = report.findings[0].fix.extension
    source = source.replace("SocketIO(app,", "SocketIO(app, async_mode='threading',")
    mended = examine(f"http://localhost:{stack.enter_context(serving(flask_app(source)))}")
    assert mended.works
    assert mended.websocket


# --- The application's own decision ------------------------------------------------------------

THROWING = 'origin: (origin, callback) => callback(new Error("Not allowed by CORS"))'
THROWING_WITH_ORIGIN = (
    "origin: (origin, callback) => "
    'origin === undefined ? callback(null, true) : callback(new Error("Not allowed by CORS"))'
)
IN_FRONT = f"""(() => {{
    const server = new Server(httpServer);
    const asked = require("cors")({{ {THROWING} }});
    const [answer] = httpServer.listeners("request");
    httpServer.removeAllListeners("request");
    httpServer.on("request", (request, response) => asked(request, response, error => {{
        if (!error) return answer.call(httpServer, request, response);
        // As Express shows an error.
        response.writeHead(500, {{ "Content-Type": "text/html" }});
        response.end(`<pre>Error: ${{error.message}}<br> &nbsp; &nbsp;at origin (app.js:3)</pre>`);
    }}));
    return server;
}})()"""


@pytest.mark.parametrize(
    "construction",
    [
        f"new Server(httpServer, {{ cors: {{ {THROWING} }} }})",
        f"new Server(httpServer, {{ cors: {{ {THROWING_WITH_ORIGIN} }} }})",
        IN_FRONT,
    ],
    ids=["Socket.IO's", "not without an origin", "in front of it"],
)
def test_an_origin_function_that_throws_is_named_and_mended(
    construction: str, stack: ExitStack
) -> None:
    report = node(construction, stack)
    found = [one.id for one in report.findings if one.id not in ("jsonp-open", "websocket-open")]
    assert found == ["origin-function-fails"]
    fix = report.findings[0].fix
    assert "callback(null, true)" in fix.elsewhere
    assert node(fix.node, stack).works


@pytest.mark.parametrize(
    ("options", "middleware", "status"),
    [
        ('allowRequest: (request, callback) => callback("no token", false)', "", "403"),
        ("", "io.engine.use((request, response, next) => next(new Error()))", "400"),
    ],
    ids=["allowRequest", "middleware"],
)
def test_a_refusal_of_both_transports_is_told_once(
    options: str, middleware: str, status: str, stack: ExitStack
) -> None:
    cors = f'cors: {{ origin: ["{ORIGIN}"] }}, {options}'
    report = node(f"new Server(httpServer, {{ {cors} }}); {middleware}", stack)
    assert [finding.id for finding in report.findings] == ["refused"]
    assert status in report.findings[0].cause


def test_a_refusal_by_this_extension_is_told_once(stack: ExitStack) -> None:
    config = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'
    app = guarded(f'{config}\napp.config["SIO_CORS_ALLOW_REQUEST"] = lambda request: False')
    report = examine(f"http://localhost:{stack.enter_context(serving(app))}")
    assert [finding.id for finding in report.findings] == ["refused"]
    assert "SIO_CORS_ALLOW_REQUEST" in report.findings[0].cause


# --- A WebSocket that what runs the server cannot do --------------------------------------------

SOURCE = """
from flask import Flask
from flask_socketio import SocketIO

app = Flask(__name__)
socketio = SocketIO(app, cors_allowed_origins=["{origin}"], async_mode="{mode}")
if __name__ == "__main__":
    {run}
"""


@contextmanager
def started(home: Path, run: str, *command: str, mode: str = "eventlet") -> Iterator[str]:
    """Start an application that is run like this; yields its address."""
    port = free_port()
    home.mkdir(exist_ok=True)
    run = run.replace("(app)", f"(app, port={port})").replace("run()", f"run(port={port})")
    (home / "server.py").write_text(SOURCE.format(origin=ORIGIN, run=run, mode=mode))
    words = [word.replace("PORT", str(port)) for word in command or ("server.py",)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=home, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: _answers(process, port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_an_app_that_is_run_without_its_socketio_is_named_and_mended(tmp_path: Path) -> None:
    with started(tmp_path, "app.run()") as url:
        report = examine(url, patience=SHORT)
    finding = report.findings[0]
    assert finding.id in ("never-woken", "websocket-unsupported")
    assert "nginx" not in finding.fix.elsewhere
    run = next(line for line in finding.fix.extension.splitlines() if "socketio.run" in line)
    with started(tmp_path, run.partition("#")[0].strip()) as url:
        mended = examine(url)
    assert mended.polling
    assert mended.websocket


def test_a_gunicorn_without_the_right_worker_is_named_and_mended(tmp_path: Path) -> None:
    gunicorn = ("-m", "gunicorn", "-b", "127.0.0.1:PORT", "server:app")
    with started(tmp_path, "pass", *gunicorn, "--threads", "20", mode="gevent") as url:
        report = examine(url, patience=SHORT)
    finding = report.findings[0]
    assert finding.id in ("never-woken", "websocket-unsupported")
    assert "nginx" not in finding.fix.elsewhere
    command = re.search("# gunicorn (.*) module:app", finding.fix.extension)
    mode = re.search('async_mode="(.*?)"', finding.fix.extension)
    assert command is not None
    assert mode is not None
    with started(tmp_path, "pass", *gunicorn, *command[1].split(), mode=mode[1]) as url:
        assert examine(url).websocket


def by_asyncio(**options: Any) -> Wsgi:
    """Return what python-engineio's server for asyncio says to whom it refuses."""
    server = engineio.AsyncServer(async_mode="asgi", **options)
    app = engineio.ASGIApp(server, engineio_path="socket.io")

    def bridged(environ: Any, start_response: Any) -> Any:
        said: list[Any] = []
        headers = [(b"origin", environ.get("HTTP_ORIGIN", "").encode())]
        scope = {
            "type": "http", "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"],
            "query_string": environ["QUERY_STRING"].encode(), "headers": headers,
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(app(scope, receive, send))
        told = [(name.decode(), value.decode()) for name, value in said[0]["headers"]]
        start_response(f"{said[0]['status']} X", told)
        return [said[1]["body"]]

    return bridged


def test_a_refusal_of_a_server_for_asyncio_is_told_from_another_server(stack: ExitStack) -> None:
    app = by_asyncio(cors_allowed_origins=["https://other.example"])
    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(app))}")
    assert report.findings[0].id == "origin-not-allowed"
    assert f"{ORIGIN} is not an accepted origin" in report.findings[0].cause
    assert "Flask" not in as_text(report)
    known: dict[str, Any] = {}
    fix = report.findings[0].fix.extension
    assert fix.startswith("sio = socketio.AsyncServer(")
    exec(fix, {"socketio": socketio}, known)
    assert known["sio"].eio.cors_allowed_origins == [ORIGIN]


def test_what_closes_jsonp_of_a_server_for_asyncio_closes_it(stack: ExitStack) -> None:
    def holes(**options: Any) -> dict[str, Finding]:
        url = f"http://127.0.0.1:{stack.enter_context(serving(by_asyncio(**options)))}"
        return {one.id: one for one in audit(Target.parse(url, ORIGIN), Page(ORIGIN)).holes}

    known: dict[str, Any] = {}
    fix = holes(cors_allowed_origins=[ORIGIN])["jsonp-open"].fix.extension
    exec(fix, {"socketio": socketio}, known)
    closed = known["sio"].eio
    mended = holes(cors_allowed_origins=closed.cors_allowed_origins, transports=closed.transports)
    assert "jsonp-open" not in mended
