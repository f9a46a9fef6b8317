"""Names under which anybody can register: the Public Suffix List, read when it is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from publicsuffixlist import PSLFILE, PublicSuffixList

#: Stands in messages for the label that a rule such as ``*.kawasaki.jp`` leaves open.
_ANY_LABEL: Final = "any-name"


class _Suffixes(NamedTuple):
    """The list, its names, and the names above them (``amazonaws.com``, s3.amazonaws.com's)."""

    rules: PublicSuffixList
    names: list[str]
    below: dict[str, str]


@functools.cache
def _suffixes() -> _Suffixes:
    with open(PSLFILE, encoding="utf-8") as lines:
        text = lines.readlines()
    names = list(_names(text))
    return _Suffixes(PublicSuffixList(text), names, _names_above(names))


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


def registered_part(name: str) -> str | None:
    """Return the part of a host's name that its owner registered; ``None`` where it has none."""
    part: str | None = _suffixes().rules.privatesuffix(name)
    return part
