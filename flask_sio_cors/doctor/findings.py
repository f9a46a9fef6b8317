"""What an examination can find, and the rules by which it is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeAlias

from .facts import Case
from .fixes import Fix
from .wire import Exchange

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


@dataclass(frozen=True)
class Words:
    """What a rule says of a case.

    :param given: the fix; a text is what to do where there is no code to write.
    :param proof: exchanges that it rests on, besides the page's own request.
    :param client: the message that the page gets, where it is not what the request tells.
    """

    title: str
    cause: str
    given: Fix | str = ""
    proof: tuple[Exchange | None, ...] = ()
    client: str | None = None

    @property
    def fix(self) -> Fix:
        """What to write, and where."""
        return Fix(elsewhere=self.given) if isinstance(self.given, str) else self.given


Test: TypeAlias = Callable[[Case], object]


@dataclass(frozen=True)
class Rule:
    """When something is found, and in which words it is told.

    :param id: of the finding.
    :param is_silent: whether the browser prints nothing of it.
    :param is_whole: whether its title says by itself how far the page came.
    """

    id: str
    applies: Test
    tell: Callable[[Case], Words]
    is_silent: bool = False
    is_whole: bool = False

    def where(self, test: Test) -> Rule:
        """Return the same rule, for cases alone that pass a test."""
        return replace(self, applies=lambda case: test(case) and self.applies(case))
