"""Keys that are no settings, and the settings that they most likely mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .problems import Problem

#: What our keys start with, and Flask-CORS's, which apply where ours are unset.
PREFIX: Final = "SIO_CORS_"
FALLBACK_PREFIX: Final = "CORS_"

# The same settings by the names that other packages give them.
_OTHER_NAMES: Final = {
    "ORIGIN": "ORIGINS",
    "ALLOWED_ORIGINS": "ORIGINS",
    "ALLOW_ORIGINS": "ORIGINS",
    "ALLOW_ORIGIN": "ORIGINS",
    "ALLOWED_ORIGIN_REGEXES": "ORIGINS",
    "ALLOW_ALL_ORIGINS": "ORIGINS",
    "CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "ALLOW_CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "HEADERS": "ALLOW_HEADERS",
    "PREFLIGHT_MAX_AGE": "MAX_AGE",
    "SUCCESS_STATUS": "OPTIONS_SUCCESS_STATUS",
    "PRIVATE_NETWORK": "ALLOW_PRIVATE_NETWORK",
}
# Flask-CORS's settings that nothing here corresponds to.
_FLASK_CORS_ONLY: Final = frozenset(
    """RESOURCES SEND_WILDCARD VARY_HEADER AUTOMATIC_OPTIONS ALWAYS_SEND
    INTERCEPT_EXCEPTIONS""".split()
)
_OUR_PREFIX: Final = re.compile(r"(?:FLASK_)?(?:SIO|SOCKETIO|SOCKET_IO)_?(?:CORS_?)+")


def unknown_keys(config: Mapping[str, Any], known: list[str]) -> Iterable[Problem]:
    """Report the keys that look like ours and are none.

    :param known: every key that is a setting.
    """
    for key, value in config.items():
        if not isinstance(key, str) or key in known:
            continue
        upper = key.upper().replace("-", "_")
        prefix = _OUR_PREFIX.match(upper)
        name = upper[prefix.end() :] if prefix else ""
        if name in _FLASK_CORS_ONLY:
            reason = "is a setting of Flask-CORS alone; a Socket.IO server has no use for it"
            yield Problem(key, value, reason, "")
        elif nearest := _nearest_key(upper, name, known):
            yield Problem(key, value, "is no setting, so it would silently do nothing", nearest)
        elif prefix:
            reason = f"is no setting; those that exist are {', '.join(known)}"
            yield Problem(key, value, reason, "")


def _nearest_key(key: str, name: str, known: list[str]) -> str:
    """Return the setting that an unknown key means; ``""`` where none is near."""
    if name:
        others = difflib.get_close_matches(name, _OTHER_NAMES, 1, 0.85)
        own = difflib.get_close_matches(PREFIX + name, known, 1, 0.85)
        if name in _OTHER_NAMES or (others and not own):
            return PREFIX + _OTHER_NAMES[others[0]]
        key, cutoff = PREFIX + name, 0.78
    elif key.startswith("SIO"):
        cutoff = 0.85
    else:
        return ""
    nearest = difflib.get_close_matches(key, known, 1, cutoff)
    return nearest[0] if nearest else ""
