"""What is wrong with one setting, and what to write instead, in the form in which it is written.

A correction is a value. A tuple of entries takes the place of one entry of a list, or of a text
that holds several, and may be empty; anything else takes the place of the whole value.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..origins.codes import Code, Said
from ..origins.grammar import Example
from ..origins.texts import REGEX, listed_in
from .keys import PREFIX
from .problems import Problem
from .sources import as_source, as_text


class Fault(NamedTuple):
    """One thing that is wrong with a setting.

    :param value: the entry in question, or the whole value.
    :param correction: what to write instead; see above.
    :param target: the key to write it to, where that is another one.
    :param place: where else it is written, and not in the configuration at all.
    """

    value: object
    reason: Said
    correction: Any
    target: str = ""
    place: str = ""


class Report:
    """Takes down what is wrong with the value of one setting.

    :param key: where the value stands.
    :param own_key: where to write another one; a key that others read too is theirs.
    :ivar items: the entries of the value, where it has some.
    """

    def __init__(self, key: str, own_key: str, value: object) -> None:
        self.key, self.own_key, self.value = key, own_key, value
        self.items: list[Any] = []
        self.faults: list[Fault] = []
        self._is_text = isinstance(value, str) and listed_in(value) is None

    def __call__(
        self, value: object, reason: str, correction: object, target: str = "", place: str = ""
    ) -> None:
        """Add a fault, whose code is its sentence's, or else that of the setting."""
        if not isinstance(reason, Said):
            names = re.findall("[A-Z_]+", self.own_key.removeprefix(PREFIX)) or ["ORIGINS"]
            reason = Said(Code(f"{names[-1].lower().replace('_', '-')}-invalid"), reason)
        self.faults.append(Fault(value, reason, correction, target, place))

    def for_another(self, own_key: str) -> Report:
        """Return a report of the same value, for whoever inherits it."""
        report = Report(self.key, own_key, self.value)
        report.items = self.items
        return report

    def problems(self) -> Iterable[Problem]:
        """Say what is wrong, and what to write."""
        for fault in self.faults:
            correction, value = fault.correction, fault.value
            if fault.place:
                written, code = as_source(correction), fault.reason.code
                yield Problem(self.key, value, fault.reason, written, code, place=fault.place)
                continue
            target = fault.target or (self.own_key if self.own_key != self.key else "")
            is_entry = isinstance(correction, tuple)
            reason: str = fault.reason
            if not fault.target and is_entry and (target or self._has_more_behind(fault)):
                correction = self._mended()
                if not target:
                    value, reason = self.value, f"{as_source(value)} {reason}"
            written = self._written(correction, is_whole=bool(target) or self._is_all(value))
            yield Problem(
                self.key,
                value,
                reason,
                written,
                fault.reason.code,
                target,
                _is_example(fault.correction),
            )

    def _is_all(self, value: object) -> bool:
        """Tell whether what is wrong is all that is written, and no entry among others."""
        is_one = isinstance(value, str) and isinstance(self.value, str)
        return value is self.value or (is_one and str(value).strip() == str(self.value).strip())

    def _written(self, correction: object, *, is_whole: bool) -> str:
        """Write a correction in the form of what it takes the place of."""
        if not self._is_text:
            return as_source(correction)
        # Within a text no quotes are needed, nor where a file of variables has it.
        is_bare = not is_whole or self.value in os.environ.values()
        text = as_text(correction) if is_bare else as_source(correction)
        # Flask reads a variable as JSON where it is, so that null alone is None.
        return json.dumps([text]) if is_bare and is_whole and text == "null" else text

    def _has_more_behind(self, fault: Fault) -> bool:
        """Tell whether an expression would swallow what stands behind it in the same line."""
        if not self._is_text or not any(map(_is_regex, fault.correction)):
            return False
        _, _, behind = str(self.value).partition(str(fault.value).strip())
        return behind.partition("\n")[0].strip() != ""

    def _mended(self) -> list[Any]:
        """Return all entries, each as it should be."""
        entries_alone = [one for one in self.faults if not (one.target or one.place)]
        mended = {_key(fault.value): fault.correction for fault in entries_alone}
        entries: dict[object, Any] = {}
        for item in self.items or [self.value]:
            instead = mended.get(_key(item), (item,))
            for entry in instead if isinstance(instead, tuple) else (instead,):
                entries.setdefault(_key(entry), entry)
        return list(entries.values())


def _key(value: object) -> object:
    return value.strip() if isinstance(value, str) else id(value)


def _is_regex(entry: object) -> bool:
    return isinstance(entry, re.Pattern) or (isinstance(entry, str) and entry.startswith(REGEX))


def _is_example(correction: object) -> bool:
    if isinstance(correction, dict):
        correction = list(correction)
    parts = correction if isinstance(correction, (list, tuple)) else [correction]
    return any(isinstance(part, Example) for part in parts)
