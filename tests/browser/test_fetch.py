"""The Fetch standard's checks, as browsers make them."""

import pytest

from flask_sio_cors.browser.fetch import (
    Check,
    Page,
    Response,
    cors_check,
    needs_preflight,
    preflight_check,
)

ORIGIN = "https://app.example.com"
PAGE = Page(ORIGIN)
COOKIED = Page(ORIGIN, credentials=True)
CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
METHODS = ("Access-Control-Allow-Methods", "GET, POST")


def response(*headers: tuple[str, str], status: int = 200) -> Response:
    return Response(status, "", headers)


def allow(value: str) -> tuple[str, str]:
    return ("Access-Control-Allow-Origin", value)


@pytest.mark.parametrize(
    ("page", "headers", "check"),
    [
        (PAGE, [], Check.ORIGIN_MISSING),
        (PAGE, [allow("*")], None),
        (PAGE, [allow(ORIGIN)], None),
        (PAGE, [allow(f" {ORIGIN} ")], None),
        (PAGE, [allow("")], Check.ORIGIN_MISMATCH),
        (PAGE, [allow(f"{ORIGIN}/")], Check.ORIGIN_MISMATCH),
        (PAGE, [allow(ORIGIN), allow(ORIGIN)], Check.ORIGIN_REPEATED),
        (PAGE, [allow(f"{ORIGIN}, {ORIGIN}")], Check.ORIGIN_MISMATCH),
        (COOKIED, [allow("*"), CREDENTIALS], Check.WILDCARD_WITH_CREDENTIALS),
        (COOKIED, [allow(ORIGIN)], Check.CREDENTIALS_NOT_TRUE),
        (COOKIED, [allow(ORIGIN), CREDENTIALS], None),
        (
            COOKIED,
            [allow(ORIGIN), ("access-control-allow-credentials", "TRUE")],
            Check.CREDENTIALS_NOT_TRUE,
        ),
        (Page("null"), [allow("null")], None),
    ],
)
def test_the_cors_check_is_that_of_the_standard(
    page: Page, headers: list[tuple[str, str]], check: Check | None
) -> None:
    block = cors_check(page, response(*headers))
    assert (block.check if block else None) is check


@pytest.mark.parametrize(
    ("method", "headers", "needed"),
    [
        ("GET", {}, False),
        ("POST", {"Content-Type": "text/plain;charset=UTF-8"}, False),
        ("POST", {"Content-Type": "application/json"}, True),
        ("PUT", {}, True),
        ("GET", {"X-Token": "1"}, True),
        ("GET", {"Accept": "*/*", "Accept-Language": "en"}, False),
        ("GET", {"Accept": "x" * 129}, True),
    ],
)
def test_a_preflight_is_needed_as_the_standard_says(
    method: str, headers: dict[str, str], needed: bool
) -> None:
    assert needs_preflight(Page(ORIGIN, False, tuple(headers.items())), method) is needed


@pytest.mark.parametrize(
    ("credentials", "listed", "check"),
    [
        (False, "*", None),
        (True, "*", Check.HEADER_NOT_LISTED),
        (True, "x-TOKEN", None),
        (True, ",X-Token,,", None),
        (True, "X-Token; X-More", Check.HEADERS_INVALID),
    ],
)
def test_a_preflights_headers_are_compared_as_the_standard_says(
    credentials: bool, listed: str, check: Check | None
) -> None:
    page = Page(ORIGIN, credentials, (("X-Token", "1"),))
    answer = response(
        allow(ORIGIN), CREDENTIALS, METHODS, ("Access-Control-Allow-Headers", listed), status=204
    )
    block = preflight_check(page, "GET", answer)
    assert (block.check if block else None) is check


def test_methods_are_compared_letter_by_letter() -> None:
    answer = response(allow(ORIGIN), ("Access-Control-Allow-Methods", "put"), status=204)
    block = preflight_check(PAGE, "PUT", answer)
    assert block is not None
    assert block.check is Check.METHOD_NOT_LISTED
