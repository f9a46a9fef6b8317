"""Origins that change meanwhile: what a change, a load and an end of many sessions cost.

python -m benchmarks.changes NAME [ARGUMENTS] prints one line of JSON; each is a process of its own.
"""

import gc
import json
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time, thread_time
from typing import Any
from urllib.request import urlopen

from benchmarks.origins import asking, last_origin, listed

#: How many sessions end at once.
SESSIONS = 3000
CHANGES = 5000
ROUNDS = 7
LOOPS = ("eventlet", "gevent")
PAGE = 500


def measure(name: str, *arguments: object) -> dict[str, float]:
    """Run one of the functions below in a new process, and return what it found."""
    command = [sys.executable, "-m", "benchmarks.changes", name, *map(str, arguments)]
    found: dict[str, float] = json.loads(subprocess.check_output(command, text=True))
    return found


def change(kind: str, size: int) -> dict[str, float]:
    """Return milliseconds of one change among so many, in the median and at worst.

    The clock is the thread's own, which stands still while other programs have the processor.
    """
    live = _shared(listed(size, kind))[1]
    entries = listed(size + CHANGES, kind)[size:]
    took = []
    for change in (live.add, live.discard):
        for entry in entries:
            start = thread_time()
            change(entry)
            took.append(thread_time() - start)
    return {"median": median(took) * 1000, "worst": max(took) * 1000}


def memory(kind: str, size: int) -> dict[str, float]:
    """Return bytes an origin."""
    _shared(listed(1, kind))
    tracemalloc.start()
    shared = _shared(_made_anew(kind, size))
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    del shared
    return {"kept": kept / size}


def decide(size: int) -> dict[str, float]:
    """Return microseconds of a decision about an origin that was seen before, and one that was not.

    Once where it is in the settings, and once where it is in what changes.
    """
    from flask_sio_cors.config.options import Options
    from flask_sio_cors.door.policy import Policy

    environ = asking(last_origin(size))
    static = Policy(Options.from_config({"SIO_CORS_ORIGINS": listed(size)}))
    policies = {"static": static, "live": _shared(listed(size))[0]}
    rounds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, policy in policies.items():
            seen, new = partial(policy.judge, environ), partial(_judge_anew, policy, environ)
            rounds.setdefault(f"{name}/seen", []).append(_microseconds(seen))
            rounds.setdefault(f"{name}/new", []).append(_microseconds(new))
    return {name: min(found) for name, found in rounds.items()}


def _judge_anew(policy: Any, environ: dict[str, Any]) -> None:
    policy._seen.clear()
    policy.judge(environ)


def request(seconds: int) -> dict[str, float]:
    """Return how many polls an eventlet server answers in a second of processor time."""
    from benchmarks.wire import figures, serving

    rounds: dict[str, list[float]] = {"static": [], "live": []}
    with serving("ours", 1) as static, serving("live", 1) as live:
        for _ in range(ROUNDS):
            for name, server in (("static", static), ("live", live)):
                rounds[name].append(figures(server, 1, "poll", seconds)["capacity"])
    return {name: median(found) for name, found in rounds.items()}


def load(loop: str, size: int) -> dict[str, float]:
    """Return the longest pause of an event loop, in milliseconds, while so many are loaded, twice.

    It is what others' work takes between two turns, by the thread's own clock.

    Each is checked and added as a worker does that reads a store; the second time, those of the
    first are let go of.
    """
    from flask_sio_cors.config.entries import problems_of_entry
    from flask_sio_cors.config.options import Options
    from flask_sio_cors.live.background import Background
    from flask_sio_cors.origins.live import LiveOrigins

    options = Options.from_config({"SIO_CORS_SUPPORTS_CREDENTIALS": True})
    live, ended = LiveOrigins(), list[int]()
    spawn, sleep = _green(loop)

    def step() -> float:
        if len(ended) < 2:
            origins = _made_anew("exact", size)
            for _ in live.fill(one for one in origins if not problems_of_entry(one, options)):
                background.pause()
            ended.append(len(live))
        return 0.01

    background = Background(step, loop, "load")
    pauses = []

    def tick() -> None:
        background.ensure()
        while len(ended) < 2:
            start = thread_time()
            sleep(0.001)
            pauses.append(thread_time() - start)

    spawn(tick)
    assert ended == [size, size]
    return {"pause": max(pauses) * 1000}


def end(sessions: int) -> dict[str, float]:
    """Return for how many seconds an eventlet server ends so many, and its longest pause in ms."""
    from websocket import create_connection

    from benchmarks.wire import serving

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with serving("live", 1) as server:
        url = f"127.0.0.1:{server.port}"
        socket = f"ws://{url}/socket.io/?EIO=4&transport=websocket"
        clients = []
        for _ in range(sessions):
            client = create_connection(socket, origin=last_origin(1), timeout=30)
            clients.append(client)
            client.send("40")
        for client in clients:
            while not str(client.recv()).startswith("40"):
                pass
        with urlopen(f"http://{url}/revoke", timeout=120) as answer:
            found: dict[str, float] = json.loads(answer.read())
        for client in clients:
            client.close(timeout=0)
    return found


def _shared(origins: Any) -> tuple[Any, Any]:
    """Return a policy and the origins that it lets in and that change."""
    from flask_sio_cors.config.options import Options
    from flask_sio_cors.door.policy import Policy
    from flask_sio_cors.origins.live import LiveOrigins

    live = LiveOrigins()
    policy = Policy(Options.from_config({}), live=live)
    live.lost = policy.forget
    for _ in live.fill(origins):
        pass
    return policy, live


def _made_anew(kind: str, size: int) -> Any:
    """Yield origins in pages, which nobody else holds on to."""
    for start in range(0, size, PAGE):
        yield from listed(min(start + PAGE, size), kind, start)


def _microseconds(function: Callable[[], object], loops: int = 100_000) -> float:
    start = process_time()
    for _ in range(loops):
        function()
    return (process_time() - start) / loops * 1e6


def _green(loop: str) -> tuple[Callable[[Callable[[], None]], object], Callable[[float], object]]:
    """Return what runs a function in a loop and waits for it, and what sleeps there."""
    if loop == "eventlet":
        import eventlet

        return lambda function: eventlet.spawn(function).wait(), eventlet.sleep
    import gevent

    return lambda function: gevent.spawn(function).get(), gevent.sleep


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {
    "change": lambda kind, size: change(kind, int(size)),
    "memory": lambda kind, size: memory(kind, int(size)),
    "decide": lambda size: decide(int(size)),
    "request": lambda seconds: request(int(seconds)),
    "load": lambda loop, size: load(loop, int(size)),
    "end": lambda sessions: end(int(sessions)),
}

if __name__ == "__main__":
    print(json.dumps(CHILDREN[sys.argv[1]](*sys.argv[2:])))
