"""A browser without a window: fetches as a page of another origin does (Fetch, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urljoin, urlsplit

from ..fetch import (
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
from ..origins import DEFAULT_PORTS
from .exchange import Exchange, Failure, Wire

#: How many redirects are followed; browsers give up after 20.
MAX_REDIRECTS: Final = 5


@dataclass(frozen=True)
class Fetched:
    """What a browser made of a fetch.

    :param exchanges: all that was sent and came back, preflights and redirects included.
    :param block: the check that kept the last response from the page.
    :param redirected_for_good: whether the redirects did not end.
    """

    exchanges: tuple[Exchange, ...]
    block: Block | None = None
    redirected_for_good: bool = False

    @property
    def last(self) -> Exchange:
        return self.exchanges[-1]

    @property
    def failure(self) -> Failure | None:
        """Why there was no answer."""
        outcome = self.last.outcome
        return outcome if isinstance(outcome, Failure) else None

    @property
    def response(self) -> Response | None:
        """The answer, whether the page may read it or not; as much of it as came."""
        return _head(self.last)

    @property
    def readable(self) -> Response | None:
        """The answer, where the page may read it."""
        is_kept = self.block is not None or self.redirected_for_good
        return None if is_kept else self.last.response


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
        self._cookies: dict[str, str] = {}
        self._passed: set[tuple[str, str]] = set()

    def fetch(self, method: str, url: str, body: bytes | None = None) -> Fetched:
        """Fetch as a page's XMLHttpRequest does.

        :raise SpentError: if the bounds of the examination are reached.
        """
        page, exchanges = self.page, []
        is_cross_origin = origin_of(url) != page.origin
        for _ in range(MAX_REDIRECTS + 1):
            if is_cross_origin and needs_preflight(page, method):
                asked = self._ask_first(page, method, url)
                if asked is not None:
                    exchanges.append(asked[0])
                    if asked[1] is not None or _head(asked[0]) is None:
                        return Fetched(tuple(exchanges), asked[1])
            exchange = self.wire.send(method, url, self._headers(page, url, is_cross_origin), body)
            exchanges.append(exchange)
            response = exchange.response
            if response is None:
                return Fetched(tuple(exchanges), _cut_block(page, exchange, is_cross_origin))
            self._keep_cookies(response)
            target = _resolved(url, response.location)
            block = _redirect_block(target, is_cross_origin) if target is not None else None
            if is_cross_origin and (block is None or block.check is not _UNREADABLE):
                block = cors_check(page, response) or block
            if block is not None or target is None:
                return Fetched(tuple(exchanges), block)
            page = _redirected(page, url, target, is_cross_origin)
            is_cross_origin = is_cross_origin or origin_of(target) != page.origin
            url = target
        return Fetched(tuple(exchanges), redirected_for_good=True)

    def _ask_first(self, page: Page, method: str, url: str) -> tuple[Exchange, Block | None] | None:
        """Send a preflight, unless one has passed; return it and what it failed."""
        key = (method, urlsplit(url).path)
        if key in self._passed:
            return None
        exchange = preflight(self.wire, page, method, url)
        response = _head(exchange)
        block = preflight_check(page, method, response) if response is not None else None
        if response is not None and block is None:
            self._passed.add(key)
        return exchange, block

    def headers(self, url: str) -> tuple[Header, ...]:
        """Return what the page's own headers and cookies add to a request."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return (("Cookie", cookie),) if cookie and self.page.credentials else ()

    def _headers(self, page: Page, url: str, is_cross_origin: bool) -> tuple[Header, ...]:
        origin: tuple[Header, ...] = (("Origin", page.origin),) if is_cross_origin else ()
        return (*origin, *fetch_metadata(page.origin, url), *page.headers, *self.headers(url))

    def _keep_cookies(self, response: Response) -> None:
        for line in response.values("Set-Cookie"):
            try:
                cookies = SimpleCookie(line)
            except CookieError:
                continue
            self._cookies.update({name: morsel.value for name, morsel in cookies.items()})


_UNREADABLE: Final = Check.REDIRECT_UNREADABLE


def preflight(
    wire: Wire, page: Page, method: str, url: str, *, is_browser: bool = True
) -> Exchange:
    """Send the preflight of a request.

    :param is_browser: whether the server is told that a page asks (Fetch metadata).
    """
    names = ",".join(unsafe_names(page))
    asked: tuple[Header, ...] = (("Access-Control-Request-Method", method),)
    if names:
        asked += (("Access-Control-Request-Headers", names),)
    metadata = fetch_metadata(page.origin, url) if is_browser else ()
    return wire.send("OPTIONS", url, (("Origin", page.origin), *asked, *metadata))


def fetch_metadata(origin: str, url: str, mode: str = "cors") -> tuple[Header, ...]:
    """Return the ``Sec-Fetch-…`` headers of a page's request."""
    return (
        ("Sec-Fetch-Site", _site(origin, url)),
        ("Sec-Fetch-Mode", mode),
        ("Sec-Fetch-Dest", "empty"),
    )


def _site(origin: str, url: str) -> str:
    if origin == origin_of(url):
        return "same-origin"
    own, other = urlsplit(origin), urlsplit(origin_of(url))
    is_same = own.scheme == other.scheme and registrable(own.hostname) == registrable(
        other.hostname
    )
    return "same-site" if is_same and own.hostname else "cross-site"


def registrable(host: str | None) -> str:
    """Return the part of a host's name that its owner registered; an IP address as it is."""
    from publicsuffixlist import PublicSuffixList

    name = (host or "").rstrip(".")
    if ":" in name or name.rpartition(".")[2].isdigit() or "." not in name:
        return name
    return PublicSuffixList().privatesuffix(name) or name


def _head(exchange: Exchange) -> Response | None:
    """Return an answer, or its headers where its body does not come: of preflights nothing else
    counts."""
    outcome = exchange.outcome
    return outcome.response if isinstance(outcome, Failure) else outcome


def _cut_block(page: Page, exchange: Exchange, is_cross_origin: bool) -> Block | None:
    """Return what keeps an incomplete answer from the page: its headers come before its body."""
    head = _head(exchange)
    if head is None or not is_cross_origin or head.location is not None:
        return None
    return cors_check(page, head)


def _resolved(url: str, location: str | None) -> str | None:
    """Return where a redirect leads."""
    if location is None:
        return None
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _redirect_block(target: str, is_cross_origin: bool) -> Block | None:
    """Return what forbids to follow a redirect."""
    try:
        parts = urlsplit(target)
        has_host, has_password = bool(parts.hostname), parts.username is not None
        port = parts.port  # raises where it is no number
    except ValueError:
        return Block(Check.REDIRECT_UNREADABLE, target)
    if parts.scheme in ("data", "file", "javascript", "blob", "chrome"):
        return Block(Check.REDIRECT_UNREADABLE, target)
    if parts.scheme not in ("http", "https"):
        return Block(Check.REDIRECT_NOT_HTTP, target)
    if not has_host or port in BAD_PORTS or " " in parts.netloc:
        return Block(Check.REDIRECT_UNREADABLE, target)
    if has_password and is_cross_origin:
        return Block(Check.REDIRECT_WITH_PASSWORD, target)
    return None


def _redirected(page: Page, url: str, target: str, is_cross_origin: bool) -> Page:
    """Return the page as the next server sees it: of no origin, where another one sent it there."""
    if is_cross_origin and origin_of(url) != origin_of(target):
        return Page("null", page.credentials, page.headers)
    return page
