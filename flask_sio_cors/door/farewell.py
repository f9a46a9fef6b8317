"""Refusing a WebSocket that gevent-websocket has opened before it asked anybody."""

from __future__ import annotations

import struct
import time
from contextlib import suppress
from typing import Any, Final

from .waiting import Interrupter

# RFC 6455, section 7.4.1, and a packet type that Engine.IO's protocol does not know.
_POLICY_VIOLATION: Final = 1008
_NO_PACKET_TYPE: Final = "7"
#: Seconds that a client may take to answer a close frame.
_FAREWELL_SECONDS: Final = 2.0


def end_websocket(websocket: Any, error: bytes, interrupter: Interrupter) -> None:
    """Refuse a WebSocket that gevent-websocket has opened before it asked anybody.

    A status would be lost, and at a mere close frame clients wait for their own timeout. They fail
    at once at a packet of a type that Engine.IO does not have.

    :param error: the JSON that would have been the body of the answer.
    :param interrupter: ends the wait for a client that does not answer.
    """
    # The client may have left, or stay silent; gevent-websocket's own errors are OSErrors too.
    with suppress(OSError), interrupter(_FAREWELL_SECONDS, TimeoutError()):
        websocket.send_frame(_NO_PACKET_TYPE + error.decode(), websocket.OPCODE_TEXT)
        # Its own close() sends the reason, but never the code.
        websocket.send_frame(struct.pack("!H", _POLICY_VIOLATION), websocket.OPCODE_CLOSE)
        # Chromium takes a second close frame, which the server would send, for an error.
        websocket.closed = True
        _await_farewell(websocket)


def _await_farewell(websocket: Any) -> None:
    """Wait for the client's close frame; Firefox shows its page nothing of a hasty connection."""
    # A client that never pauses lets no timer through.
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while time.monotonic() < deadline:
        # RFC 6455, section 5.2: the opcode, and a length that is its own up to 125.
        head = websocket.raw_read(2)
        if len(head) < 2 or head[0] & 0x0F == websocket.OPCODE_CLOSE or head[1] & 0x7F > 125:
            return
        websocket.raw_read(4 + (head[1] & 0x7F))
