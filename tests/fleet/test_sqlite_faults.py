"""What becomes of workers with visitors when the file that they share fails."""

import os
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.support.fleet import ALLOWED, Fleet, add, state_of
from tests.support.harness import wait_until

NEW, OLD = "https://new.example", "https://old.example"
KINDS = ["threading", "gunicorn eventlet", "gevent"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk of a megabyte."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True
    )
    if mounted.returncode != 0:
        reason = f"no disk can be mounted here: {mounted.stderr.decode()}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def workers(serve, disk):
    return Fleet(serve, f"sqlite:///{disk}/origins.sqlite3", KINDS)


@pytest.fixture
def fleet(workers):
    workers.add(ALLOWED, OLD)
    workers.wait_until_allowed(ALLOWED)
    workers.wait_for(condition="current")
    yield workers
    workers.remove(NEW)


def fill(path):
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_full_disk_is_the_writers_error_alone(fleet, disk):
    with fleet.visited():
        fill(disk / "filling")
        long = [f"https://{'x' * 60}.{'y' * 60}.o{n}.example" for n in range(6)]
        told = [add(worker, origin) for worker in fleet.workers for origin in long]
        assert any("full" in one or "I/O" in one for one in told)
        (disk / "filling").unlink()
        assert add(fleet.workers[1], NEW) == ""
        fleet.wait_until_allowed(NEW)


def test_a_disk_that_becomes_read_only_is_told_and_what_was_in_force_stays(fleet, disk):
    def remount(how):
        # It is refused while anybody has a file open for writing.
        for worker in fleet.workers:
            worker.run("cors.shared_origins(app).follower.store.close()")
        command = ["mount", "-o", f"remount,{how}", str(disk)]
        return subprocess.run(command, capture_output=True).returncode == 0

    with fleet.visited():
        wait_until(lambda: remount("ro"))
        try:
            assert "cannot be used" in add(fleet.workers[0], NEW)
            fleet.wait_for(condition="away", ready=True)
        finally:
            assert remount("rw")
        fleet.wait_for(condition="current")
        assert add(fleet.workers[0], NEW) == ""
        fleet.wait_until_allowed(NEW)


@pytest.mark.parametrize("files", ["origins.sqlite3*", "origins.sqlite3"])
def test_a_file_that_is_deleted_is_written_again(fleet, disk, files):
    with fleet.visited():
        for file in disk.glob(files):
            file.unlink()
        wait_until(lambda: "lost" in {state["condition"] for state in fleet.states()})
        fleet.wait_for(condition="current")
        assert add(fleet.workers[2], NEW) == ""
        fleet.wait_until_allowed(NEW)


def test_while_another_one_writes_for_ten_seconds_nobody_waits_but_who_writes_too(fleet, disk):
    blocker = sqlite3.connect(
        disk / "origins.sqlite3", isolation_level=None, check_same_thread=False
    )
    blocker.execute("begin exclusive")
    release = threading.Timer(10, blocker.close)
    release.start()
    with fleet.visited(), ThreadPoolExecutor(len(KINDS)) as writers:
        told = list(writers.map(lambda worker: add(worker, NEW), fleet.workers))
        assert all("locked" in one for one in told)
        fleet.wait_for(condition="current")
        assert release.is_alive()
        release.join()
        assert add(fleet.workers[1], NEW) == ""
        fleet.wait_until_allowed(NEW)


def test_a_clock_that_is_set_back_changes_nothing(fleet):
    with fleet.visited():
        for worker in fleet.workers:
            worker.run("import time\nreal = time.time\ntime.time = lambda: real() - 86400")
        assert add(fleet.workers[0], NEW) == ""
        fleet.wait_until_allowed(NEW)
        count = "answer = len(cors.shared_origins(app).reports())"
        wait_until(lambda: fleet.workers[0].run(count) == str(len(KINDS)))
    assert state_of(fleet.workers[0])["condition"] == "current"
