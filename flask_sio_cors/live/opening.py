"""From a setting to a store, and to the place of what was observed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.stores import StoreLocation
from .counts import Place
from .naming import known_as
from .observed import File

if TYPE_CHECKING:
    from flask import Flask

    from .store import Store


def located(setting: StoreLocation, app: Flask) -> StoreLocation:
    """Return where a store is for this application; two that are equal are one list.

    A file without a leading slash lies in the application's instance folder, and what has no key
    has the application's name, and that of the policy whose own it is.
    """
    address = setting.address
    if setting.scheme == "sqlite":
        address = str(Path(app.instance_path) / address)
    return replace(setting, address=address, key=setting.namespace(known_as(app)), policy="")


def open_store(setting: StoreLocation | Store, app: Flask) -> Store:
    """Return the store that a setting names; it is not asked for anything yet."""
    if not isinstance(setting, StoreLocation):
        return setting
    place = located(setting, app)
    # Among several on one server, messages tell which one is meant.
    shown = f" (key {place.key})" if setting.policy else ""
    if place.scheme == "sqlite":
        from .sqlite import SqliteStore

        return SqliteStore(place.address, place.key, shown=shown)
    from .redis import RedisStore  # which needs redis-py

    return RedisStore(place.address, place.key, shown=shown)


def open_place(setting: object, app: Flask) -> Place:
    """Return where an application's observations are: on the server of its store, or in a file.

    :param setting: the default policy's ``SIO_CORS_ORIGINS_STORE``.
    """
    if isinstance(setting, StoreLocation) and setting.scheme != "sqlite":
        from .observed_by_many import Server  # which needs redis-py

        place = located(setting, app)
        return Server(place.address, place.key)
    return File(app)
