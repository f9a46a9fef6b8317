"""``flask sio-cors show`` and ``explain``, and ``sio-cors`` on a machine without the app."""

import http.client
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask_socketio import SocketIO, emit

from flask_sio_cors import SioCors
from flask_sio_cors.cli import flask_group, main
from tests.conftest import RunClients
from tests.support.broken_servers import free_port, listening, saying, serving, silent
from tests.support.clients import page

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


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_show_is_read_by_people(columns: int) -> None:
    many = [f"https://customer-{n}.example.com" for n in range(400)]
    app = application(SIO_CORS_ORIGINS=many, TRUSTED_HOSTS=["api.example.com"])
    runner = app.test_cli_runner(env={"COLUMNS": str(columns)})
    text = runner.invoke(flask_group, ["show"]).stdout
    assert "SIO_CORS_ORIGINS\n    ['https://customer-0.example.com'," in text
    assert f"({len(repr(many))} characters)" in text.replace("\n    ", " ")
    assert "SIO_CORS_SUPPORTS_CREDENTIALS       False  (default)\n" in text
    assert "TRUSTED_HOSTS                       ['api.example.com']\n" in text
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"SIO_CORS_ORIGINS": "*"}, "Every site may connect"),
        ({"SIO_CORS_ORIGINS": "*"}, "by WebSocket even with its visitors' cookies"),
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
    assert words.lower() in " ".join(run_json(application(**config), "show")["warnings"]).lower()


@pytest.mark.parametrize(
    ("config", "name", "meaning"),
    [
        ({"SIO_CORS_MAX_AGE": 0}, "MAX_AGE", "Browsers keep no preflight's answer"),
        ({"SIO_CORS_MAX_AGE": 1}, "MAX_AGE", "for 1 second."),
        ({"SIO_CORS_MAX_AGE": 86400}, "MAX_AGE", "for 86400 seconds, Chromium for 7200."),
        ({"SIO_CORS_EXPOSE_HEADERS": "*"}, "EXPOSE_HEADERS", "Pages may read all headers"),
        ({"SIO_CORS_ALLOW_HEADERS": "*"}, "ALLOW_HEADERS", "Authorization by its name"),
        ({"SIO_CORS_METHODS": ["PUT"]}, "METHODS", "with PUT; GET and POST, all that Socket.IO"),
        ({"SIO_CORS_ORIGINS": "*"}, "ORIGINS", "by polling without cookies"),
    ],
)
def test_show_says_what_a_value_means(config: dict[str, object], name: str, meaning: str) -> None:
    assert meaning in run_json(application(**config), "show")["settings"][name]["meaning"]


def test_show_gives_a_set_as_it_is_written() -> None:
    shown = run_json(application(SIO_CORS_ORIGINS={FRIEND}), "show")["settings"]["ORIGINS"]
    assert shown["value"] == f"{{'{FRIEND}'}}"


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
    assert "SIO_CORS_ORIGINS" in warning
    assert "reconfigure" in warning


@pytest.mark.parametrize("key", ["SIO_CORS_ORIGINS", "CORS_ORIGINS"])
def test_show_tells_what_is_in_force_of_a_list_that_was_changed_too_late(key: str) -> None:
    app = application(**{key: [FRIEND]})
    app.config[key].append(STRANGER)
    shown = run_json(app, "show")
    assert shown["settings"]["ORIGINS"]["value"] == f"['{FRIEND}']"
    (warning,) = shown["warnings"]
    assert warning.startswith(f"{key} was changed")

    app.config[key] = "*"
    assert len(run_json(app, "show")["warnings"]) == 1
    app.extensions["sio_cors"].reconfigure(app)
    assert run_json(app, "show")["settings"]["ORIGINS"]["value"] == "'*'"


def test_show_warns_of_preflights_that_nobody_answers() -> None:
    app = application(SIO_CORS_ORIGINS=[FRIEND], SIO_CORS_PREFLIGHT_CONTINUE=True)
    assert "no route" in run_json(app, "show")["warnings"][0]
    app.add_url_rule("/socket.io/", "preflight", lambda: "", methods=["OPTIONS"])
    assert run_json(app, "show")["warnings"] == []


def test_show_gives_machines_the_whole_value() -> None:
    many = [f"https://customer-{n}.example.com" for n in range(400)]
    value = run_json(application(SIO_CORS_ORIGINS=many), "show")["settings"]["ORIGINS"]["value"]
    assert value == repr(many)


def test_show_names_a_configured_function() -> None:
    settings = run_json(application(SIO_CORS_ORIGINS=only_friends), "show")["settings"]
    assert settings["ORIGINS"]["value"] == "tests.test_cli:only_friends"


def only_friends(origin: str) -> bool:
    return origin == FRIEND


def test_without_the_extension_the_commands_say_what_to_add() -> None:
    for arguments in (["show"], ["explain", FRIEND]):
        result = run(Flask("bare"), *arguments)
        assert result.exit_code == 2
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


EXPRESSION = re.compile(r"https://pr-\d+\.example\.com")
COOKIE_EXPRESSION = {"SIO_CORS_ORIGINS": EXPRESSION, "SIO_CORS_SUPPORTS_CREDENTIALS": True}
MANY = [f"https://customer-{n}.example.com" for n in range(40)]
INTRANET = "http://intranet.example"
CREDENTIALS = "--with-credentials"


def any_but_null(origin: str) -> bool:
    return origin != "null"


#: What is configured, what is asked, and what the refusal says.
MENDED: dict[str, tuple[dict[str, object], list[str], str]] = {
    "nothing set": ({}, [STRANGER], "SIO_CORS_ORIGINS is not set"),
    "empty list": ({"SIO_CORS_ORIGINS": []}, [STRANGER], "SIO_CORS_ORIGINS is empty"),
    "false, as an environment says it": ({"SIO_CORS_ORIGINS": "false"}, [STRANGER], "is empty"),
    "exact": (LISTED, [STRANGER], "CORS header ‘Access-Control-Allow-Origin’ missing"),
    "exact, tuple": ({"SIO_CORS_ORIGINS": (FRIEND,)}, [STRANGER], "missing"),
    "exact, set": ({"SIO_CORS_ORIGINS": {FRIEND}}, [STRANGER], "missing"),
    "exact, text": ({"SIO_CORS_ORIGINS": f"{FRIEND},https://b.example"}, [STRANGER], "missing"),
    "long list": ({"SIO_CORS_ORIGINS": MANY}, [STRANGER], "missing"),
    "long text": ({"SIO_CORS_ORIGINS": ", ".join(MANY)}, [STRANGER], "missing"),
    "wildcard": ({"SIO_CORS_ORIGINS": "https://*.example.com"}, ["https://example.com"], "none of"),
    "any port": ({"SIO_CORS_ORIGINS": "http://localhost:*"}, ["http://[::1]:3000"], "none of"),
    "expression": ({"SIO_CORS_ORIGINS": EXPRESSION}, [STRANGER], "from end to end"),
    "expressions": ({"SIO_CORS_ORIGINS": [FRIEND, EXPRESSION]}, [STRANGER], "from end to end"),
    "Flask-CORS": ({"CORS_ORIGINS": [FRIEND]}, [STRANGER], "none of those in CORS_ORIGINS"),
    "Flask-CORS, long": ({"CORS_ORIGINS": MANY}, [STRANGER], "none of those in CORS_ORIGINS"),
    "preflight": (LISTED, [STRANGER, "--header", "X-Token"], "OPTIONS"),
    "WebSocket": (LISTED, [STRANGER, "--transport", "websocket"], "opens no WebSocket"),
    "credentials": (LISTED, [FRIEND, CREDENTIALS], "expected ‘true’"),
    "credentials of a stranger": (LISTED, [STRANGER, CREDENTIALS], "missing"),
    "credentials and *": ({"SIO_CORS_ORIGINS": "*"}, [STRANGER, CREDENTIALS], "not supported"),
    "credentials and True": ({"SIO_CORS_ORIGINS": True}, [STRANGER, CREDENTIALS], "expected"),
    "credentials and a function": (
        {"SIO_CORS_ORIGINS": any_but_null},
        [FRIEND, CREDENTIALS],
        "expected ‘true’",
    ),
    "scheme": (
        LISTED,
        ["http://app.example.com"],
        f"'{FRIEND}' is allowed; this page comes by http:",
    ),
    "port, of many": (
        {"SIO_CORS_ORIGINS": [*MANY, "http://localhost:3000"]},
        ["http://localhost:5173"],
        "this page comes from port 5173",
    ),
    "scheme, of an expression": (
        {"SIO_CORS_ORIGINS": EXPRESSION},
        ["http://pr-7.example.com"],
        "this page comes by http:",
    ),
    "null": (LISTED, ["null"], "so that whoever lets it in lets every site in"),
    "null, and nothing set": ({}, ["null"], "# lets every site in"),
    "insecure": (COOKIES, [INTRANET, CREDENTIALS], "not encrypted"),
    "insecure, and it asks without": (COOKIES, [INTRANET], "not encrypted"),
    "insecure, and credentials not allowed": (LISTED, [INTRANET, CREDENTIALS], "missing"),
    "insecure, let in by a function": (
        {"SIO_CORS_ORIGINS": any_but_null, "SIO_CORS_SUPPORTS_CREDENTIALS": True},
        [INTRANET],
        "not encrypted",
    ),
    "insecure, and * so far": ({"SIO_CORS_ORIGINS": "*"}, [INTRANET, CREDENTIALS], "‘*’"),
    "method": (LISTED, [FRIEND, "--method", "PUT"], "Did not find method"),
    "header": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
        [FRIEND, "--header", "X-Token: 1"],
        "header ‘x-token’ is not allowed",
    ),
    "header of Flask-CORS": (
        {**LISTED, "CORS_ALLOW_HEADERS": "X-More"},
        [FRIEND, "--header", "X-Token"],
        "header ‘x-token’ is not allowed",
    ),
    "no header listed": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": []},
        [FRIEND, "--header", "X-Token", "--header", "X-More"],
        "header ‘x-more’ is not allowed",
    ),
    "method, header and credentials": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
        [STRANGER, CREDENTIALS, "--method", "DELETE", "--header", "X-Token"],
        "missing",
    ),
    "host": ({**LISTED, "TRUSTED_HOSTS": ["a.example"]}, [FRIEND, "--host", "b.example"], "400"),
    "host, as a text, and origin": (
        {**LISTED, "TRUSTED_HOSTS": ".a.example"},
        [STRANGER, "--host", "b.example:5000"],
        "TRUSTED_HOSTS = ['.a.example']",
    ),
    "preflight left to nobody": (
        {**LISTED, "SIO_CORS_PREFLIGHT_CONTINUE": True},
        [FRIEND, "--header", "X-Token"],
        "preflight response did not succeed",
    ),
}


@pytest.mark.parametrize(("config", "arguments", "words"), MENDED.values(), ids=MENDED)
def test_the_lines_that_explain_prints_let_the_page_in(
    config: dict[str, object], arguments: list[str], words: str
) -> None:
    app = application(**config)
    result = run(app, "explain", *arguments)
    assert result.exit_code == 1
    assert words in " ".join(result.stdout.split())

    mended = Flask("mended")
    mended.config.update(config)
    exec(run_json(app, "explain", *arguments)["config"], {"app": mended})
    SocketIO(mended, async_mode="threading")
    SioCors(mended)
    again = run(mended, "explain", *arguments)
    assert again.exit_code == 0, again.output


#: What a client's options cannot ask for, and what is judged by another host than a test's.
NOT_A_CLIENTS = ("--method", "--host")
CONNECTED = {name: case for name, case in MENDED.items() if not set(NOT_A_CLIENTS) & set(case[1])}


@pytest.mark.parametrize(
    ("config", "arguments"), [c[:2] for c in CONNECTED.values()], ids=CONNECTED
)
def test_the_lines_that_explain_prints_let_a_client_connect(
    config: dict[str, object], arguments: list[str], run_clients: RunClients
) -> None:
    lines = run_json(application(**config), "explain", *arguments)["config"]
    origin, *words = arguments
    options: dict[str, object] = {"withCredentials": CREDENTIALS in words}
    names = [words[n + 1] for n, word in enumerate(words) if word == "--header"]
    options["extraHeaders"] = dict.fromkeys((name.partition(":")[0] for name in names), "1")
    if "websocket" in words:
        options["transports"] = ["websocket"]
    with serving(chat(config)) as before, serving(chat(config, lines)) as after:
        urls = [f"http://127.0.0.1:{port}" for port in (before, after)]
        refused, let_in = run_clients(*(page(url, origin, **options) for url in urls))
    assert not refused.connected
    assert let_in.connected, let_in


SHOWN = {
    "GET": (COOKIES, []),
    "preflight": ({**COOKIES, "SIO_CORS_MAX_AGE": 600}, ["--header", "X-Token"]),
    "every origin": ({"SIO_CORS_ORIGINS": "*", "SIO_CORS_EXPOSE_HEADERS": "*"}, []),
    "WebSocket": (LISTED, ["--transport", "websocket"]),
}


@pytest.mark.parametrize(("config", "options"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("origin", [FRIEND, STRANGER])
def test_the_headers_that_explain_prints_are_those_that_a_server_sends(
    config: dict[str, object], options: list[str], origin: str
) -> None:
    steps = run_json(application(**config), "explain", origin, *options)["requests"]
    with serving(chat(config)) as port:
        for step in steps:
            asked = {"Origin": origin}
            if "websocket" in step["request"]:
                key = {
                    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                    "Sec-WebSocket-Version": "13",
                }
                asked |= {"Upgrade": "websocket", "Connection": "Upgrade", **key}
            if step["outcome"] == "preflight" or step["request"].startswith("OPTIONS"):
                asked |= {
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": "x-token",
                }
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(*step["request"].split(), headers=asked)
            response = connection.getresponse()
            sent = [pair for pair in response.getheaders() if is_told(pair[0])]
            response.close()
            connection.close()
            assert sorted(sent) == sorted(map(tuple, step["headers"]))


def is_told(name: str) -> bool:
    return name.lower().startswith("access-control-") or name in ("Vary", "Cache-Control")


def chat(config: dict[str, object], lines: str = "") -> Any:
    """An application with this configuration, and these lines pasted below it."""
    app = Flask("chat")
    app.config.update(config)
    exec(lines, {"app": app})
    socketio = SocketIO(app, async_mode="threading")

    @socketio.on("echo")
    def echo(words: str) -> str:
        emit("echo", words)
        return words

    socketio.on_event("whoami", lambda: "nobody")
    SioCors(app)
    return app.wsgi_app


def fails(origin: str) -> bool:
    raise LookupError(origin)


#: What no line can let in: the configuration, the question, what to do instead.
HOPELESS: dict[str, tuple[dict[str, object], list[str], str]] = {
    "a function says no": (
        {"SIO_CORS_ORIGINS": only_friends},
        [STRANGER],
        "Let tests.test_cli:only_friends, in SIO_CORS_ORIGINS, return True",
    ),
    "a function says no, whatever else is missing": (
        {"SIO_CORS_ORIGINS": only_friends},
        [STRANGER, CREDENTIALS, "--header", "X-Token"],
        "return True",
    ),
    "a function fails": ({"SIO_CORS_ORIGINS": fails}, [FRIEND], "Mend tests.test_cli:fails"),
    "null with credentials": (COOKIES, ["null"], "Serve the page by http: or https:"),
    "null that asks with credentials": (LISTED, ["null", CREDENTIALS], "Serve the page"),
    "null, listed, that asks with credentials": (
        {"SIO_CORS_ORIGINS": ["null"]},
        ["null", CREDENTIALS],
        "Serve the page",
    ),
    "null, and everybody is let in": (
        {"SIO_CORS_ORIGINS": "*"},
        ["null", CREDENTIALS],
        "Serve the page",
    ),
    "a file with credentials": (COOKIES, ["file://"], "Serve the page"),
    "an expression that means null": (
        {**COOKIE_EXPRESSION, "SIO_CORS_ORIGINS": re.compile("null|https://a\\.example")},
        ["null"],
        "Serve the page",
    ),
    "an IPv6 address among the trusted hosts": (
        {**LISTED, "TRUSTED_HOSTS": ["a.example"]},
        [FRIEND, "--host", "[::1]:5000"],
        "takes no IPv6 address",
    ),
    "credentials beside null": (
        {"SIO_CORS_ORIGINS": [FRIEND, "null"]},
        [FRIEND, CREDENTIALS],
        'SIO_CORS_SUPPORTS_CREDENTIALS = True is needed, and cannot go with "null"',
    ),
    "credentials beside an insecure origin": (
        {"SIO_CORS_ORIGINS": [FRIEND, INTRANET]},
        [FRIEND, CREDENTIALS],
        f"First mend SIO_CORS_ORIGINS: '{INTRANET}' is not encrypted",
    ),
    "a server's header among the page's": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
        [FRIEND, "--header", "Access-Control-Allow-Origin"],
        "Leave Access-Control-Allow-Origin out of the client's extraHeaders",
    ),
}


@pytest.mark.parametrize(("config", "arguments", "instead"), HOPELESS.values(), ids=HOPELESS)
def test_where_no_line_helps_explain_says_what_to_do_instead(
    config: dict[str, object], arguments: list[str], instead: str
) -> None:
    app = application(**config)
    result = run(app, "explain", *arguments)
    assert result.exit_code == 1
    answer = run_json(app, "explain", *arguments)
    assert answer["config"] is None
    assert instead in answer["instead"]
    assert "Instead" in result.stdout


def test_what_was_configured_too_late_is_not_proposed_once_more() -> None:
    app = application()
    app.config["SIO_CORS_ORIGINS"] = [FRIEND]
    answer = run_json(app, "explain", FRIEND)
    assert answer["config"] is None
    assert "reconfigure" in answer["instead"]


def test_a_route_that_answers_preflights_lets_them_pass() -> None:
    app = application(**LISTED, SIO_CORS_PREFLIGHT_CONTINUE=True)
    app.add_url_rule("/<path:path>", "preflight", lambda path: "", methods=["OPTIONS"])
    result = run(app, "explain", FRIEND, "--header", "X-Token")
    assert result.exit_code == 0
    assert "as the application's route answers" in result.stdout


def test_explain_names_the_function_that_is_asked_at_the_handshake() -> None:
    app = application(**LISTED, SIO_CORS_ALLOW_REQUEST=lambda request: False)
    assert (
        "SIO_CORS_ALLOW_REQUEST is asked as well" in run_json(app, "explain", FRIEND)["explanation"]
    )


def test_a_refused_websocket_is_not_accepted_by_the_browser() -> None:
    app = application(**LISTED)
    (asked,) = run_json(app, "explain", STRANGER, "--transport", "websocket")["requests"]
    assert asked["accepted"] is False


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("api.example.com", "http://api.example.com"),
        ("API.example.com:80", "http://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("wss://api.example.com:8443", "https://api.example.com:8443"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("bücher.example", "http://xn--bcher-kva.example"),
    ],
)
def test_a_host_is_read_as_people_write_it(host: str, server: str) -> None:
    app = application(**LISTED)
    assert run_json(app, "explain", FRIEND, "--host", host)["host"] == server
    assert run(app, "explain", server, "--host", host).exit_code == 0


@pytest.mark.parametrize(
    "host",
    [
        "",
        "[::1",
        "a:99999",
        "a:x",
        "a b",
        "a\nb",
        "ftp://a",
        "http://",
        "//",
        "*.a",
        "a\x1b",
    ],
)
def test_what_is_no_host_is_told(host: str) -> None:
    result = run(application(**LISTED), "explain", FRIEND, "--host", host)
    assert result.exit_code == 2
    assert "Write it like api.example.com" in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize("config", [{}, LISTED], ids=["nothing set", "others listed"])
def test_a_page_that_is_nearly_the_servers_own_is_told_so(config: dict[str, object]) -> None:
    app = application(**config)
    why = run_json(app, "explain", "http://127.0.0.1:5000")["explanation"]
    assert "those of http://localhost:5000 (see --host); this one comes from 127.0.0.1." in why
    why = run_json(app, "explain", "https://a.example", "--host", "a.example")["explanation"]
    assert "this one comes by https:." in why
    assert "--host" not in run_json(app, "explain", "http://localhost:3000")["explanation"]


def test_explain_takes_the_opaque_origin() -> None:
    assert run(application(SIO_CORS_ORIGINS=["null"]), "explain", "null").exit_code == 0
    assert run(application(**LISTED), "explain", "null").exit_code == 1


@pytest.mark.parametrize("path", ["file:///home/ada/index.html", "file:C:/index.html"])
def test_a_page_that_is_a_file_is_no_origin(path: str) -> None:
    result = run(application(**LISTED), "explain", path)
    assert result.exit_code == 2
    assert "browsers send the origin null for those. Write null" in result.stderr


def test_lines_that_read_the_configuration_belong_below_it() -> None:
    shown = run(application(SIO_CORS_ORIGINS=MANY), "explain", STRANGER).stdout
    assert "above SioCors(app), and below what sets it so far." in shown
    assert "above SioCors(app)." in run(application(**LISTED), "explain", STRANGER).stdout


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


# --- What is asked ----------------------------------------------------------------------------

ASKING = {
    "explain": [flask_group, ["explain", FRIEND]],
    "doctor": [main, ["doctor", "http://127.0.0.1:9", "--origin", FRIEND]],
}


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--header=X Token", "is no name of a header"),
        ("--header=", "is no name of a header"),
        ("--header=X-Tökën: 1", "is no name of a header"),
        ("--header=X-Token\x1b[31m", "'X-Token\\x1b[31m' is no name of a header"),
        ("--header=X-Token: a\r\nHost: b", "line break"),
        ("--header=X-Token: \0", "line break"),
        ("--header=X-Token: \udcff", "beyond U+00FF"),
        ("--header=X-Token: 日本", "beyond U+00FF"),
        ("--header=Cookie: a=b", "Cookie is a header that only the browser sets"),
        ("--header=cookie", "come with --with-credentials"),
        ("--header=Origin: https://a.example", "only the browser sets"),
        ("--header=Host: a.example", "only the browser sets"),
        ("--header=Content-Length: 1", "only the browser sets"),
        ("--header=Sec-Fetch-Site: none", "only the browser sets"),
        ("--header=Proxy-Authorization: x", "only the browser sets"),
        ("--method=PU T", "is no method"),
        ("--method=", "is no method"),
        ("--method=PUT\r\n", "is no method"),
        ("--method=CONNECT", "browsers forbid"),
        ("--method=trace", "browsers forbid"),
        ("--method=patch", "Write PATCH, on the page too"),
    ],
)
def test_what_no_page_can_send_is_not_blamed_on_the_server(
    command: str, option: str, words: str
) -> None:
    group, arguments = ASKING[command]
    runner = application(**LISTED).test_cli_runner()
    result = runner.invoke(group, [*arguments, option])
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize(
    "options",
    [["--method=put"], ["--method=M-SEARCH"], ["--header=X-Token: é"], ["--header=Accept"]],
    ids="".join,
)
def test_what_a_page_can_send_is_asked(command: str, options: list[str]) -> None:
    group, arguments = ASKING[command]
    result = application(**LISTED).test_cli_runner().invoke(group, [*arguments, *options])
    assert result.exit_code in (0, 1)
    assert isinstance(result.exception, (SystemExit, type(None)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["http://[::1"], "is no address"),
        (["http://a.example:99999"], "is no address"),
        (["https:/a.example"], "is no address"),
        (["https://"], "is no address"),
        (["http://a\udcff.example"], "is no address"),
        (["file:///etc/passwd"], "names no host"),
        ([f"http://a.example/{'x' * 9000}"], "is longer than the 8000 characters that io() takes"),
        (["http://a.example", "--path=/a?b"], "holds “?”, where an address's path ends"),
        (["http://a.example", "--path=/a#b"], "holds “#”, where an address's path ends"),
        (["http://a.example", "--path=http://a.example/socket.io"], "does not start with a slash"),
        (["http://a.example", "--path=/\udcff"], "cannot stand in an address"),
        (["http://a.example", "--origin=https://*.a.example"], "is a pattern"),
        (["http://a.example", "--origin=\udcff"], "location.origin"),
        (["http://a.example", "--origin=https://a.example:99999"], "location.origin"),
    ],
)
def test_what_is_no_address_is_told_in_the_terms_of_its_user(
    arguments: list[str], words: str
) -> None:
    result = CliRunner().invoke(main, ["doctor", f"--origin={FRIEND}", "--json", *arguments])
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


# --- The terminal ------------------------------------------------------------------------------

PROGRAM = [sys.executable, "-c", "from flask_sio_cors.cli import main; main()", "doctor"]
HOSTILE = "\x1b]0;pwned\x07\x1b[31m\x9b2J\u202e"


def hostile_server() -> Any:
    bytes_sent = HOSTILE.replace("\u202e", "").encode("latin-1")
    return listening(
        saying(
            b"HTTP/1.1 502 Bad" + bytes_sent + b"\r\nServer: " + bytes_sent + b"\r\n"
            b"Access-Control-Allow-Origin: https://" + bytes_sent + b"\r\n"
            b"Content-Length: 90\r\n\r\n" + HOSTILE.encode().ljust(90)
        )
    )


def hostile_redirect() -> Any:
    location = b"Location: ftp://a/\x1b[31m\x9b\r\n"
    return listening(
        saying(b"HTTP/1.1 302 \x1b[31m\r\nAccess-Control-Allow-Origin: *\r\n" + location + b"\r\n")
    )


@pytest.mark.parametrize(
    "server", [hostile_server, hostile_redirect, lambda: listening(saying(b"\x1b[31m\x9b\r\n"))]
)
def test_what_a_server_sends_does_not_reach_the_terminal_as_it_is(server: Any) -> None:
    with server() as port:
        command = ["doctor", f"http://127.0.0.1:{port}", "--origin", FRIEND]
        text = CliRunner().invoke(main, command, color=False)
        machines = CliRunner().invoke(main, [*command, "--json"])
    assert text.exit_code == machines.exit_code == 1
    odd = {c for c in text.output + machines.output if not c.isprintable()}
    assert odd == {"\n"}
    assert "\\x1b[31m" in text.output
    proof = json.loads(machines.stdout)["findings"][0]["proof"]
    assert any("\x1b[31m" in line or "\\x1b[31m" in line for line in proof)


def test_machines_get_a_servers_headers_as_they_came() -> None:
    with hostile_server() as port:
        command = ["doctor", f"http://127.0.0.1:{port}", "--origin", FRIEND, "--json"]
        report = json.loads(CliRunner().invoke(main, command).stdout)
    (line,) = (line for line in report["findings"][0]["proof"] if line.startswith("< Server"))
    assert line == f"< Server: {HOSTILE[:-1]}"


@contextmanager
def in_a_terminal(*arguments: str, **environment: str) -> Iterator[tuple[Any, int]]:
    """Run the doctor in a terminal of 80 columns; yields the process and the terminal's end."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, "COLUMNS": "80", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, words: str) -> str:
    """Read what a terminal shows up to some words, or to its end."""
    text = b""
    with suppress(OSError):
        while words.encode() not in text and (chunk := os.read(terminal, 65536)):
            text += chunk
    return text.decode()


END = "\0 never printed"


def test_a_terminal_shows_progress_and_colours() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with in_a_terminal(url, "--origin", FRIEND) as (process, terminal):
        shown = read_until(terminal, END)
        assert process.wait() == 1
    progress, _, report = shown.rpartition("\r\x1b[K")
    assert f"GET {url}/socket.io/?EIO=4" in progress
    assert all(len(line) < 80 for line in re.split(r"\r\x1b\[K", progress))
    assert "\x1b[31m\x1b[1mBROKEN" in report


def test_no_color_is_heeded() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with in_a_terminal(url, "--origin", FRIEND, NO_COLOR="1") as (_, terminal):
        shown = read_until(terminal, END)
    assert "BROKEN" in shown
    assert "\x1b" not in shown.replace("\r\x1b[K", "")


def test_an_interruption_leaves_no_traceback() -> None:
    with listening(silent) as port:
        arguments = (f"http://127.0.0.1:{port}", "--origin", FRIEND)
        with in_a_terminal(*arguments) as (process, terminal):
            shown = read_until(terminal, "GET http")
            process.send_signal(signal.SIGINT)
            shown += read_until(terminal, END)
            assert process.wait() == 130
    assert "Traceback" not in shown
    assert shown.endswith("\r\x1b[KInterrupted.\r\n")


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    url = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [*PROGRAM, url, "--origin", FRIEND], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_gets_what_it_can_show(encoding: str) -> None:
    command = [*PROGRAM, f"http://127.0.0.1:{free_port()}", "--origin", FRIEND]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (command, [*command, "--json"]):
        done = subprocess.run(arguments, env=environment, capture_output=True)
        assert done.returncode == 1, done.stderr
        assert done.stderr == b""
        done.stdout.decode(encoding)
    assert json.loads(done.stdout)["findings"][0]["id"] == "not-listening"


@pytest.mark.parametrize("command", [[], ["doctor"], ["explain"], ["show"]], ids=" ".join)
def test_help_names_the_exit_statuses(command: list[str]) -> None:
    result = CliRunner().invoke(flask_group, [*command, "--help"])
    assert result.exit_code == 0
    assert not command or "Exit status 0" in result.stdout


# --- An application that does not start -------------------------------------------------------

BROKEN_APP = """
from flask import Flask
from flask_socketio import SocketIO, emit
from flask_sio_cors import SioCors

app = Flask(__name__)
app.config["SIO_CORS_ORIGINS"] = ["example.com", "https://a.example/\\x1b[31m"]
app.config["SIO_CORS_MAX_AGE"] = "10 min"
app.config["CORS_METHODS"] = "GET,POST"
SocketIO(app)
SioCors(app)
"""


@pytest.mark.parametrize(
    "command", [["show"], ["show", "--json"], ["explain", FRIEND]], ids=" ".join
)
@pytest.mark.parametrize("is_factory", [False, True], ids=["module", "factory"])
def test_a_broken_configuration_is_told_without_a_traceback(
    command: list[str], is_factory: bool, tmp_path: Path
) -> None:
    source = BROKEN_APP
    if is_factory:
        source = "def create_app():\n" + re.sub("(?m)^", "    ", BROKEN_APP) + "\n    return app\n"
    (tmp_path / "shop.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop", "sio-cors", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: 3 problems in the CORS configuration:\n  1. SIO_CORS_OR")
    assert "      write: 'https://example.com'\n" in done.stderr
    assert "\x1b" not in done.stderr
    if command[0] == "show":
        assert re.search(r"\n  SIO_CORS_ORIGINS +problems 1, 2\n    \['example.com', ", done.stderr)
        assert re.search(r"\n  SIO_CORS_MAX_AGE +problem 3\n    '10 min'\n", done.stderr)
        assert re.search(r"\n  CORS_METHODS +fine by itself\n    'GET,POST'\n", done.stderr)
        assert done.stderr.endswith("  Everything else has its default.\n")
    else:
        assert "fine" not in done.stderr


@pytest.mark.parametrize("command", [["show"], ["explain", FRIEND]], ids=" ".join)
def test_without_an_application_flask_says_so(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "sio-cors", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Could not locate a Flask application" in done.stderr
    assert "Traceback" not in done.stderr


# --- sio-cors ---------------------------------------------------------------------------------


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_the_extension_imports_nothing_of_the_doctor() -> None:
    code = """if 1:
        import sys, flask_socketio
        before = set(sys.modules)
        import flask_sio_cors
        new = set(sys.modules) - before
        doctors = {"flask_sio_cors.doctor", "flask_sio_cors.cli", "urllib3", "websocket", "ada_url"}
        sys.exit(", ".join(new & doctors) or 0)
    """
    done = python(code)
    assert done.returncode == 0, done.stderr


ORDINARY = """https://example.com https://*.example.com http://localhost:* http://127.0.0.1:5000
http://[::1]:5000 null file:// capacitor://localhost http://example.com.:81"""


@pytest.mark.parametrize(
    ("listed", "asks"),
    [(ORDINARY, False), ("https://xn--bcher-kva.example", True), ("http://127.1", True)],
)
def test_the_url_parser_is_imported_only_where_something_is_misspelt_or_punycode(
    listed: str, asks: bool
) -> None:
    code = """if 1:
        import contextlib, sys
        from flask_sio_cors import ConfigError
        from flask_sio_cors.config.options import Options
        with contextlib.suppress(ConfigError):
            Options.from_config({"SIO_CORS_ORIGINS": sys.argv[1].split()})
        print("ada_url" in sys.modules)
    """
    assert python(code, listed).stdout.split() == [str(asks)]


@pytest.mark.parametrize("absent", ["urllib3", "websocket"])
def test_without_the_extra_the_doctor_says_what_to_install(absent: str) -> None:
    code = f"""if 1:
        import sys
        sys.modules[{absent!r}] = None
        from flask_sio_cors.cli import main
        main()
    """
    done = python(code, "doctor", "http://127.0.0.1:1", "--origin", FRIEND)
    assert done.returncode == 2
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


def test_a_path_without_its_first_slash_cannot_be_asked() -> None:
    command = ["doctor", "http://127.0.0.1:9", "--origin", FRIEND, "--path", "socket.io", "--json"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "Write '/socket.io', in the client too" in result.stderr
