"""``SIO_CORS_POLICIES``: several policies for one application, each for hosts of its own.

What a policy does not set, it inherits from the settings beside it. Here it is read which policies
there are, and for which hosts; their settings are read as all others are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from shlex import quote
from typing import Any, Final, Generic, NamedTuple, TypeVar

from werkzeug.sansio.utils import host_is_trusted

from ..origins.codes import Code
from ..origins.grammar import (
    EXAMPLE,
    HOST,
    IPV6,
    MAX_HOST_LENGTH,
    Example,
    OriginPattern,
    ends_with_dot,
    parse_pattern,
    split,
)
from .corrections import Report
from .keys import PREFIX, nearest_setting
from .problems import Problem
from .sources import as_source
from .values import kind_of, read_items

#: The key, and the one that names a policy's hosts in it.
POLICIES: Final = f"{PREFIX}POLICIES"
HOSTS: Final = "HOSTS"
#: What the settings outside ``SIO_CORS_POLICIES`` are called where policies are named.
DEFAULT: Final = "default"

#: How many policies a sentence names.
_SHOWN: Final = 5
_HOST_AND_PORT: Final = re.compile(rf"({HOST}|{IPV6})\.?(?::[0-9]{{1,5}})?")
_EXAMPLE_HOST: Final = Example("api.example.com")
_EXAMPLE_POLICY: Final = {"HOSTS": [_EXAMPLE_HOST], "ORIGINS": [EXAMPLE]}
_EXAMPLE_NAME: Final = Example("acme")


class Draft(NamedTuple):
    """A policy as it is written, before its settings are read.

    :param hosts: names, and wildcards such as ``*.example.com``, as `request.host` has them,
        without a port.
    :param given: the names of the settings that it sets, with their values.
    :param names_hosts: whether it says which hosts it is for, or that it is for none.
    """

    name: str
    hosts: tuple[str, ...]
    given: Mapping[str, Any]
    names_hosts: bool

    def key(self, setting: str) -> str:
        """Return where a setting of this policy is written, as Python has it after ``config``."""
        return policy_key(self.name, setting)


_Policy = TypeVar("_Policy")


class Hosts(Generic[_Policy]):
    """Which policy is for a host: the one that names it, or else the nearest wildcard's.

    One look-up a label of the host, however many policies there are.

    :param policies: each with its hosts.
    """

    def __init__(self, policies: Iterable[tuple[_Policy, Iterable[str]]]) -> None:
        self._by_name: dict[str, _Policy] = {}
        self._by_tail: dict[str, _Policy] = {}
        for policy, hosts in policies:
            for host in hosts:
                table = self._by_tail if host.startswith("*.") else self._by_name
                table[host.removeprefix("*.")] = policy

    def policy_of(self, name: str) -> _Policy | None:
        """Return the policy of a host, in lower case and without a port; ``None`` for none."""
        policy = self._by_name.get(name)
        dot = name.find(".", 1)
        while policy is None and dot != -1:
            policy = self._by_tail.get(name[dot + 1 :])
            dot = name.find(".", dot + 1)
        return policy


def host_name(host: str) -> str:
    """Return a request's host as policies name it: in lower case, without a port or a last dot.

    :return: ``""`` for what is no host.
    """
    match = _HOST_AND_PORT.fullmatch(host.lower())
    return match[1] if match is not None and len(match[1]) <= MAX_HOST_LENGTH else ""


def shares(own_origins: Iterable[str], drafts: Iterable[Draft]) -> Mapping[str, frozenset[str]]:
    """Divide the server's own origins among the policies: each has those at its own hosts.

    :return: a policy's name → those that it has, where it has some; `DEFAULT` has those at hosts
        that no policy names.
    """
    hosts = Hosts((draft.name, draft.hosts) for draft in drafts)
    found: dict[str, set[str]] = {}
    for origin in own_origins:
        found.setdefault(hosts.policy_of(split(origin)[1]) or DEFAULT, set()).add(origin)
    return {name: frozenset(own) for name, own in found.items()}


def policy_key(policy: str, setting: str) -> str:
    """Return where a setting of a policy is written, as Python has it after ``app.config``."""
    return f"{POLICIES}[{policy!r}][{setting!r}]"


def some_of(policies: Sequence[str], *, shown: Callable[[str], str] = str) -> str:
    """Name policies, as many as a sentence bears."""
    return ", ".join([*map(shown, policies[:_SHOWN]), *["…"] * (len(policies) > _SHOWN)])


def store_command(policy: str) -> str:
    """Return the command that reads and writes a policy's store."""
    return f"flask sio-cors origins{f' --policy {quote(policy)}' if policy != DEFAULT else ''}"


def no_such_policy(name: str, named: Iterable[str]) -> str:
    """Say that a policy does not exist, and which one may be meant."""
    nearest = get_close_matches(name, [DEFAULT, *named], 1)
    return f"{name[:200]!r} is no policy.{f' Did you mean {nearest[0]}?' if nearest else ''}"


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a dict, that of a text in JSON, and an empty one for everything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def read_policies(value: Any, report: Report) -> Mapping[str, Any]:
    """Read the names of the policies, each with what is written for it; JSON as a text."""
    policies = as_mapping(value)
    if not policies and value not in ({}, "{}", ""):
        report(value, _why_no_dict(value), {_EXAMPLE_NAME: _EXAMPLE_POLICY})
        return {}
    for name in policies:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            report(
                name, "is no name for a policy, which logs and commands can tell", (_EXAMPLE_NAME,)
            )
        elif name == DEFAULT:
            reason = f"is how the settings outside {POLICIES} are called; give it another name"
            report(name, reason, (_EXAMPLE_NAME,))
    return policies


def _why_no_dict(value: Any) -> str:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            return f"is no JSON, as which a text is read here ({place}: {error.msg})"
        except RecursionError:
            return "is nested too deeply to be read as JSON"
    return f"is {kind_of(value)}, where a dict is needed: a name, and its settings"


def read_drafts(
    policies: Mapping[str, Any], settings: Iterable[str], found: list[Problem]
) -> list[Draft]:
    """Read which settings and hosts each policy has; what is wrong with them goes to `found`.

    :param settings: the names of those that a policy can have.
    """
    drafts = []
    known = [HOSTS, *settings]
    taken: dict[str, str] = {}
    for name, written in policies.items():
        if not isinstance(written, Mapping):
            reason = f"is {kind_of(written)}, where a dict of settings is needed"
            example = as_source(_EXAMPLE_POLICY)
            key = f"{POLICIES}[{name!r}]"
            found.append(
                Problem(key, written, reason, example, Code.POLICY_INVALID, is_example=True)
            )
            continue
        given = {key: value for key, value in written.items() if key in known and key != HOSTS}
        draft = Draft(name, (), given, False)
        unknown = [*_unknown(draft, written, known)]
        found += unknown
        is_misspelt = any(problem.correction == HOSTS for problem in unknown)
        draft = draft._replace(names_hosts=is_misspelt or _says_hosts(written.get(HOSTS)))
        hosts = _read_hosts(draft, written.get(HOSTS), found)
        drafts.append(draft._replace(hosts=hosts))
        for host in hosts:
            if host in taken:
                reason = f"is a host of the policy {taken[host]!r} too, and only one can apply"
                found.append(Problem(draft.key(HOSTS), host, reason, "", Code.HOSTS_INVALID))
            taken.setdefault(host, name)
    return drafts


def _unknown(draft: Draft, written: Mapping[Any, Any], known: list[str]) -> Iterable[Problem]:
    for key, value in written.items():
        if key in known:
            continue
        nearest = nearest_setting(str(key), known)
        if nearest:
            reason = "is no setting of a policy, so it would silently do nothing"
        else:
            reason = f"is no setting that a policy can have; those are {', '.join(known)}"
        yield Problem(draft.key(key), value, reason, nearest, Code.KEY_UNKNOWN)


def _says_hosts(value: Any) -> bool:
    """Tell whether somebody has written which hosts, or that there are none: ``[]``.

    ``None`` and an empty text are what a variable is that nobody has set.
    """
    return value is not None and not (isinstance(value, str) and not value.strip())


def untrusted_hosts(drafts: Iterable[Draft], trusted: tuple[str, ...]) -> Iterable[Problem]:
    """Report hosts of policies that Flask's ``TRUSTED_HOSTS`` does not name.

    Requests to them are refused before a policy is chosen.
    """
    if not trusted:
        return
    for draft in drafts:
        for host in draft.hosts:
            # All names that a wildcard stands for, or none: Flask has only ".example.com".
            if not host_is_trusted(host.replace("*", "any"), trusted):
                reason = "is not in TRUSTED_HOSTS, so that no request to it would be answered"
                yield Problem(draft.key(HOSTS), host, reason, "", Code.HOSTS_INVALID)


def unchosen(drafts: Iterable[Draft]) -> Iterable[Problem]:
    """Report policies that no host chooses, where no function of the application does."""
    for draft in drafts:
        if not draft.names_hosts:
            reason = (
                "names no HOSTS, so that nothing ever chooses it. Write the hosts that it is for; "
                f"where @cors.choose_policy chooses it, write {HOSTS!r}: [], or decorate the "
                "function before cors.init_app(app)"
            )
            # Some call a policy by its host.
            is_host = "." in draft.name and _is_host(draft.name)
            hosts = as_source([draft.name if is_host else _EXAMPLE_HOST])
            key, target = f"{POLICIES}[{draft.name!r}]", draft.key(HOSTS)
            code = Code.POLICY_INVALID
            yield Problem(key, draft.given, reason, hosts, code, target, not is_host)


# --- Hosts ------------------------------------------------------------------------------------


def _read_hosts(draft: Draft, value: Any, found: list[Problem]) -> tuple[str, ...]:
    if value is None:
        return ()
    report = Report(draft.key(HOSTS), draft.key(HOSTS), value)
    hosts = []
    for item in read_items(value, report, "host names", (_EXAMPLE_HOST,), _are_hosts):
        if not isinstance(item, str):
            reason = f"is {kind_of(item)}, where the name of a host is needed"
            report(item, reason, (_EXAMPLE_HOST,))
        elif _is_host(item):
            hosts.append(item)
        else:
            report(item, *_correct_host(item))
    found += report.problems()
    return tuple(dict.fromkeys(hosts))


def _are_hosts(pieces: list[str]) -> bool:
    return all(map(_is_host, pieces))


def _is_host(text: str) -> bool:
    pattern = None if "/" in text else parse_pattern(f"https://{text}")
    return pattern is not None and _names_host(pattern) and not pattern.port


def _names_host(pattern: OriginPattern) -> bool:
    return not (pattern.is_partial or pattern.is_network or ends_with_dot(pattern))


def _correct_host(text: str) -> tuple[str, tuple[str, ...]]:
    """Return why a text names no host, and what to write instead."""
    from ..origins.spelling import correct  # which only a mistake needs

    bare = text.strip()
    if bare == "*":
        reason = f"means every host, for which the settings outside {POLICIES} are"
        return reason, ()
    if _is_host(bare):
        return "has blanks around it, which no host has", (bare,)
    origin = bare if "://" in bare else f"https://{bare}"
    pattern = parse_pattern(origin)
    reason = "is an origin, and a policy's hosts are names alone, without a scheme"
    if pattern is None or ends_with_dot(pattern):
        reason, correction = correct(origin)
        is_known = len(correction) == 1 and not isinstance(correction[0], Example)
        pattern = parse_pattern(correction[0]) if is_known else None
    elif "://" not in bare:
        reason = "names a port; a policy applies to its hosts at every port"
    if pattern is None or not pattern.host or not _names_host(pattern):
        return "is no name of a host, nor a wildcard of names such as *.example.com", (
            _EXAMPLE_HOST,
        )
    return reason, (f"{'*.' * pattern.subdomains}{pattern.host}",)
