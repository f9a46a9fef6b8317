"""The same options, the same requests: Socket.IO for Node.js and this extension, side by side.

Where they differ, the table in `docs/parity.md` says so, and why; it is read from there.
"""

import json
import subprocess
from fnmatch import fnmatchcase
from subprocess import PIPE
from typing import NamedTuple

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from tests.support import raw_http
from tests.support.harness import NODE, REPOSITORY
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET

SERVER = NODE / "socketio_server.mjs"
TABLE = REPOSITORY / "docs" / "parity.md"

FRIEND = "https://friend.example"

# --- The grid ---------------------------------------------------------------------------------

ORIGINS = {
    "the friend": FRIEND,
    "a subdomain": "https://sub.friend.example",
    "a lookalike": "https://friend.example.evil.example",
    "a stranger": "https://stranger.example",
    "null": "null",
    "the server's own": "http://127.0.0.1:{port}",
    "nobody": None,
}

_PREFLIGHT = [("Access-Control-Request-Method", "POST")]
KINDS = {
    "handshake": ("GET", POLLING, []),
    "websocket": ("GET", WEBSOCKET, UPGRADE),
    "preflight": ("OPTIONS", POLLING, _PREFLIGHT),
    "preflight with headers": (
        "OPTIONS",
        POLLING,
        [*_PREFLIGHT, ("Access-Control-Request-Headers", "X-Asked, X-Too")],
    ),
    "plain OPTIONS": ("OPTIONS", POLLING, []),
    "unknown transport": ("GET", "/socket.io/?EIO=4&transport=pigeon", []),
    "old protocol": ("GET", "/socket.io/?EIO=3&transport=polling", []),
    "unknown session": ("POST", f"{POLLING}&sid=unknown", []),
    "HEAD": ("HEAD", POLLING, []),
    "PUT": ("PUT", POLLING, []),
    "DELETE": ("DELETE", POLLING, []),
    "preflight with an odd header": (
        "OPTIONS",
        POLLING,
        [*_PREFLIGHT, ("Access-Control-Request-Headers", "x-(odd)")],
    ),
    "no-cors": ("GET", POLLING, [("Sec-Fetch-Site", "cross-site")]),
    "JSONP": ("GET", f"{POLLING}&j=0", []),
}


class Configuration(NamedTuple):
    """One configuration, for both: JavaScript for `new Server(…)`, Python for `app.config`."""

    javascript: str
    python: str


def cors(javascript: str, **settings: str) -> Configuration:
    """npm cors's options beside the same settings here, as Python source."""
    lines = [f"app.config['SIO_CORS_{name}'] = {value}" for name, value in settings.items()]
    return Configuration(f"({{ cors: {{ {javascript} }} }})", "\n".join(["import re", *lines]))


def for_friend(javascript: str, **settings: str) -> Configuration:
    return cors(f'origin: "{FRIEND}", {javascript}', ORIGINS=repr(FRIEND), **settings)


def allow_request(javascript: str, python: str) -> Configuration:
    function = f"""
from flask_socketio import ConnectionRefusedError

def decide(request):
    {python}

app.config["SIO_CORS_ORIGINS"] = "{FRIEND}"
app.config["SIO_CORS_ALLOW_REQUEST"] = decide
"""
    options = f'({{ cors: {{ origin: "{FRIEND}" }}, allowRequest: {javascript} }})'
    return Configuration(options, function)


def delegate(host: str) -> Configuration:
    """Options for the friend at one host, and for a subdomain's pages at all others."""
    chosen = f'{{ origin: "{FRIEND}", credentials: true, maxAge: 60 }}'
    others = '{ origin: "https://sub.friend.example" }'
    return Configuration(
        f'({{ cors: (req, callback) => callback(null, req.headers.host.startsWith("{host}:")'
        f" ? {chosen} : {others}) }})",
        f"""
app.config["SIO_CORS_ORIGINS"] = "https://sub.friend.example"
app.config["SIO_CORS_POLICIES"] = {{
    "chosen": {{
        "HOSTS": "{host}", "ORIGINS": "{FRIEND}", "SUPPORTS_CREDENTIALS": True, "MAX_AGE": 60
    }}
}}
""",
    )


CONFIGURATIONS = {
    "nothing": Configuration("({})", ""),
    "cors: {}": cors(""),
    "origin: false": cors("origin: false", ORIGINS="False"),
    "origin: true": cors("origin: true", ORIGINS="True"),
    'origin: "*"': cors('origin: "*"', ORIGINS="'*'"),
    "origin: text": cors(f'origin: "{FRIEND}"', ORIGINS=repr(FRIEND)),
    'origin: "null"': cors('origin: "null"', ORIGINS="'null'"),
    "origin: list": cors(
        f'origin: ["{FRIEND}", "https://sub.friend.example"]',
        ORIGINS=f"['{FRIEND}', 'https://sub.friend.example']",
    ),
    "origin: empty list": cors("origin: []", ORIGINS="[]"),
    "origin: anchored expression": cors(
        r"origin: /^https:\/\/(\w+\.)?friend\.example$/",
        ORIGINS=r"re.compile(r'https://(\w+\.)?friend\.example')",
    ),
    "origin: loose expression": cors(
        r"origin: /friend\.example/", ORIGINS=r"re.compile(r'friend\.example')"
    ),
    "origin: list with expression": cors(
        rf'origin: ["{FRIEND}", /^https:\/\/sub\.friend\.example$/]',
        ORIGINS=rf"['{FRIEND}', re.compile(r'https://sub\.friend\.example')]",
    ),
    "origin: function": cors(
        f'origin: (origin, callback) => callback(null, origin === "{FRIEND}")',
        ORIGINS=f"lambda origin: origin == '{FRIEND}'",
    ),
    "origin: failing function": cors(
        'origin: (origin, callback) => callback(new Error("away"))', ORIGINS="lambda origin: 1 / 0"
    ),
    "methods: list": for_friend('methods: ["GET", "PUT"]', METHODS="['GET', 'PUT']"),
    "methods: text": for_friend('methods: "GET,POST"', METHODS="'GET,POST'"),
    "allowedHeaders: list": for_friend(
        'allowedHeaders: ["X-One", "X-Two"]', ALLOW_HEADERS="['X-One', 'X-Two']"
    ),
    "allowedHeaders: text": for_friend(
        'allowedHeaders: "X-One,X-Two"', ALLOW_HEADERS="'X-One,X-Two'"
    ),
    'allowedHeaders: "*"': for_friend('allowedHeaders: "*"', ALLOW_HEADERS="'*'"),
    "allowedHeaders: empty list": for_friend("allowedHeaders: []", ALLOW_HEADERS="[]"),
    'allowedHeaders: "*", credentials': for_friend(
        'allowedHeaders: "*", credentials: true', ALLOW_HEADERS="'*'", SUPPORTS_CREDENTIALS="True"
    ),
    "exposedHeaders: list": for_friend(
        'exposedHeaders: ["X-One", "X-Two"]', EXPOSE_HEADERS="['X-One', 'X-Two']"
    ),
    "exposedHeaders: text": for_friend(
        'exposedHeaders: "X-One,X-Two"', EXPOSE_HEADERS="'X-One,X-Two'"
    ),
    'exposedHeaders: "*"': for_friend('exposedHeaders: "*"', EXPOSE_HEADERS="'*'"),
    "credentials: true": for_friend("credentials: true", SUPPORTS_CREDENTIALS="True"),
    "credentials: false": for_friend("credentials: false", SUPPORTS_CREDENTIALS="False"),
    "credentials: true, origin: list": cors(
        f'credentials: true, origin: ["{FRIEND}"]',
        SUPPORTS_CREDENTIALS="True",
        ORIGINS=f"['{FRIEND}']",
    ),
    "maxAge: 600": for_friend("maxAge: 600", MAX_AGE="600"),
    "maxAge: 0": for_friend("maxAge: 0", MAX_AGE="0"),
    "optionsSuccessStatus: 200": for_friend(
        "optionsSuccessStatus: 200", OPTIONS_SUCCESS_STATUS="200"
    ),
    "optionsSuccessStatus: 299": for_friend(
        "optionsSuccessStatus: 299", OPTIONS_SUCCESS_STATUS="299"
    ),
    "preflightContinue: true": for_friend("preflightContinue: true", PREFLIGHT_CONTINUE="True"),
    "preflightContinue: false": for_friend("preflightContinue: false", PREFLIGHT_CONTINUE="False"),
    "allowRequest: yes": allow_request("(req, callback) => callback(null, true)", "return True"),
    "allowRequest: no": allow_request("(req, callback) => callback(null, false)", "return False"),
    "allowRequest: no, with a message": allow_request(
        '(req, callback) => callback("not today", false)',
        'raise ConnectionRefusedError("not today")',
    ),
    "delegate: this host": delegate("127.0.0.1"),
    "delegate: another host": delegate("other.localhost"),
    "everything": for_friend(
        'methods: ["GET", "POST"], allowedHeaders: ["X-Asked", "X-Too"], credentials: true,'
        ' exposedHeaders: ["X-One"], maxAge: 60, optionsSuccessStatus: 200',
        METHODS="['GET', 'POST']",
        ALLOW_HEADERS="['X-Asked', 'X-Too']",
        SUPPORTS_CREDENTIALS="True",
        EXPOSE_HEADERS="['X-One']",
        MAX_AGE="60",
        OPTIONS_SUCCESS_STATUS="200",
    ),
}

# What Socket.IO takes and this extension does not: the settings are an error.
NOT_TAKEN = {
    'credentials: true, origin: "*"': cors(
        'credentials: true, origin: "*"', SUPPORTS_CREDENTIALS="True", ORIGINS="'*'"
    ),
    "credentials: true, origin: true": cors(
        "credentials: true, origin: true", SUPPORTS_CREDENTIALS="True", ORIGINS="True"
    ),
    'credentials: true, origin: "null"': cors(
        'credentials: true, origin: "null"', SUPPORTS_CREDENTIALS="True", ORIGINS="'null'"
    ),
    "credentials: true, origin: http": cors(
        'credentials: true, origin: "http://friend.example"',
        SUPPORTS_CREDENTIALS="True",
        ORIGINS="'http://friend.example'",
    ),
    'credentials: true, exposedHeaders: "*"': for_friend(
        'credentials: true, exposedHeaders: "*"',
        SUPPORTS_CREDENTIALS="True",
        EXPOSE_HEADERS="'*'",
    ),
    "origin: with a slash": cors(f'origin: "{FRIEND}/"', ORIGINS=f"'{FRIEND}/'"),
    'methods: "*"': for_friend('methods: "*"', METHODS="'*'"),
    "maxAge: negative": for_friend("maxAge: -1", MAX_AGE="-1"),
    "maxAge: a week": for_friend("maxAge: 604800", MAX_AGE="604800"),
    "optionsSuccessStatus: 404": for_friend(
        "optionsSuccessStatus: 404", OPTIONS_SUCCESS_STATUS="404"
    ),
}


# --- The two servers --------------------------------------------------------------------------


class SocketIoServers:
    """Socket.IO servers for Node.js, all in one process."""

    def __init__(self):
        self._process = subprocess.Popen(["node", str(SERVER)], stdin=PIPE, stdout=PIPE, text=True)

    def port(self, configuration):
        """The port of a new server with this configuration."""
        self._process.stdin.write(configuration.javascript + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "port" in answer, answer["failure"]
        return answer["port"]

    def stop(self):
        with self._process as process:
            process.kill()


@pytest.fixture(scope="module")
def socketio_servers():
    servers = SocketIoServers()
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def here(serve):
    return serve()


def ask(port, kind, origin):
    """What one server answers to a request of the grid."""
    method, target, headers = KINDS[kind]
    if ORIGINS[origin] is not None:
        headers = [*headers, ("Origin", ORIGINS[origin].format(port=port))]
    return raw_http.exchange(port, raw_http.compose(method, target, headers, port=port))


def comparable(response, port):
    """Status, `Access-Control-*` and `Vary`, with lists written in one way."""
    answer = {"status": str(response.status), **response.cors_headers}
    if response.header("Vary"):
        answer["vary"] = response.header("Vary")
    return {
        name: ", ".join(word.strip() for word in value.split(",")).replace(f":{port}", ":port")
        for name, value in answer.items()
    }


class Difference(NamedTuple):
    """What differs, in which configuration, for which request, and the two values."""

    what: str
    configuration: str
    request: str
    socketio: str
    here: str


def differences(name, configuration, socketio_port, here):
    here.configure(configuration.python)
    for kind in KINDS:
        for origin in ORIGINS:
            theirs, ours = (
                comparable(ask(port, kind, origin), port) for port in (socketio_port, here.port)
            )
            for what, *values in compared(theirs, ours, ORIGINS[origin]):
                yield Difference(what, name, f"{kind} from {origin}", *values)


def compared(theirs, ours, origin):
    """Each thing in which two answers differ, with both values; `none` is a missing header.

    Where this extension refuses an origin, that is the one difference: it says whether Socket.IO's
    answer had allowed it.
    """
    if ours["status"] == "403" and "access-control-allow-origin" not in ours:
        granted = theirs.get("access-control-allow-origin")
        allows = granted == "*" or (origin and granted == origin.format(port="port"))
        if allows or theirs["status"] != "403":
            yield "status", f"{theirs['status']}, origin {'' if allows else 'not '}allowed", "403"
        return
    for what in sorted(theirs.keys() | ours.keys()):
        values = theirs.get(what, "none"), ours.get(what, "none")
        if values[0] != values[1]:
            yield what, *values


# --- The list ---------------------------------------------------------------------------------


class Row(NamedTuple):
    """A row of the table: patterns, several of them apart by `;`, and the reason."""

    what: str
    configuration: str
    request: str
    socketio: str
    here: str
    reason: str

    def covers(self, difference):
        cells = zip(self[:5], difference, strict=True)
        return all(any(fnmatchcase(value, each) for each in split(cell)) for cell, value in cells)

    def idle_patterns(self, differences):
        """The patterns that no difference needs."""
        covered = [difference for difference in differences if self.covers(difference)]
        for index, cell in enumerate(self[:5]):
            for pattern in split(cell):
                if not any(fnmatchcase(difference[index], pattern) for difference in covered):
                    yield pattern


def split(cell):
    return [pattern.strip() for pattern in cell.split(";")]


def listed():
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [Row(*(cell.strip("`") for cell in cells), reason) for *cells, reason in rows]


@pytest.fixture(scope="module")
def found(socketio_servers, here):
    """Every difference of the grid, by the name of the configuration."""
    return {
        name: list(differences(name, configuration, socketio_servers.port(configuration), here))
        for name, configuration in CONFIGURATIONS.items()
    } | {
        name: [Difference("configuration", name, "any", "taken", "an error")] for name in NOT_TAKEN
    }


def unlisted(differences):
    rows = listed()
    return [found for found in differences if not any(row.covers(found) for row in rows)]


# --- The tests --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CONFIGURATIONS, *NOT_TAKEN])
def test_both_servers_answer_alike_but_for_the_listed_differences(found, name):
    missing = unlisted(found[name])
    assert not missing, "\n".join(map(str, missing))


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_socketio_takes_what_is_an_error_here(socketio_servers, name):
    configuration = NOT_TAKEN[name]
    assert socketio_servers.port(configuration)
    app = Settings()
    exec(configuration.python, {"app": app})
    with pytest.raises(ConfigError):
        Options.from_config(app.config)


class Settings:
    """Stands for the app in a configuration's source."""

    def __init__(self):
        self.config = {}


def test_every_listed_difference_occurs(found):
    everything = [difference for differences in found.values() for difference in differences]
    idle = {row: patterns for row in listed() if (patterns := list(row.idle_patterns(everything)))}
    assert not idle


def test_a_refusal_by_allow_request_has_the_same_body(socketio_servers, here):
    for name, message in [
        ("allowRequest: no", "Forbidden"),
        ("allowRequest: no, with a message", "not today"),
    ]:
        port = socketio_servers.port(CONFIGURATIONS[name])
        here.configure(CONFIGURATIONS[name].python)
        theirs, ours = (
            json.loads(ask(each, "handshake", "the friend").body) for each in (port, here.port)
        )
        assert theirs == ours == {"code": 4, "message": message}
