"""A client with WebSocket alone, which sees no answer, is told what a page that polls is told."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import trustme

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import (
    Wsgi,
    answering,
    engine,
    guarded,
    node_server,
    only_at,
    serving,
)

ORIGIN = "http://localhost:8080"
LISTED = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'
GONE = answering("503 Service Unavailable", "<html><body><h1>503 Service Unavailable</h1>\n")
APPLICATIONS: dict[str, tuple[Callable[[], Wsgi], str, str]] = {
    "another path": (
        lambda: only_at("/api/", engine(path="api/socket.io")), "wrong-path", '"/api/socket.io/"',
    ),
    "no server": (lambda: answering("404 Not Found", "Not here"), "websocket-failed", "Compare"),
    "a page for every path": (
        lambda: answering("200 OK", "<title>My app</title>"), "another-server", "host, port",
    ),
    "a proxy without a server": (lambda: GONE, "no-endpoints", "Start the server"),
    "a login": (lambda: answering("401 Unauthorized", "no"), "login-required", "Exempt"),
}  # fmt: skip


def examine(url: str) -> Report:
    page = Page(ORIGIN)
    return Examination(Target.parse(url, ORIGIN), page, transports=["websocket"]).run()


def first_of(report: Report) -> Any:
    assert not report.works
    assert [finding.id for finding in report.findings].count("incomplete") == 0
    return report.findings[0]


@pytest.mark.parametrize("name", APPLICATIONS)
def test_what_is_in_the_servers_place_is_told(name: str, stack: ExitStack) -> None:
    app, finding, advice = APPLICATIONS[name]
    first = first_of(examine(f"http://127.0.0.1:{stack.enter_context(serving(app()))}"))
    assert first.id == finding
    assert advice in first.fix.elsewhere
    assert any("WebSocket connection to" in line for line in first.chromium)


def test_a_certificate_that_is_not_trusted_is_told(stack: ExitStack) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    port = stack.enter_context(serving(guarded(LISTED), context))
    first = first_of(examine(f"https://127.0.0.1:{port}"))
    assert first.id == "certificate"
    assert "Let the proxy" not in first.fix.elsewhere


def wanting_tokens(app: Wsgi) -> Wsgi:
    """Do what a protection against forged requests does that stands around everything."""
    page = answering(
        "400 BAD REQUEST", "<title>400 Bad Request</title><p>The CSRF token is missing.</p>"
    )

    def protected(environ: Any, start_response: Any) -> Any:
        is_post = environ["REQUEST_METHOD"] == "POST"
        return (page if is_post else app)(environ, start_response)

    return protected


def test_a_post_that_is_refused_for_its_missing_token_is_quoted(stack: ExitStack) -> None:
    port = stack.enter_context(serving(wanting_tokens(guarded(LISTED))))
    page = Page(ORIGIN)
    report = Examination(Target.parse(f"http://127.0.0.1:{port}", ORIGIN), page).run()
    first = report.findings[0]
    assert first.id == "post-refused"
    assert "The CSRF token is missing" in first.cause
    assert "Exempt /socket.io/" in first.fix.elsewhere


def test_a_server_that_offers_none_is_told_from_a_proxy_that_drops_it(stack: ExitStack) -> None:
    allowed = f'cors: {{ origin: ["{ORIGIN}"] }}'
    url = stack.enter_context(
        node_server(f'new Server(httpServer, {{ {allowed}, transports: ["polling"] }})')
    )
    first = first_of(examine(url))
    assert first.id == "websocket-not-offered"
    assert first.client == "websocket error"
    assert examine(stack.enter_context(node_server(first.fix.node))).works
