"""Proxies that remove the ``Origin`` header, or write another: nobody can be told apart then."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Tampering(Enum):
    """What a proxy does to the ``Origin`` header, by what browsers say beside it."""

    REMOVED = "removed"  #: it came without, where browsers always send it
    REPLACED = "replaced"  #: it names the server, where the page is another's
    ADDED = "added"  #: it came with a request with which browsers send none


_WRITES_ITS_OWN: Final = (
    "So a proxy in front of this server seems to write the server's own origin into the Origin "
    "header. Any site's page can open a WebSocket here then, in browsers that send no "
    "Sec-Fetch-Site with it, such as Chromium. Remove the line that does it (nginx: "
    "proxy_set_header Origin https://$http_host;), so that the header passes as it came."
)
_SENTENCES: Final = {
    Tampering.REMOVED: (
        "A browser's WebSocket came without an Origin header, which browsers always send (RFC "
        "6455, section 4.1). So a proxy in front of this server removes it, and any site's page "
        "can open a WebSocket here, as native clients can. Remove the line that does it (nginx: "
        'proxy_set_header Origin ""; Apache: RequestHeader unset Origin, HAProxy: http-request '
        "del-header Origin, Caddy: header_up -Origin), so that the header passes as it came."
    ),
    Tampering.REPLACED: (
        "The Origin header names this server, but the browser says, by Sec-Fetch-Site, that the "
        f"page is of another origin. {_WRITES_ITS_OWN}"
    ),
    Tampering.ADDED: (
        "A page of this server asked by GET, and an Origin header came with that, which browsers "
        'send none with (Fetch standard, section 3.2, "append a request Origin header"). '
        f"{_WRITES_ITS_OWN}"
    ),
}


def explain_tampering(tampering: Tampering) -> str:
    """Say how a proxy's change of the header shows, what follows, and what to remove."""
    return _SENTENCES[tampering]


def is_added(environ: WSGIEnvironment) -> bool:
    """Tell whether browsers send no Origin with what their page asks of its own server."""
    return environ["REQUEST_METHOD"] == "GET" and "HTTP_UPGRADE" not in environ


def is_browsers_websocket(environ: WSGIEnvironment) -> bool:
    """Tell whether a request is a browser's handshake for a WebSocket.

    Firefox sends Sec-Fetch-Site with it, and Chromium does not. Node.js sends Sec-Fetch-Mode, and
    Accept-Language; libraries call themselves by their own names, or by none.
    """
    if "HTTP_UPGRADE" not in environ:
        return False
    if "HTTP_SEC_FETCH_SITE" in environ:
        return True
    agent = environ.get("HTTP_USER_AGENT", "")
    return agent.startswith("Mozilla/") and "HTTP_ACCEPT_LANGUAGE" in environ
