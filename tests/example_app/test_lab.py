"""The example's lab: what it predicts, its editor and its recorder."""

import re

import pytest
from flask import Flask

from example_app import editor
from example_app.addresses import Addresses
from example_app.fetch_standard import Answer, cors_check, preflight_check
from example_app.lab import examples, predict_grid
from example_app.recorder import Recorder
from example_app.ways import Outcome
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.policy import Policy

EXAMPLES = examples(Addresses())
PAGE = "https://app.example"


# --- The Fetch standard -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "with_credentials", "wrong"),
    [
        ({}, False, "missing"),
        ({"origin": PAGE}, False, None),
        ({"origin": "https://other.example"}, False, "not https://app.example"),
        ({"origin": "*"}, False, None),
        ({"origin": "*", "credentials": "true"}, True, "does not go with credentials"),
        ({"origin": PAGE}, True, "Allow-Credentials is not true"),
        ({"origin": PAGE, "credentials": "True"}, True, "Allow-Credentials is not true"),
        ({"origin": PAGE, "credentials": "true"}, True, None),
    ],
)
def test_the_cors_check_is_the_fetch_standards(headers, with_credentials, wrong):
    found = cors_check(PAGE, with_credentials, allowing(**headers))
    assert found is None if wrong is None else wrong in found


@pytest.mark.parametrize(
    ("headers", "with_credentials", "wrong"),
    [
        ({}, False, "x-a is not in"),
        ({"headers": "X-A"}, False, None),
        ({"headers": "x-b, x-a"}, True, None),
        ({"headers": "*"}, False, None),
        ({"headers": "*"}, True, "x-a is not in"),
        ({"headers": "x-a", "methods": "DELETE"}, False, None),
    ],
)
def test_the_preflight_check_is_the_fetch_standards(headers, with_credentials, wrong):
    answer = allowing(origin=PAGE, credentials="true", **headers)
    found = preflight_check(PAGE, with_credentials, "POST", ["X-A"], answer)
    assert found is None if wrong is None else wrong in found


def test_a_wildcard_does_not_allow_the_authorization_header():
    answer = allowing(origin=PAGE, headers="*")
    assert preflight_check(PAGE, False, "GET", ["Authorization"], answer)


def test_a_preflight_that_is_no_success_does_not_pass():
    answer = allowing(origin=PAGE, headers="x-a")._replace(status=302)
    assert preflight_check(PAGE, False, "GET", ["X-A"], answer) == "the preflight's status is 302"


def allowing(**headers):
    return Answer(200, {f"access-control-allow-{name}": value for name, value in headers.items()})


# --- The predictions --------------------------------------------------------------------------


def predicted(form, **browser):
    policy = Policy(Options.from_config(editor.to_config(form)))
    grid = predict_grid(policy, Addresses(), **{"fetch_metadata": True, **browser})
    return {row: {way: cell.outcome for way, cell in cells.items()} for row, cells in grid.items()}


def test_without_a_policy_only_the_server_itself_connects():
    outcomes = predicted({})
    assert set(outcomes.pop("server").values()) == {Outcome.CONNECTED}
    assert {cell for cells in outcomes.values() for cell in cells.values()} == {Outcome.REFUSED}


def test_a_wildcard_lets_everything_in_but_credentials():
    outcomes = predicted({"ORIGINS": "*"})["site"]
    assert outcomes["polling"] is outcomes["websocket"] is Outcome.CONNECTED
    assert outcomes["credentials"] is outcomes["manual"] is Outcome.BLOCKED


def test_a_header_that_is_not_listed_is_blocked_by_the_browser():
    outcomes = predicted({"ORIGINS": Addresses().page, "ALLOW_HEADERS": "x-other"})["page"]
    assert outcomes["header"] is Outcome.BLOCKED
    assert outcomes["polling"] is Outcome.CONNECTED


def test_a_browser_without_fetch_metadata_gets_no_jsonp_even_on_the_servers_own_origin():
    assert predicted({}, fetch_metadata=False)["server"]["jsonp"] is Outcome.REFUSED


def test_an_allowed_page_that_is_named_in_a_no_cors_request_is_allowed_there_too():
    form = {"ORIGINS": Addresses().page}
    assert predicted(form)["page"]["no-cors"] is Outcome.REFUSED
    assert predicted(form, is_named=True)["page"]["no-cors"] is Outcome.CONNECTED
    assert predicted(form, is_named=True)["site"]["no-cors"] is Outcome.REFUSED


# --- The editor -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", EXAMPLES.values(), ids=EXAMPLES)
def test_a_form_that_was_read_is_shown_as_it_was(form):
    shown = editor.to_form(editor.to_config(form))
    assert {name: value for name, value in shown.items() if value} == form


@pytest.mark.parametrize("form", EXAMPLES.values(), ids=EXAMPLES)
def test_the_python_that_is_shown_makes_the_same_policy(form):
    app = Flask("shown")
    before = dict(app.config)
    exec(editor.to_source(editor.to_config(form)), {"app": app, "re": re})
    assert app.config == {**before, **editor.to_config(form)}


@pytest.mark.parametrize(
    "text",
    ["re.compile(", "re.compile()", "re.compile('(')", "re.compile(exit())", "re.compile(1)"],
)
def test_what_is_no_regular_expression_stays_a_text_that_the_policy_complains_about(text):
    assert editor.to_config({"ORIGINS": text}) == {"SIO_CORS_ORIGINS": [text]}


def test_the_recorder_remembers_what_was_answered_to_each_probe():
    recorder = Recorder()
    server = recorder.watch(answer_with("403 FORBIDDEN", [("Vary", "Origin"), ("Date", "today")]))
    ask(server, "probe=one", HTTP_ORIGIN=PAGE)
    ask(server, "")
    assert recorder.answers("one") == [
        {"method": "GET", "origin": PAGE, "status": 403, "headers": {"Vary": "Origin"}}
    ]
    assert recorder.answers("two") == []


def test_a_flood_of_probes_does_not_fill_the_recorders_memory():
    recorder = Recorder()
    server = recorder.watch(answer_with("200 OK", []))
    for number in range(5000):
        ask(server, f"probe={number}")
        ask(server, "probe=same")
    assert len(recorder.answers("same")) < 100
    assert recorder.answers("0") == []
    assert recorder.answers("4999")


def answer_with(status, headers):
    def wsgi_app(environ, start_response):
        start_response(status, headers)
        return []

    return wsgi_app


def ask(wsgi_app, query, **environ):
    start_response = lambda *_: None  # noqa: E731 - a WSGI server's function, of no interest
    wsgi_app({"REQUEST_METHOD": "GET", "QUERY_STRING": query, **environ}, start_response)
