"""Who a page is, and which header shows it."""

from urllib.parse import parse_qs

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.identity import Identification, Who, is_jsonp
from flask_sio_cors.door.verdicts import Reason

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
OWN = "https://chat.example.com"


def identify(origin=None, *, query="EIO=4&transport=polling", config=None, **headers):
    environ = {
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": query,
        "wsgi.url_scheme": "https",
        "HTTP_HOST": "chat.example.com",
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    options = Options.from_config({"SIO_CORS_ORIGINS": [APP], **(config or {})})
    return Identification(options).identify(environ, origin)


@pytest.mark.parametrize(
    ("asked", "who", "reason", "header"),
    [
        ({"origin": APP}, Who.LISTED, Reason.ORIGIN_ALLOWED, "Origin"),
        ({"origin": OWN}, Who.OWN, Reason.SAME_ORIGIN, "Host"),
        (
            {"origin": "https://public.example", "x_forwarded_host": "public.example"},
            Who.OWN,
            Reason.SAME_ORIGIN,
            "X-Forwarded-Host",
        ),
        ({"origin": EVIL}, Who.STRANGER, Reason.ORIGIN_NOT_ALLOWED, "Origin"),
        ({"origin": EVIL, "sec_fetch_site": "cross-site"}, Who.STRANGER, None, "Origin"),
        ({}, Who.NOBODY, Reason.NO_ORIGIN, ""),
        ({"sec_fetch_site": "none"}, Who.NOBODY, Reason.NO_ORIGIN, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "same-origin"}, Who.OWN, Reason.NO_ORIGIN, "Sec-Fetch-Site"),
        ({"sec_fetch_site": "same-site"}, Who.STRANGER, Reason.CROSS_SITE, "Sec-Fetch-Site"),
        ({"query": "transport=polling&j=0"}, Who.STRANGER, Reason.JSONP, ""),
        (
            {"query": "transport=polling&j=0", "sec_fetch_site": "same-origin"},
            Who.OWN,
            Reason.NO_ORIGIN,
            "Sec-Fetch-Site",
        ),
    ],
)
def test_who_a_page_is_and_which_header_shows_it(asked, who, reason, header):
    found = identify(**asked)
    expected = reason or Reason.ORIGIN_NOT_ALLOWED
    assert (found.who, found.reason, found.header) == (who, expected, header)


@pytest.mark.parametrize("asked", [{"origin": APP}, {"origin": OWN}, {}])
def test_where_the_host_is_not_trusted_nobody_can_say_who_it_is(asked):
    found = identify(**asked, config={"TRUSTED_HOSTS": ["other.example"]})
    assert found.who is Who.STRANGER
    assert (found.reason, found.header) == (Reason.HOST_NOT_TRUSTED, "Host")


@given(st.text("jJ%6aA=&+;ex0 ", max_size=12))
@example("j=")
@example("%6a=0")
@example("a=b&%6A=+")
@example("jj=1&j=&j=1")
def test_jsonp_is_what_engineio_takes_for_it(query):
    assert is_jsonp({"QUERY_STRING": query}) == ("j" in parse_qs(query))
