"""Where polling is broken, WebSocket and what is open to others are examined all the same."""

import base64
import hashlib
import re
import socket
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Severity
from flask_sio_cors.doctor.report import as_json, as_text
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import MAX_REQUESTS
from tests.support.broken_servers import (
    ALLOWED,
    Wsgi,
    answering,
    behind,
    closed,
    engine,
    listening,
    plain,
    serving,
    upgrade_dropped,
)

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)
BROKEN = Severity.BROKEN
WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))


def examine_at(url: str, page: Page = PAGE) -> Report:
    return Examination(Target.parse(url, page.origin), page).run()


def examine(app: Wsgi, stack: ExitStack, page: Page = PAGE) -> Report:
    return examine_at(f"http://127.0.0.1:{stack.enter_context(serving(app))}", page)


def ids(report: Report, severity: Severity) -> list[str]:
    return [finding.id for finding in report.findings if finding.severity is severity]


def garbled(app: Wsgi) -> Wsgi:
    """Do what a proxy does that says gzip and sends something else."""
    return behind(app, *ALLOWED, ("Content-Encoding", "gzip"))


def test_one_refusal_of_an_origin_is_told_once(stack: ExitStack) -> None:
    report = examine(plain(options=", cors_allowed_origins='http://localhost:8080/'"), stack)
    assert ids(report, Severity.BROKEN) == ["origin-not-allowed"]
    assert ids(report, Severity.NOTE) == []
    assert report.websocket is False


def test_a_page_of_the_servers_own_that_may_not_post_does_not_poll(stack: ExitStack) -> None:
    app = plain(options=", cors_allowed_origins=['http://other.example']")
    port = stack.enter_context(serving(app))
    own = f"http://127.0.0.1:{port}"
    report = examine_at(own, Page(own))
    assert report.polling is False
    assert not report.works


def test_a_websocket_works_where_polling_is_garbled(stack: ExitStack) -> None:
    report = examine(garbled(engine()), stack)
    assert ids(report, Severity.BROKEN) == ["malformed"]
    assert report.websocket
    assert not report.works


def test_why_a_websocket_alone_fails_is_told(stack: ExitStack) -> None:
    report = examine(closed(upgrade_dropped(engine())), stack)
    assert ids(report, Severity.BROKEN) == ["header-missing"]
    assert ids(report, Severity.NOTE) == ["upgrade-dropped"]
    assert report.websocket is False
    assert as_json(report)["websocket"] is False


def test_where_no_socketio_server_is_seen_a_websocket_is_no_finding(stack: ExitStack) -> None:
    report = examine(
        answering("200 OK", "<title>Vite</title>", ("Access-Control-Allow-Origin", "*")), stack
    )
    assert [finding.id for finding in report.findings] == ["another-server"]


def test_a_websocket_of_another_server_does_not_count(stack: ExitStack) -> None:
    def greet(connection: socket.socket) -> None:
        asked = connection.recv(4096)
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", asked)
        if key is None:
            return
        accept = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        connection.sendall(
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n\x81\x02{}" % base64.b64encode(accept)
        )

    report = examine_at(f"http://127.0.0.1:{stack.enter_context(listening(greet))}")
    assert report.websocket is False


@pytest.mark.parametrize("page", [PAGE, WITH_HEADER], ids=["plain", "with a header"])
def test_all_that_takes_no_more_requests_than_allowed(page: Page, stack: ExitStack) -> None:
    for app in (engine(), garbled(engine()), behind(engine(), *ALLOWED, preflight=[])):
        report = examine(app, stack, page)
        assert report.requests <= MAX_REQUESTS
        assert "incomplete" not in ids(report, Severity.NOTE)


# --- Clients with one transport ---------------------------------------------------------------

ONE_ORIGIN = f", cors_allowed_origins=['{ORIGIN}']"


def examine_by(app: Wsgi, stack: ExitStack, transport: str, page: Page = PAGE) -> Report:
    target = Target.parse(f"http://127.0.0.1:{stack.enter_context(serving(app))}", page.origin)
    return Examination(target, page, transports=[transport]).run()


def test_a_client_with_websocket_alone_is_told_nothing_of_cors(stack: ExitStack) -> None:
    report = examine_by(engine(), stack, "websocket")
    assert report.works
    assert report.polling is None
    assert report.findings == ()
    assert "connects, by WebSocket." in as_text(report)


def test_a_client_with_websocket_alone_is_told_what_keeps_it_out(stack: ExitStack) -> None:
    strange = Page("http://localhost:9999")
    assert ids(examine_by(plain(options=ONE_ORIGIN), stack, "websocket", strange), BROKEN) == [
        "websocket-refused"
    ]
    dropped = upgrade_dropped(plain(options=ONE_ORIGIN))
    assert ids(examine_by(dropped, stack, "websocket"), BROKEN) == ["upgrade-dropped"]
    empty = answering("404 NOT FOUND", "nothing")
    assert ids(examine_by(empty, stack, "websocket"), BROKEN) == ["websocket-failed"]


def test_a_client_with_polling_alone_needs_no_websocket(stack: ExitStack) -> None:
    report = examine_by(upgrade_dropped(plain(options=ONE_ORIGIN)), stack, "polling")
    assert report.works
    assert report.websocket is None
    assert "connects, by polling." in as_text(report)


def test_a_server_that_leaves_websocket_out_works_all_the_same(stack: ExitStack) -> None:
    app = plain(options=f"{ONE_ORIGIN}, transports=['polling']")
    report = examine(app, stack)
    assert report.works
    assert report.websocket is False
    assert ids(report, Severity.NOTE) == ["websocket-not-offered"]
