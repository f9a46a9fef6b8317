"""What a function said lately counts; one question is one call; strangers push nobody out."""

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.answers import ALLOWED_LIMIT, GRACE, REFUSED_LIMIT, Answers
from flask_sio_cors.door.callbacks import Callback
from flask_sio_cors.door.deciding import question
from flask_sio_cors.door.journal import Journal
from flask_sio_cors.door.verdicts import Reason
from flask_sio_cors.door.waiting import Interrupter, interrupter_of
from tests.support.harness import wait_until

APP = "https://app.example"
OTHER = "https://other.example"
SECONDS = 2.0


class Function:
    """A function of the application that does as it is told, and says how often it was asked."""

    def __init__(self, *allowed):
        self.allowed = set(allowed)
        self.asked = []
        self.fails = False

    def __call__(self, origin):
        self.asked.append(origin)
        if self.fails:
            raise LookupError("away")
        return origin in self.allowed


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def function():
    return Function(APP)


def answers_of(
    function, clock=time.monotonic, *, seconds=SECONDS, limit=5.0, journal=None, interrupter=None
):
    config = {"SIO_CORS_CALLBACK_CACHE": seconds, "SIO_CORS_CALLBACK_TIMEOUT": limit}
    options = Options.from_config({"SIO_CORS_ORIGINS": function, **config})
    interrupter = interrupter or Interrupter()
    callback = Callback(function, "function", limit, journal or Journal(), interrupter)
    return Answers(callback, lambda origin: True, options, interrupter, clock)


def ask(answers, origin=APP):
    answer = answers.recall(origin)
    return answers.settle(origin) if answer is None else answer


@pytest.mark.parametrize(("origin", "said"), [(APP, True), (OTHER, False)])
def test_an_answer_counts_for_its_seconds(function, clock, origin, said):
    answers = answers_of(function, clock)
    assert [ask(answers, origin) for _ in range(3)] == [said] * 3
    clock.now += SECONDS - 0.01
    assert ask(answers, origin) is said
    assert function.asked == [origin]
    clock.now += 0.01
    assert ask(answers, origin) is said
    assert function.asked == [origin] * 2


@pytest.mark.parametrize("kind", ["threading", "eventlet", "gevent"])
def test_a_slow_function_is_asked_again_in_time_and_nobody_waits_for_that(kind, clock):
    library = library_of(kind)
    interrupter = interrupter_of(kind)
    released, asked = interrupter.signal(), []

    def slow(origin):
        asked.append(origin)
        if len(asked) > 1:
            released.wait(10)
        clock.now += 0.3
        return True

    answers = answers_of(slow, clock, interrupter=interrupter)

    def visit(until):
        assert ask(answers) is True
        clock.now += SECONDS - 0.46
        assert answers.recall(APP) is True
        clock.now += 0.02
        assert answers.recall(APP) is None
        # Who asks goes on at once, and so does everybody else who comes meanwhile.
        assert answers.settle(APP) is True
        assert answers._under_way
        assert answers.recall(APP) is True
        until(lambda: len(asked) == 2)
        assert answers.recall(APP) is True
        released.set()
        until(lambda: not answers._under_way)
        clock.now += SECONDS - 0.46
        assert answers.recall(APP) is True
        assert len(asked) == 2

    if library is None:
        visit(wait_until)
        return

    def until(condition):
        with library.Timeout(20):
            while not condition():
                library.sleep(0.001)

    thread = library.spawn(visit, until)
    thread.wait() if kind == "eventlet" else thread.get()


def library_of(kind):
    """Return the library of green threads that such a server has, if any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet says that it is old
        return None if kind == "threading" else pytest.importorskip(kind)


def test_an_answer_counts_for_half_its_time_at_least(clock):
    def slower(origin):
        clock.now += 2 * SECONDS
        return True

    answers = answers_of(slower, clock)
    ask(answers)
    clock.now += SECONDS / 2 - 0.01
    assert answers.recall(APP) is True
    clock.now += 0.02
    assert answers.recall(APP) is None


def test_a_slow_function_that_fails_when_asked_in_time_is_not_asked_by_everybody(clock):
    function, failing = Function(APP), []

    def slow(origin):
        clock.now += 0.3
        if failing:
            raise LookupError("away")
        return function(origin)

    answers = answers_of(slow, clock)
    ask(answers)
    failing.append(True)
    clock.now += SECONDS - 0.2
    assert ask(answers) is True
    wait_until(lambda: not answers._under_way)
    assert [ask(answers) for _ in range(5)] == [True] * 5
    assert len(function.asked) == 1


def test_the_last_answer_counts(function, clock):
    answers = answers_of(function, clock)
    for allowed in (True, False, True):
        function.allowed = {APP} if allowed else set()
        assert ask(answers) is allowed
        clock.now += SECONDS
    function.fails = True
    assert ask(answers) is True


@pytest.mark.parametrize(("origin", "said"), [(APP, True), (OTHER, False)])
def test_where_the_function_fails_a_recent_answer_stands_in(function, clock, origin, said):
    answers = answers_of(function, clock)
    ask(answers, origin)
    function.fails = True
    clock.now += GRACE - 0.01
    assert ask(answers, origin) is said
    clock.now += 0.01
    assert ask(answers, origin) is Reason.ORIGIN_CALLABLE_FAILED


def test_a_function_that_fails_is_not_asked_more_often_than_one_that_answers(function, clock):
    answers = answers_of(function, clock)
    ask(answers)
    function.fails = True
    clock.now += SECONDS
    assert [ask(answers) for _ in range(5)] == [True] * 5
    assert len(function.asked) == 2


def test_a_failure_is_no_answer(function, clock):
    answers = answers_of(function, clock)
    function.fails = True
    assert ask(answers) is Reason.ORIGIN_CALLABLE_FAILED
    function.fails = False
    assert ask(answers) is True


def test_the_log_says_what_followed(function, clock, caplog):
    answers = answers_of(function, clock)
    ask(answers)
    function.fails = True
    clock.now += SECONDS
    ask(answers)
    ask(answers, OTHER)
    stood_in, refused = caplog.messages
    assert (
        stood_in == "function: raised LookupError; its answer of less than 60 seconds ago stood in"
    )
    assert refused == "function: raised LookupError; the request was refused"


def test_strangers_push_nobody_out(function, clock):
    answers = answers_of(function, clock)
    ask(answers)
    for number in range(3 * REFUSED_LIMIT):
        assert ask(answers, f"https://{number}.example") is False
    assert len(answers._refused) == REFUSED_LIMIT
    assert ask(answers) is True
    assert function.asked.count(APP) == 1


def test_of_too_many_allowed_origins_the_oldest_is_forgotten(clock):
    function = Function(*(f"https://{number}.example" for number in range(ALLOWED_LIMIT + 1)))
    answers = answers_of(function, clock)
    for number in range(ALLOWED_LIMIT + 1):
        assert ask(answers, f"https://{number}.example") is True
    assert len(answers._allowed) == ALLOWED_LIMIT
    assert answers.recall("https://0.example") is None
    assert answers.recall("https://1.example") is True


@pytest.fixture
def held():
    """A function that hangs until it is released."""

    class Held(Function):
        def __init__(self):
            super().__init__(APP)
            self.released = threading.Event()

        def __call__(self, origin):
            self.asked.append(origin)
            self.released.wait(20)
            return origin in self.allowed

    function = Held()
    yield function
    function.released.set()


def test_concurrent_questions_about_one_origin_are_one_call(held):
    answers = answers_of(held)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, answers) for _ in range(8)]
        wait_until(lambda: bool(held.asked))
        other = pool.submit(ask, answers, OTHER)
        held.released.set()
        assert [one.result() for one in asked] == [True] * 8
        assert other.result() is False
    assert sorted(held.asked) == [APP, OTHER]


def test_nobody_waits_for_another_longer_than_the_function_may_take(held, caplog):
    answers = answers_of(held, limit=0.5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, answers)
        wait_until(lambda: bool(held.asked))
        assert ask(answers) is Reason.ORIGIN_CALLABLE_FAILED
        # It is overdue by now, so that nobody else waits at all.
        started = time.monotonic()
        assert ask(answers) is Reason.ORIGIN_CALLABLE_FAILED
        assert time.monotonic() - started < 0.5
        held.released.set()
        assert first.result() is Reason.ORIGIN_CALLABLE_FAILED
    assert caplog.messages == ["function: took longer than 0.5 seconds; the request was refused"]


def test_a_call_that_never_comes_back_is_given_up(held, clock):
    answers = answers_of(held, clock, limit=0.05)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(ask, answers)
        wait_until(lambda: len(held.asked) == 1)
        clock.now += GRACE
        again = pool.submit(ask, answers)
        wait_until(lambda: len(held.asked) == 2)
        held.released.set()
        again.result()


def test_where_whoever_asked_is_ended_the_others_ask_themselves(held, monkeypatch):
    answers = answers_of(held)
    endings = iter([KeyboardInterrupt])
    answer = held.__class__.__call__

    def ended(self, origin):
        said = answer(self, origin)
        for ending in endings:
            raise ending
        return said

    monkeypatch.setattr(held.__class__, "__call__", ended)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, answers)
        wait_until(lambda: len(held.asked) == 1)
        second = pool.submit(ask, answers)
        held.released.set()
        assert second.result() is True
        with pytest.raises(KeyboardInterrupt):
            first.result()
    assert not answers._under_way


# --- What stands between an answer and the door ------------------------------------------------


def deciding(function, **settings):
    keyed = {f"SIO_CORS_{name}": value for name, value in settings.items()}
    options = Options.from_config({"SIO_CORS_ORIGINS": function, **keyed})
    ask = question(options, Journal(), Interrupter())
    return lambda origin: ask(origin, {})


@pytest.mark.parametrize("cache", [0, 60])
def test_what_must_not_come_with_credentials_never_does(cache):
    decide = deciding(lambda origin: True, SUPPORTS_CREDENTIALS=True, CALLBACK_CACHE=cache)
    for _ in range(3):
        assert decide(APP) is True
        assert decide("null") is Reason.ORIGIN_OPAQUE
        assert decide("http://app.example") is Reason.ORIGIN_INSECURE
        assert decide("https://app.example/") is Reason.ORIGIN_MALFORMED


def test_with_a_cache_of_0_it_is_asked_each_time_and_nothing_stands_in(function):
    decide = deciding(function, CALLBACK_CACHE=0)
    assert [decide(APP), decide(APP)] == [True, True]
    assert len(function.asked) == 2
    function.fails = True
    assert decide(APP) is Reason.ORIGIN_CALLABLE_FAILED


def test_what_no_browser_sends_is_neither_asked_about_nor_remembered(function):
    decide = deciding(function)
    assert decide("https://x" * 10_000) is Reason.ORIGIN_MALFORMED
    assert not function.asked
