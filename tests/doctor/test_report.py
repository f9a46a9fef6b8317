"""How the doctor's report reads: nothing twice, and what tells is there."""

import json
import shlex
from contextlib import ExitStack

import pytest
from click import unstyle
from click.testing import CliRunner
from werkzeug.debug import DebuggedApplication

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.cli import main
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.report import as_json, as_text, verdict_of
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import Patience, Wire
from tests.support.broken_servers import (
    ALLOWED,
    BROKEN,
    CREDENTIALS,
    HALF_BROKEN,
    REFLECT,
    Case,
    Wsgi,
    answering,
    behind,
    closed,
    engine,
    guarded,
    node_server,
    plain,
    serving,
)

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)


def examine(app: Wsgi, stack: ExitStack, page: Page = PAGE) -> Report:
    port = stack.enter_context(serving(app))
    return Examination(Target.parse(f"http://127.0.0.1:{port}", page.origin), page).run()


def test_the_first_line_is_the_answer_and_the_last_one_the_verdict(stack: ExitStack) -> None:
    broken = unstyle(as_text(examine(engine(), stack))).splitlines()
    assert broken[0] == "No: The server sends no CORS headers.  [header-missing]"
    assert broken[-1].startswith("It does not work.")
    allowed = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'
    report = examine(guarded(allowed), stack)
    sound = unstyle(as_text(report)).splitlines()
    assert sound[0] == f"Yes: {ORIGIN} connects, by polling and WebSocket."
    command = f"sio-cors audit {report.facts.target.base} --origin {ORIGIN}"
    assert sound[-1] == f"It works. Whether other sites get in, too: {command}"
    open_to_all = unstyle(as_text(examine(guarded('app.config["SIO_CORS_ORIGINS"] = "*"'), stack)))
    assert "It works, but every site gets in: sio-cors audit" in open_to_all.splitlines()[-1]


@pytest.mark.parametrize(
    ("asked", "path", "is_slashed"),
    [("", "/socket.io", True), ("/?token=a%20b&x='1", "/ws", True), ("", "/ws", False)],
    ids=["as usual", "with a query", "without the slash"],
)
def test_the_last_line_asks_the_same_server(
    asked: str, path: str, is_slashed: bool, stack: ExitStack
) -> None:
    options = f'path: "{path}", addTrailingSlash: {json.dumps(is_slashed)}, cors: {{ origin: "*" }}'
    url = stack.enter_context(node_server(f"new Server(httpServer, {{ {options} }})"))
    target = Target.parse(f"{url}{asked}", "file://", path, trailing_slash=is_slashed)
    verdict = verdict_of(Examination(target, Page("file://")).run())
    program, *words = shlex.split(verdict.partition(": ")[2])
    assert program == "sio-cors"
    told = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert (told["url"], told["path"]) == (url, target.path)
    assert told["closed"] is False


CASES = [*BROKEN, *HALF_BROKEN]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_person_reads_a_screen_of_80_columns_and_no_more(case: Case, stack: ExitStack) -> None:
    page = Page(
        "https://localhost:8080" if case.secure else ORIGIN,
        bool(case.options.get("withCredentials")),
        tuple(case.options.get("extraHeaders", {}).items()),
    )
    slash = case.options.get("addTrailingSlash", True)
    target = Target.parse(case.serve(stack), page.origin, trailing_slash=slash)
    report = Examination(target, page, Wire(patience=Patience.of(3))).run()
    short, whole = unstyle(as_text(report)), unstyle(as_text(report, is_whole=True))
    assert len(short.splitlines()) <= 25
    assert case.finding in short
    assert len(whole) > len(short)
    for line in short.splitlines():
        # An address cannot be broken.
        assert len(line) <= 80 or "http" in line, line


def test_the_fix_is_for_the_server_that_is_there(stack: ExitStack) -> None:
    python = unstyle(as_text(examine(engine(), stack)))
    assert "SioCors(app)" in python
    assert "new Server" not in python
    url = stack.enter_context(node_server("new Server(httpServer)"))
    node = unstyle(as_text(Examination(Target.parse(url, ORIGIN), PAGE).run()))
    assert "new Server" in node
    assert "SioCors" not in node


def test_against_this_extension_the_fix_is_one_line(stack: ExitStack) -> None:
    for page in (PAGE, Page("https://app.example.com", credentials=True)):
        report = examine(guarded('app.config["SIO_CORS_ORIGINS"] = []'), stack, page)
        assert len(report.findings[0].fix.extension.splitlines()) == 1


def test_every_finding_is_a_link_into_the_documentation(stack: ExitStack) -> None:
    told = as_json(examine(engine(), stack))["findings"][0]
    assert told["link"].endswith("/troubleshooting.html#header-missing")


def crash(environ: object, start_response: object) -> None:
    raise LookupError("the <database>\nis away")


def test_the_exception_of_werkzeugs_debugger_is_told(stack: ExitStack) -> None:
    finding = examine(DebuggedApplication(crash), stack).findings[0]
    assert finding.id == "server-error"
    assert "LookupError: the <database> is away" in finding.cause
    assert any("LookupError: the <database> is away" in line for line in finding.proof)


TRACEBACK = """\
<pre>Traceback (most recent call last):
  File "a.py", line 1, in a
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "app.py", line 3, in connect
    raise ValueError(&#39;no token&#39;)
ValueError: &#39;no token&#39;
</pre>
"""


def test_the_last_exception_of_a_traceback_is_told(stack: ExitStack) -> None:
    finding = examine(answering("500 INTERNAL SERVER ERROR", TRACEBACK), stack).findings[0]
    assert "ValueError: 'no token'" in finding.cause


def test_an_error_page_without_an_exception_tells_none(stack: ExitStack) -> None:
    finding = examine(answering("500 INTERNAL SERVER ERROR", "oops"), stack).findings[0]
    assert "raised" not in finding.cause


def test_a_doubled_credentials_header_is_told(stack: ExitStack) -> None:
    app = closed(behind(engine(), *ALLOWED, CREDENTIALS))
    finding = examine(app, stack, Page(ORIGIN, credentials=True)).findings[0]
    assert (finding.id, finding.title) == (
        "credentials-not-true",
        "The credentials header is doubled.",
    )
    assert not finding.fix.extension


def test_headers_that_come_with_some_answers_only_are_told(stack: ExitStack) -> None:
    with_header = Page(ORIGIN, headers=(("X-Token", "1"),))
    preflight = [REFLECT, ("Access-Control-Allow-Headers", "X-Token")]
    finding = examine(closed(behind(engine(), preflight=preflight)), stack, with_header).findings[0]
    assert finding.title == "The answer to GET has no CORS headers."
    assert "The answer to the preflight has CORS headers" in finding.cause
    finding = examine(closed(behind(engine(), *ALLOWED, post=[])), stack).findings[0]
    assert finding.title == "After the handshake: The answer to POST has no CORS headers."


def test_one_byte_is_one(stack: ExitStack) -> None:
    told = {body: examine(answering("200 OK", body), stack).findings[0].cause for body in ("x", "")}
    assert "1 byte," in told["x"]
    assert "nothing, " in told[""]


def test_a_server_that_refuses_tells_no_lines_twice(stack: ExitStack) -> None:
    text = unstyle(as_text(examine(plain(), stack)))
    assert text.count("pip install Flask-SIO-CORS") == 1
