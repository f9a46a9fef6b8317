"""Redirects: the line for the client that the doctor prints, pasted in, makes the page connect."""

import json
import re
from contextlib import ExitStack
from typing import Any

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from tests.conftest import RunClients
from tests.support.broken_servers import (
    ALLOWED,
    REFLECT,
    Wsgi,
    answering,
    behind,
    engine,
    only_at,
    plain,
    redirecting,
    serving,
    unknown_authority,
)
from tests.support.clients import page

ORIGIN = "http://app.example.com"
PAGE = Page(ORIGIN)
WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))
PAGES = {"plain": PAGE, "with a header": WITH_HEADER}
STATUSES = ["301 Moved Permanently", "302 Found", "307 X", "308 Permanent Redirect"]


def flask_socketio(origin: str = ORIGIN, options: str = "") -> Wsgi:
    return plain(options=f', cors_allowed_origins=["{origin}"]{options}')


def serve(app: Wsgi, stack: ExitStack, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{stack.enter_context(serving(app))}"


def examine(url: str, asks: Page = PAGE, path: str | None = None, **options: bool) -> Report:
    return Examination(Target.parse(url, asks.origin, path, **options), asks).run()


def io_line(finding: Finding) -> tuple[str, dict[str, Any]]:
    """What ``io()`` is given in the line that a finding says to write in the client."""
    call = re.match(r"In the client: io\((\"[^\"]*\")(?:, \{ (.*?) \})?\)", finding.fix.elsewhere)
    assert call is not None, finding.fix.elsewhere
    options = re.sub(r"(\w+):(?= )", r'"\1":', call[2] or "")
    return json.loads(call[1]), json.loads(f"{{{options}}}")


def follow(finding: Finding, asks: Page = PAGE) -> Report:
    """Examine what the client asks for that was mended as the finding says."""
    url, options = io_line(finding)
    trailing_slash = options.get("addTrailingSlash", True)
    return examine(url, asks, options.get("path"), trailing_slash=trailing_slash)


@pytest.mark.parametrize("asks", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("headers", [(), ALLOWED], ids=["without CORS headers", "with them"])
@pytest.mark.parametrize("status", STATUSES)
def test_the_client_is_told_where_the_redirect_leads(
    status: str, headers: tuple[tuple[str, str], ...], asks: Page, stack: ExitStack
) -> None:
    server = serve(flask_socketio(), stack)
    url = serve(redirecting(f"{server}{{path}}", *headers, status=status), stack, "localhost")
    finding = examine(f"{url}/chat?token=1", asks).findings[0]
    told = io_line(finding)
    assert told == (f"{server}/chat?token=1", {})
    assert follow(finding, asks).findings[0].id == "namespace-refused"
    finding = examine(url, asks).findings[0]
    assert finding.id in ("redirected", "origin-lost")
    assert io_line(finding) == (server, {})
    assert follow(finding, asks).works


def test_a_page_follows_the_line(stack: ExitStack, run_clients: RunClients) -> None:
    server = serve(flask_socketio(), stack)
    url = serve(redirecting(f"{server}{{path}}"), stack, "localhost")
    address, options = io_line(examine(url).findings[0])
    before, after = run_clients(
        page(url, ORIGIN, asks=False), page(address, ORIGIN, asks=False, **options)
    )
    assert (before.connected, after.connected) == (False, True)


def test_another_path_stands_in_the_line(stack: ExitStack, run_clients: RunClients) -> None:
    server = serve(flask_socketio(options=', path="api/ws"'), stack)
    url = serve(redirecting(f"{server}/api/ws/"), stack, "localhost")
    finding = examine(url).findings[0]
    assert io_line(finding) == (server, {"path": "/api/ws/"})
    assert follow(finding).works
    address, options = io_line(finding)
    (after,) = run_clients(page(address, ORIGIN, asks=False, **options))
    assert after.connected


def test_a_path_of_the_clients_own_stays_in_the_line(stack: ExitStack) -> None:
    server = serve(flask_socketio(options=', path="api/ws"'), stack)
    url = serve(redirecting(f"{server}{{path}}"), stack, "localhost")
    finding = examine(url, path="/api/ws").findings[0]
    assert io_line(finding) == (server, {"path": "/api/ws/"})
    assert follow(finding).works


def test_a_chain_of_redirects_is_followed_to_its_end(stack: ExitStack) -> None:
    server = serve(flask_socketio(), stack)
    second = serve(redirecting(f"{server}{{path}}"), stack, "localhost")
    first = serve(redirecting(f"{second}{{path}}"), stack, "localhost")
    assert io_line(examine(first).findings[0]) == (server, {})


@pytest.mark.parametrize("headers", [(), ALLOWED], ids=["without CORS headers", "with them"])
def test_where_the_target_refuses_the_page_both_are_told(
    headers: tuple[tuple[str, str], ...], stack: ExitStack
) -> None:
    def paths(fix: str, options: str) -> str:
        server = serve(plain(fix, options=options), stack)
        return serve(redirecting(f"{server}{{path}}", *headers), stack, "localhost")

    finding = examine(paths("", ', cors_allowed_origins=["http://other.example.com"]')).findings[0]
    assert finding.id == ("origin-lost" if headers else "redirected")
    assert "does not let http://app.example.com in, either" in finding.cause
    mended = examine(paths(finding.fix.extension, "")).findings[0]
    assert not mended.fix.extension
    assert follow(mended).works


def test_a_websocket_alone_that_is_redirected_is_told_the_address(stack: ExitStack) -> None:
    server = serve(flask_socketio(), stack)
    redirect = redirecting(f"{server}{{path}}")
    polling = flask_socketio()

    def only_upgrades(environ: Any, start_response: Any) -> Any:
        is_upgrade = "HTTP_UPGRADE" in environ
        return (redirect if is_upgrade else polling)(environ, start_response)

    report = examine(f"{serve(only_upgrades, stack, 'localhost')}/")
    (finding,) = (found for found in report.findings if found.id == "websocket-redirected")
    assert io_line(finding) == (server, {})
    assert follow(finding).works


# --- The slash -----------------------------------------------------------------------------------


def slash_added(app: Wsgi, *headers: tuple[str, str], status: str) -> Wsgi:
    """What Werkzeug and nginx do to the address of what has a slash at its end."""

    def placed(environ: Any, start_response: Any) -> Any:
        query = environ["QUERY_STRING"]
        added = redirecting(f"/socket.io/?{query}", *headers, status=status)
        is_bare = environ["PATH_INFO"] == "/socket.io"
        return (added if is_bare else app)(environ, start_response)

    return placed


@pytest.mark.parametrize("asks", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_that_adds_a_slash_is_told(status: str, asks: Page, stack: ExitStack) -> None:
    url = serve(slash_added(flask_socketio(), status=status), stack)
    finding = examine(url, asks, trailing_slash=False).findings[0]
    assert finding.id == "missing-slash"
    assert "without addTrailingSlash: false" in finding.fix.elsewhere
    assert io_line(finding) == (url, {})
    assert follow(finding, asks).works


def test_a_redirect_that_removes_the_slash_is_told(
    stack: ExitStack, run_clients: RunClients
) -> None:
    served = only_at("/socket.io", engine(cors_allowed_origins=[ORIGIN]))

    def bare(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/socket.io/":
            location = f"/socket.io?{environ['QUERY_STRING']}"
            return redirecting(location, status="308 X")(environ, start_response)
        return served({**environ, "PATH_INFO": f"{environ['PATH_INFO']}/"}, start_response)

    url = serve(bare, stack)
    finding = examine(url).findings[0]
    assert finding.id == "missing-slash"
    assert io_line(finding) == (url, {"addTrailingSlash": False})
    assert follow(finding).works
    address, options = io_line(finding)
    (after,) = run_clients(page(address, ORIGIN, asks=False, **options))
    assert after.connected


WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))


@pytest.mark.parametrize(
    ("asks", "transports", "found"),
    [
        (Page(ORIGIN), ["polling"], "redirected"),
        (WITH_HEADER, ["polling"], "redirected"),
        (Page(ORIGIN), ["websocket"], "websocket-redirected"),
    ],
)
def test_a_port_that_browsers_forbid_is_not_told_to_the_client(
    asks: Page, transports: list[str], found: str, stack: ExitStack
) -> None:
    app = redirecting("http://127.0.0.1:6000{path}", ("Access-Control-Allow-Origin", "*"))
    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    target = Target.parse(url, ORIGIN)
    finding = Examination(target, asks, transports=transports).run().findings[0]
    assert finding.id == found
    assert "port 6000" in finding.cause
    assert "refused" not in finding.cause
    assert "io(" not in finding.fix.elsewhere
    assert "another port" in finding.fix.elsewhere


# --- What is no Socket.IO server -------------------------------------------------------------


@pytest.mark.parametrize("location", ["/", "https://socket-server.invalid/", "/de/{path}"])
def test_where_no_server_is_the_redirect_is_to_go(location: str, stack: ExitStack) -> None:
    home = answering("200 OK", "<title>Home</title>", ("Content-Type", "text/html"))
    redirect = redirecting(location)

    def app(environ: Any, start_response: Any) -> Any:
        is_socketio = environ["PATH_INFO"] == "/socket.io/"
        return (redirect if is_socketio else home)(environ, start_response)

    finding = examine(serve(app, stack)).findings[0]
    assert finding.id == "redirected"
    assert "io(" not in finding.fix.elsewhere
    assert "Exempt the Socket.IO path" in finding.fix.elsewhere


@pytest.mark.parametrize("headers", [(), (REFLECT,)], ids=["without CORS headers", "with them"])
def test_a_login_is_told(headers: tuple[tuple[str, str], ...], stack: ExitStack) -> None:
    form = answering("200 OK", "<title>Sign in</title>", ("Content-Type", "text/html"))
    redirect = redirecting("/login?next={path}", *headers)

    def app(environ: Any, start_response: Any) -> Any:
        is_form = environ["PATH_INFO"] == "/login"
        return (form if is_form else redirect)(environ, start_response)

    finding = examine(serve(app, stack)).findings[0]
    assert finding.id == "login-required"
    assert "Exempt the Socket.IO path from the login" in finding.fix.elsewhere


def test_a_path_with_the_letters_of_a_login_is_none(stack: ExitStack) -> None:
    server = serve(flask_socketio(options=', path="auth/socket.io"'), stack)
    url = serve(redirecting(f"{server}{{path}}"), stack, "localhost")
    finding = examine(url, path="/auth/socket.io").findings[0]
    assert finding.id == "redirected"
    assert follow(finding).works


def test_https_is_named_whose_certificate_only_the_doctor_does_not_trust(stack: ExitStack) -> None:
    port = stack.enter_context(serving(behind(engine(), *ALLOWED), unknown_authority()))
    url = serve(redirecting(f"https://127.0.0.1:{port}{{path}}"), stack)
    assert io_line(examine(url).findings[0]) == (f"https://127.0.0.1:{port}", {})
