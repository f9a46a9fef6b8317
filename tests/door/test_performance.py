"""What must hold on any machine: a decision's work, and what is remembered. Never a timing.

Work is counted in the interpreter's own instructions, which are the same at every run.
"""

import functools
import gc
import sys
import tracemalloc

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door import answers
from flask_sio_cors.door.policy import SEEN_LIMIT, Policy
from flask_sio_cors.door.verdicts import Outcome
from flask_sio_cors.origins.grammar import MAX_ORIGIN_LENGTH

KINDS = {
    "exact": ("https://app{}.example.com", "https://app{}.example.com"),
    "wildcard": ("https://*.app{}.example.com", "https://a.app{}.example.com"),
    "any port": ("http://app{}.localhost:*", "http://app{}.localhost:3000"),
}
#: How far up the calls are looked at for who takes memory.
FRAMES = 5
PREFLIGHT = {"REQUEST_METHOD": "OPTIONS", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}


class CountedText(str):
    """A text that counts how often it is compared with another one."""

    __slots__ = ("comparisons",)

    def __eq__(self, other):
        self.comparisons = getattr(self, "comparisons", 0) + 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def policy(kind="exact", size=1, **settings):
    """Return a policy that knows its server's name already, from an earlier request."""
    config = {"SIO_CORS_ORIGINS": origins(kind, size), **settings}
    judging = Policy(Options.from_config(config) if settings else listing(kind, size))
    judging.judge(environ("https://earlier.example"))
    return judging


@functools.cache
def listing(kind, size):
    """Return the options that list so many origins, which take a while to read."""
    return Options.from_config({"SIO_CORS_ORIGINS": origins(kind, size)})


def origins(kind, size):
    return [KINDS[kind][0].format(number) for number in range(size)]


def environ(origin, **more):
    return {
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "EIO=4&transport=polling",
        "wsgi.url_scheme": "https",
        "HTTP_HOST": "chat.example.org",
        "HTTP_ORIGIN": origin,
        **more,
    }


def instructions(judging, asked):
    """Count the instructions that the interpreter runs for one decision.

    The collector stands still, since what it ends, of any earlier test, would be counted too.
    """
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith("flask_sio_cors"):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        judging.judge(asked)
    finally:
        sys.settrace(before)
        gc.enable()
    return count


@pytest.mark.parametrize("more", [{}, PREFLIGHT], ids=["actual", "preflight"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_is_the_same_work_with_1_and_with_10000_origins(kind, more):
    work = []
    for size in (1, 10_000):
        judging = policy(kind, size)
        known = environ(KINDS[kind][1].format(size - 1), **more)
        stranger = environ("https://evil.example.net", **more)
        work.append([instructions(judging, asked) for asked in (known, known, stranger)])
    assert work[0] == work[1]


def test_an_origin_is_compared_with_at_most_those_that_have_its_hash():
    judging = policy("exact", 10_000)
    for text in ("https://app9999.example.com", "https://evil.example.net"):
        origin = CountedText(text)
        judging.judge(environ(origin))
        assert getattr(origin, "comparisons", 0) <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_an_allowed_origin_is_less_work_the_second_time(kind):
    judging, asked = policy(kind), environ(KINDS[kind][1].format(0))
    first, second = instructions(judging, asked), instructions(judging, asked)
    assert second < first / 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_seen_origins_verdict_is_kept_finished(kind):
    judging, asked = policy(kind), environ(KINDS[kind][1].format(0))
    assert judging.judge(asked) is judging.judge(asked)
    preflight = {**asked, **PREFLIGHT, "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-a"}
    assert judging.judge(preflight)[0] is judging.judge(preflight)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_work_grows_at_most_with_the_length_of_the_origin(kind):
    judging = policy(kind)
    work = {
        dots: instructions(judging, environ(f"https://{'a.' * dots}net")) for dots in (10, 20, 40)
    }
    assert work[40] - work[20] <= 2 * (work[20] - work[10])


@pytest.mark.parametrize("character", ["a", ".", ":", "a.", "\N{SNOWMAN}"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_megabyte_is_no_more_work_than_the_longest_origin_that_is_looked_at(kind, character):
    judging = policy(kind)
    longer, megabyte = (
        instructions(judging, environ("https://" + character * (length // len(character))))
        for length in (MAX_ORIGIN_LENGTH + 2, 1_000_000)
    )
    assert megabyte == longer


def test_only_so_many_allowed_origins_are_remembered():
    judging = policy("wildcard")
    for number in range(3 * SEEN_LIMIT):
        asked = environ(f"https://a{number}.app0.example.com", **PREFLIGHT)
        assert judging.judge(asked)[0].outcome is Outcome.PREFLIGHT
        assert len(judging._seen) <= SEEN_LIMIT


def test_only_so_many_requested_headers_are_remembered():
    judging = policy()
    for number in range(3 * SEEN_LIMIT):
        asked = environ("https://app0.example.com", **PREFLIGHT)
        asked["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = f"x-{number}"
        judging.judge(asked)
        assert len(judging._seen_names) <= SEEN_LIMIT
    asked["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = "x" * (MAX_ORIGIN_LENGTH + 1)
    judging._seen_names.clear()
    judging.judge(asked)
    assert not judging._seen_names


def test_only_so_many_hosts_are_remembered():
    judging = policy(TRUSTED_HOSTS=[".example.org"])
    for number in range(2 * SEEN_LIMIT):
        judging.judge(environ("null", HTTP_HOST=f"a{number}.example.org"))
    assert len(judging._pages.own._seen_hosts) <= SEEN_LIMIT


def test_refused_and_same_origins_are_never_remembered():
    judging = policy()
    for origin in ("https://evil.example.net", "https://chat.example.org"):
        judging.judge(environ(origin))
        judging.judge(environ(origin, **PREFLIGHT))
    assert not judging._seen
    assert not judging._seen_names


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"SIO_CORS_ORIGINS": True},
        {"SIO_CORS_ORIGINS": lambda origin: True},
        {"SIO_CORS_ORIGINS": lambda origin: False},
    ],
    ids=["listed", "reflected", "function", "refusing function"],
)
def test_memory_does_not_grow_with_hostile_origins(settings, monkeypatch):
    # What a function lets in is remembered, so many and no more.
    monkeypatch.setattr(answers, "ALLOWED_LIMIT", 20)
    monkeypatch.setattr(answers, "REFUSED_LIMIT", 20)
    judging = policy("wildcard", 10, **settings)

    def attack(numbers):
        for number in numbers:
            judging.judge(environ(f"https://evil{number}.example.net"))
            judging.judge(environ(f"https://evil{number}.example.net", **PREFLIGHT))

    attack(range(100))
    gc.collect()
    tracemalloc.start(FRAMES)
    try:
        attack(range(100, 2_500))
        gc.collect()
        # Threads that earlier tests have left in this process may take some memory, too.
        here = tracemalloc.Filter(True, "*/flask_sio_cors/*", all_frames=True)
        kept = tracemalloc.take_snapshot().filter_traces([here]).traces
        assert sum(trace.size for trace in kept) < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["exact", "wildcard"])
def test_an_origin_takes_at_most_200_bytes_beyond_its_text(kind):
    size = 20_000
    listed = origins(kind, size)
    tracemalloc.start()
    try:
        judging = Policy(Options.from_config({"SIO_CORS_ORIGINS": listed}))
        assert tracemalloc.get_traced_memory()[0] / size <= 200
    finally:
        tracemalloc.stop()
    assert judging.options.origins


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_set_lets_in_and_the_rule_that_it_names_agree(kind):
    origin_set = policy(kind, 10).options.origins
    scheme, _, host = KINDS[kind][0].replace("*", "").partition("://")
    asked = [
        f"{scheme}://{prefix}{host.format(number).strip('.:')}{port}"
        for prefix in ("", "a.", "a.b.", "a..", "A.", "-.")
        for number in (0, 9, 10)
        for port in ("", ":3000", ":80", ":080", ":")
    ]
    answers = [origin in origin_set for origin in asked]
    assert answers == [origin_set.rule(origin) is not None for origin in asked]
    assert {*answers} == {True, False}
