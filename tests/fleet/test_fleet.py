"""One list for every worker, on every kind of server."""

import time

import pytest

from tests.support.clients import staying_client
from tests.support.fleet import ALLOWED, STATIC, STRANGER, Fleet, status_of
from tests.support.harness import wait_until
from tests.support.redis import RedisServer

NEW = "https://new.example"
KINDS = [
    "threading",
    "eventlet",
    "gevent",
    "flask run --debug",
    "gunicorn, preloaded",
    "gunicorn eventlet",
    "gunicorn gevent, preloaded",
]


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    pytest.importorskip("redis")
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(serve, redis):
    return Fleet(serve, redis.url, KINDS, pace={})


def test_within_two_seconds_of_the_write_it_is_in_force_in_every_worker(fleet):
    for by in range(len(KINDS)):
        origin = f"https://w{by}.example"
        fleet.add(origin, by=by)
        begun = time.monotonic()
        fleet.wait_until_allowed(origin, seconds=2)
        fleet.remove(origin, by=(by + 1) % len(KINDS))
        fleet.wait_until_allowed(origin, allowed=False, seconds=2)
        assert time.monotonic() - begun < 4
    assert {status_of(worker, STATIC) for worker in fleet.workers} == {200}
    assert {status_of(worker, STRANGER) for worker in fleet.workers} == {403}


def test_a_message_that_is_lost_costs_a_second(fleet, redis):
    redis.ask("client", "pause", "300", "write")
    redis.ask("client", "kill", "type", "normal")
    fleet.add(NEW)
    fleet.wait_until_allowed(NEW, seconds=2.5)
    fleet.remove(NEW)


@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids=lambda names: names[0])
def test_sessions_of_a_removed_origin_end_on_every_server_and_others_stay(fleet, stack, transports):
    fleet.add(ALLOWED)
    fleet.wait_until_allowed(ALLOWED)

    def clients(origin):
        return [
            stack.enter_context(staying_client(worker.url, origin, transports=transports))
            for worker in fleet.workers
        ]

    gone, others, natives = clients(ALLOWED), clients(STATIC), clients(None)
    fleet.remove(ALLOWED)
    for client in gone:
        assert client.left.wait(20)
    for client in (*others, *natives):
        assert client.call("echo", "hello", timeout=20) == "hello"
        assert not client.left.is_set()


def test_each_worker_reports(fleet, redis):
    wait_until(lambda: redis.ask("hlen", "{sio-cors-1:tests.support.serve}:workers") != "0")
    fleet.wait_for(condition="current", ready=True, reason="")
