"""One page for each message of `troubleshooting.md`, with the message as its title and address.

`troubleshooting.md` is written and tested as one file, in which messages that mean the same stand
above one text. The site shows its beginning, and an index by what one sees, by message, and by the
doctor's finding; each message has a page of its own, which holds that text.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sphinx.application import Sphinx
from sphinx.config import Config

SOURCE = "troubleshooting"
LONGEST_NAME = 110
# How the doctor names what it has found, at the end of a line or in a sentence about it.
_FINDING = re.compile(
    r"  \[([a-z][a-z-]+)\]$|troubleshooting\.html#([a-z-]+)$|The doctor calls it `([a-z-]+)`",
    re.MULTILINE,
)
#: Below this, each finding is explained in a paragraph, under its name.
_EXPLAINED = "\n## Findings, by name\n"
_EXPLANATION = re.compile(r"^#### ([a-z-]+)\n\n(.+)$", re.MULTILINE)
#: Names that a finding has taken in; their addresses lead to it.
_FORMER = re.compile(r"\(Once also (.+)\.\)$")


class Entry(NamedTuple):
    """Messages that mean the same, and the text about them.

    :param symptom: the heading that they stand below.
    """

    symptom: str
    messages: tuple[str, ...]
    text: str

    @property
    def findings(self) -> list[str]:
        """The doctor's names, in their order, each once."""
        return list(dict.fromkeys("".join(names) for names in _FINDING.findall(self.text)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what this extension adds."""
    app.connect("config-inited", _write_pages)
    app.connect("source-read", _make_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_pages(app: Sphinx, config: Config) -> None:
    folder = Path(app.srcdir) / SOURCE
    folder.mkdir(exist_ok=True)
    _, entries = read((Path(app.srcdir) / f"{SOURCE}.md").read_text("utf-8"))
    pages = {
        address(message): page(entry, message) for entry in entries for message in entry.messages
    }
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        # One that is as it was is not built again.
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _make_index(app: Sphinx, name: str, source: list[str]) -> None:
    if name == SOURCE:
        beginning, entries = read(source[0])
        explained = dict(_EXPLANATION.findall(source[0].partition(_EXPLAINED)[2]))
        source[0] = beginning + "\n".join(index(entries, explained))


def read(text: str) -> tuple[str, list[Entry]]:
    """Return what stands before the first symptom, and the entries below all of them."""
    beginning: list[str] = []
    entries: list[tuple[str, list[str], list[str]]] = []
    symptom, is_code = "", False
    for line in text.partition(_EXPLAINED)[0].splitlines():
        is_code ^= line.startswith("```")
        level = 0 if is_code else len(line) - len(line.lstrip("#"))
        if level == 2:
            symptom = line[3:]
        elif level == 3 and entries and not "".join(entries[-1][2]) and entries[-1][0] == symptom:
            entries[-1][1].append(line[4:])
        elif level == 3:
            entries.append((symptom, [line[4:]], []))
        else:
            (entries[-1][2] if entries else beginning).append(line)
    read = [Entry(one, tuple(messages), "\n".join(lines)) for one, messages, lines in entries]
    return "\n".join(beginning), read


def address(message: str) -> str:
    """Return the name of a message's page: its words, without what changes from case to case."""
    fixed = message.lower().replace("xyz", "")
    words = re.sub(r"[^a-z0-9]+", "-", fixed).strip("-")
    return words if len(words) <= LONGEST_NAME else words[:LONGEST_NAME].rpartition("-")[0]


def page(entry: Entry, message: str) -> str:
    """Return the source of a message's page."""
    parts = [f"# {message}"]
    others = [_link(other) for other in entry.messages if other != message]
    if others:
        parts.append(f"Means the same as {_listed(others)}.")
    # Links lead from a folder below.
    parts.append(re.sub(r"\]\((?=[\w./-]+\.(?:md|png))", "](../", entry.text).strip())
    if entry.findings:
        findings = [f"[{one}](../{SOURCE}.md#{one})" for one in entry.findings]
        parts.append(f"The doctor's findings on this page: {_listed(findings)}.")
    return "\n\n".join(parts) + "\n"


def index(entries: list[Entry], explained: dict[str, str]) -> Iterator[str]:
    """Yield the lines of the index.

    :param explained: what each finding means.
    """
    messages = {message: entry for entry in entries for message in entry.messages}
    yield "\n## By what you see\n"
    for symptom in dict.fromkeys(entry.symptom for entry in entries):
        yield f"### {symptom}\n"
        for entry in entries:
            if entry.symptom == symptom:
                yield f"- {_listed([_link(message, SOURCE) for message in entry.messages], ' / ')}"
        yield ""
    yield "\n## By message\n"
    yield from (f"- {_link(one, SOURCE)}" for one in sorted(messages, key=_order))
    yield "\n## By finding\n"
    yield "What the doctor calls it, between brackets behind a finding's first line.\n"
    for finding in sorted({*explained, *(one for entry in entries for one in entry.findings)}):
        shown = [_link(one.messages[0], SOURCE) for one in entries if finding in one.findings]
        told = [explained.get(finding, ""), _listed(shown, " / ")]
        former = _FORMER.search(told[0])
        yield from (f"({name})=" for name in re.findall("[a-z-]+", former[1] if former else ""))
        yield "\n\n".join([f"### {finding}", *filter(None, told)]) + "\n"
    yield "\n```{toctree}\n:hidden:\n"
    yield from (f"{SOURCE}/{address(message)}" for message in messages)
    yield "```\n"


def _link(message: str, folder: str = "") -> str:
    text = re.sub(r"([\[\]`*_])", r"\\\1", message)
    return f"[{text}]({folder}{'/' * bool(folder)}{address(message)}.md)"


def _listed(links: list[str], separator: str = ", ") -> str:
    return separator.join(links)


def _order(message: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", message.lower())
