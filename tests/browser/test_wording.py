"""The words of Firefox and Chromium are headings of `docs/troubleshooting.md`, where users look."""

import pytest

from flask_sio_cors.browser import wording
from tests.support.headings import is_heading


@pytest.mark.parametrize(
    "message",
    [
        *dict.fromkeys(wording.FIREFOX_REASONS.values()),
        *wording.CHROMIUM_CAUSES.values(),
        wording.CHROMIUM_INVALID,
    ],
)
def test_every_message_of_the_doctor_is_a_heading(message: str) -> None:
    assert is_heading(message)
