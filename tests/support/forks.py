"""Servers that are forked from a process which has imported what all of them need.

To import Flask, Socket.IO and the extension takes a processor most of a second, and the tests start
hundreds of servers.
"""

import multiprocessing
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
# None of the drivers of servers: which of them there are is told by each server's `without`.
_FORKS.set_forkserver_preload(
    ["eventlet", "gevent", "flask_socketio", "engineio", "werkzeug.serving", "flask_sio_cors"]
)


class Fork:
    """A process that runs `tests.support.serve`; to its owner as a `subprocess.Popen`."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        self._process = _FORKS.Process(target=_serve, args=(dict(environment), str(log_file)))
        self._process.start()
        self.pid: int = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired("a server", timeout or 0)
        return code


def _serve(environment: dict[str, str], log_file: str) -> None:
    os.setsid()
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
        stream.reconfigure(line_buffering=True, write_through=True)
    os.close(log)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tests.support.serve"]
    # Those of the tests are not the server's.
    warnings.resetwarnings()
    from tests.support.serve import main

    main()
