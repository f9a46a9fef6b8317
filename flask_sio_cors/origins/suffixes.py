"""Names under which anybody can register: the Public Suffix List, read when it is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from publicsuffixlist import PSLFILE, PublicSuffixList

#: Stands in messages for the label that a rule such as ``*.kawasaki.jp`` leaves open.
_ANY_LABEL: Final = "any-name"


class _Suffixes(NamedTuple):
    """The list, its names, and the names above them (``amazonaws.com``, s3.amazonaws.com's).

    :param heads: by what names end in, the labels that they begin with.
    """

    rules: PublicSuffixList
    names: list[str]
    below: dict[str, str]
    heads: dict[str, list[list[str]]]


@functools.cache
def _suffixes() -> _Suffixes:
    with open(PSLFILE, encoding="utf-8") as lines:
        text = lines.readlines()
    names = list(_names(text))
    heads: dict[str, list[list[str]]] = {}
    for labels in (name.split(".") for name in names):
        for n in range(1, len(labels)):
            heads.setdefault(".".join(labels[n:]), []).append(labels[:n])
    return _Suffixes(PublicSuffixList(text), names, _names_above(names), heads)


def _names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        rule = line.split(" ")[0].strip()
        if rule and not rule.startswith(("//", "!")):
            yield rule.replace("*", _ANY_LABEL)


def _names_above(suffixes: Iterable[str]) -> dict[str, str]:
    above: dict[str, str] = {}
    for suffix in suffixes:
        _, dot, name = suffix.partition(".")
        while dot:
            above.setdefault(name, suffix)
            _, dot, name = name.partition(".")
    return above


def public_suffix_within(host: str) -> str | None:
    """Return a name under which strangers register subdomains of `host`, or ``None``.

    :param host: a host name in lower case and punycode; ``github.io`` is a public suffix itself,
        ``amazonaws.com`` has some below it, and so has every top-level domain.
    """
    suffixes = _suffixes()
    return host if suffixes.rules.is_public(host) else suffixes.below.get(host)


def public_suffixes() -> Iterable[str]:
    """Return the public suffixes, and a name for each that a rule leaves open."""
    return _suffixes().names


def registered_part(name: str) -> str | None:
    """Return the part of a host's name that its owner registered; ``None`` where it has none."""
    part: str | None = _suffixes().rules.privatesuffix(name)
    return part


def stranger_in_family(host: str) -> str | None:
    """Return a name that a stranger could register among those that a star in a label stands for.

    :param host: such as ``pr-*.example.com``, in lower case and punycode.
    """
    labels = host.split(".")
    place = next(n for n, label in enumerate(labels) if "*" in label)
    before, _, after = labels[place].partition("*")
    rest = ".".join(labels[place + 1 :])
    fillings = [f"{before}x{after}"]
    # The star may stand in a public suffix itself: auth.eu-*.amazoncognito.com.
    for *inner, label in _suffixes().heads.get(rest, ()):
        is_inner = labels[place - len(inner) : place] == inner if inner else True
        is_part = label.startswith(before) and label.endswith(after)
        if is_inner and is_part and len(label) > len(before) + len(after):
            fillings.append(label)
    for filling in fillings:
        name = ".".join([*labels[:place], filling, rest])
        registered = registered_part(name)
        if registered is None or registered.count(".") > rest.count("."):
            return name
    return None
