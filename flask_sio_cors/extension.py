"""The extension object: reads the configuration and puts everything in its place."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .config.adding import adding, adding_at, adding_to
from .config.conflicts import conflicts
from .config.functions import AllowRequest, ChoosePolicy, why_no_chooser
from .config.options import Options, unread_keys
from .config.policies import DEFAULT, host_name, no_such_policy
from .config.warnings import warnings_of
from .door.doors import KEY, Doors, await_latecomers, doors_of, told_to
from .door.journal import logger
from .door.policies import Policies
from .door.policy import Policy
from .door.servers import Chain, find_servers
from .door.stray import stray_hook
from .door.waiting import interrupter_of
from .live.observed import Observations
from .live.opening import open_place
from .live.sharing import Sharing, shares_nothing

if TYPE_CHECKING:
    from flask import Flask
    from flask_socketio import SocketIO

    from .live.follower import State
    from .live.shared import SharedOrigins


class SioCors:
    """Decides which web origins may talk to an application's Flask-SocketIO servers.

    .. code-block:: python

        app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com"]
        socketio = SocketIO(app)
        SioCors(app)

    :param app: the application; without it, call :meth:`init_app` in the factory.
    :param socketio: the application's ``SocketIO``, or a list of them, where a wrapper hides them.
        Those that can be seen around the application are guarded in any case, by one policy.
    :raise ConfigError: with every mistake in the configuration; the app is left as it was.
    :raise RuntimeError: before ``SocketIO(app)``, or a second time on one app.
    :raise TypeError: if the application is none, such as ``SioCors(socketio)``.
    """

    def __init__(
        self, app: Flask | None = None, socketio: SocketIO | Iterable[SocketIO] | None = None
    ) -> None:
        self._functions: dict[str, Any] = {}
        # They live in their applications; this only finds them again.
        self._doors: weakref.WeakSet[Doors] = weakref.WeakSet()
        if app is not None:
            self.init_app(app, socketio)

    def init_app(self, app: Flask, socketio: SocketIO | Iterable[SocketIO] | None = None) -> None:
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
        named = _listed(socketio)
        usual = app.extensions.get("socketio")
        chain = find_servers(app)
        servers = [*_servers(app, named or _listed(usual), chain).values()]
        if not servers:
            raise RuntimeError(
                "SioCors needs the application's SocketIO to be there first. Move SioCors(app), or "
                "cors.init_app(app), below SocketIO(app), or socketio.init_app(app)."
            )
        options = self._read(app, [told for _, told in servers])
        async_mode = servers[0][0].engineio_app.eio.async_mode
        observations = Observations(open_place(options.origins_store, app), async_mode)
        sharing = Sharing(app, async_mode)
        with sharing.changed(options) as live:
            doors = Doors(app, options, interrupter_of(async_mode), observations, live)
        doors.first_request.call(sharing.begin)
        doors.first_request.wait_for(sharing.has_begun)
        hook = stray_hook(doors)
        await_latecomers()
        # Nothing can fail from here on.
        app.extensions["sio_cors"] = self
        app.extensions[KEY] = doors
        app.extensions[_SHARING] = sharing
        app.extensions[_OBSERVATIONS] = observations
        self._doors.add(doors)
        for middleware, told in servers:
            doors.guard(middleware, told)
        # First of all hooks: a login that redirects would hide what is wrong from the page.
        app.before_request_funcs.setdefault(None, []).insert(0, hook)
        if chain.opaque and not named:
            _warn_of(chain.opaque)
        _warn(app, options)

    def reconfigure(self, app: Flask) -> None:
        """Read ``app.config`` again and put the new policy in force, for all requests at once.

        Sessions whose page would not be let in any more end within a second or two, by polling and
        by WebSocket; functions of the application are asked about those that they have let in.
        Those of the server's own pages, and of no page, stay. It is for this process alone;
        what changes in all of them at once is for `shared_origins`.

        :raise ConfigError: if it has a mistake; the old policy stays in force.
        :raise RuntimeError: if the extension is not installed on this application.
        """
        doors = self._find(app)
        options = self._read(app, doors.told)
        _apply(doors, options)
        _warn(app, options)

    @staticmethod
    def allow(
        app: Flask,
        origin: str,
        *,
        credentials: bool = False,
        only: bool = False,
        policy: str | None = None,
        host: str | None = None,
    ) -> None:
        """Add an origin to those that ``app.config`` lists, whatever stands there.

        It changes the configuration alone: write it above ``SioCors(app)``, as in

        >>> SioCors.allow(app, "https://app.example.com")

        A list, a text, an expression and a function stay, and the origin is allowed beside them.
        Where every origin was let in, this one alone is from then on.

        :param credentials: whether pages ask with cookies, which are then supported. Origins that
            anybody can have, such as ``null``, are taken out of the list.
        :param only: whether it takes the place of what is listed there, and is not added to it. A
            store's origins stay.
        :param policy: the name of the one in ``SIO_CORS_POLICIES`` that is to let it in; none for
            the default policy, and those that inherit its origins.
        :param host: the server's name, as browsers ask for it, in place of a policy's: the policy
            that is for this host lets it in, and no other one. Without policies, it makes no
            difference.
        :raise ValueError: if there is no such policy, or `host` is no name of a host.
        """
        if host is not None and not host_name(host):
            raise ValueError(
                f"SioCors.allow was given {host!r} as the server's host. Write its name alone, as "
                'browsers ask for it, such as host="api.example.com".'
            )
        how: dict[str, Any] = {"credentials": credentials, "only": only}
        if policy is not None and policy != DEFAULT:
            added = adding_to(policy, app.config, origin, **how, app=app.name)
        elif policy is None and host is not None:
            added = adding_at(host, app.config, origin, **how, app=app.name)
        else:
            added = adding(app.config, origin, **how)
        app.config.update(added)

    def policy(self, app: Flask, name: str = DEFAULT) -> Policy:
        """Return the policy that is in force on an application.

        :param name: of one in ``SIO_CORS_POLICIES``.
        :raise KeyError: if there is none of that name.
        """
        policies = self.policies(app)
        return policies.default if name == DEFAULT else policies.named[name]

    def policies(self, app: Flask) -> Policies:
        """Return all policies that are in force on an application."""
        return self._find(app).policies

    def shared_origins(self, app: Flask, policy: str | None = None) -> SharedOrigins:
        """Return the origins that this application shares with all its workers, to change them.

        :param policy: the name of the one in ``SIO_CORS_POLICIES`` that is to let them in; none
            for the default policy. Others that share its store let them in, too:
            ``SharedOrigins.policies``.
        :raise RuntimeError: if the extension is not installed on this application, or the policy
            has no ``ORIGINS_STORE``.
        :raise ValueError: if there is no such policy.
        """
        doors = self._find(app)
        of, name = _sharing_of(doors).of, policy or DEFAULT
        if (shared := of.get(name)) is None:
            if name != DEFAULT and name not in doors.policies.named:
                raise ValueError(no_such_policy(name, doors.policies.named))
            raise RuntimeError(shares_nothing(name, of))
        return shared

    def shared_states(self, app: Flask) -> dict[str, State]:
        """Return how this process stands to each store, without asking it, for health checks.

        :return: a policy's name → the state of what it shares; none of those that share nothing.
        :raise RuntimeError: if the extension is not installed on this application.
        """
        return {name: one.state for name, one in _sharing_of(self._find(app)).of.items()}

    def allow_request(self, function: AllowRequest) -> AllowRequest:
        """Decorate the function that decides about each handshake, Socket.IO's ``allowRequest``.

        It takes the :class:`flask.Request` and returns ``True`` or ``False``, or raises
        ``flask_socketio.ConnectionRefusedError("why")``; ``session`` and the like work in it.
        Anything else it does refuses the handshake and is logged.

        :raise ConfigError: if it cannot be called with the request alone, or if
            ``SIO_CORS_ALLOW_REQUEST`` names another one.
        :raise RuntimeError: if another function is already decorated.
        """
        if (present := self._functions.get("allow_request")) is not None:
            raise RuntimeError(
                f"@cors.allow_request already decorates {present!r}; one place decides."
            )
        Options.from_config({"SIO_CORS_ALLOW_REQUEST": function})
        self._decorate(allow_request=function)
        return function

    def choose_policy(self, function: ChoosePolicy) -> ChoosePolicy:
        """Decorate the function that chooses a policy where the host alone does not tell.

        It takes the :class:`flask.Request` of a request to a host that is in no policy's ``HOSTS``,
        in a request context, and returns a name of ``SIO_CORS_POLICIES``, or ``None`` for the
        default policy: Socket.IO's ``CorsOptionsDelegate``. Anything else it does refuses the
        request and is logged. Asked at every such request, so let it wait for nothing.

        :raise TypeError: if it cannot be called with the request alone.
        :raise RuntimeError: if another function is already decorated.
        """
        if (present := self._functions.get("choose_policy")) is not None:
            raise RuntimeError(
                f"@cors.choose_policy already decorates {present!r}; one place decides."
            )
        if reason := why_no_chooser(function):
            raise TypeError(f"The function of @cors.choose_policy {reason}.")
        self._decorate(choose_policy=function)
        return function

    def _decorate(self, **function: Any) -> None:
        """Put a function of the application in force, on all applications or on none."""
        functions = {**self._functions, **function}
        read = [
            (doors, self._read(doors.app, doors.told, functions)) for doors in list(self._doors)
        ]
        self._functions = functions
        for doors, options in read:
            _apply(doors, options)

    def _read(
        self,
        app: Flask,
        told: Iterable[Mapping[str, Any]],
        functions: Mapping[str, Any] | None = None,
    ) -> Options:
        decorated = self._functions if functions is None else functions
        problems = conflicts(told, app.config, app)
        return Options.from_config(app.config, **decorated, problems=problems)

    def _find(self, app: Flask) -> Doors:
        doors = doors_of(app)
        if doors is None or doors not in self._doors:
            raise RuntimeError(
                "This SioCors is not installed on the application. Call init_app(app) first."
            )
        return doors


#: Where an application keeps what it shares, and what it observes.
_SHARING: Final = "sio_cors_sharing"
_OBSERVATIONS: Final = "sio_cors_observations"


def _sharing_of(doors: Doors) -> Sharing:
    sharing: Sharing = doors.app.extensions[_SHARING]
    return sharing


def _apply(doors: Doors, options: Options) -> None:
    """Put other settings in force, with the stores that they name."""
    with _sharing_of(doors).changed(options) as live:
        doors.apply(options, live)
    doors.first_request.comes_again()
    observations: Observations = doors.app.extensions[_OBSERVATIONS]
    observations.move(open_place(options.origins_store, doors.app))


def _listed(socketio: SocketIO | Iterable[SocketIO] | None) -> list[Any]:
    if socketio is None:
        return []
    is_one = isinstance(socketio, str) or not isinstance(socketio, Iterable)
    return [socketio] if is_one else list(socketio)


def _servers(app: Flask, socketios: list[Any], chain: Chain) -> dict[int, tuple[Any, Any]]:
    """Return Flask-SocketIO's middlewares of this application, each with its server's options.

    :param socketios: those that are known by their ``SocketIO`` objects.
    """
    servers = {id(one): (one, told_to(one.engineio_app)) for one in chain.middlewares}
    for socketio in socketios:
        middleware = _middleware_of(app, socketio, chain)
        servers[id(middleware)] = middleware, socketio.server_options
    return servers


def _middleware_of(app: Flask, socketio: Any, chain: Chain) -> Any:
    middleware = getattr(socketio, "sockio_mw", None)
    if middleware is not None and middleware.flask_app is app:
        return middleware
    # One SocketIO object initialised on several applications remembers the last one only.
    if app.extensions.get("socketio") is socketio and chain.middlewares:
        return chain.middlewares[0]
    raise RuntimeError(
        "The SocketIO that SioCors was given is not installed on this application. Call "
        "socketio.init_app(app) first, and cors.init_app(app) right after it."
    )


def _warn(app: Flask, options: Options) -> None:
    for told in (*unread_keys(app.config, options), *warnings_of(options)):
        logger.warning("%s", told)


def _warn_of(opaque: Iterable[str]) -> None:
    logger.warning(
        "SioCors(app) cannot look into %s, around the application. A second SocketIO server behind "
        "it would not be guarded. Name all servers: SioCors(app, [first, second]); a single one, "
        "too: SioCors(app, [socketio]).",
        " and ".join(opaque),
    )
