"""Several entries in one text, as the environment holds them."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.config.origins import EveryOrigin
from flask_sio_cors.origins.texts import are_origins, entries, joined, listed_in
from tests.support.examples import up_to
from tests.support.pasting import problems_in

bounded = up_to(300)

ENTRIES = """https://a.example https://*.b.example:8443 http://localhost:* https://pr-*.c.example
null http://192.168.0.0/16:* http://[fd00::]/8 http://[::1]:3000 capacitor://localhost file:// *
d.example localhost:3000 raspberrypi:5000 https://(www|app)\\.e\\.example https://[a-z]{2,3}\\.f\\.example""".split()
REGEXES = [
    r"regex:https://x\d{1,3}\.g\.example",
    "regex:https://(a|b) ?,;h",
    "regex:https://[^,; ]+",
]


def split(text):
    return list(entries(text, are_origins))


def split_slowly(text):
    """Split a text, obviously: an expression takes the rest of its line, anything else a word."""
    found = []
    for line in text.split("\n"):
        words, start = [], 0
        for word in re.finditer(r"[^\s,;]+", re.sub(r"(?<=\{2),(?=3\})", "#", line)):
            start = word.start()
            if word[0].startswith("regex:"):
                words.append(line[start:].strip())
                break
            words.append(word[0].replace("#", ","))
        found += words
    return found


separators = st.sampled_from(
    [",", ", ", " , ", ";", "; ", " ", "  ", "\t", "\n", ",\n", "\n\n", ";;"]
)


@bounded
@given(st.lists(st.tuples(st.sampled_from([*ENTRIES, *REGEXES]), separators), max_size=7))
def test_it_is_as_the_reference_has_it(parts):
    text = "".join(f"{entry}{separator}" for entry, separator in parts)
    assert split(text) == split_slowly(text)


@bounded
@given(st.lists(st.sampled_from([*ENTRIES, *REGEXES]), max_size=7, unique=True))
def test_what_is_joined_is_taken_apart_again(listed):
    assert sorted(split(joined(listed))) == sorted(listed)
    assert listed_in(json.dumps(listed)) == listed
    assert listed_in(repr(listed)) == listed


@bounded
@given(st.text(alphabet="ahtps:/.,; \n*[](){}\\\"'\u00e9\u2028#regx", max_size=60))
def test_any_text_is_read_or_explained(text):
    assert all(problem.reason for problem in problems_in({"SIO_CORS_ORIGINS": text}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://exa mple.com", ["https://exa mple.com"]),
        ("https://a.example # in production", ["https://a.example", "# in production"]),
        ("https://a.example#b, d.example", ["https://a.example#b", "d.example"]),
        ("# a, b\nregex:https://a # c", ["# a, b", "regex:https://a", "# c"]),
        ("//a.example // the front end", ["//a.example", "// the front end"]),
        ("http://a:81, 82,d.example,80", ["http://a:81, 82", "d.example", "80"]),
        ("https://a.example\\nhttps://b.example", ["https://a.example", "https://b.example"]),
        (r"regex:https://[^\n]+\.a\.example", [r"regex:https://[^\n]+\.a\.example"]),
        ("https;//a.example", ["https;//a.example"]),
        ("Regex: https://a", ["Regex: https://a"]),
        ("https://a.example,regex:https://b, c", ["https://a.example", "regex:https://b, c"]),
        ("https://a.example/regex:b", ["https://a.example/regex:b"]),
        ("", []),
        (" ,;\n", []),
    ],
)
def test_what_separates_and_what_does_not(text, expected):
    assert split(text) == expected


@pytest.mark.parametrize(
    "value", ["*", " * ", "*,", ["*"], [" *"], '["*"]', "['*']", ("*",), "*\n*"]
)
def test_a_star_alone_is_every_origin_however_it_is_listed(value):
    options = Options.from_config({"SIO_CORS_ORIGINS": value})
    assert options.origins is EveryOrigin.WILDCARD


@pytest.mark.parametrize("value", ["", " ", "[]", ",", "()", "false", "off", "0", [], None])
def test_nothing_is_the_own_origin_only(value):
    assert not Options.from_config({"SIO_CORS_ORIGINS": value}).origins


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (
            r"regex:https://pr-\d+\.example\.com",
            ["https://pr-7.example.com"],
            [
                "https://pr-7.example.com.evil.com",
                "https://pr-7xexample.com",
                "xhttps://pr-7.example.com",
            ],
        ),
        (
            "https://a.example; regex:https://b{2,3}\\.example\nhttps://c.example",
            ["https://a.example", "https://bbb.example", "https://c.example"],
            ["https://bbbb.example", "https://b.example", "https://bbb.example\n"],
        ),
        (r"regex: (?i)https://A\.example", ["https://a.example"], ["https://b.example"]),
        ('["regex:https://a\\\\d"]', ["https://a1"], ["https://a\\d", "https://a12"]),
    ],
)
def test_an_expression_as_text_matches_from_end_to_end(text, inside, outside):
    origins = Options.from_config({"SIO_CORS_ORIGINS": text}).origins
    assert all(origin in origins for origin in inside)
    assert not any(origin in origins for origin in outside)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("regex:https://a\\.example, https://b.example", "runs to the end of its line"),
        ("regex:https://a\\.example regex:https://b\\.example", "runs to the end of its line"),
        ("regex:https://(a", "no valid regular expression"),
        ("regex:(?=a)https://a", "looks around"),
        ("regex:https://(a{1,100}){1,10}", "costs more than"),
    ],
)
def test_an_expression_as_text_that_cannot_decide_is_explained(text, reason):
    with pytest.raises(ConfigError, match=reason):
        Options.from_config({"SIO_CORS_ORIGINS": text})


def test_a_long_text_is_taken_apart_in_time():
    text = ", ".join(f"https://a{n}.example" for n in range(100_000))
    hostile = ["[" * 20_000, "," * 200_000, "{," * 50_000, "regex:" * 20_000, "\\n" * 50_000]
    start = time.thread_time()
    assert len(split(text)) == 100_000
    for one in hostile:
        split(one)
    assert time.thread_time() - start < 5


@pytest.mark.parametrize(
    ("origins", "tolerated", "is_error"),
    [
        (["https://*.github.io"], False, True),
        (["https://*.github.io"], ["https://*.github.io"], False),
        ("https://*.github.io", "https://*.github.io, https://*.gitlab.io", False),
        (["https://*.github.io", "https://*.gitlab.io"], ["https://*.github.io"], True),
        (["https://pr-*.vercel.app"], '["https://pr-*.vercel.app"]', False),
        (["https://pr-*.vercel.app"], ["https://x-*.vercel.app"], True),
        ([re.compile(r"https://x.*\.github\.io")], [re.compile(r"https://x.*\.github\.io")], False),
        (r"regex:https://x.*\.github\.io", r"regex:https://x.*\.github\.io", False),
        ([re.compile(r"https://x.*\.github\.io")], r"regex:https://x.*\.github\.io", False),
        (r"regex:https://x.*\.github\.io", ["https://*.github.io"], True),
        (["https://*.github.io"], "true", False),
        (["https://*.github.io"], [], True),
    ],
)
def test_public_suffixes_can_be_tolerated_entry_by_entry(origins, tolerated, is_error):
    config = {
        "SIO_CORS_ORIGINS": origins,
        "SIO_CORS_SUPPORTS_CREDENTIALS": True,
        "SIO_CORS_TOLERATE_PUBLIC_SUFFIXES": tolerated,
    }
    if is_error:
        with pytest.raises(ConfigError, match="lets in whoever registers"):
            Options.from_config(config)
    else:
        Options.from_config(config)


def test_what_is_tolerated_is_spelled_as_it_is_listed():
    with pytest.raises(ConfigError, match="SIO_CORS_TOLERATE_PUBLIC_SUFFIXES"):
        Options.from_config({"SIO_CORS_TOLERATE_PUBLIC_SUFFIXES": ["*.github.io"]})
