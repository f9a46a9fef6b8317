"""A refusal of what is most likely the server's own page says what a proxy hides from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.address import PROXY_FIX
from flask_sio_cors.door.hidden import Clue, Lost
from flask_sio_cors.door.policy import Policy
from flask_sio_cors.door.refusals import explain_refusal
from flask_sio_cors.door.verdicts import REFUSED, Reason


def asked(host, *, scheme="http", fixed=None, **headers):
    """Return an environ; after a `ProxyFix` where `fixed` is the Host that had come."""
    environ = {"wsgi.url_scheme": scheme, "HTTP_HOST": host, "REQUEST_METHOD": "POST"}
    if fixed is not None:
        environ[PROXY_FIX] = {"HTTP_HOST": fixed}
    return environ | {f"HTTP_{name.upper()}": value for name, value in headers.items()}


def refused(origin, environ, config=None, clue=None):
    """Return what the server takes itself for, and the sentence; the page is refused for sure."""
    options = Options.from_config(config or {})
    policy = Policy(options)
    verdict, _, page = policy.judge(environ | {"HTTP_ORIGIN": origin})
    assert verdict.outcome is REFUSED
    server = policy.server_of(environ | {"HTTP_ORIGIN": origin}, origin, clue)
    return server, explain_refusal(verdict.reason, page, origin, options, server=server)


PI, HOST = "https://tinypilot.local", "tinypilot.local"
HTTPS = {"x_forwarded_proto": "https"}
SCHEME, PORT, BOTH = (Lost.SCHEME,), (Lost.PORT,), (Lost.SCHEME, Lost.PORT)
LOST = {
    "no scheme": (PI, asked(HOST), SCHEME),
    "no scheme, with a port": (f"{PI}:8443", asked(f"{HOST}:8443"), SCHEME),
    "no scheme, and a Host with port 443": (PI, asked(f"{HOST}:443"), SCHEME),
    "no scheme, by a WebSocket's name": (PI, asked(HOST, scheme="ws"), SCHEME),
    "an empty scheme": (PI, asked(HOST, x_forwarded_proto=""), SCHEME),
    "no scheme at all": (PI, asked(HOST, x_forwarded_proto="on"), SCHEME),
    "an inner proxy": (PI, asked(HOST, x_forwarded_proto="http"), SCHEME),
    "an inner proxy that adds": (PI, asked(HOST, x_forwarded_proto="http, https"), SCHEME),
    "no port": (f"{PI}:8443", asked(HOST, **HTTPS), PORT),
    "an inner port": (f"{PI}:8443", asked(f"{HOST}:80", **HTTPS), PORT),
    "the inner port 80": (PI, asked(f"{HOST}:80", **HTTPS), PORT),
    "the inner port 80, and no scheme": (PI, asked(f"{HOST}:80"), BOTH),
    "neither": (f"{PI}:8443", asked(HOST), BOTH),
    "no port, by http:": ("http://[fd00::1]:8080", asked("[fd00::1]", via="1.1 x"), PORT),
    "ProxyFix, and no scheme": (PI, asked(HOST, fixed=HOST), SCHEME),
    "ProxyFix, and an inner proxy": (
        PI,
        asked(HOST, fixed=HOST, x_forwarded_proto="http"),
        SCHEME,
    ),
    "ProxyFix of too few proxies": (
        PI,
        asked(HOST, fixed=HOST, x_forwarded_proto="https, http"),
        SCHEME,
    ),
    "a forwarded host, and no scheme": (PI, asked("up:5000", x_forwarded_host=HOST), SCHEME),
    "a forwarded host without its port": (
        f"{PI}:8443",
        asked("up:5000", x_forwarded_host=HOST, **HTTPS),
        PORT,
    ),
    "a forwarded host of another, and no scheme": (PI, asked(HOST, x_forwarded_host="up"), SCHEME),
    "ProxyFix without the host": (
        PI,
        asked("up", fixed="up", scheme="https", x_forwarded_host=f"{HOST}, inner", **HTTPS),
        (Lost.HOST,),
    ),
    "ProxyFix without the host and its port": (
        f"{PI}:8443",
        asked("up", fixed="up", scheme="https", x_forwarded_host=HOST, **HTTPS),
        (Lost.HOST, Lost.PORT),
    ),
    "ProxyFix of a host without its port": (
        f"{PI}:8443",
        asked(HOST, fixed="up", scheme="https", x_forwarded_host=HOST, **HTTPS),
        PORT,
    ),
    "Forwarded": (PI, asked("up", forwarded=f'for=1;Host="{HOST}:443";proto=https'), None),
}
LOST["Forwarded"] = (*LOST["Forwarded"][:2], (Lost.HOST, Lost.SCHEME))
LOST |= {
    "no scheme at all, by http:": (
        PI.replace("https", "http"),
        asked(HOST, x_forwarded_proto="on"),
        SCHEME,
    ),
    "a forwarded host behind another's": (
        PI,
        asked("up", x_forwarded_host=f"inner.example, {HOST}", **HTTPS),
        (Lost.HOST,),
    ),
    "X-Original-Host": (
        PI,
        asked("h.example", x_original_host=f"{HOST}:443", **HTTPS),
        (Lost.HOST,),
    ),
    "X-Host": (PI, asked("h.example", x_host=HOST, **HTTPS), (Lost.HOST,)),
}


@pytest.mark.parametrize(("origin", "environ", "lost"), LOST.values(), ids=LOST)
def test_what_is_lost_is_told_by_what_the_page_says(origin, environ, lost):
    server, told = refused(origin, environ)
    assert server.lost == lost
    assert server.clue is not None
    assert f"SIO_CORS_OWN_ORIGINS = ['{origin}']" in told
    assert "SIO_CORS_ORIGINS" not in told


CURES = {
    "no scheme": [
        "takes itself for http://tinypilot.local (from Host; no X-Forwarded-Proto came)",
        "the page says https:",
        "proxy_set_header X-Forwarded-Proto $scheme;",
    ],
    "an empty scheme": ["no X-Forwarded-Proto came"],
    "an inner proxy": ["X-Forwarded-Proto says 'http'", "$http_x_forwarded_proto;"],
    "no port": ["the page says port 8443", "proxy_set_header Host $http_host;"],
    "the inner port 80": ["https://tinypilot.local:80 (", "the page says no port"],
    "neither": ["https: and port 8443", "$scheme;", "Host $http_host;"],
    "ProxyFix, and no scheme": ["as ProxyFix has it", "X-Forwarded-Proto $scheme;"],
    "ProxyFix, and an inner proxy": ["$http_x_forwarded_proto;"],
    "ProxyFix of too few proxies": ["x_proto=2"],
    "a forwarded host, and no scheme": ["from X-Forwarded-Host"],
    "a forwarded host without its port": ["proxy_set_header X-Forwarded-Host $http_host;"],
    "ProxyFix without the host": ["ProxyFix leaves that out", "x_host=2"],
    "ProxyFix without the host and its port": ["X-Forwarded-Host $http_host;", "x_host=1"],
    "ProxyFix of a host without its port": ["X-Forwarded-Host $http_host;"],
    "no scheme at all": ["$scheme;"],
    "no scheme at all, by http:": ["takes itself for on://", "the page says http:", "$scheme;"],
    "a forwarded host behind another's": [
        "the X-Forwarded-Host header names it, of which the first value counts",
        "Host $http_host;",
    ],
    "X-Original-Host": ["the X-Original-Host header names it", "Host $http_host;"],
    "X-Host": ["the X-Host header names it", "Nobody here reads the X-Host header"],
    "Forwarded": ["the Forwarded header names it", "(RFC 7239), which came", "Host $http_host;"],
}


@pytest.mark.parametrize(("name", "words"), CURES.items(), ids=CURES)
def test_the_sentence_says_what_to_change(name, words):
    origin, environ, _ = LOST[name]
    told = refused(origin, environ)[1]
    assert all(word in told for word in words), told


HTTP = {"x_forwarded_proto": "http"}
#: What a proxy adds to requests → how it is told what to do.
TOLD_OF = {
    "ingress-nginx": (
        {"x_scheme": "http", "x_forwarded_scheme": "http", **HTTP},
        '(ingress-nginx: use-forwarded-headers: "true"',
    ),
    "Istio": ({"x_envoy_decorator_operation": "a", **HTTP}, "numTrustedProxies: 1"),
    "Traefik": (
        {"x_forwarded_server": "t", "x_forwarded_port": "80", **HTTP},
        "(Traefik: at the entry point",
    ),
    "nginx behind Traefik": (
        {"x_forwarded_server": "t", "x_forwarded_port": "443", **HTTP},
        "(nginx: proxy_set_header",
    ),
    "Apache": ({"x_forwarded_server": "a"}, "(Apache: RequestHeader set X-Forwarded-Proto"),
    "nginx behind lighttpd": (
        {"x_host": HOST, **HTTP},
        "(nginx: proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto; lighttpd: extforward",
    ),
    "Caddy": (
        {"via": "2.0 Caddy", **HTTP},
        "$http_x_forwarded_proto; Caddy: trusted_proxies private_ranges",
    ),
    "IIS": ({"x_arr_log_id": "1", "x_arr_ssl": "1"}, "HTTP_X_FORWARDED_PROTO"),
    "an unknown one": ({"x_forwarded_for": "1.2.3.4"}, "(nginx: proxy_set_header"),
}


@pytest.mark.parametrize(("headers", "line"), TOLD_OF.values(), ids=TOLD_OF)
def test_the_proxy_that_shows_is_told_in_its_own_language(headers, line):
    told = refused(PI, asked(HOST, **headers))[1]
    assert line in told
    assert told.endswith("/proxy.html")


HOSTS_OF = {
    "Azure's gateway": (
        {"x_appgw_trace_id": "1", "x_original_host": HOST, "x_arr_log_id": "1", **HTTPS},
        "Override with new host name: No",
    ),
    "Azure's App Service": (
        {"disguised_host": "up.example", "x_arr_log_id": "1", "x_original_host": HOST, **HTTPS},
        "(nginx: proxy_set_header Host $http_host;)",
    ),
    "Varnish": ({"x_varnish": "1", "forwarded": f"host={HOST}", **HTTPS}, "Varnish: remove set"),
}


@pytest.mark.parametrize(("headers", "line"), HOSTS_OF.values(), ids=HOSTS_OF)
def test_the_proxy_that_rewrites_the_host_is_told_in_its_own_language(headers, line):
    assert line in refused(PI, asked("up.example", **headers))[1]


@pytest.mark.parametrize("clue", [Clue.BROWSER, Clue.SESSION])
def test_a_host_that_a_proxy_wrote_is_told_by_what_other_requests_have_shown(clue):
    server, told = refused(PI, asked("up:5000", x_forwarded_proto="wss"), clue=clue)
    assert server.lost == (Lost.HOST,)
    assert "takes itself for https://up:5000" in told
    assert "proxy_set_header Host $http_host;" in told


@pytest.mark.parametrize(
    "taken_for", [asked(HOST, **HTTPS), asked(HOST, sec_fetch_site="same-origin")]
)
def test_what_is_told_of_a_page_with_a_dot_at_the_end_of_its_name_can_be_set(taken_for):
    trusting = {"TRUSTED_HOSTS": [HOST]} if "HTTP_SEC_FETCH_SITE" in taken_for else {}
    told = refused(f"{PI}.", taken_for, trusting)[1]
    assert f"SIO_CORS_OWN_ORIGINS = ['{PI}', '{PI}.']" in told
    Options.from_config({"SIO_CORS_OWN_ORIGINS": [PI, f"{PI}."]})
    named = {"SIO_CORS_OWN_ORIGINS": [PI]}
    added = refused(f"{PI}.", asked(HOST, sec_fetch_site="same-origin"), named)[1]
    assert f"Add it: SIO_CORS_OWN_ORIGINS = ['{PI}', '{PI}.']" in added


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forwarded", "proto=https"),
        ("x_forwarded_port", "443"),
        ("x_forwarded_scheme", "https"),
        ("front_end_https", "on"),
        ("wl_proxy_ssl", "true"),
    ],
)
def test_the_header_that_nobody_reads_is_named(name, value):
    shown = name.replace("_", "-")
    told = refused(PI, asked(HOST, **{name: value}))[1]
    assert f"nobody here reads the {shown} header" in told.lower()
    assert "Nobody here reads" not in refused(PI, asked(HOST))[1]


# --- Pages that may be another's --------------------------------------------------------------

PERHAPS = {
    "a loopback Host": ("https://shop.example", asked("127.0.0.1:5000"), "Host $http_host;"),
    "by http:": ("http://192.168.1.5", asked("localhost:5000"), "Host $http_host;"),
    "an upstream's name": ("https://shop.example", asked("flask_app"), "X-Forwarded-Proto $scheme"),
    "a service of Kubernetes": (
        "https://shop.example",
        asked("api.default.svc.cluster.local:5000"),
        "Host $http_host;",
    ),
    "a machine of a cloud": (
        "https://shop.example",
        asked("ip-10-0-0-7.ec2.internal:5000"),
        "Host $http_host;",
    ),
    "a service of Kubernetes, this machine": (
        "http://localhost:8080",
        asked("api.default.svc:5000"),
        "Host $http_host;",
    ),
    "an inner address": ("https://shop.example", asked("10.0.0.3:8000"), "Host $http_host;"),
    "an inner port": (PI, asked(f"{HOST}:5000", scheme="https", via="x"), "Host $http_host;"),
    "no port, this machine": (
        "http://localhost:8080",
        asked("localhost", x_real_ip="127.0.0.1"),
        "Host $http_host;",
    ),
    "a container's name": ("http://localhost:8080", asked("api:5000"), "Host $http_host;"),
    "no port, no proxy": ("http://h.example:8080", asked("h.example"), "Host $http_host;"),
}


@pytest.mark.parametrize(("origin", "environ", "cure"), PERHAPS.values(), ids=PERHAPS)
@pytest.mark.parametrize("config", [{}, {"SIO_CORS_ORIGINS": ["https://friend.example"]}])
def test_of_a_page_that_need_not_be_its_own_both_ways_are_told(origin, environ, cure, config):
    server, told = refused(origin, environ, config)
    assert server.lost
    assert server.clue is None
    ways = [f"SIO_CORS_OWN_ORIGINS = ['{origin}']", "If it is this server's own page", cure]
    assert all(word in told for word in (*ways, "SIO_CORS_ORIGINS")), told


STRANGERS = {
    "another host": ("https://evil.example", asked(HOST)),
    "another host, by an inner name": ("http://app:3000", asked("api:5000")),
    "another address of the network": ("http://192.168.1.7:3000", asked("192.168.1.5:5000")),
    "another port": ("http://localhost:3000", asked("localhost:5000")),
    "another subdomain": ("https://a.example.com", asked("example.com")),
    "null": ("null", asked("example.com")),
    "an app": ("capacitor://localhost", asked("example.com")),
    "no origin's host": ("https://exa mple", asked("exa mple")),
}


@pytest.mark.parametrize(("origin", "environ"), STRANGERS.values(), ids=STRANGERS)
def test_of_a_strangers_page_nothing_is_lost(origin, environ):
    server, told = refused(origin, environ)
    assert server is None or (server.lost, server.clue) == ((), None)
    assert "SIO_CORS_OWN_ORIGINS" not in told
    assert "this one comes" not in told


def test_where_the_browser_says_that_it_is_anothers_nothing_is_guessed():
    assert refused(PI, asked(HOST, sec_fetch_site="same-site"))[0] is None


@pytest.mark.parametrize(
    ("headers", "config", "source"),
    [
        (HTTPS, {}, "X-Forwarded-Proto says 'https'"),
        ({}, {"SESSION_COOKIE_SECURE": True}, "the configuration speaks for https:"),
        ({}, {"PREFERRED_URL_SCHEME": "https"}, "the configuration speaks for https:"),
        ({}, {"SIO_CORS_ORIGINS": [PI]}, "no X-Forwarded-Proto came, and the configuration"),
    ],
)
def test_an_http_page_of_an_https_server_is_told_so(headers, config, source):
    told = refused(PI.replace("https", "http"), asked(HOST, **headers), config)[1]
    assert f"are taken to be those of {PI} (from Host; " in told
    assert f"{source}" in told
    assert "this one comes by http:" in told


def test_where_only_the_own_origin_is_allowed_it_is_named():
    told = refused("https://evil.example", asked("chat.example.com"))[1]
    assert "own origin (it takes itself for http://chat.example.com (from Host;" in told


# --- What is trusted, and what is named -------------------------------------------------------

TRUSTING = {"TRUSTED_HOSTS": ["127.0.0.1"]}


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ({"x_forwarded_host": "shop.example", **HTTPS}, "as X-Forwarded-Host says"),
        ({"sec_fetch_site": "same-origin"}, "as the browser says"),
        ({"sec_fetch_site": "same-origin", "x_forwarded_host": "shop.example"}, "the browser"),
    ],
)
def test_a_host_that_is_missing_in_trusted_hosts_is_named(headers, who):
    told = refused("https://shop.example", asked("127.0.0.1:5000", **headers), TRUSTING)[1]
    assert who in told
    assert "'shop.example' is not in TRUSTED_HOSTS" in told
    assert "Add it there" in told
    both = {"TRUSTED_HOSTS": ["127.0.0.1", "shop.example"]}
    environ = asked("127.0.0.1:5000", **headers) | {"HTTP_ORIGIN": "https://shop.example"}
    assert Policy(Options.from_config(both)).judge(environ)[0].outcome is not REFUSED


NAMED = {"SIO_CORS_OWN_ORIGINS": ["https://a.example", "https://b.example"]}


def test_where_own_origins_are_named_those_of_the_host_are_told():
    told = refused("https://evil.example", asked("up:5000"), NAMED)[1]
    assert "own origin (it takes itself for https://a.example, https://b.example) is" in told
    told = refused("https://a.example", asked("b.example"), NAMED)[1]
    assert "own origin (it takes itself for https://b.example) is allowed" in told


@pytest.mark.parametrize("host", ["192.168.1.5:5000", "pi.local", "pi", "[fd00::5]:5000"])
def test_a_networks_name_for_the_server_that_is_not_named_is_told_to_be_added(host):
    told = refused(f"http://{host}", asked(host), NAMED)[1]
    assert "is most likely this server's own, which is asked by that name" in told
    assert f"= ['https://a.example', 'https://b.example', 'http://{host}']." in told
    # Whoever has a name of their own lets it point anywhere (DNS rebinding).
    assert "most likely" not in refused("http://evil.example", asked("evil.example"), NAMED)[1]
    # Another machine's page, and another's by its browser's word.
    assert "most likely" not in refused(f"http://{host}", asked("up:5000"), NAMED)[1]
    elsewhere = asked(host, sec_fetch_site="same-site")
    assert "most likely" not in refused(f"http://{host}", elsewhere, NAMED)[1]


def test_where_own_origins_are_named_a_slip_and_a_missing_one_are_told():
    told = refused("http://a.example", asked("up:5000"), NAMED)[1]
    assert "this one comes by http:" in told
    told = refused("https://c.example", asked("up", sec_fetch_site="same-origin"), NAMED)[1]
    assert "as the browser says, and SIO_CORS_OWN_ORIGINS does not name it" in told
    assert "= ['https://a.example', 'https://b.example', 'https://c.example']." in told


# --- Whatever comes ---------------------------------------------------------------------------

NAMES = ["HTTP_HOST", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED"]
PARTS = ["shop.example", "up:5000", ":443", "[::1]", "[", ",", " ", "https", "host=", '"', ";", "."]
VALUES = st.one_of(
    st.lists(st.sampled_from(PARTS), max_size=5).map("".join),
    # As servers decode what comes: Latin-1.
    st.text(st.characters(max_codepoint=255), max_size=40),
)
ENVIRONS = st.fixed_dictionaries(
    {
        "wsgi.url_scheme": st.sampled_from(["http", "https", "ws"]),
        "REQUEST_METHOD": st.just("POST"),
    },
    optional=dict.fromkeys(NAMES, VALUES) | {PROXY_FIX: st.just({"HTTP_HOST": "up:5000"})},
)
ORIGINS = ["https://shop.example", "http://shop.example:8080", "http://[::1]:5000", PI]
CONFIGS = [{}, {"TRUSTED_HOSTS": ["up", "[::1]"]}, {"SIO_CORS_OWN_ORIGINS": "https://a.example"}]


@given(ENVIRONS, st.sampled_from(ORIGINS), st.sampled_from(CONFIGS))
def test_every_request_has_an_explanation_that_fits_the_verdict(environ, origin, config):
    options = Options.from_config(config)
    policy = Policy(options)
    verdict, _, page = policy.judge(environ | {"HTTP_ORIGIN": origin})
    server = policy.server_of(environ, origin)
    told = explain_refusal(Reason.ORIGIN_NOT_ALLOWED, page, origin, options, server=server)
    assert told.isprintable()
    assert told.isascii() or "…" in told
    assert len(told) < 2000
    if verdict.reason is Reason.ORIGIN_NOT_ALLOWED:
        # What is refused is never what the server says that it takes itself for.
        assert server.named or server.address.origin != origin
