"""Sessions end when their page is let in no more: on each server, on each transport, for good."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import websocket

from tests.support.clients import node, page, staying_client
from tests.support.harness import Server, wait_until
from tests.support.raw_http import POLLING

GONE = "https://gone.example"
GONE_BY_WILDCARD = "https://app.gone-too.example"
STAYS = "https://stays.example"
LISTED = "https://listed.example"
ASKED = "https://asked.example"

CONFIG = f"""
app.asked = {{"{ASKED}"}}
app.config["SIO_CORS_CALLBACK_TIMEOUT"] = 20
app.config["SIO_CORS_ORIGINS"] = ["{LISTED}", app.asked.__contains__]
app.config["SIO_CORS_CALLBACK_CACHE"] = 0
"""
AFTER = """
    import time
    from flask import request
    from flask_socketio import SocketIO, join_room
    from flask_sio_cors.door.doors import doors_of
    from flask_sio_cors.origins.live import LiveOrigins

    second = SocketIO(app, path="/second/socket.io", async_mode=socketio.async_mode)
    second.on_event("connect", lambda: None)
    app.extensions["socketio"] = socketio
    app.live = LiveOrigins()
    app.left = []
    doors = doors_of(app)
    apply = doors.apply
    doors.apply = lambda options, live: apply(options, {"default": app.live})
    cors.reconfigure(app)

    @socketio.on("connect")
    def connect():
        join_room("all")

    @socketio.on("disconnect")
    def disconnect(reason):
        app.left.append((request.environ.get("HTTP_ORIGIN", ""), reason))
        hold("disconnect")

    # Whoever comes to a place that is held waits there.
    app.held, app.arrived = set(), []

    def hold(place):
        app.arrived.append(place)
        while place in app.held:
            socketio.sleep(0.02)

    def allow_request(request):
        hold("allow_request")
        return True

    app.allow_request, generate_id = allow_request, socketio.server.eio.generate_id

    def hold_and_generate():
        hold("between guard and session")
        return generate_id()

    socketio.server.eio.generate_id = hold_and_generate
"""
MEMBERS = "answer = len(socketio.server.manager.rooms.get('/', {}).get('all', ()))"
OPEN = "answer = sum(not one.closed for one in socketio.server.eio.sockets.values())"

SERVERS = [
    "eventlet",
    "gevent",
    "gevent, simple-websocket",
    "threading",
    "flask run",
    "gunicorn",
    "gunicorn eventlet",
    "gunicorn gevent",
    "gunicorn gevent, simple-websocket",
]


@pytest.fixture(params=SERVERS)
def server(serve, request):
    return fresh(serve, request.param)


@pytest.fixture(params=["eventlet", "gevent", "threading"])
def one_of_a_kind(serve, request):
    return fresh(serve, request.param)


def fresh(serve, kind: str) -> Server:
    server = serve(CONFIG, after=AFTER, server=kind)
    server.run(f"""
        app.left.clear()
        app.arrived.clear()
        app.held.clear()
        for text in ["{GONE}", "https://*.gone-too.example", "{STAYS}"]:
            app.live.add(text)
    """)
    server.configure(CONFIG)
    return server


def left(server: Server) -> list[list[str]]:
    return json.loads(server.run("import json\nanswer = json.dumps(app.left)"))


def answered(server: Server, source: str) -> int:
    return int(server.run(source))


class Stubborn:
    """A WebSocket whose client hears no farewell; `speaks` on when it should have gone."""

    def __init__(self, server: Server, origin: str, mount: str = "/socket.io/") -> None:
        url = f"ws://127.0.0.1:{server.port}{mount}?EIO=4&transport=websocket"
        self.connection = websocket.create_connection(url, origin=origin, timeout=20)
        self.connection.recv()
        self.connection.send("40")
        assert self.connection.recv().startswith("40")

    def speak(self) -> None:
        # The server may have cut the connection, which ends it as well.
        with suppress(OSError, websocket.WebSocketException):
            self.connection.send("40")
            self.connection.send('42["echo","still here"]')

    def heard_until_the_end(self) -> bytes:
        heard = b""
        with suppress(ConnectionError):
            while received := self.connection.sock.recv(65536):
                heard += received
        return heard

    def close(self) -> None:
        self.connection.shutdown()


def test_they_end_and_stay_ended_and_all_others_stay(server, run_clients, stack):
    gone = [
        stack.enter_context(staying_client(server.url, origin, transports=transports))
        for origin, transports in [
            (GONE, ["polling"]),
            (GONE, ["websocket"]),
            (GONE_BY_WILDCARD, ["polling", "websocket"]),
        ]
    ]
    stubborn = [Stubborn(server, GONE) for _ in range(2)]
    for one in stubborn:
        stack.callback(one.close)
    staying = [
        stack.enter_context(staying_client(server.url, origin, transports=transports))
        for origin in (STAYS, LISTED, ASKED, server.url, None)
        for transports in (["polling"], ["polling", "websocket"])
    ]
    wait_until(lambda: answered(server, MEMBERS) == len(gone) + len(stubborn) + len(staying))
    assert {client.transport() for client in gone} == {"polling", "websocket"}

    begun = time.monotonic()
    server.run(f'app.live.discard("{GONE}")\napp.live.discard("https://*.gone-too.example")')
    wait_until(lambda: answered(server, MEMBERS) == len(staying))
    # One goes on speaking, the other one is silent; both are cut.
    stubborn[0].speak()
    for one in stubborn:
        heard = one.heard_until_the_end()
        assert b"40{" not in heard
        assert b"still here" not in heard
    for client in gone:
        assert client.left.wait(20)
    assert time.monotonic() - begun < 20

    assert [client.call("echo", "hello", timeout=20) for client in staying] == (
        ["hello"] * len(staying)
    )
    assert answered(server, MEMBERS) == answered(server, OPEN) == len(staying)
    assert sorted(left(server)) == sorted(
        [origin, "server disconnect"] for origin in [GONE] * 4 + [GONE_BY_WILDCARD]
    )
    outcomes = run_clients(
        node(server.url, GONE), page(server.url, GONE_BY_WILDCARD), node(server.url, STAYS)
    )
    assert [outcome.connected for outcome in outcomes] == [False, False, True]
    assert "KeyError" not in server.log()


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("place", ["allow_request", "between guard and session"])
def test_a_handshake_that_waits_meanwhile_does_not_live_on(one_of_a_kind, place, transport):
    server = one_of_a_kind
    server.configure(f"{CONFIG}\napp.config['SIO_CORS_ALLOW_REQUEST'] = app.allow_request")
    server.run(f"app.held.add({place!r})")
    ask = server.request if transport == "polling" else server.websocket
    wanted = (
        ("GET", POLLING, [("Origin", GONE)]) if transport == "polling" else ([("Origin", GONE)],)
    )
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, *wanted)
        wait_until(lambda: place in server.run("answer = repr(app.arrived)"))
        server.run(f"app.live.discard({GONE!r})\napp.held.clear()")
        answer = waiting.result()
    # gevent-websocket has opened it before it asked anybody, and closes it again.
    was_opened = (server.description.server, transport) == ("gevent", "websocket")
    assert answer.status == (101 if was_opened else 403)
    assert "Access-Control-Allow-Origin" not in dict(answer.headers)
    wait_until(lambda: f"Refused (origin-not-allowed): {GONE!r}" in server.log())
    assert b"sid" not in answer.body
    assert answered(server, OPEN) == 0
    assert answered(server, "answer = len(socketio.server.environ)") == 0


def test_reconfigure_ends_those_whom_it_keeps_out_and_asks_functions(one_of_a_kind, stack):
    server = one_of_a_kind
    clients = {
        origin: stack.enter_context(staying_client(server.url, origin, transports=["websocket"]))
        for origin in (LISTED, ASKED, GONE, server.url, None)
    }
    server.run(f"app.asked.clear()\napp.live.discard({GONE!r})")
    assert clients[GONE].left.wait(20)
    # What a function has said is not asked for again, until the whole configuration is read anew.
    assert clients[ASKED].call("echo", "hello", timeout=20) == "hello"
    server.configure("app.config['SIO_CORS_ORIGINS'] = [app.asked.__contains__]")
    assert clients[LISTED].left.wait(20)
    assert clients[ASKED].left.wait(20)
    for origin in (server.url, None):
        assert clients[origin].call("echo", "hello", timeout=20) == "hello"
    server.run(f"app.asked.add({ASKED!r})")


def test_handlers_that_take_their_time_hold_up_nobody(one_of_a_kind, stack):
    server = one_of_a_kind
    stubborn = [Stubborn(server, GONE) for _ in range(20)]
    for one in stubborn:
        stack.callback(one.close)
    server.run("app.held.add('disconnect')")
    server.run(f"app.live.discard({GONE!r})")
    for one in stubborn:
        assert b"hello" not in one.heard_until_the_end()
    server.run("socketio.emit('echo', 'hello')\napp.held.clear()")
    wait_until(lambda: answered(server, MEMBERS) == 0)
    wait_until(lambda: left(server) == [[GONE, "server disconnect"]] * len(stubborn))


def test_they_end_on_every_server_of_the_application(one_of_a_kind, stack):
    server = one_of_a_kind
    both = [Stubborn(server, GONE, mount) for mount in ("/socket.io/", "/second/socket.io/")]
    for one in both:
        stack.callback(one.close)
    server.run(f"app.live.discard({GONE!r})")
    for one in both:
        one.heard_until_the_end()
