"""What browsers print of a request, and what the page is told: said by the request alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import BAD_PORTS, Block, Check, cors_check
from .facts import UNSPECIFIED, Case, Facts, Stage
from .wire import Failure, Trouble

_POLL_ERROR: Final = "xhr poll error"


@dataclass(frozen=True)
class Console:
    """The lines of both consoles, and the message of the page's ``connect_error``."""

    firefox: tuple[str, ...] = ()
    chromium: tuple[str, ...] = ()
    client: str = ""


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
    Trouble.CUT_SHORT: "CONTENT_LENGTH_MISMATCH",
    Trouble.GARBLED: "CONTENT_DECODING_FAILED",
}
#: What a detail of a failure makes of Chromium's name for it.
_DETAILS: Final = (
    (Trouble.CERTIFICATE, ("expired", "not yet valid"), "CERT_DATE_INVALID"),
    (Trouble.CERTIFICATE, ("match",), "CERT_COMMON_NAME_INVALID"),
    (Trouble.TLS, ("UNRECOGNIZED_NAME",), "SSL_UNRECOGNIZED_NAME_ALERT"),
    (Trouble.TLS, ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"), "SSL_VERSION_OR_CIPHER_MISMATCH"),
    (Trouble.TLS, ("HANDSHAKE_FAILURE",), "SSL_VERSION_OR_CIPHER_MISMATCH"),
    (Trouble.CLOSED, ("reset",), "CONNECTION_RESET"),
    (Trouble.CUT_SHORT, ("reset",), "CONNECTION_RESET"),
    (Trouble.CUT_SHORT, ("chunked",), "INCOMPLETE_CHUNKED_ENCODING"),
    (Trouble.MALFORMED, ("chunk",), "INVALID_CHUNKED_ENCODING"),
    (Trouble.MALFORMED, ("Content-Length",), "RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH"),
    (Trouble.MALFORMED, ("Location",), "RESPONSE_HEADERS_MULTIPLE_LOCATION"),
    (Trouble.MALFORMED, ("illegal header",), "INVALID_HTTP_RESPONSE"),
)
#: What Chromium waits for, or reads, where the client gives up.
_UNSAID: Final = (Trouble.SILENT, Trouble.TOO_LARGE)
_SILENT_IN_FIREFOX: Final = frozenset({*_UNSAID, Trouble.CUT_SHORT, Trouble.GARBLED})


def network_error(failure: Failure) -> str:
    """Return Chromium's name for a failure, without the ``net::ERR_``."""
    for trouble, words, name in _DETAILS:
        if failure.trouble is trouble and any(word in failure.detail for word in words):
            return name
    return _NETWORK_ERRORS.get(failure.trouble, "FAILED")


def console_of(case: Case) -> Console:
    """Return what is printed of a request that the page could not use."""
    if case.stage is Stage.WEBSOCKET:
        return _of_websocket(case)
    if case.stage is Stage.BENEATH:
        return Console(client=_POLL_ERROR)
    found = _of_fetch(case)
    if case.stage is Stage.SESSION:
        asked = "post" if case.last.method in ("POST", "OPTIONS") else "poll"
        is_post = any(one.method == "POST" for one in case.fetched.exchanges)
        client = f"xhr {'post' if is_post else asked} error"
        return Console(found.firefox, found.chromium, client)
    return found


def _of_fetch(case: Case) -> Console:
    fetched, url = case.fetched, case.url
    if fetched.redirected_for_good:
        error = wording.network_error("TOO_MANY_REDIRECTS")
        return Console((wording.failed_line(url),), (error,), _POLL_ERROR)
    failure = fetched.failure
    # A browser looks at the headers before the body, but not at those that it cannot read.
    is_unread = failure is not None and failure.trouble is Trouble.MALFORMED
    if case.block is not None and not is_unread:
        return _of_block(case, case.block)
    return _of_content(case) if failure is None else _of_failure(case, failure)


def _of_block(case: Case, block: Block) -> Console:
    url, origin = case.url, case.facts.page.origin
    is_redirect = case.response.location is not None
    asked = [one.url for one in case.fetched.exchanges if one.method != "OPTIONS"]
    chromium = wording.chromium_lines(
        _as_chromium_sees(case, block), url, origin, asked[0] if asked else url
    )
    if block.status == 407:
        chromium = (wording.network_error("UNEXPECTED_PROXY_AUTH"),)
    firefox = wording.firefox_lines(block, url, origin, is_redirect=is_redirect)
    return Console(firefox, chromium, _POLL_ERROR)


def _as_chromium_sees(case: Case, block: Block) -> Block:
    """Return the check that Chromium names, which makes some of them in another order."""
    location = case.response.location
    if location is None:
        return block
    if block.is_preflight:
        check = Check.PREFLIGHT_REDIRECT if location else Check.PREFLIGHT_STATUS
        return Block(check, location, case.response.status, True)
    if block.check is Check.REDIRECT_UNREADABLE:
        return cors_check(case.facts.page, case.response) or block
    return block


def _of_failure(case: Case, failure: Failure) -> Console:
    url, trouble, origin = case.url, failure.trouble, case.facts.page.origin
    firefox: tuple[str, ...] = ()
    if trouble not in _SILENT_IN_FIREFOX:
        firefox = (wording.failed_line(url),)
    if trouble is Trouble.NOT_HTTP:
        # What has no header is HTTP/0.9, of 1991: to Firefox anywhere, to Chromium where the port
        # is the scheme's own.
        after = (wording.failed_line(url),) * case.is_preflight
        firefox = (wording.missing_line(url, 200), *after)
    chromium: tuple[str, ...] = (wording.network_error(network_error(failure)),)
    is_ancient = trouble is Trouble.NOT_HTTP and urlsplit(url).port is None
    if trouble in _UNSAID:
        chromium = ()
    elif trouble is Trouble.BAD_STATUS or is_ancient:
        # Chromium takes a status that is no number for 200, and misses the header.
        chromium = wording.chromium_lines(Block(Check.ORIGIN_MISSING, status=200), url, origin)
    if case.block is not None:
        chromium = wording.chromium_lines(case.block, url, origin)
    return Console(firefox, chromium, "timeout" if failure.is_late else _POLL_ERROR)


def _of_content(case: Case) -> Console:
    response = case.response
    client = "server error" if response.status == 200 else _POLL_ERROR
    if response.status == 407:
        return Console((), (wording.network_error("UNEXPECTED_PROXY_AUTH"),), client)
    if response.status < 400:
        return Console(client=client)
    return Console((), (wording.status_line(response.status, response.reason),), client)


def _of_websocket(case: Case) -> Console:
    url, outcome = case.url, case.last.outcome
    firefox = (wording.firefox_websocket(url),)
    if isinstance(outcome, Failure):
        name = network_error(outcome)
        said = wording.WEBSOCKET_NETWORK.format(name=name)
        if name == "EMPTY_RESPONSE":
            said = wording.WEBSOCKET_UNANSWERED
        if outcome.trouble is Trouble.SILENT:
            said = wording.WEBSOCKET_CLOSED
    elif outcome.status == 101:
        said = wording.WEBSOCKET_CLOSED
    else:
        said = wording.WEBSOCKET_STATUS.format(status=outcome.status)
    return Console(firefox, (wording.chromium_websocket(url, said),), "websocket error")


def console_of_unsent(facts: Facts) -> Console:
    """Return what is printed where no request leaves the browser."""
    url, origin, parts = facts.target.polling(), facts.page.origin, urlsplit(facts.target.base)
    if parts.scheme not in ("http", "https"):
        chromium = wording.chromium_not_http(url, origin)
        return Console((wording.not_http_line(url),), chromium, _POLL_ERROR)
    if parts.port in BAD_PORTS:
        return Console((), (wording.network_error("UNSAFE_PORT"),), _POLL_ERROR)
    if parts.hostname in UNSPECIFIED:
        return Console((wording.failed_line(url),), (), _POLL_ERROR)
    firefox, told = wording.mixed_content(url, origin)
    return Console((firefox,), (told,), _POLL_ERROR)


def console_of_space(facts: Facts, space: str) -> Console:
    """Return what Chromium prints where a public page may not ask a private network."""
    lines = wording.chromium_local_network(
        facts.target.polling(), facts.page.origin, space, is_secure=False
    )
    return Console((), lines, _POLL_ERROR)


def console_of_authorization(case: Case) -> Console:
    """Return Firefox's warning of what a wildcard will not cover."""
    return Console((wording.authorization_warning(case.url),))
