"""What comes after the handshake: servers that open sessions, and are not fit to keep them."""

import re
import socket
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from wsproto.utilities import generate_accept_token

from flask_sio_cors.browser.fetch import Page, Response
from flask_sio_cors.doctor.browser import Fetched
from flask_sio_cors.doctor.examine import Examination, Report, judge
from flask_sio_cors.doctor.facts import Facts
from flask_sio_cors.doctor.findings import Severity
from flask_sio_cors.doctor.report import as_text, verdict_of
from flask_sio_cors.doctor.session import Conversation, UnreadError
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import MAX_REQUESTS, Exchange, Failure, Patience, Trouble, Wire
from tests.support.broken_servers import ALLOWED as SENT
from tests.support.broken_servers import (
    REFLECT,
    behind,
    engine,
    flask_app,
    guarded,
    listening,
    node_server,
    serving,
)
from tests.support.harness import wait_until
from tests.support.nginx import PASS, nginx

ORIGIN = "http://localhost:8080"
PAGE = Page(ORIGIN)
ALLOWED = f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]'


USUAL = Patience()
#: For servers that keep the doctor waiting to the end.
SHORT = Patience(page=6, application=2)


def examine(url: str, page: Page = PAGE, patience: Patience = USUAL) -> Report:
    return Examination(Target.parse(url, page.origin), page, Wire(patience=patience)).run()


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


# --- Workers ----------------------------------------------------------------------------------


def test_a_worker_that_does_one_thing_at_a_time_is_told(serve) -> None:
    report = examine(serve(ALLOWED, server="gunicorn, sync").url, patience=SHORT)
    assert ids(report) == ["one-at-a-time"]
    assert "--threads 100" in report.findings[0].fix.extension
    assert not report.works
    assert report.seconds < 3 * SHORT.page


def test_a_worker_that_has_time_for_one_websocket_is_told(serve) -> None:
    url = serve(ALLOWED, fresh=True, server="gunicorn, sync").url
    wire = Wire(patience=SHORT)
    target = Target.parse(url, ORIGIN)
    report = Examination(target, PAGE, wire, watch=0.5, transports=["websocket"]).run()
    assert ids(report) == ["one-at-a-time"]
    assert report.connects
    assert not report.works
    assert "keeps all others out" in verdict_of(report)


@pytest.mark.parametrize(
    ("server", "times"), [("gunicorn, two workers", 5), ("gunicorn, two sync workers", 1)]
)
def test_several_workers_are_told_nearly_each_time(server: str, times: int, serve) -> None:
    served = serve(ALLOWED, server=server)
    workers: set[str] = set()

    def are_both_there() -> bool:
        workers.add(served.run("import os\nanswer = os.getpid()"))
        return len(workers) == 2

    wait_until(are_both_there, 20)
    reports = [examine(served.url) for _ in range(times)]
    # Two that do one thing at a time are both, and have one remedy. Now and then, all that one
    # examination asks comes to the same of two workers.
    told = [report for report in reports if report.findings]
    assert len(told) >= max(1, times - 1)
    for report in told:
        assert report.findings[0].id in ("session-lost", "one-at-a-time")
        assert "-w 1 --threads 100" in report.findings[0].fix.extension
        assert not report.works


@pytest.mark.parametrize("server", ["gunicorn", "threading", "eventlet", "gevent"])
def test_a_server_that_is_fit_is_left_in_peace(server: str, serve) -> None:
    report = examine(serve(ALLOWED, server=server).url)
    assert ids(report) == []
    assert report.works
    assert report.websocket
    assert report.requests < MAX_REQUESTS * 3 / 4
    assert report.seconds < USUAL.application


def test_a_server_that_does_not_wake_what_waits_is_told(serve) -> None:
    report = examine(serve(ALLOWED, server="gunicorn, eventlet by threads").url, patience=SHORT)
    assert report.findings[0].id == "never-woken"
    assert 'async_mode="threading"' in report.findings[0].fix.extension
    assert not report.works


def test_a_proxy_that_ends_what_waits_is_told(stack: ExitStack, tmp_path: Path) -> None:
    app = guarded(ALLOWED)
    upstream = stack.enter_context(serving(app))
    for limit, works in (("1s", False), ("60s", True)):
        location = f"location / {{ {PASS} proxy_read_timeout {limit}; }}"
        url = stack.enter_context(nginx(location, upstream, tmp_path))
        report = Examination(Target.parse(url, ORIGIN), PAGE, watch=2).run()
        assert report.works is works
        assert works or report.findings[0].id == "cut-off"


# --- Handlers ---------------------------------------------------------------------------------

HANDLERS = {
    "raises": "def connect(auth=None): raise ValueError",
    "asks for auth": "def connect(auth): auth['token']",
}


def handling(handler: str) -> str:
    return (
        f"{ALLOWED}\nsocketio = SocketIO(app, async_mode='threading')\nSioCors(app)\n"
        f"@socketio.on('connect')\n{handler}"
    )


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_connect_handler_that_raises_is_told(handler: str, stack: ExitStack) -> None:
    port = stack.enter_context(serving(flask_app(handling(handler))))
    report = examine(f"http://127.0.0.1:{port}", patience=SHORT)
    first = report.findings[0]
    assert first.id == "connect-unanswered"
    assert "traceback in the server's log" in first.fix.elsewhere
    assert first.client == ""
    assert not report.works


def test_a_connect_handler_that_never_returns_is_no_lack_of_workers(stack: ExitStack) -> None:
    waiting = "def connect(auth=None):\n    import threading\n    threading.Event().wait(15)"
    port = stack.enter_context(serving(flask_app(handling(waiting))))
    report = examine(f"http://127.0.0.1:{port}", patience=SHORT)
    assert ids(report) == ["connect-unanswered"]
    assert "does not return" in report.findings[0].cause
    assert report.findings[0].client == ""
    assert not report.works


def test_a_connect_handler_that_holds_up_all_may_be_it(serve) -> None:
    holding = (
        "@socketio.on('connect')\ndef connect(auth=None):\n    import os; os.system('sleep 7')"
    )
    url = serve(ALLOWED, after=holding, server="gevent").url
    report = examine(url, patience=SHORT)
    assert ids(report) == ["one-at-a-time"]
    assert "holds up the whole server" in report.findings[0].cause


def test_the_auth_that_the_doctor_is_given_is_sent(stack: ExitStack) -> None:
    app = flask_app(handling(HANDLERS["asks for auth"]))
    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    target = Target.parse(url, ORIGIN, auth='{"token": 1}')
    assert Examination(target, PAGE).run().works


def test_a_refusal_of_the_application_comes_first(stack: ExitStack) -> None:
    app = flask_app(handling("def connect(auth=None): return False"))
    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(app))}")
    assert ids(report)[0] == "connect-refused"
    assert not report.works


# --- Sessions that the server ends --------------------------------------------------------------

LATER = "one => setTimeout(() => {}, 1500)"
BOTH, POLLING, WEBSOCKET = ["polling", "websocket"], ["polling"], ["websocket"]


@pytest.mark.parametrize("transports", [BOTH, POLLING, WEBSOCKET], ids=str)
@pytest.mark.parametrize(
    "ending",
    [
        f"io.engine.on('connection', {LATER.format('one.close()')})",
        f"io.on('connection', {LATER.format('one.conn.close()')})",
    ],
    ids=["by its engine", "by a socket's connection"],
)
def test_a_server_that_ends_sessions_is_no_proxy_that_cuts_them(
    ending: str, transports: list[str], stack: ExitStack
) -> None:
    server = f'new Server(httpServer, {{ cors: {{ origin: "*" }}, transports: {transports} }})'
    url = stack.enter_context(node_server(f"{server}; {ending}"))
    target = Target.parse(url, ORIGIN)
    report = Examination(target, PAGE, watch=8, transports=transports).run()
    first = report.findings[0]
    assert first.id == "session-closed"
    assert "had joined" in first.cause.replace("before that had joined", "")
    assert "nginx" not in first.fix.elsewhere
    assert verdict_of(report).endswith("the page connects, and loses its connection.")
    assert not report.works


@pytest.mark.parametrize("transports", [BOTH, WEBSOCKET], ids=str)
def test_a_server_that_gives_no_time_to_join_is_named_and_mended(
    transports: list[str], stack: ExitStack
) -> None:
    # By WebSocket the client is fast enough now and then: it has to bring what is checked first.
    use = "io.use((socket, next) => setTimeout(next, 300))"
    server = 'new Server(httpServer, { connectTimeout: 1, cors: { origin: "*" } })'
    url = stack.enter_context(node_server(f"{server}; {use}"))
    report = Examination(Target.parse(url, ORIGIN), PAGE, transports=transports).run()
    first = report.findings[0]
    assert first.id == "session-closed"
    assert "connectTimeout" in first.cause
    assert first.client == ""
    mended = first.fix.node.replace("{", '{ cors: { origin: "*" },', 1)
    assert examine(stack.enter_context(node_server(f"{mended}; {use}"))).works


def test_a_request_that_is_hung_up_on_as_the_server_takes_leave_is_no_crash() -> None:
    target = Target.parse("http://127.0.0.1:5000", ORIGIN)
    opened = Response(200, headers=(("Access-Control-Allow-Origin", "*"),), body=b'0{"sid":"a"}')
    handshake = Fetched((Exchange("GET", target.polling(), (), opened),))
    url = f"{target.polling()}&sid=a"
    hung_up = Fetched((Exchange("POST", url, (), Failure(Trouble.CLOSED)),))
    for is_farewell, told in ((True, "session-closed"), (False, "connection-closed")):
        end = UnreadError(hung_up, is_held=False, is_farewell=is_farewell)
        joined = Conversation(end=end, fetched=hung_up)
        facts = Facts(target, PAGE, handshake=handshake, joined=joined)
        assert judge(facts)[0].id == told


def taking_leave(connection: socket.socket, *, is_at_once: bool) -> None:
    """Open a session by WebSocket, and end it by a frame in the chunk of the last packet."""

    def said(text: bytes) -> bytes:
        return b"\x81%c%b" % (len(text), text)

    head = connection.recv(4096)
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
    if key is None:
        return
    token = generate_accept_token(key[1])
    upgraded = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.sendall(upgraded + b"Sec-WebSocket-Accept: %b\r\n\r\n" % token)
    opened, leave = said(b'0{"sid":"a"}'), b"\x88\x02\x03\xe8"
    if not is_at_once:
        connection.sendall(opened)
        connection.recv(4096)
        connection.sendall(said(b'40{"sid":"b"}'))
    connection.sendall((opened if is_at_once else said(b"41")) + leave)
    connection.recv(1)


@pytest.mark.parametrize(
    ("is_at_once", "found"), [(False, "connect-refused"), (True, "session-closed")]
)
def test_what_a_server_says_as_it_ends_a_websocket_is_heard(
    is_at_once: bool, found: str, stack: ExitStack
) -> None:
    port = stack.enter_context(listening(partial(taking_leave, is_at_once=is_at_once)))
    target = Target.parse(f"http://127.0.0.1:{port}", ORIGIN)
    report = Examination(target, PAGE, watch=3, transports=WEBSOCKET).run()
    assert ids(report)[0] == found


@pytest.mark.parametrize("transports", [BOTH, WEBSOCKET], ids=str)
@pytest.mark.parametrize("kind", ["Flask", "Node.js"])
def test_a_server_that_takes_no_packet_of_a_client_is_named_and_mended(
    kind: str, transports: list[str], stack: ExitStack
) -> None:
    def served(construction: str) -> str:
        if kind == "Node.js":
            cors = construction.replace("{", '{ cors: { origin: "*" },', 1)
            return stack.enter_context(node_server(cors))
        run = construction.replace("app,", "app, async_mode='threading',")
        port = stack.enter_context(serving(flask_app(f"{ALLOWED}\n{run}\nSioCors(app)")))
        return f"http://127.0.0.1:{port}"

    slip = "new Server(httpServer, { maxHttpBufferSize: 1 })"
    url = served("socketio = SocketIO(app, max_http_buffer_size=1)" if kind == "Flask" else slip)
    wire = Wire(patience=SHORT)
    report = Examination(Target.parse(url, ORIGIN), PAGE, wire, transports=transports).run()
    (first,) = report.findings
    assert first.id == "body-too-large"
    assert "nginx" not in first.fix.elsewhere
    assert not report.works
    assert examine(served(first.fix.extension if kind == "Flask" else first.fix.node)).works


def test_a_server_for_node_that_hangs_up_on_polls_is_named_and_mended(stack: ExitStack) -> None:
    server = "new Server(httpServer, { cors: { origin: '*' }, transports: ['polling'] })"
    for limit, works in (("httpServer.setTimeout(1500)", False), ("", True)):
        url = stack.enter_context(node_server(f"{server}; {limit}"))
        report = Examination(Target.parse(url, ORIGIN), PAGE, watch=3).run()
        assert report.works is works
        if not works:
            assert report.findings[0].id == "cut-off"
            assert "server.timeout" in report.findings[0].cause
            server = f"{server}; {limit}; {report.findings[0].fix.node}"


@pytest.mark.parametrize("transports", [BOTH, WEBSOCKET], ids=str)
def test_pings_are_answered_while_the_application_makes_up_its_mind(
    transports: list[str], stack: ExitStack
) -> None:
    options = 'pingInterval: 500, pingTimeout: 700, cors: { origin: "*" }'
    slow = "io.use((_, next) => setTimeout(next, 4500))"
    url = stack.enter_context(node_server(f"new Server(httpServer, {{ {options} }}); {slow}"))
    report = Examination(Target.parse(url, ORIGIN), PAGE, watch=1, transports=transports).run()
    assert report.works, report.findings


@pytest.mark.parametrize("when", ["", "; io.use((_, next) => setTimeout(next, 500))"])
def test_seconds_for_milliseconds_are_told_to_a_websocket_alone(
    when: str, stack: ExitStack
) -> None:
    options = 'pingInterval: 25, pingTimeout: 5, cors: { origin: "*" }'
    url = stack.enter_context(node_server(f"new Server(httpServer, {{ {options} }}){when}"))
    report = Examination(Target.parse(url, ORIGIN), PAGE, watch=8, transports=WEBSOCKET).run()
    assert "ping-timeout" in ids(report)
    assert "session-closed" not in ids(report)


def test_times_that_keep_clients_busy_are_noted(stack: ExitStack) -> None:
    server = 'new Server(httpServer, { pingInterval: 25, cors: { origin: "*" } })'
    report = examine(stack.enter_context(node_server(server)))
    assert report.works
    assert ids(report) == ["ping-timeout"]
    assert "40 pings a second" in report.findings[0].cause


# --- WebSocket alone --------------------------------------------------------------------------

ALONE = '["websocket"] would connect'


def test_a_page_with_websocket_alone_is_said_to_connect_where_it_does(stack: ExitStack) -> None:
    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(engine()))}")
    assert not report.works
    assert ALONE in re.sub(r"\s+", " ", as_text(report))


@pytest.mark.parametrize(
    "middleware",
    ["next(new Error('no'))", ""],
    ids=["refuses", "says nothing"],
)
def test_a_page_that_the_application_keeps_out_is_not(middleware: str, stack: ExitStack) -> None:
    use = f"io.use((socket, next) => {{ {middleware} }})"
    url = stack.enter_context(node_server(f"new Server(httpServer); {use}"))
    report = examine(url, patience=SHORT)
    assert report.websocket
    assert not report.facts.connects_by_websocket
    assert ALONE not in re.sub(r"\s+", " ", as_text(report))


# --- Old clients ------------------------------------------------------------------------------

CONSOLE = "/socket.io/?EIO=3&transport=polling&t=abc"
NODE_2 = "socket.io-2"
WITH_COOKIES = Page(ORIGIN, credentials=True)
FOR_BOTH = (
    f'new Server(httpServer, {{ allowEIO3: true, cors: {{ origin: ["{ORIGIN}"], '
    "credentials: true }, })"
)


def test_an_old_client_is_examined_as_what_it_is(stack: ExitStack) -> None:
    old = stack.enter_context(node_server("new Server(httpServer)", NODE_2))
    both = stack.enter_context(node_server(FOR_BOTH))
    for url in (old, both):
        report = examine(f"{url}{CONSOLE}", WITH_COOKIES)
        assert report.works
        assert report.websocket


def test_an_old_client_is_told_from_what_keeps_it_out(stack: ExitStack) -> None:
    construction = f'new Server(httpServer, {{ cors: {{ origin: ["{ORIGIN}"] }} }})'
    url = stack.enter_context(node_server(construction))
    assert examine(url).works
    report = examine(f"{url}{CONSOLE}", WITH_COOKIES)
    assert ids(report)[:2] == ["credentials-not-true", "unsupported-version"]
    fixed = stack.enter_context(node_server(report.findings[1].fix.node))
    assert examine(f"{fixed}{CONSOLE}", WITH_COOKIES).works


def test_an_old_client_of_this_extension_is_told(stack: ExitStack) -> None:
    app = flask_app(
        f'{ALLOWED}\napp.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True\n'
        "app.config['SIO_CORS_TOLERATE_INSECURE_ORIGINS'] = True\n"
        "socketio = SocketIO(app, async_mode='threading')\nSioCors(app)"
    )
    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    report = examine(f"{url}{CONSOLE}", WITH_COOKIES)
    assert ids(report)[0] == "unsupported-version"
    assert "EIO=3, socket.io-client 2" in report.findings[0].cause
    assert "socket.io-client 4 on the page" in report.findings[0].fix.elsewhere


def test_a_namespace_of_an_old_client_is_looked_for(stack: ExitStack) -> None:
    url = stack.enter_context(node_server("new Server(httpServer)", NODE_2))
    target = Target.parse(f"{url}{CONSOLE}", ORIGIN)
    for name, found in (("/", []), ("/none", ["namespace-refused"])):
        report = Examination(replace(target, namespace=name), WITH_COOKIES).run()
        assert [each.id for each in report.findings if each.severity is Severity.BROKEN] == found


def test_a_path_that_is_taken_for_the_servers_is_a_namespace(stack: ExitStack) -> None:
    app = flask_app(handling("def connect(auth=None): pass"))
    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    report = examine(f"{url}/socket.io")
    assert ids(report) == ["namespace-refused"]
    assert f'io("{url}")' in report.findings[0].fix.elsewhere


def test_a_namespace_is_taken_with_its_last_slash(stack: ExitStack) -> None:
    construction = 'new Server(httpServer, { cors: { origin: "*" } }); io.of("/chat")'
    url = stack.enter_context(node_server(construction))
    assert examine(f"{url}/chat").works
    report = examine(f"{url}/chat/")
    assert ids(report)[0] == "namespace-refused"
    assert f'io("{url}/chat")' in report.findings[0].fix.elsewhere


# --- Redirects --------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "works"), [("302 FOUND", False), ("307 MOVED", True)])
def test_a_session_starts_from_the_clients_address_each_time(
    status: str, works: bool, stack: ExitStack
) -> None:
    inside = flask_app(handling("def connect(auth=None): pass"))

    def server(environ, start_response):
        if environ["PATH_INFO"].startswith("/old/"):
            where = f"/socket.io/?{environ['QUERY_STRING']}"
            origin = ("Access-Control-Allow-Origin", ORIGIN)
            start_response(status, [("Location", where), origin])
            return []
        return inside(environ, start_response)

    url = f"http://127.0.0.1:{stack.enter_context(serving(server))}"
    wire = Wire(patience=SHORT)
    report = Examination(Target.parse(url, ORIGIN, "/old"), PAGE, wire).run()
    assert report.polling is works
    first = report.findings[0]
    assert works or (first.id == "redirected" and f'io("{url}")' in first.fix.elsewhere)
    # No browser follows a WebSocket's redirect.
    assert not report.works


# --- What the application says, and does not ---------------------------------------------------


@pytest.mark.parametrize(
    "error", ['"nope"', "{ code: 7 }", "new Error()", "new Error('no', { cause: 1 })"]
)
def test_a_refusal_without_a_message_is_told(error: str, stack: ExitStack) -> None:
    server = 'new Server(httpServer, { cors: { origin: "*" } })'
    use = f"io.use((socket, next) => next({error}))"
    first = examine(stack.enter_context(node_server(f"{server}; {use}"))).findings[0]
    assert first.id == "connect-refused"
    assert first.client == ("no" if "'no'" in error else "")


def test_a_refusal_without_words_of_flask_is_told(stack: ExitStack) -> None:
    handler = (
        "def connect(auth=None):\n    from flask_socketio import ConnectionRefusedError\n"
        "    raise ConnectionRefusedError('')"
    )
    port = stack.enter_context(serving(flask_app(handling(handler))))
    assert examine(f"http://127.0.0.1:{port}").findings[0].id == "connect-refused"


def test_a_middleware_that_never_goes_on_is_told_from_a_server_that_hangs(
    stack: ExitStack,
) -> None:
    server = 'new Server(httpServer, { cors: { origin: "*" } })'
    url = stack.enter_context(node_server(f"{server}; io.use(() => {{}})"))
    report = examine(url, patience=SHORT)
    assert report.findings[0].id == "connect-unanswered"
    assert report.polling


def test_a_post_with_another_status_than_200_is_told(stack: ExitStack) -> None:
    inside = behind(engine(), *SENT)

    def app(environ, start_response):
        def start(status, headers, exc_info=None):
            changed = "201 CREATED" if environ["REQUEST_METHOD"] == "POST" else status
            return start_response(changed, headers, exc_info)

        return inside(environ, start)

    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(app))}")
    assert report.polling is False
    assert ids(report)[0] == "unexpected-status"


def test_a_redirect_to_another_origin_is_asked_for_anew(stack: ExitStack) -> None:
    answers = [REFLECT, ("Access-Control-Allow-Headers", "X-Token")]
    strict = behind(engine(), REFLECT, preflight=[REFLECT])
    there = f"http://localhost:{stack.enter_context(serving(strict))}"

    def app(environ, start_response):
        origin = ("Access-Control-Allow-Origin", environ["HTTP_ORIGIN"])
        where = ("Location", f"{there}/socket.io/?{environ['QUERY_STRING']}")
        if environ["REQUEST_METHOD"] == "OPTIONS":
            start_response("204 NO CONTENT", [origin, answers[1]])
        else:
            start_response("307 TEMPORARY REDIRECT", [origin, where])
        return []

    url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
    report = examine(url, Page(ORIGIN, headers=(("X-Token", "1"),)))
    first = report.findings[0]
    assert report.polling is False
    assert first.reasons[0].startswith("header ‘x-token’ is not allowed")


@pytest.mark.parametrize("after", [30, 1000], ids=["as the client leaves polling", "later"])
def test_an_application_that_ends_the_connection_is_told(stack: ExitStack, after: int) -> None:
    server = 'new Server(httpServer, { cors: { origin: "*" } })'
    late = f'io.on("connection", socket => setTimeout(() => socket.disconnect(), {after}))'
    url = stack.enter_context(node_server(f"{server}; {late}"))
    report = Examination(Target.parse(url, ORIGIN), PAGE, watch=5).run()
    assert ids(report)[0] == "connect-refused"
    assert report.polling
    assert not report.works


def test_a_main_namespace_that_nobody_has_defined_is_told(stack: ExitStack) -> None:
    source = (
        f"{ALLOWED}\nsocketio = SocketIO(app, async_mode='threading', namespaces=['/chat'])\n"
        "SioCors(app)"
    )
    report = examine(f"http://127.0.0.1:{stack.enter_context(serving(flask_app(source)))}")
    first = report.findings[0]
    assert first.id == "namespace-refused"
    assert first.title == "There is no main namespace, /."
    mended = flask_app(f"{source}\n{first.fix.extension}")
    assert examine(f"http://127.0.0.1:{stack.enter_context(serving(mended))}").works
