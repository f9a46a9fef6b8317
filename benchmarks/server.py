"""The eventlet server under load: plain Flask-SocketIO, or the same with SioCors.

python -m benchmarks.server PORT plain|ours SIZE: a list of SIZE origins is allowed.
"""

import sys

from flask import Flask
from flask_socketio import SocketIO, emit

from benchmarks.origins import listed


def main() -> None:
    port, variant, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    app = Flask(__name__)
    if variant == "plain":
        socketio = SocketIO(app, async_mode="eventlet", cors_allowed_origins=listed(size))
    else:
        from flask_sio_cors import SioCors

        app.config["SIO_CORS_ORIGINS"] = listed(size)
        socketio = SocketIO(app, async_mode="eventlet")
        SioCors(app)

    @socketio.on("echo")
    def echo(words: str) -> None:
        emit("echo", words)

    socketio.run(app, "127.0.0.1", port, log_output=False)


if __name__ == "__main__":
    main()
