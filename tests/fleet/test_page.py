"""What docs/many-workers.md shows, run as it stands."""

import json
import re

from flask_sio_cors import Condition
from tests.support.clients import page
from tests.support.fleet import Fleet, status_of
from tests.support.harness import REPOSITORY, wait_until
from tests.support.nginx import nginx
from tests.support.pages import block
from tests.support.raw_http import POLLING, compose, exchange

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


def test_each_condition_of_the_table_exists():
    text = (REPOSITORY / PAGE).read_text("utf-8")
    row = re.search(r"^\| `condition` \|(.*)$", text, re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`:", row) == [condition.value for condition in Condition]
