"""Initialisation, `allow_request` and `reconfigure`: what they install, what an error leaves."""

import gc
import weakref

import pytest
from flask import Flask, current_app
from flask_socketio import ConnectionRefusedError, SocketIO
from socketio import WSGIApp
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_sio_cors import ConfigError, SioCors
from flask_sio_cors.door.doors import doors_of

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
POLLING = "/socket.io/?EIO=4&transport=polling"
# Engine.IO answers this one at once, and opens no session in the tests' own process.
OUTDATED = "/socket.io/?EIO=3&transport=polling"


def make_app(**settings):
    app = Flask("factory")
    app.config.update(settings)
    return app


def make_served_app(**settings):
    """An app with its SocketIO."""
    app = make_app(**settings)
    SocketIO(app, async_mode="threading")
    return app


def preflight(app, origin, target=POLLING):
    """The status and the allowed origin of the answer to a preflight."""
    response = preflight_answer(app, origin, target)
    return response.status_code, response.headers.get("Access-Control-Allow-Origin")


def sends_credentials(app, origin, target=POLLING):
    """Whether the answer to a preflight says that credentials may come."""
    return "Access-Control-Allow-Credentials" in preflight_answer(app, origin, target).headers


def preflight_answer(app, origin, target):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return app.test_client().options(target, headers=headers)


ALLOWED = (204, FRIEND)
REFUSED = (403, None)


# --- Where it can be initialised -------------------------------------------------------------


def test_it_is_installed_right_after_the_socketio():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    assert app.extensions["sio_cors"] is cors
    assert preflight(app, FRIEND) == ALLOWED
    assert preflight(app, STRANGER) == REFUSED


def test_it_is_installed_in_a_factory_by_objects_that_are_made_before_the_app():
    socketio, cors = SocketIO(async_mode="threading"), SioCors()

    def create_app():
        app = make_app(SIO_CORS_ORIGINS=FRIEND)
        socketio.init_app(app)
        cors.init_app(app)
        return app

    app = create_app()
    assert preflight(app, FRIEND) == ALLOWED
    assert preflight(app, STRANGER) == REFUSED


def test_it_takes_the_socketio_as_an_argument():
    app = make_app(SIO_CORS_ORIGINS=FRIEND)
    socketio = SocketIO(app, async_mode="threading")
    # As an application does that keeps its own table of extensions.
    del app.extensions["socketio"]
    SioCors(app, socketio)
    assert preflight(app, FRIEND) == ALLOWED


def test_two_apps_with_one_siocors_have_each_its_own_policy():
    cors = SioCors()
    first, second = (make_served_app(SIO_CORS_ORIGINS=origin) for origin in (FRIEND, STRANGER))
    cors.init_app(first)
    cors.init_app(second)
    assert (preflight(first, FRIEND), preflight(first, STRANGER)) == (ALLOWED, REFUSED)
    assert (preflight(second, FRIEND), preflight(second, STRANGER)) == (REFUSED, (204, STRANGER))
    assert cors.policy(first) is not cors.policy(second)


def test_one_socketio_on_two_apps_is_guarded_on_both():
    socketio, cors = SocketIO(async_mode="threading"), SioCors()
    first, second = (make_app(SIO_CORS_ORIGINS=origin) for origin in (FRIEND, STRANGER))
    socketio.init_app(first)
    socketio.init_app(second)
    cors.init_app(first)
    cors.init_app(second)
    assert (preflight(first, FRIEND), preflight(first, STRANGER)) == (ALLOWED, REFUSED)
    assert (preflight(second, FRIEND), preflight(second, STRANGER)) == (REFUSED, (204, STRANGER))


@pytest.mark.parametrize("path", ["ws", "/ws", "ws/", "/deep/er/"])
def test_it_guards_whatever_path_the_server_has(path):
    app = make_app(SIO_CORS_ORIGINS=FRIEND)
    SocketIO(app, async_mode="threading", path=path)
    SioCors(app)
    target = f"/{path.strip('/')}/?EIO=4&transport=polling"
    assert preflight(app, FRIEND, target) == ALLOWED
    assert preflight(app, STRANGER, target) == REFUSED


def test_middleware_that_was_put_around_the_app_before_it_stays():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    seen = []
    inner = app.wsgi_app

    def outer(environ, start_response):
        seen.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    app.wsgi_app = outer
    SioCors(app)
    assert preflight(app, STRANGER) == REFUSED
    assert seen == ["/socket.io/"]


@pytest.mark.parametrize("credentials", [True, False])
def test_who_reaches_the_server_by_another_way_finds_the_guard_there(credentials):
    app = make_app(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_SUPPORTS_CREDENTIALS=credentials)
    server = SocketIO(app, async_mode="threading").server
    SioCors(app)
    another_way = Client(WSGIApp(server))
    allowed, refused = (
        another_way.get(POLLING, headers={"Origin": origin}) for origin in (FRIEND, STRANGER)
    )
    assert allowed.status_code == 200
    assert "sid" in allowed.text
    assert allowed.headers["Access-Control-Allow-Origin"] == FRIEND
    assert ("Access-Control-Allow-Credentials" in allowed.headers) == credentials
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


# --- Errors leave the app as it was -----------------------------------------------------------


def everything_about(app):
    """What initialisation could change of an app, in a form that compares."""
    about = {
        "wsgi_app": app.wsgi_app,
        "config": dict(app.config),
        "extensions": dict(app.extensions),
        "hooks": {name: list(hooks) for name, hooks in app.before_request_funcs.items()},
        "after": {name: list(hooks) for name, hooks in app.after_request_funcs.items()},
        "url_map": [str(rule) for rule in app.url_map.iter_rules()],
        "cli": set(app.cli.commands),
    }
    socketio = app.extensions.get("socketio")
    if socketio is not None:
        about["middleware"] = dict(vars(socketio.sockio_mw))
        about["engineio"] = dict(vars(socketio.server.eio))
    return about


def too_early():
    return make_app(), None


def socketio_not_initialised():
    return make_app(), SocketIO(async_mode="threading")


def socketio_of_another_app():
    return make_app(), SocketIO(make_app(), async_mode="threading")


def text_as_socketio():
    app = make_app()
    SocketIO(app, async_mode="threading")
    return app, "socketio"


def without_slash():
    return make_served_app(SIO_CORS_ORIGINS=f"{FRIEND}/"), None


def several_mistakes():
    settings = {"SIO_CORS_ORIGIN": FRIEND, "SIO_CORS_MAX_AGE": -1, "SIO_CORS_METHODS": "get"}
    return make_served_app(**settings), None


def credentials_for_all():
    return make_served_app(SIO_CORS_ORIGINS="*", SIO_CORS_SUPPORTS_CREDENTIALS=True), None


def socketio_with(**options):
    def make():
        app = make_app(SIO_CORS_ORIGINS=FRIEND)
        SocketIO(app, async_mode="threading", **options)
        return app, None

    return make


def test_a_socketio_in_the_place_of_the_app_is_named():
    with pytest.raises(TypeError, match=r"given a SocketIO .* Write SioCors\(app\)"):
        SioCors(SocketIO(make_app(), async_mode="threading"))


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        pytest.param(too_early, RuntimeError, "below SocketIO(app)", id="too early"),
        pytest.param(
            text_as_socketio,
            RuntimeError,
            "not installed on this application",
            id="with something that is no SocketIO",
        ),
        pytest.param(
            socketio_not_initialised,
            RuntimeError,
            "socketio.init_app(app) first",
            id="with a SocketIO that has no app yet",
        ),
        pytest.param(
            socketio_of_another_app,
            RuntimeError,
            "not installed on this application",
            id="with another app's SocketIO",
        ),
        pytest.param(without_slash, ConfigError, f'write: "{FRIEND}"', id="broken origin"),
        pytest.param(several_mistakes, ConfigError, "3 problems", id="several mistakes"),
        pytest.param(credentials_for_all, ConfigError, "write: False", id="credentials for all"),
        pytest.param(
            socketio_with(cors_allowed_origins="*"),
            ConfigError,
            "SocketIO(cors_allowed_origins=…): '*'",
            id="SocketIO(cors_allowed_origins=…)",
        ),
        pytest.param(
            socketio_with(cors_allowed_origins=[]),
            ConfigError,
            "Remove cors_allowed_origins",
            id="SocketIO(cors_allowed_origins=[])",
        ),
        pytest.param(
            socketio_with(cors_credentials=False),
            ConfigError,
            "SIO_CORS_ settings decide",
            id="SocketIO(cors_credentials=…)",
        ),
    ],
)
def test_an_error_says_what_to_do_and_leaves_the_app_as_it_was(make, error, advice):
    app, socketio = make()
    before = everything_about(app)
    with pytest.raises(error) as caught:
        SioCors(app, socketio)
    assert advice in str(caught.value)
    assert everything_about(app) == before


def test_an_option_of_socketio_that_does_not_exist_is_named():
    app = make_app()
    # python-socketio itself complains about it since some version; Flask-SocketIO never did.
    socketio = SocketIO(app, async_mode="threading")
    socketio.server_options["cors_allowed_origin"] = "*"
    with pytest.raises(ConfigError, match="no option of Flask-SocketIO"):
        SioCors(app)


def test_after_an_error_the_corrected_configuration_is_taken():
    app = make_served_app(SIO_CORS_ORIGINS="friend.example")
    cors = SioCors()
    with pytest.raises(ConfigError):
        cors.init_app(app)
    app.config["SIO_CORS_ORIGINS"] = FRIEND
    cors.init_app(app)
    assert preflight(app, FRIEND) == ALLOWED


def test_a_second_initialisation_is_an_error_and_the_first_stays_in_force():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    app.config["SIO_CORS_ORIGINS"] = STRANGER
    before = everything_about(app)
    for again in (lambda: cors.init_app(app), lambda: SioCors(app)):
        with pytest.raises(RuntimeError, match=r"already installed.*reconfigure"):
            again()
    assert everything_about(app) == before
    assert preflight(app, FRIEND) == ALLOWED


# --- allow_request ----------------------------------------------------------------------------


def nobody(request):
    raise ConnectionRefusedError("nobody today")


def handshake(app):
    """The message of the answer to a handshake that Engine.IO would answer without a session."""
    response = app.test_client().get(OUTDATED, headers={"Origin": FRIEND})
    return response.status_code, response.get_json()


DENIED = (403, {"code": 4, "message": "nobody today"})


def test_allow_request_is_decorated_before_the_app_is_there():
    cors = SioCors()
    assert cors.allow_request(nobody) is nobody
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors.init_app(app)
    assert handshake(app) == DENIED


def test_allow_request_is_decorated_after_the_app_was_initialised():
    first, second = (make_served_app(SIO_CORS_ORIGINS=FRIEND) for _ in range(2))
    cors = SioCors(first)
    cors.init_app(second)
    assert handshake(first)[0] == 400
    cors.allow_request(nobody)
    assert handshake(first) == handshake(second) == DENIED


def test_allow_request_is_a_configured_function_or_its_name():
    for spelled in (nobody, f"{__name__}:nobody", f"{__name__}.nobody"):
        app = make_served_app(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_ALLOW_REQUEST=spelled)
        SioCors(app)
        assert handshake(app) == DENIED


def test_a_second_allow_request_is_an_error_and_the_first_stays():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    cors.allow_request(nobody)
    with pytest.raises(RuntimeError, match=r"already decorates.*nobody"):
        cors.allow_request(lambda request: True)
    assert handshake(app) == DENIED


@pytest.mark.parametrize("decorated_first", [True, False])
def test_allow_request_by_key_and_by_decorator_is_an_error(decorated_first):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_ALLOW_REQUEST=nobody)
    cors = SioCors() if decorated_first else SioCors(app)
    before = everything_about(app)
    with pytest.raises(ConfigError, match="one place decides"):
        _decorate_and_initialise(cors, app, decorated_first)
    assert everything_about(app) == before


def _decorate_and_initialise(cors, app, decorated_first):
    cors.allow_request(lambda request: True)
    if decorated_first:
        cors.init_app(app)


def test_a_refused_decoration_does_not_count():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    with pytest.raises(ConfigError, match="cannot be called with the request alone"):
        cors.allow_request(lambda: True)
    cors.allow_request(nobody)
    assert handshake(app) == DENIED


# --- reconfigure ------------------------------------------------------------------------------


def test_reconfigure_puts_the_changed_configuration_in_force():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    app.config.update(SIO_CORS_ORIGINS=STRANGER, SIO_CORS_SUPPORTS_CREDENTIALS=True)
    assert preflight(app, FRIEND) == ALLOWED
    cors.reconfigure(app)
    assert (preflight(app, FRIEND), preflight(app, STRANGER)) == (REFUSED, (204, STRANGER))
    assert sends_credentials(app, STRANGER)
    app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = False
    cors.reconfigure(app)
    assert not sends_credentials(app, STRANGER)


def test_a_change_raises_no_doubts_about_who_came_after_it():
    app = make_served_app(SIO_CORS_ORIGINS=lambda origin: True)
    cors, environs = SioCors(app), []
    cors.allow_request(lambda request: environs.append(request.environ) or True)
    [guard] = doors_of(app).guards

    def doubts():
        handshake(app)
        return [guard.doubts(environ, asks=True) for environ in environs]

    assert doubts() == [False]
    cors.reconfigure(app)
    assert doubts() == [True, False]


def test_a_broken_reconfiguration_leaves_the_old_policy_in_force():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    policy = cors.policy(app)
    app.config["SIO_CORS_ORIGINS"] = "nonsense"
    with pytest.raises(ConfigError, match="http://nonsense"):
        cors.reconfigure(app)
    assert cors.policy(app) is policy
    assert preflight(app, FRIEND) == ALLOWED


def test_reconfigure_keeps_the_decorated_allow_request():
    app = make_served_app(SIO_CORS_ORIGINS=STRANGER)
    cors = SioCors(app)
    cors.allow_request(nobody)
    app.config["SIO_CORS_ORIGINS"] = FRIEND
    cors.reconfigure(app)
    assert handshake(app) == DENIED


@pytest.mark.parametrize("ask", ["reconfigure", "policy"])
def test_an_app_without_the_extension_is_told_to_initialise_it(ask):
    with pytest.raises(RuntimeError, match=r"Call init_app\(app\) first"):
        getattr(SioCors(), ask)(make_served_app())


# --- Several servers --------------------------------------------------------------------------

LATE = "/late/?EIO=4&transport=polling"
OTHER = "/other/?EIO=4&transport=polling"


def make_app_with_two_servers(**second):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    SocketIO(app, async_mode="threading", path="/other", **second)
    return app


def test_two_servers_have_one_policy():
    app = make_app_with_two_servers()
    SioCors(app)
    for target in (POLLING, OTHER):
        assert preflight(app, FRIEND, target) == ALLOWED
        assert preflight(app, STRANGER, target) == REFUSED


@pytest.mark.parametrize("give", [list, tuple, set, iter])
def test_it_takes_several_servers(give):
    app = make_app(SIO_CORS_ORIGINS=FRIEND)
    servers = [SocketIO(app, async_mode="threading", path=path) for path in ("a", "b")]
    # Nobody sees through it, and it leads to nothing: both are known by their names alone.
    app.wsgi_app = weakref.proxy(app.wsgi_app)
    SioCors().init_app(app, give(servers))
    assert all(server.sockio_mw.engineio_app is not server.server for server in servers)


def test_each_of_several_servers_must_be_installed_on_the_app():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    servers = [app.extensions["socketio"], SocketIO(make_app(), async_mode="threading")]
    before = everything_about(app)
    with pytest.raises(RuntimeError, match="not installed on this application"):
        SioCors(app, servers)
    assert everything_about(app) == before


def test_servers_that_each_know_several_apps_are_guarded_on_all():
    first, second = (SocketIO(async_mode="threading") for _ in range(2))
    apps, cors = [make_app(SIO_CORS_ORIGINS=FRIEND) for _ in range(3)], SioCors()
    for app in apps:
        first.init_app(app)
        second.init_app(app, path="/other")
    for app in apps:
        cors.init_app(app)
        for target in (POLLING, OTHER):
            assert preflight(app, FRIEND, target) == ALLOWED
            assert preflight(app, STRANGER, target) == REFUSED


def test_the_server_of_another_app_that_is_mounted_in_it_is_left_alone():
    mounted, app = make_served_app(), make_served_app(SIO_CORS_ORIGINS=FRIEND)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/mounted": mounted.wsgi_app})
    before = everything_about(mounted)
    SioCors(app)
    assert everything_about(mounted) == before
    assert preflight(app, FRIEND) == ALLOWED


@pytest.mark.parametrize(
    ("options", "called"),
    [
        ({"cors_allowed_origins": "*"}, "cors_allowed_origins"),
        ({"cors_allowed_origins": []}, "cors_allowed_origins"),
        ({"cors_credentials": False}, "cors_credentials"),
    ],
    ids=str,
)
def test_an_option_of_a_server_that_is_not_the_last_is_an_error(options, called):
    app = make_app_with_two_servers(**options)
    SocketIO(app, async_mode="threading", path="/third")
    before = everything_about(app)
    with pytest.raises(ConfigError) as caught:
        SioCors(app)
    (problem,) = caught.value.problems
    assert (problem.key, problem.value) == (f"SocketIO({called}=…)", options[called])
    assert "SocketIO(" not in problem.correction
    assert everything_about(app) == before


def test_the_options_of_all_servers_are_reported_at_once():
    app = make_app(SIO_CORS_ORIGIN=FRIEND)
    for path in ("a", "b", "c"):
        SocketIO(app, async_mode="threading", path=path, cors_allowed_origins="*")
    with pytest.raises(ConfigError) as caught:
        SioCors(app)
    assert len(caught.value.problems) == 4


class Watched(Flask):
    """Is asked by a stranger at the very moment at which something is put around it."""

    asked = None

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "wsgi_app" and self.asked is not None:
            self.asked.append(preflight(self, STRANGER, LATE))


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "plain"])
def test_a_late_server_is_guarded_before_anybody_can_ask_it(guarded):
    app = Watched("watched")
    SocketIO(app, async_mode="threading")
    if guarded:
        SioCors(app)
    app.asked = []
    SocketIO(app, async_mode="threading", path="late")
    assert app.asked == ([REFUSED] if guarded else [(400, None)])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"SIO_CORS_ORIGINS": "*"}, 'SIO_CORS_ORIGINS is "*"'),
        ({"SIO_CORS_ORIGINS": True}, "SIO_CORS_ORIGINS is True"),
        ({"CORS_ORIGINS": "*"}, 'CORS_ORIGINS is "*"'),
        ({"SIO_CORS_ORIGINS": "regex:https?://.*"}, "Every site may connect"),
        (
            {"SIO_CORS_POLICIES": {"all": {"HOSTS": ["a.example"], "ORIGINS": ["*"]}}},
            "SIO_CORS_POLICIES['all']['ORIGINS'] is",
        ),
    ],
)
def test_each_start_that_lets_everybody_in_says_so(caplog, config, words):
    app = Flask("open")
    app.config.update(config)
    SocketIO(app, async_mode="threading")
    cors = SioCors(app)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert words in caplog.text
    cors.reconfigure(app)
    assert len(caplog.records) == 2


def test_a_variable_that_flask_reads_as_none_is_named(caplog, monkeypatch):
    monkeypatch.setenv("SHOP_SIO_CORS_ORIGINS", "null")
    app = Flask("null")
    app.config.from_prefixed_env("SHOP")
    SocketIO(app, async_mode="threading")
    SioCors(app)
    assert "SHOP_SIO_CORS_ORIGINS is null" in caplog.text
    caplog.clear()
    app = Flask("unset")
    SocketIO(app, async_mode="threading")
    SioCors(app)
    assert "is null" not in caplog.text
    assert "SHOP_SIO_CORS_ORIGINS is in the environment, and app.config has no" in caplog.text


@pytest.mark.parametrize("in_factory", [True, False])
def test_a_late_server_has_the_policy_and_the_log_says_so(caplog, in_factory):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    assert not caplog.records
    if in_factory:
        SocketIO(async_mode="threading", path="/late").init_app(app)
    else:
        SocketIO(app, async_mode="threading", path="/late")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "move SioCors(app) below SocketIO(app, path='/late')" in caplog.text
    assert (preflight(app, FRIEND, LATE), preflight(app, STRANGER, LATE)) == (ALLOWED, REFUSED)
    app.config.update(SIO_CORS_ORIGINS=STRANGER, SIO_CORS_SUPPORTS_CREDENTIALS=True)
    cors.reconfigure(app)
    assert preflight(app, FRIEND, LATE) == REFUSED
    assert sends_credentials(app, STRANGER, LATE)


def test_a_late_server_gets_the_policy_that_is_in_force():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors = SioCors(app)
    app.config.update(SIO_CORS_ORIGINS=STRANGER, SIO_CORS_SUPPORTS_CREDENTIALS=True)
    cors.reconfigure(app)
    SocketIO(app, async_mode="threading", path="/late")
    assert preflight(app, STRANGER, LATE) == (204, STRANGER)
    assert preflight(app, FRIEND, LATE) == REFUSED
    assert sends_credentials(app, STRANGER, LATE)


def test_a_server_that_is_initialised_once_more_is_guarded_again():
    app = make_app(SIO_CORS_ORIGINS=FRIEND)
    socketio = SocketIO(app, async_mode="threading")
    SioCors(app)
    socketio.init_app(app)
    assert (preflight(app, FRIEND), preflight(app, STRANGER)) == (ALLOWED, REFUSED)


def test_a_late_server_of_a_proxy_for_the_app_is_guarded():
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    SioCors(app)
    with app.app_context():
        SocketIO(current_app, async_mode="threading", path="/late")
        assert preflight(app, FRIEND, LATE) == ALLOWED
        assert preflight(app, STRANGER, LATE) == REFUSED


@pytest.mark.parametrize(
    "options",
    [{"cors_allowed_origins": "*"}, {"cors_credentials": False}, {"cors_allowed_origin": "*"}],
    ids=str,
)
@pytest.mark.parametrize("in_factory", [True, False])
def test_an_option_of_a_late_server_is_an_error_and_nothing_is_installed(
    caplog, options, in_factory
):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    SioCors(app)
    before = everything_about(app)
    (name,) = options
    with pytest.raises(ConfigError) as caught:
        make_late(app, options, in_factory)
    (problem,) = caught.value.problems
    assert problem.key == f"SocketIO({name}=…)"
    assert f"Remove {name}" in problem.reason
    assert everything_about(app) == before
    assert not caplog.records
    assert preflight(app, STRANGER, LATE) == REFUSED
    assert preflight(app, FRIEND) == ALLOWED


@pytest.mark.parametrize("in_factory", [True, False])
def test_with_override_the_options_of_a_late_server_are_replaced_with_a_warning(caplog, in_factory):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_OVERRIDE=True)
    SioCors(app)
    assert not caplog.records
    make_late(app, {"cors_allowed_origins": "*", "async_mode": "threading"}, in_factory)
    assert (preflight(app, FRIEND, LATE), preflight(app, STRANGER, LATE)) == (ALLOWED, REFUSED)
    assert "replace SocketIO(cors_allowed_origins='*')" in caplog.text


def test_with_override_options_are_replaced_with_a_warning(caplog):
    app = make_app(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_OVERRIDE="yes")
    socketio = SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    SioCors(app)
    [warning] = caplog.records
    assert (preflight(app, FRIEND), preflight(app, STRANGER)) == (ALLOWED, REFUSED)
    assert socketio.server.eio.cors_credentials is False
    assert warning.levelname == "WARNING"
    assert "replace SocketIO(cors_allowed_origins='*')" in warning.getMessage()


def make_late(app, options, in_factory):
    if in_factory:
        SocketIO(path="/late", **options).init_app(app)
    else:
        SocketIO(app, path="/late", **options)


def test_an_app_without_it_is_untouched_by_one_that_has_it():
    SioCors(make_served_app())
    app = make_app()
    socketio = SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    assert socketio.sockio_mw.engineio_app is socketio.server
    response = app.test_client().options(POLLING, headers={"Origin": STRANGER})
    assert response.headers["Access-Control-Allow-Origin"] == STRANGER
    # Nor is one that only sends, from another process, and has no app at all.
    sender = SocketIO()
    sender.init_app(None, async_mode="threading")
    assert sender.server is not None


def test_flask_socketio_is_changed_once():
    SioCors(make_served_app())
    first = SocketIO.init_app
    SioCors(make_served_app())
    assert SocketIO.init_app is first
    assert not hasattr(first.__wrapped__, "__wrapped__")


@pytest.mark.parametrize("named", [False, True])
def test_a_wrapper_that_nobody_can_look_into_is_a_warning_unless_servers_are_named(caplog, named):
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    inner = app.wsgi_app
    app.wsgi_app = weakref.proxy(inner)
    SioCors(app, [app.extensions["socketio"]] if named else None)
    assert ("SioCors(app, [first, second])" in caplog.text) != named
    assert len(caplog.records) == (not named)
    assert preflight(app, STRANGER) == REFUSED


# --- Report only ------------------------------------------------------------------------------

REFLECTED = (200, STRANGER)


@pytest.fixture
def watched(tmp_path):
    """An application whose `SocketIO` lets everybody in, and its SioCors, which only looks on."""
    app = Flask("watched", instance_path=str(tmp_path))
    app.config.update(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_REPORT_ONLY=True)
    SocketIO(app, async_mode="threading", cors_allowed_origins="*")
    return app, SioCors(app)


def test_report_only_leaves_the_server_as_it_was_told_and_each_start_says_so(watched, caplog):
    app, _ = watched
    engineio = app.extensions["socketio"].server.eio
    assert (engineio.cors_allowed_origins, engineio.cors_credentials) == ("*", True)
    assert preflight(app, STRANGER) == REFLECTED
    assert "Not enforced; would be refused (origin-not-allowed)" in caplog.text


def test_a_server_that_is_initialised_twice_is_replaced_as_one():
    app = Flask("twice")
    app.config.update(SIO_CORS_ORIGINS=FRIEND, SIO_CORS_OVERRIDE=True)
    socketio = SocketIO(app, async_mode="threading")
    socketio.init_app(app, cors_allowed_origins="*")
    SioCors(app)
    assert preflight(app, FRIEND)[0] == 204
    assert preflight(app, STRANGER)[0] == 403


def test_a_late_server_is_looked_at_too(watched):
    app, _ = watched
    late = SocketIO(app, async_mode="threading", path="late", cors_allowed_origins="*")
    assert preflight(app, STRANGER, LATE) == REFLECTED
    assert late.server.eio.cors_allowed_origins == "*"


def test_it_can_be_enforced_and_only_looked_at_again_while_it_runs(watched, caplog):
    app, cors = watched
    engineio = app.extensions["socketio"].server.eio
    app.config.update(SIO_CORS_REPORT_ONLY=False)
    with pytest.raises(ConfigError, match="cors_allowed_origins"):
        cors.reconfigure(app)
    assert preflight(app, STRANGER) == REFLECTED
    app.config.update(SIO_CORS_OVERRIDE=True)
    cors.reconfigure(app)
    assert (preflight(app, FRIEND), preflight(app, STRANGER)) == (ALLOWED, REFUSED)
    assert (engineio.cors_allowed_origins == "*", engineio.cors_credentials) == (False, False)
    app.config.update(SIO_CORS_REPORT_ONLY=True)
    cors.reconfigure(app)
    assert (engineio.cors_allowed_origins, engineio.cors_credentials) == ("*", True)
    assert preflight(app, STRANGER) == REFLECTED


def test_a_decorated_allow_request_is_not_asked_while_nothing_is_enforced(watched):
    app, cors = watched
    cors.allow_request(nobody)
    # Engine.IO's own answer.
    assert handshake(app)[0] == 400


# --- Memory -----------------------------------------------------------------------------------


def test_an_app_that_is_dropped_is_collected_while_its_siocors_lives_on():
    cors = SioCors()
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors.init_app(app)
    assert preflight(app, FRIEND) == ALLOWED
    dropped = weakref.ref(app)
    del app
    gc.collect()
    assert dropped() is None
    # And nothing of it stands in the way of what comes after.
    cors.allow_request(nobody)
    app = make_served_app(SIO_CORS_ORIGINS=FRIEND)
    cors.init_app(app)
    assert handshake(app) == DENIED


def test_a_hundred_apps_with_late_servers_leave_nothing_behind():
    cors, dropped = SioCors(), []
    for _ in range(100):
        app = make_app_with_two_servers()
        cors.init_app(app)
        late = SocketIO(app, async_mode="threading", path="/late")
        dropped += [weakref.ref(app), weakref.ref(late), weakref.ref(late.server)]
    del app, late
    gc.collect()
    assert not any(reference() for reference in dropped)
