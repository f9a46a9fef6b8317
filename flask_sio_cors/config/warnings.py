"""What a configuration that holds together should not be started without being told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

from ..origins.sets import OriginSet
from ..origins.texts import regex_in
from .credentials import STRANGERS
from .keys import PREFIX
from .options import Options
from .origins import EveryOrigin, entries_of, regex_of
from .sources import as_source

#: So many expressions of a list are looked at.
_MAX_EXPRESSIONS: Final = 100
#: Characters of a value that are shown.
_MAX_SHOWN: Final = 100


class Warned(NamedTuple):
    """Something that each start says.

    :param code: names it for programs; it does not change.
    :param text: in sentences.
    """

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


def warnings_of(options: Options) -> Iterable[Warned]:
    """Yield what each start says: who gets in that was hardly meant to, or does not."""
    for policy in (options, *options.policies):
        if policy.inherits("ORIGINS"):
            continue
        if _lets_all_in(policy.origins):
            yield Warned("every-origin", _of_every_origin(policy))
        for expression in _fruitless(policy):
            yield Warned("expression-without-origin", _of_fruitless(expression, policy))
    for told in _of_variables(options):
        yield Warned("variable-unread", told)
    if options.written.get("ORIGINS", ()) is None:
        for told in _of_null(options.sources["ORIGINS"]):
            yield Warned("null-in-the-environment", told)


def _lets_all_in(origins: OriginSet | EveryOrigin) -> bool:
    if isinstance(origins, EveryOrigin):
        return True
    return origins.has_regexes and all(stranger in origins for stranger in STRANGERS)


def _of_every_origin(policy: Options) -> str:
    value = as_source(policy.written["ORIGINS"])
    shown = value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}…"
    return (
        f"Every site may connect, as {policy.sources['ORIGINS']} is {shown}, though never with "
        "its visitors' cookies or login. That is right for public content only; what a proxy adds "
        "to tell who somebody is (a header of its own, a client certificate, an internal network) "
        f"still lets every site in. To let in some, list them in {policy.key('ORIGINS')}."
    )


def _fruitless(policy: Options) -> Iterable[re.Pattern[str]]:
    """Yield the expressions that no origin matches, of the first ones."""
    if not (isinstance(policy.origins, OriginSet) and policy.origins.has_regexes):
        return
    from ..origins.strangers import is_matched_by_some  # which few configurations need

    expressions = filter(None, map(regex_of, entries_of(policy.written["ORIGINS"])))
    for regex in islice(expressions, _MAX_EXPRESSIONS):
        if not is_matched_by_some(regex):
            yield regex


def _of_fruitless(regex: re.Pattern[str], policy: Options) -> str:
    from ..origins.spelling import meaning_of_regex

    meant = [one for one in meaning_of_regex(regex.pattern) if regex_in(one) is None]
    return (
        f"No origin matches {as_source(regex)}, in {policy.sources['ORIGINS']}: an expression is "
        "matched from end to end, and an origin starts with its scheme."
        + (f" Write {', '.join(map(as_source, meant))}." if meant else "")
    )


def _of_variables(options: Options) -> Iterable[str]:
    """Name the variables that are called like settings, and that no configuration has."""
    unset = {PREFIX + name for name, key in options.sources.items() if key != PREFIX + name}
    for name in os.environ:
        prefix, found, setting = name.partition(PREFIX)
        key, prefix = found + setting, prefix.removesuffix("_")
        if key not in unset:
            continue
        named = f"name it FLASK_{key}, and " if not prefix else ""
        argument = "" if prefix in ("", "FLASK") else f'"{prefix}"'
        yield (
            f"{name} is in the environment, and app.config has no {key}, so that it does nothing: "
            f"{named}write app.config.from_prefixed_env({argument}) above SioCors(app)."
        )


def _of_null(key: str) -> Iterable[str]:
    """Say what Flask has made of a variable, which nobody sees in ``app.config``."""
    for name, text in os.environ.items():
        if name.endswith(f"_{PREFIX}ORIGINS") and text.strip() == "null":
            yield (
                f"{name} is null, which Flask reads as None, as JSON has it: {key} lets in the "
                'server\'s own pages alone. For the origin that browsers call null, write ["null"].'
            )
