"""Engine.IO requests that reached Flask: a missing slash, or another path than the server's.

Flask's own 404 carries no CORS headers, so that browsers would report a CORS error that is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Request, Response, current_app, request
from werkzeug.datastructures import Headers

from .doors import Doors
from .farewell import end_websocket
from .guard import JUDGED, completed
from .policy import complete
from .verdicts import PREFLIGHT, REFUSED
from .verdicts import Headers as CorsHeaders

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def stray_hook(doors: Doors) -> Callable[[], Response | None]:
    """Make the ``before_request`` function that answers stray Engine.IO requests.

    :param doors: those that a request has missed, whose policy judges it.
    """

    def answer_stray() -> Response | None:
        if doors.first_request.awaited:
            doors.first_request.has_come()
        is_missed = JUDGED not in request.environ and _is_stray(request, doors)
        if not is_missed or doors.policies.default.options.report_only:
            return None
        response = _answer(doors)
        websocket = request.environ.get("wsgi.websocket")
        if websocket is not None:
            end_websocket(websocket, response.get_data(), doors.interrupter)
        return response

    return answer_stray


def _is_stray(request: Request, doors: Doors) -> bool:
    return request.path in doors.missed or ("EIO" in request.args and "transport" in request.args)


def _answer(doors: Doors) -> Response:
    environ = request.environ
    policy, judgement = doors.policies.judge(environ, {})
    verdict, page = complete(judgement), judgement[2]
    if verdict.outcome is REFUSED:
        # Not environ["flask.app"]: the request may have come past Flask-SocketIO's middleware.
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        body = doors.guards[0].report(app, environ, policy, verdict, page)
        return _respond(verdict.status, verdict.headers, body)
    if verdict.outcome is PREFLIGHT:
        return _respond(verdict.status, verdict.headers, b"")
    body = json.dumps({"code": 3, "message": _directions(doors.mounts)}).encode()
    return _respond("404 Not Found", verdict.headers, body)


def _directions(mounts: tuple[str, ...]) -> str:
    """Tell where the servers are.

    :param mounts: their paths within the application.
    """
    root, path = request.script_root, request.path
    places = " and ".join(root + mount for mount in mounts)
    verb = "is" if len(mounts) == 1 else "are"
    message = f"There is no Socket.IO server at {root}{path}; this application's {verb} at {places}"
    if f"{path}/" in mounts:
        message += " (with the slash at its end; do not set addTrailingSlash: false)"
    return message


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
