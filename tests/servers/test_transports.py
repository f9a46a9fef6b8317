"""Real clients on a real eventlet server: every transport, allowed and refused."""

import pytest
import socketio

from tests.support.clients import node, page, python_client

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
each_transport = pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS)
each_client_in_node = pytest.mark.parametrize("client", [page, node])

# Clients in Node wait so long before they give up on a server that says nothing: socket.io-client's
# own default. Those in Python wait five seconds.
TIMEOUT_MS = 20_000
AT_ONCE_MS = 15_000

MANUAL = """
    app.config["SIO_CORS_ORIGINS"] = "https://friend.example"
    app.config["SIO_CORS_ALLOW_HEADERS"] = ["my-custom-header"]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
"""


@pytest.fixture(scope="module")
def server(serve):
    """The second example of Socket.IO's manual: one origin, a header of its own, cookies."""
    return serve(MANUAL)


@each_transport
@each_client_in_node
def test_a_client_in_node_of_an_allowed_origin_connects_and_is_answered(
    server, run_clients, client, transports
):
    [outcome] = run_clients(client(server.url, FRIEND, transports=transports))
    assert (outcome.connected, outcome.transport) == (True, transports[-1])
    assert (outcome.echo, outcome.echo_event) == ("hello", "hello")


@each_transport
@each_client_in_node
def test_a_client_in_node_of_another_origin_fails_at_once(server, run_clients, client, transports):
    [outcome] = run_clients(client(server.url, STRANGER, transports=transports, timeout=TIMEOUT_MS))
    assert not outcome.connected
    assert outcome.error["message"] in ("xhr poll error", "websocket error")
    assert outcome.elapsed_ms < AT_ONCE_MS


@each_transport
def test_a_python_client_connects_from_an_allowed_origin_and_without_one(server, transports):
    for origin in (FRIEND, None):
        outcome = python_client(server.url, origin, transports=transports)
        assert (outcome.connected, outcome.transport) == (True, transports[-1])
        assert (outcome.echo, outcome.echo_event) == ("hello", "hello")


@each_transport
def test_a_python_client_of_another_origin_fails_at_once(server, transports):
    outcome = python_client(server.url, STRANGER, transports=transports)
    assert not outcome.connected
    assert outcome.elapsed_ms < AT_ONCE_MS


def test_a_page_of_another_origin_learns_nothing_and_a_program_learns_403(server, run_clients):
    in_page, in_node = run_clients(page(server.url, STRANGER), node(server.url, STRANGER))
    assert in_page.console == (f"Cross origin {STRANGER} forbidden",)
    assert (in_page.error["status"], in_page.error["body"]) == (0, "")
    assert in_node.error["status"] == 403
    assert in_node.error["body"] == '{"code": 4, "message": "Forbidden"}'


@each_transport
def test_a_page_with_credentials_arrives_with_its_session(server, run_clients, transports):
    cookie = server.login("ada")
    [outcome] = run_clients(
        page(server.url, FRIEND, cookies=[cookie], withCredentials=True, transports=transports)
    )
    assert (outcome.connected, outcome.whoami) == (True, "ada")


def test_a_page_without_credentials_leaves_its_session_behind(server, run_clients):
    cookie = server.login("ada")
    [outcome] = run_clients(page(server.url, FRIEND, cookies=[cookie], transports=["polling"]))
    assert (outcome.connected, outcome.whoami) == (True, None)


def test_a_page_may_not_read_an_answer_to_credentials_that_the_server_does_not_support(
    serve, run_clients
):
    server = serve("app.config['SIO_CORS_ORIGINS'] = 'https://friend.example'")
    cookie = server.login("ada")
    [outcome] = run_clients(
        page(server.url, FRIEND, cookies=[cookie], withCredentials=True, timeout=TIMEOUT_MS)
    )
    assert not outcome.connected
    assert outcome.elapsed_ms < AT_ONCE_MS


@pytest.mark.parametrize(
    "transports", [TRANSPORTS["polling"], TRANSPORTS["upgrade"]], ids=["polling", "upgrade"]
)
def test_a_page_with_an_allowed_header_asks_a_preflight_and_sends_it(
    server, run_clients, transports
):
    [outcome] = run_clients(
        page(
            server.url,
            FRIEND,
            transports=transports,
            withCredentials=True,
            extraHeaders={"my-custom-header": "abcd"},
        )
    )
    assert (outcome.connected, outcome.transport) == (True, transports[-1])
    preflight = outcome.preflights[0]
    assert preflight.status == 204
    assert preflight.request_headers["access-control-request-headers"] == "my-custom-header"
    sent = [exchange for exchange in outcome.exchanges if exchange.method == "GET"]
    assert sent[0].request_headers["my-custom-header"] == "abcd"


def test_a_page_with_a_header_that_is_not_on_the_list_sends_nothing(server, run_clients):
    [outcome] = run_clients(
        page(server.url, FRIEND, extraHeaders={"X-Other": "1"}, timeout=TIMEOUT_MS)
    )
    assert not outcome.connected
    assert [exchange.method for exchange in outcome.exchanges] == ["OPTIONS"]
    assert outcome.elapsed_ms < AT_ONCE_MS


def test_a_page_of_another_origin_with_an_extra_header_is_refused_at_its_preflight(
    server, run_clients
):
    [outcome] = run_clients(
        page(server.url, STRANGER, extraHeaders={"my-custom-header": "1"}, timeout=TIMEOUT_MS)
    )
    assert [(exchange.method, exchange.status) for exchange in outcome.exchanges] == [
        ("OPTIONS", 403)
    ]
    assert outcome.elapsed_ms < AT_ONCE_MS


@each_transport
def test_a_page_of_the_servers_own_origin_needs_no_configuration(serve, run_clients, transports):
    server = serve()
    own, friend = run_clients(
        page(server.url, server.url, transports=transports),
        page(server.url, FRIEND, transports=transports, timeout=TIMEOUT_MS),
    )
    assert (own.connected, own.transport, own.echo) == (True, transports[-1], "hello")
    assert not friend.connected
    assert friend.elapsed_ms < AT_ONCE_MS


def test_a_connected_websocket_stays_when_its_origin_is_taken_off_the_list(serve):
    server = serve("app.config['SIO_CORS_ORIGINS'] = 'https://friend.example'", fresh=True)
    with socketio.SimpleClient(
        reconnection=False, websocket_extra_options={"origin": FRIEND}
    ) as client:
        client.connect(server.url, transports=["websocket"])
        server.configure("app.config['SIO_CORS_ORIGINS'] = 'https://else.example'")
        assert client.call("echo", "still here", timeout=5) == "still here"
    assert not python_client(server.url, FRIEND, transports=["websocket"]).connected


# Counts the calls of this project's functions, in all threads and greenlets of the server.
COUNT_CALLS = """
    import os, sys, threading
    import flask_sio_cors

    house = os.path.dirname(flask_sio_cors.__file__)
    calls = []

    def count(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(house):
            calls.append(frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else "")

    threading.setprofile(count)
    sys.setprofile(count)

    @socketio.on("calls")
    def number_of_calls():
        return len(calls)
"""


@pytest.mark.parametrize(
    ("kind", "transports"),
    [
        pytest.param("eventlet", TRANSPORTS["websocket"], id="eventlet, websocket"),
        pytest.param("eventlet", TRANSPORTS["upgrade"], id="eventlet, upgrade"),
        pytest.param("threading", TRANSPORTS["upgrade"], id="threading, upgrade"),
    ],
)
def test_messages_on_a_websocket_never_pass_through_this_project(serve, kind, transports):
    with (
        serve(MANUAL, after=COUNT_CALLS, server=kind, fresh=True) as server,
        socketio.SimpleClient(reconnection=False) as client,
    ):
        client.connect(server.url, transports=transports)
        assert client.transport == "websocket"
        before = client.call("calls", timeout=5)
        # The guard was seen in the greenlet or thread that reads the messages from now on.
        assert before > 0
        for number in range(20):
            assert client.call("echo", number, timeout=5) == number
        assert client.call("calls", timeout=5) == before
