"""What comes after the handshake: sessions that are lost, held up, cut off, or refused."""

from __future__ import annotations

import json
from typing import Final

from ...browser.fetch import Response
from ..advice import Topic, advise
from ..facts import Case, Stage, portless
from ..findings import Rule, Test, Words
from ..fixes import Fix
from ..protocol import session_of
from ..who import Error
from ..wire import Exchange, Trouble
from .answers import OLD_FIX
from .cors import cached

#: What serves Socket.IO by one worker with threads, whatever else is installed.
ONE_WORKER: Final = """\
# In SocketIO(app, …), beside what it is given already:
#     async_mode="threading"
# pip install simple-websocket
# gunicorn -w 1 --threads 100 module:app   (several need sticky sessions)"""
RUN: Final = "socketio.run(app)   # in place of app.run(…) and of flask run"
GUNICORN: Final = f"""\
{ONE_WORKER}
# (async_mode="gevent" needs
# -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker)"""
SIMPLE: Final = "# pip install simple-websocket   (eventlet and gevent have it)"


def starting(response: Response | None, other: str = GUNICORN) -> str:
    """Return how to start a server so that it serves Socket.IO as it needs, WebSocket included.

    :param other: where it does not show what runs it.
    """
    server = ((response and response.combined("Server")) or "").lower()
    known = {"werkzeug": f"{RUN}\n{SIMPLE}", "gunicorn": GUNICORN}
    return next((lines for name, lines in known.items() if name in server), other)


# --- Requests of a session -------------------------------------------------------------------


def _in_session(case: Case) -> bool:
    return case.stage is Stage.SESSION


def _is_held(case: Case) -> bool:
    joined = (case.facts.joined, case.facts.broken)
    return _in_session(case) and any(one is not None and one.is_held for one in joined)


def _is_body_lost(case: Case) -> bool:
    """Tell of a redirect that turned a POST into a GET (Fetch, "HTTP-redirect fetch")."""
    asked = [one for one in case.fetched.exchanges if one.method != "OPTIONS"]
    is_posted = bool(asked) and asked[0].method == "POST" and case.last.method == "GET"
    return _in_session(case) and is_posted and asked[0].response is not None


def _body_lost(case: Case) -> Words:
    first = next(one for one in case.fetched.exchanges if one.method == "POST")
    response = first.response or Response(0)
    return Words(
        "The server redirects, and what the page sends is lost.",
        f"The server redirects to {response.location}. A POST that is answered {response.status} goes on as a GET, without what the page has sent. (Where 307 and 308 are answered it keeps that; but no WebSocket follows a redirect.)",
        Fix(address=case.url),
    )


def _refuses_own(case: Case) -> bool:
    is_told = _in_session(case) or case.stage is Stage.WEBSOCKET
    return is_told and case.facts.is_own and case.refuses_origin


def _opened(case: Case, *names: str) -> tuple[Exchange | None, ...]:
    """Return the first of some requests beside the page's that has opened a session, if one has."""
    asked = map(case.aside, names)
    return tuple(one for one in asked if session_of(one) is not None)[:1]


def _is_at_http(case: Case) -> bool:
    """Tell whether the server takes itself for one at http:, where it is asked at https:."""
    return _refuses_own(case) and bool(_opened(case, "told the scheme", "as http"))


def _is_told_address(case: Case) -> bool:
    is_believed = bool(_opened(case, "told the host", "told the address"))
    # This extension always lets its own pages in; Flask-SocketIO has a list that may miss them.
    return _refuses_own(case) and (is_believed or case.facts.is_installed)


def _scheme_hidden(case: Case) -> Words:
    is_believed = bool(_opened(case, "told the scheme"))
    cause = f"{_refusing_own(case)}: a proxy speaks TLS in its place, and it takes itself for an http: server. "
    if is_believed:
        cause += "Told the scheme by X-Forwarded-Proto, it lets them in: the proxy does not say it."
    else:
        cause += "X-Forwarded-Proto does not get there: a second proxy, behind the one with TLS, writes its own scheme over it."
    topic = Topic.SCHEME if is_believed else Topic.OUTER_SCHEME
    proof = _opened(case, "told the scheme", "as http")
    fix = _named(case, advise(topic, case.proxy))
    return Words("The server does not know that it is at https://.", cause, fix, proof)


def _host_rewritten(case: Case) -> Words:
    own, proxy, known = case.facts.page.origin, case.proxy, _opened(case, "without port")
    fix = advise(Topic.HOST, proxy)
    if known:
        cause = f"{_refusing_own(case)}: it takes itself for {portless(own)}, without the port, which a proxy leaves out."
    else:
        cause = f"{_refusing_own(case)}: a proxy asks it under another name, in the Host header or another one, so that it takes them for strangers."
    cause += " (A GET request of the page's own server names no Origin, and passes; POST and WebSocket do.)"
    proof = _opened(case, "told the host", "told the address")
    if proof:
        cause += " Told the address by X-Forwarded-Host, it lets them in."
    else:
        fix = f"{fix} {advise(Topic.FORWARDED_HOST, proxy)}"
    is_scheme_known = bool(_opened(case, "told the host", "without port"))
    if own.startswith("https:") and not is_scheme_known:
        doubt = "" if proof else "If it does not yet: "
        fix = f"{fix} {doubt}{advise(Topic.SCHEME, proxy)}"
    words = "The server does not know its own address."
    return Words(words, cause, _named(case, fix), (*known, *proof))


def _refusing_own(case: Case) -> str:
    said = f' ("{case.author.message}")' if case.author.message else ""
    return f"The server refuses the pages of its own origin, {case.facts.page.origin}{said}"


def _named(case: Case, elsewhere: str) -> Fix:
    """Return what tells the server its own origin, by the proxy or by itself."""
    own = json.dumps(case.facts.page.origin)
    lines = (
        f'# or above SioCors(app), with your others:\napp.config["SIO_CORS_OWN_ORIGINS"] = [{own}]'
    )
    return Fix(elsewhere=elsewhere, installed=lines)


#: Of a server that keeps its own pages out, by polling or by WebSocket.
OWN: Final = (
    Rule("scheme-hidden", _is_at_http, _scheme_hidden),
    Rule("host-rewritten", _is_told_address, _host_rewritten),
)


def _is_lost(case: Case) -> bool:
    return case.author.error is Error.SESSION


def _is_hung_up(case: Case) -> bool:
    """Tell of a request that was under way when the server forgot its session."""
    failure = case.fetched.failure
    return _in_session(case) and failure is not None and failure.trouble is Trouble.CLOSED


def _is_impatient(case: Case) -> bool:
    """Tell whether the server's own times are those of seconds that were meant in another unit."""
    session = case.facts.session
    return session is not None and min(session.patience, session.interval) < _LEAST


#: Less time than this, in seconds, is a slip: Socket.IO for Node.js counts in milliseconds.
_LEAST: Final = 0.5


def _impatient(case: Case) -> Words:
    session = case.facts.session
    shown = f"{session.interval * 1000:g} and {session.patience * 1000:g}" if session else ""
    return Words(
        "The server gives its clients no time.",
        f"Its pingInterval and pingTimeout are {shown} milliseconds: whoever does not answer a ping within that is forgotten. In Node.js both are in milliseconds, in Python in seconds.",
        Fix(
            "socketio = SocketIO(app, ping_interval=25, ping_timeout=20)",
            "new Server(httpServer, {\n  pingInterval: 25000,\n  pingTimeout: 20000,\n})",
        ),
    )


def _is_cached(case: Case) -> bool:
    first, second = session_of(case.aside("again")), session_of(case.aside("once more"))
    return first is not None and first == second


def _forgets(case: Case) -> str:
    cause = "The session that the handshake opened is unknown to the process that got the next request: several workers or machines serve this address, without sticky sessions."
    if not case.facts.page.credentials:
        cause += (
            " (Sticky sessions that rest on a cookie need withCredentials: true in the client.)"
        )
    return cause


_STICKY: Final = "// one process; of several, as cluster makes them: npm install @socket.io/sticky"


def _session_lost(case: Case) -> Words:
    fix = Fix(ONE_WORKER, _STICKY, advise(Topic.STICKY, case.proxy))
    return Words("The server forgets the session.", _forgets(case), fix)


def _cookies(case: Case) -> Words:
    names = ", ".join(case.facts.rejected)
    return Words(
        "The server forgets the session.",
        f"{_forgets(case)} An answer sets a cookie ({names}), as load balancers do to find the same server again, but not by https with SameSite=None; Secure: for pages of another site, as {case.facts.page.origin}, a browser neither keeps it nor sends it.",
        Fix(
            ONE_WORKER,
            _STICKY,
            f"{advise(Topic.COOKIE, case.proxy, cookie=names)} (Safari keeps none all the same.) Or serve the page from the server's own site.",
        ),
    )


#: Of a server that has given the page its WebSocket, and answers nobody while it is open.
ALONE_SERVED: Final = (
    Rule(
        "one-at-a-time",
        lambda c: True,
        lambda c: Words(
            "The server answers one request at a time.",
            f"While the page's WebSocket was open, the server answered no other request within {c.facts.patience.application:g} seconds: it has one worker that does one thing at a time, as gunicorn's usual one. The first page connects, and all others wait; when gunicorn ends that worker, after 30 seconds, the page gets disconnect: transport close.",
            Fix(ONE_WORKER),
        ),
        is_silent=True,
    ),
)

#: Asked of requests within a session, before all else.
SESSIONS: Final = (
    Rule(
        "one-at-a-time",
        _is_held,
        lambda c: Words(
            "The server answers one request at a time.",
            f"While one request of the page waits for news, as a client always has one waiting, the server answered no other within {c.facts.patience.application:g} seconds: it has one worker that does one thing at a time, as gunicorn's usual one. The page waits; when gunicorn ends that worker, after 30 seconds, it gets connect_error: xhr poll error.",
            Fix(ONE_WORKER),
        ),
        is_silent=True,
        is_whole=True,
    ),
    Rule("redirected", _is_body_lost, _body_lost, is_silent=True, is_whole=True),
    *OWN,
    Rule(
        "ping-timeout",
        lambda c: (_is_lost(c) or _is_hung_up(c)) and _is_impatient(c),
        _impatient,
        is_whole=True,
    ),
    Rule("cached", lambda c: _is_lost(c) and _is_cached(c), cached, is_whole=True),
    Rule("session-lost", lambda c: _is_lost(c) and c.facts.rejected, _cookies, is_whole=True),
    Rule("session-lost", _is_lost, _session_lost, is_whole=True),
)


# --- The application -------------------------------------------------------------------------

#: Socket.IO's own words for a namespace that nobody has defined: in Python, and in Node.js.
_UNKNOWN: Final = frozenset({"Unable to connect", "Invalid namespace"})
_BRING: Final = Fix(
    elsewhere="Let the client bring what the handler asks for: io(url, { auth: { token: … } }), or withCredentials: true where it looks at cookies. The doctor sends what it is given by --auth, --header and in the URL, and no cookies but those of the server's first answer."
)


def _answer(case: Case) -> str:
    return case.facts.answer or ""


def _name(case: Case) -> str:
    return case.facts.target.name or "/"


def _content(case: Case) -> object:
    text = _answer(case)[2:].removeprefix(f"{case.facts.target.name},")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _message(case: Case) -> str:
    """Return what the client makes an error of: the field "message", and nothing else."""
    content = _content(case)
    text = content.get("message", "") if isinstance(content, dict) else ""
    return text if isinstance(text, str) else _shown(text)


def _said(case: Case) -> str:
    return _message(case) or _shown(_content(case))


def _shown(content: object) -> str:
    """Return what was said where it is no message: as it is written, or nothing."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False) if content else ""


def _unknown(case: Case) -> Words:
    target, name = case.facts.target, case.facts.target.name
    extension = f'@socketio.on("connect", namespace="{name}")\ndef connect():\n    pass'
    node = f'io.of("{name}").on("connection", socket => {{}})'
    client = f'If the path belongs to the server: io("{target.base}", {{ path: "{name}" }}).'
    if name.endswith("/"):
        client = f'If it is meant without its last slash: io("{target.base}{name.rstrip("/")}").'
    if name.rstrip("/").endswith(target.path.rstrip("/")):
        # The path that clients ask for anyway.
        client, extension, node = f'In the client: io("{target.base}")', "", ""
    return Words(
        f"There is no namespace {name}.",
        f'CORS is in order; the server knows no namespace {name} and says "{_said(case)}". The '
        "path of the URL that io() is given is the namespace, not the server's path.",
        Fix(extension, node, client),
        client=_message(case),
    )


def _refused(case: Case) -> Words:
    said = _said(case)
    return Words(
        "The application itself refuses the client.",
        f"CORS is in order. The application's own connect handler (in Node.js, a middleware: io.use) for the namespace {_name(case)} refuses"
        + (f': "{said}".' if said else ", without a word."),
        _BRING,
        client=_message(case),
    )


_HANDLER: Final = """\
@socketio.on("connect")
def connect(auth=None):  # None where the client is given no auth
    ..."""


def _never_woken(case: Case) -> Words:
    anew = case.aside("anew")
    return Words(
        "The server does not run in the mode that it has chosen.",
        "A request that waits for news gets none, though the next one would get them: the server does not wake what waits. Flask-SocketIO does so where it takes eventlet or gevent, as it does wherever they are installed, and the application is run by something else, as by app.run() or by gunicorn with threads. The page gets no event at all, neither connect nor connect_error.",
        Fix(starting(anew.response if anew is not None else None)),
        (anew,),
    )


_OLD_CLIENT_MESSAGE: Final = "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible (more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)"


def _is_left(case: Case) -> bool:
    joined = case.facts.joined
    return joined is not None and joined.is_left


def _says(kind: str) -> Test:
    return lambda case: _answer(case).startswith(kind)


#: What the application makes of a client that the transports have let in.
APPLICATION: Final = (
    Rule("connect-refused", _says("41"), lambda c: Words(
        "The application itself ends the connection.",
        f'CORS is in order. The application\'s own handler for the namespace {_name(c)} ends the connection; the page gets connect, and then disconnect: "io server disconnect".',
        _BRING,
    ), is_silent=True),
    Rule("namespace-refused", lambda c: _says("44")(c) and _said(c) in _UNKNOWN, _unknown,
         is_silent=True),
    Rule("connect-refused", _says("44"), _refused, is_silent=True),
    Rule("old-server", _says("40"), lambda c: Words(
        "The server is older than the client.",
        "The server is one of Socket.IO 2 or older: it lets a client in without giving it an id, which a client of version 3 or 4 refuses.",
        OLD_FIX,
        client=_OLD_CLIENT_MESSAGE,
    ), is_silent=True),
    Rule("cached", _is_cached, cached, is_silent=True),
    Rule("never-woken", lambda c: c.aside("anew"), _never_woken, is_silent=True),
    Rule("connect-unanswered", lambda c: _is_left(c) or c.stage is Stage.WEBSOCKET, lambda c: Words(
        "The connect handler does not come to an end.",
        f"CORS is in order, and the server answers; but the application has not said within {c.facts.patience.application:g} seconds whether the client may join {_name(c)}. Most often its connect handler raises an exception: the page then gets no event at all, neither connect nor connect_error. Or it takes that long.",
        Fix(
            _HANDLER,
            "",
            "Look for a traceback in the server's log. A handler that needs auth raises where a client sends none; the doctor sends what it is given by --auth.",
        ),
    ),
         is_silent=True),
    Rule("connect-unanswered", lambda c: True, lambda c: Words(
        "The client is never told that it is in.",
        "CORS is in order, and the server answers; but none of its answers says whether the client is in. A proxy or a middleware changes them, or what answers is no Socket.IO server.",
        "Look into the server's log.",
    ), is_silent=True),
)  # fmt: skip


# --- Connections that do not last ------------------------------------------------------------


def _cut_off(case: Case) -> Words:
    ended = case.facts.ended
    lasted = ended.seconds if ended is not None else 0.0
    advice = advise(Topic.WAIT, case.proxy, path=case.facts.target.path)
    if case.facts.lives_on == "websocket":
        how = f" ({ended.how})" if ended is not None and ended.how else ""
        return Words(
            "Something ends connections that wait.",
            f"The WebSocket on which the page lives was ended after {lasted:.0f} seconds{how}, and not by the Socket.IO server, which asks every {_interval(case):g} seconds whether the client is there: something between has a shorter time limit. The page connects, and loses the connection again each time: disconnect: transport close.",
            advice,
        )
    return Words(
        "Something ends connections that wait.",
        f"A request that waited for news was ended after {lasted:.0f} seconds, and not by the Socket.IO server, which lets it wait for 25: something between has a shorter time limit. The page connects, and loses the connection again each time: disconnect: transport error.",
        advice,
        client="",
    )


def _interval(case: Case) -> float:
    return case.facts.session.interval if case.facts.session is not None else 25


WATCHED: Final = (
    Rule("ping-timeout", _is_impatient, _impatient, is_silent=True),
    # The answer that ends a poll most often has no CORS headers.
    Rule("cut-off", lambda c: c.block is not None, _cut_off),
    Rule("cut-off", lambda c: True, _cut_off, is_silent=True),
)
