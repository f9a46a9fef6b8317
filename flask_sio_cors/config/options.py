"""The settings: read from ``app.config``, validated as a whole, and then immutable.

`SETTINGS` is the reference: one row a setting, with what it means and how it is read. Reading
collects every problem before it raises, so that a configuration is mended in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..origins.codes import Code
from ..origins.grammar import EXAMPLE
from ..origins.sets import OriginSet
from . import meanings
from .corrections import Report
from .credentials import CREDENTIALED, check_credentials
from .functions import AllowRequest, ChoosePolicy, OriginFunction, read_allow_request
from .keys import FALLBACK_PREFIX, PREFIX, IgnoredKey, ignored_keys, unknown_keys
from .origins import (
    NOTHING_LISTED,
    EveryOrigin,
    Listed,
    origins_within,
    read_origins,
    read_own_origins,
    read_suffixes,
)
from .policies import (
    DEFAULT,
    Draft,
    policy_key,
    read_drafts,
    read_policies,
    shares,
    unchosen,
    untrusted_hosts,
)
from .problems import ConfigError, Problem
from .sources import as_source
from .stores import of_policy, read_store
from .values import (
    read_allow_headers,
    read_bool,
    read_cache,
    read_expose_headers,
    read_max_age,
    read_methods,
    read_status,
    read_timeout,
)


@dataclass(frozen=True)
class Options:
    """A configuration that holds together. Build it with :meth:`from_config`.

    The fields are the settings of `SETTINGS` in lower case, and these:

    :param functions: those in the origins, which are asked about each that the rest keeps out.
    :param choose_policy: the application's function for requests to hosts that no policy names.
    :param name: of the policy; `DEFAULT` for the settings outside ``SIO_CORS_POLICIES``.
    :param hosts: those that the policy is for, as `Draft` has them.
    :param trusted_hosts: Flask's ``TRUSTED_HOSTS``; empty where any host will do.
    :param expects_https: whether Flask is told that users come by https:, by
        ``SESSION_COOKIE_SECURE`` or ``PREFERRED_URL_SCHEME``.
    :param sources: the setting's name → the key that its value came from, ``"default"``, or
        ``"@cors.allow_request"``.
    :param written: the setting's name → a `snapshot` of that key's value.
    """

    origins: OriginSet | EveryOrigin
    supports_credentials: bool
    allow_headers: tuple[str, ...] | None
    expose_headers: tuple[str, ...]
    methods: tuple[str, ...]
    max_age: int | None
    preflight_continue: bool
    options_success_status: int
    allow_request: AllowRequest | None
    callback_timeout: float
    callback_cache: float
    own_origins: frozenset[str]
    origins_store: Any
    allow_private_network: bool
    tolerate_insecure_origins: bool
    tolerate_public_suffixes: bool | frozenset[str]
    report_only: bool
    override: bool
    functions: tuple[OriginFunction, ...] = ()
    policies: tuple[Options, ...] = ()
    choose_policy: ChoosePolicy | None = None
    name: str = DEFAULT
    hosts: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    expects_https: bool = False
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def key(self, name: str) -> str:
        """Return where a setting is to be written for this policy, as Python has it.

        :param name: of the setting, without a prefix.
        """
        return PREFIX + name if self.name == DEFAULT else policy_key(self.name, name)

    def inherits(self, name: str) -> bool:
        """Tell whether a policy has a setting from the default one."""
        return self.name != DEFAULT and self.sources.get(name) != self.key(name)

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        allow_request: AllowRequest | None = None,
        choose_policy: ChoosePolicy | None = None,
        problems: Iterable[Problem] = (),
    ) -> Options:
        """Read the settings of an application.

        :param config: ``app.config``, or any mapping with its keys.
        :param allow_request: the function that ``@cors.allow_request`` decorated.
        :param choose_policy: the function that ``@cors.choose_policy`` decorated.
        :param problems: mistakes found elsewhere, to be raised together with those found here.
        :raise ConfigError: with all problems, if there is one.
        """
        unknown = list(unknown_keys(config, [setting.key for setting in SETTINGS]))
        found = [*problems, *unknown]
        # What is wrong with the value of a misspelt key is told along with the key.
        read = _read({one.correction: one.value for one in unknown if one.correction} | {**config})
        _add_decorated(read, allow_request)
        check_credentials(read.values, read.reports, PREFIX.__add__)
        found += read.problems()
        shared: dict[str, Any] = {
            "trusted_hosts": _read_trusted_hosts(config, found),
            "expects_https": _expects_https(config),
        }
        names = [setting.name for setting in SETTINGS if setting.is_a_policys]
        drafts = read_drafts(read.values["policies"], names, found)
        found += untrusted_hosts(drafts, shared["trusted_hosts"])
        found += () if choose_policy is not None else unchosen(drafts)
        derived = [(draft, _derived(draft, read, found)) for draft in drafts]
        if found:
            raise ConfigError(
                found,
                {
                    source: read.written[name]
                    for name, source in read.sources.items()
                    if name in read.written and source in config
                },
            )
        share = shares(read.values["own_origins"], drafts)
        for draft, own in derived:
            if "OWN_ORIGINS" not in draft.given:
                heir = draft.name if draft.hosts else DEFAULT
                own.values["own_origins"] = share.get(heir, frozenset())
        read.values["own_origins"] = share.get(DEFAULT, frozenset())
        policies = tuple(
            cls(**own.options(), name=draft.name, hosts=draft.hosts, **shared)
            for draft, own in derived
        )
        fields = {**read.options(), "policies": policies, "choose_policy": choose_policy}
        return cls(**fields, **shared)


class _Read(NamedTuple):
    """What is written, before it is known to hold together."""

    values: dict[str, Any]
    sources: dict[str, str]
    written: dict[str, Any]
    reports: dict[str, Report]

    def problems(self) -> Iterable[Problem]:
        """Return what is wrong with the settings, in their order."""
        for setting in SETTINGS:
            if setting.name in self.reports:
                yield from self.reports[setting.name].problems()

    def options(self) -> dict[str, Any]:
        """Return those fields of `Options` that hang on it."""
        origins = self.values["origins"]
        functions: Iterable[OriginFunction] = ()
        if isinstance(origins, Listed):
            functions, origins = origins.functions, origins.origins
        return {
            **self.values,
            "origins": origins,
            "functions": tuple(functions),
            "policies": (),
            "sources": self.sources,
            "written": self.written,
        }


def _read(config: Mapping[str, Any]) -> _Read:
    read = _Read({}, {}, {}, {})
    for setting in SETTINGS:
        source = setting.source(config)
        if source is None:
            read.values[setting.field], read.sources[setting.name] = setting.default, "default"
        else:
            _read_setting(setting, Report(source, setting.key, config[source]), read)
    return read


def _derived(draft: Draft, inherited: _Read, found: list[Problem]) -> _Read:
    """Read what a policy sets; everything else it has from where the default policy has it."""
    read = _inherited(draft, inherited)
    for setting in SETTINGS:
        if setting.name in draft.given:
            key = draft.key(setting.name)
            _read_setting(setting, Report(key, key, draft.given[setting.name]), read)
    _settle_store(draft, read)
    known: list[Problem] = []
    if not CREDENTIALED.isdisjoint(draft.given):
        check_credentials(read.values, read.reports, draft.key)
        # What is wrong with what it inherits is told there.
        heir = _inherited(draft, inherited)
        check_credentials(heir.values, heir.reports, draft.key)
        known += heir.problems()
    found += (problem for problem in read.problems() if problem not in known)
    return read


def _settle_store(draft: Draft, read: _Read) -> None:
    """See to it that what a store has for one policy lets nobody in at another one's hosts."""
    if "ORIGINS_STORE" in draft.given:
        read.values["origins_store"] = of_policy(read.values["origins_store"], draft.name)
    elif "ORIGINS" in draft.given:
        # Who has origins of its own has nothing of the default policy's, those of a store included.
        read.values["origins_store"] = None
        read.sources["ORIGINS_STORE"] = draft.key("ORIGINS")


def _inherited(draft: Draft, inherited: _Read) -> _Read:
    """Return a policy that sets nothing; a correction is for this policy alone."""
    reports = {
        name: report.for_another(draft.key(name)) for name, report in inherited.reports.items()
    }
    return _Read({**inherited.values}, {**inherited.sources}, {**inherited.written}, reports)


def _read_setting(setting: Setting, report: Report, read: _Read) -> None:
    value = report.value
    read.reports[setting.name] = report
    read.values[setting.field] = setting.default if value is None else setting.read(value, report)
    read.sources[setting.name] = report.key
    read.written[setting.name] = snapshot(value)


class Setting(NamedTuple):
    """A row of the settings table.

    :param name: the key without its prefix; ``SIO_CORS_`` wins over Flask-CORS's ``CORS_``.
    :param npm: the option of npm ``cors`` or Socket.IO that it translates; ``""`` for none.
    :param values: what may be written, for documentation.
    :param default: what applies where no key is set.
    :param read: takes the configured value and a `Report`; returns the value of the field.
    :param meaning: takes the value of the field; says what follows from it, in a sentence.
    :param is_a_policys: whether one policy among several can have a value of its own.
    """

    name: str
    npm: str
    values: str
    default: Any
    read: Callable[[Any, Report], Any]
    meaning: Callable[[Any], str]
    is_a_policys: bool = True

    @property
    def key(self) -> str:
        """The configuration key, with its prefix."""
        return PREFIX + self.name

    @property
    def field(self) -> str:
        """The name of the field in `Options`."""
        return self.name.lower()

    @property
    def fallback(self) -> str | None:
        """Flask-CORS's key of the same meaning, which counts where :attr:`key` is not set."""
        return FALLBACK_PREFIX + self.name if self.name in _SHARED_WITH_FLASK_CORS else None

    def source(self, config: Mapping[str, Any]) -> str | None:
        """Return the key that this setting's value comes from, or ``None`` for the default."""
        return next((key for key in (self.key, self.fallback) if key in config), None)


def snapshot(value: Any) -> Any:
    """Return a configured value that stays when the application changes the list that it gave."""
    if isinstance(value, list):
        # Of texts alone, the garbage collector leaves a tuple in peace.
        return tuple(value)
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    return frozenset(value) if isinstance(value, set) else value


def unread_keys(config: Mapping[str, Any], options: Options) -> Iterable[IgnoredKey]:
    """Yield the keys of an application that look like settings, and that nobody here reads."""
    read = {key for setting in SETTINGS for key in (setting.key, setting.fallback) if key}
    yield from ignored_keys(config, read, options.sources)
    if _RESOURCES in config and options.sources["ORIGINS"] not in config:
        meant = dict.fromkeys(origins_within(config[_RESOURCES]))
        lines = as_source([one for one in meant if one != "*"] or [EXAMPLE])
        yield IgnoredKey(
            _RESOURCES,
            "Flask-CORS reads it for Flask's own routes, which Socket.IO's requests never come to: "
            "as it is, the server's own pages alone may connect. For Socket.IO, write the origins "
            f"themselves: {PREFIX}ORIGINS = {lines}.",
        )


#: Flask-CORS's settings for each path.
_RESOURCES: Final = f"{FALLBACK_PREFIX}RESOURCES"


def _expects_https(config: Mapping[str, Any]) -> bool:
    is_secure = bool(config.get("SESSION_COOKIE_SECURE"))
    return is_secure or config.get("PREFERRED_URL_SCHEME") == "https"


def _read_trusted_hosts(config: Mapping[str, Any], found: list[Problem]) -> tuple[str, ...]:
    hosts = config.get("TRUSTED_HOSTS")
    if hosts is None or hosts == "":
        return ()
    if isinstance(hosts, str):
        return (hosts,)
    if isinstance(hosts, (list, tuple, set, frozenset)) and all(isinstance(h, str) for h in hosts):
        return tuple(hosts)
    code = Code.TRUSTED_HOSTS_INVALID
    example = '["app.example.com"]'
    found.append(Problem("TRUSTED_HOSTS", hosts, code.sentence, example, code, is_example=True))
    return ()


#: Every setting, in the order of the manual.
SETTINGS: Final = (
    Setting(
        "ORIGINS",
        "origin",
        'origins and patterns, re.compile(…), "null", "*", True, callable, "module:name"',
        NOTHING_LISTED,
        read_origins,
        meanings.of_origins,
    ),
    Setting(
        "SUPPORTS_CREDENTIALS",
        "credentials",
        "bool",
        False,
        read_bool,
        meanings.either(
            "Cookies and logins come in with the pages that are let in: by polling where their "
            "clients have withCredentials: true, by WebSocket always.",
            "Cookies and logins come in with the server's own pages only, by WebSocket too; other "
            "clients with withCredentials: true are blocked by their browsers.",
        ),
    ),
    Setting(
        "ALLOW_HEADERS",
        "allowedHeaders",
        'header names, "*"',
        None,
        read_allow_headers,
        meanings.of_allowed_headers,
    ),
    Setting(
        "EXPOSE_HEADERS",
        "exposedHeaders",
        'header names, "*"',
        (),
        read_expose_headers,
        meanings.of_exposed_headers,
    ),
    Setting("METHODS", "methods", "methods", ("GET", "POST"), read_methods, meanings.of_methods),
    Setting(
        "MAX_AGE", "maxAge", "seconds 0…86400, timedelta", None, read_max_age, meanings.of_max_age
    ),
    Setting(
        "PREFLIGHT_CONTINUE",
        "preflightContinue",
        "bool",
        False,
        read_bool,
        meanings.either(
            "A route of the application answers allowed preflights.",
            "Preflights are answered before they reach the application.",
        ),
    ),
    Setting(
        "OPTIONS_SUCCESS_STATUS",
        "optionsSuccessStatus",
        "200…299",
        204,
        read_status,
        "An allowed preflight is answered {}.".format,
    ),
    Setting(
        "ALLOW_REQUEST",
        "allowRequest",
        'callable, "module:name"',
        None,
        read_allow_request,
        meanings.either(
            "The function is asked about each handshake that the origins let pass.",
            "No function is asked about handshakes.",
        ),
    ),
    Setting(
        "CALLBACK_TIMEOUT",
        "",
        "seconds, up to 60",
        1.0,
        read_timeout,
        "A function that takes longer than {:g} s counts as a refusal.".format,
    ),
    Setting(
        "CALLBACK_CACHE",
        "",
        "seconds 0…3600",
        1.0,
        read_cache,
        meanings.of_cache,
    ),
    Setting(
        "OWN_ORIGINS",
        "",
        "origins",
        frozenset(),
        read_own_origins,
        meanings.of_own_origins,
    ),
    Setting(
        "POLICIES",
        "CorsOptionsDelegate",
        "a dict: name, and its settings with HOSTS",
        {},
        read_policies,
        meanings.of_policies,
        is_a_policys=False,
    ),
    Setting(
        "ORIGINS_STORE",
        "",
        "URL of a store, Store",
        None,
        read_store,
        meanings.either(
            "The origins that are kept there may connect too, in every process that uses it.",
            "Every process has the origins of its settings alone.",
        ),
    ),
    Setting(
        "ALLOW_PRIVATE_NETWORK",
        "",
        "bool",
        False,
        read_bool,
        meanings.either(
            "Public sites may ask this server inside a private network.",
            "Browsers that ask are not told that public sites may enter a private network.",
        ),
    ),
    Setting(
        "TOLERATE_INSECURE_ORIGINS",
        "",
        "bool",
        False,
        read_bool,
        meanings.either(
            "Origins with http: may come with credentials.",
            "Origins with http: cannot come with credentials, loopback ones aside.",
        ),
    ),
    Setting(
        "TOLERATE_PUBLIC_SUFFIXES",
        "",
        "bool, or the entries that may",
        False,
        read_suffixes,
        meanings.of_suffixes,
    ),
    Setting(
        "REPORT_ONLY",
        "",
        "bool",
        False,
        read_bool,
        meanings.either(
            "Nothing is enforced: requests are judged, and answered as without SioCors.",
            "The policy is enforced.",
        ),
        is_a_policys=False,
    ),
    Setting(
        "OVERRIDE",
        "",
        "bool",
        False,
        read_bool,
        meanings.either(
            "What a SocketIO was told about origins is replaced, with a warning.",
            "A SocketIO that was told about origins is an error.",
        ),
        is_a_policys=False,
    ),
)

# The names that Flask-CORS has too, with the same meaning.
_SHARED_WITH_FLASK_CORS: Final = frozenset(
    """ORIGINS SUPPORTS_CREDENTIALS ALLOW_HEADERS EXPOSE_HEADERS METHODS MAX_AGE
    ALLOW_PRIVATE_NETWORK""".split()
)


# --- Checks that concern more than one value -------------------------------------------------


def _add_decorated(read: _Read, function: AllowRequest | None) -> None:
    if function is None:
        return
    present = read.values["allow_request"]
    if present is not None:
        reason = "is set, and @cors.allow_request decorates another function; one place decides"
        read.reports["ALLOW_REQUEST"](present, reason, None)
    read.values["allow_request"], read.sources["ALLOW_REQUEST"] = function, "@cors.allow_request"
