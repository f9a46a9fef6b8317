"""Refusals in sentences: what was refused, why, and what to write."""

import re

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.identity import Identity, Who
from flask_sio_cors.door.refusals import explain_refusal
from flask_sio_cors.door.verdicts import Reason
from flask_sio_cors.origins.near import SCANNED
from tests.support.questions import application

STRANGER = "https://stranger.example"


def explain(origin: str, **config: object) -> str:
    options = Options.from_config({f"SIO_CORS_{key}": value for key, value in config.items()})
    page = Identity(Who.STRANGER, Reason.ORIGIN_NOT_ALLOWED, "Origin")
    return explain_refusal(Reason.ORIGIN_NOT_ALLOWED, page, origin, options)


def test_where_expressions_are_listed_it_says_how_they_match():
    said = explain("https://app.example.com", ORIGINS=re.compile(r"\.example\.com$"))
    assert "must match an origin from end to end" in said
    assert "end to end" not in explain(STRANGER, ORIGINS="https://app.example.com")


def test_a_refusal_searches_no_origin_for_an_expression():
    # Harmless where it must match from end to end, since it fails at "https:"; as a search it
    # would take hours.
    endless = re.compile(r"([a-z0-9-]+)+\.example\.com$")
    origin = f"https://{'a' * 60}.stranger"
    assert "end to end" in explain(origin, ORIGINS=endless)


def test_where_nothing_is_set_the_setting_is_named():
    assert f"SIO_CORS_ORIGINS = ['{STRANGER}']" in explain(STRANGER)


STORED = {"ORIGINS_STORE": "sqlite:///a.sqlite3"}
IN_STORES = {
    "the default one's": (
        STORED,
        f"'{STRANGER}' is not in the store of SIO_CORS_ORIGINS_STORE. To let it in, add "
        f"'{STRANGER}' to the store (flask sio-cors origins add …).",
    ),
    "beside a list": (
        {**STORED, "ORIGINS": ["https://other.example"]},
        f"'{STRANGER}' is not in SIO_CORS_ORIGINS, nor in the store of SIO_CORS_ORIGINS_STORE. To "
        f"let it in, add '{STRANGER}' to the store (flask sio-cors origins add …).",
    ),
    "its own": (
        {"POLICIES": {"acme": {**STORED, "HOSTS": ["acme.example"]}}},
        f"'{STRANGER}' is not in the store of SIO_CORS_POLICIES['acme']['ORIGINS_STORE']. To let "
        f"it in, add '{STRANGER}' to the store (flask sio-cors origins --policy acme add …).",
    ),
    "inherited": (
        {**STORED, "POLICIES": {"acme": {"HOSTS": ["acme.example"]}}},
        f"'{STRANGER}' is not in the store of SIO_CORS_ORIGINS_STORE. To let it in, add "
        f"'{STRANGER}' to a list of this policy's own, SIO_CORS_POLICIES['acme']['ORIGINS'], with "
        "its store beside it (flask sio-cors explain prints both lines).",
    ),
}


@pytest.mark.parametrize(("config", "told"), IN_STORES.values(), ids=IN_STORES)
def test_where_a_store_is_in_force_it_is_named(config, told):
    options = Options.from_config({f"SIO_CORS_{key}": value for key, value in config.items()})
    (asked,) = options.policies or [options]
    page = Identity(Who.STRANGER, Reason.ORIGIN_NOT_ALLOWED, "Origin")
    assert explain_refusal(Reason.ORIGIN_NOT_ALLOWED, page, STRANGER, asked) == told


def test_where_a_function_decides_nothing_else_is_proposed():
    said = explain(STRANGER, ORIGINS=lambda origin: False)
    assert said == f"The function in SIO_CORS_ORIGINS returned False for '{STRANGER}'."


@pytest.mark.parametrize("joint", [",", ", "])
@pytest.mark.parametrize("reason", [Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_MALFORMED])
def test_two_origin_headers_are_told_with_both_values(joint, reason):
    page = Identity(Who.STRANGER, reason, "Origin")
    for origins in ([STRANGER], True, lambda origin: True):
        options = Options.from_config({"SIO_CORS_ORIGINS": origins})
        said = explain_refusal(reason, page, f"http://127.0.0.1:5000{joint}{STRANGER}", options)
        assert said.startswith(
            f"Two Origin headers came, 'http://127.0.0.1:5000' and '{STRANGER}', where browsers"
        )


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example,b",
        "a,b",
        f"{STRANGER},",
        f"a://b,{STRANGER},c://d",
        "https://a,b.example",
    ],
)
def test_what_only_has_a_comma_is_not_taken_for_two_headers(origin):
    assert "Two Origin headers" not in explain(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com/",
        "HTTPS://app.example.com:443",
        "app.example.com",
        "'https://app.example.com'",
        "https://me@app.example.com/socket.io/",
    ],
)
def test_what_a_program_sends_is_told_with_how_it_is_spelled(origin):
    said = explain(origin, ORIGINS=[APP])
    assert said.endswith(f"is not how browsers spell '{APP}', which is allowed. Spell it so.")


@pytest.mark.parametrize("origin", ["*", "undefined", "b.example", "https://a b", "(" * 300, ""])
def test_what_is_no_origin_at_all_is_better_left_out(origin):
    said = explain(origin, ORIGINS=[APP])
    assert said.endswith("A program needs none: let it send no Origin.")


@pytest.mark.parametrize(
    "origin",
    ["chrome-extension://abc", "app://-", "exp://10.0.0.1:81", "wss://a.example", "https://xn--f"],
)  # fmt: skip
def test_what_cannot_be_a_servers_own_is_not_told_to_be_named_so(origin):
    app = application(SIO_CORS_ORIGINS=[APP])
    app.debug = True
    answer = app.test_client().get(
        "/socket.io/?EIO=4&transport=polling", headers={"Origin": origin}
    )
    assert "SIO_CORS_OWN_ORIGINS" not in answer.json["message"]


@pytest.mark.parametrize(
    "origin",
    [
        "moz-extension://3f8a7b1c-1d2e-4f5a-9b8c-7d6e5f4a3b2c",
        "safari-web-extension://3F8A7B1C-1D2E-4F5A-9B8C-7D6E5F4A3B2C",
        "vscode-webview://10kbrrqvl8foiqadlf2vq1l9snpjtar16g1350ud9j16se4j4bj9",
        "vscode-webview://b421f05c-bc2d-4615-afaa-2a4df3cbdfb1",
    ],
)
@pytest.mark.parametrize("config", [{}, {"ORIGINS": ["https://a.example"]}])
@pytest.mark.parametrize("with_credentials", [False, True])
def test_of_names_that_nobody_knows_beforehand_all_are_told(origin, config, with_credentials):
    credentials = {"SUPPORTS_CREDENTIALS": True} if with_credentials else {}
    said = explain(origin, **config, **credentials)
    assert "another name" in said
    entry = re.search(r"In SIO_CORS_ORIGINS, '(regex:.*?)' lets in all", said)[1]
    written = {"SIO_CORS_ORIGINS": [entry], "SIO_CORS_SUPPORTS_CREDENTIALS": with_credentials}
    if with_credentials:
        tolerated = re.search(r"(SIO_CORS_TOLERATE_PUBLIC_SUFFIXES) = \['(.*?)'\]", said)
        written[tolerated[1]] = [tolerated[2]]
    assert origin in Options.from_config(written).origins
    assert f"{origin}.evil" not in Options.from_config(written).origins


APP = "https://app.example.com"
DEVELOPERS = "http://localhost:3000"

#: What is refused, what is listed, and what is said of it.
NEAR: dict[str, tuple[str, object, str]] = {
    "the scheme": (
        "http://app.example.com",
        [APP],
        f"'{APP}' is allowed; this page comes by http:. Serve the page by https:, or add",
    ),
    "the scheme, the other way round": (
        "https://localhost:3000",
        [DEVELOPERS],
        f"this page comes by https:. Open it as {DEVELOPERS}, or add",
    ),
    "the scheme of an app": (
        "capacitor://localhost",
        ["ionic://localhost"],
        "'ionic://localhost' is allowed; this page comes by capacitor:. To let it in, add",
    ),
    "the port": (
        "http://localhost:5173",
        [APP, DEVELOPERS],
        f"'{DEVELOPERS}' is allowed; this page comes from port 5173. Serve it as {DEVELOPERS}, or",
    ),
    "no port": ("http://localhost", [DEVELOPERS], "comes from port 80, the default."),
    "a www.": ("https://www.example.com", ["https://example.com"], "comes from www.example.com."),
    "no www.": ("https://example.com", ["https://www.example.com"], "comes from example.com. Open"),
    "the name of this machine": (
        "http://127.0.0.1:3000",
        [DEVELOPERS],
        f"this page comes from 127.0.0.1. Open it as {DEVELOPERS}, or add",
    ),
    "its name in IPv6, and any port": (
        "http://[::1]:3000",
        ["http://localhost:*"],
        f"'{DEVELOPERS}' is allowed; this page comes from [::1]. Open it as",
    ),
    "its name and the port": (
        "http://127.0.0.1:5173",
        [DEVELOPERS],
        "comes from 127.0.0.1 and from port 5173.",
    ),
    "a dot": (
        "https://app.example.com.",
        [APP],
        "from app.example.com. (with a dot at its end). Open",
    ),
    "a letter": (
        "https://app.exmaple.com",
        [APP],
        f"'{APP}' is allowed; this page comes from app.exmaple.com, which is one letter off. If it "
        "is yours, add",
    ),
    "the scheme of a wildcard": (
        "http://a.example.com",
        ["https://*.example.com"],
        "'https://a.example.com' is allowed; this page comes by http:.",
    ),
    "the port of a wildcard": (
        "https://a.example.com:8443",
        ["https://*.example.com"],
        "'https://a.example.com' is allowed; this page comes from port 8443. Serve it as "
        "https://a.example.com, or add 'https://a.example.com:8443' (or "
        "'https://*.example.com:8443', for all of its kind) to the list.",
    ),
    "the port of a network": (
        "http://192.168.1.5:3000",
        ["http://192.168.1.0/24"],
        "(or 'http://192.168.1.0/24:3000', for all of its kind) to the list.",
    ),
    "a wildcard's own base": (
        "https://example.com",
        ["https://*.example.com"],
        "'https://*.example.com' is, and stands for its subdomains alone. To let it in as well, "
        "add 'https://example.com' to the list.",
    ),
    "a slash": (f"{APP}/", [APP], f"is not how browsers spell '{APP}', which is allowed."),
    "capitals": ("https://App.Example.com", [APP], "is not how browsers spell"),
    "the default port": (f"{APP}:443", [APP], "is not how browsers spell"),
}


@pytest.mark.parametrize(("origin", "listed", "words"), NEAR.values(), ids=NEAR)
def test_an_origin_that_is_nearly_allowed_is_told_what_it_differs_in(origin, listed, words):
    assert words in explain(origin, ORIGINS=listed)


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        (STRANGER, [APP, DEVELOPERS, "https://*.example.com"]),
        ("http://127.0.0.1:5173", ["https://localhost:3000"]),
        ("https://customer-1.example.com", ["https://customer-2.example.com"]),
        ("https://a.example.com", ["https://b.example.com"]),
        ("capacitor://localhost", [DEVELOPERS]),
        ("attacker-http://localhost:3000", ["http://127.0.0.1:3000"]),
        ("https://app.example.com.attacker.example", [APP]),
        ("https://192.168.1.10", ["https://192.168.1.11"]),
    ],
)
def test_one_that_resembles_none_is_not_said_to(origin, listed):
    said = explain(origin, ORIGINS=listed)
    assert (
        said == f"'{origin}' is not in SIO_CORS_ORIGINS. To let it in, add '{origin}' to the list."
    )


def test_at_run_time_no_long_list_is_searched_and_no_expression_asked():
    many = [f"http://localhost:{port}" for port in range(3000, 3000 + SCANNED + 1)]
    assert "this page comes" not in explain("http://localhost:9", ORIGINS=many)
    assert "this page comes from 127.0.0.1" in explain("http://127.0.0.1:3000", ORIGINS=many)
    expression = re.compile(r"https://pr-\d+\.example\.com")
    assert "this page comes" not in explain("http://pr-7.example.com", ORIGINS=expression)


def test_what_is_everybodys_is_not_proposed_for_the_list():
    for config in ({}, {"ORIGINS": [APP]}):
        said = explain("null", **config)
        assert "lets every site in. Serve the page by http: or https:" in said
        assert "add" not in said


@pytest.mark.parametrize("reason", [reason for reason in Reason if "allowed" not in reason.value])
def test_every_refusal_has_a_sentence_without_control_characters(reason):
    page = Identity(Who.STRANGER, reason, "Origin")
    origin = "https://\r\n\x00\x1b[31m.example"
    said = explain_refusal(reason, page, origin, Options.from_config({}))
    assert said.isprintable()
    assert said.endswith((".", "]"))


@pytest.mark.parametrize(
    ("origin", "instead"),
    [
        ("wss://chat.example.com", "'https://chat.example.com' (in Swift: .extraHeaders("),
        ("ws://192.168.1.7:5000", "'http://192.168.1.7:5000'"),
        ("http://1.2.3", "'http://1.2.0.3'"),
        ("https://xn--f.example", "the origin of a page"),
    ],
)
@pytest.mark.parametrize("listed", [[], ["https://a.example"]])
def test_what_no_list_can_name_is_not_told_to_be_listed(origin, instead, listed):
    told = explain(origin, ORIGINS=listed)
    assert "no list can name it" in told
    assert f"send {instead}" in told
    with pytest.raises(ConfigError):
        Options.from_config({"SIO_CORS_ORIGINS": [origin]})


@pytest.mark.parametrize("listed", [[], ["https://a.example"], ["https://example.com"]])
@pytest.mark.parametrize("port", ["", ":8443"])
def test_what_is_told_to_be_listed_can_be_listed_with_a_dot_at_its_end(listed, port):
    origin = f"https://example.com.{port}"
    told = explain(origin, ORIGINS=listed)
    added = re.findall(rf"'(https://example\.com\.?{port})'", told)
    assert added.count(origin) >= 1
    assert f"{origin!r} and {origin!r}" not in told
    assert origin in Options.from_config({"SIO_CORS_ORIGINS": [*listed, *added]}).origins


def test_a_list_that_flask_cors_reads_is_not_told_to_be_changed():
    options = Options.from_config({"CORS_ORIGINS": ["https://a.example"]})
    page = Identity(Who.STRANGER, Reason.ORIGIN_NOT_ALLOWED, "Origin")
    told = explain_refusal(Reason.ORIGIN_NOT_ALLOWED, page, STRANGER, options)
    assert "SIO_CORS_ORIGINS, since others read CORS_ORIGINS, too" in told
