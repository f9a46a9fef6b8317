"""The observations of many machines, on a Redis server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from ..door.observer import Observation
from .counts import LIMIT, Count, Counts
from .redis import connect, where


@dataclass(frozen=True)
class Server:
    """Keeps them under three names: how often each was made, and when first and last.

    :param url: of the server, as redis-py takes it.
    :param key: tells applications on one server apart.
    """

    url: str
    key: str
    #: Its client waits as its process does, cooperatively where that is patched.
    is_native: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"the Redis server at {where(self.url)}"

    @property
    def _names(self) -> tuple[str, str, str]:
        # In braces: in a cluster, all lie on one node. The figure is the schema's version.
        prefix = f"{{sio-cors-1:{self.key}}}:observed"
        return f"{prefix}:times", f"{prefix}:first", f"{prefix}:last"

    def add(self, counts: Counts) -> None:
        """Add what was counted; several processes may.

        :raise redis.RedisError: where that does not work.
        """
        times, first, last = self._names
        with connect(self.url) as server:
            with server.pipeline(transaction=False) as batch:
                for seen, count in counts.items():
                    name = json.dumps(seen)
                    batch.hincrby(times, name, count.times)
                    batch.hsetnx(first, name, repr(count.first))
                    batch.hset(last, name, repr(count.last))
                batch.execute()
            if server.hlen(times) > LIMIT * 1.1:
                known: dict[str, str] = server.hgetall(times)
                rarest = sorted(known, key=lambda name: int(known[name]))[: len(known) - LIMIT]
                for part in self._names:
                    server.hdel(part, *rarest)

    def read(self) -> Counts:
        """Return what was observed so far.

        :raise redis.RedisError: where it cannot be read.
        """
        with connect(self.url) as server:
            return _counts(*map(server.hgetall, self._names))

    def take(self) -> Counts:
        """Return it, and have it no more.

        :raise redis.RedisError: where that does not work; nothing is lost then.
        """
        with connect(self.url) as server, server.pipeline(transaction=True) as both:
            for part in self._names:
                both.hgetall(part)
            both.delete(*self._names)
            times, first, last, _ = both.execute()
        return _counts(times, first, last)


def _counts(times: dict[str, str], first: dict[str, str], last: dict[str, str]) -> Counts:
    return {
        Observation(*json.loads(name)): Count(int(count), float(first[name]), float(last[name]))
        for name, count in times.items()
        if name in first and name in last
    }
