"""What is worth knowing besides: who does not reach the server, and what is not known."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from ...browser import wording
from ...browser.fetch import Response
from ...origins.grammar import is_loopback
from ..console import POLL_ERROR, Console
from ..facts import OUT_OF_REACH, Case, Facts
from ..findings import Rule, Severity, pair, silent
from ..fixes import Fix, allowing
from ..wire import Failure
from .session import HASTY, is_hasty

# --- Servers that not every visitor's browser reaches -----------------------------------------
#
# Chromium lets pages of public sites ask them only where the visitor permits it, and only from
# pages served by https (https://wicg.github.io/local-network-access/).

_LOOPBACK, _LOCAL, _PUBLIC = "loopback", "local", "public"


def _space(found: tuple[str, ...]) -> str:
    """Return the address space (Local Network Access, section 2.1) that all addresses are of."""
    spaces = {_space_of(address) for address in found}
    return spaces.pop() if len(spaces) == 1 else ""


def _space_of(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return _LOOPBACK
    return _PUBLIC if ip.is_global else _LOCAL


def _is_near(host: str) -> bool:
    """Tell whether a page's host is itself an address of a private network."""
    try:
        return _space_of(host.strip("[]")) != _PUBLIC
    except ValueError:
        return False


def space_of(facts: Facts) -> str:
    """Return the space of a server's address that is nobody's but some visitors'."""
    asker = urlsplit(facts.page.origin).hostname or ""
    space = _space(facts.addresses)
    is_everybodys = space in ("", _PUBLIC) or is_loopback(asker) or _is_near(asker)
    return "" if is_everybodys else space


def _is_public(facts: Facts) -> bool:
    return facts.page.origin.startswith("http") and _space(facts.asker) == _PUBLIC


def is_kept_out(facts: Facts) -> bool:
    """Tell whether Chromium lets no such page ask the server."""
    is_plain = facts.page.origin.startswith("http://")
    return bool(space_of(facts)) and _is_public(facts) and is_plain


def _is_open(facts: Facts) -> bool:
    """Tell whether nothing nearer is in the way."""
    stopped = facts.stopped
    failure = stopped.fetched.failure if stopped is not None else None
    is_open = stopped is None or (failure is not None and failure.trouble in OUT_OF_REACH)
    return is_open and not (facts.is_spent or is_kept_out(facts))


def _there(case: Case) -> str:
    """Say which addresses the server has here."""
    return f"{urlsplit(case.url).hostname} is {', '.join(case.facts.addresses)}"


def _asking(case: Case, *, is_secure: bool) -> tuple[str, ...]:
    """Return what Chromium prints of a page that asks a private network."""
    url, origin, space = case.url, case.facts.page.origin, space_of(case.facts)
    return wording.chromium_local_network(url, origin, space, is_secure=is_secure)


def _permission(case: Case) -> str:
    said = _asking(case, is_secure=True)[0].partition("policy: ")[2]
    return f"Chromium asks the visitors of a public page for permission first; where they do not give it, its console says: “{said}”"


KEPT_OUT: Final = (
    Rule("local-network", lambda c: is_kept_out(c.facts),
         "A public page asks a private network.",
         lambda c: f"The page is public and served by http:, the server is not public ({space_of(c.facts)}). Chromium lets no such page ask it; a page served by https: may, if its visitor permits it.",
         "Serve the page by https:, or give the server a public address.",
         printed=lambda c: Console((), _asking(c, is_secure=False), POLL_ERROR), is_proven=False),
)  # fmt: skip


# --- What is not known -----------------------------------------------------------------------


def _spent(case: Case) -> tuple[str, str]:
    facts = case.facts
    cause = f"It ended after {facts.requests} requests and {facts.seconds:.0f} seconds, its bounds."
    slowest = max((one.seconds for one in facts.exchanges), default=0.0)
    if slowest <= facts.patience.aside:
        return cause, ""
    cause += f" The server is slow: one answer took {slowest:.0f} seconds. Socket.IO's client waits {facts.patience.page:g} seconds for a connection, so that pages may get one."
    return cause, _LATER


def _is_untold(facts: Facts) -> bool:
    """Tell whether what was to tell causes apart was not answered in time, or by a limit alone."""
    stopped, limits = facts.stopped or facts.unopened, (429, 503)
    outcomes = [one.outcome for one in facts.asides.values()]
    is_late = any(isinstance(one, Failure) and one.is_late for one in outcomes)
    is_limited = any(isinstance(one, Response) and one.status in limits for one in outcomes)
    if stopped is not None:
        # Who is silent, slow from the beginning, or turns requests away, does so to all.
        failure = stopped.fetched.failure
        is_slow = stopped.last.seconds > facts.patience.aside
        is_late &= not (is_slow or (failure is not None and failure.is_late))
        is_limited &= stopped.response.status not in limits
    return is_limited or (is_late and not facts.is_alone_served)


_INCOMPLETE: Final = "The examination is incomplete."
_LATER: Final = "Ask again when the server is less busy."
SPENT: Final = (
    Rule("incomplete", lambda c: c.facts.is_spent, _INCOMPLETE, *pair(_spent),
         printed=silent, is_proven=False),
)  # fmt: skip


def _asks_with_authorization(case: Case) -> bool:
    names = {name.lower() for name, _ in case.facts.page.headers}
    listed = [
        one.response.combined("Access-Control-Allow-Headers")
        for one in case.facts.handshake.exchanges
        if one.method == "OPTIONS" and one.response is not None
    ]
    return "authorization" in names and "*" in listed


# --- Sessions that stay away -----------------------------------------------------------------

#: What Flask signs, and what express-session does: an application's session, and nobody's else.
_SIGNED: Final = re.compile(r"\.?[\w-]+\.[\w-]{6}\.[\w-]{27,}|s%3A[\w-]+\.\S+")


def _session_cookies(facts: Facts) -> dict[str, Morsel[str]]:
    """Return the cookies of a session that the page's browser was sent and has not kept."""
    found: dict[str, Morsel[str]] = {}
    if not facts.handshake or facts.stopped is not None:
        return found
    for response in (one.response for one in facts.handshake.exchanges):
        for line in response.values("Set-Cookie") if response is not None else ():
            cookies = SimpleCookie()
            with suppress(CookieError):
                cookies.load(line)
            found |= cookies
    return {
        name: cookie
        for name, cookie in found.items()
        if name in facts.rejected and (name == "session" or _SIGNED.fullmatch(cookie.coded_value))
    }


def _left_out(case: Case) -> str:
    name, cookie = next(iter(_session_cookies(case.facts).items()))
    said = f"SameSite={cookie['samesite']}" if cookie["samesite"] else "no SameSite"
    secure = "Secure" if cookie["secure"] else "no Secure"
    return f"The server sets its session in the cookie {name}, with {said} and {secure}, by {case.facts.target.base.partition(':')[0]}. With requests of another site's page, as {case.facts.page.origin}, browsers neither keep it nor send it: the page connects, and finds an empty session."


_SENT_EVERYWHERE: Final = Fix(
    'app.config["SESSION_COOKIE_SAMESITE"] = "None"\napp.config["SESSION_COOKIE_SECURE"] = True',
    'session({ cookie: { sameSite: "none", secure: true } })   // express-session',
    "Serve the server by https:, and protect the application's own forms (CSRF), with which the cookie comes from everywhere then. (Safari keeps none all the same, and Firefox one for each site. A token in the client's option auth works everywhere.)",
)
_note: Final = partial(Rule, severity=Severity.NOTE, is_proven=False, printed=silent)

#: All that apply are told.
NOTES: Final = (
    Rule("authorization-wildcard", _asks_with_authorization,
         "“*” will not cover the Authorization header for ever.",
         "The Fetch standard leaves Authorization out of Access-Control-Allow-Headers: *; browsers let it pass still, and Firefox warns.",
         lambda c: allowing(c.facts.page, headers=[name for name, _ in c.facts.page.headers]),
         printed=lambda c: Console((wording.authorization_warning(c.url),)),
         severity=Severity.NOTE),
    _note("session-left-out", lambda c: _session_cookies(c.facts),
          "The visitor's session does not come with this page.", _left_out, _SENT_EVERYWHERE),
    replace(HASTY, severity=Severity.NOTE, printed=silent, is_proven=False,
            applies=lambda c: is_hasty(c) and c.facts.stopped is None),
    _note("only-here", lambda c: space_of(c.facts) == _LOOPBACK and _is_open(c.facts),
          lambda c: f"{urlsplit(c.url).hostname} is a different machine for everyone.",
          lambda c: f"{_there(c)} here: every visitor's own machine. For anyone but you nothing listens there. {_permission(c)}",
          "Use the name under which visitors reach the server."),
    _note("local-network",
          lambda c: space_of(c.facts) == _LOCAL and _is_public(c.facts) and _is_open(c.facts),
          lambda c: f"{urlsplit(c.url).hostname} is not public.",
          lambda c: f"{_there(c)}, an address of a private network: only visitors inside it reach the server. {_permission(c)}",
          "Give the server a public address, or serve the page from inside as well."),
    _note("incomplete", lambda c: _is_untold(c.facts), _INCOMPLETE,
          lambda c: f"Some requests that tell causes apart got no answer within {c.facts.patience.aside:g} seconds, or were turned away, so that the cause may be another one.",
          _LATER),
)  # fmt: skip
