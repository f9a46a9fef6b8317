"""What to change where a proxy hides from a server that a page is its own, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..origins.grammar import split
from ..origins.near import entries_for
from ..origins.sets import OriginSet
from . import proxies
from .address import FORWARDED_HOST, HOST, name_and_port
from .documentation import PROXIES
from .hidden import Clue, Lost, Said, Server

#: How many of the own origins are told.
_SHOWN: Final = 3
_MORE: Final = f"Other proxies: see {PROXIES}"
_CLUES: Final = {
    Clue.BROWSER: (
        "; its polling works, since the browser says whose page it is, and its WebSocket, with "
        "which Chromium does not, is refused"
    ),
    Clue.SESSION: (
        "; its session began without an Origin header, as browsers ask their page's own server"
    ),
    Clue.UNAPPLIED: "; X-Forwarded-Host names it, and ProxyFix leaves that out",
}


def explain_own(origin: str, server: Server, key: str) -> str:
    """Say why a server takes a page for a stranger's that is most likely its own.

    :param key: where the own origins are named.
    """
    if server.untrusted:
        return _explain_untrusted(origin, server, key)
    if server.named:
        known = sorted(server.named)[:_SHOWN]
        missing = [entry for entry in entries_for(origin, OriginSet()) if entry not in server.named]
        listed = ", ".join(map(repr, [*known, *missing]))
        more = ", …" * (len(server.named) > _SHOWN)
        shown = "is this server's own, as the browser says"
        if server.clue is Clue.ADDRESS:
            shown = "is most likely this server's own, which is asked by that name"
        return (
            f"{origin!r} {shown}, and {key} does not name it "
            f"for this Host. Add it: {key} = [{listed}{more}]."
        )
    told = f"{origin!r} is most likely this server's own, but the server takes itself for "
    told += f"{taken_for(server)}{_says(origin, server)}"
    if server.clue is not None:
        told += _CLUES.get(server.clue, "")
    if server.clue is Clue.NAMED:
        counts = ", of which the first value counts" * (server.named_by == FORWARDED_HOST)
        told += f"; the {server.named_by} header names it{counts}"
    return f"{told}. {_cures(origin, server, key)}"


def explain_perhaps_own(origin: str, server: Server, key: str) -> str:
    """Say what to do if a page is the server's own, which it need not be.

    :param key: where the own origins are named.
    """
    return f"If it is this server's own page, a proxy hides that. {_cures(origin, server, key)}"


def taken_for(server: Server) -> str:
    """Return what a server takes itself for, and from what it has that."""
    if server.named:
        return ", ".join(sorted(server.named)[:_SHOWN])
    return f"{ascii(server.address.origin[:120])[1:-1]} ({_sources(server)})"


def _sources(server: Server) -> str:
    said = server.said
    if said.is_supposed:
        return "see --host"
    if said.is_fixed:
        return "as ProxyFix has it"
    proto = f"X-Forwarded-Proto says {said.proto[:40]!a}"
    if not said.proto:
        proto = "no X-Forwarded-Proto came"
    expected = ", and the configuration speaks for https:" * said.is_expected
    return f"from {server.address.header}; {proto}{expected}"


def _says(origin: str, server: Server) -> str:
    scheme, _, port = split(origin)
    says = [f"{scheme}:"] * (Lost.SCHEME in server.lost)
    if Lost.PORT in server.lost:
        says.append(f"port {port}" if port else "no port")
    return f", and the page says {' and '.join(says)}" if says else ""


def _explain_untrusted(origin: str, server: Server, key: str) -> str:
    who = "X-Forwarded-Host" if server.clue is Clue.UNTRUSTED else "the browser"
    return (
        f"{origin!r} is most likely this server's own, as {who} says, but "
        f"{server.untrusted[:120]!a} is not in TRUSTED_HOSTS, so that this counts for nothing. "
        f"Add it there. {_cures(origin, server, key)}"
    )


def _cures(origin: str, server: Server, key: str) -> str:
    said = server.said
    cures = []
    if Lost.HOST in server.lost:
        cures.append(_host_cure(origin, server, said))
    if Lost.SCHEME in server.lost:
        cures.append(_scheme_cure(origin, said))
    if Lost.PORT in server.lost:
        is_unapplied = server.clue is Clue.UNAPPLIED
        header = FORWARDED_HOST if is_unapplied else server.address.header
        cures.append(_pass_on(header, said.proxy))
    unread = [f"the {name} header{' (RFC 7239)' * (name == 'Forwarded')}" for name in said.unread]
    ignored = f" Nobody here reads {' and '.join(unread)}, which came." if unread else ""
    if server.home:  # Whose own pages are to get in there, and nowhere else.
        host = split(origin)[1]
        other = f"Then the policy {server.home!r} applies, which {host} is a host of."
    else:
        other = f"Or set {key} = {list(entries_for(origin, OriginSet()))!r}."
    return f"{' '.join([*cures, ''])}{other}{ignored} {_MORE}"


def _pass_on(header: str, proxy: str) -> str:
    lines = proxies.HOST if header == HOST else {"nginx": f"proxy_set_header {header} $http_host;"}
    return f"Let the proxy pass {header} on as it came{_written(lines, proxy)}."


def _written(lines: Mapping[str, str], *shown: str) -> str:
    """Return how that is written in the proxy that shows; in nginx, as the most common one.

    :param lines: by the key of a proxy; where it has none for that which shows, it is named alone.
    :param shown: the proxy's key, or those that it may be; ``""`` where none shows.
    """
    told = []
    for proxy in dict.fromkeys(one or "nginx" for one in shown):
        line = lines.get(proxy, "")
        told.append(f"{proxies.NAMES[proxy]}: {line}" if line else proxies.NAMES[proxy])
    return f" ({' '.join(told)})"


def _host_cure(origin: str, server: Server, said: Said) -> str:
    if server.clue is Clue.UNAPPLIED:
        names = [name_and_port(host)[0] for host in said.hosts]
        place = len(names) - names.index(split(origin)[1])
        return f"Let ProxyFix apply it: ProxyFix(app.wsgi_app, x_host={place})."
    return _pass_on(HOST, said.proxy)


def _scheme_cure(origin: str, said: Said) -> str:
    values = [value.strip().lower() for value in said.proto.split(",")]
    scheme = split(origin)[0]
    if said.is_fixed and scheme in values:
        place = len(values) - values.index(scheme)
        return f"Let ProxyFix apply the scheme: ProxyFix(app.wsgi_app, x_proto={place})."
    if values[0] in ("http", "ws"):
        inner = (said.proxy,) if said.proxy in proxies.SURE else ("nginx", said.proxy)
        written = _written(proxies.OUTER_SCHEME, *inner)
        return f"Let the inner proxy pass on what the outer one says{written}."
    return f"Let the proxy send X-Forwarded-Proto{_written(proxies.SCHEME, said.proxy)}."
