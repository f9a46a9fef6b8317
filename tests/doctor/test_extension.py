"""What the doctor makes of this extension's own answers; the fixes, pasted in, let the page in."""

import re
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.target import Target
from tests.support.broken_servers import Wsgi, flask_app, serving

ORIGIN = "http://localhost:8080"
LISTED = f"app.config['SIO_CORS_ORIGINS'] = ['{ORIGIN}']\n"
WITH_HEADER = Page(ORIGIN, headers=(("X-Token", "1"),))


def guarded(config: str, options: str = "") -> Wsgi:
    server = f"socketio = SocketIO(app, async_mode='threading'{options})\nSioCors(app)"
    return flask_app(f"{config}\n{server}")


def examine(app: Wsgi, stack: ExitStack, page: Page) -> Report:
    port = stack.enter_context(serving(app))
    return Examination(Target.parse(f"http://127.0.0.1:{port}", page.origin), page).run()


@pytest.mark.parametrize(
    ("config", "page", "finding"),
    [
        ("app.config['TRUSTED_HOSTS'] = ['api.example.com']\n", Page(ORIGIN), "host-not-trusted"),
        ("app.config['SIO_CORS_PREFLIGHT_CONTINUE'] = True\n", WITH_HEADER, "preflight-status"),
    ],
    ids=["a host that is not trusted", "a preflight that no route answers"],
)
def test_the_fix_changes_the_setting_that_is_at_fault(
    config: str, page: Page, finding: str, stack: ExitStack
) -> None:
    report = examine(guarded(LISTED + config), stack, page)
    first = report.findings[0]
    assert first.id == finding
    assert "SIO_CORS_ORIGINS" not in first.fix.extension
    assert examine(guarded(LISTED + config + first.fix.extension), stack, page).works


def test_a_path_that_the_server_names_is_where_it_is(stack: ExitStack) -> None:
    app = guarded(LISTED, ", path='deep/down/here'")
    first = examine(app, stack, Page(ORIGIN)).findings[0]
    assert first.id == "wrong-path"
    assert re.search(r'path: "/deep/down/here/"', first.fix.elsewhere)


def test_who_is_refused_is_told_where_the_rule_is_named(stack: ExitStack) -> None:
    app = guarded("app.config['SIO_CORS_ORIGINS'] = lambda origin: 1\n")
    first = examine(app, stack, Page(ORIGIN)).findings[0]
    assert first.id == "origin-not-allowed"
    assert f"flask sio-cors explain {ORIGIN}" in first.fix.elsewhere


def test_a_prefix_that_a_proxy_does_not_cut_off_is_told(stack: ExitStack) -> None:
    inside = guarded(LISTED)

    def proxy(environ, start_response):
        if environ["PATH_INFO"].startswith("/api/"):
            return inside(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/html")])
        return [b"<title>404</title>"]

    port = stack.enter_context(serving(proxy))
    target = Target.parse(f"http://127.0.0.1:{port}", ORIGIN, "/api/socket.io")
    first = Examination(target, Page(ORIGIN)).run().findings[0]
    assert first.id == "wrong-path"
    assert "pass /api/socket.io/ on as /socket.io/" in first.fix.elsewhere


# --- A policy for each host ----------------------------------------------------------------------

TENANTS = {
    "acme": {"HOSTS": ["acme.localhost"], "ORIGINS": ["https://acme.example"]},
    "globex": {"HOSTS": ["globex.localhost"]},
}
TENANT_HOSTS = ("acme.localhost", "globex.localhost", "localhost")


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("host", TENANT_HOSTS)
def test_the_fix_lets_the_page_in_at_the_host_that_it_asks_and_at_no_other(
    host: str, debug: bool, stack: ExitStack
) -> None:
    config = f"app.debug = {debug}\napp.config['SIO_CORS_POLICIES'] = {TENANTS}\n"
    page = Page("https://app.example.com", credentials=True)

    def works_at(app: Wsgi) -> dict[str, Report]:
        port = stack.enter_context(serving(app))
        urls = {name: f"http://{name}:{port}" for name in TENANT_HOSTS}
        return {
            name: Examination(Target.parse(url, page.origin), page).run()
            for name, url in urls.items()
        }

    first = works_at(guarded(config))[host].findings[0]
    assert first.id == "origin-not-allowed"
    assert f'host="{host}"' in first.fix.extension
    assert f"--host http://{host}:" in first.fix.elsewhere
    mended = works_at(guarded(config + first.fix.extension))
    assert [name for name, report in mended.items() if report.works] == [host]
