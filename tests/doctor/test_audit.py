"""Who else gets in: the holes that are open to others, and none where there is none."""

import json
import re
import time
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner

from flask_sio_cors.browser.fetch import Page, cors_check
from flask_sio_cors.cli import main
from flask_sio_cors.doctor.audit import Report, audit
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import MAX_REQUESTS
from flask_sio_cors.origins.lookalikes import neighbours
from tests.support.broken_servers import (
    ALLOWED,
    WRONG,
    Case,
    Wsgi,
    answering,
    behind,
    choosing,
    engine,
    guarded,
    node_server,
    plain,
    serving,
)
from tests.support.ports import free_port

ORIGIN = "https://app.example.com"
LOCAL = "http://localhost:8080"


def audit_at(url: str, origin: str = ORIGIN) -> Report:
    report = audit(Target.parse(url, origin), Page(origin))
    assert report.facts.requests <= MAX_REQUESTS
    return report


def audited(app: Wsgi, stack: ExitStack, origin: str = ORIGIN) -> Report:
    return audit_at(f"http://localhost:{stack.enter_context(serving(app))}", origin)


def ids(report: Report) -> list[str]:
    return [finding.id for finding in report.findings]


@pytest.mark.parametrize("case", WRONG, ids=[case.name for case in WRONG])
def test_what_works_for_more_than_it_should_is_told(case: Case, stack: ExitStack) -> None:
    report = audit_at(case.serve(stack), LOCAL)
    assert case.finding in ids(report)
    assert report.is_closed is False


@pytest.mark.parametrize(
    ("lets_in", "let_in"),
    [
        (lambda origin: origin.endswith("example.com"), "https://attackerexample.com"),
        (lambda origin: origin.startswith(ORIGIN), f"{ORIGIN}.attacker.example"),
        (lambda origin: ORIGIN in origin, f"{ORIGIN}.attacker.example"),
        (lambda origin: re.fullmatch("https://app.example.com", origin), "https://appxexample.com"),
        (
            lambda origin: re.match(r"https://([a-z.]+)?example\.", origin),
            f"{ORIGIN}.attacker.example",
        ),
    ],
    ids=["open at its start", "open at its end", "open at both", "unescaped dot", "any suffix"],
)
def test_a_careless_pattern_is_found(lets_in, let_in: str, stack: ExitStack) -> None:
    report = audited(choosing(engine(), lets_in), stack)
    assert "neighbours-allowed" in ids(report)
    (finding,) = (finding for finding in report.findings if finding.id == "neighbours-allowed")
    assert let_in in finding.cause


def test_a_wildcard_of_this_extension_lets_no_neighbour_in(stack: ExitStack) -> None:
    config = 'app.config["SIO_CORS_ORIGINS"] = ["https://*.example.com"]'
    assert ids(audited(guarded(config), stack)) == []


CARELESS = {
    "everybody": '"*"',
    "a function": f"lambda origin: origin.startswith({ORIGIN!r})",
}
SETTINGS = {
    "no policies": 'app.config["SIO_CORS_ORIGINS"] = {careless}',
    "a policy of the host": """
app.config["SIO_CORS_ORIGINS"] = ["https://other.example"]
app.config["SIO_CORS_POLICIES"] = {{"acme": {{"HOSTS": ["localhost"], "ORIGINS": {careless}}}}}
""",
    "a policy that inherits": """
app.config["SIO_CORS_ORIGINS"] = {careless}
app.config["SIO_CORS_POLICIES"] = {{"acme": {{"HOSTS": ["localhost"]}}}}
""",
    "a policy of another host": """
app.config["SIO_CORS_ORIGINS"] = {careless}
app.config["SIO_CORS_POLICIES"] = {{"acme": {{"HOSTS": ["acme.localhost"]}}}}
""",
}


@pytest.mark.parametrize("careless", CARELESS.values(), ids=CARELESS)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_fix_closes_the_hole_at_its_host_and_changes_no_other(
    settings: str, careless: str, stack: ExitStack
) -> None:
    config = settings.format(careless=careless)

    def audits(app: Wsgi) -> list[Report]:
        port = stack.enter_context(serving(app))
        hosts = ("localhost", "acme.localhost", "default.localhost")
        return [audit_at(f"http://{host}:{port}") for host in hosts]

    before, *others = audits(guarded(config))
    (hole,) = before.holes
    after, *left = audits(guarded(f"{config}\n{hole.fix.extension}"))
    assert after.is_closed
    assert cors_check(Page(ORIGIN), after.facts.own.response) is None
    if "POLICIES" in config:
        # Who shares the host's policy is mended with it.
        own = re.search(r'"HOSTS": \["localhost"', config) is not None
        same = slice(None) if own else slice(0, 1)
        assert [ids(one) for one in left[same]] == [ids(one) for one in others[same]]


@pytest.mark.parametrize(
    "origin", ["http://localhost:8080", "https://example.com", "https://a.b.example.co.uk", "null"]
)
def test_neighbours_are_other_peoples(origin: str) -> None:
    names = neighbours(origin)
    assert origin not in names
    assert all(re.search("attacker|xexample|examplex|localhostx", name) for name in names)


def test_the_origin_null_is_found(stack: ExitStack) -> None:
    report = audited(choosing(engine(), lambda origin: origin in (ORIGIN, "null")), stack)
    assert "null-allowed" in ids(report)


def test_open_jsonp_is_found(stack: ExitStack) -> None:
    report = audited(engine(cors_allowed_origins=[ORIGIN]), stack)
    assert ids(report) == ["jsonp-open", "no-vary"]


def test_a_websocket_that_is_open_to_every_site_is_found_and_the_fix_closes_it(
    stack: ExitStack,
) -> None:
    origin = "http://localhost:8080"
    url = stack.enter_context(
        node_server(f'new Server(httpServer, {{ cors: {{ origin: ["{origin}"] }} }})')
    )
    report = audit_at(url, origin)
    assert ids(report) == ["websocket-open", "jsonp-open"]

    for fixed in (finding.fix.node for finding in report.findings):
        url = stack.enter_context(node_server(fixed))
        assert ids(audit_at(url, origin)) == []


def test_holes_are_told_where_the_page_itself_does_not_get_in(stack: ExitStack) -> None:
    assert ids(audited(engine(), stack, LOCAL)) == ["websocket-open", "jsonp-open"]
    refusing = plain(options=', cors_allowed_origins=["https://a.example"]')
    assert ids(audited(refusing, stack, LOCAL)) == ["jsonp-open"]
    node = audit_at(stack.enter_context(node_server("new Server(httpServer)")), LOCAL)
    assert ids(node) == ["websocket-open", "jsonp-open"]


def test_any_origin_is_told_where_preflights_fail(stack: ExitStack) -> None:
    app = behind(engine(), *ALLOWED, preflight=ALLOWED, preflight_status="500 X")
    assert "any-origin-with-credentials" in ids(audited(app, stack, LOCAL))


def test_an_answer_that_comes_too_late_is_not_taken_for_a_refusal(stack: ExitStack) -> None:
    inside = choosing(engine(), lambda origin: origin in (ORIGIN, "null"))

    def late(environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_ORIGIN") == "null":
            time.sleep(2.5)
        return inside(environ, start_response)

    report = audited(late, stack)
    assert "incomplete" in ids(report)
    assert "null-allowed" not in ids(report)


@pytest.mark.parametrize("status", ["429 TOO MANY REQUESTS", "503 SERVICE UNAVAILABLE"])
def test_a_limit_leaves_no_all_clear(status: str, stack: ExitStack) -> None:
    inside = guarded(f'app.config["SIO_CORS_ORIGINS"] = ["{ORIGIN}"]')
    limit = answering(status)
    left = iter(range(6))

    def limited(environ: Any, start_response: Any) -> Any:
        return (inside if next(left, None) is not None else limit)(environ, start_response)

    report = audited(limited, stack)
    assert report.is_closed is None
    assert ids(report) == ["incomplete"]


def run(url: str, *more: str) -> Any:
    return CliRunner().invoke(main, ["audit", url, "--origin", LOCAL, *more])


def test_the_exit_status_is_for_pipelines(stack: ExitStack) -> None:
    config = f'app.config["SIO_CORS_ORIGINS"] = ["{LOCAL}"]'
    closed = f"http://127.0.0.1:{stack.enter_context(serving(guarded(config)))}"
    opened = f"http://127.0.0.1:{stack.enter_context(serving(behind(engine(), *ALLOWED)))}"
    nothing = f"http://127.0.0.1:{free_port()}"
    results = [run(url) for url in (closed, opened, nothing)]
    assert [result.exit_code for result in results] == [0, 1, 2]
    first = [result.stdout.splitlines()[0] for result in results]
    assert first[0].startswith("Closed: nobody else gets in")
    assert first[1] == (
        "Open: Every site is let in, with the visitor's cookies.  [any-origin-with-credentials]"
    )
    assert first[2].startswith("It is not known who gets in")
    assert results[2].stdout.splitlines()[-1] == (
        f"No Socket.IO server has answered. Why not: sio-cors doctor {nothing} --origin {LOCAL}"
    )
    assert "less busy" not in results[2].stdout
    assert results[1].stdout.splitlines()[-1] == f"2 holes open to others than {LOCAL}."


def test_a_server_that_has_let_nobody_in_is_known_by_its_refusals(stack: ExitStack) -> None:
    url = f"http://127.0.0.1:{stack.enter_context(serving(plain()))}"
    told = run(url).stdout
    assert "  Flask\n" in told
    assert "Node.js" not in told


def test_what_closes_several_holes_is_told_once(stack: ExitStack) -> None:
    url = stack.enter_context(node_server("new Server(httpServer)"))
    lines = run(url).stdout.splitlines()
    assert len(lines) <= 25
    assert [line.strip() for line in lines].count("new Server(httpServer, {") == 1
    assert "  Do        As above." in lines
    assert sum("WebSocket is open to every site" in line for line in lines) == 1


def test_more_holes_than_fit_are_told_by_their_titles(stack: ExitStack) -> None:
    careless = "cors: { origin: [/localhost/, 'null'], credentials: true }"
    url = stack.enter_context(node_server(f"new Server(httpServer, {{ {careless} }})"))
    short, whole = run(url).stdout.splitlines(), run(url, "--verbose").stdout.splitlines()
    assert len(short) <= 25 < len(whole)
    assert short[0] == "Open: The origin “null” is let in.  [null-allowed]"
    for id_ in ("neighbours-allowed", "websocket-open", "jsonp-open"):
        assert any(line.endswith(f"[{id_}]") for line in short)
    assert [line.strip() for line in short].count("})") == 1
    assert short[-1] == whole[-1] == f"4 holes open to others than {LOCAL}."


def test_machines_read_what_is_open(stack: ExitStack) -> None:
    url = f"http://127.0.0.1:{stack.enter_context(serving(behind(engine(), *ALLOWED)))}"
    told = json.loads(run(url, "--json").stdout)
    assert told["closed"] is False
    assert [one["id"] for one in told["findings"]] == ["any-origin-with-credentials", "jsonp-open"]
    assert all(one["link"].endswith(f"#{one['id']}") for one in told["findings"])
