"""Which policy a request gets, by its host; the rest is in `tests/servers/test_policies.py`."""

import time
import tracemalloc

import pytest
from flask import Flask

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.journal import Journal
from flask_sio_cors.door.policies import Policies
from flask_sio_cors.door.verdicts import ALLOWED
from flask_sio_cors.door.waiting import Interrupter

EXACT, NEAR, FAR = "acme.api.example.com", "*.api.example.com", "*.example.com"
POLICIES = {
    "exact": {"HOSTS": [EXACT]},
    "near": {"HOSTS": [NEAR]},
    "far": {"HOSTS": [FAR, "[::1]"]},
}


def policies(named, **settings):
    config = {f"SIO_CORS_{name}": value for name, value in settings.items()}
    options = Options.from_config({**config, "SIO_CORS_POLICIES": named})
    return Policies(Flask("app"), options, Journal(), Interrupter())


def chosen(rules, host):
    return rules.of({"HTTP_HOST": host, "SERVER_NAME": "served.example"}).options.name


@pytest.fixture(scope="module")
def rules():
    return policies(POLICIES)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (EXACT, "exact"),
        (EXACT.upper(), "exact"),
        (f"{EXACT}:443", "exact"),
        (f"{EXACT}:8080", "exact"),
        (f"{EXACT}.", "exact"),
        (f"{EXACT}.:5000", "exact"),
        ("globex.api.example.com", "near"),
        ("a.b.api.example.com", "near"),
        ("api.example.com", "far"),
        ("www.example.com:80", "far"),
        ("[::1]", "far"),
        ("[::1]:5000", "far"),
        ("example.com", "default"),
        ("evil.example", "default"),
        (f"{EXACT}.evil.example", "default"),
        (f"x{EXACT}.evil", "default"),
        (".example.com", "default"),
        (f"{EXACT}:port", "default"),
        (f"{EXACT}:\u0661", "default"),
        (f"evil.example:{EXACT}", "default"),
        (f"{EXACT}/", "default"),
        (f"user@{EXACT}", "default"),
        (f"{EXACT}, evil.example", "default"),
        ("", "default"),
        ("." * 8000, "default"),
        ("a" * 300 + ".example.com", "default"),
    ],
)
def test_the_most_exact_host_decides_whatever_its_case_and_port(rules, host, name):
    for _ in range(2):  # the second time, it is known
        assert chosen(rules, host) == name


def test_without_a_host_header_the_servers_name_counts():
    rules = policies({"served": {"HOSTS": "served.example"}})
    assert rules.of({"SERVER_NAME": "served.example"}).options.name == "served"


def test_a_forwarded_host_never_chooses(rules):
    environ = {"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": EXACT, "SERVER_NAME": EXACT}
    assert rules.of(environ).options.name == "default"


def test_hosts_are_remembered_within_bounds(rules):
    for number in range(5000):
        assert chosen(rules, f"{number}.api.example.com") == "near"
    assert len(rules._seen) <= 1024


# --- The server's own origins -----------------------------------------------------------------

OWN = {name: f"https://{name}.api.example.com" for name in ("acme", "globex")}
WWW = "https://www.example.com"
OWNERS = {
    "acme": {"HOSTS": ["acme.api.example.com"]},
    "globex": {"HOSTS": ["*.api.example.com"]},
    "chosen": {"HOSTS": []},
}


def lets_in(rules, host, origin):
    environ = {
        "HTTP_HOST": host,
        "HTTP_ORIGIN": origin,
        "REQUEST_METHOD": "GET",
        "wsgi.url_scheme": "http",
        "SERVER_NAME": "served",
        "SERVER_PORT": "80",
    }
    return rules.judge(environ, {})[1][0].outcome is ALLOWED


@pytest.mark.parametrize("suffix", ["", ".", ":443", ":80", ":5000", ".:443"])
def test_an_inherited_own_origin_is_that_of_its_hosts_policy_alone(suffix):
    rules = policies(OWNERS, OWN_ORIGINS=[*OWN.values(), WWW])
    for name, own in OWN.items():
        for origin in (*OWN.values(), WWW):
            assert lets_in(rules, f"{name}.api.example.com{suffix}", origin) == (origin == own)
    for host in ("other.example", "www.example.com"):
        assert lets_in(rules, f"{host}{suffix}", WWW)
        assert not any(lets_in(rules, f"{host}{suffix}", origin) for origin in OWN.values())


def test_a_policy_that_inherits_no_own_origin_goes_by_what_the_request_says():
    rules = policies({"acme": {"HOSTS": ["acme.example"]}}, OWN_ORIGINS=WWW)
    assert lets_in(rules, "acme.example", "http://acme.example")
    assert not lets_in(rules, "acme.example", WWW)


def test_own_origins_of_a_policy_count_wherever_they_are():
    rules = policies({"acme": {"HOSTS": ["internal"], "OWN_ORIGINS": [WWW]}})
    assert lets_in(rules, "internal:5000", WWW)


def test_a_policy_that_a_function_chooses_has_the_own_origins_of_the_default_one():
    own = policies(OWNERS, OWN_ORIGINS=[*OWN.values(), WWW]).named["chosen"].options.own_origins
    assert own == {WWW}


# --- What it costs ----------------------------------------------------------------------------


def seconds(rules, hosts):
    times = []
    for _ in range(9):
        start = time.process_time()
        for host in hosts:
            rules.for_host(host)
        times.append(time.process_time() - start)
    return min(times)


def test_many_policies_cost_what_one_costs():
    one = policies({"t0": {"HOSTS": ["t0.api.example.com"]}})
    many = policies({f"t{n}": {"HOSTS": [f"t{n}.api.example.com"]} for n in range(2_000)})
    hosts = ["t0.api.example.com", "other.example.com"] * 50
    assert seconds(many, hosts) < 2 * seconds(one, hosts)


def test_ten_thousand_policies_fit_in_a_hundred_megabytes():
    tracemalloc.start()
    try:
        rules = policies({f"t{n}": {"HOSTS": [f"t{n}.example"]} for n in range(500)})
        assert tracemalloc.get_traced_memory()[0] / len(rules.named) < 10_000
    finally:
        tracemalloc.stop()
