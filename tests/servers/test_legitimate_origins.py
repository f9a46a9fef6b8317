"""Nothing legitimate is refused: what is configured connects, whatever the form of its origin."""

import pytest

from tests.support.clients import node, page, python_client
from tests.support.legitimate_origins import LEGITIMATE, SAMPLE
from tests.support.raw_http import POLLING

each_origin = pytest.mark.parametrize("legitimate", LEGITIMATE, ids=lambda it: it.what)

CONFIGURED = list(dict.fromkeys(legitimate.configured for legitimate in LEGITIMATE))


@pytest.fixture(scope="module")
def server(serve):
    """One server that lists all of them at once."""
    return serve(f"app.config['SIO_CORS_ORIGINS'] = {CONFIGURED!r}")


@pytest.fixture(scope="module")
def credentialed(serve):
    """The same with credentials, for all that can have them."""
    origins = [text for text in CONFIGURED if text not in ("null", "file://")]
    return serve(f"""
        app.config["SIO_CORS_ORIGINS"] = {origins!r}
        app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
        app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True
    """)


def test_at_least_ninety_legitimate_origins_are_known_and_none_twice():
    assert len(LEGITIMATE) >= 90
    assert len({legitimate.origin for legitimate in LEGITIMATE}) == len(LEGITIMATE)
    assert len({legitimate.what for legitimate in LEGITIMATE}) == len(LEGITIMATE)
    assert len(SAMPLE) == 8


@each_origin
def test_a_configured_origin_connects_in_every_way(server, legitimate):
    origin = [("Origin", legitimate.origin)]
    preflight = server.preflight(legitimate.origin)
    handshake = server.request("GET", POLLING, origin)
    sent = server.request("POST", f"{POLLING}&sid={handshake.sid}", origin, b"40")
    assert (preflight.status, handshake.status, sent.status) == (204, 200, 200)
    for response in (preflight, handshake, sent):
        assert response.header("Access-Control-Allow-Origin") == legitimate.origin
    assert server.websocket(origin).status == 101


@each_origin
def test_it_may_send_credentials_where_that_identifies_a_site(credentialed, legitimate):
    response = credentialed.request("GET", POLLING, [("Origin", legitimate.origin)])
    if legitimate.origin in ("null", "file://"):
        assert (response.status, response.cors_headers) == (403, {})
    else:
        assert response.cors_headers == {
            "access-control-allow-origin": legitimate.origin,
            "access-control-allow-credentials": "true",
        }


@each_origin
def test_it_is_let_in_by_a_regular_expression_that_names_it(serve, legitimate):
    server = serve("""
        import re
        app.config["SIO_CORS_ORIGINS"] = re.compile(".*")
    """)
    response = server.request("GET", POLLING, [("Origin", legitimate.origin)])
    assert response.header("Access-Control-Allow-Origin") == legitimate.origin


@each_origin
def test_it_is_asked_of_a_function(serve, legitimate):
    server = serve("""
        app.config["SIO_CORS_ORIGINS"] = lambda origin: True
    """)
    response = server.request("GET", POLLING, [("Origin", legitimate.origin)])
    assert response.header("Access-Control-Allow-Origin") == legitimate.origin


def test_a_socket_io_client_in_node_connects_from_each_kind_of_origin(server, run_clients):
    outcomes = run_clients(*(node(server.url, legitimate.origin) for legitimate in SAMPLE))
    assert [(outcome.connected, outcome.transport) for outcome in outcomes] == [
        (True, "websocket")
    ] * len(SAMPLE)
    assert {outcome.echo for outcome in outcomes} == {"hello"}


def test_a_page_of_each_web_origin_connects(server, run_clients):
    origins = [it.origin for it in SAMPLE if it.origin.startswith(("http", "null"))]
    outcomes = run_clients(
        *(page(server.url, origin, extraHeaders={"X-Asks": "preflight"}) for origin in origins)
    )
    assert [(outcome.connected, outcome.error) for outcome in outcomes] == [(True, None)] * 6
    assert all(outcome.preflights for outcome in outcomes)


@pytest.mark.parametrize("legitimate", SAMPLE, ids=lambda it: it.what)
def test_a_python_client_connects_from_each_kind_of_origin(server, legitimate):
    outcome = python_client(server.url, legitimate.origin)
    assert (outcome.connected, outcome.transport) == (True, "websocket")
