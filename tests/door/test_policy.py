"""The verdict table: a WSGI environ in, a verdict out."""

import re

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.policy import Policy, complete
from flask_sio_cors.door.verdicts import Outcome, Reason, status_line

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
OWN = "https://chat.example.com"
NO_STORE = ("Cache-Control", "no-store")
VARY = ("Vary", "Origin")
ASKS_POST = {"REQUEST_METHOD": "OPTIONS", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}


def policy(origins=None, **settings):
    config = {f"SIO_CORS_{name.upper()}": value for name, value in settings.items()}
    if "trusted_hosts" in settings:
        config["TRUSTED_HOSTS"] = config.pop("SIO_CORS_TRUSTED_HOSTS")
    return Policy(Options.from_config({"SIO_CORS_ORIGINS": origins, **config}))


def environ(origin=None, **more):
    asked = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/socket.io/",
        "QUERY_STRING": "EIO=4&transport=polling",
        "wsgi.url_scheme": "https",
        "HTTP_HOST": "chat.example.com",
        **more,
    }
    return asked if origin is None else {**asked, "HTTP_ORIGIN": origin}


def judged(origins, origin=None, *, settings=None, **more):
    return complete(policy(origins, **(settings or {})).judge(environ(origin, **more)))


# --- Requests with an Origin --------------------------------------------------------------------


def test_an_allowed_origin_gets_its_own_name_back():
    verdict = judged([APP], APP)
    headers = (("Access-Control-Allow-Origin", APP), NO_STORE, VARY)
    assert verdict == (Outcome.ALLOWED, Reason.ORIGIN_ALLOWED, headers, "200 OK", False)


def test_an_origin_that_is_not_allowed_gets_403_and_no_cors_header():
    verdict = judged([APP], EVIL)
    refused = (Outcome.REFUSED, Reason.ORIGIN_NOT_ALLOWED, (NO_STORE, VARY), "403 Forbidden", False)
    assert verdict == refused


@pytest.mark.parametrize("origin", [APP, "null", "file://", "", " ", "*"])
def test_without_configuration_every_other_origin_is_refused(origin):
    assert judged(None, origin).reason is Reason.ORIGIN_NOT_ALLOWED


@pytest.mark.parametrize("origins", [None, [APP], ["https://*.example.org"], lambda origin: False])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_servers_own_origin_is_allowed_by_every_policy(origins, method):
    verdict = judged(origins, OWN, REQUEST_METHOD=method)
    assert verdict[:2] == (Outcome.ALLOWED, Reason.SAME_ORIGIN)
    assert ("Access-Control-Allow-Origin", OWN) in verdict.headers


@pytest.mark.parametrize(
    ("origin", "more"),
    [
        ("https://public.example", {"HTTP_X_FORWARDED_HOST": "public.example"}),
        ("https://public.example", {"HTTP_X_FORWARDED_HOST": "public.example:443, inner:80"}),
        ("http://chat.example.com", {"HTTP_X_FORWARDED_PROTO": "http, https"}),
        ("https://chat.example.com", {"HTTP_HOST": "chat.example.com:443"}),
        ("http://[::1]:5000", {"wsgi.url_scheme": "http", "HTTP_HOST": "[::1]:5000"}),
    ],
    ids=["forwarded host", "first of several", "forwarded scheme", "default port", "IPv6"],
)
def test_same_origin_is_scheme_and_host_as_the_server_or_its_proxy_sees_them(origin, more):
    assert judged(None, origin, **more).reason is Reason.SAME_ORIGIN


@pytest.mark.parametrize(
    "origin",
    ["http://chat.example.com", "https://chat.example.com:8443", "https://chat.example.com.evil"],
)
def test_another_scheme_port_or_host_is_another_origin(origin):
    assert judged(None, origin).reason is Reason.ORIGIN_NOT_ALLOWED


def test_a_host_header_that_is_no_host_makes_no_origin_the_servers_own():
    verdict = judged(None, "https://a b", HTTP_HOST="a b")
    assert verdict.reason is Reason.ORIGIN_NOT_ALLOWED


def test_star_allows_everybody_by_star_and_does_not_vary():
    verdict = judged("*", EVIL)
    assert verdict.headers == (("Access-Control-Allow-Origin", "*"), NO_STORE)


def test_true_reflects_every_origin_that_browsers_send_and_no_other():
    reflecting = policy(True)
    assert ("Access-Control-Allow-Origin", EVIL) in complete(
        reflecting.judge(environ(EVIL))
    ).headers
    assert reflecting.judge(environ("a\r\nb"))[0].reason is Reason.ORIGIN_MALFORMED


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (True, Outcome.ALLOWED, Reason.ORIGIN_ALLOWED),
        (False, Outcome.REFUSED, Reason.ORIGIN_NOT_ALLOWED),
        (None, Outcome.REFUSED, Reason.ORIGIN_CALLABLE_FAILED),
        ("yes", Outcome.REFUSED, Reason.ORIGIN_CALLABLE_FAILED),
    ],
)
def test_a_function_lets_in_by_true_alone(answer, outcome, reason):
    assert judged(lambda origin: answer, APP)[:2] == (outcome, reason)


def test_a_function_is_asked_at_each_request_where_its_answers_are_not_to_be_remembered():
    answers = iter([True, False, True])
    asking = policy(lambda origin: next(answers), callback_cache=0)
    outcomes = [asking.judge(environ(APP))[0].outcome for _ in range(3)]
    assert outcomes == [Outcome.ALLOWED, Outcome.REFUSED, Outcome.ALLOWED]


def test_a_function_never_sees_what_no_browser_sends():
    asked = []
    assert judged(asked.append, "https://App.example.com").reason is Reason.ORIGIN_MALFORMED
    assert asked == []


# --- Credentials --------------------------------------------------------------------------------


def test_credentials_are_allowed_to_allowed_origins_only():
    credentialed = policy([APP], supports_credentials=True)
    allowed, refused = (complete(credentialed.judge(environ(origin))) for origin in (APP, EVIL))
    assert ("Access-Control-Allow-Credentials", "true") in allowed.headers
    assert "Access-Control-Allow-Credentials" not in dict(refused.headers)


@pytest.mark.parametrize(
    "origins",
    [[re.compile(".*example.*|null|file://")], lambda origin: True],
    ids=["regex", "function"],
)
@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("null", Reason.ORIGIN_OPAQUE),
        ("file://", Reason.ORIGIN_OPAQUE),
        ("http://www.example.com", Reason.ORIGIN_INSECURE),
        ("https://www.example.com", Reason.ORIGIN_ALLOWED),
    ],
)
def test_with_credentials_nobody_lets_in_an_opaque_or_an_insecure_origin(origins, origin, reason):
    assert judged(origins, origin, settings={"supports_credentials": True}).reason is reason


def test_insecure_origins_can_be_tolerated_with_credentials():
    settings = {"supports_credentials": True, "tolerate_insecure_origins": True}
    verdict = judged(lambda origin: True, "http://www.example.com", settings=settings)
    assert verdict.outcome is Outcome.ALLOWED


def test_exposed_headers_are_named_on_every_allowed_answer():
    verdict = judged([APP], APP, settings={"expose_headers": ["X-Request-Id", "X-Took"]})
    assert ("Access-Control-Expose-Headers", "X-Request-Id, X-Took") in verdict.headers


# --- Preflights ---------------------------------------------------------------------------------


def test_a_preflight_of_an_allowed_origin_is_answered_with_all_that_it_asks():
    verdict = judged([APP], APP, HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-a, x-b", **ASKS_POST)
    assert verdict[:2] == (Outcome.PREFLIGHT, Reason.ORIGIN_ALLOWED)
    assert verdict.status == "204 No Content"
    assert dict(verdict.headers) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "x-a, x-b",
        "Vary": "Origin, Access-Control-Request-Headers",
    }


def test_a_preflight_of_another_origin_is_refused_like_any_request():
    assert judged([APP], EVIL, **ASKS_POST) == judged([APP], EVIL)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"REQUEST_METHOD": "OPTIONS"}, "no requested method"),
        ({"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}, "not OPTIONS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_only_resembles_a_preflight_is_an_actual_request(more, why):
    assert judged([APP], APP, **more).outcome is Outcome.ALLOWED


def test_listed_headers_are_sent_instead_of_those_requested():
    settings = {"allow_headers": ["X-Token"], "max_age": 600, "options_success_status": 200}
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-other", **ASKS_POST}
    verdict = judged([APP], APP, settings=settings, **asked)
    assert dict(verdict.headers)["Access-Control-Allow-Headers"] == "X-Token"
    assert dict(verdict.headers)["Access-Control-Max-Age"] == "600"
    assert VARY in verdict.headers
    assert verdict.status == "200 OK"


@pytest.mark.parametrize("asked", ["x\r\ny", "x;y", "é", "a" * 4097, ""], ids=repr)
def test_only_header_names_are_reflected(asked):
    verdict = judged([APP], APP, HTTP_ACCESS_CONTROL_REQUEST_HEADERS=asked, **ASKS_POST)
    assert verdict.outcome is Outcome.PREFLIGHT
    assert "Access-Control-Allow-Headers" not in dict(verdict.headers)


@pytest.mark.parametrize(("permitted", "asked"), [(True, "true"), (True, "1"), (False, "true")])
def test_the_private_network_is_opened_when_asked_and_permitted(permitted, asked):
    verdict = judged(
        [APP],
        APP,
        settings={"allow_private_network": permitted},
        HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK=asked,
        **ASKS_POST,
    )
    is_opened = "Access-Control-Allow-Private-Network" in dict(verdict.headers)
    assert is_opened == (permitted and asked == "true")


def test_a_preflight_does_not_remember_what_another_one_asked():
    asking = policy([APP], allow_private_network=True)
    plain = {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-a", **ASKS_POST}
    private = {**plain, "HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK": "true"}
    other = {**plain, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-b"}
    first = [asking.judge(environ(APP, **more)) for more in (plain, private, other)]
    second = [asking.judge(environ(APP, **more)) for more in (plain, private, other)]
    assert first == second
    assert len(set(first)) == 3


# --- Requests without an Origin -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, Reason.NO_ORIGIN),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, Reason.NO_ORIGIN),
        ({"HTTP_SEC_FETCH_SITE": "none"}, Reason.NO_ORIGIN),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, Reason.CROSS_SITE),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, Reason.CROSS_SITE),
        ({"QUERY_STRING": "EIO=4&transport=polling&j=0"}, Reason.JSONP),
        ({"QUERY_STRING": "EIO=4&transport=polling&%6A=0"}, Reason.JSONP),
        ({"QUERY_STRING": "EIO=4&j=0", "HTTP_SEC_FETCH_SITE": "same-origin"}, Reason.NO_ORIGIN),
        ({"QUERY_STRING": "EIO=4&obj=0"}, Reason.NO_ORIGIN),
    ],
)
def test_without_an_origin_the_browsers_own_word_and_jsonp_decide(more, reason):
    verdict = judged([APP], **more)
    assert verdict.reason is reason
    assert "Access-Control-Allow-Origin" not in dict(verdict.headers)


@pytest.mark.parametrize("origins", ["*", True])
def test_who_lets_everybody_in_lets_in_scripts_too(origins):
    verdict = judged(origins, HTTP_SEC_FETCH_SITE="cross-site", QUERY_STRING="j=0")
    assert verdict[:2] == (Outcome.ALLOWED, Reason.NO_ORIGIN)


# --- Hosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, APP, EVIL])
def test_a_host_that_is_not_trusted_is_refused_before_all_else(origin):
    verdict = judged([APP], origin, settings={"trusted_hosts": [".example.org"]})
    assert verdict[:2] == (Outcome.REFUSED, Reason.HOST_NOT_TRUSTED)
    assert verdict.status == "400 Bad Request"


def test_a_trusted_host_changes_nothing_else():
    trusting = policy([APP], trusted_hosts=["chat.example.com"])
    assert [complete(trusting.judge(environ(APP))) for _ in range(2)] == [judged([APP], APP)] * 2


# --- The environ and the status -----------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, APP, EVIL])
def test_the_environ_is_left_as_it_is(origin):
    before = environ(origin, **ASKS_POST)
    asked = dict(before)
    policy([APP], trusted_hosts=["chat.example.com"]).judge(asked)
    assert asked == before


@pytest.mark.parametrize(("code", "line"), [(204, "204 No Content"), (299, "299 Success")])
def test_every_success_status_has_a_line(code, line):
    assert status_line(code) == line


# --- What a proxy says ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "more", "outcome"),
    [
        (OWN, {"HTTP_X_FORWARDED_PROTO": "https"}, Outcome.ALLOWED),
        ("http://chat.example.com", {"HTTP_X_FORWARDED_PROTO": "https"}, Outcome.REFUSED),
        ("http://chat.example.com", {}, Outcome.ALLOWED),
        (OWN, {"HTTP_X_FORWARDED_PROTO": "wss"}, Outcome.ALLOWED),
        (OWN, {"wsgi.url_scheme": "wss"}, Outcome.ALLOWED),
        ("http://chat.example.com", {"wsgi.url_scheme": "ws"}, Outcome.ALLOWED),
        (OWN, {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_HOST": "10.0.0.7:5000",
               "HTTP_X_FORWARDED_HOST": "chat.example.com:443, b"}, Outcome.ALLOWED),
    ],
)  # fmt: skip
def test_behind_a_proxy_its_scheme_decides_what_is_the_servers_own(origin, more, outcome):
    asked = environ(origin, **{"wsgi.url_scheme": "http", **more})
    assert policy().judge(asked)[0].outcome is outcome


def test_a_function_is_not_asked_about_the_servers_own_pages():
    asked = []
    assert judged(lambda origin: asked.append(origin), OWN).reason is Reason.SAME_ORIGIN
    assert not asked


def test_a_host_of_any_length_is_not_kept():
    guarded = policy(trusted_hosts=[".example.com"])
    for number in range(3000):
        host = f"{number}.{'a.' * 500}example.com"
        assert guarded.judge(environ(HTTP_HOST=host))[0].outcome is Outcome.ALLOWED
    assert not guarded._pages.own._seen_hosts


def test_an_empty_text_of_trusted_hosts_trusts_every_host_as_flask_does():
    assert policy(trusted_hosts="").judge(environ(HTTP_HOST="any"))[0].outcome is Outcome.ALLOWED
