"""The example's screens, narrow and wide, light and dark: without barriers, and clear in words."""

import pytest

from tests.support.browsers import require
from tests.support.example import Example
from tests.support.screens import Screens

#: How it is told that a page is as it will stay.
READY = {
    "chat": "document.querySelector('#state').dataset.state === 'connected'",
    "refused page": "document.querySelector('#state').dataset.state === 'refused'"
    " && document.querySelector('#answer').textContent",
    "lab": "document.querySelector('#score').dataset.state === 'connected'"
    " && !document.querySelector('[data-pending]')",
    "server": "true",
    "server without SioCors": "true",
}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    with Example(tmp_path_factory.mktemp("screens") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def show(example):
    """A function that opens a page of the example, and waits until it is finished."""
    require("chromium")
    where = example.addresses
    pages = {
        "chat": f"{where.page}/",
        "refused page": f"{where.refused_page}/",
        "lab": f"{where.page}/lab",
        "server": f"{where.server}/",
        "server without SioCors": f"{where.plain}/",
    }
    with Screens() as screens:

        def show(page, **window):
            return screens.open(pages[page], ready=READY[page], **window)

        yield show


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("page", READY)
def test_a_screen_has_no_barrier_and_fits_its_window(show, page, width, dark):
    with show(page, width=width, dark=dark) as screen:
        assert screen.barriers() == []
        assert screen.evaluate("document.documentElement.scrollWidth") == width
        assert screen.height() < 3000


def test_the_lab_says_in_words_what_was_tried_and_whether_that_is_good(show):
    with show("lab", width=1440) as screen:

        def text(cell):
            return screen.evaluate(f"document.getElementById('{cell}').innerText").split("\n")

        assert text("page.polling") == ["connected", "✓ as it should"]
        assert text("port.polling") == ["refused", "✓ as it should"]
        assert text("port.jsonp") == ["refused", "✓ attack fails"]
        assert text("server.jsonp") == ["connected", "✓ this page may"]
        assert text("plain.jsonp") == ["reads a session", "✕ a hole"]
        assert text("guarded.jsonp") == ["refused", "✓ attack fails"]
        assert text("tenant.acme.acme") == ["connected", "✓ at home"]
        assert text("tenant.acme.globex") == ["refused", "✓ kept apart"]
        blind = {row: text(f"{row}.no-cors")[0] for row in ("page", "subdomain")}
        is_explained = screen.evaluate("!document.getElementById('differ').hidden")
        assert is_explained == (blind == {"page": "refused", "subdomain": "connected"})


def test_a_cell_is_reached_and_opened_by_keyboard(show):
    with show("lab", width=390) as screen:
        for _ in range(40):
            screen.press("Tab", 9)
            if screen.evaluate("document.activeElement.id") == "page.no-cors":
                break
        screen.press("Enter", 13, text="\r")
        screen.wait_for("document.getElementById('details').open")
        assert "on a page of" in screen.evaluate("document.getElementById('details').innerText")
        assert screen.barriers() == []
        screen.press("Escape", 27)
        screen.wait_for("!document.getElementById('details').open")
        assert screen.evaluate("document.activeElement.id") == "page.no-cors"


def test_the_refused_page_says_who_told_it_what(show):
    with show("refused page", width=1440) as screen:
        words = screen.evaluate("document.getElementById('refusal').innerText")
    told, known = words.split("What the server knows")
    assert "xhr poll error" in told
    assert "403" not in told
    assert "403 Forbidden" in known
    assert "flask sio-cors explain http://localhost:" in known
