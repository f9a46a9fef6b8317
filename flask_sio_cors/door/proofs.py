"""What a session's polling proved of its page, for the upgrade to WebSocket, which proves nothing.

Chromium sends ``Sec-Fetch-Site`` with a page's ``POST``, and none with its WebSocket. The proof is
kept with the handshake's environ, and so ends with the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


_BEFORE_A_NAME: Final = ("", "&")
#: Where an environ has the origin that its session proved to be the server's own.
PROVEN: Final = "flask_sio_cors.proven"


def session_id(environ: WSGIEnvironment) -> str | None:
    """Return the session that a request names, as Engine.IO reads it."""
    query: str = environ.get("QUERY_STRING", "")
    before, name, behind = query.partition("sid=")
    # As clients write it, with no letter of the name in another spelling; parsing takes thirty
    # times as long.
    if "%6" not in query and "%7" not in query:
        if not name:
            return None
        sid = behind.partition("&")[0]
        if sid and before[-1:] in _BEFORE_A_NAME and "%" not in sid and "+" not in sid:
            return sid
    sids = parse_qs(query).get("sid")
    return sids[0] if sids else None


def remember(sessions: Mapping[str, Any], environ: WSGIEnvironment, origin: str) -> None:
    """Keep with a session which origin the browser has said to be the server's own.

    :param sessions: the handshakes' environs, by session.
    """
    handshake = sessions.get(session_id(environ) or "")
    if handshake is not None:
        handshake[PROVEN] = origin


def recall(sessions: Mapping[str, Any], environ: WSGIEnvironment) -> None:
    """Put into a WebSocket's environ what its session has proven."""
    handshake = sessions.get(session_id(environ) or "")
    if handshake is not None and PROVEN in handshake:
        environ[PROVEN] = handshake[PROVEN]


def began_without_origin(sessions: Mapping[str, Any], environ: WSGIEnvironment) -> bool:
    """Tell whether a request's session began as browsers ask only their page's own server."""
    handshake = sessions.get(session_id(environ) or "")
    return handshake is not None and "HTTP_ORIGIN" not in handshake
