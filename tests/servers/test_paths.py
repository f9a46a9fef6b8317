"""Path tricks: whatever path Engine.IO serves, the guard has judged it first.

The same requests go to plain Flask-SocketIO, whose dispatch is the measure, and to a guarded
server.
"""

import random
from itertools import product

import pytest
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.test import Client

from flask_sio_cors import SioCors
from tests.support import sessions
from tests.support.raw_http import UPGRADE, Response

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
QUERY = b"EIO=4&transport="

GUARDED = f"app.config['SIO_CORS_ORIGINS'] = '{FRIEND}'"

MOUNTED = """
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    def nothing(environ, start_response):
        start_response("404 NOT FOUND", [])
        return []

    app.wsgi_app = DispatcherMiddleware(nothing, {"/mount": app.wsgi_app})
"""
# What nginx is told to do in front of an application that lives below a path.
PROXIED = """
    def behind_a_proxy(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/prefix"):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/prefix", path[len("/prefix"):]
        return inner(environ, start_response)

    inner = app.wsgi_app
    app.wsgi_app = behind_a_proxy
"""

#: How the server is set up, the path that is right, and how many altered ones are tried.
SETUPS = {
    "the default": ({}, "", b"/socket.io/", 250),
    "another path": ({"path": "/api/v1/Live"}, "", b"/api/v1/Live/", 100),
    "a path within the default one": ({"path": "socket.io/inner"}, "", b"/socket.io/inner/", 50),
    "mounted below a path": ({}, MOUNTED, b"/mount/socket.io/", 100),
    "below a path of the proxy": ({}, PROXIED, b"/prefix/socket.io/", 100),
    "another path, mounted": ({"path": "ws"}, MOUNTED, b"/mount/ws/", 50),
}

BEFORE = [b"", b"/", b"//", b"/.", b"/..", b"/x/..", b"/%2e%2e", b"\\", b"/;", b"/%2f", b"http://x"]
AFTER = [
    *(b"", b"/", b".", b"..", b"../", b"x", b"x/y", b"//", b"%00", b"%20", b";a=b", b"%2f", b"\\"),
    *(b"socket.io/", b"%3fj=0", b"%0d%0aOrigin:%20null", b"\xff", b"%ff", b"../socket.io/", b"*"),
]


def spellings(path: bytes, count: int) -> list[bytes]:
    """The path itself, what can be put around it, and changes at random but always the same."""
    found = {before + path + after: None for before, after in product(BEFORE, AFTER[:8])}
    found |= {before + path + after: None for before, after in product(BEFORE[:3], AFTER)}
    others = [path[:-1], path.lstrip(b"/"), path.upper(), path.title(), b"*", b"/", b"/socket.io"]
    found |= dict.fromkeys(others)
    dice = random.Random(path)
    wanted = len(found) + count
    while len(found) < wanted:
        found[altered(path, dice)] = None
    return list(found)


def altered(path: bytes, dice: random.Random) -> bytes:
    characters = [bytes([character]) for character in path]
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(characters))
        character = characters[place]
        characters[place] = dice.choice(
            [
                *(b"%%%02x" % byte for byte in character),
                *(b"%%%02X" % byte for byte in character),
                *(b"%%25%02x" % byte for byte in character),
                character.swapcase(),
                character + b"/",
                b"/" + character,
                character * 2,
                b"",
                b"/./" + character,
                b"%c0%af" + character,
                character + b"\xa0",
            ]
        )
    return b"".join(characters)


@pytest.fixture(scope="module", params=SETUPS.values(), ids=SETUPS)
def setup(request):
    return request.param


@pytest.fixture(scope="module")
def paths(setup):
    _, _, path, count = setup
    return spellings(path, count)


@pytest.fixture(scope="module")
def guarded(serve, setup):
    options, after, _, _ = setup
    return serve(GUARDED, after=sessions.COUNTED + after, socketio_options=options)


@pytest.fixture(scope="module")
def served(serve, setup, paths):
    """The paths under which plain Flask-SocketIO answers everybody with a session."""
    options, after, _, _ = setup
    everybody = {**options, "cors_allowed_origins": "*"}
    plain = serve(plain=True, after=after, socketio_options=everybody)
    return {path for path in paths if is_session(knock(plain, path, STRANGER))}


def knock(server, path: bytes, origin: str, transport: bytes = b"polling") -> Response:
    target = path + b"?" + QUERY + transport
    headers = [("Origin", origin), *(UPGRADE if transport == b"websocket" else ())]
    return server.exchange(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s\r\n"
        % (
            target,
            server.port,
            b"" if transport == b"websocket" else b"Connection: close\r\n",
            b"".join(f"{name}: {value}\r\n".encode() for name, value in headers),
        )
    )


def is_session(response: Response) -> bool:
    return response.status == 200 and response.body.startswith(b'0{"sid":"')


def test_some_of_the_paths_are_served_and_some_are_not(paths, served, setup):
    assert setup[2] in served
    assert 20 < len(served) < len(paths) - 20


def test_no_path_lets_a_hostile_origin_in(guarded, paths, served):
    with sessions.none_opened(guarded):
        answers = {path: knock(guarded, path, STRANGER) for path in paths}
    assert {path for path, answer in answers.items() if is_session(answer)} == set()
    assert {path for path in served if answers[path].status != 403} == set()
    assert [answer.cors_headers for answer in answers.values() if answer.cors_headers] == []


def test_every_path_that_is_served_lets_the_allowed_origin_in(guarded, paths, served):
    before = sessions.ever_opened(guarded)
    assert {path for path in paths if is_session(knock(guarded, path, FRIEND))} == served
    assert sessions.ever_opened(guarded) == before + len(served)


def test_no_path_opens_a_websocket_to_a_hostile_origin(guarded, served):
    with sessions.none_opened(guarded):
        statuses = {knock(guarded, path, STRANGER, b"websocket").status for path in served}
    assert statuses == {403}


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "HEAD", "PUT", "get", "BREW"])
def test_no_method_lets_a_hostile_origin_in(guarded, setup, method):
    target = setup[2] + b"?" + QUERY + b"polling"
    headers = [("Origin", STRANGER), ("Access-Control-Request-Method", "POST")]
    with sessions.none_opened(guarded):
        refused = guarded.request(method, target, headers)
    assert (refused.status, refused.cors_headers) == (403, {})


@pytest.mark.parametrize("debug", [False, True])
def test_a_request_that_comes_to_flask_past_flask_socketio_is_refused_all_the_same(debug):
    app = Flask(__name__)
    app.debug = debug
    flask_alone = Client(app.wsgi_app)
    SocketIO(app, async_mode="threading")
    SioCors(app)
    asked = {"path": "/socket.io/", "query_string": "EIO=4&transport=polling"}
    refused = flask_alone.get(**asked, headers={"Origin": STRANGER})
    assert (refused.status_code, refused.json["code"]) == (403, 4)
