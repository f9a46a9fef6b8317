"""The page of the settings: below each key's heading stands what `SETTINGS` says of it.

A key without a heading of its own gets one, so that the page is complete in any case.
"""

import re
from collections.abc import Sequence

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from flask_sio_cors.config.options import SETTINGS, Options, Setting

PAGE = "settings"
DEFAULTS = Options.from_config({})


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what this extension adds."""
    app.connect("env-get-outdated", _always_new)
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _always_new(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Sequence[str]:
    return [PAGE]


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    if page == PAGE:
        source[0] = filled(source[0])


def filled(text: str) -> str:
    """Return the page with the facts of every setting, in the order of `SETTINGS`."""
    head, *sections = re.split(r"^(?=## SIO_CORS_)", text, flags=re.MULTILINE)
    words = {section.splitlines()[0][3:]: section.partition("\n")[2] for section in sections}
    unknown = words.keys() - {setting.key for setting in SETTINGS}
    if unknown:
        raise ValueError(f"docs/settings.md has sections of settings that are none: {unknown}")
    return head + "\n\n".join(_section(one, words.get(one.key, "")) for one in SETTINGS)


def _section(setting: Setting, words: str) -> str:
    facts = [
        ("Values", setting.values),
        *_meanings(setting),
        ("Socket.IO", f"`{setting.npm}`" if setting.npm else ""),
        (
            "Flask-CORS",
            f"`{setting.fallback}` counts where this key is not set" if setting.fallback else "",
        ),
        ("Environment", f"`FLASK_{setting.key}`, with `app.config.from_prefixed_env()`"),
    ]
    lines = [f":{name}: {fact}" for name, fact in facts if fact]
    return "\n".join([f"## {setting.key}", "", *lines, "", words])


def _meanings(setting: Setting) -> list[tuple[str, str]]:
    """Return the default, and what it and its opposite mean."""
    value = getattr(DEFAULTS, setting.field)
    if isinstance(value, bool):
        meanings = [(f"`{one}`", setting.meaning(one)) for one in (value, not value)]
        return [("Default", f"`{value}`"), *meanings]
    written = f"`{value:g}`" if isinstance(value, (int, float)) else "not set"
    return [("Default", f"{written}. {setting.meaning(value)}")]
