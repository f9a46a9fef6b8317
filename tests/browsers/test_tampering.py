"""What browsers send shows what a proxy does to Origin, when the server's own page asks."""

import pytest

from tests.support.browsers import Browser, require
from tests.support.collector import BROWSER_SECONDS
from tests.support.harness import wait_until
from tests.support.nginx import PASS, nginx

# The server's own page polls, opens a WebSocket, and says that it has.
PAGE = """
    app.visits = 0

    @app.get("/page")
    def page():
        return '''<script>
            const path = "/socket.io/?EIO=4&transport="
            fetch(path + "polling").then(() => {
                const socket = new WebSocket(`ws://${location.host}${path}websocket`)
                socket.onmessage = socket.onclose = () => fetch("/done")
            })
        </script>'''

    @app.get("/done")
    def done():
        app.visits += 1
        return ""
"""
REMOVED = "A browser's WebSocket came without an Origin header"
ADDED = "an Origin header came with that, which browsers send none with"
LINES = {
    "passes it on": ("", set()),
    "removes it": ('proxy_set_header Origin "";', {REMOVED}),
    "writes its own": ("proxy_set_header Origin http://$http_host;", {ADDED}),
}


@pytest.mark.parametrize(("line", "named"), LINES.values(), ids=LINES)
@pytest.mark.parametrize("engine", ["chromium", "firefox"])
def test_what_a_proxy_does_shows_at_the_servers_own_page(engine, serve, tmp_path, line, named):
    require(engine)
    server = serve(after=PAGE, fresh=True)
    with (
        nginx(f"location / {{ {line} {PASS} }}", server.port, tmp_path) as url,
        Browser(engine, f"{url}/page"),
    ):
        wait_until(lambda: server.run("answer = app.visits") != "0", BROWSER_SECONDS)
    log = server.log()
    assert {sentence for sentence in (REMOVED, ADDED) if sentence in log} == named
