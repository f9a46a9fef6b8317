"""Servers that not every visitor's browser reaches: of the own machine, and of private networks.

Chromium lets pages of public sites ask them only where the visitor permits it, and only from pages
served by https (https://wicg.github.io/local-network-access/).
"""

from __future__ import annotations

import ipaddress
import threading
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import Page
from ..origins.grammar import is_loopback
from .exchange import addresses
from .findings import Finding, Severity
from .fixes import Fix
from .target import Target

#: How long a name is looked up, in seconds.
_LOOK_UP: Final = 2.0

_LOOPBACK, _LOCAL, _PUBLIC = "loopback", "local", "public"


def explain(target: Target, page: Page) -> Finding | None:
    """Name who does not reach the server; ``None`` where everybody may."""
    host = urlsplit(target.base).hostname or ""
    found = _look_up(host)
    space = _space(found)
    asker = urlsplit(page.origin).hostname or ""
    if space in (None, _PUBLIC) or is_loopback(asker) or _is_near(asker):
        return None
    is_public = page.origin.startswith("http") and _space(_look_up(asker)) == _PUBLIC
    if is_public and page.origin.startswith("http://"):
        return _insecure(target, page, space or "")
    if space == _LOOPBACK:
        return _only_here(host, found, target, page)
    return _only_inside(host, found, target, page) if is_public else None


def _look_up(host: str) -> tuple[str, ...]:
    """Return a host's addresses; none where they are not found, or not soon."""
    results: list[tuple[str, ...]] = []

    def look_up() -> None:
        try:
            results.append(addresses(host))
        except (OSError, UnicodeError):
            results.append(())

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_LOOK_UP)
    return results[0] if results else ()


def _space(found: tuple[str, ...]) -> str | None:
    """Return the address space (Local Network Access, section 2.1) that all addresses are of."""
    spaces = {_space_of(address) for address in found}
    return spaces.pop() if len(spaces) == 1 else None


def _space_of(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return _LOOPBACK
    return _PUBLIC if ip.is_global else _LOCAL


def _is_near(host: str) -> bool:
    """Tell whether a page's host is itself an address of a private network."""
    try:
        return _space_of(host.strip("[]")) != _PUBLIC
    except ValueError:
        return False


def _insecure(target: Target, page: Page, space: str) -> Finding:
    cause = (
        f"The page is public and served by http:, the server is not public ({space}). Chromium "
        "lets no such page ask it; a page served by https: may, if its visitor permits it."
    )
    fix = "Serve the page by https:, or give the server a public address."
    return Finding(
        "local-network", Severity.BROKEN, "A public page asks a private network.", cause,
        Fix(elsewhere=fix), (),
        wording.chromium_local_network(target.polling(), page.origin, space, is_secure=False),
        "xhr poll error",
    )  # fmt: skip


def _permission(target: Target, page: Page, space: str) -> str:
    line = wording.chromium_local_network(target.polling(), page.origin, space, is_secure=True)[0]
    policy = line.partition("policy: ")[2]
    return (
        "Chromium asks the visitors of a public page for permission first; where they do not give "
        f"it, its console says: “{policy}”"
    )


def _only_here(host: str, found: tuple[str, ...], target: Target, page: Page) -> Finding:
    cause = (
        f"{host} is {', '.join(found)} here: every visitor's own machine. For anyone but you "
        f"nothing listens there. {_permission(target, page, _LOOPBACK)}"
    )
    fix = Fix(elsewhere="Use the name under which visitors reach the server.")
    return Finding(
        "only-here", Severity.NOTE, f"{host} is a different machine for everyone.", cause, fix
    )


def _only_inside(host: str, found: tuple[str, ...], target: Target, page: Page) -> Finding:
    cause = (
        f"{host} is {', '.join(found)}, an address of a private network: only visitors inside it "
        f"reach the server. {_permission(target, page, _LOCAL)}"
    )
    fix = Fix(elsewhere="Give the server a public address, or serve the page from inside as well.")
    return Finding("local-network", Severity.NOTE, f"{host} is not public.", cause, fix)
