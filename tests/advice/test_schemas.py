"""What ``--json`` prints is what the shipped schemas, and the page about them, say."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flask_sio_cors.advice import inspection, show
from flask_sio_cors.config.options import SETTINGS
from tests.advice.test_explain import HOPELESS
from tests.support.questions import FRIEND, MENDED, STRANGER, application, only_friends, run_json

SCHEMAS = {
    name: json.loads((files("flask_sio_cors.advice") / "schemas" / f"{name}.json").read_text())
    for name in ("show", "explain")
}
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text("utf-8")


def strict(schema: Any) -> Any:
    """Return a schema that permits nothing that it does not describe."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    is_object = schema.get("type") == "object" and "properties" in schema
    return {"additionalProperties": False, **found} if is_object else found


VALIDATORS = {name: Draft202012Validator(strict(schema)) for name, schema in SCHEMAS.items()}

PREVIEW = re.compile(r"https://pr-\d\.example\.com", re.I)
FUNCTION = "tests.support.questions:only_friends"
SHOWN: dict[str, dict[str, object]] = {
    "nothing set": {},
    "every origin": {"SIO_CORS_ORIGINS": "*", "SIO_CORS_PREFLIGHT_CONTINUE": True},
    "text": {"SIO_CORS_ORIGINS": f"{FRIEND}, {STRANGER}", "SIO_CORS_METHODS": "GET,POST,DELETE"},
    "mixed": {
        "SIO_CORS_ORIGINS": [
            FRIEND,
            re.compile(r"https://pr-\d\.example\.com", re.I),
            only_friends,
        ],
        "SIO_CORS_ALLOW_REQUEST": FUNCTION,
        "SIO_CORS_SUPPORTS_CREDENTIALS": True,
        "SIO_CORS_OWN_ORIGINS": ["http://b.example", "http://a.example"],
        "ALLOWED_ORIGINS": ["x"],
        "SIO_CORS_MAX_AGE": 600,
    },
    "a store": {"SIO_CORS_ORIGINS_STORE": "sqlite:///never-there.sqlite3"},
    "policies": {"SIO_CORS_POLICIES": {"acme": {"HOSTS": ["acme.example"], "ORIGINS": FRIEND}}},
}


@pytest.mark.parametrize("config", SHOWN.values(), ids=SHOWN)
def test_what_show_prints_is_as_its_schema_says(config: dict[str, object]) -> None:
    VALIDATORS["show"].validate(run_json(application(**config), "show"))


def test_values_are_those_of_json() -> None:
    settings = run_json(application(**SHOWN["mixed"]), "show")["settings"]
    assert list(settings) == [setting.name for setting in SETTINGS]
    values = {name: setting["value"] for name, setting in settings.items()}
    assert values["ORIGINS"] == [
        FRIEND,
        {"regex": r"https://pr-\d\.example\.com", "flags": ["IGNORECASE"]},
        {"function": FUNCTION},
    ]
    assert values["ALLOW_REQUEST"] == {"function": FUNCTION}
    assert values["OWN_ORIGINS"] == ["http://a.example", "http://b.example"]
    assert values["METHODS"] == ["GET", "POST"]
    assert (values["MAX_AGE"], values["CALLBACK_CACHE"]) == (600, 1.0)
    assert (values["SUPPORTS_CREDENTIALS"], values["ALLOW_HEADERS"]) == (True, None)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (None, None),
        ("*", "*"),
        ("true", True),
        ("off", []),
        (f"{FRIEND}, {STRANGER}", [FRIEND, STRANGER]),
        ({STRANGER, FRIEND}, [FRIEND, STRANGER]),
        (FUNCTION, [{"function": FUNCTION}]),
        ("regex:https://a\\.b", [{"regex": "https://a\\.b", "flags": []}]),
        (re.compile("https://a"), [{"regex": "https://a", "flags": []}]),
    ],
)
def test_origins_are_a_list_however_they_were_written(written: object, value: object) -> None:
    config = {} if written is None else {"SIO_CORS_ORIGINS": written}
    assert run_json(application(**config), "show")["settings"]["ORIGINS"]["value"] == value


EXPLAINED = {name: case[:2] for name, case in (MENDED | HOPELESS).items()} | {
    "a policy": (SHOWN["policies"], [STRANGER, "--policy", "acme"]),
    "a method": ({"SIO_CORS_ORIGINS": FRIEND}, [FRIEND, "--method", "DELETE"]),
    "mixed": ({"SIO_CORS_ORIGINS": FRIEND}, [FRIEND, "--host", "http://api.example.com"]),
    "own": ({}, [FRIEND, "--host", FRIEND]),
    "in": ({"SIO_CORS_ORIGINS": [FRIEND, only_friends]}, [FRIEND, "--transport", "websocket"]),
}


@pytest.mark.parametrize(("config", "asked"), EXPLAINED.values(), ids=EXPLAINED)
def test_what_explain_prints_is_as_its_schema_says(
    config: dict[str, object], asked: list[str]
) -> None:
    VALIDATORS["explain"].validate(run_json(application(**config), "explain", *asked))


def test_the_schemas_are_schemas_and_have_their_values_and_notes_in_common() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    show_has, explain_has = (schema["$defs"] for schema in SCHEMAS.values())
    common = show_has.keys() & explain_has.keys()
    assert common == {"value", "function", "regex", "other", "note"}
    assert all(show_has[name] == explain_has[name] for name in common)


def test_the_schemas_have_the_versions_of_what_is_printed() -> None:
    versions = {name: schema["properties"]["schema"]["const"] for name, schema in SCHEMAS.items()}
    assert versions == {"show": show.SCHEMA, "explain": inspection.SCHEMA}


def test_the_page_lists_every_code_and_the_code_has_every_one_of_the_page() -> None:
    package = Path(show.__file__).parents[1]
    names = ("advice/show.py", "advice/truths.py", "config/warnings.py")
    sources = "".join((package / name).read_text("utf-8") for name in names)
    codes = set(re.findall(r'(?:Truth|Warned)\(\s*"([a-z-]+)"', sources))
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == codes
    assert len(codes) > 8
