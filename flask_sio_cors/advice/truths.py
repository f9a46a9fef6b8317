"""What comes of a setting that CORS alone does not tell: cookies that stay away, strangers let in.

Facts first: each `Truth` is found by a rule of its own and has a code; its words hang on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..browser.pages import app_of
from ..config.functions import OriginFunction
from ..config.options import Options
from ..config.origins import entries_of
from ..config.sources import name_of
from ..door.identity import ASKED
from ..door.refusals import with_family
from ..origins.grammar import is_loopback, parse_pattern, split
from ..origins.lookalikes import neighbours
from ..origins.sites import is_same_site, registrable
from .question import Asking, Question, Step, ask_environ, is_mixed, likely_server

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True)
class Truth:
    """Something to know beside the verdict.

    :param code: names it for programs; it does not change.
    :param text: in sentences.
    :param lines: configuration to write about it; none where no line can help.
    """

    code: str
    text: str
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {"code": self.code, "text": self.text, "lines": list(self.lines)}


# --- Of one page -------------------------------------------------------------------------------


def of_page(asking: Asking, options: Options, step: Step) -> Iterator[Truth]:
    """Yield what is true of one page beside its verdict.

    :param step: what its last request met.
    """
    app, question, server = asking.app, asking.question, asking.server
    app_asking = app_of(question.origin)
    # Why it is refused says what stands for names that nobody knows.
    if app_asking is not None and (step.is_passed or not app_asking.family):
        yield Truth("app-elsewhere", with_family(app_asking, options))
    if question.is_websocket and question.headers:
        yield _no_headers(question)
    is_own = question.origin == server or question.origin in options.own_origins
    if not question.is_scheme_known and not is_own and is_mixed(question.origin, server):
        yield _perhaps_mixed(server)
    if step.is_passed and step.has_credentials and not is_own:
        known = server if question.is_scheme_known else _as_page(server, question.origin)
        names = split(question.origin)[1], split(server)[1]
        is_web = question.origin.startswith("http")
        if is_web and names[0] != names[1] and all(map(is_loopback, names)):
            yield _two_names(*names, server)
        elif not is_same_site(question.origin, known):
            yield from _cookies_stay_away(app, question.origin)
    if step.is_passed and step.page.who is ASKED:
        strangers = [*neighbours(question.origin), *_STRANGERS]
        yield from _strangers(app, options, server, strangers)


def _two_names(page: str, asked: str, server: str) -> Truth:
    scheme, _, port = split(server)
    meant = f"{scheme}://{page}{f':{port}' if port else ''}"
    return Truth(
        "session-cookie-same-site",
        f"{page} and {asked} are one machine, and for browsers two sites: no cookie of the one "
        f"comes with pages of the other. Let both go by one name, as by the client's "
        f'io("{meant}"); other ports do not matter.',
    )


def _no_headers(question: Question) -> Truth:
    names = " and ".join(name for name, _ in question.headers)
    return Truth(
        "websocket-without-headers",
        f"Browsers send no extraHeaders with a WebSocket: {names} would not come in. Hand it over "
        "in the client's option auth, which arrives at the connect handler on every transport.",
    )


def _perhaps_mixed(server: str) -> Truth:
    host = server.partition("://")[2]
    return Truth(
        "scheme-not-known",
        f"It is not known whether pages reach {host} by https:. If it is by http:, browsers block "
        f"all that this page asks (mixed content). To know: --host https://{host} or "
        f"--host {server}.",
    )


# --- Of the whole setting ----------------------------------------------------------------------

#: So many entries of a list are looked at.
_LOOKED_AT: Final = 1000


def of_setting(app: Flask, options: Options) -> Iterator[Truth]:
    """Yield what is true of a setting for pages of every origin."""
    server = likely_server(app, options)
    listed = _listed_origins(options)
    if options.supports_credentials:
        elsewhere = _elsewhere(listed, server, has_others=_has_others(options, listed))
        if elsewhere is not None:
            yield from _cookies_stay_away(app, elsewhere, is_known=server is not None)
    own = sorted(options.own_origins)
    secure = next((origin for origin in listed if origin.startswith("https:")), None)
    if own and secure is not None and all(is_mixed(secure, name) for name in own):
        yield Truth(
            "mixed-content",
            f"Pages that come by https:, such as those of {secure}, cannot reach {own[0]}: "
            "browsers block what an https: page asks by http: (mixed content). Let pages reach "
            "the server by https:.",
        )
    if options.functions:
        yield from _strangers(app, options, server or "http://localhost:5000", _STRANGERS)


def _listed_origins(options: Options) -> list[str]:
    """Return the entries that are origins, or patterns of them."""
    written = options.written.get("ORIGINS")
    if not isinstance(written, (str, list, tuple, set, frozenset)):
        return []
    items = entries_of(written)[:_LOOKED_AT]
    return [one for one in items if isinstance(one, str) and parse_pattern(one)]


def _has_others(options: Options, listed: list[str]) -> bool:
    return bool(options.functions) or (bool(options.origins) and not listed)


def _elsewhere(listed: list[str], server: str | None, *, has_others: bool) -> str | None:
    """Return an entry that is of another site than the server, or ``"other sites"``."""
    for text in listed:
        pattern = parse_pattern(text)
        if pattern is None or pattern.is_opaque or (server is None and is_loopback(pattern.host)):
            continue
        is_under_suffix = pattern.subdomains and registrable(f"x.{pattern.host}") != registrable(
            pattern.host
        )
        host = None if server is None or is_under_suffix else registrable(_host(server))
        if host is None or registrable(pattern.host) != host:
            return text
    return "" if has_others else None


# --- Cookies -----------------------------------------------------------------------------------


def _cookies_stay_away(app: Flask, elsewhere: str, *, is_known: bool = True) -> Iterator[Truth]:
    """Yield why the session cookie does not come with pages of another site, where it does not."""
    same_site, secure = app.config["SESSION_COOKIE_SAMESITE"], app.config["SESSION_COOKIE_SECURE"]
    is_none = str(same_site).lower() == "none" and same_site is not None
    if is_none and secure:
        return
    if is_none:
        found = (
            "SESSION_COOKIE_SAMESITE is “None” without SESSION_COOKIE_SECURE, so that browsers "
            "throw the session cookie away."
        )
    else:
        value = "not set, which Chromium takes for “Lax”" if not same_site else f"“{same_site}”"
        found = (
            f"SESSION_COOKIE_SAMESITE is {value}, so that the session cookie comes with pages of "
            "the server's own site alone, its subdomains and other ports included."
        )
    whose = f"those of {elsewhere}" if elsewhere else "those of other sites"
    if not is_known:
        whose += ", unless the server is on the same site"
    yield Truth(
        "session-cookie-same-site",
        f"{found} Other pages, {whose}, connect, and their session is empty. To let it come with "
        "them, write the lines below, serve by https:, and protect the application's own forms "
        "(CSRF), with which it comes from everywhere then. Safari blocks cookies of other sites "
        "even so, and Firefox keeps them apart for each site; a token in the client's option auth "
        "works everywhere.",
        (
            'app.config["SESSION_COOKIE_SAMESITE"] = "None"',
            'app.config["SESSION_COOKIE_SECURE"] = True',
        ),
    )


# --- Strangers ---------------------------------------------------------------------------------

#: Origins that have nothing in common, and that nobody has (RFC 2606, section 2).
_STRANGERS: Final = ("https://a.invalid", "https://b-2.site.test", "https://localhost.example")


def _strangers(
    app: Flask, options: Options, server: str, strangers: Iterable[str]
) -> Iterator[Truth]:
    """Ask the functions about strangers of our making, and yield what they let in."""
    strangers = list(strangers)
    for asked in options.functions:
        stranger = next((one for one in strangers if _lets_in(app, asked, server, one)), None)
        if stranger is None:
            continue
        name = name_of(asked.function)
        source = options.sources.get("ORIGINS", options.key("ORIGINS"))
        told = f"{name}, in {source}, lets in {stranger!r}, which was made up to ask."
        if options.supports_credentials:
            switch = options.sources["SUPPORTS_CREDENTIALS"]
            told += (
                f" As {switch} is on, strangers' pages can act in the name of whoever visits them: "
                "let it compare whole origins, and return False for those that it does not know."
            )
        else:
            told += " So strangers' pages may connect, though without their visitors' cookies."
        yield Truth("function-lets-strangers-in", told)


def _lets_in(app: Flask, asked: OriginFunction, server: str, origin: str) -> bool:
    more = (ask_environ(app, server, origin),) if asked.needs_environ else ()
    try:
        with app.app_context():
            return asked.ask(origin, *more) is True
    except Exception:  # noqa: BLE001 - what it does of strangers is nobody's business but its own
        return False


def _as_page(server: str, origin: str) -> str:
    """Return a server's origin with the scheme of its page."""
    return f"{urlsplit(origin).scheme}://{server.partition('://')[2]}"


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""
