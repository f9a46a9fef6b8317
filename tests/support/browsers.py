"""Real browsers, each started on one page with a new profile and ended with all its processes.

>>> with Browser("firefox", "http://localhost:8080/lab?report=…"):
...     report = collector.next_report()

A test asks for its browser with `require(engine)`, which skips it, or fails it where `CI` is set.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pytest

END_SECONDS = 5


@dataclass(frozen=True)
class Engine:
    """How a browser is found and started.

    :param packages: of Debian, that bring it.
    :param programs: returns the paths of all that it needs, `None` for what is missing.
    :param command: takes the programs, the profile's directory and the address to open.
    """

    packages: str
    programs: Callable[[], list[str | None]]
    command: Callable[[list[str], str, str], list[str]]


def _chromium(programs: list[str], profile: str, url: str) -> list[str]:
    # No sandbox, because it does not start as root, as which CI machines run.
    switches = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --enable-logging=stderr""".split()
    return [*programs, *switches, f"--user-data-dir={profile}", url]


def _firefox(programs: list[str], profile: str, url: str) -> list[str]:
    return [*programs, "--headless", "--no-remote", "--profile", profile, url]


def _webkit(programs: list[str], profile: str, url: str) -> list[str]:
    xvfb, minibrowser = programs
    return [xvfb, "-a", minibrowser, url]


def _minibrowser() -> str | None:
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4*/MiniBrowser"))
    return str(found[-1]) if found else None


ENGINES = {
    "chromium": Engine("chromium", lambda: [shutil.which("chromium")], _chromium),
    "firefox": Engine("firefox-esr", lambda: [shutil.which("firefox-esr")], _firefox),
    "webkit": Engine(
        "webkit2gtk-driver xvfb", lambda: [shutil.which("xvfb-run"), _minibrowser()], _webkit
    ),
}


def is_installed(engine: str) -> bool:
    """Whether all programs of a browser are there."""
    return all(ENGINES[engine].programs())


def missing() -> list[str]:
    """The names of the browsers that are not installed."""
    return [engine for engine in ENGINES if not is_installed(engine)]


def require(engine: str) -> None:
    """Leave the test out where its browser is missing, and say how to get it; fail it in CI."""
    if is_installed(engine):
        return
    reason = f"{engine} is not installed: apt-get install {ENGINES[engine].packages}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Browser:
    """A running browser. As a context manager it ends with the block.

    Everything that it writes is in `directory`.

    :param engine: a key of `ENGINES`.
    :param url: the page to open.
    :param files: by their names, what the new profile holds, such as Firefox's `user.js`.
    :param switches: more of its command line.
    """

    def __init__(
        self,
        engine: str,
        url: str,
        files: dict[str, str] | None = None,
        switches: Sequence[str] = (),
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(
            prefix=f"{engine}-", ignore_cleanup_errors=True
        )
        self.directory = home = Path(self._temporary.name)
        self.profile = home / "profile"
        self.profile.mkdir()
        for name, content in (files or {}).items():
            (self.profile / name).write_text(content)
        self._output = home / "output"
        chosen = ENGINES[engine]
        programs = [found for found in chosen.programs() if found]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*chosen.command(programs, str(self.profile), url), *switches],
                env={**os.environ, **_environment(home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own, so that its many processes can be ended together.
                start_new_session=True,
            )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        """What it has written to stdout and stderr; with Chromium its console too."""
        return self._output.read_text(errors="replace")

    def stop(self) -> None:
        """End all its processes, first politely, and remove its profile."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        # Those that outlived the first one are in its group still.
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._temporary.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _environment(home: Path) -> dict[str, str]:
    """Keep what a browser stores beside its profile within one directory."""
    kinds = ("CONFIG", "CACHE", "DATA", "STATE")
    return {
        "HOME": str(home),
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds},
        # WebKit's sandbox needs rights that containers do not have.
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
    }
