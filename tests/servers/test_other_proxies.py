"""What docs/proxy.md says to write into proxies other than nginx, run in each of them."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.support import raw_http
from tests.support.harness import REPOSITORY, Server, wait_until
from tests.support.nginx import UPGRADE, nginx_of
from tests.support.pages import block
from tests.support.ports import free_port
from tests.support.proxies import TRAEFIK_TLS, running
from tests.support.raw_http import POLLING, WEBSOCKET, Header, Response, compose

PAGE = "docs/proxy.md"
NAME = "chat.example.com"
EVIL = "https://evil.example"
SHOWN = {
    "apache": block(PAGE, "<VirtualHost", "apache"),
    "caddy": block(PAGE, "reverse_proxy", "caddy"),
    "haproxy": block(PAGE, "frontend", "none"),
    "lighttpd": block(PAGE, "proxy.server", "lighttpd"),
    "traefik": block(PAGE, "loadBalancer", "yaml"),
    "varnish": block(PAGE, "vcl_recv", "vcl"),
}
_ROWS = (REPOSITORY / PAGE).read_text("utf-8").partition("### Each of these")[2]
#: What each is to have behind another proxy.
BEHIND = {
    name.lower(): line for name, line in re.findall(r"^\| (\w+) \|[^|`]*`(.*?)`", _ROWS, re.M)
}

#: What stands in a block for the sake of TLS, and what stands there by http:.
TLS = {
    "apache": (r"SSL.*", ""),
    "caddy": (rf"^{NAME}", rf"http://{NAME}"),
    "haproxy": (r" ssl crt \S+", ""),
    "lighttpd": (r"ssl\..*", ""),
    "traefik": (r"tls: \{\}", ""),
}
#: What of a block the line for an inner proxy takes the place of.
REPLACED = {
    "apache": r"RequestHeader set X-Forwarded-Proto",
    "caddy": r"reverse_proxy 127\.0\.0\.1:5000",
    "haproxy": r"http-request set-header X-Forwarded-Proto .*",
}


def by_http(name: str) -> str:
    lines, instead = TLS.get(name, ("^$", ""))
    return re.sub(lines, instead, SHOWN[name], flags=re.MULTILINE)


def believing(name: str) -> str:
    """Return a proxy's block, which believes what another proxy before it says."""
    text = by_http(name)
    if name == "apache":
        assert BEHIND[name] == REPLACED[name]
        return re.sub(rf"{REPLACED[name]}.*", "", text)
    if name in REPLACED:
        line = BEHIND[name]
        if name == "caddy":
            line = f"reverse_proxy 127.0.0.1:5000 {{\n{line}\n}}"
        return re.sub(REPLACED[name], line.replace("\\", r"\\"), text)
    if name == "lighttpd":
        return f'server.modules += ("mod_extforward")\n{BEHIND[name]}\n{text}'
    return text


class Site:
    """One server behind a proxy: with TLS, and behind another proxy that has it.

    `ports` has them by the proxy's place: the port, and whether TLS is spoken there.
    """

    def __init__(self, server: Server, tls: ssl.SSLContext) -> None:
        self.server, self._tls = server, tls
        self.ports: dict[str, tuple[int, bool]] = {}

    def origin(self, place: str) -> str:
        port, is_tls = self.ports[place]
        return f"http{'s' * is_tls}://{NAME}:{port}"

    def request(
        self, place: str, method: str, target: str, headers: list[Header], body: bytes = b""
    ) -> bytes:
        host = ("Host", self.origin(place).partition("://")[2])
        return compose(method, target, [host, *headers], body, port=self.ports[place][0])

    def ask(
        self, place: str, method: str, target: str, headers: list[Header], body: bytes = b""
    ) -> Response:
        port, is_tls = self.ports[place]
        raw = self.request(place, method, target, headers, body)
        return raw_http.exchange(port, raw, tls=self._tls if is_tls else None)

    @contextmanager
    def connected(self, place: str) -> Iterator[socket.socket]:
        port, is_tls = self.ports[place]
        with socket.create_connection(("127.0.0.1", port), 30) as plain:
            if not is_tls:
                yield plain
                return
            with self._tls.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                yield secured

    def converse(self, place: str, headers: list[Header]) -> None:
        """Open a session by polling, and go over to a WebSocket, which has to answer."""
        sid = self.ask(place, "GET", POLLING, headers).sid
        target = f"{WEBSOCKET}&sid={sid}"
        raw = self.request(place, "GET", target, [*raw_http.UPGRADE, *headers])
        with self.connected(place) as connection:
            connection.sendall(raw)
            told = b""
            while b"\r\n\r\n" not in told:
                told += received(connection)
            assert told.startswith(b"HTTP/1.1 101 "), told
            # A text frame with a mask of nothing (RFC 6455, section 5.2), as clients try it.
            connection.sendall(b"\x81\x86\x00\x00\x00\x002probe")
            while b"3probe" not in told:
                told += received(connection)


def received(connection: socket.socket) -> bytes:
    told = connection.recv(4096)
    assert told, "the connection was closed"
    return told


class Place(NamedTuple):
    """A proxy's configuration.

    :param outer: the lines in the location of an nginx with TLS that stands before it.
    :param arguments: what is written on the proxy's command line.
    """

    text: str
    outer: str = ""
    arguments: tuple[str, ...] = ()


#: What the outer proxy tells, as nginx does on the page, of a client from far away; and one that
#: says nothing of the scheme.
TELLS = (
    f"{UPGRADE} proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; "
    'proxy_set_header X-Forwarded-Host ""; proxy_set_header X-Forwarded-For 203.0.113.7;'
)
SILENT = TELLS.replace("$scheme", '""')
#: What is written elsewhere than in the block.
TRUSTING = {"traefik": (f"--entryPoints.websecure.{BEHIND['traefik']}",)}


def places(name: str) -> dict[str, Place]:
    if name == "varnish":  # It has no TLS of its own.
        return {"believing": Place(believing(name), TELLS), "hiding": Place(SHOWN[name], SILENT)}
    return {
        "tls": Place(SHOWN[name]),
        "believing": Place(believing(name), TELLS, TRUSTING.get(name, ())),
        # It writes its own scheme over the other one's.
        "hiding": Place(by_http(name), TELLS),
    }


def start(
    stack: ExitStack, name: str, place: Place, port: int, upstream: int, home: Path, pem: Path
) -> None:
    text = re.sub(r"/etc/ssl/[\w.]+\.(pem|key)", str(pem), place.text)
    text = re.sub(r"127\.0\.0\.1:5000", f"127.0.0.1:{upstream}", text)
    text = re.sub(r"(port\W+)5000\b", rf"\g<1>{upstream}", text)
    text = re.sub(r":443\b", f":{port}", text)
    arguments: list[str] = []
    if name == "apache":
        text = f"Listen 127.0.0.1:{port}\n{text}"
    elif name == "caddy":
        # In place of the certificate that it gets by itself.
        tls = "" if place.outer else f"tls {pem} {pem}"
        text = text.replace(f"{NAME} {{", f"{NAME}:{port} {{\n{tls}")
    elif name == "lighttpd":
        text = f'server.port = {free_port()}\nserver.bind = "127.0.0.1"\n{text}'
    elif name == "traefik":
        text = f"{text}\n{TRAEFIK_TLS.format(pem)}"
        arguments = [f"--entryPoints.websecure.address=127.0.0.1:{port}", *place.arguments]
    elif name == "varnish":
        arguments = ["-a", f"127.0.0.1:{port}"]
    stack.enter_context(running(name, text, [port], home, *arguments))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    authority, both = trustme.CA(), tmp_path_factory.mktemp("tls") / "both.pem"
    leaf = authority.issue_cert("127.0.0.1", NAME)
    leaf.private_key_and_cert_chain_pem.write_to_path(str(both))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return both, context


@pytest.fixture(scope="module", params=SHOWN)
def site(
    request: pytest.FixtureRequest,
    serve: Callable[..., Server],
    tls: tuple[Path, ssl.SSLContext],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    name, (pem, context) = request.param, tls
    home = tmp_path_factory.mktemp(name)
    site = Site(serve(""), context)
    outer = {}
    with ExitStack() as stack:
        for place, described in places(name).items():
            port = free_port()
            start(stack, name, described, port, site.server.port, home, pem)
            site.ports[place] = port, not described.outer
            if described.outer:
                passing = f"location / {{ {described.outer} proxy_pass http://127.0.0.1:{port}; }}"
                outer[place] = f"ssl_certificate {pem}; ssl_certificate_key {pem}; {passing}"
        for place, address in stack.enter_context(nginx_of(outer, home)).items():
            site.ports[place] = int(address.rpartition(":")[2]), True
        for place in site.ports:
            wait_until(lambda place=place: is_ready(site, place))
        yield site


def is_ready(site: Site, place: str) -> bool:
    """Tell whether a proxy passes on: Traefik listens before it has read what, and by which key."""
    try:
        return site.ask(place, "GET", POLLING, []).status != 404
    except OSError:
        return False


EVERYWHERE = ["tls", "believing"]
FIXED = """
from werkzeug.middleware.proxy_fix import ProxyFix
app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1)
"""


def its(site: Site, wanted: list[str]) -> list[str]:
    return [place for place in wanted if place in site.ports]


def test_the_own_page_gets_in_by_polling_websocket_and_upgrade(site: Site) -> None:
    site.server.configure()
    for place in its(site, EVERYWHERE):
        own: Header = ("Origin", site.origin(place))
        alone = site.ask(place, "GET", WEBSOCKET, [*raw_http.UPGRADE, own])
        polled = site.ask(place, "GET", POLLING, [own])
        session = f"{POLLING}&sid={polled.sid}"
        posted = site.ask(place, "POST", session, [own], b"40")
        assert [alone.status, polled.status, posted.status] == [101, 200, 200], place
        assert polled.header("Access-Control-Allow-Origin") == own[1]
        site.converse(place, [own])


def test_the_own_page_gets_in_with_a_proxy_fix(site: Site) -> None:
    site.server.configure()
    site.server.run(FIXED)
    try:
        for place in its(site, ["tls"]):
            site.converse(place, [("Origin", site.origin(place))])
            assert statuses(site, place, [("Origin", EVIL)]) == [403, 403]
    finally:
        site.server.run("app.wsgi_app = app.wsgi_app.app")


def statuses(site: Site, place: str, headers: list[Header]) -> list[int]:
    return [
        site.ask(place, "GET", POLLING, headers).status,
        site.ask(place, "GET", WEBSOCKET, [*raw_http.UPGRADE, *headers]).status,
    ]


def test_a_stranger_never_gets_in(site: Site) -> None:
    site.server.configure()
    for place in its(site, EVERYWHERE):
        own = site.origin(place)
        for sent in (
            [("Origin", EVIL)],
            [("Origin", own), ("Sec-Fetch-Site", "cross-site")],
            [("Origin", f"https://sub.{NAME}")],
            [("Origin", EVIL), ("X-Forwarded-Host", "evil.example")],
            [
                ("Origin", EVIL),
                ("X-Forwarded-Host", "evil.example"),
                ("X-Forwarded-Proto", "https"),
            ],
            [("Origin", own.replace("https:", "http:")), ("X-Forwarded-Proto", "http")],
            [("Origin", own.replace("https:", "http:")), ("Forwarded", "proto=http")],
        ):
            assert statuses(site, place, sent) == [403, 403], (place, sent)


#: Of those that show by what they add to requests, the line that lets the page in.
TOLD = {
    "apache": "Apache: remove RequestHeader set X-Forwarded-Proto)",
    "lighttpd": f"lighttpd: {BEHIND['lighttpd']}",
    "traefik": f"(Traefik: at the entry point: {BEHIND['traefik']}",
    "varnish": '(Varnish: set req.http.X-Forwarded-Proto = "https";)',
}


def test_a_page_whose_scheme_is_hidden_is_told_so(
    site: Site, request: pytest.FixtureRequest
) -> None:
    line = TOLD.get(request.node.callspec.params["site"], "(nginx: proxy_set_header X-Forwarded-P")
    site.server.configure("app.debug = True")
    own = site.origin("hiding")
    for target, headers in (POLLING, []), (WEBSOCKET, raw_http.UPGRADE):
        answer = site.ask("hiding", "GET", target, [*headers, ("Origin", own)])
        assert answer.status == 403
        told = json.loads(answer.body)["message"]
        assert f"{own!r} is most likely this server's own" in told
        assert "the page says https:" in told
        assert line in told
    assert any("Refused" in line and own in line for line in site.server.log().splitlines())
