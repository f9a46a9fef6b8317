"""``show`` and ``explain`` where several policies are in force."""

import ast
import re

import pytest
from flask import Flask

from flask_sio_cors.cli import flask_group
from flask_sio_cors.config.options import Options
from flask_sio_cors.live.opening import located
from tests.support.pages import block, on_threads
from tests.support.questions import application, run, run_json

ACME, STRANGER = "https://acme.example", "https://stranger.example"
MANY = [f"https://{letter}.example" for letter in "abcdef"]
POLICIES = {
    "SIO_CORS_ORIGINS": ["https://default.example"],
    "SIO_CORS_POLICIES": {
        "acme": {"HOSTS": ["acme.api.example.com"], "ORIGINS": [ACME]},
        "heir": {"HOSTS": ["*.heir.example.com"], "MAX_AGE": 5},
        "public": {"HOSTS": ["public.api.example.com"], "ORIGINS": "*"},
        "many": {
            "HOSTS": ["many.example.com"],
            "ORIGINS": [f"https://{n}.example" for n in "abcdef"],
        },
    },
}


@pytest.mark.parametrize(
    ("host", "policy"),
    [
        ("acme.api.example.com", "acme"),
        ("https://ACME.api.example.com:8443", "acme"),
        ("www.heir.example.com", "heir"),
        ("other.example.com", "default"),
    ],
)
def test_explain_asks_the_policy_of_the_host(host, policy):
    answer = run_json(application(**POLICIES), "explain", STRANGER, "--host", host)
    assert answer["policy"] == policy
    text = run(application(**POLICIES), "explain", STRANGER, "--host", host).output
    assert ("\n  Policy    " in text) == (policy != "default")


def test_explain_asks_the_policy_that_is_named_at_its_host():
    answer = run_json(application(**POLICIES), "explain", ACME, "--policy", "acme")
    assert (answer["policy"], answer["allowed"]) == ("acme", True)
    assert answer["host"] == "http://acme.api.example.com"
    answer = run_json(application(**POLICIES), "explain", ACME, "--policy", "default")
    assert (answer["policy"], answer["allowed"]) == ("default", False)


@pytest.mark.parametrize("name", ["acm", "nothing-like-it"])
def test_a_policy_that_does_not_exist_is_told(name):
    for arguments in (["explain", ACME], ["show"]):
        result = run(application(**POLICIES), *arguments, "--policy", name)
        assert result.exit_code == 2
        assert f"{name!r} is no policy." in result.output
        assert ("Did you mean acme?" in result.output) == (name == "acm")


@pytest.mark.parametrize(
    "store", ["sqlite:///a.sqlite3", "sqlite:///a.sqlite3?every=5", "sqlite:///a.sqlite3?key=one"]
)
@pytest.mark.parametrize("command", [["explain", STRANGER], ["observed", "--allow", STRANGER]])
def test_a_policy_that_gets_origins_of_its_own_keeps_the_store_that_it_inherits(command, store):
    config = {**POLICIES, "SIO_CORS_ORIGINS_STORE": store}
    lines = run_json(application(**config), *command, "--policy", "heir")["lines"]
    mended = copied(config)
    exec("\n".join(lines), {"app": type("app", (), {"config": mended})})
    options = Options.from_config(mended)
    heir = next(one for one in options.policies if one.name == "heir")
    assert STRANGER in heir.origins
    for one in (options, heir):
        assert located(one.origins_store, Flask("shop")) == located(
            options.origins_store, Flask("shop")
        )


@pytest.mark.parametrize("policy", ["acme", "heir", "public", "many"])
@pytest.mark.parametrize("origin", [STRANGER, "http://intranet.example"])
@pytest.mark.parametrize("options", [[], ["--with-credentials"]], ids=["", "credentials"])
def test_the_lines_let_a_page_in_at_that_policys_host_and_nowhere_else(policy, origin, options):
    app = application(**POLICIES)
    asked = ["explain", origin, "--policy", policy, *options]
    answer = run_json(app, *asked)
    if answer["allowed"]:
        return
    assert answer["config"], answer
    before = {other: allowed(app, origin, other) for other in POLICIES["SIO_CORS_POLICIES"]}
    mended = copied(POLICIES)
    exec("\n".join(answer["lines"]), {"app": type("app", (), {"config": mended})})
    app = application(**mended)
    assert run_json(app, *asked)["allowed"]
    for other in ("default", *before):
        if other != policy:
            assert allowed(app, origin, other) == before.get(other, False)


def allowed(app, origin, policy):
    return run_json(app, "explain", origin, "--policy", policy)["allowed"]


def copied(config):
    return ast.literal_eval(repr(config))


def test_a_refusal_by_what_is_inherited_names_a_list_of_the_policys_own():
    answer = run_json(application(**POLICIES), "explain", STRANGER, "--policy", "heir")
    assert "SIO_CORS_POLICIES['heir']['ORIGINS']" in answer["explanation"]


def test_policies_from_the_environment_are_mended_too():
    app = application(
        SIO_CORS_POLICIES='{"a": {"HOSTS": "a.example", "ORIGINS": "https://b.example"}}'
    )
    answer = run_json(app, "explain", STRANGER, "--policy", "a")
    assert answer["lines"][0].startswith('app.config["SIO_CORS_POLICIES"]["a"]["ORIGINS"] = ')


def test_show_lists_the_policies_and_shows_one():
    app = application(**POLICIES)
    assert '"acme": ["acme.api.example.com"]' in run(app, "show").output
    shown = run(app, "show", "--policy", "heir").output
    assert "heir" in shown.splitlines()[0]
    assert "*.heir.example.com" in shown.splitlines()[0]
    assert "(from SIO_CORS_POLICIES['heir']['MAX_AGE'])" in shown
    assert '["https://default.example"]' in shown
    assert "changed after" not in shown


def test_show_warns_where_the_policies_were_changed_after_they_had_been_read():
    app = application(**copied(POLICIES))
    app.config["SIO_CORS_POLICIES"]["heir"]["MAX_AGE"] = 6
    assert "SIO_CORS_POLICIES was changed after SioCors(app) had read" in run(app, "show").output


def test_the_policies_of_a_broken_configuration_are_told():
    from click.testing import CliRunner
    from flask.cli import ScriptInfo

    def create_app():
        return application(SIO_CORS_POLICIES={"a": {"HOSTS": "a.example", "MAX_AGE": "x"}})

    info = ScriptInfo(create_app=create_app)
    result = CliRunner().invoke(flask_group, ["show"], obj=info)
    assert result.exit_code == 2
    assert "SIO_CORS_POLICIES['a']['MAX_AGE']" in result.output
    assert re.search(r"SIO_CORS_POLICIES +problem 1", result.output)


def test_the_page_shows_what_explain_prints(monkeypatch):
    on_threads(monkeypatch)
    names = {"__name__": "page"}
    exec(block("docs/tenants.md", "public.api.example.com"), names)
    line, *shown = block("docs/tenants.md", "explain", "console").splitlines()
    words = line.removeprefix("$ flask sio-cors ").split()
    printed = run(names["app"], *words).output
    assert printed.startswith("\n".join(shown).partition("…")[0])


OWN, OWN_HERE = "https://acme.api.example.com", "https://chat.example.com"


def test_a_corrected_list_of_own_origins_keeps_those_at_other_policies_hosts():
    app = application(**POLICIES, SIO_CORS_OWN_ORIGINS=[OWN])
    answer = run_json(app, "explain", OWN_HERE, "--host", OWN_HERE.replace("https", "http"))
    assert answer["config"] == {"SIO_CORS_OWN_ORIGINS": [OWN, OWN_HERE]}


@pytest.mark.parametrize("host", ["http://localhost:5000", "http://many.example.com"])
def test_explain_never_makes_another_policys_own_page_an_own_one(host):
    for arguments in ([], ["--json"]):
        told = run(application(**POLICIES), "explain", OWN, "--host", host, *arguments).output
        assert "OWN_ORIGINS" not in told
