"""The pages of the example, which another origin than the Socket.IO server's serves."""

from __future__ import annotations

import secrets
from typing import Any, Final

from flask import Flask, abort, redirect, render_template, request, session
from werkzeug.wrappers import Response

from flask_sio_cors.door.refusals import explain_refusal
from flask_sio_cors.door.verdicts import Outcome as Decision

from .addresses import Addresses
from .client import client_blueprint, installed_client
from .editor import to_source
from .lab import ask_policy, environ_of, lab_blueprint, probe_blueprint
from .recorder import Recorder
from .ways import POLLING, WAYS, Outcome, Page, predict

LONGEST_NAME: Final = 30
_FIRST_NAMES: Final = ("Amber", "Blue", "Coral", "Green", "Ivory", "Ruby", "Silver", "Violet")
_LAST_NAMES: Final = ("Badger", "Finch", "Fox", "Heron", "Lynx", "Otter", "Owl", "Wren")


def create_pages(chat: Flask, plain: Flask, recorder: Recorder, addresses: Addresses) -> Flask:
    """Make the application that serves the pages.

    :param chat: the Socket.IO server's application. Both sign their session cookie alike: cookies
        do not tell ports apart, so the server reads what these pages have set.
    :param plain: the same without SioCors.
    :param recorder: in front of both.
    """
    app = Flask("example_app")
    app.secret_key = chat.secret_key
    app.config["SESSION_COOKIE_NAME"] = chat.config["SESSION_COOKIE_NAME"]
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["TRUSTED_HOSTS"] = ["localhost", ".localhost", "127.0.0.1"]
    app.register_blueprint(client_blueprint(installed_client()))
    app.register_blueprint(probe_blueprint(addresses))
    app.register_blueprint(lab_blueprint(chat, plain, recorder, addresses))

    @app.before_request
    def name_visitor() -> None:
        if request.endpoint in ("show_chat", "lab.lab"):
            session.setdefault("name", _new_name())

    @app.get("/")
    def show_chat() -> str:
        return render_template("chat.html", addresses=addresses, name=session["name"])

    @app.post("/name")
    def rename() -> Response:
        if request.headers.get("Origin") not in (None, own_origin()):
            abort(403)
        session["name"] = request.form["name"].strip()[:LONGEST_NAME] or _new_name()
        return redirect("/")

    @app.get("/why")
    def why() -> dict[str, Any]:
        return explain_page(chat, own_origin(), addresses)

    return app


def own_origin() -> str:
    """Return the origin of the page that asks."""
    return request.host_url.rstrip("/")


def explain_page(chat: Flask, origin: str, addresses: Addresses) -> dict[str, Any]:
    """Tell why the chat does not work on a page of `origin`, and which lines would let it in.

    A refusal itself says nothing of this: whoever is refused need not know what is allowed.
    """
    policy = chat.extensions["sio_cors"].policy(chat)
    verdict, _, page = policy.judge(
        environ_of(addresses.server, "GET", POLLING, {"Origin": origin})
    )
    if verdict.outcome is Decision.REFUSED:
        listed = chat.config.get("SIO_CORS_ORIGINS", [])
        lines = to_source({"SIO_CORS_ORIGINS": [*listed, origin]})
        return {
            "answer": verdict.status,
            "why": explain_refusal(verdict.reason, page, origin, policy.options),
            "lines": lines if isinstance(listed, list) else "",
        }
    manual = next(way for way in WAYS if way.key == "manual")
    outcome, why = predict(manual, Page(origin, addresses.server), ask_policy(policy, addresses))
    return {
        "answer": verdict.status,
        "why": f"{why[0].upper()}{why[1:]}." if outcome is Outcome.BLOCKED else "",
        "lines": to_source({"SIO_CORS_SUPPORTS_CREDENTIALS": True}),
    }


def _new_name() -> str:
    return f"{secrets.choice(_FIRST_NAMES)} {secrets.choice(_LAST_NAMES)}"
