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


def test_an_expression_that_matches_a_part_of_the_origin_is_named():
    said = explain("https://app.example.com", ORIGINS=re.compile(r"\.example\.com$"))
    assert "matches a part of 'https://app.example.com' only" in said
    assert "add 'https://app.example.com' to the list" in said


def test_an_expression_that_matches_no_part_of_the_origin_is_not_named():
    assert "re.compile" not in explain(STRANGER, ORIGINS=re.compile(r"\.example\.com$"))


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
