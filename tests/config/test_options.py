"""The settings: what each may be, where it comes from, and what applies where none is set."""

import functools
import math
import re
from datetime import timedelta

import pytest
from flask import Flask

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import SETTINGS, Options
from flask_sio_cors.config.origins import EveryOrigin
from flask_sio_cors.origins.grammar import parse_pattern
from flask_sio_cors.origins.sets import OriginSet

A, B = "https://a.example", "https://b.example"


def read(**settings):
    """The options of a configuration with these `SIO_CORS_…` keys."""
    return Options.from_config({f"SIO_CORS_{name}": value for name, value in settings.items()})


def read_environment(monkeypatch, **variables):
    """The options of an app whose configuration comes from the environment, as Flask reads it."""
    for name, value in variables.items():
        monkeypatch.setenv(f"FLASK_{name}", value)
    app = Flask("configured")
    app.config.from_prefixed_env()
    return Options.from_config(app.config)


def problems(**settings):
    with pytest.raises(ConfigError) as raised:
        read(**settings)
    return raised.value.problems


def test_without_any_setting_only_the_servers_own_origin_is_allowed():
    options = Options.from_config({})
    assert isinstance(options.origins, OriginSet)
    assert not options.origins
    assert options == Options(
        origins=options.origins,
        supports_credentials=False,
        allow_headers=None,
        expose_headers=(),
        methods=("GET", "POST"),
        max_age=None,
        preflight_continue=False,
        options_success_status=204,
        allow_request=None,
        callback_timeout=1.0,
        callback_cache=1.0,
        own_origins=frozenset(),
        origins_store=None,
        allow_private_network=False,
        tolerate_insecure_origins=False,
        tolerate_public_suffixes=False,
        report_only=False,
        override=False,
    )
    assert set(options.sources.values()) == {"default"}
    assert set(options.sources) == {setting.name for setting in SETTINGS}


def test_a_new_flask_application_has_no_mistakes():
    assert Options.from_config(Flask("new").config).methods == ("GET", "POST")


def test_options_do_not_change():
    with pytest.raises(AttributeError):
        Options.from_config({}).max_age = 1


# --- Origins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("nobody", [None, False, "false", "no", "0", [], (), set(), "", " , "])
def test_nothing_allows_the_servers_own_origin_only(nobody):
    origins = read(ORIGINS=nobody).origins
    assert isinstance(origins, OriginSet)
    assert not origins


@pytest.mark.parametrize(
    "listed",
    [
        [A, B],
        (A, B),
        {A, B},
        frozenset({A, B}),
        f"{A},{B}",
        f" {A} , {B}, ",
        [re.compile(re.escape(A)), B],
        [re.compile("https://[ab][.]example")],
        re.compile("https://[ab][.]example"),
    ],
    ids=[
        "list",
        "tuple",
        "set",
        "frozen set",
        "text",
        "text with blanks",
        "expression in a list",
        "expression for both in a list",
        "expression",
    ],
)
def test_origins_are_a_list_or_a_text_with_commas_or_a_regular_expression(listed):
    origins = read(ORIGINS=listed).origins
    assert [origin in origins for origin in (A, B, "https://c.example")] == [True, True, False]


def test_a_text_is_one_origin():
    assert A in read(ORIGINS=A).origins


@pytest.mark.parametrize("star", ["*", " * "])
def test_a_star_is_every_origin(star):
    assert read(ORIGINS=star).origins is EveryOrigin.WILDCARD


@pytest.mark.parametrize("true", [True, 1, "true", "True", "yes", "on", "1"])
def test_true_is_every_origin_reflected(true):
    assert read(ORIGINS=true).origins is EveryOrigin.REFLECTED


class Asked:
    def __call__(self, origin):
        return True

    def method(self, origin, more=None):
        return True


@pytest.mark.parametrize(
    "function",
    [
        lambda origin: True,
        Asked(),
        Asked().method,
        functools.partial(lambda site, origin: True, "a"),
        frozenset({A}).__contains__,
        str.islower,
        "".startswith,
    ],
    ids=["function", "object", "method", "partial", "built-in", "of a class", "of a text"],
)
def test_anything_that_can_be_called_with_an_origin_decides_itself(function):
    [asked] = read(ORIGINS=function).functions
    assert (asked.function, asked.needs_environ) == (function, False)


ENVIRON = {"REQUEST_METHOD": "GET"}


class OfRequests:
    def __call__(self, origin, environ):
        return origin, environ

    def named(self, origin, *, more=1, environ=None):
        return origin, environ


@pytest.mark.parametrize(
    "function",
    [
        lambda origin, environ: (origin, environ),
        lambda origin, request: (origin, request),
        lambda origin, environ=None: (origin, environ),
        OfRequests(),
        OfRequests().named,
        functools.partial(lambda site, origin, environ: (origin, environ), "a"),
    ],
    ids=["two", "by another name", "optional", "object", "by its name alone", "partial"],
)
def test_a_function_of_the_origin_and_the_environ_gets_both(function):
    [asked] = read(ORIGINS=function).functions
    assert asked.needs_environ
    assert asked.ask(A, ENVIRON) == (A, ENVIRON)


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        ({A: 7}.get, 7),
        (re.compile("b").fullmatch, None),
        (lambda origin, more=None: more, None),
        (lambda origin, *more: more, ()),
        (lambda environ: environ, A),
    ],
    ids=["dict.get", "Pattern.fullmatch", "an option", "any number", "one, badly named"],
)
def test_what_needs_no_second_argument_gets_none(function, answer):
    [asked] = read(ORIGINS=function).functions
    assert not asked.needs_environ
    assert asked.ask(A) == answer


def no_origin(origin):
    return False


NO_ORIGIN = "tests.config.test_options:no_origin"


@pytest.mark.parametrize(
    "origins", [NO_ORIGIN, f"{A}, {NO_ORIGIN}", [NO_ORIGIN], [no_origin, A], [A, no_origin]]
)
def test_a_function_can_be_named_and_stand_beside_others(origins):
    options = read(ORIGINS=origins)
    assert [asked.function for asked in options.functions] == [no_origin]
    assert (A in options.origins) is (A in origins)


@pytest.mark.parametrize("text", ["localhost:PORT", "example.com:port", "http:a", "localhost:abc"])
def test_half_an_origin_names_no_function(text):
    [problem] = problems(ORIGINS=text)
    assert "imported" not in problem.reason


def test_a_regular_expression_with_a_comma_survives_in_a_text_as_one_mistake():
    [problem] = problems(ORIGINS=r"https://[a-z]{2,3}\.a\.example, https://b.example")
    assert problem.value == r"https://[a-z]{2,3}\.a\.example"


# --- Switches and numbers ---------------------------------------------------------------------

SWITCHES = [setting.name for setting in SETTINGS if setting.values.startswith("bool")]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("true", [True, 1, "1", "true", "TRUE", " True ", "yes", "on", "y", "t"])
def test_a_switch_is_on_in_the_usual_spellings(switch, true):
    assert getattr(read(**{switch: true}), switch.lower()) is True


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("false", [False, 0, "0", "false", "no", "OFF", "n", "f", None])
def test_a_switch_is_off_in_the_usual_spellings(switch, false):
    assert getattr(read(**{switch: false}), switch.lower()) is False


def test_the_switches_are_these():
    assert SWITCHES == [
        "SUPPORTS_CREDENTIALS",
        "PREFLIGHT_CONTINUE",
        "ALLOW_PRIVATE_NETWORK",
        "TOLERATE_INSECURE_ORIGINS",
        "TOLERATE_PUBLIC_SUFFIXES",
        "REPORT_ONLY",
        "OVERRIDE",
    ]


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (0, 0),
        (600, 600),
        (86400, 86400),
        ("600", 600),
        (" 600 ", 600),
        (600.0, 600),
        (timedelta(minutes=10), 600),
        (timedelta(days=1), 86400),
        (timedelta(0), 0),
        (None, None),
    ],
)
def test_max_age_is_in_whole_seconds_up_to_a_day(age, seconds):
    assert read(MAX_AGE=age).max_age == seconds


@pytest.mark.parametrize("age", [-1, "-1", 86401, 1e9, "9" * 30, math.inf, math.nan, "²", [600]])
def test_max_age_out_of_that_is_a_mistake(age):
    assert problems(MAX_AGE=age)[0].key == "SIO_CORS_MAX_AGE"


@pytest.mark.parametrize(("status", "number"), [(200, 200), ("200", 200), (299, 299), (204.0, 204)])
def test_the_success_status_is_from_200_to_299(status, number):
    assert read(OPTIONS_SUCCESS_STATUS=status).options_success_status == number


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [(1, 1), (0.25, 0.25), ("2.5", 2.5), (60, 60), (timedelta(seconds=3), 3)],
)
def test_the_callback_timeout_is_in_seconds(timeout, seconds):
    assert read(CALLBACK_TIMEOUT=timeout).callback_timeout == seconds


@pytest.mark.parametrize("timeout", [0, -1, 61, "soon", True, math.nan, math.inf, [1]])
def test_a_callback_timeout_out_of_that_is_a_mistake(timeout):
    assert problems(CALLBACK_TIMEOUT=timeout)[0].key == "SIO_CORS_CALLBACK_TIMEOUT"


@pytest.mark.parametrize(
    ("cache", "seconds"),
    [(0, 0), ("0", 0), (0.5, 0.5), (3600, 3600), (timedelta(minutes=1), 60), (None, 1)],
)
def test_the_callback_cache_is_in_seconds(cache, seconds):
    assert read(CALLBACK_CACHE=cache).callback_cache == seconds


@pytest.mark.parametrize("cache", [-1, 3601, "soon", True, math.nan, math.inf, [1]])
def test_a_callback_cache_out_of_that_is_a_mistake(cache):
    assert problems(CALLBACK_CACHE=cache)[0].key == "SIO_CORS_CALLBACK_CACHE"


# --- Methods and headers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (["GET", "POST"], ("GET", "POST")),
        ("GET,POST,PUT", ("GET", "POST", "PUT")),
        (" GET , POST ", ("GET", "POST")),
        ("GET", ("GET",)),
        (["GET", "GET"], ("GET",)),
        (["patch-like", "PATCH"], ("patch-like", "PATCH")),
    ],
)
def test_methods_are_listed_once_in_their_order(methods, expected):
    assert read(METHODS=methods).methods == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, None),
        ([], ()),
        ("", ()),
        ("*", ("*",)),
        (["*"], ("*",)),
        ("X-A, X-B", ("X-A", "X-B")),
        (["X-A", "x-a", "X-A"], ("X-A", "x-a")),
        (
            ["Authorization", "Content-Type", "X_Y.z~1"],
            ("Authorization", "Content-Type", "X_Y.z~1"),
        ),
    ],
)
def test_allowed_headers_are_names_a_star_or_unset_to_reflect_what_is_asked(names, expected):
    assert read(ALLOW_HEADERS=names).allow_headers == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, ()),
        ("X-A", ("X-A",)),
        ("*", ("*",)),
        ({"X-A"}, ("X-A",)),
        ("X-A,X-B", ("X-A", "X-B")),
    ],
)
def test_exposed_headers_are_names_or_a_star(names, expected):
    assert read(EXPOSE_HEADERS=names).expose_headers == expected


@pytest.mark.parametrize(
    "name",
    """Accept-Charset Accept-Encoding Access-Control-Request-Headers Access-Control-Request-Method
    Connection Content-Length Cookie Cookie2 Date DNT Expect Host Keep-Alive Origin Referer
    Set-Cookie TE Trailer Transfer-Encoding Upgrade Via Proxy-Authorization Sec-WebSocket-Key
    cookie SEC-FETCH-MODE""".split(),
)
def test_a_header_that_only_browsers_set_cannot_be_allowed(name):
    [problem] = problems(ALLOW_HEADERS=[name])
    assert problem.value == name
    assert "only the browser sets" in problem.reason


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "TRACK", "trace"])
def test_a_method_that_browsers_forbid_cannot_be_allowed(method):
    assert "browsers forbid" in problems(METHODS=["GET", method])[0].reason


# --- allow_request ----------------------------------------------------------------------------


def allow(request):
    return True


@pytest.mark.parametrize(
    "configured",
    [
        "tests.config.test_options:allow",
        "tests.config.test_options.allow",
        " tests.config.test_options:allow ",
    ],
)
def test_allow_request_can_be_imported_by_its_name(configured):
    assert read(ALLOW_REQUEST=configured).allow_request.__name__ == "allow"


def test_allow_request_can_be_a_function():
    options = read(ALLOW_REQUEST=allow)
    assert options.allow_request is allow
    assert options.sources["ALLOW_REQUEST"] == "SIO_CORS_ALLOW_REQUEST"


def test_a_decorated_function_is_used_where_no_key_is_set():
    options = Options.from_config({}, allow_request=allow)
    assert options.allow_request is allow
    assert options.sources["ALLOW_REQUEST"] == "@cors.allow_request"


def test_a_decorated_function_and_a_key_are_two_places_that_decide():
    with pytest.raises(ConfigError) as raised:
        Options.from_config({"SIO_CORS_ALLOW_REQUEST": allow}, allow_request=allow)
    [problem] = raised.value.problems
    assert problem.key == "SIO_CORS_ALLOW_REQUEST"
    assert "one place decides" in problem.reason
    assert problem.correction == "None"


def test_a_module_that_fails_while_it_is_imported_is_a_mistake(tmp_path, monkeypatch):
    (tmp_path / "broken_by_design.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    [problem] = problems(ALLOW_REQUEST="broken_by_design:allow")
    assert "ZeroDivisionError" in problem.reason


# --- Where a value comes from -----------------------------------------------------------------

SHARED = {
    "ORIGINS": ["https://c.example"],
    "SUPPORTS_CREDENTIALS": True,
    "ALLOW_HEADERS": ["X-C"],
    "EXPOSE_HEADERS": ["X-C"],
    "METHODS": ["PUT"],
    "MAX_AGE": 7,
    "ALLOW_PRIVATE_NETWORK": True,
}


@pytest.mark.parametrize("name", SHARED)
def test_what_is_unset_falls_back_to_flask_cors(name):
    options = Options.from_config({f"CORS_{name}": SHARED[name]})
    assert options.sources[name] == f"CORS_{name}"
    expected = read(**{name: SHARED[name]})
    if name == "ORIGINS":
        assert "https://c.example" in options.origins
    else:
        assert getattr(options, name.lower()) == getattr(expected, name.lower())


@pytest.mark.parametrize("name", sorted({s.name for s in SETTINGS} - set(SHARED)))
def test_what_flask_cors_does_not_have_does_not_fall_back(name):
    assert Options.from_config({f"CORS_{name}": "nonsense"}).sources[name] == "default"


@pytest.mark.parametrize("name", SHARED)
def test_a_setting_of_ones_own_wins_even_where_it_is_none(name):
    options = Options.from_config({f"CORS_{name}": SHARED[name], f"SIO_CORS_{name}": None})
    defaults = Options.from_config({})
    assert options.sources[name] == f"SIO_CORS_{name}"
    if name == "ORIGINS":
        assert not options.origins
    else:
        assert getattr(options, name.lower()) == getattr(defaults, name.lower())


def test_settings_of_both_packages_can_be_mixed():
    options = Options.from_config(
        {"CORS_ORIGINS": A, "SIO_CORS_SUPPORTS_CREDENTIALS": True, "CORS_MAX_AGE": 5}
    )
    assert A in options.origins
    assert (options.supports_credentials, options.max_age) == (True, 5)


@pytest.mark.parametrize(
    "key", ["CORS_RESOURCES", "CORS_SEND_WILDCARD", "SIO_MESSAGE_QUEUE", "SIO_", "SOCKETIO_PATH", 1]
)
def test_keys_of_other_packages_are_no_mistakes(key):
    assert Options.from_config({key: object()})


# --- From the environment ---------------------------------------------------------------------


def test_the_environment_can_set_everything(monkeypatch):
    options = read_environment(
        monkeypatch,
        SIO_CORS_ORIGINS="https://a.example, https://*.b.example:*,capacitor://localhost",
        SIO_CORS_SUPPORTS_CREDENTIALS="true",
        SIO_CORS_ALLOW_HEADERS="X-A,X-B",
        SIO_CORS_EXPOSE_HEADERS='["X-C"]',
        SIO_CORS_METHODS="GET,POST,PUT",
        SIO_CORS_MAX_AGE="600",
        SIO_CORS_PREFLIGHT_CONTINUE="yes",
        SIO_CORS_OPTIONS_SUCCESS_STATUS="200",
        SIO_CORS_ALLOW_REQUEST="tests.config.test_options:allow",
        SIO_CORS_CALLBACK_TIMEOUT="0.5",
        SIO_CORS_CALLBACK_CACHE="2.5",
        SIO_CORS_ALLOW_PRIVATE_NETWORK="1",
        SIO_CORS_TOLERATE_INSECURE_ORIGINS="on",
        SIO_CORS_TOLERATE_PUBLIC_SUFFIXES="False",
    )
    for origin in (A, "https://x.b.example:81", "capacitor://localhost"):
        assert origin in options.origins
    assert options.allow_request.__name__ == "allow"
    assert (options.supports_credentials, options.preflight_continue) == (True, True)
    assert (options.allow_headers, options.expose_headers) == (("X-A", "X-B"), ("X-C",))
    assert (options.methods, options.max_age) == (("GET", "POST", "PUT"), 600)
    assert (options.options_success_status, options.callback_timeout) == (200, 0.5)
    assert options.callback_cache == 2.5
    assert (options.allow_private_network, options.tolerate_insecure_origins) == (True, True)
    assert options.tolerate_public_suffixes is False


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("*", EveryOrigin.WILDCARD),
        ("true", EveryOrigin.REFLECTED),
        ("True", EveryOrigin.REFLECTED),
    ],
)
def test_the_environment_can_let_every_origin_in(monkeypatch, value, origins):
    assert read_environment(monkeypatch, SIO_CORS_ORIGINS=value).origins is origins


@pytest.mark.parametrize("value", ["", "false", "False", "no", "[]", "null", '""'])
def test_the_environment_can_allow_the_servers_own_origin_only(monkeypatch, value):
    assert not read_environment(monkeypatch, SIO_CORS_ORIGINS=value).origins


@pytest.mark.parametrize("value", [f'["{A}","{B}"]', f"{A},{B}", f"{A} , {B}"])
def test_the_environment_can_list_origins_as_json_and_with_commas(monkeypatch, value):
    origins = read_environment(monkeypatch, SIO_CORS_ORIGINS=value).origins
    assert A in origins
    assert B in origins


def test_an_unset_variable_in_a_list_is_a_mistake_of_its_own():
    [problem] = problems(ORIGINS=[A, None])
    assert "a variable that is not set" in problem.reason


# --- Credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origins",
    [
        [A],
        ["https://*.a.example"],
        ["http://localhost:*", "http://127.0.0.1:5000", "http://[::1]", "http://*.localhost"],
        ["capacitor://localhost", "chrome-extension://abc", "app://."],
        [re.compile(r"https://[a-z]+\.a\.example"), re.compile(r"https?://localhost(:\d+)?")],
        [],
        lambda origin: True,
    ],
    ids=["https", "wildcard", "loopback", "apps", "expressions", "nothing", "function"],
)
def test_what_names_a_site_goes_with_credentials(origins):
    assert read(ORIGINS=origins, SUPPORTS_CREDENTIALS=True).supports_credentials


@pytest.mark.parametrize(
    ("switch", "origin"),
    [
        ("TOLERATE_INSECURE_ORIGINS", "http://a.example"),
        ("TOLERATE_INSECURE_ORIGINS", "http://*.a.example"),
        ("TOLERATE_PUBLIC_SUFFIXES", "https://*.github.io"),
        ("TOLERATE_PUBLIC_SUFFIXES", "https://*.com:*"),
    ],
)
def test_what_is_tolerated_goes_with_credentials(switch, origin):
    assert len(problems(ORIGINS=[origin], SUPPORTS_CREDENTIALS=True)) == 1
    options = read(ORIGINS=[origin], SUPPORTS_CREDENTIALS=True, **{switch: True})
    assert str(parse_pattern(origin)) == origin
    assert options.supports_credentials


@pytest.mark.parametrize("origin", ["http://a.example", "https://*.co.uk", "null", "file://"])
def test_without_credentials_that_is_nobodys_business(origin):
    assert read(ORIGINS=[origin]).origins


# --- Elsewhere --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (None, ()),
        ([], ()),
        (["a.example", ".b.example"], ("a.example", ".b.example")),
        ("a", ("a",)),
    ],
)
def test_flasks_trusted_hosts_are_taken_over(hosts, expected):
    assert Options.from_config({"TRUSTED_HOSTS": hosts}).trusted_hosts == expected


@pytest.mark.parametrize("hosts", [True, 7, {"app.example.com": 1}, ["app.example.com", 7]])
def test_trusted_hosts_that_flask_cannot_read_are_a_mistake(hosts):
    with pytest.raises(ConfigError) as error:
        Options.from_config({"TRUSTED_HOSTS": hosts})
    (problem,) = error.value.problems
    assert problem[:2] == ("TRUSTED_HOSTS", hosts)


def test_nothing_is_warned_of_where_the_configuration_is_wrong():
    """A backslash or a bracket in a text is no Python and no regular expression, after all."""
    assert problems(ORIGINS=r"['https://a\.example', '[[a]']")


# --- Hosts with a dot at their end ------------------------------------------------------------


@pytest.mark.parametrize(
    "listed",
    [
        ["http://example.com.:3999"],
        ["http://localhost.:*"],
        ["https://*.example.com.:8443"],
        ["https://example.com.", "https://example.com"],
        ["https://*.example.com", "https://*.example.com."],
        ["app://."],
    ],
)
def test_a_host_with_a_dot_at_its_end_is_listed_where_it_is_meant(listed):
    assert isinstance(read(ORIGINS=listed).origins, OriginSet)


@pytest.mark.parametrize(
    "text", ["https://a.example.", "https://*.a.example.", "http://localhost."]
)
def test_a_dot_at_the_end_is_taken_for_a_slip_where_the_host_without_it_is_not_listed(text):
    keys = ["ORIGINS"] if "*" in text else ["ORIGINS", "OWN_ORIGINS"]
    for key in keys:
        [problem] = problems(**{key: [B, text]})
        assert "list both" in problem.reason
        assert problem.correction == f'"{text.removesuffix(".")}"'
        read(**{key: [B, text, text.removesuffix(".")]})


def test_with_credentials_a_dot_at_the_end_makes_nothing_safer():
    listed = ["https://*.github.io.:8443", "http://a.example.:81", "http://localhost.:3000"]
    public, insecure = problems(ORIGINS=listed, SUPPORTS_CREDENTIALS=True)
    assert 'under "github.io"' in public.reason
    assert public.correction == '"https://your-name.github.io:8443"'
    assert "is not encrypted" in insecure.reason
    assert insecure.correction == '"https://a.example.:81"'
    [regex] = problems(ORIGINS=[re.compile(r"https://.+\.github\.io\.")], SUPPORTS_CREDENTIALS=True)
    assert "whoever registers" in regex.reason


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("https://a-*-*.b.com, https://c-*-*.d.com", True),
        ("https://a-*-*.b.com https://c.d.com/", True),
        ("https://a-*-*.vercel.app, https://c-*-*.d.com", False),
        ("https://a-*-*.vercel.app; null; https://c.d.com", False),
    ],
)
def test_each_part_of_a_correction_is_fit_for_credentials(text, fit):
    [problem] = problems(ORIGINS=[text], SUPPORTS_CREDENTIALS=True)
    assert ("whoever registers" in problem.reason) is not fit
    assert read(ORIGINS=list(eval(f"[{problem.correction}]")), SUPPORTS_CREDENTIALS=True)
