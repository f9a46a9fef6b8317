"""The blocks of the page on proxies; those for nginx run in `servers/test_behind_proxies.py`."""

from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.test import Client

from flask_sio_cors import SioCors
from flask_sio_cors.door.hidden import Clue
from tests.door.test_hidden import asked, refused
from tests.support.pages import block, blocks

PAGE = "docs/proxy.md"
CHAT, HOST = "https://chat.example.com", "chat.example.com"
HTTPS = {"x_forwarded_proto": "https"}
#: The requests that are refused, in the page's order.
REFUSED = [
    (CHAT, asked(HOST), None),
    (f"{CHAT}:8443", asked(HOST, **HTTPS, x_real_ip="203.0.113.7"), None),
    (CHAT, asked(HOST, x_forwarded_proto="http"), None),
    (CHAT, asked("127.0.0.1:5000"), Clue.BROWSER),
    (CHAT.replace("https", "http"), asked("127.0.0.1:5000"), None),
    (CHAT, asked(HOST, forwarded=f"host={HOST};proto=https"), None),
    (
        CHAT,
        asked(
            "127.0.0.1:5000", scheme="https", fixed="127.0.0.1:5000", x_forwarded_host=HOST, **HTTPS
        ),
        None,
    ),
    (
        CHAT,
        asked(
            HOST,
            x_forwarded_proto="http",
            x_forwarded_host=HOST,
            x_forwarded_port="80",
            x_forwarded_server="proxy",
        ),
        None,
    ),
]


SHOWN = blocks(PAGE, "text")


def test_each_refusal_that_the_page_shows_is_compared():
    assert len(SHOWN) == len(REFUSED)


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_refusal_looks_as_the_page_shows_it(number):
    origin, environ, clue = REFUSED[number]
    told = refused(origin, environ, clue=clue)[1]
    assert " ".join(SHOWN[number].split()) == told


def status(app: Flask, **headers: str) -> int:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    target = "/socket.io/?EIO=4&transport=polling"
    return Client(app.wsgi_app).get(target, headers={"Origin": CHAT, **given}).status_code


PROXIED = {"Host": "127.0.0.1:5000", "X_Forwarded_Host": HOST, "X_Forwarded_Proto": "https"}


@pytest.mark.parametrize("is_first", [False, True], ids=["below SioCors", "above SioCors"])
def test_the_proxy_fix_outside_applies_what_the_proxy_says(is_first):
    scope: dict[str, Any] = {"__name__": "page"}
    program = block(PAGE, "ProxyFix(app.wsgi_app")
    if is_first:
        program = program.replace("SioCors(app)\n", "") + "SioCors(app)\n"
    exec(program.replace("SocketIO(app)", "SocketIO(app, async_mode='threading')", 1), scope)
    app = scope["app"]
    assert status(app, **PROXIED) == 200
    # Of two values, that of the proxy next to the server; no raw header counts.
    assert status(app, **PROXIED | {"X_Forwarded_Host": f"{HOST}, evil.example"}) == 403


def test_where_the_origin_is_named_no_header_is_needed():
    app = Flask("page")
    exec(block(PAGE, "OWN_ORIGINS"), {"app": app})
    SocketIO(app, async_mode="threading")
    SioCors(app)
    assert status(app) == 200
    assert status(app, Origin="https://evil.example") == 403
