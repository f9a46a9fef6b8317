"""Why a request was refused and which setting would let it in, in sentences."""

from __future__ import annotations

from .options import PREFIX, Options
from .origins import OPAQUE_ORIGINS, OriginSet, is_insecure, is_well_formed
from .policy import Reason
from .values import EveryOrigin


def explain_refusal(reason: Reason, origin: str | None, options: Options) -> str:
    """Say what was refused, why, and what to write where it should pass.

    :param reason: of a refused verdict.
    :param origin: the request's ``Origin`` header, as it came.
    :param options: the configuration that refused it.
    """
    shown = ascii(origin[:120]) if origin is not None else "a request without an Origin header"
    credentials = options.sources.get("SUPPORTS_CREDENTIALS", f"{PREFIX}SUPPORTS_CREDENTIALS")
    if reason is Reason.ORIGIN_NOT_ALLOWED and origin is not None:
        return _explain_unlisted(origin, shown, options)
    return {
        Reason.ORIGIN_MALFORMED: f"{shown} is no origin that a browser sends.",
        Reason.ORIGIN_OPAQUE: (
            f"{shown} identifies no site (any page can obtain it), so it is never let in while "
            f"{credentials} is set."
        ),
        Reason.ORIGIN_INSECURE: (
            f"{shown} is not encrypted, so that anyone on the way can speak in its name, and "
            f"{credentials} is set. Serve the page with https:, or set "
            f"{PREFIX}TOLERATE_INSECURE_ORIGINS = True."
        ),
        Reason.ORIGIN_CALLABLE_FAILED: (
            f"The function in {options.sources.get('ORIGINS')} gave no answer for {shown} that "
            "counts; the log says what it did."
        ),
        Reason.CROSS_SITE: (
            "A page of another origin asked without an Origin header, as scripts, images, forms, "
            "links and no-cors requests do. Socket.IO clients do not need that."
        ),
        Reason.JSONP: (
            "JSONP hands the session to whichever page includes the script, so it works on the "
            "server's own origin only, in browsers that send Sec-Fetch-Site. Use polling or "
            "WebSocket."
        ),
        Reason.HOST_NOT_TRUSTED: (
            "The Host header is not in TRUSTED_HOSTS. Add the host that users see, or make the "
            "proxy send it."
        ),
        Reason.DENIED: "allow_request refused the handshake.",
        Reason.ALLOW_REQUEST_FAILED: (
            "allow_request gave no answer that counts; the log says what it did."
        ),
    }.get(reason, f"{shown} is not allowed.")


def _explain_unlisted(origin: str, shown: str, options: Options) -> str:
    source = options.sources.get("ORIGINS", "default")
    if callable(options.origins) and not isinstance(options.origins, (OriginSet, EveryOrigin)):
        return f"The function in {source} returned False for {shown}."
    if not is_well_formed(origin):
        return f"{shown} is no origin that a browser sends, and nothing allows it."
    key = source if source != "default" else f"{PREFIX}ORIGINS"
    if origin in OPAQUE_ORIGINS and options.supports_credentials:
        return (
            f"{shown} is not in {key}, and could not be: it identifies no site (any page can "
            f"obtain it), and {options.sources['SUPPORTS_CREDENTIALS']} is set."
        )
    if isinstance(options.origins, OriginSet) and not options.origins:
        return (
            f"Only the server's own origin is allowed, because {key} is "
            f"{'not set' if source == 'default' else 'empty'}, or was when SioCors(app) read the "
            f"configuration. To let {shown} in, set it before: "
            f"{PREFIX}ORIGINS = [{origin!r}]"
        )
    advice = f"{shown} is not in {key}. To let it in, add {origin!r} to the list."
    is_tolerated = options.tolerate_insecure_origins or not options.supports_credentials
    if is_insecure(origin) and not is_tolerated:
        advice += f" As it is not encrypted, set {PREFIX}TOLERATE_INSECURE_ORIGINS = True as well."
    if isinstance(options.origins, OriginSet) and options.origins.has_regexes:
        # Which expression matches a part is not looked up: a search may take what a full match
        # does not, and anybody can cause this sentence.
        advice += " A regular expression must match an origin from end to end, scheme included."
    return advice
