"""What a refusal gives away, and what it leaves behind."""

import json
import socket
import time
from contextlib import suppress

import pytest
import requests

from tests.support.nginx import HOST, nginx
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose

STRANGER = "https://stranger.example"
CONFIG = "app.config['SIO_CORS_ORIGINS'] = ['https://internal.example']"
#: They answer 101 before the guard is asked: gevent-websocket.
OPENS_FIRST = ["gevent", "gunicorn gevent"]
#: What the guard gives a client to say good-bye, and some for a busy machine.
FAREWELL_SECONDS = 2 + 1.5


@pytest.mark.parametrize("kind", OPENS_FIRST)
def test_a_refused_client_that_never_pauses_is_let_go_in_time(serve, kind):
    server = serve(CONFIG, server=kind)
    head = compose("GET", WEBSOCKET, [*UPGRADE, ("Origin", STRANGER)], port=server.port)
    # Frames of one byte, masked with zeros (RFC 6455, section 5.2).
    frames = b"\x81\x81\0\0\0\0x" * 20_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head)
        connection.recv(65536)
        started = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - started < 2 * FAREWELL_SECONDS:
                connection.sendall(frames)
        assert time.monotonic() - started < FAREWELL_SECONDS


@pytest.mark.parametrize("kind", OPENS_FIRST)
def test_a_page_reads_no_explanation_where_the_websocket_is_open(serve, kind):
    server = serve(CONFIG, server=kind)
    server.run("app.debug = True")
    polled = server.request("GET", POLLING, [("Origin", STRANGER)])
    assert "SIO_CORS_ORIGINS" in json.loads(polled.body)["message"]
    head = compose("GET", WEBSOCKET, [*UPGRADE, ("Origin", STRANGER)], port=server.port)
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(head)
        with suppress(ConnectionError):
            while more := connection.recv(65536):
                received += more
    assert b'{"code": 4, "message": "Forbidden"}' in received
    assert b"SIO_CORS" not in received


def test_a_proxy_that_caches_every_status_keeps_no_refusal(serve, tmp_path):
    server = serve(CONFIG)
    location = f"location / {{ proxy_cache all; proxy_cache_valid any 1m; {HOST} proxy_pass UP; }}"
    kept = f"proxy_cache_path {tmp_path}/cache keys_zone=all:1m;"
    with nginx(location, server.port, tmp_path, kept) as url:
        asked = [
            requests.get(f"{url}{POLLING}", headers={"Sec-Fetch-Site": site}, timeout=5)
            for site in ("cross-site", "same-origin")
        ]
    assert [answer.status_code for answer in asked] == [403, 200]
    assert asked[0].headers["Cache-Control"] == "no-store"
