"""`cors.shared_origins(app)`: from the setting to the policy, in one process."""

import logging

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, SioCors, StoreError
from flask_sio_cors.config.options import Options
from flask_sio_cors.config.stores import StoreLocation
from flask_sio_cors.live.follower import Condition, Pace
from flask_sio_cors.live.opening import open_store
from tests.support.harness import wait_until
from tests.support.raw_http import POLLING

A, B = "https://a.example", "https://*.b.example"

#: At which a test does not wait for a store that nobody has written to.
PACE = Pace(every=0.05, healing=0.1)


@pytest.fixture
def make(tmp_path):
    apps = []

    def make(store="sqlite:///origins.sqlite3", **config):
        app = Flask("shop", instance_path=str(tmp_path))
        app.config.update(SIO_CORS_ORIGINS_STORE=store, **config)
        SocketIO(app, async_mode="threading")
        cors = SioCors(app)
        cors.shared_origins(app).follower.pace = PACE
        apps.append((app, cors))
        return app, cors

    yield make
    for app, _ in apps:
        shared = app.extensions["sio_cors_sharing"].of.get("default")
        if shared is not None:
            shared.follower.background.stop()
            if hasattr(shared.follower.store, "close"):
                shared.follower.store.close()


def status(app, origin):
    with app.test_client() as client:
        return client.get(POLLING, headers={"Origin": origin}).status_code


def test_what_is_shared_gets_in_and_what_is_removed_does_not(make):
    app, cors = make()
    shared = cors.shared_origins(app)
    assert status(app, A) == 403
    shared.add(A, B)
    assert [status(app, origin) for origin in (A, "https://x.b.example")] == [200, 200]
    assert sorted(shared) == sorted([A, B])
    assert (len(shared), shared.version, shared.state.condition) == (2, 1, Condition.CURRENT)
    shared.remove(A)
    assert status(app, A) == 403
    shared.replace([A])
    assert [status(app, origin) for origin in (A, "https://x.b.example")] == [200, 403]


def test_one_application_follows_another_one(make):
    one, other = make(), make()
    assert [status(app, A) for app, _ in (one, other)] == [403, 403]
    one[1].shared_origins(one[0]).add(A)
    wait_until(lambda: status(other[0], A) == 200)
    other[1].shared_origins(other[0]).remove(A)
    wait_until(lambda: status(one[0], A) == 403)


def test_the_settings_origins_stay_beside_it(make):
    app, cors = make(SIO_CORS_ORIGINS=["https://static.example"])
    cors.shared_origins(app).add("https://static.example")
    cors.shared_origins(app).remove("https://static.example")
    assert status(app, "https://static.example") == 200


def test_an_invalid_value_is_the_writers_error_with_its_correction(make):
    app, cors = make(SIO_CORS_SUPPORTS_CREDENTIALS=True)
    shared = cors.shared_origins(app)
    mistakes = {
        "https://a.example/": '"https://a.example"',
        "*": "",
        "regex:https://.*": "",
        "http://insecure.example": '"https://insecure.example"',
        "https://*.github.io": "your-name.github.io",
        "null": "",
        "": "",
        7: "",
        None: "",
    }
    for text, correction in mistakes.items():
        with pytest.raises(ConfigError) as raised:
            shared.add(A, text)
        assert correction in raised.value.problems[0].correction
    assert shared.version == 0


def test_another_setting_is_another_store_and_none_is_none(make, tmp_path):
    app, cors = make()
    cors.shared_origins(app).add(A)
    assert status(app, A) == 200
    app.config["SIO_CORS_ORIGINS_STORE"] = "sqlite:///other.sqlite3"
    old = cors.shared_origins(app)
    cors.reconfigure(app)
    cors.shared_origins(app).follower.pace = PACE
    old.follower.store.close()
    assert status(app, A) == 403
    cors.shared_origins(app).add(B)
    assert status(app, "https://x.b.example") == 200
    last = cors.shared_origins(app)
    app.config["SIO_CORS_ORIGINS_STORE"] = None
    cors.reconfigure(app)
    last.follower.store.close()
    assert status(app, "https://x.b.example") == 403
    with pytest.raises(RuntimeError, match="SIO_CORS_ORIGINS_STORE is not set"):
        cors.shared_origins(app)
    assert {file.name for file in tmp_path.glob("*.sqlite3")} == {
        "origins.sqlite3",
        "other.sqlite3",
    }


def test_other_settings_permit_other_entries(make, caplog):
    app, cors = make()
    cors.shared_origins(app).add("http://insecure.example", A)
    assert status(app, "http://insecure.example") == 200
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    with caplog.at_level(logging.WARNING):
        cors.reconfigure(app)
        wait_until(lambda: cors.shared_origins(app).state.skipped == 1)
    assert "not encrypted" in caplog.text
    assert [status(app, origin) for origin in (A, "http://insecure.example")] == [200, 403]


def test_a_store_of_ones_own_is_one_too(make):
    from tests.live.test_follower import Failing

    store = Failing()
    app, cors = make(store)
    cors.shared_origins(app).add(A)
    assert status(app, A) == 200
    store.error = KeyError("of the store")
    with pytest.raises(StoreError, match="of the store"):
        cors.shared_origins(app).add(B)
    assert [status(app, origin) for origin in (A, "https://x.b.example")] == [200, 403]


# --- The setting -----------------------------------------------------------------------------


def read(value):
    return Options.from_config({"SIO_CORS_ORIGINS_STORE": value}).origins_store


@pytest.mark.parametrize(
    ("value", "location"),
    [
        ("sqlite:///origins.sqlite3", ("sqlite", "origins.sqlite3", "")),
        ("sqlite:////var/lib/a.db?key=app", ("sqlite", "/var/lib/a.db", "app")),
        ("redis://h/0?every=5&key=b", ("redis", "redis://h/0", "b", 5.0)),
        ("redis://localhost:6379/0", ("redis", "redis://localhost:6379/0", "")),
        (" redis://u:p@h:1/2?key=a%20b ", ("redis", "redis://u:p@h:1/2", "a b")),
        ("rediss://h?ssl_cert_reqs=none", ("rediss", "rediss://h?ssl_cert_reqs=none", "")),
        ("unix:///run/redis.sock?db=1&key=x", ("unix", "unix:///run/redis.sock?db=1", "x")),
    ],
)
def test_a_url_is_read(value, location):
    pytest.importorskip("redis")
    found = read(value)
    assert found == StoreLocation(*location)
    assert "u:p@" not in str(found)
    open_store(found, Flask("shop"))


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_no_store(value):
    assert read(value) is None


@pytest.mark.parametrize(
    ("value", "reason", "correction"),
    [
        ("origins.sqlite3", "is no URL", "sqlite:///origins.sqlite3"),
        ("/var/lib/a.db", "is no URL", "sqlite:////var/lib/a.db"),
        ("sqlite://a.db", "two slashes", "sqlite:///a.db"),
        ("sqlite:a.db?key=x", "no three slashes", "sqlite:///a.db?key=x"),
        ("sqlite:/var/lib/a.db", "no three slashes", "sqlite:////var/lib/a.db"),
        ("redis", "begins with redis://", "redis://redis"),
        ("localhost:6379/1", "begins with redis://", "redis://localhost:6379/1"),
        ("redis:6379", "begins with redis://", "redis://redis:6379"),
        ("sqlite:", "no three slashes", "sqlite:///origins.sqlite3"),
        ("sqlite:///:memory:", "in memory", "sqlite:///origins.sqlite3"),
        ("sqlite://", "names no file", "sqlite:///origins.sqlite3"),
        ("sqlite:///a.db?mode=ro&key=x", "'mode'", "sqlite:///a.db?key=x"),
        ("redis://h/0?every=0&key=b", "every=0", "redis://h/0?every=1&key=b"),
        ("redis://h/0?every=soon", "every=soon", "redis://h/0?every=1"),
        ("valkey://h:1/0", "Redis's protocol", "redis://h:1/0"),
        ("redis:///0", "names no server", "redis://localhost:6379/0"),
        ("redis://h/app", "a database is a number", "redis://h/0?key=app"),
        ("redis://h:port/0", "is no URL", "redis://localhost:6379/0"),
        ("unix://", "names no socket", "unix:///run/redis/redis.sock"),
        ("postgresql://h/db", "begins with postgresql:", "sqlite:///origins.sqlite3"),
        ("memcached://u:secret@h", "begins with memcached:", "sqlite:///origins.sqlite3"),
        (7, "is an int", "sqlite:///origins.sqlite3"),
        (True, "is a bool", "sqlite:///origins.sqlite3"),
        (["sqlite:///a"], "is a list", "sqlite:///origins.sqlite3"),
    ],
)
def test_what_is_no_store_is_told_and_its_correction_is_one(value, reason, correction):
    pytest.importorskip("redis")
    with pytest.raises(ConfigError) as raised:
        read(value)
    (problem,) = raised.value.problems
    assert reason in problem.reason
    assert problem.correction.strip('"') == correction
    assert "secret" not in str(raised.value)
    read(correction)


def test_a_class_and_half_a_store_are_told():
    from tests.live.test_follower import Failing

    with pytest.raises(ConfigError, match="is a class") as raised:
        read(Failing)
    assert raised.value.problems[0].correction == "Failing()"
    half = type("Half", (), {"version": print, "load": print})()
    with pytest.raises(ConfigError, match=r"no changes_since\(\), write\(\) and wait\(\)"):
        read(half)


def test_without_redis_py_its_url_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setattr("flask_sio_cors.config.stores.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "Flask-SIO-CORS\[redis\]"'):
        read("redis://localhost")
