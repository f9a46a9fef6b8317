"""The quickstart's page, in a browser, on the origin that is named and on one that is not."""

import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from example_app.client import CDN
from tests.support.browsers import require
from tests.support.pages import REPOSITORY, block
from tests.support.screens import Screens

CLIENT = REPOSITORY / "tests/support/node/node_modules/socket.io-client/dist/socket.io.min.js"
PROGRAM = block("docs/quickstart.md", "SioCors(app)")
PAGE = block("docs/quickstart.md", "<script>", "html")


class Silent(SimpleHTTPRequestHandler):
    """As `python -m http.server`."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path):
    """A folder that is served, with the client of the CDN, and the port that it is served on."""
    shutil.copy(CLIENT, tmp_path / "client.js")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=tmp_path)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, server.server_port
        server.shutdown()
        thread.join()


def test_the_page_is_answered_where_it_is_named_and_told_so_where_it_is_not(serve, folder):
    require("chromium")
    where, port = folder
    program = PROGRAM.replace("localhost:8080", f"localhost:{port}")
    as_is = f"outer, __name__ = app, 'page'\n{program}\nouter.wsgi_app = app.wsgi_app"
    server = serve(plain=True, after=as_is)
    assert CDN in PAGE
    page = PAGE.replace(CDN, "client.js").replace("http://localhost:5000", server.url)
    (where / "index.html").write_text(page)
    with Screens() as screens:
        words = "document.querySelector('pre').innerText"
        for host, shown in (("localhost", "You said hello"), ("127.0.0.1", "Not connected: ")):
            ready = f"{words}.includes({shown!r})"
            with screens.open(f"http://{host}:{port}/", width=800, ready=ready):
                pass
