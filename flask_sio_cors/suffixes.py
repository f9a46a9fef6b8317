"""Names under which anybody can register: the Public Suffix List, read when it is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final, NamedTuple

from publicsuffixlist import PSLFILE, PublicSuffixList

#: Stands in messages for the label that a rule such as ``*.kawasaki.jp`` leaves open.
_ANY_LABEL: Final = "any-name"


class _Suffixes(NamedTuple):
    """The list, and which names stand above a suffix (``amazonaws.com``, s3.amazonaws.com's)."""

    rules: PublicSuffixList
    below: dict[str, str]


@functools.cache
def _suffixes() -> _Suffixes:
    with open(PSLFILE, encoding="utf-8") as lines:
        text = lines.readlines()
    return _Suffixes(PublicSuffixList(text), _names_above(text))


def _names_above(lines: Iterable[str]) -> dict[str, str]:
    above: dict[str, str] = {}
    for line in lines:
        rule = line.split(" ")[0].strip()
        if not rule or rule.startswith(("//", "!")):
            continue
        suffix = rule.replace("*", _ANY_LABEL)
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
