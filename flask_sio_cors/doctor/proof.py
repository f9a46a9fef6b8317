"""What a finding rests on, as lines: what was asked, and what came back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Final

from ..browser.fetch import Header, Response
from .exchange import Exchange, Failure

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
