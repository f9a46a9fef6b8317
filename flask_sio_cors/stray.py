"""Engine.IO requests that reached Flask: a missing slash, or another path than the server's.

Flask's own 404 carries no CORS headers, so that browsers would report a CORS error that is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import Request, Response, request

from .guard import VERDICT, Guard, end_websocket
from .policy import REFUSED, Outcome

_DEFAULT_MOUNT = "/socket.io/"


def stray_hook(guard: Guard, mount: str) -> Callable[[], Response | None]:
    """Make the ``before_request`` function that answers stray Engine.IO requests.

    :param guard: whose policy judges them.
    :param mount: the path of the server within the application, with its slashes.
    """

    def answer_stray() -> Response | None:
        if VERDICT in request.environ or not _is_stray(request, mount):
            return None
        return _answer(guard, mount)

    return answer_stray


def _is_stray(request: Request, mount: str) -> bool:
    if request.path in (mount.rstrip("/"), _DEFAULT_MOUNT, _DEFAULT_MOUNT.rstrip("/")):
        return True
    return "EIO" in request.args and "transport" in request.args


def _answer(guard: Guard, mount: str) -> Response:
    policy, environ = guard.policy, request.environ
    verdict = policy.judge(environ)
    if verdict.outcome is REFUSED:
        body = guard.report(environ, policy, verdict)
        return _respond(verdict.status, verdict.headers, body)
    if verdict.outcome is Outcome.PREFLIGHT:
        return _respond(verdict.status, verdict.headers, b"")
    message = (
        f"There is no Socket.IO server at {request.script_root}{request.path}; this application's "
        f"is at {request.script_root}{mount}"
    )
    if f"{request.path}/" == mount:
        message += " (with the slash at its end; do not set addTrailingSlash: false)"
    body = json.dumps({"code": 3, "message": message}).encode()
    return _respond("404 Not Found", verdict.headers, body)


def _respond(status: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Response:
    websocket = request.environ.get("wsgi.websocket")
    if websocket is not None:
        end_websocket(websocket, body)
    response = Response(body, status=status, mimetype="application/json")
    if not body:
        del response.headers["Content-Type"]
    for name, value in headers:
        response.headers[name] = value
    return response
