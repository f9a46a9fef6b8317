"""The pages of the documentation, their blocks of code and their commands, and who runs them.

A test that runs a block asks for it by `block` or `blocks`, and for commands by `commands`, with
what it asks for written out: `asked_for` reads that from the tests, so that what nobody asks for
is found.
"""

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
#: What people read: the pages of the site, and those beside the package.
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
#: What the site is made with, and no code: Sphinx runs these, and fails for one that is wrong.
_DIRECTIVE = re.compile(r"\{[\w-]+\}")
_BLOCK = re.compile(
    r"(?:<!-- (run by|doctor): (.+?) -->\n)?^```(\S*).*?\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
#: What stands in a line of text and is a command.
_COMMAND = re.compile(
    r"(?:flask sio-cors|sio-cors|make|pip install|python|curl|export|npm) \S.*|gunicorn .*app:app"
)
#: A form, or the name of a command: `flask sio-cors explain ORIGIN`, `sio-cors audit …`.
_FORM = re.compile(r"…|\bORIGIN\b|\b(?:explain|doctor|audit|origins)$")


#: What makes a green server, and what Engine.IO has kept of them since an earlier test.
_GREEN = (
    *("eventlet", "gevent"),
    *(f"engineio.async_drivers.{name}" for name in ("eventlet", "gevent", "gevent_uwsgi")),
)


def on_threads(monkeypatch):
    """Have code run as where no extra is installed: on threads."""
    for library in _GREEN:
        monkeypatch.setitem(sys.modules, library, None)


class Block(NamedTuple):
    """A block of code on a page.

    :param runner: the test that runs it, where a comment before it says `<!-- run by: … -->`.
    :param case: the broken server that the doctor's output in it is about.
    """

    page: str
    line: int
    language: str
    text: str
    runner: str = ""
    case: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """A command on a page, in a block or in a line of text."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text[:60]}"


def blocks_on(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text, name = page.read_text("utf-8"), page.relative_to(REPOSITORY).as_posix()
    for found in _BLOCK.finditer(text):
        kind, told, language, code = found.groups()
        if not _DIRECTIVE.fullmatch(language):
            line = text.count("\n", 0, found.start(4))
            named = {"run by": "runner", "doctor": "case"}.get(kind)
            yield Block(name, line, language, code, **({named: told} if named else {}))


def commands_on(page: Path) -> Iterator[Command]:
    """Yield the commands of a page, those that stand in its text too."""
    name = page.relative_to(REPOSITORY).as_posix()
    # A doctor's output begins with its command, and is made with it.
    for block in (one for one in blocks_on(page) if not one.case):
        is_typed = block.language == "sh"
        for number, line in enumerate(block.text.splitlines(), block.line + 1):
            typed = line if is_typed else line.removeprefix("$ ") if line[:2] == "$ " else ""
            if typed and not typed.startswith("#"):
                yield Command(name, number, typed)
    for number, line in enumerate(_without_blocks(page).splitlines(), 1):
        for found in _INLINE.findall(line):
            if _COMMAND.fullmatch(found) and not _FORM.search(found):
                yield Command(name, number, found)


def _without_blocks(page: Path) -> str:
    return _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), page.read_text("utf-8"))


BLOCKS = [block for page in PAGES for block in blocks_on(page)]
COMMANDS = [command for page in PAGES for command in commands_on(page)]


def block(page: str, words: str, language: str = "python") -> str:
    """Return the one block of a page that contains these words."""
    (found,) = (text for text in blocks(page, language) if words in text)
    return found


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page, or of every page (`""`), in this language."""
    return [one.text for one in BLOCKS if page in ("", one.page) and one.language == language]


def commands(*beginnings: str) -> list[str]:
    """Return the commands of all pages that begin with one of these, each once."""
    found = (one.text.removeprefix("! ") for one in COMMANDS)
    return list(dict.fromkeys(text for text in found if text.startswith(beginnings)))


class Asked(NamedTuple):
    """What a test asks for: blocks of a page, or commands."""

    test: str
    page: str
    words: str
    language: str
    beginnings: tuple[str, ...]

    def has(self, block: Block) -> bool:
        """Tell whether a block is among it."""
        is_meant = self.page in ("", block.page) and self.language == block.language
        return is_meant and self.words in block.text


def asked_for() -> list[Asked]:
    """Return what the tests ask for, as they have it written."""
    return [
        asked
        for path in sorted((REPOSITORY / "tests").rglob("test_*.py"))
        if "tests.support.pages" in (source := path.read_text("utf-8"))
        for asked in _asked_in(ast.parse(source), path.relative_to(REPOSITORY).as_posix())
    ]


def _asked_in(tree: ast.Module, test: str) -> Iterator[Asked]:
    names = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id
            if called in ("block", "blocks", "commands"):
                # What is not written out, such as a parameter of a test, asks for nothing here.
                with suppress(KeyError, ValueError):
                    yield _asked(test, called, [_written(one, names) for one in node.args])


def _written(node: ast.expr, names: dict[str, str]) -> str:
    return names[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)


def _asked(test: str, called: str, given: list[str]) -> Asked:
    if called == "commands":
        return Asked(test, "", "", "", tuple(given))
    if called == "blocks":
        page, language = given
        return Asked(test, page, "", language, ())
    page, words, language = [*given, "python"][:3]
    return Asked(test, page, words, language, ())
