"""The chat as a newcomer runs it: `python -m example_app`, and what its pages get to see."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

import pytest
import requests
import socketio

from example_app.client import CDN
from tests.support.browsers import Browser, require
from tests.support.example import REPOSITORY, Example, free_addresses, port_options

HEADER = "my-custom-header"
BROWSER_SECONDS = 60
PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Iterator[Example]:
    with Example(tmp_path_factory.mktemp("example") / "log") as running:
        yield running


# --- The two commands -------------------------------------------------------------------------


def test_it_prints_the_two_addresses_to_open(example):
    printed = example.printed()
    assert f"allowed:    {example.addresses.page}\n" in printed
    assert f"refused origin:   {example.addresses.refused_page}\n" in printed


def test_the_manuals_curl_command_is_answered_with_a_session(example):
    answer = example.handshake()
    assert answer.status_code == 200
    assert answer.text.startswith('0{"sid":"')


def test_the_examples_page_gets_an_answer_that_carries_its_origin(example):
    answer = example.handshake(Origin=example.addresses.page)
    assert answer.text.startswith('0{"sid":"')
    assert answer.headers["Access-Control-Allow-Origin"] == example.addresses.page
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_another_origin_gets_a_403_that_says_nothing_more(example):
    answer = example.handshake(Origin=example.addresses.refused_page)
    assert answer.status_code == 403
    assert json.loads(answer.text) == {"code": 4, "message": "Forbidden"}
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_a_taken_port_is_an_error_that_names_the_option_to_change():
    addresses = free_addresses()
    with socket.create_server(("127.0.0.1", addresses.page_port)):
        ended = run_example(*port_options(addresses))
    assert ended.returncode == 1
    assert f"Port {addresses.page_port} cannot be used" in ended.stderr
    assert f"--page-port {addresses.page_port + 1000}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_another_server_shares_counts_as_taken():
    # eventlet's default would share it too, and each server get half of the requests.
    addresses = free_addresses()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", addresses.server_port))
        other.listen()
        assert "cannot be used" in run_example(*port_options(addresses)).stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "5000", "--page-port", "5000"], "must differ"),
        (["--port", "0"], "invalid"),
        (["--port", "http"], "invalid"),
    ],
    ids=["the same twice", "0", "no number"],
)
def test_ports_that_cannot_be_are_refused(options, complaint):
    ended = run_example(*options)
    assert ended.returncode == 2
    assert complaint in ended.stderr


def run_example(*options):
    return subprocess.run(
        [sys.executable, "-m", "example_app", *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_without_npm_the_pages_take_the_client_from_the_cdn_and_it_says_so(tmp_path):
    shutil.copytree(
        REPOSITORY / "example_app",
        tmp_path / "example_app",
        ignore=shutil.ignore_patterns("node_modules"),
    )
    with Example(tmp_path / "log", folder=tmp_path) as example:
        assert CDN in example.printed()
        page = requests.get(example.addresses.page, timeout=PATIENCE_SECONDS).text
    assert f'src="{CDN}"' in page
    assert 'integrity="sha384-' in page


def test_ctrl_c_ends_it_without_a_traceback(tmp_path):
    with Example(tmp_path / "log") as example:
        assert example.interrupt() == 0
        assert "Traceback" not in example.printed()


# --- Who can reach it -------------------------------------------------------------------------


def test_it_listens_on_loopback_only(example):
    # Whoever listens on every address answers at this one too.
    for port in example.addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), PATIENCE_SECONDS).close()


@pytest.mark.parametrize("path", ["/", "/lab", "/lab/grid"])
def test_a_name_that_was_pointed_at_this_machine_gets_no_page(example, path):
    rebound = {"Host": f"evil.example:{example.addresses.page_port}"}
    answer = requests.get(example.addresses.page + path, headers=rebound, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 400


def test_a_name_that_was_pointed_at_this_machine_gets_no_session(example):
    assert example.handshake(Host="evil.example").status_code == 400


# --- The chat ---------------------------------------------------------------------------------


class Tab:
    """A tab of the chat: what socket.io-client sends from the page, and every event it gets."""

    def __init__(self, example: Example, cookie: str | None) -> None:
        self.events: Queue[tuple] = Queue()
        self.client = socketio.Client()
        self.client.on("*", lambda *event: self.events.put(event))
        headers = {"Origin": example.addresses.page, HEADER: "abcd"}
        if cookie:
            headers["Cookie"] = cookie
        self.client.connect(example.addresses.server, headers=headers)

    def wait_for(self, name, holds=lambda _: True):
        """The content of the next event of that name for which `holds`."""
        while True:
            event, content = self.events.get(timeout=BROWSER_SECONDS)
            if event == name and holds(content):
                return content


@contextmanager
def tabs(example, *cookies):
    opened = [Tab(example, cookie) for cookie in cookies]
    try:
        yield opened
    finally:
        for tab in opened:
            tab.client.disconnect()


def visit(example, name):
    """Open the chat's page, choose a name, and return the cookie."""
    with requests.Session() as visitor:
        page = f"{example.addresses.page}/"
        visitor.get(page, timeout=PATIENCE_SECONDS)
        visitor.post(f"{page}name", data={"name": name}, timeout=PATIENCE_SECONDS)
        return f"chat_session={visitor.cookies['chat_session']}"


def test_the_server_sees_the_cookie_and_the_header_of_a_page(example):
    with tabs(example, visit(example, "Ada")) as [ada]:
        seen = ada.wait_for("welcome")["seen"]
    assert seen == {"origin": example.addresses.page, "cookie": "Ada", "header": "abcd"}


def test_tabs_talk_with_each_other(example):
    with tabs(example, visit(example, "Ada"), visit(example, "Grace")) as [ada, grace]:
        ada.client.emit("say", "Good morning")
        said = grace.wait_for("said")
    assert (said["name"], said["text"]) == ("Ada", "Good morning")


def test_tabs_of_one_browser_are_numbered(example):
    cookie = visit(example, "Twice")
    with tabs(example, cookie, cookie) as [first, second]:
        assert [tab.wait_for("welcome")["tab"] for tab in (first, second)] == [1, 2]


def test_a_tab_without_a_cookie_is_a_guest(example):
    with tabs(example, None) as [guest]:
        welcome = guest.wait_for("welcome")
    assert (welcome["name"], welcome["seen"]["cookie"]) == ("Guest", None)


def test_a_new_tab_gets_what_was_said_before(example):
    with tabs(example, visit(example, "Ada")) as [ada]:
        ada.client.emit("say", "Is anybody there?")
        ada.wait_for("said")
        with tabs(example, visit(example, "Late")) as [late]:
            history = late.wait_for("welcome")["history"]
    assert history[-1]["text"] == "Is anybody there?"


@pytest.mark.parametrize("nonsense", [None, 7, {"text": "x"}, "", "  "], ids=repr)
def test_what_is_no_message_is_not_passed_on(example, nonsense):
    with tabs(example, visit(example, "Ada")) as [ada]:
        ada.client.emit("say", nonsense)
        ada.client.emit("say", "after it")
        assert ada.wait_for("said")["text"] == "after it"


def test_another_page_cannot_change_the_name(example):
    answer = requests.post(
        f"{example.addresses.page}/name",
        data={"name": "Mallory"},
        headers={"Origin": example.addresses.refused_page},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == 403


# --- The pages --------------------------------------------------------------------------------


def test_the_refused_page_learns_from_its_own_server_which_line_lets_it_in(example):
    refused = example.addresses.refused_page
    why = requests.get(f"{refused}/why", timeout=PATIENCE_SECONDS).json()
    assert why["answer"] == "403 Forbidden"
    assert "not in SIO_CORS_ORIGINS" in why["why"]
    assert f'"{refused}"' in why["lines"]
    assert f'"{example.addresses.page}"' in why["lines"]


def test_the_allowed_page_has_nothing_to_explain(example):
    why = requests.get(f"{example.addresses.page}/why", timeout=PATIENCE_SECONDS).json()
    assert why["why"] == ""


@pytest.mark.parametrize("engine", ["chromium", "firefox", "webkit"])
def test_a_tab_of_a_real_browser_joins_the_chat_with_its_cookie(engine, tmp_path):
    require(engine)
    # A chat of its own: a browser that was ended may stay in the room until its ping is missed.
    with (
        Example(tmp_path / "log") as example,
        tabs(example, visit(example, "Observer")) as [observer],
        Browser(engine, f"{example.addresses.page}/"),
    ):
        people = observer.wait_for("people", lambda people: len(people) == 2)
    assert "Guest" not in {person["name"] for person in people}
