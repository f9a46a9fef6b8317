"""Starts the example: ``python -m example_app``."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Sequence

from .addresses import Addresses
from .assembly import assemble, furnish
from .chat import create_app
from .client import CDN, installed_client
from .serving import serve


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the chat and its pages until somebody presses Ctrl+C."""
    chosen = parse(arguments)
    addresses = Addresses(chosen.port, chosen.page_port, chosen.other_port, chosen.plain_port)
    secret_key = secrets.token_hex()
    chat = furnish(create_app(addresses, secret_key), addresses)
    listening = assemble(chat, addresses, secret_key, addresses.server_port)
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
