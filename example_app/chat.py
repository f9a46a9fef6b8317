"""The Socket.IO server of the chat: the manual's second example, in Python.

The manual is Socket.IO's "Handling CORS": a page of another origin connects with cookies and with
a header of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timezone
from typing import Any, Final

from flask import Flask, request, session
from flask_socketio import SocketIO, emit

from flask_sio_cors import SioCors

from .addresses import TENANTS, Addresses

CUSTOM_HEADER: Final = "my-custom-header"
LONGEST_MESSAGE: Final = 500
REMEMBERED_MESSAGES: Final = 50


def create_app(addresses: Addresses, secret_key: str, redis: str | None = None) -> Flask:
    """Make the Flask application that holds the chat's Socket.IO server, guarded by SioCors.

    :param redis: the URL of a server by which several workers share messages and origins.
    """
    app = create_bare_app(addresses, secret_key)
    app.config["SIO_CORS_ORIGINS_STORE"] = redis
    socketio = SocketIO(app, async_mode="eventlet", message_queue=redis)
    SioCors(app)
    add_events(socketio)
    return app


def create_bare_app(addresses: Addresses, secret_key: str) -> Flask:
    """Make the application with its configuration, before anything is installed on it."""
    app = Flask("example_app.chat")
    app.secret_key = secret_key
    app.config["SESSION_COOKIE_NAME"] = "chat_session"
    # A name that an attacker has pointed at this machine is none of ours (DNS rebinding).
    hosts = [addresses.tenant_host(tenant) for tenant in TENANTS]
    app.config["TRUSTED_HOSTS"] = ["localhost", "127.0.0.1", *hosts]

    app.config["SIO_CORS_ORIGINS"] = [addresses.page, addresses.subdomain_pattern]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    app.config["SIO_CORS_ALLOW_HEADERS"] = [CUSTOM_HEADER]
    app.config["SIO_CORS_POLICIES"] = {
        tenant: {
            "HOSTS": [addresses.tenant_host(tenant)],
            "ORIGINS": [addresses.tenant_page(tenant)],
            "SUPPORTS_CREDENTIALS": True,
        }
        for tenant in TENANTS
    }
    return app


def add_events(socketio: SocketIO) -> None:
    """Register the chat in the default namespace, and the lab's echo in one of its own."""
    room = _Room()

    @socketio.on("connect")
    def connect() -> None:
        name = session.get("name")
        tab = room.enter(request.sid, name or "Guest")  # type: ignore[attr-defined]
        emit("welcome", {**tab, "seen": _what_came(name), "history": list(room.history)})
        emit("people", room.people(), broadcast=True)

    @socketio.on("say")
    def say(text: Any) -> None:
        if not isinstance(text, str) or not text.strip():
            return
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        speaker = room.tabs[request.sid]  # type: ignore[attr-defined]
        message = {**speaker, "text": text.strip()[:LONGEST_MESSAGE], "at": now}
        room.history.append(message)
        emit("said", message, broadcast=True)

    @socketio.on("disconnect")
    def disconnect(reason: str | None = None) -> None:
        room.tabs.pop(request.sid, None)  # type: ignore[attr-defined]
        emit("people", room.people(), broadcast=True)

    @socketio.on("echo", namespace="/lab")
    def echo(words: Any) -> Any:
        return words

    @socketio.on("whoami", namespace="/lab")
    def whoami() -> str | None:
        return session.get("name")


def _what_came(name: str | None) -> dict[str, str | None]:
    """Tell a page what its handshake brought along, for it to show."""
    return {
        "origin": request.headers.get("Origin"),
        "cookie": name,
        "header": request.headers.get(CUSTOM_HEADER),
    }


class _Room:
    """Who is there, in which tab, and what was said last."""

    def __init__(self) -> None:
        self.tabs: dict[str, dict[str, Any]] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_MESSAGES)

    def enter(self, sid: str, name: str) -> dict[str, Any]:
        """Seat a tab. A browser's tabs share the cookie, hence the name, so they are numbered."""
        taken = {tab["tab"] for tab in self.tabs.values() if tab["name"] == name}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        self.tabs[sid] = {"name": name, "tab": number}
        return self.tabs[sid]

    def people(self) -> list[dict[str, Any]]:
        counts = Counter(tab["name"] for tab in self.tabs.values())
        return [{"name": name, "tabs": tabs} for name, tabs in sorted(counts.items())]
