"""What the doctor says to write, pasted in as it stands: the page connects, none is lost."""

import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.config.conflicts import _MEANT_OPTIONS, _OWN_OPTIONS
from flask_sio_cors.doctor.audit import audit
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding, Severity
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import (
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


def examine(app: Wsgi, page: Page, stack: ExitStack, path: str | None = None) -> Report:
    return examine_at(f"http://localhost:{stack.enter_context(serving(app))}", page, path)


def examine_at(url: str, page: Page, path: str | None = None) -> Report:
    return Examination(Target.parse(url, page.origin, path), page).run()


def listing() -> Wsgi:
    return guarded(f"app.config['SIO_CORS_ORIGINS'] = ['{ORIGIN}']")


def flask_listing() -> Wsgi:
    return plain(options=f", cors_allowed_origins=['{ORIGIN}'], cors_credentials=False")


def adding(app: Wsgi, *added: tuple[str, str]) -> Wsgi:
    """Add headers to an application's answers, preflights' as well."""

    def wrapped(environ: Any, start_response: Any) -> Iterable[bytes]:
        own = [(name, value.replace("{origin}", environ["HTTP_ORIGIN"])) for name, value in added]

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *own], exc_info)

        return app(environ, start)

    return wrapped


def to_mend(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity is not Severity.NOTE]


def all_to_mend(app: Wsgi, page: Page, stack: ExitStack) -> list[Finding]:
    """What keeps the page out, and what others get in by."""
    url = f"http://localhost:{stack.enter_context(serving(app))}"
    holes = audit(Target.parse(url, page.origin), page).holes
    return [*to_mend(examine_at(url, page)), *holes]


@pytest.mark.parametrize("options", OLD_WAYS.values(), ids=OLD_WAYS)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_fix_mends_a_plain_flask_socketio_server(
    options: str, page: Page, stack: ExitStack
) -> None:
    findings = all_to_mend(plain(options=options), page, stack)
    assert findings
    for fix in {finding.fix.extension for finding in findings}:
        mended = examine(plain(fix), page, stack)
        assert mended.works
        assert mended.websocket
        assert [left.id for left in all_to_mend(plain(fix), page, stack)] in ([], ["null-allowed"])


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
    "a frozenset": repr(frozenset({OTHER})),
    "a regular expression in a list": f"[re.compile({re.escape(OTHER)!r}), 'capacitor://localhost']",
    "False, spelled": "'false'",
    "an empty text": "''",
    "a function": f"lambda origin: origin == {OTHER!r}",
    "a function that raises": "lambda origin: 1 / 0",
    "a function with more arguments": f"lambda origin, known=[{OTHER!r}]: origin in known",
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
    assert not examine(app, Page("https://third.example.com"), stack).works
    assert "SioCors(app)" not in re.sub("#.*", "", finding.fix.extension)
    assert not finding.fix.node


def test_a_fix_that_is_pasted_twice_does_no_harm(stack: ExitStack) -> None:
    config = f"app.config['SIO_CORS_ORIGINS'] = lambda origin: origin == {OTHER!r}"
    (finding,) = to_mend(examine(guarded(config), PAGE, stack))
    app = guarded(f"{config}\n{finding.fix.extension}\n{finding.fix.extension}")
    assert [examine(app, Page(origin), stack).works for origin in (ORIGIN, OTHER)] == [True, True]


@pytest.mark.parametrize("everybody", ["True", "'*'", "'true'", "['null']", "'file://'"])
def test_the_fix_for_cookies_replaces_everybody(everybody: str, stack: ExitStack) -> None:
    config = f"app.config['SIO_CORS_ORIGINS'] = {everybody}"
    page = Page(ORIGIN, credentials=True)
    finding = to_mend(examine(guarded(config), page, stack))[0]
    app = guarded(f"{config}\n{finding.fix.extension}")
    assert examine(app, page, stack).works
    assert not examine(app, Page(OTHER, credentials=True), stack).works


def test_the_settings_of_flask_cors_count_where_there_are_no_others(stack: ExitStack) -> None:
    config = "app.config['CORS_ORIGINS'] = '*'\napp.config['SIO_CORS_ORIGINS'] = []"
    (finding,) = to_mend(examine(guarded(config), PAGE, stack))
    app = guarded(f"{config}\n{finding.fix.extension}")
    assert examine(app, PAGE, stack).works
    assert not examine(app, Page(OTHER), stack).works


def test_a_handshake_that_the_application_refuses_is_not_the_lists_fault(stack: ExitStack) -> None:
    config = (
        f"app.config['SIO_CORS_ORIGINS'] = ['{ORIGIN}']\n"
        "app.config['SIO_CORS_ALLOW_REQUEST'] = lambda request: False"
    )
    (finding,) = to_mend(examine(guarded(config), PAGE, stack))
    assert finding.id == "refused"
    assert not finding.fix.extension
    assert "SIO_CORS_ALLOW_REQUEST" in finding.fix.elsewhere
    assert f"flask sio-cors explain {ORIGIN}" in finding.fix.elsewhere


def test_the_fix_names_what_this_extension_refuses_in_socketio(stack: ExitStack) -> None:
    finding = to_mend(examine(plain(options=", cors_allowed_origins=[]"), PAGE, stack))[0]
    comment = " ".join(re.findall("#(.*)", finding.fix.extension))
    for name in (*_OWN_OPTIONS, *_MEANT_OPTIONS):
        with pytest.raises(ConfigError):
            plain(finding.fix.extension, options=f", {name}=0")
        assert re.search(rf"\b{name}\b", comment), name


LISTS = {
    "a header": (
        Page(ORIGIN, headers=(("X-Token", "1"),)),
        "app.config['SIO_CORS_ALLOW_HEADERS'] = ['X-Other']",
        "header-not-listed",
    ),
    "a header, with cookies": (
        Page(ORIGIN, True, (("X-Token", "1"),)),
        "app.config['SIO_CORS_ALLOW_HEADERS'] = ['X-Other']\n"
        "app.config['SIO_CORS_SUPPORTS_CREDENTIALS'] = True",
        "header-not-listed",
    ),
}


@pytest.mark.parametrize(("page", "config", "id_"), LISTS.values(), ids=LISTS)
def test_where_the_origin_is_let_in_the_fix_lists_the_rest(
    page: Page, config: str, id_: str, stack: ExitStack
) -> None:
    config = f"app.config['SIO_CORS_ORIGINS'] = lambda origin: True\n{config}"
    finding = to_mend(examine(guarded(config), page, stack))[0]
    assert finding.id == id_
    assert "SIO_CORS_ORIGINS" not in finding.fix.extension
    assert examine(guarded(f"{config}\n{finding.fix.extension}"), page, stack).works


def test_a_method_is_added_to_those_that_are_allowed(stack: ExitStack) -> None:
    config = f"app.config['SIO_CORS_ORIGINS'] = ['{ORIGIN}']"

    def ask(app: Wsgi) -> Report:
        port = stack.enter_context(serving(app))
        target = Target.parse(f"http://localhost:{port}", ORIGIN)
        return Examination(target, PAGE, method="PUT").run()

    (finding,) = to_mend(ask(guarded(config)))
    assert finding.id == "method-not-listed"
    assert ask(guarded(f"{config}\n{finding.fix.extension}")).works
    assert ask(plain(finding_of(ask(plain(options=f", cors_allowed_origins=['{ORIGIN}']"))))).works


def finding_of(report: Report) -> str:
    """The lines for this extension of the first finding."""
    return report.findings[0].fix.extension


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
    url = stack.enter_context(node_server(construction))
    holes = audit(Target.parse(url, page.origin), page).holes
    for fix in {finding.fix.node for finding in (*to_mend(examine_at(url, page)), *holes)}:
        assert fix.count("new Server(") == 1
        mended = examine_at(stack.enter_context(node_server(fix)), page)
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


# --- Behind proxies ------------------------------------------------------------------------------


def doubling(app: Wsgi, *values: str) -> Wsgi:
    """Do what nginx's add_header does: add the header to the application's own."""
    return adding(app, *(("Access-Control-Allow-Origin", value) for value in values))


@pytest.mark.parametrize("value", ["{origin}", "*"])
@pytest.mark.parametrize("app", [listing, flask_listing], ids=["this extension", "Flask-SocketIO"])
def test_a_doubled_header_is_mended_by_taking_the_second_away(
    app: Callable[[], Wsgi], value: str, stack: ExitStack
) -> None:
    finding = examine(doubling(app(), value), PAGE, stack).findings[0]
    assert finding.id == "header-repeated"
    assert not finding.fix.extension
    assert "add_header" in finding.fix.elsewhere
    assert examine(app(), PAGE, stack).works


def test_what_a_doubled_header_does_not_allow_is_configured_too(stack: ExitStack) -> None:
    def server(fix: str = "", *values: str) -> Wsgi:
        return doubling(plain(fix, options=""), *values)

    finding = examine(server("", OTHER, OTHER), PAGE, stack).findings[0]
    assert finding.id == "header-repeated"
    assert examine(server(finding.fix.extension), PAGE, stack).works


def test_nobody_is_told_to_list_the_origin_of_all_without_a_warning(stack: ExitStack) -> None:
    for page in (Page("null"), Page("null", credentials=True)):
        for app in (plain(), guarded("")):
            finding = examine(app, page, stack).findings[0]
            assert "sandboxed iframe" in finding.fix.elsewhere
            assert "http:" in finding.fix.elsewhere


def test_the_fix_of_a_wrong_path_keeps_the_missing_slash(stack: ExitStack) -> None:
    otherwise = 'httpServer.on("request", (_, response) => response.writeHead(404).end())'
    server = f"({otherwise}, new Server(httpServer))"
    url = stack.enter_context(node_server(server))
    console = "/ws?EIO=4&transport=polling&t=abc"
    (finding, *_) = to_mend(examine_at(f"{url}{console}", PAGE))
    assert finding.id == "wrong-path"
    url = stack.enter_context(node_server(finding.fix.node))
    assert examine_at(f"{url}{console}", PAGE).works
