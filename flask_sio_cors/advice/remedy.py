"""What to write where a page is kept out: found step by step, and tried before it is proposed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from ..browser.fetch import Block, Check
from ..config.keys import PREFIX
from ..config.options import SETTINGS, Options
from ..config.origins import EveryOrigin, entries_of
from ..config.policies import DEFAULT, POLICIES, as_mapping
from ..config.problems import ConfigError
from ..config.sources import name_of
from ..config.stores import key_to_add
from ..door.policy import Policy
from ..door.verdicts import REFUSED, Reason
from ..origins.grammar import OPAQUE_ORIGINS, is_insecure
from ..origins.near import entries_for
from ..origins.sets import OriginSet
from ..origins.texts import listed_in
from .question import Asking, Obstacle, Question, Step


@dataclass(frozen=True)
class Change:
    """A configuration key, the value that it should have, and Python source of it.

    :param path: where the value is written: the key, or, for a policy's own, what leads to it.
    """

    key: str
    value: object
    source: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{_in_config(self.path)} = {self.source}"


def _in_config(path: Iterable[str]) -> str:
    return "app.config" + "".join(f"[{json.dumps(name)}]" for name in path)


_ORIGINS: Final = f"{PREFIX}ORIGINS"
#: What a function alone decides.
_OF_A_FUNCTION: Final = frozenset({Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_CALLABLE_FAILED})


def find_remedy(
    asking: Asking, options: Options, steps: tuple[Step, ...]
) -> tuple[tuple[Change, ...], str]:
    """Return what to configure to let a page in; or nothing, and what to do instead.

    :param options: those in force, which kept the page out.
    :param steps: what its requests met there; the last one has not passed.
    """
    if (obstacle := asking.obstacle(options)) is not None:
        return (), _OBSTACLES[obstacle].format(asking.server.partition("://")[2])
    is_own = _is_own(asking, options, steps[-1])
    if options.functions and steps[-1].verdict.reason in _OF_A_FUNCTION and not is_own:
        return (), _instead(options, asking.question, steps[-1])
    written = Written(asking.app.config, options)
    changes: dict[str, Change] = {}
    try:
        present = written.read()
        if asking.steps(Policy(present))[-1].is_passed:
            return (), _TOO_LATE
        while not steps[-1].is_passed:
            needed = _changes(options, asking, steps[-1], written)
            found = {one.key: one for one in written.keeping(needed, options, asking.app.name)}
            if found.keys() <= changes.keys():
                return (), _instead(options, asking.question, steps[-1])
            changes |= found
            written.make(found.values())
            options = written.read()
            steps = asking.steps(Policy(options))
    except ConfigError as error:
        return (), _instead_of_mistake(asking.question, error)
    return tuple(replace(one, path=written.path(key)) for key, one in changes.items()), ""


def _is_own(asking: Asking, options: Options, step: Step) -> bool:
    """Tell whether a page that is not allowed is most likely the server's own."""
    server = asking.server_shown(Policy(options))
    is_refused = step.verdict.reason is Reason.ORIGIN_NOT_ALLOWED
    is_own = server is not None and server.clue is not None and not server.home
    return is_refused and is_own


class Written:
    """A copy of the application's configuration, with what one policy has of its own.

    :param config: ``app.config``.
    :param options: the policy's.
    """

    def __init__(self, config: Mapping[str, Any], options: Options) -> None:
        self._config = dict(config)
        self._policy = options.name
        self._functions: dict[str, Any] = {
            "choose_policy": lambda request: None,
            "allow_request": None,
        }
        if options.sources.get("ALLOW_REQUEST", "").startswith("@"):
            self._functions["allow_request"] = options.allow_request
        self._own = self._config
        if self._policy != DEFAULT:
            policies = dict(as_mapping(config.get(POLICIES)))
            self._own = policies[self._policy] = dict(as_mapping(policies.get(self._policy)))
            self._config[POLICIES] = policies

    def make(self, changes: Iterable[Change]) -> None:
        """Change the policy, and no other."""
        for change in changes:
            if self._is_own(change.key):
                self._own[change.key.removeprefix(PREFIX)] = change.value
            else:
                self._config[change.key] = change.value

    def read(self) -> Options:
        """Return what the policy is now."""
        options = Options.from_config(self._config, **self._functions)
        return next((one for one in options.policies if one.name == self._policy), options)

    def path(self, key: str) -> tuple[str, ...]:
        """Return where a setting of the policy is written."""
        return (POLICIES, self._policy, key.removeprefix(PREFIX)) if self._is_own(key) else (key,)

    def origins(self) -> tuple[Any, str]:
        """Return the origins as they are written, and where, as Python source."""
        key = f"{PREFIX}ORIGINS"
        if self._policy != DEFAULT and "ORIGINS" in self._own:
            return self._own["ORIGINS"], _in_config(self.path(key))
        key = SETTINGS[0].source(self._config) or key
        return self._config.get(key), _in_config([key])

    def keeping(self, changes: list[Change], options: Options, app: str) -> list[Change]:
        """Return changes, with what keeps a policy from losing what it inherits along with origins.

        :param options: what the policy is now.
        :param app: the application's name.
        """
        key = f"{PREFIX}ORIGINS_STORE"
        is_lost = options.origins_store is not None and options.inherits("ORIGINS_STORE")
        if not is_lost or all(one.key != _ORIGINS for one in changes):
            return changes
        value, source = self._config[key], _in_config([key])
        if more := key_to_add(value, app):
            value, source = value + more, f"{source} + {json.dumps(more)}"
        return [*changes, Change(key, value, source)]

    def _is_own(self, key: str) -> bool:
        return self._policy != DEFAULT and key.startswith(PREFIX)


def _changes(options: Options, asking: Asking, step: Step, written: Written) -> list[Change]:
    """Return what mends the first thing that is in the way."""
    question, reason = asking.question, step.verdict.reason
    if reason is Reason.HOST_NOT_TRUSTED:
        host = urlsplit(asking.server).hostname or ""
        host = f"[{host}]" if ":" in host else host
        return [_change("TRUSTED_HOSTS", [*options.trusted_hosts, host])]
    if _is_own(asking, options, step):
        # Another policy's own pages are in the list that all inherit, and stay there.
        is_share = options.inherits("OWN_ORIGINS")
        all_named = entries_of(options.written.get("OWN_ORIGINS") or [])
        own = sorted(options.own_origins) if is_share else all_named
        added = entries_for(question.origin, OriginSet())
        own = [*own, *(entry for entry in added if entry not in own)]
        return [_change(f"{PREFIX}OWN_ORIGINS", own)]
    if reason is Reason.ORIGIN_INSECURE:
        return [_change(f"{PREFIX}TOLERATE_INSECURE_ORIGINS", True)]
    if reason is Reason.ORIGIN_NOT_ALLOWED and not options.functions:
        tolerance = _tolerance(options, question) if options.supports_credentials else []
        origins = options.origins if isinstance(options.origins, OriginSet) else OriginSet()
        added = entries_for(question.origin, origins)
        listed = _listed(options, written, added)
        if question.origin in OPAQUE_ORIGINS:
            everyone = "local file" if question.origin == "file://" else "site"
            listed = replace(listed, source=f"{listed.source}  # lets every {everyone} in")
        return [listed, *tolerance]
    return _unblock(options, question, step.block) if step.block is not None else []


def _unblock(options: Options, question: Question, block: Block) -> list[Change]:
    check = block.check
    if check in (Check.CREDENTIALS_NOT_TRUE, Check.WILDCARD_WITH_CREDENTIALS):
        switch = _change(f"{PREFIX}SUPPORTS_CREDENTIALS", True)
        lets_all_in = isinstance(options.origins, EveryOrigin)
        named = [_named(question.origin)] if lets_all_in else []
        return [*named, switch, *_tolerance(options, question)]
    if check is Check.HEADER_NOT_LISTED and options.allow_headers is not None:
        missing = [name for name, _ in question.headers if name.lower() in block.names]
        return [_change(f"{PREFIX}ALLOW_HEADERS", [*options.allow_headers, *missing])]
    if check is Check.METHOD_NOT_LISTED:
        return [_change(f"{PREFIX}METHODS", [*options.methods, question.method])]
    if check is Check.PREFLIGHT_STATUS:
        return [_change(f"{PREFIX}PREFLIGHT_CONTINUE", False)]
    return []


def _tolerance(options: Options, question: Question) -> list[Change]:
    if options.tolerate_insecure_origins or not is_insecure(question.origin):
        return []
    return [_change(f"{PREFIX}TOLERATE_INSECURE_ORIGINS", True)]


def _change(key: str, value: object) -> Change:
    return Change(key, value, repr(value) if isinstance(value, bool) else json.dumps(value))


def _named(origin: str) -> Change:
    """Name the one origin where all were let in."""
    source = f"{json.dumps([origin])}  # and the others that may"
    return Change(f"{PREFIX}ORIGINS", [origin], source)


def _listed(options: Options, written: Written, added: tuple[str, ...]) -> Change:
    """Return the list with some entries more, or how to add them where it holds more than texts."""
    key, source = f"{PREFIX}ORIGINS", ", ".join(map(json.dumps, added))
    present, read = written.origins()
    if not present or not options.origins:
        return _change(key, list(added))
    items = entries_of(present)
    if isinstance(present, str) and listed_in(present) is not None:
        expression = json.dumps([*items, *added])
    elif isinstance(present, str):
        # On a line of its own, as an expression runs to the end of one.
        more = json.dumps("\n" + ", ".join(added))
        expression = f"{read} + {more}"
    elif isinstance(present, (list, tuple, set, frozenset)):
        expression = f"[*{read}, {source}]"
    else:
        expression = f"[{read}, {source}]"
    is_short = len(items) <= 5 and all(isinstance(item, str) for item in items)
    if is_short and not isinstance(present, (set, frozenset)):
        return _change(key, [*items, *added])
    return Change(key, [*items, *added], expression)


# --- Where nothing can be written --------------------------------------------------------------

_TOO_LATE: Final = (
    "The configuration does let it in, but was changed after SioCors(app) had read it. Set it "
    "before, or call cors.reconfigure(app)."
)
_OBSTACLES: Final = {
    Obstacle.MIXED_CONTENT: (
        "Let pages reach the server by https: (a proxy with a certificate in front of it), and "
        'name it so in the client: io("https://{}").'
    ),
    Obstacle.METHOD: (
        "Ask a route of the application at another path, which Flask answers; Flask-CORS lets "
        "pages elsewhere ask there. Socket.IO's own clients use GET and POST alone."
    ),
}
_NULL: Final = (
    "Nothing lets it in with credentials, as that origin is everybody's. Serve the page by "
    "http: or https:, not from a file or in a sandboxed frame, and allow the origin that it has "
    "then; or do without credentials."
)


def _instead(options: Options, question: Question, step: Step) -> str:
    reason = step.verdict.reason
    if reason is Reason.ORIGIN_OPAQUE:
        return _NULL
    source = options.sources.get("ORIGINS")
    names = " or ".join(name_of(asked.function) for asked in options.functions)
    function = f"{names}, in {source}"
    if reason is Reason.ORIGIN_CALLABLE_FAILED:
        return (
            f"Mend {function}: it has to return True or False for every origin, within "
            f"{options.callback_timeout:g} s."
        )
    if step.verdict.outcome is REFUSED:
        return (
            f"Let {function}, return True for {question.origin!r}; or list that origin beside it: "
            f"{PREFIX}ORIGINS = [{names}, {question.origin!r}]."
        )
    return "No setting lets it pass: leave out what the browser names."


def _instead_of_mistake(question: Question, error: ConfigError) -> str:
    if question.origin in OPAQUE_ORIGINS:
        return _NULL
    problem = error.problems[0]
    if problem.value in [name for name, _ in question.headers]:
        return f"Leave {problem.value} out of the client's extraHeaders: it {problem.reason}."
    if problem.key.endswith("SUPPORTS_CREDENTIALS"):
        return f"{problem.key} = True is needed, and {problem.reason}. Take that origin out first."
    told = f"First mend {problem.key}: {problem.value!r} {problem.reason}."
    return f"{told} {problem.advice[:1].upper()}{problem.advice[1:]}"
