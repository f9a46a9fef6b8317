"""Regular expressions, matched from end to end and in linear time.

Python's own matching can be held for hours by one header. RE2's cannot, but RE2 reads some things
otherwise. So Python parses an expression, and RE2 is given what that means for the characters that
origins have, in the few constructs that both have in common.
"""

from __future__ import annotations

import importlib
import os
import re
import string
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from .grammar import EXAMPLE_WILDCARD, MAX_ORIGIN_LENGTH

#: Instructions of RE2 that an expression may take: each costs each character of an origin a step,
#: at worst. Ordinary expressions take 20 to 300, of which most characters meet few.
MAX_PROGRAM: Final = 500
#: Those from here on are large, and so many instructions of such are asked together, at most: some
#: milliseconds for an origin of the longest kind that was not seen before, at worst.
_LARGE: Final = 200
MAX_LARGE_PROGRAMS: Final = 5000
#: How many expressions a set takes, and how many instructions; a larger one does not compile.
_MAX_SET: Final = 1000
_MAX_SET_PROGRAM: Final = 20_000
#: All characters of well-formed origins, and so all that an expression is ever asked about.
ALPHABET: Final = frozenset(string.ascii_letters + string.digits + "+-._~:/[]")

# The standard library's own parser and compiler of expressions, which have had two names.
_NAMES: Final = ("re._parser", "re._compiler", "re._constants")
_OLD_NAMES: Final = ("sre_parse", "sre_compile", "sre_constants")
_parser, _compiler, _constants = (
    importlib.import_module(name)
    for name in (_NAMES if sys.version_info >= (3, 11) else _OLD_NAMES)
)
_MAXREPEAT: Final = _constants.MAXREPEAT
#: A parsed construct: its operation, which has a ``name``, and its argument.
Node: TypeAlias = tuple[Any, Any]
#: What to write instead of an expression.
Correction: TypeAlias = "str | re.Pattern[str]"

_NEVER: Final = r"[^\x00-\x{10FFFF}]"
_PLACES: Final = {
    # Origins have one line.
    "AT_BEGINNING": r"\A",
    "AT_BEGINNING_STRING": r"\A",
    "AT_END": r"\z",
    "AT_END_STRING": r"\z",
    "AT_BOUNDARY": r"\b",
    "AT_NON_BOUNDARY": r"\B",
}
_FOREIGN: Final = {
    "ASSERT": "looks around, (?=…) or (?<=…)",
    "ASSERT_NOT": "looks around, (?!…) or (?<!…)",
    "FAILURE": "looks around, (?!)",
    "GROUPREF": "refers back to one of its groups",
    "GROUPREF_IGNORE": "refers back to one of its groups",
    "GROUPREF_EXISTS": "asks whether one of its groups took part, (?(1)…)",
    "ATOMIC_GROUP": "has an atomic group, (?>…)",
    "POSSESSIVE_REPEAT": "has a possessive repetition, as in a++",
}
_POSIX: Final = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "word": "A-Za-z0-9_",
    "xdigit": "A-Fa-f0-9",
}
_POSIX_CLASS: Final = re.compile(rf"(?<!\\)\[:({'|'.join(_POSIX)}):\]")
# Neither what is escaped, nor what stands in a class.
_OPEN_REPEAT: Final = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]])*\])|\{,([0-9]+)\}", re.DOTALL)
_LONG_REPEAT: Final = re.compile(r"(\\.)|\{1,(?:6[3-9]|[7-9][0-9]|[1-9][0-9]{2,})\}", re.DOTALL)


class ExpressionError(Exception):
    """An expression that cannot decide about origins.

    :ivar reason: why, a verb and its object.
    :ivar correction: what to write instead.
    """

    def __init__(self, reason: str, correction: Correction = EXAMPLE_WILDCARD) -> None:
        super().__init__(reason)
        self.reason = reason
        self.correction = correction


class Expressions:
    """Expressions that are asked about an origin together, in as few passes as they need.

    :param regexes: each to match from end to end.
    :raise ExpressionError: if one of them is none that can decide.
    """

    __slots__ = ("__weakref__", "_compiled", "_parts", "regexes")

    def __init__(self, regexes: Iterable[re.Pattern[str]]) -> None:
        self.regexes = tuple(regexes)
        checked = [_checked(regex) for regex in self.regexes]
        self._parts = tuple(_parts_of(checked))
        _check_together([size for _, size in checked])
        self._compiled = tuple(map(_compile_set, self._parts))
        if self.regexes:
            _alive.add(self)

    def first(self, origin: str) -> re.Pattern[str] | None:
        """Return the first that matches an origin.

        :param origin: well-formed; of others it is not told what expressions make.
        """
        start = 0
        for part, ask in zip(self._parts, self._compiled, strict=True):
            found = ask(origin)
            if found:
                return self.regexes[start + min(found)]
            start += len(part)
        return None

    def compile_anew(self) -> None:
        """Compile once more: what a thread was using while a process was forked is locked there."""
        self._compiled = tuple(map(_compile_set, self._parts))


#: What a child process has to compile anew.
_alive: Final[weakref.WeakSet[Expressions]] = weakref.WeakSet()


def _compile_all_anew() -> None:
    for expressions in list(_alive):
        expressions.compile_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_compile_all_anew)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return an expression as Python reads it.

    :raise ExpressionError: if it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "possible nested set"
            return re.compile(pattern)
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        raise ExpressionError(str(error)) from None


def parse(regex: re.Pattern[str]) -> Sequence[Node]:
    """Return what an expression consists of, as Python reads it.

    :raise ExpressionError: if it is nested too deeply.
    """
    with warnings.catch_warnings():
        # Such as "possible nested set": for whoever compiled the expression.
        warnings.simplefilter("ignore")
        try:
            parsed: Sequence[Node] = _parser.parse(regex.pattern, _flags_of(regex))
        except (RecursionError, OverflowError, re.error):
            raise ExpressionError("is nested too deeply") from None
    return parsed


def translate(regex: re.Pattern[str]) -> str:
    """Return the expression for RE2 that matches the same origins.

    :raise ExpressionError: if there is none.
    """
    if regex.flags & re.VERBOSE:
        # Comments may hold anything.
        return _translated(regex)
    if _POSIX_CLASS.search(regex.pattern):
        written = _POSIX_CLASS.sub(lambda found: _POSIX[found[1]], regex.pattern)
        raise _ambiguous(
            "[:alpha:] and the like", "Python takes them for their letters", written, regex
        )
    written = _OPEN_REPEAT.sub(lambda found: found[1] or f"{{0,{found[2]}}}", regex.pattern)
    if written != regex.pattern:
        raise _ambiguous("{,n}", "most engines as text", written, regex)
    return _translated(regex)


def _translated(regex: re.Pattern[str]) -> str:
    try:
        return _translate(parse(regex), _flags_of(regex))
    except RecursionError:
        raise ExpressionError("is nested too deeply") from None


def members(node: Node, flags: int) -> frozenset[str] | None:
    """Return the characters of origins that a construct matches; ``None`` if it is not for one."""
    name, argument = node[0].name, node[1]
    if name == "ANY":
        return ALPHABET
    if name == "LITERAL" and not flags & re.IGNORECASE:
        return frozenset(chr(argument)) & ALPHABET
    if name in ("LITERAL", "NOT_LITERAL", "IN"):
        key = (repr(node), flags)
        if key not in _asked:
            _asked[key] = _members(node, flags)
        return _asked[key]
    return None


#: What Python said of constructs, in the words that they have in common.
_asked: Final[dict[tuple[str, int], frozenset[str]]] = {}


def scoped(flags: int, argument: tuple[Any, int, int, Any]) -> int:
    """Return the flags within a group, such as ``(?i:…)``."""
    return (flags | argument[1]) & ~argument[2]


def _members(node: Node, flags: int) -> frozenset[str]:
    """Ask Python itself, whose rules for case and categories are its own."""
    state = _parser.State()
    state.flags, state.str = flags | re.UNICODE * (not flags & re.ASCII), ""
    single = _compiler.compile(_parser.SubPattern(state, [node]), flags)
    return frozenset(filter(single.fullmatch, ALPHABET))


def _flags_of(regex: re.Pattern[str]) -> int:
    return regex.flags & ~(re.UNICODE | re.DEBUG)


def _ambiguous(what: str, how: str, written: str, regex: re.Pattern[str]) -> ExpressionError:
    reason = f"has {what}, which engines read in different ways ({how})"
    return ExpressionError(reason, re.compile(written, _flags_of(regex)))


def _translate(nodes: Iterable[Node], flags: int) -> str:
    return "".join(_translate_node(node, flags) for node in nodes)


def _translate_node(node: Node, flags: int) -> str:
    name, argument = node[0].name, node[1]
    characters = members(node, flags)
    if characters is not None:
        return _class(characters)
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        return _translate_repeat(argument, flags)
    if name == "SUBPATTERN":
        return f"(?:{_translate(argument[3], scoped(flags, argument))})"
    if name == "BRANCH":
        return f"(?:{'|'.join(_translate(choice, flags) for choice in argument[1])})"
    if name == "AT" and argument.name in _PLACES:
        return _PLACES[argument.name]
    raise ExpressionError(
        f"{_FOREIGN.get(name, f'has a construct called {name}')}, which no engine can do in linear "
        "time, so that one request could stop the server"
    )


def _translate_repeat(argument: tuple[int, int, Iterable[Node]], flags: int) -> str:
    least, most, repeated = argument
    # No origin has more characters, and so more rounds.
    least = min(least, MAX_ORIGIN_LENGTH + 1)
    bound = "" if most > MAX_ORIGIN_LENGTH else str(most)
    return f"(?:{_translate(repeated, flags)}){{{least},{bound}}}"


def _class(characters: frozenset[str]) -> str:
    if not characters:
        return _NEVER
    codes = sorted(map(ord, characters))
    ends = [code for code in codes if code + 1 not in codes]
    starts = [code for code in codes if code - 1 not in codes]
    ranges = (
        f"\\x{start:02x}" if start == end else f"\\x{start:02x}-\\x{end:02x}"
        for start, end in zip(starts, ends, strict=True)
    )
    return f"[{''.join(ranges)}]"


def _checked(regex: re.Pattern[str]) -> tuple[str, int]:
    """Return an expression for RE2, and its number of instructions."""
    re2 = _engine(regex)
    translated = translate(regex)
    try:
        size: int = re2.compile(translated, _options(re2)).programsize
    except re2.error:
        size = MAX_PROGRAM + 1
    if size > MAX_PROGRAM:
        raise ExpressionError(
            "repeats so much that each character of an origin costs more than "
            f"{MAX_PROGRAM:,} steps; a label has 63 characters at most, so that + says what "
            "{1,63} does",
            _shortened(regex),
        )
    return translated, size


def _check_together(sizes: Iterable[int]) -> None:
    large = [size for size in sizes if size >= _LARGE]
    if sum(large) > MAX_LARGE_PROGRAMS:
        raise ExpressionError(
            f"has {len(large)} expressions that repeat much; together, each character of an origin "
            f"costs {sum(large):,} steps, where {MAX_LARGE_PROGRAMS:,} are the most. A label has "
            "63 characters at most, so that + says what {1,63} does"
        )


def _shortened(regex: re.Pattern[str]) -> Correction:
    """Return an expression whose labels are as long as they get, if that is short enough."""
    written = _LONG_REPEAT.sub(lambda found: found[1] or "+", regex.pattern)
    if written == regex.pattern:
        return EXAMPLE_WILDCARD
    shortened = re.compile(written, _flags_of(regex))
    try:
        _checked(shortened)
    except ExpressionError:
        return EXAMPLE_WILDCARD
    return shortened


def _engine(regex: re.Pattern[str]) -> Any:
    try:
        return importlib.import_module("re2")
    except ImportError:
        raise ExpressionError(
            "is matched by google-re2, which no request can stop, and which is not installed; run "
            'pip install "Flask-SIO-CORS[regex]", and leave it',
            regex,
        ) from None


def _options(re2: Any) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    return options


def _parts_of(sized: Iterable[tuple[str, int]]) -> Iterable[list[str]]:
    """Divide expressions into sets that compile."""
    part: list[str] = []
    total = 0
    for translated, size in sized:
        total += size
        if len(part) == _MAX_SET or total > _MAX_SET_PROGRAM:
            yield part
            part, total = [], size
        part.append(translated)
    if part:
        yield part


def _compile_set(expressions: Iterable[str]) -> Callable[[str], list[int] | None]:
    re2 = importlib.import_module("re2")
    together = re2.Set.FullMatchSet(_options(re2))
    for expression in expressions:
        together.Add(expression)
    together.Compile()
    ask: Callable[[str], list[int] | None] = together.Match
    return ask
