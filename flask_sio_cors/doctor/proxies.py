"""What proxies change on the request's way to the server, which then answers something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from ..fetch import Response
from .exchange import Exchange
from .findings import Finding, is_extension, is_python, proof_of, session_of
from .fixes import Fix

_ORIGIN: Final = (
    "Let the proxy forward the request's own Origin: in nginx, remove proxy_set_header Origin; in "
    "CloudFront, choose an origin request policy that forwards it, as AllViewer does."
)
_QUESTION: Final = (
    "Let the proxy forward Access-Control-Request-Method and Access-Control-Request-Headers; in "
    "nginx, remove proxy_set_header for both; in CloudFront, choose an origin request policy that "
    "forwards them, as AllViewer does."
)


def names_no_origin(exchange: Exchange) -> bool:
    """Tell whether an answer opens a session, and allows no origin to read it."""
    response = exchange.response
    return (
        response is not None
        and session_of(exchange) is not None
        and response.combined("Access-Control-Allow-Origin") is None
    )


def knows_origins(response: Response | None) -> bool:
    """Tell whether a session's answer is that of a server that refuses origins it does not know."""
    return is_python(response) or is_extension(response)


def origin_dropped(finding: Finding, asked: Iterable[Exchange], stranger: str) -> Finding:
    """Tell of a server that does not get to know who asks."""
    cause = (
        f"The server opens a session for anybody, even for a page of {stranger}, and allows no "
        "origin to read it: that is how it treats requests without an Origin header. A proxy drops "
        "that header. (If every origin is allowed, the answer's header may be lost instead.)"
    )
    return _told(finding, "origin-dropped", "The page's Origin does not arrive.", cause, asked)


def origin_rewritten(finding: Finding, asked: Iterable[Exchange], value: str) -> Finding:
    """Tell of a server that is told another origin than the page's."""
    cause = (
        f"The server answers {value}, though it only ever answers the origin that it was asked "
        "with: a proxy writes that into the request's Origin header."
    )
    return _told(finding, "origin-rewritten", "The page's Origin is rewritten.", cause, asked)


def own_origin_refused(finding: Finding, asked: Iterable[Exchange], own: str) -> Finding:
    """Tell of a server that does not know its own pages."""
    cause = (
        f"The server refuses even the pages of its own origin, {own}, which it never does: a proxy "
        "writes something else into the request's Origin header, or into Host."
    )
    title = "The page's Origin or the server's Host is rewritten."
    told = _told(finding, "origin-rewritten", title, cause, asked)
    more = "; and let it forward Host, or send X-Forwarded-Host and X-Forwarded-Proto."
    return replace(told, fix=Fix(elsewhere=f"{_ORIGIN.rstrip('.')}{more}"))


def is_own(value: str, base: str) -> bool:
    """Tell whether an allowed origin is the server's own, as a careless proxy writes it."""
    try:
        return urlsplit(value).hostname == urlsplit(base).hostname
    except ValueError:
        return False


def question_dropped(finding: Finding) -> Finding:
    """Tell of a server that does not learn which headers a preflight asks for."""
    cause = (
        "The server allows whatever headers a preflight asks for, and has allowed none: a proxy "
        "drops the preflight's Access-Control-Request-Method or -Headers (or the answer's "
        "Access-Control-Allow-Headers)."
    )
    title = "The preflight's question does not arrive."
    told = _told(finding, "preflight-question-dropped", title, cause, [])
    return replace(told, fix=Fix(elsewhere=_QUESTION))


def reflects(preflight: Response) -> bool:
    """Tell whether a preflight's answer is that of a server that allows what it is asked for."""
    varies = "access-control-request-headers" in (preflight.combined("Vary") or "").lower()
    return varies or _is_engineios(preflight)


def is_engineio_preflight(response: Response | None) -> bool:
    """Tell whether an answer to OPTIONS is python-engineio's own, with CORS switched on."""
    is_cors = response is not None and bool(response.values("Access-Control-Allow-Methods"))
    return is_cors and _is_engineios(response)


def _is_engineios(preflight: Response | None) -> bool:
    return preflight is not None and preflight.body == b"OK"


def _told(finding: Finding, id_: str, title: str, cause: str, asked: Iterable[Exchange]) -> Finding:
    proof = (*finding.proof, *proof_of(asked))
    fix = Fix(elsewhere=_ORIGIN)
    return replace(finding, id=id_, title=title, cause=cause, fix=fix, proof=proof)
