"""What a real nginx does before real servers is named, and mended by the lines that are printed."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import Wsgi, guarded, node_server, plain, serving
from tests.support.nginx import HOST, PASS, UPGRADE, nginx, nginx_of

ORIGIN = "https://app.example.com"
PAGE = Page(ORIGIN)
WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))
WITH_COOKIES = Page(ORIGIN, credentials=True)


def extension(config: str = "") -> Wsgi:
    return guarded(f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]\n{config}')


def flask_socketio(options: str = "") -> Wsgi:
    return plain(options=f', cors_allowed_origins=["{ORIGIN}"]{options}')


SERVERS = {"this extension": extension, "Flask-SocketIO": flask_socketio}
OWN_ONLY = {"this extension": extension, "Flask-SocketIO": plain}
every_server = pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)


class Proxy:
    """Servers behind nginx, as long as a test runs."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home, self._stack = home, stack

    def port(self, app: Wsgi) -> int:
        return self._stack.enter_context(serving(app))

    def before(self, app: Wsgi, server: str, http: str = "") -> str:
        return self.at(self.port(app), server, http)

    def before_node(self, construction: str, server: str) -> str:
        url = self._stack.enter_context(node_server(construction))
        return self.at(int(url.rpartition(":")[2]), server)

    @contextmanager
    def several(self, app: Wsgi, servers: dict[str, str]) -> Iterator[dict[str, str]]:
        """Several configurations before one server, in one nginx; yields their addresses."""
        up = f"http://127.0.0.1:{self.port(app)}"
        known = {name: re.sub(r"\bUP\b", up, lines) for name, lines in servers.items()}
        with nginx_of(known, self._home) as addresses:
            yield addresses

    def at(self, port: int, server: str, http: str = "") -> str:
        return self._stack.enter_context(nginx(server, port, self._home, http))


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with ExitStack() as stack:
        yield Proxy(tmp_path, stack)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The lines by which nginx has TLS, with a certificate that is trusted."""
    authority = trustme.CA()
    both = tmp_path / "both.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(both))
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return f"ssl_certificate {both}; ssl_certificate_key {both};"


def location(*lines: str, path: str = "/") -> str:
    return f"location {path} {{ {' '.join(lines)} }}"


def examine(url: str, page: Page | None = None, path: str | None = None, **client: Any) -> Report:
    """Examine for this page; without one, for the page of the server's own origin."""
    page = page or Page(url)
    return Examination(Target.parse(url, page.origin, path), page, **client).run()


def what_breaks(report: Report) -> Finding:
    assert not report.works
    return report.findings[0]


def ids(report: Report) -> list[str]:
    beside = ("jsonp-open", "only-here")
    return [finding.id for finding in report.findings if finding.id not in beside]


def pasted(finding: Finding, *names: str) -> str:
    """The nginx lines of a fix that set these directives."""
    lines = re.findall(rf"\b(?:{'|'.join(names)}) [^;]*;", finding.fix.elsewhere)
    assert lines
    return " ".join(lines)


@every_server
def test_a_server_behind_a_complete_location_works(server: Any, proxy: Proxy) -> None:
    report = examine(proxy.before(server(), location(PASS)), PAGE)
    assert report.works
    assert report.websocket


LOST_HOSTS = pytest.mark.parametrize(
    "host", ["", "proxy_set_header Host $host;"], ids=["none", "no port"]
)


@LOST_HOSTS
def test_a_host_that_is_rewritten_is_named_once_and_mended(host: str, proxy: Proxy) -> None:
    report = examine(proxy.before(plain(), location(UPGRADE, host, "proxy_pass UP;")))
    finding = what_breaks(report)
    assert ids(report) == ["host-rewritten"]
    assert finding.client == "xhr post error"
    assert finding.fix.extension == ""
    line = pasted(finding, "proxy_set_header Host")
    mended = examine(proxy.before(plain(), location(UPGRADE, line, "proxy_pass UP;")))
    assert mended.works
    assert mended.websocket


@LOST_HOSTS
def test_this_extension_takes_the_browsers_word_for_a_host_that_is_rewritten(
    host: str, proxy: Proxy
) -> None:
    report = examine(proxy.before(guarded(""), location(UPGRADE, host, "proxy_pass UP;")))
    assert report.works
    assert report.websocket


WEBSOCKET_ALONE = {"transports": ["websocket"]}


@LOST_HOSTS
@pytest.mark.parametrize("server", [plain, lambda: guarded("")], ids=["plain", "guarded"])
def test_the_own_page_of_a_websocket_alone_is_told_what_the_proxy_hides(
    server: Any, host: str, proxy: Proxy
) -> None:
    rewritten = location(UPGRADE, host, "proxy_pass UP;")
    report = examine(proxy.before(server(), rewritten), **WEBSOCKET_ALONE)
    finding = what_breaks(report)
    assert ids(report) == ["host-rewritten"]
    assert "SioCors.allow" not in finding.fix.extension
    line = pasted(finding, "proxy_set_header Host")
    mended = proxy.before(server(), location(UPGRADE, line, "proxy_pass UP;"))
    assert examine(mended, **WEBSOCKET_ALONE).works


def test_the_own_page_is_let_in_by_the_setting_that_the_doctor_names(proxy: Proxy) -> None:
    rewritten = location(UPGRADE, "proxy_pass UP;")
    fix = what_breaks(examine(proxy.before(guarded(""), rewritten), **WEBSOCKET_ALONE)).fix
    url = proxy.before(guarded(fix.extension), rewritten)
    own = re.sub(r"http://[^\"]*", url, fix.extension)
    assert own.count(url) == 1
    assert examine(proxy.before(guarded(own), rewritten), Page(url), **WEBSOCKET_ALONE).works


def test_a_list_without_the_servers_own_origin_is_told_apart(proxy: Proxy) -> None:
    assert ids(examine(proxy.before(flask_socketio(), location(PASS)))) == ["origin-not-allowed"]


def test_a_forwarded_host_is_as_good_as_the_host(proxy: Proxy) -> None:
    line = "proxy_set_header X-Forwarded-Host $http_host;"
    for server in OWN_ONLY.values():
        assert examine(proxy.before(server(), location(UPGRADE, line, "proxy_pass UP;"))).works


ANSWERS_OPTIONS = "if ($request_method = OPTIONS) { return 204; }"


@every_server
def test_a_preflight_that_nginx_answers_is_told_from_the_servers(server: Any, proxy: Proxy) -> None:
    url = proxy.before(server(), location(ANSWERS_OPTIONS, PASS))
    finding = what_breaks(examine(url, WITH_HEADER))
    assert finding.id == "preflight-answered"
    assert ANSWERS_OPTIONS in finding.fix.elsewhere
    assert finding.fix.extension == finding.fix.node == ""


def test_a_preflight_that_nginx_answers_before_node_is_named(proxy: Proxy) -> None:
    construction = f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})'
    url = proxy.before_node(construction, location(ANSWERS_OPTIONS, PASS))
    assert what_breaks(examine(url, WITH_HEADER)).id == "preflight-answered"


@every_server
def test_lists_that_stand_in_nginx_are_not_looked_for_in_the_server(
    server: Any, proxy: Proxy
) -> None:
    by_hand = f'add_header Access-Control-Allow-Origin "{ORIGIN}"; return 204;'
    url = proxy.before(server(), location(f"if ($request_method = OPTIONS) {{ {by_hand} }}", PASS))
    finding = what_breaks(examine(url, WITH_HEADER))
    assert finding.id == "header-not-listed"
    assert "OPTIONS" in finding.fix.elsewhere


@every_server
def test_a_limit_for_bodies_is_named_and_mended(server: Any, proxy: Proxy) -> None:
    url = proxy.before(server(), location("client_max_body_size 1;", PASS))
    finding = what_breaks(examine(url, PAGE))
    assert finding.id == "body-too-large"
    assert finding.fix.extension == ""
    line = pasted(finding, "client_max_body_size")
    assert examine(proxy.before(server(), location(line, PASS)), PAGE).works


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("if ($request_method = POST) { return 405; }", "post-refused"),
        ("limit_except GET { deny all; }", "forbidden"),
    ],
)
def test_a_rule_that_lets_get_alone_pass_is_named(rule: str, found: str, proxy: Proxy) -> None:
    finding = what_breaks(examine(proxy.before(extension(), location(rule, PASS)), PAGE))
    assert finding.id == found
    assert rule[:15] in finding.fix.elsewhere or "limit_except" in finding.fix.elsewhere


def test_a_proxy_that_does_not_wait_is_named_and_mended(proxy: Proxy) -> None:
    app = extension()

    def slow(environ: Any, start_response: Any) -> Any:
        if "sid=" not in environ["QUERY_STRING"]:
            time.sleep(0.8)
        return app(environ, start_response)

    url = proxy.before(slow, location("proxy_read_timeout 400ms;", PASS))
    finding = what_breaks(examine(url, PAGE))
    assert finding.id == "proxy-timeout"
    assert "does not run" not in finding.cause
    line = pasted(finding, "proxy_read_timeout")
    slowly = Examination(Target.parse(proxy.before(slow, location(line, PASS)), ORIGIN), PAGE)
    assert slowly.run().polling


def test_a_server_that_does_not_run_is_told_apart(proxy: Proxy) -> None:
    assert what_breaks(examine(proxy.at(9, location(PASS)), PAGE)).id == "proxy-error"


ALLOWS_COOKIES = {
    "this extension": lambda: extension('app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'),
    "Flask-SocketIO": flask_socketio,
}


@pytest.mark.parametrize("server", ALLOWS_COOKIES.values(), ids=ALLOWS_COOKIES)
def test_credentials_that_are_hidden_may_be_the_proxys_work(server: Any, proxy: Proxy) -> None:
    line = "proxy_hide_header Access-Control-Allow-Credentials;"
    finding = what_breaks(examine(proxy.before(server(), location(line, PASS)), WITH_COOKIES))
    assert finding.id == "credentials-not-true"
    assert "nginx" in finding.cause
    assert line in finding.fix.elsewhere
    assert examine(proxy.before(server(), location(PASS)), WITH_COOKIES).works


def test_flask_socketio_that_is_told_to_send_no_credentials_is_named(proxy: Proxy) -> None:
    app = flask_socketio(", cors_credentials=False")
    finding = what_breaks(examine(proxy.before(app, location(PASS)), WITH_COOKIES))
    assert "cors_credentials=False" in finding.cause


@every_server
def test_an_upgrade_that_nginx_drops_is_named_and_mended(server: Any, proxy: Proxy) -> None:
    finding = what_breaks(examine(proxy.before(server(), location(HOST, "proxy_pass UP;")), PAGE))
    assert finding.id == "upgrade-dropped"
    assert "nginx" in finding.cause
    lines = pasted(finding, "proxy_http_version", "proxy_set_header")
    url = proxy.before(server(), location(HOST, lines, "proxy_pass UP;"))
    assert examine(url, PAGE).websocket


@pytest.mark.parametrize("path", ["/socket.io", "/socket.io/"])
@every_server
def test_a_proxy_that_cuts_the_path_off_is_named(server: Any, path: str, proxy: Proxy) -> None:
    url = proxy.before(server(), location(UPGRADE, HOST, "proxy_pass UP/;", path=path))
    finding = what_breaks(examine(url, PAGE))
    assert finding.id == "path-cut-off"
    assert finding.fix.extension == finding.fix.node == ""
    mended = re.search(r"location (\S+) \{ proxy_pass http://…:5000(\S*);", finding.fix.elsewhere)
    assert mended is not None
    line = f"proxy_pass UP{mended[2]};"
    url = proxy.before(server(), location(UPGRADE, HOST, line, path=mended[1]))
    assert examine(url, PAGE).works


@every_server
def test_a_prefix_that_is_cut_off_needs_no_other_path_of_the_server(
    server: Any, proxy: Proxy
) -> None:
    url = proxy.before(server(), location(UPGRADE, HOST, "proxy_pass UP/;", path="/api/"))
    finding = what_breaks(examine(url, PAGE))
    assert finding.id == "wrong-path"
    assert 'path: "/api/socket.io/"' in finding.fix.elsewhere
    assert finding.fix.extension == finding.fix.node == ""
    assert examine(url, PAGE, "/api/socket.io/").works


def test_a_prefix_that_is_not_cut_off_is_named_and_mended(proxy: Proxy) -> None:
    url = proxy.before(flask_socketio(), location(PASS, path="/api/"))
    finding = what_breaks(examine(url, PAGE, "/api/socket.io/"))
    assert finding.id == "wrong-path"
    mended = re.search(r"location (\S+) \{ proxy_pass http://…:5000(\S*);", finding.fix.elsewhere)
    assert mended is not None
    line = f"proxy_pass UP{mended[2]};"
    url = proxy.before(flask_socketio(), location(UPGRADE, HOST, line, path=mended[1]))
    assert examine(url, PAGE, "/api/socket.io/").works


def test_a_path_that_nginx_keeps_to_itself_is_named(proxy: Proxy) -> None:
    url = proxy.before(extension(), location(PASS, path="= /socket.io"))
    finding = what_breaks(examine(url, PAGE))
    assert finding.id == "wrong-path"
    assert "nginx" in finding.cause
    assert "location /socket.io/ {" in finding.fix.elsewhere


def test_a_cache_that_ignores_vary_is_told_from_a_proxy_that_rewrites(
    proxy: Proxy, tmp_path: Path
) -> None:
    config = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}", "https://other.example.com"]'
    cache = f"proxy_cache_path {tmp_path}/cache keys_zone=kept:1m;"
    keeping = (
        "proxy_cache kept; proxy_cache_key $uri$arg_transport$arg_sid; proxy_cache_valid any 1m; "
        "proxy_ignore_headers Cache-Control Vary;"
    )
    url = proxy.before(guarded(config), location(keeping, PASS), cache)
    examine(url, Page("https://other.example.com"))
    assert what_breaks(examine(url, PAGE)).id == "cached"


def test_a_host_that_is_not_trusted_may_be_the_proxys(proxy: Proxy) -> None:
    config = 'app.config["TRUSTED_HOSTS"] = ["127.0.0.1"]'
    passing = f"{UPGRADE} proxy_set_header Host backend; proxy_pass UP;"
    finding = what_breaks(examine(proxy.before(extension(config), location(passing)), PAGE))
    assert finding.id == "host-not-trusted"
    line = pasted(finding, "proxy_set_header Host")
    url = proxy.before(extension(config), location(UPGRADE, line, "proxy_pass UP;"))
    assert examine(url, PAGE).works


STICKY = """
upstream first {{ server 127.0.0.1:{a}; }}
upstream second {{ server 127.0.0.1:{b}; }}
upstream either {{ server 127.0.0.1:{a}; server 127.0.0.1:{b}; }}
map $cookie_server $chosen {{ first first; second second; default either; }}
map $upstream_addr $answered {{ 127.0.0.1:{a} first; default second; }}
"""


@pytest.mark.parametrize(
    ("attributes", "keeps"),
    [("", False), ("; SameSite=Lax", False), ("; SameSite=None; Secure", True)],
    ids=["nothing", "Lax", "None"],
)
def test_cookies_of_sticky_sessions_are_kept_as_browsers_do(
    attributes: str, keeps: bool, tls: str, proxy: Proxy
) -> None:
    config = 'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
    a, b = proxy.port(extension(config)), proxy.port(extension(config))
    cookie = f'add_header Set-Cookie "server=$answered; Path=/{attributes}" always;'
    scheme = "proxy_set_header X-Forwarded-Proto $scheme;"
    passing = location(UPGRADE, HOST, scheme, "proxy_pass http://$chosen;", cookie)
    url = proxy.at(a, tls + passing, STICKY.format(a=a, b=b))
    report = examine(url, WITH_COOKIES)
    assert report.works is keeps
    if not keeps:
        assert ids(report) == ["session-lost"]
        assert "cookie (server)" in what_breaks(report).cause
    plain_url = proxy.at(a, passing, STICKY.format(a=a, b=b))
    assert not examine(plain_url, WITH_COOKIES).works
    # A page of the server's own site keeps them all.
    assert examine(url).works


def test_a_query_that_is_dropped_is_told_from_an_old_version(proxy: Proxy) -> None:
    for server in SERVERS.values():
        url = proxy.before(server(), location(UPGRADE, HOST, "proxy_pass UP$uri;"))
        finding = what_breaks(examine(url, PAGE))
        assert finding.id == "query-dropped"
        url = proxy.before(server(), location(UPGRADE, HOST, "proxy_pass UP$uri$is_args$args;"))
        assert examine(url, PAGE).works


def test_a_query_that_is_dropped_keeps_both_transports_out_and_is_told_once(proxy: Proxy) -> None:
    dropping = location("set $args '';", PASS)
    for_node = f'new Server(httpServer, {{ cors: {{ origin: "{ORIGIN}" }} }})'
    for url in (proxy.before(extension(), dropping), proxy.before_node(for_node, dropping)):
        for transports in (("polling", "websocket"), ("websocket",)):
            assert ids(examine(url, PAGE, transports=transports)) == ["query-dropped"]


def hanging_up(variable: str, value: str) -> str:
    return location(f"if ({variable} ~ {value}) {{ return 444; }}", PASS)


HANGS_UP = {
    "all": (location("return 444;"), PAGE, "It is a proxy (nginx)"),
    "POST": (hanging_up("$request_method", "POST"), PAGE, "POST requests alone"),
    "OPTIONS": (hanging_up("$request_method", "OPTIONS"), WITH_HEADER, "OPTIONS requests alone"),
    "Origin": (hanging_up("$http_origin", "."), PAGE, "requests with an Origin alone"),
    "Upgrade": (hanging_up("$http_upgrade", "."), PAGE, "a rule of its own"),
}


def test_a_rule_that_hangs_up_is_told_from_a_server_that_crashes(proxy: Proxy) -> None:
    servers = {name: lines for name, (lines, _, _) in HANGS_UP.items()}
    with proxy.several(extension(), servers) as addresses:
        for name, (_, page, said) in HANGS_UP.items():
            finding = what_breaks(examine(addresses[name], page))
            assert finding.id == ("websocket-failed" if name == "Upgrade" else "connection-closed")
            assert said in finding.cause
            assert "return 444" in finding.fix.elsewhere


def test_a_preflight_that_nginx_refuses_is_not_looked_for_in_the_list(proxy: Proxy) -> None:
    rule = "if ($request_method = OPTIONS) { return 405; }"
    url = proxy.before(extension(), location(rule, PASS))
    finding = what_breaks(examine(url, WITH_HEADER))
    assert finding.id == "preflight-status"
    assert finding.fix.extension == finding.fix.node == ""
    finding = what_breaks(examine(url, Page(ORIGIN, credentials=True, headers=WITH_HEADER.headers)))
    assert "credentials=True" in finding.fix.extension
    for_node = f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})'
    finding = what_breaks(examine(proxy.before_node(for_node, location(rule, PASS)), WITH_HEADER))
    assert finding.fix.extension == finding.fix.node == ""
    assert "limit_except" in finding.fix.elsewhere


def test_a_rule_on_the_referrer_is_met_as_by_a_browser(proxy: Proxy) -> None:
    rule = "valid_referers none server_names; if ($invalid_referer) { return 403; }"
    page = Page("http://localhost:8080")
    app = guarded('app.config["SIO_CORS_ORIGINS"] = ["http://localhost:8080"]')
    finding = what_breaks(examine(proxy.before(app, location(rule, PASS)), page))
    assert finding.id == "forbidden"
    assert "valid_referers" in finding.fix.elsewhere
    assert "Referer" in finding.cause


def test_a_limit_of_connections_is_told_from_a_server_that_is_down(proxy: Proxy) -> None:
    zone = "limit_conn_zone $binary_remote_addr zone=few:1m;"
    url = proxy.before(extension(), location("limit_conn few 1;", PASS), zone)
    report = examine(url, PAGE)
    assert ids(report) == ["rate-limited"]
    assert "limit_conn" in what_breaks(report).fix.elsewhere


def test_a_maintenance_page_is_told_from_a_server_that_is_down(proxy: Proxy) -> None:
    finding = what_breaks(examine(proxy.at(9, location("return 503;")), PAGE))
    assert finding.id == "rate-limited"
    assert "return 503" in finding.cause


def test_headers_that_nginx_adds_for_a_server_without_cors_are_told(proxy: Proxy) -> None:
    adding = f'add_header Access-Control-Allow-Origin "{ORIGIN}";'
    app = plain(options=", cors_allowed_origins=[]")
    finding = what_breaks(examine(proxy.before(app, location(PASS, adding)), WITH_HEADER))
    assert finding.id == "header-not-listed"
    assert "remove add_header" in finding.fix.elsewhere
    mended = plain(finding.fix.extension)
    assert examine(proxy.before(mended, location(PASS)), WITH_HEADER).works


def test_a_scheme_that_is_hidden_is_named_and_mended(tls: str, proxy: Proxy) -> None:
    report = examine(proxy.before(plain(), tls + location(PASS)))
    assert ids(report) == ["scheme-hidden"]
    line = pasted(what_breaks(report), "proxy_set_header X-Forwarded-Proto")
    assert examine(proxy.before(plain(), tls + location(line, PASS))).works


def test_this_extension_takes_the_browsers_word_for_a_scheme_that_is_hidden(
    tls: str, proxy: Proxy
) -> None:
    report = examine(proxy.before(guarded(""), tls + location(PASS)))
    assert report.works
    assert report.websocket


def test_a_last_slash_that_is_cut_off_is_named_and_mended(proxy: Proxy) -> None:
    cutting = location(UPGRADE, HOST, "proxy_pass UP/socket.io;", path="/socket.io/")
    finding = what_breaks(examine(proxy.before(extension(), cutting), PAGE))
    assert finding.id == "wrong-path"
    assert "slash" in finding.cause
    assert finding.fix.extension == ""


def test_websockets_that_are_passed_on_to_nothing_are_told_from_a_dropped_upgrade(
    proxy: Proxy,
) -> None:
    elsewhere = "if ($http_upgrade) { proxy_pass http://127.0.0.1:9; }"
    report = examine(proxy.before(extension(), location(elsewhere, PASS)), PAGE)
    assert report.polling
    assert ids(report) == ["proxy-error"]
