"""Each problem has a code, which programs go by."""

import json
import re

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import Code, ConfigError, SioCors
from flask_sio_cors.config.options import SETTINGS
from tests.support import problem_codes
from tests.support.config_mistakes import MISTAKES
from tests.support.pages import block
from tests.support.pasting import problems_in

#: What no other table of mistakes has.
MORE = {
    Code.ORIGIN_SURROUNDED: {"ORIGINS": ["https://a.example # mine"]},
    Code.ORIGIN_EXCLUDED: {"ORIGINS": ["https://*.a.example", "!https://x.a.example"]},
    Code.ORIGIN_IS_PATH: {"ORIGINS": ["/socket.io"]},
    Code.IS_COMMENT: {"ORIGINS": "https://a.example # mine"},
    Code.FILE_HAS_HOST: {"ORIGINS": ["file://a.example"]},
    Code.ORIGIN_HAS_LINES: {"ORIGINS": ["https://a.example\r\nX: y"]},
    Code.HOST_MISSING: {"ORIGINS": ["https://:81"]},
    Code.ORIGIN_HAS_WIDE: {"ORIGINS": ["https://a.example\uff1a81"]},
    Code.HOST_HAS_COMMA: {"ORIGINS": ["https://a,com"]},
    Code.FUNCTION_MISSPELT: {"ORIGINS": ["operator.not_()"]},
    Code.REGEX_UPPER_CASE: {"ORIGINS": ["REGEX:https://a"]},
    Code.REGEX_INVALID: {"ORIGINS": ["regex:("]},
    Code.REGEX_SWALLOWS: {"ORIGINS": ["regex:https://a, https://b.example"]},
    Code.REGEX_UNFIT: {"ORIGINS": ["regex:(?=a)"]},
    Code.HEADER_IS_PATTERN: {"ALLOW_HEADERS": ["X-*"]},
    Code.POLICY_INVALID: {"POLICIES": {"acme": 1}},
    Code.HOSTS_INVALID: {"POLICIES": {"acme": {"HOSTS": ["https://a.example"]}}},
    Code.EXPOSE_HEADERS_INVALID: {"EXPOSE_HEADERS": 1},
    Code.POLICIES_INVALID: {"POLICIES": 1},
    Code.ORIGINS_STORE_INVALID: {"ORIGINS_STORE": "ftp://a"},
    Code.REPORT_ONLY_INVALID: {"REPORT_ONLY": "perhaps"},
    Code.OVERRIDE_INVALID: {"OVERRIDE": "perhaps"},
}


def codes_of(config):
    return {problem.code for problem in problems_in(config)}


@pytest.mark.parametrize(("code", "config"), MORE.items(), ids=map(str, MORE))
def test_a_mistake_has_its_code(code, config):
    assert codes_of({f"SIO_CORS_{key}": value for key, value in config.items()}) == {code}


def test_every_code_is_that_of_a_mistake():
    found = {code for mistake in MISTAKES for code in codes_of(mistake.config)}
    elsewhere = {Code.OPTION_CONFLICTS, Code.OPTION_UNKNOWN, Code.TRUSTED_HOSTS_INVALID}
    assert found | MORE.keys() | elsewhere == set(Code)


def test_what_stands_in_a_socketio_has_a_code():
    for option, code in (("cors_allowed_origins", "option-conflicts"), ("cors", "option-unknown")):
        app = Flask("given")
        SocketIO(app, async_mode="threading", **{option: "https://a.example"})
        with pytest.raises(ConfigError) as raised:
            SioCors(app)
        assert [problem.code for problem in raised.value.problems] == [code]
    assert codes_of({"TRUSTED_HOSTS": 5}) == {Code.TRUSTED_HOSTS_INVALID}


def test_every_setting_has_a_code_of_its_own():
    for setting in SETTINGS:
        assert Code(f"{setting.name.lower().replace('_', '-')}-invalid")


def test_a_code_is_a_text_for_programs():
    [problem] = problems_in({"SIO_CORS_ORIGINS": ["https://a.example/path"]})
    assert problem.code is Code.ORIGIN_HAS_PATH
    assert problem.code == "origin-has-path"
    assert f"{problem.code}" == str(problem.code) == json.loads(json.dumps(problem.code))
    assert all(re.fullmatch("[a-z0-9]+(?:-[a-z0-9]+)*", code) for code in Code)


def test_of_several_mistakes_in_one_value_the_first_gives_the_code():
    [problem] = problems_in({"SIO_CORS_ORIGINS": ["HTTPS://me@A.example/path"]})
    assert problem.code == "origin-has-user"


def test_the_page_lists_every_code_with_its_sentence():
    page = problem_codes.PAGE.read_text("utf-8")
    assert problem_codes.table() in page, "run python -m tests.support.problem_codes"


def test_the_portal_of_the_page_tells_customers_in_their_language():
    app = Flask("portal")
    SocketIO(app, async_mode="threading")
    cors = SioCors(app)
    exec(block("docs/problem-codes.md", "GERMAN"), {"app": app, "cors": cors})
    client = app.test_client()

    def entered(origin):
        answer = client.post("/origins", data={"origin": origin})
        return answer.status_code, answer.json

    assert entered("https://customer.example/shop") == (
        422,
        {
            "code": "origin-has-path",
            "told": "Nur bis zum Namen des Servers, ohne Pfad.",
            "instead": '"https://customer.example"',
        },
    )
    assert entered("customer.example")[1]["told"] == "Es fehlt https:// am Anfang."
    assert entered("self")[1]["code"] == "origin-is-own"
    assert entered("https://customer.example") == (201, {})
    assert "https://customer.example" in cors.policy(app).options.origins
