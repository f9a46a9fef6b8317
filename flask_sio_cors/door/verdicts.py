"""What is decided about a request, as data: who answers it, why, and with which headers."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias

Header: TypeAlias = tuple[str, str]
Headers: TypeAlias = tuple[Header, ...]


class Outcome(Enum):
    """Who answers a request."""

    ALLOWED = "allowed"  #: Engine.IO, its response completed with the verdict's headers
    PREFLIGHT = "preflight"  #: the guard, with the verdict's status and headers and no body
    REFUSED = "refused"  #: the guard, with the verdict's status and headers and an error


# The members that every request meets; looking one up in its class costs as much as the rest.
ALLOWED: Final = Outcome.ALLOWED
PREFLIGHT: Final = Outcome.PREFLIGHT
REFUSED: Final = Outcome.REFUSED


class Reason(str, Enum):
    """Why a request was let in or kept out; also a text, such as ``origin-not-allowed``."""

    # Looked up at each refusal: Enum's own is written in Python.
    __hash__ = str.__hash__
    __str__ = str.__str__

    SAME_ORIGIN = "same-origin"
    ORIGIN_ALLOWED = "origin-allowed"
    NO_ORIGIN = "no-origin"
    ORIGIN_NOT_ALLOWED = "origin-not-allowed"
    ORIGIN_MALFORMED = "origin-malformed"
    ORIGIN_OPAQUE = "opaque-origin-with-credentials"
    ORIGIN_INSECURE = "insecure-origin-with-credentials"
    ORIGIN_CALLABLE_FAILED = "origin-callable-failed"
    CROSS_SITE = "cross-site-without-origin"
    JSONP = "jsonp-without-origin"
    HOST_NOT_TRUSTED = "host-not-trusted"
    POLICY_NOT_CHOSEN = "policy-not-chosen"
    SESSION_ELSEWHERE = "session-of-another-policy"
    DENIED = "denied-by-allow-request"
    ALLOW_REQUEST_FAILED = "allow-request-failed"


_OK: Final = "200 OK"


class Verdict(NamedTuple):
    """What happens to a request. A policy makes its verdicts once; requests share them.

    :param headers: those that all answers to requests of this kind have in common.
    :param status: of the guard's own answers.
    :param credentials: whether the page may use the visitor's, whatever else the request says.
    """

    outcome: Outcome
    reason: Reason
    headers: Headers
    status: str = _OK
    credentials: bool = False


def status_line(code: int) -> str:
    """Return a WSGI status such as ``204 No Content``, for any code from 200 to 599."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} Success"
