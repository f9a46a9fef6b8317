"""Origins of strangers that a careless pattern takes for a given one."""

from __future__ import annotations

from collections.abc import Iterable

from .grammar import DEFAULT_PORTS, OPAQUE_ORIGINS, is_address, split
from .sites import registrable


def neighbours(origin: str) -> tuple[str, ...]:
    """Return look-alikes of an origin, those that a careless pattern most likely lets in first.

    :param origin: as browsers serialise it.
    """
    if origin in OPAQUE_ORIGINS:
        return ()
    scheme, host, port = _split(origin)
    is_web = scheme in DEFAULT_PORTS
    kind = _of_apps if not is_web else _of_addresses if is_address(host) else _of_names
    # A pattern without a start: apps choose their schemes and hosts freely.
    found = [*kind(scheme, host, port), f"attacker-{scheme}://{host}{port}"]
    return tuple(dict.fromkeys(name for name in found if name != origin))


def longer_port(origin: str) -> str | None:
    """Return the origin with a digit more, which a pattern without an end takes.

    Above 65535 no browser has such a port, but what lets it in has no end all the same.
    """
    return f"{origin}0" if _split(origin)[2] else None


def other_port(origin: str) -> str | None:
    """Return an origin that differs in the port alone: another server of the same machine."""
    scheme, host, port = _split(origin)
    other = f"{scheme}://{host}:{8471 if port == ':4711' else 4711}"
    return other if scheme in DEFAULT_PORTS else None


def _split(origin: str) -> tuple[str, str, str]:
    """Return scheme, host as it is written, and port with its colon."""
    scheme, host, port = split(origin)
    return scheme, host, f":{port}" if port else ""


def _of_names(scheme: str, host: str, port: str) -> Iterable[str]:
    owned = registrable(host)
    below = host.removesuffix(owned)
    # No end; no start; dots that stand for any character.
    hosts = [f"{host}.attacker.example", f"attacker{owned}", f"{below}attacker{owned}"]
    if below:
        hosts.append(f"{below[:-1]}x{owned}")
    if "." in owned:
        hosts.append(f"{below}{owned.replace('.', 'x', 1)}")
    return [f"{scheme}://{name}{port}" for name in hosts]


def _of_addresses(scheme: str, host: str, port: str) -> Iterable[str]:
    if host.startswith("["):
        return []
    first, *between, last = host.split(".")
    near = [(first, f"{last}{n}") for n in "05"] + [(f"{n}{first}", last) for n in "12"]
    real = [(a, b) for a, b in near if int(a) <= 255 and int(b) <= 255]
    hosts = [".".join([a, *between, b]) for a, b in real][:2]
    hosts += [f"{host}.attacker.example", f"{'.'.join([first, *between])}x{last}"]
    return [f"{scheme}://{name}{port}" for name in hosts]


def _of_apps(scheme: str, host: str, port: str) -> Iterable[str]:
    yield f"{scheme}://{host}x{port}"
    if host.strip("."):
        yield f"{scheme}://attacker{host}{port}"
    if scheme.endswith("-extension"):
        yield f"{scheme}://{'a' * 32}"
