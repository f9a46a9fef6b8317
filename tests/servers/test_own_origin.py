"""A page's own server, behind a proxy that hides its name: what the session's polling proved."""

import pytest

from tests.support.raw_http import POLLING, WEBSOCKET

OWN = ("Origin", "https://shop.example")
PROOF = ("Sec-Fetch-Site", "same-origin")
HOST = ("Host", "upstream:5000")
KINDS = ["eventlet", "gevent, simple-websocket", "threading"]


@pytest.fixture(params=KINDS)
def server(request, serve):
    return serve("", server=request.param)


@pytest.fixture
def sid(server):
    """Return a session that a page of the server's own has opened, as Chromium asks for it."""
    return server.request("GET", POLLING, [HOST, PROOF]).sid


def post(server, sid, *headers):
    return server.request("POST", f"{POLLING}&sid={sid}", [HOST, *headers], b"40").status


def upgrade(server, sid, *headers):
    return server.websocket([HOST, *headers], target=f"{WEBSOCKET}&sid={sid}").status


def test_a_session_that_proved_its_origin_is_upgraded_with_it(server, sid):
    assert post(server, sid, OWN, PROOF) == 200
    assert upgrade(server, sid, OWN) == 101


def test_a_session_that_proved_nothing_is_not(server, sid):
    assert post(server, sid) == 200
    assert upgrade(server, sid, OWN) == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "http://shop.example")],
        [OWN, ("Sec-Fetch-Site", "cross-site")],
    ],
)
def test_what_it_proved_is_worth_nothing_to_others(server, sid, headers):
    assert post(server, sid, OWN, PROOF) == 200
    assert upgrade(server, sid, *headers) == 403


def test_it_is_worth_nothing_without_the_session(server, sid):
    assert post(server, sid, OWN, PROOF) == 200
    assert server.websocket([HOST, OWN]).status == 403
    assert upgrade(server, "another", OWN) == 403
    assert post(server, sid, OWN) == 403


def test_a_page_elsewhere_proves_nothing(server, sid):
    assert post(server, sid, OWN, ("Sec-Fetch-Site", "same-site")) == 403
    assert upgrade(server, sid, OWN) == 403


def test_where_it_is_named_a_websocket_needs_no_proof(serve):
    named = serve(f"app.config['SIO_CORS_OWN_ORIGINS'] = '{OWN[1]}, https://b.example'")
    assert named.websocket([HOST, OWN]).status == 101
    assert named.websocket([HOST, ("Origin", "http://shop.example")]).status == 403
    assert named.websocket([("Host", "b.example"), OWN]).status == 403
    assert (
        named.request("GET", POLLING, [HOST, ("Origin", "https://x.example"), PROOF]).status == 403
    )


def refusals(server):
    return [line for line in server.log().splitlines() if "Refused" in line]


def test_a_websocket_without_a_session_is_refused_with_what_helps(serve):
    server = serve("", fresh=True)
    sid = server.request("GET", POLLING, [HOST, PROOF]).sid
    assert post(server, sid, OWN, PROOF) == 200
    assert server.websocket([HOST, OWN]).status == 403
    [line] = refusals(server)
    assert "its polling works" in line
    assert "takes itself for http://upstream:5000" in line
    assert f"SIO_CORS_OWN_ORIGINS = ['{OWN[1]}']" in line


def test_a_refusal_sees_that_the_page_is_the_servers_own(serve):
    server = serve("", server="eventlet, debug", fresh=True)
    page = [("Host", "tinypilot.local"), ("Origin", "https://tinypilot.local")]
    answer = server.request("GET", POLLING, page)
    [line] = refusals(server)
    for told in (line, answer.body.decode()):
        assert "takes itself for http://tinypilot.local" in told
        assert "X-Forwarded-Proto $scheme" in told
        assert "SIO_CORS_ORIGINS" not in told


@pytest.mark.parametrize("settings", ["'*'", "['https://shop.example']"])
def test_the_upgrade_of_an_own_page_that_is_listed_too_is_its_own(serve, settings):
    server = serve(f"app.config['SIO_CORS_ORIGINS'] = {settings}", fresh=True)
    cookie = ("Cookie", "session=x")
    sid = server.request("GET", POLLING, [HOST, PROOF, cookie]).sid
    assert post(server, sid, OWN, PROOF, cookie) == 200
    assert upgrade(server, sid, OWN, cookie) == 101
    assert "stayed outside" not in server.log()
    assert server.websocket([HOST, OWN, cookie]).status == 101
    assert "is not known to be the server's own" in server.log()
    assert "SIO_CORS_OWN_ORIGINS" in server.log()


SPELLINGS = {
    "its port, as https: has it": ("https://h.example", ["h.example:443"], ["https"], []),
    "its port, as http: has it": ("http://h.example", ["h.example:80"], [], []),
    "capitals": ("http://h.example", ["H.Example"], [], []),
    "a dot": ("http://h.example.", ["h.example."], [], []),
    "an IPv6 address": ("http://[::1]", ["[::1]:80"], [], []),
    "schemes of two proxies": ("https://h.example", ["h.example"], ["https, http"], []),
    "an empty scheme": ("http://h.example", ["h.example"], [""], []),
    "a scheme in capitals": ("https://h.example", ["h.example"], ["HTTPS"], []),
    "hosts of two proxies": ("http://h.example", ["up"], [], ["h.example, up"]),
    "hosts in two headers": ("http://h.example", ["up"], [], ["h.example", "up"]),
    "an empty forwarded host": ("http://h.example", ["h.example"], [], [""]),
}
OTHERS = {
    "another port": ("https://h.example", ["h.example:80"], ["https"], []),
    "no dot": ("http://h.example.", ["h.example"], [], []),
    "another scheme first": ("https://h.example", ["h.example"], ["http, https"], []),
    "two hosts": ("http://h.example", ["h.example, evil.example"], [], []),
    "no host": ("http://h.example", [""], [], []),
    "letters of no host": ("http://h.example", ["h\xe9.example"], [], []),
    "another forwarded host first": ("http://h.example", ["up"], [], ["up, h.example"]),
}


@pytest.mark.parametrize(
    ("name", "is_own"), [*((one, True) for one in SPELLINGS), *((one, False) for one in OTHERS)]
)
def test_each_server_reads_an_address_alike(server, name, is_own):
    origin, hosts, protos, forwarded = (SPELLINGS | OTHERS)[name]
    headers = [
        ("Origin", origin),
        *(("Host", value) for value in hosts),
        *(("X-Forwarded-Proto", value) for value in protos),
        *(("X-Forwarded-Host", value) for value in forwarded),
    ]
    assert server.request("GET", POLLING, headers).status == (200 if is_own else 403)
    assert server.websocket(headers).status == (101 if is_own else 403)
