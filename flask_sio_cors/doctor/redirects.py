"""Redirects, which keep pages from a server that io() could be given the address of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..browser.fetch import Block, Page, Response, cors_check
from .browser import Fetched, origin_of, resolve
from .exchange import Exchange, Failure, Trouble
from .findings import Finding, Severity, Told
from .fixes import Fix, allowing
from .handshake import error_of, session_of
from .probe import Probe
from .proof import proof_of

#: How many redirects are followed to see where they lead.
_MAX_HOPS: Final = 5

_LOGIN: Final = re.compile(r"log-?in|sign-?in|auth|sso|account|password", re.IGNORECASE)
_NO_REDIRECT: Final = Fix(
    elsewhere="Exempt the Socket.IO path from the redirect, whatever the method (OPTIONS, POST)."
)
_EXEMPT: Final = Fix(elsewhere="Exempt the Socket.IO path from the login that stands before it.")


_LOGIN_TITLE: Final = "A login stands before the Socket.IO server."
_LOGIN_CAUSE: Final = "It looks like a login, which Socket.IO cannot fill in."


def _is_login(address: str) -> bool:
    parts = urlsplit(address)
    return _LOGIN.search(f"{parts.path}?{parts.query}") is not None


def redirected(url: str, location: str) -> Told:
    """Tell of a redirect that browsers do not follow, for want of CORS headers.

    :param location: as it stands in the answer.
    """
    bare = "without CORS headers on the redirect itself"
    cause = f"The server redirects to {location or 'nowhere'}, {bare}."
    return _told("redirected", "The server redirects.", cause, url, location)


def preflight_redirected(url: str, location: str) -> Told:
    """Tell of a preflight that is redirected; the parameters are those of `redirected`."""
    cause = f"The preflight is redirected to {location}, and browsers follow no such redirect."
    id_, title = "preflight-redirect", "The preflight is redirected."
    return _told(id_, title, cause, url, location)


def websocket_redirected(url: str, location: str) -> Told:
    """Tell of a WebSocket that is redirected; the parameters are those of `redirected`."""
    cause = f"It is redirected to {location}; no browser follows that."
    title = "The WebSocket handshake is redirected."
    return _told("websocket-redirected", title, cause, url.replace("ws", "http", 1), location)


def _told(id_: str, title: str, cause: str, url: str, location: str) -> Told:
    address = resolve(location, url) if location else None
    asked, leads = urlsplit(url), urlsplit(address or "")
    if address is None or leads.scheme not in ("http", "https") or not leads.hostname:
        return id_, title, cause, _NO_REDIRECT
    is_same = asked.path.strip("/") == leads.path.strip("/")
    if is_same and asked.path != leads.path and origin_of(url) == origin_of(address):
        return _slash(cause, asked.path, address)
    if not is_same and _is_login(address):
        return "login-required", _LOGIN_TITLE, f"{cause} {_LOGIN_CAUSE}", _EXEMPT
    return id_, title, cause, Fix(address=address)


def _slash(cause: str, path: str, address: str) -> Told:
    what, without = "adds the slash at its end", "that a client with addTrailingSlash: false omits"
    if path.endswith("/"):
        what, without = "takes away the slash at its end", "that clients send if not told otherwise"
    title = f"The server {what} of {path}, by a redirect."
    return "missing-slash", title, f"{cause} It only {what}, {without}.", Fix(address=address)


def origin_lost(fetched: Fetched) -> Told:
    """Tell of an answer that comes after a redirect to another server."""
    first, last = fetched.exchanges[0].url, fetched.last.url
    cause = (
        f"{origin_of(first)} redirects to {origin_of(last)}; after such a redirect the browser "
        "sends “Origin: null”, which the second server does not allow (and should not)."
    )
    title = "The redirect loses the page's origin."
    return "origin-lost", title, cause, Fix(address=last)


def body_lost(fetched: Fetched) -> Finding | None:
    """Tell of a redirect that turned a POST into a GET (Fetch, "HTTP-redirect fetch")."""
    asked = [exchange for exchange in fetched.exchanges if exchange.method != "OPTIONS"]
    if not asked:
        return None
    first, last = asked[0], fetched.last
    if first.method != "POST" or last.method != "GET" or first.response is None:
        return None
    cause = (
        f"The server redirects to {first.response.location}. A POST that is answered "
        f"{first.response.status} goes on as a GET, without what the page has sent. (Where 307 and "
        "308 are answered it keeps that; but no WebSocket follows a redirect.)"
    )
    title = "The server redirects, and what the page sends is lost."
    proof = proof_of([first])
    return Finding("redirected", Severity.BROKEN, title, cause, Fix(address=last.url), proof=proof)


def out_of_the_web(page: Page, response: Response, block: Block) -> Told:
    """Tell of a redirect to another scheme than the web's."""
    cause = f"The server redirects to {block.value}, where no page can follow."
    fix = Fix(elsewhere="Remove the redirect, or let it lead to an http: or https: address.")
    return f"{block.check.value}", "The server redirects out of the web.", cause, fix


def to_nowhere(page: Page, response: Response, block: Block) -> Told:
    """Tell of a redirect whose address is none."""
    value = block.value if len(block.value) <= 100 else f"{block.value[:99]}…"
    what = f"“{value}”, which is no address" if value else "empty"
    cause = f"The server answers with a redirect ({response.status}), and its Location is {what}."
    fix = Fix(elsewhere="Remove the redirect, or let its Location be an http: or https: address.")
    return "redirect-invalid", "The server redirects to nowhere.", cause, fix


# --- Where it leads ----------------------------------------------------------------------------


def follow(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See what is there, and whether it lets the page in.

    :raise SpentError: if the bounds of the examination are reached.
    """
    if not finding.fix.address:
        return finding
    found = _reach(probe, finding.fix.address)
    cause, fix = _judge(probe.page, found)
    proof = (*finding.proof, *proof_of([found]))
    told = replace(finding, cause=f"{finding.cause} {cause}", fix=fix, proof=proof)
    if session_of(found) is not None:
        probe.close(replace(probe.target, base=origin_of(found.url)), found, found.headers)
    return told


def login(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Tell a login by the address that the browser was redirected to."""
    first, last = (urlsplit(fetched.exchanges[n].url) for n in (0, -1))
    if first.path == last.path or not _is_login(fetched.last.url):
        return finding
    cause = f"The server redirects to {fetched.last.url}. {_LOGIN_CAUSE}"
    return replace(finding, id="login-required", title=_LOGIN_TITLE, cause=cause, fix=_EXEMPT)


def _reach(probe: Probe, address: str) -> Exchange:
    """Follow redirects as no page can: with the page's own origin."""
    found = probe.look(address)
    for _ in range(_MAX_HOPS):
        location = found.response.location if found.response is not None else None
        further = resolve(location, found.url) if location else None
        if further is None or urlsplit(further).scheme not in ("http", "https"):
            break
        found = probe.look(further)
    return found


def _judge(page: Page, found: Exchange) -> tuple[str, Fix]:
    outcome, url = found.outcome, found.url
    if isinstance(outcome, Failure):
        said = f"There: {outcome.trouble.value}{f' ({outcome.detail})' * bool(outcome.detail)}."
        is_there = outcome.trouble is Trouble.CERTIFICATE
        return said, Fix(address=url) if is_there else _NO_REDIRECT
    if session_of(found) is None and error_of(outcome) is None:
        said = f"There is no Socket.IO server there: {outcome.status} {outcome.reason}".rstrip()
        return f"{said}.", _NO_REDIRECT
    is_own = origin_of(url) == page.origin
    if session_of(found) is not None and (is_own or cors_check(page, outcome) is None):
        return "The Socket.IO server there lets the page in.", Fix(address=url)
    said = f"The Socket.IO server there does not let {page.origin} in, either."
    return said, replace(allowing(page), address=url)
