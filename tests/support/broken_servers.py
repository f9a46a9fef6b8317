"""Servers that are broken on purpose, each in one way that users meet.

Where it can be, a broken server is a real Socket.IO server behind something that spoils its
answers; where it is no Socket.IO server at all, it is what really listens there.
"""

from __future__ import annotations

import atexit
import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import socketio
import trustme
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_sio_cors import SioCors
from tests.support.ports import free_port

Wsgi = Callable[..., Iterable[bytes]]
Headers = list[tuple[str, str]]


class _Quiet(WSGIRequestHandler):
    def version_string(self) -> str:
        return "Werkzeug"

    def log(self, *_: object, **__: object) -> None:
        pass


@contextmanager
def serving(app: Wsgi, ssl_context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve a WSGI application on a free port of 127.0.0.1; yields the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    if ssl_context is not None:
        # Not at once: a browser's idle connection would keep the server from accepting others.
        server.ssl_context = ssl_context
        server.socket = ssl_context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept TCP connections, and let `talk` do with each what it likes; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(60)
            talk(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def engine(**options: Any) -> Wsgi:
    """A Socket.IO server that knows nothing of CORS."""
    settings = {"async_mode": "threading", "cors_allowed_origins": [], **options}
    path = settings.pop("path", "socket.io")
    return socketio.WSGIApp(socketio.Server(**settings), socketio_path=path)


def guarded(config: str) -> Wsgi:
    """A Flask-SocketIO server with this extension, configured by Python lines."""
    return flask_app(f"{config}\nsocketio = SocketIO(app, async_mode='threading')\nSioCors(app)")


def flask_app(source: str) -> Wsgi:
    """The application that this source makes of `app`, a Flask application of nothing."""
    app = Flask("pasted")
    exec(source, {"app": app, "SocketIO": SocketIO, "SioCors": SioCors, "re": re})
    return app.wsgi_app


def plain(fix: str = "", *, options: str = "") -> Wsgi:
    """A Flask-SocketIO server; with `fix` pasted below its ``SocketIO(app)``."""
    return flask_app(f"socketio = SocketIO(app, async_mode='threading'{options})\n{fix}")


REFLECT = ("Access-Control-Allow-Origin", "{origin}")
CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
VARY = ("Vary", "Origin")
METHODS = ("Access-Control-Allow-Methods", "GET, POST")
HEADERS = ("Access-Control-Allow-Headers", "{headers}")


def behind(
    app: Wsgi,
    *added: tuple[str, str],
    preflight: Iterable[tuple[str, str]] | None = None,
    preflight_status: str = "204 NO CONTENT",
    post: Iterable[tuple[str, str]] | None = None,
) -> Wsgi:
    """Put headers on an application's answers; `{origin}` and `{headers}` are the request's.

    :param preflight: what its preflights get instead; they get no other header.
    :param post: what its POST requests get instead.
    """

    def fill(environ: Any, headers: Iterable[tuple[str, str]]) -> Headers:
        known = {
            "{origin}": environ.get("HTTP_ORIGIN", ""),
            "{headers}": environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", ""),
        }
        return [(name, known.get(value, value)) for name, value in headers]

    def wrapped(environ: Any, start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            default = (*added, METHODS, HEADERS)
            chosen = preflight if preflight is not None else default
            start_response(preflight_status, [*fill(environ, chosen), ("Content-Length", "0")])
            return []
        chosen = post if post is not None and method == "POST" else added

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *fill(environ, chosen)], exc_info)

        return app(environ, start)

    return wrapped


def choosing(app: Wsgi, lets_in: Callable[[str], bool]) -> Wsgi:
    """Allow the origins that `lets_in` likes, with credentials, as code written by hand does."""

    def chosen(environ: Any, start_response: Any) -> Iterable[bytes]:
        is_in = lets_in(environ.get("HTTP_ORIGIN", ""))
        return behind(app, *(ALLOWED if is_in else (VARY,)))(environ, start_response)

    return chosen


def answering(status: str, body: str = "", *headers: tuple[str, str]) -> Wsgi:
    """An application with the same answer to everything."""
    content = body.encode()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        shown = [(name, value.replace("{origin}", origin)) for name, value in headers]
        start_response(status, [*shown, ("Content-Length", str(len(content)))])
        return [content]

    return app


def upgrade_dropped(app: Wsgi) -> Wsgi:
    """Do what a proxy does that was not told to forward ``Upgrade``."""

    def dropping(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ = dict(environ)
        environ.pop("HTTP_UPGRADE", None)
        environ["HTTP_CONNECTION"] = "close"
        return app(environ, start_response)

    return dropping


def passing_on(app: Wsgi, **changed: str | None) -> Wsgi:
    """Change headers of requests, as proxies do; `{own}` is the server's own origin.

    :param changed: a header in WSGI's spelling; ``None`` drops it.
    """

    def changing(environ: Any, start_response: Any) -> Iterable[bytes]:
        own = f"http://{environ['HTTP_HOST']}"
        environ = {name: value for name, value in environ.items() if name not in changed}
        kept = {name: value for name, value in changed.items() if value is not None}
        environ.update({name: value.replace("{own}", own) for name, value in kept.items()})
        return app(environ, start_response)

    return changing


def stripping(app: Wsgi, *names: str) -> Wsgi:
    """Remove headers from an application's answers."""

    def stripped(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            kept = [header for header in headers if header[0].lower() not in names]
            return start_response(status, kept, exc_info)

        return app(environ, start)

    return stripped


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(4096):
            target.sendall(chunk)


@contextmanager
def forwarding(url: str, *dropped: str, before: bytes = b"") -> Iterator[str]:
    """Pass requests on to a server, without the headers of these names; yields the address.

    :param before: what goes before each answer.
    """
    port = int(url.rpartition(":")[2])

    def forward(client: socket.socket) -> None:
        head, _, body = _receive_request(client).partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while len(body) < int(length[1] if length else 0):
            body += client.recv(4096)
        first, *lines = head.split(b"\r\n")
        kept = [line for line in lines if line.split(b":")[0].lower().decode() not in dropped]
        is_upgrade = b"upgrade: websocket" in head.lower()
        if not is_upgrade:
            kept = [line for line in kept if not line.lower().startswith(b"connection:")]
            kept.append(b"Connection: close")
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(b"\r\n".join([first, *kept, b"", body]))
            threading.Thread(target=_pour, args=(client, server), daemon=True).start()
            client.sendall(b"" if is_upgrade else before)
            _pour(server, client)

    with listening(forward) as own_port:
        yield f"http://127.0.0.1:{own_port}"


def redirecting(location: str, *headers: tuple[str, str], status: str = "307 X") -> Wsgi:
    """Redirect everything; `{path}` is the request's path and query."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        path = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        target = location.replace("{path}", path)
        return answering(status, "", ("Location", target), *headers)(environ, start_response)

    return app


def caching(app: Wsgi) -> Wsgi:
    """Answer every handshake with the first one's answer, whoever asks."""
    kept: dict[str, Any] = {}

    def cached(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or "sid=" in environ["QUERY_STRING"]:
            return app(environ, start_response)
        if not kept:

            def keep(status: str, headers: Headers, exc_info: Any = None) -> Any:
                kept.update(status=status, headers=headers)

            first = {**environ, "HTTP_ORIGIN": "https://first.example"}
            kept["body"] = b"".join(app(first, keep))
        start_response(kept["status"], [*kept["headers"], ("Age", "3")])
        return [kept["body"]]

    return cached


def forgetting(app: Wsgi) -> Wsgi:
    """Do what a load balancer does without sticky sessions: each request to another worker."""
    other = engine()
    turn = iter(range(1_000_000))

    def balanced(environ: Any, start_response: Any) -> Iterable[bytes]:
        return (app, other)[next(turn) % 2](environ, start_response)

    return balanced


def only_at(path: str, app: Wsgi) -> Wsgi:
    """Answer under one path, and like any framework elsewhere."""
    not_found = answering(
        "404 NOT FOUND", "<title>404 Not Found</title>", ("Content-Type", "text/html")
    )

    def placed(environ: Any, start_response: Any) -> Iterable[bytes]:
        found = environ["PATH_INFO"].startswith(path)
        return (app if found else not_found)(environ, start_response)

    return placed


def _receive_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            break
        received += chunk
    return received


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    """Read a request, answer these bytes, and hang up."""

    def talk(connection: socket.socket) -> None:
        _receive_request(connection)
        connection.sendall(answer)

    return talk


def answering_raw(
    *lines: bytes, body: bytes = b"{}", preflight: bytes | None = None
) -> Callable[[socket.socket], None]:
    """Answer with these lines as they are; `{origin}` is the request's.

    :param preflight: what preflights get instead, down to the last byte.
    """

    def talk(connection: socket.socket) -> None:
        asked = _receive_request(connection)
        origin = re.search(rb"(?i)\r\norigin: *(\S+)", asked)
        answer = b"\r\n".join([*lines, b"Connection: close", b"", body])
        if preflight is not None and asked.startswith(b"OPTIONS"):
            answer = preflight
        connection.sendall(answer.replace(b"{origin}", origin[1] if origin else b""))

    return talk


def with_status(app: Wsgi, status: str) -> Wsgi:
    """Change the status of an application's answers to GET."""

    def changed(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(own: str, headers: Headers, exc_info: Any = None) -> Any:
            chosen = status if environ["REQUEST_METHOD"] == "GET" else own
            return start_response(chosen, headers, exc_info)

        return app(environ, start)

    return changed


def silent(connection: socket.socket) -> None:
    """Accept, and never answer."""
    _receive_request(connection)
    connection.recv(1)


# --- The catalogue -----------------------------------------------------------------------------

Serve = Callable[[ExitStack], str]
EXTRA = {"extraHeaders": {"X-Token": "1"}}
COOKIES = {"withCredentials": True}
WEBSOCKET_ONLY = {"transports": ["websocket"]}
ALLOWED = (REFLECT, CREDENTIALS, VARY)


@dataclass(frozen=True)
class Case:
    """A broken server, the page that asks it, and what the doctor should call it.

    :param finding: the id of the finding that tells what is wrong.
    :param serve: starts the server in the given stack, and returns its address.
    :param options: of the page's client.
    :param secure: whether the page is served over https.
    """

    name: str
    finding: str
    serve: Serve
    options: Mapping[str, Any] = field(default_factory=dict)
    secure: bool = False

    @property
    def arguments(self) -> list[str]:
        """The doctor's options that say the same as the client's."""
        words = [f"--header={name}" for name in self.options.get("extraHeaders", {})]
        if self.options.get("withCredentials"):
            words.append("--with-credentials")
        if "path" in self.options:
            words.append(f"--path={self.options['path']}")
        if self.options.get("addTrailingSlash") is False:
            words.append("--no-trailing-slash")
        return words


def _web(app: Callable[[], Wsgi], context: Callable[[], ssl.SSLContext] | None = None) -> Serve:
    def serve(stack: ExitStack) -> str:
        ssl_context = context() if context is not None else None
        port = stack.enter_context(serving(app(), ssl_context))
        return f"{'https' if ssl_context else 'http'}://127.0.0.1:{port}"

    return serve


def _tcp(talk: Callable[[socket.socket], None], scheme: str = "http") -> Serve:
    return lambda stack: f"{scheme}://127.0.0.1:{stack.enter_context(listening(talk))}"


def _fixed(url: str) -> Serve:
    return lambda stack: url


def _streaming(connection: socket.socket) -> None:
    """Do what a server of events does: answer, and never end."""
    _receive_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\n")
    connection.recv(1)


def closed(app: Wsgi) -> Wsgi:
    """Let nobody in but pages of this machine, so that a server has one fault and no other."""
    refusal = answering("403 FORBIDDEN", '{"code":4,"message":"Forbidden"}')

    def closing(environ: Any, start_response: Any) -> Iterable[bytes]:
        is_stranger = "localhost" not in environ.get("HTTP_ORIGIN", "localhost")
        is_jsonp = "&j=" in environ["QUERY_STRING"]
        return (refusal if is_stranger or is_jsonp else app)(environ, start_response)

    return closing


def _own(*headers: tuple[str, str], **kwargs: Any) -> Serve:
    return _web(lambda: closed(behind(engine(), *headers, **kwargs)))


def _open(*headers: tuple[str, str], **kwargs: Any) -> Serve:
    return _web(lambda: behind(engine(), *headers, **kwargs))


def _allow(origin: str) -> tuple[str, str]:
    return ("Access-Control-Allow-Origin", origin)


def _preflight(*headers: tuple[str, str], status: str = "204 NO CONTENT") -> Serve:
    return _own(*ALLOWED, preflight=[REFLECT, CREDENTIALS, *headers], preflight_status=status)


def _listed_headers(value: str) -> Serve:
    return _preflight(METHODS, ("Access-Control-Allow-Headers", value))


def _listed_methods(value: str) -> Serve:
    return _preflight(HEADERS, ("Access-Control-Allow-Methods", value))


def _redirect_to_server(*target_headers: tuple[str, str]) -> Serve:
    def serve(stack: ExitStack) -> str:
        port = stack.enter_context(serving(behind(engine(), *target_headers)))
        app = redirecting(f"http://127.0.0.1:{port}{{path}}", *ALLOWED)
        return f"http://127.0.0.1:{stack.enter_context(serving(app))}"

    return serve


def unknown_authority() -> ssl.SSLContext:
    """A certificate that nobody has reason to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def _asked_without_tls(stack: ExitStack) -> str:
    return _web(lambda: behind(engine(), *ALLOWED), unknown_authority)(stack).replace(
        "https", "http"
    )


def _asked_with_tls(stack: ExitStack) -> str:
    return _own(*ALLOWED)(stack).replace("http", "https")


def _html(status: str, text: str, *headers: tuple[str, str]) -> Serve:
    return _web(lambda: answering(status, text, ("Content-Type", "text/html"), *headers))


def _says(status: str, text: str, *headers: tuple[str, str]) -> Serve:
    return _web(lambda: answering(status, text, ("Content-Type", "text/plain"), *headers))


def _speaking_3_only(*headers: tuple[str, str]) -> Serve:
    """What Flask-SocketIO 4 and older answer, which refuses newer clients."""
    text = ("Content-Type", "text/plain")
    refusing = answering("400 BAD REQUEST", _UNSUPPORTED, text, *headers)
    opening = answering("200 OK", _OLD, text, *headers)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        chosen = opening if "EIO=3" in environ["QUERY_STRING"] else refusing
        return chosen(environ, start_response)

    return _web(lambda: app)


_CUT_SHORT = b"HTTP/1.1 200 X\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 9\r\n\r\n0{"
_NGINX = ("Server", "nginx")
_NGINX_502 = "<html><head><title>502 Bad Gateway</title></head><center>nginx</center></html>"
_VITE = "<!doctype html><html><head><title>My App</title></head><div id=root></div></html>"
_OLD = '96:0{"sid":"yTjcWzWnmZ4hcc4xAAAA","upgrades":["websocket"],"pingInterval":25000}2:40'
_UNSUPPORTED = (
    '"The client is using an unsupported version of the Socket.IO or Engine.IO protocols"'
)
_OTHER = "https://app.example.com"


def _node(origin: str) -> Serve:
    options = f'{{ cors: {{ origin: ["{origin}"], credentials: true }} }}'
    return lambda stack: stack.enter_context(node_server(f"new Server(httpServer, {options})"))


def _proxied(app: Callable[[], Wsgi], **changed: str | None) -> Serve:
    return _web(lambda: passing_on(app(), **changed))


def _extension() -> Wsgi:
    return guarded('app.config["SIO_CORS_ORIGINS"] = ["http://localhost:*", "https://a.example"]')


def _flask_socketio() -> Wsgi:
    return engine(cors_allowed_origins=lambda origin: origin and "localhost" in origin)


_RAW = (b"HTTP/1.1 200 OK", b"Access-Control-Allow-Origin: {origin}")


def _redirected(location: str, *headers: tuple[str, str]) -> Serve:
    return _web(lambda: redirecting(location, REFLECT, *headers))


#: The same, of the kind that is met once in a lifetime.
RARE = (
    Case(
        "header twice, spelled differently",
        "header-repeated",
        _own(REFLECT, ("access-control-allow-origin", "{origin}")),
    ),
    Case("origin in UTF-8", "origin-mismatch", _own(_allow("https://b\xc3\xbccher.example"))),
    Case("origin in Latin-1", "origin-mismatch", _own(_allow("https://b\xfccher.example"))),
    Case("origin with no port", "origin-mismatch", _own(_allow("http://a.example:99999"))),
    Case("any host", "origin-mismatch", _own(_allow("http://*"))),
    Case(
        "origins with a semicolon",
        "origin-mismatch",
        _own(_allow("http://a.example;http://b.example")),
    ),
    Case(
        "origins with a tab", "origin-mismatch", _own(_allow("http://a.example\thttp://b.example"))
    ),
    Case("methods in Latin-1", "method-not-listed", _listed_methods("G\xc9T"), EXTRA),
    Case("preflight 407", "login-required", _preflight(status="407 X"), EXTRA),
    Case(
        "preflight is not HTTP",
        "another-protocol",
        _tcp(answering_raw(*_RAW, preflight=b"nonsense\r\n")),
        EXTRA,
    ),
    Case(
        "preflight redirected elsewhere, without a scheme",
        "redirected",
        _preflight(("Location", "//localhost:99/"), status="302 FOUND"),
        EXTRA,
    ),
    Case(
        "preflight redirected with a password",
        "redirected",
        _preflight(("Location", "http://a:b@127.0.0.1:99/"), status="302 FOUND"),
        EXTRA,
    ),
    Case("redirected to a script", "redirected", _redirected("javascript:1")),
    Case("redirected to a WebSocket", "redirected", _redirected("ws://127.0.0.1:99/")),
    Case("redirected to a blank page", "redirected", _redirected("about:blank")),
    Case("redirected to half an address", "redirected", _redirected("http://[::1")),
    Case("redirected to two places", "malformed", _redirected("/a", ("Location", "/b"))),
    Case(
        "session with status 201",
        "unexpected-status",
        _web(lambda: closed(with_status(behind(engine(), *ALLOWED), "201 CREATED"))),
    ),
    Case(
        "compressed or not, without CORS headers",
        "header-missing",
        _own(("Content-Encoding", "gzip")),
    ),
    Case(
        "body cut short without CORS headers",
        "header-missing",
        _tcp(saying(_CUT_SHORT.replace(b"Access-Control-Allow-Origin: *\r\n", b""))),
    ),
    Case(
        "chunk of no length",
        "malformed",
        _tcp(answering_raw(*_RAW, b"Transfer-Encoding: chunked", body=b"ZZ\r\nabc\r\n0\r\n\r\n")),
    ),
    Case(
        "chunk cut short",
        "malformed",
        _tcp(answering_raw(*_RAW, b"Transfer-Encoding: chunked", body=b"70\r\nabc")),
    ),
    Case(
        "two lengths",
        "malformed",
        _tcp(answering_raw(*_RAW, b"Content-Length: 1", b"Content-Length: 2")),
    ),
    Case("NUL in a header", "malformed", _tcp(answering_raw(*_RAW, b"X-Nul: a\0b"))),
    Case(
        "stream without CORS headers",
        "header-missing",
        _tcp(_streaming),
        {"timeout": 3000},
    ),
)

#: Servers that the page cannot use, for a reason that the console gives.
BROKEN = (
    Case("no CORS headers", "header-missing", _own()),
    Case("another origin allowed", "origin-mismatch", _own(_allow(_OTHER))),
    Case("origin with a slash", "origin-mismatch", _own(_allow("http://localhost:1/"))),
    Case("origin in capitals", "origin-mismatch", _own(_allow("HTTP://LOCALHOST:1"))),
    Case("host instead of an origin", "origin-mismatch", _own(_allow("localhost"))),
    Case("pattern instead of an origin", "origin-mismatch", _own(_allow("http://localhost:*"))),
    Case("empty origin", "origin-mismatch", _own(_allow(""))),
    Case("null instead of the origin", "origin-mismatch", _own(_allow("null"))),
    Case("list of origins", "origin-mismatch", _own(_allow(f"{_OTHER}, https://b.example"))),
    Case("header twice", "header-repeated", _own(REFLECT, REFLECT)),
    Case("header twice, once with *", "header-repeated", _own(REFLECT, _allow("*"))),
    Case("* with credentials", "wildcard-with-credentials", _own(_allow("*")), COOKIES),
    Case("credentials not allowed", "credentials-not-true", _own(REFLECT, VARY), COOKIES),
    Case(
        "credentials True",
        "credentials-not-true",
        _own(REFLECT, ("Access-Control-Allow-Credentials", "True")),
        COOKIES,
    ),
    Case("credentials twice", "credentials-not-true", _own(*ALLOWED, CREDENTIALS), COOKIES),
    Case("origin not in the list", "origin-not-allowed", _node(_OTHER)),
    Case(
        "header stripped by a proxy",
        "header-stripped",
        _web(lambda: stripping(_flask_socketio(), "access-control-allow-origin")),
    ),
    Case(
        "Origin dropped by a proxy", "origin-dropped", _proxied(_flask_socketio, HTTP_ORIGIN=None)
    ),
    Case(
        "Origin dropped before this extension",
        "origin-dropped",
        _proxied(_extension, HTTP_ORIGIN=None),
    ),
    Case(
        "Origin dropped before this extension, preflight",
        "origin-dropped",
        _proxied(_extension, HTTP_ORIGIN=None),
        EXTRA,
    ),
    Case(
        "Origin rewritten to the server's own",
        "origin-rewritten",
        _proxied(lambda: engine(cors_allowed_origins=None), HTTP_ORIGIN="{own}"),
    ),
    Case(
        "Origin rewritten before this extension",
        "origin-rewritten",
        _proxied(_extension, HTTP_ORIGIN="https://a.example"),
    ),
    Case(
        "preflight's question dropped by a proxy",
        "preflight-question-dropped",
        _proxied(
            _extension,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD=None,
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS=None,
        ),
        EXTRA,
    ),
    Case(
        "Flask-SocketIO's own refusal",
        "origin-not-allowed",
        _web(lambda: engine(cors_allowed_origins=[_OTHER])),
    ),
    Case("methods with semicolons", "method-not-listed", _listed_methods("GET; POST"), EXTRA),
    Case("methods with blanks", "method-not-listed", _listed_methods("GET, PO ST"), EXTRA),
    Case("headers with semicolons", "header-not-listed", _listed_headers("x-token; x-more"), EXTRA),
    Case("headers with blanks", "header-not-listed", _listed_headers("X-Token X-More"), EXTRA),
    Case("headers with a colon", "header-not-listed", _listed_headers("X-Token:"), EXTRA),
    Case("header not listed", "header-not-listed", _listed_headers("X-More"), EXTRA),
    Case("no header listed", "header-not-listed", _preflight(METHODS), EXTRA),
    Case(
        "headers * with credentials",
        "header-not-listed",
        _listed_headers("*"),
        {**EXTRA, **COOKIES},
    ),
    Case(
        "two headers not listed",
        "header-not-listed",
        _listed_headers("X-More"),
        {"extraHeaders": {"X-Token": "1", "A-Token": "2"}},
    ),
    Case(
        "preflight without CORS headers",
        "origin-not-allowed",
        _own(*ALLOWED, preflight=[METHODS]),
        EXTRA,
    ),
    Case(
        "preflight 404 without CORS headers",
        "preflight-status",
        _own(*ALLOWED, preflight=[], preflight_status="404 NOT FOUND"),
        EXTRA,
    ),
    Case("preflight 404", "preflight-status", _preflight(status="404 NOT FOUND"), EXTRA),
    Case("preflight 405", "preflight-status", _preflight(status="405 METHOD NOT ALLOWED"), EXTRA),
    Case("preflight 401", "login-required", _own(preflight=[], preflight_status="401 X"), EXTRA),
    Case("preflight 500", "preflight-status", _preflight(status="500 X"), EXTRA),
    Case(
        "preflight * with credentials",
        "wildcard-with-credentials",
        _own(*ALLOWED, preflight=[_allow("*"), HEADERS]),
        {**EXTRA, **COOKIES},
    ),
    Case(
        "preflight redirected",
        "redirected",
        _preflight(("Location", "/other/"), status="302 FOUND"),
        EXTRA,
    ),
    Case(
        "preflight redirected to ftp",
        "redirected",
        _preflight(("Location", "ftp://a.example/"), status="302 FOUND"),
        EXTRA,
    ),
    Case(
        "preflight redirected to no address",
        "redirected",
        _preflight(("Location", "http://["), status="302 FOUND"),
        EXTRA,
    ),
    Case(
        "preflight redirected to another server",
        "redirected",
        _preflight(("Location", "http://localhost:99/"), status="308 X"),
        EXTRA,
    ),
    Case(
        "preflight passes, request does not",
        "header-missing",
        _own(preflight=[REFLECT, HEADERS]),
        EXTRA,
    ),
    Case("redirected to a login", "login-required", _web(lambda: redirecting("/login?next=x"))),
    Case("redirected", "redirected", _web(lambda: redirecting("/elsewhere/"))),
    Case("redirected without end", "redirected", _web(lambda: redirecting("{path}", REFLECT))),
    Case("redirected to another server", "origin-lost", _redirect_to_server(_allow(_OTHER))),
    Case(
        "redirected to no address",
        "redirected",
        _web(lambda: redirecting("http://[", REFLECT)),
    ),
    Case(
        "redirected to no address, no CORS headers",
        "redirected",
        _web(lambda: redirecting("http://a:b/")),
    ),
    Case("redirected to nothing", "redirected", _web(lambda: redirecting("", REFLECT))),
    Case("redirected to nothing, no CORS headers", "redirected", _web(lambda: redirecting(""))),
    Case(
        "redirected to ftp",
        "redirected",
        _web(lambda: redirecting("ftp://a.example/", REFLECT)),
    ),
    Case(
        "redirected with a password",
        "redirected",
        _web(lambda: redirecting("http://a:b@127.0.0.1:99/", REFLECT)),
    ),
    Case("nothing listens", "not-listening", lambda stack: f"http://127.0.0.1:{free_port()}"),
    Case("unknown name", "name-not-found", _fixed("http://socket-server.invalid")),
    Case("unknown authority", "certificate", _web(engine, unknown_authority)),
    Case("https asked of http", "tls", _asked_with_tls),
    Case("http asked of https", "connection-closed", _asked_without_tls),
    Case("hangs up at once", "connection-closed", _tcp(lambda connection: None)),
    Case("hangs up when asked", "connection-closed", _tcp(saying(b""))),
    Case("SSH", "another-protocol", _tcp(saying(b"SSH-2.0-OpenSSH_9.2\r\n"))),
    Case("Redis", "another-protocol", _tcp(saying(b"-ERR unknown command 'GET'\r\n"))),
    Case("no status", "another-protocol", _tcp(saying(b"HTTP/1.1 abc OK\r\n\r\n"))),
    Case(
        "body cut short",
        "malformed",
        _tcp(saying(_CUT_SHORT)),
    ),
    Case("never answers", "silent", _tcp(silent), {"timeout": 3000}),
    Case("development server", "another-server", _html("200 OK", _VITE)),
    Case("development server with CORS", "another-server", _html("200 OK", _VITE, _allow("*"))),
    Case(
        "wrong path",
        "wrong-path",
        _web(lambda: only_at("/api/", behind(engine(path="api/socket.io"), *ALLOWED))),
    ),
    Case(
        "missing slash",
        "missing-slash",
        _web(lambda: only_at("/socket.io/", behind(engine(), *ALLOWED))),
        {"addTrailingSlash": False},
    ),
    Case("nothing anywhere", "wrong-path", _html("404 NOT FOUND", _VITE, _allow("*"))),
    Case("502 of a proxy", "proxy-error", _html("502 BAD GATEWAY", _NGINX_502, _NGINX)),
    Case(
        "403 of a web server",
        "forbidden",
        _html("403 FORBIDDEN", "<title>403 Forbidden</title>", _NGINX),
    ),
    Case("429", "rate-limited", _html("429 TOO MANY REQUESTS", "slow down", ("Retry-After", "30"))),
    Case(
        "503 for a while",
        "rate-limited",
        _html("503 SERVICE UNAVAILABLE", "maintenance", ("Retry-After", "120")),
    ),
    Case(
        "challenge of a CDN",
        "challenge",
        _html(
            "403 FORBIDDEN",
            "<title>Just a moment...</title>",
            ("Server", "cloudflare"),
            ("cf-mitigated", "challenge"),
        ),
    ),
    Case("traceback", "server-error", _html("500 INTERNAL SERVER ERROR", "oops")),
    Case("unsupported version", "unsupported-version", _speaking_3_only()),
    Case(
        "unsupported version with CORS",
        "unsupported-version",
        _speaking_3_only(REFLECT),
    ),
    Case("Socket.IO 2", "old-server", _says("200 OK", _OLD, REFLECT)),
    Case("cached answers", "cached", _web(lambda: caching(behind(engine(), *ALLOWED)))),
    Case("port of another protocol", "bad-port", _fixed("http://127.0.0.1:6000")),
    Case("http from https", "mixed-content", _fixed("http://api.broken.test:8000"), secure=True),
)

#: Those of `BROKEN` whose header is no list, or is one where it may not be.
MALFORMED = frozenset({"list of origins", "methods with semicolons", "headers with semicolons"})

#: Servers that the page can use, or could if only a part worked.
HALF_BROKEN = (
    Case(
        "Upgrade dropped",
        "upgrade-dropped",
        _web(lambda: behind(upgrade_dropped(engine()), *ALLOWED)),
    ),
    Case("several workers", "session-lost", _web(lambda: behind(forgetting(engine()), *ALLOWED))),
    Case("POST without CORS headers", "header-missing", _own(*ALLOWED, post=[])),
    Case("unknown namespace", "namespace-refused", lambda stack: f"{_own(*ALLOWED)(stack)}/chat"),
)

#: Servers that work, for more than they should.
WRONG = (
    Case("any origin with credentials", "any-origin-with-credentials", _open(*ALLOWED)),
    Case("any origin", "any-origin", _open(_allow("*"))),
    Case("no Vary", "no-vary", _open(REFLECT, CREDENTIALS)),
)

_LOCALHOST = ', cors_allowed_origins=lambda origin: origin and "localhost" in origin'


def _refusing(handler: str, options: str = "") -> Serve:
    source = f"""
from flask_socketio import ConnectionRefusedError
@socketio.on("connect")
def connect(auth=None):
    {handler}
"""
    return _web(lambda: plain(source, options=_LOCALHOST + options))


def _refusing_node(middleware: str) -> Serve:
    server = "new Server(httpServer, { cors: { origin: /^http:\\/\\/localhost:\\d+$/ } })"
    return lambda stack: stack.enter_context(node_server(f"{server};\n{middleware}"))


#: Servers whose CORS is in order, and whose application refuses whoever brings no token.
REFUSING = (
    Case(
        "refused by the connect handler",
        "connect-refused",
        _refusing('raise ConnectionRefusedError("unauthorized")'),
    ),
    Case(
        "refused with more than words",
        "connect-refused",
        _refusing('raise ConnectionRefusedError("no token", 7)'),
    ),
    Case("refused without words", "connect-refused", _refusing("return False")),
    Case(
        "refused by a middleware of Node.js",
        "connect-refused",
        _refusing_node('io.use((socket, next) => next(new Error("unauthorized")))'),
    ),
    Case(
        "let in and sent away",
        "connect-refused",
        _refusing("return False", ", always_connect=True"),
    ),
    Case("connect handler raises", "connect-unanswered", _refusing('auth["token"]')),
)

HEALTHY = Case(
    "healthy",
    "",
    _web(
        lambda: guarded(
            'app.config["SIO_CORS_ORIGINS"] = ["http://localhost:*"]\n'
            'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
        )
    ),
    {**EXTRA, **COOKIES},
)


def _with_early_hints(stack: ExitStack) -> str:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
    return stack.enter_context(forwarding(HEALTHY.serve(stack), before=hints))


#: Servers that only look broken.
SOUND = (
    HEALTHY,
    Case("early hints", "", _with_early_hints, {**EXTRA, **COOKIES}),
    Case(
        "preflight's body is not compressed",
        "",
        _open(
            *ALLOWED,
            preflight=[REFLECT, CREDENTIALS, METHODS, HEADERS, ("Content-Encoding", "gzip")],
            preflight_status="200 OK",
        ),
        EXTRA,
    ),
)


def _one_at_a_time(stack: ExitStack) -> str:
    app = guarded('app.config["SIO_CORS_ORIGINS"] = ["http://localhost:8080"]')
    # Not stopped: it waits for the poll that it answers.
    server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _old_console(stack: ExitStack) -> str:
    return f"{HEALTHY.serve(stack)}/socket.io/?EIO=3&transport=polling&t=NMnp2WI"


#: For the documentation alone: their trouble takes longer than a test has, or another client.
TOLD = (
    Case("one thing at a time", "one-at-a-time", _one_at_a_time),
    Case("old client", "unsupported-version", _old_console),
)


class _Node:
    """One Node process for all servers of a run; it starts when first needed, and when it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        atexit.register(self._end)

    def ask(self, **asked: object) -> dict[str, Any]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            command, folder = ["node", "broken_server.cjs"], Path(__file__).parent / "node"
            self._process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "failure" not in answer, answer["failure"]
        return answer

    def close(self, port: int) -> None:
        """End a server, which has ended already where it has taken the process with it."""
        if self._process is not None and self._process.poll() is None:
            self.ask(close=port)

    def _end(self) -> None:
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None


_NODE = _Node()


@contextmanager
def node_server(construction: str, package: str = "socket.io") -> Iterator[str]:
    """Run a Socket.IO server for Node.js that is constructed like this; yields its address.

    :param construction: an expression, such as ``new Server(httpServer, { cors: … })``.
    :param package: where `Server` comes from; ``"socket.io-2"`` is version 2.
    """
    port = _NODE.ask(construction=construction, package=package)["port"]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        _NODE.close(port)
