"""A page's own server behind real proxies: it gets in, or is told why not; strangers never do."""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.support import raw_http
from tests.support.harness import Server
from tests.support.nginx import UPGRADE, nginx_of
from tests.support.pages import blocks
from tests.support.raw_http import POLLING, WEBSOCKET, Header, Response, compose

EVIL = "https://evil.example"
#: What each kind of browser says of its page's requests: with polling, and with a WebSocket.
SAME = [("Sec-Fetch-Site", "same-origin")]
BROWSERS = {"none": ([], []), "Chromium": (SAME, []), "Firefox": (SAME, SAME)}


def sets(**headers: str) -> str:
    lines = [
        f'proxy_set_header {name.replace("_", "-")} "{value}";' for name, value in headers.items()
    ]
    return " ".join([UPGRADE, *lines])


def in_place(block: str) -> str:
    """Return what stands in the server of one of the page's blocks, its address left open."""
    inner = block.partition("server {")[2].rpartition("}")[0]
    inner = re.sub(r"(listen|server_name|ssl_certificate(_key)?) [^;]*;", "", inner)
    return inner.replace("http://127.0.0.1:5000", "UP")


FIRST, SECOND, INNER = blocks("docs/proxy.md", "nginx")


class Case(NamedTuple):
    """A page, and how its server is reached.

    :param page: its origin; `PORT` stands for the proxy's own, and no host for one that is made up.
    :param proxy: the lines in nginx's location, or a whole location.
    :param told: words of its refusal; none where the page gets in.
    :param server: which of the servers.
    :param before: the lines in the location of a proxy that stands before that one.
    :param mount: the path below which the proxy has the server.
    """

    page: str
    proxy: str
    told: tuple[str, ...] = ()
    server: str = "plain"
    before: str = ""
    mount: str = ""


DEBIAN = sets(
    Host="$host",
    X_Real_IP="$remote_addr",
    X_Forwarded_For="$proxy_add_x_forwarded_for",
    X_Forwarded_Proto="$scheme",
)
SOCKETIO = sets(X_Forwarded_For="$proxy_add_x_forwarded_for", Host="$host")
COMPLETE = sets(Host="$http_host", X_Forwarded_Proto="$scheme")
ALL_FOUR = sets(
    Host="$host",
    X_Forwarded_Port="$server_port",
    X_Forwarded_Host="$host",
    X_Forwarded_Proto="$scheme",
)
FORWARDED = "for=$remote_addr;host=$http_host;proto=$scheme"
UPSTREAM = sets(X_Forwarded_Proto="$scheme", Upstream="yes")
TRAEFIK = sets(Host="$http_host", X_Forwarded_Proto="$traefiks_scheme")
MOUNTED = "location /chat/ {{ {} proxy_pass UP/; }}".format
TWICE = sets(Host="$http_host", X_Forwarded_Host="$http_host", X_Forwarded_Proto="$scheme")
VISITOR = {"CF_Visitor": r"{\"scheme\":\"https\"}"}
INNERMOST = sets(
    Host="$http_host",
    X_Forwarded_Host="$http_host",
    X_Forwarded_Proto="$http_x_forwarded_proto",
)
#: As ingress-nginx has them, unless it is told to believe a load balancer before it.
INGRESS = sets(
    Host="$http_host",
    X_Forwarded_Host="$http_host",
    X_Forwarded_Port="$server_port",
    X_Forwarded_Proto="$scheme",
    X_Forwarded_Scheme="$scheme",
    X_Scheme="$scheme",
)
#: As Nginx Proxy Manager has them.
MANAGER = sets(
    Host="$host",
    X_Forwarded_Scheme="$scheme",
    X_Forwarded_Proto="$scheme",
    X_Forwarded_For="$proxy_add_x_forwarded_for",
    X_Real_IP="$remote_addr",
)
ADDING = sets(Host="$http_host", X_Forwarded_Proto="$http_x_forwarded_proto, $scheme")

NO_SCHEME = ("the page says https:", "no X-Forwarded-Proto came", "X-Forwarded-Proto $scheme;")
NO_HOST = ("Let the proxy pass Host on as it came", "Host $http_host;")
NO_PORT = ("the page says port 8443", "Host $http_host;")
OVERWRITTEN = ("X-Forwarded-Proto says 'http'", "X-Forwarded-Proto $http_x_forwarded_proto;")

CASES = {
    "Debian's proxy_params": Case("https://:", DEBIAN),
    "Debian's proxy_params, by http:": Case("http://:", DEBIAN),
    "Debian's proxy_params, another port": Case(
        "https://:8443", DEBIAN, ("the page says port 8443", "Host $http_host;")
    ),
    "Debian's proxy_params, another port by http:": Case(
        "http://:8080", DEBIAN, ("the page says port 8080", "Host $http_host;")
    ),
    "Socket.IO's block": Case("https://:", SOCKETIO, NO_SCHEME),
    "Socket.IO's block, by http:": Case("http://:", SOCKETIO),
    "Socket.IO's block, another port": Case(
        "https://:8443", SOCKETIO, ("https: and port 8443", "$scheme;", "$http_host;")
    ),
    "$http_host and the scheme": Case("https://:", COMPLETE),
    "$http_host and the scheme, another port": Case("https://:8443", COMPLETE),
    "$http_host and the scheme, another port by http:": Case("http://:8080", COMPLETE),
    "$host, port, host, scheme": Case("https://:", ALL_FOUR),
    "$host, port, host, scheme, another port": Case(
        "https://:8443",
        ALL_FOUR,
        ("the page says port 8443", "X-Forwarded-Host $http_host;", "the X-Forwarded-Port header"),
    ),
    "$host, port, host, scheme, ProxyFix": Case("https://:PORT", ALL_FOUR, server="x_port"),
    "upgrade only": Case("https://:", UPGRADE, (*NO_HOST, "X-Forwarded-Proto $scheme;")),
    "upgrade only, by http:": Case("http://:", UPGRADE, NO_HOST),
    "Forwarded": Case(
        "https://:",
        sets(Host="$http_host", Forwarded=FORWARDED),
        (*NO_SCHEME, "Nobody here reads the Forwarded header (RFC 7239)"),
    ),
    "Forwarded alone": Case(
        "https://:", sets(Forwarded=FORWARDED), ("the Forwarded header (RFC 7239)", *NO_HOST)
    ),
    "an inner proxy that overwrites": Case("https://:", COMPLETE, OVERWRITTEN, before=COMPLETE),
    "an inner proxy that adds": Case("https://:", ADDING, before=COMPLETE),
    "an inner proxy that adds, ProxyFix": Case(
        "https://:", ADDING, ("as ProxyFix has it", "x_proto=2"), "x_host", COMPLETE
    ),
    "ingress-nginx": Case("https://:", INGRESS),
    "ingress-nginx behind a load balancer": Case(
        "https://:",
        INGRESS,
        ("X-Forwarded-Proto says 'http'", 'ingress-nginx: use-forwarded-headers: "true"'),
        before=sets(Host="$http_host", X_Forwarded_Proto="$scheme", X_Forwarded_Port="443"),
    ),
    "Nginx Proxy Manager": Case("https://:", MANAGER),
    "Nginx Proxy Manager, another port": Case("https://:8443", MANAGER, NO_PORT),
    "an upstream's name": Case("https://:", UPSTREAM, ("https://flask_app", *NO_HOST)),
    "Traefik's scheme": Case("https://:", TRAEFIK),
    "Traefik's scheme by http:": Case("http://:8080", TRAEFIK),
    "ProxyFix inside": Case("https://:", COMPLETE, server="inside"),
    "ProxyFix outside": Case("https://:8443", COMPLETE, server="x_host"),
    "ProxyFix that leaves out the host": Case(
        "https://:",
        sets(X_Forwarded_Host="$http_host", X_Forwarded_Proto="$scheme"),
        ("X-Forwarded-Host names it", "ProxyFix(app.wsgi_app, x_host=1)"),
        "x_proto",
    ),
    "a Host with port 443": Case("https://:", sets(Host="$host:443", X_Forwarded_Proto="$scheme")),
    "a Host with port 443, and no scheme": Case("https://:", sets(Host="$host:443"), NO_SCHEME),
    "a Host with the proxy's port": Case(
        "https://:", sets(Host="$host:$server_port", X_Forwarded_Proto="$scheme"), NO_HOST
    ),
    "$proxy_host": Case(
        "https://:", sets(Host="$proxy_host", X_Forwarded_Proto="$scheme"), NO_HOST
    ),
    "two proxies, of which the outer one tells the host": Case(
        "https://:8443", UPGRADE, before=TWICE
    ),
    "two proxies, of which the inner one tells its own": Case(
        "https://:8443", INNERMOST, NO_HOST, before=sets(X_Forwarded_Proto="$scheme")
    ),
    "X-Forwarded-Port alone": Case(
        "https://:8443",
        sets(Host="$host", X_Forwarded_Port="8443"),
        ("https: and port 8443", "$scheme;", "$http_host;", "the X-Forwarded-Port header"),
    ),
    "IPv6": Case("https://[fd00::1]:8443", COMPLETE),
    "IPv6, Debian's proxy_params": Case("https://[fd00::1]:", DEBIAN),
    "IPv6, Debian's proxy_params, another port": Case("https://[fd00::2]:8443", DEBIAN, NO_PORT),
    "IPv6, Socket.IO's block": Case("https://[2001:db8::1]:", SOCKETIO, NO_SCHEME),
    "a port that is mapped to the proxy's": Case(
        "https://:8443", sets(Host="$host:$server_port", X_Forwarded_Proto="$scheme"), NO_HOST
    ),
    "a name with a dot at its end": Case("https://dot.example.:8443", COMPLETE),
    "a name with a dot at its end, Debian's proxy_params": Case(
        "https://dot.example.:", DEBIAN, NO_HOST
    ),
    "below a path": Case("https://:", MOUNTED(COMPLETE), mount="/chat"),
    "below a path, no scheme": Case("https://:", MOUNTED(SOCKETIO), NO_SCHEME, mount="/chat"),
    "below a path, ProxyFix": Case(
        "https://:8443",
        MOUNTED(f"{COMPLETE} proxy_set_header X-Forwarded-Prefix /chat;"),
        server="x_prefix",
        mount="/chat",
    ),
    "a socket of Unix": Case("https://:", COMPLETE, server="unix"),
    "a socket of Unix, upgrade only": Case(
        "https://:", UPGRADE, (*NO_HOST, "X-Forwarded-Proto $scheme;", "http://localhost"), "unix"
    ),
    "Cloudflare, and an inner proxy that overwrites": Case(
        "https://:",
        COMPLETE,
        (*OVERWRITTEN, "the CF-Visitor header"),
        before=sets(Host="$http_host", X_Forwarded_Proto="$scheme", **VISITOR),
    ),
    "CF-Visitor alone": Case(
        "https://:", sets(Host="$http_host", **VISITOR), (*NO_SCHEME, "the CF-Visitor header")
    ),
    "X-Forwarded-Ssl": Case(
        "https://:",
        sets(Host="$http_host", X_Forwarded_Ssl="on"),
        (*NO_SCHEME, "the X-Forwarded-Ssl header"),
    ),
    "Front-End-Https": Case(
        "https://:",
        sets(Host="$http_host", Front_End_Https="on"),
        (*NO_SCHEME, "the Front-End-Https header"),
    ),
    "X-Scheme": Case(
        "https://:8443",
        sets(Host="$http_host", X_Scheme="$scheme"),
        (*NO_SCHEME, "the X-Scheme header"),
    ),
    "CloudFront's scheme": Case(
        "https://:",
        sets(Host="$http_host", CloudFront_Forwarded_Proto="https"),
        (*NO_SCHEME, "the CloudFront-Forwarded-Proto header"),
    ),
    "two schemes": Case("https://:", sets(Host="$http_host", X_Forwarded_Proto="https,http")),
    "two schemes, the browser's last": Case(
        "https://:",
        sets(Host="$http_host", X_Forwarded_Proto="$scheme,$http_x_forwarded_proto"),
        ("X-Forwarded-Proto says 'http,https'", *OVERWRITTEN[1:]),
        before=COMPLETE,
    ),
    "a scheme in capitals": Case("https://:", sets(Host="$http_host", X_Forwarded_Proto="HTTPS")),
    "a scheme in capitals, ProxyFix": Case(
        "https://:8443", sets(Host="$http_host", X_Forwarded_Proto="HTTPS"), server="x_host"
    ),
    "what is no scheme": Case(
        "https://:",
        sets(Host="$http_host", X_Forwarded_Proto="on"),
        ("X-Forwarded-Proto says 'on'", "the page says https:", "X-Forwarded-Proto $scheme;"),
    ),
    "the page's first block": Case("https://:8443", in_place(FIRST)),
    "the page's first block, ProxyFix": Case("https://:", in_place(FIRST), server="x_host"),
    "the page's second block": Case("https://:8443", in_place(SECOND)),
    "the page's second block, ProxyFix": Case("https://:8443", in_place(SECOND), server="x_host"),
    "the page's inner proxy": Case("https://:8443", in_place(INNER), before=COMPLETE),
    "the page's inner proxy, alone": Case("http://:8080", in_place(INNER)),
}
#: How many proxies the ProxyFix that stands outside trusts with scheme, host, port and prefix.
TRUSTED = {
    "x_host": (1, 1, 0, 0),
    "x_port": (1, 1, 1, 0),
    "x_prefix": (1, 1, 0, 1),
    "x_proto": (1, 0, 0, 0),
    # As refusals tell.
    "x_host=1": (1, 1, 0, 0),
    "x_proto=2": (2, 1, 0, 0),
}
INSIDE = """
from werkzeug.middleware.proxy_fix import ProxyFix
app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1)
"""
#: It listens at a socket of Unix, too.
UNIX = """
import socket, eventlet, eventlet.wsgi
listener = eventlet.listen({path!r}, socket.AF_UNIX)
eventlet.spawn(eventlet.wsgi.server, listener, app, log_output=False)
"""
OUTSIDE = """
from werkzeug.middleware.proxy_fix import ProxyFix
app.wsgi_app = app.config["FIX"] = ProxyFix(app.wsgi_app)
"""


class Site:
    """Three servers behind one nginx, which has a server for each case."""

    def __init__(
        self, servers: dict[str, Server], cases: dict[str, Case], home: Path, stack: ExitStack
    ) -> None:
        self.servers, self.cases = servers, cases
        self._unix = home / "unix"
        servers["plain"].run(UNIX.format(path=str(self._unix)))
        authority = trustme.CA()
        both = home / "both.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(both))
        self.tls = ssl.create_default_context()
        authority.configure_trust(self.tls)
        self._tls_lines = f"ssl_certificate {both}; ssl_certificate_key {both};"
        http = f"""
            map "$scheme$http_upgrade" $traefiks_scheme {{
                httpwebsocket ws; httpswebsocket wss; default $scheme;
            }}
            upstream flask_app {{ server 127.0.0.1:{servers["plain"].port}; }}
            {INNER.partition("server {")[0]}
        """
        self.addresses = stack.enter_context(nginx_of(dict(self._lines()), home, http))

    def _lines(self) -> Iterator[tuple[str, str]]:
        for name, case in self.cases.items():
            up = f"http://127.0.0.1:{self.server(case).port}"
            up = "http://flask_app" if "Upstream" in case.proxy else up
            up = f"http://unix:{self._unix}:" if case.server == "unix" else up
            place = case.proxy
            if "location" not in place:
                place = f"location / {{ {place} proxy_pass UP; }}"
            tls = self._tls_lines if case.page.startswith("https") else ""
            place = re.sub(r"\bUP\b", up, place)
            if not case.before:
                yield name, f"{tls} {place}"
                continue
            outer = f"location / {{ {case.before} proxy_pass AT({name}, inside); }}"
            yield from ((name, f"{tls} {outer}"), (f"{name}, inside", place))

    def server(self, case: Case) -> Server:
        name = "outside" if case.server in TRUSTED else case.server
        return self.servers["plain" if name == "unix" else name]

    def origin(self, name: str) -> str:
        scheme, _, place = self.cases[name].page.partition("://")
        host, _, port = place.rpartition(":")
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        port = port.replace("PORT", self.addresses[name].rpartition(":")[2])
        return f"{scheme}://{host or f'{slug}.example'}{port and f':{port}'}"

    def ask(
        self, name: str, method: str, target: str, headers: list[Header], body: bytes = b""
    ) -> Response:
        """Ask as a browser does, to which the page's host leads to the proxy."""
        address = self.addresses[name]
        port, host = int(address.rpartition(":")[2]), self.origin(name).partition("://")[2]
        target = f"{self.cases[name].mount}{target}"
        raw = compose(method, target, [("Host", host), *headers], body, port=port)
        return raw_http.exchange(port, raw, tls=self.tls if address[4] == "s" else None)

    def visit(self, name: str, origin: str, browser: str) -> list[Response]:
        """Connect by WebSocket at once, then by polling, and upgrade that."""
        polling, websocket = BROWSERS[browser]
        sent: list[Header] = [("Origin", origin)]
        alone = self.ask(name, "GET", WEBSOCKET, [*raw_http.UPGRADE, *sent, *websocket])
        opened = self.ask(name, "GET", POLLING, polling)
        session = f"&sid={opened.sid}"
        posted = self.ask(name, "POST", POLLING + session, [*sent, *polling], b"40")
        upgraded = self.ask(
            name, "GET", WEBSOCKET + session, [*raw_http.UPGRADE, *sent, *websocket]
        )
        return [alone, opened, posted, upgraded]


@pytest.fixture(scope="module")
def site(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    servers = {
        "plain": serve(""),
        "inside": serve(INSIDE),
        "outside": serve(after=OUTSIDE),
    }
    with ExitStack() as stack:
        yield Site(servers, CASES, tmp_path_factory.mktemp("site"), stack)


def prepare(site: Site, name: str, config: str = "") -> Server:
    case = site.cases[name]
    server = site.server(case)
    server.configure(f"app.debug = True\n{config}")
    if case.server in TRUSTED:
        fix = "app.config['FIX']"
        server.run(
            f"{fix}.x_proto, {fix}.x_host, {fix}.x_port, {fix}.x_prefix = {TRUSTED[case.server]}"
        )
    return server


def statuses(answers: list[Response]) -> list[int]:
    return [answer.status for answer in answers]


IN, ONLY_OPENED, ALL_BUT_ALONE = [101, 200, 200, 101], [403, 200, 403, 403], [403, 200, 200, 101]
#: What a page meets that its address does not show to be the server's own.
UNKNOWN = {"none": ONLY_OPENED, "Chromium": ALL_BUT_ALONE, "Firefox": IN}


def browsers(name: str) -> list[str]:
    """Return those that there are: they say nothing of their pages to a server by http:."""
    return list(BROWSERS) if CASES[name].page.startswith("https") else ["none"]


@pytest.mark.parametrize("name", CASES)
def test_the_own_page_gets_in_or_is_told_why_not(site, name):
    told, origin = CASES[name].told, site.origin(name)
    server = prepare(site, name)
    for browser in browsers(name):
        answers = site.visit(name, origin, browser)
        assert statuses(answers) == (UNKNOWN[browser] if told else IN), browser
        for answer in answers:
            if answer.status == 403:
                message = json.loads(answer.body)["message"]
                assert all(words in message for words in told), message
                named = [origin.removesuffix("."), origin] if origin[-1] == "." else [origin]
                assert f"SIO_CORS_OWN_ORIGINS = {named}" in message
    lines = [line for line in server.log().splitlines() if "Refused" in line and origin in line]
    assert bool(lines) == bool(told)
    assert all(words in lines[0] for words in told), lines


REFUSED = {name: case for name, case in CASES.items() if case.told}


@pytest.fixture(scope="module")
def mended(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Put the lines of each refusal where they belong, in the place of those of the same name."""
    cases = {name: pasted(case, refusal(site, name)) for name, case in REFUSED.items()}
    with ExitStack() as stack:
        yield Site(site.servers, cases, tmp_path_factory.mktemp("mended"), stack)


def refusal(site: Site, name: str) -> str:
    prepare(site, name)
    sent = [*raw_http.UPGRADE, ("Origin", site.origin(name))]
    return json.loads(site.ask(name, "GET", WEBSOCKET, sent).body)["message"]


def pasted(case: Case, told: str) -> Case:
    proxy, before = case.proxy, case.before
    for line, header in re.findall(r"(proxy_set_header (\S+) [^;]+;)", told):
        proxy = with_line(proxy, line, header)
        if header == "Host" and before:  # Each proxy is to pass it on.
            before = with_line(before, line, header)
    if "use-forwarded-headers" in told:  # What it makes of the controller's own lines.
        for header in ("X-Forwarded-Proto", "X-Forwarded-Port"):
            variable = header.lower().replace("-", "_")
            line = f"proxy_set_header {header} $http_{variable};"
            proxy = with_line(proxy, line, header)
    fix = re.search(r"ProxyFix\(app\.wsgi_app, (x_\w+=\d)\)", told)
    server = fix[1] if fix else case.server
    return case._replace(proxy=proxy, before=before, told=(), server=server)


def with_line(proxy: str, line: str, header: str) -> str:
    kept = re.sub(rf"proxy_set_header {header} [^;]*;", "", proxy)
    return kept.replace("{", f"{{ {line}", 1) if "location" in kept else f"{kept} {line}"


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_refusal_tells_to_write_lets_the_page_in_and_no_other(mended, name):
    prepare(mended, name)
    for browser in browsers(name):
        assert statuses(mended.visit(name, mended.origin(name), browser)) == IN, browser
    for origin in (EVIL, mended.origin(name).replace("://", "://sub.")):
        answer = mended.ask(name, "GET", POLLING, [("Origin", origin)])
        assert answer.status == 403


@pytest.mark.parametrize("name", CASES)
def test_where_it_is_named_the_own_page_gets_in(site, name):
    named = {site.origin(other) for other in CASES}
    named |= {origin.removesuffix(".") for origin in named}
    prepare(site, name, f"app.config['SIO_CORS_OWN_ORIGINS'] = {sorted(named)}")
    for browser in browsers(name):
        assert statuses(site.visit(name, site.origin(name), browser)) == IN, browser


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_named", [False, True], ids=["unnamed", "named"])
def test_a_stranger_never_gets_in(site, name, is_named):
    own = site.origin(name)
    named = f"{own} {own.removesuffix('.')}"
    prepare(site, name, f"app.config['SIO_CORS_OWN_ORIGINS'] = '{named}'" if is_named else "")
    host = own.partition("://")[2].partition(":")[0]
    elsewhere = ("Sec-Fetch-Site", "cross-site")
    for sent in (
        [("Origin", EVIL)],
        [("Origin", EVIL), elsewhere],
        [("Origin", EVIL if is_named else own), ("Sec-Fetch-Site", "same-site")],
        [("Origin", f"https://{host}.evil.example")],
        [("Origin", f"https://sub.{host}")],
    ):
        polled = site.ask(name, "GET", POLLING, sent)
        opened = site.ask(name, "GET", WEBSOCKET, [*raw_http.UPGRADE, *sent])
        assert statuses([polled, opened]) == [403, 403], sent
        assert "most likely" not in polled.body.decode()
