"""What is wrong with a configuration: every problem of it, and the error that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..origins.codes import Code
from .sources import shown


class Problem(NamedTuple):
    """One mistake in the configuration.

    :param key: the configuration key to change.
    :param value: what stands there; the item in question where the key holds a list.
    :param reason: what was found and why it cannot work.
    :param correction: what to write instead of `value`, in the form in which it is written there:
        text where that came from the environment, or stands among others in one text, or else
        Python source; ``""`` where `value` is to be left out. For an unknown key, the known key to
        write instead of it (``""`` where none is near); for an argument of ``SocketIO``, the
        statements that say the same.
    :param code: the same for programs, which does not change; a `Code`, and equal to its text. Of
        several things that are wrong with one value, the first.
    :param target: the key to set to `correction`, where that is another one than `key`, which
        keeps its value.
    :param is_example: whether `correction` only shows the form, as nobody can know what was meant.
    :param place: where these statements belong.
    """

    key: str
    value: object
    reason: str
    correction: str
    code: Code
    target: str = ""
    is_example: bool = False
    place: str = ""

    def __str__(self) -> str:
        value = shown(self.value)
        if len(value) > 200:
            value = f"{value[:197]}..."
        lines = [f"{self.key}: {value}", self.reason, *self.advice.splitlines()]
        return "\n      ".join(lines)

    @property
    def advice(self) -> str:
        """What to write, or how it could look."""
        if not self.correction and not self.target:
            return "leave it out"
        if self.place:
            return f"write {self.place}:\n{self.correction}"
        verb = "for example" if self.is_example else "write"
        return f"{verb}: {f'{self.target} = ' if self.target else ''}{self.correction}"


class ConfigError(ValueError):
    """A configuration that cannot work; nothing of it has been installed.

    :param problems: every mistake that was found, in the order of the settings.
    :ivar written: the configuration key → its value as it was found, of the settings that are set.
    """

    def __init__(
        self, problems: Iterable[Problem], written: Mapping[str, Any] | None = None
    ) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.written: Mapping[str, Any] = written or {}
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = "".join(f"\n  {n}. {problem}" for n, problem in enumerate(self.problems, 1))
        return f"{count} problem{'s' * (count != 1)} in the CORS configuration:{lines}"
