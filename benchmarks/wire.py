"""Requests and messages a second, and their latency, of a real server under load on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from websocket import create_connection

from benchmarks.origins import STRANGER, last_origin

VARIANTS = ("plain", "ours")
#: The same, where nothing is enforced.
REPORT_ONLY = ("plain", "report-only")
SIZES = (1, 10_000)
#: How many pairs of slices a round has; an even number, so that each is first as often as second.
REPETITIONS = {1: 6, 10_000: 2}
# Handshakes come last: what they leave behind is pinged for a while, which the others would pay.
SCENARIOS = ("preflight", "refusal", "poll", "messages", "handshake")
CONNECTIONS = 8
LUA = Path(__file__).with_name("wire.lua")
POLLING = "/socket.io/?EIO=4&transport=polling"

Figures = dict[str, float]


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time of its only thread so far, as Linux counts it."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def serving(variant: str, size: int) -> Iterator[Served]:
    """Start a server, which ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", str(port), variant, str(size)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield Served(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server on port {port} does not answer")


def measure(size: int, seconds: int, reverse: bool) -> list[dict[str, Figures]]:
    """Load both servers in turn; return their figures under ``scenario/size/variant``.

    With one origin several times, since the difference is small.
    """
    scenarios = SCENARIOS if size == 1 else [name for name in SCENARIOS if name != "messages"]
    return compare(VARIANTS, {name: name for name in scenarios}, size, seconds, reverse)


def measure_report_only(seconds: int, reverse: bool) -> list[dict[str, Figures]]:
    """Do so with handshakes that are looked at only."""
    return compare(REPORT_ONLY, {"report only": "handshake"}, 1, seconds, reverse)


def compare(
    variants: tuple[str, str], scenarios: dict[str, str], size: int, seconds: int, reverse: bool
) -> list[dict[str, Figures]]:
    """Load two servers in turn: A B, B A, A B, so that what else the machine does meets both.

    A server that has just started is slower, so that the first answers count for nothing.

    :param scenarios: the names of the figures → what is asked for.
    """
    ordered = variants[::-1] if reverse else variants
    with serving(ordered[0], size) as first, serving(ordered[1], size) as second:
        pair = [(ordered[0], first), (ordered[1], second)]
        for _, server in pair:
            load(server.port, size, "refusal", seconds)
        return [
            {
                f"{name}/{size}/{variant}": figures(server, size, scenario, seconds)
                for variant, server in (pair[::-1] if number % 2 else pair)
            }
            for name, scenario in scenarios.items()
            for number in range(REPETITIONS[size])
        ]


def figures(server: Served, size: int, scenario: str, seconds: int) -> Figures:
    """Measure one scenario for some seconds.

    ``rate`` is what the clock on the wall says. ``capacity`` is how many the server answers in a
    second of processor time, which other programs on the machine disturb less.
    """
    before = server.cpu_seconds()
    if scenario == "messages":
        count, found = echo(server.port, last_origin(size), seconds)
    else:
        count, found = load(server.port, size, scenario, seconds)
    return {"capacity": count / (server.cpu_seconds() - before), **found}


def load(port: int, size: int, scenario: str, seconds: int) -> tuple[int, Figures]:
    """Run wrk; return how many requests were answered, their rate, and percentiles in µs."""
    environment = {"SCENARIO": scenario, "ORIGIN": last_origin(size)}
    threads = 1
    if scenario == "refusal":
        environment["ORIGIN"] = STRANGER
    if scenario == "poll":
        # A thread is a connection here, so that each polls a session of its own.
        threads = CONNECTIONS
        sids = [open_session(port, environment["ORIGIN"]) for _ in range(threads)]
        environment["SIDS"] = " ".join(sids)
    command = ["wrk", f"-t{threads}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(LUA)]
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{POLLING}"],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    told = json.loads(output.splitlines()[-1])
    all_refused = told["statuses"] == told["requests"]
    if told["broken"] or all_refused != (scenario == "refusal"):
        raise RuntimeError(f"{scenario} on port {port} was not answered as it should be:\n{output}")
    rate = told["requests"] / told["microseconds"] * 1e6
    return told["requests"], {"rate": rate, "p50": told["p50"], "p99": told["p99"]}


def open_session(port: int, origin: str) -> str:
    """Connect to Socket.IO by polling, and return the session's identifier."""
    url = f"http://127.0.0.1:{port}{POLLING}"
    headers = {"Origin": origin}
    with urlopen(Request(url, headers=headers)) as answer:
        sid = json.loads(answer.read()[1:])["sid"]
    urlopen(Request(f"{url}&sid={sid}", b"40", headers)).close()
    urlopen(Request(f"{url}&sid={sid}", headers=headers)).close()
    return str(sid)


def echo(port: int, origin: str, seconds: int) -> tuple[int, Figures]:
    """Send messages over one WebSocket, each when the last came back; return what `load` does."""
    url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
    client = create_connection(url, origin=origin, timeout=10)
    client.recv()
    client.send("40")
    client.recv()
    message, trips = '42["echo","hello"]', []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        client.send(message)
        if client.recv() != message:
            raise RuntimeError("the server did not send the message back")
        trips.append(time.perf_counter() - start)
    client.close()
    trips.sort()
    p50, p99 = (trips[int(len(trips) * part)] * 1e6 for part in (0.5, 0.99))
    return len(trips), {"rate": len(trips) / sum(trips), "p50": p50, "p99": p99}
