"""The server's own origin, as browsers, servers and proxies tell it."""

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.address import PROXY_FIX
from flask_sio_cors.door.own import OwnOrigin

CHAT = "https://chat.example.com"
PLAIN = "http://chat.example.com"


def shown_by(
    origin, *, scheme="http", host="chat.example.com", config=None, fixed=False, **headers
):
    environ = {
        "wsgi.url_scheme": scheme,
        "HTTP_HOST": host,
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        **({PROXY_FIX: {}} if fixed else {}),
    }
    return OwnOrigin(Options.from_config(config or {})).shown_by(environ, origin)


# --- The browser's own word ----------------------------------------------------------------------


@pytest.mark.parametrize("origin", [CHAT, "https://chat.example.com:8443", PLAIN])
def test_sec_fetch_site_is_enough_behind_a_proxy_that_tells_nothing(origin):
    assert shown_by(origin, host="127.0.0.1:5000", sec_fetch_site="same-origin") == "Sec-Fetch-Site"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin"])
def test_whatever_else_it_says_disproves_the_host(site):
    assert shown_by(PLAIN) == "Host"
    assert shown_by(PLAIN, sec_fetch_site=site) == ""


@pytest.mark.parametrize("origin", ["null", "file://", "https://evil.example", "https://x\r\n", ""])
def test_it_proves_no_origin_of_an_untrusted_host_or_of_none(origin):
    trusting = {"TRUSTED_HOSTS": ["chat.example.com"]}
    asked = {"config": trusting, "sec_fetch_site": "same-origin"}
    assert shown_by(CHAT, **asked) == "Sec-Fetch-Site"
    assert shown_by(origin, **asked) == ""


# --- What proxies tell ---------------------------------------------------------------------------


def test_a_forwarded_host_counts_where_it_is_trusted_or_no_host_has_to_be():
    asked = {"host": "127.0.0.1:5000", "scheme": "https", "x_forwarded_host": "chat.example.com"}
    assert shown_by(CHAT, **asked) == "X-Forwarded-Host"
    trusting = {"TRUSTED_HOSTS": ["127.0.0.1", "chat.example.com"]}
    assert shown_by(CHAT, **asked, config=trusting) == "X-Forwarded-Host"


@pytest.mark.parametrize("site", [{}, {"sec_fetch_site": "same-origin"}])
def test_a_forwarded_host_that_is_not_trusted_proves_nothing(site):
    trusting = {"TRUSTED_HOSTS": ["127.0.0.1"]}
    forwarded = {"x_forwarded_host": "evil.example", "host": "127.0.0.1:5000", "config": trusting}
    assert shown_by("http://evil.example", **forwarded, **site) == ""
    # Nor does the host that is trusted, where the browser's word was for the other one.
    assert shown_by("http://127.0.0.1:5000", **forwarded, sec_fetch_site="same-origin") == ""


def test_after_a_proxy_fix_the_raw_headers_no_longer_count():
    fixed = {"scheme": "https", "host": "app.localhost:18447", "fixed": True}
    raw = {"x_forwarded_host": "app.localhost", "x_forwarded_proto": "http"}
    assert shown_by("https://app.localhost:18447", **fixed, **raw) == "Host"
    assert shown_by("https://app.localhost", **fixed, **raw) == ""
    assert shown_by("http://app.localhost:18447", **fixed, **raw) == ""


# --- Where nobody tells the scheme ---------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"SIO_CORS_ORIGINS": [CHAT]},
        {"SESSION_COOKIE_SECURE": True},
        {"PREFERRED_URL_SCHEME": "https"},
    ],
)
def test_an_http_page_is_not_its_own_where_something_speaks_for_https(config):
    assert shown_by(PLAIN) == "Host"
    assert shown_by(PLAIN, config=config) == ""
    # Unless the proxy tells it, or the page is on this machine.
    assert shown_by(PLAIN, config=config, x_forwarded_proto="http") == "Host"
    local = {"host": "localhost:5000", "config": config}
    assert shown_by("http://localhost:5000", **local) == "Host"


def test_a_listed_wildcard_or_another_port_speaks_for_nothing():
    listed = {"SIO_CORS_ORIGINS": ["https://*.example.com", "https://chat.example.com:8443"]}
    assert shown_by(PLAIN, config=listed) == "Host"


# --- Hosts that are trusted ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("[::1]", True),
        ("[::1]:5000", True),
        ("[::2]", False),
        ("[::1].evil.example", False),
        ("[::1]:x", False),
        ("::1", False),
        ("", False),
    ],
)
def test_an_ipv6_address_is_trusted_where_it_is_listed(host, is_trusted):
    own = OwnOrigin(Options.from_config({"TRUSTED_HOSTS": ["[::1]"]}))
    assert own.is_trusted_host({"wsgi.url_scheme": "http", "HTTP_HOST": host}) is is_trusted


# --- What the configuration says -----------------------------------------------------------------

NAMED = {"SIO_CORS_OWN_ORIGINS": [CHAT, "https://shop.example.com:8443", "http://intranet"]}


@pytest.mark.parametrize("origin", [CHAT, "https://shop.example.com:8443", "http://intranet"])
@pytest.mark.parametrize("headers", [{}, {"sec_fetch_site": "same-site"}])
def test_where_origins_are_named_no_header_need_show_them(origin, headers):
    assert shown_by(origin, host="upstream:5000", config=NAMED, **headers) == "Origin"


@pytest.mark.parametrize(
    "asked",
    [
        {"host": "evil.example"},
        {"host": "evil.example", "sec_fetch_site": "same-origin"},
        {"x_forwarded_host": "evil.example", "x_forwarded_proto": "http"},
    ],
)
def test_and_no_header_shows_others(asked):
    assert shown_by("http://evil.example", config=NAMED, **asked) == ""


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("chat.example.com", CHAT),
        ("Chat.Example.com:443", CHAT),
        ("shop.example.com:8443", "https://shop.example.com:8443"),
        ("intranet:80", "http://intranet"),
        ("chat.example.com.", CHAT),
        ("chat.example.com.:443", CHAT),
    ],
)
def test_a_host_that_names_one_of_them_has_that_one_alone(host, own):
    told = [o for o in NAMED["SIO_CORS_OWN_ORIGINS"] if shown_by(o, host=host, config=NAMED)]
    assert told == [own]


@pytest.mark.parametrize("dot", ["", "."])
@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_dot_at_the_end_of_its_name_makes_no_other_server_of_a_host(dot, port):
    both = [f"https://chat.example.com{end}{port}" for end in ("", ".")]
    named = {"SIO_CORS_OWN_ORIGINS": [*both, "https://shop.example.com"]}
    asked = {"host": f"chat.example.com{dot}{port}", "config": named}
    assert [shown_by(origin, **asked) for origin in both] == ["Origin", "Origin"]
    assert shown_by("https://shop.example.com", **asked) == ""


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_and_no_browser_says_of_that_one_that_it_is_anothers(site):
    """A proxy may have written the server's origin over a stranger's."""
    assert shown_by(CHAT, host="chat.example.com", config=NAMED, sec_fetch_site=site) == ""
    own = OwnOrigin(Options.from_config(NAMED))
    asked = {"HTTP_HOST": "chat.example.com", "HTTP_SEC_FETCH_SITE": site}
    assert own.is_disproved(asked, CHAT)
    assert not own.is_disproved(asked, "https://evil.example")


# --- Spellings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "chat.example.com:443"},
        {"host": "Chat.Example.COM"},
        {"x_forwarded_proto": "WSS, http", "scheme": "http"},
        {"x_forwarded_proto": " https ,http", "scheme": "http"},
        {"x_forwarded_proto": "", "scheme": "https"},
        {"x_forwarded_host": "", "host": "chat.example.com"},
        {"x_forwarded_host": " Chat.example.com:443 , inner", "host": "upstream"},
        {"x_forwarded_host": "other.example", "x_forwarded_port": "8443"},
        {"scheme": "wss"},
    ],
)
def test_an_address_counts_however_proxies_spell_it(headers):
    assert shown_by(CHAT, **{"scheme": "https", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "chat.example.com:80"},
        {"host": "chat.example.com:8443"},
        {"host": "chat.example.com."},
        {"host": "chat.example.com:0443"},
        {"host": "chat.example.com, evil.example"},
        {"host": "chat.example.com@evil.example"},
        {"host": ""},
        {"host": ":443"},
        {"x_forwarded_proto": ", https"},
        {"x_forwarded_proto": "https:"},
        {"x_forwarded_host": ", chat.example.com", "host": "upstream"},
        {"x_forwarded_host": "evil.example, chat.example.com", "host": "upstream"},
        {"x_forwarded_port": "443", "host": "chat.example.com:8443"},
    ],
)
def test_no_other_address_does(headers):
    assert shown_by(CHAT, **{"scheme": "https", **headers}) == ""


def test_an_ipv6_address_is_its_own_with_and_without_a_port():
    assert shown_by("http://[::1]", host="[::1]:80") == "Host"
    assert shown_by("http://[::1]:5000", host="[::1]:5000") == "Host"
    assert shown_by("http://[::1]", host="[::1]:5000") == ""


@pytest.mark.parametrize("host", ["\x80", "\xff.example", "a" * 64 + "\xe9.example", "\xad", "."])
def test_a_host_that_is_no_name_is_not_trusted_and_raises_nothing(host):
    own = OwnOrigin(Options.from_config({"TRUSTED_HOSTS": ["app.example", ".team.example"]}))
    environ = {"wsgi.url_scheme": "http", "REQUEST_METHOD": "GET", "HTTP_HOST": host}
    assert not own.is_trusted_host(environ)
