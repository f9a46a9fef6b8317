"""The front page lists every page; those that it does not name come last, as “More”."""

import re
from collections.abc import Sequence

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

FRONT = "index"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what this extension adds."""
    app.connect("env-get-outdated", _always_new)
    app.connect("source-read", _add_the_others)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _always_new(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> Sequence[str]:
    return [FRONT]


def _add_the_others(app: Sphinx, page: str, source: list[str]) -> None:
    if page != FRONT:
        return
    named = set(re.findall(r"^(?:.*<)?([\w/-]+)>?$", source[0], re.MULTILINE))
    others = sorted(name for name in app.env.found_docs - {FRONT} - named if "/" not in name)
    if others:
        source[0] += "\n".join(
            ["\n```{toctree}", ":hidden:", ":caption: More", "", *others, "```\n"]
        )
