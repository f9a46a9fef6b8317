"""What browsers print: Firefox's and Chromium's own sentences, word for word.

Firefox's stand in its ``security.properties``; both were compared with the browsers' consoles.
"""

from __future__ import annotations

import re
from typing import Final

from .fetch import Block, Check

_MISSING: Final = "CORS header ‘Access-Control-Allow-Origin’ missing"
_REPEATED: Final = "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed"
_MISMATCH: Final = "CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value}’"
_WILDCARD: Final = (
    "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’"
)
_NOT_TRUE: Final = "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’"
_PREFLIGHT: Final = "CORS preflight response did not succeed"
_EXTERNAL_REDIRECT: Final = "CORS request external redirect not allowed"
_NOT_FOUND: Final = "Did not find method in CORS header ‘Access-Control-Allow-Methods’"
_BAD_METHODS: Final = "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Methods’"
_BAD_HEADERS: Final = "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Headers’"
_NOT_LISTED: Final = (
    "header ‘{value}’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS "
    "preflight response"
)
_NOT_HTTP: Final = "CORS request not http"
_NO_SUCCESS: Final = "CORS request did not succeed"

#: The check → Firefox's reason, with ``{value}`` where it fills something in.
FIREFOX_REASONS: Final = {
    Check.ORIGIN_MISSING: _MISSING,
    Check.ORIGIN_REPEATED: _REPEATED,
    Check.ORIGIN_MISMATCH: _MISMATCH,
    Check.WILDCARD_WITH_CREDENTIALS: _WILDCARD,
    Check.CREDENTIALS_NOT_TRUE: _NOT_TRUE,
    Check.PREFLIGHT_STATUS: _PREFLIGHT,
    Check.PREFLIGHT_REDIRECT: _EXTERNAL_REDIRECT,
    Check.METHOD_NOT_LISTED: _NOT_FOUND,
    Check.METHODS_INVALID: _BAD_METHODS,
    Check.HEADERS_INVALID: _BAD_HEADERS,
    Check.HEADER_NOT_LISTED: _NOT_LISTED,
    Check.REDIRECT_NOT_HTTP: _NOT_HTTP,
    Check.REDIRECT_WITH_PASSWORD: _NO_SUCCESS,
    Check.REDIRECT_UNREADABLE: _NO_SUCCESS,
    Check.REDIRECT_INVALID: _NO_SUCCESS,
}

_BY_WITH_CREDENTIALS: Final = (
    " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the "
    "withCredentials attribute."
)
_SCHEMES: Final = (
    "chrome, chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, "
    "http, https, isolated-app"
)

#: The check → what Chromium says of it.
CHROMIUM_CAUSES: Final = {
    Check.ORIGIN_MISSING: (
        "No 'Access-Control-Allow-Origin' header is present on the requested resource."
    ),
    Check.ORIGIN_REPEATED: (
        "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one "
        "is allowed."
    ),
    Check.ORIGIN_MISMATCH: (
        "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the "
        "supplied origin."
    ),
    Check.WILDCARD_WITH_CREDENTIALS: (
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
        "wildcard '*' when the request's credentials mode is 'include'." + _BY_WITH_CREDENTIALS
    ),
    Check.CREDENTIALS_NOT_TRUE: (
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' "
        "which must be 'true' when the request's credentials mode is 'include'."
        + _BY_WITH_CREDENTIALS
    ),
    Check.PREFLIGHT_STATUS: "It does not have HTTP ok status.",
    Check.PREFLIGHT_REDIRECT: "Redirect is not allowed for a preflight request.",
    Check.METHOD_NOT_LISTED: (
        "Method {value} is not allowed by Access-Control-Allow-Methods in preflight response."
    ),
    Check.METHODS_INVALID: (
        "Cannot parse Access-Control-Allow-Methods response header field in preflight response."
    ),
    Check.HEADERS_INVALID: (
        "Cannot parse Access-Control-Allow-Headers response header field in preflight response."
    ),
    Check.HEADER_NOT_LISTED: (
        "Request header field {value} is not allowed by Access-Control-Allow-Headers in preflight "
        "response."
    ),
    Check.REDIRECT_NOT_HTTP: (
        f"Cross origin requests are only supported for protocol schemes: {_SCHEMES}."
    ),
    Check.REDIRECT_WITH_PASSWORD: (
        "Redirect location '' contains a username and password, which is disallowed for "
        "cross-origin requests."
    ),
}

#: What Chromium says of a value that can be no origin, and of a list of them.
CHROMIUM_INVALID: Final = (
    "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'."
)

_PREFLIGHT_PREFIX: Final = "Response to preflight request doesn't pass access control check: "
_ACCESS_CHECKS: Final = frozenset(
    {
        Check.ORIGIN_MISSING,
        Check.ORIGIN_REPEATED,
        Check.ORIGIN_MISMATCH,
        Check.WILDCARD_WITH_CREDENTIALS,
        Check.CREDENTIALS_NOT_TRUE,
        Check.PREFLIGHT_STATUS,
        Check.PREFLIGHT_REDIRECT,
    }
)
_WITH_STATUS: Final = frozenset({_MISSING, _PREFLIGHT, _NO_SUCCESS})
_TOLD_ONCE: Final = frozenset(
    {Check.REDIRECT_WITH_PASSWORD, Check.REDIRECT_UNREADABLE, Check.REDIRECT_INVALID}
)


def firefox_reason(block: Block) -> str:
    """Return the text in Firefox's ``(Reason: …)``."""
    return FIREFOX_REASONS[block.check].replace("{value}", _as_utf8(block.value))


def _as_utf8(value: str) -> str:
    """Return a header's value, which comes as Latin-1, as Firefox reads it."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")


def firefox_line(reason: str, url: str, status: int | None) -> str:
    """Return the line in Firefox's console.

    :param status: of the response; ``None`` where there was none.
    """
    shown = f"‘{url}’" if reason == _WILDCARD else url
    line = (
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote "
        f"resource at {shown}. (Reason: {reason})."
    )
    if reason in _WITH_STATUS:
        line += f" Status code: {'(null)' if status is None else status}."
    return line


def firefox_lines(block: Block, url: str, origin: str, *, is_redirect: bool) -> tuple[str, ...]:
    """Return all that Firefox prints of a blocked response: the reason, and what follows from it.

    :param is_redirect: whether the response is a redirect, whose failure is told once more.
    """
    leaves_web = re.match(r"(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:", block.value) is not None
    has_password = re.match(r"https?://[^/?#]*@", block.value) is not None
    is_kept = block.check is Check.PREFLIGHT_REDIRECT and (leaves_web or has_password)
    if block.check in _TOLD_ONCE or is_kept:
        return (failed_line(url),)
    if block.check is Check.REDIRECT_NOT_HTTP and block.value.startswith(("ws:", "wss:")):
        return (failed_line(url),)
    reason = firefox_reason(block)
    where = block.value if block.check is Check.REDIRECT_NOT_HTTP else url
    lines = [firefox_line(reason, where, block.status)]
    if block.check is Check.PREFLIGHT_REDIRECT:
        lines.append(_after_redirect(block, url, origin))
    if block.is_preflight or is_redirect or block.check is Check.REDIRECT_NOT_HTTP:
        lines.append(failed_line(url))
    return tuple(lines)


def _after_redirect(block: Block, url: str, origin: str) -> str:
    # Firefox judges the redirect's answer once more, by then as a page of no origin where the
    # redirect left the server's.
    value = block.value
    value = f"{url.partition('//')[0]}{value}" if value.startswith("//") else value
    left = re.match(r"https?://[^/]*", value)
    own = re.match(r"https?://[^/]*", url)
    if left is not None and own is not None and left[0] != own[0] and "*" not in block.names:
        return firefox_line(_MISMATCH.replace("{value}", origin), url, None)
    return firefox_line(_PREFLIGHT, url, block.status)


def failed_line(url: str) -> str:
    """Return what Firefox prints where it got no answer that it understands."""
    return firefox_line(_NO_SUCCESS, url, None)


def missing_line(url: str, status: int) -> str:
    """Return what Firefox prints where the header is missing."""
    return firefox_line(_MISSING, url, status)


def not_http_line(url: str) -> str:
    """Return what Firefox prints for the address of something else than a web server."""
    return firefox_line(_NOT_HTTP, url, None)


def chromium_lines(
    block: Block, url: str, origin: str, asked: str | None = None
) -> tuple[str, ...]:
    """Return what Chromium prints of a blocked response.

    :param asked: the address that the page asked for, where redirects led to `url`.
    """
    if block.check is Check.REDIRECT_INVALID:
        # An empty Location is none to Chromium, and the status of a redirect no error.
        return (network_error(INVALID_REDIRECT),) if block.value else ()
    cause = CHROMIUM_CAUSES.get(block.check)
    if block.check is Check.REDIRECT_UNREADABLE and block.value.startswith("javascript:"):
        cause = CHROMIUM_CAUSES[Check.REDIRECT_NOT_HTTP]
    if cause is None or block.value.startswith("about:"):
        # Of http: addresses, only the port can be at fault.
        is_port = block.value.startswith("http")
        return (network_error("UNSAFE_PORT" if is_port else UNSAFE_REDIRECT),)
    if block.check is Check.ORIGIN_MISMATCH:
        cause = _chromium_mismatch(block.value)
    prefix = _PREFLIGHT_PREFIX if block.is_preflight and block.check in _ACCESS_CHECKS else ""
    where = f"'{url}'" if asked in (None, url) else f"'{url}' (redirected from '{asked}')"
    if cause is CHROMIUM_CAUSES[Check.REDIRECT_NOT_HTTP]:
        where = f"'{block.value}' (redirected from '{url}')"
    told = (prefix + cause).replace("{value}", _escaped(chromium_value(block)))
    return (
        f"Access to XMLHttpRequest at {where} from origin '{origin}' has been blocked by CORS "
        f"policy: {told}",
        "Failed to load resource: net::ERR_FAILED",
    )


def chromium_value(block: Block) -> str:
    """Return what Chromium complains about, where there is more than one missing header."""
    if block.check is not Check.HEADER_NOT_LISTED:
        return block.value
    return "authorization" if "authorization" in block.names else block.names[0]


def _escaped(value: str) -> str:
    """Return a value as Chromium's console shows what is no printable ASCII."""
    return "".join(c if " " <= c <= "~" else f"\\u{ord(c):04X}" for c in value)


def _chromium_mismatch(value: str) -> str:
    if re.search(r"[ ,]", value):
        return CHROMIUM_CAUSES[Check.ORIGIN_REPEATED]
    if value not in ("null", "file://") and not _is_url(value):
        return CHROMIUM_INVALID
    return CHROMIUM_CAUSES[Check.ORIGIN_MISMATCH]


#: Chromium's names for redirects that it does not follow.
UNSAFE_REDIRECT: Final = "UNSAFE_REDIRECT"
INVALID_REDIRECT: Final = "INVALID_REDIRECT"


def _is_url(value: str) -> bool:
    """Tell whether Chromium reads a value as an address (URL standard), as far as it matters."""
    if "\ufffd" in _as_utf8(value):
        return False
    text = value.replace("\t", "")
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*):/*([^/\s:][^\s/?#]*)([/?#]\S*)?", text)
    if found is None:
        return False
    if found[1].lower() not in ("http", "https", "ws", "wss", "ftp"):
        return True
    port = re.sub(r"^(\[[^\]]*\]|[^:]*):?", "", found[2].rpartition("@")[2])
    return port == "" or (re.fullmatch("[0-9]+", port) is not None and int(port) <= 65535)


def network_error(name: str) -> str:
    """Return Chromium's line for a request that got no answer, such as ``CONNECTION_REFUSED``."""
    return f"Failed to load resource: net::ERR_{name}"


def status_line(status: int, reason: str) -> str:
    """Return Chromium's line for an error that the page may read."""
    return f"Failed to load resource: the server responded with a status of {status} ({reason})"


def mixed_content(url: str, origin: str) -> tuple[str, str]:
    """Return what Firefox and Chromium print where an https page asks for http."""
    return (
        f"Blocked loading mixed active content “{url}”",
        f"Mixed Content: The page at '{origin}/' was loaded over HTTPS, but requested an insecure "
        f"XMLHttpRequest endpoint '{url}'. This request has been blocked; the content must be "
        "served over HTTPS.",
    )


def firefox_websocket(url: str) -> str:
    """Return what Firefox prints where a WebSocket does not come about, whatever the cause."""
    return f"Firefox can’t establish a connection to the server at {url}."


def chromium_websocket(url: str, cause: str) -> str:
    """Return what Chromium prints where a WebSocket does not come about."""
    return f"WebSocket connection to '{url}' failed: {cause}"


#: Chromium's causes of a WebSocket that does not come about.
WEBSOCKET_STATUS: Final = "Error during WebSocket handshake: Unexpected response code: {status}"
WEBSOCKET_NETWORK: Final = "Error in connection establishment: net::ERR_{name}"
WEBSOCKET_UNANSWERED: Final = "Connection closed before receiving a handshake response"
WEBSOCKET_CLOSED: Final = "WebSocket is closed before the connection is established."


def authorization_warning(url: str) -> str:
    """Return Firefox's warning that ``*`` will not cover ``Authorization`` any more."""
    return (
        "Cross-Origin Request Warning: The Same Origin Policy will disallow reading the remote "
        f"resource at {url} soon. (Reason: When the `Access-Control-Allow-Headers` is `*`, the "
        "`Authorization` header is not covered. To include the `Authorization` header, it must be "
        "explicitly listed in CORS header `Access-Control-Allow-Headers`)."
    )


def chromium_not_http(url: str, origin: str) -> tuple[str, ...]:
    """Return what Chromium prints for the address of something else than a web server."""
    cause = CHROMIUM_CAUSES[Check.REDIRECT_NOT_HTTP]
    return (
        f"Access to XMLHttpRequest at '{url}' from origin '{origin}' has been blocked by CORS "
        f"policy: {cause}",
        "Failed to load resource: net::ERR_FAILED",
    )


def chromium_local_network(
    url: str, origin: str, space: str, *, is_secure: bool
) -> tuple[str, ...]:
    """Return what Chromium prints where a public page may not ask a private network.

    :param space: the server's address space, ``loopback`` or ``local``.
    :param is_secure: whether the page is served by https, so that the visitor is asked.
    """
    denied = f"Permission was denied for this request to access the `{space}` address space."
    insecure = (
        "The request client is not a secure context and the resource is in more-private address "
        f"space `{space}`."
    )
    return (
        f"Access to XMLHttpRequest at '{url}' from origin '{origin}' has been blocked by CORS "
        f"policy: {denied if is_secure else insecure}",
        "Failed to load resource: net::ERR_FAILED",
    )


# --- What others have written ------------------------------------------------------------------


def visible(text: str) -> str:
    """Spell out what a terminal would obey or hide: control, bidi and invisible characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
