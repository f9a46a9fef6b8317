"""Look-alikes of an origin: each kind of careless pattern is found, and no careful one accused."""

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.audit import Report, audit
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import MAX_REQUESTS
from flask_sio_cors.origins.lookalikes import neighbours, other_port
from tests.support.broken_servers import choosing, engine, guarded, node_server, serving

ORIGINS = (
    "https://app.example.com",
    "https://app.example.com:8443",
    "https://example.com",
    "https://a.b.example.co.uk",
    "https://me.github.io",
    "http://localhost:3000",
    "http://localhost",
    "http://192.168.1.10:3000",
    "http://10.0.0.1",
    "http://[::1]:3000",
    "http://intranet",
    "http://web:8080",
    "capacitor://localhost",
    "app://.",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
)


def host_of(origin: str) -> str:
    return origin.partition("://")[2]


CARELESS: dict[str, Callable[[str], Callable[[str], object]]] = {
    "startswith": lambda own: lambda origin: origin.startswith(own),
    "in": lambda own: lambda origin: own in origin,
    "re.match": lambda own: lambda origin: re.match(re.escape(own), origin),
    "re.search": lambda own: lambda origin: re.search(re.escape(own), origin),
    "endswith": lambda own: lambda origin: origin.endswith(host_of(own)),
    "in, the host": lambda own: lambda origin: host_of(own) in origin,
    "re.search, the host": lambda own: (
        lambda origin: re.search(f"{re.escape(host_of(own))}$", origin)
    ),
    "re.search, an end": lambda own: lambda origin: re.search(f"{re.escape(own)}$", origin),
}
CAREFUL: dict[str, Callable[[str], Callable[[str], object]]] = {
    "==": lambda own: lambda origin: origin == own,
    "re.fullmatch": lambda own: lambda origin: re.fullmatch(re.escape(own), origin),
    "re.match, an end": lambda own: lambda origin: re.match(rf"^{re.escape(own)}\Z", origin),
}


def examine_at(url: str, origin: str) -> Report:
    report = audit(Target.parse(url, origin), Page(origin))
    assert report.facts.own is not None
    assert report.facts.is_seen
    assert report.facts.requests <= MAX_REQUESTS
    return report


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("pattern", CARELESS.values(), ids=CARELESS)
def test_every_careless_pattern_is_found(pattern, origin: str, stack: ExitStack) -> None:
    app = choosing(engine(), pattern(origin))
    found = ids(examine_at(f"http://localhost:{stack.enter_context(serving(app))}", origin))
    # A host that is but a dot is in every origin.
    assert {"neighbours-allowed", "any-origin-with-credentials"} & set(found)


@pytest.mark.parametrize("origin", [origin for origin in ORIGINS if re.search(r"\w\.\w", origin)])
def test_dots_that_stand_for_any_character_are_found(origin: str, stack: ExitStack) -> None:
    app = choosing(engine(), lambda asked: re.fullmatch(origin, asked))
    assert "neighbours-allowed" in ids(
        examine_at(f"http://localhost:{stack.enter_context(serving(app))}", origin)
    )


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("pattern", CAREFUL.values(), ids=CAREFUL)
def test_no_careful_pattern_is_accused(pattern, origin: str, stack: ExitStack) -> None:
    app = choosing(engine(), pattern(origin))
    found = ids(examine_at(f"http://localhost:{stack.enter_context(serving(app))}", origin))
    assert not {"neighbours-allowed", "every-port"} & set(found)


@pytest.mark.parametrize(
    ("expression", "is_careless"),
    [
        (r"/^https:\/\/app\.example\.com/", True),
        (r"/app\.example\.com$/", True),
        (r"/example\.com$/", True),
        (r"/^https:\/\/app.example.com$/", True),
        (r"/https:\/\/app\.example\.com/", True),
        (r"/^https?:\/\/.*example\.com$/", True),
        (r"/^https:\/\/app\.example\.com$/", False),
        (r"/^https:\/\/(.+\.)?example\.com$/", False),
    ],
)
def test_expressions_of_a_server_for_node_are_judged(
    expression: str, is_careless: bool, stack: ExitStack
) -> None:
    construction = f"new Server(httpServer, {{ cors: {{ origin: {expression} }} }})"
    url = stack.enter_context(node_server(construction))
    report = examine_at(url, "https://app.example.com")
    assert ("neighbours-allowed" in ids(report)) is is_careless
    assert "incomplete" not in ids(report)


def test_every_port_is_meant_where_a_developer_lists_it(stack: ExitStack) -> None:
    app = guarded('app.config["SIO_CORS_ORIGINS"] = ["http://localhost:*"]')
    url = f"http://localhost:{stack.enter_context(serving(app))}"
    assert ids(examine_at(url, "http://localhost:3000")) == []


def test_every_port_of_a_host_that_is_no_developers_is_noted(stack: ExitStack) -> None:
    app = guarded('app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com:*"]')
    url = f"http://localhost:{stack.enter_context(serving(app))}"
    assert "every-port" in ids(examine_at(url, "https://app.example.com:8443"))


@pytest.mark.parametrize("origin", ORIGINS)
def test_look_alikes_are_no_part_of_the_owners_domain(origin: str) -> None:
    names = [*neighbours(origin), other_port(origin)]
    assert origin not in names
    assert len(set(names)) == len(names)
    below = f".{host_of(origin)}"
    assert not any(name.endswith(below) for name in names if name)


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_what_is_nobodys_has_no_look_alikes(origin: str) -> None:
    assert neighbours(origin) == ()
