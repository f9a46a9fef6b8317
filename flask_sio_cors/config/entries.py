"""What may be in a store of origins, by the settings of the application that reads or writes it."""

from __future__ import annotations

from typing import Any, Final

from ..origins.grammar import EXAMPLE, EXAMPLE_WILDCARD, OriginPattern, parse_pattern
from ..origins.texts import regex_in
from .corrections import Report
from .credentials import check_credentials
from .functions import names_function
from .keys import PREFIX
from .options import Options
from .origins import NOTHING_LISTED, Listed
from .problems import Problem
from .values import spelled_bool

#: The setting whose entries they are.
_STORE: Final = "ORIGINS_STORE"


def problems_of_entry(text: Any, *sharers: Options) -> tuple[Problem, ...]:
    """Return why an entry cannot be in a store; nothing where it can.

    It can where it is an exact origin, a wildcard, a partial label or a network, as it could stand
    in the ``ORIGINS`` of each of the policies that it would be in force in. Most entries cost two
    microseconds.

    :param text: as somebody wants to write it, or as the store has it.
    :param sharers: the settings of these policies, one at least.
    """
    pattern = parse_pattern(text) if isinstance(text, str) else None
    credentialed = [one for one in sharers if one.supports_credentials]
    if pattern is not None and (not credentialed or _is_harmless(pattern)):
        return ()
    key = sharers[0].key(_STORE)
    report = Report(key, key, [text])
    report.items = [text]
    if pattern is None:
        report(text, *_why_none(text))
    faults, found = list(report.faults), dict[Problem, None]()
    for one in credentialed or sharers[:1]:
        report.faults = list(faults)
        found |= dict.fromkeys(_with_credentials(report, pattern, one))
    return tuple(found)


def _is_harmless(pattern: OriginPattern) -> bool:
    """Tell whether an origin may come with credentials whatever is tolerated."""
    return pattern.scheme == "https" and not pattern.is_family


def _with_credentials(
    report: Report, pattern: OriginPattern | None, options: Options
) -> list[Problem]:
    switch_key = options.sources.get("SUPPORTS_CREDENTIALS", options.key("SUPPORTS_CREDENTIALS"))
    switch = Report(switch_key, switch_key, options.supports_credentials)
    values = {
        "origins": Listed(NOTHING_LISTED.origins, [str(pattern)] if pattern else [], [], []),
        "supports_credentials": options.supports_credentials,
        "expose_headers": (),
        "tolerate_insecure_origins": options.tolerate_insecure_origins,
        "tolerate_public_suffixes": options.tolerate_public_suffixes,
    }
    check_credentials(values, {"ORIGINS": report, "SUPPORTS_CREDENTIALS": switch}, options.key)
    return [*switch.problems(), *report.problems()]


def _why_none(text: Any) -> tuple[str, tuple[str, ...]]:
    """Return why it is no entry, and what to write."""
    if not isinstance(text, str):
        return "is no text, where each entry of a store is an origin or a pattern", (EXAMPLE,)
    word = text.strip()
    elsewhere = f"which belongs into {PREFIX}ORIGINS, and not into a store"
    if word in ("*", "") or spelled_bool(word) is not None:
        reason = "is no origin; a store names those that it lets in, one by one or by patterns"
        return reason, (EXAMPLE,)
    if regex_in(word) is not None:
        return f"is a regular expression, {elsewhere}", (EXAMPLE_WILDCARD,)
    if names_function(word):
        return f"is the name of a function, {elsewhere}", (EXAMPLE,)
    from ..origins.spelling import correct  # which only a mistake needs

    return correct(text)
