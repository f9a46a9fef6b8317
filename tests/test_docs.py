"""What the pages name exists, what they link to is there, and their blocks of code run."""

import re
import shlex
import sys
import textwrap

import click
import pytest
from flask import Flask
from flask_socketio import SocketIO

import flask_sio_cors
from flask_sio_cors import Reason, SioCors
from flask_sio_cors.cli import flask_group, main
from flask_sio_cors.config.options import SETTINGS
from tests.support.pages import BLOCKS, PAGES, REPOSITORY

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
PROJECT = (REPOSITORY / "pyproject.toml").read_text("utf-8")
SITE = re.search('^Documentation = "(.*)"', PROJECT, re.MULTILINE)[1]


# --- Names and links --------------------------------------------------------------------------


@each_page
def test_the_tests_that_a_page_names_are_there(page):
    for name in re.findall(r"`(?:tests/)?([\w/]*test_\w+\.py)", page.read_text("utf-8")):
        assert (REPOSITORY / "tests" / name).is_file(), name


@each_page
def test_what_a_page_links_to_is_there(page):
    for target, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8")
    ):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), (target, anchor)


@each_page
def test_what_a_page_links_to_on_the_site_is_there(page):
    for name, anchor in re.findall(
        rf"{SITE}(?:([\w/-]+)\.html(?:#([\w-]+))?)?", page.read_text("utf-8")
    ):
        linked = REPOSITORY / "docs" / f"{name or 'index'}.md"
        assert linked.is_file(), name
        assert not anchor or anchor in anchors(linked), (name, anchor)


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "CODE_OF_CONDUCT.md"])
def test_what_is_read_elsewhere_has_whole_addresses(name):
    text = (REPOSITORY / name).read_text("utf-8")
    assert not re.findall(r"\]\((?!https://)", text)


def anchors(page):
    """The addresses of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    if page.name == "settings.md":
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
    shell = [block.text for block in BLOCKS if block.language == "sh"]
    texts = "\n".join(["", *shell, *(page.read_text("utf-8") for page in PAGES)])
    for target in re.findall(r"`make (\w+)", texts) + re.findall(r"^make (\w+)$", texts, re.M):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@each_page
def test_the_settings_that_a_page_names_exist(page):
    known = {setting.key for setting in SETTINGS}
    assert set(re.findall(r"SIO_CORS_[A-Z]+(?:_[A-Z]+)*\b(?!_)", page.read_text("utf-8"))) <= known


@each_page
def test_the_extras_that_a_page_names_exist(page):
    for extras in re.findall(r"Flask-SIO-CORS\[([\w,]+)\]", page.read_text("utf-8")):
        for extra in extras.split(","):
            assert f"\n{extra} = [" in PROJECT.split("[project.optional-dependencies]")[1], extra


def test_the_page_of_the_api_has_every_public_name():
    text = (REPOSITORY / "docs" / "api.md").read_text("utf-8")
    assert set(flask_sio_cors.__all__) == set(
        re.findall(r"^\.\. (?:auto|py:)\w+:: (\w+)(?:\(\))?$", text, re.MULTILINE)
    )


def test_the_manual_for_nodejs_lists_every_option_that_has_a_counterpart():
    text = (REPOSITORY / "docs" / "coming-from-nodejs.md").read_text("utf-8")
    for setting in SETTINGS:
        if setting.npm:
            assert re.search(rf"^\| `{setting.npm}\b.*`{setting.key}\b", text, re.MULTILINE)


def test_each_reason_has_its_meaning():
    text = (REPOSITORY / "docs" / "reasons.md").read_text("utf-8")
    told = re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)
    assert told == [reason.value for reason in Reason]


# --- Blocks of code ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python"], ids=str
)
def test_a_block_of_python_runs(block, monkeypatch):
    # On threads, as where no extra is installed.
    monkeypatch.setitem(sys.modules, "eventlet", None)
    monkeypatch.setitem(sys.modules, "gevent", None)
    if block.runner:
        assert (REPOSITORY / block.runner).is_file()
        return
    code = compile(textwrap.dedent(block.text), str(block), "exec")
    names = {"__name__": "page", "re": re}
    if "Flask(" not in block.text:
        names |= before(block.text)
    exec(code, names)
    if "cors" in names and "app" in names:
        names["cors"].reconfigure(names["app"])


def before(text):
    """What a block that is a part of an application finds there."""
    app = Flask("page")
    names = {"app": app, "socketio": SocketIO(app)}
    return names if "SioCors(app" in text else names | {"cors": SioCors(app)}


COMMANDS = [
    pytest.param(line, id=f"{block}: {line[:60]}")
    for block in BLOCKS
    if block.language in ("sh", "console") and not block.runner
    for line in re.findall(
        r"^(?:\$ )?((?:flask(?: --app \S+)? )?sio-cors .*)", block.text, re.MULTILINE
    )
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_on_a_page_is_one(line):
    words = shlex.split(line, comments=True)
    group = flask_group if words[0] == "flask" else main
    _, *words = words[words.index("sio-cors") :]
    while isinstance(group, click.Group):
        context = click.Context(group)
        _, words, _ = group.make_parser(context).parse_args(words)
        name, group, words = group.resolve_command(context, words)
        assert group is not None, name
    group.make_context(group.name, words)
