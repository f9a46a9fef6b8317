"""One proxy, and three who tell what it hides from a page's own server: log, `explain`, doctor."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from flask_sio_cors.browser.fetch import Page
from flask_sio_cors.doctor.examine import Examination, Report
from flask_sio_cors.doctor.findings import Finding
from flask_sio_cors.doctor.target import Target
from flask_sio_cors.doctor.wire import Wire
from tests.servers.test_behind_proxies import CASES, INSIDE, OUTSIDE, Site, prepare
from tests.support.harness import Server

TRANSPORTS = {"polling": ("polling", "websocket"), "websocket": ("websocket",)}
#: Where only the server itself can tell what a proxy has told it.
UNPROVEN = {
    "ProxyFix that leaves out the host",
    "two proxies, of which the inner one tells its own",
    "what is no scheme",
}


#: What the controller is told, which the server knows by its headers, and what it makes of that.
CONTROLLER = (
    'use-forwarded-headers: "true"',
    "proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;",
)


class HereWire(Wire):
    """Finds every name on this machine, as with a table of hosts."""

    async def look_up(self, host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)


@pytest.fixture(scope="module")
def site(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    servers = {"plain": serve(""), "inside": serve(INSIDE), "outside": serve(after=OUTSIDE)}
    # At the proxy's own port, which the doctor has to reach.
    pages = {
        name: case._replace(page=f"{case.page.rpartition(':')[0]}:PORT")
        for name, case in CASES.items()
    }
    with ExitStack() as stack:
        yield Site(servers, pages, tmp_path_factory.mktemp("site"), stack)


def examine(origin: str, mount: str, transport: str) -> Report:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    target, page = Target.parse(origin, origin, f"{mount}/socket.io"), Page(origin)
    wire = HereWire(_trust=trust)
    return Examination(target, page, wire, transports=TRANSPORTS[transport]).run()


def explain(server: Server, origin: str, taken: str, transport: str) -> str:
    return server.run(
        f"""
        from flask_sio_cors.cli import flask_group
        words = ["explain", {origin!r}, "--host", {taken!r}, "--transport", {transport!r}]
        answer = " ".join(app.test_cli_runner().invoke(flask_group, words).output.split())
        """
    )


def lost(told: str) -> set[str]:
    """What the server does not know of its address, by what is to be written about it."""
    written = re.findall(r"proxy_set_header (\S+) \$", told)
    written += re.findall(r"ProxyFix\(app\.wsgi_app, (x_\w+)=", told)
    return {"scheme" if name in ("X-Forwarded-Proto", "x_proto") else "host" for name in written}


@pytest.mark.parametrize("name", CASES)
def test_the_log_and_explain_and_the_doctor_tell_the_same(name: str, site: Site) -> None:
    server, origin = prepare(site, name), site.origin(name)
    for transport in TRANSPORTS:
        report = examine(origin, CASES[name].mount, transport)
        told = server.log().replace(*CONTROLLER).splitlines()
        log = [line for line in told if "Refused" in line and origin in line]
        assert bool(log) != report.works, (transport, report.findings)
        if not report.works:
            compare(name, origin, report.findings[0], log[0])
            taken = re.search(r"takes itself for (\S+) \(", log[0])
            assert taken, log
            # What is no scheme cannot be asked about.
            if taken[1].startswith("http"):
                assert lost(explain(server, origin, taken[1], transport)) == lost(log[0])


def compare(name: str, origin: str, finding: Finding, logged: str) -> None:
    advice, told = finding.fix.elsewhere, (logged, finding)
    certain, _, perhaps = advice.partition("If it does not yet:")
    assert bool(perhaps) == (name in UNPROVEN), told
    assert lost(certain) == lost(logged) or (perhaps and lost(advice) > lost(logged)), told
    is_scheme = lost(certain) == {"scheme"}
    assert finding.id == ("scheme-hidden" if is_scheme else "host-rewritten")
    if is_scheme and "ProxyFix" not in logged:
        passed_on = "X-Forwarded-Proto $http_x_forwarded_proto;"
        assert (passed_on in advice) == (passed_on in logged), told
    assert f'SIO_CORS_OWN_ORIGINS"] = ["{origin}"]' in finding.fix.extension
    assert f"SIO_CORS_OWN_ORIGINS = ['{origin}']" in logged
