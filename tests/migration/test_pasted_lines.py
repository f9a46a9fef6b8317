"""What the conflict error prints is pasted, and the same clients connect as before.

One process has an application for each form of ``cors_allowed_origins`` that Engine.IO takes, as it
was (``/before``), and with the argument removed and the lines pasted (``/after``).
"""

from textwrap import dedent

import pytest

from tests.support.clients import page, python_client
from tests.support.raw_http import UPGRADE

FRIEND, OTHER = "https://friend.example", "https://other.example"
STRANGER = "https://stranger.example"
INSECURE = "http://friend.example"

#: Each form as it stands in a call of `SocketIO`, and who gets in with it.
FORMS = {
    "none": ("cors_allowed_origins=None, cors_credentials=False", []),
    "text": (f"cors_allowed_origins='{FRIEND}'", [FRIEND]),
    "list": (f"cors_allowed_origins=['{FRIEND}', '{OTHER}']", [FRIEND, OTHER]),
    "list-without": (f"cors_allowed_origins=['{FRIEND}'], cors_credentials=False", [FRIEND]),
    "insecure": (f"cors_allowed_origins=['{INSECURE}']", [INSECURE]),
    "tuple": (f"cors_allowed_origins=('{FRIEND}',)", [FRIEND]),
    "one": ("cors_allowed_origins=allows", [FRIEND]),
    "one-insecure": ("cors_allowed_origins=allows_both", [FRIEND, INSECURE]),
    "two": ("cors_allowed_origins=allows_with", [FRIEND]),
    "two-without": ("cors_allowed_origins=allows_with, cors_credentials=False", [FRIEND]),
    "method": ("cors_allowed_origins=checker.allows", [FRIEND]),
    "everybody": (
        "cors_allowed_origins='*', cors_credentials=False",
        [FRIEND, OTHER, INSECURE, STRANGER],
    ),
}
#: What let nobody in, and who was meant.
MENDED = {
    "slash": (f"cors_allowed_origins=['{FRIEND}/']", [FRIEND]),
    "commas": (f"cors_allowed_origins='{FRIEND}, {OTHER}'", [FRIEND, OTHER]),
    "map": (
        f"cors_allowed_origins=map(str.strip, '{FRIEND}, {OTHER}'.split(','))",
        [FRIEND, OTHER],
    ),
}
ALL = FORMS | MENDED

APPLICATIONS = f"""
from flask import Flask, session
from flask_socketio import SocketIO, emit
from flask_sio_cors import ConfigError, SioCors
from werkzeug.middleware.dispatcher import DispatcherMiddleware

FRIEND, INSECURE = "{FRIEND}", "{INSECURE}"

def allows(origin):
    # Engine.IO takes anything for an answer.
    return "yes" if origin == FRIEND else None

def allows_both(origin):
    return origin in (FRIEND, INSECURE)

def allows_with(origin, environ):
    return bool(environ["HTTP_HOST"]) and origin == FRIEND

class Checker:
    def allows(self, origin):
        return origin == FRIEND

checker = Checker()

def make(**options):
    made = Flask("made")
    made.secret_key = "for tests"
    server = SocketIO(made, async_mode=socketio.async_mode, **options)
    server.on("echo")(lambda words: emit("echo", words) or words)
    server.on("whoami")(lambda: session.get("user"))
    made.add_url_rule("/login", "login", lambda: session.update(user="ada") or "")
    return made

def pasted(**options):
    made = make(**options)
    try:
        SioCors(made)
    except ConfigError as error:
        made = make()
        statements = "\\n".join(problem.correction for problem in error.problems)
        exec(statements, {{**globals(), "made": made}})
        SioCors(made)
        return made
    raise AssertionError("no conflict")

mounted = {{}}
"""


def process(serve, server):
    forms = [
        f"mounted['/{name}/before'] = make({form})\nmounted['/{name}/after'] = pasted({form})"
        for name, (form, _) in ALL.items()
    ]
    mount = "app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounted)"
    after = "\n".join([dedent(APPLICATIONS), *forms, mount])
    return serve(server=server, plain=True, after=after)


def let_in(server, mount, transport):
    """Those who get in, of all these origins; and that they can read what they get."""
    allowed = []
    for origin in (FRIEND, OTHER, INSECURE, STRANGER, server.url):
        target = f"{mount}/socket.io/?EIO=4&transport={transport}"
        upgrade = UPGRADE if transport == "websocket" else []
        answer = server.request("GET", target, [*upgrade, ("Origin", origin)])
        readable = answer.header("Access-Control-Allow-Origin")
        if answer.status == 101 or (answer.status == 200 and readable in (origin, "*")):
            allowed.append(origin)
    return allowed


@pytest.mark.parametrize("server", ["eventlet", "threading"])
@pytest.mark.parametrize("form", ALL)
def test_who_was_let_in_is_let_in_and_no_stranger(serve, server, form):
    running, (_, meant) = process(serve, server), ALL[form]
    for transport in ("polling", "websocket"):
        before = let_in(running, f"/{form}/before", transport)
        after = let_in(running, f"/{form}/after", transport)
        assert [origin for origin in before if origin != running.url] == (
            [] if form in MENDED else meant
        )
        # The server's own pages, which Engine.IO's lists keep out.
        assert after == [*meant, running.url]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_clients_connect_with_their_cookies(serve, form):
    running = process(serve, "threading")
    origin = running.url if form == "none" else FORMS[form][1][0]
    cookie = running.request("GET", f"/{form}/before/login").header("Set-Cookie").partition(";")[0]
    before, after = (
        python_client(running.url, origin, cookies=[cookie], path=f"{form}/{when}/socket.io")
        for when in ("before", "after")
    )
    assert before.connected
    assert after.connected
    assert (before.echo, before.transport) == (after.echo, after.transport)
    # Without credentials, cookies came by Engine.IO all the same.
    has_lost = form in ("list-without", "two-without", "everybody")
    assert before.whoami == "ada"
    assert after.whoami == (None if has_lost else "ada")


@pytest.mark.parametrize("form", ["list", "two"])
def test_pages_connect_with_their_cookies(serve, run_clients, form):
    running = process(serve, "threading")
    cookie = running.request("GET", f"/{form}/before/login").header("Set-Cookie").partition(";")[0]
    friends = [
        page(
            running.url,
            FRIEND,
            cookies=[cookie],
            path=f"/{form}/{when}/socket.io",
            withCredentials=True,
        )
        for when in ("before", "after")
    ]
    stranger = page(running.url, STRANGER, path=f"/{form}/after/socket.io")
    before, after, outside = run_clients(*friends, stranger)
    assert (before.connected, before.whoami) == (after.connected, after.whoami) == (True, "ada")
    assert not outside.connected
