"""What to write: lines that make the page connect when they are pasted as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from ..browser.fetch import Page
from ..origins.grammar import OPAQUE_ORIGINS, is_insecure
from .browser import origin_of
from .facts import Answers
from .target import DEFAULT_PATH, Target

_CONSTRUCTOR: Final = "new Server(httpServer, {"

_OLD_CLIENTS: Final = "\n  allowEIO3: true, // for clients of version 2"
_OLD_SERVER: Final = "// of Socket.IO 3 or 4; version 2 knows none of this: npm install socket.io@4"

_FROM_SCRATCH: Final = """\
# pip install Flask-SIO-CORS
# Below SocketIO(app). Take out of SocketIO(…) all that it says of CORS:
# cors_allowed_origins and cors_credentials, and what does nothing there
# (cors, origin, origins, allowed_origins, allow_origins).
from flask_sio_cors import SioCors"""
_ASYNCIO: Final = """\
sio = socketio.AsyncServer(
    async_mode="asgi",  # and what else it is given already
    cors_allowed_origins=[{origin}],  # and your others
)"""
_INSTALLED: Final = "# above SioCors(app)"
_ONLY: Final = """\
# in place of what is listed; add each of your others below, without only
SioCors.allow(
    app, {origin}, only=True,
    host=<host>{credentials},
)"""
#: What stands in `Fix.installed` for the host at which the page asks: it may have its own policy.
_OWN_HOST: Final = "<host>"


@dataclass(frozen=True)
class Fix:
    """What to write, and where.

    :param extension: Python lines for this extension, on a server that may not have it yet.
    :param node: JavaScript lines for Socket.IO for Node.js.
    :param elsewhere: what to do in the client, the proxy or on the machine.
    :param installed: `extension`, where the server is known to have this extension; ``None`` where
        that makes no difference.
    :param asyncio: Python lines for python-socketio's server for asyncio, in place of `extension`.
    :param address: of a request that gets where the client's should, for the client's own line.
    """

    extension: str = ""
    node: str = ""
    elsewhere: str = ""
    installed: str | None = None
    address: str = ""
    asyncio: str = ""

    def fitted(self, answers: Answers) -> Fix:
        """Return what to write for the server that has answered, and for its client."""
        target, extension, node = answers.target, self.extension, self.node
        if answers.is_asyncio and self.asyncio:
            extension = self.asyncio
        if answers.is_installed and self.installed is not None:
            host = json.dumps(re.sub(r":\d+$", "", target.base.partition("://")[2]))
            extension, node = self.installed.replace(_OWN_HOST, host), ""
        path = urlsplit(self.address).path if self.address else target.path
        options = "".join(f"\n  {option}" for option in _path_options(path))
        if "\n  path:" not in node:
            node = node.replace(_CONSTRUCTOR, f"{_CONSTRUCTOR}{options}")
        if target.protocol.is_old and _CONSTRUCTOR in node and "allowEIO3" not in node:
            node = f"{_OLD_SERVER}\n{node.replace(_CONSTRUCTOR, f'{_CONSTRUCTOR}{_OLD_CLIENTS}')}"
        client = f"In the client: {_io(target, self.address)}." if self.address else ""
        elsewhere = " ".join(filter(None, (client, self.elsewhere)))
        return replace(self, extension=extension, node=node, elsewhere=elsewhere)


def _io(target: Target, address: str) -> str:
    """Return the client's own line for an address, in JavaScript."""
    url = f"{origin_of(address)}{target.name}"
    if target.query:
        url += f"{'' if target.name else '/'}?{target.query.removeprefix('&')}"
    path = urlsplit(address).path
    options = ", ".join(option.rstrip(",") for option in _path_options(path))
    line = f"io({json.dumps(url)}{f', {{ {options} }}' if options else ''})"
    needs_slash = path.endswith("/") and not target.path.endswith("/")
    return f"{line}, without addTrailingSlash: false" if needs_slash else line


def _path_options(path: str) -> Iterable[str]:
    if path.rstrip("/") != DEFAULT_PATH.rstrip("/"):
        yield f"path: {json.dumps(path)},"
    if not path.endswith("/"):
        yield "addTrailingSlash: false,"


def allowing(  # noqa: PLR0913 - what a page asks with has as many parts
    page: Page,
    *,
    adds: bool = True,
    is_known: bool = False,
    headers: Iterable[str] = (),
    methods: Iterable[str] = (),
    options: Iterable[str] = (),
    elsewhere: str = "",
) -> Fix:
    """Return the configuration that lets a page in, with all that it asks with.

    :param adds: whether what was allowed before stays; not where that is too much.
    :param is_known: whether the server lets the page's origin in as it is, cookies included.
    :param headers: names to list; without them each server allows what is asked for.
    :param methods: to list; without them, those that Socket.IO needs are allowed.
    :param options: more for the server for Node.js, each a line or more of JavaScript.
    :param elsewhere: what is to be done besides.
    """
    names, verbs, origin = list(headers), list(methods), json.dumps(page.origin)
    has_cookies = page.credentials and page.origin not in OPAQUE_ORIGINS
    settings, listed = [], []
    cors = [f"origin: [{origin}, /* and your others */]"]
    if has_cookies:
        settings.append('app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True')
        cors.append("credentials: true")
    if has_cookies and is_insecure(page.origin):
        listed.append("# or serve the page over https, and leave this out:")
        listed.append('app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True')
    if names:
        listed.append(f'app.config["SIO_CORS_ALLOW_HEADERS"] = {json.dumps(names)}')
        cors.append(f"allowedHeaders: {json.dumps(names)}")
    if verbs:
        listed.append(f'app.config["SIO_CORS_METHODS"] = {json.dumps(verbs)}')
        cors.append(f"methods: {json.dumps(verbs)}")
    alone = f'app.config["SIO_CORS_ORIGINS"] = [{origin}]  # and your others'
    credentials = ", credentials=True" * has_cookies
    line = f"SioCors.allow(app, {origin}, host={_OWN_HOST}{credentials})"
    added = line if adds else _ONLY.format(origin=origin, credentials=credentials)
    installed = listed if is_known else [added, *listed]
    return Fix(
        "\n".join([_FROM_SCRATCH, alone, *settings, *listed, "SioCors(app)"]),
        "\n  ".join([_CONSTRUCTOR, f"cors: {{ {', '.join(cors)} }},", *options]) + "\n})",
        " ".join(filter(None, (elsewhere, _no_origin(page)))),
        "\n".join([_INSTALLED] * (len(installed) > 1) + installed),
        asyncio=_ASYNCIO.format(origin=origin),
    )


def _no_origin(page: Page) -> str:
    """Warn of an origin that is nobody's."""
    if page.origin not in OPAQUE_ORIGINS:
        return ""
    anybody = "a sandboxed iframe" if page.origin == "null" else "any file that is opened"
    warning = (
        f"Better serve the page by http: or https:, in no sandbox. Any page can have the origin "
        f"“{page.origin}” ({anybody} is enough): to list it is to let every site in"
    )
    without = ", and without cookies only (withCredentials: false)" if page.credentials else ""
    return f"{warning}{without}."
