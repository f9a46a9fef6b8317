"""The site: without barriers, found by searching, and there where the product says."""

import re
from urllib.parse import urlencode

import pytest

from flask_sio_cors import Reason
from flask_sio_cors.door.documentation import SITE, of_finding, of_reason
from tests.advice.test_schemas import EXPLAINED
from tests.support import findings, site
from tests.support.browsers import require
from tests.support.pages import PAGES, REPOSITORY
from tests.support.questions import application, run_json
from tests.support.screens import Screens

MESSAGE = "troubleshooting/cors-header-access-control-allow-origin-missing"
SHOWN = [
    "index",
    "quickstart",
    "settings",
    "reasons",
    "many-workers",
    "troubleshooting",
    MESSAGE,
    "command-line",
    "api",
    "search",
]
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def show():
    """A function that opens a page of the site."""
    require("chromium")
    site.require()
    with site.served() as url, Screens() as screens:

        def show(page, **window):
            name, _, query = page.partition("?")
            return screens.open(f"{url}/{name}.html?{query}", **window)

        yield show


@pytest.mark.parametrize("page", SHOWN)
def test_a_page_has_no_barrier_and_fits_its_window(show, page):
    for width in WIDTHS:
        with show(page, width=width) as screen:
            for dark in (False, True):
                screen.show(dark=dark)
                assert screen.barriers() == [], (width, dark)
            assert screen.evaluate("document.documentElement.scrollWidth") == width


#: What people type or paste, and the page that has the answer.
SEARCHED = {
    "Reason: CORS header ‘Access-Control-Allow-Origin’ missing": MESSAGE,
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
    "http://localhost:5000/socket.io/?EIO=4&transport=polling&t=x. (Reason: CORS header "
    "‘Access-Control-Allow-Origin’ does not match ‘http://a.example’).": (
        "troubleshooting/cors-header-access-control-allow-origin-does-not-match"
    ),
    "Access to XMLHttpRequest at 'http://localhost:5000/' from origin 'http://a.example' has been "
    "blocked by CORS policy: Response to preflight request doesn't pass access control check: It "
    "does not have HTTP ok status.": "troubleshooting/it-does-not-have-http-ok-status",
    "websocket error": "troubleshooting/websocket-error",
    "origin-not-allowed": "reasons",
    "403": "reasons",
    "install": "quickstart",
    "multiple origins": "origins",
    "subdomains": "origins",
    "allow all origins": "origins",
    "cors_allowed_origins": "coming-from-cors-allowed-origins",
    "customers": "tenants",
    "reverse proxy": "proxy",
    "redis": "many-workers",
    "sticky sessions": "many-workers",
    "pytest": "testing",
    "test in CI": "testing",
    "Flask-Login": "deciding",
}


@pytest.mark.parametrize(("words", "page"), SEARCHED.items())
def test_what_people_type_is_found_first(show, words, page):
    with show(f"search?{urlencode({'q': words})}", width=1440) as screen:
        screen.wait_for("/finished|did not match/.test(document.body.innerText)")
        first = "document.querySelector('#search-results .search li > a').pathname"
        assert screen.evaluate(first) == f"/{page}.html"


def test_a_page_is_read_by_keyboard(show):
    with show("quickstart", width=1440) as screen:
        screen.press("Tab", 9)
        assert screen.evaluate("document.activeElement.textContent") == "Skip to content"
        screen.press("Enter", 13, text="\r")
        screen.press("Tab", 9)
        assert screen.evaluate("Boolean(document.activeElement.closest('#furo-main-content'))")


def test_the_list_of_pages_opens_by_keyboard_where_the_window_is_narrow(show):
    in_list = "Boolean(document.activeElement.closest('.sidebar-drawer'))"
    with show("quickstart", width=390) as screen:
        for _ in range(6):
            screen.press("Tab", 9)
            # What is out of sight is not in the way.
            assert not screen.evaluate(in_list)
            if screen.evaluate("document.activeElement.className") == "nav-overlay-icon":
                break
        screen.press("Enter", 13, text="\r")
        left = "document.querySelector('.sidebar-drawer').getBoundingClientRect().left"
        screen.wait_for(f"{left} === 0")
        assert screen.barriers() == []
        assert screen.evaluate(in_list)
        screen.press("Escape", 27)
        assert screen.evaluate("document.activeElement.ariaExpanded") == "false"


# --- What is printed --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places():
    site.require()
    return site.Places()


def test_the_address_of_each_reason_and_of_each_finding_leads_somewhere(places):
    assert [reason for reason in Reason if of_reason(reason) not in places] == []
    assert [finding for finding in findings.ids() if of_finding(finding) not in places] == []
    assert of_finding("no-such-finding") not in places


def test_what_explain_prints_leads_somewhere(places):
    links = {
        run_json(application(**config), "explain", *asked)["link"]
        for config, asked in EXPLAINED.values()
    }
    assert len(links) > 6
    assert [link for link in links - {None} if link not in places] == []


def test_what_pages_and_messages_name_of_the_site_is_there(places):
    package = [*(REPOSITORY / "flask_sio_cors").rglob("*.py"), REPOSITORY / "pyproject.toml"]
    texts = "\n".join(path.read_text("utf-8") for path in [*PAGES, *package])
    named = set(re.findall(rf"{re.escape(SITE)}[\w/.#-]*\b", texts))
    assert len(named) > 20
    assert [address for address in named if address not in places] == []
