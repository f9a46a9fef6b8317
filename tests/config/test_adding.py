"""``SioCors.allow``: one origin more, beside whatever stands there."""

import re

import pytest
from flask import Flask
from flask_socketio import SocketIO

from flask_sio_cors import SioCors

ORIGIN = "https://app.example.com"
OTHER = "https://other.example.com"


def only_other(origin: str) -> bool:
    return origin == OTHER


PRESENT = {
    "nothing": {},
    "None": {"SIO_CORS_ORIGINS": None},
    "False": {"SIO_CORS_ORIGINS": False},
    "a text": {"SIO_CORS_ORIGINS": OTHER},
    "a text with several": {"SIO_CORS_ORIGINS": f"https://b.example, {OTHER}"},
    "a tuple": {"SIO_CORS_ORIGINS": (OTHER,)},
    "a set": {"SIO_CORS_ORIGINS": {OTHER}},
    "an expression": {"SIO_CORS_ORIGINS": re.compile(re.escape(OTHER))},
    "a function": {"SIO_CORS_ORIGINS": only_other},
    "Flask-CORS's key": {"CORS_ORIGINS": [OTHER]},
    "everybody": {"SIO_CORS_ORIGINS": "*"},
    "everybody, reflected": {"SIO_CORS_ORIGINS": "true"},
    "nobody's": {"SIO_CORS_ORIGINS": ["null", OTHER]},
}


@pytest.mark.parametrize("credentials", [False, True], ids=["", "with cookies"])
@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT)
def test_an_origin_is_allowed_beside_what_was(
    present: dict[str, object], credentials: bool
) -> None:
    app = Flask("allowing")
    app.config.update(present)
    for _ in range(2):
        SioCors.allow(app, ORIGIN, credentials=credentials)
    SocketIO(app, async_mode="threading")
    SioCors(app)
    listed = app.config["SIO_CORS_ORIGINS"]
    assert listed.count(ORIGIN) == 1
    assert bool(app.config.get("SIO_CORS_SUPPORTS_CREDENTIALS")) is credentials
    had_other = bool(present) and not {"*", "true", None, False} & {
        value if isinstance(value, (str, type(None), bool)) else "" for value in present.values()
    }
    assert any(entry == OTHER or not isinstance(entry, str) for entry in listed) is had_other
