"""What is wrong with a configuration: every problem of it, and the error that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..origins.grammar import EXAMPLE


class Problem(NamedTuple):
    """One mistake in the configuration.

    :param key: the configuration key to change.
    :param value: what stands there; the item in question where the key holds a list.
    :param reason: what was found and why it cannot work.
    :param correction: Python source to write instead of `value`. For an unknown key, the known
        key to write instead of it (``""`` where none is near); for an argument of ``SocketIO``,
        the call to write.
    """

    key: str
    value: object
    reason: str
    correction: str

    def __str__(self) -> str:
        value = repr(self.value)
        if len(value) > 200:
            value = f"{value[:197]}..."
        advice = f"\n      {self.advice}" if self.advice else ""
        return f"{self.key}: {value}\n      {self.reason}{advice}"

    @property
    def advice(self) -> str:
        """What to write, or how it could look; ``""`` where there is no telling."""
        verb = "for example" if self.correction in _EXAMPLES else "write"
        return f"{verb}: {self.correction}" if self.correction else ""


#: Corrections that only show the form, where nobody can know what was meant.
_EXAMPLES: Final = frozenset(
    [
        EXAMPLE,
        f"[{EXAMPLE}]",
        "'https://*.example.com'",
        "lambda request: False",
        "'X-Requested-With'",
        "['X-Requested-With']",
        "'X-Request-Id'",
        "['X-Request-Id']",
    ]
)


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
