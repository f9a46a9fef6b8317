"""Stores of several policies: each has its own list, and what is in it gets in nowhere else."""

import logging

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, SioCors
from flask_sio_cors.config.policies import DEFAULT
from flask_sio_cors.live.follower import Condition, Pace
from tests.live.test_follower import Failing
from tests.support.harness import wait_until
from tests.support.pages import block, on_threads
from tests.support.raw_http import POLLING
from tests.support.stores import write

A, B, INSECURE = "https://a.example", "https://b.example", "http://insecure.example"
URL = "sqlite:///origins.sqlite3"
NAMES = (DEFAULT, "acme", "globex", "heir", "shut")
#: Three lists by one URL, one that inherits, and one that has none.
POLICIES = {
    "acme": {"HOSTS": ["acme.localhost"], "ORIGINS_STORE": URL},
    "globex": {"HOSTS": ["globex.localhost"], "ORIGINS_STORE": URL, "ORIGINS": []},
    "heir": {"HOSTS": ["heir.localhost"]},
    "shut": {"HOSTS": ["shut.localhost"], "ORIGINS": ["https://shut.example"]},
}


@pytest.fixture
def make(tmp_path):
    apps = []

    def make(store=URL, policies=POLICIES, **config):
        app = Flask("shop", instance_path=str(tmp_path))
        app.config.update(SIO_CORS_ORIGINS_STORE=store, SIO_CORS_POLICIES=policies, **config)
        SocketIO(app, async_mode="threading")
        app.cors = SioCors(app)
        hurry(followed(app))
        apps.append(app)
        return app

    yield make
    for app in apps:
        for shared in followed(app):
            shared.follower.background.stop()
            getattr(shared.follower.store, "close", lambda: None)()


def followed(app):
    return set(app.extensions["sio_cors_sharing"].of.values())


def hurry(lists):
    for shared in lists:
        shared.follower.pace = Pace(every=0.05, healing=0.1)


def lets_in(app, origin):
    """The policies at whose hosts an origin gets in."""
    found = set()
    for name in NAMES:
        with app.test_client() as client:
            base = f"http://{name}.localhost"
            if client.get(POLLING, base, headers={"Origin": origin}).status_code == 200:
                found.add(name)
    return found


def configure(app, **config):
    app.config.update({f"SIO_CORS_{name}": value for name, value in config.items()})
    before = followed(app)
    app.cors.reconfigure(app)
    hurry(followed(app) - before)


def without(*settings):
    return {
        name: {key: value for key, value in policy.items() if key not in settings}
        for name, policy in POLICIES.items()
    }


def with_store(store, *names):
    return {
        name: {**policy, "ORIGINS_STORE": store} if name in names else policy
        for name, policy in without("ORIGINS_STORE").items()
    }


# --- Whose it is -------------------------------------------------------------------------------


def test_by_one_url_each_policy_has_a_list_of_its_own(make):
    app = make()
    whose = {None: {DEFAULT, "heir"}, "acme": {"acme"}, "globex": {"globex"}}
    for policy, expected in whose.items():
        shared = app.cors.shared_origins(app, policy)
        shared.add(A)
        assert lets_in(app, A) == expected == set(shared.policies)
        shared.remove(A)
        assert lets_in(app, A) == set()
    assert len({str(shared.follower.store) for shared in followed(app)}) == 3


def test_what_is_inherited_is_the_default_ones(make):
    app = make()
    of = app.cors.shared_origins
    assert of(app, "heir") is of(app) is of(app, DEFAULT)
    assert of(app, policy="acme") is not of(app)


def test_a_policy_may_have_a_store_where_the_default_one_has_none(make):
    app = make(None)
    app.cors.shared_origins(app, "acme").add(A)
    assert lets_in(app, A) == {"acme"}


def test_a_policy_that_takes_the_store_back_has_none(make):
    app = make(policies={**POLICIES, "heir": {**POLICIES["heir"], "ORIGINS_STORE": None}})
    app.cors.shared_origins(app).add(A)
    assert lets_in(app, A) == {DEFAULT}
    with pytest.raises(RuntimeError, match="The policy 'heir' shares no origins"):
        app.cors.shared_origins(app, "heir")


@pytest.mark.parametrize(
    ("store", "sharing"),
    [
        (None, {"acme", "globex"}),
        (f"{URL}?key=shop&every=5", {DEFAULT, "heir", "acme", "globex"}),
        (URL, {DEFAULT, "heir", "acme", "globex"}),
    ],
    ids=["two policies", "the default one, too", "the application's name"],
)
def test_the_same_key_written_twice_is_one_list(make, store, sharing):
    app = make(store, with_store(f"{URL}?key=shop", "acme", "globex"))
    shared = app.cors.shared_origins(app, "acme")
    assert followed(app) == {shared}
    shared.add(A)
    assert lets_in(app, A) == sharing == set(shared.policies)


def test_an_object_in_two_policies_is_one_store(make):
    store = Failing()
    app = make(None, with_store(store, "acme", "globex"))
    app.cors.shared_origins(app, "globex").add(A)
    assert lets_in(app, A) == {"acme", "globex"}


def test_who_looks_most_often_says_how_often(make):
    policies = with_store(f"{URL}?key=one&every=7", "acme", "globex")
    app = make(f"{URL}?key=one&every=3", policies)
    configure(app, ORIGINS_STORE=f"{URL}?key=one&every=4")
    assert app.cors.shared_origins(app).follower.pace.every == 4


# --- What may be in it -------------------------------------------------------------------------


def test_an_entry_has_to_be_fit_for_each_policy_that_shares_it_and_for_no_other(make):
    acme = {**POLICIES["acme"], "SUPPORTS_CREDENTIALS": True}
    app = make(policies={**POLICIES, "acme": acme})
    app.cors.shared_origins(app).add(INSECURE)
    with pytest.raises(ConfigError) as raised:
        app.cors.shared_origins(app, "acme").add(INSECURE)
    (problem,) = raised.value.problems
    assert problem.key == "SIO_CORS_POLICIES['acme']['ORIGINS_STORE']"
    both = f"{URL}?key=one"
    policies = {**POLICIES, "acme": {**acme, "ORIGINS_STORE": both}}
    configure(app, ORIGINS_STORE=both, POLICIES=policies)
    with pytest.raises(ConfigError, match="not encrypted"):
        app.cors.shared_origins(app).add(INSECURE)


def test_who_joins_a_list_with_other_settings_has_it_read_again(make, caplog):
    store = f"{URL}?key=one"
    app = make(store, with_store(None, "acme"))
    app.cors.shared_origins(app).add(A, INSECURE)
    assert lets_in(app, INSECURE) == {DEFAULT, "heir"}
    joined = {**POLICIES["acme"], "ORIGINS_STORE": store, "SUPPORTS_CREDENTIALS": True}
    with caplog.at_level(logging.WARNING):
        configure(app, POLICIES={**POLICIES, "acme": joined})
        wait_until(lambda: app.cors.shared_origins(app).state.skipped == 1)
    assert lets_in(app, INSECURE) == set()
    assert lets_in(app, A) == {DEFAULT, "heir", "acme"}


# --- Reconfiguring -----------------------------------------------------------------------------


def test_stores_come_and_go_and_those_that_stay_go_on(make):
    app = make()
    of = app.cors.shared_origins
    for policy in (None, "acme", "globex"):
        of(app, policy).add(A)
    assert lets_in(app, A) == {DEFAULT, "heir", "acme", "globex"}
    stays, goes = of(app, "acme").follower, of(app, "globex").follower
    assert stays.background.is_running
    configure(app, POLICIES=with_store(URL, "acme", "shut"))
    assert lets_in(app, A) == {DEFAULT, "heir", "acme"}
    assert of(app, "acme").follower is stays
    assert stays.background.is_running
    wait_until(lambda: not goes.background.is_running)
    of(app, "shut").add(B)
    assert lets_in(app, B) == {"shut"}
    configure(app, POLICIES=POLICIES)
    assert lets_in(app, A) == {DEFAULT, "heir", "acme", "globex"}


def test_a_policy_that_gets_anothers_name_gets_nothing_of_its_list(make):
    app = make()
    app.cors.shared_origins(app, "acme").add(A)
    assert lets_in(app, A) == {"acme"}
    swapped = {**POLICIES, "acme": {**POLICIES["acme"], "ORIGINS_STORE": f"{URL}?key=another"}}
    configure(app, POLICIES=swapped)
    assert lets_in(app, A) == set()


def test_a_mistake_leaves_all_stores_as_they_were(make):
    app = make()
    app.cors.shared_origins(app, "acme").add(A)
    before = followed(app)
    broken = with_store("sqlite://origins.sqlite3", "acme")
    with pytest.raises(ConfigError, match="two slashes") as raised:
        configure(app, POLICIES=broken)
    assert raised.value.problems[0].key == "SIO_CORS_POLICIES['acme']['ORIGINS_STORE']"
    assert followed(app) == before
    assert lets_in(app, A) == {"acme"}


def test_a_function_that_is_decorated_later_leaves_the_stores_at_work(make):
    app = make()
    app.cors.shared_origins(app, "acme").add(A)
    before = followed(app)
    app.cors.choose_policy(lambda request: None)
    assert followed(app) == before
    assert lets_in(app, A) == {"acme"}


# --- Asking for it -----------------------------------------------------------------------------


def test_a_policy_without_a_store_is_told_with_what_to_write(make):
    app = make(None)
    of = app.cors.shared_origins
    with pytest.raises(RuntimeError, match="SIO_CORS_ORIGINS_STORE is not set") as raised:
        of(app)
    assert "Those with a store are 'acme', 'globex'; name one of them: policy='acme'" in (
        str(raised.value)
    )
    with pytest.raises(RuntimeError, match=r"POLICIES\['shut'\]\['ORIGINS_STORE'\] is not set"):
        of(app, "shut")
    with pytest.raises(ValueError, match=r"'acmee' is no policy\. Did you mean acme\?"):
        of(app, "acmee")
    app = make()
    with pytest.raises(RuntimeError, match="it has none of the default policy's store"):
        app.cors.shared_origins(app, "shut")


def test_health_checks_learn_how_each_store_stands(make):
    app = make()
    states = app.cors.shared_states(app)
    assert {name: state.ready for name, state in states.items()} == dict.fromkeys(
        (DEFAULT, "heir", "acme", "globex"), False
    )
    lets_in(app, A)
    wait_until(lambda: all(state.ready for state in app.cors.shared_states(app).values()))


def test_the_first_refusal_waits_for_every_store(make):
    writer = make()
    for policy in (None, "acme", "globex"):
        writer.cors.shared_origins(writer, policy).add(A)
    slow = Failing()
    write(slow, [B])
    app = make(policies={**POLICIES, "shut": {**POLICIES["shut"], "ORIGINS_STORE": slow}})
    assert lets_in(app, A) == {DEFAULT, "heir", "acme", "globex"}
    conditions = {state.condition for state in app.cors.shared_states(app).values()}
    assert conditions == {Condition.CURRENT}


def test_after_reconfigure_the_first_refusal_waits_for_the_new_store(make):
    app = make()
    app.cors.shared_origins(app, "globex").add(A)
    configure(app, POLICIES=with_store(URL, "acme"))
    assert lets_in(app, A) == set()
    configure(app, POLICIES=POLICIES)
    assert lets_in(app, A) == {"globex"}


def test_the_page_about_tenants_shows_what_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    on_threads(monkeypatch)
    names = {"__name__": "page"}
    exec(block("docs/tenants.md", '"ORIGINS_STORE": STORE'), names)
    exec(block("docs/tenants.md", "cors.shared_origins(app, policy="), names)
    shared = names["cors"].shared_origins(names["app"], "acme")
    assert list(shared) == ["https://customer.example"]
    assert list(names["cors"].shared_origins(names["app"], "globex")) == []
    for policy in ("acme", "globex"):
        names["cors"].shared_origins(names["app"], policy).follower.store.close()


# --- Losing something --------------------------------------------------------------------------


def test_a_removal_in_one_list_leaves_what_others_remember(make):
    app = make()
    of = app.cors.shared_origins
    of(app, "acme").add(A)
    of(app, "globex").add(A, B)
    for origin in (A, B):
        lets_in(app, origin)
    policies = app.cors.policies(app).named
    assert {A, B} <= policies["globex"]._seen.keys()
    of(app, "acme").remove(A)
    assert A not in policies["acme"]._seen
    assert {A, B} <= policies["globex"]._seen.keys()
    assert lets_in(app, A) == {"globex"}
