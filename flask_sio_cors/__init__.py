"""Cross-origin resource sharing for Flask-SocketIO: who may connect, and why not."""

from .config.problems import ConfigError, Problem
from .door.signals import request_refused
from .door.verdicts import Reason
from .extension import SioCors
from .live.follower import Condition, State
from .live.shared import SharedOrigins
from .live.store import Change, Report, Reporting, Store, StoreError, Version
from .origins.codes import Code

__all__ = [
    "Change",
    "Code",
    "Condition",
    "ConfigError",
    "Problem",
    "Reason",
    "Report",
    "Reporting",
    "SharedOrigins",
    "SioCors",
    "State",
    "Store",
    "StoreError",
    "Version",
    "request_refused",
]
