"""What docs/many-workers.md shows, run as it stands."""

import json
import re
import sqlite3
import ssl
from contextlib import closing

import pytest
import trustme

from flask_sio_cors import Change, Condition, Version
from tests.support import stores as contract
from tests.support.clients import page
from tests.support.fleet import Fleet, Made, status_of
from tests.support.harness import REPOSITORY, wait_until
from tests.support.nginx import nginx
from tests.support.pages import block
from tests.support.ports import free_port
from tests.support.proxies import TRAEFIK_TLS, running
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose, exchange

PAGE = "docs/many-workers.md"
FIRST, SECOND = "https://first.example", "https://second.example"


def test_the_example_writes_and_its_routes_answer(serve, tmp_path):
    routes = block(PAGE, '@app.get("/ready")')
    more = "\n".join(f"    {line}" for line in routes.splitlines())
    fleet = Fleet(serve, f"sqlite:///{tmp_path}/origins.sqlite3", ["threading"], more=f"\n{more}")
    (worker,) = fleet.workers
    worker.run(block(PAGE, "shared = cors.shared_origins(app)\nshared.add"))
    assert [status_of(worker, origin) for origin in (FIRST, "https://customer.example")] == [
        *(200, 403)
    ]
    assert worker.request("GET", "/healthy").body == b"yes"
    ready = worker.request("GET", "/ready")
    assert (ready.status, json.loads(ready.body)) == (200, {"condition": "current"})
    metrics = worker.request("GET", "/metrics").body.decode()
    exported = dict(re.findall(r"^(sio_cors_\w+) (\S+)$", metrics, re.MULTILINE))
    assert exported["sio_cors_origins"] == "2"
    assert exported["sio_cors_ready"] == exported["sio_cors_current"] == "1"
    alerts = block(PAGE, "alert: OriginsLag", "yaml")
    assert set(re.findall(r"sio_cors_\w+", alerts)) <= exported.keys()


def test_nginx_keeps_a_session_with_its_worker(serve, tmp_path, run_clients):
    fleet = Fleet(
        serve, f"sqlite:///{tmp_path}/origins.sqlite3", ["gunicorn", "gunicorn", "gevent"]
    )
    fleet.add(FIRST)
    fleet.wait_until_allowed(FIRST)
    shown = block(PAGE, "upstream workers", "nginx")
    upstream, server = re.fullmatch(
        r"(upstream.*?^}\n)\nserver {\n(.*)}\n", shown, re.S | re.M
    ).groups()
    for number, worker in enumerate(fleet.workers, 1):
        upstream = upstream.replace(f"127.0.0.1:500{number}", f"127.0.0.1:{worker.port}")
    server = re.sub(r"    listen 80;\n|    server_name [^;]*;\n", "", server)
    with nginx(server, fleet.workers[0].port, tmp_path, upstream) as url:
        port = int(url.rpartition(":")[2])

        def ask(origin):
            raw = compose("GET", POLLING, [("Origin", origin)], port=port)
            return exchange(port, raw).status

        assert (ask(FIRST), ask(SECOND)) == (200, 403)
        polling, websocket = run_clients(page(url, FIRST, transports=["polling"]), page(url, FIRST))
        assert (polling.echo, websocket.echo) == ("hello", "hello")
        assert websocket.transport == "websocket"
        fleet.add(SECOND, by=2)
        wait_until(lambda: ask(SECOND) == 200)


STICKY = re.compile(r"^ +sticky:\n(?: {10,}.*\n)+", re.MULTILINE)


def is_there(ask):
    try:
        return ask("GET", POLLING).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("is_by_address", [False, True], ids=["by a cookie", "by the address"])
def test_traefik_keeps_a_session_with_its_worker(is_by_address, serve, tmp_path):
    routes = block(PAGE, '@app.get("/ready")')
    more = "\n".join(f"    {line}" for line in routes.splitlines())
    store = f"sqlite:///{tmp_path}/origins.sqlite3"
    fleet = Fleet(serve, store, ["threading", "threading"], more=f"\n{more}")
    fleet.add(FIRST)
    fleet.wait_until_allowed(FIRST)
    shown = block(PAGE, "service: workers", "yaml")
    for number, worker in enumerate(fleet.workers, 1):
        shown = shown.replace(f"10.0.0.{number}:5001", f"127.0.0.1:{worker.port}")
    if is_by_address:
        (strategy,) = re.findall(r"`(strategy: \w+)`", (REPOSITORY / PAGE).read_text("utf-8"))
        shown, number = STICKY.subn(f"        {strategy}\n", shown)
        assert number == 1
    port, context = free_port(), ssl.create_default_context()
    authority, pem = trustme.CA(), tmp_path / "both.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.configure_trust(context)
    address = f"--entryPoints.websecure.address=127.0.0.1:{port}"
    with running("traefik", f"{shown}\n{TRAEFIK_TLS.format(pem)}", [port], tmp_path, address):

        def ask(method, target, *headers, body=b""):
            host = ("Host", "chat.example.com")
            raw = compose(method, target, [host, ("Origin", FIRST), *headers], body, port=port)
            return exchange(port, raw, tls=context)

        # It listens before it has read what.
        wait_until(lambda: is_there(ask))
        for _ in range(6):
            opened = ask("GET", POLLING)
            session = f"&sid={opened.sid}"
            cookie = opened.header("Set-Cookie")
            if is_by_address:
                kept = []
            else:
                assert {"HttpOnly", "Secure", "SameSite=None"} <= set(cookie.split("; "))
                kept = [("Cookie", cookie.partition(";")[0])]
            assert ask("POST", POLLING + session, *kept, body=b"40").status == 200
            assert ask("GET", WEBSOCKET + session, *UPGRADE, *kept).status == 101
        if not is_by_address:  # Without, another worker is asked, which does not know the session.
            answers = {ask("POST", POLLING + session, body=b"40").status for _ in range(4)}
            assert answers == {200, 400}


def test_each_condition_of_the_table_exists():
    text = (REPOSITORY / PAGE).read_text("utf-8")
    row = re.search(r"^\| `condition` \|(.*)$", text, re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`:", row) == [condition.value for condition in Condition]


def test_a_store_of_ones_own_keeps_the_contract_and_has_workers_follow_it(serve, tmp_path):
    source = block(PAGE, "class SqlStore")
    names = {}
    exec(source, names)
    kept = (name for name in contract.__all__ if name[:5] == "test_" and "report" not in name)
    for number, name in enumerate(kept):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as database:
            database.executescript(block(PAGE, "create table", "sql"))
        url = f"sqlite:///{tmp_path}/{number}.db"
        more = {"is_whole": True} if "refused" in name else {}
        getattr(contract, name)(lambda url=url: names["SqlStore"](url), **more)
    store = Made(f"SqlStore({url!r})")
    names["SqlStore"](url).write(Change(Version.first(), ""), None)
    kinds = ["threading", "gunicorn eventlet", "gunicorn gevent, preloaded"]
    fleet = Fleet(serve, store, kinds, before=source)
    fleet.add(FIRST, SECOND, by=1)
    fleet.wait_until_allowed(SECOND)
    with closing(sqlite3.connect(tmp_path / f"{number}.db")) as database:
        database.executescript(
            "delete from origins_log; delete from origins; update origins_head set version = ''"
        )
    fleet.remove(FIRST, by=2)
    fleet.wait_until_allowed(FIRST, allowed=False)
    fleet.wait_until_allowed(SECOND)
