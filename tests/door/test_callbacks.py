"""Whatever the application's own functions do wrong is a refusal and a line of the log."""

import logging

import pytest
from flask import Flask, request
from greenlet import GreenletExit

from flask_sio_cors.door.callbacks import Callback
from flask_sio_cors.door.journal import Journal


@pytest.mark.parametrize("ending", [KeyboardInterrupt, GreenletExit])
def test_what_ends_the_server_or_the_request_is_not_a_functions_fault(ending):
    def interrupted(argument):
        raise ending

    with pytest.raises(ending):
        Callback(interrupted, "function", 1, Journal()).ask("https://app.example")


def test_a_fault_that_goes_on_is_a_line_without_its_traceback_at_debug_level(caplog):
    def fail(argument):
        raise LookupError("away")

    callback = Callback(fail, "function", 1, Journal())
    with caplog.at_level(logging.DEBUG, "flask_sio_cors"):
        assert [callback.ask("first"), callback.ask("second")] == [None, None]
    first, second = caplog.records
    assert (first.levelname, bool(first.exc_info)) == ("ERROR", True)
    assert (second.levelname, bool(second.exc_info)) == ("DEBUG", False)


def test_a_function_that_reads_the_request_is_told_where_it_gets_one(caplog):
    def on_the_intranet(origin):
        return request.host.endswith(".intranet")

    with caplog.at_level(logging.DEBUG, "flask_sio_cors"), Flask("app").app_context():
        assert Callback(on_the_intranet, "function", 1, Journal()).ask("https://a") is None
    (record,) = caplog.records
    assert "flask.request and flask.session are not there" in record.getMessage()
    assert "(origin, environ)" in record.getMessage()


def test_a_functions_own_error_of_that_type_is_told_as_it_is(caplog):
    def fail(origin):
        raise RuntimeError

    with caplog.at_level(logging.DEBUG, "flask_sio_cors"):
        Callback(fail, "function", 1, Journal()).ask("https://a")
    assert "are not there" not in caplog.text
