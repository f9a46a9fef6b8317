"""What ``explain`` tells: what the policy in force makes of one page's requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ..browser.fetch import Block, Check
from ..browser.wording import firefox_reason
from ..config.keys import PREFIX
from ..config.options import Options
from ..config.origins import EveryOrigin
from ..config.policies import DEFAULT
from ..config.sources import without_password
from ..door import documentation
from ..door.policies import Policies
from ..door.policy import Policy
from ..door.refusals import explain_refusal
from ..door.verdicts import PREFLIGHT, REFUSED, Reason, Verdict
from ..live.shared import SharedOrigins
from . import truths
from .layout import labelled
from .question import Asking, Obstacle, Question, Step, usual_server
from .remedy import Change, find_remedy
from .truths import Truth
from .values import as_json

if TYPE_CHECKING:
    from flask import Flask

#: What becomes of a page's cookies, by whether it may use them.
_COOKIES: Final = {
    True: "reach the application, where the browser sends them.",
    False: "are left out: no handler sees them, and no answer sets one.",
}


#: What can keep a page out.
Cause: TypeAlias = Obstacle | Reason | Block
#: The version of what `Answer.as_json` returns, which ``schemas/explain.json`` describes.
SCHEMA: Final = 1


class Rule(NamedTuple):
    """What let an origin in, or kept it out.

    :param kind: names the kind of rule for programs.
    :param key: the configuration key that it stands in; ``None`` where it stands in none.
    :param text: in words.
    """

    kind: str
    key: str | None
    text: str


@dataclass(frozen=True)
class Answer:
    """What would happen.

    :param rule: what let the origin in, or kept it out.
    :param why: in a sentence; that of a refusal's log line and, in debug mode, of its body.
    :param changes: what to write where it should pass; none where it does or no line can help.
    :param instead: why no line can help, and what to do.
    :param link: where the documentation says more of what keeps it out; `""` where nothing does.
    :param truths: what else to know.
    :param policy: the name of the one that decided.
    """

    question: Question
    server: str
    allowed: bool
    rule: Rule
    why: str
    steps: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    instead: str = ""
    truths: tuple[Truth, ...] = ()
    policy: str = DEFAULT
    link: str = ""

    @property
    def has_credentials(self) -> bool:
        """Whether handlers see the visitor's cookies and login."""
        return self.steps[-1].has_credentials

    def as_json(self) -> dict[str, Any]:
        """Return the answer for machines."""
        return {
            "schema": SCHEMA,
            "origin": self.question.origin,
            "host": self.server,
            "transport": self.question.transport,
            "policy": self.policy,
            "allowed": self.allowed,
            "credentials": self.has_credentials,
            "reason": self.steps[-1].verdict.reason.value,
            "rule": {"kind": self.rule.kind, "key": self.rule.key, "text": self.rule.text},
            "explanation": self.why,
            "requests": [_step_json(step) for step in self.steps],
            "config": _nested(self.changes) or None,
            "lines": self.lines,
            "instead": self.instead or None,
            "link": self.link or None,
            "notes": [truth.as_json() for truth in self.truths],
        }

    @property
    def lines(self) -> list[str]:
        """What to write, as Python has it."""
        return [str(change) for change in self.changes]

    def as_text(self, width: int) -> str:
        """Return the answer for people."""
        question = self.question
        told = f"{question.origin} to {self.server} by {question.transport}: "
        lines = [told + ("allowed" if self.allowed else "not allowed"), ""]
        if self.policy != DEFAULT:
            lines += labelled("Policy", [self.policy], width)
        lines += labelled("Rule", [self.rule.text], width)
        lines += labelled("Why", [self.why], width)
        for step in self.steps:
            answer = [f"{name}: {value}" for name, value in step.verdict.headers]
            lines += labelled("Request", [step.request])
            lines += labelled("Answer", [step.status, *answer])
            lines += labelled("Browser", [f"{step.browser}."], width)
        if self.allowed:
            lines += labelled("Cookies", [_COOKIES[self.has_credentials]], width)
        lines += labelled("Config", [_place(self.lines), *self.lines] if self.lines else [])
        lines += labelled("Instead", [self.instead] if self.instead else [], width)
        lines += labelled("More", [self.link] if self.link else [])
        for truth in self.truths:
            lines += labelled("Note", [truth.text], width)
            lines += labelled("", truth.lines)
        return "\n".join(lines)


def _place(lines: list[str]) -> str:
    """Say where the lines belong, so that Python reads it along with them."""
    is_read = any("app.config[" in line.partition(" = ")[2] for line in lines)
    return f"# above SioCors(app){', and below what sets it so far' * is_read}."


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "request": step.request,
        "outcome": step.verdict.outcome.value,
        "status": step.status,
        "headers": [list(header) for header in step.verdict.headers],
        "accepted": step.is_passed,
        "blocked": step.block.check.value if step.block is not None else None,
        "obstacle": step.obstacle.value if step.obstacle is not None else None,
        "firefox_reason": firefox_reason(step.block) if step.block is not None else None,
    }


def _nested(changes: Iterable[Change]) -> dict[str, Any]:
    """Return the configuration that changes make, as JSON has it."""
    config: dict[str, Any] = {}
    for change in changes:
        place = config
        for name in change.path[:-1]:
            place = place.setdefault(name, {})
        value = as_json(change.value)
        place[change.path[-1]] = without_password(value) if isinstance(value, str) else value
    return config


def _nothing(policy: str) -> None:
    pass


def answer(
    policies: Policies,
    app: Flask,
    question: Question,
    named: Policy | None = None,
    shared_by: Callable[[str], SharedOrigins | None] = _nothing,
) -> Answer:
    """Ask the policy in force what it makes of a page's requests, without a network.

    :param named: the policy that is asked, where that is not the one for the server's host.
    :param shared_by: puts in force what the policy of a name shares with others, and returns it.
    """
    usual = named or policies.default
    server = question.server or usual_server(app, usual.options, question.origin)
    policy = named or policies.for_host(urlsplit(server).netloc) or policies.default
    options = policy.options
    shared = shared_by(options.name)
    if server in options.own_origins:
        question = replace(question, is_scheme_known=True)
    asking = Asking(app, question, server, policies)
    steps = asking.steps(policy)
    allowed, cause = steps[-1].is_passed, _cause(asking, options, steps[-1])
    changes, instead = ((), "") if allowed else find_remedy(asking, options, steps)
    return Answer(
        question, server, allowed, _rule(options, question.origin, steps[0].verdict, shared),
        _why(cause, options, asking, policy, steps[-1]), steps, changes, instead,
        tuple(truths.of_page(asking, options, steps[-1])), options.name, _link(cause),
    )  # fmt: skip


def _rule(
    options: Options, origin: str, verdict: Verdict, shared: SharedOrigins | None = None
) -> Rule:
    source = options.sources.get("ORIGINS", "default")
    store = options.sources.get("ORIGINS_STORE", "default")
    reason = verdict.reason
    if reason in (Reason.SAME_ORIGIN, Reason.NO_ORIGIN):
        return Rule("same-origin", None, "same origin: the page comes from the server itself")
    if reason is Reason.HOST_NOT_TRUSTED:
        hosts = list(options.trusted_hosts)
        return Rule("trusted-hosts", "TRUSTED_HOSTS", f"TRUSTED_HOSTS = {hosts}")
    if reason in (Reason.ORIGIN_OPAQUE, Reason.ORIGIN_INSECURE):
        switch = options.sources.get("SUPPORTS_CREDENTIALS")
        return Rule("credentials", switch, f"{switch} = True")
    if isinstance(options.origins, EveryOrigin):
        text = f"{source} = {options.origins.value!r}, every origin"
        return Rule("every-origin", source, text)
    rule = options.origins.rule(origin)
    if rule is not None:
        return Rule("entry", source, f"{rule}, in {source}")
    if reason is Reason.ORIGIN_ALLOWED and shared is not None and (rule := shared.rule(origin)):
        return Rule("entry", store, f"{rule}, in the store of {store}")
    if options.functions:
        functions = f"the function{'s' * (len(options.functions) > 1)} in {source}"
        return Rule("function", source, functions)
    searched = {source: source} if options.origins else {}
    if shared is not None:
        searched[store] = f"the store of {store}"
    if searched:
        told = f"none of those in {', nor in '.join(searched.values())}"
        return Rule("no-entry", next(iter(searched)), told)
    is_unset = source == "default"
    key = f"{PREFIX}ORIGINS" if is_unset else source
    told = f"the server's own origin only: {key} is {'not set' if is_unset else 'empty'}"
    return Rule("own-origin-only", key, told)


def _cause(asking: Asking, options: Options, step: Step) -> Cause | None:
    """Return what keeps the page out; ``None`` where nothing does."""
    obstacle = asking.obstacle(options)
    # A preflight that fails is not what is wrong with a method that nobody answers.
    if obstacle is not None and (step.obstacle or step.verdict.outcome is not REFUSED):
        return obstacle
    return step.verdict.reason if step.verdict.outcome is REFUSED else step.block


def _why(cause: Cause | None, options: Options, asking: Asking, policy: Policy, step: Step) -> str:
    if isinstance(cause, Obstacle):
        return _OBSTACLES[cause].format(asking.server, asking.question.method)
    if isinstance(cause, Reason):
        server = asking.server_shown(policy)
        origin = asking.question.origin
        return explain_refusal(cause, step.page, origin, options, thorough=True, server=server)
    if isinstance(cause, Block):
        return _why_blocked(options, cause)
    told = "The policy lets it in"
    told += "." if asking.question.is_websocket else ", and a browser accepts the headers."
    if options.allow_request is not None:
        told += f" At the handshake {options.sources['ALLOW_REQUEST']} is asked as well."
    is_plain = asking.question.is_websocket or step.verdict.outcome is PREFLIGHT
    if options.preflight_continue and not is_plain:
        told += " Preflights pass if the application's route answers them with 200 to 299."
    return told


_OBSTACLES: Final = {
    Obstacle.MIXED_CONTENT: (
        "The page comes by https:, and {0} is not encrypted. Browsers block what such a page asks "
        "there before they send it (mixed content), whatever the policy says."
    ),
    Obstacle.METHOD: (
        "Engine.IO has GET and POST alone, and answers {1} with 405, whoever asks and whatever "
        "the policy says."
    ),
}


#: What the doctor calls it.
_FINDINGS: Final = {
    Obstacle.MIXED_CONTENT: "mixed-content",
    Obstacle.METHOD: "method-not-listed",
}


def _link(cause: Cause | None) -> str:
    """Return where the documentation says more of what keeps a page out."""
    if cause is None:
        return ""
    if isinstance(cause, Reason):
        return documentation.of_reason(cause)
    # The doctor's findings about a browser's checks are named after these.
    id_ = _FINDINGS[cause] if isinstance(cause, Obstacle) else cause.check.value
    return documentation.of_finding(id_)


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
