"""What keeps a page from opening a session by polling: the checks that an answer has not passed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..browser import wording
from ..browser.fetch import Block, Check, Page, Response, cors_check
from ..origins.grammar import is_loopback
from . import gatekeepers, redirects
from .answers import another_server, explain_content, explain_status
from .browser import Fetched
from .exchange import Trouble
from .failures import explain_failure, redirect_loop
from .findings import Finding, Severity, Told
from .fixes import Fix, allowing
from .handshake import error_of, is_python, session_of
from .proof import proof_of
from .proxies import REMOVE_SENDER

_BROKEN: Final = Severity.BROKEN
_POLL_ERROR: Final = "xhr poll error"


def explain(fetched: Fetched, page: Page) -> Finding:
    """Name what is wrong with a fetch that has not given the page a session."""
    if fetched.redirected_for_good:
        return redirect_loop(fetched)
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


def explain_block(fetched: Fetched, page: Page, block: Block) -> Finding:
    """Name why a response does not pass the browser's checks."""
    response = fetched.response
    is_redirect = response is not None and response.location is not None
    url = fetched.last.url
    told = _with_sender(_explain_check(fetched, page, block), response, block)
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


#: Checks of headers that the Socket.IO server itself does not send with a refusal.
_NOT_ITS_OWN: Final = frozenset({Check.ORIGIN_MISMATCH, Check.WILDCARD_WITH_CREDENTIALS})


def _with_sender(told: Told, response: Response | None, block: Block) -> Told:
    """Add who else sends the header, where the Socket.IO server itself refuses."""
    refuses = "accepted origin" in (error_of(response) or "").lower()
    if block.check not in _NOT_ITS_OWN or not refuses:
        return told
    id_, title, cause, fix = told
    cause += (
        f' The Socket.IO server itself refuses: "{error_of(response)}". Something else adds the '
        "header."
    )
    elsewhere = " ".join(filter(None, (fix.elsewhere, REMOVE_SENDER)))
    return id_, title, cause, replace(fix, elsewhere=elsewhere)


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


def _explain_check(fetched: Fetched, page: Page, block: Block) -> Told:
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


def _explain_missing(fetched: Fetched, page: Page, response: Response, block: Block) -> Told:
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


def _stripped(there: str) -> Told:
    cause = (
        f"The Socket.IO server has let this origin in (it would have answered 403 or 400) and sent "
        f"{there}, but the header itself is gone: a proxy or a middleware removes it."
    )
    fix = (
        "Let Access-Control-Allow-Origin through; in nginx, look for proxy_hide_header and "
        "more_clear_headers."
    )
    return "header-stripped", "The CORS header is lost on its way.", cause, Fix(elsewhere=fix)


def _mismatch(page: Page, response: Response, block: Block) -> Told:
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


def _repeated(page: Page, response: Response, block: Block) -> Told:
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


_ELSEWHERE_TOO: Final = (
    "Where the server's configuration reads so already, something else sets the header: look for "
    "a second cors(…) or CORS(…), a middleware or a proxy."
)


def _wildcard(page: Page, response: Response, block: Block) -> Told:
    cause = (
        "The page asks with cookies (withCredentials: true), and the server allows “*”, which "
        "browsers do not take for that: the server has to name the origin."
    )
    fix = allowing(page, adds=False, elsewhere=_ELSEWHERE_TOO)
    return "wildcard-with-credentials", "“*” does not go with credentials.", cause, fix


def _not_true(page: Page, response: Response, block: Block) -> Told:
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


def _preflight_status(page: Page, response: Response, block: Block) -> Told:
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


def _method(page: Page, response: Response, block: Block) -> Told:
    listed = response.combined("Access-Control-Allow-Methods") or "none"
    cause = f"The server allows {listed}. (Socket.IO itself needs GET and POST, always allowed.)"
    title = f"The method {block.value} is not allowed."
    known = [name for name in re.findall(r"[\w-]+", listed) if name not in ("none", "OPTIONS")]
    wanted = list(dict.fromkeys(["GET", "POST", *known, block.value]))
    return "method-not-listed", title, cause, allowing(page, methods=wanted, is_known=True)


def _methods_invalid(page: Page, response: Response, block: Block) -> Told:
    cause = f"“{block.value}” is no method: the list is separated by commas, without quotes."
    fix = allowing(page, methods=["GET", "POST"], is_known=True)
    return "methods-invalid", "The list of methods is malformed.", cause, fix


def _headers_invalid(page: Page, response: Response, block: Block) -> Told:
    cause = f"“{block.value}” is no header name: the list is separated by commas, without quotes."
    fix = allowing(page, headers=[name for name, _ in page.headers], is_known=True)
    return "headers-invalid", "The list of headers is malformed.", cause, fix


def _header_not_listed(page: Page, response: Response, block: Block) -> Told:
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
    answers = [name for name in block.names if name.startswith("access-control-")]
    if answers:
        cause += f" {', '.join(answers)} is a header of answers; in requests it does nothing."
        take_out = f"Take {', '.join(answers)} out of the client's extraHeaders."
        return "answers-header-sent", title, cause, Fix(elsewhere=take_out)
    fix = allowing(page, headers=wanted, is_known=True)
    return "header-not-listed", title, cause, fix


_CHECKS: Final[dict[Check, Callable[[Page, Response, Block], Told]]] = {
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
