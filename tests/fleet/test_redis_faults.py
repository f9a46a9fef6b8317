"""What becomes of workers with visitors when their Redis server fails, in each way that it may."""

import json
import time

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from flask_sio_cors.cli import flask_group
from flask_sio_cors.live.follower import Pace
from tests.support.fleet import ALLOWED, PACE, STRANGER, Fleet, add, state_of, status_of
from tests.support.harness import wait_until
from tests.support.redis import RedisServer
from tests.support.relay import Relay

pytest.importorskip("redis")

NEW, OLD = "https://new.example", "https://old.example"
KINDS = ["threading", "gunicorn eventlet", "gevent"]


@pytest.fixture
def redis(tmp_path):
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def long_lived(home):
    """One server, and workers that outlive each of its failures."""
    with RedisServer(home) as running:
        yield running


@pytest.fixture(scope="module")
def network(long_lived):
    """The way of the workers to the server."""
    with Relay(long_lived.port) as relay:
        yield relay


@pytest.fixture(scope="module")
def workers(serve, network):
    return Fleet(serve, f"redis://127.0.0.1:{network.port}/0?key=fleet", KINDS)


@pytest.fixture
def fleet(workers):
    workers.add(ALLOWED, OLD)
    workers.wait_until_allowed(ALLOWED)
    workers.wait_for(condition="current")
    return workers


def origins(url, *arguments, given=None):
    """`flask sio-cors origins …` of an application that shares the workers' origins."""
    app = Flask("operator")
    app.config["SIO_CORS_ORIGINS_STORE"] = f"{url}?key=fleet"
    SocketIO(app, async_mode="threading")
    cors = SioCors(app)
    result = app.test_cli_runner().invoke(flask_group, ["origins", *arguments], input=given)
    cors.shared_origins(app).follower.store.close()
    return result


def status(url):
    result = origins(url, "status", "--json")
    return result.exit_code, json.loads(result.stdout)


def test_killed_and_back_with_all_that_it_had(fleet, long_lived):
    with fleet.visited():
        long_lived.ask("save")
        long_lived.stop()
        fleet.wait_for(condition="away", ready=True)
        long_lived.start()
        fleet.wait_for(condition="current")
        fleet.add(NEW)
        fleet.wait_until_allowed(NEW)
    fleet.remove(NEW)


def test_killed_and_back_empty_it_is_healed_and_the_next_writer_revokes_nobody(fleet, long_lived):
    with fleet.visited():
        long_lived.stop()
        fleet.wait_for(condition="away")
        long_lived.start()
        long_lived.ask("flushall")
        # Somebody who knows nothing of what was there writes first.
        assert origins(long_lived.url, "add", NEW).exit_code == 0
        fleet.wait_until_allowed(NEW)
        fleet.wait_for(condition="current")
        assert set(json.loads(origins(long_lived.url, "list", "--json").stdout)["origins"]) == {
            *(ALLOWED, OLD, NEW)
        }
    fleet.remove(NEW)


def test_emptied_while_it_runs_it_is_healed(fleet, long_lived):
    with fleet.visited():
        long_lived.ask("flushall")
        wait_until(lambda: "lost" in {state["condition"] for state in fleet.states()})
        fleet.wait_for(condition="current")
        assert ALLOWED in origins(long_lived.url, "list").stdout


def test_a_worker_that_starts_after_it_was_emptied_does_not_take_nothing_for_all_there_is(
    serve, redis
):
    knowing = Fleet(serve, redis.url, ["gunicorn eventlet"])
    knowing.add(ALLOWED)
    knowing.wait_until_allowed(ALLOWED)
    with knowing.visited():
        redis.ask("flushall")
        late = serve(f"app.config['SIO_CORS_ORIGINS_STORE'] = {redis.url!r}", fresh=True)
        # Its first page waits until the other one has written back.
        assert status_of(late, ALLOWED) == 200
        assert state_of(late)["ready"]
        knowing.wait_for(condition="current")
        assert status_of(late, STRANGER) == 403


def test_a_worker_that_finds_nothing_is_not_ready_before_all_who_may_know_had_time(serve, redis):
    worker = Fleet(serve, redis.url, ["threading"], pace={**PACE, "healing": 4.0})
    worker.wait_for(condition="empty", ready=False)
    assert status_of(worker.workers[0], ALLOWED) == 403
    worker.wait_for(condition="current", ready=True, version=0)


def lagging(url: str) -> int:
    """Return how many workers are reported to lag, of which each reports in its own time."""
    return sum(one["lags"] for one in status(url)[1]["workers"])


@pytest.mark.parametrize(
    ("decision", "is_new", "is_old"),
    [
        (["restore"], 200, 403),
        (["restore", "--from-store"], 403, 200),
        (["replace", "-"], 200, 200),
    ],
    ids=["restore", "restore from the store", "replace"],
)
def test_back_from_an_older_backup_it_is_kept_apart_until_somebody_decides(
    fleet, long_lived, decision, is_new, is_old
):
    with fleet.visited():
        long_lived.ask("save")
        fleet.add(NEW)
        fleet.remove(OLD)
        fleet.wait_until_allowed(NEW)
        fleet.wait_until_allowed(OLD, allowed=False)
        wait_until(lambda: status(long_lived.url)[0] == 0)
        long_lived.stop()
        long_lived.start()
        fleet.wait_for(condition="older", ready=True)
        fleet.wait_until_allowed(NEW)
        fleet.wait_until_allowed(OLD, allowed=False)
        wait_until(lambda: lagging(long_lived.url) == len(KINDS))
        code, told = status(long_lived.url)
        assert code == 1
        assert "restore" in told["workers"][0]["why"]
        assert "older than what the workers know" in origins(long_lived.url, "add", NEW).stderr
        result = origins(long_lived.url, *decision, given=f"{ALLOWED}\n{NEW}\n{OLD}\n")
        assert result.exit_code == 0, result.output
        fleet.wait_until_allowed(NEW, allowed=is_new == 200)
        fleet.wait_until_allowed(OLD, allowed=is_old == 200)
        fleet.wait_for(condition="current")
        wait_until(lambda: status(long_lived.url)[0] == 0)
    fleet.remove(NEW)


def test_a_replica_that_lagged_when_it_was_promoted_is_kept_apart_and_so_is_the_old_one(
    fleet, network, long_lived, tmp_path
):
    following = ["--replicaof", "127.0.0.1", str(long_lived.port)]
    head = ["hget", "{sio-cors-1:fleet}:head", "version"]
    with RedisServer(tmp_path, *following) as replica, fleet.visited():
        wait_until(lambda: replica.ask(*head) == long_lived.ask(*head))
        replica.ask("replicaof", "no", "one")
        fleet.add(NEW)
        fleet.remove(OLD)
        fleet.wait_until_allowed(OLD, allowed=False)
        for server in (replica, long_lived):
            network.lead_to(server.port)
            fleet.wait_for(condition="older", ready=True)
            fleet.wait_until_allowed(NEW)
            fleet.wait_until_allowed(OLD, allowed=False)
            wait_until(lambda url=server.url: lagging(url) == len(KINDS))
            assert "older than what the workers know" in origins(server.url, "add", OLD).stderr
            assert origins(server.url, "restore").exit_code == 0
            fleet.wait_for(condition="current")
            fleet.wait_until_allowed(NEW)
            fleet.wait_until_allowed(OLD, allowed=False)
    fleet.remove(NEW)


def test_away_at_the_start_only_the_settings_hold_and_it_is_read_when_it_comes(
    serve, redis, tmp_path
):
    redis.stop()
    worker = Fleet(serve, redis.url, ["gunicorn eventlet"])
    worker.wait_for(condition="away", ready=False)
    assert [status_of(worker.workers[0], origin) for origin in (ALLOWED, STRANGER)] == [403, 403]
    assert "only those of the settings get in" in worker.workers[0].log()
    redis.start()
    worker.wait_for(condition="current", ready=True)
    worker.add(ALLOWED)
    worker.wait_until_allowed(ALLOWED)


def test_one_that_hangs_and_one_that_answers_after_five_seconds_keep_nobody_waiting(
    fleet, network, long_lived
):
    told = "does not answer in time"
    with fleet.visited():
        long_lived.hang()
        fleet.wait_for(condition="away")
        # What it was asked in vain is answered late, too.
        network.delay = 5.0
        long_lived.go_on()
        began = time.monotonic()
        for worker in fleet.workers:
            assert told in add(worker, NEW)
        wait_until(lambda: time.monotonic() > began + 6)
        assert all(told in state["reason"] for state in fleet.states())
        network.delay = 0.0
        fleet.wait_for(condition="current")
        fleet.add(NEW)
        fleet.wait_until_allowed(NEW)
    fleet.remove(NEW)


def test_one_that_is_full_is_the_writers_error_alone_and_revokes_all_the_same(fleet, long_lived):
    with fleet.visited():
        long_lived.ask("config", "set", "maxmemory", "1")
        result = origins(long_lived.url, "add", NEW)
        assert (result.exit_code, "maxmemory" in result.stderr) == (2, True)
        fleet.remove(OLD)
        fleet.wait_until_allowed(OLD, allowed=False)
        fleet.wait_for(condition="current")
        long_lived.ask("config", "set", "maxmemory", "0")
        fleet.add(NEW)
        fleet.wait_until_allowed(NEW)
    fleet.remove(NEW)


def test_one_that_wants_another_password_is_named_and_taken_again(fleet, long_lived):
    with fleet.visited():
        long_lived.ask("config", "set", "requirepass", "secret")
        long_lived.ask("-a", "secret", "client", "kill", "type", "normal")
        told = "does not take the user name or password"
        wait_until(lambda: all(told in state["reason"] for state in fleet.states()))
        long_lived.ask("-a", "secret", "config", "set", "requirepass", "")
        fleet.wait_for(condition="current")


def test_a_worker_that_is_killed_takes_nothing_with_it_and_is_called_silent(
    serve, fleet, long_lived, monkeypatch
):
    impatient = Pace.of(1)._replace(silent=1.5)
    monkeypatch.setattr("flask_sio_cors.live.follower.Pace.of", lambda every: impatient)
    other = Fleet(serve, f"{long_lived.url}?key=fleet", ["threading"])
    other.wait_for(condition="current")
    wait_until(lambda: len(status(long_lived.url)[1]["workers"]) == len(KINDS) + 1)
    with fleet.visited():
        other.workers[0].kill()
        fleet.add(NEW)
        fleet.wait_until_allowed(NEW)
        told = "and had not taken over version"
        wait_until(lambda: told in " ".join(origins(long_lived.url, "status").stdout.split()))
        wait_until(lambda: lagging(long_lived.url) == 1)
        text = origins(long_lived.url, "status").stdout
        assert f"1 of {len(KINDS) + 1} workers lags." in text
    fleet.remove(NEW)
