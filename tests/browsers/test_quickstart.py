"""The quickstart's page, in a browser, on the origin that is named and on one that is not."""

import shlex
import shutil
import socket
import subprocess
import sys

import pytest

from example_app.client import CDN
from tests.support.browsers import require
from tests.support.harness import wait_until
from tests.support.pages import REPOSITORY, block, commands
from tests.support.ports import free_port
from tests.support.screens import Screens

CLIENT = REPOSITORY / "tests/support/node/node_modules/socket.io-client/dist/socket.io.min.js"
PROGRAM = block("docs/quickstart.md", "SioCors(app)")
PAGE = block("docs/quickstart.md", "<script>", "html")


@pytest.fixture
def folder(tmp_path):
    """A folder that is served, with the client of the CDN, and the port that it is served on."""
    shutil.copy(CLIENT, tmp_path / "client.js")
    _, *words, _ = shlex.split(commands("python -m http.server")[0])
    port = free_port()
    with subprocess.Popen(
        [sys.executable, *words, str(port)], cwd=tmp_path, stderr=subprocess.DEVNULL
    ) as served:
        wait_until(lambda: listens(port), 60)
        yield tmp_path, port
        served.terminate()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


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
