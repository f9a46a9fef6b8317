"""Why a request was refused and which setting would let it in, in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..browser.pages import App, app_of
from ..config.keys import FALLBACK_PREFIX
from ..config.options import Options
from ..config.origins import EveryOrigin
from ..config.policies import store_command
from ..origins.grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    OPAQUE_ORIGINS,
    Example,
    is_insecure,
    is_well_formed,
    parse_pattern,
    split,
)
from ..origins.near import (
    Difference,
    Near,
    Part,
    compare,
    entries_for,
    nearest,
    variants,
)
from ..origins.sets import OriginSet
from .hidden import Server
from .hidden_told import explain_own, explain_perhaps_own, taken_for
from .identity import Identity
from .tampering import explain_tampering
from .verdicts import Reason

#: What a page is refused for, that a proxy may have caused by changing its ``Origin``.
_SHOWN_BY_TAMPERING: Final = (Reason.ORIGIN_NOT_ALLOWED, Reason.CROSS_SITE)
#: What is said of an ``Origin`` by its spelling.
_OF_THE_ORIGIN: Final = (Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_MALFORMED)


def explain_refusal(  # noqa: PLR0913 - a refusal has as many parts
    reason: Reason,
    page: Identity,
    origin: str | None,
    options: Options,
    *,
    message: str | None = None,
    thorough: bool = False,
    server: Server | None = None,
) -> str:
    """Say what was refused, why, and what to write where it should pass.

    :param reason: of a refused verdict.
    :param page: who asked.
    :param origin: its ``Origin`` header as it came; ``None`` for none.
    :param options: the configuration that refused it.
    :param message: the application's own words for it.
    :param thorough: whether to look for a similar origin as long as it takes.
    :param server: what the server takes itself for, where a request says it.
    """
    shown = ascii(origin[:120]) if origin is not None else "a request without an Origin header"
    credentials = options.sources.get("SUPPORTS_CREDENTIALS", options.key("SUPPORTS_CREDENTIALS"))
    if page.tampering is not None and reason in _SHOWN_BY_TAMPERING:
        return f"{shown}: {explain_tampering(page.tampering)}"
    if reason in _OF_THE_ORIGIN and origin is not None and (two := _two_headers(origin)):
        return _explain_two(*two)
    if reason is Reason.ORIGIN_NOT_ALLOWED and origin is not None:
        return _explain_not_allowed(origin, shown, options, thorough, server)
    return {
        Reason.ORIGIN_MALFORMED: f"{shown} is no origin that a browser sends.",
        Reason.ORIGIN_OPAQUE: (
            f"{shown} identifies no site (any page can obtain it), so it is never let in while "
            f"{credentials} is set."
        ),
        Reason.ORIGIN_INSECURE: (
            f"{shown} is not encrypted, so that anyone on the way can speak in its name, and "
            f"{credentials} is set. Serve the page with https:, or set "
            f"{options.key('TOLERATE_INSECURE_ORIGINS')} = True."
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
            f"The {page.header} header is not in TRUSTED_HOSTS. Add the host that users see, or "
            "make the proxy send it."
        ),
        Reason.POLICY_NOT_CHOSEN: (
            f"No policy could be chosen for {shown}: @cors.choose_policy failed, or named none "
            "that there is; the log says which."
        ),
        Reason.SESSION_ELSEWHERE: (
            f"{shown} came with a session that was opened under another policy, at another host. "
            "A client stays with the host at which it has connected."
        ),
        Reason.DENIED: _denial(shown, options, message),
        Reason.ALLOW_REQUEST_FAILED: (
            "allow_request gave no answer that counts; the log says what it did."
        ),
    }.get(reason, f"{shown} is not allowed.")


def explain_taken(
    taken: tuple[str, ...], origin: str | None, options: Options, server: Server | None = None
) -> str:
    """Say which credentials a request was let in without, why, and what would let them in.

    :param taken: their names, such as ``Cookie``.
    :param origin: of the page that asked; ``None`` for none.
    :param server: what the server takes itself for, where a request says it.
    """
    shown = ascii(origin[:120]) if origin is not None else "a page elsewhere, without an Origin"
    told = f"{' and '.join(taken)} came with a request of {shown}, and stayed outside:"
    switch = options.key("SUPPORTS_CREDENTIALS")
    if origin is None:
        return f"{told} it is not known whose page it is."
    if server is not None and server.clue is not None:
        own = explain_own(origin, server, options.key("OWN_ORIGINS"))
        return f"{told} it is not known to be the server's own. {own}"
    if isinstance(options.origins, EveryOrigin):
        source = options.sources.get("ORIGINS", options.key("ORIGINS"))
        return (
            f"{told} {source} lets every origin in, which never goes with credentials. To let them "
            f"in, name those that may have them in {options.key('ORIGINS')}, and set "
            f"{switch} = True."
        )
    if origin in OPAQUE_ORIGINS:
        return f"{told} that origin identifies no site, and never goes with credentials."
    also = ""
    if is_insecure(origin) and not options.tolerate_insecure_origins:
        also = f" and {options.key('TOLERATE_INSECURE_ORIGINS')} = True, as it is not encrypted"
    source = options.sources.get("SUPPORTS_CREDENTIALS", switch)
    return f"{told} {source} is off. To let them in, set {switch} = True{also}."


def _two_headers(origin: str) -> tuple[str, str] | None:
    """Return the values of two headers, which servers join by a comma, with a space or without."""
    first, _, second = (part.strip() for part in origin.partition(","))
    are_two = all("://" in value or value == "null" for value in (first, second))
    return (first, second) if are_two and "," not in second else None


def _explain_two(first: str, second: str) -> str:
    return (
        f"Two Origin headers came, {first[:120]!a} and {second[:120]!a}, where browsers send one. "
        "python-socketio sends two with a WebSocket where its headers have one, since "
        "websocket-client adds its own. To send yours alone, write "
        "socketio.Client(websocket_extra_options={'suppress_origin': True}), or, with "
        "websocket-client itself, suppress_origin=True. Or send none: a program needs no Origin."
    )


def _denial(shown: str, options: Options, message: str | None) -> str:
    name = options.sources.get("ALLOW_REQUEST", "allow_request")
    said = f", and said {message[:120]!a}" if message else ""
    return f"The function in {name} refused the handshake of {shown}{said}."


def _explain_not_allowed(
    origin: str, shown: str, options: Options, thorough: bool, server: Server | None
) -> str:
    if server is None:
        return _explain_unlisted(origin, shown, options, thorough)
    if server.clue is not None:
        return explain_own(origin, server, options.key("OWN_ORIGINS"))
    if server.lost and _may_be_own(origin):
        unlisted = _explain_unlisted(origin, shown, options, thorough, server)
        perhaps = explain_perhaps_own(origin, server, options.key("OWN_ORIGINS"))
        return f"{unlisted.rstrip('.')}. {perhaps}"
    if differences := _beside_own(origin, server):
        return (
            f"{_explain_unlisted(origin, shown, options, thorough).rstrip('.')}. The server's own "
            f"pages, which always may, are taken to be those of {taken_for(server)}; this one "
            f"comes {how_it_comes(origin, differences)}."
        )
    return _explain_unlisted(origin, shown, options, thorough, server)


def _may_be_own(origin: str) -> bool:
    """Tell whether an origin could be named as the server's own."""
    pattern = parse_pattern(origin)
    return pattern is not None and pattern.scheme in DEFAULT_PORTS


def _beside_own(origin: str, server: Server) -> tuple[Difference, ...]:
    """Return what a page differs in from the server's own, where that is likely a slip."""
    own = server.named or {server.address.origin}
    slips = [name for name in variants(origin) if name in own]
    return compare(origin, slips[0]) if slips else ()


def _explain_unlisted(
    origin: str,
    shown: str,
    options: Options,
    thorough: bool,
    server: Server | None = None,
) -> str:
    source = options.sources.get("ORIGINS", "default")
    origins = options.origins if isinstance(options.origins, OriginSet) else OriginSet()
    if options.functions:
        return _explain_asked(origin, shown, options, origins, thorough)
    if not is_well_formed(origin):
        return _explain_malformed(origin, shown, origins)
    key = source if source != "default" else options.key("ORIGINS")
    if origin in OPAQUE_ORIGINS:
        return _explain_opaque(origin, shown, key, options)
    entries = entries_for(origin, origins)
    if not entries:
        return _explain_no_page(origin, shown, origins)
    app = app_of(origin)
    family = with_family(app, options) if app is not None and app.family else ""
    if not origins and isinstance(options.origins, OriginSet) and options.origins_store is None:
        is_known = server is not None and not (server.said.is_supposed and not server.named)
        own = f" (it takes itself for {taken_for(server)})" if server and is_known else ""
        return (
            f"Only the server's own origin{own} is allowed, because {key} is "
            f"{'not set' if source == 'default' else 'empty'}, or was when SioCors(app) read the "
            f"configuration. To let {shown} in, set it before: "
            f"{options.key('ORIGINS')} = {list(entries)!r}{f'. {family}' if family else ''}"
        )
    near = nearest(origin, origins, thorough=thorough)
    begun = "To let it in, " if near is None else _resemblance(origin, near)
    added = f"add {' and '.join(map(repr, entries))}{_at_port(origin, near)} to {_list_of(options)}"
    advice = f"{shown} is not in {_searched(key, origins, options)}. {begun}{added}."
    is_tolerated = options.tolerate_insecure_origins or not options.supports_credentials
    if is_insecure(origin) and not is_tolerated:
        switch = options.key("TOLERATE_INSECURE_ORIGINS")
        advice += f" As it is not encrypted, set {switch} = True as well."
    if origins.has_regexes:
        # Which expression matches a part is not looked up: a search may take what a full match
        # does not, and anybody can cause this sentence.
        advice += " A regular expression must match an origin from end to end, scheme included."
    return f"{advice} {family}" if family else advice


def with_family(app: App, options: Options) -> str:
    """Say which origins an app has, and what stands for all where their names are not known."""
    if not app.family:
        return app.told
    tolerated = ""
    if options.supports_credentials:
        tolerated = f", with {options.key('TOLERATE_PUBLIC_SUFFIXES')} = [{app.family!r}]"
    return f"{app.told} In {options.key('ORIGINS')}, {app.family!r} lets in all{tolerated}."


def _searched(key: str, origins: OriginSet, options: Options) -> str:
    """Return where an origin was looked for."""
    if options.origins_store is None:
        return key
    store = f"the store of {options.sources['ORIGINS_STORE']}"
    return f"{key}, nor in {store}" if origins else store


def _list_of(options: Options) -> str:
    """Return the list in which an origin gets in under this policy, and under no other."""
    own, source = options.key("ORIGINS"), options.sources.get("ORIGINS", "")
    if options.origins_store is not None:
        if options.inherits("ORIGINS_STORE"):
            lines = "flask sio-cors explain prints both lines"
            return f"a list of this policy's own, {own}, with its store beside it ({lines})"
        return f"the store ({store_command(options.name)} add …)"
    if source.startswith(FALLBACK_PREFIX):
        return f"a list of its own, {own}, since others read {source}, too"
    return f"a list of this policy's own, {own}" if options.inherits("ORIGINS") else "the list"


#: What a program takes for an origin. Anything else is a stranger's, and costs too much to read.
_NEARLY_AN_ORIGIN: Final = re.compile(r"[\w:/.@'\"\[\]-]{1,120}")


def _explain_malformed(origin: str, shown: str, origins: OriginSet) -> str:
    """Say what is wrong with what no browser sends, and what would be right."""
    from ..origins.spelling import corrected

    nearly = _NEARLY_AN_ORIGIN.fullmatch(origin)
    (meant, *others) = corrected(origin) or (EXAMPLE,) if nearly else (EXAMPLE,)
    if meant in origins and not (others or isinstance(meant, Example)):
        return f"{shown} is not how browsers spell {meant!r}, which is allowed. Spell it so."
    return (
        f"{shown} is no origin that a browser sends, and nothing allows it. A program needs none: "
        "let it send no Origin."
    )


def _explain_no_page(origin: str, shown: str, origins: OriginSet) -> str:
    """Say what is wrong with an origin that only programs send, so that no list can name it."""
    from ..origins.spelling import correct  # which few refusals need

    reason, correction = correct(origin)
    told = f"{shown} comes from a program, and no list can name it: it {reason}."
    if not correction or isinstance(correction[0], Example):
        return f"{told} Let the program send the origin of a page, or none: it needs no Origin."
    meant = correction[0]
    allowed = ", which is allowed" * (meant in origins)
    # Starscream, its WebSocket, takes the socket's own address where no Origin is given.
    swift = f' (in Swift: .extraHeaders(["Origin": "{meant}"]))' * origin.startswith("ws")
    return f"{told} Let the program send {meant!r}{allowed}{swift}, or none: it needs no Origin."


def _explain_asked(
    origin: str, shown: str, options: Options, origins: OriginSet, thorough: bool
) -> str:
    source = options.sources.get("ORIGINS", options.key("ORIGINS"))
    asked = "the function" if len(options.functions) == 1 else "each function"
    if not origins:
        return f"{asked.capitalize()} in {source} returned False for {shown}."
    told = f"{shown} is not listed in {source}, and {asked} there returned False for it."
    near = nearest(origin, origins, thorough=thorough) if is_well_formed(origin) else None
    if near is None:
        return told
    how = how_it_comes(origin, near.differences)
    return f"{told} {near.origin!r} is allowed; this page comes {how}."


def _explain_opaque(origin: str, shown: str, key: str, options: Options) -> str:
    whose = "any local file has it" if origin == "file://" else "any page can obtain it"
    if options.supports_credentials:
        return (
            f"{shown} is not in {key}, and could not be: it identifies no site ({whose}), and "
            f"{options.sources['SUPPORTS_CREDENTIALS']} is set."
        )
    if origin == "file://":
        whose += "; browsers send 'null' for files"
        who = "whoever lets it in lets every file in"
    else:
        whose = "any page can obtain it, by a sandboxed iframe, a data: URL or a redirect"
        who = "whoever lets it in lets every site in"
    return (
        f"{shown} is not in {key}. It identifies no site ({whose}), so that {who}. Serve the page "
        "by http: or https:, and allow the origin that it has then."
    )


def _at_port(origin: str, near: Near | None) -> str:
    """Return how a family that is allowed at another port is allowed at the page's, too."""
    if near is None or [one.part for one in near.differences] != [Part.PORT]:
        return ""
    pattern = parse_pattern(near.rule)
    if pattern is None or not pattern.is_family:
        return ""
    return f" (or {str(pattern._replace(port=split(origin)[2]))!r}, for all of its kind)"


def _resemblance(origin: str, near: Near) -> str:
    """Name the allowed origin that a refused one resembles, and begin what to do about it."""
    if near.rule.startswith(near.origin.replace("://www.", "://*.", 1)) and "://*." in near.rule:
        return f"{near.rule!r} is, and stands for its subdomains alone. To let it in as well, "
    told = f"{near.origin!r} is allowed; this page comes {how_it_comes(origin, near.differences)}."
    parts = [difference.part for difference in near.differences]
    if parts == [Part.LETTER]:
        return f"{told} If it is yours, "
    if near.differences == (Difference(Part.SCHEME, "http"),):
        return f"{told} Serve the page by https:, or "
    if not (origin.startswith("http") and near.origin.startswith("http")):
        return f"{told} To let it in, "
    return f"{told} {'Serve' if Part.PORT in parts else 'Open'} it as {near.origin}, or "


def how_it_comes(origin: str, differences: Iterable[Difference]) -> str:
    """Say what a page's origin differs in from another, such as ``by http:``."""
    return " and ".join(_said(difference, origin) for difference in differences)


def _said(difference: Difference, origin: str) -> str:
    part, value = difference
    if part is Part.LETTER:
        return f"from {value}, which is one letter off"
    if part is Part.HOST:
        return f"from {value}{' (with a dot at its end)' * value.endswith('.')}"
    if part is Part.SCHEME:
        return f"by {value}:"
    return f"from port {value or f'{DEFAULT_PORTS[split(origin)[0]]}, the default'}"
