"""A refusal of what is most likely the server's own page says what a proxy keeps from it."""

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.address import PROXY_FIX, Lost, server_of
from flask_sio_cors.door.identity import Identity, Who
from flask_sio_cors.door.refusals import explain_refusal
from flask_sio_cors.door.verdicts import Reason


def server(origin, host, *, scheme="http", fixed=False, is_proven=False, **headers):
    environ = {
        "wsgi.url_scheme": scheme,
        "HTTP_HOST": host,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        **({PROXY_FIX: {}} if fixed else {}),
    }
    return server_of(environ, origin, is_proven=is_proven)


def said(origin, host, config=None, **asked):
    options = Options.from_config(config or {})
    page = Identity(Who.STRANGER, Reason.ORIGIN_NOT_ALLOWED, "Origin", origin)
    told = server(origin, host, **asked)
    return explain_refusal(Reason.ORIGIN_NOT_ALLOWED, page, options, server=told)


PI = "https://tinypilot.local"
LOST = {
    "no scheme": (PI, "tinypilot.local", {}, (Lost.SCHEME,)),
    "no scheme, with a port": (f"{PI}:8443", "tinypilot.local:8443", {}, (Lost.SCHEME,)),
    "an inner proxy": (PI, "tinypilot.local", {"x_forwarded_proto": "http"}, (Lost.SCHEME,)),
    "no port": (
        f"{PI}:8443",
        "tinypilot.local",
        {"x_forwarded_proto": "https"},
        (Lost.PORT,),
    ),
    "neither": (f"{PI}:8443", "tinypilot.local", {}, (Lost.SCHEME, Lost.PORT)),
    "ProxyFix without a scheme": (PI, "tinypilot.local", {"fixed": True}, (Lost.SCHEME,)),
    "a forwarded host": (PI, "up:5000", {"x_forwarded_host": "tinypilot.local"}, (Lost.SCHEME,)),
    "another host, once proven": (PI, "up:5000", {"is_proven": True}, (Lost.HOST,)),
    "Traefik's scheme": (PI, "up", {"x_forwarded_proto": "wss", "is_proven": True}, (Lost.HOST,)),
}
STRANGERS = {
    "another host": ("https://evil.example", "tinypilot.local", {}),
    "another port": ("http://localhost:3000", "localhost:5000", {}),
    "another subdomain": ("https://a.example.com", "example.com", {}),
    "http: to https:": ("http://example.com", "example.com", {"x_forwarded_proto": "https"}),
    "null": ("null", "example.com", {}),
    "an app": ("capacitor://localhost", "localhost", {}),
    "no origin's host": ("https://exa mple", "exa mple", {}),
}


@pytest.mark.parametrize(("origin", "host", "asked", "lost"), LOST.values(), ids=LOST)
def test_what_is_lost_is_told_by_what_the_page_says(origin, host, asked, lost):
    assert server(origin, host, **asked).lost == lost


@pytest.mark.parametrize(("origin", "host", "asked"), STRANGERS.values(), ids=STRANGERS)
def test_of_a_strangers_page_nothing_is(origin, host, asked):
    assert server(origin, host, **asked).lost == ()


def test_where_the_browser_says_whose_page_it_is_nothing_is_guessed():
    assert server(PI, "tinypilot.local", sec_fetch_site="same-site") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "no scheme",
            [
                "takes itself for http://tinypilot.local (from Host; no X-Forwarded-Proto came)",
                "the page says https:",
                "proxy_set_header X-Forwarded-Proto $scheme;",
            ],
        ),
        ("an inner proxy", ["X-Forwarded-Proto says 'http'", "$http_x_forwarded_proto;"]),
        ("no port", ["the page says port 8443", "proxy_set_header Host $http_host;"]),
        ("neither", ["https: and port 8443", "$scheme;", "$http_host;"]),
        ("ProxyFix without a scheme", ["as ProxyFix has it", "x_proto=1"]),
        ("a forwarded host", ["from X-Forwarded-Host"]),
        ("another host, once proven", ["polling works", "WebSocket", "$http_host"]),
    ],
)
def test_the_sentence_says_what_to_change(name, words):
    origin, host, asked, _ = LOST[name]
    told = said(origin, host, **asked)
    assert all(word in told for word in words), told
    assert f"SIO_CORS_OWN_ORIGINS = ['{origin}']" in told
    assert "SIO_CORS_ORIGINS" not in told


def test_the_header_that_nobody_reads_is_named():
    assert "Forwarded header (RFC 7239)" in said(PI, "tinypilot.local", forwarded="proto=https")
    assert "RFC 7239" not in said(PI, "tinypilot.local")


def test_where_only_the_own_origin_is_allowed_it_is_named():
    told = said("https://evil.example", "chat.example.com")
    assert "own origin (it takes itself for 'http://chat.example.com', from Host;" in told
    named = {"SIO_CORS_OWN_ORIGINS": "https://chat.example.com"}
    told = said("https://evil.example", "upstream", named)
    assert "own origin (https://chat.example.com) is allowed" in told
