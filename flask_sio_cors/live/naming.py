"""The name of an application, by which its processes find in a common place what is theirs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def known_as(app: Flask) -> str:
    """Return the name of an application's module, also where ``python -m`` runs that.

    Flask calls ``chat.server`` just ``server`` there, and ``flask --app chat.server`` would look
    for something else.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return app.name if spec is None or app.import_name != "__main__" else spec.name
