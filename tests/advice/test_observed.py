"""``flask sio-cors observed``: what it shows, and the setting that it prints, which works."""

import json
from importlib.resources import files

import pytest
from flask import Flask
from flask_socketio import SocketIO
from jsonschema import Draft202012Validator

from flask_sio_cors import SioCors
from flask_sio_cors.advice.observed import summarize
from flask_sio_cors.door.observer import Observation
from flask_sio_cors.live.counts import Count
from flask_sio_cors.live.observed import File
from tests.advice.test_schemas import strict
from tests.support.questions import run

FRIEND, OTHER, STRANGER = (f"https://{name}.example" for name in ("friend", "other", "stranger"))
HOME = "home.example"
HOUR = 3600.0


def seen(
    origin,
    reason="origin-not-allowed",
    transport="polling",
    cookies=False,
    loses=False,
    policy="default",
):
    is_allowed = reason in ("origin-allowed", "same-origin", "no-origin")
    return Observation(origin, policy, reason, is_allowed, transport, cookies, loses)


@pytest.fixture
def make(tmp_path):
    """A function that makes an application in use, of which this was observed."""

    def make(counts=(), **config):
        app = Flask("shop", instance_path=str(tmp_path))
        app.config.update({"SIO_CORS_REPORT_ONLY": True, **config})
        SocketIO(app, async_mode="threading", cors_allowed_origins="*")
        SioCors(app)
        if counts:
            File(app).add(dict(counts))
        return app

    return make


OBSERVED = {
    seen(FRIEND): Count(1000, HOUR, 2 * HOUR),
    seen(FRIEND, transport="websocket", cookies=True): Count(204, HOUR, 3 * HOUR),
    seen(STRANGER): Count(2, HOUR, HOUR),
    seen("http://localhost:5000", "same-origin"): Count(7, HOUR, HOUR),
    seen(None, "no-origin"): Count(5, HOUR, HOUR),
    seen(None, "jsonp-without-origin", cookies=True): Count(3, HOUR, HOUR),
}
TABLE = """\
ORIGIN                    REQUESTS  WOULD BE                        BY                  COOKIES  FIRST                 LAST
https://friend.example    1,204     refused (origin-not-allowed)    polling, websocket  came     1970-01-01T01:00:00Z  1970-01-01T03:00:00Z
http://localhost:5000     7         allowed                         polling             none     1970-01-01T01:00:00Z  1970-01-01T01:00:00Z
(no Origin header)        5         allowed                         polling             none     1970-01-01T01:00:00Z  1970-01-01T01:00:00Z
(no Origin header)        3         refused (jsonp-without-origin)  polling             came     1970-01-01T01:00:00Z  1970-01-01T01:00:00Z
https://stranger.example  2         refused (origin-not-allowed)    polling             none     1970-01-01T01:00:00Z  1970-01-01T01:00:00Z
"""  # noqa: E501


def test_the_table_shows_who_asked_the_most_frequent_first(make):
    shown = run(make(OBSERVED), "observed")
    assert shown.exit_code == 0
    assert shown.stdout == f"{TABLE}\nFor the setting that lets some of them in: --allow ORIGIN …\n"


def test_nothing_observed_is_said(make):
    app = make()
    file = f"{app.instance_path}/sio-cors-observed.sqlite3"
    for allowed in ([], ["--allow", FRIEND]):
        shown = run(app, "observed", *allowed).stdout
        assert shown.startswith(f"Nothing was observed yet in {file}.")
        assert (f'app.config["SIO_CORS_ORIGINS"] = ["{FRIEND}"]\n' in shown) == bool(allowed)


def test_what_is_allowed_is_printed_as_the_setting_and_says_who_stays_outside(make):
    app = make(OBSERVED)
    shown = run(app, "observed", "--allow", FRIEND, "--allow", f"{OTHER}/")
    assert "Taken for https://other.example" in shown.stderr
    assert shown.stdout.endswith(
        "\nAbove SioCors(app):\n\n"
        f'app.config["SIO_CORS_ORIGINS"] = ["{FRIEND}", "{OTHER}"]\n'
        'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True\n\n'
        f"Outside stays: {STRANGER}\n\n"
        "To enforce it: write SIO_CORS_OVERRIDE where SIO_CORS_REPORT_ONLY stands; or remove that, "
        "and cors_allowed_origins=… from SocketIO(…).\n"
    )


SCHEMA = json.loads((files("flask_sio_cors.advice") / "schemas" / "observed.json").read_text())


def printed(app, *allowed):
    options = [word for origin in allowed for word in ("--allow", origin)]
    shown = json.loads(run(app, "observed", *options, "--json").stdout)
    Draft202012Validator(strict(SCHEMA)).validate(shown)
    return shown


@pytest.mark.parametrize(
    ("config", "written"),
    [
        ({}, f'["{FRIEND}"]'),
        ({"SIO_CORS_ORIGINS": [OTHER]}, f'["{OTHER}", "{FRIEND}"]'),
        ({"SIO_CORS_ORIGINS": f"{OTHER}, {FRIEND}"}, f'["{OTHER}", "{FRIEND}"]'),
        ({"CORS_ORIGINS": OTHER}, f'["{OTHER}", "{FRIEND}"]'),
        ({"SIO_CORS_ORIGINS": "*"}, f'["{FRIEND}"]'),
        (
            {"SIO_CORS_ORIGINS": lambda origin: False},
            f'[app.config["SIO_CORS_ORIGINS"], "{FRIEND}"]',
        ),
        (
            {"SIO_CORS_ORIGINS": [OTHER, lambda origin: False]},
            f'[*app.config["SIO_CORS_ORIGINS"], "{FRIEND}"]',
        ),
    ],
    ids=["nothing", "a list", "a text", "Flask-CORS", "everybody", "a function", "a mixed list"],
)
def test_what_is_listed_already_stays_and_the_lines_let_the_marked_in(make, config, written):
    app = make(OBSERVED, **config)
    lines = "\n".join(printed(app, FRIEND)["lines"])
    assert lines.splitlines()[0] == f'app.config["SIO_CORS_ORIGINS"] = {written}'
    pasted = Flask("pasted")
    pasted.config.update(config)
    exec(lines, {"app": pasted})
    SocketIO(pasted, async_mode="threading")
    SioCors(pasted)
    assert json.loads(run(pasted, "explain", FRIEND, "--json").stdout)["allowed"]
    assert run(pasted, "explain", STRANGER).exit_code == 1


def test_cookies_are_let_in_where_they_came_and_only_there(make):
    app = make({**OBSERVED, seen(f"https://sub.{HOME}", cookies=True): Count(1, HOUR, HOUR)})
    switch = 'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
    assert switch in printed(app, FRIEND)["lines"]
    assert switch not in printed(app, STRANGER)["lines"]
    assert switch in printed(app, f"https://*.{HOME}")["lines"]


def test_insecure_origins_that_come_with_cookies_are_tolerated(make):
    insecure = "http://intranet.example"
    app = make({seen(insecure, cookies=True): Count(1, HOUR, HOUR)})
    switch = 'app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True'
    assert printed(app, insecure)["lines"][-1] == switch


def test_what_would_be_a_mistake_is_one_here(make):
    app = make({seen("null", cookies=True): Count(1, HOUR, HOUR)})
    shown = run(app, "observed", "--allow", "null")
    assert shown.exit_code == 2
    assert "any page can obtain that origin" in shown.stderr


def test_the_latest_verdict_counts_for_each_transport():
    table = summarize(
        {
            seen(FRIEND): Count(1000, HOUR, 2 * HOUR),
            seen(FRIEND, "origin-allowed", cookies=True, loses=True): Count(5, HOUR, 3 * HOUR),
            seen(FRIEND, transport="websocket"): Count(7, HOUR, 9 * HOUR),
        }
    )
    assert [(one.reason, one.transports, one.requests, one.loses_cookies) for one in table] == [
        ("origin-allowed", ("polling",), 1005, True),
        ("origin-not-allowed", ("websocket",), 7, False),
    ]


def test_a_hostile_origin_does_not_write_on_the_terminal(make):
    app = make({seen(f"https://\x1b[2J{'x' * 300}"): Count(1, HOUR, HOUR)})
    assert "\x1b" not in run(app, "observed").stdout


def test_where_it_is_not_installed_it_says_so():
    assert "SioCors is not installed" in run(Flask("bare"), "observed").stderr


def test_policies_are_named_and_each_has_its_own_list(make):
    acme = {"HOSTS": ["acme.example.com"], "ORIGINS": [OTHER]}
    app = make(
        {**OBSERVED, seen(FRIEND, policy="acme"): Count(3, HOUR, HOUR)},
        SIO_CORS_POLICIES={"acme": acme},
    )
    lines = run(app, "observed").stdout.splitlines()
    assert lines[0].endswith("POLICY")
    assert [line.split()[-1] for line in lines if FRIEND in line] == ["default", "acme"]
    shown = run(app, "observed", "--allow", FRIEND, "--policy", "acme").stdout
    place = 'app.config["SIO_CORS_POLICIES"]["acme"]["ORIGINS"]'
    assert f'{place} = ["{OTHER}", "{FRIEND}"]' in shown
