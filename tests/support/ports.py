"""Ports for servers that must be told theirs before they start.

They lie below those that the system hands out to whoever asks for any, and each process of one run
has its own: nobody takes one between the moment it is found free and the moment it is listened on.
"""

import os
import random
import socket
from collections.abc import Iterator

_FIRST, _LAST = 20_000, 32_000
#: Processes of one run, at most.
_PROCESSES = 60


def _own() -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    ports = range(_FIRST + process, _LAST, _PROCESSES)
    # Another run beside this one begins elsewhere.
    start = random.randrange(len(ports))
    while True:
        yield ports[start % len(ports)]
        start += 1


_ports = _own()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
