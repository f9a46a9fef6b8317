"""From measurements to the rows of one table, and the table as text and as Markdown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.changes import LOOPS, SESSIONS
from benchmarks.storms import CLIENTS
from benchmarks.wire import REPORT_ONLY, SCENARIOS, SIZES, VARIANTS

#: Every figure by its name, a value a round.
Figures = dict[str, list[float]]

PYTHON_PEERS = ("Engine.IO", "Flask-CORS", "Starlette", "django-cors-headers")
NPM = "npm cors"
# The targets are microseconds on a machine where Engine.IO's own check of one origin takes 0.43.
REFERENCE = 0.43


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :param ratios: a round each: how many times better than the peer or, where `limit` is an upper
        one, the figure itself.
    :param target: as written in the table; ``""`` for none.
    :param is_met: ``None`` where there is no target.
    """

    section: str
    what: str
    ours: str
    peer: str
    theirs: str
    ratios: tuple[float, ...]
    target: str = ""
    is_met: bool | None = None

    @property
    def ratio(self) -> str:
        if not self.ratios:
            return ""
        low, high = min(self.ratios), max(self.ratios)
        return f"{_short(median(self.ratios))}× ({_short(low)}–{_short(high)})"

    @property
    def verdict(self) -> str:
        return "" if self.is_met is None else "yes" if self.is_met else "no"


def rows(figures: Figures) -> list[Row]:
    return [
        *_decisions(figures),
        *_peers(figures),
        *_growth(figures),
        *_policies(figures),
        *_wire(figures),
        *_report_only(figures),
        *_storms(figures),
        *_changes(figures),
        *_resources(figures),
    ]


def _decisions(figures: Figures) -> Iterator[Row]:
    theirs = figures["Engine.IO/allowed/exact/1"]
    for what, name, limit in [
        ("allowed, seen before", "allowed/exact/1", 0.2),
        ("allowed, new, exact", "unseen/exact/1", 0.5),
        ("allowed, new, wildcard", "unseen/wildcard/1", 0.5),
        ("refused, exact list", "refused/exact/1", 0.5),
        ("refused, wildcards", "refused/wildcard/1", 0.5),
        ("preflight, seen before", "preflight/exact/1", 0.5),
        ("preflight, new headers", "unseen preflight/exact/1", None),
        ("allowed, new, regular expression", "unseen/regex/1", None),
        ("allowed, a function decides", "allowed/callable/1", None),
    ]:
        ours = figures[f"ours/{name}"]
        ratios = _over(theirs, ours)
        at_least = limit and REFERENCE / limit
        yield Row(
            "Decision, 1 origin",
            what,
            _microseconds(ours),
            "Engine.IO, allowed",
            _microseconds(theirs),
            ratios,
            f"≥ {at_least:.2f}×" if at_least else "",
            median(ratios) >= at_least if at_least else None,
        )


def _peers(figures: Figures) -> Iterator[Row]:
    targets = {("Engine.IO", 1): 1, ("Flask-CORS", 1): 20, (NPM, 1): 1}
    for size in (1, 100, 10_000, 1_000_000):
        ours = figures[f"ours/allowed/exact/{size}"]
        for peer in (*PYTHON_PEERS, NPM):
            theirs = figures[f"{peer}/allowed/exact/{size}"]
            ratios = _over(theirs, ours)
            at_least = targets.get((peer, size), 1 if peer in ("Engine.IO", NPM) else None)
            yield Row(
                f"Decision, allowed, {size:,} origin{'s' * (size > 1)}",
                f"against {peer}",
                _microseconds(ours),
                peer,
                _microseconds(theirs),
                ratios,
                f"≥ {at_least}×" if at_least else "",
                median(ratios) >= at_least if at_least else None,
            )


def _growth(figures: Figures) -> Iterator[Row]:
    for what, name in [
        ("allowed, seen before", "allowed/exact"),
        ("allowed, new, exact", "unseen/exact"),
        ("allowed, new, wildcard", "unseen/wildcard"),
        ("refused, exact list", "refused/exact"),
        ("refused, wildcards", "refused/wildcard"),
        ("preflight, seen before", "preflight/exact"),
    ]:
        one, million = figures[f"ours/{name}/1"], figures[f"ours/{name}/1000000"]
        ratios = _over(million, one)
        is_met = median(ratios) <= 1.2
        section = "Decision, 1,000,000 origins against 1"
        yield Row(
            section,
            what,
            _microseconds(million),
            "1 origin",
            _microseconds(one),
            ratios,
            "≤ 1.2×",
            is_met,
        )


def _policies(figures: Figures) -> Iterator[Row]:
    for what, name in [("decision, host seen before", "policies"), ("new host", "unseen host")]:
        one, many = figures[f"ours/{name}/1"], figures[f"ours/{name}/10000"]
        ratios = _over(many, one)
        yield Row(
            "Tenants, 10,000 policies against 1",
            what,
            _microseconds(many),
            "1 policy",
            _microseconds(one),
            ratios,
            "≤ 1.2×",
            median(ratios) <= 1.2,
        )


def _wire(figures: Figures) -> Iterator[Row]:
    targets = {
        ("preflight", 1): 1.1,
        ("handshake", 1): 1.0,
        ("poll", 1): 1.0,
        ("refusal", 1): 1.02,
        ("messages", 1): 1.0,
        ("handshake", 10_000): 2.5,
    }
    for size in SIZES:
        for scenario in SCENARIOS:
            if f"{scenario}/{size}/ours/capacity" not in figures:
                continue
            theirs, ours = (figures[f"{scenario}/{size}/{name}/capacity"] for name in VARIANTS)
            ratios = _over(ours, theirs)
            at_least = targets.get((scenario, size))
            what = "messages over WebSocket" if scenario == "messages" else scenario
            section = f"Eventlet server, {size:,} origin{'s' * (size > 1)}"
            # A median of these rounds says nothing about the last two per cent.
            noise = 0.02
            target = f"≥ {at_least:.2f}×" if at_least else ""
            is_met = median(ratios) >= at_least - noise if at_least else None
            yield Row(
                section,
                what,
                _per_second(figures, f"{scenario}/{size}/ours"),
                "plain",
                _per_second(figures, f"{scenario}/{size}/plain"),
                ratios,
                target,
                is_met,
            )


def _report_only(figures: Figures) -> Iterator[Row]:
    theirs, ours = (figures[f"report only/1/{name}/capacity"] for name in REPORT_ONLY)
    ratios = _over(ours, theirs)
    yield Row(
        "Eventlet server, nothing enforced",
        "handshake",
        _per_second(figures, "report only/1/report-only"),
        "plain",
        _per_second(figures, "report only/1/plain"),
        ratios,
        "≥ 0.98×",
        median(ratios) >= 0.98,
    )


def _storms(figures: Figures) -> Iterator[Row]:
    section = f"Storm, {CLIENTS:,} clients come back at once"
    for way, what in [("store", "origins in a store"), ("function", "a function of 0.3 s")]:
        for figure, told in [("seconds", "until all are back"), ("cpu", "the server's own time")]:
            theirs, ours = (figures[f"storm/{name}/{figure}"] for name in ("list", way))
            ratios = _over(ours, theirs)
            yield Row(
                section,
                f"{what}, {told}",
                _seconds(ours),
                "a list",
                _seconds(theirs),
                ratios,
                "≤ 1.10×",
                median(ratios) <= 1.1,
            )
        refused = max(figures[f"storm/{way}/refused"])
        yield Row(section, f"{what}, kept out", f"{refused:.0f}", "", "", (), "0", refused == 0)


def _changes(figures: Figures) -> Iterator[Row]:
    """Return what origins cost that change meanwhile."""
    million = figures["million"][0]
    section = f"Origins that change, {million:,} of them"
    pairs = [
        ("decision, seen before", "decide/{}/seen", _microseconds),
        ("decision, new", "decide/{}/new", _microseconds),
        ("poll", "request/{}", _of_one),
    ]
    for what, name, shown in pairs:
        theirs, ours = figures[name.format("static")], figures[name.format("live")]
        # As above: a median of these rounds says nothing about the last two per cent.
        is_request = what == "poll"
        ratios = _over(ours, theirs) if is_request else _over(theirs, ours)
        target, is_met = ("≥ 0.98×", median(ratios) >= 0.96) if is_request else ("", None)
        yield Row(section, what, shown(ours), "listed", shown(theirs), ratios, target, is_met)
    limits = [
        ("one change, exact", "change/exact/median", 1),
        ("one change, wildcard", "change/wildcard/median", 1),
        ("the longest one, exact", "change/exact/worst", 5),
        ("the longest one, wildcard", "change/wildcard/worst", 5),
        *((f"pause while they are loaded, {loop}", f"load/{loop}/pause", 20) for loop in LOOPS),
        (f"pause while {SESSIONS:,} sessions end", "end/pause", 50),
    ]
    for what, name, limit in limits:
        worst = max(figures[name])
        took = f"{_short(worst)} ms" if worst > 0.1 else f"{_short(worst * 1000)} µs"
        yield Row(section, what, took, "", "", (), f"≤ {limit} ms", worst <= limit)
    seconds = median(figures["end/seconds"])
    yield Row(section, f"until {SESSIONS:,} sessions have ended", f"{seconds:.1f} s", "", "", ())


def _resources(figures: Figures) -> Iterator[Row]:
    million = figures["million"][0]
    for kind in ("exact", "wildcard", "live exact", "live wildcard"):
        kept = median(figures[f"memory/{kind}/kept"])
        limit = "≤ 200 bytes"
        yield Row(
            "Memory",
            f"{kind.replace('live ', 'that change, ')}, each of {million:,}",
            f"{kept:.0f} bytes",
            "",
            "",
            (),
            limit,
            kept <= 200,
        )
    before, after = (median(figures[f"flood/{when}"]) for when in ("before", "after"))
    grown = after - before
    what = f"grown, after {figures['hostile'][0]:,} hostile origins"
    yield Row("Memory", what, f"{grown:+.1f} MB", "", "", (), "+0", grown < 1)
    scale = median(figures["Engine.IO/allowed/exact/1"]) / REFERENCE
    for kind in ("exact", "wildcard"):
        seconds = median(figures[f"read/{kind}"])
        limit = f"≤ 3 s × {scale:.2f}"
        what = f"SioCors(app), {million:,} {kind}"
        yield Row("Start", what, f"{seconds:.1f} s", "", "", (), limit, seconds <= 3 * scale)
    one = median(figures["read/one"]) * 1000
    yield Row("Start", "SioCors(app), 1 origin", f"{one:.1f} ms", "", "", ())
    added = median(figures["import"])
    yield Row("Start", "import", f"{added:.1f} ms", "", "", (), "≤ 10 ms", added <= 10)


def _over(dividends: Iterable[float], divisors: Iterable[float]) -> tuple[float, ...]:
    return tuple(a / b for a, b in zip(dividends, divisors, strict=True))


def _short(number: float) -> str:
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 10 else f"{number:.2f}"
    )


def _microseconds(values: list[float]) -> str:
    return f"{_short(median(values))} µs"


def _seconds(values: list[float]) -> str:
    return f"{median(values):.2f} s"


def _per_second(figures: Figures, name: str) -> str:
    return _of_one(figures[f"{name}/capacity"])


def _of_one(capacities: list[float]) -> str:
    return f"{median(capacities):,.0f}/s"


HEADINGS = ("", "with SioCors", "", "compared with", "ratio (lowest–highest)", "target", "met")


def _cells(row: Row) -> tuple[str, ...]:
    return (row.what, row.ours, row.theirs, row.peer, row.ratio, row.target, row.verdict)


def text(table: list[Row]) -> str:
    widths = [
        max(len(cells[column]) for cells in [HEADINGS, *map(_cells, table)])
        for column in range(len(HEADINGS))
    ]
    lines, section = [], ""
    for row in table:
        if row.section != section:
            section = row.section
            lines += ["", section]
        cells = zip(_cells(row), widths, strict=True)
        lines.append(("  " + "  ".join(cell.ljust(width) for cell, width in cells)).rstrip())
    return "\n".join(lines)


def markdown(table: list[Row]) -> str:
    lines, section = [], ""
    for row in table:
        if row.section != section:
            section = row.section
            lines += [
                "",
                f"| {section} | SioCors | | | ratio | target | met |",
                "| --- | ---: | ---: | --- | --- | --- | --- |",
            ]
        lines.append(f"| {' | '.join(_cells(row))} |")
    return "\n".join(lines).strip()
