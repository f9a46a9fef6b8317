"""The launcher of real browsers: what it says of missing ones, and what it leaves behind."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import browsers
from tests.support.browsers import ENGINES, Browser, require
from tests.support.harness import wait_until

START_SECONDS = 60
MISSING = browsers.Engine("no-such-package", lambda: [None], lambda *_: [])


@pytest.fixture
def lynx(monkeypatch):
    """An engine that is not installed."""
    monkeypatch.setitem(ENGINES, "lynx", MISSING)
    return "lynx"


def test_a_missing_browser_leaves_the_test_out_and_names_its_package(lynx, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    assert lynx in browsers.missing()
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package"):
        require(lynx)


def test_a_missing_browser_fails_in_ci(lynx, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        require(lynx)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_browser_that_ended_leaves_no_process_and_no_profile(engine):
    require(engine)
    with socket.create_server(("127.0.0.1", 0)) as page:
        page.settimeout(START_SECONDS)
        with Browser(engine, f"http://127.0.0.1:{page.getsockname()[1]}/") as browser:
            page.accept()[0].close()
            directory = browser.directory
            assert len(processes_of(directory)) > 1
    wait_until(lambda: not processes_of(directory))
    assert not directory.exists()


def processes_of(directory: Path) -> list[int]:
    """The processes whose home is a browser's directory, whatever group or parent they have."""
    home = f"HOME={directory}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        # Others' processes cannot be read, and some end meanwhile.
        with suppress(OSError, ValueError):
            if home in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]
