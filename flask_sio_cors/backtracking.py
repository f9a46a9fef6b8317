"""Regular expressions that one short origin could occupy for hours.

Python's matching cannot be interrupted, and a pattern does not show how it behaves. So each is
tried, when the configuration is read, on growing texts of the kind that bad ones fail on. That
finds the common mistakes, a repetition within a repetition, and never blames a harmless one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import product
from typing import Final

from .origins import is_well_formed

#: Seconds of the processor that one origin may cost. Harmless expressions take microseconds.
MOST_SECONDS: Final = 0.02

_UNITS: Final = ("a", "0", "a.", "aa.", "a-")
# Small steps first, since each letter more may double the effort; then as far as a label goes.
_COUNTS: Final = (*range(2, 40, 2), 62)
# What a pattern starts with before its first character of a meaning of its own.
_LITERAL: Final = re.compile(r"(?:[\w:/-](?![*+?{])|\\[./:-](?![*+?{]))*")


def slow_origin(regex: re.Pattern[str]) -> str | None:
    """Return an origin that takes a regular expression too long, or ``None`` if none was found."""
    for text in _attempts(regex.pattern):
        # Twice, because the first time may have paid for something else, such as a collector.
        if _seconds(regex, text) > MOST_SECONDS and _seconds(regex, text) > MOST_SECONDS:
            return text
    return None


def _attempts(pattern: str) -> Iterator[str]:
    match = _LITERAL.match(pattern.removeprefix("^"))
    literal = match[0].replace("\\", "") if match else ""
    starts = dict.fromkeys((literal, f"{literal}a.", "https://", "http://"))
    for start, unit in product(starts, _UNITS):
        # Nothing else is ever matched.
        yield from filter(is_well_formed, (start + unit * count for count in _COUNTS))


def _seconds(regex: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    regex.fullmatch(text)
    return time.thread_time() - started
