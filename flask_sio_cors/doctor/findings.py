"""What an examination can find: the values, and what they are put together from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from html import unescape
from typing import Final, TypeAlias
from urllib.parse import quote

from ..browser.fetch import Header, Response
from .exchange import Exchange, Failure
from .fixes import Fix
from .protocol import protocol_of

_REASON: Final = re.compile(r"\(Reason: (.*?)\)\.(?: Status code|$)")


class Severity(str, Enum):
    """How bad a finding is."""

    BROKEN = "broken"  #: something that a browser needs does not work
    WRONG = "wrong"  #: it works, for somebody who should not get in or until a cache comes by
    NOTE = "note"  #: worth knowing


@dataclass(frozen=True)
class Finding:
    """One thing that an examination found.

    :param id: a short name that does not change between versions.
    :param title: what is wrong, in one line.
    :param cause: why, in a sentence or two.
    :param firefox: the lines in Firefox's console, the telling one first; none where it is silent.
    :param chromium: the same of Chromium.
    :param reasons: the text in each of Firefox's ``(Reason: …)``.
    :param client: the message of the ``connect_error`` that the page gets.
    :param proof: request (``>``) and response (``<``) lines.
    """

    id: str
    severity: Severity
    title: str
    cause: str
    fix: Fix = field(default_factory=Fix)
    firefox: tuple[str, ...] = ()
    chromium: tuple[str, ...] = ()
    client: str = ""
    proof: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Firefox's reasons, word for word, each once."""
        found = (match for line in self.firefox for match in _REASON.findall(line))
        return tuple(dict.fromkeys(found))

    @property
    def is_blocked(self) -> bool:
        """Whether Chromium says that CORS blocked it."""
        return any("has been blocked by CORS policy" in line for line in self.chromium)


#: The parts that are put together to a finding: its id, title, cause and fix.
Told: TypeAlias = tuple[str, str, str, Fix]


# --- Proof -----------------------------------------------------------------------------------

_TOLD: Final = frozenset(
    """vary location content-type server via age x-cache cf-cache-status retry-after upgrade
    www-authenticate proxy-authenticate cf-ray cf-mitigated x-amzn-waf-action x-amz-cf-id
    x-datadome x-iinfo x-vercel-mitigated x-azure-ref""".split()
)
_ASKED: Final = ("origin", "upgrade", "access-control-request-")
_SHOWN: Final = 100


def proof_of(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    """Return the lines of exchanges that a finding rests on."""
    return tuple(line for exchange in exchanges for line in _lines(exchange))


def _lines(exchange: Exchange) -> Iterable[str]:
    yield f"> {exchange.method} {exchange.url}"
    for name, value in exchange.headers:
        if name.lower().startswith(_ASKED):
            yield f"> {name}: {value}"
    outcome = exchange.outcome
    if isinstance(outcome, Failure):
        detail = f" ({outcome.detail})" if outcome.detail else ""
        yield f"< nothing: {outcome.trouble.value}{detail}"
        return
    yield f"< {outcome.status} {outcome.reason}".rstrip()
    yield from _header_lines(outcome.headers)
    text = outcome.body.decode("utf-8", "replace").strip()
    if text:
        yield f"<   {_shown(text)}"
    if exception := raised(outcome):
        yield f"<   … {_shown(exception)}"


def _shown(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[:_SHOWN])
    return f"{printable}{'…' if len(text) > _SHOWN else ''}"


_TRACEBACK: Final = "Traceback (most recent call last):"
_WERKZEUG: Final = re.compile(r"<title>(.*?)\s*// Werkzeug Debugger</title>", re.DOTALL)


def raised(response: Response) -> str | None:
    """Return the line of a traceback that tells, the exception; ``None`` where none is shown."""
    text = response.body.decode("utf-8", "replace")
    if response.status >= 500 and (page := _WERKZEUG.search(text)):
        return " ".join(unescape(page[1]).split())
    if response.status < 500 or _TRACEBACK not in text:
        return None
    after = text.rpartition(_TRACEBACK)[2].splitlines()
    # The places in the code are indented.
    return next((unescape(line) for line in after if line.strip() and line[0] not in " \t"), None)


def _header_lines(headers: Iterable[Header]) -> Iterable[str]:
    for name, value in headers:
        if name.lower() in _TOLD or name.lower().startswith("access-control-"):
            yield f"< {name}: {value}"


# --- Engine.IO's answers ---------------------------------------------------------------------


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


# --- Who answers -----------------------------------------------------------------------------


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
