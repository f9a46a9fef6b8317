"""Answers that the browser keeps from the page: the checks that their headers have not passed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ...browser.fetch import BAD_PORTS, Check, Response, cors_check
from ...origins.grammar import is_loopback
from ..advice import Topic, advise
from ..browser import origin_of, resolve
from ..facts import Case, Stage, lets_in
from ..findings import Given, Rule, Test, Text, pair, told
from ..fixes import Fix, allowing
from ..protocol import session_of
from ..who import Error, is_engineio_preflight, is_extension, is_python, says, shown_proxy, who
from ..wire import Failure, Trouble
from .answers import (
    ANOTHER_SERVER,
    EXEMPT,
    LOGIN,
    LOGIN_CAUSE,
    instead,
    is_login,
    one_too_many,
    unlisted,
)
from .network import failure_of
from .when import always, both, fails, given, in_session, refused_for

# --- Redirects -------------------------------------------------------------------------------

_NO_REDIRECT: Final = Fix(
    elsewhere="Exempt the Socket.IO path from the redirect, whatever the method (OPTIONS, POST)."
)
_OTHER_PORT: Final = "Let the server listen on another port, and the redirect lead there; or exempt the Socket.IO path from it."
_NO_PAGE: Final = "The server redirects to {}, where no page can follow."
#: Why a redirect is not followed.
_NOT_FOLLOWED: Final = {
    Check.ORIGIN_MISSING: "The server redirects to {}, without CORS headers on the redirect itself.",
    Check.PREFLIGHT_REDIRECT: "The preflight is redirected to {}, and browsers follow no such redirect.",
    Check.REDIRECT_INVALID: "The server redirects to {}, which is no address.",
    **dict.fromkeys(
        (Check.REDIRECT_NOT_HTTP, Check.REDIRECT_WITH_PASSWORD, Check.REDIRECT_UNREADABLE), _NO_PAGE
    ),
}


def _is_redirect(case: Case) -> bool:
    is_stopped = case.stage is Stage.WEBSOCKET or case.check in _NOT_FOLLOWED
    return is_stopped and case.response.location is not None


def _destination(case: Case) -> str:
    """Return the address that an answer redirects to; nothing where it names none of the web."""
    location, asked = case.response.location, re.sub("^ws", "http", case.url)
    address = (resolve(location, asked) if location else None) or ""
    parts = urlsplit(address)
    return address if parts.scheme in ("http", "https") and parts.hostname else ""


def _is_slash(case: Case) -> bool:
    """Tell whether a redirect changes nothing but the slash at the end of the path."""
    address = _destination(case)
    asked, leads = case.path, urlsplit(address).path
    is_here = bool(address) and origin_of(address) == origin_of(case.url)
    return is_here and asked != leads and asked.strip("/") == leads.strip("/")


def _is_lost(case: Case) -> bool:
    seen, origin = dict(case.last.headers).get("Origin"), case.facts.page.origin
    return case.block is not None and case.response.location is None and origin != seen == "null"


def _moved(case: Case) -> str:
    """Say where the page is sent, and why it does not go there."""
    where = (case.response.location or "nowhere")[:200]
    if case.stage is Stage.WEBSOCKET:
        return f"It is redirected to {where}; no browser follows that."
    return _NOT_FOLLOWED[case.check or Check.ORIGIN_MISSING].format(where)


def _slash(case: Case) -> str:
    """Return what a redirect does to the path's slash."""
    return f"{'takes away' if case.path.endswith('/') else 'adds'} the slash at its end"


def _there(case: Case) -> tuple[str, Fix]:
    """Say what is at the address that a redirect leads to, and what to do about that."""
    found, page = case.aside("elsewhere"), case.facts.page
    address = case.url if _is_lost(case) else _destination(case)
    if (port := urlsplit(address).port) in BAD_PORTS:
        return f" Browsers do not talk to port {port}.", Fix(elsewhere=_OTHER_PORT)
    if found is None or not address:
        return "", Fix(address=address) if address else _NO_REDIRECT
    outcome = found.outcome
    if isinstance(outcome, Failure):
        said = f" There: {outcome.trouble.value}{f' ({outcome.detail})' * bool(outcome.detail)}."
        is_there = outcome.trouble is Trouble.CERTIFICATE
        return said, Fix(address=found.url) if is_there else _NO_REDIRECT
    if not who(found).is_socketio:
        status = f"{outcome.status} {outcome.reason}".rstrip()
        return f" There is no Socket.IO server there: {status}.", _NO_REDIRECT
    is_own = origin_of(found.url) == page.origin
    if session_of(found) and (is_own or not cors_check(page, outcome)):
        return " The Socket.IO server there lets the page in.", Fix(address=found.url)
    said = f" The Socket.IO server there does not let {page.origin} in, either."
    return said, replace(allowing(page), address=found.url)


def _title(case: Case) -> str:
    if case.stage is Stage.WEBSOCKET:
        return "The WebSocket handshake is redirected."
    return f"The {'preflight is redirected' if case.is_preflight else 'server redirects'}."


def _leading(id_: str, applies: Test, title: Text, cause: Text) -> Rule:
    """Return a rule of a redirect, which says what is at the address that it leads to."""
    return Rule(
        id_,
        applies,
        title,
        lambda c: f"{told(cause, c)}{_there(c)[0]}",
        lambda c: _there(c)[1],
        ("elsewhere",),
    )


#: Of what is redirected, and not followed; a WebSocket's handshake, too.
MOVED: Final = (
    _leading("missing-slash", both(_is_redirect, _is_slash),
             lambda c: f"The server {_slash(c)} of {c.path}, by a redirect.",
             lambda c: f"{_moved(c)} It only {_slash(c)}, as the client's option addTrailingSlash would have it otherwise."),
    Rule("login-required", both(_is_redirect, lambda c: is_login(_destination(c)),
                                lambda c: urlsplit(_destination(c)).path.strip("/") != c.path.strip("/")),
         LOGIN, lambda c: f"{_moved(c)} {LOGIN_CAUSE}", EXEMPT),
    _leading("redirected", _is_redirect, _title, _moved),
)  # fmt: skip
REDIRECTS: Final = (
    Rule("redirected", lambda c: c.fetched.redirected_for_good,
         "The server redirects without end.",
         "Each answer redirects to another one; browsers give up after 20.",
         "Look for two rules that send to each other: http to https, slash to none."),
    _leading("origin-lost", _is_lost,
             "The redirect loses the page's origin.",
             lambda c: f"{origin_of(c.fetched.exchanges[0].url)} redirects to {origin_of(c.url)}; after such a redirect the browser sends “Origin: null”, which the second server does not allow (and should not)."),
    *MOVED,
)  # fmt: skip


# --- Preflights ------------------------------------------------------------------------------


def _preflight_fails(case: Case) -> bool:
    is_headerless = case.check is Check.ORIGIN_MISSING and not case.response.is_ok
    return case.is_preflight and (case.check is Check.PREFLIGHT_STATUS or is_headerless)


_ANSWERED_HERE: Final = """\
# above SioCors(app); or give the Socket.IO path a route that answers OPTIONS
app.config["SIO_CORS_PREFLIGHT_CONTINUE"] = False"""


_STARLETTE: Final = r"\Adisallowed cors (origin|method|headers)"


def _preflight(case: Case) -> tuple[str, Given]:
    page, response = case.facts.page, case.response
    cause = f"The browser's question before the request was answered {response.status}: what answers there does not know OPTIONS requests, or refuses them, or this origin."
    cause += " Other requests do reach the Socket.IO server." * who(case.aside("own")).is_socketio
    if says(response, _STARLETTE):
        text, names = response.body.decode("utf-8", "replace"), [name for name, _ in page.headers]
        asked = {
            "origin": f"allow_origins={json.dumps([page.origin])}",
            "method": 'allow_methods=["GET", "POST"]',
        }.get(text.split()[2], f"allow_headers={json.dumps(names)}")
        cause += f" Starlette's CORSMiddleware (FastAPI's) says “{text[:60]}”: it answers preflights for the whole application, the Socket.IO path included."
        return cause, f"In app.add_middleware(CORSMiddleware, …): {asked}"
    passing = "Let OPTIONS requests to the Socket.IO path through to the Socket.IO server."
    if case.proxy:
        passing = advise(Topic.FORBID, case.proxy, path=case.path)
    fix = allowing(page, elsewhere=passing)
    if cors_check(page, response) is None:
        # This extension's headers, and somebody else's status.
        cause += " Its headers let the page in, but only a status from 200 to 299 counts."
        fix = replace(fix, installed=_ANSWERED_HERE)
    elif case.opens("own") and cors_check(page, case.beside("own")) is None:
        # This extension lets the page in already; and Node.js, which says what it varies by.
        is_nodes = case.facts.is_node and _varies(case.beside("own"))
        fix = Fix(elsewhere=passing) if is_nodes else replace(fix, installed="")
    return cause, fix


PREFLIGHTS: Final = (
    Rule("preflight-status", _preflight_fails, "The preflight fails.", *pair(_preflight), ("own",)),
)


# --- The header is missing -------------------------------------------------------------------


def _has_come_twice(case: Case) -> bool:
    """Tell whether two handshakes got one answer: a session is opened once."""
    session = session_of(case.aside("again"))
    return session is not None and session in (case.facts.session, session_of(case.last))


def _uncached(case: Case) -> Fix:
    proxy = f"{advise(Topic.CACHE, case.proxy, path=case.path)} A server with SioCors asks for that, by Cache-Control: no-store."
    return replace(allowing(case.facts.page, elsewhere=proxy), node="", installed="")


#: Of a cache that gives one visitor's answer to another.
CACHED: Final = Rule(
    "cached", _has_come_twice, "A cache answers instead of the server.",
    "Two handshakes got the same session, so a cache between answers in the server's place. It gives the answer, CORS header and session, of one visitor to the next.",
    _uncached, ("again",), is_whole=True,
)  # fmt: skip


def _varies(response: Response, by: str = "origin") -> bool:
    return by in (response.combined("Vary") or "").lower()


def _shown_cors(case: Case) -> str:
    """Return what shows that a server knows CORS; nothing where nothing does."""
    names = (name for name, _ in case.response.headers)
    shown = ", ".join(name for name in names if name.lower().startswith("access-control-"))
    return shown or "Vary: Origin" * _varies(case.response)


def _is_answered_before(case: Case) -> bool:
    """Tell whether something else than the Socket.IO server answers preflights."""
    is_bare = not (_shown_cors(case) or case.response.combined("Vary"))
    return case.is_preflight and case.response.is_ok and is_bare and case.is_let_in("own")


def _told_origin(case: Case) -> str:
    """Return the origin that this extension was told, as its answer shows; nothing for the page's."""
    response = case.beside("own")
    told = response.combined("Access-Control-Allow-Origin") or ""
    is_told = case.opens("own") and is_extension(response)
    return told if is_told and told not in ("*", case.facts.page.origin) else ""


def _names_no_origin(case: Case, name: str) -> bool:
    """Tell whether a server in Python has opened a session, and allowed no origin to read it."""
    response = case.beside(name)
    is_bare = response.combined("Access-Control-Allow-Origin") is None
    return case.opens(name) and is_python(response) and is_bare


def _is_dropped(case: Case) -> bool:
    has_cors = bool(_shown_cors(case)) or is_engineio_preflight(case.beside("preflight"))
    is_asked = case.author.is_session or case.is_preflight or in_session(case)
    is_known = case.facts.is_installed or (is_asked and has_cors)
    return is_known and _names_no_origin(case, "own") and _names_no_origin(case, "stranger")


def _refuses_own(case: Case) -> bool:
    is_refused = is_extension(case.beside("own pages")) and not case.opens("own pages")
    return is_refused and case.author.error is not Error.HOST


def _unlisted(case: Case) -> tuple[str, Fix]:
    """Tell of a list without the page's origin, as what else came or another origin shows."""
    (near, fix), origin, shown = instead(case), case.facts.page.origin, _shown_cors(case)
    cause = f"The answer to {origin} comes without any CORS header."
    if shown:
        doubt = "; or a proxy removes the header, or the request's Origin" * (not near)
        cause = f"The server knows CORS (it sends {shown}), but does not allow {origin}{doubt}."
    return f"{cause}{near}", fix


def _is_in_part(case: Case) -> bool:
    """Tell whether another answer of the same server has passed before."""
    return in_session(case) or case.fetched.exchanges[0].method == "OPTIONS" != case.last.method


def _headerless(case: Case) -> tuple[str, Fix]:
    """Tell of an answer without CORS headers, which is all that browsers say."""
    method, page = case.last.method, case.facts.page
    if case.fetched.failure:
        return (
            f"The answer comes without any CORS header. Its body is broken as well: {failure_of(case)}.",
            allowing(page),
        )
    if not _is_in_part(case):
        return (
            "The Socket.IO server answers, but without any CORS header: nothing allows other origins there, or a proxy removes the headers.",
            allowing(page),
        )
    # The place that adds them to some is the place to add them to all.
    had = "preflight" if case.fetched.exchanges[0].method == "OPTIONS" != method else "handshake"
    cause = f"The answer to the {had} has CORS headers, that to {method} has none: what adds them (often a proxy) does so for some requests only. The server itself does it for all."
    elsewhere = f"Let what adds them (nginx: add_header … always) add them to {method}, too."
    return cause, allowing(page, elsewhere=elsewhere)


_REWRITTEN: Final = "The page's Origin is rewritten."


def _was_told(case: Case) -> str:
    return f"The server answers {_told_origin(case) or case.value}, though it only ever answers the origin that it was asked with: a proxy writes that into the request's Origin header."


NAMED: Final = (
    Rule("origin-rewritten",
         both(lambda c: c.facts.is_own and "Origin" not in dict(c.last.headers), refused_for(Error.ORIGIN)),
         _REWRITTEN,
         lambda c: f'The browser names no Origin when a page asks its own server with GET, and the server refuses one: "{c.author.message}". A proxy writes an Origin into the request.',
         Topic.ORIGIN),
)  # fmt: skip
#: What a proxy changes on the way, which the server then refuses.
CHANGED: Final = given(
    fails(Check.ORIGIN_MISSING),
    Rule("origin-rewritten", _told_origin, _REWRITTEN, _was_told,
         Topic.ORIGIN, ("own",)),
    Rule("origin-dropped", _is_dropped,
         "The page's Origin does not arrive.",
         lambda c: f"The server opens a session for anybody, even for a page of {dict(c.facts.asides['stranger'].headers)['Origin']}, and allows no origin to read it: that is how it treats requests without an Origin header. A proxy drops that header. (If every origin is allowed, the answer's header may be lost instead.)",
         Topic.ORIGIN, ("stranger",)),
    Rule("origin-rewritten", _refuses_own,
         "The page's Origin or the server's Host is rewritten.",
         lambda c: f"The server refuses even the pages of its own origin, {origin_of(c.facts.target.base)}, which it never does: a proxy writes something else into the request's Origin header, or into Host.",
         lambda c: f"{advise(Topic.ORIGIN, c.proxy)} {advise(Topic.HOST, c.proxy)}",
         ("own pages",)),
)  # fmt: skip
MISSING: Final = given(
    fails(Check.ORIGIN_MISSING),
    Rule("error-hidden", lambda c: c.author.error,
         "The server refuses, and the page cannot read why.",
         lambda c: f'Socket.IO answers {c.response.status} without CORS headers, and says "{c.author.message}".',
         lambda c: allowing(c.facts.page)),
    replace(ANOTHER_SERVER, applies=lambda c: not (
        c.is_preflight or in_session(c) or c.author.is_session or c.fetched.failure)),
    CACHED,
    Rule("preflight-answered", _is_answered_before,
         "Something before the server answers the preflight.",
         lambda c: f"The preflight is answered without any CORS header, and the Socket.IO server itself does let {c.facts.page.origin} in: a proxy, or a middleware, answers OPTIONS requests in its place.",
         Topic.OPTIONS, ("own",)),
    Rule("header-stripped", lambda c: c.author.is_session and is_python(c.response) and _shown_cors(c),
         "The CORS header is lost on its way.",
         lambda c: f"The Socket.IO server has let this origin in (it would have answered 403 or 400) and sent {_shown_cors(c)}, but the header itself is gone: a proxy or a middleware removes it.",
         lambda c: advise(Topic.HIDES, c.proxy, header="Access-Control-Allow-Origin")),
    Rule("origin-not-allowed", lambda c: c.aside("near") or _shown_cors(c),
         unlisted, *pair(_unlisted), ("near",)),
    Rule("header-missing", always,
         lambda c: f"The answer to {c.last.method} has no CORS headers." if _is_in_part(c) else "The server sends no CORS headers.",
         *pair(_headerless)),
)  # fmt: skip


# --- The header is another -------------------------------------------------------------------


def _values(case: Case) -> list[str]:
    return case.response.values("Access-Control-Allow-Origin")


def _alone(case: Case) -> str:
    return f"Let the Socket.IO server alone send it. {advise(Topic.ADDS, case.proxy)} And remove from the application what adds it besides cors (Node.js: setHeader, app.use(cors()); FastAPI: CORSMiddleware)."


def _times(values: list[str]) -> str:
    return "twice" if len(values) == 2 else f"{len(values)} times"


def _repeated(case: Case) -> tuple[str, Fix]:
    page, values, alone = case.facts.page, _values(case), _alone(case)
    cause = f"The header comes {_times(values)} ({', '.join(values)}): two places add it, most often the application and the proxy before it."
    # Whichever of them stays, it lets the page in, or not.
    is_enough = set(values) <= ({page.origin} if page.credentials else {page.origin, "*"})
    return cause, Fix(elsewhere=alone) if is_enough else allowing(page, elsewhere=alone)


def _has_credentials(case: Case) -> bool:
    return case.response.combined(_CREDENTIALS) is not None


def _is_written_over(case: Case) -> bool:
    """Tell whether a header is not the Socket.IO server's own, as its other answers show."""
    response = case.beside("own") if case.opens("own") else case.response
    # No one else tells a server in Python of CORS by these.
    knows = is_extension(response) or response.combined(_CREDENTIALS) is not None
    if case.value == "*":
        # python-engineio sends it never, and this extension never with credentials.
        is_ours = is_extension(case.response) and not _has_credentials(case)
        return knows and is_python(case.response) and not is_ours
    is_refused = who(case.aside("stranger")).error is not None
    return knows and is_python(case.beside("own")) and is_refused


def _is_repeating(case: Case) -> bool:
    """Tell whether the server only repeats what it is told."""
    is_own = _split(case.value).hostname == urlsplit(case.facts.target.base).hostname
    is_told = case.facts.is_installed or (is_own and is_python(case.beside("own")))
    return is_told and not case.is_let_in("own")


def _is_written_elsewhere(case: Case) -> bool:
    """Tell whether a session's answer has a header that its server never sends like that.

    Socket.IO for Node.js says with each origin that it varies by it, and Flask-SocketIO names the
    one that asks, and whether it may send cookies.
    """
    opened = case.author.is_session and not is_extension(case.response)
    if case.value == "*":
        return opened and is_python(case.response)
    is_complete = _has_credentials(case) if is_python(case.response) else _varies(case.response)
    return opened and not is_complete


_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
_NOT_ITS_OWN: Final = " The Socket.IO server itself would let the page in; that answer is not its own, but that of a proxy or a middleware, where the lists stand."


def _by_whom(case: Case, cause: str, fix: Fix) -> tuple[str, Fix]:
    """Complete what is told of CORS headers with who has written them, and mend them there.

    :param fix: of the server, where the headers are its own.
    """
    said, fix = _whose(case, fix)
    return f"{cause}{said}", fix


def _whose(case: Case, fix: Fix) -> tuple[str, Fix]:
    if case.is_preflight:
        return _whose_preflight(case, fix)
    if case.author.error is Error.ORIGIN:
        said = f' The Socket.IO server itself refuses: "{case.author.message}". Something else adds the header.'
        return said, replace(fix, elsewhere=one_too_many(case))
    if _is_written_over(case):
        said = f" But the Socket.IO server never sends “{case.value}” like that, as what else it answers shows: something before it writes its own Access-Control-Allow-Origin over the server's."
        remove = f"Remove what writes the header, or a middleware. {advise(Topic.ADDS, case.proxy)}"
        return said, Fix(elsewhere=remove)
    if _is_written_elsewhere(case):
        proxy = shown_proxy(case.response)
        writer = f"the proxy ({proxy})" if proxy else "the proxy, or a middleware,"
        there = advise(Topic.ALLOWS, case.proxy, origin=case.facts.page.origin)
        there = f"{there} (Or remove it there, and let the server itself send it:)"
        said = f" The Socket.IO server does not send that by itself: {writer} writes it."
        return said, replace(fix, elsewhere=there)
    return "", fix


def _whose_preflight(case: Case, fix: Fix) -> tuple[str, Fix]:
    own, response = case.beside("own"), case.response
    if not case.is_let_in("own"):
        return "", fix
    is_own = is_engineio_preflight(response)
    is_own |= is_extension(own) and bool(response.combined("Vary"))
    is_origins = case.check in (Check.ORIGIN_MISMATCH, Check.WILDCARD_WITH_CREDENTIALS)
    if response.body == b"OK" and not (is_own or is_origins):
        said = " The Socket.IO server itself has no CORS: what lets the page in is added to its answers by a proxy or a middleware."
        alone = f"Let one place alone send the headers: with these lines in the server, remove add_header Access-Control-… from the proxy. {advise(Topic.ADDS, case.proxy)}"
        return said, replace(fix, elsewhere=alone)
    if case.check is Check.ORIGIN_MISMATCH or (is_python(own) and not is_own):
        there = advise(Topic.OPTIONS, case.proxy)
        # This extension takes whatever headers are asked for, unless it is told otherwise.
        is_fit = is_extension(own) and case.check is Check.HEADER_NOT_LISTED
        return _NOT_ITS_OWN, Fix(elsewhere=there) if is_fit else replace(fix, elsewhere=there)
    return "", fix


def _difference(case: Case) -> str:
    """Say how the allowed origin differs; by so little that it is easily overlooked, perhaps."""
    origin, value = case.facts.page.origin, case.value
    own, other = urlsplit(origin), _split(value)
    if re.search(r"[,;\s]", value):
        return "The header holds a list. It can hold one origin only: the server has to choose the one that asks."
    if "*" in value:
        return "Patterns mean nothing to browsers: the server has to send the origin that asks."
    if value.rstrip("/").lower() == origin:
        what = "the slash at its end" if value.endswith("/") else "upper and lower case"
        return f"The two differ in {what}, and browsers compare letter by letter."
    if other.hostname == own.hostname:
        is_port = other.scheme == own.scheme
        scheme = f"scheme, {own.scheme} and {other.scheme or 'none'}"
        return f"The two differ in the {'port, a part of the origin' if is_port else scheme}."
    if is_loopback(own.hostname or "") and is_loopback(other.hostname or ""):
        return f"{own.hostname} and {other.hostname} are one machine, but two origins."
    return "The server always sends that origin, whoever asks; or a proxy tells it that one, with a request header Origin of its own."


def _split(value: str) -> SplitResult:
    """Take apart what should be an origin, and may be anything."""
    try:
        return urlsplit(value)
    except ValueError:
        return urlsplit("")


def _mismatch(case: Case) -> tuple[str, Fix]:
    return _by_whom(case, _difference(case), allowing(case.facts.page))


def _wildcard(case: Case) -> tuple[str, Fix]:
    cause = "The page asks with cookies (withCredentials: true), and the server allows “*”, which browsers do not take for that: the server has to name the origin."
    too = "Where the server's configuration reads so already, something else sets the header: look for a second cors(…) or CORS(…), a middleware or a proxy."
    return _by_whom(case, cause, allowing(case.facts.page, elsewhere=too))


def _doubled(case: Case) -> list[str]:
    """Return the values of a header that comes more than once, and is right each time."""
    values = case.response.values(_CREDENTIALS)
    return values if len(values) > 1 and set(values) == {"true"} else []


def _not_true(case: Case) -> tuple[str, Fix]:
    shown, proxy = f"“{case.value}”" if case.value else "nothing", shown_proxy(case.response)
    cause = f"The page asks with cookies (withCredentials: true), and the server sends {shown} where {_CREDENTIALS}: true is needed."
    is_plain = is_python(case.response) and not is_extension(case.response)
    if case.value and case.author.is_session:
        writer = f"the proxy ({proxy})" if proxy else "a proxy"
        cause += f" No Socket.IO server says it like that: {writer}, or a middleware, writes it."
        return cause, allowing(case.facts.page, elsewhere=advise(Topic.ADDS, case.proxy))
    if case.value or not (proxy or is_plain):
        return cause, allowing(case.facts.page)
    said = " Flask-SocketIO sends that by itself, unless it is given cors_credentials=False."
    cause += f"{said * is_plain} Or {f'the proxy ({proxy})' if proxy else 'a proxy'} removes it on its way."
    advice = advise(Topic.HIDES, case.proxy, header=_CREDENTIALS)
    elsewhere = f"If the server does send {_CREDENTIALS}: {advice}"
    return cause, allowing(case.facts.page, elsewhere=elsewhere)


def _compared(case: Case) -> tuple[str, ...]:
    return ("own", "stranger") * (not case.is_preflight and _is_written_over(case))


_is_mismatch: Final = fails(Check.ORIGIN_MISMATCH)
_is_untrue: Final = fails(Check.CREDENTIALS_NOT_TRUE)

ANOTHER: Final = (
    Rule("header-repeated",
         both(fails(Check.ORIGIN_REPEATED, Check.ORIGIN_MISMATCH), lambda c: len(_values(c)) > 1),
         "The CORS header is doubled.", *pair(_repeated)),
    replace(CACHED, applies=both(_is_mismatch, _has_come_twice)),
    Rule("cached", both(_is_mismatch, lambda c: lets_in(c.aside("preflight" if c.is_preflight else "own"), c.facts.page.origin)),
         "The answer was meant for another page.",
         lambda c: f"{_mismatch(c)[0]} But the server does answer the page with its own origin: a cache gives one visitor's answer to another, although it varies by Origin; or a proxy answers some requests itself; or several servers with different lists take turns.",
         Topic.CACHE, ("preflight", "own")),
    Rule("origin-rewritten", lambda c: _is_mismatch(c) and _is_repeating(c) and not _is_written_over(c),
         _REWRITTEN, _was_told, Topic.ORIGIN, ("own",)),
    Rule("origin-mismatch", _is_mismatch,
         lambda c: f"The server allows {c.value or 'an empty origin'}, not {c.facts.page.origin}.", *pair(_mismatch), _compared),
    Rule("wildcard-with-credentials", fails(Check.WILDCARD_WITH_CREDENTIALS),
         "“*” does not go with credentials.", *pair(_wildcard), _compared),
    Rule("credentials-not-true", both(_is_untrue, _doubled),
         "The credentials header is doubled.",
         lambda c: f"{_CREDENTIALS} comes {_times(_doubled(c))}: two places add it.", _alone),
    Rule("credentials-not-true", _is_untrue,
         "The server does not allow credentials.", *pair(_not_true)),
)  # fmt: skip


# --- What a preflight lists ------------------------------------------------------------------


def _method(case: Case) -> tuple[str, Fix]:
    listed = case.response.combined("Access-Control-Allow-Methods") or "none"
    known = [name for name in re.findall(r"[\w-]+", listed) if name not in ("none", "OPTIONS")]
    wanted = list(dict.fromkeys(["GET", "POST", *known, case.value]))
    cause = f"The server allows {listed}. (Socket.IO itself needs GET and POST, always allowed.)"
    return _by_whom(case, cause, allowing(case.facts.page, methods=wanted, is_known=True))


def _no_list(case: Case) -> tuple[str, Fix]:
    """Tell of a list of methods or of headers that browsers cannot read."""
    page, what = case.facts.page, "header name"
    fix = allowing(page, headers=[name for name, _ in page.headers], is_known=True)
    if case.check is Check.METHODS_INVALID:
        what, fix = "method", allowing(page, methods=["GET", "POST"], is_known=True)
    cause = f"“{case.value}” is no {what}: the list is separated by commas, without quotes."
    return _by_whom(case, cause, fix)


def _missing(case: Case) -> tuple[str, ...]:
    return case.block.names if case.block is not None else ()


def _header(case: Case) -> tuple[str, Fix]:
    listed = (case.response.combined("Access-Control-Allow-Headers") or "").strip()
    cause = f"The page sends {', '.join(_missing(case))} (extraHeaders), and the server allows {listed or 'no header'}."
    known = [name for name in re.split(r"\s*,\s*", listed) if name]
    cause += " With credentials, “*” is a header of that name." * ("*" in known)
    spelled = {name.lower(): name for name, _ in case.facts.page.headers}
    kept = [name for name in known if name != "*"]
    wanted = list(dict.fromkeys([*kept, *(spelled[name] for name in _missing(case))]))
    return _by_whom(case, cause, allowing(case.facts.page, headers=wanted, is_known=True))


def _answers_names(case: Case) -> str:
    return ", ".join(name for name in _missing(case) if name.startswith("access-control-"))


def _is_reflecting(case: Case) -> bool:
    """Tell whether a preflight's answer is that of a server that allows what it is asked for."""
    response = case.response
    if response.values("Access-Control-Allow-Headers"):
        return False
    if _varies(response, "access-control-request-headers") or is_engineio_preflight(response):
        return True
    # What this extension says to OPTIONS that asks for nothing.
    return response.body == b"OK" and _varies(response)


_is_unlisted: Final = fails(Check.HEADER_NOT_LISTED)


def _no_such_header(case: Case) -> str:
    return f"The header {case.value} is not allowed."


LISTS: Final = (
    Rule("method-not-listed", fails(Check.METHOD_NOT_LISTED),
         lambda c: f"The method {c.value} is not allowed.", *pair(_method), ("own",)),
    Rule("method-not-listed", fails(Check.METHODS_INVALID),
         "The list of methods is malformed.", *pair(_no_list), ("own",)),
    Rule("header-not-listed", fails(Check.HEADERS_INVALID),
         "The list of headers is malformed.", *pair(_no_list), ("own",)),
    Rule("answers-header-sent", both(_is_unlisted, _answers_names), _no_such_header,
         lambda c: f"{_header(c)[0]} {_answers_names(c)} is a header of answers; in requests it does nothing.",
         lambda c: f"Take {_answers_names(c)} out of the client's extraHeaders."),
    Rule("preflight-question-dropped", both(_is_unlisted, _is_reflecting),
         "The preflight's question does not arrive.",
         "The server allows whatever headers a preflight asks for, and has allowed none: a proxy drops the preflight's Access-Control-Request-Method or -Headers (or the answer's Access-Control-Allow-Headers).",
         Topic.QUESTION),
    Rule("header-not-listed", _is_unlisted, _no_such_header, *pair(_header), ("own",)),
)  # fmt: skip
