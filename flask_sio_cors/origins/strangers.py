"""Names that strangers can register, and that an expression lets in: found by making them.

An expression is followed through its choices, which yields origins that it matches, each with the
characters that anybody who reads the expression may choose. Where such a character belongs to the
part of the host that is registered, so does the host. And it is asked about a name under each
public suffix, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, islice
from typing import Final, NamedTuple

from .expressions import Expressions, Node, members, parse, scoped
from .grammar import (
    MAX_ORIGIN_LENGTH,
    has_unregistered_suffix,
    is_address,
    is_loopback,
    is_well_formed,
    parse_pattern,
    private_network,
)
from .suffixes import public_suffixes, registered_part

#: Texts that are made of one construct, and of one expression, at most.
_MOST_CHOICES: Final = 24
_MOST: Final = 4000
#: A construct that matches so many texts leaves the choice to whoever registers a name.
_FREE: Final = 5
#: Which character is chosen, in the order of preference; one that no other construct names.
_PREFERENCES: Final = ("xq7a-", "7xa-")
#: Rounds of what may be repeated, besides as few as there can be.
_ROUNDS: Final = 3
#: Lengths of names, within a repetition's bounds.
_LENGTHS: Final = (6, 12, 24, 63)
#: What stands for all that a repetition may contain, in front of its end.
_ENDS_OF_NAMES: Final = (".com", "-7.com", "203.0.113.9", "2001:db8::9")
#: What is asked under each public suffix.
_NAMES: Final = ("stranger", "stranger-7", "x", "stranger7" * 4)
#: What is made of an expression, to see whether an origin matches it, and what may be missing.
_TRIED: Final = 200
_HEADS: Final = ("", "https://", "http://", "https://x")
_USUAL: Final = ("https://app.example.com", "http://localhost:3000", "capacitor://localhost")
# Whose pages anybody can publish, under a name of their own.
_EXTENSIONS: Final = re.compile(r"[a-z-]+-extension://(.+)")


class Made(NamedTuple):
    """A text that an expression matches.

    :param free: beside each character, whether others would do.
    """

    text: str
    free: tuple[bool, ...]


_NOTHING: Final = Made("", ())


def stranger_let_in(regex: re.Pattern[str]) -> str | None:
    """Return an origin that a stranger could register and an expression matches, or ``None``.

    :param regex: one that can be asked (:class:`.expressions.Expressions`).
    """
    asked = Expressions([regex])
    for made in _made_of(regex):
        if _is_anybodys(made) and asked.first(made.text) is not None:
            return made.text
    # What it ends in, whatever it matches, leaves few suffixes, or none, to be asked about.
    tail = _fixed_tail(parse(regex), regex.flags)
    strangers = (
        f"https://{name}{ending}"
        for ending in (f".{suffix}{dot}" for dot in ("", ".") for suffix in public_suffixes())
        if ending.endswith(tail) and not has_unregistered_suffix(ending)
        for name in _NAMES
    )
    return next((origin for origin in strangers if asked.first(origin) is not None), None)


def is_matched_by_some(regex: re.Pattern[str]) -> bool:
    """Tell whether an origin matches an expression, as far as made ones and usual ones tell.

    :param regex: one that can be asked (:class:`.expressions.Expressions`).
    """
    asked = Expressions([regex])
    made = (f"{head}{one.text}" for one in islice(_made_of(regex), _TRIED) for head in _HEADS)
    return any(
        is_well_formed(origin) and asked.first(origin) is not None for origin in chain(_USUAL, made)
    )


def _fixed_tail(nodes: Sequence[Node], flags: int) -> str:
    tail = ""
    for node in reversed(nodes):
        characters = {c.lower() for c in members(node, flags) or ()}
        if len(characters) != 1 and node[0].name != "AT":
            break
        tail = "".join(characters) + tail
    return tail


def _made_of(regex: re.Pattern[str]) -> Iterator[Made]:
    parsed = parse(regex)
    for preferred in _PREFERENCES:
        yield from islice(_sequence(list(parsed), regex.flags, preferred), _MOST)


def _is_anybodys(made: Made) -> bool:
    """Tell whether a free character is in the part of a host that its owner registered."""
    origin = made.text
    if parse_pattern(origin) is None:
        return False
    if extension := _EXTENSIONS.fullmatch(origin):
        return any(made.free[extension.start(1) :])
    if not origin.startswith(("http://", "https://")):
        return False
    start = origin.index("://") + 3
    host = re.sub(r":[0-9]+\Z", "", origin[start:])
    name = host.removesuffix(".")
    end = start + len(name)
    if is_address(host):
        bits = 128 if host.startswith("[") else 32
        return private_network(f"{host}/{bits}") is None and any(made.free[start:end])
    if is_loopback(host) or has_unregistered_suffix(name):
        return False
    registered = registered_part(name)
    return registered is not None and any(made.free[end - len(registered) : end])


def _sequence(nodes: Sequence[Node], flags: int, preferred: str) -> Iterator[Made]:
    """Yield what constructs match in a row: the usual, and something else in one place or two."""
    choices = [_choices(node, flags, preferred) for node in nodes]
    if not all(choices):
        return  # Something in it matches no origin at all.
    usual = [chosen[0] for chosen in choices]
    yield _joined(usual)
    others = [(n, made) for n, chosen in enumerate(choices) for made in chosen[1:]]
    for n, made in others:
        yield _joined([*usual[:n], made, *usual[n + 1 :]])
    for (n, first), (m, second) in combinations(others, 2):
        if n != m:
            varied = [*usual]
            varied[n], varied[m] = first, second
            yield _joined(varied)


def _joined(parts: Iterable[Made]) -> Made:
    texts, free = zip(*parts, strict=True) if (parts := list(parts)) else ((), ())
    return Made("".join(texts), tuple(chain.from_iterable(free)))


def _choices(node: Node, flags: int, preferred: str) -> list[Made]:
    made = islice(_node(node, flags, preferred), _MOST_CHOICES)
    return list(dict.fromkeys(one for one in made if len(one.text) <= MAX_ORIGIN_LENGTH))


def _node(node: Node, flags: int, preferred: str) -> Iterator[Made]:
    name, argument = node[0].name, node[1]
    characters = members(node, flags)
    if characters is not None:
        yield from _character(characters, preferred)
    elif name in ("MAX_REPEAT", "MIN_REPEAT"):
        yield from _repeated(argument, flags, preferred)
    elif name == "SUBPATTERN":
        yield from _sequence(list(argument[3]), scoped(flags, argument), preferred)
    elif name == "BRANCH":
        yield from _alternately(
            [_sequence(list(choice), flags, preferred) for choice in argument[1]]
        )
    else:
        yield _NOTHING


def _alternately(ways: Iterable[Iterator[Made]]) -> Iterator[Made]:
    """Yield of each in turn, so that none is crowded out by the others."""
    waiting = list(ways)
    while waiting:
        going_on = []
        for way in waiting:
            made = next(way, None)
            if made is not None:
                yield made
                going_on.append(way)
        waiting = going_on


def _character(characters: frozenset[str], preferred: str) -> Iterator[Made]:
    lower = {c for c in characters if c == c.lower()} or characters
    chosen = next((c for c in preferred if c in lower), min(lower, default=None))
    if chosen is None:
        return
    is_any = "." in lower and len(lower) >= _FREE
    # A dot is where names are divided, and not a part of one.
    dot = [Made(".", (False,))] if is_any and chosen != "." else []
    yield from dot
    yield Made(chosen, (len(lower) >= _FREE and chosen != ".",))


def _repeated(
    argument: tuple[int, int, Iterable[Node]], flags: int, preferred: str
) -> Iterator[Made]:
    """Yield as few rounds as there can be, and some where there can be more."""
    least, most, repeated = argument
    most = min(most, MAX_ORIGIN_LENGTH)
    nodes = list(repeated)
    inner = _choices(nodes[0], flags, preferred) if len(nodes) == 1 else []
    if not inner:
        inner = list(islice(_sequence(nodes, flags, preferred), _MOST_CHOICES))
    characters = members(nodes[0], flags) if len(nodes) == 1 else None
    if characters is not None:
        inner = [one for one in inner if one.text != "."] or inner
    if most and inner:
        kinds = len(characters) if characters is not None else len({one.text for one in inner})
        is_free = kinds > 1 and kinds ** min(most, _ROUNDS + 1) >= 2 * _FREE
        for rounds in dict.fromkeys((max(least, 1), min(most, max(least, _ROUNDS)))):
            yield from _rounds(inner, rounds, is_free)
        yield from _names(characters, least, most)
    if not least:
        yield _NOTHING


def _rounds(inner: list[Made], rounds: int, is_free: bool) -> Iterator[Made]:
    """Yield the same again and again, and two by turns."""
    pairs = chain(((one, one) for one in inner), combinations(inner, 2))
    for first, second in islice(pairs, _MOST_CHOICES):
        made = _joined([second if n % 2 else first for n in range(rounds)])
        is_marked = is_free and len(made.text) <= MAX_ORIGIN_LENGTH
        yield Made(made.text, tuple(c != "." for c in made.text)) if is_marked else made


def _names(characters: frozenset[str] | None, least: int, most: int) -> Iterator[Made]:
    """Yield whole names and addresses, where a class that is repeated has all that they need."""
    if characters is None:
        return
    fill = next((c for c in "x7a" if c in characters), "")
    lengths = dict.fromkeys(min(max(least, length), most) for length in (least, *_LENGTHS))
    for end in _ENDS_OF_NAMES:
        for length in lengths if characters.issuperset(end) else ():
            text = end if end[0] in "2" else (fill * length)[: max(length - len(end), 0)] + end
            if least <= len(text) <= most:
                yield Made(text, tuple(c != "." for c in text))
