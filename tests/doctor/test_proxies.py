"""Proxies that change the request: told apart from servers that do not allow the page."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import (
    Wsgi,
    forwarding,
    guarded,
    node_server,
    passing_on,
    plain,
    serving,
    stripping,
)

ORIGIN = "https://app.example.com"
OTHER = "https://other.example.com"
PAGE = Page(ORIGIN)
WITH_COOKIES = Page(ORIGIN, credentials=True)
WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))
PAGES = {"plain": PAGE, "with cookies": WITH_COOKIES, "with a header": WITH_HEADER}


def extension() -> Wsgi:
    return guarded(
        f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}", "{OTHER}"]\n'
        'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
    )


def flask_socketio(options: str = "") -> Wsgi:
    return plain(options=f', cors_allowed_origins=["{ORIGIN}", "{OTHER}"]{options}')


SERVERS = {
    "this extension": extension,
    "Flask-SocketIO": flask_socketio,
    "Flask-SocketIO, no cookies": lambda: flask_socketio(", cors_credentials=False"),
}


def examine_at(url: str, page: Page = PAGE) -> Report:
    return Examination(Target.parse(url, page.origin), page).run()


def examine(app: Wsgi, stack: ExitStack, page: Page = PAGE) -> Report:
    return examine_at(f"http://localhost:{stack.enter_context(serving(app))}", page)


def what_breaks(report: Report) -> str:
    assert not report.works
    return report.findings[0].id


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_an_origin_that_is_dropped_is_told(server, page: Page, stack: ExitStack) -> None:
    assert what_breaks(examine(passing_on(server(), HTTP_ORIGIN=None), stack, page)) == (
        "origin-dropped"
    )


@pytest.mark.parametrize("written", [None, "https://third.example.com"], ids=["drops", "rewrites"])
def test_no_finding_blames_the_list_for_what_a_proxy_does(
    written: str | None, stack: ExitStack
) -> None:
    report = examine(passing_on(extension(), HTTP_ORIGIN=written), stack)
    assert report.websocket is False
    assert not any(finding.fix.extension for finding in report.findings)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_an_answer_that_is_stripped_is_told_apart(server, page: Page, stack: ExitStack) -> None:
    app = stripping(server(), "access-control-allow-origin")
    assert what_breaks(examine(app, stack, page)) in (
        "header-stripped",
        "header-missing",
        "origin-not-allowed",
    )


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_an_origin_that_is_not_allowed_is_told_apart(server, page: Page, stack: ExitStack) -> None:
    page = Page("https://third.example.com", page.credentials, page.headers)
    assert what_breaks(examine(server(), stack, page)) == "origin-not-allowed"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_server_without_any_cors_is_told_apart(page: Page, stack: ExitStack) -> None:
    app = plain(options=", cors_allowed_origins=[]")
    assert what_breaks(examine(app, stack, page)) == "header-missing"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_an_origin_that_is_rewritten_is_told(page: Page, stack: ExitStack) -> None:
    for written in (OTHER, "https://third.example.com"):
        app = passing_on(extension(), HTTP_ORIGIN=written)
        assert what_breaks(examine(app, stack, page)) == "origin-rewritten", written


def test_an_origin_that_is_rewritten_to_the_servers_own_is_told(stack: ExitStack) -> None:
    for server in (plain, extension):
        app = passing_on(server(), HTTP_ORIGIN="{own}")
        assert what_breaks(examine(app, stack)) == "origin-rewritten"


DROPPED = {
    "method": {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": None},
    "headers": {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": None},
}
DROPPED["both"] = DROPPED["method"] | DROPPED["headers"]


@pytest.mark.parametrize("dropped", DROPPED.values(), ids=DROPPED)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_preflight_whose_question_is_dropped_is_told(
    server, dropped: dict[str, None], stack: ExitStack
) -> None:
    report = examine(passing_on(server(), **dropped), stack, WITH_HEADER)
    assert report.works or what_breaks(report) == "preflight-question-dropped"


def test_headers_that_are_not_allowed_are_told_apart(stack: ExitStack) -> None:
    config = f'app.config["SIO_CORS_ORIGINS"] = "{ORIGIN}"'
    for listed in ([], ["X-Other"]):
        app = guarded(f'{config}\napp.config["SIO_CORS_ALLOW_HEADERS"] = {listed}')
        assert what_breaks(examine(app, stack, WITH_HEADER)) == "header-not-listed"


def test_a_server_for_node_does_not_learn_what_the_preflight_asks(stack: ExitStack) -> None:
    construction = f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})'
    server = stack.enter_context(node_server(construction))
    url = stack.enter_context(forwarding(server, "access-control-request-headers"))
    assert what_breaks(examine_at(url, WITH_HEADER)) == "preflight-question-dropped"


def keeping_preflights(app: Wsgi, *, by_query: bool) -> Wsgi:
    """Keep the answers to OPTIONS as a cache does that knows no Vary, some of them of old."""
    kept: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    def cached(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "OPTIONS":
            return app(environ, start_response)
        key = environ["QUERY_STRING"] if by_query else ""
        if not kept:

            def keep(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
                kept[key] = (status, headers)

            b"".join(app({**environ, "HTTP_ORIGIN": OTHER}, keep))
        if key not in kept:
            return app(environ, start_response)
        start_response(kept[key][0], kept[key][1])
        return []

    return cached


def test_a_preflight_that_a_cache_kept_for_another_page_is_told(stack: ExitStack) -> None:
    app = keeping_preflights(extension(), by_query=True)
    finding = examine(app, stack, WITH_HEADER).findings[0]
    assert finding.id == "cached"
    assert "; or " in finding.cause


def test_a_preflight_that_always_names_another_page_is_not_called_rewritten(
    stack: ExitStack,
) -> None:
    app = keeping_preflights(extension(), by_query=False)
    finding = examine(app, stack, WITH_HEADER).findings[0]
    assert finding.id == "origin-mismatch"
    assert "not its own" in finding.cause
