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
from ..findings import Rule, Test, Words
from ..fixes import Fix, allowing
from ..protocol import protocol_of, session_of
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
from ..wire import Exchange
from .network import wants_tls

# --- What a Socket.IO server says ------------------------------------------------------------


def _is(*errors: Error) -> Test:
    return lambda case: case.author.error in errors


def _status(case: Case) -> str:
    return f"{case.response.status} {case.response.reason}".rstrip()


def _is_in_session(case: Case) -> bool:
    return "sid=" in case.url


def _explain_at(case: Case) -> str:
    """Say where the server's own rule is named, if it has this extension."""
    if not case.facts.is_installed:
        return ""
    origin = case.facts.page.origin
    asked = f"{origin} --host {case.facts.target.base}"
    return f"On the server, flask sio-cors explain {asked} names the rule that decides."


def _query_dropped(case: Case) -> bool:
    return case.author.error is Error.VERSION and who(case.aside("version")).error is Error.VERSION


def _unsupported(case: Case) -> Words:
    protocol, other = case.facts.target.protocol, case.aside("version")
    cause = f"The server does not speak the version of the Engine.IO protocol that the page's client does (EIO={protocol.version}, {protocol.clients})."
    proof: tuple[Exchange | None, ...] = ()
    if other is not None and other.response is not None and other.response.is_ok:
        spoken = protocol_of(other.url)
        cause += f" It does answer EIO={spoken.version}, that of {spoken.clients}."
        proof = (other,)
    if protocol.is_old:
        node = allowing(case.facts.page, options=["allowEIO3: true, // for clients of version 2"])
        fix = Fix(
            "", node.node, "Load socket.io-client 4 on the page, which the server is made for."
        )
    else:
        fix = Fix(
            "# pip install --upgrade Flask-SocketIO python-socketio python-engineio",
            "",
            "Use matching versions: socket.io-client 3 or 4 with Flask-SocketIO 5 or Socket.IO 3, 4.",
        )
    return Words("Client and server speak different versions.", cause, fix, proof)


def _disagree(case: Case) -> bool:
    """Tell whether one origin was refused and let in, as by several processes."""
    if case.author.error is not Error.ORIGIN or case.facts.is_own:
        return False
    asked = ("own", "own, twice", "own, thrice")
    return any(map(case.is_let_in, asked)) or case.stage is Stage.SESSION


def _processes(case: Case) -> Words:
    origin = case.facts.page.origin
    asked = [case.aside(name) for name in ("own", "own, twice", "own, thrice")]
    return Words(
        f"Some processes of the server know {origin}, others do not.",
        f"{origin} was let in and refused within seconds: several processes serve this address, with different configurations. Some of them run with an older one.",
        "Restart all workers, on every machine; and let all of them read the same configuration.",
        tuple(one for one in asked if session_of(one) is not None)[:1],
    )


def _not_allowed(case: Case) -> Words:
    page = case.facts.page
    cause = f'The Socket.IO server itself refuses: "{case.author.message}".'
    elsewhere = _explain_at(case)
    if case.response.values("Access-Control-Allow-Origin"):
        cause += " Something else adds Access-Control-Allow-Origin to its answer."
        remove = f"And remove what adds the CORS header to this answer: beside the server's own it would be one too many. {advise(Topic.ADDS, case.proxy)}"
        elsewhere = f"{elsewhere} {remove}".strip()
    fix = allowing(page, elsewhere=elsewhere)
    return near_instead(case, Words(f"The server does not allow {page.origin}.", cause, fix))


def near_instead(case: Case, words: Words) -> Words:
    """Name the origin that is let in instead, where one is."""
    if not case.facts.near:
        return words
    (name, asked), origin = case.facts.near[0], case.facts.page.origin
    if "://" in name and not name.endswith("/"):
        said = "open the page there, or allow this one as well"
        if name == origin.replace("http:", "https:", 1):
            said = "serve the page by https:, or allow this one as well"
        cause = f"{words.cause} It does let {name} in: {said}."
        return replace(words, cause=cause, proof=(asked,))
    why = (
        "a slash too many"
        if name.endswith("/")
        else "a host, and every origin starts with a scheme"
    )
    cause = f"{words.cause} It does let {name} in, which no browser sends: its list has {why}."
    written = f"Write {json.dumps(origin)} into its list of origins, not {json.dumps(name)}."
    return replace(words, cause=cause, given=replace(words.fix, elsewhere=written), proof=(asked,))


def _host_not_trusted(case: Case) -> Words:
    host = urlsplit(case.url).hostname or ""
    cause = "The Host header is not among the application's TRUSTED_HOSTS, before anything else."
    elsewhere = "Or let the proxy send a Host that is trusted."
    if proxy := shown_proxy(case.response):
        cause += f" A proxy ({proxy}) stands between, which sends a Host of its own unless it is told otherwise."
        elsewhere = advise(Topic.HOST, case.proxy)
    return Words(
        f"The server does not trust the host {host}.",
        cause,
        Fix(
            "# above SioCors(app)\n"
            'app.config["TRUSTED_HOSTS"] = [\n'
            f'    *(app.config["TRUSTED_HOSTS"] or []), {json.dumps(host)}\n]',
            "",
            elsewhere,
        ),
    )


def _no_polling(case: Case) -> Words:
    both = '["polling", "websocket"]'
    line = f"socketio = SocketIO(app, transports={both})"
    page = case.facts.page
    return Words(
        "The server offers no polling.",
        f'The server says "{case.author.message}": it was made for WebSocket alone (its option '
        "transports), and clients begin with polling.",
        Fix(
            f"{line}\n{allowing(page).extension}",
            allowing(page, options=[f"transports: {both},"]).node,
            'In the client: io(url, { transports: ["websocket"] })',
            line,
        ),
    )


def _by_function(case: Case) -> bool:
    """Tell whether the application's own decision on origins has ended in an error.

    npm's `cors` shows such an error as Express does, and Engine.IO as a bad request.
    """
    if case.block is None or _is_in_session(case):
        return False
    if case.author.error is Error.REQUEST:
        # Engine.IO says the same of anything that its middlewares refuse.
        return case.response.status == 400 and case.response.body.startswith(b'{"code":3,')
    return case.response.status == 500 and says(case.response, r"Error: .*\bcors\b")


def _function(case: Case) -> Words:
    origin = case.facts.page.origin
    said = re.search(
        r"Error: (.*?)(?:<|\n|$)", case.response.body[:4096].decode("utf-8", "replace")
    )
    shown, name = f' ("{said[1]}")' if said else "", json.dumps(origin)
    cause = f"The server answers {case.response.status}{shown}: the application's own function for the option origin of cors does not know {origin} and calls callback(new Error(…)); or another middleware of it fails."
    if case.opens("no origin"):
        cause += " Asked without an Origin header, the server opens a session."
    fix = f"Let that function let the origin in: if (origin === {name}) return callback(null, true); and let it refuse others without an error: callback(null, false)"
    title = f"The application's own function refuses {origin}."
    lines = replace(allowing(case.facts.page, elsewhere=fix), extension="")
    return Words(title, cause, lines, (case.aside("no origin"),))


def _is_old(case: Case) -> bool:
    body = case.response.body
    return not case.facts.target.protocol.is_old and re.match(rb"\d+:0\{|\x00", body) is not None


OLD_FIX: Final = Fix(
    "# pip install --upgrade Flask-SocketIO python-socketio python-engineio",
    "// npm install socket.io@4",
    "Upgrade the server, or use socket.io-client 2 on the page.",
)


def _refuses(case: Case) -> Words:
    status, said = case.response.status, case.author.message
    cause = f'Socket.IO answers {status}: "{said}".'
    fix = Fix(elsewhere="See the server's log; the message is the server's own.")
    if case.author.error is Error.FORBIDDEN:
        order = "CORS is in order; the" if case.block is None else "The"
        cause += f" {order} application's own decision on who may connect is against it: allowRequest in Node.js, SIO_CORS_ALLOW_REQUEST here."
        if case.block is not None:
            cause += " The answer has no CORS headers, so that the page cannot read that."
        if is_extension(case.response):
            fix = Fix(
                elsewhere=f"See the server's log for what SIO_CORS_ALLOW_REQUEST (or @cors.allow_request) did. {_explain_at(case)}"
            )
    return Words("The server refuses the connection.", cause, fix)


#: What the Socket.IO server itself says, whatever CORS headers it has.
SAID: Final = (
    Rule(
        "query-dropped",
        _query_dropped,
        lambda c: Words(
            "The request's query does not arrive.",
            "The server understands none of the protocol's versions, 3 or 4, with which it is asked: what stands behind the question mark does not arrive. A proxy cuts it off.",
            advise(Topic.QUERY, c.proxy),
            (c.aside("version"),),
        ),
    ),
    Rule("unsupported-version", _is(Error.VERSION), _unsupported),
    Rule("processes-disagree", _disagree, _processes, is_whole=True),
    Rule("origin-not-allowed", _is(Error.ORIGIN), _not_allowed),
    Rule("host-not-trusted", _is(Error.HOST), _host_not_trusted),
    Rule(
        "polling-not-offered",
        lambda c: c.author.error is Error.TRANSPORT and "transport=polling" in c.url,
        _no_polling,
    ),
    Rule("origin-function-fails", _by_function, _function),
    Rule("refused", _is(Error.FORBIDDEN), _refuses),
    Rule(
        "old-server",
        _is_old,
        lambda c: Words(
            "The server is older than the client.",
            "The answer is that of Socket.IO 2 or older (Engine.IO 3), which a client of version 3 or 4 does not understand.",
            OLD_FIX,
        ),
    ),
)


# --- What stands before the server -----------------------------------------------------------


def _place(case: Case) -> str:
    name = case.author.name
    return name if name != "Something" else "the firewall, CDN or proxy"


def _answers(case: Case) -> str:
    """Say who answers in the server's place, and in which words."""
    said = quoted(case.response)
    shown = f": “{said}”" if said and not said.startswith("{") else ""
    return f"{case.author.name} answers {_status(case)} in the Socket.IO server's place{shown}"


def _wants_no_browser(case: Case) -> bool:
    """Tell whether the same request passes without what browsers add to it."""
    is_get = case.last.method == "GET"
    return is_get and case.response.status == 403 and case.opens("own")


def _past(case: Case) -> str:
    """Say whether only the preflight was stopped, or only what is a browser's."""
    asked = case.aside("own")
    if asked is None or not who(asked).is_socketio:
        return ""
    if case.last.method != "GET":
        others = "Other" if case.is_preflight else "GET"
        return f" {others} requests do reach the Socket.IO server."
    if _wants_no_browser(case):
        return " Without the headers that browsers add, Referer and Sec-Fetch-Site, the same request does come to the server: the rule looks at one of these."
    return ""


def _shows(*marks: str, status: tuple[int, ...] = ()) -> Test:
    pattern = "|".join(marks)
    return lambda case: (
        (not status or case.response.status in status) and says(case.response, pattern)
    )


def _gate(id_: str, applies: Test, title: str, cause: str, fix: str) -> Rule:
    """Return a rule that quotes the answer, and says what to do about it."""

    def tell(case: Case) -> Words:
        host = urlsplit(case.facts.target.base).hostname or ""
        told = cause.replace("<host>", host)
        return Words(title, f"{_answers(case)}. {told}", fix.replace("<host>", host))

    return Rule(id_, applies, tell)


def _is_limit(case: Case) -> bool:
    status, response = case.response.status, case.response
    # nginx says 502 where the server behind it does not run.
    is_rule = status == 503 and b"<center>nginx" in response.body
    is_fetched = says(response, "backend fetch failed")  # Varnish's
    is_waited_for = status == 503 and bool(response.values("Retry-After")) and not is_fetched
    return status == 429 or is_rule or is_waited_for


def _has_no_endpoints(case: Case) -> bool:
    """Tell whether a proxy has nobody to pass requests on to."""
    if case.response.status != 503 or case.response.values("Retry-After"):
        return False
    # Kubernetes' ingress is an nginx that does not say its version.
    is_ingress = case.stage is Stage.HANDSHAKE and says(case.response, "<center>nginx</center>")
    is_named = case.author.name in ("HAProxy", "Traefik")
    return is_named or is_ingress or says(case.response, "no endpoints|ingress")


def _limited(case: Case) -> Words:
    response, wait = case.response, case.response.combined("Retry-After")
    after = f" It says to come again after {wait} (Retry-After)." if wait else ""
    what = "it is overloaded or under maintenance"
    if response.status == 429:
        what = "a rate limit: too many requests came"
    elif case.proxy == "nginx":
        what = "a limit (limit_conn, limit_req), or a maintenance page (return 503)"
    return Words(
        "The server is kept from answering for now.",
        f"{_answers(case)}: {what}.{after} A client that polls sends a request for each packet, and comes again at once when one fails.{_past(case)}",
        advise(Topic.RATE, case.proxy),
    )


def _login(case: Case) -> Words:
    response, name = case.response, case.author.name
    named = response.combined("WWW-Authenticate") or response.combined("Proxy-Authenticate")
    by = f", by {name}," if name != "Something" else ""
    cause = f"The answer{by} is {response.status}: something asks for a password or token{f' ({named})' if named else ''}."
    fix = "Exempt the Socket.IO path, or OPTIONS requests, from the login."
    if response.status == 407:
        cause += " It is a proxy on the way out of this network, not the server's."
        fix = "Log in to this network's proxy, or ask without it."
    return Words(LOGIN, f"{cause}{_past(case)}", fix)


LOGIN: Final = "A login stands before the Socket.IO server."
LOGIN_CAUSE: Final = "It looks like a login, which Socket.IO cannot fill in."
EXEMPT: Final = Fix(elsewhere="Exempt the Socket.IO path from the login that stands before it.")
_LOGIN_WORDS: Final = re.compile(r"log-?in|sign-?in|auth|sso|account|password", re.IGNORECASE)


def is_login(address: str) -> bool:
    """Tell whether an address looks like that of a login."""
    parts = urlsplit(address)
    return _LOGIN_WORDS.search(f"{parts.path}?{parts.query}") is not None


def _came_to_login(case: Case) -> bool:
    """Tell a login by the address that the browser was redirected to."""
    asked = [one.url for one in case.fetched.exchanges if one.method != "OPTIONS"]
    if not asked or case.author.is_socketio or urlsplit(asked[0]).path == case.path:
        return False
    return is_login(case.url)


def _is_forbidden(case: Case) -> bool:
    status = case.response.status
    is_wall = status in (405, 406, 418, 451) and says(case.response, REFUSED)
    return status == 403 or is_wall


def _forbidden(case: Case) -> Words:
    fix = advise(Topic.FORBID, case.proxy, path=case.path)
    fix = f"{fix} The log of {_place(case)} says which rule refused this one."
    past = _past(case)
    if _wants_no_browser(case):
        fix += " In nginx: valid_referers, and what compares $http_referer."
    return Words(
        "Something before the server forbids it.",
        f"{_answers(case)}: a firewall (WAF), a list of addresses, or a rule of the web server, the proxy or the application before it keeps the request out.{past}",
        fix,
        (case.aside("own"),) if past else (),
    )


def _by_page(case: Case) -> bool:
    """Tell whether a proxy puts a page of its own in the place of the server's refusal."""
    is_other = not case.author.is_socketio and not case.opens("own")
    return (
        is_other
        and not case.is_preflight
        and case.opens("no origin")
        and (case.response.is_ok or is_own_page(case.response))
    )


def _replaced(case: Case) -> Words:
    origin = case.facts.page.origin
    return Words(
        f"The server does not allow {origin}.",
        f"The Socket.IO server is there, and opens a session for a request without an Origin; to that of {origin} the answer is a page of something before it. So the server refuses this origin, and a proxy shows its own page for errors (in nginx: proxy_intercept_errors, error_page).",
        allowing(case.facts.page, elsewhere=advise(Topic.HIDDEN, case.proxy)),
        (case.aside("no origin"),),
    )


#: Who keeps requests from the server, on purpose; not asked where a Socket.IO server answers.
GATEKEEPERS: Final = (
    Rule(
        "login-required",
        _came_to_login,
        lambda c: Words(LOGIN, f"The server redirects to {c.url}. {LOGIN_CAUSE}", EXEMPT),
    ),
    Rule(
        "challenge",
        lambda c: (
            (c.response.status >= 400 or c.response.status == 202) and says(c.response, CHALLENGE)
        ),
        lambda c: Words(
            "A challenge stands before the server.",
            f"{c.author.name} answers {c.response.status} in the Socket.IO server's place, with a page that wants to see whether a person is there. Only a page in a tab can pass that, no request of a script.",
            f"Exempt the Socket.IO path from the challenge, in the rules of {_place(c)} for bots and its firewall; OPTIONS requests too.",
        ),
    ),
    _gate(
        "interstitial",
        _shows(r"^ngrok-error-code: ERR_NGROK_6024", r"ERR_NGROK_6024|ngrok-skip-browser"),
        "A warning page stands before the server.",
        "ngrok's free plan shows it to every browser, until a request brings a header.",
        'In the client: io(url, { extraHeaders: { "ngrok-skip-browser-warning": "1" } }), and allow that header; or use a paid plan.',
    ),
    _gate(
        "host-refused",
        _shows(r"blocked request\. this host", status=(403,)),
        "Vite does not know this host.",
        "Vite's development server answers for the hosts that it was told alone.",
        'In vite.config.js: server: { allowedHosts: ["<host>"] }',
    ),
    _gate(
        "host-refused",
        _shows(r"invalid host header"),
        "webpack's development server does not know this host.",
        "It answers for the hosts that it was told alone.",
        'In webpack.config.js: devServer: { allowedHosts: ["<host>"] }',
    ),
    _gate(
        "host-refused",
        _shows(r"disallowedhost|allowed_hosts|invalid http_host header", status=(400,)),
        "Django does not know this host.",
        "Django answers for the hosts of ALLOWED_HOSTS alone.",
        'In settings.py: ALLOWED_HOSTS = ["<host>"]',
    ),
    _gate(
        "client-certificate",
        _shows("no required ssl certificate|ssl certificate error", status=(400, 403, 496, 495)),
        "The server wants a certificate of the visitor's.",
        "Browsers send none with preflights, and with requests only where they have credentials.",
        "Exempt the Socket.IO path; in nginx: ssl_verify_client optional; and look at $ssl_client_verify elsewhere.",
    ),
    _gate(
        "no-endpoints",
        _has_no_endpoints,
        "The proxy has no Socket.IO server to pass this on to.",
        "None is running, or none is healthy in its eyes.",
        "Start the server; look at what the proxy checks. In Kubernetes: kubectl get endpoints; the service's selector and port have to be those of the pods.",
    ),
    Rule("rate-limited", _is_limit, _limited),
    Rule(
        "body-too-large",
        lambda c: c.response.status == 413,
        lambda c: Words(
            "Requests may hardly have a body.",
            f"{_answers(c)}: the request is larger than it takes, and this one is tiny.",
            f"{advise(Topic.BODY, c.proxy)} (max_http_buffer_size, maxHttpBufferSize)",
        ),
    ),
    Rule(
        "airplay",
        lambda c: "airtunes" in c.author.name.lower(),
        lambda c: Words(
            "AirPlay answers, not the server.",
            f"What answers is {c.author.name}: macOS itself, which takes port 5000 for AirPlay. The Socket.IO server does not run, or on another address of that port.",
            Fix(
                "socketio.run(app, port=5001)",
                "httpServer.listen(5001)",
                "Use another port, in the client too; or in System Settings, General, AirDrop & Handoff: switch AirPlay Receiver off, and start the server again.",
            ),
        ),
    ),
    Rule("login-required", lambda c: c.response.status in (401, 407), _login),
    _gate(
        "login-required",
        lambda c: c.author.name == "oauth2-proxy" and c.response.status in (200, 403),
        LOGIN,
        LOGIN_CAUSE,
        "Exempt the Socket.IO path: --skip-auth-route=^/socket.io/",
    ),
    Rule("origin-not-allowed", _by_page, _replaced),
    Rule("forbidden", _is_forbidden, _forbidden),
)

# --- What the status says --------------------------------------------------------------------

#: What nginx, HAProxy and others say of a request with too many or too long headers.
_TOO_LONG: Final = "request header (or cookie|fields) too large|request header too long"


def _https_needed(case: Case) -> Words:
    secure = case.url.replace("http://", "https://", 1)
    cause = "The server expects TLS on this port, and is asked without."
    return Words("The server wants https://.", cause, Fix(address=secure))


def _who(case: Case) -> str:
    name = case.author.name
    return f"A proxy ({name})" if name != "Something" else "A proxy"


#: Within so many seconds no proxy has waited for anything.
_AT_ONCE: Final = 0.3


def _proxy_timeout(case: Case) -> Words:
    title = "The proxy does not wait for the server."
    cause = f"{_who(case)} answers {case.response.status}"
    if case.last.seconds < _AT_ONCE:
        cause += " at once in the place of the Socket.IO server: no time limit has run out. It remembers that the server did not answer before, or has no way to it."
        return Words(title, cause, advise(Topic.REACH, case.proxy))
    cause += " in the place of the Socket.IO server, from which it got no answer in the time that it allows. The server runs, and is slow or busy (one worker, blocked by a request or by long polls); or its port is closed by a firewall. A poll is answered after 25 seconds if there is no news: the proxy has to wait for longer."
    waiting = advise(Topic.WAIT, case.proxy, path=case.path)
    return Words(title, cause, f"{waiting} Then look at what keeps the server.")


def _server_error(case: Case) -> Words:
    cause = f"The server answers {_status(case)}: it failed while answering."
    if exception := raised(case.response):
        cause += f" It shows what was raised: {exception}"
    return Words("The server fails.", cause, "Look for the traceback in the server's log.")


def _is_nowhere(case: Case) -> bool:
    return case.response.status in (404, 405) and not case.is_preflight


def _refuses_posts(case: Case) -> bool:
    is_other = case.last.method == "POST" and not case.author.is_socketio
    return is_other and case.response.status in (400, 404, 405, 419, 422)


def _post_refused(case: Case) -> Words:
    if says(case.response, r"\bcsrf"):
        return Words(
            "A protection against forged requests stops the page's POST.",
            f"{_answers(case)}. It wants a token with each POST, which Socket.IO's client does not send: whose page asks is told by its Origin.",
            f"Exempt {case.path} from it; a middleware that stands around the whole application, Socket.IO's path included, is most often the cause.",
        )
    return Words(
        "POST requests do not pass.",
        f"GET requests come to the Socket.IO server, and to POST {_answers(case)}: a proxy, or a rule before the server, lets GET alone pass. By POST the client sends all that it has to say.",
        advise(Topic.POST, case.proxy, path=case.path),
    )


#: What the number, or a server's standing words, say.
STATUSES: Final = (
    Rule("https-needed", lambda c: wants_tls(c.response.body), _https_needed),
    Rule(
        "headers-too-large",
        lambda c: c.response.status == 431 or says(c.response, _TOO_LONG),
        lambda c: Words(
            "The page sends too large headers.",
            f"The server answers {c.response.status}: the page's own headers (extraHeaders, cookies) are longer than it reads, as a large token or many cookies are.",
            f"{advise(Topic.HEADERS, c.proxy)} In Node.js: createServer({{ maxHeaderSize: 32768 }}); in gunicorn: --limit-request-field_size 32768",
        ),
    ),
    *GATEKEEPERS,
    Rule("proxy-timeout", lambda c: c.response.status in (504, 524), _proxy_timeout),
    Rule(
        "proxy-error",
        # From 520 on they are Cloudflare's.
        lambda c: c.response.status in (502, 503) or 520 <= c.response.status <= 530,
        lambda c: Words(
            "The proxy does not reach the Socket.IO server.",
            f"{_who(c)} answers {c.response.status} in the place of the Socket.IO server, which does not run or is not where the proxy looks for it. Its error page has no CORS headers.",
            advise(Topic.REACH, c.proxy),
        ),
    ),
    Rule("post-refused", _refuses_posts, _post_refused),
)
FAILS: Final = (Rule("server-error", lambda c: c.response.status >= 500, _server_error),)


# --- Where the server is ---------------------------------------------------------------------

COMPARE: Final = "Compare path in the client's options with the server's (resource, path), and the proxy's location."
_EXPRESS: Final = """\
const httpServer = createServer(app);   // require("http")
const io = new Server(httpServer);
httpServer.listen(3000);   // not app.listen(3000)"""


def found_path(case: Case) -> str:
    """Return the path at which a Socket.IO server is; nothing where none was found."""
    path, asked = case.facts.paths[-1] if case.facts.paths else ("", None)
    author = who(asked)
    return path if author.is_socketio and author.error is not Error.PLACE else ""


def _told(case: Case, said: str, fix: Fix | str, *, title: str = "") -> Words:
    """Tell of what is not where it was asked for, and where it is."""
    found = found_path(case)
    there = f", but at {found}" * bool(found)
    title = title or f"There is no Socket.IO server at {case.path}{there}."
    proof = (case.facts.paths[-1][1],) if found else ()
    return Words(title, f"{_nothing(case)} {said}".rstrip(), fix, proof)


def _nothing(case: Case) -> str:
    """Say what answers at a path that nobody serves."""
    response = case.response
    if response.is_ok:
        return _something_else(case)
    if response.body.find(b"Cannot GET /") >= 0:
        return "Express answers, as to a path that nobody serves: the Socket.IO server has another path, or is attached to another HTTP server than the one that listens. app.listen() makes one of its own."
    if case.is_preflight:
        return f"The browser's question before the request was answered {response.status}."
    return f"A web server answers, but has nothing at {case.path}: {_status(case)}."


def _is_slash(case: Case) -> bool:
    return found_path(case) == f"{case.facts.target.path}/"


def _slash(case: Case) -> Words:
    path = found_path(case)
    address = f"{case.facts.target.base}{path}"
    return _told(case, f"The Socket.IO server is at {path}.", Fix(address=address))


def _is_cut_off(case: Case) -> bool:
    target = case.facts.target
    twice = f"{target.path.rstrip('/')}{DEFAULT_PATH}"
    return target.path == DEFAULT_PATH and found_path(case) == twice


def _cut_off(case: Case) -> Words:
    own = case.facts.target.path
    name = own.rstrip("/")
    said = f"The server answers at {found_path(case)}, since a proxy cuts {name} off before it passes a request on."
    passing = advise(Topic.PATH, case.proxy, path=own)
    return _told(case, said, passing, title=f"A proxy cuts {name} off.")


def _is_below(case: Case) -> bool:
    """Tell whether a proxy leads to the server under a prefix only."""
    return found_path(case).endswith(case.facts.target.path) and is_own_page(case.response)


def _below(case: Case) -> Words:
    path, own = found_path(case), case.facts.target.path
    said = f"The Socket.IO server is at {path}. What answers at {own} is the proxy itself: it passes on what is below {path.removesuffix(own)}/, perhaps without that prefix."
    passing = f"Or: {advise(Topic.PATH, case.proxy, path=own)}"
    return _told(case, said, Fix(elsewhere=passing, address=f"{case.facts.target.base}{path}"))


def _elsewhere(case: Case) -> Words:
    target, page, path = case.facts.target, case.facts.page, found_path(case)
    said, answer = f"The Socket.IO server is at {path}.", case.facts.paths[-1][1].response
    extension = f'socketio = SocketIO(app, path="{target.path.strip("/")}")'
    if answer is not None and cors_check(page, answer):
        said = f"{said} It does not let {page.origin} in, either."
        extension = f"{extension}\n{allowing(page).extension}"
    options = [f'path: "{target.path}",']
    options += ["addTrailingSlash: false,"] * (not target.path.endswith("/"))
    node = allowing(page, options=options).node
    return _told(case, said, Fix(extension, node, address=f"{target.base}{path}"))


def _serving(path: str, elsewhere: str) -> Fix:
    return Fix(f'socketio = SocketIO(app, path="{path.strip("/")}")', "", elsewhere)


def _passed_on(case: Case) -> Words:
    """Tell of a path that a proxy does not translate into the server's own."""
    path, named = case.facts.target.path, named_path(case.author) or ""
    if path == named:
        title = f"There is no Socket.IO server at {case.path}."
        cause = f"The application says that its server is at {named}, and that it is asked for something else: a proxy changes the path, perhaps its last slash only."
        return Words(title, cause, advise(Topic.PATH, case.proxy, path=named))
    said = f"The application says that its server is at {named}, which leads nowhere from here: a proxy passes the path on as it is."
    passing = advise(Topic.PREFIX, case.proxy, path=path, named=named)
    return _told(case, said, _serving(path, passing))


def _wrong_path(case: Case) -> Words:
    path, proxy = case.path, shown_proxy(case.response)
    if case.response.body.find(b"Cannot GET /") >= 0:
        return _told(case, "", Fix("", _EXPRESS, COMPARE))
    prefix = path.removesuffix(DEFAULT_PATH)
    if is_own_page(case.response):
        passing = advise(Topic.PATH, case.proxy, path=path)
        upgrade = advise(Topic.UPGRADE, case.proxy, path=path)
        said = f"It is {proxy} itself: no rule of it passes that path on."
        return _told(case, said, f"{COMPARE} {passing} {upgrade}")
    if prefix in ("", path) or not proxy:
        return _told(case, "", COMPARE)
    said = f"It came by a proxy ({proxy}), which may pass {prefix} on, so that the server is asked for {path} and knows {DEFAULT_PATH} only."
    return _told(case, said, _serving(path, advise(Topic.CUT, case.proxy, prefix=prefix)))


PLACES: Final = (
    Rule("missing-slash", _is_slash, _slash),
    Rule("path-cut-off", _is_cut_off, _cut_off),
    Rule("wrong-path", _is_below, _below),
    Rule("wrong-path", found_path, _elsewhere),
    Rule("wrong-path", lambda c: named_path(c.author) is not None, _passed_on),
    Rule("wrong-path", lambda c: _is_nowhere(c) and not c.author.is_socketio, _wrong_path),
)


# --- Whatever else it is ---------------------------------------------------------------------


def _something_else(case: Case) -> str:
    response = case.response
    text = response.body[:4096].decode("utf-8", "replace").strip()
    title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
    kind = response.combined("Content-Type") or "no Content-Type"
    size = len(response.body)
    length = f"{size} byte{'s' * (size != 1)}" if size else "nothing"
    what = f"a page called “{title[1][:60]}”" if title else f"{length}, {kind}"
    server = response.combined("Server")
    return f"What answers there{f' by {server}' if server else ''} is something else: {what}. A development server, a single-page application's host or a proxy's default site answers every path like that."


def another_server(case: Case) -> Words:
    """Tell of an answer that is no Socket.IO server's."""
    fix = "Compare host, port and path of the client with those of the server."
    return Words("What answers is no Socket.IO server.", _something_else(case), fix)


def _unexpected(case: Case) -> Words:
    status, shown = case.response.status, _status(case)
    if not (case.author.is_session or (_is_in_session(case) and case.response.is_ok)):
        cause = f"The server answers {shown}."
        return Words("The server refuses the request.", cause, "See the server's log.")
    title, cause = "The answer has the wrong status.", f"The server answers {status}"
    if not _is_in_session(case):
        title = "The session comes with the wrong status."
        cause = f"A session is opened, but with status {status}"
    fix = "Look for the proxy or middleware that changes the status."
    return Words(title, f"{cause}; clients take 200 only.", fix)


def _has_wrong_status(case: Case) -> bool:
    is_packet = _is_in_session(case) and case.response.is_ok and case.response.status != 200
    return is_packet or case.author.is_session


#: Of answers that the page may read.
READABLE: Final = (
    Rule("refused", lambda c: c.author.error is not None, _refuses),
    Rule("unexpected-status", _has_wrong_status, _unexpected),
    Rule("another-server", lambda c: c.response.is_ok, another_server),
    Rule("unexpected-status", lambda c: True, _unexpected),
)
