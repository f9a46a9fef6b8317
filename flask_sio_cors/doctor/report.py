"""How an examination is told: to a person in trouble, and to a machine.

What servers have sent is in it. For people, everything that a terminal would obey is spelled out,
in `_styled` and `_listed`, through which all text goes; machines get it as it came.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any, Final

import click

from ..browser.wording import visible
from . import application
from .examine import Report
from .findings import Finding, Severity

_LABEL: Final = 10
#: How much of what a server has sent is shown to people, in characters.
_MAX_SHOWN: Final = 600
_COLOURS: Final = {Severity.BROKEN: "red", Severity.WRONG: "yellow", Severity.NOTE: "cyan"}


def as_text(report: Report, width: int = 96) -> str:
    """Return the report for people; terminal colours are in it, for :func:`click.echo`."""
    parts, told = [_head(report)], _Told()
    parts += [_finding_text(finding, told, width) for finding in report.findings]
    parts.append(_summary(report, width))
    return "\n\n".join(parts)


def _head(report: Report) -> str:
    target, page = report.target, report.page
    extras = [name for name, _ in page.headers]
    told = f"{target.base}{target.path}, asked by a page of {page.origin}"
    if page.credentials:
        told += ", with credentials"
    if extras:
        told += f", with {', '.join(extras)}"
    return _styled(told, bold=True)


def _finding_text(finding: Finding, told: _Told, width: int) -> str:
    """Return one finding: what the user sees, why, the proof and the fix.

    :param told: what the findings before it have said.
    """
    severity = _styled(finding.severity.value.upper(), fg=_COLOURS[finding.severity], bold=True)
    lines = [f"{severity}  {_styled(_cut(finding.title), bold=True)}  [{finding.id}]"]
    for label, said in (("Firefox", finding.firefox), ("Chromium", finding.chromium)):
        lines += _wrapped(label, said, width)
    if finding.client:
        lines += _wrapped("The page", [f"connect_error: {finding.client}"], width)
    lines += _wrapped("Cause", [finding.cause], width)
    lines += _listed("Proof", map(_cut, finding.proof))
    lines += _fix(finding, told, width)
    return "\n".join(lines)


class _Told:
    """What was said already, and under which finding."""

    def __init__(self) -> None:
        self._under: dict[str, str] = {}

    def where(self, text: str, id_: str) -> str | None:
        """Return the id of the finding that said it first; ``None`` where that is this one."""
        return None if self._under.setdefault(text, id_) == id_ else self._under[text]


def _fix(finding: Finding, told: _Told, width: int) -> list[str]:
    fix, lines = finding.fix, []
    parts = [("Fix", fix.elsewhere), ("Flask", fix.extension), ("Node.js", fix.node)]
    for label, text in parts:
        where = told.where(text, finding.id) if text else None
        if where is not None:
            lines += _listed(label, [f"as above, under [{where}]"])
        elif label == "Fix":
            lines += _wrapped(label, [text] if text else [], width)
        else:
            lines += _listed(label, text.splitlines())
    return lines


def _wrapped(label: str, told: Iterable[str], width: int) -> list[str]:
    lines = []
    for text in told:
        lines += textwrap.wrap(
            visible(_cut(text)), width - _LABEL - 2, break_long_words=False, break_on_hyphens=False
        )
    return _listed(label, lines)


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


def _summary(report: Report, width: int) -> str:
    result = {True: "works", False: "does not work", None: "not tried"}
    is_spent = any(finding.id == "incomplete" for finding in report.findings)
    polling = f"{result[report.polling]}{' to its end' * (is_spent and report.polling is None)}"
    told = f"Polling {polling}, WebSocket {result[report.websocket]}."
    if report.websocket and report.polling is False and not report.connects_by_websocket:
        told = f"Polling {polling}; a WebSocket opens, but the page does not connect by it."
    if report.connects_by_websocket and report.polling is False:
        told += ' With the client\'s option transports: ["websocket"] the page connects'
        is_blocked = any(finding.is_blocked for finding in report.findings)
        told += ", as browsers ask WebSocket for no CORS headers." if is_blocked else "."
    if report.polling and any(finding.id in application.FINDINGS for finding in report.findings):
        told += " The page does not connect all the same."
    if report.works and not report.findings:
        told += " Nothing is wrong."
    sentences = [told]
    plural = "s" * (report.requests != 1)
    sentences.append(f"{report.requests} request{plural} in {report.seconds:.1f} s.")
    return "\n".join(textwrap.fill(told, width, break_on_hyphens=False) for told in sentences)


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for machines."""
    page = report.page
    return {
        "url": report.target.base,
        "path": report.target.path,
        "namespace": report.target.namespace,
        "origin": page.origin,
        "with_credentials": page.credentials,
        "headers": [name for name, _ in page.headers],
        "works": report.works,
        "polling": report.polling,
        "websocket": report.websocket,
        "findings": [_finding_json(finding) for finding in report.findings],
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    """Return a finding for machines."""
    reasons = finding.reasons
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "title": finding.title,
        "cause": finding.cause,
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
