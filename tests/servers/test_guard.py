"""The door on the wire: every verdict, every option, `allow_request`, the signal and the log."""

import json

import pytest

from tests.support.clients import node, page
from tests.support.harness import wait_until
from tests.support.raw_http import POLLING, WEBSOCKET

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"

ORIGINS = f"app.config['SIO_CORS_ORIGINS'] = ['{FRIEND}']"
EVERYONE = "app.config['SIO_CORS_ORIGINS'] = '*'"
EVERYONE_REFLECTED = "app.config['SIO_CORS_ORIGINS'] = True"
TRUSTED = "app.config['TRUSTED_HOSTS'] = ['127.0.0.1']"

# A route that only a preflight handed over can reach, a receiver, and functions to be asked.
AFTER = """
    from flask import request, session
    from flask_socketio import ConnectionRefusedError
    from flask_sio_cors import request_refused

    @app.route("/socket.io/", methods=["OPTIONS"])
    def handed_over():
        return "from Flask", 299, {"Access-Control-Allow-Origin": "https://flask.example"}

    app.refusals, app.asked = [], []

    @request_refused.connect_via(app)
    def note(sender, origin, reason, environ, **extra):
        app.refusals.append((origin, reason.value, environ["PATH_INFO"]))

    def by_user(request):
        app.asked.append(request.path)
        if request.args.get("lost"):
            raise ConnectionRefusedError("Lost: " + request.args["lost"])
        return session.get("user") == "ada"

    def by_address(request):
        return request.remote_addr == "127.0.0.1"

    def answer(*answers):
        return lambda request: answers[0]

    def fail(request):
        raise LookupError("the database is away")

    class Wordless(ConnectionRefusedError):
        def __init__(self):
            pass

    def refuse_without_words(request):
        raise Wordless

    app.by_user, app.by_address, app.answer, app.fail = by_user, by_address, answer, fail
    class Unreadable(ConnectionRefusedError):
        def __init__(self):
            self.error_args = 5

    def refuse_unreadably(request):
        raise Unreadable

    app.refuse_without_words = refuse_without_words
    app.refuse_unreadably = refuse_unreadably
"""


@pytest.fixture(scope="module")
def server(serve):
    return serve(after=AFTER)


# --- The verdict table ------------------------------------------------------------------------

PREFLIGHT = {"Access-Control-Request-Method": "POST"}
NO_ACCESS = {}
ACCESS = {"access-control-allow-origin": FRIEND}
ANY_ACCESS = {"access-control-allow-origin": "*"}
PREFLIGHT_ACCESS = {**ACCESS, "access-control-allow-methods": "GET, POST"}


@pytest.mark.parametrize(
    ("config", "request_line", "headers", "status", "cors_headers"),
    [
        pytest.param(
            f"{ORIGINS}\n{TRUSTED}",
            ("GET", POLLING),
            {"Host": "evil.example", "Origin": FRIEND},
            400,
            NO_ACCESS,
            id="host not trusted",
        ),
        pytest.param(
            f"{ORIGINS}\n{TRUSTED}",
            ("OPTIONS", POLLING),
            {"Host": "evil.example", "Origin": FRIEND, **PREFLIGHT},
            400,
            NO_ACCESS,
            id="host not trusted, preflight",
        ),
        pytest.param(
            f"{ORIGINS}\n{TRUSTED}",
            ("GET", POLLING),
            {"Origin": FRIEND},
            200,
            ACCESS,
            id="host trusted",
        ),
        pytest.param(
            ORIGINS,
            ("OPTIONS", POLLING),
            {"Origin": FRIEND, **PREFLIGHT},
            204,
            PREFLIGHT_ACCESS,
            id="preflight, origin allowed",
        ),
        pytest.param(
            ORIGINS,
            ("OPTIONS", POLLING),
            {"Origin": STRANGER, **PREFLIGHT},
            403,
            NO_ACCESS,
            id="preflight, origin not allowed",
        ),
        pytest.param(
            ORIGINS,
            ("OPTIONS", POLLING),
            {"Origin": FRIEND, "Access-Control-Request-Method": "DELETE"},
            204,
            PREFLIGHT_ACCESS,
            id="preflight for a method that is not listed",
        ),
        pytest.param(
            ORIGINS,
            ("OPTIONS", POLLING),
            {"Origin": FRIEND},
            200,
            ACCESS,
            id="OPTIONS that is no preflight",
        ),
        pytest.param(
            ORIGINS, ("GET", POLLING), {"Origin": FRIEND}, 200, ACCESS, id="origin allowed"
        ),
        pytest.param(
            ORIGINS,
            ("GET", POLLING),
            {"Origin": STRANGER},
            403,
            NO_ACCESS,
            id="origin not allowed, GET",
        ),
        pytest.param(
            ORIGINS,
            ("POST", POLLING),
            {"Origin": STRANGER},
            403,
            NO_ACCESS,
            id="origin not allowed, POST",
        ),
        pytest.param(
            ORIGINS,
            ("GET", POLLING),
            {"Origin": ""},
            403,
            NO_ACCESS,
            id="origin without a letter",
        ),
        pytest.param(
            ORIGINS,
            ("GET", POLLING),
            {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"},
            200,
            ACCESS,
            id="origin allowed, cross-site",
        ),
        *(
            pytest.param(
                ORIGINS,
                ("GET", POLLING),
                {"Sec-Fetch-Site": site},
                403,
                NO_ACCESS,
                id=f"no origin, {site}",
            )
            for site in ("cross-site", "same-site")
        ),
        *(
            pytest.param(
                ORIGINS,
                ("GET", POLLING),
                {"Sec-Fetch-Site": site},
                200,
                NO_ACCESS,
                id=f"no origin, {site}",
            )
            for site in ("same-origin", "none")
        ),
        pytest.param(ORIGINS, ("GET", f"{POLLING}&j=0"), {}, 403, NO_ACCESS, id="no origin, JSONP"),
        pytest.param(
            ORIGINS,
            ("GET", f"{POLLING}&%6a=0"),
            {},
            403,
            NO_ACCESS,
            id="no origin, JSONP spelled otherwise",
        ),
        pytest.param(
            ORIGINS,
            ("GET", f"{POLLING}&j=0"),
            {"Sec-Fetch-Site": "same-origin"},
            200,
            NO_ACCESS,
            id="no origin, JSONP on the own origin",
        ),
        pytest.param(ORIGINS, ("GET", POLLING), {}, 200, NO_ACCESS, id="no origin otherwise"),
        pytest.param("", ("GET", POLLING), {}, 200, NO_ACCESS, id="no origin, none configured"),
        pytest.param(
            "",
            ("GET", POLLING),
            {"Origin": FRIEND},
            403,
            NO_ACCESS,
            id="any origin, none configured",
        ),
        *(
            pytest.param(
                config, ("GET", target), {"Sec-Fetch-Site": "cross-site"}, 200, headers, id=name
            )
            for config, target, headers, name in [
                (EVERYONE, POLLING, ANY_ACCESS, "no origin, cross-site, all allowed"),
                (EVERYONE, f"{POLLING}&j=0", ANY_ACCESS, "no origin, JSONP, all allowed"),
                (EVERYONE_REFLECTED, POLLING, NO_ACCESS, "no origin, cross-site, all reflected"),
            ]
        ),
    ],
)
def test_the_verdict_table_holds_on_the_wire(
    server, config, request_line, headers, status, cors_headers
):
    server.configure(config)
    response = server.request(*request_line, headers.items())
    assert (response.status, response.cors_headers) == (status, cors_headers)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "chat.example"}, id="host"),
        pytest.param({"Host": "chat.example:443", "X-Forwarded-Proto": "https"}, id="scheme"),
        pytest.param({"X-Forwarded-Host": "chat.example"}, id="forwarded host"),
        pytest.param(
            {"X-Forwarded-Host": "chat.example, inner", "X-Forwarded-Proto": "https, http"},
            id="first of several",
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_servers_own_origin_is_always_allowed(server, method, headers):
    server.configure(ORIGINS)
    scheme = "https" if headers.get("X-Forwarded-Proto", "").startswith("https") else "http"
    own = ("Origin", f"{scheme}://chat.example")
    session = f"&sid={server.request('GET', POLLING).sid}" if method == "POST" else ""
    response = server.request(method, POLLING + session, [own, *headers.items()], b"40")
    assert response.status == 200
    other = ("Origin", "http://chat.example:8080")
    assert server.request(method, POLLING, [other, *headers.items()], b"40").status == 403


def test_a_websocket_of_another_origin_is_refused_before_it_opens(server):
    server.configure(ORIGINS)
    assert server.websocket([("Origin", FRIEND)]).status == 101
    refused = server.websocket([("Origin", STRANGER)])
    assert (refused.status, refused.cors_headers) == (403, {})


# --- Refusals ---------------------------------------------------------------------------------


def test_a_refusal_says_no_more_than_forbidden(server):
    server.configure(ORIGINS)
    refused = server.request("GET", POLLING, [("Origin", STRANGER)])
    assert json.loads(refused.body) == {"code": 4, "message": "Forbidden"}
    assert refused.header("Content-Type") == "application/json"
    assert refused.header("Vary") == "Origin"
    assert refused.header("Content-Length") == str(len(refused.body))
    assert server.request("HEAD", POLLING, [("Origin", STRANGER)]).status == 403


def test_an_untrusted_host_is_a_bad_request(server):
    server.configure(TRUSTED)
    refused = server.request("GET", POLLING, [("Host", "evil.example")])
    assert json.loads(refused.body) == {"code": 3, "message": "Bad request"}


def test_in_debug_mode_a_refusal_names_the_key_to_set(server):
    server.configure(f"{ORIGINS}\napp.debug = True")
    refused = server.request("GET", POLLING, [("Origin", STRANGER)])
    message = json.loads(refused.body)["message"]
    assert "SIO_CORS_ORIGINS" in message
    assert STRANGER in message


def test_every_refusal_is_signalled_with_its_origin_reason_and_environ(server):
    server.configure(ORIGINS)
    server.run("app.refusals.clear()")
    server.request("GET", POLLING, [("Origin", STRANGER)])
    server.preflight(STRANGER)
    server.request("GET", POLLING, [("Sec-Fetch-Site", "cross-site")])
    server.request("GET", f"{POLLING}&j=0")
    server.request("GET", POLLING, [("Origin", FRIEND)])
    assert json.loads(server.run("import json; answer = json.dumps(app.refusals)")) == [
        [STRANGER, "origin-not-allowed", "/socket.io/"],
        [STRANGER, "origin-not-allowed", "/socket.io/"],
        [None, "cross-site-without-origin", "/socket.io/"],
        [None, "jsonp-without-origin", "/socket.io/"],
    ]


def test_a_receiver_that_raises_changes_nothing(server):
    server.configure(ORIGINS)
    server.run("""
        from flask_sio_cors import request_refused

        def broken(sender, **_):
            raise LookupError("no receiver")

        app.broken = broken
        request_refused.connect(broken)
    """)
    assert server.request("GET", POLLING, [("Origin", STRANGER)]).status == 403
    wait_until(lambda: "LookupError: no receiver" in server.log())


def test_a_flood_of_refusals_does_not_fill_the_log(serve):
    with serve(ORIGINS, fresh=True) as server:
        for number in range(300):
            server.request("GET", POLLING, [("Origin", f"https://{number}.example")])
            server.request("GET", POLLING, [("Origin", STRANGER)])
        wait_until(lambda: server.log().count(" 403 ") >= 600)
        log = server.log()
    assert log.count(f"Refused (origin-not-allowed): '{STRANGER}'") == 1
    assert log.count("Refused (") == 200
    assert log.count("different refusals so far") == 1


# --- Engine.IO's answers are completed --------------------------------------------------------

UNKNOWN_SID = f"{POLLING}&sid=unknown"
EARLY_ERRORS = {
    "version": ("GET", "/socket.io/?EIO=3&transport=polling", b"unsupported version"),
    "transport": ("GET", "/socket.io/?EIO=4&transport=pigeon", b"Invalid transport"),
    "no upgrade": ("GET", WEBSOCKET, b"Invalid websocket upgrade"),
    "session": ("GET", UNKNOWN_SID, b"Invalid session"),
    "session, POST": ("POST", UNKNOWN_SID, b"Invalid session"),
    "JSONP": ("GET", f"{POLLING}&j=x", b"Invalid JSONP index"),
}


@pytest.mark.parametrize(
    ("method", "target", "message"), EARLY_ERRORS.values(), ids=EARLY_ERRORS.keys()
)
def test_a_page_can_read_engineios_own_errors(server, method, target, message):
    server.configure(ORIGINS)
    response = server.request(method, target, [("Origin", FRIEND)])
    assert response.status == 400
    assert message in response.body
    assert response.cors_headers == {"access-control-allow-origin": FRIEND}
    assert response.header("Vary") == "Origin"


def test_a_page_is_told_what_is_wrong_with_its_request(server, run_clients):
    server.configure(ORIGINS)
    [outcome] = run_clients(page(server.url, FRIEND, transports=["polling"], query={"j": "x"}))
    assert outcome.error["status"] == 400
    assert "Invalid JSONP index" in outcome.error["body"]


@pytest.mark.parametrize("credentials", [False, True], ids=["without credentials", "with them"])
def test_no_header_comes_twice_in_a_whole_session(server, credentials):
    server.configure(f"{ORIGINS}\napp.config['SIO_CORS_SUPPORTS_CREDENTIALS'] = {credentials}")
    origin = [("Origin", FRIEND)]
    opened = server.request("GET", POLLING, origin)
    session = f"{POLLING}&sid={opened.sid}"
    posted = server.request("POST", session, origin, b"40")
    polled = server.request("GET", session, origin)
    for response in (opened, posted, polled):
        assert response.header("Cache-Control") == "no-store"
    for response in (opened, posted, polled, server.preflight(FRIEND)):
        names = [name.lower() for name, _ in response.headers]
        assert len(names) == len(set(names)), response.headers
        assert response.header("Access-Control-Allow-Origin") == FRIEND
        assert response.header("Access-Control-Allow-Credentials") == (
            "true" if credentials else None
        )
        assert "Origin" in response.header("Vary")


def test_a_response_without_an_origin_varies_by_it_too(server):
    server.configure(ORIGINS)
    response = server.request("GET", POLLING)
    assert response.header("Vary") == "Origin"
    assert response.header("Cache-Control") == "no-store"


def test_where_every_origin_gets_the_same_answer_nothing_varies(server):
    server.configure(EVERYONE)
    for origin in ([], [("Origin", FRIEND)]):
        assert server.request("GET", POLLING, origin).header("Vary") is None


# --- npm cors's options -----------------------------------------------------------------------


def allowed_origin(response):
    return response.header("Access-Control-Allow-Origin")


SUBDOMAIN = "https://deep.sub.example.com"


@pytest.mark.parametrize(
    ("value", "allowed", "refused"),
    [
        pytest.param("None", {}, [FRIEND], id="unset"),
        pytest.param("False", {}, [FRIEND], id="false"),
        pytest.param("[]", {}, [FRIEND], id="empty list"),
        pytest.param("True", {FRIEND: FRIEND, "null": "null"}, ["https://a b"], id="true"),
        pytest.param("'*'", {FRIEND: "*", "null": "*"}, [], id="any"),
        pytest.param(f"'{FRIEND}'", {FRIEND: FRIEND}, [STRANGER, f"{FRIEND}:8443"], id="string"),
        pytest.param(
            f"'{FRIEND}, {STRANGER}'",
            {FRIEND: FRIEND, STRANGER: STRANGER},
            ["https://else.example"],
            id="from the environment",
        ),
        pytest.param(
            f"['{FRIEND}', re.compile(r'https://\\w+\\.example\\.net')]",
            {FRIEND: FRIEND, "https://any.example.net": "https://any.example.net"},
            [STRANGER, "https://any.example.net.evil.example"],
            id="array",
        ),
        pytest.param(
            "re.compile(r'https://[a-z]+\\.example')",
            {FRIEND: FRIEND},
            [f"{FRIEND}.evil", "http://friend.example"],
            id="regular expression",
        ),
        pytest.param(
            "lambda origin: origin.endswith('friend.example')",
            {FRIEND: FRIEND},
            [STRANGER],
            id="function",
        ),
        pytest.param("lambda origin: 1 / 0", {}, [FRIEND], id="function that fails"),
        pytest.param(
            "['https://*.example.com']",
            {SUBDOMAIN: SUBDOMAIN},
            ["https://example.com", "http://sub.example.com", "https://sub.example.com:8443"],
            id="subdomains",
        ),
        pytest.param(
            "['http://localhost:*']",
            {"http://localhost": "http://localhost", "http://localhost:81": "http://localhost:81"},
            ["https://localhost", "http://localhost:0"],
            id="any port",
        ),
        pytest.param(
            "['null', 'file://', 'capacitor://localhost']",
            {
                "null": "null",
                "file://": "file://",
                "capacitor://localhost": "capacitor://localhost",
            },
            [FRIEND, "capacitor://other"],
            id="opaque and app origins",
        ),
    ],
)
def test_origin(server, value, allowed, refused):
    server.configure(f"import re\napp.config['SIO_CORS_ORIGINS'] = {value}")
    for origin, answered in allowed.items():
        actual = server.request("GET", POLLING, [("Origin", origin)])
        preflight = server.preflight(origin)
        assert (actual.status, allowed_origin(actual)) == (200, answered)
        assert (preflight.status, allowed_origin(preflight)) == (204, answered)
        assert server.websocket([("Origin", origin)]).status == 101
    for origin in refused:
        assert server.request("GET", POLLING, [("Origin", origin)]).status == 403
        assert server.preflight(origin).status == 403
        assert server.websocket([("Origin", origin)]).status == 403


def ask_preflight(server, headers=()):
    return server.preflight(FRIEND, headers=headers)


ASKED = ("Access-Control-Request-Headers", "X-Asked, x-too")
ALLOW_HEADERS = "Access-Control-Allow-Headers"


@pytest.mark.parametrize(
    ("settings", "headers", "vary"),
    [
        pytest.param("", "X-Asked, x-too", "Origin, Access-Control-Request-Headers", id="unset"),
        pytest.param("ALLOW_HEADERS=['X-One', 'X-Two']", "X-One, X-Two", "Origin", id="list"),
        pytest.param("ALLOW_HEADERS='X-One,X-Two'", "X-One, X-Two", "Origin", id="text"),
        pytest.param("ALLOW_HEADERS='*'", "*", "Origin", id="any"),
        pytest.param("ALLOW_HEADERS=[]", None, "Origin", id="empty list"),
        pytest.param(
            "ALLOW_HEADERS='*', SUPPORTS_CREDENTIALS=True",
            "X-Asked, x-too",
            "Origin, Access-Control-Request-Headers",
            id="any, with credentials",
        ),
    ],
)
def test_allowed_headers(server, settings, headers, vary):
    server.configure(f"{ORIGINS}\n{with_prefix(settings)}")
    response = ask_preflight(server, [ASKED])
    assert (response.header(ALLOW_HEADERS), response.header("Vary")) == (headers, vary)
    actual = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert actual.header(ALLOW_HEADERS) is None


def with_prefix(settings):
    return f"app.config.update({{'SIO_CORS_' + k: v for k, v in dict({settings}).items()}})"


# The option, what it adds to a preflight's answer, and to an actual one.
OTHER_OPTIONS = {
    "methods": ("METHODS=['GET', 'PUT']", {"allow-methods": "GET, PUT"}, {}),
    "exposedHeaders": (
        "EXPOSE_HEADERS=['X-One', 'X-Two']",
        {"expose-headers": "X-One, X-Two"},
        {"expose-headers": "X-One, X-Two"},
    ),
    "exposedHeaders, any": (
        "EXPOSE_HEADERS='*'",
        {"expose-headers": "*"},
        {"expose-headers": "*"},
    ),
    "credentials": (
        "SUPPORTS_CREDENTIALS=True",
        {"allow-credentials": "true"},
        {"allow-credentials": "true"},
    ),
    "maxAge": ("MAX_AGE=600", {"max-age": "600"}, {}),
    "maxAge zero": ("MAX_AGE=0", {"max-age": "0"}, {}),
    "maxAge as timedelta": (
        "MAX_AGE=__import__('datetime').timedelta(minutes=5)",
        {"max-age": "300"},
        {},
    ),
}


@pytest.mark.parametrize(
    ("settings", "in_preflight", "in_actual"), OTHER_OPTIONS.values(), ids=OTHER_OPTIONS
)
def test_options_have_their_effect_on_the_wire(server, settings, in_preflight, in_actual):
    server.configure(f"{ORIGINS}\n{with_prefix(settings)}")
    preflight = {"allow-origin": FRIEND, "allow-methods": "GET, POST", **in_preflight}
    actual = {"allow-origin": FRIEND, **in_actual}
    assert ask_preflight(server).cors_headers == in_full(preflight)
    response = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert response.cors_headers == in_full(actual)


def in_full(headers):
    return {f"access-control-{name}": value for name, value in headers.items()}


@pytest.mark.parametrize("status", [200, 204, 299])
def test_options_success_status(server, status):
    server.configure(f"{ORIGINS}\n{with_prefix(f'OPTIONS_SUCCESS_STATUS={status}')}")
    response = server.preflight(FRIEND)
    assert (response.status, response.body) == (status, b"")
    assert response.header("Content-Length") == "0"
    assert server.preflight(STRANGER).status == 403


def test_preflight_continue_lets_flask_answer_and_completes_it(server):
    server.configure(f"{ORIGINS}\n{with_prefix('PREFLIGHT_CONTINUE=True')}")
    response = server.preflight(FRIEND)
    assert (response.status, response.body) == (299, b"from Flask")
    assert response.cors_headers == PREFLIGHT_ACCESS
    assert server.preflight(STRANGER).status == 403
    # Requests that are no preflight never reach Flask's route.
    assert server.request("OPTIONS", POLLING, [("Origin", FRIEND)]).status == 200


@pytest.mark.parametrize("permitted", [True, False])
def test_private_network_access_is_granted_when_asked_and_permitted(server, permitted):
    server.configure(f"{ORIGINS}\n{with_prefix(f'ALLOW_PRIVATE_NETWORK={permitted}')}")
    asked = ("Access-Control-Request-Private-Network", "true")
    name = "Access-Control-Allow-Private-Network"
    assert ask_preflight(server, [asked]).header(name) == ("true" if permitted else None)
    assert ask_preflight(server).header(name) is None


def test_flask_cors_settings_apply_where_the_own_ones_are_unset(server):
    server.configure("""
        app.config["CORS_ORIGINS"] = "https://friend.example"
        app.config["CORS_MAX_AGE"] = 60
        app.config["SIO_CORS_MAX_AGE"] = 30
    """)
    assert ask_preflight(server).header("Access-Control-Max-Age") == "30"
    assert server.preflight(STRANGER).status == 403


# --- allow_request ----------------------------------------------------------------------------


def with_allow_request(function):
    return f"{ORIGINS}\napp.config['SIO_CORS_ALLOW_REQUEST'] = app.{function}"


CREDENTIALS = "\napp.config['SIO_CORS_SUPPORTS_CREDENTIALS'] = True"
LOST = f"{POLLING}&lost=again"


def test_allow_request_sees_the_request_and_the_session(server):
    server.configure(with_allow_request("by_user") + CREDENTIALS)
    ada, eve = (("Cookie", server.login(user)) for user in ("ada", "eve"))
    origin = ("Origin", FRIEND)
    assert server.request("GET", POLLING, [origin, ada]).status == 200
    assert server.request("GET", POLLING, [ada]).status == 200
    assert server.request("GET", POLLING, [origin, eve]).status == 403
    assert server.websocket([origin, ada]).status == 101
    assert server.websocket([origin, eve]).status == 403
    server.configure(with_allow_request("by_address"))
    assert server.request("GET", POLLING, [origin]).status == 200


def test_a_page_can_read_why_allow_request_refused_it(server, run_clients):
    server.configure(with_allow_request("by_user"))
    in_page, in_node = run_clients(
        *(
            client(server.url, FRIEND, transports=["polling"], query={"lost": "again"})
            for client in (page, node)
        )
    )
    for outcome in (in_page, in_node):
        assert outcome.error["status"] == 403
        assert json.loads(outcome.error["body"]) == {"code": 4, "message": "Lost: again"}


@pytest.mark.parametrize("function", ["refuse_without_words", "refuse_unreadably"])
def test_a_refusal_whose_words_cannot_be_read_is_a_refusal(server, function):
    server.configure(with_allow_request(function))
    refused = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert (refused.status, json.loads(refused.body)["message"]) == (403, "Forbidden")


def test_a_refusal_by_allow_request_carries_the_headers_of_its_origin(server):
    server.configure(with_allow_request("by_user"))
    refused = server.request("GET", LOST, [("Origin", FRIEND)])
    assert refused.cors_headers == {"access-control-allow-origin": FRIEND}
    assert (refused.header("Vary"), refused.header("Cache-Control")) == ("Origin", "no-store")
    # A page that the policy refuses is not even asked for.
    server.run("app.asked.clear()")
    stranger = server.request("GET", LOST, [("Origin", STRANGER)])
    assert stranger.cors_headers == {}
    assert json.loads(stranger.body)["message"] == "Forbidden"
    assert server.run("answer = app.asked") == "[]"


def test_allow_request_is_asked_once_a_session(server, run_clients):
    server.configure(with_allow_request("by_user") + CREDENTIALS)
    cookie = server.login("ada")
    for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
        server.run("app.asked.clear()")
        [outcome] = run_clients(node(server.url, FRIEND, cookies=[cookie], transports=transports))
        assert (outcome.connected, outcome.transport) == (True, transports[-1])
        assert server.run("answer = app.asked") == "['/socket.io/']"


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        pytest.param("answer(None)", "returned NoneType, not True or False", id="None"),
        pytest.param("answer(1)", "returned int, not True or False", id="1"),
        pytest.param("answer('yes')", "returned str, not True or False", id="text"),
        pytest.param("fail", "LookupError: the database is away", id="exception"),
    ],
)
def test_allow_request_fails_closed_and_is_logged(server, function, complaint):
    server.configure(with_allow_request(function))
    refused = server.request("GET", POLLING, [("Origin", FRIEND)])
    assert (refused.status, json.loads(refused.body)["message"]) == (403, "Forbidden")
    assert refused.cors_headers == {"access-control-allow-origin": FRIEND}
    assert server.websocket([("Origin", FRIEND)]).status == 403
    wait_until(lambda: complaint in server.log())


def test_allow_request_is_not_asked_by_a_preflight(server):
    server.configure(with_allow_request("fail"))
    assert server.preflight(FRIEND).status == 204
