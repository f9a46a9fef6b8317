"""The bounded log, on a clock that the tests turn."""

import logging

import pytest

from flask_sio_cors.door.journal import LIMIT, PERIOD, Journal

STRANGER = "https://stranger.example"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def journal(clock):
    return Journal(clock)


@pytest.fixture
def logged(caplog):
    """A function that returns the levels of all that was logged since it was last called."""
    caplog.set_level(logging.DEBUG, logger="flask_sio_cors")

    def levels():
        found = [record.levelname for record in caplog.records]
        caplog.clear()
        return found

    return levels


def refuse(journal, origin=STRANGER, reason="origin-not-allowed"):
    journal.refused(origin, reason, lambda: "add it to the list")


def test_the_first_refusal_of_an_origin_warns_and_the_others_are_for_debugging(journal, logged):
    for _ in range(3):
        refuse(journal)
    assert logged() == ["WARNING", "DEBUG", "DEBUG"]


def test_another_origin_or_another_reason_warns_anew(journal, logged):
    refuse(journal)
    refuse(journal, origin="https://else.example")
    refuse(journal, origin=None)
    refuse(journal, reason="origin-malformed")
    assert logged() == ["WARNING"] * 4


def test_a_warning_says_the_reason_and_the_explanation(journal, caplog):
    refuse(journal)
    assert caplog.messages == ["Refused (origin-not-allowed): add it to the list"]


def test_an_explanation_that_nobody_reads_is_not_written(journal, caplog):
    caplog.set_level(logging.ERROR, logger="flask_sio_cors")

    def explanation():
        pytest.fail("it was called")

    journal.refused(STRANGER, "origin-not-allowed", explanation)


def test_a_flood_of_origins_warns_so_many_times_and_once_that_it_stops(journal, logged):
    for number in range(3 * LIMIT):
        refuse(journal, origin=f"https://{number}.example")
    levels = logged()
    assert levels.count("WARNING") == LIMIT + 1
    assert levels.count("DEBUG") == 2 * LIMIT


def test_a_flood_costs_a_bounded_memory(journal):
    for number in range(3 * LIMIT):
        refuse(journal, origin=f"https://{number}.example" + "x" * 10_000)
    assert len(journal._known) == LIMIT
    assert max(len(origin) for origin, *_ in journal._known) <= 120


@pytest.mark.parametrize("flooded", [False, True], ids=["a quiet log", "a flooded log"])
def test_what_goes_on_for_longer_than_the_period_warns_again(journal, clock, logged, flooded):
    refuse(journal)
    if flooded:
        for number in range(2 * LIMIT):
            refuse(journal, origin=f"https://{number}.example")
    logged()
    clock.now += PERIOD - 1
    refuse(journal)
    assert logged() == ["DEBUG"]
    clock.now += 1
    refuse(journal)
    refuse(journal)
    assert logged() == ["WARNING", "DEBUG"]


def test_a_fault_is_an_error_with_its_traceback_and_repetitions_are_for_debugging(
    journal, logged, caplog
):
    for _ in range(2):
        journal.fault("SIO_CORS_ORIGINS", LookupError("away"), "raised LookupError")
    assert caplog.records[0].exc_info[0] is LookupError
    assert caplog.messages[0] == "SIO_CORS_ORIGINS: raised LookupError"
    assert logged() == ["ERROR", "DEBUG"]


def test_a_fault_without_an_exception_has_no_traceback(journal, caplog):
    journal.fault("SIO_CORS_ORIGINS", None, "returned int, not True or False")
    assert not caplog.records[0].exc_info
    assert caplog.records[0].levelname == "ERROR"
