"""A page elsewhere cannot act in its visitor's name, nor take the visitor's session away.

Real browsers log in at a guarded server, and at plain Flask-SocketIO, and then open a page of
another port of the same host, to which every cookie goes, whatever its ``SameSite`` says.
"""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support import collector as collecting
from tests.support.browsers import Browser, require

PAGE = (Path(collecting.__file__).parent / "visitor_page.html").read_bytes()
COOKIES = """
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
"""
# Where each handshake changes the session, an answer could carry it away.
CHANGING = """
    def allow(request):
        from flask import session
        session["asked"] = True
        return True

    app.config["SIO_CORS_ALLOW_REQUEST"] = allow
"""
VISIT = """
    from flask import redirect, request, session
    from flask_socketio import emit

    @app.get("/enter")
    def enter():
        session["user"] = "ada"
        return f"<script>location = {request.args['next']!r}</script>"

    @app.get("/left")
    def left():
        user = session.get("user")
        return f'''<script>fetch({request.args["collector"]!r},
            {{method: "POST", mode: "no-cors", body: '{{"left": "{user}"}}'}})</script>'''

    @socketio.on("connect")
    def connect(auth=None):
        emit("you", session.get("user", "nobody"))
"""
GUARDED = {
    "every origin": 'app.config["SIO_CORS_ORIGINS"] = "*"',
    "every origin, by Flask-CORS's key": 'app.config["CORS_ORIGINS"] = "*"',
    "a list": 'app.config["SIO_CORS_ORIGINS"] = ["http://localhost:*"]',
}


@pytest.fixture(scope="module")
def collector():
    with collecting.Collector(PAGE) as running:
        yield running


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def engine(request):
    require(request.param)
    return request.param


def visited(engine, collector, server):
    """Return what the page got out of its visit, and who the visitor is afterwards."""
    own = f"http://localhost:{server.port}"
    report_to = f"http://localhost:{collector.port}/report"
    page = f"http://localhost:{collector.port}/page?"
    page += urlencode({"server": own, "collector": report_to})
    with Browser(engine, f"{own}/enter?{urlencode({'next': page})}") as browser:
        return collector.report(browser) | collector.report(browser)


# Nothing is enforced, so that everything is as without it.
REPORT_ONLY = """
    import tempfile
    app.instance_path = tempfile.mkdtemp()
    app.config["SIO_CORS_REPORT_ONLY"] = True
"""


@pytest.mark.parametrize("settings", ["", REPORT_ONLY], ids=["plain", "report only"])
def test_at_plain_flask_socketio_the_page_is_the_visitor(engine, collector, serve, settings):
    options = {"cors_allowed_origins": "*"}
    config = f"{COOKIES}{settings}"
    server = serve(config, after=VISIT, plain=not settings, socketio_options=options)
    found = visited(engine, collector, server)
    assert found["websocket"] == found["script"] == "ada"
    assert found["fetch"].startswith('0{"sid":')


@pytest.mark.parametrize("settings", GUARDED.values(), ids=GUARDED)
def test_here_the_page_is_nobody(engine, collector, serve, settings):
    server = serve(f"{COOKIES}{CHANGING}    {settings}\n", after=VISIT)
    script = "refused" if "localhost" in settings else "nobody"
    expected = {"websocket": "nobody", "script": script, "fetch": "unreadable", "left": "ada"}
    assert visited(engine, collector, server) == expected


def test_a_listed_page_with_credentials_is_the_visitor(engine, collector, serve):
    settings = GUARDED["a list"] + '\n    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True\n'
    found = visited(engine, collector, serve(f"{COOKIES}{CHANGING}    {settings}", after=VISIT))
    assert (found["websocket"], found["script"], found["left"]) == ("ada", "refused", "ada")
    assert found["fetch"].startswith('0{"sid":')
