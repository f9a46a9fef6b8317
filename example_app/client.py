"""Where the pages get ``socket.io-client`` from: npm's copy, or else Socket.IO's CDN."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Blueprint, Response, send_file

FOLDER: Final = Path(__file__).parent
_IN_FOLDER: Final = Path("node_modules/socket.io-client/dist/socket.io.min.js")

CDN: Final = "https://cdn.socket.io/4.8.1/socket.io.min.js"
#: Of that very file, as npm has it too: a changed one is not run.
CDN_INTEGRITY: Final = "sha384-mkQ3/7FUtcGyoppY6bz/PORYoGqOl7/aSUMn2ymDOJcapfS6PHqxhRTMh1RR0Q6+"


def installed_client(folder: Path = FOLDER) -> Path | None:
    """Return npm's browser bundle, or ``None`` where ``npm install`` has not been run."""
    bundle = folder / _IN_FOLDER
    return bundle if bundle.is_file() else None


def client_blueprint(bundle: Path | None) -> Blueprint:
    """Give the templates ``socketio_client`` (the attributes of a script element)."""
    blueprint = Blueprint("client", __name__)

    @blueprint.app_context_processor
    def name_client() -> dict[str, dict[str, str]]:
        if bundle is not None:
            return {"socketio_client": {"src": "/socket.io.min.js"}}
        remote = {"src": CDN, "integrity": CDN_INTEGRITY, "crossorigin": "anonymous"}
        return {"socketio_client": remote}

    @blueprint.get("/socket.io.min.js")
    def serve_client() -> Response | tuple[str, int]:
        if bundle is None:
            return "Run npm install in example_app first.", 404
        return send_file(bundle, mimetype="text/javascript")

    return blueprint
