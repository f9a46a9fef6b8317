"""Several WSGI applications in one eventlet process, each on a port of this machine only."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable

import eventlet
import eventlet.wsgi
from eventlet.event import Event
from flask import Flask


def listen(port: int, option: str) -> list[socket.socket]:
    """Listen on this machine only; end the program, with advice, where the port is taken.

    :param option: of the command line, that chooses this port.
    """
    # "localhost" may mean either address.
    families = [(socket.AF_INET, "127.0.0.1")]
    if _has_ipv6():
        families.append((socket.AF_INET6, "::1"))
    try:
        # reuse_port, eventlet's default, would share a taken port in silence.
        return [
            eventlet.listen((host, port), family, reuse_port=False) for family, host in families
        ]
    except OSError as error:
        sys.exit(
            f"Port {port} cannot be used ({error.strerror}). "
            f"Choose another one: python -m example_app {option} {port + 1000}"
        )


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def serve(listening: Iterable[tuple[Flask, list[socket.socket]]]) -> None:
    """Serve applications on the sockets beside them until somebody presses Ctrl+C."""
    servers = [
        eventlet.spawn(eventlet.wsgi.server, listener, app, log_output=False)
        for app, listeners in listening
        for listener in listeners
    ]
    # Whichever green thread runs gets the interrupt; eventlet's servers end at it without a word.
    ended = Event()
    for server in servers:
        server.link(lambda _: ended.ready() or ended.send())
    try:
        ended.wait()
    except KeyboardInterrupt:
        print()
