"""Regular expressions match what Python says that they match, and no origin holds them up."""

import os
import re
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.origins.expressions import ALPHABET, ExpressionError, Expressions, translate
from flask_sio_cors.origins.grammar import MAX_ORIGIN_LENGTH, is_well_formed
from tests.support.examples import up_to

# What stops a server that matches with Python's own engine; from public collections, and our own.
CATASTROPHIC = [
    r"https://([a-z]+)+\.example\.com",
    r"https://([a-z]*)*\.example\.com",
    r"https://([a-z0-9-]+\.?)+\.example\.com",
    r"https://(([a-z]+-?)*\.)*example\.com",
    r"https://(?:[a-z.]+\.)*example\.com",
    r"https://pr-(\d+)+\.example\.com",
    r"https://app\.([a-z]+)+\.example\.com",
    r"^https?://(\w+\.?)*\.example\.com$",
    r"(https://)?([a-z.]+)+x:",
    r"https://(.*)*x",
    r"https://(a|a)*b",
    r".*.*.*.*x",
    r"https?://pr-([a-z0-9]+-?)+\.example\.com",
    r"(?i)https://pr-([a-z0-9]+-?)+\.example\.com",
    r"https://(?:pr|mr)-([a-z0-9]+-?)+\.example\.com",
    r"https://[a-z]+-(\w+-?)+\.example\.com",
    r"https://app\d+\.([a-z]+\.?)+example\.com",
    r"https://feature-[0-9]+-([a-z0-9]+-?)*\.example\.com",
    r"https://([1-9]\d*)+\.example\.com",
    r"https://(www\.)?app-(\w+)*\.example\.com",
    r"https://(?:[a-z0-9]{4,}-?)+\.example\.com",
    r"https://[0-9a-f]{32}(-?[a-z0-9]+)*\.example\.com",
    r"https://(?:[a-z0-9]+[0-9]*\.)*example\.com",
    r"https://(?:\w+\d*\.)*example\.com",
    r"https://(?:[a-z]+-?[0-9]*-?\.)*example\.com",
    r"https://(?:[a-z]+(?:-[a-z0-9]+)?(?:-[0-9]+)?\.)*example\.com",
    r"https://(?:x|y|xy)*z",
    r"https://.*\..*\..*\..*\.example\.com",
    r"(a+)+",
    r"(.*a){20}",
    r"(x+x+)+y",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"([a-zA-Z]+)*",
    r"(a|aa)+",
    r"(a|a?)+",
    r"(?:https://)?(?:(?:(?:[a-z0-9]+)-?)*[a-z0-9]+)(?:\.(?:[a-z0-9]+-?)*[a-z0-9]+)*(?:\.(?:[a-z]{2,}))",
    r"https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}",
    r"(?:(?:a{1,30}){1,30})",
    r"(?:a?){250}a{250}",
]
# Origins of the longest kind that there are, which such expressions fail on.
LONG = [
    "https://" + "a1." * 97,
    "https://" + ("a" * 63 + ".") * 4 + "x" * 30,
    "https://" + "a" * 63,
    "https://" + "a." * 140 + "x",
    "https://" + "xy" * 30 + "x",
    "https://" + "a-" * 30 + "." + "1" * 60,
    "https://" + "1." * 140 + "x",
    "https://" + ("pr-" + "a0-" * 20 + ".") * 4,
]
HARMLESS = [
    r"https://pr-[0-9]+\.example\.com",
    r"https://(?:[a-z0-9-]+\.)*example\.com",
    r"https://(?:[^.]+\.){1,3}example\.com",
    r"https://[a-z]+-[a-z]+-[a-z]+\.example\.com",
    r"https://(app|www|api)\.example\.(com|org)",
    r"https?://(?:.*\.)?example\.com(?::\d+)?",
    r"(?i)https://[\w.-]+\.example\.com",
    r"https://.*-.*-.*\.example\.com",
    r"https://[a-z0-9-]{1,63}\.example\.com",
    r"^https://pr-(?P<number>\d{1,6})\.example\.com\Z",
    r"(?x) https:// pr-\d+ \.example\.com  # previews",
    r"https://(?#any)[\x61-\x7a]+\u002eexample\N{FULL STOP}com",
    r"([a-z]+)+",
    r".*",
    r"",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_no_origin_holds_one_up(pattern):
    try:
        asked = Expressions([re.compile(pattern)])
    except ExpressionError:
        assert "{1,30}" in pattern or "{250}" in pattern  # too much, however it is matched
        return
    origins = [origin[:300].rstrip(".-") for origin in LONG]
    assert all(map(is_well_formed, origins))
    started = time.thread_time()
    for origin in origins:
        asked.first(origin)
    # Python takes longer for one than the universe has.
    assert time.thread_time() - started < 0.05


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_harmless_one_is_accepted_at_once(pattern):
    started = time.thread_time()
    assert Options.from_config({"SIO_CORS_ORIGINS": re.compile(pattern)})
    assert time.thread_time() - started < 0.2


# --- What it means ----------------------------------------------------------------------------

ORIGIN_CHARACTERS = "ab01kKsS._-:/[]~+Z"
origins = st.text(ORIGIN_CHARACTERS, max_size=8)
single = st.sampled_from(
    r"""a b 0 1 k K s \. - : / . \w \W \d \D \s \S [ab] [^ab] [a-k] [^\W0] [\w.-] [^.] [0-9a-f]
    [\]a] [:/] long-s K [long-s] [^K] \x61 \u0061 \\ ~ \+ ^ $ \A \Z \b \B (?i:k) (?-i:s)
    (?i:[a-k]) (?s:.) (?i:long-s) [\d\D] [^\d\D]""".replace("long-s", "\u017f").split()
)
expressions = st.recursive(
    single,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map("({})".format),
        st.builds(
            "(?:{}){}".format,
            inner,
            st.sampled_from("* + ? *? +? ?? {2} {0,2} {1,3} {2,} {0} {0,0}".split()),
        ),
        inner.map("({}|)".format),
    ),
    max_leaves=8,
)
flags = st.sampled_from([0, re.IGNORECASE, re.MULTILINE, re.DOTALL, re.ASCII | re.IGNORECASE])


@up_to(500)
@given(expressions, flags, st.lists(origins, min_size=5, max_size=20))
def test_it_matches_what_python_matches(pattern, flags, texts):
    regex = re.compile(pattern, flags)
    asked = Expressions([regex])
    for text in texts:
        # An empty text is no origin, and older Pythons find no \B in it.
        if text:
            assert (asked.first(text) is not None) == (regex.fullmatch(text) is not None), text


@pytest.mark.parametrize("character", sorted(ALPHABET))
@pytest.mark.parametrize(
    "pattern", [r"\w", r"\W", r"(?i)k", "(?i)\u017f", "(?i)K", r"[^a-z]", r"."]
)
def test_a_class_is_pythons_own(pattern, character):
    regex = re.compile(pattern)
    assert (Expressions([regex]).first(character) is not None) == bool(regex.fullmatch(character))


def test_every_character_of_a_well_formed_origin_is_in_the_alphabet():
    for code in range(256):
        origin = f"app://{chr(code)}"
        if is_well_formed(origin) or is_well_formed(f"https://{chr(code)}"):
            assert chr(code) in ALPHABET


def test_the_first_that_matches_is_told_however_many_there_are():
    regexes = [re.compile(rf"https://pr-{n}(?:-[a-z]+)?\.example\.com") for n in range(2500)]
    asked = Expressions(regexes)
    for n in (0, 999, 1000, 1001, 2499):
        assert asked.first(f"https://pr-{n}-a.example.com") is regexes[n]
    assert asked.first("https://pr-2500.example.com") is None


def test_large_ones_together_decide_as_they_do_alone():
    regexes = [
        re.compile(rf"https://(?:[a-z0-9]{{1,9}}-){{1,9}}{n}\.example\.com") for n in range(15)
    ]
    asked = Expressions(regexes)
    origin = "https://" + "ab1-" * 9 + "{}.example.com"
    for n in (0, 7, 14):
        assert asked.first(origin.format(n)) is regexes[n]
    assert asked.first(origin.format(15)) is None


def test_many_that_repeat_much_are_too_many_together():
    large = [re.compile(rf"https://[a-z.]*a(?:[a-z]|\.){{0,150}}x{n}") for n in range(25)]
    with pytest.raises(ConfigError) as raised:
        Options.from_config({"SIO_CORS_ORIGINS": large})
    [problem] = raised.value.problems
    assert "25 expressions that repeat much" in problem.reason
    assert Options.from_config({"SIO_CORS_ORIGINS": eval(problem.correction)})
    few = Expressions(large[:10])
    started = time.thread_time()
    for n in range(10):
        few.first("https://" + f"a{n}." * 90)
    assert time.thread_time() - started < 0.1


@pytest.mark.parametrize(
    ("pattern", "inside"),
    [
        ("(?x) https://a  # {,3} [[:alpha:]]", "https://a"),
        ("https://[]{,3}]", "https://]"),
        (r"https://\[:alpha:]", "https://[:alpha:]"),
    ],
)
def test_what_only_looks_like_two_readings_is_none(pattern, inside):
    assert Expressions([re.compile(pattern)]).first(inside)


def test_repetitions_beyond_any_origin_are_no_repetitions_too_many():
    regex = re.compile("https://a{1,5000}b{0,100000}")
    assert Expressions([regex]).first(f"https://{'a' * 30}bb")
    assert not Expressions([re.compile("a{301,}")]).first("a" * MAX_ORIGIN_LENGTH)


# --- What it cannot mean ----------------------------------------------------------------------

FOREIGN = {
    r"https://(?=a)a\.example\.com": ("looks around", None),
    r"https://(?!www)[a-z]+\.example\.com": ("looks around", None),
    r"https://a(?<=a)\.example\.com": ("looks around", None),
    r"https://a(?<!b)\.example\.com": ("looks around", None),
    r"https://(?!)a": ("looks around", None),
    r"https://([a-z]+)\.\1\.example\.com": ("refers back", None),
    r"https://(?P<a>[a-z]+)\.(?P=a)\.example\.com": ("refers back", None),
    r"(?i)https://([a-z]+)\.\1\.example\.com": ("refers back", None),
    r"https://(a)?(?(1)b|c)\.example\.com": ("asks whether one of its groups", None),
    r"https://a{,20}\.example\.com": ("{,n}", r"https://a{0,20}\.example\.com"),
    r"https://[{,2}]+\{,3}x{,4}": ("{,n}", r"https://[{,2}]+\{,3}x{0,4}"),
    r"https://[[:alpha:]]+\.example\.com": ("[:alpha:]", r"https://[A-Za-z]+\.example\.com"),
    r"https://[[:alnum:]-]+\.example\.com": ("[:alpha:]", r"https://[A-Za-z0-9-]+\.example\.com"),
    r"https://((a{1,100}){1,10})\.example\.com": (
        "repeats so much",
        r"https://((a+){1,10})\.example\.com",
    ),
    r"https://(?:[a-z0-9-]{1,63}\.){1,5}example\.com": (
        "repeats so much",
        r"https://(?:[a-z0-9-]+\.){1,5}example\.com",
    ),
    r"https://(?:(?:[a-z]{1,30}-){1,30}\.){1,9}x": ("repeats so much", None),
    "(?:" * 60 + "a" + "){1,3}" * 60: ("repeats so much", None),
}
if sys.version_info >= (3, 11):
    FOREIGN[r"https://(?>a+)b"] = ("atomic", None)
    FOREIGN[r"https://a++b"] = ("possessive", None)


@pytest.mark.filterwarnings("ignore:Possible nested set")
@pytest.mark.parametrize(("pattern", "told"), FOREIGN.items(), ids=FOREIGN)
def test_what_cannot_be_asked_is_a_mistake_with_a_correction_that_works(pattern, told):
    reason, correction = told
    regex = re.compile(pattern)
    with pytest.raises(ConfigError) as raised:
        Options.from_config({"SIO_CORS_ORIGINS": ["https://app.example.com", regex]})
    [problem] = raised.value.problems
    assert (problem.key, problem.value) == ("SIO_CORS_ORIGINS", regex)
    assert reason in problem.reason
    mended = eval(problem.correction)
    assert Options.from_config({"SIO_CORS_ORIGINS": mended})
    assert (mended.pattern if correction else None) == correction


def test_flags_stay_in_a_correction():
    with pytest.raises(ConfigError) as raised:
        Options.from_config({"SIO_CORS_ORIGINS": re.compile("https://a{,2}", re.IGNORECASE)})
    assert eval(raised.value.problems[0].correction).flags & re.IGNORECASE


def test_without_the_engine_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(ConfigError, match=r'pip install "Flask-SIO-CORS\[regex\]"'):
        Options.from_config({"SIO_CORS_ORIGINS": re.compile("https://a")})


def test_nothing_is_written_to_stderr(capfd):
    for pattern in (r"https://((a{1,100}){1,10})", "(?:a{1,300}){1,300}"):
        with pytest.raises(ExpressionError):
            Expressions([re.compile(pattern)])
    assert capfd.readouterr().err == ""


def test_only_expressions_need_the_engine():
    source = "import sys, flask_sio_cors.config.options as o; o.Options.from_config({}); "
    asked = [sys.executable, "-c", source + "print('re2' in sys.modules)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "False\n"


FORK = """
    import os, random, re, signal, threading
    from flask_sio_cors.origins.expressions import Expressions

    asked = Expressions([re.compile(r"https://(?:[a-z0-9]{1,15}-?){1,8}\\.x")])
    stop = False

    def ask(seed, often):
        chosen = random.Random(seed)
        while not stop and often:
            often -= 1
            asked.first("https://" + "".join(chosen.choices("ab0-", k=250)))

    threads = [threading.Thread(target=ask, args=[seed, 10**9]) for seed in range(4)]
    for thread in threads:
        thread.start()
    hung = 0
    for _ in range(25):
        child = os.fork()
        if not child:
            signal.alarm(2)
            ask(99, 3)
            os._exit(0)
        hung += os.waitpid(child, 0)[1] != 0
        if hung:
            break
    stop = True
    for thread in threads:
        thread.join()
    print(hung)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_child_of_a_process_whose_threads_match_can_match():
    asked = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORK)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_the_translation_is_plain():
    assert translate(re.compile(r"a\d?")) == r"[\x61](?:[\x30-\x39]){0,1}"
