"""What the pages name exists, what they link to is there, and their blocks of code run."""

import re
import shlex
import subprocess
import textwrap

import pytest
from flask import Flask
from flask_socketio import SocketIO

import flask_sio_cors
from flask_sio_cors import Reason, SioCors
from flask_sio_cors.config.options import SETTINGS
from tests.support.house import FLOORS, sources
from tests.support.pages import (
    BLOCKS,
    COMMANDS,
    PAGES,
    REPOSITORY,
    asked_for,
    block,
    commands,
    on_threads,
)

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
    told = re.findall(r"^### ([a-z-]+)$", text, re.MULTILINE)
    assert sorted(told) == sorted(Reason)


# --- Blocks of code ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language == "python"], ids=str
)
def test_a_block_of_python_runs(block, monkeypatch):
    on_threads(monkeypatch)
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


# --- Who runs what ----------------------------------------------------------------------------

ASKED = asked_for()
BEGINNINGS = tuple(beginning for asked in ASKED for beginning in asked.beginnings)
#: Whose lines are commands, each of which is looked for by itself.
TYPED = ("sh", "console")


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_test_runs_each_block(block):
    askers = {asked.test for asked in ASKED if asked.has(block)}
    is_run_here = block.language == "python" and not block.runner
    assert askers or is_run_here or block.case or block.language in TYPED
    assert not block.runner or block.runner in askers


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_test_runs_each_command(command):
    blocks = [
        block
        for block in BLOCKS
        if block.page == command.page and block.language in TYPED and command.text in block.text
    ]
    is_asked_for = any(asked.has(block) for asked in ASKED for block in blocks)
    assert is_asked_for or command.text.removeprefix("! ").startswith(BEGINNINGS)


@each_page
def test_what_is_code_says_which(page):
    text = re.sub(r"^```\S.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert "```" not in text
    assert not re.search(r"^[^\s*\d-].*\n\n {4}\S", text, re.MULTILINE), "a block by indentation"


@pytest.mark.parametrize("command", commands("make "))
def test_make_knows_what_it_is_told_to_make(command):
    words = [*shlex.split(command), "--dry-run"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", commands("pip install "))
def test_what_pip_is_told_to_install_is_this_package_or_what_it_is_tested_with(command):
    _, _, *wanted = shlex.split(command)
    for name in (one.partition("[")[0] for one in wanted):
        assert f'"{name}"' in PROJECT or f'"{name}>=' in PROJECT


@pytest.mark.parametrize("command", commands("python -m tests"))
def test_what_python_is_told_to_run_is_a_program(command):
    path = REPOSITORY / f"{command.split()[-1].replace('.', '/')}.py"
    assert '\nif __name__ == "__main__":\n' in path.read_text("utf-8")


def test_the_picture_of_the_house_has_all_floors_in_their_order():
    picture = block("CONTRIBUTING.md", "extension.py", "text")
    places = [
        min(picture.index(part if "." in part else f" {part}/") for part in floor)
        for floor in FLOORS
    ]
    assert places == sorted(places)


def test_the_picture_of_a_requests_way_has_what_is_there():
    picture = block("CONTRIBUTING.md", "environ ─►", "text")
    code = "\n".join(sources().values())
    for name in ("Guard", "Policy", "Verdict", "Identification"):
        assert name in picture
        assert f"\nclass {name}" in code
