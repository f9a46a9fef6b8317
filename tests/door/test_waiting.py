"""How a server waits: so many calls at once, and who kept everybody waiting."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_sio_cors.door.waiting import (
    EventletInterrupter,
    Gate,
    GeventInterrupter,
    Interrupter,
    Watch,
    interrupter_of,
)
from tests.support.harness import wait_until


def allow(origin):
    return True


def filled(gate):
    """Take all the places of a gate."""
    assert all(gate.enter() for _ in range(gate.size))
    return gate


def test_of_more_calls_than_have_a_place_some_are_refused():
    gate = filled(Gate(allow, 3, 0))
    assert not gate.enter()
    gate.leave()
    assert gate.enter()
    assert not gate.enter()


def test_one_that_waits_gets_the_place_of_one_that_ends():
    gate = filled(Gate(allow, 1, 20))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gate.enter)
        wait_until(waiting.running)
        gate.leave()
        assert waiting.result()


def test_where_one_has_waited_in_vain_others_do_not_even_begin():
    gate = filled(Gate(allow, 1, 0.05))
    assert not gate.enter()
    gate._patience = 1000
    assert not gate.enter()
    gate.leave()
    assert gate.enter()


@pytest.mark.parametrize(
    ("async_mode", "kind", "places"),
    [
        ("threading", Interrupter, 16),
        ("eventlet", EventletInterrupter, 512),
        ("gevent", GeventInterrupter, 512),
        ("gevent_uwsgi", GeventInterrupter, 512),
    ],
)
def test_green_threads_have_more_places(async_mode, kind, places):
    interrupter = interrupter_of(async_mode)
    assert type(interrupter) is kind
    assert interrupter.gate("SIO_CORS_ORIGINS", allow).size == places


def test_another_configuration_opens_no_other_gate_for_the_same_function():
    interrupter = Interrupter()
    gate = interrupter.gate("SIO_CORS_ORIGINS", allow)
    gate.enter()
    assert interrupter.gate("SIO_CORS_ALLOW_REQUEST", allow) is not gate
    assert interrupter.gate("SIO_CORS_ORIGINS", lambda origin: True) is not gate
    assert interrupter.gate("SIO_CORS_ORIGINS", allow) is gate


def test_gates_that_nobody_is_in_are_not_kept():
    interrupter = Interrupter()
    for _ in range(100):
        interrupter.gate("SIO_CORS_ORIGINS", lambda origin: True)
    assert len(interrupter._gates) == 1


@pytest.mark.parametrize(
    ("has_run", "took", "overdue", "stopped"),
    [
        (False, 0.5, -0.5, 0.5),
        (True, 0.5, -0.5, 0.0),
        (True, 1.5, 0.5, 0.5),
        (False, 1.5, 0.5, 1.5),
    ],
)
def test_whoever_let_nobody_else_run_has_stopped_the_server(has_run, took, overdue, stopped):
    notes = []
    watch = Watch(lambda note: notes.append(note) or notes.clear)
    if has_run:
        notes[0]()
    assert watch.stopped_for(took, overdue) == stopped
    watch.end()
    assert not notes


def test_a_thread_stops_nobody():
    assert Watch().stopped_for(10, 10) == 0


@pytest.mark.parametrize("async_mode", ["eventlet", "gevent"])
def test_a_command_is_no_server(async_mode):
    pytest.importorskip(async_mode)  # `make lowest` has no gevent, which nobody need have
    source = f"""
from flask_sio_cors.door.waiting import interrupter_of
print(interrupter_of({async_mode!r}).watch().stopped_for(10, 10))
"""
    command = [sys.executable, "-W", "ignore", "-c", source]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said.stdout == "0.0\n", said.stderr
