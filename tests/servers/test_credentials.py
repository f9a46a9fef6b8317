"""Credentials mean credentials: what a page may not use, no function and no handler sees."""

import json
import re

import pytest
import websocket

from tests.support.harness import wait_until
from tests.support.raw_http import POLLING, WEBSOCKET

LISTED = ("Origin", "https://friend.example")
STRANGER = ("Origin", "https://evil.example")
SECRETS = [("Cookie", "session=s3cret"), ("Authorization", "Basic s3cret")]
# What a page sets itself: browsers add nothing like that.
TOKEN = [("Cookie", "session=s3cret"), ("Authorization", "Bearer s3cret")]
OWN = ("Sec-Fetch-Site", "same-origin")
CROSS = ("Sec-Fetch-Site", "cross-site")
KINDS = ["eventlet", "gevent", "gevent, simple-websocket", "threading", "gunicorn"]

ALL = 'app.config["SIO_CORS_ORIGINS"] = "*"\n'
REFLECTED = 'app.config["SIO_CORS_ORIGINS"] = True\n'
FLASK_CORS = 'app.config["CORS_ORIGINS"] = "*"\n'
LIST = 'app.config["SIO_CORS_ORIGINS"] = ["https://friend.example"]\n'
FUNCTION = 'app.config["SIO_CORS_ORIGINS"] = lambda origin: origin == "https://friend.example"\n'
CREDENTIALS = 'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True\n'
# What a function and a handler can find, however they look for it.
SEEN = """
    from flask import request, session
    app.seen = []

    def parts(thing):
        if isinstance(thing, dict):
            return [part for pair in thing.items() for part in pair]
        if isinstance(thing, (list, tuple, set)):
            return list(thing)
        if type(thing).__module__ == "builtins" or callable(thing):
            return []
        names = [*getattr(thing, "__dict__", ())]
        for base in type(thing).__mro__:
            slots = base.__dict__.get("__slots__", ())
            names += [slots] if isinstance(slots, str) else slots
        return [getattr(thing, name, None) for name in names]

    def secrets(thing, depth, known):
        if isinstance(thing, (str, bytes)):
            text = thing if isinstance(thing, str) else thing.decode("latin-1")
            return {text} if "s3cret" in text else set()
        if depth == 0 or known.get(id(thing), 0) >= depth:
            return set()
        known[id(thing)] = depth
        return set().union(*(secrets(part, depth - 1, known) for part in parts(thing)))

    def note(place):
        app.seen.append([place, sorted(secrets(request.environ, 8, {})), session.get("user")])

    def allow(request):
        note("allow_request")
        session["asked"] = True
        return True

    app.note = note
    app.config["SIO_CORS_ALLOW_REQUEST"] = allow
"""
HANDLER = """
    @socketio.on("connect")
    def connect(auth=None):
        app.note("connect")
"""


def started(serve, settings, kind="eventlet", more="", **options):
    config = SEEN + "".join(f"    {line}\n" for line in settings.splitlines())
    server = serve(config, after=HANDLER + more, server=kind, **options)
    server.run("app.seen.clear()")
    return server


def seen(server):
    """Return what each place found, once the connect handler has run."""

    def found():
        return json.loads(server.run("import json; answer = json.dumps(app.seen)"))

    wait_until(lambda: any(place == "connect" for place, *_ in found()))
    return {place: found for place, found, _ in found()}


def by_polling(server, *headers, query=""):
    """Connect by polling; return what was seen, and the handshake's answer."""
    opened = server.request("GET", POLLING + query, headers)
    assert opened.status == 200, opened
    sid = re.search(rb'sid\\?":\\?"([^"\\]+)', opened.body)[1].decode()
    assert server.request("POST", f"{POLLING}&sid={sid}", headers, b"40").status == 200
    return seen(server), opened


def by_websocket(server, *headers):
    sent = [f"{name}: {value}" for name, value in headers if name != "Origin"]
    origin = dict(headers).get("Origin")
    url = server.url.replace("http", "ws") + WEBSOCKET
    options = {"suppress_origin": True} if origin is None else {"origin": origin}
    client = websocket.create_connection(url, header=sent, timeout=10, **options)
    assert client.recv().startswith("0{")
    client.send("40")
    assert client.recv().startswith("40")
    try:
        return seen(server)
    finally:
        client.close()


TAKEN_FROM = {
    "every origin": (ALL, [STRANGER]),
    "every origin, reflected": (REFLECTED, [STRANGER]),
    "every origin, by Flask-CORS's key": (FLASK_CORS, [STRANGER]),
    "a list": (LIST, [LISTED]),
    "a function": (FUNCTION, [LISTED]),
}
each_taken = pytest.mark.parametrize(("settings", "page"), TAKEN_FROM.values(), ids=TAKEN_FROM)


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_extension_a_websocket_brings_them(serve, kind):
    options = {"socketio_options": {"cors_allowed_origins": "*"}, "plain": True}
    server = started(serve, "", kind, **options)
    assert by_websocket(server, STRANGER, *SECRETS)["connect"]


@pytest.mark.parametrize("kind", KINDS)
@each_taken
def test_a_websocket_of_a_page_without_credentials_has_none(serve, kind, settings, page):
    server = started(serve, settings, kind)
    assert by_websocket(server, *page, *SECRETS) == {"allow_request": [], "connect": []}


@pytest.mark.parametrize("kind", KINDS)
@each_taken
def test_polling_of_such_a_page_keeps_what_it_has_set_itself(serve, kind, settings, page):
    server = started(serve, settings, kind)
    found, opened = by_polling(server, *page, *TOKEN)
    assert found == {"allow_request": ["Bearer s3cret"], "connect": ["Bearer s3cret"]}
    assert opened.header("Set-Cookie") is None


@pytest.mark.parametrize("scheme", ["Basic", "bAsIc", "Digest", "Negotiate", "NTLM", ""])
@each_taken
def test_but_not_what_browsers_log_in_with(serve, settings, page, scheme):
    server = started(serve, settings)
    header = ("Authorization", f"{scheme} s3cret".strip() if scheme else "")
    found, _ = by_polling(server, *page, SECRETS[0], header)
    assert found == {"allow_request": [], "connect": []}


@pytest.mark.parametrize("settings", [ALL, REFLECTED, FLASK_CORS])
@pytest.mark.parametrize(
    ("headers", "query"),
    [([], "&j=0"), ([CROSS], "&j=0"), ([CROSS], ""), ([("Sec-Fetch-Site", "same-site")], "")],
    ids=["script, old browser", "script", "image", "image of a neighbour"],
)
def test_a_page_that_is_not_named_has_none(serve, settings, headers, query):
    server = started(serve, settings)
    found, opened = by_polling(server, *headers, *SECRETS, query=query)
    assert found == {"allow_request": [], "connect": []}
    assert opened.header("Set-Cookie") is None


BOTH = ["Basic s3cret", "s3cret", "session=s3cret"]
KEPT_BY = {
    "a listed page with credentials": (LIST + CREDENTIALS, [LISTED]),
    "a function's page with credentials": (FUNCTION + CREDENTIALS, [LISTED]),
    "a native client": (ALL, []),
    "an address that was typed": (ALL, [("Sec-Fetch-Site", "none")]),
    "the own page": (ALL, [OWN]),
    "the own page, named": (ALL, [OWN, ("Origin", "https://own.example")]),
    "the own page, listed too": (LIST, [OWN, LISTED]),
    "the own page by its host": (
        LIST,
        [("Host", "friend.example"), ("X-Forwarded-Proto", "https"), LISTED],
    ),
    "the own page, not listed": (LIST, [OWN, ("Origin", "https://own.example")]),
}


@pytest.mark.parametrize(("settings", "headers"), KEPT_BY.values(), ids=KEPT_BY)
def test_whoever_may_have_them_keeps_them(serve, settings, headers):
    server = started(serve, settings)
    found, opened = by_polling(server, *headers, *SECRETS)
    assert found == {"allow_request": BOTH, "connect": BOTH}
    assert opened.header("Set-Cookie").startswith("session=")
    if headers and headers[0][0] == "Host":
        return
    server.run("app.seen.clear()")
    assert by_websocket(server, *headers, *SECRETS) == {"allow_request": BOTH, "connect": BOTH}


NAMED = """
    served = app.wsgi_app
    app.wsgi_app = lambda environ, start: served({**environ, "REMOTE_USER": "s3cret"}, start)
"""


def test_the_user_whom_the_server_has_found_out_is_taken_too(serve):
    server = started(serve, LIST, more=NAMED)
    assert by_polling(server, LISTED)[0] == {"allow_request": [], "connect": []}
    server.run("app.seen.clear()")
    assert by_polling(server)[0] == {"allow_request": ["s3cret"], "connect": ["s3cret"]}


@pytest.mark.parametrize(
    ("settings", "page", "advice"),
    [
        (LIST, LISTED, "set SIO_CORS_SUPPORTS_CREDENTIALS = True."),
        (FLASK_CORS, STRANGER, "CORS_ORIGINS lets every origin in"),
    ],
)
def test_the_log_says_once_what_was_left_out_and_what_lets_it_in(serve, settings, page, advice):
    server = started(serve, settings, fresh=True)
    by_websocket(server, page, *SECRETS)
    by_websocket(server, page, *SECRETS)
    [line] = [line for line in server.log().splitlines() if "stayed outside" in line]
    assert "Cookie and Authorization" in line
    assert page[1] in line
    assert advice in line


def test_the_log_says_that_the_session_was_not_saved(serve):
    server = started(serve, LIST, fresh=True)
    by_polling(server, LISTED)
    assert "changed the session, which is lost: its page has no credentials" in server.log()


def test_another_way_to_engine_io_takes_them_too(serve):
    second = """
    from socketio import WSGIApp
    other = WSGIApp(socketio.server)
    app.wsgi_app = other
    """
    server = started(serve, LIST, more=second)
    assert by_websocket(server, LISTED, *SECRETS) == {"allow_request": [], "connect": []}


def test_a_cookie_of_engine_io_itself_stays_with_the_page_that_may_have_it(serve):
    server = started(serve, LIST, socketio_options={"cookie": "io"})
    assert by_polling(server, *[LISTED])[1].header("Set-Cookie") is None
    assert "io=" in by_polling(server)[1].values("Set-Cookie")[0]
