"""Engine.IO requests that reach Flask: answered so that a page can read what is wrong."""

import json

import pytest

from tests.support.clients import page
from tests.support.raw_http import POLLING

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

ORIGINS = f"app.config['SIO_CORS_ORIGINS'] = ['{FRIEND}']"

# Hooks and routes that would each swallow a stray request: a login that redirects, registered
# before SioCors, and the catch-all route of a single-page application.
SWALLOWING = f"""
    {ORIGINS}

    from flask import redirect, request

    @app.before_request
    def require_login():
        if request.path.startswith("/private"):
            return redirect("/login")
        if "EIO" in request.args or "socket.io" in request.path:
            return redirect("/login")

    @app.route("/", defaults={{"path": ""}}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def single_page(path):
        return "<!doctype html>"
"""
QUERY = "?EIO=4&transport=polling"

MISSING_SLASH = f"/socket.io{QUERY}"
OTHER_PATH = f"/ws/{QUERY}"

STRAYS = {
    "missing slash": (MISSING_SLASH, "with the slash at its end"),
    "missing slash, no query": ("/socket.io", "with the slash at its end"),
    "another path": (OTHER_PATH, "is at /socket.io/"),
    "the root": (f"/{QUERY}", "is at /socket.io/"),
    "a deeper path": (f"/a/b/socket.io/{QUERY}", "is at /socket.io/"),
}
each_stray = pytest.mark.parametrize(("target", "advice"), STRAYS.values(), ids=STRAYS)


@pytest.fixture(scope="module")
def server(serve):
    return serve(SWALLOWING)


@each_stray
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stray_request_of_an_allowed_origin_is_told_the_right_path(
    server, method, target, advice
):
    response = server.request(method, target, [("Origin", FRIEND)])
    assert response.status == 404
    answer = json.loads(response.body)
    assert answer["code"] == 3
    assert advice in answer["message"]
    assert response.cors_headers == {"access-control-allow-origin": FRIEND}
    assert (response.header("Vary"), response.header("Cache-Control")) == ("Origin", "no-store")


@each_stray
def test_a_stray_request_of_another_origin_is_refused(server, target, advice):
    response = server.request("GET", target, [("Origin", STRANGER)])
    assert (response.status, response.cors_headers) == (403, {})
    assert json.loads(response.body) == {"code": 4, "message": "Forbidden"}


@each_stray
def test_a_stray_preflight_is_answered_like_any_other(server, target, advice):
    allowed = server.preflight(FRIEND, target=target)
    usual = server.preflight(FRIEND)
    assert (allowed.status, allowed.body) == (204, b"")
    assert allowed.cors_headers == usual.cors_headers
    for name in ("Vary", "Cache-Control", "Content-Type"):
        assert allowed.header(name) == usual.header(name)
    assert server.preflight(STRANGER, target=target).status == 403


@each_stray
def test_a_stray_request_without_an_origin_is_told_the_path_too(server, target, advice):
    response = server.request("GET", target)
    assert (response.status, response.cors_headers) == (404, {})
    assert advice in json.loads(response.body)["message"]


@each_stray
def test_a_stray_websocket_is_answered_and_never_opens(server, target, advice):
    target = target.replace("polling", "websocket")
    allowed = server.websocket([("Origin", FRIEND)], target=target)
    assert allowed.status == 404
    assert advice in json.loads(allowed.body)["message"]
    assert server.websocket([("Origin", STRANGER)], target=target).status == 403


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"addTrailingSlash": False}, id="missing slash"),
        pytest.param({"path": "/ws"}, id="another path"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"X-Own": "1"}], ids=["simple", "with a preflight"])
def test_a_page_can_read_that_it_asks_at_the_wrong_path(server, run_clients, options, headers):
    friend, stranger = run_clients(
        *(
            page(server.url, origin, transports=["polling"], extraHeaders=headers, **options)
            for origin in (FRIEND, STRANGER)
        )
    )
    assert friend.error["status"] == 404
    assert "/socket.io/" in json.loads(friend.error["body"])["message"]
    assert (stranger.error["status"], stranger.error["body"]) == (0, "")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/", 200, id="the page"),
        pytest.param("/chat?transport=bus", 200, id="transport alone"),
        pytest.param("/chat?EIO=4", 302, id="EIO alone"),
        pytest.param("/private", 302, id="a page behind a login"),
    ],
)
@pytest.mark.parametrize("origin", [FRIEND, STRANGER])
def test_every_other_request_passes_untouched(server, target, status, origin):
    response = server.request("GET", target, [("Origin", origin)])
    assert (response.status, response.cors_headers) == (status, {})
    assert response.header("Cache-Control") is None


def test_a_preflight_for_another_resource_passes(server):
    response = server.preflight(FRIEND, target="/api")
    assert (response.status, response.body) == (200, b"Flask has seen OPTIONS")
    assert response.cors_headers == {}


def test_a_refused_stray_request_is_signalled_and_logged(serve):
    server = serve(
        ORIGINS,
        after="""
            from flask_sio_cors import request_refused

            app.refusals = []

            @request_refused.connect_via(app)
            def note(sender, origin, reason, environ, **extra):
                app.refusals.append((origin, reason.value))
        """,
    )
    server.request("GET", MISSING_SLASH, [("Origin", STRANGER)])
    assert server.run("answer = app.refusals") == f"[('{STRANGER}', 'origin-not-allowed')]"
    assert STRANGER in server.log()


def test_a_server_at_another_path_answers_strays_at_the_usual_one(serve):
    server = serve(SWALLOWING, socketio_options={"path": "/live/chat"})
    assert server.request("GET", f"/live/chat/{QUERY}", [("Origin", FRIEND)]).status == 200
    for target in (POLLING, MISSING_SLASH, f"/live/chat{QUERY}"):
        response = server.request("GET", target, [("Origin", FRIEND)])
        assert response.status == 404
        assert "/live/chat/" in json.loads(response.body)["message"]
        assert response.cors_headers == {"access-control-allow-origin": FRIEND}


def test_under_a_prefix_the_message_names_the_path_that_the_client_must_use(serve):
    server = serve(
        SWALLOWING,
        after="""
            from werkzeug.exceptions import NotFound
            from werkzeug.middleware.dispatcher import DispatcherMiddleware

            app.wsgi_app = DispatcherMiddleware(NotFound(), {"/chat": app.wsgi_app})
        """,
    )
    assert server.request("GET", f"/chat{POLLING}", [("Origin", FRIEND)]).status == 200
    for target in (f"/chat/socket.io{QUERY}", f"/chat/ws/{QUERY}"):
        response = server.request("GET", target, [("Origin", FRIEND)])
        assert response.status == 404
        assert "is at /chat/socket.io/" in json.loads(response.body)["message"]
