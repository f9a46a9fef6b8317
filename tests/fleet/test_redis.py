"""The store on a real Redis server."""

import os
import threading
import time

import pytest

from flask_sio_cors.live.store import Report, StoreError
from tests.support.harness import wait_until
from tests.support.redis import RedisServer
from tests.support.stores import *  # noqa: F403
from tests.support.stores import A, B, content, fork, write

redis_store = pytest.importorskip("flask_sio_cors.live.redis")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def opened(server):
    server.ask("flushall")
    stores = []

    def open_one(key="app", url=server.url, **options):
        store = redis_store.RedisStore(url, key, **options)
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        store.close()


def test_sets_on_one_server_know_nothing_of_each_other(opened):
    staging, production = opened("staging"), opened("production")
    write(staging, [A])
    assert production.version() is None
    write(production, [B])
    assert (content(staging), content(production)) == ([A], [B])


def test_who_waits_hears_of_a_write_at_once(opened):
    store, other = opened(), opened()
    write(store, [A])
    for _ in range(2):
        seen = other.version()
        assert other.wait(seen, 0.05) is False
        write(store, [B])
        assert other.wait(seen, 30) is True


def test_who_asks_seldom_hears_of_a_write_at_once_too(opened):
    store, other = opened(timeout=1.0), opened()
    write(store, [A])
    seen = store.version()
    writer = threading.Timer(0.8, write, [other, [B]])
    writer.start()
    begun = time.monotonic()
    assert store.wait(seen, 30) is True
    assert 0.7 < time.monotonic() - begun < 20
    writer.join()


def test_of_workers_that_have_ended_nothing_is_left(opened, server):
    store = opened()
    report = Report("h-1", "h", 1, "", "current", 0.5, "", 3, 0)
    for number in range(150):
        store.report(report._replace(worker=f"h-{number}"), 0.05)
    wait_until(lambda: list(store.reports()) == [])
    for _ in range(2):
        store.report(report, 60)
    for name in ("workers", "ends"):
        command = {"workers": "hlen", "ends": "zcard"}[name]
        assert server.ask(command, f"{{sio-cors-1:app}}:{name}") == "1"


def test_where_the_set_is_gone_and_its_version_is_not_all_is_lost(opened, server):
    store = opened()
    write(store, [A])
    server.ask("del", "{sio-cors-1:app}:origins")
    assert store.version() is None
    write(store, [B])
    assert content(store) == [B]
    write(store, [], [B])
    assert store.version() is not None


def test_a_log_that_has_outlived_its_set_does_not_keep_from_writing(opened, server):
    store = opened()
    write(store, [A])
    write(store, [B])
    server.ask("del", "{sio-cors-1:app}:origins", "{sio-cors-1:app}:head")
    assert store.version() is None
    assert store.wait(None, 0.01) is False
    write(store, [A])
    assert [change.version.number for change in store.changes_since(0)] == [1]


def test_a_server_that_hangs_is_waited_for_once(opened, server):
    store = opened(timeout=0.3)
    write(store, [A])
    server.hang()
    try:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=f"127.0.0.1:{server.port}/0 does not answer in time"):
            store.version()
        assert time.monotonic() - begun < 2
    finally:
        server.go_on()
    assert content(store) == [A]


def test_what_cannot_be_used_is_named_without_its_password(tmp_path, opened, server):
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/0 cannot be reached"):
        opened(url="redis://:secret@127.0.0.1:1/0").version()
    with pytest.raises(StoreError, match="does not take the user name or password") as raised:
        opened(url=server.url.replace("//", "//ada:secret@")).version()
    assert "secret" not in str(raised.value)


def test_a_full_server_takes_no_addition_whole_or_in_part_and_each_removal(opened, server):
    store, other = opened(), opened()
    write(store, [A, B])
    version = store.version()
    server.ask("config", "set", "maxmemory", "1")
    try:
        for is_whole in (False, True):
            with pytest.raises(StoreError, match="maxmemory"):
                write(store, ["https://more.example"], is_whole=is_whole)
        assert (other.version(), content(other)) == (version, sorted([A, B]))
        write(store, [], [A])
        assert (other.version(), content(other)) == (store.version(), [B])
    finally:
        server.ask("config", "set", "maxmemory", "0")


def test_a_set_of_many_pages_is_written_and_read(opened):
    store = opened()
    many = [f"https://o{n}.example" for n in range(20_000)]
    write(store, [A])
    write(store, many, is_whole=True)
    assert content(store) == sorted(many)


def test_a_child_has_a_connection_of_its_own(opened):
    store = opened()
    write(store, [A])
    child = fork()
    if child == 0:
        os._exit(0 if content(store) == [A] and write(store, [B]).number == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert content(store) == sorted([A, B])
