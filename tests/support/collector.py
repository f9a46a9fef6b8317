"""A page elsewhere: served on any host of this machine, and what it reports is kept."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from typing import Any

import pytest

from tests.support.browsers import Browser

BROWSER_SECONDS = 60


class Collector:
    """Answers every ``GET`` with the page, and keeps what is posted to it as JSON.

    As a context manager it ends with the block.
    """

    def __init__(self, page: bytes) -> None:
        self.reports: Queue[dict[str, Any]] = Queue()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(page)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                # Before the page goes on, and the next one reports.
                collector.reports.put(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def report(self, browser: Browser) -> dict[str, Any]:
        """Return the next report of the page in a browser; without one, the test fails."""
        try:
            return self.reports.get(timeout=BROWSER_SECONDS)
        except Empty:
            pytest.fail(f"no report from the page:\n{browser.output()}")
