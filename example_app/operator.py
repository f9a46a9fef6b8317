"""The application that an operator of ``make fleet`` asks: ``flask --app example_app.operator``.

It serves nobody, and shares the workers' origins; the greeting of the fleet says where those are.
"""

from __future__ import annotations

import os

from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors

from .addresses import Addresses
from .chat import create_bare_app


def create_app() -> Flask:
    """Make it."""
    app = create_bare_app(Addresses(), "signs nothing")
    app.config["SIO_CORS_ORIGINS_STORE"] = os.environ["FLEET_REDIS"]
    SocketIO(app, async_mode="threading")
    SioCors(app)
    return app
