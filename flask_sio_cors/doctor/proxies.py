"""What proxies change on the request's way to the server, which then answers something else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..browser.fetch import Page, Response
from .exchange import Exchange
from .findings import Finding
from .fixes import Fix, allowing
from .handshake import is_extension, is_python, session_of
from .proof import proof_of

_ORIGIN: Final = (
    "Let the proxy forward the request's own Origin: in nginx, remove proxy_set_header Origin; in "
    "CloudFront, choose an origin request policy that forwards it, as AllViewer does."
)
_QUESTION: Final = (
    "Let the proxy forward Access-Control-Request-Method and Access-Control-Request-Headers; in "
    "nginx, remove proxy_set_header for both, and proxy_hide_header Access-Control-Allow-Headers; "
    "in CloudFront, choose an origin request policy that "
    "forwards them, as AllViewer does."
)
_HOST: Final = (
    "Let the proxy tell the server the address that browsers ask for; in nginx, in the location of "
    "the Socket.IO path: proxy_set_header Host $http_host; (not $host, which has no port). In "
    "Apache: ProxyPreserveHost On. Or let it send that address as X-Forwarded-Host."
)
_SCHEME: Final = (
    "Let the proxy tell the server the scheme that browsers use; in nginx, in the location of the "
    "Socket.IO path: proxy_set_header X-Forwarded-Proto $scheme; In Apache: RequestHeader set "
    "X-Forwarded-Proto expr=%{REQUEST_SCHEME}"
)
_OPTIONS: Final = (
    "Let OPTIONS requests through to the Socket.IO server, which answers them itself; in nginx, "
    "look for if ($request_method = OPTIONS) { return 204; } in the location, and remove it."
)
_CACHE: Final = (
    "Do not cache the Socket.IO path, nor OPTIONS; in nginx: proxy_cache off; in a CDN: bypass the "
    "cache, or make Origin a part of its key."
)
_NAMES: Final = re.compile(
    "nginx|openresty|tengine|apache|caddy|envoy|traefik|litespeed|varnish|haproxy|cloudflare|"
    "cloudfront|awselb|microsoft-iis|lighttpd",
    re.IGNORECASE,
)


def proxy_of(response: Response | None) -> str | None:
    """Return the name of the proxy that an answer has come through, where one shows."""
    if response is None:
        return None
    server = response.combined("Server") or ""
    return server if _NAMES.search(server) else response.combined("Via")


def is_own_page(response: Response | None) -> bool:
    """Tell whether a proxy has written an answer itself, and not the server behind it."""
    if response is None or proxy_of(response) is None:
        return False
    pages = rb"<center>(nginx|openresty|tengine|cloudflare)|<address>Apache|<h1>40\d [\w ]+</h1>\n"
    return re.search(pages, response.body) is not None


def names_no_origin(exchange: Exchange) -> bool:
    """Tell whether an answer opens a session, and allows no origin to read it."""
    response = exchange.response
    return (
        response is not None
        and session_of(exchange) is not None
        and response.combined("Access-Control-Allow-Origin") is None
    )


def knows_origins(response: Response | None) -> bool:
    """Tell whether a session's answer is that of a server that refuses origins it does not know."""
    return is_python(response) or is_extension(response)


def origin_dropped(finding: Finding, asked: Iterable[Exchange], stranger: str) -> Finding:
    """Tell of a server that does not get to know who asks."""
    cause = (
        f"The server opens a session for anybody, even for a page of {stranger}, and allows no "
        "origin to read it: that is how it treats requests without an Origin header. A proxy drops "
        "that header. (If every origin is allowed, the answer's header may be lost instead.)"
    )
    return _told(finding, "origin-dropped", "The page's Origin does not arrive.", cause, asked)


def origin_rewritten(finding: Finding, asked: Iterable[Exchange], value: str) -> Finding:
    """Tell of a server that is told another origin than the page's."""
    cause = (
        f"The server answers {value}, though it only ever answers the origin that it was asked "
        "with: a proxy writes that into the request's Origin header."
    )
    return _told(finding, "origin-rewritten", "The page's Origin is rewritten.", cause, asked)


def own_origin_refused(finding: Finding, asked: Iterable[Exchange], own: str) -> Finding:
    """Tell of a server that does not know its own pages."""
    cause = (
        f"The server refuses even the pages of its own origin, {own}, which it never does: a proxy "
        "writes something else into the request's Origin header, or into Host."
    )
    title = "The page's Origin or the server's Host is rewritten."
    told = _told(finding, "origin-rewritten", title, cause, asked)
    more = "; and let it forward Host, or send X-Forwarded-Host and X-Forwarded-Proto."
    return replace(told, fix=Fix(elsewhere=f"{_ORIGIN.rstrip('.')}{more}"))


def own_address_hidden(finding: Finding, asked: Iterable[Exchange], own: str) -> Finding:
    """Tell of a server that takes its own pages for strangers, as it does not know its address.

    :param asked: with the address told, which the server let in; none where it was not believed.
    """
    cause = (
        f"The server refuses the pages of its own origin, {own}: a proxy asks it under another "
        "name, in the Host header, so that it takes them for strangers. (A GET request of the "
        "page's own server names no Origin, and passes; POST and WebSocket do.)"
    )
    proof = [*asked]
    if proof:
        cause += " Told the address by X-Forwarded-Host, it lets them in."
    title = "The server does not know its own address."
    told = _told(finding, "host-rewritten", title, cause, proof)
    extra = "" if own.startswith("http:") else f" {_SCHEME}"
    return replace(told, fix=Fix(elsewhere=f"{_HOST}{extra}"))


def own_scheme_hidden(finding: Finding, asked: Iterable[Exchange], own: str) -> Finding:
    """Tell of a server that takes its own pages for strangers, as it does not know of TLS."""
    cause = (
        f"The server refuses the pages of its own origin, {own}: a proxy speaks TLS in its place, "
        "and does not tell it, so that it takes itself for an http: server. Told the scheme by "
        "X-Forwarded-Proto, it lets them in."
    )
    title = "The server does not know that it is at https://."
    told = _told(finding, "scheme-hidden", title, cause, asked)
    return replace(told, fix=Fix(elsewhere=_SCHEME))


def preflight_answered(finding: Finding, asked: Iterable[Exchange], origin: str) -> Finding:
    """Tell of a preflight that does not come to the server."""
    cause = (
        "The preflight is answered without any CORS header, and the Socket.IO server itself does "
        f"let {origin} in: a proxy, or a middleware, answers OPTIONS requests in its place."
    )
    title = "Something before the server answers the preflight."
    told = _told(finding, "preflight-answered", title, cause, asked)
    return replace(told, fix=Fix(elsewhere=_OPTIONS))


def preflight_not_its_own(finding: Finding) -> Finding:
    """Complete a finding on a preflight's answer that the Socket.IO server has not written."""
    cause = (
        f"{finding.cause} The Socket.IO server itself would let the page in; that answer is not "
        "its own, but that of a proxy or a middleware, where the lists stand."
    )
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=_OPTIONS))


def preflight_completed(finding: Finding) -> Finding:
    """Complete a finding on a preflight whose headers are not the Socket.IO server's own."""
    cause = (
        f"{finding.cause} The Socket.IO server itself has no CORS: what lets the page in is added "
        "to its answers by a proxy or a middleware."
    )
    fix = (
        "Let one place alone send the headers: with these lines in the server, remove "
        "add_header Access-Control-… from the proxy."
    )
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=fix))


def query_dropped(finding: Finding, asked: Iterable[Exchange]) -> Finding:
    """Tell of a server that learns no version at all."""
    cause = (
        "The server understands none of the protocol's versions, 3 or 4, with which it is asked: "
        "what stands behind the question mark does not arrive. A proxy cuts it off."
    )
    fix = (
        "Let the proxy pass the query on; in nginx, after a path with variables, as in "
        "proxy_pass http://…:5000$uri, write $is_args$args; or leave the path out."
    )
    told = _told(finding, "query-dropped", "The request's query does not arrive.", cause, asked)
    return replace(told, fix=Fix(elsewhere=fix))


def meant_for_another(finding: Finding, asked: Iterable[Exchange], *, is_certain: bool) -> Finding:
    """Tell of an answer that names another origin, where the next one names the page's.

    :param is_certain: whether nothing else explains it than a cache.
    """
    what = (
        "a cache gives one visitor's answer to another, although it varies by Origin"
        if is_certain
        else "a cache gives one visitor's answer to another, although it varies by Origin; or a "
        "proxy answers some requests itself; or several servers with different lists take turns"
    )
    cause = f"{finding.cause} But the server does answer the page with its own origin: {what}."
    proof = (*finding.proof, *proof_of(asked))
    title = "The answer was meant for another page."
    return replace(
        finding, id="cached", title=title, cause=cause, proof=proof, fix=Fix(elsewhere=_CACHE)
    )


def perhaps_hidden(finding: Finding, response: Response) -> Finding:
    """Complete a finding on credentials that are not allowed: a proxy may have removed that."""
    proxy, cause = proxy_of(response), finding.cause
    is_plain = is_python(response) and not is_extension(response)
    if is_plain:
        cause += " Flask-SocketIO sends that by itself, unless it is given cors_credentials=False."
    if proxy is None and not is_plain:
        return finding
    cause += f" Or {f'the proxy ({proxy})' if proxy else 'a proxy'} removes it on its way."
    fix = (
        "If the server does send Access-Control-Allow-Credentials: let the proxy pass it on; in "
        "nginx, remove proxy_hide_header Access-Control-Allow-Credentials;"
    )
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=fix))


def perhaps_host_rewritten(finding: Finding, response: Response) -> Finding:
    """Complete a finding on a host that is not trusted: it may not be the one that was asked."""
    proxy = proxy_of(response)
    if proxy is None:
        return finding
    cause = (
        f"{finding.cause} A proxy ({proxy}) stands between, which sends a Host of its own (in "
        "nginx: the address in proxy_pass) unless it is told otherwise."
    )
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=_HOST))


def path_cut_off(finding: Finding, found: Finding, path: str) -> Finding:
    """Tell of a proxy that takes the Socket.IO path itself for a prefix.

    :param found: the finding on where the server answers.
    """
    name = path.rstrip("/")
    cause = (
        f"{finding.cause} The server answers at {name}{path}, since a proxy cuts {name} off before "
        "it passes a request on."
    )
    fix = (
        "Let the proxy pass the path on as it is; in nginx, nothing stands behind the port in "
        f"proxy_pass, no slash either: location {path} {{ proxy_pass http://…:5000; }}"
    )
    title = f"A proxy cuts {name} off."
    return replace(found, id="path-cut-off", title=title, cause=cause, fix=Fix(elsewhere=fix))


def only_below(found: Finding, path: str, below: str) -> Finding:
    """Complete a finding on a server to which a proxy leads under a prefix only."""
    cause = (
        f"{found.cause} What answers at {path} is the proxy itself: it passes on what is below "
        f"{below.removesuffix(path)}/, perhaps without that prefix."
    )
    elsewhere = (
        f"Or let the proxy pass {path} on, too; in nginx: location {path} "
        "{ proxy_pass http://…:5000; }, with the lines of the location that is there."
    )
    fix = Fix(elsewhere=elsewhere, address=found.fix.address)
    return replace(found, cause=cause, fix=fix)


def cookies_rejected(finding: Finding, names: Iterable[str], origin: str) -> Finding:
    """Tell of sticky sessions that rest on cookies which browsers do not keep."""
    listed = ", ".join(names)
    cause = (
        f"{finding.cause} An answer sets a cookie ({listed}), as load balancers do to find the "
        f"same server again, but not by https with SameSite=None; Secure: for pages of another "
        f"site, as {origin}, a browser neither keeps it nor sends it."
    )
    fix = (
        f"Let the load balancer set {listed} with SameSite=None; Secure by https, in nginx: "
        "proxy_cookie_flags ~ secure samesite=none; in HAProxy: cookie … secure attr SameSite=None "
        "(Safari keeps none all the same); or let it choose by the visitor's address: ip_hash; or "
        "serve the page from the server's own site."
    )
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=fix))


def refusal_replaced(finding: Finding, asked: Iterable[Exchange], page: Page) -> Finding:
    """Tell of a page that a proxy shows in the place of the server's refusal."""
    cause = (
        f"The Socket.IO server is there, and opens a session for a request without an Origin; to "
        f"that of {page.origin} the answer is a page of something before it. So the server refuses "
        "this origin, and a proxy shows its own page for errors (in nginx: proxy_intercept_errors, "
        "error_page)."
    )
    proof = (*finding.proof, *proof_of(asked))
    title = f"The server does not allow {page.origin}."
    return replace(
        finding, id="origin-not-allowed", title=title, cause=cause, fix=allowing(page), proof=proof
    )


def header_replaced(finding: Finding, asked: Iterable[Exchange], value: str) -> Finding:
    """Tell of an answer whose header is not the server's own."""
    cause = (
        f"{finding.cause} But the Socket.IO server never sends {value} like that, as what else it "
        "answers shows: something behind it writes its own Access-Control-Allow-Origin over the "
        "server's."
    )
    fix = (
        "Remove what writes the header: in nginx, add_header and proxy_hide_header; in HAProxy, "
        "http-response set-header; in Apache, Header set; a middleware."
    )
    proof = (*finding.proof, *proof_of(asked))
    return replace(finding, cause=cause, fix=Fix(elsewhere=fix), proof=proof)


def header_added(finding: Finding, value: str) -> Finding:
    """Tell of a header that something else adds to the answers of a server without CORS."""
    cause = (
        f"{finding.cause} The Socket.IO server never sends {value} like that: something adds it."
    )
    elsewhere = " ".join(filter(None, (finding.fix.elsewhere, REMOVE_SENDER)))
    return replace(finding, cause=cause, fix=replace(finding.fix, elsewhere=elsewhere))


#: What to do besides where a header is sent that the Socket.IO server does not send.
REMOVE_SENDER: Final = (
    "And remove what adds the CORS header to this answer: in nginx, add_header; a middleware, "
    "after_request. Beside the server's own it would be one too many."
)


def is_own(value: str, base: str) -> bool:
    """Tell whether an allowed origin is the server's own, as a careless proxy writes it."""
    try:
        return urlsplit(value).hostname == urlsplit(base).hostname
    except ValueError:
        return False


def question_dropped(finding: Finding) -> Finding:
    """Tell of a server that does not learn which headers a preflight asks for."""
    cause = (
        "The server allows whatever headers a preflight asks for, and has allowed none: a proxy "
        "drops the preflight's Access-Control-Request-Method or -Headers (or the answer's "
        "Access-Control-Allow-Headers)."
    )
    title = "The preflight's question does not arrive."
    told = _told(finding, "preflight-question-dropped", title, cause, [])
    return replace(told, fix=Fix(elsewhere=_QUESTION))


def reflects(preflight: Response) -> bool:
    """Tell whether a preflight's answer is that of a server that allows what it is asked for."""
    varies = (preflight.combined("Vary") or "").lower()
    if "access-control-request-headers" in varies or is_engineio_preflight(preflight):
        return True
    # What this extension says to OPTIONS that asks for nothing.
    return _is_engineios(preflight) and "origin" in varies


def is_engineio_preflight(response: Response | None) -> bool:
    """Tell whether an answer to OPTIONS is python-engineio's own, with CORS switched on."""
    is_cors = response is not None and bool(response.values("Access-Control-Allow-Methods"))
    return is_cors and _is_engineios(response)


def _is_engineios(preflight: Response | None) -> bool:
    return preflight is not None and preflight.body == b"OK"


def _told(finding: Finding, id_: str, title: str, cause: str, asked: Iterable[Exchange]) -> Finding:
    proof = (*finding.proof, *proof_of(asked))
    fix = Fix(elsewhere=_ORIGIN)
    return replace(finding, id=id_, title=title, cause=cause, fix=fix, proof=proof)
