"""The pages of the documentation, and the blocks of code on them."""

import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
#: What people read: the pages of the site, and those beside the package.
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
_BLOCK = re.compile(r"(?:<!-- run by: (\S+) -->\n)?^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code on a page.

    :param runner: the test that runs it, where a comment before it says `<!-- run by: … -->`.
    """

    page: str
    line: int
    language: str
    text: str
    runner: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_on(page: Path) -> list[Block]:
    """Return the blocks of a page that name a language."""
    text = page.read_text("utf-8")
    name = page.relative_to(REPOSITORY).as_posix()
    return [
        Block(name, text.count("\n", 0, found.start(3)), found[2], found[3], found[1] or "")
        for found in _BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_on(page)]


def block(page: str, words: str, language: str = "python") -> str:
    """Return the one block of a page that contains these words."""
    (found,) = [
        one.text
        for one in BLOCKS
        if (one.page, one.language) == (page, language) and words in one.text
    ]
    return found
