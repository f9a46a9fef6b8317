"""One examination: what a page's Socket.IO client does, and then what tells causes apart."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from ada_url import URL

from .. import wording
from ..fetch import BAD_PORTS, Check, Page, Response, cors_check
from ..origins import is_loopback
from . import application, polling, proxies, security, sockets
from .browser import Browser, Fetched, fetch_metadata, judge_preflight, origin_of, preflight
from .exchange import PATIENCE, SHORT_PATIENCE, Exchange, SpentError, Trouble, Wire, addresses
from .findings import (
    Finding,
    Session,
    Severity,
    error_of,
    is_extension,
    is_python,
    named_path,
    proof_of,
    session_of,
)
from .fixes import DEFAULT_PATH, Fix, allowing


class TargetError(ValueError):
    """An address that cannot be examined; the message says what to write."""


@dataclass(frozen=True)
class Target:
    """What the page's client connects to.

    :param base: scheme, host and port.
    :param path: of the Socket.IO server, the client's option ``path``.
    :param namespace: the path of the URL that the client is given.
    :param query: what that URL adds to each request, from its ``&`` on.
    """

    base: str
    path: str = DEFAULT_PATH
    namespace: str = "/"
    query: str = ""

    @classmethod
    def parse(
        cls, url: str, origin: str, path: str | None = None, *, trailing_slash: bool = True
    ) -> Target:
        """Read the URL that a client is given, or the one that a console shows.

        :param origin: of the page, whose scheme and host hold where the URL names none.
        :param path: the client's option of that name.
        :param trailing_slash: the client's option ``addTrailingSlash``.
        :raise TargetError: if it names no host, or the path cannot be one.
        """
        address = _address(url, origin)
        base = origin_of(address.href)
        is_request = "EIO=" in address.search
        query = _own_query(address.search)
        if is_request and not path:
            return cls(base, address.pathname, query=query)
        is_path = is_request or re.search(r"/socket\.io/?$", address.pathname) is not None
        option = path or (address.pathname if is_path else DEFAULT_PATH)
        namespace = "/" if is_path else _namespace(url)
        return cls(base, _client_path(base, option, trailing_slash), namespace, query)

    def polling(self, version: int = 4) -> str:
        """Return the address of a handshake, each time another one as the client does it."""
        stamp = secrets.token_hex(4)
        address = f"{self.base}{self.path}?EIO={version}&transport=polling&t={stamp}"
        return f"{address}{self.query}"

    def websocket(self, session: Session | None = None) -> str:
        """Return the address of a WebSocket, of a session or on its own."""
        base = self.base.replace("http", "ws", 1)
        sid = f"&sid={session.sid}" if session is not None else ""
        return f"{base}{self.path}?EIO=4&transport=websocket{sid}{self.query}"


#: The longest address that ``io()`` takes.
_MAX_URL: Final = 8000


def _address(url: str, origin: str) -> URL:
    """Read an address as ``io()`` and the browser do, which complete it with the page's own."""
    if len(url) > _MAX_URL:
        raise TargetError(
            f"{_shown(url)} is longer than the {_MAX_URL} characters that io() takes."
        )
    try:
        address = URL(_completed(url.strip(), origin))
    except ValueError:
        raise TargetError(
            f"{_shown(url)} is no address. Write what io() is given, like https://api.example.com, "
            "or what the browser's console shows."
        ) from None
    if not address.hostname:
        raise TargetError(f"{_shown(url)} names no host. Write it like https://api.example.com.")
    return address


def _completed(url: str, origin: str) -> str:
    if _SCHEME.match(url):
        return url
    if re.match("(https?|wss?):", url):
        raise ValueError("a scheme without slashes")
    if url.startswith("/") and not url.startswith("//"):
        return f"{origin}{url}"
    rest = url.removeprefix("//")
    scheme = urlsplit(origin).scheme
    is_here = is_loopback(URL(f"http://{rest}").hostname)
    if is_here or scheme not in ("http", "https"):
        return f"{'http' if is_here else 'https'}://{rest}"
    return f"{scheme}://{rest}"


_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")


def _own_query(search: str) -> str:
    """Return the parameters that are not the client's own, as they are written."""
    pairs = search.removeprefix("?").split("&")
    return "".join(f"&{pair}" for pair in pairs if pair and not _CLIENTS.match(pair))


_CLIENTS: Final = re.compile("(EIO|transport|t|sid|j|b64)(=|$)")


def _namespace(url: str) -> str:
    """Return the path of the URL that a client is given, as it is written."""
    rest = _SCHEME.sub("", url.strip(), count=1).removeprefix("//")
    path = re.sub(r"^[^/?#]*|[?#].*$", "", rest, flags=re.DOTALL)
    return path or "/"


def _client_path(base: str, path: str, trailing_slash: bool) -> str:
    """Return the path that a client with these options asks for (engine.io-client, ``Socket``)."""
    if "://" in path or not path.startswith("/"):
        raise TargetError(
            f"The path {_shown(path)} does not start with a slash. Write the client's option path, "
            "like /socket.io."
        )
    if odd := re.search("[?#]", path):
        raise TargetError(
            f"The path {_shown(path)} holds “{odd[0]}”, where an address's path ends. Leave it "
            "out; further parameters belong into the client's option query."
        )
    slashed = path.removesuffix("/") + ("/" if trailing_slash else "")
    try:
        return str(URL(f"{base}{slashed}").pathname)
    except ValueError:
        raise TargetError(f"The path {_shown(path)} cannot stand in an address.") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:199]}…")


@dataclass(frozen=True)
class Report:
    """The result of an examination.

    :param polling: whether the page connects by polling; ``None`` where the time was over before.
    :param websocket: whether it gets a WebSocket; ``None`` where that was not asked.
    :param findings: what was found, worst first.
    :param seconds: how long it took.
    """

    target: Target
    page: Page
    polling: bool | None
    websocket: bool | None
    findings: tuple[Finding, ...]
    requests: int
    seconds: float

    @property
    def works(self) -> bool:
        """Whether everything that a browser needs was seen to work."""
        return bool(self.polling) and not any(
            finding.severity is Severity.BROKEN for finding in self.findings
        )


class Examination:
    """Examines one target for one page.

    :param method: another method that the page uses, asked for in a preflight of its own.
    """

    def __init__(
        self, target: Target, page: Page, wire: Wire | None = None, method: str | None = None
    ) -> None:
        self.target = target
        self.page = page
        self.wire = wire or Wire()
        self.browser = Browser(page, self.wire)
        self.findings: list[Finding] = []
        self._method = method
        self._is_extension = False
        self._is_seen = False
        self._polling: bool | None = None
        self._websocket: bool | None = None

    def run(self) -> Report:
        """Examine, within the bounds of `Wire`."""
        try:
            if self._is_stopped_by_the_browser():
                self._polling = False
            else:
                self._run()
        except SpentError:
            self._add(_spent(self.wire))
        order = list(Severity)
        found = sorted(self.findings, key=lambda finding: order.index(finding.severity))
        return Report(
            self.target, self.page, self._polling, self._websocket, tuple(found),
            self.wire.requests, self.wire.seconds,
        )  # fmt: skip

    def _run(self) -> None:
        url = self.target.polling()
        fetched = self.browser.fetch("GET", url)
        self._is_extension = any(is_extension(one.response) for one in fetched.exchanges)
        readable = fetched.readable
        session = session_of(readable) if readable is not None and readable.status == 200 else None
        if session is None:
            self._polling = False
            self._go_without_polling(fetched, self._explain_no_session(fetched))
            return
        final = re.sub(r"\?.*", "", fetched.last.url)
        self._polling = self._talk(final, session)
        self._try_websocket(session)
        self._ask_method(url)
        self._warn(fetched)
        stage = self._stage(fetched)
        if "sid=" not in stage.polling:
            late = self.wire.late
            for finding in security.examine(stage):
                self._add(finding)
            if self.wire.late > late:
                self._add(_unanswered())
        closing = f"{final}?EIO=4&transport=polling&sid={session.sid}{self.target.query}"
        self.browser.fetch("POST", closing, b"1", SHORT_PATIENCE)

    def _go_without_polling(self, fetched: Fetched, finding: Finding) -> None:
        """Look at what works without polling: a WebSocket alone, and what is open to others."""
        failure = fetched.failure
        if failure is not None and failure.trouble in _OUT_OF_REACH:
            return
        is_seen = self._is_seen or finding.id in ("origin-not-allowed", "error-hidden")
        if failure is None or failure.trouble is not Trouble.SILENT or is_seen:
            self._try_websocket_alone(is_seen, finding, fetched.response)
        if is_seen or self._websocket:
            is_changed = finding.id in ("origin-dropped", "origin-rewritten")
            for hole in security.holes(self._stage(fetched), knows_origins=not is_changed):
                self._add(hole)
        session = session_of(fetched.response)
        if session is not None:
            self._close(self.target, session, fetched.last.headers)

    def _stage(self, fetched: Fetched) -> security.Stage:
        url, has_websocket = self.target.websocket(), bool(self._websocket)
        return security.Stage(self.browser, fetched.last.url, url, fetched.last, has_websocket)

    def _add(self, finding: Finding) -> None:
        fix = finding.fix.fitted(self.target.path, is_installed=self._is_extension)
        self.findings.append(replace(finding, fix=fix))

    # --- What never leaves the browser -----------------------------------------------------

    def _is_stopped_by_the_browser(self) -> bool:
        target, page = self.target, self.page
        parts = urlsplit(target.base)
        url = target.polling()
        if parts.scheme not in ("http", "https"):
            self._add(_not_web(url, page))
        elif parts.port in BAD_PORTS:
            self._add(_bad_port(url, parts.port or 0))
        elif (
            page.origin.startswith("https://")
            and parts.scheme == "http"
            and not is_loopback(parts.hostname or "")
        ):
            self._add(_mixed_content(url, page, self._speaks_tls()))
        return bool(self.findings)

    def _speaks_tls(self) -> str | None:
        """Return the https address that serves the same Socket.IO server, if one does."""
        parts = urlsplit(self.target.base)
        ports = {"", f":{parts.port}" if parts.port else ""}
        for port in sorted(ports):
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            secure = replace(self.target, base=f"https://{host}{port}")
            answer = self._look(secure.polling())
            if session_of(answer.response) is not None:
                return secure.base
        return None

    # --- Polling ---------------------------------------------------------------------------

    def _explain_no_session(self, fetched: Fetched) -> Finding:
        self._is_seen = session_of(fetched.response) is not None
        finding = polling.explain(fetched, self.page)
        told = finding
        try:
            for look in _LOOKS.get(finding.id, ()):
                told = look(self, finding, fetched)
                # The first that finds more than was known.
                if told is not finding:
                    break
        finally:
            self._add(told)
        return told

    def _look_for_cache(self, finding: Finding, fetched: Fetched) -> Finding:
        """A session that comes twice comes from a cache."""
        if session_of(fetched.response) is None:
            return finding
        again = self.browser.fetch("GET", self.target.polling(), patience=SHORT_PATIENCE)
        if not security.is_cached(fetched.response, again.response):
            return finding
        cached = security.cached_finding([*fetched.exchanges, again.last], self.page)
        return replace(
            cached, firefox=finding.firefox, chromium=finding.chromium, client=finding.client
        )

    def _look_past_preflight(self, finding: Finding, fetched: Fetched) -> Finding:
        """See whether only preflights are stopped."""
        if fetched.last.method != "OPTIONS":
            return finding
        answer = self._knock(self.page.origin)
        if session_of(answer.response) is None and error_of(answer.response) is None:
            return finding
        cause = f"{finding.cause} Other requests do reach the Socket.IO server."
        return replace(finding, cause=cause, proof=(*finding.proof, *proof_of([answer])))

    def _look_for_path(self, finding: Finding, fetched: Fetched) -> Finding:
        """Try where else the server might be, and name it in the fix."""
        named = named_path(fetched.response)
        for path in [named, *self._paths()] if named is not None else self._paths():
            target = replace(self.target, path=path)
            answer = self._look(target.polling())
            session, message = session_of(answer.response), error_of(answer.response)
            if session is None and (message is None or named_path(answer.response)):
                continue
            if session is not None:
                self._close(target, session, answer.headers)
            return _found_at(finding, self.target, path, answer, self.page)
        return finding if named is None else _passed_on(finding, self.target.path, named)

    def _look_for_origin(self, finding: Finding, fetched: Fetched) -> Finding:
        """See whether the server gets to know who asks: a stranger should not be let in."""
        if fetched.block is None or fetched.block.check is not Check.ORIGIN_MISSING:
            return finding
        own = self._knock(self.page.origin)
        if session_of(own.response) is None:
            return self._look_for_own_pages(finding)
        if not (proxies.names_no_origin(own.response) and proxies.knows_origins(own.response)):
            return finding
        if finding.id == "header-missing" and not self._has_cors():
            return finding
        origin = security.a_stranger()
        stranger = self._knock(origin)
        if not proxies.names_no_origin(stranger.response):
            return finding
        return proxies.origin_dropped(finding, [stranger], origin)

    def _look_for_own_pages(self, finding: Finding) -> Finding:
        own = origin_of(self.target.base)
        if not self._is_extension:
            return finding
        asked = self._knock(own)
        refused = not is_extension(asked.response) or session_of(asked.response) is not None
        return finding if refused else proxies.own_origin_refused(finding, [asked], own)

    def _has_cors(self) -> bool:
        """Tell whether a server that sends no CORS header with sessions knows any."""
        page = replace(self.page, headers=())
        answer = preflight(
            self.wire, page, "POST", self.target.polling(), SHORT_PATIENCE, is_browser=False
        )
        return proxies.is_engineio_preflight(answer.response)

    def _look_for_rewriting(self, finding: Finding, fetched: Fetched) -> Finding:
        """An origin that is not the page's, from a server that only repeats what it is told."""
        block = fetched.block
        if finding.id != "origin-mismatch" or block is None:
            return finding
        own = self._knock(self.page.origin)
        is_own = proxies.is_own(block.value, self.target.base) and is_python(own.response)
        if not (self._is_extension or is_own):
            return finding
        return proxies.origin_rewritten(finding, [], block.value)

    def _look_for_question(self, finding: Finding, fetched: Fetched) -> Finding:
        """See whether the preflight's own headers arrive."""
        response = fetched.response
        if response is None or response.values("Access-Control-Allow-Headers"):
            return finding
        return proxies.question_dropped(finding) if proxies.reflects(response) else finding

    def _knock(self, origin: str) -> Exchange:
        """Open a session as a client of this origin that is no browser, and close it."""
        asked = self._look(self.target.polling(), origin)
        session = session_of(asked.response)
        self._is_seen |= session is not None
        if session is not None:
            self._close(self.target, session, asked.headers)
        return asked

    def _look(self, url: str, origin: str | None = None) -> Exchange:
        """Ask to tell causes apart, without waiting for long."""
        asked = self.wire.send("GET", url, (("Origin", origin or self.page.origin),))
        self._is_extension |= is_extension(asked.response)
        return asked

    def _paths(self) -> list[str]:
        """Return likely paths of the server, the likeliest first."""
        given, namespace = self.target.path, self.target.namespace.rstrip("/")
        inside = given.strip("/").split("/")[:-1]
        candidates = [f"{given}/" if not given.endswith("/") else given.rstrip("/")]
        candidates += [
            DEFAULT_PATH,
            f"{namespace}{DEFAULT_PATH}",
            f"{given.rstrip('/')}{DEFAULT_PATH}",
        ]
        candidates += [f"/{'/'.join(inside[:n])}{DEFAULT_PATH}" for n in range(len(inside), 0, -1)]
        candidates += ["/api/socket.io/", "/ws/socket.io/", "/socketio/", "/engine.io/"]
        known = dict.fromkeys(path.replace("//", "/") for path in candidates)
        return [path for path in known if path not in ("", given)][:9]

    def _look_for_version(self, finding: Finding, fetched: Fetched) -> Finding:
        answer = self._look(self.target.polling(3))
        response = answer.response
        if response is None or not response.is_ok:
            return finding
        cause = f"{finding.cause} It does answer EIO=3, that of socket.io-client 2."
        return replace(finding, cause=cause, proof=(*finding.proof, *proof_of([answer])))

    def _look_for_other_scheme(self, finding: Finding, fetched: Fetched) -> Finding:
        secure = self.target.base.startswith("https")
        scheme = ("https", "http") if secure else ("http", "https")
        other = replace(self.target, base=self.target.base.replace(*scheme, 1))
        answer = self._look(other.polling())
        speaks = answer.response is not None or (not secure and _is_certificate(answer))
        if not speaks:
            return finding
        cause = f"{finding.cause} Asked with {scheme[1]}://, it does answer."
        fix = Fix(elsewhere=f"Use {other.base} in the client.")
        return replace(finding, cause=cause, fix=fix, proof=(*finding.proof, *proof_of([answer])))

    def _talk(self, url: str, session: Session) -> bool:
        """Connect to the namespace as the client does; tell whether requests come through."""
        base = f"{url}?EIO=4&transport=polling{self.target.query}"
        name = self.target.namespace.rstrip("/")
        packet = f"40{name},".encode() if name else b"40"
        sent = self.browser.fetch(
            "POST", f"{base}&t={secrets.token_hex(4)}&sid={session.sid}", packet
        )
        if sent.readable is None or not sent.readable.is_ok:
            self._add(_after_handshake(polling.explain(sent, self.page), "xhr post error"))
            return False
        got = self.browser.fetch("GET", f"{base}&t={secrets.token_hex(4)}&sid={session.sid}")
        if got.readable is None or not got.readable.is_ok:
            self._add(_after_handshake(polling.explain(got, self.page), "xhr poll error"))
            return False
        finding = application.explain(got.last, name)
        if finding is not None:
            self._add(finding)
        return True

    def _ask_method(self, url: str) -> None:
        if self._method is None or origin_of(url) == self.page.origin:
            return
        exchange = preflight(self.wire, self.page, self._method, url)
        block = judge_preflight(self.page, self._method, exchange)
        if block is not None or exchange.response is None:
            self._add(polling.explain(Fetched((exchange,), block), self.page))

    def _warn(self, fetched: Fetched) -> None:
        for exchange in fetched.exchanges:
            names = {name.lower() for name, _ in self.page.headers}
            listed = exchange.response and exchange.response.combined(
                "Access-Control-Allow-Headers"
            )
            if exchange.method == "OPTIONS" and "authorization" in names and listed == "*":
                self._add(_authorization(exchange, self.page))
        host = urlsplit(self.target.base).hostname or ""
        if is_loopback(host) and not is_loopback(urlsplit(self.page.origin).hostname or ""):
            self._add(_only_here(host))

    # --- WebSocket -------------------------------------------------------------------------

    def _try_websocket(self, session: Session) -> None:
        """Upgrade the session as the client does."""
        if "websocket" not in session.upgrades:
            self._add(_not_offered())
            return
        finding = self._shake_hands(session, "2probe")
        if finding is not None:
            self._add(finding)

    def _try_websocket_alone(
        self, is_seen: bool, why_no_polling: Finding, polled: Response | None
    ) -> None:
        """Connect as a client does that has no other transport.

        :param is_seen: whether a Socket.IO server is known to be there.
        :param polled: what polling was answered.
        """
        is_refused = why_no_polling.id in _REFUSED and polled is not None and not polled.is_ok
        finding = self._shake_hands(None, None, polled.status if is_refused and polled else None)
        is_told = finding is not None and finding.id == "websocket-refused"
        if finding is None or not is_seen or (is_told and why_no_polling.id in _REFUSED):
            return
        self._add(sockets.alone(finding))

    def _shake_hands(
        self, session: Session | None, packet: str | None, refusal: int | None = None
    ) -> Finding | None:
        url = self.target.websocket(session)
        # Firefox sends these, Chromium does not; what needs their absence does not work.
        metadata = fetch_metadata(self.page.origin, url, mode="websocket")
        headers = (*metadata, *self.browser.headers(self.target.base))
        exchange = self.wire.shake_hands(url, headers, self.page.origin, packet, PATIENCE)
        polling_works = bool(self._polling)
        finding = sockets.explain(exchange, self.page, polling_works=polling_works, refusal=refusal)
        self._websocket = finding is None and (session is not None or _opens(exchange))
        return finding

    def _close(
        self, target: Target, session: Session, headers: tuple[tuple[str, str], ...]
    ) -> None:
        self.wire.send("POST", f"{target.polling()}&sid={session.sid}", headers, b"1")


#: What is wrong with an origin is as wrong with a WebSocket's.
_REFUSED: Final = frozenset(
    {"origin-not-allowed", "origin-dropped", "origin-rewritten", "host-not-trusted"}
)
_OUT_OF_REACH: Final = frozenset(
    {
        Trouble.NAME,
        Trouble.REFUSED,
        Trouble.UNREACHABLE,
        Trouble.NO_CONNECTION,
        Trouble.CERTIFICATE,
        Trouble.TLS,
    }
)
_Look = Callable[[Examination, Finding, Fetched], Finding]
_LOOKS: Final[dict[str, Iterable[_Look]]] = {
    "wrong-path": (Examination._look_for_path,),
    "another-server": (Examination._look_for_path,),
    "preflight-status": (Examination._look_past_preflight, Examination._look_for_path),
    "forbidden": (Examination._look_past_preflight,),
    "login-required": (Examination._look_past_preflight,),
    "rate-limited": (Examination._look_past_preflight,),
    "unsupported-version": (Examination._look_for_version,),
    "connection-closed": (Examination._look_for_other_scheme,),
    "tls": (Examination._look_for_other_scheme,),
    "another-protocol": (Examination._look_for_other_scheme,),
    "origin-mismatch": (Examination._look_for_cache, Examination._look_for_rewriting),
    "origin-not-allowed": (Examination._look_for_cache, Examination._look_for_origin),
    "header-missing": (Examination._look_for_cache, Examination._look_for_origin),
    "header-stripped": (Examination._look_for_origin,),
    "header-not-listed": (Examination._look_for_question,),
}


# --- Findings of the examination itself --------------------------------------------------------


def _opens(exchange: Exchange) -> bool:
    """Tell whether a WebSocket speaks of Socket.IO; development servers have one of their own."""
    return exchange.response is not None and exchange.response.body.startswith(b"0{")


def _is_certificate(exchange: Exchange) -> bool:
    outcome = exchange.outcome
    return not isinstance(outcome, Response) and outcome.trouble is Trouble.CERTIFICATE


def _not_web(url: str, page: Page) -> Finding:
    return Finding(
        "not-http",
        Severity.BROKEN,
        "The address is not of the web.",
        "Pages can only ask http: and https: addresses of other origins.",
        Fix(elsewhere="Give the client an address like https://api.example.com."),
        (wording.not_http_line(url),),
        wording.chromium_not_http(url, page.origin),
        "xhr poll error",
    )


def _bad_port(url: str, port: int) -> Finding:
    return Finding(
        "bad-port",
        Severity.BROKEN,
        f"Browsers do not talk to port {port}.",
        "The port belongs to another protocol (Fetch standard, “bad port”); no request is sent.",
        Fix("socketio.run(app, port=5000)", "httpServer.listen(3000)", "Use another port."),
        (),
        (wording.network_error("UNSAFE_PORT"),),
        "xhr poll error",
    )


def _mixed_content(url: str, page: Page, secure: str | None) -> Finding:
    firefox, chromium = wording.mixed_content(url, page.origin)
    cause = (
        f"The page is served over https:, and asks {origin_of(url)} without; browsers forbid it."
    )
    fix = "Serve the Socket.IO server over TLS, for example behind the page's own proxy."
    if secure is not None:
        cause += f" {secure} answers, and is what to ask."
        fix = f"Use {secure} in the client."
    return Finding(
        "mixed-content", Severity.BROKEN, "An https: page asks for http:.", cause,
        Fix(elsewhere=fix), (firefox,), (chromium,), "xhr poll error",
    )  # fmt: skip


def _passed_on(finding: Finding, path: str, named: str) -> Finding:
    """Tell of a path that a proxy does not translate into the server's own."""
    cause = (
        f"{finding.cause} The application says that its server is at {named}, which leads nowhere "
        "from here: a proxy passes the path on as it is."
    )
    proxy = f"Let the proxy pass {path} on as {named}; in nginx: proxy_pass http://…{named};"
    fix = Fix(f'socketio = SocketIO(app, path="{path.strip("/")}")', "", proxy)
    return replace(finding, cause=cause, fix=fix)


def _found_at(finding: Finding, target: Target, path: str, answer: Exchange, page: Page) -> Finding:
    """Complete a finding with where the server is; either side may be changed to meet the other."""
    cause = f"{finding.cause} The Socket.IO server is at {path}."
    title = f"There is no Socket.IO server at {target.path}, but at {path}."
    proof = (*finding.proof, *proof_of([answer]))
    client = f'In the client: io("{target.base}", {{ path: "{path}" }})'
    found = replace(finding, id="wrong-path", title=title, cause=cause, proof=proof)
    if f"{target.path}/" == path:
        client += ", and no addTrailingSlash: false"
        return replace(found, id="missing-slash", fix=Fix(elsewhere=client))
    extension = f'socketio = SocketIO(app, path="{target.path.strip("/")}")'
    if answer.response is not None and cors_check(page, answer.response) is not None:
        cause = f"{cause} It does not let {page.origin} in, either."
        found = replace(found, cause=cause)
        extension = f"{extension}\n{allowing(page).extension}"
    node = allowing(page, options=[f'path: "{target.path}",']).node
    return replace(found, fix=Fix(extension, node, client))


def _after_handshake(finding: Finding, client: str) -> Finding:
    if finding.id == "session-lost":
        return replace(finding, client=client)
    return replace(finding, title=f"After the handshake: {finding.title}", client=client)


def _authorization(exchange: Exchange, page: Page) -> Finding:
    return Finding(
        "authorization-wildcard",
        Severity.NOTE,
        "“*” will not cover the Authorization header for ever.",
        "The Fetch standard leaves Authorization out of Access-Control-Allow-Headers: *; browsers "
        "let it pass still, and Firefox warns.",
        allowing(page, headers=[name for name, _ in page.headers]),
        (wording.authorization_warning(exchange.url),),
        proof=proof_of([exchange]),
    )


def _only_here(host: str) -> Finding:
    shown = ", ".join(addresses(host))
    cause = (
        f"{host} is {shown} here: every visitor's own machine. For anyone but you nothing listens "
        "there, and browsers ask a public site's visitors before they let it in."
    )
    fix = Fix(elsewhere="Use the name under which visitors reach the server.")
    return Finding(
        "only-here", Severity.NOTE, f"{host} is a different machine for everyone.", cause, fix
    )


def _not_offered() -> Finding:
    cause = "The handshake offers no upgrade, so that clients stay with polling."
    fix = Fix("# pip install simple-websocket   (or eventlet, or gevent)")
    return Finding(
        "websocket-not-offered", Severity.NOTE, "The server offers no WebSocket.", cause, fix
    )


def _spent(wire: Wire) -> Finding:
    cause = f"It ended after {wire.requests} requests and {wire.seconds:.0f} seconds, its bounds."
    fix = Fix()
    if wire.slowest > SHORT_PATIENCE:
        cause += (
            f" The server is slow: one answer took {wire.slowest:.0f} seconds. Socket.IO's client "
            f"waits {PATIENCE:.0f} seconds for a connection, so that pages may get one."
        )
        fix = Fix(elsewhere="Ask again when the server is less busy.")
    return Finding("incomplete", Severity.NOTE, "The examination is incomplete.", cause, fix)


def _unanswered() -> Finding:
    cause = (
        f"Some requests in the name of other origins got no answer within {SHORT_PATIENCE:.0f} "
        "seconds, so that it is not known whom else the server lets in."
    )
    fix = Fix(elsewhere="Ask again when the server is less busy.")
    return Finding("incomplete", Severity.NOTE, "The examination is incomplete.", cause, fix)
