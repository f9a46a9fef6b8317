"""What runs beside the requests (`live/background.py`), as each kind of server has it."""

import json
import subprocess
import sys
import threading

import pytest

from flask_sio_cors.door.serving import FirstRequest
from flask_sio_cors.live.background import Background, Ended
from tests.support.harness import REPOSITORY, wait_until

KINDS = [
    ("threading", "unpatched"),
    ("eventlet", "patched"),
    ("eventlet", "unpatched"),
    ("gevent", "patched"),
    ("gevent", "unpatched"),
]


@pytest.mark.parametrize("kind", KINDS, ids=", ".join)
def test_a_step_runs_in_the_process_that_serves_and_stops_nobody(kind):
    pytest.importorskip(kind[0])
    program = [sys.executable, "-W", "ignore", "-m", "tests.support.background_program", *kind]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    # A call of a second that holds its thread goes on meanwhile.
    assert seen.pop("longest gap") < 0.7
    assert seen == {
        "before": False,
        "calls": 1,
        "woken": True,
        "again after an error": True,
        "in the child": [False, False, True],
        "after the fork": True,
        "stopped": True,
        "started again": True,
    }
    assert "of the step" in done.stderr


def test_beside_a_green_library_whose_loop_nobody_runs_it_is_a_native_thread():
    pytest.importorskip("eventlet")
    called = threading.Event()

    def step():
        called.set()
        return 600.0

    background = Background(step, "eventlet", "tried")
    background.ensure()
    assert called.wait(20)
    background.stop()


def test_a_step_that_pauses_or_calls_ends_when_it_is_stopped():
    begun, ended = threading.Event(), threading.Event()

    def step():
        begun.set()
        try:
            while True:
                background.call(int)
                background.pause()
        except Ended:
            ended.set()
            raise

    background = Background(step, "threading", "tried")
    background.ensure()
    assert begun.wait(20)
    background.stop(20)
    assert ended.is_set()
    with pytest.raises(Ended):
        background.pause()


def test_two_first_requests_at_once_start_one():
    threads = []
    gate = threading.Barrier(9)

    def step():
        threads.append(threading.current_thread())
        return 600.0

    background = Background(step, "threading", "tried")

    def ask():
        gate.wait()
        background.ensure()

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    gate.wait()
    for thread in asking:
        thread.join()
    wait_until(lambda: bool(threads))
    background.wake()
    wait_until(lambda: len(threads) == 2)
    assert len(set(threads)) == 1
    background.stop()


def test_the_first_request_calls_what_waits_and_no_other_does():
    calls = []
    first = FirstRequest()
    assert not first.awaited
    first.call(lambda: calls.append("one"))
    first.call(lambda: calls.append("two"))
    assert first.awaited
    first.has_come()
    assert (calls, first.awaited) == (["one", "two"], False)
    first.call(lambda: calls.append("three"))
    assert first.awaited
