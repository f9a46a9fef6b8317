"""Cross-origin resource sharing for Flask-SocketIO: who may connect, and why not."""

from .config.problems import ConfigError, Problem
from .door.signals import request_refused
from .door.verdicts import Reason
from .extension import SioCors

__all__ = ["ConfigError", "Problem", "Reason", "SioCors", "request_refused"]
