"""Answers that a real nginx replaces, in part or as a whole: what it adds is not the server's."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import guarded, plain, serving
from tests.support.nginx import PASS, nginx

ORIGIN = "https://app.example.com"
WITH_COOKIES = Page(ORIGIN, credentials=True)
Before = Callable[..., Finding]


def extension():
    return guarded(
        f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]\n'
        'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
    )


def flask_socketio():
    return plain(options=f', cors_allowed_origins=["{ORIGIN}"]')


@pytest.fixture
def before(stack: ExitStack, tmp_path: Path) -> Before:
    """A function that examines an application behind nginx; returns what it finds first."""

    def examine(app, lines: str, page: Page = WITH_COOKIES, http: str = "") -> Finding:
        port = stack.enter_context(serving(app))
        location = f"location / {{ {PASS} {lines} }}"
        url = stack.enter_context(nginx(location, port, tmp_path, http))
        return Examination(Target.parse(url, ORIGIN), page).run().findings[0]

    return examine


HIDE = "proxy_hide_header Access-Control-Allow-Origin;"


@pytest.mark.parametrize("server", [extension, flask_socketio])
@pytest.mark.parametrize("value", ["*", "https://other.example.com", f"{ORIGIN}/"])
def test_a_header_that_is_written_over_is_told(value: str, server, before: Before) -> None:
    first = before(server(), f'{HIDE} add_header Access-Control-Allow-Origin "{value}";')
    assert first.id in ("wildcard-with-credentials", "origin-mismatch")
    assert "add_header and proxy_hide_header" in first.fix.elsewhere
    assert first.fix.extension == ""


def test_a_header_beside_a_refusal_is_told(before: Before) -> None:
    header = f'add_header Access-Control-Allow-Origin "{ORIGIN}/" always;'
    first = before(plain(options=", cors_allowed_origins=['https://b.example']"), header)
    assert first.id == "origin-mismatch"
    assert "remove what adds the CORS header" in first.fix.elsewhere


def test_a_header_beside_a_refusal_that_lets_the_page_read_it_is_told(before: Before) -> None:
    header = f'add_header Access-Control-Allow-Origin "{ORIGIN}" always;'
    first = before(
        plain(options=", cors_allowed_origins=['https://b.example']"), header, Page(ORIGIN)
    )
    assert first.id == "origin-not-allowed"
    assert "remove what adds the CORS header" in first.fix.elsewhere
    assert before(plain(first.fix.extension), "", Page(ORIGIN)).id != "origin-not-allowed"


def test_a_page_in_the_place_of_a_refusal_is_told(before: Before) -> None:
    app = plain(options=", cors_allowed_origins=['https://b.example']")
    pages = "proxy_intercept_errors on; error_page 400 =200 /sorry; "
    first = before(app, pages)
    assert first.id == "origin-not-allowed"
    assert "shows its own page for errors" in first.cause
    assert before(plain(first.fix.extension), pages).id != "origin-not-allowed"


def test_a_cache_is_told_from_workers(before: Before, tmp_path: Path) -> None:
    cache = f"proxy_cache_path {tmp_path}/cache keys_zone=one:1m;"
    lines = (
        "proxy_cache one; proxy_cache_key $uri; proxy_cache_valid 200 1m; "
        "proxy_ignore_headers Cache-Control Vary Set-Cookie;"
    )
    first = before(flask_socketio(), lines, Page(ORIGIN), cache)
    assert first.id == "cached"
    assert "After" not in first.title
