"""What is taken from a request, and what of it stays."""

from flask_sio_cors.door.credentials import AUTHORIZATION, COOKIE, REMOTE_USER, take

ALL = {"HTTP_COOKIE": "a=1", "HTTP_AUTHORIZATION": "Bearer x", "REMOTE_USER": "ada"}
PAGE = {"HTTP_ORIGIN": "https://app.example"}
UPGRADE = {"HTTP_UPGRADE": "websocket"}


def test_everything_is_taken_from_a_request_of_no_named_page():
    environ = {**ALL, "PATH_INFO": "/"}
    assert take(environ, has_page=False) == (COOKIE, AUTHORIZATION, REMOTE_USER)
    assert environ == {"PATH_INFO": "/"}


def test_polling_keeps_what_its_page_has_set():
    environ = {**ALL, **PAGE}
    assert take(environ, has_page=True) == (COOKIE, REMOTE_USER)
    assert environ == {**PAGE, "HTTP_AUTHORIZATION": "Bearer x"}


def test_a_websocket_can_set_nothing():
    environ = {**ALL, **PAGE, **UPGRADE}
    assert take(environ, has_page=True) == (COOKIE, AUTHORIZATION, REMOTE_USER)
    assert environ == {**PAGE, **UPGRADE}


def test_an_empty_header_is_a_header():
    assert take({"HTTP_COOKIE": ""}, has_page=False) == (COOKIE,)


def test_nothing_is_taken_where_nothing_came():
    raw = (("Host", "localhost"),)
    environ = {**PAGE, "headers_raw": raw}
    assert take(environ, has_page=False) == ()
    assert environ["headers_raw"] is raw


def test_eventlets_copies_go_too_however_they_are_spelt():
    raw = (("Host", "localhost"), ("COOKIE", "a=1"), ("cookie", "b=2"), ("Authorization", "x"))
    environ = {**ALL, **UPGRADE, "headers_raw": raw}
    take(environ, has_page=False)
    assert environ["headers_raw"] == (("Host", "localhost"),)
