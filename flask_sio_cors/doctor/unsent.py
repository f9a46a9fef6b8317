"""What never leaves the browser: addresses that it asks for no page."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..browser import wording
from ..browser.fetch import BAD_PORTS, Page
from ..origins.grammar import is_loopback
from .browser import origin_of
from .findings import Finding, Severity
from .fixes import Fix
from .handshake import session_of
from .probe import Probe


def explain(probe: Probe) -> Finding | None:
    """Name what keeps the page's browser from asking at all; ``None`` where it asks."""
    target, page = probe.target, probe.page
    parts, url = urlsplit(target.base), target.polling()
    if parts.scheme not in ("http", "https"):
        return _not_web(url, page)
    if parts.port in BAD_PORTS:
        return _bad_port(url, parts.port or 0)
    if parts.hostname in _UNSPECIFIED:
        return _unspecified(url, parts.hostname, parts.port)
    is_here = is_loopback(parts.hostname or "")
    if page.origin.startswith("https://") and parts.scheme == "http" and not is_here:
        return _mixed_content(url, page, _secure_twin(probe))
    return None


def _secure_twin(probe: Probe) -> str | None:
    """Return the https address that serves the same Socket.IO server, if one does."""
    parts = urlsplit(probe.target.base)
    ports = {"", f":{parts.port}" if parts.port else ""}
    for port in sorted(ports):
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        secure = replace(probe.target, base=f"https://{host}{port}")
        if session_of(probe.look(secure.polling())) is not None:
            return secure.base
    return None


#: Where servers listen "on all addresses"; Firefox asks none of them, Chromium takes them for here.
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing is bound


def _unspecified(url: str, host: str, port: int | None) -> Finding:
    cause = (
        f"{host} means “all addresses of this machine” to the server that listens there; it is "
        "nobody's address. Firefox does not ask it; Chromium takes it for this machine."
    )
    here = f"http://localhost{f':{port}' if port else ''}{urlsplit(url).path}"
    fix = Fix(elsewhere="Or the name under which visitors reach the server.", address=here)
    return Finding(
        "unspecified-address", Severity.BROKEN, f"{host} is no server's address.", cause, fix,
        (wording.failed_line(url),), (), "xhr poll error",
    )  # fmt: skip


def _not_web(url: str, page: Page) -> Finding:
    return Finding(
        "not-http",
        Severity.BROKEN,
        "The address is not of the web.",
        "Pages can only ask http: and https: addresses of other origins.",
        Fix(elsewhere="Give the client an address like https://api.example.com."),
        (wording.not_http_line(url),),
        wording.chromium_not_http(url, page.origin),
        "xhr poll error",
    )


def _bad_port(url: str, port: int) -> Finding:
    return Finding(
        "bad-port",
        Severity.BROKEN,
        f"Browsers do not talk to port {port}.",
        "The port belongs to another protocol (Fetch standard, “bad port”); no request is sent.",
        Fix("socketio.run(app, port=5000)", "httpServer.listen(3000)", "Use another port."),
        (),
        (wording.network_error("UNSAFE_PORT"),),
        "xhr poll error",
    )


def _mixed_content(url: str, page: Page, secure: str | None) -> Finding:
    firefox, chromium = wording.mixed_content(url, page.origin)
    cause = (
        f"The page is served over https:, and asks {origin_of(url)} without; browsers forbid it."
    )
    fix = Fix(
        elsewhere="Serve the Socket.IO server over TLS, for example behind the page's own proxy."
    )
    if secure is not None:
        cause += f" {secure} answers, and is what to ask."
        fix = Fix(address=f"{secure}{urlsplit(url).path}")
    return Finding(
        "mixed-content", Severity.BROKEN, "An https: page asks for http:.", cause,
        fix, (firefox,), (chromium,), "xhr poll error",
    )  # fmt: skip
