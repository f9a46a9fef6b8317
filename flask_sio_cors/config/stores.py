"""``SIO_CORS_ORIGINS_STORE``: where the origins are kept that every worker shares."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from ..origins.grammar import Example
from .corrections import Report
from .sources import Source, without_password
from .values import kind_of

_EMBEDDED: Final = "sqlite:///origins.sqlite3"
_SERVER: Final = Example("redis://localhost:6379/0")
_SOCKET: Final = Example("unix:///run/redis/redis.sock")
_OF_REDIS: Final = ("redis", "rediss", "unix")
_LIKE_REDIS: Final = {"valkey": "redis", "valkeys": "rediss", "redict": "redis", "tcp": "redis"}
#: The parameters that are ours; all others are the driver's.
_OWN: Final = ("key", "every")
#: What a store of the application's own has to have.
_METHODS: Final = ("version", "load", "changes_since", "write", "wait")


@dataclass(frozen=True, repr=False)
class StoreLocation:
    """Where a store is.

    :param scheme: ``sqlite``, ``redis``, ``rediss`` or ``unix``.
    :param address: of a server, its URL without `key`; of a file, its path.
    :param key: tells sets in one store apart; ``""`` where none was written.
    :param every: how often each worker asks it for its version, in seconds.
    :param policy: the name of the policy that has written it for itself; ``""`` for the settings
        outside ``SIO_CORS_POLICIES``.
    """

    scheme: str
    address: str
    key: str
    every: float = 1.0
    policy: str = ""

    def namespace(self, app: str) -> str:
        """Return the key: where none was written, a policy has one that is no other policy's.

        :param app: the application's name.
        """
        parts = [app, self.policy] if self.policy else [app]
        # Neither name can be read as part of the other.
        escaped = (part.replace("%", "%25").replace("/", "%2F") for part in parts)
        return self.key or "/".join(escaped)

    def __str__(self) -> str:
        url = f"sqlite:///{self.address}" if self.scheme == "sqlite" else self.address
        own = {"key": self.key} if self.key else {}
        query = urlencode(own | ({"every": f"{self.every:g}"} if self.every != 1 else {}))
        return without_password(f"{url}{'&' if '?' in url else '?'}{query}" if query else url)

    def __repr__(self) -> str:
        return repr(str(self))


def key_to_add(written: Any, app: str) -> str:
    """Return what names the default policy's list where another policy has its URL, as its end.

    :param written: the default policy's ``SIO_CORS_ORIGINS_STORE``.
    :param app: the application's name.
    """
    if not isinstance(written, str) or dict(parse_qsl(urlsplit(written).query)).get("key"):
        return ""
    key = StoreLocation("", "", "").namespace(app)
    return f"{'&' if '?' in written else '?'}{urlencode({'key': key})}"


def of_policy(setting: Any, policy: str) -> Any:
    """Return the store that a policy has set for itself."""
    return replace(setting, policy=policy) if isinstance(setting, StoreLocation) else setting


def read_store(value: Any, report: Report) -> Any:
    """Read the URL of a store, or a store itself; ``None`` where it was neither, or no text."""
    if not isinstance(value, str):
        return _read_object(value, report)
    text = value.strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - which raises where it is none
    except ValueError as error:
        fault: tuple[str, object] | None = (f"is no URL: {error}", _SERVER)
    else:
        fault = _fault_of_slashes(text, parts) or _fault(parts)
    if fault is not None:
        report(without_password(value), *fault)
        return None
    query = dict(parse_qsl(parts.query))
    key, every = query.pop("key", ""), float(query.pop("every", 1))
    if parts.scheme == "sqlite":
        return StoreLocation("sqlite", parts.path[1:], key, every)
    # Not by `geturl`, which leaves the slashes away where no host is between them.
    more = f"?{urlencode(query)}" if query else ""
    address = f"{parts.scheme}://{parts.netloc}{parts.path}{more}"
    return StoreLocation(parts.scheme, address, key, every)


def _fault_of_slashes(text: str, parts: SplitResult) -> tuple[str, object] | None:
    """Return what is wrong with the URL of a file that would be read as another one's."""
    if parts.scheme != "sqlite" or text[len("sqlite:") :].startswith("//"):
        return None
    query = f"?{parts.query}" if parts.query else ""
    reason = "has no three slashes after the colon, behind which a file's name comes"
    return reason, f"sqlite:///{parts.path}{query}" if parts.path else _EMBEDDED


def _fault(parts: SplitResult) -> tuple[str, object] | None:
    """Return why a URL is no store's, and what to write; ``None`` where it is one."""
    every = dict(parse_qsl(parts.query)).get("every", "1")
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?", every) or not 0.1 <= float(every) <= 60:
        reason = f"has every={every}, where a number of seconds from 0.1 to 60 is needed"
        pairs = [
            (name, "1" if name == "every" else value) for name, value in parse_qsl(parts.query)
        ]
        mended = urlencode(pairs)
        return reason, without_password(parts.geturl().replace(parts.query, mended))
    if re.fullmatch(r"redis|[\w.-]+:6379(?:/[0-9]+)?", parts.geturl()):
        return "is no URL; a server's begins with redis://", f"redis://{parts.geturl()}"
    if parts.scheme == "sqlite":
        return _fault_of_file(parts)
    if parts.scheme in _OF_REDIS:
        return _fault_of_server(parts)
    if parts.scheme in _LIKE_REDIS:
        meant = f"{_LIKE_REDIS[parts.scheme]}{parts.geturl()[len(parts.scheme) :]}"
        reason = "names a server that speaks Redis's protocol by a name that nobody here knows"
        return reason, without_password(meant)
    if not parts.scheme or len(parts.scheme) == 1:
        reason = "is no URL; a file's begins with sqlite:///, and a server's with redis://"
        path = parts.geturl()
        is_name = re.fullmatch(r"[\w./\\:-]+", path) is not None
        return reason, f"sqlite:///{path}" if is_name else _EMBEDDED
    schemes = ", ".join(f"{scheme}://" for scheme in ("sqlite", *_OF_REDIS))
    reason = f"begins with {parts.scheme}:, where those that are known are {schemes}"
    return f"{reason}; any other is an object with the methods of Store", _EMBEDDED


def _fault_of_file(parts: SplitResult) -> tuple[str, object] | None:
    query = f"?{parts.query}" if parts.query else ""
    if parts.netloc:
        reason = "has two slashes after the colon, where a file's name comes after three"
        return reason, f"sqlite:///{parts.netloc}{parts.path}{query}"
    if parts.path in ("", "/", "/:memory:"):
        reason = "names no file, and what is in memory would be each process's own"
        return reason, _EMBEDDED
    if others := [name for name, _ in parse_qsl(parts.query) if name not in _OWN]:
        return f"has a parameter {others[0]!r}; there are key and every", _without_others(parts)
    return None


def _fault_of_server(parts: SplitResult) -> tuple[str, object] | None:
    if find_spec("redis") is None:
        reason = 'needs redis-py, which is not installed: pip install "Flask-SIO-CORS[redis]"'
        return reason, _EMBEDDED
    if parts.scheme == "unix":
        has_path = bool(parts.path.strip("/"))
        return None if has_path else ("names no socket", _SOCKET)
    if not parts.hostname:
        return "names no server", _SERVER
    if not re.fullmatch(r"/?|/[0-9]+", parts.path):
        reason = f"has {parts.path!r}, where a database is a number, and a name is a key"
        named = parts._replace(path="/0", query=urlencode({"key": parts.path.strip("/")}))
        return reason, without_password(named.geturl())
    return None


def _without_others(parts: SplitResult) -> str:
    own = [pair for pair in parse_qsl(parts.query) if pair[0] in _OWN]
    return f"sqlite://{parts.path}{'?' if own else ''}{urlencode(own)}"


def _read_object(value: Any, report: Report) -> Any:
    methods = [name for name in _METHODS if not callable(getattr(value, name, None))]
    if isinstance(value, type) and not methods:
        report(value, "is a class, where a store is needed, which calling it makes", _called(value))
    elif len(methods) == len(_METHODS):
        report(value, f"is {kind_of(value)}, where the URL of a store is needed", _EMBEDDED)
    elif methods:
        missing = " and ".join(", ".join(f"{name}()" for name in methods).rsplit(", ", 1))
        report(value, f"is no store, since it has no {missing}", _EMBEDDED)
    return value


def _called(store: type) -> Source:
    return Source(f"{store.__name__}()")
