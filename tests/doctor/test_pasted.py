"""For every finding that prints lines: pasted in, they let a real client in."""

import json
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest
from flask_socketio import SocketIO

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.audit import Report as Audit
from flask_sio_cors.doctor.audit import audit
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import Patience, Wire
from tests.conftest import RunClients
from tests.support.broken_servers import (
    BROKEN,
    HALF_BROKEN,
    MALFORMED,
    REFLECT,
    WRONG,
    Case,
    Wsgi,
    answering,
    behind,
    choosing,
    engine,
    flask_app,
    node_server,
    plain,
    serving,
)
from tests.support.clients import page
from tests.support.harness import NODE

ORIGIN = "http://localhost:8080"
# What the clients of the tests say to whoever lets them in.
HANDLERS = """
@socketio.on("echo")
def echo(words):
    socketio.emit("echo", words)
    return words

@socketio.on("whoami")
def whoami():
    return None
"""
NODE_HANDLERS = """;
io.on("connection", socket => {
  socket.on("echo", (words, answer) => { socket.emit("echo", words); answer(words); });
  socket.on("whoami", answer => answer(null));
});
"""
COOKIES = {"withCredentials": True}
HEADER = {"extraHeaders": {"X-Token": "1"}}


def serve(app: Wsgi, stack: ExitStack) -> str:
    return f"http://127.0.0.1:{stack.enter_context(serving(app))}"


def page_of(options: dict[str, Any], origin: str = ORIGIN) -> Page:
    headers = tuple(options.get("extraHeaders", {}).items())
    return Page(origin, bool(options.get("withCredentials")), headers)


def examine(url: str, options: dict[str, Any] | None = None, origin: str = ORIGIN) -> Report:
    asks = page_of(options or {}, origin)
    return Examination(Target.parse(url, origin), asks).run()


def audited(url: str, options: dict[str, Any] | None = None, origin: str = ORIGIN) -> Audit:
    return audit(Target.parse(url, origin), page_of(options or {}, origin))


def found(report: Report | Audit, id_: str) -> Finding:
    return next(finding for finding in report.findings if finding.id == id_)


def _first_of_each() -> dict[str, Case]:
    cases = [case for case in (*BROKEN, *HALF_BROKEN, *WRONG) if not case.secure]
    first = {case.finding: case for case in reversed(cases)}
    return {**first, **{case.name: case for case in cases if case.name in MALFORMED}}


#: What a finding of these says to write is no configuration; there are tests of their own below.
OTHERWISE = {
    "silent": "socketio.run(app), and the package eventlet",
    "not-listening": "socketio.run(app, port=…)",
    "bad-port": "another port",
    "wrong-path": "SocketIO(app, path=…); see test_doctor_fixes and test_doctor_extension",
    "missing-slash": "the client's option; see test_doctor_redirects",
    "namespace-refused": "a handler",
    "session-lost": "gunicorn's options",
    "upgrade-dropped": "the package simple-websocket",
    "old-server": "newer packages",
    "unsupported-version": "newer packages, or an option for Node.js",
}
FIRST = {id_: case for id_, case in _first_of_each().items() if id_ not in OTHERWISE}


@pytest.mark.parametrize("case", FIRST.values(), ids=FIRST)
def test_every_configuration_lets_the_page_in(
    case: Case, stack: ExitStack, run_clients: RunClients
) -> None:
    options = dict(case.options)
    url = case.serve(stack)
    findings = (*examine(url, options).findings, *audited(url, options).findings)
    assert case.finding in [finding.id for finding in findings]
    fixes = [finding.fix for finding in findings]
    extensions = {fix.extension for fix in fixes if "SioCors" in fix.extension}
    nodes = {fix.node for fix in fixes} - {""}
    for fix in extensions:
        url = serve(plain(f"{HANDLERS}\n{fix}"), stack)
        asked = [page(url, ORIGIN, **options), page(url, ORIGIN, transports=["websocket"])]
        assert [outcome.connected for outcome in run_clients(*asked)] == [True, True], fix
        assert examine(url, options).works
    for fix in nodes:
        url = stack.enter_context(node_server(fix + NODE_HANDLERS))
        (outcome,) = run_clients(page(url, ORIGIN, **options))
        assert outcome.connected, fix


HOLES = {
    "null-allowed": (lambda origin: origin in ("null", "https://a.example"), "https://a.example"),
    "neighbours-allowed": (lambda origin: "a.example" in origin, "https://a.example"),
    "every-port": (lambda origin: origin.startswith("https://a.example"), "https://a.example"),
    "insecure-twin": (
        lambda o: o in ("http://a.example", "https://a.example"),
        "https://a.example",
    ),
}


@pytest.mark.parametrize(("id_", "hole"), HOLES.items(), ids=HOLES)
def test_every_hole_is_closed(
    id_: str, hole: Any, stack: ExitStack, run_clients: RunClients
) -> None:
    lets_in, origin = hole
    report = audited(serve(choosing(engine(), lets_in), stack), COOKIES, origin)
    fix = found(report, id_).fix
    for url in (
        serve(plain(f"{HANDLERS}\n{fix.extension}"), stack),
        stack.enter_context(node_server(fix.node + NODE_HANDLERS)),
    ):
        (outcome,) = run_clients(page(url, origin, **COOKIES))
        assert outcome.connected
        assert id_ not in [finding.id for finding in audited(url, COOKIES, origin).findings]


@pytest.mark.parametrize("id_", ["websocket-open", "jsonp-open"])
def test_what_is_open_besides_polling_is_closed(
    id_: str, stack: ExitStack, run_clients: RunClients
) -> None:
    url = stack.enter_context(
        node_server(f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})')
    )
    fix = found(audited(url), id_).fix
    for url in (
        serve(plain(f"{HANDLERS}\n{fix.extension}"), stack),
        stack.enter_context(node_server(fix.node + NODE_HANDLERS)),
    ):
        asked = [page(url, ORIGIN, transports=[name]) for name in ("polling", "websocket")]
        assert [outcome.connected for outcome in run_clients(*asked)] == [True, True]
        assert id_ not in [finding.id for finding in audited(url).findings]


def test_an_error_that_is_hidden_can_be_read(stack: ExitStack) -> None:
    error = answering("400 BAD REQUEST", '{"code":2,"message":"Bad handshake method"}')
    fix = found(examine(serve(error, stack)), "error-hidden").fix
    assert examine(serve(plain(fix.extension), stack)).works


def test_the_header_that_a_wildcard_leaves_out_is_listed(stack: ExitStack) -> None:
    options = {"extraHeaders": {"Authorization": "Bearer 1"}}
    preflight = [REFLECT, ("Access-Control-Allow-Headers", "*")]
    url = serve(behind(engine(), REFLECT, preflight=preflight), stack)
    fix = found(examine(url, options), "authorization-wildcard").fix
    for url in (
        serve(plain(fix.extension), stack),
        stack.enter_context(node_server(fix.node + NODE_HANDLERS)),
    ):
        mended = examine(url, options)
        assert mended.works
        assert "authorization-wildcard" not in [finding.id for finding in mended.findings]


def test_a_namespace_is_added(stack: ExitStack) -> None:
    url = serve(plain(options=f', cors_allowed_origins=["{ORIGIN}"]'), stack)
    fix = found(examine(f"{url}/chat"), "namespace-refused").fix
    options = f', cors_allowed_origins=["{ORIGIN}"]'
    flask = serve(plain(fix.extension, options=options), stack)
    construction = f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})'
    node = stack.enter_context(node_server(f"{construction};\n{fix.node}"))
    for url in (flask, node):
        assert examine(f"{url}/chat").works


def test_a_handler_that_needs_auth_gets_a_signature(
    stack: ExitStack, run_clients: RunClients
) -> None:
    options = f', cors_allowed_origins=["{ORIGIN}"]'
    broken = '@socketio.on("connect")\ndef connect(auth):\n    auth["token"]'
    target = Target.parse(serve(plain(broken, options=options), stack), ORIGIN)
    wire = Wire(patience=Patience(page=6, application=2))
    fix = found(Examination(target, page_of({}), wire).run(), "connect-unanswered").fix
    url = serve(plain(f"{fix.extension}\n{HANDLERS}", options=options), stack)
    (outcome,) = run_clients(page(url, ORIGIN))
    assert outcome.connected


@pytest.mark.parametrize("id_", ["not-listening", "bad-port"])
def test_the_line_that_starts_a_server_starts_it(
    id_: str, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(case for case in BROKEN if case.finding == id_)
    url = case.serve(stack)
    fix = found(examine(url), id_).fix
    started: dict[str, Any] = {}
    monkeypatch.setattr(SocketIO, "run", lambda self, app, **given: started.update(given))
    flask_app(f"socketio = SocketIO(app, async_mode='threading')\n{fix.extension}")
    assert started["port"] in (int(url.rpartition(":")[2]), 5000)
    node = NODE
    script = f"const httpServer = require('http').createServer(); {fix.node}; httpServer.close()"
    result = subprocess.run(["node", "-e", script], cwd=node, capture_output=True, timeout=20)
    assert result.returncode == 0, json.dumps(result.stderr.decode())


def test_a_client_of_version_2_gets_in_by_the_option_for_node(
    stack: ExitStack,
) -> None:
    url = stack.enter_context(
        node_server(f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})')
    )
    asked = f"{url}/socket.io/?EIO=3&transport=polling"
    fix = found(examine(asked), "unsupported-version").fix
    mended = stack.enter_context(node_server(fix.node + NODE_HANDLERS))
    assert examine(f"{mended}/socket.io/?EIO=3&transport=polling").works
