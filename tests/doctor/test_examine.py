"""The doctor's own parts: the addresses, the requests and their bounds, the words."""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from flask_sio_cors.browser.fetch import (
    Page,
)
from flask_sio_cors.cli import main
from flask_sio_cors.doctor.browser import resolve
from flask_sio_cors.doctor.examine import Examination, Report, judge
from flask_sio_cors.doctor.facts import Facts
from flask_sio_cors.doctor.findings import Severity
from flask_sio_cors.doctor.report import as_json, as_text
from flask_sio_cors.doctor.target import Target, TargetError
from flask_sio_cors.doctor.wire import (
    MAX_REQUESTS,
    Failure,
    Patience,
    Trouble,
    Wire,
    addresses_of,
)
from tests.support.broken_servers import (
    ALLOWED,
    BROKEN,
    METHODS,
    REFLECT,
    VARY,
    Wsgi,
    answering,
    behind,
    choosing,
    engine,
    guarded,
    listening,
    redirecting,
    saying,
    serving,
    silent,
)
from tests.support.harness import NODE
from tests.support.ports import free_port

ORIGIN = "https://app.example.com"
PAGE = Page(ORIGIN)
COOKIED = Page(ORIGIN, credentials=True)


# --- Addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("https://a.example", None, ("https://a.example", "/socket.io/", "/")),
        ("a.example", None, ("https://a.example", "/socket.io/", "/")),
        ("localhost:5000", None, ("http://localhost:5000", "/socket.io/", "/")),
        ("wss://a.example:443/", None, ("https://a.example", "/socket.io/", "/")),
        ("https://a.example/chat", None, ("https://a.example", "/socket.io/", "/chat")),
        ("https://a.example/api/ws/", None, ("https://a.example", "/socket.io/", "/api/ws/")),
        (
            "https://a.example/x/?EIO=4&transport=polling&t=NMnp2WI",
            None,
            ("https://a.example", "/x/", "/"),
        ),
        ("http://[::1]:5000", "/ws/", ("http://[::1]:5000", "/ws/", "/")),
        ("[::1]:5000/chat", None, ("http://[::1]:5000", "/socket.io/", "/chat")),
        ("https://a.example/socket.io", None, ("https://a.example", "/socket.io/", "/socket.io")),
        (
            "https://a.example/socket.io?EIO=4&transport=polling",
            None,
            ("https://a.example", "/socket.io", "/"),
        ),
        (
            "https://a.example/socket.io?EIO=4&transport=polling",
            "/ws",
            ("https://a.example", "/ws/", "/"),
        ),
        ("/chat", None, (ORIGIN, "/socket.io/", "/chat")),
        ("//a.example/chat?x=http://b", None, ("https://a.example", "/socket.io/", "/chat")),
        ("https://u:p@A.example/Chät", None, ("https://a.example", "/socket.io/", "/Chät")),
        (
            "https://bücher.example:8443",
            None,
            ("https://xn--bcher-kva.example:8443", "/socket.io/", "/"),
        ),
    ],
)
def test_an_address_is_read_as_the_client_or_the_console_writes_it(
    url: str, path: str | None, expected: tuple[str, str, str]
) -> None:
    target = Target.parse(url, ORIGIN, path)
    assert (target.base, target.path, target.namespace) == expected


@pytest.mark.parametrize(
    "url", ["", "https://", "http://[::1", "http://a.example:x", "https:/a.example", "http://a b"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(TargetError):
        Target.parse(url, ORIGIN)


@pytest.mark.parametrize(
    "url", ["{}?token=a%20b&x", "{}/socket.io/?token=a%20b&x&EIO=4&transport=polling&t=1&sid=2"]
)
def test_the_parameters_of_an_address_are_sent_with_each_request(
    url: str, stack: ExitStack
) -> None:
    app, refused = behind(engine(), *ALLOWED), answering("401 UNAUTHORIZED", "no token")

    def asking_for_a_token(environ, start_response):
        known = "&token=a%20b&x" in environ["QUERY_STRING"]
        return (app if known else refused)(environ, start_response)

    port = stack.enter_context(serving(asking_for_a_token))
    target = Target.parse(url.format(f"http://127.0.0.1:{port}"), ORIGIN)
    report = Examination(target, PAGE).run()
    assert report.polling
    assert report.websocket


PATHS = ["/my/socket", "/my/socket/", "/a//", "/", "/sö cket", "/a/../b", "/a\\b", "/%zz", "/a'\"<"]


@pytest.mark.parametrize("slash", [True, False], ids=["", "addTrailingSlash: false"])
def test_a_path_is_asked_for_as_the_client_does(slash: bool) -> None:
    script = """
        const {Socket} = require("engine.io-client");
        const [paths, addTrailingSlash] = JSON.parse(process.argv[1]);
        const asked = path => {
          const options = {path, addTrailingSlash, autoConnect: false};
          const {opts} = new Socket("http://a.example", options);
          return new URL("http://a.example" + opts.path).pathname;
        };
        console.log(JSON.stringify(paths.map(asked)));
    """
    done = subprocess.run(
        ["node", "-e", script, json.dumps([PATHS, slash])],
        cwd=NODE,
        capture_output=True,
        text=True,
    )
    asked = [
        Target.parse("http://a.example", ORIGIN, path, trailing_slash=slash).path for path in PATHS
    ]
    assert asked == json.loads(done.stdout), done.stderr


# --- Redirects --------------------------------------------------------------------------------

LOCATIONS = {
    "no address": b"http://[",
    "no port": b"http://a:b",
    "no host": b"//",
    "port too high": b"http://a:99999/",
    "control characters": b"http://a\x1b[31m/",
    "control characters in the path": b"/\x1b[31m\x07",
    "UTF-8": "/sö".encode(),
    "no UTF-8": b"/\xff\xfe",
    "very long": b"/" + b"x" * 60000,
    "empty": b"",
    "blank": b"   ",
    "fragment": b"#x",
    "backslashes": b"\\\\a b",
}


@pytest.mark.parametrize("status", [b"302", b"308"])
@pytest.mark.parametrize("cors", [b"", b"Access-Control-Allow-Origin: *\r\n"], ids=["", "CORS"])
@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
def test_no_redirect_upsets_the_doctor(
    location: bytes, cors: bytes, status: bytes, stack: ExitStack
) -> None:
    head = b"HTTP/1.1 %b X\r\n%bLocation: %b\r\nContent-Length: 0\r\n\r\n"
    port = stack.enter_context(listening(saying(head % (status, cors, location))))
    for page in (PAGE, Page(ORIGIN, True, (("X-Token", "1"),))):
        report = Examination(Target.parse(f"http://127.0.0.1:{port}", ORIGIN), page).run()
        assert not report.works
        assert report.findings[0].severity is Severity.BROKEN


@pytest.mark.parametrize(
    "name", ["Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Set-Cookie", "Server"]
)
@pytest.mark.parametrize(
    "value",
    ["http://[", "\x1b[31m", "\xff", "a=b; c", 'a="\\012"', "x" * 60000, "http://[::1]:x", ""],
)
def test_no_header_upsets_the_doctor(name: str, value: str, stack: ExitStack) -> None:
    head = f"HTTP/1.1 200 X\r\n{name}: {value}\r\nContent-Length: 0\r\n\r\n"
    port = stack.enter_context(listening(saying(head.encode("latin-1"))))
    report = Examination(Target.parse(f"http://127.0.0.1:{port}", ORIGIN), COOKIED).run()
    assert not report.works


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 50000,
        b"0" + b"[" * 50000,
        b'0{"sid":"a\\u001b&x=#\\u0000","upgrades":["websocket"]}',
        b'0{"sid":"\\ud800"}',
        b'0{"sid":null,"upgrades":5}',
        b'{"code":1,"message":"\\ud800\\u001b"}',
        b"\x00\xff\x1b",
    ],
    ids=["nested", "nested session", "odd session", "half a letter", "no session", "code", "bytes"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_no_body_upsets_the_doctor(body: bytes, status: int, stack: ExitStack) -> None:
    head = b"HTTP/1.1 %d X\r\nAccess-Control-Allow-Origin: *\r\n\r\n" % status
    port = stack.enter_context(listening(saying(head + body)))
    url = f"http://127.0.0.1:{port}"
    for option in ("--json", "--no-trailing-slash"):
        result = CliRunner().invoke(main, ["doctor", url, "--origin", ORIGIN, option])
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("/x", "http://a.example/x"),
        ("//b.example", "http://b.example/"),
        ("http:///b.example", "http://b.example/"),
        ("\\\\b.example\\c", "http://b.example/c"),
        ("/s\xc3\xb6", "http://a.example/s%C3%B6"),
        ("/\xff", "http://a.example/%FF"),
        ("http://b\xc3\xbccher.example", "http://xn--bcher-kva.example/"),
        ("http://[", None),
        ("//", None),
        ("http://a:b", None),
    ],
)
def test_a_location_is_resolved_as_browsers_do(location: str, address: str | None) -> None:
    assert resolve(location, "http://a.example/socket.io/?EIO=4") == address


def test_a_redirect_of_a_websocket_is_one(stack: ExitStack) -> None:
    port = stack.enter_context(serving(redirecting("http://[")))
    exchange, _ = asyncio.run(Wire().shake_hands(f"ws://127.0.0.1:{port}/", (), ORIGIN))
    assert exchange.response is not None
    assert exchange.response.status == 307
    assert exchange.response.location == "http://["


# --- Servers ---------------------------------------------------------------------------------


def examine(
    app: Wsgi,
    stack: ExitStack,
    origin: str = ORIGIN,
    credentials: bool = False,
    wire: Wire | None = None,
) -> Report:
    port = stack.enter_context(serving(app))
    target = Target.parse(f"http://localhost:{port}", origin)
    return Examination(target, Page(origin, credentials), wire).run()


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


def test_a_server_with_this_extension_is_in_order(stack: ExitStack) -> None:
    config = """
app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com"]
app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True"""
    report = examine(guarded(config), stack, credentials=True)
    assert report.works
    assert report.polling
    assert report.websocket
    assert ids(report) == ["only-here"]


def test_a_page_of_the_servers_own_origin_needs_no_cors(stack: ExitStack) -> None:
    port = stack.enter_context(serving(engine()))
    origin = f"http://127.0.0.1:{port}"
    report = Examination(Target.parse(origin, origin), Page(origin)).run()
    assert report.works
    assert report.polling
    assert report.websocket


def test_an_authorization_header_under_a_wildcard_is_noted(stack: ExitStack) -> None:
    app = behind(
        engine(), REFLECT, VARY, preflight=[REFLECT, METHODS, ("Access-Control-Allow-Headers", "*")]
    )
    port = stack.enter_context(serving(app))
    page = Page("http://localhost:8080", False, (("Authorization", "Bearer 1"),))
    report = Examination(Target.parse(f"http://127.0.0.1:{port}", page.origin), page).run()
    assert "authorization-wildcard" in ids(report)


# --- Bounds -----------------------------------------------------------------------------------


def test_no_server_makes_the_doctor_exceed_its_requests(stack: ExitStack) -> None:
    apps = [
        behind(engine(), *ALLOWED),
        choosing(engine(), lambda origin: "attacker" in origin or origin == ORIGIN),
        answering("404 NOT FOUND", "nothing"),
    ]
    assert all(examine(app, stack).requests <= MAX_REQUESTS for app in apps)


def test_a_server_that_drips_cannot_hold_the_doctor(stack: ExitStack) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-Drop: 1\r\n")
            time.sleep(0.2)

    port = stack.enter_context(listening(drip))
    started = time.monotonic()
    wire = Wire(max_seconds=2)
    report = Examination(Target.parse(f"http://127.0.0.1:{port}", ORIGIN), PAGE, wire).run()
    assert time.monotonic() - started < 10
    assert not report.works


def test_the_doctor_ends_in_time_and_says_that_it_is_not_done(stack: ExitStack) -> None:
    slow = behind(engine(), *ALLOWED)

    def sleepy(environ, start_response):
        time.sleep(0.4)
        return slow(environ, start_response)

    port = stack.enter_context(serving(sleepy))
    wire = Wire(max_seconds=2)
    started = time.monotonic()
    report = Examination(Target.parse(f"http://127.0.0.1:{port}", ORIGIN), PAGE, wire).run()
    assert time.monotonic() - started < 10
    assert "incomplete" in ids(report)


def test_what_was_not_seen_to_work_does_not_count_as_working(stack: ExitStack) -> None:
    report = examine(late(behind(engine(), *ALLOWED), 0.6), stack, wire=Wire(max_seconds=0.3))
    assert report.polling is None
    assert not report.works


def late(app: Wsgi, seconds: float, when: Callable[[Any], bool] = lambda environ: True) -> Wsgi:
    """Answer some requests late."""

    def slow(environ, start_response):
        if when(environ):
            time.sleep(seconds)
        return app(environ, start_response)

    return slow


def is_handshake(environ: Any) -> bool:
    return "sid=" not in environ["QUERY_STRING"] and environ.get("HTTP_ORIGIN") == ORIGIN


def test_a_server_may_take_as_long_as_the_client_waits(stack: ExitStack) -> None:
    patience = Patience(page=8, aside=1)
    app = late(choosing(engine(), lambda origin: origin == ORIGIN), 2, is_handshake)
    report = examine(app, stack, wire=Wire(patience=patience))
    assert report.polling
    assert report.works
    assert "silent" not in ids(report)


def test_the_clients_timeout_is_that_of_the_doctor(stack: ExitStack) -> None:
    url = f"http://127.0.0.1:{stack.enter_context(listening(silent))}"
    command = ["doctor", url, "--origin", ORIGIN, "--timeout", "1.5", "--json"]
    report = json.loads(CliRunner().invoke(main, command).stdout)
    (finding,) = report["findings"]
    assert finding["id"] == "silent"
    assert "no answer within the time limit (1.5 s)" in finding["proof"][-1]


@pytest.mark.parametrize("timeout", [1, 6, 20, 25])
def test_what_is_waited_for_in_a_connection_leaves_time_for_the_rest(timeout: float) -> None:
    patience = Patience.of(timeout)
    assert patience.page == timeout
    assert patience.aside <= patience.application <= timeout / 2
    assert Patience.of(20) == Patience()


def test_a_server_that_is_too_slow_for_the_bounds_is_not_called_silent(stack: ExitStack) -> None:
    report = examine(late(behind(engine(), *ALLOWED), 1.6), stack, wire=Wire(max_seconds=3))
    assert ids(report) == ["incomplete"]
    assert "The server is slow" not in report.findings[0].cause  # it is not, yet
    assert report.polling is None
    assert not report.works
    assert "It is not known whether it works" in as_text(report)
    assert as_json(report)["polling"] is None


def test_a_finding_is_not_lost_when_the_time_is_over(stack: ExitStack) -> None:
    app = late(
        answering("404 NOT FOUND", "nothing"),
        5,
        lambda environ: environ["PATH_INFO"] != "/socket.io/",
    )
    report = examine(app, stack, wire=Wire(max_seconds=2))
    assert ids(report) == ["wrong-path", "incomplete"]
    assert report.polling is False


def test_a_server_that_says_nothing_before_tls_has_accepted_the_connection(
    stack: ExitStack,
) -> None:
    port = stack.enter_context(listening(silent))
    asking = Wire().send("GET", f"https://127.0.0.1:{port}/", patience=0.5)
    exchange = asyncio.run(asking)
    assert isinstance(exchange.outcome, Failure)
    assert exchange.outcome.trouble is Trouble.SILENT


# --- Words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BROKEN[:12], ids=[case.name for case in BROKEN[:12]])
def test_the_report_fits_its_width_but_for_addresses(case, stack: ExitStack) -> None:
    url = case.serve(stack)
    arguments = ["doctor", url, "--origin", "https://shop.example.com", *case.arguments]
    result = CliRunner(env={"COLUMNS": "90"}).invoke(main, arguments)
    assert result.exit_code == 1
    for line in result.stdout.splitlines():
        is_verbatim = re.match(r"\s+(\w+\s+)?([<>]|app\.config|new Server)", line)
        assert len(line) <= 90 or "http" in line or is_verbatim, line
    assert "\x1b" not in result.stdout


def test_the_doctor_asks_for_the_page() -> None:
    result = CliRunner().invoke(main, ["doctor", "https://a.example"])
    assert result.exit_code == 2
    assert "location.origin" in result.stderr


def test_a_misspelt_origin_is_mended() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(
        main, ["doctor", url, "--origin", "http://LocalHost:8080/index.html"]
    )
    assert result.exit_code == 1
    assert "Taken for http://localhost:8080" in result.stderr


def test_an_origin_that_cannot_be_mended_is_refused() -> None:
    result = CliRunner().invoke(main, ["doctor", "https://a.example", "--origin", "://"])
    assert result.exit_code == 2
    assert "location.origin" in result.stderr


def test_progress_is_for_terminals(stack: ExitStack) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    program = [sys.executable, "-c", "from flask_sio_cors.cli import main; main()"]
    done = subprocess.run(
        [*program, "doctor", url, "--origin", ORIGIN], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_reason_is_firefoxs_own_words_without_the_status(stack: ExitStack) -> None:
    target = Target.parse(f"http://127.0.0.1:{free_port()}", ORIGIN)
    finding = Examination(target, PAGE).run().findings[0]
    assert finding.reasons == ("CORS request did not succeed",)
    (finding, *_) = examine(engine(), stack, "http://localhost:8080").findings
    assert finding.reasons == ("CORS header ‘Access-Control-Allow-Origin’ missing",)


def test_as_many_redirects_are_followed_as_in_browsers(stack: ExitStack) -> None:
    inside = behind(engine(), *ALLOWED)

    def chain(environ, start_response):
        left = int(environ["PATH_INFO"].strip("/").rpartition("/")[2] or 0)
        if not left:
            return inside({**environ, "PATH_INFO": "/socket.io/"}, start_response)
        where = ("Location", f"/{left - 1}/?{environ['QUERY_STRING']}")
        headers = [where, ("Access-Control-Allow-Origin", environ["HTTP_ORIGIN"])]
        start_response("302 FOUND", headers)
        return []

    url = f"http://127.0.0.1:{stack.enter_context(serving(chain))}"
    for redirects, is_opened in ((20, True), (21, False)):
        report = Examination(Target.parse(url, ORIGIN, f"/{redirects}"), PAGE).run()
        is_loop = any(finding.id == "redirected" for finding in report.findings)
        assert is_loop is not is_opened


@pytest.mark.parametrize(
    ("url", "origin", "finding", "severity"),
    [
        ("http://localhost:5000", "https://8.8.8.8", "only-here", Severity.NOTE),
        ("http://localhost:5000", "http://8.8.8.8", "local-network", Severity.BROKEN),
        ("https://10.1.2.3", "https://8.8.8.8", "local-network", Severity.NOTE),
        ("http://[fd00::1]", "http://8.8.8.8", "local-network", Severity.BROKEN),
        ("http://10.1.2.3", "http://10.1.2.4", None, None),
        ("http://10.1.2.3", "http://localhost:3000", None, None),
        ("http://localhost:5000", "http://127.0.0.1:3000", None, None),
        ("http://localhost:5000", "http://192.168.0.7", None, None),
        ("https://8.8.4.4", "http://8.8.8.8", None, None),
        ("http://name-of-nobody.invalid", "http://8.8.8.8", None, None),
    ],
)
def test_who_does_not_reach_the_server_is_told(
    url: str, origin: str, finding: str | None, severity: Severity | None
) -> None:
    target = Target.parse(url, origin)
    known = [addresses_of_host(urlsplit(each).hostname or "") for each in (target.base, origin)]
    facts = Facts(target, Page(origin), addresses=known[0], asker=known[1])
    (told,) = [one for one in judge(facts) if one.id in ("only-here", "local-network")] or [None]
    assert (told and told.id, told and told.severity) == (finding, severity)
    assert (told is not None and told.is_blocked) is (severity is Severity.BROKEN)


def addresses_of_host(host: str) -> tuple[str, ...]:
    try:
        return addresses_of(host)
    except OSError:
        return ()
