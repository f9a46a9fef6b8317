"""What an origin is, the pattern grammar, and sets of origins."""

import re

import pytest
from ada_url import idna_to_ascii

from flask_sio_cors.origins.grammar import (
    MAX_ORIGIN_LENGTH,
    OriginPattern,
    is_address,
    is_app_scheme,
    is_insecure,
    is_loopback,
    is_number,
    is_well_formed,
    parse_pattern,
)
from flask_sio_cors.origins.sets import OriginSet


def origin_set(*texts, regexes=()):
    return OriginSet(map(parse_pattern, texts), map(re.compile, regexes))


# --- The grammar ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("https://example.com", ("https", "example.com", "", False)),
        ("http://localhost:3000", ("http", "localhost", "3000", False)),
        ("http://localhost:*", ("http", "localhost", "*", False)),
        ("https://*.example.com", ("https", "example.com", "", True)),
        ("https://*.example.com:8443", ("https", "example.com", "8443", True)),
        ("https://*.example.com:*", ("https", "example.com", "*", True)),
        ("https://*.com", ("https", "com", "", True)),
        ("http://[::1]:3000", ("http", "[::1]", "3000", False)),
        ("http://[::ffff:7f00:1]", ("http", "[::ffff:7f00:1]", "", False)),
        ("http://[2001:db8:0:1::1]", ("http", "[2001:db8:0:1::1]", "", False)),
        ("http://192.0.2.255:3000", ("http", "192.0.2.255", "3000", False)),
        ("https://xn--bcher-kva.example", ("https", "xn--bcher-kva.example", "", False)),
        ("https://*.xn--p1ai", ("https", "xn--p1ai", "", True)),
        ("https://example.com.", ("https", "example.com.", "", False)),
        ("http://example.com.:3999", ("http", "example.com.", "3999", False)),
        ("http://localhost.:*", ("http", "localhost.", "*", False)),
        ("https://*.example.com.", ("https", "example.com.", "", True)),
        ("https://example.com:80", ("https", "example.com", "80", False)),
        ("http://example.com:65535", ("http", "example.com", "65535", False)),
        ("https://pr-*.example.com", ("https", "pr-*.example.com", "", False)),
        ("https://*-pr.example.com:8443", ("https", "*-pr.example.com", "8443", False)),
        ("https://a.p*r.b.example.com:*", ("https", "a.p*r.b.example.com", "*", False)),
        ("http://app-*.localhost:3000", ("http", "app-*.localhost", "3000", False)),
        ("http://192.168.0.0/16:*", ("http", "192.168.0.0/16", "*", False)),
        ("https://10.1.2.3/32", ("https", "10.1.2.3/32", "", False)),
        ("http://[fd00::]/8:3000", ("http", "[fd00::]/8", "3000", False)),
        ("null", ("null", "", "", False)),
        ("file://", ("file", "", "", False)),
        ("capacitor://localhost", ("capacitor", "localhost", "", False)),
        ("exp://192.168.1.5:8081", ("exp", "192.168.1.5", "8081", False)),
        ("safari-web-extension://AB-12", ("safari-web-extension", "AB-12", "", False)),
    ],
)
def test_a_pattern_is_read_into_its_parts_and_written_back(text, pattern):
    assert parse_pattern(text) == pattern
    assert str(OriginPattern(*pattern)) == text


@pytest.mark.parametrize(
    "text",
    """https://example.com/ https://Example.com HTTPS://example.com example.com //example.com
    https://example.com:443 http://example.com:80 https://*.example.com:443 https://example.com:
    https://example.com:0 https://example.com:65536 https://example.com:08 https://example.com:+1
    https://user@example.com https://example.com?x https://example.com#x https://example.com..
    https://.example.com https://a..b https://bücher.example https://*example.com
    https://a**.example.com https://*.*.example.com https://* *://example.com https://a.*.com
    https://*.a*.example.com https://a*b*.example.com https://a*.com https://a.b* https://a-*
    http://8.8.8.0/24 http://10.0.0.1/8 http://10.*.0.* http://10.0.*:80 http://172.32.0.0/12
    http://0.0.0.0/0 http://[fd00::1]/8 http://[2001:db8::]/32 http://[::ffff:10.0.0.0]/104
    http://192.168.1.x http://192.168.1.1-254 http://*.10.0.0.0/8 http://10.0.0.0/33 http://10.0.0.*.*
    https://127.1 https://*.127.0.0.1 https://1.2.3.4.5 https://0x7f.1 https://a.1 https://a.0x
    http://[::01] http://[0:0:0:0:0:0:0:1] http://[::ffff:1.2.3.4] http://[fe80::1%eth0]
    http://[1:0:0:2:0:0:0:3] http://[::0001] http://[1:2:3] http://[1::2:3:4:5:6:7:8]
    http://127.0.0.1. http://127.0.0.1.:3999 http://*.127.0.0.1. http://127.0.0.01 http://256.1.1.1
    http://2130706433 http://1:6060 http://a.255 https://*. https://. https://*..example.com
    http://*.[::1] http://[::1 http://::1 http://[::1]1 http://a[::1] http://[a] capacitor://*
    capacitor://localhost:* app://a/b
    app://localhost:65536 ws://example.com wss://example.com ftp://example.com htp://example.com
    httpss://example.com hppts://a data://a about://blank blob://x javascript://x
    file://example.com file://example.com:80 file://localhost file://. file://:80 file://*
    view-source://a.example NULL Null file:/// * ^https://a$ https://a|b""".split(),
)
def test_what_browsers_do_not_serialise_is_no_pattern(text):
    assert parse_pattern(text) is None


@pytest.mark.parametrize("text", ["", " ", "https://a.example\n", " https://a.example", "a\x00b"])
def test_white_space_is_never_a_part_of_a_pattern(text):
    assert parse_pattern(text) is None


def test_labels_have_up_to_63_characters_and_hosts_up_to_253():
    assert parse_pattern(f"https://{'a' * 63}.example")
    assert parse_pattern(f"https://{'a' * 64}.example") is None
    longest = f"https://{'a.' * 126}a"
    assert parse_pattern(longest)
    assert parse_pattern(f"{longest}.")
    assert parse_pattern(f"{longest}a") is None
    assert parse_pattern(f"{longest}a.") is None


@pytest.mark.parametrize(
    "label",
    # Nothing, no punycode, no end, ASCII, another spelling of "www", and of "xn--…".
    ["xn--", "xn--f", "xn--a", "xn--99999", "xn--abc-", "xn--8i7caa", "xn--xn--zca-hia"],
)
def test_the_punycode_of_no_name_is_in_no_pattern(label):
    for host in (label, f"{label}.example", f"*.{label}.example", f"a.{label}", f"{label}."):
        assert parse_pattern(f"https://{host}") is None
        assert parse_pattern(f"http://{host}:*") is None


@pytest.mark.parametrize("name", ["faß", "例え", "😀", "ελλάδα", "امارات", "नेटवर्क"])
def test_the_punycode_of_any_name_is_a_pattern(name):
    host = idna_to_ascii(name).decode()
    assert host.startswith("xn--")
    assert parse_pattern(f"https://{host}.example") == ("https", f"{host}.example", "", False)
    assert parse_pattern(f"https://*.{host}:*") == ("https", host, "*", True)


@pytest.mark.parametrize("text", ["null", "file://"])
def test_an_origin_that_any_page_can_obtain_is_opaque(text):
    assert parse_pattern(text).is_opaque


@pytest.mark.parametrize("text", ["https://null", "capacitor://", "app://."])
def test_other_origins_without_a_domain_are_not_opaque(text):
    assert not parse_pattern(text).is_opaque


@pytest.mark.parametrize(
    "scheme", ["capacitor", "tauri", "chrome-extension", "app", "com.example.app", "exp", "x"]
)
def test_schemes_of_apps_and_extensions_are_known_by_their_form(scheme):
    assert is_app_scheme(scheme)


@pytest.mark.parametrize(
    "scheme",
    """http https ws wss ftp htp htps htttp httpss hppt ttps data about blob javascript mailto
    view-source filesystem HTTP 1app app_x""".split(),
)
def test_schemes_that_no_page_has_are_none_of_apps(scheme):
    assert not is_app_scheme(scheme)


# --- Addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "a.1", "a.0x7f.", "[::1]", "[junk]"])
def test_a_host_in_brackets_or_that_ends_in_a_number_is_an_address(host):
    assert is_address(host)


@pytest.mark.parametrize("host", ["", ".", "a", "1.a", "1.a.", "1..", "127.0.0.1.nip.io"])
def test_any_other_host_is_a_name(host):
    assert not is_address(host)


@pytest.mark.parametrize("label", ["1", "0", "0177", "0x", "0X7f", "0xcafe"])
def test_a_last_label_of_digits_makes_an_address(label):
    assert is_number(label)


@pytest.mark.parametrize("label", ["", "a", "1a", "0xg", "x1", "com"])
def test_any_other_last_label_makes_a_name(label):
    assert not is_number(label)


@pytest.mark.parametrize(
    "host",
    """localhost a.localhost localhost. a.localhost. [::1] 127.0.0.1 127.9.9.9 127.1""".split(),
)
def test_a_loopback_host_is_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.net",
        "evillocalhost",
        "localhost..",
        ".",
        "127.0.0.1.nip.io",
        "127.evil.net",
        "[::2]",
        "1.2.3.4",
    ],
)
def test_a_host_that_looks_like_loopback_is_another_machine(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com",
        "http://example.com:3000",
        "http://[2001:db8::1]:3000",
        "http://10.0.0.5",
    ],
)
def test_an_origin_without_encryption_is_insecure(origin):
    assert is_insecure(origin)


@pytest.mark.parametrize(
    "origin",
    """https://example.com http://localhost http://localhost:3000 http://[::1] http://[::1]:3000
    http://127.0.0.1:80 http://a.localhost:1 http://localhost.:1 capacitor://localhost null file://""".split(),
)
def test_https_loopback_and_apps_are_not_insecure(origin):
    assert not is_insecure(origin)


# --- What browsers can send -------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    """https://example.com http://example.com:8443 https://example.com. http://[::1]:3000 null
    file:// app://. tauri://localhost https://a_b.example http://example.com:443""".split(),
)
def test_what_browsers_send_is_well_formed(origin):
    assert is_well_formed(origin)


@pytest.mark.parametrize(
    "text",
    """Null https://EXAMPLE.com https://example.com/ https://a@b.example https://example.com:443
    http://example.com:80 http://[::1]:80 https://example.com:0 https://example.com:65536
    https://example.com:01 https://a`.example https://a..example https:// https://.a http://[::1""".split(),
)
def test_what_no_browser_sends_is_not_well_formed(text):
    assert not is_well_formed(text)


@pytest.mark.parametrize("text", ["", "https://a.example\n", "null\n", "https://a\x00.example"])
def test_control_characters_are_never_well_formed(text):
    assert not is_well_formed(text)


def test_nothing_longer_than_the_limit_is_well_formed():
    app = f"{'a' * 32}://{'b' * 253}:65535"
    assert len(app) < MAX_ORIGIN_LENGTH
    assert is_well_formed(app)
    assert not is_well_formed(f"https://{'a.' * 150}example")


# --- Sets -------------------------------------------------------------------------------------


def test_an_empty_set_lets_nothing_in_and_is_false():
    assert not OriginSet()
    assert "https://a.example" not in OriginSet()
    assert OriginSet().rule("https://a.example") is None


@pytest.mark.parametrize(
    "one", ["https://a.example", "https://*.a.example", "http://a:*", "http://*.a.example:*"]
)
def test_a_set_with_anything_in_it_is_true(one):
    assert origin_set(one)
    assert origin_set(regexes=["a"])


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://example.com", "https://example.com"),
        ("https://*.example.com", "https://a.example.com"),
        ("https://*.example.com", "https://a.b.example.com"),
        ("https://*.example.com:8443", "https://a.example.com:8443"),
        ("https://*.example.com:*", "https://a.example.com"),
        ("https://*.example.com:*", "https://a.example.com:80"),
        ("http://localhost:*", "http://localhost"),
        ("http://localhost:*", "http://localhost:65535"),
        ("http://[::1]:*", "http://[::1]:3000"),
        ("http://[::1]:*", "http://[::1]"),
        ("http://example.com.:3999", "http://example.com.:3999"),
        ("http://example.com.:*", "http://example.com."),
        ("http://example.com.:*", "http://example.com.:3999"),
        ("https://*.example.com.", "https://a.b.example.com."),
        ("https://*.example.com.:8443", "https://a.example.com.:8443"),
        ("https://*.example.com.:*", "https://a.example.com.:8443"),
        ("null", "null"),
    ],
)
def test_a_pattern_lets_in_what_it_names_and_says_so_in_its_own_words(listed, origin):
    assert origin in origin_set(listed)
    assert origin_set(listed).rule(origin) == listed


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://example.com", "http://example.com"),
        ("https://example.com", "https://a.example.com"),
        ("https://example.com", "https://example.com:443"),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "http://a.example.com"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://a..example.com"),
        ("https://*.example.com", "https://A.example.com"),
        ("https://*.example.com", "https://a.example.com."),
        ("https://example.com", "https://example.com."),
        ("https://example.com.", "https://example.com"),
        ("https://*.example.com.", "https://a.example.com"),
        ("https://*.example.com.", "https://example.com."),
        ("https://*.example.com.", "https://a..example.com."),
        ("http://example.com.:*", "http://example.com:3999"),
        ("https://*.example.com", "https://a.example.com:8443"),
        ("https://*.example.com", "https://evil/.example.com"),
        ("https://*.example.com", "https://evil:1.example.com"),
        ("https://*.example.com", "a.example.com"),
        ("https://*.example.com", f"https://{'a' * 64}.example.com"),
        ("https://*.example.com:8443", "https://a.example.com"),
        ("https://*.example.com:*", "https://a.example.com:443"),
        ("https://*.example.com:*", "https://example.com:8443"),
        ("http://localhost:*", "http://localhost:80"),
        ("http://localhost:*", "http://localhost:"),
        ("http://localhost:*", "http://localhost:0"),
        ("http://localhost:*", "http://localhost:03000"),
        ("http://localhost:*", "http://localhost:65536"),
        ("http://localhost:*", "http://localhost:٣"),
        ("http://localhost:*", "http://localhost:²"),
        ("http://localhost:*", "http://localhost:1:2"),
        ("http://localhost:*", "https://localhost:3000"),
        ("http://[::1]:*", "http://[::1]:80"),
        ("null", "Null"),
    ],
)
def test_a_pattern_keeps_out_what_it_does_not_name(listed, origin):
    assert origin not in origin_set(listed)
    assert origin_set(listed).rule(origin) is None


def test_a_wildcard_never_matches_its_own_base_domain():
    both = origin_set("https://*.example.com", "https://example.com")
    assert "https://example.com" not in origin_set("https://*.example.com")
    assert {"https://example.com", "https://a.example.com"} <= {
        origin for origin in ["https://example.com", "https://a.example.com"] if origin in both
    }


@pytest.mark.parametrize("first", ["http", "https"])
def test_one_host_can_have_wildcards_of_both_schemes_in_any_order(first):
    second = {"http": "https", "https": "http"}[first]
    one, both = (
        origin_set(f"{first}://*.a.example"),
        origin_set(f"{first}://*.a.example", f"{second}://*.a.example"),
    )
    assert [f"{scheme}://x.a.example" in one for scheme in (first, second)] == [True, False]
    assert [f"{scheme}://x.a.example" in both for scheme in (first, second)] == [True, True]
    assert both.rule(f"{second}://x.a.example") == f"{second}://*.a.example"


def test_a_wildcard_within_another_ones_domain_adds_nothing_and_takes_nothing():
    nested = origin_set("https://*.example.com", "https://*.b.example.com")
    for origin in ("https://a.example.com", "https://b.example.com", "https://a.b.example.com"):
        assert origin in nested
    other_port = origin_set("https://*.example.com", "https://*.b.example.com:8443")
    assert "https://a.b.example.com" in other_port
    assert "https://a.example.com:8443" not in other_port


@pytest.mark.parametrize("labels", ["a", "a.b", "a.b.c"])
def test_wildcards_of_any_length_stand_beside_one_another(labels):
    listed = ("https://*.io", "https://*.t.co", "https://*.app.example.com", "https://x.example")
    for text in listed[:3]:
        origin = text.replace("*", labels)
        for listing in ([text], listed, listed[::-1]):
            assert origin in origin_set(*listing)
        assert origin not in origin_set(*(other for other in listed if other != text))


def test_a_regular_expression_matches_from_end_to_end_only():
    origins = origin_set(regexes=[r"https://(www\.)?example\.com"])
    assert "https://www.example.com" in origins
    assert "https://example.com.evil.net" not in origins
    assert "xhttps://example.com" not in origins
    assert origins.rule("https://example.com") == r"re.compile('https://(www\\.)?example\\.com')"


def test_a_regular_expression_sees_only_what_browsers_send():
    origins = origin_set(regexes=[".*", "(?s:.*)"])
    assert "https://anything.example" in origins
    for text in ("", "x", "https://evil.net/.example.com", "https://a.example\n", "a" * 10_000):
        assert text not in origins


def test_the_first_regular_expression_that_matches_is_the_rule():
    origins = origin_set("https://a.example", regexes=["https://b.*", "https://.*"])
    assert origins.rule("https://a.example") == "https://a.example"
    assert origins.rule("https://b.example") == "re.compile('https://b.*')"
    assert origins.rule("https://c.example") == "re.compile('https://.*')"


def test_a_set_tells_whether_it_has_regular_expressions():
    assert origin_set("https://a.example", regexes=["a"]).has_regexes
    assert not origin_set("https://*.a.example").has_regexes


def test_a_megabyte_is_in_no_set():
    origins = origin_set("https://*.a.example", "http://a:*", "https://*.b:*", regexes=[".*"])
    assert f"https://{'a.' * 2**19}a.example" not in origins
