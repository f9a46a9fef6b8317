"""DNS rebinding: `TRUSTED_HOSTS` holds where Engine.IO answers, as it does where Flask does.

A page of evil.example whose name is made to point to this server is of the *same* origin as the
server, as far as a browser and a comparison of Origin and Host can tell.
"""

import pytest
import requests

from tests.support import sessions
from tests.support.nginx import nginx
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose

TRUSTED = ["app.example.com", ".team.example.com", "localhost", "127.0.0.1", "[::1]"]
FRIEND = "https://friend.example"
CONFIG = f"""
    app.config["TRUSTED_HOSTS"] = {TRUSTED}
    app.config["SIO_CORS_ORIGINS"] = ["{FRIEND}"]
"""
BAD_REQUEST = b'{"code": 3, "message": "Bad request"}'


@pytest.fixture(scope="module")
def server(serve):
    return serve(CONFIG, after=sessions.COUNTED)


@pytest.fixture(scope="module")
def plain(serve):
    return serve(CONFIG, after=sessions.COUNTED, plain=True)


# What a page of a rebound name sends, each in its own way.
REBOUND = {
    "a GET": ("GET", POLLING, []),
    "a GET as browsers send it": ("GET", POLLING, [("Sec-Fetch-Site", "same-origin")]),
    "a GET with Origin": ("GET", POLLING, [("Origin", "http://evil.example:{port}")]),
    "a WebSocket": ("GET", WEBSOCKET, [*UPGRADE, ("Origin", "http://evil.example:{port}")]),
    "a script": ("GET", f"{POLLING}&j=0", [("Sec-Fetch-Site", "same-origin")]),
    "an allowed origin": ("GET", POLLING, [("Origin", FRIEND)]),
    "a forwarded host": ("GET", POLLING, [("X-Forwarded-Host", "localhost")]),
    "another path": ("GET", "/socket.io/any?EIO=4&transport=polling", []),
}
each_rebound = pytest.mark.parametrize(
    ("method", "target", "headers"), REBOUND.values(), ids=REBOUND
)


def rebound(server, method, target, headers, body=b""):
    """Send what a page of http://evil.example sends when that name points to this server."""
    port = server.port
    sent = [("Host", f"evil.example:{port}")]
    sent += [(name, value.replace("{port}", str(port))) for name, value in headers]
    return server.request(method, target, sent, body)


@each_rebound
def test_a_rebound_name_gets_no_session(server, method, target, headers):
    with sessions.none_opened(server):
        refused = rebound(server, method, target, headers)
    assert (refused.status, refused.body) == (400, BAD_REQUEST)
    assert not refused.cors_headers


@pytest.mark.parametrize("name", ["a GET", "a GET as browsers send it", "a WebSocket", "a script"])
def test_a_rebound_name_gets_a_session_of_plain_flask_socketio(plain, name):
    before = sessions.ever_opened(plain)
    assert rebound(plain, *REBOUND[name]).status in (101, 200)
    assert sessions.ever_opened(plain) == before + 1
    assert rebound(plain, "GET", "/api", []).status == 400


def test_a_rebound_name_gets_nothing_through_a_session_that_is_open(server):
    sid = server.request("GET", POLLING).sid
    own = ("Origin", "http://evil.example:{port}")
    for method, body in [("GET", b""), ("POST", b"40")]:
        refused = rebound(server, method, f"{POLLING}&sid={sid}", [own], body)
        assert (refused.status, refused.body) == (400, BAD_REQUEST)
    assert server.request("POST", f"{POLLING}&sid={sid}", body=b"40").status == 200


def test_a_preflight_to_a_rebound_name_is_refused_without_cors_headers(server):
    for origin in (FRIEND, "http://evil.example:{port}"):
        asked = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
        refused = rebound(server, "OPTIONS", POLLING, asked)
        assert (refused.status, refused.cors_headers) == (400, {})


def test_a_stray_request_to_a_rebound_name_is_refused_too(server):
    stray = rebound(server, "GET", "/socket.io?EIO=4&transport=polling", [("Origin", FRIEND)])
    assert (stray.status, stray.cors_headers) == (400, {})


#: Values of Host, byte for byte.
HOSTS = [
    b"app.example.com",
    b"app.example.com:443",
    b"app.example.com:80",
    b"app.example.com:99999",
    b"app.example.com:",
    b"app.example.com:x",
    b"app.example.com:0",
    b"app.example.com.",
    b"APP.example.com",
    b"xapp.example.com",
    b"app.example.com.evil.example",
    b"evil.example:app.example.com",
    b"app.example.com@evil.example",
    b"evil.example@app.example.com",
    b"app.example.com/evil.example",
    b"app.example.com#evil.example",
    b"app.example.com,evil.example",
    b"app.example.com evil.example",
    b"app.example.com\tevil.example",
    b"app.example.com\x00.evil.example",
    b"app.example.com\xa0",
    b"app%2eexample.com",
    b"app\xc2\xad.example.com",
    b"team.example.com",
    b"a.team.example.com",
    b"a.b.team.example.com",
    b"ateam.example.com",
    b".team.example.com",
    b"a.team.example.com.evil.example",
    b"localhost",
    b"localhost:5000",
    b"localhost.evil.example",
    b"127.0.0.1",
    b"127.0.0.2",
    b"127.1",
    b"0x7f.1",
    b"2130706433",
    b"[::1]",
    b"[::1]:5000",
    b"[::1%25lo]",
    b"::1",
    b"[0:0:0:0:0:0:0:1]",
    b"null",
    b"*",
    b"",
    b" ",
    b"a" * 5000 + b".team.example.com",
]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.decode("latin-1")[:40] or "empty")
def test_engine_io_is_served_to_the_hosts_that_flask_trusts(server, host):
    sent = [("Host", host)]
    # Flask trusts some that its URL map cannot read, which is another error.
    is_trusted = b"is not trusted" not in server.request("GET", "/api", sent).body
    # Flask cuts an IPv6 address at its first colon, so that it knows none that is listed.
    is_trusted |= host in (b"[::1]", b"[::1]:5000")
    for _ in range(2):
        answer = server.request("GET", POLLING, sent)
        assert answer.status == (200 if is_trusted else 400)
        assert server.websocket(sent).status == (101 if is_trusted else 400)


def test_the_hosts_are_those_that_flask_documents(server):
    served = {
        host for host in HOSTS if server.request("GET", POLLING, [("Host", host)]).status == 200
    }
    assert {b"app.example.com", b"app.example.com:443", b"a.b.team.example.com"} <= served
    assert not {b"xapp.example.com", b"ateam.example.com", b"localhost.evil.example"} & served


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host: evil.example\r\nHost: localhost\r\n",
        b"Host: localhost\r\nHost: evil.example\r\n",
        b"Host: localhost\r\n evil.example\r\n",
        b"host:evil.example\r\n",
        b"X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\nHost: evil.example\r\n",
    ],
    ids=["none", "two", "two, the other way round", "folded", "lower case", "forwarded"],
)
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_odd_requests_are_judged_as_flask_judges_them(server, lines, version):
    def ask(target):
        raw = b"GET %s %s\r\n%sConnection: close\r\n\r\n" % (target, version, lines)
        return server.exchange(raw).status

    by_flask = ask(b"/api")
    assert by_flask in (200, 400)
    assert ask(POLLING.encode()) == by_flask


def test_an_absolute_target_does_not_name_the_host(server):
    # RFC 9112, section 3.2.2, has it name the host; this server reads the header alone.
    raw = compose("GET", f"http://localhost{POLLING}", [("Host", "evil.example")], port=server.port)
    assert server.exchange(raw).status != 200


@pytest.mark.parametrize("hosts", ["None", "[]", "()"])
def test_without_the_setting_any_host_is_served(serve, hosts):
    server = serve(fresh=False)
    server.configure(f"app.config['TRUSTED_HOSTS'] = {hosts}")
    assert rebound(server, "GET", POLLING, []).status == 200
    assert rebound(server, "GET", "/api", []).status == 200


def test_a_proxy_that_is_trusted_names_the_host(serve):
    server = serve(
        CONFIG,
        after="""
            from werkzeug.middleware.proxy_fix import ProxyFix
            app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_proto=1)
        """,
    )
    for host, status in [("app.example.com", 200), ("evil.example", 400)]:
        forwarded = [
            ("Host", "localhost"),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", "https"),
        ]
        assert server.request("GET", POLLING, forwarded).status == status
        assert server.request("GET", "/api", forwarded).status == status


def test_reconfigure_brings_other_hosts_into_force(serve):
    server = serve(fresh=True)
    for host, other in [("a.example", "b.example"), ("b.example", "a.example")]:
        server.configure(f"app.config['TRUSTED_HOSTS'] = ['{host}']")
        assert server.request("GET", POLLING, [("Host", host)]).status == 200
        assert server.request("GET", POLLING, [("Host", other)]).status == 400


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_proxy_that_forwards_the_host_walks_nobody_around(serve, tmp_path, sent):
    server = serve("app.config['TRUSTED_HOSTS'] = ['127.0.0.1', 'app.example.com']")
    forwarding = "location / { proxy_set_header X-Forwarded-Host $http_host; proxy_pass UP; }"
    with nginx(forwarding, server.port, tmp_path) as url:
        named = {"Host": "evil.example", **sent}
        for path in (POLLING, f"{POLLING}&j=0"):
            answer = requests.get(f"{url}{path}", headers=named, timeout=5)
            assert answer.status_code in (400, 403)
            assert "Access-Control-Allow-Origin" not in answer.headers
        own = {"Host": "app.example.com", "Origin": "http://app.example.com"}
        assert requests.get(f"{url}{POLLING}", headers=own, timeout=5).status_code == 200
