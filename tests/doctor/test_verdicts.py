"""The verdict is the page's: what a browser would meet, by the way that it would take."""

import itertools
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio
import trustme
from click.testing import CliRunner
from engineio import packet
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.serving import make_server

from flask_sio_cors import SioCors
from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.cli import main
from flask_sio_cors.doctor.audit import audit
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import (
    ALLOWED,
    Wsgi,
    answering,
    behind,
    engine,
    flask_app,
    guarded,
    node_server,
    plain,
    serving,
    upgrade_dropped,
)
from tests.support.harness import wait_until
from tests.support.nginx import PASS, nginx

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)
LISTED = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'


def examine(url: str, page: Page = PAGE, watch: float = 0.0, path: str | None = None) -> Report:
    return Examination(Target.parse(url, page.origin, path), page, watch=watch).run()


def served(app: Wsgi, stack: ExitStack, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{stack.enter_context(serving(app))}"


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


def before(app: Wsgi, server: str, stack: ExitStack, home: Path, http: str = "") -> str:
    port = stack.enter_context(serving(app))
    return stack.enter_context(nginx(server, port, home, http))


# --- The transport that the page lives on ------------------------------------------------------

UPGRADED_ALONE = f"""
location / {{ error_page 418 = @upgraded; if ($http_upgrade) {{ return 418; }} {PASS} }}
location @upgraded {{ proxy_read_timeout 1s; {PASS} }}
"""


def test_a_proxy_that_cuts_websockets_alone_is_told(stack: ExitStack, tmp_path: Path) -> None:
    report = examine(before(guarded(LISTED), UPGRADED_ALONE, stack, tmp_path), watch=3)
    assert ids(report) == ["cut-off"]
    assert report.websocket is False
    assert not report.works
    assert "WebSocket on which the page lives" in report.findings[0].cause
    assert "proxy_read_timeout" in report.findings[0].fix.elsewhere


@pytest.mark.parametrize("transports", ["", ", transports=['polling']"], ids=["both", "polling"])
def test_pings_are_answered_as_by_a_page(transports: str, stack: ExitStack) -> None:
    source = (
        f"{LISTED}\nsocketio = SocketIO(app, async_mode='threading', ping_interval=1, "
        f"ping_timeout=2{transports})\nSioCors(app)"
    )
    report = examine(served(flask_app(source), stack), watch=4)
    assert report.works, report.findings
    assert report.seconds > 4


def test_a_ping_that_a_slow_poll_brings_while_it_is_left_is_answered(stack: ExitStack) -> None:
    app = Flask("slow")
    app.config["SIO_CORS_ORIGINS"] = [ORIGIN]
    server = SocketIO(app, async_mode="threading", ping_timeout=1)
    SioCors(app)
    is_upgrading = threading.Event()

    def slow(environ: Any, start_response: Any) -> Iterable[bytes]:
        sid = re.search("sid=([^&]+)", environ["QUERY_STRING"])
        if "HTTP_UPGRADE" in environ and sid is not None:
            client = server.server.eio._get_socket(sid[1])
            client.last_ping = time.time()
            client.send(packet.Packet(packet.PING))
            is_upgrading.set()
        answer = app.wsgi_app(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and is_upgrading.is_set():
            time.sleep(0.3)
        return answer

    report = examine(served(slow, stack), watch=3)
    assert report.works, report.findings
    assert report.websocket


def test_pings_of_a_server_for_node_are_answered(stack: ExitStack) -> None:
    options = f'pingInterval: 500, pingTimeout: 700, cors: {{ origin: ["{ORIGIN}"] }}'
    report = examine(
        stack.enter_context(node_server(f"new Server(httpServer, {{ {options} }})")), watch=3
    )
    assert report.works, report.findings


def test_an_old_client_asks_itself(stack: ExitStack) -> None:
    url = stack.enter_context(
        node_server(
            "new Server(httpServer, { pingInterval: 700, pingTimeout: 700 })", "socket.io-2"
        )
    )
    page = Page(ORIGIN, credentials=True)
    report = examine(f"{url}/socket.io/?EIO=3&transport=polling&t=abc", page, watch=3)
    assert report.works, report.findings


# --- Who wrote it -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [404, 401, 403, 6, -1, True, 4.0, "1"])
def test_a_code_that_is_none_of_engine_ios_is_somebody_elses(
    code: object, stack: ExitStack
) -> None:
    status = {401: "401 UNAUTHORIZED", 403: "403 FORBIDDEN"}.get(code, "404 NOT FOUND")  # type: ignore[call-overload]
    body = f'{{"code":{str(code).lower() if code is True else repr(code)},"message":"Not Found"}}'
    body = body.replace("'", '"')
    report = examine(served(answering(status, body, ("Content-Type", "application/json")), stack))
    (finding,) = report.findings
    assert finding.id in ("wrong-path", "login-required", "forbidden")
    assert "The Socket.IO server is at" not in finding.cause
    assert "io(" not in finding.fix.elsewhere


@pytest.mark.parametrize("text", ['"nope"', '{"message": "Forbidden"}', "[1]", '{"code": 0}'])
def test_json_of_others_is_no_refusal_of_the_servers(text: str, stack: ExitStack) -> None:
    (finding,) = examine(served(answering("403 FORBIDDEN", text), stack)).findings
    assert finding.id == "forbidden"


# --- Limits -----------------------------------------------------------------------------------


def test_a_rate_limit_that_lets_a_page_pass_lets_the_doctor_pass(
    stack: ExitStack, tmp_path: Path
) -> None:
    zone = "limit_req_zone $binary_remote_addr zone=rate:1m rate=2r/s;"
    location = f"location / {{ limit_req zone=rate burst=12 nodelay; {PASS} }}"
    report = examine(before(guarded(LISTED), location, stack, tmp_path, zone))
    assert report.works
    assert ids(report) == []


def test_a_limit_of_connections_that_lets_a_page_pass_lets_the_doctor_pass(
    stack: ExitStack, tmp_path: Path
) -> None:
    zone = "limit_conn_zone $binary_remote_addr zone=few:1m;"
    location = f"location / {{ limit_conn few 4; {PASS} }}"
    report = examine(before(guarded(LISTED), location, stack, tmp_path, zone))
    assert report.works
    assert ids(report) == []


def test_a_healthy_server_is_told_so_at_once(stack: ExitStack) -> None:
    report = examine(served(guarded(LISTED), stack))
    assert report.works
    assert report.requests <= 12
    assert report.seconds < 5  # a tenth of that where nothing else is going on


def test_no_session_is_left_behind(stack: ExitStack) -> None:
    server = socketio.Server(async_mode="threading", cors_allowed_origins=[])
    bare = socketio.WSGIApp(server)
    apps = (bare, behind(bare, *ALLOWED), behind(bare, *ALLOWED, post=[]))
    for app in apps:
        url = served(app, stack)
        examine(url, watch=0.5)
        audit(Target.parse(url, ORIGIN), PAGE)
        wait_until(lambda: all(one.closed for one in list(server.eio.sockets.values())))


# --- A browser's requests ----------------------------------------------------------------------

FILTERS = {
    "no Accept-Language": 'if ($http_accept_language = "") { return 403; }',
    "compatible;": 'if ($http_user_agent ~ "compatible;|sio-cors|python") { return 403; }',
    "no Mozilla": 'if ($http_user_agent !~ "^Mozilla/5.0 [(]") { return 403; }',
    "no Accept-Encoding": 'if ($http_accept_encoding = "") { return 403; }',
}


@pytest.mark.parametrize("rule", FILTERS.values(), ids=FILTERS)
def test_a_filter_of_what_is_no_browser_is_passed(
    rule: str, stack: ExitStack, tmp_path: Path
) -> None:
    report = examine(before(guarded(LISTED), f"location / {{ {rule} {PASS} }}", stack, tmp_path))
    assert report.works
    assert report.websocket


def keeping(app: Wsgi) -> Wsgi:
    """Keep each answer to a handshake under its whole address, as a cache does."""
    kept: dict[str, Any] = {}

    def cached(environ: Any, start_response: Any) -> Any:
        key = environ["QUERY_STRING"]
        if environ["REQUEST_METHOD"] != "GET" or "sid=" in key or "HTTP_UPGRADE" in environ:
            return app(environ, start_response)
        if key not in kept:
            answer: list[Any] = []
            body = b"".join(app(environ, lambda *said: answer.extend(said)))
            kept[key] = (*answer[:2], body)
        start_response(*kept[key][:2])
        return [kept[key][2]]

    return cached


def test_a_cache_that_knows_the_whole_address_harms_no_client(stack: ExitStack) -> None:
    report = examine(served(keeping(guarded(LISTED)), stack))
    assert report.works
    assert ids(report) == []


def test_a_page_of_a_file_is_one_of_no_origin(stack: ExitStack) -> None:
    app = guarded('app.config["SIO_CORS_ORIGINS"] = ["null"]')
    command = ["doctor", served(app, stack), "--origin", "file://", "--watch=0"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.stdout
    assert "Taken for null" in result.stderr
    only_files = served(guarded('app.config["SIO_CORS_ORIGINS"] = ["file://"]'), stack)
    result = CliRunner().invoke(main, ["doctor", only_files, "--origin", "file://", "--watch=0"])
    assert result.exit_code == 1


# --- Names of this machine --------------------------------------------------------------------


@contextmanager
def on_ipv6(app: Wsgi, port: int = 0) -> Iterator[int]:
    server = make_server("::1", port, app, threaded=True)
    server.daemon_threads = True
    server.block_on_close = False
    server.log = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


needs_ipv6 = pytest.mark.skipif(
    not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="needs IPv6"
)


@pytest.mark.parametrize("name", ["localhost", "api.localhost", "LOCALHOST"])
def test_names_of_this_machine_need_no_name_server(name: str, stack: ExitStack) -> None:
    assert examine(served(guarded(LISTED), stack, name)).works


@needs_ipv6
@pytest.mark.parametrize("name", ["localhost", "api.localhost", "[::1]"])
def test_a_server_on_the_other_loopback_address_is_found(name: str, stack: ExitStack) -> None:
    port = stack.enter_context(on_ipv6(guarded(LISTED)))
    assert examine(f"http://{name}:{port}").works


@needs_ipv6
def test_two_servers_behind_one_name_are_told(stack: ExitStack) -> None:
    vite = answering("200 OK", "<title>Vite</title>", ("Content-Type", "text/html"))
    port = stack.enter_context(serving(guarded(LISTED)))
    stack.enter_context(on_ipv6(vite, port))
    report = examine(f"http://localhost:{port}")
    assert "two-servers" in ids(report)
    assert not report.works
    assert examine(f"http://127.0.0.1:{port}").works


# --- TLS --------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    authority = trustme.CA()
    both = tmp_path / "both.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(both))
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return f"ssl_certificate {both}; ssl_certificate_key {both};"


REFUSED = {
    "TLS 1.1 only": "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;",
    "a name that it does not know": "ssl_reject_handshake on;",
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_where_tls_fails_http_is_not_proposed(
    lines: str, tls: str, stack: ExitStack, tmp_path: Path
) -> None:
    report = examine(
        before(guarded(LISTED), f"{tls} {lines} location / {{ {PASS} }}", stack, tmp_path)
    )
    (finding,) = report.findings
    assert finding.id == "tls"
    assert "http://" not in finding.fix.elsewhere
    assert "listens there" not in finding.cause
    assert finding.reasons == ("CORS request did not succeed",)


def test_a_server_of_http_2_alone_is_polled(tls: str, stack: ExitStack, tmp_path: Path) -> None:
    alone = 'if ($server_protocol != "HTTP/2.0") { return 505; }'
    location = f"{tls} location / {{ {alone} {PASS} }} # http2\n"
    report = examine(before(guarded(LISTED), location, stack, tmp_path))
    assert report.polling, report.findings
    assert report.websocket is False


# --- Several processes ------------------------------------------------------------------------


@pytest.mark.parametrize("known", [(0,), (1,), (2,), (0, 1)], ids=str)
def test_processes_that_disagree_are_told(known: tuple[int, ...], stack: ExitStack) -> None:
    apps = [
        guarded(LISTED if n in known else 'app.config["SIO_CORS_ORIGINS"] = []') for n in range(3)
    ]
    turns = itertools.cycle(apps)
    lock = threading.Lock()

    def balanced(environ: Any, start_response: Any) -> Any:
        with lock:
            app = next(turns)
        return app(environ, start_response)

    report = examine(served(balanced, stack))
    assert ids(report)[0] == "processes-disagree"
    assert report.findings[0].fix.extension == ""
    assert not report.works


# --- Causes -----------------------------------------------------------------------------------


def test_an_upgrade_that_is_forbidden_is_not_the_origins_fault(
    stack: ExitStack, tmp_path: Path
) -> None:
    location = f"location / {{ if ($http_upgrade) {{ return 403; }} {PASS} }}"
    report = examine(before(guarded(LISTED), location, stack, tmp_path))
    assert ids(report) == ["forbidden"]
    assert "refuses the origin" not in report.findings[0].cause
    assert report.findings[0].fix.extension == report.findings[0].fix.node == ""


def test_what_the_application_refuses_is_no_origin_problem(stack: ExitStack) -> None:
    refusing = 'new Server(httpServer, { allowRequest: (_, done) => done("no token", false) })'
    report = examine(stack.enter_context(node_server(refusing)))
    assert ids(report) == ["refused"]
    assert '"no token"' in report.findings[0].cause
    assert "origin" not in report.findings[0].fix.node


ADDING = 'add_header Access-Control-Allow-Origin "https://other.example.com" always;'


@pytest.mark.parametrize("kind", ["Python", "Node.js"])
def test_where_a_proxy_writes_the_headers_the_fix_is_there(
    kind: str, stack: ExitStack, tmp_path: Path
) -> None:
    location = f"location / {{ {PASS} {ADDING} }}"
    if kind == "Python":
        url = before(engine(), location, stack, tmp_path)
    else:
        port = int(stack.enter_context(node_server("new Server(httpServer)")).rpartition(":")[2])
        url = stack.enter_context(nginx(location, port, tmp_path))
    finding = examine(url).findings[0]
    assert finding.id == "origin-mismatch"
    assert "the proxy" in finding.cause.lower()
    assert finding.fix.elsewhere.startswith("Write it where it is written now")
    assert f'add_header Access-Control-Allow-Origin "{ORIGIN}" always;' in finding.fix.elsewhere


def test_starlettes_refusal_of_headers_is_its_own(stack: ExitStack) -> None:
    said = "Disallowed CORS headers"
    app = behind(engine(), *ALLOWED)

    def fastapi(environ: Any, start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            origin = ("Access-Control-Allow-Origin", ORIGIN)
            return answering("400 BAD REQUEST", said, origin)(environ, start_response)
        return app(environ, start_response)

    page = Page(ORIGIN, headers=(("X-Token", "1"),))
    finding = examine(served(fastapi, stack), page).findings[0]
    assert finding.id == "preflight-status"
    assert "Starlette" in finding.cause
    assert 'allow_headers=["X-Token"]' in finding.fix.elsewhere
    assert finding.fix.extension == finding.fix.node == ""


INGRESS = (
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>"
)
HAPROXY = (
    "<html><body><h1>503 Service Unavailable</h1>\n"
    "No server is available to handle this request.\n</body></html>\n"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INGRESS, "kubectl get endpoints"),
        (HAPROXY, "HAProxy"),
        ("no available server\n", "Traefik"),
    ],
    ids=["an ingress", "HAProxy", "Traefik"],
)
def test_a_proxy_without_a_server_is_no_rate_limit(text: str, words: str, stack: ExitStack) -> None:
    url = served(answering("503 SERVICE UNAVAILABLE", text, ("Server", "")), stack)
    finding = examine(url).findings[0]
    assert finding.id == "no-endpoints"
    assert words in f"{finding.cause} {finding.fix.elsewhere}"


def test_a_504_at_once_is_no_slow_server(stack: ExitStack) -> None:
    url = served(answering("504 GATEWAY TIMEOUT", "", ("Server", "nginx")), stack)
    finding = examine(url).findings[0]
    assert finding.id == "proxy-timeout"
    assert "at once" in finding.cause
    assert "60s" not in finding.fix.elsewhere


def test_seconds_in_the_place_of_milliseconds_are_no_missing_stickiness(stack: ExitStack) -> None:
    options = f'pingInterval: 25, pingTimeout: 5, cors: {{ origin: ["{ORIGIN}"] }}'
    url = stack.enter_context(node_server(f"new Server(httpServer, {{ {options} }})"))
    report = examine(url, watch=1)
    assert "session-lost" not in ids(report)
    assert "ping-timeout" in ids(report)


def test_a_proxy_that_overwrites_the_outer_ones_scheme_is_told(
    tls: str, stack: ExitStack, tmp_path: Path
) -> None:
    scheme = "proxy_set_header X-Forwarded-Proto $scheme;"
    inner = before(plain(), f"location / {{ {scheme} {PASS} }}", stack, tmp_path)
    port = int(inner.rpartition(":")[2])
    outer = stack.enter_context(nginx(f"{tls} location / {{ {scheme} {PASS} }}", port, tmp_path))
    report = examine(outer, Page(outer))
    finding = report.findings[0]
    assert finding.id == "scheme-hidden"
    assert "over" in finding.cause
    assert "$http_x_forwarded_proto" in finding.fix.elsewhere


def test_an_origin_that_a_proxy_gives_the_own_page_is_told(
    stack: ExitStack, tmp_path: Path
) -> None:
    port = stack.enter_context(serving(plain()))
    rewriting = f"proxy_set_header Origin http://127.0.0.1:{port};"
    url = stack.enter_context(nginx(f"location / {{ {rewriting} {PASS} }}", port, tmp_path))
    finding = examine(url, Page(url)).findings[0]
    assert finding.id == "origin-rewritten"
    assert "remove proxy_set_header Origin" in finding.fix.elsewhere


PAGES = {
    "ngrok": ("200 OK", "You are about to visit x.ngrok-free.app ERR_NGROK_6024", "interstitial",
              "ngrok-skip-browser-warning"),
    "Vite": ("403 Forbidden", 'Blocked request. This host ("x") is not allowed.', "host-refused",
             "allowedHosts"),
    "webpack": ("200 OK", "Invalid Host header", "host-refused", "allowedHosts"),
    "oauth2-proxy": ("403 Forbidden", "<title>Sign In</title> OAuth2 Proxy", "login-required",
                     "skip-auth-route"),
    "mTLS": ("400 Bad Request", "<title>400 No required SSL certificate was sent</title>",
             "client-certificate", "ssl_verify_client"),
    "Django": ("400 Bad Request", "<title>DisallowedHost at /</title> ALLOWED_HOSTS",
               "host-refused", "ALLOWED_HOSTS"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "text", "id_", "fix"), PAGES.values(), ids=PAGES)
def test_a_page_that_says_what_to_do_is_quoted(
    status: str, text: str, id_: str, fix: str, stack: ExitStack
) -> None:
    (finding,) = examine(served(answering(status, text), stack)).findings
    assert finding.id == id_
    assert fix in finding.fix.elsewhere
    assert "“" in finding.cause


def test_a_proxy_that_hides_is_known_by_what_it_says_of_no_host(stack: ExitStack) -> None:
    apache = answering("400 Bad Request", "", ("Server", "Apache/2.4.57"))
    allowed = plain(options=f", cors_allowed_origins=['{ORIGIN}']")

    def before_flask(environ: Any, start_response: Any) -> Any:
        is_odd = "<" in environ.get("HTTP_HOST", "")
        return (apache if is_odd else upgrade_dropped(allowed))(environ, start_response)

    finding = examine(served(before_flask, stack)).findings[0]
    assert finding.id == "upgrade-dropped"
    assert "upgrade=websocket" in finding.fix.elsewhere
    assert "nginx" not in finding.fix.elsewhere


PROXIES = {
    "nginx/1.22.1": "proxy_read_timeout",
    "Apache/2.4.57 (Debian)": "timeout=3600",
    "lighttpd/1.4.69": '"read-timeout" => 60',
    "Caddy": "response_header_timeout",
}


@pytest.mark.parametrize(("server", "line"), PROXIES.items(), ids=PROXIES)
def test_each_proxy_gets_its_own_lines(server: str, line: str, stack: ExitStack) -> None:
    def slow(environ: Any, start_response: Any) -> Any:
        threading.Event().wait(0.4)
        return answering("504 Gateway Timeout", "", ("Server", server))(environ, start_response)

    finding = examine(served(slow, stack)).findings[0]
    assert line in finding.fix.elsewhere
    others = set(PROXIES.values()) - {line}
    assert not any(other in finding.fix.elsewhere for other in others)
