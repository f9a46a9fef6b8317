"""Origins that are nearly another: what a refused page differs in from one that is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from .grammar import (
    DEFAULT_PORTS,
    OPAQUE_ORIGINS,
    ends_with_dot,
    is_address,
    is_loopback,
    parse_pattern,
    split,
)
from .sets import OriginSet

#: How many listed origins a refusal at run time is compared with; anybody can cause one.
SCANNED: Final = 50
#: And how many where somebody waits for the answer: a second's work.
SCANNED_PATIENTLY: Final = 100_000
#: In how many of scheme, host and port an origin may differ to be near.
_MOST_DIFFERENCES: Final = 2
#: The names of this machine, as pages are opened under them.
_OWN_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
#: Letters of a label from which on one of them can be taken for misspelt.
_LONG_LABEL: Final = 4


class Part(Enum):
    """What one origin differs in from another."""

    LETTER = "letter"  #: one letter of its host
    HOST = "host"
    SCHEME = "scheme"
    PORT = "port"


class Difference(NamedTuple):
    """How a page comes otherwise than from an allowed origin.

    :param value: the page's host, scheme or port.
    """

    part: Part
    value: str


class Near(NamedTuple):
    """An allowed origin that a refused one resembles.

    :param origin: the allowed one.
    :param rule: the configuration's own words for what allows it.
    :param differences: how the refused page comes otherwise.
    """

    origin: str
    rule: str
    differences: tuple[Difference, ...]


def nearest(origin: str, origins: OriginSet, *, thorough: bool = False) -> Near | None:
    """Return the allowed origin that a refused one resembles most, or ``None``.

    :param origin: well-formed, and not in the set.
    :param thorough: whether somebody waits for the answer; else no regular expression is asked.
    """
    known = origins if thorough or not origins.has_regexes else origins.exact
    found = [name for name in (*variants(origin), *_at_default_port(origin)) if name in known]
    if len(origins.exact) <= (SCANNED_PATIENTLY if thorough else SCANNED):
        found += sorted(origins.exact)
    near = [(differences, name) for name in found if (differences := compare(origin, name))]
    if not near:
        return None
    # The first of those with the fewest differences.
    differences, name = min(near, key=lambda one: len(one[0]))
    return Near(name, origins.rule(name) or name, differences)


def _at_default_port(origin: str) -> Iterable[str]:
    scheme, host, port = split(origin)
    return [_joined(scheme, host, "")] if port and scheme in DEFAULT_PORTS else []


def variants(origin: str) -> Iterator[str]:
    """Yield what a page of a well-formed origin may have been meant to be opened as.

    Those that differ in the port alone are too many to be named.
    """
    if origin in OPAQUE_ORIGINS:
        return
    scheme, host, port = split(origin)
    if scheme not in DEFAULT_PORTS:
        return
    other = "https" if scheme == "http" else "http"
    hosts = list(_hosts(host))
    yield _joined(other, host, port)
    yield from (_joined(scheme, name, port) for name in hosts)
    yield from (_joined(other, name, port) for name in hosts)


def _hosts(host: str) -> Iterable[str]:
    if host.endswith("."):
        yield host.rstrip(".")
    elif is_loopback(host):
        yield from (name for name in _OWN_NAMES if name != host)
    elif host.startswith("www."):
        yield host.removeprefix("www.")
    elif "." in host and not is_address(host):
        yield f"www.{host}"


def _joined(scheme: str, host: str, port: str) -> str:
    return f"{scheme}://{host}{f':{port}' if port and DEFAULT_PORTS.get(scheme) != port else ''}"


def compare(origin: str, allowed: str) -> tuple[Difference, ...]:
    """Tell how a page comes otherwise than from an allowed origin; nothing where it is not near.

    :param origin: that of the page, well-formed, as the other one is.
    """
    if origin == allowed or {origin, allowed} & OPAQUE_ORIGINS:
        return ()
    (scheme, host, port), other = split(origin), split(allowed)
    by_scheme = Difference(Part.SCHEME, scheme)
    if not {scheme, other[0]} <= DEFAULT_PORTS.keys():
        return (by_scheme,) if (host, port) == other[1:] and scheme != other[0] else ()
    found = []
    if host != other[1]:
        if not _is_kin(host, other[1]):
            is_alone = (scheme, port) == (other[0], other[2])
            is_slip = is_alone and _is_one_off(host, other[1])
            return (Difference(Part.LETTER, host),) if is_slip else ()
        found.append(Difference(Part.HOST, host))
    if scheme != other[0]:
        found.append(by_scheme)
    if port != other[2]:
        found.append(Difference(Part.PORT, port))
    return tuple(found) if len(found) <= _MOST_DIFFERENCES else ()


def _is_kin(host: str, other: str) -> bool:
    """Tell whether two hosts are most likely the same machine."""
    if is_loopback(host) and is_loopback(other):
        return True
    return host.removeprefix("www.").rstrip(".") == other.removeprefix("www.").rstrip(".")


def _is_one_off(host: str, other: str) -> bool:
    """Tell whether one label differs by a letter, or by two that have changed places.

    Digits are no mistake: customer-1, customer-2.
    """
    labels, others = host.split("."), other.split(".")
    unlike = [pair for pair in zip(labels, others, strict=False) if pair[0] != pair[1]]
    if len(labels) != len(others) or len(unlike) != 1:
        return False
    a, b = unlike[0]
    if max(len(a), len(b)) < _LONG_LABEL:
        return False
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    is_one = max(len(a), len(b)) == 1
    return (is_one or (len(a) == 2 and a == b[::-1])) and not re.search("[0-9]", a + b)


def entries_for(origin: str, origins: OriginSet) -> tuple[str, ...]:
    """Return the entries that a list needs, to let in an origin; none where it cannot.

    :param origin: well-formed, as a client may send it.
    """
    pattern = parse_pattern(origin)
    if pattern is None:
        return ()
    without = origin.removesuffix(".")
    # A dot at the end is taken for a slip where the host without it is not listed.
    is_alone = without != origin and ends_with_dot(pattern) and without not in origins.exact
    return (without, origin) if is_alone else (origin,)
