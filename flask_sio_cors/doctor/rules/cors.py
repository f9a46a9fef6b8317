"""Answers that the browser keeps from the page: the checks that their headers have not passed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ...browser.fetch import Check, cors_check
from ...origins.grammar import is_loopback
from ..advice import Topic, advise
from ..browser import origin_of, resolve
from ..facts import Case, lets_in
from ..findings import Rule, Test, Words
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


def _fails(*checks: Check) -> Test:
    return lambda case: case.check in checks


# --- Redirects -------------------------------------------------------------------------------

_NO_REDIRECT: Final = Fix(
    elsewhere="Exempt the Socket.IO path from the redirect, whatever the method (OPTIONS, POST)."
)
_NO_PAGE: Final = "The server redirects to {}, where no page can follow."
#: Why a redirect is not followed.
_NOT_FOLLOWED: Final = {
    Check.ORIGIN_MISSING: "The server redirects to {}, without CORS headers on the redirect itself.",
    Check.PREFLIGHT_REDIRECT: "The preflight is redirected to {}, and browsers follow no such redirect.",
    Check.REDIRECT_INVALID: "The server redirects to {}, which is no address.",
    Check.REDIRECT_NOT_HTTP: _NO_PAGE,
    Check.REDIRECT_WITH_PASSWORD: _NO_PAGE,
    Check.REDIRECT_UNREADABLE: _NO_PAGE,
}


def _destination(case: Case) -> str:
    """Return the address that an answer redirects to; nothing where it names none of the web."""
    location = case.response.location
    address = (resolve(location, _as_http(case.url)) if location else None) or ""
    parts = urlsplit(address)
    return address if parts.scheme in ("http", "https") and parts.hostname else ""


def _as_http(url: str) -> str:
    return url.replace("ws", "http", 1) if url.startswith("ws") else url


def leading(case: Case, title: str, cause: str) -> Words:
    """Tell of a redirect, and of what is where it leads to."""
    address = _destination(case)
    if is_slash(case):
        what, without = "adds", "that a client with addTrailingSlash: false omits"
        if case.path.endswith("/"):
            what, without = "takes away", "that clients send if not told otherwise"
        what = f"{what} the slash at its end"
        title = f"The server {what} of {case.path}, by a redirect."
        cause = f"{cause} It only {what}, {without}."
    return _arriving(case, title, cause, address)


def _arriving(case: Case, title: str, cause: str, address: str) -> Words:
    """Complete what is told of a redirect with what is at the address where it leads to."""
    found, page = case.aside("elsewhere"), case.facts.page
    if found is None or not address:
        return Words(title, cause, Fix(address=address) if address else _NO_REDIRECT)
    outcome, fix = found.outcome, _NO_REDIRECT
    if isinstance(outcome, Failure):
        said = f"There: {outcome.trouble.value}{f' ({outcome.detail})' * bool(outcome.detail)}."
        if outcome.trouble is Trouble.CERTIFICATE:
            fix = Fix(address=found.url)
    elif not who(found).is_socketio:
        status = f"{outcome.status} {outcome.reason}".rstrip()
        said = f"There is no Socket.IO server there: {status}."
    elif session_of(found) and (
        origin_of(found.url) == page.origin or not cors_check(page, outcome)
    ):
        said, fix = "The Socket.IO server there lets the page in.", Fix(address=found.url)
    else:
        said = f"The Socket.IO server there does not let {page.origin} in, either."
        fix = replace(allowing(page), address=found.url)
    return Words(title, f"{cause} {said}", fix, (found,))


def is_slash(case: Case) -> bool:
    """Tell whether a redirect changes nothing but the slash at the end of the path."""
    address = _destination(case)
    asked, leads = case.path, urlsplit(address).path
    is_here = bool(address) and origin_of(address) == origin_of(_as_http(case.url))
    return is_here and asked != leads and asked.strip("/") == leads.strip("/")


def to_login(case: Case) -> bool:
    """Tell whether a redirect leads to a login."""
    address = _destination(case)
    return urlsplit(address).path.strip("/") != case.path.strip("/") and is_login(address)


def _is_redirect(case: Case) -> bool:
    return case.check in _NOT_FOLLOWED and case.response.location is not None


def _redirected(case: Case) -> Words:
    title = "The preflight is redirected." if case.is_preflight else "The server redirects."
    where = (case.response.location or "nowhere")[:200]
    return leading(case, title, _NOT_FOLLOWED[case.check or Check.ORIGIN_MISSING].format(where))


def _login(case: Case) -> Words:
    what = "The preflight is redirected" if case.is_preflight else "The server redirects"
    return Words(LOGIN, f"{what} to {case.response.location or ''}. {LOGIN_CAUSE}", EXEMPT)


def _is_lost(case: Case) -> bool:
    seen, origin = dict(case.last.headers).get("Origin"), case.facts.page.origin
    return case.block is not None and case.response.location is None and origin != seen == "null"


def _lost(case: Case) -> Words:
    first = case.fetched.exchanges[0].url
    cause = f"{origin_of(first)} redirects to {origin_of(case.url)}; after such a redirect the browser sends “Origin: null”, which the second server does not allow (and should not)."
    return _arriving(case, "The redirect loses the page's origin.", cause, case.url)


REDIRECTS: Final = (
    Rule(
        "redirected",
        lambda c: c.fetched.redirected_for_good,
        lambda c: Words(
            "The server redirects without end.",
            "Each answer redirects to another one; browsers give up after 20.",
            "Look for two rules that send to each other: http to https, slash to none.",
        ),
    ),
    Rule("origin-lost", _is_lost, _lost),
    Rule("missing-slash", lambda c: _is_redirect(c) and is_slash(c), _redirected),
    Rule("login-required", lambda c: _is_redirect(c) and to_login(c), _login),
    Rule("redirected", _is_redirect, _redirected),
)


# --- Preflights ------------------------------------------------------------------------------


def _preflight_fails(case: Case) -> bool:
    is_headerless = case.check is Check.ORIGIN_MISSING and not case.response.is_ok
    return case.is_preflight and (case.check is Check.PREFLIGHT_STATUS or is_headerless)


#: What a status says of who answers OPTIONS.
_OPTIONS: Final = {
    403: " The server refuses OPTIONS requests or this origin.",
    404: " Nothing is found for OPTIONS requests at this path.",
    405: " What answers there does not know OPTIONS requests.",
}
_ANSWERED_HERE: Final = """\
# above SioCors(app); or give the Socket.IO path a route that answers OPTIONS
app.config["SIO_CORS_PREFLIGHT_CONTINUE"] = False"""


def _preflight_status(case: Case) -> Words:
    status, page = case.response.status, case.facts.page
    cause = f"The browser's question before the request was answered {status}.{_OPTIONS.get(status, '')}"
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
    names = ", ".join(f'"{name}"' for name, _ in case.facts.page.headers)
    asked = {
        "origin": f'allow_origins=["{case.facts.page.origin}"]',
        "method": 'allow_methods=["GET", "POST"]',
    }.get(said.split()[2], f"allow_headers=[{names}]")
    return Words(
        "The preflight fails.",
        f"{cause} Starlette's CORSMiddleware (FastAPI's) says “{said}”: it answers preflights for the whole application, the Socket.IO path included.",
        f"In app.add_middleware(CORSMiddleware, …): {asked}",
    )


def _stops_preflights(case: Case) -> bool:
    return case.check is Check.PREFLIGHT_STATUS and case.author.error is None


PREFLIGHTS: Final = (
    *(rule.where(_stops_preflights) for rule in GATEKEEPERS),
    Rule("preflight-status", _preflight_fails, _preflight_status),
)


# --- The header is missing -------------------------------------------------------------------


def _is_in_session(case: Case) -> bool:
    return "sid=" in case.url


def _is_asked(case: Case) -> bool:
    """Tell whether the Socket.IO server has answered, or a preflight was well answered."""
    return case.author.is_session or case.is_preflight or _is_in_session(case)


def _has_come_twice(case: Case) -> bool:
    """Tell whether two handshakes got one answer: a session is opened once."""
    session = session_of(case.aside("again"))
    return session is not None and session in (case.facts.session, session_of(case.last))


def cached(case: Case) -> Words:
    """Tell of a cache that gives one visitor's answer to another."""
    proxy = f"{advise(Topic.CACHE, case.proxy, path=case.path)} A server with SioCors asks for that, by Cache-Control: no-store."
    return Words(
        "A cache answers instead of the server.",
        "Two handshakes got the same session, so a cache between answers in the server's place. It gives the answer, CORS header and session, of one visitor to the next.",
        replace(allowing(case.facts.page, elsewhere=proxy), node="", installed=""),
        (case.aside("again"),),
    )


def _cors_names(case: Case) -> list[str]:
    names = (name for name, _ in case.response.headers)
    return [name for name in names if name.lower().startswith("access-control-")]


def _varies(case: Case) -> bool:
    return "origin" in (case.response.combined("Vary") or "").lower()


def _knows_cors(case: Case) -> bool:
    return bool(_cors_names(case)) or _varies(case)


def _shown_cors(case: Case) -> str:
    """Return what shows that a server knows CORS."""
    return ", ".join(_cors_names(case)) or "Vary: Origin"


def _is_answered_before(case: Case) -> bool:
    """Tell whether something else than the Socket.IO server answers preflights."""
    is_bare = not _cors_names(case) and not case.response.combined("Vary")
    return case.is_preflight and case.response.is_ok and is_bare and case.is_let_in("own")


def _told_origin(case: Case) -> str | None:
    """Return the origin that this extension was told, as its answer shows."""
    response = case.beside("own")
    if not case.opens("own") or not is_extension(response):
        return None
    told = response.combined("Access-Control-Allow-Origin")
    return told if told not in (None, "*", case.facts.page.origin) else None


def _rewritten(case: Case) -> Words:
    return Words(
        "The page's Origin is rewritten.",
        f"The server answers {_told_origin(case) or case.value}, though it only ever answers the origin that it was asked with: a proxy writes that into the request's Origin header.",
        advise(Topic.ORIGIN, case.proxy),
        (case.aside("own"),),
    )


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
            f'The browser names no Origin when a page asks its own server with GET, and the server refuses one: "{c.author.message}". A proxy writes an Origin into the request.',
            advise(Topic.ORIGIN, c.proxy),
        ),
    ),
)


def _names_no_origin(case: Case, name: str) -> bool:
    """Tell whether a server in Python has opened a session, and allowed no origin to read it."""
    response = case.beside(name)
    is_bare = response.combined("Access-Control-Allow-Origin") is None
    return case.opens(name) and is_python(response) and is_bare


def _is_dropped(case: Case) -> bool:
    has_cors = _knows_cors(case) or is_engineio_preflight(case.beside("preflight"))
    is_known = case.facts.is_installed or (_is_asked(case) and has_cors)
    return is_known and _names_no_origin(case, "own") and _names_no_origin(case, "stranger")


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
    is_refused = is_extension(case.beside("own pages")) and not case.opens("own pages")
    return is_refused and case.author.error is not Error.HOST


def _own_refused(case: Case) -> Words:
    own = origin_of(case.facts.target.base)
    return Words(
        "The page's Origin or the server's Host is rewritten.",
        f"The server refuses even the pages of its own origin, {own}, which it never does: a proxy writes something else into the request's Origin header, or into Host.",
        f"{advise(Topic.ORIGIN, case.proxy)} {advise(Topic.HOST, case.proxy)}",
        (case.aside("own pages"),),
    )


def _is_stripped(case: Case) -> bool:
    return case.author.is_session and is_python(case.response) and _knows_cors(case)


def _stripped(case: Case) -> Words:
    return Words(
        "The CORS header is lost on its way.",
        f"The Socket.IO server has let this origin in (it would have answered 403 or 400) and sent {_shown_cors(case)}, but the header itself is gone: a proxy or a middleware removes it.",
        advise(Topic.HIDES, case.proxy, header="Access-Control-Allow-Origin"),
    )


def _unlisted(case: Case) -> Words:
    """Tell of a list without the page's origin, as what else came or another origin shows."""
    page = case.facts.page
    cause = f"The answer to {page.origin} comes without any CORS header."
    if _knows_cors(case):
        doubt = "; or a proxy removes the header, or the request's Origin" * (not case.facts.near)
        cause = f"The server knows CORS (it sends {_shown_cors(case)}), but does not allow {page.origin}{doubt}."
    title = f"The server does not allow {page.origin}."
    return near_instead(case, Words(title, cause, allowing(page)))


def _without(case: Case) -> Words:
    """Tell of a Socket.IO server's answer that has no CORS header at all."""
    page, method, failure = case.facts.page, case.last.method, case.fetched.failure
    asked_before = "handshake" if _is_in_session(case) else ""
    if case.fetched.exchanges[0].method == "OPTIONS" != method:
        asked_before = "preflight"
    if asked_before and failure is None:
        cause = f"The answer to the {asked_before} has CORS headers, that to {method} has none: what adds them (often a proxy) does so for some requests only. The server itself does it for all."
        # The place that adds them to some is the place to add them to all.
        elsewhere = f"Let what adds them (nginx: add_header … always) add them to {method}, too."
        title = f"The answer to {method} has no CORS headers."
        return Words(title, cause, allowing(page, elsewhere=elsewhere))
    cause = "The Socket.IO server answers, but without any CORS header: nothing allows other origins there, or a proxy removes the headers."
    if failure is not None:
        cause = f"The answer comes without any CORS header, which is all that browsers tell. Its body is broken as well: {failure.trouble.value} ({failure.detail})."
    return Words("The server sends no CORS headers.", cause, allowing(page))


def _hidden(case: Case) -> Words:
    cause = f'Socket.IO answers {case.response.status} without CORS headers, and says "{case.author.message}".'
    title = "The server refuses, and the page cannot read why."
    return Words(title, cause, allowing(case.facts.page))


def _is_other(case: Case) -> bool:
    is_handshake = not case.is_preflight and not _is_in_session(case)
    return is_handshake and not case.author.is_session and case.fetched.failure is None


def _when_missing(*rules: Rule) -> tuple[Rule, ...]:
    return tuple(rule.where(_fails(Check.ORIGIN_MISSING)) for rule in rules)


#: What a proxy changes on the way, which the server then refuses.
CHANGED: Final = _when_missing(
    Rule("origin-rewritten", lambda c: _told_origin(c) is not None, _rewritten),
    Rule("origin-dropped", _is_dropped, _dropped),
    Rule("origin-rewritten", _refuses_own, _own_refused),
)
MISSING: Final = _when_missing(
    Rule("error-hidden", lambda c: c.author.error is not None, _hidden),
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
    Rule("header-stripped", _is_stripped, _stripped),
    Rule("origin-not-allowed", lambda c: c.facts.near or _knows_cors(c), _unlisted),
    Rule("header-missing", lambda c: True, _without),
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


def _has_credentials(case: Case) -> bool:
    return case.response.combined("Access-Control-Allow-Credentials") is not None


def _is_written_over(case: Case) -> bool:
    """Tell whether a header is not the Socket.IO server's own, as its other answers show."""
    if case.is_preflight or not _sends_cors(case):
        return False
    if case.value == "*":
        # python-engineio sends it never, and this extension never with credentials.
        is_ours = is_extension(case.response) and not _has_credentials(case)
        return is_python(case.response) and not is_ours
    return is_python(case.beside("own")) and who(case.aside("stranger")).error is not None


def _sends_cors(case: Case) -> bool:
    """Tell whether a server in Python has been told of CORS, by a header that nobody else adds."""
    response = case.beside("own") if case.opens("own") else case.response
    return is_extension(response) or bool(response.combined("Access-Control-Allow-Credentials"))


def _written_over(case: Case) -> Words:
    words = _mismatch(case) if case.check is Check.ORIGIN_MISMATCH else _wildcard(case)
    return Words(
        words.title,
        f"{words.cause} But the Socket.IO server never sends “{case.value}” like that, as what else it answers shows: something behind it writes its own Access-Control-Allow-Origin over the server's.",
        f"Remove what writes the header, or a middleware. {advise(Topic.ADDS, case.proxy)}",
        (case.aside("own"), case.aside("stranger")),
    )


def _next(case: Case) -> Exchange | None:
    """Return the next answer to the same question."""
    return case.aside("preflight" if case.is_preflight else "own")


def _for_another(case: Case) -> Words:
    return Words(
        "The answer was meant for another page.",
        f"{_mismatch(case).cause} But the server does answer the page with its own origin: a cache gives one visitor's answer to another, although it varies by Origin; or a proxy answers some requests itself; or several servers with different lists take turns.",
        advise(Topic.CACHE, case.proxy, path=case.path),
        (_next(case),),
    )


def _is_repeating(case: Case) -> bool:
    """Tell whether the server only repeats what it is told."""
    if case.is_let_in("own"):
        return False
    is_own = _split(case.value).hostname == urlsplit(case.facts.target.base).hostname
    return case.facts.is_installed or (is_own and is_python(case.beside("own")))


def _is_written_elsewhere(case: Case) -> bool:
    """Tell whether a session's answer has a header that its server never sends like that.

    Socket.IO for Node.js says with each origin that it varies by it, and Flask-SocketIO names the
    one that asks, and whether it may send cookies.
    """
    opened = case.author.is_session and not is_extension(case.response)
    is_complete = _has_credentials(case) if is_python(case.response) else _varies(case)
    return opened and not is_complete


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
    page, value = case.facts.page, case.value
    said, elsewhere = _where_written(case)
    cause = f"{_difference(page.origin, value)}{said}"
    if case.author.error is Error.ORIGIN:
        cause += f' The Socket.IO server itself refuses: "{case.author.message}". Something else adds the header.'
        elsewhere = f"And remove what adds the CORS header to this answer: beside the server's own it would be one too many. {advise(Topic.ADDS, case.proxy)}"
    elif case.is_preflight and case.is_let_in("own"):
        cause += _NOT_ITS_OWN
        elsewhere = advise(Topic.OPTIONS, case.proxy)
    title = f"The server allows {value or 'an empty origin'}, not {page.origin}."
    return Words(title, cause, allowing(page, elsewhere=elsewhere))


def _difference(origin: str, value: str) -> str:
    """Say how the allowed origin differs; by so little that it is easily overlooked, perhaps."""
    own, other = urlsplit(origin), _split(value)
    if re.search(r"[,;\s]", value):
        return "The header holds a list. It can hold one origin only: the server has to choose the one that asks."
    if "*" in value:
        return "Patterns mean nothing to browsers: the server has to send the origin that asks."
    if value.rstrip("/").lower() == origin:
        what = "the slash at its end" if value.endswith("/") else "upper and lower case"
        return f"The two differ in {what}, and browsers compare letter by letter."
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
    said, elsewhere = _where_written(case) if is_python(case.response) else ("", "")
    if case.is_preflight and _is_not_its_own(case):
        said, elsewhere = _NOT_ITS_OWN, advise(Topic.OPTIONS, case.proxy)
    return Words(
        "“*” does not go with credentials.",
        f"The page asks with cookies (withCredentials: true), and the server allows “*”, which browsers do not take for that: the server has to name the origin.{said}",
        allowing(case.facts.page, elsewhere=elsewhere or _ELSEWHERE_TOO),
    )


def _not_true(case: Case) -> Words:
    values = case.response.values("Access-Control-Allow-Credentials")
    if len(values) > 1 and set(values) == {"true"}:
        cause = f"Access-Control-Allow-Credentials comes {_times(len(values))}: two places add it."
        return Words("The credentials header is doubled.", cause, _alone(case))
    shown = f"“{case.value}”" if case.value else "nothing"
    said, elsewhere = _perhaps_hidden(case) if not case.value else ("", "")
    return Words(
        "The server does not allow credentials.",
        f"The page asks with cookies (withCredentials: true), and the server sends {shown} where Access-Control-Allow-Credentials: true is needed.{said}",
        allowing(case.facts.page, elsewhere=elsewhere),
    )


def _perhaps_hidden(case: Case) -> tuple[str, str]:
    """Say that a proxy may have removed the header, and what to do about that."""
    proxy = shown_proxy(case.response)
    is_plain = is_python(case.response) and not is_extension(case.response)
    if not proxy and not is_plain:
        return "", ""
    said = " Flask-SocketIO sends that by itself, unless it is given cors_credentials=False."
    said = f"{said * is_plain} Or {f'the proxy ({proxy})' if proxy else 'a proxy'} removes it on its way."
    name = "Access-Control-Allow-Credentials"
    advice = advise(Topic.HIDES, case.proxy, header=name)
    return said, f"If the server does send {name}: {advice}"


_is_mismatch: Final = _fails(Check.ORIGIN_MISMATCH)
_is_wildcard: Final = _fails(Check.WILDCARD_WITH_CREDENTIALS)

ANOTHER: Final = (
    Rule(
        "header-repeated",
        lambda c: len(_values(c)) > 1 and c.check in (Check.ORIGIN_REPEATED, Check.ORIGIN_MISMATCH),
        _repeated,
    ),
    Rule("cached", _has_come_twice, cached).where(_is_mismatch),
    Rule("cached", lambda c: lets_in(_next(c), c.facts.page.origin), _for_another).where(
        _is_mismatch
    ),
    Rule("origin-mismatch", _is_written_over, _written_over).where(_is_mismatch),
    Rule("origin-rewritten", _is_repeating, _rewritten).where(_is_mismatch),
    Rule("origin-mismatch", _is_mismatch, _mismatch),
    Rule("wildcard-with-credentials", _is_written_over, _written_over).where(_is_wildcard),
    Rule("wildcard-with-credentials", _is_wildcard, _wildcard),
    Rule("credentials-not-true", _fails(Check.CREDENTIALS_NOT_TRUE), _not_true),
)


# --- What a preflight lists ------------------------------------------------------------------

_NOT_ITS_OWN: Final = " The Socket.IO server itself would let the page in; that answer is not its own, but that of a proxy or a middleware, where the lists stand."


def _is_not_its_own(case: Case) -> bool:
    """Tell whether somebody else answers preflights, with lists of CORS."""
    own = case.beside("own")
    is_foreign = is_python(own) and not is_engineio_preflight(case.response)
    is_ours = is_extension(own) and bool(case.response.combined("Vary"))
    return case.is_let_in("own") and is_foreign and not is_ours


def _is_completed(case: Case) -> bool:
    """Tell whether somebody adds CORS headers to the answers of a server that has none."""
    is_bare = case.response.body == b"OK" and not is_engineio_preflight(case.response)
    return is_bare and case.is_let_in("own")


def _lists(case: Case, title: str, cause: str, fix: Fix) -> Words:
    """Complete what is told of a list with whose it is."""
    if _is_completed(case):
        cause += " The Socket.IO server itself has no CORS: what lets the page in is added to its answers by a proxy or a middleware."
        elsewhere = f"Let one place alone send the headers: with these lines in the server, remove add_header Access-Control-… from the proxy. {advise(Topic.ADDS, case.proxy)}"
        fix = replace(fix, elsewhere=elsewhere)
    elif _is_not_its_own(case):
        cause += _NOT_ITS_OWN
        fix = replace(fix, elsewhere=advise(Topic.OPTIONS, case.proxy))
    return Words(title, cause, fix, (case.aside("own"),))


def _method(case: Case) -> Words:
    value = case.value
    listed = case.response.combined("Access-Control-Allow-Methods") or "none"
    cause = f"The server allows {listed}. (Socket.IO itself needs GET and POST, always allowed.)"
    known = [name for name in re.findall(r"[\w-]+", listed) if name not in ("none", "OPTIONS")]
    wanted = list(dict.fromkeys(["GET", "POST", *known, value]))
    fix = allowing(case.facts.page, methods=wanted, is_known=True)
    return _lists(case, f"The method {value} is not allowed.", cause, fix)


def _no_list(case: Case) -> Words:
    """Tell of a list of methods or of headers that browsers cannot read."""
    names, page = [name for name, _ in case.facts.page.headers], case.facts.page
    what, one = "headers", "header name"
    fix = allowing(page, headers=names, is_known=True)
    if case.check is Check.METHODS_INVALID:
        what, one = "methods", "method"
        fix = allowing(page, methods=["GET", "POST"], is_known=True)
    cause = f"“{case.value}” is no {one}: the list is separated by commas, without quotes."
    return _lists(case, f"The list of {what} is malformed.", cause, fix)


def _answers_names(case: Case) -> list[str]:
    names = case.block.names if case.block is not None else ()
    return [name for name in names if name.startswith("access-control-")]


def _answers_header(case: Case) -> Words:
    words, names = _header_not_listed(case), ", ".join(_answers_names(case))
    cause = f"{words.cause} {names} is a header of answers; in requests it does nothing."
    return Words(words.title, cause, f"Take {names} out of the client's extraHeaders.")


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
    page, missing = case.facts.page, case.block.names if case.block is not None else ()
    listed = case.response.combined("Access-Control-Allow-Headers") or ""
    cause = f"The page sends {', '.join(missing)} (extraHeaders), and the server allows {listed or 'no header'}."
    known = [name for name in re.split(r"\s*,\s*", listed.strip()) if name]
    if "*" in known:
        cause += " With credentials, “*” is a header of that name."
    spelled = {name.lower(): name for name, _ in page.headers}
    kept = [name for name in known if name != "*"]
    wanted = list(dict.fromkeys([*kept, *(spelled[name] for name in missing)]))
    fix = allowing(page, headers=wanted, is_known=True)
    return _lists(case, f"The header {case.value} is not allowed.", cause, fix)


_is_unlisted: Final = _fails(Check.HEADER_NOT_LISTED)

LISTS: Final = (
    Rule("method-not-listed", _fails(Check.METHOD_NOT_LISTED), _method),
    Rule("method-not-listed", _fails(Check.METHODS_INVALID), _no_list),
    Rule("header-not-listed", _fails(Check.HEADERS_INVALID), _no_list),
    Rule("answers-header-sent", _answers_names, _answers_header).where(_is_unlisted),
    Rule(
        "preflight-question-dropped",
        _is_reflecting,
        lambda c: Words(
            "The preflight's question does not arrive.",
            "The server allows whatever headers a preflight asks for, and has allowed none: a proxy drops the preflight's Access-Control-Request-Method or -Headers (or the answer's Access-Control-Allow-Headers).",
            advise(Topic.QUESTION, c.proxy),
        ),
    ).where(_is_unlisted),
    Rule("header-not-listed", _is_unlisted, _header_not_listed),
)
