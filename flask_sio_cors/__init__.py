"""Cross-origin resource sharing for Flask-SocketIO: who may connect, and why not."""

from .extension import SioCors
from .options import ConfigError
from .signals import request_refused

__all__ = ["ConfigError", "SioCors", "request_refused"]
