"""What ``show`` tells: the policy in force, where it came from, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from ..browser.wording import visible
from ..config import meanings
from ..config.keys import PREFIX
from ..config.options import SETTINGS, Options, Setting, snapshot, unread_keys
from ..config.policies import DEFAULT, POLICIES, some_of
from ..config.problems import ConfigError
from ..config.sources import as_source, without_password
from ..config.stores import StoreLocation
from ..config.warnings import warnings_of
from ..door.policy import Policy
from ..live.shared import SharedOrigins
from ..live.store import StoreError
from ..origins.sets import OriginSet
from . import truths
from .layout import indented, wrapped
from .question import answers_preflights, mount
from .truths import Truth
from .values import as_json, origins_as_json

if TYPE_CHECKING:
    from flask import Flask


#: The version of what `PolicyShown.as_json` returns, which ``schemas/show.json`` describes.
SCHEMA: Final = 1


@dataclass(frozen=True)
class SettingShown:
    """One setting: its value, where it came from, and what that means.

    :param written: the value as Python source.
    :param value: the value as JSON has it.
    """

    name: str
    written: str
    value: Any
    source: str
    meaning: str


@dataclass(frozen=True)
class StoreShown:
    """What the store has.

    :param key: what tells it apart from others in the same place; ``""`` where nothing does.
    :param policies: the names of the policies that let in what it has.
    :param version: the number of its version; 0 where nothing was ever written.
    :param entries: how many it has.
    :param fault: why it cannot be asked; ``""`` where it can.
    """

    key: str
    policies: tuple[str, ...]
    version: int
    entries: int
    fault: str

    @classmethod
    def of(cls, shared: SharedOrigins, app: Flask, options: Options) -> StoreShown:
        """Ask it."""
        setting = options.origins_store
        key = setting.namespace(app.name) if isinstance(setting, StoreLocation) else ""
        try:
            return cls(key, shared.policies, shared.version, len(shared), "")
        except StoreError as error:
            return cls(key, shared.policies, 0, 0, str(error))

    def __str__(self) -> str:
        if self.fault:
            return f"It cannot be asked: {self.fault}."
        entries = f"{self.entries} {'entry' if self.entries == 1 else 'entries'}"
        key = f" under the key {self.key}" if self.key else ""
        told = f"It has version {self.version}, with {entries}{key}."
        if len(self.policies) == 1:
            return told
        return f"{told} The policies {some_of(self.policies)} share it."


@dataclass(frozen=True)
class PolicyShown:
    """A policy for people and machines."""

    settings: tuple[SettingShown, ...]
    trusted_hosts: tuple[str, ...]
    warnings: tuple[Truth, ...]
    name: str = DEFAULT
    hosts: tuple[str, ...] = ()
    store: StoreShown | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the policy for machines."""
        settings = {
            shown.name: {"value": shown.value, "source": shown.source, "meaning": shown.meaning}
            for shown in self.settings
        }
        return {
            "schema": SCHEMA,
            "policy": self.name,
            "hosts": list(self.hosts),
            "settings": settings,
            "trusted_hosts": list(self.trusted_hosts),
            "warnings": [truth.as_json() for truth in self.warnings],
            "store": None if self.store is None else asdict(self.store),
        }

    def as_text(self, width: int) -> str:
        """Return the policy for people."""
        lines: list[str] = []
        if self.name != DEFAULT:
            hosts = ", ".join(self.hosts) or "no host; @cors.choose_policy chooses it"
            lines += [*wrapped(f"The policy {self.name}, for {hosts}.", width), ""]
        for shown in self.settings:
            lines += _setting_lines(shown, width)
            if self.store is not None and shown.name == _STORE:
                lines += indented(str(self.store), width)
        hosts = repr(list(self.trusted_hosts)) if self.trusted_hosts else "None  (default)"
        meaning = _ONLY_TRUSTED if self.trusted_hosts else _ANY_HOST
        lines += _entry("TRUSTED_HOSTS", hosts, meaning, width)
        for truth in self.warnings:
            lines += ["", *wrapped(f"Warning: {truth.text}", width)]
            lines += [f"    {line}" for line in truth.lines]
        return "\n".join(lines)


#: The setting that names the store.
_STORE: Final = "ORIGINS_STORE"
_KEYS: Final = max(len(setting.key) for setting in SETTINGS)
#: How much of a long value is shown to people, in characters.
_MAX_SHOWN: Final = 600
#: And how many numbers of problems.
_MAX_NUMBERS: Final = 5
_ONLY_TRUSTED: Final = "Requests to other hosts are refused."
_ANY_HOST: Final = (
    "Requests to any host are answered, also to a name that an attacker lets point here (DNS "
    "rebinding)."
)


def _setting_lines(shown: SettingShown, width: int) -> list[str]:
    key, value = PREFIX + shown.name, shown.written
    if len(value) > _MAX_SHOWN:
        value = f"{value[:_MAX_SHOWN]}… ({len(value)} characters)"
    if shown.source != key:
        value += f"  ({'from ' * (shown.source != 'default')}{shown.source})"
    return _entry(key, value, shown.meaning, width)


def _entry(key: str, value: str, meaning: str, width: int) -> list[str]:
    if len(value) <= width - _KEYS - 2:
        return [f"{key:<{_KEYS}}  {value}", *indented(meaning, width)]
    return [key, *indented(value, width), *indented(meaning, width)]


def describe(policy: Policy, app: Flask, shared: SharedOrigins | None = None) -> PolicyShown:
    """Return what is in force on an application.

    :param shared: the origins that the policy shares with other workers.
    """
    options = policy.options
    settings = tuple(
        SettingShown(
            setting.name,
            *_values(setting, options),
            options.sources.get(setting.name, "default"),
            _meaning(setting, options),
        )
        for setting in SETTINGS
    )
    warnings = (*_warnings(options, app), *truths.of_setting(app, options))
    store = None if shared is None else StoreShown.of(shared, app, options)
    return PolicyShown(
        settings, options.trusted_hosts, warnings, options.name, options.hosts, store
    )


def _meaning(setting: Setting, options: Options) -> str:
    if setting.field == "origins":
        return meanings.of_origins(options.origins, options.functions)
    return setting.meaning(getattr(options, setting.field))


def describe_broken(error: ConfigError, width: int) -> str:
    """Return what is written where the configuration cannot work, each problem by its number."""
    lines = ["Nothing of it is in force. What is set, and which problem is where:"]
    for key, value in error.written.items():
        numbers = [
            str(n)
            for n, found in enumerate(error.problems, 1)
            if found.key == key or found.key.startswith(f"{key}[")
        ]
        more = ["…"] * (len(numbers) > _MAX_NUMBERS)
        told = ", ".join([*numbers[:_MAX_NUMBERS], *more])
        mark = f"problem{'s' * (len(numbers) > 1)} {told}" if numbers else "fine by itself"
        shown = visible(without_password(_source(value)))
        if len(shown) > _MAX_SHOWN:
            shown = f"{shown[:_MAX_SHOWN]}… ({len(shown)} characters)"
        lines += [f"  {key:<{_KEYS}}  {mark}", *indented(shown, width)]
    return "\n".join([*lines, "  Everything else has its default."])


def _values(setting: Setting, options: Options) -> tuple[str, Any]:
    if setting.field == "policies":
        hosts = {policy.name: list(policy.hosts) for policy in options.policies}
        return _source(hosts), as_json(hosts)
    if setting.name == _STORE and isinstance(options.origins_store, StoreLocation):
        return repr(options.origins_store), str(options.origins_store)
    if setting.field != "origins":
        value = getattr(options, setting.field)
        # People write lists.
        is_list = isinstance(value, (tuple, frozenset))
        return _source(as_json(value) if is_list else value), as_json(value)
    # What the origins were read into is for look-ups, and does not say how they were written.
    written = options.written.get(setting.name)
    return _source(written), origins_as_json(options)


def _source(value: object) -> str:
    return as_source(list(value) if isinstance(value, tuple) else value)


def _warnings(options: Options, app: Flask) -> Iterable[Truth]:
    for setting in SETTINGS:
        used, present = options.sources.get(setting.name, "default"), setting.source(app.config)
        is_changed = present is not None and (
            snapshot(app.config[present]) != options.written.get(setting.name)
        )
        # What a policy sets is told with all policies.
        is_apart = used.startswith(("@", f"{POLICIES}["))
        if not is_apart and (is_changed or used != (present or "default")):
            yield Truth(
                "changed-too-late",
                f"{present or used} was changed after SioCors(app) had read the configuration, so "
                "that has no effect. Set it before, or call cors.reconfigure(app).",
            )
    for key in unread_keys(app.config, options):
        yield Truth("key-ignored", str(key))
    for told in warnings_of(options):
        yield Truth(told.code, str(told))
    yield from _tolerances(options)
    if options.preflight_continue and not answers_preflights(app):
        yield Truth(
            "preflights-unanswered",
            f"{PREFIX}PREFLIGHT_CONTINUE is set, but no route of the application takes OPTIONS "
            f"requests to {mount(app)}, so that every preflight fails.",
        )


def _tolerances(options: Options) -> Iterable[Truth]:
    if options.tolerate_insecure_origins and options.supports_credentials:
        yield Truth(
            "insecure-origins-tolerated",
            "Anyone on the network path can speak in the name of an http: origin.",
        )
    if options.tolerate_public_suffixes and options.supports_credentials:
        yield Truth(
            "public-suffixes-tolerated",
            "Strangers can register names that a wildcard under a public suffix lets in.",
        )
    listed = options.origins if isinstance(options.origins, OriginSet) else OriginSet()
    if "null" in listed:
        yield Truth(
            "null-listed", "Any page can obtain the origin “null”, so that it lets every site in."
        )
    if "file://" in listed:
        yield Truth("file-listed", "Every local file has the origin “file://”, whoever wrote it.")
