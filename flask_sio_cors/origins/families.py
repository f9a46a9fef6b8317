"""Families of origins that no list of names can hold: parts of labels, and networks.

A look-up asks once for each length that occurs, however many families there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from .grammar import OriginPattern, is_explicit_port, is_well_formed

#: What a star within a label stands for.
_PART: Final = re.compile(r"[a-z0-9-]+")
_ADDRESS: Final = re.compile(
    r"(https?)://(?:([0-9]{1,3}(?:\.[0-9]{1,3}){3})|\[([0-9a-f:]+)\])(?::([0-9]+))?"
)
_LONGEST_LABEL: Final = 63
#: How long an address is, by its version.
BITS: Final = {4: 32, 6: 128}


class PartialLabels:
    """Hosts one of whose labels has a star in it, by what follows that label.

    :param patterns: ``https://pr-*.example.com`` and the like; their ports are told apart.
    """

    __slots__ = ("_known", "_lengths")

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        known: set[tuple[str, str, str]] = set()
        lengths: dict[str, set[tuple[int, int]]] = {}
        for pattern in patterns:
            before, _, after = pattern.host.partition("*")
            suffix, _, rest = after.partition(".")
            tail = f"{rest}:{pattern.port}" if pattern.port not in ("", "*") else rest
            prefix = f"{pattern.scheme}://{before}"
            known.add((prefix, suffix, tail))
            lengths.setdefault(tail, set()).add((len(prefix), len(suffix)))
        self._known = frozenset(known)
        self._lengths = {tail: tuple(sorted(pairs)) for tail, pairs in lengths.items()}

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def tails(self) -> Iterable[str]:
        """What origins of the families end in, behind a dot."""
        return self._lengths

    def rule(self, origin: str) -> str | None:
        """Return the pattern that lets an origin in, or ``None``."""
        _, _, tail = origin.partition(".")
        while tail:
            for before, after in self._lengths.get(tail, ()):
                head = origin[: -len(tail) - 1]
                end = len(head) - after
                family = (head[:before], head[end:], tail)
                if end > before and family in self._known and is_part(head, before, end):
                    return f"{family[0]}*{family[1]}.{tail}"
            _, _, tail = tail.partition(".")
        return None


def is_part(head: str, start: int, end: int) -> bool:
    """Tell whether a star may stand for a part of a label.

    :param head: an origin up to the end of that label.
    :param start: where in it the part begins, and `end` where it ends.
    """
    if _PART.fullmatch(head, start, end) is None:
        return False
    first = max(head.rfind(".", 0, start), head.rfind("/", 0, start)) + 1
    # What punycode looks like to people is somebody else's choice.
    is_foreign = head.startswith("xn--", first) and start - first < len("xn--")
    return len(head) - first <= _LONGEST_LABEL and not is_foreign


class Networks:
    """The addresses of networks.

    :param patterns: ``http://192.168.0.0/16:*``, ``https://[fd00::]/8`` and the like.
    """

    __slots__ = ("_known", "_lengths")

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        self._known: dict[tuple[str, int, int, int, str], str] = {}
        lengths: dict[int, set[int]] = {4: set(), 6: set()}
        for pattern in patterns:
            version, length, bits = first_bits(pattern.host)
            lengths[version].add(length)
            self._known[pattern.scheme, version, length, bits, pattern.port] = str(pattern)
        self._lengths = {version: tuple(sorted(found)) for version, found in lengths.items()}

    def __bool__(self) -> bool:
        return bool(self._known)

    def rule(self, origin: str) -> str | None:
        """Return the pattern that lets an origin in, or ``None``."""
        found = address_in(origin)
        if found is None:
            return None
        scheme, version, number, port = found
        for length in self._lengths[version]:
            masked = number >> (BITS[version] - length)
            for one in (port, "*"):
                rule = self._known.get((scheme, version, length, masked, one))
                if rule is not None:
                    return rule
        return None


class Address(NamedTuple):
    """An origin whose host is an address; `port` is ``""`` for the scheme's default."""

    scheme: str
    version: int
    number: int
    port: str


def address_in(origin: str) -> Address | None:
    """Return the address that an origin names as browsers write it; ``None`` for a name."""
    found = _ADDRESS.fullmatch(origin)
    if found is None or not is_well_formed(origin):
        return None
    scheme, four, six, port = found.groups()
    version, number = (4, _ipv4(four)) if four else (6, _ipv6(six))
    if number is None or (port and not is_explicit_port(scheme, port)):
        return None
    return Address(scheme, version, number, port or "")


def first_bits(host: str) -> tuple[int, int, int]:
    """Return the version, the length and the first bits of a network.

    :param host: such as ``192.168.0.0/16`` or ``[fd00::]/8``.
    """
    import ipaddress

    network = ipaddress.ip_network(host.replace("[", "").replace("]", ""))
    bits = int(network.network_address) >> (BITS[network.version] - network.prefixlen)
    return network.version, network.prefixlen, bits


def _ipv4(address: str) -> int | None:
    """Return the number of an address that is written as browsers write it."""
    number = 0
    for part in address.split("."):
        if (part[0] == "0" and part != "0") or int(part) > 255:
            return None
        number = number * 256 + int(part)
    return number


def _ipv6(address: str) -> int | None:
    import ipaddress

    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return None
    return int(found) if found.compressed == address else None
