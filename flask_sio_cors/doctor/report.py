"""How an examination is told: to a person in trouble, and to a machine.

What servers have sent is in it. For people, everything that a terminal would obey is spelled out,
in `_styled` and `_listed`, through which all text goes; machines get it as it came.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable
from typing import Any, Final

import click

from ..browser.wording import visible
from ..door.documentation import of_finding
from . import audit
from .examine import Report
from .facts import Answers, Facts
from .findings import Finding, Severity
from .fixes import Fix
from .target import DEFAULT_PATH

_LABEL: Final = 10
#: How much of what a server has sent is shown to people, in characters.
_MAX_SHOWN: Final = 600
#: How many lines a person reads who has not asked for all.
MAX_LINES: Final = 25
_COLOURS: Final = {Severity.BROKEN: "red", Severity.WRONG: "yellow", Severity.NOTE: "cyan"}


def as_text(report: Report, width: int = 80, *, is_whole: bool = False) -> str:
    """Return the report for people; terminal colours are in it, for :func:`click.echo`.

    :param is_whole: whether all that is known is told, and not what helps first.
    """
    verdict = _styled(verdict_of(report), bold=True)
    facts = report.facts
    if is_whole:
        blocks = [
            "\n".join([_title(one), *_details(one, facts, width, set(), is_whole=True)])
            for one in report.findings
        ]
        spent = f"{facts.requests} request{'s' * (facts.requests != 1)} in {facts.seconds:.1f} s."
        return "\n\n".join([_answer(report, width), _head(facts), *blocks, spent, verdict])
    lines = [_answer(report, width)]
    for finding in report.findings[:1]:
        title = [_title(finding)] * (finding.severity is not Severity.BROKEN)
        lines += ["", *title, *_details(finding, facts, width, set(), is_whole=False)]
    rest = [_title(finding) for finding in report.findings[1:]]
    end = [*([""] * bool(rest)), *rest, "", verdict]
    return _cut_to_fit(lines, end)


def _cut_to_fit(lines: list[str], end: list[str]) -> str:
    """Return so many lines as a person reads, the last ones in any case."""
    if len(lines) + len(end) > MAX_LINES:
        lines = [*lines[: MAX_LINES - len(end) - 1], "  … and more: --verbose"]
    return "\n".join([*lines, *end])


def _answer(report: Report, width: int) -> str:
    """Return the first line: whether the page connects, and if not, why."""
    worst = report.findings[0] if report.findings else None
    origin = report.facts.page.origin
    if worst is not None and worst.severity is Severity.BROKEN:
        word = "Only in part" if report.connects else "No"
        told = f"{_styled(f'{word}:', fg='red', bold=True)} {_styled(_cut(worst.title), bold=True)}"
        # Its link has the id, too.
        is_short = len(f"{word}: {worst.title}  [{worst.id}]") <= width
        return f"{told}  [{worst.id}]" if is_short else told
    names = (("polling", report.polling), ("WebSocket", report.websocket))
    ways = " and ".join(name for name, is_open in names if is_open)
    if not report.works:
        return f"{_styled('No:', fg='red', bold=True)} {_styled(origin)} was not seen to connect."
    return f"{_styled('Yes:', fg='green', bold=True)} {_styled(origin)} connects, by {ways}."


def _head(facts: Facts) -> str:
    target, page = facts.target, facts.page
    told = f"{target.base}{target.path}, asked by a page of {page.origin}"
    told += ", with credentials" * page.credentials
    if extras := [name for name, _ in page.headers]:
        told += f", with {', '.join(extras)}"
    return _styled(told)


def _title(finding: Finding) -> str:
    severity = _styled(finding.severity.value.upper(), fg=_COLOURS[finding.severity], bold=True)
    return f"{severity}  {_styled(_cut(finding.title), bold=True)}  [{finding.id}]"


def _details(
    finding: Finding,
    facts: Answers,
    width: int,
    told: set[str],
    *,
    is_whole: bool,
) -> list[str]:
    """Return what the user sees, why, the proof, and what to write for the server that is there.

    :param told: what has been told to do before, which is not told again.
    """
    lines: list[str] = []
    consoles = [("Firefox", finding.firefox), ("Chromium", finding.chromium)]
    for label, said in consoles if is_whole else [("Firefox", finding.reasons[:1])]:
        lines += _wrapped(label, said, width)
    if finding.client:
        lines += _wrapped("The page", [f"connect_error: {finding.client}"], width)
    lines += _wrapped("Why", [finding.cause], width)
    lines += _listed("Proof", map(_cut, finding.proof)) if is_whole else []
    given = [("Do", finding.fix.elsewhere), *_written(finding.fix, facts)]
    left = [(label, text) for label, text in given if text and text not in told]
    for label, text in left:
        told.add(text)
        lines += _wrapped(label, [text], width) if label == "Do" else _code(label, text)
    if not left and any(text for _, text in given):
        lines += _listed("Do", ["As above."])
    return [*lines, *_listed("More", [of_finding(finding.id)])]


def _written(fix: Fix, facts: Answers) -> list[tuple[str, str]]:
    """Return the code of a fix for the server that is there, or for both where it does not show."""
    name = "Python" if facts.is_asyncio else "Flask"
    both = [(name, fix.extension, not facts.is_node), ("Node.js", fix.node, not facts.is_python)]
    fitting = [(label, code) for label, code, is_there in both if code and is_there]
    return fitting or [(label, code) for label, code, _ in both]


def _wrapped(label: str, told: Iterable[str], width: int) -> list[str]:
    lines = []
    for text in told:
        lines += textwrap.wrap(
            visible(_cut(text)), width - _LABEL - 2, break_long_words=False, break_on_hyphens=False
        )
    return _listed(label, lines)


def _code(label: str, code: str) -> list[str]:
    """Return lines to paste, which nothing breaks."""
    lines = [f"    {visible(line)}" for line in code.splitlines()]
    return [f"  {_styled(label, dim=True)}", *lines]


def _listed(label: str, lines: Iterable[str]) -> list[str]:
    labels = [_styled(f"{label:<{_LABEL}}", dim=True)]
    return [
        f"  {labels[0] if n == 0 else ' ' * _LABEL}{visible(line)}".rstrip()
        for n, line in enumerate(lines)
    ]


def _styled(text: str, **style: Any) -> str:
    return click.style(visible(text), **style)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def audit_as_text(report: audit.Report, width: int = 80, *, is_whole: bool = False) -> str:
    """Return an audit for people.

    :param is_whole: whether the proof is told, too.
    """
    lines, told = [_audit_answer(report)], set[str]()
    end = ["", _styled(audit_verdict(report), bold=True)]
    for n, finding in enumerate(report.findings, 1):
        # The answer has the first hole's title.
        title = [_title(finding)] * (finding not in report.holes[:1])
        details = _details(finding, report.facts, width, told, is_whole=is_whole)
        # Of what would not fit, the title alone: half a line of code is of no use.
        rest = len(title) + 2 * (len(report.findings) - n) + len(end)
        is_short = n > 1 and not is_whole and len(lines) + len(details) + rest >= MAX_LINES
        lines += ["", *title, *([] if is_short else details)]
    return "\n".join([*lines, *end]) if is_whole else _cut_to_fit(lines, end)


def _audit_answer(report: audit.Report) -> str:
    server = f"{report.facts.target.base}{report.facts.target.path}"
    if report.is_closed:
        word = _styled("Closed:", fg="green", bold=True)
        return f"{word} {_styled(f'nobody else gets in at {server}.')}"
    if report.is_closed is None:
        return _styled(f"It is not known who gets in at {server}.", bold=True)
    first = report.holes[0]
    return (
        f"{_styled('Open:', fg='red', bold=True)} {_styled(first.title, bold=True)}  [{first.id}]"
    )


def audit_verdict(report: audit.Report) -> str:
    """Return the last line of an audit."""
    holes, origin = report.holes, report.facts.page.origin
    if holes:
        return f"{len(holes)} hole{'s' * (len(holes) != 1)} open to others than {origin}."
    if report.is_closed is None:
        if not report.facts.is_seen:
            return f"No Socket.IO server has answered. Why not: {_command('doctor', report.facts)}"
        return "Not told: some answers did not come."
    return f"Nobody but {origin} was let in."


def audit_as_json(report: audit.Report) -> dict[str, Any]:
    """Return an audit for machines."""
    return {**_as_json(report, audit_verdict(report)), "closed": report.is_closed}


def verdict_of(report: Report) -> str:
    """Return the last line: whether it works, and what is still to be asked."""
    if report.works:
        if report.facts.lets_all_in:
            return f"It works, but every site gets in: {_command('audit', report.facts)}"
        return f"It works. Whether other sites get in, too: {_command('audit', report.facts)}"
    if report.facts.is_spent and report.polling is None:
        return "It is not known whether it works: the examination did not come to its end."
    told = "It does not work"
    if report.facts.is_alone_served:
        return "It works in part: this page connects, and keeps all others out."
    if report.connects:
        return "It works in part: the page connects, but not by every way."
    if report.facts.ended:
        return f"{told}: the page connects, and loses its connection."
    if report.facts.connects_by_websocket and "polling" in report.facts.transports:
        return f'{told}. A client with transports: ["websocket"] would connect.'
    if report.polling and report.websocket:
        return f"{told}: the transports do, and the page does not connect all the same."
    return f"{told}."


def _command(name: str, facts: Facts | audit.Facts) -> str:
    """Return the command that asks the same server another question."""
    target, path = facts.target, facts.target.path
    url = f"{target.base}/?{target.query[1:]}" if target.query else target.base
    words = ["sio-cors", name, url, "--origin", facts.page.origin]
    words += ["--path", path] * (path != DEFAULT_PATH)
    words += ["--no-trailing-slash"] * (not path.endswith("/"))
    return shlex.join(words)


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for machines."""
    page = report.facts.page
    return {
        **_as_json(report, verdict_of(report)),
        "namespace": report.facts.target.namespace,
        "with_credentials": page.credentials,
        "headers": [name for name, _ in page.headers],
        "works": report.works,
        "polling": report.polling,
        "websocket": report.websocket,
    }


def _as_json(report: Report | audit.Report, verdict: str) -> dict[str, Any]:
    facts = report.facts
    return {
        "url": facts.target.base,
        "path": facts.target.path,
        "origin": facts.page.origin,
        "verdict": verdict,
        "findings": [_finding_json(finding) for finding in report.findings],
        "requests": facts.requests,
        "seconds": round(facts.seconds, 3),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding for machines."""
    reasons = finding.reasons
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "title": finding.title,
        "cause": finding.cause,
        "link": of_finding(finding.id),
        "firefox": {
            "reason": reasons[0] if reasons else None,
            "reasons": list(reasons),
            "console": list(finding.firefox),
        },
        "chromium": {"blocked": finding.is_blocked, "console": list(finding.chromium)},
        "connect_error": finding.client or None,
        "proof": list(finding.proof),
        "fix": {
            "extension": finding.fix.extension or None,
            "node": finding.fix.node or None,
            "elsewhere": finding.fix.elsewhere or None,
        },
    }
