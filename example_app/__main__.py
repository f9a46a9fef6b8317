"""Starts the example: ``python -m example_app``."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Sequence

from .addresses import Addresses
from .chat import create_app
from .client import CDN, client_blueprint, installed_client
from .lab import probe_blueprint
from .pages import create_pages
from .plain import create_plain_app
from .recorder import Recorder
from .serving import listen, serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the chat and its pages until somebody presses Ctrl+C."""
    chosen = _parse(arguments)
    addresses = Addresses(chosen.port, chosen.page_port, chosen.other_port)
    create = create_plain_app if chosen.plain else create_app
    chat = create(addresses, secrets.token_hex())
    # The lab has a page on the server's own origin too.
    chat.register_blueprint(client_blueprint(installed_client()))
    chat.register_blueprint(probe_blueprint(addresses))
    recorder = Recorder(chat.wsgi_app)
    chat.wsgi_app = recorder  # type: ignore[method-assign]
    pages = create_pages(chat, recorder, addresses)

    listening = [
        (chat, listen(addresses.server_port, "--port")),
        (pages, listen(addresses.page_port, "--page-port")),
        (pages, listen(addresses.other_port, "--other-port")),
    ]
    print(_greeting(addresses, plain=chosen.plain), flush=True)
    serve(listening)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    defaults = Addresses()
    parser = argparse.ArgumentParser("python -m example_app", description=__doc__)

    def add_port(option: str, variable: str, default: int, what: str) -> None:
        parser.add_argument(
            option,
            type=_port,
            metavar="PORT",
            default=os.environ.get(variable, str(default)),
            help=f"{what} (environment: {variable}; default: {default})",
        )

    add_port("--port", "EXAMPLE_PORT", defaults.server_port, "of the Socket.IO server")
    add_port("--page-port", "EXAMPLE_PAGE_PORT", defaults.page_port, "of the page that is allowed")
    add_port("--other-port", "EXAMPLE_OTHER_PORT", defaults.other_port, "of the page that is not")
    parser.add_argument(
        "--plain", action="store_true", help="without SioCors: what Flask-SocketIO does alone"
    )
    chosen = parser.parse_args(arguments)
    if len({chosen.port, chosen.page_port, chosen.other_port}) < 3:
        parser.error("the three ports must differ: an origin is scheme, host and port")
    return chosen


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def _greeting(addresses: Addresses, *, plain: bool) -> str:
    lines = [
        f"The chat's page, which is allowed:    {addresses.page}",
        f"The same page, on a refused origin:   {addresses.refused_page}",
        f"The CORS lab:                         {addresses.page}/lab",
        "",
        f"The Socket.IO server is at {addresses.server}. Ask it yourself:",
        f'  curl "{addresses.server}/socket.io/?EIO=4&transport=polling"',
    ]
    if plain:
        lines.append("It runs WITHOUT SioCors: the lab shows what that means.")
    if installed_client() is None:
        lines.append(f"socket.io-client is not installed, so the pages take it from {CDN}")
    return "\n".join([*lines, "", "Ctrl+C ends it."])


if __name__ == "__main__":
    main()
