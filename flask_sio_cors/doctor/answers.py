"""Answers that are no Socket.IO server's, or none that the client understands."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import Page, Response
from . import gatekeepers
from .browser import Fetched
from .findings import Finding, Severity, Told
from .fixes import Fix, allowing
from .handshake import error_of, is_extension, is_host_refused, session_of
from .proof import proof_of, raised
from .protocol import Protocol, protocol_of
from .proxies import REMOVE_SENDER, is_own_page, proxy_of
from .target import DEFAULT_PATH

_BROKEN: Final = Severity.BROKEN
_POLL_ERROR: Final = "xhr poll error"
_SERVER_ERROR: Final = "server error"


def explain_content(fetched: Fetched, page: Page) -> Finding:
    """Name what is wrong with an answer that the page may read, but cannot use."""
    response = fetched.response or Response(0)
    told = explain_status(fetched, page, response) or _explain_other(fetched, page, response)
    chromium: tuple[str, ...] = ()
    if response.status >= 400:
        chromium = (wording.status_line(response.status, response.reason),)
    if response.status == 407:
        chromium = (wording.network_error("UNEXPECTED_PROXY_AUTH"),)
    client = _SERVER_ERROR if response.status == 200 else _POLL_ERROR
    proof = proof_of(fetched.exchanges)
    return Finding(told[0], _BROKEN, *told[1:], (), chromium, client, proof)


def _explain_other(fetched: Fetched, page: Page, response: Response) -> Told:
    message = error_of(response)
    if message is not None:
        cause = f'Socket.IO answers {response.status}: "{message}".'
        fix = Fix(elsewhere="See the server's log; the message is the server's own.")
        if response.status == 403:
            cause += (
                " CORS is in order; the application's own decision on who may connect is against "
                "it: allowRequest in Node.js, SIO_CORS_ALLOW_REQUEST here."
            )
            if is_extension(response):
                fix = _asks_itself(page)
        return "refused", "The server refuses the connection.", cause, fix
    if response.is_ok and response.status != 200 and "sid=" in fetched.last.url:
        cause = f"The server answers {response.status} where clients take 200 only."
        fix = Fix(elsewhere="Look for the proxy or middleware that changes the status.")
        return "unexpected-status", "The answer has the wrong status.", cause, fix
    if session_of(fetched.last) is not None:
        cause = f"A session is opened, but with status {response.status}; clients take 200 only."
        fix = Fix(elsewhere="Look for the proxy or middleware that changes the status.")
        return "unexpected-status", "The session comes with the wrong status.", cause, fix
    if response.is_ok:
        return another_server(response)
    cause = f"The server answers {response.status} {response.reason}."
    return (
        "unexpected-status",
        "The server refuses the request.",
        cause,
        Fix(elsewhere="See the server's log."),
    )


#: What nginx, HAProxy and others say of a request with too many or too long headers.
_TOO_LARGE: Final = "request header (or cookie|fields) too large|request header too long"


def _headers_too_large(response: Response) -> Told:
    cause = (
        f"The server answers {response.status}: the page's own headers (extraHeaders, cookies) are "
        "longer than it reads, as a large token or many cookies are."
    )
    fix = (
        "Send less; in nginx: large_client_header_buffers 4 32k; in Node.js: "
        "createServer({ maxHeaderSize: 32768 }); in gunicorn: --limit-request-field_size 32768"
    )
    return "headers-too-large", "The page sends too large headers.", cause, Fix(elsewhere=fix)


def _asks_itself(page: Page) -> Fix:
    return Fix(
        elsewhere="See the server's log for what SIO_CORS_ALLOW_REQUEST (or @cors.allow_request) "
        f"did. On the server, flask sio-cors explain {page.origin} names the rule that decides."
    )


#: What nginx, Go and Apache say, in this order.
_WANTS_TLS: Final = (
    "HTTP request was sent to HTTPS port|sent an HTTP request to an HTTPS server|"
    "speaking plain HTTP to an SSL-enabled"
)


def explain_status(
    fetched: Fetched, page: Page, response: Response, *, is_preflight: bool = False
) -> Told | None:
    """Name what an answer's status and body give away, whatever its CORS headers are."""
    return (
        _explain_message(fetched, page, response)
        or _explain_text(fetched, page, response)
        or _explain_number(fetched, response, is_preflight)
    )


def _explain_message(fetched: Fetched, page: Page, response: Response) -> Told | None:
    """Name what a Socket.IO server says of itself: its error's message."""
    message, protocol = (error_of(response) or "").lower(), protocol_of(fetched.last.url)
    if "unsupported" in message and "version" in message:
        return _unsupported(page, protocol)
    if "session" in message and ("unknown" in message or "invalid" in message):
        return _session_lost(page)
    if "accepted origin" in message or (fetched.block is not None and _is_refusal(response)):
        return _not_allowed(page, response)
    if is_host_refused(response):
        return _host_not_trusted(fetched.last.url)
    if message in _NO_POLLING and "transport=polling" in fetched.last.url:
        return _not_offered(page, str(error_of(response)))
    return None


def _explain_text(fetched: Fetched, page: Page, response: Response) -> Told | None:
    """Name what the body shows, whoever wrote it."""
    message, protocol = (error_of(response) or "").lower(), protocol_of(fetched.last.url)
    text = response.body[:4096].decode("utf-8", "replace")
    is_blocked = fetched.block is not None and "sid=" not in fetched.last.url
    if is_blocked and _is_function_error(response, message, text):
        return _origin_function(page, response)
    if not protocol.is_old and re.match(r"\d+:0\{|\x00", text):
        return _old_server()
    if re.search(_WANTS_TLS, text, re.IGNORECASE):
        return _https_needed(fetched.last.url)
    if response.status == 431 or re.search(_TOO_LARGE, text, re.IGNORECASE):
        return _headers_too_large(response)
    return None if message else gatekeepers.explain(response, urlsplit(fetched.last.url).path)


def _explain_number(fetched: Fetched, response: Response, is_preflight: bool) -> Told | None:
    """Name what the status alone says."""
    if response.status in (502, 503, 504) or 520 <= response.status <= 530:
        # From 520 on they are Cloudflare's.
        return _proxy_error(response)
    if response.status in (404, 405) and fetched.last.method == "POST":
        return _only_get(fetched.last.url, response)
    if response.status in (404, 405) and not is_preflight:
        return _wrong_path(fetched.last.url, response)
    if response.status >= 500:
        fix = Fix(elsewhere="Look for the traceback in the server's log.")
        cause = (
            f"The server answers {response.status} {response.reason}: it failed while answering."
        )
        if exception := raised(response):
            cause += f" It shows what was raised: {exception}"
        return "server-error", "The server fails.", cause, fix
    return None


#: What servers say to a transport that they were told not to offer: Node.js, and Python.
_NO_POLLING: Final = frozenset({"transport unknown", "invalid transport"})


def _not_offered(page: Page, message: str) -> Told:
    cause = (
        f'The server says "{message}": it was made for WebSocket alone (its option transports), '
        "and clients begin with polling."
    )
    fix = 'In the client: io(url, { transports: ["websocket"] })'
    both = '["polling", "websocket"]'
    extension = f"socketio = SocketIO(app, transports={both})\n{allowing(page).extension}"
    lines = Fix(
        extension,
        allowing(page, options=[f"transports: {both},"]).node,
        fix,
        f"socketio = SocketIO(app, transports={both})",
    )
    return "polling-not-offered", "The server offers no polling.", cause, lines


def _is_function_error(response: Response, message: str, text: str) -> bool:
    """Tell whether the application's own decision on origins has ended in an error.

    npm's `cors` shows such an error as Express does, and Engine.IO as a bad request.
    """
    if response.status == 400:
        # Engine.IO says the same of anything that its middlewares refuse.
        return message == "bad request" and response.body.startswith(b'{"code":3,')
    return response.status == 500 and re.search(r"Error: .*\bcors\b", text, re.I) is not None


def _origin_function(page: Page, response: Response) -> Told:
    said = re.search(r"Error: (.*?)(?:<|\n|$)", response.body[:4096].decode("utf-8", "replace"))
    shown = f' ("{said[1]}")' if said else ""
    cause = (
        f"The server answers {response.status}{shown}: the application's own function for the "
        f"option origin of cors does not know {page.origin} and calls callback(new Error(…)); or "
        "another middleware of it fails."
    )
    name = json.dumps(page.origin)
    fix = (
        f"Let that function let the origin in: if (origin === {name}) return callback(null, true); "
        "and let it refuse others without an error: callback(null, false)"
    )
    title = f"The application's own function refuses {page.origin}."
    lines = allowing(page, elsewhere=fix)
    return "origin-function-fails", title, cause, replace(lines, extension="")


def _only_get(url: str, response: Response) -> Told:
    path = urlsplit(url).path
    cause = (
        f"GET requests come to the Socket.IO server, and POST is answered {response.status} "
        f"{response.reason}: a proxy, or a rule before the server, lets GET alone pass. By POST "
        "the client sends all that it has to say."
    )
    fix = (
        f"Let POST requests for {path} pass; in nginx, look in the location for "
        "if ($request_method = POST), limit_except GET, or a try_files that serves files."
    )
    return "post-refused", "POST requests do not pass.", cause, Fix(elsewhere=fix)


def _is_refusal(response: Response) -> bool:
    return response.status == 403 and error_of(response) is not None


def _not_allowed(page: Page, response: Response) -> Told:
    title = f"The server does not allow {page.origin}."
    cause = f'The Socket.IO server itself refuses: "{error_of(response)}".'
    rule = f"On the server, flask sio-cors explain {page.origin} names the rule that decides."
    elsewhere = rule if is_extension(response) else ""
    if response.values("Access-Control-Allow-Origin"):
        cause += " Something else adds Access-Control-Allow-Origin to its answer."
        elsewhere = f"{elsewhere} {REMOVE_SENDER}".lstrip()
    return "origin-not-allowed", title, cause, allowing(page, elsewhere=elsewhere)


def _host_not_trusted(url: str) -> Told:
    host = urlsplit(url).hostname or ""
    title = f"The server does not trust the host {host}."
    cause = "The Host header is not among the application's TRUSTED_HOSTS, before anything else."
    fix = Fix(
        "# above SioCors(app)\n"
        f'app.config["TRUSTED_HOSTS"] = [*(app.config["TRUSTED_HOSTS"] or []), {json.dumps(host)}]',
        "",
        "Or let the proxy send a Host that is trusted.",
    )
    return "host-not-trusted", title, cause, fix


def _unsupported(page: Page, protocol: Protocol) -> Told:
    cause = (
        "The server does not speak the version of the Engine.IO protocol that the page's client "
        f"does (EIO={protocol.version}, {protocol.clients})."
    )
    title = "Client and server speak different versions."
    if protocol.is_old:
        new = "Load socket.io-client 4 on the page, which the server is made for."
        return "unsupported-version", title, cause, Fix("", _for_old_clients(page), new)
    python = "pip install --upgrade Flask-SocketIO python-socketio python-engineio"
    both = "Use matching versions: socket.io-client 3 or 4 with Flask-SocketIO 5 or Socket.IO 3, 4."
    return "unsupported-version", title, cause, Fix(f"# {python}", "", both)


def _for_old_clients(page: Page) -> str:
    return allowing(page, options=["allowEIO3: true, // for clients of version 2"]).node


def _old_server() -> Told:
    cause = (
        "The answer is that of Socket.IO 2 or older (Engine.IO 3), which a client of version 3 or "
        "4 does not understand."
    )
    python = "# pip install --upgrade Flask-SocketIO python-socketio python-engineio"
    both = "Upgrade the server, or use socket.io-client 2 on the page."
    return (
        "old-server",
        "The server is older than the client.",
        cause,
        Fix(python, "// npm install socket.io@4", both),
    )


#: What serves Socket.IO by one worker with threads, whatever else is installed.
ONE_WORKER: Final = """\
# In SocketIO(app, …), beside what it is given already: async_mode="threading"
# pip install simple-websocket
# gunicorn -w 1 --threads 100 module:app   (one worker; several need sticky sessions)"""


def _session_lost(page: Page) -> Told:
    cause = (
        "The session that the handshake opened is unknown to the process that got the next "
        "request: several workers or machines serve this address, without sticky sessions."
    )
    if not page.credentials:
        cause += (
            " (Sticky sessions that rest on a cookie need withCredentials: true in the client.)"
        )
    extension = ONE_WORKER
    node = "// one process; of several, as cluster makes them: npm install @socket.io/sticky"
    fix = "Make the load balancer send each client to one worker; in nginx: ip_hash;"
    return "session-lost", "The server forgets the session.", cause, Fix(extension, node, fix)


def _https_needed(url: str) -> Told:
    secure = url.replace("http://", "https://", 1)
    cause = "The server expects TLS on this port, and is asked without."
    fix = Fix(address=secure)
    return "https-needed", "The server wants https://.", cause, fix


def _proxy_error(response: Response) -> Told:
    server = response.combined("Server")
    who = f"A proxy ({server})" if server else "A proxy"
    if response.status in (504, 524):
        return _proxy_timeout(response, who)
    cause = (
        f"{who} answers {response.status} in the place of the Socket.IO server, which does not run "
        "or is not where the proxy looks for it. Its error page has no CORS headers."
    )
    fix = Fix(elsewhere="Start the server; compare its address with the proxy's (proxy_pass).")
    return "proxy-error", "The proxy does not reach the Socket.IO server.", cause, fix


def _proxy_timeout(response: Response, who: str) -> Told:
    cause = (
        f"{who} answers {response.status} in the place of the Socket.IO server, from which it got "
        "no answer in the time that it allows. The server runs, and is slow or busy (one worker, "
        "blocked by a request or by long polls); or its port is closed by a firewall. A poll is "
        "answered after 25 seconds if there is no news: the proxy has to wait for longer."
    )
    fix = (
        "Let the proxy wait; in nginx, in the location of the Socket.IO path: "
        "proxy_read_timeout 60s; Then look at what keeps the server."
    )
    return "proxy-timeout", "The proxy does not wait for the server.", cause, Fix(elsewhere=fix)


_COMPARE: Final = (
    "Compare path in the client's options with the server's (resource, path), and the proxy's "
    "location."
)
_EXPRESS_CAUSE: Final = (
    "Express answers, as to a path that nobody serves: the Socket.IO server has another path, or "
    "is attached to another HTTP server than the one that listens. app.listen() makes one of its "
    "own."
)
_EXPRESS: Final = """\
const httpServer = createServer(app);   // require("http")
const io = new Server(httpServer);
httpServer.listen(3000);   // not app.listen(3000)"""


def _wrong_path(url: str, response: Response) -> Told:
    path = urlsplit(url).path
    title = f"There is no Socket.IO server at {path}."
    if response.body.find(b"Cannot GET /") >= 0:
        return "wrong-path", title, _EXPRESS_CAUSE, Fix("", _EXPRESS, _COMPARE)
    cause = f"A web server answers, but has nothing at {path}: {response.status} {response.reason}."
    compare = _COMPARE
    prefix = path.removesuffix(DEFAULT_PATH)
    if is_own_page(response):
        cause += f" It is {proxy_of(response)} itself: no rule of it passes that path on."
        passing = (
            f" In nginx: location {path} {{ proxy_pass http://…:5000; proxy_http_version 1.1; "
            "proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; "
            'proxy_set_header Connection "upgrade"; }'
        )
        return "wrong-path", title, cause, Fix(elsewhere=f"{compare}{passing}")
    if prefix in ("", path) or proxy_of(response) is None:
        return "wrong-path", title, cause, Fix(elsewhere=compare)
    cause += (
        f" It came by a proxy ({proxy_of(response)}), which may pass {prefix} on, so that the "
        f"server is asked for {path} and knows {DEFAULT_PATH} only."
    )
    cutting = (
        f"Let the proxy cut {prefix} off; in nginx, with a slash behind the port: "
        f"location {prefix}/ {{ proxy_pass http://…:5000/; }}"
    )
    extension = f'socketio = SocketIO(app, path="{path.strip("/")}")'
    return "wrong-path", title, cause, Fix(extension, "", cutting)


def _length(body: bytes) -> str:
    return f"{len(body)} byte{'s' * (len(body) != 1)}" if body else "nothing"


def another_server(response: Response) -> Told:
    """Tell of an answer that is no Socket.IO server's."""
    text = response.body[:4096].decode("utf-8", "replace").strip()
    title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
    kind = response.combined("Content-Type") or "no Content-Type"
    what = f"a page called “{title[1][:60]}”" if title else f"{_length(response.body)}, {kind}"
    server = response.combined("Server")
    by = f" by {server}" if server else ""
    cause = (
        f"What answers there{by} is something else: {what}. A development server, a single-page "
        "application's host or a proxy's default site answers every path like that."
    )
    fix = Fix(elsewhere="Compare host, port and path of the client with those of the server.")
    return "another-server", "What answers is no Socket.IO server.", cause, fix
