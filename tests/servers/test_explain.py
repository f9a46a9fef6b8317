"""What ``flask sio-cors explain`` foretells is what a server does to a client."""

import http.client
from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIO, emit

from flask_sio_cors import SioCors
from tests.conftest import RunClients
from tests.support.broken_servers import serving
from tests.support.clients import page
from tests.support.questions import (
    COOKIES,
    CREDENTIALS,
    FRIEND,
    LISTED,
    MENDED,
    STRANGER,
    application,
    run_json,
)

#: What a client's options cannot ask for, and what is judged by another host than a test's.
NOT_A_CLIENTS = ("--method", "--host")
CONNECTED = {name: case for name, case in MENDED.items() if not set(NOT_A_CLIENTS) & set(case[1])}


@pytest.mark.parametrize(
    ("config", "arguments"), [c[:2] for c in CONNECTED.values()], ids=CONNECTED
)
def test_the_lines_that_explain_prints_let_a_client_connect(
    config: dict[str, object], arguments: list[str], run_clients: RunClients
) -> None:
    lines = "\n".join(run_json(application(**config), "explain", *arguments)["lines"])
    origin, *words = arguments
    options: dict[str, object] = {"withCredentials": CREDENTIALS in words}
    names = [words[n + 1] for n, word in enumerate(words) if word == "--header"]
    options["extraHeaders"] = dict.fromkeys((name.partition(":")[0] for name in names), "1")
    if "websocket" in words:
        options["transports"] = ["websocket"]
    with serving(chat(config)) as before, serving(chat(config, lines)) as after:
        urls = [f"http://127.0.0.1:{port}" for port in (before, after)]
        refused, let_in = run_clients(*(page(url, origin, **options) for url in urls))
    assert not refused.connected
    assert let_in.connected, let_in


SHOWN = {
    "GET": (COOKIES, []),
    "preflight": ({**COOKIES, "SIO_CORS_MAX_AGE": 600}, ["--header", "X-Token"]),
    "every origin": ({"SIO_CORS_ORIGINS": "*", "SIO_CORS_EXPOSE_HEADERS": "*"}, []),
    "WebSocket": (LISTED, ["--transport", "websocket"]),
}


@pytest.mark.parametrize(("config", "options"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("origin", [FRIEND, STRANGER])
def test_the_headers_that_explain_prints_are_those_that_a_server_sends(
    config: dict[str, object], options: list[str], origin: str
) -> None:
    steps = run_json(application(**config), "explain", origin, *options)["requests"]
    with serving(chat(config)) as port:
        for step in steps:
            asked = {"Origin": origin}
            if "websocket" in step["request"]:
                key = {
                    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                    "Sec-WebSocket-Version": "13",
                }
                asked |= {"Upgrade": "websocket", "Connection": "Upgrade", **key}
            if step["outcome"] == "preflight" or step["request"].startswith("OPTIONS"):
                asked |= {
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "x-token",
                }
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(*step["request"].split(), headers=asked)
            response = connection.getresponse()
            sent = [pair for pair in response.getheaders() if is_told(pair[0])]
            response.close()
            connection.close()
            assert sorted(sent) == sorted(map(tuple, step["headers"]))


def is_told(name: str) -> bool:
    return name.lower().startswith("access-control-") or name in ("Vary", "Cache-Control")


def chat(config: dict[str, object], lines: str = "") -> Any:
    """An application with this configuration, and these lines pasted below it."""
    app = Flask("chat")
    app.config.update(config)
    exec(lines, {"app": app})
    socketio = SocketIO(app, async_mode="threading")

    @socketio.on("echo")
    def echo(words: str) -> str:
        emit("echo", words)
        return words

    socketio.on_event("whoami", lambda: "nobody")
    SioCors(app)
    return app.wsgi_app
