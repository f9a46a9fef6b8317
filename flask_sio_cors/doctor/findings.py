"""What an examination can find, and the rules by which it is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from .advice import Topic, advise
from .console import Console
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


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order in which they are told."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


Test: TypeAlias = Callable[[Case], object]
Text: TypeAlias = str | Callable[[Case], str]
#: What to do: in words, by the table of advice, or in lines of code.
Given: TypeAlias = str | Topic | Fix
Advice: TypeAlias = Given | Callable[[Case], Given]


def silent(case: Case) -> Console:
    """Return what browsers print of what is no request's fault: nothing."""
    return Console()


@dataclass(frozen=True)
class Rule:
    """When something is found, and in which words it is told.

    :param id: of the finding.
    :param proof: the requests that it rests on, besides the page's own: their names in the plan.
    :param client: the message that the page gets, where it is not what the request tells.
    :param printed: what browsers print, where it is not what the request tells.
    :param is_whole: whether its title says by itself how far the page came.
    :param is_proven: whether the page's own request is shown.
    """

    id: str
    applies: Test
    title: Text
    cause: Text
    fix: Advice = ""
    proof: tuple[str, ...] | Callable[[Case], tuple[str, ...]] = ()
    client: Text | None = None
    printed: Callable[[Case], Console] | None = None
    severity: Severity = Severity.BROKEN
    is_whole: bool = False
    is_proven: bool = True

    def exchanges(self, case: Case) -> Iterator[Exchange]:
        """Return what the finding rests on."""
        facts = case.facts
        if self.is_proven:
            yield from case.fetched.exchanges[-6:]
        names = self.proof(case) if callable(self.proof) else self.proof
        yield from (facts.asides[name] for name in names if name in facts.asides)

    def fix_for(self, case: Case) -> Fix:
        """Return what to write for a case, and where."""
        given = self.fix(case) if callable(self.fix) else self.fix
        if isinstance(given, Topic):
            given = advise(given, case.proxy, path=case.path)
        fix = Fix(elsewhere=given) if isinstance(given, str) else given
        return fix.fitted(case.facts)


def told(text: Text, case: Case) -> str:
    """Return a text of a rule, as it is told of a case."""
    return text(case) if callable(text) else text


def pair(tell: Callable[[Case], tuple[str, Given]]) -> tuple[Text, Advice]:
    """Return a rule's cause and fix, which one function tells."""
    return lambda case: tell(case)[0], lambda case: tell(case)[1]
