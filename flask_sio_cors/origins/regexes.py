"""Texts in an origin's place that look like regular expressions or globs, and what they mean.

Most of them say no more than a list of origins and wildcards does, and those are written instead.
Any other becomes an expression that lets in nobody who can register a name, or an example.
"""

from __future__ import annotations

import itertools
import re
import warnings
from typing import Final

from .codes import Code, Said
from .expressions import ExpressionError, translate
from .grammar import (
    DEFAULT_PORTS,
    EXAMPLE,
    ends_with_dot,
    is_app_scheme,
    is_loopback,
    parse_pattern,
)
from .texts import REGEX, torn_regex

#: What is said of a text, and what to write instead; nothing where it is something else.
Explained = tuple[Said, tuple[str, ...]] | None

_SIGNS: Final = re.compile(
    r"[\\^$()|{}]|\.[*+?]|\][*+]|\[[^\]:]{0,99}(?:\]\?|[|,])|\[[a-z0-9]-[a-z0-9]|:\[\*\]|\[\.\]"
    r"|[a-z0-9]\?(?:://|\.)"
)
_NO_REGEX: Final = re.compile(
    r"(?:[A-Za-z*+]+://)?(?!\.)[A-Za-z0-9_.*-]+(?::[0-9*]+)?/?|[A-Za-z]+:\\(?!/).*", re.DOTALL
)
#: A wildcard in an expression, where it is any number of slashes.
LIKE_GLOB: Final = re.compile(r"://\*")
_START: Final = r"(?:(?<=://)|^)"
_ANYTHING: Final = r"(?:\.[*+]\??|(?:\[[^\]]+\]|\\w|\\S)(?:[*+]\??|\{[0-9,]+\}))(?:\\?\.)?"
_DIGITS: Final = r":(?:\\d|\[0-9\]|\.)(?:[*+]|\{[0-9,]+\})|:\[\*\]"
# In the order in which they are replaced: what people write, and what a list of origins has for it.
_MEANINGS: Final = (
    (r"^~\*?\s?|^(?:%r|~r|@)?[/{](.+)[/}][a-z]*$", r"\1"),  # as nginx, Ruby, JavaScript have them
    (r"\\/", "/"),
    (r"^(?:\^|\\A)|(?:(?<!\\)\$|\\[zZ])$", ""),
    (rf"^(?!{_ANYTHING})\\?\.", "*."),  # in a search, what any subdomain ends in
    (r"^http(?:s\?|\(s\)\??)", "(https|http)"),
    (rf"{_START}\((?:\?:)?{_ANYTHING}\)[?*]", "(|*.)"),
    (rf"{_START}\(?(?:\?:)?{_ANYTHING}\)?(?:\\?\.)?\)?\+?(?=[a-z0-9])", "*."),
    (rf"(?:{_DIGITS})$|\((?:\?:)?(?:{_DIGITS})\)\?$", ":*"),
    (r"\\\.|\[\.\]", "."),
)
_CHOICE: Final = re.compile(r"[({\[](?:\?:)?([a-z0-9*.-]*(?:[,|][a-z0-9*.-]+)+)[)}\]]")
_MOST_CHOICES: Final = 4
_DOT_IN_A_NAME: Final = re.compile(r"(?<=[A-Za-z0-9)\]}+*?])\.(?=[A-Za-z0-9(\[])")
_STRANGER: Final = "https://a.invalid"


def explain_regex(text: str) -> Explained:
    """Return why a text that looks like an expression is no origin, and what to write."""
    if _NO_REGEX.fullmatch(text) or not _SIGNS.search(text):
        return None
    if origins := _origins(text):
        return Code.REGEX_AS_TEXT.said(""), tuple(origins)
    for sign, meaning in _MEANINGS[:3]:
        text = re.sub(sign, meaning, text)
    escaped = _DOT_IN_A_NAME.sub(r"\\.", text)
    more = "" if escaped == text else _DOT_MATCHES
    if "://" not in escaped:
        escaped = f"https://{escaped}"
    if re.search(r"\s", escaped):
        escaped = ""  # nothing of which is an origin's
    elif error := _why_invalid(escaped):
        more += f", and is not a valid one either ({error})"
    elif re.fullmatch(escaped, _STRANGER):
        more, escaped = f"{more}, and as one it lets every site in", ""
    return Code.REGEX_AS_TEXT.said(more), regex_text(escaped) if escaped else (EXAMPLE,)


_DOT_MATCHES: Final = '; and in one "." is any character, so that other domains match too'


def _origins(regex: str) -> list[str]:
    """Translate an expression into origins and wildcards; `[]` where they cannot say the same."""
    for sign, meaning in _MEANINGS:
        regex = re.sub(sign, meaning, regex)
    # Texts and choices between words by turns, such as "https://", "www|app", ".example.com".
    pieces = _CHOICE.split(regex)
    if len(pieces) > 2 * _MOST_CHOICES:
        return []
    words = [re.split("[,|]", piece) if i % 2 else [piece] for i, piece in enumerate(pieces)]
    origins = ["".join(chosen) for chosen in itertools.product(*words)]
    origins = [origin if "://" in origin else f"https://{origin}" for origin in origins]
    patterns = [parse_pattern(origin) for origin in origins]
    return origins if all(one and not ends_with_dot(one) for one in patterns) else []


def regex_text(pattern: str) -> tuple[str]:
    """Return an expression as text; an example where it is not valid, or not taken for that one."""
    is_taken = len(torn_regex(pattern)) == 1 and not LIKE_GLOB.search(pattern)
    return (f"{REGEX}{pattern}" if is_taken and not _why_invalid(pattern) else EXAMPLE,)


def meaning_of_regex(pattern: str) -> tuple[str, ...]:
    """Return an expression as text, or the origins that say the same."""
    pattern = pattern.strip("\"'")
    return tuple(_origins(pattern)) or regex_text(pattern)


def _why_invalid(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            # Such as "possible nested set": for whoever wrote a regular expression on purpose.
            warnings.simplefilter("ignore")
            translate(re.compile(pattern))
    except (re.error, ExpressionError) as error:
        return str(error)
    except (RecursionError, OverflowError, MemoryError):
        return "too deep"
    return ""


def explain_glob(scheme: str, site: str) -> Explained:
    """Return an expression for stars that no wildcard can say, or why not, and an example.

    :param site: host and port.
    """
    is_app = is_app_scheme(scheme)
    if "*" not in (site if is_app else site.removeprefix("*.").removesuffix(":*")):
        return None
    if not (is_app or scheme in DEFAULT_PORTS):
        return None
    host, colon, port = site.partition(":")
    fixed = host.strip(".").rpartition("*")[2].partition(".")[2]
    said = Code.STAR_IN_APP.said() if is_app else Code.STAR_MISPLACED.said()
    if not is_app and not fixed:
        told = "; and at the end of a host it lets in whichever domain anyone registers"
        return said.more(told), (EXAMPLE,)
    if not is_app and "." not in fixed and not is_loopback(fixed):
        return said.more("; and here it lets in domains that anyone can register"), (EXAMPLE,)
    if not re.fullmatch(r"[A-Za-z0-9_.*-]+(?::[0-9*]+)?", site):
        return said, (EXAMPLE,)
    star = "[A-Za-z0-9._-]+" if is_app else "[a-z0-9-]+"
    name = f"{scheme}://{host}".replace(".", r"\.").replace("+", r"\+")
    pattern = re.sub(r"\*+", lambda _: star, name) + colon + port.replace("*", "[0-9]+")
    return said, regex_text(pattern)
