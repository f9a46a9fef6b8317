"""Names that strangers can register, and that an expression lets in: found by making them.

An expression is followed through its choices, which yields origins that it matches, each with the
characters that anybody who reads the expression may choose. Where such a character belongs to the
part of the host that is registered, so does the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from .expressions import Expressions, Node, members, parse, scoped
from .grammar import is_address, is_loopback, is_well_formed
from .suffixes import registered_part

#: Origins that are made of one expression, at most; its choices multiply.
_MOST: Final = 2000
#: A construct that matches so many characters leaves the choice to whoever registers a name.
_FREE: Final = 5
#: Which character is chosen, in the order of preference: an origin has digits for its port.
_PREFERENCES: Final = ("x1a-", "1xa-")
#: What stands for whatever is repeated, where dots are repeated too.
_ANY_NAME: Final = "x.com"
#: Rounds of what may be repeated, besides as few as there can be: names have labels.
_ROUNDS: Final = 3


class Made(NamedTuple):
    """A text that an expression matches.

    :param free: beside each character, whether others would do.
    """

    text: str
    free: tuple[bool, ...]

    def __add__(self, other: Made) -> Made:  # type: ignore[override]
        return Made(self.text + other.text, self.free + other.free)


_NOTHING: Final = Made("", ())


def stranger_let_in(regex: re.Pattern[str]) -> str | None:
    """Return an origin that a stranger could register and an expression matches, or ``None``.

    :param regex: one that can be asked (:class:`.expressions.Expressions`).
    """
    asked = Expressions([regex])
    for preferred in _PREFERENCES:
        for made in islice(_made(parse(regex), regex.flags, preferred), _MOST):
            if _is_anybodys(made) and asked.first(made.text) is not None:
                return made.text
    return None


def _is_anybodys(made: Made) -> bool:
    """Tell whether a free character is in the part of a host that its owner registered."""
    origin = made.text
    if not is_well_formed(origin) or not origin.startswith(("http://", "https://")):
        return False
    start = origin.index("://") + 3
    host = re.sub(r":[0-9]+\Z", "", origin[start:])
    name = host.removesuffix(".")
    if is_address(host) or is_loopback(host):
        return False
    registered = registered_part(name)
    if registered is None:
        return False
    end = start + len(name)
    return any(made.free[end - len(registered) : end])


def _made(nodes: Iterable[Node], flags: int, preferred: str) -> Iterator[Made]:
    """Yield what constructs match, one after the other."""
    texts: Iterable[Made] = (_NOTHING,)
    yield from _sequences(list(nodes), flags, preferred, texts)


def _sequences(
    nodes: list[Node], flags: int, preferred: str, begun: Iterable[Made]
) -> Iterator[Made]:
    if not nodes:
        yield from begun
        return
    for beginning in begun:
        for first in _node(nodes[0], flags, preferred):
            yield from _sequences(nodes[1:], flags, preferred, (beginning + first,))


def _node(node: Node, flags: int, preferred: str) -> Iterator[Made]:
    name, argument = node[0].name, node[1]
    characters = members(node, flags)
    if characters is not None:
        yield from _character(characters, preferred)
    elif name in ("MAX_REPEAT", "MIN_REPEAT"):
        yield from _repeated(argument, flags, preferred)
    elif name == "SUBPATTERN":
        yield from _made(argument[3], scoped(flags, argument), preferred)
    elif name == "BRANCH":
        for choice in argument[1]:
            yield from _made(choice, flags, preferred)
    else:
        yield _NOTHING


def _character(characters: frozenset[str], preferred: str) -> Iterator[Made]:
    lower = {c for c in characters if c == c.lower()} or characters
    chosen = next((c for c in preferred if c in lower), min(lower, default=None))
    if chosen is None:
        return
    is_free = len(lower) >= _FREE
    yield Made(chosen, (is_free,))
    if is_free and "." in lower and chosen != ".":
        yield Made(".", (True,))


def _repeated(
    argument: tuple[int, int, Iterable[Node]], flags: int, preferred: str
) -> Iterator[Made]:
    """Yield as few rounds as there can be, and some where there can be more."""
    least, most, repeated = argument
    nodes = list(repeated)
    most = min(most, max(least, _ROUNDS))
    for rounds in dict.fromkeys((max(least, min(1, most)), least, most)):
        for made in _made(nodes, flags, preferred) if rounds else (_NOTHING,):
            yield Made(made.text * rounds, made.free * rounds)
    characters = members(nodes[0], flags) if len(nodes) == 1 else None
    if characters is not None and characters.issuperset(_ANY_NAME):
        yield Made(_ANY_NAME, (True,) * len(_ANY_NAME))
