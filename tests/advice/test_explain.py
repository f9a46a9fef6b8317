"""``flask sio-cors explain``: what would happen to a page, and the lines that let it in."""

import itertools
import logging
import re

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from tests.support.questions import (
    COOKIE_EXPRESSION,
    COOKIES,
    CREDENTIALS,
    FRIEND,
    INTRANET,
    LISTED,
    MANY,
    MENDED,
    STRANGER,
    application,
    fails,
    only_friends,
    run,
    run_json,
)


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
    assert run_json(app, "explain", *arguments, "--transport", transport)["rule"]["text"] == rule


@pytest.mark.parametrize(
    ("config", "origin", "host", "comes_in"),
    [
        ({"SIO_CORS_ORIGINS": FRIEND}, FRIEND, None, False),
        ({"SIO_CORS_ORIGINS": FRIEND, "SIO_CORS_SUPPORTS_CREDENTIALS": True}, FRIEND, None, True),
        ({"SIO_CORS_ORIGINS": FRIEND}, FRIEND, FRIEND, True),
        ({"SIO_CORS_ORIGINS": only_friends}, FRIEND, None, False),
        ({"SIO_CORS_ORIGINS": "*"}, STRANGER, None, False),
        ({"SIO_CORS_ORIGINS": "*"}, STRANGER, STRANGER, True),
        ({"CORS_ORIGINS": "*"}, STRANGER, None, False),
    ],
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_explain_says_what_becomes_of_cookies(
    config: dict[str, object], origin: str, host: str | None, comes_in: bool, transport: str
) -> None:
    asked = [origin, "--transport", transport, *(["--host", host] if host else [])]
    app = application(**config)
    told = "reach the application" if comes_in else "are left out"
    assert f"Cookies   {told}" in run(app, "explain", *asked).stdout
    assert run_json(app, "explain", *asked)["credentials"] is comes_in


def printed_block(output: str) -> str:
    """Return what stands beside Config, as somebody copies it."""
    _, _, behind = output.partition("\n  Config    ")
    first, *others = behind.splitlines()
    margin = " " * 12
    lines = itertools.takewhile(lambda line: line.startswith(margin), others)
    return "\n".join([first, *(line.removeprefix(margin) for line in lines)])


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
    exec(printed_block(result.stdout), {"app": mended})
    assert "\n".join(run_json(app, "explain", *arguments)["lines"]) in printed_block(result.stdout)
    SocketIO(mended, async_mode="threading")
    SioCors(mended)
    again = run(mended, "explain", *arguments)
    assert again.exit_code == 0, again.output


#: What no line can let in: the configuration, the question, what to do instead.
HOPELESS: dict[str, tuple[dict[str, object], list[str], str]] = {
    "a function says no": (
        {"SIO_CORS_ORIGINS": only_friends},
        [STRANGER],
        "Let tests.support.questions:only_friends, in SIO_CORS_ORIGINS, return True",
    ),
    "a function says no, whatever else is missing": (
        {"SIO_CORS_ORIGINS": only_friends},
        [STRANGER, CREDENTIALS, "--header", "X-Token"],
        "return True",
    ),
    "a function fails": (
        {"SIO_CORS_ORIGINS": fails},
        [FRIEND],
        "Mend tests.support.questions:fails",
    ),
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
    assert "--host" not in run_json(app, "explain", "http://localhost:3000")["explanation"]


@pytest.mark.parametrize("config", [{}, LISTED, {"SIO_CORS_ORIGINS": only_friends}])
def test_a_page_that_is_most_likely_the_servers_own_is_told_how_to_get_in(
    config: dict[str, object],
) -> None:
    app = application(**config)
    told = run_json(app, "explain", "https://a.example", "--host", "http://a.example")
    assert (
        "takes itself for http://a.example (see --host), and the page says https:"
        in (told["explanation"])
    )
    assert "X-Forwarded-Proto $scheme" in told["explanation"]
    assert told["lines"] == ['app.config["SIO_CORS_OWN_ORIGINS"] = ["https://a.example"]']
    named = application(**config, SIO_CORS_OWN_ORIGINS="https://a.example")
    for host in ([], ["--host", "http://up:5000"]):
        told = run_json(named, "explain", "https://a.example", *host)
        assert told["allowed"]
        assert told["rule"]["text"] == "same origin: the page comes from the server itself"


def test_explain_takes_the_opaque_origin() -> None:
    assert run(application(SIO_CORS_ORIGINS=["null"]), "explain", "null").exit_code == 0
    assert run(application(**LISTED), "explain", "null").exit_code == 1


@pytest.mark.parametrize(
    ("address", "origin", "told"),
    [
        ("file:///home/ada/index.html", "null", "browsers send null for pages from files"),
        ("file:C:/index.html", "null", "browsers send null for pages from files"),
        ("file://", "null", "browsers send null for pages from files"),
        ("FILE:///C:/a%20b.html", "null", "browsers send null for pages from files"),
        ("about:blank", "null", "the origin of the page that opened it"),
        ("about:srcdoc", "null", "the origin of the page that opened it"),
        ("data:text/html,<p>hello", "null", "an origin that nobody shares"),
        ("blob:null/0-1", "null", "what made it has the origin null"),
        ("blob:https://app.example.com/0-1", FRIEND, "as browsers send it"),
        ("chrome-extension://abcdefgh/popup.html", "chrome-extension://abcdefgh", "browsers send"),
        ("null", "null", ""),
        ("capacitor://localhost", "capacitor://localhost", ""),
        ("tauri://localhost/index.html", "tauri://localhost", "as browsers send it"),
    ],
)
def test_explain_answers_for_what_browsers_send_for_a_page(
    address: str, origin: str, told: str
) -> None:
    app = application(**LISTED)
    assert run_json(app, "explain", address)["origin"] == origin
    assert told in run(app, "explain", address).stderr


@pytest.mark.parametrize(
    "message",
    [
        "Access to XMLHttpRequest at 'http://localhost:5000/socket.io/?EIO=4&transport=polling' "
        "from origin 'http://localhost:3000' has been blocked by CORS policy: No …",
        "http://localhost:3000 is not an accepted origin. (further occurrences …)",
        "Origin http://localhost:3000 is not allowed by Access-Control-Allow-Origin. Status: …",
        "WARNING in journal: Refused (origin-not-allowed): Only the server's own origin is "
        "allowed, because … To let 'http://localhost:3000' in, set it before: …",
        "Refused (origin-not-allowed): 'http://localhost:3000' is not in SIO_CORS_ORIGINS. 'http…'",
    ],
)
def test_explain_finds_the_origin_in_the_message_that_names_it(message: str) -> None:
    assert run_json(application(**LISTED), "explain", message)["origin"] == "http://localhost:3000"


def test_explain_takes_a_listed_file_for_the_web_view_that_sends_it() -> None:
    result = run(application(SIO_CORS_ORIGINS=["file://"]), "explain", "file://")
    assert result.exit_code == 0
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("origin", "elsewhere"),
    [
        ("capacitor://localhost", "on Android they have https://localhost"),
        ("https://localhost", "on iOS, Capacitor's have capacitor://localhost"),
        ("ionic://localhost", "http://localhost on Android"),
        ("tauri://localhost", "http://tauri.localhost"),
        ("app://bundle", "null where it was not"),
        ("app://localhost", "Cordova's apps may have app://localhost on iOS"),
        ("moz-extension://0f1e-2d", "Each installation of Firefox"),
        ("moz-extension://0f1e-2d", "'regex:moz-extension://[0-9a-f-]+' lets in all."),
        ("vscode-webview://0f1e", "VS Code gives each of its web views another name"),
        ("chrome-extension://abcdefgh", "a content script) has the page's origin"),
    ],
)
def test_explain_says_which_other_origins_an_app_has(origin: str, elsewhere: str) -> None:
    [note] = run_json(application(SIO_CORS_ORIGINS=[origin]), "explain", origin)["notes"]
    assert note["code"] == "app-elsewhere"
    assert elsewhere in note["text"]


def test_what_stands_for_names_that_nobody_knows_is_said_once() -> None:
    told = run(application(), "explain", "moz-extension://0f1e-2d").stdout
    assert " ".join(told.split()).count("gives an extension another name") == 1


def test_explain_says_that_a_program_does_not_get_in_by_the_address_of_its_socket() -> None:
    result = run(application(**LISTED), "explain", "wss://chat.example.com")
    assert "Taken for https://chat.example.com" in result.stderr
    assert "A program that sends 'wss://chat.example.com' is refused" in result.stderr


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
