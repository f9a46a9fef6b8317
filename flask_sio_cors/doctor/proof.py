"""What a finding rests on, as lines: what was asked, and what came back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .who import raised
from .wire import Exchange, Failure

_TOLD: Final = frozenset(
    """vary location content-type server via age x-cache cf-cache-status retry-after upgrade
    www-authenticate proxy-authenticate cf-ray cf-mitigated x-amzn-waf-action x-amz-cf-id
    x-datadome x-iinfo x-vercel-mitigated x-azure-ref ngrok-error-code""".split()
)
_ASKED: Final = ("origin", "upgrade", "access-control-request-", "x-forwarded-")
_SHOWN: Final = 100


def proof_of(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    """Return the lines of exchanges that a finding rests on, each exchange once."""
    return tuple(line for exchange in dict.fromkeys(exchanges) for line in _lines(exchange))


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
    for name, value in outcome.headers:
        if name.lower() in _TOLD or name.lower().startswith("access-control-"):
            yield f"< {name}: {value}"
    text = outcome.body.decode("utf-8", "replace").strip()
    if text:
        yield f"<   {_shown(text)}"
    if exception := raised(outcome):
        yield f"<   … {_shown(exception)}"


def _shown(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[:_SHOWN])
    return f"{printable}{'…' if len(text) > _SHOWN else ''}"
