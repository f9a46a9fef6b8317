"""The server of the integration tests, run by `tests.support.harness` in a process of its own.

The environment variable `SERVE` holds, as JSON, a `Description` of the harness, and the async mode,
the missing modules, the port and the token of this start. Eventlet, gevent and threading run
`python -m tests.support.serve [--debug]`; `flask run` calls `create_app`; gunicorn imports
`tests.support.wsgi`.
"""

import json
import os
import sys
import traceback
from textwrap import dedent

SERVE = json.loads(os.environ["SERVE"])
# Before the first import that would find them.
sys.modules.update(dict.fromkeys(SERVE["without"]))

from flask import Flask, request, session  # noqa: E402
from flask_socketio import SocketIO, emit  # noqa: E402


def create_app() -> Flask:
    """The app that `SERVE` describes: guarded by SioCors, or plain Flask-SocketIO."""
    app = Flask("tests.support.serve")
    app.secret_key = "for tests"
    socketio_options = SERVE["socketio_options"]
    _run("config", app=app, socketio_options=socketio_options)
    socketio = SocketIO(app, async_mode=SERVE["async_mode"], **socketio_options)
    _add_routes(app)
    _add_events(socketio)
    names = {"app": app, "socketio": socketio}
    if not SERVE["plain"]:
        from flask_sio_cors import SioCors

        names["cors"] = SioCors(app)
    _run("after", **names)
    app.wsgi_app = _obey(app.wsgi_app, names)
    return app


#: What snippets define lives as long as the server, as in a module: signals know it weakly.
_SCOPES = []


def _run(snippet, **names):
    _SCOPES.append(names)
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


def _obey(wsgi_app, names):
    """Answer the harness before everything else: no configuration under test can refuse it."""

    def harness_or_app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/_ready":
            status, body = "200 OK", SERVE["token"]
        elif path == "/_run":
            source = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            status, body = _execute(source, names)
        else:
            return wsgi_app(environ, start_response)
        start_response(status, [("Content-Type", "text/plain")])
        return [body.encode()]

    return harness_or_app


def _execute(source, names):
    scope = {**names, "reset": lambda: _reset(names["app"])}
    try:
        exec(compile(source, "<run>", "exec"), scope)
    except Exception:  # noqa: BLE001 - the harness reports it
        return "500 INTERNAL SERVER ERROR", traceback.format_exc()
    return "200 OK", str(scope.get("answer", ""))


def _reset(app):
    """Take away every setting of the extension, and what it takes from Flask and Flask-CORS."""
    app.debug = False
    app.config["TRUSTED_HOSTS"] = None
    for key in [key for key in app.config if key.startswith(("SIO_CORS_", "CORS_"))]:
        del app.config[key]


# The reloader would put the server into a second process; threading asks for the last option.
RUN_OPTIONS = {
    "eventlet": {"use_reloader": False, "log_output": True},
    "gevent": {"use_reloader": False, "log_output": True},
    "threading": {"use_reloader": False, "allow_unsafe_werkzeug": True},
}


def main():
    app = create_app()
    socketio = app.extensions["socketio"]
    options = {**RUN_OPTIONS[SERVE["async_mode"]], "debug": "--debug" in sys.argv}
    socketio.run(app, host="127.0.0.1", port=SERVE["port"], **options)


if __name__ == "__main__":
    main()
