"""The eventlet server under load: plain Flask-SocketIO, or the same with SioCors.

python -m benchmarks.server PORT plain|ours|live|report-only SIZE: a list of SIZE origins is
allowed, with live one that changes meanwhile. With storm-list|storm-store|storm-function, those of
`customers` are, and as many may knock at once as at a gunicorn.
"""

import sys
from tempfile import TemporaryDirectory
from time import perf_counter, thread_time
from typing import Any

import eventlet
import eventlet.wsgi
from flask import Flask
from flask_socketio import SocketIO, emit

from benchmarks.origins import customers, listed


def main() -> None:
    with TemporaryDirectory() as folder:
        serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), folder)


def serve(port: int, variant: str, size: int, folder: str) -> None:
    app = Flask(__name__, instance_path=folder)
    is_stormed = variant.startswith("storm-")
    is_guarded = is_stormed or variant in ("ours", "live")
    told = {} if is_guarded else {"cors_allowed_origins": listed(size)}
    socketio = SocketIO(app, async_mode="eventlet", **told)
    if variant != "plain":
        from flask_sio_cors import SioCors

        app.config["SIO_CORS_ORIGINS"] = origins_of(variant, size)
        app.config["SIO_CORS_REPORT_ONLY"] = variant == "report-only"
        if variant == "storm-store":
            app.config["SIO_CORS_ORIGINS_STORE"] = "sqlite:///origins.sqlite3"
        cors = SioCors(app)
        if variant == "storm-store":
            cors.shared_origins(app).add(*customers())
        if variant == "live":
            share(app, socketio, size)

    @socketio.on("echo")
    def echo(words: str) -> None:
        emit("echo", words)

    if is_stormed:
        # socketio.run lets 50 wait in line; whoever is one more tries again after a second.
        line = eventlet.listen(("127.0.0.1", port), backlog=2048)
        eventlet.wsgi.server(line, app, log_output=False, max_size=5000)
    else:
        socketio.run(app, "127.0.0.1", port, log_output=False, max_size=5000)


def origins_of(variant: str, size: int) -> Any:
    def is_customer(origin: str) -> bool:
        eventlet.sleep(0.3)
        return origin in customers()

    ways = {
        "live": [],
        "storm-store": [],
        "storm-list": customers(),
        "storm-function": is_customer,
    }
    return ways[variant] if variant in ways else listed(size)


def share(app: Flask, socketio: SocketIO, size: int) -> None:
    from flask_sio_cors.door.doors import doors_of
    from flask_sio_cors.origins.live import LiveOrigins

    doors = doors_of(app)
    assert doors is not None
    live = LiveOrigins()
    for _ in live.fill(listed(size)):
        pass
    doors.apply(doors.policies.default.options, {doors.policies.default.options.name: live})

    @app.get("/revoke")
    def revoke() -> dict[str, float]:
        """Take the origins away; return what the end of their sessions cost."""
        sockets = socketio.server.eio.sockets
        pauses = []
        start, seconds = perf_counter(), 0.0
        for _ in live.fill([]):
            pass
        # Their connections are cut half a second after the last one has ended.
        while not seconds or perf_counter() < start + seconds + 1:
            turn = thread_time()
            eventlet.sleep(0.001)
            pauses.append(thread_time() - turn)
            if not seconds and not sockets:
                seconds = perf_counter() - start
        return {"seconds": seconds, "pause": max(pauses) * 1000}


if __name__ == "__main__":
    main()
