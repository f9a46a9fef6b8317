"""Applications for the commands ``show`` and ``explain``, and what each is asked."""

import json
import re
from typing import Any

from click.testing import Result
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors
from flask_sio_cors.cli import flask_group

FRIEND = "https://app.example.com"
STRANGER = "https://evil.example"


def application(**config: object) -> Flask:
    app = Flask("shop")
    app.config.update(config)
    SocketIO(app, async_mode="threading")
    SioCors(app)
    return app


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(flask_group, arguments)


def run_json(app: Flask, *arguments: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(run(app, *arguments, "--json").stdout)
    return shown


def only_friends(origin: str) -> bool:
    return origin == FRIEND


# --- explain ----------------------------------------------------------------------------------

LISTED = {"SIO_CORS_ORIGINS": [FRIEND, "https://*.preview.example.com"]}
COOKIES = {**LISTED, "SIO_CORS_SUPPORTS_CREDENTIALS": True}


EXPRESSION = re.compile(r"https://pr-\d+\.example\.com")
COOKIE_EXPRESSION = {"SIO_CORS_ORIGINS": EXPRESSION, "SIO_CORS_SUPPORTS_CREDENTIALS": True}
MANY = [f"https://customer-{n}.example.com" for n in range(40)]
INTRANET = "http://intranet.example"
CREDENTIALS = "--with-credentials"


def any_but_null(origin: str) -> bool:
    return origin != "null"


#: What is configured, what is asked, and what the refusal says.
MENDED: dict[str, tuple[dict[str, object], list[str], str]] = {
    "nothing set": ({}, [STRANGER], "SIO_CORS_ORIGINS is not set"),
    "empty list": ({"SIO_CORS_ORIGINS": []}, [STRANGER], "SIO_CORS_ORIGINS is empty"),
    "false, as an environment says it": ({"SIO_CORS_ORIGINS": "false"}, [STRANGER], "is empty"),
    "exact": (LISTED, [STRANGER], "CORS header ‘Access-Control-Allow-Origin’ missing"),
    "exact, tuple": ({"SIO_CORS_ORIGINS": (FRIEND,)}, [STRANGER], "missing"),
    "exact, set": ({"SIO_CORS_ORIGINS": {FRIEND}}, [STRANGER], "missing"),
    "exact, text": ({"SIO_CORS_ORIGINS": f"{FRIEND},https://b.example"}, [STRANGER], "missing"),
    "long list": ({"SIO_CORS_ORIGINS": MANY}, [STRANGER], "missing"),
    "long text": ({"SIO_CORS_ORIGINS": ", ".join(MANY)}, [STRANGER], "missing"),
    "text with an expression": (
        {"SIO_CORS_ORIGINS": f"{FRIEND}, regex:https://b[0-9]\\.example"},
        [STRANGER],
        "from end to end",
    ),
    "long text with an expression": (
        {"SIO_CORS_ORIGINS": ", ".join([*MANY, "regex:https://b[0-9]\\.example"])},
        [STRANGER],
        "from end to end",
    ),
    "text of JSON": ({"SIO_CORS_ORIGINS": f'["{FRIEND}"]'}, [STRANGER], "missing"),
    "a dot at the end": (LISTED, [f"{STRANGER}."], "missing"),
    "wildcard": ({"SIO_CORS_ORIGINS": "https://*.example.com"}, ["https://example.com"], "none of"),
    "any port": ({"SIO_CORS_ORIGINS": "http://localhost:*"}, ["http://[::1]:3000"], "none of"),
    "expression": ({"SIO_CORS_ORIGINS": EXPRESSION}, [STRANGER], "from end to end"),
    "expressions": ({"SIO_CORS_ORIGINS": [FRIEND, EXPRESSION]}, [STRANGER], "from end to end"),
    "Flask-CORS": ({"CORS_ORIGINS": [FRIEND]}, [STRANGER], "none of those in CORS_ORIGINS"),
    "Flask-CORS, long": ({"CORS_ORIGINS": MANY}, [STRANGER], "none of those in CORS_ORIGINS"),
    "preflight": (LISTED, [STRANGER, "--header", "X-Token"], "OPTIONS"),
    "WebSocket": (LISTED, [STRANGER, "--transport", "websocket"], "opens no WebSocket"),
    "credentials": (LISTED, [FRIEND, CREDENTIALS], "expected ‘true’"),
    "credentials of a stranger": (LISTED, [STRANGER, CREDENTIALS], "missing"),
    "credentials and *": ({"SIO_CORS_ORIGINS": "*"}, [STRANGER, CREDENTIALS], "not supported"),
    "credentials and True": ({"SIO_CORS_ORIGINS": True}, [STRANGER, CREDENTIALS], "expected"),
    "credentials and a function": (
        {"SIO_CORS_ORIGINS": any_but_null},
        [FRIEND, CREDENTIALS],
        "expected ‘true’",
    ),
    "scheme": (
        LISTED,
        ["http://app.example.com"],
        f"'{FRIEND}' is allowed; this page comes by http:",
    ),
    "port, of many": (
        {"SIO_CORS_ORIGINS": [*MANY, "http://localhost:3000"]},
        ["http://localhost:5173"],
        "this page comes from port 5173",
    ),
    "scheme, of an expression": (
        {"SIO_CORS_ORIGINS": EXPRESSION},
        ["http://pr-7.example.com"],
        "this page comes by http:",
    ),
    "null": (LISTED, ["null"], "so that whoever lets it in lets every site in"),
    "null, and nothing set": ({}, ["null"], "# lets every site in"),
    "insecure": (COOKIES, [INTRANET, CREDENTIALS], "not encrypted"),
    "insecure, and it asks without": (COOKIES, [INTRANET], "not encrypted"),
    "insecure, and credentials not allowed": (LISTED, [INTRANET, CREDENTIALS], "missing"),
    "insecure, let in by a function": (
        {"SIO_CORS_ORIGINS": any_but_null, "SIO_CORS_SUPPORTS_CREDENTIALS": True},
        [INTRANET],
        "not encrypted",
    ),
    "insecure, and * so far": ({"SIO_CORS_ORIGINS": "*"}, [INTRANET, CREDENTIALS], "‘*’"),
    "method": (LISTED, [FRIEND, "--method", "OPTIONS"], "Did not find method"),
    "header": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
        [FRIEND, "--header", "X-Token: 1"],
        "header ‘x-token’ is not allowed",
    ),
    "header of Flask-CORS": (
        {**LISTED, "CORS_ALLOW_HEADERS": "X-More"},
        [FRIEND, "--header", "X-Token"],
        "header ‘x-token’ is not allowed",
    ),
    "no header listed": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": []},
        [FRIEND, "--header", "X-Token", "--header", "X-More"],
        "header ‘x-more’ is not allowed",
    ),
    "method, header and credentials": (
        {**LISTED, "SIO_CORS_ALLOW_HEADERS": ["X-More"]},
        [STRANGER, CREDENTIALS, "--method", "OPTIONS", "--header", "X-Token"],
        "missing",
    ),
    "host": ({**LISTED, "TRUSTED_HOSTS": ["a.example"]}, [FRIEND, "--host", "b.example"], "400"),
    "host by its IPv6 address": (
        {**LISTED, "TRUSTED_HOSTS": ["a.example"]},
        [FRIEND, "--host", "[::1]:5000"],
        "400",
    ),
    "host, as a text, and origin": (
        {**LISTED, "TRUSTED_HOSTS": ".a.example"},
        [STRANGER, "--host", "b.example:5000"],
        "TRUSTED_HOSTS = ['.a.example']",
    ),
    "preflight left to nobody": (
        {**LISTED, "SIO_CORS_PREFLIGHT_CONTINUE": True},
        [FRIEND, "--header", "X-Token"],
        "preflight response did not succeed",
    ),
}


def fails(origin: str) -> bool:
    raise LookupError(origin)
