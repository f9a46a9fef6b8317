"""A set of origins that changes while it is asked, and never keeps anybody waiting.

Its entries' texts are its tables. Whether a pattern lets an origin in is found by writing the
patterns that would, one for each dot, prefix length, or pair of prefix and suffix lengths of a
partial label that occurs, and looking each of them up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, TypeAlias

from .families import BITS, address_in, first_bits, is_part
from .grammar import HOST, MAX_ORIGIN_LENGTH, OriginPattern, parse_pattern
from .sets import without_port

#: Into how many parts a table is split, so that the resize of one is not felt among millions. A
#: prime, since within a part a dict goes by the last bits of what chose the part.
_PARTS: Final = 251
#: Seconds of work between two pauses.
_SLICE: Final = 0.002
#: How many entries are let go between two pauses.
_PIECE: Final = 1000

#: A pair of lengths, and how often it occurs.
_Lengths: TypeAlias = tuple[tuple[int, int, int], ...]

_ANY_PORT: Final = ":*"
_before_tail: Final = re.compile(rf"https?://{HOST}\Z")


class LiveOrigins:
    """Exact origins, wildcards, partial labels and networks, with any port too.

    One change takes microseconds, and none of its steps grows with the set. Any number of threads
    may ask meanwhile; those that change it take turns.

    :ivar lost: called after each change that may have taken something away, when it counts.

    .. code-block:: python

        live = LiveOrigins()
        live.add("https://*.example.com")
        "https://app.example.com" in live  # True
        live.is_listed("https://app.example.com")  # False
    """

    __slots__ = ("_leaving", "_tables", "lost")

    def __init__(self) -> None:
        self.lost: Callable[[], None] = _nothing
        self._tables = _Tables()
        # What is no longer asked. Letting go of a million at once would take 50 ms.
        self._leaving: list[_Tables] = []

    def __contains__(self, origin: str) -> bool:
        exact = self._tables.exact.parts[hash(origin) % _PARTS]
        return origin in exact or self.rule(origin) is not None

    def __len__(self) -> int:
        return len(self._tables.exact) + len(self._tables.patterns)

    def __iter__(self) -> Iterator[str]:
        """Return the entries' texts; what changes meanwhile may be among them or not."""
        for table in (self._tables.exact, self._tables.patterns):
            for part in table.parts:
                yield from tuple(part)

    def rule(self, origin: str) -> str | None:
        """Return the entry that lets an origin in, or ``None``.

        :param origin: any text at all, as a client may send it.
        """
        while True:
            tables = self._tables
            found = tables.rule(origin)
            # Those that have left since may have been emptied before the answer.
            if found is not None or tables is self._tables:
                return found

    def is_listed(self, text: str) -> bool:
        """Tell whether an entry is written like this; that another one lets it in does not count.

        :param text: an origin or a pattern.
        """
        pattern = parse_pattern(text)
        return pattern is not None and str(pattern) in self._tables.table_of(pattern)

    def add(self, text: str) -> None:
        """Let an origin in, or those of a pattern; one that is there already stays.

        :raise ValueError: where it is neither.
        """
        self._tables.add(_read(text))

    def discard(self, text: str) -> None:
        """Take an entry away, where it is there."""
        pattern = parse_pattern(text)
        if pattern is not None and self._tables.discard(pattern):
            self.lost()

    def fill(self, texts: Iterable[str]) -> Iterator[None]:
        """Put other entries in the place of all that are there.

        The work is done by whoever asks for the next item, in slices of some milliseconds. What was
        there before answers until all of the new is, and is let go of piece by piece. Nothing else
        may change the set meanwhile.

        :raise ValueError: where one is no origin and no pattern; what was there stays.
        """
        yield from self._let_go()
        tables = _Tables()
        self._leaving.append(tables)
        end = perf_counter() + _SLICE
        for text in texts:
            tables.add(_read(text))
            if perf_counter() > end:
                yield
                end = perf_counter() + _SLICE
        self._leaving[-1], self._tables = self._tables, tables
        self.lost()
        yield from self._let_go()

    def _let_go(self) -> Iterator[None]:
        while self._leaving:
            for part in self._leaving[-1].parts():
                while part:
                    for _ in range(min(len(part), _PIECE)):
                        part.popitem()
                    yield
            del self._leaving[-1]


def _nothing() -> None:
    pass


def _read(text: str) -> OriginPattern:
    pattern = parse_pattern(text)
    if pattern is None:
        raise ValueError(f"{text!r} is no origin, and no pattern of origins, as browsers write it")
    return pattern


@lru_cache(1024)
def _shared(lengths: _Lengths) -> _Lengths:
    """Return one object for equal ones: a million would keep the garbage collector busy."""
    return lengths


class _Table:
    """Texts, each with a value, in parts.

    Of texts alone, or with numbers, the garbage collector leaves a dict in peace.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: tuple[dict[str, Any], ...] = tuple({} for _ in range(_PARTS))

    def part(self, text: str) -> dict[str, Any]:
        """Return the part that a text belongs to."""
        return self.parts[hash(text) % _PARTS]

    def __contains__(self, text: str) -> bool:
        return text in self.parts[hash(text) % _PARTS]

    def __len__(self) -> int:
        return sum(map(len, self.parts))


class _Tables:
    """All that is asked for one answer.

    :ivar exact: the origins that are listed as they are.
    :ivar patterns: everything else.
    """

    __slots__ = (
        "_any_ports", "_lengths", "_networks", "_partials", "_wildcards", "exact", "patterns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.exact = _Table()
        self.patterns = _Table()
        # Which lengths occur, and how often: of what stands before and after a star, by what
        # follows its label; of networks, by their version.
        self._lengths = _Table()
        # How many there are of each kind, so that a kind of which there is none costs nothing.
        self._wildcards = self._partials = self._networks = self._any_ports = 0

    def parts(self) -> Iterator[dict[str, Any]]:
        for table in (self.exact, self.patterns, self._lengths):
            yield from table.parts

    def table_of(self, pattern: OriginPattern) -> _Table:
        return self.patterns if pattern.is_family else self.exact

    # --- Changing them ----------------------------------------------------------------------

    def add(self, pattern: OriginPattern) -> None:
        text = str(pattern)
        part = self.table_of(pattern).part(text)
        if text not in part:
            # In this order: a child that is forked between the two would never find it else.
            self._count(pattern, 1)
            part[text] = None

    def discard(self, pattern: OriginPattern) -> bool:
        """Take it away; tell whether it was there."""
        text = str(pattern)
        part = self.table_of(pattern).part(text)
        if text not in part:
            return False
        del part[text]
        self._count(pattern, -1)
        return True

    def _count(self, pattern: OriginPattern, by: int) -> None:
        self._any_ports += by * (pattern.port == "*")
        self._wildcards += by * pattern.subdomains
        self._partials += by * pattern.is_partial
        self._networks += by * pattern.is_network
        if pattern.is_network:
            version, length, _ = first_bits(pattern.host)
            self._count_lengths(str(version), (length, 0), by)
        elif pattern.is_partial:
            before, _, after = str(pattern).partition("*")
            suffix, _, tail = after.partition(".")
            self._count_lengths(tail, (len(before), len(suffix)), by)

    def _count_lengths(self, key: str, lengths: tuple[int, int], by: int) -> None:
        part = self._lengths.part(key)
        counts = {(first, second): count for first, second, count in part.get(key, ())}
        counts[lengths] = counts.get(lengths, 0) + by
        left = tuple((*pair, count) for pair, count in sorted(counts.items()) if count)
        # Who asks at this moment goes on with what there was.
        if left:
            part[key] = _shared(left)
        else:
            del part[key]

    # --- Asking them ------------------------------------------------------------------------

    def rule(self, origin: str) -> str | None:
        if origin in self.exact:
            return origin
        # No origin has a star or another slash; with one, it could be taken for a pattern.
        if len(origin) > MAX_ORIGIN_LENGTH or "*" in origin or origin.count("/") != 2:
            return None
        return (
            self._wildcard(origin, "")
            or self._partial(origin, "")
            or self._with_any_port(origin)
            or self._network(origin)
        )

    def _with_any_port(self, origin: str) -> str | None:
        if not self._any_ports:
            return None
        base = without_port(origin)
        if f"{base}{_ANY_PORT}" in self.patterns:
            return f"{base}{_ANY_PORT}"
        return self._wildcard(base, _ANY_PORT) or self._partial(base, _ANY_PORT)

    def _wildcard(self, origin: str, port: str) -> str | None:
        if not self._wildcards:
            return None
        scheme = origin.partition(":")[0]
        _, _, tail = origin.partition(".")
        while tail:
            rule = f"{scheme}://*.{tail}{port}"
            if rule in self.patterns and _before_tail.match(origin[: -len(tail) - 1]):
                return rule
            _, _, tail = tail.partition(".")
        return None

    def _partial(self, origin: str, port: str) -> str | None:
        if not self._partials:
            return None
        _, _, tail = origin.partition(".")
        while tail:
            known = self._lengths.part(f"{tail}{port}").get(f"{tail}{port}", ())
            for before, after, _ in known:
                head = origin[: -len(tail) - 1]
                end = len(head) - after
                rule = f"{head[:before]}*{head[end:]}.{tail}{port}"
                if end > before and rule in self.patterns and is_part(head, before, end):
                    return rule
            _, _, tail = tail.partition(".")
        return None

    def _network(self, origin: str) -> str | None:
        address = address_in(origin) if self._networks else None
        if address is None:
            return None
        from ipaddress import IPv4Address, IPv6Address

        for length, _, _ in self._lengths.part(str(address.version)).get(str(address.version), ()):
            shift = BITS[address.version] - length
            first = address.number >> shift << shift
            host = str(IPv4Address(first)) if address.version == 4 else f"[{IPv6Address(first)}]"
            for port in (f":{address.port}" if address.port else "", _ANY_PORT):
                rule = f"{address.scheme}://{host}/{length}{port}"
                if rule in self.patterns:
                    return rule
        return None
