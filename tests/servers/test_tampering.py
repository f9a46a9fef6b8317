"""A proxy that removes or replaces the Origin header is named in the log, and nobody else is."""

import subprocess
from urllib.parse import urlsplit

import pytest
import websocket

from tests.support.clients import node, python_client, unaided_python_client
from tests.support.nginx import PASS, nginx
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose, exchange

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

#: What browsers send with a WebSocket, as it came from each.
CHROMIUM = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0"),
    ("Accept-Language", "en-GB,en;q=0.9"),
]
FIREFOX = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept-Language", "en-GB,en;q=0.5"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "websocket"),
]
#: What Node.js's own WebSocket sends.
NODES_OWN = [
    ("Accept", "*/*"),
    ("Accept-Language", "*"),
    ("Sec-Fetch-Mode", "websocket"),
    ("User-Agent", "node"),
]
SITE = "Sec-Fetch-Site"

REMOVED = "A browser's WebSocket came without an Origin header"
REPLACED = "a proxy in front of this server seems to write the server's own origin"

PASSING = f"location / {{ {PASS} }}"
REMOVING = f'location / {{ proxy_set_header Origin ""; {PASS} }}'
REPLACING = f"location / {{ proxy_set_header Origin http://$http_host; {PASS} }}"
KINDS = ["eventlet", "gevent", "gevent, simple-websocket", "threading"]


@pytest.fixture(params=KINDS)
def server(request, serve):
    server = serve(server=request.param)
    server.configure(f"app.config['SIO_CORS_ORIGINS'] = [{FRIEND!r}]")
    server.run("app.extensions['sio_cors_doors'].journal.__init__()")
    return server


@pytest.fixture
def logged(server):
    """A function that returns what was logged since the test began."""
    start = len(server.log())

    def logged():
        # Some servers shake hands before they ask whether they may; they answer one after another.
        server.run("pass")
        return server.log()[start:]

    return logged


def ask(url, headers, target=WEBSOCKET, upgrade=UPGRADE):
    address = urlsplit(url)
    own = [("Host", address.netloc), *upgrade, *headers]
    return exchange(address.port, compose("GET", target, own, port=address.port))


@pytest.mark.parametrize(
    "headers",
    [
        [*CHROMIUM, ("Origin", STRANGER)],
        [*FIREFOX, (SITE, "cross-site"), ("Origin", STRANGER)],
        [*FIREFOX, (SITE, "same-origin"), ("Origin", FRIEND)],
    ],
    ids=["Chromium", "Firefox", "Firefox, own page"],
)
def test_a_proxy_that_removes_the_origin_is_named_once(server, logged, tmp_path, headers):
    with nginx(REMOVING, server.port, tmp_path) as url:
        for _ in range(2):
            ask(url, headers)
    log = logged()
    assert log.count(REMOVED) == 1 + log.count("Refused (cross-site-without-origin)")
    assert 'nginx: proxy_set_header Origin "";' in log


def test_a_refusal_of_such_a_websocket_does_not_speak_of_scripts_and_images(
    server, logged, tmp_path
):
    with nginx(REMOVING, server.port, tmp_path) as url:
        ask(url, [*FIREFOX, (SITE, "cross-site"), ("Origin", STRANGER)])
    refusal = logged().partition("Refused (cross-site-without-origin)")[2]
    assert REMOVED in refusal
    assert "images" not in refusal


def test_a_proxy_that_passes_it_on_is_not_named(server, logged, tmp_path):
    with nginx(PASSING, server.port, tmp_path) as url:
        elsewhere = [(FRIEND, "cross-site"), (STRANGER, "cross-site")]
        for origin, site in [*elsewhere, (url, "same-origin")]:
            ask(url, [*CHROMIUM, ("Origin", origin)])
            ask(url, [*FIREFOX, (SITE, site), ("Origin", origin)])
    assert REMOVED not in logged()
    assert REPLACED not in logged()


@pytest.mark.parametrize("config", [PASSING, REMOVING], ids=["passing", "removing"])
def test_what_is_no_browser_is_not_taken_for_one(server, logged, tmp_path, run_clients, config):
    with nginx(config, server.port, tmp_path) as url:
        quiet = {"suppress_origin": True}
        unaided = unaided_python_client(url, quiet, transports=["websocket"])
        address = f"ws{url[4:]}{WEBSOCKET}"
        websocket.create_connection(address, **quiet).close(timeout=0.1)
        [in_node] = run_clients(node(url, transports=["websocket"]))
        in_python = python_client(url)
        assert ask(url, NODES_OWN).status == 101
        upgrade = [word for name, value in UPGRADE for word in ("-H", f"{name}: {value}")]
        curl = ["curl", "--silent", "--max-time", "0.5", *upgrade, f"{url}{WEBSOCKET}"]
        subprocess.run(curl, capture_output=True, timeout=20)
    assert all(client.connected for client in (unaided, in_node, in_python))
    assert REMOVED not in logged()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("target", "upgrade"), [(WEBSOCKET, UPGRADE), (POLLING, [])], ids=["WebSocket", "polling"]
)
def test_a_proxy_that_writes_the_own_origin_is_named_where_the_browser_contradicts_it(
    server, logged, tmp_path, target, upgrade, site
):
    with nginx(REPLACING, server.port, tmp_path) as url:
        headers = [*FIREFOX, (SITE, site), ("Origin", STRANGER)]
        ask(url, headers, target, upgrade)
    log = logged()
    assert "Refused (origin-not-allowed)" in log
    assert REPLACED in log
    assert "proxy_set_header Origin https://$http_host;" in log
    assert "to the list" not in log


def test_a_proxy_that_writes_the_own_origin_is_named_when_the_servers_own_page_polls(
    server, logged, tmp_path
):
    page = [*FIREFOX[:2], (SITE, "same-origin")]
    with nginx(REPLACING, server.port, tmp_path) as url:
        for _ in range(2):
            assert ask(url, page, POLLING, []).status == 200
    assert logged().count(REPLACED) == 1


def test_without_its_contradiction_no_proxy_is_suspected(server, logged):
    ask(server.url, [*FIREFOX, (SITE, "cross-site"), ("Origin", STRANGER)])
    ask(server.url, [*FIREFOX, (SITE, "same-origin"), ("Origin", server.url)])
    assert "Refused (origin-not-allowed)" in logged()
    assert REPLACED not in logged()
