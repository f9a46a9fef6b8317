"""Beside the extensions and middleware that applications use: each rules its own."""

import json

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from tests.support.clients import page, python_client
from tests.support.harness import wait_until
from tests.support.raw_http import POLLING

FRIEND = "https://friend.example"
OTHER = "https://other.example"
STRANGER = "https://stranger.example"

ORIGINS = f"app.config['SIO_CORS_ORIGINS'] = ['{FRIEND}']"
MISSING_SLASH = "/socket.io?EIO=4&transport=polling"


# --- Flask-CORS -------------------------------------------------------------------------------


def beside_flask_cors(first, settings=""):
    """Flask-CORS on every path, initialised before SioCors or after it."""
    use = f"""
from flask_cors import CORS
CORS(app, origins=["{OTHER}", "{FRIEND}"], supports_credentials=True, expose_headers=["X-Api"])
"""
    if first:
        return {"config": f"{ORIGINS}\n{settings}\n{use}"}
    return {"config": f"{ORIGINS}\n{settings}", "after": use}


each_order = pytest.mark.parametrize("first", [True, False], ids=["before", "after"])


@each_order
def test_flask_cors_rules_flasks_paths_and_this_extension_the_servers(serve, first):
    server = serve(**beside_flask_cors(first))
    api = server.request("GET", "/api", [("Origin", OTHER)])
    assert api.cors_headers == {
        "access-control-allow-origin": OTHER,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Api",
    }
    assert server.request("GET", POLLING, [("Origin", OTHER)]).status == 403
    own = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert own.cors_headers == {"access-control-allow-origin": FRIEND}
    assert server.preflight(OTHER, target="/api").header("Access-Control-Allow-Origin") == OTHER
    assert server.preflight(OTHER).status == 403


@each_order
def test_no_header_comes_twice_where_flask_cors_completes_an_answer_of_this_extension(serve, first):
    server = serve(**beside_flask_cors(first))
    stray = server.request("GET", MISSING_SLASH, [("Origin", FRIEND)])
    assert (stray.status, stray.cors_headers) == (404, {"access-control-allow-origin": FRIEND})
    assert stray.values("Vary") == ["Origin"]
    preflight = server.preflight(FRIEND, target=MISSING_SLASH)
    assert preflight.cors_headers == server.preflight(FRIEND).cors_headers
    assert preflight.header("Vary") == server.preflight(FRIEND).header("Vary")
    # What this extension refuses is not let in by the other.
    refused = server.request("GET", MISSING_SLASH, [("Origin", OTHER)])
    assert (refused.status, refused.cors_headers) == (403, {})


@each_order
def test_a_preflight_handed_to_a_flask_with_flask_cors_has_each_header_once(serve, first):
    server = serve(**beside_flask_cors(first, "app.config['SIO_CORS_PREFLIGHT_CONTINUE'] = True"))
    response = server.preflight(FRIEND)
    assert response.cors_headers == {
        "access-control-allow-origin": FRIEND,
        "access-control-allow-methods": "GET, POST",
    }
    assert response.header("Vary")


def test_one_configuration_serves_both(serve, run_clients):
    server = serve(
        f"""
        from flask_cors import CORS
        app.config["CORS_ORIGINS"] = ["{FRIEND}"]
        app.config["CORS_SUPPORTS_CREDENTIALS"] = True
        app.config["CORS_EXPOSE_HEADERS"] = ["X-Api"]
        CORS(app)
        """
    )
    expected = {
        "access-control-allow-origin": FRIEND,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Api",
    }
    for target in ("/api", POLLING):
        assert server.request("GET", target, [("Origin", FRIEND)]).cors_headers == expected
        assert server.request("GET", target, [("Origin", STRANGER)]).cors_headers == {}
    [outcome] = run_clients(
        page(server.url, FRIEND, cookies=[server.login("ada")], withCredentials=True)
    )
    assert outcome.whoami == "ada"


# --- Werkzeug's middleware --------------------------------------------------------------------

PROXY_FIX = """
from werkzeug.middleware.proxy_fix import ProxyFix
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
"""
BY_ADDRESS = """
def by_address(request):
    return request.remote_addr == "192.0.2.7"

app.config["SIO_CORS_ALLOW_REQUEST"] = by_address
"""
# As a proxy in front of https://chat.example sends it.
FORWARDED = [
    ("X-Forwarded-For", "192.0.2.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "chat.example"),
]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param({"config": ORIGINS + PROXY_FIX}, id="inside"),
        pytest.param({"config": ORIGINS, "after": PROXY_FIX}, id="outside"),
    ],
)
def test_behind_a_proxy_the_public_origin_is_the_servers_own(serve, place):
    server = serve(**place)
    own, friend = (
        server.request("GET", POLLING, [("Origin", origin), *FORWARDED])
        for origin in ("https://chat.example", FRIEND)
    )
    assert (own.status, friend.status) == (200, 200)
    for stranger in (STRANGER, "http://chat.example", "https://chat.example:8443"):
        assert server.request("GET", POLLING, [("Origin", stranger), *FORWARDED]).status == 403
    stray = server.request("GET", MISSING_SLASH, [("Origin", "https://chat.example"), *FORWARDED])
    assert stray.status == 404
    assert stray.header("Access-Control-Allow-Origin") == "https://chat.example"


def test_proxy_fix_outside_shows_allow_request_the_clients_address(serve):
    server = serve(ORIGINS + BY_ADDRESS, after=PROXY_FIX)
    assert server.request("GET", POLLING, FORWARDED).status == 200
    assert server.request("GET", POLLING).status == 403


def test_proxy_fix_inside_sees_flasks_requests_only(serve):
    # Engine.IO's requests never pass it; Flask-SocketIO's manual has it outside, therefore.
    server = serve(ORIGINS + BY_ADDRESS + PROXY_FIX)
    assert server.request("GET", POLLING, FORWARDED).status == 403


def test_proxy_fix_with_a_prefix_names_the_public_path_to_strays(serve):
    server = serve(ORIGINS, after=PROXY_FIX)
    headers = [("Origin", FRIEND), ("X-Forwarded-Prefix", "/chat")]
    stray = server.request("GET", MISSING_SLASH, headers)
    assert "is at /chat/socket.io/" in json.loads(stray.body)["message"]


def test_a_dispatcher_with_a_prefix_keeps_the_guard(serve, run_clients):
    server = serve(
        ORIGINS,
        after="""
            from werkzeug.exceptions import NotFound
            from werkzeug.middleware.dispatcher import DispatcherMiddleware
            app.wsgi_app = DispatcherMiddleware(NotFound(), {"/chat": app.wsgi_app})
        """,
    )
    outcomes = run_clients(
        *(
            page(server.url, origin, path="/chat/socket.io", transports=transports)
            for origin in (FRIEND, STRANGER)
            for transports in (["polling"], ["websocket"], ["polling", "websocket"])
        )
    )
    assert [outcome.connected for outcome in outcomes] == [True] * 3 + [False] * 3
    assert server.preflight(FRIEND, target=f"/chat{POLLING}").status == 204
    assert server.preflight(STRANGER, target=f"/chat{POLLING}").status == 403
    assert server.preflight(FRIEND).status == 404


# --- Flask-Login ------------------------------------------------------------------------------

FLASK_LOGIN = """
    from flask import session
    from flask_login import LoginManager, UserMixin, current_user, login_user

    class User(UserMixin):
        def __init__(self, name):
            self.id = name

    manager = LoginManager(app)
    manager.user_loader(User)

    @app.get("/login/<name>")
    def log_in(name):
        login_user(User(name))
        return current_user.id

    def members_only(request):
        return current_user.is_authenticated and current_user.id != "eve"

    app.config["SIO_CORS_ORIGINS"] = ["https://friend.example"]
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    app.config["SIO_CORS_ALLOW_REQUEST"] = members_only
"""


def test_allow_request_knows_flask_logins_current_user(serve, run_clients):
    server = serve(FLASK_LOGIN)
    ada, eve = (
        server.request("GET", f"/login/{name}").header("Set-Cookie").partition(";")[0]
        for name in ("ada", "eve")
    )
    for transports in (["polling"], ["websocket"]):
        outcomes = run_clients(
            *(
                page(
                    server.url,
                    FRIEND,
                    cookies=cookies,
                    withCredentials=True,
                    transports=transports,
                )
                for cookies in ([ada], [eve], [])
            )
        )
        assert [outcome.connected for outcome in outcomes] == [True, False, False]
    refused = server.request("GET", POLLING, [("Origin", FRIEND), ("Cookie", eve)])
    assert refused.header("Access-Control-Allow-Origin") == FRIEND


# --- Flask-Talisman ---------------------------------------------------------------------------


@each_order
def test_flask_talisman_completes_what_flask_answers(serve, first):
    use = """
from flask_talisman import Talisman
Talisman(app, force_https=False)
"""
    server = serve(ORIGINS + use) if first else serve(ORIGINS, after=use)
    page_of_flask = server.request("GET", "/api", [("Origin", FRIEND)])
    assert page_of_flask.header("X-Frame-Options") == "SAMEORIGIN"
    assert page_of_flask.cors_headers == {}
    stray = server.request("GET", MISSING_SLASH, [("Origin", FRIEND)])
    assert stray.header("X-Frame-Options") == "SAMEORIGIN"
    assert stray.header("Access-Control-Allow-Origin") == FRIEND
    handshake = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert handshake.status == 200
    assert handshake.header("X-Frame-Options") is None


def test_flask_talisman_that_forces_https_hides_no_stray_from_its_page(serve):
    server = serve(f"{ORIGINS}\nfrom flask_talisman import Talisman\nTalisman(app)")
    assert server.request("GET", "/api").status == 302
    stray = server.request("GET", MISSING_SLASH, [("Origin", FRIEND)])
    assert stray.status == 404
    assert server.preflight(FRIEND, target=MISSING_SLASH).status == 204


# --- Flask's debugger, reloader and test clients ----------------------------------------------

CRASHING = """
@app.get("/crash")
def crash():
    raise LookupError("for the debugger")
"""


@pytest.mark.parametrize("kind", ["eventlet, debug", "flask run --debug"])
def test_the_debugger_shows_flasks_errors_and_the_guard_stays(serve, kind):
    server = serve(ORIGINS + CRASHING, server=kind)
    crash = server.request("GET", "/crash")
    assert crash.status == 500
    assert b"Werkzeug" in crash.body
    assert b"for the debugger" in crash.body
    assert python_client(server.url, FRIEND).echo == "hello"
    refused = server.request("GET", POLLING, [("Origin", STRANGER)])
    assert refused.status == 403
    assert "SIO_CORS_ORIGINS" in json.loads(refused.body)["message"]
    assert server.preflight(FRIEND, target=MISSING_SLASH).status == 204


def test_a_preflight_handed_over_passes_the_debugger(serve):
    server = serve(
        f"""
        app.config["SIO_CORS_ORIGINS"] = ["{FRIEND}"]
        app.config["SIO_CORS_PREFLIGHT_CONTINUE"] = True

        @app.route("/socket.io/", methods=["OPTIONS"])
        def crash():
            raise LookupError("for the debugger")
        """,
        server="eventlet, debug",
    )
    response = server.preflight(FRIEND)
    assert response.status == 500
    assert b"for the debugger" in response.body
    assert response.header("Access-Control-Allow-Origin") == FRIEND


def test_after_a_reload_the_changed_configuration_is_in_force(serve, tmp_path):
    settings = tmp_path / "settings.py"
    settings.write_text(f"SIO_CORS_ORIGINS = ['{FRIEND}']\n")
    # The reloader watches the modules that are imported.
    watched = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        sys.dont_write_bytecode = True
        import settings
        app.config.from_object(settings)
    """
    with serve(watched, server="flask run --debug", fresh=True) as server:
        assert server.preflight(FRIEND).status == 204
        assert server.preflight(STRANGER).status == 403
        settings.write_text(f"SIO_CORS_ORIGINS = ['{STRANGER}']\n")
        wait_until(lambda: "Restarting with" in server.log().partition("Detected change")[2], 20)
        server.wait_until_ready()
        assert server.preflight(STRANGER).status == 204
        assert server.preflight(FRIEND).status == 403


def test_socketios_test_client_works_without_an_origin():
    app = Flask("tested")
    app.config["SIO_CORS_ORIGINS"] = [FRIEND]
    socketio = SocketIO(app, async_mode="threading")
    SioCors(app)
    socketio.on_event("echo", lambda words: words)
    client = socketio.test_client(app, flask_test_client=app.test_client())
    assert client.is_connected()
    assert client.emit("echo", "hello", callback=True) == "hello"
    client.disconnect()


def test_flasks_test_client_sees_the_guard():
    app = Flask("tested")
    app.config["SIO_CORS_ORIGINS"] = [FRIEND]
    SocketIO(app, async_mode="threading")
    SioCors(app)
    response = app.test_client().get(POLLING, headers={"Origin": STRANGER})
    assert response.status_code == 403
