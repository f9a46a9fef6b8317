"""All the doors of one application: a guard before each of its servers, the same rules for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from flask_socketio import SocketIO

from ..config.conflicts import conflicts
from ..config.options import Options
from ..config.problems import ConfigError
from ..origins.live import LiveOrigins
from .guard import Guard
from .journal import Journal, logger
from .policies import Policies
from .revocation import Revocation
from .servers import Middleware
from .serving import FirstRequest
from .waiting import Interrupter

if TYPE_CHECKING:
    from flask import Flask

#: Where an application keeps its doors, in ``app.extensions``.
KEY: Final = "sio_cors_doors"

_DEFAULT_MOUNT: Final = "/socket.io/"


class Doors:
    """The guards of an application's Socket.IO servers.

    :param app: the application.
    :param options: its settings.
    :param interrupter: ends a function of the application that takes too long, where the
        server can.
    :param live: origins that are let in beside those of the settings, and change meanwhile.
    :ivar first_request: calls what is to begin in the process that serves.
    :ivar guards: one for each server.
    :ivar mounts: the servers' paths within the application, with their slashes.
    :ivar missed: the paths that are meant for a server, and that none answers.
    """

    def __init__(
        self,
        app: Flask,
        options: Options,
        interrupter: Interrupter,
        live: LiveOrigins | None = None,
    ) -> None:
        self.app = app
        self.journal = Journal()
        self.interrupter = interrupter
        self.first_request = FirstRequest()
        self._revocation = Revocation(lambda: self.guards, self.first_request, interrupter)
        self.guards: tuple[Guard, ...] = ()
        self.mounts: tuple[str, ...] = ()
        self.missed: frozenset[str] = frozenset()
        # A server that comes while the policy is replaced gets the new one.
        self._lock = Lock()
        self._live = live
        if live is not None:
            live.lost = self._lost
        self.policies = self._made(options)

    def guard(self, middleware: Any) -> None:
        """Put a guard between one of Flask-SocketIO's middlewares and its server."""
        server = middleware.engineio_app
        with self._lock:
            guard = Guard(
                server, self.policies, lambda: middleware.wsgi_app, self.journal, self.interrupter
            )
            guard.first_request = self.first_request
            guard.watch_sessions()
            middleware.engineio_app = guard
            server.eio.cors_allowed_origins = guard.allows
            server.eio.cors_credentials = self.policies.support_credentials
            self.guards += (guard,)
            self.mounts = tuple(dict.fromkeys((*self.mounts, middleware.engineio_path)))
            without_slash = {mount.rstrip("/") for mount in (*self.mounts, _DEFAULT_MOUNT)}
            self.missed = frozenset({*without_slash, _DEFAULT_MOUNT})

    def apply(self, options: Options) -> None:
        """Put other settings in force before all servers, and end the sessions that they refuse."""
        with self._lock:
            self.policies = self._made(options)
            # Whoever reaches Engine.IO past the guard never sees one policy's origins with the
            # other's credentials.
            for guard in self.guards:
                guard.engineio.eio.cors_credentials = False
            for guard in self.guards:
                guard.policies = self.policies
            for guard in self.guards:
                guard.engineio.eio.cors_credentials = self.policies.support_credentials
        self._revocation.begin(asks=True)

    def share(self, live: LiveOrigins | None) -> None:
        """Let in what a set holds that changes meanwhile, beside what the settings list.

        A policy with origins of its own is none of its business.
        """
        self._live = live
        if live is not None:
            live.lost = self._lost
        self.apply(self.policies.default.options)

    def _lost(self) -> None:
        """Forget who was let in, and end the sessions of those who are let in no more."""
        self.policies.forget()
        self._revocation.begin(asks=False)

    def _made(self, options: Options) -> Policies:
        return Policies(self.app, options, self.journal, self.interrupter, self._live)


def doors_of(app: Any) -> Doors | None:
    """Return the doors of an application; ``None`` where SioCors is not installed on it."""
    doors: Doors | None = getattr(app, "extensions", {}).get(KEY)
    return doors


def await_latecomers() -> None:
    """See to it that a server that joins a guarded application later is guarded from the start.

    It would answer its own path before any other part of the application sees the request. Its
    middleware gets the guard while it is made, and so before it is put around the application.
    """
    with _ONCE:
        _await_latecomers()


_ONCE: Final = Lock()


@cache
def _await_latecomers() -> None:
    SocketIO.init_app = _checking(SocketIO.init_app)
    Middleware.__init__ = _guarding(Middleware.__init__)


def _checking(init_app: Callable[..., None]) -> Callable[..., None]:
    @wraps(init_app)
    def init_app_without_conflicts(socketio: SocketIO, app: Flask | None, **options: Any) -> None:
        problems = conflicts({**socketio.server_options, **options}) if doors_of(app) else ()
        if problems := tuple(problems):
            raise ConfigError(problems)
        init_app(socketio, app, **options)

    return init_app_without_conflicts


def _guarding(make: Callable[..., None]) -> Callable[..., None]:
    @wraps(make)
    def make_with_guard(middleware: Any, *arguments: Any, **named: Any) -> None:
        make(middleware, *arguments, **named)
        doors = doors_of(middleware.flask_app)
        if doors is not None:
            doors.guard(middleware)
            _tell_to_move(middleware.engineio_path)

    return make_with_guard


def _tell_to_move(mount: str) -> None:
    path = "" if mount == _DEFAULT_MOUNT else f", path={mount.rstrip('/')!r}"
    logger.warning(
        "SocketIO(app%s) was created after SioCors(app). The same policy guards it, from its first "
        "request on; still, move SioCors(app) below SocketIO(app%s), so that all are there when it "
        "looks.",
        path,
        path,
    )
