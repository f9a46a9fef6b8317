"""What ``show`` and ``explain`` tell: the policy in force, and what it makes of one origin."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..browser.fetch import Block, Check
from ..browser.wording import firefox_reason, visible
from ..config import meanings
from ..config.functions import source_of
from ..config.keys import PREFIX
from ..config.options import SETTINGS, Options, Setting, snapshot
from ..config.origins import EveryOrigin
from ..config.policies import DEFAULT, POLICIES
from ..config.problems import ConfigError
from ..door.policies import Policies
from ..door.policy import Policy
from ..door.refusals import explain_refusal
from ..door.verdicts import PREFLIGHT, REFUSED, Reason, Verdict
from ..origins.sets import OriginSet
from .question import Asking, Question, Step, answers_preflights, mount, usual_server
from .remedy import find_remedy

if TYPE_CHECKING:
    from flask import Flask

_LABEL: Final = 10
#: What becomes of a page's cookies, by whether it may use them.
_COOKIES: Final = {
    True: "reach the application, where the browser sends them.",
    False: "are left out: no handler sees them, and no answer sets one.",
}


# --- The policy in force -----------------------------------------------------------------------


@dataclass(frozen=True)
class SettingShown:
    """One setting: its value as Python source, where it came from, and what that means."""

    name: str
    value: str
    source: str
    meaning: str


@dataclass(frozen=True)
class PolicyShown:
    """A policy for people and machines."""

    settings: tuple[SettingShown, ...]
    trusted_hosts: tuple[str, ...]
    warnings: tuple[str, ...]
    name: str = DEFAULT
    hosts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the policy for machines."""
        settings = {
            shown.name: {"value": shown.value, "source": shown.source, "meaning": shown.meaning}
            for shown in self.settings
        }
        return {
            "policy": self.name,
            "hosts": list(self.hosts),
            "settings": settings,
            "trusted_hosts": list(self.trusted_hosts),
            "warnings": list(self.warnings),
        }

    def as_text(self, width: int) -> str:
        """Return the policy for people."""
        lines: list[str] = []
        if self.name != DEFAULT:
            hosts = ", ".join(self.hosts) or "no host; @cors.choose_policy chooses it"
            lines += [*_wrapped(f"The policy {self.name}, for {hosts}.", width), ""]
        for shown in self.settings:
            lines += _setting_lines(shown, width)
        hosts = repr(list(self.trusted_hosts)) if self.trusted_hosts else "None  (default)"
        meaning = _ONLY_TRUSTED if self.trusted_hosts else _ANY_HOST
        lines += _entry("TRUSTED_HOSTS", hosts, meaning, width)
        for text in self.warnings:
            lines += ["", *_wrapped(f"Warning: {text}", width)]
        return "\n".join(lines)


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
    key, value = PREFIX + shown.name, shown.value
    if len(value) > _MAX_SHOWN:
        value = f"{value[:_MAX_SHOWN]}… ({len(value)} characters)"
    if shown.source != key:
        value += f"  ({'from ' * (shown.source != 'default')}{shown.source})"
    return _entry(key, value, shown.meaning, width)


def _entry(key: str, value: str, meaning: str, width: int) -> list[str]:
    if len(value) <= width - _KEYS - 2:
        return [f"{key:<{_KEYS}}  {value}", *_indented(meaning, width)]
    return [key, *_indented(value, width), *_indented(meaning, width)]


def _indented(text: str, width: int) -> list[str]:
    return [f"    {line}" for line in _wrapped(text, width - 4)]


def describe(policy: Policy, app: Flask) -> PolicyShown:
    """Return what is in force on an application."""
    options = policy.options
    settings = tuple(
        SettingShown(
            setting.name,
            _value(setting.name, setting.field, options),
            options.sources.get(setting.name, "default"),
            _meaning(setting, options),
        )
        for setting in SETTINGS
    )
    warnings = tuple(_warnings(options, app))
    return PolicyShown(settings, options.trusted_hosts, warnings, options.name, options.hosts)


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
        shown = visible(source_of(value))
        if len(shown) > _MAX_SHOWN:
            shown = f"{shown[:_MAX_SHOWN]}… ({len(shown)} characters)"
        lines += [f"  {key:<{_KEYS}}  {mark}", *_indented(shown, width)]
    return "\n".join([*lines, "  Everything else has its default."])


def _value(name: str, field: str, options: Options) -> str:
    if name == "POLICIES":
        return repr({policy.name: list(policy.hosts) for policy in options.policies})
    # What the origins were read into is for look-ups, and does not say how they were written.
    return source_of(options.written.get(name) if name == "ORIGINS" else getattr(options, field))


def _warnings(options: Options, app: Flask) -> Iterable[str]:
    for setting in SETTINGS:
        used, present = options.sources.get(setting.name, "default"), setting.source(app.config)
        is_changed = present is not None and (
            snapshot(app.config[present]) != options.written.get(setting.name)
        )
        # What a policy sets is told with all policies.
        is_apart = used.startswith(("@", f"{POLICIES}["))
        if not is_apart and (is_changed or used != (present or "default")):
            yield (
                f"{present or used} was changed after SioCors(app) had read the configuration, so "
                "that has no effect. Set it before, or call cors.reconfigure(app)."
            )
    if isinstance(options.origins, EveryOrigin):
        yield (
            "Every site may connect, though never with its visitors' cookies or login. That is "
            "right for public content only; what a proxy adds to tell who somebody is (a header of "
            "its own, a client certificate, an internal network) still lets every site in."
        )
    if options.tolerate_insecure_origins and options.supports_credentials:
        yield "Anyone on the network path can speak in the name of an http: origin."
    if options.tolerate_public_suffixes and options.supports_credentials:
        yield "Strangers can register names that a wildcard under a public suffix lets in."
    listed = options.origins if isinstance(options.origins, OriginSet) else OriginSet()
    if "null" in listed:
        yield "Any page can obtain the origin “null”, so that it lets every site in."
    if "file://" in listed:
        yield "Every local file has the origin “file://”, whoever wrote it."
    if options.preflight_continue and not answers_preflights(app):
        yield (
            f"{PREFIX}PREFLIGHT_CONTINUE is set, but no route of the application takes OPTIONS "
            f"requests to {mount(app)}, so that every preflight fails."
        )


# --- One origin --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What would happen.

    :param rule: what let the origin in, or kept it out.
    :param why: in a sentence; that of a refusal's log line and, in debug mode, of its body.
    :param lines: what to write where it should pass; none where it does or no line can help.
    :param instead: why no line can help, and what to do.
    :param policy: the name of the one that decided.
    """

    question: Question
    server: str
    allowed: bool
    rule: str
    why: str
    steps: tuple[Step, ...]
    lines: tuple[str, ...] = ()
    instead: str = ""
    policy: str = DEFAULT

    @property
    def has_credentials(self) -> bool:
        """Whether handlers see the visitor's cookies and login."""
        return self.steps[-1].has_credentials

    def as_json(self) -> dict[str, Any]:
        """Return the answer for machines."""
        return {
            "origin": self.question.origin,
            "host": self.server,
            "transport": self.question.transport,
            "policy": self.policy,
            "allowed": self.allowed,
            "credentials": self.has_credentials,
            "reason": self.steps[-1].verdict.reason.value,
            "rule": self.rule,
            "explanation": self.why,
            "requests": [_step_json(step) for step in self.steps],
            "config": "\n".join(self.lines) or None,
            "instead": self.instead or None,
        }

    def as_text(self, width: int) -> str:
        """Return the answer for people."""
        question = self.question
        told = f"{question.origin} to {self.server} by {question.transport}: "
        lines = [told + ("allowed" if self.allowed else "not allowed"), ""]
        if self.policy != DEFAULT:
            lines += _labelled("Policy", [self.policy], width)
        lines += _labelled("Rule", [self.rule], width)
        lines += _labelled("Why", [self.why], width)
        for step in self.steps:
            answer = [f"{name}: {value}" for name, value in step.verdict.headers]
            lines += _labelled("Request", [step.request])
            lines += _labelled("Answer", [step.status, *answer])
            lines += _labelled("Browser", [f"{step.browser}."], width)
        if self.allowed:
            lines += _labelled("Cookies", [_COOKIES[self.has_credentials]], width)
        lines += _labelled("Config", self.lines)
        lines += _labelled("", [_place(self.lines)] if self.lines else [])
        lines += _labelled("Instead", [self.instead] if self.instead else [], width)
        return "\n".join(lines)


def _place(lines: tuple[str, ...]) -> str:
    is_read = any("app.config[" in line.partition(" = ")[2] for line in lines)
    return f"above SioCors(app){', and below what sets it so far' * is_read}."


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "request": step.request,
        "outcome": step.verdict.outcome.value,
        "status": step.status,
        "headers": [list(header) for header in step.verdict.headers],
        "accepted": step.is_passed,
        "firefox_reason": firefox_reason(step.block) if step.block is not None else None,
    }


def _labelled(label: str, texts: Iterable[str], width: int | None = None) -> list[str]:
    """Put texts beside a label; without a width each stays on its line, to be copied."""
    lines: list[str] = []
    for text in texts:
        lines += [text] if width is None else _wrapped(text, width - _LABEL - 2)
    return [f"  {label if n == 0 else '':<{_LABEL}}{line}" for n, line in enumerate(lines)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def answer(
    policies: Policies, app: Flask, question: Question, named: Policy | None = None
) -> Answer:
    """Ask the policy in force what it makes of a page's requests, without a network.

    :param named: the policy that is asked, where that is not the one for the server's host.
    """
    server = question.server or usual_server(
        app, (named or policies.default).options, question.origin
    )
    policy = named or policies.for_host(urlsplit(server).netloc) or policies.default
    options = policy.options
    asking = Asking(app, question, server)
    steps = asking.steps(policy)
    allowed = steps[-1].is_passed
    lines, instead = ((), "") if allowed else find_remedy(asking, options, steps)
    return Answer(
        question, server, allowed, _rule(options, question.origin, steps[0].verdict),
        _why(options, asking, policy, steps[-1]), steps, lines, instead,
        options.name,
    )  # fmt: skip


def _rule(options: Options, origin: str, verdict: Verdict) -> str:
    source = options.sources.get("ORIGINS", "default")
    reason = verdict.reason
    if reason in (Reason.SAME_ORIGIN, Reason.NO_ORIGIN):
        return "same origin: the page comes from the server itself"
    if reason is Reason.HOST_NOT_TRUSTED:
        return f"TRUSTED_HOSTS = {list(options.trusted_hosts)}"
    if reason in (Reason.ORIGIN_OPAQUE, Reason.ORIGIN_INSECURE):
        return f"{options.sources.get('SUPPORTS_CREDENTIALS')} = True"
    if isinstance(options.origins, EveryOrigin):
        return f"{source} = {options.origins.value!r}, every origin"
    rule = options.origins.rule(origin)
    if rule is not None:
        return f"{rule}, in {source}"
    if options.functions:
        return f"the function{'s' * (len(options.functions) > 1)} in {source}"
    if options.origins:
        return f"none of those in {source}"
    key = f"{PREFIX}ORIGINS" if source == "default" else source
    return f"the server's own origin only: {key} is {'not set' if source == 'default' else 'empty'}"


def _why(options: Options, asking: Asking, policy: Policy, step: Step) -> str:
    if step.verdict.outcome is REFUSED:
        server = asking.server_shown(policy)
        return explain_refusal(
            step.verdict.reason, step.page, options, thorough=True, server=server
        )
    if step.block is not None:
        return _why_blocked(options, step.block)
    told = "The policy lets it in"
    told += "." if asking.question.is_websocket else ", and a browser accepts the headers."
    if options.allow_request is not None:
        told += f" At the handshake {options.sources['ALLOW_REQUEST']} is asked as well."
    if options.preflight_continue and step.verdict.outcome is not PREFLIGHT:
        told += " Preflights pass if the application's route answers them with 200 to 299."
    return told


def _why_blocked(options: Options, block: Block) -> str:
    listed = {
        Check.CREDENTIALS_NOT_TRUE: "credentials are not allowed",
        Check.WILDCARD_WITH_CREDENTIALS: "“*” does not go with credentials",
        Check.HEADER_NOT_LISTED: f"the header {block.value} is not in the list",
        Check.METHOD_NOT_LISTED: f"the method {block.value} is not in the list",
        Check.PREFLIGHT_STATUS: (
            f"{PREFIX}PREFLIGHT_CONTINUE leaves the preflight to the application, and no route "
            "there takes OPTIONS requests"
        ),
    }
    told = listed.get(block.check, "the headers are not what the browser needs")
    return f"The origin is let in, but its browser blocks the answer: {told}."
