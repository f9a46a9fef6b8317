"""What browsers print of a request, and what the page is told: said by the request alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import Block, Check, cors_check
from .facts import Case, Stage
from .wire import Failure, Trouble

#: What the page gets of a request that gets nowhere.
POLL_ERROR: Final = "xhr poll error"


@dataclass(frozen=True)
class Console:
    """The lines of both consoles, and the message of the page's ``connect_error``."""

    firefox: tuple[str, ...] = ()
    chromium: tuple[str, ...] = ()
    client: str = ""


#: Chromium's names for what it has one name for, without the ``net::ERR_``.
_NETWORK_ERRORS: Final = {
    Trouble.NAME: "NAME_NOT_RESOLVED",
    Trouble.REFUSED: "CONNECTION_REFUSED",
    Trouble.CLOSED: "EMPTY_RESPONSE",
    Trouble.NO_CONNECTION: "CONNECTION_TIMED_OUT",
    Trouble.GARBLED: "CONTENT_DECODING_FAILED",
}
_SILENT_IN_FIREFOX: Final = frozenset(
    {Trouble.SILENT, Trouble.TOO_LARGE, Trouble.CUT_SHORT, Trouble.GARBLED}
)


def console_of(case: Case) -> Console:
    """Return what is printed of a request that the page could not use."""
    if case.stage is Stage.WEBSOCKET:
        return _of_websocket(case)
    if case.stage is Stage.BENEATH:
        return Console(client=POLL_ERROR)
    found = _of_fetch(case)
    if case.stage is Stage.SESSION:
        is_post = any(one.method == "POST" for one in case.fetched.exchanges)
        is_post |= case.last.method == "OPTIONS"
        client = f"xhr {'post' if is_post else 'poll'} error"
        return Console(found.firefox, found.chromium, client)
    return found


def _of_fetch(case: Case) -> Console:
    fetched, url = case.fetched, case.url
    if fetched.redirected_for_good:
        error = wording.network_error("TOO_MANY_REDIRECTS")
        return Console((wording.failed_line(url),), (error,), POLL_ERROR)
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
    return Console(firefox, chromium, POLL_ERROR)


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


def _network_error(failure: Failure) -> str | None:
    """Return Chromium's name for a failure, where it is sure."""
    # Whether it calls this a reset depends on who is faster.
    return None if "reset" in failure.detail else _NETWORK_ERRORS.get(failure.trouble)


def _of_failure(case: Case, failure: Failure) -> Console:
    url, trouble, origin = case.url, failure.trouble, case.facts.page.origin
    firefox = (wording.failed_line(url),) * (trouble not in _SILENT_IN_FIREFOX)
    if trouble is Trouble.NOT_HTTP:
        # What has no header is HTTP/0.9, of 1991: to Firefox anywhere, to Chromium where the port
        # is the scheme's own.
        firefox = (wording.missing_line(url, 200), *firefox * case.is_preflight)
    name, block = _network_error(failure), case.block
    chromium: tuple[str, ...] = (wording.network_error(name),) if name is not None else ()
    is_ancient = trouble is Trouble.NOT_HTTP and urlsplit(url).port is None
    if trouble is Trouble.BAD_STATUS or is_ancient:
        # Chromium takes a status that is no number for 200, and misses the header.
        block = block or Block(Check.ORIGIN_MISSING, status=200)
    if block is not None:
        chromium = wording.chromium_lines(block, url, origin)
    return Console(firefox, chromium, "timeout" if failure.is_late else POLL_ERROR)


def _of_content(case: Case) -> Console:
    response = case.response
    client = "server error" if response.status == 200 else POLL_ERROR
    if response.status == 407:
        return Console((), (wording.network_error("UNEXPECTED_PROXY_AUTH"),), client)
    if response.status < 400:
        return Console(client=client)
    return Console((), (wording.status_line(response.status, response.reason),), client)


def _of_websocket(case: Case) -> Console:
    url, outcome = case.url, case.last.outcome
    said: str | None = wording.WEBSOCKET_CLOSED
    if not isinstance(outcome, Failure):
        if outcome.status != 101:
            said = wording.WEBSOCKET_STATUS.format(status=outcome.status)
    elif outcome.trouble is Trouble.CLOSED and "reset" not in outcome.detail:
        said = wording.WEBSOCKET_UNANSWERED
    elif outcome.trouble is not Trouble.SILENT:
        name = _network_error(outcome)
        said = wording.WEBSOCKET_NETWORK.format(name=name) if name is not None else None
    chromium = (wording.chromium_websocket(url, said),) if said is not None else ()
    client = "timeout" if isinstance(outcome, Failure) and outcome.is_late else "websocket error"
    # Who has polling hears of nothing.
    client = "" if case.facts.upgrade else client
    return Console((wording.firefox_websocket(url),), chromium, client)
