"""Whom a server lets in that keeps a page out: perhaps the same page under another address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from ..browser.fetch import cors_check
from ..origins.grammar import DEFAULT_PORTS, OPAQUE_ORIGINS, is_loopback, is_well_formed
from ..origins.near import Difference, Part, compare, split, variants
from ..origins.sites import registrable
from .browser import Fetched, preflight
from .exchange import Exchange
from .findings import Finding
from .handshake import session_of
from .probe import Probe
from .proof import proof_of

#: How many are asked for, each with a request.
MOST: Final = 5
#: Where development servers serve pages.
_DEVELOPERS: Final = ("3000", "5173", "8080")

#: What is out of the question where another origin passes.
_DOUBT: Final = "; or a proxy removes the header, or the request's Origin"


def look_at_variants(probe: Probe, finding: Finding, fetched: Fetched) -> Finding:
    """See whether the server does let the page in, but under another origin."""
    origin = probe.page.origin
    if origin in OPAQUE_ORIGINS:
        return finding
    for name in islice(dict.fromkeys(_names(origin)), MOST):
        asked = _ask(probe, name)
        if asked.response is None:
            return finding
        if not _is_readable(probe, name, asked):
            continue
        # The last word is that of a request which opens a session, as the page's own.
        knocked = probe.knock(name)
        is_in = session_of(knocked) is not None and _is_readable(probe, name, knocked)
        return _told(finding, origin, name, knocked) if is_in else finding
    return finding


def _names(origin: str) -> Iterator[str]:
    """Yield what the server's list may hold in this origin's place, the likeliest first."""
    scheme, host, port = split(origin)
    yield f"{origin}/"
    if scheme not in DEFAULT_PORTS:
        return
    suffix = f":{port}" if port else ""
    yield f"{host}{suffix}"
    is_site = registrable(host) == host
    yield from [name for name in variants(origin) if is_site or "://www." not in name][:2]
    if is_loopback(host):
        yield from (f"{scheme}://{host}:{other}" for other in _DEVELOPERS if other != port)
    else:
        yield f"{scheme}://{host}" if port else f"{origin}:{DEFAULT_PORTS[scheme]}"
        yield f"{scheme}://{_capitalized(host)}{suffix}"


def _capitalized(host: str) -> str:
    return host[:1].upper() + host[1:]


def _ask(probe: Probe, origin: str) -> Exchange:
    """Ask whether an origin is let in, by a preflight, which opens nothing."""
    page, url = replace(probe.page, origin=origin, headers=()), probe.target.polling()
    aside = probe.wire.patience.aside
    return preflight(probe.wire, page, "POST", url, aside, is_browser=False)


def _is_readable(probe: Probe, origin: str, asked: Exchange) -> bool:
    page = replace(probe.page, origin=origin)
    return asked.response is not None and cors_check(page, asked.response) is None


def _told(finding: Finding, origin: str, name: str, knocked: Exchange) -> Finding:
    """Name the origin that is let in, and what to do about it."""
    title, cause = finding.title, finding.cause.replace(_DOUBT, "")
    if finding.id == "header-missing":
        title = f"The server does not allow {origin}."
        cause = f"The answer to {origin} comes without any CORS header."
    if is_well_formed(name):
        cause += f" It does let {name} in: {_instead(compare(origin, name))}."
        fix = finding.fix
    else:
        cause += f" It does let {name} in, which no browser sends: {_excess(origin, name)}."
        written = f"Write {json.dumps(origin)} into its list of origins, not {json.dumps(name)}."
        fix = replace(finding.fix, elsewhere=written)
    proof = (*finding.proof, *proof_of([knocked]))
    id_ = "origin-not-allowed"
    return replace(finding, id=id_, title=title, cause=cause, fix=fix, proof=proof)


def _instead(differences: tuple[Difference, ...]) -> str:
    if differences == (Difference(Part.SCHEME, "http"),):
        return "serve the page by https:, or allow this one as well"
    if differences[-1].part is Part.PORT:
        return "serve the page there, or allow this one as well"
    return "open the page there, or allow this one as well"


def _excess(origin: str, name: str) -> str:
    if "://" not in name:
        return "its list of origins has a host, and every origin starts with a scheme"
    if name.endswith("/"):
        return "its list of origins has a slash too many"
    if name.lower() == origin:
        return "its list of origins has a capital letter where browsers send small ones"
    return "its list of origins has the default port, which browsers leave out"
