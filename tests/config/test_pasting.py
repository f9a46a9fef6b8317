"""A correction works when it is pasted where the mistake stands, and changes nothing else."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import Options
from flask_sio_cors.config.origins import entries_of
from flask_sio_cors.config.sources import as_text
from tests.support.config_mistakes import CREDENTIALS, MISTAKES, ORIGINS
from tests.support.examples import up_to
from tests.support.pasting import from_environment, paste, problems_in
from tests.support.real_life import IN_A_VARIABLE, IN_PYTHON, UNFILLED

bounded = settings(
    up_to(120), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

#: What people write for an origin → who they mean, every one of them, and one of them.
MEANT = {
    "https://a.example/": (r"https://a\.example", "https://a.example"),
    "https://b.example:443/app": (r"https://b\.example", "https://b.example"),
    "HTTPS://C.example": (r"https://c\.example", "https://c.example"),
    "d.example": (r"https://d\.example", "https://d.example"),
    "*.e.example": (r"https://.+\.e\.example", "https://x.e.example"),
    "https://f.example.": (r"https://f\.example", "https://f.example"),
    "wss://g.example": (r"https://g\.example", "https://g.example"),
    "localhost:3000": (r"http://localhost:3000", "http://localhost:3000"),
    "http://localhost:3001/": (r"http://localhost:3001", "http://localhost:3001"),
    "http://192.168.*:3000": (r"http://192\.168\.\d+\.\d+:3000", "http://192.168.1.9:3000"),
    "192.168.0.0/16": (r"http://192\.168\.\d+\.\d+(:\d+)?", "http://192.168.7.7:5000"),
    "192.168.1.10:3000": (r"http://192\.168\.1\.10:3000", "http://192.168.1.10:3000"),
    "raspberrypi:5000": (r"http://raspberrypi:5000", "http://raspberrypi:5000"),
    "pi.local:5000": (r"http://pi\.local:5000", "http://pi.local:5000"),
    "http://10.1.1.x:4200": (r"http://10\.1\.1\.\d+:4200", "http://10.1.1.7:4200"),
    "http://10.2.1.1-254": (r"http://10\.2\.1\.\d+", "http://10.2.1.7"),
    "10.3.1.10-20": (r"http://10\.3\.1\.(1\d|20)(:\d+)?", "http://10.3.1.15:81"),
    "fd00::/8": (r"http://\[fd[^]]+\](:\d+)?", "http://[fd00::1]:81"),
    r"https?://localhost:\d+": (r"https?://localhost(:\d+)?", "http://localhost:81"),
    r"https://.*\.h\.example": (r"https://.+\.h\.example", "https://x.h.example"),
    r"https://.*i\.example": (r"https://.+\.i\.example", "https://x.i.example"),
    r"https://app-\d+.j.example": (r"https://app-\d+\.j\.example", "https://app-7.j.example"),
    "https://app-*-*.k.example": (r"https://app-.+-.+\.k\.example", "https://app-1-2.k.example"),
    "https://(www|app).l.example": (r"https://(www|app)\.l\.example", "https://app.l.example"),
    r"REGEX:https://m\d+\.m\.example": (r"https://m\d+\.m\.example", "https://m7.m.example"),
    "'https://n.example'": (r"https://n\.example", "https://n.example"),
    "https://bücher.example": (r"https://xn--bcher-kva\.example", "https://xn--bcher-kva.example"),
    "Origin: https://o.example": (r"https://o\.example", "https://o.example"),
    "https://right.example": (r"https://right\.example", "https://right.example"),
    "https://pr-*.r.example": (r"https://pr-[^.]+\.r\.example", "https://pr-7.r.example"),
    "https://*.s.example:844": (r"https://.+\.s\.example:844", "https://a.b.s.example:844"),
    "regex:https://t[0-9]{1,3}\\.t\\.example": (r"https://t\d{1,3}\.t\.example", "https://t7.t.example"),
    "capacitor://localhost": ("capacitor://localhost", "capacitor://localhost"),
    "172.16-31.*.*": (r"http://172\.(1[6-9]|2\d|3[01])\.\d+\.\d+(:\d+)?", "http://172.31.0.9:81"),
    "10.4.0.0/255.255.0.0": (r"http://10\.4\.\d+\.\d+(:\d+)?", "http://10.4.7.7"),
    "10.5.": (r"http://10\.5\.\d+\.\d+(:\d+)?", "http://10.5.7.7"),
    "::ffff:10.6.0.1": (r"http://10\.6\.0\.1", "http://10.6.0.1"),
    "https://u,com": (r"https://u\.com", "https://u.com"),
    "https://v.example\uff1a\uff18\uff11": (r"https://v\.example:81", "https://v.example:81"),
    "http[s]://localhost:82": (r"https?://localhost:82", "https://localhost:82"),
    "*://w.local": (r"https?://w\.local", "http://w.local"),
}  # fmt: skip
FRIENDS = [friend for _, friend in MEANT.values()]
STRANGERS = """https://evil.example http://evil.example null file:// https://example.com http://a.example
https://b.example:444 http://d.example https://e.example https://xe.example https://f.example.. http://8.8.8.8
https://g.example:8443 http://localhost.evil.example:3000 http://localhost:30000 http://192.169.1.9:3000
http://192.168.7.7.evil.example http://192.168.1.11:3001 http://raspberrypi.evil.example:5000 http://10.1.12.7:4200
http://10.2.2.7 http://10.3.1.21:81 http://[fe00::1]:81 https://xh.example https://xi.example https://app-7xj.example
https://appxl.example https://m7xm.example https://bucher.example https://oo.example https://pr-7.x.r.example
http://172.32.0.1 http://172.15.0.1 http://10.40.7.7 http://10.50.7.7 http://10.6.0.11 https://u https://com
http://com https://v.example http://v.example:81 https://xu.com https://w.evil.example http://xw.local
https://t7777.t.example https://t7xt.example http://localhost.evil.example:81""".split()
LOOKALIKES = [f"{friend}.evil.example" for friend in FRIENDS]
EVERYBODY = [*FRIENDS, *STRANGERS, *LOOKALIKES]


def mended(config):
    """Paste one correction after another, as they were told at first."""
    first, problems = config, problems_in(config)
    told = {(one.target, one.reason) for one in problems}
    for problem in problems:
        config = paste(config, problem, first)
        found = problems_in(config)
        assert {(one.target, one.reason) for one in found} <= told, (problem, found)
    return config


def is_meant(entries, origin):
    """Tell, slowly and obviously, whether somebody who writes these entries means an origin."""
    return any(re.fullmatch(MEANT[entry][0], origin) for entry in entries)


def check(config, entries):
    """See who gets in, in a configuration that was mended, and whose origins are these."""
    assert problems_in(config) == ()
    origins = Options.from_config(config).origins
    for origin in EVERYBODY:
        assert (origin in origins) == is_meant(entries, origin), (origin, config)


def text_of(entries, separator):
    """Write entries as one text: an expression runs to the end of its line."""
    return separator.join(
        f"{entry}\n" if entry.lower().startswith("regex:") else entry for entry in entries
    )


lists = st.lists(st.sampled_from([*MEANT]), min_size=1, max_size=5, unique=True)
separators = st.sampled_from([", ", ",", "; ", "\n", " \n "])


@bounded
@given(lists, st.booleans())
def test_in_a_list(entries, with_credentials):
    check(mended({ORIGINS: entries, CREDENTIALS: with_credentials}), entries)


@bounded
@given(lists, separators, st.booleans())
def test_in_a_text(entries, separator, with_credentials):
    config = {ORIGINS: text_of(entries, separator), CREDENTIALS: with_credentials}
    check(mended(config), entries)


@bounded
@given(lists, separators, st.booleans(), st.booleans())
def test_in_a_variable(monkeypatch, entries, separator, is_json, with_credentials):
    text = json.dumps(entries) if is_json else text_of(entries, separator)
    credentials = {CREDENTIALS: "on"} if with_credentials else {}
    written = first = {ORIGINS: text, **credentials}
    for problem in problems_in(from_environment(written, monkeypatch)):
        # In the text as it stands in the variable, whatever Flask makes of it.
        written = paste(written, problem, first)
    check(from_environment(written, monkeypatch), entries)


@bounded
@given(lists, st.booleans(), st.booleans())
def test_in_the_settings_of_flask_cors(entries, is_text, with_credentials):
    value = text_of(entries, ", ") if is_text else entries
    config = {"CORS_ORIGINS": value, "CORS_SUPPORTS_CREDENTIALS": with_credentials}
    pasted = mended(config)
    check(pasted, entries)
    assert {key: pasted[key] for key in config} == config


def in_other_forms():
    for mistake in MISTAKES:
        value = mistake.config.get(mistake.key)
        items = value if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in items):
            for form, text in (("text", "\n".join(items)), ("JSON", json.dumps(items))):
                yield f"{form}: {mistake.name}", {**mistake.config, mistake.key: text}
        yield f"credentials: {mistake.name}", {CREDENTIALS: True, **mistake.config}
        theirs = {key.removeprefix("SIO_"): one for key, one in mistake.config.items()}
        if theirs.keys() & {"CORS_ORIGINS", "CORS_SUPPORTS_CREDENTIALS"}:
            yield f"Flask-CORS: {mistake.name}", theirs


@pytest.mark.parametrize("config", [pytest.param(one, id=name) for name, one in in_other_forms()])
def test_a_correction_works_in_every_form(config):
    pasted = mended(config)
    assert problems_in(pasted) == ()
    if any(problem.place for problem in problems_in(config)):
        return  # The function has changed, and not the configuration.
    theirs = [key for key in config if key.startswith("CORS_")]
    assert {key: pasted[key] for key in theirs} == {key: config[key] for key in theirs}


def test_what_flask_cors_reads_stays_as_it_is():
    config = {"CORS_ORIGINS": r"https?://localhost:\d+", "CORS_SUPPORTS_CREDENTIALS": True}
    [problem] = problems_in(config)
    assert (problem.key, problem.target) == ("CORS_ORIGINS", ORIGINS)
    assert problem.advice.startswith("write: SIO_CORS_ORIGINS = ")
    config = {"CORS_ORIGINS": "*", "CORS_SUPPORTS_CREDENTIALS": True}
    [problem] = problems_in(config)
    assert problem.advice == "write: SIO_CORS_SUPPORTS_CREDENTIALS = False"


def test_a_star_beside_others_is_left_out_and_they_are_mended():
    config = mended({ORIGINS: ["https://a.example/", "d.example", "*"]})
    assert config[ORIGINS] == ["https://a.example", "https://d.example"]


def test_a_private_page_with_credentials_needs_a_switch_and_no_certificate():
    config = {ORIGINS: "raspberrypi:5000", CREDENTIALS: True}
    assert [problem.target for problem in problems_in(config)] == [
        "",
        "SIO_CORS_TOLERATE_INSECURE_ORIGINS",
    ]


def test_an_expression_amid_a_line_is_corrected_with_the_whole_text(monkeypatch):
    text = r"https://a\d.example.com, https://b.example"
    [problem] = problems_in({ORIGINS: text})
    assert problem.value == text
    assert problem.correction == r'["regex:https://a\\d\\.example\\.com", "https://b.example"]'
    [problem] = problems_in(from_environment({ORIGINS: text}, monkeypatch))
    assert problem.value == text
    assert problem.correction == r"https://b.example, regex:https://a\d\.example\.com"


def test_what_is_written_in_python_is_corrected_in_python_and_a_variable_as_it_is(monkeypatch):
    text = "https://a.example/"
    [problem] = problems_in({ORIGINS: text})
    assert problem.correction == '"https://a.example"'
    [problem] = problems_in({ORIGINS: f"{text}, https://b.example"})
    assert (problem.value, problem.correction) == (text, "https://a.example")
    [problem] = problems_in(from_environment({ORIGINS: text}, monkeypatch))
    assert problem.correction == "https://a.example"


def test_nothing_is_half_read():
    with pytest.raises(ConfigError):
        Options.from_config({ORIGINS: "regex:https://a.example, https://b.example"})


# --- As it is found in deployments --------------------------------------------------------------


def entries_in(config):
    """The entries of a configuration, an expression as its text."""
    Options.from_config(config)
    return sorted(set(map(as_text, entries_of(config[ORIGINS]))))


@pytest.mark.parametrize(("text", "meant"), IN_A_VARIABLE.values(), ids=IN_A_VARIABLE)
def test_what_stands_in_a_variable_means_the_same_when_it_is_mended(monkeypatch, text, meant):
    written = first = {ORIGINS: text}
    for problem in problems_in(from_environment(written, monkeypatch)):
        assert not problem.is_example
        written = paste(written, problem, first)
    assert entries_in(from_environment(written, monkeypatch)) == sorted(meant)


@pytest.mark.parametrize("text", UNFILLED)
def test_what_nobody_has_filled_in_is_told(monkeypatch, text):
    [problem] = problems_in(from_environment({ORIGINS: text}, monkeypatch))
    assert problem.code == "origin-unfilled"
    assert problem.is_example


@pytest.mark.parametrize(("value", "meant"), IN_PYTHON.values(), ids=IN_PYTHON)
def test_what_stands_in_python_means_the_same_when_it_is_mended(value, meant):
    config = {ORIGINS: value}
    assert entries_in(mended(config) if problems_in(config) else config) == sorted(meant)


def test_what_can_be_gone_through_once_is_read_once():
    [problem] = problems_in({ORIGINS: (f"{one}/" for one in ("https://a.example", "b.example"))})
    assert problem.correction == '["https://a.example", "https://b.example"]'
