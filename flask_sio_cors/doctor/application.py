"""What the application says once CORS is in order: its namespaces and its connect handlers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from .exchange import Exchange
from .findings import Finding, Severity
from .fixes import Fix
from .proof import proof_of
from .target import Target

# Socket.IO's own words for a namespace that nobody has defined: in Python, and in Node.js.
_UNKNOWN: Final = frozenset({"Unable to connect", "Invalid namespace"})
#: The findings that say nothing against the transports.
FINDINGS: Final = frozenset(
    {"namespace-refused", "connect-refused", "connect-unanswered", "old-server"}
)
_NAMESPACE: Final = (
    "The path of the URL that io() is given is the namespace, not the server's path."
)
_BRING: Final = (
    "Let the client bring what the handler asks for: io(url, { auth: { token: … } }), or "
    "withCredentials: true where it looks at cookies. The doctor sends what it is given by --auth, "
    "--header and in the URL, and no cookies but those of the server's first answer."
)


def answer_of(packets: Sequence[str], target: Target) -> str | None:
    """Return the packet that answers a client's wish to connect; ``None`` where none has come.

    It starts with 40 (connected), 41 (disconnected) or 44 (refused).
    """
    # Servers of the old protocol add each client to the main namespace unasked.
    name = target.name if target.protocol.is_old else ""
    # An application that changes its mind has said its last word.
    patterns = (re.compile("4[14]"), re.compile(f"40{re.escape(name)}"))
    found = (packet for pattern in patterns for packet in packets if pattern.match(packet))
    return next(found, None)


def explain(packets: Sequence[str], target: Target, answered: Exchange) -> Finding | None:
    """Name what the application has against a client; ``None`` where it lets it in.

    :param answered: the exchange that brought the last of the packets.
    """
    answer, name = answer_of(packets, target), target.name
    if answer is None:
        return _without_answer(answered)
    if answer.startswith("40"):
        is_understood = target.protocol.is_old or "{" in answer
        return None if is_understood else _old(answered)
    if answer.startswith("41"):
        return _disconnected(answered, name or "/")
    content = _content(answer[2:].removeprefix(f"{name},"))
    # The client makes an error of the field "message", and of nothing else.
    text = content.get("message", "") if isinstance(content, dict) else ""
    message = text if isinstance(text, str) else _shown(text)
    said = message or _shown(content)
    if said in _UNKNOWN:
        return _unknown(answered, target, message, said)
    return _refused(answered, name or "/", message, said)


def _content(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(content: object) -> str:
    """Return what was said where it is no message: as it is written, or nothing."""
    if isinstance(content, str):
        return content
    return json.dumps(content, ensure_ascii=False) if content else ""


def _unknown(exchange: Exchange, target: Target, message: str, said: str) -> Finding:
    name = target.name
    cause = (
        f'CORS is in order; the server knows no namespace {name} and says "{said}". {_NAMESPACE}'
    )
    extension = f'@socketio.on("connect", namespace="{name}")\ndef connect():\n    pass'
    node = f'io.of("{name}").on("connection", socket => {{}})'
    client = f'If the path belongs to the server: io("{target.base}", {{ path: "{name}" }}).'
    if name.endswith("/"):
        client = f'If it is meant without its last slash: io("{target.base}{name.rstrip("/")}").'
    if name.rstrip("/").endswith(target.path.rstrip("/")):
        # The path that clients ask for anyway.
        client = f'In the client: io("{target.base}")'
        extension = node = ""
    return Finding(
        "namespace-refused", Severity.BROKEN, f"There is no namespace {name}.", cause,
        Fix(extension, node, client), client=message, proof=proof_of([exchange]),
    )  # fmt: skip


def _refused(exchange: Exchange, name: str, message: str, said: str) -> Finding:
    cause = (
        "CORS is in order. The application's own connect handler (in Node.js, a middleware: "
        f"io.use) for the namespace {name} refuses"
        + (f': "{said}".' if said else ", without a word.")
    )
    return Finding(
        "connect-refused", Severity.BROKEN, "The application itself refuses the client.", cause,
        Fix(elsewhere=_BRING), client=message, proof=proof_of([exchange]),
    )  # fmt: skip


def _disconnected(exchange: Exchange, name: str) -> Finding:
    cause = (
        f"CORS is in order. The application's own handler for the namespace {name} ends the "
        'connection; the page gets connect, and then disconnect: "io server disconnect".'
    )
    return Finding(
        "connect-refused", Severity.BROKEN, "The application itself ends the connection.", cause,
        Fix(elsewhere=_BRING), proof=proof_of([exchange]),
    )  # fmt: skip


_HANDLER: Final = """\
@socketio.on("connect")
def connect(auth=None):  # auth is what the client is given; None where it is given nothing
    ..."""


def unanswered(exchanges: Iterable[Exchange], target: Target, patience: float) -> Finding:
    """Tell of an application that never says whether the client is in.

    :param patience: how long it was waited for, in seconds.
    """
    cause = (
        "CORS is in order, and the server answers; but the application has not said within "
        f"{patience:g} seconds whether the client may join {target.name or '/'}. Most often its "
        "connect handler raises an exception: the page then gets no event at all, neither connect "
        "nor connect_error. Or it takes that long."
    )
    fix = (
        "Look for a traceback in the server's log. A handler that needs auth raises where a client "
        "sends none; the doctor sends what it is given by --auth."
    )
    return Finding(
        "connect-unanswered", Severity.BROKEN, "The connect handler does not come to an end.",
        cause, Fix(_HANDLER, "", fix), proof=proof_of(exchanges),
    )  # fmt: skip


def _without_answer(exchange: Exchange) -> Finding:
    cause = (
        "CORS is in order, and the server answers; but none of its answers says whether the client "
        "is in. A proxy or a middleware changes them, or what answers is no Socket.IO server."
    )
    fix = Fix(elsewhere="Look into the server's log.")
    return Finding(
        "connect-unanswered", Severity.BROKEN, "The client is never told that it is in.", cause,
        fix, proof=proof_of([exchange]),
    )  # fmt: skip


_OLD_CLIENT_MESSAGE: Final = (
    "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are "
    "not compatible (more information here: https://socket.io/docs/v3/migrating-from-2-x-to-3-0/)"
)


def _old(exchange: Exchange) -> Finding:
    cause = (
        "The server is one of Socket.IO 2 or older: it lets a client in without giving it an id, "
        "which a client of version 3 or 4 refuses."
    )
    python = "# pip install --upgrade Flask-SocketIO python-socketio python-engineio"
    fix = Fix(python, "// npm install socket.io@4", "Or use socket.io-client 2 on the page.")
    return Finding(
        "old-server", Severity.BROKEN, "The server is older than the client.", cause, fix,
        client=_OLD_CLIENT_MESSAGE, proof=proof_of([exchange]),
    )  # fmt: skip
