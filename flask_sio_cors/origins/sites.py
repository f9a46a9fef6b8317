"""Sites: what browsers mean by one when they keep cookies (HTML standard, "same site")."""

from __future__ import annotations

from urllib.parse import urlsplit

from .suffixes import registered_part


def registrable(host: str | None) -> str:
    """Return the part of a host's name that its owner registered; an IP address as it is."""
    name = (host or "").rstrip(".")
    if ":" in name or name.rpartition(".")[2].isdigit() or "." not in name:
        return name
    return registered_part(name) or name


def is_same_site(origin: str, other: str) -> bool:
    """Tell whether two origins are of one site: subdomains are, other ports are, ``http:`` is not.

    :param origin: as browsers serialise it, as is `other`.
    """
    one, two = urlsplit(origin), urlsplit(other)
    is_same = one.scheme == two.scheme and registrable(one.hostname) == registrable(two.hostname)
    return is_same and bool(one.hostname)
