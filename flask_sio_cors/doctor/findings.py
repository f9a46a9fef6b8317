"""What an examination can find."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from .fixes import Fix

_REASON: Final = re.compile(r"\(Reason: (.*?)\)\.(?: Status code|$)")


class Severity(str, Enum):
    """How bad a finding is."""

    BROKEN = "broken"  #: something that a browser needs does not work
    WRONG = "wrong"  #: it works, for somebody who should not get in or until a cache comes by
    NOTE = "note"  #: worth knowing


@dataclass(frozen=True)
class Finding:
    """One thing that an examination found.

    :param id: a short name that does not change between versions.
    :param title: what is wrong, in one line.
    :param cause: why, in a sentence or two.
    :param firefox: the lines in Firefox's console, the telling one first; none where it is silent.
    :param chromium: the same of Chromium.
    :param reasons: the text in each of Firefox's ``(Reason: …)``.
    :param client: the message of the ``connect_error`` that the page gets.
    :param proof: request (``>``) and response (``<``) lines.
    """

    id: str
    severity: Severity
    title: str
    cause: str
    fix: Fix = field(default_factory=Fix)
    firefox: tuple[str, ...] = ()
    chromium: tuple[str, ...] = ()
    client: str = ""
    proof: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Firefox's reasons, word for word, each once."""
        found = (match for line in self.firefox for match in _REASON.findall(line))
        return tuple(dict.fromkeys(found))

    @property
    def is_blocked(self) -> bool:
        """Whether Chromium says that CORS blocked it."""
        return any("has been blocked by CORS policy" in line for line in self.chromium)


#: The parts that are put together to a finding: its id, title, cause and fix.
Told: TypeAlias = tuple[str, str, str, Fix]
