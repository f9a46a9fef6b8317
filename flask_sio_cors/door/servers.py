"""Every Flask-SocketIO server of an application, found behind whatever was put around them.

Each ``SocketIO(app)`` puts a middleware around ``app.wsgi_app`` and answers its own path before
the ones inside see anything; others put their own wrappers between. Here that chain is followed,
without calling any of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any, Final, NamedTuple

from flask import Flask
from flask_socketio import SocketIO, _SocketIOMiddleware
from socketio import Server
from werkzeug.local import LocalProxy

#: What each ``SocketIO`` puts around its application; it has no public name.
Middleware: Final = _SocketIOMiddleware

#: How many objects are looked at. A wrapper may hold anything, up to the whole program.
LIMIT: Final = 10_000

# What lies behind these is no part of the chain.
_ENDS: Final = (Flask, SocketIO, Server, LocalProxy, ModuleType, type)
_CONTAINERS: Final = (list, tuple, set, frozenset)
_OF_BUILTINS: Final = (BuiltinFunctionType, MethodWrapperType)
# What `Py_TPFLAGS_HEAPTYPE` is in CPython's C API.
_HEAP_TYPE: Final = 1 << 9
_FUNCTIONS: Final = (FunctionType, MethodType, *_OF_BUILTINS)


class Chain(NamedTuple):
    """What stands around an application.

    :param middlewares: Flask-SocketIO's, each of which has a server; the outermost first.
    :param opaque: the names of wrappers that may hide more of them; none where the whole way to
        the application was seen.
    """

    middlewares: tuple[Any, ...]
    opaque: tuple[str, ...]


class _Held(NamedTuple):
    """What an object holds.

    :param is_code: whether it is only code, which may lead on, but wraps nothing itself.
    """

    value: Any
    is_code: bool = False


def find_servers(app: Flask) -> Chain:
    """Follow the chain from ``app.wsgi_app`` to the application itself."""
    ends = [vars(of_class).get("wsgi_app") for of_class in type(app).__mro__]
    reaches_app = False
    middlewares: list[Any] = []
    dead_ends: list[str] = []
    waiting = deque([(_Held(app.wsgi_app), "")])
    # With the objects, because the id of one that is gone may be given to another.
    seen: dict[int, Any] = {}
    while waiting and len(seen) < LIMIT:
        (value, is_code), place = waiting.popleft()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if _is_bound_to(app, value) or any(value is end for end in ends):
            reaches_app = True
            continue
        if _is(value, Middleware) and _serves(value, app):
            middlewares.append(value)
        following = [held for held in _held_by(value) if _leads_on(held.value, value)]
        waiting.extend((held, f" of {_name(value)}") for held in following)
        if not is_code and _hides(value, following):
            dead_ends.append(_name(value) + place)
    sees_all = reaches_app and not waiting
    opaque = () if sees_all else tuple(dict.fromkeys(dead_ends)) or (_name(app.wsgi_app),)
    return Chain(tuple(middlewares), opaque)


def _is(value: object, kinds: Any) -> bool:
    """Tell what it is by its type alone; `isinstance` would ask a proxy, which may raise."""
    return issubclass(type(value), kinds)


def _serves(middleware: Any, app: Flask) -> bool:
    # `SocketIO(current_app)` keeps the proxy; here it stands for the one whose chain this is.
    return middleware.flask_app is app or _is(middleware.flask_app, LocalProxy)


def _is_bound_to(app: Flask, value: Any) -> bool:
    """Tell whether this is the application's own method, also where its class was decorated."""
    return (
        _is(value, MethodType)
        and value.__self__ is app
        and getattr(value, "__name__", None) == "wsgi_app"
    )


def _leads_on(value: object, holder: object) -> bool:
    if _is(value, _ENDS):
        return False
    if callable(value) or _is(value, (dict, *_CONTAINERS)):
        return True
    # What cannot be called, such as the object of a bound method, is looked into, but not through.
    return callable(holder) and _is_of_python(type(value))


def _is_of_python(of_class: type) -> bool:
    """Tell whether a class statement has made it, so that it can hold anything."""
    return bool(of_class.__flags__ & _HEAP_TYPE)


def _hides(value: object, following: list[_Held]) -> bool:
    """Tell whether a wrapper can only hold its application where nobody sees it."""
    if not callable(value) or _is(value, (MethodType, *_OF_BUILTINS)):
        return False
    return all(held.is_code for held in following)


def _name(value: Any) -> str:
    named = value if _is(value, _FUNCTIONS) else type(value)
    module = getattr(named, "__module__", None)
    return f"{module}.{named.__qualname__}" if module else f"{named.__qualname__}"


# --- What an object holds ---------------------------------------------------------------------


def _held_by(value: Any) -> Iterator[_Held]:
    if _is(value, Middleware):
        # Neither the application that it knows, nor the server that it guards.
        yield _Held(value.wsgi_app)
    elif _is(value, MethodType):
        yield from (_Held(value.__func__, is_code=True), _Held(value.__self__))
    elif _is(value, _OF_BUILTINS):
        yield _Held(value.__self__)
    elif _is(value, FunctionType):
        yield from _held_by_function(value)
    elif _is(value, dict):
        yield from map(_Held, list(dict.values(value)))
    elif _is(value, _CONTAINERS):
        yield from map(_Held, list(value))
    else:
        yield from _held_by_instance(value)


def _held_by_function(function: FunctionType) -> Iterator[_Held]:
    for cell in function.__closure__ or ():
        # It may be empty still.
        yield _Held(_read(cell, "cell_contents"))
    yield from map(_Held, function.__defaults__ or ())
    yield from map(_Held, (function.__kwdefaults__ or {}).values())
    yield from map(_Held, vars(function).values())
    for name in _names_in(function.__code__):
        value: Any = function.__globals__.get(name)
        if not _is(value, FunctionType):
            yield _Held(value)
        elif value.__globals__ is function.__globals__:
            # A neighbour; what other modules do would never end.
            yield _Held(value, is_code=True)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if _is(constant, CodeType):
            yield from _names_in(constant)


def _held_by_instance(value: Any) -> Iterator[_Held]:
    if _is(value, partial):
        yield from map(_Held, (value.func, *value.args, *value.keywords.values()))
    attributes = _read(value, "__dict__")
    if _is(attributes, dict):
        yield from map(_Held, list(attributes.values()))
    # Of wrapt's proxies, with which agents for monitoring wrap applications.
    yield _Held(_read(value, "__wrapped__"))
    for of_class in type(value).__mro__:
        if _is_of_python(of_class):
            yield from _held_through(of_class, value)


def _held_through(of_class: type, value: object) -> Iterator[_Held]:
    for name, member in list(vars(of_class).items()):
        if _is(member, MemberDescriptorType):
            yield _Held(_read(value, name))
        elif callable(value):
            yield _Held(member, is_code=True)


def _read(value: object, name: str) -> Any:
    """Return an attribute past the object's own ``__getattr__`` and the like."""
    try:
        return object.__getattribute__(value, name)
    except Exception:  # noqa: BLE001 - what a descriptor of anybody's raises
        return None
