"""What several machines have observed, added up on the Redis server of their store."""

import json

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from flask_sio_cors.door.observer import Observation
from flask_sio_cors.live import observed_by_many
from flask_sio_cors.live.counts import Count
from flask_sio_cors.live.observed_by_many import Server
from tests.support.harness import wait_until
from tests.support.questions import run
from tests.support.redis import RedisServer

STRANGER = "https://stranger.example"
SEEN = Observation(STRANGER, "default", "origin-not-allowed", False, "polling", True)


@pytest.fixture
def server(tmp_path):
    with RedisServer(tmp_path) as running:
        yield running


def machine(server, folder):
    """The application on a machine of its own, which only looks on."""
    app = Flask("shop", instance_path=str(folder))
    app.config.update(SIO_CORS_REPORT_ONLY=True, SIO_CORS_ORIGINS_STORE=server.url)
    SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    SioCors(app)
    return app


def ask(app):
    target = "/socket.io/?EIO=4&transport=polling"
    asked = {"Origin": STRANGER, "Access-Control-Request-Method": "POST"}
    assert app.test_client().options(target, headers=asked).status_code == 200


def shown(app):
    found = json.loads(run(app, "observed", "--json").stdout)["observed"]
    return {one["origin"]: one["requests"] for one in found}


def test_machines_add_up_and_a_server_that_was_away_is_told_later(server, tmp_path, caplog):
    machines = [machine(server, tmp_path / name) for name in ("one", "two")]
    for app in (*machines, machines[0]):
        ask(app)
    wait_until(lambda: shown(machines[1]) == {STRANGER: 3})
    assert not list(tmp_path.glob("*/*.sqlite3"))
    server.stop()
    ask(machines[0])
    wait_until(lambda: "cannot be written to the Redis server at 127.0.0.1" in caplog.text)


def test_reconfigured_with_another_store_they_go_on_there(server, tmp_path):
    app = machine(server, tmp_path)
    ask(app)
    wait_until(lambda: shown(app) == {STRANGER: 1})
    (tmp_path / "other").mkdir()
    with RedisServer(tmp_path / "other") as other:
        for store, key in ((other.url, ""), (f"{other.url}?key=b", "b"), (None, None)):
            app.config["SIO_CORS_ORIGINS_STORE"] = store
            app.extensions["sio_cors"].reconfigure(app)
            wait_until(lambda: STRANGER in shown(app))
            if key is not None:
                assert (
                    other.ask("keys", "*observed:times")
                    == f"{{sio-cors-1:{key or 'shop'}}}:observed:times"
                )
        ask(app)
        wait_until(lambda: shown(app) == {STRANGER: 2})
        assert [one.ask("keys", "*observed*") for one in (server, other)] == ["", ""]


def test_what_one_process_takes_no_other_gets(server):
    place = Server(server.url, "shop")
    place.add({SEEN: Count(2, 1.0, 2.0)})
    assert (place.take(), place.take(), place.read()) == ({SEEN: Count(2, 1.0, 2.0)}, {}, {})


def test_the_rarest_go_first(server, monkeypatch):
    monkeypatch.setattr(observed_by_many, "LIMIT", 10)
    place = Server(server.url, "shop")
    place.add({SEEN: Count(2, 1.0, 2.0)})
    place.add({SEEN: Count(1, 3.0, 4.0)})
    assert place.read() == {SEEN: Count(3, 1.0, 4.0)}
    for number in range(30):
        place.add({SEEN._replace(origin=f"https://{number}.example"): Count(1, 1.0, 1.0)})
    kept = place.read()
    assert len(kept) <= 11
    assert kept[SEEN].times == 3
    assert Server(server.url, "another").read() == {}
