"""The examples of the pages, run as they stand on a real server."""

import os
import pty
import re
import shlex
import subprocess
import sys

import pytest
import socketio
from click.testing import CliRunner
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from flask_sio_cors.cli import flask_group, main
from tests.support.clients import page
from tests.support.harness import wait_until
from tests.support.pages import REPOSITORY, block, blocks, commands
from tests.support.ports import free_port
from tests.support.raw_http import POLLING, WEBSOCKET


def served_as_is(program: str, more: str = "") -> dict[str, object]:
    """Arguments of `serve` for a program of a page, which makes an app of its own."""
    before, after = "outer, __name__ = app, 'page'", "outer.wsgi_app = app.wsgi_app"
    return {"plain": True, "after": "\n".join([before, program, more, after])}


README = block("README.md", "SioCors(app)")
QUICKSTART = block("docs/quickstart.md", "SioCors(app)")
ALLOW_REQUEST = block("docs/deciding.md", "@cors.allow_request")
SIGNAL = block("docs/deciding.md", "request_refused.connect")
FACTORY = block("docs/deciding.md", "def create_app")
MANUAL = block("docs/coming-from-nodejs.md", "SIO_CORS_ALLOW_HEADERS")
FUNCTIONS = block("docs/deciding.md", "def is_site")
OWN_ORIGINS = block("docs/origins.md", "SIO_CORS_OWN_ORIGINS")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://app.example.com", 200),
        ("https://pr-7.preview.example.com", 200),
        ("https://preview.example.com", 403),
        ("https://evil.example", 403),
    ],
)
def test_the_shortest_example_lets_in_what_it_names(serve, origin, status):
    server = serve(**served_as_is(README))
    response = server.request("GET", POLLING, [("Origin", origin)])
    assert response.status == status
    assert response.header("Access-Control-Allow-Origin") == (origin if status == 200 else None)


def test_the_origin_that_is_named_gets_in_whatever_the_proxy_hides(serve):
    hidden = [("Host", "upstream:5000"), ("Origin", "https://chat.example.com")]
    assert serve(OWN_ORIGINS).websocket(hidden).status == 101
    assert serve("").websocket(hidden).status == 403


def test_the_functions_of_the_example_decide_beside_what_is_listed(serve):
    server = serve(FUNCTIONS)
    hosts = {
        "https://app.example.com": "a",
        "https://customer.example": "a",
        "https://b.example": "b",
    }
    for origin, host in hosts.items():
        asked = [("Origin", origin), ("Host", host)]
        assert server.request("GET", POLLING, asked).status == 200
    assert server.request("GET", POLLING, [("Origin", "https://b.example")]).status == 403


def test_the_allow_request_example_refuses_with_a_message_and_lets_a_user_in(serve):
    login = """
        @app.get("/log-in-here")
        def log_in():
            session["user"] = "ada"
            return ""
    """
    server = serve(**served_as_is(ALLOW_REQUEST, re.sub("^ {8}", "", login, flags=re.MULTILINE)))
    stranger = server.request("GET", POLLING)
    assert (stranger.status, stranger.body) == (403, b'{"code": 4, "message": "Please log in."}')
    cookie = server.request("GET", "/log-in-here").header("Set-Cookie").partition(";")[0]
    old = server.request("GET", POLLING, [("Cookie", cookie)])
    assert (old.status, old.body) == (403, b'{"code": 4, "message": "Forbidden"}')
    # As the page's option `query` has it, by both transports.
    assert 'query: { version: "2" }' in block("docs/deciding.md", "query:", "js")
    user = [("Cookie", cookie)]
    assert server.request("GET", f"{POLLING}&version=2", user).status == 200
    assert server.websocket(user, target=f"{WEBSOCKET}&version=2").status == 101


def test_the_factory_example_reconfigures_and_hears_of_refusals(serve):
    more = f"""
app = create_app()
app.logger.setLevel("INFO")
{SIGNAL}
allow(app, ["https://a.example"])
allow(app, ["https://B.example"])
"""
    server = serve(**served_as_is(FACTORY, more))
    assert server.request("GET", POLLING, [("Origin", "https://a.example")]).status == 200
    assert server.request("GET", POLLING, [("Origin", "https://b.example")]).status == 403
    assert "kept out 'https://b.example': origin-not-allowed" in server.log()
    assert "SIO_CORS_ORIGINS https://B.example" in server.log()


def test_the_manuals_second_example_connects_with_cookies_and_a_header(serve, run_clients):
    server = serve(MANUAL)
    client = block("docs/coming-from-nodejs.md", '"my-custom-header": "abcd"', "js")
    assert "withCredentials: true" in client
    options = {"withCredentials": True, "extraHeaders": {"my-custom-header": "abcd"}}
    friend, stranger = run_clients(
        page(server.url, "https://example.com", cookies=[server.login("ada")], **options),
        page(server.url, "https://example.org", **options),
    )
    assert friend.connected
    assert friend.whoami == "ada"
    assert friend.preflights
    assert not stranger.connected


# --- The quickstart ---------------------------------------------------------------------------


def test_the_quickstarts_commands_and_its_page_get_what_it_says(serve):
    server = serve(**served_as_is(QUICKSTART))
    plain, as_page = [
        line.replace("http://localhost:5000", server.url) for line in commands("curl")
    ]
    answered = output_of(plain)
    shown = block("docs/quickstart.md", "pingTimeout", "text").strip()
    assert without_sid(answered) == without_sid(shown)
    assert "Access-Control-Allow-Origin: http://localhost:8080" in output_of(as_page)
    assert " 403 " in output_of(as_page.replace("localhost:8080", "127.0.0.1:8080"))
    assert block("docs/quickstart.md", "Refused (", "text").strip() in server.log()
    assert 'io("http://localhost:5000")' in block("docs/quickstart.md", "<script>", "html")
    with socketio.SimpleClient() as client:
        client.connect(server.url, transports=["polling"])
        client.emit("message", "hello")
        assert client.receive(timeout=20) == ["message", "You said hello"]


def without_sid(answer: str) -> str:
    return re.sub(r'"sid":"[\w-]{20}"', "", answer)


def output_of(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    return done.stdout


@pytest.mark.parametrize("program", [README, QUICKSTART], ids=["README", "quickstart"])
def test_python_runs_the_file_where_no_extra_is_installed(program, tmp_path):
    [command] = commands("python app.py")
    port = free_port()
    absent = "import sys; sys.modules.update(dict.fromkeys(['eventlet', 'gevent']))\n"
    (tmp_path / "app.py").write_text(absent + program.replace("run(app)", f"run(app, port={port})"))
    # A terminal: without one, Werkzeug's server takes itself to be in production, and refuses.
    outside, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *command.split()[1:]],
        cwd=tmp_path,
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as running:
        try:
            url = f"http://127.0.0.1:{port}{POLLING}"
            wait_until(lambda: output_of(f'curl -s "{url}"').startswith('0{"sid"'), 60)
            asked = f'curl -is -H "Origin: https://app.example.com" "{url}"'
            assert "Access-Control-Allow-Origin: https://app.example.com" in output_of(asked)
        finally:
            running.terminate()
    os.close(outside)
    os.close(terminal)


@pytest.mark.parametrize("command", commands("gunicorn "))
def test_gunicorn_serves_the_file_in_each_way_that_is_named(command, tmp_path):
    # Flask-SocketIO takes eventlet, then gevent, where they are installed.
    absent = ["eventlet"] if "gevent" in command else ["eventlet", "gevent"]
    before = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
    (tmp_path / "app.py").write_text(before + QUICKSTART)
    port = free_port()
    words = shlex.split(command.replace("127.0.0.1:5001", f"127.0.0.1:{port}"))
    bind = [] if "--bind" in words else ["--bind", f"127.0.0.1:{port}"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", *words, *bind],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as running,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: output_of(f'curl -s "{url}{POLLING}"').startswith('0{"sid"'), 60)
            with socketio.SimpleClient() as client:
                client.connect(url, transports=["polling"])
                client.emit("message", "hello")
                assert client.receive(timeout=20) == ["message", "You said hello"]
        finally:
            running.terminate()


# --- The commands -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", commands("flask sio-cors ", "sio-cors "))
def test_a_command_answers(command, serve, tmp_path, monkeypatch):
    (tmp_path / "customers.txt").write_text("https://customer.example\n")
    monkeypatch.chdir(tmp_path)
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com"]
    app.config["SIO_CORS_ORIGINS_STORE"] = "sqlite:///origins.sqlite3"
    app.config["SIO_CORS_POLICIES"] = {"acme": {"HOSTS": ["acme.api.example.com"]}}
    SocketIO(app, async_mode="threading")
    shared = SioCors(app).shared_origins(app)
    shared.add("https://customer.example")
    program, *words = shlex.split(command, comments=True)
    if program == "flask":
        result = app.test_cli_runner().invoke(flask_group, words[1:])
    else:
        server = serve('app.config["SIO_CORS_ORIGINS"] = "https://app.example.com"')
        asked = [word.replace("https://api.example.com", server.url) for word in words]
        result = CliRunner().invoke(main, asked)
    assert result.exit_code in (0, 1), result.output
    assert isinstance(result.exception, SystemExit | None), result.exception
    shared.follower.store.close()


# --- JavaScript -------------------------------------------------------------------------------


def test_the_javascript_of_the_pages_runs_with_socket_io_for_nodejs(tmp_path):
    scripts = blocks("", "js")
    assert len(scripts) > 2
    # Each in a scope of its own, as each is a page or a server of its own.
    program = "\n".join([BEFORE, *(f"{{\n{script}}}" for script in scripts), "process.exit(0);"])
    done = subprocess.run(
        ["node", "--input-type=module"],
        input=program,
        cwd=REPOSITORY / "tests/support/node",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


BEFORE = """
import { createServer } from "http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
const httpServer = createServer();
"""
