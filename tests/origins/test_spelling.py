"""What is said of an origin that is misspelt, and what is written instead."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from flask_sio_cors.origins.grammar import parse_pattern
from flask_sio_cors.origins.sets import OriginSet
from flask_sio_cors.origins.spelling import EXAMPLE, correct
from tests.support.examples import up_to
from tests.support.pasting import problems_in

bounded = up_to(400)

ONE = "https://app.example"


def corrected(text):
    """The values that a correction stands for."""
    return [
        re.compile(entry.removeprefix("regex:")) if entry.startswith("regex:") else entry
        for entry in correct(text).correction
    ]


def lets_in(text, origin):
    values = corrected(text)
    patterns = [parse_pattern(value) for value in values if isinstance(value, str)]
    return origin in OriginSet(patterns, [v for v in values if isinstance(v, re.Pattern)])


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        # scheme
        ("app.example", ONE),
        ("//app.example", ONE),
        ("://app.example", ONE),
        ("https:app.example", ONE),
        ("https:/app.example", ONE),
        ("https:///app.example", ONE),
        ("https//app.example", ONE),
        ("https;//app.example", ONE),
        ("https.//app.example", ONE),
        ("https:\\\\app.example", ONE),
        ("https ://app.example", ONE),
        ("https:// app.example", ONE),
        ("Https://app.example", ONE),
        ("wss://app.example", ONE),
        ("ws://app.example", "http://app.example"),
        ("WSS://app.example/socket.io/", ONE),
        ("http*://app.example", ONE),
        ("*://app.example", ONE),
        ("htps://app.example", ONE),
        ("htttps://app.example", ONE),
        ("ttps://app.example", ONE),
        ("htp://app.example", "http://app.example"),
        ("app.example:80", "http://app.example"),
        ("app.example:443", ONE),
        ("localhost", "http://localhost"),
        ("localhost:*", "http://localhost:*"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("blob:https://app.example/0-1", ONE),
        ("view-source:https://app.example", ONE),
        ("https://https://app.example", ONE),
        ("http://https://app.example/a", ONE),
        ("https:// https://app.example", ONE),
        # what surrounds it
        ("https://app.example/", ONE),
        ("https://app.example/*", ONE),
        ("https://app.example:*/*", "https://app.example:*"),
        ("https://app.example/a?b#c", ONE),
        ("https://me:pw@app.example", ONE),
        ("me@app.example", ONE),
        ("me:pw@localhost:3000", "http://localhost:3000"),
        (" https://app.example\t", ONE),
        ("https://app.example\r\n", ONE),
        ("https://app.example\r\nX: y", ONE),
        ("https://app.example\x00", ONE),
        ("\ufeffhttps://app.example", ONE),
        ("'https://app.example'", ONE),
        ('"https://app.example', ONE),
        ("https://app.example,", ONE),
        ("[https://app.example]", ONE),
        ("Access-Control-Allow-Origin: https://app.example", ONE),
        ("origin=https://app.example/", ONE),
        ("\u201chttps://app.example\u201d", ONE),
        ("https://app.example|", ONE),
        ("https://app.example # in production", ONE),
        ('{"origin": "https://app.example"}', ONE),
        ("('https://app.example',)", ONE),
        ("https://app.example/?next=https://evil.net", ONE),
        ("['null']", "null"),
        # host
        ("https://APP.example", ONE),
        ("https://app..example", ONE),
        ("https://.app.example", "https://*.app.example"),
        (".app.example", "https://*.app.example"),
        ("https://ap%70.example", ONE),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://例え.example", "https://xn--r8jz45g.example"),
        ("https://\uff41\uff50\uff50.example", ONE),
        ("https://app。example", ONE),
        ("https://😀.example", "https://xn--e28h.example"),
        ("http://0x7f.1:3000", "http://127.0.0.1:3000"),
        ("http://[::FFFF:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ("http://[fe80::1%25eth0]:3000", "http://[fe80::1]:3000"),
        ("::1", "http://[::1]"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("http://2001:db8::1", "http://[2001:db8::1]"),
        ("http://::1:3000", "http://[::1]:3000"),
        ("http://::1/a", "http://[::1]"),
        ("http://::1:3000/a", "http://[::1]:3000"),
        ("http://::1:*", "http://[::1]:*"),
        ("http://*.[::1]", "http://[::1]"),
        ("http://[2001:DB8::00A]", "http://[2001:db8::a]"),
        ("http://[2001:db8:0:1:0:0:0:1]", "http://[2001:db8:0:1::1]"),
        ("http://[::FFFF:0.0.0.0]", "http://[::ffff:0:0]"),
        ("1:2:3:4:5:6:7:8000", "https://[1:2:3:4:5:6:7:8000]"),
        ("http://2001:db8::1234", "http://[2001:db8::1234]"),
        ("http://0177.0.0.1", "http://127.0.0.1"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://127.0.0.1.", "http://127.0.0.1"),
        ("http://127.0.0.1.:3999", "http://127.0.0.1:3999"),
        ("http://*.0x7f.1.:81", "http://127.0.0.1:81"),
        ("https://xn--bcher-KVA.example", "https://xn--bcher-kva.example"),
        ("https://B%C3%BCcher.example", "https://xn--bcher-kva.example"),
        # port
        ("https://app.example:", ONE),
        ("https://app.example:0443", ONE),
        ("https://app.example:0", ONE),
        ("https://app.example:port", ONE),
        ("https://app.example:**", "https://app.example:*"),
        ("https://app.example:30*", "https://app.example:*"),
        ("http://localhost*", "http://localhost:*"),
        ("http://*localhost:3000", "http://localhost:3000"),
        ("localhost.", "http://localhost"),
        # apps
        ("Capacitor://localhost/", "capacitor://localhost"),
        ("capacitor:localhost", "capacitor://localhost"),
        ("app://obsidian.md/index.html", "app://obsidian.md"),
        ("capacitor://localhost:/", "capacitor://localhost"),
        ("chrome-extension:abc", "chrome-extension://abc"),
        ("NULL", "null"),
        ("file", "file://"),
        ("file:///C:/a.html", "file://"),
        ("file://localhost/a.html", "file://"),
        ("file://C:\\a.html", "file://"),
        ("file://*", "file://"),
    ],
)
def test_a_misspelt_origin_is_corrected_to_what_browsers_send(text, origin):
    assert parse_pattern(text) is None
    assert corrected(text) == [origin]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.", ONE),
        ("https://*.app.example.", "https://*.app.example"),
        ("https://app.example./a", ONE),
        ("https://app.example.:", ONE),
        ("https://app.example.:443", ONE),
    ],
)
def test_a_dot_that_a_sentence_left_at_the_end_is_taken_away(text, origin):
    assert "another host" in correct(text).reason
    assert corrected(text) == [origin]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("HTTP://app.example.:3999", "http://app.example.:3999"),
        ("app.example..:*/", "https://app.example.:*"),
        ("*.bücher.example.:81", "https://*.xn--bcher-kva.example.:81"),
    ],
)
def test_a_dot_before_a_port_stays(text, origin):
    assert "another host" not in correct(text).reason
    assert corrected(text) == [origin]


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://a.example https://b.example", ["https://a.example", "https://b.example"]),
        ("https://a.example;b.example", ["https://a.example", "https://b.example"]),
        ("https://a.example|https://b.example/", ["https://a.example", "https://b.example"]),
        ("['https://a.example', 'b.example:81']", ["https://a.example", "https://b.example:81"]),
        ("(https://a.example|https://b.example)", ["https://a.example", "https://b.example"]),
        ("https://a.example or https://b.example/", ["https://a.example", "https://b.example"]),
        ("localhost, 127.0.0.1", ["http://localhost", "http://127.0.0.1"]),
        ("null, a.example", ["null", "https://a.example"]),
        ("https://(.+)?a\\.example", ["https://a.example", "https://*.a.example"]),
        ("localhost:3000 [::1]:3000", ["http://localhost:3000", "http://[::1]:3000"]),
        ("https://(www|app)\\.a\\.example", ["https://www.a.example", "https://app.a.example"]),
        ("https://{www,app}.a.example", ["https://www.a.example", "https://app.a.example"]),
        ("https://a.[com|net]", ["https://a.com", "https://a.net"]),
        ("(http|https)://a.example", ["http://a.example", "https://a.example"]),
        ("http://localhost:{3000,3001}", ["http://localhost:3000", "http://localhost:3001"]),
        ("http://localhost:3000-3002", [f"http://localhost:300{n}" for n in range(3)]),
        ("http://localhost:3000, 3005..3006", [f"http://localhost:300{n}" for n in (0, 5, 6)]),
        ("http://localhost:3000-4000/", ["http://localhost:*"]),
        ("http(s)://a.example", ["https://a.example", "http://a.example"]),
        ("https?://a\\.example", ["https://a.example", "http://a.example"]),
        ("https://(.*\\.)?a\\.example", ["https://a.example", "https://*.a.example"]),
        ("^https://([a-z0-9-]+\\.)*a\\.example$", ["https://a.example", "https://*.a.example"]),
        (
            "https://a.example, https://www.b,co.uk:8443",
            ["https://a.example", "https://www.b.co.uk:8443"],
        ),
        (
            "http://localhost:3000,3001,https://a.example",
            ["http://localhost:3000", "http://localhost:3001", "https://a.example"],
        ),
        (
            "https://a.example\n# https://old.example\nhttps://b.example",
            ["https://a.example", "https://b.example"],
        ),
        (
            "192.168.0.0/255.255.0.0, https://a.example",
            ["http://192.168.0.0/16:*", "https://a.example"],
        ),
    ],
)
def test_several_origins_in_one_text_are_taken_apart(text, origins):
    assert corrected(text) == origins


@pytest.mark.parametrize(
    "text",
    [
        r"https://.*\.a\.example",
        r"^https://.*\.a\.example$",
        r"https://(.*)\.a\.example",
        r"https://(?:.+)\.a\.example",
        r"https://.*?\.a\.example",
        r"https://[^.]+\.a\.example",
        r"https://[a-z0-9-]{1,63}\.a\.example",
        r"https://\w+\.a\.example",
        r"https://([a-z]+\.)+a\.example",
        r"https:\/\/.*\.a\.example",
        r"/https:\/\/.*\.a\.example/",
        r"/^https:\/\/.*\.a\.example$/i",
        "https://.*.a.example",
        "https://.*a.example",
        r".*\.a\.example",
        r"\.a\.example$",
        ".a.example$",
        "https://*a.example",
        "https://**.a.example",
        "https://*.*.a.example",
        "*a.example",
    ],
)
def test_what_means_all_subdomains_is_corrected_to_a_wildcard(text):
    assert corrected(text) == ["https://*.a.example"]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("https://a-*-*.a.example", "https://a-1-2.a.example", "https://a-1-2xa.example"),
        ("https://app.*.a.example", "https://app.eu.a.example", "https://app.evil.net.a.example"),
        (r"https://app-\d+.a.example", "https://app-42.a.example", "https://app-42xa.example"),
        (r"https://app\d?.a.example", "https://app1.a.example", "https://app1xa.example"),
        ("moz-extension://*", "moz-extension://a-b", "https://a.example"),
        ("app://*.a.example/", "app://x.a.example", "app://xa.example"),
        ("capacitor://localhost:*", "capacitor://localhost:81", "capacitor://evil:81"),
    ],
)
def test_a_pattern_that_wildcards_cannot_say_becomes_a_regular_expression_without_holes(
    text, inside, outside
):
    assert isinstance(corrected(text)[0], re.Pattern)
    assert lets_in(text, inside)
    assert not lets_in(text, outside)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("http://192.168.1.7/24", "http://192.168.1.9", "http://192.168.12.7"),
        ("http://192.168.*", "http://192.168.1.7", "http://192.168.evil.net"),
        ("http://192.168.1.x", "http://192.168.1.7", "http://192.168.1.evil.net"),
        ("http://192.168.1.1-254:81", "http://192.168.1.7:81", "http://192.168.1.7"),
        ("10.0.0.0/8", "http://10.1.2.3:3000", "http://10.evil.net"),
        ("10.*", "http://10.1.2.3", "http://11.1.2.3"),
    ],
)
def test_a_network_that_is_written_otherwise_becomes_one(text, inside, outside):
    assert lets_in(text, inside)
    assert not lets_in(text, outside)


@pytest.mark.parametrize(
    "text",
    """* ** https://* http://* *://* *:* *.* https://*:* .* .+ ^.*$ all any ALL https://.* https?://.*
    "*" https://a.* https://a.example.* https://*-a.example https://a-*.example *.*:3000
    (?!https://evil).* (https://evil)?.* https://[::1]evil.net https://localhost*evil.net
    42-chrome-extension://evil.net chrome-extension*://evil.net https://evil.net:80:90
    file://evil.net file://*.evil.net""".split(),
)
def test_no_correction_lets_in_domains_that_anyone_can_register(text):
    assert correct(text).correction == (EXAMPLE,)
    assert not lets_in(text, "https://evil.net")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" \t", "is empty"),
        ("self", "the server's own is always allowed"),
        ("'self'", "the server's own is always allowed"),
        ("same-origin", "the server's own is always allowed"),
        ("None", "the server's own is always allowed"),
        ("# https://app.example", "a comment"),
        ("// the front end", "a comment"),
        ("https", "a scheme alone"),
        ("http://", "a scheme alone"),
        ("true", "truth value"),
        ("3000", "a number"),
        ("about:blank", '"about:"'),
        ("data:text/html,x", '"data:"'),
        ("/socket.io/", "is a path"),
        ("/api/*", "is a path"),
        ("!https://admin.a.example", "keeps an origin out"),
        ("n/a", "is empty"),
        ("^https?://", "means every origin"),
        ('SetEnvIf Origin "^https?://(.+\\.)?a\\.example$" ORIGIN=$0', "regular expression"),
        ("./dist/index.html", "is a path"),
        ("C:\\Users\\me\\index.html", "is a path"),
        ("origins.json", "is a path"),
        ("javascript:alert(1)", '"javascript:"'),
        ("mailto:me@app.example", '"mailto:"'),
        ("https://${HOST}", "a template"),
        ("$HOST", "a template"),
        ("https://{tenant}.a.example", "a template"),
        ("{{ origin }}", "a template"),
        ("https://%s.a.example", "a template"),
        ("https://<tenant>.a.example", "a template"),
        ('os.environ["ORIGIN"]', "a template"),
        ("%ORIGIN%", "a template"),
        ("[]", "is empty"),
        ("https://app .example", "no host name has (' ')"),
        ("import os", "no host name has (' ')"),
        ("http://173.16.0.0/12", "a network"),
        ("lambda origin: True", "a template or source"),
        ("https://?.a.example", 'a "?"'),
        ("https://[app].a.example", "brackets in its host"),
        ("https://a,b", "no host name has (',')"),
        ("http://1.2.3.4.5", "it is not one"),
        ("http://1.2.3.256:*", "it is not one"),
        ("https://a.example:-?.b", 'a "?"'),
        ("http://256.1.1.1", "it is not one"),
        ("http://09.1.1.1", "it is not one"),
        ("http://a.1", "it is not one"),
        ("http://[::1]1:6060", "no IPv6 address"),
        ("http://abc[::1]:90", "no IPv6 address"),
        ("http://[::g]", "no IPv6 address"),
        ("http://[:::::::1]", "no IPv6 address"),
        ("http://xn--f", 'has "xn--f" in its host, the punycode of no name'),
        ("https://*.xn--f.example", '"xn--f"'),
        ("XN--F.example", '"xn--f"'),
        ("https://a.xn--8i7caa.example:81/", '"xn--8i7caa"'),
        ("https://xn--ß.example", "no host name has"),
        ("file://example.com", "names a host"),
        ("file://example.com/a.html", "names a host"),
        ("FILE://example.com:80", "names a host"),
        (f"https://{'a' * 64}.example", "63 characters"),
        ("https://(a.example", "not a valid one"),
        ("[^0]{62}", "repeats so much"),
        ("https://" + "(" * 5000, "not a valid one"),
    ],
)
def test_what_cannot_be_mended_is_explained_and_an_example_is_given(text, reason):
    explained = correct(text)
    assert reason in explained.reason
    assert explained.correction in ((EXAMPLE,), ())


PIECES = r"""a . : / \ [ ] ( ) { } | * + ? ^ $ % %2c 0 9 - = # http https:// // origin ' " x _
@ < > , ; ~ é
regex: 10.0.0. :: .. {{ }} app.example localhost :3000 null""".split()


@bounded
@given(st.lists(st.sampled_from([*PIECES, " ", "\n", "\u200b"]), max_size=40).map("".join))
@example("},https://")
@example("{://*.")
@example("a\\.")
def test_whatever_is_written_is_explained_and_what_is_to_be_written_is_accepted(text):
    assume(parse_pattern(text) is None)
    reason, correction = correct(text)
    assert reason
    for entry in correction:
        config = {"SIO_CORS_ORIGINS": [entry]}
        assert problems_in(config) == ()


def test_every_mistake_in_a_text_is_named_once():
    reason = correct(" HTTPS://Me@App.Example:0443/a").reason
    assert reason == (
        "has white space or control characters around or in it; "
        "has user information, which no origin contains; "
        "has upper-case letters in its scheme, which browsers send in lower case; "
        "has a path, a query or a fragment ('/a'), which no origin contains; "
        "has upper-case letters in its host, which browsers send in lower case; "
        "has a port with leading zeros; "
        'names the default port of "https:", which browsers leave out'
    )


def test_a_regular_expression_in_quotes_loses_them():
    text = r're.compile(r"https://a\d\.example")'
    assert correct(text).correction == (r"regex:https://a\d\.example",)
    assert corrected("r'https://a[0-9].example'") == [re.compile("https://a[0-9].example")]


def test_a_regular_expression_with_quotes_is_written_so_that_python_reads_it():
    assert isinstance(corrected('https://a"\\d+')[0], re.Pattern)
    assert isinstance(corrected("https://a'\"\\d+")[0], re.Pattern)
