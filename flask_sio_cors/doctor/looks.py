"""A closer look where a finding has more than one cause: further requests that tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from ..browser.fetch import Check, Header, Page, Response, cors_check
from . import proxies, redirects, security
from .browser import Fetched, origin_of, preflight
from .exchange import Exchange, Trouble
from .findings import Finding
from .fixes import Fix, allowing
from .handshake import error_of, is_extension, is_python, named_path, session_of
from .probe import Probe
from .proof import proof_of
from .protocol import V3, V4
from .target import DEFAULT_PATH, Target
from .variants import look_at_variants


def look_closer(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Return the finding with its cause, as far as further requests tell it.

    :raise SpentError: if the bounds of the examination are reached.
    """
    for look in _LOOKS.get(finding.id, ()):
        told = look(probe, finding, fetched)
        # The first that finds more than was known.
        if told is not finding:
            return told
    return finding


def look_at_session(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Do the same for a request of a session that was opened.

    :raise SpentError: if the bounds of the examination are reached.
    """
    if origin_of(fetched.last.url) == probe.page.origin and fetched.last.method == "POST":
        return _own_address(probe, finding) if finding.id in _REFUSALS else finding
    if finding.id != "session-lost":
        return finding
    return _cookies(probe, look_for_cache(probe, finding, fetched))


def look_for_cache(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the session was never this client's: whether a cache gives it to everybody."""
    asked = [probe.browser.fetch("GET", probe.target.polling()).last for _ in range(2)]
    if not security.is_cached(*asked):
        for one in asked:
            probe.close(probe.target, one, one.headers)
        return finding
    cached = security.cached_finding(asked, probe.page)
    return replace(
        cached, firefox=finding.firefox, chromium=finding.chromium, client=finding.client
    )


#: What a server calls it that does not let its own pages in.
_REFUSALS: Final = frozenset({"refused", "origin-not-allowed"})


def _own_address(probe: Probe, finding: Finding) -> Finding:
    """See whether the server lets its own pages in once it is told its address."""
    own = probe.page.origin
    scheme, _, host = own.partition("://")
    forwarded = (("X-Forwarded-Proto", scheme), ("X-Forwarded-Host", host))
    if scheme == "https":
        asked = _told_its_address(probe, forwarded[:1])
        if session_of(asked) is not None:
            return proxies.own_scheme_hidden(finding, [asked], own)
    asked = _told_its_address(probe, forwarded)
    if session_of(asked) is not None:
        return proxies.own_address_hidden(finding, [asked], own)
    # This extension always lets its own pages in; Flask-SocketIO has a list that may miss them.
    return proxies.own_address_hidden(finding, [], own) if probe.is_extension else finding


def _told_its_address(probe: Probe, forwarded: tuple[Header, ...]) -> Exchange:
    headers = (("Origin", probe.page.origin), *forwarded)
    asked = probe.wire.send("GET", probe.target.polling(), headers)
    probe.close(probe.target, asked, headers)
    return asked


def _cookies(probe: Probe, finding: Finding) -> Finding:
    """See whether the browser has kept the cookies on which sticky sessions rest."""
    names = probe.browser.rejected if finding.id == "session-lost" else []
    return proxies.cookies_rejected(finding, names, probe.page.origin) if names else finding


def _cache(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Look for a cache: a session that comes twice comes from one."""
    if session_of(fetched.last) is None:
        return finding
    aside = probe.wire.patience.aside
    again = probe.browser.fetch("GET", probe.target.polling(), patience=aside)
    if not security.is_cached(fetched.last, again.last):
        return finding
    cached = security.cached_finding([*fetched.exchanges, again.last], probe.page)
    return replace(
        cached, firefox=finding.firefox, chromium=finding.chromium, client=finding.client
    )


def _past_preflight(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether only preflights are stopped."""
    if fetched.last.method != "OPTIONS":
        return finding
    answer = probe.knock(probe.page.origin)
    if session_of(answer) is None and error_of(answer.response) is None:
        return finding
    cause = f"{finding.cause} Other requests do reach the Socket.IO server."
    return replace(finding, cause=cause, proof=(*finding.proof, *proof_of([answer])))


def _as_no_browser(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether it is a browser's own headers that a rule refuses."""
    answer = probe.knock(probe.page.origin)
    if fetched.last.method == "OPTIONS" or session_of(answer) is None:
        return finding
    cause = (
        f"{finding.cause} Without the headers that browsers add, Referer and Sec-Fetch-Site, the "
        "same request does come to the server: the rule looks at one of these."
    )
    fix = f"{finding.fix.elsewhere} In nginx: valid_referers, and what compares $http_referer."
    proof = (*finding.proof, *proof_of([answer]))
    return replace(finding, cause=cause, fix=Fix(elsewhere=fix), proof=proof)


def _path(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Try where else the server might be, and name it in the fix."""
    named = named_path(fetched.response)
    started = probe.wire.seconds
    for path in [named, *_paths(probe.target)] if named is not None else _paths(probe.target):
        if probe.wire.seconds - started > _SEARCH_SECONDS:
            break
        target = replace(probe.target, path=path)
        answer = probe.look(target.polling())
        session, message = session_of(answer), error_of(answer.response)
        if session is None and (message is None or named_path(answer.response)):
            continue
        if session is not None:
            probe.close(target, answer, answer.headers)
        found = _found_at(finding, probe.target, path, answer, probe.page)
        return _behind_proxy(found, finding, fetched, probe.target, path)
    return finding if named is None else _passed_on(finding, probe.target.path, named)


#: How long other paths are tried, in seconds: what serves every path takes its time for each.
_SEARCH_SECONDS: Final = 4.0


def _behind_proxy(
    found: Finding, finding: Finding, fetched: Fetched, target: Target, path: str
) -> Finding:
    """Complete the finding on a server's place where a proxy makes the difference."""
    if path == f"{target.path.rstrip('/')}{DEFAULT_PATH}" and target.path == DEFAULT_PATH:
        return proxies.path_cut_off(finding, found, target.path)
    if path.endswith(target.path) and proxies.is_own_page(fetched.response):
        # The server may be where it belongs, and no line of its own changes what the proxy does.
        return proxies.only_below(found, target.path, path)
    return found


def _origin(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the server gets to know who asks: a stranger should not be let in."""
    if fetched.block is None or fetched.block.check is not Check.ORIGIN_MISSING:
        return finding
    own = probe.knock(probe.page.origin)
    if session_of(own) is None:
        return _own_pages(probe, finding)
    if (told := _allowed_by_extension(own)) not in (None, "*", probe.page.origin):
        # With the headers of a browser, it tells its own pages from others that are said to be.
        return proxies.origin_rewritten(finding, [own], told)
    if not (proxies.names_no_origin(own) and proxies.knows_origins(own.response)):
        return finding
    if finding.id == "header-missing" and not _has_cors(probe):
        return finding
    origin = security.a_stranger()
    stranger = probe.knock(origin)
    if not proxies.names_no_origin(stranger):
        return finding
    return proxies.origin_dropped(finding, [stranger], origin)


def _allowed_by_extension(asked: Exchange) -> str | None:
    response = asked.response
    if response is None or not is_extension(response):
        return None
    return response.combined("Access-Control-Allow-Origin")


def _own_pages(probe: Probe, finding: Finding) -> Finding:
    own = origin_of(probe.target.base)
    if not probe.is_extension:
        return finding
    asked = probe.knock(own)
    refused = not is_extension(asked.response) or session_of(asked) is not None
    return finding if refused else proxies.own_origin_refused(finding, [asked], own)


def _has_cors(probe: Probe) -> bool:
    """Tell whether a server that sends no CORS header with sessions knows any."""
    page, aside = replace(probe.page, headers=()), probe.wire.patience.aside
    answer = preflight(probe.wire, page, "POST", probe.target.polling(), aside, is_browser=False)
    return proxies.is_engineio_preflight(answer.response)


def _rewriting(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """Find who rewrites an origin, where the server only repeats what it is told."""
    block, page = fetched.block, probe.page
    if finding.id != "origin-mismatch" or block is None:
        return finding
    own = probe.knock(page.origin)
    if own.response is not None and cors_check(Page(page.origin), own.response) is None:
        return _meant_for_another(probe, finding, fetched, own)
    is_own = proxies.is_own(block.value, probe.target.base) and is_python(own.response)
    if not (is_python(own.response) or probe.is_extension):
        return finding
    stranger = probe.knock(security.a_stranger())
    if session_of(own) is not None and error_of(stranger.response) is not None:
        # So that the page's origin does arrive, and is let in.
        value = f"“{block.value}”"
        if _sends_cors(own.response):
            return proxies.header_replaced(finding, [own, stranger], value)
        return proxies.header_added(finding, value)
    if not (probe.is_extension or is_own):
        return finding
    return proxies.origin_rewritten(finding, [], block.value)


def _replaced(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether “*” is the server's own.

    python-engineio sends it never, and this extension never with credentials.
    """
    response = fetched.response
    if response is None or not is_python(response):
        return finding
    is_with_cookies = response.combined("Access-Control-Allow-Credentials") is not None
    if is_extension(response) and not is_with_cookies:
        return finding
    told = proxies.header_replaced(finding, [], "“*”")
    return told if _sends_cors(response) else proxies.header_added(finding, "“*”")


def _sends_cors(response: Response | None) -> bool:
    """Tell whether a server in Python has been told of CORS, by a header that nobody else adds."""
    has_own = response is not None and response.combined("Access-Control-Allow-Credentials")
    return is_extension(response) or bool(has_own)


def _server(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whose preflight it is, which its own answer does not tell: what to write rests on it."""
    if fetched.last.method == "OPTIONS" and not probe.is_extension:
        probe.knock(probe.page.origin)
    return finding


def _meant_for_another(probe: Probe, finding: Finding, fetched: Fetched, own: Exchange) -> Finding:
    """See whether a preflight fares better at another address, which no cache knows."""
    asked, is_certain = own, _is_from_cache(fetched.response)
    if fetched.last.method == "OPTIONS":
        wire, url = probe.wire, probe.target.polling()
        asked = preflight(wire, probe.page, "GET", url, wire.patience.aside, is_browser=False)
        answer = asked.response
        if answer is None or cors_check(Page(probe.page.origin), answer) is not None:
            return finding if is_certain else proxies.preflight_not_its_own(finding)
    return proxies.meant_for_another(finding, [asked], is_certain=is_certain)


def _is_from_cache(response: Response | None) -> bool:
    """Tell whether an answer says that a cache had it."""
    if response is None:
        return False
    told = [response.combined(name) or "" for name in _CACHES]
    return response.combined("Age") not in (None, "0") or any("hit" in one.lower() for one in told)


#: Where caches say whether they had an answer.
_CACHES: Final = ("X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status")


def _preflight(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether something else than the Socket.IO server answers preflights."""
    answer, page = fetched.response, Page(probe.page.origin, probe.page.credentials)
    if fetched.last.method != "OPTIONS" or answer is None or not answer.is_ok:
        return finding
    own = probe.knock(page.origin)
    lets_in = own.response is not None and cors_check(page, own.response) is None
    if session_of(own) is None or not lets_in:
        return finding
    names = " ".join(name.lower() for name, _ in answer.headers)
    if "access-control-" not in names and "vary" not in names:
        return proxies.preflight_answered(finding, [own], page.origin)
    if answer.body == b"OK" and not proxies.is_engineio_preflight(answer):
        return proxies.preflight_completed(finding)
    is_foreign = is_python(own.response) and not proxies.is_engineio_preflight(answer)
    if is_foreign and not (is_extension(own.response) and "vary" in names):
        return proxies.preflight_not_its_own(finding)
    return finding


def _credentials(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the header that is missing may have been removed."""
    if fetched.block is None or fetched.block.value or fetched.response is None:
        return finding
    return proxies.perhaps_hidden(finding, fetched.response)


def _host(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    response = fetched.response
    return proxies.perhaps_host_rewritten(finding, response) if response is not None else finding


def _question(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the preflight's own headers arrive."""
    response = fetched.response
    if response is None or response.values("Access-Control-Allow-Headers"):
        return finding
    return proxies.question_dropped(finding) if proxies.reflects(response) else finding


def _without_origin(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether it is the origin that a server's own code refuses."""
    asked = probe.wire.send("GET", probe.target.polling())
    if session_of(asked) is None:
        return finding
    probe.is_seen = True
    probe.close(probe.target, asked, ())
    cause = f"{finding.cause} Asked without an Origin header, the server opens a session."
    return replace(finding, cause=cause, proof=(*finding.proof, *proof_of([asked])))


def _page_instead(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether a proxy puts a page of its own in the place of the server's refusal."""
    if error_of(fetched.response) is not None or session_of(fetched.last) is not None:
        return finding
    asked = probe.wire.send("GET", probe.target.polling())
    if session_of(asked) is None:
        return finding
    probe.is_seen = True
    probe.close(probe.target, asked, ())
    return proxies.refusal_replaced(finding, [asked], probe.page)


def _paths(target: Target) -> list[str]:
    """Return likely paths of the server, the likeliest first."""
    given, namespace = target.path, target.namespace.rstrip("/")
    inside = given.strip("/").split("/")[:-1]
    candidates = [f"{given}/" if not given.endswith("/") else given.rstrip("/")]
    candidates += [f"{namespace}/"] * namespace.endswith("/socket.io")
    candidates += [
        DEFAULT_PATH,
        f"{namespace}{DEFAULT_PATH}",
        f"{given.rstrip('/')}{DEFAULT_PATH}",
    ]
    candidates += [f"/{'/'.join(inside[:n])}{DEFAULT_PATH}" for n in range(len(inside), 0, -1)]
    candidates += ["/api/socket.io/", "/ws/socket.io/", "/socketio/", "/engine.io/"]
    known = dict.fromkeys(path.replace("//", "/") for path in candidates)
    return [path for path in known if path not in ("", given)][:9]


def _version(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    target = probe.target
    other = V4 if target.protocol.is_old else V3
    answer = probe.look(target.polling(other))
    response = answer.response
    if "unsupported" in (error_of(response) or "").lower():
        return proxies.query_dropped(finding, [answer])
    if response is None or not response.is_ok:
        return finding
    probe.close(replace(target, protocol=other), answer, answer.headers)
    cause = f"{finding.cause} It does answer EIO={other.version}, that of {other.clients}."
    return replace(finding, cause=cause, proof=(*finding.proof, *proof_of([answer])))


def _other_scheme(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    secure = probe.target.base.startswith("https")
    scheme = ("https", "http") if secure else ("http", "https")
    other = replace(probe.target, base=probe.target.base.replace(*scheme, 1))
    answer = probe.look(other.polling())
    speaks = answer.response is not None or (not secure and _is_certificate(answer))
    if not speaks:
        return finding
    cause = f"{finding.cause} Asked with {scheme[1]}://, it does answer."
    fix = Fix(address=f"{other.base}{other.path}")
    return replace(finding, cause=cause, fix=fix, proof=(*finding.proof, *proof_of([answer])))


def _alive(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the web server answers, where Socket.IO does not."""
    asked = probe.look(f"{probe.target.base}/")
    if asked.response is None:
        return finding
    cause = (
        "The web server answers other requests at once, the Socket.IO server none within "
        f"{probe.wire.patience.page:g} seconds, after which its client gives up; the browser "
        "prints nothing. "
        "Something is waited for without end: in Node.js, the function of cors.origin, "
        "allowRequest or a middleware that never calls back; in Python, a function that blocks."
    )
    fix = Fix("", "", "Let each such function come to an end, and call its callback in every case.")
    title = "The Socket.IO server does not answer, though the web server does."
    proof = (*finding.proof, *proof_of([asked]))
    return replace(finding, title=title, cause=cause, fix=fix, proof=proof)


_Look = Callable[[Probe, Finding, Fetched], Finding]
_LOOKS: Final[dict[str, Iterable[_Look]]] = {
    "silent": (_alive,),
    "wrong-path": (_path,),
    "another-server": (redirects.login, _page_instead, _path),
    "unexpected-status": (_page_instead,),
    "preflight-status": (_past_preflight, _path),
    "forbidden": (_past_preflight, _as_no_browser),
    "login-required": (_past_preflight,),
    "rate-limited": (_past_preflight,),
    "unsupported-version": (_version,),
    "connection-closed": (_other_scheme,),
    "tls": (_other_scheme,),
    "another-protocol": (_other_scheme,),
    "origin-mismatch": (_cache, _rewriting),
    "origin-not-allowed": (_cache, _preflight, _origin, look_at_variants),
    "header-missing": (_cache, _preflight, _origin, look_at_variants),
    "header-stripped": (_origin,),
    "header-not-listed": (_question, _preflight, _server),
    "headers-invalid": (_preflight, _server),
    "methods-invalid": (_preflight, _server),
    "method-not-listed": (_preflight,),
    "credentials-not-true": (_preflight, _credentials, _server),
    "wildcard-with-credentials": (_preflight, _replaced, _server),
    "host-not-trusted": (_host,),
    "origin-function-fails": (_without_origin,),
    "redirected": (redirects.follow,),
    "preflight-redirect": (redirects.follow,),
    "origin-lost": (redirects.follow,),
    "missing-slash": (redirects.follow,),
}


def _is_certificate(exchange: Exchange) -> bool:
    outcome = exchange.outcome
    return not isinstance(outcome, Response) and outcome.trouble is Trouble.CERTIFICATE


def _passed_on(finding: Finding, path: str, named: str) -> Finding:
    """Tell of a path that a proxy does not translate into the server's own."""
    if path == named:
        cause = (
            f"{finding.cause} The application says that its server is at {named}, and that it is "
            "asked for something else: a proxy changes the path, perhaps its last slash only."
        )
        proxy = "Let the proxy pass the path on as it is; in nginx: proxy_pass http://…:5000;"
        return replace(finding, cause=cause, fix=Fix(elsewhere=proxy))
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
    address = f"{target.base}{path}"
    found = replace(finding, id="wrong-path", title=title, cause=cause, proof=proof)
    if f"{target.path}/" == path:
        return replace(found, id="missing-slash", fix=Fix(address=address))
    extension = f'socketio = SocketIO(app, path="{target.path.strip("/")}")'
    if answer.response is not None and cors_check(page, answer.response) is not None:
        cause = f"{cause} It does not let {page.origin} in, either."
        found = replace(found, cause=cause)
        extension = f"{extension}\n{allowing(page).extension}"
    options = [f'path: "{target.path}",']
    options += ["addTrailingSlash: false,"] * (not target.path.endswith("/"))
    node = allowing(page, options=options).node
    return replace(found, fix=Fix(extension, node, address=address))
