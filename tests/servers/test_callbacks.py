"""Whatever the application's own functions do wrong, nobody gets in and the server lives on."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from textwrap import indent

import pytest

from tests.support.clients import page, python_client
from tests.support.harness import Server, wait_until
from tests.support.raw_http import POLLING, Response

FRIEND = "https://friend.example"
OTHER = "https://other.example"
FORBIDDEN = b'{"code": 4, "message": "Forbidden"}'

#: What a function does wrong, and what the log says of it. `sleep` waits as the server's own
#: functions do, `time.sleep` stops the whole server.
FAULTS = {
    "raises": ("raise LookupError('the database is away')", "raised LookupError"),
    "raises what cannot be printed": ("raise Unprintable", "raised Unprintable"),
    "recurses": ("return decide(origin)", "raised RecursionError"),
    "exits": ("raise SystemExit(1)", "raised SystemExit"),
    "runs into a time limit of its own": ("raise Timeout(1)", "raised Timeout"),
    "hangs": ("sleep(30)", "took longer than 0.3 seconds"),
    "hangs and hides it": (
        "try:\n    sleep(30)\nexcept Exception:\n    sleep(30)\nreturn True",
        "took longer than 0.3 seconds",
    ),
    "hangs and answers late": (
        "try:\n    sleep(30)\nexcept BaseException:\n    return True",
        "took longer than 0.3 seconds",
    ),
    "stops the server": ("time.sleep(0.4)\nreturn True", "took longer than 0.3 seconds"),
}
#: What does no harm where nobody wants an answer.
NO_ANSWERS = {
    "returns nothing": (
        "return None",
        "returned NoneType, not True or False (bool(…) makes it one)",
    ),
    "returns a truth that is not True": (
        "return 'yes'",
        "returned str, not True or False (bool(…) makes it one)",
    ),
    "returns one": ("return 1", "returned int, not True or False (bool(…) makes it one)"),
    "returns an object of a library": (
        "import decimal\nreturn decimal.Decimal(1)",
        "returned decimal.Decimal, not True or False (bool(…) makes it one)",
    ),
    "returns a generator": (
        "return (_ for _ in [1])",
        "returned generator, not True or False (bool(…) makes it one)",
    ),
}

ORIGINS, ALLOW_REQUEST = "SIO_CORS_ORIGINS", "SIO_CORS_ALLOW_REQUEST"
each_function = pytest.mark.parametrize("key", [ORIGINS, ALLOW_REQUEST])


def faults(*tables):
    cases = {name: case for table in tables for name, case in table.items()}
    return pytest.mark.parametrize(("fault", "complaint"), cases.values(), ids=cases)


LIMIT = 'app.config["SIO_CORS_CALLBACK_TIMEOUT"] = 0.3'


@pytest.fixture(scope="module")
def server(serve):
    return serve(fresh=True)


@pytest.fixture(scope="module")
def threaded(serve):
    return serve(server="threading", fresh=True)


def deciding(fault: str, library: str = "eventlet") -> str:
    """Source of a function that lets FRIEND in, and does this for everybody else."""
    return f"""
import time
from {library} import Timeout, sleep

def block():
    time.sleep(0.3)
    return False

class Unprintable(Exception):
    def __str__(self):
        raise self

def decide(origin):
    if origin == {FRIEND!r}:
        app.asked_of_friend = getattr(app, "asked_of_friend", 0) + 1
        return True
    app.asked = getattr(app, "asked", 0) + 1
{indent(fault, "    ")}

{LIMIT}
"""


#: Puts the function `decide` in its place.
INSTALL = {
    ORIGINS: f"app.config[{ORIGINS!r}] = decide",
    ALLOW_REQUEST: f"""
app.config[{ORIGINS!r}] = [{FRIEND!r}, {OTHER!r}, "https://*.other.example"]
app.config[{ALLOW_REQUEST!r}] = lambda request: decide(request.headers["Origin"])
""",
}

FORGET = "app.extensions['sio_cors_doors'].journal.__init__()"


def end_sessions(server: Server) -> None:
    """End all sessions: functions are asked about those, too, once the settings are others."""
    server.run("""
        eio = socketio.server.eio
        for one in list(eio.sockets.values()):
            one.close(wait=False)
            eio.sockets.pop(one.sid, None)
        socketio.server.environ.clear()
    """)


def configure(server: Server, source: str) -> int:
    """Put a configuration in force, with nothing logged before; return the log's length."""
    end_sessions(server)
    server.configure(f"app.asked = app.asked_of_friend = 0\n{source}")
    server.run(FORGET)
    return len(server.log())


def asked(server: Server) -> int:
    return int(server.run("answer = app.asked"))


def one_of_many(number: int) -> str:
    """Return a stranger's origin, another one for each number."""
    return f"https://{number}.other.example"


def knock(server: Server, origin: str) -> Response:
    return server.request("GET", POLLING, [("Origin", origin)])


@each_function
def test_a_functions_answer_counts(server, key):
    configure(server, deciding("return False") + INSTALL[key])
    assert knock(server, FRIEND).status == 200
    assert knock(server, OTHER).status == 403


@each_function
@faults(FAULTS, NO_ANSWERS)
def test_a_function_that_fails_refuses_and_the_server_lives_on(server, key, fault, complaint):
    start = configure(server, deciding(fault) + INSTALL[key])
    for _ in range(2):
        refused = knock(server, OTHER)
        assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert server.websocket([("Origin", OTHER)]).status == 403
    assert knock(server, FRIEND).status == 200
    assert asked(server) == 3 or "decide" in fault
    log = server.log()[start:]
    assert len(re.findall(f"{key}: .*{re.escape(complaint)}; the request was refused", log)) == 1


@each_function
def test_a_traceback_is_logged_once(server, key):
    start = configure(server, deciding(FAULTS["raises"][0]) + INSTALL[key])
    for _ in range(5):
        assert knock(server, OTHER).status == 403
    log = server.log()[start:]
    assert log.count("Traceback (most recent call last)") == 1
    assert log.count("LookupError: the database is away") == 1


@contextmanager
def receiving(server: Server, source: str) -> Iterator[None]:
    """Let the function `decide` of this source hear of every refusal."""
    server.run(
        f"{source}\n"
        "from flask_sio_cors import request_refused\n"
        "receiver = lambda app, origin, **_: decide(origin)\n"
        "app.receivers = [*getattr(app, 'receivers', []), receiver]\n"
        "request_refused.connect(receiver)"
    )
    yield
    server.run(
        "from flask_sio_cors import request_refused\n"
        "request_refused.disconnect(app.receivers.pop())"
    )


@faults(FAULTS)
def test_a_receivers_fault_changes_nothing(server, fault, complaint):
    start = configure(server, f"app.config[{ORIGINS!r}] = {FRIEND!r}\n{LIMIT}")
    with receiving(server, deciding(fault)):
        for _ in range(2):
            refused = knock(server, OTHER)
            assert (refused.status, refused.body) == (403, FORBIDDEN)
        assert knock(server, FRIEND).status == 200
    assert asked(server) == 2 or "decide" in fault
    log = server.log()[start:]
    assert log.count(f"request_refused: a receiver {complaint}; the refusal stands") == 1


def test_the_next_receiver_hears_of_a_refusal_that_the_one_before_failed_on(server):
    configure(server, f"app.config[{ORIGINS!r}] = {FRIEND!r}")
    with receiving(server, deciding("raise LookupError")), receiving(server, deciding("pass")):
        knock(server, OTHER)
    assert asked(server) == 2


@each_function
def test_others_notice_nothing_of_a_function_that_hangs(server, key, run_clients):
    configure(
        server,
        f"{deciding('while not app.released: sleep(0.05)')}{INSTALL[key]}\n"
        "app.released = False\napp.config['SIO_CORS_CALLBACK_TIMEOUT'] = 60",
    )
    with ThreadPoolExecutor(10) as pool:
        hanging = [pool.submit(knock, server, one_of_many(number)) for number in range(10)]
        wait_until(lambda: asked(server) == 10)
        [in_page] = run_clients(page(server.url, FRIEND))
        in_python = python_client(server.url, FRIEND)
        assert not any(future.done() for future in hanging)
        server.run("app.released = True")
        assert {future.result().status for future in hanging} == {403}
    assert (in_page.connected, in_page.echo) == (True, "hello")
    assert (in_python.connected, in_python.echo) == (True, "hello")


@each_function
def test_a_client_that_a_hanging_function_keeps_out_is_told_within_the_limit(
    server, key, run_clients
):
    configure(server, deciding("sleep(30)") + INSTALL[key])
    [refused] = run_clients(page(server.url, OTHER))
    assert not refused.connected
    assert 300 <= refused.elapsed_ms < 15_000


def test_the_limit_is_one_second_unless_it_is_set(server):
    configure(server, deciding("sleep(30)") + INSTALL[ORIGINS])
    server.run("del app.config['SIO_CORS_CALLBACK_TIMEOUT']; cors.reconfigure(app)")
    started = time.monotonic()
    assert knock(server, OTHER).status == 403
    assert 1 <= time.monotonic() - started < 15


@each_function
def test_a_function_that_blocks_a_thread_is_too_late_and_stops_nobody_else(threaded, key):
    configure(threaded, deciding("time.sleep(2)\nreturn True") + INSTALL[key])
    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(knock, threaded, one_of_many(number)) for number in range(4)]
        wait_until(lambda: asked(threaded) == 4)
        assert knock(threaded, FRIEND).status == 200
        assert not any(future.done() for future in hanging)
        assert {future.result().status for future in hanging} == {403}


#: A function that hangs until it is told to end.
HANGING = "while not app.released: time.sleep(0.05)\nreturn False"
#: How many calls of one function may be under way on threads, of which the server has 50.
PLACES = 16
each_threaded = pytest.mark.parametrize("kind", ["threading", "gunicorn"])


@contextmanager
def crowded(server: Server, key: str) -> Iterator[list[Future[Response]]]:
    """Let 60 strangers ask a function that hangs for all of them; yields their answers to come."""
    configure(server, f"app.released = False\n{deciding(HANGING)}{INSTALL[key]}")
    assert knock(server, FRIEND).status == 200
    with ThreadPoolExecutor(60) as pool:
        try:
            crowd = [pool.submit(knock, server, one_of_many(number)) for number in range(60)]
            wait_until(lambda: sum(one.done() for one in crowd) == 60 - PLACES)
            yield crowd
        finally:
            server.run("app.released = True")


@each_function
@each_threaded
def test_hanging_calls_take_so_many_threads_and_no_more(serve, kind, key):
    server = serve(server=kind)
    with crowded(server, key) as crowd:
        assert asked(server) == PLACES
        assert server.request("GET", "/api").status == 200
        started = time.monotonic()
        assert knock(server, one_of_many(60)).status == 403
        assert time.monotonic() - started < 5
    assert {one.result().status for one in crowd} == {403}
    full = f"{key}: is under way 16 times, so that it was not called once more; the request was"
    assert server.log().count(full) == 1
    assert knock(server, FRIEND).status == 200


@each_threaded
def test_strangers_who_let_a_function_hang_lock_nobody_out_whose_answer_is_known(serve, kind):
    server = serve(server=kind)
    start = len(server.log())
    with crowded(server, ORIGINS):

        def is_let_in_by_an_earlier_answer() -> bool:
            assert knock(server, FRIEND).status == 200
            return "its answer of less than 60 seconds ago stood in" in server.log()[start:]

        wait_until(is_let_in_by_an_earlier_answer)
        assert int(server.run("answer = app.asked_of_friend")) == 1


@each_threaded
def test_more_short_calls_than_have_a_place_are_all_answered(serve, kind):
    server = serve(server=kind)
    configure(server, deciding("time.sleep(0.01)\nreturn True") + INSTALL[ORIGINS])
    with ThreadPoolExecutor(40) as pool:
        crowd = [pool.submit(knock, server, one_of_many(number)) for number in range(40)]
    assert {one.result().status for one in crowd} == {200}


IN_CONTEXT = """
import threading
from flask import current_app, g

app.config["SITES"] = {{ {friend!r} }}
app.sessions, app.ended, app.threads = [], [], set()
app.hears_teardown = any(getattr(one, "counts", False) for one in app.teardown_appcontext_funcs)

def end(error):
    if hasattr(g, "session"):
        app.ended.append(g.session)
end.counts = True
if not app.hears_teardown:
    app.teardown_appcontext_funcs.append(end)

def is_a_site(origin):
    # As Flask-SQLAlchemy does: a session for each context, which its teardown ends.
    assert not hasattr(g, "session")
    g.session = object()
    app.sessions.append(g.session)
    return origin in current_app.config["SITES"]

def is_a_site_there(origin, environ):
    assert environ["PATH_INFO"] == "/socket.io/" and environ["flask.app"] is app
    assert "HTTP_COOKIE" not in environ and not environ["wsgi.input"].read()
    environ["HTTP_ORIGIN"] = "https://changed.example"
    return is_a_site(origin)
"""


@pytest.mark.parametrize("kind", ["eventlet", "gevent", "threading", "gunicorn gevent"])
def test_functions_are_asked_in_an_application_context_of_their_own(serve, kind):
    server = serve(server=kind)
    source = IN_CONTEXT.format(friend=FRIEND)
    asked_once = f"{source}\napp.config['SIO_CORS_ORIGINS'] = [is_a_site, 'https://a.example']"
    server.configure(asked_once)
    with ThreadPoolExecutor(4) as pool:
        origins = [FRIEND, OTHER, "https://a.example", FRIEND] * 3
        statuses = list(pool.map(lambda origin: knock(server, origin).status, origins))
    assert statuses == [200, 403, 200, 200] * 3
    assert int(server.run("answer = len(set(app.sessions))")) >= 2
    wait_until(lambda: server.run("answer = set(app.ended) == set(app.sessions)") == "True")

    end_sessions(server)
    server.configure(f"{source}\napp.config['SIO_CORS_ORIGINS'] = is_a_site_there")
    cookie = ("Cookie", "session=1")
    for _ in range(3):
        assert server.request("GET", POLLING, [("Origin", FRIEND), cookie]).status == 200
        assert server.request("GET", POLLING, [("Origin", OTHER), cookie]).status == 403
    assert server.websocket([("Origin", FRIEND), cookie]).status == 101
    server.websocket([("Origin", OTHER), cookie])  # which gevent-websocket opens, to close it
    assert int(server.run("answer = len(app.sessions)")) == 8


def test_each_function_of_a_list_is_asked_until_one_lets_in(server):
    start = configure(
        server,
        f"""
def fails(origin):
    raise LookupError
def allows(origin, environ):
    app.heard.append(origin)
    return origin == {FRIEND!r}
app.heard = []
app.config["SIO_CORS_ORIGINS"] = [fails, "https://a.example", allows]
""",
    )
    assert knock(server, "https://a.example").status == 200
    assert knock(server, FRIEND).status == 200
    assert knock(server, OTHER).status == 403
    heard = server.run("answer = app.heard")
    assert FRIEND in heard
    assert OTHER in heard
    assert "https://a.example" not in heard
    assert "Refused (origin-callable-failed)" in server.log()[start:]


GREEN_AND_NOT = ["eventlet", "gevent", "threading", "gunicorn gevent", "gunicorn eventlet"]


@pytest.mark.parametrize("kind", GREEN_AND_NOT)
def test_concurrent_questions_about_an_origin_are_one_call_and_stop_nobody(serve, kind):
    server = serve(server=kind)
    library = "gevent" if "gevent" in kind else "eventlet"
    sleep = "sleep" if kind != "threading" else "time.sleep"
    hanging = f"while not app.released: {sleep}(0.01)\nreturn True"
    configure(
        server,
        f"app.released = False\n{deciding(hanging, library)}{INSTALL[ORIGINS]}\n"
        "app.config['SIO_CORS_CALLBACK_TIMEOUT'] = 60",
    )
    with ThreadPoolExecutor(20) as pool:
        crowd = [pool.submit(knock, server, OTHER) for _ in range(20)]
        wait_until(lambda: asked(server) == 1)
        assert knock(server, FRIEND).status == 200
        server.run("app.released = True")
    assert {one.result().status for one in crowd} == {200}
    assert asked(server) == 1


@pytest.mark.parametrize("kind", ["eventlet", "gevent", "threading"])
def test_whoever_waits_for_anothers_question_waits_no_longer_than_the_limit(serve, kind):
    server = serve(server=kind)
    library = "gevent" if kind == "gevent" else "eventlet"
    sleep = "sleep" if kind != "threading" else "time.sleep"
    source = deciding(f"{sleep}(1)\nreturn True", library)
    configure(server, source + INSTALL[ORIGINS])
    with ThreadPoolExecutor(20) as pool:
        crowd = [pool.submit(knock, server, OTHER) for _ in range(20)]
    assert {one.result().status for one in crowd} == {403}


def test_an_answer_counts_for_its_policy_alone(server):
    for answer, status in (("True", 200), ("False", 403), ("True", 200)):
        configure(server, deciding(f"return {answer}") + INSTALL[ORIGINS])
        assert [knock(server, OTHER).status for _ in range(2)] == [status] * 2
        assert asked(server) == 1


def test_the_servers_own_pages_do_not_wait_for_the_function(server):
    configure(server, deciding("time.sleep(5)\nreturn False") + INSTALL[ORIGINS])
    assert knock(server, server.url).status == 200
    assert asked(server) == 0


def test_about_a_handshake_the_function_is_asked_each_time(server):
    configure(server, deciding("return True") + INSTALL[ALLOW_REQUEST])
    assert [knock(server, OTHER).status for _ in range(3)] == [200] * 3
    assert asked(server) == 3


STOPPED = "stopped the whole server"
#: What to do about it, by the library whose server it is.
REMEDIES = {
    "eventlet": ("eventlet.monkey_patch()", "eventlet.tpool.execute()"),
    "gevent": ("gevent.monkey.patch_all()", "gevent.get_hub().threadpool.apply()"),
}
each_library = pytest.mark.parametrize("library", REMEDIES)


def logged_of(server: Server, library: str, key: str, fault: str, times: int = 1) -> str:
    """Return what the log says when strangers ask a function that does this."""
    source = (
        f"{deciding(fault, library)}{INSTALL[key]}\napp.config['SIO_CORS_CALLBACK_TIMEOUT'] = 1"
    )
    start = configure(server, source)
    for _ in range(times):
        assert knock(server, OTHER).status == 403
    return server.log()[start:]


@each_function
@each_library
def test_a_function_that_stops_a_green_server_within_its_limit_is_named_once(serve, library, key):
    server = serve(server=library)
    log = logged_of(server, library, key, "time.sleep(0.3)\nreturn False", times=3)
    assert log.count(f"{key}: {STOPPED}") == 1
    assert all(remedy in log for remedy in REMEDIES[library])
    assert re.search(r"This time it was 0\.[3-9]\d? seconds", log)


@each_library
def test_one_that_lets_others_run_and_then_stops_the_server_beyond_its_limit_is_named(
    serve, library
):
    server = serve(server=library)
    log = logged_of(server, library, ORIGINS, "sleep(0.01)\ntime.sleep(1.2)\nreturn True")
    assert log.count("since it, or another function meanwhile, stopped the whole server") == 1
    assert all(remedy in log for remedy in REMEDIES[library])


COOPERATIVE = {
    "waits": "sleep(0.3)\nreturn False",
    "waits for too long": "sleep(30)",
    "is interrupted, and hides it": "try:\n    sleep(30)\nexcept BaseException:\n    return True",
    "is quick": "return False",
}
OFFLOADED = {
    "eventlet": "from eventlet import tpool\nreturn tpool.execute(block)",
    "gevent": "from gevent import get_hub\nreturn get_hub().threadpool.apply(block)",
}


@each_library
@pytest.mark.parametrize("fault", [*COOPERATIVE.values(), OFFLOADED], ids=[*COOPERATIVE, "advice"])
def test_one_that_lets_others_run_is_not_accused(serve, library, fault):
    fault = fault if isinstance(fault, str) else fault[library]
    assert STOPPED not in logged_of(serve(server=library), library, ORIGINS, fault, times=2)


def test_on_threads_a_function_stops_nobody(threaded):
    fault = "time.sleep(0.3)\nreturn False"
    assert STOPPED not in logged_of(threaded, "eventlet", ORIGINS, fault)


@each_library
def test_a_receiver_that_stops_a_green_server_is_named(serve, library):
    server = serve(server=library)
    start = configure(server, f"app.config[{ORIGINS!r}] = {FRIEND!r}")
    with receiving(server, deciding("time.sleep(0.3)", library)):
        knock(server, OTHER)
    assert server.log()[start:].count(f"request_refused: {STOPPED}") == 1


@each_function
@faults({name: FAULTS[name] for name in ("raises", "recurses", "exits", "stops the server")})
def test_a_thread_survives_its_function(threaded, key, fault, complaint):
    start = configure(threaded, deciding(fault) + INSTALL[key])
    for _ in range(2):
        refused = knock(threaded, OTHER)
        assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert threaded.log()[start:].count(f"{key}: {complaint}; the request was refused") == 1


@faults({name: FAULTS[name] for name in FAULTS if name not in ("raises", "recurses")})
def test_gevent_survives_and_interrupts_a_function(serve, fault, complaint):
    server = serve(server="gevent", fresh=False)
    start = configure(server, deciding(fault, "gevent") + INSTALL[ORIGINS])
    started = time.monotonic()
    refused = knock(server, OTHER)
    assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert time.monotonic() - started < 15
    assert knock(server, FRIEND).status == 200
    assert f"{ORIGINS}: {complaint}; the request was refused" in server.log()[start:]
