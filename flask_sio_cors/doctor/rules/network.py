"""Requests that never leave, or get no answer that is whole: what network and server did."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ...browser.fetch import BAD_PORTS
from ...origins.grammar import is_loopback
from ..browser import origin_of
from ..facts import UNSPECIFIED, Case
from ..findings import Rule, Test, Words
from ..fixes import Fix
from ..protocol import session_of
from ..who import who
from ..wire import Failure, Trouble


def _detail(case: Case) -> str:
    return case.fetched.failure.detail if case.fetched.failure is not None else ""


def _host(case: Case) -> str:
    return urlsplit(case.url).hostname or ""


# --- What never leaves the browser -----------------------------------------------------------


def _unspecified(case: Case) -> Words:
    parts = urlsplit(case.url)
    here = f"http://localhost{f':{parts.port}' if parts.port else ''}{parts.path}"
    return Words(
        f"{parts.hostname} is no server's address.",
        f"{parts.hostname} means “all addresses of this machine” to the server that listens there; it is nobody's address. Firefox does not ask it; Chromium takes it for this machine.",
        Fix(elsewhere="Or the name under which visitors reach the server.", address=here),
    )


def _mixed_content(case: Case) -> Words:
    title = "An https: page asks for http:."
    cause = f"The page is served over https:, and asks {origin_of(case.url)} without; browsers forbid it."
    for asked in (case.aside("secure, port"), case.aside("secure")):
        if asked is not None and session_of(asked) is not None:
            base = origin_of(asked.url)
            address = Fix(address=f"{base}{urlsplit(case.url).path}")
            return Words(title, f"{cause} {base} answers, and is what to ask.", address, (asked,))
    fix = "Serve the Socket.IO server over TLS, for example behind the page's own proxy."
    return Words(title, cause, fix)


#: In their order; only the first that applies is told.
UNSENT: Final = (
    Rule(
        "not-http",
        lambda c: urlsplit(c.url).scheme not in ("http", "https"),
        lambda c: Words(
            "The address is not of the web.",
            "Pages can only ask http: and https: addresses of other origins.",
            "Give the client an address like https://api.example.com.",
        ),
    ),
    Rule(
        "bad-port",
        lambda c: urlsplit(c.url).port in BAD_PORTS,
        lambda c: Words(
            f"Browsers do not talk to port {urlsplit(c.url).port}.",
            "The port belongs to another protocol (Fetch standard, “bad port”); no request is sent.",
            Fix("socketio.run(app, port=5000)", "httpServer.listen(3000)", "Use another port."),
        ),
    ),
    Rule("unspecified-address", lambda c: _host(c) in UNSPECIFIED, _unspecified),
    Rule("mixed-content", lambda c: c.facts.is_mixed, _mixed_content),
)


# --- What gets no answer ---------------------------------------------------------------------

_INSIDE: Final = ("local", "internal", "lan", "home", "svc")


def _name(case: Case) -> Words:
    host = _host(case)
    if host in ("http", "https", "ws", "wss"):
        return Words(
            f"“{host}” is no host.",
            f"io() was given an address with a misspelt beginning, of which “{host}” was taken for the host: one slash instead of two, or capitals, as in HTTP://.",
            'In the client: io("https://api.example.com"), with https:// in small letters.',
        )
    cause = f"No name server that this machine asks knows {host}."
    if "." not in host or host.rpartition(".")[2] in _INSIDE:
        cause += " Such a name exists in one network only, as a container's or a Kubernetes service's: a page runs in the visitor's browser, which is elsewhere."
    fix = "Use the name or address under which visitors reach the server, in the client's URL."
    return Words(f"The name {host} was not found.", cause, fix)


def _refused(case: Case) -> Words:
    parts = urlsplit(case.url)
    port = parts.port or (443 if case.url.startswith("https") else 80)
    host = "" if is_loopback(parts.hostname or "") else 'host="0.0.0.0", '
    return Words(
        f"Nothing listens at {origin_of(case.url)}.",
        "Nothing listens there: the server is not running, has crashed, listens on another port or on another address of its machine (in a container: on 127.0.0.1).",
        Fix(
            f"socketio.run(app, {host}port={port})",
            f"httpServer.listen({port})",
            "Start the server, and compare host and port with the client's URL.",
        ),
    )


def _unreachable(case: Case) -> Words:
    cause = f"The network knows no way there ({_detail(case)})."
    if case.fetched.failure is not None and case.fetched.failure.is_late:
        cause = "The connection was neither accepted nor refused: a firewall drops it, or the address belongs to a network that only others are in. Browsers wait for more than a minute, Socket.IO's client gives up before, after its timeout, 20 seconds by default."
    fix = "Open the port in the firewall or security group, or use the server's public address."
    return Words(f"{origin_of(case.url)} cannot be reached.", cause, fix)


def _spoken(case: Case, title: str, cause: str, fix: str) -> Words:
    """Complete what is told of a server with how it answers, asked with the other scheme."""
    asked = case.aside("other scheme")
    if asked is None:
        return Words(title, cause, fix)
    parts, outcome = urlsplit(asked.url), asked.outcome
    is_plain = parts.scheme == "http"
    if isinstance(outcome, Failure):
        answers = outcome.trouble is Trouble.CERTIFICATE and not is_plain
    else:
        # What a server that wants TLS says to those who come without is no answer of it.
        answers = not (is_plain and wants_tls(outcome.body))
    if not answers:
        return Words(title, cause, fix, (asked,))
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    there = Fix(elsewhere="Or serve TLS on this port." * is_plain, address=address)
    return Words(title, f"{cause} Asked with {parts.scheme}://, it does answer.", there, (asked,))


#: What the TLS library says → what that means, and what to do.
_TLS: Final = (
    (
        "UNRECOGNIZED_NAME",
        "The server has no certificate for this name.",
        "Add the name to the server's configuration (nginx: server_name), or use the one that it has.",
    ),
    (
        "PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL",
        "The server speaks none of the versions of TLS that browsers do, 1.2 and 1.3.",
        "Let the server speak TLS 1.2 and 1.3; in nginx: ssl_protocols TLSv1.2 TLSv1.3;",
    ),
    (
        "HANDSHAKE_FAILURE|NO_SHARED_CIPHER|DH_KEY_TOO_SMALL|BAD_CIPHER",
        "Server and browser know no cipher in common.",
        "Use the ciphers of a current configuration (Mozilla's “intermediate”).",
    ),
    (
        "CERTIFICATE_REQUIRED|BAD_CERTIFICATE",
        "The server wants a certificate of the visitor's, which pages do not send without credentials.",
        "Exempt the Socket.IO path from client certificates; preflights never bring one.",
    ),
    (
        "NO_APPLICATION_PROTOCOL",
        "The server speaks none of the protocols that are offered, HTTP/1.1 and HTTP/2.",
        "Let it speak HTTP/1.1 and HTTP/2 on this port.",
    ),
    (
        "",
        "Most often a server without TLS listens there, which https:// cannot talk to.",
        "Serve TLS on this port, and look into the server's log.",
    ),
)


def _tls(case: Case) -> Words:
    said = _detail(case)
    why, fix = next((why, fix) for known, why, fix in _TLS if re.search(known, said))
    title = "The server does not speak TLS as https:// needs it."
    return _spoken(case, title, f"The TLS handshake failed ({said}). {why}", fix)


def _closed(case: Case) -> Words:
    cause = "The connection was accepted and closed without an answer."
    fix = "Look into the server's log: it crashes, or a proxy or port mapping leads nowhere."
    return _spoken(case, "The server hangs up.", cause, fix)


def _not_http(case: Case) -> Words:
    shown = _detail(case).encode("unicode_escape").decode()
    cause = f"What listens there is no web server; it says {shown!r}."
    fix = "Compare the port in the client's URL with the one that the server prints at its start."
    return _spoken(case, "The answer is not HTTP.", cause, fix)


def _silent(case: Case) -> Words:
    root = case.aside("root")
    if root is not None and root.response is not None:
        return Words(
            "The Socket.IO server does not answer, though the web server does.",
            f"The web server answers other requests at once, the Socket.IO server none within {case.facts.patience.page:g} seconds, after which its client gives up; the browser prints nothing. Something is waited for without end: in Node.js, the function of cors.origin, allowRequest or a middleware that never calls back; in Python, a function that blocks.",
            "Let each such function come to an end, and call its callback in every case.",
            (root,),
        )
    return Words(
        "The server does not answer.",
        "The server accepts the connection and does not answer in time: Socket.IO's client gives up after its timeout, 20 seconds by default, preflight included, and the browser prints nothing. A server that is busy with something else does that: one worker, blocked by a slow request or by all its long polls.",
        Fix(
            "socketio.run(app)  # with eventlet installed: pip install eventlet",
            "",
            "Restart the server; do not block its event loop.",
        ),
    )


def _certificate(case: Case) -> Words:
    return Words(
        "The server's certificate is not trusted.",
        f"The certificate is not trusted: {_detail(case)}. A page's requests fail without asking the visitor.",
        "Get a certificate for this name from a public authority (Let's Encrypt), install it with its intermediate certificates; while developing, open the URL in a tab once and accept it.",
    )


#: What is wrong with an answer, and what to look for.
_MALFORMED: Final = {
    Trouble.MALFORMED: (
        "its headers contradict each other, or its body is not in pieces as they say",
        "Look for a proxy or a middleware that changes the body, or sets Content-Length itself.",
    ),
    Trouble.TOO_LARGE: (
        "it has more headers, or longer ones, than the doctor reads; browsers read some more, proxies, as nginx, often less",
        "Look for a cookie or a header that grows with every request.",
    ),
    Trouble.CUT_SHORT: (
        "it ended before its end",
        "Look into the server's and the proxy's log: one of them broke off.",
    ),
    Trouble.GARBLED: (
        "its body is not encoded as its headers say",
        "A proxy or a middleware compresses, or says so, twice: switch one of them off.",
    ),
}


def _malformed(case: Case) -> Words:
    trouble = case.fetched.failure.trouble if case.fetched.failure else Trouble.MALFORMED
    why, fix = _MALFORMED[trouble]
    return Words(
        "The answer is malformed.", f"The answer cannot be read ({_detail(case)}): {why}.", fix
    )


def wants_tls(body: bytes) -> bool:
    """Tell whether an answer says that TLS is wanted: nginx, Go and Apache do, in this order."""
    words = (
        b"HTTP request was sent to HTTPS port|sent an HTTP request to an HTTPS server|"
        b"speaking plain HTTP to an SSL-enabled"
    )
    return re.search(words, body, re.IGNORECASE) is not None


def _fails(*troubles: Trouble) -> Test:
    return lambda case: (
        case.fetched.failure is not None and case.fetched.failure.trouble in troubles
    )


#: Of answers that no browser can read, down to their headers.
UNREADABLE: Final = (Rule("malformed", _fails(Trouble.MALFORMED), _malformed),)
FAILURES: Final = (
    Rule("name-not-found", _fails(Trouble.NAME), _name),
    Rule("not-listening", _fails(Trouble.REFUSED), _refused),
    Rule("unreachable", _fails(Trouble.UNREACHABLE, Trouble.NO_CONNECTION), _unreachable),
    Rule("certificate", _fails(Trouble.CERTIFICATE), _certificate),
    Rule("tls", _fails(Trouble.TLS), _tls),
    Rule("connection-closed", _fails(Trouble.CLOSED), _closed),
    Rule("silent", _fails(Trouble.SILENT), _silent),
    Rule("another-protocol", _fails(Trouble.NOT_HTTP, Trouble.BAD_STATUS), _not_http),
    Rule("malformed", _fails(*_MALFORMED), _malformed),
)


# --- What is there twice ---------------------------------------------------------------------


def _two(case: Case) -> Words:
    asked = [case.aside("first address"), case.aside("second address")]
    told = " and ".join(
        f"at {urlsplit(one.url).netloc} {'a Socket.IO server' if who(one).is_socketio else 'something else'}"
        for one in asked
        if one is not None
    )
    parts = urlsplit(case.facts.target.base)
    return Words(
        f"Two servers listen at {parts.netloc}.",
        f"{parts.netloc} has two addresses, and another server listens at each: {told}. Browsers ask whichever answers first.",
        f'Stop one of them, or let the client ask the address itself, as io("http://127.0.0.1:{parts.port or 80}").',
        tuple(asked),
    )


def _are_two(case: Case) -> bool:
    first, second = case.aside("first address"), case.aside("second address")
    is_known = first is not None and first.head is not None and second is not None
    return is_known and who(first).is_socketio != who(second).is_socketio


TWO_SERVERS: Final = (Rule("two-servers", _are_two, _two),)
