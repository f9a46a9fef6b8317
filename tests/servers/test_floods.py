"""A million hostile requests leave memory as it was, the log short, and cost no more than one."""

import dataclasses
import json
import logging
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.journal import LIMIT, Journal
from flask_sio_cors.door.policy import Policy
from flask_sio_cors.door.verdicts import Outcome
from flask_sio_cors.origins.expressions import Expressions
from flask_sio_cors.origins.grammar import MAX_ORIGIN_LENGTH
from flask_sio_cors.origins.sets import OriginSet
from tests.support.harness import REPOSITORY
from tests.support.raw_http import POLLING, compose

TOLERANCE = 2 * 1024 * 1024
#: So many refusals, as many faults, and that there were so many.
MOST_LINES = 2 * (LIMIT + 1)

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="a process's memory is read from Linux's /proc"
)

# Run by a fresh interpreter: sends requests through the whole WSGI application and prints what
# became of them. `make(number)` returns what is distinct about each.
FLOOD = """
import io, json, logging, os, re, sys
from flask import Flask
from flask_socketio import SocketIO
from flask_sio_cors import SioCors, request_refused

app = Flask("flooded")
{config}
socketio = SocketIO(app, async_mode="threading")
SioCors(app)

class Counter(logging.Handler):
    lines = 0
    def emit(self, record):
        Counter.lines += 1
        assert len(self.format(record)) < 2000, "a line of the log as long as the client wishes"

logging.getLogger("flask_sio_cors").addHandler(Counter())
logging.getLogger("flask_sio_cors").propagate = False
told = [0]

@request_refused.connect
def on_refusal(sender, origin, reason, environ, **extra):
    told[0] += 1

{make}

METHODS = ["OPTIONS", "GET", "POST", "GET"]
statuses = {{}}

def start_response(status, headers, exc_info=None):
    statuses[status] = statuses.get(status, 0) + 1

def send(first, last):
    for number in range(first, last):
        environ = {{
            "REQUEST_METHOD": METHODS[number % 4],
            "PATH_INFO": "/socket.io/",
            "QUERY_STRING": "EIO=4&transport=" + ("websocket" if number % 4 == 3 else "polling"),
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost",
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
            **make(number),
        }}
        for _ in app(environ, start_response):
            pass

def memory():
    with open("/proc/self/statm") as counts:
        return int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

send(0, {warm_up})
before = memory()
send({warm_up}, {warm_up} + {count})
print(json.dumps({{
    "grown": memory() - before, "statuses": statuses, "told": told[0], "lines": Counter.lines,
    "sessions": len(socketio.server.eio.sockets),
}}))
"""

LISTED = """
app.config["SIO_CORS_ORIGINS"] = [
    "https://app.example.com", "https://*.preview.example.com", "http://localhost:*",
    "https://*.any.example.com:*", re.compile(r"https://pr-[0-9]+\\.example\\.com"),
]
"""
CALLABLE = 'app.config["SIO_CORS_ORIGINS"] = lambda origin: origin == "https://app.example.com"'
FAILING = 'app.config["SIO_CORS_ORIGINS"] = lambda origin: {}[origin]'
TRUSTED = LISTED + 'app.config["TRUSTED_HOSTS"] = ["localhost", ".example.com"]'
DENYING = (
    LISTED
    + """
app.config["SIO_CORS_ALLOW_REQUEST"] = lambda request: False
"""
)

ORIGINS = """
FORMS = [
    "https://{}.evil.example", "https://app.example.com.{}.evil.example",
    "http://localhost.{}:8000", "https://pr-{}.example.com.evil.example", "https://{}",
    "{} \\r\\n\\t\\x00", "chrome-extension://{}", "https://{}" + 60 * ".label",
    "https://{}.example.com" + 500 * "x", "null{}",
]
def make(number):
    return {"HTTP_ORIGIN": FORMS[number % 10].format(number)}
"""
LENGTHS = """
def make(number):
    return {"HTTP_ORIGIN": f"https://{number}.evil.example" + number % 5000 * "x"}
"""
HOSTS = """
def make(number):
    host = f"{number}.evil.example"
    return {"HTTP_HOST": host, "HTTP_ORIGIN": f"http://{host}"}
"""
# What anybody can send, and the policy lets in.
ALLOWED = """
def make(number):
    return {
        "REQUEST_METHOD": "OPTIONS", "HTTP_ORIGIN": f"https://{number}.preview.example.com",
        "HTTP_HOST": f"{number}.example.com",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": f"x-{number}" + 280 * "x",
    }
"""
ALLOWED_HANDSHAKES = """
def make(number):
    return {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": f"https://{number}.preview.example.com"}
"""

FLOODS = {
    "a million origins": (LISTED, ORIGINS, 1_000_000, "403 Forbidden"),
    "origins of all lengths": (LISTED, LENGTHS, 30_000, "403 Forbidden"),
    "origins for a callable": (CALLABLE, ORIGINS, 50_000, "403 Forbidden"),
    "origins for a callable that fails": (FAILING, ORIGINS, 20_000, "403 Forbidden"),
    "hosts": (TRUSTED, HOSTS, 50_000, "400 Bad Request"),
    "allowed origins, headers and hosts": (TRUSTED, ALLOWED, 50_000, "204 No Content"),
    "handshakes that allow_request denies": (DENYING, ALLOWED_HANDSHAKES, 5_000, "403 Forbidden"),
}
# Until every bounded table is full.
WARM_UP = 5_000


@needs_proc
@pytest.mark.parametrize(("config", "make", "count", "status"), FLOODS.values(), ids=FLOODS)
def test_a_flood_leaves_memory_as_it_was_and_the_log_short(config, make, count, status):
    script = FLOOD.format(config=config, make=make, count=count, warm_up=WARM_UP)
    child = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    report = json.loads(child.stdout)
    assert report["statuses"] == {status: WARM_UP + count}
    assert report["sessions"] == 0
    assert report["told"] == (0 if status == "204 No Content" else WARM_UP + count)
    assert report["lines"] <= MOST_LINES
    assert abs(report["grown"]) <= TOLERANCE


BATCH = 100


def flood(port: int, first: int, last: int) -> int:
    """Send polling handshakes of distinct origins over one connection; how many were refused."""
    refused = 0
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        for start in range(first, last, BATCH):
            connection.sendall(
                b"".join(
                    compose(
                        "GET",
                        POLLING,
                        [
                            ("Connection", "keep-alive"),
                            ("Origin", f"https://{number}.evil.example"),
                        ],
                        port=port,
                    )
                    for number in range(start, start + BATCH)
                )
            )
            answers = b""
            while answers.count(b"\r\n\r\n{") < BATCH or not answers.endswith(b"}"):
                answers += connection.recv(1 << 20)
            refused += answers.count(b"HTTP/1.1 403 ")
    return refused


MEMORY = """
import os
with open("/proc/self/statm") as counts:
    answer = int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""


@needs_proc
def test_a_flood_over_the_wire_leaves_the_server_as_it_was(serve):
    server = serve("app.config['SIO_CORS_ORIGINS'] = ['https://*.example.com']", fresh=True)
    assert flood(server.port, 0, 2_000) == 2_000
    before = int(server.run(MEMORY))
    assert flood(server.port, 2_000, 14_000) == 12_000
    assert abs(int(server.run(MEMORY)) - before) <= TOLERANCE
    assert server.run("answer = len(socketio.server.eio.sockets)") == "0"
    assert 0 < server.log().count("Refused (") <= LIMIT
    assert server.request("GET", POLLING, [("Origin", "https://app.example.com")]).status == 200


def test_a_flood_of_refusals_does_not_hide_a_functions_fault(caplog):
    journal = Journal()
    for number in range(2 * LIMIT):
        journal.refused(f"https://{number}.evil.example", "origin-not-allowed", str)
    caplog.clear()
    for _ in range(2):
        journal.fault("SIO_CORS_ORIGINS", LookupError("away"), "raised LookupError")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# --- One request, however long ---------------------------------------------------------------

LENGTHS_SENT = [*range(1, 2 * MAX_ORIGIN_LENGTH), 10_000, 1_000_000]


class Spy:
    """Notes the lengths of what it is asked, and lets nobody in."""

    def __init__(self):
        self.longest = 0

    def __call__(self, origin):
        self.longest = max(self.longest, len(origin))
        return False


def environ(origin: str) -> dict[str, str]:
    return {
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "EIO=4&transport=polling",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "localhost",
        "HTTP_ORIGIN": origin,
    }


@pytest.mark.parametrize("credentials", [False, True], ids=["anonymous", "credentials"])
@pytest.mark.parametrize("kind", ["regular expression", "callable"])
def test_no_long_string_reaches_a_regular_expression_or_a_callable(kind, credentials, monkeypatch):
    spy = Spy()
    options = Options.from_config(
        {"SIO_CORS_ORIGINS": spy, "SIO_CORS_SUPPORTS_CREDENTIALS": credentials}
    )
    if kind == "regular expression":
        monkeypatch.setattr(Expressions, "first", lambda self, origin: spy(origin) or None)
        origins = OriginSet(regexes=[re.compile("x")])
        options = dataclasses.replace(options, origins=origins, functions=())
    policy = Policy(options)
    # Labels of the greatest length that is still one.
    text = "https://" + ("a" * 63 + ".") * 20_000
    for length in LENGTHS_SENT:
        assert policy.judge(environ(text[:length]))[0].outcome is Outcome.REFUSED
    assert 0 < spy.longest <= MAX_ORIGIN_LENGTH


@pytest.mark.parametrize(
    "settings",
    [
        {"SIO_CORS_ORIGINS": ["https://app.example.com"]},
        {"SIO_CORS_ORIGINS": ["https://*.example.com", "https://*.example.com:*"]},
        {"SIO_CORS_ORIGINS": True},
        {"SIO_CORS_ORIGINS": lambda origin: True},
    ],
    ids=["exact", "wildcards", "reflected", "callable"],
)
@pytest.mark.parametrize("unit", ["a", ".", ":", "*.", "%00", "https://", ".example.com", "\x00"])
def test_a_megabyte_of_origin_is_refused_at_once(settings, unit):
    policy = Policy(Options.from_config(settings))
    origin = "https://" + unit * (1_000_000 // len(unit)) + ".example.com"
    started = time.thread_time()
    assert policy.judge(environ(origin))[0].outcome is Outcome.REFUSED
    assert time.thread_time() - started < 0.05
