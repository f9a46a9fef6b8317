"""Values as they are written: as Python source, and as text."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

from ..origins.grammar import Example
from ..origins.texts import REGEX, joined


class Source(str):
    """Python source, where no value could say the same."""

    __slots__ = ()


class ExampleSource(Source, Example):
    """Python source that shows how something is written, where nobody can know what was meant."""

    __slots__ = ()


def as_text(value: object) -> str:
    """Write a value as it stands in the environment."""
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, (list, tuple)):
        return joined(map(as_text, value))
    if isinstance(value, re.Pattern):
        return regex_as_text(value)
    if callable(value):
        return name_of(value)
    if isinstance(value, str):
        return str.__str__(value)  # which a member of an Enum is, too
    return "" if value is None else str(value)


def regex_as_text(regex: re.Pattern[Any]) -> str:
    """Write an expression as text, with its flags."""
    flags = "".join(letter for letter, flag in _FLAGS.items() if regex.flags & flag)
    return f"{REGEX}{f'(?{flags})' if flags else ''}{regex.pattern}"


def without_password(text: str) -> str:
    """Return a text with those of its URLs' passwords hidden that come before a host."""
    return _PASSWORD.sub(r"\1:***@", text)


def shown(value: object) -> str:
    """Return a value as Python shows it, but for passwords and places in memory."""
    return _ADDRESS.sub("", without_password(repr(value)))


_ADDRESS: Final = re.compile(" at 0x[0-9A-Fa-f]+")
_PASSWORD: Final = re.compile(r"(://[^\s/@:]*):[^\s/@]+@")
_FLAGS: Final = {"i": re.I, "m": re.M, "s": re.S, "x": re.X, "a": re.A}


def as_source(value: object) -> str:
    """Write a value as Python source, as far as there is any; texts as JSON and TOML have them.

    A tuple is written as entries, without what would hold them. A function is written by its name
    where that imports it.
    """
    if isinstance(value, Source):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        entries = ", ".join(map(as_source, value))
        return f"[{entries}]" if isinstance(value, list) else entries
    if callable(value):
        return json.dumps(name_of(value)) if _is_imported_by_name(value) else name_of(value)
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(as_source, value)))}}}" if value else "set()"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_source(k)}: {as_source(v)}' for k, v in value.items())}}}"
    return _regex_as_source(value) if isinstance(value, re.Pattern) else repr(value)


def _regex_as_source(regex: re.Pattern[Any]) -> str:
    pattern = regex.pattern
    is_raw = '"' not in pattern and not pattern.endswith("\\") and pattern.isprintable()
    flags = regex.flags & ~re.UNICODE
    written = f'r"{pattern}"' if is_raw else repr(pattern)
    return f"re.compile({written}{f', {re.RegexFlag(flags)}' if flags else ''})"


def name_of(function: object) -> str:
    """Return how a function is imported, ``module:name``; as Python shows it, where it is not."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    return f"{module}:{name}" if module and name else repr(function)


def _is_imported_by_name(function: object) -> bool:
    found: object = sys.modules.get(getattr(function, "__module__", None) or "")
    for name in str(getattr(function, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is function
