"""A real Redis server in a process of its own: `redis-server` of Debian.

>>> with RedisServer(tmp_path) as server:
...     server.url
'redis://127.0.0.1:…/0'
"""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.harness import wait_until
from tests.support.ports import free_port


def require_redis() -> None:
    """Leave the test out where Redis is missing, and say how to get it; fail it in CI."""
    if shutil.which("redis-server"):
        return
    reason = "redis-server is not installed: apt-get install redis-server"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class RedisServer:
    """A server that can be killed, held up, and started again on its port.

    :param home: a directory for its files.
    :param options: as on its command line: ``"--requirepass", "secret"``.
    """

    def __init__(self, home: Path, *options: str) -> None:
        require_redis()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._home = home
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> "RedisServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *options: str) -> None:
        """Start it with what it has written to its disk."""
        common = f"--port {self.port} --bind 127.0.0.1 --dir {self._home} --save".split()
        arguments = ["redis-server", *common, "", *self._options, *options]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        wait_until(self._listens, 30)

    def stop(self) -> None:
        """Kill it; a second time does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def hang(self) -> None:
        """Let it take connections and answer nothing, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """Send a command by `redis-cli`; return what it prints."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
