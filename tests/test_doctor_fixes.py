"""What the doctor says to write, pasted in as it stands: the page connects, none is lost."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding, Severity
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.fetch import Page
from tests.broken_servers import (
    Wsgi,
    behind,
    engine,
    flask_app,
    guarded,
    node_server,
    only_at,
    plain,
    serving,
)

ORIGIN = "https://app.example.com"
OTHER = "https://other.example.com"
PAGE = Page(ORIGIN)
PAGES = {
    "plain": PAGE,
    "with cookies": Page(ORIGIN, credentials=True),
    "with a header": Page(ORIGIN, headers=(("X-Token", "1"),)),
    "with both": Page(ORIGIN, True, (("X-Token", "1"), ("Authorization", "Bearer 1"))),
    "not encrypted, with cookies": Page("http://app.example.com", credentials=True),
    "of an app": Page("capacitor://localhost", credentials=True),
    "of no origin": Page("null"),
}
OLD_WAYS = {
    "its own origin only": "",
    "another origin": f', cors_allowed_origins=["{OTHER}"]',
    "nothing of CORS": ", cors_allowed_origins=[]",
    "every origin": ', cors_allowed_origins="*"',
    "every origin, no cookies": ', cors_allowed_origins="*", cors_credentials=False',
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def examine(app: Wsgi, page: Page, stack: ExitStack, path: str | None = None) -> Report:
    return examine_at(f"http://localhost:{stack.enter_context(serving(app))}", page, path)


def examine_at(url: str, page: Page, path: str | None = None) -> Report:
    return Examination(Target.parse(url, page.origin, path), page).run()


def to_mend(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity is not Severity.NOTE]


@pytest.mark.parametrize("options", OLD_WAYS.values(), ids=OLD_WAYS)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_fix_mends_a_plain_flask_socketio_server(
    options: str, page: Page, stack: ExitStack
) -> None:
    findings = to_mend(examine(plain(options=options), page, stack))
    assert findings
    for finding in findings:
        mended = examine(plain(finding.fix.extension), page, stack)
        assert mended.works
        assert mended.websocket
        assert [left.id for left in to_mend(mended)] in ([], ["null-allowed"])


LISTED = {
    "nothing": "",
    "None": "None",
    "False": "False",
    "a text": repr(OTHER),
    "a text with commas": repr(f"https://b.example, {OTHER}"),
    "a list": repr([OTHER]),
    "a tuple": repr((OTHER,)),
    "a set": repr({OTHER}),
    "a pattern": repr([OTHER, "https://*.b.example"]),
    "a regular expression": f"re.compile({re.escape(OTHER)!r})",
}


@pytest.mark.parametrize("key", ["SIO_CORS_ORIGINS", "CORS_ORIGINS"])
@pytest.mark.parametrize("listed", LISTED.values(), ids=LISTED)
def test_the_fix_adds_to_what_this_extension_allows(
    listed: str, key: str, stack: ExitStack
) -> None:
    config = f"app.config['{key}'] = {listed}" if listed else ""
    (finding,) = to_mend(examine(guarded(config), PAGE, stack))
    app = guarded(f"{config}\n{finding.fix.extension}")
    assert examine(app, PAGE, stack).works
    if "other" in listed:
        assert examine(app, Page(OTHER), stack).works
    assert "SioCors(app)" not in re.sub("#.*", "", finding.fix.extension)


def test_where_too_much_is_let_in_the_fix_replaces_it(stack: ExitStack) -> None:
    config = 'app.config["SIO_CORS_ORIGINS"] = "*"'
    page = Page(ORIGIN, credentials=True)
    (finding,) = to_mend(examine(guarded(config), page, stack))
    app = guarded(f"{config}\n{finding.fix.extension}")
    assert examine(app, page, stack).works
    assert not examine(app, Page(OTHER), stack).works


CORS = {
    "nothing of CORS": "",
    "another origin": f'origin: ["{OTHER}"]',
    "one origin": f'origin: "{OTHER}"',
    "every origin": 'origin: "*"',
    "every origin with cookies": "origin: true, credentials: true",
    "no header": f'origin: ["{ORIGIN}"], allowedHeaders: ["X"]',
}
NODE = {
    name: f"new Server(httpServer, {{ {f'cors: {{ {cors} }}' if cors else ''} }})"
    for name, cors in CORS.items()
}


@pytest.mark.parametrize("page", list(PAGES.values())[:4], ids=list(PAGES)[:4])
@pytest.mark.parametrize("construction", NODE.values(), ids=NODE)
def test_every_fix_mends_a_server_for_node(construction: str, page: Page, stack: ExitStack) -> None:
    report = examine_at(stack.enter_context(node_server(construction)), page)
    for finding in to_mend(report):
        assert finding.fix.node.count("new Server(") == 1
        mended = examine_at(stack.enter_context(node_server(finding.fix.node)), page)
        assert mended.works
        assert mended.websocket


def test_the_fix_for_node_keeps_the_path(stack: ExitStack) -> None:
    url = stack.enter_context(node_server('new Server(httpServer, { path: "/api/ws/" })'))
    (finding, *_) = to_mend(examine_at(url, PAGE, "/api/ws/"))
    url = stack.enter_context(node_server(finding.fix.node))
    assert examine_at(url, PAGE, "/api/ws/").works


def test_the_fix_of_a_wrong_path_lets_the_page_in_as_well(stack: ExitStack) -> None:
    app = only_at("/api/", engine(path="api/socket.io", cors_allowed_origins=[OTHER]))
    (finding,) = to_mend(examine(app, PAGE, stack))
    assert finding.id == "wrong-path"
    source = finding.fix.extension.replace("SocketIO(app,", "SocketIO(app, async_mode='threading',")
    assert examine(flask_app(source), PAGE, stack).works
    assert examine_at(stack.enter_context(node_server(finding.fix.node)), PAGE).works


def test_no_fix_says_more_than_the_server_needs(stack: ExitStack) -> None:
    finding = to_mend(examine(behind(engine()), PAGE, stack))[0]
    assert "CREDENTIALS" not in finding.fix.extension
    assert "HEADERS" not in finding.fix.extension
