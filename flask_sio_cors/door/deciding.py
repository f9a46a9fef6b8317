"""What decides about the origin of a page elsewhere: the list, or a function of the application."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

from ..config.functions import OriginFunction
from ..config.options import Options
from ..config.origins import EveryOrigin
from ..origins.grammar import OPAQUE_ORIGINS, is_insecure, is_well_formed
from ..origins.live import LiveOrigins
from .answers import Answers, Decision
from .callbacks import Callback
from .credentials import shown_to_function
from .journal import Journal
from .verdicts import Reason
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def decision(options: Options, live: LiveOrigins | None = None) -> Decision:
    """Return what decides on its own, without asking the application.

    :param live: what is let in beside what is configured; asked after it.
    """
    listed = _configured(options)
    origins = options.origins
    if live is None or isinstance(origins, EveryOrigin):
        return listed
    # Where credentials have just been switched on, some may be there yet that must not have them.
    shared: Decision = live.__contains__
    if options.supports_credentials:
        shared = _credentialed(shared, options)
    if not origins:
        return shared

    def decide(origin: str) -> bool | Reason:
        answer = listed(origin)
        return answer if answer is True else shared(origin) or answer

    return decide


def _configured(options: Options) -> Decision:
    origins = options.origins
    if origins is EveryOrigin.WILDCARD:
        return _everybody
    if origins is EveryOrigin.REFLECTED:
        return _well_formed(_everybody)
    if not origins.has_patterns:
        return origins.exact.__contains__
    # What a regular expression admits is not known before it comes; everything else was checked
    # when the configuration was read.
    is_checked = not (options.supports_credentials and origins.has_regexes)
    listed = origins.__contains__ if origins.exact else origins.matches
    return listed if is_checked else _credentialed(listed, options)


#: Answers about an origin that nothing else lets in, and the request that has it.
Question: TypeAlias = Callable[[str, "WSGIEnvironment"], "bool | Reason"]
#: Makes a context for one call of a function: the application's.
Context: TypeAlias = Callable[[], AbstractContextManager[object]]


def question(
    options: Options, journal: Journal, interrupter: Interrupter, context: Context = nullcontext
) -> Question | None:
    """Return what asks the application's functions, where some are configured.

    They may take their time, or fail, which the server's own pages do not wait for.

    :param context: entered for each call.
    """
    questions = [
        _question(function, options, journal, interrupter, context)
        for function in options.functions
    ]
    if len(questions) < 2:
        return questions[0] if questions else None

    def ask(origin: str, environ: WSGIEnvironment) -> bool | Reason:
        kept_out: bool | Reason = False
        for one in questions:
            answer = one(origin, environ)
            if answer is True:
                return True
            kept_out = answer or kept_out
        return kept_out

    return ask


def _question(
    function: OriginFunction,
    options: Options,
    journal: Journal,
    interrupter: Interrupter,
    context: Context,
) -> Question:
    """Return what asks one function.

    What it has said lately of an origin counts, after the checks that stand between its answer and
    the door; what it says of a request counts for that alone.
    """
    key = options.sources.get("ORIGINS", "SIO_CORS_ORIGINS")

    def call(*arguments: object) -> object:
        with context():
            return function.ask(*arguments)

    gate = interrupter.gate(key, function.function)
    callback = Callback(call, key, options.callback_timeout, journal, interrupter, gate)
    allow = _credentialed(_everybody, options) if options.supports_credentials else _everybody
    if function.needs_environ:
        return _about_requests(callback, allow, options)
    return _about_origins(callback, allow, options, interrupter)


def _about_requests(callback: Callback, allow: Decision, options: Options) -> Question:
    def ask(origin: str, environ: WSGIEnvironment) -> bool | Reason:
        if not is_well_formed(origin):
            return Reason.ORIGIN_MALFORMED
        shown = shown_to_function(environ, has_credentials=options.supports_credentials)
        answer = callback.ask(origin, shown)
        return Reason.ORIGIN_CALLABLE_FAILED if answer is None else answer and allow(origin)

    return ask


def _about_origins(
    callback: Callback, allow: Decision, options: Options, interrupter: Interrupter
) -> Question:
    if not options.callback_cache:
        decide = _well_formed(_asked(callback, allow))
        return lambda origin, environ: decide(origin)
    answers = Answers(callback, allow, options, interrupter)
    recall, settle = answers.recall, _well_formed(answers.settle)

    def ask(origin: str, environ: WSGIEnvironment) -> bool | Reason:
        answer = recall(origin)
        return settle(origin) if answer is None else answer

    return ask


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
