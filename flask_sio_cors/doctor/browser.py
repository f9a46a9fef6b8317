"""A browser without a window: fetches as a page of another origin does (Fetch, section 4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import quote_from_bytes, urlsplit

from ada_url import URL

from ..browser.fetch import (
    BAD_PORTS,
    Block,
    Check,
    Header,
    Page,
    Response,
    cors_check,
    needs_preflight,
    preflight_check,
    unsafe_names,
)
from ..origins.grammar import DEFAULT_PORTS, is_loopback
from ..origins.sites import is_same_site
from .wire import UNASKED, Exchange, Failure, Wire

#: How many redirects are followed, as in browsers.
MAX_REDIRECTS: Final = 20
#: How often to one address; what has led there twice leads there again.
_MAX_VISITS: Final = 3


@dataclass(frozen=True)
class Fetched:
    """What a browser made of a fetch; false where there was none.

    :param exchanges: all that was sent and came back, preflights and redirects included.
    :param block: the check that kept the last response from the page.
    :param redirected_for_good: whether the redirects did not end.
    """

    exchanges: tuple[Exchange, ...] = ()
    block: Block | None = None
    redirected_for_good: bool = False

    def __bool__(self) -> bool:
        return bool(self.exchanges)

    @property
    def last(self) -> Exchange:
        """The exchange that ended it."""
        return self.exchanges[-1] if self.exchanges else UNASKED

    @property
    def failure(self) -> Failure | None:
        """Why there was no answer."""
        outcome = self.last.outcome
        return outcome if isinstance(outcome, Failure) else None

    @property
    def response(self) -> Response | None:
        """The answer, whether the page may read it or not; as much of it as came."""
        return self.last.head

    @property
    def readable(self) -> Response | None:
        """The answer, where the page may read it."""
        is_kept = self.block is not None or self.redirected_for_good
        return None if is_kept else self.last.response


#: Where nothing was fetched.
NOTHING: Final = Fetched()


def origin_of(url: str) -> str:
    """Return the origin of an http, https, ws or wss address."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    is_default = port is None or str(port) == DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{host}{'' if is_default else f':{port}'}"


class Browser:
    """Fetches for one page, remembering cookies (with credentials) and passed preflights."""

    def __init__(self, page: Page, wire: Wire) -> None:
        self.page = page
        self.wire = wire
        #: Names of cookies that browsers do not take from another site.
        self.rejected: list[str] = []
        self._cookies: dict[str, str] = {}
        self._passed: set[tuple[str, str]] = set()

    async def fetch(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        patience: float | None = None,
        sent: asyncio.Event | None = None,
    ) -> Fetched:
        """Fetch as a page's XMLHttpRequest does.

        :param patience: how long it may take in seconds, preflights and redirects included; without
            it, as long as a page's connection.
        :param sent: set when the request has left.
        :raise SpentError: if the bounds of the examination are reached.
        """
        exchanges: list[Exchange] = []
        page, visits = self.page, Counter[str]()
        end = self.wire.seconds + (self.wire.patience.page if patience is None else patience)
        is_cross_origin = origin_of(url) != page.origin
        for _ in range(MAX_REDIRECTS + 1):
            visits[url] += 1
            if visits[url] > _MAX_VISITS:
                break
            if is_cross_origin:
                asked = await self._ask_first(page, method, url, end - self.wire.seconds)
                exchanges += asked.exchanges
                if asked and (asked.block is not None or asked.response is None):
                    return Fetched(tuple(exchanges), asked.block)
            # Fetch, "append a request Origin header": to the page's own server, too, if it posts.
            names_origin = is_cross_origin or method not in ("GET", "HEAD")
            headers = self._headers(page, url, names_origin)
            left = end - self.wire.seconds
            exchange = await self.wire.send(method, url, headers, body, left, sent)
            exchanges.append(exchange)
            response = exchange.response
            if response is None:
                return Fetched(tuple(exchanges), _cut_block(page, exchange, is_cross_origin))
            self._keep_cookies(response, url)
            target, block = _redirect(response.location, url, is_cross_origin)
            is_unfollowed = block is not None and block.value and block.check in _UNFOLLOWED
            if is_cross_origin and not is_unfollowed:
                block = cors_check(page, response) or block
            if block is not None or target is None:
                return Fetched(tuple(exchanges), block)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = "GET", None
            if is_cross_origin and origin_of(url) != origin_of(target):
                # To the next server it is of no origin: another one has sent it there.
                page = replace(page, origin="null")
            is_cross_origin = is_cross_origin or origin_of(target) != page.origin
            url = target
        return Fetched(tuple(exchanges), redirected_for_good=True)

    async def _ask_first(self, page: Page, method: str, url: str, patience: float) -> Fetched:
        """Send a preflight, unless none is needed, or one has passed."""
        key = (method, f"{origin_of(url)}{urlsplit(url).path}")
        if key in self._passed or not needs_preflight(page, method):
            return NOTHING
        asked = await preflight(self.wire, page, method, url, patience)
        if asked.response is not None and asked.block is None:
            self._passed.add(key)
        return asked

    def headers(self, url: str) -> tuple[Header, ...]:
        """Return what the page's own headers and cookies add to a request."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return (("Cookie", cookie),) if cookie and self._has_credentials(url) else ()

    def _headers(self, page: Page, url: str, names_origin: bool) -> tuple[Header, ...]:
        origin: tuple[Header, ...] = (("Origin", page.origin),) if names_origin else ()
        metadata = (*_referrer(page.origin, url), *fetch_metadata(page.origin, url))
        return (*origin, *metadata, *page.headers, *self.headers(url))

    def _keep_cookies(self, response: Response, url: str) -> None:
        """Keep what a browser keeps: from another site, only what says that it is meant for it."""
        site = _site(self.page.origin, url)
        if not self._has_credentials(url):
            return
        for line in response.values("Set-Cookie"):
            try:
                cookies = SimpleCookie(line)
            except CookieError:
                continue
            for name, morsel in cookies.items():
                is_secure, is_none = bool(morsel["secure"]), morsel["samesite"].lower() == "none"
                # Chromium takes no secure cookie by http:, of this very machine neither.
                is_for_others = is_secure and is_none and url.startswith("https:")
                if site != "cross-site" or is_for_others:
                    self._cookies[name] = morsel.coded_value
                elif name not in self.rejected:
                    self.rejected.append(name)

    def _has_credentials(self, url: str) -> bool:
        """Tell whether the page asks there with cookies: of its own server it always does."""
        return self.page.credentials or origin_of(url) == self.page.origin


async def preflight(
    wire: Wire,
    page: Page,
    method: str,
    url: str,
    patience: float,
    *,
    is_browser: bool = True,
) -> Fetched:
    """Send the preflight of a request, and see what keeps its answer from letting that pass.

    :param patience: how long it may take, in seconds.
    :param is_browser: whether the server is told that a page asks (Fetch metadata).
    """
    asked: list[Header] = [("Origin", page.origin), ("Access-Control-Request-Method", method)]
    if names := ",".join(unsafe_names(page)):
        asked.append(("Access-Control-Request-Headers", names))
    if is_browser:
        asked += (*_referrer(page.origin, url), *fetch_metadata(page.origin, url))
    exchange = await wire.send("OPTIONS", url, tuple(asked), patience=patience)
    response = exchange.head
    block = preflight_check(page, method, response) if response is not None else None
    if response is not None and response.location and resolve(response.location, url) is None:
        block = Block(Check.REDIRECT_INVALID, response.location)
    return Fetched((exchange,), block)


def _cut_block(page: Page, exchange: Exchange, is_cross_origin: bool) -> Block | None:
    """Return what keeps an incomplete answer from the page: its headers come before its body."""
    head = exchange.head
    if head is None or not is_cross_origin or head.location is not None:
        return None
    return cors_check(page, head)


def fetch_metadata(
    origin: str, url: str, mode: str = "cors", dest: str = "empty"
) -> tuple[Header, ...]:
    """Return the ``Sec-Fetch-…`` headers of a page's request; only a safe server is told."""
    if not url.startswith(("https:", "wss:")) and not is_loopback(urlsplit(url).hostname or ""):
        return ()
    return (
        ("Sec-Fetch-Site", _site(origin, url)),
        ("Sec-Fetch-Mode", mode),
        ("Sec-Fetch-Dest", dest),
    )


def _referrer(origin: str, url: str) -> tuple[Header, ...]:
    """Return what a page tells of itself by default (strict-origin-when-cross-origin)."""
    is_downgrade = origin.startswith("https:") and url.startswith("http:")
    if not origin.startswith("http") or is_downgrade:
        return ()
    return (("Referer", f"{origin}/"),)


def _site(origin: str, url: str) -> str:
    if origin == origin_of(url):
        return "same-origin"
    return "same-site" if is_same_site(origin, origin_of(url)) else "cross-site"


def _redirect(
    location: str | None, url: str, is_cross_origin: bool
) -> tuple[str | None, Block | None]:
    """Return where a response leads to, and what forbids to go there.

    :param location: the response's ``Location``; ``None`` where it is no redirect.
    """
    if location is None:
        return None, None
    target = resolve(location, url) if location else None
    if target is None:
        return None, Block(Check.REDIRECT_INVALID, location)
    check = _redirect_check(URL(target), is_cross_origin)
    return target, Block(check, target) if check is not None else None


#: Redirects that are not followed whatever their CORS headers are.
_UNFOLLOWED: Final = (Check.REDIRECT_INVALID, Check.REDIRECT_UNREADABLE)


def resolve(location: str, base: str) -> str | None:
    """Return the address that a header names (URL standard), or ``None`` where it names none.

    :param location: the header's value as it came, a character a byte.
    """
    # Bytes beyond ASCII are to be taken as they are, and in a name as UTF-8.
    encoded = quote_from_bytes(location.encode("latin-1", "replace"), safe=_ASCII)
    try:
        return str(URL(encoded, base=base).href)
    except ValueError:
        return None


_ASCII: Final = bytes(range(128))


def _redirect_check(target: URL, is_cross_origin: bool) -> Check | None:
    if target.protocol in ("data:", "file:", "javascript:", "blob:", "chrome:"):
        return Check.REDIRECT_UNREADABLE
    if target.protocol not in ("http:", "https:"):
        return Check.REDIRECT_NOT_HTTP
    if target.port and int(target.port) in BAD_PORTS:
        return Check.REDIRECT_UNREADABLE
    if target.username or target.password:
        return Check.REDIRECT_WITH_PASSWORD if is_cross_origin else None
    return None
