"""The same behaviour on every server that Flask-SocketIO supports."""

import json
import re
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from urllib.parse import urlencode

import pytest
import websocket

from tests.support.browsers import ENGINES, Browser, require
from tests.support.clients import CLIENT, node, page, python_client
from tests.support.harness import SERVERS, wait_until
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}

# What clients wait for a server that says nothing; a processor that is busy makes “at once” long.
TIMEOUT_MS = 20_000
AT_ONCE_MS = 15_000

CONFIG = """
    from flask_socketio import ConnectionRefusedError

    def unless_lost(request):
        if "lost" in request.args:
            raise ConnectionRefusedError("Lost again")
        return True

    app.config["SIO_CORS_ORIGINS"] = ["https://friend.example"]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    app.config["SIO_CORS_ALLOW_REQUEST"] = unless_lost
    # A client that leaves may wait for the end of its poll.
    socketio_options["ping_interval"] = 5
"""

BROWSER_SECONDS = 60
SOCKET_IO = (CLIENT.parent / "node_modules/socket.io-client/dist/socket.io.min.js").read_bytes()
PAGE = b"""<!doctype html><script src="/socket.io.js"></script><script>
  const server = new URLSearchParams(location.search).get("server");
  const report = (outcome) => {
    const elapsed = performance.now() - started;
    fetch("/", { method: "POST", body: JSON.stringify({ outcome, elapsed }) });
  };
  const started = performance.now();
  const socket = io(server, { transports: ["websocket"], reconnection: false });
  socket.once("connect", () => report("connected"));
  socket.once("connect_error", (error) => report(error.message));
</script>"""

# These have said "101 Switching Protocols" before anybody is asked.
OPENS_FIRST = ("gevent", "gunicorn gevent")


@pytest.fixture(scope="module", params=list(SERVERS))
def server(serve, request):
    """One server of each kind, for all tests of this file."""
    return serve(CONFIG, server=request.param)


def opens_first(server):
    return server.description.server in OPENS_FIRST


class Pages:
    """A page of another origin that connects by WebSocket alone and reports what it saw."""

    def __init__(self):
        self.reports = Queue()
        reports = self.reports

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                script = self.path.startswith("/socket.io.js")
                self._answer(
                    SOCKET_IO if script else PAGE, "text/javascript" if script else "text/html"
                )

            def do_POST(self):
                reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"", "text/plain")

            def _answer(self, body, content_type):
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def pages():
    running = Pages()
    yield running
    running.stop()


# --- Allowed ----------------------------------------------------------------------------------


def test_clients_of_an_allowed_origin_connect_by_every_transport(server, run_clients):
    cookie = server.login("ada")
    clients = [
        client(server.url, FRIEND, cookies=[cookie], transports=transports, **credentials)
        for client, credentials in [(page, {"withCredentials": True}), (node, {})]
        for transports in TRANSPORTS.values()
    ]
    wanted = [(True, transports[-1], "hello", "ada") for transports in TRANSPORTS.values()]
    outcomes = run_clients(*clients)
    assert [
        (outcome.connected, outcome.transport, outcome.echo, outcome.whoami) for outcome in outcomes
    ] == wanted * 2


def test_a_python_client_connects_by_every_transport(server):
    for transports in TRANSPORTS.values():
        outcome = python_client(server.url, FRIEND, transports=transports)
        assert (outcome.transport, outcome.echo) == (transports[-1], "hello")


def test_a_page_with_an_extra_header_gets_through_its_preflight(server, run_clients):
    [outcome] = run_clients(
        page(
            server.url,
            FRIEND,
            transports=["polling"],
            withCredentials=True,
            extraHeaders={"X-Own": "1"},
        )
    )
    assert outcome.connected
    assert outcome.preflights[0].status == 204


# --- Preflights and headers, byte for byte ----------------------------------------------------


def test_a_preflight_is_answered_at_the_door(server):
    allowed = server.preflight(FRIEND, headers=[("Access-Control-Request-Headers", "x-own")])
    assert (allowed.status, allowed.body) == (204, b"")
    assert allowed.cors_headers == {
        "access-control-allow-origin": FRIEND,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "x-own",
    }
    assert allowed.header("Vary") == "Origin, Access-Control-Request-Headers"
    refused = server.preflight(STRANGER)
    assert (refused.status, refused.cors_headers) == (403, {})


def test_an_actual_request_is_answered_with_each_header_once(server):
    response = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert response.status == 200
    assert response.cors_headers == {
        "access-control-allow-origin": FRIEND,
        "access-control-allow-credentials": "true",
    }
    assert (response.header("Vary"), response.header("Cache-Control")) == ("Origin", "no-store")


# --- Refused ----------------------------------------------------------------------------------


def test_clients_of_another_origin_fail_at_once_by_every_transport(server, run_clients):
    before = len(server.log())
    outcomes = run_clients(
        *(
            client(server.url, STRANGER, transports=transports, timeout=TIMEOUT_MS)
            for client in (page, node)
            for transports in TRANSPORTS.values()
        )
    )
    outcomes += [
        python_client(server.url, STRANGER, transports=transports)
        for transports in TRANSPORTS.values()
    ]
    assert not any(outcome.connected for outcome in outcomes)
    assert max(outcome.elapsed_ms for outcome in outcomes) < AT_ONCE_MS
    assert "Traceback" not in server.log()[before:]


def test_allow_request_refuses_at_once_by_every_transport(server, run_clients):
    before = len(server.log())
    outcomes = run_clients(
        *(
            client(
                server.url,
                FRIEND,
                transports=transports,
                timeout=TIMEOUT_MS,
                query={"lost": "1"},
            )
            for client in (page, node)
            for transports in TRANSPORTS.values()
        )
    )
    assert not any(outcome.connected for outcome in outcomes)
    assert max(outcome.elapsed_ms for outcome in outcomes) < AT_ONCE_MS
    assert "Traceback" not in server.log()[before:]
    by_polling = [outcome for outcome in outcomes if outcome.error["message"] == "xhr poll error"]
    told = {(outcome.error["status"], outcome.error["body"]) for outcome in by_polling}
    assert told == {(403, '{"code": 4, "message": "Lost again"}')}


def test_a_refused_websocket_says_why_in_the_words_that_are_left_to_it(server):
    """Over HTTP it is a 403; a server that has opened the WebSocket already sends a close frame."""
    if not opens_first(server):
        assert server.websocket([("Origin", STRANGER)]).status == 403
        lost = server.websocket([("Origin", FRIEND)], target=f"{WEBSOCKET}&lost=1")
        assert (lost.status, json.loads(lost.body)["message"]) == (403, "Lost again")
        return
    assert refused_websocket(server, STRANGER, WEBSOCKET) == ("Forbidden", 1008)
    assert refused_websocket(server, FRIEND, f"{WEBSOCKET}&lost=1") == ("Lost again", 1008)


def test_a_stray_websocket_fails_at_once(server, run_clients):
    outcomes = run_clients(
        *(
            page(
                server.url,
                origin,
                transports=["websocket"],
                addTrailingSlash=False,
                timeout=TIMEOUT_MS,
            )
            for origin in (FRIEND, STRANGER)
        )
    )
    assert not any(outcome.connected for outcome in outcomes)
    assert max(outcome.elapsed_ms for outcome in outcomes) < AT_ONCE_MS


def refused_websocket(server, origin, target):
    """The message in the packet, and the code in the close frame, of a WebSocket that opens."""
    url = f"ws://127.0.0.1:{server.port}{target}"
    connection = websocket.create_connection(url, origin=origin, timeout=5)
    packet = connection.recv()
    opcode, payload = connection.recv_data()
    # websocket-client has answered the close frame, and nothing follows: least of all another one.
    assert connection.sock.recv(100) == b""
    connection.shutdown()
    # No Engine.IO packet has this type: a client fails at it, and would wait at a mere close.
    assert packet[0] == "7"
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    return json.loads(packet[1:])["message"], int.from_bytes(payload[:2], "big")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["eventlet", *OPENS_FIRST])
def test_real_browsers_notice_at_once_that_their_websocket_is_refused(serve, pages, engine, kind):
    require(engine)
    server = serve(CONFIG, server=kind)
    with Browser(engine, f"{pages.url}/?{urlencode({'server': server.url})}"):
        report = pages.reports.get(timeout=BROWSER_SECONDS)
    assert report["outcome"] in ("websocket error", "server error")
    assert report["elapsed"] < AT_ONCE_MS


@pytest.mark.parametrize("kind", OPENS_FIRST)
def test_a_refused_client_that_stays_silent_is_let_go(serve, kind):
    server = serve(CONFIG, server=kind)
    head = compose("GET", WEBSOCKET, [*UPGRADE, ("Origin", STRANGER)], port=server.port)
    statuses, _ = exchanged(server, head)
    assert statuses == [101]


# --- What refusals leave behind ---------------------------------------------------------------


def test_the_body_of_a_refused_post_is_never_taken_for_a_request(server):
    smuggled = compose("GET", "/api", port=server.port)
    refused = compose(
        "POST",
        POLLING,
        [("Origin", STRANGER), ("Connection", "keep-alive")],
        smuggled,
        port=server.port,
    )
    following = compose("GET", "/_ready", port=server.port)
    statuses, answers = exchanged(server, refused + following)
    assert statuses in ([403], [403, 200])
    assert b"Flask has seen" not in answers


def exchanged(server, requests):
    """The status of each response on a connection that carries all these bytes, and everything.

    It ends when the server ends it.
    """
    answers = b""
    address = ("127.0.0.1", server.port)
    # A server that closes without reading a body resets the connection.
    with socket.create_connection(address, timeout=5) as connection, suppress(ConnectionError):
        connection.sendall(requests)
        while received := connection.recv(65536):
            answers += received
    return [int(status) for status in re.findall(rb"HTTP/1\.. (\d{3})", answers)], answers


def test_refused_websockets_leave_no_socket_open(server):
    before = open_files(server)
    for _ in range(25):
        with suppress(websocket.WebSocketException):
            websocket.create_connection(
                f"ws://127.0.0.1:{server.port}{WEBSOCKET}", origin=STRANGER, timeout=5
            ).shutdown()
    wait_until(lambda: open_files(server) < before + 5)


def open_files(server):
    return int(server.run("import os\nanswer = len(os.listdir('/proc/self/fd'))"))
