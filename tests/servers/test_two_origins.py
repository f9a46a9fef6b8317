"""Two Origin headers, as python-socketio sends them: the log says so, and what it advises works."""

import pytest
import websocket

from tests.support.clients import unaided_python_client
from tests.support.raw_http import WEBSOCKET

FRIEND = "https://friend.example"
HEADERS = {"Origin": FRIEND}
KINDS = ["eventlet", "gevent", "gevent, simple-websocket", "threading", "gunicorn"]
TWO = "Two Origin headers came, 'http://127.0.0.1:{}' and 'https://friend.example',"
#: What the sentence advises.
ALONE = {"suppress_origin": True}
WAYS = {
    "a list": f"app.config['SIO_CORS_ORIGINS'] = [{FRIEND!r}]",
    "every origin": "app.config['SIO_CORS_ORIGINS'] = True",
    "a function": f"app.config['SIO_CORS_ORIGINS'] = lambda origin: origin == {FRIEND!r}",
}


@pytest.fixture(params=KINDS)
def server(request, serve):
    server = serve(server=request.param)
    server.configure(WAYS["a list"])
    server.run("app.extensions['sio_cors_doors'].journal.__init__()")
    return server


@pytest.mark.parametrize("config", WAYS.values(), ids=WAYS)
def test_two_headers_are_named_with_both_values(server, config):
    server.configure(config)
    start = len(server.log())
    client = unaided_python_client(server.url, transports=["websocket"], headers=HEADERS)
    assert not client.connected
    log = server.log()[start:]
    assert log.count(TWO.format(server.port)) == 1
    assert "websocket_extra_options={'suppress_origin': True}" in log
    assert "no origin that a browser sends" not in log


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
def test_what_is_advised_to_python_socketio_works(server, transports):
    client = unaided_python_client(server.url, ALONE, transports=transports, headers=HEADERS)
    assert (client.transport, client.echo) == ("websocket", "hello")


def test_what_is_advised_to_websocket_client_works(server):
    connection = websocket.create_connection(
        f"ws{server.url[4:]}{WEBSOCKET}", header=HEADERS, suppress_origin=True
    )
    assert connection.recv().startswith("0")
    connection.close(timeout=0.1)


def test_a_program_that_sends_none_gets_in(server):
    assert unaided_python_client(server.url).transport == "websocket"
