"""The doctor and two real browsers, with a client that has WebSocket alone.

In a file of its own, so that these browsers open their pages beside those of `test_browsers.py`.
"""

from contextlib import ExitStack

import pytest

from tests.doctor.conftest import Browsers
from tests.doctor.test_browsers import CASES, examine
from tests.support.broken_servers import WEBSOCKET_ONLY, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_doctor_knows_whether_a_websocket_alone_connects(
    case: Case, browsers: Browsers
) -> None:
    pages, firefox, chromium = browsers
    with ExitStack() as stack:
        url = case.serve(stack)
        report = examine(url, pages.https if case.secure else pages.http, *case.arguments)
        options = {**case.options, **WEBSOCKET_ONLY}
        attempts = [
            browser.open(url, options, secure=case.secure) for browser in (firefox, chromium)
        ]
    is_refused = case.finding == "namespace-refused"
    works = report["websocket"] and not is_refused
    assert bool(works) == all(attempt.connected for attempt in attempts), attempts
