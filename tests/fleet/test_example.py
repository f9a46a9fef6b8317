"""`make fleet`: the example by three workers, with nginx and Redis, as its greeting says."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.support.clients import staying_client
from tests.support.example import REPOSITORY, free_addresses, port_options
from tests.support.harness import wait_until
from tests.support.nginx import require_nginx
from tests.support.raw_http import POLLING, compose, exchange
from tests.support.redis import require_redis


@pytest.fixture
def running(tmp_path):
    pytest.importorskip("redis")
    require_redis()
    require_nginx()
    addresses, log = free_addresses(), tmp_path / "log"
    command = [sys.executable, "-W", "ignore", "-m", "example_app.fleet"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *port_options(addresses)], cwd=REPOSITORY, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: "Ctrl+C" in log.read_text() or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        yield addresses, log.read_text(), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def ask(addresses, origin, browser):
    headers = [("Origin", origin), ("User-Agent", browser)]
    raw = compose("GET", POLLING, headers, port=addresses.server_port)
    try:
        return exchange(addresses.server_port, raw).status
    except OSError:
        return None


def operate(greeting, verb):
    """Run a command as the greeting prints it."""
    (line,) = [line.strip() for line in greeting.splitlines() if f" origins {verb}" in line]
    command = line.replace("flask ", f"{sys.executable} -m flask ", 1)
    return subprocess.run(command, shell=True, cwd=REPOSITORY, capture_output=True, text=True)


def test_what_the_greeting_says_to_try_does_what_it_says(running):
    addresses, greeting, _ = running
    browsers = [f"browser {n}" for n in range(12)]
    page, other = addresses.page, addresses.refused_page

    def everywhere(origin, status):
        wait_until(lambda: all(ask(addresses, origin, one) == status for one in browsers), 60)

    everywhere(page, 200)
    everywhere(other, 403)
    assert operate(greeting, "add").returncode == 0
    everywhere(other, 200)
    with staying_client(addresses.server, other) as client:
        assert operate(greeting, "remove").returncode == 0
        assert client.left.wait(20)
    everywhere(other, 403)
    wait_until(lambda: "All 3 workers have" in operate(greeting, "status").stdout, 60)
    pids = re.search(r"3 workers: (\d+), (\d+), (\d+)\.", greeting).groups()
    assert all(pid in operate(greeting, "status").stdout for pid in pids)
    (kill,) = re.findall(r"kill -9 (\d+)", greeting)
    os.kill(int(kill), signal.SIGKILL)
    everywhere(page, 200)


def test_ctrl_c_ends_all(running):
    addresses, greeting, process = running
    pids = re.search(r"3 workers: (\d+), (\d+), (\d+)\.", greeting).groups()
    process.send_signal(signal.SIGINT)
    process.wait(30)
    for pid in pids:
        assert not os.path.exists(f"/proc/{pid}")
    for port in (addresses.server_port, addresses.server_port + 9, addresses.page_port):
        with pytest.raises(OSError, match="refused"):
            exchange(port, b"GET / HTTP/1.0\r\n\r\n", timeout=5)
