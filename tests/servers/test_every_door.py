"""Several Socket.IO servers on one application: one policy guards them all, whatever is between.

Each server process has an application for each way of wrapping, mounted below its name, and each
application has three Socket.IO servers: two that are there when SioCors comes, and a late one.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent

import pytest

from tests.support.clients import page, python_client

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
SERVERS = ["eventlet", "threading"]

DOORS = {"first": "/socket.io/", "second": "/other/", "late": "/late/"}
QUERY = "?EIO=4&transport="
POLLING = f"{QUERY}polling"
# What a page of any site can have a script do, without an `Origin`.
SCRIPT = f"{POLLING}&j=0"

#: How `inner`, the application so far, is wrapped: between its servers, and around them.
WRAPPINGS = {
    "nothing": "inner",
    "proxy-fix": "ProxyFix(inner)",
    "lambda": "lambda environ, start_response: inner(environ, start_response)",
    "default": "lambda environ, start_response, inner=inner: inner(environ, start_response)",
    "partial": "partial(hand_on, inner)",
    "keyword": "partial(hand_on_named, inner=inner)",
    "slots": "Slots(inner)",
    "private-slots": "PrivateSlots(inner)",
    "bound-method": "Attributes(inner).answer",
    "decorated": "counted(inner)",
    "class-attribute": "type('Wrapper', (), {'inner': inner, '__call__': call_attribute})()",
    "global": "with_global(inner)",
    "dispatcher": "DispatcherMiddleware(nothing, {'/here': inner})",
    "list": "Attributes([nothing, inner]).first",
    "several": "ProxyFix(partial(hand_on, Slots(counted(inner))))",
}
PREFIX = {"dispatcher": "/here/here"}

WRAPPERS = """
    import weakref
    from functools import partial, wraps

    from flask import Flask, request
    from flask_socketio import SocketIO
    from flask_sio_cors import SioCors
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.middleware.proxy_fix import ProxyFix

    def nothing(environ, start_response):
        start_response("404 NOT FOUND", [])
        return []

    def hand_on(inner, environ, start_response):
        return inner(environ, start_response)

    def hand_on_named(environ, start_response, inner):
        return inner(environ, start_response)

    class Slots:
        __slots__ = ("inner",)

        def __init__(self, inner):
            self.inner = inner

        def __call__(self, environ, start_response):
            return self.inner(environ, start_response)

    class PrivateSlots:
        __slots__ = "__inner"

        def __init__(self, inner):
            self.__inner = inner

        def __call__(self, environ, start_response):
            return self.__inner(environ, start_response)

    class Attributes:
        def __init__(self, inner):
            self.inner = inner

        def answer(self, environ, start_response):
            return self.inner(environ, start_response)

        def first(self, environ, start_response):
            return self.inner[-1](environ, start_response)

    def counted(function):
        @wraps(function)
        def counting(*arguments):
            return function(*arguments)

        return counting

    def call_attribute(self, environ, start_response):
        return type(self).inner(environ, start_response)

    def with_global(inner):
        # As a script has it that wraps its application at the top.
        module = {"inner": inner}
        exec("def wrapper(*arguments): return neighbour(*arguments)", module)
        exec("def neighbour(*arguments): return inner(*arguments)", module)
        return module["wrapper"]

    class Opaque:
        # Asks something that nobody can look into.
        def __init__(self, inner):
            hidden = weakref.ref(inner)
            weakref.finalize(self, id, inner)
            object.__setattr__(self, "hidden", hidden)

        def __getattr__(self, name):
            return getattr(self.hidden(), name)

        def __call__(self, environ, start_response):
            return self.hidden()(environ, start_response)

    kept = []

    def make(name, wrap, *more):
        made = Flask(name)
        made.config["SIO_CORS_ORIGINS"] = FRIEND
        first = SocketIO(made, **OPTIONS)
        kept.append(made.wsgi_app)
        made.wsgi_app = wrap(made.wsgi_app)
        second = SocketIO(made, path="/other", **OPTIONS)
        kept.append(made.wsgi_app)
        made.wsgi_app = wrap(made.wsgi_app)
        kept.append(made.wsgi_app)
        for one in (first, second):
            echo(one)
        return made, first, second

    def echo(server):
        @server.on("echo")
        def answer(words):
            # `emit` alone would ask the server that came last.
            server.emit("echo", words, to=request.sid)
            return words

        server.on("whoami")(lambda: None)

    def install(made, *named):
        if GUARDED:
            SioCors(made, *named)
        apps[made.name] = made
        app.open_late(made.name, "/late")

    def open_late(name, path):
        echo(SocketIO(apps[name], path=path, **OPTIONS))

    app.open_late = open_late

    OPTIONS = {"async_mode": socketio.async_mode}
    if not GUARDED:
        # What people write who have no list.
        OPTIONS["cors_allowed_origins"] = "*"
    apps = app.apps = {}
"""
MOUNT = """
    app.wsgi_app = DispatcherMiddleware(
        app.wsgi_app, {f"/{name}": made for name, made in apps.items()}
    )
"""


def setup(guarded):
    wrapped = [
        f"install(make({name!r}, lambda inner: {wrapper})[0])"
        for name, wrapper in WRAPPINGS.items()
    ]
    bare = [f"install(make({name!r}, lambda inner: inner)[0])" for name in ("changes", "knocked")]
    hidden = [
        "install(make('opaque', Opaque)[0])",
        "install(make('c-level', weakref.proxy)[0])",
        "made, first, second = make('named', Opaque)",
        "install(made, [first, second])",
    ]
    names = [f"FRIEND, GUARDED = {FRIEND!r}, {guarded}"]
    return "\n".join([*names, dedent(WRAPPERS), *wrapped, *bare, *hidden, dedent(MOUNT)])


each_server = pytest.mark.parametrize("server", SERVERS)
each_door = pytest.mark.parametrize("door", DOORS)
each_transport = pytest.mark.parametrize("transport", ["polling", "websocket"])
each_wrapping = pytest.mark.parametrize("wrapping", WRAPPINGS)

OPENED = {"polling": 200, "websocket": 101}


@pytest.fixture(scope="module")
def process(serve):
    """A function that returns the process with all those applications, with or without SioCors."""
    return lambda server, guarded=True: serve(server=server, plain=True, after=setup(guarded))


def ask(process, target, transport, headers):
    if transport == "websocket":
        return process.websocket(headers, target=f"{target}{QUERY}{transport}")
    return process.request("GET", f"{target}{QUERY}{transport}", headers)


def target_of(wrapping, door):
    # The later a server came, the fewer wrappers are around it.
    prefix = {"first": "/here/here", "second": "/here", "late": ""}[door]
    return f"/{wrapping}{prefix if wrapping == 'dispatcher' else ''}{DOORS[door]}"


# --- Who gets in ------------------------------------------------------------------------------


@each_server
@each_transport
@each_door
@each_wrapping
def test_each_door_has_the_policy(process, server, wrapping, door, transport):
    guarded, target = process(server), target_of(wrapping, door)
    assert ask(guarded, target, transport, [("Origin", STRANGER)]).status == 403
    assert ask(guarded, target, transport, [("Origin", FRIEND)]).status == OPENED[transport]


@each_server
@each_door
@each_wrapping
def test_no_door_answers_a_strangers_script(process, server, wrapping, door):
    target = target_of(wrapping, door) + SCRIPT
    assert process(server).request("GET", target).status == 403
    assert process(server, guarded=False).request("GET", target).status == 200


@each_server
@each_transport
@each_door
@each_wrapping
def test_without_it_each_door_is_open_to_the_stranger(process, server, wrapping, door, transport):
    plain, target = process(server, guarded=False), target_of(wrapping, door)
    assert ask(plain, target, transport, [("Origin", STRANGER)]).status == OPENED[transport]


@each_server
@each_door
def test_pages_and_programs_talk_through_each_door(process, run_clients, server, door):
    guarded = process(server)
    path = target_of("several", door)
    friend, stranger = run_clients(
        *(page(guarded.url, origin, path=path) for origin in (FRIEND, STRANGER))
    )
    assert (friend.connected, friend.echo, friend.transport) == (True, "hello", "websocket")
    assert not stranger.connected
    assert python_client(guarded.url, FRIEND, path=path[1:]).echo == "hello"
    assert not python_client(guarded.url, STRANGER, path=path[1:]).connected


# --- What it cannot look into -----------------------------------------------------------------


@each_server
@pytest.mark.parametrize(
    ("name", "wrapper"),
    [("opaque", ".Opaque"), ("c-level", "weakref.CallableProxyType")],
    ids=["asks for every attribute", "C-level"],
)
def test_a_wrapper_that_hides_a_server_is_named_in_the_log(process, server, name, wrapper):
    guarded = process(server)
    # The second server is app.extensions["socketio"], and the late one says itself that it comes.
    for door, status in {"first": 200, "second": 403, "late": 403}.items():
        assert guarded.request("GET", f"/{name}{DOORS[door]}{SCRIPT}").status == status
    (warning,) = [
        line
        for line in guarded.log().splitlines()
        if "cannot look into" in line and f"{wrapper}," in line
    ]
    assert "SioCors(app, [first, second])" in warning


@each_server
@each_door
def test_servers_that_are_named_are_guarded_behind_it(process, server, door):
    guarded, target = process(server), f"/named{DOORS[door]}"
    assert guarded.request("GET", target + SCRIPT).status == 403
    assert guarded.request("GET", target + POLLING, [("Origin", FRIEND)]).status == 200
    # Nothing to say of them, nor of any wrapping above.
    assert guarded.log().count("cannot look into") == 2


# --- One policy -------------------------------------------------------------------------------


@each_server
def test_what_changes_changes_for_all_doors(process, server):
    guarded, places = process(server), DOORS.values()

    def statuses(origin):
        headers = [("Origin", origin)]
        return [ask(guarded, f"/changes{door}", "polling", headers).status for door in places]

    def change(source):
        return guarded.run(
            f"made = app.apps['changes']; cors = made.extensions['sio_cors']\n{source}"
        )

    assert (statuses(FRIEND), statuses(STRANGER)) == ([200] * 3, [403] * 3)
    change(f"made.config['SIO_CORS_ORIGINS'] = {STRANGER!r}; cors.reconfigure(made)")
    assert (statuses(FRIEND), statuses(STRANGER)) == ([403] * 3, [200] * 3)
    change("cors.allow_request(lambda request: False)")
    assert statuses(STRANGER) == [403] * 3
    # The log says it of the first; one journal for all knows the others.
    refusals = [
        line for line in guarded.log().splitlines() if "Refused (denied-by-allow-request)" in line
    ]
    assert len(refusals) == 1


@each_server
@pytest.mark.parametrize("path", ["/socket.io", "/other", "/late", "/elsewhere/"])
def test_a_request_that_misses_all_doors_is_told_where_they_are(process, server, path):
    target = f"/several{path}{POLLING}"
    guarded = process(server)
    assert guarded.request("GET", target, [("Origin", STRANGER)]).status == 403
    response = guarded.request("GET", target, [("Origin", FRIEND)])
    assert (response.status, response.header("Access-Control-Allow-Origin")) == (404, FRIEND)
    message = json.loads(response.body)["message"]
    located = " and ".join(f"/several{door}" for door in ("/other/", "/socket.io/", "/late/"))
    assert f"this application's are at {located}" in message
    assert ("with the slash at its end" in message) == (path != "/elsewhere/")


# --- A late one -------------------------------------------------------------------------------


@each_server
def test_the_log_says_which_line_to_move(process, server):
    guarded = process(server)
    assert "move SioCors(app) below SocketIO(app, path='/late')" in guarded.log()


@each_server
def test_a_door_that_is_opened_while_strangers_knock_never_lets_one_in(process, server):
    assert knocked_while_opened(process(server)) == {403}
    # Before it is there, Flask knows no such page; then it opens to everybody.
    assert knocked_while_opened(process(server, guarded=False)) == {404, 200}


def knocked_while_opened(process):
    """Return the answers to strangers who knock at doors that open meanwhile."""
    doors = [f"/knocked/door-{number}/" for number in range(10)]
    opened = threading.Event()

    def knock():
        statuses = set()
        while not opened.is_set():
            statuses |= {process.request("GET", f"{door}{SCRIPT}").status for door in doors}
        return statuses

    with ThreadPoolExecutor(3) as strangers:
        knocking = [strangers.submit(knock) for _ in range(3)]
        try:
            for door in doors:
                process.run(f"app.open_late('knocked', {door.removeprefix('/knocked')!r})")
        finally:
            opened.set()
        statuses = set().union(*(one.result() for one in knocking))
    for door in doors:
        assert process.request("GET", f"{door}{POLLING}", [("Origin", FRIEND)]).status == 200
        statuses.add(process.request("GET", f"{door}{SCRIPT}").status)
    return statuses
