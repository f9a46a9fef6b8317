"""Which policy a request gets, by its host; the rest is in `tests/servers/test_policies.py`."""

import time

import pytest
from flask import Flask

from flask_sio_cors.config.options import Options
from flask_sio_cors.door.journal import Journal
from flask_sio_cors.door.policies import Policies
from flask_sio_cors.door.waiting import Interrupter

EXACT, NEAR, FAR = "acme.api.example.com", "*.api.example.com", "*.example.com"
POLICIES = {
    "exact": {"HOSTS": [EXACT]},
    "near": {"HOSTS": [NEAR]},
    "far": {"HOSTS": [FAR, "[::1]"]},
}


def policies(named, **functions):
    options = Options.from_config({"SIO_CORS_POLICIES": named}, **functions)
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
