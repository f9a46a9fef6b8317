"""What comes after the handshake: sessions that are lost, held up, cut off, or refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from ...browser.fetch import Response
from ..advice import Topic, advise
from ..console import Console, console_of
from ..facts import Case, Stage, portless
from ..findings import Given, Rule, Test, pair, silent
from ..fixes import Fix
from ..protocol import Session, opened_by, session_of
from ..who import Error
from ..wire import Trouble
from .answers import OLD_FIX
from .cors import CACHED
from .when import always, both, is_in, troubled

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


def starting(response: Response, other: str = GUNICORN) -> str:
    """Return how to start a server so that it serves Socket.IO as it needs, WebSocket included.

    :param other: where it does not show what runs it.
    """
    server = (response.combined("Server") or "").lower()
    known = {
        "werkzeug": f"{RUN}\n{SIMPLE}",
        "gunicorn": GUNICORN,
        "uvicorn": '# pip install "uvicorn[standard]"   (it has no WebSocket without)',
    }
    return next((lines for name, lines in known.items() if name in server), other)


# --- Requests of a session -------------------------------------------------------------------

_in_session: Final = is_in(Stage.SESSION)


def _posted(case: Case) -> Response:
    """Return the answer to the page's own POST, which may be a redirect."""
    asked = [one for one in case.fetched.exchanges if one.method != "OPTIONS"]
    is_posted = bool(asked) and asked[0].method == "POST"
    return (asked[0].response if is_posted else None) or Response(0)


def _is_lost(case: Case) -> bool:
    return case.author.error is Error.SESSION


def _session(case: Case) -> Session | None:
    """Return the page's session, by whichever transport it was opened."""
    return case.facts.session or opened_by(next(iter(case.facts.alone.packets), ""))


def is_hasty(case: Case) -> bool:
    """Tell whether the server's own times are those of seconds that were meant in another unit."""
    session = _session(case)
    # Less time, in seconds, is a slip: Socket.IO for Node.js counts in milliseconds.
    return session is not None and min(session.patience, session.interval) < _HASTY


def _times(case: Case) -> str:
    session = _session(case) or Session("")
    times = [round(1000 * seconds) for seconds in (session.interval, session.patience)]
    cause = f"Its pingInterval and pingTimeout are {times[0]} and {times[1]} milliseconds."
    if session.patience < _HASTY:
        cause += " Whoever does not answer a ping within that is forgotten."
    if session.interval < _HASTY:
        often = f"{1000 // times[0]} pings a second" if times[0] else "pings without a pause"
        cause += f" Each client has to answer {often}."
    return f"{cause} In Node.js both are in milliseconds, in Python in seconds."


_HASTY: Final = 0.5
HASTY: Final = Rule(
    "ping-timeout", is_hasty, "The server gives its clients no time.", _times,
    Fix("socketio = SocketIO(app, ping_interval=25, ping_timeout=20)",
        "new Server(httpServer, {\n  pingInterval: 25000,\n  pingTimeout: 20000,\n})"),
)  # fmt: skip


# --- Packets that are too large ----------------------------------------------------------------


def _limit(case: Case) -> int | None:
    """Return how many bytes the server takes at once, as it says where it opens a session."""
    return (_session(case) or Session("")).limit


def _takes_nothing(case: Case) -> bool:
    limit, target = _limit(case), case.facts.target
    return limit is not None and limit < len(target.protocol.encode(target.connecting))


_TAKES_NOTHING: Final = Rule(
    "body-too-large", _takes_nothing, "The server takes next to nothing of what a client says.",
    lambda c: f"The Socket.IO server itself takes no more than {_limit(c)} byte{'s' * (_limit(c) != 1)} at once, as it says in its handshake (maxPayload), and ends the session of whoever says more. In Python and in Node.js that is in bytes.",
    Fix("socketio = SocketIO(app, max_http_buffer_size=1_000_000)",
        "new Server(httpServer, {\n  maxHttpBufferSize: 1e6,\n})"),
    # A server in Python may end the session without an answer: a poll of the page brings the end
    # (disconnect: transport close), or is refused.
    client=lambda c: "" if c.stage is Stage.WEBSOCKET or c.fetched.failure else "xhr post error",
)  # fmt: skip


def _is_dismissed(case: Case) -> bool:
    return case.facts.is_dismissed


def _dismissed(case: Case) -> tuple[str, Fix]:
    cause, fix = "The Socket.IO server itself took leave of the client, ", Fix(elsewhere=_ENDING)
    if (case.answer or "").startswith("40"):
        when = "which" if not case.facts.ended else f"{_lasted(case)} after it"
        cause += f"{when} had joined: its application ends the connection, below Socket.IO, as socket.conn.close() in Node.js and eio.disconnect() in Python do; or it is restarted. The page gets disconnect: transport close, and connects again."
        return cause, fix
    why = ""
    if not case.facts.is_python:
        why = "connectTimeout is shorter than clients take (in milliseconds; 45000 if nothing is said), or "
        fix = replace(fix, node="new Server(httpServer, {\n  connectTimeout: 45000,\n})")
    cause += f"before that had joined: {why}the application ends the connection, below Socket.IO. The page gets disconnect: transport close."
    return cause, fix


_ENDING: Final = "Look in the application for what ends connections; socket.disconnect(), in Flask-SocketIO disconnect(), does so and tells the page."
_DISMISSED: Final = Rule(
    "session-closed", _is_dismissed, "The server ends the session.",
    *pair(_dismissed), printed=silent, is_whole=True,
)  # fmt: skip


# --- What a proxy keeps from a server, which refuses its own pages ----------------------------


def _is_told_host(case: Case) -> bool:
    return case.opens("told the host") or case.opens("told the address")


def _refuses_own(case: Case) -> bool:
    is_told = case.stage in (Stage.SESSION, Stage.WEBSOCKET)
    return is_told and case.facts.is_own and case.refuses_origin


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


def _at_http(case: Case) -> str:
    return f"{_refusing_own(case)}: a proxy speaks TLS in its place, and it takes itself for an http: server. "


def _host_rewritten(case: Case) -> tuple[str, Fix]:
    own, fix = case.facts.page.origin, advise(Topic.HOST, case.proxy)
    cause = "a proxy asks it under another name, in the Host header or another one, so that it takes them for strangers."
    if case.opens("without port"):
        cause = f"it takes itself for {portless(own)}, without the port, which a proxy leaves out."
    cause = f"{_refusing_own(case)}: {cause} (A GET request of the page's own server names no Origin, and passes; POST and WebSocket do.)"
    doubt = ""
    if _is_told_host(case):
        cause += " Told the address by X-Forwarded-Host, it lets them in."
    else:
        doubt, fix = "If it does not yet: ", f"{fix} {advise(Topic.FORWARDED_HOST, case.proxy)}"
    is_scheme_known = case.opens("told the host") or case.opens("without port")
    if own.startswith("https:") and not is_scheme_known:
        fix = f"{fix} {doubt}{advise(Topic.SCHEME, case.proxy)}"
    return cause, _named(case, fix)


_AT_HTTP: Final = "The server does not know that it is at https://."
#: Of a server that keeps its own pages out, by polling or by WebSocket.
OWN: Final = (
    Rule("scheme-hidden", both(_refuses_own, lambda c: c.opens("told the scheme")), _AT_HTTP,
         lambda c: f"{_at_http(c)}Told the scheme by X-Forwarded-Proto, it lets them in: the proxy does not say it.",
         lambda c: _named(c, advise(Topic.SCHEME, c.proxy)), ("told the scheme",)),
    Rule("scheme-hidden", both(_refuses_own, lambda c: c.opens("as http")), _AT_HTTP,
         lambda c: f"{_at_http(c)}X-Forwarded-Proto does not get there: a second proxy, behind the one with TLS, writes its own scheme over it.",
         lambda c: _named(c, advise(Topic.OUTER_SCHEME, c.proxy)), ("as http",)),
    # This extension always lets its own pages in; Flask-SocketIO has a list that may miss them.
    Rule("host-rewritten", both(_refuses_own, lambda c: c.facts.is_installed or _is_told_host(c)),
         "The server does not know its own address.", *pair(_host_rewritten),
         ("without port", "told the host", "told the address")),
)  # fmt: skip


# --- Sessions that are forgotten --------------------------------------------------------------


def _is_cached(case: Case) -> bool:
    first, second = session_of(case.aside("again")), session_of(case.aside("once more"))
    return first is not None and first == second


def _lost(case: Case) -> tuple[str, Fix]:
    cause, elsewhere = "", advise(Topic.STICKY, case.proxy)
    if not case.facts.page.credentials:
        cause = " (Sticky sessions that rest on a cookie need withCredentials: true in the client.)"
    if case.facts.rejected:
        names = ", ".join(case.facts.rejected)
        cause += f" An answer sets a cookie ({names}), as load balancers do to find the same server again, but not by https with SameSite=None; Secure: for pages of another site, as {case.facts.page.origin}, a browser neither keeps it nor sends it."
        elsewhere = f"{advise(Topic.COOKIE, case.proxy, cookie=names)} (Safari keeps none all the same.) Or serve the page from the server's own site."
    node = "// one process; of several, as cluster makes them: npm install @socket.io/sticky"
    return f"{_UNKNOWN_SESSION}{cause}", Fix(ONE_WORKER, node, elsewhere)


_UNKNOWN_SESSION: Final = "The session that the handshake opened is unknown to the process that got the next request: several workers or machines serve this address, without sticky sessions."
_ONE_AT_A_TIME: Final = "The server answers one request at a time."
FORGOTTEN: Final = "The server forgets the session."
#: Of a server that has given the page its WebSocket, and answers nobody while it is open.
ALONE_SERVED: Final = (
    Rule("one-at-a-time", lambda c: c.facts.is_alone_served, _ONE_AT_A_TIME,
         lambda c: f"While the page's WebSocket was open, the server answered no other request within {c.facts.patience.application:g} seconds: it has one worker that does one thing at a time, as gunicorn's usual one. The first page connects, and all others wait; when gunicorn ends that worker, after 30 seconds, the page gets disconnect: transport close.",
         Fix(ONE_WORKER), printed=silent),
)  # fmt: skip


def _may_be_held_up(case: Case) -> bool:
    """Tell whether the connect handler may hold up all, of which nobody else is asked after it."""
    server = case.facts.handshake.response or Response(0)
    is_threaded = "werkzeug" in (server.combined("Server") or "").lower()
    return not is_threaded and case.facts.joined.is_held


_HOLDS_UP: Final = " (Or the application's connect handler does not return, and holds up the whole server, as time.sleep() does under eventlet and gevent without monkey patching.)"
_HANDLER: Final = """\
@socketio.on("connect")
def connect(auth=None):  # None where the client is given no auth
    ..."""


def _unended(case: Case) -> str:
    limit, name = case.facts.patience.application, case.facts.target.name or "/"
    cause = f"CORS is in order, and the server answers; but the application has not said within {limit:g} seconds whether the client may join {name}."
    nothing = "the page then gets no event at all, neither connect nor connect_error."
    if case.facts.is_held:
        return f"{cause} Its connect handler does not return: it waits for something, as a lock or a database; {nothing}"
    return f"{cause} Most often its connect handler raises an exception: {nothing} Or it takes that long."


_UNENDED: Final = Rule(
    "connect-unanswered",
    lambda c: c.stage is Stage.WEBSOCKET or c.facts.joined.is_left,
    "The connect handler does not come to an end.",
    _unended,
    Fix(_HANDLER, "", "Look for a traceback in the server's log. A handler that needs auth raises where a client sends none; the doctor sends what it is given by --auth."),
)  # fmt: skip
#: Asked of requests within a session, before all else.
SESSIONS: Final = (
    _TAKES_NOTHING,
    Rule("one-at-a-time", both(_in_session, lambda c: c.facts.is_held and not c.beside("others").status),
         _ONE_AT_A_TIME,
         lambda c: f"While one request of the page waits for news, as a client always has one waiting, the server answered no other within {c.facts.patience.application:g} seconds: it has one worker that does one thing at a time, as gunicorn's usual one. The page waits; when gunicorn ends that worker, after 30 seconds, it gets connect_error: xhr poll error.{_HOLDS_UP * _may_be_held_up(c)}",
         Fix(ONE_WORKER), printed=silent, is_whole=True),
    replace(_UNENDED, is_whole=True, printed=silent,
            applies=both(_in_session, lambda c: c.facts.joined.is_held)),
    # A redirect turns a POST into a GET (Fetch, "HTTP-redirect fetch").
    Rule("redirected", both(_in_session, lambda c: c.last.method == "GET" and _posted(c).status),
         "The server redirects, and what the page sends is lost.",
         lambda c: f"The server redirects to {_posted(c).location}. A POST that is answered {_posted(c).status} goes on as a GET, without what the page has sent. (Where 307 and 308 are answered it keeps that; but no WebSocket follows a redirect.)",
         lambda c: Fix(address=c.url), printed=silent, is_whole=True),
    *OWN,
    # A request that was under way when the server ended its session is hung up on.
    replace(HASTY, is_whole=True, applies=lambda c: is_hasty(c) and (
        _is_lost(c) or (_in_session(c) and (c.facts.is_dismissed or troubled(Trouble.CLOSED)(c))))),
    replace(CACHED, applies=both(_is_lost, _is_cached)),
    replace(_DISMISSED, applies=both(_in_session, _is_dismissed)),
    Rule("session-lost", _is_lost, FORGOTTEN, *pair(_lost), is_whole=True),
)  # fmt: skip


# --- The application -------------------------------------------------------------------------

#: Socket.IO's own words for a namespace that nobody has defined: in Python, and in Node.js.
_UNKNOWN: Final = frozenset({"Unable to connect", "Invalid namespace"})
_MAIN: Final = """\
@socketio.on("connect")
def connect():
    pass"""
_BRING: Final = "Let the client bring what the handler asks for: io(url, { auth: { token: … } }), or withCredentials: true where it looks at cookies. The doctor sends what it is given by --auth, --header and in the URL, and no cookies but those of the server's first answer."


def _says(kind: str) -> Test:
    return lambda case: (case.answer or "").startswith(kind)


def _content(case: Case) -> object:
    text = (case.answer or "")[2:].removeprefix(f"{case.facts.target.name},")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(content: object) -> str:
    """Return what was said, as it is written where it is no text; nothing where it is nothing."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False) if content else ""


def _message(case: Case) -> str:
    """Return what the client makes an error of: the field "message", and nothing else."""
    content = _content(case)
    return _shown(content.get("message")) if isinstance(content, dict) else ""


def _said(case: Case) -> str:
    return _message(case) or _shown(_content(case))


def _refused(case: Case) -> str:
    said, name = _said(case), case.facts.target.name or "/"
    how = f': "{said}".' if said else ", without a word."
    return f"CORS is in order. The application's own connect handler (in Node.js, a middleware: io.use) for the namespace {name} refuses{how}"


def _defined(case: Case) -> Fix:
    target, name = case.facts.target, case.facts.target.name
    if name.rstrip("/").endswith(target.path.rstrip("/")):
        # The path that clients ask for anyway.
        return Fix(elsewhere=f'In the client: io("{target.base}")')
    client = f'If the path belongs to the server: io("{target.base}", {{ path: "{name}" }}).'
    if name.endswith("/"):
        client = f'If it is meant without its last slash: io("{target.base}{name.rstrip("/")}").'
    return Fix(
        f'@socketio.on("connect", namespace="{name}")\ndef connect():\n    pass',
        f'io.of("{name}").on("connection", socket => {{}})',
        client,
    )


_OLD_CLIENT_MESSAGE: Final = "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible (more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)"


#: What the application makes of a client that the transports have let in.
APPLICATION: Final = tuple(replace(rule, printed=rule.printed or silent) for rule in (
    Rule("connect-refused", _says("41"),
         "The application itself ends the connection.",
         lambda c: f'CORS is in order. The application\'s own handler for the namespace {c.facts.target.name or "/"} ends the connection; the page gets connect, and then disconnect: "io server disconnect".',
         _BRING),
    Rule("namespace-refused", lambda c: _says("44")(c) and _said(c) in _UNKNOWN and not c.facts.target.name,
         "There is no main namespace, /.",
         lambda c: f"CORS is in order; the server says \"{_said(c)}\": it has handlers for other namespaces, none for the main one, /, which the page asks for. The path of the URL that io() is given is the namespace.",
         lambda c: Fix(_MAIN, "", f'Or ask for one that the server has, in the client: io("{c.facts.target.base}/…").'),
         client=_message),
    Rule("namespace-refused", lambda c: _says("44")(c) and _said(c) in _UNKNOWN,
         lambda c: f"There is no namespace {c.facts.target.name}.",
         lambda c: f"CORS is in order; the server knows no namespace {c.facts.target.name} and says \"{_said(c)}\". The path of the URL that io() is given is the namespace, not the server's path.",
         _defined, client=_message),
    Rule("connect-refused", _says("44"),
         "The application itself refuses the client.", _refused, _BRING, client=_message),
    Rule("old-server", _says("40"),
         "The server is older than the client.",
         "The server is one of Socket.IO 2 or older: it lets a client in without giving it an id, which a client of version 3 or 4 refuses.",
         OLD_FIX, client=_OLD_CLIENT_MESSAGE),
    replace(CACHED, applies=_is_cached),
    Rule("never-woken", lambda c: c.aside("anew"),
         "The server does not run in the mode that it has chosen.",
         "A request that waits for news gets none, though the next one would get them: the server does not wake what waits. Flask-SocketIO does so where it takes eventlet or gevent, as it does wherever they are installed, and the application is run by something else, as by app.run() or by gunicorn with threads. The page gets no event at all, neither connect nor connect_error.",
         lambda c: Fix(starting(c.beside("anew"))), ("anew",)),
    _TAKES_NOTHING,
    replace(HASTY, applies=lambda c: is_hasty(c) and c.facts.is_dismissed),
    _DISMISSED,
    _UNENDED,
    Rule("connect-unanswered", always,
         "The client is never told that it is in.",
         "CORS is in order, and the server answers; but none of its answers says whether the client is in. A proxy or a middleware changes them, or what answers is no Socket.IO server.",
         "Look into the server's log."),
))  # fmt: skip


# --- Connections that do not last ------------------------------------------------------------


def _lasted(case: Case) -> str:
    """Say how long a connection has lasted, and what ended it."""
    ended = case.facts.ended
    return f"{ended.seconds:.1f} seconds{f' ({ended.end})' if str(ended.end or '') else ''}"


def _cut_off(case: Case) -> tuple[str, Given]:
    what, does, how = "A request that waited for news", "lets it wait for 25", "error"
    if case.facts.by_websocket.is_open:
        interval = (_session(case) or Session("")).interval
        what, how = "The WebSocket on which the page lives", "close"
        does = f"asks every {interval:g} seconds whether the client is there"
    why = "something between has a shorter time limit"
    fix: Given = Topic.WAIT
    if troubled(Trouble.CLOSED)(case) and not case.proxy:
        why = "the HTTP server has a time limit of its own (in Node.js: server.timeout, server.setTimeout(), 0 if nothing is said), or a proxy that does not show"
        fix = Fix("", "httpServer.setTimeout(0)", f"Or: {advise(Topic.WAIT)}")
    cause = f"{what} was ended after {_lasted(case)}, and not by the Socket.IO server, which {does}: {why}. The page connects, and loses the connection again each time: disconnect: transport {how}."
    return cause, fix


WATCHED: Final = (
    replace(HASTY, printed=silent),
    _DISMISSED,
    # The answer that ends a poll most often has no CORS headers.
    Rule("cut-off", always, "Something ends connections that wait.", *pair(_cut_off), client="",
         printed=lambda c: console_of(c) if c.block or troubled(Trouble.CLOSED)(c) else Console()),
)  # fmt: skip
