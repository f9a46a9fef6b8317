"""What a real HAProxy does before real servers: it is known by its own words, and told its own."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.report import verdict_of
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import Wsgi, guarded, plain, serving
from tests.support.ports import free_port
from tests.support.proxies import running

ORIGIN = "https://app.example.com"
LISTED = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'
Before = Callable[..., str]


CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    {defaults}
frontend all
    bind 127.0.0.1:{port}
    {frontend}
    default_backend servers
backend servers
    server one 127.0.0.1:{up}
"""


@pytest.fixture
def before(tmp_path: Path, stack: ExitStack) -> Before:
    def before(app: Wsgi | int, defaults: str = "", frontend: str = "") -> str:
        up = app if isinstance(app, int) else stack.enter_context(serving(app))
        port = free_port()
        config = CONFIG.format(port=port, up=up, defaults=defaults, frontend=frontend)
        stack.enter_context(running("haproxy", config, [port], tmp_path))
        return f"http://127.0.0.1:{port}"

    return before


def examine(url: str, origin: str = "", watch: float = 0.0) -> Report:
    page = Page(origin or url)
    return Examination(Target.parse(url, page.origin), page, watch=watch).run()


def test_a_server_behind_it_works(before: Before) -> None:
    assert examine(before(guarded(LISTED)), ORIGIN).works


BROKEN = {
    "the host is rewritten": (
        lambda: plain(), "", {"frontend": "http-request set-header Host upstream"}, 0.0,
        "host-rewritten", "remove http-request set-header Host",
    ),
    "upgrade is removed": (
        lambda: guarded(LISTED), ORIGIN, {"frontend": "http-request del-header upgrade"}, 0.0,
        "upgrade-dropped", "remove http-request del-header upgrade",
    ),
    "WebSockets are cut": (
        lambda: guarded(LISTED), ORIGIN, {"defaults": "timeout tunnel 2s"}, 6.0,
        "cut-off", "timeout tunnel 1h",
    ),
    "the origin is removed": (
        lambda: guarded(LISTED), ORIGIN, {"frontend": "http-request del-header Origin"}, 0.0,
        "origin-dropped", "remove http-request set-header Origin",
    ),
    "posts are hung up on": (
        lambda: guarded(LISTED), ORIGIN, {"frontend": "http-request reject if METH_POST"}, 0.0,
        "connection-closed", "look for http-request deny, reject",
    ),
    "preflights and posts are denied": (
        lambda: guarded(LISTED), ORIGIN, {"frontend": "http-request deny if METH_POST"}, 0.0,
        "forbidden", "look for http-request deny",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_told_its_own_lines(name: str, before: Before) -> None:
    app, origin, lines, watch, finding, line = BROKEN[name]
    report = examine(before(app(), **lines), origin, watch)
    assert not report.works
    assert report.findings[0].id == finding
    assert report.facts.proxy == "haproxy"
    assert line in report.findings[0].fix.elsewhere
    assert "nginx" not in report.findings[0].fix.elsewhere


def test_what_ends_a_poll_is_told_in_the_browsers_words(before: Before) -> None:
    target = Target.parse(before(guarded(LISTED), "timeout server 1s"), ORIGIN)
    report = Examination(target, Page(ORIGIN), watch=4, transports=["polling"]).run()
    first = report.findings[0]
    assert first.id == "cut-off"
    assert first.reasons == ("CORS header ‘Access-Control-Allow-Origin’ missing",)
    assert first.client == ""
    assert verdict_of(report) == "It does not work: the page connects, and loses its connection."


def test_what_ends_the_connection_is_told_before_what_it_can_do_without(before: Before) -> None:
    url = before(guarded(LISTED), "timeout server 1s", "http-request del-header upgrade")
    found = [finding.id for finding in examine(url, ORIGIN, watch=4).findings]
    assert found[:2] == ["cut-off", "upgrade-dropped"]


def test_a_server_that_does_not_run_behind_it_is_told(before: Before) -> None:
    (first, *_) = examine(before(9), ORIGIN).findings
    assert first.id == "no-endpoints"
    assert "HAProxy" in first.cause
