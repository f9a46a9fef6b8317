"""What ``SocketIO`` was told, said by settings: the lines that are printed, and nothing else."""

import json
import re
from functools import partial

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import ConfigError, SioCors
from tests.config import elsewhere

A, B = "https://a.example", "https://b.example"
ALLOWED = {A}
CREDENTIALS = 'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
INSECURE = 'app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True'
REPORT_ONLY = [
    'app.config["SIO_CORS_REPORT_ONLY"] = True',
    'app.config["SIO_CORS_ORIGINS"] = []',
]


def problems(make_app=lambda: Flask("conflicting"), **options):
    """What SioCors says of an application whose `SocketIO` has these options."""
    app = make_app()
    SocketIO(app, async_mode="threading", **options)
    with pytest.raises(ConfigError) as raised:
        SioCors(app)
    return raised.value.problems


def lines(**options):
    """The lines that the error about the first option prints."""
    return problems(**options)[0].correction.splitlines()


def origins(value):
    """What is printed for this value of `cors_allowed_origins`, without the line on credentials."""
    *first, last = lines(cors_allowed_origins=value)
    if callable(value):
        assert last == INSECURE
        *first, last = first
    assert last == CREDENTIALS
    begin = 'app.config["SIO_CORS_ORIGINS"] = '
    return [line.removeprefix(begin) for line in first]


def test_a_list_becomes_settings_and_nothing_else_of_the_call_is_told():
    options = {"manage_session": False, "ping_timeout": 5, "path": "ws"}
    [problem] = problems(cors_allowed_origins=[A], **options)
    assert str(problem) == (
        f"SocketIO(cors_allowed_origins=…): ['{A}']\n"
        "      decides in another place; with SioCors, the SIO_CORS_ settings decide. Remove "
        "cors_allowed_origins from that call. Where a library makes that call, set "
        "SIO_CORS_OVERRIDE = True instead\n"
        "      write above SioCors(app):\n"
        f'      app.config["SIO_CORS_ORIGINS"] = ["{A}"]\n'
        '      app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([A, B], [A, B]),
        ((A, B), [A, B]),
        pytest.param({B, A}, [A, B], id="a set"),
        ({A: "a customer"}, [A]),
        (A, [A]),
        ((), []),
        ("", []),
        ([A, A], [A]),
        # Entries that never matched.
        ([f"{A}/"], [A]),
        (f"{A}/, {B}", [A, B]),
        ([f"{A},{B}"], [A, B]),
        (["https://A.Example:443"], [A]),
        (["a.example"], [A]),
        ([A, None, ""], [A]),
        (["https://*.a.example"], ["https://*.a.example"]),
        (A.encode(), [A]),
        # Which is read to its end before anybody is let in.
        pytest.param(map(str.strip, f"{A}, {B}".split(",")), [A, B], id="a map"),
        pytest.param((one for one in (A, B)), [A, B], id="a generator"),
        pytest.param((one for one in ()), [], id="an empty generator"),
        # What no setting permits with credentials.
        ([A, "null"], [A]),
        ([A, "https://*.github.io"], [A]),
    ],
    ids=str,
)
def test_origins_are_printed_as_they_were_given_or_as_they_were_meant(value, written):
    assert origins(value) == [json.dumps(written)]


def test_what_was_corrected_and_what_was_left_out_is_told():
    [problem] = problems(cors_allowed_origins=[f"{A}/", None, "null"])
    assert f"'{A}/' never matched, as it has a path" in problem.reason
    assert "None never matched" in problem.reason
    assert "'null' is left out: it cannot go with" in problem.reason


@pytest.mark.parametrize("opaque", ["null", ["null", "file://"]], ids=str)
def test_where_no_origin_is_listed_that_may_come_with_cookies_they_stay_outside(opaque):
    [problem] = problems(cors_allowed_origins=opaque)
    listed = [opaque] if isinstance(opaque, str) else opaque
    assert problem.correction.splitlines() == [
        f'app.config["SIO_CORS_ORIGINS"] = {json.dumps(listed)}',
        CREDENTIALS.replace("True", "False"),
    ]
    assert "so that cookies stay outside" in problem.reason


def test_an_expression_is_listed_as_it_was_meant():
    expression = re.compile(r"https://(\w+\.)?a\.example", re.I)
    written = r're.compile(r"https://(\w+\.)?a\.example", re.IGNORECASE)'
    for value in (expression, [expression]):
        assert lines(cors_allowed_origins=value) == [
            "import re",
            f'app.config["SIO_CORS_ORIGINS"] = [{written}]',
            CREDENTIALS,
        ]
        assert "Engine.IO knows no patterns" in problems(cors_allowed_origins=value)[0].reason


def test_of_many_corrections_some_are_told():
    [problem] = problems(cors_allowed_origins=[f"https://{n}.example.com/" for n in range(1000)])
    assert problem.reason.count("never matched") == 5
    assert "And 995 more of that kind" in problem.reason
    assert problem.correction.count('example.com"') == 1000


@pytest.mark.parametrize("has_credentials", [True, False])
def test_insecure_origins_go_on_as_engineio_had_them(has_credentials):
    printed = lines(cors_allowed_origins="http://a.example", cors_credentials=has_credentials)
    tolerance = 'app.config["SIO_CORS_TOLERATE_INSECURE_ORIGINS"] = True'
    assert (tolerance in printed) == has_credentials
    assert f'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = {has_credentials}' in printed


@pytest.mark.parametrize("everybody", ["*", ["*"], [A, "*"]], ids=str)
def test_everybody_with_credentials_and_the_empty_list_have_no_equivalent(everybody):
    for value in (everybody, []):
        [problem] = problems(cors_allowed_origins=value)
        assert problem.correction.splitlines() == REPORT_ONLY
        assert "no setting says the same" in problem.reason
        assert "leave that call as it is" in problem.reason
        assert "Remove" not in problem.reason
    printed = lines(cors_allowed_origins=everybody, cors_credentials=False)
    assert printed[0] == 'app.config["SIO_CORS_ORIGINS"] = "*"'


def test_credentials_alone_are_credentials_alone():
    assert lines(cors_credentials=False) == ['app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = False']
    first, second = problems(cors_allowed_origins=[A], cors_credentials=False)
    assert first.correction.endswith("= False")
    assert second.correction == ""
    # Engine.IO takes it for no.
    assert lines(cors_credentials=None) == [CREDENTIALS.replace("True", "False")]


def test_what_engineio_cannot_do_with_lets_nobody_in():
    assert origins(True) == ["[]"]


def test_a_name_that_is_no_option_is_told_with_the_setting():
    # python-socketio complains of it by itself since some version.
    app = Flask("conflicting")
    socketio = SocketIO(app, async_mode="threading")
    socketio.server_options["cors_allowed_origin"] = "*"
    with pytest.raises(ConfigError, match="Remove cors_allowed_origin; SIO_CORS_ORIGINS lists"):
        SioCors(app)


# --- Functions --------------------------------------------------------------------------------


def asks(origin):
    return origin in ALLOWED


def asks_the_request(origin, environ):
    return origin in ALLOWED


def says_so(origin: str) -> bool:
    return origin in ALLOWED


def has_a_default(origin, seen=None) -> bool:
    return origin in ALLOWED


def asks_by_name(origin, *, environ):
    return origin in ALLOWED and environ["HTTP_HOST"]


def is_in(allowed, origin, scheme="https:"):
    return origin in allowed and origin.startswith(scheme)


async def asynchronous(origin):
    return True


class Checker:
    def __init__(self):
        self.allowed = ALLOWED

    def asks(self, origin):
        return origin in self.allowed

    @staticmethod
    def says(origin):
        return origin in ALLOWED

    def __call__(self, origin):
        return origin in self.allowed


checker = Checker()
PATTERN, TABLE = re.compile(r"https://a\.example"), {A: True}
one_line, another = lambda o: o in ALLOWED, lambda o: o.endswith("a.example")


@pytest.mark.parametrize(
    ("function", "written"),
    [
        (asks, ["lambda origin: bool(asks(origin))"]),
        (
            asks_the_request,
            ["lambda origin, environ: bool(asks_the_request(origin, environ))"],
        ),
        (says_so, ["says_so"]),
        (has_a_default, ["lambda origin, environ: bool(has_a_default(origin, environ))"]),
        (checker.asks, ["lambda origin: bool(checker.asks(origin))"]),
        (checker, ["lambda origin: bool(checker(origin))"]),
        (ALLOWED.__contains__, ["lambda origin: bool(ALLOWED.__contains__(origin))"]),
        (one_line, ["lambda origin: bool(one_line(origin))"]),
        (lambda o: o in ALLOWED, ["lambda o: o in ALLOWED"]),
        (lambda o, e: o and e, ["lambda o, e: bool(o and e)"]),
        # Engine.IO gives it the environ for what is a default.
        (
            lambda o, allowed=ALLOWED: o in allowed or A,
            [
                "lambda origin, environ: bool((lambda o, allowed=ALLOWED: bool(o in allowed or A))"
                "(origin, environ))"
            ],
        ),
        (Checker.says, ["lambda origin: bool(Checker.says(origin))"]),
        (asks_by_name, ["lambda origin, environ: bool(asks_by_name(origin, environ=environ))"]),
        # To these, Engine.IO gives the origin alone after it has failed with more.
        (PATTERN.fullmatch, ["lambda origin: bool(PATTERN.fullmatch(origin))"]),
        (TABLE.get, ["lambda origin: bool(TABLE.get(origin))"]),
        (
            re.compile("https://a.example").match,
            ["import re", 'lambda origin: bool(re.compile(r"https://a.example").match(origin))'],
        ),
        (
            partial(re.fullmatch, "https://a.example"),
            [
                "import functools",
                "from re import fullmatch",
                "lambda origin: bool(functools.partial(fullmatch, 'https://a.example')(origin))",
            ],
        ),
        (
            partial(is_in, ALLOWED, scheme="https:"),
            [
                "import functools",
                "lambda origin: bool(functools.partial(is_in, ALLOWED, scheme='https:')(origin))",
            ],
        ),
        (
            elsewhere.asks,
            ["from tests.config.elsewhere import asks", "lambda origin: bool(asks(origin))"],
        ),
        (
            elsewhere.checker.asks,
            [
                "from tests.config.elsewhere import checker",
                "lambda origin: bool(checker.asks(origin))",
            ],
        ),
    ],
)
def test_a_function_is_printed_as_it_is_called_here(function, written):
    assert origins(function) == written
    *imports, expression = written
    scope = dict(globals())
    exec("\n".join(imports), scope)
    assert eval(expression, scope)(
        A, *[{"HTTP_HOST": "a"}] * ("environ" in expression or ", e" in expression)
    )


def test_a_method_of_the_object_that_installs_it_is_printed_by_self():
    class Application(Checker):
        def __init__(self):
            super().__init__()
            self.app = Flask("own")
            SocketIO(self.app, async_mode="threading", cors_allowed_origins=self.asks)
            SioCors(self.app)

    with pytest.raises(ConfigError) as raised:
        Application()
    [problem] = raised.value.problems
    assert "lambda origin: bool(self.asks(origin))" in problem.correction
    assert problem.correction.startswith('self.app.config["SIO_CORS_ORIGINS"] = ')


@pytest.mark.parametrize(
    "nameless",
    [
        Checker().asks,
        Checker(),
        partial(is_in, Checker()),
        (lambda allowed: lambda origin: origin in allowed)(ALLOWED),
        eval("lambda origin: True"),
    ],
)
def test_a_function_without_a_name_is_left_to_its_owner_to_move(nameless):
    [problem] = problems(cors_allowed_origins=nameless)
    assert "Move the function that stands there to the right of SIO_CORS_ORIGINS =" in str(problem)
    assert " at 0x" not in str(problem)
    assert problem.correction.splitlines() == [CREDENTIALS, INSECURE]


def test_a_function_goes_on_with_insecure_origins_as_engineio_had_them():
    assert (
        "leave SIO_CORS_TOLERATE_INSECURE_ORIGINS out" in problems(cors_allowed_origins=asks)[0][2]
    )
    assert INSECURE not in lines(cors_allowed_origins=asks, cors_credentials=False)


def test_a_function_of_what_is_defined_below_is_left_to_its_owner_to_move():
    def create_app():
        app = Flask("early")
        SocketIO(app, async_mode="threading", cors_allowed_origins=lambda origin: allows(origin))
        SioCors(app)

        def allows(origin):
            return True

    with pytest.raises(ConfigError, match="Move the function that stands there"):
        create_app()


def test_a_function_that_engineio_takes_for_yes_has_no_equivalent():
    [problem] = problems(cors_allowed_origins=asynchronous)
    assert "asynchronous" in problem.reason
    assert problem.correction.splitlines() == REPORT_ONLY


# --- Where it is written ----------------------------------------------------------------------


def test_the_application_has_the_name_that_it_has_where_it_is_made():
    def create_server():
        server = Flask("factory")
        SocketIO(async_mode="threading", cors_allowed_origins=A).init_app(server)
        SioCors().init_app(server)

    with pytest.raises(ConfigError) as raised:
        create_server()
    assert raised.value.problems[0].correction.startswith('server.config["SIO_CORS_ORIGINS"]')


@pytest.mark.parametrize("key", ["SIO_CORS_ORIGINS", "SIO_CORS_SUPPORTS_CREDENTIALS"])
def test_what_is_set_already_stays(key):
    def make_app():
        app = Flask("conflicting")
        app.config[key] = {"SIO_CORS_ORIGINS": [B]}.get(key, False)
        return app

    [problem] = problems(make_app, cors_allowed_origins=[A])
    assert key not in problem.correction
    assert ("SIO_CORS_ORIGINS, which is set, decides" in problem.reason) == ("ORIGINS" in key)


def test_flask_cors_own_keys_are_left_to_it():
    def make_app():
        app = Flask("conflicting")
        app.config["CORS_ORIGINS"] = "*"
        return app

    [problem] = problems(make_app, cors_allowed_origins=[A])
    keys = re.findall(r'\["(\w+)"\]', problem.correction)
    assert keys == ["SIO_CORS_ORIGINS", "SIO_CORS_SUPPORTS_CREDENTIALS"]


def told_to_several(*values):
    app = Flask("several")
    for number, value in enumerate(values):
        SocketIO(app, async_mode="threading", path=f"/{number}", cors_allowed_origins=value)
    with pytest.raises(ConfigError) as raised:
        SioCors(app)
    return {problem.correction for problem in raised.value.problems}


def test_several_servers_that_were_told_the_same_have_it_said_once():
    [correction] = told_to_several([A], [A], None)
    assert correction.startswith(f'app.config["SIO_CORS_ORIGINS"] = ["{A}"]')


def test_several_servers_that_were_told_different_things_are_looked_at_first():
    assert told_to_several([A], [B]) == {"\n".join(REPORT_ONLY)}
    assert told_to_several([A], "*") == {"\n".join(REPORT_ONLY)}


# --- What is no mistake -----------------------------------------------------------------------


@pytest.mark.parametrize("standing", ["SIO_CORS_REPORT_ONLY", "SIO_CORS_OVERRIDE"])
def test_with_report_only_and_with_override_it_is_no_mistake(standing, caplog):
    app = Flask("standing")
    app.config[standing] = "true"
    SocketIO(app, async_mode="threading", cors_allowed_origins="*", cors_credentials=False)
    SioCors(app)
    [warning] = [record.getMessage() for record in caplog.records]
    assert standing in warning
    replaced = "the SIO_CORS_ settings replace SocketIO(cors_allowed_origins='*', cors_credentials="
    assert (replaced in warning) == (standing == "SIO_CORS_OVERRIDE")
