"""Cross-origin resource sharing for Flask-SocketIO: who may connect, and why not."""

from .config.problems import ConfigError
from .door.signals import request_refused
from .extension import SioCors

__all__ = ["ConfigError", "SioCors", "request_refused"]
