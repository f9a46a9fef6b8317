"""One origin more, beside whatever ``SIO_CORS_ORIGINS`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..origins.grammar import OPAQUE_ORIGINS
from .keys import PREFIX
from .origins import entries_of
from .values import spelled_bool


def adding(config: Mapping[str, Any], origin: str, *, credentials: bool) -> dict[str, Any]:
    """Return the settings by which an origin is allowed beside those that are.

    Where everybody was let in, or nobody, it is the only one.

    :param credentials: whether with the visitor's cookies, which origins that anybody can have
        do not get.
    """
    value = config.get(f"{PREFIX}ORIGINS", config.get("CORS_ORIGINS"))
    is_list = value is not None and spelled_bool(value) is None
    gone = {"*", origin, *(OPAQUE_ORIGINS if credentials else ())}
    # Regular expressions and functions are compared with nothing.
    kept = [
        entry
        for entry in (entries_of(value) if is_list else [])
        if not isinstance(entry, str) or entry not in gone
    ]
    added: dict[str, Any] = {f"{PREFIX}ORIGINS": [*kept, origin]}
    if credentials:
        added[f"{PREFIX}SUPPORTS_CREDENTIALS"] = True
    return added
