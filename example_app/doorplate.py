"""What somebody finds who opens a Socket.IO server in a browser: a word about what lives there."""

from __future__ import annotations

from flask import Blueprint, render_template

from .addresses import Addresses


def doorplate_blueprint(addresses: Addresses, *, guarded: bool) -> Blueprint:
    """Serve the front page of a server whose pages are elsewhere.

    :param guarded: whether SioCors stands before it.
    """
    blueprint = Blueprint("doorplate", __name__)

    @blueprint.get("/")
    def front() -> str:
        return render_template("server.html", addresses=addresses, guarded=guarded)

    return blueprint
