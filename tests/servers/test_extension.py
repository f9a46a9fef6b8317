"""The extension object on a server that runs."""

from tests.support.clients import python_client

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
POLLING = "/socket.io/?EIO=4&transport=polling"


def test_reconfigure_takes_effect_on_a_running_server(serve):
    server = serve("app.config['SIO_CORS_ORIGINS'] = 'https://friend.example'")
    assert python_client(server.url, FRIEND).connected
    assert not python_client(server.url, STRANGER).connected
    sid = server.request("GET", POLLING, [("Origin", FRIEND)]).sid
    server.configure("app.config['SIO_CORS_ORIGINS'] = 'https://stranger.example'")
    # A client that polls asks again; a connected WebSocket does not (servers/test_transports.py).
    assert server.request("GET", f"{POLLING}&sid={sid}", [("Origin", FRIEND)]).status == 403
    assert not python_client(server.url, FRIEND).connected
    assert python_client(server.url, STRANGER).connected
