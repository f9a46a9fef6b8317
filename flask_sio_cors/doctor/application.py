"""What the application says once CORS is in order: its namespaces and its connect handlers."""

from __future__ import annotations

import json
import re
from typing import Final

from .exchange import Exchange
from .findings import Finding, Severity, proof_of
from .fixes import Fix

# Socket.IO's own words for a namespace that nobody has defined: in Python, and in Node.js.
_UNKNOWN: Final = frozenset({"Unable to connect", "Invalid namespace"})
_NAMESPACE: Final = (
    "The path of the URL that io() is given is the namespace, not the server's path."
)
_NO_AUTH: Final = (
    "The doctor sends no auth and is not logged in: a page that brings what the handler asks for "
    "may get in all the same."
)
_BRING: Final = (
    "Let the client bring what the handler asks for: io(url, { auth: { token: … } }), or "
    "withCredentials: true where it looks at cookies."
)


def explain(exchange: Exchange, name: str) -> Finding | None:
    """Name what the application has against a client; ``None`` where it lets it in.

    :param exchange: the poll that answers the client's wish to connect.
    :param name: the namespace without a slash at its end; ``""`` for the main one.
    """
    body = exchange.response.body if exchange.response is not None else b""
    refusal = re.search(rb"(?:^|\x1e)4([14])([^\x1e]*)", body)
    if refusal is None:
        return None
    if refusal[1] == b"1":
        return _disconnected(exchange, name or "/")
    content = _content(refusal[2].decode("utf-8", "replace").removeprefix(f"{name},"))
    # The client makes an error of the field "message", and of nothing else.
    message = str(content.get("message", "")) if isinstance(content, dict) else ""
    if (message or content) in _UNKNOWN:
        return _unknown(exchange, name or "/", message, str(message or content))
    return _refused(exchange, name or "/", message, str(message or content))


def _content(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _unknown(exchange: Exchange, name: str, message: str, said: str) -> Finding:
    cause = (
        f'CORS is in order; the server knows no namespace {name} and says "{said}". {_NAMESPACE}'
    )
    fix = Fix(
        f'@socketio.on("connect", namespace="{name}")\ndef connect():\n    pass',
        f'io.of("{name}").on("connection", socket => {{}})',
        "If the path belongs to the server: io(host, { path: … }).",
    )
    return Finding(
        "namespace-refused", Severity.BROKEN, f"There is no namespace {name}.", cause, fix,
        client=message, proof=proof_of([exchange]),
    )  # fmt: skip


def _refused(exchange: Exchange, name: str, message: str, said: str) -> Finding:
    cause = (
        "CORS is in order, and all that a browser needs works. The application's own connect "
        f'handler (in Node.js, a middleware: io.use) for the namespace {name} refuses: "{said}". '
        f"{_NO_AUTH}"
    )
    return Finding(
        "connect-refused", Severity.NOTE, "The application itself refuses the client.", cause,
        Fix(elsewhere=_BRING), client=message, proof=proof_of([exchange]),
    )  # fmt: skip


def _disconnected(exchange: Exchange, name: str) -> Finding:
    cause = (
        "CORS is in order, and all that a browser needs works. The application's own handler for "
        f"the namespace {name} ends the connection at once; the page gets connect, and then "
        f'disconnect: "io server disconnect". {_NO_AUTH}'
    )
    return Finding(
        "connect-refused", Severity.NOTE, "The application itself ends the connection.", cause,
        Fix(elsewhere=_BRING), proof=proof_of([exchange]),
    )  # fmt: skip
