"""Asking ``allow_request``, Socket.IO's ``allowRequest``, about a handshake that passed so far."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from flask_socketio import ConnectionRefusedError

from ..config.functions import AllowRequest
from ..config.options import Options
from .callbacks import Callback, Overdue
from .journal import Journal
from .proofs import session_id
from .verdicts import Header, Headers, Reason
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Flask
    from flask.ctx import RequestContext


class Permission(NamedTuple):
    """What ``allow_request`` said.

    :param denial: why it refuses; ``None`` to let pass.
    :param message: its own words for that.
    :param cookies: the session's, as it has left it.
    """

    denial: Reason | None
    message: str | None
    cookies: Headers


def ask_allow_request(
    environ: WSGIEnvironment,
    options: Options,
    has_credentials: bool,
    journal: Journal,
    interrupter: Interrupter,
) -> Permission:
    """Ask the function that is configured.

    :param has_credentials: whether what it does to the session may reach the visitor.
    """
    app: Flask = environ["flask.app"]
    name = options.sources.get("ALLOW_REQUEST", "allow_request")
    cookies: list[Header] = []

    def ask_in_context(allow_request: AllowRequest) -> bool:
        with app.request_context(environ) as context:
            try:
                return allow_request(context.request)
            finally:
                # Not what an interrupted function has left half done.
                if not isinstance(sys.exc_info()[1], Overdue):
                    cookies.extend(_saved(app, context, has_credentials, name, journal))

    callback = Callback(
        ask_in_context,
        name,
        options.callback_timeout,
        journal,
        interrupter,
        interrupter.gate(name, options.allow_request),
    )
    try:
        answer = callback.ask(options.allow_request, passing=(ConnectionRefusedError,))
    except ConnectionRefusedError as refusal:
        return Permission(Reason.DENIED, _words_of(refusal), tuple(cookies))
    if answer:
        return Permission(None, None, tuple(cookies))
    reason = Reason.DENIED if answer is False else Reason.ALLOW_REQUEST_FAILED
    return Permission(reason, None, tuple(cookies))


def _saved(
    app: Flask, context: RequestContext, has_credentials: bool, name: str, journal: Journal
) -> Iterable[Header]:
    """Save what the function did to the session; return the cookies of its answer."""
    session, interface = context.session, app.session_interface
    if session is None or interface.is_null_session(session) or not session.modified:
        return ()
    if loss := _session_loss(context.request.environ, has_credentials):
        journal.fault(name, None, f"changed the session, which is lost: {loss}")
        return ()
    response = app.response_class()
    interface.save_session(app, session, response)
    return [("Set-Cookie", value) for value in response.headers.getlist("Set-Cookie")]


def is_handshake(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would open a session; it reads the query exactly like this."""
    return environ["REQUEST_METHOD"] == "GET" and session_id(environ) is None


def _session_loss(environ: WSGIEnvironment, has_credentials: bool) -> str | None:
    """Return why an answer carries no session; ``None`` where it does."""
    if not has_credentials:
        return "its page has no credentials here, so that no cookie comes in with it, or goes out"
    if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
        return (
            "the answer to a WebSocket carries no cookie. Change it in a route, or let clients "
            "begin with polling"
        )
    return None


def _words_of(refusal: ConnectionRefusedError) -> str | None:
    # A subclass may have forgotten to initialise its base, or brought words that are none.
    words = getattr(refusal, "error_args", None)
    # Before python-socketio 5.1 the words themselves stood there.
    message = words.get("message") if isinstance(words, dict) else words
    return message if isinstance(message, str) else None
