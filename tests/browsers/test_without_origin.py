"""Requests that browsers send without an Origin: a page elsewhere gets no session out of them.

Real browsers open a page that asks a guarded server, and plain Flask-SocketIO, in every way in
which a page can ask without an Origin header: `attack_page.html`.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.support import sessions
from tests.support.browsers import Browser, require
from tests.support.clients import node, page, python_client
from tests.support.collector import BROWSER_SECONDS, Collector
from tests.support.harness import NODE, Server, wait_until
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET

PAGE = (NODE.parent / "attack_page.html").read_bytes()
FRIEND = "https://friend.example"

#: What the page does that Engine.IO answers with a session, and those that hand it to the page.
SESSION_WAYS = {
    "script",
    "script without a referrer",
    "image",
    "style sheet",
    "object",
    "fetch",
    "iframe",
    "form get",
}
LEAKING_WAYS = {"script", "script without a referrer"}
#: With these, browsers send an Origin: always, or on the way to another port of the same host.
WITH_ORIGIN = {"form post", "script in a sandbox"}

# Notes every request that the page made, what was answered, and whether a session came of it.
NOTED = (
    sessions.COUNTED
    + """
    from urllib.parse import parse_qs
    app.noted = []

    def note(environ, start_response):
        query = parse_qs(environ["QUERY_STRING"])
        if "way" not in query:
            return served(environ, start_response)
        noted = {"way": query["way"][0], "visit": query["visit"][0]}
        noted["method"] = environ["REQUEST_METHOD"]
        noted["origin"] = environ.get("HTTP_ORIGIN")
        noted["site"] = environ.get("HTTP_SEC_FETCH_SITE")
        app.noted.append(noted)

        def start(status, headers, *rest):
            noted["status"] = int(status[:3])
            return start_response(status, headers, *rest)

        before = socketio.server.eio.sockets.ever
        body = served(environ, start)
        noted["opened"] = socketio.server.eio.sockets.ever - before
        return body

    served = app.wsgi_app
    app.wsgi_app = note

    @app.get("/page")
    def own_page():
        return open("tests/support/attack_page.html").read()
"""
)


class Visit(NamedTuple):
    """What a page in one place did to one server.

    `attempts` has by its way what the page got; `requests` by its way what came to the server.
    """

    attempts: dict[str, dict]
    requests: dict[str, dict]

    def each(self, key: str) -> dict[str, object]:
        return {way: request[key] for way, request in self.requests.items()}

    def leaking(self) -> set[str]:
        """The ways in which the page itself got a session into its hands."""
        return {way for way, attempt in self.attempts.items() if '"sid"' in str(attempt)}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector(PAGE) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(serve):
    return serve(f"app.config['SIO_CORS_ORIGINS'] = '{FRIEND}'", after=NOTED)


@pytest.fixture(scope="module")
def plain(serve):
    return serve(plain=True, after=NOTED)


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def engine(request):
    require(request.param)
    return request.param


def place_of_page(place: str, collector: Collector, server: Server) -> str:
    """An origin that is, seen from http://localhost and the server's port, in such a place."""
    return {
        "another site": f"http://127.0.0.1:{collector.port}",
        "another port": f"http://localhost:{collector.port}",
        "its own origin": f"http://localhost:{server.port}",
    }[place]


PLACES = ("another site", "another port", "its own origin")


@pytest.fixture(scope="module")
def visits(engine, collector, guarded, plain) -> dict[tuple[str, str], Visit]:
    """Let one browser open the page in all places; by place and server, what came of it."""
    servers = {"guarded": guarded, "plain": plain}
    itinerary = [(place, name) for place in PLACES for name in servers]
    address = f"http://localhost:{guarded.port}{POLLING}&" + asked_by(f"{engine}, window")
    for place, name in reversed(itinerary):
        asked = {
            "target": f"http://localhost:{servers[name].port}",
            "visit": f"{engine}, {place}, {name}",
            "collector": f"http://127.0.0.1:{collector.port}/report",
            "next": address,
        }
        origin = place_of_page(place, collector, servers[name])
        address = f"{origin}/page?{urlencode(asked)}"
    found = {}
    with Browser(engine, address) as browser:
        for place, name in itinerary:
            report = collector.report(browser)
            assert report["visit"] == f"{engine}, {place}, {name}"
            assert report["origin"] == place_of_page(place, collector, servers[name])
            attempts = {attempt["way"]: attempt for attempt in report["attempts"]}
            requests = {asked["way"]: asked for asked in noted(servers[name], report["visit"])}
            found[place, name] = Visit(attempts, requests)
        wait_until(lambda: noted(guarded, f"{engine}, window"), BROWSER_SECONDS)
    return found


def asked_by(visit: str, way: str = "navigation") -> str:
    return urlencode({"visit": visit, "way": way})


def noted(server: Server, visit: str) -> list[dict]:
    requests = json.loads(server.run("import json; answer = json.dumps(app.noted)"))
    return [request for request in requests if request["visit"] == visit]


ELSEWHERE = {"another site": "cross-site", "another port": "same-site"}
elsewhere = pytest.mark.parametrize("place", ELSEWHERE)


@elsewhere
def test_a_page_elsewhere_gets_no_session(visits, place):
    visit = visits[place, "guarded"]
    assert visit.each("status") == dict.fromkeys(SESSION_WAYS | WITH_ORIGIN, 403)
    assert visit.each("opened") == dict.fromkeys(SESSION_WAYS | WITH_ORIGIN, 0)
    assert visit.leaking() == set()


@elsewhere
def test_a_page_elsewhere_gets_sessions_of_plain_flask_socketio(visits, place):
    visit = visits[place, "plain"]
    opened = {way for way, opened in visit.each("opened").items() if opened}
    assert opened - WITH_ORIGIN == SESSION_WAYS
    assert visit.leaking() - WITH_ORIGIN == LEAKING_WAYS


@elsewhere
@pytest.mark.parametrize("name", ["guarded", "plain"])
def test_browsers_send_no_origin_with_these_but_say_where_they_come_from(visits, place, name):
    for way in SESSION_WAYS:
        asked = visits[place, name].requests[way]
        assert (asked["method"], asked["origin"], asked["site"]) == ("GET", None, ELSEWHERE[place])


def test_a_page_of_the_server_itself_gets_its_sessions(visits):
    visit = visits["its own origin", "guarded"]
    opened = {way for way, opened in visit.each("opened").items() if opened}
    assert opened == SESSION_WAYS
    assert visit.leaking() == {*LEAKING_WAYS, "fetch"}
    # The page's origin is let in, but a handshake is a GET. A sandbox has another origin.
    assert visit.requests["form post"]["status"] == 400
    assert visit.requests["script in a sandbox"]["status"] == 403


def test_a_page_elsewhere_that_sends_the_whole_window_there_gets_no_session(
    visits, engine, guarded
):
    [asked] = noted(guarded, f"{engine}, window")
    assert (asked["status"], asked["opened"]) == (403, 0)
    assert (asked["site"], asked["origin"]) == ("same-site", None)


def test_a_user_who_types_the_address_gets_in(engine, guarded):
    visit = f"{engine}, typed"
    address = f"http://localhost:{guarded.port}{POLLING}&{asked_by(visit)}"
    with Browser(engine, address):
        wait_until(lambda: noted(guarded, visit), 30)
    [asked] = noted(guarded, visit)
    assert (asked["status"], asked["opened"]) == (200, 1)
    assert (asked["site"], asked["origin"]) == ("none", None)


def test_curl_gets_in(guarded):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed: apt-get install curl")
    asked = [curl, "--silent", "--show-error", f"{guarded.url}{POLLING}"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith('0{"sid":"')


@pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids=" then ".join
)
def test_native_clients_get_in(guarded, run_clients, transports):
    in_node, in_page = run_clients(
        node(guarded.url, transports=transports),
        page(guarded.url, guarded.url, transports=transports),
    )
    in_python = python_client(guarded.url, transports=transports)
    for outcome in (in_node, in_page, in_python):
        assert (outcome.connected, outcome.transport) == (True, transports[-1])


# --- The rows of the verdict table, byte for byte ---------------------------------------------

SITES = [None, "none", "same-origin", "same-site", "cross-site", "cross-origin", "", "None", "x"]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("is_jsonp", [False, True], ids=["plain", "JSONP"])
def test_what_sec_fetch_site_says_decides(guarded, site, is_jsonp):
    headers = [("Sec-Fetch-Site", site)] if site is not None else []
    answer = guarded.request("GET", POLLING + ("&j=0" if is_jsonp else ""), headers)
    lets_in = ("same-origin",) if is_jsonp else (None, "none", "same-origin")
    assert answer.status == (200 if site in lets_in else 403)
    if not is_jsonp:
        sent = [*UPGRADE, *headers]
        assert guarded.request("GET", WEBSOCKET, sent).status == (101 if site in lets_in else 403)


#: Queries that Engine.IO may or may not take for JSONP.
QUERIES = """j=0 j=1 j=00 j=%30 %6a=0 %6A=0 %6a=%30 j=0&j=x j=x&j=0 j=&j=0 j= j J=0 %4a=0 j%3D0
j%3d=0 ;j=0 a;j=0 +j=0 %20j=0 j+=0 %00j=0 jj=0 aj=0 [j]=0 j[]=0 j%00=0 &&j=0 ?j=0 #j=0 j=0;a=1
=j=0 j==0 %256a=0 %u006a=0 j=-1 j=1e3
j=\u0661 a=1&%6A=2 a=%6a a=j&b=0 a=j=0 j=%2B1 j=_1 j=1_0""".split()


@pytest.mark.parametrize("query", QUERIES)
def test_every_spelling_of_jsonp_that_engine_io_answers_is_refused(guarded, plain, query):
    target = f"{POLLING}&{query}".encode()
    served, ours = plain.request("GET", target), guarded.request("GET", target)
    if b"___eio[" in served.body:
        assert ours.status == 403
    elif served.status == 200:
        assert ours.status == 200
    own = guarded.request("GET", target, [("Sec-Fetch-Site", "same-origin")])
    assert own.status == served.status


def test_jsonp_is_refused_within_a_session_too(guarded):
    sid = guarded.request("GET", POLLING).sid
    assert guarded.request("GET", f"{POLLING}&sid={sid}&j=0").status == 403
    posted = guarded.request("POST", f"{POLLING}&sid={sid}&j=0", body=b"d=40")
    assert posted.status == 403


@pytest.mark.parametrize("origins", ["'*'", "True"])
def test_where_every_origin_is_allowed_all_of_these_are(serve, origins):
    server = serve(after=sessions.COUNTED)
    server.configure(f"app.config['SIO_CORS_ORIGINS'] = {origins}")
    for headers in ([], [("Sec-Fetch-Site", "cross-site")]):
        assert server.request("GET", POLLING, headers).status == 200
        assert b"___eio[0](" in server.request("GET", f"{POLLING}&j=0", headers).body
