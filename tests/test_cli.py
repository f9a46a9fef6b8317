"""``flask sio-cors show`` and ``explain``, and ``sio-cors`` on a machine without the app."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, SioCors
from flask_sio_cors.cli import flask_group, main

FRIEND = "https://app.example.com"
STRANGER = "https://evil.example"


def application(**config: object) -> Flask:
    app = Flask("shop")
    app.config.update(config)
    SocketIO(app, async_mode="threading")
    SioCors(app)
    return app


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(flask_group, arguments)


def run_json(app: Flask, *arguments: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run(app, *arguments, "--json").stdout)
    return shown


# --- show -------------------------------------------------------------------------------------


def test_show_names_each_setting_its_value_and_where_it_came_from() -> None:
    app = application(SIO_CORS_ORIGINS=[FRIEND], CORS_MAX_AGE=600)
    settings = run_json(app, "show")["settings"]
    assert len(settings) == 13
    assert settings["ORIGINS"]["value"] == f"['{FRIEND}']"
    assert settings["ORIGINS"]["source"] == "SIO_CORS_ORIGINS"
    assert settings["MAX_AGE"]["value"] == "600"
    assert settings["MAX_AGE"]["source"] == "CORS_MAX_AGE"
    assert settings["METHODS"]["source"] == "default"
    assert all(shown["meaning"].endswith(".") for shown in settings.values())


def test_show_is_read_by_people() -> None:
    text = run(application(SIO_CORS_ORIGINS=[FRIEND]), "show").stdout
    assert f"SIO_CORS_ORIGINS                    ['{FRIEND}']\n" in text
    assert "SIO_CORS_SUPPORTS_CREDENTIALS       False  (default)\n" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"SIO_CORS_ORIGINS": "*"}, "Every site may connect"),
        ({"SIO_CORS_ORIGINS": ["null"]}, "null"),
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
    assert words in " ".join(run_json(application(**config), "show")["warnings"])


def test_show_warns_of_a_key_that_was_set_too_late() -> None:
    app = application()
    app.config["SIO_CORS_ORIGINS"] = [FRIEND]
    (warning,) = run_json(app, "show")["warnings"]
    assert "SIO_CORS_ORIGINS" in warning
    assert "reconfigure" in warning


def test_show_names_a_configured_function() -> None:
    settings = run_json(application(SIO_CORS_ORIGINS=only_friends), "show")["settings"]
    assert settings["ORIGINS"]["value"] == "tests.test_cli:only_friends"


def only_friends(origin: str) -> bool:
    return origin == FRIEND


def test_without_the_extension_the_commands_say_what_to_add() -> None:
    result = run(Flask("bare"), "show")
    assert result.exit_code == 1
    assert "SioCors(app)" in result.stderr


# --- explain ----------------------------------------------------------------------------------

LISTED = {"SIO_CORS_ORIGINS": [FRIEND, "https://*.preview.example.com"]}
COOKIES = {**LISTED, "SIO_CORS_SUPPORTS_CREDENTIALS": True}


@pytest.mark.parametrize(
    ("config", "arguments", "rule"),
    [
        (LISTED, [FRIEND], f"{FRIEND}, in SIO_CORS_ORIGINS"),
        (
            LISTED,
            ["https://a.b.preview.example.com"],
            "https://*.preview.example.com, in SIO_CORS_ORIGINS",
        ),
        ({"CORS_ORIGINS": [FRIEND]}, [FRIEND], f"{FRIEND}, in CORS_ORIGINS"),
        ({"SIO_CORS_ORIGINS": "*"}, [STRANGER], "SIO_CORS_ORIGINS = '*', every origin"),
        (
            {"SIO_CORS_ORIGINS": only_friends},
            [FRIEND],
            "the function in SIO_CORS_ORIGINS",
        ),
        (
            {},
            ["https://api.example.com", "--host", "https://api.example.com"],
            "same origin: the page comes from the server itself",
        ),
    ],
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_explain_names_the_rule_that_lets_an_origin_in(
    config: dict[str, object], arguments: list[str], rule: str, transport: str
) -> None:
    app = application(**config)
    result = run(app, "explain", *arguments, "--transport", transport)
    assert result.exit_code == 0, result.output
    assert run_json(app, "explain", *arguments, "--transport", transport)["rule"] == rule


@pytest.mark.parametrize(
    ("config", "arguments", "reason"),
    [
        (LISTED, [STRANGER], "CORS header ‘Access-Control-Allow-Origin’ missing"),
        (LISTED, [STRANGER, "--header", "X-Token"], "Access-Control-Allow-Origin’ missing"),
        (LISTED, [FRIEND, "--with-credentials"], "expected ‘true’"),
        (
            {"SIO_CORS_ORIGINS": "*"},
            [STRANGER, "--with-credentials"],
            "Credential is not supported",
        ),
        (LISTED, [FRIEND, "--method", "PUT"], "Did not find method"),
        (
            {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
            [FRIEND, "--header", "X-Token"],
            "header ‘x-token’ is not allowed",
        ),
        (COOKIES, ["http://intranet.example", "--with-credentials"], "missing"),
    ],
)
def test_the_line_that_explain_prints_lets_the_page_in(
    config: dict[str, object], arguments: list[str], reason: str
) -> None:
    app = application(**config)
    result = run(app, "explain", *arguments)
    assert result.exit_code == 1
    assert reason in " ".join(result.stdout.split())

    line = run_json(app, "explain", *arguments)["config"]
    mended = Flask("mended")
    mended.config.update(config)
    exec(line, {"app": mended})
    SocketIO(mended, async_mode="threading")
    SioCors(mended)
    again = run(mended, "explain", *arguments)
    if arguments[0].startswith("http://"):
        # Two lines are wanted, one after the other: the origin, and that it may be insecure.
        exec(run_json(mended, "explain", *arguments)["config"] or "", {"app": mended})
        mended.extensions["sio_cors"].reconfigure(mended)
        again = run(mended, "explain", *arguments)
    assert again.exit_code == 0, again.output


def test_explain_takes_the_opaque_origin() -> None:
    assert run(application(SIO_CORS_ORIGINS=["null"]), "explain", "null").exit_code == 0
    assert run(application(**LISTED), "explain", "null").exit_code == 1


def test_explain_judges_by_the_trusted_hosts() -> None:
    app = application(**LISTED, TRUSTED_HOSTS=["api.example.com"])
    assert run(app, "explain", FRIEND).exit_code == 0
    result = run(app, "explain", FRIEND, "--host", "other.example")
    assert result.exit_code == 1
    assert "TRUSTED_HOSTS" in result.stdout


def test_a_refusal_is_explained_alike_in_the_command_the_log_and_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = application(**LISTED)
    why = run_json(app, "explain", STRANGER)["explanation"]
    app.debug = True  # after the command, which sets it as FLASK_DEBUG says
    with caplog.at_level(logging.WARNING, "flask_sio_cors"):
        answer = app.test_client().get(
            "/socket.io/?EIO=4&transport=polling", headers={"Origin": STRANGER}
        )
    assert answer.json is not None
    assert answer.json["message"] == why
    assert why in caplog.text


def test_a_configuration_error_is_shown_without_a_traceback() -> None:
    with pytest.raises(ConfigError):
        application(SIO_CORS_ORIGINS=["example.com"])


# --- sio-cors ---------------------------------------------------------------------------------


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_the_extension_imports_nothing_of_the_doctor() -> None:
    code = """if 1:
        import sys, flask_socketio
        before = set(sys.modules)
        import flask_sio_cors
        new = set(sys.modules) - before
        doctors = {"flask_sio_cors.doctor", "flask_sio_cors.cli", "urllib3", "websocket"}
        sys.exit(", ".join(new & doctors) or 0)
    """
    done = python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("absent", ["urllib3", "websocket"])
def test_without_the_extra_the_doctor_says_what_to_install(absent: str) -> None:
    code = f"""if 1:
        import sys
        sys.modules[{absent!r}] = None
        from flask_sio_cors.cli import main
        main()
    """
    done = python(code, "doctor", "http://127.0.0.1:1", "--origin", FRIEND)
    assert done.returncode == 1
    assert 'pip install "Flask-SIO-CORS[doctor]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_console_script_has_the_doctor_alone() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert "doctor" in result.output
    assert "explain  " not in result.output


def test_flask_finds_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "tests.test_cli:create_app", "sio-cors", "show"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert FRIEND in done.stdout


def create_app() -> Flask:
    return application(SIO_CORS_ORIGINS=[FRIEND])


def test_a_path_without_its_first_slash_is_read_as_with_it() -> None:
    command = ["doctor", "http://127.0.0.1:9", "--origin", FRIEND, "--path", "socket.io", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert json.loads(result.output)["path"] == "/socket.io"
