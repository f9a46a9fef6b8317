"""Answers that the browser keeps from the page: the checks that their headers have not passed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ...browser.fetch import Check, cors_check
from ...origins.grammar import is_loopback
from ..advice import Topic, advise
from ..browser import origin_of, resolve
from ..facts import Case, lets_in
from ..findings import Rule, Words
from ..fixes import Fix, allowing
from ..protocol import session_of
from ..who import (
    Error,
    is_engineio_preflight,
    is_extension,
    is_python,
    says,
    shown_proxy,
    who,
)
from ..wire import Exchange, Failure, Trouble
from .answers import (
    EXEMPT,
    GATEKEEPERS,
    LOGIN,
    LOGIN_CAUSE,
    another_server,
    is_login,
    near_instead,
)


def _checks(*checks: Check) -> Callable[[Case], bool]:
    return lambda case: case.check in checks


def _is_open(asked: Exchange | None) -> bool:
    return session_of(asked) is not None


# --- Redirects -------------------------------------------------------------------------------

_NO_REDIRECT: Final = Fix(
    elsewhere="Exempt the Socket.IO path from the redirect, whatever the method (OPTIONS, POST)."
)


def leading(case: Case, title: str, cause: str, location: str) -> Words:
    """Tell of a redirect, and of what is where it leads to."""
    url = case.url.replace("ws", "http", 1) if case.url.startswith("ws") else case.url
    address = resolve(location, url) if location else None
    asked, leads = urlsplit(url), urlsplit(address or "")
    if address is None or leads.scheme not in ("http", "https") or not leads.hostname:
        return Words(title, cause, _NO_REDIRECT)
    if is_slash(case):
        what, without = (
            "adds the slash at its end",
            "that a client with addTrailingSlash: false omits",
        )
        if asked.path.endswith("/"):
            what = "takes away the slash at its end"
            without = "that clients send if not told otherwise"
        title = f"The server {what} of {asked.path}, by a redirect."
        cause = f"{cause} It only {what}, {without}."
    found = case.aside("elsewhere")
    if found is None:
        return Words(title, cause, Fix(address=address))
    said, fix = _judge(case, found)
    return Words(title, f"{cause} {said}", fix, (found,))


def is_slash(case: Case) -> bool:
    """Tell whether a redirect changes nothing but the slash at the end of the path."""
    location = case.response.location
    url = case.url.replace("ws", "http", 1) if case.url.startswith("ws") else case.url
    address = resolve(location, url) if location else None
    if address is None or origin_of(address) != origin_of(url):
        return False
    asked, leads = urlsplit(url).path, urlsplit(address).path
    return asked != leads and asked.strip("/") == leads.strip("/")


def to_login(case: Case) -> bool:
    """Tell whether a redirect leads to a login."""
    location = case.response.location
    address = resolve(location, case.url) if location else None
    if address is None or not urlsplit(address).hostname:
        return False
    return urlsplit(address).path.strip("/") != case.path.strip("/") and is_login(address)


def _judge(case: Case, found: Exchange) -> tuple[str, Fix]:
    """Say what is where a redirect leads to, and what to do about it."""
    outcome, url, page = found.outcome, found.url, case.facts.page
    if isinstance(outcome, Failure):
        said = f"There: {outcome.trouble.value}{f' ({outcome.detail})' * bool(outcome.detail)}."
        is_there = outcome.trouble is Trouble.CERTIFICATE
        return said, Fix(address=url) if is_there else _NO_REDIRECT
    if not who(found).is_socketio:
        said = f"There is no Socket.IO server there: {outcome.status} {outcome.reason}".rstrip()
        return f"{said}.", _NO_REDIRECT
    is_own = origin_of(url) == page.origin
    if _is_open(found) and (is_own or cors_check(page, outcome) is None):
        return "The Socket.IO server there lets the page in.", Fix(address=url)
    said = f"The Socket.IO server there does not let {page.origin} in, either."
    return said, replace(allowing(page), address=url)


def _redirected(case: Case) -> Words:
    location = case.response.location or ""
    cause = f"The server redirects to {location or 'nowhere'}, without CORS headers on the redirect itself."
    return leading(case, "The server redirects.", cause, location)


def _preflight_redirected(case: Case) -> Words:
    location = case.response.location or ""
    cause = f"The preflight is redirected to {location}, and browsers follow no such redirect."
    return leading(case, "The preflight is redirected.", cause, location)


def _login(case: Case) -> Words:
    where = case.response.location or ""
    what = "The preflight is redirected" if case.is_preflight else "The server redirects"
    return Words(LOGIN, f"{what} to {where}. {LOGIN_CAUSE}", EXEMPT)


def _is_lost(case: Case) -> bool:
    seen = dict(case.last.headers).get("Origin", case.facts.page.origin)
    return case.response.location is None and case.facts.page.origin != seen == "null"


def _lost(case: Case) -> Words:
    first = case.fetched.exchanges[0].url
    cause = f"{origin_of(first)} redirects to {origin_of(case.url)}; after such a redirect the browser sends “Origin: null”, which the second server does not allow (and should not)."
    title, found = "The redirect loses the page's origin.", case.aside("elsewhere")
    if found is None:
        return Words(title, cause, Fix(address=case.url))
    said, fix = _judge(case, found)
    return Words(title, f"{cause} {said}", fix, (found,))


def _out_of_the_web(case: Case) -> Words:
    value = case.block.value if case.block is not None else ""
    return Words(
        "The server redirects out of the web.",
        f"The server redirects to {value}, where no page can follow.",
        "Remove the redirect, or let it lead to an http: or https: address.",
    )


def _to_nowhere(case: Case) -> Words:
    value = case.block.value if case.block is not None else ""
    value = value if len(value) <= 100 else f"{value[:99]}…"
    what = f"“{value}”, which is no address" if value else "empty"
    return Words(
        "The server redirects to nowhere.",
        f"The server answers with a redirect ({case.response.status}), and its Location is {what}.",
        "Remove the redirect, or let its Location be an http: or https: address.",
    )


def _has_location(case: Case) -> bool:
    is_hidden = case.check in (Check.ORIGIN_MISSING, Check.PREFLIGHT_REDIRECT)
    return case.response.location is not None and is_hidden


REDIRECTS: Final = (
    Rule("origin-lost", lambda c: c.block is not None and _is_lost(c), _lost),
    Rule("missing-slash", lambda c: _has_location(c) and is_slash(c), _redirected),
    Rule("login-required", lambda c: _has_location(c) and to_login(c), _login),
    Rule(
        "redirected",
        lambda c: _has_location(c) and c.check is Check.ORIGIN_MISSING,
        _redirected,
    ),
    Rule("preflight-redirect", _checks(Check.PREFLIGHT_REDIRECT), _preflight_redirected),
    Rule("redirect-not-http", _checks(Check.REDIRECT_NOT_HTTP), _out_of_the_web),
    Rule("redirect-with-password", _checks(Check.REDIRECT_WITH_PASSWORD), _out_of_the_web),
    Rule("redirect-unreadable", _checks(Check.REDIRECT_UNREADABLE), _out_of_the_web),
    Rule("redirect-invalid", _checks(Check.REDIRECT_INVALID), _to_nowhere),
)


# --- Preflights ------------------------------------------------------------------------------


def _preflight_fails(case: Case) -> bool:
    is_headerless = case.check is Check.ORIGIN_MISSING and not case.response.is_ok
    return case.is_preflight and (case.check is Check.PREFLIGHT_STATUS or is_headerless)


def _preflight_status(case: Case) -> Words:
    status, page = case.response.status, case.facts.page
    hint = {
        403: " The server refuses OPTIONS requests or this origin.",
        404: " Nothing is found for OPTIONS requests at this path.",
        405: " What answers there does not know OPTIONS requests.",
    }.get(status, "")
    cause = f"The browser's question before the request was answered {status}.{hint}"
    if who(case.aside("own")).is_socketio:
        cause += " Other requests do reach the Socket.IO server."
    if says(case.response, r"\Adisallowed cors (origin|method|headers)"):
        return _by_starlette(case, cause)
    passing = "Let OPTIONS requests to the Socket.IO path through to the Socket.IO server."
    fix = allowing(page, elsewhere=passing)
    if cors_check(page, case.response) is None:
        # This extension's headers, and somebody else's status.
        cause += " Its headers let the page in, but only a status from 200 to 299 counts."
        fix = replace(fix, installed=_ANSWERED_HERE)
    return Words("The preflight fails.", cause, fix, (case.aside("own"),))


def _by_starlette(case: Case, cause: str) -> Words:
    said = case.response.body.decode("utf-8", "replace")[:60]
    names = [f'"{name}"' for name, _ in case.facts.page.headers]
    asked = {
        "origin": f'allow_origins=["{case.facts.page.origin}"]',
        "method": 'allow_methods=["GET", "POST"]',
    }.get(said.split()[2], f"allow_headers=[{', '.join(names)}]")
    return Words(
        "The preflight fails.",
        f"{cause} Starlette's CORSMiddleware (FastAPI's) says “{said}”: it answers preflights for the whole application, the Socket.IO path included.",
        f"In app.add_middleware(CORSMiddleware, …): {asked}",
    )


_ANSWERED_HERE: Final = """\
# above SioCors(app); or give the Socket.IO path a route that answers OPTIONS
app.config["SIO_CORS_PREFLIGHT_CONTINUE"] = False"""


def _stops_preflights(case: Case) -> bool:
    return case.check is Check.PREFLIGHT_STATUS and case.author.error is None


PREFLIGHTS: Final = (
    *(rule.where(_stops_preflights) for rule in GATEKEEPERS),
    Rule("preflight-status", _preflight_fails, _preflight_status),
)


# --- The header is missing -------------------------------------------------------------------


def _is_missing(case: Case) -> bool:
    return case.check is Check.ORIGIN_MISSING


def _is_asked(case: Case) -> bool:
    """Tell whether the Socket.IO server has answered, or a preflight was well answered."""
    return _is_missing(case) and (case.author.is_session or case.is_preflight or _sid(case))


def _sid(case: Case) -> bool:
    return "sid=" in case.url


def _has_come_twice(case: Case) -> bool:
    """Tell whether two handshakes got one answer: a session is opened once."""
    session = session_of(case.aside("again"))
    return (session is not None and session == case.facts.session) or (
        session is not None and session == session_of(case.last)
    )


def cached(case: Case) -> Words:
    """Tell of a cache that gives one visitor's answer to another."""
    proxy = f"{advise(Topic.CACHE, case.proxy, path=case.path)} A server with SioCors asks for that, by Cache-Control: no-store."
    fix = replace(allowing(case.facts.page, elsewhere=proxy), node="", installed="")
    return Words(
        "A cache answers instead of the server.",
        "Two handshakes got the same session, so a cache between answers in the server's place. It gives the answer, CORS header and session, of one visitor to the next.",
        fix,
        (case.aside("again"),),
    )


def _cors_names(case: Case) -> list[str]:
    names = (name for name, _ in case.response.headers)
    return [name for name in names if name.lower().startswith("access-control-")]


def _varies(case: Case) -> bool:
    return "origin" in (case.response.combined("Vary") or "").lower()


def _is_answered_before(case: Case) -> bool:
    """Tell whether something else than the Socket.IO server answers preflights."""
    is_bare = not _cors_names(case) and not (case.response.combined("Vary") or "")
    return case.is_preflight and case.response.is_ok and is_bare and case.is_let_in("own")


def _told_origin(case: Case) -> str | None:
    """Return the origin that this extension was told, as its answer shows."""
    asked = case.aside("own")
    response = asked.response if asked is not None else None
    if response is None or not _is_open(asked) or not is_extension(response):
        return None
    told = response.combined("Access-Control-Allow-Origin")
    return told if told not in (None, "*", case.facts.page.origin) else None


def _rewritten(case: Case) -> Words:
    value = _told_origin(case) or (case.block.value if case.block is not None else "")
    return Words(
        "The page's Origin is rewritten.",
        f"The server answers {value}, though it only ever answers the origin that it was asked with: a proxy writes that into the request's Origin header.",
        advise(Topic.ORIGIN, case.proxy),
        (case.aside("own"),),
    )


def _names_no_origin(asked: Exchange | None) -> bool:
    response = asked.response if asked is not None else None
    if response is None or not _is_open(asked):
        return False
    is_known = is_python(response)
    return is_known and response.combined("Access-Control-Allow-Origin") is None


def _has_cors(case: Case) -> bool:
    """Tell whether the server knows CORS at all."""
    is_shown = bool(_cors_names(case)) or _varies(case)
    asked = case.aside("preflight")
    return is_shown or (asked is not None and is_engineio_preflight(asked.response))


def _names_itself(case: Case) -> bool:
    """Tell whether the server was told an origin that the page's own request has not."""
    is_bare = "Origin" not in dict(case.last.headers)
    return case.facts.is_own and is_bare and case.author.error is Error.ORIGIN


NAMED: Final = (
    Rule(
        "origin-rewritten",
        _names_itself,
        lambda c: Words(
            "The page's Origin is rewritten.",
            "The browser names no Origin when a page asks its own server with GET, and the server "
            f'refuses one: "{c.author.message}". A proxy writes an Origin into the request.',
            advise(Topic.ORIGIN, c.proxy),
        ),
    ),
)


def _is_dropped(case: Case) -> bool:
    own, stranger = case.aside("own"), case.aside("stranger")
    is_blind = _names_no_origin(own) and _names_no_origin(stranger)
    is_known = case.facts.is_installed or (_is_asked(case) and _has_cors(case))
    return is_blind and is_known


def _dropped(case: Case) -> Words:
    asked = case.aside("stranger")
    stranger = dict(asked.headers)["Origin"] if asked is not None else ""
    return Words(
        "The page's Origin does not arrive.",
        f"The server opens a session for anybody, even for a page of {stranger}, and allows no origin to read it: that is how it treats requests without an Origin header. A proxy drops that header. (If every origin is allowed, the answer's header may be lost instead.)",
        advise(Topic.ORIGIN, case.proxy),
        (asked,),
    )


def _refuses_own(case: Case) -> bool:
    asked = case.aside("own pages")
    if case.author.error is Error.HOST:
        return False
    return asked is not None and is_extension(asked.response) and not _is_open(asked)


def _own_refused(case: Case) -> Words:
    own = origin_of(case.facts.target.base)
    return Words(
        "The page's Origin or the server's Host is rewritten.",
        f"The server refuses even the pages of its own origin, {own}, which it never does: a proxy writes something else into the request's Origin header, or into Host.",
        f"{advise(Topic.ORIGIN, case.proxy)} {advise(Topic.HOST, case.proxy)}",
        (case.aside("own pages"),),
    )


def _is_stripped(case: Case) -> bool:
    is_known = bool(_cors_names(case)) or _varies(case)
    return case.author.is_session and is_python(case.response) and is_known


def _stripped(case: Case) -> Words:
    there = ", ".join(_cors_names(case)) or "Vary: Origin"
    name = "Access-Control-Allow-Origin"
    return Words(
        "The CORS header is lost on its way.",
        f"The Socket.IO server has let this origin in (it would have answered 403 or 400) and sent {there}, but the header itself is gone: a proxy or a middleware removes it.",
        advise(Topic.HIDES, case.proxy, header=name),
    )


def _knows_cors(case: Case) -> bool:
    return bool(_cors_names(case)) or _varies(case)


def _unlisted(case: Case) -> Words:
    page, there = case.facts.page, ", ".join(_cors_names(case)) or "Vary: Origin"
    title = f"The server does not allow {page.origin}."
    cause = f"The server knows CORS (it sends {there}), but does not allow {page.origin}"
    if case.facts.near:
        return near_instead(case, Words(title, f"{cause}.", allowing(page)))
    doubt = "; or a proxy removes the header, or the request's Origin."
    return Words(title, f"{cause}{doubt}", allowing(page))


def _others_alone(case: Case) -> Words:
    page = case.facts.page
    return near_instead(
        case,
        Words(
            f"The server does not allow {page.origin}.",
            f"The answer to {page.origin} comes without any CORS header.",
            allowing(page),
        ),
    )


def _without(case: Case) -> Words:
    """Tell of a Socket.IO server's answer that has no CORS header at all."""
    page, method = case.facts.page, case.last.method
    title = f"The answer to {method} has no CORS headers."
    if case.fetched.failure is not None:
        failure = case.fetched.failure
        cause = f"The answer comes without any CORS header, which is all that browsers tell. Its body is broken as well: {failure.trouble.value} ({failure.detail})."
        return Words("The server sends no CORS headers.", cause, allowing(page))
    if case.fetched.exchanges[0].method == "OPTIONS" != method:
        before = "preflight"
    elif _sid(case):
        before = "handshake"
    else:
        cause = "The Socket.IO server answers, but without any CORS header: nothing allows other origins there, or a proxy removes the headers."
        return Words("The server sends no CORS headers.", cause, allowing(page))
    cause = f"The answer to the {before} has CORS headers, that to {method} has none: what adds them (often a proxy) does so for some requests only. The server itself does it for all."
    # The place that adds them to some is the place to add them to all.
    elsewhere = f"Let what adds them (nginx: add_header … always) add them to {method}, too."
    return Words(title, cause, allowing(page, elsewhere=elsewhere))


def _is_hidden(case: Case) -> bool:
    return _is_missing(case) and case.author.error is not None


def _hidden(case: Case) -> Words:
    cause = (
        f"Socket.IO answers {case.response.status} without CORS headers, and says "
        f'"{case.author.message}".'
    )
    title = "The server refuses, and the page cannot read why."
    return Words(title, cause, allowing(case.facts.page))


def _is_other(case: Case) -> bool:
    is_handshake = not case.is_preflight and not _sid(case)
    return is_handshake and not case.author.is_session and case.fetched.failure is None


#: What a proxy changes on the way, which the server then refuses.
CHANGED: Final = tuple(
    rule.where(_is_missing)
    for rule in (
        Rule("origin-rewritten", lambda c: _told_origin(c) is not None, _rewritten),
        Rule("origin-dropped", _is_dropped, _dropped),
        Rule("origin-rewritten", _refuses_own, _own_refused),
    )
)
MISSING: Final = tuple(
    rule.where(_is_missing)
    for rule in (
        Rule("error-hidden", _is_hidden, _hidden),
        Rule("another-server", _is_other, another_server),
        Rule("cached", _has_come_twice, cached, is_whole=True),
        Rule(
            "preflight-answered",
            _is_answered_before,
            lambda c: Words(
                "Something before the server answers the preflight.",
                f"The preflight is answered without any CORS header, and the Socket.IO server itself does let {c.facts.page.origin} in: a proxy, or a middleware, answers OPTIONS requests in its place.",
                advise(Topic.OPTIONS, c.proxy),
                (c.aside("own"),),
            ),
        ),
        Rule("origin-not-allowed", lambda c: c.facts.near and not _knows_cors(c), _others_alone),
        Rule("header-stripped", _is_stripped, _stripped),
        Rule("origin-not-allowed", _knows_cors, _unlisted),
        Rule("header-missing", lambda c: True, _without),
    )
)


# --- The header is another -------------------------------------------------------------------


def _values(case: Case) -> list[str]:
    return case.response.values("Access-Control-Allow-Origin")


def _alone(case: Case) -> str:
    return f"Let the Socket.IO server alone send it. {advise(Topic.ADDS, case.proxy)} And remove from the application what adds it besides cors (Node.js: setHeader, app.use(cors()))."


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _repeated(case: Case) -> Words:
    page, values = case.facts.page, _values(case)
    cause = f"The header comes {_times(len(values))} ({', '.join(values)}): two places add it, most often the application and the proxy before it."
    # Whichever of them stays, it lets the page in, or not.
    lets = {page.origin} if page.credentials else {page.origin, "*"}
    alone = _alone(case)
    fix = Fix(elsewhere=alone) if set(values) <= lets else allowing(page, elsewhere=alone)
    return Words("The CORS header is doubled.", cause, fix)


def _is_written_over(case: Case) -> bool:
    """Tell whether a header is not the Socket.IO server's own, as its other answers show."""
    value = case.block.value if case.block is not None else ""
    own, stranger = case.aside("own"), case.aside("stranger")
    opened = own.response if own is not None else None
    if value == "*":
        # python-engineio sends it never, and this extension never with credentials.
        has_cookies = case.response.combined("Access-Control-Allow-Credentials") is not None
        is_ours = is_extension(case.response) and not has_cookies
        return is_python(case.response) and not is_ours and _sends_cors(case)
    return is_python(opened) and who(stranger).error is not None and _sends_cors(case)


def _sends_cors(case: Case) -> bool:
    """Tell whether a server in Python has been told of CORS, by a header that nobody else adds."""
    asked = case.aside("own")
    response = asked.response if asked is not None and _is_open(asked) else case.response
    has_own = bool(response.combined("Access-Control-Allow-Credentials")) if response else False
    return is_extension(response) or has_own


def _written_over(case: Case) -> Words:
    words = _mismatch(case) if case.check is Check.ORIGIN_MISMATCH else _wildcard(case)
    value = f"“{case.block.value}”" if case.block is not None else ""
    return Words(
        words.title,
        f"{words.cause} But the Socket.IO server never sends {value} like that, as what else it answers shows: something behind it writes its own Access-Control-Allow-Origin over the server's.",
        f"Remove what writes the header, or a middleware. {_removing(case)}",
        (case.aside("own"), case.aside("stranger")),
    )


def _removing(case: Case) -> str:
    return advise(Topic.ADDS, case.proxy)


def _is_for_another(case: Case) -> bool:
    """Tell whether the next answer names the page's origin, where this one names another."""
    name = "preflight" if case.is_preflight else "own"
    asked = case.aside(name)
    return asked is not None and lets_in(asked, case.facts.page.origin)


def _for_another(case: Case) -> Words:
    words = _mismatch(case)
    what = "a cache gives one visitor's answer to another, although it varies by Origin"
    if not _is_from_cache(case):
        what += "; or a proxy answers some requests itself; or several servers with different lists take turns"
    return Words(
        "The answer was meant for another page.",
        f"{words.cause} But the server does answer the page with its own origin: {what}.",
        advise(Topic.CACHE, case.proxy, path=case.path),
        (case.aside("preflight" if case.is_preflight else "own"),),
    )


#: Where caches say whether they had an answer.
_CACHES: Final = ("X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status")


def _is_from_cache(case: Case) -> bool:
    told = [case.response.combined(name) or "" for name in _CACHES]
    is_aged = case.response.combined("Age") not in (None, "0")
    return is_aged or any("hit" in one.lower() for one in told)


def _is_rewritten(case: Case) -> bool:
    """Tell whether the server only repeats what it is told."""
    value, own = (case.block.value if case.block is not None else ""), case.aside("own")
    response = own.response if own is not None else None
    if not (is_python(response) or case.facts.is_installed):
        return False
    is_own = _host(value) == urlsplit(case.facts.target.base).hostname and is_python(response)
    return case.facts.is_installed or is_own


def _host(value: str) -> str | None:
    return _split(value).hostname


def _is_written_elsewhere(case: Case) -> bool:
    """Tell whether a session's answer has a header that its server never sends like that.

    Socket.IO for Node.js says with each origin that it varies by it, and Flask-SocketIO names the
    one that asks, and whether it may send cookies.
    """
    opened = case.author.is_session and not is_extension(case.response)
    has_cookies = case.response.combined("Access-Control-Allow-Credentials") is not None
    return opened and not (has_cookies if is_python(case.response) else _varies(case))


def _where_written(case: Case) -> tuple[str, str]:
    """Say who writes a header, and that it is to be changed there."""
    if not _is_written_elsewhere(case):
        return "", ""
    proxy = shown_proxy(case.response)
    who_else = f"the proxy ({proxy})" if proxy else "the proxy, or a middleware,"
    said = f" The Socket.IO server does not send that by itself: {who_else} writes it."
    advice = advise(Topic.ALLOWS, case.proxy, origin=case.facts.page.origin)
    return said, f"{advice} (Or remove it there, and let the server itself send it:)"


def _mismatch(case: Case) -> Words:
    page, value = case.facts.page, case.block.value if case.block is not None else ""
    title = f"The server allows {value or 'an empty origin'}, not {page.origin}."
    cause = _difference(page.origin, value)
    if "*" in value:
        cause = "Patterns mean nothing to browsers: the server has to send the origin that asks."
    said, elsewhere = _where_written(case)
    cause += said
    fix = allowing(page, elsewhere=elsewhere)
    refusal = who(case.last)
    if refusal.error is Error.ORIGIN:
        cause += (
            f' The Socket.IO server itself refuses: "{refusal.message}". Something else adds the '
            "header."
        )
        adds = f"And remove what adds the CORS header to this answer: beside the server's own it would be one too many. {_removing(case)}"
        fix = allowing(page, elsewhere=adds)
    elif case.is_preflight and case.is_let_in("own"):
        cause += _NOT_ITS_OWN
        fix = allowing(page, elsewhere=advise(Topic.OPTIONS, case.proxy))
    return Words(title, cause, fix)


def _list(case: Case) -> Words:
    cause = "The header holds a list. It can hold one origin only: the server has to choose the one that asks."
    return replace(_mismatch(case), cause=cause)


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
    return "The server always sends that origin, whoever asks; or a proxy tells it that one, with a request header Origin of its own."


def _split(value: str) -> SplitResult:
    """Take apart what should be an origin, and may be anything."""
    try:
        return urlsplit(value)
    except ValueError:
        return urlsplit("")


_ELSEWHERE_TOO: Final = "Where the server's configuration reads so already, something else sets the header: look for a second cors(…) or CORS(…), a middleware or a proxy."


def _wildcard(case: Case) -> Words:
    page = case.facts.page
    cause = "The page asks with cookies (withCredentials: true), and the server allows “*”, which browsers do not take for that: the server has to name the origin."
    said, elsewhere = _where_written(case) if is_python(case.response) else ("", "")
    cause += said
    fix = allowing(page, adds=False, elsewhere=elsewhere or _ELSEWHERE_TOO)
    if case.is_preflight and _is_not_its_own(case):
        cause += _NOT_ITS_OWN
        fix = allowing(page, adds=False, elsewhere=advise(Topic.OPTIONS, case.proxy))
    return Words("“*” does not go with credentials.", cause, fix)


def _not_true(case: Case) -> Words:
    page, value = case.facts.page, case.block.value if case.block is not None else ""
    values = case.response.values("Access-Control-Allow-Credentials")
    if len(values) > 1 and set(values) == {"true"}:
        cause = f"Access-Control-Allow-Credentials comes {_times(len(values))}: two places add it."
        return Words("The credentials header is doubled.", cause, _alone(case))
    cause = f"The page asks with cookies (withCredentials: true), and the server sends {f'“{value}”' if value else 'nothing'} where Access-Control-Allow-Credentials: true is needed."
    elsewhere = ""
    if not value:
        said, elsewhere = _perhaps_hidden(case)
        cause += said
    return Words(
        "The server does not allow credentials.", cause, allowing(page, elsewhere=elsewhere)
    )


def _perhaps_hidden(case: Case) -> tuple[str, str]:
    """Say that a proxy may have removed the header, and what to do about that."""
    proxy = shown_proxy(case.response)
    is_plain = is_python(case.response) and not is_extension(case.response)
    if not proxy and not is_plain:
        return "", ""
    said = ""
    if is_plain:
        said = " Flask-SocketIO sends that by itself, unless it is given cors_credentials=False."
    said += f" Or {f'the proxy ({proxy})' if proxy else 'a proxy'} removes it on its way."
    name = "Access-Control-Allow-Credentials"
    advice = advise(Topic.HIDES, case.proxy, header=name)
    return said, f"If the server does send {name}: {advice}"


ANOTHER: Final = (
    Rule("header-repeated", lambda c: len(_values(c)) > 1 and _checks(
        Check.ORIGIN_REPEATED, Check.ORIGIN_MISMATCH)(c), _repeated),
    Rule("cached", lambda c: c.check is Check.ORIGIN_MISMATCH and _has_come_twice(c), cached),
    Rule("origin-list", lambda c: c.check is Check.ORIGIN_MISMATCH and c.block is not None
         and re.search(r"[,;\s]", c.block.value), _list),
    Rule("cached", lambda c: c.check is Check.ORIGIN_MISMATCH and _is_for_another(c),
         _for_another),
    Rule("origin-mismatch", lambda c: c.check is Check.ORIGIN_MISMATCH and not c.is_preflight
         and _is_written_over(c), _written_over),
    Rule("origin-rewritten", lambda c: c.check is Check.ORIGIN_MISMATCH and not
         c.is_let_in("own") and _is_rewritten(c), _rewritten),
    Rule("origin-mismatch", _checks(Check.ORIGIN_MISMATCH), _mismatch),
    Rule("wildcard-with-credentials", lambda c: c.check is Check.WILDCARD_WITH_CREDENTIALS
         and not c.is_preflight and _is_written_over(c), _written_over),
    Rule("wildcard-with-credentials", _checks(Check.WILDCARD_WITH_CREDENTIALS), _wildcard),
    Rule("credentials-not-true", _checks(Check.CREDENTIALS_NOT_TRUE), _not_true),
)  # fmt: skip


# --- What a preflight lists ------------------------------------------------------------------

_NOT_ITS_OWN: Final = " The Socket.IO server itself would let the page in; that answer is not its own, but that of a proxy or a middleware, where the lists stand."


def _is_not_its_own(case: Case) -> bool:
    """Tell whether somebody else answers preflights, with lists of CORS."""
    own = case.aside("own")
    if own is None or own.response is None or not case.is_let_in("own"):
        return False
    is_foreign = is_python(own.response) and not is_engineio_preflight(case.response)
    is_ours = is_extension(own.response) and bool(case.response.combined("Vary"))
    return is_foreign and not is_ours


def _is_completed(case: Case) -> bool:
    """Tell whether somebody adds CORS headers to the answers of a server that has none."""
    is_bare = case.response.body == b"OK" and not is_engineio_preflight(case.response)
    return is_bare and case.is_let_in("own")


def _lists(case: Case, title: str, cause: str, fix: Fix) -> Words:
    """Complete what is told of a list with whose it is."""
    if _is_completed(case):
        cause += " The Socket.IO server itself has no CORS: what lets the page in is added to its answers by a proxy or a middleware."
        elsewhere = f"Let one place alone send the headers: with these lines in the server, remove add_header Access-Control-… from the proxy. {_removing(case)}"
        fix = replace(fix, elsewhere=elsewhere)
    elif _is_not_its_own(case):
        cause += _NOT_ITS_OWN
        fix = replace(fix, elsewhere=advise(Topic.OPTIONS, case.proxy))
    return Words(title, cause, fix, (case.aside("own"),))


def _method(case: Case) -> Words:
    value = case.block.value if case.block is not None else ""
    listed = case.response.combined("Access-Control-Allow-Methods") or "none"
    cause = f"The server allows {listed}. (Socket.IO itself needs GET and POST, always allowed.)"
    known = [name for name in re.findall(r"[\w-]+", listed) if name not in ("none", "OPTIONS")]
    wanted = list(dict.fromkeys(["GET", "POST", *known, value]))
    fix = allowing(case.facts.page, methods=wanted, is_known=True)
    return _lists(case, f"The method {value} is not allowed.", cause, fix)


def _methods_invalid(case: Case) -> Words:
    value = case.block.value if case.block is not None else ""
    cause = f"“{value}” is no method: the list is separated by commas, without quotes."
    fix = allowing(case.facts.page, methods=["GET", "POST"], is_known=True)
    return _lists(case, "The list of methods is malformed.", cause, fix)


def _headers_invalid(case: Case) -> Words:
    value = case.block.value if case.block is not None else ""
    cause = f"“{value}” is no header name: the list is separated by commas, without quotes."
    names = [name for name, _ in case.facts.page.headers]
    fix = allowing(case.facts.page, headers=names, is_known=True)
    return _lists(case, "The list of headers is malformed.", cause, fix)


def _answers_names(case: Case) -> list[str]:
    names = case.block.names if case.block is not None else ()
    return [name for name in names if name.startswith("access-control-")]


def _answers_header(case: Case) -> Words:
    words, names = _header_not_listed(case), ", ".join(_answers_names(case))
    cause = f"{words.cause} {names} is a header of answers; in requests it does nothing."
    fix = Fix(elsewhere=f"Take {names} out of the client's extraHeaders.")
    return Words(words.title, cause, fix)


def _is_reflecting(case: Case) -> bool:
    """Tell whether a preflight's answer is that of a server that allows what it is asked for."""
    response = case.response
    if response.values("Access-Control-Allow-Headers"):
        return False
    varies = (response.combined("Vary") or "").lower()
    if "access-control-request-headers" in varies or is_engineio_preflight(response):
        return True
    # What this extension says to OPTIONS that asks for nothing.
    return response.body == b"OK" and "origin" in varies


def _header_not_listed(case: Case) -> Words:
    page, block = case.facts.page, case.block
    missing = block.names if block is not None else ()
    listed = case.response.combined("Access-Control-Allow-Headers") or "no header"
    cause = f"The page sends {', '.join(missing)} (extraHeaders), and the server allows {listed}."
    if "*" in listed.split(", "):
        cause += " With credentials, “*” is a header of that name."
    known = [token.strip() for token in listed.split(",")] if listed != "no header" else []
    known = [name for name in known if name and name != "*"]
    spelled = {name.lower(): name for name, _ in page.headers}
    wanted = list(dict.fromkeys([*known, *(spelled[name] for name in missing)]))
    title = f"The header {block.value if block is not None else ''} is not allowed."
    return _lists(case, title, cause, allowing(page, headers=wanted, is_known=True))


LISTS: Final = (
    Rule("method-not-listed", _checks(Check.METHOD_NOT_LISTED), _method),
    Rule("methods-invalid", _checks(Check.METHODS_INVALID), _methods_invalid),
    Rule("headers-invalid", _checks(Check.HEADERS_INVALID), _headers_invalid),
    Rule(
        "answers-header-sent",
        lambda c: c.check is Check.HEADER_NOT_LISTED and _answers_names(c),
        _answers_header,
    ),
    Rule(
        "preflight-question-dropped",
        lambda c: c.check is Check.HEADER_NOT_LISTED and _is_reflecting(c),
        lambda c: Words(
            "The preflight's question does not arrive.",
            "The server allows whatever headers a preflight asks for, and has allowed none: a proxy drops the preflight's Access-Control-Request-Method or -Headers (or the answer's Access-Control-Allow-Headers).",
            advise(Topic.QUESTION, c.proxy),
        ),
    ),
    Rule("header-not-listed", _checks(Check.HEADER_NOT_LISTED), _header_not_listed),
)
