"""What to write: lines that make the page connect when they are pasted as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ..fetch import Page
from ..origins import OPAQUE_ORIGINS, is_insecure

#: Where a client looks for the server, and a server listens, if nobody says otherwise.
DEFAULT_PATH: Final = "/socket.io/"

_CONSTRUCTOR: Final = "new Server(httpServer, {"

_FROM_SCRATCH: Final = """\
# pip install Flask-SIO-CORS
# Below SocketIO(app), with cors_allowed_origins removed from it. Where
# SioCors(app) is there already: only the lines of app.config, above it.
from flask_sio_cors import SioCors
"""
_INSTALLED: Final = "# above SioCors(app)"
_ADDED: Final = """\
# above SioCors(app), below the line that sets SIO_CORS_ORIGINS
listed = app.config.get("SIO_CORS_ORIGINS") or app.config.get("CORS_ORIGINS") or []
listed = listed.replace(",", " ").split() if isinstance(listed, str) else listed
listed = listed if isinstance(listed, (list, tuple, set)) else [listed]
app.config["SIO_CORS_ORIGINS"] = [*listed, {origin}]"""


@dataclass(frozen=True)
class Fix:
    """What to write, and where.

    :param extension: Python lines for this extension, on a server that may not have it yet.
    :param node: JavaScript lines for Socket.IO for Node.js.
    :param elsewhere: what to do in the client, the proxy or on the machine.
    :param installed: `extension`, where the server is known to have this extension.
    """

    extension: str = ""
    node: str = ""
    elsewhere: str = ""
    installed: str = ""

    def fitted(self, path: str, *, is_installed: bool) -> Fix:
        """Return what to write for the server at this path.

        :param is_installed: whether the server has this extension.
        """
        extension = self.installed if is_installed and self.installed else self.extension
        options = "".join(f"\n  {option}" for option in _path_options(path))
        node = self.node
        if "\n  path:" not in node:
            node = node.replace(_CONSTRUCTOR, f"{_CONSTRUCTOR}{options}")
        return replace(self, extension=extension, node=node)


def _path_options(path: str) -> Iterable[str]:
    if path.rstrip("/") != DEFAULT_PATH.rstrip("/"):
        yield f"path: {json.dumps(path)},"
    if not path.endswith("/"):
        yield "addTrailingSlash: false,"


def allowing(
    page: Page,
    *,
    adds: bool = True,
    headers: Iterable[str] = (),
    methods: Iterable[str] = (),
    options: Iterable[str] = (),
    elsewhere: str = "",
) -> Fix:
    """Return the configuration that lets a page in, with all that it asks with.

    :param adds: whether what was allowed before stays; not where that is too much.
    :param headers: names to list; without them each server allows what is asked for.
    :param methods: to list; without them, those that Socket.IO needs are allowed.
    :param options: more for the server for Node.js, each a line or more of JavaScript.
    :param elsewhere: what is to be done besides.
    """
    names, verbs, origin = list(headers), list(methods), json.dumps(page.origin)
    has_credentials = page.credentials and page.origin not in OPAQUE_ORIGINS
    lines, cors = [], [f"origin: [{origin}{', /* and your others */' if adds else ''}]"]
    if has_credentials:
        lines.append('app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True')
        cors.append("credentials: true")
    if names:
        lines.append(f'app.config["SIO_CORS_ALLOW_HEADERS"] = {json.dumps(names)}')
        cors.append(f"allowedHeaders: {json.dumps(names)}")
    if verbs:
        lines.append(f'app.config["SIO_CORS_METHODS"] = {json.dumps(verbs)}')
        cors.append(f"methods: {json.dumps(verbs)}")
    if has_credentials and is_insecure(page.origin):
        insecure = 'app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True'
        lines.append(f"{insecure}  # or serve the page over https")
    alone = f'app.config["SIO_CORS_ORIGINS"] = [{origin}]'
    return Fix(
        "\n".join(
            [_FROM_SCRATCH, alone + "  # and your others" * adds, *lines, "SioCors(app)"],
        ),
        constructing(f"cors: {{ {', '.join(cors)} }},", *options),
        elsewhere or _no_origin(page),
        "\n".join([_ADDED.format(origin=origin) if adds else f"{_INSTALLED}\n{alone}", *lines]),
    )


def _no_origin(page: Page) -> str:
    if page.origin not in OPAQUE_ORIGINS or not page.credentials:
        return ""
    return (
        f"Serve the page from a web server, in no sandbox: the origin “{page.origin}” is "
        "everybody's, and is let in without cookies only (withCredentials: false)."
    )


def constructing(*options: str) -> str:
    """Return the construction of a server for Node.js with these options, in JavaScript."""
    return "\n".join([_CONSTRUCTOR, *(f"  {option}" for option in options), "})"])
