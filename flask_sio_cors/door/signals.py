"""Signals that an application can subscribe to."""

from __future__ import annotations

from typing import Final

from blinker import Namespace

#: Sent by the application after a request was refused, with ``origin`` (the ``Origin`` header as
#: it came, or ``None``), ``reason`` (a :class:`~flask_sio_cors.Reason`, which is also a
#: string) and ``environ`` (the request's WSGI environment). What a receiver returns or raises
#: changes nothing.
request_refused: Final = Namespace().signal("request-refused")
