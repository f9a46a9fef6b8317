"""``flask sio-cors show``: the policy in force, and what is odd about it."""

import re
import shlex

import pytest
from flask import Flask

from flask_sio_cors.cli import flask_group
from flask_sio_cors.config.options import SETTINGS
from tests.support.pages import commands
from tests.support.questions import FRIEND, STRANGER, application, only_friends, run, run_json


def warned(app: Flask) -> str:
    return " ".join(warning["text"] for warning in run_json(app, "show")["warnings"])


def test_show_names_each_setting_its_value_and_where_it_came_from() -> None:
    app = application(SIO_CORS_ORIGINS=[FRIEND], CORS_MAX_AGE=600)
    settings = run_json(app, "show")["settings"]
    assert list(settings) == [setting.name for setting in SETTINGS]
    assert settings["ORIGINS"]["value"] == [FRIEND]
    assert settings["ORIGINS"]["source"] == "SIO_CORS_ORIGINS"
    assert settings["MAX_AGE"]["value"] == 600
    assert settings["MAX_AGE"]["source"] == "CORS_MAX_AGE"
    assert settings["METHODS"]["source"] == "default"
    assert all(shown["meaning"].endswith(".") for shown in settings.values())


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_show_is_read_by_people(columns: int) -> None:
    many = [f"https://customer-{n}.example.com" for n in range(400)]
    app = application(SIO_CORS_ORIGINS=many, TRUSTED_HOSTS=["api.example.com"])
    runner = app.test_cli_runner(env={"COLUMNS": str(columns)})
    text = runner.invoke(flask_group, ["show"]).stdout
    assert 'SIO_CORS_ORIGINS\n    ["https://customer-0.example.com",' in text
    assert f"({len(repr(many))} characters)" in text.replace("\n    ", " ")
    assert "SIO_CORS_SUPPORTS_CREDENTIALS       False  (default)\n" in text
    assert "TRUSTED_HOSTS                       ['api.example.com']\n" in text
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"SIO_CORS_ORIGINS": "*"}, "Every site may connect"),
        ({"SIO_CORS_ORIGINS": "*"}, "never with its visitors' cookies"),
        ({"SIO_CORS_ORIGINS": ["null"]}, "any page can obtain the origin “null”"),
        ({"SIO_CORS_ORIGINS": ["file://"]}, "every local file has the origin “file://”"),
        (
            {
                "SIO_CORS_ORIGINS": ["http://intranet.example"],
                "SIO_CORS_SUPPORTS_CREDENTIALS": True,
                "SIO_CORS_TOLERATE_INSECURE_ORIGINS": True,
            },
            "network path",
        ),
    ],
)
def test_show_warns(config: dict[str, object], words: str) -> None:
    assert words.lower() in warned(application(**config)).lower()


@pytest.mark.parametrize(
    ("config", "name", "meaning"),
    [
        ({"SIO_CORS_MAX_AGE": 0}, "MAX_AGE", "Browsers keep no preflight's answer"),
        ({"SIO_CORS_MAX_AGE": 1}, "MAX_AGE", "for 1 second."),
        ({"SIO_CORS_MAX_AGE": 86400}, "MAX_AGE", "for 86400 seconds, Chromium for 7200."),
        ({"SIO_CORS_EXPOSE_HEADERS": "*"}, "EXPOSE_HEADERS", "Pages may read all headers"),
        ({"SIO_CORS_ALLOW_HEADERS": "*"}, "ALLOW_HEADERS", "Authorization by its name"),
        ({"SIO_CORS_METHODS": ["PUT"]}, "METHODS", "with PUT; GET and POST, all that Socket.IO"),
        ({"SIO_CORS_ORIGINS": "*"}, "ORIGINS", "Every site may connect, without cookies"),
    ],
)
def test_show_says_what_a_value_means(config: dict[str, object], name: str, meaning: str) -> None:
    assert meaning in run_json(application(**config), "show")["settings"][name]["meaning"]


def test_show_gives_a_set_as_it_is_written() -> None:
    assert f'{{"{FRIEND}"}}' in run(application(SIO_CORS_ORIGINS={FRIEND}), "show").stdout


@pytest.mark.parametrize("columns", [60, 100])
def test_show_tells_which_hosts_are_answered(columns: int) -> None:
    hosts = [f"server-{n}.example.com" for n in range(9)]
    environment = {"COLUMNS": str(columns)}
    runner = application(TRUSTED_HOSTS=hosts).test_cli_runner(env=environment)
    text = runner.invoke(flask_group, ["show"]).stdout
    assert max(map(len, text.splitlines())) <= columns
    assert text.endswith("    Requests to other hosts are refused.\n")
    assert "Requests to any host are answered" in run(application(), "show").stdout


def test_show_warns_of_a_key_that_was_set_too_late() -> None:
    app = application()
    app.config["SIO_CORS_ORIGINS"] = [FRIEND]
    (warning,) = run_json(app, "show")["warnings"]
    assert "SIO_CORS_ORIGINS" in warning["text"]
    assert "reconfigure" in warning["text"]


@pytest.mark.parametrize("key", ["SIO_CORS_ORIGINS", "CORS_ORIGINS"])
def test_show_tells_what_is_in_force_of_a_list_that_was_changed_too_late(key: str) -> None:
    app = application(**{key: [FRIEND]})
    app.config[key].append(STRANGER)
    shown = run_json(app, "show")
    assert shown["settings"]["ORIGINS"]["value"] == [FRIEND]
    (warning,) = shown["warnings"]
    assert warning["text"].startswith(f"{key} was changed")

    app.config[key] = "*"
    assert len(run_json(app, "show")["warnings"]) == 1
    app.extensions["sio_cors"].reconfigure(app)
    assert run_json(app, "show")["settings"]["ORIGINS"]["value"] == "*"


def test_show_warns_of_preflights_that_nobody_answers() -> None:
    app = application(SIO_CORS_ORIGINS=[FRIEND], SIO_CORS_PREFLIGHT_CONTINUE=True)
    assert "no route" in warned(app)
    app.add_url_rule("/socket.io/", "preflight", lambda: "", methods=["OPTIONS"])
    assert run_json(app, "show")["warnings"] == []


def test_show_gives_machines_the_whole_value() -> None:
    many = [f"https://customer-{n}.example.com" for n in range(400)]
    value = run_json(application(SIO_CORS_ORIGINS=many), "show")["settings"]["ORIGINS"]["value"]
    assert value == many


def test_show_names_a_configured_function() -> None:
    settings = run_json(application(SIO_CORS_ORIGINS=only_friends), "show")["settings"]
    assert settings["ORIGINS"]["value"] == [{"function": "tests.support.questions:only_friends"}]


@pytest.mark.parametrize(
    ("origins", "told"),
    [
        ([re.compile(r"\.example\.com$")], 'Write "https://*.example.com".'),
        ([re.compile("app.example.com")], 'Write "https://app.example.com".'),
        (r"regex:/^https:\/\/a\.example\.com$/", 'Write "https://a.example.com".'),
        ([re.compile(r"https://example\.com/.*")], "an origin starts with its scheme."),
    ],
)
def test_an_expression_that_no_origin_matches_is_told(origins: object, told: str) -> None:
    (warning,) = run_json(application(SIO_CORS_ORIGINS=origins), "show")["warnings"]
    assert warning["code"] == "expression-without-origin"
    assert warning["text"].endswith(told)


@pytest.mark.parametrize(
    "expression",
    [
        r".*\.example\.com", r"(?i)https?://A\.example", r"null|https://a", r".*localhost.*",
        r"https://[\w.-]+:8443", r"chrome-extension://[a-p]{32}", r"\Ahttps://a\.example\Z",
        r"https://(?:[a-z]{2,3}-)?app\.example(?::\d{4})?", r"(https?:)?//x", r"exp://.+",
    ],
)  # fmt: skip
def test_an_expression_that_some_origin_matches_is_not(expression: str) -> None:
    assert "No origin matches" not in warned(application(SIO_CORS_ORIGINS=re.compile(expression)))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("FLASK_SIO_CORS_ORIGINS", "does nothing: write app.config.from_prefixed_env() above"),
        ("SIO_CORS_MAX_AGE", "name it FLASK_SIO_CORS_MAX_AGE, and write app.config.from_pre"),
        ("MY_APP_SIO_CORS_ORIGINS", 'write app.config.from_prefixed_env("MY_APP") above'),
    ],
)
def test_a_variable_that_nothing_reads_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv(name, "600" if name.endswith("AGE") else FRIEND)
    assert told in warned(application())
    app = Flask("read")
    app.config.from_prefixed_env(name.partition("_SIO")[0])
    config = {key: value for key, value in app.config.items() if key.startswith("SIO_CORS")}
    if config:
        assert warned(application(**config)) == ""


@pytest.mark.parametrize("command", commands("export "))
def test_what_a_page_exports_is_read(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = shlex.split(command)[1].partition("=")
    monkeypatch.setenv(name, value)
    read = Flask("environment")
    read.config.from_prefixed_env()
    shown = run_json(application(**read.config), "show")["settings"]
    key = name.removeprefix("FLASK_")
    assert shown[key.removeprefix("SIO_CORS_")]["source"] == key
