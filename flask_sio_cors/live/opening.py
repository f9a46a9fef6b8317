"""From a setting to a store, and to the place of what was observed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..config.stores import StoreLocation
from .counts import Place
from .observed import File
from .store import Store

if TYPE_CHECKING:
    from flask import Flask


def open_store(setting: StoreLocation | Store, app: Flask) -> Store:
    """Return the store that ``SIO_CORS_ORIGINS_STORE`` names; it is not asked for anything yet.

    A file without a leading slash lies in the application's instance folder, and what has no key
    has the application's name.
    """
    if not isinstance(setting, StoreLocation):
        return setting
    key = setting.key or app.name
    if setting.scheme == "sqlite":
        from .sqlite import SqliteStore

        return SqliteStore(Path(app.instance_path) / setting.address, key)
    from .redis import RedisStore  # which needs redis-py

    return RedisStore(setting.address, key)


def open_place(setting: object, app: Flask) -> Place:
    """Return where an application's observations are: on the server of its store, or in a file.

    :param setting: ``SIO_CORS_ORIGINS_STORE``.
    """
    if isinstance(setting, StoreLocation) and setting.scheme != "sqlite":
        from .observed_by_many import Server  # which needs redis-py

        return Server(setting.address, setting.key or app.name)
    return File(app)
