"""The doctor and two real browsers look at the same broken servers, and say the same."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from flask_sio_cors.browser import wording
from flask_sio_cors.cli import main
from tests.doctor.conftest import Browsers
from tests.support import consoles
from tests.support.broken_servers import (
    BROKEN,
    HALF_BROKEN,
    HEALTHY,
    MALFORMED,
    RARE,
    REFUSING,
    SOUND,
    WEBSOCKET_ONLY,
    WRONG,
    Case,
    guarded,
    node_server,
    plain,
    serving,
)

#: A session that breaks right after its handshake: now and then a page is connected for a moment.
BREAKS_LATER = {"POST without CORS headers", "several workers"}
CASES = [*BROKEN, *RARE, *HALF_BROKEN, *WRONG, *SOUND]


def examine(url: str, origin: str, *arguments: str) -> dict[str, Any]:
    """Run the doctor as a machine would, and return what it prints."""
    limits = ["--watch=0", f"--timeout={consoles.CLIENT_SECONDS}"]
    result = CliRunner().invoke(
        main, ["doctor", url, "--origin", origin, *limits, "--json", *arguments]
    )
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if report["works"] else 1)
    return report


def broken(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["severity"] == "broken"]


def without_chance(line: str) -> str:
    """Take out of a console's line what is new in every attempt."""
    line = re.sub(r"[&?](t|sid)=[\w-]+", "", line)
    # Which of them it is depends on how far the request has come when the server hangs up.
    return re.sub("ERR_(CONNECTION_RESET|SOCKET_NOT_CONNECTED)", "ERR_EMPTY_RESPONSE", line)


def assert_all_seen(told: list[str], seen: tuple[str, ...]) -> None:
    """Every line that the doctor foretells stands in the console."""
    lines = [without_chance(line) for line in seen]
    for expected in map(without_chance, told):
        assert any(expected in line for line in lines), (expected, lines)


def assert_same(
    report: dict[str, Any], firefox: consoles.Attempt, chromium: consoles.Attempt
) -> None:
    findings = broken(report)
    reasons = [reason for finding in findings for reason in finding["firefox"]["reasons"]]
    assert reasons == firefox.reasons
    assert any(finding["chromium"]["blocked"] for finding in findings) == chromium.blocked
    for finding in findings:
        assert_all_seen(finding["firefox"]["console"], firefox.console)
        assert_all_seen(finding["chromium"]["console"], chromium.console)


def assert_same_result(report: dict[str, Any], attempt: consoles.Attempt) -> None:
    is_refused = any(finding["id"] == "namespace-refused" for finding in broken(report))
    assert (report["polling"] and not is_refused) == attempt.connected
    told = [f"failed: {finding['connect_error'] or ''}" for finding in broken(report)]
    assert attempt.connected or attempt.result in told


class Examined(NamedTuple):
    """A broken server, what the doctor says of it, and who else opens it."""

    case: Case
    url: str
    report: dict[str, Any]
    firefox: consoles.Firefox
    chromium: consoles.Chromium

    def opened(self, **options: object) -> list[consoles.Attempt]:
        """What becomes of a page's attempt, in Firefox and in Chromium."""
        asked = {**self.case.options, **options}
        return [
            browser.open(self.url, asked, secure=self.case.secure)
            for browser in (self.firefox, self.chromium)
        ]


def examining(cases: list[Case]) -> Any:
    """A fixture: each of these servers, examined once for all that is compared."""

    @pytest.fixture(scope="module", params=cases, ids=[case.name for case in cases])
    def examined(request: pytest.FixtureRequest, browsers: Browsers) -> Iterator[Examined]:
        case: Case = request.param
        pages, firefox, chromium = browsers
        with ExitStack() as stack:
            url = case.serve(stack)
            origin = pages.https if case.secure else pages.http
            yield Examined(case, url, examine(url, origin, *case.arguments), firefox, chromium)

    return examined


#: The others are in `test_browsers_beside.py`, whose browsers open their pages beside these.
examined = examining(CASES[::2])


def test_the_doctor_says_what_firefox_and_chromium_say(examined: Examined) -> None:
    case, report = examined.case, examined.report
    in_firefox, in_chromium = examined.opened()

    found = [finding["id"] for finding in report["findings"]]
    # What others get in by is another question.
    is_broken = bool(case.finding) and case not in WRONG
    assert case.finding in found if is_broken else not found
    assert_same(report, in_firefox, in_chromium)
    if case.name not in BREAKS_LATER:
        assert_same_result(report, in_firefox)
        assert_same_result(report, in_chromium)


def test_the_doctor_knows_whether_a_websocket_alone_connects(examined: Examined) -> None:
    attempts = examined.opened(**WEBSOCKET_ONLY)
    is_refused = examined.case.finding == "namespace-refused"
    works = examined.report["websocket"] and not is_refused
    assert bool(works) == all(attempt.connected for attempt in attempts), attempts


@pytest.mark.parametrize("case", REFUSING, ids=[case.name for case in REFUSING])
def test_what_the_application_refuses_is_not_blamed_on_cors(case: Case, browsers: Browsers) -> None:
    pages, firefox, chromium = browsers
    with ExitStack() as stack:
        url = case.serve(stack)
        report = examine(url, pages.http, *case.arguments)
        attempts = [browser.open(url, case.options) for browser in (firefox, chromium)]
    assert not report["works"]
    assert report["polling"]
    (finding,) = (found for found in report["findings"] if found["id"] == case.finding)
    assert "CORS is in order" in finding["cause"]
    assert not any(attempt.reasons or attempt.blocked for attempt in attempts), attempts
    if finding["id"] == "connect-unanswered":
        assert {attempt.result for attempt in attempts} == {"nothing happened"}
    elif finding["connect_error"]:
        assert {attempt.result for attempt in attempts} == {f"failed: {finding['connect_error']}"}


def test_a_server_that_takes_no_packet_is_told_as_the_page_meets_it(browsers: Browsers) -> None:
    pages, *both = browsers
    with ExitStack() as stack:
        cors = f'cors: {{ origin: "{pages.http}" }}'
        node = f"new Server(httpServer, {{ maxHttpBufferSize: 1, {cors} }})"
        flask = plain(options=f", max_http_buffer_size=1, cors_allowed_origins='{pages.http}'")
        port = stack.enter_context(serving(flask))
        for url in (stack.enter_context(node_server(node)), f"http://127.0.0.1:{port}"):
            (finding,) = broken(examine(url, pages.http))
            attempts = [browser.open(url, {}) for browser in both]
            assert finding["id"] == "body-too-large"
            assert not any(one.connected for one in attempts)
            told = finding["connect_error"]
            assert told is None or {one.result for one in attempts} == {f"failed: {told}"}
            assert_all_seen(finding["chromium"]["console"], attempts[1].console)
            assert not any(one.reasons or one.blocked for one in attempts)


def test_enough_servers_are_broken() -> None:
    assert len(BROKEN) + len(HALF_BROKEN) >= 25


def test_the_method_of_a_page_is_asked_for(browsers: Browsers) -> None:
    pages, firefox, chromium = browsers
    with ExitStack() as stack:
        url = HEALTHY.serve(stack)
        report = examine(url, pages.http, "--method", "PUT", "--with-credentials")
        in_firefox = firefox.fetch(f"{url}/socket.io/?EIO=4&transport=polling", "PUT")
        in_chromium = chromium.fetch(f"{url}/socket.io/?EIO=4&transport=polling", "PUT")
    (finding,) = broken(report)
    assert finding["id"] == "method-not-listed"
    assert finding["firefox"]["reasons"] == in_firefox.reasons
    assert finding["chromium"]["blocked"] == in_chromium.blocked


PASTED = [case for case in BROKEN if case.finding in {
    "header-missing", "origin-mismatch", "origin-not-allowed", "wildcard-with-credentials",
    "credentials-not-true", "header-not-listed", "method-not-listed", "preflight-status",
} and "twice" not in case.name]  # fmt: skip


@pytest.mark.parametrize("case", PASTED, ids=[case.name for case in PASTED])
def test_the_fix_for_this_extension_makes_the_page_connect(case: Case, browsers: Browsers) -> None:
    pages, firefox, _ = browsers
    with ExitStack() as stack:
        report = examine(case.serve(stack), pages.http, *case.arguments)
        (finding,) = broken(report)
        port = stack.enter_context(serving(plain(finding["fix"]["extension"])))
        attempt = firefox.open(f"http://127.0.0.1:{port}", case.options)
    assert attempt.connected, attempt


ONE_EACH = list({(case.finding, *MALFORMED & {case.name}): case for case in PASTED}.values())


@pytest.mark.parametrize("case", ONE_EACH, ids=[case.name for case in ONE_EACH])
def test_the_fix_for_node_makes_the_page_connect(case: Case, browsers: Browsers) -> None:
    pages, firefox, _ = browsers
    with ExitStack() as stack:
        report = examine(case.serve(stack), pages.http, *case.arguments)
        (finding,) = broken(report)
        url = stack.enter_context(node_server(finding["fix"]["node"]))
        attempt = firefox.open(url, case.options)
    assert attempt.connected, attempt


def test_pasted_below_another_origin_both_pages_connect(browsers: Browsers) -> None:
    pages, firefox, _ = browsers
    config = f'app.config["SIO_CORS_ORIGINS"] = "{pages.https}"'
    with ExitStack() as stack:
        port = stack.enter_context(serving(guarded(config)))
        (finding,) = broken(examine(f"http://127.0.0.1:{port}", pages.http))
        fix = finding["fix"]["extension"]
        port = stack.enter_context(serving(guarded(f"{config}\n{fix}")))
        attempts = [
            firefox.open(f"http://127.0.0.1:{port}", {}, secure=secure) for secure in (False, True)
        ]
    assert all(attempt.connected for attempt in attempts), attempts


@pytest.mark.parametrize("space", ["loopback", "local"])
def test_chromiums_words_about_private_networks_are_known(
    space: str, browsers: Browsers, tmp_path: Path
) -> None:
    pages = browsers[0]
    public = pages.http.replace("localhost", consoles.PUBLIC_NAME)
    with ExitStack() as stack:
        url = HEALTHY.serve(stack)
        ports = {pages.http.rpartition(":")[2]: "public", url.rpartition(":")[2]: space}
        told = ",".join(f"127.0.0.1:{port}={name}" for port, name in ports.items())
        chromium = consoles.Chromium(
            pages, tmp_path / "chromium", f"--ip-address-space-overrides={told}"
        )
        stack.callback(chromium.stop)
        for origin, is_secure in ((pages.http, True), (public, False)):
            attempt = chromium.open_from(origin, url)
            expected = wording.chromium_local_network(
                f"{url}/socket.io/?EIO=4&transport=polling", origin, space, is_secure=is_secure
            )
            assert_all_seen(list(expected), attempt.console)
            assert attempt.result == "failed: xhr poll error"


def test_a_websocket_that_is_hung_up_on_is_told_in_chromiums_words(browsers: Browsers) -> None:
    # Where the server hangs up before it has read the request, it depends on who is faster.
    (case,) = (case for case in BROKEN if case.name == "hangs up when asked")
    pages, _, chromium = browsers
    with ExitStack() as stack:
        url = case.serve(stack)
        report = examine(url, pages.http, "--transport=websocket")
        attempt = chromium.open(url, WEBSOCKET_ONLY)
    (finding,) = broken(report)
    assert_all_seen(finding["chromium"]["console"], attempt.console)
