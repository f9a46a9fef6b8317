"""The example app in a process of its own, on free ports, for the tests of the chat and the lab."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from example_app.addresses import Addresses
from tests.support.harness import wait_until
from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 20
REQUEST_SECONDS = 30
PORT_ATTEMPTS = 5


def free_addresses() -> Addresses:
    """Addresses whose ports nobody listens on."""
    return Addresses(*(free_port() for _ in Addresses._fields))


def port_options(addresses: Addresses) -> list[str]:
    """The command line that makes the example listen there."""
    names = ("--port", "--page-port", "--other-port", "--plain-port")
    return [word for pair in zip(names, map(str, addresses), strict=True) for word in pair]


class Example:
    """A running example. As a context manager it ends with the block.

    :param log_file: where all that it prints goes.
    :param options: more of its command line.
    :param folder: where its packages are imported from.
    :param addresses: chooses them.
    """

    def __init__(
        self,
        log_file: Path,
        *options: str,
        folder: Path = REPOSITORY,
        addresses: Callable[[], Addresses] = free_addresses,
    ) -> None:
        self._log_file = log_file
        for _ in range(PORT_ATTEMPTS):
            self.addresses = addresses()
            if self._start(folder, options):
                return
        raise RuntimeError(f"did not start:\n{self.printed()}")

    def _start(self, folder: Path, options: tuple[str, ...]) -> bool:
        with self._log_file.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "example_app", *port_options(self.addresses), *options],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._has_answered, START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self._process.poll() is None

    def _has_answered(self) -> bool:
        return "Ctrl+C" in self.printed() or self._process.poll() is not None

    def __enter__(self) -> "Example":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def printed(self) -> str:
        """All that it has printed so far."""
        return self._log_file.read_text(errors="replace")

    def stop(self) -> None:
        """End it, first politely; a second call does nothing."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def interrupt(self) -> int:
        """Press Ctrl+C, and return the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_SECONDS)

    def handshake(self, **headers: str) -> requests.Response:
        """Run the manual's curl command, with more headers."""
        target = f"{self.addresses.server}/socket.io/?EIO=4&transport=polling"
        return requests.get(target, headers=headers, timeout=REQUEST_SECONDS)

    def set_policy(self, form: dict[str, Any], origin: str | None = None) -> requests.Response:
        """Send the lab's form, as its page does; another `origin` plays another page."""
        return requests.post(
            f"{self.addresses.page}/lab/policy",
            json=form,
            headers={"Origin": origin or self.addresses.page},
            timeout=REQUEST_SECONDS,
        )
