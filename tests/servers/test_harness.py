"""The harness itself, against plain Flask-SocketIO: it can tell allowed from refused."""

import pytest

from tests.support.clients import node, page, python_client
from tests.support.harness import ServerDiedError, wait_until
from tests.support.raw_http import POLLING

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
each_transport = pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS)


@pytest.fixture(scope="module")
def plain(serve):
    return serve(plain=True, socketio_options={"cors_allowed_origins": [FRIEND]})


@each_transport
@pytest.mark.parametrize("client", [page, node])
def test_a_client_in_node_connects_from_an_allowed_origin_only(
    plain, client, transports, run_clients
):
    friend, stranger = run_clients(
        client(plain.url, FRIEND, transports=transports),
        client(plain.url, STRANGER, transports=transports),
    )
    assert (friend.connected, friend.transport, friend.error) == (True, transports[-1], None)
    assert (friend.echo, friend.echo_event) == ("hello", "hello")
    assert not stranger.connected
    assert stranger.error["message"] in ("xhr poll error", "websocket error")


@each_transport
def test_a_python_client_connects_from_an_allowed_origin_only(plain, transports):
    friend = python_client(plain.url, FRIEND, transports=transports)
    stranger = python_client(plain.url, STRANGER, transports=transports)
    assert (friend.connected, friend.transport, friend.error) == (True, transports[-1], None)
    assert (friend.echo, friend.echo_event) == ("hello", "hello")
    assert not stranger.connected


def test_a_page_may_not_read_why_it_was_refused_but_a_node_program_may(plain, run_clients):
    in_page, in_node = run_clients(page(plain.url, STRANGER), node(plain.url, STRANGER))
    assert in_page.console == (f"Cross origin {STRANGER} forbidden",)
    assert (in_page.error["status"], in_page.error["body"]) == (0, "")
    assert in_node.error["status"] == 400
    assert "Not an accepted origin" in in_node.error["body"]


def test_a_page_asks_a_preflight_for_an_extra_header_and_heeds_the_answer(plain, run_clients):
    headers = {"X-Requested-With": "page"}
    allowed, refused, simple = run_clients(
        page(plain.url, FRIEND, transports=["polling"], extraHeaders=headers),
        page(plain.url, STRANGER, transports=["polling"], extraHeaders=headers),
        page(plain.url, FRIEND, transports=["polling"]),
    )
    assert allowed.connected
    asked = allowed.preflights[0].request_headers
    assert asked["origin"] == FRIEND
    assert asked["access-control-request-headers"] == "X-Requested-With"
    assert [exchange.method for exchange in refused.exchanges] == ["OPTIONS"]
    assert refused.console == ("Error: Response for preflight has invalid HTTP status code 400",)
    assert simple.connected
    assert not simple.preflights


def test_a_node_program_asks_no_preflight(plain, run_clients):
    [outcome] = run_clients(node(plain.url, FRIEND, extraHeaders={"X-Requested-With": "node"}))
    assert outcome.connected
    assert not outcome.preflights


def test_a_page_sends_origin_and_fetch_metadata_as_browsers_do(plain, run_clients):
    same_origin, cross_site = run_clients(
        page(plain.url, plain.url, transports=["polling"]),
        page(plain.url, FRIEND, transports=["polling"]),
    )
    get, post = (
        next(exchange for exchange in same_origin.exchanges if exchange.method == method)
        for method in ("GET", "POST")
    )
    assert "origin" not in get.request_headers
    assert get.request_headers["sec-fetch-site"] == "same-origin"
    assert cross_site.exchanges[0].request_headers["origin"] == FRIEND
    assert cross_site.exchanges[0].request_headers["sec-fetch-site"] == "cross-site"
    # Flask-SocketIO refuses this POST (its list does not name the server's own origin).
    assert not same_origin.connected
    assert post.request_headers["origin"] == plain.url
    assert post.status == 400


# Replaces the CORS headers of Engine.IO's answers by those in the request's query.
ANSWER_AS_ASKED = """
    from urllib.parse import parse_qsl

    def answer_as_asked(environ, start_response):
        query = parse_qsl(environ["QUERY_STRING"])
        asked = [pair for pair in query if pair[0].startswith("Access-Control-")]

        def start(status, headers, *rest):
            kept = [pair for pair in headers if not pair[0].startswith("Access-Control-")]
            return start_response(status, kept + asked, *rest)
        return engineio(environ, start)

    engineio = app.wsgi_app
    app.wsgi_app = answer_as_asked
"""


@pytest.mark.parametrize(
    ("answered", "without_credentials", "with_credentials"),
    [
        pytest.param({}, True, True, id="all as it should be"),
        pytest.param({"Origin": "*"}, True, False, id="any origin"),
        pytest.param({"Origin": STRANGER}, False, False, id="another origin"),
        pytest.param({"Headers": "*"}, True, False, id="any header"),
        pytest.param({"Headers": "X-Other"}, False, False, id="another header"),
        pytest.param({"Credentials": "True"}, True, False, id="credentials not spelled true"),
    ],
)
def test_a_page_holds_the_server_to_the_fetch_standard(
    serve, run_clients, answered, without_credentials, with_credentials
):
    server = serve(
        plain=True, socketio_options={"cors_allowed_origins": "*"}, after=ANSWER_AS_ASKED
    )
    answer = {"Origin": FRIEND, "Headers": "X-Own", "Credentials": "true"} | answered
    outcomes = run_clients(
        *(
            page(
                server.url,
                FRIEND,
                transports=["polling"],
                extraHeaders={"X-Own": "1"},
                query={f"Access-Control-Allow-{name}": value for name, value in answer.items()},
                withCredentials=credentials,
            )
            for credentials in (False, True)
        )
    )
    assert [outcome.connected for outcome in outcomes] == [without_credentials, with_credentials]


def test_the_wildcard_does_not_cover_the_authorization_header(serve, run_clients):
    server = serve(
        plain=True, socketio_options={"cors_allowed_origins": "*"}, after=ANSWER_AS_ASKED
    )
    query = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}
    outcomes = run_clients(
        *(
            page(server.url, FRIEND, transports=["polling"], extraHeaders=headers, query=query)
            for headers in ({"X-Own": "1"}, {"Authorization": "Bearer 1"})
        )
    )
    assert [outcome.connected for outcome in outcomes] == [True, False]


def test_a_page_of_an_opaque_origin_says_null(plain, run_clients):
    [outcome] = run_clients(page(plain.url, "null", transports=["polling"]))
    assert outcome.exchanges[0].request_headers["origin"] == "null"


def test_every_client_brings_its_cookie(plain, run_clients):
    cookie = plain.login("ada")
    outcomes = run_clients(
        page(plain.url, FRIEND, cookies=[cookie], withCredentials=True),
        node(plain.url, FRIEND, cookies=[cookie]),
        page(plain.url, FRIEND, cookies=[cookie], transports=["polling"]),
    )
    assert [outcome.whoami for outcome in outcomes] == ["ada", "ada", None]
    assert python_client(plain.url, FRIEND, cookies=[cookie]).whoami == "ada"


def test_a_raw_request_carries_the_bytes_that_it_was_given(plain):
    plain.request("GET", "/seen\x01", [("Origin", b"\xff\x00")])
    response = plain.request("GET", POLLING, [("Origin", FRIEND), ("Cookie", "a=b")])
    assert (response.status, response.header("Access-Control-Allow-Origin")) == (200, FRIEND)
    assert response.sid
    assert plain.request("GET", POLLING, [("Origin", b"\xff\x00")]).status == 400


def test_repeated_response_headers_stay_apart(serve):
    server = serve(
        plain=True,
        config="""
            @app.after_request
            def repeat(response):
                response.headers.add("Vary", "Origin")
                response.headers.add("Vary", "Cookie")
                return response
        """,
    )
    response = server.request("GET", "/api")
    assert response.values("vary") == ["Origin", "Cookie"]
    with pytest.raises(AssertionError, match="Vary came 2 times"):
        response.header("Vary")


def test_a_raw_websocket_handshake_returns_its_status(plain):
    assert plain.websocket([("Origin", FRIEND)]).status == 101
    refused = plain.websocket([("Origin", STRANGER)])
    assert refused.status == 400
    assert b"Not an accepted origin" in refused.body


def test_a_raw_preflight_is_answered(plain):
    assert plain.preflight(FRIEND).cors_headers["access-control-allow-origin"] == FRIEND
    assert plain.preflight(STRANGER).cors_headers == {}


@pytest.mark.parametrize("server", ["eventlet", "threading", "flask run"])
def test_each_kind_of_server_starts(serve, server, run_clients):
    running = serve(plain=True, server=server, socketio_options={"cors_allowed_origins": [FRIEND]})
    [outcome] = run_clients(page(running.url, FRIEND))
    assert (outcome.connected, outcome.transport) == (True, "websocket")


def test_equal_arguments_share_a_server_unless_a_fresh_one_is_wanted(serve, plain):
    same = {"plain": True, "socketio_options": {"cors_allowed_origins": [FRIEND]}}
    assert serve(**same) is plain
    with serve(**same, fresh=True) as fresh:
        assert fresh.port != plain.port
    assert not fresh.running
    assert plain.running


def test_the_log_shows_what_the_server_wrote(plain):
    plain.request("GET", POLLING, [("Origin", STRANGER)])
    wait_until(lambda: f"{STRANGER} is not an accepted origin" in plain.log())


def test_a_server_that_cannot_start_says_why(serve):
    with pytest.raises(ServerDiedError, match="the reason why"):
        serve("raise RuntimeError('the reason why')", plain=True)
