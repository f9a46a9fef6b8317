"""Slips of the client's and of the server's code, each with the line that mends it."""

import re
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target, TargetError
from flask_sio_cors.doctor.wire import Patience, Wire
from tests.support.broken_servers import (
    ALLOWED,
    REFLECT,
    answering,
    behind,
    engine,
    node_server,
    serving,
)

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)
CONSOLE = "/socket.io/?EIO=3&transport=polling&t=abc"


def examine(url: str, page: Page = PAGE) -> Report:
    return Examination(Target.parse(url, page.origin), page).run()


@pytest.mark.parametrize("url", ["HTTP://127.0.0.1:9", "Https://a.example", "http://a.example "])
def test_an_address_that_io_misreads_cannot_be_asked(url: str) -> None:
    with pytest.raises(TargetError, match="in the client too"):
        Target.parse(url, ORIGIN)


def test_the_console_of_a_misread_address_is_known() -> None:
    first = examine("http://http/socket.io/?EIO=4&transport=polling&t=abc").findings[0]
    assert first.id == "name-not-found"
    assert "one slash instead of two" in first.cause


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_all_addresses_of_a_machine_are_nobodys(host: str, stack: ExitStack) -> None:
    port = stack.enter_context(serving(behind(engine(), *ALLOWED)))
    report = examine(f"http://{host}:{port}")
    assert not report.works
    first = report.findings[0]
    assert first.id == "unspecified-address"
    assert first.reasons == ("CORS request did not succeed",)
    printed = re.search(r'io\("(.*?)"\)', first.fix.elsewhere)
    assert printed is not None
    assert examine(printed[1].replace("localhost", "127.0.0.1")).works


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"])
def test_an_encoding_that_is_none_is_told(encoding: str, stack: ExitStack) -> None:
    app = behind(engine(), *ALLOWED, ("Content-Encoding", encoding))
    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(app))}")
    assert report.findings[0].id == "malformed"
    assert not report.works


OLD = {
    "any origin": 'cors: { origin: "*" }',
    "no cookies": f'cors: {{ origin: ["{ORIGIN}"] }}',
    "nothing of CORS": "",
    "another origin": 'cors: { origin: ["https://other.example"], credentials: true }',
}


@pytest.mark.parametrize("options", OLD.values(), ids=OLD)
def test_what_is_written_for_an_old_client_lets_it_in(options: str, stack: ExitStack) -> None:
    page = Page(ORIGIN, credentials=True)
    server = f"new Server(httpServer, {{ allowEIO3: true, {options} }})"
    report = examine(f"{stack.enter_context(node_server(server))}{CONSOLE}", page)
    assert not report.works
    fix = report.findings[0].fix.node
    assert examine(f"{stack.enter_context(node_server(_code(fix)))}{CONSOLE}", page).works


def _code(fix: str) -> str:
    """Leave out the comment on the first line, as an expression is wanted."""
    return fix.partition("\n")[2] if fix.startswith("//") else fix


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("431 REQUEST HEADER FIELDS TOO LARGE", ""),
        ("400 BAD REQUEST", "<title>400 Request Header Or Cookie Too Large</title>"),
    ],
)
def test_too_large_headers_are_no_wrong_path(status: str, text: str, stack: ExitStack) -> None:
    too_large, inside = answering(status, text, REFLECT), behind(engine(), *ALLOWED)

    def app(environ, start_response):
        is_large = "HTTP_X_TOKEN" in environ
        return (too_large if is_large else inside)(environ, start_response)

    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    report = examine(url, Page(ORIGIN, headers=(("X-Token", "x" * 9000),)))
    assert report.findings[0].id == "headers-too-large"


def test_a_header_of_answers_is_taken_out_of_the_client(stack: ExitStack) -> None:
    app = behind(engine(), *ALLOWED, preflight=[REFLECT])
    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    first = examine(url, Page(ORIGIN, headers=(("Access-Control-Allow-Origin", "*"),))).findings[0]
    assert first.id == "answers-header-sent"
    assert "out of the client's extraHeaders" in first.fix.elsewhere
    assert first.fix.node == first.fix.extension == ""


HANGING = {
    "cors.origin": "cors: { origin: () => {} }",
    "allowRequest": 'cors: { origin: "*" }, allowRequest: () => {}',
}


@pytest.mark.parametrize("options", HANGING.values(), ids=HANGING)
def test_a_function_that_never_calls_back_is_told(options: str, stack: ExitStack) -> None:
    # A web server that answers whatever Socket.IO does not.
    server = (
        f"new Server(httpServer, {{ {options} }}); "
        "httpServer.on('request', (request, response) => "
        "request.url.startsWith('/socket.io') || response.end('home'))"
    )
    target = Target.parse(stack.enter_context(node_server(server)), ORIGIN)
    wire = Wire(patience=Patience(page=3))
    first = Examination(target, PAGE, wire).run().findings[0]
    assert first.id == "silent"
    assert "none within 3 seconds" in first.cause
    assert "never calls back" in first.cause
    assert first.client == "timeout"


EXPRESS = "<pre>Cannot GET /socket.io/</pre>"


def test_a_server_that_is_not_attached_is_told(stack: ExitStack) -> None:
    port = stack.enter_context(serving(answering("404 NOT FOUND", EXPRESS)))
    first = examine(f"http://127.0.0.1:{port}").findings[0]
    assert first.id == "wrong-path"
    assert "httpServer.listen(3000)" in first.fix.node


@pytest.mark.parametrize(
    "text",
    [
        "Client sent an HTTP request to an HTTPS server.",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        "<title>400 The plain HTTP request was sent to HTTPS port</title>",
    ],
    ids=["Go", "Apache", "nginx"],
)
def test_a_server_that_wants_tls_is_known_by_its_words(text: str, stack: ExitStack) -> None:
    port = stack.enter_context(serving(answering("400 BAD REQUEST", text)))
    first = examine(f"http://127.0.0.1:{port}").findings[0]
    assert first.id == "https-needed"
    assert f'io("https://127.0.0.1:{port}")' in first.fix.elsewhere
