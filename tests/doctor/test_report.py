"""How the doctor's report reads: nothing twice, and what tells is there."""

from contextlib import ExitStack

from click import unstyle
from werkzeug.debug import DebuggedApplication

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.report import as_json, as_text
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import (
    ALLOWED,
    CREDENTIALS,
    REFLECT,
    Wsgi,
    answering,
    behind,
    closed,
    engine,
    plain,
    serving,
)

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)


def examine(app: Wsgi, stack: ExitStack, page: Page = PAGE) -> Report:
    port = stack.enter_context(serving(app))
    return Examination(Target.parse(f"http://127.0.0.1:{port}", page.origin), page).run()


def test_lines_that_were_printed_are_referred_to(stack: ExitStack) -> None:
    report = examine(engine(), stack)
    fixes = [finding.fix.extension for finding in report.findings]
    assert len(fixes) > 1
    assert len(set(fixes)) == 1
    text = unstyle(as_text(report))
    assert text.count("SioCors(app)\n") == 1
    assert text.count("Flask     as above, under [header-missing]") == len(fixes) - 1
    assert [finding["fix"]["extension"] for finding in as_json(report)["findings"]] == fixes


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
