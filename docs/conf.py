"""The site: `make docs` builds it into build/docs; it needs no network, and a warning fails."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "Flask-SIO-CORS"
author = "The Flask-SIO-CORS maintainers"
release = version = version_of(project)
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_click",
    "checked_links",
    "pages_by_errand",
    "settings_page",
    "troubleshooting_pages",
]
exclude_patterns = ["extensions", "inventories", "pictures"]
nitpicky = True
# What stands between quotation marks is typed as it stands.
smartquotes = False

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_show_copyright = html_show_sphinx = html_copy_source = False
html_search_scorer = str(HERE / "extensions" / "scorer.js")
html_theme_options = {
    "top_of_page_buttons": ["edit"],
    "source_repository": "https://github.com/flask-sio-cors/flask-sio-cors/",
    "source_branch": "main",
    "source_directory": "docs/",
}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"

# Headings are addresses, as they are on GitHub.
myst_enable_extensions = ["attrs_inline", "fieldlist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"

# The names that the API page links to, and where they are; no build asks a network.
intersphinx_mapping = {
    name: (site, str(HERE / "inventories" / f"{name}.txt"))
    for name, site in {
        "python": "https://docs.python.org/3/",
        "flask": "https://flask.palletsprojects.com/en/stable/",
        "flask-socketio": "https://flask-socketio.readthedocs.io/en/latest/",
    }.items()
}

# Annotations, as autodoc reads them → the names under which others document them.
DOCUMENTED_AS = {
    "Flask": "flask.Flask",
    "SocketIO": "flask_socketio.SocketIO",
    "flask.wrappers.Request": "flask.Request",
}


def setup(app: Sphinx) -> None:
    """Let names be looked up as they are documented."""
    app.connect("missing-reference", _look_up_as_documented, priority=400)


def _look_up_as_documented(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: Element
) -> None:
    target = node["reftarget"]
    node["reftarget"] = DOCUMENTED_AS.get(target, target)
