"""Every mistake in a configuration is found at start-up, explained, and its correction works."""

import subprocess
import sys

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, SioCors
from flask_sio_cors.config.options import Options
from tests.support.config_mistakes import CREDENTIALS, MISTAKES, ORIGINS
from tests.support.pasting import paste, problems_in

WELL_WRITTEN = """if 1:
    import sys
    from flask_sio_cors.config.options import Options
    text = "https://a.example, https://*.b.example, http://192.168.0.0/16:*, capacitor://localhost"
    for value in (text, text.split(", "), tuple(text.split(", ")), lambda origin: True):
        Options.from_config({"SIO_CORS_ORIGINS": value})
    print(*(name for name in sys.modules if name.endswith((".spelling", ".suffixes"))))
"""

each_mistake = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)


def test_at_least_a_hundred_mistakes_are_known_and_none_twice():
    assert len(MISTAKES) >= 100
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


def test_what_explains_mistakes_is_imported_where_there_is_one_alone():
    asked = [sys.executable, "-c", WELL_WRITTEN]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "\n"


@each_mistake
def test_a_mistake_is_explained_with_its_key_value_reason_and_correction(mistake):
    [problem] = problems_in(mistake.config)
    value = mistake.config[mistake.key] if mistake.value is ... else mistake.value
    assert problem.key == mistake.key
    assert problem.value == value or problem.value is True
    assert mistake.reason in problem.reason
    if mistake.correction is not None:
        assert problem.correction == mistake.correction


@each_mistake
def test_a_correction_works_when_it_is_pasted_back(mistake):
    [problem] = problems_in(mistake.config)
    assert problems_in(paste(mistake.config, problem)) == ()


def test_several_mistakes_are_reported_at_once_in_the_order_of_the_settings():
    config = {
        "SIO_CORS_MAX_AGE": "forever",
        "SIO_CORS_ORIGINS": ["https://A.example", "https://b.example/", "https://c.example"],
        "SIO_CORS_EXPOSED_HEADERS": ["X-A"],
        "SIO_CORS_SUPPORTS_CREDENTIALS": "perhaps",
        "SIO_CORS_METHODS": ["get", "TRACE"],
        "CORS_ALLOW_HEADERS": ["Host"],
    }
    found = [(problem.key, problem.value) for problem in problems_in(config)]
    assert found == [
        ("SIO_CORS_EXPOSED_HEADERS", ["X-A"]),
        (ORIGINS, "https://A.example"),
        (ORIGINS, "https://b.example/"),
        (CREDENTIALS, "perhaps"),
        ("CORS_ALLOW_HEADERS", "Host"),
        ("SIO_CORS_METHODS", "get"),
        ("SIO_CORS_METHODS", "TRACE"),
        ("SIO_CORS_MAX_AGE", "forever"),
    ]


def test_all_mistakes_of_one_list_are_reported_at_once_and_can_be_mended_one_by_one():
    listed = [m for m in MISTAKES if m.key == ORIGINS and len(m.config) == 1 and m.value is not ...]
    config = {ORIGINS: [mistake.value for mistake in listed]}
    problems = problems_in(config)
    assert len(problems) == len(listed) > 70
    for problem in problems:
        config = paste(config, problem)
    assert problems_in(config) == ()


def test_every_mistake_with_credentials_is_reported_beside_the_others():
    config = {
        ORIGINS: ["null", "http://*.co.uk", "https://*.github.io", "https://right.example"],
        CREDENTIALS: True,
        "SIO_CORS_EXPOSE_HEADERS": "*",
    }
    keys = [problem.key for problem in problems_in(config)]
    assert keys == [ORIGINS, ORIGINS, ORIGINS, CREDENTIALS, "SIO_CORS_EXPOSE_HEADERS"]


def test_the_error_says_what_was_found_why_it_cannot_work_and_what_to_write():
    with pytest.raises(ConfigError) as raised:
        Options.from_config({ORIGINS: ["https://A.example", ""], "SIO_CORS_METHOD": "GET"})
    assert str(raised.value) == (
        "3 problems in the CORS configuration:\n"
        "  1. SIO_CORS_METHOD: 'GET'\n"
        "      is no setting, so it would silently do nothing\n"
        "      write: SIO_CORS_METHODS\n"
        "  2. SIO_CORS_ORIGINS: 'https://A.example'\n"
        "      has upper-case letters in its host, which browsers send in lower case\n"
        '      write: "https://a.example"\n'
        "  3. SIO_CORS_ORIGINS: ''\n"
        "      is empty, and no origin is\n"
        "      leave it out"
    )


def test_a_single_mistake_is_one_problem_and_a_long_value_is_cut():
    with pytest.raises(ValueError, match=r"^1 problem in the CORS") as raised:
        Options.from_config({ORIGINS: [f"https://a.example/{'x' * 10_000}"]})
    assert max(map(len, str(raised.value).splitlines())) < 300


# --- Keys that are set in SocketIO(...) too ---------------------------------------------------


def install(config, **socketio_options):
    app = Flask("mistaken")
    app.config.update(config)
    SocketIO(app, async_mode="threading", **socketio_options)
    SioCors(app)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("cors_allowed_origins", "*", "decides in another place"),
        ("cors_allowed_origins", ["https://a.example"], "decides in another place"),
        ("cors_allowed_origins", [], "decides in another place"),
        ("cors_credentials", False, "decides in another place"),
        ("cors_allowed_origin", "*", "silently does nothing"),
        ("cors_origins", "*", "silently does nothing"),
        ("cors_max_age", 600, "silently does nothing"),
        ("cors", {"origin": "https://a.example"}, "silently does nothing"),
        ("origins", "*", "silently does nothing"),
        ("cor_allowed_origins", "*", "silently does nothing"),
    ],
)
def test_what_is_given_to_socketio_too_is_a_mistake_and_leaving_it_out_works(option, value, reason):
    config = {ORIGINS: ["https://a.example"]}
    with pytest.raises(ConfigError) as raised:
        install(config, **{option: value})
    [problem] = raised.value.problems
    assert problem.key == f"SocketIO({option}=…)"
    assert problem.value == value
    assert reason in problem.reason
    assert f"Remove {option}" in problem.reason
    # What is set already stays.
    assert problem.correction == ""
    install(config)


@pytest.mark.parametrize(
    ("option", "value", "lines"),
    [
        ("cors_allow_origins", "https://a.example", ['ORIGINS"] = ["https://a.example"]']),
        ("origins", ["a.example"], ['ORIGINS"] = ["https://a.example"]']),
        (
            "cors",
            {"origin": ["https://a.example"], "credentials": True},
            ['ORIGINS"] = ["https://a.example"]', 'SUPPORTS_CREDENTIALS"] = True'],
        ),
        ("cors", {"origin": "*"}, ['ORIGINS"] = "*"']),
        ("cors", {"origin": "*", "credentials": True}, []),
        ("cors", True, []),
        ("cors_max_age", 600, []),
    ],
)
def test_what_an_unknown_option_of_socketio_means_is_told_as_settings(option, value, lines):
    with pytest.raises(ConfigError) as raised:
        install({}, **{option: value})
    [problem] = raised.value.problems
    assert all(f'app.config["SIO_CORS_{line}' in problem.correction for line in lines)
    assert bool(lines) == bool(problem.correction) == bool(problem.place)
    app = Flask("pasted")
    exec(problem.correction, {"app": app})
    install(app.config)


def test_mistakes_in_socketio_and_in_the_config_are_reported_at_once():
    with pytest.raises(ConfigError) as raised:
        install(
            {ORIGINS: ["a.example"], "SIO_CORS_MAX_AGE": -1},
            cors_allowed_origins="*",
            cors_credentials=True,
        )
    assert [problem.key for problem in raised.value.problems] == [
        "SocketIO(cors_allowed_origins=…)",
        "SocketIO(cors_credentials=…)",
        ORIGINS,
        "SIO_CORS_MAX_AGE",
    ]


# --- Corrections that would themselves be mistakes with credentials ---------------------------


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("HTTP://APP.EXAMPLE.COM:80", '"https://app.example.com"'),
        ("app.example.com:80", '"https://app.example.com"'),
        ("https?://a.example", '"https://a.example"'),
        ("null, https://a.example", '"https://a.example"'),
        ("file:///index.html", '"https://app.example.com"'),
        ("https://*.github.io/", '"https://your-name.github.io"'),
        ("http://Localhost:80", '"http://localhost"'),
    ],
)
def test_a_correction_works_with_credentials_at_once(text, correction):
    config = {ORIGINS: [text], "SIO_CORS_SUPPORTS_CREDENTIALS": True}
    with pytest.raises(ConfigError) as raised:
        Options.from_config(config)
    [problem] = raised.value.problems
    assert problem.correction == correction
    Options.from_config({**config, ORIGINS: eval(f"[{correction}]")})


def test_half_a_name_makes_the_other_half_no_origin():
    with pytest.raises(ConfigError) as raised:
        Options.from_config({ORIGINS: ["https://exa mple.com"]})
    assert "mple.com'" not in raised.value.problems[0].correction.replace("example.com", "")
