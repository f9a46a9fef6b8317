"""Configured values as JSON has them, for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..config.functions import names_function
from ..config.options import Options
from ..config.origins import EveryOrigin, entries_of
from ..config.sources import name_of
from ..config.values import spelled_bool
from ..origins.texts import regex_in


def as_json(value: object) -> Any:
    """Return a value as JSON has it.

    A function is an object with its name, a regular expression one with its pattern and flags, and
    a time its seconds. What JSON knows no word for is an object with Python's.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((as_json(one) for one in value), key=str)
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, re.Pattern):
        flags = [one.name for one in re.RegexFlag if value.flags & ~re.UNICODE & one]
        return {"regex": as_json(value.pattern), "flags": flags}
    if isinstance(value, timedelta):
        return value.total_seconds()
    return {"function": name_of(value)} if callable(value) else {"python": repr(value)}


def origins_as_json(options: Options) -> Any:
    """Return the origins in force, each entry by itself, however they were written."""
    if isinstance(options.origins, EveryOrigin):
        return options.origins.value
    written = options.written.get("ORIGINS")
    if written is None:
        return None
    if spelled_bool(written) is False:
        return []
    if isinstance(written, (str, list, tuple, set, frozenset)):
        entries = [_entry(item) for item in entries_of(written)]
        return sorted(entries, key=str) if isinstance(written, (set, frozenset)) else entries
    return [as_json(written)]


def _entry(item: object) -> object:
    if isinstance(item, str) and names_function(item):
        return {"function": item}
    regex = regex_in(item) if isinstance(item, str) else None
    return as_json(item) if regex is None else {"regex": regex, "flags": []}
