"""What ``observed`` tells: who asked while nothing was enforced, and the list that lets some in.

A list is tried before it is printed: by the origins that are to be let in, and as they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from ..config.keys import PREFIX
from ..config.options import Options
from ..config.origins import EveryOrigin, entries_of
from ..config.policies import DEFAULT
from ..config.sources import as_source
from ..door.observer import UNJUDGED, Observation
from ..door.policy import Policy
from ..door.verdicts import Reason
from ..live.counts import Count, Counts, Place
from ..origins.grammar import is_insecure, is_well_formed
from ..origins.sets import OriginSet
from .question import Asking, Question, usual_server
from .remedy import Change, Written

if TYPE_CHECKING:
    from flask import Flask


#: The version of what `Observed.as_json` returns, which ``schemas/observed.json`` describes.
SCHEMA: Final = 1

_ORIGINS: Final = f"{PREFIX}ORIGINS"


@dataclass(frozen=True)
class Seen:
    """Requests of one origin that are judged alike.

    :param origin: ``None`` where they had no ``Origin`` header.
    :param policy: the name of the one that would judge them.
    :param reason: a `Reason`; of the latest request.
    :param loses_cookies: whether cookies came, and would be left out.
    :param first: seconds since the epoch, as is `last`.
    """

    origin: str | None
    policy: str
    is_allowed: bool
    reason: str
    transports: tuple[str, ...]
    has_cookies: bool
    loses_cookies: bool
    requests: int
    first: float
    last: float


def summarize(counts: Counts) -> tuple[Seen, ...]:
    """Return what was observed, by origin; the most frequent first."""
    groups: dict[tuple[object, ...], list[tuple[Observation, Count]]] = {}
    for seen, count in counts.items():
        # What has no origin is told apart by what it is.
        kind = seen.reason if seen.origin is None else ""
        group = seen.origin, seen.policy, seen.transport, kind
        groups.setdefault(group, []).append((seen, count))
    merged: dict[tuple[object, ...], Seen] = {}
    for one in map(_together, groups.values()):
        alike = one.origin, one.policy, one.reason, one.loses_cookies
        merged[alike] = _joined(merged[alike], one) if alike in merged else one
    return tuple(sorted(merged.values(), key=lambda one: (-one.requests, str(one.origin))))


def _together(found: Sequence[tuple[Observation, Count]]) -> Seen:
    """Return requests by one transport as one; the latest tells how they are judged by now."""
    latest = max(found, key=lambda one: one[1].last)[0]
    alike = [seen for seen, _ in found if seen.reason == latest.reason]
    return Seen(
        latest.origin,
        latest.policy,
        latest.is_allowed,
        latest.reason,
        (latest.transport,),
        any(seen.has_cookies for seen, _ in found),
        any(seen.loses_cookies for seen in alike),
        sum(count.times for _, count in found),
        min(count.first for _, count in found),
        max(count.last for _, count in found),
    )


def _joined(one: Seen, other: Seen) -> Seen:
    return replace(
        one,
        transports=tuple(sorted({*one.transports, *other.transports})),
        has_cookies=one.has_cookies or other.has_cookies,
        requests=one.requests + other.requests,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )


# --- The list ----------------------------------------------------------------------------------


_NOTHING: Final = (
    f"Nothing was observed yet in {{}}. Requests are, while {PREFIX}REPORT_ONLY is set; by a "
    "server that was started in another folder, perhaps elsewhere."
)
_ENFORCE: Final = (
    f"To enforce it: write {PREFIX}OVERRIDE where {PREFIX}REPORT_ONLY stands; or remove that, and "
    "cors_allowed_origins=… from SocketIO(…)."
)


@dataclass(frozen=True)
class Observed:
    """What was observed, and what to write.

    :param lines: the settings that let in what is to be let in; none where nothing is.
    :param outside: the origins that were observed, and would still be refused with these.
    :param place: where it was looked for.
    """

    seen: tuple[Seen, ...]
    lines: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    place: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "schema": SCHEMA,
            "observed": [
                {**asdict(one), "first": _moment(one.first), "last": _moment(one.last)}
                for one in self.seen
            ],
            "lines": list(self.lines),
            "outside": list(self.outside),
        }

    def as_text(self) -> str:
        """Return it for people."""
        lines = _table(self.seen) if self.seen else [_NOTHING.format(self.place)]
        if self.lines:
            outside = ", ".join(self.outside) or "no other origin that was observed"
            lines += ["", "Above SioCors(app):", "", *self.lines, "", f"Outside stays: {outside}"]
            lines += ["", _ENFORCE]
        elif self.seen:
            lines += ["", "For the setting that lets some of them in: --allow ORIGIN …"]
        return "\n".join(lines)


def answer(app: Flask, policy: Policy, place: Place, allowed: Sequence[str]) -> Observed:
    """Return what was observed, with the settings that let in these origins, too.

    :param policy: the one in force that is to let them in.
    :param place: where it was observed.
    :param allowed: entries of ``SIO_CORS_ORIGINS``.
    :raise ConfigError: where these settings would be a mistake.
    """
    seen = summarize(place.read())
    if not allowed:
        return Observed(seen, place=str(place))
    written = Written(app.config, policy.options)
    changes = _changes(written, policy.options, seen, allowed, app.name)
    written.make(changes)
    tried = Policy(written.read())
    own = [one for one in seen if one.policy == policy.options.name]
    outside = [one.origin for one in own if one.origin and not _gets_in(app, tried, one)]
    return Observed(
        seen,
        tuple(str(replace(change, path=written.path(change.key))) for change in changes),
        tuple(dict.fromkeys(outside)),
        str(place),
    )


def _changes(
    written: Written, options: Options, seen: Iterable[Seen], allowed: Sequence[str], app: str
) -> list[Change]:
    changes = [_list(written, options, allowed)]
    listed = Options.from_config({_ORIGINS: list(allowed)}).origins
    # Cookies stay outside where every site gets in.
    named = listed if isinstance(listed, OriginSet) else OriginSet()
    have_come = any(one.has_cookies and one.origin in named for one in seen if one.origin)
    has_credentials = options.supports_credentials
    if have_come and not has_credentials:
        has_credentials = True
        changes.append(Change(f"{PREFIX}SUPPORTS_CREDENTIALS", True, "True"))
    if has_credentials and any(map(is_insecure, allowed)) and not options.tolerate_insecure_origins:
        changes.append(Change(f"{PREFIX}TOLERATE_INSECURE_ORIGINS", True, "True"))
    return written.keeping(changes, options, app)


def _list(written: Written, options: Options, allowed: Sequence[str]) -> Change:
    present, read = written.origins()
    if not present or isinstance(options.origins, EveryOrigin):
        return Change(_ORIGINS, [*allowed], as_source([*allowed]))
    items = entries_of(present)
    value = list(dict.fromkeys([*items, *allowed]))
    if all(isinstance(item, str) for item in items):
        return Change(_ORIGINS, value, as_source(value))
    is_list = isinstance(present, (list, tuple, set, frozenset))
    more = as_source(tuple(allowed))
    return Change(_ORIGINS, value, f"[{'*' if is_list else ''}{read}, {more}]")


def _gets_in(app: Flask, policy: Policy, seen: Seen) -> bool:
    """Tell whether requests like these would get in now."""
    if seen.reason == Reason.SAME_ORIGIN:
        return True
    if seen.origin is None or not is_well_formed(seen.origin):
        return False
    server = usual_server(app, policy.options, seen.origin)
    question = Question(seen.origin, server, transport=seen.transports[0])
    return Asking(app, question, server).steps(policy)[-1].is_passed


# --- The table ---------------------------------------------------------------------------------

_HEADINGS: Final = ("ORIGIN", "REQUESTS", "WOULD BE", "BY", "COOKIES", "FIRST", "LAST")
_SHOWN: Final = 60


def _table(seen: Sequence[Seen]) -> list[str]:
    rows = [_HEADINGS, *map(_cells, seen)]
    if any(one.policy != DEFAULT for one in seen):
        names = ["POLICY", *(one.policy for one in seen)]
        rows = [(*row, name) for row, name in zip(rows, names, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _cells(one: Seen) -> tuple[str, ...]:
    shown = "(no Origin header)" if one.origin is None else ascii(one.origin[:_SHOWN])[1:-1]
    verdict = "allowed" if one.is_allowed else f"refused ({one.reason})"
    if one.reason == UNJUDGED:
        verdict = "(not judged)"
    cookies = "left out" if one.loses_cookies else "came" if one.has_cookies else "none"
    by = ", ".join(one.transports)
    return shown, f"{one.requests:,}", verdict, by, cookies, _moment(one.first), _moment(one.last)


def _moment(seconds: float) -> str:
    """Return a time as ISO 8601 has it, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
