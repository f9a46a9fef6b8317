"""While nothing is enforced, answers do not differ by a byte, and who asks is kept.

One process has, for each form of ``cors_allowed_origins``, the application as it was (``plain``),
and some that are looked at (``list``, ``function``, ``own``), each below a path of its own.
"""

import json
import re
import socket
from textwrap import dedent

import pytest

from tests.servers.test_parity import FRIEND, KINDS, ORIGINS
from tests.support import raw_http
from tests.support.clients import page, python_client
from tests.support.harness import wait_until
from tests.support.raw_http import POLLING, UPGRADE

SERVERS = ["eventlet", "threading"]
STRANGER = ORIGINS["a stranger"]

#: What Engine.IO is told.
FORMS = {
    "nothing": "{}",
    "everybody": "{'cors_allowed_origins': '*'}",
    "everybody-without": "{'cors_allowed_origins': '*', 'cors_credentials': False}",
    "everything": "{'cors_allowed_origins': []}",
    "list": f"{{'cors_allowed_origins': ['{FRIEND}', 'null']}}",
    "function": f"{{'cors_allowed_origins': lambda origin, environ: origin == '{FRIEND}'}}",
}
REPORT_ONLY = "SIO_CORS_REPORT_ONLY=True"
#: How an application is looked at.
WATCHED = {
    "list": f"""
        SIO_CORS_ORIGINS=["{FRIEND}", "https://*.friend.example"],
        SIO_CORS_SUPPORTS_CREDENTIALS=True,
        SIO_CORS_PREFLIGHT_CONTINUE=True,
        SIO_CORS_EXPOSE_HEADERS="X-One",
        SIO_CORS_MAX_AGE=600,
        SIO_CORS_ALLOW_REQUEST=never,
    """,
    "function": "SIO_CORS_ORIGINS=decide, SIO_CORS_CALLBACK_CACHE=0",
    "own": "SIO_CORS_OWN_ORIGINS='https://app.example', CORS_ORIGINS='*'",
}
#: Requests that miss the server, beside those of the grid.
STRAY = {
    "without the slash": ("GET", "/socket.io?EIO=4&transport=polling", []),
    "elsewhere": ("OPTIONS", "/elsewhere/?EIO=4&transport=polling", KINDS["preflight"][2]),
    "a route": ("GET", "/api", []),
    "logged in": ("GET", POLLING, [("Cookie", "session=forged"), ("Authorization", "Bearer x")]),
}

APPLICATIONS = """
import tempfile, threading
from flask import Flask, request, session
from flask_socketio import SocketIO, emit
from flask_sio_cors import SioCors, request_refused
from werkzeug.middleware.dispatcher import DispatcherMiddleware

app.asked, app.heard, app.allow_requests = [], [], []

def never(request):
    app.allow_requests.append(request.path)
    raise AssertionError("nobody is asked about handshakes")

def decide(origin):
    app.asked.append(origin)
    return origin == "https://friend.example"

def hear(sender, **told):
    if "slow" in sender.name:
        while not app.may_go_on.is_set():
            socketio.sleep(0.01)
    app.heard.append((sender.name, told["origin"], told["reason"].value, told["enforced"]))

request_refused.connect(hear, weak=False)
app.may_go_on = threading.Event()

def make(name, options, **config):
    made = Flask(name, instance_path=tempfile.mkdtemp())
    made.secret_key = "for tests"
    made.config.update(config)
    server = SocketIO(made, async_mode=socketio.async_mode, **options)
    server.on("echo")(lambda words: emit("echo", words) or words)
    server.on("whoami")(lambda: session.get("user"))
    made.add_url_rule("/login", "login", lambda: session.update(user="ada") or "")
    made.add_url_rule("/api", "api", lambda: "the application")
    if config:
        SioCors(made)
    mounted["/" + name] = app.made[name] = made

mounted, app.made = {}, {}
"""


def applications():
    names = {"plain": "", **{name: f"{REPORT_ONLY}, {how}" for name, how in WATCHED.items()}}
    made = [
        f"make('{form}-{name}', {options}, {config})"
        for form, options in FORMS.items()
        for name, config in names.items()
    ]
    everybody = FORMS["everybody"]
    more = [
        f"make('slow', {everybody}, {REPORT_ONLY}, SIO_CORS_CALLBACK_TIMEOUT=60)",
        f"make('kept', {everybody}, {REPORT_ONLY}, {WATCHED['list']})",
    ]
    mount = "app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounted)"
    return "\n".join([dedent(APPLICATIONS), *map(dedent, [*made, *more]), mount])


@pytest.fixture(scope="module")
def running(serve):
    """A function that returns the process of this server."""
    return lambda server: serve(server=server, plain=True, after=applications())


def answer(running, mount, kind, origin):
    """What a request is answered."""
    method, target, headers = kind
    if origin is not None:
        headers = [*headers, ("Origin", origin.format(port=running.port))]
    raw = raw_http.compose(method, f"/{mount}{target}", headers, port=running.port)
    response = raw_http.exchange(running.port, raw)
    return comparable(response)


def comparable(response):
    """A response byte for byte, but for what differs each time."""
    return nameless(response.head + response.body)


def nameless(told):
    """Bytes of an answer without its date and the names of sessions."""
    told = re.sub(rb"(?m)^Date: .*\r\n", b"", told)
    # In the page's own text, in a script, in an error.
    return re.sub(rb"(?<![\w-])[\w-]{20}(?![\w-])", b"sid", told)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("form", FORMS)
def test_no_answer_differs_by_a_byte(running, server, form):
    process = running(server)
    for kind in {**KINDS, **STRAY}.values():
        for origin in ORIGINS.values():
            plain = answer(process, f"{form}-plain", kind, origin)
            for name in WATCHED:
                assert answer(process, f"{form}-{name}", kind, origin) == plain, (kind, origin)


def conversation(running, mount, origin):
    """What a session is answered from its beginning to its end, and a WebSocket's."""
    headers = [("Origin", origin), ("Cookie", "session=forged")]
    target = f"/{mount}{POLLING}"
    opened = running.request("GET", target, headers)
    with_sid = f"{target}&sid={opened.sid}" if opened.status == 200 else target
    answers = [
        running.request("POST", with_sid, headers, b"40"),
        running.request("GET", with_sid, headers),
        running.request("POST", with_sid, headers, b'420["echo","hello"]'),
        running.request("GET", with_sid, headers),
        running.request("POST", with_sid, headers, b"1"),
        running.request("GET", with_sid, headers),
    ]
    websocket = f"/{mount}/socket.io/?EIO=4&transport=websocket"
    answers.append(running.request("GET", websocket, [*UPGRADE, *headers]))
    return [comparable(one) for one in answers]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("form", ["everybody", "list"])
def test_no_conversation_differs_by_a_byte(running, server, form):
    process = running(server)
    for origin in (FRIEND, STRANGER, process.url):
        plain = conversation(process, f"{form}-plain", origin)
        for name in WATCHED:
            assert conversation(process, f"{form}-{name}", origin) == plain


#: Requests as no page sends them, each to its end. `{}` are their path's beginning and headers.
_CHUNKED = "Transfer-Encoding: chunked\r\n\r\n2;odd=x\r\n40\r\n0\r\nTrailer: x\r\n\r\n"
_LONG = "".join(f"X-{number}: {'x' * 100}\r\n" for number in range(60))
ODD = {
    "HTTP/1.0": "GET {path}&transport=polling HTTP/1.0\r\n{headers}\r\n",
    "many headers": "GET {path}&transport=polling HTTP/1.1\r\n{headers}" + _LONG + "\r\n",
    "pipelined": "OPTIONS {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"
    "PROPFIND {path}&transport=polling HTTP/1.1\r\n{headers}\r\n",
    "chunked": "POST {path}&sid=unknown HTTP/1.1\r\n{headers}" + _CHUNKED,
    "JSONP": "POST {path}&sid=unknown&j=1 HTTP/1.1\r\n{headers}Content-Length: 4\r\n\r\nd=40",
    "no WebSocket": "GET {path}&transport=websocket HTTP/1.1\r\n{headers}Upgrade: h2c\r\n\r\n",
}


def answered(running, mount, odd, origin):
    """All that the server sends until it hangs up."""
    headers = f"Host: 127.0.0.1:{running.port}\r\nConnection: close\r\nOrigin: {origin}\r\n"
    raw = odd.replace("{path}", f"/{mount}/socket.io/?EIO=4").replace("{headers}", headers)
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        connection.sendall(raw.encode())
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    return nameless(told)


def frames(running, mount, origin, code):
    """What a WebSocket is sent, from its handshake to the farewell that answers its own."""
    headers = [*UPGRADE, ("Origin", origin)]
    target = f"/{mount}/socket.io/?EIO=4&transport=websocket"
    said = [
        (raw_http.compose("GET", target, headers, port=running.port), b"pingInterval"),
        (frame(1, b"40"), b"40{"),
        (frame(1, b'420["echo","hello"]'), b"430"),
        (frame(9, b"still there?"), b"still there?"),
        (frame(8, code.to_bytes(2, "big")), b"\x88"),
    ]
    told = b""
    with socket.create_connection(("127.0.0.1", running.port), 30) as connection:
        for words, awaited in said:
            connection.sendall(words)
            come = b""
            while awaited not in come:
                come += connection.recv(65536)
            told += come
    return nameless(told)


def frame(kind, payload):
    """A masked frame of RFC 6455, section 5.2; the mask is of zeros."""
    return bytes([0x80 | kind, 0x80 | len(payload)]) + bytes(4) + payload


@pytest.mark.parametrize("server", [*SERVERS, "gevent"])
@pytest.mark.parametrize("form", ["everybody", "list"])
def test_no_odd_answer_and_no_frame_differs_by_a_byte(running, server, form):
    process = running(server)
    for origin in (FRIEND, STRANGER):
        for odd in ODD.values():
            plain = answered(process, f"{form}-plain", odd, origin)
            for name in WATCHED:
                assert answered(process, f"{form}-{name}", odd, origin) == plain, odd
    for code in (1000, 1001, 4000):
        plain = frames(process, f"{form}-plain", FRIEND, code)
        for name in WATCHED:
            assert frames(process, f"{form}-{name}", FRIEND, code) == plain


@pytest.mark.parametrize("server", SERVERS)
def test_the_same_clients_connect_with_their_cookies(running, run_clients, server):
    process = running(server)
    mounts = ["everybody-plain", "everybody-list", "everybody-function"]
    login = process.request("GET", "/everybody-plain/login").header("Set-Cookie")
    cookies = [login.partition(";")[0]]
    pages = [
        page(
            process.url, STRANGER, cookies=cookies, path=f"/{mount}/socket.io", withCredentials=True
        )
        for mount in mounts
    ]
    plain, *others = run_clients(*pages)
    assert (plain.connected, plain.whoami, plain.transport) == (True, "ada", "websocket")
    for other in others:
        assert (other.connected, other.whoami, other.transport) == (True, "ada", "websocket")
    program = python_client(process.url, STRANGER, cookies=cookies, path="everybody-list/socket.io")
    assert (program.whoami, program.transport) == ("ada", "websocket")


# --- What is kept -----------------------------------------------------------------------------


def kept(process, name):
    """What the command shows of an application's requests, as JSON."""
    source = f"""
        from flask_sio_cors.cli import flask_group
        made = app.made[{name!r}]
        answer = made.test_cli_runner().invoke(flask_group, ["observed", "--json"]).stdout
    """
    shown = json.loads(process.run(source))["observed"]
    return {(one["origin"], one["reason"]): one for one in shown}


def ask(process, name, origin, *headers, transport="polling"):
    upgrade = UPGRADE if transport == "websocket" else []
    target = f"/{name}/socket.io/?EIO=4&transport={transport}"
    asked = [*upgrade, *headers, *([("Origin", origin)] if origin else [])]
    return process.request("GET", target, asked).status


@pytest.mark.parametrize("server", SERVERS)
def test_who_asked_is_kept_and_how_it_would_be_judged(running, server):
    process, name = running(server), "kept"
    cookie = ("Cookie", "session=x")
    own, subdomain = process.url, "https://sub.friend.example"
    for origin in (FRIEND, STRANGER, own):
        assert ask(process, name, origin, cookie) == 200
        assert ask(process, name, origin, transport="websocket") == 101
    assert ask(process, name, subdomain) == 200
    assert ask(process, name, None, ("Sec-Fetch-Site", "cross-site")) == 200

    wait_until(lambda: (None, "cross-site-without-origin") in kept(process, name))
    found = kept(process, name)
    assert found.keys() == {
        (FRIEND, "origin-allowed"),
        (subdomain, "origin-allowed"),
        (STRANGER, "origin-not-allowed"),
        (own, "same-origin"),
        (None, "cross-site-without-origin"),
    }
    assert [found[FRIEND, "origin-allowed"]["requests"], len(found)] == [2, 5]
    friend, stranger = found[FRIEND, "origin-allowed"], found[STRANGER, "origin-not-allowed"]
    assert (friend["is_allowed"], stranger["is_allowed"]) == (True, False)
    assert friend["transports"] == stranger["transports"] == ["polling", "websocket"]
    assert friend["has_cookies"]
    assert not friend["loses_cookies"]
    assert not found[subdomain, "origin-allowed"]["has_cookies"]
    assert not found[None, "cross-site-without-origin"]["is_allowed"]


@pytest.mark.parametrize("server", SERVERS)
def test_functions_are_asked_beside_the_requests_and_allow_request_never(running, server):
    process, origin = running(server), "https://asked.example"
    process.run("app.asked.clear(); app.heard.clear()")
    assert ask(process, "everybody-function", origin) == 200
    told = "('everybody-function', 'https://asked.example', 'origin-not-allowed', False)"
    wait_until(lambda: told in process.run("answer = app.heard"))
    assert process.run("answer = app.asked") == "['https://asked.example']"
    # By no request of any test.
    assert process.run("answer = app.allow_requests") == "[]"
    wait_until(lambda: (origin, "origin-not-allowed") in kept(process, "everybody-function"))
    assert "would be refused (origin-not-allowed): The function" in process.log()


@pytest.mark.parametrize("server", SERVERS)
def test_a_receiver_that_takes_its_time_holds_no_request_up(running, server):
    process = running(server)
    process.run("app.heard.clear(); app.may_go_on.clear()")
    for _ in range(3):
        assert ask(process, "slow", STRANGER) == 200
    assert "slow" not in process.run("answer = app.heard")
    process.run("app.may_go_on.set()")
    wait_until(lambda: process.run("answer = app.heard").count("slow") == 3)
