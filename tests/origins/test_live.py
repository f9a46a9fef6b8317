"""The set that changes while it is asked: it answers as a set does that is made anew each time."""

import sys
import threading
from itertools import islice, product
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors.origins.grammar import parse_pattern
from flask_sio_cors.origins.live import LiveOrigins
from flask_sio_cors.origins.sets import OriginSet
from tests.support.examples import up_to

PATTERNS = """
    https://example.com http://example.com https://a.example.com https://a.example.com:8443
    https://a.b.example.com null file:// capacitor://localhost http://localhost https://[fd00::1]
    https://example.com:* http://localhost:* http://[fd00::1]:*
    https://*.example.com http://*.example.com https://*.b.example.com https://*.example.com:8443
    https://*.example.com:* http://*.b.example.com:* https://*.a-b.example.com
    https://pr-*.example.com https://pr-*-x.example.com https://*-x.example.com http://p*.example.com
    https://a.p*.b.example.com https://pr-*.example.com:8443 https://pr-*.example.com:*
    https://x*y.b.example.com:* http://p*.test
    http://10.0.0.0/8 http://10.0.0.0/16:3000 http://10.0.0.0/16:* http://10.1.0.0/16
    https://[fd00::]/8 https://[fd00::]/64:* http://192.168.1.0/24:*
""".split()
HOSTS = """
    example.com a.example.com b.a.example.com pr-1.example.com pr-1-x.example.com pr--x.example.com
    a.b.example.com a.pq.b.example.com xzy.b.example.com xn--p.example.com p.test pq.test
    *.example.com pr-*.example.com a.*.example.com localhost 10.0.0.1 10.0.1.1 10.1.2.3 10.9.9.9
    10.0.0.0/16 192.168.1.1 192.168.2.1 [fd00::1] [fd00::] [fd00:0:0:1::1] [fd00::]/8 evil.example
""".split()
PORTS = ["", ":8443", ":3000", ":*", ":0", ":443", ":80", ":65536", ":08"]
#: What is asked: the entries themselves, and whatever looks like one of their origins.
ORIGINS = [
    *PATTERNS,
    *map("".join, product(["https://", "http://"], HOSTS, PORTS)),
    "",
    "https://",
    "example.com",
    ".example.com",
    "https://a/.example.com",
    "https://a\n.example.com",
    "https://pr-1.example.com.",
    "HTTPS://a.example.com",
    "wss://a.example.com",
    "x" * 400,
    "https://" + "a." * 200 + "example.com",
]
#: Another way to write one of them.
SAME = {"http://10.0.*.*:3000": "http://10.0.0.0/16:3000", "http://10.*.*.*": "http://10.0.0.0/8"}

entries = st.sampled_from([*PATTERNS, *SAME])
changes = st.one_of(
    st.tuples(st.just("add"), entries),
    st.tuples(st.just("discard"), entries),
    st.tuples(st.just("fill"), st.lists(entries, max_size=12)),
)


def as_made_anew(texts):
    return OriginSet(map(parse_pattern, texts))


def filled(texts):
    live = LiveOrigins()
    for _ in live.fill(texts):
        pass
    return live


def assert_same(live, texts):
    expected = as_made_anew(texts)
    for origin in ORIGINS:
        assert live.rule(origin) == expected.rule(origin), origin
        assert (origin in live) == (origin in expected), origin
        assert live.is_listed(origin) == (SAME.get(origin, origin) in texts), origin
    assert set(live) == texts
    assert len(live) == len(texts)


@up_to(60)
@given(made=st.lists(changes, max_size=25), steps=st.integers(0, 3))
def test_after_any_changes_it_is_as_if_made_anew(made, steps):
    live, texts = LiveOrigins(), set()
    for change, argument in made:
        if change == "fill":
            # What is broken off counts for nothing, neither then nor later.
            list(islice(live.fill(PATTERNS), steps))
            for _ in live.fill(argument):
                pass
            texts = {SAME.get(text, text) for text in argument}
        else:
            getattr(live, change)(argument)
            getattr(texts, change)(SAME.get(argument, argument))
    assert_same(live, texts)


def test_all_of_them_together_are_as_if_made_anew():
    live = filled(PATTERNS)
    assert_same(live, set(PATTERNS))
    for text in PATTERNS:
        live.discard(text)
    assert_same(live, set())


@pytest.mark.parametrize(
    "text", ["", "*", "https://Example.com", "https://example.com/", "regex:a", "http://8.0.0.0/8"]
)
def test_what_is_no_origin_is_an_error_and_is_not_there(text):
    live = filled(["https://example.com"])
    with pytest.raises(ValueError, match="is no origin"):
        live.add(text)
    with pytest.raises(ValueError, match="is no origin"):
        list(live.fill(["https://other.example", text]))
    live.discard(text)
    assert not live.is_listed(text)
    assert list(live) == ["https://example.com"]


def test_the_old_answers_until_all_of_the_new_is_there():
    live = filled(f"https://old{n}.example" for n in range(5000))
    work = live.fill(f"https://new{n}.example" for n in range(20_000))
    assert next(work) is None
    assert "https://old1.example" in live
    assert "https://new0.example" not in live
    for _ in work:
        assert ("https://old1.example" in live) != ("https://new0.example" in live)
    assert "https://new19999.example" in live
    assert len(live) == 20_000


def test_one_that_fails_leaves_what_was_there():
    live = filled(["https://old.example"])

    def broken():
        yield from (f"https://new{n}.example" for n in range(5000))
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - as it came
        list(live.fill(broken()))
    assert list(live) == ["https://old.example"]
    list(live.fill(["https://new.example"]))
    assert list(live) == ["https://new.example"]


def test_readers_on_threads_never_miss_what_is_there():
    kept = ["https://kept.example", "https://a.kept-too.example"]
    always = ["https://kept.example", "https://*.kept-too.example"]
    others = [f"https://other{n}.example" for n in range(3000)]
    live = filled([*always, *others])
    missed, is_over = [], threading.Event()

    def ask():
        while not is_over.is_set():
            missed.extend(origin for origin in kept if origin not in live)

    readers = [threading.Thread(target=ask) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for reader in readers:
            reader.start()
        for _ in range(5):
            for _ in live.fill([*others, *always]):
                pass
            for n in range(1000):
                live.add(f"https://*.more{n}.example")
                live.discard(f"https://*.more{n}.example")
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
        sys.setswitchinterval(interval)
    assert missed == []


def test_it_can_be_listed_while_it_changes():
    live = filled(f"https://a{n}.example" for n in range(1000))
    found = []
    for text in live:
        found.append(text)
        live.discard("https://a1.example")
        live.add(f"https://b{len(found)}.example")
        if len(found) > 1000:
            break
    assert len(set(found)) == len(found)


def slowest_of_many_changes():
    live = LiveOrigins()
    slowest = 0.0
    for n in range(360_000):
        # The clock of this very thread, which stands still while others have the processor.
        start = thread_time()
        live.add(f"https://app{n}.example.com")
        slowest = max(slowest, thread_time() - start)
    return slowest


def test_no_change_takes_long_however_large_the_set_becomes():
    # What grows takes its time each time; a machine that is busy, sometimes.
    assert any(slowest_of_many_changes() < 0.005 for _ in range(3))
