"""Parts of labels, and networks: the same as a slow reference, and nothing for lookalikes."""

import functools
import ipaddress
import re
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.origins.grammar import is_well_formed, parse_pattern
from flask_sio_cors.origins.sets import OriginSet
from tests.support.examples import up_to

bounded = up_to(400)


def origin_set(*texts):
    return OriginSet(map(parse_pattern, texts))


# --- Parts of labels --------------------------------------------------------------------------


def is_in_partial(pattern, origin):
    """Tell, slowly and obviously, whether one pattern lets an origin in."""
    scheme, _, site = pattern.partition("://")
    host, _, port = site.partition(":")
    found = re.fullmatch(r"(https?)://([^:]+)(?::(\d+))?", origin)
    if found is None or not is_well_formed(origin) or found[1] != scheme:
        return False
    if port != "*" and (found[3] or "") != port:
        return False
    labels, asked = host.split("."), found[2].split(".")
    if len(labels) != len(asked):
        return False
    for label, given_label in zip(labels, asked, strict=True):
        before, star, after = label.partition("*")
        if not star:
            if label != given_label:
                return False
            continue
        part = re.fullmatch(f"{re.escape(before)}[a-z0-9-]+{re.escape(after)}", given_label)
        is_foreign = given_label.startswith("xn--") and not before.startswith("xn--")
        if part is None or is_foreign:
            return False
    return True


labels = st.text("abx-n1", min_size=1, max_size=3)
partial_labels = st.builds("{}*{}".format, st.text("abxn-", max_size=4), st.text("ab-", max_size=2))
ends = st.sampled_from(["a.b", "b.a", "localhost", "a.b.a"])
ports = st.sampled_from(["", ":81", ":*"])
patterns = st.builds(
    "http{}://{}{}.{}{}".format,
    st.sampled_from(["", "s"]),
    st.sampled_from(["", "a.", "ab."]),
    partial_labels.filter(lambda label: label != "*"),
    ends,
    ports,
)


@st.composite
def origins_near(draw, pattern):
    """Yield origins of a pattern's kind, some of them in it."""
    filled = pattern.replace(":*", draw(st.sampled_from(["", ":81", ":82"])))
    star = draw(st.one_of(labels, st.sampled_from(["n--a", "", ".", "a.a", "_", "A"])))
    origin = filled.replace("*", star)
    return draw(st.sampled_from([origin, f"{origin}.c", origin.replace("http", "https", 1)]))


@bounded
@given(st.data(), st.lists(patterns, min_size=1, max_size=6))
def test_it_is_as_the_reference_has_it(data, listed):
    assert all(map(parse_pattern, listed))
    origins = origin_set(*listed)
    for pattern in listed:
        origin = data.draw(origins_near(pattern))
        expected = [one for one in listed if is_in_partial(one, origin)]
        assert (origin in origins) == bool(expected), (origin, expected)
        rule = origins.rule(origin)
        assert (rule in expected) if expected else rule is None


HOSTILE = """https://pr-.example.com https://pr-x.evil.com https://pr-x.evil.com-y.example.com
https://pr-x.y.example.com https://pr-x.example.com.evil.com https://xpr-x.example.com
https://a.pr-x.example.com https://pr-_.example.com https://pr-x_.example.com http://pr-x.example.com
https://pr-x.example.com:444 https://pr-x.example.com. https://pr-*.example.com https://pr-x.example.co
https://pr-xexample.com https://pr-x/.example.com https://pr-x%2e.example.com https://PR-x.example.com
https://pr-X.example.com https://pr-\u0430.example.com https://pr-x.example.com/ https://pr-x.example.com,
https://pr-x.example.com\x00 https://evil.com/pr-x.example.com https://evil.com@pr-x.example.com
https://pr-x@evil.example.com https://pr-x:1.example.com https://pr--.example.com.\n""".split(" ")


@pytest.mark.parametrize("origin", " ".join(HOSTILE).split())
def test_no_lookalike_gets_in(origin):
    origins = origin_set("https://pr-*.example.com", "https://xn--*.example.net")
    assert origin not in origins
    assert "https://pr-x.example.com" in origins


def test_a_label_is_as_long_as_labels_are():
    origins = origin_set("https://pr-*.example.com")
    assert f"https://pr-{'a' * 60}.example.com" in origins
    assert f"https://pr-{'a' * 61}.example.com" not in origins


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        ("https://sne-radar-*.vercel.app", "https://sne-radar-x.vercel.app"),
        ("https://*-preview.netlify.app:8443", "https://x-preview.netlify.app:8443"),
        ("https://domain-*.co.uk", "https://domain-x.co.uk"),
        ("https://a.pr-*.github.io", "https://a.pr-x.github.io"),
        ("https://pr-*.github.io.:81", "https://pr-x.github.io:81"),
        ("https://shop.auth.eu-*.amazoncognito.com", None),
        ("https://s3-*.amazonaws.com", None),
    ],
)
def test_with_credentials_a_label_that_anybody_registers_is_an_error(pattern, made):
    config = {"SIO_CORS_ORIGINS": [pattern], "SIO_CORS_SUPPORTS_CREDENTIALS": True}
    with pytest.raises(ConfigError) as raised:
        Options.from_config(config)
    [problem] = raised.value.problems
    assert f'a name such as "{made or ""}' in problem.reason
    Options.from_config({**config, "SIO_CORS_ORIGINS": eval(problem.correction)})
    Options.from_config({**config, "SIO_CORS_TOLERATE_PUBLIC_SUFFIXES": True})
    Options.from_config({"SIO_CORS_ORIGINS": [pattern]})


@pytest.mark.parametrize(
    "pattern",
    """https://pr-*.example.com https://pr-*.me.vercel.app http://app-*.localhost:3000
    https://pr-*.local https://shop.eu-*.amazoncognito.com""".split(),
)
def test_with_credentials_one_of_ones_own_names_is_none(pattern):
    Options.from_config({"SIO_CORS_ORIGINS": pattern, "SIO_CORS_SUPPORTS_CREDENTIALS": True})


# --- Networks ---------------------------------------------------------------------------------

NETWORKS = ["10.0.0.0/8", "10.1.2.0/24", "192.168.0.0/16", "172.16.0.0/12", "127.0.0.0/8"]
NETWORKS += ["192.168.7.7/32", "169.254.0.0/16", "[fd00::]/8", "[fe80::]/10", "[fd00:1::]/32"]


def is_in_network(pattern, origin):
    scheme, _, site = pattern.partition("://")
    network, _, port = site.rpartition("/")[2].partition(":")
    network = f"{site.rpartition('/')[0]}/{network}".replace("[", "").replace("]", "")
    found = re.fullmatch(r"(https?)://(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\])(?::(\d+))?", origin)
    if found is None or found[1] != scheme or not is_well_formed(origin):
        return False
    if port != "*" and (found[3] or "") != port:
        return False
    text = found[2].strip("[]")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return str(address) == text and address in ipaddress.ip_network(network)


addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.builds("10.{}.{}.1".format, st.integers(0, 300), st.integers(0, 3)),
    st.sampled_from(
        "192.168.7.7 192.168.0.256 127.0.0.1 127.1 010.0.0.1 10.0.0.01 172.31.9.9".split()
    ),
    st.sampled_from(
        "[fd00::1] [fd00:1::5] [fe80::1] [febf::1] [fec0::1] [::1] [fd00:0::1]".split()
    ),
    st.sampled_from(["[::ffff:a00:1]", "[::ffff:10.0.0.1]", "[fd00::01]", "10.0.0.1.evil.example"]),
)


@bounded
@given(
    st.lists(
        st.builds(
            "http{}://{}{}".format, st.sampled_from(["", "s"]), st.sampled_from(NETWORKS), ports
        ),
        min_size=1,
        max_size=6,
    ),
    addresses,
    st.sampled_from(["", ":81", ":82", ":80", ":443"]),
    st.sampled_from(["http", "https"]),
)
def test_an_address_is_in_as_the_reference_has_it(listed, address, port, scheme):
    origin = f"{scheme}://{address}{port}"
    expected = [pattern for pattern in listed if is_in_network(pattern, origin)]
    origins = origin_set(*listed)
    assert (origin in origins) == bool(expected)
    rule = origins.rule(origin)
    assert (rule in expected) if expected else rule is None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("http://10.*.*.*", "http://10.0.0.0/8"),
        ("http://10.0.*.*:3000", "http://10.0.0.0/16:3000"),
        ("http://192.168.1.*:*", "http://192.168.1.0/24:*"),
    ],
)
def test_octets_are_read_as_a_prefix(text, same):
    assert parse_pattern(text) == parse_pattern(same)


def test_plain_networks_with_credentials_need_to_be_tolerated():
    config = {"SIO_CORS_ORIGINS": "http://10.0.0.0/8:*", "SIO_CORS_SUPPORTS_CREDENTIALS": True}
    with pytest.raises(ConfigError, match="is not encrypted"):
        Options.from_config(config)
    Options.from_config({**config, "SIO_CORS_TOLERATE_INSECURE_ORIGINS": True})
    Options.from_config({**config, "SIO_CORS_ORIGINS": "http://127.0.0.0/8:*"})
    Options.from_config({**config, "SIO_CORS_ORIGINS": "https://10.0.0.0/8"})


# --- Cost -------------------------------------------------------------------------------------


@functools.cache
def families():
    """Return a set of two, and one of twenty thousand, which takes a while to read."""
    few = origin_set("https://pr-*.c9.example.com", "http://10.0.9.0/24:*")
    many = origin_set(
        *(f"https://pr-*.c{n}.example.com" for n in range(10_000)),
        *(f"http://10.{n // 256}.{n % 256}.0/24:*" for n in range(10_000)),
    )
    return few, many


@pytest.mark.parametrize("origin", ["https://pr-7.c9.example.com", "http://10.0.9.1:3000"])
def test_ten_thousand_families_cost_what_one_does(origin):
    few, many = families()
    assert origin in few
    assert origin in many
    timers = [timeit.Timer(lambda s=s: origin in s, timer=time.thread_time) for s in (few, many)]
    rounds = [[timer.timeit(500) for timer in timers] for _ in range(20)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    assert best[1] < 3 * best[0]
