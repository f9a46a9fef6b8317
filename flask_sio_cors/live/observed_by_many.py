"""The observations of many machines, on a Redis server."""

from __future__ import annotations

import json

from ..door.observer import Observation
from .counts import LIMIT, Count, Counts
from .redis import connect, where


class Server:
    """Keeps them under three names: how often each was made, and when first and last.

    :param url: of the server, as redis-py takes it.
    :param key: tells applications on one server apart.
    """

    #: Its client waits as its process does, cooperatively where that is patched.
    is_native = False

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        # In braces: in a cluster, all lie on one node. The figure is the schema's version.
        prefix = f"{{sio-cors-1:{key}}}:observed"
        self._times, self._first, self._last = (f"{prefix}:{n}" for n in ("times", "first", "last"))

    def __str__(self) -> str:
        return f"the Redis server at {where(self._url)}"

    def add(self, counts: Counts) -> None:
        """Add what was counted; several processes may.

        :raise redis.RedisError: where that does not work.
        """
        with connect(self._url) as server:
            with server.pipeline(transaction=False) as batch:
                for seen, count in counts.items():
                    name = json.dumps(seen)
                    batch.hincrby(self._times, name, count.times)
                    batch.hsetnx(self._first, name, repr(count.first))
                    batch.hset(self._last, name, repr(count.last))
                batch.execute()
            if server.hlen(self._times) > LIMIT * 1.1:
                times: dict[str, str] = server.hgetall(self._times)
                rarest = sorted(times, key=lambda name: int(times[name]))[: len(times) - LIMIT]
                for part in (self._times, self._first, self._last):
                    server.hdel(part, *rarest)

    def read(self) -> Counts:
        """Return what was observed so far.

        :raise redis.RedisError: where it cannot be read.
        """
        with connect(self._url) as server:
            parts = (server.hgetall(part) for part in (self._times, self._first, self._last))
            times, first, last = parts
        return {
            Observation(*json.loads(name)): Count(int(count), float(first[name]), float(last[name]))
            for name, count in times.items()
            if name in first and name in last
        }
