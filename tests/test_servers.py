"""The same behaviour on every server that Flask-SocketIO supports."""

import json
import re
import socket
from contextlib import suppress

import pytest
import websocket

from tests.clients import node, page, python_client
from tests.harness import SERVERS, wait_until
from tests.raw_http import POLLING, WEBSOCKET, compose

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}

# What clients in Node wait for a server that says nothing; those in Python wait five seconds.
TIMEOUT_MS = 20_000
AT_ONCE_MS = 4_000

CONFIG = """
    from flask_socketio import ConnectionRefusedError

    def unless_lost(request):
        if "lost" in request.args:
            raise ConnectionRefusedError("Lost again")
        return True

    app.config["SIO_CORS_ORIGINS"] = ["https://friend.example"]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    app.config["SIO_CORS_ALLOW_REQUEST"] = unless_lost
"""

# These have said "101 Switching Protocols" before anybody is asked.
OPENS_FIRST = ("gevent", "gunicorn gevent")


@pytest.fixture(scope="module", params=list(SERVERS))
def server(serve, request):
    """One server of each kind, for all tests of this file."""
    return serve(CONFIG, server=request.param)


def opens_first(server):
    return server.description.server in OPENS_FIRST


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
    connection.shutdown()
    # No Engine.IO packet has this type: a client fails at it, and would wait at a mere close.
    assert packet[0] == "7"
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    return json.loads(packet[1:])["message"], int.from_bytes(payload[:2], "big")


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
    statuses, answers = pipelined(server, refused + following)
    assert statuses in ([403], [403, 200])
    assert b"Flask has seen" not in answers


def pipelined(server, requests):
    """The status of each response on a connection that carries all these bytes, and everything."""
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
