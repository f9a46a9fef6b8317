"""Options of ``SocketIO`` that decide in another place, or were meant to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .problems import Problem

# Options of Flask-SocketIO that SioCors replaces, and what others write in their place.
_OWN_OPTIONS: Final = ("cors_allowed_origins", "cors_credentials")
_MEANT_OPTIONS: Final = ("cors", "origin", "origins", "allowed_origins", "allow_origins")


def conflicts(given: Mapping[str, Any]) -> Iterable[Problem]:
    """Report the options of one ``SocketIO`` that are about origins.

    :param given: its options, by the names that it was given them under.
    """
    others = [f"{name}={value!r}" for name, value in given.items() if not _is_about_cors(name)]
    call = f"SocketIO({', '.join(['app', *others])})"
    for name, value in given.items():
        if not _is_about_cors(name) or (name in _OWN_OPTIONS and value is None):
            continue
        reason = (
            "decides in another place; with SioCors, the SIO_CORS_ settings decide"
            if name in _OWN_OPTIONS
            else "is no option of Flask-SocketIO, so it silently does nothing"
        )
        yield Problem(f"SocketIO({name}=…)", value, reason, call)


def _is_about_cors(option: str) -> bool:
    return (
        option in _MEANT_OPTIONS
        or option.startswith("cors_")
        or bool(difflib.get_close_matches(option, _OWN_OPTIONS, 1, 0.8))
    )
