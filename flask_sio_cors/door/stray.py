"""Engine.IO requests that reached Flask: a missing slash, or another path than the server's.

Flask's own 404 carries no CORS headers, so that browsers would report a CORS error that is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Request, Response, current_app, request
from werkzeug.datastructures import Headers

from .farewell import end_websocket
from .guard import VERDICT, Guard, completed
from .policy import complete
from .verdicts import PREFLIGHT, REFUSED
from .verdicts import Headers as CorsHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_DEFAULT_MOUNT = "/socket.io/"


def stray_hook(guard: Guard, mount: str) -> Callable[[], Response | None]:
    """Make the ``before_request`` function that answers stray Engine.IO requests.

    :param guard: whose policy judges them.
    :param mount: the path of the server within the application, with its slashes.
    """

    def answer_stray() -> Response | None:
        if VERDICT in request.environ or not _is_stray(request, mount):
            return None
        response = _answer(guard, mount)
        websocket = request.environ.get("wsgi.websocket")
        if websocket is not None:
            end_websocket(websocket, response.get_data(), guard.interrupter)
        return response

    return answer_stray


def _is_stray(request: Request, mount: str) -> bool:
    if request.path in (mount.rstrip("/"), _DEFAULT_MOUNT, _DEFAULT_MOUNT.rstrip("/")):
        return True
    return "EIO" in request.args and "transport" in request.args


def _answer(guard: Guard, mount: str) -> Response:
    policy, environ = guard.policy, request.environ
    judgement = policy.judge(environ)
    verdict, page = complete(judgement), judgement[2]
    if verdict.outcome is REFUSED:
        # Not environ["flask.app"]: the request may have come past Flask-SocketIO's middleware.
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        body = guard.report(app, environ, policy, verdict, page)
        return _respond(verdict.status, verdict.headers, body)
    if verdict.outcome is PREFLIGHT:
        return _respond(verdict.status, verdict.headers, b"")
    message = (
        f"There is no Socket.IO server at {request.script_root}{request.path}; this application's "
        f"is at {request.script_root}{mount}"
    )
    if f"{request.path}/" == mount:
        message += " (with the slash at its end; do not set addTrailingSlash: false)"
    body = json.dumps({"code": 3, "message": message}).encode()
    return _respond("404 Not Found", verdict.headers, body)


class _Answer(Response):
    """Says what the verdict says, whatever functions after the request add, as Flask-CORS does."""

    cors: CorsHeaders

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        return Headers(completed(headers, self.cors))


def _respond(status: str, cors: CorsHeaders, body: bytes) -> Response:
    response = _Answer(body, status=status, mimetype="application/json")
    if not body:
        del response.headers["Content-Type"]
    response.cors = cors
    return response
