"""Regular expressions that one short origin could occupy for hours.

Python's matching cannot be interrupted, and a pattern does not show how it behaves. So each is
tried, when the configuration is read, on growing texts of the kind that bad ones fail on: what
leads to one of its repetitions, and then more and more rounds of it. That finds the common
mistakes, a repetition within a repetition, and never blames a harmless one.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Final, TypeAlias

from .grammar import MAX_ORIGIN_LENGTH, is_well_formed

#: Seconds of the processor that one origin may cost. Harmless expressions take microseconds.
MOST_SECONDS: Final = 0.02

# Rounds of any kind, for expressions whose repetitions lie across each other.
_ROUNDS: Final = ("a", "0", "a.", "aa.", "a-")
# What an expression may fail on after all those rounds.
_ENDS: Final = ("", "_", "-")
_MOST_ROUNDS: Final = 62  # as many letters as a label has, nearly
# In the order of preference; every class that matches anything in an origin has one of these.
_CHARACTERS: Final = "a0b1-._:/cdefghijklmnopqrstuvwxyz23456789"

# The standard library's own parser of expressions, which has had two names.
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
_Node: TypeAlias = tuple[Any, Any]

_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_CATEGORIES: Final[Mapping[str, Callable[[str], bool]]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_NOT_DIGIT": lambda c: not c.isdigit(),
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
    "CATEGORY_NOT_WORD": lambda c: not (c.isalnum() or c == "_"),
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_NOT_SPACE": lambda c: not c.isspace(),
}


def slow_origin(regex: re.Pattern[str]) -> str | None:
    """Return an origin that takes a regular expression too long, or ``None`` if none was found."""
    for (lead, round_), end in product(_leads_and_rounds(regex), _ENDS):
        origin = _first_slow(regex, lead, round_, end)
        if origin is not None:
            return origin
    return None


def _first_slow(regex: re.Pattern[str], lead: str, round_: str, end: str) -> str | None:
    # One round more each time, since each may double the effort: the first that is too slow is
    # not slow for long.
    for count in range(1, _MOST_ROUNDS + 1):
        text = lead + round_ * count + end
        if len(text) > MAX_ORIGIN_LENGTH:
            return None
        # Nothing else is ever matched.
        if is_well_formed(text) and _is_slow(regex, text):
            return text
    return None


def _is_slow(regex: re.Pattern[str], text: str) -> bool:
    # Twice, because the first time may have paid for something else, such as a collector.
    return _seconds(regex, text) > MOST_SECONDS and _seconds(regex, text) > MOST_SECONDS


def _seconds(regex: re.Pattern[str], text: str) -> float:
    started = time.thread_time()
    regex.fullmatch(text)
    return time.thread_time() - started


def _leads_and_rounds(regex: re.Pattern[str]) -> Iterable[tuple[str, str]]:
    """List what leads to each repetition together with one round of it."""
    parsed = _parser.parse(regex.pattern, regex.flags & ~re.UNICODE)
    own = list(_repetitions(parsed, ""))
    leads = dict.fromkeys(["https://", "http://", *(lead for lead, _ in own)])
    found = dict.fromkeys([*own, *product(leads, _ROUNDS)])
    for lead, round_ in found:
        yield (lead if "://" in lead else f"https://{lead}"), round_


def _repetitions(nodes: Iterable[_Node], lead: str) -> Iterator[tuple[str, str]]:
    for operation, argument in nodes:
        if operation.name in _REPEATS:
            if argument[1] > argument[0]:
                yield lead, _shortest(argument[2]) or "a"
            yield from _repetitions(argument[2], lead)
        for inner in _parts(operation.name, argument):
            yield from _repetitions(inner, lead)
        lead += _shortest([(operation, argument)])


def _parts(name: str, argument: Any) -> Iterable[Iterable[_Node]]:
    """Return the expressions within a group of any kind; each of a choice."""
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    if name == "ATOMIC_GROUP":
        return [argument]
    return []


def _shortest(nodes: Iterable[_Node]) -> str:
    """Return a short text that an expression matches, near enough."""
    text = ""
    for operation, argument in nodes:
        name = operation.name
        parts = _parts(name, argument)
        if name == "LITERAL":
            text += chr(argument)
        elif name == "IN":
            text += next((c for c in _CHARACTERS if _is_in(argument, c)), "")
        elif name in ("ANY", "NOT_LITERAL"):
            text += "b" if argument == ord("a") else "a"
        elif name in _REPEATS:
            text += _shortest(argument[2]) * min(argument[0], MAX_ORIGIN_LENGTH)
        elif parts:
            text += _shortest(next(iter(parts)))
    return text


def _is_in(members: Iterable[_Node], character: str) -> bool:
    is_negated = is_member = False
    for operation, argument in members:
        if operation.name == "NEGATE":
            is_negated = True
        elif operation.name == "LITERAL":
            is_member |= ord(character) == argument
        elif operation.name == "RANGE":
            is_member |= argument[0] <= ord(character) <= argument[1]
        else:
            is_member |= _CATEGORIES[argument.name](character)
    return is_member != is_negated
