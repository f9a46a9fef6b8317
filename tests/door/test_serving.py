"""What begins with the first request: refusals wait for it, and do not keep it waiting."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sio_cors.door import serving
from flask_sio_cors.door.serving import FirstRequest


class Sleeps:
    """Sleeps, and tells who did."""

    def __init__(self):
        self.threads = set()

    def __call__(self, seconds):
        self.threads.add(threading.get_ident())
        time.sleep(seconds)


@pytest.fixture
def sleep():
    return Sleeps()


def started(ready):
    first = FirstRequest()
    first.wait_for(ready)
    first.has_come()
    return first


def test_one_looks_for_all_who_wait(sleep):
    ready = threading.Event()
    first = started(ready.is_set)
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(first.settle, sleep, threading.Event) for _ in range(50)]
        time.sleep(0.1)
        assert not any(one.done() for one in waiting)
        ready.set()
        for one in waiting:
            one.result(10)
    assert first.is_settled
    # Of fifty; two may have begun at once.
    assert 0 < len(sleep.threads) < 5


def test_nobody_waits_for_ever(monkeypatch, sleep):
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    first = started(lambda: False)
    with ThreadPoolExecutor(5) as pool:
        for one in [pool.submit(first.settle, sleep, threading.Event) for _ in range(5)]:
            one.result(1)
    assert first.is_settled


def test_where_the_one_who_looks_is_ended_another_does(sleep):
    ready = threading.Event()
    first = started(ready.is_set)

    def ended(seconds):
        time.sleep(0.05)
        raise InterruptedError

    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(first.settle, ended, threading.Event)
        waiting = pool.submit(first.settle, sleep, threading.Event)
        with pytest.raises(InterruptedError):
            looking.result(1)
        assert not first.is_settled
        ready.set()
        waiting.result(1)
    assert first.is_settled


def test_what_was_ready_before_is_not_waited_for(sleep):
    first = started(lambda: True)
    assert first.is_settled
    first.settle(sleep, threading.Event)
    assert not sleep.threads
