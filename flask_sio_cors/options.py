"""The settings: read from ``app.config``, validated as a whole, and then immutable.

`SETTINGS` is the reference: one row a setting, with what it means and how it is read. Reading
collects every problem before it raises, so that a configuration is mended in one go.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from flask import Request
from werkzeug.utils import import_string

from .origins import (
    DEFAULT_PORTS,
    EXAMPLE,
    OriginPattern,
    OriginSet,
    is_loopback,
    parse_pattern,
)

PREFIX: Final = "SIO_CORS_"
FALLBACK_PREFIX: Final = "CORS_"

#: ``(origin) -> bool``: decides about an origin at each request.
OriginCallable = Callable[[str], bool]
#: ``(request) -> bool``: decides about a handshake (Socket.IO's ``allowRequest``).
AllowRequest = Callable[[Request], bool]


class EveryOrigin(Enum):
    """The two ways to let every origin in; neither goes with credentials."""

    WILDCARD = "*"  #: answered ``Access-Control-Allow-Origin: *``
    REFLECTED = True  #: answered with the request's own origin


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
        verb = "for example" if self.correction in _EXAMPLES else "write"
        advice = f"\n      {verb}: {self.correction}" if self.correction else ""
        return f"{self.key}: {value}\n      {self.reason}{advice}"


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
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = "".join(f"\n  {n}. {problem}" for n, problem in enumerate(self.problems, 1))
        return f"{count} problem{'s' * (count != 1)} in the CORS configuration:{lines}"


Report = Callable[[object, str, str], None]
"""Takes ``(value, reason, correction)`` of a problem with the setting that is being read."""


@dataclass(frozen=True)
class Options:
    """A configuration that holds together. Build it with :meth:`from_config`.

    The fields are the settings of `SETTINGS` in lower case, and two more:

    :param trusted_hosts: Flask's ``TRUSTED_HOSTS``; empty where any host will do.
    :param sources: the setting's name → the key that its value came from, ``"default"``, or
        ``"@cors.allow_request"``.
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
        for setting in SETTINGS:
            source = setting.source(config)
            if source is None:
                values[setting.field], sources[setting.name] = setting.default, "default"
                continue
            values[setting.field] = setting.load(source, config[source], found)
            sources[setting.name] = source
        _add_decorated(values, sources, allow_request, found)
        _check_credentials(values, sources, found)
        if found:
            raise ConfigError(found)
        if isinstance(values["origins"], _Listed):
            values["origins"] = values["origins"].origins
        return cls(**values, trusted_hosts=_read_trusted_hosts(config), sources=sources)


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


class _Listed(NamedTuple):
    """The entries of ``SIO_CORS_ORIGINS``, compiled and as they are written.

    What they were parsed into is not kept: a million tuples keep the garbage collector busy.
    """

    origins: OriginSet
    texts: list[str]
    regexes: list[re.Pattern[str]]


_NOTHING_LISTED: Final = _Listed(OriginSet(), [], [])


# --- Readers: one a kind of value ------------------------------------------------------------

_TRUE: Final = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "n", "f"})
# What people mean by other words. Everything else is corrected to False, which opens nothing.
_MEANT: Final = {"enabled": True, "include": True, "allow": True, "disabled": False, "omit": False}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


def _spelled_bool(value: object) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if isinstance(value, int) and value in (0, 1) else None


def _read_bool(value: Any, report: Report) -> bool:
    answer = _spelled_bool(value)
    if answer is None:
        word = value.strip().lower() if isinstance(value, str) else ""
        meant = difflib.get_close_matches(word, (*_TRUE, *_FALSE, *_MEANT), 1)
        is_true = bool(meant) and _MEANT.get(meant[0], meant[0] in _TRUE)
        report(value, "is neither true nor false", repr(is_true))
    return bool(answer)


def _read_integer(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_max_age(value: Any, report: Report) -> int | None:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    age = _read_integer(seconds)
    if age is None:
        report(value, "is not a whole number of seconds", str(_guess_seconds(value)))
    elif age < 0:
        report(value, "is negative; 0 keeps browsers from caching preflights", "0")
    elif age > 86400:
        report(value, "is more than a day, where every browser stops counting", "86400")
    return age


_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _guess_seconds(value: Any) -> int:
    """Guess what "10 min", 599.5 or a timedelta with a fraction means, within what is permitted."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and math.isfinite(value):
        return int(min(max(value, 0), 86400))
    duration = re.fullmatch(r"([0-9]{1,9}) ?([smhd]?)[a-z]*", str(value).strip().lower())
    return min(int(duration[1]) * _UNITS[duration[2]], 86400) if duration else 600


def _read_status(value: Any, report: Report) -> int:
    status = _read_integer(value)
    if status is None:
        report(value, "is not the number of an HTTP status", "204")
        return 204
    if not 200 <= status <= 299:
        reason = (
            'is not from 200 to 299, so browsers would report a preflight that "did not succeed"'
        )
        report(value, reason, "204")
    return status


def _read_timeout(value: Any, report: Report) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        seconds = float(seconds) if not isinstance(seconds, bool) else math.nan
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds <= 60:
        report(value, "is not a number of seconds above 0 and up to 60", "1")
    return float(seconds)


def _kind(value: object) -> str:
    if isinstance(value, bytes):
        return "bytes"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


# A comma between items; one in brackets, as in "[a-z]{2,3}", belongs to a regular expression.
_COMMA: Final = re.compile(r",(?![^\[({]{0,99}[\])}])")


def _items(value: Any, report: Report, what: str, correction: str) -> list[Any]:
    """Read a list that may be written as one item or, from the environment, with commas."""
    if isinstance(value, str):
        listed = _list_in_text(value)
        if listed is not None:
            report(value, "is the source of a list in quotes", repr(listed))
            return listed
        return [item.strip() for item in _COMMA.split(value) if item.strip()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    report(value, f"is {_kind(value)}, where a list of {what} is needed", correction)
    return []


def _list_in_text(text: str) -> list[Any] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in what is no Python, after all
            listed = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return list(listed) if isinstance(listed, (list, tuple)) else None


def _tokens(value: Any, report: Report, what: str, correction: str) -> list[str]:
    tokens = []
    for item in _items(value, report, what, f"[{correction}]"):
        if not isinstance(item, str):
            report(item, f"is {_kind(item)}, where one of the {what} is needed", correction)
        elif not _TOKEN.fullmatch(item.strip()):
            report(item, *_correct_token(item, what, correction))
        else:
            tokens.append(item.strip())
    return tokens


def _correct_token(item: str, what: str, correction: str) -> tuple[str, str]:
    """Return why a text is no method or header name, and what to write instead."""
    pieces = [piece for piece in re.split(r"[\s,;|]+", item) if piece]
    if len(pieces) > 1 and all(map(_is_whole_name, pieces)):
        reason = f"holds several {what} in one text, where each needs a text of its own"
        return reason, ", ".join(map(repr, pieces))
    if not pieces:
        return f"is empty, and none of the {what} is", correction
    name, colon, _ = item.partition(":")
    mended = "-".join(_TOKEN.findall(name))
    if colon and mended:
        return "is a header with its value, where only its name belongs", repr(mended)
    odd = " ".join(ascii(c) for c in sorted({c for c in item.strip() if not _TOKEN.match(c)})[:5])
    reason = f"has characters that no such name has: {odd} (RFC 9110, section 5.6.2)"
    return reason, repr(mended) if mended else correction


def _is_whole_name(text: str) -> bool:
    is_known = text.upper() in _STANDARD_METHODS or text.lower() in _HEADERS_WITHOUT_HYPHEN
    return bool(_TOKEN.fullmatch(text)) and (is_known or "-" in text)


_HEADERS_WITHOUT_HYPHEN: Final = frozenset("accept authorization etag location range date".split())
_STANDARD_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"}
)
# Fetch standard, section 2.2.1, "forbidden method".
_FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})


def _read_methods(value: Any, report: Report) -> tuple[str, ...]:
    methods = _tokens(value, report, "methods", "'GET', 'POST'")
    for method in methods:
        upper = method.upper()
        if upper in _FORBIDDEN_METHODS:
            report(method, "is a method that browsers forbid (Fetch standard, 2.2.1)", "'POST'")
        elif method == "*":
            report(method, "is no method; Engine.IO has only GET and POST", "'GET', 'POST'")
        elif upper in _STANDARD_METHODS and method != upper:
            report(method, "is not in upper case, and methods are case-sensitive", repr(upper))
    if not (value.strip(" ,") if isinstance(value, str) else value):
        report(value, "names no method; Engine.IO needs GET and POST", "['GET', 'POST']")
    return tuple(dict.fromkeys(methods))


# Fetch standard, section 2.2.2, "forbidden request-header".
_FORBIDDEN_REQUEST_HEADERS: Final = frozenset(
    """accept-charset accept-encoding access-control-request-headers access-control-request-method
    access-control-request-private-network connection content-length cookie cookie2 date dnt expect
    host keep-alive origin referer set-cookie te trailer transfer-encoding upgrade via""".split()
)


def _read_allow_headers(value: Any, report: Report) -> tuple[str, ...]:
    names = _tokens(value, report, "header names", "'X-Requested-With'")
    for name in names:
        lower = name.lower()
        if lower in _FORBIDDEN_REQUEST_HEADERS or lower.startswith(("proxy-", "sec-")):
            reason = "is a header that only the browser sets, so no page can send it (Fetch, 2.2.2)"
            report(name, reason, "'X-Requested-With'")
        elif lower.startswith("access-control-"):
            reason = "is a header that a server sends, and this list is of those a page sends"
            report(name, reason, "'X-Requested-With'")
    return tuple(dict.fromkeys(names))


def _read_expose_headers(value: Any, report: Report) -> tuple[str, ...]:
    names = _tokens(value, report, "header names", "'X-Request-Id'")
    for name in names:
        if name.lower() in ("set-cookie", "set-cookie2"):
            # Fetch standard, section 2.2.2, "forbidden response-header name".
            report(name, "is hidden from every page (Fetch standard, 2.2.2)", "'X-Request-Id'")
    if len(names) > 1 and "*" in names:
        report(value, "names every header and then single ones", "'*'")
    return tuple(dict.fromkeys(names))


#: Keeps everybody out until the function that was meant is there.
_REFUSE_ALL: Final = "lambda request: False"


def _read_allow_request(value: Any, report: Report) -> AllowRequest | None:
    function = value
    if isinstance(value, str):
        try:
            function = import_string(value.strip())
        except ImportError as error:
            cause = getattr(error, "exception", error)  # import_string's own words tell too much
            reason = f'cannot be imported ({cause}); it is spelled "module:name"'
            report(value, reason, _nearest_import(value.strip()) or _REFUSE_ALL)
            return None
        except Exception as error:  # noqa: BLE001 - the application's own module may raise anything
            report(value, f"raised {error!r} while it was imported", _REFUSE_ALL)
            return None
    is_fit = _is_asked_with_one(function, value, "request", _REFUSE_ALL, report)
    return function if is_fit else None


def _nearest_import(path: str) -> str | None:
    """Find the function that `module:nmae` misspells; Python source."""
    module_name, _, name = path.replace(":", ".").rpartition(".")
    try:
        module = import_string(module_name)
    except Exception:  # noqa: BLE001 - the application's own module may raise anything
        return None
    fit = inspect.getmembers(module, lambda member: not _why_not_asked_with_one(member, "request"))
    nearest = difflib.get_close_matches(name, [known for known, _ in fit], 1)
    return repr(f"{module_name}:{nearest[0]}") if nearest else None


def _is_asked_with_one(
    function: Any, value: Any, argument: str, correction: str, report: Report
) -> bool:
    """Tell whether a configured function can be called as ``function(argument)`` -> bool."""
    reason = _why_not_asked_with_one(function, argument)
    if reason:
        report(value, reason, correction)
    return not reason


def _why_not_asked_with_one(function: Any, argument: str) -> str:
    if not callable(function):
        return f"is {_kind(function)}, where a function of one argument is needed"
    if isinstance(function, type):
        return "is a class, and calling it makes an object, which is neither True nor False"
    for called in (function, type(function).__call__):
        if inspect.iscoroutinefunction(called):
            return "is asynchronous, and nobody would await its answer"
        if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
            return "is a generator, so that calling it answers neither True nor False"
    try:
        inspect.signature(function).bind(object())
    except TypeError as error:
        return f"cannot be called with the {argument} alone ({error})"
    except ValueError:
        pass  # built-in functions do not always tell
    return ""


def _read_origins(value: Any, report: Report) -> _Listed | EveryOrigin | OriginCallable:
    spelled = _spelled_bool(value)
    if spelled is not None:
        return EveryOrigin.REFLECTED if spelled else _NOTHING_LISTED
    if isinstance(value, str) and value.strip() == "*":
        return EveryOrigin.WILDCARD
    if callable(value):
        _is_asked_with_one(value, value, "origin", "None", report)
        return value  # type: ignore[no-any-return]
    if isinstance(value, re.Pattern):
        value = [value]
    items = _items(value, report, "origins", f"[{EXAMPLE}]")
    texts: list[str] = []
    others: list[Any] = []

    def patterns() -> Iterable[OriginPattern]:
        for item in items:
            pattern = parse_pattern(item) if isinstance(item, str) else None
            if pattern is not None:
                texts.append(item)
                yield pattern
            elif not _is_regex(item):
                others.append(item)

    regexes = [item for item in items if _is_regex(item)]
    listed = _Listed(OriginSet(patterns(), regexes), texts, regexes)
    if any(map(_stands_alone, others)):
        _report_company(value, items, report)
    for item in others:
        if not _stands_alone(item):
            _report_origin(item, report)
    return listed


def _is_regex(item: Any) -> bool:
    return isinstance(item, re.Pattern) and isinstance(item.pattern, str)


def _stands_alone(item: Any) -> bool:
    is_star = isinstance(item, str) and item.strip() == "*"
    return is_star or isinstance(item, bool) or callable(item)


def _report_company(value: Any, items: list[Any], report: Report) -> None:
    """Report a list that holds what decides about every origin: ``*``, a bool, a function."""
    others = [item for item in items if not _stands_alone(item)]
    single = next(item for item in items if _stands_alone(item))
    if isinstance(single, str):
        single = single.strip()
    shown = "a function" if callable(single) else repr(single)
    reason = f"is a list with {shown}, which decides about every origin and so stands alone"
    report(value, reason, repr(others) if others or callable(single) else repr(single))


def _report_origin(item: Any, report: Report) -> None:
    if isinstance(item, str):
        from .spelling import correct  # which only a mistake needs

        report(item, *correct(item))
    elif isinstance(item, re.Pattern):
        pattern = item.pattern.decode("latin-1")
        report(item, "matches bytes, and an origin is text", f"re.compile({pattern!r})")
    elif isinstance(item, bytes):
        report(item, "is bytes, and an origin is text", repr(item.decode("latin-1")))
    elif item is None:
        report(item, "is None, which is what an unset variable gives", EXAMPLE)
    elif isinstance(item, (list, tuple, set, frozenset)) and item:
        reason = f"is {_kind(item)} within the list, where its items belong into the list itself"
        report(item, reason, ", ".join(map(repr, item)))
    else:
        report(item, f"is {_kind(item)}, where an origin is needed", EXAMPLE)


def _read_trusted_hosts(config: Mapping[str, Any]) -> tuple[str, ...]:
    hosts = config.get("TRUSTED_HOSTS")
    return (hosts,) if isinstance(hosts, str) else tuple(hosts or ())


#: Every setting, in the order of the manual.
SETTINGS: Final = (
    Setting(
        "ORIGINS",
        "origin",
        'origins and patterns, re.compile(…), "null", "*", True, callable',
        _NOTHING_LISTED,
        _read_origins,
    ),
    Setting("SUPPORTS_CREDENTIALS", "credentials", "bool", False, _read_bool),
    Setting("ALLOW_HEADERS", "allowedHeaders", 'header names, "*"', None, _read_allow_headers),
    Setting("EXPOSE_HEADERS", "exposedHeaders", 'header names, "*"', (), _read_expose_headers),
    Setting("METHODS", "methods", "methods", ("GET", "POST"), _read_methods),
    Setting("MAX_AGE", "maxAge", "seconds 0…86400, timedelta", None, _read_max_age),
    Setting("PREFLIGHT_CONTINUE", "preflightContinue", "bool", False, _read_bool),
    Setting("OPTIONS_SUCCESS_STATUS", "optionsSuccessStatus", "200…299", 204, _read_status),
    Setting("ALLOW_REQUEST", "allowRequest", 'callable, "module:name"', None, _read_allow_request),
    Setting("CALLBACK_TIMEOUT", "", "seconds, up to 60", 1.0, _read_timeout),
    Setting("ALLOW_PRIVATE_NETWORK", "", "bool", False, _read_bool),
    Setting("TOLERATE_INSECURE_ORIGINS", "", "bool", False, _read_bool),
    Setting("TOLERATE_PUBLIC_SUFFIXES", "", "bool", False, _read_bool),
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
        key, cutoff = PREFIX + _OTHER_NAMES.get(name, name), 0.78
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
    elif isinstance(origins, _Listed):
        for pattern in filter(None, map(parse_pattern, origins.texts)):
            _check_credentialed(pattern, values, sources, found)
        for regex in origins.regexes:
            if all(map(regex.fullmatch, _STRANGERS)):
                reason = f"lets every site act in its visitors' name, with {switch} set"
                found.append(Problem(sources["ORIGINS"], regex, reason, "'https://*.example.com'"))
    if "*" in values["expose_headers"]:
        reason = f'means a header called "*" where {switch} is set (Fetch, 3.3.3); name them'
        found.append(Problem(sources["EXPOSE_HEADERS"], "*", reason, "'X-Request-Id'"))


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
    from .suffixes import public_suffix_within

    return public_suffix_within(host)
