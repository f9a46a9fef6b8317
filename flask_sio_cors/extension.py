"""The extension object: reads the configuration and puts everything in its place."""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from .config.functions import AllowRequest
from .config.options import Options
from .config.problems import Problem
from .door.guard import Guard
from .door.journal import Journal
from .door.policy import Policy
from .door.stray import stray_hook
from .door.waiting import interrupter_of

if TYPE_CHECKING:
    from flask import Flask
    from flask_socketio import SocketIO

# Options of Flask-SocketIO that SioCors replaces, and what others write in their place.
_OWN_OPTIONS: Final = ("cors_allowed_origins", "cors_credentials")
_MEANT_OPTIONS: Final = ("cors", "origin", "origins", "allowed_origins", "allow_origins")


class SioCors:
    """Decides which web origins may talk to an application's Flask-SocketIO server.

    .. code-block:: python

        app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com"]
        socketio = SocketIO(app)
        SioCors(app)

    :param app: the application; without it, call :meth:`init_app` in the factory.
    :param socketio: the application's ``SocketIO``, where it cannot be found in
        ``app.extensions["socketio"]``.
    :raise ConfigError: with every mistake in the configuration; the app is left as it was.
    :raise RuntimeError: before ``SocketIO(app)``, or a second time on one app.
    :raise TypeError: if the application is none, such as ``SioCors(socketio)``.
    """

    def __init__(self, app: Flask | None = None, socketio: SocketIO | None = None) -> None:
        self._allow_request: AllowRequest | None = None
        # The guards live in their applications; this only finds them again.
        self._guards: weakref.WeakKeyDictionary[Flask, weakref.ref[Guard]] = (
            weakref.WeakKeyDictionary()
        )
        if app is not None:
            self.init_app(app, socketio)

    def init_app(self, app: Flask, socketio: SocketIO | None = None) -> None:
        """Install the extension on an application, after ``SocketIO(app)``.

        The parameters and errors are those of the class.
        """
        if not hasattr(app, "extensions"):
            raise TypeError(
                f"SioCors was given a {type(app).__name__} as its application. Write SioCors(app), "
                "or SioCors(app, socketio)."
            )
        if "sio_cors" in app.extensions:
            raise RuntimeError(
                "SioCors is already installed on this application. Remove the second SioCors(app) "
                "or init_app(app); to apply a changed configuration, call cors.reconfigure(app)."
            )
        socketio = socketio or app.extensions.get("socketio")
        middleware = _find_middleware(app, socketio)
        options = self._read(app, _conflicts(socketio))

        journal, server = Journal(), middleware.engineio_app
        interrupter = interrupter_of(server.eio.async_mode)
        policy = Policy(options, journal, interrupter)
        guard = Guard(server, policy, lambda: middleware.wsgi_app, journal, interrupter)
        hook = stray_hook(guard, middleware.engineio_path)
        # Nothing can fail from here on.
        middleware.engineio_app = guard
        server.eio.cors_allowed_origins = guard.allows
        server.eio.cors_credentials = options.supports_credentials
        # First of all hooks: a login that redirects would hide what is wrong from the page.
        app.before_request_funcs.setdefault(None, []).insert(0, hook)
        app.extensions["sio_cors"] = self
        self._guards[app] = weakref.ref(guard)

    def reconfigure(self, app: Flask) -> None:
        """Read ``app.config`` again and put the new policy in force, for all requests at once.

        A connected WebSocket stays; a client that polls is judged at its next request.

        :raise ConfigError: if it has a mistake; the old policy stays in force.
        :raise RuntimeError: if the extension is not installed on this application.
        """
        self._apply(self._guard(app), self._read(app))

    def policy(self, app: Flask) -> Policy:
        """Return the policy that is in force on an application."""
        return self._guard(app).policy

    def allow_request(self, function: AllowRequest) -> AllowRequest:
        """Decorate the function that decides about each handshake, Socket.IO's ``allowRequest``.

        It takes the :class:`flask.Request` and returns ``True`` or ``False``, or raises
        ``flask_socketio.ConnectionRefusedError("why")``; ``session`` and the like work in it.
        Anything else it does refuses the handshake and is logged.

        :raise ConfigError: if it cannot be called with the request alone, or if
            ``SIO_CORS_ALLOW_REQUEST`` names another one.
        :raise RuntimeError: if another function is already decorated.
        """
        if self._allow_request is not None:
            raise RuntimeError(
                f"@cors.allow_request already decorates {self._allow_request!r}; one place decides."
            )
        Options.from_config({"SIO_CORS_ALLOW_REQUEST": function})
        read = [
            (guard, Options.from_config(app.config, allow_request=function))
            for app, reference in self._guards.items()
            if (guard := reference()) is not None
        ]
        self._allow_request = function
        for guard, options in read:
            self._apply(guard, options)
        return function

    def _read(self, app: Flask, problems: Iterable[Problem] = ()) -> Options:
        return Options.from_config(app.config, allow_request=self._allow_request, problems=problems)

    def _apply(self, guard: Guard, options: Options) -> None:
        engineio = guard.engineio.eio
        # Whoever reaches Engine.IO past the guard never sees one policy's origins with the
        # other's credentials.
        engineio.cors_credentials = False
        guard.policy = Policy(options, guard.journal, guard.interrupter)
        engineio.cors_credentials = options.supports_credentials

    def _guard(self, app: Flask) -> Guard:
        reference = self._guards.get(app)
        guard = reference() if reference is not None else None
        if guard is None:
            raise RuntimeError(
                "This SioCors is not installed on the application. Call init_app(app) first."
            )
        return guard


def _find_middleware(app: Flask, socketio: SocketIO | None) -> Any:
    """Return Flask-SocketIO's WSGI middleware of this application."""
    if socketio is None:
        raise RuntimeError(
            "SioCors needs the application's SocketIO to be there first. Move SioCors(app), or "
            "cors.init_app(app), below SocketIO(app), or socketio.init_app(app)."
        )
    middleware = getattr(socketio, "sockio_mw", None)
    if middleware is not None and middleware.flask_app is app:
        return middleware
    # One SocketIO object initialised on several applications remembers the last one only.
    is_own = app.extensions.get("socketio") is socketio
    if is_own and getattr(app.wsgi_app, "flask_app", None) is app:
        return app.wsgi_app
    raise RuntimeError(
        "The SocketIO that SioCors was given is not installed on this application. Call "
        "socketio.init_app(app) first, and cors.init_app(app) right after it."
    )


def _conflicts(socketio: SocketIO | None) -> Iterable[Problem]:
    given = getattr(socketio, "server_options", {})
    others = [f"{name}={value!r}" for name, value in given.items() if not _is_about_cors(name)]
    call = f"SocketIO({', '.join(['app', *others])})"
    for name, value in given.items():
        if not _is_about_cors(name):
            continue
        reason = (
            "decides in another place; with SioCors, the SIO_CORS_ settings decide"
            if name in _OWN_OPTIONS
            else "is no option of Flask-SocketIO, so it silently does nothing"
        )
        yield Problem(f"SocketIO({name}=…)", value, reason, call)


def _is_about_cors(option: str) -> bool:
    return (
        option in _MEANT_OPTIONS
        or option.startswith("cors_")
        or bool(difflib.get_close_matches(option, _OWN_OPTIONS, 1, 0.8))
    )
