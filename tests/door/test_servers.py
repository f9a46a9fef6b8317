"""The way from `app.wsgi_app` to the application: what is seen there, and what cannot be."""

import threading
import weakref
from functools import lru_cache, partial
from types import SimpleNamespace

import pytest
from flask import Flask, current_app
from flask_socketio import SocketIO
from socketio import WSGIApp
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_sio_cors.door import servers
from flask_sio_cors.door.servers import find_servers


def make_app(wrap=lambda inner: inner):
    """An app with two servers, with this around each of them."""
    app = Flask("wrapped")
    for path in ("first", "second"):
        SocketIO(app, async_mode="threading", path=path)
        app.wsgi_app = wrap(app.wsgi_app)
    return app


def paths(app):
    return [middleware.engineio_path for middleware in find_servers(app).middlewares]


class Keeps:
    def __init__(self, inner):
        self.inner = inner

    def __call__(self, environ, start_response):
        return self.inner(environ, start_response)

    def answer(self, environ, start_response):
        return self.inner(environ, start_response)


class Holder:
    """Cannot be called itself."""

    def __init__(self, inner):
        self.inner = inner

    def answer(self, environ, start_response):
        return self.inner(environ, start_response)


class Proxy:
    """As wrapt's: everything is the wrapped one's, its class included."""

    __slots__ = ("__wrapped__",)

    def __init__(self, inner):
        object.__setattr__(self, "__wrapped__", inner)

    @property
    def __class__(self):
        raise RuntimeError("asked for its class")

    def __getattr__(self, name):
        raise RuntimeError(f"asked for {name}")

    def __call__(self, environ, start_response):
        return self.__wrapped__(environ, start_response)


def closing_over_its_extension(inner):
    extension = Holder(inner)

    def wrapper(environ, start_response):
        return extension.inner(environ, start_response)

    return wrapper


def of_a_class_in_a_function(inner):
    class Wrapper:
        @staticmethod
        def hand_on(environ, start_response):
            return inner(environ, start_response)

        def __call__(self, environ, start_response):
            return self.hand_on(environ, start_response)

    return Wrapper()


def in_a_circle(inner):
    wrapper = Keeps(inner)
    wrapper.itself, wrapper.others = wrapper, [wrapper, {"all": [wrapper]}]
    return wrapper


SEEN = {
    "an attribute": Keeps,
    "a method": lambda inner: Keeps(inner).answer,
    "a method of what cannot be called": lambda inner: Holder(inner).answer,
    "its call": lambda inner: inner.__call__,
    "a C-level call": lambda inner: partial(inner).__call__,
    "a closure": lambda inner: lambda environ, start_response: inner(environ, start_response),
    "a closure over an extension": closing_over_its_extension,
    "a class in a function": of_a_class_in_a_function,
    "a proxy": Proxy,
    "a cache": lru_cache,
    "a circle": in_a_circle,
    "a mount": lambda inner: DispatcherMiddleware(NotFound(), {"/": inner}),
    "another WSGI app": lambda inner: WSGIApp(SimpleNamespace(), inner),
    "several": lambda inner: ProxyFix(partial(Keeps(lambda *both: inner(*both)).answer)),
}


@pytest.mark.parametrize("wrap", SEEN.values(), ids=SEEN)
def test_servers_are_found_behind(wrap):
    found = find_servers(make_app(wrap))
    assert [middleware.engineio_path for middleware in found.middlewares] == [
        "/second/",
        "/first/",
    ]
    assert found.opaque == ()


class Elsewhere:
    """Keeps what it wraps where no attribute of its own leads."""

    kept = threading.local()

    def __init__(self, inner):
        type(self).kept.inner = inner

    def __call__(self, environ, start_response):
        return self.kept.inner(environ, start_response)


def elsewhere(inner):
    Elsewhere.kept.inner = inner
    return lambda environ, start_response: Elsewhere.kept.inner(environ, start_response)


def referring(inner):
    reference = weakref.ref(inner)
    return lambda environ, start_response: reference()(environ, start_response)


HIDDEN = {
    "a C-level proxy": (weakref.proxy, "weakref.CallableProxyType"),
    "a reference": (referring, f"weakref.ReferenceType of {__name__}.referring.<locals>.<lambda>"),
    "another place": (Elsewhere, f"{__name__}.Elsewhere"),
    "another place, of a function": (elsewhere, f"{__name__}.elsewhere.<locals>.<lambda>"),
}


@pytest.mark.parametrize(("wrap", "name"), HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize(
    "around", [lambda inner: inner, ProxyFix], ids=["alone", "behind ProxyFix"]
)
def test_what_hides_the_way_is_named(wrap, name, around):
    app = make_app()
    kept = app.wsgi_app
    app.wsgi_app = around(wrap(kept))
    found = find_servers(app)
    assert found.middlewares == ()
    (opaque,) = found.opaque
    assert opaque.startswith(name)


def test_what_hides_one_server_leaves_those_before_it():
    app = Flask("half hidden")
    SocketIO(app, async_mode="threading", path="first")
    kept = app.wsgi_app
    app.wsgi_app = weakref.proxy(kept)
    SocketIO(app, async_mode="threading", path="second")
    assert paths(app) == ["/second/"]
    (opaque,) = find_servers(app).opaque
    assert opaque.startswith("weakref.CallableProxyType")


def test_a_program_that_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(servers, "LIMIT", 50)
    app = make_app()
    app.wsgi_app = Keeps(app.wsgi_app)
    assert find_servers(app).opaque == ()
    app.wsgi_app.more = [Keeps(None) for _ in range(100)]
    assert find_servers(app).opaque


def test_the_application_in_a_wrapper_is_not_taken_for_the_way_to_it():
    app = make_app()
    kept = app.wsgi_app
    app.wsgi_app = Keeps(weakref.proxy(kept))
    app.wsgi_app.app, app.wsgi_app.handle = app, app.handle_exception
    assert find_servers(app).opaque


def test_what_belongs_to_another_app_is_none_of_its_servers():
    app, mounted = make_app(), make_app()
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/inner": mounted.wsgi_app, "/app": mounted})
    found = find_servers(app)
    assert {middleware.flask_app for middleware in found.middlewares} == {app}
    assert len(found.middlewares) == 2


def test_an_application_with_its_own_way_is_seen():
    class Own(Flask):
        def wsgi_app(self, environ, start_response):
            return super().wsgi_app(environ, start_response)

    app = Own("own")
    SocketIO(app, async_mode="threading")
    assert find_servers(app).opaque == ()
    app = Flask("without its own method")
    app.wsgi_app = partial(Flask.wsgi_app, app)
    SocketIO(app, async_mode="threading")
    assert find_servers(app).opaque == ()


def test_a_server_that_was_given_a_proxy_for_the_app_is_found():
    app = Flask("proxied")
    with app.app_context():
        SocketIO(current_app, async_mode="threading", path="first")
    SocketIO(app, async_mode="threading", path="second")
    assert paths(app) == ["/second/", "/first/"]


def test_nothing_is_called_on_the_way():
    calls = []

    class Nosy:
        def __init__(self, inner):
            object.__setattr__(self, "inner", inner)

        def __getattribute__(self, name):
            calls.append(name)
            return object.__getattribute__(self, name)

        @property
        def asked(self):
            calls.append("asked")

        def __call__(self, *both):
            calls.append("called")

        def __eq__(self, other):
            calls.append("compared")
            return True

        def __bool__(self):
            calls.append("taken for true")
            return False

        __hash__ = None

    assert len(paths(make_app(Nosy))) == 2
    assert calls == []
