"""What `allow_request` does to the session: saved by polling, logged as lost by WebSocket."""

import json

import pytest

from tests.support.harness import wait_until
from tests.support.raw_http import POLLING

FRIEND = "https://friend.example"
CONFIG = """
    from flask import session
    from flask_socketio import ConnectionRefusedError

    def count(request):
        session["seen"] = session.get("seen", 0) + 1
        if "stop" in request.args:
            raise ConnectionRefusedError("Not today")
        return "no" not in request.args

    app.config["SIO_CORS_ORIGINS"] = ["https://friend.example"]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    app.config["SIO_CORS_ALLOW_REQUEST"] = count
"""
ROUTE = """
    @app.get("/seen")
    def seen():
        from flask import session
        return str(session.get("seen"))
"""
KINDS = ["eventlet", "gevent", "threading"]


def cookie_of(answer):
    return answer.header("Set-Cookie").partition(";")[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["", "&no=1", "&stop=1"], ids=["allowed", "refused", "raised"])
def test_a_polling_handshake_saves_the_session(serve, kind, query):
    server = serve(CONFIG, after=ROUTE, server=kind)
    sent = [("Origin", FRIEND)]
    first = server.request("GET", POLLING + query, sent)
    assert first.status == (403 if query else 200)
    assert first.header("Access-Control-Allow-Origin") == FRIEND
    second = server.request("GET", POLLING + query, [*sent, ("Cookie", cookie_of(first))])
    assert server.request("GET", "/seen", [("Cookie", cookie_of(second))]).body == b"2"


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_websocket_the_loss_is_logged(serve, kind):
    server = serve(CONFIG, after=ROUTE, server=kind, fresh=True)
    answer = server.websocket([("Origin", FRIEND)])
    assert answer.status == 101
    assert answer.header("Set-Cookie") is None
    wait_until(lambda: "SIO_CORS_ALLOW_REQUEST: changed the session, which is lost" in server.log())


def test_a_refusal_is_logged_with_its_origin_and_its_message(serve):
    server = serve(CONFIG, after=ROUTE, fresh=True)
    answer = server.request("GET", f"{POLLING}&stop=1", [("Origin", FRIEND)])
    assert json.loads(answer.body)["message"] == "Not today"
    said = f"SIO_CORS_ALLOW_REQUEST refused the handshake of '{FRIEND}', and said 'Not today'."
    wait_until(lambda: said in server.log())


def test_a_session_that_is_only_read_sets_no_cookie(serve):
    reading = CONFIG.replace("""session["seen"] = session.get("seen", 0) + 1""", "session.get('x')")
    answer = serve(reading).request("GET", POLLING, [("Origin", FRIEND)])
    assert answer.status == 200
    assert answer.header("Set-Cookie") is None
