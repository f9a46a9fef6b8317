"""The store for many machines: Redis, by redis-py (``pip install "Flask-SIO-CORS[redis]"``)."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from redis import AuthenticationError, ConnectionError, Redis, RedisError, TimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

from .store import LOG_LENGTH, Change, Report, StoreError, Version

#: How many texts `RedisStore.load` asks for at once. The server serves nobody meanwhile: 1 ms.
_PAGE: Final = 1000
#: Seconds after which what was staged is gone, where its writer has died.
_STAGED: Final = 600

# What is known of a set; nothing where the set itself is gone, as Redis may evict each by itself.
# As one script, lest it look gone while somebody takes the last origin out.
_KNOWN: Final = """
local known = redis.call('HGET', KEYS[1], 'version') or ''
local count = tonumber(redis.call('HGET', KEYS[1], 'count') or '0')
if count > 0 and redis.call('EXISTS', KEYS[2]) == 0 then return '' end
return known
"""
# One write. Redis refuses, for want of memory, the first command of a script that would need some,
# and none after one that has written: a removal, which comes first, is made even then.
_WRITE: Final = """
local head, origins, log, staged = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local expected, version, number, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known = redis.call('HGET', head, 'version') or ''
local count = tonumber(redis.call('HGET', head, 'count') or '0')
if count > 0 and redis.call('EXISTS', origins) == 0 then known = '' end
if known ~= expected then return 0 end
if staged then
    redis.call('UNLINK', origins)
    if redis.call('EXISTS', staged) == 1 then
        redis.call('RENAME', staged, origins)
        redis.call('PERSIST', origins)
    end
else
    local change = cjson.decode(record)
    for _, text in ipairs(change.removed) do redis.call('SREM', origins, text) end
    for _, text in ipairs(change.added) do redis.call('SADD', origins, text) end
end
redis.call('HSET', head, 'version', version, 'count', redis.call('SCARD', origins))
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
if last and tonumber(string.match(last[1], '^%d+')) >= tonumber(number) then
    redis.call('DEL', log)
end
redis.call('XADD', log, 'MAXLEN', '~', ARGV[5], number .. '-1', 'change', record)
return 1
"""
# What a worker says, by the server's clock. Of the workers that ended, each report takes some away.
_REPORT: Final = """
local workers, ends, worker = KEYS[1], KEYS[2], ARGV[1]
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local gone = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)
if #gone > 0 then
    redis.call('HDEL', workers, unpack(gone))
    redis.call('ZREM', ends, unpack(gone))
end
redis.call('HSET', workers, worker, string.format('%.3f %s', now, ARGV[3]))
redis.call('ZADD', ends, now + ARGV[2], worker)
"""


class RedisStore:
    """Keeps a set of origins on a Redis server, under five names that begin with its key.

    A write is one script, which the server runs as one. The log is a stream, and whoever waits
    waits for its next entry, which no message can be lost of. Nothing is tried twice, and no answer
    waited for longer than the time-out.

    :param url: of the server, as redis-py takes it, without `key`.
    :param key: tells sets on one server apart.
    :param timeout: seconds that the server may take to answer.
    :param shown: what messages say beside where the server is.
    """

    def __init__(self, url: str, key: str, timeout: float = 2.0, *, shown: str = "") -> None:
        self._url = url
        self._shown = shown
        self._timeout = timeout
        # In braces: in a cluster, all five lie on one node. The figure is the schema's version.
        prefix = f"{{sio-cors-1:{key}}}:"
        self._head = f"{prefix}head"
        self._origins = f"{prefix}origins"
        self._log = f"{prefix}log"
        self._workers = f"{prefix}workers"
        self._ends = f"{prefix}ends"
        self._opened: tuple[int, Redis] | None = None

    def __str__(self) -> str:
        return f"the Redis server at {where(self._url)}{self._shown}"

    def version(self) -> Version | None:
        """Return the version of the set; see `Store.version`."""
        with self._asking() as server:
            text = server.eval(_KNOWN, 2, self._head, self._origins)
        return Version.parse(text) if text else None

    def load(self) -> Iterator[Sequence[str]]:
        """Yield the set in pages; see `Store.load`."""
        cursor = 0
        while True:
            # SMEMBERS of a million would keep the server from everybody for a third of a second.
            with self._asking() as server:
                cursor, page = server.sscan(self._origins, cursor, count=_PAGE)
            yield page
            if cursor == 0:
                return

    def changes_since(self, number: int) -> Sequence[Change]:
        """Return the latest changes; see `Store.changes_since`."""
        with self._asking() as server:
            entries = server.xrange(self._log, f"{max(number, 0)}-2", "+")
        return [_change(fields["change"]) for _, fields in entries]

    def write(self, change: Change, expected: Version | None) -> bool:
        """Make a change; see `Store.write`."""
        keys = [self._head, self._origins, self._log]
        with self._asking() as server:
            if change.is_whole:
                keys.append(self._stage(server, change.added))
            known = "" if expected is None else str(expected)
            version = change.version
            arguments = [known, str(version), version.number, _record(change), LOG_LENGTH]
            return bool(server.eval(_WRITE, len(keys), *keys, *arguments))

    def wait(self, version: Version | None, seconds: float) -> bool:
        """Wait for the next entry of the log; see `Store.wait`."""
        deadline = time.monotonic() + seconds
        seen = "$" if version is None else f"{version.number}-1"
        while (left := deadline - time.monotonic()) > 0:
            # A server that is gone would be waited for until the time-out.
            milliseconds = max(int(min(left, self._timeout / 2) * 1000), 1)
            with self._asking() as server:
                if server.xread({self._log: seen}, count=1, block=milliseconds):
                    return True
        return False

    def report(self, report: Report, seconds: float) -> None:
        """Keep what a worker says; see `Reporting.report`."""
        arguments = [report.worker, seconds, json.dumps([seconds, *report])]
        with self._asking() as server:
            server.eval(_REPORT, 2, self._workers, self._ends, *arguments)

    def reports(self) -> Sequence[Report]:
        """Return what workers said; see `Reporting.reports`."""
        with self._asking() as server:
            records = server.hgetall(self._workers)
            now = _now(server)
        found: list[Report] = []
        for _, record in sorted(records.items()):
            at, _, rest = record.partition(" ")
            seconds, *fields = json.loads(rest)
            age = now - float(at)
            # What lies in the future was written before the clock was set back.
            if 0 <= age < seconds:
                found.append(Report(*fields)._replace(age=age))
        return found

    def close(self) -> None:
        """Let go of the connections; whatever is called next makes others."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[1].close()

    def _stage(self, server: Any, texts: Sequence[str]) -> str:
        """Put a whole set under a name of its own; return that."""
        name = f"{self._origins}:{secrets.token_hex(8)}"
        for start in range(0, len(texts), _PAGE):
            with server.pipeline(transaction=False) as both:
                both.sadd(name, *texts[start : start + _PAGE])
                both.expire(name, _STAGED)
                both.execute()
        return name

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """Give the client of this process; what it raises says which server it is about."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), connect(self._url, self._timeout)
        try:
            yield self._opened[1]
        except RedisError as error:
            raise StoreError(f"{self} {_complaint(error)}") from error


def connect(url: str, timeout: float = 2.0) -> Redis:
    """Return a client that tries nothing twice, and waits no longer than that for an answer."""
    client: Redis = Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # Else a server that hangs is waited for ten times.
        retry=Retry(NoBackoff(), 0),
    )
    return client


def where(url: str) -> str:
    """Return the part of a URL that says which server it is, without its password."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port or 6379}" if host else ""
    return f"{host or ''}{port}{parts.path}"


def _complaint(error: RedisError) -> str:
    if isinstance(error, AuthenticationError):
        return f"does not take the user name or password: {error}"
    if isinstance(error, TimeoutError):
        return f"does not answer in time: {error}"
    if isinstance(error, ConnectionError):
        return f"cannot be reached: {error}"
    return f"did not do what it was asked for: {error}"


def _now(server: Any) -> float:
    seconds, microseconds = server.time()
    return float(seconds + microseconds / 1_000_000)


def _record(change: Change) -> str:
    added = [] if change.is_whole else list(change.added)
    return json.dumps(
        {
            "version": str(change.version),
            "previous": change.previous,
            "added": added,
            "removed": list(change.removed),
            "whole": change.is_whole,
        }
    )


def _change(record: str) -> Change:
    kept = json.loads(record)
    version = Version.parse(kept["version"])
    return Change(version, kept["previous"], kept["added"], kept["removed"], kept["whole"])
