"""What the values of settings mean, in sentences, where one sentence will not do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..origins.sets import OriginSet
from .functions import OriginFunction
from .origins import EveryOrigin
from .sources import name_of

#: Seconds that Chromium keeps a preflight's answer, at most.
_CHROMIUMS_MAX_AGE: Final = 7200


def either(yes: str, no: str) -> Callable[[object], str]:
    """Make the meaning of a setting that is on, or there, or not."""
    return lambda value: no if value is None or value is False else yes


def of_origins(origins: OriginSet | EveryOrigin, functions: Sequence[OriginFunction] = ()) -> str:
    """Say who may connect."""
    if origins is EveryOrigin.WILDCARD:
        return "Every site may connect, without cookies; answered with “*”."
    if origins is EveryOrigin.REFLECTED:
        return "Every site may connect, without cookies; answered with its origin."
    asked = "".join(map(_of_function, functions))
    if origins:
        return f"Pages of these origins may connect, and those of the server's own.{asked}"
    told = "Pages of the server's own origin may connect" if asked else _OWN_ALONE
    return f"{told}.{asked}"


_OWN_ALONE: Final = "Only pages of the server's own origin may connect"


def _of_function(asked: OriginFunction) -> str:
    arguments = "of the origin and the request" if asked.needs_environ else "of the origin"
    return f" {name_of(asked.function)}, a function {arguments}, is asked about each other origin."


def of_own_origins(origins: frozenset[str]) -> str:
    """Say how the server's own pages are told."""
    if not origins:
        return "The server's own pages are told by what browsers, the server and proxies say."
    return "Pages of these origins are the server's own, whatever a request says of its name."


def of_policies(policies: Sequence[object]) -> str:
    """Say to which hosts the settings apply."""
    if not policies:
        return "One policy applies to every host."
    others = "Another policy applies" if len(policies) == 1 else f"{len(policies)} others apply"
    return f"{others} to hosts of {'its' if len(policies) == 1 else 'their'} own."


def of_suffixes(tolerated: bool | frozenset[str]) -> str:
    """Say which names that anybody registers may come with credentials."""
    if tolerated is True:
        return "Wildcards under public suffixes may come with credentials."
    those = f", other than {', '.join(sorted(tolerated))}," if tolerated else ""
    return (
        f"Wildcards under public suffixes (https://*.github.io){those} cannot come with "
        "credentials."
    )


def of_cache(seconds: float) -> str:
    """Say how long the answer of a function counts."""
    if not seconds:
        return "A function of the origin is asked at each request."
    return (
        f"What a function of the origin alone said counts for {seconds:g} s; one that takes the "
        "request too is asked at each."
    )


def of_allowed_headers(names: tuple[str, ...] | None) -> str:
    """Say which headers clients may send."""
    if names is None:
        return "Clients may send any extraHeaders."
    if "*" in names:
        return "Clients may send any extraHeaders; browsers will want Authorization by its name."
    return f"Clients may send these extraHeaders: {', '.join(names) or 'none'}."


def of_exposed_headers(names: tuple[str, ...]) -> str:
    """Say which headers pages may read."""
    if not names:
        return "Pages may read no special headers of the answers."
    return f"Pages may read {'all' if '*' in names else 'these'} headers of the answers."


def of_methods(methods: tuple[str, ...]) -> str:
    """Say what a preflight is told."""
    told = (
        f"Preflights are answered with {', '.join(methods)}; GET and POST, all that Socket.IO "
        "needs, pass in any case."
    )
    others = [method for method in methods if method not in ("GET", "POST", "OPTIONS")]
    return f"{told} Engine.IO answers {' and '.join(others)} with 405." if others else told


def of_max_age(seconds: int | None) -> str:
    """Say how long browsers remember a preflight."""
    if seconds is None:
        return "Browsers keep a preflight's answer for their own default, 5 seconds."
    if seconds == 0:
        return "Browsers keep no preflight's answer, and ask before each request."
    told = f"Browsers keep a preflight's answer for {seconds} second{'s' * (seconds != 1)}"
    is_long = seconds > _CHROMIUMS_MAX_AGE
    return told + (f", Chromium for {_CHROMIUMS_MAX_AGE}." if is_long else ".")
