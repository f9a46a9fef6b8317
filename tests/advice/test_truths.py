"""What ``show`` and ``explain`` tell beside the verdict: what CORS alone does not decide."""

import logging
from typing import Any

import pytest
from flask import current_app

from tests.support.questions import (
    COOKIES,
    CREDENTIALS,
    FRIEND,
    LISTED,
    application,
    only_friends,
    run,
    run_json,
)

ELSEWHERE = ["--host", "https://api.other.example"]
SAME_SITE = ["--host", "https://api.example.com"]
EVERY_SITE = {"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": True}


def codes(told: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in told]


def notes(config: dict[str, object], *arguments: str) -> list[str]:
    return codes(run_json(application(**config), "explain", *arguments)["notes"])


def warnings(config: dict[str, object]) -> list[str]:
    return codes(run_json(application(**config), "show")["warnings"])


# --- What is in the way of a request, whoever may connect --------------------------------------


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "HEAD"])
@pytest.mark.parametrize("methods", [["GET", "POST"], ["DELETE", "PUT", "PATCH"]])
def test_a_method_that_engineio_does_not_have_gets_nobody_in(
    method: str, methods: list[str]
) -> None:
    app = application(**LISTED, SIO_CORS_METHODS=methods)
    answer = run_json(app, "explain", FRIEND, "--method", method)
    assert answer["allowed"] is False
    assert answer["config"] is None
    assert "a route of the application" in answer["instead"]
    last = answer["requests"][-1]
    if not last["blocked"]:
        assert last["status"] == "405 Method Not Allowed"
    assert f"answers {method} with 405" in answer["explanation"]
    assert run(app, "explain", FRIEND, "--method", "POST").exit_code == 0


def test_show_says_which_of_the_methods_engineio_does_not_have() -> None:
    app = application(SIO_CORS_METHODS=["GET", "DELETE"])
    assert "Engine.IO answers DELETE with 405." in run(app, "show").stdout
    assert "405" not in run(application(), "show").stdout


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("host", ["http://api.example.com", "ws://api.example.com:5000"])
def test_what_an_https_page_asks_an_http_server_is_blocked(transport: str, host: str) -> None:
    asked = [FRIEND, "--host", host, "--transport", transport]
    for config in (LISTED, {"SIO_CORS_ORIGINS": only_friends}, {"SIO_CORS_ORIGINS": "*"}):
        answer = run_json(application(**config), "explain", *asked)
        assert answer["allowed"] is False
        assert answer["requests"][-1]["obstacle"] == "mixed-content"
        assert answer["requests"][-1]["headers"] == []
        assert "mixed content" in answer["explanation"]
        assert answer["config"] is None
        assert 'io("https://api.example.com' in answer["instead"]


@pytest.mark.parametrize("host", ["http://localhost:5000", "http://127.0.0.1:5000", "http://[::1]"])
def test_browsers_need_no_encryption_to_their_own_machine(host: str) -> None:
    assert run(application(**LISTED), "explain", FRIEND, "--host", host).exit_code == 0


def test_where_the_scheme_is_not_known_explain_says_what_hangs_on_it() -> None:
    app = application(**LISTED)
    answer = run_json(app, "explain", FRIEND, "--host", "api.example.com")
    assert answer["allowed"] is True
    assert codes(answer["notes"]) == ["scheme-not-known"]
    assert notes(LISTED, FRIEND, "--host", "https://api.example.com") == []
    assert notes(LISTED, FRIEND) == []


def test_own_origins_tell_the_scheme() -> None:
    own = {**LISTED, "SIO_CORS_OWN_ORIGINS": ["http://api.example.com"]}
    answer = run_json(application(**own), "explain", FRIEND)
    assert answer["requests"][-1]["obstacle"] == "mixed-content"
    assert warnings(own) == ["mixed-content"]
    assert warnings({**LISTED, "SIO_CORS_OWN_ORIGINS": ["https://api.example.com"]}) == []


def test_browsers_send_no_headers_with_a_websocket() -> None:
    answer = run_json(
        application(**LISTED), "explain", FRIEND, "--transport", "websocket", "--header", "X-Token"
    )
    assert answer["allowed"] is True
    (note,) = answer["notes"]
    assert note["code"] == "websocket-without-headers"
    assert "X-Token would not come in" in note["text"]
    assert notes(LISTED, FRIEND, "--header", "X-Token") == []


# --- The session cookie ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "server", "meant"),
    [
        ("http://localhost:3000", "http://127.0.0.1:5000", "http://localhost:5000"),
        ("http://127.0.0.1:3000", "http://localhost", "http://127.0.0.1"),
        ("http://localhost:3000", "http://[::1]:5000", "http://localhost:5000"),
    ],
)
def test_two_names_of_this_machine_are_two_sites(page: str, server: str, meant: str) -> None:
    config = {"SIO_CORS_ORIGINS": [page], "SIO_CORS_SUPPORTS_CREDENTIALS": True}
    answer = run_json(application(**config), "explain", page, "--host", server)
    (note,) = answer["notes"]
    assert note["code"] == "session-cookie-same-site"
    assert f'io("{meant}")' in note["text"]
    assert note["lines"] == []
    assert notes(config, page, "--host", meant) == []


STAYS_AWAY = ["session-cookie-same-site"]
SAME_SITE_CASES = {
    "not set": ({}, ELSEWHERE, STAYS_AWAY),
    "Lax": ({"SESSION_COOKIE_SAMESITE": "Lax"}, ELSEWHERE, STAYS_AWAY),
    "Strict": ({"SESSION_COOKIE_SAMESITE": "Strict"}, ELSEWHERE, STAYS_AWAY),
    "None, not secure": ({"SESSION_COOKIE_SAMESITE": "None"}, ELSEWHERE, STAYS_AWAY),
    "None and secure": (EVERY_SITE, ELSEWHERE, []),
    "a subdomain of the same site": ({}, SAME_SITE, []),
    "another port": ({}, ["--host", "https://app.example.com:8443"], []),
    "another name of one site": ({}, ["--host", "example.com"], ["scheme-not-known"]),
}


@pytest.mark.parametrize(
    ("config", "host", "expected"), SAME_SITE_CASES.values(), ids=SAME_SITE_CASES
)
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_explain_says_whether_the_session_cookie_comes_with_the_page(
    config: dict[str, object], host: list[str], expected: list[str], transport: str
) -> None:
    asked = [FRIEND, *host, "--transport", transport, CREDENTIALS]
    assert notes({**COOKIES, **config}, *asked) == expected
    assert notes({**LISTED, **config}, FRIEND, *host, "--transport", transport) in (
        [],
        expected[:1],
    )


def test_neighbours_under_a_public_suffix_are_other_sites() -> None:
    config = {**COOKIES, "SIO_CORS_ORIGINS": ["https://me.github.io"]}
    assert notes(config, "https://me.github.io", "--host", "https://you.github.io") == STAYS_AWAY


def test_without_credentials_no_cookie_is_missed() -> None:
    assert notes(LISTED, FRIEND, *ELSEWHERE) == []
    assert warnings(LISTED) == []


def test_the_lines_about_the_session_cookie_do_what_they_say() -> None:
    (note,) = run_json(application(**COOKIES), "explain", FRIEND, *ELSEWHERE)["notes"]
    mended = application(**COOKIES)
    exec("\n".join(note["lines"]), {"app": mended})
    assert run_json(mended, "explain", FRIEND, *ELSEWHERE)["notes"] == []
    assert run_json(mended, "show")["warnings"] == []


@pytest.mark.parametrize(
    ("origins", "server", "is_warned"),
    [
        ([FRIEND], None, True),
        ([FRIEND], "api.example.com", False),
        ([FRIEND, "https://*.example.com:*"], "example.com", False),
        ([FRIEND, "https://partner.example"], "api.example.com", True),
        (["https://*.github.io"], "me.github.io", True),
        (["http://localhost:3000", "http://127.0.0.1:3000"], None, False),
        (["http://localhost:3000"], "api.example.com", True),
        (["capacitor://localhost"], "api.example.com", True),
        (FRIEND, "api.example.com", False),
        (only_friends, "api.example.com", True),
        ([], None, False),
    ],
)
def test_show_warns_where_the_session_stays_empty(
    origins: object, server: str | None, is_warned: bool
) -> None:
    config = {
        "SIO_CORS_ORIGINS": origins,
        "SIO_CORS_SUPPORTS_CREDENTIALS": True,
        "SIO_CORS_TOLERATE_PUBLIC_SUFFIXES": True,
        "SERVER_NAME": server,
    }
    assert (STAYS_AWAY[0] in warnings(config)) is is_warned
    assert STAYS_AWAY[0] not in warnings({**config, **EVERY_SITE})


# --- Functions that let strangers in -----------------------------------------------------------


def everybody(origin: str) -> bool:
    return True


def ends_with(origin: str) -> bool:
    return origin.endswith("example.com")


def of_the_host(origin: str, environ: dict[str, Any]) -> bool:
    return current_app.name == "shop" and environ["HTTP_HOST"] == "api.example.com"


def knows_few(origin: str) -> bool:
    return {FRIEND: True}[origin]


LETS_STRANGERS_IN = "function-lets-strangers-in"


@pytest.mark.parametrize(
    ("function", "in_show", "in_explain"),
    [
        (everybody, True, True),
        (ends_with, False, True),
        (of_the_host, True, True),
        (only_friends, False, False),
        (knows_few, False, False),
        ([FRIEND, everybody], True, False),
    ],
)
def test_functions_are_asked_about_strangers(
    function: object, in_show: bool, in_explain: bool
) -> None:
    config = {
        "SIO_CORS_ORIGINS": function,
        "SIO_CORS_SUPPORTS_CREDENTIALS": True,
        "SIO_CORS_OWN_ORIGINS": ["https://api.example.com"],
        **EVERY_SITE,
    }
    assert (LETS_STRANGERS_IN in warnings(config)) is in_show
    assert (LETS_STRANGERS_IN in notes(config, FRIEND)) is in_explain


def test_what_a_function_does_to_strangers_is_told_by_the_credentials() -> None:
    config: dict[str, object] = {"SIO_CORS_ORIGINS": everybody}
    told = run(application(**config), "show").stdout
    assert "though without their visitors' cookies" in " ".join(told.split())
    told = run(application(**config, SIO_CORS_SUPPORTS_CREDENTIALS=True), "show").stdout
    assert "can act in the name of whoever visits them" in " ".join(told.split())


# --- Keys that nobody reads --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("CORS_ALLOWED_ORIGINS", "ORIGINS"),
        ("SOCKETIO_ALLOWED_ORIGINS", "ORIGINS"),
        # Which applications hand to their SocketIO by themselves.
        ("SOCKETIO_CORS_ALLOWED_ORIGINS", "ORIGINS"),
        ("SOCKET_IO_ORIGINS", "ORIGINS"),
        ("ALLOWED_ORIGINS", "ORIGINS"),
        ("ALLOW_ORIGIN", "ORIGINS"),
        ("ORIGINS", "ORIGINS"),
        ("CORS_ORIGIN", "ORIGINS"),
        ("CORS_ORIGNS", "ORIGINS"),
        ("CORS_ALLOW_ALL_ORIGINS", "ORIGINS"),
        ("CORS_ORIGIN_WHITELIST", "ORIGINS"),
        ("WEBSOCKET_ALLOWED_ORIGINS", "ORIGINS"),
        ("CORS_ALLOW_CREDENTIALS", "SUPPORTS_CREDENTIALS"),
        ("CORS_ALLOWED_METHODS", "METHODS"),
        ("CORS_OWN_ORIGINS", "OWN_ORIGINS"),
        ("CORS_DOMAINS", "ORIGINS"),
        ("ACCESS_CONTROL_ALLOW_ORIGIN", "ORIGINS"),
        ("Access-Control-Allow-Origin", "ORIGINS"),
        ("ENGINEIO_CORS_ALLOWED_ORIGINS", "ORIGINS"),
        ("SOCKET_CORS_ORIGINS", "ORIGINS"),
        # Which applications call their own.
        ("BACKEND_CORS_ORIGINS", "ORIGINS"),
        ("MYAPP_CORS_ALLOWED_ORIGINS", "ORIGINS"),
        ("ALLOWED_CORS_ORIGINS", "ORIGINS"),
    ],
)
def test_a_key_that_looks_like_ours_is_named_at_each_start(
    key: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "flask_sio_cors"):
            app = application(**{key: "https://a.example"})
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{key} is set, and nothing here reads it.")
        assert f"name it SIO_CORS_{meant} (" in record.getMessage()
    (warning,) = run_json(app, "show")["warnings"]
    assert warning["code"] == "key-ignored"


def test_origins_that_flask_cors_has_by_path_are_named_as_they_are_written_here(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resources = {
        r"/api/*": {"origins": [FRIEND, "*"]},
        r"/socket.io/*": {"origins": "https://b.example"},
    }
    with caplog.at_level(logging.WARNING, "flask_sio_cors"):
        app = application(CORS_RESOURCES=resources)
    (record,) = caplog.records
    line = f'SIO_CORS_ORIGINS = ["{FRIEND}", "https://b.example"]'
    assert record.getMessage().endswith(f"write the origins themselves: {line}.")
    (warning,) = run_json(app, "show")["warnings"]
    assert warning["code"] == "key-ignored"


def test_where_the_setting_says_something_else_it_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "flask_sio_cors"):
        application(SIO_CORS_ORIGINS=[FRIEND], CORS_ALLOWED_ORIGINS=[FRIEND, "https://b.example"])
    (record,) = caplog.records
    assert "For Socket.IO, SIO_CORS_ORIGINS decides" in record.getMessage()


@pytest.mark.parametrize(
    "config",
    [
        {"CORS_ALLOWED_ORIGINS": "https://a.example", "SIO_CORS_ORIGINS": "https://a.example"},
        {"CORS_ALLOWED_ORIGINS": "https://a.example", "CORS_ORIGINS": "https://a.example"},
        {
            "ALLOWED_ORIGINS": "https://a.example, https://b.example",
            "SIO_CORS_ORIGINS": ["https://a.example", "https://b.example", "https://c.example"],
        },
        {"CORS_ORIGINS": "https://a.example", "CORS_RESOURCES": "*", "CORS_SEND_WILDCARD": True},
        {"CORS_MAX_AGE": 5, "CORS_VARY_HEADER": False, "CORS_ALWAYS_SEND": True},
        {"ALLOWED_HOSTS": ["a"], "ORIGIN": "x", "HEADERS": {}, "METHODS": [], "MAX_AGE": 5},
        {"SIO_CORS_ORIGINS": [FRIEND], "BACKEND_CORS_ORIGINS": ["https://other.example"]},
        {"MYAPP_CORS_MAX_AGE": 5, "CSRF_TRUSTED_ORIGINS": ["https://a.example"]},
        {"ALLOWED_EXTENSIONS": ["png"], "ALLOW_SIGNUP": True, "ORIGINAL_SIZE": 5},
    ],
)
def test_other_keys_are_nobodys_business(
    config: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "flask_sio_cors"):
        application(**config)
    assert not caplog.records
