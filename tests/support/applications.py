"""Applications as people have them: files in a folder, edited, run by themselves, and asked.

>>> application = Application(folder, {"app.py": source})
>>> application.edit("app.py", "SocketIO(app)", "SocketIO(app)\\nSioCors(app)")
>>> with application.running() as server:
...     server.ask("https://app.example.com")
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from flask_sio_cors.live.counts import Counts
from flask_sio_cors.live.observed import File
from tests.support import raw_http
from tests.support.harness import REPOSITORY, wait_until
from tests.support.ports import free_port
from tests.support.raw_http import UPGRADE, Response

_RUN = """
import sys, importlib
module = importlib.import_module(sys.argv[1])
app = module.app if hasattr(module, "app") else module.create_app()
options = {"allow_unsafe_werkzeug": True} if module.socketio.async_mode == "threading" else {}
module.socketio.run(app, host="127.0.0.1", port=int(sys.argv[2]), **options)
"""


@dataclass
class Served:
    """A running application.

    :param path: where Socket.IO answers.
    """

    port: int
    log_file: Path
    path: str = "/socket.io/"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def ask(
        self, origin: str | None, transport: str = "polling", cookie: str | None = None
    ) -> Response:
        """Shake hands as a page of this origin."""
        headers = [*UPGRADE] if transport == "websocket" else []
        headers += [("Origin", origin)] if origin is not None else []
        headers += [("Cookie", cookie)] if cookie is not None else []
        return self.request("GET", f"{self.path}?EIO=4&transport={transport}", headers)

    def request(self, method: str, target: str, headers=()) -> Response:
        raw = raw_http.compose(method, target, headers, port=self.port)
        return raw_http.exchange(self.port, raw)


class Application:
    """The files of an application, in a folder of their own.

    :param module: the one that has ``app`` or ``create_app``, and ``socketio``.
    :param environment: what it finds in the environment.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, str],
        module: str = "app",
        environment: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
    ):
        self.folder, self.module, self.path = folder, module, path
        self.environment = dict(environment or {})
        for name, source in files.items():
            (folder / name).write_text(source)

    def edit(self, file: str, old: str, new: str) -> None:
        """Write something in the place of something else that stands there once."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, (old, text)
        path.write_text(text.replace(old, new))

    def flask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of Flask's."""
        command = [sys.executable, "-W", "ignore", "-m", "flask", "--app", self.module]
        return subprocess.run(
            [*command, *arguments],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def observations(self) -> Counts:
        """What it has written of the requests that it has looked at."""
        return File(Flask(self.module, instance_path=str(self.folder / "instance"))).read()

    @contextmanager
    def running(self) -> Iterator[Served]:
        """Run it by ``socketio.run`` until the block ends; the file's name is ``log``."""
        port, log_file = free_port(), self.folder / "log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", _RUN, self.module, str(port)],
                cwd=self.folder,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        served = Served(port, log_file, self.path)
        try:
            wait_until(lambda: self._answers(served, process), 60)
            yield served
        finally:
            # As Ctrl+C does, so that what was counted last is written.
            process.terminate()
            process.wait(20)

    def _answers(self, served: Served, process: "subprocess.Popen[bytes]") -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"It ended:\n{served.log()}")
        try:
            return served.request("GET", "/nowhere").status > 0
        except OSError:
            return False

    def environ(self) -> dict[str, str]:
        """What its processes find in their environment."""
        return {
            **os.environ,
            **self.environment,
            "PYTHONPATH": f"{self.folder}{os.pathsep}{REPOSITORY}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
