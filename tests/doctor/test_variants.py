"""A server that lets the page in under another origin is said to, with what to do about it."""

import json
import re
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import MAX_REQUESTS
from tests.support.broken_servers import (
    behind,
    choosing,
    engine,
    guarded,
    node_server,
    plain,
    serving,
)

APP = "https://app.example.com"
#: The page's origin, the allowed one, and what is said of it.
ALLOWED_INSTEAD = {
    "localhost": (
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "open the page there, or allow this one as well",
    ),
    "127.0.0.1": (
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "open the page there, or allow this one as well",
    ),
    "the scheme": (
        "http://app.example.com",
        APP,
        "serve the page by https:, or allow this one as well",
    ),
    "the scheme, of this machine": (
        "https://localhost:3000",
        "http://localhost:3000",
        "open the page there, or allow this one as well",
    ),
    "no www.": (
        "https://example.com",
        "https://www.example.com",
        "open the page there, or allow this one as well",
    ),
    "a www.": (
        "https://www.example.com",
        "https://example.com",
        "open the page there, or allow this one as well",
    ),
}
MISSPELT = {
    "slash": ("http://localhost:8080", "http://localhost:8080/", "a slash too many"),
    "slash of a site": (APP, f"{APP}/", "a slash too many"),
    "no scheme": ("http://localhost:8080", "localhost:8080", "every origin starts with a scheme"),
    "no scheme and no port": ("https://example.com", "example.com", "starts with a scheme"),
}
SERVERS = ("Flask-SocketIO", "this extension", "Node.js")


def serve(kind: str, allowed: str, stack: ExitStack) -> str:
    listed = json.dumps([allowed])
    if kind == "Node.js":
        construction = f"new Server(httpServer, {{ cors: {{ origin: {listed} }} }})"
        return stack.enter_context(node_server(construction))
    if kind == "Flask-SocketIO":
        app = plain(options=f", cors_allowed_origins={listed}")
    else:
        app = guarded(f'app.config["SIO_CORS_ORIGINS"] = {listed}')
    return f"http://localhost:{stack.enter_context(serving(app))}"


def examine(url: str, origin: str, *headers: tuple[str, str]) -> Report:
    report = Examination(Target.parse(url, origin), Page(origin, headers=headers)).run()
    assert report.requests <= MAX_REQUESTS
    assert "incomplete" not in [finding.id for finding in report.findings]
    return report


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize(
    ("origin", "allowed", "words"), ALLOWED_INSTEAD.values(), ids=ALLOWED_INSTEAD
)
@pytest.mark.parametrize("headers", [(), (("X-Token", "1"),)], ids=["plain", "with a header"])
def test_the_origin_that_is_let_in_is_named(
    kind: str,
    origin: str,
    allowed: str,
    words: str,
    headers: tuple[tuple[str, str], ...],
    stack: ExitStack,
) -> None:
    url = serve(kind, allowed, stack)
    finding = examine(url, origin, *headers).findings[0]
    assert finding.id == "origin-not-allowed"
    assert finding.cause.endswith(f" It does let {allowed} in: {words}.")
    assert "proxy" not in finding.cause
    assert f"> Origin: {allowed}" in finding.proof
    assert examine(url, allowed, *headers).works


@pytest.mark.parametrize("kind", ["Flask-SocketIO", "Node.js"])
@pytest.mark.parametrize(("origin", "listed", "words"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_origin_in_the_servers_list_is_named(
    kind: str, origin: str, listed: str, words: str, stack: ExitStack
) -> None:
    finding = examine(serve(kind, listed, stack), origin).findings[0]
    assert finding.id == "origin-not-allowed"
    assert f" It does let {listed} in, which no browser sends: " in finding.cause
    assert words in finding.cause
    (written, instead_of) = re.findall('"(.*?)"', finding.fix.elsewhere)
    assert instead_of == listed
    assert examine(serve(kind, written, stack), origin).works


def test_a_server_that_has_headers_for_others_alone_does_not_lack_them(stack: ExitStack) -> None:
    def chosen(environ, start_response):
        is_in = environ.get("HTTP_ORIGIN") == "http://127.0.0.1:8080"
        headers = [("Access-Control-Allow-Origin", "http://127.0.0.1:8080")] if is_in else []
        return behind(engine(), *headers, preflight=headers)(environ, start_response)

    url = f"http://localhost:{stack.enter_context(serving(chosen))}"
    finding = examine(url, "http://localhost:8080").findings[0]
    assert finding.id == "origin-not-allowed"
    assert finding.title == "The server does not allow http://localhost:8080."
    assert finding.cause == (
        "The answer to http://localhost:8080 comes without any CORS header. It does let "
        "http://127.0.0.1:8080 in: open the page there, or allow this one as well."
    )


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("origin", [APP, "http://localhost:8080", "capacitor://localhost", "null"])
def test_where_no_near_origin_is_let_in_none_is_named(
    kind: str, origin: str, stack: ExitStack
) -> None:
    finding = examine(serve(kind, "https://other.example.com", stack), origin).findings[0]
    assert finding.id == "origin-not-allowed"
    assert "It does let" not in finding.cause


def test_one_that_preflights_alone_let_in_is_not_named(stack: ExitStack) -> None:
    own = ("Access-Control-Allow-Origin", "http://127.0.0.1:8080")
    app = behind(choosing(engine(), lambda origin: False), preflight=[own])
    url = f"http://localhost:{stack.enter_context(serving(app))}"
    assert "It does let" not in examine(url, "http://localhost:8080").findings[0].cause
