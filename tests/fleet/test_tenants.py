"""Tenants who enter their own origins: a list for each, in every worker, and nobody else's."""

import pytest

from tests.support.clients import staying_client
from tests.support.fleet import PACE
from tests.support.harness import wait_until
from tests.support.raw_http import POLLING, compose, exchange
from tests.support.redis import RedisServer

A, B = "https://a.example", "https://b.example"
HOSTS = {
    "default": "other.localhost",
    "acme": "127.0.0.1",
    "globex": "localhost",
    "shut": "shut.localhost",
}
PACED = f"""
    from flask_sio_cors.live.follower import Pace

    for policy in ("default", "acme", "globex"):
        cors.shared_origins(app, policy).follower.pace = Pace(**{PACE!r})
"""


def configured(store, acme=None, globex=None):
    return f"""
app.config["SIO_CORS_ORIGINS_STORE"] = {store!r}
app.config["SIO_CORS_POLICIES"] = {{
    "acme": {{"HOSTS": ["127.0.0.1"], "ORIGINS_STORE": {acme or store!r}}},
    "globex": {{"HOSTS": ["localhost"], "ORIGINS_STORE": {globex or store!r}}},
    "shut": {{"HOSTS": ["shut.localhost"], "ORIGINS": ["https://shut.example"]}},
}}
"""


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def store(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("store")
    if request.param == "sqlite":
        yield f"sqlite:///{home}/origins.sqlite3"
        return
    pytest.importorskip("redis")
    with RedisServer(home) as running:
        yield running.url


@pytest.fixture(scope="module")
def workers(serve, store):
    kinds = ("eventlet", "threading")
    started = [serve(configured(store), server=kind, after=PACED, fresh=True) for kind in kinds]
    for worker in started:
        lets_in(worker, A)
    return started


def lets_in(worker, origin):
    """The policies at whose hosts an origin gets in."""

    def status(host):
        sent = [("Host", f"{host}:{worker.port}"), ("Origin", origin)]
        return exchange(worker.port, compose("GET", POLLING, sent, port=worker.port)).status

    return {policy for policy, host in HOSTS.items() if status(host) == 200}


def write(worker, verb, policy, *origins):
    worker.run(f"cors.shared_origins(app, {policy!r}).{verb}(*{origins!r})")


def wait_for(workers, origin, *policies, seconds=20):
    wait_until(lambda: all(lets_in(one, origin) == {*policies} for one in workers), seconds)


@pytest.mark.parametrize("policy", ["acme", "globex", "default"])
def test_an_origin_gets_in_at_its_tenants_host_in_every_worker_and_at_no_other(workers, policy):
    for writer in workers:
        write(writer, "add", policy, A)
        assert lets_in(writer, A) == {policy}
        wait_for(workers, A, policy, seconds=5)
        write(writer, "remove", policy, A)
        wait_for(workers, A, seconds=5)


def test_what_one_tenant_takes_away_ends_its_sessions_and_no_others(workers, stack):
    for policy in ("acme", "globex"):
        write(workers[0], "add", policy, A, B)
    for origin in (A, B):
        wait_for(workers, origin, "acme", "globex")

    def connected(policy, origin):
        return [
            stack.enter_context(
                staying_client(f"http://{HOSTS[policy]}:{one.port}", origin, transports=[transport])
            )
            for one in workers
            for transport in ("polling", "websocket")
        ]

    gone = connected("acme", A)
    stay = [*connected("acme", B), *connected("globex", A)]
    write(workers[1], "remove", "acme", A)
    for client in gone:
        assert client.left.wait(20)
    for client in stay:
        assert client.call("echo", "hello", timeout=20) == "hello"
        assert not client.left.is_set()
    wait_for(workers, A, "globex")
    for policy in ("acme", "globex"):
        write(workers[0], "replace", policy, ())


def test_stores_come_and_go_with_the_settings(workers, store):
    write(workers[0], "add", "acme", A)
    wait_for(workers, A, "acme")
    for worker in workers:
        worker.configure(configured(store, f"{store}?key=both", f"{store}?key=both"))
    write(workers[0], "add", "globex", B)
    wait_for(workers, B, "acme", "globex")
    wait_for(workers, A)
    for worker in workers:
        worker.configure(configured(store))
        assert lets_in(worker, A) == {"acme"}
        assert lets_in(worker, B) == set()
    write(workers[0], "remove", "acme", A)
