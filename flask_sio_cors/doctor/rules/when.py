"""What rules ask of a case: small tests, to be put together."""

from __future__ import annotations

from dataclasses import replace

from ...browser.fetch import Check
from ..facts import Case, Stage
from ..findings import Rule, Test
from ..who import Error, says
from ..wire import Trouble


def always(case: Case) -> bool:
    """Tell of every case: for the last rule of a list."""
    return True


def both(*tests: Test) -> Test:
    """Return whether all of some tests hold."""
    return lambda case: all(test(case) for test in tests)


def either(*tests: Test) -> Test:
    """Return whether one of some tests holds."""
    return lambda case: any(test(case) for test in tests)


def given(test: Test, *rules: Rule) -> tuple[Rule, ...]:
    """Return rules for cases alone that pass a test."""
    return tuple(replace(rule, applies=both(test, rule.applies)) for rule in rules)


def is_in(stage: Stage) -> Test:
    """Return whether a page had come so far."""
    return lambda case: case.stage is stage


def fails(*checks: Check) -> Test:
    """Return whether an answer has not passed one of these checks."""
    return lambda case: case.check in checks


def refused_for(*errors: Error) -> Test:
    """Return whether a Socket.IO server refuses for one of these."""
    return lambda case: case.author.error in errors


def troubled(*troubles: Trouble) -> Test:
    """Return whether there was no answer, or no whole one, for one of these."""
    return lambda case: case.trouble in troubles


def status(*numbers: int) -> Test:
    """Return whether an answer has one of these."""
    return lambda case: case.response.status in numbers


def shows(*marks: str, status: tuple[int, ...] = ()) -> Test:
    """Return whether a header line or the body of an answer matches one of these patterns."""
    pattern = "|".join(marks)
    return lambda case: (
        (not status or case.response.status in status) and says(case.response, pattern)
    )


def in_session(case: Case) -> bool:
    """Tell whether a request is one within a session."""
    return "sid=" in case.url
