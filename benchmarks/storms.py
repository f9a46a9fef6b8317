"""All clients of a server come back at once: how long that takes, and whether one is kept out.

python -m benchmarks.storms PORT asks a server and prints a line of JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.origins import customers
from benchmarks.wire import POLLING, serving

CLIENTS = 2000
#: How many knock at one time: beyond what eventlet's server lets wait, a client waits a second.
AT_ONCE = 500
#: What decides about their origins: a list, a store, a function that takes 0.3 s for its answer.
WAYS = ("list", "store", "function")


def measure(is_reversed: bool) -> dict[str, dict[str, float]]:
    """Do it to each kind of server, which has just started."""
    return {way: _storm(way) for way in (WAYS[::-1] if is_reversed else WAYS)}


def _storm(way: str) -> dict[str, float]:
    with serving(way, 1) as server:
        before = server.cpu_seconds()
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.storms", str(server.port)]
        found: dict[str, float] = json.loads(subprocess.check_output(command))
        return {**found, "cpu": server.cpu_seconds() - before}


def _come_back(port: int) -> dict[str, float]:
    import eventlet
    from eventlet.green.http.client import HTTPConnection

    pool, refused, origins = eventlet.GreenPool(AT_ONCE), 0, customers()

    def connect(origin: str) -> None:
        nonlocal refused
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        target = POLLING
        for method, body in (("GET", None), ("POST", "40"), ("GET", None)):
            connection.request(method, target, body, {"Origin": origin})
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                refused += 1
                break
            if target == POLLING:
                target = f"{POLLING}&sid={json.loads(told[1:])['sid']}"
        connection.close()

    start = time.perf_counter()
    for origin in _rotated(origins):
        pool.spawn(connect, origin)
    pool.waitall()
    return {"seconds": time.perf_counter() - start, "refused": refused}


def _rotated(origins: list[str]) -> Iterator[str]:
    for number in range(CLIENTS):
        yield origins[number % len(origins)]


if __name__ == "__main__":
    print(json.dumps(_come_back(int(sys.argv[1]))))
