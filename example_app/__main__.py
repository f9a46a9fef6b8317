"""Starts the example: ``python -m example_app``."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Sequence

from .addresses import Addresses
from .chat import create_app
from .client import CDN, client_blueprint, installed_client
from .doorplate import doorplate_blueprint
from .lab import probe_blueprint
from .pages import create_pages
from .plain import create_plain_app
from .recorder import Recorder
from .serving import listen, serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the chat and its pages until somebody presses Ctrl+C."""
    chosen = parse(arguments)
    addresses = Addresses(chosen.port, chosen.page_port, chosen.other_port, chosen.plain_port)
    secret_key, recorder = secrets.token_hex(), Recorder()
    chat = create_app(addresses, secret_key)
    plain = create_plain_app(addresses, secret_key)
    for server in (chat, plain):
        # The lab has a page on the server's own origin too.
        server.register_blueprint(client_blueprint(installed_client()))
        server.register_blueprint(probe_blueprint(addresses))
        server.register_blueprint(doorplate_blueprint(addresses, guarded=server is chat))
        server.wsgi_app = recorder.watch(server.wsgi_app)  # type: ignore[assignment,method-assign]
    pages = create_pages(chat, plain, recorder, addresses)

    listening = [
        (chat, listen(addresses.server_port, "--port")),
        (plain, listen(addresses.plain_port, "--plain-port")),
        (pages, listen(addresses.page_port, "--page-port")),
        (pages, listen(addresses.other_port, "--other-port")),
    ]
    print(_greeting(addresses), flush=True)
    serve(listening)


def parse(
    arguments: Sequence[str] | None, program: str = "example_app", purpose: str | None = __doc__
) -> argparse.Namespace:
    """Read the ports that the command line chooses."""
    defaults = Addresses()
    parser = argparse.ArgumentParser(f"python -m {program}", description=purpose)

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
    add_port(
        "--plain-port", "EXAMPLE_PLAIN_PORT", defaults.plain_port, "of the server without SioCors"
    )
    chosen = parser.parse_args(arguments)
    if len({chosen.port, chosen.page_port, chosen.other_port, chosen.plain_port}) < 4:
        parser.error("the four ports must differ: an origin is scheme, host and port")
    return chosen


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError
    return port


def _greeting(addresses: Addresses) -> str:
    lines = [
        f"The chat's page, which is allowed:    {addresses.page}",
        f"The same page, on a refused origin:   {addresses.refused_page}",
        f"The CORS lab:                         {addresses.page}/lab",
        "",
        f"The Socket.IO server is at {addresses.server}. Ask it yourself:",
        f'  curl "{addresses.server}/socket.io/?EIO=4&transport=polling"',
        f"The same server without SioCors, for the lab to compare with: {addresses.plain}",
    ]
    if installed_client() is None:
        lines.append(f"socket.io-client is not installed, so the pages take it from {CDN}")
    return "\n".join([*lines, "", "Ctrl+C ends it."])


if __name__ == "__main__":
    main()
