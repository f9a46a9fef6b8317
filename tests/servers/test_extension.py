"""The extension in a process of its own: what it loads, and its object on a running server."""

import subprocess
import sys

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


def test_importing_the_package_loads_only_what_every_application_needs():
    program = (
        "import sys, flask_socketio; known = set(sys.modules); import flask_sio_cors;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - known}));"
        "print(*(name for name in sys.modules if name.startswith('flask_sio_cors.')))"
    )
    packages, modules = subprocess.check_output(
        [sys.executable, "-c", program], text=True
    ).splitlines()
    assert set(packages.split()) <= {"flask_sio_cors"}
    assert not {
        f"flask_sio_cors.{name}"
        for name in ("cli", "doctor", "origins.spelling", "origins.suffixes")
    } & {*modules.split()}
