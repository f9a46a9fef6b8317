"""Requests that got no answer, or none that is whole: what the network and the server did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import Block, Check, Page
from ..origins.grammar import is_loopback
from .browser import Fetched, origin_of
from .exchange import Failure, Trouble
from .findings import Finding, Severity, Told
from .fixes import Fix
from .proof import proof_of

_BROKEN: Final = Severity.BROKEN
_POLL_ERROR: Final = "xhr poll error"


_NETWORK_ERRORS: Final = {
    Trouble.NAME: "NAME_NOT_RESOLVED",
    Trouble.REFUSED: "CONNECTION_REFUSED",
    Trouble.UNREACHABLE: "ADDRESS_UNREACHABLE",
    Trouble.NO_CONNECTION: "CONNECTION_TIMED_OUT",
    Trouble.CERTIFICATE: "CERT_AUTHORITY_INVALID",
    Trouble.TLS: "SSL_PROTOCOL_ERROR",
    Trouble.CLOSED: "EMPTY_RESPONSE",
    Trouble.NOT_HTTP: "INVALID_HTTP_RESPONSE",
    Trouble.BAD_STATUS: "INVALID_HTTP_RESPONSE",
    Trouble.MALFORMED: "RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH",
    Trouble.CUT_SHORT: "CONTENT_LENGTH_MISMATCH",
    Trouble.GARBLED: "CONTENT_DECODING_FAILED",
}


def network_error(failure: Failure) -> str:
    """Return Chromium's name for a failure, without the ``net::ERR_``."""
    if failure.trouble is Trouble.CERTIFICATE:
        detail = failure.detail.lower()
        if "expired" in detail or "not yet valid" in detail:
            return "CERT_DATE_INVALID"
        return "CERT_COMMON_NAME_INVALID" if "match" in detail else "CERT_AUTHORITY_INVALID"
    if failure.trouble in (Trouble.CLOSED, Trouble.CUT_SHORT) and "reset" in failure.detail.lower():
        return "CONNECTION_RESET"
    if failure.trouble is Trouble.MALFORMED and "NUL" in failure.detail:
        return "INVALID_HTTP_RESPONSE"
    if failure.trouble is Trouble.MALFORMED and "Location" in failure.detail:
        return "RESPONSE_HEADERS_MULTIPLE_LOCATION"
    if failure.response is not None and failure.response.values("Transfer-Encoding"):
        chunked = {Trouble.MALFORMED: "INVALID", Trouble.CUT_SHORT: "INCOMPLETE"}
        if failure.trouble in chunked:
            return f"{chunked[failure.trouble]}_CHUNKED_ENCODING"
    return _NETWORK_ERRORS.get(failure.trouble, "FAILED")


_SILENT_IN_FIREFOX: Final = frozenset(
    {Trouble.SILENT, Trouble.CUT_SHORT, Trouble.GARBLED, Trouble.TOO_LARGE}
)


def explain_failure(fetched: Fetched, page: Page, failure: Failure) -> Finding:
    """Name why there was no answer."""
    url = fetched.last.url
    id_, title, cause, fix = _FAILURES[failure.trouble](url, failure)
    silent = failure.trouble in _SILENT_IN_FIREFOX
    firefox: tuple[str, ...] = () if silent else (wording.failed_line(url),)
    missing = Block(Check.ORIGIN_MISSING, status=200)
    if failure.trouble is Trouble.NOT_HTTP:
        # What has no header is HTTP/0.9, of 1991: to Firefox anywhere, to Chromium where the port
        # is the scheme's own.
        firefox = (wording.missing_line(url, 200),)
        if fetched.last.method == "OPTIONS":
            firefox += (wording.failed_line(url),)
    chromium: tuple[str, ...] = (wording.network_error(network_error(failure)),)
    if failure.trouble in (Trouble.SILENT, Trouble.TOO_LARGE):
        chromium = ()
    is_ancient = failure.trouble is Trouble.NOT_HTTP and urlsplit(url).port is None
    if failure.trouble is Trouble.BAD_STATUS or is_ancient:
        # Chromium takes a status that is no number for 200, and misses the header.
        chromium = wording.chromium_lines(missing, url, page.origin)
    if fetched.block is not None:
        chromium = wording.chromium_lines(fetched.block, url, page.origin)
    waits = failure.trouble in (Trouble.SILENT, Trouble.NO_CONNECTION)
    client = "timeout" if waits else _POLL_ERROR
    proof = proof_of(fetched.exchanges)
    return Finding(id_, _BROKEN, title, cause, fix, firefox, chromium, client, proof)


def _name(url: str, failure: Failure) -> Told:
    host = urlsplit(url).hostname or ""
    if host in ("http", "https", "ws", "wss"):
        return _not_a_name(host)
    cause = f"No name server that this machine asks knows {host}."
    if "." not in host or host.rpartition(".")[2] in ("local", "internal", "lan", "home", "svc"):
        cause += (
            " Such a name exists in one network only, as a container's or a Kubernetes service's: "
            "a page runs in the visitor's browser, which is elsewhere."
        )
    fix = "Use the name or address under which visitors reach the server, in the client's URL."
    return "name-not-found", f"The name {host} was not found.", cause, Fix(elsewhere=fix)


def _not_a_name(host: str) -> Told:
    cause = (
        f"io() was given an address with a misspelt beginning, of which “{host}” was taken for the "
        "host: one slash instead of two, or capitals, as in HTTP://."
    )
    fix = 'In the client: io("https://api.example.com"), with https:// in small letters.'
    return "name-not-found", f"“{host}” is no host.", cause, Fix(elsewhere=fix)


def _refused(url: str, failure: Failure) -> Told:
    where = origin_of(url)
    cause = (
        "Nothing listens there: the server is not running, has crashed, listens on another port or "
        "on another address of its machine (in a container: on 127.0.0.1)."
    )
    fix = "Start the server, and compare host and port with the client's URL."
    run = (
        'socketio.run(app, host="0.0.0.0", port={port})'
        if not is_loopback(urlsplit(url).hostname or "")
        else "socketio.run(app, port={port})"
    )
    port = urlsplit(url).port or (443 if url.startswith("https") else 80)
    lines = Fix(run.format(port=port), f"httpServer.listen({port})", fix)
    return "not-listening", f"Nothing listens at {where}.", cause, lines


def _unreachable(url: str, failure: Failure) -> Told:
    fix = "Check the address, the network and the firewall between this machine and the server."
    cause = f"The network knows no way there ({failure.detail})."
    return "unreachable", f"{origin_of(url)} cannot be reached.", cause, Fix(elsewhere=fix)


def _no_connection(url: str, failure: Failure) -> Told:
    cause = (
        "The connection was neither accepted nor refused: a firewall drops it, or the address "
        "belongs to a network that only others are in. Browsers wait for more than a minute, "
        "Socket.IO's client gives up before, after its timeout, 20 seconds by default."
    )
    fix = "Open the port in the firewall or security group, or use the server's public address."
    return "no-connection", f"{origin_of(url)} does not answer.", cause, Fix(elsewhere=fix)


def _certificate(url: str, failure: Failure) -> Told:
    cause = (
        f"The certificate is not trusted: {failure.detail}. A page's requests fail without asking "
        "the visitor."
    )
    fix = (
        "Get a certificate for this name from a public authority (Let's Encrypt), install it with "
        "its intermediate certificates; while developing, open the URL in a tab once and accept it."
    )
    return "certificate", "The server's certificate is not trusted.", cause, Fix(elsewhere=fix)


def _tls(url: str, failure: Failure) -> Told:
    plain = url.replace("https://", "http://", 1)
    cause = (
        f"The TLS handshake failed ({failure.detail}); most often a server without TLS listens "
        "there, which https:// cannot talk to."
    )
    fix = Fix(elsewhere="Or serve TLS on this port.", address=plain)
    return "tls", "The server does not speak TLS as https:// needs it.", cause, fix


def _closed(url: str, failure: Failure) -> Told:
    cause = "The connection was accepted and closed without an answer."
    fix = "Look into the server's log: it crashes, or a proxy or port mapping leads nowhere."
    if url.startswith("http://"):
        cause += " A server that expects TLS does that when it is asked without."
        fix = (
            f"If the server has TLS, use https:// in the client. If not: {fix[0].lower()}{fix[1:]}"
        )
    return "connection-closed", "The server hangs up.", cause, Fix(elsewhere=fix)


def _silent(url: str, failure: Failure) -> Told:
    cause = (
        "The server accepts the connection and does not answer in time: Socket.IO's client gives "
        "up after its timeout, 20 seconds by default, preflight included, and the browser prints "
        "nothing. A server that is busy with something else does that: one worker, blocked by a "
        "slow request or by all its long polls."
    )
    run = "socketio.run(app)  # with eventlet installed: pip install eventlet"
    fix = Fix(run, "", "Restart the server; do not block its event loop.")
    return "silent", "The server does not answer.", cause, fix


def _not_http(url: str, failure: Failure) -> Told:
    shown = failure.detail.encode("unicode_escape").decode()
    cause = f"What listens there is no web server; it says {shown!r}."
    fix = "Compare the port in the client's URL with the one that the server prints at its start."
    return "another-protocol", "The answer is not HTTP.", cause, Fix(elsewhere=fix)


def _too_large(url: str, failure: Failure) -> Told:
    cause = (
        f"The answer has more headers, or longer ones, than the doctor reads ({failure.detail}). "
        "Browsers read some more; proxies, as nginx, often less."
    )
    fix = "Look for a cookie or a header that grows with every request."
    return "too-large", "The answer's headers are too large.", cause, Fix(elsewhere=fix)


def _malformed(url: str, failure: Failure) -> Told:
    cause = (
        f"The answer cannot be read ({failure.detail}): its headers contradict each other, or its "
        "body is not in pieces as they say."
    )
    fix = "Look for a proxy or a middleware that changes the body, or sets Content-Length itself."
    return "malformed", "The answer is malformed.", cause, Fix(elsewhere=fix)


def _cut_short(url: str, failure: Failure) -> Told:
    cause = f"The answer ended before its end ({failure.detail})."
    fix = "Look into the server's and the proxy's log: one of them broke off."
    return "cut-short", "The answer is incomplete.", cause, Fix(elsewhere=fix)


def _garbled(url: str, failure: Failure) -> Told:
    cause = f"The body is not encoded as its headers say ({failure.detail})."
    fix = "A proxy or a middleware compresses, or says so, twice: switch one of them off."
    return "garbled", "The answer cannot be decoded.", cause, Fix(elsewhere=fix)


_FAILURES: Final[dict[Trouble, Callable[[str, Failure], Told]]] = {
    Trouble.NAME: _name,
    Trouble.REFUSED: _refused,
    Trouble.UNREACHABLE: _unreachable,
    Trouble.NO_CONNECTION: _no_connection,
    Trouble.CERTIFICATE: _certificate,
    Trouble.TLS: _tls,
    Trouble.CLOSED: _closed,
    Trouble.SILENT: _silent,
    Trouble.NOT_HTTP: _not_http,
    Trouble.BAD_STATUS: _not_http,
    Trouble.TOO_LARGE: _too_large,
    Trouble.MALFORMED: _malformed,
    Trouble.CUT_SHORT: _cut_short,
    Trouble.GARBLED: _garbled,
}


def redirect_loop(fetched: Fetched) -> Finding:
    """Tell of a server that redirects for ever."""
    url = fetched.last.url
    return Finding(
        "redirect-loop",
        _BROKEN,
        "The server redirects without end.",
        "Each answer redirects to another one; browsers give up after 20.",
        Fix(elsewhere="Look for two rules that send to each other: http to https, slash to none."),
        (wording.failed_line(url),),
        (wording.network_error("TOO_MANY_REDIRECTS"),),
        _POLL_ERROR,
        proof_of(fetched.exchanges[-2:]),
    )
