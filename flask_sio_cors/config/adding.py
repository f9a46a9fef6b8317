"""One origin more, beside whatever ``SIO_CORS_ORIGINS`` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..origins.grammar import OPAQUE_ORIGINS
from .keys import FALLBACK_PREFIX, PREFIX
from .origins import entries_of
from .policies import POLICIES, Hosts, as_mapping, host_name, no_such_policy, read_drafts
from .stores import key_to_add
from .values import spelled_bool

_STORE: Final = f"{PREFIX}ORIGINS_STORE"


def adding_to(
    policy: str, config: Mapping[str, Any], origin: str, *, credentials: bool, only: bool, app: str
) -> dict[str, Any]:
    """Return the settings by which an origin is allowed at one policy's hosts, beside those.

    What it has inherited with the default policy's origins, such as those of its store, it keeps.

    :param credentials: as of `adding`.
    :param only: as of `adding`.
    :param app: the application's name.
    :raise ValueError: if there is no such policy.
    """
    policies = dict(as_mapping(config.get(POLICIES)))
    own = as_mapping(policies.get(policy))
    if policy not in policies:
        raise ValueError(no_such_policy(policy, policies))
    added = adding(
        {f"{PREFIX}ORIGINS": own["ORIGINS"]} if "ORIGINS" in own else config,
        origin,
        credentials=credentials,
        only=only,
    )
    changed = {key.removeprefix(PREFIX): value for key, value in added.items()}
    store = config.get(_STORE)
    if store and own.keys().isdisjoint(("ORIGINS", "ORIGINS_STORE")):
        more = key_to_add(store, app)
        changed["ORIGINS_STORE"] = store + more if more else store
    return {POLICIES: {**policies, policy: {**own, **changed}}}


def adding_at(
    host: str, config: Mapping[str, Any], origin: str, *, credentials: bool, only: bool, app: str
) -> dict[str, Any]:
    """Return the settings by which an origin is allowed at one host, by the policy that is for it.

    Where that is the default policy, the others keep what they have inherited of it.

    :param host: as `host_name` reads it.
    :param credentials: as of `adding`.
    :param only: as of `adding`.
    :param app: the application's name.
    """
    policies = as_mapping(config.get(POLICIES))
    named = {name: own for name, own in policies.items() if isinstance(own, Mapping)}
    hosts = Hosts((draft.name, draft.hosts) for draft in read_drafts(named, (), []))
    policy = hosts.policy_of(host_name(host))
    if policy is not None:
        return adding_to(policy, config, origin, credentials=credentials, only=only, app=app)
    added = adding(config, origin, credentials=credentials, only=only)
    if not named:
        return added
    names = [key.removeprefix(PREFIX) for key in added]
    kept = {
        name: config.get(f"{PREFIX}{name}", config.get(f"{FALLBACK_PREFIX}{name}"))
        for name in names
    }
    pinned = {name: {**kept, **own} for name, own in named.items()}
    if config.get(_STORE):
        # With origins of its own, a policy would lose those of the store that it shares.
        for name, written in named.items():
            if written.keys().isdisjoint(("ORIGINS", "ORIGINS_STORE")):
                del pinned[name]["ORIGINS"]
    return {**added, POLICIES: {**policies, **pinned}}


def adding(
    config: Mapping[str, Any], origin: str, *, credentials: bool, only: bool
) -> dict[str, Any]:
    """Return the settings by which an origin is allowed beside those that are.

    Where everybody was let in, or nobody, it is the only one.

    :param credentials: whether with the visitor's cookies, which origins that anybody can have
        do not get.
    :param only: whether it takes the place of those that are listed.
    """
    value = config.get(f"{PREFIX}ORIGINS", config.get("CORS_ORIGINS"))
    is_list = value is not None and spelled_bool(value) is None and not only
    gone = {"*", origin, *(OPAQUE_ORIGINS if credentials else ())}
    # Regular expressions and functions are compared with nothing.
    kept = [
        entry
        for entry in (entries_of(value) if is_list else [])
        if not isinstance(entry, str) or entry not in gone
    ]
    added: dict[str, Any] = {f"{PREFIX}ORIGINS": [*kept, origin]}
    if credentials:
        added[f"{PREFIX}SUPPORTS_CREDENTIALS"] = True
    return added
