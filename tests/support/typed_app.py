"""An application that uses every public name, for pyright to read as it would at its users'."""

from typing import Any

from flask import Flask, Request
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, Problem, Reason, SioCors, request_refused

socketio = SocketIO()
cors = SioCors()


@cors.allow_request
def has_ticket(request: Request) -> bool:
    return "ticket" in request.args


@request_refused.connect
def count(sender: Flask, *, origin: str | None, reason: Reason, environ: dict[str, Any]) -> None:
    if reason is Reason.ORIGIN_NOT_ALLOWED and origin is not None:
        sender.logger.info("%s: %s, %s", environ["PATH_INFO"], origin, reason.value)


def corrections(error: ConfigError) -> dict[str, str]:
    problems: tuple[Problem, ...] = error.problems
    return {problem.key: problem.correction for problem in problems}


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com"]
    socketio.init_app(app)
    try:
        cors.init_app(app)
    except ConfigError as error:
        app.logger.error("%s: %s", error, corrections(error))
        raise
    cors.reconfigure(app)
    return app
