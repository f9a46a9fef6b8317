"""``SioCors.allow``: one origin more, beside whatever stands there."""

import json
import re

import pytest
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.test import EnvironBuilder

from flask_sio_cors import SioCors
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.policy import complete
from flask_sio_cors.door.verdicts import ALLOWED
from flask_sio_cors.live.opening import located

ORIGIN = "https://app.example.com"
OTHER = "https://other.example.com"


def only_other(origin: str) -> bool:
    return origin == OTHER


PRESENT = {
    "nothing": {},
    "None": {"SIO_CORS_ORIGINS": None},
    "False": {"SIO_CORS_ORIGINS": False},
    "a text": {"SIO_CORS_ORIGINS": OTHER},
    "a text with several": {"SIO_CORS_ORIGINS": f"https://b.example, {OTHER}"},
    "a tuple": {"SIO_CORS_ORIGINS": (OTHER,)},
    "a set": {"SIO_CORS_ORIGINS": {OTHER}},
    "an expression": {"SIO_CORS_ORIGINS": re.compile(re.escape(OTHER))},
    "a function": {"SIO_CORS_ORIGINS": only_other},
    "Flask-CORS's key": {"CORS_ORIGINS": [OTHER]},
    "everybody": {"SIO_CORS_ORIGINS": "*"},
    "everybody, reflected": {"SIO_CORS_ORIGINS": "true"},
    "nobody's": {"SIO_CORS_ORIGINS": ["null", OTHER]},
}


@pytest.mark.parametrize("credentials", [False, True], ids=["", "with cookies"])
@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT)
def test_an_origin_is_allowed_beside_what_was(
    present: dict[str, object], credentials: bool
) -> None:
    app = Flask("allowing")
    app.config.update(present)
    for _ in range(2):
        SioCors.allow(app, ORIGIN, credentials=credentials)
    SocketIO(app, async_mode="threading")
    SioCors(app)
    listed = app.config["SIO_CORS_ORIGINS"]
    assert listed.count(ORIGIN) == 1
    assert bool(app.config.get("SIO_CORS_SUPPORTS_CREDENTIALS")) is credentials
    had_other = bool(present) and not {"*", "true", None, False} & {
        value if isinstance(value, (str, type(None), bool)) else "" for value in present.values()
    }
    assert any(entry == OTHER or not isinstance(entry, str) for entry in listed) is had_other


URL = "sqlite:///origins.sqlite3"
WRITTEN = {
    "its own": {"acme": {"HOSTS": ["acme.example"], "ORIGINS": [OTHER]}},
    "inherited": {"acme": {"HOSTS": ["acme.example"]}},
    "its own store": {"acme": {"HOSTS": ["acme.example"], "ORIGINS_STORE": URL}},
    "no store": {"acme": {"HOSTS": ["acme.example"], "ORIGINS_STORE": None}},
    "another name": {"globex": {"HOSTS": ["globex.example"]}},
}


@pytest.mark.parametrize("is_text", [False, True], ids=["dict", "JSON"])
@pytest.mark.parametrize("store", [None, URL, f"{URL}?every=5", f"{URL}?key=one"])
@pytest.mark.parametrize("policies", WRITTEN.values(), ids=WRITTEN)
def test_an_origin_is_allowed_at_one_policys_hosts_beside_what_was(
    policies: dict[str, dict[str, object]], store: str | None, is_text: bool
) -> None:
    app = Flask("allowing")
    written = json.dumps(policies) if is_text else policies
    app.config.update(
        SIO_CORS_ORIGINS=OTHER, SIO_CORS_ORIGINS_STORE=store, SIO_CORS_POLICIES=written
    )
    before = Options.from_config(app.config)
    if "acme" not in policies:
        with pytest.raises(ValueError, match=r"'acme' is no policy\."):
            SioCors.allow(app, ORIGIN, policy="acme")
        return
    for _ in range(2):
        SioCors.allow(app, ORIGIN, credentials=True, policy="acme")
    after = Options.from_config(app.config)
    assert after.origins.exact == {OTHER}
    assert not after.supports_credentials
    (acme,), (earlier,) = after.policies, before.policies
    assert acme.origins.exact == {OTHER, ORIGIN}
    assert acme.supports_credentials
    stores = [one.origins_store and located(one.origins_store, app) for one in (acme, earlier)]
    assert stores[0] == stores[1]


# --- For one host alone --------------------------------------------------------------------------

ACME, GLOBEX, UNNAMED = "acme.example.com", "any.globex.example", "other.example.org"
POLICIES = {
    "acme": {"HOSTS": [ACME], "ORIGINS": [OTHER]},
    "globex": {"HOSTS": ["*.globex.example"]},
    "public": {"HOSTS": ["public.example.com"], "ORIGINS": "*"},
    "chosen": {"HOSTS": []},
}
HOSTS = {
    ACME: ACME,
    "ACME.example.com.:8443": ACME,
    GLOBEX: GLOBEX,
    "public.example.com": "public.example.com",
    UNNAMED: UNNAMED,
    "127.0.0.1": "127.0.0.1",
    "[::1]": "[::1]",
}


def allowed_at(app: Flask) -> dict[str, set[str]]:
    """Each host, and the origins of the tests that get in there."""
    SocketIO(app, async_mode="threading")
    policies = SioCors(app).policies(app)

    def lets_in(host: str, origin: str) -> bool:
        asked = EnvironBuilder("/socket.io/", f"https://{host}", headers={"Origin": origin})
        _, judgement = policies.judge(asked.get_environ(), {})
        return complete(judgement).outcome is ALLOWED

    return {
        host: {origin for origin in (ORIGIN, OTHER) if lets_in(host, origin)}
        for host in HOSTS.values()
    }


@pytest.mark.parametrize("credentials", [False, True], ids=["", "with cookies"])
@pytest.mark.parametrize("as_text", [False, True], ids=["a dict", "JSON"])
@pytest.mark.parametrize("host", HOSTS)
def test_an_origin_is_allowed_at_one_host_and_at_no_other(
    host: str, as_text: bool, credentials: bool
) -> None:
    policies = json.dumps(POLICIES) if as_text else POLICIES
    config = {"SIO_CORS_ORIGINS": [OTHER], "SIO_CORS_POLICIES": policies}
    before, app = Flask("before"), Flask("allowing")
    before.config.update(config)
    app.config.update(config)
    for _ in range(2):
        SioCors.allow(app, ORIGIN, host=host, credentials=credentials)
    known, allowed = allowed_at(before), allowed_at(app)
    named = HOSTS[host]
    assert ORIGIN in allowed[named]
    shared = {UNNAMED, "127.0.0.1", "[::1]"}
    same = shared if named in shared else {named}
    assert {one: allowed[one] for one in HOSTS.values() if one not in same} == {
        one: known[one] for one in HOSTS.values() if one not in same
    }
    assert "globex" in app.config["SIO_CORS_POLICIES"]
    assert POLICIES["globex"] == {"HOSTS": ["*.globex.example"]}


def test_without_policies_the_host_makes_no_difference() -> None:
    app = Flask("allowing")
    SioCors.allow(app, ORIGIN, host="api.example.com")
    assert app.config["SIO_CORS_ORIGINS"] == [ORIGIN]
    assert "SIO_CORS_POLICIES" not in app.config


@pytest.mark.parametrize("host", ["", "https://api.example.com", "a b", "api.example.com/"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r'such as host="api\.example\.com"'):
        SioCors.allow(Flask("allowing"), ORIGIN, host=host)
