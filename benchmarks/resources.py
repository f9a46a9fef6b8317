"""Memory and start-up, each measured in a process of its own.

python -m benchmarks.resources NAME [ARGUMENTS] prints one line of JSON.
"""

import gc
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from benchmarks.origins import ENVIRON, listed


def measure(name: str, *arguments: object) -> dict[str, float]:
    """Run one of the functions below in a new process, and return what it found."""
    command = [sys.executable, "-m", "benchmarks.resources", name, *map(str, arguments)]
    found: dict[str, float] = json.loads(subprocess.check_output(command, text=True))
    return found


def memory(kind: str, size: int) -> dict[str, float]:
    """Return bytes an origin, beyond the list of texts that the configuration holds anyway."""
    from flask_sio_cors.config.options import Options
    from flask_sio_cors.door.policy import Policy

    origins = listed(size, kind)
    Policy(Options.from_config({"SIO_CORS_ORIGINS": origins[:1]}))
    tracemalloc.start()
    policy = Policy(Options.from_config({"SIO_CORS_ORIGINS": origins}))
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    del policy
    return {"kept": kept / size, "peak": peak / size}


def flood(count: int) -> dict[str, float]:
    """Return resident memory in MB before and after decisions on distinct hostile origins."""
    from flask_sio_cors.config.options import Options
    from flask_sio_cors.door.policy import Policy

    policy = Policy(
        Options.from_config({"SIO_CORS_ORIGINS": listed(100) + listed(100, "wildcard")})
    )
    environ = dict(ENVIRON)

    def attack(count: int) -> None:
        for number in range(count):
            environ["HTTP_ORIGIN"] = f"https://{number:x}.evil{number % 7}.example.net"
            policy.judge(environ)

    attack(10_000)
    before = resident()
    attack(count)
    return {"before": before, "after": resident()}


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def read(kind: str, size: int) -> dict[str, float]:
    """Return the seconds of processor time that ``SioCors(app)`` takes."""
    from flask import Flask
    from flask_socketio import SocketIO

    from flask_sio_cors import SioCors

    warm = Flask("warm")
    SocketIO(warm, async_mode="threading")
    SioCors(warm)
    app = Flask(__name__)
    app.config["SIO_CORS_ORIGINS"] = listed(size, kind)
    SocketIO(app, async_mode="threading")
    start = process_time()
    SioCors(app)
    return {"seconds": process_time() - start}


def imported(rounds: int) -> list[float]:
    """Return, for some starts, the milliseconds that importing the package adds."""
    code = "import flask_socketio, sys; sys.stderr.write('--\\n'); import flask_sio_cors"
    command = [sys.executable, "-X", "importtime", "-c", code]
    with TemporaryDirectory() as cache:
        # Compiled once, as an installed package is.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        logs = [
            subprocess.run(
                command, env=environment, check=True, capture_output=True, text=True
            ).stderr
            for _ in range(rounds + 1)
        ]
    return [
        int(match[1]) / 1000
        for log in logs[1:]
        if (match := re.search(r"\| +(\d+) \| flask_sio_cors$", log, re.MULTILINE))
    ]


CHILDREN: dict[str, Callable[..., Any]] = {
    "memory": lambda kind, size: memory(kind, int(size)),
    "flood": lambda count: flood(int(count)),
    "read": lambda kind, size: read(kind, int(size)),
}

if __name__ == "__main__":
    print(json.dumps(CHILDREN[sys.argv[1]](*sys.argv[2:])))
