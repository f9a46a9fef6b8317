"""Requests that never leave, or get no answer that is whole: what network and server did."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ...browser import wording
from ...browser.fetch import BAD_PORTS
from ...origins.grammar import is_loopback
from ..advice import Topic, advise, name_of
from ..browser import origin_of
from ..console import POLL_ERROR, Console
from ..facts import UNSPECIFIED, Case, Stage
from ..findings import Given, Rule, pair, silent
from ..fixes import Fix
from ..protocol import session_of
from ..who import who
from ..wire import Failure, Trouble
from .when import both, troubled


def _detail(case: Case) -> str:
    return case.fetched.failure.detail if case.fetched.failure is not None else ""


def failure_of(case: Case) -> str:
    """Say why there was no answer, or no whole one."""
    failure = case.fetched.failure
    return f"{failure.trouble.value} ({failure.detail})" if failure is not None else ""


def _host(case: Case) -> str:
    return urlsplit(case.url).hostname or ""


# --- What never leaves the browser -----------------------------------------------------------


def _here(case: Case) -> Fix:
    parts = urlsplit(case.url)
    here = f"http://localhost{f':{parts.port}' if parts.port else ''}{parts.path}"
    return Fix(elsewhere="Or the name under which visitors reach the server.", address=here)


def _secure(case: Case) -> str:
    """Return the origin by https: that has opened a session."""
    asked = (case.aside("secure, port"), case.aside("secure"))
    return next((origin_of(one.url) for one in asked if one and session_of(one)), "")


def _mixed_console(case: Case) -> Console:
    firefox, chromium = wording.mixed_content(case.url, case.facts.page.origin)
    return Console((firefox,), (chromium,), POLL_ERROR)


#: In their order; only the first that applies is told.
UNSENT: Final = (
    Rule("not-http", lambda c: urlsplit(c.url).scheme not in ("http", "https"),
         "The address is not of the web.",
         "Pages can only ask http: and https: addresses of other origins.",
         "Give the client an address like https://api.example.com.",
         printed=lambda c: Console(
             (wording.not_http_line(c.url),),
             wording.chromium_not_http(c.url, c.facts.page.origin), POLL_ERROR)),
    Rule("bad-port", lambda c: urlsplit(c.url).port in BAD_PORTS,
         lambda c: f"Browsers do not talk to port {urlsplit(c.url).port}.",
         "The port belongs to another protocol (Fetch standard, “bad port”); no request is sent.",
         Fix("socketio.run(app, port=5000)", "httpServer.listen(3000)", "Use another port."),
         printed=lambda c: Console((), (wording.network_error("UNSAFE_PORT"),), POLL_ERROR)),
    Rule("unspecified-address", lambda c: _host(c) in UNSPECIFIED,
         lambda c: f"{_host(c)} is no server's address.",
         lambda c: f"{_host(c)} means “all addresses of this machine” to the server that listens there; it is nobody's address. Firefox does not ask it; Chromium takes it for this machine.",
         _here,
         printed=lambda c: Console((wording.failed_line(c.url),), (), POLL_ERROR)),
    Rule("mixed-content", lambda c: c.facts.is_mixed,
         "An https: page asks for http:.",
         lambda c: f"The page is served over https:, and asks {origin_of(c.url)} without; browsers forbid it.{f' {_secure(c)} answers, and is what to ask.' * bool(_secure(c))}",
         lambda c: Fix(address=f"{_secure(c)}{c.path}") if _secure(c) else "Serve the Socket.IO server over TLS, for example behind the page's own proxy.",
         ("secure, port", "secure"), printed=_mixed_console),
)  # fmt: skip


# --- What gets no answer ---------------------------------------------------------------------

_INSIDE: Final = ("local", "internal", "lan", "home", "svc")


def _name(case: Case) -> str:
    host = _host(case)
    cause = f"No name server that this machine asks knows {host}."
    if "." not in host or host.rpartition(".")[2] in _INSIDE:
        cause += " Such a name exists in one network only, as a container's or a Kubernetes service's: a page runs in the visitor's browser, which is elsewhere."
    return cause


def _listening(case: Case) -> Fix:
    parts = urlsplit(case.url)
    port = parts.port or (443 if case.url.startswith("https") else 80)
    host = "" if is_loopback(parts.hostname or "") else 'host="0.0.0.0", '
    flask, node = f"socketio.run(app, {host}port={port})", f"httpServer.listen({port})"
    return Fix(flask, node, "Start the server, and compare host and port with the client's URL.")


def _other_scheme(case: Case) -> str:
    """Return the address by which a server answers, asked with the other scheme."""
    asked = case.aside("other scheme")
    if asked is None:
        return ""
    parts, outcome = urlsplit(asked.url), asked.outcome
    is_plain = parts.scheme == "http"
    if isinstance(outcome, Failure):
        answers = outcome.trouble is Trouble.CERTIFICATE and not is_plain
    else:
        # What a server that wants TLS says to those who come without is no answer of it.
        answers = not (is_plain and wants_tls(outcome.body))
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if answers else ""


def _spoken(case: Case, cause: str, fix: str) -> tuple[str, Given]:
    """Complete what is told of a server with how it answers, asked with the other scheme."""
    address = _other_scheme(case)
    if not address:
        return cause, fix
    other = "Or serve TLS on this port." if address.startswith("http:") else ""
    there = f"{cause} Asked with {urlsplit(address).scheme}://, it does answer."
    return there, Fix(elsewhere=other, address=address)


#: What the TLS library says → what that means, and what to do.
_TLS: Final = (
    ("UNRECOGNIZED_NAME",
     "The server has no certificate for this name.",
     "Add the name to the server's configuration (nginx: server_name), or use the one that it has."),
    ("PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL",
     "The server speaks none of the versions of TLS that browsers do, 1.2 and 1.3.",
     "Let the server speak TLS 1.2 and 1.3; in nginx: ssl_protocols TLSv1.2 TLSv1.3;"),
    ("HANDSHAKE_FAILURE|NO_SHARED_CIPHER|DH_KEY_TOO_SMALL|BAD_CIPHER",
     "Server and browser know no cipher in common.",
     "Use the ciphers of a current configuration (Mozilla's “intermediate”)."),
    ("CERTIFICATE_REQUIRED|BAD_CERTIFICATE",
     "The server wants a certificate of the visitor's, which pages do not send without credentials.",
     "Exempt the Socket.IO path from client certificates; preflights never bring one."),
    ("NO_APPLICATION_PROTOCOL",
     "The server speaks none of the protocols that are offered, HTTP/1.1 and HTTP/2.",
     "Let it speak HTTP/1.1 and HTTP/2 on this port."),
    ("",
     "Most often a server without TLS listens there, which https:// cannot talk to.",
     "Serve TLS on this port, and look into the server's log."),
)  # fmt: skip


def _tls(case: Case) -> tuple[str, Given]:
    said = _detail(case)
    why, fix = next((why, fix) for known, why, fix in _TLS if re.search(known, said))
    return _spoken(case, f"The TLS handshake failed ({said}). {why}", fix)


def _not_http(case: Case) -> tuple[str, Given]:
    shown = _detail(case).encode("unicode_escape").decode()
    cause = f"What listens there is no web server; it says {shown!r}."
    fix = "Compare the port in the client's URL with the one that the server prints at its start."
    return _spoken(case, cause, fix)


def _closed(case: Case) -> tuple[str, Given]:
    cause = "The connection was accepted and closed without an answer."
    # Caddy and Traefik are both known by Go's words, and Traefik has no rule that hangs up.
    proxy = "caddy" if case.proxy == "traefik" else case.proxy
    named, passing = f"a proxy ({name_of(proxy)})", advise(Topic.FORBID, proxy, path=case.path)
    if only := _hung_up_on(case):
        by = (
            f"by a rule of {named}"
            if proxy
            else "by a rule of a proxy or firewall; or they crash the server"
        )
        return f"{cause} That is done to {only} alone, {by}.", passing
    if proxy:
        return (
            f"{cause} It is {named} that listens there, and does so by a rule of its own: of a server that does not run it says 502 or 503.",
            passing,
        )
    fix = "Look into the server's log: it crashes, or a proxy or port mapping leads nowhere."
    return _spoken(case, cause, fix)


def _hung_up_on(case: Case) -> str:
    """Return which requests are hung up on, where others are not."""
    if case.is_preflight and who(case.aside("own")).is_socketio:
        return "OPTIONS requests"
    if case.stage is Stage.SESSION and case.last.method == "POST":
        return "POST requests"
    return "requests with an Origin" if case.opens("no origin") else ""


def wants_tls(body: bytes) -> bool:
    """Tell whether an answer says that TLS is wanted: nginx, Go and Apache do, in this order."""
    words = (
        b"HTTP request was sent to HTTPS port|sent an HTTP request to an HTTPS server|"
        b"speaking plain HTTP to an SSL-enabled"
    )
    return re.search(words, body, re.IGNORECASE) is not None


_NEITHER: Final = "The connection was neither accepted nor refused: a firewall drops it, or the address belongs to a network that only others are in. Browsers wait for more than a minute, Socket.IO's client gives up before, after its timeout, 20 seconds by default."

FAILURES: Final = (
    Rule("name-not-found", both(troubled(Trouble.NAME), lambda c: _host(c) in ("http", "https", "ws", "wss")),
         lambda c: f"“{_host(c)}” is no host.",
         lambda c: f"io() was given an address with a misspelt beginning, of which “{_host(c)}” was taken for the host: one slash instead of two, or capitals, as in HTTP://.",
         'In the client: io("https://api.example.com"), with https:// in small letters.'),
    Rule("name-not-found", troubled(Trouble.NAME),
         lambda c: f"The name {_host(c)} was not found.", _name,
         "Use the name or address under which visitors reach the server, in the client's URL."),
    Rule("not-listening", troubled(Trouble.REFUSED),
         lambda c: f"Nothing listens at {origin_of(c.url)}.",
         "Nothing listens there: the server is not running, has crashed, listens on another port or on another address of its machine (in a container: on 127.0.0.1).",
         _listening),
    Rule("unreachable", troubled(Trouble.UNREACHABLE, Trouble.NO_CONNECTION),
         lambda c: f"{origin_of(c.url)} cannot be reached.",
         lambda c: f"The network knows no way there ({_detail(c)})." if troubled(Trouble.UNREACHABLE)(c) else _NEITHER,
         "Open the port in the firewall or security group, or use the server's public address."),
    Rule("certificate", troubled(Trouble.CERTIFICATE),
         "The server's certificate is not trusted.",
         lambda c: f"The certificate is not trusted: {_detail(c)}. A page's requests fail without asking the visitor.",
         "Get a certificate for this name from a public authority (Let's Encrypt), install it with its intermediate certificates; while developing, open the URL in a tab once and accept it."),
    Rule("tls", troubled(Trouble.TLS),
         "The server does not speak TLS as https:// needs it.",
         *pair(_tls), ("other scheme",)),
    Rule("connection-closed", troubled(Trouble.CLOSED),
         "The server hangs up.",
         *pair(_closed), ("other scheme", "own", "no origin")),
    Rule("silent", both(troubled(Trouble.SILENT), lambda c: c.beside("root").status),
         "The Socket.IO server does not answer, though the web server does.",
         lambda c: f"The web server answers other requests at once, the Socket.IO server none within {c.facts.patience.page:g} seconds, after which its client gives up; the browser prints nothing. Something is waited for without end: in Node.js, the function of cors.origin, allowRequest or a middleware that never calls back; in Python, a function that blocks.",
         "Let each such function come to an end, and call its callback in every case.", ("root",)),
    Rule("silent", troubled(Trouble.SILENT),
         "The server does not answer.",
         "The server accepts the connection and does not answer in time: Socket.IO's client gives up after its timeout, 20 seconds by default, preflight included, and the browser prints nothing. A server that is busy with something else does that: one worker, blocked by a slow request or by all its long polls.",
         Fix("socketio.run(app)  # with eventlet installed: pip install eventlet", "",
             "Restart the server; do not block its event loop.")),
    Rule("another-protocol", troubled(Trouble.NOT_HTTP, Trouble.BAD_STATUS),
         "The answer is not HTTP.",
         *pair(_not_http), ("other scheme",)),
    Rule("malformed", lambda c: c.fetched.failure,
         "The answer is malformed.",
         lambda c: f"The answer cannot be read: {failure_of(c)}.",
         "Look for a proxy or a middleware that changes the body, compresses it twice, sets Content-Length itself, or breaks off; and for a cookie or a header that grows with every request."),
)  # fmt: skip


# --- What is there twice ---------------------------------------------------------------------


def _are_two(case: Case) -> bool:
    first, second = case.aside("first address"), case.aside("second address")
    is_known = first is not None and first.head is not None and second is not None
    return is_known and who(first).is_socketio != who(second).is_socketio


def _two(case: Case) -> str:
    known = (case.aside("first address"), case.aside("second address"))
    asked = ((urlsplit(one.url).netloc, who(one).is_socketio) for one in known if one is not None)
    kinds = ("something else", "a Socket.IO server")
    told = " and ".join(f"at {place} {kinds[is_socketio]}" for place, is_socketio in asked)
    return f"{urlsplit(case.facts.target.base).netloc} has two addresses, and another server listens at each: {told}. Browsers ask whichever answers first."


TWO_SERVERS: Final = (
    Rule("two-servers", _are_two,
         lambda c: f"Two servers listen at {urlsplit(c.facts.target.base).netloc}.", _two,
         lambda c: f'Stop one of them, or let the client ask the address itself, as io("http://127.0.0.1:{urlsplit(c.facts.target.base).port or 80}").',
         ("first address", "second address"), printed=silent),
)  # fmt: skip
