"""What the policy does not let in does not get in: the corpus against a real server."""

import re
from textwrap import dedent
from typing import NamedTuple

import pytest

from tests.support.hostile_origins import APP, CORPUS, POLICIES, TRANSPARENT
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, Response, compose

PREFLIGHT = [("Access-Control-Request-Method", "POST")]

#: method, target, headers beside `Origin`, body
WAYS = {
    "preflight": ("OPTIONS", POLLING, PREFLIGHT, b""),
    "polling GET": ("GET", POLLING, [], b""),
    "polling POST": ("POST", f"{POLLING}&sid=none", [], b"2probe"),
    "WebSocket": ("GET", WEBSOCKET, UPGRADE, b""),
}
#: Every refusal and fault on a line of its own, whatever its level.
LOG = """
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[refusals] %(levelname)s %(message)s"))
    logging.getLogger("flask_sio_cors").addHandler(handler)
    logging.getLogger("flask_sio_cors").setLevel(logging.DEBUG)
    logging.getLogger("flask_sio_cors").propagate = False
"""
MOST_STOPPED_BY_THE_PARSER = 8

each_way = pytest.mark.parametrize("way", WAYS)
each_policy = pytest.mark.parametrize("policy", POLICIES)


def send(server, way, lines):
    """The response, or `None` where the HTTP parser closes the connection without one."""
    method, target, headers, body = WAYS[way]
    raw = compose(method, target, [*headers, *lines], body, port=server.port)
    try:
        return server.exchange(raw)
    except ConnectionError:
        return None


def is_stopped_by_the_parser(response):
    """Whether the HTTP server refused the bytes by itself: no application has seen them."""
    return response is None or (response.status == 400 and not response.values("Vary"))


def is_let_in(response, origin):
    """Whether a page of this origin may go on; WebSockets know no permission but success."""
    if response.status == 101:
        return True
    allowed = response.header("Access-Control-Allow-Origin")
    return response.status != 403 and allowed == origin.decode("ascii")


class Attack(NamedTuple):
    hostile: object
    way: str
    response: Response | None


@pytest.fixture(scope="module")
def attacked(serve):
    """A function that sends the whole corpus to a policy's server, in each way, once."""
    done = {}

    def attacked(policy):
        if policy not in done:
            server = serve(dedent(LOG) + dedent(POLICIES[policy]))
            attacks = [
                Attack(hostile, way, send(server, way, hostile.lines(server.port)))
                for hostile in CORPUS
                for way in WAYS
            ]
            done[policy] = server, attacks
        return done[policy]

    return attacked


def strangers(attacks, policy):
    return [attack for attack in attacks if policy not in attack.hostile.named_by]


def wrong(attacks, is_wrong):
    """The attacks for which this holds, to be compared with `[]`: a failure names them all."""
    return [
        f"{attack.hostile.tries}, {attack.way}: {attack.response and attack.response.head[:200]}"
        for attack in attacks
        if is_wrong(attack.response)
    ]


def test_the_corpus_is_large_and_has_nothing_twice():
    assert len(CORPUS) >= 350
    assert len({hostile.tries for hostile in CORPUS}) == len(CORPUS)
    assert len({hostile.value for hostile in CORPUS}) == len(CORPUS)


@each_policy
def test_no_hostile_origin_gets_in(attacked, policy):
    _, attacks = attacked(policy)

    def gets_in(response):
        return not is_stopped_by_the_parser(response) and response.status != 403

    assert wrong(strangers(attacks, policy), gets_in) == []


@each_policy
def test_a_refusal_carries_no_permission_and_says_that_it_depends_on_the_origin(attacked, policy):
    _, attacks = attacked(policy)

    def permits(response):
        return not is_stopped_by_the_parser(response) and (
            response.cors_headers or response.header("Vary") != "Origin"
        )

    assert wrong(strangers(attacks, policy), permits) == []


@each_policy
def test_no_origin_splits_a_header_or_is_repeated_in_an_answer(attacked, policy):
    _, attacks = attacked(policy)
    expected = {"cache-control", "connection", "content-length", "content-type", "date", "vary"}

    def is_split(response):
        if is_stopped_by_the_parser(response):
            return False
        names = [name.lower() for name, _ in response.headers]
        return (
            set(names) - expected
            or len(names) != len(set(names))
            or re.search(rb"evil|example|[^\x20-\x7e\r\n]", response.head)
            or response.body != b'{"code": 4, "message": "Forbidden"}'
        )

    assert wrong(strangers(attacks, policy), is_split) == []


@each_policy
def test_no_origin_is_the_servers_fault(attacked, policy):
    server, attacks = attacked(policy)
    assert wrong(attacks, lambda response: response and response.status >= 500) == []
    assert "Traceback" not in server.log()


@each_policy
def test_a_hostile_value_that_a_policy_names_is_let_in_with_its_own_origin(attacked, policy):
    _, attacks = attacked(policy)
    named = [attack for attack in attacks if policy in attack.hostile.named_by]
    for hostile, way, response in named:
        assert is_let_in(response, hostile.value), (hostile.tries, way)
    assert len(named) == len(WAYS) * sum(policy in hostile.named_by for hostile in CORPUS)


@each_policy
def test_every_refusal_is_one_printable_line_of_the_log(attacked, policy):
    server, attacks = attacked(policy)
    refused = [a for a in attacks if a.response is not None and a.response.status == 403]
    lines = server.log().split("\n")
    told = [line for line in lines if "Refused" in line]
    # Not always the start: eventlet writes "socket shutdown error" without a line break.
    assert all(re.search(r"\[refusals\] (WARNING|DEBUG) Refused", line) for line in told)
    assert len(told) == len(refused)
    assert [line for line in lines if not line.isprintable() or not line.isascii()] == []
    assert max(map(len, told)) < 1200
    others = [line for line in lines if "evil" in line and "Refused" not in line]
    assert others == []


@each_policy
def test_nearly_the_whole_corpus_reaches_the_policy(attacked, policy):
    """What the HTTP parser stops is no merit of the policy, and is counted apart."""
    _, attacks = attacked(policy)
    stopped = {a.hostile.tries for a in attacks if is_stopped_by_the_parser(a.response)}
    print(f"{policy}: {len(CORPUS) - len(stopped)} reach the policy; the parser stops {stopped}")
    assert len(stopped) <= MOST_STOPPED_BY_THE_PARSER
    assert "a megabyte" in stopped


@each_policy
@each_way
@pytest.mark.parametrize("value", TRANSPARENT.values(), ids=TRANSPARENT)
def test_what_http_reads_as_the_allowed_origin_is_the_allowed_origin(attacked, policy, way, value):
    server, _ = attacked(policy)
    response = send(server, way, [("Origin", value)])
    assert is_let_in(response, APP)
    assert not response.values("X-Evil")


# --- The corpus bites: doors that are commonly built let some of it in -------------------------


def let_in(server, attacks):
    """Those that get permission for a polling handshake."""
    responses = {a.tries: send(server, "polling GET", a.lines(server.port)) for a in attacks}
    return {
        tries
        for tries, response in responses.items()
        if response is not None and response.cors_headers.get("access-control-allow-origin")
    }


def test_plain_flask_socketio_that_allows_all_reflects_the_corpus_with_credentials(serve):
    server = serve(plain=True, socketio_options={"cors_allowed_origins": "*"})
    assert len(let_in(server, CORPUS)) > 300
    response = send(server, "polling GET", [("Origin", b"null")])
    assert response.header("Access-Control-Allow-Origin") == "null"
    assert response.header("Access-Control-Allow-Credentials") == "true"


@pytest.mark.parametrize(
    ("door", "gets_in"),
    [
        pytest.param(
            r"lambda origin: bool(re.match(r'https://.*example\.com', origin))",
            {
                "the name as a prefix",
                "the base domain as a suffix",
                "the hole filled with a port and a slash",
                "a line feed, a folded line",
                "two origins, a comma",
                "a backslash and a user",
            },
            id="an unanchored regular expression",
        ),
        pytest.param(
            r"lambda origin: bool(re.fullmatch(r'https://.*\.example\.com', origin))",
            {
                "the hole filled with a port and a slash",
                "the hole filled with a user",
                "` in a label",
                "an encoded slash",
            },
            id="an anchored one on any text",
        ),
        pytest.param(
            "lambda origin: origin.endswith('example.com')",
            {"the base domain as a suffix", "without encryption", "the name as a path's end"},
            id="a suffix",
        ),
        pytest.param(
            "lambda origin: origin.startswith('https://app.example.com')",
            {"the name as a prefix", "the name as a user", "a path"},
            id="a prefix",
        ),
        pytest.param(
            "lambda origin: urlsplit(origin).hostname == 'app.example.com'",
            {"a user", "without encryption", "an upper-case host", "a path"},
            id="a parser's host",
        ),
    ],
)
def test_a_door_of_plain_flask_socketio_that_is_commonly_built_lets_some_of_the_corpus_in(
    serve, door, gets_in
):
    config = f"""
        import re
        from urllib.parse import urlsplit
        socketio_options["cors_allowed_origins"] = {door}
    """
    attacks = [hostile for hostile in CORPUS if hostile.tries in gets_in]
    assert not any(hostile.named_by for hostile in attacks)
    assert let_in(serve(config, plain=True), attacks) == gets_in
