"""The same server without SioCors, to see in the lab what it does for one."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors.config.options import Options
from flask_sio_cors.config.origins import EveryOrigin
from flask_sio_cors.door.policy import Policy

from .addresses import Addresses
from .chat import add_events, create_bare_app


def create_plain_app(addresses: Addresses, secret_key: str) -> Flask:
    """Make the chat's server with Flask-SocketIO's own ``cors_allowed_origins``."""
    app = create_bare_app(addresses, secret_key)
    socketio = SocketIO(app, async_mode="eventlet")
    app.extensions["sio_cors"] = WithoutSioCors(app, socketio)
    add_events(socketio)
    return app


class WithoutSioCors:
    """Stands where ``SioCors`` stands, and sets Engine.IO's own options instead."""

    def __init__(self, app: Flask, socketio: SocketIO) -> None:
        self._engineio = socketio.server.eio
        self.reconfigure(app)

    def policy(self, app: Flask) -> Policy:
        """Return what SioCors would do, for comparison."""
        return self._policy

    def reconfigure(self, app: Flask) -> None:
        """Say the same in Engine.IO's words, as far as it has any."""
        options = Options.from_config(app.config)
        self._policy = Policy(options)
        self._engineio.cors_allowed_origins = _allowed_origins(app.config, options)
        self._engineio.cors_credentials = options.supports_credentials


def _allowed_origins(config: dict[str, Any], options: Options) -> list[str] | str | None:
    if isinstance(options.origins, EveryOrigin):
        return "*"
    # An empty list would switch its check off.
    return config.get("SIO_CORS_ORIGINS") or None
