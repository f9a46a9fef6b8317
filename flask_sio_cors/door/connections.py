"""The connections that WebSockets live on, as each server shows them to an application."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from .proofs import session_id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where a handshake's environ has those of the upgrades that are under way in its session.
_UPGRADES: Final = "flask_sio_cors.upgrades"


@contextmanager
def upgrading(sessions: Mapping[str, Any], environ: WSGIEnvironment) -> Iterator[None]:
    """Keep a WebSocket's environ with its session for as long as the block runs.

    Engine.IO itself keeps that of a session's first request alone, whose connection is another.

    :param sessions: the handshakes' environs, by session.
    """
    handshake = sessions.get(session_id(environ) or "", {})
    upgrades = handshake.setdefault(_UPGRADES, [])
    upgrades.append(environ)
    try:
        yield
    finally:
        upgrades.remove(environ)


def connections_of(handshake: WSGIEnvironment) -> list[Any]:
    """Return the connections on which a session's WebSockets live.

    Those of polling are not the session's: a proxy sends others' requests over them.

    :param handshake: the environ of its first request.
    """
    environs = [handshake] if "HTTP_UPGRADE" in handshake else []
    found = map(_connection_of, [*environs, *handshake.get(_UPGRADES, ())])
    return [connection for connection in found if connection is not None]


def cut(connection: Any) -> None:
    """End a connection, whatever the client thinks of it."""
    with suppress(OSError):  # it is gone
        connection.shutdown(socket.SHUT_RDWR)


def _connection_of(environ: WSGIEnvironment) -> Any:
    websocket = environ.get("wsgi.websocket")
    if websocket is not None:  # gevent-websocket, which forgets it when it closes
        return None if websocket.stream is None else websocket.stream.handler.socket
    if "eventlet.input" in environ:
        return environ["eventlet.input"].get_socket()
    for name in ("werkzeug.socket", "gunicorn.socket"):
        if name in environ:
            return environ[name]
    # gevent's own server: its input reads from a file that reads from the connection.
    body: Any = environ.get("wsgi.input")
    body = getattr(body, "rfile", body)
    return getattr(getattr(body, "raw", None), "_sock", None)
