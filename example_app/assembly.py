"""The example's parts, put together: what every server has, and who listens where."""

from __future__ import annotations

import socket

from flask import Flask

from .addresses import Addresses
from .client import client_blueprint, installed_client
from .doorplate import doorplate_blueprint
from .lab import probe_blueprint
from .pages import create_pages
from .plain import create_plain_app
from .recorder import Recorder
from .serving import listen


def furnish(server: Flask, addresses: Addresses, *, guarded: bool = True) -> Flask:
    """Give a Socket.IO server a front page, and the lab's page on the server's own origin.

    :param guarded: whether SioCors stands before it.
    """
    server.register_blueprint(client_blueprint(installed_client()))
    server.register_blueprint(probe_blueprint(addresses))
    server.register_blueprint(doorplate_blueprint(addresses, guarded=guarded))
    return server


def assemble(
    chat: Flask, addresses: Addresses, secret_key: str, port: int
) -> list[tuple[Flask, list[socket.socket]]]:
    """Put the server without SioCors, and the pages, beside the chat; return who listens where.

    :param chat: the Socket.IO server, furnished.
    :param port: that it listens on.
    """
    recorder = Recorder()
    plain = furnish(create_plain_app(addresses, secret_key), addresses, guarded=False)
    for server in (chat, plain):
        server.wsgi_app = recorder.watch(server.wsgi_app)  # type: ignore[assignment,method-assign]
    pages = create_pages(chat, plain, recorder, addresses)
    return [
        (chat, listen(port, "--port")),
        (plain, listen(addresses.plain_port, "--plain-port")),
        (pages, listen(addresses.page_port, "--page-port")),
        (pages, listen(addresses.other_port, "--other-port")),
    ]
