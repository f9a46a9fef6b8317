"""Starts the example as it grows: nginx, three workers, Redis. ``python -m example_app.fleet``."""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from flask import Flask

from .__main__ import parse
from .addresses import Addresses
from .assembly import assemble, furnish
from .chat import create_app
from .serving import listen, serve

WORKERS: Final = 3
#: What a worker is told, in its environment: `Addresses`, the secret, Redis, and its port.
_TOLD: Final = ("FLEET_PORTS", "FLEET_SECRET", "FLEET_REDIS", "FLEET_WORKER")

# Pages are told apart by where they are and by their browser, so that one machine's reach several
# workers; across a network it is `hash $remote_addr consistent`.
_NGINX: Final = """
daemon off; pid {home}/pid; error_log {home}/error.log; {user}
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi; uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    upstream workers {{ hash $http_origin$http_user_agent consistent; {workers} }}
    server {{
        listen 127.0.0.1:{port}; listen [::1]:{port};
        location / {{
            proxy_pass http://workers;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Host "";
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the chat by several workers until somebody presses Ctrl+C."""
    if "FLEET_WORKER" in os.environ:
        _work(*(os.environ[name] for name in _TOLD))
        return
    chosen = parse(arguments, "example_app.fleet", __doc__)
    addresses = Addresses(chosen.port, chosen.page_port, chosen.other_port, chosen.plain_port)
    _require("redis-server", "nginx")
    with tempfile.TemporaryDirectory() as folder:
        home, secret_key = Path(folder), secrets.token_hex()
        redis_port = addresses.server_port + 9
        redis = f"redis://127.0.0.1:{redis_port}/0"
        ports = [addresses.server_port + 10 + n for n in range(WORKERS)]
        with _running(*_redis(home, redis_port)), _running(*_nginx(home, addresses, ports)):
            told = [_environment(addresses, secret_key, redis, port) for port in ports[1:]]
            with _workers(told) as pids:
                _serve_pages(addresses, secret_key, redis, ports, [os.getpid(), *pids])


def _worker(addresses: Addresses, secret_key: str, redis: str) -> Flask:
    return furnish(create_app(addresses, secret_key, redis), addresses)


def _work(ports: str, secret_key: str, redis: str, port: str) -> None:
    """Be one of the workers."""
    chat = _worker(Addresses(*map(int, ports.split())), secret_key, redis)
    serve([(chat, listen(int(port), "--port"))])


def _serve_pages(
    addresses: Addresses, secret_key: str, redis: str, ports: list[int], pids: list[int]
) -> None:
    """Be the first of the workers, and serve the pages."""
    chat = _worker(addresses, secret_key, redis)
    listening = assemble(chat, addresses, secret_key, ports[0])
    eventlet.spawn(_greet, ports, _greeting(addresses, redis, pids))
    serve(listening)


def _greet(ports: list[int], greeting: str) -> None:
    """Ask each worker once, so that it follows the store, and say that all are there."""
    for port in ports:
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
                break
            except OSError:
                eventlet.sleep(0.1)
    print(greeting, flush=True)


def _greeting(addresses: Addresses, redis: str, pids: list[int]) -> str:
    command = f"FLEET_REDIS={redis} flask --app example_app.operator sio-cors origins"
    return f"""\
The chat's page, which the settings allow:  {addresses.page}
The same page, on an origin that is not:    {addresses.refused_page}
The CORS lab (its editor changes the first worker alone):  {addresses.page}/lab

nginx is at {addresses.server}; behind it, {WORKERS} workers: {", ".join(map(str, pids))}. Try:
  1. Open both pages. Let the second one in, in every worker at once, and see it connect:
       {command} add {addresses.refused_page}
  2. Take it away again; its connection ends:
       {command} remove {addresses.refused_page}
  3. See each worker, and which one lags, since when and why:
       {command} status
  4. Kill one of the workers, `kill -9 {pids[-1]}`: its pages connect to another one.

Ctrl+C ends all."""


# --- The other processes -----------------------------------------------------------------------


def _require(*programs: str) -> None:
    missing = [program for program in programs if _found(program) is None]
    if missing:
        packages = " ".join("nginx-light" if name == "nginx" else name for name in missing)
        sys.exit(f"{' and '.join(missing)} cannot be found. On Debian: apt-get install {packages}")


def _found(program: str) -> str | None:
    # nginx is where only root's path leads.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _redis(home: Path, port: int) -> list[str]:
    place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(home)]
    return ["redis-server", *place, "--appendonly", "yes"]


def _nginx(home: Path, addresses: Addresses, ports: list[int]) -> list[str]:
    workers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    user = "user root;" if os.geteuid() == 0 else ""
    text = _NGINX.format(home=home, port=addresses.server_port, workers=workers, user=user)
    (home / "nginx.conf").write_text(text)
    return ["nginx", "-p", str(home), "-c", str(home / "nginx.conf")]


def _environment(addresses: Addresses, secret_key: str, redis: str, port: int) -> dict[str, str]:
    told = (" ".join(map(str, addresses)), secret_key, redis, str(port))
    return {**os.environ, **dict(zip(_TOLD, told, strict=True))}


@contextmanager
def _workers(environments: list[dict[str, str]]) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "example_app.fleet"]
    workers = [_started(command, env=environment) for environment in environments]
    try:
        yield [worker.pid for worker in workers]
    finally:
        for worker in workers:
            _end(worker)


@contextmanager
def _running(program: str, *arguments: str) -> Iterator[None]:
    process = _started([_found(program) or program, *arguments], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        _end(process)


def _started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    # In a group of its own, so that Ctrl+C reaches this process alone, which ends the others.
    return subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
