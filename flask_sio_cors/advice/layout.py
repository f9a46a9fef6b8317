"""How ``show`` and ``explain`` are laid out for people: labels, and lines of a terminal's width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

_LABEL: Final = 10


def labelled(label: str, texts: Iterable[str], width: int | None = None) -> list[str]:
    """Put texts beside a label; without a width each stays on its line, to be copied."""
    lines: list[str] = []
    for text in texts:
        lines += [text] if width is None else wrapped(text, width - _LABEL - 2)
    return [f"  {label if n == 0 else '':<{_LABEL}}{line}" for n, line in enumerate(lines)]


def indented(text: str, width: int) -> list[str]:
    """Return the lines of a text below a heading."""
    return [f"    {line}" for line in wrapped(text, width - 4)]


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
