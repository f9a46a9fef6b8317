"""Cross-origin resource sharing for Flask-SocketIO: who may connect, and why not."""

from typing import TYPE_CHECKING, Any

from .config.problems import ConfigError, Problem
from .door.signals import request_refused
from .door.verdicts import Reason
from .extension import SioCors
from .origins.codes import Code

if TYPE_CHECKING:
    from .live.follower import Condition, State
    from .live.shared import SharedOrigins
    from .live.store import Change, Report, Reporting, Store, StoreError, Version

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


def __getattr__(name: str) -> Any:
    """Import what only applications need that share their origins (PEP 562)."""
    if name in __all__:
        from .live import follower, shared, store

        for module in (follower, shared, store):
            if hasattr(module, name):
                globals()[name] = found = getattr(module, name)
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
