"""``flask sio-cors origins …``, and what ``show`` and ``explain`` make of a store."""

import json

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from flask_sio_cors.cli import flask_group
from flask_sio_cors.live import status as status_module
from flask_sio_cors.live.status import Status
from flask_sio_cors.live.store import Report, Version
from tests.support.pages import block

A, B = "https://a.example", "https://*.b.example"


@pytest.fixture
def make(tmp_path):
    apps = []

    def make(**config):
        app = Flask("shop", instance_path=str(tmp_path))
        app.config.update({"SIO_CORS_ORIGINS_STORE": "sqlite:///origins.sqlite3", **config})
        SocketIO(app, async_mode="threading")
        app.cors = SioCors(app)
        apps.append(app)
        return app

    yield make
    for app in apps:
        for shared in app.extensions["sio_cors_sharing"].of.values():
            shared.follower.store.close()


def run(app, *arguments, given=None):
    return app.test_cli_runner().invoke(flask_group, arguments, input=given)


def origins(app, *arguments, given=None):
    return run(app, "origins", *arguments, given=given)


def test_origins_are_listed_added_removed_and_replaced(make):
    app = make()
    assert (origins(app, "list").stdout, origins(app, "add", A, B).exit_code) == ("", 0)
    assert origins(app, "list").stdout == f"{B}\n{A}\n"
    assert json.loads(origins(app, "list", "--json").stdout) == {"version": 1, "origins": [B, A]}
    gone = origins(app, "remove", A, "https://never.example")
    assert (gone.stdout, gone.stderr) == (
        "Version 2 is written.\n",
        "'https://never.example' was not there.\n",
    )
    given = f"# those of today\n\n  {A}  \nhttp://10.0.*.*:3000\n"
    assert origins(app, "replace", "-", given=given).stdout == "Version 3 is written.\n"
    assert origins(app, "list").stdout == f"http://10.0.0.0/16:3000\n{A}\n"
    assert origins(app, "restore").exit_code == 0


def test_what_removes_takes_the_pattern_as_it_was_written(make):
    app = make()
    origins(app, "add", "http://10.0.*.*:3000")
    assert origins(app, "remove", "http://10.0.*.*:3000").stderr == ""
    assert origins(app, "list").stdout == ""


@pytest.mark.parametrize("command", ["add", "remove"])
def test_an_invalid_origin_is_told_with_its_correction(make, command):
    result = origins(make(), command, A, "https://a.example/path")
    assert result.exit_code == 2
    assert "has a path" in result.stderr
    assert 'write: "https://a.example"' in result.stderr


def test_without_a_store_the_commands_say_how_to_name_one(make):
    app = make(SIO_CORS_ORIGINS_STORE=None)
    for arguments in (["list"], ["add", A], ["status"], ["restore"]):
        result = origins(app, *arguments)
        assert result.exit_code == 2
        assert 'set it to "sqlite:///origins.sqlite3"' in result.stderr
    assert run(app, "show").exit_code == 0


def test_a_store_that_cannot_be_asked_is_told(make, tmp_path):
    (tmp_path / "origins.sqlite3").write_text("no database" * 1000)
    app = make()
    for arguments in (["list"], ["add", A], ["status"], ["restore"]):
        result = origins(app, *arguments)
        assert (result.exit_code, "not a database" in result.stderr) == (2, True), result.output
    shown = run(app, "show")
    assert shown.exit_code == 0
    assert "It cannot be asked" in " ".join(shown.stdout.split())
    explained = run(app, "explain", A)
    assert (explained.exit_code, "are left out" in explained.stderr) == (1, True)


def test_show_shows_the_store_and_never_its_password(make):
    app = make()
    origins(app, "add", A)
    shown = " ".join(run(app, "show").stdout.split())
    assert "It has version 1, with 1 entry under the key shop." in shown
    assert "'sqlite:///origins.sqlite3'" in shown
    told = json.loads(run(app, "show", "--json").stdout)
    assert told["store"] == {
        "key": "shop",
        "policies": ["default"],
        "version": 1,
        "entries": 1,
        "fault": "",
    }
    pytest.importorskip("redis")
    app = make(SIO_CORS_ORIGINS_STORE="redis://ada:secret@127.0.0.1:1/0?key=shop")
    shown = run(app, "show").stdout
    assert "redis://ada:***@127.0.0.1:1/0?key=shop" in shown
    assert "secret" not in shown


def test_explain_knows_what_is_shared(make):
    app = make()
    origins(app, "add", A, B)
    for origin, rule in ((A, A), ("https://x.b.example", B)):
        result = run(app, "explain", origin)
        assert result.exit_code == 0, result.output
        told = " ".join(result.stdout.split())
        assert f"Rule {rule}, in the store of SIO_CORS_ORIGINS_STORE" in told
    assert run(app, "explain", "https://c.example").exit_code == 1


# --- Policies ----------------------------------------------------------------------------------

URL = "sqlite:///origins.sqlite3"
POLICIES = {
    "acme": {"HOSTS": ["acme.example"], "ORIGINS_STORE": URL, "ORIGINS": ["https://own.example"]},
    "big corp": {"HOSTS": ["big.example"], "ORIGINS_STORE": f"{URL}?key=big"},
    "heir": {"HOSTS": ["heir.example"]},
    "shut": {"HOSTS": ["shut.example"], "ORIGINS": ["https://shut.example"]},
}


def test_commands_are_about_the_policy_that_is_named(make):
    app = make(SIO_CORS_POLICIES=POLICIES)
    assert origins(app, "--policy", "acme", "add", A).stdout == "Version 1 is written, for acme.\n"
    assert origins(app, "add", "--policy", "big corp", B).exit_code == 0
    assert origins(app, "list", "--policy", "acme").stdout == f"{A}\n"
    assert origins(app, "--policy", "big corp", "list").stdout == f"{B}\n"
    for policy in ("default", "heir"):
        assert origins(app, "--policy", policy, "list").stdout == ""
    told = origins(app, "--policy", "heir", "add", B).stdout
    assert told == "Version 1 is written, for default, heir.\n"
    assert origins(app, "remove", A, "--policy", "acme").exit_code == 0
    assert origins(app, "--policy", "acme", "replace", "-", given=B).exit_code == 0
    assert origins(app, "--policy", "acme", "status").stdout.count("(key shop/acme)") == 1
    assert origins(app, "--policy", "acme", "restore").exit_code == 0


def test_a_policy_without_a_store_or_that_does_not_exist_is_told(make):
    app = make(SIO_CORS_POLICIES=POLICIES, SIO_CORS_ORIGINS_STORE=None)
    told = {
        (): "Those with a store are 'acme', 'big corp'; name one of them: policy='acme', or "
        "--policy acme.",
        ("--policy", "shut"): "The policy 'shut' shares no origins, since SIO_CORS_POLICIES['shut']"
        "['ORIGINS_STORE'] is not set.",
        ("--policy", "acmee"): "'acmee' is no policy. Did you mean acme?",
    }
    for named, expected in told.items():
        for command in (["list"], ["add", A], ["status"], ["restore"]):
            result = origins(app, *named, *command)
            assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr


def test_where_one_policy_alone_has_a_store_it_is_named(make):
    app = make(SIO_CORS_POLICIES={"big corp": POLICIES["big corp"]}, SIO_CORS_ORIGINS_STORE=None)
    result = origins(app, "list")
    assert result.exit_code == 2
    assert (
        "The policy 'default' shares no origins, since SIO_CORS_ORIGINS_STORE is not set. The "
        "policy 'big corp' has a store; name it: policy='big corp', or --policy 'big corp'."
    ) in result.stderr


def test_show_and_explain_are_about_the_policys_own_store(make):
    app = make(SIO_CORS_POLICIES=POLICIES)
    app.cors.shared_origins(app, "acme").add(A)
    app.cors.shared_origins(app).add(B)
    shown = " ".join(run(app, "show", "--policy", "acme").stdout.split())
    assert "(from SIO_CORS_POLICIES['acme']['ORIGINS_STORE'])" in shown
    assert "It has version 1, with 1 entry under the key shop/acme." in shown
    shown = " ".join(run(app, "show", "--policy", "heir").stdout.split())
    assert "under the key shop. The policies default, heir share it." in shown
    shown = run(app, "show", "--policy", "shut").stdout
    assert "None  (from SIO_CORS_POLICIES['shut']['ORIGINS'])" in shown
    for policy, key in {"acme": "shop/acme", "big corp": "big", "heir": "shop"}.items():
        assert (
            json.loads(run(app, "show", "--policy", policy, "--json").stdout)["store"]["key"] == key
        )
    assert json.loads(run(app, "show", "--policy", "shut", "--json").stdout)["store"] is None


EXPLAINED = {
    "its own": (A, "acme", True, "SIO_CORS_POLICIES['acme']['ORIGINS_STORE']"),
    "another's": (A, "heir", False, "SIO_CORS_ORIGINS_STORE"),
    "inherited": ("https://x.b.example", "heir", True, "SIO_CORS_ORIGINS_STORE"),
    "the default one's": ("https://x.b.example", "acme", False, "SIO_CORS_POLICIES['acme']"),
    "none": ("https://x.b.example", "shut", False, "SIO_CORS_POLICIES['shut']['ORIGINS']"),
}


@pytest.mark.parametrize(
    ("origin", "policy", "is_allowed", "key"), EXPLAINED.values(), ids=EXPLAINED
)
def test_explain_names_the_store_of_the_hosts_policy(make, origin, policy, is_allowed, key):
    app = make(SIO_CORS_POLICIES=POLICIES)
    app.cors.shared_origins(app, "acme").add(A)
    app.cors.shared_origins(app).add(B)
    host = POLICIES[policy]["HOSTS"][0]
    told = json.loads(run(app, "explain", origin, "--host", host, "--json").stdout)
    assert (told["policy"], told["allowed"]) == (policy, is_allowed)
    assert told["rule"]["key"].startswith(key)
    assert ("store" in told["rule"]["text"]) == (policy != "shut")


# --- status ------------------------------------------------------------------------------------


def reported(app, **differing):
    store = app.cors.shared_origins(app).follower.store
    head = store.version()
    report = Report(
        worker="web-1-7",
        host="web-1",
        pid=7,
        version="" if head is None else str(head),
        condition="current",
        since=100.0,
        reason="",
        entries=1,
        skipped=0,
    )
    store.report(report._replace(**differing), 60)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("flask_sio_cors.cli.STATUS_PATIENCE", 0.0)


def test_where_nobody_has_reported_status_says_so(make):
    result = origins(make(), "status")
    assert result.exit_code == 0
    assert "nothing was written yet" in result.stdout
    assert "No worker has reported" in result.stdout


def test_where_all_have_what_the_store_has_the_status_is_0(make):
    app = make()
    origins(app, "add", A)
    reported(app)
    reported(app, worker="web-2-8", host="web-2", pid=8, since=7300.0)
    result = origins(app, "status")
    assert result.exit_code == 0
    assert "All 2 workers have what the store has." in result.stdout
    assert "web-2" in result.stdout
    assert "2 h" in result.stdout
    told = json.loads(origins(app, "status", "--json").stdout)
    assert told["lags"] is False
    assert told["workers"][0]["connected"] is True
    assert 100 <= told["workers"][0].pop("since") < 130
    assert told["workers"][0].pop("age") < 30
    assert told["workers"][0] == {
        "host": "web-1",
        "pid": 7,
        "version": 1,
        "condition": "current",
        "connected": True,
        "origins": 1,
        "skipped": 0,
        "lags": False,
        "why": "",
    }


LAGGING = {
    "behind": ({"version": str(Version.first())}, "Has not taken over version 2 yet"),
    "never read": ({"version": "", "condition": "away", "reason": "gone"}, "store: gone"),
    "away": ({"condition": "away", "reason": "it hangs"}, "Could not reach the store: it hangs"),
    "empty": ({"condition": "empty", "reason": "it is new or not"}, "Is not ready: the store"),
    "lost": ({"condition": "lost", "reason": "it has lost 7"}, "The store is empty"),
    "older": ({"condition": "older", "reason": "it has 5"}, "`origins restore`"),
}


@pytest.mark.parametrize("case", LAGGING.values(), ids=LAGGING)
def test_a_worker_that_lags_is_told_with_since_when_and_why(make, case):
    differing, why = case
    app = make()
    origins(app, "add", A)
    origins(app, "add", B)
    reported(app, worker="web-0-1", host="web-0", pid=1)
    reported(app, **differing)
    result = origins(app, "status")
    assert result.exit_code == 1
    assert why in " ".join(result.stdout.split())
    assert "1 of 2 workers lags." in result.stdout
    told = json.loads(origins(app, "status", "--json").stdout)
    assert [one["lags"] for one in told["workers"]] == [False, True]
    assert 100 <= told["workers"][1]["since"] < 130


def test_a_worker_that_says_nothing_is_told_and_what_it_misses(make):
    app = make()
    origins(app, "add", A)
    reported(app)
    follower = app.cors.shared_origins(app).follower
    follower.pace = follower.pace._replace(silent=-1.0)
    result = origins(app, "status")
    assert result.exit_code == 1
    assert "Has said nothing for" in result.stdout
    assert "silent" in result.stdout
    assert "taken over" not in result.stdout
    origins(app, "add", B)
    assert "had not taken over version 2" in " ".join(origins(app, "status").stdout.split())
    assert json.loads(origins(app, "status", "--json").stdout)["workers"][0]["connected"] is False


def test_who_asks_seldom_is_not_called_silent_for_it(make):
    app = make(SIO_CORS_ORIGINS_STORE="sqlite:///origins.sqlite3?every=10")
    pace = app.cors.shared_origins(app).follower.pace
    assert pace.report < pace.silent < pace.kept


def test_those_that_lag_come_last_where_the_list_ends_on_the_screen(make):
    app = make()
    origins(app, "add", A)
    reported(app, worker="a", host="web-0", condition="away", reason="gone")
    reported(app, worker="b", host="web-1")
    told = origins(app, "status").stdout
    assert told.index("web-1") < told.index("web-0") < told.index("store: gone")


def test_a_store_that_has_lost_what_its_workers_know_is_not_called_new(make):
    app = make()
    version = str(Version.first())
    reported(app, version=version, condition="lost", reason="it has lost version 1")
    result = origins(app, "status")
    assert (result.exit_code, "it has lost it" in result.stdout) == (1, True)


def test_all_stores_are_shown_at_once_and_one_that_fails_hides_no_other_one(make, tmp_path):
    app = make(SIO_CORS_POLICIES=POLICIES)
    for policy in (None, "acme"):
        app.cors.shared_origins(app, policy).add(A)
    reported(app)
    result = origins(app, "status", "--all")
    assert result.exit_code == 0
    for told in ("Policy   default, heir", "Policy   acme", "Policy   big corp", "web-1"):
        assert result.stdout.count(told) == 1
    app.cors.shared_origins(app).add(B)
    assert origins(app, "status", "--all").exit_code == 1
    (tmp_path / "damaged.sqlite3").write_text("no database" * 100)
    damaged = {**POLICIES["acme"], "ORIGINS_STORE": "sqlite:///damaged.sqlite3"}
    app = make(SIO_CORS_POLICIES={**POLICIES, "acme": damaged})
    result = origins(app, "status", "--all", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["lags"]) == (2, True)
    found = {tuple(one["policies"]): one for one in told["stores"]}
    assert found["default", "heir"]["version"] == 2
    assert "not a database" in found["acme",]["error"]
    assert "cannot be asked" in origins(app, "status", "--all").stdout


def test_of_all_stores_means_no_policy_and_some_store(make):
    result = origins(make(SIO_CORS_POLICIES=POLICIES), "--policy", "acme", "status", "--all")
    assert (result.exit_code, "leave --policy out" in result.stderr) == (2, True)
    result = origins(make(SIO_CORS_ORIGINS_STORE=None), "status", "--all")
    assert (result.exit_code, "shares no origins" in result.stderr) == (2, True)


def test_the_page_shows_what_status_prints():
    head, behind = Version(812, "b", "a", 1), Version(790, "c", "a", 1)
    reports = [
        Report("web-1-4711", "web-1", 4711, str(head), "current", 7 * 3600.0, "", 1203, 0, 1.0),
        Report("web-2-4712", "web-2", 4712, str(behind), "current", 8 * 3600.0, "", 1201, 0, 96.0),
    ]
    workers = tuple(status_module._shown(report, head, 15.0) for report in reports)
    shown = Status("the Redis server at 10.0.0.9:6379/0", head.number, True, workers)
    assert block("docs/many-workers.md", "1 of 2 workers lags", "text") == f"{shown.as_text(80)}\n"
