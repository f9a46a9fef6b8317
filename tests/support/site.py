"""The site as `make docs` has built it, served; and what is printed that leads there.

>>> with served() as url:
...     requests.get(f"{url}/index.html")
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from flask_sio_cors.door.documentation import SITE
from tests.support.pages import REPOSITORY

FOLDER = REPOSITORY / "build/docs"


def require() -> None:
    """Skip the test where nobody has built the site; with CI set, fail."""
    if not (FOLDER / "index.html").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs the site: make docs")


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """Serve the site, and give its address."""
    handler = partial(_Silent, directory=str(FOLDER))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Anchors(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.found = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value or "" for name, value in attrs if name == "id"}


class Places:
    """What can be linked to on the site."""

    def __init__(self) -> None:
        self._pages: dict[Path, set[str]] = {}

    def __contains__(self, address: str) -> bool:
        """Tell whether an address of the documentation leads somewhere."""
        if not address.startswith(SITE):
            return False
        parts = urlsplit(address.removeprefix(SITE))
        path = FOLDER / (parts.path or "index.html")
        if path not in self._pages:
            self._pages[path] = _Anchors(path).found if path.is_file() else set()
        return parts.fragment in self._pages[path]
