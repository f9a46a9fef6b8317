"""The server of the integration tests, run by `tests.harness` in a process of its own.

The environment variable `SERVE` holds, as JSON, a `tests.harness.Description` and the port and
the token of this start. Eventlet, gevent and threading run `python -m tests.serve`; `flask run`
and gunicorn import `create_app`.
"""

import json
import os
from textwrap import dedent

from flask import Flask, request, session
from flask_socketio import SocketIO, emit

SERVE = json.loads(os.environ["SERVE"])


def create_app() -> Flask:
    """The app that `SERVE` describes: guarded by SioCors, or plain Flask-SocketIO."""
    app = Flask("tests.serve")
    app.secret_key = "for tests"
    socketio_options = SERVE["socketio_options"]
    _run("config", app=app, socketio_options=socketio_options)
    socketio = SocketIO(app, async_mode=SERVE["async_mode"], **socketio_options)
    _add_routes(app)
    _add_events(socketio)
    if SERVE["plain"]:
        _run("after", app=app, socketio=socketio)
    else:
        from flask_sio_cors import SioCors

        _run("after", app=app, socketio=socketio, cors=SioCors(app))
    app.wsgi_app = _announce_ready(app.wsgi_app)
    return app


def _run(snippet, **names):
    exec(compile(dedent(SERVE[snippet]), f"<{snippet}>", "exec"), names)


def _add_routes(app):
    @app.get("/login")
    def login():
        session["user"] = request.args["user"]
        return "logged in"

    @app.route("/api", methods=["GET", "POST", "OPTIONS"])
    def api():
        return f"Flask has seen {request.method}"


def _add_events(socketio):
    @socketio.on("echo")
    def echo(words):
        emit("echo", words)
        return words

    @socketio.on("whoami")
    def whoami():
        return session.get("user")


def _announce_ready(wsgi_app):
    """Answer `/_ready` before everything else: no configuration under test can refuse it."""

    def ready_or_app(environ, start_response):
        if environ["PATH_INFO"] != "/_ready":
            return wsgi_app(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [SERVE["token"].encode()]

    return ready_or_app


# The reloader would put the server into a second process; threading asks for the last option.
RUN_OPTIONS = {
    "eventlet": {"use_reloader": False, "log_output": True},
    "gevent": {"use_reloader": False, "log_output": True},
    "threading": {"use_reloader": False, "allow_unsafe_werkzeug": True},
}


def main():
    app = create_app()
    socketio = app.extensions["socketio"]
    socketio.run(app, host="127.0.0.1", port=SERVE["port"], **RUN_OPTIONS[SERVE["async_mode"]])


if __name__ == "__main__":
    main()
