"""Properties of origins and patterns, for whatever hypothesis thinks of.

The reference is slow and obvious on purpose: it takes texts apart by hand, one rule a line.
"""

import contextlib
import itertools
import re
import string

from hypothesis import example, given
from hypothesis import strategies as st

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.policy import Policy, complete
from flask_sio_cors.door.verdicts import Outcome
from flask_sio_cors.origins.grammar import (
    MAX_ORIGIN_LENGTH,
    is_insecure,
    is_well_formed,
    parse_pattern,
)
from flask_sio_cors.origins.sets import OriginSet
from flask_sio_cors.origins.spelling import correct
from tests.support.examples import up_to

bounded = up_to(300)

# --- The reference ----------------------------------------------------------------------------

LABEL_CHARACTERS = set(string.ascii_lowercase + string.digits + "_-")
SCHEME_CHARACTERS = set(string.ascii_lowercase + string.digits + "+.-")
EXPLICIT_PORTS = {
    "http": {str(port) for port in range(1, 65536)} - {"80"},
    "https": {str(port) for port in range(1, 65536)} - {"443"},
}


def split(text):
    """`scheme://host:port` → the three; port is `None` where there is no colon."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return None
    if rest.endswith("]") or ":" not in rest:
        return scheme, rest, None
    host, _, port = rest.rpartition(":")
    return scheme, host, port


def is_label(text):
    return 1 <= len(text) <= 63 and set(text) <= LABEL_CHARACTERS


def could_be_sent(text):
    """Whether a browser could send a text as an origin, in what is decided about it at all."""
    if text == "null":
        return True
    if len(text) > MAX_ORIGIN_LENGTH or split(text) is None:
        return False
    scheme, host, port = split(text)
    if scheme in EXPLICIT_PORTS:
        is_address = host.startswith("[") and host.endswith("]") and 2 <= len(host[1:-1]) <= 39
        return (port is None or port in EXPLICIT_PORTS[scheme]) and (
            set(host[1:-1]) <= set("0123456789abcdef:")
            if is_address
            else all(is_label(label) for label in host.removesuffix(".").split("."))
        )
    is_scheme = 1 <= len(scheme) <= 32 and set(scheme[1:]) <= SCHEME_CHARACTERS
    return (
        is_scheme
        and scheme[0] in string.ascii_lowercase
        and len(host) <= 253
        and set(host) <= set(string.ascii_letters + string.digits + "._~-")
        and (port is None or port in EXPLICIT_PORTS["http"] | {"80"})
    )


def names(pattern, origin):
    """Whether a pattern of the configuration names an origin."""
    if "*" not in pattern or len(origin) > MAX_ORIGIN_LENGTH:
        return origin == pattern
    if split(origin) is None:
        return False
    (scheme, host, port), (sent_scheme, sent_host, sent_port) = split(pattern), split(origin)
    if sent_scheme != scheme:
        return False
    if port == "*":
        if sent_port is not None and sent_port not in EXPLICIT_PORTS[scheme]:
            return False
    elif sent_port != port:
        return False
    if not host.startswith("*."):
        return sent_host == host
    base = host[1:]
    labels = sent_host[: -len(base)].split(".")
    return sent_host.endswith(base) and all(is_label(label) for label in labels)


# --- Generated patterns, and origins that are in them or nearly so ----------------------------

labels = st.sampled_from(["a", "b", "ab", "a-b", "_x", "xn--bcher-kva", "1x", "x" * 63, "com"])
hosts = st.lists(labels, min_size=1, max_size=3).map(".".join).map(lambda host: f"{host}.example")
addresses = st.sampled_from(["localhost", "127.0.0.1", "[::1]", "[2001:db8::1]", "intranet"])
schemes = st.sampled_from(["http", "https"])
ports = st.sampled_from([None, "*", "1", "81", "443", "80", "8443", "65535"])


@st.composite
def lists_of_patterns(draw):
    """A few, often with what differs from one of them in the scheme alone."""
    listed = draw(st.lists(patterns(), min_size=1, max_size=4))
    if draw(st.booleans()):
        other = with_the_other_scheme(listed[0])
        listed += [other] if parse_pattern(other) else []
    return listed


def with_the_other_scheme(text):
    scheme, separator, rest = text.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}{separator}{rest}"


@st.composite
def patterns(draw):
    scheme, port = draw(schemes), draw(ports)
    if draw(st.booleans()):
        host = draw(st.sampled_from(["", "*."])) + draw(hosts)
    else:
        host = draw(addresses)
    if port is not None and port != "*" and port not in EXPLICIT_PORTS[scheme]:
        port = None
    return f"{scheme}://{host}" + (f":{port}" if port else "")


sent_ports = st.one_of(
    st.sampled_from([None, "80", "443", "8443", "1", "65535", "65536", "99999", "0", "081", "٣"]),
    st.integers(0, 70_000).map(str),
)
pieces = st.one_of(
    st.sampled_from([".", ":", "/", "@", "a", "*", "\x00", "\n", ",", " ", "0", "A", "é"]),
    st.sampled_from([".evil.net", "evil.net", "evil.net/", ":443", ":80", ":81", "x" * 64, "a.b"]),
    st.text(max_size=3),
)


@st.composite
def origins_near(draw, pattern):
    """An origin that the pattern names, and often one more change."""
    scheme, host, port = split(pattern)
    if host.startswith("*."):
        sent_labels = st.one_of(labels, st.just("x" * 64))
        host = draw(st.lists(sent_labels, min_size=1, max_size=3).map(".".join)) + host[1:]
    if port == "*":
        port = draw(sent_ports)
    origin = f"{scheme}://{host}" + (f":{port}" if port is not None else "")
    return draw(st.one_of(st.just(origin), changes_of(origin)))


@st.composite
def changes_of(draw, text):
    piece, place = draw(pieces), draw(st.integers(0, len(text)))
    host = text.find("://") + 3
    return draw(
        st.sampled_from(
            [
                f"{text[:place]}{piece}{text[place:]}",
                f"{text[:place]}{piece}{text[place + 1 :]}",
                f"{text[:place]}{text[place : place + 1].upper()}{text[place + 1 :]}",
                f"{text[:host]}{piece}{text[host:]}",
                f"{text}{piece}",
                f"{piece}{text}",
                with_the_other_scheme(text),
                f"{text[:host]}{'b.' * 120}{text[host:]}",
                f"{text}.evil.net",
            ]
        )
    )


any_text = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=())),
    st.text(alphabet="htps:/.*[]%@?#\\-_01aé ,:", max_size=40),
    patterns().flatmap(changes_of),
)


def environ(origin):
    return {
        "REQUEST_METHOD": "GET",
        "HTTP_HOST": "server.example",
        "wsgi.url_scheme": "https",
        "QUERY_STRING": "EIO=4&transport=polling",
        "HTTP_ORIGIN": origin,
    }


# --- The properties ---------------------------------------------------------------------------


@bounded
@given(patterns())
def test_every_generated_pattern_is_read_and_written_back_as_it_was(pattern):
    assert str(parse_pattern(pattern)) == pattern


@bounded
@given(st.data(), lists_of_patterns())
def test_an_origin_is_in_a_set_if_and_only_if_the_reference_says_so(data, listed):
    origin = data.draw(
        st.one_of(st.sampled_from(listed).flatmap(origins_near), any_text), label="origin"
    )
    expected = any(names(pattern, origin) for pattern in listed)
    origins = OriginSet(map(parse_pattern, listed))
    assert (origin in origins) == expected
    rule = origins.rule(origin)
    assert (rule is not None) == expected
    if rule is not None:
        assert rule in listed
        assert names(rule, origin)


@bounded
@given(st.data(), lists_of_patterns(), st.booleans())
def test_a_policy_lets_an_origin_in_if_and_only_if_the_reference_says_so(data, listed, credentials):
    origin = data.draw(st.sampled_from(listed).flatmap(origins_near), label="origin")
    policy = Policy(
        Options.from_config(
            {
                "SIO_CORS_ORIGINS": listed,
                "SIO_CORS_SUPPORTS_CREDENTIALS": credentials,
                "SIO_CORS_TOLERATE_INSECURE_ORIGINS": True,
                "SIO_CORS_TOLERATE_PUBLIC_SUFFIXES": True,
            }
        )
    )
    expected = any(names(pattern, origin) for pattern in listed)
    # Twice: an origin that was seen before is answered from memory.
    for _ in range(2):
        verdict = complete(policy.judge(environ(origin)))
        assert (verdict.outcome is not Outcome.REFUSED) == expected
        allowed = [v for k, v in verdict.headers if k == "Access-Control-Allow-Origin"]
        assert allowed == ([origin] if expected else [])


@bounded
@given(st.data(), patterns())
def test_a_regular_expression_lets_in_what_browsers_send_and_it_matches_from_end_to_end(
    data, pattern
):
    source = re.escape(pattern.replace("*.", "WILD.")).replace("WILD", ".*")
    source = source.replace(r":\*", ":.*")
    origin = data.draw(origins_near(pattern), label="origin")
    expected = re.fullmatch(source, origin) is not None and could_be_sent(origin)
    assert (origin in OriginSet(regexes=[re.compile(source)])) == expected


LETTERS = ("a", "b", "example")
UNIVERSE_HOSTS = [
    ".".join(host) for depth in (1, 2, 3, 4) for host in itertools.product(LETTERS, repeat=depth)
]
UNIVERSE_PORTS = {"http": ("", ":81", ":443", ":8443"), "https": ("", ":80", ":81", ":8443")}
UNIVERSE = [
    f"{scheme}://{host}{port}"
    for scheme, its_ports in UNIVERSE_PORTS.items()
    for host in UNIVERSE_HOSTS
    for port in its_ports
]


@st.composite
def patterns_and_their_origins(draw):
    """A pattern of the small universe, and all origins in it, spelled out by expansion."""
    scheme = draw(schemes)
    host = draw(st.sampled_from([host for host in UNIVERSE_HOSTS if host.count(".") < 3]))
    expanded = [host]
    if draw(st.booleans()):
        depth = 4 - len(host.split("."))
        prefixes = [p for n in range(1, depth + 1) for p in itertools.product(LETTERS, repeat=n)]
        expanded = [".".join((*prefix, host)) for prefix in prefixes]
        host = f"*.{host}"
    its_ports = (draw(st.sampled_from(UNIVERSE_PORTS[scheme])),)
    port = its_ports[0]
    if draw(st.booleans()):
        port, its_ports = ":*", UNIVERSE_PORTS[scheme]
    return f"{scheme}://{host}{port}", {f"{scheme}://{h}{p}" for h in expanded for p in its_ports}


@up_to(60)
@given(st.lists(patterns_and_their_origins(), min_size=1, max_size=3))
def test_a_pattern_decides_as_the_set_of_all_origins_that_it_stands_for(generated):
    by_pattern = OriginSet(parse_pattern(pattern) for pattern, _ in generated)
    spelled_out = OriginSet(parse_pattern(o) for _, origins in generated for o in origins)
    assert [o for o in UNIVERSE if (o in by_pattern) != (o in spelled_out)] == []


@bounded
@given(any_text)
@example("http://[::1%\ud800]")
@example("https://" + "(" * 5000)
@example("((((" * 300)
@example("[" * 20_000)
@example("[[" + "a]")
@example("['https://a\\.example']")
@example("{a,b}" * 12)
@example("https://①.example")
@example("https://xn--\u00df.example")
@example("0x")
@example("https://1.0x")
@example("https://a.²")
def test_no_text_makes_reading_or_asking_raise_anything_but_its_own_error(text):
    is_well_formed(text)
    origins = OriginSet([parse_pattern("https://*.example:*")], [re.compile(".*")])
    assert (text in origins) == (origins.rule(text) is not None)
    if is_well_formed(text):
        is_insecure(text)
    assert Policy(Options.from_config({"SIO_CORS_ORIGINS": True})).judge(environ(text))
    for value in (text, [text]):
        with contextlib.suppress(ConfigError):
            Options.from_config({"SIO_CORS_ORIGINS": value})


@bounded
@given(any_text)
@example("*")
@example("https://*")
@example("re.compile(r'(')")
@example("'\"'\"")
@example("https://a_b\\$")
@example("a@b@[::1]:0")
@example("https://*.\u00e9*.example")
def test_the_correction_of_any_text_is_an_origin_or_a_pattern(text):
    if parse_pattern(text) is not None:
        return
    reason, correction = correct(text)
    assert reason
    Options.from_config({"SIO_CORS_ORIGINS": list(correction)})


@bounded
@given(patterns(), st.sampled_from(["/", "/app", "?x=1", "#x", "/*"]), st.sampled_from(" \t\n"))
def test_what_was_added_to_an_origin_is_taken_away_and_nothing_else(pattern, added, space):
    assert correct(f"{space}{pattern}{added}").correction == (pattern,)


@bounded
@given(st.one_of(any_text, patterns().flatmap(origins_near), st.from_regex(r"[a-z+]{1,4}://[a.]*")))
@example("http://example.com:80")
@example("https://example.com:80")
@example("https://example.com:443")
@example("https://[::1]:65536")
@example("https://example.com\n")
@example("null\n")
@example("HTTPS://example.com")
@example("httpx://" + "a" * 254)
@example("x" * 33 + "://a")
@example("https://.")
def test_a_text_is_well_formed_if_and_only_if_the_reference_says_so(text):
    assert is_well_formed(text) == could_be_sent(text)


@bounded
@given(any_text)
def test_what_is_well_formed_is_short_printable_ascii_without_separators(text):
    if is_well_formed(text):
        assert len(text) <= MAX_ORIGIN_LENGTH
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(" ,;\"'\\@?#%`{}|^<>")
