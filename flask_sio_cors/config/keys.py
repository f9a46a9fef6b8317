"""Keys that are no settings, and the settings that they most likely mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..origins.codes import Code
from .problems import Problem
from .sources import as_source

#: What our keys start with, and Flask-CORS's, which apply where ours are unset.
PREFIX: Final = "SIO_CORS_"
FALLBACK_PREFIX: Final = "CORS_"

# The same settings by the names that other packages give them.
_OTHER_NAMES: Final = {
    "ORIGIN": "ORIGINS",
    "ALLOWED_ORIGINS": "ORIGINS",
    "ALLOW_ORIGINS": "ORIGINS",
    "ALLOW_ORIGIN": "ORIGINS",
    "ALLOWED_ORIGIN_REGEXES": "ORIGINS",
    "ALLOW_ALL_ORIGINS": "ORIGINS",
    "ORIGIN_REGEX": "ORIGINS",
    "ORIGIN_REGEXES": "ORIGINS",
    "ALLOW_ORIGIN_REGEX": "ORIGINS",
    "WHITELIST": "ORIGINS",
    "ALLOWLIST": "ORIGINS",
    "ALLOWED_DOMAINS": "ORIGINS",
    "ORIGIN_ALLOW_ALL": "ORIGINS",
    "ORIGIN_WHITELIST": "ORIGINS",
    "DOMAINS": "ORIGINS",
    "TRUSTED_ORIGINS": "ORIGINS",
    "CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "ALLOW_CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "HEADERS": "ALLOW_HEADERS",
    "ALLOWED_HEADERS": "ALLOW_HEADERS",
    "EXPOSED_HEADERS": "EXPOSE_HEADERS",
    "ALLOWED_METHODS": "METHODS",
    "ALLOW_METHODS": "METHODS",
    "PREFLIGHT_MAX_AGE": "MAX_AGE",
    "SUCCESS_STATUS": "OPTIONS_SUCCESS_STATUS",
    "PRIVATE_NETWORK": "ALLOW_PRIVATE_NETWORK",
}
# Flask-CORS's settings that nothing here corresponds to.
_FLASK_CORS_ONLY: Final = frozenset(
    """RESOURCES SEND_WILDCARD VARY_HEADER AUTOMATIC_OPTIONS ALWAYS_SEND
    INTERCEPT_EXCEPTIONS""".split()
)
_OUR_PREFIX: Final = re.compile(r"(?:FLASK_)?SIO_?(?:CORS_?)+")


def unknown_keys(config: Mapping[str, Any], known: list[str]) -> Iterable[Problem]:
    """Report the keys that look like ours and are none.

    :param known: every key that is a setting.
    """
    for key, value in config.items():
        if not isinstance(key, str) or key in known:
            continue
        upper = key.upper().replace("-", "_")
        prefix = _OUR_PREFIX.match(upper)
        name = upper[prefix.end() :] if prefix else ""
        if not name and _WHOLE.fullmatch(upper):
            yield _of_the_whole(key, value)
        elif name in _FLASK_CORS_ONLY:
            code = Code.KEY_OF_FLASK_CORS
            yield Problem(key, value, code.sentence, "", code)
        elif nearest := _nearest_key(upper, name, known):
            code = Code.KEY_UNKNOWN
            yield Problem(key, value, code.sentence, nearest, code)
        elif prefix:
            reason = f"is no setting; those that exist are {', '.join(known)}"
            yield Problem(key, value, reason, "", Code.KEY_UNKNOWN)


_WHOLE: Final = re.compile(r"(?:FLASK_)?(?:SIO|SOCKETIO|SOCKET_IO)_?CORS_*")


def _of_the_whole(key: str, value: Any) -> Problem:
    """Report a key that is called like all settings together."""
    code = Code.KEY_OF_ALL
    if not isinstance(value, Mapping):
        return Problem(key, value, Code.KEY_UNKNOWN.sentence, f"{PREFIX}ORIGINS", Code.KEY_UNKNOWN)
    lines = [f"{PREFIX}{str(name).upper()} = {as_source(one)}" for name, one in value.items()]
    return Problem(key, value, code.sentence, "\n".join(lines), code, place="in its place")


class IgnoredKey(NamedTuple):
    """A key that looks like one of ours, and that nobody here reads.

    :param key: as it is set.
    :param advice: what to do about it, in a sentence.
    """

    key: str
    advice: str

    def __str__(self) -> str:
        return f"{self.key} is set, and nothing here reads it. {self.advice}"


def ignored_keys(
    config: Mapping[str, Any], read: Collection[str], sources: Mapping[str, str]
) -> Iterable[IgnoredKey]:
    """Yield the keys that look like ours and do nothing.

    They may be somebody else's, so that they are no mistakes; nor are they told where the setting
    that they mean says as much, as where an application sets it from them.

    :param read: every key that is read.
    :param sources: the settings' names → the keys that their values came from.
    """
    for key in config:
        if not isinstance(key, str) or key in read:
            continue
        meant, is_likely = _meant_by(key.upper().replace("-", "_"), sources)
        if not meant:
            continue
        decisive = sources.get(meant, "default")
        decisive = decisive if decisive in config else ""
        if not decisive or (is_likely and not _said(config[key]) <= _said(config[decisive])):
            name = PREFIX + meant
            yield IgnoredKey(
                key,
                f"For Socket.IO, {decisive} decides; write there what is meant."
                if decisive
                else f"If it is meant for Socket.IO, name it {name} (in the environment: "
                f"FLASK_{name}).",
            )


def _said(value: object) -> set[str]:
    """Return what a value says, whether it is a text or a list."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return set(map(str, value))
    return set(re.split(r"[\s,;]+", str(value).strip(" \t\r\n,;")))


def _meant_by(key: str, names: Iterable[str]) -> tuple[str, bool]:
    """Return the setting that a key means, and whether it is rather meant for Socket.IO."""
    match = _LOOKS_LIKE_OURS.fullmatch(key)
    if match is not None and (meant := _meant(match["name"], bool(match["prefix"]), names)):
        return meant, True
    # An application's own, or another package's: of origins, where nothing else says which.
    match = _OF_ANOTHER.fullmatch(key)
    meant = _meant(match["name"], True, names) if match is not None else ""
    return ("ORIGINS", False) if meant == "ORIGINS" else ("", False)


def _meant(name: str, has_prefix: bool, names: Iterable[str]) -> str:
    """Return the name of the setting that a key means; ``""`` where it is not near enough."""
    if name in _FLASK_CORS_ONLY:
        return ""
    if not has_prefix:
        is_ours = name == "ORIGINS" or difflib.get_close_matches(name, _OF_ORIGINS, 1, 0.9)
        return "ORIGINS" if is_ours else ""
    known = {**_OTHER_NAMES, **{one: one for one in names}}
    nearest = difflib.get_close_matches(name, known, 1, 0.85)
    return known[nearest[0]] if nearest else ""


# What a key without any prefix has to be called, to be taken for one of ours.
_OF_ORIGINS: Final = (
    "ALLOWED_ORIGINS",
    "ALLOWED_ORIGIN",
    "ALLOW_ORIGINS",
    "ALLOW_ORIGIN",
    "ALLOW_ALL_ORIGINS",
    "ALLOWED_ORIGIN_REGEXES",
    "WHITELISTED_ORIGINS",
)
_LOOKS_LIKE_OURS: Final = re.compile(
    r"(?P<prefix>(?:FLASK_)?(?:(?:SIO|SOCKETIO|SOCKET_IO|SOCKET|ENGINEIO|WEBSOCKETS?|WS)_?)?"
    r"(?:CORS_|ACCESS_CONTROL_)?)(?P<name>\w+)"
)
_OF_ANOTHER: Final = re.compile(r"\w+_CORS_(?P<name>\w+)")


def nearest_setting(key: str, known: list[str]) -> str:
    """Return the setting of a policy that an unknown key means; ``""`` where none is near.

    :param known: the names of those that there are, without a prefix.
    """
    match = _LOOKS_LIKE_OURS.fullmatch(key.upper().replace("-", "_"))
    name = match["name"] if match is not None else ""
    if name in known:
        return name
    return _nearest_key(key, name, [PREFIX + one for one in known]).removeprefix(PREFIX)


def _nearest_key(key: str, name: str, known: list[str]) -> str:
    """Return the setting that an unknown key means; ``""`` where none is near."""
    if name:
        others = difflib.get_close_matches(name, _OTHER_NAMES, 1, 0.85)
        own = difflib.get_close_matches(PREFIX + name, known, 1, 0.85)
        if name in _OTHER_NAMES or (others and not own):
            return PREFIX + _OTHER_NAMES[others[0]]
        key, cutoff = PREFIX + name, 0.78
    elif key.startswith("SIO"):
        cutoff = 0.85
    else:
        return ""
    nearest = difflib.get_close_matches(key, known, 1, cutoff)
    return nearest[0] if nearest else ""
