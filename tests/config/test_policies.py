"""Several policies: what each is, what it inherits, and for which hosts it is."""

import json

import pytest

from flask_sio_cors import ConfigError
from flask_sio_cors.config.options import SETTINGS, Options

ACME = {"HOSTS": ["acme.api.example.com"], "ORIGINS": ["https://acme.example"]}


def read(policies, **settings):
    """The policies of a configuration, by their names."""
    config = {f"SIO_CORS_{name}": value for name, value in settings.items()}
    options = Options.from_config({**config, "SIO_CORS_POLICIES": policies})
    return {policy.name: policy for policy in options.policies}


def problems(policies, trusted_hosts=None, **settings):
    config = {f"SIO_CORS_{name}": value for name, value in settings.items()}
    with pytest.raises(ConfigError) as raised:
        Options.from_config(
            {**config, "SIO_CORS_POLICIES": policies, "TRUSTED_HOSTS": trusted_hosts}
        )
    return raised.value.problems


def host_problem(*hosts):
    (problem,) = problems({"acme": {"HOSTS": [*hosts]}})
    assert problem.key == "SIO_CORS_POLICIES['acme']['HOSTS']"
    return problem


# --- What a policy is -------------------------------------------------------------------------


def test_a_policy_has_its_own_settings_and_inherits_the_others():
    own = {**ACME, "MAX_AGE": 5, "SUPPORTS_CREDENTIALS": True}
    acme = read({"acme": own}, ORIGINS="https://other.example", MAX_AGE=600, METHODS=["GET"])[
        "acme"
    ]
    assert "https://acme.example" in acme.origins
    assert "https://other.example" not in acme.origins
    assert (acme.max_age, acme.methods, acme.supports_credentials) == (5, ("GET",), True)
    assert acme.hosts == ("acme.api.example.com",)


def test_what_a_policy_inherits_is_read_once():
    config = {
        "SIO_CORS_ORIGINS": ["https://a.example"],
        "SIO_CORS_POLICIES": {"b": {"HOSTS": "b.x"}},
    }
    options = Options.from_config(config)
    assert options.policies[0].origins is options.origins


def test_flask_corss_settings_are_inherited_too():
    config = {"CORS_MAX_AGE": 7, "SIO_CORS_POLICIES": {"acme": ACME}}
    assert Options.from_config(config).policies[0].max_age == 7


def test_none_takes_an_inherited_setting_back():
    policy = read({"acme": {**ACME, "ORIGINS": None}}, ORIGINS="https://other.example")["acme"]
    assert not policy.origins


def test_policies_may_come_as_json_from_the_environment():
    assert read(json.dumps({"acme": ACME}))["acme"].hosts == ("acme.api.example.com",)


def test_hosts_may_be_one_text():
    assert read({"a": {"HOSTS": "a.example, *.b.example"}})["a"].hosts == (
        "a.example",
        "*.b.example",
    )


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "*.api.example.com", "my_host"]
)
def test_a_host_is_accepted_as_requests_name_it(host):
    assert read({"acme": {"HOSTS": [host]}})["acme"].hosts == (host,)


# --- Stores ------------------------------------------------------------------------------------

URL = "sqlite:///origins.sqlite3"
STORES = {
    "inherits all": ({}, "shop"),
    "origins of its own": ({"ORIGINS": ["https://acme.example"]}, None),
    "none, though they are its own": ({"ORIGINS": None}, None),
    "a store of its own": ({"ORIGINS_STORE": URL}, "shop/acme"),
    "both": ({"ORIGINS": ["https://acme.example"], "ORIGINS_STORE": URL}, "shop/acme"),
    "a key": ({"ORIGINS_STORE": f"{URL}?key=one"}, "one"),
    "no store": ({"ORIGINS_STORE": None}, None),
    "no store, in the environment": ({"ORIGINS_STORE": ""}, None),
}


@pytest.mark.parametrize(("own", "key"), STORES.values(), ids=STORES)
@pytest.mark.parametrize("is_text", [False, True], ids=["dict", "JSON"])
def test_a_policys_store_is_its_own_or_inherited_with_the_origins(own, key, is_text):
    policies = {"acme": {"HOSTS": ["acme.example"], **own}}
    written = json.dumps(policies) if is_text else policies
    store = read(written, ORIGINS_STORE=URL)["acme"].origins_store
    assert (store and store.namespace("shop")) == key


def test_no_two_policies_of_any_application_have_one_namespace():
    names = ["a", "b", "a/b", "a%2Fb", "a%", "%2Fb", "/", "a b"]
    policies = {name: {"HOSTS": [], "ORIGINS_STORE": URL} for name in names}
    found = Options.from_config(
        {"SIO_CORS_POLICIES": policies, "SIO_CORS_ORIGINS_STORE": URL},
        choose_policy=lambda request: None,
    )
    stores = [found.origins_store, *(policy.origins_store for policy in found.policies)]
    namespaces = [store.namespace(app) for store in stores for app in names]
    assert len(set(namespaces)) == len(stores) * len(names)


def test_a_password_in_a_policys_store_is_never_told():
    pytest.importorskip("redis")
    secret = {"ORIGINS_STORE": "redis://ada:secret@h/0/1"}
    for policy in (secret, {"ORIGIN_STORE": "redis://ada:secret@h/0"}, {**secret, "HOSTS": ["a"]}):
        with pytest.raises(ConfigError) as raised:
            Options.from_config({"SIO_CORS_POLICIES": {"acme": policy}})
        assert "ada" in str(raised.value)
        assert "secret" not in str(raised.value)


def test_every_setting_can_be_a_policys_own_unless_it_concerns_the_whole_application():
    shared = {setting.name for setting in SETTINGS if not setting.is_a_policys}
    assert "ORIGINS" not in shared
    for name in shared:
        (problem,) = problems({"acme": {**ACME, name: True}})
        assert problem.key == f"SIO_CORS_POLICIES['acme'][{name!r}]"
        assert "is no setting" in problem.reason


# --- Mistakes ---------------------------------------------------------------------------------


def test_every_problem_names_its_policy():
    found = problems(
        {
            "acme": {"HOSTS": ["acme.example"], "MAX_AGE": "long"},
            "public": {"HOSTS": ["public.example"], "ORIGINS": "*", "SUPPORTS_CREDENTIALS": True},
        }
    )
    assert [problem.key for problem in found] == [
        "SIO_CORS_POLICIES['acme']['MAX_AGE']",
        "SIO_CORS_POLICIES['public']['SUPPORTS_CREDENTIALS']",
    ]


def test_a_correction_changes_the_policy_alone_wherever_the_value_comes_from():
    (problem,) = problems(
        {"public": {"HOSTS": "p.example", "ORIGINS": "*"}},
        ORIGINS="https://a.example",
        SUPPORTS_CREDENTIALS=True,
    )
    assert problem.key == "SIO_CORS_SUPPORTS_CREDENTIALS"
    assert problem.target == "SIO_CORS_POLICIES['public']['SUPPORTS_CREDENTIALS']"
    assert problem.correction == "False"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"ORIGINS": "https://a.example/path"}, "ORIGINS"),
        ({"ORIGINS": "*", "SUPPORTS_CREDENTIALS": True}, "SUPPORTS_CREDENTIALS"),
        ({"EXPOSE_HEADERS": "*", "SUPPORTS_CREDENTIALS": True}, "EXPOSE_HEADERS"),
        ({"ORIGINS": "http://a.example", "SUPPORTS_CREDENTIALS": True}, "ORIGINS"),
    ],
)
def test_what_is_wrong_with_the_default_policy_is_told_once(settings, key):
    heirs = {"b": {"HOSTS": "b.example"}, "c": {"HOSTS": "c.example", "EXPOSE_HEADERS": "X-C"}}
    found = problems({"acme": ACME, **heirs}, **settings)
    assert [problem.key for problem in found] == [f"SIO_CORS_{key}"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ORIGNS", "ORIGINS"),
        ("origins", "ORIGINS"),
        ("SIO_CORS_ORIGINS", "ORIGINS"),
        ("HOST", "HOSTS"),
        ("CORS_ORIGINS", "ORIGINS"),
        ("ORIGIN", "ORIGINS"),
        ("ALLOWED_ORIGINS", "ORIGINS"),
        ("FLASK_SIO_CORS_MAX_AGE", "MAX_AGE"),
        ("max-age", "MAX_AGE"),
        ("CREDENTIALS", "SUPPORTS_CREDENTIALS"),
    ],
)
def test_a_misspelt_setting_of_a_policy_is_told_with_the_nearest(written, meant):
    found = problems({"acme": {**ACME, written: "https://a.example"}})
    assert [(problem.key, problem.correction) for problem in found] == [
        (f"SIO_CORS_POLICIES['acme'][{written!r}]", meant)
    ]


def test_misspelt_hosts_are_told_once():
    assert [problem.correction for problem in problems({"acme": {"hosts": ACME["HOSTS"]}})] == [
        "HOSTS"
    ]


@pytest.mark.parametrize(
    ("written", "correction"),
    [
        (" acme.example ", '"acme.example"'),
        ("https://acme.example", '"acme.example"'),
        ("https://acme.example:8443/", '"acme.example"'),
        ("acme.example:8443", '"acme.example"'),
        ("ACME.example", '"acme.example"'),
        ("acme.example.", '"acme.example"'),
        ("*.ACME.example", '"*.acme.example"'),
        ("b\u00fccher.example", '"xn--bcher-kva.example"'),
        ("::1", '"[::1]"'),
    ],
)
def test_a_misspelt_host_is_corrected(written, correction):
    assert host_problem(written).correction == correction


@pytest.mark.parametrize(
    "written", ["", "a b", "10.0.0.0/8", "api-*.example.com", "file://", None, 7]
)
def test_what_is_no_host_is_refused_with_an_example(written):
    problem = host_problem(written)
    assert problem.is_example
    assert "example.com" in problem.correction


def test_a_policy_for_every_host_is_the_default_one():
    assert host_problem("*").advice == "leave it out"


def test_the_same_host_in_two_policies_is_an_error():
    (problem,) = problems({"acme": ACME, "other": {**ACME}})
    assert problem.key == "SIO_CORS_POLICIES['other']['HOSTS']"
    assert "'acme'" in problem.reason


def test_the_same_wildcard_in_two_policies_is_an_error_and_a_more_exact_host_is_none():
    wild = {"HOSTS": ["*.example.com"]}
    assert len(problems({"a": wild, "b": wild})) == 1
    assert len(read({"a": wild, "acme": ACME, "c": {"HOSTS": "*.api.example.com"}})) == 3


@pytest.mark.parametrize("trusted", [["api.example.com"], [".other.example"]])
@pytest.mark.parametrize("host", ["acme.api.example.com", "*.api.example.com"])
def test_a_host_outside_trusted_hosts_is_an_error(host, trusted):
    (problem,) = problems({"acme": {"HOSTS": [host]}}, trusted)
    assert "TRUSTED_HOSTS" in problem.reason


def test_a_host_within_trusted_hosts_is_fine():
    config = {"TRUSTED_HOSTS": [".example.com"], "SIO_CORS_POLICIES": {"acme": ACME}}
    assert Options.from_config(config).policies


def test_a_policy_that_nothing_can_choose_is_an_error_unless_a_function_chooses():
    lost = {"acme": {"ORIGINS": ["https://acme.example"]}}
    (problem,) = problems(lost)
    assert problem.key == "SIO_CORS_POLICIES['acme']"
    assert "choose_policy" in problem.reason
    config = {"SIO_CORS_POLICIES": lost}
    assert Options.from_config(config, choose_policy=lambda request: None).policies
    assert read({"acme": {**lost["acme"], "HOSTS": []}})["acme"].hosts == ()


@pytest.mark.parametrize("unset", [None, "", "  "])
def test_hosts_of_a_variable_that_nobody_has_set_are_none(unset):
    (problem,) = problems({"acme": {**ACME, "HOSTS": unset}})
    assert problem.key == "SIO_CORS_POLICIES['acme']"
    assert problem.target == "SIO_CORS_POLICIES['acme']['HOSTS']"
    assert problem.is_example


def test_a_policy_that_is_called_by_its_host_is_told_to_name_it_there():
    (problem,) = problems({"acme.example": {"ORIGINS": ["https://acme.example"]}})
    assert (
        problem.advice == """write: SIO_CORS_POLICIES['acme.example']['HOSTS'] = ["acme.example"]"""
    )


def test_a_text_that_is_no_json_is_told_where():
    (problem,) = problems("{'acme': {}}")
    assert "is no JSON" in problem.reason
    assert "line 1, column 2" in problem.reason


@pytest.mark.parametrize("name", ["", "  ", 7, None, "default", "a\nb"])
def test_a_name_that_cannot_be_told_is_an_error(name):
    found = problems({name: ACME})
    assert found[0].key == "SIO_CORS_POLICIES"


@pytest.mark.parametrize("written", [[], "acme", 7, ["acme"]])
def test_what_is_no_dict_of_policies_is_an_error(written):
    assert problems(written)[0].key == "SIO_CORS_POLICIES"


@pytest.mark.parametrize("written", [[], "acme", 7, None])
def test_what_is_no_dict_of_settings_is_an_error(written):
    assert problems({"acme": written})[0].key == "SIO_CORS_POLICIES['acme']"
