"""What the documents name exists, and what they link to."""

import re
from pathlib import Path

import pytest

from flask_sio_cors.config.options import SETTINGS

REPOSITORY = Path(__file__).parents[1]
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@each_document
def test_the_tests_that_a_document_names_are_there(document):
    for name in re.findall(r"`(?:tests/)?([\w/]*test_\w+\.py)", document.read_text("utf-8")):
        assert (REPOSITORY / "tests" / name).is_file(), name


@each_document
def test_the_files_that_a_document_links_to_are_there(document):
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


@each_document
def test_the_headings_that_a_document_links_to_are_there(document):
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", document.read_text("utf-8")
    ):
        assert anchor in anchors(document.parent / target if target else document), (target, anchor)


def anchors(document):
    """The addresses of a document's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    if document.name == "settings.md":
        headings += [setting.key for setting in SETTINGS]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_files_to_touch_are_there():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    steps = re.findall(r"^\d\. `([^`]+)`", text, re.MULTILINE)
    assert len(steps) > 6
    for step in steps:
        assert (REPOSITORY / step).exists(), step


def test_the_targets_that_are_named_exist():
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    for document in DOCUMENTS:
        for target in re.findall(r"`make (\w+)", document.read_text("utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
