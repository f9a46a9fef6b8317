"""A real nginx before a real server, as users have it: `nginx-light` of Debian.

>>> with nginx(f"location / {{ {PASS} }}", port, tmp_path) as url:
...     report = examine_at(url)

In a configuration, `UP` stands for the server's address, ``http://127.0.0.1:…``.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.harness import wait_until
from tests.support.ports import free_port

#: What nginx needs to pass on all that a Socket.IO server has to know, WebSocket included.
HOST = "proxy_set_header Host $http_host;"
UPGRADE = (
    "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade";'
)
PASS = f"{UPGRADE} {HOST} proxy_pass UP;"

_CONFIG = """
daemon off; user root; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    {http}
    {servers}
}}
"""


def require_nginx() -> None:
    """Leave the test out where nginx is missing, and say how to get it; fail it in CI."""
    if _program() is not None:
        return
    reason = "nginx is not installed: apt-get install nginx-light"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _program() -> str | None:
    # It is where only root's path leads.
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def nginx(server: str, upstream: int, home: Path, http: str = "") -> Iterator[str]:
    """Run nginx with this configuration of a server; yields its address.

    It has TLS where the configuration names a certificate, and HTTP/2 with the comment ``# http2``.

    :param upstream: the port on 127.0.0.1 that `UP` stands for.
    :param home: a directory for all that it writes.
    :param http: what stands before the server in the configuration.
    """
    text = re.sub(r"\bUP\b", f"http://127.0.0.1:{upstream}", server)
    with nginx_of({"": text}, home, http) as addresses:
        yield addresses[""]


@contextmanager
def nginx_of(servers: Mapping[str, str], home: Path, http: str = "") -> Iterator[dict[str, str]]:
    """Run one nginx with several servers, by their names; yields their addresses by these.

    :param servers: as for `nginx`; `AT(name)` stands for the address of another of them.
    """
    require_nginx()
    ports = {name: free_port() for name in servers}
    addresses = {
        name: f"{'https' if 'ssl_certificate' in text else 'http'}://127.0.0.1:{ports[name]}"
        for name, text in servers.items()
    }
    home = home / f"nginx-{next(iter(ports.values()))}"
    home.mkdir()
    listening = "\n    ".join(
        f"server {{ listen 127.0.0.1:{ports[name]}{' ssl' * ('ssl_certificate' in text)}"
        f"{' http2' * ('# http2' in text)}; "
        f"{re.sub(r'AT[(](.*?)[)]', lambda found: addresses[found[1]], text)} }}"
        for name, text in servers.items()
    )
    text = _CONFIG.format(home=home, http=http, servers=listening)
    (home / "nginx.conf").write_text(text)
    program = _program()
    assert program is not None
    arguments = [program, "-p", str(home), "-c", str(home / "nginx.conf")]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: _listens(process, next(iter(ports.values()))), 30)
        yield addresses
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _listens(process: subprocess.Popen[str], port: int) -> bool:
    assert process.poll() is None, process.communicate()[1]
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
