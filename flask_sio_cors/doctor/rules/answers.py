"""Answers that give the page no session: the Socket.IO server's refusals, and others' answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ...browser.fetch import cors_check
from ..advice import Topic, advise
from ..facts import Case, Stage
from ..findings import Rule, pair
from ..fixes import Fix, allowing
from ..protocol import protocol_of
from ..target import DEFAULT_PATH
from ..who import (
    CHALLENGE,
    REFUSED,
    Error,
    is_extension,
    is_own_page,
    named_path,
    quoted,
    raised,
    says,
    shown_proxy,
    who,
)
from .network import wants_tls
from .when import always, both, either, given, in_session, refused_for, shows, status


def status_of(case: Case) -> str:
    """Return an answer's status and reason."""
    return f"{case.response.status} {case.response.reason}".rstrip()


def _host(case: Case) -> str:
    return urlsplit(case.facts.target.base).hostname or ""


def unlisted(case: Case) -> str:
    """Return the title of what keeps a page's origin out."""
    return f"The server does not allow {case.facts.page.origin}."


# --- What a Socket.IO server says ------------------------------------------------------------


def _explain_at(case: Case) -> str:
    """Say where the server's own rule is named, if it has this extension."""
    if not case.facts.is_installed:
        return ""
    asked = f"{case.facts.page.origin} --host {case.facts.target.base}"
    return f"On the server, flask sio-cors explain {asked} names the rule that decides."


_UPGRADE: Final = "# pip install --upgrade Flask-SocketIO python-socketio python-engineio"


def _unsupported(case: Case) -> tuple[str, Fix]:
    protocol, other = case.facts.target.protocol, case.aside("version")
    cause = f"The server does not speak the version of the Engine.IO protocol that the page's client does (EIO={protocol.version}, {protocol.clients})."
    if other is not None and case.beside("version").is_ok:
        spoken = protocol_of(other.url)
        cause += f" It does answer EIO={spoken.version}, that of {spoken.clients}."
    if not protocol.is_old:
        versions = "socket.io-client 3 or 4 with Flask-SocketIO 5 or Socket.IO 3, 4."
        return cause, Fix(_UPGRADE, "", f"Use matching versions: {versions}")
    node = allowing(case.facts.page, options=["allowEIO3: true, // for clients of version 2"]).node
    client = "Load socket.io-client 4 on the page, which the server is made for."
    return cause, Fix("", node, client)


def _asks_in_vain(case: Case, error: Error) -> bool:
    """Tell whether a server takes nothing of which it has to take one, whatever it is asked for."""
    other = case.aside("version")
    if error is Error.TRANSPORT:
        is_websocket = case.stage is Stage.WEBSOCKET
        other = case.aside("own") if is_websocket else case.facts.alone.fetched.last
    return case.author.error is error is who(other).error


_TRIED: Final = ("own", "own, twice", "own, thrice")


def _disagree(case: Case) -> bool:
    """Tell whether one origin was refused and let in, as by several processes."""
    if case.author.error is not Error.ORIGIN or case.facts.is_own:
        return False
    return any(map(case.is_let_in, _TRIED)) or case.stage is Stage.SESSION


def one_too_many(case: Case) -> str:
    """Return what to do about what adds the header to a refusal."""
    return f"And remove what adds the CORS header to this answer: beside the server's own it would be one too many. {advise(Topic.ADDS, case.proxy)}"


def _not_allowed(case: Case) -> tuple[str, Fix]:
    said, elsewhere = f'The Socket.IO server itself refuses: "{case.author.message}".', ""
    if case.response.values("Access-Control-Allow-Origin"):
        said += " Something else adds Access-Control-Allow-Origin to its answer."
        elsewhere = one_too_many(case)
    near, fix = instead(case, f"{_explain_at(case)} {elsewhere}".strip())
    return f"{said}{near}", fix


def instead(case: Case, elsewhere: str = "") -> tuple[str, Fix]:
    """Name the origin that is let in instead, where one is; and return what lets the page in."""
    fix = allowing(case.facts.page, elsewhere=elsewhere)
    near, origin = case.aside("near"), case.facts.page.origin
    if near is None:
        return "", fix
    name = dict(near.headers)["Origin"]
    if "://" in name and not name.endswith("/"):
        is_secure = name == origin.replace("http:", "https:", 1)
        said = "serve the page by https:" if is_secure else "open the page there"
        return f" It does let {name} in: {said}, or allow this one as well.", fix
    slip = "a host, and every origin starts with a scheme"
    slip = "a slash too many" if name.endswith("/") else slip
    written = f"Write {json.dumps(origin)} into its list of origins, not {json.dumps(name)}."
    said = f" It does let {name} in, which no browser sends: its list has {slip}."
    return said, replace(fix, elsewhere=written)


def _untrusted(case: Case) -> tuple[str, Fix]:
    cause = "The Host header is not among the application's TRUSTED_HOSTS, before anything else."
    host, elsewhere = json.dumps(_host(case)), "Or let the proxy send a Host that is trusted."
    if proxy := shown_proxy(case.response):
        cause += f" A proxy ({proxy}) stands between, which sends a Host of its own unless it is told otherwise."
        elsewhere = advise(Topic.HOST, case.proxy)
    trusted = f'[\n    *(app.config["TRUSTED_HOSTS"] or []), {host}\n]'
    lines = f'# above SioCors(app)\napp.config["TRUSTED_HOSTS"] = {trusted}'
    return cause, Fix(lines, "", elsewhere)


def _with_both(case: Case) -> Fix:
    both_ways, page = '["polling", "websocket"]', case.facts.page
    line = f"socketio = SocketIO(app, transports={both_ways})"
    node = allowing(page, options=[f"transports: {both_ways},"]).node
    client = 'In the client: io(url, { transports: ["websocket"] })'
    return Fix(f"{line}\n{allowing(page).extension}", node, client, line)


def _by_function(case: Case) -> bool:
    """Tell whether the application's own decision on origins has ended in an error.

    npm's `cors` shows such an error as Express does, and Engine.IO as a bad request.
    """
    if case.block is None or in_session(case):
        return False
    if case.author.error is Error.REQUEST:
        # Engine.IO says the same of anything that its middlewares refuse.
        return case.response.status == 400 and case.response.body.startswith(b'{"code":3,')
    return case.response.status == 500 and says(case.response, r"Error: .*\bcors\b")


def _function(case: Case) -> tuple[str, Fix]:
    text, origin = case.response.body[:4096].decode("utf-8", "replace"), case.facts.page.origin
    said = re.search(r"Error: (.*?)(?:<|\n|$)", text)
    shown = f' ("{said[1]}")' if said else ""
    without = " Asked without an Origin header, the server opens a session."
    cause = f"The server answers {case.response.status}{shown}: the application's own function for the option origin of cors does not know {origin} and calls callback(new Error(…)); or another middleware of it fails.{without * case.opens('no origin')}"
    fix = f"Let that function let the origin in: if (origin === {json.dumps(origin)}) return callback(null, true); and let it refuse others without an error: callback(null, false)"
    return cause, replace(allowing(case.facts.page, elsewhere=fix), extension="")


#: What Engine.IO 3 begins an answer with.
_OLD: Final = rb"\d+:0\{|\x00"
OLD_FIX: Final = Fix(
    _UPGRADE,
    "// npm install socket.io@4",
    "Upgrade the server, or use socket.io-client 2 on the page.",
)
_REFUSAL: Final = "The server refuses the connection."
_OF_THE_SERVER: Final = "See the server's log; the message is the server's own."


def refusal(case: Case) -> str:
    """Return how a Socket.IO server refuses."""
    return f'Socket.IO answers {case.response.status}: "{case.author.message}".'


def _decided(case: Case) -> tuple[str, str]:
    order, hidden = "CORS is in order; the", ""
    if case.block is not None:
        order, hidden = "The", " The answer has no CORS headers, so that the page cannot read that."
    cause = f"{refusal(case)} {order} application's own decision on who may connect is against it: allowRequest in Node.js, SIO_CORS_ALLOW_REQUEST here.{hidden}"
    if not is_extension(case.response):
        return cause, _OF_THE_SERVER
    log = "See the server's log for what SIO_CORS_ALLOW_REQUEST (or @cors.allow_request) did."
    return cause, f"{log} {_explain_at(case)}"


#: Of a server that takes nothing of what it is asked for, by whatever transport.
UNSPOKEN: Final = (
    Rule("query-dropped",
         lambda c: _asks_in_vain(c, Error.VERSION) or _asks_in_vain(c, Error.TRANSPORT),
         "The request's query does not arrive.",
         "The server takes none of the protocol's versions, 3 or 4, or none of its transports, with which it is asked: what stands behind the question mark does not arrive. A proxy cuts it off.",
         Topic.QUERY, ("version",)),
    Rule("unsupported-version", refused_for(Error.VERSION),
         "Client and server speak different versions.", *pair(_unsupported), ("version",)),
)  # fmt: skip
#: What the Socket.IO server itself says, whatever CORS headers it has.
_SAID: Final = (
    *UNSPOKEN,
    Rule("processes-disagree", _disagree,
         lambda c: f"Some processes of the server know {c.facts.page.origin}, others do not.",
         lambda c: f"{c.facts.page.origin} was let in and refused within seconds: several processes serve this address, with different configurations. Some of them run with an older one.",
         "Restart all workers, on every machine; and let all of them read the same configuration.",
         _TRIED, is_whole=True),
    Rule("origin-not-allowed", refused_for(Error.ORIGIN), unlisted, *pair(_not_allowed), ("near",)),
    Rule("host-not-trusted", refused_for(Error.HOST),
         lambda c: f"The server does not trust the host {_host(c)}.", *pair(_untrusted)),
    Rule("polling-not-offered",
         both(refused_for(Error.TRANSPORT), lambda c: "transport=polling" in c.url),
         "The server offers no polling.",
         lambda c: f'The server says "{c.author.message}": it was made for WebSocket alone (its option transports), and clients begin with polling.',
         _with_both),
    Rule("origin-function-fails", _by_function,
         lambda c: f"The application's own function refuses {c.facts.page.origin}.",
         *pair(_function), ("no origin",)),
    Rule("refused", refused_for(Error.FORBIDDEN), _REFUSAL, *pair(_decided)),
    Rule("old-server", lambda c: not c.facts.target.protocol.is_old and re.match(_OLD, c.response.body),
         "The server is older than the client.",
         "The answer is that of Socket.IO 2 or older (Engine.IO 3), which a client of version 3 or 4 does not understand.",
         OLD_FIX),
)  # fmt: skip


# --- What stands before the server -----------------------------------------------------------


def _place(case: Case) -> str:
    name = case.author.name
    return name if name != "Something" else "the firewall, CDN or proxy"


def _answers(case: Case) -> str:
    """Say who answers in the server's place, and in which words."""
    said = quoted(case.response)
    shown = f": “{said}”" if said and not said.startswith("{") else ""
    return f"{case.author.name} answers {status_of(case)} in the Socket.IO server's place{shown}"


def _wants_no_browser(case: Case) -> bool:
    """Tell whether the same request passes without what browsers add to it."""
    is_get = case.last.method == "GET"
    return is_get and case.response.status == 403 and case.opens("own")


def _past(case: Case) -> str:
    """Say whether only the preflight was stopped, or only what is a browser's."""
    if not who(case.aside("own")).is_socketio:
        return ""
    if case.last.method != "GET":
        others = "Other" if case.is_preflight else "GET"
        return f" {others} requests do reach the Socket.IO server."
    if _wants_no_browser(case):
        return " Without the headers that browsers add, Referer and Sec-Fetch-Site, the same request does come to the server: the rule looks at one of these."
    return ""


def _is_limit(case: Case) -> bool:
    response = case.response
    # nginx says 502 where the server behind it does not run.
    is_rule = b"<center>nginx" in response.body
    # Varnish says 503 with Retry-After of a server that does not run.
    is_varnish = says(response, "backend fetch failed")
    is_waited_for = bool(response.values("Retry-After")) and not is_varnish
    return response.status == 429 or (response.status == 503 and (is_rule or is_waited_for))


def _has_no_endpoints(case: Case) -> bool:
    """Tell whether a proxy has nobody to pass requests on to."""
    if case.response.status != 503 or case.response.values("Retry-After"):
        return False
    # Kubernetes' ingress is an nginx that does not say its version.
    is_ingress = case.stage is Stage.HANDSHAKE and says(case.response, "<center>nginx</center>")
    is_named = case.author.name in ("HAProxy", "Traefik")
    return is_named or is_ingress or says(case.response, "no endpoints|ingress")


def _limit(case: Case) -> str:
    wait = case.response.combined("Retry-After")
    after = f" It says to come again after {wait} (Retry-After)." if wait else ""
    what = "it is overloaded or under maintenance"
    if case.response.status == 429:
        what = "a rate limit: too many requests came"
    elif case.proxy == "nginx":
        what = "a limit (limit_conn, limit_req), or a maintenance page (return 503)"
    return f"{_answers(case)}: {what}.{after} A client that polls sends a request for each packet, and comes again at once when one fails.{_past(case)}"


def _asks_to_log_in(case: Case) -> str:
    response, name = case.response, case.author.name
    named = response.combined("WWW-Authenticate") or response.combined("Proxy-Authenticate")
    by, how = f", by {name}," if name != "Something" else "", f" ({named})" if named else ""
    way_out = " It is a proxy on the way out of this network, not the server's."
    return f"The answer{by} is {response.status}: something asks for a password or token{how}.{way_out * (response.status == 407)}{_past(case)}"


_REFERERS: Final = " In nginx: valid_referers, and what compares $http_referer."
LOGIN: Final = "A login stands before the Socket.IO server."
LOGIN_CAUSE: Final = "It looks like a login, which Socket.IO cannot fill in."
EXEMPT: Final = "Exempt the Socket.IO path from the login that stands before it."


def is_login(address: str) -> bool:
    """Tell whether an address looks like that of a login."""
    parts, words = urlsplit(address), "log-?in|sign-?in|auth|sso|account|password"
    return re.search(words, f"{parts.path}?{parts.query}", re.IGNORECASE) is not None


def _came_to_login(case: Case) -> bool:
    """Tell a login by the address that the browser was redirected to."""
    asked = [one.url for one in case.fetched.exchanges if one.method != "OPTIONS"]
    if not asked or case.author.is_socketio or urlsplit(asked[0]).path == case.path:
        return False
    return is_login(case.url)


def _is_replaced(case: Case) -> bool:
    """Tell whether a proxy puts a page of its own in the place of the server's refusal."""
    is_page = case.response.is_ok or is_own_page(case.response)
    is_other = not (case.author.is_socketio or case.is_preflight or case.opens("own"))
    return case.opens("no origin") and is_page and is_other


#: Where those are told their hosts who answer for no others.
_HOSTS: Final = {
    "Vite": "In vite.config.js: server: { allowedHosts: [<host>] }",
    "webpack's development server": "In webpack.config.js: devServer: { allowedHosts: [<host>] }",
    "Django": "In settings.py: ALLOWED_HOSTS = [<host>]",
}
#: Who keeps requests from the server, on purpose; not asked where a Socket.IO server answers.
GATEKEEPERS: Final = given(
    lambda c: c.author.error is None,
    Rule("login-required", _came_to_login, LOGIN,
         lambda c: f"The server redirects to {c.url}. {LOGIN_CAUSE}", EXEMPT),
    Rule("challenge",
         lambda c: (c.response.status >= 400 or c.response.status == 202) and says(c.response, CHALLENGE),
         "A challenge stands before the server.",
         lambda c: f"{c.author.name} answers {c.response.status} in the Socket.IO server's place, with a page that wants to see whether a person is there. Only a page in a tab can pass that, no request of a script.",
         lambda c: f"Exempt the Socket.IO path from the challenge, in the rules of {_place(c)} for bots and its firewall; OPTIONS requests too."),
    Rule("interstitial", shows(r"ERR_NGROK_6024|ngrok-skip-browser"),
         "A warning page stands before the server.",
         lambda c: f"{_answers(c)}. ngrok's free plan shows it to every browser, until a request brings a header.",
         'In the client: io(url, { extraHeaders: { "ngrok-skip-browser-warning": "1" } }), and allow that header; or use a paid plan.'),
    Rule("host-refused", both(status(200, 400, 403), lambda c: c.author.name in _HOSTS),
         lambda c: f"{c.author.name} does not know this host.",
         lambda c: f"{_answers(c)}. It answers for the hosts that it was told alone.",
         lambda c: _HOSTS[c.author.name].replace("<host>", json.dumps(_host(c)))),
    Rule("client-certificate", shows("no required ssl certificate|ssl certificate error", status=(400, 403, 495, 496)),
         "The server wants a certificate of the visitor's.",
         lambda c: f"{_answers(c)}. Browsers send none with preflights, and with requests only where they have credentials.",
         "Exempt the Socket.IO path; in nginx: ssl_verify_client optional; and look at $ssl_client_verify elsewhere."),
    Rule("no-endpoints", _has_no_endpoints,
         "The proxy has no Socket.IO server to pass this on to.",
         lambda c: f"{_answers(c)}. None is running, or none is healthy in its eyes.",
         "Start the server; look at what the proxy checks. In Kubernetes: kubectl get endpoints; the service's selector and port have to be those of the pods."),
    Rule("rate-limited", _is_limit,
         "The server is kept from answering for now.", _limit, Topic.RATE),
    Rule("body-too-large", status(413),
         "Requests may hardly have a body.",
         lambda c: f"{_answers(c)}: the request is larger than it takes, and this one is tiny.",
         lambda c: f"{advise(Topic.BODY, c.proxy)} (max_http_buffer_size, maxHttpBufferSize)"),
    Rule("airplay", lambda c: "airtunes" in c.author.name.lower(),
         "AirPlay answers, not the server.",
         lambda c: f"What answers is {c.author.name}: macOS itself, which takes port 5000 for AirPlay. The Socket.IO server does not run, or on another address of that port.",
         Fix("socketio.run(app, port=5001)", "httpServer.listen(5001)",
             "Use another port, in the client too; or in System Settings, General, AirDrop & Handoff: switch AirPlay Receiver off, and start the server again.")),
    Rule("login-required", status(401, 407), LOGIN, _asks_to_log_in,
         lambda c: "Exempt the Socket.IO path, or OPTIONS requests, from the login." if c.response.status == 401 else "Log in to this network's proxy, or ask without it."),
    Rule("login-required", lambda c: c.author.name == "oauth2-proxy" and c.response.status in (200, 403),
         LOGIN, lambda c: f"{_answers(c)}. {LOGIN_CAUSE}",
         "Exempt the Socket.IO path: --skip-auth-route=^/socket.io/"),
    Rule("origin-not-allowed", _is_replaced, unlisted,
         lambda c: f"The Socket.IO server is there, and opens a session for a request without an Origin; to that of {c.facts.page.origin} the answer is a page of something before it. So the server refuses this origin, and a proxy shows its own page for errors (in nginx: proxy_intercept_errors, error_page); or a rule of the proxy itself refuses it ($http_origin).",
         lambda c: allowing(c.facts.page, elsewhere=advise(Topic.HIDDEN, c.proxy)), ("no origin",)),
    Rule("forbidden", either(status(403), shows(REFUSED, status=(405, 406, 418, 451))),
         "Something before the server forbids it.",
         lambda c: f"{_answers(c)}: a firewall (WAF), a list of addresses, or a rule of the web server, the proxy or the application before it keeps the request out.{_past(c)}",
         lambda c: f"{advise(Topic.FORBID, c.proxy, path=c.path)} The log of {_place(c)} says which rule refused this one.{_REFERERS * _wants_no_browser(c)}",
         lambda c: ("own",) * bool(_past(c))),
)  # fmt: skip


# --- What the status says --------------------------------------------------------------------


def _who(case: Case) -> str:
    name = case.author.name
    return f"A proxy ({name})" if name != "Something" else "A proxy"


def _failed(case: Case) -> str:
    cause = f"The server answers {status_of(case)}: it failed while answering."
    exception = raised(case.response)
    return f"{cause} It shows what was raised: {exception}" if exception else cause


def _refuses_posts(case: Case) -> bool:
    is_other = case.last.method == "POST" and not case.author.is_socketio
    return is_other and case.response.status in (400, 404, 405, 419, 422)


_IMPATIENT: Final = "The proxy does not wait for the server."
#: What nginx, HAProxy and others say of a request with too many or too long headers.
_TOO_LONG: Final = "request header (or cookie|fields) too large|request header too long"

#: What the number, or a server's standing words, say.
_STATUSES: Final = (
    Rule("https-needed", lambda c: wants_tls(c.response.body),
         "The server wants https://.",
         "The server expects TLS on this port, and is asked without.",
         lambda c: Fix(address=c.url.replace("http://", "https://", 1))),
    Rule("headers-too-large", lambda c: c.response.status == 431 or says(c.response, _TOO_LONG),
         "The page sends too large headers.",
         lambda c: f"The server answers {c.response.status}: the page's own headers (extraHeaders, cookies) are longer than it reads, as a large token or many cookies are.",
         lambda c: f"{advise(Topic.HEADERS, c.proxy)} In Node.js: createServer({{ maxHeaderSize: 32768 }}); in gunicorn: --limit-request-field_size 32768"),
    *GATEKEEPERS,
    # Within so many seconds no proxy has waited for anything.
    Rule("proxy-timeout", both(status(504, 524), lambda c: c.last.seconds < 0.3), _IMPATIENT,
         lambda c: f"{_who(c)} answers {c.response.status} at once in the place of the Socket.IO server: no time limit has run out. It remembers that the server did not answer before, or has no way to it.",
         Topic.REACH),
    Rule("proxy-timeout", status(504, 524), _IMPATIENT,
         lambda c: f"{_who(c)} answers {c.response.status} in the place of the Socket.IO server, from which it got no answer in the time that it allows. The server runs, and is slow or busy (one worker, blocked by a request or by long polls); or its port is closed by a firewall. A poll is answered after 25 seconds if there is no news: the proxy has to wait for longer.",
         lambda c: f"{advise(Topic.WAIT, c.proxy, path=c.path)} Then look at what keeps the server."),
    # From 520 on they are Cloudflare's.
    Rule("proxy-error", status(502, 503, *range(520, 531)),
         "The proxy does not reach the Socket.IO server.",
         lambda c: f"{_who(c)} answers {c.response.status} in the place of the Socket.IO server, which does not run or is not where the proxy looks for it. Its error page has no CORS headers.",
         Topic.REACH),
    Rule("post-refused", both(_refuses_posts, shows(r"\bcsrf")),
         "A protection against forged requests stops the page's POST.",
         lambda c: f"{_answers(c)}. It wants a token with each POST, which Socket.IO's client does not send: whose page asks is told by its Origin.",
         lambda c: f"Exempt {c.path} from it; a middleware that stands around the whole application, Socket.IO's path included, is most often the cause."),
    Rule("post-refused", _refuses_posts,
         "POST requests do not pass.",
         lambda c: f"GET requests come to the Socket.IO server, and to POST {_answers(c)}: a proxy, or a rule before the server, lets GET alone pass. By POST the client sends all that it has to say.",
         Topic.POST),
)  # fmt: skip
_FAILS: Final = (
    Rule("server-error", lambda c: c.response.status >= 500,
         "The server fails.", _failed, "Look for the traceback in the server's log."),
)  # fmt: skip


# --- Where the server is ---------------------------------------------------------------------

COMPARE: Final = "Compare path in the client's options with the server's (resource, path), and the proxy's location."
_EXPRESS: Final = """\
const httpServer = createServer(app);   // require("http")
const io = new Server(httpServer);
httpServer.listen(3000);   // not app.listen(3000)"""


def found_path(case: Case) -> str:
    """Return the path at which a Socket.IO server is; nothing where none was found."""
    asked = case.aside("paths")
    is_there = asked is not None and who(asked).is_at_home
    return urlsplit(asked.url).path if asked is not None and is_there else ""


def _nothing_at(case: Case) -> str:
    found = found_path(case)
    return f"There is no Socket.IO server at {case.path}{f', but at {found}' * bool(found)}."


_is_express: Final = shows("Cannot GET /")


def _nothing(case: Case) -> str:
    """Say what answers at a path that nobody serves."""
    if case.response.is_ok:
        return something_else(case)
    if _is_express(case):
        return "Express answers, as to a path that nobody serves: the Socket.IO server has another path, or is attached to another HTTP server than the one that listens. app.listen() makes one of its own."
    if case.is_preflight:
        return f"The browser's question before the request was answered {case.response.status}."
    return f"A web server answers, but has nothing at {case.path}: {status_of(case)}."


def _at(case: Case) -> str:
    """Return the address at which the server was found."""
    return f"{case.facts.target.base}{found_path(case)}"


def _elsewhere(case: Case) -> tuple[str, Fix]:
    target, page, answer = case.facts.target, case.facts.page, case.beside("paths")
    cause = f"{_nothing(case)} The Socket.IO server is at {found_path(case)}."
    extension = _serving(case).extension
    if cors_check(page, answer):
        cause += f" It does not let {page.origin} in, either."
        extension += f"\n{allowing(page).extension}"
    options = [f'path: "{target.path}",']
    options += ["addTrailingSlash: false,"] * (not target.path.endswith("/"))
    return cause, Fix(extension, allowing(page, options=options).node, address=_at(case))


def _serving(case: Case, elsewhere: str = "") -> Fix:
    path = case.facts.target.path.strip("/")
    return Fix(f'socketio = SocketIO(app, path="{path}")', "", elsewhere)


def _named(case: Case) -> str:
    """Return where this extension says that its server is, which another path was asked of."""
    return named_path(case.author) or ""


def _is_nowhere(case: Case) -> bool:
    is_other = not (case.is_preflight or case.author.is_socketio)
    return is_other and case.response.status in (404, 405)


def _prefix(case: Case) -> str:
    """Return what a proxy, which shows, may have to cut off before the server's usual path."""
    prefix = case.path.removesuffix(DEFAULT_PATH)
    is_kept = not shown_proxy(case.response) or is_own_page(case.response) or _is_express(case)
    return "" if is_kept or prefix == case.path else prefix


#: Where it is, if it was found.
FOUND: Final = (
    Rule("missing-slash", lambda c: found_path(c) == f"{c.facts.target.path}/", _nothing_at,
         lambda c: f"{_nothing(c)} The Socket.IO server is at {found_path(c)}.",
         lambda c: Fix(address=_at(c)), ("paths",)),
    Rule("path-cut-off", lambda c: c.facts.target.path == DEFAULT_PATH and found_path(c) == f"/socket.io{DEFAULT_PATH}",
         lambda c: f"A proxy cuts {c.path.rstrip('/')} off.",
         lambda c: f"{_nothing(c)} The server answers at {found_path(c)}, since a proxy cuts {c.path.rstrip('/')} off before it passes a request on.",
         Topic.PATH, ("paths",)),
    Rule("wrong-path", lambda c: found_path(c).endswith(c.facts.target.path) and is_own_page(c.response), _nothing_at,
         lambda c: f"{_nothing(c)} The Socket.IO server is at {found_path(c)}. What answers at {c.path} is the proxy itself: it passes on what is below {found_path(c).removesuffix(c.path)}/, perhaps without that prefix.",
         lambda c: Fix(elsewhere=f"Or: {advise(Topic.PATH, c.proxy, path=c.path)}", address=_at(c)),
         ("paths",)),
    Rule("wrong-path", found_path, _nothing_at, *pair(_elsewhere), ("paths",)),
)  # fmt: skip
_STRAY: Final = (
    Rule("wrong-path", lambda c: _named(c) == c.path != "", _nothing_at,
         lambda c: f"The application says that its server is at {_named(c)}, and that it is asked for something else: a proxy changes the path, perhaps its last slash only.",
         Topic.PATH),
    Rule("wrong-path", _named, _nothing_at,
         lambda c: f"{_nothing(c)} The application says that its server is at {_named(c)}, which leads nowhere from here: a proxy passes the path on as it is.",
         lambda c: _serving(c, advise(Topic.PREFIX, c.proxy, path=c.path, named=_named(c)))),
)  # fmt: skip
_NOWHERE: Final = (
    Rule("wrong-path", both(_is_nowhere, _is_express), _nothing_at, _nothing,
         Fix("", _EXPRESS, COMPARE)),
    Rule("wrong-path", both(_is_nowhere, lambda c: is_own_page(c.response)), _nothing_at,
         lambda c: f"{_nothing(c)} It is {shown_proxy(c.response)} itself: no rule of it passes that path on.",
         lambda c: f"{COMPARE} {advise(Topic.PATH, c.proxy, path=c.path)} {advise(Topic.UPGRADE, c.proxy, path=c.path)}"),
    Rule("wrong-path", both(_is_nowhere, _prefix), _nothing_at,
         lambda c: f"{_nothing(c)} It came by a proxy ({shown_proxy(c.response)}), which may pass {_prefix(c)} on, so that the server is asked for {c.path} and knows {DEFAULT_PATH} only.",
         lambda c: _serving(c, advise(Topic.CUT, c.proxy, prefix=_prefix(c)))),
    Rule("wrong-path", _is_nowhere, _nothing_at, _nothing, COMPARE),
)  # fmt: skip


#: Of answers that would be of no use without their CORS headers, either.
BY_STATUS: Final = (*_SAID, *FOUND, *_STRAY, *_STATUSES, *_NOWHERE, *_FAILS)

# --- Whatever else it is ---------------------------------------------------------------------


def something_else(case: Case) -> str:
    """Say what an answer is that is no Socket.IO server's."""
    response, size = case.response, len(case.response.body)
    text = response.body[:4096].decode("utf-8", "replace").strip()
    title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
    length = f"{size} byte{'s' * (size != 1)}" if size else "nothing"
    what = f"{length}, {response.combined('Content-Type') or 'no Content-Type'}"
    what = f"a page called “{title[1][:60]}”" if title else what
    server = response.combined("Server")
    return f"What answers there{f' by {server}' if server else ''} is something else: {what}. A development server, a single-page application's host or a proxy's default site answers every path like that."


ANOTHER_SERVER: Final = Rule(
    "another-server", lambda c: c.response.is_ok,
    "What answers is no Socket.IO server.", something_else,
    "Compare host, port and path of the client with those of the server.",
)  # fmt: skip
#: Of answers that the page may read.
READABLE: Final = (
    Rule("refused", lambda c: c.author.error is not None, _REFUSAL, refusal, _OF_THE_SERVER),
    Rule("unexpected-status", lambda c: 200 < c.response.status < 300 and (in_session(c) or c.author.is_session),
         "The answer has the wrong status.",
         lambda c: f"The server answers {c.response.status}; clients take 200 only.",
         "Look for the proxy or middleware that changes the status."),
    ANOTHER_SERVER,
    Rule("unexpected-status", always,
         "The server refuses the request.",
         lambda c: f"The server answers {status_of(c)}.", "See the server's log."),
)  # fmt: skip
