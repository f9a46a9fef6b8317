"""The settings: read from ``app.config``, validated as a whole, and then immutable.

`SETTINGS` is the reference: one row a setting, with what it means and how it is read. Reading
collects every problem before it raises, so that a configuration is mended in one go.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    OPAQUE_ORIGINS,
    OriginPattern,
    is_loopback,
    parse_pattern,
)
from ..origins.sets import OriginSet
from .problems import ConfigError, Problem
from .values import (
    NOTHING_LISTED,
    AllowRequest,
    EveryOrigin,
    Listed,
    OriginCallable,
    Report,
    read_allow_headers,
    read_allow_request,
    read_bool,
    read_expose_headers,
    read_max_age,
    read_methods,
    read_origins,
    read_status,
    read_timeout,
)

PREFIX: Final = "SIO_CORS_"
FALLBACK_PREFIX: Final = "CORS_"


@dataclass(frozen=True)
class Options:
    """A configuration that holds together. Build it with :meth:`from_config`.

    The fields are the settings of `SETTINGS` in lower case, and three more:

    :param trusted_hosts: Flask's ``TRUSTED_HOSTS``; empty where any host will do.
    :param sources: the setting's name → the key that its value came from, ``"default"``, or
        ``"@cors.allow_request"``.
    :param written: the setting's name → a `snapshot` of that key's value.
    """

    origins: OriginSet | EveryOrigin | OriginCallable
    supports_credentials: bool
    allow_headers: tuple[str, ...] | None
    expose_headers: tuple[str, ...]
    methods: tuple[str, ...]
    max_age: int | None
    preflight_continue: bool
    options_success_status: int
    allow_request: AllowRequest | None
    callback_timeout: float
    allow_private_network: bool
    tolerate_insecure_origins: bool
    tolerate_public_suffixes: bool
    trusted_hosts: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        allow_request: AllowRequest | None = None,
        problems: Iterable[Problem] = (),
    ) -> Options:
        """Read the settings of an application.

        :param config: ``app.config``, or any mapping with its keys.
        :param allow_request: the function that ``@cors.allow_request`` decorated.
        :param problems: mistakes found elsewhere, to be raised together with those found here.
        :raise ConfigError: with all problems, if there is one.
        """
        found = [*problems, *_unknown_keys(config)]
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        written: dict[str, Any] = {}
        for setting in SETTINGS:
            source = setting.source(config)
            if source is None:
                values[setting.field], sources[setting.name] = setting.default, "default"
                continue
            values[setting.field] = setting.load(source, config[source], found)
            sources[setting.name] = source
            written[setting.name] = snapshot(config[source])
        _add_decorated(values, sources, allow_request, found)
        _check_credentials(values, sources, found)
        if values["supports_credentials"]:
            found = [_fit_for_credentials(problem, values, sources) for problem in found]
        trusted_hosts = _read_trusted_hosts(config, found)
        if found:
            raise ConfigError(found, {sources[name]: value for name, value in written.items()})
        if isinstance(values["origins"], Listed):
            values["origins"] = values["origins"].origins
        return cls(**values, trusted_hosts=trusted_hosts, sources=sources, written=written)


class Setting(NamedTuple):
    """A row of the settings table.

    :param name: the key without its prefix; ``SIO_CORS_`` wins over Flask-CORS's ``CORS_``.
    :param npm: the option of npm ``cors`` or Socket.IO that it translates; ``""`` for none.
    :param values: what may be written, for documentation.
    :param default: what applies where no key is set.
    :param read: takes the configured value and a `Report`; returns the value of the field.
    """

    name: str
    npm: str
    values: str
    default: Any
    read: Callable[[Any, Report], Any]

    @property
    def key(self) -> str:
        return PREFIX + self.name

    @property
    def field(self) -> str:
        return self.name.lower()

    def source(self, config: Mapping[str, Any]) -> str | None:
        """Return the key that this setting's value comes from, or ``None`` for the default."""
        if self.key in config:
            return self.key
        fallback = FALLBACK_PREFIX + self.name
        return fallback if self.name in _SHARED_WITH_FLASK_CORS and fallback in config else None

    def load(self, key: str, value: Any, found: list[Problem]) -> Any:
        """Read a configured value; what is wrong with it is appended to `found`."""
        if value is None:
            return self.default
        return self.read(value, lambda *problem: found.append(Problem(key, *problem)))


def snapshot(value: Any) -> Any:
    """Return a configured value that stays when the application changes the list that it gave."""
    if isinstance(value, list):
        # Of texts alone, the garbage collector leaves a tuple in peace.
        return tuple(value)
    return frozenset(value) if isinstance(value, set) else value


def _read_trusted_hosts(config: Mapping[str, Any], found: list[Problem]) -> tuple[str, ...]:
    hosts = config.get("TRUSTED_HOSTS")
    if hosts is None or hosts == "":
        return ()
    if isinstance(hosts, str):
        return (hosts,)
    if isinstance(hosts, (list, tuple, set, frozenset)) and all(isinstance(h, str) for h in hosts):
        return tuple(hosts)
    reason = "is no list of host names, so that Flask would answer every request with an error"
    found.append(Problem("TRUSTED_HOSTS", hosts, reason, '["app.example.com"]'))
    return ()


#: Every setting, in the order of the manual.
SETTINGS: Final = (
    Setting(
        "ORIGINS",
        "origin",
        'origins and patterns, re.compile(…), "null", "*", True, callable',
        NOTHING_LISTED,
        read_origins,
    ),
    Setting("SUPPORTS_CREDENTIALS", "credentials", "bool", False, read_bool),
    Setting("ALLOW_HEADERS", "allowedHeaders", 'header names, "*"', None, read_allow_headers),
    Setting("EXPOSE_HEADERS", "exposedHeaders", 'header names, "*"', (), read_expose_headers),
    Setting("METHODS", "methods", "methods", ("GET", "POST"), read_methods),
    Setting("MAX_AGE", "maxAge", "seconds 0…86400, timedelta", None, read_max_age),
    Setting("PREFLIGHT_CONTINUE", "preflightContinue", "bool", False, read_bool),
    Setting("OPTIONS_SUCCESS_STATUS", "optionsSuccessStatus", "200…299", 204, read_status),
    Setting("ALLOW_REQUEST", "allowRequest", 'callable, "module:name"', None, read_allow_request),
    Setting("CALLBACK_TIMEOUT", "", "seconds, up to 60", 1.0, read_timeout),
    Setting("ALLOW_PRIVATE_NETWORK", "", "bool", False, read_bool),
    Setting("TOLERATE_INSECURE_ORIGINS", "", "bool", False, read_bool),
    Setting("TOLERATE_PUBLIC_SUFFIXES", "", "bool", False, read_bool),
)

# The names that Flask-CORS has too, with the same meaning.
_SHARED_WITH_FLASK_CORS: Final = frozenset(
    """ORIGINS SUPPORTS_CREDENTIALS ALLOW_HEADERS EXPOSE_HEADERS METHODS MAX_AGE
    ALLOW_PRIVATE_NETWORK""".split()
)


# --- Checks that concern more than one value -------------------------------------------------


# The same settings by the names that other packages give them.
_OTHER_NAMES: Final = {
    "ORIGIN": "ORIGINS",
    "ALLOWED_ORIGINS": "ORIGINS",
    "ALLOW_ORIGINS": "ORIGINS",
    "ALLOW_ORIGIN": "ORIGINS",
    "ALLOWED_ORIGIN_REGEXES": "ORIGINS",
    "ALLOW_ALL_ORIGINS": "ORIGINS",
    "CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "ALLOW_CREDENTIALS": "SUPPORTS_CREDENTIALS",
    "HEADERS": "ALLOW_HEADERS",
    "PREFLIGHT_MAX_AGE": "MAX_AGE",
    "SUCCESS_STATUS": "OPTIONS_SUCCESS_STATUS",
    "PRIVATE_NETWORK": "ALLOW_PRIVATE_NETWORK",
}
# Flask-CORS's settings that nothing here corresponds to.
_FLASK_CORS_ONLY: Final = frozenset(
    """RESOURCES SEND_WILDCARD VARY_HEADER AUTOMATIC_OPTIONS ALWAYS_SEND
    INTERCEPT_EXCEPTIONS""".split()
)
_OUR_PREFIX: Final = re.compile(r"(?:FLASK_)?(?:SIO|SOCKETIO|SOCKET_IO)_?(?:CORS_?)+")


def _unknown_keys(config: Mapping[str, Any]) -> Iterable[Problem]:
    known = [setting.key for setting in SETTINGS]
    for key, value in config.items():
        if not isinstance(key, str) or key in known:
            continue
        upper = key.upper().replace("-", "_")
        prefix = _OUR_PREFIX.match(upper)
        name = upper[prefix.end() :] if prefix else ""
        if name in _FLASK_CORS_ONLY:
            reason = "is a setting of Flask-CORS alone; a Socket.IO server has no use for it"
            yield Problem(key, value, reason, "")
        elif nearest := _nearest_key(upper, name, known):
            yield Problem(key, value, "is no setting, so it would silently do nothing", nearest)
        elif prefix:
            reason = f"is no setting; those that exist are {', '.join(known)}"
            yield Problem(key, value, reason, "")


def _nearest_key(key: str, name: str, known: list[str]) -> str:
    """Return the setting that an unknown key means; ``""`` where none is near."""
    if name:
        others = difflib.get_close_matches(name, _OTHER_NAMES, 1, 0.85)
        own = difflib.get_close_matches(PREFIX + name, known, 1, 0.85)
        if others and not own:
            return PREFIX + _OTHER_NAMES[others[0]]
        key, cutoff = PREFIX + name, 0.78
    elif key.startswith("SIO"):
        cutoff = 0.85
    else:
        return ""
    nearest = difflib.get_close_matches(key, known, 1, cutoff)
    return nearest[0] if nearest else ""


def _add_decorated(
    values: dict[str, Any],
    sources: dict[str, str],
    function: AllowRequest | None,
    found: list[Problem],
) -> None:
    if function is None:
        return
    if values["allow_request"] is not None:
        reason = "is set, and @cors.allow_request decorates another function; one place decides"
        found.append(Problem(sources["ALLOW_REQUEST"], values["allow_request"], reason, "None"))
    values["allow_request"], sources["ALLOW_REQUEST"] = function, "@cors.allow_request"


# Origins that have nothing in common. Who lets them all in has named nobody (RFC 2606, section 2).
_STRANGERS: Final = ("https://a.invalid", "https://b-2.site.test", "https://localhost.example")


def _check_credentials(
    values: Mapping[str, Any], sources: Mapping[str, str], found: list[Problem]
) -> None:
    """Report what must not be answered together with cookies and HTTP authentication."""
    if not values["supports_credentials"]:
        return
    origins = values["origins"]
    switch = sources["SUPPORTS_CREDENTIALS"]
    if isinstance(origins, EveryOrigin):
        reason = (
            f"lets every site act in its visitors' name, since {sources['ORIGINS']} is "
            f"{origins.value!r}; list the origins that may, or do without credentials"
        )
        found.append(Problem(switch, True, reason, "False"))
    elif isinstance(origins, Listed):
        for pattern in filter(None, map(parse_pattern, origins.texts)):
            _check_credentialed(pattern, values, sources, found)
        for regex in origins.regexes:
            mistake = _credentialed_regex_mistake(regex, values["tolerate_public_suffixes"])
            if mistake:
                reason = f"{mistake[0]}, with {switch} set"
                found.append(Problem(sources["ORIGINS"], regex, reason, mistake[1]))
    if "*" in values["expose_headers"]:
        reason = f'means a header called "*" where {switch} is set (Fetch, 3.3.3); name them'
        found.append(Problem(sources["EXPOSE_HEADERS"], "*", reason, "'X-Request-Id'"))


def _fit_for_credentials(
    problem: Problem, values: Mapping[str, Any], sources: Mapping[str, str]
) -> Problem:
    """Replace a correction of an origin that would itself be a mistake with credentials."""
    if problem.key != sources["ORIGINS"] or not problem.correction.startswith("'"):
        return problem
    listed = ast.literal_eval(f"[{problem.correction}]")
    refused: list[Problem] = []
    for pattern in filter(None, map(parse_pattern, listed)):
        _check_credentialed(pattern, values, sources, refused)
    if not refused:
        return problem
    fit = [fault.correction for fault in refused if fault.key == problem.key]
    refused_texts = {fault.value for fault in refused} | OPAQUE_ORIGINS
    fit += [repr(text) for text in listed if text not in refused_texts]
    reason = "; ".join(dict.fromkeys([problem.reason, *(fault.reason for fault in refused)]))
    return problem._replace(reason=reason, correction=", ".join(dict.fromkeys(fit)) or EXAMPLE)


def _credentialed_regex_mistake(
    regex: re.Pattern[str], tolerates_suffixes: bool
) -> tuple[str, str] | None:
    """Return why an expression lets strangers act in visitors' names, and what to write."""
    if all(map(regex.fullmatch, _STRANGERS)):
        return "lets every site act in its visitors' name", "'https://*.example.com'"
    from ..origins.backtracking import slow_origin
    from ..origins.suffixes import stranger_let_in

    # One that is slow is an error of its own, and is asked no more.
    stranger = None if tolerates_suffixes or slow_origin(regex) else stranger_let_in(regex)
    if stranger:
        return (
            f'lets in whoever registers a name such as "{stranger}" '
            f"({PREFIX}TOLERATE_PUBLIC_SUFFIXES = True permits it)",
            "'https://*.example.com'",
        )
    return _missing_dot(regex) or _bare_dot(regex)


def _missing_dot(regex: re.Pattern[str]) -> tuple[str, str] | None:
    tail = _JOINED_TAIL.search(regex.pattern)
    if tail is None:
        return None
    name = tail[1].replace("\\", "")
    if not regex.fullmatch(f"https://x{name}") or not _public_suffix_within(name.partition(".")[2]):
        return None
    start = tail.start(1)
    dotted = rf"{regex.pattern[:start]}\.{regex.pattern[start:]}"
    reason = f'lets in "https://x{name}", which anybody may register'
    return reason, f"re.compile({dotted!r}{_flags_of(regex)})"


def _bare_dot(regex: re.Pattern[str]) -> tuple[str, str] | None:
    escaped = _PIECES.sub(lambda piece: r"\." if piece[0] == "." else piece[0], regex.pattern)
    if escaped == regex.pattern:
        return None
    reason = (
        "has a dot that stands for any character, so that it lets names in which others can "
        "register"
    )
    return reason, f"re.compile({escaped!r}{_flags_of(regex)})"


def _flags_of(regex: re.Pattern[str]) -> str:
    flags = regex.flags & ~re.UNICODE
    return f", {flags}" if flags else ""


# Anything at all, and then a name without a dot before it.
_JOINED_TAIL: Final = re.compile(r"(?:\.|\[\^[^\]]*\])[*+]\??\)?([a-z0-9](?:[a-z0-9-]|\\\.)*)\$?$")
# An escaped character, a class, or a dot that nothing repeats, where a name's dot would be.
_PIECES: Final = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|\.(?![*+?{])", re.DOTALL)


def _check_credentialed(
    pattern: OriginPattern,
    values: Mapping[str, Any],
    sources: Mapping[str, str],
    found: list[Problem],
) -> None:
    if pattern.is_opaque:
        reason = (
            f'cannot go with "{pattern}" in {sources["ORIGINS"]}: any page can obtain that origin, '
            "with a sandboxed iframe or a local file"
        )
        found.append(Problem(sources["SUPPORTS_CREDENTIALS"], True, reason, "False"))
    if (
        pattern.scheme == "http"
        and not is_loopback(pattern.host)
        and not values["tolerate_insecure_origins"]
    ):
        reason = (
            f"is not encrypted, so that anyone on the way can speak in its name, with "
            f"{sources['SUPPORTS_CREDENTIALS']} set; {PREFIX}TOLERATE_INSECURE_ORIGINS = True "
            "permits it"
        )
        port = "" if pattern.port == DEFAULT_PORTS["https"] else pattern.port
        secure = str(pattern._replace(scheme="https", port=port))
        found.append(Problem(sources["ORIGINS"], str(pattern), reason, repr(secure)))
    if pattern.subdomains and not values["tolerate_public_suffixes"]:
        suffix = _public_suffix_within(pattern.host)
        if suffix:
            reason = (
                f'lets in whoever registers a name under "{suffix}", with '
                f"{sources['SUPPORTS_CREDENTIALS']} set; {PREFIX}TOLERATE_PUBLIC_SUFFIXES = True "
                "permits it"
            )
            own = str(pattern._replace(host=f"your-name.{suffix}", subdomains=False))
            found.append(Problem(sources["ORIGINS"], str(pattern), reason, repr(own)))


def _public_suffix_within(host: str) -> str | None:
    """Return the public suffix that the subdomains of `host` are registered under, if one is."""
    if is_loopback(host):
        return None
    from ..origins.suffixes import public_suffix_within

    return public_suffix_within(host.removesuffix("."))
