"""What keeps a page from opening a session by polling, told from what the browser got."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from .. import wording
from ..fetch import Block, Check, Page, Response, cors_check
from ..origins import is_loopback
from . import gatekeepers, redirects
from .browser import Fetched, origin_of
from .exchange import Failure, Trouble
from .findings import (
    Finding,
    Severity,
    error_of,
    is_extension,
    is_host_refused,
    is_python,
    proof_of,
    raised,
    session_of,
)
from .fixes import DEFAULT_PATH, Fix, allowing
from .protocol import Protocol, protocol_of
from .proxies import is_own_page, proxy_of

_BROKEN: Final = Severity.BROKEN
_POLL_ERROR: Final = "xhr poll error"
_SERVER_ERROR: Final = "server error"


def explain(fetched: Fetched, page: Page) -> Finding:
    """Name what is wrong with a fetch that has not given the page a session."""
    if fetched.redirected_for_good:
        return _redirect_loop(fetched)
    failure = fetched.failure
    # A browser looks at the headers before the body, but not at those that it cannot read.
    is_unread = failure is not None and failure.trouble is Trouble.MALFORMED
    if fetched.block is not None and not is_unread:
        return explain_block(fetched, page, fetched.block)
    if failure is not None:
        return explain_failure(fetched, page, failure)
    return explain_content(fetched, page)


def beneath(fetched: Fetched, page: Page) -> Finding | None:
    """Name what is wrong with an answer besides its CORS headers; ``None`` where it is those."""
    block, response = fetched.block, fetched.response
    if block is None or response is None or block.is_preflight or response.status < 400:
        return None
    # Where the header is missing, the status has been looked at.
    is_looked_at = block.check is Check.ORIGIN_MISSING
    told = None if is_looked_at else explain_status(replace(fetched, block=None), page, response)
    if told is None or told[0] == "origin-not-allowed":
        return None
    id_, title, cause, fix = told
    cause = f"Once CORS is in order, this is next. {cause}"
    proof = proof_of([fetched.last])
    return Finding(id_, _BROKEN, title, cause, fix, client=_POLL_ERROR, proof=proof)


# --- No answer -------------------------------------------------------------------------------

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


_Told = tuple[str, str, str, Fix]


def _name(url: str, failure: Failure) -> _Told:
    host = urlsplit(url).hostname or ""
    cause = f"No name server that this machine asks knows {host}."
    if "." not in host or host.rpartition(".")[2] in ("local", "internal", "lan", "home", "svc"):
        cause += (
            " Such a name exists in one network only, as a container's or a Kubernetes service's: "
            "a page runs in the visitor's browser, which is elsewhere."
        )
    fix = "Use the name or address under which visitors reach the server, in the client's URL."
    return "name-not-found", f"The name {host} was not found.", cause, Fix(elsewhere=fix)


def _refused(url: str, failure: Failure) -> _Told:
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


def _unreachable(url: str, failure: Failure) -> _Told:
    fix = "Check the address, the network and the firewall between this machine and the server."
    cause = f"The network knows no way there ({failure.detail})."
    return "unreachable", f"{origin_of(url)} cannot be reached.", cause, Fix(elsewhere=fix)


def _no_connection(url: str, failure: Failure) -> _Told:
    cause = (
        "The connection was neither accepted nor refused: a firewall drops it, or the address "
        "belongs to a network that only others are in. Browsers wait for more than a minute, "
        "Socket.IO's client gives up before, after 20 seconds."
    )
    fix = "Open the port in the firewall or security group, or use the server's public address."
    return "no-connection", f"{origin_of(url)} does not answer.", cause, Fix(elsewhere=fix)


def _certificate(url: str, failure: Failure) -> _Told:
    cause = (
        f"The certificate is not trusted: {failure.detail}. A page's requests fail without asking "
        "the visitor."
    )
    fix = (
        "Get a certificate for this name from a public authority (Let's Encrypt), install it with "
        "its intermediate certificates; while developing, open the URL in a tab once and accept it."
    )
    return "certificate", "The server's certificate is not trusted.", cause, Fix(elsewhere=fix)


def _tls(url: str, failure: Failure) -> _Told:
    plain = url.replace("https://", "http://", 1)
    cause = (
        f"The TLS handshake failed ({failure.detail}); most often a server without TLS listens "
        "there, which https:// cannot talk to."
    )
    fix = f"Use {origin_of(plain)} in the client, or serve TLS on this port."
    return "tls", "The server does not speak TLS as https:// needs it.", cause, Fix(elsewhere=fix)


def _closed(url: str, failure: Failure) -> _Told:
    cause = "The connection was accepted and closed without an answer."
    fix = "Look into the server's log: it crashes, or a proxy or port mapping leads nowhere."
    if url.startswith("http://"):
        cause += " A server that expects TLS does that when it is asked without."
        fix = (
            f"If the server has TLS, use https:// in the client. If not: {fix[0].lower()}{fix[1:]}"
        )
    return "connection-closed", "The server hangs up.", cause, Fix(elsewhere=fix)


def _silent(url: str, failure: Failure) -> _Told:
    cause = (
        "The server accepts the connection and does not answer in time: Socket.IO's client gives "
        "up after 20 seconds, preflight included, and the browser prints nothing. A server that "
        "is busy with something else does that: one worker, blocked by a slow request or by all "
        "its long polls."
    )
    run = "socketio.run(app)  # with eventlet installed: pip install eventlet"
    fix = Fix(run, "", "Restart the server; do not block its event loop.")
    return "silent", "The server does not answer.", cause, fix


def _not_http(url: str, failure: Failure) -> _Told:
    shown = failure.detail.encode("unicode_escape").decode()
    cause = f"What listens there is no web server; it says {shown!r}."
    fix = "Compare the port in the client's URL with the one that the server prints at its start."
    return "another-protocol", "The answer is not HTTP.", cause, Fix(elsewhere=fix)


def _too_large(url: str, failure: Failure) -> _Told:
    cause = (
        f"The answer has more headers, or longer ones, than the doctor reads ({failure.detail}). "
        "Browsers read some more; proxies, as nginx, often less."
    )
    fix = "Look for a cookie or a header that grows with every request."
    return "too-large", "The answer's headers are too large.", cause, Fix(elsewhere=fix)


def _malformed(url: str, failure: Failure) -> _Told:
    cause = (
        f"The answer cannot be read ({failure.detail}): its headers contradict each other, or its "
        "body is not in pieces as they say."
    )
    fix = "Look for a proxy or a middleware that changes the body, or sets Content-Length itself."
    return "malformed", "The answer is malformed.", cause, Fix(elsewhere=fix)


def _cut_short(url: str, failure: Failure) -> _Told:
    cause = f"The answer ended before its end ({failure.detail})."
    fix = "Look into the server's and the proxy's log: one of them broke off."
    return "cut-short", "The answer is incomplete.", cause, Fix(elsewhere=fix)


def _garbled(url: str, failure: Failure) -> _Told:
    cause = f"The body is not encoded as its headers say ({failure.detail})."
    fix = "A proxy or a middleware compresses, or says so, twice: switch one of them off."
    return "garbled", "The answer cannot be decoded.", cause, Fix(elsewhere=fix)


_FAILURES: Final[dict[Trouble, Callable[[str, Failure], _Told]]] = {
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


def _redirect_loop(fetched: Fetched) -> Finding:
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


# --- Blocked ---------------------------------------------------------------------------------


def explain_block(fetched: Fetched, page: Page, block: Block) -> Finding:
    """Name why a response does not pass the browser's checks."""
    response = fetched.response
    is_redirect = response is not None and response.location is not None
    url = fetched.last.url
    told = _explain_check(fetched, page, block)
    chromium = wording.chromium_lines(
        _as_chromium_sees(block, page, response), url, page.origin, _asked_first(fetched)
    )
    if block.status == 407:
        chromium = (wording.network_error("UNEXPECTED_PROXY_AUTH"),)
    return Finding(
        told[0],
        _BROKEN,
        *told[1:],
        wording.firefox_lines(block, url, page.origin, is_redirect=is_redirect),
        chromium,
        _POLL_ERROR,
        proof_of(fetched.exchanges),
    )


def _as_chromium_sees(block: Block, page: Page, response: Response | None) -> Block:
    """Return the check that Chromium names, which makes some of them in another order."""
    if response is None or response.location is None:
        return block
    if block.is_preflight:
        check = Check.PREFLIGHT_REDIRECT if response.location else Check.PREFLIGHT_STATUS
        return Block(check, response.location, response.status, True)
    if block.check is Check.REDIRECT_UNREADABLE:
        return cors_check(page, response) or block
    return block


def _asked_first(fetched: Fetched) -> str:
    """Return the address that redirected to the last one, or that one where none did."""
    actual = [exchange.url for exchange in fetched.exchanges if exchange.method != "OPTIONS"]
    return actual[0] if actual else fetched.last.url


def _origin_seen(fetched: Fetched, page: Page) -> str:
    """Return the origin that the last server was told."""
    return dict(fetched.last.headers).get("Origin", page.origin)


def _explain_check(fetched: Fetched, page: Page, block: Block) -> _Told:
    response = fetched.response or Response(block.status)
    if response.location is None and page.origin != _origin_seen(fetched, page) == "null":
        return redirects.origin_lost(fetched)
    if block.check is Check.ORIGIN_MISSING:
        return _explain_missing(fetched, page, response, block)
    if block.check is Check.PREFLIGHT_REDIRECT:
        return redirects.preflight_redirected(fetched.last.url, block.value)
    if block.check is Check.PREFLIGHT_STATUS:
        path = urlsplit(fetched.last.url).path
        gatekeeper = None if error_of(response) else gatekeepers.explain(response, path)
        return gatekeeper or _preflight_status(page, response, block)
    return _CHECKS[block.check](page, response, block)


def _explain_missing(fetched: Fetched, page: Page, response: Response, block: Block) -> _Told:
    if response.location is not None:
        return redirects.redirected(fetched.last.url, response.location)
    by_status = explain_status(fetched, page, response, is_preflight=block.is_preflight)
    if by_status is not None:
        return by_status
    if block.is_preflight and not response.is_ok:
        return _preflight_status(page, response, block)
    told = error_of(response)
    if told is not None:
        cause = f'Socket.IO answers {response.status} without CORS headers, and says "{told}".'
        return (
            "error-hidden",
            "The server refuses, and the page cannot read why.",
            cause,
            allowing(page),
        )
    if fetched.failure is not None:
        cause = (
            "The answer comes without any CORS header, which is all that browsers tell. Its body "
            f"is broken as well: {fetched.failure.trouble.value} ({fetched.failure.detail})."
        )
        return "header-missing", "The server sends no CORS headers.", cause, allowing(page)
    is_handshake = not block.is_preflight and "sid=" not in fetched.last.url
    if session_of(fetched.last) is None and is_handshake:
        return another_server(response)
    rest = [name for name, _ in response.headers if name.lower().startswith("access-control-")]
    if rest or "origin" in (response.combined("Vary") or "").lower():
        there = ", ".join(rest) or "Vary: Origin"
        if is_handshake and is_python(response):
            return _stripped(there)
        cause = (
            f"The server knows CORS (it sends {there}), but does not allow {page.origin}; or a "
            "proxy removes the header, or the request's Origin."
        )
        return (
            "origin-not-allowed",
            f"The server does not allow {page.origin}.",
            cause,
            allowing(page),
        )
    title, cause = _without_headers(fetched)
    return "header-missing", title, cause, allowing(page)


def _without_headers(fetched: Fetched) -> tuple[str, str]:
    """Return a title and a cause for a Socket.IO server's answer that has no CORS header at all."""
    method, rest = fetched.last.method, "The server sends no CORS headers."
    if fetched.exchanges[0].method == "OPTIONS" != method:
        before, rest = "preflight", f"The answer to {method} has no CORS headers."
    elif "sid=" in fetched.last.url:
        before, rest = "handshake", f"The answer to {method} has no CORS headers."
    else:
        cause = (
            "The Socket.IO server answers, but without any CORS header: nothing allows other "
            "origins there, or a proxy removes the headers."
        )
        return rest, cause
    cause = (
        f"The answer to the {before} has CORS headers, that to {method} has none: what adds them "
        "(often a proxy) does so for some requests only. The server itself does it for all."
    )
    return rest, cause


def _stripped(there: str) -> _Told:
    cause = (
        f"The Socket.IO server has let this origin in (it would have answered 403 or 400) and sent "
        f"{there}, but the header itself is gone: a proxy or a middleware removes it."
    )
    fix = (
        "Let Access-Control-Allow-Origin through; in nginx, look for proxy_hide_header and "
        "more_clear_headers."
    )
    return "header-stripped", "The CORS header is lost on its way.", cause, Fix(elsewhere=fix)


def _mismatch(page: Page, response: Response, block: Block) -> _Told:
    value = block.value
    if len(response.values("Access-Control-Allow-Origin")) > 1:
        return _repeated(page, response, block)
    title = f"The server allows {value or 'an empty origin'}, not {page.origin}."
    if re.search(r"[,;\s]", value):
        cause = (
            "The header holds a list. It can hold one origin only: the server has to choose the "
            "one that asks."
        )
        return "origin-list", title, cause, allowing(page)
    if "*" in value:
        cause = "Patterns mean nothing to browsers: the server has to send the origin that asks."
        return "origin-mismatch", title, cause, allowing(page)
    return "origin-mismatch", title, _difference(page.origin, value), allowing(page)


def _difference(origin: str, value: str) -> str:
    """Say how the allowed origin differs; by so little that it is easily overlooked, perhaps."""
    if value.rstrip("/").lower() == origin:
        what = "the slash at its end" if value.endswith("/") else "upper and lower case"
        return f"The two differ in {what}, and browsers compare letter by letter."
    own, other = urlsplit(origin), _split(value)
    if other.hostname == own.hostname and other.scheme != own.scheme:
        return f"The two differ in the scheme, {own.scheme} and {other.scheme or 'none'}."
    if other.hostname == own.hostname:
        return "The two differ in the port, which is a part of the origin."
    if is_loopback(own.hostname or "") and is_loopback(other.hostname or ""):
        return f"{own.hostname} and {other.hostname} are one machine, but two origins."
    return (
        "The server always sends that origin, whoever asks; or a proxy tells it that one, with "
        "a request header Origin of its own."
    )


def _split(value: str) -> SplitResult:
    """Take apart what should be an origin, and may be anything."""
    try:
        return urlsplit(value)
    except ValueError:
        return urlsplit("")


_ALONE: Final = (
    "Let the Socket.IO server alone send it: remove from the proxy what adds it (nginx: add_header "
    "Access-Control-…, Apache: Header add), and from the application what adds it besides cors "
    "(Node.js: setHeader, app.use(cors()))."
)


def _repeated(page: Page, response: Response, block: Block) -> _Told:
    values = response.values("Access-Control-Allow-Origin")
    cause = (
        f"The header comes {_times(len(values))} ({', '.join(values)}): two places add it, "
        "most often the application and the proxy before it."
    )
    # Whichever of them stays, it lets the page in, or not.
    lets_in = {page.origin} if page.credentials else {page.origin, "*"}
    fix = Fix(elsewhere=_ALONE) if set(values) <= lets_in else allowing(page, elsewhere=_ALONE)
    return "header-repeated", "The CORS header is doubled.", cause, fix


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _wildcard(page: Page, response: Response, block: Block) -> _Told:
    cause = (
        "The page asks with cookies (withCredentials: true), and the server allows “*”, which "
        "browsers do not take for that: the server has to name the origin."
    )
    fix = allowing(page, adds=False)
    return "wildcard-with-credentials", "“*” does not go with credentials.", cause, fix


def _not_true(page: Page, response: Response, block: Block) -> _Told:
    shown = f"“{block.value}”" if block.value else "nothing"
    values = response.values("Access-Control-Allow-Credentials")
    if len(values) > 1 and set(values) == {"true"}:
        cause = f"Access-Control-Allow-Credentials comes {_times(len(values))}: two places add it."
        fix = Fix(elsewhere=_ALONE)
        return "credentials-not-true", "The credentials header is doubled.", cause, fix
    cause = (
        "The page asks with cookies (withCredentials: true), and the server sends "
        f"{shown} where Access-Control-Allow-Credentials: true is needed."
    )
    return "credentials-not-true", "The server does not allow credentials.", cause, allowing(page)


def _preflight_status(page: Page, response: Response, block: Block) -> _Told:
    hint = {
        403: " The server refuses OPTIONS requests or this origin.",
        404: " Nothing is found for OPTIONS requests at this path.",
        405: " What answers there does not know OPTIONS requests.",
    }.get(response.status, "")
    cause = f"The browser's question before the request was answered {response.status}.{hint}"
    passing = "Let OPTIONS requests to the Socket.IO path through to the Socket.IO server."
    fix = allowing(page, elsewhere=passing)
    if cors_check(page, response) is None:
        # This extension's headers, and somebody else's status.
        cause += " Its headers let the page in, but only a status from 200 to 299 counts."
        fix = replace(fix, installed=_ANSWERED_HERE)
    return "preflight-status", "The preflight fails.", cause, fix


_ANSWERED_HERE: Final = """\
# above SioCors(app); or give the Socket.IO path a route that answers OPTIONS
app.config["SIO_CORS_PREFLIGHT_CONTINUE"] = False"""


def _method(page: Page, response: Response, block: Block) -> _Told:
    listed = response.combined("Access-Control-Allow-Methods") or "none"
    cause = f"The server allows {listed}. (Socket.IO itself needs GET and POST, always allowed.)"
    title = f"The method {block.value} is not allowed."
    known = [name for name in re.findall(r"[\w-]+", listed) if name not in ("none", "OPTIONS")]
    wanted = list(dict.fromkeys(["GET", "POST", *known, block.value]))
    return "method-not-listed", title, cause, allowing(page, methods=wanted, is_known=True)


def _methods_invalid(page: Page, response: Response, block: Block) -> _Told:
    cause = f"“{block.value}” is no method: the list is separated by commas, without quotes."
    fix = allowing(page, methods=["GET", "POST"], is_known=True)
    return "methods-invalid", "The list of methods is malformed.", cause, fix


def _headers_invalid(page: Page, response: Response, block: Block) -> _Told:
    cause = f"“{block.value}” is no header name: the list is separated by commas, without quotes."
    fix = allowing(page, headers=[name for name, _ in page.headers], is_known=True)
    return "headers-invalid", "The list of headers is malformed.", cause, fix


def _header_not_listed(page: Page, response: Response, block: Block) -> _Told:
    listed = response.combined("Access-Control-Allow-Headers") or "no header"
    names = ", ".join(block.names)
    cause = f"The page sends {names} (extraHeaders), and the server allows {listed}."
    if listed == "*" or "*" in listed.split(", "):
        cause += " With credentials, “*” is a header of that name."
    known = [token.strip() for token in listed.split(",")] if listed != "no header" else []
    known = [name for name in known if name and name != "*"]
    spelled = {name.lower(): name for name, _ in page.headers}
    wanted = list(dict.fromkeys([*known, *(spelled[name] for name in block.names)]))
    title = f"The header {block.value} is not allowed."
    fix = allowing(page, headers=wanted, is_known=True)
    return "header-not-listed", title, cause, fix


_CHECKS: Final[dict[Check, Callable[[Page, Response, Block], _Told]]] = {
    Check.ORIGIN_REPEATED: _repeated,
    Check.ORIGIN_MISMATCH: _mismatch,
    Check.WILDCARD_WITH_CREDENTIALS: _wildcard,
    Check.CREDENTIALS_NOT_TRUE: _not_true,
    Check.METHOD_NOT_LISTED: _method,
    Check.METHODS_INVALID: _methods_invalid,
    Check.HEADERS_INVALID: _headers_invalid,
    Check.HEADER_NOT_LISTED: _header_not_listed,
    Check.REDIRECT_NOT_HTTP: redirects.out_of_the_web,
    Check.REDIRECT_WITH_PASSWORD: redirects.out_of_the_web,
    Check.REDIRECT_UNREADABLE: redirects.out_of_the_web,
    Check.REDIRECT_INVALID: redirects.to_nowhere,
}


# --- Answered, but not by a Socket.IO server that the client understands -----------------------


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


def _explain_other(fetched: Fetched, page: Page, response: Response) -> _Told:
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


def _asks_itself(page: Page) -> Fix:
    return Fix(
        elsewhere="See the server's log for what SIO_CORS_ALLOW_REQUEST (or @cors.allow_request) "
        f"did. On the server, flask sio-cors explain {page.origin} names the rule that decides."
    )


def explain_status(
    fetched: Fetched, page: Page, response: Response, *, is_preflight: bool = False
) -> _Told | None:
    """Name what an answer's status and body give away, whatever its CORS headers are."""
    message, protocol = (error_of(response) or "").lower(), protocol_of(fetched.last.url)
    text = response.body[:4096].decode("utf-8", "replace")
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
    is_blocked = fetched.block is not None and "sid=" not in fetched.last.url
    if is_blocked and _is_function_error(response, message, text):
        return _origin_function(page, response)
    if not protocol.is_old and re.match(r"\d+:0\{|\x00", text):
        return _old_server()
    if "HTTP request was sent to HTTPS port" in text or "sent to an HTTPS" in text:
        return _https_needed(fetched.last.url)
    gatekeeper = None if message else gatekeepers.explain(response, urlsplit(fetched.last.url).path)
    if gatekeeper is not None:
        return gatekeeper
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


def _not_offered(page: Page, message: str) -> _Told:
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


def _origin_function(page: Page, response: Response) -> _Told:
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


def _only_get(url: str, response: Response) -> _Told:
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


def _not_allowed(page: Page, response: Response) -> _Told:
    title = f"The server does not allow {page.origin}."
    cause = f'The Socket.IO server itself refuses: "{error_of(response)}".'
    rule = f"On the server, flask sio-cors explain {page.origin} names the rule that decides."
    fix = allowing(page, elsewhere=rule if is_extension(response) else "")
    return "origin-not-allowed", title, cause, fix


def _host_not_trusted(url: str) -> _Told:
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


def _unsupported(page: Page, protocol: Protocol) -> _Told:
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


def _old_server() -> _Told:
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


def _session_lost(page: Page) -> _Told:
    cause = (
        "The session that the handshake opened is unknown to the process that got the next "
        "request: several workers or machines serve this address, without sticky sessions."
    )
    if not page.credentials:
        cause += (
            " (Sticky sessions that rest on a cookie need withCredentials: true in the client.)"
        )
    extension = "# gunicorn -w 1 --threads 100 …   (one worker; several need sticky sessions)"
    fix = "Make the load balancer send each client to one worker; in nginx: ip_hash;"
    return "session-lost", "The server forgets the session.", cause, Fix(extension, "", fix)


def _https_needed(url: str) -> _Told:
    secure = origin_of(url.replace("http://", "https://", 1))
    cause = "The server expects TLS on this port, and is asked without."
    fix = Fix(elsewhere=f"Use {secure} in the client.")
    return "https-needed", "The server wants https://.", cause, fix


def _proxy_error(response: Response) -> _Told:
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


def _proxy_timeout(response: Response, who: str) -> _Told:
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


def _wrong_path(url: str, response: Response) -> _Told:
    path = urlsplit(url).path
    title = f"There is no Socket.IO server at {path}."
    cause = f"A web server answers, but has nothing at {path}: {response.status} {response.reason}."
    compare = (
        "Compare path in the client's options with the server's (resource, path), and the proxy's "
        "location."
    )
    prefix = path.removesuffix(DEFAULT_PATH)
    if is_own_page(response):
        cause += f" It is {proxy_of(response)} itself: no rule of it passes that path on."
        passing = f" In nginx: location {path} {{ proxy_pass http://…:5000; }}"
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


def another_server(response: Response) -> _Told:
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
