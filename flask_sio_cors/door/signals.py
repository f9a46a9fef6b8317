"""Signals that an application can subscribe to."""

from __future__ import annotations

from typing import Final

from blinker import Namespace

#: Sent by the application after a request was refused, with ``origin`` (the ``Origin`` header as
#: it came, or ``None``), ``reason`` (a :class:`~flask_sio_cors.Reason`, which is also a string),
#: ``environ`` (the request's WSGI environment) and ``enforced``: ``False`` where it was let in all
#: the same, with ``SIO_CORS_REPORT_ONLY``; it is sent beside the request then, and the environ has
#: what is left of that. What a receiver returns or raises changes nothing. A receiver takes
#: ``**extra``, as Flask's documentation asks, for what may be added.
request_refused: Final = Namespace().signal("request-refused")
