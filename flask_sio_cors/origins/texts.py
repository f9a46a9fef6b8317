"""Several entries in one text, as the environment holds them, and regular expressions as text."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

#: What a regular expression starts with as text; it runs to the end of its line.
REGEX: Final = "regex:"
#: A wildcard in an expression, where it is any number of slashes.
LIKE_GLOB: Final = re.compile(r"://\*")

#: A line's end; also one that a shell or a file has left as the two characters that stand for it.
_LINE_END: Final = re.compile(
    r"[\r\n\x0b\x0c\x85\u2028\u2029]+|(?:\\r)?\\n(?=[A-Za-z][A-Za-z0-9+.-]*:)"
)
_REGEX_TO_THE_END: Final = re.compile(rf"(?:^|(?<=[\s,;])){REGEX}.*", re.IGNORECASE)
#: Not within brackets, as in "[a-z]{2,3}", nor in a misspelt "https;//", nor before one more port.
_SEPARATOR: Final = re.compile(
    r"[,;](?!//)(?![^\[({]{0,99}[\])}])(?!(?<=[0-9].)[ ]{0,9}[0-9]{2,5}[ ]{0,9}(?:[,;]|$))"
)
#: What looks like a comma in a name, where a dot was meant.
_COMMA_FOR_DOT: Final = re.compile(
    r"https?://[\w.-]*\w,((?:com|net|org|edu|gov|info|[a-z]{2})(?:\.[a-z]{2})?)(?=[:/,;\s]|\Z)",
    re.IGNORECASE,
)
#: What shells and files of variables leave out, and Docker and systemd do not.
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))(?:#(?!\{)|//\s).*")
# Behind a regular expression on its line: what is no part of one, as no origin has such characters.
_BEHIND_A_REGEX: Final = re.compile(
    r"\s+(?=#)|[\s,;]+(?=regex:|[a-z][a-z0-9+.-]*://|null(?:[\s,;]|$))", re.IGNORECASE
)
HOST_AND_PORT: Final = r"(?:\[[0-9A-Fa-f:]+\]|[\w*][\w.*-]*)(?::[0-9*]+)?"
_ORIGIN_LIKE: Final = re.compile(
    rf"(?=.*[.:]|(?:null|localhost)$)(?![0-9]{{1,3}}[.)]?$|255\.[0-9.]+$)(?:[A-Za-z][A-Za-z0-9+.-]*://)?{HOST_AND_PORT}(?:/[0-9.]{{0,15}})?"
)


def entries(text: str, are_entries: Callable[[list[str]], bool]) -> Iterator[str]:
    """Yield the entries of a text, which commas, semicolons, line ends and blanks separate.

    :param are_entries: tells of pieces that blanks separate whether each is one; otherwise there is
        something wrong with the whole that they are pieces of.
    """
    for line in _LINE_END.split(text):
        comment = _COMMENT.search(line)
        line = line[: comment.start()] if comment else line
        regex = _REGEX_TO_THE_END.search(line)
        for section in _sections(line[: regex.start()] if regex else line):
            pieces = section.split()
            yield from pieces if len(pieces) < 2 or are_entries(pieces) else [section.strip()]
        if regex:
            yield regex[0].strip()
        if comment:
            yield comment[0].strip()


def _sections(line: str) -> Iterator[str]:
    slips, start = commas_for_dots(line), 0
    for found in _SEPARATOR.finditer(line):
        if found.start() not in slips:
            yield line[start : found.start()]
            start = found.end()
    yield line[start:]


def commas_for_dots(text: str) -> Collection[int]:
    """Return where commas stand in names, before a top level, where dots were meant."""
    found = list(_COMMA_FOR_DOT.finditer(text))
    if not found:
        return ()
    from .suffixes import public_suffixes  # which hardly any text needs

    known = set(public_suffixes())
    return {one.start(1) - 1 for one in found if one[1].lower() in known}


def are_origins(pieces: list[str]) -> bool:
    """Tell whether pieces of a text are each an origin, however misspelt."""
    if not all("://" in piece[1:] or piece == "*" or is_origin_like(piece) for piece in pieces):
        return False
    # Half a name, as in "https://exa mple.com", makes the other half a stranger's.
    return not any(map(_is_torn, pieces, pieces[1:]))


def _is_torn(piece: str, following: str) -> bool:
    is_whole = "://" in following or following in ("null", "*")
    return not is_whole and not re.search(r"[.\]]|:[0-9*]+$|localhost|^null$|^\*$|^file://$", piece)


def is_origin_like(piece: str) -> bool:
    """Tell whether a piece of a text looks like one origin."""
    return _ORIGIN_LIKE.fullmatch(piece) is not None


def listed_in(text: str) -> list[Any] | None:
    """Return the list that a text is the JSON of, or the Python source."""
    if not text.lstrip().startswith(("[", "(", "{")):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _evaluated(text)
    return list(found) if isinstance(found, (list, tuple, set)) else None


def _evaluated(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash in what is no Python, after all
            return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def regex_in(text: str) -> str | None:
    """Return the regular expression that an entry is, or ``None``."""
    bare = text.strip()
    return bare[len(REGEX) :].strip() if bare.startswith(REGEX) else None


def torn_regex(pattern: str) -> list[str]:
    """Return an expression and the entries behind it on its line, which it would swallow."""
    return _BEHIND_A_REGEX.split(pattern)


def joined(parts: Iterable[str]) -> str:
    """Write entries as one text: expressions behind the others, each to the end of its line."""
    ordered = sorted(parts, key=lambda part: part.startswith(REGEX))
    text = ", ".join(ordered)
    return re.sub(rf", (?={REGEX})", "\n", text) if text.count(REGEX) > 1 else text
