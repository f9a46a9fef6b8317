"""Credentials (Fetch standard, section 2.2.1) are taken from requests whose page may not use them.

Browsers send cookies with every WebSocket handshake, whatever CORS says, and with requests whose
answer their page never sees. Handlers see the handshake's for as long as the session lasts.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from .own import PROOF_KEY
from .proofs import PROVEN

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

COOKIE: Final = "Cookie"
AUTHORIZATION: Final = "Authorization"
REMOTE_USER: Final = "REMOTE_USER"

_KEYS: Final = {
    "HTTP_COOKIE": COOKIE,
    "HTTP_AUTHORIZATION": AUTHORIZATION,
    "REMOTE_USER": REMOTE_USER,
}
#: Schemes by which browsers log in themselves, with what the visitor once typed, at every request.
_BROWSERS_SCHEMES: Final = frozenset({"basic", "digest", "negotiate", "ntlm"})


def matter(environ: WSGIEnvironment) -> bool:
    """Tell whether a request has some, or the browser's word on whose page it is."""
    return (
        "HTTP_COOKIE" in environ
        or PROOF_KEY in environ
        or PROVEN in environ
        or "HTTP_AUTHORIZATION" in environ
        or "REMOTE_USER" in environ
    )


def take(environ: WSGIEnvironment, *, has_page: bool) -> tuple[str, ...]:
    """Remove a request's credentials from its environ, and the servers' copies of them.

    With polling, a page that is named may have set ``Authorization`` itself, which a preflight has
    allowed; not with a scheme that browsers use by themselves, though.

    :param has_page: whether the request names its page.
    :return: the names of those that there were.
    """
    keys = [*_KEYS]
    if has_page and "HTTP_UPGRADE" not in environ:
        scheme = environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")[0].lower()
        if scheme and scheme not in _BROWSERS_SCHEMES:
            keys.remove("HTTP_AUTHORIZATION")
    taken = tuple(_KEYS[key] for key in keys if environ.pop(key, None) is not None)
    if taken:
        _take_copies(environ, taken)
    return taken


def shown_to_function(environ: WSGIEnvironment, *, has_credentials: bool) -> WSGIEnvironment:
    """Return what a function may see of a request, to decide whether its page may ask at all.

    It is a copy, without the body, which Engine.IO reads once, and without the server's own
    connection.

    :param has_credentials: whether the page has them if it may ask.
    """
    hidden = _PRIVATE if has_credentials else _PRIVATE | _KEYS.keys()
    shown = {key: value for key, value in environ.items() if key not in hidden}
    shown["wsgi.input"] = BytesIO()
    return shown


# The copies of the headers, and what leads to them.
_PRIVATE: Final = frozenset({"headers_raw", "wsgi.websocket", "werkzeug.request"})


def _take_copies(environ: WSGIEnvironment, taken: tuple[str, ...]) -> None:
    names = {name.lower() for name in taken}
    # eventlet's server has the headers once more, as they came.
    raw = environ.get("headers_raw")
    if raw is not None:
        environ["headers_raw"] = tuple(one for one in raw if one[0].lower() not in names)
    websocket = environ.get("wsgi.websocket")
    if websocket is not None:
        _take_from_websocket(websocket, taken)


def _take_from_websocket(websocket: Any, taken: tuple[str, ...]) -> None:
    """Take them from gevent-websocket's connection, and leave the server's own environ as it is."""
    handler = websocket.handler
    environ = {key: value for key, value in handler.environ.items() if _KEYS.get(key) not in taken}
    websocket.environ = handler.environ = environ
    for name in taken:
        del handler.headers[name]
