"""The same server without SioCors, to see in the lab what it does for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_socketio import SocketIO

from .addresses import Addresses
from .chat import add_events, create_bare_app


def create_plain_app(addresses: Addresses, secret_key: str) -> Flask:
    """Make the chat's server with Flask-SocketIO's own ``cors_allowed_origins``."""
    app = create_bare_app(addresses, secret_key)
    socketio = SocketIO(app, async_mode="eventlet")
    add_events(socketio)
    follow(app, app.config)
    return app


def follow(app: Flask, config: Mapping[str, Any]) -> None:
    """Say what a configuration of SioCors says in Engine.IO's words, as far as it has any."""
    engineio = app.extensions["socketio"].server.eio
    engineio.cors_allowed_origins = _allowed_origins(config)
    engineio.cors_credentials = config.get("SIO_CORS_SUPPORTS_CREDENTIALS", False)


def source(config: Mapping[str, Any]) -> str:
    """Write that down as Python."""
    options: dict[str, Any] = {"cors_allowed_origins": _allowed_origins(config)}
    if not config.get("SIO_CORS_SUPPORTS_CREDENTIALS", False):
        options["cors_credentials"] = False
    written = "".join(f", {name}={_literal(value)}" for name, value in options.items())
    return f"SocketIO(app{written})"


def _allowed_origins(config: Mapping[str, Any]) -> list[str] | str | None:
    origins = config.get("SIO_CORS_ORIGINS")
    if origins == "*" or origins is True:
        return "*"
    # It compares texts, and an empty list would switch its check off.
    return [entry for entry in origins or () if isinstance(entry, str)] or None


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (str, list)) else repr(value)
