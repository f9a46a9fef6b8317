"""A policy and a set of origins that changes: what it remembers, and who is judged again."""

from functools import partial

import pytest
from flask import Flask

from flask_sio_cors import ConfigError
from flask_sio_cors.config.entries import problems_of_entry
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.identity import Who
from flask_sio_cors.door.journal import Journal
from flask_sio_cors.door.policies import Policies
from flask_sio_cors.door.policy import SEEN_LIMIT, Policy
from flask_sio_cors.door.verdicts import Outcome, Reason
from flask_sio_cors.door.waiting import Interrupter
from flask_sio_cors.origins.live import LiveOrigins

HOST = "chat.example:5000"
OWN = f"http://{HOST}"
LIVE = "https://live.example"


def asking(origin=None, **more):
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "HTTP_HOST": HOST, **more}
    return environ if origin is None else {**environ, "HTTP_ORIGIN": origin}


def made(live=None, **settings):
    options = Options.from_config({f"SIO_CORS_{key}": value for key, value in settings.items()})
    policy = Policy(options, live=live)
    if live is not None:
        live.lost = policy.forget
    return policy


def reason(policy, origin):
    return policy.judge(asking(origin))[0].reason


def test_what_changes_is_let_in_beside_what_is_listed():
    live = LiveOrigins()
    policy = made(live, ORIGINS=["https://listed.example"])
    assert reason(policy, LIVE) is Reason.ORIGIN_NOT_ALLOWED
    live.add("https://*.example")
    for origin in (LIVE, "https://listed.example"):
        assert reason(policy, origin) is Reason.ORIGIN_ALLOWED
        assert policy.judge(asking(origin))[1] == (("Access-Control-Allow-Origin", origin),)
    live.discard("https://*.example")
    assert reason(policy, LIVE) is Reason.ORIGIN_NOT_ALLOWED
    assert reason(policy, "https://listed.example") is Reason.ORIGIN_ALLOWED


@pytest.mark.parametrize("change", ["discard", "fill"])
@pytest.mark.parametrize("entry", [LIVE, "https://*.example"])
def test_nobody_is_remembered_after_a_change(change, entry):
    live = LiveOrigins()
    policy = made(live)
    live.add(entry)
    assert reason(policy, LIVE) is Reason.ORIGIN_ALLOWED
    if change == "discard":
        live.discard(entry)
    else:
        # It holds as soon as the new is complete, and not only when the old is gone.
        next(None for _ in live.fill(["https://other.example"]) if "https://other.example" in live)
    assert reason(policy, LIVE) is Reason.ORIGIN_NOT_ALLOWED


def test_what_adds_only_lets_nobody_be_forgotten():
    live = LiveOrigins()
    losses = []
    live.lost = lambda: losses.append(len(live))
    live.add(LIVE)
    live.add(LIVE)
    live.discard("https://never.example")
    assert losses == []
    live.discard(LIVE)
    assert losses == [0]


class Held(LiveOrigins):
    """Loses an origin between the decision that it is there, and whatever follows from that."""

    def __contains__(self, origin):
        is_there = super().__contains__(origin)
        self.discard(origin)
        return is_there


@pytest.mark.parametrize("listed", [[], ["https://listed.example"]])
def test_a_decision_from_before_a_removal_is_not_remembered_after_it(listed):
    live = Held()
    live.add(LIVE)
    policy = made(live, ORIGINS=listed)
    assert reason(policy, LIVE) is Reason.ORIGIN_ALLOWED
    assert reason(policy, LIVE) is Reason.ORIGIN_NOT_ALLOWED


def test_a_million_removals_leave_one_table_of_bounded_size():
    live = LiveOrigins()
    policy = made(live)
    for n in range(3 * SEEN_LIMIT):
        live.add(f"https://a{n}.example")
        assert reason(policy, f"https://a{n}.example") is Reason.ORIGIN_ALLOWED
    assert len(policy._seen) <= SEEN_LIMIT


def test_functions_are_asked_after_it():
    asked = []
    live = LiveOrigins()
    policy = made(live, ORIGINS=lambda origin: asked.append(origin) or True)
    live.add(LIVE)
    assert policy.judge(asking(LIVE))[2].who is Who.LISTED
    assert asked == []
    assert policy.judge(asking("https://other.example"))[2].who is Who.ASKED


def test_an_expression_keeps_its_reason_where_nothing_else_lets_in():
    live = LiveOrigins()
    policy = made(live, ORIGINS=[r"regex:http://a\.example\.com"], SUPPORTS_CREDENTIALS=True)
    assert reason(policy, "http://a.example.com") is Reason.ORIGIN_INSECURE
    live.add(LIVE)
    assert reason(policy, LIVE) is Reason.ORIGIN_ALLOWED


@pytest.mark.parametrize("listed", [[], ["https://listed.example"]])
def test_what_must_not_have_credentials_is_kept_out_while_it_is_still_there(listed):
    live = LiveOrigins()
    entries = ["http://plain.example", "null", "http://*.plain.example", LIVE]
    for entry in entries:
        live.add(entry)
    origins = ["http://plain.example", "null", "http://a.plain.example"]
    before = made(live, ORIGINS=listed)
    assert {reason(before, origin) for origin in origins} == {Reason.ORIGIN_ALLOWED}
    after = made(live, ORIGINS=listed, SUPPORTS_CREDENTIALS=True)
    assert reason(after, "http://plain.example") is Reason.ORIGIN_INSECURE
    assert reason(after, "http://a.plain.example") is Reason.ORIGIN_INSECURE
    assert reason(after, "null") is Reason.ORIGIN_OPAQUE
    assert reason(after, LIVE) is Reason.ORIGIN_ALLOWED


def test_where_everybody_gets_in_it_changes_nothing():
    live = LiveOrigins()
    policy = made(live, ORIGINS="*")
    live.add(LIVE)
    live.discard(LIVE)
    assert reason(policy, LIVE) is Reason.ORIGIN_ALLOWED
    assert policy.judge(asking(LIVE))[1] == ()


def test_its_own_https_origin_tells_an_http_page_from_the_servers_own():
    live = LiveOrigins()
    policy = made(live)
    assert reason(policy, OWN) is Reason.SAME_ORIGIN
    live.add(f"https://{HOST}")
    assert reason(policy, OWN) is Reason.ORIGIN_NOT_ALLOWED


@pytest.mark.parametrize(
    ("origin", "more", "asks", "is_in_doubt"),
    [
        (LIVE, {}, False, True),
        ("https://listed.example", {}, True, False),
        (OWN, {}, True, False),
        (None, {}, True, False),
        (None, {"HTTP_SEC_FETCH_SITE": "cross-site"}, False, True),
        ("https://asked.example", {}, False, False),
        ("https://asked.example", {}, True, True),
    ],
    ids=["gone", "listed", "own", "nobody", "unnamed", "asked, not now", "asked"],
)
def test_who_is_in_doubt_after_a_change(origin, more, asks, is_in_doubt):
    everybody = made(ORIGINS="*") if "HTTP_SEC_FETCH_SITE" in more else None
    live = LiveOrigins()
    live.add(LIVE)
    now = made(live, ORIGINS=["https://listed.example", "https://asked.example".__eq__])
    page = (everybody or now).judge(asking(origin, **more))[2]
    live.discard(LIVE)
    assert now.doubts(origin, page, asks=asks) == is_in_doubt


# --- Several policies --------------------------------------------------------------------------

TENANTS = {
    "inherits": {"HOSTS": ["inherits.example"], "SUPPORTS_CREDENTIALS": True},
    "own": {"HOSTS": ["own.example"], "ORIGINS": ["https://listed.example"]},
}


def tenants(live=None):
    app = Flask("tests")
    options = Options.from_config({"SIO_CORS_POLICIES": TENANTS})
    sharing = {} if live is None else {"default": live, "inherits": live}
    return Policies(app, options, Journal(), Interrupter(), sharing)


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [(HOST, True), ("inherits.example", True), ("own.example", False)],
    ids=["default", "inherits", "own"],
)
def test_a_policy_shares_what_changes_where_it_is_told_to(host, is_allowed):
    live = LiveOrigins()
    policies = tenants(live)
    live.lost = partial(policies.forget, ["default", "inherits"])
    live.add(LIVE)
    environ = asking(LIVE, HTTP_HOST=host)
    generation = policies.generation
    for _ in range(2):
        judged = policies.judge(environ, {})[1]
        assert (judged[0].outcome is Outcome.ALLOWED) == is_allowed
    assert policies.generation == generation
    assert policies.doubts(environ, judged[2], asks=False) != is_allowed
    live.discard(LIVE)
    assert policies.generation != generation
    assert policies.judge(environ, {})[1][0].outcome is Outcome.REFUSED
    assert policies.doubts(environ, judged[2], asks=False)
    assert policies.judge_session(environ)[1][0].outcome is Outcome.REFUSED


def test_a_session_of_a_policy_that_is_gone_is_refused():
    environ = asking("https://listed.example", HTTP_HOST="own.example")
    page = tenants().judge(environ, {})[1][2]
    now = Policies(Flask("tests"), Options.from_config({}), Journal(), Interrupter())
    assert now.doubts(environ, page, asks=True)
    assert now.judge_session(environ)[1][0].reason is Reason.SESSION_ELSEWHERE


def test_a_session_whose_host_has_another_policy_now_is_refused():
    environ = asking("https://listed.example", HTTP_HOST="own.example")
    page = tenants().judge(environ, {})[1][2]
    moved = {**TENANTS, "own": {**TENANTS["own"], "HOSTS": ["elsewhere.example"]}}
    options = Options.from_config({"SIO_CORS_POLICIES": moved})
    now = Policies(Flask("tests"), options, Journal(), Interrupter())
    assert now.doubts(environ, page, asks=True)
    assert now.judge_session(environ)[1][0].reason is Reason.SESSION_ELSEWHERE


def test_an_entry_is_fit_for_every_policy_that_shares_it():
    options = Options.from_config({"SIO_CORS_POLICIES": TENANTS})
    inherits, own = options.policies
    assert problems_of_entry(LIVE, options, inherits) == ()
    [problem] = problems_of_entry("http://a.example", options, inherits)
    assert "is not encrypted" in problem.reason
    assert problems_of_entry("http://a.example", options, own) == ()


# --- What may be in a store --------------------------------------------------------------------

ENTRIES = [
    *("https://a.example", "https://*.example.com", "http://localhost:*", "app://localhost"),
    *("null", "http://a.example", "https://*.github.io", "https://pr-*.example.com"),
    *("https://pr-*.vercel.app", "http://192.168.0.0/16:*", "https://192.168.0.0/16", "file://"),
    *("https://Example.com", "https://example.com/", "example.com", "*", "", "true", "8.8.8.8"),
    *("http://8.8.0.0/16", "https://a.example, https://b.example"),
]
SETTINGS = [
    {},
    {"SUPPORTS_CREDENTIALS": True},
    {"SUPPORTS_CREDENTIALS": True, "TOLERATE_INSECURE_ORIGINS": True},
    {"SUPPORTS_CREDENTIALS": True, "TOLERATE_PUBLIC_SUFFIXES": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["without", "with", "insecure", "suffixes"])
@pytest.mark.parametrize("text", ENTRIES)
def test_an_entry_is_what_could_be_listed_with_the_same_settings(text, settings):
    read = {f"SIO_CORS_{key}": value for key, value in settings.items()}
    try:
        Options.from_config({**read, "SIO_CORS_ORIGINS": [text]})
        # As a list of one it means everybody, or nobody.
        could_be_listed = text not in ("*", "", "true")
    except ConfigError:
        could_be_listed = False
    problems = problems_of_entry(text, Options.from_config(read))
    assert (problems == ()) == could_be_listed
    for problem in problems:
        assert problem.reason
        if not problem.target and problem.key == "SIO_CORS_ORIGINS_STORE":
            corrected = eval(f"[{problem.correction}]")
            fixed = [problems_of_entry(one, Options.from_config(read)) for one in corrected]
            assert fixed == [()] * len(corrected)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("*", "is no origin; a store names those that it lets in"),
        ("regex:https://a", "is a regular expression, which belongs into SIO_CORS_ORIGINS"),
        ("myapp.origins:allow", "is the name of a function, which belongs into SIO_CORS_ORIGINS"),
        (None, "is no text"),
        (b"https://a.example", "is no text"),
        ("https://a.example/", "path"),
    ],
)
def test_what_is_no_entry_is_told_with_what_to_write(entry, told):
    [problem] = problems_of_entry(entry, made().options)
    assert told in problem.reason
    assert problem.key == "SIO_CORS_ORIGINS_STORE"
    assert problem.correction


def test_entries_with_credentials_name_the_setting_that_lets_none_in():
    options = made(SUPPORTS_CREDENTIALS=True).options
    [problem] = problems_of_entry("https://*.github.io", options)
    assert 'whoever registers a name under "github.io", with SIO_CORS_SUPPORTS_CREDENTIALS' in (
        problem.reason
    )
    [problem] = problems_of_entry("null", options)
    assert (problem.key, problem.correction) == ("SIO_CORS_SUPPORTS_CREDENTIALS", "False")


def test_nobody_who_was_refused_is_let_in_by_a_change_of_others():
    live = LiveOrigins()
    policy = made(live)
    live.add("https://*.a.example")
    assert policy.judge(asking("https://b.example"))[0].outcome is Outcome.REFUSED
