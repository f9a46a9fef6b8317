"""Sessions that stay away from pages of other sites: named by the doctor, and seen in Chromium."""

import json
import ssl
from contextlib import ExitStack
from typing import Any

import pytest
import trustme

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import Wire
from tests.doctor.conftest import Browsers
from tests.support.broken_servers import Wsgi, behind, flask_app, serving

ORIGIN = "https://localhost:8080"
# Counts the connections of a visitor, and tells each how many came before.
COUNTING = """
from flask import session
from flask_socketio import emit
app.secret_key = "for tests"
app.config["SIO_CORS_ORIGINS"] = ["https://localhost:*"]
app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
{config}
socketio = SocketIO(app, async_mode="threading")
cors = SioCors(app)

@cors.allow_request
def count(request):
    session["visits"] = session.get("visits", 0) + 1
    return True

@socketio.on("connect")
def connect(auth=None):
    emit("visits", session.get("visits", 0))
"""
SAME_SITE = {
    "unset": "",
    "Lax": 'app.config["SESSION_COOKIE_SAMESITE"] = "Lax"',
    "Strict": 'app.config["SESSION_COOKIE_SAMESITE"] = "Strict"\n'
    'app.config["SESSION_COOKIE_NAME"] = "visitor"',
    "None, without Secure": 'app.config["SESSION_COOKIE_SAMESITE"] = "None"',
}
VISIT = """
const [url, sentinel, done] = arguments;
const visit = () => new Promise(over => {
  const socket = io(url, {withCredentials: true, forceNew: true, reconnection: false});
  socket.on("visits", visits => { over(visits); socket.close(); });
  for (const end of ["connect_error", "disconnect"]) socket.on(end, why => over(String(why)));
});
(async () => {
  const seen = [await visit(), await visit()];
  fetch(sentinel).catch(() => done(JSON.stringify(seen)));
})();
"""


def counting(config: str = "") -> Wsgi:
    return flask_app(COUNTING.format(config=config))


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def left_out(url: str, page: Page) -> list[Finding]:
    wire = Wire(_trust=ssl._create_unverified_context())
    report = Examination(Target.parse(url, page.origin), page, wire).run()
    assert report.works
    return [finding for finding in report.findings if finding.id == "session-left-out"]


def serve(app: Wsgi, stack: ExitStack, tls: ssl.SSLContext) -> str:
    return f"https://127.0.0.1:{stack.enter_context(serving(app, tls))}"


@pytest.mark.parametrize("config", SAME_SITE.values(), ids=SAME_SITE)
def test_a_session_that_does_not_come_with_the_page_is_named_and_mended(
    config: str, stack: ExitStack, tls: ssl.SSLContext
) -> None:
    page = Page(ORIGIN, credentials=True)
    (finding,) = left_out(serve(counting(config), stack, tls), page)
    assert "SESSION_COOKIE_SAMESITE" in finding.fix.extension
    assert ("visitor" if "visitor" in config else "session") in finding.cause
    mended = counting(f"{config}\n{finding.fix.extension}")
    assert left_out(serve(mended, stack, tls), page) == []


def test_it_is_silent_where_no_session_is_lost(stack: ExitStack, tls: ssl.SSLContext) -> None:
    url = serve(counting(), stack, tls)
    assert left_out(url, Page(ORIGIN)) == []  # No cookies are asked for.
    assert left_out(url, Page(url, credentials=True)) == []  # Its own pages have it.
    sticky = behind(counting(SECURE), ("Set-Cookie", "AWSALB=abc; Path=/"))
    assert left_out(serve(sticky, stack, tls), Page(ORIGIN, credentials=True)) == []


SECURE = """
app.config["SESSION_COOKIE_SAMESITE"] = "None"
app.config["SESSION_COOKIE_SECURE"] = True
"""


@pytest.mark.parametrize("config", [*SAME_SITE.values(), SECURE], ids=[*SAME_SITE, "mended"])
def test_chromium_finds_the_session_empty_where_the_doctor_says_so(
    config: str, browsers: Browsers, stack: ExitStack
) -> None:
    pages, _, chromium = browsers
    url = serve(counting(config), stack, pages.tls)
    seen: Any = json.loads(chromium.run(pages.https, VISIT, url))
    is_left_out = bool(left_out(url, Page(pages.https, credentials=True)))
    assert seen == ([0, 0] if is_left_out else [0, 1])
    assert is_left_out == (config != SECURE)
