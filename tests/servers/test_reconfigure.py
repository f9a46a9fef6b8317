"""`reconfigure` while clients connect and poll: every answer is right for one of the policies."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event

import pytest

from tests.support.clients import node, page
from tests.support.harness import Server, wait_until
from tests.support.raw_http import POLLING, Response

CLIENTS = 50
SWAPS = 100

BOTH = "https://both.example"
ONLY_ONE = "https://one.example"
ONLY_TWO = "https://two.example"
NEITHER = "https://neither.example"


def policy(origin: str, credentials: bool, name: str) -> str:
    return f"""
app.config.update(
    SIO_CORS_ORIGINS=[{BOTH!r}, {origin!r}],
    SIO_CORS_SUPPORTS_CREDENTIALS={credentials},
    SIO_CORS_EXPOSE_HEADERS=["X-{name}"],
    SIO_CORS_ALLOW_HEADERS=["X-{name}"],
    SIO_CORS_METHODS=["GET", "POST", "{name.upper()}"],
    SIO_CORS_MAX_AGE={len(name)},
)
"""


ONE = policy(ONLY_ONE, True, "One")
TWO = policy(ONLY_TWO, False, "Other")
BROKEN = {
    "an origin that is none": 'app.config["SIO_CORS_ORIGINS"] = ["https://Two.example/"]',
    "every origin with credentials": (
        'app.config.update(SIO_CORS_ORIGINS="*", SIO_CORS_SUPPORTS_CREDENTIALS=True)'
    ),
    "a key that does not exist": 'app.config["SIO_CORS_ORIGIN"] = "*"',
    "no list": 'app.config["SIO_CORS_ORIGINS"] = 7',
}

# Two policies at once in one answer: neither of these.
ACTUAL = {
    "one": {
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-One",
    },
    "two": {"access-control-expose-headers": "X-Other"},
}
PREFLIGHT = {
    "one": {
        **ACTUAL["one"],
        "access-control-allow-methods": "GET, POST, ONE",
        "access-control-allow-headers": "X-One",
        "access-control-max-age": "3",
    },
    "two": {
        **ACTUAL["two"],
        "access-control-allow-methods": "GET, POST, OTHER",
        "access-control-allow-headers": "X-Other",
        "access-control-max-age": "5",
    },
}
LETS_IN = {"one": {BOTH, ONLY_ONE}, "two": {BOTH, ONLY_TWO}}


def right_for(origin: str, response: Response) -> set[str]:
    """The policies under which this is the answer to this origin; none for a mixed answer."""
    headers = PREFLIGHT if response.status == 204 else ACTUAL
    # A session that one policy has ended is gone under the other one, too.
    answered = (200, 204, 400) if origin in (ONLY_ONE, ONLY_TWO) else (200, 204)
    return {
        name
        for name in ("one", "two")
        if (
            (response.status in answered, response.cors_headers)
            == (True, {**headers[name], "access-control-allow-origin": origin})
            if origin in LETS_IN[name]
            else (response.status, response.cors_headers) == (403, {})
        )
    }


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(serve, request):
    # Short pings, so that a poll which waits for one goes on from one policy into the other.
    options = {"ping_interval": 0.1, "ping_timeout": 20}
    return serve(ONE, server=request.param, socketio_options=options, fresh=True)


def reconfigure(server: Server, source: str) -> str:
    """Put it in force and return nothing, or the `ConfigError` that it met."""
    return server.run(
        "from flask_sio_cors import ConfigError\nanswer = ''\nreset()\n"
        f"{source}\n"
        "try:\n    cors.reconfigure(app)\nexcept ConfigError as error:\n    answer = str(error)"
    )


@contextmanager
def background(work) -> Iterator[None]:
    """Run `work(ended)` in a thread of its own; what it raises is raised at the block's end."""
    ended = Event()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, ended)
        try:
            yield
        finally:
            ended.set()
        future.result()


def session(server: Server, origin: str) -> list[tuple[str, Response]]:
    """Ask a preflight, connect, greet and poll, as a page does, as far as the origin is let in."""
    headers = [("Origin", origin)]
    answers = [server.preflight(origin), server.request("GET", POLLING, headers)]
    sid = answers[-1].sid if answers[-1].status == 200 else ""
    # The second poll waits for a ping, which comes after a pong at the latest.
    for method, body in [("POST", b"40"), ("GET", b""), ("POST", b"3"), ("GET", b"")]:
        if answers[-1].status != 200:
            break
        answers.append(server.request(method, f"{POLLING}&sid={sid}", headers, body))
    return [(origin, answer) for answer in answers]


def test_every_answer_is_right_for_one_policy_while_they_are_swapped(server):
    swapped = Event()

    def client(number: int) -> list[tuple[str, Response]]:
        origins = [BOTH, ONLY_ONE, ONLY_TWO, BOTH, NEITHER]
        found = []
        turns = count(number)
        while not swapped.is_set():
            found += session(server, origins[next(turns) % len(origins)])
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, number) for number in range(CLIENTS)]
        for swap in range(SWAPS):
            assert reconfigure(server, TWO if swap % 2 == 0 else ONE) == ""
        swapped.set()
        answers = [answer for future in clients for answer in future.result()]
    wrong = [(origin, answer.head) for origin, answer in answers if not right_for(origin, answer)]
    assert wrong == []
    # Both policies have answered, a good deal of times each.
    told = Counter(
        name for pair in answers for name in right_for(*pair) if len(right_for(*pair)) == 1
    )
    assert min(told["one"], told["two"]) > SWAPS / 2
    assert {answer.status for origin, answer in answers if origin == BOTH} == {200, 204}


def test_clients_that_both_policies_allow_stay_connected_and_connect(server, run_clients):
    def swap(ended: Event):
        for number in count():
            reconfigure(server, TWO if number % 2 == 0 else ONE)
            if number >= SWAPS and ended.is_set():
                return
            # Without a pause, a server on a busy machine does nothing else.
            time.sleep(0.02)

    polling = {"transports": ["polling"]}
    with background(swap):
        outcomes = run_clients(
            *(page(server.url, BOTH) for _ in range(5)),
            *(page(server.url, BOTH, **polling) for _ in range(5)),
            *(node(server.url, BOTH) for _ in range(20)),
            *(node(server.url, BOTH, **polling) for _ in range(20)),
        )
    assert [outcome.error for outcome in outcomes] == [None] * CLIENTS
    assert {(outcome.connected, outcome.echo) for outcome in outcomes} == {(True, "hello")}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_configuration_in_between_leaves_the_old_policy_in_force(server, broken):
    for source, name in [(ONE, "one"), (TWO, "two")]:
        assert reconfigure(server, source) == ""
        assert "SIO_CORS_" in reconfigure(server, broken)
        for origin in (BOTH, ONLY_ONE, ONLY_TWO, NEITHER):
            for answer_origin, answer in session(server, origin):
                assert name in right_for(answer_origin, answer)


# Counts the requests that have come in.
COUNTING = """
    def count(environ, start_response):
        app.begun += 1
        return inner(environ, start_response)

    app.begun, inner, app.wsgi_app = 0, app.wsgi_app, count
"""


def test_a_poll_that_waits_while_the_policy_changes_is_answered_under_the_old_one(serve):
    server = serve(after=COUNTING)
    reconfigure(server, ONE)
    headers = [("Origin", ONLY_ONE)]
    target = f"{POLLING}&sid={server.request('GET', POLLING, headers).sid}"
    server.request("POST", target, headers, b"40")
    server.request("GET", target, headers)
    begun = int(server.run("answer = app.begun"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.request, "GET", target, headers)
        wait_until(lambda: int(server.run("answer = app.begun")) > begun)
        reconfigure(server, TWO)
        assert not waiting.done()
        server.run("socketio.emit('news', 'of another policy')")
        assert right_for(ONLY_ONE, waiting.result()) == {"one"}
        assert b"of another policy" in waiting.result().body
    assert server.request("GET", target, headers).status == 403


def test_what_is_no_longer_set_no_longer_holds(server):
    reconfigure(server, ONE)
    assert server.request("GET", POLLING, [("Origin", BOTH)]).status == 200
    reconfigure(server, "")
    answers = [server.request("GET", POLLING, [("Origin", origin)]) for origin in (BOTH, ONLY_ONE)]
    assert [answer.status for answer in answers] == [403, 403]
