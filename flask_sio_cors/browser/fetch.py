"""What a browser does with the answers of another origin: the Fetch standard as pure functions.

Where the standard only says "network error", browsers say more; which check failed is kept in a
`Block`, which :mod:`.wording` puts into each browser's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from .names import TOKEN

Header: TypeAlias = tuple[str, str]

_SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_SAFELISTED_TYPES: Final = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
_UNSAFE_BYTES: Final = re.compile('[\x00-\x08\x0a-\x1f"():<>?@\\[\\]{}\x7f\\\\]')
_LANGUAGE: Final = re.compile(r"[0-9A-Za-z *,.;=-]*")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Response:
    """An HTTP response as it came, repeated headers included."""

    status: int
    reason: str = ""
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in the order of arrival."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def combined(self, name: str) -> str | None:
        """Return a header's values as one (Fetch, "get"), or ``None`` where it is absent."""
        values = self.values(name)
        return ", ".join(value.strip() for value in values) if values else None

    @property
    def is_ok(self) -> bool:
        """Whether the status is one of success (Fetch, "ok status")."""
        return 200 <= self.status <= 299

    @property
    def location(self) -> str | None:
        """Where the response redirects to, as it is written; ``None`` for no redirect."""
        return self.combined("Location") if self.status in _REDIRECTS else None


@dataclass(frozen=True)
class Page:
    """Who asks.

    :param origin: of the page, as browsers serialise it.
    :param credentials: whether it asks with cookies, ``withCredentials: true``.
    :param headers: the names of what it sets beyond a browser's own headers, ``extraHeaders``.
    """

    origin: str
    credentials: bool = False
    headers: tuple[Header, ...] = ()


class Check(Enum):
    """A check of the Fetch standard that a response has not passed."""

    ORIGIN_MISSING = "origin-missing"
    ORIGIN_REPEATED = "origin-repeated"
    ORIGIN_MISMATCH = "origin-mismatch"
    WILDCARD_WITH_CREDENTIALS = "wildcard-with-credentials"
    CREDENTIALS_NOT_TRUE = "credentials-not-true"
    PREFLIGHT_STATUS = "preflight-status"
    PREFLIGHT_REDIRECT = "preflight-redirect"
    METHOD_NOT_LISTED = "method-not-listed"
    METHODS_INVALID = "methods-invalid"
    HEADERS_INVALID = "headers-invalid"
    HEADER_NOT_LISTED = "header-not-listed"
    REDIRECT_NOT_HTTP = "redirect-not-http"
    REDIRECT_WITH_PASSWORD = "redirect-with-password"  # noqa: S105 - it says what was found
    REDIRECT_UNREADABLE = "redirect-unreadable"
    REDIRECT_INVALID = "redirect-invalid"


@dataclass(frozen=True)
class Block:
    """Why a browser keeps a response from the page.

    :param check: what was not passed.
    :param value: the header's value, or the name, that failed it.
    :param status: of the response.
    :param is_preflight: whether the response answers a preflight.
    :param names: all headers that failed the check, in the page's order; for a redirect, what the
        response allowed.
    """

    check: Check
    value: str = ""
    status: int = 0
    is_preflight: bool = False
    names: tuple[str, ...] = ()


def cors_check(page: Page, response: Response, *, is_preflight: bool = False) -> Block | None:
    """Apply the CORS check (Fetch, section 4.9); ``None`` where the response passes."""

    def block(check: Check, value: str = "") -> Block:
        return Block(check, value, response.status, is_preflight)

    allowed = response.combined("Access-Control-Allow-Origin")
    if allowed is None:
        return block(Check.ORIGIN_MISSING)
    # Firefox, whose words these are, counts those that are spelled like this.
    spelled = [name for name, _ in response.headers if name == "Access-Control-Allow-Origin"]
    if len(spelled) > 1:
        return block(Check.ORIGIN_REPEATED, allowed)
    if allowed == "*":
        return block(Check.WILDCARD_WITH_CREDENTIALS, "*") if page.credentials else None
    if allowed != page.origin:
        return block(Check.ORIGIN_MISMATCH, allowed)
    switch = response.combined("Access-Control-Allow-Credentials")
    if page.credentials and switch != "true":
        return block(Check.CREDENTIALS_NOT_TRUE, switch or "")
    return None


def preflight_check(page: Page, method: str, response: Response) -> Block | None:
    """Apply what a preflight's response must pass (Fetch, section 4.8), in Firefox's order.

    :param method: of the request that the preflight asks for.
    """
    blocked = cors_check(page, response, is_preflight=True)
    if blocked is not None:
        return blocked
    if response.location is not None:
        allowed = response.values("Access-Control-Allow-Origin")
        location = response.location
        return Block(Check.PREFLIGHT_REDIRECT, location, response.status, True, tuple(allowed))
    if not response.is_ok:
        return Block(Check.PREFLIGHT_STATUS, str(response.status), response.status, True)
    return _check_method(page, method, response) or _check_headers(page, response)


def _check_method(page: Page, method: str, response: Response) -> Block | None:
    listed, invalid = _tokens(response, "Access-Control-Allow-Methods")
    if invalid is not None:
        return Block(Check.METHODS_INVALID, invalid, response.status, True)
    is_listed = method in listed or ("*" in listed and not page.credentials)
    if is_listed or method in _SAFELISTED_METHODS:
        return None
    return Block(Check.METHOD_NOT_LISTED, method, response.status, True)


def _check_headers(page: Page, response: Response) -> Block | None:
    listed, invalid = _tokens(response, "Access-Control-Allow-Headers")
    if invalid is not None:
        return Block(Check.HEADERS_INVALID, invalid, response.status, True)
    if "*" in listed and not page.credentials:
        # The standard leaves Authorization out; browsers only warn of it so far.
        return None
    lower = {name.lower() for name in listed}
    asked = tuple(name.lower() for name, _ in page.headers)
    missing = tuple(name for name in asked if name in unsafe_names(page) and name not in lower)
    if not missing:
        return None
    return Block(Check.HEADER_NOT_LISTED, min(missing), response.status, True, missing)


def _tokens(response: Response, name: str) -> tuple[list[str], str | None]:
    """Return the tokens of a list header, and the first that is none."""
    tokens = [token.strip(" \t") for token in (response.combined(name) or "").split(",")]
    tokens = [token for token in tokens if token]
    return tokens, next((token for token in tokens if not TOKEN.fullmatch(token)), None)


def needs_preflight(page: Page, method: str) -> bool:
    """Tell whether a browser asks before it sends such a request to another origin."""
    return method not in _SAFELISTED_METHODS or bool(unsafe_names(page))


def unsafe_names(page: Page) -> tuple[str, ...]:
    """Return the names that a preflight asks for (Fetch, "CORS-unsafe request-header names")."""
    return tuple(
        sorted({name.lower() for name, value in page.headers if not _is_safelisted(name, value)})
    )


def _is_safelisted(name: str, value: str) -> bool:
    if len(value) > 128:
        return False
    name = name.lower()
    if name in ("accept-language", "content-language"):
        return _LANGUAGE.fullmatch(value) is not None
    if name == "content-type":
        essence = value.partition(";")[0].strip().lower()
        return essence in _SAFELISTED_TYPES and not _UNSAFE_BYTES.search(value)
    return name == "accept" and not _UNSAFE_BYTES.search(value)


# Section 2.2.1, "normalize": whatever is not among these is sent letter by letter.
_NORMALIZED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})


def normalized_method(method: str) -> str:
    """Return a method as browsers send it: some in upper case, the others as they are."""
    return method.upper() if method.upper() in _NORMALIZED_METHODS else method


def varies_by_origin(response: Response) -> bool:
    """Tell whether caches keep this response apart from those to other origins (RFC 9110)."""
    names = (response.combined("Vary") or "").lower().replace(" ", "").split(",")
    return "origin" in names or "*" in names


# Fetch standard, section 2.9, "bad port".
BAD_PORTS: Final = frozenset(
    map(
        int,
        """0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109
        110 111 113 115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531
        532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060
        5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080""".split(),
    )
)


def is_mixed_content(origin: str, server: str, is_local: bool) -> bool:
    """Tell whether browsers block what a page asks a server (Mixed Content, section 4.4).

    :param origin: of the page.
    :param server: the origin that it asks.
    :param is_local: whether that is the user's own machine, which needs no encryption.
    """
    return origin.startswith("https:") and server.startswith("http:") and not is_local
