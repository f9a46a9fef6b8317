"""How often each observation was made, and what adds that up."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from ..door.observer import Observation

#: How many different observations are kept, in each process and in the file; the rarest go first.
LIMIT: Final = 10_000


class Count(NamedTuple):
    """How often something was observed, and when, in seconds since the epoch."""

    times: int
    first: float
    last: float

    def plus(self, other: Count) -> Count:
        """Return both together."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return Count(self.times + other.times, first, last)


#: Observations, and how often each was made.
Counts = dict[Observation, Count]


class Place(Protocol):
    """Where observations are added up, of all processes."""

    @property
    def is_native(self) -> bool:
        """Whether it waits in code that no monkey-patching reaches."""
        ...

    def add(self, counts: Counts) -> None:
        """Add what was counted."""
        ...

    def read(self) -> Counts:
        """Return what was observed so far."""
        ...

    def take(self) -> Counts:
        """Return it, and have it no more; of several processes at once, one gets it."""
        ...
