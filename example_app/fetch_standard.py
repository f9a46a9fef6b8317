"""What browsers make of a server's CORS headers: the checks of the Fetch standard, as functions.

https://fetch.spec.whatwg.org/ - sections 3.3.3 (headers), 4.8 (preflight) and 4.9 (check). A check
returns what is wrong, in words, or ``None`` where the answer passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

# Section 2.2.1, "CORS-safelisted method".
_SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})


class Answer(NamedTuple):
    """An HTTP response as far as CORS looks at it.

    :param headers: by their names in lower case.
    """

    status: int
    headers: Mapping[str, str]


def cors_check(origin: str, with_credentials: bool, answer: Answer) -> str | None:
    """Tell why a page of `origin` may not read an answer (section 4.9)."""
    allowed = answer.headers.get("access-control-allow-origin")
    if allowed is None:
        return "Access-Control-Allow-Origin is missing"
    if allowed == "*" and not with_credentials:
        return None
    if allowed == "*":
        return "Access-Control-Allow-Origin is *, which does not go with credentials"
    if allowed != origin:
        return f"Access-Control-Allow-Origin is {allowed}, not {origin}"
    if with_credentials and answer.headers.get("access-control-allow-credentials") != "true":
        return "Access-Control-Allow-Credentials is not true"
    return None


def preflight_check(
    origin: str, with_credentials: bool, method: str, header_names: Iterable[str], answer: Answer
) -> str | None:
    """Tell why the request that a preflight asked for is not made (section 4.8, steps 7 ff.).

    :param header_names: those that the page wants to send and that are not safelisted.
    """
    unreadable = cors_check(origin, with_credentials, answer)
    if unreadable:
        return unreadable
    if not 200 <= answer.status <= 299:
        return f"the preflight's status is {answer.status}"
    methods = _names(answer, "access-control-allow-methods")
    wildcard = "*" in methods and not with_credentials
    if method not in methods and method not in _SAFELISTED_METHODS and not wildcard:
        return f"{method} is not in Access-Control-Allow-Methods"
    listed = {name.lower() for name in _names(answer, "access-control-allow-headers")}
    wildcard = "*" in listed and not with_credentials
    for name in map(str.lower, header_names):
        # Section 2.2.2, "CORS non-wildcard request-header name".
        if name not in listed and not (wildcard and name != "authorization"):
            return f"{name} is not in Access-Control-Allow-Headers"
    return None


def _names(answer: Answer, header: str) -> list[str]:
    return [name.strip() for name in answer.headers.get(header, "").split(",") if name.strip()]
