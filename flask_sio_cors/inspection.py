"""What ``show`` and ``explain`` tell: the policy in force, and what it makes of one origin."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from .explain import explain_refusal
from .fetch import (
    Block,
    Page,
    Response,
    cors_check,
    needs_preflight,
    preflight_check,
    unsafe_names,
)
from .options import PREFIX, SETTINGS, Options
from .origins import OPAQUE_ORIGINS, OriginSet, is_insecure
from .policy import ALLOWED, REFUSED, Policy, Reason, Verdict, complete
from .values import EveryOrigin
from .wording import firefox_reason

if TYPE_CHECKING:
    from flask import Flask

_LABEL: Final = 10


# --- The policy in force -----------------------------------------------------------------------


@dataclass(frozen=True)
class SettingShown:
    """One setting: its value, where it came from, and what that means."""

    name: str
    value: str
    source: str
    meaning: str


@dataclass(frozen=True)
class PolicyShown:
    """A policy for people and machines."""

    settings: tuple[SettingShown, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the policy for machines; values are Python source."""
        settings = {
            shown.name: {"value": shown.value, "source": shown.source, "meaning": shown.meaning}
            for shown in self.settings
        }
        return {"settings": settings, "warnings": list(self.warnings)}

    def as_text(self, width: int) -> str:
        """Return the policy for people."""
        keys = max(len(PREFIX + shown.name) for shown in self.settings)
        blocks = []
        for shown in self.settings:
            head = f"{PREFIX + shown.name:<{keys}}  {shown.value}"
            if shown.source != PREFIX + shown.name:
                head += f"  ({'from ' * (shown.source != 'default')}{shown.source})"
            blocks.append("\n".join([head, *_indented(shown.meaning, width)]))
        blocks += ["\n".join(["Warning:", *_indented(text, width)]) for text in self.warnings]
        return "\n".join(blocks)


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ")


def describe(policy: Policy, config: Mapping[str, Any]) -> PolicyShown:
    """Return what is in force.

    :param config: ``app.config``, for the words in which the origins are written.
    """
    options = policy.options
    settings = tuple(
        SettingShown(
            setting.name,
            _value(setting.name, setting.field, options, config),
            options.sources.get(setting.name, "default"),
            _MEANINGS[setting.name](options),
        )
        for setting in SETTINGS
    )
    return PolicyShown(settings, tuple(_warnings(options, config)))


def _value(name: str, field: str, options: Options, config: Mapping[str, Any]) -> str:
    value = getattr(options, field)
    if name == "ORIGINS":
        value = config.get(options.sources.get(name, ""), None)
    if callable(value):
        module, called = getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
        return f"{module}:{called}" if called else repr(value)
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def _origins_meaning(options: Options) -> str:
    origins = options.origins
    if origins is EveryOrigin.WILDCARD:
        return "Every site may connect, without cookies; answered with “*”."
    if origins is EveryOrigin.REFLECTED:
        return "Every site may connect, without cookies; answered with its own origin."
    if not isinstance(origins, OriginSet):
        return "The function is asked for each request of another origin."
    if not origins:
        return "Only pages of the server's own origin may connect."
    return "Pages of these origins may connect, and those of the server's own."


def _or(condition: bool, yes: str, no: str) -> str:
    return yes if condition else no


def _headers_meaning(options: Options) -> str:
    if options.allow_headers is None:
        return "Clients may send any extraHeaders."
    if "*" in options.allow_headers:
        return "Clients may send any extraHeaders."
    return f"Clients may send these extraHeaders: {', '.join(options.allow_headers) or 'none'}."


_MEANINGS: Final[dict[str, Callable[[Options], str]]] = {
    "ORIGINS": _origins_meaning,
    "SUPPORTS_CREDENTIALS": lambda options: _or(
        options.supports_credentials,
        "Clients may use withCredentials: true, so that cookies come along.",
        "Clients with withCredentials: true are blocked by their browsers.",
    ),
    "ALLOW_HEADERS": _headers_meaning,
    "EXPOSE_HEADERS": lambda options: _or(
        bool(options.expose_headers),
        "Pages may read these headers of the answers.",
        "Pages may read no special headers of the answers.",
    ),
    "METHODS": lambda options: (
        f"Preflights are answered with {', '.join(options.methods)}; Socket.IO needs GET and POST."
    ),
    "MAX_AGE": lambda options: (
        "Browsers keep a preflight's answer for their own default, 5 seconds."
        if options.max_age is None
        else f"Browsers keep a preflight's answer for {options.max_age} seconds."
    ),
    "PREFLIGHT_CONTINUE": lambda options: _or(
        options.preflight_continue,
        "A route of the application answers allowed preflights.",
        "Preflights are answered before they reach the application.",
    ),
    "OPTIONS_SUCCESS_STATUS": lambda options: (
        f"An allowed preflight is answered {options.options_success_status}."
    ),
    "ALLOW_REQUEST": lambda options: _or(
        options.allow_request is not None,
        "The function is asked about each handshake that the origins let pass.",
        "No function is asked about handshakes.",
    ),
    "CALLBACK_TIMEOUT": lambda options: (
        f"A function that takes longer than {options.callback_timeout:g} s counts as a refusal."
    ),
    "ALLOW_PRIVATE_NETWORK": lambda options: _or(
        options.allow_private_network,
        "Public sites may ask this server inside a private network.",
        "Browsers that ask are not told that public sites may enter a private network.",
    ),
    "TOLERATE_INSECURE_ORIGINS": lambda options: _or(
        options.tolerate_insecure_origins,
        "Origins with http: may come with credentials.",
        "Origins with http: cannot come with credentials, loopback ones aside.",
    ),
    "TOLERATE_PUBLIC_SUFFIXES": lambda options: _or(
        options.tolerate_public_suffixes,
        "Wildcards under public suffixes may come with credentials.",
        "Wildcards under public suffixes (https://*.github.io) cannot come with credentials.",
    ),
}


def _warnings(options: Options, config: Mapping[str, Any]) -> list[str]:
    found = []
    for setting in SETTINGS:
        source = setting.source(config) or "default"
        used = options.sources.get(setting.name, "default")
        if source != used and not used.startswith("@"):
            key = source if source != "default" else used
            found.append(
                f"{key} was changed after SioCors(app) had read the configuration, so it has no "
                "effect. Set it before, or call cors.reconfigure(app)."
            )
    if isinstance(options.origins, EveryOrigin):
        found.append("Every site may connect. That is right for public content only.")
    if options.tolerate_insecure_origins and options.supports_credentials:
        found.append("Anyone on the network path can speak in the name of an http: origin.")
    if options.tolerate_public_suffixes and options.supports_credentials:
        found.append("Strangers can register names that a wildcard under a public suffix lets in.")
    if isinstance(options.origins, OriginSet) and any(
        opaque in options.origins for opaque in OPAQUE_ORIGINS
    ):
        found.append("Any page can obtain the origin “null”, so that it lets every site in.")
    return found


# --- One origin --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Who would ask, and how."""

    origin: str
    host: str | None = None
    method: str = "GET"
    headers: tuple[str, ...] = ()
    with_credentials: bool = False
    transport: str = "polling"


@dataclass(frozen=True)
class Step:
    """One request of the browser, the policy's verdict, and the browser's on the answer."""

    request: str
    verdict: Verdict
    status: str
    block: Block | None


@dataclass(frozen=True)
class Answer:
    """What would happen.

    :param rule: what let the origin in; ``None`` where nothing did.
    :param why: in a sentence; that of a refusal's log line and, in debug mode, of its body.
    :param line: what to write where it should pass; ``""`` where it does or cannot.
    """

    question: Question
    host: str
    allowed: bool
    rule: str | None
    why: str
    steps: tuple[Step, ...]
    line: str

    def as_json(self) -> dict[str, Any]:
        """Return the answer for machines."""
        return {
            "origin": self.question.origin,
            "host": self.host,
            "transport": self.question.transport,
            "allowed": self.allowed,
            "reason": self.steps[-1].verdict.reason.value,
            "rule": self.rule,
            "explanation": self.why,
            "requests": [_step_json(step) for step in self.steps],
            "config": self.line or None,
        }

    def as_text(self, width: int) -> str:
        """Return the answer for people."""
        question = self.question
        told = f"{question.origin} to {self.host} by {question.transport}: "
        lines = [told + ("allowed" if self.allowed else "not allowed"), ""]
        lines += _labelled("Rule", [self.rule] if self.rule else [], width)
        lines += _labelled("Why", [self.why], width)
        for step in self.steps:
            answer = [f"{name}: {value}" for name, value in step.verdict.headers]
            lines += _labelled("Request", [step.request], 1000)
            lines += _labelled("Answer", [step.status, *answer], 1000)
            lines += _labelled("Browser", [_browser(step)], width)
        lines += _labelled("Config", self.line.splitlines(), 1000)
        return "\n".join(lines)


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "request": step.request,
        "outcome": step.verdict.outcome.value,
        "status": step.status,
        "headers": [list(header) for header in step.verdict.headers],
        "accepted": step.block is None,
        "firefox_reason": firefox_reason(step.block) if step.block is not None else None,
    }


def _browser(step: Step) -> str:
    if step.block is None:
        return "accepts the answer."
    return f"blocks the answer (Reason: {firefox_reason(step.block)})."


def _labelled(label: str, texts: list[str], width: int) -> list[str]:
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(text, width - _LABEL - 2, break_on_hyphens=False) or [""]
    ]
    return [f"  {label if n == 0 else '':<{_LABEL}}{line}" for n, line in enumerate(lines)]


def answer(policy: Policy, app: Flask, question: Question) -> Answer:
    """Ask the policy in force what it makes of a page's requests, without a network."""
    scheme, host = _server(app, question.host)
    page = Page(
        question.origin, question.with_credentials, tuple((name, "") for name in question.headers)
    )
    steps = _steps(policy, app, question, page, f"{scheme}://{host}")
    last = steps[-1]
    allowed = last.verdict.outcome is not REFUSED and last.block is None
    rule = _rule(policy.options, question.origin, steps[0].verdict)
    why = _why(policy.options, question, last)
    line = "" if allowed else _line(policy.options, question, last, app.config)
    return Answer(question, f"{scheme}://{host}", allowed, rule, why, tuple(steps), line)


def _server(app: Flask, host: str | None) -> tuple[str, str]:
    scheme = str(app.config["PREFERRED_URL_SCHEME"])
    if host is not None and "://" in host:
        parts = urlsplit(host)
        return parts.scheme, parts.netloc
    trusted = app.config.get("TRUSTED_HOSTS") or ()
    named = [name for name in trusted if not name.startswith(".")]
    return scheme, host or app.config.get("SERVER_NAME") or (named or ["localhost:5000"])[0]


def _steps(policy: Policy, app: Flask, question: Question, page: Page, base: str) -> list[Step]:
    mount = _mount(app)
    is_websocket = question.transport == "websocket"
    if page.origin == base or is_websocket:
        return [_ask(policy, question, page, base, mount, question.method)]
    steps = []
    if needs_preflight(page, question.method):
        steps.append(_ask(policy, question, page, base, mount, "OPTIONS"))
        if steps[0].block is not None or steps[0].verdict.outcome is REFUSED:
            return steps
    return [*steps, _ask(policy, question, page, base, mount, question.method)]


def _mount(app: Flask) -> str:
    middleware = getattr(app.extensions.get("socketio"), "sockio_mw", None)
    return str(getattr(middleware, "engineio_path", "/socket.io/"))


def _ask(
    policy: Policy, question: Question, page: Page, base: str, mount: str, method: str
) -> Step:
    is_websocket = question.transport == "websocket"
    query = f"EIO=4&transport={question.transport}"
    headers = {"Origin": page.origin}
    if page.origin == base and method == "GET" and not is_websocket:
        headers = {"Sec-Fetch-Site": "same-origin"}
    if is_websocket:
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade"}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = question.method
        if unsafe_names(page):
            headers["Access-Control-Request-Headers"] = ",".join(unsafe_names(page))
    builder = EnvironBuilder(mount, base, query, method=method, headers=Headers(headers))
    verdict = complete(policy.judge(builder.get_environ()))
    status = verdict.status if verdict.outcome is not ALLOWED else "as Engine.IO answers"
    if is_websocket and verdict.outcome is ALLOWED:
        status = "101 SWITCHING PROTOCOLS"
    block = None
    if not is_websocket and page.origin != base:
        block = _block(page, question.method, verdict, is_preflight=method == "OPTIONS")
    shown = f"{method} {mount}?{query}"
    return Step(shown, verdict, status, block)


def _block(page: Page, method: str, verdict: Verdict, *, is_preflight: bool) -> Block | None:
    response = Response(int(verdict.status[:3]), verdict.status[4:], verdict.headers)
    if is_preflight:
        return preflight_check(page, method, response)
    return cors_check(page, response)


def _rule(options: Options, origin: str, verdict: Verdict) -> str | None:
    source = options.sources.get("ORIGINS", "default")
    if verdict.outcome is REFUSED:
        return None
    if verdict.reason in (Reason.SAME_ORIGIN, Reason.NO_ORIGIN):
        return "same origin: the page comes from the server itself"
    if isinstance(options.origins, OriginSet):
        return f"{options.origins.rule(origin)}, in {source}"
    if isinstance(options.origins, EveryOrigin):
        return f"{source} = {options.origins.value!r}, every origin"
    return f"the function in {source}"


def _why(options: Options, question: Question, step: Step) -> str:
    if step.verdict.outcome is REFUSED:
        return explain_refusal(step.verdict.reason, question.origin, options)
    if step.block is not None:
        return _why_blocked(options, question, step.block)
    asked = options.allow_request is not None
    return "The policy lets it in, and a browser accepts the headers." + (
        f" At the handshake {options.sources['ALLOW_REQUEST']} is asked as well." if asked else ""
    )


def _why_blocked(options: Options, question: Question, block: Block) -> str:
    listed = {
        "credentials-not-true": "credentials are not allowed",
        "wildcard-with-credentials": "“*” does not go with credentials",
        "header-not-listed": f"the header {block.value} is not in the list",
        "method-not-listed": f"the method {block.value} is not in the list",
    }
    told = listed.get(block.check.value, "the headers are not what the browser needs")
    return f"The origin is let in, but its browser blocks the answer: {told}."


def _line(options: Options, question: Question, step: Step, config: Mapping[str, Any]) -> str:
    """Return what to write so that it passes."""
    lines: list[str] = []
    check = step.block.check.value if step.block is not None else ""
    reason = step.verdict.reason
    needs_origin = reason is Reason.ORIGIN_NOT_ALLOWED or check == "wildcard-with-credentials"
    if needs_origin and not _is_function(options):
        lines.append(_origins_line(options, question.origin, config))
    wants = question.with_credentials and question.origin not in OPAQUE_ORIGINS
    if wants and not options.supports_credentials:
        lines.append(_assignment("SUPPORTS_CREDENTIALS", True))
    insecure = reason is Reason.ORIGIN_INSECURE or (wants and is_insecure(question.origin))
    if insecure and not options.tolerate_insecure_origins:
        lines.append(_assignment("TOLERATE_INSECURE_ORIGINS", True))
    if check == "header-not-listed" and step.block is not None:
        missing = [name for name in question.headers if name.lower() in step.block.names]
        lines.append(_assignment("ALLOW_HEADERS", [*(options.allow_headers or ()), *missing]))
    if check == "method-not-listed":
        lines.append(_assignment("METHODS", [*options.methods, question.method]))
    return "\n".join(lines)


def _is_function(options: Options) -> bool:
    return not isinstance(options.origins, (OriginSet, EveryOrigin))


def _assignment(name: str, value: object) -> str:
    text = json.dumps(value) if not isinstance(value, bool) else repr(value)
    return f'app.config["{PREFIX}{name}"] = {text}'


def _origins_line(options: Options, origin: str, config: Mapping[str, Any]) -> str:
    """Return the list with one origin more, or how to add it where it holds more than texts."""
    source = options.sources.get("ORIGINS", "default")
    present = config.get(source)
    if isinstance(options.origins, EveryOrigin) or source == "default" or not options.origins:
        return _assignment("ORIGINS", [origin])
    if isinstance(present, str):
        present = re.split(r"\s*,\s*", present.strip())
    items = list(present) if isinstance(present, (list, tuple, set, frozenset)) else [present]
    if len(items) <= 5 and all(isinstance(item, str) for item in items):
        return _assignment("ORIGINS", [*items, origin])
    return f'app.config["{source}"] = [*app.config["{source}"], {json.dumps(origin)}]'
