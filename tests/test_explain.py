"""Refusals in sentences: what was refused, why, and what to write."""

import re

import pytest

from flask_sio_cors.explain import explain_refusal
from flask_sio_cors.options import Options
from flask_sio_cors.policy import Reason

STRANGER = "https://stranger.example"


def explain(origin: str, **config: object) -> str:
    options = Options.from_config({f"SIO_CORS_{key}": value for key, value in config.items()})
    return explain_refusal(Reason.ORIGIN_NOT_ALLOWED, origin, options)


def test_where_expressions_are_listed_it_says_how_they_match():
    said = explain("https://app.example.com", ORIGINS=re.compile(r"\.example\.com$"))
    assert "must match an origin from end to end" in said
    assert "end to end" not in explain(STRANGER, ORIGINS="https://app.example.com")


def test_a_refusal_searches_no_origin_for_an_expression():
    # Harmless where it must match from end to end, since it fails at "https:"; as a search it
    # would take hours.
    endless = re.compile(r"([a-z0-9-]+)+\.example\.com$")
    origin = f"https://{'a' * 60}.stranger"
    assert "end to end" in explain(origin, ORIGINS=endless)


def test_where_nothing_is_set_the_setting_is_named():
    assert f"SIO_CORS_ORIGINS = ['{STRANGER}']" in explain(STRANGER)


def test_where_a_function_decides_nothing_else_is_proposed():
    said = explain(STRANGER, ORIGINS=lambda origin: False)
    assert said == f"The function in SIO_CORS_ORIGINS returned False for '{STRANGER}'."


@pytest.mark.parametrize("reason", [reason for reason in Reason if "allowed" not in reason.value])
def test_every_refusal_has_a_sentence_without_control_characters(reason):
    said = explain_refusal(reason, "https://\r\n\x00\x1b[31m.example", Options.from_config({}))
    assert said.isprintable()
    assert said.endswith((".", "]"))
