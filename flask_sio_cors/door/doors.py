"""All the doors of one application: a guard before each of its servers, the same rules for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial, wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from flask_socketio import SocketIO

from ..config.conflicts import conflicts, replaced_options
from ..config.keys import PREFIX
from ..config.options import Options
from ..config.policies import POLICIES
from ..config.problems import ConfigError
from ..origins.live import LiveOrigins
from .guard import Guard
from .journal import Journal, logger
from .observer import Observed, Observer, without_functions
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


class _Door:
    """The way to one server, which a guard or an observer stands in.

    :param app: the application.
    :param middleware: Flask-SocketIO's, that hands requests to the server.
    :param guard: the server's.
    :param observer: the one who looks on, where nothing is enforced.
    :param told: what its ``SocketIO`` was told, by the names of its options.
    """

    def __init__(
        self,
        app: Flask,
        middleware: Any,
        guard: Guard,
        observer: Observer,
        told: Mapping[str, Any],
    ) -> None:
        self.told = told
        self._app = app
        self.guard = guard
        self._middleware = middleware
        self._observer = observer
        self._engineio = guard.engineio.eio
        self._theirs = self._engineio.cors_allowed_origins, self._engineio.cors_credentials
        self._answer = self._engineio.handle_request

    def open(self, policies: Policies, unasking: Policies) -> None:
        """Let the server answer as it was told; only look on.

        :param unasking: the policies without the application's functions.
        """
        self._observer.apply(policies, unasking)
        self.guard.is_enforced = False
        self._engineio.cors_allowed_origins, self._engineio.cors_credentials = self._theirs
        self._engineio.handle_request = self._answer
        self._middleware.engineio_app = self._observer

    def close(self) -> None:
        """Let nobody by without the guard, whichever way a request comes."""
        self._engineio.handle_request = self.guard.guarding(self._app, self._answer)
        # What Engine.IO would do about origins is done: `[]` has it do nothing.
        self._engineio.cors_allowed_origins, self._engineio.cors_credentials = [], False
        self.guard.is_enforced = True
        self._middleware.engineio_app = self.guard


class Doors:
    """The guards of an application's Socket.IO servers.

    :param app: the application.
    :param options: its settings.
    :param interrupter: ends a function of the application that takes too long, where the
        server can.
    :param observed: where observations go while nothing is enforced.
    :param live: a policy's name → origins that it lets in beside those of its settings, and that
        change meanwhile.
    :ivar first_request: calls what is to begin in the process that serves.
    :ivar mounts: the servers' paths within the application, with their slashes.
    :ivar missed: the paths that are meant for a server, and that none answers.
    """

    def __init__(
        self,
        app: Flask,
        options: Options,
        interrupter: Interrupter,
        observed: Observed,
        live: Mapping[str, LiveOrigins],
    ) -> None:
        self.app = app
        self.journal = Journal()
        self.interrupter = interrupter
        self.first_request = FirstRequest()
        self._revocation = Revocation(lambda: self.guards, self.first_request, interrupter)
        self.mounts: tuple[str, ...] = ()
        self.missed: frozenset[str] = frozenset()
        self._observed = observed
        self._doors: tuple[_Door, ...] = ()
        # A server that comes while the policy is replaced gets the new one.
        self._lock = Lock()
        self._put(options, live)
        # By then, a function that is to choose has been decorated.
        self.first_request.call(self._tell_of_unchosen)

    @property
    def guards(self) -> tuple[Guard, ...]:
        """One for each server."""
        return tuple(door.guard for door in self._doors)

    @property
    def told(self) -> tuple[Mapping[str, Any], ...]:
        """What each ``SocketIO`` was told, by the names of its options."""
        return tuple(door.told for door in self._doors)

    def guard(self, middleware: Any, told: Mapping[str, Any]) -> None:
        """Put a guard between one of Flask-SocketIO's middlewares and its server.

        :param told: what its ``SocketIO`` was told, by the names of its options.
        """
        server = middleware.engineio_app
        with self._lock:
            guard = Guard(
                server, self.policies, lambda: middleware.wsgi_app, self.journal, self.interrupter
            )
            guard.first_request = self.first_request
            guard.watch_sessions()
            door = _Door(
                self.app, middleware, guard, Observer(self.app, guard, self._observed), told
            )
            self._doors += (door,)
            self._settle((door,))
            self.mounts = tuple(dict.fromkeys((*self.mounts, middleware.engineio_path)))
            without_slash = {mount.rstrip("/") for mount in (*self.mounts, _DEFAULT_MOUNT)}
            self.missed = frozenset({*without_slash, _DEFAULT_MOUNT})

    def apply(self, options: Options, live: Mapping[str, LiveOrigins]) -> None:
        """Put other settings in force before all servers, and end the sessions that they refuse.

        :param live: as of the class.
        """
        with self._lock:
            self._put(options, live)
            self._settle(self._doors)
        if not options.report_only:
            self._revocation.begin(asks=True)

    def _tell_of_unchosen(self) -> None:
        """Warn of policies that only a function could choose, where there is none."""
        unchosen = [name for name, one in self.policies.named.items() if not one.options.hosts]
        if unchosen and self.policies.default.options.choose_policy is None:
            logger.warning(
                "%s has no HOSTS for %s, and no function is decorated with @cors.choose_policy: "
                "nothing chooses them.",
                POLICIES,
                ", ".join(map(repr, unchosen)),
            )

    def _lost(self, names: Iterable[str]) -> None:
        """Forget whom these policies let in, and end the sessions of those who get in no more."""
        self.policies.forget(names)
        self._unasking.forget(names)
        if not self.policies.default.options.report_only:
            self._revocation.begin(asks=False)

    def _put(self, options: Options, live: Mapping[str, LiveOrigins]) -> None:
        made = partial(
            Policies, self.app, journal=self.journal, interrupter=self.interrupter, live=live
        )
        self.policies = self._unasking = made(options)
        if options.report_only:
            self._unasking = made(without_functions(options))
            logger.warning(
                "%sREPORT_ONLY is set: nothing is enforced. Each request is judged, and answered "
                "as without SioCors. Who asks is shown by: flask sio-cors observed",
                PREFIX,
            )
        self._watch(live)

    def _watch(self, live: Mapping[str, LiveOrigins]) -> None:
        """Hear of it when something is lost that some policies let in."""
        names: dict[int, list[str]] = {}
        for name, one in live.items():
            names.setdefault(id(one), []).append(name)
        for one in live.values():
            one.lost = partial(self._lost, names[id(one)])

    def _settle(self, doors: tuple[_Door, ...]) -> None:
        if self.policies.default.options.report_only:
            for door in doors:
                door.open(self.policies, self._unasking)
            return
        for door in doors:
            door.guard.policies = self.policies
            door.close()
            if replaced := replaced_options(door.told):
                logger.warning("%sOVERRIDE is set: %s", PREFIX, replaced)


def doors_of(app: Any) -> Doors | None:
    """Return the doors of an application; ``None`` where SioCors is not installed on it."""
    doors: Doors | None = getattr(app, "extensions", {}).get(KEY)
    return doors


def told_to(server: Any) -> dict[str, Any]:
    """Return what a server was told about origins, whose ``SocketIO`` object is not known."""
    usual = {"cors_allowed_origins": None, "cors_credentials": True}
    found = {name: getattr(server.eio, name) for name in usual}
    return {name: value for name, value in found.items() if value is not usual[name]}


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
        doors = doors_of(app)
        if doors is not None:
            told = {**socketio.server_options, **options}
            if problems := conflicts([told], doors.app.config, doors.app):
                raise ConfigError(problems)
        init_app(socketio, app, **options)

    return init_app_without_conflicts


def _guarding(make: Callable[..., None]) -> Callable[..., None]:
    @wraps(make)
    def make_with_guard(middleware: Any, *arguments: Any, **named: Any) -> None:
        make(middleware, *arguments, **named)
        doors = doors_of(middleware.flask_app)
        if doors is not None:
            doors.guard(middleware, told_to(middleware.engineio_app))
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
