"""The other half of the servers of `test_browsers.py`, for browsers that open them meanwhile."""

from tests.doctor.test_browsers import (
    CASES,
    examining,
    test_the_doctor_knows_whether_a_websocket_alone_connects,
    test_the_doctor_says_what_firefox_and_chromium_say,
)

__all__ = [
    "test_the_doctor_knows_whether_a_websocket_alone_connects",
    "test_the_doctor_says_what_firefox_and_chromium_say",
]

examined = examining(CASES[1::2])
