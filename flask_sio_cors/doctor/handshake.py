"""What the answer to a handshake says: the session, or the error; and whose server wrote it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from ..browser.fetch import Response
from .exchange import Exchange
from .protocol import protocol_of


@dataclass(frozen=True)
class Session:
    """What a handshake's answer says (Engine.IO protocol 4, "open" packet).

    :param sid: as it stands in the addresses of what follows.
    """

    sid: str
    upgrades: tuple[str, ...]


def packets_of(exchange: Exchange) -> list[str]:
    """Return the packets that came; none where the answer is not of the client's protocol."""
    response = exchange.response
    return protocol_of(exchange.url).decode(response.body) if response is not None else []


def session_of(exchange: Exchange) -> Session | None:
    """Read an answer as that to a handshake; ``None`` where it is none."""
    first = next(iter(packets_of(exchange)), "")
    if not first.startswith("0{"):
        return None
    try:
        fields = json.loads(first[1:])
        sid = quote(str(fields["sid"]), safe="~")
        return Session(sid, tuple(map(str, fields.get("upgrades", ()))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def error_of(response: Response | None) -> str | None:
    """Return the message of an answer that is an error of Engine.IO; ``None`` where it is none."""
    if response is None or response.is_ok:
        return None
    try:
        content = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, str):
        return content
    if isinstance(content, dict) and isinstance(content.get("code"), int):
        return str(content.get("message", ""))
    return None


def named_path(response: Response | None) -> str | None:
    """Return where this extension says that its server is, in its answer to a stray request."""
    said = re.search(r"this application's is at (/\S*)", error_of(response) or "")
    return said[1] if said is not None else None


def is_host_refused(response: Response) -> bool:
    """Tell whether this extension does not trust the request's ``Host``."""
    return response.status == 400 and response.body.startswith(b'{"code": 3, "message": "')


# --- Whose server wrote it -------------------------------------------------------------------


def is_python(response: Response | None) -> bool:
    """Tell whether python-engineio wrote a handshake's answer, by the order of its fields."""
    if response is None:
        return False
    timeout, interval = response.body.find(b'"pingTimeout"'), response.body.find(b'"pingInterval"')
    return 0 <= timeout < interval


def is_extension(response: Response | None) -> bool:
    """Tell whether an answer is one of a server that has this extension."""
    if response is None:
        return False
    if is_python(response):
        return "no-store" in (response.combined("Cache-Control") or "")
    # Python's spelling of JSON, with blanks; Node.js has none.
    return re.match(rb'\{"code": [34], "message": "', response.body) is not None
