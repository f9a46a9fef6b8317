"""What decides about the origin of a page elsewhere: the list, or a function of the application."""

from __future__ import annotations

from ..config.options import Options
from ..config.origins import EveryOrigin
from ..origins.grammar import OPAQUE_ORIGINS, is_insecure, is_well_formed
from ..origins.sets import OriginSet
from .answers import Answers, Decision
from .callbacks import Callback
from .journal import Journal
from .verdicts import Reason
from .waiting import Interrupter


def decision(options: Options) -> Decision:
    """Return what decides on its own, without asking the application."""
    origins = options.origins
    if origins is EveryOrigin.WILDCARD:
        return _everybody
    if origins is EveryOrigin.REFLECTED:
        return _well_formed(_everybody)
    if not isinstance(origins, OriginSet):
        return lambda origin: False
    if not origins.has_patterns:
        return origins.exact.__contains__
    # What a regular expression admits is not known before it comes; everything else was checked
    # when the configuration was read.
    is_checked = not (options.supports_credentials and origins.has_regexes)
    listed = origins.__contains__ if origins.exact else origins.matches
    return listed if is_checked else _credentialed(listed, options)


def question(options: Options, journal: Journal, interrupter: Interrupter) -> Decision | None:
    """Return what asks the application's function, where one is configured.

    It may take its time, or fail, which the server's own pages do not wait for. What it has said
    lately counts, after the checks that stand between its answer and the door.
    """
    if isinstance(options.origins, (EveryOrigin, OriginSet)):
        return None
    key = options.sources.get("ORIGINS", "SIO_CORS_ORIGINS")
    callback = Callback(options.origins, key, options.callback_timeout, journal, interrupter)
    allow = _credentialed(_everybody, options) if options.supports_credentials else _everybody
    if not options.callback_cache:
        return _well_formed(_asked(callback, allow))
    answers = Answers(callback, allow, options, interrupter)
    recall, settle = answers.recall, _well_formed(answers.settle)

    def decide(origin: str) -> bool | Reason:
        answer = recall(origin)
        return settle(origin) if answer is None else answer

    return decide


def _everybody(origin: str) -> bool:
    return True


def _asked(callback: Callback, allow: Decision) -> Decision:
    def decide(origin: str) -> bool | Reason:
        answer = callback.ask(origin)
        if answer is None:
            return Reason.ORIGIN_CALLABLE_FAILED
        return answer and allow(origin)

    return decide


def _well_formed(rule: Decision) -> Decision:
    """Keep what no browser sends from the application's function and from being reflected."""
    return lambda origin: rule(origin) if is_well_formed(origin) else Reason.ORIGIN_MALFORMED


def _credentialed(rule: Decision, options: Options) -> Decision:
    """Keep out what must not come with credentials, whatever the rule says of it."""

    def decide(origin: str) -> bool | Reason:
        answer = rule(origin)
        if answer is not True:
            return answer
        if origin in OPAQUE_ORIGINS:
            return Reason.ORIGIN_OPAQUE
        if is_insecure(origin) and not options.tolerate_insecure_origins:
            return Reason.ORIGIN_INSECURE
        return True

    return decide
